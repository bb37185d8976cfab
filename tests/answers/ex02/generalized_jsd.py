# ruff: noqa
# Answers to generalized_jsd: each block is what a learner might write. The text after `->` must be in the feedback.
import functools
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


def kl(log_p, log_q):
    return (log_p.exp() * (log_p - log_q)).sum(1).mean()


def tables(s, t):
    return F.log_softmax(t.detach(), 1), F.log_softmax(s, 1)


def mixture(lt, ls, beta):
    return torch.logaddexp(lt + math.log(beta), ls + math.log(1 - beta))


# %% right: logaddexp and kl_div
def generalized_jsd(student_logits, teacher_logits, beta):
    log_q = F.log_softmax(student_logits, dim=1)
    log_p = F.log_softmax(teacher_logits.detach(), dim=1)
    if beta == 0:
        return F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
    if beta == 1:
        return F.kl_div(log_p, log_q, reduction="batchmean", log_target=True)
    log_m = torch.logaddexp(log_p + math.log(beta), log_q + math.log(1 - beta))
    to_teacher = F.kl_div(log_m, log_p, reduction="batchmean", log_target=True)
    to_student = F.kl_div(log_m, log_q, reduction="batchmean", log_target=True)
    return beta * to_teacher + (1 - beta) * to_student


# %% right: logsumexp of a stack, as in a library
def generalized_jsd(s, t, beta):
    s_log, t_log = F.log_softmax(s, dim=-1), F.log_softmax(t.detach(), dim=-1)
    if beta == 0:
        jsd = F.kl_div(s_log, t_log, reduction="none", log_target=True)
    elif beta == 1:
        jsd = F.kl_div(t_log, s_log, reduction="none", log_target=True)
    else:
        b = torch.tensor(beta, dtype=s_log.dtype)
        m = torch.logsumexp(torch.stack([s_log + torch.log(1 - b), t_log + torch.log(b)]), dim=0)
        kl_t = F.kl_div(m, t_log, reduction="none", log_target=True)
        kl_s = F.kl_div(m, s_log, reduction="none", log_target=True)
        jsd = b * kl_t + (1 - b) * kl_s
    return jsd.sum() / jsd.size(0)


# %% right: helpers by hand
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = mixture(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% right: a loop over the samples
def generalized_jsd(s, t, beta):
    with torch.no_grad():
        t = t.clone()
    total = torch.zeros(())
    for a, b in zip(s, t):
        ls, lt = torch.log_softmax(a, 0), torch.log_softmax(b, 0)
        if beta == 0.0:
            row = (lt.exp() * (lt - ls)).sum()
        elif beta == 1.0:
            row = (ls.exp() * (ls - lt)).sum()
        else:
            m = torch.logaddexp(lt + math.log(beta), ls + math.log1p(-beta))
            row = beta * (lt.exp() * (lt - m)).sum() + (1 - beta) * (ls.exp() * (ls - m)).sum()
        total = total + row
    return total / len(s)


# %% right: sigmoid of the log-odds
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta == 0:
        return kl(lt, ls)
    if beta == 1:
        return kl(ls, lt)
    odds = lt - ls + math.log(beta / (1 - beta))
    rows = beta * lt.exp() * (F.logsigmoid(odds) - math.log(beta))
    rows = rows + (1 - beta) * ls.exp() * (F.logsigmoid(-odds) - math.log(1 - beta))
    return rows.sum(dim=1).mean()


# %% right: entropies of mixture and parts
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta == 0:
        return kl(lt, ls)
    if beta == 1:
        return kl(ls, lt)

    def entropy(log_p):
        return -(log_p.exp() * log_p).sum(1)

    m = mixture(lt, ls, beta)
    return (entropy(m) - beta * entropy(lt) - (1 - beta) * entropy(ls)).mean()


# %% right: probabilities inside, with a guard for what is exactly zero
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta == 0:
        return kl(lt, ls)
    if beta == 1:
        return kl(ls, lt)
    m = (beta * lt.exp() + (1 - beta) * ls.exp()).clamp(min=1e-30).log()
    return (
        beta * (lt.exp() * (lt.clamp(min=-60) - m)).sum(1).mean()
        + (1 - beta) * (ls.exp() * (ls.clamp(min=-60) - m)).sum(1).mean()
    )


# %% right: a module, KLDivLoss, batch mean by hand
class Jsd(nn.Module):
    def __init__(self):
        super().__init__()
        self.kl = nn.KLDivLoss(reduction="sum", log_target=True)

    def forward(self, student, teacher, beta=0.5):
        lt, ls = teacher.detach().log_softmax(1), student.log_softmax(1)
        if 0 < beta < 1:
            m = torch.stack([lt + math.log(beta), ls + math.log(1 - beta)]).logsumexp(0)
            loss = beta * self.kl(m, lt) + (1 - beta) * self.kl(m, ls)
        else:
            loss = self.kl(lt, ls) if beta else self.kl(ls, lt)
        return loss / student.shape[0]


generalized_jsd = Jsd()


# %% right: float64 inside
def generalized_jsd(s, t, beta):
    lt, ls = tables(s.double(), t.double())
    if beta == 0:
        return kl(lt, ls)
    if beta == 1:
        return kl(ls, lt)
    m = mixture(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% right: by hand from logsumexp, other names
def generalized_jsd(z, v, b):
    v = v.detach()
    q = z - torch.logsumexp(z, 1, keepdim=True)
    p = v - torch.logsumexp(v, 1, keepdim=True)
    if b < 1e-12:
        return torch.einsum("bc,bc->", p.exp(), p - q) / len(z)
    if b > 1 - 1e-12:
        return torch.einsum("bc,bc->", q.exp(), q - p) / len(z)
    m = torch.logaddexp(p + math.log(b), q + math.log(1 - b))
    return (b * p.exp() * (p - m) + (1 - b) * q.exp() * (q - m)).sum() / len(z)


# %% right: keyword-only beta, a partial
def general(reduction, student_logits, teacher_logits, *, beta=0.5):
    lt, ls = tables(student_logits, teacher_logits)
    div = functools.partial(F.kl_div, reduction=reduction, log_target=True)
    if beta == 0:
        return div(ls, lt)
    if beta == 1:
        return div(lt, ls)
    m = mixture(lt, ls, beta)
    return beta * div(m, lt) + (1 - beta) * div(m, ls)


generalized_jsd = functools.partial(general, "batchmean")


# %% right: three functions in a dictionary
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)

    def between():
        m = mixture(lt, ls, beta)
        return beta * kl(lt, m) + (1 - beta) * kl(ls, m)

    return {0.0: lambda: kl(lt, ls), 1.0: lambda: kl(ls, lt)}.get(float(beta), between)()


# %% right: distributions of PyTorch at the ends
def generalized_jsd(s, t, beta):
    from torch.distributions import Categorical, kl_divergence

    p, q = Categorical(logits=t.detach(), validate_args=False), Categorical(logits=s, validate_args=False)
    if beta in (0.0, 1.0):
        first, second = (p, q) if beta == 0 else (q, p)
        return (first.logits.exp() * (first.logits - second.logits)).sum(1).mean()
    m = mixture(p.logits, q.logits, beta)
    return beta * kl(p.logits, m) + (1 - beta) * kl(q.logits, m)


# %% right: the library's own
from kdcourse.losses import generalized_jsd


# %% right: mixture detached, through which no gradient flows in sum
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = mixture(lt, ls, beta).detach()
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% right: mixture under no_grad
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    with torch.no_grad():
        m = mixture(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: weights of the mixture exchanged -> inside the mixture are exchanged
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = mixture(ls, lt, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: weights of the mixture exchanged, no ends -> inside the mixture are exchanged
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    b = torch.tensor(beta)
    m = torch.logsumexp(torch.stack([ls + torch.log(b), lt + torch.log(1 - b)]), dim=0)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: weights of the divergences exchanged -> weights of the two divergences are exchanged
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = mixture(lt, ls, beta)
    return (1 - beta) * kl(lt, m) + beta * kl(ls, m)


# %% wrong: roles exchanged -> Or are the two arguments exchanged?
def generalized_jsd(teacher, student, beta):
    lt, ls = F.log_softmax(teacher, 1), F.log_softmax(student, 1)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = mixture(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: beta belongs to the student everywhere -> beta weights the student
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = mixture(ls, lt, beta)
    return (1 - beta) * kl(lt, m) + beta * kl(ls, m)


# %% wrong: no ends, in logarithms -> At beta = 0 and beta = 1 the formula gives 0
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    b = torch.tensor(beta)
    m = torch.logsumexp(torch.stack([lt + torch.log(b), ls + torch.log(1 - b)]), dim=0)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: no ends, where math refuses -> At beta = 0, where the loss is
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    m = mixture(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: ends moved inside -> At beta = 0, where the loss is
def generalized_jsd(s, t, beta):
    beta = min(max(beta, 1e-4), 1 - 1e-4)
    lt, ls = tables(s, t)
    m = mixture(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: ends exchanged -> The two ends are exchanged
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 1 else kl(ls, lt)
    m = mixture(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: one end for both -> At beta = 1 the loss is KL(p_s‖p_t)
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls)
    m = mixture(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: second end forgotten -> At beta = 1 the formula gives 0
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta == 0:
        return kl(lt, ls)
    b = torch.tensor(beta)
    m = torch.logsumexp(torch.stack([lt + torch.log(b), ls + torch.log(1 - b)]), dim=0)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: ends by a threshold that is too wide -> At beta = 0.02, close to an end
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta < 0.05:
        return kl(lt, ls)
    if beta > 0.95:
        return kl(ls, lt)
    m = mixture(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: divergences from the mixture -> point the wrong way, KL(m‖p)
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = mixture(lt, ls, beta)
    return beta * kl(m, lt) + (1 - beta) * kl(m, ls)


# %% wrong: kl_div's arguments exchanged throughout -> point the wrong way, KL(m‖p)
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    div = functools.partial(F.kl_div, reduction="batchmean", log_target=True)
    if beta == 0:
        return div(lt, ls)
    if beta == 1:
        return div(ls, lt)
    m = mixture(lt, ls, beta)
    return beta * div(lt, m) + (1 - beta) * div(ls, m)


# %% wrong: beta forgotten -> beta is not used
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    m = mixture(lt, ls, 0.5)
    return 0.5 * kl(lt, m) + 0.5 * kl(ls, m)


# %% wrong: half in the mixture -> The mixture has two halves
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = mixture(lt, ls, 0.5)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: student's term forgotten -> The student's term
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    return beta * kl(lt, mixture(lt, ls, beta))


# %% wrong: no mixture -> both must be taken to the mixture
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    return beta * kl(lt, ls) + (1 - beta) * kl(ls, lt)


# %% wrong: no mixture, sliding -> This slides from
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    return (1 - beta) * kl(lt, ls) + beta * kl(ls, lt)


# %% wrong: logits mixed -> made of logits
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = F.log_softmax(beta * t.detach() + (1 - beta) * s, 1)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: log-probabilities mixed -> made of log-probabilities
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = beta * lt + (1 - beta) * ls
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: mean over everything -> exactly 1/C of ours
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    div = functools.partial(F.kl_div, log_target=True)
    if beta == 0:
        return div(ls, lt)
    if beta == 1:
        return div(lt, ls)
    m = mixture(lt, ls, beta)
    return beta * div(m, lt) + (1 - beta) * div(m, ls)


# %% wrong: sum over the batch -> a sum over the batch
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    div = functools.partial(F.kl_div, log_target=True, reduction="sum")
    if beta == 0:
        return div(ls, lt)
    if beta == 1:
        return div(lt, ls)
    m = mixture(lt, ls, beta)
    return beta * div(m, lt) + (1 - beta) * div(m, ls)


# %% wrong: softmax over the batch -> runs over the batch
def generalized_jsd(s, t, beta):
    lt, ls = F.log_softmax(t.detach(), 0), F.log_softmax(s, 0)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = mixture(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: a gradient for the teacher -> A gradient reaches `teacher_logits`
def generalized_jsd(s, t, beta):
    lt, ls = F.log_softmax(t, 1), F.log_softmax(s, 1)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = mixture(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: a gradient for the teacher at one end -> A gradient reaches `teacher_logits`
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, F.log_softmax(t, 1))
    m = mixture(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: student detached in front of the bars -> in front of the bars
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = mixture(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls.detach(), m)


# %% wrong: everything detached -> The graph is cut
def generalized_jsd(s, t, beta):
    lt, ls = tables(s.detach(), t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = mixture(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: logarithm of a softmax -> not finite
def generalized_jsd(s, t, beta):
    p, q = F.softmax(t.detach(), 1), F.softmax(s, 1)
    if beta in (0, 1):
        return kl(p.log(), q.log()) if beta == 0 else kl(q.log(), p.log())
    m = beta * p + (1 - beta) * q
    return beta * kl(p.log(), m.log()) + (1 - beta) * kl(q.log(), m.log())


# %% wrong: a small number before the logarithm -> A small number such as 1e-10
def generalized_jsd(s, t, beta):
    p, q = F.softmax(t.detach(), 1), F.softmax(s, 1)

    def kl(a, b):
        return (a * ((a + 1e-10).log() - (b + 1e-10).log())).sum(1).mean()

    if beta in (0, 1):
        return kl(p, q) if beta == 0 else kl(q, p)
    m = beta * p + (1 - beta) * q
    return beta * kl(p, m) + (1 - beta) * kl(q, m)


# %% wrong: clamped -> A small number such as 1e-08
def generalized_jsd(s, t, beta):
    p, q = (F.softmax(z, 1).clamp(min=1e-8) for z in (t.detach(), s))

    def kl(a, b):
        return (a * (a.log() - b.log())).sum(1).mean()

    if beta in (0, 1):
        return kl(p, q) if beta == 0 else kl(q, p)
    m = beta * p + (1 - beta) * q
    return beta * kl(p, m) + (1 - beta) * kl(q, m)


# %% wrong: logits clamped -> A constant added
def generalized_jsd(s, t, beta):
    lt, ls = tables(s.clamp(-30, 30), t.clamp(-30, 30))
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = mixture(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: probabilities where logarithms belong -> wants their logarithm there
def generalized_jsd(s, t, beta):
    p, q = F.softmax(t.detach(), 1), F.softmax(s, 1)
    if beta in (0, 1):
        lt, ls = tables(s, t)
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = beta * p + (1 - beta) * q
    return beta * F.kl_div(m, p, reduction="batchmean") + (1 - beta) * F.kl_div(m, q, reduction="batchmean")


# %% wrong: cross-entropies -> These are cross-entropies
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = mixture(lt, ls, beta)
    return -(beta * lt.exp() * m + (1 - beta) * ls.exp() * m).sum(1).mean()


# %% wrong: the distance -> The square root is taken
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = mixture(lt, ls, beta)
    rows = beta * lt.exp() * (lt - m) + (1 - beta) * ls.exp() * (ls - m)
    return rows.sum(1).sqrt().mean()


# %% wrong: base 2 -> base 2
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return (kl(lt, ls) if beta == 0 else kl(ls, lt)) / math.log(2)
    m = mixture(lt, ls, beta)
    return (beta * kl(lt, m) + (1 - beta) * kl(ls, m)) / math.log(2)


# %% wrong: one value a sample -> Your result has the shape
def generalized_jsd(s, t, beta):
    lt, ls = tables(s, t)
    m = mixture(lt, ls, beta)
    return (beta * lt.exp() * (lt - m) + (1 - beta) * ls.exp() * (ls - m)).sum(1)


# %% wrong: in place -> changes its argument `student_logits`
def generalized_jsd(s, t, beta):
    with torch.no_grad():
        s -= s.max()
    lt, ls = tables(s, t)
    if beta in (0, 1):
        return kl(lt, ls) if beta == 0 else kl(ls, lt)
    m = mixture(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


# %% wrong: plain distillation -> this is KL(p_t‖p_s)
def generalized_jsd(s, t, beta):
    return kl(*tables(s, t))


# %% trivial: zero
def generalized_jsd(s, t, beta):
    return torch.zeros(())


# %% trivial: one
def generalized_jsd(s, t, beta):
    return 1.0


# %% trivial: NaN
def generalized_jsd(s, t, beta):
    return s.sum() * float("nan")


# %% trivial: the input
def generalized_jsd(s, t, beta):
    return s


# %% trivial: beta
def generalized_jsd(s, t, beta):
    return beta
