"""Known mistakes of the crossover size."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from kdcourse.grading.formulas.bounds import crossover


class WrongSize(NamedTuple):
    function: Callable[[float, float, float], float]
    sentence: str


def size_mistakes() -> Iterator[WrongSize]:
    """First what is wrong where the curves cross, then the ends of the range."""

    def crossing(size: Callable[[float, float, float], float], sentence: str) -> WrongSize:
        def other(V: float, W: float, b: float) -> float:
            if V <= W:
                return 0.0
            return math.inf if b == 0 else size(V, W, b)

        return WrongSize(other, sentence)

    solve = "Solve V₁/N = Vₜ/N + b² for N: multiply by N, and only b² keeps it."
    yield crossing(
        lambda V, W, b: (V - W) / abs(b), f"The bias is not squared. An MSE has the bias squared. {solve}"
    )
    signed = "The bias is not squared; and where it is negative, so is your size."
    yield crossing(lambda V, W, b: (V - W) / b, signed)
    yield crossing(
        lambda V, W, b: (V * V - W * W) / b**2,
        "The variances are squared; they are squares of the loss already, as b² is.",
    )
    yield crossing(
        lambda V, W, b: (V - W) ** 2 / b**2,
        "The difference of the variances is squared; it is in the units of b² already.",
    )
    yield crossing(
        lambda V, W, b: (V - W) ** 2 / b**4,
        "The whole size is squared: V/N is the variance of the mean, and its root is not taken.",
    )
    yield crossing(
        lambda V, W, b: (V - W) / b**4, "The fourth power of the bias divides; it is squared once."
    )
    yield crossing(
        lambda V, W, b: math.sqrt(V - W) / abs(b),
        "A square root is taken: this is √N. The variances are given, not the standard deviations.",
    )
    yield crossing(
        lambda V, W, b: math.sqrt((V - W) / abs(b)), "A square root is taken, and the bias is not squared."
    )
    yield crossing(
        lambda V, W, b: (math.sqrt(V) - math.sqrt(W)) / abs(b),
        "Standard deviations are compared with the bias; the variances are, with its square.",
    )
    yield crossing(
        lambda V, W, b: (math.sqrt(V) - math.sqrt(W)) ** 2 / b**2,
        "Standard deviations are subtracted; subtract the variances.",
    )
    yield crossing(lambda V, W, b: V / b**2, "The teacher's own variance is left out: it is V₁ − Vₜ.")
    yield crossing(lambda V, W, b: W / b**2, "The one-hot variance is left out: it is V₁ − Vₜ.")
    yield crossing(lambda V, W, b: (V + W) / b**2, "The variances are added; their difference counts.")
    yield crossing(lambda V, W, b: (W - V) / b**2, "The difference of the variances is the wrong way round.")
    yield crossing(lambda V, W, b: b**2 / (V - W), "This is upside down: the size is (V₁ − Vₜ) / b².")
    yield crossing(lambda V, W, b: abs(b) / (V - W), "This is upside down, and the bias is not squared.")
    yield crossing(
        lambda V, W, b: V / W if W else math.inf, "The bias is not used; it is what ends the lead."
    )
    yield crossing(lambda V, W, b: V - W, "The bias is not used; it is what ends the teacher's lead.")
    yield crossing(lambda V, W, b: (V - W) * b**2, "The bias multiplies; it divides.")
    yield crossing(
        lambda V, W, b: (V - W) / (W + b**2),
        "Vₜ + b² divides: the teacher's variance shrinks with N, its bias does not.",
    )
    yield crossing(
        lambda V, W, b: (V - W - b**2) / b**2,
        "One is missing: b² counts once too often on the teacher's side.",
    )
    for factor, word in ((2.0, "twice"), (0.5, "half"), (4.0, "four times"), (0.25, "a quarter of")):
        yield crossing(
            lambda V, W, b, factor=factor: factor * (V - W) / b**2, f"This is {word} the size. {solve}"
        )
    whole = "The size is rounded to a whole number; return the number at which the two errors are equal."
    for rounded in (math.floor, math.ceil, round):
        yield crossing(lambda V, W, b, rounded=rounded: rounded((V - W) / b**2), whole)
    yield crossing(
        lambda V, W, b: math.floor((V - W) / b**2) + 1, f"{whole} (Here the next larger one is returned.)"
    )
    yield crossing(lambda V, W, b: (V - W) / b**2 + 1, "One is added; return where the two errors are equal.")
    yield crossing(
        lambda V, W, b: max(1.0, (V - W) / b**2),
        "Sizes below 1 are raised to 1; return the number at which the two errors are equal, 0.3 as well.",
    )

    def ends(lower: float | None, none: float | None, sentence: str, upper_first: bool = False) -> WrongSize:
        def other(V: float, W: float, b: float) -> float:
            if upper_first and b == 0:
                return none if none is not None else math.inf
            if V <= W:
                return crossover(V, W, b) if lower is None else lower
            if b == 0:
                return math.inf if none is None else none
            return (V - W) / b**2

        return WrongSize(other, sentence)

    def size(V: float, W: float, b: float) -> float:
        return math.inf if b == 0 else (V - W) / b**2

    zero = "Where V₁ ≤ Vₜ the one-hot risk has the smaller error at every size: 0."
    yield WrongSize(size, f"A negative size (or an infinite one). {zero}")
    yield WrongSize(
        lambda V, W, b: 0.0 if V < W else size(V, W, b),
        f"With equal variances and no bias the answer is 0 by our convention. {zero}",
    )
    yield WrongSize(lambda V, W, b: abs(size(V, W, b)), f"`abs` hides that V₁ is smaller. {zero}")
    yield WrongSize(
        lambda V, W, b: math.inf if b == 0 else crossover(V, W, b),
        f"The look at the bias comes first; where V₁ ≤ Vₜ the answer is 0, bias or not. {zero}",
    )
    yield ends(math.inf, None, f"Infinity would mean that the teacher's risk is better at every size. {zero}")
    yield ends(math.nan, None, f"NaN can be compared with nothing. {zero}")
    yield ends(-1.0, None, f"-1 is no size. {zero}")
    yield ends(1.0, None, f"1 is not the smallest number. {zero}")
    never = "Without bias the teacher's risk has the smaller error at every size: `math.inf`."
    yield ends(None, 0.0, f"0 would mean that the one-hot risk is better at every size. {never}")
    yield ends(None, math.nan, f"NaN can be compared with nothing. {never}")
    yield ends(None, -1.0, f"-1 is no size. {never}")
    for small in (1e-12, 1e-10, 1e-9, 1e-8, 1e-6):
        large = "A small number is added to b² so that it divides. A bias of 0 is a case of its own."
        yield WrongSize(
            lambda V, W, b, small=small: 0.0 if V <= W else (V - W) / (b**2 + small), f"{large} {never}"
        )
        yield WrongSize(
            lambda V, W, b, small=small: 0.0 if V <= W else (V - W) / max(b**2, small), f"{large} {never}"
        )
    for least in (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3):
        yield WrongSize(
            lambda V, W, b, least=least: 0.0 if V <= W else math.inf if abs(b) < least else (V - W) / b**2,
            "A small bias is taken for 0. With enough examples a small one counts, too.",
        )
        yield WrongSize(
            lambda V, W, b, least=least: 0.0 if V <= W else math.inf if b < least else (V - W) / b**2,
            "A negative bias is taken for none (`bias > 0`, `bias <= 0`); squared it counts as much.",
        )
    yield WrongSize(
        lambda V, W, b: 0.0 if V <= W else math.inf if b <= 0 else (V - W) / b**2,
        "A negative bias is taken for none (`bias > 0`, `bias <= 0`); squared it counts as much.",
    )
