# ruff: noqa
# Answers to sparse_topk_soft_labels: each block is what a learner might write.
from collections import namedtuple

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


# %% right: softmax and topk, torch's own pair
def sparse_topk_soft_labels(logits, k, T):
    return torch.softmax(logits / T, dim=1).topk(k, dim=1)


# %% right: unpacked, a tuple
def sparse_topk_soft_labels(logits, k, T):
    values, indices = torch.topk(F.softmax(logits / T, -1), k)
    return values, indices


# %% right: a list
def sparse_topk_soft_labels(logits, k, T):
    p = nn.Softmax(dim=-1)(logits / T)
    return list(p.topk(k))


# %% right: chosen by logits, gathered from probabilities
def sparse_topk_soft_labels(logits, k, T):
    indices = logits.topk(k, dim=1).indices
    return (logits / T).softmax(1).gather(1, indices), indices


# %% right: sort and cut
def sparse_topk_soft_labels(logits, k, T):
    values, indices = torch.sort(F.softmax(logits / T, dim=1), dim=1, descending=True)
    return values[:, :k], indices[:, :k]


# %% right: argsort and take_along_dim
def sparse_topk_soft_labels(logits, k, T):
    p = F.softmax(logits / T, dim=1)
    indices = (-logits).argsort(dim=1)[:, :k]
    return torch.take_along_dim(p, indices, dim=1), indices


# %% right: ascending sort from the other end
def sparse_topk_soft_labels(logits, k, T):
    values, indices = F.softmax(logits / T, dim=1).sort(dim=1)
    return values.flip(1)[:, :k], indices.flip(1)[:, :k]


# %% right: log-space
def sparse_topk_soft_labels(logits, k, T):
    log_p, indices = F.log_softmax(logits / T, dim=1).topk(k, dim=1)
    return log_p.exp(), indices


# %% right: top logits minus the log-sum-exp of all
def sparse_topk_soft_labels(logits, k, T):
    z = logits / T
    top, indices = z.topk(k, 1)
    return torch.exp(top - torch.logsumexp(z, 1, keepdim=True)), indices


# %% right: a loop over the samples
def sparse_topk_soft_labels(logits, k, T):
    values, indices = [], []
    for row in logits:
        v, i = torch.softmax(row / T, 0).topk(k)
        values.append(v)
        indices.append(i)
    return torch.stack(values), torch.stack(indices)


# %% right: k times the maximum
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits / T, 1)
    left = p.clone()
    chosen = []
    for _ in range(k):
        best = left.argmax(1, keepdim=True)
        chosen.append(best)
        left = left.scatter(1, best, -1.0)
    indices = torch.cat(chosen, 1)
    return p.gather(1, indices), indices


# %% right: unsorted topk, then sorted
def sparse_topk_soft_labels(logits, k, T):
    values, indices = torch.softmax(logits / T, 1).topk(k, 1, sorted=False)
    values, order = values.sort(1, descending=True)
    return values, indices.gather(1, order)


# %% right: int32 indices
def sparse_topk_soft_labels(logits, k, T):
    values, indices = torch.softmax(logits / T, 1).topk(k, 1)
    return values, indices.to(torch.int32)


# %% right: int16 indices, contiguous
def sparse_topk_soft_labels(logits, k, T):
    values, indices = torch.softmax(logits / T, 1).topk(k, 1)
    return values.contiguous(), indices.short().contiguous()


# %% right: in double precision
def sparse_topk_soft_labels(logits, k, T):
    return torch.softmax(logits.double() / T, 1).topk(k, 1)


# %% right: numpy on the way
def sparse_topk_soft_labels(logits, k, T):
    z = logits.detach().double().numpy() / T
    e = np.exp(z - z.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    order = np.argsort(-p, axis=1, kind="stable")[:, :k].copy()
    return torch.from_numpy(np.take_along_axis(p, order, 1)).to(logits.dtype), torch.from_numpy(order)


# %% right: Python's sorted
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits / T, 1)
    rows = [sorted(range(len(r)), key=lambda c: -r[c])[:k] for r in p.tolist()]
    indices = torch.tensor(rows)
    return p.gather(1, indices), indices


# %% right: one-hot picks the values
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits / T, 1)
    indices = p.topk(k, 1).indices
    picks = F.one_hot(indices, logits.shape[1]).to(p.dtype)
    return (picks * p[:, None]).sum(2), indices


# %% right: its own namedtuple, without a graph
Sparse = namedtuple("Sparse", "values indices")


@torch.no_grad()
def sparse_topk_soft_labels(logits, k, T):
    p = logits.detach().div(T).softmax(1)
    return Sparse(*p.topk(k, 1))


# %% right: fancy indexing
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits / T, 1)
    c = torch.argsort(p, 1, descending=True)[:, :k]
    return p[torch.arange(len(p)).unsqueeze(1), c], c


# %% right: the library's own, keyword-only temperature
from kdcourse.losses import sparse_soft_targets


def sparse_topk_soft_labels(logits, k, *, temperature):
    return sparse_soft_targets(logits, k, temperature=temperature)


# %% wrong: renormalised -> normalised over the k classes alone
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v / v.sum(1, keepdim=True), i


# %% wrong: softmax over the k logits -> normalised over the k classes alone
def sparse_topk_soft_labels(logits, k, T):
    v, i = logits.topk(k, 1)
    return torch.softmax(v / T, 1), i


# %% wrong: the others masked with -inf -> normalised over the k classes alone
def sparse_topk_soft_labels(logits, k, T):
    v, i = logits.topk(k, 1)
    masked = torch.full_like(logits, float("-inf")).scatter(1, i, v)
    return torch.softmax(masked / T, 1).gather(1, i), i


# %% wrong: softmax over the k logits, no temperature -> And the temperature is not used
def sparse_topk_soft_labels(logits, k, T):
    v, i = logits.topk(k, 1)
    return torch.softmax(v, 1), i


# %% wrong: a second softmax over the k -> A second softmax
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v.softmax(1), i


# %% wrong: no temperature -> The temperature is not used
def sparse_topk_soft_labels(logits, k, T):
    return torch.softmax(logits, 1).topk(k, 1)


# %% wrong: multiplied -> multiplied by T
def sparse_topk_soft_labels(logits, k, T):
    return torch.softmax(logits * T, 1).topk(k, 1)


# %% wrong: divided twice -> divided by T twice
def sparse_topk_soft_labels(logits, k, T):
    z = logits / T
    return torch.softmax(z / T, 1).topk(k, 1)


# %% wrong: divided afterwards -> divided by T after the softmax
def sparse_topk_soft_labels(logits, k, T):
    return (torch.softmax(logits, 1) / T).topk(k, 1)


# %% wrong: times T squared -> A factor T²
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v * T**2, i


# %% wrong: logits -> The values are logits; the task
def sparse_topk_soft_labels(logits, k, T):
    return logits.topk(k, 1)


# %% wrong: logits divided by T -> The values are logits divided by T
def sparse_topk_soft_labels(logits, k, T):
    return (logits / T).topk(k, 1)


# %% wrong: log-probabilities -> The values are log-probabilities
def sparse_topk_soft_labels(logits, k, T):
    return F.log_softmax(logits / T, 1).topk(k, 1)


# %% wrong: sigmoid -> This is a sigmoid
def sparse_topk_soft_labels(logits, k, T):
    return torch.sigmoid(logits / T).topk(k, 1)


# %% wrong: softmax twice -> The softmax is taken twice
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits, 1)
    return torch.softmax(p / T, 1).topk(k, 1)


# %% wrong: softmax over the batch -> The softmax runs over the batch
def sparse_topk_soft_labels(logits, k, T):
    return torch.softmax(logits / T, 0).topk(k, 1)


# %% wrong: softmax over everything -> over the whole batch
def sparse_topk_soft_labels(logits, k, T):
    return torch.softmax((logits / T).flatten(), 0).view_as(logits).topk(k, 1)


# %% wrong: topk over the batch -> taken over the batch
def sparse_topk_soft_labels(logits, k, T):
    return torch.softmax(logits / T, 1).topk(k, 0)


# %% wrong: smallest -> *smallest* probabilities
def sparse_topk_soft_labels(logits, k, T):
    return torch.softmax(logits / T, 1).topk(k, 1, largest=False)


# %% wrong: sorted the wrong way and cut -> *smallest* probabilities
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).sort(1)
    return v[:, :k], i[:, :k]


# %% wrong: ascending order -> The order is ascending
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).sort(1)
    return v[:, -k:], i[:, -k:]


# %% wrong: ordered by class -> ordered by their class
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits / T, 1)
    i = p.topk(k, 1).indices.sort(1).values
    return p.gather(1, i), i


# %% wrong: unsorted topk -> not in order
def sparse_topk_soft_labels(logits, k, T):
    return torch.softmax(logits / T, 1).topk(k, 1, sorted=False)


# %% wrong: numpy argpartition -> not in order
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits / T, 1)
    i = torch.from_numpy(np.argpartition(-p.numpy(), k - 1, axis=1)[:, :k].copy())
    return p.gather(1, i), i


# %% wrong: exchanged -> The two are exchanged
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return i, v


# %% wrong: indices as floats -> must be an integer tensor
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v, i.float()


# %% wrong: stacked into one tensor -> In one tensor the indices become
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return torch.stack([v, i.to(v.dtype)])


# %% wrong: values only -> Return both tensors
def sparse_topk_soft_labels(logits, k, T):
    return torch.softmax(logits / T, 1).topk(k, 1).values


# %% wrong: indices twice -> the probabilities themselves
def sparse_topk_soft_labels(logits, k, T):
    i = torch.softmax(logits / T, 1).topk(k, 1).indices
    return i, i


# %% wrong: dense with zeros -> keep k values and their classes
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits / T, 1)
    v, i = p.topk(k, 1)
    return torch.zeros_like(p).scatter(1, i, v)


# %% wrong: a dictionary -> returns a dict
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return {"values": v, "indices": i}


# %% wrong: arrays -> Your values are a ndarray
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v.numpy(), i.numpy()


# %% wrong: half precision values -> rounded to float16
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v.half(), i


# %% wrong: half precision and back -> rounded to float16
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v.half().float(), i


# %% wrong: bfloat16 values -> rounded to bfloat16
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v.bfloat16(), i


# %% wrong: eight bits -> rounded to 8 bits
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return (v * 255).round() / 255, i


# %% wrong: eight-bit indices -> Indices of 8 bits
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v, i.to(torch.uint8)


# %% wrong: eight-bit signed indices -> Indices of 8 bits
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v, i.to(torch.int8)


# %% wrong: four digits -> rounded or slightly changed
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v.round(decimals=4), i


# %% wrong: divided by the largest -> divided by the largest
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v / v[:, :1], i


# %% wrong: missing mass to the stored ones -> the reading side spreads it
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v + (1 - v.sum(1, keepdim=True)) / k, i


# %% wrong: missing mass to the first -> the reading side spreads it
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    v = v.clone()
    v[:, 0] += 1 - v.sum(1)
    return v, i


# %% wrong: the first k classes -> the first k classes
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits / T, 1)[:, :k]
    return p, torch.arange(k).repeat(len(p), 1)


# %% wrong: ranks in the list -> not classes
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits / T, 1).sort(1, descending=True).values
    return p.topk(k, 1)


# %% wrong: argsort of argsort -> not classes
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits / T, 1)
    return p.topk(k, 1).values, p.argsort(1, descending=True).argsort(1)[:, :k]


# %% wrong: indices of the smallest -> those of the k smallest
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits / T, 1)
    return p.topk(k, 1).values, p.argsort(1)[:, :k]


# %% wrong: classes from one on -> numbered from 1 on
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v, i + 1


# %% wrong: flat indices -> flattened batch
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v, i + logits.shape[1] * torch.arange(len(logits))[:, None]


# %% wrong: topk of the flattened batch -> Each sample has k entries of its own
def sparse_topk_soft_labels(logits, k, T):
    return torch.softmax(logits / T, 1).flatten().topk(k)


# %% wrong: the same classes for the batch -> kept for the whole batch
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits / T, 1)
    i = p.mean(0).topk(k).indices
    return p[:, i], i.expand(len(p), k)


# %% wrong: indices sorted, values not -> no longer belong to their values
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v, i.sort(1).values


# %% wrong: values flipped alone -> opposite orders
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v.flip(1), i


# %% wrong: one too many -> k is 3
def sparse_topk_soft_labels(logits, k, T):
    return torch.softmax(logits / T, 1).topk(k + 1, 1)


# %% wrong: not cut -> All C classes are kept
def sparse_topk_soft_labels(logits, k, T):
    return torch.softmax(logits / T, 1).sort(1, descending=True)


# %% wrong: always five -> Each row holds 5 entries
def sparse_topk_soft_labels(logits, k, T):
    return torch.softmax(logits / T, 1).topk(5, 1)


# %% wrong: temperature fixed at 4 -> The indices are right, the values are not
def sparse_topk_soft_labels(logits, k, T):
    return torch.softmax(logits / 4, 1).topk(k, 1)


# %% wrong: squeezed -> With k = 1
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v.squeeze(), i.squeeze()


# %% wrong: transposed -> The two axes are exchanged
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v.T, i.T


# %% wrong: threshold at the next value, which k = C has not -> With k = C
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits / T, 1)
    v, i = p.topk(k + 1, 1)
    return v[:, :k], i[:, :k]


# %% wrong: threshold, which ties break -> equally probable
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits / T, 1)
    kth = p.topk(k, 1).values[:, -1:]
    i = (p >= kth).nonzero()[:, 1].reshape(len(p), k)
    v, order = p.gather(1, i).sort(1, descending=True)
    return v, i.gather(1, order)


# %% wrong: classes looked up by value, which ties break -> a class occurs twice
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits / T, 1)
    v = p.topk(k, 1).values
    i = torch.stack([(p == v[:, j : j + 1]).int().argmax(1) for j in range(k)], 1)
    return v, i


# %% wrong: all maxima erased at once -> equally probable
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits / T, 1)
    left, vs, js = p.clone(), [], []
    for _ in range(k):
        v, j = left.max(1, keepdim=True)
        vs.append(v)
        js.append(j)
        left = torch.where(left == v, torch.full_like(left, -1.0), left)
    return torch.cat(vs, 1), torch.cat(js, 1)


# %% wrong: overflows -> not finite
def sparse_topk_soft_labels(logits, k, T):
    e = torch.exp(logits / T)
    return (e / e.sum(1, keepdim=True)).topk(k, 1)


# %% wrong: one maximum for the whole batch -> not finite
def sparse_topk_soft_labels(logits, k, T):
    z = logits / T
    e = torch.exp(z - z.max())
    return (e / e.sum(1, keepdim=True)).topk(k, 1)


# %% wrong: one maximum for the whole batch, the sum clamped -> subtract each row's own maximum
def sparse_topk_soft_labels(logits, k, T):
    z = logits / T
    e = torch.exp(z - z.max())
    return (e / e.sum(1, keepdim=True).clamp(min=1e-30)).topk(k, 1)


# %% wrong: chosen by absolute value -> without their sign
def sparse_topk_soft_labels(logits, k, T):
    i = logits.abs().topk(k, 1).indices
    return torch.softmax(logits / T, 1).gather(1, i), i


# %% wrong: clipped logits -> The indices are right, the values are not
def sparse_topk_soft_labels(logits, k, T):
    p = torch.softmax(logits.clamp(-50, 50) / T, 1)
    i = logits.topk(k, 1).indices
    return p.gather(1, i), i


# %% wrong: exponentials alone -> divide by the sum over all C classes
def sparse_topk_soft_labels(logits, k, T):
    return torch.exp(logits / T).topk(k, 1)


# %% wrong: in place -> changes its argument `logits`
def sparse_topk_soft_labels(logits, k, T):
    logits /= T
    return torch.softmax(logits, 1).topk(k, 1)


# %% wrong: cumulative -> added up along the row
def sparse_topk_soft_labels(logits, k, T):
    v, i = torch.softmax(logits / T, 1).topk(k, 1)
    return v.cumsum(1), i


# %% trivial: zeros
def sparse_topk_soft_labels(logits, k, T):
    return torch.zeros(len(logits), k), torch.zeros(len(logits), k, dtype=torch.long)


# %% trivial: uniform over the first classes
def sparse_topk_soft_labels(logits, k, T):
    B, C = logits.shape
    return torch.full((B, k), 1 / C), torch.arange(k).expand(B, k)


# %% trivial: NaN
def sparse_topk_soft_labels(logits, k, T):
    return torch.full((len(logits), k), float("nan")), torch.arange(k).expand(len(logits), k)


# %% trivial: None
def sparse_topk_soft_labels(logits, k, T):
    pass


# %% trivial: the input twice
def sparse_topk_soft_labels(logits, k, T):
    return logits, logits


# %% trivial: not written
def sparse_topk_soft_labels(logits, k, T):
    raise NotImplementedError
