# ruff: noqa
# Answers to paired_interval: each block is what a learner might write.
import math
import statistics

import numpy as np
import torch
from scipy import stats


def t64(values):
    return torch.as_tensor(values, dtype=torch.float64)


def around(d, confidence, factor=None):
    n = len(d)
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * float(d.std()) / math.sqrt(n)
    return float(d.mean()), float(d.mean()) - half, float(d.mean()) + half


# %% right: torch and the quantile of t
def paired_interval(method, baseline, confidence=0.95):
    gain = torch.as_tensor(method, dtype=torch.float64) - torch.as_tensor(baseline, dtype=torch.float64)
    n = len(gain)
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * gain.std().item() / n**0.5
    return gain.mean().item(), gain.mean().item() - half, gain.mean().item() + half


# %% right: numpy with ddof
def paired_interval(method, baseline, confidence=0.95):
    d = np.asarray(method, dtype=np.float64) - np.asarray(baseline, dtype=np.float64)
    error = d.std(ddof=1) / np.sqrt(len(d))
    low, high = d.mean() + error * stats.t.ppf([(1 - confidence) / 2, (1 + confidence) / 2], len(d) - 1)
    return d.mean(), low, high


# %% right: t.interval with the standard error of scipy
def paired_interval(method, baseline, confidence=0.95):
    d = np.array([float(a) - float(b) for a, b in zip(method, baseline)])
    error = stats.sem(d)
    if error == 0:
        return d.mean(), d.mean(), d.mean()
    return (d.mean(), *stats.t.interval(confidence, len(d) - 1, loc=d.mean(), scale=error))


# %% right: the library
def paired_interval(method, baseline, confidence=0.95):
    from kdcourse.evaluation import paired_difference

    e = paired_difference(method, baseline, confidence=confidence)
    return e.mean, e.low, e.high


# %% right: the statistics module and a list
def paired_interval(method, baseline, confidence=0.95):
    d = [float(m) - float(b) for m, b in zip(method, baseline)]
    mean, s = statistics.fmean(d), statistics.stdev(d)
    half = stats.t.isf((1 - confidence) / 2, len(d) - 1) * s / math.sqrt(len(d))
    return [mean, mean - half, mean + half]


# %% right: loops
def paired_interval(method, baseline, confidence=0.95):
    n, total = len(method), 0.0
    for i in range(n):
        total += float(method[i]) - float(baseline[i])
    mean = total / n
    squares = sum((float(method[i]) - float(baseline[i]) - mean) ** 2 for i in range(n))
    half = float(stats.t.ppf(0.5 + confidence / 2, n - 1)) * (squares / (n * (n - 1))) ** 0.5
    return (mean, mean - half, mean + half)


# %% right: a tensor of three
def paired_interval(method, baseline, confidence=0.95):
    d = t64(method) - t64(baseline)
    q = stats.t.ppf((1 + confidence) / 2, d.numel() - 1)
    half = q * d.var().div(d.numel()).sqrt()
    return torch.stack([d.mean(), d.mean() - half, d.mean() + half])


# %% right: an array of three
def paired_interval(m, b, confidence=0.95):
    d = np.subtract(m, b).astype(float) if isinstance(m, list) else (m - b).double().numpy()
    half = stats.t(len(d) - 1).ppf((1 + confidence) / 2) * np.std(d, ddof=1) / len(d) ** 0.5
    return d.mean() + half * np.array([0, -1, 1])


# %% right: 0-dimensional tensors in float32
def paired_interval(method, baseline, confidence=0.95):
    gain = torch.as_tensor(method) - torch.as_tensor(baseline)
    half = float(stats.t.ppf((1 + confidence) / 2, len(gain) - 1)) * gain.std() / len(gain) ** 0.5
    return gain.mean(), gain.mean() - half, gain.mean() + half


# %% right: by centring, correction written out
def paired_interval(method, baseline, confidence=0.95):
    d = t64(method) - t64(baseline)
    centred = d - d.mean()
    s = (centred @ centred / (len(d) - 1)) ** 0.5
    half = float(s) * stats.t.ppf(1 - (1 - confidence) / 2, len(d) - 1) / len(d) ** 0.5
    return d.mean(), d.mean() - half, d.mean() + half


# %% right: both means, the spread by the covariance
def paired_interval(method, baseline, confidence=0.95):
    m, b = t64(method), t64(baseline)
    c = torch.cov(torch.stack([m, b]))
    var = (c[0, 0] + c[1, 1] - 2 * c[0, 1]).clamp(min=0)
    mean = (m - b).mean()
    half = stats.t.ppf((1 + confidence) / 2, len(m) - 1) * (var / len(m)).sqrt()
    return mean, mean - half, mean + half


# %% right: scipy's paired test knows the interval
def paired_interval(method, baseline, confidence=0.95):
    m, b = np.asarray(method, dtype=float), np.asarray(baseline, dtype=float)
    if np.ptp(m - b) == 0:
        return (m - b)[0], (m - b)[0], (m - b)[0]
    ci = stats.ttest_rel(m, b).confidence_interval(confidence)
    return (m - b).mean(), ci.low, ci.high


# %% right: keyword-only confidence, other names
def paired_interval(ours, theirs, *, confidence=0.95):
    d = t64(ours) - t64(theirs)
    return around(d, confidence)


# %% wrong: baseline minus method -> The sign is turned round
def paired_interval(method, baseline, confidence=0.95):
    return around(t64(baseline) - t64(method), confidence)


# %% wrong: ddof 0 -> The squared deviations are divided by n
def paired_interval(method, baseline, confidence=0.95):
    d = (t64(method) - t64(baseline)).numpy()
    half = stats.t.ppf((1 + confidence) / 2, len(d) - 1) * d.std() / len(d) ** 0.5
    return d.mean(), d.mean() - half, d.mean() + half


# %% wrong: no root of n -> The division by sqrt(n) is missing
def paired_interval(method, baseline, confidence=0.95):
    d = t64(method) - t64(baseline)
    half = stats.t.ppf((1 + confidence) / 2, len(d) - 1) * float(d.std())
    return float(d.mean()), float(d.mean()) - half, float(d.mean()) + half


# %% wrong: divided by n -> It is divided by n.
def paired_interval(method, baseline, confidence=0.95):
    d = t64(method) - t64(baseline)
    half = stats.t.ppf((1 + confidence) / 2, len(d) - 1) * float(d.std()) / len(d)
    return float(d.mean()), float(d.mean()) - half, float(d.mean()) + half


# %% wrong: the normal quantile -> The normal quantile stands for that of Student's t
def paired_interval(method, baseline, confidence=0.95):
    d = t64(method) - t64(baseline)
    half = stats.norm.ppf((1 + confidence) / 2) * float(d.std()) / len(d) ** 0.5
    return float(d.mean()), float(d.mean()) - half, float(d.mean()) + half


# %% wrong: 1.96 -> 1.96 is the normal quantile at 95 %
def paired_interval(method, baseline, confidence=0.95):
    d = t64(method) - t64(baseline)
    half = 1.96 * float(d.std()) / len(d) ** 0.5
    return float(d.mean()), float(d.mean()) - half, float(d.mean()) + half


# %% wrong: one-sided -> This is a one-sided interval
def paired_interval(method, baseline, confidence=0.95):
    d = t64(method) - t64(baseline)
    half = stats.t.ppf(confidence, len(d) - 1) * float(d.std()) / len(d) ** 0.5
    return float(d.mean()), float(d.mean()) - half, float(d.mean()) + half


# %% wrong: always 95 % -> `confidence` is not used
def paired_interval(method, baseline, confidence=0.95):
    return around(t64(method) - t64(baseline), 0.95)


# %% wrong: n degrees of freedom -> t has n degrees of freedom here
def paired_interval(method, baseline, confidence=0.95):
    d = t64(method) - t64(baseline)
    half = stats.t.ppf((1 + confidence) / 2, len(d)) * float(d.std()) / len(d) ** 0.5
    return float(d.mean()), float(d.mean()) - half, float(d.mean()) + half


# %% wrong: unpaired, pooled variance -> The pairing is lost
def paired_interval(method, baseline, confidence=0.95):
    m, b = t64(method), t64(baseline)
    half = stats.t.ppf((1 + confidence) / 2, 2 * len(m) - 2) * float(((m.var() + b.var()) / len(m)) ** 0.5)
    mean = float(m.mean() - b.mean())
    return mean, mean - half, mean + half


# %% wrong: Welch -> The pairing is lost
def paired_interval(method, baseline, confidence=0.95):
    m, b = np.asarray(method, dtype=float), np.asarray(baseline, dtype=float)
    ci = stats.ttest_ind(m, b, equal_var=False).confidence_interval(confidence)
    return m.mean() - b.mean(), ci.low, ci.high


# %% wrong: ends subtracted -> The lower ends are subtracted
def paired_interval(method, baseline, confidence=0.95):
    one, other = around(t64(method), confidence), around(t64(baseline), confidence)
    return tuple(a - b for a, b in zip(one, other))


# %% wrong: ends subtracted crosswise -> The two arms' own intervals are subtracted
def paired_interval(method, baseline, confidence=0.95):
    one, other = around(t64(method), confidence), around(t64(baseline), confidence)
    return one[0] - other[0], one[1] - other[2], one[2] - other[1]


# %% wrong: the method alone -> The baseline is not used
def paired_interval(method, baseline, confidence=0.95):
    return around(t64(method), confidence)


# %% wrong: against the baseline's mean -> The *mean* of the baseline is subtracted from every seed
def paired_interval(method, baseline, confidence=0.95):
    return around(t64(method) - t64(baseline).mean(), confidence)


# %% wrong: sorted -> Both are sorted first
def paired_interval(method, baseline, confidence=0.95):
    return around(t64(sorted(method)) - t64(sorted(baseline)), confidence)


# %% wrong: relative -> It is divided by the baseline
def paired_interval(method, baseline, confidence=0.95):
    m, b = t64(method), t64(baseline)
    return around((m - b) / b, confidence)


# %% wrong: relative in percent -> It is a relative gain in percent
def paired_interval(method, baseline, confidence=0.95):
    m, b = t64(method), t64(baseline)
    return around(100 * (m - b) / b, confidence)


# %% wrong: variance -> This is the variance; its root is missing
def paired_interval(method, baseline, confidence=0.95):
    d = t64(method) - t64(baseline)
    half = stats.t.ppf((1 + confidence) / 2, len(d) - 1) * float(d.var()) / len(d) ** 0.5
    return float(d.mean()), float(d.mean()) - half, float(d.mean()) + half


# %% wrong: low first -> The order is (mean, low, high)
def paired_interval(method, baseline, confidence=0.95):
    mean, low, high = around(t64(method) - t64(baseline), confidence)
    return low, mean, high


# %% wrong: low and high exchanged -> Low and high are exchanged
def paired_interval(method, baseline, confidence=0.95):
    mean, low, high = around(t64(method) - t64(baseline), confidence)
    return mean, high, low


# %% wrong: half-widths for ends -> The ends are distances from the mean
def paired_interval(method, baseline, confidence=0.95):
    mean, low, high = around(t64(method) - t64(baseline), confidence)
    return mean, low - mean, high - mean


# %% wrong: mean and half-width -> These are two numbers
def paired_interval(method, baseline, confidence=0.95):
    mean, low, high = around(t64(method) - t64(baseline), confidence)
    return mean, high - mean


# %% wrong: quantiles of seeds -> These are quantiles of the seeds
def paired_interval(method, baseline, confidence=0.95):
    d = (t64(method) - t64(baseline)).numpy()
    low, high = np.quantile(d, [(1 - confidence) / 2, (1 + confidence) / 2])
    return d.mean(), low, high


# %% wrong: worst and best seed -> These are the worst and the best seed
def paired_interval(method, baseline, confidence=0.95):
    d = t64(method) - t64(baseline)
    return d.mean(), d.min(), d.max()


# %% wrong: the median -> The median is in the middle
def paired_interval(method, baseline, confidence=0.95):
    d = (t64(method) - t64(baseline)).numpy()
    half = stats.t.ppf((1 + confidence) / 2, len(d) - 1) * d.std(ddof=1) / len(d) ** 0.5
    return np.median(d), np.median(d) - half, np.median(d) + half


# %% wrong: unpaired and ddof 0 -> Two things. The pairing is lost
def paired_interval(method, baseline, confidence=0.95):
    m, b = t64(method).numpy(), t64(baseline).numpy()
    half = stats.t.ppf((1 + confidence) / 2, 2 * len(m) - 2) * ((m.var() + b.var()) / len(m)) ** 0.5
    return m.mean() - b.mean(), m.mean() - b.mean() - half, m.mean() - b.mean() + half


# %% wrong: normal and ddof 0 -> And: The normal quantile stands
def paired_interval(method, baseline, confidence=0.95):
    d = (t64(method) - t64(baseline)).numpy()
    half = stats.norm.ppf((1 + confidence) / 2) * d.std() / len(d) ** 0.5
    return d.mean(), d.mean() - half, d.mean() + half


# %% wrong: absolute gains -> The absolute value is taken
def paired_interval(method, baseline, confidence=0.95):
    return around((t64(method) - t64(baseline)).abs(), confidence)


# %% wrong: an Estimate -> Take its three numbers
def paired_interval(method, baseline, confidence=0.95):
    from kdcourse.evaluation import paired_difference

    return paired_difference(method, baseline, confidence=confidence)


# %% wrong: lists are not made tensors -> Lists do not subtract
def paired_interval(method, baseline, confidence=0.95):
    return around(method - baseline, confidence)


# %% wrong: no default -> A default is missing
def paired_interval(method, baseline, confidence):
    return around(t64(method) - t64(baseline), confidence)


# %% wrong: another default -> A default is missing, or another one
def paired_interval(method, baseline, confidence=0.99):
    return around(t64(method) - t64(baseline), confidence)


# %% wrong: percent for the confidence -> It is not finite
def paired_interval(method, baseline, confidence=95):
    d = t64(method) - t64(baseline)
    half = stats.t.ppf((1 + 100 * confidence) / 2, len(d) - 1) * float(d.std()) / len(d) ** 0.5
    return float(d.mean()), float(d.mean()) - half, float(d.mean()) + half


# %% wrong: not averaged -> Each part must be one number
def paired_interval(method, baseline, confidence=0.95):
    d = t64(method) - t64(baseline)
    half = stats.t.ppf((1 + confidence) / 2, len(d) - 1) * float(d.std()) / len(d) ** 0.5
    return d, d - half, d + half


# %% wrong: wild seeds are left out -> With forty seeds: the value is not right
def paired_interval(method, baseline, confidence=0.95):
    d = t64(method) - t64(baseline)
    return around(d[(d - d.mean()).abs() <= 2.4 * d.std()], confidence)


# %% wrong: in place -> changes its argument `method`
def paired_interval(method, baseline, confidence=0.95):
    method, baseline = torch.as_tensor(method), torch.as_tensor(baseline)
    method -= baseline
    return around(method, confidence)


# %% trivial: zeros
def paired_interval(method, baseline, confidence=0.95):
    return 0.0, 0.0, 0.0


# %% trivial: nothing
def paired_interval(method, baseline, confidence=0.95):
    return None


# %% trivial: NaN
def paired_interval(method, baseline, confidence=0.95):
    return math.nan, math.nan, math.nan


# %% trivial: the method
def paired_interval(method, baseline, confidence=0.95):
    return method


# %% trivial: the interval of an earlier table
def paired_interval(method, baseline, confidence=0.95):
    return 1.5, 0.9, 2.1
