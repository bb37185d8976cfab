"""Losses for detectors: what a task's output looks like decides what is matched.

Conventions: the student comes before the teacher; no gradient reaches the teacher, a target or a weight;
natural logarithms; the result is a 0-dimensional tensor in the student's dtype. N counts boxes (or rows): an
image may have none, and a mean over nothing is undefined, so an empty tensor is a ValueError; write
``if len(boxes):`` around the call.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from kdcourse.losses._checks import (
    check_number,
    check_pair,
    check_same_shape,
    check_temperature,
    check_tensor,
    values_are_free,
)
from kdcourse.losses._numerics import mean_divergence, soften, wide_pair


def bounded_regression_loss(
    student: Tensor, teacher: Tensor, target: Tensor, *, margin: float = 0.0
) -> Tensor:
    r"""Teacher-bounded regression: squared error of the boxes that the teacher predicts better.

    .. math:: \frac{1}{N} \sum_n g_n \, \| s_n - y_n \|^2, \qquad
              g_n = \begin{cases} 1 & \| s_n - y_n \|^2 + m > \| t_n - y_n \|^2 \\
                                    0 & \text{otherwise} \end{cases}

    The teacher's error is a bound to reach, its box never a target. The gate g is decided for each box and is
    not differentiated: the loss jumps where it opens. It is not a hinge on the difference of the errors; a
    box beyond the bound is pulled to the truth with its full error. Mean over all N boxes, those with a
    closed gate too.

    Args:
        student: s, shape (N, D); D = 4 coordinates of a box.
        teacher: t, shape (N, D); a constant.
        target: y, shape (N, D); the truth, a constant.
        margin: m, a finite number in squared units of coordinates. With m > 0 the student must beat the
            teacher by m before it is left alone; with m < 0 it may be worse by that much.

    Returns:
        0-dimensional tensor, in squared units of coordinates.

    Raises:
        ValueError: wrong or unequal shapes, no boxes at all, a margin that is not finite.

    Source:
        Chen, Choi, Yu, Han & Chandraker, "Learning Efficient Object Detection Models with Knowledge
        Distillation", NIPS 2017, section 3.3 (there half of it is added to the smooth-L1 loss). A popular
        port opens one gate for the whole batch, with mean errors.

    Lecture:
        08_detection, section 2.

    >>> import torch
    >>> truth, teacher = torch.zeros(2, 2), torch.ones(2, 2)  # the teacher's squared errors are 2 and 2
    >>> student = torch.tensor([[3.0, 0.0], [1.0, 0.0]])  # the student's are 9 and 1
    >>> bounded_regression_loss(student, teacher, truth).item()  # (9 + 0) / 2
    4.5
    """
    check_pair(student, teacher, ("student", "teacher"), "(N, D)")
    check_tensor("target", target, "(N, D)")
    check_same_shape(("student", "target"), student, target)
    check_number("margin", margin)
    s, t = wide_pair(student, teacher)
    s, y = wide_pair(s, target)
    error, bound = (s - y).square().sum(dim=1), (t - y).square().sum(dim=1)
    # Asked in this direction, a student's NaN does not close its gate and disappear.
    return torch.where(error + margin <= bound, 0.0, error).mean().to(student.dtype)


def localization_distillation_loss(
    student_bins: Tensor, teacher_bins: Tensor, *, temperature: float = 10.0
) -> Tensor:
    r"""Localization distillation (LD): soft targets for where an edge of a box lies.

    .. math:: \frac{T^2}{4N} \sum_n \sum_{e=1}^{4} \sum_k p_{nek} \left(\log p_{nek} - \log q_{nek}\right),
              \qquad p = softmax(t / T), \quad q = softmax(s / T)

    The detector predicts each edge's distance as a distribution over bins, so a teacher can say how sure it
    is of an edge (an occluded one, say), and the loss for classes serves for places.

    Args:
        student_bins: s, logits of shape (N, 4, n): boxes, edges (left, top, right, bottom), bins.
        teacher_bins: t, shape (N, 4, n), of the same bins; a constant.
        temperature: T > 0, in units of logits.

    Returns:
        0-dimensional tensor, in nats per edge times T²: *sum* over bins, mean over the 4N edges.

    Raises:
        ValueError: wrong or unequal shapes, not four edges, no boxes at all, a temperature that is not
            positive and finite.

    Source:
        Zheng, Ye, Wang, Ren, Zuo, Hou & Cheng, "Localization Distillation for Dense Object Detection", CVPR
        2022, section 3. The authors' code averages over the bins as well (17 of them make it 17 times
        smaller) and weighs the boxes by the student's score.

    Lecture:
        08_detection, section 2.

    >>> import torch
    >>> teacher = torch.tensor([0.0, -100.0]).expand(1, 4, 2)  # sure of the first of two bins
    >>> student = torch.zeros(1, 4, 2)  # undecided: log 2 per edge
    >>> round(localization_distillation_loss(student, teacher, temperature=1.0).item(), 4)
    0.6931
    """
    check_pair(student_bins, teacher_bins, ("student_bins", "teacher_bins"), "(N, 4, n)")
    if student_bins.shape[1] != 4:
        raise ValueError(
            f"student_bins: expected shape (N, 4, n), four edges of a box, got {tuple(student_bins.shape)}"
        )
    check_temperature(temperature)
    student, teacher = wide_pair(student_bins, teacher_bins)
    loss = temperature**2 * mean_divergence(soften(teacher, temperature), soften(student, temperature))
    return loss.to(student_bins.dtype)


def class_weighted_soft_cross_entropy(
    student_logits: Tensor, teacher_logits: Tensor, class_weights: Tensor
) -> Tensor:
    r"""Soft cross-entropy in which some classes count for more, at temperature 1.

    .. math:: -\frac{1}{B} \sum_b \sum_c w_c \, p_{bc} \log q_{bc},
              \qquad p = softmax(t), \quad q = softmax(s)

    Made for detectors, where background is most of what there is, and mistaking it for an object is the
    common
    error: the paper weighs background 1.5, every object 1. Not divided by the sum of the weights.

    Args:
        student_logits: s, shape (B, C); a row an image region.
        teacher_logits: t, shape (B, C); a constant.
        class_weights: w, shape (C,), none negative; a constant.

    Returns:
        0-dimensional tensor, in nats per row, mean over the rows.

    Raises:
        ValueError: wrong or unequal shapes, no rows at all, a weight that is negative or not finite. (On a
            GPU the weights are not looked at, so that nothing waits for it.)

    Source:
        Chen, Choi, Yu, Han & Chandraker, "Learning Efficient Object Detection Models with Knowledge
        Distillation", NIPS 2017, section 3.2.

    Lecture:
        08_detection, section 2.

    >>> import torch
    >>> zeros = torch.zeros(3, 2)  # both are undecided: each class has p = 1/2, -log q = log 2
    >>> round(class_weighted_soft_cross_entropy(zeros, zeros, torch.tensor([1.5, 1.0])).item(), 4)
    0.8664
    """
    check_pair(student_logits, teacher_logits)
    check_tensor("class_weights", class_weights, "(C,)")
    classes = student_logits.shape[1]
    if class_weights.shape != (classes,):
        raise ValueError(
            f"class_weights: expected shape ({classes},), one weight a class, "
            f"got {tuple(class_weights.shape)}"
        )
    if values_are_free(class_weights):
        low, high = (x.item() for x in class_weights.aminmax())
        if not (low >= 0 and high < math.inf):
            raise ValueError(
                f"class_weights: expected finite weights, none negative, got values from {low:g} to {high:g}"
            )
    student, teacher = wide_pair(student_logits, teacher_logits)
    weighted = class_weights.detach().to(student.dtype) * F.softmax(teacher, dim=1)
    loss = (weighted * F.log_softmax(student, dim=1)).sum() / -len(student)
    return loss.to(student_logits.dtype)
