"""Known mistakes of feature losses over layers and of the Fréchet distance, and what to say about each."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from kdcourse.grading.formulas.generative import apart, compression, frechet, mean_square, root, unbiased
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import with_parts
from kdcourse.grading.module_task import frozen

EACH = "in each layer take the mean over all elements, and add the layers up."

GATHERS = [
    Wrong(
        lambda terms, sizes: torch.stack(terms).mean(),
        "This is the mean over the layers; the task is their sum.",
    ),
    Wrong(
        lambda terms, sizes: sum(t * n for t, n in zip(terms, sizes)) / sum(sizes),
        "One mean is taken over the elements of all layers together, so that large maps drown small "
        f"ones; {EACH}",
    ),
    Wrong(
        lambda terms, sizes: sum(t * n for t, n in zip(terms, sizes)),
        f"Everything is summed; {EACH}",
    ),
    Wrong(
        lambda terms, sizes: terms[0],
        "Only the first layer takes part: does a `return` stand inside the loop?",
    ),
    Wrong(
        lambda terms, sizes: terms[-1],
        "Only the last layer takes part: does the loop overwrite the sum instead of adding to it?",
    ),
    Wrong(
        lambda terms, sizes: torch.stack(terms[1:]).sum(),
        "The first layer is left out.",
    ),
    Wrong(
        lambda terms, sizes: torch.stack(terms[:-1]).sum(),
        "The last layer is left out.",
    ),
    Wrong(lambda terms, sizes: torch.stack(terms).amax(), "Only the worst layer counts; add the layers up."),
    Wrong(lambda terms, sizes: torch.stack(terms).prod(), "The layers are multiplied; add them up."),
    Wrong(
        lambda terms, sizes: sum(2.0**-i * t for i, t in enumerate(terms)),
        "Later layers weigh less; all have the weight 1.",
    ),
    Wrong(
        lambda terms, sizes: sum(t / (i + 1) for i, t in enumerate(terms)),
        "Later layers weigh less; all have the weight 1.",
    ),
]


def normalised(x: Tensor) -> Tensor:
    return F.normalize(x, dim=1)


COMPARES = [
    Wrong(lambda a, t: mean_square(a, t) / 2, "There is a factor 1/2 too much; the task has the plain mean."),
    Wrong(lambda a, t: mean_square(a, t) * t.numel(), f"The elements are summed (`reduction='sum'`); {EACH}"),
    Wrong(
        lambda a, t: mean_square(a, t) * t[0].numel(),
        f"The mean is taken over the batch only, while the rest is summed; {EACH}",
    ),
    Wrong(lambda a, t: mean_square(a, t) * len(t), f"The batch is summed; {EACH}"),
    Wrong(lambda a, t: mean_square(a, t) * t.shape[1], f"The channels are summed; {EACH}"),
    Wrong(lambda a, t: mean_square(a, t) * t[0, 0].numel(), f"The pixels are summed; {EACH}"),
    Wrong(
        lambda a, t: mean_square(a, t) * len(t) * t.shape[1],
        f"The mean is taken over the pixels only, while batch and channels are summed; {EACH}",
    ),
    Wrong(
        lambda a, t: mean_square(a, t).sqrt(),
        "The square root of each layer's mean is taken; the task has the squared difference.",
    ),
    Wrong(
        lambda a, t: (a - t).norm(),
        "This is the norm of the difference; square it and take the mean over the elements.",
    ),
    Wrong(
        lambda a, t: (a - t).flatten(1).norm(dim=1).mean(),
        "This is the mean *norm* of the differences; square and average the elements.",
    ),
    Wrong(
        lambda a, t: (a - t).abs().mean(),
        "This is the absolute difference (`l1_loss`), which belongs to the pictures; features are compared "
        "by the squared one.",
    ),
    Wrong(
        lambda a, t: F.smooth_l1_loss(a, t), "This is `smooth_l1_loss`; the task has the squared difference."
    ),
    Wrong(
        lambda a, t: mean_square(normalised(a), normalised(t)),
        "The features are normalised before they are compared; compare them as they are.",
    ),
    Wrong(
        lambda a, t: mean_square(normalised(a.flatten(1)), normalised(t.flatten(1))),
        "The features are normalised before they are compared; compare them as they are.",
    ),
    Wrong(
        lambda a, t: mean_square(a.flatten(2).mean(2), t.flatten(2).mean(2)),
        "The maps are averaged over their pixels before they are compared; compare them pixel by pixel.",
    ),
    Wrong(
        lambda a, t: mean_square(a.mean(1), t.mean(1)),
        "The maps are averaged over their channels before they are compared; compare them channel by "
        "channel.",
    ),
    Wrong(
        lambda a, t: (a - t).mean().square(),
        "The differences are averaged first and squared afterwards, so that they cancel; square first.",
    ),
    Wrong(lambda a, t: (a - t).mean(), "The differences are not squared."),
    Wrong(lambda a, t: mean_square(a.relu(), t), "A ReLU is put on the adapter's result; the task has none."),
    Wrong(lambda a, t: -mean_square(a, t), "The sign is wrong."),
    Wrong(
        lambda a, t: (1 - F.cosine_similarity(a, t)).mean(),
        "This is a cosine distance; the task has the squared difference.",
    ),
    Wrong(
        lambda a, t: mean_square(a.detach(), t) + 0 * a.sum(),
        "The student's side is detached: nothing learns.",
    ),
    Wrong(lambda a, t: t.square().mean() + 0 * a.sum(), "The student does not enter the loss."),
]


def compression_mistakes() -> Iterator[Wrong]:
    yield from with_parts(compression, {"compare": COMPARES, "gather": GATHERS})
    for gather in ({}, {"gather": GATHERS[0].function}):
        yield Wrong(
            lambda s, t, a, gather=gather: compression(s, t, [a[0]] * len(a), **gather),
            "One adapter serves all layers, the first of the list; each layer has its own.",
        )
        yield Wrong(
            lambda s, t, a, gather=gather: (
                compression(s, t, [lambda x: x] * len(a), **gather)
                + 0 * sum(one(x).sum() for one, x in zip(a, s))
            ),
            "The adapters are not used: compare `adapter(student)` with the teacher's feature.",
        )
        yield Wrong(
            lambda s, t, a, gather=gather: compression(s, t, a[::-1], **gather),
            "The adapters are taken in the wrong order.",
        )
        yield Wrong(
            lambda s, t, a, gather=gather: compression(s, t[::-1], a, **gather),
            "The teacher's layers are taken in the wrong order.",
        )
        # The value is right, the gradient is not.
        yield Wrong(
            lambda s, t, a, gather=gather: compression([x.detach() for x in s], t, a, **gather),
            "The student's features are detached: the adapters learn, and the student does not.",
        )
        yield Wrong(
            lambda s, t, a, gather=gather: compression(s, t, [frozen(one) for one in a], **gather),
            "No gradient reaches the adapters' parameters: they stay random. Are they detached or frozen?",
        )


# --- Fréchet distance ---

MEANS = [
    Wrong(
        lambda m, n: apart(m, n).sqrt(),
        "The distance of the means is not squared: `norm` alone has the root in it.",
    ),
    Wrong(
        lambda m, n: (m - n).square().mean(),
        "The squared difference of the means is averaged over the features (`mse_loss`); sum it.",
    ),
    Wrong(lambda m, n: (m - n).abs().sum(), "The means are compared by absolute differences; square them."),
    Wrong(
        lambda m, n: (m - n).sum().square(), "The differences of the means are added before they are squared."
    ),
    Wrong(lambda m, n: 0 * m.sum(), "The means do not enter: add the squared distance between them."),
    Wrong(lambda m, n: -apart(m, n), "The distance of the means is subtracted; add it."),
    Wrong(lambda m, n: 2 * apart(m, n), "The distance of the means is counted twice."),
    Wrong(
        lambda m, n: (m.mean() - n.mean()).square(), "One mean is taken over all features; each has its own."
    ),
]


def centred(x: Tensor) -> Tensor:
    return x - x.mean(0)


COVARIANCES = [
    Wrong(
        lambda x: unbiased(x) * (len(x) - 1) / len(x),
        "The covariances are divided by N and not by N − 1: here they are the unbiased ones, as "
        "`torch.cov` and `np.cov` give them.",
    ),
    Wrong(
        lambda x: x.T @ x / len(x),
        "The rows are not centred: subtract the mean before the products, or this is no covariance.",
    ),
    Wrong(
        lambda x: x.T @ x / (len(x) - 1),
        "The rows are not centred: subtract the mean before the products, or this is no covariance.",
    ),
    Wrong(
        lambda x: unbiased(x) * (len(x) - 1),
        "The products are summed over the rows and not divided by N − 1.",
    ),
    Wrong(
        lambda x: unbiased(x).diag().diag(),
        "Only the variances enter; the covariances beside the diagonal belong to it.",
    ),
    Wrong(
        lambda x: unbiased(x).diag().sqrt().diag(),
        "Standard deviations enter in place of covariances.",
    ),
    Wrong(
        lambda x: torch.corrcoef(x.T),
        "These are correlations (`corrcoef`); the task has covariances.",
    ),
    Wrong(
        lambda x: (x - x.mean()).T @ (x - x.mean()) / (len(x) - 1),
        "One mean of all numbers is subtracted; each feature has its own.",
    ),
    Wrong(
        lambda x: centred(x) @ centred(x).T / (len(x) - 1),
        "This is (N, N), products between rows; the covariance is (D, D). `torch.cov` and `np.cov` want "
        "the features as rows: give them `features.T`.",
    ),
    Wrong(
        lambda x: torch.cov(x),
        "`torch.cov` and `np.cov` take rows for variables: give them `features.T`.",
    ),
]


def traces(a: Tensor, b: Tensor) -> Tensor:
    return a.trace() + b.trace()


def cross(a: Tensor, b: Tensor) -> Tensor:
    middle = root(a) @ b @ root(a)
    return root((middle + middle.T) / 2).trace()


BY_ELEMENTS = (
    "The root is taken of each element; the task has the root of a *matrix*, whose product with itself "
    "gives Σ₁Σ₂ (`scipy.linalg.sqrtm`). Its trace is the sum of the roots of the eigenvalues of Σ₁Σ₂."
)
MIXES = [
    Wrong(
        lambda a, b: traces(a, b) - cross(a, b),
        "The factor 2 before the root is missing; without it equal sets are not at distance 0.",
    ),
    Wrong(lambda a, b: traces(a, b) + 2 * cross(a, b), "The term with the root is added; subtract it."),
    Wrong(lambda a, b: traces(a, b), "The term with the root of Σ₁Σ₂ is missing."),
    Wrong(lambda a, b: -2 * cross(a, b), "The traces of the two covariances are missing."),
    Wrong(lambda a, b: 0 * a.sum(), "The covariances do not enter: the distance is that of the means alone."),
    Wrong(lambda a, b: traces(a, b) - 2 * (a @ b).abs().sqrt().trace(), BY_ELEMENTS),
    Wrong(lambda a, b: traces(a, b) - 2 * (a @ b).clamp(min=0).sqrt().trace(), BY_ELEMENTS),
    Wrong(lambda a, b: traces(a, b) - 2 * (a * b).abs().sqrt().sum(), BY_ELEMENTS),
    Wrong(lambda a, b: (a + b - 2 * (a @ b).abs().sqrt()).sum(), BY_ELEMENTS),
    Wrong(
        lambda a, b: (a + b - 2 * matrix_root(a @ b)).sum(),
        "All elements of the matrix are added; its trace is the sum of its diagonal only.",
    ),
    Wrong(
        lambda a, b: (a + b - 2 * matrix_root(a @ b)).trace() / len(a),
        "The trace is divided by D; it is the sum of the diagonal.",
    ),
    Wrong(
        lambda a, b: traces(a, b) - 2 * (root(a) @ root(b)).trace(),
        "The roots of the two covariances are multiplied. That is the root of the product only for matrices "
        "that commute.",
    ),
    Wrong(
        lambda a, b: traces(a, b) - 2 * (a @ b).trace(),
        "The root of the product Σ₁Σ₂ is not taken.",
    ),
    Wrong(
        lambda a, b: traces(a, b) - 2 * (a @ b).trace().sqrt(),
        "The root is taken of the trace; take the trace of the root.",
    ),
    Wrong(
        lambda a, b: traces(a, b) - 2 * (a.trace() * b.trace()).sqrt(),
        "The root is taken of the traces; take the trace of the root of Σ₁Σ₂.",
    ),
    Wrong(
        lambda a, b: traces(a, b) - 2 * torch.linalg.eigvalsh(a @ b).clamp(min=0).sqrt().sum(),
        "`eigvalsh` and `eigh` believe that their matrix is symmetric; Σ₁Σ₂ is not. `eigvals` takes any, or "
        "build the symmetric Σ₁^½ Σ₂ Σ₁^½, which has the same eigenvalues.",
    ),
    Wrong(
        lambda a, b: traces(a, b) - 2 * torch.linalg.eigvalsh(a @ b).abs().sqrt().sum(),
        "`eigvalsh` and `eigh` believe that their matrix is symmetric; Σ₁Σ₂ is not. `eigvals` takes any, or "
        "build the symmetric Σ₁^½ Σ₂ Σ₁^½, which has the same eigenvalues.",
    ),
    Wrong(
        lambda a, b: traces(a, b) - 2 * torch.linalg.svdvals(a @ b).sqrt().sum(),
        "The singular values of Σ₁Σ₂ are not its eigenvalues, since it is not symmetric.",
    ),
    Wrong(
        lambda a, b: (a - b).square().sum(),
        "This is the squared Frobenius distance of the covariances; the task has tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½).",
    ),
    Wrong(
        lambda a, b: (root(a) - root(b)).square().sum(),
        "This is the squared distance of the covariances' roots, which is the task's term only for matrices "
        "that commute.",
    ),
    Wrong(
        lambda a, b: (a.diag().clamp(min=0).sqrt() - b.diag().clamp(min=0).sqrt()).square().sum(),
        "Only the variances enter; the covariances beside the diagonal belong to it.",
    ),
    Wrong(
        lambda a, b: a.trace() - b.trace(),
        "The traces are subtracted from each other; add them.",
    ),
    Wrong(
        lambda a, b: traces(a, b) - 2 * root(a).trace() * root(b).trace(),
        "The traces of the roots are multiplied; take the trace of the root of the product.",
    ),
    Wrong(
        lambda a, b: a.trace() - 2 * cross(a, b),
        "The trace of the second covariance is missing.",
    ),
]


def matrix_root(m: Tensor) -> Tensor:
    values, vectors = torch.linalg.eig(m)
    return (vectors @ values.sqrt().diag() @ torch.linalg.inv(vectors)).real


FINISHES = [
    Wrong(
        lambda one, other: (one + other).abs().sqrt(),
        "The root of the whole is taken; the task is the *squared* distance, as FID is.",
    ),
    Wrong(lambda one, other: one - other, "The part of the covariances is subtracted; add it."),
    Wrong(lambda one, other: (one + other) / 2, "There is a factor 1/2 too much."),
    Wrong(lambda one, other: -(one + other), "The sign is wrong."),
]


def frechet_mistakes() -> Iterator[Wrong]:
    parts = {"means": MEANS, "covariance": COVARIANCES, "mix": MIXES, "finish": FINISHES}
    yield from with_parts(frechet, parts)
    yield Wrong(
        lambda x, y: frechet(x.T, y.T),
        "Rows and columns are exchanged: the mean is one number a *feature*, `features.mean(0)`.",
    )
    yield Wrong(
        lambda x, y: (x[:, None] - y[None]).square().sum(2).mean(),
        "This is the mean squared distance between rows of the two sets, which is not 0 for equal sets.",
    )
