"""Teachers' predictions made once and kept: averaged over teachers, cut to a few classes, read back.

A store of all C probabilities of every image soon outgrows the images. Keeping the k largest of them, and
spreading what is missing evenly over the other classes, loses little. Targets are constants: no gradient
flows through them. B is the batch size, C the number of classes, M the number of teachers.
"""

from numbers import Integral

import torch
import torch.nn.functional as F
from torch import Tensor

from kdcourse.losses._checks import check_same_batch, check_temperature, check_tensor, values_are_free
from kdcourse.losses._numerics import wide, wide_pair


def ensemble_soft_targets(teacher_logits: Tensor, *, temperature: float = 1.0) -> Tensor:
    r"""Soft targets of several teachers: the mean of their probabilities.

    .. math:: p_{bc} = \frac{1}{M} \sum_m softmax(t_{mb} / T)_c

    The mean of probabilities is not the softmax of mean logits, a geometric mean in which the most extreme
    teacher has the last word. Teachers who are sure of different classes give a target that is unsure.

    Args:
        teacher_logits: t, shape (M, B, C): the logits of M teachers, one after the other.
        temperature: T > 0, in units of logits.

    Returns:
        Probabilities of shape (B, C) in the dtype of the logits; rows sum to one.

    Raises:
        ValueError: another shape, an empty tensor, a temperature that is not positive and finite.

    Source:
        Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", NIPS 2014 workshop (arXiv
        1503.02531), section 1, which names arithmetic and geometric means. Public code has both, and has
        taken the number of teachers from the batch dimension.

    Lecture:
        02_better_soft_targets, section 7.

    >>> import torch
    >>> teachers = torch.tensor([[[999.0, 0.0, 0.0]], [[0.0, 999.0, 0.0]]])  # two teachers, one sample
    >>> ensemble_soft_targets(teachers).tolist()
    [[0.5, 0.5, 0.0]]
    """
    check_tensor("teacher_logits", teacher_logits, "(M, B, C)")
    check_temperature(temperature)
    probabilities = (wide(teacher_logits.detach()) / temperature).softmax(dim=2)
    return probabilities.mean(dim=0).to(teacher_logits.dtype)


def sparse_soft_targets(teacher_logits: Tensor, k: int, *, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    r"""The k largest probabilities of each sample and their classes, for a store of soft labels.

    .. math:: (p_{b c_1}, \dots, p_{b c_k}), \; (c_1, \dots, c_k)
              \qquad \text{with } p = softmax(t / T), \quad p_{b c_1} \ge \dots \ge p_{b c_k}

    The probabilities are those among all C classes, not renormalised over the k: what they lack to 1 is
    known, and `densify_soft_targets` and `sparse_soft_cross_entropy` give it to the other classes. Which of
    several equally probable classes is kept, and in what order, is the choice of torch.topk.

    Args:
        teacher_logits: t, shape (B, C).
        k: how many to keep, 1 to C.
        temperature: T > 0, in units of logits.

    Returns:
        (values, indices): probabilities, largest first, in the dtype of the logits, and their classes
        (int64), both of shape (B, k).

    Raises:
        ValueError: another shape, an empty batch, k outside 1 .. C, T not positive and finite.

    Source:
        Shen & Xing, "A Fast Knowledge Distillation Framework for Visual Recognition", ECCV 2022, section 3;
        Wu, Zhang, Peng, Liu, Xiao, Fu & Yuan, "TinyViT: Fast Pretraining Distillation for Small Vision
        Transformers", ECCV 2022, section 3. The code of TinyViT stores float16 values and int16 indices,
        which end at class 32767.

    Lecture:
        13_pretraining_distillation, section 2.

    >>> import torch
    >>> logits = torch.tensor([[0.1, 0.6, 0.3]]).log()
    >>> values, indices = sparse_soft_targets(logits, 2)
    >>> [round(v, 4) for v in values[0].tolist()], indices.tolist()
    ([0.6, 0.3], [[1, 2]])
    """
    check_tensor("teacher_logits", teacher_logits, "(B, C)")
    classes = teacher_logits.shape[1]
    if not isinstance(k, Integral) or not 1 <= k <= classes:
        raise ValueError(f"k: expected a whole number in 1 .. {classes}, the number of classes, got {k}")
    check_temperature(temperature)
    logits = wide(teacher_logits.detach()) / temperature
    # Chosen by logits: softmax rounds the improbable classes to equal zeros.
    indices = logits.topk(k, dim=1).indices
    return logits.softmax(dim=1).gather(1, indices).to(teacher_logits.dtype), indices


def densify_soft_targets(values: Tensor, indices: Tensor, num_classes: int) -> Tensor:
    r"""Full soft labels from stored ones: the missing probability is spread evenly over the other classes.

    .. math:: p_{bc} = v_{bj} \text{ where } c = i_{bj}, \text{ else }
              \frac{\max(0, 1 - \sum_j v_{bj})}{C - k}

    Stored values that were rounded may sum to a little more than 1; the other classes get 0 then, nothing
    negative. With k = C there is no other class and the values stand as they are. The indices of one row must
    differ; this is not checked.

    Args:
        values: v, shape (B, k), probabilities from `sparse_soft_targets`.
        indices: i, shape (B, k), their classes, of any integer dtype.
        num_classes: C, at least k.

    Returns:
        Probabilities of shape (B, C), in the dtype of the values but float32 at least: half precision would
        lose the thin spread.

    Raises:
        ValueError: unequal shapes, empty tensors, more values than classes, indices out of 0 .. C-1 (on a GPU
            their range is left to the device).

    Source:
        Wu, Zhang, Peng, Liu, Xiao, Fu & Yuan, "TinyViT: Fast Pretraining Distillation for Small Vision
        Transformers", ECCV 2022, section 3; Shen & Xing, "A Fast Knowledge Distillation Framework for Visual
        Recognition", ECCV 2022, section 3, which also has a variant that renormalises the k values.

    Lecture:
        13_pretraining_distillation, section 2.

    >>> import torch
    >>> densify_soft_targets(torch.tensor([[0.5, 0.25]]), torch.tensor([[3, 0]]), 4).tolist()
    [[0.25, 0.125, 0.125, 0.5]]
    """
    if not isinstance(num_classes, Integral) or num_classes < 1:
        raise ValueError(f"num_classes: expected a positive whole number, got {num_classes}")
    _check_stored(values, indices, num_classes)
    return _written_out(wide(values.detach()), indices, num_classes)


def sparse_soft_cross_entropy(student_logits: Tensor, values: Tensor, indices: Tensor) -> Tensor:
    r"""Soft cross-entropy (T = 1) against stored soft labels.

    .. math:: -\frac{1}{B} \sum_b \Big[ \sum_j v_{bj} \log q_{b i_{bj}} + r_b \sum_{c \notin i_b} \log q_{bc}
              \Big], \qquad r_b = \frac{\max(0, 1 - \sum_j v_{bj})}{C - k}, \quad q = softmax(s)

    Equal to the soft cross-entropy against `densify_soft_targets`, with the same conventions: values that sum
    to more than 1 by rounding leave nothing to the other classes, and with k = C there are none. Values that
    were stored at a temperature of T go with logits divided by T.

    Args:
        student_logits: s, shape (B, C).
        values: v, shape (B, k), probabilities from `sparse_soft_targets`; constants.
        indices: i, shape (B, k), their classes, of any integer dtype; those of one row must differ (this is
            not checked).

    Returns:
        0-dimensional tensor, in nats per sample.

    Raises:
        ValueError: wrong shapes, an empty batch, more values than classes, indices out of 0 .. C-1 (on a GPU
            their range is left to the device).

    Source:
        Wu, Zhang, Peng, Liu, Xiao, Fu & Yuan, "TinyViT: Fast Pretraining Distillation for Small Vision
        Transformers", ECCV 2022, section 3.

    Lecture:
        13_pretraining_distillation, section 2.

    >>> import torch
    >>> values, indices = torch.tensor([[0.5, 0.25]]), torch.tensor([[3, 0]])
    >>> loss = sparse_soft_cross_entropy(torch.zeros(1, 4), values, indices)
    >>> round(loss.item(), 4)  # log 4: the student is uniform
    1.3863
    """
    check_tensor("student_logits", student_logits, "(B, C)")
    classes = student_logits.shape[1]
    _check_stored(values, indices, classes)
    check_same_batch(("student_logits", "values"), student_logits, values)
    student, values = wide_pair(student_logits, values)
    loss = F.cross_entropy(student, _written_out(values, indices, classes))
    return loss.to(student_logits.dtype)


def _check_stored(values: Tensor, indices: Tensor, classes: int) -> None:
    """Require values of shape (B, k), k <= C, and class indices of the same shape in 0 .. C-1."""
    check_tensor("values", values, "(B, k)")
    integers = isinstance(indices, Tensor) and not (
        indices.is_floating_point() or indices.is_complex() or indices.dtype == torch.bool
    )
    if not integers:
        got = f"{indices.dtype}" if isinstance(indices, Tensor) else type(indices).__name__
        raise ValueError(f"indices: expected an integer tensor of class indices, got {got}")
    if indices.shape != values.shape:
        raise ValueError(
            f"indices: expected the shape of values, {tuple(values.shape)}, got {tuple(indices.shape)}"
        )
    if values.shape[1] > classes:
        raise ValueError(f"values: expected at most {classes} a row, one a class, got {values.shape[1]}")
    if values_are_free(indices):
        low, high = (int(bound) for bound in indices.long().aminmax())
        if low < 0 or high >= classes:
            raise ValueError(
                f"indices: expected class indices in 0 .. {classes - 1}, got values from {low} to {high}"
            )


def _written_out(values: Tensor, indices: Tensor, classes: int) -> Tensor:
    """(B, C): the stored probabilities at their classes, and an equal share of what is missing elsewhere."""
    missing = (1 - values.sum(dim=1, keepdim=True)).clamp(min=0)
    spread = missing / max(1, classes - values.shape[1])  # without other classes all of it is overwritten
    return spread.expand(-1, classes).scatter(1, indices.long(), values)
