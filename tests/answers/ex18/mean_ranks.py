# ruff: noqa
# Answers to mean_ranks: each block is what a learner might write.
import math

import numpy as np
import torch
from scipy import stats


def averaged(scores):
    above = (scores[None] > scores[:, None]).sum(1)
    level = (scores[None] == scores[:, None]).sum(1)
    return 1 + above + (level - 1) / 2


def ordinal(scores):
    return scores.argsort(dim=0, descending=True, stable=True).argsort(0) + 1


# %% right: counted with broadcasting
def mean_ranks(scores):
    above = (scores[None] > scores[:, None]).sum(dim=1)
    level = (scores[None] == scores[:, None]).sum(dim=1)
    return (above + (level + 1) / 2).mean(dim=1)


# %% right: scipy.stats.rankdata
def mean_ranks(scores):
    return stats.rankdata(-np.asarray(scores), axis=0).mean(axis=1)


# %% right: a loop over blocks
def mean_ranks(scores):
    k, n = scores.shape
    total = torch.zeros(k)
    for j in range(n):
        column = scores[:, j]
        for i in range(k):
            total[i] += 1 + (column > column[i]).sum() + 0.5 * ((column == column[i]).sum() - 1)
    return total / n


# %% right: the library
def mean_ranks(scores):
    from kdcourse.evaluation import ranks

    return ranks(scores)


# %% right: from the worst, turned round
def mean_ranks(scores):
    return len(scores) + 1 - torch.as_tensor(stats.rankdata(scores.numpy(), axis=0)).mean(dim=1)


# %% right: the mean of the best and the last place
def mean_ranks(scores):
    s = scores.numpy()
    first = np.stack([stats.rankdata(-column, method="min") for column in s.T], axis=1)
    last = np.stack([stats.rankdata(-column, method="max") for column in s.T], axis=1)
    return ((first + last) / 2).mean(1)


# %% right: half a point for a tie
def mean_ranks(scores):
    behind = (scores[None] > scores[:, None]).double() + 0.5 * (scores[None] == scores[:, None]).double()
    return behind.sum(1).mean(1) + 0.5


# %% right: signs of the differences
def mean_ranks(scores):
    k = len(scores)
    beaten = torch.sign(scores[:, None] - scores[None]).sum(1)
    return ((k + 1) - beaten).div(2).mean(1)


# %% right: lists and sorting
def mean_ranks(scores):
    rows, sums = scores.tolist(), [0.0] * len(scores)
    for block in zip(*rows):
        falling = sorted(block, reverse=True)
        for i, value in enumerate(block):
            places = [place for place, other in enumerate(falling, start=1) if other == value]
            sums[i] += sum(places) / len(places)
    return [total / len(rows[0]) for total in sums]


# %% right: searchsorted
def mean_ranks(scores):
    s = np.asarray(scores)
    out = np.empty(s.shape)
    for j in range(s.shape[1]):
        column = np.sort(-s[:, j])
        left = np.searchsorted(column, -s[:, j], side="left")
        right = np.searchsorted(column, -s[:, j], side="right")
        out[:, j] = (left + 1 + right) / 2
    return out.mean(1)


# %% right: vmap over blocks
def mean_ranks(accuracies):
    def of_block(block):
        return 1 + (block > block[:, None]).sum(1) + ((block == block[:, None]).sum(1) - 1) * 0.5

    return torch.vmap(of_block, in_dims=1)(accuracies).mean(0)


# %% right: unique values with counts
def mean_ranks(scores):
    total = torch.zeros(len(scores), dtype=torch.float64)
    for block in scores.T:
        _, which, counts = (-block).unique(return_inverse=True, return_counts=True)
        last = counts.cumsum(0)
        total += (last - (counts - 1) / 2)[which]
    return total / scores.shape[1]


# %% wrong: 1 is the worst -> 1 is the worst here
def mean_ranks(scores):
    return stats.rankdata(np.asarray(scores), axis=0).mean(axis=1)


# %% wrong: ties by order -> Ties are broken by the order of the rows
def mean_ranks(scores):
    return ordinal(scores).double().mean(1)


# %% wrong: ties the best place -> Ties all get the best of their places
def mean_ranks(scores):
    return stats.rankdata(-np.asarray(scores), axis=0, method="min").mean(axis=1)


# %% wrong: ties the last place -> Ties all get the last of their places
def mean_ranks(scores):
    return stats.rankdata(-np.asarray(scores), axis=0, method="max").mean(axis=1)


# %% wrong: dense -> dense ranks
def mean_ranks(scores):
    return stats.rankdata(-np.asarray(scores), axis=0, method="dense").mean(axis=1)


# %% wrong: scipy's ordinal -> Ties are broken by the order of the rows
def mean_ranks(scores):
    return stats.rankdata(-np.asarray(scores), axis=0, method="ordinal").mean(axis=1)


# %% wrong: from 0 -> The places begin with 0
def mean_ranks(scores):
    return averaged(scores).mean(1) - 1


# %% wrong: how many are better -> The places begin with 0
def mean_ranks(scores):
    return (scores[None] > scores[:, None]).sum(1).double().mean(1)


# %% wrong: argsort once -> `argsort` once says which method has which place
def mean_ranks(scores):
    return (scores.argsort(0, descending=True) + 1).double().mean(1)


# %% wrong: argsort once, ascending -> it begins with the smallest score
def mean_ranks(scores):
    return (scores.argsort(0) + 1).double().mean(1)


# %% wrong: within methods -> The blocks of each method are ranked
def mean_ranks(scores):
    return stats.rankdata(-np.asarray(scores), axis=1).mean(axis=1)


# %% wrong: all together -> All scores are ranked together
def mean_ranks(scores):
    return stats.rankdata(-np.asarray(scores)).reshape(scores.shape).mean(axis=1)


# %% wrong: rank of the means -> The mean scores are ranked
def mean_ranks(scores):
    return stats.rankdata(-np.asarray(scores.double().mean(1)))


# %% wrong: rank of the means, 1 the worst -> and 1 is the worst
def mean_ranks(scores):
    return stats.rankdata(np.asarray(scores.double().mean(1)))


# %% wrong: mean scores -> nothing is ranked
def mean_ranks(scores):
    return scores.mean(1)


# %% wrong: sums -> The ranks are summed over the blocks
def mean_ranks(scores):
    return averaged(scores).sum(1)


# %% wrong: medians -> This is the median over the blocks
def mean_ranks(scores):
    return np.median(averaged(scores).numpy(), axis=1)


# %% wrong: best block -> This is each method's best block
def mean_ranks(scores):
    return averaged(scores).amin(1)


# %% wrong: worst block -> This is each method's worst block
def mean_ranks(scores):
    return averaged(scores).amax(1)


# %% wrong: the first block only -> This is the first block only
def mean_ranks(scores):
    return averaged(scores)[:, 0]


# %% wrong: ranked again -> The mean ranks are ranked once more
def mean_ranks(scores):
    return stats.rankdata(averaged(scores).mean(1).numpy())


# %% wrong: rounded -> The mean ranks are rounded
def mean_ranks(scores):
    return averaged(scores).mean(1).round()


# %% wrong: share of wins -> This is the share of blocks won
def mean_ranks(scores):
    return (averaged(scores) == 1).double().mean(1)


# %% wrong: number of wins -> This is the number of blocks won
def mean_ranks(scores):
    return (averaged(scores) == 1).double().sum(1)


# %% wrong: scores rounded first -> The scores are rounded before they are ranked
def mean_ranks(scores):
    return averaged(scores.round()).mean(1)


# %% wrong: 1 is the worst, ties by order -> 1 is the worst here
def mean_ranks(scores):
    return ordinal(-scores).double().mean(1)


# %% wrong: divided by the methods -> divided by the number of methods
def mean_ranks(scores):
    return averaged(scores).mean(1) / len(scores)


# %% wrong: dense and summed -> The ranks are summed
def mean_ranks(scores):
    return stats.rankdata(-np.asarray(scores), axis=0, method="dense").sum(axis=1) * 1.0


# %% wrong: not averaged -> These are the ranks within each block
def mean_ranks(scores):
    return averaged(scores)


# %% wrong: mean over methods -> This is one number for each block
def mean_ranks(scores):
    return averaged(scores).mean(0)


# %% wrong: whole numbers -> Your function raises
def mean_ranks(scores):
    return ordinal(scores).mean(1)


# %% wrong: in place -> changes its argument `scores`
def mean_ranks(scores):
    scores *= -1
    return averaged(-scores).mean(1)


# %% wrong: transposed -> The axes are exchanged
def mean_ranks(scores):
    return averaged(scores).T


# %% trivial: ones
def mean_ranks(scores):
    return torch.ones(len(scores))


# %% trivial: nothing
def mean_ranks(scores):
    return None


# %% trivial: NaN
def mean_ranks(scores):
    return torch.full((len(scores),), math.nan)


# %% trivial: the input
def mean_ranks(scores):
    return scores


# %% trivial: 1 to k
def mean_ranks(scores):
    return torch.arange(1.0, len(scores) + 1)
