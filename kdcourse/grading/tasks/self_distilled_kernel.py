"""`self_distilled_predictions`, `degrees_of_freedom`: what rounds of self-distillation leave of the targets.

H. Mobahi, M. Farajtabar & P. Bartlett (2020).
"""

import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case, FunctionTask
from kdcourse.grading.mistakes.self_distilled_kernel import (
    freedom,
    freedom_mistakes,
    prediction_mistakes,
    self_distilled,
)

F64 = {"dtype": torch.float64}


def gram_of(seed: int, n: int, *, rank: int | None = None, decay: float = 0.6, size: float = 3.0) -> Tensor:
    """Symmetric, with eigenvalues that fall from `size` by a factor; those beyond `rank` are 0."""
    directions, _ = torch.linalg.qr(normal(1800 + seed, n, n))
    d = size * decay ** torch.arange(n, dtype=torch.float64)
    d[n if rank is None else rank :] = 0.0
    g = directions @ torch.diag(d) @ directions.T
    return (g + g.T) / 2


def fixed() -> dict[str, Tensor]:
    eye = torch.eye(6, dtype=torch.float64)
    ones = torch.ones(5, 5, dtype=torch.float64)
    repeated = gram_of(7, 4)[[0, 1, 2, 3, 0, 1]][:, [0, 1, 2, 3, 0, 1]]
    points = torch.linspace(0, 1, 12, dtype=torch.float64)
    smooth = torch.exp(-((points[:, None] - points[None]) ** 2) / 0.1)
    return {"eye": eye, "ones": ones, "repeated": repeated, "smooth": smooth}


def kernel_cases(with_targets: bool) -> list[Case]:
    def case(law: str, g: Tensor, c: float, rounds: int, y: Tensor | None = None, **options) -> Case:
        n = len(g)
        y = 1.5 * normal(1850 + n, n) if y is None else y
        args = (g, y, c, rounds) if with_targets else (g, c, rounds)
        return Case(args, {"n": n, "c": c, "rounds": rounds}, law, rtol=5e-4, **options)

    f, singular = fixed(), "With a gram of lower rank, which has no inverse"
    return [
        case("", gram_of(1, 7), 0.8, 4),
        case("", gram_of(2, 5, size=5.0), 1.7, 3, **F64),
        case("", gram_of(3, 9, decay=0.7), 0.3, 6, **F64),
        case("", gram_of(4, 6, size=1.2), 2.5, 2),
        case(singular, gram_of(5, 8, rank=3), 0.7, 5, **F64),
        case(singular, gram_of(6, 6, rank=2), 0.4, 3),
        case(f"{singular}, of repeated inputs", f["repeated"], 0.5, 3, **F64),
        case("With a gram of ones (all inputs alike)", f["ones"], 0.5, 3),
        case("With a gram of zeros, where nothing can be fitted", 0 * f["ones"], 0.5, 3, **F64),
        case("With the identity as the gram", f["eye"], 0.5, 4),
        case("With a diagonal gram", torch.diag(torch.tensor([3.0, 1.0, 0.5, 0.0])).double(), 1.0, 3),
        case("With a single round", gram_of(8, 6), 0.6, 1, **F64),
        case("With as many rounds as inputs", gram_of(9, 5), 0.6, 5),
        case("With more rounds than inputs", gram_of(10, 3), 0.5, 9, **F64),
        case("With 60 rounds", gram_of(11, 6, size=8.0, decay=0.8), 0.1, 60, **F64),
        case("With a single input", gram_of(12, 1), 0.6, 4),
        case("With a single input and a single round", gram_of(13, 1), 0.6, 1, **F64),
        case("With two inputs", gram_of(14, 2), 1.0, 3),
        case("With a penalty of 1", gram_of(15, 6), 1.0, 3, **F64),
        case("With a whole number for the penalty", gram_of(16, 6), 2, 3),
        case("With a large penalty", gram_of(17, 6), 500.0, 2, **F64),
        case("With a small penalty", gram_of(18, 5, size=4.0), 1e-3, 4, **F64),
        case("With the gram of a smooth kernel", f["smooth"], 0.02, 8, **F64),
        case("With a gram of 100 inputs", gram_of(19, 100, decay=0.9), 0.5, 5, **F64),
        *(
            case(law, gram_of(20, 6), 0.5, 3, value * torch.ones(6).double())
            for law, value in (("With targets of 0", 0.0), ("With constant targets", 1.0))
            if with_targets
        ),
        case("When called a second time with the same inputs", gram_of(1, 7), 0.8, 4),
    ]  # fmt: skip


def prediction_shapes(args: tuple) -> dict[tuple, str]:
    n, rounds = len(args[1]), args[3]
    row = "A row for each round is wanted: y_1 first, y_rounds last."
    return {
        (n,): f"These are the answers of one round. {row}",
        (rounds + 1, n): f"There is a row too many: y_0, the targets, is none of the rounds. {row}",
        (rounds - 1, n): f"There is a row too few. {row}",
        (n, rounds): "It is transposed: (rounds, n), a row for each round (`torch.stack(rows)`, dim 0).",
        (
            rounds,
            n,
            1,
        ): "The targets became a column, (n, 1): `squeeze(-1)` at the end, or none at the start.",
        (rounds * n,): "The rounds are put one behind the other (`torch.cat`): `torch.stack` them.",
        (n, n): f"This is the map from the targets to the answers; apply it. {row}",
        (rounds, n, n): "These are the maps of the rounds; apply them to the targets.",
        (): f"This is one number. {row}",
    }


def freedom_shapes(args: tuple) -> dict[tuple, str]:
    n, rounds = len(args[0]), args[2]
    return {
        (): "This is one number; one for each round is wanted.",
        (1,): "This is one number; one for each round is wanted.",
        (n,): "These are the factors of the eigenvalues; add them up, in each round.",
        (rounds, n): "These are the factors of the eigenvalues, round by round; add each row up.",
        (n, rounds): "These are the factors of the eigenvalues, round by round; add each column up.",
        (rounds + 1,): "There is an entry too many: t = 0, before the first round, is none of them.",
        (rounds - 1,): "There is an entry too few: t goes from 1 to rounds, `range(1, rounds + 1)`.",
        (rounds, 1): "An axis too many: (rounds,) is wanted.",
        (1, rounds): "An axis too many: (rounds,) is wanted.",
        (n, n): "This is a matrix; the sum of its diagonal is wanted, for each round.",
        (rounds, n, n): "These are matrices; the sum of each one's diagonal is wanted.",
    }


SINGULAR = (
    "G itself need not have an inverse: two equal inputs are enough. c I + G always has one, as c > 0; so do "
    "not invert G on the way, and do not divide by its eigenvalues."
)
MISFIT = "Two shapes do not fit. G is (n, n), y is (n,); I is `torch.eye(n)`."
NOT_FINITE = f"Something is divided by 0. {SINGULAR}"


REASONS = (
    (r"positive-definite", "A Cholesky factor exists of c I + G, not of G alone, as eigenvalues may be 0."),
    (r"singular|which has no inverse", SINGULAR),
    (r"complex", "G is symmetric: `torch.linalg.eigvalsh` and `eigh` keep its eigenvalues real."),
    (
        r"return_types.linalg_eig",
        "`eigh` returns two tensors, eigenvalues and eigenvectors; `torch.linalg.eigvalsh` the first only.",
    ),
    (
        r"A must be batches|at least 2 dimensions|Incompatible shapes|dimensions of B",
        "`torch.linalg.solve(A, b)` takes A (n, n) and b (n,) or (n, 1).",
    ),
    (r"returns a list", "`torch.stack` makes one tensor of a list of tensors."),
)


TASKS = {
    "self_distilled_predictions": FunctionTask(
        ("gram", "targets", "penalty", "rounds"), "a row of answers for each round", self_distilled,
        lambda: kernel_cases(True), prediction_mistakes, learns=(), shapes=prediction_shapes,
        misfit=MISFIT, not_finite=NOT_FINITE,
        reasons=REASONS,
    ),
    "degrees_of_freedom": FunctionTask(
        ("gram", "penalty", "rounds"), "one number for each round", freedom,
        lambda: kernel_cases(False), freedom_mistakes, learns=(), shapes=freedom_shapes,
        misfit=MISFIT, not_finite=NOT_FINITE,
        reasons=REASONS,
    ),
}  # fmt: skip
