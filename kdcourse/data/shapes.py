"""Drawn shapes: as many labelled images as wanted, with boxes and masks, and a difficulty that can be tuned.

A shape is an outline in polar coordinates. A pixel at distance r and angle theta from the centre lies inside
when r < R f(theta - phi), with radius R, rotation phi and

- circle: f = 1;
- polygon with k sides: f = cos(pi/k) / cos((theta mod 2 pi/k) - pi/k);
- star with k points: f = 1 - (1 - cos(k theta)) / 4, from 1 at the points to 1/2 between them;
- ring: a circle without the circle of 0.55 times its radius.

Some are easily confused (pentagon, hexagon, circle; stars with 4, 5 and 6 points; triangle and star with 3),
so a teacher's probabilities say more about an image than its label does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kdcourse.data.sets import ImageSet

SHAPE_NAMES = (
    "triangle", "square", "pentagon", "hexagon", "circle", "star3", "star4", "star5", "star6", "ring",
)  # fmt: skip
"""All shapes that `draw_shapes` can draw, in the order of the labels that it gives them by default.

Lecture:
    01_soft_targets, section 8.
"""

_POLYGON_SIDES = {"triangle": 3, "square": 4, "pentagon": 5, "hexagon": 6}
_STAR_POINTS = {"star3": 3, "star4": 4, "star5": 5, "star6": 6}
_STAR_VALLEY = 0.5
_RING_HOLE = 0.55
_BACKGROUND, _CONTRAST = 0.25, 0.5  # leaves room for noise on both sides before it is cut to [0, 1]
_CHUNK_PIXELS = 2**18  # pixels drawn together, 1 MB a tensor: as fast as a large piece, without its memory


class ShapeSet(NamedTuple):
    """Drawn shapes with everything that is known about them.

    images: (N, 1, size, size) float32 in [0, 1].
    labels: (N,) int64, the place of the shape's name in ``kinds``.
    boxes: (N, 4) float32, x1, y1, x2, y2 in pixels: the extent of the mask. x2 and y2 are the first column
        and row after the shape, so that width = x2 - x1; ``torchvision.ops.masks_to_boxes`` gives x2 - 1 and
        y2 - 1.
    masks: (N, size, size) bool, the pixels inside the outline, before noise.

    Lecture:
        01_soft_targets, section 8, through `draw_shapes`.
    """

    images: Tensor
    labels: Tensor
    boxes: Tensor
    masks: Tensor

    def image_set(self) -> ImageSet:
        """Images and labels only, for classification."""
        return ImageSet(self.images, self.labels)


def draw_shapes(
    n: int,
    *,
    seed: int,
    size: int = 16,
    kinds: Sequence[str] = SHAPE_NAMES,
    noise: float = 0.2,
    rotation: float = 20.0,
    jitter: float = 0.12,
    radius: tuple[float, float] = (0.45, 0.75),
) -> ShapeSet:
    """Draw n shapes of the given kinds, with boxes and masks.

    Lengths are in units of half the image's side: the field is [-1, 1] x [-1, 1].

    n: number of images.
    size: pixels per side.
    kinds: names out of ``SHAPE_NAMES``; label c is kinds[c].
    noise: standard deviation of the Gaussian noise on each pixel. Before noise the background is 0.25 and the
        shape 0.75; afterwards all is cut to [0, 1].
    rotation: largest angle in degrees, either way, from the upright position (polygons on a flat side, stars
        with a point up).
    jitter: largest shift of the centre along each axis.
    radius: smallest and largest radius. Rotation, shift and radius are uniform.

    Labels are balanced and shuffled: every block of ``len(kinds)`` images holds each kind once, in random
    order. The first m of n images are those of ``draw_shapes(m, ...)``, so draw training, validation and test
    images from different seeds. Centre, angle, radius and noise of image i depend on the seed and i, not on
    ``kinds``.

    Raises ValueError for unknown or repeated kinds, numbers out of range, and radii with which a shape could
    leave the field (``radius[1] + jitter > 1``) or cover no pixel.

    Lecture:
        01_soft_targets, section 8.

    >>> shapes = draw_shapes(100, seed=0)
    >>> shapes.images.shape, shapes.boxes.shape, shapes.masks.shape
    (torch.Size([100, 1, 16, 16]), torch.Size([100, 4]), torch.Size([100, 16, 16]))
    >>> shapes.labels.bincount().tolist()
    [10, 10, 10, 10, 10, 10, 10, 10, 10, 10]
    """
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    _check(n, seed, size, kinds, noise, rotation, jitter, radius)
    # One stream per purpose, each read image by image: this makes a short draw the start of a long one.
    label_rng, pose_rng, noise_rng = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(3))
    labels = _balanced_labels(n, len(kinds), label_rng)
    pose = torch.from_numpy(pose_rng.random((n, 4), dtype=np.float32))
    centre = jitter * (2 * pose[:, :2] - 1)
    angle = math.radians(rotation) * (2 * pose[:, 2] - 1)
    radii = radius[0] + (radius[1] - radius[0]) * pose[:, 3]

    images = torch.empty(n, 1, size, size, dtype=torch.float32)
    masks = torch.empty(n, size, size, dtype=torch.bool)
    chunk = max(1, _CHUNK_PIXELS // size**2)
    for start in range(0, n, chunk):
        part = slice(start, start + chunk)
        inside = torch.empty(len(labels[part]), size, size, dtype=torch.float32)
        for number, kind in enumerate(kinds):
            rows = (labels[part] == number).nonzero().squeeze(1)
            inside[rows] = _depth_inside(kind, centre[part][rows], angle[part][rows], radii[part][rows], size)
        masks[part] = inside > 0
        # The edge is about one pixel wide: the slope of sigmoid(4 d) at d = 0 is 1.
        grey = inside.mul_(2 * size).sigmoid_().mul_(_CONTRAST).add_(_BACKGROUND)
        if noise > 0:
            grey += noise * torch.from_numpy(noise_rng.standard_normal(grey.shape, dtype=np.float32))
        images[part, 0] = grey.clamp_(0, 1)
    return ShapeSet(images, labels, _extent(masks), masks)


def _balanced_labels(n: int, classes: int, rng: np.random.Generator) -> Tensor:
    """(n,): every block of as many labels as there are classes holds each once, in random order."""
    blocks = np.tile(np.arange(classes), (-(-n // classes), 1))
    return torch.from_numpy(rng.permuted(blocks, axis=1).reshape(-1)[:n]).long()


def _depth_inside(kind: str, centre: Tensor, angle: Tensor, radius: Tensor, size: int) -> Tensor:
    """R f(theta - phi) - r at each pixel centre, (m, size, size): positive inside the shape."""
    pixel = (torch.arange(size, dtype=torch.float32) + 0.5) * (2 / size) - 1
    x = (pixel - centre[:, :1])[:, None, :]
    y = (pixel - centre[:, 1:])[:, :, None]
    r, radius = torch.sqrt(x * x + y * y), radius[:, None, None]
    if kind == "circle":
        return radius - r
    if kind == "ring":
        return torch.minimum(radius - r, r - _RING_HOLE * radius)
    theta = torch.atan2(x, -y) - angle[:, None, None]  # clockwise from straight up
    if kind in _STAR_POINTS:
        outline = 1 - (1 - _STAR_VALLEY) / 2 * (1 - torch.cos(_STAR_POINTS[kind] * theta))
    else:
        sides = _POLYGON_SIDES[kind]
        side = 2 * math.pi / sides
        if sides % 2 == 0:  # with a corner up, a square would stand on a corner too
            theta = theta + side / 2
        outline = math.cos(side / 2) / torch.cos(torch.remainder(theta, side) - side / 2)
    return radius * outline - r


def _extent(masks: Tensor) -> Tensor:
    """(N, H, W) masks, none empty -> (N, 4) boxes x1, y1, x2, y2 with exclusive ends."""
    edges = []
    for filled in (masks.any(dim=1), masks.any(dim=2)):
        first = filled.to(torch.uint8).argmax(1)
        last = filled.shape[1] - filled.flip(1).to(torch.uint8).argmax(1)
        edges.append((first, last))
    (x1, x2), (y1, y2) = edges
    return torch.stack([x1, y1, x2, y2], dim=1).to(torch.float32)


def _inner_radius(kind: str) -> float:
    """Radius of a disc that fits inside the shape of radius 1, however it is turned."""
    if kind == "ring":
        return (1 - _RING_HOLE) / 2
    if kind in _STAR_POINTS:
        return _STAR_VALLEY
    return math.cos(math.pi / _POLYGON_SIDES[kind]) if kind in _POLYGON_SIDES else 1.0


def _check(n, seed, size, kinds, noise, rotation, jitter, radius) -> None:
    if n < 1:
        raise ValueError(f"n: expected at least 1 image, got {n}")
    if seed < 0:
        raise ValueError(f"seed: expected a number >= 0, got {seed}")
    if size < 1:
        raise ValueError(f"size: expected at least 1 pixel, got {size}")
    _check_kinds(kinds)
    for name, value in (("noise", noise), ("rotation", rotation), ("jitter", jitter)):
        if not 0 <= value < math.inf:
            raise ValueError(f"{name}: expected a finite number >= 0, got {value}")
    if len(radius) != 2 or not 0 < radius[0] <= radius[1]:
        raise ValueError(f"radius: expected (smallest, largest) with 0 < smallest <= largest, got {radius}")
    if radius[1] + jitter > 1 + 1e-9:
        raise ValueError(
            f"radius[1] + jitter = {radius[1]} + {jitter} is more than 1: a shape could leave the field"
        )
    _check_visible(kinds, size, radius)


def _check_kinds(kinds: Sequence[str]) -> None:
    unknown = [kind for kind in kinds if kind not in SHAPE_NAMES]
    if unknown or not kinds or len(set(kinds)) < len(kinds):
        raise ValueError(f"kinds: expected different names out of {', '.join(SHAPE_NAMES)}; got {kinds}")


def _check_visible(kinds: Sequence[str], size: int, radius: tuple[float, float]) -> None:
    # A disc whose radius is half a pixel's diagonal covers the centre of at least one pixel wherever it lies.
    smallest = max(math.sqrt(2) / (size * _inner_radius(kind)) for kind in kinds)
    if radius[0] < smallest:
        raise ValueError(
            f"radius[0]: a shape of radius {radius[0]} may cover no pixel of a {size}x{size} image; "
            f"expected at least {smallest:.3f} for these kinds, or a larger size"
        )
