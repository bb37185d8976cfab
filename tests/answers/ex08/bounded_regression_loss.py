# ruff: noqa
# Answers to bounded_regression_loss: each block is what a learner might write. The text after `->` must be in
# the feedback.
import functools

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def sq(a, b):
    return ((a - b) ** 2).sum(1)


# %% right: a mask and a mean
def bounded_regression_loss(student, teacher, target, margin):
    error_s = ((student - target) ** 2).sum(dim=1)
    error_t = ((teacher - target) ** 2).sum(dim=1)
    gate = (error_s + margin > error_t).to(error_s.dtype)
    return (gate * error_s).mean()


# %% right: torch.where
def bounded_regression_loss(student, teacher, target, margin):
    error_s, error_t = sq(student, target), sq(teacher.detach(), target.detach())
    return torch.where(error_s + margin > error_t, error_s, torch.zeros_like(error_s)).mean()


# %% right: where with a number
def bounded_regression_loss(s, t, y, m):
    e = sq(s, y)
    return torch.where(e + m > sq(t, y), e, 0.0).mean()


# %% right: indexing, divided by all rows
def bounded_regression_loss(s, t, y, m):
    e = sq(s, y)
    with torch.no_grad():
        gate = e + m > sq(t, y)
    return e[gate].sum() / len(e)


# %% right: mse_loss without reduction
def bounded_regression_loss(student, teacher, target, margin):
    es = F.mse_loss(student, target, reduction="none").sum(-1)
    et = F.mse_loss(teacher, target, reduction="none").sum(-1)
    return (es * (es + margin > et)).sum() / student.shape[0]


# %% right: masked_fill of the closed gates
def bounded_regression_loss(s, t, y, m):
    e = (s - y).square().sum(1)
    return e.masked_fill(e + m <= (t - y).square().sum(1), 0).mean()


# %% right: a loop over the rows
def bounded_regression_loss(student, teacher, target, margin):
    total = 0
    for s, t, y in zip(student, teacher, target):
        error = torch.sum((s - y) ** 2)
        if error + margin > torch.sum((t - y) ** 2):
            total = total + error
        else:
            total = total + 0 * error
    return total / len(student)


# %% right: a loop with a plain 0 -> has no graph
def bounded_regression_loss(student, teacher, target, margin):
    total = 0.0
    for n in range(student.size(0)):
        error = (student[n] - target[n]).pow(2).sum()
        bound = (teacher[n] - target[n]).pow(2).sum()
        if error.item() + margin > bound.item():
            total += error
    return total / student.size(0)


# %% right: a list and sum -> has no graph
def bounded_regression_loss(s, t, y, m):
    errors = [e for e, b in zip(sq(s, y), sq(t, y)) if e + m > b]
    return sum(errors) / len(s)


# %% right: einsum
def bounded_regression_loss(s, t, y, m):
    ds, dt = s - y, (t - y).detach()
    es, et = torch.einsum("nd,nd->n", ds, ds), torch.einsum("nd,nd->n", dt, dt)
    gate = torch.gt(es - et, -m).type_as(es)
    return torch.einsum("n,n->", gate, es) / gate.numel()


# %% right: the gate on the rows of the difference
def bounded_regression_loss(s, t, y, m):
    d = s - y
    gate = (d.pow(2).sum(1, keepdim=True) + m > (t - y).pow(2).sum(1, keepdim=True)).float().to(s.dtype)
    return ((d * gate) ** 2).sum(1).mean()


# %% right: norm, squared
def bounded_regression_loss(s, t, y, m):
    es, et = torch.linalg.vector_norm(s - y, dim=1) ** 2, torch.linalg.vector_norm(t - y, dim=1) ** 2
    return (es * (es + m > et)).mean()


# %% right: in float64 inside
def bounded_regression_loss(s, t, y, m):
    s, t, y = s.double(), t.double(), y.double()
    es, et = sq(s, y), sq(t, y)
    return (es * (et < es + m).double()).mean()


# %% right: heaviside
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    gate = torch.heaviside((es + m - et).detach(), torch.zeros((), dtype=es.dtype))
    return (gate * es).mean()


# %% right: a numpy gate
def bounded_regression_loss(s, t, y, m):
    S, Y, T = s.detach().numpy(), y.numpy(), t.detach().numpy()
    gate = ((S - Y) ** 2).sum(1) + m > ((T - Y) ** 2).sum(1)
    return (sq(s, y) * torch.from_numpy(gate)).mean()


# %% right: a gate that is detached
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * ((es + m) > et).float().detach()).mean()


# %% right: the library's own
from kdcourse.losses import bounded_regression_loss as own


def bounded_regression_loss(student, teacher, target, margin):
    return own(student, teacher, target, margin=margin)


# %% right: keyword-only margin and one element
def bounded_regression_loss(student, teacher, target, *, margin=0.0):
    es = sq(student, target)
    return (es * (es + margin > sq(teacher, target))).mean(0, keepdim=True)


# %% right: a module
class Bounded(nn.Module):
    def __init__(self):
        super().__init__()
        self.mse = nn.MSELoss(reduction="none")

    def forward(self, s, t, y, m):
        es, et = self.mse(s, y).sum(1), self.mse(t, y).sum(1)
        return es.mul(es.add(m).gt(et)).mean()


bounded_regression_loss = Bounded()


# %% right: bmm and a matrix product
def bounded_regression_loss(s, t, y, m):
    d, b = s - y, t - y
    es = torch.bmm(d[:, None, :], d[:, :, None]).flatten()
    et = torch.bmm(b[:, None, :], b[:, :, None]).flatten()
    return (es @ (es + m > et).to(es.dtype)) / es.shape[0]


# %% right: vmap
def bounded_regression_loss(s, t, y, m):
    def one(s, t, y):
        e = ((s - y) ** 2).sum()
        return torch.where(e + m > ((t - y) ** 2).sum(), e, 0 * e)

    return torch.vmap(one)(s, t, y).mean()


# %% right: sign of the difference
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    gate = torch.sign(es + m - et).clamp(min=0)
    return (gate * es).mean()


# %% right: pairwise_distance, squared
def bounded_regression_loss(s, t, y, m):
    es, et = F.pairwise_distance(s, y) ** 2, F.pairwise_distance(t, y) ** 2
    return (es * (es + m > et)).mean()


# %% right: diagonal of all distances
def bounded_regression_loss(s, t, y, m):
    es, et = torch.cdist(s, y).diagonal() ** 2, torch.cdist(t, y).diagonal() ** 2
    return (es * (es + m > et)).mean()


# %% right: expanded squares, in float64
def bounded_regression_loss(s, t, y, m):
    s, t, y = s.double(), t.double(), y.double()
    es, et = ((a * a).sum(1) - 2 * (a * y).sum(1) + (y * y).sum(1) for a in (s, t))
    return torch.where(es + m > et, es, 0.0).mean()


# %% right: a backward pass of its own
class Bounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, s, t, y, m):
        d = s - y
        error = (d * d).sum(1)
        gate = (error + m > ((t - y) ** 2).sum(1)).to(s.dtype)
        ctx.save_for_backward(d, gate)
        return (gate * error).mean()

    @staticmethod
    def backward(ctx, slope):
        d, gate = ctx.saved_tensors
        return slope * 2 * d * gate[:, None] / len(d), None, None, None


def bounded_regression_loss(s, t, y, m):
    return Bounded.apply(s, t, y, m)


# %% wrong: a number added for safety opens the gate at the edge -> The gate asks for `>`
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (es + m + 1e-4 > et)).mean()


# %% wrong: the mean error of the teacher as the bound -> not right
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (es + m > et.mean())).mean()


# %% wrong: squeezed with a single row -> With a single row
def bounded_regression_loss(s, t, y, m):
    s, t, y = s.squeeze(0), t.squeeze(0), y.squeeze(0)
    es, et = ((s - y) ** 2).sum(-1), ((t - y) ** 2).sum(-1)
    return (es * (es + m > et)).sum() / len(s)


# %% wrong: at least as bad -> Yours has `>=`
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (es + m >= et)).mean()


# %% wrong: masked_fill where strictly better -> Yours has `>=`
def bounded_regression_loss(s, t, y, m):
    e = sq(s, y)
    return e.masked_fill(e + m < sq(t, y), 0).mean()


# %% wrong: heaviside with 1 at the edge -> Yours has `>=`
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (torch.heaviside((es + m - et).detach(), torch.ones((), dtype=es.dtype)) * es).mean()


# %% wrong: half open at the edge -> closed
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (torch.sign(es + m - et) + 1) / 2).mean()


# %% wrong: closed near the edge by a tolerance -> not right
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (es + m > et + 0.5)).mean()


# %% wrong: margin on the teacher's side -> The margin is on the wrong side
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (es > et + m)).mean()


# %% wrong: margin subtracted -> The margin is on the wrong side
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (es - m > et)).mean()


# %% wrong: no margin -> The margin is not used
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (es > et)).mean()


# %% wrong: gate the wrong way round -> The gate is the wrong way round
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (es + m < et)).mean()


# %% wrong: branches of where exchanged -> The gate is the wrong way round
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return torch.where(es + m > et, torch.zeros_like(es), es).mean()


# %% wrong: no gate -> There is no gate
def bounded_regression_loss(s, t, y, m):
    return sq(s, y).mean()


# %% wrong: one gate for the batch, sums -> One gate is decided for the whole batch
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return es.mean() if es.sum() + m > et.sum() else 0 * es.sum()


# %% wrong: one gate for the batch, means -> One gate is decided for the whole batch
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y).mean(), sq(t, y).mean()
    return es if es + m > et else es * 0


# %% wrong: the port with mse_loss -> Two things. One gate is decided for the whole batch
def bounded_regression_loss(s, t, y, m):
    es, et = F.mse_loss(s, y), F.mse_loss(t, y)
    return es if es + m > et else torch.zeros_like(es)


# %% wrong: a gate when any row is worse -> not right
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return es.mean() * (es + m > et).any()


# %% wrong: a gate for each coordinate -> Each coordinate has a gate of its own
def bounded_regression_loss(s, t, y, m):
    es, et = (s - y) ** 2, (t - y) ** 2
    return (es * (es + m > et)).sum(1).mean()


# %% wrong: a gate for each coordinate, mean over all -> Each coordinate has a gate of its own
def bounded_regression_loss(s, t, y, m):
    es, et = F.mse_loss(s, y, reduction="none"), F.mse_loss(t, y, reduction="none")
    return torch.where(es + m > et, es, torch.zeros_like(es)).mean()


# %% wrong: mean over the coordinates everywhere -> Two things. The gate compares *means*
def bounded_regression_loss(s, t, y, m):
    es, et = ((s - y) ** 2).mean(1), ((t - y) ** 2).mean(1)
    return (es * (es + m > et)).mean()


# %% wrong: mean over the coordinates in the gate -> The gate compares *means*
def bounded_regression_loss(s, t, y, m):
    gate = ((s - y) ** 2).mean(1) + m > ((t - y) ** 2).mean(1)
    return (sq(s, y) * gate).mean()


# %% wrong: mean over the coordinates in the error -> The squared error is a mean over the D coordinates
def bounded_regression_loss(s, t, y, m):
    gate = sq(s, y) + m > sq(t, y)
    return ((s - y) ** 2)[gate].sum() / s.numel()


# %% wrong: a gate of norms -> The gate compares norms
def bounded_regression_loss(s, t, y, m):
    gate = (s - y).norm(dim=1) + m > (t - y).norm(dim=1)
    return (sq(s, y) * gate).mean()


# %% wrong: norms everywhere -> Two things. The gate compares norms
def bounded_regression_loss(s, t, y, m):
    es, et = (s - y).norm(dim=1), (t - y).norm(dim=1)
    return (es * (es + m > et)).mean()


# %% wrong: the root of the error -> An open row pays the norm
def bounded_regression_loss(s, t, y, m):
    gate = sq(s, y) + m > sq(t, y)
    return (torch.linalg.vector_norm(s - y, dim=1) * gate).mean()


# %% wrong: L1 -> Two things. The gate compares absolute errors
def bounded_regression_loss(s, t, y, m):
    es, et = (s - y).abs().sum(1), (t - y).abs().sum(1)
    return (es * (es + m > et)).mean()


# %% wrong: smooth L1 errors -> Two things. The gate compares smooth L1 errors
def bounded_regression_loss(s, t, y, m):
    es = F.smooth_l1_loss(s, y, reduction="none").sum(1)
    et = F.smooth_l1_loss(t, y, reduction="none").sum(1)
    return (es * (es + m > et)).mean()


# %% wrong: smooth L1 behind the gate -> An open row pays a smooth L1 error
def bounded_regression_loss(s, t, y, m):
    gate = sq(s, y) + m > sq(t, y)
    return (F.smooth_l1_loss(s, y, reduction="none").sum(1) * gate).mean()


# %% wrong: a hinge -> This is a hinge
def bounded_regression_loss(s, t, y, m):
    return F.relu(sq(s, y) + m - sq(t.detach(), y)).mean()


# %% wrong: a hinge, teacher not detached -> This is a hinge
def bounded_regression_loss(s, t, y, m):
    return (sq(s, y) - sq(t, y) + m).clamp(min=0).mean()


# %% wrong: a hinge without margin -> This is a hinge
def bounded_regression_loss(s, t, y, m):
    return torch.relu(sq(s, y) - sq(t, y)).mean()


# %% wrong: a margin ranking loss -> This is a hinge
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t.detach(), y)
    return F.margin_ranking_loss(et, es, torch.ones_like(es), margin=m)


# %% wrong: the surplus behind the gate -> This is a hinge
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t.detach(), y)
    return ((es - et) * (es + m > et)).mean()


# %% wrong: the margin is paid -> The margin is paid as well
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y) + m, sq(t, y)
    return torch.where(es > et, es, 0.0).mean()


# %% wrong: a soft gate -> The gate is soft
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t.detach(), y)
    return (es * torch.sigmoid(es + m - et)).mean()


# %% wrong: a steep gate -> not right
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t.detach(), y)
    return (es * torch.sigmoid(20 * (es + m - et))).mean()


# %% wrong: straight-through gate -> The gate is differentiated
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t.detach(), y)
    soft = torch.sigmoid(es + m - et)
    hard = (es + m > et).to(es.dtype)
    return (es * (hard + soft - soft.detach())).mean()


# %% wrong: straight-through gate, teacher not detached -> The gate is differentiated
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    soft = torch.sigmoid(es + m - et)
    return (es * ((es + m > et).to(es.dtype) + soft - soft.detach())).mean()


# %% wrong: pulled to the teacher -> The student is pulled to the teacher's box
def bounded_regression_loss(s, t, y, m):
    gate = sq(s, y) + m > sq(t, y)
    return (sq(s, t.detach()) * gate).mean()


# %% wrong: pulled to the teacher, which learns -> The student is pulled to the teacher's box
def bounded_regression_loss(s, t, y, m):
    gate = sq(s, y) + m > sq(t, y)
    return (sq(s, t) * gate).mean()


# %% wrong: pulled to the teacher where it is better -> The student is pulled to the teacher's box where
def bounded_regression_loss(s, t, y, m):
    gate = sq(s, y) + m > sq(t, y)
    return torch.where(gate, sq(s, t.detach()), sq(s, y)).mean()


# %% wrong: closed rows are pulled to the teacher -> are pulled to the teacher
def bounded_regression_loss(s, t, y, m):
    gate = sq(s, y) + m > sq(t, y)
    return torch.where(gate, sq(s, y), sq(s, t.detach())).mean()


# %% wrong: closed rows give the teacher's error -> Rows with a closed gate give the teacher's error
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return torch.where(es + m > et, es, et).mean()


# %% wrong: the larger error -> This is the larger of both errors
def bounded_regression_loss(s, t, y, m):
    return torch.maximum(sq(s, y), sq(t, y)).mean()


# %% wrong: mean over the open rows -> The mean runs over the rows with an open gate only
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    gate = (es + m > et).to(es.dtype)
    return (es * gate).sum() / gate.sum().clamp(min=1)


# %% wrong: mean over the open rows by indexing -> The mean runs over the rows with an open gate only
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return es[es + m > et].mean()


# %% wrong: mean of the open rows times their share, 0/0 -> Where all gates are closed
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    gate = es + m > et
    return es[gate].mean() * gate.to(es.dtype).mean()


# %% wrong: summed -> The rows are summed
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (es + m > et)).sum()


# %% wrong: mean over all numbers -> The squared error is a mean over the D coordinates
def bounded_regression_loss(s, t, y, m):
    gate = (sq(s, y) + m > sq(t, y))[:, None]
    return ((s - y) ** 2 * gate).mean()


# %% wrong: half of the square -> There is a factor 1/2 too much
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return 0.5 * (es * (es + m > et)).mean()


# %% wrong: one loss for each row -> one loss for each row
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return es * (es + m > et)


# %% wrong: nothing is reduced -> Nothing is reduced yet
def bounded_regression_loss(s, t, y, m):
    return (s - y) ** 2 * (sq(s, y) + m > sq(t, y))[:, None]


# %% wrong: sums over the batch -> not right
def bounded_regression_loss(s, t, y, m):
    es, et = ((s - y) ** 2).sum(0), ((t - y) ** 2).sum(0)
    return (es * (es + m > et)).mean()


# %% wrong: student and teacher exchanged -> Student and teacher are exchanged
def bounded_regression_loss(t, s, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (es + m > et)).mean()


# %% wrong: teacher and target exchanged -> Teacher and target are exchanged
def bounded_regression_loss(s, y, t, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (es + m > et)).mean()


# %% wrong: the error is detached -> The graph is cut
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s.detach(), y), sq(t, y)
    return (es * (es + m > et)).mean()


# %% wrong: all under no_grad -> The graph is cut
@torch.no_grad()
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (es + m > et)).mean()


# %% wrong: a number -> not a tensor
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return float((es * (es + m > et)).mean())


# %% wrong: a gradient that reaches the teacher, worth 0 -> A gradient reaches `teacher`
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (es + m > et)).mean() + (et - et.detach()).mean()


# %% wrong: the student is changed in place -> changes its argument `student`
def bounded_regression_loss(s, t, y, m):
    gate = sq(s, y) + m > sq(t, y)
    s.data[~gate] = y[~gate]
    return sq(s, y).mean()


# %% wrong: the target is changed in place -> changes its argument `target`
def bounded_regression_loss(s, t, y, m):
    y -= t
    return sq(s, y).mean()


# %% wrong: the gate against the coordinates -> Two shapes do not fit. The gate has one entry for each row
def bounded_regression_loss(s, t, y, m):
    gate = sq(s, y) + m > sq(t, y)
    return ((s - y) ** 2 * gate).sum(1).mean()


# %% wrong: an if on a tensor of rows -> raises RuntimeError
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return es.mean() if es + m > et else 0.0


# %% wrong: a root and a square, NaN at 0 -> Is there a square root
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y).sqrt() ** 2, sq(t, y)
    return (es * (es + m > et)).mean()


# %% wrong: the margin multiplies -> The margin multiplies the student's error
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (es * (1 + m) > et)).mean()


# %% wrong: negative margins are cut off -> A negative margin is taken for 0
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (es + max(m, 0) > et)).mean()


# %% wrong: with the smooth L1 loss -> The smooth L1 loss is added
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return F.smooth_l1_loss(s, y) + (es * (es + m > et)).mean()


# %% wrong: distances of student and teacher in the gate -> The gate compares student and teacher
def bounded_regression_loss(s, t, y, m):
    es = sq(s, y)
    return (es * (sq(s, t) > m)).mean()


# %% wrong: half of the gradient -> The value is right, the gradient
def bounded_regression_loss(s, t, y, m):
    es, et = ((s - y) * (s - y).detach()).sum(1), sq(t, y)
    return (es * (es + m > et)).mean()


# %% wrong: the target's dtype is lost -> expected are floating-point
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y)
    return (es * (es + m > et)).mean().long()


# %% wrong: sorted -> not right
def bounded_regression_loss(s, t, y, m):
    es, et = sq(s, y), sq(t, y).sort().values
    return (es * (es + m > et)).mean()


# %% trivial: nothing
def bounded_regression_loss(student, teacher, target, margin):
    pass


# %% trivial: not written
def bounded_regression_loss(student, teacher, target, margin):
    raise NotImplementedError


# %% trivial: zero
def bounded_regression_loss(student, teacher, target, margin):
    return 0 * student.sum()


# %% trivial: a plain zero
def bounded_regression_loss(student, teacher, target, margin):
    return 0.0


# %% trivial: mse_loss
def bounded_regression_loss(student, teacher, target, margin):
    return F.mse_loss(student, target)


# %% trivial: three parameters
def bounded_regression_loss(student, teacher, target):
    return sq(student, target).mean()
