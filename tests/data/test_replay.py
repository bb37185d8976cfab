"""Replayable augmentation: a function of image and seed alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kdcourse.data import SeededAffine, uniform_from_seeds


def images(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def python_uniform(seed: int, place: int) -> float:
    """The hash in Python's own whole numbers."""

    def mix(x):
        for _ in range(2):
            x = ((x ^ (x >> 16)) * 0x45D9F3B) % 2**32
        return x ^ (x >> 16)

    return (mix((mix(seed) + 0x9E3779B9 * (place + 1)) % 2**32) >> 8) / 2**24


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5), st.integers(1, 6))
@settings(deadline=None)
def test_numbers_are_those_of_the_hash(seeds, count):
    found = uniform_from_seeds(torch.tensor(seeds), count)
    expected = [[python_uniform(seed, place) for place in range(count)] for seed in seeds]
    assert found.dtype == torch.float32 and found.tolist() == expected


def test_numbers_are_even_and_independent():
    numbers = uniform_from_seeds(torch.arange(100_000), 5)  # neighbours, the hardest seeds for a hash
    assert numbers.min() >= 0 and numbers.max() < 1
    for column in numbers.T:
        counts = torch.histc(column, 20, 0, 1)
        assert ((counts - 5000) ** 2 / 5000).sum() < 50  # chi-squared, 19 degrees of freedom: p < 0.0002
    together = torch.cat([numbers[:-1], numbers[1:]], dim=1).T
    assert (torch.corrcoef(together) - torch.eye(10)).abs().max() < 0.015


@pytest.mark.parametrize("recipe", [SeededAffine(), SeededAffine(30, 0.3, 0.2, mirror=True)])
@pytest.mark.parametrize("size", [1, 3, 50])
def test_an_image_comes_out_the_same_in_any_company(recipe, size):
    x, seeds = images(150, 2, 9, 14), torch.arange(2**32 - 150, 2**32)
    whole = recipe(x, seeds)
    order = torch.randperm(150, generator=torch.Generator().manual_seed(1))
    parts = torch.cat([recipe(x[part], seeds[part]) for part in order.split(size)])
    assert torch.equal(parts, whole[order])
    assert not torch.equal(recipe(x, seeds - 1), whole)


def test_leading_dimensions_and_the_input_are_kept():
    recipe, x, seeds = SeededAffine(), images(2, 3, 1, 8, 8), torch.arange(6).reshape(2, 3)
    before = x.clone()
    assert torch.equal(recipe(x, seeds).flatten(0, 1), recipe(x.flatten(0, 1), seeds.flatten()))
    assert torch.equal(x, before)


def test_mirror_alone_gives_the_image_or_its_mirror_image():
    recipe, x = SeededAffine(0, 0, 0, mirror=True), images(400, 1, 6, 7)
    out = recipe(x, torch.arange(400))
    same, mirrored = (torch.isclose(out, other, atol=1e-5).flatten(1).all(1) for other in (x, x.flip(-1)))
    assert (same ^ mirrored).all() and 150 < mirrored.sum() < 250


def test_the_strengths_bound_the_distortion():
    """A shift of a quarter of eight pixels at most: a dot stays within two pixels of the middle."""
    x = torch.zeros(300, 1, 9, 9)
    x[:, :, 4, 4] = 1
    out = SeededAffine(0, 0, 2 / 9)(x, torch.arange(300))
    assert not out[:, :, [0, 1, 7, 8]][..., [0, 8]].any() and not out[:, :, 0].any()
    assert out[:, :, 2, :].any() and out[:, :, 6, :].any()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"degrees": -1}, "degrees: "), ({"shift": float("inf")}, "shift: "), ({"scale": 1.0}, "scale: ")],
)
def test_bad_strengths(arguments, said):
    with pytest.raises(ValueError, match=f"^{said}expected"):
        SeededAffine(**arguments)


def test_bad_seeds():
    with pytest.raises(
        ValueError, match=r"^seeds: expected one for each image, got shapes \(3,\) and \(2, 1, 4, 4\)"
    ):
        SeededAffine()(images(2, 1, 4, 4), torch.arange(3))


def test_description_names_every_strength():
    assert SeededAffine(degrees=5).describe() == {
        "name": "SeededAffine", "version": 1, "degrees": 5, "scale": 0.12, "shift": 0.08, "mirror": False
    }  # fmt: skip
