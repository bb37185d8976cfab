"""Relations between layers (`fsp_matrix`) and between samples (`rkd_distance_loss`, `rkd_angle_loss`).

The laws that matter here: distances and angles forget position, turn and scale; repeated rows have no
direction to each other; only the number of samples is common to student and teacher.
"""

import torch
from torch import Tensor

from kdcourse.grading.formulas.relations import fsp, repeated, rkd_angle, rkd_distance
from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case
from kdcourse.grading.mistakes.relations import fsp_mistakes
from kdcourse.grading.mistakes.rkd import angle_mistakes, distance_mistakes
from kdcourse.grading.probe import Rejected, call, prepare, protected
from kdcourse.grading.relation_task import RelationTask

# --- FSP ---


def fsp_cases() -> list[Case]:
    def shows(law: str, B: int, C1: int, C2: int, H: int, W: int, scale: float = 1.5, **options) -> Case:
        f1, f2 = (
            scale * normal(11 + B + C1, B, C1, H, W) + 0.3,
            scale * normal(17 + H + C2, B, C2, H, W) - 0.2,
        )
        f1, f2 = options.pop("f1", f1), options.pop("f2", f2)
        sizes = {"B": B, "C1": C1, "C2": C2, "H": H, "W": W}
        return Case((f1, f2), sizes, law, **{"rtol": 3e-4, "atol": 1e-5} | options)

    small, other = normal(31, 2, 3, 4, 5), normal(32, 2, 6, 4, 5)
    return [
        shows("", 2, 3, 5, 4, 7, model_output=True),
        shows("", 3, 4, 2, 7, 5, dtype=torch.float64),
        shows("", 4, 6, 3, 2, 5, scale=4.0),
        shows("", 5, 2, 7, 6, 3, scale=0.3, dtype=torch.float64, model_output=True),
        shows(
            "With both maps repeated in space, the matrix stays",
            2,
            3,
            6,
            8,
            15,
            f1=small.repeat(1, 1, 2, 3),
            f2=other.repeat(1, 1, 2, 3),
        ),
        shows("With a single sample", 1, 3, 5, 4, 6),
        shows("With a single channel on each side", 3, 1, 1, 4, 6, dtype=torch.float64),
        shows("With maps of one row", 3, 4, 2, 1, 6),
        shows("With maps of one pixel", 3, 4, 2, 1, 1),
        shows("With square maps and equal channels", 3, 4, 4, 5, 5),
        shows("With features of size 1e3", 2, 5, 3, 3, 4, scale=1e3),
        shows(
            "With features of size 1e-3",
            2,
            5,
            3,
            3,
            4,
            scale=1e-3,
            f1=1e-3 * normal(41, 2, 5, 3, 4),
            f2=1e-3 * normal(42, 2, 3, 3, 4),
            atol=1e-9,
        ),
        shows("When called a second time with the same inputs", 2, 3, 5, 4, 7, model_output=True),
    ]


def fsp_shapes(args: tuple) -> dict[tuple, str]:
    (B, C1, H, W), C2 = args[0].shape, args[1].shape[1]
    batch = "The batch is gone: each sample has a matrix of its own, so B stays the first axis."
    return {
        (B, C2, C1): "The result is transposed: the channels of f1 are the rows, those of f2 the columns.",
        (C1, C2): batch,
        (C2, C1): batch,
        (): batch,
        (B, C1, C1): "f1 is multiplied by itself; the second layer is f2.",
        (B, C2, C2): "f2 is multiplied by itself; the rows belong to f1.",
        (B, C1 + C2, C1 + C2): "The layers are stacked; only the block of f1 against f2 is wanted.",
        (B, C1, C2, H, W): "The products still carry their pixels: take the mean over H and W.",
        (B, C1, C2, H * W): "The products still carry their pixels: take the mean over H and W.",
        (B, C1, C2, H): "One spatial axis is left: take the mean over H and W both.",
        (B, C1, C2, W): "One spatial axis is left: take the mean over H and W both.",
        (B, H * W, H * W): "The product runs over the channels; it must run over the pixels (transpose f2).",
        (B, C1 * C2): "The matrix is flattened; leave it (B, C1, C2).",
        (B, 1, C1, C2): "There is one axis too many.",
    }


# Of f2, where f1 has 4 x 6 pixels; some have as many pixels, and only another shape.
UNEQUAL = [(6, 4), (3, 8), (2, 12), (24, 1), (2, 3), (8, 12), (4, 3), (4, 12), (2, 6), (5, 6), (4, 7)]
ONE = [(1, 1), (4, 1), (1, 6)]


def fsp_task(answer: object) -> list[str]:
    task = RelationTask(
        ("f1", "f2"),
        "(B, C1, C2)",
        fsp,
        fsp_cases,
        fsp_mistakes,
        learns=(0, 1),
        shapes=fsp_shapes,
        example="for f1 = [[[[1., 2.]]]] and f2 = [[[[3., 5.]], [[0., 4.]]]] the products are 3, 10 and 0, "
        "8, their means [[[6.5, 4.]]].",
        misfit="Two shapes do not fit. The product is over the pixels: (B, C1, H·W) times (B, H·W, C2).",
    )
    feedback = task(answer)
    function = prepare(answer, task.names)

    def accepts(first: tuple[int, int], second: tuple[int, int]) -> bool:
        try:
            call(function, task.names, [normal(5, 2, 3, *first).float(), normal(6, 2, 5, *second).float()])
        except Rejected:
            return False
        return True

    for place in UNEQUAL:
        for first, second in (((4, 6), place), (place, (4, 6))):
            if accepts(first, second):
                same = first[0] * first[1] == second[0] * second[1]
                why = (
                    "Both maps have as many pixels, so that flattening hides the mismatch: pixels of "
                    "different places would be multiplied. Compare `f1.shape[2:]` with `f2.shape[2:]` "
                    "before you flatten."
                    if same
                    else "Pooling, cropping or stretching a map is a decision of the caller's. Compare "
                    "`f1.shape[2:]` with `f2.shape[2:]` and raise a ValueError."
                )
                raise Rejected(
                    f"Maps of {first[0]} x {first[1]} and {second[0]} x {second[1]} pixels are accepted; a "
                    "mismatch must raise.",
                    diagnosis=why,
                )
    feedback.append("Maps of different sizes raise, also where they have as many pixels.")
    if any(accepts((4, 6), place) for place in ONE):
        feedback.append(
            "A remark: a map with one row or column is stretched silently to fit (broadcasting). An explicit "
            "comparison of `f1.shape[2:]` with `f2.shape[2:]` would catch that, too."
        )
    return feedback


# --- RKD ---


def embeddings(seed: int, B: int, D: int, scale: float = 1.0) -> Tensor:
    """With one row far from the others, so that some relative distances differ by more than 1."""
    x = normal(seed, B, D)
    x[seed % B] *= 4.0
    return scale * x


def turned(x: Tensor, D: int, seed: int) -> Tensor:
    """The same arrangement in D >= D_x dimensions: turned, mirrored, moved and three times as large."""
    basis, _ = torch.linalg.qr(normal(seed, D, D))
    return 3.0 * x @ basis[: x.shape[1]] + 2.0 * normal(seed + 1, D)


def rkd_case(law: str, s: Tensor, t: Tensor, **options) -> Case:
    return Case((s, t), {"B": len(s), "D_s": s.shape[1], "D_t": t.shape[1]}, law, **options)


REPEATED = {
    "Where two rows of the student repeat": ((0, 2), ()),
    "Where two rows of the teacher repeat": ((), (1, 3)),
    "Where the same rows repeat in both": ((1, 2), (1, 2)),
    "Where three rows of the student repeat and two of the teacher": ((0, 1, 3), (2, 3)),
}


def rkd_cases(angle: bool) -> list[Case]:
    loose = {"rtol": 5e-3, "atol": 2e-5}

    def pair(B: int, Ds: int, Dt: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        return embeddings(101 + seed + B, B, Ds), embeddings(207 + seed + B, B, Dt)

    def repeats(law: str, dtype: torch.dtype, seed: int) -> Case:
        s, t = pair(5, 3, 4, seed)
        mine, theirs = REPEATED[law]
        s = repeated(s, *mine) if mine else s
        return rkd_case(law, s, repeated(t, *theirs) if theirs else t, dtype=dtype, **loose)

    s, t = pair(5, 3, 6, 8)
    near = s.clone()
    near[1] = near[0] + 0.02 * normal(3, 3)
    laws = list(REPEATED)
    cases = [
        rkd_case("", *pair(5, 4, 7), model_output=True),
        rkd_case("", *pair(4, 3, 2, 1), dtype=torch.float64),
        rkd_case("", *pair(6 if not angle else 3, 2, 5, 2)),
        rkd_case("", *pair(3 if not angle else 4, 5, 2, 3), dtype=torch.float64, model_output=True),
        rkd_case(
            "With a student that equals the teacher the loss and its gradient are 0", s, s.clone(), atol=2e-5
        ),
        rkd_case(
            "With a student that is the teacher turned, moved and scaled, the loss is 0",
            turned(t[:, :3], 5, 9),
            t[:, :3],
            atol=2e-5,
        ),
        rkd_case("With a student 100 times as large", 100 * s, t, rtol=1e-3),
        rkd_case(
            "With a teacher moved by 3 and scaled by 1/10", s, 0.1 * t + 3, dtype=torch.float64, **loose
        ),
        rkd_case("With a student scaled by 1/20", s / 20, t, rtol=3e-3),
        rkd_case("With a batch of two", *pair(2, 3, 4, 4), atol=2e-5),
        rkd_case("With a batch of three", *pair(3, 4, 2, 5)),
        rkd_case("With embeddings of one number", *pair(4, 1, 3, 6), dtype=torch.float64),
        rkd_case("With two rows of the student close together", near, t, dtype=torch.float64, **loose),
        repeats(laws[0], torch.float32, 11),
        repeats(laws[0], torch.float64, 12),
        repeats(laws[1], torch.float32, 13),
        repeats(laws[2], torch.float32, 14),
        repeats(laws[3], torch.float64, 15),
    ]
    if angle:
        everywhere = repeated(s, 0, 1, 2, 3, 4)
        cases.append(rkd_case("Where all rows of the student are equal", everywhere, t, **loose))
    cases.append(
        rkd_case("When called a second time with the same inputs", *pair(5, 4, 7), model_output=True)
    )
    return cases


RKD_MISFIT = (
    "Two shapes do not fit. Student and teacher have embeddings of different sizes (D_s, D_t) here: compare "
    "the relations inside one net with those inside the other, never an embedding with an embedding."
)
RKD_SHAPES = (
    "A loss is one number: compare all entries by smooth L1 and take their mean (`reduction='mean'`)."
)
TURNED = "With a student that is the teacher turned, moved and scaled, the loss is 0"


def distance_task(answer: object) -> list[str]:
    task = RelationTask(
        ("s", "t"),
        "a scalar",
        rkd_distance,
        lambda: rkd_cases(angle=False),
        distance_mistakes,
        not_finite="The square root has an infinite slope at 0, and every sample is at the distance 0 from "
        "itself, repeated rows from each other: the gradient becomes inf · 0. Mask these entries before the "
        "root (`torch.where` on its argument), take `torch.cdist`, or keep the squared distance above "
        "1e-12.",
        example="s = [[0.], [1.], [3.]] has the distances 1, 3, 2 with mean 2, so 1/2, 3/2, 1; t = "
        "torch.eye(3) has 1, 1, 1; the loss is 2 · (0.125 + 0.125) / 9.",
        misfit=RKD_MISFIT,
        shapes=lambda args: {(len(args[0]),) * 2: RKD_SHAPES, (len(args[0]),): RKD_SHAPES},
        advice={
            "With a student scaled by 1/20": "A constant is added somewhere that is not small beside close "
            "embeddings: under the root, or to the mean.",
            **dict.fromkeys(
                REPEATED,
                "Pairs i ≠ j of repeated rows have the distance 0; they count in the "
                "normaliser like all others, and they do not push each other.",
            ),
            TURNED: "Moving, turning or scaling all embeddings of a net changes no relative distance.",
            "With a batch of two": "There is one distance, and divided by the mean it is 1 in both nets.",
        },
    )
    feedback = task(answer)
    try:
        s = repeated(embeddings(5, 4, 3).float(), 0, 1, 2, 3).requires_grad_()
        value = call(prepare(answer, task.names), task.names, [s, embeddings(6, 4, 2).float()])
        (slope,) = protected(torch.autograd.grad, value.sum(), s)
        finite = bool(value.isfinite().all() and slope.isfinite().all())
    except Rejected:
        finite = True  # nothing is asked for here
    if not finite:
        feedback.append(
            "A remark: where *all* embeddings of a net are equal, the mean distance is 0 and yours is not "
            "finite. A net can begin like that; `kdcourse.losses.rkd_distance_loss` takes the relative "
            "distances as 0."
        )
    return feedback


def angle_task() -> RelationTask:
    return RelationTask(
        ("s", "t"),
        "a scalar",
        rkd_angle,
        lambda: rkd_cases(angle=True),
        angle_mistakes,
        not_finite="A difference of zero is divided by its length, or by a tiny number that stands in for "
        "it, as `F.normalize` does with 1e-12: the value is 0 and the slope 1e12. Mask these differences: "
        "where the length is 0 divide by infinity, or use `torch.where` on the length before dividing.",
        example="s = [[0.], [1.], [3.]] has the cosines 1, -1, 1 at its three corners, t = torch.eye(3) has "
        "1/2, 1/2, 1/2; each counts twice, all others agree: 2 · (0.125 + 1 + 0.125) / 27.",
        misfit=RKD_MISFIT,
        shapes=lambda args: {(len(args[0]),) * n: RKD_SHAPES for n in (1, 2, 3)},
        advice={
            **dict.fromkeys(
                [*REPEATED, "Where all rows of the student are equal"],
                "A difference that is zero has the cosine 0 with everything, and gets no gradient.",
            ),
            TURNED: "Moving, turning or scaling all embeddings of a net changes no angle.",
            "With two rows of the student close together": "A difference that is small, but not zero, has a "
            "direction like any other: is a constant added to the lengths, or a threshold too high?",
            "With a student scaled by 1/20": "Angles do not depend on the scale: is a constant added to the "
            "lengths, or a threshold too high?",
        },
    )


TASKS = {
    "fsp_matrix": fsp_task,
    "rkd_distance_loss": distance_task,
    "rkd_angle_loss": angle_task(),
}
