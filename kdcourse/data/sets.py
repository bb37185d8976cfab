"""Images with their labels, for one seed or for several at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class ImageSet(NamedTuple):
    """Images and their labels.

    images: (N, C, H, W) float32 in [0, 1]; C = 1 for grey images.
    labels: (N,) int64.

    A set of several seeds, made by ``stack_sets``, has a leading seed dimension: (S, N, C, H, W) and (S, N).

    Lecture:
        00_start_here, section 2.
    """

    images: Tensor
    labels: Tensor

    def to(self, device: torch.device | str) -> ImageSet:
        """The same set on another device."""
        return ImageSet(self.images.to(device), self.labels.to(device))


def stack_sets(sets: Sequence[ImageSet]) -> ImageSet:
    """Stack the sets of S seeds along a new first dimension, for training S networks at once.

    Shapes: S sets of (N, C, H, W) and (N,) -> one set of (S, N, C, H, W) and (S, N).

    Raises ValueError for an empty sequence and for sets of different sizes.

    Lecture:
        00_start_here, section 2.

    >>> from kdcourse.data import split_digits
    >>> stack_sets([split_digits(seed).labelled for seed in range(8)]).images.shape
    torch.Size([8, 100, 1, 8, 8])
    """
    sets = list(sets)
    if not sets:
        raise ValueError("sets: expected at least one ImageSet, got none")
    for name in ("images", "labels"):
        sizes = [tuple(getattr(one, name).shape) for one in sets]
        if len(set(sizes)) > 1:
            other = next(place for place, size in enumerate(sizes) if size != sizes[0])
            raise ValueError(
                f"sets: all {name} must have the same shape, "
                f"but set 0 has {sizes[0]} and set {other} has {sizes[other]}"
            )
    return ImageSet(torch.stack([one.images for one in sets]), torch.stack([one.labels for one in sets]))
