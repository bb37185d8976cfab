"""Our own formulas for comparing methods, in float64 and independent of `kdcourse.evaluation`.

Each is put together from parts, so that a mistake is the formula with another part.
"""

import torch
from scipy import stats
from torch import Tensor

# --- paired interval: the parts ---


def gains(method: Tensor, baseline: Tensor) -> Tensor:
    return method - baseline


def centre(d: Tensor) -> Tensor:
    return d.mean()


def spread(d: Tensor) -> Tensor:
    return d.std()


def root(n: int) -> float:
    return n**0.5


def quantile(confidence: float, n: int) -> float:
    return float(stats.t.ppf((1 + confidence) / 2, n - 1))


def around(middle: Tensor, half: Tensor) -> Tensor:
    return torch.stack([middle, middle - half, middle + half])


def paired(
    method: Tensor,
    baseline: Tensor,
    confidence: float = 0.95,
    *,
    gains=gains,
    centre=centre,
    spread=spread,
    root=root,
    quantile=quantile,
) -> Tensor:
    """(mean, low, high)."""
    d = gains(method, baseline)
    return around(centre(d), quantile(confidence, len(d)) * spread(d) / root(len(d)))


# --- Holm's adjusted p-values: the parts work on sorted p-values ---


def falling(p: Tensor) -> Tensor:
    """The smallest times m, the next times m - 1, ..."""
    return p * torch.arange(len(p), 0, -1)


def growing(p: Tensor) -> Tensor:
    return p.cummax(0).values


def capped(p: Tensor) -> Tensor:
    return p.clamp(max=1)


def put_back(p: Tensor, order: Tensor) -> Tensor:
    return torch.empty_like(p).scatter(0, order, p)


def holm(p: Tensor, *, times=falling, grow=growing, cap=capped, back=put_back) -> Tensor:
    order = p.argsort(stable=True)
    return back(cap(grow(times(p[order]))), order)


# --- mean ranks ---


def places(scores: Tensor) -> Tensor:
    """Of each method within each block, 1 the best, ties averaged: (k, n) -> (k, n)."""
    above = (scores[None] > scores[:, None]).sum(1)
    level = (scores[None] == scores[:, None]).sum(1)
    return 1 + above + (level - 1) / 2


def over_blocks(places: Tensor) -> Tensor:
    return places.double().mean(1)


def mean_ranks(scores: Tensor, *, places=places, combine=over_blocks) -> Tensor:
    return combine(places(scores))
