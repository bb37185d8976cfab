"""Losses with a term for each box, edge or pixel, in float64 and put together from parts that a known mistake
exchanges."""

from collections.abc import Callable

import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import log_softmax, normal

Part = Callable[..., Tensor]


# --- teacher-bounded regression: the parts are functions of (student, teacher, target, margin) ---


def squared(d: Tensor) -> Tensor:
    return d.square().sum(1)


def own_error(s: Tensor, t: Tensor, y: Tensor, m: float) -> Tensor:
    return squared(s - y)


def worse_by_margin(s: Tensor, t: Tensor, y: Tensor, m: float) -> Tensor:
    return squared(s - y) + m > squared(t - y)


def over_all_rows(paid: Tensor, gate: Tensor, D: int) -> Tensor:
    return paid.mean()


def bounded_regression(
    s: Tensor, t: Tensor, y: Tensor, m: float,
    pay: Part = own_error, gate: Part = worse_by_margin, average: Part = over_all_rows,
) -> Tensor:  # fmt: skip
    t = t.detach()
    open_rows = gate(s, t, y, m)
    return average(open_rows * pay(s, t, y, m), open_rows, s.shape[1])


STEPS = (3.0, -2.5, -0.5, 0.4)


def boxes(
    seed: int, N: int, D: int, margin: float, scale: float = 1.0,
    steps: tuple[float, ...] = STEPS, aligned: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Student, teacher and target. Row by row the student is far behind the teacher, far ahead, ahead by less
    than the margin, behind by less than the margin, and so on; none is near the edge of the gate. With
    `aligned` both err in the same direction."""
    unit = abs(margin) or 0.3 * scale**2
    toward = [normal(seed + i, N, D) for i in (0, 1)]
    s_way, t_way = (x / x.norm(dim=1, keepdim=True) for x in toward)
    of_teacher = unit * (4 + 2 * torch.sin(1.7 * torch.arange(N, dtype=torch.float64)).square())
    step = torch.tensor(steps, dtype=torch.float64).repeat(N)[:N]
    of_student = of_teacher + unit * step
    y = scale * 2 * normal(seed + 2, N, D)
    t_way = s_way if aligned else t_way
    return y + of_student.sqrt()[:, None] * s_way, y + of_teacher.sqrt()[:, None] * t_way, y


# --- soft targets at many places ---


def both_by_T(s: Tensor, t: Tensor, T: float) -> tuple[Tensor, Tensor, float]:
    return s / T, t / T, T * T


def kl_terms(log_p: Tensor, log_q: Tensor) -> Tensor:
    """What each class adds to KL(p‖q)."""
    return log_p.exp() * (log_p - log_q)


def over_bins(z: Tensor) -> Tensor:
    return log_softmax(z, 2)


def over_edges(terms: Tensor) -> Tensor:
    return terms.sum(2).mean()


def localization(
    s: Tensor, t: Tensor, T: float,
    soften: Callable = both_by_T, spread: Part = over_bins, compare: Part = kl_terms,
    average: Part = over_edges,
) -> Tensor:  # fmt: skip
    zs, zt, factor = soften(s, t.detach(), T)
    return factor * average(compare(spread(zt), spread(zs)))


def over_classes(z: Tensor) -> Tensor:
    return log_softmax(z, 1)


def not_ignored(y: Tensor, ignore: int, K: int) -> Tensor:
    return y != ignore


def over_counted(by_pixel: Tensor, counted: Tensor, K: int) -> Tensor:
    """Of the divergence at each pixel (B, H, W), those that count, and the number of classes."""
    return (by_pixel * counted).sum() / counted.sum().clamp(min=1)


def segmentation(
    s: Tensor, t: Tensor, y: Tensor, T: float, ignore: int = 255,
    soften: Callable = both_by_T, spread: Part = over_classes, compare: Part = kl_terms,
    count: Part = not_ignored, average: Part = over_counted,
) -> Tensor:  # fmt: skip
    zs, zt, factor = soften(s, t.detach(), T)
    terms = compare(spread(zt), spread(zs))
    return factor * average(terms.sum(1), count(y, ignore, s.shape[1]), s.shape[1])


# --- risk ---


def risk(p: Tensor, losses: Tensor) -> Tensor:
    return (p * losses).sum(1).mean()
