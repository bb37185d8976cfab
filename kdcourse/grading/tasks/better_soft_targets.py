"""`ensemble_soft_targets` and `generalized_jsd`: other targets, and another divergence from them."""

from collections.abc import Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import log_softmax, normal, softmax
from kdcourse.grading.function_task import Case, FunctionTask, Wrong
from kdcourse.grading.mistakes.jsd import generalized_jsd, jsd_mistakes


def ensemble_cases() -> list[Case]:
    def shows(
        law: str,
        M: int,
        B: int,
        C: int,
        T: float,
        scale: float = 3.0,
        logits: Tensor | None = None,
        **options,
    ) -> Case:
        logits = scale * normal(31 + M + 3 * B + 5 * C, M, B, C) if logits is None else logits
        return Case((logits, T), {"M": M, "B": B, "C": C, "T": T}, law, **options)

    return [
        shows("", 3, 5, 7, 2.5),
        shows("", 5, 2, 6, 4.0, dtype=torch.float64),
        shows("", 2, 7, 3, 0.7),
        shows("", 6, 5, 11, 1.5, scale=5.0, dtype=torch.float64),
        shows("At T = 1", 3, 5, 7, 1.0),
        shows("With a single teacher", 1, 3, 5, 2.5),
        shows("With a single sample", 3, 1, 5, 3.0, dtype=torch.float64),
        shows("With one teacher and one sample", 1, 1, 6, 2.0),
        shows("With two classes", 5, 3, 2, 2.5),
        shows("With as many teachers as samples and classes", 3, 3, 3, 2.0, scale=4.0),
        shows("With logits of size 1e4", 3, 2, 5, 3.0, scale=1e4, rtol=1e-3),
        shows(
            "With one teacher whose logits are all near 1e4", 3, 5, 7, 2.0, rtol=2e-3,
            logits=2 * normal(33, 3, 5, 7) + torch.tensor([0.0, 1e4, -50.0])[:, None, None].double(),
        ),
        shows("When called a second time with the same inputs", 3, 5, 7, 2.5),
    ]  # fmt: skip


def ensemble(z: Tensor, T: float) -> Tensor:
    return softmax(z / T, 2).mean(0)


def ensemble_mistakes() -> Iterator[Wrong]:
    M, B = (lambda z: z.shape[0]), (lambda z: z.shape[1])
    in_logits = (
        "The logits are averaged, and the softmax comes after it (or, what is the same, log-probabilities "
        "are "
        "averaged): the most extreme teacher has the last word. Average the probabilities."
    )
    yield Wrong(lambda z, T: softmax(z.mean(0) / T), in_logits)
    yield Wrong(lambda z, T: softmax(z.mean(0)), in_logits + " And the temperature is not used.")
    yield Wrong(
        lambda z, T: log_softmax(z / T, 2).mean(0).exp(),
        "This is the geometric mean of the probabilities, and its rows do not sum to 1. Average the "
        "probabilities themselves.",
    )
    yield Wrong(
        lambda z, T: softmax(z.sum(0) / T), "The logits are added up before the softmax. " + in_logits
    )
    yield Wrong(
        lambda z, T: softmax(z / T, 2).sum(0),
        "The probabilities of the teachers are added up, not averaged: each row sums to M.",
    )
    yield Wrong(
        lambda z, T: softmax(z / T, 2).sum(0) / B(z),
        "The sum over the teachers is divided by the size of the batch. The number of teachers is "
        "`teacher_logits.shape[0]`.",
    )
    yield Wrong(
        lambda z, T: softmax(z / T, 2).sum(0) / z.shape[2],
        "The sum over the teachers is divided by the number of classes; divide it by the number of teachers.",
    )
    yield Wrong(
        lambda z, T: softmax(z / T, 2).sum(0) / max(M(z) - 1, 1),
        "The sum over the teachers is divided by M − 1; a mean divides by M.",
    )
    yield Wrong(lambda z, T: softmax(z, 2).mean(0), "The temperature is not used.")
    yield Wrong(lambda z, T: softmax(z * T, 2).mean(0), "The logits are multiplied by T; divide by it.")
    yield Wrong(lambda z, T: softmax(z / T / T, 2).mean(0), "The logits are divided by T twice.")
    yield Wrong(
        lambda z, T: softmax(z, 2).mean(0) / T,
        "The probabilities are divided by T after the softmax; divide the logits before it.",
    )
    yield Wrong(
        lambda z, T: T * T * ensemble(z, T), "A factor T² belongs to a loss; these are probabilities."
    )
    sharpened = (
        "The temperature acts on the mean of the probabilities. Soften each teacher first, and then average."
    )
    yield Wrong(lambda z, T: softmax(softmax(z, 2).mean(0).log() / T), sharpened)
    yield Wrong(lambda z, T: softmax(softmax(z, 2).mean(0) / T), "The softmax is taken twice. " + sharpened)
    yield Wrong(
        lambda z, T: softmax(softmax(z / T, 2).mean(0)), "The softmax is taken twice; the mean of "
        "probabilities sums to 1 already.",
    )  # fmt: skip
    yield Wrong(
        lambda z, T: softmax(z / T, 1).mean(0),
        "The softmax runs over the batch (axis 1); it must run over the classes, the last axis.",
    )
    yield Wrong(
        lambda z, T: softmax(z / T, 0).mean(0),
        "The softmax runs over the teachers (axis 0, which is also what PyTorch takes when you name "
        "none); it "
        "must run over the classes, the last axis.",
    )
    mixed = (
        "`reshape` and `view` do not exchange axes: they deal the numbers out anew, so that teachers and "
        "samples "
        "get mixed up. Average over axis 0 as it is, or use `permute`."
    )
    yield Wrong(lambda z, T: softmax(z.reshape(B(z), M(z), -1) / T, 2).mean(1), mixed)
    yield Wrong(
        lambda z, T: ensemble(z, T).log(), "These are log-probabilities; the task wants probabilities."
    )
    yield Wrong(lambda z, T: softmax(z / T, 2).amax(0), "This is the largest probability, not the mean.")
    yield Wrong(
        lambda z, T: softmax(softmax(z / T, 2).amax(0).log()),
        "This is the largest probability over the teachers, normalised; take the mean.",
    )
    yield Wrong(
        lambda z, T: softmax(z / T, 2).quantile(0.5, dim=0),
        "This is the median over the teachers; take the mean.",
    )
    yield Wrong(
        lambda z, T: softmax(z / T, 2).median(0).values,
        "This is the median over the teachers; take the mean.",
    )
    for which, name in ((0, "first"), (-1, "last")):
        yield Wrong(lambda z, T, which=which: softmax(z[which] / T), f"Only the {name} teacher is asked.")
    votes = "Each teacher only votes for its best class (`argmax`); average all its probabilities."
    yield Wrong(lambda z, T: (z == z.amax(2, keepdim=True)).double().mean(0), votes)
    yield Wrong(lambda z, T: softmax((z == z.amax(2, keepdim=True)).double().mean(0) / T), votes)

    def by_confidence(z: Tensor, T: float) -> Tensor:
        p = softmax(z / T, 2)
        weights = p.amax(2, keepdim=True)
        return (weights * p).sum(0) / weights.sum(0)

    yield Wrong(by_confidence, "The teachers are weighted by how sure they are; here all count the same.")


def jsd_cases() -> list[Case]:
    def shows(law: str, B: int, C: int, beta: float, scale: float = 2.0, **options) -> Case:
        student = options.pop("student", scale * normal(131 + 7 * B + C, B, C))
        teacher = options.pop("teacher", scale * normal(171 + 5 * B + C, B, C))
        return Case((student, teacher, beta), {"B": B, "C": C, "beta": beta}, law, **options)

    big = 1e4
    peaks = big * torch.eye(5, 7, dtype=torch.float64)
    same = 2 * normal(181, 6, 5)
    offset = torch.tensor([[30.0], [-20.0], [50.0], [-40.0]], dtype=torch.float64)
    mixed = torch.where(normal(182, 4, 6) > 0, normal(183, 4, 6) * 40, normal(184, 4, 6) * 3)
    ends = {
        0.0: "At beta = 0, where the loss is KL(p_t‖p_s)",
        1.0: "At beta = 1, where the loss is KL(p_s‖p_t)",
    }
    return [
        shows("", 5, 7, 0.3, model_output=True),
        shows("", 4, 3, 0.8, dtype=torch.float64, teacher_requires_grad=True),
        shows("", 6, 11, 0.15, scale=4.0, teacher_requires_grad=True, model_output=True),
        shows("", 3, 5, 0.65, scale=1.0, dtype=torch.float64),
        *(shows(law, 5, 7, end, model_output=True) for end, law in ends.items()),
        *(
            shows(law, 3, 10, end, dtype=torch.float64, teacher_requires_grad=True)
            for end, law in ends.items()
        ),
        shows("At beta = 1/2, the Jensen-Shannon divergence", 4, 6, 0.5, teacher_requires_grad=True),
        shows("At beta = 0.02, close to an end", 5, 6, 0.02, scale=3.0),
        shows("At beta = 0.99, close to an end", 5, 6, 0.99, scale=3.0, dtype=torch.float64),
        *(
            shows(
                "With equal logits the loss and its gradient are 0", 6, 5, beta, student=same,
                teacher=same.clone(),
            )
            for beta in (0.3, 0.0, 1.0)
        ),
        shows(
            "A constant added to all logits of a sample changes nothing", 4, 6, 0.7,
            student=2 * normal(185, 4, 6) + offset, teacher=2 * normal(186, 4, 6) - offset, atol=2e-5,
        ),
        shows("With a single sample", 1, 6, 0.3, teacher_requires_grad=True),
        shows("With two classes", 5, 2, 0.8, dtype=torch.float64, model_output=True),
        *(
            shows(
                f"With large logits (up to about 100) at beta = {beta:g}", 4, 6, beta, student=mixed,
                teacher=mixed.flip(0), rtol=1e-3, atol=1e-5,
            )
            for beta in (0.3, 0.0, 1.0)
        ),
        *(
            shows(
                f"With logits of size 1e4 where student and teacher disagree, at beta = {beta:g}", 5, 7, beta,
                student=peaks.roll(2, 1), teacher=peaks, rtol=1e-3,
            )
            for beta in (0.3, 0.0, 1.0)
        ),
        *(
            shows(
                f"With logits of size 1e4 at beta = {beta:g}", 3, 5, beta, student=-big * normal(187, 3, 5),
                teacher=big * normal(188, 3, 5), rtol=1e-3, atol=1e-3, dtype=torch.float64,
                teacher_requires_grad=True,
            )
            for beta in (0.7, 0.0, 1.0)
        ),
        shows("When called a second time with the same inputs", 5, 7, 0.3, model_output=True),
    ]  # fmt: skip


TASKS = {
    "ensemble_soft_targets": FunctionTask(
        ("teacher_logits", "T"), "probabilities for (batch, classes)",
        ensemble, ensemble_cases, ensemble_mistakes, learns=(),
    ),
    "generalized_jsd": FunctionTask(
        ("student_logits", "teacher_logits", "beta"), "a scalar",
        generalized_jsd, jsd_cases, jsd_mistakes, constants=(1,),
    ),
}  # fmt: skip
