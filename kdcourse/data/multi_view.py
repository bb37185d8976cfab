"""Multi-view data: each class can be told by two features, but some examples show only one of them."""

from __future__ import annotations

import math
from operator import index as to_int
from typing import NamedTuple

import torch
from torch import Tensor

from kdcourse.data._checks import check_least


class MultiViewSet(NamedTuple):
    """Examples in patches: one for each feature, and one of noise.

    features: (N, 4) float32, how strongly each feature is seen; 0 and 1 tell class 0, 2 and 3 class 1.
    noise: (N, noise_size) float32, the patch of noise; features and noise are at right angles.
    labels: (N,) int64, 0 or 1.
    single: (N,) bool, whether only one of the class's two features is seen.

    Lecture:
        17_why_multi_view, section 1, through `draw_multi_view`.
    """

    features: Tensor
    noise: Tensor
    labels: Tensor
    single: Tensor


def draw_multi_view(
    n: int,
    *,
    seed: int,
    single: float = 0.2,
    weak: float = 0.1,
    weak_views: int = 1,
    noise_size: int = 160,
    noise: float = 2.6,
) -> MultiViewSet:
    """Draw n examples of two equally probable classes.

    An example shows both features of its class with strength 1, or, with probability `single`, only one of
    them, either with probability one half. Of the other class's features `weak_views` are seen with strength
    `weak`. The noise has a random direction and the length `noise`.

    n: number of examples.
    single: probability of an example with a single view.
    weak: strength of the other class's features.
    weak_views: 1 or 2; if 1, either of them with probability one half.
    noise_size: numbers in the patch of noise.
    noise: its length.

    The first m of n examples are those of ``draw_multi_view(m, ...)``, so draw training and test examples
    from different seeds.

    Raises ValueError for numbers out of range.

    Lecture:
        17_why_multi_view, section 1.

    >>> examples = draw_multi_view(5, seed=0)
    >>> examples.features.shape, examples.noise.shape
    (torch.Size([5, 4]), torch.Size([5, 160]))
    """
    check_least(n=(n, 1), seed=(seed, 0), noise_size=(noise_size, 1))
    if not 0 <= single <= 1:
        raise ValueError(f"single: expected a probability, got {single}")
    for name, value in (("weak", weak), ("noise", noise)):
        if not 0 <= value < math.inf:
            raise ValueError(f"{name}: expected a finite number >= 0, got {value}")
    if weak_views not in (1, 2):
        raise ValueError(f"weak_views: expected 1 or 2, got {weak_views}")
    # A stream for the examples and one for the noise, each read example by example: this makes a short draw
    # the start of a long one.
    streams = [torch.Generator().manual_seed(2 * to_int(seed) + stream) for stream in (0, 1)]
    draws = torch.rand(n, 4, generator=streams[0])
    labels = (draws[:, 0] < 0.5).long()
    alone = draws[:, 1] < single
    own = torch.ones(n, 2)
    own[alone, (draws[alone, 2] < 0.5).long()] = 0
    other = torch.full((n, 2), float(weak))
    if weak_views == 1:
        other[torch.arange(n), (draws[:, 3] < 0.5).long()] = 0
    first = (labels == 0)[:, None]
    features = torch.cat([torch.where(first, own, other), torch.where(first, other, own)], dim=1)
    directions = torch.randn(n, noise_size, generator=streams[1])
    return MultiViewSet(features, noise * directions / directions.norm(dim=1, keepdim=True), labels, alone)
