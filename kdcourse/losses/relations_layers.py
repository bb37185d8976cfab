"""Relations within a sample: how layers, or the channels of one layer, go together.

Conventions: B is the batch size, C a number of channels, H and W the height and width of a map; feature maps
have shape (B, C, H, W); the student comes before the teacher; no gradient reaches the teacher; the result of
a loss is a 0-dimensional tensor in the student's dtype. A relation forgets the pixels, so the maps of
student and teacher may differ in size; it keeps the channels, whose numbers must agree.
"""

import torch
from torch import Tensor

from kdcourse.losses._checks import check_same_batch, check_tensor
from kdcourse.losses._numerics import gram, matmul, pool_to_smaller, unit, wide, wide_pair


def fsp_matrix(first: Tensor, second: Tensor) -> Tensor:
    r"""Flow of solution procedure (FSP): how two layers of one network go together.

    .. math:: G_{bij} = \frac{1}{HW} \sum_{h,w} F_{bihw} \, E_{bjhw}

    Both layers keep their graph: call it with a detached tensor for a constant.

    Args:
        first: F, shape (B, C1, H, W).
        second: E, shape (B, C2, H, W), of another layer of the same network.

    Returns:
        Tensor of shape (B, C1, C2), in the (promoted) dtype of the arguments; in squared units of features.

    Raises:
        ValueError: wrong shapes, an empty tensor, unequal batch sizes or map sizes.

    Source:
        Yim, Joo, Bae & Kim, "A Gift from Knowledge Distillation: Fast Optimization, Network Minimization and
        Transfer Learning", CVPR 2017, equation 1. A widely used implementation multiplies tensors broadcast
        to (B, C1, C2, HW) and sums; one batched matrix product gives the same.

    Lecture:
        05_relations, section 3.

    >>> import torch
    >>> first = torch.tensor([[[[1.0, 2.0]]]])  # one channel, 1 x 2 pixels
    >>> second = torch.tensor([[[[3.0, 5.0]], [[0.0, 4.0]]]])  # two channels
    >>> fsp_matrix(first, second).tolist()  # (3 + 10) / 2 and (0 + 8) / 2
    [[[6.5, 4.0]]]
    """
    for name, tensor in (("first", first), ("second", second)):
        check_tensor(name, tensor, "(B, C, H, W)")
    check_same_batch(("first", "second"), first, second)
    if first.shape[2:] != second.shape[2:]:
        raise ValueError(
            f"second: expected the map size of first, {tuple(first.shape[2:])}, "
            f"got {tuple(second.shape[2:])}; pool the larger map to the size of the smaller (fsp_loss does)"
        )
    return _mean_products(first, second).to(torch.promote_types(first.dtype, second.dtype))


def fsp_loss(
    student_first: Tensor, student_second: Tensor, teacher_first: Tensor, teacher_second: Tensor
) -> Tensor:
    r"""Mean squared difference between the FSP matrices of student and teacher.

    .. math:: \frac{1}{B \, C_1 C_2} \sum_{b,i,j} \left(G^S_{bij} - G^T_{bij}\right)^2

    with G the `fsp_matrix` of two layers of one network. Where the two maps of a network differ in size, the
    larger is average-pooled to the size of the smaller first (along height and width separately).

    Args:
        student_first: the student's first layer, shape (B, C1, H, W).
        student_second: the student's second layer, shape (B, C2, H', W').
        teacher_first: the teacher's first layer, with C1 channels on a map of any size; a constant.
        teacher_second: the teacher's second layer, with C2 channels on a map of any size; a constant.

    Returns:
        0-dimensional tensor, in units of features to the fourth power; mean over samples and *all* entries.

    Raises:
        ValueError: wrong shapes, an empty tensor, unequal batch sizes, unequal channels of student and
            teacher.

    Source:
        Yim, Joo, Bae & Kim, "A Gift from Knowledge Distillation: Fast Optimization, Network Minimization and
        Transfer Learning", CVPR 2017, equations 1 and 2; there the squares are summed over the entries and
        each pair of layers has a weight. torchdistill pools with a maximum and takes the root of the sum,
        RepDistiller averages, as here.

    Lecture:
        05_relations, section 3.

    >>> import torch
    >>> ones, twos = torch.ones(1, 3, 4, 4), torch.full((1, 2, 2, 2), 2.0)
    >>> fsp_loss(ones, twos, ones, ones[:, :2]).item()  # all entries 2 against all entries 1
    1.0
    """
    tensors = {
        "student_first": student_first,
        "student_second": student_second,
        "teacher_first": teacher_first,
        "teacher_second": teacher_second,
    }
    for name, tensor in tensors.items():
        check_tensor(name, tensor, "(B, C, H, W)")
        check_same_batch(("student_first", name), student_first, tensor)
    for layer in ("first", "second"):
        _check_same_channels(
            (f"student_{layer}", f"teacher_{layer}"), tensors[f"student_{layer}"], tensors[f"teacher_{layer}"]
        )
    student = _mean_products(*pool_to_smaller(wide(student_first), wide(student_second)))
    teacher = _mean_products(*pool_to_smaller(wide(teacher_first.detach()), wide(teacher_second.detach())))
    return (student - teacher).square().mean().to(student_first.dtype)


def ickd_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Inter-channel correlation (ICKD): which channels of a layer respond together, whatever the place.

    .. math:: \frac{1}{BC} \sum_b \sum_{i,j} \left(\hat G^S_{bij} - \hat G^T_{bij}\right)^2, \qquad
              \hat G_{bi} = \frac{G_{bi}}{\| G_{bi} \|}, \quad G_{bij} = \sum_{h,w} f_{bihw} f_{bjhw}

    Each row of the Gram matrix has length one, so the scale of a sample does not matter; the scale of one
    channel does. A channel that is zero everywhere goes with no other: its own row is zero and asks nothing
    of it; the rows of the others still do.

    Args:
        student: f of the student, shape (B, C, H, W), after a 1 x 1 convolution if its channels were others.
        teacher: f of the teacher, shape (B, C, H', W'); a constant.

    Returns:
        0-dimensional tensor without unit, in [0, 4]; mean over samples and rows, *sum* along a row.

    Raises:
        ValueError: wrong shapes, an empty tensor, unequal batch sizes or channels.

    Source:
        Liu, Huang, Lin, Xie, Wang, Chang & Liang, "Exploring Inter-Channel Correlation for
        Diversity-Preserved Knowledge Distillation", ICCV 2021, section 3; row normalisation and divisor as in
        the authors' code. torchdistill divides by B once more, so its loss fades as batches grow.

    Lecture:
        05_relations, section 3.

    >>> import torch
    >>> student = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])  # two channels that never meet
    >>> teacher = torch.tensor([[[[1.0, 0.0]], [[0.0, 0.0]]]])  # the second is silent
    >>> ickd_loss(student, teacher).item()  # rows (1, 0), (0, 1) against (1, 0), (0, 0): 1 / 2
    0.5
    """
    check_tensor("student", student, "(B, C, H, W)")
    check_tensor("teacher", teacher, "(B, C, H, W)")
    check_same_batch(("student", "teacher"), student, teacher)
    _check_same_channels(("student", "teacher"), student, teacher)
    s, t = (f.flatten(2) for f in wide_pair(student, teacher))
    s, t = (unit(gram(f)) for f in (s, t))
    return (s - t).square().sum(dim=2).mean().to(student.dtype)


def _mean_products(first: Tensor, second: Tensor) -> Tensor:
    """(B, C1, H, W), (B, C2, H, W) -> (B, C1, C2): the mean over pixels of the products, as one product."""
    first, second = wide(first).flatten(2), wide(second).flatten(2)
    common = torch.promote_types(first.dtype, second.dtype)
    return matmul(first.to(common), second.mT.to(common)) / first.shape[2]


def _check_same_channels(names: tuple[str, str], student: Tensor, teacher: Tensor) -> None:
    if student.shape[1] != teacher.shape[1]:
        raise ValueError(
            f"{names[1]}: expected the number of channels of {names[0]}, {student.shape[1]}, "
            f"got {teacher.shape[1]} (shape {tuple(teacher.shape)})"
        )
