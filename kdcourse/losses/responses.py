"""Response-based losses: the student matches what the teacher *says*.

Conventions of every function here: B is the batch size, C the number of classes; logits have shape (B, C);
the student comes before the teacher; no gradient reaches the teacher; natural logarithms; mean over the
batch; the result is a 0-dimensional tensor in the student's dtype (half-precision inputs are computed in
float32 inside).
"""

import math

import torch.nn.functional as F
from torch import Tensor

from kdcourse.losses._checks import check_labels, check_number, check_pair, check_temperature
from kdcourse.losses._numerics import cross_entropy, mean_divergence, soften, wide, wide_pair


def soft_cross_entropy(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 1.0) -> Tensor:
    r"""Cross-entropy of the student against the teacher's softened probabilities, without the factor T².

    .. math:: -\frac{1}{B} \sum_b \sum_c p_{bc} \log q_{bc},
              \qquad p = softmax(t / T), \quad q = softmax(s / T)

    It differs from the Kullback-Leibler divergence by the teacher's entropy, a constant for the student:
    same gradient, another value (not zero at equality).

    Args:
        student_logits: s, shape (B, C).
        teacher_logits: t, shape (B, C); a constant.
        temperature: T > 0, in units of logits.

    Returns:
        0-dimensional tensor, in nats per sample.

    Raises:
        ValueError: wrong or unequal shapes, an empty batch, a temperature that is not positive and finite.

    Source:
        Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", NIPS 2014 workshop (arXiv
        1503.02531), section 2.

    Lecture:
        01_soft_targets, section 3.

    >>> import torch
    >>> zeros = torch.zeros(3, 4)
    >>> round(soft_cross_entropy(zeros, zeros).item(), 4)  # log 4: both are uniform over four classes
    1.3863
    """
    check_pair(student_logits, teacher_logits)
    check_temperature(temperature)
    student, teacher = wide_pair(student_logits, teacher_logits)
    target = F.softmax(soften(teacher, temperature), dim=1)
    log_q = F.log_softmax(soften(student, temperature), dim=1)
    return (-(target * log_q).sum() / len(target)).to(student_logits.dtype)


def soft_target_loss(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 4.0) -> Tensor:
    r"""Hinton's soft-target loss: T² times the divergence of the student from the teacher.

    .. math:: \frac{T^2}{B} \sum_b \sum_c p_{bc} \left(\log p_{bc} - \log q_{bc}\right),
              \qquad p = softmax(t / T), \quad q = softmax(s / T)

    The factor T² keeps the gradient of the order of that of ordinary cross-entropy when T changes: the
    gradient with respect to one row of student logits is T (q - p) / B, which tends to (s - t) / (B C) for
    centred logits and large T. In float32 the value carries a rounding error of about T² * 1e-7 (the
    gradient one of T * 1e-7): study large T in float64.

    Args:
        student_logits: s, shape (B, C).
        teacher_logits: t, shape (B, C); a constant.
        temperature: T > 0, in units of logits.

    Returns:
        0-dimensional tensor, in nats per sample times T²; zero where both predict the same probabilities.

    Raises:
        ValueError: wrong or unequal shapes, an empty batch, a temperature that is not positive and finite.

    Source:
        Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", NIPS 2014 workshop (arXiv
        1503.02531), section 2 and equations 2 to 4. The paper writes cross-entropy; the divergence has the
        same gradient. Widely used code often calls ``kl_div`` with its default reduction, which divides by
        C as well.

    Lecture:
        01_soft_targets, section 4.

    >>> import torch
    >>> teacher = torch.tensor([[2.0, 0.0]])
    >>> soft_target_loss(teacher + 7, teacher).item()  # a shift of all logits changes nothing
    0.0
    """
    check_pair(student_logits, teacher_logits)
    check_temperature(temperature)
    student, teacher = wide_pair(student_logits, teacher_logits)
    loss = temperature**2 * mean_divergence(soften(teacher, temperature), soften(student, temperature))
    return loss.to(student_logits.dtype)


def kd_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    temperature: float = 4.0,
    alpha: float = 0.9,
) -> Tensor:
    r"""Knowledge-distillation (KD) loss: soft targets of the teacher and the true labels together.

    .. math:: \alpha \, T^2 \, KL\left(softmax(t/T) \,\|\, softmax(s/T)\right) + (1 - \alpha) \, CE(s, y)

    Args:
        student_logits: s, shape (B, C).
        teacher_logits: t, shape (B, C); a constant.
        labels: y, shape (B,), int64 class indices in 0 .. C-1.
        temperature: T > 0; it softens the first term only, the second is taken at T = 1.
        alpha: weight of the soft term, in [0, 1].

    Returns:
        0-dimensional tensor, mean over the batch.

    Raises:
        ValueError: wrong shapes, an empty batch, labels out of range, T not positive, alpha outside [0, 1].
            (On a GPU the range of the labels is left to the device, so that nothing waits for it.)

    Source:
        Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", NIPS 2014 workshop (arXiv
        1503.02531), section 2. The paper gives no weights by name; implementations differ in which term
        alpha multiplies.

    Lecture:
        01_soft_targets, section 5.

    >>> import torch
    >>> logits = torch.zeros(2, 3)
    >>> round(kd_loss(logits, logits, torch.tensor([0, 2]), alpha=0.9).item(), 4)  # 0.1 * log 3
    0.1099
    """
    check_pair(student_logits, teacher_logits)
    check_labels(labels, student_logits)
    check_number("alpha", alpha, low=0.0, high=1.0)
    soft = soft_target_loss(wide(student_logits), teacher_logits, temperature=temperature)
    hard = cross_entropy(wide(student_logits), labels)
    return (alpha * soft + (1 - alpha) * hard).to(student_logits.dtype)


def logit_matching_loss(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    r"""Logit matching: half the squared distance between the logits.

    .. math:: \frac{1}{2B} \sum_b \| s_b - t_b \|^2

    For logits centred on zero in each row, C times `soft_target_loss` tends to this as T grows.

    Args:
        student_logits: s, shape (B, C).
        teacher_logits: t, shape (B, C); a constant.

    Returns:
        0-dimensional tensor, in squared units of logits, mean over the batch, *sum* over classes.

    Raises:
        ValueError: wrong or unequal shapes, an empty batch.

    Source:
        Ba & Caruana, "Do Deep Nets Really Need to be Deep?", NIPS 2014, equation 1 (there per training set:
        1/(2T) with T the number of samples); Hinton, Vinyals & Dean (2014), section 2.1, for the limit of
        high temperature.

    Lecture:
        01_soft_targets, section 4.

    >>> import torch
    >>> logit_matching_loss(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)).item()  # (9 + 16) / 2
    12.5
    """
    check_pair(student_logits, teacher_logits)
    student, teacher = wide_pair(student_logits, teacher_logits)
    return (0.5 * (student - teacher).square().sum(dim=1).mean()).to(student_logits.dtype)


def generalized_jsd(student_logits: Tensor, teacher_logits: Tensor, *, beta: float = 0.5) -> Tensor:
    r"""Generalised Jensen-Shannon divergence: from mode-covering (beta near 0) to mode-seeking (near 1).

    .. math:: \frac{1}{B} \sum_b \beta \, KL(p_b \| m_b) + (1 - \beta) \, KL(q_b \| m_b),
              \qquad m = \beta p + (1 - \beta) q, \quad p = softmax(t), \quad q = softmax(s)

    The formula is 0 at both ends, but divided by beta it tends to KL(p || q) for small beta, and divided by
    1 - beta to KL(q || p) for large. Those stand at the ends themselves: KL(p || q), the loss of ordinary
    distillation, at ``beta=0`` and KL(q || p) at ``beta=1``. So the value jumps there, and learning rates
    for beta near an end do not carry over to it. At beta = 0.5 it is the Jensen-Shannon divergence, which is
    symmetric and at most log 2. Gradients run through q alone; those through the mixture m cancel, since
    its slope is the same for every class and probabilities sum to one.

    Args:
        student_logits: s, shape (B, C).
        teacher_logits: t, shape (B, C); a constant.
        beta: weight of the teacher in the mixture, in [0, 1].

    Returns:
        0-dimensional tensor, in nats per sample; zero where both predict the same probabilities.

    Raises:
        ValueError: wrong or unequal shapes, an empty batch, beta outside [0, 1].

    Source:
        Agarwal, Vieillard, Zhou, Stanczyk, Ramos, Geist & Bachem, "On-Policy Distillation of Language Models:
        Learning from Self-Generated Mistakes", ICLR 2024, section 2. Widely used code had the weights of the
        mixture exchanged, and gave 0 at both ends: beta = 0.5 shows neither.

    Lecture:
        02_better_soft_targets, section 2.

    >>> import torch
    >>> sure, unsure = torch.tensor([[99.0, -99.0]]), torch.zeros(1, 2)
    >>> round(generalized_jsd(unsure, sure, beta=0.0).item(), 4)  # log 2: the teacher gives one class all
    0.6931
    >>> round(generalized_jsd(-sure, sure, beta=0.25).item(), 4)  # 1/4 log 4 + 3/4 log 4/3: nothing shared
    0.5623
    """
    check_pair(student_logits, teacher_logits)
    check_number("beta", beta, low=0.0, high=1.0)
    student, teacher = wide_pair(student_logits, teacher_logits)
    if beta == 0:
        loss = mean_divergence(teacher, student)
    elif beta == 1:
        loss = mean_divergence(student, teacher)
    else:
        # beta p / m is the probability that a class drawn from the mixture is the teacher's: a sigmoid of
        # log p/q. So nothing is lost where m is nearly p or nearly q, as it would be in log p - log m.
        log_p, log_q = F.log_softmax(teacher, dim=1), F.log_softmax(student, dim=1)
        log_odds = log_p - log_q + (math.log(beta) - math.log1p(-beta))
        log_p_over_m = F.logsigmoid(log_odds) - math.log(beta)
        log_q_over_m = F.logsigmoid(-log_odds) - math.log1p(-beta)
        loss = (beta * log_p.exp() * log_p_over_m + (1 - beta) * log_q.exp() * log_q_over_m).sum(dim=1).mean()
    return loss.to(student_logits.dtype)
