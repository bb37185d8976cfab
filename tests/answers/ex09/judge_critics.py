# ruff: noqa
# Answers to judge_critics: each block is what a learner might write. It gets
# (critic, student_map, teacher_map) -> (for_student, for_critic).
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from kdcourse.losses import adversarial_loss, critic_hinge_loss
from kdcourse.models import ScoreMapCritic


class Plane(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, maps):
        return (self.weight * maps).sum(dim=(1, 2, 3))


def slope(loss, to):
    found = None
    if loss.requires_grad:
        (found,) = torch.autograd.grad(loss, to, allow_unused=True, retain_graph=True)
    return torch.zeros_like(to) if found is None else found


def far(one, other, tolerance=1e-3):
    one, other = (torch.as_tensor(x, dtype=torch.float64) for x in (one, other))
    return bool((one - other).abs().max() > tolerance)


STUDENTS, TEACHERS = torch.tensor([-3.0, 0.5, 4.0, -0.5]), torch.tensor([3.0, -4.0, 0.5, 2.0])


def game(weight=None):
    """A critic that reads the first pixel, and maps with known scores."""
    w = torch.zeros(2, 3, 3)
    w[0, 0, 0] = 1.0
    s, t = torch.randn(4, 2, 3, 3), torch.randn(4, 2, 3, 3)
    s[:, 0, 0, 0], t[:, 0, 0, 0] = STUDENTS, TEACHERS
    return Plane(w if weight is None else weight), s.requires_grad_(), t


def wrong_values(pair):
    for_student, for_critic = pair(*game())
    return far(for_student.detach(), -STUDENTS.mean()) or far(for_critic.detach(), 12.5 / 4)


def wrong_slopes(pair):
    critic, s, t = game()
    for_student, for_critic = pair(critic, s, t)
    want = -critic.weight.detach().expand_as(s) / 4
    critics = (-t[[1, 2]].sum(0) + s[[1, 2, 3]].sum(0)).detach() / 4
    return (
        far(slope(for_student, s), want)
        or far(slope(for_critic, s), 0 * want)
        or far(slope(for_critic, critic.weight), critics)
    )


# %% right: values and slopes by hand
def judge_critics(pair_of_losses):
    return wrong_values(pair_of_losses) or wrong_slopes(pair_of_losses)


# %% right: compared with the library, with a linear critic of random weight
def judge_critics(pair_of_losses):
    critic = Plane(0.5 * torch.randn(3, 4, 2))
    s, t = torch.randn(6, 3, 4, 2, requires_grad=True), torch.randn(6, 3, 4, 2)
    got = pair_of_losses(critic, s, t)
    want = adversarial_loss(critic(s)), critic_hinge_loss(critic(s.detach()), critic(t))
    for mine, ours in zip(got, want):
        if far(mine.detach(), ours.detach()) or far(slope(mine, s), slope(ours, s)):
            return True
    return far(slope(got[1], critic.weight), slope(want[1], critic.weight))


# %% right: compared with the library, with a convolutional critic in evaluation mode
def judge_critics(pair_of_losses):
    critic = ScoreMapCritic(3, width=4).eval()
    with torch.no_grad():
        critic.score.bias.fill_(0.3)
    s, t = 4 * torch.randn(6, 3, 8, 8), 4 * torch.randn(6, 3, 8, 8) + 2
    s.requires_grad_()
    parameter = critic.score.bias
    for shift in (0.0, 1.2, -1.2):
        with torch.no_grad():
            critic.score.bias.fill_(shift)
        got = pair_of_losses(critic, s, t)
        want = adversarial_loss(critic(s)), critic_hinge_loss(critic(s.detach()), critic(t))
        for mine, ours in zip(got, want):
            if far(mine.detach(), ours.detach(), 1e-4) or far(slope(mine, s), slope(ours, s), 1e-5):
                return True
        if far(slope(got[1], parameter), slope(want[1], parameter), 1e-4):
            return True
    return wrong_values(pair_of_losses)


# %% right: laws one by one, answered by numpy
def judge_critics(pair_of_losses):
    critic, s, t = game()
    nothing = Plane(torch.zeros(2, 3, 3))
    no_opinion = pair_of_losses(nothing, s, t)
    laws = [far(no_opinion[0].detach(), 0), far(no_opinion[1].detach(), 2)]
    pull = slope(no_opinion[1], nothing.weight)
    laws.append(far(pull, (s.mean(0) - t.mean(0)).detach()))
    for_student, for_critic = pair_of_losses(critic, s, t)
    laws.append(bool(slope(for_critic, s).any()))
    laws.append(far(slope(for_student, s)[:, 0, 0, 0], -torch.full((4,), 0.25)))
    laws.append(far(for_critic.detach(), 12.5 / 4))
    laws.append(far(for_student.detach(), -STUDENTS.mean()))
    return np.bool_(any(laws))


# %% right: a tensor that is true or false, backward on leaves
def judge_critics(pair_of_losses):
    critic, s, t = game()
    for_student, for_critic = pair_of_losses(critic, s, t)
    if not (for_student.requires_grad and for_critic.requires_grad):
        return torch.tensor(True)
    for_student.backward(retain_graph=True)
    first, s.grad = s.grad, None
    critic.zero_grad()
    for_critic.backward()
    leak = s.grad is not None and s.grad.abs().max() > 1e-6
    if first is None or critic.weight.grad is None:
        return torch.tensor(True)
    critics = (-t[[1, 2]].sum(0) + s[[1, 2, 3]].sum(0)).detach() / 4
    return torch.tensor(
        bool(leak)
        or far(first, -critic.weight.detach().expand_as(s) / 4)
        or far(critic.weight.grad, critics)
        or wrong_values(pair_of_losses)
    )


# %% wrong: values only -> does not convict suspect_one
def judge_critics(pair_of_losses):
    return wrong_values(pair_of_losses)


# %% wrong: leaks only -> does not convict suspect_two
def judge_critics(pair_of_losses):
    critic, s, t = game()
    return bool(slope(pair_of_losses(critic, s, t)[1], s).any())


# %% wrong: a critic without an opinion only -> does not convict suspect_one
def judge_critics(pair_of_losses):
    _, s, t = game()
    for_student, for_critic = pair_of_losses(Plane(torch.zeros(2, 3, 3)), s, t)
    return far(for_student.detach(), 0) or far(for_critic.detach(), 2)


# %% wrong: one map in the batch, whose hinges are idle, and leaks -> does not convict suspect_one
def judge_critics(pair_of_losses):
    critic, s, t = game()
    s, t = s[:1].detach().requires_grad_(), t[:1]
    for_student, for_critic = pair_of_losses(critic, s, t)
    wrong = far(for_student.detach(), 3.0) or far(for_critic.detach(), 0.0)
    return wrong or bool(slope(for_critic, s).any())


# %% wrong: scores between -1 and 1, critic's loss and leaks -> does not convict suspect_four
def judge_critics(pair_of_losses):
    critic, s, t = game(0.02 * torch.ones(2, 3, 3))
    s = (s / s.norm()).detach().requires_grad_()
    for_student, for_critic = pair_of_losses(critic, s, t / t.norm())
    want = 2 - critic(t / t.norm()).mean() + critic(s).mean()
    return far(for_critic.detach(), want.detach()) or bool(slope(for_critic, s).any()) or far(
        for_student.detach(), -critic(s).mean().detach()
    )


# %% wrong: only the critic's loss, in value and slope -> does not convict suspect_five
def judge_critics(pair_of_losses):
    critic, s, t = game()
    _, for_critic = pair_of_losses(critic, s, t)
    critics = (-t[[1, 2]].sum(0) + s[[1, 2, 3]].sum(0)).detach() / 4
    return (
        far(for_critic.detach(), 12.5 / 4)
        or bool(slope(for_critic, s).any())
        or far(slope(for_critic, critic.weight), critics)
    )


# %% wrong: a tolerance below rounding -> It is sound
def judge_critics(pair_of_losses):
    critic, s, t = Plane(torch.randn(2, 3, 3)), torch.randn(50, 2, 3, 3), torch.randn(50, 2, 3, 3)
    _, for_critic = pair_of_losses(critic, s, t)
    high, low = critic(t), critic(s)
    return bool(for_critic != ((1 - high).relu() + (1 + low).relu()).double().mean())


# %% wrong: returns the losses -> not True or False
def judge_critics(pair_of_losses):
    return pair_of_losses(*game())


# %% wrong: a critic that is no function of maps -> raises
def judge_critics(pair_of_losses):
    _, s, t = game()
    return far(pair_of_losses(nn.Linear(7, 1), s, t)[1].detach(), 0)


# %% trivial: all are broken
def judge_critics(pair_of_losses):
    return True


# %% trivial: none is broken
def judge_critics(pair_of_losses):
    return False


# %% trivial: nothing
def judge_critics(pair_of_losses):
    pass
