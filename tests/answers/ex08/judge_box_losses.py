# ruff: noqa
# Answers to judge_box_losses: each block is what a learner might write. It gets (loss, kind).
import math

import numpy as np
import torch
import torch.nn.functional as F

from kdcourse.losses import bounded_regression_loss, localization_distillation_loss


def slopes(value, *inputs):
    if not value.requires_grad:
        return [torch.zeros_like(x) for x in inputs]
    found = torch.autograd.grad(value, inputs, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, found)]


def far(one, other, tolerance=1e-3):
    one, other = (torch.as_tensor(x, dtype=torch.float64) for x in (one, other))
    return bool((one - other).abs().max() > tolerance * (1 + other.abs().max()))


def rows_of_boxes():
    """Two open gates and a closed one at margin 0; all three open at margin 3.5."""
    y = torch.randn(3, 4)
    s = y + torch.tensor([2.0, -3.0, 0.5])[:, None]
    return s.requires_grad_(), (y + 1).requires_grad_(), y


def bounded_values(loss):
    s, t, y = rows_of_boxes()
    return far(loss(s, t, y, 0.0).detach(), 52 / 3) or far(loss(s, t, y, 3.5).detach(), 53 / 3)


def bounded_slopes(loss):
    s, t, y = rows_of_boxes()
    mine, leak = slopes(loss(s, t, y, 0.0), s, t)
    want = 2 * (s - y).detach() * torch.tensor([1.0, 1.0, 0.0])[:, None] / 3
    return far(mine, want) or bool(leak.any())


def edges(N=3, n=6):
    return (2 * torch.randn(N, 4, n)).requires_grad_(), (2 * torch.randn(N, 4, n)).requires_grad_()


def localization_values(loss):
    s, t = edges()
    p, q = (t / 3).softmax(2), (s / 3).softmax(2)
    return far(loss(s, t, 3.0).detach(), (9 * (p * (p / q).log()).sum() / 12).detach())


def localization_slopes(loss):
    s, t = edges()
    mine, leak = slopes(loss(s, t, 3.0), s, t)
    want = 3 * ((s / 3).softmax(2) - (t / 3).softmax(2)).detach() / 12
    return far(mine, want) or bool(leak.any())


# %% right: values and slopes of both kinds
def judge_box_losses(loss, kind):
    if kind == "bounded":
        return bounded_values(loss) or bounded_slopes(loss)
    return localization_values(loss) or localization_slopes(loss)


# %% right: compared with the library, value and gradients
def judge_box_losses(loss, kind):
    if kind == "bounded":
        s, t, y = rows_of_boxes()
        calls = [
            (lambda f, m=m: f(s, t, y, m), lambda m=m: bounded_regression_loss(s, t, y, margin=m))
            for m in (0.0, 3.5, -20.0)
        ]
    else:
        s, t = edges(5, 7)
        calls = [
            (lambda f, T=T: f(s, t, T), lambda T=T: localization_distillation_loss(s, t, temperature=T))
            for T in (1.0, 4.0)
        ]
    for call, ours in calls:
        got, want = call(loss), ours()
        if far(got.detach(), want.detach()):
            return True
        for g, w in zip(slopes(got, s, t), slopes(want, s, t)):
            if far(g, w, 1e-4):
                return True
    return False


# %% right: laws of rows, of a sure teacher, of temperatures, and slopes by small steps
def judge_box_losses(loss, kind):
    if kind == "bounded":
        s, t, y = (x.detach() for x in rows_of_boxes())
        alone = [loss(s[i : i + 1], t[i : i + 1], y[i : i + 1], 0.0) for i in range(3)]
        if far(torch.stack(alone).mean(), loss(s, t, y, 0.0)) or far(torch.stack(alone), [16, 36, 0]):
            return True
        return far(loss(s, t, y, 3.5), 53 / 3) or bounded_slopes(loss)
    sure = torch.zeros(2, 4, 5)
    sure[..., 2] = 400.0
    flat = torch.zeros(2, 4, 5)
    for T in (1.0, 5.0):
        if far(loss(flat, sure, T), T**2 * math.log(5)):
            return True
    s, t = (x.detach() for x in edges())
    more = [torch.cat([x, torch.full((3, 4, 2), -80.0)], 2) for x in (s, t)]
    if far(loss(*more, 1.0), loss(s, t, 1.0)) or far(loss(t, t, 2.0), 0.0):
        return True
    return localization_slopes(loss)


# %% right: answered by numpy, backward on leaves
def judge_box_losses(loss, kind):
    broken = bounded_values(loss) if kind == "bounded" else localization_values(loss)
    if kind == "bounded":
        s, t, y = rows_of_boxes()
        value = loss(s, t, y, 0.0)
        want = 2 * (s - y).detach() * torch.tensor([[1.0], [1.0], [0.0]]) / 3
    else:
        s, t = edges()
        value = loss(s, t, 3.0)
        want = ((s / 3).softmax(2) - (t / 3).softmax(2)).detach() / 4
    value.backward()
    leak = t.grad is not None and bool(t.grad.any())
    return np.bool_(broken or leak or s.grad is None or far(s.grad, want))


# %% right: a tensor that is true or false
def judge_box_losses(loss, kind):
    if kind == "bounded":
        return torch.tensor([bounded_values(loss), bounded_slopes(loss)]).any()
    return torch.tensor([localization_values(loss), localization_slopes(loss)]).any()


# %% wrong: rows and agreement only -> does not convict suspect_two
def judge_box_losses(loss, kind):
    if kind == "bounded":
        s, t, y = (x.detach() for x in rows_of_boxes())
        alone = torch.stack([loss(s[i : i + 1], t[i : i + 1], y[i : i + 1], 0.0) for i in range(3)])
        return far(alone.mean(), loss(s, t, y, 0.0))
    _, t = edges()
    return far(loss(t, t, 3.0).detach(), 0.0)


# %% wrong: slopes only -> does not convict suspect_two
def judge_box_losses(loss, kind):
    return bounded_slopes(loss) if kind == "bounded" else localization_slopes(loss)


# %% wrong: only one row, whose gate is open -> does not convict suspect_one
def judge_box_losses(loss, kind):
    if kind == "bounded":
        y = torch.randn(1, 4)
        return far(loss(y + 2, y + 1, y, 0.0), 16.0)
    return localization_values(loss)


# %% wrong: an equal student and teacher only -> does not convict suspect_four
def judge_box_losses(loss, kind):
    if kind == "bounded":
        return bounded_values(loss)
    _, t = edges()
    return far(loss(t, t, 3.0).detach(), 0.0)


# %% wrong: all edges alike, values only -> does not convict an LD from which the teacher learns
def judge_box_losses(loss, kind):
    if kind == "bounded":
        return bounded_values(loss)
    s, t = torch.randn(1, 1, 6).expand(3, 4, 6), torch.randn(1, 1, 6).expand(3, 4, 6)
    p, q = (t / 3).softmax(2), (s / 3).softmax(2)
    return far(loss(s, t, 3.0), 9 * (p * (p / q).log()).sum() / 12)


# %% wrong: bins appended, and nothing else -> does not convict suspect_six
def judge_box_losses(loss, kind):
    if kind == "bounded":
        return bounded_values(loss)
    s, t = (x.detach() for x in edges())
    more = [torch.cat([x, torch.full((3, 4, 2), -80.0)], 2) for x in (s, t)]
    return far(loss(*more, 1.0), loss(s, t, 1.0))


# %% wrong: a tolerance below rounding -> It is sound
def judge_box_losses(loss, kind):
    if kind == "bounded":
        s, t, y = (torch.randn(50, 4) for _ in range(3))
        return bool(loss(s, t, y, 0.0) != bounded_regression_loss(s, t, y, margin=0.0))
    s, t = edges(50, 7)
    return bool(loss(s, t, 3.0) != localization_distillation_loss(s, t, temperature=3.0))


# %% wrong: a law that is none, continuity at the gate -> accuses suspect_three
def judge_box_losses(loss, kind):
    if kind != "bounded":
        return localization_values(loss)
    y = torch.zeros(1, 4)
    t = torch.ones(1, 4)
    return far(loss(1.01 * t, t, y, 0.0), loss(0.99 * t, t, y, 0.0), 0.2)


# %% wrong: judged by one kind's laws whatever the kind -> raises
def judge_box_losses(loss, kind):
    return localization_values(loss)


# %% wrong: returns a number -> not True or False
def judge_box_losses(loss, kind):
    return float(bounded_values(loss) if kind == "bounded" else localization_values(loss))


# %% trivial: all are broken
def judge_box_losses(loss, kind):
    return True


# %% trivial: none is broken
def judge_box_losses(loss, kind):
    return False


# %% trivial: nothing
def judge_box_losses(loss, kind):
    pass


# %% trivial: by name
def judge_box_losses(loss, kind):
    return loss.__name__ in ("suspect_three", "suspect_four")
