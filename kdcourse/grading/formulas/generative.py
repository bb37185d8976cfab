"""The formulas of compressed generators, in float64 and put together from parts that a mistake exchanges."""

from collections.abc import Callable

import torch
from torch import Tensor

Part = Callable[..., Tensor]


# --- features of several layers: the parts are functions of (adapted student, teacher) and of the layers ---


def mean_square(a: Tensor, t: Tensor) -> Tensor:
    return (a - t).square().mean()


def added(terms: list[Tensor], sizes: list[int]) -> Tensor:
    return torch.stack(terms).sum()


def compression(
    students: list[Tensor], teachers: list[Tensor], adapters: list[Callable],
    compare: Part = mean_square, gather: Part = added,
) -> Tensor:  # fmt: skip
    terms = [compare(a(s), t.detach()) for s, t, a in zip(students, teachers, adapters, strict=True)]
    return gather(terms, [t.numel() for t in teachers])


# --- Fréchet distance: the parts are functions of samples (N, D), of means and of covariances ---


def apart(m: Tensor, n: Tensor) -> Tensor:
    return (m - n).square().sum()


def unbiased(x: Tensor) -> Tensor:
    centred = x - x.mean(0)
    return centred.T @ centred / (len(x) - 1)


def root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return vectors @ values.clamp(min=0).sqrt().diag() @ vectors.T


def spread(a: Tensor, b: Tensor) -> Tensor:
    middle = root(a) @ b @ root(a)
    return a.trace() + b.trace() - 2 * root((middle + middle.T) / 2).trace()


def whole(one: Tensor, other: Tensor) -> Tensor:
    return one + other


def frechet(
    x: Tensor, y: Tensor,
    means: Part = apart, covariance: Part = unbiased, mix: Part = spread, finish: Part = whole,
) -> Tensor:  # fmt: skip
    return finish(means(x.mean(0), y.mean(0)), mix(covariance(x), covariance(y)))
