"""`paired_interval`, `holm_adjust`, `mean_ranks` and `choose_setting`: reading and making a benchmark.

S. Holm (1979); J. Demšar (2006).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from kdcourse.grading.formulas.benchmarks import holm, mean_ranks, paired
from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.formulas.trials import worlds
from kdcourse.grading.function_task import Case, FunctionTask, Pair, Run
from kdcourse.grading.mistakes.choosing import CHOICES, NO_RETURN, READS_TEST, best
from kdcourse.grading.mistakes.comparisons import holm_mistakes, paired_mistakes, rank_mistakes
from kdcourse.grading.probe import Rejected, call, prepare, protected, real_tensor

F64 = {"dtype": torch.float64}


@dataclass(frozen=True)
class NumbersCase(Case):
    lists: bool = False  # the tensors are handed in as lists


@dataclass(frozen=True)
class NumbersTask(FunctionTask):
    """A task whose result is a few numbers: a tensor, an array, or a tuple or list of numbers."""

    learns: tuple[int, ...] = ()
    optional: int = 0  # how many of the last arguments have a default
    about: dict[str, str] = field(default_factory=dict)  # by the beginning of a law

    def observe(self, function: Callable[..., object], case: Case, dtype: torch.dtype, shape: tuple) -> Run:
        args, _ = self.arguments(case, dtype)
        if getattr(case, "lists", False):
            args = [a.tolist() if isinstance(a, Tensor) else a for a in args]
        kept = [list(a) if isinstance(a, list) else None for a in args]
        result = call(function, self.names, args)
        for name, now, before in zip(self.names, args, kept, strict=True):
            if before is not None and now != before:
                raise Rejected(f"Your function changes its argument `{name}`; the caller still needs it.")
        result = as_tensor(result)
        try:
            result = real_tensor(result, torch.Size(shape), self.result, graph=False)
        except Rejected as rejected:
            why = self.shapes(case.args).get(tuple(getattr(result, "shape", ())))
            raise Rejected(*rejected.feedback[:1], diagnosis=rejected.diagnosis or why) from None
        return Run([result.reshape(shape).detach().to("cpu", torch.float64).numpy().copy()], [])

    def recognise(self, pairs: list[Pair], gradients: bool) -> str | None:
        if not np.isfinite(pairs[-1].got.value[0]).all():
            return self.not_finite
        known = super().recognise(pairs, gradients)
        law = pairs[-1].case.law
        return known or next((text for start, text in self.about.items() if law.startswith(start)), None)

    def examine(self, answer: object) -> list[str]:
        feedback = super().examine(answer)
        if self.optional:
            self.require_defaults(answer)
        return feedback

    def require_defaults(self, answer: Callable[..., object]) -> None:
        case = self.cases()[0]
        args, _ = self.arguments(case, case.dtype)
        name = self.names[-1]
        given = self.expect(self.reference, case).value
        try:
            said = as_tensor(protected(answer, *args[: -self.optional]))
            right = np.allclose(np.asarray(said, dtype=np.float64), given[0], rtol=1e-3, atol=1e-4)
        except (Rejected, ValueError, TypeError):
            right = False
        if not right:
            raise Rejected(
                f"Called without `{name}`, your function does not give what it gives with "
                f"{name} = {case.args[-1]:g}.",
                diagnosis=f"A default is missing, or another one: `{name}={case.args[-1]:g}` in the first "
                "line.",
            )


def as_tensor(result: object) -> object:
    """Arrays, and tuples or lists of numbers, as a tensor; anything else as it is."""
    if all(hasattr(result, name) for name in ("mean", "low", "high")):
        raise Rejected(
            f"Your function returns an object of type {type(result).__name__}.",
            diagnosis="Take its three numbers: `(e.mean, e.low, e.high)`.",
        )
    if isinstance(result, tuple | list):
        sizes = [np.size(part) if not isinstance(part, Tensor) else part.numel() for part in result]
        if any(size != 1 for size in sizes):
            raise Rejected(
                f"Your function returns a {type(result).__name__} whose parts have {sizes} numbers.",
                diagnosis="Each part must be one number: is a mean or a sum missing, or an axis wrong?",
            )
        parts = [part.item() if hasattr(part, "item") else part for part in result]
        if parts and all(isinstance(part, int | float) and not isinstance(part, bool) for part in parts):
            return torch.tensor(parts, dtype=torch.float64)
        return result
    if hasattr(result, "__array__") and not isinstance(result, Tensor):
        array = np.asarray(result)
        return torch.as_tensor(array) if array.dtype != object else result
    return result


# --- paired_interval ---


def paired_case(law: str, n: int, confidence: float, **options) -> Case:
    """Accuracies in percent: what a seed does to both arms is larger than what sets them apart."""
    shared = 88 + 3 * normal(1800 + n, n)
    gain = options.pop("gain", None)
    gain = 1.2 + 0.8 * normal(1820 + n, n) + 0.3 * torch.arange(n) / n if gain is None else gain
    arms = options.pop("arms", None) or (shared + gain, shared)
    sizes = {"n": n, "confidence": confidence}
    return NumbersCase((*arms, confidence), sizes, law, atol=1e-4, **options)


def paired_cases() -> list[Case]:
    whole = torch.tensor([90.0, 92.0, 95.0, 91.0]).double()
    return [
        paired_case("", 8, 0.95),
        paired_case("", 5, 0.9, **F64),
        paired_case("", 11, 0.99),
        paired_case("", 3, 0.5, **F64),
        paired_case("", 6, 0.95, lists=True),
        paired_case("With two seeds", 2, 0.95, **F64),
        paired_case("With forty seeds", 40, 0.95),
        paired_case("With the same gain on every seed, where the interval is a point", 4, 0.95,
                    arms=(whole + 1.5, whole), **F64),
        paired_case("With two equal arms", 4, 0.9, arms=(whole, whole)),
        paired_case("With a method that loses", 7, 0.95, gain=-2 + normal(1860, 7), **F64),
        paired_case("With a gain of 0 in the mean", 4, 0.8,
                    arms=(whole + torch.tensor([1, -1, 2, -2]), whole)),
        paired_case("With one seed that goes wrong", 8, 0.95,
                    gain=1 + 0.3 * normal(1861, 8) - 30 * (torch.arange(8) == 5)),
        paired_case("With numbers below 1, such as losses", 6, 0.95,
                    arms=(0.4 + 0.1 * normal(1862, 6), 0.5 + 0.1 * normal(1863, 6)), **F64),
        paired_case("With unpaired arms", 9, 0.9, arms=(90 + normal(1864, 9), 89 + 2 * normal(1865, 9))),
        paired_case("With a confidence of 0.999", 8, 0.999, **F64),
        paired_case("With lists, and two seeds", 2, 0.9, lists=True),
        paired_case("When called a second time with the same inputs", 8, 0.95),
    ]  # fmt: skip


def paired_shapes(args: tuple) -> dict[tuple, str]:
    n = len(args[0])
    three = "Three numbers are wanted, (mean, low, high)."
    return {
        (n,): f"This is one number for each seed. {three}",
        (): f"This is one number. {three}",
        (2,): f"These are two numbers. {three}",
        (4,): f"These are four numbers. {three}",
        (3, n): "The differences are not averaged.",
    }


# --- holm_adjust ---


def holm_case(law: str, p: list[float] | Tensor, **options) -> Case:
    p = torch.as_tensor(p, dtype=torch.float64)
    return NumbersCase((p,), {"m": len(p)}, law, **options)


def drawn(seed: int, m: int, power: float = 2.0) -> Tensor:
    """Most are small, and none in order."""
    return torch.special.ndtr(normal(1900 + seed, m)) ** power


def holm_cases() -> list[Case]:
    return [
        holm_case("", [0.03, 0.005, 0.2, 0.012, 0.018]),
        holm_case("", drawn(1, 7), **F64),
        holm_case("", drawn(2, 12, 4)),
        holm_case("", [0.021, 0.9, 0.02, 0.022, 0.3, 0.0001], **F64),
        holm_case("", [0.011, 0.013, 0.012, 0.04]),
        holm_case("With a single p-value", [0.03], **F64),
        holm_case("With two p-values", [0.04, 0.01]),
        holm_case("Where the last step would shrink", [0.04, 0.03, 0.02], **F64),
        holm_case("With equal p-values", [0.01, 0.01, 0.01, 0.01]),
        holm_case("With some equal p-values", [0.02, 0.3, 0.02, 0.001, 0.3], **F64),
        holm_case("Where all are large, and 1 is the end", [0.6, 0.3, 0.9, 0.5]),
        holm_case("With a p-value of 0", [0.5, 0.0, 0.02], **F64),
        holm_case("With a p-value of 1", [1.0, 0.001, 0.02]),
        holm_case("In ascending order", [0.001, 0.01, 0.02, 0.4], **F64),
        holm_case("In descending order", [0.4, 0.02, 0.01, 0.001]),
        holm_case("With forty p-values", drawn(3, 40, 3), **F64),
        holm_case("With tiny p-values", 1e-9 * drawn(4, 6), atol=1e-15, **F64),
        holm_case("When called a second time with the same input", [0.03, 0.005, 0.2, 0.012, 0.018]),
    ]


def holm_shapes(args: tuple) -> dict[tuple, str]:
    m = len(args[0])
    return {
        (m, m): "Every p-value is multiplied by every number: sort them, then multiply place by place.",
        (): "This is one number; each p-value has an adjusted one.",
        (1, m): "An axis too many: (m,) is wanted.",
        (m, 1): "An axis too many: (m,) is wanted.",
    }


# --- mean_ranks ---


def rank_case(law: str, scores: Tensor | list, **options) -> Case:
    scores = torch.as_tensor(scores, dtype=torch.float64)
    k, n = scores.shape
    return NumbersCase((scores,), {"k": k, "n": n}, law, **options)


def rank_cases() -> list[Case]:
    def accuracies(seed: int, k: int, n: int) -> Tensor:
        return 85 + 4 * normal(1950 + seed, k, n) + torch.arange(n)

    ties = (accuracies(1, 6, 5) / 4).round() * 4
    same = torch.full((4, 3), 80.0)
    close = 90 + 1e-3 * normal(1960, 5, 6)
    return [
        rank_case("", accuracies(2, 4, 6)),
        rank_case("", accuracies(3, 7, 3), **F64),
        rank_case("", accuracies(4, 3, 8)),
        rank_case("", accuracies(5, 5, 5), **F64),
        rank_case("", accuracies(6, 9, 4)),
        rank_case("With ties", [[90, 80, 70], [90, 85, 70], [88, 80, 70], [70, 60, 75]], **F64),
        rank_case("With many ties", ties),
        rank_case("With ties of two in every block", [[3.0, 1], [2, 2], [3, 2], [1, 1]], **F64),
        rank_case("With equal methods everywhere", same),
        rank_case("With a single block", accuracies(7, 6, 1), **F64),
        rank_case("With a single method", accuracies(8, 1, 4)),
        rank_case("With two methods", accuracies(9, 2, 7), **F64),
        rank_case("With scores that differ in the third decimal", close, **F64),
        rank_case("With scores below 0, such as minus a loss", -accuracies(10, 4, 5)),
        rank_case("With one block of far larger differences",
                  accuracies(11, 5, 4) * torch.tensor([1, 1, 1, 50])),
        rank_case("With forty methods", accuracies(12, 40, 8), **F64),
        rank_case("When called a second time with the same scores", accuracies(2, 4, 6)),
    ]  # fmt: skip


def rank_shapes(args: tuple) -> dict[tuple, str]:
    k, n = args[0].shape
    return {
        (k, n): "These are the ranks within each block; take the mean over the blocks.",
        (n, k): "The axes are exchanged, and the mean is missing: one number for each method.",
        (n,): "This is one number for each block; one for each method is wanted. Rank along axis 0, average "
        "along axis 1.",
        (): "This is one number; one for each method is wanted.",
        (k, 1): "An axis too many: (methods,) is wanted.",
        (1, k): "An axis too many: (methods,) is wanted.",
    }


# --- choose_setting ---


def examine_choice(answer: object) -> list[str]:
    function = prepare(answer, ("trials",))
    known, peeked, count = list(CHOICES), False, 0
    wrong = None  # of the ordinary trials all are looked at, so that the mistake can be named
    for law, trials in worlds():
        if law and wrong is not None:
            break
        said = _chosen(function, law, trials)
        peeked |= any(trial.read for trial in trials.values())
        known = [(choice, sentence) for choice, sentence in known if _same(said, _try(choice, trials))]
        if not _same(said, best(trials)):
            wrong = wrong or (law, trials, said)
            if law:
                break
        count += 1
    if wrong is not None:
        law, trials, said = wrong
        told = known[0][1] if known else READS_TEST if peeked else None
        listed = isinstance(said, str | int | float | tuple) and any(_same(said, name) for name in trials)
        seen = f"chooses {said!r}" if listed else f"returns a {type(said).__name__}, no setting"
        if said is None and None not in trials:
            seen, told = "returns None", NO_RETURN
        begin = f"{law}: " if law else ""
        raise Rejected(f"{begin}your function {seen}; another setting is right.", diagnosis=told)
    if peeked:
        seen = "Every choice is right, but your function reads the test scores."
        raise Rejected(seen, diagnosis=READS_TEST)
    return [f"The right setting in {count} sets of trials, and no look at the test."]


def _chosen(function: Callable[[dict], object], law: str, trials: dict) -> object:
    def contents() -> dict:
        return {
            name: {split: list(scores) for split, scores in dict.items(trial)}
            for name, trial in trials.items()
        }

    before = contents()
    try:
        said = protected(function, trials)
    except Rejected as rejected:
        if law:
            rejected.feedback[0] = f"{law}: {rejected.feedback[0]}"
        raise
    if contents() != before:
        raise Rejected("Your function changes the trials; the caller still needs them.")
    return said


def _try(choice: Callable[[dict], object], trials: dict) -> object:
    try:
        return choice(trials)
    except (ValueError, KeyError, IndexError, TypeError, ZeroDivisionError):
        return Rejected  # nothing equals it


def _same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray | Tensor | list) or isinstance(other, np.ndarray | Tensor | list):
        return isinstance(one, list) and isinstance(other, list) and one == other
    return one is other or bool(one == other)


NAN = "It is not finite: `nan` comes from 0/0, and from the standard deviation of a single number."
EQUAL = (
    "Of equal p-values the first gets the largest multiplier, and the running maximum lifts the others to "
    "it; each goes back to a place of its own."
)

TASKS = {
    "paired_interval": NumbersTask(
        ("method", "baseline", "confidence"), "three numbers: mean, low, high", paired, paired_cases,
        paired_mistakes, shapes=paired_shapes, not_finite=NAN, optional=1,
        reasons=(
            (
                r"unsupported operand type\(s\) for -: 'list'|'list' object has no attribute",
                "Lists do not subtract, and have no `mean`: `torch.as_tensor(method, dtype=torch.float64)` "
                "or `np.asarray` first.",
            ),
        ),
    ),
    "holm_adjust": NumbersTask(
        ("p",), "one adjusted p-value for each", holm, holm_cases, holm_mistakes, shapes=holm_shapes,
        about=dict.fromkeys(("With equal", "With some equal"), EQUAL),
    ),
    "mean_ranks": NumbersTask(
        ("scores",), "one mean rank for each method", mean_ranks, rank_cases, rank_mistakes,
        shapes=rank_shapes,
    ),
    "choose_setting": examine_choice,
}  # fmt: skip
