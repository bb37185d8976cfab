# ruff: noqa
# Answers to mean_iou_from_counts: each block is what a learner might write.
import numpy as np
import torch


def parts(c):
    c = c.double()
    return c.diagonal(), c.sum(1), c.sum(0)


# %% right: picked out
def mean_iou_from_counts(confusion):
    both = confusion.diagonal()
    union = confusion.sum(dim=0) + confusion.sum(dim=1) - both
    return (both[union > 0] / union[union > 0]).mean()


# %% right: nanmean
def mean_iou_from_counts(confusion):
    both = torch.diag(confusion)
    return (both / (confusion.sum(0) + confusion.sum(1) - both)).nanmean()


# %% right: a loop, and a plain number
def mean_iou_from_counts(confusion):
    found = []
    for k in range(len(confusion)):
        union = confusion[k].sum() + confusion[:, k].sum() - confusion[k, k]
        if union > 0:
            found.append((confusion[k, k] / union).item())
    return sum(found) / len(found)


# %% right: numpy
def mean_iou_from_counts(confusion):
    c = confusion.numpy().astype(float)
    both, union = np.diag(c), c.sum(0) + c.sum(1) - np.diag(c)
    return np.mean(both[union > 0] / union[union > 0])


# %% right: clamped and counted
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    union = true + predicted - both
    return (both / union.clamp(min=1)).sum() / (union > 0).sum()


# %% right: true positives, false positives, false negatives
def mean_iou_from_counts(confusion):
    tp = confusion.diag().float()
    fp, fn = confusion.sum(0) - tp, confusion.sum(1) - tp
    occurs = (tp + fp + fn) > 0
    return (tp[occurs] / (tp + fp + fn)[occurs]).mean()


# %% right: in lists
def mean_iou_from_counts(confusion):
    rows = confusion.tolist()
    columns = list(zip(*rows))
    ratios = [
        rows[k][k] / (sum(rows[k]) + sum(columns[k]) - rows[k][k])
        for k in range(len(rows))
        if sum(rows[k]) + sum(columns[k]) > 0
    ]
    return torch.tensor(ratios).mean()


# %% right: from Dice
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    occurs = true + predicted > 0
    dice = 2 * both[occurs] / (true + predicted)[occurs]
    return (dice / (2 - dice)).mean()


# %% right: where, in float64
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    union = true + predicted - both
    ratio = torch.where(union > 0, both / torch.where(union > 0, union, 1.0), 0.0)
    return ratio.sum() / union.count_nonzero()


# %% right: absent classes thrown out of the table first
def mean_iou_from_counts(confusion):
    keep = (confusion.sum(0) + confusion.sum(1)) > 0
    c = confusion[keep][:, keep].float()
    return (c.diagonal() / (c.sum(0) + c.sum(1) - c.diagonal())).mean()


# %% right: the transposed table, as the IoU is symmetric
def mean_iou_from_counts(confusion):
    c = confusion.T.contiguous()
    both = c.diagonal()
    return (both / (c.sum(0) + c.sum(1) - both)).nanmean()


# %% right: a numpy scalar of 0 dimensions
def mean_iou_from_counts(confusion):
    c = np.asarray(confusion, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return np.array(np.nanmean(c.diagonal() / (c.sum(0) + c.sum(1) - c.diagonal())))


# %% wrong: absent classes count as 0 -> occurs nowhere counts as 0
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return (both / (true + predicted - both).clamp(min=1)).mean()


# %% wrong: a small number below only -> occurs nowhere counts as 0
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return (both / (true + predicted - both + 1e-9)).mean()


# %% wrong: a small number above and below -> counts as 1
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return ((both + 1e-9) / (true + predicted - both + 1e-9)).mean()


# %% wrong: NaN where a class is absent -> 0/0 is not a number
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return (both / (true + predicted - both)).mean()


# %% wrong: classes with true pixels only -> false alarms of such a class would cost nothing
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return (both / (true + predicted - both))[true > 0].mean()


# %% wrong: predicted classes only -> missing a class altogether would cost nothing
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return (both / (true + predicted - both))[predicted > 0].mean()


# %% wrong: classes with a right pixel only -> missing a class altogether would cost nothing
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    if not (both > 0).any():
        return torch.zeros(())
    return (both / (true + predicted - both))[both > 0].mean()


# %% wrong: recall -> (recall, or class accuracy)
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return (both / true.clamp(min=1e-9))[true + predicted > 0].mean()


# %% wrong: precision -> (precision)
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return (both / predicted.clamp(min=1e-9))[true + predicted > 0].mean()


# %% wrong: recall of the true classes -> (recall, or class accuracy)
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return (both / true)[true > 0].mean()


# %% wrong: Dice -> Dice coefficient
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return (2 * both / (true + predicted)).nanmean()


# %% wrong: union without taking the intersection off -> counted twice in the union
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return (both / (true + predicted)).nanmean()


# %% wrong: pixel accuracy -> accuracy of the pixels
def mean_iou_from_counts(confusion):
    return confusion.diagonal().sum() / confusion.sum()


# %% wrong: one ratio for all classes -> added up over the classes first
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return both.sum() / (true + predicted - both).sum()


# %% wrong: weighed by frequency -> frequency-weighted
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return (both / (true + predicted - both).clamp(min=1e-9) * true / true.sum()).sum()


# %% wrong: percent -> in percent
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return 100 * (both / (true + predicted - both)).nanmean()


# %% wrong: a loss -> 1 minus the mean
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return 1 - (both / (true + predicted - both)).nanmean()


# %% wrong: integer division -> The value is not right
def mean_iou_from_counts(confusion):
    both = confusion.diagonal()
    union = confusion.sum(0) + confusion.sum(1) - both
    return (both // union.clamp(min=1))[union > 0].double().mean()


# %% wrong: one number for each class -> one number for each class
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return both / (true + predicted - both).clamp(min=1)


# %% wrong: float16 for speed -> not
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion.half())
    return (both / (true + predicted - both)).nanmean()


# %% wrong: int32 -> the value is not right
def mean_iou_from_counts(confusion):
    c = confusion.to(torch.int32)
    both = c.diagonal()
    return (both / (c.sum(0, dtype=torch.int32) + c.sum(1, dtype=torch.int32) - both)).nanmean()


# %% wrong: changes the table -> changes its argument `confusion`
def mean_iou_from_counts(confusion):
    both = confusion.diagonal().clone()
    union = confusion.sum(0) + confusion.sum(1) - both
    confusion.zero_()
    return (both / union).nanmean()


# %% wrong: the first class is taken for background and left out -> is left out
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    return (both / (true + predicted - both))[1:].nanmean()


# %% wrong: the worst class -> the worst class
def mean_iou_from_counts(confusion):
    both, true, predicted = parts(confusion)
    ratio = both / (true + predicted - both)
    return ratio[~ratio.isnan()].min()


# %% trivial: one
def mean_iou_from_counts(confusion):
    return torch.ones(())


# %% trivial: zero
def mean_iou_from_counts(confusion):
    return 0.0


# %% trivial: nothing
def mean_iou_from_counts(confusion):
    pass


# %% trivial: True
def mean_iou_from_counts(confusion):
    return True


# %% trivial: the table
def mean_iou_from_counts(confusion):
    return confusion
