"""`seg_kd_loss`: soft targets for every pixel that has a label. Y. Liu et al. (2019), section 3."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from kdcourse.grading.formulas.dense import segmentation
from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case, FunctionTask, Pair, Run
from kdcourse.grading.mistakes.segmentation import segmentation_mistakes
from kdcourse.grading.probe import Rejected

BIG = 1e4
EMPTY = "With all pixels ignored, the loss is 0, with a graph"
GUARD = (
    "Where nothing is counted the mean is 0/0. Divide the sum by `count.clamp(min=1)`, or return "
    "`student_logits.sum() * 0`, which is 0 and has a graph."
)
GRAPH = (
    "The 0 must have a graph, so that `backward()` works on a batch without labels too: "
    "`student_logits.sum() * 0`, or a sum over no pixels divided by `count.clamp(min=1)`."
)


def mixed_labels(seed: int, B: int, K: int, H: int, W: int, ignore: int) -> Tensor:
    """More ignored pixels in later images."""
    generator = torch.Generator().manual_seed(seed)
    chance = torch.rand(B, H, W, generator=generator)
    labels = torch.randint(K, (B, H, W), generator=generator)
    share = (torch.arange(B) + 0.6) / (B + 1)
    return labels.masked_fill(chance < share[:, None, None], ignore)


def seg_case(
    law: str, B: int, K: int, H: int, W: int, T: float, ignore: int = 255, scale: float = 2.0, **options
) -> Case:
    seed = 7 * B + 3 * K + 5 * H + W
    s = options.pop("s", scale * normal(970 + seed, B, K, H, W))
    t = options.pop("t", scale * normal(1470 + seed, B, K, H, W))
    labels = options.pop("labels", mixed_labels(seed, B, K, H, W, ignore))
    options = {"atol": 3e-6 * max(1.0, T * T)} | options
    sizes = {"B": B, "K": K, "H": H, "W": W, "T": T, "ignore_index": ignore}
    given = (s, t, labels, T) if options.pop("default", False) else (s, t, labels, T, ignore)
    return Case(given, sizes, law, **options)


def seg_cases() -> list[Case]:
    f64, live = {"dtype": torch.float64}, {"teacher_requires_grad": True}
    shows = seg_case
    one = torch.full((3, 2, 5), 255)
    one[1, 0, 3] = 2
    half = mixed_labels(3, 4, 5, 3, 2, 255)
    half[0], half[2] = 255, half[3]
    where = torch.arange(3 * 4 * 2).reshape(3, 4, 2) % 6
    peaks = BIG * torch.eye(6, dtype=torch.float64)[where].permute(0, 3, 1, 2).contiguous()
    offset = 20 * normal(981, 3, 1, 4, 2)
    same = 2 * normal(982, 3, 5, 2, 4)
    hidden = mixed_labels(12, 3, 5, 4, 2, 255)
    wild = BIG * normal(983, 3, 5, 4, 2) * (hidden == 255)[:, None]
    none = torch.arange(3 * 2 * 5).reshape(3, 2, 5) % 4
    nothing = torch.full((3, 4, 2), 255)
    return [
        shows("", 3, 5, 4, 2, 3.0, model_output=True, **live),
        shows("", 2, 4, 3, 7, 2.5, **f64),
        shows("", 4, 6, 5, 3, 8.0, scale=4.0, **live),
        shows("", 5, 3, 2, 6, 0.6, ignore=-100, scale=1.0, **f64, model_output=True),
        shows("", 3, 7, 2, 5, 5.0, ignore=-1, **live),
        shows("With a class that is ignored, the background", 3, 5, 4, 2, 2.0, ignore=0),
        shows("With a class that is ignored", 3, 5, 2, 4, 3.0, ignore=2, **f64),
        shows("With the last class ignored", 2, 5, 4, 3, 3.0, ignore=4),
        shows("At T = 1", 3, 5, 2, 4, 1.0),
        shows("With no ignored pixel", 3, 4, 2, 5, 3.0, labels=none),
        shows("With a single pixel that counts", 3, 4, 2, 5, 3.0, labels=one, **f64),
        shows("With an image that is ignored as a whole", 4, 5, 3, 2, 3.0, labels=half, **live),
        shows("With equal logits the loss and its gradient are 0", 3, 5, 2, 4, 4.0, s=same, t=same.clone()),
        shows("A constant added to all logits of a pixel changes nothing", 3, 5, 4, 2, 2.0, **f64, atol=1e-4,
              s=2 * normal(984, 3, 5, 4, 2) + offset, t=2 * normal(985, 3, 5, 4, 2) - offset),
        shows("Whatever the logits are at ignored pixels, it changes nothing", 3, 5, 4, 2, 2.0, labels=hidden,
              s=2 * normal(986, 3, 5, 4, 2) + wild, t=2 * normal(987, 3, 5, 4, 2) - wild.flip(1), **live),
        shows("With a single image", 1, 5, 3, 4, 3.0, **live),
        shows("With two classes", 3, 2, 5, 4, 3.5, **f64),
        shows("With maps of a single row", 3, 5, 1, 4, 2.5),
        shows("With maps of a single column", 3, 5, 4, 1, 2.5, **f64),
        shows("With one pixel in all", 1, 5, 1, 1, 2.5, labels=torch.tensor([[[3]]])),
        shows("With square maps", 3, 5, 4, 4, 2.5),
        shows("With as many images as classes, rows and columns", 4, 4, 4, 4, 2.5, **f64),
        shows("With as many classes as columns", 3, 4, 2, 4, 2.0),
        shows("At the high temperature T = 20", 3, 5, 4, 2, 20.0, scale=3.0),
        shows("With logits of size 100", 3, 6, 4, 2, 1.5, scale=50.0, rtol=1e-3),
        shows("With logits of size 1e4 where student and teacher disagree", 3, 6, 4, 2, 3.0, rtol=1e-3,
              s=peaks.roll(2, 1), t=peaks),
        shows("With logits of size 1e4", 3, 5, 4, 2, 2.5, scale=BIG, rtol=1e-3, **f64, **live),
        shows("With student logits of size 1e4", 3, 5, 4, 2, 5.0, s=BIG * normal(988, 3, 5, 4, 2), rtol=1e-3),
        shows("With teacher logits of size 1e4", 3, 5, 4, 2, 5.0, t=BIG * normal(989, 3, 5, 4, 2), rtol=1e-3,
              atol=1e-3),
        shows(EMPTY, 3, 5, 4, 2, 3.0, labels=nothing, model_output=True, **live),
        shows(f"{EMPTY} (a single image)", 1, 5, 4, 2, 2.0, labels=nothing[:1], **f64),
        shows(f"{EMPTY} (with ignore_index = 1)", 3, 5, 4, 2, 2.0, ignore=1, labels=0 * nothing + 1),
        shows(f"{EMPTY} (with logits of size 1e4)", 3, 5, 4, 2, 2.0, labels=nothing, scale=BIG),
        shows("When called a second time with the same inputs", 3, 5, 4, 2, 3.0, model_output=True),
    ]  # fmt: skip


def default_cases() -> list[Case]:
    return [seg_case("Without ignore_index, which is then 255", 3, 5, 4, 2, 3.0, default=True)]


def open_seg_cases() -> list[Case]:
    labels = mixed_labels(13, 3, 5, 4, 2, 255)
    s, t = (2 * normal(seed, 3, 5, 4, 2) for seed in (990, 991))
    holes = t.masked_fill((labels == 255)[:, None], torch.nan)
    return [
        seg_case(
            "With labels of type uint8, as an image file has them (`.long()` mends it)", 3, 5, 4, 2, 2.0,
            labels=labels.to(torch.uint8), s=s, t=t,
        ),
        seg_case(
            "With NaN in the teacher's logits at ignored pixels (pick the others out, or use `torch.where`)",
            3, 5, 4, 2, 2.0, labels=labels, s=s, t=holes,
        ),
    ]  # fmt: skip


def picked(s: Tensor, t: Tensor, y: Tensor, T: float, ignore: int = 255) -> Tensor:
    """The loss, whatever stands at the ignored pixels of the teacher."""
    return segmentation(s, t.masked_fill((y == ignore)[:, None], 0.0), y, T, ignore)


def seg_shapes(args: tuple) -> dict[tuple, str]:
    B, K, H, W = args[0].shape
    counted = int((args[2] != (args[4] if len(args) > 4 else 255)).sum())
    nothing = "Nothing is reduced yet: sum over the classes, take the mean over the counted pixels."
    pixel = "This is one loss for each pixel; take the mean over those whose label is not `ignore_index`."
    return {
        (B, K, H, W): nothing,
        (B * H * W, K): nothing,
        (counted, K): nothing,
        (B, H, W): pixel,
        (B, 1, H, W): pixel,
        (B * H * W,): pixel,
        (counted,): pixel,
        (B,): "This is one loss for each image; take one mean over all counted pixels of the batch.",
        (K,): "This is one loss for each class; sum over the classes.",
    }


MASK = (
    "Two shapes do not fit. The labels (B, H, W) have no axis of classes: sum over the classes first and "
    "mask "
    "the (B, H, W) that are left, or give the mask an axis with `unsqueeze(1)`. To pick pixels out of "
    "(B, K, H, W), move the classes to the end: `logits.permute(0, 2, 3, 1)[mask]`."
)


class SegTask(FunctionTask):
    """An answer can also be called without `ignore_index`; what goes wrong with no pixel left has a name."""

    def __call__(self, answer: object) -> list[str]:
        feedback = super().__call__(answer)
        cases = default_cases()
        default = replace(self, names=self.names[:4], cases=lambda: 2 * cases, open_cases=list, wrong=list)
        try:
            FunctionTask.__call__(default, answer)
        except Rejected as rejected:
            raise Rejected(
                f"Called without `ignore_index`: {rejected.feedback[0]}",
                diagnosis="ignore_index has the default 255: write "
                "`def seg_kd_loss(student_logits, teacher_logits, labels, T, ignore_index=255)`.",
            ) from None
        return feedback

    def observe(self, function: Callable[..., object], case: Case, dtype: torch.dtype, shape: tuple) -> Run:
        try:
            return super().observe(function, case, dtype, shape)
        except Rejected as rejected:
            if "shape of the mask" in rejected.feedback[0]:
                raise Rejected(rejected.feedback[0], diagnosis=MASK) from None
            if case.law.startswith(EMPTY) and not rejected.diagnosis:
                advice = GRAPH if "not a tensor" in rejected.feedback[0] else GUARD
                raise Rejected(rejected.feedback[0], diagnosis=advice) from None
            raise

    def require_law(self, pairs: list[Pair]) -> None:
        case, got, _ = pairs[-1]
        if case.law.startswith(EMPTY):
            finite = all(np.isfinite(part).all() for part in (*got.value, *(got.gradients or [])))
            if not finite:
                what = "value" if not np.isfinite(got.value[0]).all() else "gradient"
                raise Rejected(f"{case.law}: your {what} is not finite.", diagnosis=GUARD)
            if pairs[-1].value_right and got.gradients is None:
                raise Rejected(f"{case.law}: your 0 has no graph.", diagnosis=GRAPH)
        super().require_law(pairs)


TASKS = {
    "seg_kd_loss": SegTask(
        ("student_logits", "teacher_logits", "labels", "T", "ignore_index"), "a scalar",
        picked, seg_cases, segmentation_mistakes, constants=(1,), shapes=seg_shapes, misfit=MASK,
        open_cases=open_seg_cases,
    ),
}  # fmt: skip
