"""Known mistakes of attention maps and attention transfer, and what to say about each.

Parts of the formulas are listed apart, since two mistakes are often made together. The order counts: the
first that fits is named.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.attention import at_loss, attention_map, safe_norm, strength, unit_rows
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import with_parts


def unit_along(x: Tensor, axis: int | tuple[int, ...]) -> Tensor:
    return x / safe_norm(x, axis)


def too_large(size: float, what: str) -> str:
    return (
        f"A number of about {size:g} is added to the norm, or the norm is kept above it: weak {what} are "
        "then "
        "no longer scaled to length 1. Something like 1e-12 is enough, as in `F.normalize`."
    )


STRENGTH = [
    Wrong(
        lambda A, p: A.pow(p).mean(1),
        "The sign is not removed: for odd p negative activations cancel positive ones. Take |A| first.",
    ),
    Wrong(
        lambda A, p: A.square().mean(1),
        "p is not used: the activations are always squared.",
    ),
    Wrong(lambda A, p: A.abs().mean(1), "p is not used: this is the mean of |A|."),
    Wrong(
        lambda A, p: A.mean(1).abs().pow(p),
        "The mean over channels comes before |·| and the power, so that channels cancel: raise "
        "first, then average.",
    ),
    Wrong(
        lambda A, p: A.mean(1).pow(p),
        "The mean over channels comes before the power, so that channels cancel: |A|^p first, then average.",
    ),
    Wrong(
        lambda A, p: A.abs().mean(1).pow(p),
        "The mean over channels comes before the power: |A|^p of each channel first, then the mean.",
    ),
    Wrong(lambda A, p: A.mean(1), "This is the plain mean over channels: |·| and the power p are missing."),
    Wrong(
        lambda A, p: A.abs().pow(p).mean(1).pow(1 / p),
        "A p-th root is taken after the mean, as in a norm; the map is the mean of |A|^p itself.",
    ),
    Wrong(lambda A, p: A.abs().pow(1 / p).mean(1), "The power is 1/p instead of p."),
    Wrong(lambda A, p: p * A.abs().mean(1), "|A| is multiplied by p; it must be raised to the power p."),
    Wrong(lambda A, p: p ** A.abs().mean(1), "p is raised to the power |A|; it is the other way round."),
    Wrong(
        lambda A, p: A.abs().pow(p).amax(1),
        "This takes the strongest channel of each pixel; the task takes the mean over channels.",
    ),
    Wrong(
        lambda A, p: A.clamp(min=0).pow(p).mean(1),
        "Negative activations are set to 0 (ReLU); they count by their absolute value.",
    ),
    Wrong(lambda A, p: A.abs().pow(p).prod(1), "The channels are multiplied; take their mean."),
    Wrong(lambda A, p: A.abs().pow(p + 1).mean(1), "The power is p + 1."),
    Wrong(lambda A, p: A.abs().pow(2 * p).mean(1), "The power is 2p: is something squared once more?"),
    Wrong(
        lambda A, p: unit_along(A, (2, 3)).abs().pow(p).mean(1),
        "Each channel is normalised before the mean, so that weak channels count as much as strong "
        "ones; only the map is.",
    ),
    Wrong(
        lambda A, p: unit_along(A, 1).abs().pow(p).mean(1),
        "The activations are normalised over the channels (`F.normalize` uses `dim=1` unless told "
        "otherwise), which takes away how strong a pixel is.",
    ),
    Wrong(
        lambda A, p: (A - A.mean((2, 3), keepdim=True)).abs().pow(p).mean(1),
        "The mean of each channel is subtracted first; the task uses A as it is.",
    ),
    Wrong(lambda A, p: A.var(1), "This is the variance over channels; the task wants the mean of |A|^p."),
    Wrong(
        lambda A, p: A.abs().pow(p).sum(1),
        "The channels are summed, which only the norm would make as good as their mean.",
    ),
    Wrong(
        lambda A, p: A.pow(p).sum(1), "The channels are summed with their signs: take |A|, and their mean."
    ),
    Wrong(
        lambda A, p: A.square().sum(1), "The channels are summed and p is not used: take the mean of |A|^p."
    ),
    Wrong(lambda A, p: A.abs().pow(p)[:, 0], "Only the first channel is looked at."),
    Wrong(
        lambda A, p: A.abs().pow(p).mean((0, 1)).expand(len(A), -1, -1),
        "The mean runs over the batch as well: every sample gets the same map.",
    ),
]

FLATTEN = [
    Wrong(
        lambda q: q.transpose(1, 2).flatten(1),
        "The pixels are in the order of the columns, (W, H); the convention is row by row, (H, W).",
    ),
    Wrong(lambda q: q.flatten(1).flip(1), "The pixels are in reverse order."),
]

NORMALISE = [
    Wrong(lambda q: q, "The map is not divided by its L2 norm."),
    Wrong(
        lambda q: q / q.sum(1, keepdim=True),
        "The map is divided by its sum (the L1 norm); the task divides by the L2 norm.",
    ),
    Wrong(
        lambda q: q / q.amax(1, keepdim=True),
        "The map is divided by its largest entry; the task divides by its L2 norm.",
    ),
    Wrong(
        lambda q: q / safe_norm(q, (0, 1)),
        "The norm runs over the whole batch, so that the map of a sample depends on its neighbours: "
        "each row has its own (`dim=1`).",
    ),
    Wrong(
        lambda q: q / safe_norm(q, 0),
        "The norm runs over the batch (`dim=0`); it must run over the pixels of each sample (`dim=1`).",
    ),
    Wrong(lambda q: q / q.square().sum(1, keepdim=True), "The map is divided by the *squared* norm."),
    Wrong(lambda q: q / q.norm(dim=1, keepdim=True).sqrt(), "The map is divided by the root of its norm."),
    Wrong(
        lambda q: q / q.square().mean(1, keepdim=True).sqrt(),
        "The norm is taken with a mean instead of a sum, so that each row is longer than 1 by the "
        "root of H·W.",
    ),
    Wrong(lambda q: unit_rows(q).square(), "The normalised map is squared once more."),
    Wrong(
        lambda q: torch.softmax(q, 1), "This is a softmax over the pixels; the task divides by the L2 norm."
    ),
    Wrong(
        lambda q: torch.softmax(unit_rows(q), 1),
        "A softmax over the pixels is taken after the norm; the task stops at the norm.",
    ),
    Wrong(lambda q: torch.sigmoid(q), "This is a sigmoid; the task divides by the L2 norm."),
    Wrong(
        lambda q: (q - q.amin(1, keepdim=True)) / (q.amax(1, keepdim=True) - q.amin(1, keepdim=True)),
        "The map is stretched to the range 0 to 1; the task divides by its L2 norm.",
    ),
    Wrong(
        lambda q: unit_along(q - q.mean(1, keepdim=True), 1),
        "The mean of the map is subtracted before the norm; the task does not centre it.",
    ),
    Wrong(
        lambda q: (q - q.mean(1, keepdim=True)) / q.std(1, keepdim=True),
        "The map is standardised (mean 0, deviation 1); the task divides by its L2 norm.",
    ),
    Wrong(
        lambda q: q / q.std(1, keepdim=True),
        "The map is divided by its standard deviation; the task divides by its L2 norm.",
    ),
    Wrong(
        lambda q: q / q.mean(1, keepdim=True),
        "The map is divided by its mean; the task divides by its L2 norm.",
    ),
    Wrong(
        lambda q: q / safe_norm(q, 1).detach(),
        "The norm is detached: it depends on the feature too and belongs to the gradient.",
    ),
    *[
        Wrong(lambda q, e=e: q / (q.norm(dim=1, keepdim=True) + e), too_large(e, "features"))
        for e in (1.0, 0.1, 1e-2, 1e-3, 1e-4, 1e-5)
    ],
    *[
        Wrong(lambda q, e=e: q / q.norm(dim=1, keepdim=True).clamp(min=e), too_large(e, "features"))
        for e in (1.0, 0.1, 1e-2, 1e-3, 1e-4)
    ],
    *[
        Wrong(lambda q, e=e: q / (q.square().sum(1, keepdim=True) + e).sqrt(), too_large(e, "features"))
        for e in (1.0, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
    ],
]

# Mistakes that need to see the map in two dimensions, or the power.
WHOLE_MAP = [
    Wrong(
        lambda A, p: unit_along(strength(A, p), 1).flatten(1),
        "The norm runs over the rows of the map only (`F.normalize` of (B, H, W) uses `dim=1`); flatten "
        "first, so that it runs over all pixels of a sample.",
    ),
    Wrong(
        lambda A, p: unit_along(strength(A, p), 2).flatten(1),
        "The norm runs over each row of the map by itself (`dim=-1` before flattening); flatten "
        "first, so that it runs over all pixels of a sample.",
    ),
    Wrong(
        lambda A, p: torch.nn.functional.normalize(strength(A, p).flatten(1), p=p),
        "The norm is a p-norm; the p of the task is the power of |A|, the norm stays L2.",
    ),
    Wrong(
        lambda A, p: attention_map(A, 2).pow(p / 2),
        "The power comes after the norm; |A|^p comes first, then the mean, then the norm.",
    ),
    Wrong(
        lambda A, p: attention_map(A, 1).pow(p),
        "The power comes after the norm; |A|^p comes first, then the mean, then the norm.",
    ),
    Wrong(
        lambda A, p: unit_rows(strength(A, p).reshape(len(A), A.shape[3], A.shape[2]).mT.flatten(1)),
        "Height and width are exchanged when the map is reshaped.",
    ),
]


def map_mistakes() -> Iterator[Wrong]:
    parts = {"strength": STRENGTH, "flatten": FLATTEN, "normalise": NORMALISE}
    yield from WHOLE_MAP
    yield from with_parts(attention_map, parts)


# From the two maps (B, H·W) to a number.
DISTANCE = [
    Wrong(
        lambda s, t: (s - t).square().sum(1).mean(),
        "The squares are summed over the pixels; take the mean over H·W as well as over the batch. "
        "(A norm with a mean instead of a sum inside would show the same factor.)",
    ),
    Wrong(lambda s, t: (s - t).square().mean(1).sum(), "The batch is summed; take the mean over it."),
    Wrong(
        lambda s, t: (s - t).square().sum(),
        "The squares are summed over pixels and batch; take the mean over both.",
    ),
    Wrong(
        lambda s, t: (s - t).norm(dim=1).mean(),
        "This is the mean *norm* of the difference, not squared (the paper's formula reads so); the "
        "task takes the mean of the squares.",
    ),
    Wrong(
        lambda s, t: (s - t).norm(),
        "This is the norm of all differences together; the task takes the mean of their squares.",
    ),
    Wrong(
        lambda s, t: (s - t).square().mean().sqrt(),
        "A square root is taken of the mean square; the task has none.",
    ),
    Wrong(
        lambda s, t: (s - t).square().mean(1).sqrt().mean(),
        "A square root is taken of each sample's mean square; the task has none.",
    ),
    Wrong(
        lambda s, t: (s - t).abs().mean(), "This is the mean absolute difference (L1); the task squares it."
    ),
    Wrong(
        lambda s, t: (s - t).abs().sum(1).mean(),
        "These are absolute differences (L1), summed over the pixels; the task takes the mean of the "
        "squares.",
    ),
    Wrong(
        lambda s, t: (s - t).square().mean() / 2, "There is a factor 1/2 too much (is it a smooth L1 loss?)."
    ),
    Wrong(
        lambda s, t: (1 - (s * t).sum(1)).mean(),
        "This is 1 − cosine. The squared distance of two unit vectors is twice that, and the task "
        "takes its mean over the H·W pixels.",
    ),
    Wrong(
        lambda s, t: (2 - 2 * (s * t).sum(1)).mean(),
        "2 − 2·cosine is the *sum* over the pixels; divide by H·W.",
    ),
    Wrong(
        lambda s, t: (1 - (s * t).sum(1)).sum(),
        "This is 1 − cosine, summed over the batch; the task takes the mean of the squared "
        "differences over batch and pixels.",
    ),
    Wrong(
        lambda s, t: (2 - 2 * (s * t).sum(1)).sum(),
        "2 − 2·cosine is the *sum* over the pixels, and the batch is summed as well; take the mean "
        "over both.",
    ),
    Wrong(
        lambda s, t: (s - t).mean().square(),
        "The mean is taken before the square, so that differences cancel.",
    ),
    Wrong(
        lambda s, t: (s - t).mean(1).square().mean(),
        "The mean over the pixels is taken before the square, so that differences cancel.",
    ),
    Wrong(
        lambda s, t: (s - t).mean(0).square().mean(),
        "The mean over the batch is taken before the square, so that differences of different "
        "samples cancel.",
    ),
    Wrong(lambda s, t: (s - t).mean(), "The differences are not squared."),
    Wrong(
        lambda s, t: (s - t).square().amax(1).mean(),
        "This takes the largest difference of each sample; the task takes the mean over the pixels.",
    ),
    Wrong(lambda s, t: -(s - t).square().mean(), "The sign is wrong."),
    Wrong(
        lambda s, t: (s - t).square().mean() * 1000,
        "There is a factor 1000, the weight that the loss often gets; the task wants the plain mean.",
    ),
    Wrong(lambda s, t: (s - t).pow(4).mean(), "The differences are raised to the power 4; square them."),
    Wrong(
        lambda s, t: (s - t).square().mean() / len(s),
        "The mean over the batch is taken twice: `mean()` has divided by B already.",
    ),
    Wrong(
        lambda s, t: (s - t).square().mean() / s.shape[1],
        "The mean over the pixels is taken twice: `mean()` has divided by H·W already.",
    ),
    Wrong(
        lambda s, t: (t.softmax(1) * (t.log_softmax(1) - s.log_softmax(1))).sum(1).mean(),
        "This is a KL divergence between softmax maps; the task takes the mean squared difference.",
    ),
    Wrong(lambda s, t: 0 * s.sum(), "The loss is always 0: do both maps come from the same feature?"),
    Wrong(
        lambda s, t: unit_along(s - t, 1).square().mean(),
        "The difference is normalised; the maps are, before their difference is taken.",
    ),
]

ONE_SIDE = [
    Wrong(
        lambda q_s, q_t: (q_s - unit_rows(q_t)).square().mean(),
        "Only the teacher's map is divided by its norm.",
    ),
    Wrong(
        lambda q_s, q_t: (unit_rows(q_s) - q_t).square().mean(),
        "Only the student's map is divided by its norm.",
    ),
    Wrong(
        lambda q_s, q_t: ((q_s - q_t) / safe_norm(q_t, 1)).square().mean(),
        "Both maps are divided by the teacher's norm; each has its own.",
    ),
    Wrong(
        lambda q_s, q_t: unit_along(q_s - q_t, 1).square().mean(),
        "The difference is normalised; the maps are, before their difference is taken.",
    ),
    Wrong(
        lambda q_s, q_t: (unit_rows(q_s) - unit_rows(q_s)).square().mean(),
        "The loss is always 0: do both maps come from the same feature?",
    ),
]


def at_mistakes() -> Iterator[Wrong]:
    def whole(fs: Tensor, ft: Tensor, distance=lambda s, t: (s - t).square().mean(), **parts) -> Tensor:
        return distance(attention_map(fs, 2, **parts), attention_map(ft, 2, **parts))

    def with_power(p: float) -> Callable[..., Tensor]:
        return lambda fs, ft: (attention_map(fs, p) - attention_map(ft, p)).square().mean()

    def both(of_map: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
        return lambda fs, ft: (of_map(fs) - of_map(ft)).square().mean()

    for p in (1, 3, 4, 0.5):
        yield Wrong(with_power(p), f"The maps are those of p = {p:g}; the loss has p = 2.")
    seen_at_two = {  # at p = 2 these are the square, or another mistake under a name that misleads
        "The sign is not removed: for odd p negative activations cancel positive ones. Take |A| first.",
        "p is not used: the activations are always squared.",
        "p is not used: this is the mean of |A|.",
    }
    strengths = [wrong for wrong in STRENGTH if wrong.sentence not in seen_at_two]
    parts = {"distance": DISTANCE, "normalise": NORMALISE, "strength": strengths}
    for function, sentence in ONE_SIDE:
        yield Wrong(
            lambda fs, ft, f=function: f(strength(fs, 2).flatten(1), strength(ft, 2).flatten(1)), sentence
        )
    yield Wrong(
        lambda fs, ft: (attention_map(fs) - attention_map(ft, flatten=FLATTEN[0].function)).square().mean(),
        "The two maps are flattened in different orders of rows and columns.",
    )
    for function, sentence in WHOLE_MAP[:2]:
        yield Wrong(both(lambda A, f=function: f(A, 2)), sentence)
    yield Wrong(
        both(lambda A: unit_rows(A.square().mean((2, 3)).mean(1, keepdim=True))),
        "The mean runs over the pixels; it must run over the channels.",
    )
    yield Wrong(
        lambda fs, ft: at_loss(fs.detach(), ft) + 0 * fs.sum(),
        "The student is detached: the loss teaches nothing.",
    )
    yield from with_parts(whole, parts)
