"""Did it work? Means with intervals over seeds, paired differences, and the share of a gap that was closed.

All intervals are of Student's t over n seeds: they say how much the *mean over seeds* may move if the
experiment is repeated with other seeds of the same kind, and nothing about other data sets.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Estimate:
    """A mean with its confidence interval over n seeds.

    Lecture:
        00_start_here, section 2, through `mean_interval`.

    >>> print(Estimate(mean=4.0, low=2.5, high=5.5, n=8))
    4.0 ± 1.5
    """

    mean: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    def __format__(self, spec: str) -> str:
        sign = spec[:1] if spec[:1] in "+-" else ""
        spec = spec.removeprefix(sign) or ".1f"
        return f"{self.mean:{sign}{spec}} ± {self.half_width:{spec}}"

    def __str__(self) -> str:
        return format(self, "")


def mean_interval(values, *, confidence: float = 0.95) -> Estimate:
    """Mean and t-interval of one number per seed.

    Args:
        values: n >= 2 numbers (a tensor, an array or a list).
        confidence: coverage of the interval, in (0, 1).

    Lecture:
        00_start_here, section 2.

    >>> print(mean_interval([1.0, 2.0, 3.0]))  # 2 ± 4.303 * 1 / sqrt(3)
    2.0 ± 2.5
    """
    values = _sample("values", values)
    return _t_interval(values.mean(), values.std(ddof=1) / math.sqrt(len(values)), len(values), confidence)


def paired_difference(method, baseline, *, confidence: float = 0.95) -> Estimate:
    """Mean and t-interval of method - baseline, seed by seed.

    Pairing removes what the two arms share through their seed (the split, the initial weights, the
    teacher), so the interval is often far narrower than that of either arm.

    Args:
        method, baseline: n >= 2 numbers each, in the same order of seeds.

    Lecture:
        00_start_here, section 2.

    >>> print(paired_difference([5.0, 7.0, 9.0], [4.0, 6.0, 8.0]))
    1.0 ± 0.0
    """
    method, baseline = _sample("method", method), _sample("baseline", baseline)
    if len(method) != len(baseline):
        raise ValueError(f"baseline: expected {len(method)} numbers to pair with method, got {len(baseline)}")
    return mean_interval(method - baseline, confidence=confidence)


def gap_closed(student, baseline, teacher, *, confidence: float = 0.95) -> Estimate:
    r"""Share of the gap between baseline and teacher that the distilled student closes, in percent.

    .. math:: 100 \cdot \frac{mean(student - baseline)}{mean(teacher - baseline)}

    A ratio of means, because the ratio of a single seed explodes where its gap is small. The interval is
    the t-interval of the jackknife (leave one seed out; Tukey 1958; Efron & Tibshirani, "An Introduction to
    the Bootstrap", 1993, chapter 11).

    Args:
        student, baseline, teacher: n >= 3 numbers each, in the same order of seeds.

    Raises:
        ValueError: the teacher is not better than the baseline on average, or not without one of the seeds:
            there is no gap to close.

    Lecture:
        00_start_here, section 6.

    >>> gap_closed([93.0, 94.0, 95.0], [90.0, 91.0, 92.0], [94.0, 95.0, 96.0]).mean
    75.0
    """
    student, baseline, teacher = (
        _sample(name, values, least=3)
        for name, values in (("student", student), ("baseline", baseline), ("teacher", teacher))
    )
    n = len(student)
    if not len(baseline) == len(teacher) == n:
        raise ValueError(
            f"baseline, teacher: expected {n} numbers each, got {len(baseline)} and {len(teacher)}"
        )
    gain, gap = student - baseline, teacher - baseline
    gaps_without_one = (gap.sum() - gap) / (n - 1)
    if gap.mean() <= 0 or gaps_without_one.min() <= 0:
        raise ValueError(
            "teacher: expected to be better than the baseline on average, also without any one of the seeds, "
            f"got gaps of {gap.round(3).tolist()}"
        )
    ratio = 100 * gain.mean() / gap.mean()
    leave_one_out = 100 * ((gain.sum() - gain) / (n - 1)) / gaps_without_one
    error = math.sqrt((n - 1) / n * ((leave_one_out - leave_one_out.mean()) ** 2).sum())
    return _t_interval(ratio, error, n, confidence)


def _t_interval(mean: float, standard_error: float, n: int, confidence: float) -> Estimate:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence}")
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * standard_error
    return Estimate(float(mean), float(mean - half), float(mean + half), n)


def _sample(name: str, values, least: int = 2) -> np.ndarray:
    values = values.detach().cpu() if hasattr(values, "detach") else values  # a tensor, perhaps on a GPU
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or len(sample) < least:
        raise ValueError(f"{name}: expected at least {least} numbers, one a seed, got shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise ValueError(f"{name}: expected finite numbers, got {sample}")
    return sample
