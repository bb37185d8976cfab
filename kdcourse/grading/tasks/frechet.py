"""`frechet_distance`: M. Heusel et al. (2017), equation 6, with unbiased covariances."""

from collections.abc import Callable
from numbers import Number

import numpy as np
import torch
from torch import Tensor

from kdcourse.grading.formulas.generative import frechet, unbiased
from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case, FunctionTask, Run
from kdcourse.grading.mistakes.generative import frechet_mistakes
from kdcourse.grading.probe import Rejected


def sample(seed: int, N: int, D: int, scale: float = 1.0) -> Tensor:
    """Rows with a mean and correlated features, none of them without variance."""
    mixing = torch.eye(D, dtype=torch.float64) + 0.6 * normal(seed + 1, D, D)
    return scale * (normal(seed, N, D) @ mixing + normal(seed + 2, 1, D))


def sets(law: str, N: int, M: int, D: int, scale: float = 1.0, **options) -> Case:
    x = options.pop("x", sample(3000 + 5 * N + D, N, D, scale))
    y = options.pop("y", sample(3500 + 7 * M + D, M, D, scale))
    # What is left of the traces is their difference, whose rounding goes with their size.
    traces = float(unbiased(x).trace() + unbiased(y).trace())
    double = options.get("dtype") is torch.float64
    return Case(
        (x, y), {"N": N, "M": M, "D": D}, law, atol=(1e-6 if double else 3e-4) * traces, rtol=1e-3, **options
    )


def frechet_cases() -> list[Case]:
    f64 = {"dtype": torch.float64}
    x, y = sample(41, 30, 4), sample(47, 22, 4)
    turn = torch.linalg.qr(normal(51, 4, 4)).Q
    far = 1e3 * normal(52, 1, 4)
    return [
        sets("", 30, 21, 4),
        sets("", 25, 40, 6, **f64),
        sets("", 40, 17, 3, scale=5.0),
        sets("", 13, 29, 5, **f64),
        sets("With the arguments exchanged", 22, 30, 4, x=y, y=x, **f64),
        sets("Of two equal sets it is 0", 30, 30, 4, x=x, y=x.clone(), **f64),
        sets("The order of the rows does not matter", 30, 22, 4, x=x.flip(0), y=y.roll(5, 0), **f64),
        sets("A set and itself moved by v are |v|² apart", 30, 30, 4, x=x, y=x + normal(53, 1, 4), **f64),
        sets("Moving both sets changes nothing", 30, 22, 4, x=x + far, y=y + far, **f64),
        sets("Turning both sets changes nothing", 30, 22, 4, x=x @ turn, y=y @ turn, **f64),
        sets("With one set three times as wide", 30, 30, 4, x=x, y=3 * x, **f64),
        sets("With features without correlation", 60, 60, 3, x=of_covariance(1.0, 4.0, 9.0),
             y=of_covariance(4.0, 1.0, 0.25), **f64),
        sets("With a single feature", 12, 19, 1, **f64),
        sets("With a single feature in float32", 19, 12, 1),
        sets("With as many rows in both sets", 26, 26, 5, **f64),
        sets("With features of size 1e3", 24, 31, 4, scale=1e3, **f64),
        sets("With features of size 1e-3", 24, 31, 4, scale=1e-3, **f64),
        sets("With sixteen features", 90, 70, 16, **f64),
        sets("When called a second time with the same inputs", 30, 21, 4),
    ]  # fmt: skip


def of_covariance(*variances: float) -> Tensor:
    """(60, D): rows whose unbiased covariance is diagonal, and whose mean is uneven."""
    rows = torch.linalg.qr(normal(61, 60, len(variances)) - normal(61, 60, len(variances)).mean(0)).Q
    width = (59 * torch.tensor(variances, dtype=torch.float64)).sqrt()
    return rows * width + torch.arange(len(variances))


def open_sets() -> list[Case]:
    few = normal(71, 3, 5)
    return [
        sets("With fewer rows than features, where covariances are singular", 3, 30, 5, x=few,
             y=sample(73, 30, 5), dtype=torch.float64),
        sets("With rows that are all the same", 8, 30, 5, x=few[:1].repeat(8, 1), y=sample(73, 30, 5),
             dtype=torch.float64),
    ]  # fmt: skip


def frechet_shapes(args: tuple) -> dict[tuple, str]:
    D = args[0].shape[1]
    return {
        (D, D): "This is a matrix: its trace is the sum of its diagonal (`torch.trace`).",
        (D,): "This is one number for each feature; the distance is one number for the two sets.",
    }


class DistanceTask(FunctionTask):
    """No gradient is asked for, so numbers and arrays are as good as tensors."""

    def observe(self, function: Callable[..., object], case: Case, dtype: torch.dtype, shape: tuple) -> Run:
        def as_tensor(*args: Tensor) -> object:
            result = function(*args)
            if isinstance(result, bool | np.bool_):
                raise Rejected("Your function returns True or False; expected is a number, the distance.")
            if isinstance(result, Number | np.ndarray | np.generic):
                result = torch.as_tensor(np.asarray(result))
            if isinstance(result, Tensor) and result.is_complex():
                raise Rejected(
                    "Your function returns a complex number.",
                    diagnosis="Roots of matrices and eigenvalues come as complex numbers, though the "
                    "imaginary parts are rounding errors here: go on with `.real`.",
                )
            if isinstance(result, Tensor):
                return (
                    result.detach().to(torch.float64) if not result.is_floating_point() else result.detach()
                )
            return result

        return super().observe(as_tensor, case, dtype, shape)

    def __call__(self, answer: object) -> list[str]:
        feedback = super().__call__(answer)
        return [
            line.replace("The values agree with ours", "The distance agrees with ours") for line in feedback
        ]


TASKS = {
    "frechet_distance": DistanceTask(
        ("features", "other"), "one number, the distance", frechet, frechet_cases, frechet_mistakes,
        learns=(), shapes=frechet_shapes, open_cases=open_sets,
        misfit="Two shapes do not fit. The sets have different numbers of rows: only means (D,) and "
        "covariances (D, D) can be compared. "
        "Does the mean run over the rows, and does `cov` get `features.T`?",
        not_finite="A root of a negative number? Rounding makes eigenvalues of 0 slightly negative: "
        "`clamp(min=0)` before the root. And a singular matrix has no inverse and no Cholesky factor.",
    ),
}  # fmt: skip
