"""Feature-based losses: the student's layers match what the teacher's layers *compute*.

Conventions of every function here: B is the batch size, C the number of channels, "..." stands for any
further dimensions; the student comes before the teacher; no gradient reaches the teacher; natural
logarithms; the result is a 0-dimensional tensor in the student's dtype (half-precision inputs are computed
in float32 inside). Where widths differ, a learned layer (a regressor, a projector) brings the student to the
teacher's shape first: it belongs to the model, not to the loss, and is thrown away after training.
"""

from collections.abc import Sequence
from numbers import Integral, Real

import torch
import torch.nn.functional as F
from torch import Tensor

from kdcourse.losses._checks import check_number, check_pair, check_tensor
from kdcourse.losses._numerics import unit, wide, wide_pair


def hint_loss(student_feature: Tensor, teacher_feature: Tensor) -> Tensor:
    r"""FitNets hint: mean squared difference of two features.

    .. math:: \frac{1}{N} \sum_i (s_i - t_i)^2, \qquad N \text{ the number of elements}

    Args:
        student_feature: s, shape (B, ...), after the regressor that gives it the teacher's shape.
        teacher_feature: t, shape (B, ...), the same; a constant.

    Returns:
        0-dimensional tensor, in squared units of the features, mean over *all elements*.

    Raises:
        ValueError: unequal shapes, an empty dimension.

    Source:
        Romero, Ballas, Kahou, Chassang, Gatta & Bengio, "FitNets: Hints for Thin Deep Nets", ICLR 2015,
        section 2.2. The paper has half the squared norm; nearly all code takes the mean over elements, which
        keeps its size when the feature grows. The paper trains the hint before all else, widely used code
        adds it to the other losses.

    Lecture:
        03_hints_and_factors, section 3.

    >>> import torch
    >>> hint_loss(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 5.0]])).item()  # (1 + 9) / 2
    5.0
    """
    check_pair(student_feature, teacher_feature, ("student_feature", "teacher_feature"), "(B, ...)")
    return F.mse_loss(*wide_pair(student_feature, teacher_feature)).to(student_feature.dtype)


def log_sum_loss(student: Tensor, teacher: Tensor, *, power: float = 4) -> Tensor:
    r"""LogSum distance (SRD): logarithm of the summed powers of the differences.

    .. math:: \log \sum_i |s_i - t_i|^p

    The sum over all elements is dominated by the largest differences, the more so the larger p. The
    logarithm makes the gradient independent of the scale of the differences: its entries,
    ``p |s_i - t_i|^{p-1} sign(s_i - t_i) / sum``, are of the order of p over the largest difference, and so
    grow without bound on the way to equality. At equality itself the formula gives -infinity; here the
    largest difference counts as the smallest normal number of the dtype (loss -349 at p = 4 in float32) and
    the gradient is zero.

    Args:
        student: s, shape (B, ...), after the projector.
        teacher: t, shape (B, ...), the same; a constant.
        power: p >= 1.

    Returns:
        0-dimensional tensor; it may be negative, and it grows with the logarithm of the batch size.

    Raises:
        ValueError: unequal shapes, an empty dimension, a power below 1.

    Source:
        Miles & Mikolajczyk, "Understanding the Role of the Projector in Knowledge Distillation", AAAI 2024,
        the LogSum distance, and the authors' code, where both arguments have been through a batch norm.

    Lecture:
        03_hints_and_factors, section 7.

    >>> import torch
    >>> loss = log_sum_loss(torch.tensor([[1.0, -1.0]]), torch.tensor([[3.0, 1.0]]))
    >>> round(loss.item(), 4)  # log(16 + 16)
    3.4657
    """
    check_pair(student, teacher, ("student", "teacher"), "(B, ...)")
    check_number("power", power, low=1.0)
    wide_student, wide_teacher = wide_pair(student, teacher)
    difference = wide_student - wide_teacher
    largest = difference.detach().abs().amax().clamp(min=torch.finfo(difference.dtype).tiny)
    # log sum d^p = p log m + log sum (d/m)^p for every constant m; the largest d keeps the powers in range.
    # The sum is at least 1 then, except at equality.
    share = difference / largest
    powers = share.square().square() if power == 4 else share.abs().pow(power)
    total = powers.sum().clamp(min=1.0)
    return (power * largest.log() + total.log()).to(student.dtype)


def factor_transfer_loss(student_factor: Tensor, teacher_factor: Tensor, *, p: int = 1) -> Tensor:
    r"""Factor transfer (FT): distance of the directions of two factors.

    .. math:: \frac{1}{BD} \sum_b \| u_b - v_b \|_1 \;(p = 1), \qquad
              \frac{1}{B} \sum_b \| u_b - v_b \|_2^2 \;(p = 2), \qquad
              u_b = \frac{s_b}{\|s_b\|_2}, \quad v_b = \frac{t_b}{\|t_b\|_2}

    with each factor flattened to D elements. A factor of zeros has no direction and counts as zeros, with
    zero gradient.

    Args:
        student_factor: s, shape (B, C, ...), from the translator.
        teacher_factor: t, shape (B, C, ...), the same, from the paraphraser; a constant.
        p: 1 (mean over all elements) or 2 (squared norm, mean over the batch).

    Returns:
        0-dimensional tensor without unit, at most 2 / sqrt(D) for p = 1 and at most 4 for p = 2.

    Raises:
        ValueError: unequal shapes, an empty dimension, p other than 1 or 2.

    Source:
        Kim, Park & Kwak, "Paraphrasing Complex Network: Network Compression via Factor Transfer", NeurIPS
        2018, section 3, and the authors' code for p = 1. RepDistiller's form first averages the squared
        factors over their channels, which is attention transfer: it cannot tell channels apart.

    Lecture:
        03_hints_and_factors, section 9.

    >>> import torch
    >>> loss = factor_transfer_loss(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0]]), p=2)
    >>> round(loss.item(), 4)  # (0.6 - 1)² + 0.8²
    0.8
    """
    check_pair(student_factor, teacher_factor, ("student_factor", "teacher_factor"), "(B, C, ...)")
    if not isinstance(p, Real) or p not in (1, 2):
        raise ValueError(f"p: expected 1 or 2, got {p!r}")
    student, teacher = (unit(x.flatten(1)) for x in wide_pair(student_factor, teacher_factor))
    loss = F.l1_loss(student, teacher) if p == 1 else (student - teacher).square().sum(dim=1).mean()
    return loss.to(student_factor.dtype)


def activation_boundary_loss(student: Tensor, teacher: Tensor, *, margin: float = 1.0) -> Tensor:
    r"""Activation boundaries (AB): a hinge that puts each unit of the student on the teacher's side of zero.

    .. math:: \frac{1}{N} \sum_i \begin{cases}
              \max(0, m - s_i)^2 & t_i > 0 \\ \max(0, m + s_i)^2 & t_i \le 0 \end{cases}

    Only the signs of the teacher's values count; zero counts as inactive.

    Args:
        student: s, shape (B, ...), *before* the ReLU, after the connector.
        teacher: t, shape (B, ...), the same; before the ReLU, or after it (that keeps which are positive).
        margin: m >= 0, how far from zero the student must be to pay nothing.

    Returns:
        0-dimensional tensor, in squared units of the activations, mean over all elements.

    Raises:
        ValueError: unequal shapes, an empty dimension, a negative margin.

    Source:
        Heo, Lee, Yun & Choi, "Knowledge Transfer via Distillation of Activation Boundaries Formed by Hidden
        Neurons", AAAI 2019, the "alternative loss", and the authors' code. That code sums over elements,
        divides by the batch size and then by 1000.

    Lecture:
        04_attention_and_activations, section 7.

    >>> import torch
    >>> teacher = torch.tensor([[5.0, 0.1, 0.0, -3.0]])
    >>> student = torch.tensor([[2.0, 0.5, -1.0, 1.0]])
    >>> activation_boundary_loss(student, teacher).item()  # (0 + 1/4 + 0 + 4) / 4
    1.0625
    """
    check_pair(student, teacher, ("student", "teacher"), "(B, ...)")
    check_number("margin", margin, low=0.0)
    activation = wide(student)
    # With sign = -1 where the teacher is active, else 1, both cases are one hinge.
    sign = 1 - 2 * (teacher.detach() > 0).to(activation.dtype)
    return F.relu(margin + sign * activation).square().mean().to(student.dtype)


def vid_loss(student_mean: Tensor, teacher: Tensor, raw_scale: Tensor, *, eps: float = 1e-5) -> Tensor:
    r"""Variational information (VID): how unlikely the teacher's feature is, given the student's.

    .. math:: \frac{1}{2N} \sum_{bci} \left( \frac{(t_{bci} - \mu_{bci})^2}{\sigma_c^2} + \log \sigma_c^2
              \right), \qquad \sigma_c^2 = \log(1 + e^{\rho_c}) + \epsilon

    A lower bound on the mutual information of both features, up to constants (the term log(2 pi) / 2 is
    left out). One variance a channel is learned beside the student: channels that it cannot predict come to
    count less.

    Args:
        student_mean: mu, shape (B, C, ...), predicted from the student's feature by a regressor.
        teacher: t, shape (B, C, ...), the same; a constant.
        raw_scale: rho, shape (C,); learned, any real numbers (the softplus makes them positive).
        eps: smallest variance, > 0, in squared units of the teacher's feature.

    Returns:
        0-dimensional tensor, in nats per element; it may be negative.

    Raises:
        ValueError: unequal shapes, an empty dimension, not one `raw_scale` a channel, eps not positive.

    Source:
        Ahn, Hu, Damianou, Lawrence & Dai, "Variational Information Distillation for Knowledge Transfer",
        CVPR 2019, section 2. The paper sums over elements; widely used code takes the mean, as here, and
        writes the softplus as log(1 + exp(rho)), which overflows from rho = 89 on in float32.

    Lecture:
        03_hints_and_factors, section 10.

    >>> import torch
    >>> mean, teacher = torch.zeros(2, 3), torch.full((2, 3), 2.0)
    >>> raw_scale = torch.full((3,), 1.0).expm1().log()  # the softplus of this is 1
    >>> round(vid_loss(mean, teacher, raw_scale, eps=1e-12).item(), 4)  # (4 / 1 + log 1) / 2
    2.0
    """
    check_pair(student_mean, teacher, ("student_mean", "teacher"), "(B, C, ...)")
    check_tensor("raw_scale", raw_scale, "(C,)")
    batch, channels = student_mean.shape[:2]
    if raw_scale.shape[0] != channels:
        raise ValueError(
            f"raw_scale: expected shape ({channels},), one number a channel, got {tuple(raw_scale.shape)}"
        )
    check_number("eps", eps, low=0.0, open_low=True)
    mean, target = wide_pair(student_mean, teacher)
    raw = raw_scale.to(mean.dtype)
    variance = torch.logaddexp(raw, torch.zeros_like(raw)) + eps  # F.softplus is linear from 20 on
    # The variance is one number a channel: average the squared errors over pixels before dividing by it.
    error = F.mse_loss(mean, target, reduction="none").reshape(batch, channels, -1).mean(dim=2)
    return (0.5 * (error / variance + variance.log()).mean()).to(student_mean.dtype)


def hierarchical_context_loss(
    student: Tensor, teacher: Tensor, *, levels: Sequence[int] = (4, 2, 1)
) -> Tensor:
    r"""Hierarchical context (HCL): squared difference at full size and pooled to a few coarser sizes.

    .. math:: \frac{\sum_{k=0}^{K} 2^{-k} \, MSE\left(P_k(s), P_k(t)\right)}{\sum_{k=0}^{K} 2^{-k}}

    where P_0 changes nothing and P_k averages the map to l_k x l_k pixels (adaptive average pooling) for
    the k-th of the `levels` below H. The others are left out and use up no halving.

    Only the height is compared with a level, as in the authors' code: of a map that is higher than wide, a
    level of W or more still gives l_k x l_k pixels, the columns repeated as adaptive pooling does it.

    Args:
        student: s, shape (B, C, H, W), after the fusion that gives it the teacher's shape.
        teacher: t, shape (B, C, H, W), the same; a constant.
        levels: positive whole numbers of pixels a side, in the order in which the weights 1/2, 1/4, ... go to
            them; none at all leaves the plain mean squared difference.

    Returns:
        0-dimensional tensor, in squared units of the features.

    Raises:
        ValueError: unequal shapes, an empty dimension, levels that are not positive whole numbers.

    Source:
        Chen, Liu, Zhao & Jia, "Distilling Knowledge via Knowledge Review", CVPR 2021, section 3, and the
        authors' code, which fixes the levels and adds up the losses of several layers.

    Lecture:
        03_hints_and_factors, section 11.

    >>> import torch
    >>> teacher = torch.zeros(1, 1, 2, 2)
    >>> student = torch.tensor([[[[1.0, -1.0], [1.0, 1.0]]]])
    >>> hierarchical_context_loss(student, teacher).item()  # (1 + 1/2 * (1/2)²) / (1 + 1/2)
    0.75
    """
    check_pair(student, teacher, ("student", "teacher"), "(B, C, H, W)")
    _check_levels(levels)
    wide_student, wide_teacher = wide_pair(student, teacher)
    # Pooling is linear: the difference of two pooled maps is the pooled difference.
    difference = wide_student - wide_teacher
    total, weight, weights = F.mse_loss(wide_student, wide_teacher), 1.0, 1.0
    blocks = difference
    for level in levels:
        if level >= student.shape[2]:
            continue
        # Means of equal blocks can be pooled further; otherwise the windows overlap, and only the full map
        # will do.
        if blocks.shape[2] % level == 0 and blocks.shape[3] % level == 0:
            pooled = blocks = F.adaptive_avg_pool2d(blocks, (level, level))
        else:
            pooled = F.adaptive_avg_pool2d(difference, (level, level))
        weight /= 2
        weights += weight
        total = total + weight * pooled.square().mean()
    return (total / weights).to(student.dtype)


def _check_levels(levels: Sequence[int]) -> None:
    whole = isinstance(levels, Sequence) and all(isinstance(level, Integral) for level in levels)
    if not whole or any(level < 1 for level in levels):
        raise ValueError(f"levels: expected a sequence of positive whole numbers, got {levels!r}")
