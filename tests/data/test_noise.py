"""Labels replaced on purpose."""

import pytest
import torch

from kdcourse.data import replace_labels


def test_the_share_of_wrong_labels_is_what_was_asked_for():
    labels = torch.arange(40_000) % 10
    for share in (0.1, 0.4, 1.0):
        noisy = replace_labels(labels, share, seed=1)
        wrong = (noisy != labels).double().mean().item()
        # a tenth of the replaced labels is drawn right again; four standard errors of 40,000 draws: 0.01
        assert abs(wrong - 0.9 * share) < 0.01


def test_replaced_labels_are_uniform_over_the_classes():
    noisy = replace_labels(torch.zeros(60_000, dtype=torch.long), 1.0, classes=6, seed=2)
    counts = noisy.bincount(minlength=6).double()
    assert (counts - 10_000).abs().max() < 400  # four standard errors: 365


def test_the_ends_of_the_range():
    labels = torch.randint(10, (3, 50), generator=torch.Generator().manual_seed(0))
    assert torch.equal(replace_labels(labels, 0.0, seed=0), labels)
    assert replace_labels(labels, 1.0, seed=0).shape == labels.shape


def test_a_seed_gives_the_same_labels_and_touches_nothing():
    labels = torch.arange(100) % 10
    before, state = labels.clone(), torch.random.get_rng_state()
    one, two, other = (replace_labels(labels, 0.5, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert torch.equal(labels, before) and torch.equal(torch.random.get_rng_state(), state)


def test_more_noise_keeps_the_labels_that_less_noise_replaced():
    labels = torch.arange(1000) % 10
    less, more = (replace_labels(labels, share, seed=5) for share in (0.2, 0.6))
    touched = less != labels
    assert torch.equal(less[touched], more[touched])


@pytest.mark.parametrize(
    ("labels", "share", "message"),
    [
        (torch.tensor([0, 1]), 1.5, "share"),
        (torch.tensor([0, 1]), float("nan"), "share"),
        (torch.tensor([0, 10]), 0.5, "labels"),
        (torch.tensor([-1, 2]), 0.5, "labels"),
        (torch.tensor([0.5]), 0.5, "labels"),
    ],
)
def test_bad_input_is_named(labels, share, message):
    with pytest.raises(ValueError, match=message):
        replace_labels(labels, share, seed=0)
