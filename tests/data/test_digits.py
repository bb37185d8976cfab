import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets

from kdcourse.data import load_digits, split_digits


def rows(part):
    """One hashable item per image: its pixels and its label."""
    return [(image.tobytes(), label) for image, label in zip(part.images.numpy(), part.labels.tolist())]


def all_rows():
    return sorted(rows(load_digits()))


def counts(*parts):
    return torch.cat([part.labels for part in parts]).bincount(minlength=10)


def even(values):
    return int(values.max() - values.min()) <= 1


def test_digits_are_those_of_scikit_learn_scaled_to_one():
    digits, bunch = load_digits(), datasets.load_digits()
    assert digits.images.shape == (1797, 1, 8, 8)
    assert (digits.images.dtype, digits.labels.dtype) == (torch.float32, torch.int64)
    assert np.array_equal(digits.images.numpy()[:, 0] * 16, bunch.images)
    assert np.array_equal(digits.labels.numpy(), bunch.target)
    assert (float(digits.images.min()), float(digits.images.max())) == (0.0, 1.0)


def test_a_caller_cannot_spoil_the_digits_of_others():
    splits, digits = split_digits(0), load_digits()
    expected = all_rows()
    for part in (*splits, digits):
        part.images.fill_(7)
        part.labels.fill_(7)
    assert all_rows() == expected
    assert sorted(row for part in split_digits(0) for row in rows(part)) == expected


def test_all_images_are_distinct():
    # The tests below recognise an image by its pixels.
    assert len(set(all_rows())) == 1797


def test_default_sizes_and_class_counts():
    splits = split_digits(0)
    assert splits._fields == ("labelled", "unlabelled", "validation", "test")
    assert [len(part.labels) for part in splits] == [100, 900, 300, 497]
    assert counts(splits.labelled).tolist() == [10] * 10
    assert counts(splits.unlabelled).tolist() == [90] * 10
    assert counts(splits.validation).tolist() == [30] * 10
    assert counts(splits.test).tolist() == [48, 52, 47, 53, 51, 52, 51, 49, 44, 50]
    for part in splits:
        assert part.images.shape == (len(part.labels), 1, 8, 8)
        assert (part.images.dtype, part.labels.dtype) == (torch.float32, torch.int64)


def test_thirty_labelled_images_are_three_per_class():
    assert counts(split_digits(4, labelled=30, unlabelled=970).labelled).tolist() == [3] * 10


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**40),
    labelled=st.integers(1, 700),
    unlabelled=st.integers(0, 700),
    validation=st.integers(0, 300),
)
def test_parts_are_disjoint_complete_and_balanced(seed, labelled, unlabelled, validation):
    splits = split_digits(seed, labelled=labelled, unlabelled=unlabelled, validation=validation)
    sizes = [labelled, unlabelled, validation, 1797 - labelled - unlabelled - validation]
    assert [len(part.labels) for part in splits] == sizes
    # Every image with its own label, in exactly one part.
    assert sorted(row for part in splits for row in rows(part)) == all_rows()
    assert even(counts(splits.labelled))
    assert even(counts(splits.unlabelled))
    assert even(counts(splits.labelled, splits.unlabelled))
    assert even(counts(splits.validation))
    assert bool((counts(splits.test) > 0).all())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), first=st.integers(1, 999), second=st.integers(1, 999))
def test_the_thousand_training_images_do_not_depend_on_how_many_are_labelled(seed, first, second):
    few, many = (split_digits(seed, labelled=n, unlabelled=1000 - n) for n in sorted((first, second)))
    assert sorted(rows(few.labelled) + rows(few.unlabelled)) == sorted(
        rows(many.labelled) + rows(many.unlabelled)
    )
    assert set(rows(few.labelled)) <= set(rows(many.labelled))
    for name in ("validation", "test"):
        assert rows(getattr(few, name)) == rows(getattr(many, name))  # in the same order, too


def test_a_split_is_decided_by_its_seed_alone(untouched_randomness):
    first = split_digits(5)
    with torch.random.fork_rng():
        torch.manual_seed(99)
        second = split_digits(5)
    assert all(torch.equal(a, b) for one, two in zip(first, second) for a, b in zip(one, two))
    other = split_digits(6)
    assert len(set(rows(first.labelled)) & set(rows(other.labelled))) < 30  # by chance about 100 * 100 / 1797


def test_the_default_dtype_does_not_matter():
    torch.set_default_dtype(torch.float64)
    try:
        assert split_digits(0).labelled.images.dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)


def test_every_part_is_shuffled():
    for part in split_digits(0):
        labels = part.labels
        # Sorted by class, 9 neighbours would differ; in random order about nine tenths of them do.
        assert int((labels[1:] != labels[:-1]).sum()) > 0.75 * len(labels)
    # Nor is it the order of the files, in which neighbours were written by one person.
    place = {row: number for number, row in enumerate(rows(load_digits()))}
    places = np.array([place[row] for row in rows(split_digits(0).test)])
    assert abs(np.corrcoef(places, np.arange(len(places)))[0, 1]) < 0.2


def test_left_over_images_go_to_classes_chosen_by_the_seed():
    favoured = {int(split_digits(seed, labelled=1).labelled.labels[0]) for seed in range(60)}
    assert (
        len(favoured) == 10
    )  # a class is missed by 60 fair draws with probability 0.02; the seeds are fixed


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"labelled": 0}, "labelled: expected a number >= 1, got 0"),
        ({"unlabelled": -1}, "unlabelled: expected a number >= 0, got -1"),
        ({"validation": -5}, "validation: expected a number >= 0, got -5"),
        (
            {"labelled": 100, "unlabelled": 1400},
            r"100 \+ 1400 \+ 300 takes 180 images of class 8, which has 174",
        ),
        ({"labelled": 1740, "unlabelled": 0, "validation": 0}, "at least one of each class"),
        ({"labelled": 10**6}, "which has"),
    ],
)
def test_impossible_sizes_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        split_digits(0, **sizes)


def test_the_largest_possible_split_is_allowed():
    splits = split_digits(0, labelled=1730, unlabelled=0, validation=0)
    assert [len(part.labels) for part in splits] == [1730, 0, 0, 67]


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="seed: expected a number >= 0, got -1"):
        split_digits(-1)
