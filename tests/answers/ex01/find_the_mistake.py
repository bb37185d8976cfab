# ruff: noqa
# Answers to find_the_mistake: each block is what a learner might write. The loss is a function (s, t, T).
import numpy as np
import torch
import torch.nn.functional as F


def pair(rows=5, classes=7):
    return torch.randn(rows, classes), 3 * torch.randn(rows, classes)


def not_zero_at_equality(loss):
    _, t = pair()
    return abs(loss(t, t, 4.0).item()) > 1e-3


def depends_on_neighbours(loss):
    s, t = pair()
    alone = torch.stack([loss(s[i : i + 1], t[i : i + 1], 3.0) for i in range(len(s))])
    return abs(loss(s, t, 3.0) - alone.mean()).item() > 1e-3


# %% right: zero at equality, and the batch is the mean of its images
def find_the_mistake(loss):
    return not_zero_at_equality(loss) or depends_on_neighbours(loss)


# %% right: fixed numbers, a shift of each row, an integer temperature
def find_the_mistake(loss):
    s = torch.tensor([[1.0, -2.0, 0.5, 3.0], [0.0, 4.0, 1.0, -1.0]])
    t = torch.tensor([[2.0, 0.0, -3.0, 1.0], [5.0, 1.0, -1.0, 0.0]])
    shift = torch.tensor([[7.0], [-3.0]])
    same = torch.isclose(loss(t, t, 5), torch.zeros(1).to(loss(t, t, 5)), atol=1e-3)
    invariant = torch.isclose(loss(s + shift, t, 5), loss(s, t, 5), atol=1e-2)
    return not (same and invariant)


# %% right: with a warning of PyTorch's and one of the learner's
def find_the_mistake(loss):
    import warnings

    warnings.warn("careful", stacklevel=1)
    s, t = pair()
    F.kl_div(F.log_softmax(s), F.softmax(t))
    return not_zero_at_equality(loss) or depends_on_neighbours(loss)


# %% right: compared with a loss that one trusts
def find_the_mistake(loss):
    s, t = pair()
    for T in (0.7, 6.0):
        trusted = T**2 * F.kl_div(F.log_softmax(s / T, 1), F.softmax(t / T, 1), reduction="batchmean")
        if not torch.allclose(loss(s, t, T).float(), trusted, rtol=1e-3, atol=1e-4):
            return True
    return False


# %% right: by gradients, which vanish at equality and sum to zero over the classes
def find_the_mistake(loss):
    def gradient(s, t, T):
        s = s.clone().requires_grad_()
        return torch.autograd.grad(loss(s, t, T), s)[0]

    s, t = pair()
    return bool(gradient(t, t, 4.0).abs().max() > 1e-4 or gradient(s, t, 4.0).sum(1).abs().max() > 1e-4)


# %% right: a single image, in float64, answered by numpy
def find_the_mistake(loss):
    s, t = (z.double() for z in pair(rows=1))
    at_equality = loss(t, t, 2.5).item()
    apart = loss(s, t, 2.5).item()
    return np.abs(at_equality) > 1e-9 or np.bool_(apart < 1e-6)


# %% right: a tensor that is true or false
def find_the_mistake(loss):
    s, t = pair()
    doubled = loss(torch.cat([s, s]), torch.cat([t, t]), 3.0)
    # Over the batch, repeating it halves every probability, but not the loss: pair each image with one alone.
    alone = torch.stack([loss(s[[i]], t[[i]], 3.0) for i in range(len(s))]).mean()
    return ((doubled - alone).abs() > 1e-3) | (loss(s, s, 3.0).abs() > 1e-3)


# %% wrong: equality only -> does not convict suspect_two
def find_the_mistake(loss):
    return not_zero_at_equality(loss)


# %% wrong: neighbours only -> does not convict suspect_one
def find_the_mistake(loss):
    return depends_on_neighbours(loss)


# %% wrong: exactly zero is asked for -> accuses suspect_three
def find_the_mistake(loss):
    s, t = pair(20, 10)
    return bool(loss(t, t, 7.0) != 0) or depends_on_neighbours(loss)


# %% wrong: equality at T = 1 -> does not convict suspect_one
def find_the_mistake(loss):
    _, t = pair()
    return abs(loss(t, t, 1.0).item()) > 1e-3 or depends_on_neighbours(loss)


# %% wrong: equality of logits that are all alike -> does not convict suspect_one
def find_the_mistake(loss):
    t = torch.zeros(4, 6)
    return abs(loss(t, t, 4.0).item()) > 1e-3 or depends_on_neighbours(loss)


# %% wrong: equality of a single image only -> does not convict suspect_two
def find_the_mistake(loss):
    _, t = pair(rows=1)
    return abs(loss(t, t, 4.0).item()) > 1e-3


# %% wrong: verdicts reversed -> accuses suspect_three
def find_the_mistake(loss):
    return not (not_zero_at_equality(loss) or depends_on_neighbours(loss))


# %% wrong: both properties must be broken -> does not convict suspect_one
def find_the_mistake(loss):
    return not_zero_at_equality(loss) and depends_on_neighbours(loss)


# %% wrong: not a property of every right loss -> accuses suspect_three
def find_the_mistake(loss):
    s, t = pair()
    return bool((loss(s, t, 2.0) - loss(s, t, 4.0)).abs() > 1e-3)


# %% wrong: symmetry is no property of a divergence -> accuses suspect_three
def find_the_mistake(loss):
    s, t = pair()
    return bool((loss(s, t, 2.0) - loss(t, s, 2.0)).abs() > 1e-3)


# %% wrong: order of the images, which even broken losses respect -> does not convict suspect_two
def find_the_mistake(loss):
    s, t = pair()
    reordered = abs(loss(s.flip(0), t.flip(0), 4.0) - loss(s, t, 4.0)).item() > 1e-3
    return reordered or not_zero_at_equality(loss)


# %% wrong: finite and positive, the usual test -> does not convict suspect_one
def find_the_mistake(loss):
    value = loss(*pair(), 4.0)
    return bool(value <= 0 or not value.isfinite())


# %% wrong: a very wide tolerance -> does not convict suspect_one
def find_the_mistake(loss):
    _, t = pair()
    return abs(loss(t, t, 1.5).item()) > 100 or depends_on_neighbours(loss)


# %% wrong: the temperature is kept from the loss -> raises TypeError on suspect_three
def find_the_mistake(loss):
    s, t = pair()
    return bool(loss(s, s) > 1e-3)


# %% wrong: a value instead of a verdict -> It returns a Tensor
def find_the_mistake(loss):
    _, t = pair()
    return loss(t, t, 4.0)


# %% wrong: prints the verdict -> It returns a NoneType
def find_the_mistake(loss):
    print(not_zero_at_equality(loss) or depends_on_neighbours(loss))


# %% wrong: remembers a name -> does not convict suspect_two
def find_the_mistake(loss):
    return "one" in loss.__name__


# %% trivial: always True
def find_the_mistake(loss):
    return True


# %% trivial: always False
def find_the_mistake(loss):
    return False


# %% trivial: 0
def find_the_mistake(loss):
    return 0


# %% trivial: 1.0
def find_the_mistake(loss):
    return 1.0


# %% trivial: NaN
def find_the_mistake(loss):
    return float("nan")


# %% trivial: the input
def find_the_mistake(loss):
    return loss
