"""Drawn shapes of 80 classes that run into each other, for lessons in which soft labels matter.

A class is a kind, a size and a rotation. Size and rotation are continuous and cut into four bins each, so an
image near an edge of its bin looks like one of the class next door: a label says in which bin it lies, and a
teacher's probabilities say where between the bins.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from kdcourse.data._checks import check_least
from kdcourse.data.sets import ImageSet
from kdcourse.data.shapes import _balanced_labels, _depth_inside

SHAPE_GRID_KINDS = ("square", "pentagon", "triangle", "star4", "star3")
"""The kinds of shape of `draw_shape_grid`; its 80 classes are these at four sizes and four angles.

Lecture:
    13_pretraining_distillation, section 1.
"""

_SYMMETRY = {"square": 4, "pentagon": 5, "triangle": 3, "star4": 4, "star3": 3}
_BINS = 4
_SMALLEST, _LARGEST = 0.35, 0.85  # radii
_JITTER = 0.1
_BACKGROUND, _CONTRAST = 0.15, 0.7
_CHUNK = 2048  # images drawn together


def draw_shape_grid(n: int, *, seed: int, size: int = 16, noise: float = 0.15) -> ImageSet:
    """Draw n shapes of 5 kinds x 4 sizes x 4 rotations = 80 classes.

    The label is (4 * kind + size bin) * 4 + rotation bin, with kinds in the order of ``SHAPE_GRID_KINDS``. In
    units of half the image's side the radius is 0.35 + 0.5 (bin + u) / 4; the rotation is the symmetry angle
    (2 pi / 4 for a square) times (bin + u) / 4; u is uniform on [0, 1). The last rotation bin is a neighbour
    of the first.

    n: number of images.
    size: pixels per side, at least 8.
    noise: standard deviation of the Gaussian noise on each pixel. Before noise the background is 0.15 and the
        shape 0.85; afterwards all is cut to [0, 1].

    The centre is shifted by up to 0.1 along each axis. Labels are balanced and shuffled: every block of 80
    images holds each class once. The first m of n images are those of ``draw_shape_grid(m, ...)``, so draw
    training, validation and test images from different seeds.

    Raises ValueError for numbers out of range.

    Lecture:
        13_pretraining_distillation, section 1.

    >>> grid = draw_shape_grid(160, seed=0)
    >>> grid.images.shape, grid.labels.bincount().unique().tolist()
    (torch.Size([160, 1, 16, 16]), [2])
    """
    check_least(n=(n, 1), seed=(seed, 0), size=(size, 8))
    if not 0 <= noise < math.inf:
        raise ValueError(f"noise: expected a finite number >= 0, got {noise}")
    classes = len(SHAPE_GRID_KINDS) * _BINS**2
    # One stream per purpose, each read image by image: this makes a short draw the start of a long one.
    label_rng, pose_rng, noise_rng = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(3))
    labels = _balanced_labels(n, classes, label_rng)
    pose = torch.from_numpy(pose_rng.random((n, 4), dtype=np.float32))
    kinds, size_bins, rotation_bins = labels // _BINS**2, labels // _BINS % _BINS, labels % _BINS
    centre = _JITTER * (2 * pose[:, :2] - 1)
    radii = _SMALLEST + (_LARGEST - _SMALLEST) * (size_bins + pose[:, 2]) / _BINS
    symmetry = torch.tensor([2 * math.pi / _SYMMETRY[kind] for kind in SHAPE_GRID_KINDS])
    angle = symmetry[kinds] * (rotation_bins + pose[:, 3]) / _BINS

    images = torch.empty(n, 1, size, size, dtype=torch.float32)
    for start in range(0, n, _CHUNK):
        part = slice(start, start + _CHUNK)
        inside = torch.empty(len(labels[part]), size, size, dtype=torch.float32)
        for number, kind in enumerate(SHAPE_GRID_KINDS):
            rows = (kinds[part] == number).nonzero().squeeze(1)
            inside[rows] = _depth_inside(kind, centre[part][rows], angle[part][rows], radii[part][rows], size)
        grey = inside.mul_(2 * size).sigmoid_().mul_(_CONTRAST).add_(_BACKGROUND)
        if noise > 0:
            grey += noise * torch.from_numpy(noise_rng.standard_normal(grey.shape, dtype=np.float32))
        images[part, 0] = grey.clamp_(0, 1)
    return ImageSet(images, labels)
