"""Self-distillation of a kernel regression: each round fits the last round's answers, and forgets some."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from kdcourse.losses._checks import check_number, check_tensor
from kdcourse.models._checks import check_sizes


class SelfDistillation(NamedTuple):
    """What the rounds of `kernel_self_distillation` give, one row a round.

    Lecture:
        17_why_multi_view, section 8, through `kernel_self_distillation`.
    """

    predictions: Tensor  # (R, n)
    coefficients: Tensor  # (R, n)
    penalties: Tensor  # (R,)
    degrees_of_freedom: Tensor  # (R,)


def kernel_self_distillation(
    gram: Tensor,
    targets: Tensor,
    *,
    rounds: int,
    tolerance: float | None = None,
    penalty: float | None = None,
) -> SelfDistillation:
    r"""Kernel ridge regression on its own answers, again and again.

    .. math:: y_t = G \, (c_t I + G)^{-1} \, y_{t-1}, \qquad
              \mathrm{dof}_t = \sum_j \prod_{s \le t} \frac{d_j}{c_s + d_j}

    with y_0 the targets, d_j the eigenvalues of G. In the directions of small eigenvalues answers shrink
    most, round by round; the effective degrees of freedom (the trace of the map from y_0 to y_t) count what
    is left.

    Exactly one of `tolerance` and `penalty` says how strong a round regularises. A tolerance ε takes, as the
    paper does, the smoothest answers that are close to the last ones: c_t solves
    ``|y_t - y_{t-1}|^2 / n = ε``. Once ``|y_{t-1}|^2 / n <= ε`` zero is close enough: the answers collapse,
    c_t is infinite and they stay zero. A penalty is c_t itself, in all rounds.

    Args:
        gram: G, shape (n, n), symmetric and positive semi-definite.
        targets: y_0, shape (n,).
        rounds: R.
        tolerance: ε > 0, in squared units of the targets.
        penalty: c > 0, in units of G.

    Returns:
        `SelfDistillation`, in the dtype of `targets` (computed in float64): predictions y_1 .. y_R;
        coefficients ``(c_t I + G)^{-1} y_{t-1}``, so that ``cross_gram @ coefficients[t]`` are the answers on
        new inputs; penalties c_t; degrees of freedom.

    Raises:
        ValueError: wrong shapes, a matrix that is not symmetric or has a clearly negative eigenvalue, numbers
            out of range, both or none of `tolerance` and `penalty`, or a tolerance that no penalty reaches
            because the targets have more than that outside of the range of G.

    Source:
        Mobahi, Farajtabar & Bartlett, "Self-Distillation Amplifies Regularization in Hilbert Space", NeurIPS
        2020, section 3 (with G their Gram matrix of the Green's function).

    Lecture:
        17_why_multi_view, section 8.

    >>> rounds = kernel_self_distillation(torch.diag(torch.tensor([3.0, 1.0])), torch.ones(2),
    ...                                   rounds=2, penalty=1.0)
    >>> rounds.predictions  # 3/4 and 1/2, then their squares
    tensor([[0.7500, 0.5000],
            [0.5625, 0.2500]])
    >>> rounds.degrees_of_freedom
    tensor([1.2500, 0.8125])
    """
    check_tensor("gram", gram, "(n, n)")
    check_tensor("targets", targets, "(n,)")
    check_sizes(rounds=rounds)
    n = len(targets)
    if gram.shape != (n, n):
        raise ValueError(f"gram: expected shape {(n, n)} for {n} targets, got {tuple(gram.shape)}")
    if (tolerance is None) == (penalty is None):
        raise ValueError("tolerance, penalty: expected exactly one of them")
    name, value = ("penalty", penalty) if tolerance is None else ("tolerance", tolerance)
    check_number(name, value, low=0.0, open_low=True)
    g = gram.detach().double()
    if not torch.allclose(g, g.T, rtol=1e-5, atol=1e-5 * g.abs().max().item()):
        raise ValueError("gram: expected a symmetric matrix")
    eigenvalues, directions = torch.linalg.eigh((g + g.T) / 2)
    if eigenvalues[0] < -1e-5 * eigenvalues[-1].abs():
        raise ValueError(f"gram: expected no negative eigenvalue, got {eigenvalues[0].item():.3g}")
    # What is below rounding error is none: dividing by it would blow noise up.
    noise = n * torch.finfo(gram.dtype).eps * eigenvalues[-1]
    eigenvalues = torch.where(eigenvalues > noise, eigenvalues, 0.0)

    y, shrunk = directions.T @ targets.detach().double(), torch.ones_like(eigenvalues)
    rows = []
    for round_ in range(rounds):
        c = penalty if tolerance is None else _penalty_of(eigenvalues, y, tolerance, round_)
        kept = torch.zeros_like(y) if math.isinf(c) else eigenvalues / (c + eigenvalues)
        coefficients = torch.zeros_like(y) if math.isinf(c) else y / (c + eigenvalues)
        y, shrunk = kept * y, kept * shrunk
        rows.append(
            (directions @ y, directions @ coefficients, torch.tensor(c, dtype=torch.float64), shrunk.sum())
        )
    return SelfDistillation(*(torch.stack(column).to(targets.dtype) for column in zip(*rows, strict=True)))


def _penalty_of(eigenvalues: Tensor, y: Tensor, tolerance: float, round_: int) -> float:
    """The c at which the mean squared change of `y` (in the eigenvectors' coordinates) is the tolerance."""

    def change(c: float) -> float:
        return ((c / (c + eigenvalues)) * y).square().mean().item()

    if y.square().mean().item() <= tolerance:
        return math.inf
    outside = y[eigenvalues == 0].square().sum().item() / len(y)
    if outside >= tolerance:
        raise ValueError(
            f"tolerance: round {round_ + 1} changes the answers by at least {outside:.3g}, the part of the "
            f"targets that gram cannot represent; expected a larger number than that, got {tolerance:.3g}"
        )
    low, high = 1e-30, 1.0
    while change(high) < tolerance:
        high *= 4
    for _ in range(200):  # the change grows with c; geometric steps, since c may have any size
        middle = math.sqrt(low * high)
        low, high = (middle, high) if change(middle) < tolerance else (low, middle)
    return high
