# ruff: noqa
# Answers to slice_linear: each block is what a learner might write. The text after `->` must be in the feedback.
import copy
import functools

import torch
import torch.nn as nn
import torch.nn.functional as F


# %% right: as in the text
def slice_linear(weight, bias, out_width, in_width):
    return weight[:out_width, :in_width], bias[:out_width]


# %% right: narrow
def slice_linear(weight, bias, m, n):
    return weight.narrow(0, 0, m).narrow(1, 0, n), bias.narrow(0, 0, m)


# %% right: index_select
def slice_linear(weight, bias, m, n):
    rows, columns = torch.arange(m), torch.arange(n)
    return weight.index_select(0, rows).index_select(1, columns), bias.index_select(0, rows)


# %% right: split
def slice_linear(weight, bias, m, n):
    top = weight.split([m, len(weight) - m])[0]
    return top.split([n, weight.shape[1] - n], dim=1)[0], bias.split([m, len(bias) - m])[0]


# %% right: clones keep the graph
def slice_linear(weight, bias, m, n):
    return weight[:m, :n].clone(), bias[:m].clone()


# %% right: contiguous copies
def slice_linear(weight, bias, m, n):
    return weight[:m][:, :n].contiguous(), bias[:m].contiguous()


# %% right: a matrix product with pieces of the identity
def slice_linear(weight, bias, m, n):
    rows = torch.eye(len(weight), dtype=weight.dtype)[:m]
    columns = torch.eye(weight.shape[1], dtype=weight.dtype)[:, :n]
    return rows @ weight @ columns, rows @ bias


# %% right: a mask, then the kept ones
def slice_linear(weight, bias, m, n):
    rows = torch.arange(weight.shape[0]) < m
    columns = torch.arange(weight.shape[1]) < n
    return weight[rows][:, columns], bias[rows]


# %% right: row by row
def slice_linear(weight, bias, m, n):
    return torch.stack([weight[i, :n] for i in range(m)]), torch.stack([bias[i] for i in range(m)])


# %% right: transposed and back
def slice_linear(weight, bias, m, n):
    return weight.T[:n].T[:m], bias[0:m]


# %% right: a list, slices by tuple
def slice_linear(weight, bias, m, n):
    return [full[tuple(slice(k) for k in sizes)] for full, sizes in ((weight, (m, n)), (bias, (m,)))]


# %% right: a partial
def cut(step, weight, bias, m, n):
    return weight[:m:step, :n:step], bias[:m:step]


slice_linear = functools.partial(cut, 1)


# %% right: gather
def slice_linear(weight, bias, m, n):
    columns = torch.arange(n).expand(weight.shape[0], n)
    return weight.gather(1, columns)[:m], torch.gather(bias, 0, torch.arange(m))


# %% right: padding with negative numbers
def slice_linear(weight, bias, m, n):
    return F.pad(weight, (0, n - weight.shape[1], 0, m - weight.shape[0])), F.pad(bias, (0, m - len(bias)))


# %% wrong: rows and columns exchanged -> Rows and columns are exchanged
def slice_linear(weight, bias, out_width, in_width):
    return weight[:in_width, :out_width], bias[:out_width]


# %% wrong: transposed -> Rows and columns are exchanged
def slice_linear(weight, bias, m, n):
    return weight[:m, :n].T, bias[:m]


# %% wrong: only the rows -> Only the rows are sliced
def slice_linear(weight, bias, m, n):
    return weight[:m], bias[:m]


# %% wrong: only the columns -> Only the columns are sliced
def slice_linear(weight, bias, m, n):
    return weight[:, :n], bias[:m]


# %% wrong: nothing is cut -> as large as before
def slice_linear(weight, bias, m, n):
    return weight, bias


# %% wrong: zeros outside -> Setting the rest to 0
def slice_linear(weight, bias, m, n):
    mask = torch.zeros_like(weight)
    mask[:m, :n] = 1
    return weight * mask, bias * mask[:, 0]


# %% wrong: the last ones -> the last rows
def slice_linear(weight, bias, m, n):
    return weight[-m:, -n:], bias[-m:]


# %% wrong: the last rows -> the last rows
def slice_linear(weight, bias, m, n):
    return weight[-m:, :n], bias[-m:]


# %% wrong: the last columns -> the last columns
def slice_linear(weight, bias, m, n):
    return weight[:m, -n:], bias[:m]


# %% wrong: from one on -> from number 1 on
def slice_linear(weight, bias, m, n):
    return weight[1 : m + 1][:, :n], bias[1 : m + 1]


# %% wrong: at equal distances -> at equal distances
def slice_linear(weight, bias, m, n):
    rows = torch.arange(0, len(weight), len(weight) // m)[:m]
    return weight[rows, :n], bias[rows]


# %% wrong: the most important rows -> Sorting by importance is a step of its own
def slice_linear(weight, bias, m, n):
    rows = weight.abs().sum(1).argsort(descending=True)[:m]
    return weight[rows, :n], bias[rows]


# %% wrong: the most important columns -> Sorting by importance is a step of its own
def slice_linear(weight, bias, m, n):
    columns = weight.abs().sum(0).argsort(descending=True)[:n]
    return weight[:m][:, columns], bias[:m]


# %% wrong: one too many -> has the shape
def slice_linear(weight, bias, m, n):
    return weight[: m + 1, :n], bias[: m + 1]


# %% wrong: what is left -> what is left over
def slice_linear(weight, bias, m, n):
    return weight[m:, n:], bias[m:]


# %% wrong: reshaped -> deal the numbers out anew
def slice_linear(weight, bias, m, n):
    return weight.reshape(-1)[: m * n].reshape(m, n), bias[:m]


# %% wrong: transposed by reshape -> deal the numbers out anew
def slice_linear(weight, bias, m, n):
    return weight.T[:n, :m].reshape(m, n), bias[:m]


# %% wrong: flat -> in one row
def slice_linear(weight, bias, m, n):
    return weight[:m, :n].flatten(), bias[:m]


# %% wrong: scaled up with the width -> scaled with the width
def slice_linear(weight, bias, m, n):
    return weight[:m, :n] * (weight.shape[1] / n), bias[:m]


# %% wrong: scaled by the root -> scaled with the width
def slice_linear(weight, bias, m, n):
    return weight[:m, :n] * (weight.shape[1] / n) ** 0.5, bias[:m]


# %% wrong: a single column -> A single index
def slice_linear(weight, bias, m, n):
    return weight[:m, n - 1], bias[:m]


# %% wrong: the bias by the inputs -> belongs to the *outputs*
def slice_linear(weight, bias, m, n):
    return weight[:m, :n], bias[:n]


# %% wrong: the bias is whole -> The bias is not sliced
def slice_linear(weight, bias, m, n):
    return weight[:m, :n], bias


# %% wrong: the last of the bias -> the last entries
def slice_linear(weight, bias, m, n):
    return weight[:m, :n], bias[-m:]


# %% wrong: no bias -> bias is 0
def slice_linear(weight, bias, m, n):
    return weight[:m, :n], 0 * bias[:m]


# %% wrong: the bias as a column -> one axis too many
def slice_linear(weight, bias, m, n):
    return weight[:m, :n], bias[:m, None]


# %% wrong: the bias is scaled -> scaled with the width
def slice_linear(weight, bias, m, n):
    return weight[:m, :n], bias[:m] * m / len(bias)


# %% wrong: new parameters -> begins a graph of its own
def slice_linear(weight, bias, m, n):
    return nn.Parameter(weight[:m, :n]), nn.Parameter(bias[:m])


# %% wrong: the parameters of a new layer -> begins a graph of its own
def slice_linear(weight, bias, m, n):
    layer = nn.Linear(n, m).to(weight.dtype)
    with torch.no_grad():
        layer.weight.copy_(weight[:m, :n])
        layer.bias.copy_(bias[:m])
    return layer.weight, layer.bias


# %% wrong: a new layer -> parameters of its own
def slice_linear(weight, bias, m, n):
    layer = nn.Linear(n, m)
    layer.load_state_dict({"weight": weight[:m, :n], "bias": bias[:m]})
    return layer


# %% wrong: data -> must learn *in* the wide one
def slice_linear(weight, bias, m, n):
    return weight.data[:m, :n], bias.data[:m]


# %% wrong: detached -> must learn *in* the wide one
def slice_linear(weight, bias, m, n):
    return weight[:m, :n].detach(), bias[:m].detach()


# %% wrong: no_grad -> must learn *in* the wide one
@torch.no_grad()
def slice_linear(weight, bias, m, n):
    return weight[:m, :n], bias[:m]


# %% wrong: only the bias is detached -> must learn *in* the wide one
def slice_linear(weight, bias, m, n):
    return weight[:m, :n], bias[:m].detach()


# %% wrong: a fresh leaf -> must learn *in* the wide one
def slice_linear(weight, bias, m, n):
    return weight[:m, :n].clone().detach().requires_grad_(), bias[:m].clone().detach().requires_grad_()


# %% wrong: the first slice is kept for ever -> With weights of size 1e3
kept = {}


def slice_linear(weight, bias, m, n):
    if (weight.shape, m, n, weight.dtype) not in kept:
        kept[weight.shape, m, n, weight.dtype] = weight[:m, :n].clone(), bias[:m].clone()
    return kept[weight.shape, m, n, weight.dtype]


# %% wrong: the rest is set to zero in place -> changes its argument `weight`
def slice_linear(weight, bias, m, n):
    weight.data[m:] = 0
    return weight[:m, :n], bias[:m]


# %% wrong: the bias first -> The weight comes first
def slice_linear(weight, bias, m, n):
    return bias[:m], weight[:m, :n]


# %% wrong: one tensor -> returns one tensor
def slice_linear(weight, bias, m, n):
    return torch.cat([weight[:m, :n], bias[:m, None]], dim=1)


# %% wrong: numpy -> not a tensor
def slice_linear(weight, bias, m, n):
    return weight[:m, :n].detach().numpy(), bias[:m].detach().numpy()


# %% wrong: a dictionary -> two tensors
def slice_linear(weight, bias, m, n):
    return {"weight": weight[:m, :n], "bias": bias[:m]}


# %% trivial: nothing
def slice_linear(weight, bias, out_width, in_width):
    pass


# %% trivial: not written
def slice_linear(weight, bias, out_width, in_width):
    raise NotImplementedError("later")


# %% trivial: zeros
def slice_linear(weight, bias, out_width, in_width):
    return torch.zeros(out_width, in_width), torch.zeros(out_width)


# %% trivial: ones
def slice_linear(weight, bias, out_width, in_width):
    return torch.ones(out_width, in_width), torch.ones(out_width)


# %% trivial: too few parameters
def slice_linear(weight, bias):
    return weight, bias


# %% trivial: no function
slice_linear = 0
