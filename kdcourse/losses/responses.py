"""Response-based losses: the student matches what the teacher *says*.

Conventions of every function here: B is the batch size, C the number of classes; logits have shape (B, C);
the student comes before the teacher; no gradient reaches the teacher; natural logarithms; mean over the
batch; the result is a 0-dimensional tensor in the student's dtype (half-precision inputs are computed in
float32 inside).
"""

import torch.nn.functional as F
from torch import Tensor

from kdcourse.losses._checks import check_labels, check_number, check_pair, check_temperature
from kdcourse.losses._numerics import divergence, wide, wide_pair


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

    >>> import torch
    >>> zeros = torch.zeros(3, 4)
    >>> round(soft_cross_entropy(zeros, zeros).item(), 4)  # log 4: both are uniform over four classes
    1.3863
    """
    check_pair(student_logits, teacher_logits)
    check_temperature(temperature)
    student, teacher = wide_pair(student_logits, teacher_logits)
    target = F.softmax(teacher / temperature, dim=1)
    loss = -(target * F.log_softmax(student / temperature, dim=1)).sum(dim=1).mean()
    return loss.to(student_logits.dtype)


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

    >>> import torch
    >>> teacher = torch.tensor([[2.0, 0.0]])
    >>> soft_target_loss(teacher + 7, teacher).item()  # a shift of all logits changes nothing
    0.0
    """
    check_pair(student_logits, teacher_logits)
    check_temperature(temperature)
    student, teacher = wide_pair(student_logits, teacher_logits)
    loss = temperature**2 * divergence(teacher / temperature, student / temperature).mean()
    return loss.to(student_logits.dtype)


def kd_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    temperature: float = 4.0,
    alpha: float = 0.9,
) -> Tensor:
    r"""Knowledge-distillation loss: soft targets of the teacher and the true labels together.

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

    >>> import torch
    >>> logits = torch.zeros(2, 3)
    >>> round(kd_loss(logits, logits, torch.tensor([0, 2]), alpha=0.9).item(), 4)  # 0.1 * log 3
    0.1099
    """
    check_pair(student_logits, teacher_logits)
    check_labels(labels, student_logits)
    check_number("alpha", alpha, low=0.0, high=1.0)
    soft = soft_target_loss(wide(student_logits), teacher_logits, temperature=temperature)
    # Not F.cross_entropy: it would skip samples labelled -100 where the range is not checked (GPU, vmap),
    # and torch.func.vmap runs it slowly.
    log_probabilities = F.log_softmax(wide(student_logits), dim=1)
    hard = -log_probabilities.gather(1, labels[:, None]).mean()
    return (alpha * soft + (1 - alpha) * hard).to(student_logits.dtype)


def logit_matching_loss(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    r"""Half the squared distance between the logits.

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

    >>> import torch
    >>> logit_matching_loss(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)).item()  # (9 + 16) / 2
    12.5
    """
    check_pair(student_logits, teacher_logits)
    student, teacher = wide_pair(student_logits, teacher_logits)
    return (0.5 * (student - teacher).square().sum(dim=1).mean()).to(student_logits.dtype)
