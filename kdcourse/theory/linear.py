"""Linear students of linear teachers: where gradient flow ends, and at what angle to the teacher."""

import torch
from torch import Tensor

from kdcourse.losses._checks import check_same_shape, check_tensor


def principal_angle(first: Tensor, second: Tensor) -> Tensor:
    r"""Angle between two lines, whichever way along them the vectors point.

    .. math:: \arccos \frac{|u \cdot v|}{\|u\| \, \|v\|} \in [0, \pi/2]

    Computed from the half angle's tangent, which is exact for small angles as well, where the arc cosine
    loses half of the digits.

    Args:
        first, second: u and v, shape (..., D).

    Returns:
        Tensor of shape (...), in radians.

    Raises:
        ValueError: unequal shapes, a vector of zeros (it has no direction).

    Lecture:
        16_why_ntk, section 7.

    >>> round(principal_angle(torch.tensor([1.0, 0.0]), torch.tensor([-3.0, 3.0])).item(), 4)  # pi / 4
    0.7854
    """
    units = []
    for name, vector in (("first", first), ("second", second)):
        check_tensor(name, vector, "(..., D)")
        # By the largest entry first, so that neither huge nor tiny vectors over- or underflow.
        largest = vector.abs().amax(dim=-1, keepdim=True)
        if (largest == 0).any():
            raise ValueError(f"{name}: expected no vector of zeros, which has no direction")
        scaled = vector / largest
        units.append(scaled / scaled.norm(dim=-1, keepdim=True))
    check_same_shape(("first", "second"), first, second)
    u, v = units
    v = torch.where((u * v).sum(dim=-1, keepdim=True) < 0, -v, v)
    return 2 * torch.atan2((u - v).norm(dim=-1), (u + v).norm(dim=-1))


def linear_student(teacher_weights: Tensor, inputs: Tensor) -> Tensor:
    r"""Where gradient flow takes a linear student that starts at zero and imitates a linear teacher.

    .. math:: w = P \, w_*, \qquad P \text{ the orthogonal projection on the span of } x_1, \dots, x_n

    Each step moves the student by a combination of the inputs, so it cannot leave their span; within it the
    imitation becomes perfect. With inputs that span the whole space the student is the teacher.

    Args:
        teacher_weights: w_*, shape (D,), or (K, D) for K outputs.
        inputs: shape (n, D). Directions in which they spread by less than rounding error do not count.

    Returns:
        Tensor of the shape and dtype of `teacher_weights`.

    Raises:
        ValueError: shapes that do not fit.

    Source:
        Phuong & Lampert, "Towards Understanding Knowledge Distillation", ICML 2019, section 3 (theorem 1, for
        the logistic loss with soft targets; for squared error it is classical).

    Lecture:
        16_why_ntk, section 6.

    >>> linear_student(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([[0.0, 5.0, 0.0]]))
    tensor([0., 2., 0.])
    """
    check_tensor("teacher_weights", teacher_weights, "(..., D)")
    check_tensor("inputs", inputs, "(n, D)")
    if inputs.shape[1] != teacher_weights.shape[-1]:
        raise ValueError(
            f"inputs: expected {teacher_weights.shape[-1]} numbers a row as in teacher_weights, "
            f"got shape {tuple(inputs.shape)}"
        )
    _, spreads, directions = torch.linalg.svd(inputs.to(teacher_weights.dtype), full_matrices=False)
    least = spreads[0] * max(inputs.shape) * torch.finfo(spreads.dtype).eps
    basis = directions[spreads > least]
    return teacher_weights @ basis.T @ basis
