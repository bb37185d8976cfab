"""Known mistakes of batch-norm calibration."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Seen(NamedTuple):
    """What one batch-norm layer had before, and saw in each batch."""

    old_mean: Tensor
    old_var: Tensor
    old_count: int  # num_batches_tracked
    momentum: float | None
    means: Tensor  # (K, C)
    variances: Tensor  # (K, C), unbiased
    sizes: Tensor  # (K, 1), numbers of values for a channel
    rows: Tensor  # (K, 1), numbers of samples


Statistics = tuple[Tensor, Tensor]


def equal_weights(seen: Seen) -> Statistics:
    return seen.means.mean(0), seen.variances.mean(0)


def _weighted(weights: Tensor, seen: Seen) -> Statistics:
    weights = weights / weights.sum()
    return (weights * seen.means).sum(0), (weights * seen.variances).sum(0)


def _moving(seen: Seen, momentum: float | None, fresh: bool, counted: bool = False) -> Statistics:
    """The running average of training, from the old statistics or from 0 and 1."""
    mean, var = seen.old_mean, seen.old_var
    count = 0 if fresh and not counted else seen.old_count
    if fresh:
        mean, var = torch.zeros_like(mean), torch.ones_like(var)
    for new_mean, new_var in zip(seen.means, seen.variances, strict=True):
        count += 1
        m = 1 / count if momentum is None else momentum
        mean, var = (1 - m) * mean + m * new_mean, (1 - m) * var + m * new_var
    return mean, var


def _pooled(seen: Seen, unbiased: bool) -> Statistics:
    mean = (seen.sizes * seen.means).sum(0) / seen.sizes.sum()
    squares = ((seen.sizes - 1) * seen.variances + seen.sizes * (seen.means - mean) ** 2).sum(0)
    return mean, squares / (seen.sizes.sum() - int(unbiased))


MOVING = (
    "This is the running average of training, with its momentum: the last batches weigh most, and the order "
    "of the batches matters. Every batch has the same weight here."
)
OLD = " The old statistics are still part of it; start anew (`reset_running_stats()`)."
MIXED = (
    "This is the variance of all data pooled, which also holds the differences between the means of the "
    "batches; the convention is the average of the variances of the batches."
)
BIASED = (
    "The variances are biased: divided by n. The running variance of batch norm is the unbiased one, divided "
    "by n − 1 (`unbiased=True`, or `correction=1`)."
)
BY_SIZE = (
    "The batches are weighted by their sizes; by the convention here each batch has the same weight, however "
    "large it is."
)

CALIBRATIONS: list[tuple[Callable[[Seen], Statistics], str]] = [
    (
        lambda s: (s.old_mean, s.old_var),
        "The running statistics are what they were. In evaluation mode batch norm uses them and learns "
        "nothing (`no_grad` has no influence on that); or did your function work on a copy of the model?",
    ),
    (
        lambda s: (torch.zeros_like(s.old_mean), torch.ones_like(s.old_var)),
        "The running statistics are 0 and 1: they are reset, and then nothing is learned. Is batch norm in "
        "training mode while the batches pass, and does the reset come before them?",
    ),
    (lambda s: _moving(s, s.momentum, False), MOVING + OLD),
    (
        lambda s: _moving(s, s.momentum, True),
        MOVING + " (It starts from the reset values 0 and 1, which weigh as well.) `momentum = None` makes "
        "it an average with equal weights.",
    ),
    (
        lambda s: _moving(s, None, False),
        "With `momentum=None` the average also counts the batches seen before (`num_batches_tracked`), with "
        "the old statistics for them. Start anew: `reset_running_stats()`.",
    ),
    (
        lambda s: _moving(s, None, True, counted=True),
        "With `momentum=None` the average divides by `num_batches_tracked`, which still counts the batches "
        "seen before. `reset_running_stats()` clears the counter too.",
    ),
    (
        lambda s: (s.means[-1], s.variances[-1]),
        "These are the statistics of the last batch alone (as with `momentum = 1`); average over all.",
    ),
    (
        lambda s: (s.means[0], s.variances[0]),
        "These are the statistics of the first batch alone; average over all.",
    ),
    (
        lambda s: _moving(s, 1 / len(s.means), False),
        "A fixed momentum of 1/K does not give equal weights: the weight of a batch shrinks with each later "
        "one." + OLD,
    ),
    (
        lambda s: _moving(s, 1 / len(s.means), True),
        "A fixed momentum of 1/K does not give equal weights: the weight of a batch shrinks with each later "
        "one, and the reset values 0 and 1 keep a share. The k-th batch needs 1/k, as in `momentum = None`.",
    ),
    (
        lambda s: (s.means.sum(0), s.variances.sum(0)),
        "The statistics of the batches are added up; divide by their number.",
    ),
    (
        lambda s: (s.means.mean(0), s.variances.sum(0)),
        "The variances of the batches are added up; divide by their number.",
    ),
    (
        lambda s: tuple(
            (old + new.sum(0)) / (len(new) + 1)
            for old, new in ((s.old_mean, s.means), (s.old_var, s.variances))
        ),
        "The old statistics count as one more batch; only the given batches count.",
    ),
    (
        lambda s: (s.means.sum(0) / (len(s.means) + 1), (1 + s.variances.sum(0)) / (len(s.means) + 1)),
        "The reset values 0 and 1 count as one more batch (a momentum of 1/(k + 1)); the first batch needs "
        "the weight 1.",
    ),
    (lambda s: _weighted(s.rows, s), BY_SIZE),
    (lambda s: _weighted(s.sizes, s), BY_SIZE),
    (lambda s: (s.means.mean(0), (s.variances * (1 - 1 / s.sizes)).mean(0)), BIASED),
    (
        lambda s: _weighted(s.sizes, s._replace(variances=s.variances * (1 - 1 / s.sizes))),
        f"{BIASED} And: {BY_SIZE}",
    ),
    (lambda s: _pooled(s, True), f"{MIXED} And: {BY_SIZE}"),
    (lambda s: _pooled(s, False), f"{MIXED} And: it is biased."),
    (lambda s: (s.means.mean(0), _pooled(s, True)[1]), MIXED),
    (lambda s: (s.means.mean(0), _pooled(s, False)[1]), f"{MIXED} And: it is biased."),
    (
        lambda s: (
            s.means.mean(0),
            (s.variances * (1 - 1 / s.sizes) + s.means**2).mean(0) - s.means.mean(0) ** 2,
        ),
        MIXED,
    ),
    (
        lambda s: (s.means.mean(0), s.means.var(0)),
        "This is the variance of the batch means; the running variance is the mean of the batch variances.",
    ),
    (
        lambda s: (s.means.mean(0), s.variances.sqrt().mean(0)),
        "These are standard deviations; `running_var` is a variance.",
    ),
    (
        lambda s: (s.means.mean(0), s.variances.sqrt().mean(0) ** 2),
        "The standard deviations are averaged and squared; average the variances.",
    ),
    (
        lambda s: (s.means.mean(0), s.variances.mean(0).sqrt()),
        "These are standard deviations; `running_var` is a variance.",
    ),
    (
        lambda s: (s.means.mean(0), s.old_var),
        "Only the running means are set; the running variances are the old ones.",
    ),
    (
        lambda s: (s.old_mean, s.variances.mean(0)),
        "Only the running variances are set; the running means are the old ones.",
    ),
    (
        lambda s: (s.means.mean(0), torch.ones_like(s.old_var)),
        "Only the running means are set; the running variances are reset to 1.",
    ),
    (
        lambda s: (s.variances.mean(0), s.means.mean(0)),
        "Mean and variance are exchanged.",
    ),
    (
        lambda s: (s.means.median(0).values, s.variances.median(0).values),
        "This is the median over the batches; take the mean.",
    ),
    (
        lambda s: (s.means[1:].mean(0), s.variances[1:].mean(0)),
        "The first batch is left out.",
    ),
    (
        lambda s: (s.means[:-1].mean(0), s.variances[:-1].mean(0)),
        "The last batch is left out.",
    ),
    *(
        (
            lambda s, m=momentum, fresh=fresh: _moving(s, m, fresh),
            f"The running average has a momentum of {momentum:g}, so that batches have unequal weights. With "
            "`momentum = None`, after a reset, all have the same.",
        )
        for momentum in (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9, 0.99)
        for fresh in (True, False)
    ),
]  # fmt: skip
