"""Known mistakes of pixel-wise distillation with ignored pixels, and what to say about each."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.dense import both_by_T, kl_terms, segmentation
from kdcourse.grading.formulas.responses import cross_entropy, log_softmax
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import double_mistakes, single_mistakes
from kdcourse.grading.mistakes.places import SOFTENED, divergences


def safe(count: Tensor) -> Tensor:
    return count.clamp(min=1)


def by_image(d: Tensor, m: Tensor) -> Tensor:
    return (d * m).sum((1, 2)) / safe(m.sum((1, 2)))


COUNTED = "divide by the number of pixels whose label is not `ignore_index`."
AVERAGES = [
    Wrong(
        lambda d, m, K: (d * m).mean(),
        f"Ignored pixels add nothing, but they are counted in the mean; {COUNTED}",
    ),
    Wrong(
        lambda d, m, K: (d * m).sum() / safe(m.sum()) / K,
        "The mean runs over the classes as well (`kl_div(reduction='mean')`): sum over the K classes.",
    ),
    Wrong(
        lambda d, m, K: (d * m).sum() / len(d),
        f"`batchmean` on four axes divides by B only, so that the loss grows with the map; {COUNTED}",
    ),
    Wrong(lambda d, m, K: (d * m).sum(), f"The pixels are summed; {COUNTED}"),
    Wrong(
        lambda d, m, K: (d * m).sum() / d[0].numel(),
        f"The sum over the batch is divided by H·W only, so that the loss grows with the batch; {COUNTED}",
    ),
    Wrong(
        lambda d, m, K: (d * m).mean() / K,
        "The mean runs over the classes and over ignored pixels as well: sum over the classes, and "
        f"{COUNTED}",
    ),
    Wrong(
        lambda d, m, K: by_image(d, m).mean(),
        "This is a mean over images of each image's mean, in which an image with few counted pixels "
        "weighs as "
        "much as one with many; take one mean over all counted pixels of the batch.",
    ),
    Wrong(
        lambda d, m, K: by_image(d, m).sum() / safe(m.any(2).any(1).sum()),
        "This is a mean over images of each image's mean, in which an image with few counted pixels "
        "weighs as "
        "much as one with many; take one mean over all counted pixels of the batch.",
    ),
    Wrong(
        lambda d, m, K: by_image(d, m).sum(),
        "The means of the images are added up; take one mean over all counted pixels of the batch.",
    ),
    Wrong(
        lambda d, m, K: (d * m).sum() / safe((~m).sum()),
        f"The sum is divided by the number of *ignored* pixels; {COUNTED}",
    ),
    Wrong(
        lambda d, m, K: (d * m).sum() / (m.sum() + 1),
        f"1 is added to the number of pixels; use `clamp(min=1)` against 0/0, and else {COUNTED}",
    ),
    Wrong(
        lambda d, m, K: (d * m).sum() / safe(m.sum()) / len(d), f"The loss is divided by B as well; {COUNTED}"
    ),
    Wrong(
        lambda d, m, K: (d * m).amax(), f"This is the worst pixel; take the mean: {COUNTED}"
    ),
    Wrong(
        lambda d, m, K: (d * m).sum(1).mean(), f"The rows of the map are summed; {COUNTED}",
    ),
    Wrong(
        lambda d, m, K: (d * m).sum(2).mean(), f"The columns of the map are summed; {COUNTED}",
    ),
    Wrong(lambda d, m, K: d.sum() / safe(m.sum()), "Ignored pixels are in the sum, though not in the count."),
]  # fmt: skip

COUNTS = [
    Wrong(
        lambda y, ignore, K: y == y,
        "Ignored pixels take part: leave out those whose label is `ignore_index`.",
    ),
    Wrong(
        lambda y, ignore, K: y == ignore,
        "The mask is the wrong way round: the *ignored* pixels take part, and the others do not.",
    ),
    Wrong(
        lambda y, ignore, K: y != 255,
        "The ignored label is fixed at 255, or all labels below K count: use `ignore_index`.",
    ),
    Wrong(lambda y, ignore, K: y != -100, "The ignored label is fixed at −100; use `ignore_index`."),
    Wrong(lambda y, ignore, K: y >= 0, "Labels below 0 are left out; only `ignore_index` is."),
    Wrong(
        lambda y, ignore, K: (y >= 0) & (y < K),
        "All labels that are classes take part. `ignore_index` may be the number of a class as well (the "
        "background's, for instance): compare with it.",
    ),
    Wrong(
        lambda y, ignore, K: (y != ignore) & (y != 0),
        "The background, label 0, is left out as well; only `ignore_index` is.",
    ),
    Wrong(
        lambda y, ignore, K: (y != ignore) & (y != 255),
        "Pixels of the label 255 are left out as well; only those of `ignore_index` are.",
    ),
    Wrong(
        lambda y, ignore, K: (y != ignore) & (y >= 0),
        "Labels below 0 are left out as well; only those of `ignore_index` are.",
    ),
    Wrong(
        lambda y, ignore, K: y > 0,
        "The mask is `labels > 0`, which leaves the class 0 out; compare with `ignore_index`.",
    ),
    Wrong(
        lambda y, ignore, K: y < ignore,
        "The mask is `labels < ignore_index`; `ignore_index` may be smaller than the classes: use `!=`.",
    ),
    Wrong(
        lambda y, ignore, K: y > ignore,
        "The mask is `labels > ignore_index`; `ignore_index` may be larger than the classes: use `!=`.",
    ),
]  # fmt: skip

ON_CLASSES = "each pixel has a distribution over its K classes (`dim=1`)."
DEALT = (
    "`view(-1, K)` deals the numbers of (B, K, H, W) out anew, so that classes and pixels get mixed up: move "
    "the classes to the end first, `permute(0, 2, 3, 1).reshape(-1, K)`."
)
MOVED = (
    "Logits and labels belong to different pixels: are height and width exchanged in one of them? With "
    "`permute(0, 2, 3, 1)` the pixels keep the order of the labels."
)


def flat_softmax(z: Tensor, start: int) -> Tensor:
    rows = z.flatten(start)
    return log_softmax(rows, start).reshape(z.shape)


SPREADS = [
    Wrong(lambda z: log_softmax(z, 0), f"The softmax runs over the batch (`dim=0`); {ON_CLASSES}"),
    Wrong(lambda z: log_softmax(z, 2), f"The softmax runs over the rows of the map (`dim=2`); {ON_CLASSES}"),
    Wrong(
        lambda z: log_softmax(z, 3),
        f"The softmax runs over the columns of the map (`dim=-1` of (B, K, H, W)); {ON_CLASSES}",
    ),
    Wrong(
        lambda z: flat_softmax(z, 2),
        f"The softmax runs over the pixels, as in channel-wise distillation; {ON_CLASSES}",
    ),
    Wrong(lambda z: flat_softmax(z, 1), f"One softmax runs over all of an image; {ON_CLASSES}"),
    Wrong(
        lambda z: log_softmax(z.reshape(1, -1), 1).reshape(z.shape),
        f"One softmax runs over everything; {ON_CLASSES}",
    ),
    Wrong(lambda z: torch.nn.functional.logsigmoid(z), f"This is a sigmoid of each logit; {ON_CLASSES}"),
]


def as_pixels(z: Tensor, order: tuple[int, ...]) -> Tensor:
    """What `permute(order).reshape(-1, K)` takes for the pixels in the order of the labels."""
    B, K, H, W = z.shape
    return z.permute(order).reshape(B, H, W, K).permute(0, 3, 1, 2)


def segmentation_mistakes() -> Iterator[Wrong]:
    parts = {"average": AVERAGES, "soften": SOFTENED, "count": COUNTS, "compare": divergences(1)}
    yield from single_mistakes(segmentation, parts)
    yield from single_mistakes(segmentation, {"spread": SPREADS})

    def ordered(order: tuple[int, ...]) -> Callable:
        return lambda s, t, T: both_by_T(as_pixels(s, order), as_pixels(t, order), T)

    for order, sentence in (((0, 1, 2, 3), DEALT), ((0, 3, 2, 1), MOVED), ((0, 1, 3, 2), DEALT)):
        for single in ({}, *({"average": mistake.function} for mistake in AVERAGES[:5])):
            yield Wrong(
                lambda *args, order=order, single=single: segmentation(
                    *args, soften=ordered(order), **single
                ),
                sentence,
            )
    for factor in (1.0, 0.5):
        yield Wrong(
            lambda s, t, y, T, ignore=255, factor=factor: (
                factor * segmentation(s, t, y, T, ignore) + factor * of_labels(s, y, ignore)
            ),
            "The cross-entropy with the labels is part of it; this task is the distillation alone.",
        )
    yield Wrong(
        lambda s, t, y, T, ignore=255: of_labels(s, y, ignore),
        "This is the cross-entropy with the labels, which only say here which pixels count.",
    )
    for masked in (True, False):
        yield Wrong(
            lambda s, t, y, T, ignore=255, masked=masked: (
                (s - t.detach())
                .square()
                .mean(1)[(y != ignore) if masked else (y == y)]
                .mean()
            ),
            "This is a squared error between logits; the task is KL between softened distributions.",
        )  # fmt: skip
    for divide in (lambda d: d.shape[0] * d.shape[1], lambda d: d.shape[0]):
        yield Wrong(
            lambda s, t, y, T, ignore=255, divide=divide: (
                T * T * kl_terms(flat_softmax(t.detach() / T, 2), flat_softmax(s / T, 2)).sum() / divide(s)
            ),
            f"The softmax runs over the pixels, as in channel-wise distillation; {ON_CLASSES}",
        )
    for divide in (lambda d, m, K: d.sum() / safe(m.sum()), lambda d, m, K: d.mean()):
        yield Wrong(
            lambda s, t, y, T, ignore=255, divide=divide: segmentation(
                s.masked_fill((y == ignore)[:, None], 0.0), t, y, T, ignore, average=divide
            ),
            "Only the student's logits are masked, so that ignored pixels still add to the loss; leave these "
            "pixels out.",
        )
    yield from double_mistakes(segmentation, {"average": AVERAGES[:6], "spread": SPREADS})
    often = {"average": 9, "soften": 12, "count": 9, "compare": 10}
    yield from double_mistakes(segmentation, {part: parts[part][:most] for part, most in often.items()})


def of_labels(s: Tensor, y: Tensor, ignore: int) -> Tensor:
    kept = y != ignore
    K = s.shape[1]
    rows = s.permute(0, 2, 3, 1)[kept]
    return cross_entropy(rows.reshape(-1, K), y[kept]).sum() / kept.sum().clamp(min=1)
