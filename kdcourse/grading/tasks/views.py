"""`smoothed_relu` and `view_margins`: what a neuron does with a feature, and which features a net has found.

Z. Allen-Zhu & Y. Li (2023).
"""

import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case, FunctionTask
from kdcourse.grading.mistakes.views import margin_mistakes, margins, smoothed, smoothed_mistakes

F64 = {"dtype": torch.float64}


def curve_case(law: str, z: Tensor, q: float, **options) -> Case:
    return Case((z.double(), q), {"q": q}, law, **options)


def curve_cases() -> list[Case]:
    def drawn(seed: int, *shape: int) -> Tensor:
        return 0.6 + 1.2 * normal(1700 + seed, *shape)

    middle = 0.02 + 0.96 * torch.sigmoid(2 * normal(1720, 6, 5))
    whole = torch.tensor([-2.0, -1.0, 2.0, 3.0, 7.0])
    return [
        curve_case("", drawn(1, 8, 7), 3, model_output=True),
        curve_case("", drawn(2, 40), 2, **F64),
        curve_case("", drawn(3, 2, 3, 5), 4, **F64, model_output=True),
        curve_case("", drawn(4, 9, 4), 5),
        curve_case("Between 0 and 1", middle, 3),
        curve_case("Above 1", 1 + middle * 3, 4, **F64),
        curve_case("Below 0", -3 * middle, 3),
        curve_case("Below 0, with an even power", -3 * middle, 4, **F64),
        curve_case("With whole numbers other than 0 and 1", whole, 3),
        curve_case("With q = 1, the plain ReLU", drawn(5, 6, 6), 1),
        curve_case("At exactly 0", torch.zeros(4), 3, **F64),
        curve_case("With zeros among the numbers", drawn(6, 5, 4).relu(), 2),
        curve_case("With a power that is not whole", drawn(7, 9, 5), 2.5),
        curve_case("With a power below 2", drawn(8, 9, 5), 1.5, **F64),
        curve_case("With zeros and a power that is not whole", drawn(9, 5, 4).relu(), 2.5),
        curve_case("With a power given as 3.0", drawn(10, 7, 3), 3.0),
        curve_case("With large numbers of both signs", 1e4 * drawn(11, 4, 6), 12, model_output=True),
        curve_case("With large numbers and a power that is not whole", 1e5 * drawn(12, 20), 20.5, **F64),
        curve_case("With tiny numbers", 1e-3 * normal(1721, 6, 5), 2, atol=1e-12),
        curve_case("With a single number", torch.tensor(0.7), 3),
        curve_case("With five axes", drawn(13, 2, 1, 3, 2, 2), 3, **F64),
        curve_case("When called a second time with the same inputs", drawn(1, 8, 7), 3, model_output=True),
    ]


def curve_open() -> list[Case]:
    return [
        curve_case(
            "At exactly 1, where two pieces meet and one number belongs to one of them (a slope of 2 there, "
            "or of 0, comes from counting both or none)",
            torch.tensor([1.0, 1.0, 0.5]), 3, **F64,
        )
    ]  # fmt: skip


NOT_FINITE = (
    "The piece that is not chosen is computed as well: z^q of a negative number is NaN if q is not whole, of "
    "a large one infinite, and `torch.where` multiplies its gradient by 0, which gives NaN. Bring z into the "
    "range of the piece first: `z.clamp(0, 1) ** q`."
)


def margin_case(law: str, C: int, R: int, F: int, q: float = 3, **options) -> Case:
    w = options.pop("w", None)
    if w is None:
        w = 0.5 + 1.1 * normal(1750 + 13 * C + 5 * R + F, C, R, F)
    owners = options.pop("owners", None)
    if owners is None:
        owners = (torch.arange(F) * 2 + F // 2) % C if C > 2 else (torch.arange(F) // 2 + 1) % 2
    return Case((w, owners, q), {"C": C, "R": R, "F": F, "q": q}, law, **options)


def margin_cases() -> list[Case]:
    w = 0.5 + normal(1780, 3, 4, 5)
    learned = torch.zeros(2, 3, 4).double()
    learned[0, 1, 0], learned[1, 2, 3] = 2.5, 1.7
    first = torch.tensor([0, 0, 1, 1])
    same = torch.tensor([1, 1, 1, 1, 1])
    ties = torch.ones(3, 2, 4).double()
    return [
        margin_case("", 3, 4, 5),
        margin_case("", 4, 3, 7, 2, **F64),
        margin_case("", 5, 6, 8, 4, **F64),
        margin_case("", 3, 5, 11, 3),
        margin_case("With two classes", 2, 6, 4, owners=first),
        margin_case("With two classes and features out of order", 2, 3, 6, 2, **F64),
        margin_case("Where a net has found two of four views", 2, 3, 4, w=learned, owners=first),
        margin_case("With one neuron a class", 3, 1, 6, **F64),
        margin_case("With one feature", 4, 3, 1),
        margin_case("With one feature and one neuron", 3, 1, 1, 2, **F64),
        margin_case("With as many neurons as features", 3, 5, 5),
        margin_case("With as many classes, neurons and features", 4, 4, 4, 2, **F64),
        margin_case("Where all features belong to one class", 3, 4, 5, owners=same),
        margin_case("Where the owner lags behind", 3, 4, 5, w=w * torch.tensor([2.0, 0.2, 1])[:, None, None],
                    owners=same, **F64),
        margin_case("With negative weights only, where nothing is seen", 3, 4, 5, w=-w.abs()),
        margin_case("With weights of 0", 2, 3, 4, w=0 * learned, owners=first),
        margin_case("With ties", 3, 2, 4, w=ties, **F64),
        margin_case("With q = 1", 3, 4, 6, 1),
        margin_case("With a q that is not whole", 3, 4, 6, 2.5, **F64),
        margin_case("With small weights", 3, 4, 6, 2, w=1e-2 * normal(1781, 3, 4, 6), atol=1e-10, **F64),
        margin_case("With large weights", 3, 4, 6, w=50 * normal(1782, 3, 4, 6)),
        margin_case("With ten classes", 10, 2, 12),
        margin_case("With more classes than features", 6, 3, 3, 2, **F64),
        margin_case("When called a second time with the same inputs", 3, 4, 5),
    ]  # fmt: skip


def margin_shapes(args: tuple) -> dict[tuple, str]:
    C, R, F = args[0].shape
    each = "One number for each feature is wanted: that of its owner minus that of its strongest rival."
    return {
        (C, F): f"These are numbers for each class and feature. {each}",
        (C, R, F): f"These are numbers for each neuron. Sum over the neurons first. {each}",
        (R, F): f"The neurons are still apart. {each}",
        (F, F): "Each feature is paired with the owners of all features (`sums[owners]` is (F, F)): take "
        "`sums[owners, torch.arange(F)]`.",
        (C,): f"This is one number for each class. {each}",
        (C, R): f"The features are summed. {each}",
        (C - 1, F): f"The other classes are still apart: take the largest. {each}",
        (1, F): "An axis too many: `keepdim=True`, or `gather` without `[0]` or `squeeze(0)`.",
        (F, 1): "An axis too many: (F,) is wanted.",
        (): f"This is one number for all. {each}",
    }


REASONS = (
    (
        r"out of bounds|out of range",
        "After the sum over the neurons classes are axis 0 and features axis 1: "
        "`sums[owners, torch.arange(F)]`.",
    ),
    (
        r"return_types.(max|min|topk|sort)",
        "`max(dim)` returns values and places; take `.values`, or `amax(dim)`.",
    ),
    (r"returns a list", "`torch.stack` makes one tensor of a list of tensors."),
)

TASKS = {
    "smoothed_relu": FunctionTask(
        ("z", "q"), "a tensor of the shape of z", smoothed, curve_cases, smoothed_mistakes,
        misfit="Two shapes do not fit. The result has a number for each number of z: `torch.where` keeps its "
        "shape, `z[z > 0]` does not.",
        not_finite=NOT_FINITE, open_cases=curve_open,
    ),
    "view_margins": FunctionTask(
        ("feature_weights", "owners", "q"), "one margin for each feature", margins, margin_cases,
        margin_mistakes, learns=(), shapes=margin_shapes,
        misfit="Two shapes do not fit. The weights are (classes, neurons, features), in this order; "
        "after the sum over the neurons, axis 1, they are (C, F).",
        not_finite="Where a class is left out with -inf, the maximum must still see another class; and a "
        "power of a negative number is NaN if q is not whole.",
        reasons=REASONS,
    ),
}  # fmt: skip
