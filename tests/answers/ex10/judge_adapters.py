# ruff: noqa
# Answers to judge_adapters: each block is what a learner might write. It gets (students, teachers, adapters) -> loss.
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def features():
    shapes = [(6, 3, 4, 4), (6, 5, 2, 3)]
    students = [torch.randn(shape, requires_grad=True) for shape in shapes]
    teachers = [torch.randn(shape, requires_grad=True) for shape in shapes]
    return students, teachers, [nn.Conv2d(shape[1], shape[1], 1) for shape in shapes]


def silent():
    """A student that says 0 and adapters that make 0 of everything."""
    students, teachers, adapters = features()
    for adapter in adapters:
        nn.init.zeros_(adapter.weight)
        nn.init.zeros_(adapter.bias)
    return [torch.zeros_like(s) for s in students], teachers, adapters


def collapses(loss):
    students, teachers, adapters = silent()
    wanted = sum(t.square().mean() for t in teachers)
    return abs((loss(students, teachers, adapters) - wanted).item()) > 1e-3


def wrong_sizes(loss):
    _, teachers, _ = features()
    off = [teachers[0].detach() + 1, teachers[1].detach() + 2]
    return abs(loss(off, teachers, [nn.Identity()] * 2).item() - 5) > 1e-3


def wrong_gradients(loss):
    students, teachers, adapters = features()
    learns = students + [p for a in adapters for p in a.parameters()]
    value = loss(students, teachers, adapters)
    if not value.requires_grad:
        return True
    found = torch.autograd.grad(value, learns + teachers, allow_unused=True)
    asleep = any(g is None or not g.any() for g in found[: len(learns)])
    return asleep or any(g is not None and bool(g.any()) for g in found[len(learns) :])


# %% right: a silent student, two sizes, gradients
def judge_adapters(loss):
    return collapses(loss) or wrong_sizes(loss) or wrong_gradients(loss)


# %% right: compared with a loss that one trusts
def judge_adapters(loss):
    students, teachers, adapters = features()
    trusted = sum(F.mse_loss(a(s), t.detach()) for s, t, a in zip(students, teachers, adapters))
    mine = loss(students, teachers, adapters)
    if not mine.requires_grad or abs(mine.item() - trusted.item()) > 1e-3:
        return True
    every = students + teachers + [p for a in adapters for p in a.parameters()]
    for got, want in zip(*(torch.autograd.grad(one, every, allow_unused=True) for one in (mine, trusted))):
        got, want = (torch.zeros(()) if g is None else g for g in (got, want))
        if (got - want).abs().max() > 1e-4:
            return True
    return False


# %% right: backward and .grad
def judge_adapters(loss):
    students, teachers, adapters = features()
    try:
        loss(students, teachers, adapters).backward()
    except RuntimeError:
        return True
    for s in students:
        if s.grad is None or s.grad.abs().max() == 0:
            return True
    for a in adapters:
        if a.weight.grad is None or a.weight.grad.abs().max() == 0:
            return True
    if any(t.grad is not None and t.grad.abs().max() > 0 for t in teachers):
        return True
    return collapses(loss) or wrong_sizes(loss)


# %% right: answered by numpy
def judge_adapters(loss):
    return np.bool_(wrong_gradients(loss) | wrong_sizes(loss) | collapses(loss))


# %% right: zero where the adapted student agrees, a scale, gradients
def judge_adapters(loss):
    students, _, adapters = features()
    agreed = [a(s).detach() for a, s in zip(adapters, students)]
    if abs(loss(students, agreed, adapters).item()) > 1e-4:
        return True
    off = [agreed[0] + 3, agreed[1]]
    other = [agreed[0], agreed[1] + 3]
    if any(abs(loss(students, each, adapters).item() - 9) > 1e-3 for each in (off, other)):
        return True
    return wrong_gradients(loss)


# %% right: a tensor that is true or false
def judge_adapters(loss):
    return torch.tensor(collapses(loss) or wrong_sizes(loss) or wrong_gradients(loss))


# %% right: three layers of other sizes
def judge_adapters(loss):
    shapes = [(4, 2, 3, 3), (4, 6, 5, 1), (4, 1, 2, 2)]
    teachers = [torch.randn(shape) for shape in shapes]
    students = [torch.randn(shape) for shape in shapes]
    doubled = [nn.Conv2d(s[1], s[1], 1) for s in shapes]
    want = sum((a(s) - t).square().mean() for s, t, a in zip(students, teachers, doubled)).item()
    return abs(loss(students, teachers, doubled).item() - want) > 1e-3 or wrong_gradients(loss)


# %% wrong: the silent student only -> does not convict suspect_two
def judge_adapters(loss):
    # the sizes of the layers are equal, so that one mean is as good as another
    t = [torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4)]
    zeros = [nn.Conv2d(2, 2, 1) for _ in t]
    for a in zeros:
        nn.init.zeros_(a.weight)
        nn.init.zeros_(a.bias)
    want = sum(x.square().mean() for x in t).item()
    return abs(loss([torch.zeros_like(x) for x in t], t, zeros).item() - want) > 1e-3


# %% wrong: sizes only -> does not convict suspect_one
def judge_adapters(loss):
    return wrong_sizes(loss)


# %% wrong: gradients only -> does not convict suspect_one
def judge_adapters(loss):
    return wrong_gradients(loss)


# %% wrong: values only -> does not convict suspect_four
def judge_adapters(loss):
    return collapses(loss) or wrong_sizes(loss)


# %% wrong: zero at agreement only -> does not convict suspect_one
def judge_adapters(loss):
    _, teachers, _ = features()
    return abs(loss([t.detach() for t in teachers], teachers, [nn.Identity()] * 2).item()) > 1e-4


# %% wrong: the teacher's gradient only -> does not convict suspect_one
def judge_adapters(loss):
    students, teachers, adapters = features()
    value = loss(students, teachers, adapters)
    found = torch.autograd.grad(value, teachers, allow_unused=True)
    return any(g is not None and bool(g.any()) for g in found)


# %% wrong: nobody asks whether the student learns -> does not convict a loss from which the student
def judge_adapters(loss):
    students, teachers, adapters = features()
    value = loss(students, teachers, adapters)
    found = torch.autograd.grad(value, teachers, allow_unused=True)
    leak = any(g is not None and bool(g.any()) for g in found)
    return leak or collapses(loss) or wrong_sizes(loss)


# %% wrong: one layer only -> does not convict suspect_two
def judge_adapters(loss):
    s, t = torch.randn(3, 2, 4, 4, requires_grad=True), torch.randn(3, 2, 4, 4, requires_grad=True)
    adapter = nn.Conv2d(2, 2, 1)
    want = F.mse_loss(adapter(s), t.detach())
    value = loss([s], [t], [adapter])
    if abs((value - want).item()) > 1e-3:
        return True
    g = torch.autograd.grad(value, [s, t], allow_unused=True)
    return g[0] is None or not bool(g[0].any()) or (g[1] is not None and bool(g[1].any()))


# %% wrong: exactly equal is asked for -> accuses suspect_three
def judge_adapters(loss):
    students, teachers, adapters = features()
    want = sum(F.mse_loss(a(s), t.detach()) for s, t, a in zip(students, teachers, adapters))
    return bool(loss(students, teachers, adapters) != want) or wrong_gradients(loss)


# %% wrong: scale must not matter -> accuses suspect_three
def judge_adapters(loss):
    students, teachers, adapters = features()
    one = loss(students, teachers, adapters)
    ten = loss([10 * s for s in students], [10 * t for t in teachers], adapters)
    return abs((one - ten).item()) > 1e-3


# %% wrong: exchanged sides -> accuses suspect_three
def judge_adapters(loss):
    students, teachers, adapters = features()
    return abs((loss(students, teachers, adapters) - loss(teachers, students, adapters)).item()) > 1e-3


# %% wrong: verdicts reversed -> accuses suspect_three
def judge_adapters(loss):
    return not (collapses(loss) or wrong_sizes(loss) or wrong_gradients(loss))


# %% wrong: other shapes -> Your function raises RuntimeError on
def judge_adapters(loss):
    s, t = [torch.randn(3, 2, 4, 4)], [torch.randn(3, 5, 4, 4)]
    return (
        loss(s, t, [nn.Conv2d(2, 5, 1)]).item() < 0
        or collapses(loss)
        or wrong_sizes(loss)
        or wrong_gradients(loss)
    )


# %% wrong: the loss instead of a verdict -> It returns a Tensor
def judge_adapters(loss):
    return loss(*features())


# %% wrong: prints the verdict -> It returns a NoneType
def judge_adapters(loss):
    print(wrong_gradients(loss))


# %% wrong: remembers names -> does not convict a loss from which the student
def judge_adapters(loss):
    return loss.__name__ in ("suspect_one", "suspect_two", "suspect_four")


# %% trivial: always True
def judge_adapters(loss):
    return True


# %% trivial: always False
def judge_adapters(loss):
    return False


# %% trivial: 0
def judge_adapters(loss):
    return 0


# %% trivial: the input
def judge_adapters(loss):
    return loss
