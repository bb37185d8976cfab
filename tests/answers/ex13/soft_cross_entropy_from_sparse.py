# ruff: noqa
# Answers to soft_cross_entropy_from_sparse: each block is what a learner might write.
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def dense(values, indices, C):
    share = (1 - values.sum(1, keepdim=True)) / max(C - values.shape[1], 1)
    return share.repeat(1, C).scatter(1, indices, values)


# %% right: written out
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    B, C = student_logits.shape
    k = values.shape[1]
    share = (1 - values.sum(dim=1, keepdim=True)) / max(C - k, 1)
    p = share.expand(B, C).scatter(1, indices, values)
    return -(p * F.log_softmax(student_logits, dim=1)).sum(dim=1).mean()


# %% right: cross_entropy with probabilities
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    return F.cross_entropy(student_logits, dense(values, indices, student_logits.shape[1]))


# %% right: the layer
def soft_cross_entropy_from_sparse(z, v, i):
    return nn.CrossEntropyLoss(reduction="none")(z, dense(v, i, z.size(1))).mean()


# %% right: without the full label
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    log_q = student_logits.log_softmax(1)
    C, k = log_q.shape[1], values.shape[1]
    top = log_q.gather(1, indices)
    loss = -(values * top).sum(1)
    if k < C:
        share = (1 - values.sum(1)) / (C - k)
        loss = loss - share * (log_q.sum(1) - top.sum(1))
    return loss.mean()


# %% right: the difference on top of the spread
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    log_q = F.log_softmax(student_logits, -1)
    C, k = log_q.shape[1], values.shape[1]
    share = (1 - values.sum(1, keepdim=True)) / (C - k) if k < C else torch.zeros_like(values[:, :1])
    return -(((values - share) * log_q.gather(1, indices)).sum() + (share * log_q).sum()) / len(values)


# %% right: loops
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    total = 0.0
    B, C = student_logits.shape
    for b in range(B):
        log_q = F.log_softmax(student_logits[b], dim=0)
        stored = dict(zip(indices[b].tolist(), values[b]))
        for c in range(C):
            p = stored[c] if c in stored else (1 - values[b].sum()) / (C - len(stored))
            total = total - p * log_q[c]
    return total / B


# %% right: log-sum-exp minus the mean logit
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return (torch.logsumexp(student_logits, 1) - (p * student_logits).sum(1)).mean()


# %% right: kl_div plus the label's entropy
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1]).clamp(min=0)
    kl = F.kl_div(F.log_softmax(student_logits, 1), p, reduction="batchmean")
    return kl + torch.special.entr(p).sum(1).mean()


# %% right: one-hot
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    C = student_logits.shape[1]
    hot = F.one_hot(indices, C).to(values.dtype)
    stored = hot.sum(1)
    share = (1 - values.sum(1, keepdim=True)) / (C - stored.sum(1, keepdim=True)).clamp(min=1)
    p = torch.einsum("bk,bkc->bc", values, hot) + (1 - stored) * share
    return torch.einsum("bc,bc->", p, -student_logits.log_softmax(1)) / len(p)


# %% right: k calls of cross_entropy
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    B, C = student_logits.shape
    k = values.shape[1]
    nll = torch.stack([F.cross_entropy(student_logits, indices[:, j], reduction="none") for j in range(k)], 1)
    loss = (values * nll).sum(1)
    if C > k:
        every = -F.log_softmax(student_logits, 1).sum(1)
        loss = loss + (1 - values.sum(1)) / (C - k) * (every - nll.sum(1))
    return loss.mean()


# %% right: softmax by hand with the maximum subtracted
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    z = student_logits - student_logits.max(1, keepdim=True).values
    log_q = z - z.exp().sum(1, keepdim=True).log()
    return -(dense(values, indices, z.shape[1]) * log_q).sum() / z.shape[0]


# %% right: mean times the number of classes
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1]).detach()
    return -(p * torch.log_softmax(student_logits, dim=1)).mean() * p.shape[1]


# %% right: mask of the others
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    log_q = F.log_softmax(student_logits, 1)
    others = torch.ones_like(log_q, dtype=torch.bool).scatter(1, indices, False)
    n = others.sum(1).clamp(min=1)
    rest = (1 - values.sum(1)).clamp(min=0)
    mean_other = torch.where(others, log_q, torch.zeros_like(log_q)).sum(1) / n
    return -((values * log_q.gather(1, indices)).sum(1) + rest * mean_other).mean()


# %% right: in double precision
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    log_q = F.log_softmax(student_logits.double(), 1)
    return -(dense(values.double(), indices, log_q.shape[1]) * log_q).sum(1).mean()


# %% right: vmapped over the samples
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return torch.vmap(lambda z, q: -torch.dot(q, torch.log_softmax(z, 0)))(student_logits, p).mean()


# %% right: fancy indexing, a scalar with an axis
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    B, C = student_logits.shape
    p = torch.zeros(B, C, dtype=values.dtype)
    if C > values.shape[1]:
        p += (1 - values.sum(1, keepdim=True)) / (C - values.shape[1])
    p[torch.arange(B)[:, None], indices] = values
    return F.cross_entropy(student_logits, p, reduction="sum").reshape(1) / B


# %% right: the library's own
from kdcourse.losses import sparse_soft_cross_entropy as soft_cross_entropy_from_sparse


# %% wrong: missing mass forgotten -> The missing mass 1 − Σ values is not spread
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    log_q = F.log_softmax(student_logits, 1)
    return -(values * log_q.gather(1, indices)).sum(1).mean()


# %% wrong: renormalised -> The k values are renormalised
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    v = values / values.sum(1, keepdim=True)
    return -(v * F.log_softmax(student_logits, 1).gather(1, indices)).sum(1).mean()


# %% wrong: softmax over the stored classes -> over the k stored classes alone
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    return -(values * F.log_softmax(student_logits.gather(1, indices), 1)).sum(1).mean()


# %% wrong: softmax over the stored classes, renormalised -> And the values are renormalised
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    v = values / values.sum(1, keepdim=True)
    return F.cross_entropy(student_logits.gather(1, indices), v)


# %% wrong: divided by all classes -> The missing mass is divided by C;
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    B, C = student_logits.shape
    p = ((1 - values.sum(1, keepdim=True)) / C).repeat(1, C).scatter(1, indices, values)
    return F.cross_entropy(student_logits, p)


# %% wrong: spread over all classes -> spread over all C classes
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    log_q = F.log_softmax(student_logits, 1)
    rest = 1 - values.sum(1)
    return -((values * log_q.gather(1, indices)).sum(1) + rest * log_q.mean(1)).mean()


# %% wrong: stored classes get the share as well -> The values are added to the spread
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    log_q = F.log_softmax(student_logits, 1)
    C, k = log_q.shape[1], values.shape[1]
    share = (1 - values.sum(1)) / max(C - k, 1)
    return -((values * log_q.gather(1, indices)).sum(1) + share * log_q.sum(1)).mean()


# %% wrong: not divided -> gets the whole missing mass
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    log_q = F.log_softmax(student_logits, 1)
    top = log_q.gather(1, indices)
    rest = 1 - values.sum(1)
    return -((values * top).sum(1) + rest * (log_q.sum(1) - top.sum(1))).mean()


# %% wrong: divided by k -> divided by k
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    B, C = student_logits.shape
    p = ((1 - values.sum(1, keepdim=True)) / values.shape[1]).repeat(1, C).scatter(1, indices, values)
    return F.cross_entropy(student_logits, p)


# %% wrong: the others as one class -> are treated as one
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    q = F.softmax(student_logits, 1).gather(1, indices)
    rest = 1 - values.sum(1)
    return -((values * q.log()).sum(1) + rest * torch.log(1 - q.sum(1) + 1e-8)).mean()


# %% wrong: the others as one class, without eps -> are treated as one
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    q = F.softmax(student_logits, 1).gather(1, indices)
    rest = 1 - values.sum(1)
    return -((values * q.log()).sum(1) + rest * torch.log(1 - q.sum(1))).mean()


# %% wrong: uniform elsewhere -> The other classes get 1/C
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = torch.full_like(student_logits, 1 / student_logits.shape[1]).detach().scatter(1, indices, values)
    return F.cross_entropy(student_logits, p)


# %% wrong: batch mean of the missing mass -> batch's mean of the missing mass
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    B, C = student_logits.shape
    share = (1 - values.sum(1).mean()) / max(C - values.shape[1], 1)
    return F.cross_entropy(student_logits, share.expand(B, C).scatter(1, indices, values))


# %% wrong: in the first k columns -> stand in the first k columns
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    B, C = student_logits.shape
    share = (1 - values.sum(1, keepdim=True)) / max(C - values.shape[1], 1)
    return F.cross_entropy(student_logits, torch.cat([values, share.expand(B, C - values.shape[1])], 1))


# %% wrong: summed over the batch -> The loss is summed over the batch
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return -(p * F.log_softmax(student_logits, 1)).sum()


# %% wrong: mean over everything -> The mean runs over B·C numbers
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return -(p * F.log_softmax(student_logits, 1)).mean()


# %% wrong: divided by the classes -> divided by C, the number of classes
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return F.cross_entropy(student_logits, p, reduction="sum") / p.shape[1]


# %% wrong: mean over the stored entries -> over the B·k stored entries
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    return -(values * F.log_softmax(student_logits, 1).gather(1, indices)).mean()


# %% wrong: one loss a sample -> Your result has the shape
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return F.cross_entropy(student_logits, p, reduction="none")


# %% wrong: sign -> The sign is wrong
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return (p * F.log_softmax(student_logits, 1)).sum(1).mean()


# %% wrong: divergence -> This is KL(label‖student)
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return F.kl_div(F.log_softmax(student_logits, 1), p, reduction="batchmean")


# %% wrong: divergence with the default mean -> divides by B·C and subtracts
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return F.kl_div(F.log_softmax(student_logits, 1), p)


# %% wrong: exchanged -> Label and student are exchanged
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return -(F.softmax(student_logits, 1) * p.log()).sum(1).mean()


# %% wrong: divergence the other way -> KL(student‖label)
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return F.kl_div(p.log(), F.softmax(student_logits, 1), reduction="batchmean")


# %% wrong: probabilities without the logarithm -> without a logarithm
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return -(p * F.softmax(student_logits, 1)).sum(1).mean()


# %% wrong: plain logits -> The log-softmax is missing
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return -(p * student_logits).sum(1).mean()


# %% wrong: softmax twice -> The softmax is taken twice
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    return F.cross_entropy(F.softmax(student_logits, 1), dense(values, indices, student_logits.shape[1]))


# %% wrong: softmax over the batch -> The softmax runs over the batch
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return -(p * F.log_softmax(student_logits, 0)).sum(1).mean()


# %% wrong: sigmoids -> This is a sigmoid
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return -(p * F.logsigmoid(student_logits)).sum(1).mean()


# %% wrong: binary cross-entropy -> This is a binary cross-entropy
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return F.binary_cross_entropy_with_logits(student_logits, p)


# %% wrong: squared error -> This is a squared error
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return F.mse_loss(F.softmax(student_logits, 1), p)


# %% wrong: a temperature of 4 -> the task has no temperature
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return F.cross_entropy(student_logits / 4, p)


# %% wrong: base 2 -> The logarithm has base 2
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return F.cross_entropy(student_logits, p) / np.log(2)


# %% wrong: the most probable class alone -> Only the most probable class counts
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    return F.cross_entropy(student_logits, indices[:, 0])


# %% wrong: argmax of the values -> Only the most probable class counts
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    top = indices.gather(1, values.argmax(1, keepdim=True))[:, 0]
    return F.cross_entropy(student_logits, top)


# %% wrong: logarithm of the softmax -> With logits of size 50
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return -(p * F.softmax(student_logits, 1).log()).sum(1).mean()


# %% wrong: logarithm with eps -> is capped
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return -(p * torch.log(F.softmax(student_logits, 1) + 1e-12)).sum(1).mean()


# %% wrong: logarithm with a larger eps -> is capped
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return -(p * torch.log(F.softmax(student_logits, 1) + 1e-8)).sum(1).mean()


# %% wrong: logarithm of a clamped softmax -> is capped
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return -(p * F.softmax(student_logits, 1).clamp(min=1e-7).log()).sum(1).mean()


# %% wrong: exponentials overflow -> not finite
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    log_z = student_logits.exp().sum(1).log()
    return (log_z - (p * student_logits).sum(1)).mean()


# %% wrong: smoothed as well -> The label is smoothed
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return F.cross_entropy(student_logits, p, label_smoothing=0.1)


# %% wrong: clipped logits -> The logits are clipped
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return F.cross_entropy(student_logits.clamp(-30, 30), p)


# %% wrong: nothing left at k = C -> With k = C there is no other class
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    log_q = F.log_softmax(student_logits, 1)
    C, k = log_q.shape[1], values.shape[1]
    top = log_q.gather(1, indices)
    share = (1 - values.sum(1)) / (C - k)
    return -((values * top).sum(1) + share * (log_q.sum(1) - top.sum(1))).mean()


# %% wrong: mean over no classes at k = C -> With k = C there is no other class
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    log_q = F.log_softmax(student_logits, 1)
    total = 0
    for b in range(len(values)):
        others = torch.ones(log_q.shape[1], dtype=torch.bool)
        others[indices[b]] = False
        total = total - (values[b] * log_q[b, indices[b]]).sum()
        total = total - (1 - values[b].sum()) * log_q[b, others].mean()
    return total / len(values)


# %% wrong: Python division by zero at k = C -> With k = C there is no other class
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    B, C = student_logits.shape
    factor = 1.0 / (C - values.shape[1])
    p = ((1 - values.sum(1, keepdim=True)) * factor).repeat(1, C).scatter(1, indices, values)
    return F.cross_entropy(student_logits, p)


# %% wrong: number of classes from the indices -> Two shapes do not fit
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, int(indices.max()) + 1)
    return -(p * F.log_softmax(student_logits, 1)).sum(1).mean()


# %% wrong: zeros are taken for free classes -> a stored value may be 0
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    C = student_logits.shape[1]
    p = torch.zeros(len(values), C, dtype=values.dtype).scatter(1, indices, values)
    share = (1 - values.sum(1, keepdim=True)) / max(C - values.shape[1], 1)
    return F.cross_entropy(student_logits, torch.where(p == 0, share, p))


# %% wrong: other classes detached -> their term is detached
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    log_q = F.log_softmax(student_logits, 1)
    C, k = log_q.shape[1], values.shape[1]
    top = log_q.gather(1, indices)
    share = (1 - values.sum(1)) / max(C - k, 1)
    return -((values * top).sum(1) + share * (log_q.sum(1) - top.sum(1)).detach()).mean()


# %% wrong: log-sum-exp detached -> The log-sum-exp is detached
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    log_q = student_logits - torch.logsumexp(student_logits.detach(), 1, keepdim=True)
    return -(p * log_q).sum(1).mean()


# %% wrong: student detached -> no gradient flows back
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return F.cross_entropy(student_logits.detach(), p)


# %% wrong: a number -> not a tensor
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return F.cross_entropy(student_logits, p).item()


# %% wrong: in place on the values -> changes its argument `values`
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    log_q = F.log_softmax(student_logits, 1)
    C, k = log_q.shape[1], values.shape[1]
    share = (1 - values.sum(1, keepdim=True)) / max(C - k, 1)
    values -= share
    return -((values * log_q.gather(1, indices)).sum(1) + share[:, 0] * log_q.sum(1)).mean()


# %% wrong: two mistakes, no spread and a sum -> Two things. The missing mass 1 − Σ values is not spread
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    return -(values * F.log_softmax(student_logits, 1).gather(1, indices)).sum()


# %% wrong: the largest of the batch -> the largest loss of the batch
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    p = dense(values, indices, student_logits.shape[1])
    return F.cross_entropy(student_logits, p, reduction="none").max()


# %% trivial: zero
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    return torch.zeros(())


# %% trivial: zero with a graph
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    return 0.0 * student_logits.sum()


# %% trivial: NaN
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    return torch.tensor(float("nan"))


# %% trivial: None
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    pass


# %% trivial: log C
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    return torch.tensor(float(student_logits.shape[1])).log() + 0.0 * student_logits.sum()


# %% trivial: not written
def soft_cross_entropy_from_sparse(student_logits, values, indices):
    raise NotImplementedError
