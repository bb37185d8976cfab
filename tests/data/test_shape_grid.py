"""The 80 classes of shapes that run into each other."""

import math

import pytest
import torch

from kdcourse.data import SHAPE_GRID_KINDS, draw_shape_grid

CLEAN = draw_shape_grid(3200, seed=3, size=32, noise=0.0)


def bins():
    return CLEAN.labels // 16, CLEAN.labels // 4 % 4, CLEAN.labels % 4


def area():
    """Share of the image that the shape covers."""
    return ((CLEAN.images.squeeze(1) - 0.15) / 0.7).mean(dim=(1, 2))


def test_sizes_types_and_range():
    grid = draw_shape_grid(100, seed=0)
    assert grid.images.shape == (100, 1, 16, 16) and grid.images.dtype == torch.float32
    assert grid.labels.dtype == torch.int64 and grid.labels.min() >= 0 and grid.labels.max() < 80
    assert grid.images.min() >= 0 and grid.images.max() <= 1


def test_every_block_of_80_holds_every_class_once():
    for block in CLEAN.labels.split(80):
        assert block.sort().values.tolist() == list(range(80))
    assert CLEAN.labels[:80].tolist() != CLEAN.labels[80:160].tolist()


def test_a_short_draw_is_the_start_of_a_long_one():
    short, long = draw_shape_grid(100, seed=1), draw_shape_grid(2500, seed=1)
    assert torch.equal(short.images, long.images[:100]) and torch.equal(short.labels, long.labels[:100])
    assert not torch.equal(short.images, draw_shape_grid(100, seed=2).images)


def test_the_global_generator_is_left_alone():
    state = torch.random.get_rng_state()
    draw_shape_grid(10, seed=0)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("kind", range(5))
def test_bins_of_size_do_not_overlap(kind):
    """The area of a shape grows with its radius squared: the radius read from it lies in the label's bin."""
    kinds, sizes, _ = bins()
    name = SHAPE_GRID_KINDS[kind]
    if name.startswith("star"):
        # mean over theta of f^2 with f = .75 + .25 cos: .75^2 + .25^2 / 2
        unit = math.pi * (0.75**2 + 0.25**2 / 2)
    else:
        sides = {"square": 4, "pentagon": 5, "triangle": 3}[name]
        unit = sides / 2 * math.sin(2 * math.pi / sides)
    radius = (4 * area()[kinds == kind] / unit).sqrt()
    low = 0.35 + 0.125 * sizes[kinds == kind]
    tolerance = 0.03  # half a pixel of a 32-pixel image: the soft edge
    assert (radius > low - tolerance).all() and (radius < low + 0.125 + tolerance).all()


def test_bins_of_rotation_do_not_overlap():
    """The angle of a square, from the phase of its fourth harmonic, lies in the label's bin."""
    kinds, sizes, rotations = bins()
    which = (kinds == 0) & (sizes == 3)
    weight = ((CLEAN.images[which].squeeze(1) - 0.15) / 0.7).double()
    pixel = (torch.arange(32, dtype=torch.float64) + 0.5) / 16 - 1
    y, x = torch.meshgrid(pixel, pixel, indexing="ij")
    mass = weight.sum(dim=(1, 2))
    x0, y0 = ((weight * c).sum(dim=(1, 2)) / mass for c in (x, y))
    dx, dy = x - x0[:, None, None], y - y0[:, None, None]
    theta, r = torch.atan2(dx, -dy), torch.sqrt(dx**2 + dy**2)  # clockwise from straight up
    harmonic = (weight * r**4 * torch.exp(4j * theta)).sum(dim=(1, 2))
    corner = (torch.angle(harmonic) / 4) % (math.pi / 2)  # a corner points there
    angle = (corner - math.pi / 4) % (math.pi / 2)  # upright squares have their corners at 45 degrees
    place = angle / (math.pi / 8)  # 0 .. 4, the bin is its floor
    inside = (place - (rotations[which] + 0.5) + 2) % 4 - 2  # distance from the middle of the bin
    assert inside.abs().max() < 0.5 + 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n: expected"),
        ({"n": 5, "size": 4}, "size: expected"),
        ({"n": 5, "noise": -0.1}, "noise: expected"),
        ({"n": 5, "noise": float("nan")}, "noise: expected"),
        ({"n": 5, "seed": -1}, "seed: expected"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        draw_shape_grid(**{"seed": 0, **options})
