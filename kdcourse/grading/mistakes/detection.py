"""Known mistakes of bounded regression and of localization distillation, and what to say about each."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from kdcourse.grading.formulas.dense import (
    bounded_regression,
    kl_terms,
    localization,
    over_edges,
    squared,
    worse_by_margin,
)
from kdcourse.grading.formulas.responses import log_softmax, softmax
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import double_mistakes, single_mistakes
from kdcourse.grading.mistakes.places import SOFTENED, divergences

# --- bounded_regression_loss ---


def smooth(d: Tensor) -> Tensor:
    return torch.where(d.abs() < 1, d * d / 2, d.abs() - 0.5)


STRICT = "The gate asks for `>`: where student's error + margin is just the teacher's error, it is closed."
GATES = [
    Wrong(
        lambda s, t, y, m: squared(s - y) + m >= squared(t - y),
        f"{STRICT} Yours has `>=`.",
    ),
    Wrong(
        lambda s, t, y, m: squared(s - y) > squared(t - y) + m,
        "The margin is on the wrong side: the student must beat the teacher *by* the margin before its gate "
        "closes, |student − target|² + margin > |teacher − target|².",
    ),
    Wrong(
        lambda s, t, y, m: squared(s - y) > squared(t - y),
        "The margin is not used: it is added to the student's error.",
    ),
    Wrong(
        lambda s, t, y, m: squared(s - y) + m < squared(t - y),
        "The gate is the wrong way round: it opens where the student is worse, not where it is better.",
    ),
    Wrong(
        lambda s, t, y, m: squared(s - y) + m <= squared(t - y),
        "The gate is the wrong way round: it opens where the student is worse, not where it is better.",
    ),
    Wrong(
        lambda s, t, y, m: squared(s - y) < squared(t - y),
        "The gate is the wrong way round (it opens where the student is worse), and the margin is not used.",
    ),
    Wrong(
        lambda s, t, y, m: squared(s - y) < squared(t - y) + m,
        "The gate is the wrong way round: student's error + margin > teacher's error opens it.",
    ),
    Wrong(
        lambda s, t, y, m: torch.ones_like(s[:, 0]),
        "There is no gate: rows in which the student beats the teacher by the margin give 0.",
    ),
    *[
        Wrong(
            lambda s, t, y, m, of=of: (of(squared(s - y)) + m > of(squared(t - y))).expand(len(s)),
            "One gate is decided for the whole batch; each row has a gate of its own.",
        )
        for of in (torch.sum, torch.mean)
    ],
    Wrong(
        lambda s, t, y, m: ((s - y).square().mean() + m > (t - y).square().mean()).expand(len(s)),
        "One gate is decided for the whole batch (from the mean over rows and columns); each row has a "
        "gate of its own.",
    ),
    Wrong(
        lambda s, t, y, m: (s - y).square().mean(1) + m > (t - y).square().mean(1),
        "The gate compares *means* over the D coordinates, so that the margin counts D times; compare the "
        "sums.",
    ),
    Wrong(
        lambda s, t, y, m: (s - y).norm(dim=1) + m > (t - y).norm(dim=1),
        "The gate compares norms; it compares their squares, and the margin belongs to these.",
    ),
    Wrong(
        lambda s, t, y, m: (s - y).abs().sum(1) + m > (t - y).abs().sum(1),
        "The gate compares absolute errors (L1); it compares squared ones.",
    ),
    Wrong(
        lambda s, t, y, m: (s - y).abs().mean(1) + m > (t - y).abs().mean(1),
        "The gate compares absolute errors (L1); it compares squared ones.",
    ),
    Wrong(
        lambda s, t, y, m: smooth(s - y).sum(1) + m > smooth(t - y).sum(1),
        "The gate compares smooth L1 errors; it compares squared ones.",
    ),
    Wrong(
        lambda s, t, y, m: squared(s - y) + m * m > squared(t - y),
        "The margin is squared; it is in squared units already.",
    ),
    Wrong(
        lambda s, t, y, m: squared(s - y) + abs(m) > squared(t - y),
        "The margin's sign is lost: with a negative margin the student may be worse by that much.",
    ),
    Wrong(
        lambda s, t, y, m: squared(s - y) + max(m, 0.0) > squared(t - y),
        "A negative margin is taken for 0; with it the student may be worse by that much.",
    ),
    Wrong(
        lambda s, t, y, m: squared(s - t) > m,
        "The gate compares student and teacher directly; it compares their errors, the distances to the "
        "target.",
    ),
    Wrong(
        lambda s, t, y, m: squared(s - t) + m > squared(t - y),
        "The gate compares student and teacher; on its left stands the student's distance to the target.",
    ),
    Wrong(
        lambda s, t, y, m: squared(s - y) + m > squared(s - t),
        "The gate looks at the distance of student and teacher; on its right stands the teacher's distance "
        "to the target.",
    ),
    Wrong(
        lambda s, t, y, m: squared(s - y) * (1 + m) > squared(t - y),
        "The margin multiplies the student's error; it is added to it.",
    ),
    Wrong(
        lambda s, t, y, m: squared(s - y) > m, "The teacher's error plays no part in the gate.",
    ),
    Wrong(
        lambda s, t, y, m: squared(t - y) > m, "The student's error plays no part in the gate.",
    ),
    Wrong(
        lambda s, t, y, m: torch.sigmoid(squared(s - y) + m - squared(t - y)),
        "The gate is soft (a sigmoid); it is open or closed.",
    ),
    Wrong(
        lambda s, t, y, m: torch.sigmoid(squared(s - y) + m - squared(t - y)).detach(),
        "The gate is soft (a sigmoid); it is open or closed.",
    ),
]  # fmt: skip

HINGE = "This is a hinge on the difference of the errors; the gate is a switch, and an open row pays "
FULL = "|student − target|² in full."
PAID = [
    Wrong(lambda s, t, y, m: squared(s - y) + m - squared(t - y), f"{HINGE}{FULL}"),
    Wrong(lambda s, t, y, m: squared(s - y) - squared(t - y), f"{HINGE}{FULL}"),
    Wrong(
        lambda s, t, y, m: squared(s - y) + m,
        f"The margin is paid as well; it only moves the gate, and an open row pays {FULL}",
    ),
    Wrong(
        lambda s, t, y, m: squared(s - y) / s.shape[1],
        "The squared error is a mean over the D coordinates; take the sum, and the mean over the rows only.",
    ),
    Wrong(
        lambda s, t, y, m: (s - y).norm(dim=1),
        f"An open row pays the norm, not squared; it pays {FULL}",
    ),
    Wrong(lambda s, t, y, m: (s - y).abs().sum(1), f"An open row pays an L1 error; it pays {FULL}"),
    Wrong(lambda s, t, y, m: (s - y).abs().mean(1), f"An open row pays a mean L1 error; it pays {FULL}"),
    Wrong(lambda s, t, y, m: smooth(s - y).sum(1), f"An open row pays a smooth L1 error; it pays {FULL}"),
    Wrong(
        lambda s, t, y, m: smooth(s - y).mean(1),
        f"An open row pays a mean smooth L1 error; it pays {FULL}",
    ),
    Wrong(lambda s, t, y, m: squared(s - y) / 2, "There is a factor 1/2 too much."),
    Wrong(
        lambda s, t, y, m: squared(s - t),
        "The student is pulled to the teacher's box; the target is the truth, and the teacher's error only "
        "the bound.",
    ),
    Wrong(
        lambda s, t, y, m: squared(s - t) / s.shape[1],
        "The student is pulled to the teacher's box (with a mean over the D coordinates); the target is the "
        "truth, and the teacher's error only the bound.",
    ),
    Wrong(
        lambda s, t, y, m: squared(t - y) + 0 * s.sum(1),
        "An open row pays the teacher's error; it pays the student's.",
    ),
    Wrong(lambda s, t, y, m: squared(s - y).square(), "The error is squared twice."),
    Wrong(lambda s, t, y, m: 1 + 0 * s.sum(1), f"Open rows are counted; each pays {FULL}"),
    Wrong(
        lambda s, t, y, m: (s - y).sum(1).square(),
        "The coordinates are summed before the square, so that errors cancel.",
    ),
    Wrong(lambda s, t, y, m: -squared(s - y), "The sign is wrong."),
]  # fmt: skip

AVERAGES = [
    Wrong(
        lambda paid, gate, D: paid.sum(),
        "The rows are summed; take the mean over all N of them.",
    ),
    Wrong(
        lambda paid, gate, D: paid.sum() / gate.sum().clamp(min=1),
        "The mean runs over the rows with an open gate only; the rows that give 0 count as well: divide by "
        "N.",
    ),
    Wrong(
        lambda paid, gate, D: paid.sum() / gate.sum(),
        "The mean runs over the rows with an open gate only; the rows that give 0 count as well: divide by "
        "N.",
    ),
    Wrong(lambda paid, gate, D: paid.mean() / len(paid), "The loss is divided by N twice."),
    Wrong(lambda paid, gate, D: paid.amax(), "This is the largest row; take the mean over the rows."),
    Wrong(lambda paid, gate, D: paid.median(), "This is the median over the rows; take the mean."),
    Wrong(lambda paid, gate, D: paid.sum().sqrt(), "A square root is taken; the loss is a mean of squares."),
    Wrong(lambda paid, gate, D: paid.mean().sqrt(), "A square root is taken; the loss is a mean of squares."),
    Wrong(lambda paid, gate, D: paid[:-1].sum() / len(paid), "The last row is left out."),
    Wrong(lambda paid, gate, D: paid[1:].sum() / len(paid), "The first row is left out."),
]


def bounded_mistakes() -> Iterator[Wrong]:
    parts = {"gate": GATES, "pay": PAID, "average": AVERAGES}
    yield from single_mistakes(bounded_regression, parts)

    def errors(s: Tensor, t: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return squared(s - y), squared(t.detach() - y)

    def of_errors(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda s, t, y, m: f(*errors(s, t, y), m).mean()

    # The value is right, the gradient is not.
    def straight_through(s: Tensor, t: Tensor, y: Tensor, m: float) -> Tensor:
        soft = torch.sigmoid(squared(s - y) + m - squared(t - y))
        return worse_by_margin(s, t, y, m) + soft - soft.detach()

    yield Wrong(
        partial(bounded_regression, gate=straight_through),
        "The gate is differentiated (straight-through); it is a constant that switches rows on or off.",
    )
    for f in (lambda a, b, m: (a - b + m).clamp(min=0), lambda a, b, m: (a - b).clamp(min=0),
              lambda a, b, m: (a - b - m).clamp(min=0)):  # fmt: skip
        yield Wrong(of_errors(f), f"{HINGE}{FULL}")
    yield Wrong(
        of_errors(lambda a, b, m: torch.where(a + m > b, a, b)),
        "Rows with a closed gate give the teacher's error; they give 0.",
    )
    yield Wrong(
        of_errors(lambda a, b, m: torch.maximum(a, b)),
        "This is the larger of both errors; it is the student's where its gate is open, and 0 elsewhere.",
    )
    yield Wrong(
        of_errors(lambda a, b, m: torch.minimum(a, b)),
        "This is the smaller of both errors; it is the student's where its gate is open, and 0 elsewhere.",
    )
    yield Wrong(
        of_errors(lambda a, b, m: torch.where(a + m > b, a, torch.full_like(a, m))),
        "Rows with a closed gate give the margin; they give 0.",
    )
    yield Wrong(
        lambda s, t, y, m: torch.where(
            worse_by_margin(s, t, y, m), squared(s - y), squared(s - t.detach())
        ).mean(),
        "Rows with a closed gate are pulled to the teacher; they give 0.",
    )
    yield Wrong(
        lambda s, t, y, m: torch.where(
            worse_by_margin(s, t, y, m), squared(s - t.detach()), squared(s - y)
        ).mean(),
        "The student is pulled to the teacher's box where the gate is open; the target is the truth.",
    )
    for reduce in (lambda x: x.sum(1).mean(), torch.mean, torch.sum):
        yield Wrong(
            lambda s, t, y, m, reduce=reduce: reduce(
                (s - y).square() * ((s - y).square() + m > (t.detach() - y).square())
            ),
            "Each coordinate has a gate of its own; there is one for each row, from the sum over D.",
        )
    yield Wrong(
        lambda s, t, y, m: bounded_regression(t, s.detach(), y, m),
        "Student and teacher are exchanged: the first argument is the student's prediction.",
    )
    yield Wrong(
        lambda s, t, y, m: bounded_regression(s, y, t.detach(), m),
        "Teacher and target are exchanged: the order is (student, teacher, target, margin).",
    )
    yield Wrong(
        lambda s, t, y, m: bounded_regression(s, t, y, m) + smooth(s - y).mean(),
        "The smooth L1 loss is added; this task is the bounded part alone.",
    )
    yield Wrong(
        lambda s, t, y, m: bounded_regression(s, t, y, m) + smooth(s - y).sum(1).mean(),
        "The smooth L1 loss is added; this task is the bounded part alone.",
    )
    yield from double_mistakes(bounded_regression, parts)


# --- localization_distillation_loss ---

EDGES = [
    Wrong(
        lambda x: x.mean(),
        "The mean runs over the bins as well, so that the loss is n times too small (as in the method's "
        "published code): sum over the bins, and take the mean over the 4·N edges.",
    ),
    Wrong(
        lambda x: x.sum() / len(x),
        "The four edges of a box are summed: `batchmean` divides by the first axis only, which is N. Take "
        "the mean over the 4·N edges.",
    ),
    Wrong(lambda x: x.sum(), "Everything is summed: take the mean over the 4·N edges."),
    Wrong(lambda x: x.sum() / 4, "The boxes are summed: take the mean over the 4·N edges."),
    Wrong(
        lambda x: x.sum() / x.shape[2],
        "The loss is divided by the number of bins; divide by the 4·N edges.",
    ),
    Wrong(
        lambda x: x.sum() / (len(x) * x.shape[2]),
        "The loss is divided by boxes and bins; divide by the 4·N edges.",
    ),
    Wrong(
        lambda x: x.sum() / (4 * x.shape[2]),
        "The loss is divided by edges and bins; divide by the 4·N edges.",
    ),
    Wrong(lambda x: over_edges(x) / 4, "The mean over the four edges is taken twice."),
    Wrong(lambda x: over_edges(x) / len(x), "The mean over the boxes is taken twice."),
    Wrong(lambda x: over_edges(x) / 16, "The loss is divided by 16, a constant in published code."),
    *[
        Wrong(
            lambda x, e=e, of=of: of(x[:, e].sum(1)),
            "Only one edge of each box takes part; take the mean over all four.",
        )
        for e in range(4)
        for of in (torch.mean, torch.sum)
    ],
    Wrong(lambda x: x.sum(2).amax(1).mean(), "This is the worst edge of each box; take the mean over all."),
    Wrong(lambda x: x.sum((1, 2)).amax(), "This is the worst box; take the mean over all."),
    Wrong(lambda x: x.amax(2).mean(), "This is the largest term over the bins; take their sum."),
]  # fmt: skip

ON_BINS = "each edge has a distribution over its n bins (`dim=-1`)."
SPREADS = [
    Wrong(
        lambda z: log_softmax(z, 1), f"The softmax runs over the four edges (`dim=1`); {ON_BINS}"
    ),
    Wrong(lambda z: log_softmax(z, 0), f"The softmax runs over the boxes (`dim=0`); {ON_BINS}"),
    Wrong(
        lambda z: log_softmax(z.flatten(1), 1).reshape(z.shape),
        f"One softmax runs over all 4·n numbers of a box; {ON_BINS}",
    ),
    Wrong(
        lambda z: log_softmax(z.reshape(1, -1), 1).reshape(z.shape),
        f"One softmax runs over everything; {ON_BINS}",
    ),
    Wrong(
        lambda z: torch.nn.functional.logsigmoid(z),
        f"This is a sigmoid of each logit; {ON_BINS}",
    ),
    Wrong(
        lambda z: log_softmax(z.reshape(len(z), z.shape[2], 4), 1).reshape(z.shape),
        "`reshape` or `view` deals the numbers out anew, so that edges and bins get mixed up; use "
        "`transpose`, or the softmax with `dim=-1`.",
    ),
]  # fmt: skip


def localization_mistakes() -> Iterator[Wrong]:
    parts = {"average": EDGES, "soften": SOFTENED, "compare": divergences(2), "spread": SPREADS}
    yield from single_mistakes(localization, parts)

    def dealt(z: Tensor, *shape: int) -> Tensor:
        return log_softmax(z.reshape(*shape), 1)

    for factor in (lambda T: T * T, lambda T: 1.0):
        yield Wrong(
            lambda s, t, T, factor=factor: (
                factor(T)
                * kl_terms(
                    dealt(t.detach() / T, len(t), t.shape[2], 4), dealt(s / T, len(s), s.shape[2], 4)
                ).sum(1).mean()
            ),
            "`reshape` or `view` deals the numbers out anew, so that edges and bins get mixed up; use "
            "`transpose`, or the softmax with `dim=-1`.",
        )  # fmt: skip
    for axis, name in ((1, "the four edges"), (0, "the boxes")):
        yield Wrong(
            lambda s, t, T, axis=axis: (
                T * T * kl_terms(log_softmax(t.detach() / T, axis), log_softmax(s / T, axis)).sum(axis).mean()
            ),
            f"Softmax and sum run over {name}; {ON_BINS}",
        )
    for reduce, told in ((torch.mean, ""), (torch.sum, ", summed"), (lambda x: x.sum() / len(x), ", summed")):
        yield Wrong(
            lambda s, t, T, reduce=reduce: reduce((s - t.detach()).square()),
            f"This is a squared error between logits{told}; the task is KL between softened distributions.",
        )
    for soft in (lambda T: T, lambda T: 1.0):
        for of in (torch.square, torch.abs, smooth):
            yield Wrong(
                lambda s, t, T, soft=soft, of=of: of(
                    (
                        (softmax(s / soft(T), 2) - softmax(t.detach() / soft(T), 2))
                        * torch.arange(s.shape[2], dtype=s.dtype)
                    ).sum(2)
                ).mean(),
                "The expected places of the edges are compared; compare the whole distributions, by KL.",
            )
    often = {"average": 8, "soften": 12, "compare": 10, "spread": 4}
    yield from double_mistakes(localization, {part: parts[part][:most] for part, most in often.items()})
