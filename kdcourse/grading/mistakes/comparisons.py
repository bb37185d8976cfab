"""Known mistakes of `paired_interval`, `holm_adjust` and `mean_ranks`, with what to say about each."""

from collections.abc import Callable, Iterator

import torch
from scipy import stats
from torch import Tensor

from kdcourse.grading.formulas import benchmarks as own
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import with_parts

# --- paired interval ---

SIGN = "The gain is method minus baseline, so that a better method has a positive one."
GAINS = [
    Wrong(lambda m, b: b - m, f"The sign is turned round: this is baseline minus method. {SIGN}"),
    Wrong(lambda m, b: (m - b).abs(), f"The absolute value is taken, so that losses count as gains. {SIGN}"),
    Wrong(lambda m, b: (m - b) / b, f"It is divided by the baseline: that is a relative gain. {SIGN}"),
    Wrong(lambda m, b: 100 * (m - b) / b,
          f"It is a relative gain in percent of the baseline; the points themselves are wanted. {SIGN}"),
    Wrong(lambda m, b: m.sort().values - b.sort().values,
          "Both are sorted first. Then the best seed of one meets the best seed of the other, and the pairs "
          "are gone: the order of the seeds must stay."),
    Wrong(lambda m, b: m - b.mean(),
          "The *mean* of the baseline is subtracted from every seed. Each seed has its own baseline."),
    Wrong(lambda m, b: m - b.flip(0), "The baseline's seeds are in reverse order; pair seed with seed."),
    Wrong(lambda m, b: m, "The baseline is not used: this is the interval of the method's own mean."),
    Wrong(lambda m, b: b, "The method is not used: this is the interval of the baseline's own mean."),
]  # fmt: skip
CENTRES = [
    Wrong(lambda d: d.quantile(0.5), "The median is in the middle; the interval is one of the mean."),
    Wrong(lambda d: d.median(), "The median is in the middle; the interval is one of the mean."),
    Wrong(lambda d: d.sum(), "The gains are summed, not averaged."),
    Wrong(lambda d: d.max(), "This is the best seed's gain; the mean over the seeds is wanted."),
]
UNBIASED = (
    "The squared deviations are divided by n; it must be n - 1, as the mean was taken from the same numbers "
    "(`correction=1` in torch, `ddof=1` in NumPy, whose default is 0)."
)
SPREADS = [
    Wrong(lambda d: d.std(correction=0), UNBIASED),
    Wrong(lambda d: d.var(), "This is the variance; its root is missing."),
    Wrong(lambda d: d.var(correction=0), f"This is the variance; its root is missing. And: {UNBIASED}"),
    Wrong(lambda d: (d - d.mean()).abs().mean(), "The mean absolute deviation stands for the standard one."),
    Wrong(lambda d: d.max() - d.min(), "The range stands for the standard deviation."),
]
ERROR = "The standard error of a mean of n numbers is s / sqrt(n)."
ROOTS = [
    Wrong(lambda n: 1.0,
          f"The division by sqrt(n) is missing: this says where single seeds lie, not their mean. {ERROR}"),
    Wrong(lambda n: float(n), f"It is divided by n. {ERROR}"),
    Wrong(lambda n: (n - 1) ** 0.5, f"It is divided by sqrt(n - 1). {ERROR}"),
    Wrong(lambda n: (2 * n) ** 0.5, f"It is divided by sqrt(2 n), but there are n differences. {ERROR}"),
    Wrong(lambda n: (n / 2) ** 0.5,
          f"It is divided by sqrt(n / 2), as for two samples; there are n differences. {ERROR}"),
]  # fmt: skip
SIDES = "Half of what is left out lies on each side: the quantile is that at (1 + confidence) / 2"
QUANTILES = [
    Wrong(lambda c, n: stats.norm.ppf((1 + c) / 2),
          "The normal quantile stands for that of Student's t; with few seeds it is far too small."),
    Wrong(lambda c, n: 1.96,
          "1.96 is the normal quantile at 95 %. With few seeds t is far larger, and `confidence` varies."),
    Wrong(lambda c, n: 2.0, "2 is a rule of thumb for many seeds at 95 %. With few t is far larger."),
    Wrong(lambda c, n: stats.t.ppf(c, n - 1), f"This is a one-sided interval. {SIDES}."),
    Wrong(lambda c, n: stats.t.ppf(0.975, n - 1), f"`confidence` is not used: it is always 95 %. {SIDES}."),
    Wrong(lambda c, n: stats.t.ppf(1 - (1 - c) / 4, n - 1), f"It is halved once too often. {SIDES}."),
    Wrong(lambda c, n: stats.t.ppf((1 + c) / 2, n), "t has n degrees of freedom here; it is n - 1."),
    Wrong(lambda c, n: stats.t.ppf((1 + c) / 2, 2 * n - 2),
          "t has 2 n - 2 degrees of freedom, as for two unpaired samples; n differences leave n - 1."),
    Wrong(lambda c, n: stats.t.ppf((1 + c) / 2, max(n - 2, 1)), "t has n - 2 degrees of freedom; n - 1."),
    Wrong(lambda c, n: stats.t.ppf((1 - c) / 2, n - 1),
          f"Low and high are exchanged: the quantile at (1 - confidence) / 2 is negative. {SIDES}."),
    Wrong(lambda c, n: stats.t.ppf(c / 2, n - 1), f"The quantile is that at confidence / 2. {SIDES}."),
    Wrong(lambda c, n: 1.0,
          "The quantile is missing: mean ± standard error covers far less than 95 %."),
    Wrong(lambda c, n: c, "The confidence itself stands for the quantile of t at (1 + confidence) / 2."),
]  # fmt: skip
UNPAIRED = (
    "The pairing is lost: this is the interval for two independent samples. Take the differences seed by "
    "seed *first*; what both arms owe to their seed is then gone."
)


def two_samples(m: Tensor, b: Tensor, c: float, degrees: Callable[[Tensor, Tensor], float], var=torch.var):
    n = len(m)
    half = float(stats.t.ppf((1 + c) / 2, degrees(m, b))) * ((var(m) + var(b)) / n).sqrt()
    return own.around(m.mean() - b.mean(), half)


def welch(m: Tensor, b: Tensor) -> float:
    u, v = float(m.var()), float(b.var())
    return (len(m) - 1) * (u + v) ** 2 / (u * u + v * v)


def ends(m: Tensor, b: Tensor, c: float, cross: bool) -> Tensor:
    """The differences of the two arms' own intervals."""
    (mean, low, high), (other, bottom, top) = (own.paired(x, torch.zeros_like(x), c) for x in (m, b))
    return torch.stack([mean - other, *((low - top, high - bottom) if cross else (low - bottom, high - top))])


def paired_mistakes() -> Iterator[Wrong]:
    for degrees in (
        lambda m, b: 2 * len(m) - 2, welch, lambda m, b: len(m) - 1, lambda m, b: 2 * len(m) - 1,
        lambda m, b: 1e9,
    ):  # fmt: skip
        yield Wrong(lambda m, b, c, d=degrees: two_samples(m, b, c, d), UNPAIRED)
        yield Wrong(
            lambda m, b, c, d=degrees: two_samples(m, b, c, d, lambda x: x.var(correction=0)),
            f"Two things. {UNPAIRED} And: {UNBIASED}",
        )
    yield Wrong(
        lambda m, b, c: ends(m, b, c, True),
        f"The two arms' own intervals are subtracted, which is wider still. {UNPAIRED}",
    )
    yield Wrong(
        lambda m, b, c: ends(m, b, c, False),
        "The lower ends are subtracted, and the upper ends. Intervals do not subtract like this: take the "
        "differences seed by seed, and the interval of these.",
    )
    yield Wrong(
        lambda m, b, c: own.paired(m, b, c)[[1, 0, 2]], "The order is (mean, low, high); yours has low first."
    )
    yield Wrong(
        lambda m, b, c: own.paired(m, b, c)[[1, 2, 0]], "The order is (mean, low, high); yours has low first."
    )
    yield Wrong(lambda m, b, c: own.paired(m, b, c)[[0, 2, 1]], "Low and high are exchanged.")
    yield Wrong(
        lambda m, b, c: own.paired(m, b, c) - own.paired(m, b, c)[0] * torch.tensor([0.0, 1, 1]),
        "The ends are distances from the mean; the ends themselves are wanted: mean - half, mean + half.",
    )
    yield Wrong(
        lambda m, b, c: torch.stack([gains := (m - b).mean(), (m - b).quantile((1 - c) / 2),
                                     (m - b).quantile((1 + c) / 2)]) + 0 * gains,
        "These are quantiles of the seeds. They say where single seeds lie, not how sure their mean is.",
    )  # fmt: skip
    yield Wrong(
        lambda m, b, c: torch.stack([(m - b).mean(), (m - b).min(), (m - b).max()]),
        "These are the worst and the best seed. They say where single seeds lie, not how sure their mean is.",
    )
    parts = {"gains": GAINS, "centre": CENTRES, "spread": SPREADS, "root": ROOTS, "quantile": QUANTILES}
    yield from with_parts(own.paired, parts)


# --- Holm ---


def ladder(m: int) -> Tensor:
    return torch.arange(1, m + 1, dtype=torch.float64)


HOLM = "The smallest p is multiplied by m, the next by m - 1, the largest by 1."
TIMES = [
    Wrong(lambda p: p * len(p), f"Every p is multiplied by m: this is Bonferroni's correction. {HOLM}"),
    Wrong(lambda p: p * ladder(len(p)), f"The multipliers rise from 1 to m; they must fall. {HOLM}"),
    Wrong(lambda p: p * (len(p) - ladder(len(p))), f"The multipliers are one too small (m - 1 to 0). {HOLM}"),
    Wrong(lambda p: p * (len(p) - ladder(len(p))).clamp(min=1),
          f"The multipliers begin with m - 1. {HOLM}"),
    Wrong(lambda p: p * (len(p) + 2 - ladder(len(p))), f"The multipliers begin with m + 1. {HOLM}"),
    Wrong(lambda p: p * len(p) / ladder(len(p)),
          f"It is multiplied by m / i, as for the false discovery rate (Benjamini and Hochberg). {HOLM}"),
    Wrong(lambda p: p / (len(p) + 1 - ladder(len(p))),
          f"It is divided. The *threshold* is divided by m - i + 1, so p is multiplied by it. {HOLM}"),
    Wrong(lambda p: 1 - (1 - p) ** (len(p) + 1 - ladder(len(p))),
          f"This is Šidák's form, 1 - (1 - p)^k, which presumes independence. {HOLM}"),
    Wrong(lambda p: 1 - (1 - p) ** len(p), f"This is Šidák's correction with m for all. {HOLM}"),
    Wrong(lambda p: p, f"Nothing is multiplied. {HOLM}"),
]  # fmt: skip
GROW = "An adjusted p is never below that of a smaller p: take the running maximum, from the smallest on."
GROWS = [
    Wrong(lambda p: p,
          f"The running maximum is missing: a larger p can end up with a smaller adjusted one. {GROW}"),
    Wrong(lambda p: p.flip(0).cummin(0).values.flip(0),
          f"The running minimum from the largest on is Hochberg's procedure, which is less strict. {GROW}"),
    Wrong(lambda p: p.flip(0).cummax(0).values.flip(0),
          f"The running maximum runs from the largest p to the smallest. {GROW}"),
    Wrong(lambda p: p.cummin(0).values, f"This is the running minimum. {GROW}"),
    Wrong(lambda p: p.cumsum(0), f"These are running sums. {GROW}"),
    Wrong(lambda p: torch.maximum(p, torch.cat([p[:1], p[:-1]])),
          f"Each is compared with its neighbour only, before that one was raised. {GROW}"),
    Wrong(lambda p: p.sort().values, f"The products are sorted. {GROW}"),
]  # fmt: skip
CAPS = [
    Wrong(lambda p: p, "A p-value is at most 1: the cap is missing."),
    Wrong(lambda p: torch.where(p > 1, p.new_tensor(0.0), p), "What is above 1 becomes 0; it is 1."),
    Wrong(lambda p: p / p.max().clamp(min=1), "All are divided by the largest; only those above 1 change."),
    Wrong(lambda p: p.clamp(max=0.05), "They are cut off at 0.05; the cap is 1."),
    Wrong(lambda p: p.clamp(max=0.999), "The cap is 1."),
]
BACK = "The result belongs in the order given: `adjusted[order] = ...`."
BACKS = [
    Wrong(lambda p, order: p, f"These are in ascending order. {BACK}"),
    Wrong(lambda p, order: p.flip(0), f"These are in descending order. {BACK}"),
    Wrong(
        lambda p, order: p[order],
        f"`sorted[order]` sorts once more; the way back is the inverse of `order` (its argsort). {BACK}",
    ),
]


def holm_mistakes() -> Iterator[Wrong]:
    yield Wrong(
        lambda p: own.capped(p * torch.arange(len(p), 0, -1)),
        "The p-values are not sorted: the multipliers m, m - 1, ... go to the *smallest* first, wherever it "
        "stands.",
    )
    yield Wrong(
        lambda p: own.capped((p * torch.arange(len(p), 0, -1)).cummax(0).values),
        "The p-values are not sorted: the multipliers m, m - 1, ... go to the *smallest* first, wherever it "
        "stands.",
    )
    yield Wrong(
        lambda p: own.holm(1 - p).neg() + 1,
        "The largest p comes first. The smallest is multiplied by m.",
    )
    yield Wrong(
        lambda p: descending(p),
        "They are sorted in descending order: the largest p is multiplied by m. The smallest is.",
    )
    yield Wrong(
        lambda p: own.holm(p, times=TIMES[5].function, grow=GROWS[1].function),
        f"This is the false discovery rate of Benjamini and Hochberg, a weaker promise. {HOLM} {GROW}",
    )
    yield Wrong(
        lambda p: (own.holm(p) < 0.05).to(p),
        "These are 0 and 1. The adjusted p-values are wanted; who reads them chooses the level.",
    )
    yield Wrong(lambda p: own.capped(p * len(p)), TIMES[0].sentence)
    parts = {"times": TIMES, "grow": GROWS, "cap": CAPS, "back": BACKS}
    yield from with_parts(own.holm, parts)


def descending(p: Tensor) -> Tensor:
    order = p.argsort(descending=True)
    return own.put_back(own.capped(own.growing(own.falling(p[order]))), order)


# --- mean ranks ---


def ordinal(scores: Tensor) -> Tensor:
    return scores.argsort(dim=0, descending=True, stable=True).argsort(0) + 1


def dense(scores: Tensor) -> Tensor:
    return torch.stack([(-block).unique(return_inverse=True)[1] for block in scores.T], 1) + 1


SHARE = "Ties share the *mean* of their places: two that are best have 1.5 each"
PLACES = [
    Wrong(lambda s: own.places(-s), "1 is the worst here: more is better, so the largest score has rank 1."),
    Wrong(ordinal, f"Ties are broken by the order of the rows. {SHARE}."),
    Wrong(lambda s: (s.flip(0).argsort(dim=0, descending=True, stable=True).argsort(0) + 1).flip(0),
          f"Ties are broken by the order of the rows. {SHARE}."),
    Wrong(lambda s: 1 + (s[None] > s[:, None]).sum(1), f"Ties all get the best of their places. {SHARE}."),
    Wrong(lambda s: (s[None] >= s[:, None]).sum(1), f"Ties all get the last of their places. {SHARE}."),
    Wrong(dense, f"Ties have one place together, and nobody loses one by it (dense ranks). {SHARE}."),
    Wrong(lambda s: own.places(s) - 1, "The places begin with 0; the best has rank 1."),
    Wrong(lambda s: own.places(-s) - 1, "This counts those below (half for ties): rank 1 is the best."),
    Wrong(lambda s: (s[None] > s[:, None]).sum(1), "The places begin with 0; the best has rank 1."),
    Wrong(lambda s: s.argsort(0, descending=True) + 1,
          "`argsort` once says which method has which place; the place of each method is the argsort of it."),
    Wrong(lambda s: s.argsort(0) + 1,
          "`argsort` once says which method has which place, and it begins with the smallest score."),
    Wrong(lambda s: (-s).argsort(0),
          "`argsort` once says which method has which place, and it begins with 0."),
    Wrong(lambda s: ordinal(-s), f"1 is the worst here, and ties are broken by the order. {SHARE}."),
    Wrong(lambda s: own.places(s.T).T,
          "The blocks of each method are ranked; it is the methods of each block: along axis 0."),
    Wrong(lambda s: own.places(s.reshape(-1, 1)).reshape(s.shape),
          "All scores are ranked together. Each block has ranks of its own: that is why it is a block."),
    Wrong(lambda s: own.places(s.round()), f"The scores are rounded before they are ranked. {SHARE}."),
    Wrong(lambda s: own.places(s - s.mean(1, keepdim=True)),
          "Each method's own mean is subtracted before ranking, and with it what is to be compared."),
    Wrong(lambda s: own.places(s) / len(s), "The ranks are divided by the number of methods."),
]  # fmt: skip
COMBINE = [
    Wrong(lambda r: r.double().sum(1), "The ranks are summed over the blocks, not averaged."),
    Wrong(lambda r: r.double().quantile(0.5, 1), "This is the median over the blocks; the mean is wanted."),
    Wrong(lambda r: r.double().median(1).values, "This is the median over the blocks; the mean is wanted."),
    Wrong(lambda r: r.double().amin(1), "This is each method's best block; the mean over blocks is wanted."),
    Wrong(lambda r: r.double().amax(1), "This is each method's worst block; the mean is wanted."),
    Wrong(lambda r: r.double()[:, 0], "This is the first block only."),
    Wrong(lambda r: r.double()[:, -1], "This is the last block only."),
    Wrong(lambda r: r.double().mean(1).round(), "The mean ranks are rounded."),
    Wrong(lambda r: own.places(-r.double().mean(1)[:, None])[:, 0],
          "The mean ranks are ranked once more; the mean ranks themselves are wanted."),
    Wrong(lambda r: (r == 1).double().mean(1), "This is the share of blocks won; mean ranks are wanted."),
    Wrong(lambda r: (r == 1).double().sum(1), "This is the number of blocks won; mean ranks are wanted."),
    Wrong(lambda r: 1 / (1 / r.double()).mean(1), "This is a harmonic mean; the ordinary one is wanted."),
]  # fmt: skip


def rank_mistakes() -> Iterator[Wrong]:
    yield Wrong(
        lambda s: own.places(s.mean(1, keepdim=True))[:, 0],
        "The mean scores are ranked. Rank within each block first, then average the ranks: a block with "
        "large differences then counts no more than another.",
    )
    yield Wrong(
        lambda s: own.places(-s.mean(1, keepdim=True))[:, 0],
        "The mean scores are ranked, and 1 is the worst. Rank within each block first, the largest first.",
    )
    yield Wrong(lambda s: s.mean(1), "These are mean scores; nothing is ranked.")
    yield from with_parts(own.mean_ranks, {"places": PLACES, "combine": COMBINE})
