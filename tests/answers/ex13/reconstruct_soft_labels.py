# ruff: noqa
# Answers to reconstruct_soft_labels: each block is what a learner might write.
import numpy as np
import torch
import torch.nn.functional as F


# %% right: fill and scatter
def reconstruct_soft_labels(values, indices, num_classes):
    B, k = values.shape
    rest = (1 - values.sum(dim=1, keepdim=True)) / max(num_classes - k, 1)
    return rest.expand(B, num_classes).scatter(1, indices, values)


# %% right: repeat and scatter in place
def reconstruct_soft_labels(values, indices, num_classes):
    others = num_classes - values.size(1)
    rest = 1 - values.sum(1, keepdim=True)
    p = (rest / others if others > 0 else torch.zeros_like(rest)).repeat(1, num_classes)
    p.scatter_(1, indices, values)
    return p


# %% right: loops
def reconstruct_soft_labels(values, indices, num_classes):
    B, k = values.shape
    p = torch.zeros(B, num_classes, dtype=values.dtype)
    for b in range(B):
        if k < num_classes:
            p[b] = (1 - values[b].sum()) / (num_classes - k)
        for j in range(k):
            p[b, indices[b, j]] = values[b, j]
    return p


# %% right: fancy indexing
def reconstruct_soft_labels(values, indices, num_classes):
    B, k = values.shape
    p = values.new_zeros(B, num_classes)
    if num_classes > k:
        p += (1 - values.sum(1, keepdim=True)) / (num_classes - k)
    p[torch.arange(B)[:, None], indices] = values
    return p


# %% right: one-hot
def reconstruct_soft_labels(values, indices, num_classes):
    hot = F.one_hot(indices, num_classes).to(values.dtype)
    stored = hot.sum(1)
    rest = (1 - values.sum(1, keepdim=True)) / max(1, num_classes - values.shape[1])
    return (hot * values[:, :, None]).sum(1) + (1 - stored) * rest


# %% right: one-hot and einsum
def reconstruct_soft_labels(values, indices, num_classes):
    hot = torch.eye(num_classes, dtype=values.dtype)[indices]
    p = torch.einsum("bk,bkc->bc", values, hot)
    free = 1.0 - hot.sum(1)
    n = free.sum(1, keepdim=True).clamp(min=1)
    return p + free * (1 - p.sum(1, keepdim=True)) / n


# %% right: boolean mask
def reconstruct_soft_labels(values, indices, num_classes):
    B, k = values.shape
    mask = torch.zeros(B, num_classes, dtype=torch.bool).scatter(1, indices, True)
    p = torch.zeros(B, num_classes, dtype=values.dtype).scatter(1, indices, values)
    if k == num_classes:
        return p
    return torch.where(mask, p, (1 - p.sum(1, keepdim=True)) / (num_classes - k))


# %% right: scatter_add of the difference
def reconstruct_soft_labels(values, indices, num_classes):
    B, k = values.shape
    if k == num_classes:
        return torch.zeros_like(values).scatter_add(1, indices, values)
    share = (1 - values.sum(1, keepdim=True)) / (num_classes - k)
    return share.repeat(1, num_classes).scatter_add(1, indices, values - share)


# %% right: scatter covers the 0/0
def reconstruct_soft_labels(values, indices, num_classes):
    share = (1 - values.sum(1, keepdim=True)) / (num_classes - values.shape[1])
    return share.repeat(1, num_classes).scatter(1, indices, values)


# %% right: clamped at 0
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)).clamp(min=0)
    rest = rest / max(num_classes - values.shape[1], 1)
    return rest.expand(-1, num_classes).clone().scatter_(1, indices, values)


# %% right: numpy
def reconstruct_soft_labels(values, indices, num_classes):
    v, i = values.numpy(), indices.numpy()
    p = np.zeros((len(v), num_classes))
    p[:] = (1 - v.sum(1, keepdims=True)) / max(num_classes - v.shape[1], 1)
    np.put_along_axis(p, i, v, 1)
    return torch.from_numpy(p)


# %% right: any integer type, double precision
def reconstruct_soft_labels(values, indices, num_classes):
    values = values.double()
    share = (1 - values.sum(1, keepdim=True)).clamp(0) / max(num_classes - values.shape[1], 1)
    return share.expand(-1, num_classes).scatter(1, indices.long(), values)


# %% right: put on flat positions
def reconstruct_soft_labels(values, indices, num_classes):
    B, k = values.shape
    rest = (1 - values.sum(1)) / max(num_classes - k, 1)
    flat = rest.repeat_interleave(num_classes)
    where = indices + num_classes * torch.arange(B).unsqueeze(1)
    flat[where.flatten()] = values.flatten()
    return flat.view(B, num_classes)


# %% right: a dictionary for each row
def reconstruct_soft_labels(values, indices, num_classes):
    rows = []
    for v, i in zip(values.tolist(), indices.tolist()):
        stored = dict(zip(i, v))
        free = num_classes - len(stored)
        share = (1 - sum(v)) / free if free else 0.0
        rows.append([stored.get(c, share) for c in range(num_classes)])
    return torch.tensor(rows, dtype=values.dtype)


# %% right: searched class by class
def reconstruct_soft_labels(values, indices, num_classes):
    classes = torch.arange(num_classes)
    at = indices[:, :, None] == classes  # (B, k, C)
    share = (1 - values.sum(1)) / max(num_classes - values.shape[1], 1)
    return torch.where(at.any(1), (at * values[:, :, None]).sum(1), share[:, None])


# %% right: index_put
def reconstruct_soft_labels(values, indices, num_classes):
    B, k = values.shape
    p = torch.empty(B, num_classes, dtype=values.dtype)
    p[:] = (1 - values.sum(-1, keepdim=True)) / max(num_classes - k, 1)
    return p.index_put((torch.arange(B).view(-1, 1).expand(B, k), indices), values)


# %% right: nan_to_num
def reconstruct_soft_labels(values, indices, num_classes):
    share = (1 - values.sum(1, keepdim=True)).clamp(min=0) / (num_classes - values.shape[1])
    share = torch.nan_to_num(share, nan=0.0, posinf=0.0)
    return share.repeat(1, num_classes).scatter(1, indices, values)


# %% right: the library's own
from kdcourse.losses import densify_soft_targets as reconstruct_soft_labels


# %% wrong: missing mass forgotten -> The missing mass 1 − Σ values is not spread
def reconstruct_soft_labels(values, indices, num_classes):
    return torch.zeros(len(values), num_classes, dtype=values.dtype).scatter(1, indices, values)


# %% wrong: renormalised -> The k values are renormalised
def reconstruct_soft_labels(values, indices, num_classes):
    p = torch.zeros(len(values), num_classes, dtype=values.dtype).scatter(1, indices, values)
    return p / p.sum(1, keepdim=True)


# %% wrong: softmax of the values -> probabilities already
def reconstruct_soft_labels(values, indices, num_classes):
    return torch.zeros(len(values), num_classes, dtype=values.dtype).scatter(1, indices, values.softmax(1))


# %% wrong: softmax of the row -> A softmax acts on probabilities
def reconstruct_soft_labels(values, indices, num_classes):
    return torch.zeros(len(values), num_classes, dtype=values.dtype).scatter(1, indices, values).softmax(1)


# %% wrong: divided by all classes -> The missing mass is divided by C;
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)) / num_classes
    return rest.repeat(1, num_classes).scatter(1, indices, values)


# %% wrong: spread over all classes -> spread over all C classes
def reconstruct_soft_labels(values, indices, num_classes):
    p = torch.zeros(len(values), num_classes, dtype=values.dtype).scatter(1, indices, values)
    return p + (1 - values.sum(1, keepdim=True)) / num_classes


# %% wrong: added instead of set -> The values are added to the spread
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    return rest.repeat(1, num_classes).scatter_add(1, indices, values)


# %% wrong: not divided -> gets the whole missing mass
def reconstruct_soft_labels(values, indices, num_classes):
    rest = 1 - values.sum(1, keepdim=True)
    return rest.repeat(1, num_classes).scatter(1, indices, values)


# %% wrong: divided by k -> divided by k
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)) / values.shape[1]
    return rest.repeat(1, num_classes).scatter(1, indices, values)


# %% wrong: divided by C - 1 -> divided by C − 1
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)) / (num_classes - 1)
    return rest.repeat(1, num_classes).scatter(1, indices, values)


# %% wrong: divided by C - k + 1 -> divided by C − k + 1
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)) / (num_classes - values.shape[1] + 1)
    return rest.repeat(1, num_classes).scatter(1, indices, values)


# %% wrong: divided by C - k - 1 -> divided by C − k − 1
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1] - 1, 1)
    return rest.repeat(1, num_classes).scatter(1, indices, values)


# %% wrong: number of values from the batch -> divided by the size of the batch
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)) / len(values)
    return rest.repeat(1, num_classes).scatter(1, indices, values)


# %% wrong: sign -> has the wrong sign
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (values.sum(1, keepdim=True) - 1) / max(num_classes - values.shape[1], 1)
    return rest.repeat(1, num_classes).scatter(1, indices, values)


# %% wrong: uniform elsewhere -> The other classes get 1/C
def reconstruct_soft_labels(values, indices, num_classes):
    p = torch.full((len(values), num_classes), 1 / num_classes, dtype=values.dtype)
    return p.scatter(1, indices, values)


# %% wrong: one shared by the others -> The other classes share 1;
def reconstruct_soft_labels(values, indices, num_classes):
    p = torch.full((len(values), num_classes), 1 / max(num_classes - values.shape[1], 1), dtype=values.dtype)
    return p.scatter(1, indices, values)


# %% wrong: uniform elsewhere, normalised -> The rows are normalised at the end
def reconstruct_soft_labels(values, indices, num_classes):
    p = torch.full((len(values), num_classes), 1 / num_classes, dtype=values.dtype)
    p = p.scatter(1, indices, values)
    return p / p.sum(1, keepdim=True)


# %% wrong: divided by C, normalised -> The rows are normalised at the end
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)) / num_classes
    p = rest.repeat(1, num_classes).scatter(1, indices, values)
    return p / p.sum(1, keepdim=True)


# %% wrong: smallest stored value elsewhere -> get the last stored value
def reconstruct_soft_labels(values, indices, num_classes):
    return values[:, -1:].repeat(1, num_classes).scatter(1, indices, values)


# %% wrong: only the first value subtracted -> Only the first value is taken from 1
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values[:, :1]) / max(num_classes - values.shape[1], 1)
    return rest.repeat(1, num_classes).scatter(1, indices, values)


# %% wrong: sum over the batch -> summed over the whole batch
def reconstruct_soft_labels(values, indices, num_classes):
    p = torch.full(
        (len(values), num_classes), float(1 - values.sum()) / max(num_classes - values.shape[1], 1)
    )
    return p.to(values.dtype).scatter(1, indices, values)


# %% wrong: mean over the batch -> batch's mean of the missing mass
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1)).mean() / max(num_classes - values.shape[1], 1)
    return rest.expand(len(values), num_classes).scatter(1, indices, values)


# %% wrong: rest of the first row -> the missing mass of the first
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values[0].sum()) / max(num_classes - values.shape[1], 1)
    return rest.expand(len(values), num_classes).scatter(1, indices, values)


# %% wrong: to the stored ones in equal parts -> The missing mass goes to stored classes
def reconstruct_soft_labels(values, indices, num_classes):
    v = values + (1 - values.sum(1, keepdim=True)) / values.shape[1]
    return torch.zeros(len(v), num_classes, dtype=v.dtype).scatter(1, indices, v)


# %% wrong: to the most probable -> The missing mass goes to stored classes
def reconstruct_soft_labels(values, indices, num_classes):
    p = torch.zeros(len(values), num_classes, dtype=values.dtype).scatter(1, indices, values)
    best = indices[:, :1]
    return p.scatter_add(1, best, 1 - values.sum(1, keepdim=True))


# %% wrong: to the last class -> goes to the last class
def reconstruct_soft_labels(values, indices, num_classes):
    p = torch.zeros(len(values), num_classes, dtype=values.dtype).scatter(1, indices, values)
    p[:, -1] += 1 - values.sum(1)
    return p


# %% wrong: in the first k columns -> stand in the first k columns
def reconstruct_soft_labels(values, indices, num_classes):
    B, k = values.shape
    rest = (1 - values.sum(1, keepdim=True)) / max(num_classes - k, 1)
    return torch.cat([values, rest.expand(B, num_classes - k)], 1)


# %% wrong: indices sorted alone -> no longer belong to their values
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    return rest.repeat(1, num_classes).scatter(1, indices.sort(1).values, values)


# %% wrong: values flipped -> opposite orders
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    return rest.repeat(1, num_classes).scatter(1, indices, values.flip(1))


# %% wrong: sorts the values first -> in whatever order they are stored
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    return rest.repeat(1, num_classes).scatter(1, indices, values.sort(1, descending=True).values)


# %% wrong: columns of the first row for all -> uses the indices of the first
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    p = rest.repeat(1, num_classes)
    p[:, indices[0]] = values
    return p


# %% wrong: columns set in every row -> sets the columns of one sample in every row
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    p = rest.repeat(1, num_classes)
    for b in range(len(values)):
        p[:, indices[b]] = values[b]
    return p


# %% wrong: rows exchanged -> belong to other rows
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    return rest.flip(0).repeat(1, num_classes).scatter(1, indices, values.flip(0))


# %% wrong: scatter along the batch -> scatter along the classes
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    return rest.repeat(1, num_classes).scatter(0, indices, values)


# %% wrong: classes from one on -> The classes are shifted by one
def reconstruct_soft_labels(values, indices, num_classes):
    rest = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    return rest.repeat(1, num_classes).scatter(1, (indices - 1) % num_classes, values)


# %% wrong: number of classes from the indices -> taken from the indices that happen to occur
def reconstruct_soft_labels(values, indices, num_classes):
    C = int(indices.max()) + 1
    rest = (1 - values.sum(1, keepdim=True)) / max(C - values.shape[1], 1)
    return rest.repeat(1, C).scatter(1, indices, values)


# %% wrong: one-hot without the number of classes -> taken from the indices that happen to occur
def reconstruct_soft_labels(values, indices, num_classes):
    hot = F.one_hot(indices).to(values.dtype)
    rest = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    return (hot * values[..., None]).sum(1) + (1 - hot.sum(1)) * rest


# %% wrong: one-hot vectors not added up -> are still apart
def reconstruct_soft_labels(values, indices, num_classes):
    return F.one_hot(indices, num_classes) * values[..., None]


# %% wrong: a mask times 0/0 -> With k = C there is no other class
def reconstruct_soft_labels(values, indices, num_classes):
    B, k = values.shape
    p = torch.zeros(B, num_classes, dtype=values.dtype).scatter(1, indices, values)
    mask = torch.ones_like(p).scatter(1, indices, 0.0)
    return p + mask * (1 - values.sum(1, keepdim=True)) / (num_classes - k)


# %% wrong: Python division by zero -> With k = C there is no other class
def reconstruct_soft_labels(values, indices, num_classes):
    p = torch.zeros(len(values), num_classes, dtype=values.dtype)
    for b in range(len(values)):
        p[b] = (1 - sum(values[b].tolist())) / (num_classes - values.shape[1])
        p[b, indices[b]] = values[b]
    return p


# %% wrong: asserts that classes are left -> With k = C there is no other class
def reconstruct_soft_labels(values, indices, num_classes):
    B, k = values.shape
    assert k < num_classes
    rest = (1 - values.sum(1, keepdim=True)) / (num_classes - k)
    return rest.repeat(1, num_classes).scatter(1, indices, values)


# %% wrong: zeros are taken for free classes -> a stored value may be 0
def reconstruct_soft_labels(values, indices, num_classes):
    p = torch.zeros(len(values), num_classes, dtype=values.dtype).scatter(1, indices, values)
    share = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    return torch.where(p == 0, share, p)


# %% wrong: zeros are counted as free classes -> a stored value may be 0
def reconstruct_soft_labels(values, indices, num_classes):
    p = torch.zeros(len(values), num_classes, dtype=values.dtype).scatter(1, indices, values)
    free = (p == 0).to(p.dtype)
    return p + free * (1 - values.sum(1, keepdim=True)) / free.sum(1, keepdim=True).clamp(min=1)


# %% wrong: values not put in, scatter without underscore -> returns a new tensor
def reconstruct_soft_labels(values, indices, num_classes):
    share = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    p = share.repeat(1, num_classes)
    p.scatter(1, indices, values)
    return p


# %% wrong: logarithms -> These are log-probabilities
def reconstruct_soft_labels(values, indices, num_classes):
    share = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    return share.repeat(1, num_classes).scatter(1, indices, values).log()


# %% wrong: half precision -> rounded to float16
def reconstruct_soft_labels(values, indices, num_classes):
    share = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    return share.repeat(1, num_classes).scatter(1, indices, values).half()


# %% wrong: changes the values in place -> changes its argument `values`
def reconstruct_soft_labels(values, indices, num_classes):
    share = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    values -= share
    return share.repeat(1, num_classes).scatter_add(1, indices, values)


# %% wrong: sorts the indices in place -> changes its argument `indices`
def reconstruct_soft_labels(values, indices, num_classes):
    share = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    order = indices.argsort(1)
    indices.copy_(indices.gather(1, order))
    return share.repeat(1, num_classes).scatter(1, indices, values.gather(1, order))


# %% wrong: ten classes -> Your result has the shape
def reconstruct_soft_labels(values, indices, num_classes):
    share = (1 - values.sum(1, keepdim=True)) / (10 - values.shape[1])
    return share.repeat(1, 10).scatter(1, indices.clamp(max=9), values)


# %% wrong: an array -> not a tensor
def reconstruct_soft_labels(values, indices, num_classes):
    share = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    return share.repeat(1, num_classes).scatter(1, indices, values).numpy()


# %% wrong: squeezed -> With a single sample
def reconstruct_soft_labels(values, indices, num_classes):
    share = (1 - values.sum(1, keepdim=True)) / max(num_classes - values.shape[1], 1)
    return share.repeat(1, num_classes).scatter(1, indices, values).squeeze()


# %% wrong: spread in random parts -> in equal parts
def reconstruct_soft_labels(values, indices, num_classes):
    generator = torch.Generator().manual_seed(3)
    noise = (
        torch.rand(len(values), num_classes, generator=generator).to(values.dtype).scatter(1, indices, 0.0)
    )
    noise = noise / noise.sum(1, keepdim=True).clamp(min=1e-9)
    return ((1 - values.sum(1, keepdim=True)) * noise).scatter(1, indices, values)


# %% wrong: spread in proportion to the class number -> in equal parts
def reconstruct_soft_labels(values, indices, num_classes):
    weight = (
        torch.arange(1, num_classes + 1, dtype=values.dtype).repeat(len(values), 1).scatter(1, indices, 0.0)
    )
    weight = weight / weight.sum(1, keepdim=True).clamp(min=1e-9)
    return ((1 - values.sum(1, keepdim=True)) * weight).scatter(1, indices, values)


# %% wrong: the values as they stand where no class is left -> With k = C the label is the values
def reconstruct_soft_labels(values, indices, num_classes):
    if values.shape[1] == num_classes:
        return values.clone()
    share = (1 - values.sum(1, keepdim=True)) / (num_classes - values.shape[1])
    return share.repeat(1, num_classes).scatter(1, indices, values)


# %% wrong: only the first entry -> Only the first of the k entries
def reconstruct_soft_labels(values, indices, num_classes):
    top = values[:, :1]
    return ((1 - top) / (num_classes - 1)).repeat(1, num_classes).scatter(1, indices[:, :1], top)


# %% trivial: zero
def reconstruct_soft_labels(values, indices, num_classes):
    return torch.zeros(len(values), num_classes)


# %% trivial: uniform
def reconstruct_soft_labels(values, indices, num_classes):
    return torch.full((len(values), num_classes), 1 / num_classes)


# %% trivial: NaN
def reconstruct_soft_labels(values, indices, num_classes):
    return torch.full((len(values), num_classes), float("nan"))


# %% trivial: None
def reconstruct_soft_labels(values, indices, num_classes):
    pass


# %% trivial: the values
def reconstruct_soft_labels(values, indices, num_classes):
    return values


# %% trivial: not written
def reconstruct_soft_labels(values, indices, num_classes):
    raise NotImplementedError
