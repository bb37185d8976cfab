"""Relations between samples and layers in float64, put together from parts that a known mistake exchanges.

Every part takes care of differences that are 0: they have no direction and get no gradient.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import log_softmax

Part = Callable[..., Tensor]


def safe_root(q: Tensor) -> Tensor:
    """The square root; 0 with zero gradient at 0."""
    zero = q == 0
    return q.masked_fill(zero, 1.0).sqrt().masked_fill(zero, 0.0)


def length(x: Tensor, axis: int = -1) -> Tensor:
    return safe_root(x.square().sum(axis, keepdim=True))


def unit(x: Tensor, axis: int = -1) -> Tensor:
    size = length(x, axis)
    return x / size.masked_fill(size == 0, torch.inf)


def differences(x: Tensor) -> Tensor:
    """(B, D) -> (B, B, D): at [i, j] what leads from row i to row j."""
    return x[None] - x[:, None]


def repeated(x: Tensor, *rows: int) -> Tensor:
    """A copy in which the given rows equal the first of them."""
    x = x.clone()
    x[list(rows)] = x[rows[0]].clone()
    return x


def smooth_l1(u: Tensor) -> Tensor:
    return torch.where(u.abs() <= 1, u * u / 2, u.abs() - 0.5)


# --- RKD ---


def distances(x: Tensor) -> Tensor:
    return length(differences(x)).squeeze(2)


def pair_mean(d: Tensor) -> Tensor:
    """The mean over the pairs i != j."""
    return d.sum() / (len(d) * (len(d) - 1))


def by_own_mean(ds: Tensor, dt: Tensor) -> tuple[Tensor, Tensor]:
    return ds / pair_mean(ds), dt / pair_mean(dt)


def rkd_distance(
    s: Tensor,
    t: Tensor,
    distance: Part = distances,
    normalise: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = by_own_mean,
    compare: Part = smooth_l1,
    average: Part = torch.mean,
) -> Tensor:
    ds, dt = normalise(distance(s), distance(t))
    return average(compare(ds - dt))


def cosines(x: Tensor) -> Tensor:
    """(B, D) -> (B, B, B): at [i, j, k] the cosine of the angle at row i between rows j and k."""
    e = unit(differences(x))
    return e @ e.mT


def rkd_angle(
    s: Tensor, t: Tensor, angle: Part = cosines, compare: Part = smooth_l1, average: Part = torch.mean
) -> Tensor:
    return average(compare(angle(s) - angle(t)))


# --- similarity preserving ---


def similarities(x: Tensor) -> Tensor:
    x = x.flatten(1)
    return x @ x.T


def frobenius(u: Tensor) -> Tensor:
    return u.square().sum() / len(u) ** 2


def similarity_preserving(
    fs: Tensor, ft: Tensor, similar: Part = similarities, rows: Part = unit, compare: Part = frobenius
) -> Tensor:
    return compare(rows(similar(fs)) - rows(similar(ft.detach())))


# --- InfoNCE ---


def named_by_diagonal(logits: Tensor) -> Tensor:
    return -log_softmax(logits).diagonal()


def infonce(
    zs: Tensor,
    zt: Tensor,
    tau: float,
    embed: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = lambda a, b: (unit(a), unit(b)),
    scale: Part = lambda cosine, tau: cosine / tau,
    entropy: Part = named_by_diagonal,
    average: Part = torch.mean,
) -> Tensor:
    a, b = embed(zs, zt.detach())
    return average(entropy(scale(a @ b.T, tau)))


# --- FSP ---


def fsp(f1: Tensor, f2: Tensor) -> Tensor:
    return (f1[:, :, None] * f2[:, None]).mean((3, 4))
