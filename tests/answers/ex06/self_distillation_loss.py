# ruff: noqa
# Answers to self_distillation_loss: each block is what a learner might write. The text after `->` must be in
# the feedback.
import functools
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def kl(s, t, T):
    return T * T * F.kl_div(F.log_softmax(s / T, 1), F.softmax(t / T, 1), reduction="batchmean")


# %% right: a loop over the shallow exits
def self_distillation_loss(exits, labels, T, alpha):
    deepest = exits[-1]
    loss = F.cross_entropy(deepest, labels)
    target = F.softmax(deepest.detach() / T, dim=1)
    for z in exits[:-1]:
        soft = F.kl_div(F.log_softmax(z / T, dim=1), target, reduction="batchmean")
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * T**2 * soft
    return loss


# %% right: unpacked, a sum of generators
def self_distillation_loss(exits, labels, T, alpha):
    *shallow, deepest = exits
    hard = sum(F.cross_entropy(z, labels) for z in shallow)
    soft = sum(kl(z, deepest.detach(), T) for z in shallow)
    return F.cross_entropy(deepest, labels) + (1 - alpha) * hard + alpha * soft


# %% right: enumerate with a condition, other names
def self_distillation_loss(outputs, y, temperature, lam):
    total = 0
    for i, z in enumerate(outputs):
        if i == len(outputs) - 1:
            total = total + F.cross_entropy(z, y)
        else:
            total = total + (1 - lam) * F.cross_entropy(z, y) + lam * kl(z, outputs[-1].detach(), temperature)
    return total


# %% right: stacked, with einsum
def self_distillation_loss(exits, labels, T, alpha):
    z = torch.stack(exits)
    log_q = F.log_softmax(z / T, dim=2)
    log_p = log_q[-1].detach()
    soft = torch.einsum("bc,ebc->e", log_p.exp(), log_p - log_q) * T**2 / z.shape[1]
    hard = -F.log_softmax(z, 2)[:, torch.arange(len(labels)), labels].mean(1)
    weights = torch.full((len(exits),), 1 - alpha, dtype=z.dtype)
    weights[-1] = 1.0
    return weights @ hard + alpha * soft.sum()


# %% right: log_target and no_grad
def self_distillation_loss(exits, labels, T, alpha):
    with torch.no_grad():
        log_p = F.log_softmax(exits[-1] / T, dim=1)
    losses = [F.cross_entropy(exits[-1], labels)]
    for z in exits[:-1]:
        losses.append((1 - alpha) * F.cross_entropy(z, labels))
        soft = F.kl_div(F.log_softmax(z / T, 1), log_p, reduction="sum", log_target=True) / len(z)
        losses.append(alpha * T * T * soft)
    return torch.stack(losses).sum()


# %% right: the KL of the detached deepest with itself is zero
def self_distillation_loss(exits, labels, T, alpha):
    target = exits[-1].detach()
    soft = sum(kl(z if i < len(exits) - 1 else target, target, T) for i, z in enumerate(exits))
    hard = sum(F.cross_entropy(z, labels) for z in exits)
    return alpha * F.cross_entropy(exits[-1], labels) + (1 - alpha) * hard + alpha * soft


# %% right: keyword-only parameters
def self_distillation_loss(exits, labels, *, temperature=3.0, alpha=0.5):
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels)
        loss = loss + alpha * kl(z, exits[-1].detach(), temperature)
    return loss


# %% right: in float64 inside
def self_distillation_loss(exits, labels, T, alpha):
    exits = [z.double() for z in exits]
    target = exits[-1].detach()
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        loss += (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, target, T)
    return loss


# %% right: nn modules, from deep to shallow
class BeYourOwnTeacher(nn.Module):
    def __init__(self):
        super().__init__()
        self.ce, self.kl = nn.CrossEntropyLoss(), nn.KLDivLoss(reduction="batchmean")

    def forward(self, exits, labels, T, alpha):
        deep, *others = list(reversed(exits))
        loss = self.ce(deep, labels)
        teacher = torch.softmax(deep.data / T, -1)
        for other in others:
            loss = loss + (1 - alpha) * self.ce(other, labels)
            loss = loss + alpha * T**2 * self.kl(torch.log_softmax(other / T, -1), teacher)
        return loss


self_distillation_loss = BeYourOwnTeacher()


# %% right: soft cross-entropy minus the entropy
def self_distillation_loss(exits, labels, T, alpha):
    p = F.softmax(exits[-1].detach() / T, 1)
    entropy = -(p * F.log_softmax(exits[-1].detach() / T, 1)).sum(1).mean()
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        soft = F.cross_entropy(z / T, p) - entropy
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * T**2 * soft
    return loss


# %% right: a copy of the list is popped
def self_distillation_loss(exits, labels, T, alpha):
    rest = list(exits)
    deepest = rest.pop()
    loss = F.nll_loss(F.log_softmax(deepest, 1), labels)
    while rest:
        z = rest.pop(0)
        loss = loss + (1 - alpha) * F.nll_loss(F.log_softmax(z, 1), labels)
        loss = loss + alpha * kl(z, deepest.detach(), T)
    return loss


# %% wrong: torch.distributions, infinite where a probability is 0 -> not finite
def self_distillation_loss(exits, labels, T, alpha):
    from torch.distributions import Categorical, kl_divergence

    p = Categorical(logits=exits[-1].detach() / T)
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        soft = kl_divergence(p, Categorical(logits=z / T)).mean()
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * T**2 * soft
    return loss


# %% right: loops over the samples
def self_distillation_loss(exits, labels, T, alpha):
    total = 0.0
    for b, y in enumerate(labels):
        total = total - F.log_softmax(exits[-1][b], 0)[y]
        log_p = F.log_softmax(exits[-1][b].detach() / T, 0)
        for z in exits[:-1]:
            log_q = F.log_softmax(z[b] / T, 0)
            total = total - (1 - alpha) * F.log_softmax(z[b], 0)[y]
            total = total + alpha * T**2 * (log_p.exp() * (log_p - log_q)).sum()
    return total / len(labels)


# %% right: the shallow exits as one long batch
def self_distillation_loss(exits, labels, T, alpha):
    n = len(exits) - 1
    loss = F.cross_entropy(exits[-1], labels)
    if n == 0:
        return loss
    z, y = torch.cat(exits[:-1]), labels.repeat(n)
    t = exits[-1].detach().repeat(n, 1)
    return loss + n * ((1 - alpha) * F.cross_entropy(z, y) + alpha * kl(z, t, T))


# %% right: the library's own
from kdcourse.losses import self_distillation_loss as library


def self_distillation_loss(exits, labels, T, alpha):
    return library(exits, labels, temperature=T, alpha=alpha)


# %% right: a partial, one element
def general(shape, exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[-1].detach(), T)
    return loss.reshape(shape)


self_distillation_loss = functools.partial(general, (1,))


# %% right: the shallow exits stacked, which a single exit does not allow
def self_distillation_loss(exits, labels, T, alpha):
    shallow = torch.stack(exits[:-1])
    p = F.softmax(exits[-1].detach() / T, 1)
    soft = p * (p.log() - F.log_softmax(shallow / T, 2))
    soft = torch.where(p > 0, soft, torch.zeros(())).sum(2).mean(1).sum()
    hard = sum(F.cross_entropy(z, labels) for z in shallow)
    return F.cross_entropy(exits[-1], labels) + (1 - alpha) * hard + alpha * T**2 * soft


# %% wrong: mean over the exits -> the mean over the exits
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[-1].detach(), T)
    return loss / len(exits)


# %% wrong: shallow exits averaged -> The shallow exits are averaged
def self_distillation_loss(exits, labels, T, alpha):
    *shallow, deepest = exits
    hard = torch.stack([F.cross_entropy(z, labels) for z in shallow]).mean()
    soft = torch.stack([kl(z, deepest.detach(), T) for z in shallow]).mean()
    return F.cross_entropy(deepest, labels) + (1 - alpha) * hard + alpha * soft


# %% wrong: soft terms averaged -> The soft terms are averaged
def self_distillation_loss(exits, labels, T, alpha):
    *shallow, deepest = exits
    hard = sum(F.cross_entropy(z, labels) for z in shallow)
    soft = torch.stack([kl(z, deepest.detach(), T) for z in shallow]).mean()
    return F.cross_entropy(deepest, labels) + (1 - alpha) * hard + alpha * soft


# %% wrong: the deepest weighted with 1 - alpha too -> weighted with 1 − alpha as well
def self_distillation_loss(exits, labels, T, alpha):
    hard = sum(F.cross_entropy(z, labels) for z in exits)
    soft = sum(kl(z, exits[-1].detach(), T) for z in exits[:-1])
    return (1 - alpha) * hard + alpha * soft


# %% wrong: the KL of the deepest with itself counts -> weighted with 1 − alpha as well
def self_distillation_loss(exits, labels, T, alpha):
    loss = 0
    for z in exits:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[-1].detach(), T)
    return loss


# %% wrong: the deepest inside the loop and outside -> counted twice, with 1 − alpha
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels)
        loss = loss + alpha * kl(z, exits[-1].detach(), T)
    return loss


# %% wrong: the deepest in each turn -> once for each shallow exit
def self_distillation_loss(exits, labels, T, alpha):
    loss = 0
    for z in exits[:-1]:
        loss = loss + F.cross_entropy(exits[-1], labels)
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[-1].detach(), T)
    return loss


# %% wrong: all exits with the weight 1 -> Every exit's cross-entropy has the weight 1
def self_distillation_loss(exits, labels, T, alpha):
    hard = sum(F.cross_entropy(z, labels) for z in exits)
    return hard + alpha * sum(kl(z, exits[-1].detach(), T) for z in exits[:-1])


# %% wrong: no T² -> The factor T² is missing
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    target = F.softmax(exits[-1].detach() / T, 1)
    for z in exits[:-1]:
        soft = F.kl_div(F.log_softmax(z / T, 1), target, reduction="batchmean")
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * soft
    return loss


# %% wrong: kl_div by default -> exactly 1/C of ours
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    target = F.softmax(exits[-1].detach() / T, 1)
    for z in exits[:-1]:
        soft = T * T * F.kl_div(F.log_softmax(z / T, 1), target)
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * soft
    return loss


# %% wrong: sum over the batch -> exactly B times ours
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    target = F.softmax(exits[-1].detach() / T, 1)
    for z in exits[:-1]:
        soft = T * T * F.kl_div(F.log_softmax(z / T, 1), target, reduction="sum")
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * soft
    return loss


# %% wrong: KL the other way -> KL(student‖teacher)
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(exits[-1].detach(), z, T)
    return loss


# %% wrong: KL the other way and not detached -> KL(student‖teacher)
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(exits[-1], z, T)
    return loss


# %% wrong: the deepest is not detached -> gets a gradient from the soft terms
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[-1], T)
    return loss


# %% wrong: a clone is no detach -> gets a gradient from the soft terms
def self_distillation_loss(exits, labels, T, alpha):
    *shallow, deepest = exits
    teacher = deepest.clone()
    hard = sum(F.cross_entropy(z, labels) for z in shallow)
    soft = sum(kl(z, teacher, T) for z in shallow)
    return F.cross_entropy(deepest, labels) + (1 - alpha) * hard + alpha * soft


# %% wrong: the deepest detached everywhere -> detached in its cross-entropy as well
def self_distillation_loss(exits, labels, T, alpha):
    deepest = exits[-1].detach()
    loss = F.cross_entropy(deepest, labels)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, deepest, T)
    return loss


# %% wrong: the shallow exits detached in the KL -> the deepest one teaches nothing
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels)
        loss = loss + alpha * kl(z.detach(), exits[-1].detach(), T)
    return loss


# %% wrong: the wrong side is detached -> The wrong side is detached
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z.detach(), exits[-1], T)
    return loss


# %% wrong: no_grad around the loop -> only the deepest one learns
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    with torch.no_grad():
        for z in exits[:-1]:
            loss_z = (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[-1], T)
            loss.data += loss_z
    return loss


# %% wrong: alpha swapped -> alpha weights the wrong term
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        loss = loss + alpha * F.cross_entropy(z, labels) + (1 - alpha) * kl(z, exits[-1].detach(), T)
    return loss


# %% wrong: alpha swapped, the deepest too -> alpha weights the wrong term
def self_distillation_loss(exits, labels, T, alpha):
    hard = sum(F.cross_entropy(z, labels) for z in exits)
    return alpha * hard + (1 - alpha) * sum(kl(z, exits[-1].detach(), T) for z in exits[:-1])


# %% wrong: the exits in reverse -> The order of the exits is reversed
def self_distillation_loss(exits, labels, T, alpha):
    deepest, *shallow = exits
    loss = F.cross_entropy(deepest, labels)
    for z in shallow:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, deepest.detach(), T)
    return loss


# %% wrong: each exit learns from the next -> learns from the next one
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for z, teacher in zip(exits[:-1], exits[1:]):
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, teacher.detach(), T)
    return loss


# %% wrong: every exit learns from every deeper one -> from every deeper one
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for i, z in enumerate(exits[:-1]):
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels)
        for teacher in exits[i + 1 :]:
            loss = loss + alpha * kl(z, teacher.detach(), T)
    return loss


# %% wrong: from the mean of all exits -> from the mean of all logits
def self_distillation_loss(exits, labels, T, alpha):
    teacher = torch.stack(exits).mean(0).detach()
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, teacher, T)
    return loss


# %% wrong: one exit only, return in the loop -> Only one shallow exit takes part, the first
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[-1].detach(), T)
        return loss


# %% wrong: the sum is overwritten -> overwrite the sum
def self_distillation_loss(exits, labels, T, alpha):
    for z in exits[:-1]:
        rest = (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[-1].detach(), T)
    return F.cross_entropy(exits[-1], labels) + rest


# %% wrong: one soft term, after the loop -> Only one exit has a soft term, the last
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels)
    return loss + alpha * kl(z, exits[-1].detach(), T)


# %% wrong: three exits taken for granted -> The list can have any length
def self_distillation_loss(exits, labels, T, alpha):
    one, two, three = exits
    loss = F.cross_entropy(three, labels)
    for z in (one, two):
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, three.detach(), T)
    return loss


# %% wrong: the loop stops one early -> one exit too early
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for i in range(len(exits) - 2):
        z = exits[i]
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[-1].detach(), T)
    return loss


# %% wrong: the loop starts at 1 -> The first exit is left out
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for i in range(1, len(exits) - 1):
        z = exits[i]
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[-1].detach(), T)
    return loss


# %% wrong: no labels for the shallow exits -> cross-entropies of the shallow exits are missing
def self_distillation_loss(exits, labels, T, alpha):
    soft = sum(kl(z, exits[-1].detach(), T) for z in exits[:-1])
    return F.cross_entropy(exits[-1], labels) + alpha * soft


# %% wrong: no labels for the deepest -> The deepest exit's cross-entropy is missing
def self_distillation_loss(exits, labels, T, alpha):
    loss = 0
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[-1].detach(), T)
    return loss


# %% wrong: no soft term -> The soft terms are missing
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    return loss + (1 - alpha) * sum(F.cross_entropy(z, labels) for z in exits[:-1])


# %% wrong: deep supervision only -> This is the sum of the cross-entropies only
def self_distillation_loss(exits, labels, T, alpha):
    return sum(F.cross_entropy(z, labels) for z in exits)


# %% wrong: alpha is not used -> alpha is not used
def self_distillation_loss(exits, labels, T, alpha):
    hard = sum(F.cross_entropy(z, labels) for z in exits)
    return hard + sum(kl(z, exits[-1].detach(), T) for z in exits[:-1])


# %% wrong: cross-entropy at T -> taken at temperature T
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1] / T, labels)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z / T, labels) + alpha * kl(z, exits[-1].detach(), T)
    return loss


# %% wrong: soft cross-entropy -> This is the soft cross-entropy
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    target = F.softmax(exits[-1].detach() / T, 1)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels)
        loss = loss + alpha * T**2 * F.cross_entropy(z / T, target)
    return loss


# %% wrong: mean squared error of the logits -> a squared error between logits
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * F.mse_loss(z, exits[-1].detach())
    return loss


# %% wrong: temperature on one side -> Only the student's logits are divided by T
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    target = F.softmax(exits[-1].detach(), 1)
    for z in exits[:-1]:
        soft = T * T * F.kl_div(F.log_softmax(z / T, 1), target, reduction="batchmean")
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * soft
    return loss


# %% wrong: the published form, mean with (1 - alpha) everywhere -> This is the mean over the exits, with 1 − alpha
def self_distillation_loss(exits, labels, T, alpha):
    hard = sum(F.cross_entropy(z, labels) for z in exits)
    soft = sum(kl(z, exits[-1].detach(), T) for z in exits[:-1])
    return ((1 - alpha) * hard + alpha * soft) / len(exits)


# %% wrong: mean over the exits and no T² -> Two things.
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    target = F.softmax(exits[-1].detach() / T, 1)
    for z in exits[:-1]:
        soft = F.kl_div(F.log_softmax(z / T, 1), target, reduction="batchmean")
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * soft
    return loss / len(exits)


# %% wrong: 1 - alpha everywhere, and not detached -> Two things.
def self_distillation_loss(exits, labels, T, alpha):
    hard = sum(F.cross_entropy(z, labels) for z in exits)
    return (1 - alpha) * hard + alpha * sum(
        F.kl_div(F.log_softmax(z / T, 1), F.softmax(exits[-1] / T, 1), reduction="batchmean")
        for z in exits[:-1]
    )


# %% wrong: the list loses its deepest -> changes the list `exits`
def self_distillation_loss(exits, labels, T, alpha):
    deepest = exits.pop()
    loss = F.cross_entropy(deepest, labels)
    for z in exits:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, deepest.detach(), T)
    return loss


# %% wrong: the list is reversed in place -> changes the list `exits`
def self_distillation_loss(exits, labels, T, alpha):
    exits.reverse()
    loss = F.cross_entropy(exits[0], labels)
    for z in exits[1:]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[0].detach(), T)
    return loss


# %% wrong: the list's last entry is replaced -> changes the list `exits`
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    exits[-1] = exits[-1].detach()
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[-1], T)
    return loss


# %% wrong: the logits are divided in place -> changes the logits in `exits`
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1].clone(), labels)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z.clone(), labels)
    for z in exits:
        z.data.div_(T)
    for z in exits[:-1]:
        loss = loss + alpha * T**2 * kl(z, exits[-1].detach(), 1)
    return loss


# %% wrong: log of softmax -> not finite
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    p = F.softmax(exits[-1].detach() / T, 1)
    for z in exits[:-1]:
        soft = (p * (p.log() - F.softmax(z / T, 1).log())).sum(1).mean()
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * T**2 * soft
    return loss


# %% wrong: a small number inside the logarithm -> 1e-08
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    p = F.softmax(exits[-1].detach() / T, 1)
    for z in exits[:-1]:
        soft = (p * ((p + 1e-8).log() - (F.softmax(z / T, 1) + 1e-8).log())).sum(1).mean()
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * T**2 * soft
    return loss


# %% wrong: a list of losses -> returns a list
def self_distillation_loss(exits, labels, T, alpha):
    losses = [F.cross_entropy(exits[-1], labels)]
    for z in exits[:-1]:
        losses.append((1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[-1].detach(), T))
    return losses


# %% wrong: one loss for each exit -> one loss for each exit
def self_distillation_loss(exits, labels, T, alpha):
    losses = [F.cross_entropy(exits[-1], labels)]
    for z in exits[:-1]:
        losses.append((1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[-1].detach(), T))
    return torch.stack(losses)


# %% wrong: a float -> not a tensor
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels).item()
    for z in exits[:-1]:
        loss += ((1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[-1].detach(), T)).item()
    return loss


# %% wrong: backward inside -> A graph was used twice
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[-1].detach(), T)
    loss.backward()
    return loss


# %% wrong: three exits by their numbers -> Only one
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    return (
        loss + (1 - alpha) * F.cross_entropy(exits[0], labels) + alpha * kl(exits[0], exits[-1].detach(), T)
    )


# %% wrong: index 2 is the deepest -> The list can have any length
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[2], labels)
    for z in exits[:2]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, exits[2].detach(), T)
    return loss


# %% wrong: the weight again in each turn -> again in each turn
def self_distillation_loss(exits, labels, T, alpha):
    loss = F.cross_entropy(exits[-1], labels)
    for z in exits[:-1]:
        loss = (1 - alpha) * (loss + F.cross_entropy(z, labels)) + alpha * kl(z, exits[-1].detach(), T)
    return loss


# %% wrong: softmax of the softmax -> softmax is taken twice
def self_distillation_loss(exits, labels, T, alpha):
    loss, teacher = F.cross_entropy(exits[-1], labels), F.softmax(exits[-1].detach(), dim=1)
    for z in exits[:-1]:
        loss = loss + (1 - alpha) * F.cross_entropy(z, labels) + alpha * kl(z, teacher, T)
    return loss


# %% wrong: means over the exits everywhere, without T² -> Two things.
def self_distillation_loss(exits, labels, T, alpha):
    hard = torch.stack([F.cross_entropy(z, labels) for z in exits]).mean()
    soft = torch.stack([kl(z, exits[-1].detach(), T) / T**2 for z in exits[:-1]]).mean()
    return (1 - alpha) * hard + alpha * soft


# %% trivial: nothing
def self_distillation_loss(exits, labels, T, alpha):
    pass


# %% trivial: not written
def self_distillation_loss(exits, labels, T, alpha):
    raise NotImplementedError


# %% trivial: zero
def self_distillation_loss(exits, labels, T, alpha):
    return 0 * exits[0].sum()


# %% trivial: a number
def self_distillation_loss(exits, labels, T, alpha):
    return 1.0


# %% trivial: the first exit
def self_distillation_loss(exits, labels, T, alpha):
    return exits[0]


# %% trivial: too few parameters
def self_distillation_loss(exits, labels):
    return F.cross_entropy(exits[-1], labels)


# %% trivial: no function
self_distillation_loss = 3
