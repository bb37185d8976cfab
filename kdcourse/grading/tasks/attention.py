"""`attention_map`, `at_loss` and `nst_mmd_loss`: matching where two networks look."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kdcourse.grading.formulas.attention import at_loss, attention_map, nst_mmd_loss
from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case, FunctionTask
from kdcourse.grading.mistakes.attention import at_mistakes, map_mistakes
from kdcourse.grading.mistakes.selectivity import nst_mistakes
from kdcourse.grading.probe import Rejected

NOT_FINITE = (
    "Somewhere 0 is divided by 0, or a root or a logarithm has an infinite slope at 0. `F.normalize` and "
    "`torch.linalg.vector_norm` are safe there, and a power of `abs()` needs no logarithm."
)
MISFIT = (
    "Two shapes do not fit. Student and teacher have B, H and W in common, and channels of their own: are "
    "sizes written as fixed numbers, or channels of the one compared with channels of the other?"
)


def feature(seed: int, *shape: int, scale: float = 1.0) -> Tensor:
    """Not centred, and with channels of different strength, as behind a layer of a network."""
    strength = 0.4 + torch.arange(shape[1], dtype=torch.float64)[:, None, None] / shape[1]
    return (scale * (normal(seed, *shape) * strength + 0.3)).contiguous()


def own_factors(B: int) -> Tensor:
    """A factor for each sample, (B, 1, 1, 1), from 0.2 to 40."""
    return torch.logspace(-0.7, 1.6, B, dtype=torch.float64).roll(1)[:, None, None, None]


# --- attention_map ---


def map_case(
    law: str, B: int, C: int, H: int, W: int, p: float | None, A: Tensor | None = None, **options
) -> Case:
    A = feature(7 * B + C, B, C, H, W) if A is None else A
    sizes = {"B": B, "C": C, "H": H, "W": W}
    if p is None:
        return Case((A,), sizes, law, **options)
    return Case((A, p), sizes | {"p": p}, law, **options)


def map_cases() -> list[Case]:
    f64 = {"dtype": torch.float64}
    small = 0.1 * feature(5, 4, 3, 2, 5)
    return [
        map_case("", 4, 7, 3, 5, 2, model_output=True),
        map_case("", 3, 5, 4, 2, 3, **f64),
        map_case("", 5, 2, 2, 7, 1),
        map_case("", 2, 6, 5, 3, 4, **f64, model_output=True),
        map_case("At p = 2, for samples of very different strength", 4, 3, 2, 5, 2,
                 10 * small * own_factors(4)),
        map_case("At p = 1, for samples of very different strength", 4, 3, 5, 2, 1,
                 feature(6, 4, 3, 5, 2) * own_factors(4)),
        map_case("With features after a ReLU, which hold many zeros", 3, 4, 2, 5, 3,
                 (normal(12, 3, 4, 2, 5) + 0.2).clamp(min=0)),
        map_case("With features after a ReLU, which hold many zeros, at p = 1", 3, 4, 5, 2, 1,
                 (normal(13, 3, 4, 5, 2) + 0.2).clamp(min=0)),
        map_case("With a single sample", 1, 4, 3, 5, 2, **f64),
        map_case("With a single channel", 3, 1, 2, 5, 3),
        map_case("With maps of a single row", 3, 4, 1, 5, 2),
        map_case("With maps of a single column", 3, 4, 5, 1, 1),
        map_case("With weak features (about 0.1)", 4, 3, 2, 5, 2, small),
        # Loose, so that 1e-6 added to the norm is no fault.
        map_case("With very weak features (about 0.02)", 4, 3, 2, 5, 2, 0.2 * small, rtol=0.02),
        map_case("With strong features (about 300)", 4, 3, 5, 2, 3, 300 * feature(8, 4, 3, 5, 2)),
        map_case("When called a second time with the same inputs", 4, 7, 3, 5, 2),
    ]  # fmt: skip


def zero_map(B: int, C: int, H: int, W: int) -> Tensor:
    return feature(31, B, C, H, W) * (torch.arange(B, dtype=torch.float64) != 1)[:, None, None, None]


def map_zeros() -> list[Case]:
    law = "A sample whose feature is zero everywhere has no direction, and its map is best left zero"
    return [map_case(law, 3, 4, 2, 5, p, zero_map(3, 4, 2, 5)) for p in (2, 1)]


def map_shapes(args: tuple) -> dict[tuple, str]:
    B, C, H, W = args[0].shape
    flat = "The pixels of each sample belong in one row: flatten (H, W) to H·W."
    return {
        (B, C): "The mean runs over the pixels; it must run over the channels (`dim=1`).",
        (B, H, W): flat,
        (B, 1, H, W): flat,
        (B, 1, H * W): "One axis is too many: `mean(dim=1)` without `keepdim` removes that of the channels.",
        (B, H * W, 1): "One axis is too many: flatten (H, W) to H·W and nothing else.",
        (B, C, H, W): "The channels are still there: take the mean over them (`dim=1`).",
        (B, C, H * W): "The channels are still there: take the mean over them (`dim=1`).",
        (B, C * H * W): "The channels are flattened as well; take the mean over them first (`dim=1`).",
        (H, W): "The mean runs over the batch as well; each sample has its own map.",
        (H * W,): "The mean runs over the batch as well; each sample has its own map.",
        (C, H * W): "The mean runs over the batch (`dim=0`); it must run over the channels (`dim=1`).",
        (C, H, W): "The mean runs over the batch (`dim=0`); it must run over the channels (`dim=1`).",
        (B * H * W,): "All samples are in one row; keep the batch: (B, H·W).",
        (H * W, B): "The axes are exchanged: one row for each sample, (B, H·W).",
        (B, H): "The mean runs over the columns of the map as well; every pixel keeps its own number.",
        (B, W): "The mean runs over the rows of the map as well; every pixel keeps its own number.",
        (B,): "Only one number is left for each sample; every pixel keeps its own.",
    }  # fmt: skip


@dataclass(frozen=True)
class MapTask(FunctionTask):
    """`attention_map`, which can also be called without p."""

    def __call__(self, answer: object) -> list[str]:
        feedback = super().__call__(answer)
        default = replace(
            self, names=("feature",),
            cases=lambda: [map_case("Without p, which is then 2", 3, 4, 2, 5, None)] * 2,
            open_cases=list, wrong=list,
        )  # fmt: skip
        try:
            FunctionTask.__call__(default, answer)
        except Rejected as rejected:
            raise Rejected(
                rejected.feedback[0],
                diagnosis="p has the default 2: write `def attention_map(feature, p=2)`.",
            ) from None
        return feedback


# --- at_loss and nst_mmd_loss ---


def pair_case(
    law: str, B: int, Cs: int, Ct: int, H: int, W: int,
    student: Tensor | None = None, teacher: Tensor | None = None, **options,
) -> Case:  # fmt: skip
    student = feature(11 * B + Cs, B, Cs, H, W) if student is None else student
    teacher = feature(13 * B + Ct + 50, B, Ct, H, W) if teacher is None else teacher
    sizes = {"B": B, "Cs": Cs, "Ct": Ct, "H": H, "W": W, "HW": H * W}
    return Case((student, teacher), sizes, law, **({"atol": 1e-8} | options))


def at_cases() -> list[Case]:
    f64, leaf = {"dtype": torch.float64}, {"teacher_requires_grad": True}
    same = feature(21, 4, 3, 2, 5)
    weak = {"student": 0.1 * feature(22, 3, 5, 2, 4), "teacher": 0.1 * feature(23, 3, 7, 2, 4)}
    relu = {
        "student": (normal(24, 3, 4, 5, 2) + 0.2).clamp(min=0),
        "teacher": (normal(25, 3, 6, 5, 2) + 0.2).clamp(min=0),
    }
    strong = {"student": 300 * feature(26, 3, 2, 5, 4), "teacher": 1000 * feature(27, 3, 7, 5, 4)}
    factors = {
        "student": feature(28, 4, 3, 2, 5) * own_factors(4),
        "teacher": feature(29, 4, 6, 2, 5) * own_factors(4).flip(0),
    }
    return [
        pair_case("", 4, 7, 5, 3, 2, model_output=True),
        pair_case("", 3, 5, 8, 2, 7, **f64, **leaf),
        pair_case("", 5, 3, 2, 7, 4, **leaf, model_output=True),
        pair_case("", 2, 4, 9, 3, 5, **f64),
        pair_case("For samples of very different strength", 4, 3, 6, 2, 5, **factors),
        pair_case("With equal features the loss and its gradient are 0", 4, 3, 3, 2, 5,
                  same, same.clone(), atol=1e-7),
        pair_case("With the teacher's feature times 3 the loss and its gradient are 0", 4, 3, 3, 2, 5,
                  3 * same, same.clone(), atol=1e-7),
        pair_case("With features after a ReLU, which hold many zeros", 3, 4, 6, 5, 2, **relu),
        pair_case("With as many channels in the student as in the teacher", 3, 4, 4, 5, 2, **f64),
        pair_case("With a single sample", 1, 4, 6, 3, 5, **f64),
        pair_case("With a single channel", 3, 1, 4, 2, 5),
        pair_case("With maps of a single row", 3, 4, 2, 1, 5),
        pair_case("With square maps", 4, 5, 3, 3, 3, **leaf),
        pair_case("With weak features (about 0.1)", 3, 5, 7, 2, 4, **weak),
        pair_case("With very weak features (about 0.02)", 3, 5, 7, 2, 4, rtol=0.04,
                  **{side: 0.2 * A for side, A in weak.items()}),
        pair_case("With strong features (about 300)", 3, 2, 7, 5, 4, **strong, atol=1e-10),
        pair_case("When called a second time with the same inputs", 4, 7, 5, 3, 2),
    ]  # fmt: skip


def at_zeros() -> list[Case]:
    law = "A sample whose feature is zero everywhere has no direction, and its map is best left zero"
    return [
        pair_case(f"{law} (in the student)", 3, 4, 6, 2, 5, zero_map(3, 4, 2, 5), None),
        pair_case(f"{law} (in the teacher)", 3, 4, 6, 2, 5, None, zero_map(3, 6, 2, 5)),
    ]


def dead_channels(seed: int, B: int, C: int, H: int, W: int, dead: int = 1) -> Tensor:
    alive = torch.ones(B, C, 1, 1, dtype=torch.float64)
    alive[1, dead] = alive[2, dead - 1] = 0.0
    return feature(seed, B, C, H, W) * alive


def nst_cases() -> list[Case]:
    f64, leaf = {"dtype": torch.float64}, {"teacher_requires_grad": True}
    t = feature(41, 4, 3, 2, 5)
    another = (t * torch.tensor([2.0, -0.7, 5.0], dtype=torch.float64)[:, None, None])[
        :, [2, 0, 1]
    ].contiguous()
    weak = {"student": 0.05 * feature(42, 3, 5, 2, 4), "teacher": 0.05 * feature(43, 3, 7, 2, 4)}
    strong = {"student": 300 * feature(46, 3, 2, 5, 4), "teacher": 1000 * feature(47, 3, 7, 5, 4)}
    factors = {
        "student": feature(48, 4, 3, 2, 5) * own_factors(4),
        "teacher": feature(49, 4, 6, 2, 5) * own_factors(4).flip(0),
    }
    close = {"atol": 2e-6}
    return [
        pair_case("", 4, 7, 5, 3, 2, model_output=True, **leaf),
        pair_case("", 3, 5, 8, 2, 7, **f64),
        pair_case("", 5, 3, 2, 7, 4, **leaf, model_output=True),
        pair_case("", 2, 4, 9, 3, 5, **f64, **leaf),
        pair_case("With equal features the loss and its gradient are 0", 4, 3, 3, 2, 5,
                  t, t.clone(), **close),
        pair_case("With the teacher's channels in another order, each with a factor of its own, the loss and "
                  "its gradient are 0", 4, 3, 3, 2, 5, another, t, **close),
        pair_case("With each channel of the teacher twice in the student the loss and its gradient are 0",
                  4, 6, 3, 2, 5, torch.cat([t, t], 1), t, **close),
        pair_case("For samples of very different strength", 4, 3, 6, 2, 5, **factors),
        pair_case("With as many channels in the student as in the teacher", 3, 4, 4, 5, 2, **f64),
        pair_case("With as many channels as pixels", 3, 6, 6, 2, 3, **leaf),
        pair_case("With a single sample", 1, 4, 6, 3, 5, **f64, **leaf),
        pair_case("With a single channel in the student", 3, 1, 4, 2, 5),
        pair_case("With a single channel in the teacher", 3, 4, 1, 2, 5),
        pair_case("With maps of a single row", 3, 4, 2, 1, 5),
        pair_case("With weak features (about 0.05)", 3, 5, 7, 2, 4, **weak, atol=1e-6),
        pair_case("With strong features (about 300)", 3, 2, 7, 5, 4, **strong, atol=1e-8),
        pair_case("When called a second time with the same inputs", 4, 7, 5, 3, 2),
    ]  # fmt: skip


def nst_zeros() -> list[Case]:
    law = "A channel that is zero on an image, as dead units are, has no direction, and is best left zero"
    return [
        pair_case(f"{law} (in the student)", 3, 4, 6, 2, 5, dead_channels(44, 3, 4, 2, 5), None, atol=1e-7),
        pair_case(f"{law} (in the teacher)", 3, 4, 6, 2, 5, None, dead_channels(45, 3, 6, 2, 5), atol=1e-7),
    ]


def scalar_shapes(args: tuple) -> dict[tuple, str]:
    B, pixels = len(args[0]), args[0][0, 0].numel()
    return {
        (B,): "This is one number for each sample; take the mean over the batch.",
        (B, 1): "This is one number for each sample; take the mean over the batch.",
        (B, pixels): "This is one number for each pixel; take the mean over pixels and batch.",
        (pixels,): "This is one number for each pixel; take the mean over them as well.",
    }


PAIR = ("student_feature", "teacher_feature")
TASKS = {
    "attention_map": MapTask(
        ("feature", "p"), "a row of H·W pixels for each sample",
        attention_map, map_cases, map_mistakes, shapes=map_shapes, open_cases=map_zeros,
        not_finite=NOT_FINITE, misfit=MISFIT,
    ),
    "at_loss": FunctionTask(
        PAIR, "a scalar", at_loss, at_cases, at_mistakes, shapes=scalar_shapes, open_cases=at_zeros,
        not_finite=NOT_FINITE, misfit=MISFIT,
    ),
    "nst_mmd_loss": FunctionTask(
        PAIR, "a scalar", nst_mmd_loss, nst_cases, nst_mistakes, constants=(1,),
        shapes=scalar_shapes, open_cases=nst_zeros, not_finite=NOT_FINITE, misfit=MISFIT,
    ),
}  # fmt: skip
