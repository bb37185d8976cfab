"""Batches are a function of seed and step: complete epochs, the same order for stacked and separate runs."""

import random

import numpy as np
import pytest
import torch

from kdcourse.training import Batches


def stream(batches, steps):
    """Sample numbers in the order in which they are visited, shape (S, steps * B)."""
    return torch.cat([batches.indices(step) for step in range(steps)], dim=1)


@pytest.mark.parametrize(
    ("size", "batch_size"), [(10, 2), (10, 3), (7, 7), (5, 12), (1, 1), (1, 4), (100, 32)]
)
def test_every_epoch_visits_every_sample_once(size, batch_size):
    steps = -(-4 * size // batch_size)
    visited = stream(Batches(torch.arange(size), batch_size=batch_size, seeds=3), steps)[0]
    for epoch in visited[: 4 * size].split(size):
        assert sorted(epoch.tolist()) == list(range(size))


def test_every_batch_is_full():
    batches = Batches(torch.arange(7), batch_size=3, seeds=0)
    assert all(len(batches(step)[0]) == 3 for step in range(20))


def test_epochs_and_seeds_have_orders_of_their_own():
    first, second = stream(Batches(torch.arange(50), batch_size=50, seeds=0), 2)[0].split(50)
    assert not torch.equal(first, second)
    other = Batches(torch.arange(50), batch_size=50, seeds=1).indices(0)[0]
    assert not torch.equal(first, other)
    assert not torch.equal(first, torch.arange(50)), "shuffled"
    # No seed repeats another one's epochs a little later.
    orders = {
        tuple(Batches(torch.arange(50), batch_size=50, seeds=seed).indices(epoch)[0].tolist())
        for seed in range(10)
        for epoch in range(10)
    }
    assert len(orders) == 100


def test_a_batch_depends_on_the_step_alone():
    tensor = torch.arange(11)
    expected = [Batches(tensor, batch_size=4, seeds=5)(step)[0] for step in range(30)]
    asked_before = Batches(tensor, batch_size=4, seeds=5)
    for step in (29, 0, 7, 7, 28, 3, 15):
        assert torch.equal(asked_before(step)[0], expected[step]), step


def test_rows_of_all_tensors_stay_together():
    x = torch.arange(20).reshape(10, 2)
    for step in range(6):
        images, labels, numbers = Batches(x, 2 * torch.arange(10), torch.arange(10), batch_size=4, seeds=1)(
            step
        )
        assert torch.equal(images[:, 0], labels)
        assert torch.equal(images, x[numbers])


@pytest.mark.parametrize("batch_size", [3, 10, 25])
def test_stacked_batches_equal_separate_ones(batch_size):
    seeds = [4, 0, 9]
    x, y = torch.randn(3, 10, 2, 5), torch.arange(30).reshape(3, 10)
    stacked = Batches(x, y, batch_size=batch_size, seeds=seeds)
    singles = [Batches(x[i], y[i], batch_size=batch_size, seeds=seed) for i, seed in enumerate(seeds)]
    for step in range(8):
        images, labels = stacked(step)
        assert images.shape == (3, batch_size, 2, 5) and labels.shape == (3, batch_size)
        for i, single in enumerate(singles):
            assert torch.equal(stacked.indices(step)[i], single.indices(step)[0])
            for got, expected in zip((images[i], labels[i]), single(step), strict=True):
                assert torch.equal(got, expected)


def test_a_sequence_of_one_seed_is_a_stack_of_one():
    assert Batches(torch.zeros(1, 6, 2), batch_size=4, seeds=[0])(0)[0].shape == (1, 4, 2)
    assert Batches(torch.zeros(6, 2), batch_size=4, seeds=0)(0)[0].shape == (4, 2)


def test_seeds_of_any_integer_kind():
    plain = Batches(torch.arange(2 * 9).reshape(2, 9), batch_size=4, seeds=[3, 4])
    for seeds in ((3, 4), range(3, 5), np.array([3, 4]), torch.tensor([3, 4])):
        other = Batches(torch.arange(2 * 9).reshape(2, 9), batch_size=4, seeds=seeds)
        assert torch.equal(other(1)[0], plain(1)[0])
        assert repr(other) == repr(plain), "a checkpoint compares them by this text"
    one = Batches(torch.arange(9), batch_size=4, seeds=np.int64(3))
    assert torch.equal(one.indices(1)[0], plain.indices(1)[0])
    with pytest.raises(TypeError):
        Batches(torch.arange(9), batch_size=4, seeds=0.5)


def test_global_generators_are_neither_used_nor_moved():
    def draw():
        return torch.cat([Batches(torch.arange(30), batch_size=7, seeds=2)(step)[0] for step in range(9)])

    torch.manual_seed(0)
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    expected = draw()
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.random.get_state()[1].tolist() == states[1] and random.getstate() == states[2]
    torch.manual_seed(123)
    assert torch.equal(draw(), expected)


@pytest.mark.parametrize("direction", [1, -1])
def test_orders_in_memory_are_bounded(direction):
    batches = Batches(torch.arange(4), batch_size=2, seeds=0)
    for step in range(200)[::direction]:
        batches(step)
        assert len(batches._orders) <= 3


def test_stacking_does_not_copy_the_data():
    x = torch.randn(3, 10, 2)
    assert Batches(x, batch_size=4, seeds=[0, 1, 2])._end_to_end[0].data_ptr() == x.data_ptr()


def test_the_data_are_not_changed():
    x = torch.arange(12.0).reshape(6, 2)
    copy = x.clone()
    Batches(x, batch_size=4, seeds=0)(3)[0].zero_()
    assert torch.equal(x, copy)


def test_repr_tells_two_plans_apart():
    x = torch.zeros(6, 2)
    plans = [
        Batches(x, batch_size=4, seeds=0),
        Batches(x, batch_size=3, seeds=0),
        Batches(x, batch_size=4, seeds=1),
        Batches(x[:5], batch_size=4, seeds=0),
        Batches(x, x, batch_size=4, seeds=0),
    ]
    assert len({repr(plan) for plan in plans}) == len(plans)
    assert (
        repr(plans[0])
        == repr(Batches(x + 1, batch_size=4, seeds=0))
        == ("Batches(shapes=[(6, 2)], batch_size=4, seeds=[0])")
    )


@pytest.mark.parametrize(
    ("tensors", "batch_size", "seeds", "message"),
    [
        ((), 4, 0, r"^tensors: expected at least one.*got \[\]"),
        ((torch.tensor(1.0),), 4, 0, r"^tensors: expected at least one, each with 1 leading.*got \[\(\)\]"),
        ((torch.zeros(6),), 4, [0, 1], r"^tensors: .*2 leading dimensions, got \[\(6,\)\]"),
        ((torch.zeros(6), torch.zeros(5)), 4, 0, r"^tensors: .*same number.*\[\(6,\), \(5,\)\]"),
        (
            (torch.zeros(2, 6), torch.zeros(2, 5)),
            4,
            [0, 1],
            r"^tensors: .*same number.*\[\(2, 6\), \(2, 5\)\]",
        ),
        ((torch.zeros(3, 6),), 4, [0, 1], r"^tensors: .*2 seeds, got \[\(3, 6\)\]"),
        ((torch.zeros(0, 2),), 4, 0, r"^batch_size: .*at least one sample, got 4 of \[\(0, 2\)\]"),
        ((torch.zeros(6),), 0, 0, r"^batch_size: expected at least 1.*got 0"),
        ((torch.zeros(6),), -1, 0, r"^batch_size: expected at least 1.*got -1"),
    ],
)
def test_wrong_arguments(tensors, batch_size, seeds, message):
    with pytest.raises(ValueError, match=message):
        Batches(*tensors, batch_size=batch_size, seeds=seeds)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_live_where_the_data_live():
    x = torch.randn(2, 10, 3)
    for seeds, data in (([0, 1], x), (0, x[0])):
        here, there = (
            Batches(data, batch_size=4, seeds=seeds),
            Batches(data.cuda(), batch_size=4, seeds=seeds),
        )
        for step in range(5):
            assert there(step)[0].is_cuda
            assert torch.equal(there(step)[0].cpu(), here(step)[0])
