# ruff: noqa
# Answers to judge_structure_losses: each block is what a learner might write. It gets a loss (student, teacher, edges, sigma) -> scalar.
import math

import numpy as np
import torch
import torch.nn.functional as F

STARS = torch.tensor([[1, 2, 3, 5, 6, 7], [0, 0, 0, 4, 4, 4]])


def nets(N=8):
    return torch.randn(N, 3, requires_grad=True), torch.randn(N, 2, requires_grad=True)


def by_hand(s, t, sigma):
    def rays(z):
        squares = (z[STARS[0]] - z[STARS[1]]).square().sum(1).view(2, 3)
        return F.log_softmax(-squares / (2 * sigma**2), dim=1)

    p, q = rays(t.detach()), rays(s)
    return (p.exp() * (p - q)).sum() / len(s)


def slope(value, z):
    if not value.requires_grad:
        return None
    return torch.autograd.grad(value, z, allow_unused=True, retain_graph=True)[0]


def wrong_value(loss):
    s, t = nets()
    return bool(abs(loss(s, t, STARS, 0.8) - by_hand(s, t, 0.8)) > 1e-4)


def wrong_gradient(loss):
    s, t = nets()
    got, want = slope(loss(s, t, STARS, 0.8), s), slope(by_hand(s, t, 0.8), s)
    return got is None or bool((got - want).abs().max() > 1e-3)


def moves(loss):
    """The gradient does not sum to zero over the nodes."""
    s, t = nets()
    g = slope(loss(s, t, STARS, 0.8), s)
    return g is None or bool(g.sum(0).abs().max() > 1e-4)


def slopes_at_equality(loss):
    s, _ = nets()
    value = loss(s, s.detach().clone(), STARS, 0.8)
    g = slope(value, s)
    return bool(abs(value) > 1e-5) or g is None or bool(g.abs().max() > 1e-4)


def leaks(loss):
    s, t = nets()
    g = slope(loss(s, t, STARS, 0.8), t)
    return g is not None and bool(g.abs().max() > 0)


# %% right: value and gradient by hand, and the teacher
def judge_structure_losses(loss):
    return wrong_value(loss) or wrong_gradient(loss) or leaks(loss)


# %% right: value, moved embeddings, equality and the teacher
def judge_structure_losses(loss):
    return wrong_value(loss) or moves(loss) or slopes_at_equality(loss) or leaks(loss)


# %% right: compared with the library on a graph that is drawn
def judge_structure_losses(loss):
    from kdcourse.data import draw_block_model
    from kdcourse.losses import local_structure_loss

    edges = draw_block_model(12, seed=int(torch.randint(100, ())), blocks=2, within=0.6, between=0.3).edges
    edges = edges[:, torch.randperm(edges.shape[1])[: edges.shape[1] * 2 // 3]]
    s, t = nets(12)
    got, want = loss(s, t, edges, 1.1), local_structure_loss(s, t, edges, sigma=1.1)
    if abs(got - want) > 1e-4 or not got.requires_grad:
        return True
    a, b = torch.autograd.grad(got, (s, t), allow_unused=True)
    (c,) = torch.autograd.grad(want, s)
    return a is None or bool((a - c).abs().max() > 1e-4) or (b is not None and bool(b.any()))


# %% right: backward on leaves, a numpy verdict
def judge_structure_losses(loss):
    s, t = nets()
    twin = s.detach().clone().requires_grad_()
    value = loss(s, t, STARS, 0.7)
    want = by_hand(twin, t, 0.7)
    value.backward()
    want.backward()
    bad = abs(value.item() - want.item()) > 1e-4 or not torch.allclose(s.grad, twin.grad, atol=1e-3)
    return np.bool_(bad or (t.grad is not None and t.grad.abs().sum().item() > 0))


# %% right: the gradient against small steps, and a tensor that is true or false
def judge_structure_losses(loss):
    s, t = (z.detach().double() for z in nets())
    s.requires_grad_()
    value = loss(s, t, STARS, 0.8)
    bad = torch.tensor(wrong_value(loss) or leaks(loss))
    g = slope(value, s)
    for place in ((0, 0), (2, 1), (5, 2)):
        step = torch.zeros_like(s)
        step[place] = 1e-3
        with torch.no_grad():
            change = (loss(s + step, t, STARS, 0.8) - loss(s - step, t, STARS, 0.8)) / 2e-3
        bad = bad | (abs(change - g[place]) > 1e-3)
    return bad


# %% right: one star by hand, two stars as their sum, and the gradient of a shift
def judge_structure_losses(loss):
    s, t = nets()
    one, other = loss(s, t, STARS[:, :3], 0.8), loss(s, t, STARS[:, 3:], 0.8)
    if abs(loss(s, t, STARS, 0.8) - one - other) > 1e-4:
        return True
    d = lambda z: -(z[1:4] - z[0]).square().sum(1) / (2 * 0.8**2)
    p, q = d(t.detach()).softmax(0), d(s).softmax(0)
    if abs(one - (p * (p.log() - q.log())).sum() / 8) > 1e-4:
        return True
    return moves(loss) or slopes_at_equality(loss) or leaks(loss)


# %% wrong: two neighbours, where the sign cannot be seen -> does not convict suspect_one
def judge_structure_losses(loss):
    s, t = nets(3)
    edges = torch.tensor([[1, 2], [0, 0]])

    def rays(z):
        return F.log_softmax(-(z[1:] - z[0]).square().sum(1) / (2 * 0.8**2), dim=0)

    p, q = rays(t.detach()), rays(s)
    value = loss(s, t, edges, 0.8)
    return bool(abs(value - (p.exp() * (p - q)).sum() / 3) > 1e-4) or moves(loss) or leaks(loss)


# %% wrong: the example of the text, where one net is undecided -> does not convict suspect_one
def judge_structure_losses(loss):
    s = torch.tensor([[-1.0], [1.0], [0.0]])
    t = torch.tensor([[0.0], [1.4823], [0.0]])
    value = loss(s, t, torch.tensor([[0, 1], [2, 2]]), 1.0)
    return bool(abs(value - 0.0436) > 1e-3) or moves(loss) or leaks(loss)


# %% wrong: the value only -> does not convict suspect_three
def judge_structure_losses(loss):
    return wrong_value(loss)


# %% wrong: the gradient of a shift only -> does not convict suspect_one
def judge_structure_losses(loss):
    return moves(loss)


# %% wrong: zero at equality only -> does not convict suspect_one
def judge_structure_losses(loss):
    return slopes_at_equality(loss)


# %% wrong: the teacher only -> does not convict suspect_one
def judge_structure_losses(loss):
    return leaks(loss)


# %% wrong: value and shift, but not where the nets agree -> does not convict a loss with sums that are detached
def judge_structure_losses(loss):
    return wrong_value(loss) or moves(loss) or leaks(loss)


# %% wrong: a single star -> does not convict a loss with one softmax for all edges
def judge_structure_losses(loss):
    s, t = nets(4)
    edges = torch.tensor([[1, 2, 3], [0, 0, 0]])

    def rays(z):
        return F.log_softmax(-(z[1:] - z[0]).square().sum(1) / (2 * 0.8**2), dim=0)

    p, q = rays(t.detach()), rays(s)
    want = (p.exp() * (p - q)).sum() / 4
    value = loss(s, t, edges, 0.8)
    if abs(value - want) > 1e-4:
        return True
    got = slope(value, s)
    return got is None or bool((got - slope(want, s)).abs().max() > 1e-3) or leaks(loss)


# %% wrong: all but the teacher -> does not convict a loss whose teacher learns
def judge_structure_losses(loss):
    return wrong_value(loss) or wrong_gradient(loss)


# %% wrong: near neighbours must matter most, and nothing else -> accuses suspect_four
def judge_structure_losses(loss):
    t = torch.tensor([[0.0], [0.1], [3.0], [3.1]])
    edges = torch.tensor([[1, 2, 3], [0, 0, 0]])
    near, far = t.clone(), t.clone()
    near[1], far[2] = 1.5, 4.5
    return bool(loss(near, t, edges, 1.0) <= loss(far, t, edges, 1.0))


# %% wrong: only finite -> does not convict suspect_one
def judge_structure_losses(loss):
    s, t = nets()
    return not bool(loss(s, t, STARS, 0.8).isfinite())


# %% wrong: not negative is all that is asked -> does not convict suspect_one
def judge_structure_losses(loss):
    s, t = nets()
    return bool(loss(s, t, STARS, 0.8) < -1e-6)


# %% wrong: exactly equal is asked for -> accuses
def judge_structure_losses(loss):
    s, t = nets()
    return bool(loss(s, t, STARS, 0.8) != by_hand(s, t, 0.8).double() * (1 + 1e-12))


# %% wrong: the student's scale must not matter -> accuses suspect_four
def judge_structure_losses(loss):
    s, t = nets()
    return bool(abs(loss(2 * s, t, STARS, 0.8) - loss(s, t, STARS, 0.8)) > 1e-4)


# %% wrong: the mean over the edges -> accuses suspect_four
def judge_structure_losses(loss):
    s, t = nets()
    return bool(abs(loss(s, t, STARS, 0.8) - by_hand(s, t, 0.8) * 8 / 6) > 1e-4)


# %% wrong: the student first -> accuses suspect_four
def judge_structure_losses(loss):
    s, t = nets()
    with torch.no_grad():
        want = by_hand(torch.cat([t, t[:, :1] * 0], 1), s, 0.8)
    return bool(abs(loss(s, t, STARS, 0.8) - want) > 1e-4)


# %% wrong: verdicts reversed -> accuses suspect_four
def judge_structure_losses(loss):
    return not (wrong_value(loss) or wrong_gradient(loss) or leaks(loss))


# %% wrong: all properties must be broken -> does not convict suspect_one
def judge_structure_losses(loss):
    return wrong_value(loss) and moves(loss) and leaks(loss)


# %% wrong: the gradient of an input that is not used raises -> Your function raises RuntimeError on
def judge_structure_losses(loss):
    s, t = nets()
    leak = torch.autograd.grad(loss(s, t, STARS, 0.8), t)[0]
    return bool(leak.abs().max() > 0) or wrong_value(loss)


# %% wrong: the number instead of a verdict -> It returns a Tensor
def judge_structure_losses(loss):
    return loss(*nets(), STARS, 0.8)


# %% wrong: prints the verdict -> It returns a NoneType
def judge_structure_losses(loss):
    print(wrong_value(loss) or wrong_gradient(loss) or leaks(loss))


# %% wrong: remembers names -> does not convict a loss with one softmax for all edges
def judge_structure_losses(loss):
    return loss.__name__ in ("suspect_one", "suspect_two", "suspect_three")


# %% trivial: always True
def judge_structure_losses(loss):
    return True


# %% trivial: always False
def judge_structure_losses(loss):
    return False


# %% trivial: 0
def judge_structure_losses(loss):
    return 0


# %% trivial: NaN
def judge_structure_losses(loss):
    return math.nan


# %% trivial: the input
def judge_structure_losses(loss):
    return loss
