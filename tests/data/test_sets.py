import pytest
import torch

from kdcourse.data import ImageSet, stack_sets


def numbered_set(number, count=5, size=4):
    return ImageSet(torch.full((count, 1, size, size), number / 10), torch.arange(count) + number)


def test_stacked_sets_keep_their_order_and_types():
    sets = [numbered_set(number) for number in range(3)]
    stacked = stack_sets(sets)
    assert isinstance(stacked, ImageSet)
    assert stacked.images.shape == (3, 5, 1, 4, 4)
    assert stacked.labels.shape == (3, 5)
    assert stacked.images.dtype == torch.float32
    assert stacked.labels.dtype == torch.int64
    for seed, one in enumerate(sets):
        assert torch.equal(stacked.images[seed], one.images)
        assert torch.equal(stacked.labels[seed], one.labels)


def test_one_set_stacks_to_one_seed():
    assert stack_sets([numbered_set(0)]).labels.shape == (1, 5)


def test_a_generator_of_sets_is_accepted():
    assert stack_sets(numbered_set(number) for number in range(2)).labels.shape == (2, 5)


def test_no_sets_are_refused():
    with pytest.raises(ValueError, match="sets: expected at least one"):
        stack_sets([])


@pytest.mark.parametrize("other", [numbered_set(1, count=6), numbered_set(1, size=5)])
def test_sets_of_different_sizes_are_refused(other):
    with pytest.raises(ValueError, match=r"images must have the same shape.*set 0.*set 2"):
        stack_sets([numbered_set(0), numbered_set(0), other])


def test_labels_of_different_sizes_are_refused():
    short = ImageSet(torch.zeros(5, 1, 4, 4), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(ValueError, match="labels must have the same shape"):
        stack_sets([numbered_set(0), short])


def test_a_set_moves_to_another_device():
    moved = numbered_set(0).to("meta")  # a device every machine has
    assert isinstance(moved, ImageSet)
    assert (moved.images.device.type, moved.labels.device.type) == ("meta", "meta")
