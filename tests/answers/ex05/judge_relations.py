# ruff: noqa
# Answers to judge_relations: each block is what a learner might write. The loss is a function (student, teacher).
import numpy as np
import torch
import torch.nn.functional as F

ORDER = [3, 0, 4, 1, 5, 2]


def pair():
    return torch.randn(6, 3), torch.randn(6, 4)


def sees_scale(loss):
    s, t = pair()
    return abs(loss(3 * s + 1, t) - loss(s, t)).item() > 1e-3


def sees_order(loss):
    s, t = pair()
    return abs(loss(s[ORDER], t[ORDER]) - loss(s, t)).item() > 1e-3


def slope_of_twins(loss):
    s, t = pair()
    s[1] = s[0]
    s.requires_grad_()
    return torch.autograd.grad(loss(s, t), s)[0]


def explodes(loss):
    gradient = slope_of_twins(loss)
    return bool(not gradient.isfinite().all() or gradient.abs().max() > 10)


# %% right: scale, order, twins
def judge_relations(loss):
    return sees_scale(loss) or sees_order(loss) or explodes(loss)


# %% right: fixed numbers, no random ones
def judge_relations(loss):
    s = torch.tensor([[0.0, 1.0], [2.0, -1.0], [3.0, 0.5], [-1.0, 2.0], [0.5, 0.5]])
    t = torch.tensor([[1.0, 0.0, 2.0], [0.0, -2.0, 1.0], [1.5, 1.0, -1.0], [3.0, 0.0, 0.0], [-1.0, 1.0, 1.0]])
    value = loss(s, t)
    order = [2, 0, 3, 1, 4]
    same = torch.isclose(loss(s * 10, t), value, atol=1e-4) & torch.isclose(
        loss(s[order], t[order]), value, atol=1e-4
    )
    same = same & torch.isclose(loss(s, t * 0.2 + 1), value, atol=1e-4)
    twins = s[[0, 0, 2, 3, 4]].requires_grad_()
    loss(twins, t).backward()
    return not bool(same) or not bool(twins.grad.norm() < 100)


# %% right: compared with losses that one trusts, and the twins
def judge_relations(loss):
    from kdcourse import losses

    s, t = pair()
    d, a = losses.rkd_distance_loss(s, t), losses.rkd_angle_loss(s, t)
    value = loss(s, t).float()
    known = [d, a, d + 2 * a]
    # The suspects' diagonal is left out of the mean by some.
    if not any(torch.isclose(value, other, rtol=1e-2) for other in known):
        return True
    return explodes(loss)


# %% right: many orders, an invertible scale of the teacher, float64
def judge_relations(loss):
    def wide(s, t):
        return loss(s.double(), t.double())

    s, t = pair()
    value = wide(s, t)
    for seed in range(5):
        order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
        if abs(wide(s[order], t[order]) - value) > 1e-5:
            return True
    if (
        abs(wide(s / 5, t) - value) > 1e-4
        or abs(wide(s, 5 * t + 0.5) - value) > 1e-4
        or abs(wide(s + 1, t) - value) > 1e-4
    ):
        return True
    return explodes(loss)


# %% right: answered by numpy
def judge_relations(loss):
    return np.bool_(sees_scale(loss) or sees_order(loss) or explodes(loss))


# %% right: a tensor that is true or false
def judge_relations(loss):
    gradient = slope_of_twins(loss)
    s, t = pair()
    seen = abs(loss(s * 4, t) - loss(s, t)) > 1e-3
    moved = abs(loss(s[ORDER], t[ORDER]) - loss(s, t)) > 1e-3
    shifted = abs(loss(s + 2, t) - loss(s, t)) > 1e-3
    return seen | moved | shifted | ~(gradient.abs().max() < 50)


# %% wrong: scale only -> does not convict suspect_two
def judge_relations(loss):
    return sees_scale(loss)


# %% wrong: order only -> does not convict suspect_one
def judge_relations(loss):
    return sees_order(loss)


# %% wrong: twins only -> does not convict suspect_one
def judge_relations(loss):
    return explodes(loss)


# %% wrong: without the twins -> does not convict suspect_three
def judge_relations(loss):
    return sees_scale(loss) or sees_order(loss)


# %% wrong: without the order -> does not convict suspect_two
def judge_relations(loss):
    return sees_scale(loss) or explodes(loss)


# %% wrong: reversed order, which leaves a circle a circle -> does not convict suspect_two
def judge_relations(loss):
    s, t = pair()
    return abs(loss(s.flip(0), t.flip(0)) - loss(s, t)).item() > 1e-3 or sees_scale(loss) or explodes(loss)


# %% wrong: finite, however large -> does not convict an angle loss with F.normalize
def judge_relations(loss):
    return sees_scale(loss) or sees_order(loss) or not slope_of_twins(loss).isfinite().all().item()


# %% wrong: only the value of twins -> does not convict suspect_three
def judge_relations(loss):
    s, t = pair()
    s[1] = s[0]
    return sees_scale(loss) or sees_order(loss) or not loss(s, t).isfinite().item()


# %% wrong: gradient without twins -> does not convict suspect_three
def judge_relations(loss):
    s, t = pair()
    s.requires_grad_()
    gradient = torch.autograd.grad(loss(s, t), s)[0]
    return sees_scale(loss) or sees_order(loss) or not gradient.isfinite().all().item()


# %% wrong: twins in both nets, where the slope is hidden -> does not convict an angle loss with F.normalize
def judge_relations(loss):
    s, t = pair()
    s[1], t[1] = s[0], t[0]
    s.requires_grad_()
    gradient = torch.autograd.grad(loss(s, t), s)[0]
    return sees_scale(loss) or sees_order(loss) or not bool(gradient.abs().max() < 10)


# %% wrong: moved only, which no distance sees -> does not convict suspect_one
def judge_relations(loss):
    s, t = pair()
    return abs(loss(s + 1, t) - loss(s, t)).item() > 1e-3 or sees_order(loss) or explodes(loss)


# %% wrong: moved by ten thousand -> accuses suspect_four
def judge_relations(loss):
    s, t = pair()
    return (
        abs(loss(s + 1e4, t) - loss(s, t)).item() > 1e-3
        or sees_scale(loss)
        or sees_order(loss)
        or explodes(loss)
    )


# %% wrong: exactly equal is asked for -> accuses
def judge_relations(loss):
    s, t = pair()
    return bool(loss(1.7 * s + 1, t) != loss(s, t)) or sees_order(loss) or explodes(loss)


# %% wrong: one net is stretched, which a right loss sees -> accuses suspect_four
def judge_relations(loss):
    s, t = pair()
    return abs(loss(s * torch.tensor([3.0, 1.0, 1.0]), t) - loss(s, t)).item() > 1e-3


# %% wrong: only the student is reordered -> accuses suspect_four
def judge_relations(loss):
    s, t = pair()
    return abs(loss(s[ORDER], t) - loss(s, t)).item() > 1e-3 or sees_scale(loss) or explodes(loss)


# %% wrong: zero at equality, which the broken ones are, too -> does not convict suspect_one
def judge_relations(loss):
    _, t = pair()
    return abs(loss(t, t).item()) > 1e-3


# %% wrong: symmetry in student and teacher -> does not convict suspect_one
def judge_relations(loss):
    s, t = pair()
    return abs(loss(s, t) - loss(t, s)).item() > 1e-3


# %% wrong: verdicts reversed -> accuses suspect_four
def judge_relations(loss):
    return not (sees_scale(loss) or sees_order(loss) or explodes(loss))


# %% wrong: all properties must be broken -> does not convict suspect_one
def judge_relations(loss):
    return sees_scale(loss) and sees_order(loss) and explodes(loss)


# %% wrong: a limit for the slope that right losses break -> accuses suspect_four
def judge_relations(loss):
    return sees_scale(loss) or sees_order(loss) or bool(slope_of_twins(loss).abs().max() > 1e-4)


# %% wrong: a value instead of a verdict -> It returns a Tensor
def judge_relations(loss):
    return loss(*pair())


# %% wrong: prints the verdict -> It returns a NoneType
def judge_relations(loss):
    print(sees_scale(loss) or sees_order(loss) or explodes(loss))


# %% wrong: remembers names -> does not convict an angle loss with F.normalize
def judge_relations(loss):
    return loss.__name__ in ("suspect_one", "suspect_two", "suspect_three")


# %% trivial: always True
def judge_relations(loss):
    return True


# %% trivial: always False
def judge_relations(loss):
    return False


# %% trivial: 0
def judge_relations(loss):
    return 0


# %% trivial: 1.0
def judge_relations(loss):
    return 1.0


# %% trivial: NaN
def judge_relations(loss):
    return float("nan")


# %% trivial: the input
def judge_relations(loss):
    return loss
