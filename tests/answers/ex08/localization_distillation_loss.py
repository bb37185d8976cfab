# ruff: noqa
# Answers to localization_distillation_loss: each block is what a learner might write. The text after `->` must
# be in the feedback.
import functools

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


# %% right: kl_div on (4 N, n)
def localization_distillation_loss(student_bins, teacher_bins, T):
    n = student_bins.shape[-1]
    log_q = F.log_softmax(student_bins.reshape(-1, n) / T, dim=1)
    p = F.softmax(teacher_bins.detach().reshape(-1, n) / T, dim=1)
    return T**2 * F.kl_div(log_q, p, reduction="batchmean")


# %% right: by hand
def localization_distillation_loss(student_bins, teacher_bins, T):
    log_p = (teacher_bins.detach() / T).log_softmax(-1)
    log_q = (student_bins / T).log_softmax(-1)
    return T * T * (log_p.exp() * (log_p - log_q)).sum(-1).mean()


# %% right: reduction none, sum, mean
def localization_distillation_loss(s, t, T):
    with torch.no_grad():
        p = torch.softmax(t / T, 2)
    terms = F.kl_div(torch.log_softmax(s / T, 2), p, reduction="none")
    return terms.sum(2).mean((0, 1)) * T**2


# %% right: log_target and a sum
def localization_distillation_loss(s, t, T):
    kl = F.kl_div(
        F.log_softmax(s / T, -1), F.log_softmax(t.detach() / T, -1), reduction="sum", log_target=True
    )
    return kl * (T * T) / (s.size(0) * s.size(1))


# %% right: batchmean divided by four
def localization_distillation_loss(s, t, T):
    kl = nn.KLDivLoss(reduction="batchmean")
    return kl(F.log_softmax(s / T, 2), F.softmax(t.detach() / T, 2)) / 4 * T**2


# %% right: mean times the number of bins
def localization_distillation_loss(s, t, T):
    kl = F.kl_div(F.log_softmax(s / T, 2), F.softmax(t.data / T, 2), reduction="mean")
    return kl * s.shape[2] * T**2


# %% right: flatten
def localization_distillation_loss(s, t, T):
    s, t = s.flatten(0, 1), t.flatten(0, 1).detach()
    return F.kl_div((s / T).log_softmax(1), (t / T).softmax(1), reduction="batchmean").mul(T**2)


# %% right: einsum
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return T**2 * torch.einsum("bek,bek->be", lp.exp(), lp - lq).mean()


# %% right: a loop over edges
def localization_distillation_loss(s, t, T):
    total = 0
    for edge in range(4):
        log_q = F.log_softmax(s[:, edge] / T, dim=1)
        p = F.softmax(t[:, edge].detach() / T, dim=1)
        total = total + F.kl_div(log_q, p, reduction="batchmean")
    return T**2 * total / 4


# %% right: loops over boxes and edges
def localization_distillation_loss(s, t, T):
    losses = []
    for box_s, box_t in zip(s, t.detach()):
        for edge_s, edge_t in zip(box_s, box_t):
            log_p, log_q = F.log_softmax(edge_t / T, 0), F.log_softmax(edge_s / T, 0)
            losses.append((log_p.exp() * (log_p - log_q)).sum())
    return T**2 * torch.stack(losses).mean()


# %% right: cross-entropy less entropy
def localization_distillation_loss(s, t, T):
    n = s.shape[2]
    p = F.softmax(t.detach().view(-1, n) / T, 1)
    cross = F.cross_entropy(s.view(-1, n) / T, p)
    entropy = -torch.special.xlogy(p, p).sum(1).mean()
    return T**2 * (cross - entropy)


# %% right: logsumexp by hand
def localization_distillation_loss(s, t, T):
    s, t = s / T, t.detach() / T
    log_q, log_p = s - s.logsumexp(2, keepdim=True), t - t.logsumexp(2, keepdim=True)
    return T**2 * (log_p.exp() * (log_p - log_q)).sum() / (4 * len(s))


# %% right: the bins moved to axis 1
def localization_distillation_loss(s, t, T):
    s, t = s.transpose(1, 2) / T, t.detach().transpose(1, 2) / T
    return T**2 * F.kl_div(F.log_softmax(s, 1), F.softmax(t, 1), reduction="none").sum(1).mean()


# %% right: in float64 inside
def localization_distillation_loss(s, t, T):
    s, t = s.double() / T, t.detach().double() / T
    return (T**2 * (t.softmax(2) * (t.log_softmax(2) - s.log_softmax(2))).sum(2).mean()).to(torch.float32)


# %% right: in float32 inside
def localization_distillation_loss(s, t, T):
    s, t = s.float() / T, t.detach().float() / T
    return (
        T**2 * F.kl_div(s.log_softmax(2), t.log_softmax(2), reduction="none", log_target=True).sum(2).mean()
    )


# %% right: the teacher cloned and frozen
def localization_distillation_loss(s, t, T):
    t = t.clone().detach().requires_grad_(False)
    p = nn.Softmax(dim=-1)(t / T)
    return (p * (nn.LogSoftmax(-1)(t / T) - nn.LogSoftmax(-1)(s / T))).sum(-1).mean() * T * T


# %% right: the library's own
from kdcourse.losses import localization_distillation_loss as own


def localization_distillation_loss(student_bins, teacher_bins, T):
    return own(student_bins, teacher_bins, temperature=T)


# %% right: the logit distillation loss on rows
def kd(s, t, T):
    return F.kl_div(F.log_softmax(s / T, 1), F.softmax(t / T, 1), reduction="batchmean") * T**2


def localization_distillation_loss(student_bins, teacher_bins, *, temperature):
    with torch.no_grad():
        t = teacher_bins.reshape(-1, teacher_bins.shape[-1])
    return kd(student_bins.reshape(-1, student_bins.shape[-1]), t, temperature)


# %% right: vmap
def localization_distillation_loss(s, t, T):
    def edge(a, b):
        return (b.softmax(0) * (b.log_softmax(0) - a.log_softmax(0))).sum()

    return T**2 * torch.vmap(torch.vmap(edge))(s / T, t.detach() / T).mean()


# %% right: one element
def localization_distillation_loss(s, t, T):
    log_p, log_q = (t.detach() / T).log_softmax(-1), (s / T).log_softmax(-1)
    return (T * T * (log_p.exp() * (log_p - log_q)).sum(-1).mean()).view(1)


# %% right: logits' difference and logsumexp
def localization_distillation_loss(s, t, T):
    s, t = s / T, t.detach() / T
    gap = (t.softmax(-1) * (t - s)).sum(-1) - t.logsumexp(-1) + s.logsumexp(-1)
    return T * T * gap.mean()


# %% right: a backward pass of its own
class KL(torch.autograd.Function):
    @staticmethod
    def forward(ctx, s, t, T):
        log_p, log_q = (t / T).log_softmax(2), (s / T).log_softmax(2)
        ctx.save_for_backward(log_p, log_q)
        ctx.T = T
        return T * T * (log_p.exp() * (log_p - log_q)).sum(2).mean()

    @staticmethod
    def backward(ctx, slope):
        log_p, log_q = ctx.saved_tensors
        return slope * ctx.T * (log_q.exp() - log_p.exp()) / (4 * len(log_p)), None, None


def localization_distillation_loss(s, t, T):
    return KL.apply(s, t, T)


# %% wrong: squeezed with a single box -> With a single box
def localization_distillation_loss(s, t, T):
    s, t = s.squeeze(0) / T, t.detach().squeeze(0) / T
    return T**2 * F.kl_div(s.log_softmax(-1), t.softmax(-1), reduction="batchmean") / 4


# %% wrong: temperature of the value only -> The value is right, the gradient
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    loss = (lp.exp() * (lp - lq)).sum(2).mean()
    return loss + (T**2 - 1) * loss.detach()


# %% wrong: logits are clamped -> With logits of size 100
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s.clamp(-50, 50) / T).log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).sum(2).mean()


# %% wrong: mean over the bins -> n times too small
def localization_distillation_loss(s, t, T):
    return T**2 * F.kl_div(F.log_softmax(s / T, 2), F.softmax(t.detach() / T, 2), reduction="mean")


# %% wrong: mean over the bins, then over edges -> n times too small
def localization_distillation_loss(s, t, T):
    terms = F.kl_div(F.log_softmax(s / T, 2), F.softmax(t.detach() / T, 2), reduction="none")
    return T**2 * terms.mean(2).mean()


# %% wrong: batchmean on three axes -> The four edges of a box are summed
def localization_distillation_loss(s, t, T):
    return T**2 * F.kl_div(F.log_softmax(s / T, 2), F.softmax(t.detach() / T, 2), reduction="batchmean")


# %% wrong: sum -> Everything is summed
def localization_distillation_loss(s, t, T):
    return T**2 * F.kl_div(F.log_softmax(s / T, 2), F.softmax(t.detach() / T, 2), reduction="sum")


# %% wrong: sum over boxes, mean over edges -> The boxes are summed
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).sum(2).sum(0).mean()


# %% wrong: divided by four twice -> The mean over the four edges is taken twice
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).sum(2).mean() / 4


# %% wrong: divided by sixteen -> The loss is divided by 16
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).sum(2).mean() / 16


# %% wrong: return inside the loop -> Only one edge of each box takes part
def localization_distillation_loss(s, t, T):
    for e in range(4):
        lp, lq = (t[:, e].detach() / T).log_softmax(1), (s[:, e] / T).log_softmax(1)
        return T**2 * (lp.exp() * (lp - lq)).sum(1).mean()


# %% wrong: overwritten in the loop -> Only one edge of each box takes part
def localization_distillation_loss(s, t, T):
    for e in range(4):
        lp, lq = (t[:, e].detach() / T).log_softmax(1), (s[:, e] / T).log_softmax(1)
        loss = T**2 * (lp.exp() * (lp - lq)).sum(1).mean()
    return loss


# %% wrong: four edges summed in a loop -> The four edges of a box are summed
def localization_distillation_loss(s, t, T):
    total = 0
    for e in range(4):
        lp, lq = (t[:, e].detach() / T).log_softmax(1), (s[:, e] / T).log_softmax(1)
        total = total + T**2 * (lp.exp() * (lp - lq)).sum(1).mean()
    return total


# %% wrong: no T squared -> The factor T² is missing
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return (lp.exp() * (lp - lq)).sum(2).mean()


# %% wrong: T instead of T squared -> The loss is multiplied by T; it needs T²
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return T * (lp.exp() * (lp - lq)).sum(2).mean()


# %% wrong: T to the fourth -> The factor T² is applied twice
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return T**4 * (lp.exp() * (lp - lq)).sum(2).mean()


# %% wrong: divided by T squared -> The loss is divided by T²
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return (lp.exp() * (lp - lq)).sum(2).mean() / T**2


# %% wrong: XOR is no power -> raises TypeError
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return (T ^ 2) * (lp.exp() * (lp - lq)).sum(2).mean()


# %% wrong: mean over bins and no T squared -> Two things. The mean runs over the bins
def localization_distillation_loss(s, t, T):
    return F.kl_div(F.log_softmax(s / T, 2), F.softmax(t.detach() / T, 2))


# %% wrong: batchmean and no T squared -> Two things. The four edges of a box are summed
def localization_distillation_loss(s, t, T):
    return F.kl_div(F.log_softmax(s / T, 2), F.softmax(t.detach() / T, 2), reduction="batchmean")


# %% wrong: reversed -> The two distributions are exchanged
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return T**2 * (lq.exp() * (lq - lp)).sum(2).mean()


# %% wrong: kl_div with its arguments exchanged -> The two distributions are exchanged
def localization_distillation_loss(s, t, T):
    n = s.shape[2]
    s, t = s.reshape(-1, n) / T, t.detach().reshape(-1, n) / T
    return T**2 * F.kl_div(F.log_softmax(t, 1), F.softmax(s, 1), reduction="batchmean")


# %% wrong: both directions -> Both directions are added up
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return T**2 * ((lp.exp() - lq.exp()) * (lp - lq)).sum(2).mean()


# %% wrong: T on the teacher only -> Only the teacher's logits are divided by T
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), s.log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).sum(2).mean()


# %% wrong: T on the student only -> Only the student's logits are divided by T
def localization_distillation_loss(s, t, T):
    lp, lq = t.detach().log_softmax(2), (s / T).log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).sum(2).mean()


# %% wrong: T on the teacher only, batchmean -> Two things. The four edges of a box are summed
def localization_distillation_loss(s, t, T):
    p, lq = (t.detach() / T).softmax(2), s.log_softmax(2)
    return T**2 * F.kl_div(lq, p, reduction="batchmean")


# %% wrong: log p without T -> not right
def localization_distillation_loss(s, t, T):
    p, lp, lq = (t.detach() / T).softmax(2), t.detach().log_softmax(2), (s / T).log_softmax(2)
    return T**2 * (p * (lp - lq)).sum(2).mean()


# %% wrong: T is not used -> The temperature is not used
def localization_distillation_loss(s, t, T):
    lp, lq = t.detach().log_softmax(2), s.log_softmax(2)
    return (lp.exp() * (lp - lq)).sum(2).mean()


# %% wrong: times T -> The logits are multiplied by T
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() * T).log_softmax(2), (s * T).log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).sum(2).mean()


# %% wrong: T fixed at ten -> The temperature is fixed at 10
def localization_distillation_loss(s, t, T):
    T = 10.0
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).sum(2).mean()


# %% wrong: softmax over the edges -> The softmax runs over the four edges
def localization_distillation_loss(s, t, T):
    p, log_q = F.softmax(t.detach() / T, dim=1), F.log_softmax(s / T, dim=1)
    return T**2 * F.kl_div(log_q, p, reduction="none").sum(2).mean()


# %% wrong: softmax and sum over the edges -> Softmax and sum run over the four edges
def localization_distillation_loss(s, t, T):
    p, log_q = F.softmax(t.detach() / T, dim=1), F.log_softmax(s / T, dim=1)
    return T**2 * F.kl_div(log_q, p, reduction="none").sum(1).mean()


# %% wrong: softmax over the boxes -> The softmax runs over the boxes
def localization_distillation_loss(s, t, T):
    p, log_q = F.softmax(t.detach() / T, dim=0), F.log_softmax(s / T, dim=0)
    return T**2 * F.kl_div(log_q, p, reduction="none").sum(2).mean()


# %% wrong: default axis of softmax -> Two things. The four edges of a box are summed
def localization_distillation_loss(s, t, T):
    p, log_q = F.softmax(t.detach() / T), F.log_softmax(s / T)
    return T**2 * F.kl_div(log_q, p, reduction="batchmean")


# %% wrong: one softmax for a box -> One softmax runs over all 4·n numbers
def localization_distillation_loss(s, t, T):
    p, log_q = F.softmax(t.detach().flatten(1) / T, 1), F.log_softmax(s.flatten(1) / T, 1)
    return T**2 * F.kl_div(log_q, p, reduction="batchmean") / 4


# %% wrong: one softmax for a box, batchmean -> One softmax runs over all 4·n numbers
def localization_distillation_loss(s, t, T):
    p, log_q = F.softmax(t.detach().flatten(1) / T, 1), F.log_softmax(s.flatten(1) / T, 1)
    return T**2 * F.kl_div(log_q, p, reduction="batchmean")


# %% wrong: view deals the bins out anew -> deals the numbers out anew
def localization_distillation_loss(s, t, T):
    N, _, n = s.shape
    s, t = s.view(N, n, 4) / T, t.detach().view(N, n, 4) / T
    return T**2 * F.kl_div(F.log_softmax(s, 1), F.softmax(t, 1), reduction="none").sum(1).mean()


# %% wrong: view(-1, 4) -> not right
def localization_distillation_loss(s, t, T):
    s, t = s.reshape(-1, 4) / T, t.detach().reshape(-1, 4) / T
    return T**2 * F.kl_div(F.log_softmax(s, 1), F.softmax(t, 1), reduction="batchmean")


# %% wrong: seventeen bins written as a number -> Two shapes do not fit
def localization_distillation_loss(s, t, T):
    s, t = s.reshape(-1, 17) / T, t.detach().reshape(-1, 17) / T
    return T**2 * F.kl_div(F.log_softmax(s, 1), F.softmax(t, 1), reduction="batchmean")


# %% wrong: sigmoid instead of softmax -> This is a sigmoid of each logit
def localization_distillation_loss(s, t, T):
    p, log_q = torch.sigmoid(t.detach() / T), F.logsigmoid(s / T)
    return T**2 * F.kl_div(log_q, p, reduction="none").sum(2).mean()


# %% wrong: soft cross-entropy -> This is the soft cross-entropy
def localization_distillation_loss(s, t, T):
    p, log_q = F.softmax(t.detach() / T, 2), F.log_softmax(s / T, 2)
    return -(T**2) * (p * log_q).sum(2).mean()


# %% wrong: probabilities as the input -> it wants log-probabilities there
def localization_distillation_loss(s, t, T):
    p, q = F.softmax(t.detach() / T, 2), F.softmax(s / T, 2)
    return T**2 * F.kl_div(q, p, reduction="none").sum(2).mean()


# %% wrong: log-probabilities as the target -> Does `kl_div` get log-probabilities as its target
def localization_distillation_loss(s, t, T):
    p, q = F.log_softmax(t.detach() / T, 2), F.log_softmax(s / T, 2)
    return T**2 * F.kl_div(q, p, reduction="none").sum(2).mean()


# %% wrong: two softmaxes -> The student's side has two softmaxes
def localization_distillation_loss(s, t, T):
    p, q = F.softmax(t.detach() / T, 2), F.softmax(s / T, 2)
    return T**2 * F.kl_div(F.log_softmax(q, 2), p, reduction="none").sum(2).mean()


# %% wrong: squared error of logits -> This is a squared error between logits
def localization_distillation_loss(s, t, T):
    return F.mse_loss(s, t.detach())


# %% wrong: squared error of probabilities -> This is a squared error between probabilities
def localization_distillation_loss(s, t, T):
    return T**2 * ((F.softmax(s / T, 2) - F.softmax(t.detach() / T, 2)) ** 2).sum(2).mean()


# %% wrong: expected places -> The expected places of the edges are compared
def localization_distillation_loss(s, t, T):
    bins = torch.arange(s.shape[2], dtype=s.dtype)
    return F.mse_loss(s.softmax(2) @ bins, t.detach().softmax(2) @ bins)


# %% wrong: the teacher's best bin -> made hard with `argmax`
def localization_distillation_loss(s, t, T):
    n = s.shape[2]
    return T**2 * F.cross_entropy(s.reshape(-1, n) / T, t.argmax(2).flatten())


# %% wrong: JS divergence -> This is the Jensen-Shannon divergence
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    lm = ((lp.exp() + lq.exp()) / 2).log()
    js = 0.5 * (lp.exp() * (lp - lm) + lq.exp() * (lq - lm))
    return T**2 * js.sum(2).mean()


# %% wrong: base 2 -> The logarithm has base 2
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).sum(2).mean() / np.log(2)


# %% wrong: negative -> The loss has the wrong sign
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return T**2 * (lp.exp() * (lq - lp)).sum(2).mean()


# %% wrong: clamped terms -> Negative terms are set to 0
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).clamp(min=0).sum(2).mean()


# %% wrong: log of softmax -> not finite
def localization_distillation_loss(s, t, T):
    p, q = F.softmax(t.detach() / T, 2), F.softmax(s / T, 2)
    return T**2 * F.kl_div(q.log(), p, reduction="none").sum(2).mean()


# %% wrong: exp that overflows -> not finite
def localization_distillation_loss(s, t, T):
    def dist(z):
        e = torch.exp(z / T)
        return e / e.sum(2, keepdim=True)

    p, q = dist(t.detach()), dist(s)
    return T**2 * (p * (p.log() - q.log())).sum(2).mean()


# %% wrong: small number in the logarithm -> 1e-08
def localization_distillation_loss(s, t, T):
    p, q = F.softmax(t.detach() / T, 2), F.softmax(s / T, 2)
    return T**2 * (p * ((p + 1e-8).log() - (q + 1e-8).log())).sum(2).mean()


# %% wrong: clamped probabilities -> not
def localization_distillation_loss(s, t, T):
    p, q = F.softmax(t.detach() / T, 2), F.softmax(s / T, 2).clamp(min=1e-7)
    return T**2 * F.kl_div(q.log(), p, reduction="none").sum(2).mean()


# %% wrong: torch.distributions, infinite where a probability is 0 -> not finite
from torch.distributions import Categorical, kl_divergence


def localization_distillation_loss(s, t, T):
    return T**2 * kl_divergence(Categorical(logits=t.detach() / T), Categorical(logits=s / T)).mean()


# %% wrong: the teacher is not detached -> A gradient reaches `teacher_bins`
def localization_distillation_loss(s, t, T):
    lp, lq = (t / T).log_softmax(2), (s / T).log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).sum(2).mean()


# %% wrong: only log p is detached -> A gradient reaches `teacher_bins`
def localization_distillation_loss(s, t, T):
    p, lp, lq = (t / T).softmax(2), (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return T**2 * (p * (lp - lq)).sum(2).mean()


# %% wrong: a clone is no detach -> A gradient reaches `teacher_bins`
def localization_distillation_loss(s, t, T):
    p = F.softmax(t.clone() / T, 2)
    return T**2 * F.kl_div(F.log_softmax(s / T, 2), p, reduction="none").sum(2).mean()


# %% wrong: the student is detached -> The graph is cut
def localization_distillation_loss(s, t, T):
    lp, lq = (t / T).log_softmax(2), (s.detach() / T).log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).sum(2).mean()


# %% wrong: under no_grad -> The graph is cut
def localization_distillation_loss(s, t, T):
    with torch.no_grad():
        lp, lq = (t / T).log_softmax(2), (s / T).log_softmax(2)
        return T**2 * (lp.exp() * (lp - lq)).sum(2).mean()


# %% wrong: a number -> not a tensor
def localization_distillation_loss(s, t, T):
    lp, lq = (t / T).log_softmax(2), (s / T).log_softmax(2)
    return (T**2 * (lp.exp() * (lp - lq)).sum(2).mean()).item()


# %% wrong: divided in place -> changes its argument
def localization_distillation_loss(s, t, T):
    t = t.detach()
    t /= T
    lp, lq = t.log_softmax(2), (s / T).log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).sum(2).mean()


# %% wrong: one loss for each edge -> one loss for each edge
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).sum(2)


# %% wrong: one loss for each box -> one loss for each box
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).sum(2).mean(1)


# %% wrong: nothing is reduced -> Nothing is reduced yet
def localization_distillation_loss(s, t, T):
    return T**2 * F.kl_div(F.log_softmax(s / T, 2), F.softmax(t.detach() / T, 2), reduction="none")


# %% wrong: weighted with the teacher's certainty -> not right
def localization_distillation_loss(s, t, T):
    lp, lq = (t.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    weight = lp.exp().amax(2)
    return T**2 * (weight * (lp.exp() * (lp - lq)).sum(2)).mean()


# %% wrong: the student on both sides -> returns the same numbers whatever it is given
def localization_distillation_loss(s, t, T):
    lp, lq = (s.detach() / T).log_softmax(2), (s / T).log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).sum(2).mean()


# %% trivial: nothing
def localization_distillation_loss(student_bins, teacher_bins, T):
    pass


# %% trivial: not written
def localization_distillation_loss(student_bins, teacher_bins, T):
    raise NotImplementedError("later")


# %% trivial: zero
def localization_distillation_loss(student_bins, teacher_bins, T):
    return torch.zeros(())


# %% trivial: the mean logit
def localization_distillation_loss(student_bins, teacher_bins, T):
    return student_bins.mean()


# %% trivial: two parameters
def localization_distillation_loss(student_bins, teacher_bins):
    return F.mse_loss(student_bins, teacher_bins)


# %% trivial: no function
localization_distillation_loss = 3.0
