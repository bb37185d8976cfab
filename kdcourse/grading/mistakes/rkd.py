"""Known mistakes of the RKD losses, many of them made in published code, and what to say about each.

Parts are listed apart, because two mistakes are often made together. They are tried in this order.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.relations import (
    cosines,
    differences,
    distances,
    length,
    pair_mean,
    rkd_angle,
    rkd_distance,
    unit,
)
from kdcourse.grading.formulas.responses import softmax
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import with_parts

COMPARE = [
    Wrong(
        lambda u: u.square(),
        "The differences are squared (`mse_loss`); the task compares with smooth L1, which is u²/2 up to "
        "|u| = 1 and |u| − 1/2 beyond.",
    ),
    Wrong(
        lambda u: u.square() / 2,
        "The differences are squared and halved everywhere; smooth L1 goes on straight, as |u| − 1/2, beyond "
        "|u| = 1.",
    ),
    Wrong(lambda u: u.abs(), "This is the plain L1 difference; smooth L1 is u²/2 up to |u| = 1."),
    *(
        Wrong(
            lambda u, b=b: torch.where(u.abs() <= b, u * u / (2 * b), u.abs() - b / 2),
            f"The smooth L1 loss has beta {b:g}; the task wants 1, the default.",
        )
        for b in (0.5, 0.1, 2.0, 1 / 9)
    ),
    *(
        Wrong(
            lambda u, b=b: torch.where(u.abs() <= b, u * u / 2, b * (u.abs() - b / 2)),
            f"This is the Huber loss with delta {b:g}; the task wants smooth L1 with beta 1.",
        )
        for b in (0.5, 2.0)
    ),
    Wrong(lambda u: u, "The signed differences are averaged: they cancel. Smooth L1 comes first."),
    Wrong(lambda u: u.cosh().log(), "This is the log-cosh loss; the task wants smooth L1."),
]


def _no_diagonal(e: Tensor) -> Tensor:
    return e.sum() / (len(e) * (len(e) - 1))


DISTANCE_PARTS = {
    "normalise": [
        Wrong(
            lambda a, b: (a, b),
            "The distances are not divided by their mean: a student whose embeddings are twice as long "
            "would be punished, though all relations are right.",
        ),
        Wrong(
            lambda a, b: (a / a.mean(), b / b.mean()),
            "The normaliser is the mean over all B·B entries; the zeros of the diagonal make it too small. "
            "Take the mean over the pairs i ≠ j, B(B − 1) of them.",
        ),
        Wrong(
            lambda a, b: (a / a[a > 0].mean(), b / b[b > 0].mean()),
            "The normaliser is the mean over the distances that are greater than 0 (`d[d > 0].mean()`). "
            "Where rows repeat, pairs i ≠ j have the distance 0, and they count in the mean.",
        ),
        Wrong(
            lambda a, b: (a / pair_mean(a).detach(), b / pair_mean(b)),
            "The normaliser is detached (or computed under `no_grad`). It is part of the graph: a student "
            "that stretches all distances changes it as well.",
        ),
        Wrong(
            lambda a, b: (a / a[a > 0].mean().detach(), b / b[b > 0].mean()),
            "The normaliser is detached (or computed under `no_grad`). It is part of the graph.",
        ),
        Wrong(
            lambda a, b: (a / pair_mean(b), b / pair_mean(b)),
            "Both matrices are divided by the teacher's mean; each is divided by its own.",
        ),
        Wrong(
            lambda a, b: (a / pair_mean(a), b / pair_mean(a)),
            "Both matrices are divided by the student's mean; each is divided by its own.",
        ),
        Wrong(
            lambda a, b: tuple(2 * d / (pair_mean(a) + pair_mean(b)) for d in (a, b)),
            "Both matrices are divided by a mean over student and teacher together; each is divided by "
            "its own.",
        ),
        Wrong(
            lambda a, b: (a / pair_mean(b), b / pair_mean(a)),
            "The means are exchanged: each matrix is divided by its own.",
        ),
        Wrong(lambda a, b: (a / pair_mean(a), b), "The teacher's distances are not divided by their mean."),
        Wrong(lambda a, b: (a, b / pair_mean(b)), "The student's distances are not divided by their mean."),
        Wrong(
            lambda a, b: (a / a.max(), b / b.max()), "The distances are divided by the largest, not the mean."
        ),
        Wrong(
            lambda a, b: (a / a.sum(), b / b.sum()), "The distances are divided by their sum, not their mean."
        ),
        Wrong(
            lambda a, b: (a / a.norm(), b / b.norm()),
            "The matrices are divided by their Frobenius norm; divide by the mean distance.",
        ),
        Wrong(
            lambda a, b: tuple(d / (d.sum(1, keepdim=True) / (len(d) - 1)) for d in (a, b)),
            "Each row is divided by a mean of its own; there is one mean for the whole matrix.",
        ),
        Wrong(
            lambda a, b: tuple(d / d.mean(1, keepdim=True) for d in (a, b)),
            "Each row is divided by its own mean over B entries; there is one mean over all pairs i ≠ j.",
        ),
        Wrong(
            lambda a, b: (a / (2 * pair_mean(a)), b / (2 * pair_mean(b))),
            "The normaliser is twice the mean: a sum over all ordered pairs belongs over B(B − 1), not over "
            "half of it.",
        ),
        Wrong(
            lambda a, b: (2 * a / pair_mean(a), 2 * b / pair_mean(b)),
            "The normaliser is half the mean: a sum over the pairs i < j belongs over B(B − 1)/2.",
        ),
        Wrong(
            lambda a, b: tuple(d / d.median() for d in (a, b)),
            "The distances are divided by their median; the task wants the mean over the pairs i ≠ j.",
        ),
        Wrong(
            lambda a, b: tuple(d / d.std() for d in (a, b)),
            "The distances are divided by their standard deviation; the task wants the mean over pairs i "
            "≠ j.",
        ),
        Wrong(
            lambda a, b: tuple(a.new_tensor(1.0) * softmax(-d) for d in (a, b)),
            "A softmax makes shares of the distances; the task divides them by their mean.",
        ),
    ],
    "distance": [
        Wrong(
            lambda x: differences(x).square().sum(2),
            "The distances are squared: the root is missing.",
        ),
        Wrong(
            lambda x: differences(x).abs().sum(2),
            "These are city-block distances (p = 1); the task wants Euclidean ones.",
        ),
        Wrong(
            lambda x: differences(x).abs().amax(2),
            "This is the largest coordinate difference, not a distance.",
        ),
        Wrong(
            lambda x: distances(unit(x)),
            "The embeddings are L2-normalised first. They keep their lengths: only the distances are "
            "divided, by their mean.",
        ),
        Wrong(
            lambda x: 1 - unit(x) @ unit(x).T,
            "These are cosine distances; the task wants Euclidean ones.",
        ),
        Wrong(lambda x: unit(x) @ unit(x).T, "These are cosines, not distances."),
        Wrong(lambda x: x @ x.T, "These are inner products, not distances."),
        Wrong(
            lambda x: length(x[None] - x[:, None].detach()).squeeze(2),
            "One side of each difference is detached: a pair has two ends, and both are the student's.",
        ),
        Wrong(
            lambda x: distances(x.T), "The distances are between columns; they belong between samples, rows."
        ),
    ],
    "compare": COMPARE,
    "average": [
        Wrong(
            _no_diagonal,
            "The mean is over the B(B − 1) pairs i ≠ j; the task averages over all B·B entries, diagonal "
            "included (only the normaliser leaves it out).",
        ),
        Wrong(torch.sum, "The entries are summed; take the mean over all B·B."),
        Wrong(lambda e: e.sum() / len(e), "The sum is divided by B; take the mean over all B·B entries."),
        Wrong(
            lambda e: e.sum() / (2 * len(e) ** 2),
            "Each pair i < j counts once, divided by B·B; in the mean over all entries it counts twice.",
        ),
        Wrong(
            lambda e: e.sum() / 2, "The entries of the pairs i < j are summed; take the mean over all B·B."
        ),
        Wrong(lambda e: e.sum() / (2 * len(e)), "The sum over the pairs i < j is divided by B, not a mean."),
        Wrong(lambda e: e.mean() ** 0.5, "A root is taken at the end; the task wants the mean itself."),
    ],
}


def distance_mistakes() -> Iterator[Wrong]:
    yield Wrong(rkd_angle, "This is the angle-wise loss; distance and angle are exchanged.")
    yield from with_parts(rkd_distance, DISTANCE_PARTS)
    for eps in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5):

        def rooted(x: Tensor, eps: float = eps) -> Tensor:
            return (differences(x).square().sum(2) + eps).sqrt()

        def clean(x: Tensor, rooted: Callable = rooted) -> Tensor:
            return rooted(x).fill_diagonal_(0.0)

        def by_clean_mean(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
            return tuple(d / pair_mean(d - d.diagonal().diag()) for d in (a, b))

        added = f"{eps:g} is added under the root: where embeddings are close together, that is not small. "
        advice = "Mask the zeros instead, or take 1e-12."

        def held(x: Tensor, eps: float = eps) -> Tensor:
            return differences(x).square().sum(2).clamp(min=eps).sqrt()

        for distance in (held, lambda x, held=held: held(x).fill_diagonal_(0.0)):
            yield Wrong(
                lambda s, t, distance=distance: rkd_distance(s, t, distance),
                f"Squared distances are held above {eps:g}: where embeddings are close together, that is "
                "not small. " + advice,
            )
        for options in (
            {"distance": clean},
            {"distance": rooted, "normalise": by_clean_mean},
            {"distance": rooted},
        ):
            yield Wrong(lambda s, t, options=options: rkd_distance(s, t, **options), added + advice)
    for eps in (1.0, 0.1, 0.01, 1e-3):
        yield Wrong(
            lambda s, t, eps=eps: rkd_distance(
                s, t, normalise=lambda a, b: tuple(d / (pair_mean(d) + eps) for d in (a, b))
            ),
            f"{eps:g} is added to the mean distance: where embeddings are close together, that is not small.",
        )
    yield Wrong(
        lambda s, t: rkd_distance(s, t) + 2 * rkd_angle(s, t),
        "This is the whole RKD loss, distance plus angle; the task is the distance part alone.",
    )
    yield Wrong(
        lambda s, t: rkd_distance(s, t) + rkd_angle(s, t),
        "This is the sum of both RKD losses; the task is the distance part alone.",
    )


def _raw_cosines(x: Tensor) -> Tensor:
    return unit(x) @ unit(x).T


def _triples(distinct: str) -> Callable[[Tensor], Tensor]:
    """A mean over triples [i, j, k] with i != j and i != k, or all three distinct."""

    def average(e: Tensor) -> Tensor:
        B = len(e)
        other = ~torch.eye(B, dtype=torch.bool)
        keep = other[:, :, None] & other[:, None, :]
        if distinct == "all":
            keep = keep & other[None]
        return e[keep].mean()

    return average


ANGLE_PARTS = {
    "angle": [
        Wrong(
            _raw_cosines,
            "These are cosines between the embeddings themselves, seen from the origin. The angle is at a "
            "third sample: normalise the *differences* e_j − e_i and e_k − e_i.",
        ),
        Wrong(
            lambda x: differences(x) @ differences(x).mT,
            "The differences are not divided by their lengths: these are inner products, not cosines.",
        ),
        Wrong(
            lambda x: unit(differences(x)) @ differences(x).mT,
            "Only one of the two differences is divided by its length.",
        ),
        Wrong(
            lambda x: (lambda e: e @ e.mT)(unit(differences(x), 1)),
            "The differences are normalised along the samples (`dim=1`); their coordinates are the last "
            "axis.",
        ),
        Wrong(
            lambda x: (lambda e: e @ e.mT)(unit(differences(x), 0)),
            "The differences are normalised along the samples (`dim=0`); their coordinates are the last "
            "axis.",
        ),
        Wrong(
            lambda x: cosines(x).clamp(-1 + 1e-9, 1 - 1e-9).acos(),
            "These are angles in radians (`acos`); the task compares cosines, whose gradient stays finite.",
        ),
        Wrong(
            lambda x: cosines(x).clamp(-1 + 1e-7, 1 - 1e-7).acos(),
            "These are angles in radians (`acos`); the task compares cosines, whose gradient stays finite.",
        ),
        Wrong(
            lambda x: cosines(unit(x)),
            "The embeddings are L2-normalised before the differences are taken; that changes the triangles.",
        ),
        Wrong(
            lambda x: unit(x - x.mean(0)) @ unit(x - x.mean(0)).T,
            "The angles are seen from the mean of the batch; each of them has a sample as its vertex.",
        ),
        Wrong(
            lambda x: cosines(x)[0],
            "Only the first sample is a vertex; every sample takes its turn.",
        ),
        Wrong(
            lambda x: unit(differences(x))[:, :, None] @ unit(x)[:, None, :, None].expand(-1, len(x), -1, -1),
            "The second side of the angle is an embedding, not a difference: take e_k − e_i.",
        ),
        Wrong(
            lambda x: torch.einsum("ijd,kd->ijk", unit(differences(x)), unit(x)),
            "The second side of the angle is an embedding, not a difference: take e_k − e_i.",
        ),
        Wrong(lambda x: cosines(x).abs(), "The sign of the cosines is lost."),
        Wrong(lambda x: cosines(x).square(), "The cosines are squared: they lose their sign."),
        Wrong(lambda x: distances(x), "These are distances; the task compares angles."),
        Wrong(
            lambda x: torch.einsum("ijd,jkd->ik", *(2 * [unit(differences(x))])),
            "The cosines are summed over a sample before they are compared; every triple is compared by "
            "itself.",
        ),
        Wrong(
            lambda x: (lambda e: e @ e.mT)(unit(differences(x))).sum(0),
            "The cosines are summed over a sample before they are compared; every triple is compared by "
            "itself.",
        ),
        Wrong(
            lambda x: (lambda e: e @ e.mT)(unit(differences(x))).mean(0),
            "The cosines are averaged over a sample before they are compared; every triple is compared by "
            "itself.",
        ),
    ],
    "compare": COMPARE,
    "average": [
        Wrong(
            _triples("all"),
            "The mean is over distinct i, j, k only; the task averages over all B³ entries (where a "
            "difference is zero the cosine is 0, where j = k it is 1, and all of them count).",
        ),
        Wrong(
            _triples("vertex"),
            "The entries with i = j or i = k are left out of the mean; the task averages over all B³.",
        ),
        Wrong(torch.sum, "The entries are summed; take the mean over all B³."),
        Wrong(lambda e: e.sum() / len(e), "The sum is divided by B; take the mean over all B³ entries."),
        Wrong(
            lambda e: e.sum() / len(e) ** 2, "The sum is divided by B²; take the mean over all B³ entries."
        ),
        Wrong(
            lambda e: e.sum() / (len(e) * (len(e) - 1) * (len(e) - 2)),
            "The sum is divided by B(B − 1)(B − 2); take the mean over all B³ entries.",
        ),
        Wrong(
            lambda e: e.sum() / (2 * len(e) ** 3),
            "Each angle counts once (j < k), divided by B³; in the mean over all entries it counts twice.",
        ),
        Wrong(lambda e: e.mean() ** 0.5, "A root is taken at the end; the task wants the mean itself."),
    ],
}


def _by_fixed_length(x: Tensor) -> Tensor:
    size = length(differences(x)).detach()
    e = differences(x) / size.masked_fill(size == 0, torch.inf)
    return e @ e.mT


def _divided(x: Tensor, instead: float) -> Tensor:
    size = length(differences(x))
    e = differences(x) / size.masked_fill(size == 0, instead)
    return e @ e.mT


def angle_mistakes() -> Iterator[Wrong]:
    yield Wrong(rkd_distance, "This is the distance-wise loss; distance and angle are exchanged.")
    yield from with_parts(rkd_angle, ANGLE_PARTS)
    yield Wrong(
        lambda s, t: rkd_angle(s, t, _by_fixed_length),
        "The lengths of the differences are detached; they are part of the graph, which keeps the gradient "
        "at a right angle to each difference.",
    )
    for instead in (1.0, 1e-1, 1e-2):
        yield Wrong(
            lambda s, t, instead=instead: rkd_angle(s, t, lambda x: _divided(x, instead)),
            f"A zero difference is divided by {instead:g}: its value is 0, but a gradient flows through "
            "it, though "
            "it has no direction. Divide by infinity there, or mask the quotient as well.",
        )
    for eps in (1.0, 0.1, 1e-2, 1e-3, 1e-4):
        yield Wrong(
            lambda s, t, eps=eps: rkd_angle(
                s, t, lambda x: (lambda d: d @ d.mT)(differences(x) / (length(differences(x)) + eps))
            ),
            f"{eps:g} is added to the lengths: where embeddings are close together the cosines are too "
            "small. "
            "Mask the zeros instead.",
        )
        yield Wrong(
            lambda s, t, eps=eps: rkd_angle(
                s, t, lambda x: (lambda d: d @ d.mT)(differences(x) / length(differences(x)).clamp(min=eps))
            ),
            f"Lengths are held above {eps:g}: where embeddings are close together the cosines are too small. "
            "Mask the zeros instead.",
        )
    yield Wrong(
        lambda s, t: rkd_distance(s, t) + 2 * rkd_angle(s, t),
        "This is the whole RKD loss, distance plus angle; the task is the angle part alone.",
    )
    yield Wrong(
        lambda s, t: rkd_distance(s, t) + rkd_angle(s, t),
        "This is the sum of both RKD losses; the task is the angle part alone.",
    )
    yield Wrong(
        lambda s, t: 2 * rkd_angle(s, t), "Yours is twice the mean: the weight 2 belongs to the caller."
    )
