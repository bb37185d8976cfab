"""Points of normal distributions whose class probabilities are known: what no real data set can offer."""

from __future__ import annotations

import math
from operator import index as to_int
from typing import NamedTuple

import torch
from torch import Tensor

from kdcourse.data._checks import check_least


class GaussianSet(NamedTuple):
    """Points with labels, and with the probability of every label.

    inputs: (N, 2) float64.
    labels: (N,) int64, drawn from the row of ``probabilities``.
    probabilities: (N, classes) float64, the exact P(y | x).

    Lecture:
        15_why_risk_and_bounds, section 1, through `draw_gaussians`.
    """

    inputs: Tensor
    labels: Tensor
    probabilities: Tensor


def draw_gaussians(n: int, *, seed: int, classes: int = 3, radius: float = 1.5) -> GaussianSet:
    """Draw n points of a mixture of equally probable normal distributions in the plane.

    Class c has variance 1 along both axes, and its mean on a circle of the given radius, at the angle
    2 pi c / classes. By Bayes' rule P(y = c | x) is the softmax over c of -||x - mean_c||^2 / 2.

    n: number of points.
    classes: number of distributions, at least 2.
    radius: of the circle; the smaller, the more the classes overlap.

    The first m of n points are those of ``draw_gaussians(m, ...)``, so draw training and test points from
    different seeds.

    Raises ValueError for numbers out of range.

    Lecture:
        15_why_risk_and_bounds, section 1.

    >>> points = draw_gaussians(4, seed=0)
    >>> points.inputs.shape, points.probabilities.shape
    (torch.Size([4, 2]), torch.Size([4, 3]))
    """
    check_least(n=(n, 1), seed=(seed, 0), classes=(classes, 2))
    if not 0 <= radius < math.inf:
        raise ValueError(f"radius: expected a finite number >= 0, got {radius}")
    # Numbers of one point are drawn together: this makes a short draw the start of a long one.
    generator = torch.Generator().manual_seed(to_int(seed))
    draws = torch.rand(n, 3, generator=generator, dtype=torch.float64)
    labels = (classes * draws[:, 0]).long()
    angles = 2 * math.pi * torch.arange(classes, dtype=torch.float64) / classes
    means = radius * torch.stack([angles.cos(), angles.sin()], dim=1)
    # Box and Muller's transform of two uniform numbers; 1 - u is never 0.
    lengths = (-2 * (1 - draws[:, 1]).log()).sqrt()
    turns = 2 * math.pi * draws[:, 2]
    inputs = means[labels] + lengths[:, None] * torch.stack([turns.cos(), turns.sin()], dim=1)
    squares = (inputs[:, None] - means).square().sum(dim=2)
    return GaussianSet(inputs, labels, (-squares / 2).softmax(dim=1))
