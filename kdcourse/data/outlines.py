"""Drawn outlines and the filled shapes that belong to them: pairs for a net that turns one image into
another."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from kdcourse.data.shapes import draw_shapes

OUTLINE_KINDS = ("triangle", "square", "star4", "circle", "ring")
"""The shapes of `draw_outlines`, in the order of their labels; each has a colour of its own.

Lecture:
    10_generative, section 1.
"""

# One colour a kind (red, green, blue), apart in brightness as well.
_COLOURS = (
    (0.90, 0.62, 0.00),
    (0.00, 0.45, 0.70),
    (0.94, 0.89, 0.26),
    (0.00, 0.62, 0.45),
    (0.80, 0.47, 0.65),
)
_PAPER = 0.95


class OutlineSet(NamedTuple):
    """Outlines with the pictures that belong to them.

    outlines: (N, 1, size, size) float32 in [0, 1]: 1 on the line, 0 elsewhere.
    fills: (N, 3, size, size) float32 in [0, 1]: the shape in the colour of its kind, on light paper.
    labels: (N,) int64, the place of the shape's kind in ``OUTLINE_KINDS``.

    Lecture:
        10_generative, section 1, through `draw_outlines`.
    """

    outlines: Tensor
    fills: Tensor
    labels: Tensor


def draw_outlines(n: int, *, seed: int, size: int = 16) -> OutlineSet:
    """Draw n outlines of shapes, turned by any angle, and the same shapes filled.

    The outline is a line of about one pixel; it says of what kind the shape is, and the kind says the colour.
    The fill is shaded: from full brightness at the image's top left to 0.55 of it at the bottom right. So
    the right picture follows from the outline, but only for who sees the whole shape.

    n: number of pairs.
    size: pixels per side, 12 at least.

    Kinds are balanced; the first m of n pairs are those of ``draw_outlines(m, ...)``, so draw training,
    validation and test pairs from different seeds.

    Raises ValueError for numbers out of range.

    Lecture:
        10_generative, section 1.

    >>> pairs = draw_outlines(10, seed=0)
    >>> pairs.outlines.shape, pairs.fills.shape, pairs.labels.bincount().tolist()
    (torch.Size([10, 1, 16, 16]), torch.Size([10, 3, 16, 16]), [2, 2, 2, 2, 2])
    """
    if size < 12:
        raise ValueError(f"size: expected at least 12 pixels, got {size}")
    shapes = draw_shapes(
        n, seed=seed, size=size, kinds=OUTLINE_KINDS, noise=0.0, rotation=180.0, radius=(0.55, 0.85)
    )
    inside = (shapes.images - 0.25) / 0.5  # 0 to 1, 1/2 on the edge, which is about a pixel wide
    outlines = 4 * inside * (1 - inside)
    shade = 1 - 0.45 * _diagonal(size)
    colours = torch.tensor(_COLOURS)[shapes.labels][:, :, None, None] * shade
    return OutlineSet(outlines, inside * colours + (1 - inside) * _PAPER, shapes.labels)


def _diagonal(size: int) -> Tensor:
    """(size, size), 0 at the top left to 1 at the bottom right."""
    steps = torch.linspace(0, 0.5, size)
    return steps[:, None] + steps
