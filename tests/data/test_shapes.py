"""Drawn shapes: the geometry against formulas of its own, boxes, masks and errors."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import masks_to_boxes

from kdcourse.data import SHAPE_NAMES, ImageSet, ShapeSet, draw_shapes, shapes

POLYGONS = {"triangle": 3, "square": 4, "pentagon": 5, "hexagon": 6}
STARS = {"star3": 3, "star4": 4, "star5": 5, "star6": 6}


def clean(kind, n=1, *, size=128, radius=0.8, rotation=0.0, jitter=0.0, seed=0):
    return draw_shapes(
        n,
        seed=seed,
        size=size,
        kinds=(kind,),
        noise=0,
        rotation=rotation,
        jitter=jitter,
        radius=(radius, radius),
    )


def pixel_grid(size):
    pixel = (torch.arange(size, dtype=torch.float64) + 0.5) * 2 / size - 1
    return pixel[None, :], pixel[:, None]  # x to the right, y downwards


def test_the_ten_kinds():
    expected = "triangle square pentagon hexagon circle star3 star4 star5 star6 ring"
    assert " ".join(SHAPE_NAMES) == expected


def test_shapes_dtypes_and_ranges():
    drawn = draw_shapes(57, seed=1, size=24)
    assert isinstance(drawn, ShapeSet)
    assert drawn.images.shape == (57, 1, 24, 24) and drawn.images.dtype == torch.float32
    assert drawn.labels.shape == (57,) and drawn.labels.dtype == torch.int64
    assert drawn.boxes.shape == (57, 4) and drawn.boxes.dtype == torch.float32
    assert drawn.masks.shape == (57, 24, 24) and drawn.masks.dtype == torch.bool
    assert float(drawn.images.min()) >= 0 and float(drawn.images.max()) <= 1


def test_an_image_set_for_classification():
    drawn = draw_shapes(20, seed=1)
    images = drawn.image_set()
    assert isinstance(images, ImageSet)
    assert images.images is drawn.images and images.labels is drawn.labels


# Geometry


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(sorted(POLYGONS)),
    turn=st.floats(-math.pi, math.pi),
    x0=st.floats(-0.3, 0.3),
    y0=st.floats(-0.3, 0.3),
    radius=st.floats(0.3, 0.7),
)
def test_polygons_are_cut_out_by_their_sides(kind, turn, x0, y0, radius):
    # Inside means on the inner side of every side. The sides of the upright polygon: the first lies below.
    sides, size = POLYGONS[kind], 40
    inside = shapes._depth_inside(
        kind, torch.tensor([[x0, y0]]), torch.tensor([turn]), torch.tensor([radius]), size
    )[0]
    x, y = pixel_grid(size)
    normals = math.pi / 2 + turn + 2 * math.pi * torch.arange(sides, dtype=torch.float64) / sides
    reach = ((x - x0)[..., None] * normals.cos() + (y - y0)[..., None] * normals.sin()).amax(-1)
    margin = radius * math.cos(math.pi / sides) - reach
    clear = margin.abs() > 1e-5  # on the edge itself rounding decides
    assert torch.equal((inside > 0)[clear], (margin > 0)[clear])


@pytest.mark.parametrize(("kind", "points"), STARS.items())
def test_stars_reach_the_radius_at_each_point_and_half_of_it_between(kind, points):
    size, radius = 400, 0.8
    mask = clean(kind, size=size, radius=radius).masks[0]

    def is_inside(fraction, angle):  # angle clockwise from straight up
        x, y = fraction * radius * math.sin(angle), -fraction * radius * math.cos(angle)
        return bool(mask[int((y + 1) * size / 2), int((x + 1) * size / 2)])

    for point in range(points):
        tip = 2 * math.pi * point / points
        valley = tip + math.pi / points
        assert is_inside(0.97, tip) and not is_inside(1.03, tip)
        assert is_inside(0.47, valley) and not is_inside(0.53, valley)


AREAS = {  # of a shape of radius 1
    **{kind: k / 2 * math.sin(2 * math.pi / k) for kind, k in POLYGONS.items()},
    **{
        kind: math.pi * (0.75**2 + 0.25**2 / 2) for kind in STARS
    },  # half the integral of (3/4 + cos(k t)/4)^2
    "circle": math.pi,
    "ring": math.pi * (1 - 0.55**2),
}


@pytest.mark.parametrize("kind", SHAPE_NAMES)
def test_areas(kind):
    mask = clean(kind, size=400, radius=0.8).masks[0]
    area = float(mask.sum()) * (2 / 400) ** 2
    assert area == pytest.approx(AREAS[kind] * 0.8**2, rel=0.01)


@pytest.mark.parametrize("kind", SHAPE_NAMES)
def test_upright_shapes_are_mirror_images_of_themselves(kind):
    image = clean(kind, size=65).images[0, 0]
    assert torch.allclose(image, image.flip(1), atol=1e-3)


@pytest.mark.parametrize(("kind", "fold"), [*POLYGONS.items(), *STARS.items()])
def test_rotational_symmetry(kind, fold):
    def turned(angle):
        return shapes._depth_inside(kind, torch.zeros(1, 2), torch.tensor([angle]), torch.tensor([0.8]), 64)

    assert torch.allclose(turned(0.1), turned(0.1 + 2 * math.pi / fold), atol=1e-5)
    assert not torch.allclose(turned(0.1), turned(0.1 + math.pi / fold), atol=0.05)


def test_rotation_is_clockwise():
    # A star's upper point moves to the right when it is turned by a positive angle.
    centre, radius = torch.zeros(1, 2), torch.tensor([0.8])
    right = shapes._depth_inside("star3", centre, torch.tensor([math.radians(20)]), radius, 64)[0] > 0
    top_row = right.any(dim=1).float().argmax()
    assert float(right[top_row].nonzero().float().mean()) > 36


def test_polygons_rest_on_a_flat_side():
    for kind in POLYGONS:
        mask = clean(kind, size=100).masks[0]
        bottom = mask[mask.any(dim=1)][-1]
        assert int(bottom.sum()) > 35, kind  # the shortest side, the hexagon's, is 40 pixels long


def test_the_ring_has_a_hole_and_the_circle_has_none():
    ring, circle = clean("ring", size=32), clean("circle", size=32)
    for drawn, filled in ((ring, False), (circle, True)):
        middle = drawn.images[0, 0, 15:17, 15:17]
        assert torch.allclose(middle, torch.full((2, 2), 0.75 if filled else 0.25), atol=0.01)
        assert bool(drawn.masks[0, 15:17, 15:17].all()) is filled
    assert torch.equal(ring.boxes, circle.boxes)


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("kind", SHAPE_NAMES)
def test_without_noise_the_mask_is_the_brighter_half(kind, size):
    drawn = clean(kind, 20, size=size, radius=0.7, rotation=180, jitter=0.1)
    assert torch.equal(drawn.masks, drawn.images[:, 0] > 0.5)
    assert float(drawn.images.min()) >= 0.25 and float(drawn.images.max()) <= 0.75


def test_the_edge_is_about_one_pixel_wide_at_every_size():
    for size in (32, 128):
        row = clean("circle", size=size).images[0, 0, size // 2]
        grey = ((row > 0.25 + 0.05) & (row < 0.75 - 0.05)).sum()  # between 10 and 90 percent
        assert 2 <= int(grey) <= 4  # two edges in a row


# Boxes and masks


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 60),
    size=st.integers(16, 40),
    rotation=st.floats(0, 180),
    jitter=st.floats(0, 0.25),
    kinds=st.lists(st.sampled_from(SHAPE_NAMES), min_size=1, unique=True),
)
def test_boxes_are_the_extent_of_the_masks(seed, n, size, rotation, jitter, kinds):
    drawn = draw_shapes(n, seed=seed, size=size, rotation=rotation, jitter=jitter, kinds=kinds)
    assert bool(drawn.masks.any(dim=(1, 2)).all())
    # torchvision gives the last row and column inside; ours are the first outside.
    assert torch.equal(drawn.boxes, masks_to_boxes(drawn.masks) + torch.tensor([0.0, 0.0, 1.0, 1.0]))
    assert float(drawn.boxes.min()) >= 0 and float(drawn.boxes.max()) <= size
    assert int(drawn.labels.max()) < len(kinds)


def test_a_square_fills_its_box():
    drawn = clean("square", size=50, radius=0.6)
    x1, y1, x2, y2 = drawn.boxes[0].tolist()
    assert (x2 - x1) * (y2 - y1) == int(drawn.masks.sum())


@pytest.mark.parametrize("kind", SHAPE_NAMES)
def test_the_smallest_allowed_radius_still_covers_a_pixel(kind):
    smallest = math.sqrt(2) / (12 * shapes._inner_radius(kind)) + 1e-6
    drawn = clean(kind, 2000, size=12, radius=smallest, rotation=180, jitter=0.15)
    assert bool(drawn.masks.any(dim=(1, 2)).all())
    with pytest.raises(ValueError, match=r"radius\[0\]: .* may cover no pixel of a 12x12 image"):
        clean(kind, size=12, radius=smallest * 0.98)


# Errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n: expected at least 1 image, got 0"),
        ({"seed": -1}, "seed: expected a number >= 0, got -1"),
        ({"size": 0}, "size: expected at least 1 pixel, got 0"),
        ({"kinds": ("circle", "blob")}, "kinds: .*got .*blob"),
        ({"kinds": ("circle", "circle")}, "kinds: expected different names"),
        ({"kinds": ()}, "kinds"),
        ({"noise": -0.1}, "noise: expected a finite number >= 0, got -0.1"),
        ({"noise": math.nan}, "noise"),
        ({"rotation": math.inf}, "rotation"),
        ({"jitter": -1}, "jitter"),
        ({"radius": (0.7, 0.5)}, "radius: expected .smallest, largest."),
        ({"radius": (0.0, 0.5)}, "radius: expected"),
        ({"radius": (0.5, 0.9)}, "0.9 . 0.12 is more than 1: a shape could leave the field"),
        ({"size": 4}, r"radius\[0\]: a shape of radius 0.45 may cover no pixel of a 4x4 image"),
    ],
)
def test_impossible_drawings_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_shapes(**{"n": 10, "seed": 0, **arguments})


def test_a_shape_may_just_touch_the_border():
    assert bool(draw_shapes(10, seed=0, radius=(0.7, 0.7), jitter=0.3).masks.any())
