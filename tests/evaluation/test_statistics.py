"""Intervals: numbers by hand and by SciPy, and how often they cover the truth."""

import math
import statistics

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from kdcourse.evaluation import Estimate, gap_closed, mean_interval, paired_difference

VALUES = [71.2, 70.4, 73.1, 70.9, 72.2]
OTHERS = [70.1, 70.2, 71.4, 70.3, 70.6]
some = settings(max_examples=30, deadline=None, derandomize=True)
numbers = st.lists(st.floats(-100, 100), min_size=2, max_size=10)

# ---------------------------------------------------------------- one arm


def test_an_interval_by_hand():
    # Mean 2, standard deviation 1, n = 3; Student's t at 97.5 % with 2 degrees of freedom is 4.302653.
    estimate = mean_interval([1.0, 2.0, 3.0])
    assert estimate.mean == 2.0 and estimate.n == 3
    assert estimate.half_width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert estimate.low == pytest.approx(2 - 4.302653 / math.sqrt(3), rel=1e-6)
    assert estimate.high == pytest.approx(2 + 4.302653 / math.sqrt(3), rel=1e-6)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99])
def test_intervals_agree_with_scipy(confidence):
    expected = stats.ttest_1samp(VALUES, 0).confidence_interval(confidence)
    estimate = mean_interval(VALUES, confidence=confidence)
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))
    assert estimate.mean == pytest.approx(statistics.fmean(VALUES))


def test_95_percent_is_the_default():
    assert mean_interval(VALUES) == mean_interval(VALUES, confidence=0.95)
    assert paired_difference(VALUES, OTHERS) == paired_difference(VALUES, OTHERS, confidence=0.95)
    teacher = [v + 5 for v in VALUES]
    assert gap_closed(VALUES, OTHERS, teacher) == gap_closed(VALUES, OTHERS, teacher, confidence=0.95)


@some
@given(numbers, st.floats(-50, 50))
def test_shifting_moves_and_scaling_stretches(values, shift):
    plain, moved = mean_interval(values), mean_interval([2 * v + shift for v in values])
    assert moved.mean == pytest.approx(2 * plain.mean + shift, abs=1e-9)
    assert moved.half_width == pytest.approx(2 * plain.half_width, abs=1e-9)
    assert plain.low <= plain.mean <= plain.high
    assert mean_interval(values[::-1]).half_width == pytest.approx(plain.half_width, abs=1e-9)


def test_whatever_holds_numbers_will_do():
    expected = mean_interval(VALUES)
    tensor = torch.tensor(VALUES, dtype=torch.float64)
    for values in (tuple(VALUES), np.array(VALUES), tensor, tensor.clone().requires_grad_(), list(tensor)):
        assert mean_interval(values) == expected
    assert mean_interval(torch.tensor(VALUES)).mean == pytest.approx(expected.mean, rel=1e-6)
    assert mean_interval(torch.tensor([1, 2, 3])) == mean_interval([1, 2, 3])


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_numbers_of_a_gpu_will_do():
    assert mean_interval(torch.tensor(VALUES, dtype=torch.float64).cuda()) == mean_interval(VALUES)


# ---------------------------------------------------------------- two arms


def test_a_paired_difference_is_the_interval_of_differences():
    expected = stats.ttest_rel(VALUES, OTHERS).confidence_interval(0.9)
    estimate = paired_difference(VALUES, OTHERS, confidence=0.9)
    assert estimate.mean == pytest.approx(statistics.fmean(VALUES) - statistics.fmean(OTHERS))
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))
    back = paired_difference(OTHERS, VALUES, confidence=0.9)
    assert (back.mean, back.low, back.high) == pytest.approx((-estimate.mean, -estimate.high, -estimate.low))


def test_pairing_removes_what_the_arms_share():
    shared = np.array([10.0, -20.0, 30.0, 5.0])
    estimate = paired_difference(shared + np.array([1.0, 1.2, 0.9, 1.1]), shared)
    assert estimate.mean == pytest.approx(1.05) and estimate.half_width < 0.3
    shuffled = paired_difference(shared[[1, 2, 3, 0]] + 1.05, shared)
    assert shuffled.half_width > 20, "the order of seeds matters"


# ---------------------------------------------------------------- the gap


def test_a_gap_by_hand():
    student, baseline, teacher = [93.0, 94.0, 96.0], [90.0, 91.0, 92.0], [94.0, 96.0, 97.0]
    # Gains 3, 3, 4 and gaps 4, 5, 5: 10/14. Without one seed each: 7/10, 7/9, 6/9.
    left_out = [70.0, 700 / 9, 600 / 9]
    centre = sum(left_out) / 3
    error = math.sqrt(2 / 3 * sum((r - centre) ** 2 for r in left_out))
    estimate = gap_closed(student, baseline, teacher)
    assert estimate.mean == pytest.approx(1000 / 14) and estimate.n == 3
    assert estimate.half_width == pytest.approx(4.302653 * error, rel=1e-6)
    assert (estimate.low + estimate.high) / 2 == pytest.approx(estimate.mean)


def test_a_ratio_of_means_not_a_mean_of_ratios():
    # One seed has almost no gap: its own ratio would be 300.
    estimate = gap_closed([3.0, 5.0, 5.0], [0.0, 0.0, 0.0], [0.01, 10.0, 10.0])
    assert estimate.mean == pytest.approx(100 * 13 / 20.01)


def test_with_a_constant_gap_it_is_the_interval_of_the_gain():
    gain = paired_difference(VALUES, OTHERS)
    estimate = gap_closed(VALUES, OTHERS, [o + 4 for o in OTHERS])
    assert estimate.mean == pytest.approx(25 * gain.mean)
    assert estimate.half_width == pytest.approx(25 * gain.half_width)


def test_the_ends_of_the_scale():
    teacher = [o + 4 for o in OTHERS]
    nothing, everything = gap_closed(OTHERS, OTHERS, teacher), gap_closed(teacher, OTHERS, teacher)
    assert (nothing.mean, nothing.half_width) == pytest.approx((0, 0))
    assert (everything.mean, everything.half_width) == pytest.approx((100, 0))
    assert gap_closed([o - 2 for o in OTHERS], OTHERS, teacher).mean == pytest.approx(-50)


# ---------------------------------------------------------------- how often the truth is inside


def test_coverage_of_the_mean():
    """2000 experiments of 5 seeds: 95 % within three standard errors; a normal quantile would give 88 %."""
    rng = np.random.default_rng(0)
    samples = 3 + 2 * rng.standard_normal((2000, 5))
    estimates = [mean_interval(sample) for sample in samples]
    covered = np.mean([e.low <= 3 <= e.high for e in estimates])
    assert covered == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("n", [5, 8])
def test_coverage_of_the_gap(n):
    """Gains and gaps that share part of their noise, as with paired seeds; the truth is 3 / 5."""
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(1000):
        baseline = 90 + rng.standard_normal(n)
        noise = 0.7 * rng.standard_normal((2, n))
        estimate = gap_closed(baseline + 3 + noise[0], baseline, baseline + 5 + noise[1])
        inside.append(estimate.low <= 60 <= estimate.high)
    assert 0.90 <= np.mean(inside) <= 0.98


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([1.0], r"got shape \(1,\)"),
        ([], r"got shape \(0,\)"),
        (1.0, r"got shape \(\)"),
        ([[1.0, 2.0], [3.0, 4.0]], r"got shape \(2, 2\)"),
        ([1.0, math.nan], "expected finite numbers, got"),
        ([1.0, math.inf], "expected finite numbers, got"),
    ],
)
def test_samples_must_be_one_finite_number_per_seed(wrong, said):
    with pytest.raises(ValueError, match=f"^values: .*{said}"):
        mean_interval(wrong)
    with pytest.raises(ValueError, match=f"^method: .*{said}"):
        paired_difference(wrong, [1.0, 2.0])
    with pytest.raises(ValueError, match=f"^baseline: .*{said}"):
        paired_difference([1.0, 2.0], wrong)
    good = [1.0, 2.0, 3.0]
    for position, name in enumerate(("student", "baseline", "teacher")):
        arguments = [good, good, good]
        arguments[position] = wrong if not isinstance(wrong, list) or len(wrong) != 2 else [*wrong, wrong[0]]
        with pytest.raises(ValueError, match=f"^{name}: "):
            gap_closed(*arguments)


def test_a_jackknife_needs_three_seeds():
    with pytest.raises(
        ValueError, match=r"^student: expected at least 3 numbers, one a seed, got shape \(2,\)"
    ):
        gap_closed([1.0, 2.0], [1.0, 2.0], [3.0, 4.0])


def test_unequal_numbers_of_seeds():
    with pytest.raises(ValueError, match=r"^baseline: expected 2 numbers to pair with method, got 3"):
        paired_difference([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"^baseline, teacher: expected 3 numbers each, got 4 and 3"):
        gap_closed([1.0] * 3, [0.0] * 4, [2.0] * 3)
    with pytest.raises(ValueError, match=r"^baseline, teacher: expected 3 numbers each, got 3 and 4"):
        gap_closed([1.0] * 3, [0.0] * 3, [2.0] * 4)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, 95, math.nan])
def test_confidence_is_a_share(confidence):
    for call in (
        lambda: mean_interval(VALUES, confidence=confidence),
        lambda: paired_difference(VALUES, OTHERS, confidence=confidence),
        lambda: gap_closed(VALUES, OTHERS, [o + 4 for o in OTHERS], confidence=confidence),
    ):
        with pytest.raises(ValueError, match=r"^confidence: expected a number between 0 and 1, got "):
            call()


@pytest.mark.parametrize("teacher", [[2.0, 2.0, 2.0], [1.0, 1.0, 1.0], [1.5, 1.5, 8.0]])
def test_no_gap_no_share(teacher):
    """Also where the gap would vanish without one of the seeds: then the ratio means nothing."""
    with pytest.raises(
        ValueError, match=r"^teacher: expected to be better .* without any one of the seeds, got gaps of \["
    ):
        gap_closed([3.0, 3.0, 3.0], [2.0, 2.0, 2.0], teacher)


# ---------------------------------------------------------------- how an estimate reads


def test_an_estimate_in_words():
    estimate = Estimate(mean=4.04, low=2.48, high=5.6, n=8)
    assert str(estimate) == f"{estimate}" == "4.0 ± 1.6"
    assert f"{estimate:.2f}" == "4.04 ± 1.56"
    assert f"{estimate:+.1f}" == "+4.0 ± 1.6"
    assert f"{estimate:+}" == "+4.0 ± 1.6"
    assert f"{Estimate(-3.0, -4.0, -2.0, 5):+.1f}" == "-3.0 ± 1.0"
    assert f"{Estimate(0.0, -1.0, 1.0, 5):.0f}" == "0 ± 1"


def test_estimates_are_values():
    estimate = Estimate(4.0, 2.0, 6.0, 8)
    assert estimate == Estimate(4.0, 2.0, 6.0, 8) and estimate.half_width == 2.0
    with pytest.raises(AttributeError):
        estimate.mean = 5.0
    estimate = mean_interval(torch.tensor([1.0, 2.0]))
    assert all(
        type(value) is float for value in (estimate.mean, estimate.low, estimate.high, estimate.half_width)
    )
