# ruff: noqa
# Answers to vid_loss: each block is what a learner might write. The text after `->` must be in the feedback.
import functools
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


def maps(v):
    return v.view(1, -1, 1, 1)


# %% right: softplus and view
def vid_loss(mean, teacher, rho, eps):
    var = (F.softplus(rho) + eps).view(1, -1, 1, 1)
    return (0.5 * ((teacher.detach() - mean) ** 2 / var + var.log())).mean()


# %% right: other names, None as index
def vid_loss(mu, t, raw, epsilon=1e-5):
    v = F.softplus(raw)[None, :, None, None] + epsilon
    return 0.5 * torch.mean((mu - t.detach()).square() / v + torch.log(v))


# %% right: as in widely used code
def vid_loss(pred_mean, target, log_scale, eps):
    pred_var = torch.log(1.0 + torch.exp(log_scale)) + eps
    pred_var = pred_var.view(1, -1, 1, 1)
    neg_log_prob = 0.5 * ((pred_mean - target.detach()) ** 2 / pred_var + torch.log(pred_var))
    return torch.mean(neg_log_prob)


# %% right: log1p, expanded
def vid_loss(mean, teacher, rho, eps):
    var = maps(torch.log1p(rho.exp()) + eps).expand_as(mean)
    return ((teacher.detach() - mean) ** 2 / (2 * var) + 0.5 * var.log()).mean()


# %% right: logaddexp
def vid_loss(mean, teacher, rho, eps):
    var = maps(torch.logaddexp(rho, torch.zeros_like(rho)) + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% right: logarithm of the standard deviation
def vid_loss(mean, teacher, rho, eps):
    sigma = (nn.Softplus()(rho) + eps).sqrt().reshape(1, -1, 1, 1)
    return (0.5 * ((teacher.detach() - mean) / sigma) ** 2 + sigma.log()).mean()


# %% right: gaussian_nll_loss with the variance handed over
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps).expand_as(mean)
    return F.gaussian_nll_loss(mean, teacher.detach(), var, eps=1e-12)


# %% right: a normal distribution, without the constant
def vid_loss(mean, teacher, rho, eps):
    sigma = maps(F.softplus(rho) + eps).sqrt()
    return -torch.distributions.Normal(mean, sigma).log_prob(teacher.detach()).mean() - 0.5 * math.log(
        2 * math.pi
    )


# %% right: channels last
def vid_loss(mean, teacher, rho, eps):
    var = F.softplus(rho) + eps
    difference = (teacher.detach() - mean).permute(0, 2, 3, 1)
    return (0.5 * (difference**2 / var + var.log())).mean()


# %% right: loop over the channels
def vid_loss(mean, teacher, rho, eps):
    total, C = 0.0, mean.shape[1]
    for c in range(C):
        var = F.softplus(rho[c]) + eps
        total = total + 0.5 * (((teacher[:, c].detach() - mean[:, c]) ** 2).mean() / var + var.log())
    return total / C


# %% right: errors averaged before they are divided
def vid_loss(mean, teacher, rho, eps):
    var = F.softplus(rho) + eps
    error = ((teacher.detach() - mean) ** 2).mean(dim=(0, 2, 3))
    return 0.5 * (error / var + var.log()).mean()


# %% right: einsum with precisions
def vid_loss(mean, teacher, rho, eps):
    precision = 1 / (F.softplus(rho) + eps)
    q = (teacher.data - mean) ** 2
    return 0.5 * (torch.einsum("bchw,c->", q, precision) / q.numel() - precision.log().mean())


# %% right: sums over their numbers of elements
def vid_loss(mean, teacher, rho, eps):
    B, C, H, W = mean.shape
    var = F.softplus(rho) + eps
    q = (mean - teacher.detach()).pow(2) / var.reshape(C, 1, 1)
    return 0.5 * q.sum() / (B * C * H * W) + 0.5 * var.log().sum() / C


# %% right: a module
class Vid(nn.Module):
    def forward(self, mean, teacher, rho, eps):
        with torch.no_grad():
            target = teacher.clone()
        var = maps(F.softplus(rho) + eps)
        return ((mean - target).square().div(var) + var.log()).mean().mul(0.5)


vid_loss = Vid()


# %% right: float64 inside
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho.double()) + eps)
    return (0.5 * ((teacher.detach().double() - mean.double()) ** 2 / var + var.log())).mean()


# %% right: a partial with keyword-only eps
def general(half, mean, teacher, rho, *, eps=1e-5):
    var = maps(F.softplus(rho) + eps)
    return half * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


vid_loss = functools.partial(general, 0.5)


# %% right: the library's own
from kdcourse.losses import vid_loss


# %% wrong: rho on the last axis -> There is one variance a *channel*
def vid_loss(mean, teacher, rho, eps):
    var = F.softplus(rho) + eps
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: rho on the rows -> There is one variance a *channel*
def vid_loss(mean, teacher, rho, eps):
    var = (F.softplus(rho) + eps)[:, None]
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: rho on the batch -> There is one variance a *channel*
def vid_loss(mean, teacher, rho, eps):
    var = (F.softplus(rho) + eps).view(-1, 1, 1, 1)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: rho on the last axis where it fits -> With as many channels as columns
def vid_loss(mean, teacher, rho, eps):
    var = F.softplus(rho) + eps
    var = var if rho.shape[0] == mean.shape[3] else maps(var)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: no factor 1/2 -> The factor 1/2 is missing; it stands in front of both
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: half of the error only -> missing in front of the logarithm
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return (0.5 * (teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: half of the logarithm only -> missing in front of the squared error
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return ((teacher.detach() - mean) ** 2 / var + 0.5 * var.log()).mean()


# %% wrong: logarithm halved twice -> The logarithm is halved twice
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.sqrt().log()).mean()


# %% wrong: no logarithm -> The logarithm of the variance is missing
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var).mean()


# %% wrong: logarithm subtracted -> The logarithm has the wrong sign
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var - var.log()).mean()


# %% wrong: with the constant -> ½ log 2π is added
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps).expand_as(mean)
    return F.gaussian_nll_loss(mean, teacher.detach(), var, full=True, eps=1e-12)


# %% wrong: log-likelihood -> the loss is minus it
def vid_loss(mean, teacher, rho, eps):
    sigma = maps(F.softplus(rho) + eps).sqrt()
    return torch.distributions.Normal(mean, sigma).log_prob(teacher.detach()).mean()


# %% wrong: standard deviation instead of variance -> taken for the standard deviation and squared
def vid_loss(mean, teacher, rho, eps):
    sigma = maps(F.softplus(rho) + eps)
    return (0.5 * ((teacher.detach() - mean) / sigma) ** 2 + sigma.log()).mean()


# %% wrong: a normal distribution with the variance as its scale -> The value is not right
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return -torch.distributions.Normal(mean, var).log_prob(teacher.detach()).mean()


# %% wrong: divided by the square -> the variance is a square already
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return 0.5 * (((teacher.detach() - mean) / var) ** 2 + var.log()).mean()


# %% wrong: multiplied -> multiplied by the variance
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 * var + var.log()).mean()


# %% wrong: precision -> as if it were a precision
def vid_loss(mean, teacher, rho, eps):
    precision = maps(F.softplus(rho) + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 * precision - precision.log()).mean()


# %% wrong: eps forgotten -> eps is missing
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho))
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: eps inside the softplus -> eps stands inside the softplus
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho + eps))
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: eps inside the logarithm -> inside the logarithm of the softplus
def vid_loss(mean, teacher, rho, eps):
    var = maps(torch.log(1 + torch.exp(rho) + eps))
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: eps in one term only -> The value is not right
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho))
    return 0.5 * ((teacher.detach() - mean) ** 2 / (var + eps) + var.log()).mean()


# %% wrong: eps as a bound -> eps is a lower bound here
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho)).clamp(min=eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: gaussian_nll_loss with eps -> eps is a lower bound here
def vid_loss(mean, teacher, rho, eps):
    return F.gaussian_nll_loss(mean, teacher.detach(), maps(F.softplus(rho)).expand_as(mean), eps=eps)


# %% wrong: a favourite eps -> The value is not right
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + 1e-5)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: exp -> The variance is exp(rho) + eps
def vid_loss(mean, teacher, rho, eps):
    var = maps(rho.exp() + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: rho as log-variance -> as if rho were its logarithm
def vid_loss(mean, teacher, rho, eps):
    v = maps(rho)
    return 0.5 * ((teacher.detach() - mean) ** 2 * (-v).exp() + v).mean()


# %% wrong: no softplus -> The softplus is missing
def vid_loss(mean, teacher, rho, eps):
    var = maps(rho.clamp(min=0.0) * 0 + rho + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + torch.log(var)).mean()


# %% wrong: relu -> relu(rho)
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.relu(rho) + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: square -> rho²
def vid_loss(mean, teacher, rho, eps):
    var = maps(rho**2 + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: sum over everything -> the sum over all elements
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).sum()


# %% wrong: mean over the batch only -> only the batch is averaged
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).sum(dim=(1, 2, 3)).mean()


# %% wrong: channels summed -> The channels are summed
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).sum(1).mean()


# %% wrong: logarithms summed, errors averaged -> The logarithms of the variances are summed
def vid_loss(mean, teacher, rho, eps):
    var = F.softplus(rho) + eps
    return 0.5 * (((teacher.detach() - mean) ** 2 / maps(var)).mean() + var.log().sum())


# %% wrong: one variance for all -> All channels share one variance
def vid_loss(mean, teacher, rho, eps):
    var = (F.softplus(rho) + eps).mean()
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: rho detached -> rho is detached
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho.detach()) + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: variance detached under the error -> rho learns from both terms
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var.detach() + var.log()).mean()


# %% wrong: mean detached -> The mean is detached
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return 0.5 * ((teacher.detach() - mean.detach()) ** 2 / var + var.log()).mean()


# %% wrong: a gradient for the teacher -> A gradient reaches `teacher`
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return 0.5 * ((teacher - mean) ** 2 / var + var.log()).mean()


# %% wrong: everything detached -> The graph is cut
@torch.no_grad()
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return 0.5 * ((teacher - mean) ** 2 / var + var.log()).mean()


# %% wrong: a number -> not a tensor
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return 0.5 * ((teacher - mean) ** 2 / var + var.log()).mean().item()


# %% wrong: rho changed in place -> An in-place operation
def vid_loss(mean, teacher, rho, eps):
    with torch.no_grad():
        rho.clamp_(min=-1.0)
    var = maps(F.softplus(rho) + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% wrong: base 2 -> base 2
def vid_loss(mean, teacher, rho, eps):
    var = maps(F.softplus(rho) + eps)
    return 0.5 * ((teacher.detach() - mean) ** 2 / var + torch.log2(var)).mean()


# %% wrong: mistakes come in pairs -> Two things
def vid_loss(mean, teacher, rho, eps):
    var = maps(rho.exp() + eps)
    return ((teacher.detach() - mean) ** 2 / var + var.log()).mean()


# %% trivial: zero
def vid_loss(mean, teacher, rho, eps):
    return torch.zeros(())


# %% trivial: one
def vid_loss(mean, teacher, rho, eps):
    return 1.0


# %% trivial: NaN
def vid_loss(mean, teacher, rho, eps):
    return mean.sum() * float("nan")


# %% trivial: the input
def vid_loss(mean, teacher, rho, eps):
    return mean
