# ruff: noqa
# Answers to expected_boxes: each block is what a learner might write.
import numpy as np
import torch
import torch.nn.functional as F

from kdcourse.models import boxes_from_edges, edge_distances


# %% right: softmax, sum, two corners
def expected_boxes(centres, edge_logits, stride):
    bins = torch.arange(edge_logits.shape[2])
    distances = stride * (torch.softmax(edge_logits, dim=2) * bins).sum(dim=2)
    return torch.cat([centres - distances[:, :2], centres + distances[:, 2:]], dim=1)


# %% right: matrix product, stack of four columns
def expected_boxes(centres, edge_logits, stride):
    bins = torch.arange(edge_logits.shape[-1], dtype=edge_logits.dtype)
    left, top, right, bottom = (stride * edge_logits.softmax(-1) @ bins).T
    x, y = centres.T
    return torch.stack([x - left, y - top, x + right, y + bottom], dim=1)


# %% right: einsum and signs
def expected_boxes(centres, edge_logits, stride):
    bins = stride * torch.arange(edge_logits.shape[2]).to(edge_logits)
    d = torch.einsum("nek,k->ne", F.softmax(edge_logits, 2), bins)
    return centres.repeat(1, 2) + d * d.new_tensor([-1, -1, 1, 1])


# %% right: a loop over boxes and edges
def expected_boxes(centres, edge_logits, stride):
    rows = []
    for (x, y), edges in zip(centres, edge_logits):
        l, t, r, b = [sum(k * p for k, p in enumerate(edge.softmax(0))) * stride for edge in edges]
        rows.append(torch.stack([x - l, y - t, x + r, y + b]))
    return torch.stack(rows)


# %% right: the library's functions
def expected_boxes(centres, edge_logits, stride):
    return boxes_from_edges(centres, stride * edge_distances(edge_logits))


# %% right: softmax by hand, shifted by the maximum
def expected_boxes(c, z, s):
    e = (z - z.amax(2, keepdim=True)).exp()
    k = torch.arange(z.shape[2], dtype=z.dtype)
    d = s * (e * k).sum(2) / e.sum(2)
    return torch.cat((c - d[:, 0:2], c + d[:, 2:4]), 1)


# %% right: exp of log_softmax, corners joined by reshape of pairs
def expected_boxes(centres, edge_logits, stride):
    p = F.log_softmax(edge_logits, dim=-1).exp()
    d = p.mul(torch.arange(p.size(-1))).sum(-1).mul(stride).view(-1, 2, 2)
    sign = torch.tensor([-1.0, 1.0], dtype=d.dtype).view(1, 2, 1)
    return (centres[:, None] + sign * d).reshape(-1, 4)


# %% right: in float64 inside
def expected_boxes(centres, edge_logits, stride):
    z = edge_logits.double()
    d = stride * (z.softmax(2) @ torch.arange(z.shape[2]).double())
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% right: a linear layer with the bins as its weight
def expected_boxes(centres, edge_logits, stride):
    weight = torch.arange(edge_logits.shape[2], dtype=edge_logits.dtype)[None] * stride
    d = F.linear(edge_logits.softmax(2), weight).squeeze(2)
    return torch.hstack([centres - d[:, :2], centres + d[:, 2:]])


# %% right: the expectation as a sum over survival probabilities
def expected_boxes(centres, edge_logits, stride):
    p = edge_logits.softmax(2)
    beyond = p.flip(2).cumsum(2).flip(2)[..., 1:]
    d = stride * beyond.sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% right: written into a new tensor, column by column
def expected_boxes(centres, edge_logits, stride):
    d = (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2) * stride
    boxes = torch.empty_like(d)
    for column, sign in enumerate((-1, -1, 1, 1)):
        boxes[:, column] = centres[:, column % 2] + sign * d[:, column]
    return boxes


# %% right: one edge at a time
def expected_boxes(centres, edge_logits, stride):
    k = torch.arange(edge_logits.shape[2])
    l, t, r, b = (stride * (z.softmax(1) * k).sum(1) for z in edge_logits.unbind(1))
    return torch.stack([centres[:, 0] - l, centres[:, 1] - t, centres[:, 0] + r, centres[:, 1] + b], -1)


# %% right: keyword-only stride, float32 inside
def expected_boxes(centres, edge_logits, *, stride):
    p = edge_logits.float().softmax(2)
    d = stride * (p * torch.arange(p.shape[2]).float()).sum(2)
    return torch.cat([centres.float() - d[:, :2], centres.float() + d[:, 2:]], 1)


# %% wrong: argmax -> take the expectation
def expected_boxes(centres, edge_logits, stride):
    d = stride * edge_logits.argmax(2).to(centres.dtype)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1) + 0 * edge_logits.sum()


# %% wrong: argmax, and no graph -> take the expectation
def expected_boxes(centres, edge_logits, stride):
    d = stride * edge_logits.argmax(2).to(centres.dtype)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: softmax over the edges -> over the four edges
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.softmax(1) * torch.arange(edge_logits.shape[2])).sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: softmax over the boxes -> over the boxes
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.softmax(0) * torch.arange(edge_logits.shape[2])).sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: no softmax -> take their softmax first
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits * torch.arange(edge_logits.shape[2])).sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: log_softmax -> not `log_softmax`
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.log_softmax(2) * torch.arange(edge_logits.shape[2])).sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: sigmoid -> A sigmoid weighs each bin by itself
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.sigmoid() * torch.arange(edge_logits.shape[2])).sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: a mean over the bins -> divided by n
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).mean(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: bins from 1 -> counted from 1
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.softmax(2) * torch.arange(1, edge_logits.shape[2] + 1)).sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: middles of the bins -> counted from their middles
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.softmax(2) * (torch.arange(edge_logits.shape[2]) + 0.5)).sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: linspace from 0 to 1 -> linspace(0, 1, n)
def expected_boxes(centres, edge_logits, stride):
    bins = torch.linspace(0, 1, edge_logits.shape[2], dtype=edge_logits.dtype)
    d = stride * (edge_logits.softmax(2) * bins).sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: linspace from 0 to n -> linspace(0, n, n)
def expected_boxes(centres, edge_logits, stride):
    n = edge_logits.shape[2]
    d = stride * (edge_logits.softmax(2) * torch.linspace(0, n, n, dtype=edge_logits.dtype)).sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: stride forgotten -> in bins still
def expected_boxes(centres, edge_logits, stride):
    d = (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: stride divides -> multiply by it
def expected_boxes(centres, edge_logits, stride):
    d = (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2) / stride
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: stride on the centres as well -> they are in pixels already
def expected_boxes(centres, edge_logits, stride):
    d = (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2)
    return stride * torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: half the distances -> are no widths
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2) / 2
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: all added -> Left and top are added
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2)
    return centres.repeat(1, 2) + d


# %% wrong: all subtracted -> Right and bottom are subtracted
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2)
    return centres.repeat(1, 2) - d


# %% wrong: corners exchanged -> x1, y1 come first
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2)
    return torch.cat([centres + d[:, 2:], centres - d[:, :2]], 1)


# %% wrong: width and height -> x1, y1, width, height
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2)
    return torch.cat([centres - d[:, :2], d[:, :2] + d[:, 2:]], 1)


# %% wrong: centre, width and height -> centre, width and height of the box
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2)
    first, last = centres - d[:, :2], centres + d[:, 2:]
    return torch.cat([(first + last) / 2, last - first], 1)


# %% wrong: x1, x2, y1, y2 -> The order is x1, x2, y1, y2
def expected_boxes(centres, edge_logits, stride):
    l, t, r, b = (stride * edge_logits.softmax(2) @ torch.arange(edge_logits.shape[2]).to(edge_logits)).T
    x, y = centres.T
    return torch.stack([x - l, x + r, y - t, y + b], 1)


# %% wrong: centres as (y, x) -> The centres are read as (y, x)
def expected_boxes(centres, edge_logits, stride):
    l, t, r, b = (stride * edge_logits.softmax(2) @ torch.arange(edge_logits.shape[2]).to(edge_logits)).T
    y, x = centres.T
    return torch.stack([x - l, y - t, x + r, y + b], 1)


# %% wrong: y before x -> The order is y1, x1, y2, x2
def expected_boxes(centres, edge_logits, stride):
    l, t, r, b = (stride * edge_logits.softmax(2) @ torch.arange(edge_logits.shape[2]).to(edge_logits)).T
    x, y = centres.T
    return torch.stack([y - t, x - l, y + b, x + r], 1)


# %% wrong: left, right, top, bottom -> read as left, right, top, bottom
def expected_boxes(centres, edge_logits, stride):
    l, r, t, b = (stride * edge_logits.softmax(2) @ torch.arange(edge_logits.shape[2]).to(edge_logits)).T
    x, y = centres.T
    return torch.stack([x - l, y - t, x + r, y + b], 1)


# %% wrong: the distances themselves -> These are the distances
def expected_boxes(centres, edge_logits, stride):
    return stride * (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2)


# %% wrong: stacked along the boxes -> The boxes are columns
def expected_boxes(centres, edge_logits, stride):
    l, t, r, b = (stride * edge_logits.softmax(2) @ torch.arange(edge_logits.shape[2]).to(edge_logits)).T
    x, y = centres.T
    return torch.stack([x - l, y - t, x + r, y + b])


# %% wrong: stacked along the boxes and reshaped -> by `reshape`, which mixes boxes
def expected_boxes(centres, edge_logits, stride):
    l, t, r, b = (stride * edge_logits.softmax(2) @ torch.arange(edge_logits.shape[2]).to(edge_logits)).T
    x, y = centres.T
    return torch.stack([x - l, y - t, x + r, y + b]).reshape(-1, 4)


# %% wrong: joined along the boxes -> join them along `dim=1`
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]])


# %% wrong: cut at the image's edge -> The boxes are cut at 0
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1).clamp(min=0)


# %% wrong: the graph is cut -> The graph is cut
def expected_boxes(centres, edge_logits, stride):
    with torch.no_grad():
        d = stride * (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: softmax without the maximum taken off -> `exp` overflows
def expected_boxes(centres, edge_logits, stride):
    e = edge_logits.exp()
    d = stride * (e * torch.arange(edge_logits.shape[2])).sum(2) / e.sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: a fixed number of bins -> Two shapes do not fit
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.softmax(2) * torch.arange(16)).sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: a fixed stride -> in bins still
def expected_boxes(centres, edge_logits, stride=1):
    d = 1 * (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% wrong: changes the caller's centres -> changes its argument `centres`
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2)
    first = centres - d[:, :2]
    centres += 1
    return torch.cat([first, centres - 1 + d[:, 2:]], 1)


# %% wrong: all boxes get the first one's centre -> The value is not right
def expected_boxes(centres, edge_logits, stride):
    d = stride * (edge_logits.softmax(2) * torch.arange(edge_logits.shape[2])).sum(2)
    return torch.cat([centres[:1] - d[:, :2], centres[:1] + d[:, 2:]], 1)


# %% wrong: two mistakes, bins from 1 and no stride -> Two things.
def expected_boxes(centres, edge_logits, stride):
    d = (edge_logits.softmax(2) * torch.arange(1, edge_logits.shape[2] + 1)).sum(2)
    return torch.cat([centres - d[:, :2], centres + d[:, 2:]], 1)


# %% trivial: the centres twice
def expected_boxes(centres, edge_logits, stride):
    return centres.repeat(1, 2)


# %% trivial: zeros
def expected_boxes(centres, edge_logits, stride):
    return torch.zeros(len(centres), 4)


# %% trivial: nothing
def expected_boxes(centres, edge_logits, stride):
    pass


# %% trivial: no function
expected_boxes = torch.zeros(3, 4)


# %% trivial: the logits
def expected_boxes(centres, edge_logits, stride):
    return edge_logits
