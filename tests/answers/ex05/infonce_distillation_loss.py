# ruff: noqa
# Answers to infonce_distillation_loss: each block is what a learner might write.
import functools

import torch
import torch.nn as nn
import torch.nn.functional as F


def logits_of(zs, zt, tau):
    return F.normalize(zs, dim=1) @ F.normalize(zt.detach(), dim=1).T / tau


# %% right: cross_entropy
def infonce_distillation_loss(zs, zt, tau):
    zs, zt = F.normalize(zs, dim=1), F.normalize(zt.detach(), dim=1)
    return F.cross_entropy(zs @ zt.T / tau, torch.arange(len(zs)))


# %% right: no_grad around the teacher, other names
def infonce_distillation_loss(student, teacher, temperature=0.1):
    with torch.no_grad():
        keys = F.normalize(teacher, p=2, dim=-1)
    queries = F.normalize(student, p=2, dim=-1)
    labels = torch.arange(student.size(0), device=student.device)
    return nn.CrossEntropyLoss()(torch.mm(queries, keys.t()) / temperature, labels)


# %% right: log_softmax and the diagonal
def infonce_distillation_loss(zs, zt, tau):
    return -logits_of(zs, zt, tau).log_softmax(1).diagonal().mean()


# %% right: logsumexp minus the own pair
def infonce_distillation_loss(zs, zt, tau):
    z = logits_of(zs, zt, tau)
    return (z.logsumexp(dim=1) - z.diag()).mean()


# %% right: F.cosine_similarity
def infonce_distillation_loss(zs, zt, tau):
    cosine = F.cosine_similarity(zs.unsqueeze(1), zt.detach().unsqueeze(0), dim=-1)
    return F.cross_entropy(cosine / tau, torch.arange(zs.shape[0]))


# %% right: norms by hand, one-hot labels
def infonce_distillation_loss(zs, zt, tau):
    zt = zt.detach()
    a, b = zs / zs.norm(dim=1, keepdim=True), zt / zt.norm(dim=1, keepdim=True)
    log_q = F.log_softmax(a @ b.mT / tau, dim=-1)
    return -(torch.eye(len(zs)) * log_q).sum() / len(zs)


# %% right: row by row
def infonce_distillation_loss(zs, zt, tau):
    zt = zt.detach()
    total = 0
    for i, row in enumerate(zs):
        scores = torch.stack([F.cosine_similarity(row, other, dim=0) for other in zt]) / tau
        total = total - F.log_softmax(scores, dim=0)[i]
    return total / len(zs)


# %% right: the transposed matrix, softmax over its first axis
def infonce_distillation_loss(zs, zt, tau):
    z = F.normalize(zt.detach()) @ F.normalize(zs).T / tau
    return -torch.diagonal(F.log_softmax(z, dim=0)).mean()


# %% right: einsum, maximum subtracted
def infonce_distillation_loss(zs, zt, tau):
    z = torch.einsum("id,jd->ij", F.normalize(zs), F.normalize(zt.detach())) / tau
    z = z - z.max(dim=1, keepdim=True).values.detach()
    return (z.exp().sum(1).log() - z.diagonal()).mean()


# %% right: keyword-only temperature, as in kdcourse.losses
def infonce_distillation_loss(student, teacher, *, temperature=0.1):
    return F.cross_entropy(logits_of(student, teacher, temperature), torch.arange(len(student)))


# %% right: keyword-only tau
def infonce_distillation_loss(student, teacher, *, tau):
    return F.cross_entropy(logits_of(student, teacher, tau), torch.arange(len(student)))


# %% right: float64 inside
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(logits_of(zs.double(), zt.double(), tau), torch.arange(len(zs)))


# %% right: float32 inside
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(logits_of(zs.float(), zt.float(), tau), torch.arange(len(zs)))


# %% right: from squared distances of unit vectors, whose constant cancels
def infonce_distillation_loss(zs, zt, tau):
    a, b = F.normalize(zs), F.normalize(zt.detach())
    z = -(a[:, None] - b[None]).square().sum(2) / (2 * tau)
    return F.cross_entropy(z, torch.arange(len(zs)))


# %% right: nll_loss
def infonce_distillation_loss(zs, zt, tau):
    return F.nll_loss(F.log_softmax(logits_of(zs, zt, tau), 1), torch.arange(zs.shape[0]))


# %% right: a module
class InfoNCE(nn.Module):
    def forward(self, zs, zt, tau):
        return F.cross_entropy(logits_of(zs, zt, tau), torch.arange(len(zs)))


infonce_distillation_loss = InfoNCE()


# %% right: functools.partial
def general(reduction, zs, zt, tau):
    return F.cross_entropy(logits_of(zs, zt, tau), torch.arange(len(zs)), reduction=reduction)


infonce_distillation_loss = functools.partial(general, "mean")


# %% right: probabilities as labels
def infonce_distillation_loss(zs, zt, tau):
    z = logits_of(zs, zt, tau)
    return F.cross_entropy(z, torch.eye(len(z), dtype=z.dtype))


# %% wrong: both directions averaged -> This is the symmetric loss
def infonce_distillation_loss(zs, zt, tau):
    z, y = logits_of(zs, zt, tau), torch.arange(len(zs))
    return (F.cross_entropy(z, y) + F.cross_entropy(z.T, y)) / 2


# %% wrong: both directions summed -> sum of both directions
def infonce_distillation_loss(zs, zt, tau):
    z, y = logits_of(zs, zt, tau), torch.arange(len(zs))
    return F.cross_entropy(z, y) + F.cross_entropy(z.T, y)


# %% wrong: teacher rows as queries -> Student and teacher are exchanged
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(logits_of(zs, zt, tau).T, torch.arange(len(zs)))


# %% wrong: softmax over the batch -> Student and teacher are exchanged
def infonce_distillation_loss(zs, zt, tau):
    return -F.log_softmax(logits_of(zs, zt, tau), dim=0).diagonal().mean()


# %% wrong: not normalised -> The rows are not L2-normalised
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(zs @ zt.detach().T / tau, torch.arange(len(zs)))


# %% wrong: only the teacher is normalised -> The student's rows are not
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(zs @ F.normalize(zt.detach()).T / tau, torch.arange(len(zs)))


# %% wrong: only the student is normalised -> The teacher's rows are not
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(F.normalize(zs) @ zt.detach().T / tau, torch.arange(len(zs)))


# %% wrong: columns normalised -> The columns are normalised
def infonce_distillation_loss(zs, zt, tau):
    z = F.normalize(zs, dim=0) @ F.normalize(zt.detach(), dim=0).T / tau
    return F.cross_entropy(z, torch.arange(len(zs)))


# %% wrong: one norm for the batch -> divided by one norm
def infonce_distillation_loss(zs, zt, tau):
    zt = zt.detach()
    return F.cross_entropy((zs / zs.norm()) @ (zt / zt.norm()).T / tau, torch.arange(len(zs)))


# %% wrong: multiplied by tau -> multiplied by tau; divide
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(logits_of(zs, zt, 1.0) * tau, torch.arange(len(zs)))


# %% wrong: tau not used -> tau is not used
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(logits_of(zs, zt, 1.0), torch.arange(len(zs)))


# %% wrong: tau on both sides -> divided by tau²
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(
        (F.normalize(zs) / tau) @ (F.normalize(zt.detach()) / tau).T, torch.arange(len(zs))
    )


# %% wrong: times tau² as in KD -> multiplied by tau²
def infonce_distillation_loss(zs, zt, tau):
    return tau**2 * F.cross_entropy(logits_of(zs, zt, tau), torch.arange(len(zs)))


# %% wrong: times tau -> multiplied by tau;
def infonce_distillation_loss(zs, zt, tau):
    return tau * F.cross_entropy(logits_of(zs, zt, tau), torch.arange(len(zs)))


# %% wrong: the own pair left out of the denominator -> left out of the denominator
def infonce_distillation_loss(zs, zt, tau):
    z = logits_of(zs, zt, tau)
    if len(z) == 1:
        return 0 * z.sum()
    others = z.masked_fill(torch.eye(len(z), dtype=torch.bool), -torch.inf)
    return (others.logsumexp(1) - z.diagonal()).mean()


# %% wrong: diagonal masked, so the own pair is impossible -> not finite
def infonce_distillation_loss(zs, zt, tau):
    z = logits_of(zs, zt, tau).masked_fill(torch.eye(len(zs), dtype=torch.bool), -torch.inf)
    return F.cross_entropy(z, torch.arange(len(zs)))


# %% wrong: summed -> sum over the batch
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(logits_of(zs, zt, tau), torch.arange(len(zs)), reduction="sum")


# %% wrong: mean over all pairs -> by B once more
def infonce_distillation_loss(zs, zt, tau):
    z = logits_of(zs, zt, tau)
    return -(torch.eye(len(z)) * z.log_softmax(1)).mean()


# %% wrong: not reduced -> A loss is one number
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(logits_of(zs, zt, tau), torch.arange(len(zs)), reduction="none")


# %% wrong: logarithm of a softmax -> underflows
def infonce_distillation_loss(zs, zt, tau):
    return -torch.log(torch.softmax(logits_of(zs, zt, tau), dim=1)).diagonal().mean()


# %% wrong: logarithm of a softmax, in float64 -> underflows
def infonce_distillation_loss(zs, zt, tau):
    return -torch.log(torch.softmax(logits_of(zs.double(), zt.double(), tau), dim=1)).diagonal().mean()


# %% wrong: exponentials by hand -> underflows
def infonce_distillation_loss(zs, zt, tau):
    e = logits_of(zs, zt, tau).exp()
    return -(e.diagonal() / e.sum(1)).log().mean()


# %% wrong: 1e-8 in the logarithm -> added
def infonce_distillation_loss(zs, zt, tau):
    return -(logits_of(zs, zt, tau).softmax(1) + 1e-8).log().diagonal().mean()


# %% wrong: 1e-12 in the logarithm -> added
def infonce_distillation_loss(zs, zt, tau):
    return -(logits_of(zs, zt, tau).softmax(1) + 1e-12).log().diagonal().mean()


# %% wrong: probabilities clamped -> clamped
def infonce_distillation_loss(zs, zt, tau):
    return -logits_of(zs, zt, tau).softmax(1).clamp(min=1e-7).log().diagonal().mean()


# %% wrong: probabilities handed to cross_entropy -> is given probabilities
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(logits_of(zs, zt, tau).softmax(1), torch.arange(len(zs)))


# %% wrong: nll_loss of probabilities -> `nll_loss` is given probabilities
def infonce_distillation_loss(zs, zt, tau):
    return F.nll_loss(logits_of(zs, zt, tau).softmax(1), torch.arange(len(zs)))


# %% wrong: exponentials handed to cross_entropy -> takes the exponential itself
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(logits_of(zs, zt, tau).exp(), torch.arange(len(zs)))


# %% wrong: class 0 for all -> not class 0
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(logits_of(zs, zt, tau), torch.zeros(len(zs), dtype=torch.long))


# %% wrong: only the own pairs -> the negatives
def infonce_distillation_loss(zs, zt, tau):
    return -logits_of(zs, zt, tau).diagonal().mean()


# %% wrong: one minus the cosine -> 1 minus the cosine
def infonce_distillation_loss(zs, zt, tau):
    return (1 - F.cosine_similarity(zs, zt.detach())).mean()


# %% wrong: the sign -> The sign is wrong
def infonce_distillation_loss(zs, zt, tau):
    return F.log_softmax(logits_of(zs, zt, tau), 1).diagonal().mean()


# %% wrong: pushed away -> pushed apart
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(-logits_of(zs, zt, tau), torch.arange(len(zs)))


# %% wrong: binary losses -> binary loss for each pair
def infonce_distillation_loss(zs, zt, tau):
    return F.binary_cross_entropy_with_logits(logits_of(zs, zt, tau), torch.eye(len(zs), dtype=zs.dtype))


# %% wrong: label smoothing -> The labels are smoothed
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(logits_of(zs, zt, tau), torch.arange(len(zs)), label_smoothing=0.1)


# %% wrong: student rows among the negatives -> Student rows are among the negatives
def infonce_distillation_loss(zs, zt, tau):
    z = F.normalize(torch.cat([zs, zt.detach()]))
    logits = (z @ z.T / tau).masked_fill(torch.eye(len(z), dtype=torch.bool), -torch.inf)
    return F.cross_entropy(logits, torch.arange(len(z)).roll(len(zs)))


# %% wrong: the student with itself -> compared with itself
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(logits_of(zs, zs, tau), torch.arange(len(zs)))


# %% wrong: gradient into the teacher -> A gradient reaches `zt`
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(F.normalize(zs) @ F.normalize(zt).T / tau, torch.arange(len(zs)))


# %% wrong: the student detached -> no gradient flows back
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(F.normalize(zs.detach()) @ F.normalize(zt).T / tau, torch.arange(len(zs)))


# %% wrong: the student's norm detached -> norm of the student's rows is detached
def infonce_distillation_loss(zs, zt, tau):
    a = zs / zs.norm(dim=1, keepdim=True).detach()
    return F.cross_entropy(a @ F.normalize(zt.detach()).T / tau, torch.arange(len(zs)))


# %% wrong: everything compared with the whole batch -> One softmax runs over the whole matrix
def infonce_distillation_loss(zs, zt, tau):
    z = logits_of(zs, zt, tau)
    return (z.flatten().logsumexp(0) - z.diagonal()).mean()


# %% wrong: shifted labels -> not right
def infonce_distillation_loss(zs, zt, tau):
    return F.cross_entropy(logits_of(zs, zt, tau), (torch.arange(len(zs)) + 1) % len(zs))


# %% wrong: normalised in place -> changes its argument
def infonce_distillation_loss(zs, zt, tau):
    zs.data /= zs.data.norm(dim=1, keepdim=True)
    return F.cross_entropy(logits_of(zs, zt, tau), torch.arange(len(zs)))


# %% wrong: the loss of the columns -> not fit
def infonce_distillation_loss(zs, zt, tau):
    z = F.normalize(zs).T @ F.normalize(zt.detach()) / tau
    return F.cross_entropy(z, torch.arange(len(zs)))


# %% trivial: 0
def infonce_distillation_loss(zs, zt, tau):
    return 0


# %% trivial: 1.0
def infonce_distillation_loss(zs, zt, tau):
    return torch.tensor(1.0, requires_grad=True)


# %% trivial: NaN
def infonce_distillation_loss(zs, zt, tau):
    return zs.sum() * float("nan")


# %% trivial: the input
def infonce_distillation_loss(zs, zt, tau):
    return zs


# %% trivial: zero with a graph
def infonce_distillation_loss(zs, zt, tau):
    return 0 * zs.sum()
