"""Response-based losses that change what is matched: shape, target and non-target classes, correlation.

Conventions as in `responses.py`: logits of shape (B, C), the student before the teacher, no gradient to the
teacher, natural logarithms, mean over the batch, a 0-dimensional result in the student's dtype.
"""

import math

import torch
from torch import Tensor

from kdcourse.losses._checks import (
    check_labels,
    check_number,
    check_pair,
    check_same_shape,
    check_temperature,
    check_tensor,
)
from kdcourse.losses._numerics import mean_divergence, wide, wide_pair

# Stands for the logit of a class that is left out. Its probability is exactly 0 and, unlike with -inf, its
# log-probabilities can be subtracted.
ABSENT = -1e30


def standardized_soft_target_loss(
    student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 2.0
) -> Tensor:
    r"""Logit standardisation: the student matches the shape, not the size, of the logits.

    .. math:: \frac{T^2}{B} \sum_b KL\left(softmax(z(t_b)/T) \,\|\, softmax(z(s_b)/T)\right),
              \qquad z(x) = \frac{x - mean(x)}{std(x) + 10^{-7}}

    with mean and standard deviation over the classes of one sample (std with divisor C - 1). A constant row
    has no shape: its z-scores are all zero (a uniform prediction), and no gradient flows to it. Rounding
    errors of the mean are not taken for a shape.

    Args:
        student_logits: s, shape (B, C).
        teacher_logits: t, shape (B, C); a constant.
        temperature: T > 0, in units of the standard deviation of the logits (the paper's base temperature).

    Returns:
        0-dimensional tensor, in nats per sample times T²; zero where s is t up to shift and positive scale.

    Raises:
        ValueError: wrong or unequal shapes, an empty batch, a single class (no standard deviation), a
            temperature that is not positive and finite.

    Source:
        Sun, Ren, Li, Wang & Cao, "Logit Standardization in Knowledge Distillation", CVPR 2024, section 4 and
        algorithm 1. The authors' code multiplies the loss by a weight of 9 and adds cross-entropy of the
        plain logits.

    Lecture:
        02_better_soft_targets, section 4.

    >>> import torch
    >>> teacher = torch.tensor([[1.0, 2.0, 6.0]])
    >>> loss = standardized_soft_target_loss(10 * teacher - 5, teacher)
    >>> abs(round(loss.item(), 5))  # neither scale nor shift counts
    0.0
    """
    check_pair(student_logits, teacher_logits)
    _check_several_classes(student_logits)
    check_temperature(temperature)
    student, teacher = wide_pair(student_logits, teacher_logits)
    loss = temperature**2 * mean_divergence(
        _z_scores(teacher) / temperature, _z_scores(student) / temperature
    )
    return loss.to(student_logits.dtype)


def decoupled_kd_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    alpha: float = 1.0,
    beta: float = 8.0,
    temperature: float = 4.0,
) -> Tensor:
    r"""Decoupled knowledge distillation (DKD): the label's class and the others weighted apart.

    .. math:: \frac{T^2}{B} \sum_b \alpha \, TCKD_b + \beta \, NCKD_b

    With p = softmax(t/T), q = softmax(s/T) and y the label,

    .. math:: TCKD = KL\left((p_y, 1 - p_y) \,\|\, (q_y, 1 - q_y)\right), \qquad
              NCKD = KL\left(\hat{p} \,\|\, \hat{q}\right)

    where the hats are the probabilities of the other classes, renormalised to sum to one. The whole
    divergence is KL(p || q) = TCKD + (1 - p_y) NCKD, so plain distillation lets a confident teacher silence
    what it knows of the other classes. With two classes there is only one other: NCKD and its gradient are
    zero, and TCKD is the whole divergence.

    Args:
        student_logits: s, shape (B, C).
        teacher_logits: t, shape (B, C); a constant.
        labels: y, shape (B,), int64 class indices in 0 .. C-1.
        alpha: weight of the target-class term, not negative.
        beta: weight of the non-target-class term, not negative.
        temperature: T > 0, in units of logits; in both terms.

    Returns:
        0-dimensional tensor, in nats per sample times T²; zero where both predict the same probabilities.

    Raises:
        ValueError: wrong shapes, an empty batch, a single class, labels out of range, T not positive, a
            negative weight. (On a GPU the range of the labels is left to the device.)

    Source:
        Zhao, Cui, Song, Qiu & Liang, "Decoupled Knowledge Distillation", CVPR 2022, section 3. Defaults are
        those of the authors' code for CIFAR-100. That code takes logarithms of softmax outputs, which gives
        infinity where the student is sure of a wrong class, and raises the weight from 0 over 20 epochs.

    Lecture:
        02_better_soft_targets, section 4.

    >>> import torch
    >>> teacher = torch.tensor([[0.0, 1.0, 3.0]])
    >>> student = torch.tensor([[5.0, 1.0, 3.0]])  # only its opinion of class 0 is different
    >>> y = torch.tensor([0])
    >>> decoupled_kd_loss(student, teacher, y, alpha=0.0).item()
    0.0
    >>> decoupled_kd_loss(student, teacher, y).item() > 1
    True
    """
    check_pair(student_logits, teacher_logits)
    _check_several_classes(student_logits)
    check_labels(labels, student_logits)
    check_number("alpha", alpha, low=0.0)
    check_number("beta", beta, low=0.0)
    check_temperature(temperature)
    student, teacher = wide_pair(student_logits, teacher_logits)
    student, teacher = student / temperature, teacher / temperature
    is_label = torch.arange(student.shape[1], device=student.device) == labels[:, None]

    def target_and_others(logits: Tensor):  # annotated with a tuple, PyTorch 2.4 could not compile it
        # (p_y, 1 - p_y) is the softmax of two numbers: the label's logit and the others' logsumexp.
        others = logits.masked_fill(is_label, ABSENT)
        rest = others.logsumexp(dim=1, keepdim=True)
        return torch.cat([logits.gather(1, labels[:, None]), rest], dim=1), others - rest

    target_s, log_q = target_and_others(student)
    target_t, log_p = target_and_others(teacher)
    tckd = mean_divergence(target_t, target_s)
    nckd = (log_p.exp() * (log_p - log_q)).sum(dim=1).mean()
    return (temperature**2 * (alpha * tckd + beta * nckd)).to(student_logits.dtype)


def dist_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    *,
    beta: float = 1.0,
    gamma: float = 1.0,
    temperature: float = 1.0,
) -> Tensor:
    r"""DIST: the student's probabilities correlate with the teacher's, within samples and across the batch.

    .. math:: \beta \left(1 - \frac{1}{B} \sum_b \rho(q_{b \cdot}, p_{b \cdot})\right)
              + \gamma \left(1 - \frac{1}{C} \sum_c \rho(q_{\cdot c}, p_{\cdot c})\right)

    with p = softmax(t/T), q = softmax(s/T) and Pearson's correlation rho. There is no factor T². Where a
    vector is constant (one row predicted uniform, one class with the same probability in the whole batch)
    its correlation is undefined and taken as 0, with zero gradient. So in a batch of one the second term is
    the constant gamma.

    Args:
        student_logits: s, shape (B, C).
        teacher_logits: t, shape (B, C); a constant.
        beta: weight of the inter-class term (rows: over the classes of one sample), not negative.
        gamma: weight of the intra-class term (columns: over the batch for one class), not negative.
        temperature: T > 0, in units of logits.

    Returns:
        0-dimensional tensor in [0, 2 (beta + gamma)]; zero where both predict the same probabilities, none
        of whose rows and columns is constant.

    Raises:
        ValueError: wrong or unequal shapes, an empty batch, T not positive, a negative weight.

    Source:
        Huang, You, Wang, Qian & Xu, "Knowledge Distillation from A Stronger Teacher", NeurIPS 2022, section
        4. The authors' code multiplies both terms by T², the paper does not; weights and temperatures differ
        between their experiments.

    Lecture:
        02_better_soft_targets, section 4.

    >>> import torch
    >>> teacher = torch.eye(2) * 99
    >>> same, opposite = dist_loss(teacher, teacher), dist_loss(-teacher, teacher)
    >>> round(same.item(), 4), round(opposite.item(), 4)
    (0.0, 4.0)
    """
    check_pair(student_logits, teacher_logits)
    check_number("beta", beta, low=0.0)
    check_number("gamma", gamma, low=0.0)
    check_temperature(temperature)
    student, teacher = wide_pair(student_logits, teacher_logits)
    q, p = (student / temperature).softmax(dim=1), (teacher / temperature).softmax(dim=1)
    of_row = 1 / q.shape[1]  # the mean of probabilities that sum to one
    inter = 1 - _correlation(q, p, of_row, of_row, dim=1).mean()
    intra = 1 - _correlation(q, p, q.mean(dim=0, keepdim=True), p.mean(dim=0, keepdim=True), dim=0).mean()
    return (beta * inter + gamma * intra).to(student_logits.dtype)


def prime_aware_loss(student: Tensor, teacher: Tensor, log_variance: Tensor) -> Tensor:
    r"""Prime-aware adaptive distillation (PAD): squared error, less where a learned variance is high.

    .. math:: \frac{1}{N} \sum_i (t_i - s_i)^2 \exp(-v_i) + v_i, \qquad v = \log \sigma^2

    over all N elements. The best v is the logarithm of the expected squared error, so samples that the
    student cannot match get a small weight and those it can, the prime ones, a large one. The value may be
    negative. Nothing bounds v here: where the error vanishes its best value is minus infinity, and exp(-v)
    overflows float32 below v = -88. The head that predicts v should clamp it.

    Args:
        student: s, shape (B, ...), features or logits, any regressor already applied.
        teacher: t, the shape of the student; a constant.
        log_variance: v, the shape of the student, learned: predicted by a head from the student's feature.

    Returns:
        0-dimensional tensor, mean over all elements, in squared units of the features.

    Raises:
        ValueError: shapes that differ, empty tensors, tensors that are not floating-point.

    Source:
        Zhang, Lan, Dai, Zeng, Bai, Chang & Wei, "Prime-Aware Adaptive Distillation", ECCV 2020, section 3.
        The authors train with plain squared error first.

    Lecture:
        02_better_soft_targets, section 10.

    >>> import torch
    >>> s, t = torch.tensor([[0.0, 0.0]]), torch.tensor([[2.0, 0.0]])
    >>> v = torch.tensor([[4.0, 1.0]]).log()  # (4 / 4 + log 4 + 0 / 1 + log 1) / 2
    >>> round(prime_aware_loss(s, t, v).item(), 4)
    1.1931
    """
    check_pair(student, teacher, ("student", "teacher"), "(B, ...)")
    check_tensor("log_variance", log_variance, "(B, ...)")
    check_same_shape(("student", "log_variance"), student, log_variance)
    s, t = wide_pair(student, teacher)
    v = wide(log_variance)
    return ((t - s).square() * (-v).exp() + v).mean().to(student.dtype)


def _check_several_classes(logits: Tensor) -> None:
    if logits.shape[1] < 2:
        raise ValueError(f"student_logits: expected at least two classes, got {tuple(logits.shape)}")


def _centred(x: Tensor, mean: Tensor | float, dim: int) -> tuple[Tensor, Tensor]:
    """`x` minus its mean along `dim`, and the norm of that (dimension kept).

    The norm of a constant vector is given as infinite: what is divided by it is 0, with gradient 0. Constant
    means that no more is left than rounding errors of the mean, or numbers too small to be squared.
    """
    centred = x - mean
    norm = torch.linalg.vector_norm(centred, dim=dim, keepdim=True)
    kind = torch.finfo(x.dtype)
    rounding = 8 * kind.eps * math.sqrt(x.shape[dim]) * abs(mean)
    return centred, norm.masked_fill(norm <= rounding + math.sqrt(kind.tiny), math.inf)


def _z_scores(x: Tensor) -> Tensor:
    """(x - mean) / (std + 1e-7) of each row, 0 where it is constant; torch.std has the gradient NaN there."""
    centred, norm = _centred(x, x.mean(dim=1, keepdim=True), dim=1)
    return centred / (norm / math.sqrt(x.shape[1] - 1) + 1e-7)


def _correlation(x: Tensor, y: Tensor, mean_x: Tensor | float, mean_y: Tensor | float, *, dim: int) -> Tensor:
    """Pearson's correlation along `dim`, which is kept with length 1; 0 where either is constant."""
    (x, norm_x), (y, norm_y) = _centred(x, mean_x, dim), _centred(y, mean_y, dim)
    return (x * y).sum(dim=dim, keepdim=True) / norm_x / norm_y
