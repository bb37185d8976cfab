# ruff: noqa
# Answers to hint_loss: each block is what a learner might write. The text after `->` must be in the feedback.
import functools

import torch
import torch.nn as nn
import torch.nn.functional as F


# %% right: mse_loss and detach
def hint_loss(student_feature, teacher_feature, regressor):
    return F.mse_loss(regressor(student_feature), teacher_feature.detach())


# %% right: by hand, other names
def hint_loss(s, t, r):
    with torch.no_grad():
        t = t.clone()
    return ((r(s) - t) ** 2).mean()


# %% right: arguments of the difference the other way round
def hint_loss(s, t, r):
    return torch.square(t.detach() - r(s)).mean()


# %% right: sum over the number of elements
def hint_loss(s, t, r):
    predicted = r(s)
    return (predicted - t.detach()).pow(2).sum() / predicted.numel()


# %% right: sum over the four sizes
def hint_loss(s, t, r):
    B, C, H, W = t.shape
    return F.mse_loss(r(s), t.detach(), reduction="sum") / (B * C * H * W)


# %% right: mean of means
def hint_loss(s, t, r):
    return (r(s) - t.data).square().mean(dim=(2, 3)).mean(1).mean(0)


# %% right: loop over the samples of the result
def hint_loss(s, t, r):
    predicted = r(s)
    total = 0
    for one, wanted in zip(predicted, t.detach()):
        total = total + ((one - wanted) ** 2).mean()
    return total / len(predicted)


# %% right: loops over samples and channels
def hint_loss(s, t, r):
    predicted, t, total = r(s), t.detach(), torch.zeros(())
    for b in range(t.shape[0]):
        for c in range(t.shape[1]):
            total = total + ((predicted[b, c] - t[b, c]) ** 2).mean() / (t.shape[0] * t.shape[1])
    return total


# %% right: nn.MSELoss in a module
class Hint(nn.Module):
    def __init__(self):
        super().__init__()
        self.criterion = nn.MSELoss()

    def forward(self, f_s, f_t, regressor):
        return self.criterion(regressor(f_s), f_t.detach())


hint_loss = Hint()


# %% right: squared norm by elements
def hint_loss(s, t, r):
    difference = (r(s) - t.detach()).flatten()
    return difference @ difference / difference.numel()


# %% right: norm of each sample, squared
def hint_loss(s, t, r):
    difference = (r(s) - t.detach()).flatten(1)
    return torch.linalg.vector_norm(difference).pow(2) / difference.numel()


# %% right: the paper's half, doubled
def hint_loss(s, t, r):
    return 2 * (0.5 * (r(s) - t.detach()) ** 2).mean()


# %% right: in float64 inside
def hint_loss(s, t, r):
    return F.mse_loss(r(s).double(), t.detach().double())


# %% right: einsum, a partial
def general(power, s, t, r):
    d = r(s) - t.detach()
    return torch.einsum("bchw,bchw->", d, d) / d.numel() ** power


hint_loss = functools.partial(general, 1)


# %% right: by `forward`, with a shape that is checked
def hint_loss(s, t, r):
    predicted = r.forward(s)
    assert predicted.shape == t.shape
    return F.mse_loss(predicted, t.detach(), reduction="none").mean()


# %% right: the library's own behind the regressor
from kdcourse.losses import hint_loss as library


def hint_loss(s, t, r):
    return library(r(s), t)


# %% right: one element
def hint_loss(s, t, r):
    return F.mse_loss(r(s), t.detach()).reshape(1)


# %% wrong: the paper's half -> a factor 1/2 too much
def hint_loss(s, t, r):
    return 0.5 * F.mse_loss(r(s), t.detach())


# %% wrong: half of the sum -> half of the *sum*
def hint_loss(s, t, r):
    return 0.5 * ((r(s) - t.detach()) ** 2).sum()


# %% wrong: sum -> the sum over all elements
def hint_loss(s, t, r):
    return F.mse_loss(r(s), t.detach(), reduction="sum")


# %% wrong: mean over the batch only -> over the batch only
def hint_loss(s, t, r):
    return ((r(s) - t.detach()) ** 2).flatten(1).sum(1).mean()


# %% wrong: half of the mean over the batch -> over the batch only
def hint_loss(s, t, r):
    return 0.5 * ((r(s) - t.detach()) ** 2).sum() / s.shape[0]


# %% wrong: channels summed -> the channels are summed
def hint_loss(s, t, r):
    return ((r(s) - t.detach()) ** 2).sum(1).mean()


# %% wrong: pixels summed -> the pixels are summed
def hint_loss(s, t, r):
    return ((r(s) - t.detach()) ** 2).sum((2, 3)).mean()


# %% wrong: batch summed -> the batch is summed
def hint_loss(s, t, r):
    return sum(F.mse_loss(a, b) for a, b in zip(r(s), t.detach()))


# %% wrong: norm of each sample -> mean *norm*
def hint_loss(s, t, r):
    return torch.norm((r(s) - t.detach()).flatten(1), dim=1).mean()


# %% wrong: norm of it all -> the norm of the difference
def hint_loss(s, t, r):
    return torch.norm(r(s) - t.detach())


# %% wrong: root of the mean -> The square root is taken
def hint_loss(s, t, r):
    return F.mse_loss(r(s), t.detach()).sqrt()


# %% wrong: absolute -> `l1_loss`
def hint_loss(s, t, r):
    return F.l1_loss(r(s), t.detach())


# %% wrong: smooth -> `smooth_l1_loss`
def hint_loss(s, t, r):
    return F.smooth_l1_loss(r(s), t.detach())


# %% wrong: Huber's loss with a wide middle -> The value is not right
def hint_loss(s, t, r):
    return F.huber_loss(r(s), t.detach(), delta=2.0)


# %% wrong: regressor on the teacher -> acts on the teacher
def hint_loss(s, t, r):
    return F.mse_loss(s, r(t.detach()))


# %% wrong: regressor on both -> acts on the teacher
def hint_loss(s, t, r):
    return F.mse_loss(r(s), r(t.detach()))


# %% wrong: arguments exchanged -> acts on the teacher
def hint_loss(teacher_feature, student_feature, regressor):
    return F.mse_loss(regressor(student_feature), teacher_feature.detach())


# %% wrong: regressor on whichever fits -> The value is not right
def hint_loss(s, t, r):
    if s.shape == t.shape:
        return F.mse_loss(s, t.detach())
    return F.mse_loss(r(s), t.detach())


# %% wrong: regressor not used -> The regressor is not used
def hint_loss(s, t, r):
    return F.mse_loss(s, t.detach())


# %% wrong: a regressor of its own -> The value is not right
def hint_loss(s, t, r):
    own = nn.Conv2d(s.shape[1], t.shape[1], 1, dtype=s.dtype)
    return F.mse_loss(own(s), t.detach()) if s.shape[2:] == t.shape[2:] else F.mse_loss(r(s), t.detach())


# %% wrong: regressor under no_grad -> The graph is cut
def hint_loss(s, t, r):
    with torch.no_grad():
        predicted = r(s)
    return F.mse_loss(predicted, t.detach())


# %% wrong: no gradient through the regressor, but one to the teacher -> The graph is cut
def hint_loss(s, t, r):
    with torch.no_grad():
        predicted = r(s)
    return F.mse_loss(predicted, t)


# %% wrong: all under no_grad -> The graph is cut
@torch.no_grad()
def hint_loss(s, t, r):
    return F.mse_loss(r(s), t)


# %% wrong: a number -> not a tensor
def hint_loss(s, t, r):
    return F.mse_loss(r(s), t.detach()).item()


# %% wrong: student detached -> the student does not
def hint_loss(s, t, r):
    return F.mse_loss(r(s.detach()), t.detach())


# %% wrong: regressor frozen inside -> No gradient reaches the regressor
def hint_loss(s, t, r):
    constants = {name: p.detach() for name, p in r.named_parameters()}
    return F.mse_loss(torch.func.functional_call(r, constants, (s,)), t.detach())


# %% wrong: regressor frozen for good -> they can no longer learn
def hint_loss(s, t, r):
    r.requires_grad_(False)
    return F.mse_loss(r(s), t.detach())


# %% wrong: a gradient for the teacher -> A gradient reaches `teacher_feature`
def hint_loss(s, t, r):
    return F.mse_loss(r(s), t)


# %% wrong: the wrong side detached -> The graph is cut
def hint_loss(s, t, r):
    return F.mse_loss(r(s).detach(), t)


# %% wrong: teacher changed in place -> changes its argument `teacher_feature`
def hint_loss(s, t, r):
    t = t.detach()
    t -= r(s).detach()
    return (t**2).mean() + 0 * r(s).sum()


# %% wrong: ReLU on the result -> A ReLU is put
def hint_loss(s, t, r):
    return F.mse_loss(F.relu(r(s)), t.detach())


# %% wrong: normalised -> The features are normalised
def hint_loss(s, t, r):
    return F.mse_loss(F.normalize(r(s), dim=1), F.normalize(t.detach(), dim=1))


# %% wrong: pooled -> averaged over their pixels
def hint_loss(s, t, r):
    return F.mse_loss(r(s).mean((2, 3)), t.detach().mean((2, 3)))


# %% wrong: averaged before it is squared -> averaged first
def hint_loss(s, t, r):
    return (r(s) - t.detach()).mean() ** 2


# %% wrong: cosine -> a cosine distance
def hint_loss(s, t, r):
    return (1 - F.cosine_similarity(r(s), t.detach(), dim=1)).mean()


# %% wrong: regressor put into evaluation mode -> switches the regressor
def hint_loss(s, t, r):
    r.eval()
    return F.mse_loss(r(s), t.detach())


# %% wrong: regressor put into training mode -> in evaluation mode
def hint_loss(s, t, r):
    r.train()
    return F.mse_loss(r(s), t.detach())


# %% wrong: sample by sample, which batch norm does not stand -> With a regressor that has batch norm
def hint_loss(s, t, r):
    return torch.stack([F.mse_loss(r(s[i : i + 1]), t[i : i + 1].detach()) for i in range(len(s))]).mean()


# %% wrong: asked twice -> call it once
def hint_loss(s, t, r):
    assert r(s).shape == t.shape
    return F.mse_loss(r(s), t.detach())


# %% wrong: calls backward -> `.grad` is filled
def hint_loss(s, t, r):
    loss = F.mse_loss(r(s), t.detach())
    loss.backward(retain_graph=True)
    return loss


# %% wrong: one value a sample -> Your result has the shape
def hint_loss(s, t, r):
    return ((r(s) - t.detach()) ** 2).mean((1, 2, 3))


# %% wrong: fixed sizes -> Your function raises RuntimeError
def hint_loss(s, t, r):
    return ((r(s) - t.detach()).reshape(4, -1) ** 2).mean()


# %% wrong: minus -> The sign is wrong
def hint_loss(s, t, r):
    return -F.mse_loss(r(s), t.detach())


# %% trivial: zero
def hint_loss(s, t, r):
    return torch.zeros(())


# %% trivial: one
def hint_loss(s, t, r):
    return 1.0


# %% trivial: NaN
def hint_loss(s, t, r):
    return torch.tensor(float("nan"), requires_grad=True)


# %% trivial: the input
def hint_loss(s, t, r):
    return s
