# ruff: noqa
# Answers to holm_adjust: each block is what a learner might write.
import math

import numpy as np
import torch


def back(values, order):
    out = torch.empty_like(values)
    out[order] = values
    return out


def falling(p):
    return torch.arange(len(p), 0, -1)


# %% right: sort, multiply, running maximum, back
def holm_adjust(p):
    order = p.argsort()
    adjusted = (p[order] * torch.arange(len(p), 0, -1)).cummax(dim=0).values.clamp(max=1)
    out = torch.empty_like(p)
    out[order] = adjusted
    return out


# %% right: numpy
def holm_adjust(p):
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(np.arange(len(p), 0, -1) * p[order]))
    return adjusted


# %% right: a loop from the smallest on
def holm_adjust(p):
    values = p.tolist()
    m, top, out = len(values), 0.0, [0.0] * len(values)
    for place, i in enumerate(sorted(range(m), key=values.__getitem__)):
        top = max(top, (m - place) * values[i])
        out[i] = min(1.0, top)
    return out


# %% right: the library
def holm_adjust(p):
    from kdcourse.evaluation import holm

    return holm(p)


# %% right: the inverse permutation
def holm_adjust(p):
    order = torch.argsort(p)
    steps = p[order] * falling(p)
    return torch.cummax(steps, 0)[0].clamp(0, 1)[order.argsort()]


# %% right: sort with its indices
def holm_adjust(p):
    values, order = p.sort()
    raised = torch.minimum((values * falling(p)).cummax(0).values, torch.ones_like(values))
    return torch.zeros_like(p).scatter(0, order, raised)


# %% right: without sorting, each from all that are not larger
def holm_adjust(p):
    smaller = (p[None] < p[:, None]).sum(1)
    product = (len(p) - smaller) * p
    return torch.stack([product[p <= q].max() for q in p]).clamp(max=1)


# %% right: ranks by counting, matrix of maxima
def holm_adjust(p):
    m = len(p)
    steps = p * (m - (p[:, None] > p).sum(1))
    table = torch.where(p[None] <= p[:, None], steps[None], torch.zeros(()).to(p))
    return table.amax(1).clamp(max=1.0)


# %% right: a list of tensors, stacked
def holm_adjust(pvals):
    order, m, top, out = pvals.argsort(), len(pvals), torch.tensor(0.0).to(pvals), {}
    for k, i in enumerate(order.tolist()):
        top = torch.maximum(top, (m - k) * pvals[i])
        out[i] = top.clamp(max=1)
    return torch.stack([out[i] for i in range(m)])


# %% right: itertools
def holm_adjust(p):
    from itertools import accumulate

    pairs = sorted((float(x), i) for i, x in enumerate(p))
    steps = accumulate(((len(p) - k) * x for k, (x, _) in enumerate(pairs)), max)
    by_place = {i: min(s, 1.0) for s, (_, i) in zip(steps, pairs)}
    return np.array([by_place[i] for i in range(len(p))])


# %% right: recursively, the largest last
def holm_adjust(p):
    def rest(items, m, floor):
        if not items:
            return {}
        i = min(items, key=lambda i: p[i])
        floor = max(floor, min(1.0, m * float(p[i])))
        return {i: floor, **rest([j for j in items if j != i], m - 1, floor)}

    found = rest(list(range(len(p))), len(p), 0.0)
    return tuple(found[i] for i in range(len(p)))


# %% right: statsmodels' order of steps
def holm_adjust(p):
    p = p.numpy()
    idx = np.argsort(p, kind="stable")
    n = len(p)
    corrected = np.maximum.accumulate(p[idx] * (n - np.arange(n)))
    corrected[corrected > 1] = 1
    out = np.empty_like(corrected)
    out[idx] = corrected
    return out


# %% right: float64 inside, descending and flipped
def holm_adjust(p):
    order = p.argsort(descending=True)
    steps = p[order].double() * torch.arange(1, len(p) + 1)
    adjusted = steps.flip(0).cummax(0).values.flip(0).clamp(max=1)
    return torch.zeros(len(p), dtype=torch.float64).index_put((order,), adjusted)


# %% wrong: Bonferroni -> this is Bonferroni's correction
def holm_adjust(p):
    return (p * len(p)).clamp(max=1)


# %% wrong: no running maximum -> The running maximum is missing
def holm_adjust(p):
    order = p.argsort()
    return back((p[order] * falling(p)).clamp(max=1), order)


# %% wrong: no cap -> A p-value is at most 1
def holm_adjust(p):
    order = p.argsort()
    return back((p[order] * falling(p)).cummax(0).values, order)


# %% wrong: left in ascending order -> These are in ascending order
def holm_adjust(p):
    return (p.sort().values * falling(p)).cummax(0).values.clamp(max=1)


# %% wrong: permuted twice -> `sorted[order]` sorts once more
def holm_adjust(p):
    order = p.argsort()
    return (p[order] * falling(p)).cummax(0).values.clamp(max=1)[order]


# %% wrong: rising multipliers -> The multipliers rise from 1 to m
def holm_adjust(p):
    order = p.argsort()
    return back((p[order] * torch.arange(1, len(p) + 1)).cummax(0).values.clamp(max=1), order)


# %% wrong: m - 1 to 0 -> The multipliers are one too small
def holm_adjust(p):
    order = p.argsort()
    return back((p[order] * (falling(p) - 1)).cummax(0).values.clamp(max=1), order)


# %% wrong: m + 1 to 2 -> The multipliers begin with m + 1
def holm_adjust(p):
    order = p.argsort()
    return back((p[order] * (falling(p) + 1)).cummax(0).values.clamp(max=1), order)


# %% wrong: Benjamini and Hochberg -> This is the false discovery rate
def holm_adjust(p):
    order, m = p.argsort(), len(p)
    q = p[order] * m / torch.arange(1, m + 1)
    return back(q.flip(0).cummin(0).values.flip(0).clamp(max=1), order)


# %% wrong: BH with a running maximum -> It is multiplied by m / i
def holm_adjust(p):
    order, m = p.argsort(), len(p)
    return back((p[order] * m / torch.arange(1, m + 1)).cummax(0).values.clamp(max=1), order)


# %% wrong: Hochberg -> is Hochberg's procedure
def holm_adjust(p):
    order = p.argsort()
    return back((p[order] * falling(p)).flip(0).cummin(0).values.flip(0).clamp(max=1), order)


# %% wrong: running maximum from the largest -> The running maximum runs from the largest p to the smallest
def holm_adjust(p):
    order = p.argsort()
    return back((p[order] * falling(p)).flip(0).cummax(0).values.flip(0).clamp(max=1), order)


# %% wrong: running minimum -> This is the running minimum
def holm_adjust(p):
    order = p.argsort()
    return back((p[order] * falling(p)).cummin(0).values.clamp(max=1), order)


# %% wrong: running sum -> These are running sums
def holm_adjust(p):
    order = p.argsort()
    return back((p[order] * falling(p)).cumsum(0).clamp(max=1), order)


# %% wrong: Šidák, step by step -> This is Šidák's form
def holm_adjust(p):
    order = p.argsort()
    return back((1 - (1 - p[order]) ** falling(p)).cummax(0).values, order)


# %% wrong: Šidák with m -> This is Šidák's correction
def holm_adjust(p):
    return 1 - (1 - p) ** len(p)


# %% wrong: divided -> It is divided. The *threshold* is divided
def holm_adjust(p):
    order = p.argsort()
    return back((p[order] / falling(p)).cummax(0).values.clamp(max=1), order)


# %% wrong: nothing happens -> Nothing is multiplied
def holm_adjust(p):
    return p.clone()


# %% wrong: not sorted -> The p-values are not sorted
def holm_adjust(p):
    return (p * falling(p)).clamp(max=1)


# %% wrong: not sorted, running maximum -> The p-values are not sorted
def holm_adjust(p):
    return (p * falling(p)).cummax(0).values.clamp(max=1)


# %% wrong: descending -> They are sorted in descending order
def holm_adjust(p):
    order = p.argsort(descending=True)
    return back((p[order] * falling(p)).cummax(0).values.clamp(max=1), order)


# %% wrong: 0 and 1 -> These are 0 and 1
def holm_adjust(p):
    order = p.argsort()
    return (back((p[order] * falling(p)).cummax(0).values.clamp(max=1), order) < 0.05).float()


# %% wrong: verdicts -> expected are floating-point ones
def holm_adjust(p):
    return p * len(p) < 0.05


# %% wrong: above 1 becomes 0 -> What is above 1 becomes 0
def holm_adjust(p):
    order = p.argsort()
    a = (p[order] * falling(p)).cummax(0).values
    a[a > 1] = 0
    return back(a, order)


# %% wrong: divided by the largest -> All are divided by the largest
def holm_adjust(p):
    order = p.argsort()
    a = (p[order] * falling(p)).cummax(0).values
    return back(a / a.max().clamp(min=1), order)


# %% wrong: neighbours only -> Each is compared with its neighbour only
def holm_adjust(p):
    order = p.argsort()
    a = p[order] * falling(p)
    return back(torch.maximum(a, torch.cat([a[:1], a[:-1]])).clamp(max=1), order)


# %% wrong: no maximum, no cap -> Two things
def holm_adjust(p):
    order = p.argsort()
    return back(p[order] * falling(p), order)


# %% wrong: Bonferroni without a cap -> And: A p-value is at most 1
def holm_adjust(p):
    return p * len(p)


# %% wrong: equal ones count as smaller -> Of equal p-values the first gets the largest multiplier
def holm_adjust(p):
    steps = p * (len(p) + 1 - (p[:, None] >= p).sum(1))
    return torch.where(p[None] <= p[:, None], steps, 0.0 * steps).amax(1).clamp(max=1)


# %% wrong: in place -> changes its argument `p`
def holm_adjust(p):
    order = p.argsort()
    p[order] = (p[order] * falling(p)).cummax(0).values.clamp(max=1)
    return p


# %% wrong: cummax gives two things -> Your function raises
def holm_adjust(p):
    order = p.argsort()
    return back((p[order] * falling(p)).cummax(0).clamp(max=1), order)


# %% wrong: a table -> Every p-value is multiplied by every number
def holm_adjust(p):
    return (p[:, None] * falling(p)[None]).clamp(max=1)


# %% wrong: only the smallest -> This is one number
def holm_adjust(p):
    return (p.min() * len(p)).clamp(max=1)


# %% trivial: ones
def holm_adjust(p):
    return torch.ones(len(p))


# %% trivial: zeros
def holm_adjust(p):
    return torch.zeros(len(p))


# %% trivial: nothing
def holm_adjust(p):
    return None


# %% trivial: NaN
def holm_adjust(p):
    return torch.full((len(p),), math.nan)


# %% trivial: the input
def holm_adjust(p):
    return p
