"""`expected_boxes`: boxes from distributions over their edges. X. Li et al. (2020), section 3."""

import torch

from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case, FunctionTask
from kdcourse.grading.mistakes.boxes import box_mistakes, expected_boxes

BIG = 1e4


def box_cases() -> list[Case]:
    f64 = {"dtype": torch.float64}

    def shows(law: str, N: int, n: int, stride: float, scale: float = 1.5, **options) -> Case:
        centres = options.pop("centres", 12 * normal(1201 + 5 * N + n, N, 2) + 5)
        z = options.pop("z", scale * normal(1231 + 7 * N + n, N, 4, n))
        options = {"atol": 1e-5} | options
        return Case((centres, z, stride), {"N": N, "n": n, "stride": stride}, law, **options)

    some = 1.5 * normal(1260, 5, 4, 6)
    peaks = BIG * torch.eye(7, dtype=torch.float64)[(3 * torch.arange(20)) % 7].reshape(5, 4, 7)
    return [
        shows("", 5, 7, 4.0, model_output=True),
        shows("", 3, 9, 2.5, **f64),
        shows("", 6, 5, 8, model_output=True),
        shows("", 7, 3, 0.5, scale=0.7, **f64),
        shows("", 2, 17, 3, scale=3.0),
        shows("At stride 1", 5, 6, 1),
        shows("With equal logits every bin is as likely as any other", 5, 6, 4.0, z=0 * some, **f64),
        shows("A constant added to all bins of an edge changes nothing", 5, 6, 2.0,
              z=some + 20 * normal(1261, 5, 4, 1), atol=5e-5),
        shows("With centres that are not positive", 5, 6, 2.0, centres=-9 - normal(1262, 5, 2).abs()),
        shows("With centres at 0", 5, 6, 2.0, centres=torch.zeros(5, 2, dtype=torch.float64), **f64),
        shows("With a single box", 1, 7, 4.0),
        shows("With two boxes", 2, 5, 4.0, **f64),
        shows("With two bins", 5, 2, 3.5),
        shows("With a single bin the box is a point", 5, 1, 3.5),
        shows("With four bins, as many as edges", 3, 4, 2.5),
        shows("With four boxes", 4, 6, 2.5, **f64),
        shows("With four boxes and four bins", 4, 4, 2.5),
        shows("With as many boxes as bins", 6, 6, 5.0),
        shows("With many bins", 3, 60, 2.0, scale=0.5),
        shows("With logits of size 100", 5, 6, 1.5, scale=50.0, rtol=1e-3),
        shows("With logits of size 1e4, where one bin decides", 5, 7, 3.0, z=peaks, rtol=1e-3, **f64),
        shows("With logits of size 1e4", 4, 5, 2.5, scale=BIG, rtol=1e-3),
        shows("With many boxes", 40, 8, 4.0),
        shows("When called a second time with the same inputs", 5, 7, 4.0, model_output=True),
    ]  # fmt: skip


def box_shapes(args: tuple) -> dict[tuple, str]:
    N, _, n = args[1].shape
    return {
        (N, 4, n): "The bins are still there: weigh them and sum over the last axis.",
        (4, N): "The boxes are columns: stack the coordinates along the last axis (`dim=1`).",
        (N, 2, 2): "These are the corners one below the other; put x1, y1, x2, y2 in one row.",
        (2, N, 2): "These are the corners one below the other; put x1, y1, x2, y2 in one row.",
        (2 * N, 2): "The corners are joined along the boxes (`dim=0`); join them along `dim=1`.",
        (4 * N,): "The boxes are joined to one long row; stack the coordinates along the last axis.",
        (N, 2): "This is one corner of each box.",
        (N, n): "The expectation runs over the edges; it runs over the bins, the last axis.",
        (4, n): "A sum runs over the boxes; it runs over the bins, the last axis.",
        (N, 4, 1): "There is one axis too many: sum over the bins without `keepdim`.",
        (N, 1, 4): "There is one axis too many.",
    }


TASKS = {
    "expected_boxes": FunctionTask(
        ("centres", "edge_logits", "stride"), "boxes x1, y1, x2, y2, (N, 4)",
        expected_boxes, box_cases, box_mistakes, learns=(1,), shapes=box_shapes,
        misfit="Two shapes do not fit. Distances are (N, 4) once the bins are summed over, centres (N, 2): "
        "columns 0 and 1 of the distances go with the first corner, columns 2 and 3 with the second.",
        not_finite="Somewhere `exp` overflows: `torch.softmax` subtracts the maximum first and stays finite.",
    ),
}  # fmt: skip
