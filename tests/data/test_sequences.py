"""Generated texts."""

import pytest
import torch

from kdcourse.data import draw_sequences

TEXTS = draw_sequences(4000, seed=1, length=10, shortest=4, vocabulary=7)


def test_one_a_one_b_and_padding_at_the_end_only():
    tokens = TEXTS.tokens
    assert tokens.shape == (4000, 10) and tokens.min() == 0 and tokens.max() == 6
    assert ((tokens == 1).sum(1) == 1).all() and ((tokens == 2).sum(1) == 1).all()
    assert ((tokens != 0).int().diff(dim=1) <= 0).all()


def test_the_label_is_whether_a_comes_before_b():
    for tokens, label in zip(TEXTS.tokens[:200].tolist(), TEXTS.labels[:200].tolist(), strict=True):
        assert label == (tokens.index(1) < tokens.index(2))


def test_labels_and_lengths_are_uniform_and_independent():
    lengths = (TEXTS.tokens != 0).sum(1)
    assert lengths.unique().tolist() == list(range(4, 11))
    for length in range(4, 11):
        of_length = TEXTS.labels[lengths == length].double()
        assert abs(len(of_length) / 4000 - 1 / 7) < 0.023  # four standard errors
        assert abs(of_length.mean() - 0.5) < 0.09


def test_every_place_may_hold_a_or_b_and_other_tokens_are_uniform():
    for token in (1, 2):
        assert ((TEXTS.tokens == token).sum(0) > 0).all()
    counts = TEXTS.tokens.flatten().bincount()[3:].double()
    assert (counts / counts.sum() - 0.25).abs().max() < 0.015


def test_a_short_draw_is_the_start_of_a_long_one():
    short, long = draw_sequences(10, seed=5), draw_sequences(99, seed=5)
    assert torch.equal(short.tokens, long.tokens[:10]) and torch.equal(short.labels, long.labels[:10])
    assert not torch.equal(short.tokens, draw_sequences(10, seed=6).tokens)


@pytest.mark.parametrize(
    "options", [{"n": 0}, {"shortest": 1}, {"length": 5}, {"vocabulary": 3}, {"seed": -1}]
)
def test_bad_input_is_named(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}: expected"):
        draw_sequences(**{"n": 5, "seed": 0, **options})
