"""Known mistakes of the total variation."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.bounds import at_labels, half_l1, variation
from kdcourse.grading.formulas.responses import kl, log_softmax, softmax
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import with_parts

HALF = "The total variation is half the L1 distance: ½ Σ_c |p_c − q_c|."
SOFT = "Both nets' logits go through softmax(z / gamma) over the classes."


def best(p: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(p.argmax(1), p.shape[1]).to(p.dtype)


def log_ratio(p: Tensor, q: Tensor) -> Tensor:
    tiny = 1e-300
    return (p * (p.clamp(min=tiny).log() - q.clamp(min=tiny).log())).sum(1)


SOFTMAXES = [
    Wrong(lambda z, gamma: softmax(z), f"gamma is not used. {SOFT}"),
    Wrong(lambda z, gamma: softmax(z * gamma), f"The logits are multiplied by gamma; divide. {SOFT}"),
    Wrong(lambda z, gamma: softmax(z / gamma**2), f"gamma divides twice. {SOFT}"),
    Wrong(lambda z, gamma: softmax(z / gamma**0.5), f"The root of gamma divides. {SOFT}"),
    Wrong(lambda z, gamma: softmax(z) / gamma, f"gamma divides the probabilities, not the logits. {SOFT}"),
    Wrong(lambda z, gamma: softmax(softmax(z) / gamma), f"A softmax is taken of a softmax. {SOFT}"),
    Wrong(lambda z, gamma: softmax(softmax(z / gamma)), f"A softmax is taken of a softmax. {SOFT}"),
    Wrong(lambda z, gamma: softmax(z / gamma, 0), f"The softmax runs over the samples. {SOFT}"),
    Wrong(lambda z, gamma: log_softmax(z / gamma), f"These are logarithms of the probabilities. {SOFT}"),
    Wrong(lambda z, gamma: z / gamma, f"The softmax is missing: logits are compared. {SOFT}"),
    Wrong(lambda z, gamma: z, f"The softmax is missing, and gamma: logits are compared. {SOFT}"),
    Wrong(lambda z, gamma: torch.sigmoid(z / gamma), f"These are sigmoids. {SOFT}"),
    Wrong(lambda z, gamma: best(z), f"Only the most probable class counts (`argmax`). {SOFT}"),
    Wrong(lambda z, gamma: (z / gamma).exp(), f"The exponentials are not divided by their sum. {SOFT}"),
    Wrong(
        lambda z, gamma: z / z.abs().sum(1, keepdim=True),
        f"The logits are divided by the sum of their sizes. {SOFT}",
    ),
]
DISTANCES = [
    Wrong(lambda p, q: 2 * half_l1(p, q), f"The half is missing. {HALF}"),
    Wrong(lambda p, q: half_l1(p, q) / 2, f"The half is taken twice. {HALF}"),
    Wrong(lambda p, q: (p - q).abs().mean(1), f"The classes are averaged; they are summed. {HALF}"),
    Wrong(lambda p, q: (p - q).abs().mean(1) / 2, f"The classes are averaged; they are summed. {HALF}"),
    Wrong(lambda p, q: (p - q).norm(dim=1), f"This is the Euclidean distance. {HALF}"),
    Wrong(lambda p, q: (p - q).norm(dim=1) / 2, f"This is half the Euclidean distance. {HALF}"),
    Wrong(lambda p, q: (p - q).square().sum(1), f"The differences are squared. {HALF}"),
    Wrong(lambda p, q: (p - q).square().sum(1) / 2, f"The differences are squared. {HALF}"),
    Wrong(lambda p, q: (p - q).square().mean(1), f"The differences are squared and averaged. {HALF}"),
    Wrong(
        lambda p, q: (p - q).abs().amax(1),
        f"This is the largest difference of one class; the other classes count, too. {HALF}",
    ),
    Wrong(lambda p, q: (p - q).abs().amax(1) / 2, f"Half the largest difference is no distance here. {HALF}"),
    Wrong(lambda p, q: (p - q).sum(1), f"The signs cancel: `abs` is missing, and the sum is 0. {HALF}"),
    Wrong(lambda p, q: (p - q).sum(1).abs() / 2, f"`abs` comes after the sum, which is 0. {HALF}"),
    Wrong(
        lambda p, q: torch.minimum(p, q).sum(1), f"This is what they share: 1 − TV. {HALF}"
    ),
    Wrong(lambda p, q: torch.maximum(p, q).sum(1), f"This is 1 plus the total variation. {HALF}"),
    Wrong(lambda p, q: 1 - half_l1(p, q), f"This is 1 minus the total variation. {HALF}"),
    Wrong(log_ratio, f"This is a Kullback-Leibler divergence. {HALF}"),
    Wrong(lambda p, q: log_ratio(q, p), f"This is a Kullback-Leibler divergence. {HALF}"),
    Wrong(lambda p, q: (log_ratio(p, q) / 2).sqrt(), f"This is Pinsker's bound on it, √(KL/2). {HALF}"),
    Wrong(lambda p, q: (log_ratio(q, p) / 2).sqrt(), f"This is Pinsker's bound on it, √(KL/2). {HALF}"),
    Wrong(
        lambda p, q: (log_ratio(p, (p + q) / 2) + log_ratio(q, (p + q) / 2)) / 2,
        f"This is the Jensen-Shannon divergence. {HALF}",
    ),
    Wrong(
        lambda p, q: (p.sqrt() - q.sqrt()).norm(dim=1) / math.sqrt(2),
        f"This is the Hellinger distance. {HALF}",
    ),
    Wrong(
        lambda p, q: 1 - torch.nn.functional.cosine_similarity(p, q), f"This is a cosine distance. {HALF}"
    ),
    Wrong(
        lambda p, q: (at_labels(p, p.argmax(1)) - at_labels(q, p.argmax(1))).abs(),
        f"Only the first net's most probable class counts; all classes do. {HALF}",
    ),
    Wrong(
        lambda p, q: (at_labels(p, q.argmax(1)) - at_labels(q, q.argmax(1))).abs(),
        f"Only the second net's most probable class counts; all classes do. {HALF}",
    ),
    Wrong(
        lambda p, q: (p.amax(1) - q.amax(1)).abs(),
        f"The two largest probabilities are compared, though they may belong to two classes. {HALF}",
    ),
    Wrong(
        lambda p, q: (p.argmax(1) != q.argmax(1)).to(p.dtype),
        f"This says whether the predictions differ. {HALF}",
    ),
    Wrong(lambda p, q: (p - q)[:, 0].abs(), f"Only the first class is compared; all classes count. {HALF}"),
    Wrong(lambda p, q: (p - q)[:, -1].abs(), f"Only the last class is compared; all classes count. {HALF}"),
    Wrong(lambda p, q: half_l1(p, q).square(), f"The distance is squared. {HALF}"),
    Wrong(lambda p, q: half_l1(p, q).sqrt(), f"A square root is taken. {HALF}"),
    Wrong(lambda p, q: -half_l1(p, q), f"The sign is wrong: a distance is not negative. {HALF}"),
    Wrong(
        lambda p, q: half_l1(p, q).mean().expand(len(p)),
        f"Every sample has the mean of all; each has a distance of its own. {HALF}",
    ),
    Wrong(
        lambda p, q: half_l1(p.sort(1).values, q.sort(1).values),
        f"The probabilities are sorted, so that classes are mixed up. {HALF}",
    ),
]  # fmt: skip


def variation_mistakes() -> Iterator[Wrong]:
    for which, only in (("first", (1, 0)), ("second", (0, 1))):
        yield Wrong(
            lambda f, g, gamma, only=only: half_l1(
                *(softmax(z / (gamma if used else 1.0)) for z, used in zip((f, g), only, strict=True))
            ),
            f"gamma divides the logits of the {which} net only. {SOFT}",
        )
    yield Wrong(
        lambda f, g, gamma: gamma * variation(f, g, gamma), "The distance is multiplied by gamma; it is not."
    )
    yield Wrong(
        lambda f, g, gamma: gamma**2 * variation(f, g, gamma),
        "The distance is multiplied by gamma², as in a distillation loss; here it is not.",
    )
    yield Wrong(
        lambda f, g, gamma: variation(f, g, gamma) / gamma, "The distance is divided by gamma; it is not."
    )
    yield Wrong(
        lambda f, g, gamma: kl(log_softmax(f / gamma), log_softmax(g / gamma)),
        f"This is a Kullback-Leibler divergence. {HALF}",
    )
    yield from with_parts(variation, {"to": SOFTMAXES, "apart": DISTANCES})
