"""Many methods at once: Holm's p-values and ranks by hand, by plain loops, by a published example, and how
often false alarms happen where nothing is better than anything."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from kdcourse.evaluation import (
    friedman,
    holm,
    paired_difference,
    paired_p_value,
    rank_p_values,
    ranks,
)

some = settings(max_examples=40, deadline=None, derandomize=True)
p_lists = st.lists(st.floats(0, 1), max_size=12)
# Accuracies: multiples of 1/4 %, so that there are ties.
grids = st.integers(2, 5).flatmap(
    lambda k: st.lists(
        st.lists(st.integers(0, 8).map(lambda v: 90 + v / 4), min_size=k, max_size=k), min_size=1, max_size=5
    ).map(lambda rows: np.array(rows).T)
)
# Demšar 2006, table 6: AUC of C4.5, with m tuned, with cf tuned, with both, on 14 data sets. In "voting" (the
# last but one) the paper ranks the third above the fourth by digits that it does not print; hence 0.9751.
DEMSAR = np.array([
    [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.0, 0.940, 0.619, 0.972, 0.957],
    [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.0, 0.962, 0.666, 0.981, 0.978],
    [0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609, 0.563, 0.866, 1.0, 0.965, 0.614, 0.9751, 0.946],
    [0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685, 0.625, 0.875, 1.0, 0.962, 0.669, 0.975, 0.970],
])  # fmt: skip

# ---------------------------------------------------------------- Holm


@pytest.mark.parametrize(
    ("given_p", "expected"),
    [
        ([0.03], [0.03]),
        ([0.01, 0.02], [0.02, 0.02]),  # 2 * 0.01, 1 * 0.02
        ([0.02, 0.01], [0.02, 0.02]),
        ([0.01, 0.02, 0.03, 0.04], [0.04, 0.06, 0.06, 0.06]),  # 4 * .01, 3 * .02, 2 * .03, 1 * .04 -> .06
        ([0.005, 0.5, 0.011, 0.02], [0.02, 0.5, 0.033, 0.04]),  # 4 * .005, 1 * .5, 3 * .011, 2 * .02
        ([0.9, 0.001, 0.6], [1.0, 0.003, 1.0]),  # 2 * 0.6 is cut off at 1, and 0.9 cannot fall below it
        ([0.0, 1.0], [0.0, 1.0]),
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06]),  # ties: all get the largest multiple
    ],
)
def test_holm_by_hand(given_p, expected):
    np.testing.assert_allclose(holm(given_p), expected, rtol=1e-12)


@some
@given(p_lists)
def test_holm_by_a_plain_loop(p_values):
    """Holm's own words: go up from the smallest; stop at the first that is not below its share."""
    adjusted = holm(p_values)
    for level in (0.01, 0.05, 0.1, 0.5):
        rejected, left = set(), len(p_values)
        for i in sorted(range(len(p_values)), key=lambda i: p_values[i]):
            if p_values[i] > level / left:
                break
            rejected.add(i)
            left -= 1
        for i, value in enumerate(adjusted):
            if not math.isclose(value, level, rel_tol=1e-9):  # on the edge rounding decides
                assert (value <= level) == (i in rejected)


@some
@given(p_lists, st.randoms(use_true_random=False))
def test_holm_keeps_order_and_bounds(p_values, random):
    adjusted = holm(p_values)
    assert adjusted.shape == (len(p_values),)
    assert (adjusted >= p_values).all() and (
        adjusted <= np.minimum(1, len(p_values) * np.array(p_values))
    ).all()
    by_size = np.argsort(p_values, kind="stable")
    assert (np.diff(adjusted[by_size]) >= 0).all()
    shuffled = random.sample(range(len(p_values)), len(p_values))
    np.testing.assert_array_equal(holm([p_values[i] for i in shuffled]), adjusted[shuffled])


def test_holm_leaves_its_argument_alone():
    p_values = np.array([0.04, 0.01])
    holm(p_values)
    np.testing.assert_array_equal(p_values, [0.04, 0.01])


@pytest.mark.parametrize("wrong", [[0.1, math.nan], [-0.1], [1.5], 0.05, [[0.1, 0.2]], [math.inf]])
def test_holm_refuses_what_is_no_list_of_p_values(wrong):
    with pytest.raises(ValueError, match=r"^p_values: expected a list of numbers in \[0, 1\], got "):
        holm(wrong)


def false_alarms(adjust, better: int, draws: int = 400, methods: int = 8, seeds: int = 8) -> float:
    """Share of benchmarks in which a method that equals the baseline is called different from it at 5 %.

    The first `better` methods are truly better; all share their seeds and the baseline, as in a table.
    """
    rng, alarms = np.random.default_rng(0), 0
    for _ in range(draws):
        of_seed = 3 * rng.standard_normal(seeds)
        baseline = 90 + of_seed + rng.standard_normal(seeds)
        scores = 90 + of_seed + rng.standard_normal((methods, seeds))
        scores[:better] += 10
        adjusted = adjust([paired_p_value(row, baseline) for row in scores])
        alarms += any(p < 0.05 for p in adjusted[better:])
    return alarms / draws


@pytest.mark.parametrize("better", [0, 4])
def test_false_alarms_are_rare_over_the_whole_table(better):
    margin = 3 * math.sqrt(0.05 * 0.95 / 400)  # three standard errors of the simulation: 0.033
    assert false_alarms(holm, better) <= 0.05 + margin


def test_without_holm_false_alarms_are_common():
    """So the simulation would have noticed."""
    assert false_alarms(lambda p: p, better=0) > 0.15


# ---------------------------------------------------------------- pairs


def test_a_paired_p_value_by_hand():
    # Differences 1, 2, 3: mean 2, standard error 1 / sqrt(3). With 2 degrees of freedom
    # P(|t| > x) = 1 - x / sqrt(2 + x²).
    t = 2 * math.sqrt(3)
    assert paired_p_value([5.0, 7.0, 9.0], [4.0, 5.0, 6.0]) == pytest.approx(1 - t / math.sqrt(2 + t * t))


@some
@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=2, max_size=9),
    st.integers(-50, 50),
)
def test_paired_p_values_and_intervals_agree(pairs, shift):
    method, baseline = np.array(pairs, dtype=float).T
    p = paired_p_value(method, baseline)
    assert 0 <= p <= 1
    assert paired_p_value(baseline, method) == pytest.approx(p), "two-sided"
    assert paired_p_value(method + shift, baseline + shift) == pytest.approx(p)
    assert paired_p_value(method[::-1], baseline[::-1]) == pytest.approx(p)
    interval = paired_difference(method, baseline)
    assume(interval.half_width > 0 and abs(p - 0.05) > 1e-6)
    assert (p < 0.05) == (interval.low > 0 or interval.high < 0)


def test_differences_that_do_not_vary():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert paired_p_value([90.0, 91.5], [90.0, 91.5]) == 1.0
        assert paired_p_value([91.0, 92.5, 93.0], [90.0, 91.5, 92.0]) == 0.0
        # 0.1 + 0.2 is not 0.3 in binary, and that is no effect; nor is it a spread.
        assert paired_p_value([0.1 + 0.2, 0.7, 5.0], [0.3, 0.7, 5.0]) == 1.0
        assert paired_p_value([1.1, 2.1, 3.1], [1.0, 2.0, 3.0]) == 0.0
        assert paired_p_value([0.0, 0.0], [0.0, 0.0]) == 1.0
    assert 0 < paired_p_value([90.0, 91.0], [90.0, 90.0]) < 1, "one difference is zero, not all"


def test_pairs_of_tensors():
    method, baseline = torch.tensor([90.0, 92.0, 93.5]), torch.tensor([89.0, 90.0, 93.0])
    assert paired_p_value(method, baseline) == pytest.approx(stats.ttest_rel(method, baseline).pvalue)


@pytest.mark.parametrize(
    ("method", "baseline", "message"),
    [
        ([1.0, 2.0], [1.0], r"^baseline: expected at least 2 numbers"),
        ([1.0], [1.0], r"^method: expected at least 2 numbers"),
        ([1.0, 2.0, 3.0], [1.0, 2.0], r"^baseline: expected 3 numbers to pair with method, got 2"),
        ([1.0, math.nan], [1.0, 2.0], r"^method: expected finite numbers"),
    ],
)
def test_pairs_that_cannot_be_paired(method, baseline, message):
    with pytest.raises(ValueError, match=message):
        paired_p_value(method, baseline)


# ---------------------------------------------------------------- ranks


def plain_ranks(scores):
    k, n = scores.shape
    total = np.zeros(k)
    for block in scores.T:
        for i in range(k):
            better = sum(other > block[i] for other in block)
            equal = sum(other == block[i] for other in block)
            total[i] += better + (1 + equal) / 2
    return total / n


@some
@given(grids)
def test_ranks_by_a_plain_loop(scores):
    np.testing.assert_allclose(ranks(scores), plain_ranks(scores))
    k = len(scores)
    assert ranks(scores).sum() == pytest.approx(k * (k + 1) / 2)
    np.testing.assert_allclose(ranks(3 * scores - 100), ranks(scores), err_msg="only the order counts")
    np.testing.assert_allclose(ranks(-scores), k + 1 - ranks(scores))
    np.testing.assert_allclose(ranks(scores[::-1]), ranks(scores)[::-1])
    np.testing.assert_allclose(ranks(torch.tensor(scores)), ranks(scores))


def test_a_published_example():
    """Demšar 2006, pages 10 to 13: mean ranks, chi-squared (which the paper does not correct for ties), and
    p-values of three variants against C4.5."""
    k, n = DEMSAR.shape
    mean_ranks = ranks(DEMSAR)
    np.testing.assert_allclose(mean_ranks, [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    uncorrected = 12 * n / (k * (k + 1)) * ((mean_ranks**2).sum() - k * (k + 1) ** 2 / 4)
    assert uncorrected == pytest.approx(9.28, abs=5e-3)
    tied = sum(
        count**3 - count for block in DEMSAR.T for count in np.unique(block, return_counts=True)[1].tolist()
    )
    assert friedman(DEMSAR).statistic == pytest.approx(uncorrected / (1 - tied / (n * (k**3 - k))))
    assert friedman(DEMSAR).p_value == pytest.approx(stats.chi2.sf(friedman(DEMSAR).statistic, k - 1))
    # Printed: z = 2.416, 2.342 and 0.512, p = 0.016, 0.019 and 0.607; Holm multiplies by 3, 2 and 1.
    expected = [2 * stats.norm.sf(z) for z in (2.342, 0.512, 2.416)]
    assert expected == pytest.approx([0.019, 0.607, 0.016], abs=2e-3)
    assert rank_p_values(DEMSAR, reference=0) == pytest.approx(
        [1.0, 3 * expected[2], expected[1], 3 * expected[2]], rel=5e-3
    ), "2 * 0.019 is raised to 3 * 0.016"


@some
@given(grids)
def test_p_values_of_ranks(scores):
    for reference in range(len(scores)):
        p = rank_p_values(scores, reference)
        assert p[reference] == 1 and ((p >= 0) & (p <= 1)).all()
        unlike = np.abs(ranks(scores) - ranks(scores)[reference])
        assert (np.diff(p[np.argsort(unlike, kind="stable")]) <= 1e-12).all(), "farther away, smaller p"
    if len(scores) >= 3 and scores.shape[1] >= 2:
        shuffled = friedman(scores[::-1, ::-1])
        assert friedman(scores) == pytest.approx(shuffled) and 0 <= shuffled.p_value <= 1


def test_friedman_is_seldom_wrong_with_few_blocks():
    """30 equal methods on 4 data sets: a p-value below 0.05 in at most 5 % of benchmarks."""
    rng, draws = np.random.default_rng(1), 300
    wrong = sum(friedman(rng.standard_normal((30, 4))).p_value < 0.05 for _ in range(draws)) / draws
    assert wrong <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / draws)
    assert friedman(np.arange(30.0)[:, None] + 0.1 * rng.standard_normal((30, 4))).p_value < 1e-3


def test_all_equal_is_no_difference():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert friedman(np.full((4, 3), 90.0)) == (0.0, 1.0)
        np.testing.assert_array_equal(rank_p_values(np.full((4, 3), 90.0), reference=2), np.ones(4))
    np.testing.assert_array_equal(ranks(np.full((4, 3), 90.0)), np.full(4, 2.5))
    np.testing.assert_array_equal(ranks([[90.0]]), [1.0])


@pytest.mark.parametrize("wrong", [[90.0, 91.0], [[]], [[90.0, math.nan]], [[[90.0]]], [[math.inf, 1.0]]])
def test_scores_that_are_no_table(wrong):
    for function in (ranks, friedman, lambda scores: rank_p_values(scores, 0)):
        with pytest.raises(
            ValueError, match=r"^scores: expected finite numbers \(methods, blocks\), got shape"
        ):
            function(wrong)


@pytest.mark.parametrize("shape", [(2, 5), (5, 1)])
def test_friedman_needs_three_methods_and_two_blocks(shape):
    with pytest.raises(ValueError, match=r"^scores: expected 3 or more methods in 2 or more blocks"):
        friedman(np.arange(math.prod(shape)).reshape(shape))


@pytest.mark.parametrize("reference", [-1, 4])
def test_a_reference_that_is_not_there(reference):
    with pytest.raises(ValueError, match=r"^reference: expected the number of a row, 0 to 3"):
        rank_p_values(DEMSAR, reference)
