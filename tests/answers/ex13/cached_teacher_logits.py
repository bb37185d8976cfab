# ruff: noqa
# Answers to cached_teacher_logits: each block is what a learner might write.
import copy
import operator
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


# %% right: indexed
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids]


# %% right: index_select
def cached_teacher_logits(store, sample_ids, step):
    return store.index_select(0, sample_ids)


# %% right: all columns, by name
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids, :].clone()


# %% right: gather with expanded ids
def cached_teacher_logits(store, sample_ids, step):
    return store.gather(0, sample_ids.unsqueeze(1).expand(-1, store.shape[1]))


# %% right: take_along_dim
def cached_teacher_logits(store, sample_ids, step):
    return torch.take_along_dim(store, sample_ids[:, None], dim=0)


# %% right: embedding
def cached_teacher_logits(store, sample_ids, step):
    return F.embedding(sample_ids, store)


# %% right: an embedding layer
def cached_teacher_logits(store, sample_ids, step):
    return nn.Embedding.from_pretrained(store, freeze=True)(sample_ids)


# %% right: loop and stack
def cached_teacher_logits(store, sample_ids, step):
    return torch.stack([store[i] for i in sample_ids])


# %% right: Python numbers and cat
def cached_teacher_logits(store, sample_ids, step):
    return torch.cat([store[i : i + 1] for i in sample_ids.tolist()])


# %% right: filled row by row
def cached_teacher_logits(store, sample_ids, step):
    out = torch.empty(len(sample_ids), store.size(1), dtype=store.dtype)
    for b, n in enumerate(sample_ids):
        out[b] = store[int(n)]
    return out


# %% right: one-hot times store
def cached_teacher_logits(store, sample_ids, step):
    return F.one_hot(sample_ids, len(store)).to(store.dtype) @ store


# %% right: numpy
def cached_teacher_logits(store, sample_ids, step):
    return torch.from_numpy(store.numpy()[sample_ids.numpy()])


# %% right: a dictionary by id
def cached_teacher_logits(store, sample_ids, step):
    by_id = {n: row for n, row in enumerate(store)}
    return torch.stack([by_id[n] for n in sample_ids.tolist()], dim=0)


# %% right: compared with all ids
def cached_teacher_logits(store, sample_ids, step):
    same = sample_ids[:, None] == torch.arange(len(store))
    return torch.einsum("bn,nc->bc", same.to(store.dtype), store)


# %% right: of the transposed store
def cached_teacher_logits(store, sample_ids, step):
    return store.T[:, sample_ids].T


# %% right: take from the flattened store
def cached_teacher_logits(store, sample_ids, step):
    C = store.shape[1]
    return store.take(sample_ids[:, None] * C + torch.arange(C))


# %% right: lists
def cached_teacher_logits(store, sample_ids, step):
    rows = store.tolist()
    return torch.tensor([rows[i] for i in sample_ids.tolist()], dtype=store.dtype)


# %% right: in double precision, detached
@torch.no_grad()
def cached_teacher_logits(store, sample_ids, step=None):
    return store.detach().double()[sample_ids.long()]


# %% right: sorted for the disk and put back
def cached_teacher_logits(store, sample_ids, step):
    order = sample_ids.argsort()
    rows = store[sample_ids[order]]
    return rows[order.argsort()]


# %% right: unique ids read once
def cached_teacher_logits(store, sample_ids, step):
    ids, inverse = sample_ids.unique(return_inverse=True)
    return store[ids][inverse]


# %% right: ids as a list, as an array or of any integer type
def cached_teacher_logits(store, sample_ids, step):
    return store[torch.as_tensor(sample_ids).long()]


# %% right: an operator
def cached_teacher_logits(store, sample_ids, step):
    return operator.getitem(store, sample_ids)


# %% wrong: the first B rows -> The first B rows are returned
def cached_teacher_logits(store, sample_ids, step):
    return store[: len(sample_ids)]


# %% wrong: by position in the batch -> The first B rows are returned
def cached_teacher_logits(store, sample_ids, step):
    return torch.stack([store[b] for b, _ in enumerate(sample_ids)])


# %% wrong: by number of the batch -> The rows are taken by the number of the batch
def cached_teacher_logits(store, sample_ids, step):
    B = len(sample_ids)
    return store[step * B : (step + 1) * B]


# %% wrong: by number of the batch, from the loader's first epoch -> The rows are taken by the number of the batch
def cached_teacher_logits(store, sample_ids, step):
    start = step * sample_ids.shape[0]
    rows = torch.arange(start, start + sample_ids.shape[0])
    return store[rows % len(store)]


# %% wrong: in chunks -> The rows are taken by the number of the batch
def cached_teacher_logits(store, sample_ids, step):
    chunks = store.split(len(sample_ids))
    return chunks[step]


# %% wrong: steps counted from one -> The rows are taken by the number of the batch
def cached_teacher_logits(store, sample_ids, step):
    B = len(sample_ids)
    return store[(torch.arange(B) + (step - 1) * B) % len(store)]


# %% wrong: from row `step` on -> The rows are taken by the number of the batch
def cached_teacher_logits(store, sample_ids, step):
    return store[step : step + len(sample_ids)]


# %% wrong: row of the step -> the row number `step`
def cached_teacher_logits(store, sample_ids, step):
    return store[step % len(store)].expand(len(sample_ids), -1)


# %% wrong: offset added -> are numbers in the whole dataset already
def cached_teacher_logits(store, sample_ids, step):
    return store[(sample_ids + step * len(sample_ids)) % len(store)]


# %% wrong: offset added, beyond the end -> A row beyond the store is asked for
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids + step * len(sample_ids)]


# %% wrong: offset added by index_select -> A row beyond the store is asked for
def cached_teacher_logits(store, sample_ids, step):
    return store.index_select(0, sample_ids + step * len(sample_ids))


# %% wrong: offset subtracted -> are numbers in the whole dataset already
def cached_teacher_logits(store, sample_ids, step):
    return store[(sample_ids - step * len(sample_ids)) % len(store)]


# %% wrong: step added -> are numbers in the whole dataset already
def cached_teacher_logits(store, sample_ids, step):
    return store[(sample_ids + step) % len(store)]


# %% wrong: ids sorted -> The ids are sorted
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids.sort().values]


# %% wrong: ids sorted downwards -> The ids are sorted, downwards
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids.sort(descending=True).values]


# %% wrong: a mask over the store -> The ids are sorted
def cached_teacher_logits(store, sample_ids, step):
    mask = torch.zeros(len(store), dtype=torch.bool)
    mask[sample_ids] = True
    return store[mask]


# %% wrong: isin -> The ids are sorted
def cached_teacher_logits(store, sample_ids, step):
    return store[torch.isin(torch.arange(len(store)), sample_ids)]


# %% wrong: unique ids -> The ids are sorted
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids.unique()]


# %% wrong: unique ids in their order -> Rows are missing
def cached_teacher_logits(store, sample_ids, step):
    return store[list(dict.fromkeys(sample_ids.tolist()))]


# %% wrong: reversed -> The batch is reversed
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids].flip(0)


# %% wrong: argsort -> positions in the batch
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids.argsort()]


# %% wrong: ranks -> These are the ranks
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids.argsort().argsort()]


# %% wrong: rows permuted the wrong way back -> in another order
def cached_teacher_logits(store, sample_ids, step):
    order = sample_ids.argsort()
    return store[sample_ids[order]][order]


# %% wrong: rolled by the step -> in another order
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids].roll(step, 0)


# %% wrong: shuffled after reading -> in another order
def cached_teacher_logits(store, sample_ids, step):
    rows = store[sample_ids]
    return rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(step))]


# %% wrong: modulo the batch -> modulo the size of the batch
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids % len(sample_ids)]


# %% wrong: one less -> The ids are shifted by one
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids - 1]


# %% wrong: one more -> The ids are shifted by one
def cached_teacher_logits(store, sample_ids, step):
    return store[(sample_ids + 1) % len(store)]


# %% wrong: read backwards -> read backwards
def cached_teacher_logits(store, sample_ids, step):
    return store.flip(0)[sample_ids]


# %% wrong: negative ids -> These are rows of the store, but of other samples
def cached_teacher_logits(store, sample_ids, step):
    return store[-sample_ids]


# %% wrong: the last B rows -> The last B rows
def cached_teacher_logits(store, sample_ids, step):
    return store[-len(sample_ids) :]


# %% wrong: from the first id on -> The rows follow the first id
def cached_teacher_logits(store, sample_ids, step):
    first = int(sample_ids[0])
    return store[(first + torch.arange(len(sample_ids))) % len(store)]


# %% wrong: from the smallest to the largest id -> There are more rows than samples
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids.min() : sample_ids.max() + 1]


# %% wrong: the first id for all -> the row of the first
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids[0]].expand(len(sample_ids), -1)


# %% wrong: a shuffled copy -> These are rows of the store, but of other samples
def cached_teacher_logits(store, sample_ids, step):
    generator = torch.Generator().manual_seed(0)
    shuffled = store[torch.randperm(len(store), generator=generator)]
    return shuffled[sample_ids]


# %% wrong: the loader's permutation applied twice -> of other samples
def cached_teacher_logits(store, sample_ids, step):
    order = torch.cat([sample_ids, torch.tensor([n for n in range(len(store)) if n not in sample_ids])])
    return store[order][sample_ids]


# %% wrong: a shuffle of its own -> of other samples
def cached_teacher_logits(store, sample_ids, step):
    rows = list(store)
    random.Random(step).shuffle(rows)
    return torch.stack([rows[i] for i in sample_ids.tolist()])


# %% wrong: kept by step from the first epoch on -> the result was kept
cache = {}


def cached_teacher_logits(store, sample_ids, step):
    key = step, tuple(store.shape), len(sample_ids)
    if key not in cache:
        cache[key] = store[sample_ids]
    return cache[key]


# %% wrong: kept by the ids, whatever the store -> the result was kept
cache = {}


def cached_teacher_logits(store, sample_ids, step):
    key = tuple(sample_ids.tolist())
    if key not in cache:
        cache[key] = store[sample_ids]
    return cache[key].to(store.dtype)


# %% wrong: the first store is kept -> Your result has the shape
kept = []


def cached_teacher_logits(store, sample_ids, step):
    kept.append(store.clone())
    return kept[0][sample_ids % len(kept[0])]


# %% wrong: a fixed size of the batch -> There are more rows than samples
def cached_teacher_logits(store, sample_ids, step):
    B = 4 if len(store) == 23 else len(sample_ids)
    out = torch.zeros(B, store.shape[1], dtype=store.dtype)
    out[: len(sample_ids)] = store[sample_ids]
    return out


# %% wrong: probabilities -> These are probabilities
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids].softmax(1)


# %% wrong: log-probabilities -> These are log-probabilities
def cached_teacher_logits(store, sample_ids, step):
    return F.log_softmax(store[sample_ids], 1)


# %% wrong: hard labels -> numbers of type torch.int64
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids].argmax(1)


# %% wrong: largest logit -> one number a sample
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids].amax(1)


# %% wrong: gather without expanding -> `gather` picks single numbers
def cached_teacher_logits(store, sample_ids, step):
    return store.gather(0, sample_ids[:, None])


# %% wrong: columns -> A row beyond the store is asked for
def cached_teacher_logits(store, sample_ids, step):
    return store[:, sample_ids]


# %% wrong: ids in double brackets -> an axis too many
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids[None]]


# %% wrong: the whole store -> This is the whole store
def cached_teacher_logits(store, sample_ids, step):
    return store


# %% wrong: one row -> This is one row
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids[0]]


# %% wrong: transposed -> The two axes are exchanged
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids].T


# %% wrong: squeezed -> With a single sample
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids].squeeze()


# %% wrong: mean of the batch -> the mean of the batch
def cached_teacher_logits(store, sample_ids, step):
    rows = store[sample_ids]
    return rows.mean(0, keepdim=True).expand_as(rows)


# %% wrong: half precision -> rounded to float16
def cached_teacher_logits(store, sample_ids, step):
    return store.half()[sample_ids].float()


# %% wrong: marks what was read -> changes its argument `store`
def cached_teacher_logits(store, sample_ids, step):
    rows = store[sample_ids]
    store[sample_ids] = float("nan")
    return rows


# %% wrong: sorts the store's rows in place -> changes its argument `store`
def cached_teacher_logits(store, sample_ids, step):
    rows = store[sample_ids]
    store.copy_(store.flip(0))
    return rows


# %% wrong: shuffles the store with Python -> changes its argument `store`
def cached_teacher_logits(store, sample_ids, step):
    rows = store[sample_ids]
    random.shuffle(store)
    return rows


# %% wrong: centres the store in place -> changes its argument `store`
def cached_teacher_logits(store, sample_ids, step):
    store -= store.mean(1, keepdim=True)
    return store[sample_ids]


# %% wrong: through the array's back door -> changes its argument `store`
def cached_teacher_logits(store, sample_ids, step):
    array = store.numpy()
    rows = array[sample_ids.numpy()].copy()
    array[: len(rows)] = rows
    return torch.from_numpy(rows)


# %% wrong: changes the ids -> changes its argument `sample_ids`
def cached_teacher_logits(store, sample_ids, step):
    rows = store[sample_ids]
    sample_ids += 1
    return rows


# %% wrong: an array -> not a tensor
def cached_teacher_logits(store, sample_ids, step):
    return store[sample_ids].numpy()


# %% wrong: a list of rows -> returns a list
def cached_teacher_logits(store, sample_ids, step):
    return [store[i] for i in sample_ids]


# %% trivial: zero
def cached_teacher_logits(store, sample_ids, step):
    return torch.zeros(len(sample_ids), store.shape[1])


# %% trivial: NaN
def cached_teacher_logits(store, sample_ids, step):
    return torch.full((len(sample_ids), store.shape[1]), float("nan"))


# %% trivial: random
def cached_teacher_logits(store, sample_ids, step):
    return torch.randn(len(sample_ids), store.shape[1])


# %% trivial: None
def cached_teacher_logits(store, sample_ids, step):
    pass


# %% trivial: the ids
def cached_teacher_logits(store, sample_ids, step):
    return sample_ids


# %% trivial: not written
def cached_teacher_logits(store, sample_ids, step):
    raise NotImplementedError("later")
