"""Shared by the tests of the data room."""

import random

import numpy as np
import pytest
import torch


@pytest.fixture
def untouched_randomness():
    """Fails the test if it moved one of the three global random states."""
    before = (
        torch.get_rng_state(),
        np.random.get_state()[1].copy(),
        np.random.get_state()[2],
        random.getstate(),
    )
    yield
    state = np.random.get_state()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(state[1], before[1])
    assert state[2] == before[2]
    assert random.getstate() == before[3]
