# ruff: noqa
# Answers to bayes_distilled_risk: each block is what a learner might write. The text after `->` must be in the
# feedback.
import functools
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


# %% right: sum over classes, mean over samples
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).sum(dim=1).mean()


# %% right: sum over all, divided
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).sum() / p_star.shape[0]


# %% right: einsum
def bayes_distilled_risk(p_star, losses):
    return torch.einsum("nc,nc->", p_star, losses) / len(losses)


# %% right: einsum over each sample
def bayes_distilled_risk(p, l):
    return torch.einsum("ij,ij->i", p, l).mean()


# %% right: mean times the number of classes
def bayes_distilled_risk(p_star, losses):
    return losses.size(1) * torch.mean(p_star * losses)


# %% right: loops
def bayes_distilled_risk(p_star, losses):
    N, C = p_star.shape
    total = 0.0
    for n in range(N):
        for c in range(C if C < 20 else 0):
            total = total + p_star[n, c] * losses[n, c]
        if C >= 20:
            total = total + p_star[n] @ losses[n]
    return total / N


# %% right: a loop over the classes
def bayes_distilled_risk(p_star, losses):
    risk = 0
    for c in range(losses.shape[1]):
        risk = risk + (p_star[:, c] * losses[:, c]).mean()
    return risk


# %% right: one dot product
def bayes_distilled_risk(p_star, losses):
    return torch.dot(p_star.flatten(), losses.flatten()) / p_star.size(0)


# %% right: trace of a product
def bayes_distilled_risk(p_star, losses):
    return torch.trace(p_star.T @ losses) / len(p_star)


# %% right: diagonal
def bayes_distilled_risk(p_star, losses):
    return (p_star @ losses.T).diagonal().mean()


# %% right: bmm
def bayes_distilled_risk(p_star, losses):
    return torch.bmm(p_star[:, None], losses[:, :, None]).mean()


# %% right: p_star detached
def bayes_distilled_risk(p_star, losses):
    with torch.no_grad():
        weights = p_star / len(p_star)
    return torch.sum(weights * losses)


# %% right: in float64 inside
def bayes_distilled_risk(p_star, losses):
    return (p_star.double() * losses.double()).sum(1).mean()


# %% right: in float32 inside
def bayes_distilled_risk(p_star, losses):
    return (p_star.float() * losses.float()).sum(1).mean()


# %% right: a weighted average by the sum of the weights
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).sum() / p_star.sum()


# %% right: vecdot
def bayes_distilled_risk(p_star, losses):
    return torch.linalg.vecdot(p_star, losses).mean(0, keepdim=True)


# %% right: vmap
def bayes_distilled_risk(p_star, losses):
    return torch.vmap(torch.dot)(p_star.detach(), losses).mean()


# %% right: stack of rows
def bayes_distilled_risk(p_star, losses):
    return torch.stack([p @ l for p, l in zip(p_star, losses)]).mean()


# %% right: a module
class Risk(nn.Module):
    def forward(self, p_star, losses):
        return p_star.mul(losses).sum(-1).mean(-1)


bayes_distilled_risk = Risk()


# %% right: other names, keyword too
def bayes_distilled_risk(bayes, per_label_losses, reduce=torch.mean):
    return reduce(torch.sum(bayes * per_label_losses, dim=-1))


# %% right: tensordot
def bayes_distilled_risk(p_star, losses):
    return torch.tensordot(p_star, losses, dims=2) / p_star.shape[0]


# %% right: risk of one-hot labels plus the difference
def bayes_distilled_risk(p_star, losses):
    best = p_star.argmax(1, keepdim=True)
    at_best = losses.gather(1, best)
    return (at_best + (p_star * (losses - at_best)).sum(1, keepdim=True)).mean()


# %% wrong: mean over all -> exactly 1/C of ours
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).mean()


# %% wrong: two means -> exactly 1/C of ours
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).mean(1).mean()


# %% wrong: sum -> The samples are summed
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).sum()


# %% wrong: sum over the samples, mean over the classes -> The samples are summed and the classes averaged
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).sum(0).mean()


# %% wrong: divided by the classes -> The samples are summed and the classes averaged
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).sum() / p_star.shape[1]


# %% wrong: divided by N twice -> The mean over the samples is taken twice
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).sum(1).mean() / len(losses)


# %% wrong: unbiased -> The sum is divided by N − 1
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).sum() / (len(losses) - 1)


# %% wrong: most probable label -> Only the loss of the most probable label counts
def bayes_distilled_risk(p_star, losses):
    return losses.gather(1, p_star.argmax(1, keepdim=True)).mean()


# %% wrong: most probable label by one-hot -> Only the loss of the most probable label counts
def bayes_distilled_risk(p_star, losses):
    hard = F.one_hot(p_star.argmax(1), p_star.shape[1]).to(losses.dtype)
    return (hard * losses).sum(1).mean()


# %% wrong: a sampled label -> not right
def bayes_distilled_risk(p_star, losses):
    labels = torch.multinomial(p_star, 1)
    return losses.gather(1, labels).mean()


# %% wrong: many sampled labels -> not right
def bayes_distilled_risk(p_star, losses):
    labels = torch.multinomial(p_star, 200, replacement=True)
    return losses.gather(1, labels).mean()


# %% wrong: uniform weights -> All labels weigh the same
def bayes_distilled_risk(p_star, losses):
    return losses.mean()


# %% wrong: no weights -> The losses are added up without their probabilities
def bayes_distilled_risk(p_star, losses):
    return losses.sum(1).mean()


# %% wrong: softmax of probabilities -> A softmax is taken of the probabilities
def bayes_distilled_risk(p_star, losses):
    return (F.softmax(p_star, dim=1) * losses).sum(1).mean()


# %% wrong: log p -> The weights are log-probabilities
def bayes_distilled_risk(p_star, losses):
    return (torch.log(p_star) * losses).sum(1).mean()


# %% wrong: minus log p -> The weights are −log p
def bayes_distilled_risk(p_star, losses):
    return -(torch.log(p_star) * losses).sum(1).mean()


# %% wrong: one minus p -> The weights are 1 − p
def bayes_distilled_risk(p_star, losses):
    return ((1 - p_star) * losses).sum(1).mean()


# %% wrong: squared probabilities -> The probabilities are squared
def bayes_distilled_risk(p_star, losses):
    return (p_star**2 * losses).sum(1).mean()


# %% wrong: minus sign -> The sign is wrong
def bayes_distilled_risk(p_star, losses):
    return -(p_star * losses).sum(1).mean()


# %% wrong: log of the losses -> A logarithm is taken
def bayes_distilled_risk(p_star, losses):
    return -(p_star * torch.log(losses)).sum(1).mean()


# %% wrong: losses as logits -> `losses` are taken for logits
def bayes_distilled_risk(p_star, losses):
    return F.cross_entropy(losses, p_star)


# %% wrong: log-softmax of the losses -> `losses` are taken for logits
def bayes_distilled_risk(p_star, losses):
    return (p_star * F.log_softmax(losses, 1)).sum(1).mean()


# %% wrong: hard cross-entropy of the losses -> `losses` are taken for logits
def bayes_distilled_risk(p_star, losses):
    return F.cross_entropy(losses, p_star.argmax(1))


# %% wrong: kl_div -> not right
def bayes_distilled_risk(p_star, losses):
    return F.kl_div(losses, p_star, reduction="batchmean")


# %% wrong: entropy subtracted -> The entropy of the probabilities is subtracted
def bayes_distilled_risk(p_star, losses):
    entropy = -torch.special.xlogy(p_star, p_star).sum(1)
    return ((p_star * losses).sum(1) - entropy).mean()


# %% wrong: every sample with every other -> a mean over the samples before the product
def bayes_distilled_risk(p_star, losses):
    return (p_star @ losses.T).mean()


# %% wrong: every sample with every other, summed -> a mean over the samples before the product
def bayes_distilled_risk(p_star, losses):
    return (p_star @ losses.T).sum() / len(losses)


# %% wrong: matrix product -> Two shapes do not fit. `p_star` and `losses` are both (N, C)
def bayes_distilled_risk(p_star, losses):
    return (p_star @ losses).mean()


# %% wrong: transposed -> Two shapes do not fit. `p_star` and `losses` are both (N, C)
def bayes_distilled_risk(p_star, losses):
    return (p_star.T * losses).sum(1).mean()


# %% wrong: means before the product -> a mean over the samples before the product
def bayes_distilled_risk(p_star, losses):
    return (p_star.mean(0) * losses.mean(0)).sum()


# %% wrong: mean probabilities -> a mean over the samples before the product
def bayes_distilled_risk(p_star, losses):
    return (p_star.mean(0) * losses).sum(1).mean()


# %% wrong: normalised over the samples -> normalised over the samples
def bayes_distilled_risk(p_star, losses):
    return ((p_star / p_star.sum(0)) * losses).sum(1).mean()


# %% wrong: largest product -> Only the largest product of each sample counts
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).amax(1).mean()


# %% wrong: worst sample -> This is the worst sample
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).sum(1).max()


# %% wrong: median -> This is the median over the samples
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).sum(1).median()


# %% wrong: first sample only -> Only the first sample counts
def bayes_distilled_risk(p_star, losses):
    for p, l in zip(p_star, losses):
        return (p * l).sum()


# %% wrong: last sample only -> Only the last sample counts
def bayes_distilled_risk(p_star, losses):
    for p, l in zip(p_star, losses):
        risk = (p * l).sum()
    return risk


# %% wrong: the last class is left out -> The last class is left out
def bayes_distilled_risk(p_star, losses):
    total = 0 * losses.sum()
    for c in range(losses.shape[1] - 1):
        total = total + (p_star[:, c] * losses[:, c]).mean()
    return total


# %% wrong: squared error -> This is a squared error between probabilities and losses
def bayes_distilled_risk(p_star, losses):
    return F.mse_loss(losses, p_star)


# %% wrong: variance -> This is the variance over the samples
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).sum(1).var()


# %% wrong: smoothed -> The probabilities are smoothed
def bayes_distilled_risk(p_star, losses):
    p = 0.9 * p_star + 0.1 / p_star.shape[1]
    return (p * losses).sum(1).mean()


# %% wrong: negative losses cut off -> Negative losses are set to 0
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses.relu()).sum(1).mean()


# %% wrong: one for each sample -> one expected loss for each sample
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).sum(1)


# %% wrong: one for each class -> one number for each class
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).mean(0)


# %% wrong: nothing is reduced -> Nothing is reduced yet
def bayes_distilled_risk(p_star, losses):
    return p_star * losses


# %% wrong: losses detached -> The graph is cut
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses.detach()).sum(1).mean()


# %% wrong: under no_grad -> The graph is cut
@torch.no_grad()
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).sum(1).mean()


# %% wrong: a number -> not a tensor
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses).sum(1).mean().item()


# %% wrong: numpy -> not a tensor
def bayes_distilled_risk(p_star, losses):
    return np.mean(np.sum(p_star.numpy() * losses.detach().numpy(), axis=1))


# %% wrong: a new tensor -> The graph is cut
def bayes_distilled_risk(p_star, losses):
    return torch.tensor([(p * l).sum() for p, l in zip(p_star, losses)]).mean()


# %% wrong: in place -> changes its argument `p_star`
def bayes_distilled_risk(p_star, losses):
    p_star *= losses.detach()
    return p_star.sum(1).mean() + 0 * losses.sum()


# %% wrong: in place on the data -> changes its argument `losses`
def bayes_distilled_risk(p_star, losses):
    losses.data.mul_(p_star)
    return losses.sum(1).mean()


# %% wrong: only the losses above half -> not right
def bayes_distilled_risk(p_star, losses):
    return (p_star * losses * (p_star > 0.1)).sum(1).mean()


# %% wrong: probabilities rounded -> not right
def bayes_distilled_risk(p_star, losses):
    return ((p_star * 100).round() / 100 * losses).sum(1).mean()


# %% wrong: logarithm of an expectation -> not right
def bayes_distilled_risk(p_star, losses):
    return -torch.log((p_star * torch.exp(-losses)).sum(1)).mean()


# %% wrong: half precision -> not right
def bayes_distilled_risk(p_star, losses):
    return (p_star.half() * losses.half()).sum(1).mean()


# %% trivial: nothing
def bayes_distilled_risk(p_star, losses):
    pass


# %% trivial: not written
def bayes_distilled_risk(p_star, losses):
    raise NotImplementedError("later")


# %% trivial: zero
def bayes_distilled_risk(p_star, losses):
    return torch.zeros(())


# %% trivial: the losses
def bayes_distilled_risk(p_star, losses):
    return losses


# %% trivial: one parameter
def bayes_distilled_risk(losses):
    return losses.mean()


# %% trivial: a number
bayes_distilled_risk = 0.5
