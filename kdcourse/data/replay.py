"""Augmentation that can be replayed: each image's distortion is a function of one stored number, its seed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from kdcourse.data.augment import affine_from_draws

_MASK = 0xFFFFFFFF


def uniform_from_seeds(seeds: Tensor, count: int) -> Tensor:
    """`count` numbers in [0, 1) for every seed, each a function of its seed and its place alone.

    A 32-bit hash of seed and place (rounds of shift, exclusive or, and multiply), so that a million
    seeds cost one pass over memory, where a `torch.Generator` for each would cost seconds. Fit for
    augmentation, not for cryptography.

    Shapes: (...) of integers in 0 .. 2**32 - 1 -> (..., count), float32.

    Lecture:
        13_pretraining_distillation, section 1, through `SeededAffine`.

    >>> seeds = torch.tensor([7, 8])
    >>> bool((uniform_from_seeds(seeds, 3)[1] == uniform_from_seeds(seeds[1], 3)).all())
    True
    """
    places = torch.arange(1, count + 1, dtype=torch.int64, device=seeds.device)
    mixed = _mix(seeds.long()[..., None] & _MASK) + 0x9E3779B9 * places  # 2**32 divided by the golden ratio
    return (_mix(mixed & _MASK) >> 8).float() * 2.0**-24  # 24 bits are what a float32 holds


def _mix(x: Tensor) -> Tensor:
    # The numbers stay below 2**32 and the factors below 2**31, so int64 holds every product.
    x = (x ^ (x >> 16)) * 0x45D9F3B & _MASK
    x = (x ^ (x >> 16)) * 0x45D9F3B & _MASK
    return x ^ (x >> 16)


@dataclass(frozen=True)
class SeededAffine:
    """Turn, scale, shift and perhaps mirror each image, by amounts that its seed decides.

    The same image and seed give the same result in any batch, any order and any process: a teacher can look
    at a distorted image today and a student, with nothing but the seed, at the same image next week. The
    strengths are those of `random_affine`; what comes in from outside is 0.

    Args:
        degrees, scale, shift: the largest angle, change of size and shift (a fraction of the side).
        mirror: mirror left to right with probability 1/2 first.

    Shapes: ``recipe(images, seeds)`` maps (..., C, H, W) and (...) to (..., C, H, W).

    Raises ValueError for negative or infinite strengths, scale >= 1, and another number of seeds than images.

    Lecture:
        13_pretraining_distillation, section 1.

    >>> recipe = SeededAffine(degrees=12)
    >>> image = torch.rand(1, 1, 8, 8)
    >>> twice = recipe(image.expand(2, 1, 8, 8), torch.tensor([5, 6]))
    >>> bool((twice[1] == recipe(image, torch.tensor([6]))[0]).all())
    True
    """

    degrees: float = 12.0
    scale: float = 0.12
    shift: float = 0.08
    mirror: bool = False

    def __post_init__(self):
        for name in ("degrees", "scale", "shift"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{name}: expected a finite number >= 0, got {value}")
        if self.scale >= 1:
            raise ValueError(
                f"scale: expected less than 1 (1 would shrink an image to nothing), got {self.scale}"
            )

    def __call__(self, images: Tensor, seeds: Tensor) -> Tensor:
        if images.dim() < 3 or seeds.shape != images.shape[:-3]:
            raise ValueError(
                f"seeds: expected one for each image, got shapes {tuple(seeds.shape)} and "
                f"{tuple(images.shape)}"
            )
        draws = uniform_from_seeds(seeds, 5).reshape(-1, 5).to(images)
        if self.mirror:
            mirrored = draws[:, 4].reshape(*seeds.shape, 1, 1, 1) < 0.5
            images = torch.where(mirrored, images.flip(-1), images)
        return affine_from_draws(images, draws[:, :4], self.degrees, self.scale, self.shift)

    def describe(self) -> dict:
        """What a soft-label store writes down, to refuse another recipe later."""
        return {"name": type(self).__name__, "version": 1, **asdict(self)}
