"""Augmentation on tensors: many images at once, all randomness from a generator that the caller passes."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from kdcourse.data.sets import ImageSet


def random_affine(
    images: Tensor,
    *,
    degrees: float = 12.0,
    scale: float = 0.12,
    shift: float = 0.08,
    generator: torch.Generator,
) -> Tensor:
    """Turn and scale each image about its centre and shift it, all at random, with bilinear interpolation.

    For each image: an angle in [-degrees, degrees], a factor in [1 - scale, 1 + scale], and along each axis a
    shift in [-shift, shift] as a fraction of the image's side, all uniform. What comes in from outside is 0:
    right for digits, whose background is 0; drawn shapes would get dark borders.

    Shapes: (..., C, H, W) -> the same, with any leading dimensions, such as (N,) or (S, N); the C channels of
    an image move together. The input is not changed. Zero strengths give the images back, to rounding.

    Raises ValueError for fewer than three dimensions, images that are not floating-point, negative or
    infinite strengths and scale >= 1.

    Lecture:
        14_netaug, section 1.

    >>> digits = torch.rand(8, 100, 1, 8, 8)
    >>> random_affine(digits, generator=torch.Generator().manual_seed(0)).shape
    torch.Size([8, 100, 1, 8, 8])
    """
    _check_images(images)
    for name, value in (("degrees", degrees), ("scale", scale), ("shift", shift)):
        if not 0 <= value < math.inf:
            raise ValueError(f"{name}: expected a finite number >= 0, got {value}")
    if scale >= 1:
        raise ValueError(f"scale: expected less than 1 (1 would shrink an image to nothing), got {scale}")
    count = math.prod(images.shape[:-3])
    draws = torch.rand(count, 4, generator=generator, device=generator.device, dtype=torch.float32)
    return affine_from_draws(images, draws.to(images), degrees, scale, shift)


def affine_from_draws(images: Tensor, draws: Tensor, degrees: float, scale: float, shift: float) -> Tensor:
    """What `random_affine` does, with its four uniform numbers in [0, 1) for each image: shape (n, 4)."""
    flat = images.reshape(-1, *images.shape[-3:])
    height, width = images.shape[-2:]
    angle, factor, dx, dy = (2 * draws - 1).unbind(1)
    angle = angle * math.radians(degrees)
    factor = 1 + scale * factor
    dx, dy = 2 * shift * dx, 2 * shift * dy  # the side is 2 in the units of affine_grid
    # affine_grid asks for the way back: from a place in the output to its place in the input. Its units are
    # not the same along both axes of an oblong image; H / W keeps the rotation a rotation there.
    cos, sin = angle.cos() / factor, angle.sin() / factor
    row_x = torch.stack([cos, sin * (height / width), -(cos * dx + sin * (height / width) * dy)], dim=1)
    row_y = torch.stack([-sin * (width / height), cos, -(cos * dy - sin * (width / height) * dx)], dim=1)
    grid = F.affine_grid(torch.stack([row_x, row_y], dim=1), list(flat.shape), align_corners=False)
    moved = F.grid_sample(flat, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return moved.reshape(images.shape)


def random_flip_shift(images: Tensor, *, pixels: int = 1, generator: torch.Generator) -> Tensor:
    """Mirror each image left to right with probability 1/2, and shift it by whole pixels.

    The shift along each axis is uniform on -pixels, ..., pixels; what comes in repeats the border. Not for
    digits: a mirrored 2 is no digit.

    Shapes: (..., C, H, W) -> the same, with any leading dimensions. The input is not changed.

    Raises ValueError for fewer than three dimensions, images that are not floating-point and negative
    ``pixels``.

    Lecture:
        01_soft_targets, section 8.

    >>> shapes = torch.rand(100, 1, 16, 16)
    >>> random_flip_shift(shapes, generator=torch.Generator().manual_seed(0)).shape
    torch.Size([100, 1, 16, 16])
    """
    _check_images(images)
    if pixels < 0:
        raise ValueError(f"pixels: expected a number >= 0, got {pixels}")
    flat = images.reshape(-1, *images.shape[-3:])
    height, width = images.shape[-2:]
    draw = {"generator": generator, "device": generator.device}
    shifts = torch.randint(-pixels, pixels + 1, (len(flat), 2), **draw).to(images.device)
    mirrored = torch.randint(0, 2, (len(flat), 1), **draw).to(images.device, torch.bool)
    rows = (torch.arange(height, device=images.device) - shifts[:, :1]).clamp(0, height - 1)
    columns = torch.arange(width, device=images.device).expand(len(flat), width)
    columns = torch.where(mirrored, width - 1 - columns, columns) - shifts[:, 1:]
    columns = columns.clamp(0, width - 1)
    which = torch.arange(len(flat), device=images.device)
    moved = flat[which[:, None, None], :, rows[:, :, None], columns[:, None, :]]  # (n, H, W, C)
    return moved.permute(0, 3, 1, 2).reshape(images.shape)


def augmented_pool(
    dataset: ImageSet,
    *,
    copies: int = 10,
    seed: int,
    transform: Callable[..., Tensor] = random_affine,
) -> ImageSet:
    """The images followed by ``copies`` transformed copies of each, with their labels.

    With a fixed pool the teacher labels every image once, instead of again at every step. Copy c of image i
    is at place c * N + i; copy 0 is the original, untouched. ``transform(images, generator=...)`` must return
    images of the same shape.

    Shapes: (N, C, H, W) and (N,) -> (N (copies + 1), C, H, W) and (N (copies + 1),). A set with a leading
    seed dimension S keeps it, and each seed's images are transformed independently.

    Raises ValueError for negative ``copies`` and for a transform that changes the shape.

    Lecture:
        00_start_here, section 3.

    >>> from kdcourse.data import split_digits
    >>> augmented_pool(split_digits(0).labelled, copies=10, seed=0).images.shape
    torch.Size([1100, 1, 8, 8])
    """
    if copies < 0:
        raise ValueError(f"copies: expected a number >= 0, got {copies}")
    generator = torch.Generator().manual_seed(seed)
    parts = [dataset.images]
    for _ in range(copies):
        parts.append(transform(dataset.images, generator=generator))
        if parts[-1].shape != dataset.images.shape:
            raise ValueError(
                f"transform: expected images of shape {tuple(dataset.images.shape)}, "
                f"got {tuple(parts[-1].shape)}"
            )
    images_at = dataset.labels.dim() - 1  # the dimension that counts images: 0, or 1 after the seeds
    return ImageSet(
        torch.cat(parts, dim=images_at), torch.cat([dataset.labels] * (copies + 1), dim=images_at)
    )


def _check_images(images: Tensor) -> None:
    if images.dim() < 3:
        raise ValueError(f"images: expected (..., C, H, W), got shape {tuple(images.shape)}")
    if not images.is_floating_point():
        raise ValueError(f"images: expected floating-point numbers, got {images.dtype}")
