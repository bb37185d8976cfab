"""Drawn scenes: several shapes in one image, with boxes for a detector and a class for each pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kdcourse.data._checks import check_least
from kdcourse.data.shapes import _check_kinds, _check_visible, _depth_inside, _extent

SCENE_KINDS = ("triangle", "square", "circle", "star4", "ring")
"""The shapes that `draw_scenes` draws if it is not told otherwise, in the order of their labels.

Lecture:
    08_detection, section 1, through `draw_scenes`.
"""

_BACKGROUND, _CONTRAST = 0.25, 0.5  # as of `draw_shapes`
_TRIES = 12  # places that are drawn for an image; those that would touch an earlier one are left out
_CHUNK = 512  # images drawn together


class SceneSet(NamedTuple):
    """Scenes with everything that is known about them. M is the largest number of shapes in an image.

    images: (N, 1, size, size) float32 in [0, 1].
    labels: (N, M) int64, the place of each shape's name in ``kinds``; -1 where there is no shape.
    boxes: (N, M, 4) float32, x1, y1, x2, y2 in pixels, x2 and y2 exclusive; zeros where there is no shape.
    masks: (N, size, size) int64, 0 for background, else 1 + label of the shape that covers the pixel.

    Lecture:
        08_detection, section 1, through `draw_scenes`.
    """

    images: Tensor
    labels: Tensor
    boxes: Tensor
    masks: Tensor

    def targets(self) -> list[dict[str, Tensor]]:
        """For each image its boxes and labels, in the form that torchvision and torchmetrics use."""
        return [
            {"boxes": boxes[labels >= 0], "labels": labels[labels >= 0]}
            for boxes, labels in zip(self.boxes, self.labels, strict=True)
        ]


def draw_scenes(
    n: int,
    *,
    seed: int,
    size: int = 32,
    kinds: Sequence[str] = SCENE_KINDS,
    most: int = 3,
    noise: float = 0.15,
    rotation: float = 20.0,
    radius: tuple[float, float] = (0.2, 0.4),
) -> SceneSet:
    """Draw n scenes of 1 to `most` shapes that do not overlap.

    Lengths are in units of half the image's side: the field is [-1, 1] x [-1, 1].

    n: number of images.
    size: pixels per side.
    kinds: names out of ``SHAPE_NAMES``; label c is kinds[c]. Each shape's kind is drawn uniformly.
    most: largest number of shapes. The number is drawn uniformly from 1 to `most`; where no room is found for
        as many, there are fewer.
    noise: standard deviation of the Gaussian noise on each pixel. Before noise the background is 0.25 and a
        shape 0.75; afterwards all is cut to [0, 1].
    rotation: largest angle in degrees, either way, from the upright position.
    radius: smallest and largest radius. Rotation and radius are uniform; so is the centre, over all places
        where the shape lies within the field.

    The first m of n images are those of ``draw_scenes(m, ...)``, so draw training, validation and test images
    from different seeds.

    Raises ValueError for unknown or repeated kinds, numbers out of range, and shapes that may cover no pixel.

    Lecture:
        08_detection, section 1.

    >>> scenes = draw_scenes(10, seed=0)
    >>> scenes.images.shape, scenes.boxes.shape, scenes.masks.shape
    (torch.Size([10, 1, 32, 32]), torch.Size([10, 3, 4]), torch.Size([10, 32, 32]))
    """
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    _check(n, seed, size, kinds, most, noise, rotation, radius)
    # One stream per purpose, each read image by image: this makes a short draw the start of a long one.
    pose_rng, noise_rng = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(2))
    draws = torch.from_numpy(pose_rng.random((n, 1 + 5 * _TRIES), dtype=np.float32))
    wanted = 1 + (most * draws[:, 0]).long()
    x, y, turn, large, kind = draws[:, 1:].unflatten(1, (_TRIES, 5)).unbind(2)
    radii = radius[0] + (radius[1] - radius[0]) * large
    centres = (1 - radii)[:, :, None] * (2 * torch.stack([x, y], dim=2) - 1)
    angles = math.radians(rotation) * (2 * turn - 1)
    places = _places(centres, radii, wanted, most)  # (N, most), numbers of tries, -1 for none
    labels = torch.where(places >= 0, (len(kinds) * kind).long().gather(1, places.clamp(min=0)), -1)

    images = torch.empty(n, 1, size, size, dtype=torch.float32)
    masks = torch.zeros(n, size, size, dtype=torch.int64)
    boxes = torch.zeros(n, most, 4)
    for start in range(0, n, _CHUNK):
        part = slice(start, start + _CHUNK)
        grey = torch.zeros(len(images[part]), size, size)
        for place in range(most):
            for number, name in enumerate(kinds):
                rows = start + (labels[part, place] == number).nonzero().squeeze(1)
                if not len(rows):
                    continue
                drawn = places[rows, place]
                inside = _depth_inside(
                    name, centres[rows, drawn], angles[rows, drawn], radii[rows, drawn], size
                )
                boxes[rows, place] = _extent(inside > 0)
                masks[rows] = torch.where(inside > 0, number + 1, masks[rows])
                # The edge is about one pixel wide: the slope of sigmoid(4 d) at d = 0 is 1.
                grey[rows - start] = torch.maximum(grey[rows - start], inside.mul_(2 * size).sigmoid_())
        grey.mul_(_CONTRAST).add_(_BACKGROUND)
        if noise > 0:
            grey += noise * torch.from_numpy(noise_rng.standard_normal(grey.shape, dtype=np.float32))
        images[part, 0] = grey.clamp_(0, 1)
    return SceneSet(images, labels, boxes, masks)


def _places(centres: Tensor, radii: Tensor, wanted: Tensor, most: int) -> Tensor:
    """(N, most): the first tries of each image that touch none before them, as many as wanted."""
    taken = torch.full((len(radii), most), -1)
    count = torch.zeros(len(radii), dtype=torch.int64)
    free = torch.ones(radii.shape, dtype=torch.bool)
    for number in range(_TRIES):
        rows = (free[:, number] & (count < wanted)).nonzero().squeeze(1)
        taken[rows, count[rows]] = number
        count[rows] += 1
        apart = (centres[rows] - centres[rows, number, None]).norm(dim=2)
        free[rows] &= apart > radii[rows] + radii[rows, number, None]
    return taken


def _check(n, seed, size, kinds, most, noise, rotation, radius) -> None:
    check_least(n=(n, 1), seed=(seed, 0), size=(size, 8), most=(most, 1))
    _check_kinds(kinds)
    if most > _TRIES:
        raise ValueError(f"most: expected at most {_TRIES} shapes, got {most}")
    for name, value in (("noise", noise), ("rotation", rotation)):
        if not 0 <= value < math.inf:
            raise ValueError(f"{name}: expected a finite number >= 0, got {value}")
    if len(radius) != 2 or not 0 < radius[0] <= radius[1] < 1:
        raise ValueError(
            f"radius: expected (smallest, largest) with 0 < smallest <= largest < 1, got {radius}"
        )
    _check_visible(kinds, size, radius)
