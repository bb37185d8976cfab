"""`bounded_regression_loss` and `localization_distillation_loss`: what a detector learns about places.

G. Chen et al. (2017), section 3.3, and Z. Zheng et al. (2022), section 3.
"""

import numbers
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from kdcourse.grading.formulas.dense import bounded_regression, boxes, localization
from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case, FunctionTask, Pair, Run
from kdcourse.grading.mistakes.detection import STRICT, bounded_mistakes, localization_mistakes
from kdcourse.grading.probe import Rejected, prepare

BIG = 1e4
CLOSED = "Where all gates are closed, the loss is 0"
EDGE = "Where student's error + margin is exactly the teacher's error, the gate is closed"


def rows(*places: tuple[float, ...]) -> Tensor:
    return torch.tensor(places, dtype=torch.float64)


def bounded_case(law: str, N: int, D: int, margin: float, **options) -> Case:
    made = {name: options.pop(name) for name in ("scale", "steps", "aligned") if name in options}
    s, t, y = options.pop("boxes", None) or boxes(900 + 7 * N + D, N, D, margin, **made)
    return Case((s, t, y, margin), {"N": N, "D": D, "margin": margin}, law, **options)


def on_the_edge(ratio: float) -> tuple[Tensor, Tensor, Tensor]:
    """In the first and the third row 25 + 144 against 169; in the others the student is far behind.

    The signs are such that 1e-6 added to each difference, as by `F.pairwise_distance`, closes the gates too.
    """
    y = rows((1, 2, -3, 4), (2, 0, 1, 1), (-5, 3, 0, 2), (0, 1, 2, 3))
    s = y + rows((-3, -4, 0, 0), (6, 0, 8, 20), (0, -4, -3, 0), (0, 15, 0, 9))
    t = y + rows((5, 12, 0, 0), (1, 0, 0, 1), (0, 0, 12, 5), (2, 0, 0, 1))
    return ratio * s, ratio * t, ratio * y


def bounded_cases() -> list[Case]:
    f64 = {"dtype": torch.float64}
    t = rows((3, 4, 0, 0), (0, 5, 12, 0), (0, -8, 0, 6), (2, 2, 1, 0), (1, 0, 0, 0), (-3, 0, 0, -4))
    as_good = torch.tensor([True, False, True, False, False, True])[:, None]
    ahead = boxes(72, 5, 4, 0.5)
    behind = torch.tensor([[6.0]], dtype=torch.float64)
    exact = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0], dtype=torch.float64)[:, None]
    same = boxes(74, 5, 4, 0.7)
    return [
        bounded_case("", 9, 4, 0.8, model_output=True, teacher_requires_grad=True),
        bounded_case("", 7, 5, 0.3, **f64),
        bounded_case("", 11, 3, 2.5, teacher_requires_grad=True),
        bounded_case("", 6, 2, 0.15, **f64, model_output=True, teacher_requires_grad=True),
        bounded_case("", 13, 6, 1.7, scale=3.0),
        bounded_case("", 10, 4, 0.05, scale=0.2, **f64),
        bounded_case("", 8, 2, 0.4, steps=(-3.5, -3.5, -0.5, -3.5, 0.4, -3.5)),
        bounded_case("", 9, 3, 0.5, aligned=True, **f64),
        bounded_case("With the margin 0", 8, 4, 0.0),
        bounded_case("With a negative margin, by which the student may be worse", 9, 4, -0.6, **f64),
        bounded_case(EDGE, 4, 4, 144.0, boxes=on_the_edge(1.0)),
        bounded_case(EDGE, 4, 4, 36.0, boxes=on_the_edge(0.5), **f64),
        bounded_case(f"{EDGE} (margin 0, and some rows equal)", 6, 4, 0.0,
                     boxes=(torch.where(as_good, t, 3 * t), t, 0 * t)),
        bounded_case("Where student and teacher agree, any margin above 0 opens all gates", 5, 4, 0.7,
                     boxes=(same[1], same[1].clone(), same[2])),
        bounded_case("Where all gates are open", 5, 4, 0.5,
                     boxes=(ahead[2] + 3 * (ahead[1] - ahead[2]), ahead[1], ahead[2])),
        bounded_case("Where some predictions are exact, and their gates open", 5, 4, 5.0,
                     boxes=(ahead[2] + (1 - exact) * (ahead[0] - ahead[2]),
                            ahead[2] + 0.1 * (ahead[1] - ahead[2]), ahead[2])),
        bounded_case("With a single row, whose gate is open", 1, 4, 0.4),
        bounded_case("With a single coordinate", 8, 1, 0.7, **f64),
        bounded_case("With a single row and a single coordinate", 1, 1, 0.4,
                     boxes=(behind, behind - 4, behind - 5.5)),
        bounded_case("With as many rows as coordinates", 4, 4, 0.9),
        bounded_case("With two rows", 2, 4, 0.9, teacher_requires_grad=True),
        bounded_case("With boxes of size 1e3", 9, 4, 2e4, scale=300.0, atol=1.0, rtol=1e-3),
        bounded_case("With many rows", 300, 4, 0.8),
        bounded_case(CLOSED, 5, 4, 0.5,
                     boxes=(ahead[2] + 0.3 * (ahead[1] - ahead[2]), ahead[1], ahead[2])),
        bounded_case(f"{CLOSED} (here student and teacher agree, and the margin is 0)", 5, 4, 0.0,
                     boxes=(t[:5].clone(), t[:5], 0 * t[:5]), **f64),
        bounded_case(f"{CLOSED} (a single row)", 1, 4, 0.5,
                     boxes=(ahead[2][:1], ahead[1][:1], ahead[2][:1])),
        bounded_case("When called a second time with the same inputs", 9, 4, 0.8, model_output=True),
    ]  # fmt: skip


GRAPHLESS = (
    "A remark, which costs nothing here. Where all gates are closed, your 0 has no graph, and "
    "`backward()` on it "
    "alone fails. `(gate * error).mean()` or `torch.where` keeps one."
)


class BoundedTask(FunctionTask):
    """If all gates are closed, the 0 may come without a graph, and even as a plain number."""

    def __call__(self, answer: object) -> list[str]:
        feedback = super().__call__(answer)
        case = next(case for case in self.cases() if case.law == CLOSED)
        run = self.observe(prepare(answer, self.names), case, case.dtype, ())
        return [*feedback, *([GRAPHLESS] if run.gradients is None else [])]

    def observe(self, function: Callable[..., object], case: Case, dtype: torch.dtype, shape: tuple) -> Run:
        def or_number(*args: object) -> object:
            result = function(*args)
            if isinstance(result, numbers.Real) and not isinstance(result, np.ndarray | bool):
                return torch.tensor(float(result))
            return result

        closed = case.law.startswith(CLOSED)
        return super().observe(or_number if closed else function, case, dtype, shape)

    def require_law(self, pairs: list[Pair]) -> None:
        last = pairs[-1]
        if last.case.law.startswith(CLOSED) and last.value_right and last.got.gradients is None:
            del pairs[-1]
            return
        try:
            super().require_law(pairs)
        except Rejected as rejected:
            if rejected.diagnosis is None and last.case.law.startswith(EDGE):
                raise Rejected(*rejected.feedback, diagnosis=STRICT) from None
            raise


def bounded_shapes(args: tuple) -> dict[tuple, str]:
    N, D = args[0].shape
    return {
        (N, D): "Nothing is reduced yet: sum over the D coordinates, take the mean over the rows.",
        (N,): "This is one loss for each row; take the mean over the rows.",
        (N, 1): "This is one loss for each row; take the mean over the rows.",
        (D,): "This is one loss for each coordinate; sum over them, and take the mean over the rows.",
    }


ROWS = (
    "Two shapes do not fit. The gate has one entry for each row, (N,); it multiplies the row's error, "
    "which is "
    "summed over the D coordinates already. (Against (N, D) it needs `[:, None]`.)"
)
ROOT = (
    "Is there a square root of an error of 0, or a division by 0? The squared error needs no root: "
    "`(student - target).square().sum(dim=1)`."
)


# --- localization_distillation_loss ---


def localization_case(law: str, N: int, n: int, T: float, scale: float = 2.0, **options) -> Case:
    s = options.pop("s", scale * normal(930 + 7 * N + n, N, 4, n))
    t = options.pop("t", scale * normal(950 + 5 * N + n, N, 4, n))
    options = {"atol": 3e-6 * max(1.0, T * T)} | options
    return Case((s, t, T), {"N": N, "n": n, "T": T}, law, **options)


def localization_cases() -> list[Case]:
    f64, live = {"dtype": torch.float64}, {"teacher_requires_grad": True}
    shows = localization_case
    peaks = BIG * torch.eye(7, dtype=torch.float64)[torch.arange(20) % 7].reshape(5, 4, 7)
    offset = 20 * normal(961, 4, 4, 1)
    same = 2 * normal(962, 5, 4, 6)
    one = 3 * normal(963, 5, 4, 6)
    apart = torch.cat([same[:, :2], one[:, 2:]], 1)
    return [
        shows("", 5, 7, 3.0, model_output=True, **live),
        shows("", 3, 9, 2.5, **f64),
        shows("", 6, 5, 8.0, scale=4.0, **live),
        shows("", 7, 3, 0.6, scale=1.0, **f64, **live),
        shows("", 2, 17, 10.0, scale=3.0, model_output=True),
        shows("At T = 1", 5, 6, 1.0),
        shows("With equal logits the loss and its gradient are 0", 5, 6, 4.0, s=same, t=same.clone()),
        shows("Where two edges of each box agree", 5, 6, 4.0, s=apart, t=same, **f64),
        shows("A constant added to all bins of an edge changes nothing", 4, 6, 2.0, **f64, atol=1e-4,
              s=2 * normal(964, 4, 4, 6) + offset, t=2 * normal(965, 4, 4, 6) - offset),
        shows("With a single box", 1, 7, 3.0, **live),
        shows("With two bins", 5, 2, 3.5, **f64),
        shows("With four bins, as many as edges", 3, 4, 2.5),
        shows("With four boxes", 4, 6, 2.5, scale=3.0),
        shows("With four boxes and four bins", 4, 4, 2.5, **f64),
        shows("With as many boxes as bins", 6, 6, 5.0),
        shows("At the high temperature T = 20", 5, 8, 20.0, scale=3.0),
        shows("With logits of size 100", 5, 6, 1.5, scale=50.0, rtol=1e-3),
        shows("With logits of size 1e4 where student and teacher disagree", 5, 7, 3.0, rtol=1e-3,
              s=peaks.roll(2, 2), t=peaks),
        shows("With logits of size 1e4", 3, 5, 2.5, scale=BIG, rtol=1e-3, **f64, **live),
        shows("With student logits of size 1e4", 4, 5, 5.0, s=BIG * normal(966, 4, 4, 5),
              t=normal(967, 4, 4, 5), rtol=1e-3),
        shows("With teacher logits of size 1e4", 4, 5, 5.0, s=normal(968, 4, 4, 5),
              t=BIG * normal(969, 4, 4, 5), rtol=1e-3, atol=1e-3),
        shows("When called a second time with the same inputs", 5, 7, 3.0, model_output=True),
    ]  # fmt: skip


def localization_shapes(args: tuple) -> dict[tuple, str]:
    N, _, n = args[0].shape
    each = "; take the mean over the 4·N edges."
    return {
        (N, 4, n): "Nothing is reduced yet: sum over the bins, take the mean over the 4·N edges.",
        (4 * N, n): "Nothing is reduced yet: sum over the bins, take the mean over the 4·N edges.",
        (N, 4): f"This is one loss for each edge{each}",
        (4 * N,): f"This is one loss for each edge{each}",
        (N,): f"This is one loss for each box{each}",
        (4,): f"This is one loss for each side{each}",
        (N, n): "The edges are gone, the bins are not: sum over the bins, take the mean over the 4·N edges.",
        (n,): "This is one number for each bin: sum over the bins, take the mean over the 4·N edges.",
    }


TASKS = {
    "bounded_regression_loss": BoundedTask(
        ("student", "teacher", "target", "margin"), "a scalar",
        bounded_regression, bounded_cases, bounded_mistakes, constants=(1,), shapes=bounded_shapes,
        misfit=ROWS, not_finite=ROOT,
    ),
    "localization_distillation_loss": FunctionTask(
        ("student_bins", "teacher_bins", "T"), "a scalar",
        localization, localization_cases, localization_mistakes, constants=(1,), shapes=localization_shapes,
    ),
}  # fmt: skip
