# ruff: noqa
# Answers to judge_masks: each block is what a learner might write. It gets (student, teacher, mask) -> loss.
import numpy as np
import torch
import torch.nn.functional as F


def texts():
    mask = (torch.rand(5, 8) < 0.6).long()
    mask[:, 2] = 1
    mask[0, 7], mask[0, 3] = 1, 0  # padding in the middle
    mask[1:, 7] = 0
    return torch.randn(5, 8, 3), torch.randn(5, 8, 3), mask


def differ(one, other):
    return abs(float(one) - float(other)) > 1e-4


def reads_numbers(loss):
    s, t, m = texts()
    noise = torch.randn(5, 8, 3) * (m == 0)[:, :, None]
    value = loss(s, t, m)
    return differ(loss(s + 3 * noise, t, m), value) or differ(loss(s, t + 3 * noise, m), value)


def reads_length(loss):
    s, t, m = texts()
    longer = (F.pad(s, (0, 0, 0, 4)), F.pad(t, (0, 0, 0, 4)), F.pad(m, (0, 4)))
    return differ(loss(*longer), loss(s, t, m))


# %% right: numbers and length
def judge_masks(loss):
    return reads_numbers(loss) or reads_length(loss)


# %% right: padding in front
def judge_masks(loss):
    s, t, m = texts()
    front = (F.pad(s, (0, 0, 3, 0), value=1.0), F.pad(t, (0, 0, 3, 0), value=-2.0), F.pad(m, (3, 0)))
    both = (F.pad(s, (0, 0, 2, 2), value=5.0), F.pad(t, (0, 0, 2, 2)), F.pad(m, (2, 2)))
    value = loss(s, t, m)
    return differ(loss(*front), value) or differ(loss(*both), value) or reads_numbers(loss)


# %% right: each side and both, answered by numpy
def judge_masks(loss):
    s, t, m = texts()
    away = (m == 0)[:, :, None]
    values = [
        loss(s.masked_fill(away, a), t.masked_fill(away, b), m).item()
        for a, b in ((0.0, 0.0), (0.0, 4.0), (-3.0, 0.0), (2.0, -5.0))
    ]
    return np.bool_(np.ptp(values) > 1e-4 or reads_length(loss))


# %% right: gradients at padding, and length
def judge_masks(loss):
    s, t, m = texts()
    s.requires_grad_()
    (g,) = torch.autograd.grad(loss(s, t, m), s)
    leak = bool((g[m == 0].abs() > 1e-7).any())
    return leak or reads_numbers(loss) or reads_length(loss)


# %% right: a tensor that is true or false
def judge_masks(loss):
    return torch.tensor(reads_numbers(loss)) | torch.tensor(reads_length(loss))


# %% right: the real tokens moved together
def judge_masks(loss):
    s, t, m = texts()
    order = (1 - m).argsort(dim=1, stable=True)
    n = int(m.sum(1).max())
    gather = lambda x: x.gather(1, order[:, :, None].expand_as(x))[:, :n]
    short = gather(s), gather(t), m.gather(1, order)[:, :n]
    return differ(loss(*short), loss(s, t, m)) or reads_numbers(loss) or reads_length(loss)


# %% right: counted by texts, one after the other
def judge_masks(loss):
    for _ in range(4):
        s, t, m = (x[:1] for x in texts())
        n = int(m.sum())
        real = m[0] == 1
        alone = loss(s[:, real], t[:, real], torch.ones(1, n, dtype=torch.long))
        if differ(loss(s, t, m), alone):
            return True
    return reads_numbers(loss) or reads_length(loss)


# %% wrong: numbers only -> does not convict suspect_one
def judge_masks(loss):
    return reads_numbers(loss)


# %% wrong: length only, which is cut away -> does not convict suspect_two
def judge_masks(loss):
    return reads_length(loss)


# %% wrong: texts of one length -> does not convict
def judge_masks(loss):
    s, t = torch.randn(4, 6, 3), torch.randn(4, 6, 3)
    m = torch.ones(4, 6, dtype=torch.long)
    m[:, 4:] = 0
    noise = torch.randn(4, 6, 3) * (m == 0)[:, :, None]
    value = loss(s, t, m)
    longer = (F.pad(s, (0, 0, 0, 3)), F.pad(t, (0, 0, 0, 3)), F.pad(m, (0, 3)))
    return differ(loss(s + noise, t + noise, m), value) or differ(loss(*longer), value)


# %% wrong: the same noise on both sides -> does not convict suspect_two
def judge_masks(loss):
    s, t, m = texts()
    noise = torch.randn(5, 8, 3) * (m == 0)[:, :, None]
    if differ(loss(s + noise, t + noise, m), loss(s, t, m)):
        return True
    return reads_length(loss)


# %% wrong: padding at the end only -> does not convict a loss that believes
def judge_masks(loss):
    lengths = torch.tensor([6, 5, 3, 2])[:, None]
    m = (torch.arange(7) < lengths).long()
    s, t = torch.randn(4, 7, 3), torch.randn(4, 7, 3)
    noise = torch.randn(4, 7, 3) * (m == 0)[:, :, None]
    value = loss(s, t, m)
    longer = (F.pad(s, (0, 0, 0, 3)), F.pad(t, (0, 0, 0, 3)), F.pad(m, (0, 3)))
    return (
        differ(loss(s + noise, t, m), value)
        or differ(loss(s, t + noise, m), value)
        or differ(loss(*longer), value)
    )


# %% wrong: without padding -> does not convict suspect_one
def judge_masks(loss):
    s, t, m = torch.randn(4, 6, 3), torch.randn(4, 6, 3), torch.ones(4, 6, dtype=torch.long)
    return differ(loss(s, t, m), F.mse_loss(s, t)) and False


# %% wrong: one convention asked for -> accuses suspect_three
def judge_masks(loss):
    from kdcourse.losses import hidden_state_loss

    s, t, m = texts()
    return differ(loss(s, t, m), hidden_state_loss(s, t, m))


# %% wrong: repeated texts weigh the same -> accuses suspect_three
def judge_masks(loss):
    s, t, m = texts()
    more = (torch.cat([s, s[:1]]), torch.cat([t, t[:1]]), torch.cat([m, m[:1]]))
    return differ(loss(*more), loss(s, t, m)) or reads_numbers(loss) or reads_length(loss)


# %% wrong: exactly equal -> accuses
def judge_masks(loss):
    for _ in range(20):
        s, t, m = torch.randn(40, 9, 7), torch.randn(40, 9, 7), (torch.rand(40, 9) < 0.6).long()
        m[:, 2] = 1
        order = torch.randperm(9)
        if loss(s[:, order], t[:, order], m[:, order]) != loss(s, t, m):
            return True
    return reads_numbers(loss) or reads_length(loss)


# %% wrong: real tokens are changed as well -> accuses suspect_three
def judge_masks(loss):
    s, t, m = texts()
    return differ(loss(s + torch.randn(5, 8, 3), t, m), loss(s, t, m))


# %% wrong: verdicts reversed -> accuses suspect_three
def judge_masks(loss):
    return not (reads_numbers(loss) or reads_length(loss))


# %% wrong: both must be broken -> does not convict suspect_one
def judge_masks(loss):
    return reads_numbers(loss) and reads_length(loss)


# %% wrong: the loss instead of a verdict -> It returns a Tensor
def judge_masks(loss):
    return loss(*texts())


# %% wrong: prints the verdict -> It returns a NoneType
def judge_masks(loss):
    print(reads_numbers(loss))


# %% wrong: remembers names -> does not convict a loss that believes
def judge_masks(loss):
    return loss.__name__ in ("suspect_one", "suspect_two", "suspect_five")


# %% trivial: always True
def judge_masks(loss):
    return True


# %% trivial: always False
def judge_masks(loss):
    return False


# %% trivial: 0
def judge_masks(loss):
    return 0


# %% trivial: the input
def judge_masks(loss):
    return loss
