"""`kd_loss`, the distillation loss of G. Hinton, O. Vinyals and J. Dean (2015), section 2."""

import torch

from kdcourse.grading.formulas.responses import kd_loss, labels_for, normal
from kdcourse.grading.function_task import Case, FunctionTask
from kdcourse.grading.mistakes.kd_loss import loss_mistakes


def shows(law: str, B: int, C: int, T: float, alpha: float, scale: float = 2.0, **options) -> Case:
    """A case of `kd_loss`; `student`, `teacher` and `labels` replace the random ones."""
    student = options.pop("student", scale * normal(100 + 7 * B + C, B, C))
    teacher = options.pop("teacher", scale * normal(500 + 5 * B + C, B, C))
    labels = options.pop("labels", labels_for(B, C))
    # Subtracting entropies, as some right answers do, costs float32 digits in proportion to T².
    options = {"atol": 3e-6 * max(1.0, T * T)} | options
    return Case(
        (student, teacher, labels, T, alpha), {"B": B, "C": C, "T": T, "alpha": alpha}, law, **options
    )


def loss_cases() -> list[Case]:
    big = 1e4
    peaks = big * torch.eye(5, 7, dtype=torch.float64)
    mixed = torch.where(normal(3, 4, 6) > 0, normal(4, 4, 6) * 40, normal(5, 4, 6) * 3)
    same = 2 * normal(8, 6, 5)
    offset = torch.tensor([[30.0], [-20.0], [50.0], [-40.0]], dtype=torch.float64)
    return [
        shows("", 5, 7, 3.0, 0.7, model_output=True),
        shows("", 4, 3, 2.5, 0.2, dtype=torch.float64, teacher_requires_grad=True),
        shows("", 6, 11, 8.0, 0.9, scale=4.0, teacher_requires_grad=True, model_output=True),
        shows("", 3, 5, 0.6, 0.35, scale=1.0, dtype=torch.float64),
        shows("", 7, 4, 5.0, 1.0, scale=3.0, teacher_requires_grad=True),
        shows("", 3, 6, 4.0, 0.0, dtype=torch.float64, model_output=True),
        shows("At T = 1", 5, 3, 1.0, 0.8),
        shows(
            "With equal logits the soft term and its gradient are 0", 6, 5, 4.0, 1.0,
            student=same, teacher=same.clone(),
        ),
        shows(
            "A constant added to all logits of a sample changes nothing", 4, 6, 2.0, 0.6,
            student=2 * normal(11, 4, 6) + offset, teacher=2 * normal(12, 4, 6) - offset,
            dtype=torch.float64, atol=2e-4,
        ),
        shows("At the high temperature T = 20", 5, 8, 20.0, 0.9, scale=3.0),
        shows("With a single sample", 1, 6, 3.0, 0.7, teacher_requires_grad=True),
        shows("With two classes", 5, 2, 3.5, 0.6, dtype=torch.float64, model_output=True),
        shows("With one sample and two classes", 1, 2, 2.5, 0.4),
        shows("With labels that are all 0", 4, 5, 3.0, 0.3, labels=torch.zeros(4, dtype=torch.long)),
        shows(
            "With large logits (up to about 100)", 4, 6, 1.5, 0.6, student=mixed, teacher=mixed.flip(0),
            rtol=1e-3,
        ),
        shows(
            "With logits of size 1e4 where student and teacher disagree", 5, 7, 3.0, 0.7,
            student=peaks.roll(2, 1), teacher=peaks, rtol=1e-3,
        ),
        shows(
            "With logits of size 1e4", 3, 5, 2.5, 0.4, student=-big * normal(21, 3, 5),
            teacher=big * normal(22, 3, 5), rtol=1e-3, dtype=torch.float64, teacher_requires_grad=True,
        ),
        shows(
            "With student logits of size 1e4", 4, 3, 5.0, 0.6, student=big * normal(23, 4, 3),
            teacher=normal(24, 4, 3), rtol=1e-3,
        ),
        shows(
            "With teacher logits of size 1e4", 3, 4, 6.0, 0.8, student=normal(25, 3, 4),
            teacher=big * normal(26, 3, 4), rtol=1e-3, atol=1e-3,
        ),
        shows("When called a second time with the same inputs", 5, 7, 3.0, 0.7, model_output=True),
    ]  # fmt: skip


TASKS = {
    "kd_loss": FunctionTask(
        ("student_logits", "teacher_logits", "labels", "T", "alpha"), "a scalar",
        kd_loss, loss_cases, loss_mistakes, constants=(1,),
    ),
}  # fmt: skip
