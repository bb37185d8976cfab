"""Many methods at once: p-values of pairs, what many looks cost (Holm), and ranks over seeds or data sets.

Of thirty methods that are all equal to the baseline, one or two beat it at "p < 0.05". Whoever compares many
methods therefore adjusts the p-values, and says over how many comparisons.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

from kdcourse.evaluation.statistics import _sample


def holm(p_values) -> np.ndarray:
    r"""Holm's adjusted p-values of m tests: calling those below a significant keeps the family-wise error
    (the chance of one false alarm or more, whichever null hypotheses are true) at most a.

    .. math:: \tilde p_{(i)} = \min\Bigl(1, \max_{j \le i} (m - j + 1) \, p_{(j)}\Bigr),
        \qquad p_{(1)} \le \dots \le p_{(m)}

    The smallest is multiplied by m as in Bonferroni's correction, the next by m - 1, and so on. Nothing is
    assumed about how the tests depend on each other, so they may share a baseline.

    Args:
        p_values: m >= 0 numbers in [0, 1].

    Returns:
        The adjusted p-values (m,), in the order given.

    Raises:
        ValueError: a number that is NaN or outside [0, 1].

    Source:
        Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
        (1979) 65–70; adjusted p-values: Wright, Biometrics 48 (1992) 1005–1013.

    Lecture:
        18_capstone, section 4.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()  # 3 * 0.01, 1 * 0.04 raised to the one before, 2 * 0.03
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():  # a NaN is neither
        raise ValueError(f"p_values: expected a list of numbers in [0, 1], got {np.asarray(p_values)}")
    order = np.argsort(p)
    times = np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(times * p[order]))
    return adjusted


def paired_p_value(method, baseline) -> float:
    """Two-sided p-value of the paired t-test: could differences like these, seed by seed, come from a mean
    of zero?

    It is below 0.05 exactly where the 95 % interval of `paired_difference` leaves out zero.

    Where all differences are the same up to rounding, t is 0/0 or infinite; the value is then that of the
    limit: 1.0 if they are zero (the arms are identical), 0.0 if they are not. Two or three seeds that happen
    to give the same difference are a reason for more seeds, not for a p-value of zero.

    Args:
        method, baseline: n >= 2 numbers each, in the same order of seeds.

    Source:
        Student, Biometrika 6 (1908) 1–25; here `scipy.stats.ttest_rel`.

    Lecture:
        18_capstone, section 4.

    >>> round(paired_p_value([3.0, 5.0, 7.0], [2.0, 3.0, 4.0]), 4)  # t = 2 sqrt(3) with 2 degrees of freedom
    0.0742
    """
    method, baseline = _sample("method", method), _sample("baseline", baseline)
    if len(method) != len(baseline):
        raise ValueError(f"baseline: expected {len(method)} numbers to pair with method, got {len(baseline)}")
    difference = method - baseline
    rounding = 100 * np.finfo(np.float64).eps * max(np.abs(method).max(), np.abs(baseline).max())
    if np.ptp(difference) <= rounding:
        return 1.0 if abs(difference.mean()) <= rounding else 0.0
    return float(stats.ttest_rel(method, baseline).pvalue)


def ranks(scores) -> np.ndarray:
    """Mean rank of each method over blocks: 1 is the best, ties share the mean of their places.

    A block is what all methods have in common: a data set where several are compared (Demšar's use), a seed
    within one data set.

    Args:
        scores: (k methods, n blocks), more is better.

    Returns:
        (k,) mean ranks; they sum to k (k + 1) / 2.

    Source:
        Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7 (2006) 1–30, section
        3.2.2; here `scipy.stats.rankdata`.

    Lecture:
        18_capstone, section 5.

    >>> ranks([[90.0, 80.0], [85.0, 80.0], [70.0, 60.0]]).tolist()  # the first two share places 1 and 2 once
    [1.25, 1.75, 3.0]
    """
    return stats.rankdata(-_blocks(scores), axis=0).mean(axis=1)


class Friedman(NamedTuple):
    """Result of `friedman`: the chi-squared statistic, corrected for ties, and its p-value.

    Lecture:
        18_capstone, section 5, through `friedman`.
    """

    statistic: float
    p_value: float


def friedman(scores) -> Friedman:
    """Friedman's test: could these ranks come from methods that are all equally good?

    Only where it says no are differences of mean ranks worth reading. Its p-value comes from chi-squared
    with k - 1 degrees of freedom, which errs on the side of "no difference" where blocks are few. (The F of
    Iman and Davenport errs less with many blocks, but gives p = 0 to any two blocks that agree.)

    Args:
        scores: (k >= 3 methods, n >= 2 blocks), more is better.

    Source:
        Friedman, JASA 32 (1937) 675–701; Demšar 2006, section 3.2.2, who asks for more than 10 blocks and
        more than 5 methods; here `scipy.stats.friedmanchisquare`.

    Lecture:
        18_capstone, section 5.

    >>> friedman([[3.0, 3.0, 3.0, 3.0], [2.0, 2.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0]]).statistic
    8.0
    """
    scores = _blocks(scores)
    if scores.shape[0] < 3 or scores.shape[1] < 2:
        raise ValueError(
            f"scores: expected 3 or more methods in 2 or more blocks, got shape {scores.shape}; "
            "for two methods there is paired_p_value"
        )
    if (scores == scores[0]).all():  # every block a tie: the statistic is 0/0
        return Friedman(0.0, 1.0)
    result = stats.friedmanchisquare(*scores)
    return Friedman(float(result.statistic), float(result.pvalue))


def rank_p_values(scores, reference: int) -> np.ndarray:
    r"""Holm-adjusted p-values of each method's mean rank against that of one reference method.

    .. math:: z_i = \frac{R_i - R_{ref}}{\sqrt{k (k + 1) / (6 n)}}, \qquad p_i = 2 \Phi(-|z_i|)

    With care: whether two methods differ here depends on which others are in the table (Benavoli, Corani and
    Mangili, JMLR 17 (2016) no. 5), so where scores can be compared directly, as accuracies over seeds can,
    prefer ``holm`` of `paired_p_value`.

    Args:
        scores: (k >= 2 methods, n blocks), more is better.
        reference: row of the method that the others are compared with.

    Returns:
        (k,) adjusted p-values over k - 1 comparisons; 1.0 at the reference itself.

    Source:
        Demšar 2006, section 3.2.2, "all classifiers with a control".

    Lecture:
        18_capstone, section 5.

    >>> rank_p_values([[3.0] * 6, [2.0] * 6, [1.0] * 6], reference=2).round(4).tolist()
    [0.0011, 0.0833, 1.0]
    """
    scores = _blocks(scores)
    k, n = scores.shape
    if not 0 <= reference < k:
        raise ValueError(f"reference: expected the number of a row, 0 to {k - 1}, got {reference}")
    mean_ranks = ranks(scores)
    z = (mean_ranks - mean_ranks[reference]) / np.sqrt(k * (k + 1) / (6 * n))
    others = np.arange(k) != reference
    adjusted = np.ones(k)
    adjusted[others] = holm(2 * stats.norm.sf(np.abs(z[others])))
    return adjusted


def _blocks(scores) -> np.ndarray:
    scores = scores.detach().cpu() if hasattr(scores, "detach") else scores
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim != 2 or not array.size or not np.isfinite(array).all():
        raise ValueError(
            f"scores: expected finite numbers (methods, blocks), got shape {array.shape}: {array}"
        )
    return array
