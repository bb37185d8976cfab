"""Feature-based losses that match *where* networks look: maps over pixels, whatever the channels.

Conventions of every function here: B is the batch size, C the number of channels, H, W the size of a map; the
student comes before the teacher, and they may differ in channels and map size where shapes are named apart;
no gradient reaches the teacher; a loss is a 0-dimensional tensor in the student's dtype (half-precision
inputs are computed in float32 inside).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from kdcourse.losses._checks import check_labels, check_number, check_pair, check_same_batch, check_tensor
from kdcourse.losses._numerics import matmul, pool_to_smaller, unit, wide, wide_pair


def attention_map(feature: Tensor, *, power: float = 2) -> Tensor:
    r"""Attention map (AT): how strongly a layer responds at each pixel, as a direction.

    .. math:: Q_{b,hw} = \frac{q_{b,hw}}{\| q_b \|_2}, \qquad q_{b,hw} = \frac{1}{C} \sum_c |A_{bchw}|^p

    The scale of a sample's feature drops out. A sample of zeros has no direction: its map is zero, with zero
    gradient.

    Args:
        feature: A, shape (B, C, H, W).
        power: p >= 1; the larger, the more the strongest channel of each pixel counts.

    Returns:
        Tensor of shape (B, H·W), pixels row by row, in the dtype of the feature; each row of length 1.

    Raises:
        ValueError: not four dimensions, an empty dimension, a power below 1.

    Source:
        Zagoruyko & Komodakis, "Paying More Attention to Attention", ICLR 2017, section 3.1. The paper sums
        over channels, the authors' code averages: the normalisation makes both the same.

    Lecture:
        04_attention_and_activations, section 2.

    >>> import torch
    >>> attention_map(torch.tensor([[[[1.0, 2.0]], [[1.0, 0.0]], [[-1.0, 0.0]]]]))  # means 1 and 4/3
    tensor([[0.6000, 0.8000]])
    """
    check_tensor("feature", feature, "(B, C, H, W)")
    check_number("power", power, low=1.0)
    return _attention_map(wide(feature), power).to(feature.dtype)


def _attention_map(feature: Tensor, power: float) -> Tensor:
    # The map ignores the scale of a sample, so any constant may bring the numbers into range first.
    if power == 2:
        strength = feature.square()
    else:
        strength = _by_largest(feature.abs(), (1, 2, 3)).pow(power)
    return unit(_by_largest(strength.mean(dim=1).flatten(1), 1))


def _by_largest(x: Tensor, dim: int | tuple[int, ...]) -> Tensor:
    """Non-negative numbers divided by the largest along `dim`, a constant; zeros stay."""
    largest = x.detach().amax(dim=dim, keepdim=True)
    return x / torch.where(largest > 0, largest, 1.0)


def attention_transfer_loss(student_feature: Tensor, teacher_feature: Tensor, *, power: float = 2) -> Tensor:
    r"""Attention transfer (AT): mean squared difference of two attention maps.

    .. math:: \frac{1}{B H W} \sum_b \| Q^s_b - Q^t_b \|_2^2

    with the maps Q of `attention_map`. If the sizes differ, the larger feature is average-pooled to the
    smaller first (adaptive pooling, before the map is taken); if one is higher and the other wider, both are
    pooled, to the smaller height and the smaller width.

    Args:
        student_feature: shape (B, C_s, H_s, W_s).
        teacher_feature: shape (B, C_t, H_t, W_t); a constant.
        power: p >= 1 of the maps.

    Returns:
        0-dimensional tensor without unit, mean over the batch and the *pixels*. It is at most 2 / (H W): the
        usual weights are of the order of 1000.

    Raises:
        ValueError: not four dimensions, an empty dimension, different batch sizes, a power below 1.

    Source:
        Zagoruyko & Komodakis, "Paying More Attention to Attention", ICLR 2017, section 3.1. The paper writes
        the norm of the difference, not squared; this is the authors' code. RepDistiller's and mdistiller's
        forms compare heights alone and break on maps that are not square.

    Lecture:
        04_attention_and_activations, section 3.

    >>> import torch
    >>> left, right = torch.tensor([[[[2.0, 0.0]]]]), torch.tensor([[[[0.0, 5.0]], [[0.0, 1.0]]]])
    >>> attention_transfer_loss(left, right).item()  # maps (1, 0) and (0, 1): (1 + 1) / 2
    1.0
    """
    student, teacher = _pooled_pair(student_feature, teacher_feature)
    check_number("power", power, low=1.0)
    loss = F.mse_loss(_attention_map(student, power), _attention_map(teacher, power))
    return loss.to(student_feature.dtype)


def attention_guided_loss(student_feature: Tensor, teacher_feature: Tensor, *, tau: float = 0.5) -> Tensor:
    r"""Attention-guided imitation: squared difference of features, more where student and teacher look.

    .. math:: \frac{1}{B C H W} \sum_{bchw} M^{s}_{bhw} \, M^{c}_{bc} \left(S_{bchw} - T_{bchw}\right)^2

    .. math:: M^s_b = H W \, \mathrm{softmax}_{hw}\left((G^S_b + G^T_b) / \tau\right), \qquad
              M^c_b = C \, \mathrm{softmax}_{c}\left((G'^S_b + G'^T_b) / \tau\right)

    with G (H, W) the mean of the absolute value over channels and G' (C,) that over places, of the student's
    and of the teacher's feature. The masks are constants (a student could otherwise lower the loss by looking
    away), and of mean one: with a large tau this is `hint_loss`.

    Args:
        student_feature: S, shape (B, C, H, W); through a 1x1 convolution first if its channels are others.
        teacher_feature: T, shape (B, C, H, W); a constant.
        tau: temperature of the masks, > 0, in units of the features; the smaller, the fewer places count.

    Returns:
        0-dimensional tensor, in squared units of the features.

    Raises:
        ValueError: not four dimensions, unequal shapes, an empty dimension, a tau that is not positive.

    Source:
        Zhang & Ma, "Improve Object Detection with Feature-based Knowledge Distillation", ICLR 2021, section
        3.1. The paper takes the root of the masked sum and adds the differences of G and G'; here the square,
        as a root has no slope where student and teacher agree.

    Lecture:
        08_detection, section 2.

    >>> import torch
    >>> student, teacher = torch.zeros(1, 1, 1, 2), torch.tensor([[[[2.0, 0.0]]]])
    >>> round(attention_guided_loss(student, teacher, tau=1.0).item(), 4)  # 2 softmax(2, 0) = (1.76, 0.24)
    3.5232
    """
    check_pair(student_feature, teacher_feature, ("student_feature", "teacher_feature"), "(B, C, H, W)")
    check_number("tau", tau, low=0.0, open_low=True)
    student, teacher = wide_pair(student_feature, teacher_feature)
    strength = student.detach().abs() + teacher.abs()
    places = F.softmax(strength.mean(dim=1).flatten(1) / tau, dim=1).view_as(strength[:, 0])
    channels = F.softmax(strength.mean(dim=(2, 3)) / tau, dim=1)
    # H W and C of the masks against C H W of the mean: what is left is the mean over the batch.
    weights = places[:, None] * channels[:, :, None, None]
    loss = (weights * (student - teacher).square()).sum() / len(student)
    return loss.to(student_feature.dtype)


def nst_loss(student_feature: Tensor, teacher_feature: Tensor) -> Tensor:
    r"""Neuron selectivity (NST): maximum mean discrepancy (MMD) of two sets of channels, kernel (a·b)².

    .. math:: \frac{1}{B} \sum_b \left( \frac{1}{C_t^2} \sum_{ij} k(t_i, t_j) + \frac{1}{C_s^2} \sum_{ij}
              k(s_i, s_j) - \frac{2}{C_s C_t} \sum_{ij} k(s_i, t_j) \right), \qquad k(a, b) = (a \cdot b)^2

    where s_i and t_j are the channels' maps of sample b, flattened and divided by their norms. It asks
    whether the two networks have channels that select the same pixels, whichever channel that is and of
    whichever sign. A channel of zeros (a dead unit) has no direction and counts as zeros, with zero gradient.

    If the sizes differ, the larger feature is average-pooled to the smaller first (if one is higher and the
    other wider, both are, to the smaller height and the smaller width).

    Args:
        student_feature: shape (B, C_s, H_s, W_s).
        teacher_feature: shape (B, C_t, H_t, W_t); a constant.

    Returns:
        0-dimensional tensor without unit, in [0, 2] up to rounding; zero where both have the same channels.

    Raises:
        ValueError: not four dimensions, an empty dimension, different batch sizes.

    Source:
        Huang & Wang, "Like What You Like: Knowledge Distill via Neuron Selectivity Transfer", 2017 (arXiv
        1707.01219), section 4. Widely used code forms all B·C·C·H·W products before summing; some leaves out
        the teacher's own term, a constant, so that equality does not give zero.

    Lecture:
        04_attention_and_activations, section 5.

    >>> import torch
    >>> left, right = torch.tensor([[[[2.0, 0.0]]]]), torch.tensor([[[[0.0, 5.0]]]])
    >>> nst_loss(left, right).item()  # 1 + 1 - 0
    2.0
    >>> nst_loss(left, -left).item()  # a kernel of even degree does not see the sign
    0.0
    """
    student, teacher = (unit(x.flatten(2)) for x in _pooled_pair(student_feature, teacher_feature))
    (batch, ours, pixels), theirs = student.shape, teacher.shape[1]
    if pixels * (ours + theirs) <= ours**2 + ours * theirs + theirs**2:  # whichever multiplies less
        # (a·b)² is the inner product of a aᵀ and b bᵀ: the discrepancy is the squared distance of the means
        # of these pixel-by-pixel matrices.
        means = matmul(student.mT, student) / ours - matmul(teacher.mT, teacher) / theirs
        loss = means.square().sum() / batch
    else:
        within_teacher = matmul(teacher, teacher.mT).square().mean()
        within_student = matmul(student, student.mT).square().mean()
        between = matmul(student, teacher.mT).square().mean()
        loss = within_teacher + within_student - 2 * between
    return loss.to(student_feature.dtype)


def _pooled_pair(student_feature: Tensor, teacher_feature: Tensor) -> tuple[Tensor, Tensor]:
    """Both checked, wide, and of one map size."""
    names = ("student_feature", "teacher_feature")
    check_tensor(names[0], student_feature, "(B, C, H, W)")
    check_tensor(names[1], teacher_feature, "(B, C, H, W)")
    check_same_batch(names, student_feature, teacher_feature)
    return pool_to_smaller(*wide_pair(student_feature, teacher_feature))


def input_gradient(
    model: Callable[[Tensor], Tensor], x: Tensor, labels: Tensor, *, create_graph: bool = False
) -> Tensor:
    r"""Gradient of each sample's own cross-entropy with respect to the sample: where a small change matters.

    .. math:: J_b = \frac{\partial}{\partial x_b} \, CE\left(f(x_b), y_b\right)

    Nothing is divided by the batch size. For the student take ``create_graph=True``: a loss on J can then be
    differentiated once more, with respect to the parameters. The teacher needs no graph; an enclosing
    ``torch.no_grad()`` makes no difference.

    The parameters' ``.grad`` and the mode of the model stay as they are. Batch norm in training mode mixes
    the samples (J_b then holds the effect of x_b on the losses of all) and updates its running statistics,
    as in any forward pass: use evaluation mode where that is not wanted. A `SeedStack` takes x of shape
    (S, B, ...) and labels of shape (S, B). Inside `torch.func` transforms and `torch.compile`, which this
    function does not support, write `torch.func.grad` of the summed cross-entropy.

    Args:
        model: maps x to logits, shape (B, C). A `Teacher` answers without a graph: pass its ``.network``.
        x: shape (B, ...); a constant, left as it is.
        labels: y, shape (B,), int64 class indices in 0 .. C-1.
        create_graph: whether the result can be differentiated further.

    Returns:
        Tensor of the shape and dtype of x, in nats per unit of x.

    Raises:
        ValueError: x not a floating-point tensor, an empty batch, labels of a wrong shape or out of range,
            logits that do not depend on x through a graph.

    Source:
        Zagoruyko & Komodakis, "Paying More Attention to Attention", ICLR 2017, section 3.2.

    Lecture:
        04_attention_and_activations, section 4.

    >>> import torch
    >>> linear = torch.nn.Linear(3, 2, bias=False)
    >>> with torch.no_grad():
    ...     _ = linear.weight.copy_(torch.tensor([[1.0, 0.0, 2.0], [3.0, 0.0, 0.0]]))
    >>> input_gradient(linear, torch.zeros(1, 3), torch.tensor([0])).tolist()  # Wᵀ(softmax - one-hot)
    [[1.0, 0.0, -1.0]]
    """
    check_tensor("x", x, "(B, ...)")
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        logits = model(leaf)
        check_tensor("model(x)", logits, "(B, C, ...)")
        if not logits.requires_grad:
            raise ValueError(
                "model: expected logits that depend on x through a graph, got constants; "
                "does the model run under torch.no_grad()?"
            )
        rows = logits.flatten(0, -2)
        if isinstance(labels, Tensor) and labels.shape == logits.shape[:-1]:
            labels = labels.flatten()
        check_labels(labels, rows)
        log_probabilities = F.log_softmax(wide(rows), dim=1)
        # A sum, not a mean: each sample's loss depends on that sample only.
        total = -log_probabilities.gather(1, labels[:, None]).sum()
        return torch.autograd.grad(total, leaf, create_graph=create_graph)[0]


def gradient_attention_loss(student_gradient: Tensor, teacher_gradient: Tensor) -> Tensor:
    r"""Gradient-based attention transfer: half the squared distance of two input gradients.

    .. math:: \frac{1}{2B} \sum_b \| J^s_b - J^t_b \|_2^2

    The student's gradient must carry its graph (``input_gradient(..., create_graph=True)``), else there is
    nothing to train.

    Args:
        student_gradient: J^s, shape (B, ...).
        teacher_gradient: J^t, shape (B, ...), the same; a constant.

    Returns:
        0-dimensional tensor, in squared units of the gradients, mean over the batch, *sum* over pixels.

    Raises:
        ValueError: unequal shapes, an empty dimension.

    Source:
        Zagoruyko & Komodakis, "Paying More Attention to Attention", ICLR 2017, section 3.2, with the weight
        beta = 1. The authors' code holds the form on activations alone.

    Lecture:
        04_attention_and_activations, section 4.

    >>> import torch
    >>> loss = gradient_attention_loss(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 4.0]]))
    >>> loss.item()  # (9 + 16) / 2
    12.5
    """
    check_pair(student_gradient, teacher_gradient, ("student_gradient", "teacher_gradient"), "(B, ...)")
    student, teacher = wide_pair(student_gradient, teacher_gradient)
    elements_per_sample = student.numel() / student.shape[0]
    return (0.5 * elements_per_sample * F.mse_loss(student, teacher)).to(student_gradient.dtype)
