"""`temperature_softmax` and `soft_target_gradient`: the pieces of the soft-target loss."""

from collections.abc import Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import log_softmax, normal, softmax
from kdcourse.grading.function_task import Case, FunctionTask, Wrong


def softmax_cases() -> list[Case]:
    def shows(
        law: str, B: int, C: int, T: float, scale: float = 2.0, logits: Tensor | None = None, **options
    ) -> Case:
        logits = scale * normal(41 + B + C, B, C) if logits is None else logits
        return Case((logits, T), {"B": B, "C": C, "T": T}, law, **options)

    return [
        shows("", 5, 7, 3.0, model_output=True),
        shows("", 4, 3, 2.5, dtype=torch.float64),
        shows("", 3, 6, 0.5),
        shows("With a single sample", 1, 4, 3.0),
        shows("With two classes", 5, 2, 1.5, dtype=torch.float64),
        shows("With logits of size 1e4", 4, 6, 3.0, scale=1e4, rtol=1e-3),
        shows("With logits that are all near 1e4", 3, 5, 2.0, logits=1e4 + normal(45, 3, 5), rtol=2e-3),
        shows("With logits that are all near -1e4", 3, 5, 2.0, logits=normal(46, 3, 5) - 1e4, rtol=2e-3),
    ]  # fmt: skip


def softmax_mistakes() -> Iterator[Wrong]:
    yield Wrong(lambda z, T: softmax(z), "The temperature is not used.")
    yield Wrong(lambda z, T: softmax(z * T), "The logits are multiplied by T; divide by it.")
    yield Wrong(
        lambda z, T: softmax(z / T, 0),
        "The softmax runs over the batch (`dim=0`); it must run over the classes.",
    )
    yield Wrong(
        lambda z, T: softmax(z) / T,
        "The probabilities are divided by T after the softmax; divide the logits before it.",
    )
    yield Wrong(
        lambda z, T: softmax(softmax(z) / T),
        "The softmax is taken twice: divide the logits, not probabilities, by T.",
    )
    yield Wrong(
        lambda z, T: z.exp() / T / z.exp().sum(1, keepdim=True),
        "Divide the logits by T before `exp`.",
    )
    yield Wrong(lambda z, T: log_softmax(z / T), "These are log-probabilities; the task wants probabilities.")
    yield Wrong(lambda z, T: (z / T).exp(), "The exponentials are not divided by their sum over the classes.")
    yield Wrong(
        lambda z, T: (z / T).exp() / (z / T).exp().sum(),
        "The exponentials are divided by the sum over the whole batch; each sample has its own sum "
        "(`dim=1`).",
    )
    yield Wrong(
        lambda z, T: torch.sigmoid(z / T),
        "This is a sigmoid for each class; the softmax couples the classes.",
    )


def gradient_reference(s: Tensor, t: Tensor, T: float) -> Tensor:
    return T / len(s) * (softmax(s / T) - softmax(t / T))


def gradient_cases() -> list[Case]:
    def shows(law: str, B: int, C: int, T: float, scale: float = 2.0, same: bool = False, **options) -> Case:
        student = scale * normal(61 + B + C, B, C)
        teacher = student.clone() if same else scale * normal(81 + B + C, B, C)
        return Case((student, teacher, T), {"B": B, "C": C, "T": T}, law, **options)

    return [
        shows("", 5, 7, 3.0),
        shows("", 4, 3, 2.5, dtype=torch.float64),
        shows("", 3, 6, 0.5),
        shows("", 6, 4, 8.0, scale=4.0, dtype=torch.float64),
        shows("Where the student equals the teacher the gradient is 0", 4, 5, 3.0, same=True, atol=1e-5),
        shows("With a single sample", 1, 4, 3.0),
        shows("With two classes", 5, 2, 1.5, dtype=torch.float64),
        shows("With logits of size 1e4", 4, 6, 3.0, scale=1e4, rtol=1e-3),
    ]


def gradient_mistakes() -> Iterator[Wrong]:
    right = gradient_reference
    yield Wrong(
        lambda s, t, T: -right(s, t, T),
        "The sign is wrong: the gradient is proportional to q − p, student minus teacher.",
    )
    yield Wrong(lambda s, t, T: right(s, t, T) * len(s), "The mean over the batch is missing: divide by B.")
    yield Wrong(
        lambda s, t, T: right(s, t, T) / T,
        "T² times the inner derivative 1/T leaves a factor T: yours is missing.",
    )
    yield Wrong(
        lambda s, t, T: right(s, t, T) * T,
        "The factor is T², ours is T: the inner derivative of `s / T` brings another 1/T.",
    )
    yield Wrong(
        lambda s, t, T: right(s, t, T) / T**2, "This is the gradient without the factor T² of the loss."
    )
    yield Wrong(lambda s, t, T: right(s, t, T) * len(s) / T, "The factor T/B is missing.")
    yield Wrong(
        lambda s, t, T: right(s, t, T) / s.shape[1],
        "You divide by B·C; the loss is a mean over the batch only.",
    )
    yield Wrong(
        lambda s, t, T: T * (softmax(s) - softmax(t)) / len(s),
        "The probabilities must be taken at temperature T.",
    )
    yield Wrong(
        lambda s, t, T: (softmax(s) - softmax(t)) / len(s),
        "The temperature is not used: it enters the probabilities and the factor T.",
    )
    yield Wrong(
        lambda s, t, T: T / len(s) * (softmax(s / T, 0) - softmax(t / T, 0)),
        "The softmax runs over the batch (`dim=0`); it must run over the classes.",
    )
    yield Wrong(
        lambda s, t, T: (s - t) / (len(s) * s.shape[1]),
        "This is the limit for high temperature; the task wants the exact gradient.",
    )


TASKS = {
    "temperature_softmax": FunctionTask(
        ("logits", "T"), "probabilities for (batch, classes)",
        lambda z, T: softmax(z / T), softmax_cases, softmax_mistakes,
    ),
    "soft_target_gradient": FunctionTask(
        ("student_logits", "teacher_logits", "T"), "one number for each logit of (batch, classes)",
        gradient_reference, gradient_cases, gradient_mistakes, learns=(),
    ),
}  # fmt: skip
