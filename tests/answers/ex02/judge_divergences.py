# ruff: noqa
# Answers to judge_divergences: each block is what a learner might write. jsd is a function (s, t, beta).
import math

import numpy as np
import torch
import torch.nn.functional as F


def pair(rows=4, classes=6):
    return torch.randn(rows, classes), 2 * torch.randn(rows, classes)


def divergence(a, b):
    la, lb = F.log_softmax(a, 1), F.log_softmax(b, 1)
    return (la.exp() * (la - lb)).sum(1).mean()


def coin_is_wrong(jsd, beta):
    certain = 40 * torch.eye(3, 5)
    known = -beta * math.log(beta) - (1 - beta) * math.log(1 - beta)
    return abs(jsd(certain.roll(1, 1), certain, beta).item() - known) > 1e-3


def ends_are_wrong(jsd):
    s, t = pair()
    at_0, at_1 = divergence(t, s), divergence(s, t)
    return abs(jsd(s, t, 0.0) - at_0).item() > 1e-3 or abs(jsd(s, t, 1.0) - at_1).item() > 1e-3


# %% right: the entropy of a coin, and both ends
def judge_divergences(jsd):
    return coin_is_wrong(jsd, 0.2) or ends_are_wrong(jsd)


# %% right: compared with the formula
def judge_divergences(jsd):
    s, t = pair()
    for beta in (0.0, 0.1, 0.25, 0.8, 1.0):
        p, q = F.softmax(t, 1), F.softmax(s, 1)
        m = beta * p + (1 - beta) * q
        rows = beta * (p * (p / m).log()).sum(1) + (1 - beta) * (q * (q / m).log()).sum(1)
        known = {0.0: divergence(t, s), 1.0: divergence(s, t)}.get(beta, rows.mean())
        if not torch.isclose(jsd(s, t, beta).float(), known, rtol=1e-3, atol=1e-4):
            return True
    return False


# %% right: exchanging roles and beta, and both ends, answered by numpy
def judge_divergences(jsd):
    s, t = pair()
    return np.bool_(ends_are_wrong(jsd) or coin_is_wrong(jsd, 0.9) or not np.isfinite(jsd(s, t, 0.5).item()))


# %% right: a tensor that is true or false
def judge_divergences(jsd):
    s, t = (z.double() for z in pair())
    gaps = [jsd(s, t, 0.0) - divergence(t, s), jsd(s, t, 1.0) - divergence(s, t)]
    return (torch.stack(gaps).abs() > 1e-3).any() | torch.tensor(coin_is_wrong(jsd, 0.3))


# %% wrong: limits, a bound and the mean, none of which knows who is the teacher -> does not convict a divergence with student and teacher exchanged
def judge_divergences(jsd):
    s, t = pair()
    near = jsd(s, t, 1e-3).item() / 1e-3, jsd(s, t, 1 - 1e-3).item() / 1e-3
    at = jsd(s, t, 0.0).item(), jsd(s, t, 1.0).item()
    limits = any(abs(a - b) > 0.1 * abs(b) + 1e-3 for a, b in zip(near, at))
    twice = jsd(torch.cat([s, s]), torch.cat([t, t]), 0.3) - jsd(s, t, 0.3)
    bound = jsd(*(60 * torch.eye(3, 4), 60 * torch.eye(3, 4).roll(1, 1)), 0.1) > 0.326
    return bool(limits or abs(twice.item()) > 1e-4 or min(at) <= 1e-6 or bound)


# %% wrong: zero at equality, which all are -> does not convict suspect_one
def judge_divergences(jsd):
    _, t = pair()
    return abs(jsd(t, t, 0.3).item()) > 1e-3


# %% wrong: coin at one half -> does not convict suspect_one
def judge_divergences(jsd):
    return coin_is_wrong(jsd, 0.5) or ends_are_wrong(jsd)


# %% wrong: ends only -> does not convict suspect_one
def judge_divergences(jsd):
    return ends_are_wrong(jsd)


# %% wrong: coin only -> does not convict suspect_two
def judge_divergences(jsd):
    return coin_is_wrong(jsd, 0.2)


# %% wrong: symmetry, which holds at one half only -> accuses suspect_three
def judge_divergences(jsd):
    s, t = pair()
    return abs(jsd(s, t, 0.3) - jsd(t, s, 0.3)).item() > 1e-4


# %% wrong: never larger than the coin's entropy, the ends included -> accuses suspect_three
def judge_divergences(jsd):
    s, t = 5 * torch.randn(4, 6), 5 * torch.randn(4, 6)
    return any(jsd(s, t, beta).item() > 0.7 for beta in (0.0, 0.3, 1.0))


# %% wrong: continuity, which the definition does not have -> accuses suspect_three
def judge_divergences(jsd):
    s, t = pair()
    return abs(jsd(s, t, 1e-4) - jsd(s, t, 0.0)).item() > 1e-2


# %% wrong: a gradient through the mixture is asked for in code -> accuses suspect_three
def judge_divergences(jsd):
    import inspect

    return "no_grad" in inspect.getsource(jsd) or coin_is_wrong(jsd, 0.2) or ends_are_wrong(jsd)


# %% wrong: exactly zero is asked for -> accuses suspect_three
def judge_divergences(jsd):
    s, t = 3 * torch.randn(50, 7), None
    return jsd(s + 7.7, s, 0.3).item() != 0.0 or coin_is_wrong(jsd, 0.2) or ends_are_wrong(jsd)


# %% wrong: positive and finite -> does not convict suspect_one
def judge_divergences(jsd):
    s, t = pair()
    return not all(0 < jsd(s, t, beta).item() < 10 for beta in (0.2, 0.8))


# %% wrong: verdicts reversed -> accuses suspect_three
def judge_divergences(jsd):
    return not (coin_is_wrong(jsd, 0.2) or ends_are_wrong(jsd))


# %% wrong: both must be broken -> does not convict suspect_one
def judge_divergences(jsd):
    return coin_is_wrong(jsd, 0.2) and ends_are_wrong(jsd)


# %% wrong: beta is kept from it -> raises TypeError on suspect_three
def judge_divergences(jsd):
    return jsd(*pair()).item() > 1


# %% wrong: a value instead of a verdict -> It returns a Tensor
def judge_divergences(jsd):
    return jsd(*pair(), 0.3)


# %% wrong: prints the verdict -> It returns a NoneType
def judge_divergences(jsd):
    print(coin_is_wrong(jsd, 0.2))


# %% wrong: remembers a name -> does not convict suspect_two
def judge_divergences(jsd):
    return "one" in jsd.__name__


# %% trivial: always True
def judge_divergences(jsd):
    return True


# %% trivial: always False
def judge_divergences(jsd):
    return False


# %% trivial: 0
def judge_divergences(jsd):
    return 0


# %% trivial: NaN
def judge_divergences(jsd):
    return float("nan")


# %% trivial: the input
def judge_divergences(jsd):
    return jsd
