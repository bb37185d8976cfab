# ruff: noqa
# Answers to temperature_softmax: each block is what a learner might write.
import torch
import torch.nn.functional as F


# %% right: torch.softmax
def temperature_softmax(logits, T):
    return torch.softmax(logits / T, dim=1)


# %% right: maximum subtracted, last axis
def temperature_softmax(z, tau):
    z = z / tau
    e = torch.exp(z - z.max(dim=-1, keepdim=True).values)
    return e / e.sum(dim=-1, keepdim=True)


# %% right: logsumexp
def temperature_softmax(z, T=1.0):
    return (z / T - torch.logsumexp(z / T, 1, keepdim=True)).exp()


# %% right: without naming the axis, at which PyTorch warns
def temperature_softmax(logits, T):
    return F.softmax(logits / T)


# %% right: row by row
def temperature_softmax(logits, T):
    return torch.stack([F.log_softmax(row / T, 0).exp() for row in logits])


# %% right: a module
temperature_softmax = lambda z, T: torch.nn.Softmax(dim=1)(z * (1 / T))


# %% wrong: no temperature -> The temperature is not used
def temperature_softmax(logits, T):
    return torch.softmax(logits, 1)


# %% wrong: multiplied -> multiplied by T
def temperature_softmax(logits, T):
    return torch.softmax(logits * T, 1)


# %% wrong: over the batch -> runs over the batch
def temperature_softmax(logits, T):
    return torch.softmax(logits / T, 0)


# %% wrong: divided afterwards -> divided by T after the softmax
def temperature_softmax(logits, T):
    return torch.softmax(logits, 1) / T


# %% wrong: logarithms -> These are log-probabilities
def temperature_softmax(logits, T):
    return torch.log_softmax(logits / T, 1)


# %% wrong: not normalised -> not divided by their sum
def temperature_softmax(logits, T):
    return torch.exp(logits / T)


# %% wrong: one sum for the whole batch -> the sum over the whole batch
def temperature_softmax(logits, T):
    e = torch.exp(logits / T)
    return e / e.sum()


# %% wrong: without subtracting the maximum -> not finite
def temperature_softmax(logits, T):
    e = torch.exp(logits / T)
    return e / e.sum(1, keepdim=True)


# %% wrong: one maximum for the whole batch -> With logits of size 1e4
def temperature_softmax(logits, T):
    e = torch.exp(logits / T - (logits / T).max())
    return e / e.sum(1, keepdim=True)


# %% wrong: twice -> The softmax is taken twice
def temperature_softmax(logits, T):
    return torch.softmax(torch.softmax(logits, 1) / T, 1)


# %% wrong: sigmoid -> sigmoid
def temperature_softmax(logits, T):
    return torch.sigmoid(logits / T)


# %% wrong: rounded -> not right
def temperature_softmax(logits, T):
    return torch.round(torch.softmax(logits / T, 1), decimals=2)


# %% wrong: no graph -> no gradient flows back
def temperature_softmax(logits, T):
    return torch.softmax(logits.detach() / T, 1)


# %% wrong: changes its argument -> changes its argument `logits`
def temperature_softmax(logits, T):
    logits.data /= T
    return torch.softmax(logits, 1)


# %% wrong: summed -> has the shape
def temperature_softmax(logits, T):
    return torch.softmax(logits / T, 1).sum(1)


# %% trivial: 0
def temperature_softmax(logits, T):
    return 0


# %% trivial: 1.0
def temperature_softmax(logits, T):
    return torch.ones_like(logits)


# %% trivial: NaN
def temperature_softmax(logits, T):
    return logits * float("nan")


# %% trivial: the input
def temperature_softmax(logits, T):
    return logits


# %% trivial: uniform
def temperature_softmax(logits, T):
    return torch.full_like(logits, 1 / logits.shape[1])
