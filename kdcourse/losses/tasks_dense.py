"""Losses for segmentation, where every pixel is classified: by pixels, by pairs of pixels, by whole maps.

Conventions: B is the batch size, C the number of classes or channels, H and W the height and width of a map;
the student comes before the teacher; natural logarithms; the result is a 0-dimensional tensor in the
student's dtype. No gradient reaches the teacher, but for `critic_hinge_loss`, which trains the critic of
both.
"""

from numbers import Integral

import torch
import torch.nn.functional as F
from torch import Tensor

from kdcourse.losses._checks import (
    check_pair,
    check_same_batch,
    check_temperature,
    check_tensor,
    values_are_free,
)
from kdcourse.losses._numerics import divergence, gram, matmul, soften, unit, wide, wide_pair


def segmentation_kd_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    temperature: float = 1.0,
    ignore_index: int = 255,
) -> Tensor:
    r"""Pixel-wise distillation: Hinton's soft-target loss at every pixel whose label is not ignored.

    .. math:: \frac{T^2}{|K|} \sum_{bhw \in K} \sum_c p_{bchw} \left(\log p_{bchw} - \log q_{bchw}\right),
              \qquad K = \{bhw : y_{bhw} \ne ignore\_index\}

    with p = softmax(t / T) and q = softmax(s / T) over the classes. One mean is taken over all counted
    pixels of the batch together. What stands at an ignored pixel never counts, not even NaN, and gets a zero
    gradient; if all pixels are ignored, the loss is zero, with a graph.

    Args:
        student_logits: s, shape (B, C, H, W).
        teacher_logits: t, shape (B, C, H, W); a constant.
        labels: y, shape (B, H, W), int64 class indices in 0 .. C-1, or `ignore_index`; they only say which
            pixels count.
        temperature: T > 0, in units of logits.
        ignore_index: the label of pixels that do not count.

    Returns:
        0-dimensional tensor, in nats per pixel times T².

    Raises:
        ValueError: wrong or unequal shapes, an empty batch, labels out of range, a temperature that is not
            positive and finite, an `ignore_index` that is not an integer. (On a GPU the range of the labels
            is not looked at, so that nothing waits for it.)

    Source:
        Liu, Chen, Liu, Qin, Luo & Wang, "Structured Knowledge Distillation for Semantic Segmentation", CVPR
        2019, section 3 (pixel-wise distillation). The authors' code has cross-entropy at T = 1, counts every
        pixel, and sums over the batch, so it grows with the batch size.

    Lecture:
        09_segmentation, section 2.

    >>> import torch
    >>> student, teacher = torch.zeros(1, 2, 1, 2), torch.zeros(1, 2, 1, 2)
    >>> student[0, 0, 0, 1] = 5.0  # they differ in the second pixel, which does not count
    >>> segmentation_kd_loss(student, teacher, torch.tensor([[[0, 255]]])).item()
    0.0
    """
    check_pair(student_logits, teacher_logits, shape="(B, C, H, W)")
    check_temperature(temperature)
    if not isinstance(ignore_index, Integral):
        raise ValueError(f"ignore_index: expected an integer, got {type(ignore_index).__name__}")
    _check_pixel_labels(labels, student_logits, ignore_index)
    student, teacher = wide_pair(student_logits, teacher_logits)
    counted = labels != ignore_index
    # The student is masked before the softmax too, whose gradient would make NaN of zero times NaN.
    student = torch.where(counted[:, None], student, 0.0)
    by_pixel = divergence(soften(teacher, temperature), soften(student, temperature), dim=1)
    total = torch.where(counted, by_pixel, 0.0).sum()
    return (temperature**2 * total / counted.sum().clamp(min=1)).to(student_logits.dtype)


def pairwise_similarity_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Pair-wise distillation: which pixels are alike, by the cosines between all pixels of a map.

    .. math:: \frac{1}{B (HW)^2} \sum_b \sum_{i,j} \left(\cos(s_{bi}, s_{bj}) - \cos(t_{bi}, t_{bj})\right)^2

    with s_bi the C channels of student b at pixel i. The pixels must correspond, the channels need not. A
    pixel that is zero in all channels has no direction: its cosines are taken as zero, its gradient as zero.
    The gradient goes through the norms too.

    Up to HW = C + C' the HW x HW similarities are compared one by one. For larger maps the same sum is taken
    from the small C x C products of channels (see the code), in time and memory linear in HW; in float32 the
    value then carries a rounding error of about 1e-8, whatever its size.

    Args:
        student: s, shape (B, C, H, W), often pooled to few pixels first, so that regions are compared.
        teacher: t, shape (B, C', H, W); a constant.

    Returns:
        0-dimensional tensor without unit, in [0, 4].

    Raises:
        ValueError: wrong shapes, an empty tensor, unequal batch sizes or map sizes.

    Source:
        Liu, Chen, Liu, Qin, Luo & Wang, "Structured Knowledge Distillation for Semantic Segmentation", CVPR
        2019, section 3 (pair-wise distillation). The authors' code max-pools to 2 x 2 pixels first and
        detaches the norms: the same value, but not its gradient.

    Lecture:
        09_segmentation, section 5.

    >>> import torch
    >>> student = torch.tensor([[[[1.0, 2.0]]]])  # two pixels that point the same way: all cosines are 1
    >>> teacher = torch.eye(2).view(1, 2, 1, 2)  # two orthogonal pixels
    >>> pairwise_similarity_loss(student, teacher).item()  # (0 + 1 + 1 + 0) / 4
    0.5
    """
    check_tensor("student", student, "(B, C, H, W)")
    check_tensor("teacher", teacher, "(B, C, H, W)")
    check_same_batch(("student", "teacher"), student, teacher)
    if student.shape[2:] != teacher.shape[2:]:
        raise ValueError(
            f"teacher: expected the map size of student, {tuple(student.shape[2:])}, "
            f"got {tuple(teacher.shape[2:])}; pool the larger map to the size of the smaller"
        )
    s, t = (unit(x.flatten(2), dim=1) for x in wide_pair(student, teacher))
    pixels = s.shape[2]
    if pixels <= s.shape[1] + t.shape[1]:
        squares = (gram(s.mT) - gram(t.mT)).square().sum(dim=(1, 2))
    else:
        # ‖SᵀS - TᵀT‖² = ‖SSᵀ‖² - 2‖STᵀ‖² + ‖TTᵀ‖² in the Frobenius norm, for tr(SᵀS TᵀT) = ‖STᵀ‖².
        of_s, mixed, of_t = (x.square().sum(dim=(1, 2)) for x in (gram(s), matmul(s, t.mT), gram(t)))
        squares = (of_s - 2 * mixed + of_t).clamp(min=0)  # rounding may leave less than nothing
    return (squares.mean() / pixels**2).to(student.dtype)


def critic_hinge_loss(student_scores: Tensor, teacher_scores: Tensor) -> Tensor:
    r"""The critic's step of adversarial distillation: tell the teacher's score maps from the student's.

    .. math:: \frac{1}{n} \sum_i \max(0, 1 - D(T_i)) + \frac{1}{n} \sum_i \max(0, 1 + D(S_i))

    The one loss here whose gradient goes through *both* arguments: they are the critic's scores D, and the
    critic is what it trains. So that nothing reaches the networks, give the critic detached maps:
    ``critic_hinge_loss(critic(student_map.detach()), critic(teacher_map.detach()))``; and clear the critic's
    gradients first, for the student's `adversarial_loss` has filled them.

    Args:
        student_scores: D(S), the critic's scores of the student's maps, shape (B, ...).
        teacher_scores: D(T), the critic's scores of the teacher's maps, of the same shape; not detached.

    Returns:
        0-dimensional tensor in the dtype of `student_scores`: zero once the critic gives all teachers 1 or
        more and all students -1 or less, 2 where it says 0 to all.

    Raises:
        ValueError: wrong or unequal shapes, an empty batch.

    Source:
        Liu, Chen, Liu, Qin, Luo & Wang, "Structured Knowledge Distillation for Semantic Segmentation", CVPR
        2019, section 3 (holistic distillation), has a Wasserstein critic with a gradient penalty instead; the
        hinge is that of Lim & Ye, "Geometric GAN", 2017 (arXiv 1705.02894), and steadier with spectral norms.

    Lecture:
        09_segmentation, section 6.

    >>> import torch
    >>> critic_hinge_loss(torch.tensor([-2.0, 0.5]), torch.tensor([3.0, 0.5])).item()  # 0.5 / 2 + 1.5 / 2
    1.0
    """
    check_pair(student_scores, teacher_scores, ("student_scores", "teacher_scores"), "(B, ...)")
    wrongly_low, wrongly_high = F.relu(1 - wide(teacher_scores)), F.relu(1 + wide(student_scores))
    return (wrongly_low.mean() + wrongly_high.mean()).to(student_scores.dtype)


def adversarial_loss(student_scores: Tensor) -> Tensor:
    r"""The student's step of adversarial distillation: score maps that the critic takes for the teacher's.

    .. math:: -\frac{1}{n} \sum_i D(S_i)

    Its gradient reaches the student through the critic, and the critic too: step the student's optimizer
    only.

    Args:
        student_scores: D(S), the critic's scores of the student's maps, shape (B, ...); not detached.

    Returns:
        0-dimensional tensor, unbounded below: its value says little without the critic's.

    Raises:
        ValueError: not a floating-point tensor, no dimension, an empty batch.

    Source:
        Liu, Chen, Liu, Qin, Luo & Wang, "Structured Knowledge Distillation for Semantic Segmentation", CVPR
        2019, section 3 (holistic distillation); as in Lim & Ye, "Geometric GAN", 2017 (arXiv 1705.02894).

    Lecture:
        09_segmentation, section 6.

    >>> import torch
    >>> adversarial_loss(torch.tensor([1.0, 3.0])).item()
    -2.0
    """
    check_tensor("student_scores", student_scores, "(B, ...)")
    return -wide(student_scores).mean().to(student_scores.dtype)


def _check_pixel_labels(labels: Tensor, logits: Tensor, ignore_index: int) -> None:
    """Require int64 labels (B, H, W) in 0 .. C-1 or `ignore_index` (values: where looking is free)."""
    batch, classes, height, width = logits.shape
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
        got = f"{labels.dtype}" if isinstance(labels, Tensor) else type(labels).__name__
        raise ValueError(f"labels: expected an int64 tensor of class indices, got {got}")
    if labels.shape != (batch, height, width):
        raise ValueError(
            f"labels: expected shape {(batch, height, width)} to go with the logits, "
            f"got {tuple(labels.shape)}"
        )
    if values_are_free(labels):
        known = torch.where(labels == ignore_index, 0, labels)
        low, high = (x.item() for x in known.aminmax())
        if low < 0 or high >= classes:
            raise ValueError(
                f"labels: expected class indices in 0 .. {classes - 1} or ignore_index = {ignore_index}, "
                f"got values from {low} to {high}"
            )
