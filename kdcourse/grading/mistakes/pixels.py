"""Known mistakes of pair-wise distillation and of the mean IoU, and what to say about each."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from kdcourse.grading.formulas.relations import smooth_l1, unit
from kdcourse.grading.formulas.responses import softmax
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import Parts, double_mistakes, single_mistakes

Part = Callable[..., Tensor]


# --- pairwise_similarity: maps (B, C, H, W) -> pixels (B, C, P) -> cosines (B, P, P) -> a number ---


def as_pixels(x: Tensor) -> Tensor:
    return x.flatten(2)


def unit_pixels(x: Tensor) -> Tensor:
    return unit(x, 1)


def products(x: Tensor) -> Tensor:
    return x.mT @ x


def mean_square(u: Tensor) -> Tensor:
    return u.square().mean()


def pairwise(
    s: Tensor, t: Tensor,
    pixels: Part = as_pixels, normed: Part = unit_pixels, similar: Part = products,
    compare: Part = mean_square,
) -> Tensor:  # fmt: skip
    of_s, of_t = (similar(normed(pixels(x))) for x in (s, t.detach()))
    return compare(of_s - of_t)


def _pooled(pool: Callable) -> Part:
    def pooled(x: Tensor) -> Tensor:
        return pool(x, (2, 2)).flatten(2)

    return pooled


def _own_norm(x: Tensor) -> Tensor:
    """One norm for a whole image."""
    return x / x.flatten(1).norm(dim=1)[:, None, None]


def _off_diagonal(u: Tensor) -> Tensor:
    B, P, _ = u.shape
    return u.square().sum() / (B * P * max(1, P - 1))


def _root(q: Tensor) -> Tensor:
    return torch.where(q > 0, q, 1.0).sqrt() * (q > 0)


PARTS: Parts = {
    "pixels": [
        Wrong(
            _pooled(F.adaptive_max_pool2d),
            "The maps are max-pooled to 2 x 2 first, as in the authors' code; compare all pixels.",
        ),
        Wrong(_pooled(F.adaptive_avg_pool2d), "The maps are pooled to 2 x 2 first; compare all pixels."),
        Wrong(
            lambda x: x.reshape(len(x), -1, x.shape[1]).mT,
            "The map is brought to (B, HW, C) by `reshape` or `view`, which mixes pixels and channels: "
            "`flatten(2)`, then transpose.",
        ),
        Wrong(
            lambda x: x.transpose(0, 1).flatten(2).mT.reshape(len(x), x.shape[1], -1),
            "Images and channels are mixed by a `reshape` or `view`.",
        ),
        Wrong(lambda x: torch.relu(x).flatten(2), "A ReLU cuts the features; compare them as they come."),
        Wrong(lambda x: x.abs().flatten(2), "The features lose their signs (`abs`)."),
        Wrong(lambda x: x.square().flatten(2), "The features are squared first."),
        Wrong(
            lambda x: softmax(x, 1).flatten(2),
            "A softmax over the channels comes first; the features are no logits.",
        ),
        Wrong(
            lambda x: (x - x.mean(1, keepdim=True)).flatten(2),
            "Each pixel's mean over the channels is taken off first (a correlation); take the cosine.",
        ),
        Wrong(
            lambda x: (x - x.mean((2, 3), keepdim=True)).flatten(2),
            "Each channel's mean over the map is taken off first; take the cosine of the features as they "
            "come.",
        ),
    ],
    "normed": [
        Wrong(
            lambda x: x / _root(x.square().sum(1, keepdim=True)).detach().clamp(min=1e-12),
            "The norms are detached, as in the authors' code: the value is the same, but its gradient is "
            "that of a product of vectors, which may also grow and shrink. Let it pass through the norms.",
        ),
        Wrong(lambda x: x, "The pixels are not divided by their norms: these are products, not cosines."),
        Wrong(
            lambda x: unit(x, 2),
            "Each *channel* is divided by its norm over the map; each pixel is divided by its norm over the "
            "channels (`dim=1`).",
        ),
        Wrong(_own_norm, "One norm is taken over the whole image; each pixel has its own."),
        Wrong(lambda x: unit(x, 0), "The norm runs over the batch; it runs over the channels."),
        Wrong(lambda x: x / x.abs().sum(1, keepdim=True).clamp(min=1e-12), "The pixels are divided by their "
              "L1 norm; the cosine wants the L2 norm."),
        Wrong(
            lambda x: x / x.square().sum(1, keepdim=True).clamp(min=1e-12),
            "The pixels are divided by their squared norm: a root is missing.",
        ),
        Wrong(lambda x: softmax(x, 1), "The pixels go through a softmax; divide them by their norms."),
    ],
    "similar": [
        Wrong(
            lambda x: x @ x.mT,
            "These are similarities of *channels*; transpose the other factor, so that pixels meet pixels.",
        ),
        Wrong(
            lambda x: products(x.transpose(0, 1).flatten(1)[None]),
            "Pixels of different images meet: each image has a matrix of its own.",
        ),
        Wrong(lambda x: torch.relu(products(x)), "Negative cosines are cut; they count."),
        Wrong(lambda x: products(x).abs(), "The cosines lose their sign."),
        Wrong(lambda x: products(x).square(), "The cosines are squared before they are compared."),
        Wrong(
            lambda x: softmax(products(x), 2),
            "The cosines go through a softmax; compare them as they are.",
        ),
        Wrong(
            lambda x: unit(products(x), 2),
            "The rows of the matrix are divided by their norms, as in similarity-preserving distillation; "
            "the cosines are compared as they are.",
        ),
        Wrong(
            lambda x: x.mT @ x.roll(1, 0),
            "Pixels of one image meet those of another.",
        ),
        Wrong(
            lambda x: 1 - torch.acos((1 - 1e-9) * products(x).clamp(-1, 1)),
            "These are angles; compare the cosines.",
        ),
    ],
    "compare": [
        Wrong(lambda u: u.square().sum() / len(u), "The squares are summed over the pairs of pixels; take "
              "the mean over all (HW)² of them."),
        Wrong(lambda u: u.square().sum(), "The squares are summed; take the mean over B and (HW)²."),
        Wrong(
            lambda u: u.square().sum() / len(u) / u.shape[1],
            "The sum is divided by HW; the matrix has (HW)² entries.",
        ),
        Wrong(
            lambda u: u.square().sum() / u.shape[1] ** 2,
            "The sum runs over the batch and is not divided by B: it grows with the batch.",
        ),
        Wrong(lambda u: u.square().mean() / len(u), "`mean` divides by B already; yours does so twice."),
        Wrong(
            lambda u: u.square().mean() / u.shape[1] ** 2,
            "`mean` divides by (HW)² already; yours does so twice.",
        ),
        Wrong(
            _off_diagonal,
            "The mean is over pairs of *different* pixels; the task divides by all (HW)².",
        ),
        Wrong(lambda u: u.abs().mean(), "The absolute differences are averaged; square them."),
        Wrong(lambda u: smooth_l1(u).mean(), "This is smooth L1; the task takes the squared differences."),
        Wrong(lambda u: u.square().mean() / 2, "Yours is half of ours: there is no factor 1/2, and each pair "
              "counts in either order."),
        Wrong(lambda u: 2 * u.square().mean(), "Yours is twice ours: each pair counts once in either order."),
        Wrong(lambda u: _root(u.square().mean()), "A root is taken at the end."),
        Wrong(
            lambda u: _root(u.square().sum((1, 2))).mean(),
            "The norm of each image's difference is not squared, and not divided by its number of entries.",
        ),
        Wrong(
            lambda u: _root(u.square().mean((1, 2))).mean(),
            "The mean of each image goes through a root.",
        ),
        Wrong(lambda u: u.mean().square(), "The differences are averaged before they are squared."),
        Wrong(lambda u: u.mean(), "The differences are not squared: they cancel."),
        Wrong(lambda u: -u.square().mean(), "The sign is wrong: this falls as student and teacher part."),
    ],
}  # fmt: skip

COMMON = {"pixels": 2, "normed": 3, "compare": 8}


def pairwise_mistakes() -> Iterator[Wrong]:
    yield from single_mistakes(pairwise, PARTS)
    yield Wrong(
        lambda s, t: pairwise(s.detach(), t) + 0.0 * s.sum(), "The student is detached: nothing is learned."
    )
    # Two at once where both are common; all pairs would take too long.
    yield from double_mistakes(pairwise, {name: PARTS[name][:n] for name, n in COMMON.items()})


# --- mean_iou_from_counts ---


def counts(c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Both, true and predicted pixels of each class."""
    c = c.double()
    return c.diagonal(), c.sum(1), c.sum(0)


def mean_iou(c: Tensor) -> Tensor:
    both, true, predicted = counts(c)
    union = true + predicted - both
    return (both / union.clamp(min=1e-300))[union > 0].mean()


def _over(c: Tensor, ratio: Callable, which: Callable) -> Tensor:
    parts = counts(c)
    chosen = which(*parts)
    return ratio(*parts)[chosen].mean()


def iou(both: Tensor, true: Tensor, predicted: Tensor) -> Tensor:
    return both / (true + predicted - both).clamp(min=1e-300)


def occurring(both: Tensor, true: Tensor, predicted: Tensor) -> Tensor:
    return true + predicted > 0


RATIOS = [
    (
        lambda b, t, p: b / t.clamp(min=1e-300),
        "This is the share of each class's true pixels that are found (recall, or class accuracy); false "
        "alarms belong in the denominator too.",
    ),
    (
        lambda b, t, p: b / p.clamp(min=1e-300),
        "This is the share of each class's predicted pixels that are right (precision); the missed ones "
        "belong in the denominator too.",
    ),
    (
        lambda b, t, p: 2 * b / (t + p).clamp(min=1e-300),
        "This is the Dice coefficient (F1): its denominator counts the intersection twice, and so does its "
        "numerator.",
    ),
    (
        lambda b, t, p: b / (t + p).clamp(min=1e-300),
        "The intersection is counted twice in the union: true + predicted − both.",
    ),
    (
        lambda b, t, p: b / (t + p - 2 * b).clamp(min=1e-300),
        "The intersection is missing in the union: true + predicted − both.",
    ),
    (
        lambda b, t, p: b / torch.maximum(t, p).clamp(min=1e-300),
        "The denominator is the larger of the two; the union is true + predicted − both.",
    ),
]
CHOICES = [
    (
        lambda b, t, p: t >= 0,
        "A class that occurs nowhere counts as 0. It is neither found nor missed: leave it out of the mean.",
    ),
    (
        lambda b, t, p: t > 0,
        "Classes without true pixels are left out, also where they are predicted: false alarms of such a "
        "class would cost nothing. Leave out only those whose *union* is empty.",
    ),
    (
        lambda b, t, p: p > 0,
        "Classes that are never predicted are left out, although they have true pixels: missing a class "
        "altogether would cost nothing. Leave out only those whose *union* is empty.",
    ),
    (
        lambda b, t, p: b > 0,
        "Classes without a single right pixel are left out: they count as 0, unless their union is empty.",
    ),
    (
        lambda b, t, p: (t > 0) & (p > 0),
        "A class must be in truth *and* prediction to count here; one of them is enough.",
    ),
]


def _without_first(which: Callable) -> Callable:
    def chosen(both: Tensor, true: Tensor, predicted: Tensor) -> Tensor:
        first = torch.arange(len(both)) == 0
        return which(both, true, predicted) & ~first

    return chosen


def iou_mistakes() -> Iterator[Wrong]:
    for which, sentence in CHOICES:
        yield Wrong(lambda c, which=which: _over(c, iou, which), sentence)
    yield Wrong(
        lambda c: torch.where(occurring(*counts(c)), iou(*counts(c)), 1.0).mean(),
        "A class that occurs nowhere counts as 1 (0/0, saved by a small number on both sides): leave it out "
        "of the mean.",
    )
    for ratio, sentence in RATIOS:
        yield Wrong(lambda c, ratio=ratio: _over(c, ratio, occurring), sentence)
    yield Wrong(
        lambda c: c.double().trace() / c.double().sum(),
        "This is the accuracy of the pixels: the background, with most of them, hides the other classes.",
    )

    def pooled(c: Tensor) -> Tensor:
        both, true, predicted = (part.sum() for part in counts(c))
        return both / (true + predicted - both)

    yield Wrong(pooled, "Intersections and unions are added up over the classes first; take the ratio of "
                "each class, then the mean.")  # fmt: skip

    def weighted(c: Tensor) -> Tensor:
        parts = counts(c)
        return (iou(*parts) * parts[1]).sum() / parts[1].sum()

    yield Wrong(
        weighted, "The classes are weighed by their pixels (frequency-weighted); each counts the same."
    )
    yield Wrong(lambda c: 100 * mean_iou(c), "This is in percent; return a number between 0 and 1.")
    yield Wrong(lambda c: 1 - mean_iou(c), "This is 1 minus the mean: a loss. Return the mean itself.")
    yield Wrong(
        lambda c: _over(c, iou, _without_first(occurring)),
        "Class 0, the background, is left out; it counts like any other.",
    )
    yield Wrong(
        lambda c: _over(c, iou, lambda b, t, p: torch.arange(len(b)) < len(b) - 1),
        "The last class is left out.",
    )
    yield Wrong(
        lambda c: _over(c, lambda *parts: iou(*parts).floor(), occurring),
        "Integers are divided to integers (`//`): all but a perfect class become 0.",
    )
    yield Wrong(
        lambda c: iou(*counts(c))[occurring(*counts(c))].median(), "This is the median; take the mean."
    )
    yield Wrong(
        lambda c: iou(*counts(c))[occurring(*counts(c))].sum(), "This is the sum over the classes; take the "
        "mean."
    )  # fmt: skip
    yield Wrong(
        lambda c: iou(*counts(c))[occurring(*counts(c))].amin(), "This is the worst class; take the mean."
    )
    for which, about in CHOICES:
        for ratio, sentence in RATIOS:
            yield Wrong(
                lambda c, which=which, ratio=ratio: _over(c, ratio, which),
                f"Two things. {sentence} And: {about}",
            )
