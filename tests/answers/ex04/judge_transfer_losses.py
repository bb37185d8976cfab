# ruff: noqa
# Answers to judge_transfer_losses: each block is what a learner might write. The loss is a function (fs, ft).
import numpy as np
import torch
import torch.nn.functional as F

from kdcourse.losses import attention_transfer_loss, nst_loss


def features(B=4, Cs=3, Ct=7, H=2, W=5):
    return torch.rand(B, Cs, H, W), torch.rand(B, Ct, H, W)


def differ(one, other, tolerance=1e-4):
    return abs(float(one) - float(other)) > tolerance


def not_zero_at_agreement(loss):
    _, t = features()
    return differ(loss(t, t), 0)


def sees_the_strength_of_an_image(loss):
    s, t = features()
    return differ(loss(s * torch.tensor([0.2, 1.0, 3.0, 10.0])[:, None, None, None], t), loss(s, t))


def sees_copies_of_channels(loss):
    s, t = features()
    return differ(loss(torch.cat([s, s], 1), t), loss(s, t))


# %% right: agreement, strength, copies
def judge_transfer_losses(loss):
    return not_zero_at_agreement(loss) or sees_the_strength_of_an_image(loss) or sees_copies_of_channels(loss)


# %% right: one case for two laws, the teacher's channels twice in the student, and an image made stronger
def judge_transfer_losses(loss):
    _, t = features()
    s = torch.cat([t, t], 1)
    one_image = torch.ones(4, 1, 1, 1)
    one_image[2] = 7.0
    return not_zero_at_agreement(loss) or differ(loss(s, t), 0) or differ(loss(s * one_image, t), 0)


# %% right: copies in the teacher, in float64, answered by numpy
def judge_transfer_losses(loss):
    s, t = (f.double() for f in features(3, 4, 6, 3, 2))
    value = loss(s, t).item()
    laws = [
        (loss(t, t).item(), 0.0),
        (loss(s, t.repeat(1, 3, 1, 1)).item(), value),
        (loss(s, torch.cat([t[:1] * 50, t[1:]])).item(), value),
    ]
    return np.bool_(any(not np.isclose(a, b, rtol=1e-4, atol=1e-6) for a, b in laws))


# %% right: neither of the two losses that one trusts
def judge_transfer_losses(loss):
    fs, ft = features(5, 6, 4, 3, 4)
    trusted = (attention_transfer_loss(fs, ft), attention_transfer_loss(fs, ft, power=1), nst_loss(fs, ft))
    return not any(torch.isclose(loss(fs, ft).float(), value, rtol=1e-3) for value in trusted)


# %% right: a tensor that is true or false
def judge_transfer_losses(loss):
    s, t = features()
    value = loss(s, t)
    stronger = s * torch.linspace(0.5, 20, 4)[:, None, None, None]
    return (
        (loss(t, t).abs() > 1e-5)
        | ((loss(stronger, t) - value).abs() > 1e-4 * value.abs())
        | ((loss(s.repeat_interleave(2, 1), t) - value).abs() > 1e-4 * value.abs())
    )


# %% right: signs and order as well, which both kinds forgive
def judge_transfer_losses(loss):
    s, t = features()
    other_order = s.flip(1) * torch.tensor([1.0, -1.0, -1.0])[:, None, None]
    return (
        differ(loss(other_order, t), loss(s, t))
        or not_zero_at_agreement(loss)
        or sees_the_strength_of_an_image(loss)
        or sees_copies_of_channels(loss)
    )


# %% wrong: agreement only -> does not convict suspect_two
def judge_transfer_losses(loss):
    return not_zero_at_agreement(loss)


# %% wrong: agreement and strength -> does not convict suspect_four
def judge_transfer_losses(loss):
    return not_zero_at_agreement(loss) or sees_the_strength_of_an_image(loss)


# %% wrong: agreement and copies -> does not convict suspect_two
def judge_transfer_losses(loss):
    return not_zero_at_agreement(loss) or sees_copies_of_channels(loss)


# %% wrong: strength only -> does not convict suspect_one
def judge_transfer_losses(loss):
    return sees_the_strength_of_an_image(loss)


# %% wrong: one factor for the whole batch -> does not convict suspect_two
def judge_transfer_losses(loss):
    s, t = features()
    return not_zero_at_agreement(loss) or differ(loss(10 * s, t), loss(s, t)) or sees_copies_of_channels(loss)


# %% wrong: copies in both nets -> does not convict suspect_four
def judge_transfer_losses(loss):
    s, t = features()
    both = loss(torch.cat([s, s], 1), torch.cat([t, t], 1))
    return not_zero_at_agreement(loss) or sees_the_strength_of_an_image(loss) or differ(both, loss(s, t))


# %% wrong: exactly zero -> accuses
def judge_transfer_losses(loss):
    _, t = features(20, 3, 30, 4, 5)
    return bool(loss(t, t) != 0) or sees_the_strength_of_an_image(loss) or sees_copies_of_channels(loss)


# %% wrong: a factor for each channel, a law of one kind only -> accuses suspect_five
def judge_transfer_losses(loss):
    s, t = features()
    channels = s * torch.tensor([0.2, 1.0, 5.0])[:, None, None]
    return (
        not_zero_at_agreement(loss) or differ(loss(channels, t), loss(s, t)) or sees_copies_of_channels(loss)
    )


# %% wrong: never below zero -> does not convict suspect_two
def judge_transfer_losses(loss):
    return bool(loss(*features()) < 0)


# %% wrong: finite and positive, the usual test -> does not convict suspect_two
def judge_transfer_losses(loss):
    value = loss(*features())
    return bool(value <= 0 or not value.isfinite())


# %% wrong: a very wide tolerance -> does not convict suspect_two
def judge_transfer_losses(loss):
    _, t = features()
    s, u = features()
    stronger = s * torch.tensor([0.2, 1.0, 3.0, 10.0])[:, None, None, None]
    return (
        differ(loss(t, t), 0, 0.1)
        or differ(loss(stronger, u), loss(s, u), 0.1)
        or sees_copies_of_channels(loss)
    )


# %% wrong: the loss must not change when the images change places -> accuses
def judge_transfer_losses(loss):
    s, t = features()
    return differ(loss(s.flip(0), t), loss(s, t), 1e-7)


# %% wrong: verdicts reversed -> accuses suspect_three
def judge_transfer_losses(loss):
    return not (
        not_zero_at_agreement(loss) or sees_the_strength_of_an_image(loss) or sees_copies_of_channels(loss)
    )


# %% wrong: all laws must be broken -> does not convict suspect_one
def judge_transfer_losses(loss):
    return (
        not_zero_at_agreement(loss) and sees_the_strength_of_an_image(loss) and sees_copies_of_channels(loss)
    )


# %% wrong: compared with attention transfer only -> accuses suspect_three
def judge_transfer_losses(loss):
    fs, ft = features()
    return differ(loss(fs, ft), attention_transfer_loss(fs, ft), 1e-5)


# %% wrong: a single image, whose batch has no neighbours -> does not convict suspect_two
def judge_transfer_losses(loss):
    s, t = features(B=1)
    stronger = differ(loss(5 * s, t), loss(s, t))
    return not_zero_at_agreement(loss) or stronger or sees_copies_of_channels(loss)


# %% wrong: features without their channels -> raises
def judge_transfer_losses(loss):
    return bool(loss(torch.rand(4, 6), torch.rand(4, 6)) > 1)


# %% wrong: a value instead of a verdict -> It returns a Tensor
def judge_transfer_losses(loss):
    return loss(*features())


# %% wrong: prints the verdict -> It returns a NoneType
def judge_transfer_losses(loss):
    print(not_zero_at_agreement(loss))


# %% trivial: always True
def judge_transfer_losses(loss):
    return True


# %% trivial: always False
def judge_transfer_losses(loss):
    return False


# %% trivial: 0
def judge_transfer_losses(loss):
    return 0


# %% trivial: 1.0
def judge_transfer_losses(loss):
    return 1.0


# %% trivial: NaN
def judge_transfer_losses(loss):
    return float("nan")


# %% trivial: the input
def judge_transfer_losses(loss):
    return loss
