"""`netaug_total_loss`: the tiny net's loss and that of the wider net around it."""

import torch

from kdcourse.grading.formulas.responses import labels_for, normal
from kdcourse.grading.function_task import Case, FunctionTask
from kdcourse.grading.mistakes.netaug import netaug, netaug_mistakes


def netaug_cases() -> list[Case]:
    def shows(
        law: str, B: int, D: int, C: int, M: int, base: int, aug: int, alpha: float, scale=1.0, **options
    ) -> Case:
        w1 = options.pop("w1", 0.8 * normal(801 + M + D, M, D))
        w2 = options.pop("w2", 0.8 * normal(831 + M + C, C, M))
        x = options.pop("x", scale * normal(861 + B + D, B, D))
        sizes = {"B": B, "D": D, "C": C, "M": M, "base_width": base, "aug_width": aug, "alpha": alpha}
        return Case((w1, w2, x, labels_for(B, C), base, aug, alpha), sizes, law, **options)

    return [
        shows("", 6, 4, 3, 12, 5, 9, 0.7, model_output=True),
        shows("", 5, 7, 4, 11, 2, 6, 0.3, dtype=torch.float64),
        shows("", 7, 3, 5, 17, 4, 13, 2.3, scale=2.0),
        shows("", 4, 6, 11, 14, 3, 8, 1.6, dtype=torch.float64, model_output=True),
        shows("With an augmented net that has all hidden units", 6, 4, 3, 9, 5, 9, 0.7),
        shows("At alpha = 0, where only the base net is trained", 5, 4, 3, 12, 5, 9, 0.0),
        shows("At alpha = 1", 5, 4, 3, 11, 4, 7, 1.0, dtype=torch.float64),
        shows("With nets of equal width", 5, 4, 3, 12, 6, 6, 0.4),
        shows("With a base net of one unit", 6, 5, 3, 8, 1, 4, 0.7, dtype=torch.float64),
        shows("With a single sample", 1, 4, 3, 12, 5, 9, 0.7),
        shows("With two classes", 5, 4, 2, 12, 3, 7, 1.3, dtype=torch.float64),
        shows("With as many inputs and classes as hidden units", 5, 6, 6, 6, 3, 5, 0.7),
        shows("With an input of size 1e3", 5, 4, 3, 12, 5, 9, 0.7, scale=1e3, rtol=1e-3),
        shows("When called a second time with the same inputs", 6, 4, 3, 12, 5, 9, 0.7, model_output=True),
    ]  # fmt: skip


SLICES = (
    "Two shapes do not fit. Hidden unit i has *row* i of `w1` (M, D) and *column* i of `w2` (C, M): the net "
    "of width m has `w1[:m]` and `w2[:, :m]`."
)


def netaug_shapes(args: tuple) -> dict[tuple, str]:
    B, C = len(args[2]), len(args[1])
    return {
        (B, C): "These are logits; the task wants the loss.",
        (B,): "This is one loss for each sample; take the mean over the batch.",
        (2,): "These are the two losses; add them, the augmented net's with the weight alpha.",
    }


TASKS = {
    "netaug_total_loss": FunctionTask(
        ("w1", "w2", "x", "labels", "base_width", "aug_width", "alpha"), "a scalar",
        netaug, netaug_cases, netaug_mistakes, learns=(0, 1), shapes=netaug_shapes, misfit=SLICES,
    ),
}  # fmt: skip
