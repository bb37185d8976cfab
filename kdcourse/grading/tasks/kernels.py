"""`relu_ntk`, `kernel_flow` and `linear_student`: what a net of infinite width does, and a linear one.

A. Jacot et al. (2018); M. Phuong & C. Lampert (2019).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.formulas.tangent import flow, relu_tangent, student
from kdcourse.grading.function_task import Case, FunctionTask, Pair, Run
from kdcourse.grading.mistakes.kernel_flow import flow_mistakes
from kdcourse.grading.mistakes.linear_student import student_mistakes
from kdcourse.grading.mistakes.tangent import tangent_mistakes
from kdcourse.grading.probe import Rejected


@dataclass(frozen=True)
class KernelTask(FunctionTask):
    """Values only. A task may say what an exception or a law that fails most often comes from."""

    learns: tuple[int, ...] = ()
    raised: dict[str, str] = field(default_factory=dict)  # by a part of the message
    about: dict[str, str] = field(default_factory=dict)  # by the beginning of a law
    look: Callable[[list[Pair]], str | None] = lambda pairs: None  # after the known mistakes

    def observe(self, function: Callable[..., object], case: Case, dtype: torch.dtype, shape: tuple) -> Run:
        try:
            return super().observe(function, case, dtype, shape)
        except Rejected as rejected:
            seen = rejected.feedback[0]
            why = next((text for part, text in self.raised.items() if part in seen), None)
            if why is None or not seen.startswith("Your function raises"):
                raise
            raise Rejected(seen, diagnosis=why) from None

    def recognise(self, pairs: list[Pair], gradients: bool) -> str | None:
        last = pairs[-1]
        if not np.isfinite(last.got.value[0]).all():
            return self.look(pairs)
        known = super().recognise(pairs, gradients)
        law = next((text for start, text in self.about.items() if last.case.law.startswith(start)), None)
        return known or self.look(pairs) or law


# --- relu_ntk ---


def ntk_case(law: str, N1: int, N2: int, D: int, depth: int, **options) -> Case:
    x1 = options.pop("x1", None)
    x2 = options.pop("x2", None)
    x1 = normal(1400 + 7 * N1 + 3 * N2 + D, N1, D) if x1 is None else x1
    x2 = normal(1500 + 5 * N1 + N2 + D, N2, D) if x2 is None else x2
    return Case((x1, x2, depth), {"N1": N1, "N2": N2, "D": D, "depth": depth}, law, rtol=2e-3, **options)


def ntk_cases() -> list[Case]:
    f64 = {"dtype": torch.float64}
    ones, zeros = normal(1410, 5, 4), normal(1411, 5, 4)
    zeros[[1, 4]] = 0.0
    many = normal(1412, 200, 7)
    axes = torch.eye(4, dtype=torch.float64) * torch.tensor([1.0, 2.0, 0.5, 3.0]).double()[:, None]
    rays = torch.tensor([[0.5], [2.0], [1.0]]).double() * normal(1413, 1, 6)
    return [
        ntk_case("", 4, 3, 5, 1),
        ntk_case("", 5, 6, 3, 2, **f64),
        ntk_case("", 3, 5, 8, 3),
        ntk_case("", 6, 4, 2, 5, **f64),
        ntk_case("With inputs at right angles", 4, 4, 4, 2, x1=axes, x2=axes, **f64),
        ntk_case("With opposite inputs, whose angle is pi", 3, 3, 6, 2, x1=rays, x2=-rays, **f64),
        ntk_case("With inputs that are multiples of each other", 3, 3, 6, 3, x1=rays, x2=2 * rays),
        ntk_case(ROUNDED, 200, 200, 7, 3, x1=many, x2=many),
        ntk_case(ROUNDED, 200, 200, 7, 2, x1=many, x2=many, **f64),
        ntk_case("With opposite inputs, where rounding takes some cosines beyond -1", 200, 200, 7, 2,
                 x1=many, x2=-many),
        ntk_case("With rows of zeros in `x1`", 5, 4, 4, 2, x1=zeros, x2=normal(1414, 4, 4)),
        ntk_case("With rows of zeros in `x2`", 5, 5, 4, 1, x1=ones, x2=zeros, **f64),
        ntk_case("With rows of zeros in both", 5, 5, 4, 3, x1=zeros, x2=zeros, **f64),
        ntk_case("With a single input against another", 1, 1, 5, 2),
        ntk_case("With inputs of one number", 4, 3, 1, 2, **f64),
        ntk_case("With as many inputs as numbers in each", 4, 4, 4, 2),
        ntk_case("With ten hidden layers", 4, 5, 6, 10, **f64),
        ntk_case("With inputs of size 0.05", 4, 5, 6, 2, x1=0.05 * normal(1415, 4, 6),
                 x2=0.05 * normal(1416, 5, 6), **f64),
        ntk_case("With inputs of size 100", 4, 5, 6, 2, x1=100 * normal(1415, 4, 6),
                 x2=100 * normal(1416, 5, 6)),
        ntk_case("When called a second time with the same inputs", 4, 3, 5, 1),
    ]  # fmt: skip


ROUNDED = "With inputs against themselves, where rounding takes some cosines beyond 1"
NO_ANGLE = (
    "A row of zeros has no angle: 0/0 is NaN. Divide by 1 where the product of the lengths is 0 "
    "(`torch.where`); the kernel is 0 there anyway."
)
BEYOND = (
    "Rounding takes the cosine of an input with itself beyond 1, where `arccos` and the root of 1 - c² are "
    "NaN: `clamp(-1, 1)` first."
)


def why_not_finite(pairs: list[Pair]) -> str | None:
    got, (x1, x2, _) = pairs[-1].got.value[0], pairs[-1].case.args
    if np.isfinite(got).all():
        return None
    empty = ((x1 == 0).all(1)[:, None] | (x2 == 0).all(1)).numpy()
    return NO_ANGLE if bool((~np.isfinite(got) & empty).any()) else BEYOND


def ntk_shapes(args: tuple) -> dict[tuple, str]:
    N1, N2, D = len(args[0]), len(args[1]), args[0].shape[1]
    return {
        (D, D): "The inner products run over the inputs; they must run over the D numbers: `x1 @ x2.T`.",
        (N1,): "This is one number for each row; every row of `x1` meets every row of `x2`.",
        (N1, N1): "`x1` is used twice: the columns belong to `x2`.",
        (N2, N2): "`x2` is used twice: the rows belong to `x1`.",
        (N2, N1): "It is transposed: the rows belong to `x1`, the columns to `x2`.",
        (): "One number for everything; each pair of inputs has its own.",
    }


# --- kernel_flow ---


def gram(seed: int, n: int, rank: int, size: float = 1.0) -> Tensor:
    """A kernel with eigenvalues between about 0.3 and 4, in n - rank directions 0."""
    q = torch.linalg.qr(normal(seed, n, n))[0][:, :rank]
    return size * (q * torch.linspace(0.3, 4.0, rank).double()) @ q.T


def flow_case(law: str, n: int, time: float, kernel: Tensor | None = None, **options) -> Case:
    kernel = gram(1600 + n, n, n) if kernel is None else kernel
    start = options.pop("start", None)
    targets = options.pop("targets", None)
    start = normal(1610 + n, n) if start is None else start
    targets = 1 + 2 * normal(1620 + n, n) if targets is None else targets
    dtype = options.get("dtype", torch.float32)
    options.setdefault("rtol", 1e-5 if dtype == torch.float64 else 5e-4)
    return Case((kernel, start, targets, time), {"n": n, "t": time}, law, **options)


def flow_cases() -> list[Case]:
    f64 = {"dtype": torch.float64}
    features = normal(1630, 6, 3)
    twice = features[[0, 1, 2, 0, 1, 5]]
    zero = gram(1631, 5, 5)
    zero[2], zero[:, 2] = 0.0, 0.0
    apart = torch.diag(torch.tensor([0.0, 0.5, 1.0, 3.0]).double())
    stiff = gram(1632, 5, 5) + 60 * torch.ones(5, 5, dtype=torch.float64)
    return [
        flow_case("", 4, 0.7, **f64),
        flow_case("", 6, 1.5, **f64),
        flow_case("", 5, 0.3),
        flow_case("", 3, 2.5),
        flow_case("At time 0, where nothing has moved", 5, 0.0),
        flow_case("At a time that is a whole number", 5, 2),
        flow_case("After a long time, with a kernel of full rank: at the targets", 4, 60.0, **f64),
        flow_case("From the targets themselves, where nothing moves", 4, 1.3, start=normal(1641, 4),
                  targets=normal(1641, 4), **f64),
        flow_case(f"{SINGULAR}, of repeated inputs", 6, 0.8, twice @ twice.T, **f64),
        flow_case(f"{SINGULAR}, of fewer features than inputs", 6, 0.5, features @ features.T),
        flow_case(f"{SINGULAR}, with a row of zeros", 5, 0.9, zero, **f64),
        flow_case(f"{SINGULAR}, after a long time", 6, 40.0, gram(1633, 6, 4), **f64),
        flow_case("With a kernel of zeros, where nothing moves", 4, 3.0, torch.zeros(4, 4).double(), **f64),
        flow_case("With a diagonal kernel, where each output goes its own way", 4, 0.6, apart, **f64),
        flow_case("With the identity", 3, 1.1, torch.eye(3).double(), **f64),
        flow_case("With a kernel whose eigenvalues lie far apart", 5, 1.2, stiff, **f64),
        flow_case("With a single input", 1, 0.8, torch.tensor([[1.3]]).double()),
        flow_case("With forty inputs", 40, 0.6, **f64),
        flow_case("When called a second time with the same inputs", 4, 0.7, **f64),
    ]  # fmt: skip


SINGULAR = "With a singular kernel"
NULL = (
    "A singular kernel has no inverse, and rounding may hide that; none is needed. What lies in its null "
    "space stays where it started: e^0 = 1."
)
NEAR = (
    "It is near, but not exact (a step method, a series or an epsilon?). Five digits are asked for, with "
    "float64: `torch.linalg.matrix_exp`, or `eigh` and the exponentials of the eigenvalues."
)
STEPS = f"{NEAR} A step method explodes where λ times its step is large, a series where λt is."


def near(pairs: list[Pair]) -> str | None:
    """Within a tenth in all cases, and an exact solution in none but the easy ones."""
    for pair in pairs:
        got, want = pair.got.value[0], pair.want.value[0]
        if not np.isfinite(got).all() or np.abs(got - want).max() > 0.1 * np.abs(want).max():
            return None
    return NEAR


def flow_shapes(args: tuple) -> dict[tuple, str]:
    n = len(args[1])
    return {
        (n, n): "This is a matrix; e^{-Ht} acts on the vector (u(0) - y) by `@`, not element by element.",
        (n, 1): "Expected is one axis: a vector in, a vector out.",
        (): "One number for everything; each input has its own.",
    }


# --- linear_student ---


def student_case(law: str, n: int, D: int, inputs: Tensor | None = None, **options) -> Case:
    weights = normal(1700 + 3 * n + D, D)
    inputs = normal(1710 + 5 * n + D, n, D) if inputs is None else inputs
    dtype = options.get("dtype", torch.float32)
    options.setdefault("rtol", 1e-5 if dtype == torch.float64 else 1e-3)
    return Case((weights, inputs), {"n": n, "D": D}, law, **options)


def student_cases() -> list[Case]:
    f64 = {"dtype": torch.float64}
    three = normal(1720, 3, 6)
    zeros = normal(1721, 5, 7)
    zeros[[0, 3]] = 0.0
    square = normal(1722, 5, 2) @ normal(1723, 2, 5)
    narrow = normal(1724, 4, 6) * torch.tensor([1.0, 1.0, 1.0, 1e-3, 1.0, 1.0]).double()
    narrow[2] = narrow[1] + 1e-3 * normal(1725, 6)
    return [
        student_case("", 3, 6, **f64),
        student_case("", 5, 9, **f64),
        student_case("", 2, 5),
        student_case("", 4, 7),
        student_case("With as many inputs as dimensions: it is the teacher", 5, 5, **f64),
        student_case("With more inputs than dimensions: it is the teacher", 9, 4),
        student_case(f"{AGAIN} once", 6, 6, three[[0, 1, 2, 0, 1, 2]], **f64),
        student_case(f"{AGAIN} at other lengths", 6, 6, torch.cat([three, 2 * three]), **f64),
        student_case(f"{AGAIN} four times", 12, 6, three.repeat(4, 1)),
        student_case("With inputs that are sums of others, n = D", 5, 5, square, **f64),
        student_case("With inputs that are sums of others", 8, 6, normal(1726, 8, 3) @ three, **f64),
        student_case("With zeros among the inputs", 5, 7, zeros, **f64),
        student_case("With nothing but zeros", 3, 4, torch.zeros(3, 4).double(), **f64),
        student_case("With a single input", 1, 6, **f64),
        student_case("With a single input of zeros", 1, 4, torch.zeros(1, 4).double()),
        student_case("In one dimension", 3, 1, **f64),
        student_case("With two inputs that differ by 0.001", 4, 6, narrow, **f64),
        student_case("With inputs of size 0.001", 3, 6, 1e-3 * normal(1727, 3, 6), **f64),
        student_case("With inputs of size 1000", 3, 6, 1e3 * normal(1728, 3, 6)),
        student_case("When called a second time with the same inputs", 3, 6, **f64),
    ]  # fmt: skip


AGAIN = "With inputs that repeat"
FEWER = (
    "Where inputs repeat, or are sums of others, they span fewer directions than there are inputs: XXᵀ "
    "has no "
    "inverse, and QR or SVD also return directions of spread 0, which do not count. `torch.linalg.pinv` "
    "leaves them out (the older `pinverse` does not in float32)."
)
ZERO = "A zero input spans nothing: XXᵀ has no inverse, and dividing by its length gives NaN."
SPREAD = (
    "A direction counts as soon as the inputs spread along it, if only a little: what is too small must be "
    "judged against the largest spread, as `torch.linalg.pinv` does. And descent needs very many steps there."
)


def spans_nothing(pairs: list[Pair]) -> str | None:
    got, (_, inputs) = pairs[-1].got.value[0], pairs[-1].case.args
    if np.isfinite(got).all():
        return None
    return ZERO if bool((inputs == 0).all(1).any()) else FEWER


def student_shapes(args: tuple) -> dict[tuple, str]:
    n, D = args[1].shape
    return {
        (D, D): "This is the projection itself; apply it to the teacher's weights.",
        (n,): "These are answers to the inputs (n,); the student's weights (D,) are wanted.",
        (n, D): "These are the single inputs' parts; the student's weights are one vector (D,).",
        (D, 1): "Expected is one axis: a vector in, a vector out.",
        (1, D): "Expected is one axis: a vector in, a vector out.",
        (): "One number; the student's weights (D,) are wanted.",
    }


SMALL = {"singular": NULL, "inver": NULL, "positive-definite": NULL}
TASKS = {
    "relu_ntk": KernelTask(
        ("x1", "x2", "depth"), "(N1, N2)", relu_tangent, ntk_cases, tangent_mistakes,
        shapes=ntk_shapes, look=why_not_finite, not_finite=BEYOND,
        misfit="Two shapes do not fit. Inner products are `x1 @ x2.T`, (N1, N2), and so is "
        "`x1.norm(dim=1)[:, None] * x2.norm(dim=1)`.",
        about={ROUNDED: BEYOND, "With rows of zeros": NO_ANGLE},
    ),
    "kernel_flow": KernelTask(
        ("kernel", "start", "targets", "time"), "(n,)", flow, flow_cases, flow_mistakes,
        shapes=flow_shapes, look=near, raised=SMALL,
        about={SINGULAR: NULL, "With a kernel of zeros": NULL, "After a long time": STEPS,
               "With a kernel whose eigenvalues": STEPS},
        not_finite="An inverse, or a division by an eigenvalue that is 0, is on the way. " + NULL,
        misfit="Two shapes do not fit. `kernel @ v` and `V.T @ v` are (n,) for a vector v: (n,).",
    ),
    "linear_student": KernelTask(
        ("teacher_weights", "inputs"), "(D,)", student, student_cases, student_mistakes,
        shapes=student_shapes, look=spans_nothing, not_finite=FEWER,
        raised={"singular": FEWER, "inver": FEWER, "positive-definite": FEWER, "full rank": FEWER},
        about={AGAIN: FEWER, "With inputs that are sums": FEWER, "With more inputs": FEWER,
               "With zeros": ZERO, "With nothing": ZERO, "With a single input of zeros": ZERO,
               "With two inputs that differ": SPREAD,
               "With inputs of size 0.001": SPREAD},
        misfit="Two shapes do not fit. `inputs @ teacher_weights` is (n,), the teacher's answers; "
        "`inputs.T @ a` brings a: (n,) back to (D,).",
    ),
}  # fmt: skip
