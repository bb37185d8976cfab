"""Sparse soft labels: `sparse_topk_soft_labels` cuts them, `reconstruct_soft_labels` writes them out,
`soft_cross_entropy_from_sparse` compares with them."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from kdcourse.grading.compare import close
from kdcourse.grading.formulas.responses import normal, softmax
from kdcourse.grading.function_task import Case, FunctionTask, Pair, Run, _numbers
from kdcourse.grading.mistakes.sparse_cross_entropy import soft_cross_entropy_mistakes, sparse_loss
from kdcourse.grading.mistakes.sparse_soft_labels import label, label_mistakes, sparse_topk, topk_mistakes
from kdcourse.grading.probe import Rejected, call

BIG = 1e4


def finite(run: Run) -> bool:
    return all(np.isfinite(array).all() for array in [*run.value, *(run.gradients or [])])


# --- storing ---


def topk_cases() -> list[Case]:
    def shows(law: str, B: int, C: int, k: int, T: float, scale: float = 2.0, **options) -> Case:
        logits = options.pop("logits", scale * normal(1301 + 7 * B + C, B, C))
        sizes = {"B": B, "C": C, "k": k, "T": T}
        return Case((logits, k, T), sizes, law, **{"rtol": 5e-5} | options)

    loose = {"rtol": 3e-3}
    return [
        shows("", 5, 7, 3, 2.5),
        shows("", 4, 11, 5, 0.6, scale=1.0, dtype=torch.float64),
        shows("", 6, 9, 2, 4.0, scale=5.0),
        shows("", 3, 40, 17, 3.0, dtype=torch.float64),
        shows("With k = 1", 5, 7, 1, 2.5),
        shows("With k = C, where every class is kept", 5, 6, 6, 3.0),
        shows("With k = C − 1", 4, 6, 5, 2.0, dtype=torch.float64),
        shows("With a single sample", 1, 7, 3, 2.5),
        shows("With a single sample and k = 1", 1, 7, 1, 2.5),
        shows("With two classes", 5, 2, 1, 1.5, dtype=torch.float64),
        shows("With more samples than classes", 13, 4, 3, 2.5),
        shows("At T = 1", 5, 7, 3, 1.0),
        shows("At the high temperature T = 20", 5, 7, 3, 20.0),
        shows("Where some classes are equally probable", 6, 9, 4, 2.0, logits=normal(1391, 6, 9).round()),
        shows(
            "Where all classes are equally probable", 3, 5, 2, 2.0,
            logits=torch.ones(3, 5, dtype=torch.float64),
        ),
        shows("With negative logits", 5, 7, 3, 2.5, logits=2 * normal(1392, 5, 7) - 9),
        shows("With 1000 classes", 3, 1000, 300, 2.5, scale=1.0),
        shows("With logits of size 1e4", 4, 6, 3, 2.5, scale=BIG, **loose),
        shows("With logits of size 1e4", 3, 5, 2, 3.0, scale=BIG, dtype=torch.float64),
        shows("With logits that are all near 1e4", 3, 5, 2, 2.0, logits=BIG + normal(1393, 3, 5), **loose),
        shows("With logits that are all near -1e4", 3, 5, 2, 2.0, logits=normal(1394, 3, 5) - BIG, **loose),
        shows("When called a second time with the same inputs", 5, 7, 3, 2.5),
    ]  # fmt: skip


PAIR = "a pair (values, indices), two tensors of shape (B, k)"


def pair_of(result: object, B: int, C: int, k: int) -> tuple[Tensor, Tensor]:
    """The two tensors of a result, if they can be what was asked for."""
    if result is None:
        raise Rejected("Your function returns None. Is a `return` missing?")
    if isinstance(result, Tensor):
        advice = "Return both tensors: `return values, indices`."
        if result.is_floating_point() and result.shape == (B, C):
            advice = (
                "A full row holds no less than the logits did; keep k values and their classes. " + advice
            )
        elif result.is_floating_point() and result.ndim == 3:
            advice = "In one tensor the indices become floating-point numbers. " + advice
        raise Rejected(f"Your function returns one tensor; expected is {PAIR}.", diagnosis=advice)
    if not isinstance(result, tuple | list):
        raise Rejected(f"Your function returns a {type(result).__name__}; expected is {PAIR}.")
    if len(result) != 2:
        raise Rejected(f"Your function returns {len(result)} things; expected is {PAIR}.")
    for name, part in zip(("values", "indices"), result, strict=True):
        if not isinstance(part, Tensor):
            raise Rejected(f"Your {name} are a {type(part).__name__}; expected is {PAIR}.")
    values, indices = result
    kinds = [part.is_floating_point() for part in result]
    if kinds == [False, True]:
        raise Rejected(
            f"The first of the two is {values.dtype}, the second {indices.dtype}.",
            diagnosis="The two are exchanged: values first, then indices, as `torch.topk` gives them.",
        )
    if not kinds[0]:
        raise Rejected(
            f"Your values have the type {values.dtype}; expected are floating-point probabilities.",
            diagnosis="The first of the pair are the probabilities themselves, not classes.",
        )
    if kinds[1] or indices.dtype == torch.bool or indices.is_complex():
        raise Rejected(
            f"Your indices have the type {indices.dtype}; expected are classes, whole numbers.",
            diagnosis="A tensor of classes must be an integer tensor, or `gather` and `scatter` refuse it.",
        )
    if torch.iinfo(indices.dtype).max < C - 1:
        raise Rejected(
            f"Your indices have the type {indices.dtype}; there are {C} classes.", diagnosis=EIGHT_BITS
        )
    for name, part in zip(("values", "indices"), result, strict=True):
        if part.shape != (B, k):
            raise Rejected(
                f"Your {name} have the shape {tuple(part.shape)}; expected is {(B, k)}, that is (B, k).",
                diagnosis=why_shape(tuple(part.shape), B, C, k),
            )
    indices = indices.long()
    if indices.min() < 0 or indices.max() >= C:
        raise Rejected(
            f"Your indices run from {int(indices.min())} to {int(indices.max())}; classes are 0 .. {C - 1}.",
            diagnosis=why_range(result[1], C),
        )
    ordered = indices.sort(1).values
    if bool((ordered[:, 1:] == ordered[:, :-1]).any()):
        raise Rejected(
            "In a row of your indices a class occurs twice.",
            diagnosis="Finding a class again by its probability (`p == value`) fails where two are equal; "
            "keep the indices that `topk` or the sort gives.",
        )
    return values, indices


EIGHT_BITS = "Indices of 8 bits end at 255 (`uint8`) or 127 (`int8`); the last classes do not fit in."


ALL_KEPT = "With k = C there is no next class, such as a (k + 1)th to compare with."


def why_shape(shape: tuple, B: int, C: int, k: int) -> str | None:
    if shape == (k, C):
        return "The largest are taken over the batch (`dim=0`); take them over the classes (`dim=1`)."
    if shape == (B, C):
        return "All C classes are kept; cut the rows after the k largest."
    if shape == (k, B):
        return "The two axes are exchanged: a row for each sample."
    if shape in {(k,), (B * k,)}:
        return "Each sample has k entries of its own, and the axis of the batch stays, however long it is."
    if shape == (B,):
        return "The axis of length k is missing; it stays even if k is 1."
    if len(shape) == 2 and shape[0] == B:
        return f"Each row holds {shape[1]} entries; k is {k}."
    return None


def why_range(indices: Tensor, C: int) -> str | None:
    if indices.min() >= 1 and indices.max() == C:
        return "The classes are numbered from 1 on; they begin with 0."
    if indices.max() >= C:
        return "Do the indices point into the flattened batch? They are to be classes, the columns of a row."
    return None


class TopK(FunctionTask):
    """Compared are the values, and the probabilities at the indices: among equal ones any class will do."""

    def expect(self, function: Callable[..., object], case: Case, gradients: bool = True) -> Run:
        args, _ = self.arguments(case, torch.float64)
        return self.seen(*function(*args), case)

    def observe(self, function: Callable[..., object], case: Case, dtype: torch.dtype, shape: tuple) -> Run:
        args, _ = self.arguments(case, dtype)
        (B, C), k = args[0].shape, args[1]
        try:
            result = call(function, self.names, args)
        except Rejected as rejected:
            if k == C and not rejected.diagnosis:
                raise Rejected(*rejected.feedback, diagnosis=ALL_KEPT) from None
            raise
        return self.seen(*pair_of(result, B, C, k), case)

    def seen(self, values: Tensor, indices: Tensor, case: Case) -> Run:
        args, _ = self.arguments(case, torch.float64)
        p = softmax(args[0] / args[2])
        return Run([_numbers(values), _numbers(p.gather(1, indices.long()))], [])

    def recognise(self, pairs: list[Pair], gradients: bool) -> str | None:
        known = super().recognise(pairs, gradients=False)
        if known or not all(finite(pair.got) for pair in pairs):
            return known or self.not_finite
        bad = next(pair for pair in pairs if not pair.value_right)
        values, at = (
            bad.agrees([got], [want]) for got, want in zip(bad.got.value, bad.want.value, strict=True)
        )
        if (bad.got.value[0] == 0).all(1).any():
            return "All values of a row are 0: subtract each row's own maximum before `exp`, not the batch's."
        if at and close(bad.got.value, bad.want.value, 2e-2, 0.0):
            return "The values are rounded or slightly changed; return what softmax(logits / T) gives."
        if at:
            return "The indices are right, the values are not: those are softmax(logits / T) at the indices."
        if values:
            return "The values are right, but the indices are not those of their classes."
        if bad.agrees([np.sort(bad.got.value[1], 1)], [np.sort(bad.want.value[1], 1)]):
            return "The right classes are kept, but not in order: the largest value of a row comes first."
        return None


# --- writing out and comparing ---


def stored(seed: int, B: int, C: int, k: int, scale: float = 1.2) -> tuple[Tensor, Tensor]:
    return sparse_topk(scale * normal(seed, B, C), k, 1.0)


UNSORTED = "With the stored classes in any order"
FEW = torch.tensor([[0, 2], [2, 1], [1, 0]])  # no class above 2


def label_cases() -> list[tuple]:
    """(law, values, indices, C): what both readers of sparse labels have to cope with."""
    v, i = stored(1411, 5, 8, 4)
    order = torch.tensor([2, 0, 3, 1])
    full = stored(1412, 4, 6, 6)
    whole = torch.tensor([[0.75, 0.25, 0.0], [0.5, 0.375, 0.125], [1.0, 0.0, 0.0]], dtype=torch.float64)
    nothing = torch.tensor([[0.5, 0.0], [0.4, 0.3]], dtype=torch.float64)
    return [
        ("", *stored(1413, 5, 7, 3), 7),
        ("", *stored(1414, 4, 11, 2), 11),
        ("", *stored(1415, 6, 9, 5), 9),
        ("", stored(1416, 3, 8, 2)[0], FEW, 8),
        (UNSORTED, v[:, order], i[:, order], 8),
        ("With k = 1", *stored(1417, 5, 7, 1), 7),
        ("With k = C − 1", *stored(1418, 5, 7, 6), 7),
        ("With k = C, where no class is left to share anything", *full, 6),
        ("With k = C, the classes in any order", full[0].flip(1), full[1].flip(1), 6),
        ("With a single sample", *stored(1419, 1, 7, 3), 7),
        ("With two classes", *stored(1420, 5, 2, 1), 2),
        ("With more samples than classes", *stored(1421, 12, 5, 3), 5),
        ("With 300 classes", *stored(1422, 3, 300, 4), 300),
        ("Where the values of each row sum to 1", whole, torch.tensor([[4, 1, 0], [2, 5, 3], [0, 3, 6]]), 7),
        ("Where a stored value is 0", nothing, torch.tensor([[3, 1], [0, 4]]), 5),
    ]  # fmt: skip


NO_CLASS_LEFT = (
    "With k = C there is no other class, and rest / (C − k) is 0/0: divide by `max(C - k, 1)`, or leave the "
    "spread away."
)


def sizes_of(v: Tensor, C: int) -> dict[str, float]:
    return {"B": v.shape[0], "C": C, "k": v.shape[1]}


def dtype_of(number: int) -> torch.dtype:
    return (torch.float32, torch.float64)[number % 2]


def reconstruct_cases() -> list[Case]:
    cases = [
        Case((v, i, C), sizes_of(v, C), law, dtype_of(number), rtol=2e-5)
        for number, (law, v, i, C) in enumerate(label_cases())
    ]
    again = "When called a second time with the same inputs"
    return [*cases, Case(cases[0].args, cases[0].sizes, again, rtol=2e-5)]


def too_much() -> tuple[Tensor, Tensor]:
    """Values that were rounded on their way into a store, and sum to 1.004."""
    values = torch.tensor([[0.754, 0.25], [0.5, 0.25], [0.6, 0.404]], dtype=torch.float64)
    return values, torch.tensor([[3, 0], [1, 2], [4, 1]])


INT32 = "With indices of type int32, as a compact store has them (`.long()` mends it)"
ABOVE = (
    "With values that were rounded in the store and sum to 1.004, ours gives the other classes 0, and not a "
    "negative probability (`clamp(min=0)`)"
)


def open_label_cases() -> list[Case]:
    v, i, C = label_cases()[0][1:]
    above = too_much()
    return [
        Case((v, i.to(torch.int32), C), sizes_of(v, C), INT32),
        Case((*above, 5), sizes_of(above[0], 5), ABOVE),
    ]


def label_or_nothing(v: Tensor, i: Tensor, C: int) -> Tensor:
    """The label; a rest below 0 by more than rounding counts as 0."""
    return label(v, i, C).clamp(min=0)


def why_label_shape(args: tuple) -> dict[tuple, str]:
    (B, k), C = args[0].shape, args[2]
    return {
        (B, int(args[1].max()) + 1): "The number of classes is taken from the indices that happen to occur; "
        "use `num_classes`.",
        (B, k): "These are still k numbers a row; the label has one for each class.",
        (C, B): "The two axes are exchanged: a row for each sample.",
        (B, C + 1): "There is a class too many.",
        (C,): "Each sample has a label of its own; the axis of the batch stays.",
        (B, k, C): "The k one-hot vectors of a sample are still apart; add them up, each times its value.",
        (B, C - k): "These are the other classes alone.",
    }


class SparseTask(FunctionTask):
    """What goes wrong at k = C has one name."""

    def observe(self, function: Callable[..., object], case: Case, dtype: torch.dtype, shape: tuple) -> Run:
        try:
            return super().observe(function, case, dtype, shape)
        except Rejected as rejected:
            if "k = C," in case.law and not rejected.diagnosis:
                raise Rejected(*rejected.feedback, diagnosis=NO_CLASS_LEFT) from None
            if "out of bounds" in rejected.feedback[0] and not rejected.diagnosis:
                raise Rejected(*rejected.feedback, diagnosis=OUT_OF_BOUNDS) from None
            raise

    def recognise(self, pairs: list[Pair], gradients: bool) -> str | None:
        known = super().recognise(pairs, gradients)
        if known:
            return known
        case, got = pairs[-1].case, pairs[-1].got
        bad = next((pair for pair in pairs if not finite(pair.got)), None)
        if bad is None and case.law == "Where a stored value is 0":
            return "A stored 0 is a stored value: it stays 0, and its class gets no share."
        if bad is None and "k = C," in case.law:
            return "With k = C the label is the values, each at its index, as they are."
        if bad is None and case.law == UNSORTED:
            return "Value j belongs to index j, in whatever order they are stored."
        if bad is None:
            return None if self.learns else self.where(pairs)
        values = all(np.isfinite(array).all() for array in got.value)
        return NO_CLASS_LEFT if "k = C," in case.law and not values else self.not_finite

    def where(self, pairs: list[Pair]) -> str | None:
        """Which entries of a label are right, if the mistake is unknown."""
        bad = next(pair for pair in pairs if not pair.value_right)
        got, want = bad.got.value[0].copy(), bad.want.value[0].copy()
        at = bad.case.args[1].numpy()
        if bad.agrees([np.take_along_axis(got, at, 1)], [np.take_along_axis(want, at, 1)]):
            return "The stored classes are right, the others are not: they share 1 − Σ values in equal parts."
        for part in (got, want):
            np.put_along_axis(part, at, 0.0, 1)
        if bad.agrees([got], [want]):
            return "The other classes are right; the stored ones are to have their values, each at its index."
        return None


OUT_OF_BOUNDS = (
    "An index points beyond the classes: scatter along the classes (`dim=1`), into a row of all C of them."
)


def loss_cases() -> list[Case]:
    def shows(law: str, v: Tensor, i: Tensor, C: int, seed: int = 0, scale: float = 2.0, **options) -> Case:
        student = options.pop("student", scale * normal(1431 + seed, len(v), C))
        return Case((student, v, i), sizes_of(v, C), law, **options)

    cases = [
        shows(law, v, i, C, number, dtype=dtype_of(number), model_output=number % 3 == 0)
        for number, (law, v, i, C) in enumerate(label_cases())
    ]
    v, i = stored(1451, 6, 5, 2)
    offset = torch.tensor([[30.0], [-20.0], [50.0], [-40.0], [10.0], [0.0]], dtype=torch.float64)
    far = BIG * torch.eye(6, 5, dtype=torch.float64)
    s = 2 * normal(1452, 6, 5)
    full = stored(1453, 4, 6, 6)
    return [
        *cases,
        shows(
            "Where the student's probabilities are the label, the gradient is 0", v, i, 5,
            student=label(v, i, 5).log(), dtype=torch.float64,
        ),
        shows("Where the student is uniform, the loss is log C", v, i, 5, student=0 * s),
        shows("Where the batch is repeated, nothing changes", v.repeat(2, 1), i.repeat(2, 1), 5,
              student=s.repeat(2, 1)),
        shows("A constant added to all logits of a sample changes nothing", v, i, 5, student=s + offset,
              atol=2e-5),
        shows("With logits of size 50", v, i, 5, 31, scale=50.0, rtol=1e-3),
        shows("With logits of size 1e4", v, i, 5, 32, scale=BIG, rtol=1e-3, model_output=True),
        shows("With logits of size 1e4", v, i, 5, 33, scale=-BIG, rtol=1e-3, dtype=torch.float64),
        shows("With logits of size 1e4, at the wrong class", v, i, 5, student=far, rtol=1e-3),
        shows("With logits of size 1e4 and k = C, all classes stored", *full, 6, 34, scale=BIG, rtol=1e-3),
        shows("When called a second time with the same inputs", *label_cases()[0][1:], model_output=True),
    ]  # fmt: skip


def open_loss_cases() -> list[Case]:
    v, i, C = label_cases()[0][1:]
    return [Case((2 * normal(1461, 5, C), v, i.to(torch.int32)), sizes_of(v, C), INT32)]


TASKS = {
    "sparse_topk_soft_labels": TopK(
        ("logits", "k", "T"), PAIR, sparse_topk, topk_cases, topk_mistakes, learns=(),
    ),
    "reconstruct_soft_labels": SparseTask(
        ("values", "indices", "num_classes"), "probabilities for (batch, classes)",
        label_or_nothing, reconstruct_cases, label_mistakes, learns=(), shapes=why_label_shape,
        not_finite="A division by 0 or a logarithm of 0 is on the way.", open_cases=open_label_cases,
    ),
    "soft_cross_entropy_from_sparse": SparseTask(
        ("student_logits", "values", "indices"), "a scalar",
        sparse_loss, loss_cases, soft_cross_entropy_mistakes, open_cases=open_loss_cases,
    ),
}  # fmt: skip
