"""`pearson_distance`: T. Huang et al. (2022), section 4, for one row of each."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import normal, softmax
from kdcourse.grading.function_task import Case, FunctionTask, Wrong
from kdcourse.grading.probe import Rejected, prepare


def pearson(x: Tensor, y: Tensor, axis: int = 1) -> Tensor:
    x, y = (z - z.mean(axis, keepdim=True) for z in (x, y))
    return 1 - (x * y).sum(axis) / (x.norm(dim=axis) * y.norm(dim=axis))


def pearson_cases() -> list[Case]:
    def shows(law: str, B: int, C: int, scale: float = 1.5, **options) -> Case:
        student = options.pop("student", softmax(scale * normal(231 + 7 * B + C, B, C)))
        teacher = options.pop("teacher", softmax(scale * normal(271 + 5 * B + C, B, C)))
        return Case((student, teacher), {"B": B, "C": C}, law, **{"atol": 5e-6, "rtol": 5e-4} | options)

    some = softmax(1.5 * normal(281, 4, 7))
    return [
        shows("", 5, 7, model_output=True),
        shows("", 4, 3, dtype=torch.float64),
        shows("", 6, 11),
        shows("Where both rows are equal the "
              "distance is 0", 4, 7, student=some, teacher=some.clone(), atol=3e-5),
        shows("Where the teacher is 3 times the student plus 2 the distance is 0", 4, 7, student=some,
              teacher=3 * some + 2, atol=1e-4),
        shows("Where the teacher is minus the student the distance is 2", 4, 7, student=some, teacher=-some,
              atol=3e-5),
        shows("With a single sample", 1, 6, dtype=torch.float64),
        shows("With as many samples as classes", 5, 5),
        shows("When called a second time with the same inputs", 5, 7, model_output=True),
    ]  # fmt: skip


def pearson_mistakes() -> Iterator[Wrong]:
    def cosine(x: Tensor, y: Tensor, axis: int = 1) -> Tensor:
        return (x * y).sum(axis) / (x.norm(dim=axis) * y.norm(dim=axis))

    yield Wrong(lambda x, y: 1 - pearson(x, y), "This is the correlation itself; the distance is 1 minus it.")
    yield Wrong(lambda x, y: 2 - pearson(x, y), "The sign is wrong: 1 minus the correlation, not 1 plus it.")
    yield Wrong(
        lambda x, y: -(1 - pearson(x, y)), "The 1 is missing: the distance is 1 minus the correlation."
    )
    yield Wrong(
        lambda x, y: 1 - cosine(x, y),
        "The means are not subtracted: this is the cosine of the rows. Take each row's own mean away first.",
    )
    yield Wrong(
        lambda x, y: 1 - cosine(x - x.mean(0), y - y.mean(0)),
        "The means are taken over the batch; each row loses its own mean (`dim=1, keepdim=True`).",
    )
    yield Wrong(
        lambda x, y: 1 - cosine(x - x.mean(1, keepdim=True), y),
        "Only the student is centred.  (With the teacher's norm not centred, the denominator is too large.)",
    )
    yield Wrong(lambda x, y: 1 - cosine(x, y - y.mean(1, keepdim=True)), "Only the teacher is centred.")

    def mixed_divisors(x: Tensor, y: Tensor) -> Tensor:
        C = x.shape[1]
        return 1 - (1 - pearson(x, y)) * (C - 1) / C

    yield Wrong(
        mixed_divisors,
        "The covariance is divided by C and the standard deviations by C − 1 (`std` does that by itself): "
        "give "
        "both the same divisor, `std(..., correction=0)`.",
    )
    yield Wrong(
        lambda x, y: 1 - (1 - pearson(x, y)) * x.shape[1] / (x.shape[1] - 1),
        "The covariance is divided by C − 1 and the standard deviations by C: give both the same divisor.",
    )
    yield Wrong(lambda x, y: 1 - (1 - pearson(x, y)) ** 2, "The correlation is squared.")
    yield Wrong(
        lambda x, y: 1 - (1 - pearson(x, y)).abs(),
        "The correlation loses its sign: opposite rows are as far apart as can be, distance 2.",
    )
    yield Wrong(
        lambda x, y: pearson(x, y).mean().expand(len(x)),
        "Every row gets the mean of the batch; return one number a row.",
    )

    def covariance(x: Tensor, y: Tensor) -> Tensor:
        x, y = (z - z.mean(1, keepdim=True) for z in (x, y))
        return 1 - (x * y).mean(1)

    yield Wrong(covariance, "This is the covariance; divide by both standard deviations.")
    yield Wrong(
        lambda x, y: pearson(x.flatten()[None], y.flatten()[None]).expand(len(x)),
        "One correlation is taken over the whole batch; each row has its own.",
    )
    yield Wrong(lambda x, y: pearson(x.detach(), y) + 0.0 * x.sum(1), "The student is detached.")

    def frozen_norm(x: Tensor, y: Tensor) -> Tensor:
        x, y = (z - z.mean(1, keepdim=True) for z in (x, y))
        return 1 - (x * y).sum(1) / (x.norm(dim=1).detach() * y.norm(dim=1))

    yield Wrong(
        frozen_norm, "The student's norm is detached; it is part of the correlation, and of its gradient."
    )


class Pearson(FunctionTask):
    def __call__(self, answer: object) -> list[str]:
        feedback = super().__call__(answer)
        self.require_finite_where_constant(prepare(answer, self.names))
        return [*feedback, "Constant rows have the distance 1 and a finite gradient."]

    def require_finite_where_constant(self, function: Callable[..., object]) -> None:
        """The size of the gradient is left open there; other rows must not suffer."""
        steady = torch.full((1, 8), 0.125, dtype=torch.float64)
        rows = softmax(1.5 * normal(291, 3, 8)), softmax(1.5 * normal(292, 3, 8))
        first = rows[0][:1]
        cases = {
            "Where a row of the student is constant": (steady, first),
            "Where a row of the teacher is constant": (first, steady),
            "Where a row of both is constant": (steady, steady),
        }
        want = self.expect(self.reference, Case(rows, {}))
        for law, extra in cases.items():
            case = Case(tuple(torch.cat(pair) for pair in zip(rows, extra, strict=True)), {})
            got = self.observe(function, case, torch.float32, (4,))
            value, gradient = got.value[0], got.gradients[0] if got.gradients else np.zeros((4, 8))
            finite = bool(np.isfinite(value).all())
            if not (finite and np.isfinite(gradient).all()):
                raise Rejected(
                    f"{law}: your {'gradient' if finite else 'value'} is not finite.",
                    diagnosis="A constant row has the norm 0, and 0/0 is not finite; nor is the "
                    "derivative of "
                    "`sqrt` or `std` at 0. Add a small number such as 1e-8, under the root too.",
                )
            if abs(value[3] - 1) > 1e-3:
                raise Rejected(
                    f"{law}: its distance is {value[3]:.4g}; expected is 1, as there is no correlation."
                )
            size = np.abs(want.gradients[0]).max()
            if (
                np.abs(value[:3] - want.value[0]).max() > 1e-3
                or np.abs(gradient[:3] - want.gradients[0]).max() > 3e-3 * size
            ):
                raise Rejected(f"{law}, the other rows of the batch change as well.")


TASKS = {
    "pearson_distance": Pearson(
        ("student", "teacher"), "one number a sample", pearson, pearson_cases, pearson_mistakes,
    ),
}  # fmt: skip
