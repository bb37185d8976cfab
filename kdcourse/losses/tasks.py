"""Losses for detectors and for Transformers of text: what a task's output looks like decides what is matched.

Conventions: the student comes before the teacher; no gradient reaches the teacher, a target, a weight or a
mask; natural logarithms; the result is a 0-dimensional tensor in the student's dtype. N counts boxes (or
rows): an image may have none, and a mean over nothing is undefined, so an empty tensor is a ValueError;
write ``if len(boxes):`` around the call.
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


def attention_score_loss(student_scores: Tensor, teacher_scores: Tensor, mask: Tensor) -> Tensor:
    r"""TinyBERT attention: squared difference of scores before the softmax, between real tokens.

    .. math:: \frac{\sum_b \sum_h \sum_{i,j} m_{bi} \, m_{bj} \left(s_{bhij} - t_{bhij}\right)^2}
                   {heads \cdot \sum_b \left(\sum_i m_{bi}\right)^2}

    with s and t the scaled products of queries and keys. A pair counts if both its query i and its key j are
    real; what stands elsewhere never counts, be it -1e4, -inf or NaN, and gets a zero gradient. One mean is
    taken over all heads and all real pairs of the batch together, so a long text counts for more than a
    short one. A batch without a single real token gives zero, with a graph.

    Args:
        student_scores: s, shape (B, heads, L, L).
        teacher_scores: t, shape (B, heads, L, L); a constant.
        mask: m, shape (B, L), 1 (or True) for a real token and 0 for padding; bool, integer or float.

    Returns:
        0-dimensional tensor, in squared units of scores.

    Raises:
        ValueError: wrong or unequal shapes (the numbers of heads must agree), an empty tensor, a mask with
            other values than 0 and 1. (On a GPU the mask's values are not looked at, so that nothing waits
            for it.)

    Source:
        Jiao, Yin, Shang, Jiang, Chen, Li, Wang & Liu, "TinyBERT: Distilling BERT for Natural Language
        Understanding", Findings of EMNLP 2020, section 3.1. The authors' code adds -1e4 at padded keys, sets
        what is below -100 to zero on both sides and averages over all pairs, so padding dilutes the loss, and
        padded queries count.

    >>> import torch
    >>> student, teacher = torch.zeros(1, 1, 2, 2), torch.tensor([[[[3.0, -1e4], [7.0, -1e4]]]])
    >>> attention_score_loss(student, teacher, torch.tensor([[1, 0]])).item()  # the second token is padding
    9.0
    """
    check_pair(student_scores, teacher_scores, ("student_scores", "teacher_scores"), "(B, heads, L, L)")
    batch, heads, queries, keys = student_scores.shape
    if queries != keys:
        raise ValueError(
            f"student_scores: expected shape (B, heads, L, L), got {tuple(student_scores.shape)}"
        )
    _check_mask(mask, (batch, keys))
    student, teacher = wide_pair(student_scores, teacher_scores)
    real = mask == 1
    pairs = (real[:, :, None] & real[:, None, :])[:, None]
    # Masked before the square: -inf, NaN and their gradients end here.
    difference = torch.where(pairs, student - teacher, 0.0)
    count = heads * real.sum(dim=1).square().sum().clamp(min=1)
    return (difference.square().sum() / count).to(student_scores.dtype)


def _check_mask(mask: Tensor, shape: tuple[int, int]) -> None:
    """Require a (B, L) tensor of zeros and ones of any real dtype (its values: where looking is free)."""
    if not isinstance(mask, Tensor) or mask.is_complex():
        got = f"{mask.dtype}" if isinstance(mask, Tensor) else type(mask).__name__
        raise ValueError(f"mask: expected a tensor of zeros and ones, got {got}")
    if mask.shape != shape:
        raise ValueError(f"mask: expected shape {shape} to go with the scores, got {tuple(mask.shape)}")
    if values_are_free(mask) and not ((mask == 0) | (mask == 1)).all():
        low, high = mask.min().item(), mask.max().item()
        raise ValueError(
            f"mask: expected 1 for real tokens and 0 for padding, got values from {low:g} to {high:g}"
        )
