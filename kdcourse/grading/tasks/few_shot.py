"""`nearest_centroid_predictions`: few-shot classification by the nearest class mean."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case, FunctionTask, Pair, Run, _numbers
from kdcourse.grading.mistakes.centroids import centroid_mistakes, means, nearest, squares
from kdcourse.grading.probe import Rejected, call


def task(seed: int, counts: list[int], D: int, Q: int, **options) -> tuple[Tensor, Tensor, Tensor, int]:
    """Classes with `counts` labelled examples, in a shuffled order, and queries near no border.

    The classes differ in spread and direction, so that other rules than the nearest mean answer otherwise.
    """
    C, at, scale = len(counts), options.get("at", 1.0), options.get("scale", 1.0)
    centres, spread = normal(seed, C, D), 0.3 + torch.arange(C, dtype=torch.float64)[:, None] / C
    labels = torch.arange(C).repeat_interleave(torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]
    stretch = torch.logspace(0.0, 0.6, D, dtype=torch.float64)
    support = (centres + at)[labels] + (spread[labels] * normal(seed + 1, len(labels), D))
    queries = at + 1.3 * normal(seed + 2, 12 * Q + 80, D)
    support, queries = (scale * x * stretch for x in (support, queries))
    two = squares(queries, means(support, labels, C)).sort(1).values[:, :2]
    clear = two[:, 1] > 1.3 * two[:, 0] if C > 1 else torch.ones(len(queries), dtype=torch.bool)
    queries = queries[clear]
    assert len(queries) >= Q
    return support, labels, queries[:Q], C


ABSENT = "Where a class has no example"


def centroid_cases() -> list[Case]:
    def shows(law: str, seed: int, counts: list[int], D: int, Q: int, **options) -> Case:
        args = task(seed, counts, D, Q, **{k: options.pop(k) for k in ("at", "scale") if k in options})
        sizes = {"N": sum(counts), "D": D, "Q": Q, "num_classes": len(counts)}
        return Case(args, sizes, law, **options)

    f64 = {"dtype": torch.float64}
    return [
        shows("", 1511, [3, 7, 2, 5], 3, 37),
        shows("", 1521, [6, 2, 9], 4, 41, **f64),
        shows("", 1531, [2, 4, 8, 3, 5, 3], 5, 53),
        shows("", 1541, [4, 9, 3, 6, 2], 2, 47, **f64),
        shows("With as many examples of each class", 1551, [4, 4, 4], 3, 31),
        shows("With one example of each class", 1561, [1, 1, 1, 1], 3, 29),
        shows("With a single query", 1571, [3, 4, 2], 4, 1, **f64),
        shows("With two queries", 1581, [5, 2, 3], 4, 2),
        shows("With features of a single number", 1591, [3, 5, 2], 1, 23),
        shows("With two classes", 1601, [7, 3], 3, 29, **f64),
        shows("With a single class", 1611, [4], 3, 7),
        shows("With as many queries as classes", 1621, [3, 2, 4], 5, 3),
        shows("With more features than examples", 1631, [2, 1, 3], 64, 19),
        shows("With features far from the origin", 1641, [3, 6, 2, 4], 3, 31, at=12.0),
        shows("With small features (about 0.01)", 1651, [3, 6, 2, 4], 3, 31, scale=0.01),
        shows("With large features (about 300)", 1661, [3, 6, 2, 4], 3, 31, scale=300.0),
        shows(ABSENT, 1671, [3, 0, 4, 2], 3, 31, at=0.0),
        shows(f"{ABSENT}, the first or the last ones", 1681, [0, 3, 5, 2, 0, 0], 3, 31, **f64),
        shows("When called a second time with the same inputs", 1511, [3, 7, 2, 5], 3, 37),
    ]  # fmt: skip


def open_centroid_cases() -> list[Case]:
    case = centroid_cases()[0]
    support, labels, queries, C = case.args
    law = "With labels of type int32 (`.long()` mends it)"
    return [Case((support, labels.to(torch.int32), queries, C), case.sizes, law)]


SHAPE = "one class for each query, (Q,)"


class NearestCentroid(FunctionTask):
    """The answer is a tensor of whole numbers, and nothing learns from it."""

    def observe(self, function: Callable[..., object], case: Case, dtype: torch.dtype, shape: tuple) -> Run:
        args, _ = self.arguments(case, dtype)
        result = call(function, self.names, args)
        return Run([_numbers(self.classes(result, case))], [])

    def classes(self, result: object, case: Case) -> Tensor:
        N, D, Q, C = (case.sizes[name] for name in ("N", "D", "Q", "num_classes"))
        if result is None:
            raise Rejected("Your function returns None. Is a `return` missing?")
        if not isinstance(result, Tensor):
            kind = type(result).__name__
            raise Rejected(f"Your function returns a {kind}; expected is an integer tensor, {SHAPE}.")
        shape = tuple(result.shape)
        if shape != (Q,):
            whys = {
                (Q, C): "There is a number for each class; `argmin(dim=1)` picks the nearest one.",
                (C, Q): "There is a number for each class; `argmin` over the classes picks the nearest one.",
                (Q, N): "There is a number for each example; average the examples of each class first.",
                (C,): "`argmin` runs over the queries; let it run over the classes (`dim=1`).",
                (C, D): "These are the class means; what is asked for is the nearest one of each query.",
                (N,): "This is one number for each example; what is asked for is one for each query.",
                (Q, 1): "The axis of length 1 is too much: (Q,).",
                (1, Q): "The axis of length 1 is too much: (Q,).",
                (Q, D): "What is asked for is the class, not its mean.",
                (): "Each query has a class of its own, also if there is a single one.",
            }
            raise Rejected(
                f"Your result has the shape {shape}; expected is {(Q,)}, {SHAPE}.", diagnosis=whys.get(shape)
            )
        if result.is_floating_point() or result.is_complex() or result.dtype == torch.bool:
            raise Rejected(
                f"Your result has the type {result.dtype}; expected are classes, whole numbers.",
                diagnosis="These look like distances, or like labels that were turned into floating-point "
                "numbers; a class must be of an integer type to serve as an index.",
            )
        return result.long()

    def require_values(self, pairs: list[Pair]) -> None:
        bad = next((pair for pair in pairs if not pair.value_right), None)
        if bad is not None:
            raise Rejected(seen(bad), diagnosis=self.recognise(pairs, gradients=False))

    def require_gradients(self, pairs: list[Pair]) -> None:
        """There are none."""

    def require_law(self, pairs: list[Pair]) -> None:
        if not pairs[-1].value_right:
            diagnosis = self.recognise(pairs, gradients=False)
            raise Rejected(f"{pairs[-1].case.law}: {seen(pairs[-1])}", diagnosis=diagnosis)

    def recognise(self, pairs: list[Pair], gradients: bool) -> str | None:
        known = super().recognise(pairs, gradients=False)
        if known:
            return known
        bad = next(pair for pair in pairs if not pair.value_right)
        got, (_, labels, _, C) = bad.got.value[0], bad.case.args
        if got.min() < 0 or got.max() >= C:
            return f"Classes are 0 .. {C - 1} here; are these numbers of examples?"
        if not np.isin(got, labels.numpy()).all():
            return NO_EXAMPLE
        if len(got) > 5 and (got == got[0]).all():
            return "Every query gets the same class. Do the distances depend on the query?"
        return None


def seen(pair: Pair) -> str:
    wrong, Q = int((pair.got.value[0] != pair.want.value[0]).sum()), len(pair.want.value[0])
    return f"{wrong} of {Q} queries get another class than the nearest (with {pair.case.where()})."


NO_EXAMPLE = (
    "A class without examples is predicted. Its mean is 0/0 = NaN, and `argmin` takes a NaN for the smallest "
    "number: put that class infinitely far away."
)

TASKS = {
    "nearest_centroid_predictions": NearestCentroid(
        ("support", "support_labels", "queries", "num_classes"), "one class for each query",
        nearest, centroid_cases, centroid_mistakes, learns=(), open_cases=open_centroid_cases,
    ),
}  # fmt: skip
