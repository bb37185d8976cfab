"""Batches changed at random: the same for any batch size, number of processes and order of asking."""

import pytest
import torch

from kdcourse.training.augmented import AugmentedBatches, share_of

SIZE = 10


def batches(batch_size=4, seed=0, augment=lambda x, u: x + u, draws=2, size=SIZE):
    """Samples are (i, i), with label i; what is added shows the random numbers."""
    numbers = torch.arange(size)
    return AugmentedBatches(
        numbers[:, None].expand(size, 2).float(), numbers,
        batch_size=batch_size, seed=seed, augment=augment, draws=draws,
    )  # fmt: skip


def drawn(made, steps):
    """(epoch, sample) -> its random numbers."""
    found = {}
    for step in steps:
        images, labels = made(step)
        for place, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
            found[(step * made.batch_size + place) // SIZE, label] = tuple((image - label).tolist())
    return found


def test_an_epoch_visits_every_sample_once():
    made = batches()
    order = torch.cat([made(step)[1] for step in range(5)]).tolist()  # 2 epochs
    assert sorted(order[:10]) == sorted(order[10:]) == list(range(10))
    assert order[:10] != order[10:]


def test_changes_depend_on_seed_epoch_and_sample_alone():
    one = drawn(batches(4), range(5))
    assert one.keys() == {(epoch, sample) for epoch in (0, 1) for sample in range(10)}
    assert one == drawn(batches(5), reversed(range(4)))
    assert len(set(one.values())) == 20  # all differ
    assert not set(one.values()) & set(drawn(batches(4, seed=1), range(5)).values())


def test_changes_are_uniform():
    made = batches(batch_size=1000, size=1000)
    images, labels = made(0)
    numbers = images - labels[:, None]
    assert numbers.min() > -1e-4 and numbers.max() < 1 + 1e-4
    assert numbers.mean(dim=0).tolist() == pytest.approx([0.5, 0.5], abs=0.05)
    place = torch.arange(1000.0)
    assert abs(torch.corrcoef(torch.stack([place, numbers[:, 0]]))[0, 1]) < 0.1


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("step", [0, 2, 7])  # step 2 lies in two epochs
def test_shares_make_the_whole(count, step):
    made = batches()
    parts = zip(*(made.share(step, rank, count) for rank in range(count)), strict=True)
    for whole, part in zip(made(step), parts, strict=True):
        assert torch.equal(whole, torch.cat(part))


def test_a_batch_of_many_epochs():
    images, labels = batches(batch_size=25)(0)
    assert sorted(torch.bincount(labels).tolist()) == [2] * 5 + [3] * 5
    assert len({*images[:, 0].tolist()}) == 25  # changed anew each time


def test_later_batches():
    made = batches()
    later = made.after(2).after(1)
    assert all(torch.equal(a, b) for a, b in zip(later(4), made(7), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(later.share(4, 1, 2), made.share(7, 1, 2), strict=True))
    assert repr(later) != repr(made)


def test_nothing_global_is_drawn_and_the_data_stay():
    made, state = batches(), torch.get_rng_state()
    before = made.tensors[0].clone()
    made(0)
    assert torch.equal(torch.get_rng_state(), state) and torch.equal(made.tensors[0], before)


def test_no_more_numbers_are_kept_than_are_in_use():
    made = batches()
    for step in range(20):
        made(step)
    assert len(made._tables) == 1


def test_steps_of_whole_batches():
    assert [batches(4).steps(epochs) for epochs in (1, 2, 4)] == [2, 5, 10]


def test_the_name_says_what_checkpoints_compare():
    names = {repr(made) for made in (batches(), batches(5), batches(seed=1), batches(draws=0, augment=None))}
    assert len(names) == 4 and not any("0x" in name for name in names)


def test_errors():
    with pytest.raises(ValueError, match="expected a multiple of 3, the number of processes, got 4"):
        batches().share(0, 0, 3)
    with pytest.raises(ValueError, match="a multiple of 2"):
        share_of(0, 0, 2)
    with pytest.raises(ValueError, match="draws: expected a number >= 0, and 0 without augment, got 2"):
        batches(augment=None)
    with pytest.raises(ValueError, match=r"draws: .* got -1"):
        batches(draws=-1)
    with pytest.raises(ValueError, match="the same number of samples"):
        AugmentedBatches(torch.zeros(3), torch.zeros(4), batch_size=2, seed=0)
