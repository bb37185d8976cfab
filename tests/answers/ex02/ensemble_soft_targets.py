# ruff: noqa
# Answers to ensemble_soft_targets: each block is what a learner might write.
import functools

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


# %% right: softmax and mean
def ensemble_soft_targets(teacher_logits, T):
    return torch.softmax(teacher_logits / T, dim=2).mean(dim=0)


# %% right: other names, last axis
def ensemble_soft_targets(z, tau=1.0):
    return F.softmax(z / tau, dim=-1).sum(0) / z.shape[0]


# %% right: a loop over the teachers
def ensemble_soft_targets(teacher_logits, T):
    total = torch.zeros_like(teacher_logits[0])
    for logits in teacher_logits:
        total = total + F.softmax(logits / T, dim=1)
    return total / len(teacher_logits)


# %% right: a list, stacked
def ensemble_soft_targets(teacher_logits, T):
    return torch.stack([F.softmax(z / T, 1) for z in teacher_logits.unbind(0)]).mean(0)


# %% right: by hand with the maximum subtracted
def ensemble_soft_targets(z, T):
    z = z / T
    e = torch.exp(z - z.amax(dim=2, keepdim=True))
    return (e / e.sum(dim=2, keepdim=True)).mean(dim=0)


# %% right: in logarithms
def ensemble_soft_targets(z, T):
    log_p = F.log_softmax(z / T, dim=-1)
    return (torch.logsumexp(log_p, dim=0) - torch.log(torch.tensor(float(len(z)), dtype=z.dtype))).exp()


# %% right: a loop over the samples
def ensemble_soft_targets(z, T):
    return torch.stack([torch.softmax(z[:, b] / T, dim=1).mean(dim=0) for b in range(z.shape[1])])


# %% right: einsum with equal weights
def ensemble_soft_targets(z, T):
    weights = torch.full((z.shape[0],), 1 / z.shape[0], dtype=z.dtype)
    return torch.einsum("m,mbc->bc", weights, torch.softmax(z / T, -1))


# %% right: permuted
def ensemble_soft_targets(z, T):
    return nn.Softmax(dim=1)(z.permute(1, 2, 0) / T).mean(dim=2)


# %% right: detached and without a graph
@torch.no_grad()
def ensemble_soft_targets(teacher_logits, T):
    return F.softmax(teacher_logits.detach().clone().div_(T), dim=2).mean(0)


# %% right: numpy on the way
def ensemble_soft_targets(z, T):
    a = z.detach().double().numpy() / T
    e = np.exp(a - a.max(axis=2, keepdims=True))
    return torch.from_numpy((e / e.sum(axis=2, keepdims=True)).mean(axis=0)).to(z.dtype)


# %% right: a running mean
def ensemble_soft_targets(z, T):
    mean = 0
    for n, logits in enumerate(z, start=1):
        mean = mean + (torch.softmax(logits / T, -1) - mean) / n
    return mean


# %% right: flattened and unflattened
def ensemble_soft_targets(z, T):
    M, B, C = z.shape
    return torch.softmax(z.reshape(M * B, C) / T, 1).reshape(M, B, C).mean(0)


# %% right: keyword-only temperature, a partial
def general(axis, teacher_logits, *, temperature=4.0):
    return (teacher_logits / temperature).softmax(-1).mean(axis)


ensemble_soft_targets = functools.partial(general, 0)


# %% right: normalised once more
def ensemble_soft_targets(z, T):
    p = torch.softmax(z / T, 2).sum(0)
    return p / p.sum(1, keepdim=True)


# %% right: the library's own
from kdcourse.losses import ensemble_soft_targets


# %% wrong: logits averaged -> The logits are averaged
def ensemble_soft_targets(teacher_logits, T):
    return torch.softmax(teacher_logits.mean(0) / T, dim=1)


# %% wrong: logits averaged after division -> The logits are averaged
def ensemble_soft_targets(teacher_logits, T):
    return torch.softmax((teacher_logits / T).mean(0), dim=-1)


# %% wrong: geometric mean, normalised -> log-probabilities are averaged
def ensemble_soft_targets(z, T):
    return torch.softmax(F.log_softmax(z / T, 2).mean(0), 1)


# %% wrong: geometric mean -> geometric mean
def ensemble_soft_targets(z, T):
    return F.log_softmax(z / T, 2).mean(0).exp()


# %% wrong: logits added up -> The logits are added up
def ensemble_soft_targets(z, T):
    return torch.softmax(z.sum(0) / T, 1)


# %% wrong: not divided -> each row sums to M
def ensemble_soft_targets(z, T):
    return torch.softmax(z / T, 2).sum(0)


# %% wrong: number of teachers from the batch -> divided by the size of the batch
def ensemble_soft_targets(z, T):
    return torch.softmax(z / T, 2).sum(0) / len(z[0])


# %% wrong: divided by the number of classes -> divided by the number of classes
def ensemble_soft_targets(z, T):
    return torch.softmax(z / T, 2).sum(0) / z.size(-1)


# %% wrong: always three teachers -> The value is not right
def ensemble_soft_targets(z, T):
    return torch.softmax(z / T, 2).sum(0) / 3


# %% wrong: no temperature -> The temperature is not used
def ensemble_soft_targets(z, T):
    return torch.softmax(z, 2).mean(0)


# %% wrong: multiplied -> multiplied by T
def ensemble_soft_targets(z, T):
    return torch.softmax(z * T, 2).mean(0)


# %% wrong: divided afterwards -> divided by T after the softmax
def ensemble_soft_targets(z, T):
    return torch.softmax(z, 2).mean(0) / T


# %% wrong: divided twice -> divided by T twice
def ensemble_soft_targets(z, T):
    z = z / T
    return torch.softmax(z / T, 2).mean(0)


# %% wrong: temperature on the mean -> The temperature acts on the mean
def ensemble_soft_targets(z, T):
    p = torch.softmax(z, 2).mean(0)
    p = p ** (1 / T)
    return p / p.sum(1, keepdim=True)


# %% wrong: softmax of probabilities -> The softmax is taken twice
def ensemble_soft_targets(z, T):
    return torch.softmax(torch.softmax(z, 2).mean(0) / T, 1)


# %% wrong: with T squared -> A factor T²
def ensemble_soft_targets(z, T):
    return T**2 * torch.softmax(z / T, 2).mean(0)


# %% wrong: softmax over the batch -> runs over the batch
def ensemble_soft_targets(z, T):
    return torch.softmax(z / T, dim=1).mean(0)


# %% wrong: softmax over the teachers -> runs over the teachers
def ensemble_soft_targets(z, T):
    return torch.softmax(z / T, dim=0).mean(0)


# %% wrong: softmax without an axis, which is the first of three -> runs over the teachers
def ensemble_soft_targets(z, T):
    return F.softmax(z / T).mean(0)


# %% wrong: mean over the batch -> Your result has the shape
def ensemble_soft_targets(z, T):
    return torch.softmax(z / T, 2).mean(1)


# %% wrong: mean over the classes -> Your result has the shape
def ensemble_soft_targets(z, T):
    return torch.softmax(z / T, 2).mean(-1)


# %% wrong: mean over everything -> Your result has the shape
def ensemble_soft_targets(z, T):
    return torch.softmax(z / T, 2).mean()


# %% wrong: axis kept -> Your result has the shape
def ensemble_soft_targets(z, T):
    return torch.softmax(z / T, 2).mean(0, keepdim=True)


# %% wrong: reshaped instead of permuted -> do not exchange axes
def ensemble_soft_targets(z, T):
    M, B, C = z.shape
    return torch.softmax(z.reshape(B, M, C) / T, -1).mean(1)


# %% wrong: batch and teachers exchanged -> Your result has the shape
def ensemble_soft_targets(z, T):
    return torch.softmax(z.transpose(0, 1) / T, -1).mean(0)


# %% wrong: logarithms -> These are log-probabilities
def ensemble_soft_targets(z, T):
    return torch.log(torch.softmax(z / T, 2).mean(0))


# %% wrong: maximum -> the largest probability
def ensemble_soft_targets(z, T):
    return torch.softmax(z / T, 2).max(0).values


# %% wrong: median -> the median over the teachers
def ensemble_soft_targets(z, T):
    return torch.softmax(z / T, 2).median(0).values


# %% wrong: votes -> only votes for its best class
def ensemble_soft_targets(z, T):
    return F.one_hot(z.argmax(2), z.shape[2]).to(z.dtype).mean(0)


# %% wrong: first teacher only -> Only the first teacher is asked
def ensemble_soft_targets(z, T):
    return torch.softmax(z[0] / T, 1)


# %% wrong: last teacher only -> Only the last teacher is asked
def ensemble_soft_targets(z, T):
    for logits in z:
        p = torch.softmax(logits / T, 1)
    return p


# %% wrong: the sure count more -> weighted by how sure they are
def ensemble_soft_targets(z, T):
    p = torch.softmax(z / T, 2)
    w = p.max(2, keepdim=True).values
    return (w * p).sum(0) / w.sum(0)


# %% wrong: squeezes a batch of one -> Your result has the shape
def ensemble_soft_targets(z, T):
    return torch.softmax(z / T, 2).mean(0).squeeze()


# %% wrong: overflows -> not finite
def ensemble_soft_targets(z, T):
    e = torch.exp(z / T)
    return (e / e.sum(2, keepdim=True)).mean(0)


# %% wrong: one maximum for all teachers -> With logits of size 1e4
def ensemble_soft_targets(z, T):
    z = z / T
    e = torch.exp(z - z.amax(dim=(0, 2), keepdim=True))
    s = e.sum(2, keepdim=True)
    return (e / s.clamp(min=1e-30)).mean(0)


# %% wrong: in place -> changes its argument `teacher_logits`
def ensemble_soft_targets(z, T):
    z /= T
    return torch.softmax(z, 2).mean(0)


# %% wrong: an array -> not a tensor
def ensemble_soft_targets(z, T):
    return torch.softmax(z / T, 2).mean(0).numpy()


# %% wrong: half precision inside -> The value is not right
def ensemble_soft_targets(z, T):
    return torch.softmax(z.bfloat16() / T, 2).mean(0).float()


# %% trivial: zero
def ensemble_soft_targets(z, T):
    return torch.zeros(z.shape[1:])


# %% trivial: one
def ensemble_soft_targets(z, T):
    return 1.0


# %% trivial: NaN
def ensemble_soft_targets(z, T):
    return torch.full(z.shape[1:], float("nan"))


# %% trivial: the input
def ensemble_soft_targets(z, T):
    return z


# %% trivial: uniform
def ensemble_soft_targets(z, T):
    return torch.full(z.shape[1:], 1 / z.shape[2])
