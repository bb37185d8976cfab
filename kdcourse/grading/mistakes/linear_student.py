"""Known mistakes of the linear student."""

from collections.abc import Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.tangent import (
    span,
    student,
)
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import Parts, double_mistakes, single_mistakes
from kdcourse.grading.mistakes.tangent import unit

SPAN = "w = P w_*, with P the orthogonal projection on the span of the inputs."
ENDS = "the flow ends only when the imitation is perfect on every input."


def ridge(inputs: Tensor, strength: float) -> Tensor:
    gram = inputs.T @ inputs
    return torch.linalg.solve(gram + strength * torch.eye(len(gram), dtype=gram.dtype), gram)


def descent(inputs: Tensor, rate: float, count: int) -> Tensor:
    gram = inputs.T @ inputs
    one = torch.eye(len(gram), dtype=gram.dtype)
    return one - torch.linalg.matrix_power(one - rate * gram, count)


def eye(inputs: Tensor) -> Tensor:
    return torch.eye(inputs.shape[1], dtype=inputs.dtype)


def inverse(inputs: Tensor) -> Tensor:
    return torch.linalg.pinv(inputs, rtol=max(inputs.shape) * 1.2e-7)


def leading(inputs: Tensor, count: int) -> Tensor:
    basis = torch.linalg.svd(inputs, full_matrices=False)[2][:count]
    return basis.T @ basis


def student_parts() -> Parts:
    projection = [
        Wrong(eye, f"The student is the teacher itself: no projection has happened. {SPAN}"),
        Wrong(
            lambda x: eye(x) - span(x),
            f"This is what the student does *not* learn: the part at right angles to the inputs. {SPAN}",
        ),
        Wrong(
            lambda x: x.T @ x,
            "This is XᵀX w_*, which stretches each direction by its spread; a projection leaves the length "
            f"of what lies in the span. {SPAN}",
        ),
        Wrong(lambda x: x.T @ x / len(x), f"This is XᵀX w_* / n, as for one gradient step. {SPAN}"),
        Wrong(
            lambda x: unit(x).T @ unit(x),
            "The projections on the single inputs are added, as if these were at right angles to each "
            f"other. {SPAN}",
        ),
        Wrong(
            lambda x: unit(x).T @ unit(x) / len(x),
            f"The projections on the single inputs are averaged. {SPAN}",
        ),
        Wrong(
            lambda x: span(x - x.mean(0)),
            f"The inputs are centred first, which loses a direction. {SPAN}",
        ),
        Wrong(lambda x: span(x[:1]), f"Only the first input counts. {SPAN}"),
        Wrong(lambda x: span(x[-1:]), f"Only the last input counts. {SPAN}"),
        Wrong(lambda x: span(x[:-1]), f"The last input is left out. {SPAN}"),
        Wrong(lambda x: span(x.mean(0, keepdim=True)), f"Only the mean of the inputs counts. {SPAN}"),
        Wrong(lambda x: span(x.sum(0, keepdim=True)), f"Only the sum of the inputs counts. {SPAN}"),
        Wrong(lambda x: leading(x, 1), f"Only the direction of the largest spread counts. {SPAN}"),
        Wrong(lambda x: x @ inverse(x), f"This projects on the span of the *columns*, in R^n. {SPAN}"),
        Wrong(lambda x: eye(x) - 2 * span(x), f"This reflects instead of projecting. {SPAN}"),
    ]
    for strength in (10.0, 1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5):
        for name, times in (("", lambda x: 1.0), (" · n", len)):
            projection.append(
                Wrong(
                    lambda x, strength=strength, times=times: ridge(x, strength * times(x)),
                    f"This is ridge regression (strength {strength:g}{name}), which shrinks what it finds; "
                    f"{ENDS} For repeated inputs there is `torch.linalg.pinv`.",
                )
            )
    for rate in (1.0, 0.5, 0.1, 0.05, 0.01, 0.001):
        for name, times in (
            ("", lambda x: 1.0),
            (" / n", lambda x: 1 / len(x)),
            (" · 2/n", lambda x: 2 / len(x)),
        ):
            for count in (1, 10, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000):
                projection.append(
                    Wrong(
                        lambda x, rate=rate, times=times, count=count: descent(x, rate * times(x), count),
                        f"These are {count} steps of gradient descent (rate {rate:g}{name}); directions in "
                        f"which the inputs hardly spread take very many more: {ENDS}",
                    )
                )
    return {
        "projection": projection,
        "last": [
            Wrong(
                lambda w, teacher: w / w.norm().clamp(min=1e-30),
                "The student is brought to length 1; a projection may be shorter than what it projects.",
            ),
            Wrong(
                lambda w, teacher: w * teacher.norm() / w.norm().clamp(min=1e-30),
                "The student is brought to the teacher's length; a projection is shorter.",
            ),
            Wrong(lambda w, teacher: -w, "The sign is wrong."),
            Wrong(lambda w, teacher: w / 2, f"The student is half as long as it should be. {SPAN}"),
            Wrong(lambda w, teacher: w.sign(), f"Only the signs are left. {SPAN}"),
        ],
    }


def student_mistakes() -> Iterator[Wrong]:
    parts = student_parts()
    yield from single_mistakes(student, {"last": parts["last"]})
    yield from single_mistakes(student, {"projection": parts["projection"]})
    yield Wrong(
        lambda weights, x: inverse(x) @ (x @ weights).sign(),
        "The student learns the *signs* of the teacher's answers (hard labels); it imitates the answers "
        "themselves.",
    )
    yield Wrong(
        lambda weights, x: inverse(x) @ (x @ weights).sigmoid(),
        "The student's logits are fitted to the teacher's *probabilities*; it imitates the answers "
        "themselves.",
    )
    yield Wrong(
        lambda weights, x: inverse(x) @ (x @ weights) / len(x),
        f"The result is divided by n. {SPAN}",
    )
    yield Wrong(
        lambda weights, x: (x * (x @ weights)[:, None]).mean(0),
        f"This is the mean of the inputs, weighted with the teacher's answers. {SPAN}",
    )
    yield from double_mistakes(student, {"projection": parts["projection"][:15], "last": parts["last"]})
