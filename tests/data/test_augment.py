import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as reference

from kdcourse.data import augment, random_affine, random_flip_shift


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=generator(seed))


TRANSFORMS = [random_affine, random_flip_shift]
both = pytest.mark.parametrize("transform", TRANSFORMS)


# What both transforms promise


@both
@pytest.mark.parametrize("shape", [(1, 8, 8), (5, 1, 8, 8), (5, 3, 8, 12), (2, 3, 4, 1, 9, 7)])
def test_any_leading_dimensions(transform, shape):
    images = noise(*shape)
    moved = transform(images, generator=generator())
    assert moved.shape == images.shape and moved.dtype == images.dtype
    # A stack is the same as its images in a row.
    flat = transform(images.reshape(-1, *shape[-3:]), generator=generator())
    assert torch.equal(moved, flat.reshape(shape))


@both
def test_the_input_is_not_changed_and_the_range_is_kept(transform):
    images = noise(50, 1, 8, 8)
    before = images.clone()
    moved = transform(images, generator=generator())
    assert torch.equal(images, before)
    assert float(moved.min()) >= 0 and float(moved.max()) <= 1 + 1e-6


@both
def test_randomness_comes_from_the_generator_alone(transform, untouched_randomness):
    images, used = noise(20, 1, 8, 8), generator(3)
    first = transform(images, generator=used)
    assert torch.equal(first, transform(images, generator=generator(3)))
    assert not torch.equal(first, transform(images, generator=used))  # the generator has moved on
    assert not torch.equal(first, transform(images, generator=generator(4)))


@both
def test_each_image_gets_a_transformation_of_its_own(transform):
    images = noise(1, 1, 8, 8).expand(40, 1, 8, 8)
    moved = transform(images, generator=generator())
    assert (
        len({image.numpy().tobytes() for image in moved}) > 15
    )  # 18 results are possible for flip and shift


@both
def test_an_image_does_not_depend_on_the_others(transform):
    images = noise(6, 1, 8, 8)
    changed = images.clone()
    changed[3] = 0.5
    first, second = (transform(batch, generator=generator()) for batch in (images, changed))
    others = [0, 1, 2, 4, 5]
    assert torch.equal(first[others], second[others])
    assert not torch.equal(first[3], second[3])


@both
def test_the_channels_of_an_image_move_together(transform):
    grey = noise(10, 1, 8, 8)
    moved = transform(grey.expand(10, 3, 8, 8), generator=generator())
    assert torch.equal(moved, transform(grey, generator=generator()).expand(10, 3, 8, 8))


@both
def test_float64_images_stay_float64_and_move_alike(transform):
    images = noise(10, 1, 8, 8)
    moved = transform(images.double(), generator=generator())
    assert moved.dtype == torch.float64
    assert torch.allclose(moved.float(), transform(images, generator=generator()), atol=1e-5)


@both
def test_the_default_dtype_does_not_matter(transform):
    images = noise(10, 1, 8, 8)
    expected = transform(images, generator=generator())
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(expected, transform(images, generator=generator()))
    finally:
        torch.set_default_dtype(torch.float32)


@both
def test_wrong_images_are_refused(transform):
    with pytest.raises(ValueError, match=r"images: expected \(\.\.\., C, H, W\), got shape \(8, 8\)"):
        transform(noise(8, 8), generator=generator())
    with pytest.raises(ValueError, match=r"images: expected floating-point numbers, got torch\.uint8"):
        transform(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), generator=generator())


# Affine


def affine_with(monkeypatch, images, *, angle=0.0, factor=0.0, dx=0.0, dy=0.0, **strengths):
    """random_affine with draws, each in [-1, 1], of our choice."""
    draws = (torch.tensor([angle, factor, dx, dy]) + 1) / 2
    with monkeypatch.context() as patch:
        patch.setattr(augment.torch, "rand", lambda count, four, **_: draws.expand(count, four))
        return random_affine(images, **strengths, generator=generator())


def test_zero_strength_is_the_identity():
    for size in ((8, 8), (16, 16), (8, 16)):
        images = noise(20, 1, *size)
        moved = random_affine(images, degrees=0, scale=0, shift=0, generator=generator())
        assert torch.allclose(moved, images, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    draws=st.tuples(*[st.floats(-1, 1)] * 4),
    degrees=st.floats(0, 180),
    scale=st.floats(0, 0.5),
    shift=st.floats(0, 0.3),
    height=st.integers(6, 14),
    width=st.integers(6, 14),
)
def test_affine_agrees_with_torchvision(draws, degrees, scale, shift, height, width):
    images = noise(1, 2, height, width)
    angle, factor, dx, dy = draws
    with pytest.MonkeyPatch.context() as patch:
        moved = affine_with(
            patch, images, angle=angle, factor=factor, dx=dx, dy=dy, degrees=degrees, scale=scale, shift=shift
        )
    expected = reference.affine(
        images,
        angle=angle * degrees,  # clockwise
        translate=[dx * shift * width, dy * shift * height],
        scale=1 + factor * scale,
        shear=[0.0],
        interpolation=InterpolationMode.BILINEAR,
    )
    assert torch.allclose(moved, expected, atol=1e-4)


def test_a_quarter_turn_is_clockwise(monkeypatch):
    images = noise(3, 1, 8, 8)
    moved = affine_with(monkeypatch, images, angle=1, degrees=90, scale=0, shift=0)
    assert torch.allclose(moved, images.rot90(-1, dims=(-2, -1)), atol=1e-5)


def test_a_quarter_turn_of_an_oblong_image_does_not_stretch_it(monkeypatch):
    images = torch.zeros(1, 1, 8, 20)
    images[..., 6:14] = noise(1, 1, 8, 8)
    moved = affine_with(monkeypatch, images, angle=1, degrees=90, scale=0, shift=0)
    assert torch.allclose(moved[..., 6:14], images[..., 6:14].rot90(-1, dims=(-2, -1)), atol=1e-5)


def test_shift_is_a_fraction_of_the_side_and_zeros_come_in(monkeypatch):
    images = noise(3, 1, 8, 12)
    right = affine_with(monkeypatch, images, dx=1, degrees=0, scale=0, shift=0.25)
    assert torch.allclose(right[..., 3:], images[..., :-3], atol=1e-5)
    assert float(right[..., :3].abs().max()) < 1e-5
    down = affine_with(monkeypatch, images, dy=1, degrees=0, scale=0, shift=0.25)
    assert torch.allclose(down[..., 2:, :], images[..., :-2, :], atol=1e-5)
    assert float(down[..., :2, :].abs().max()) < 1e-5


def test_scale_enlarges_about_the_centre(monkeypatch):
    images = torch.zeros(1, 1, 32, 32)
    images[..., 12:20, 12:20] = 1
    for factor, side in ((1, 12), (-1, 4)):  # 8 pixels times 1.5 and times 0.5
        moved = affine_with(monkeypatch, images, factor=factor, degrees=0, scale=0.5, shift=0)
        assert float(moved.sum()) == pytest.approx(side**2, rel=0.02)
        assert torch.allclose(moved, moved.flip(-1), atol=1e-5) and torch.allclose(
            moved, moved.flip(-2), atol=1e-5
        )


def test_strengths_are_the_ends_of_uniform_ranges():
    # A dot, and a pair of dots, whose places tell shift, angle and factor.
    y, x = torch.meshgrid(torch.arange(64) - 31.5, torch.arange(64) - 31.5, indexing="ij")

    def dot(cx):
        return torch.exp(-((x - cx) ** 2 + y**2) / 18)

    images = torch.stack([dot(0.0), dot(16.0)]).expand(3000, 2, 64, 64)
    moved = random_affine(images, degrees=30, scale=0.2, shift=0.1, generator=generator())
    mass = moved.sum((-2, -1))
    cx, cy = (moved * x).sum((-2, -1)) / mass, (moved * y).sum((-2, -1)) / mass
    arm_x, arm_y = cx[:, 1] - cx[:, 0], cy[:, 1] - cy[:, 0]
    found = {
        "angle": torch.atan2(arm_y, arm_x).rad2deg() / 30,
        "factor": (torch.hypot(arm_x, arm_y) / 16 - 1) / 0.2,
        "dx": cx[:, 0] / 6.4,
        "dy": cy[:, 0] / 6.4,
    }
    for name, values in found.items():
        assert 0.97 < float(values.max()) < 1.02, name
        assert -1.02 < float(values.min()) < -0.97, name
        assert abs(float(values.mean())) < 0.05, name
        assert float((values**2).mean()) == pytest.approx(1 / 3, abs=0.03), name
    correlation = torch.corrcoef(torch.stack(list(found.values()))) - torch.eye(4)
    assert float(correlation.abs().max()) < 0.07


@pytest.mark.parametrize(
    ("strengths", "message"),
    [
        ({"degrees": -1}, "degrees: expected a finite number >= 0, got -1"),
        ({"shift": math.nan}, "shift: expected a finite number"),
        ({"scale": math.inf}, "scale: expected a finite number"),
        ({"scale": 1.0}, "scale: expected less than 1"),
    ],
)
def test_impossible_strengths_are_refused(strengths, message):
    with pytest.raises(ValueError, match=message):
        random_affine(noise(2, 1, 8, 8), **strengths, generator=generator())


# Flip and shift


def all_flips_and_shifts(image, pixels):
    """Every possible result, built by padding and cutting."""
    height, width = image.shape[-2:]
    results = {}
    for mirrored in (False, True):
        padded = F.pad(image.flip(-1) if mirrored else image, (pixels,) * 4, mode="replicate")
        for down in range(2 * pixels + 1):
            for right in range(2 * pixels + 1):
                cut = padded[..., down : down + height, right : right + width]
                results[cut.contiguous().numpy().tobytes()] = (mirrored, down, right)
    return results


@pytest.mark.parametrize("pixels", [1, 2])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 6, 9)])
def test_every_flip_and_shift_comes_equally_often(pixels, shape):
    image = noise(*shape)
    possible = all_flips_and_shifts(image, pixels)
    count = 200 * len(possible)
    assert len(possible) == 2 * (2 * pixels + 1) ** 2
    moved = random_flip_shift(image.expand(count, *shape), pixels=pixels, generator=generator())
    found = [possible[one.numpy().tobytes()] for one in moved]  # KeyError: not one of the possible results
    frequency = torch.tensor([found.count(result) for result in possible.values()])
    assert int(frequency.min()) > 140 and int(frequency.max()) < 260  # 200 expected, standard deviation 14


def test_no_shift_leaves_only_the_mirror_image():
    images = noise(200, 1, 8, 8)
    moved = random_flip_shift(images, pixels=0, generator=generator())
    same, mirrored = ((moved == candidate).flatten(1).all(1) for candidate in (images, images.flip(-1)))
    assert bool((same ^ mirrored).all())
    assert 70 < int(mirrored.sum()) < 130


def test_a_negative_shift_is_refused():
    with pytest.raises(ValueError, match="pixels: expected a number >= 0, got -1"):
        random_flip_shift(noise(2, 1, 8, 8), pixels=-1, generator=generator())
