"""Which risk is the better estimate, how far two nets are apart, and a bound through distillation.

A. K. Menon et al. (2021) and D. Hsu et al. (2021); the bound is that of `kdcourse.theory.distillation_bound`.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from kdcourse.grading.formulas.bounds import bound, crossover, variation
from kdcourse.grading.formulas.responses import labels_for, normal
from kdcourse.grading.function_task import Case, FunctionTask
from kdcourse.grading.mistakes.bounds import bound_mistakes
from kdcourse.grading.mistakes.crossover import size_mistakes
from kdcourse.grading.mistakes.total_variation import variation_mistakes
from kdcourse.grading.probe import Rejected, call, prepare, real_number

# --- crossover_size ---

SIZES = ("one_hot_variance", "teacher_variance", "bias")


class Pair(NamedTuple):
    one_hot: float
    teacher: float
    bias: float
    law: str = ""

    @property
    def args(self) -> tuple:
        return self[:3]

    def where(self) -> str:
        return ", ".join(f"{name} = {value:g}" for name, value in zip(SIZES, self.args, strict=True))

    def errors(self, size: float) -> str:
        return f"{self.one_hot / size:.4g} and {self.teacher / size + self.bias**2:.4g}"


def pairs() -> list[Pair]:
    lower = "Where one label has no larger variance than the teacher's answer"
    never = "With a teacher without bias"
    return [
        Pair(2.0, 0.5, 0.1),
        Pair(0.7, 0.1, 0.3),
        Pair(5.0, 3.2, 0.03),
        Pair(1.3, 0.2, 0.7),
        Pair(3.0, 1.0, 0.25),
        Pair(0.9, 0.2, -0.05, "With a negative bias"),
        Pair(0.4, 0.3, 0.8, "Where the sizes cross below one example"),
        Pair(0.5, 1.5, 0.2, lower),
        Pair(0.5, 1.5, 0.0, f"{lower}, and there is no bias"),
        Pair(0.8, 0.8, 0.3, f"{lower}, but the same"),
        Pair(0.8, 0.8, 0.0, f"{lower}, but the same, and there is no bias"),
        Pair(0.0, 0.0, 0.4, "Where neither varies"),
        Pair(0.0, 0.7, -0.4, f"{lower}, and none at all"),
        Pair(1.2, 0.3, 0.0, never),
        Pair(1.2, 0.0, 0.0, f"{never}, and without variance"),
        Pair(1.2, 0.0, 0.2, "With a teacher that always says the same"),
        Pair(1.2, 0.3, 2e-5, "With a bias that is small, but there"),
        Pair(1.2, 0.3, -2e-5, "With a bias that is small, but there, and negative"),
        Pair(3, 1, 1, "With whole numbers"),
        Pair(4e-6, 1e-6, 1e-3, "With losses of size 0.001"),
        Pair(4e6, 1e6, 30.0, "With losses of size 1,000"),
        Pair(2.0, 0.5, 0.1, "When called a second time with the same numbers"),
    ]


def agree(got: float, want: float) -> bool:
    if not (math.isfinite(want) and math.isfinite(got)):
        return got == want
    return abs(got - want) <= 1e-4 * abs(want)


def crossover_size(answer: object) -> list[str]:
    function, seen = prepare(answer, SIZES), []
    tried = pairs()

    def meet(pair: Pair) -> None:
        prefix = f"{pair.law}: " if pair.law else ""
        try:
            got = real_number(call(function, SIZES, pair.args), several="One size is wanted, a number.")
        except Rejected as rejected:
            why = rejected.diagnosis
            if "ZeroDivision" in rejected.feedback[0] or "returns None" in rejected.feedback[0]:
                why = (
                    "A bias of 0 is a case of its own, and V₁ ≤ Vₜ another: look at them first. With V₁ ≤ Vₜ "
                    "return 0.0; else, without bias, `math.inf`."
                )
            elif pair.law and "Your function raises" in rejected.feedback[0]:
                why = "The ends of the range have answers, 0.0 and `math.inf`; raise nothing."
            raise Rejected(prefix + rejected.feedback[0], diagnosis=why) from None
        seen.append((pair, got))

    def judge(pair: Pair, got: float) -> None:
        want = crossover(*pair.args)
        if agree(got, want):
            return
        prefix = f"{pair.law}: " if pair.law else ""
        if math.isnan(got):
            said = "yours is NaN"
        elif got < 0:
            said = f"yours is {got:g}; a size is not negative"
        else:
            finite = [size for size in (got, want) if math.isfinite(size)]
            between = sum(finite) / 2 if len(finite) == 2 else 2 * finite[0] + 1.0
            if got > want:
                between = between if between > 0 else 1.0
                better = "one-hot risk, which has the smaller one there already"
            else:
                better = "teacher's risk, which still has the smaller one"
            said = (
                f"yours is {got:g}, but with {between:g} examples the mean squared errors are "
                f"{pair.errors(between)}, in favour of the {better}"
            )
        raise Rejected(f"{prefix}{said} (with {pair.where()}).", diagnosis=recognise_size(seen))

    for pair in (pair for pair in tried if not pair.law):
        meet(pair)
    for pair, got in list(seen):
        judge(pair, got)
    for pair in (pair for pair in tried if pair.law):
        meet(pair)
        judge(*seen[-1])
    return [f"The size agrees with ours on {len(tried)} triples, at some of which the errors never cross."]


def recognise_size(seen: list[tuple[Pair, float]]) -> str | None:
    def same(function: Callable[..., float], pair: Pair, got: float) -> bool:
        want = function(*pair.args)
        return agree(got, want) or (math.isnan(got) and math.isnan(want))

    for function, sentence in size_mistakes():
        if all(same(function, pair, got) for pair, got in reversed(seen)):
            return sentence
    return None


# --- total_variation ---


def variation_case(law: str, m: int, k: int, gamma: float, f=None, g=None, **options) -> Case:
    seed = 1500 + 11 * m + k
    f = 2 * normal(seed, m, k) if f is None else f
    g = 2 * normal(seed + 1, m, k) if g is None else g
    return Case((f, g, gamma), {"m": m, "k": k, "gamma": gamma}, law, **options)


def variation_cases() -> list[Case]:
    f64 = {"dtype": torch.float64}
    z = 2 * normal(1580, 6, 4)
    shift = normal(1581, 6, 1)
    f_first = torch.tensor([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]]).double()
    f_second = torch.tensor([[1.0, 0.0, -1.0], [-9.0, 0.0, 0.0]]).double()
    return [
        variation_case("", 7, 5, 0.6),
        variation_case("", 4, 3, 2.5, **f64),
        variation_case("", 9, 11, 1.7),
        variation_case("", 5, 6, 0.3, **f64),
        variation_case("With gamma = 1", 6, 3, 1.0),
        variation_case("Where the nets agree, 0", 6, 4, 0.7, f=z, g=z.clone()),
        variation_case("Where one net's logits are the other's and a constant for each input, 0",
                       6, 4, 0.7, f=z, g=z + shift, **f64, atol=1e-5),
        variation_case("Where the nets are sure of two classes, 1", 3, 4, 0.5,
                       f=40 * torch.eye(4)[[0, 1, 2]].double(), g=40 * torch.eye(4)[[3, 2, 0]].double()),
        variation_case("With the nets exchanged", 6, 4, 0.7, f=z.flip(1), g=z, **f64),
        variation_case("With two classes", 8, 2, 0.9),
        variation_case("With a single class, 0", 4, 1, 0.9, **f64),
        variation_case("With a single input", 1, 5, 1.4),
        variation_case("With as many inputs as classes", 4, 4, 0.8),
        variation_case("With 300 classes", 3, 300, 0.8, **f64),
        variation_case("With 700 inputs", 700, 3, 1.3),
        variation_case("With a gamma of 0.01, and logits of size 100", 6, 5, 0.01,
                       f=100 * normal(1582, 6, 5), g=100 * normal(1583, 6, 5)),
        variation_case("With logits of size 1,000", 6, 5, 1.0,
                       f=1e3 + normal(1584, 6, 5), g=-1e3 + normal(1585, 6, 5), **f64),
        variation_case("With a gamma of 50", 6, 5, 50.0, atol=1e-5, **f64),
        variation_case("With one uniform net", 2, 3, 1.0, f=f_first, g=f_second),
        variation_case("With a gamma that is a whole number", 5, 4, 2),
        variation_case("When called a second time with the same inputs", 7, 5, 0.6),
    ]  # fmt: skip


def variation_shapes(args: tuple) -> dict[tuple, str]:
    m, k = args[0].shape
    mean = (
        "Nothing is averaged over the inputs: each has a distance of its own, and the bound takes the mean."
    )
    return {
        (): mean,
        (1,): mean,
        (m, k): "The classes are not summed yet: ½ Σ_c |p_c − q_c|.",
        (k,): "This is one number for each class: the sum runs over the classes, `dim=1`.",
        (m, 1): "Sum over the classes without `keepdim`.",
        (
            m,
            m,
        ): "Every input of one net meets every input of the other (`cdist`, `@`); only the same ones do.",
    }


# --- distillation_bound ---

NAMES = (
    "student_logits", "labels", "student_pool_logits", "net_pool_logits", "complexity", "gamma", "delta",
)  # fmt: skip


def bound_case(
    law: str, n: int, m: int, k: int, complexity: float = 0.07, gamma: float = 0.6, delta: float = 0.05,
    skill: float = 1.5,
    **options,
) -> Case:  # fmt: skip
    seed = 1600 + 3 * n + 5 * m + k
    labels = options.pop("labels", labels_for(n, k))
    # A student that is right more often than not, so that no term hides another.
    eye = torch.eye(k, dtype=torch.float64)
    student = options.pop("student", None)
    if student is None:
        student = 1.3 * normal(seed, n, k) + skill * eye[labels]
    g_pool = options.pop("g_pool", None)
    g_pool = 1.5 * normal(seed + 1, m, k) if g_pool is None else g_pool
    f_pool = options.pop("f_pool", None)
    f_pool = g_pool + 0.8 * normal(seed + 2, m, k) if f_pool is None else f_pool
    sizes = {"n": n, "m": m, "k": k, "complexity": complexity, "gamma": gamma, "delta": delta}
    args = (student, labels, g_pool, f_pool, complexity, gamma, delta)
    return Case(args, sizes, law, **options)


def bound_cases() -> list[Case]:
    f64 = {"dtype": torch.float64}
    eye = torch.eye(4, dtype=torch.float64)
    labels = labels_for(30, 4)
    z = 1.5 * normal(1690, 20, 4)
    sure = {"student": 60 * eye[labels], "labels": labels, "g_pool": z, "f_pool": z.clone()}
    return [
        # The smallest one last: there each known mistake is looked for first.
        bound_case("", 2500, 1800, 6, 0.004, 2.2, 0.1, skill=14.0),
        bound_case("", 700, 150, 3, 0.02, 1.7, 0.01, **f64),
        bound_case("", 90, 900, 4, 0.15, 0.35, 0.2),
        bound_case("", 40, 25, 5, **f64),
        bound_case("With gamma = 1", 60, 35, 4, gamma=1.0),
        bound_case("With a student that is sure and right, and a net that agrees", 30, 20, 4, 0.0, **sure),
        bound_case("With a student that is sure and wrong", 30, 20, 4, **sure | {"labels": (labels + 1) % 4}),
        bound_case("Where the net agrees with the student on the pool", 30, 20, 4, g_pool=z, f_pool=z, **f64),
        bound_case("Where the net and the student are sure of two classes", 30, 4, 4, gamma=0.2,
                   g_pool=30 * eye, f_pool=30 * eye.roll(1, 1)),
        bound_case("With a complexity of 0", 50, 45, 3, 0.0, **f64),
        bound_case("With a complexity above 1, so that the bound says nothing", 50, 45, 3, 1.7),
        bound_case("With a complexity of 1", 55, 45, 3, 1.0, **f64),
        bound_case("With delta = 0.9", 50, 45, 3, delta=0.9),
        bound_case("With delta = 0.000001", 50, 45, 3, delta=1e-6, **f64),
        bound_case("With a single labelled example", 1, 45, 3),
        bound_case("With a single input in the pool", 50, 1, 3, **f64),
        bound_case("With one of each", 1, 1, 4),
        bound_case("With as many labelled examples as inputs in the pool", 33, 33, 4),
        bound_case("With two classes", 45, 28, 2),
        bound_case("Where one class has no example", 45, 28, 4, labels=labels_for(45, 3)),
        bound_case("Where all examples are of one class", 45, 28, 4, labels=torch.full((45,), 2), **f64),
        bound_case("With a gamma of 0.01, and logits of size 50", 45, 28, 4, gamma=0.01,
                   student=50 * normal(1691, 45, 4), g_pool=50 * normal(1692, 28, 4),
                   f_pool=50 * normal(1693, 28, 4)),
        bound_case("With a gamma of 20", 45, 28, 4, gamma=20, **f64),
        bound_case("With logits that are far from 0", 45, 28, 4,
                   student=900 + normal(1694, 45, 4), g_pool=-900 + normal(1695, 28, 4), **f64),
        bound_case("With 9,000 labelled examples", 9_000, 60, 3),
        bound_case("With 9,000 inputs in the pool", 60, 9_000, 3),
        bound_case("When called a second time with the same inputs", 40, 25, 5),
    ]  # fmt: skip


SEVERAL = "The bound is one number: the sum of the five terms, each averaged where it is a mean."
LOGARITHM = (
    "ln(4/δ) and ln(2/δ) are positive, ln(δ/4) and ln(δ/2) are not: 4 and 2 are divided by δ, and a root is "
    "taken of the result."
)


def as_tensors(answer: Callable) -> Callable[..., Tensor]:
    """The answer's number, whatever it is, as a tensor, which is what `FunctionTask` looks at."""

    @functools.wraps(answer)
    def wrapped(*args, **kwargs) -> Tensor:
        try:
            result = answer(*args, **kwargs)
        except ValueError as error:
            if "math domain" not in str(error) and "nonnegative input" not in str(error):
                raise
            raise Rejected(f"Your function raises ValueError: {error}", diagnosis=LOGARITHM) from None
        if hasattr(result, "_fields") and hasattr(result, "total"):
            raise Rejected("Your function returns the terms; expected is their sum.", diagnosis=SEVERAL)
        return torch.tensor(real_number(result, several=SEVERAL), dtype=torch.float64)

    return wrapped


BOUND = FunctionTask(
    NAMES, "one number", bound, bound_cases, bound_mistakes, learns=(), not_finite=(
        "Either a root of a negative number is taken (ln(δ/4) is one, ln(4/δ) is not), or `exp` overflows in "
        "a softmax written by hand; `torch.softmax` subtracts the maximum first."
    ),
)  # fmt: skip


def distillation_bound(answer: object) -> list[str]:
    return BOUND(as_tensors(answer) if callable(answer) else answer)


TASKS = {
    "crossover_size": crossover_size,
    "total_variation": FunctionTask(
        ("first_logits", "second_logits", "gamma"), "a number for each input", variation, variation_cases,
        variation_mistakes, learns=(), shapes=variation_shapes,
    ),
    "distillation_bound": distillation_bound,
}  # fmt: skip
