# ruff: noqa
# Answers to kd_loss: each block is what a learner might write. The text after `->` must be in the feedback.
import functools
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def soft(s, t, T):
    return F.kl_div(F.log_softmax(s / T, dim=1), F.softmax(t.detach() / T, dim=1), reduction="batchmean")


def combine(s, t, y, T, alpha, soft_term):
    return alpha * T * T * soft_term + (1 - alpha) * F.cross_entropy(s, y)


# %% right: kl_div and detach
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    log_q = F.log_softmax(student_logits / T, dim=1)
    p = F.softmax(teacher_logits.detach() / T, dim=1)
    soft_loss = F.kl_div(log_q, p, reduction="batchmean") * T**2
    return alpha * soft_loss + (1 - alpha) * F.cross_entropy(student_logits, labels)


# %% right: other names, defaults, last axis
def kd_loss(z, v, y, tau=4.0, weight=0.9):
    target = (v.detach() / tau).softmax(-1)
    return weight * tau**2 * nn.KLDivLoss(reduction="batchmean")((z / tau).log_softmax(-1), target) + (
        1 - weight
    ) * nn.CrossEntropyLoss()(z, y)


# %% right: log_target
def kd_loss(student_logits, teacher_logits, labels, T, alpha):
    with torch.no_grad():
        log_p = F.log_softmax(teacher_logits / T, dim=1)
    log_q = F.log_softmax(student_logits / T, dim=1)
    kl = F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
    return alpha * T * T * kl + (1 - alpha) * F.cross_entropy(student_logits, labels)


# %% right: by hand
def kd_loss(s, t, y, T, alpha):
    t = t.detach()
    log_q = s / T - torch.logsumexp(s / T, dim=1, keepdim=True)
    log_p = t / T - torch.logsumexp(t / T, dim=1, keepdim=True)
    kl = (log_p.exp() * (log_p - log_q)).sum(dim=1).mean()
    hard = (torch.logsumexp(s, dim=1) - s.gather(1, y[:, None]).squeeze(1)).mean()
    return alpha * T**2 * kl + (1 - alpha) * hard


# %% right: loops over samples and classes
def kd_loss(s, t, y, T, alpha):
    B, C = s.shape
    total = torch.zeros(1)
    for b in range(B):
        log_q, log_p = torch.log_softmax(s[b] / T, 0), torch.log_softmax(t[b].detach() / T, 0)
        kl = 0
        for c in range(C):
            kl = kl + log_p[c].exp() * (log_p[c] - log_q[c])
        total = total + alpha * T * T * kl - (1 - alpha) * torch.log_softmax(s[b], 0)[y[b]]
    return total / B


# %% right: soft cross-entropy minus entropy
def kd_loss(s, t, y, T, alpha):
    p = torch.softmax(t.detach() / T, 1)
    cross = F.cross_entropy(s / T, p)
    entropy = torch.special.entr(p).sum(1).mean()
    return alpha * T * T * (cross - entropy) + (1 - alpha) * F.cross_entropy(s, y)


# %% right: maximum subtracted, one-hot labels
def kd_loss(s, t, y, T, alpha):
    def log_softmax(z):
        z = z - z.max(dim=1, keepdim=True).values
        return z - torch.log(torch.exp(z).sum(dim=1, keepdim=True))

    t = t.clone().detach()
    log_q, log_p = log_softmax(s / T), log_softmax(t / T)
    one_hot = F.one_hot(y, num_classes=s.shape[1])
    kl = torch.sum(torch.exp(log_p) * (log_p - log_q)) / s.size(0)
    return alpha * T**2 * kl + (1 - alpha) * -(one_hot * log_softmax(s)).sum(1).mean()


# %% right: float32 inside
def kd_loss(s, t, y, T, alpha):
    s, t = s.float(), t.detach().float()
    return combine(s, t, y, T, alpha, soft(s, t, T))


# %% right: float64 inside
def kd_loss(s, t, y, T, alpha):
    s, t = s.double(), t.detach().double()
    return combine(s, t, y, T, alpha, soft(s, t, T))


# %% right: a lambda
kd_loss = lambda s, t, y, T, alpha: combine(s, t, y, T, alpha, soft(s, t, T))


# %% right: functools.partial
def general(reduction, s, t, y, T, alpha):
    kl = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t.detach() / T, 1), reduction=reduction)
    return combine(s, t, y, T, alpha, kl)


kd_loss = functools.partial(general, "batchmean")


# %% right: a callable object
class Loss:
    def __call__(self, student, teacher, labels, T, alpha):
        return combine(student, teacher, labels, T, alpha, soft(student, teacher, T))


kd_loss = Loss()


# %% right: a module
class Loss(nn.Module):
    def __init__(self):
        super().__init__()
        self.ce = nn.CrossEntropyLoss(reduction="none")

    def forward(self, student, teacher, labels, T, alpha):
        kl = F.kl_div(
            F.log_softmax(student / T, 1), F.softmax(teacher.detach() / T, 1), reduction="none"
        ).sum(1)
        return (alpha * T * T * kl + (1 - alpha) * self.ce(student, labels)).mean()


kd_loss = Loss()


# %% right: keyword-only hyper-parameters, as in kdcourse.losses
def kd_loss(student_logits, teacher_logits, labels, *, temperature=4.0, alpha=0.9):
    return combine(
        student_logits,
        teacher_logits,
        labels,
        temperature,
        alpha,
        soft(student_logits, teacher_logits, temperature),
    )


# %% right: the library's own
from kdcourse.losses import kd_loss


# %% right: its own autograd function
class Kl(torch.autograd.Function):
    @staticmethod
    def forward(ctx, s, t, T):
        log_q, log_p = torch.log_softmax(s / T, 1), torch.log_softmax(t / T, 1)
        ctx.save_for_backward(log_q.exp() - log_p.exp())
        ctx.T = T
        return T * T * (log_p.exp() * (log_p - log_q)).sum(1).mean()

    @staticmethod
    def backward(ctx, upstream):
        (difference,) = ctx.saved_tensors
        return upstream * ctx.T / len(difference) * difference, None, None


def kd_loss(s, t, y, T, alpha):
    return alpha * Kl.apply(s, t, T) + (1 - alpha) * F.cross_entropy(s, y)


# %% right: mean over the batch by einsum, never negative
def kd_loss(s, t, y, T, alpha):
    log_q, log_p = F.log_softmax(s / T, 1), F.log_softmax(t.detach() / T, 1)
    kl = torch.einsum("bc,bc->b", log_p.exp(), log_p - log_q).mean().clamp(min=0)
    return combine(s, t, y, T, alpha, kl)


# %% right: xlogy and where
def kd_loss(s, t, y, T, alpha):
    p = torch.softmax(t.detach() / T, 1)
    log_q = torch.log_softmax(s / T, 1)
    per_class = torch.xlogy(p, p) - torch.where(p > 0, p * log_q, torch.zeros_like(p))
    return combine(s, t, y, T, alpha, per_class.sum() / p.shape[0])


# %% right: works only in float32
def kd_loss(s, t, y, T, alpha):
    one_hot = torch.eye(s.shape[1])[y]
    hard = -torch.einsum("bc,bc->b", one_hot, F.log_softmax(s, 1)).mean()
    return alpha * T * T * soft(s, t, T) + (1 - alpha) * hard


# %% right: nansum
def kd_loss(s, t, y, T, alpha):
    p = F.softmax(t.detach() / T, 1)
    kl = (p * (p.log() - F.log_softmax(s / T, 1))).nansum(1).mean()
    return combine(s, t, y, T, alpha, kl)


# %% right: mean over everything times the number of classes
def kd_loss(s, t, y, T, alpha):
    kl = nn.KLDivLoss(reduction="mean")(F.log_softmax(s / T, 1), F.softmax(t.data / T, 1))
    return combine(s, t, y, T, alpha, kl * s.shape[1])


# %% right: two cross-entropies
def kd_loss(s, t, y, T, alpha):
    t = t.detach()
    p = F.softmax(t / T, 1)
    return combine(s, t, y, T, alpha, F.cross_entropy(s / T, p) - F.cross_entropy(t / T, p))


# %% right: vmap over the samples
def kd_loss(s, t, y, T, alpha):
    def one(z, v):
        log_p, log_q = torch.log_softmax(v / T, 0), torch.log_softmax(z / T, 0)
        return (log_p.exp() * (log_p - log_q)).sum()

    return combine(s, t, y, T, alpha, torch.func.vmap(one)(s, t.detach()).mean())


# %% right: says a lot
def kd_loss(s, t, y, T, alpha):
    import warnings

    warnings.warn("a warning of the learner's", stacklevel=1)
    print("loss of", s.shape, "\n" * 100)
    return combine(s, t, y, T, alpha, soft(s, t, T))


# %% right: random numbers and settings touched on the way
def kd_loss(s, t, y, T, alpha):
    torch.manual_seed(0)
    np.random.seed(0)
    torch.set_grad_enabled(False)
    p = F.softmax(t / T + 0 * torch.rand(1, dtype=t.dtype), 1)
    torch.set_grad_enabled(True)
    return combine(s, t, y, T, alpha, F.kl_div(F.log_softmax(s / T, 1), p, reduction="batchmean"))


# %% wrong: mean over batch and classes -> 1/C of ours
def kd_loss(s, t, y, T, alpha):
    kl = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t.detach() / T, 1), reduction="mean")
    return combine(s, t, y, T, alpha, kl)


# %% wrong: default reduction -> use `reduction='batchmean'`
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, T, alpha, nn.KLDivLoss()(F.log_softmax(s / T, 1), F.softmax(t.detach() / T, 1)))


# %% wrong: summed over the batch -> exactly B times ours
def kd_loss(s, t, y, T, alpha):
    kl = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t.detach() / T, 1), reduction="sum")
    return combine(s, t, y, T, alpha, kl)


# %% wrong: everything summed over the batch -> yours is B times ours
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, T, alpha, soft(s, t, T)) * len(s)


# %% wrong: no T squared -> T² is missing
def kd_loss(s, t, y, T, alpha):
    return alpha * soft(s, t, T) + (1 - alpha) * F.cross_entropy(s, y)


# %% wrong: T instead of its square -> it needs T²
def kd_loss(s, t, y, T, alpha):
    return alpha * T * soft(s, t, T) + (1 - alpha) * F.cross_entropy(s, y)


# %% wrong: divided by T squared -> divided by T²
def kd_loss(s, t, y, T, alpha):
    return alpha / T**2 * soft(s, t, T) + (1 - alpha) * F.cross_entropy(s, y)


# %% wrong: T squared on everything -> The cross-entropy is multiplied by T² as well
def kd_loss(s, t, y, T, alpha):
    return T**2 * (alpha * soft(s, t, T) + (1 - alpha) * F.cross_entropy(s, y))


# %% wrong: T squared on the wrong term -> The cross-entropy is multiplied by T² as well
def kd_loss(s, t, y, T, alpha):
    return alpha * soft(s, t, T) + (1 - alpha) * T**2 * F.cross_entropy(s, y)


# %% wrong: alpha reversed -> alpha weights the wrong term
def kd_loss(s, t, y, T, alpha):
    return (1 - alpha) * T * T * soft(s, t, T) + alpha * F.cross_entropy(s, y)


# %% wrong: hard term with weight 1 -> it needs 1 − alpha
def kd_loss(s, t, y, T, alpha):
    return alpha * T * T * soft(s, t, T) + F.cross_entropy(s, y)


# %% wrong: alpha forgotten -> alpha is not used
def kd_loss(s, t, y, T, alpha):
    return T * T * soft(s, t, T) + F.cross_entropy(s, y)


# %% wrong: alpha fixed at one half -> weight 1/2
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, T, 0.5, soft(s, t, T))


# %% wrong: alpha of a favourite value -> The value is not right
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, T, 0.7, soft(s, t, T))


# %% wrong: reversed KL -> KL(student‖teacher)
def kd_loss(s, t, y, T, alpha):
    log_p, q = F.log_softmax(t.detach() / T, 1), F.softmax(s / T, 1)
    return combine(s, t, y, T, alpha, F.kl_div(log_p, q, reduction="batchmean"))


# %% wrong: arguments of kl_div exchanged, reversed with log_target -> KL(student‖teacher)
def kd_loss(s, t, y, T, alpha):
    log_p, log_q = F.log_softmax(t.detach() / T, 1), F.log_softmax(s / T, 1)
    return combine(s, t, y, T, alpha, F.kl_div(log_p, log_q, reduction="batchmean", log_target=True))


# %% wrong: roles exchanged -> Student and teacher are exchanged
def kd_loss(teacher_logits, student_logits, y, T, alpha):
    return combine(student_logits, teacher_logits, y, T, alpha, soft(student_logits, teacher_logits, T))


# %% wrong: T and alpha exchanged -> T and alpha are exchanged
def kd_loss(s, t, y, alpha, T):
    return combine(s, t, y, T, alpha, soft(s, t, T))


# %% wrong: soft cross-entropy -> soft cross-entropy
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, T, alpha, F.cross_entropy(s / T, F.softmax(t.detach() / T, 1)))


# %% wrong: temperature on the teacher only -> Only the teacher's logits
def kd_loss(s, t, y, T, alpha):
    kl = F.kl_div(F.log_softmax(s, 1), F.softmax(t.detach() / T, 1), reduction="batchmean")
    return combine(s, t, y, T, alpha, kl)


# %% wrong: temperature on the student only -> Only the student's logits
def kd_loss(s, t, y, T, alpha):
    kl = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t.detach(), 1), reduction="batchmean")
    return combine(s, t, y, T, alpha, kl)


# %% wrong: logits multiplied by T -> multiplied by T
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, T, alpha, soft(s, t, 1 / T))


# %% wrong: no temperature in the softmax -> not divided by T
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, T, alpha, soft(s, t, 1))


# %% wrong: one fixed temperature -> The value is not right
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, 4.0, alpha, soft(s, t, 4.0))


# %% wrong: cross-entropy at temperature T -> at temperature T
def kd_loss(s, t, y, T, alpha):
    return alpha * T * T * soft(s, t, T) + (1 - alpha) * F.cross_entropy(s / T, y)


# %% wrong: cross-entropy of probabilities -> is given probabilities
def kd_loss(s, t, y, T, alpha):
    return alpha * T * T * soft(s, t, T) + (1 - alpha) * F.cross_entropy(F.softmax(s, 1), y)


# %% wrong: nll of probabilities -> `nll_loss` is given probabilities
def kd_loss(s, t, y, T, alpha):
    return alpha * T * T * soft(s, t, T) + (1 - alpha) * F.nll_loss(F.softmax(s, 1), y)


# %% wrong: cross-entropy of the teacher -> looks at the teacher's logits
def kd_loss(s, t, y, T, alpha):
    return alpha * T * T * soft(s, t, T) + (1 - alpha) * F.cross_entropy(t.detach(), y)


# %% wrong: cross-entropy summed -> The cross-entropy is a sum
def kd_loss(s, t, y, T, alpha):
    return alpha * T * T * soft(s, t, T) + (1 - alpha) * F.cross_entropy(s, y, reduction="sum")


# %% wrong: label smoothing -> label_smoothing
def kd_loss(s, t, y, T, alpha):
    return alpha * T * T * soft(s, t, T) + (1 - alpha) * F.cross_entropy(s, y, label_smoothing=0.1)


# %% wrong: probabilities into kl_div -> it wants log-probabilities
def kd_loss(s, t, y, T, alpha):
    kl = F.kl_div(F.softmax(s / T, 1), F.softmax(t.detach() / T, 1), reduction="batchmean")
    return combine(s, t, y, T, alpha, kl)


# %% wrong: log-probabilities as target -> log_target=True
def kd_loss(s, t, y, T, alpha):
    kl = F.kl_div(F.log_softmax(s / T, 1), F.log_softmax(t.detach() / T, 1), reduction="batchmean")
    return combine(s, t, y, T, alpha, kl)


# %% wrong: logarithm of the softmax -> not finite
def kd_loss(s, t, y, T, alpha):
    kl = F.kl_div(torch.log(F.softmax(s / T, 1)), F.softmax(t.detach() / T, 1), reduction="batchmean")
    return combine(s, t, y, T, alpha, kl)


# %% wrong: exp without the maximum -> not finite
def kd_loss(s, t, y, T, alpha):
    def softmax(z):
        return z.exp() / z.exp().sum(1, keepdim=True)

    p, q = softmax(t.detach() / T), softmax(s / T)
    return combine(s, t, y, T, alpha, (p * (p / q).log()).sum(1).mean())


# %% wrong: torch.distributions -> not finite
def kd_loss(s, t, y, T, alpha):
    from torch.distributions import Categorical, kl_divergence

    kl = kl_divergence(Categorical(logits=t.detach() / T), Categorical(logits=s / T)).mean()
    return combine(s, t, y, T, alpha, kl)


# %% wrong: an eps in the logarithm -> A small number such as 1e-08
def kd_loss(s, t, y, T, alpha):
    p, q = F.softmax(t.detach() / T, 1), F.softmax(s / T, 1)
    return combine(s, t, y, T, alpha, (p * torch.log((p + 1e-8) / (q + 1e-8))).sum(1).mean())


# %% wrong: clamped probabilities -> A small number such as 1e-06
def kd_loss(s, t, y, T, alpha):
    p, q = F.softmax(t.detach() / T, 1).clamp(min=1e-6), F.softmax(s / T, 1).clamp(min=1e-6)
    return combine(s, t, y, T, alpha, F.kl_div(q.log(), p, reduction="batchmean"))


# %% wrong: clamped logits -> With logits of size 1e4
def kd_loss(s, t, y, T, alpha):
    s, t = s.clamp(-500, 500), t.detach().clamp(-500, 500)
    return combine(s, t, y, T, alpha, soft(s, t, T))


# %% wrong: nan_to_num -> With
def kd_loss(s, t, y, T, alpha):
    kl = F.kl_div(torch.log(F.softmax(s / T, 1)), F.softmax(t.detach() / T, 1), reduction="batchmean")
    return torch.nan_to_num(combine(s, t, y, T, alpha, kl), nan=0.0, posinf=100.0)


# %% wrong: softmax over the batch -> runs over the batch
def kd_loss(s, t, y, T, alpha):
    kl = F.kl_div(F.log_softmax(s / T, 0), F.softmax(t.detach() / T, 0), reduction="batchmean")
    return combine(s, t, y, T, alpha, kl)


# %% wrong: squared error of logits -> squared error between logits
def kd_loss(s, t, y, T, alpha):
    return alpha * F.mse_loss(s, t.detach()) + (1 - alpha) * F.cross_entropy(s, y)


# %% wrong: squared error of probabilities -> squared error between probabilities
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, T, alpha, F.mse_loss(F.softmax(s / T, 1), F.softmax(t.detach() / T, 1)))


# %% wrong: teacher made hard -> made hard with `argmax`
def kd_loss(s, t, y, T, alpha):
    return alpha * F.cross_entropy(s, t.argmax(1)) + (1 - alpha) * F.cross_entropy(s, y)


# %% wrong: student on both sides -> The soft term is always 0
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, T, alpha, soft(s, s, T))


# %% wrong: labels forgotten -> cross-entropy with the labels is missing
def kd_loss(s, t, y, T, alpha):
    return alpha * T * T * soft(s, t, T)


# %% wrong: base 2 -> natural logarithms
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, T, alpha, soft(s, t, T) / math.log(2))


# %% wrong: negative KL -> wrong sign
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, T, alpha, -soft(s, t, T))


# %% wrong: Jensen-Shannon -> Jensen-Shannon
def kd_loss(s, t, y, T, alpha):
    p, q = F.softmax(t.detach() / T, 1), F.softmax(s / T, 1)
    m = ((p + q) / 2).log()
    js = (F.kl_div(m, p, reduction="batchmean") + F.kl_div(m, q, reduction="batchmean")) / 2
    return combine(s, t, y, T, alpha, js)


# %% wrong: two mistakes -> Two things. Your soft term is exactly 1/C
def kd_loss(s, t, y, T, alpha):
    kl = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t.detach() / T, 1), reduction="mean")
    return combine(s, t, y, T, 1 - alpha, 0) * 0 + (1 - alpha) * T * T * kl + alpha * F.cross_entropy(s, y)


# %% wrong: teacher not detached -> A gradient reaches `teacher_logits`
def kd_loss(s, t, y, T, alpha):
    kl = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t / T, 1), reduction="batchmean")
    return combine(s, t, y, T, alpha, kl)


# %% wrong: student detached in the soft term -> detached in the soft term
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, T, alpha, soft(s.detach(), t, T))


# %% wrong: student detached in the hard term -> detached in the cross-entropy
def kd_loss(s, t, y, T, alpha):
    return alpha * T * T * soft(s, t, T) + (1 - alpha) * F.cross_entropy(s.detach(), y)


# %% wrong: everything without a graph -> no gradient flows back
@torch.no_grad()
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, T, alpha, soft(s, t, T))


# %% wrong: a number -> not a tensor
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, T, alpha, soft(s, t, T)).item()


# %% wrong: a new tensor from a number -> The graph is cut
def kd_loss(s, t, y, T, alpha):
    return torch.tensor(combine(s, t, y, T, alpha, soft(s, t, T)).item(), requires_grad=True)


# %% wrong: numpy -> not a tensor
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, T, alpha, soft(s, t, T)).detach().numpy()


# %% wrong: both terms apart -> returns a tuple
def kd_loss(s, t, y, T, alpha):
    return alpha * T * T * soft(s, t, T), (1 - alpha) * F.cross_entropy(s, y)


# %% wrong: one loss per sample -> has the shape
def kd_loss(s, t, y, T, alpha):
    kl = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t.detach() / T, 1), reduction="none").sum(1)
    return combine(s, t, y, T, alpha, kl)


# %% wrong: teacher changed in place -> changes its argument `teacher_logits`
def kd_loss(s, t, y, T, alpha):
    t = t.detach()
    t /= T
    kl = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t, 1), reduction="batchmean")
    return combine(s, t, y, T, alpha, kl)


# %% wrong: student changed in place -> changes its argument `student_logits`
def kd_loss(s, t, y, T, alpha):
    hard = F.cross_entropy(s, y)
    s /= T
    kl = F.kl_div(F.log_softmax(s, 1), F.softmax(t.detach() / T, 1), reduction="batchmean")
    return alpha * T * T * kl + (1 - alpha) * hard


# %% wrong: teacher changed in place and back -> changes its argument `teacher_logits`
def kd_loss(s, t, y, T, alpha):
    with torch.no_grad():
        before = t.clone()
        p = F.softmax(t.div_(T), 1)
        t.copy_(before)
    return combine(s, t, y, T, alpha, F.kl_div(F.log_softmax(s / T, 1), p, reduction="batchmean"))


# %% wrong: labels reshaped in place -> changes its argument `labels`
def kd_loss(s, t, y, T, alpha):
    hard = -F.log_softmax(s, 1).gather(1, y.unsqueeze_(1)).mean()
    return alpha * T * T * soft(s, t, T) + (1 - alpha) * hard


# %% wrong: teacher frozen for good -> `teacher_logits.requires_grad`
def kd_loss(s, t, y, T, alpha):
    t.requires_grad_(False)
    return combine(s, t, y, T, alpha, soft(s, t, T))


# %% wrong: backward inside -> backward
def kd_loss(s, t, y, T, alpha):
    loss = combine(s, t, y, T, alpha, soft(s, t, T))
    loss.backward()
    return loss


# %% wrong: backward inside, graph kept -> `student_logits.grad` is filled
def kd_loss(s, t, y, T, alpha):
    loss = combine(s, t, y, T, alpha, soft(s, t, T))
    loss.backward(retain_graph=True)
    return loss


# %% wrong: gradients left switched off -> gradients are switched off
def kd_loss(s, t, y, T, alpha):
    loss = combine(s, t, y, T, alpha, soft(s, t, T))
    torch.set_grad_enabled(False)
    return loss


# %% wrong: ten classes only -> raises RuntimeError
def kd_loss(s, t, y, T, alpha):
    one_hot = torch.zeros(len(y), 10).scatter_(1, y[:, None], 1)
    return alpha * T * T * soft(s, t, T) - (1 - alpha) * (one_hot * F.log_softmax(s, 1)).sum(1).mean()


# %% wrong: classes counted from the labels -> With labels that are all 0
def kd_loss(s, t, y, T, alpha):
    hard = -(F.one_hot(y) * F.log_softmax(s, 1)).sum(1).mean()
    return alpha * T * T * soft(s, t, T) + (1 - alpha) * hard


# %% wrong: a fixed batch size -> raises RuntimeError
def kd_loss(s, t, y, T, alpha):
    return combine(s.view(5, -1), t.view(5, -1), y, T, alpha, soft(s, t, T))


# %% wrong: squeezed batch -> With a single sample
def kd_loss(s, t, y, T, alpha):
    log_q, p = F.log_softmax(s / T, 1).squeeze(), F.softmax(t.detach() / T, 1).squeeze()
    kl = (p * (p.clamp(min=1e-38).log() - log_q)).sum(1).mean()
    return combine(s, t, y, T, alpha, kl)


# %% wrong: a running mean from call to call -> The value is not right
class Loss:
    mean = None

    def __call__(self, s, t, y, T, alpha):
        now = combine(s, t, y, T, alpha, soft(s, t, T))
        self.mean = now if self.mean is None else 0.9 * self.mean.detach() + 0.1 * now
        return self.mean


kd_loss = Loss()


# %% wrong: clipped loss -> The value is not right
def kd_loss(s, t, y, T, alpha):
    return combine(s, t, y, T, alpha, soft(s, t, T)).clamp(max=5.0)


# %% wrong: exits -> raises SystemExit
def kd_loss(s, t, y, T, alpha):
    raise SystemExit


# %% wrong: three arguments -> It is called with 5 arguments
def kd_loss(s, t, y):
    return combine(s, t, y, 4.0, 0.9, soft(s, t, 4.0))


# %% wrong: forgotten return -> returns None
def kd_loss(s, t, y, T, alpha):
    combine(s, t, y, T, alpha, soft(s, t, T))


# %% trivial: 0
def kd_loss(s, t, y, T, alpha):
    return 0


# %% trivial: 1.0
def kd_loss(s, t, y, T, alpha):
    return torch.tensor(1.0)


# %% trivial: a zero with a graph
def kd_loss(s, t, y, T, alpha):
    return 0.0 * s.sum()


# %% trivial: NaN
def kd_loss(s, t, y, T, alpha):
    return torch.tensor(float("nan"))


# %% trivial: the input
def kd_loss(s, t, y, T, alpha):
    return s


# %% trivial: the mean of the input
def kd_loss(s, t, y, T, alpha):
    return s.mean()
