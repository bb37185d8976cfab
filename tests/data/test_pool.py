import pytest
import torch

from kdcourse.data import ImageSet, augmented_pool, random_flip_shift, split_digits


def noise(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def numbered_set(count=7, *, seeds=None):
    """Image i is plain grey i / 20, plus s / 2 for seed s, with label i: a shift cannot hide which it is."""
    grey, labels = torch.arange(count) / 20, torch.arange(count)
    if seeds:
        grey, labels = grey + torch.arange(seeds)[:, None] / 2, labels.expand(seeds, count)
    return ImageSet(grey[..., None, None, None].expand(*grey.shape, 1, 6, 6), labels)


@pytest.mark.parametrize("copies", [0, 1, 3])
def test_copy_c_of_image_i_is_at_c_times_n_plus_i(copies):
    dataset = numbered_set()
    pool = augmented_pool(dataset, copies=copies, seed=0, transform=random_flip_shift)
    assert isinstance(pool, ImageSet)
    assert pool.images.shape == (7 * (copies + 1), 1, 6, 6)
    for copy in range(copies + 1):
        for number in range(7):
            place = copy * 7 + number
            assert int(pool.labels[place]) == number
            assert torch.equal(pool.images[place], dataset.images[number])


def test_a_stack_of_seeds_keeps_its_first_dimension():
    dataset = numbered_set(seeds=2)
    pool = augmented_pool(dataset, copies=3, seed=0, transform=random_flip_shift)
    assert pool.images.shape == (2, 28, 1, 6, 6) and pool.labels.shape == (2, 28)
    for seed in range(2):
        assert torch.equal(pool.labels[seed], torch.arange(7).repeat(4))
        assert torch.equal(pool.images[seed], dataset.images[seed].repeat(4, 1, 1, 1))


def test_seeds_of_a_stack_are_transformed_independently():
    one = noise(5, 1, 8, 8)
    pool = augmented_pool(
        ImageSet(one.expand(2, 5, 1, 8, 8), torch.zeros(2, 5, dtype=torch.int64)), copies=2, seed=0
    )
    assert torch.equal(pool.images[0, :5], pool.images[1, :5])
    assert not torch.allclose(pool.images[0, 5:], pool.images[1, 5:])


def test_the_pool_holds_the_originals_and_different_copies(untouched_randomness):
    dataset = split_digits(0).labelled
    pool = augmented_pool(dataset, seed=3)
    assert len(pool.labels) == 1100  # ten copies by default
    parts = pool.images.split(100)
    assert torch.equal(parts[0], dataset.images)
    for number, part in enumerate(parts):
        assert all(not torch.allclose(part, other) for other in parts[:number])
    # Most copies are still closer to their original than to any other digit.
    distances = torch.cdist(parts[1].flatten(1), parts[0].flatten(1))
    assert float((distances.argmin(1) == torch.arange(100)).float().mean()) > 0.5
    assert torch.equal(pool.images, augmented_pool(dataset, seed=3).images)
    assert not torch.equal(pool.images, augmented_pool(dataset, seed=4).images)


def test_the_pool_does_not_share_memory_with_the_set():
    dataset = ImageSet(noise(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64))
    before = dataset.images.clone()
    augmented_pool(dataset, copies=0, seed=0).images.zero_()
    assert torch.equal(dataset.images, before)


def test_impossible_pools_are_refused():
    with pytest.raises(ValueError, match="copies: expected a number >= 0, got -1"):
        augmented_pool(numbered_set(), copies=-1, seed=0)
    with pytest.raises(
        ValueError, match=r"transform: expected images of shape \(7, 1, 6, 6\), got \(7, 1, 5, 6\)"
    ):
        augmented_pool(numbered_set(), seed=0, transform=lambda images, generator: images[..., 1:, :])


def test_every_copy_is_made_from_the_original():
    dataset = ImageSet(noise(4, 1, 8, 8), torch.arange(4))
    pool = augmented_pool(dataset, copies=3, seed=0, transform=lambda images, generator: images / 2)
    assert torch.equal(pool.images[4:], (dataset.images / 2).repeat(3, 1, 1, 1))
