"""Known mistakes of neuron selectivity transfer, and what to say about each.

Parts of the formula are listed apart, since two mistakes are often made together. The order counts: the
first that fits is named.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.attention import (
    at_loss,
    discrepancy,
    nst_mmd_loss,
    safe_norm,
    square_kernel,
    unit_channels,
)
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.attention import too_large, unit_along
from kdcourse.grading.mistakes.parts import with_parts

CHANNELS = [
    Wrong(
        lambda x: x,
        "The channels are not divided by their norms: the loss then mostly compares how strong they are.",
    ),
    Wrong(
        lambda x: unit_along(x, 1),
        "The norm runs over the channels (`F.normalize` uses `dim=1` unless told otherwise); it must run "
        "over the H·W pixels of each channel (`dim=2`).",
    ),
    Wrong(
        lambda x: unit_along(x, (1, 2)),
        "All channels of a sample are divided by one norm; each channel has its own (`dim=2`).",
    ),
    Wrong(
        lambda x: unit_along(x, 0),
        "The norm runs over the batch (`dim=0`); it must run over the pixels of each channel (`dim=2`).",
    ),
    Wrong(
        lambda x: unit_along(x, (0, 2)),
        "The norm runs over the batch as well; each channel of each sample has its own (`dim=2`).",
    ),
    Wrong(
        lambda x: unit_along(x, (0, 1, 2)),
        "Everything is divided by one norm; each channel of each sample has its own (`dim=2`).",
    ),
    Wrong(
        lambda x: x / x.abs().sum(2, keepdim=True),
        "The channels are divided by their L1 norms; the task divides by the L2 norm.",
    ),
    Wrong(
        lambda x: x / x.sum(2, keepdim=True),
        "The channels are divided by their sums; the task divides by the L2 norm.",
    ),
    Wrong(
        lambda x: x / x.square().sum(2, keepdim=True), "The channels are divided by their *squared* norms."
    ),
    Wrong(
        lambda x: x / x.square().mean(2, keepdim=True).sqrt(),
        "The norm is taken with a mean instead of a sum over the pixels.",
    ),
    Wrong(lambda x: x.softmax(2), "This is a softmax over the pixels; the task divides by the L2 norm."),
    Wrong(
        lambda x: x.square().softmax(2), "This is a softmax over the pixels; the task divides by the L2 norm."
    ),
    Wrong(
        lambda x: unit_along(x - x.mean(2, keepdim=True), 2),
        "The mean of each channel is subtracted first; the task does not centre.",
    ),
    Wrong(
        lambda x: (x - x.mean(2, keepdim=True)) / x.std(2, keepdim=True),
        "The channels are standardised (mean 0, deviation 1); the task divides by the L2 norm.",
    ),
    Wrong(
        lambda x: unit_along(x.square(), 2),
        "The activations are squared first, as in an attention map; the task takes the channels as they are.",
    ),
    Wrong(
        lambda x: unit_along(x.abs(), 2),
        "The sign is removed first; the task takes the channels as they are.",
    ),
    Wrong(
        lambda x: unit_along(x.clamp(min=0), 2),
        "Negative activations are set to 0 (ReLU); the task takes the channels as they are.",
    ),
    Wrong(
        lambda x: x / safe_norm(x, 2).detach(),
        "The norm is detached: it depends on the feature too and belongs to the gradient.",
    ),
    Wrong(
        lambda x: unit_along(x, 2) / x.shape[2],
        "There is a division by H·W after the norm; unit vectors need none.",
    ),
    Wrong(
        lambda x: unit_along(x, 2) / x.shape[2] ** 0.5,
        "There is a division by H·W too much: unit vectors need none, their inner product is a sum "
        "over the pixels.",
    ),
    *[
        Wrong(lambda x, e=e: x / (x.norm(dim=2, keepdim=True) + e), too_large(e, "channels"))
        for e in (1.0, 0.1, 1e-2, 1e-3, 1e-4, 1e-5)
    ],
    *[
        Wrong(lambda x, e=e: x / x.norm(dim=2, keepdim=True).clamp(min=e), too_large(e, "channels"))
        for e in (1.0, 0.1)
    ],
    *[
        Wrong(lambda x, e=e: x / (x.square().sum(2, keepdim=True) + e).sqrt(), too_large(e, "channels"))
        for e in (1.0, 0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
    ],
]

KERNEL = [
    Wrong(lambda x, y: x @ y.mT, "The kernel is linear: the inner product x·y must be squared."),
    Wrong(lambda x, y: (x @ y.mT).abs(), "The kernel is |x·y|; the task squares the inner product."),
    Wrong(lambda x, y: (x @ y.mT).pow(3), "The kernel is (x·y)³; the task has the power 2."),
    Wrong(lambda x, y: (x @ y.mT).pow(4), "The kernel is (x·y)⁴; the task has the power 2."),
    Wrong(lambda x, y: (x @ y.mT + 1).square(), "The kernel is (x·y + 1)²; the task has no constant."),
    *[
        Wrong(
            lambda x, y, w=w: torch.exp(-(x[:, :, None] - y[:, None]).square().sum(3) / w),
            "This is a Gaussian kernel; the task has (x·y)².",
        )
        for w in (0.5, 1.0, 2.0, 4.0)
    ],
    Wrong(
        lambda x, y: (x[:, :, None] - y[:, None]).square().sum(3),
        "This is the squared distance of x and y; the kernel is (x·y)².",
    ),
    Wrong(
        lambda x, y: (x[:, :, None] * y[:, None]).square().sum(3),
        "The products are squared before they are summed over the pixels; sum first, then square: (x·y)².",
    ),
    Wrong(
        lambda x, y: (x[:, :, None] * y[:, None]).mean(3).square(),
        "The inner product is a mean over the pixels; it must be a sum.",
    ),
    Wrong(
        lambda x, y: (x[:, :, None] * y[:, None]).square().mean(3),
        "The products are squared before the mean over the pixels; the kernel is the square of their "
        "*sum*, (x·y)².",
    ),
    Wrong(
        lambda x, y: (x[:, :, None] + y[:, None]).square().sum(3), "x and y are added; the kernel is (x·y)²."
    ),
    Wrong(
        lambda x, y: (x.mT @ y).square() if x.shape[1] == y.shape[1] else torch.full((), torch.nan),
        "The inner product runs over the channels; x and y are channels, and it runs over the pixels.",
    ),
    Wrong(
        lambda x, y: (x.flatten(0, 1) @ y.flatten(0, 1).mT).square(),
        "Channels of different samples are compared: keep the batch apart (`bmm`, or `@` on three axes).",
    ),
]


def _off_diagonal(k: Tensor) -> Tensor:
    C = k.shape[-1]
    return (k.sum((1, 2)) - k.diagonal(dim1=1, dim2=2).sum(1)).mean() / max(C * (C - 1), 1)


def _total(k: Tensor) -> Tensor:
    return k.sum((-2, -1)).mean()


SUMS_OF_PAIRS = (
    "The pairs of channels are summed; each term is a mean over its pairs. (With pixel-by-pixel matrices: "
    "divide the sums over channels by Cs and Ct.)"
)
COMBINE = [
    Wrong(
        lambda ss, tt, st: ss.mean() - 2 * st.mean(),
        "The teacher's own term k(t, t) is dropped. It is a constant, so the gradient is right, but the "
        "loss is no longer 0 where the two agree.",
    ),
    Wrong(lambda ss, tt, st: tt.mean() - 2 * st.mean(), "The student's own term k(s, s) is missing."),
    Wrong(
        lambda ss, tt, st: -2 * st.mean(), "Only the mixed term is there; k(s, s) and k(t, t) are missing."
    ),
    Wrong(
        lambda ss, tt, st: tt.mean() + ss.mean() - st.mean(), "The mixed term has the factor 1; it needs 2."
    ),
    Wrong(
        lambda ss, tt, st: tt.mean() + ss.mean() + 2 * st.mean(),
        "The mixed term has the wrong sign: it is subtracted.",
    ),
    Wrong(lambda ss, tt, st: tt.mean() + ss.mean(), "The mixed term k(s, t) is missing."),
    Wrong(
        lambda ss, tt, st: ss.mean() - tt.mean(),
        "The mixed term k(s, t) is missing, and the teacher's own term is subtracted.",
    ),
    Wrong(
        lambda ss, tt, st: tt.mean() - ss.mean(),
        "The mixed term k(s, t) is missing, and the student's own term is subtracted.",
    ),
    Wrong(
        lambda ss, tt, st: 2 * st.mean() - tt.mean() - ss.mean(),
        "The sign of the loss is wrong: it falls where the two disagree.",
    ),
    Wrong(
        lambda ss, tt, st: _off_diagonal(ss) + _off_diagonal(tt) - 2 * st.mean(),
        "The diagonal is left out (the unbiased estimate); the task takes the mean over all pairs of "
        "channels, i = j too.",
    ),
    Wrong(
        lambda ss, tt, st: (
            (ss.sum() - ss.diagonal(dim1=-2, dim2=-1).sum()) / ss.numel()
            + (tt.sum() - tt.diagonal(dim1=-2, dim2=-1).sum()) / tt.numel()
            - 2 * st.mean()
        ),
        "The diagonal is left out; the task takes the mean over all pairs of channels, i = j too.",
    ),
    Wrong(
        lambda ss, tt, st: (_total(tt) + _total(ss) - 2 * _total(st)) / ss.shape[-1] ** 2,
        "All three terms are divided by Cs²; each is a mean over its own pairs: Ct², Cs² and Cs·Ct.",
    ),
    Wrong(
        lambda ss, tt, st: (_total(tt) + _total(ss) - 2 * _total(st)) / tt.shape[-1] ** 2,
        "All three terms are divided by Ct²; each is a mean over its own pairs: Ct², Cs² and Cs·Ct.",
    ),
    Wrong(
        lambda ss, tt, st: (_total(tt) + _total(ss) - 2 * _total(st)) / (ss.shape[-1] * tt.shape[-1]),
        "All three terms are divided by Cs·Ct; each is a mean over its own pairs: Ct², Cs² and Cs·Ct.",
    ),
    Wrong(lambda ss, tt, st: _total(tt) + _total(ss) - 2 * _total(st), SUMS_OF_PAIRS),
    Wrong(
        lambda ss, tt, st: (
            _total(tt) / tt.shape[-1]
            + _total(ss) / ss.shape[-1]
            - 2 * _total(st) / (ss.shape[-1] * tt.shape[-1]) ** 0.5
        ),
        "Each term is divided by the number of channels once; it is a mean over *pairs*: Ct², Cs² and Cs·Ct.",
    ),
    Wrong(
        lambda ss, tt, st: _total(tt) / tt.shape[-1] + _total(ss) / ss.shape[-1] - 2 * st.mean(),
        "The own terms are divided by the number of channels once; each is a mean over all pairs: Ct², Cs².",
    ),
    Wrong(
        lambda ss, tt, st: tt.sum() + ss.sum() - 2 * st.sum(),
        "Pairs of channels and batch are summed; take the mean over both.",
    ),
    Wrong(
        lambda ss, tt, st: len(ss) * discrepancy(ss, tt, st),
        "The batch is summed; take the mean over the samples.",
    ),
    Wrong(
        lambda ss, tt, st: discrepancy(ss, tt, st) / len(ss),
        "The mean over the batch is taken twice: `mean()` has divided by B already.",
    ),
    Wrong(
        lambda ss, tt, st: discrepancy(ss, tt, st).clamp(min=0).sqrt(),
        "A square root is taken of the discrepancy; the task wants it squared, without the root.",
    ),
    Wrong(
        lambda ss, tt, st: (
            (tt.mean((1, 2)) + ss.mean((1, 2)) - 2 * st.mean((1, 2))).clamp(min=0).sqrt().mean()
        ),
        "A square root is taken of each sample's discrepancy; the task wants it squared, without the root.",
    ),
    Wrong(lambda ss, tt, st: discrepancy(ss, tt, st) / 2, "There is a factor 1/2 too much."),
    Wrong(lambda ss, tt, st: discrepancy(ss, tt, st).square(), "The discrepancy is squared once more."),
    Wrong(
        lambda ss, tt, st: (ss.mean() - tt.mean()).square(),
        "This compares the two means k(s, s) and k(t, t); the mixed term is missing.",
    ),
    Wrong(
        lambda ss, tt, st: tt.amax((1, 2)).mean() + ss.amax((1, 2)).mean() - 2 * st.amax((1, 2)).mean(),
        "These are the largest kernel values; take the means.",
    ),
    Wrong(lambda ss, tt, st: 0 * ss.sum(), "The loss is always 0: are both features the same?"),
]


def _pixel_grams(fs: Tensor, ft: Tensor) -> tuple[Tensor, Tensor]:
    """sum over channels of s_i s_iᵀ, (B, H·W, H·W), for both."""
    s, t = unit_channels(fs.flatten(2)), unit_channels(ft.detach().flatten(2))
    return s.mT @ s, t.mT @ t


def _channel_grams(fs: Tensor, ft: Tensor) -> tuple[Tensor, Tensor]:
    s, t = unit_channels(fs.flatten(2)), unit_channels(ft.detach().flatten(2))
    return s @ s.mT, t @ t.mT


def _gram_mistakes() -> Iterator[Wrong]:
    def mean_of_grams(fs: Tensor, ft: Tensor) -> Tensor:
        s, t = _pixel_grams(fs, ft)
        return s / fs.shape[1] - t / ft.shape[1]

    mean_over_entries = (
        "The loss is divided by (H·W)²: either the inner product x·y is a mean over the pixels instead of a "
        "sum, or a difference of pixel-by-pixel matrices is averaged over its entries instead of summed."
    )
    yield Wrong(lambda fs, ft: mean_of_grams(fs, ft).square().mean(), mean_over_entries)
    yield Wrong(
        lambda fs, ft: torch.sub(*_pixel_grams(fs, ft)).square().sum((1, 2)).mean(),
        SUMS_OF_PAIRS,
    )
    yield Wrong(
        lambda fs, ft: torch.sub(*_pixel_grams(fs, ft)).square().mean(),
        f"Two things. {SUMS_OF_PAIRS} And: {mean_over_entries}",
    )
    yield Wrong(
        lambda fs, ft: mean_of_grams(fs, ft).mean(0).square().sum(),
        "The mean over the batch is taken before the square; each sample has a discrepancy of its own.",
    )
    yield Wrong(
        lambda fs, ft: mean_of_grams(fs, ft).flatten(1).norm(dim=1).mean(),
        "This is the norm of the difference of the pixel-by-pixel matrices; the task wants its square.",
    )
    for reduce in (
        lambda d: d.square().mean(),
        lambda d: d.square().sum((1, 2)).mean(),
        lambda d: d.flatten(1).norm(dim=1).mean(),
    ):
        yield Wrong(
            lambda fs, ft, r=reduce: r(torch.sub(*_channel_grams(fs, ft))),
            "This compares channel i of the student with channel i of the teacher (C x C matrices); the "
            "kernel means do not pair channels by their number.",
        )


def _mixed_batch(fs: Tensor, ft: Tensor) -> Tensor:
    s, t = (unit_channels(f.flatten(2)).flatten(0, 1) for f in (fs, ft.detach()))
    return discrepancy((s @ s.mT).square(), (t @ t.mT).square(), (s @ t.mT).square())


def nst_mistakes() -> Iterator[Wrong]:
    def of_one_side(student: bool) -> Callable[..., Tensor]:
        def function(fs: Tensor, ft: Tensor) -> Tensor:
            s, t = fs.flatten(2), ft.detach().flatten(2)
            s, t = (unit_channels(s), t) if student else (s, unit_channels(t))
            return discrepancy(square_kernel(s, s), square_kernel(t, t), square_kernel(s, t))

        return function

    def linear_means(fs: Tensor, ft: Tensor) -> Tensor:
        s, t = unit_channels(fs.flatten(2)), unit_channels(ft.detach().flatten(2))
        return (s.mean(1) - t.mean(1)).square().mean()

    yield Wrong(
        lambda fs, ft: nst_mmd_loss(ft, fs.detach()) + 0 * fs.sum(),
        "Student and teacher are exchanged: the student's feature comes first, and the second "
        "argument is the constant.",
    )
    yield Wrong(
        _mixed_batch,
        "Channels of different samples are compared: keep the batch apart (`bmm`, or `@` on three axes).",
    )
    yield from _gram_mistakes()

    def detached(*which: int) -> Callable[..., Tensor]:
        """The student a constant in some of its three places: k(s, .), k(., s), k(s, t)."""

        def function(fs: Tensor, ft: Tensor) -> Tensor:
            s, t = unit_channels(fs.flatten(2)), unit_channels(ft.detach().flatten(2))
            one, other, mixed = (s.detach() if place in which else s for place in range(3))
            return discrepancy(square_kernel(one, other), square_kernel(t, t), square_kernel(mixed, t))

        return function

    yield Wrong(
        detached(2), "The student is detached in the mixed term k(s, t), through which it meets the teacher."
    )
    yield Wrong(detached(0, 1), "The student's own term k(s, s) is detached; it is no constant.")
    for place in (0, 1):
        yield Wrong(
            detached(place), "One of the two sides of k(s, s) is detached; both depend on the student."
        )
    for axis, name in ((3, "rows"), (2, "columns")):
        yield Wrong(
            lambda fs, ft, axis=axis: nst_mmd_loss(
                unit_along(fs, axis), unit_along(ft, axis), normalise=lambda x: x
            ),
            f"The norm runs over single {name} of the map; flatten (H, W) first, so that it runs over "
            "all pixels of a channel.",
        )
    yield Wrong(of_one_side(True), "Only the student's channels are divided by their norms.")
    yield Wrong(of_one_side(False), "Only the teacher's channels are divided by their norms.")
    yield Wrong(
        linear_means,
        "This compares the mean channels, the discrepancy of a linear kernel; the kernel is (x·y)².",
    )
    yield Wrong(
        lambda fs, ft: at_loss(fs, ft.detach()),
        "This is the attention-transfer loss; the task compares channels by a kernel.",
    )
    yield from with_parts(nst_mmd_loss, {"normalise": CHANNELS, "kernel": KERNEL, "combine": COMBINE})
