"""Known mistakes with sparse soft labels: cutting them, and writing them out.

Mistakes of the written-out label f(values, indices, C) serve two tasks: there it is the answer, or a part.
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from kdcourse.grading.formulas.responses import softmax
from kdcourse.grading.function_task import Wrong


def largest(p: Tensor, k: int) -> tuple[Tensor, Tensor]:
    values, indices = p.sort(dim=1, descending=True, stable=True)
    return values[:, :k], indices[:, :k]


def sparse_topk(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor]:
    return largest(softmax(z / T), k)


def topk_mistakes() -> Iterator[Wrong]:
    def values(change: Callable[..., Tensor], sentence: str) -> Wrong:
        """The indices are right; `change` makes the values of (values, p, z, T)."""

        def function(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor]:
            v, i = sparse_topk(z, k, T)
            return change(v, softmax(z / T), z.gather(1, i), T), i

        return Wrong(function, sentence)

    def indices(change: Callable[..., Tensor], sentence: str) -> Wrong:
        """The values are right; `change` makes the indices of (indices, p)."""

        def function(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor]:
            v, i = sparse_topk(z, k, T)
            return v, change(i, softmax(z / T))

        return Wrong(function, sentence)

    def both(change: Callable[[Tensor], Tensor]) -> Callable[..., tuple[Tensor, Tensor]]:
        return lambda z, k, T: tuple(change(part) for part in sparse_topk(z, k, T))

    k_only = (
        "The values of each row sum to 1: they are normalised over the k classes alone. Take the softmax "
        "over all C classes, then cut, and do not renormalise: the missing mass tells how unsure the teacher "
        "is."
    )
    yield values(lambda v, p, top, T: v / v.sum(1, keepdim=True), k_only)
    yield values(lambda v, p, top, T: softmax(top), k_only + " And the temperature is not used.")
    yield values(
        lambda v, p, top, T: softmax(v),
        "A second softmax acts on the k probabilities; they are to be stored as they are.",
    )
    yield Wrong(lambda z, k, T: sparse_topk(z, k, 1.0), "The temperature is not used.")
    yield Wrong(lambda z, k, T: sparse_topk(z, k, 1 / T), "The logits are multiplied by T; divide by it.")
    yield Wrong(lambda z, k, T: sparse_topk(z, k, T * T), "The logits are divided by T twice.")
    yield Wrong(
        lambda z, k, T: largest(softmax(z) / T, k),
        "The probabilities are divided by T after the softmax; divide the logits before it.",
    )
    yield values(lambda v, p, top, T: v * T * T, "A factor T² belongs to a loss; these are probabilities.")
    yield values(lambda v, p, top, T: v * T, "A factor T is too much; these are probabilities.")
    yield values(
        lambda v, p, top, T: top, "The values are logits; the task wants probabilities, softmax(logits / T)."
    )
    yield values(
        lambda v, p, top, T: top / T, "The values are logits divided by T; the softmax over them is missing."
    )
    yield values(
        lambda v, p, top, T: v.log(), "The values are log-probabilities; the task wants probabilities."
    )
    yield values(lambda v, p, top, T: (top / T).exp(), "`exp` alone: divide by the sum over all C classes.")
    sigmoid = "This is a sigmoid for each class; the softmax couples the classes."
    yield values(lambda v, p, top, T: torch.sigmoid(top / T), sigmoid)
    over_batch = "The softmax runs over the batch (`dim=0`); it must run over the classes (`dim=1`)."
    yield Wrong(lambda z, k, T: largest(softmax(z / T, 0), k), over_batch)
    yield values(lambda v, p, top, T: v / len(v), "The values are divided by the size of the batch.")
    yield Wrong(
        lambda z, k, T: largest(softmax((z / T).flatten()[None]).reshape(z.shape), k),
        "The softmax runs over the whole batch; each sample has its own (`dim=1`).",
    )
    yield Wrong(
        lambda z, k, T: largest(softmax(softmax(z / T)), k),
        "The softmax is taken twice.",
    )
    yield Wrong(
        lambda z, k, T: largest(softmax(softmax(z) / T), k),
        "The softmax is taken twice: divide the logits, not probabilities, by T.",
    )
    for kind in (torch.float16, torch.bfloat16):
        half = (
            f"The values are rounded to {str(kind).removeprefix('torch.')}. That is a fair way to save space "
            "in a store, but this function returns what it computed; rounding is the writer's decision."
        )
        yield values(lambda v, p, top, T, kind=kind: v.to(kind).double(), half)
    yield values(
        lambda v, p, top, T: (v * 255).round() / 255,
        "The values are rounded to 8 bits; return the probabilities.",
    )
    yield values(lambda v, p, top, T: v.round(decimals=2), "The values are rounded; return them as they are.")
    yield values(lambda v, p, top, T: v.round(decimals=3), "The values are rounded; return them as they are.")
    yield values(
        lambda v, p, top, T: v / v[:, :1],
        "The values are divided by the largest of their row; store the probabilities themselves.",
    )
    missing = "Nothing is to be given the mass that the k values lack: the reading side spreads it."
    yield values(lambda v, p, top, T: v + (1 - v.sum(1, keepdim=True)) / v.shape[1], missing)
    yield values(
        lambda v, p, top, T: torch.cat([v[:, :1] + 1 - v.sum(1, keepdim=True), v[:, 1:]], 1), missing
    )
    yield values(lambda v, p, top, T: v.cumsum(1), "The values are added up along the row (`cumsum`).")
    yield values(lambda v, p, top, T: torch.ones_like(v), "All values are 1: that marks the classes only.")
    yield values(lambda v, p, top, T: p[:, : v.shape[1]], "The values are those of the first k classes.")
    yield values(lambda v, p, top, T: v.flip(1), "Values and indices run in opposite orders.")

    def smallest(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor]:
        values, indices = softmax(z / T).sort(1)
        return values[:, :k], indices[:, :k]

    lowest = "These are the k *smallest* probabilities (`largest=False`, or a sort that ascends)."
    yield Wrong(smallest, lowest)
    yield Wrong(lambda z, k, T: tuple(part.flip(1) for part in smallest(z, k, T)), lowest)
    yield Wrong(
        both(lambda part: part.flip(1)), "The order is ascending; the largest value of a row comes first."
    )

    def by_class(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor]:
        v, i = sparse_topk(z, k, T)
        i, order = i.sort(1)
        return v.gather(1, order), i

    yield Wrong(by_class, "The entries are ordered by their class; the largest value of a row comes first.")
    yield Wrong(
        lambda z, k, T: (softmax(z / T)[:, :k], torch.arange(k).expand(len(z), k)),
        "These are the first k classes, whatever their probabilities.",
    )
    yield indices(lambda i, p: i.flip(1), "Values and indices run in opposite orders.")
    yield indices(
        lambda i, p: i.sort(1).values, "The indices are sorted, and no longer belong to their values."
    )
    ranks = (
        "These indices are positions in a sorted or cut list, not classes. Keep what `topk` or `argsort` "
        "gives for the full row."
    )
    yield indices(lambda i, p: torch.arange(i.shape[1]).expand_as(i), ranks)
    yield indices(lambda i, p: p.argsort(1, descending=True).argsort(1)[:, : i.shape[1]], ranks)
    yield indices(lambda i, p: p.argsort(1).argsort(1)[:, : i.shape[1]], ranks)
    yield indices(
        lambda i, p: p.argsort(1)[:, : i.shape[1]], "The indices are those of the k smallest probabilities."
    )
    yield indices(lambda i, p: i + 1, "The classes are numbered from 1 on; they begin with 0.")
    yield indices(
        lambda i, p: i + p.shape[1] * torch.arange(len(i))[:, None],
        "The indices point into the flattened batch; they are to be classes, 0 .. C − 1.",
    )
    yield indices(lambda i, p: i[:1].expand_as(i), "Every row has the classes of the first.")

    def of_size(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor]:
        i = largest(z.abs(), k)[1]
        return softmax(z / T).gather(1, i), i

    yield Wrong(of_size, "The classes are chosen by the size of the logits without their sign.")

    def shared(z: Tensor, k: int, T: float) -> tuple[Tensor, Tensor]:
        p = softmax(z / T)
        i = largest(p.mean(0, keepdim=True), k)[1].expand(len(z), k)
        return p.gather(1, i), i

    yield Wrong(shared, "The same k classes are kept for the whole batch; each sample has its own.")


def rest(v: Tensor) -> Tensor:
    return 1 - v.sum(1, keepdim=True)


def put(v: Tensor, i: Tensor, C: int, spread: Tensor | float) -> Tensor:
    """The values at their indices and `spread`, a number or (B, 1), everywhere else."""
    return torch.zeros(len(v), C, dtype=v.dtype).add(spread).scatter(1, i.long(), v)


def label(v: Tensor, i: Tensor, C: int) -> Tensor:
    others = C - v.shape[1]
    return put(v, i, C, rest(v) / others if others else 0.0)


def over(mass: Tensor | float, classes: int) -> Tensor | float:
    """Shared by that many classes; those who forget that there may be none get infinity."""
    return mass / classes if classes else mass * float("inf")


def _flipped(part: Tensor) -> Tensor:
    return part.flip(1)


def _every_row(v: Tensor, i: Tensor, C: int) -> Tensor:
    p = (rest(v) / (C - v.shape[1])).repeat(1, C)
    for b in range(len(v)):
        p[:, i[b].long()] = v[b]
    return p


def _not_where_zero(v: Tensor, i: Tensor, C: int) -> Tensor:
    p = put(v, i, C, 0.0)
    return torch.where(p == 0, rest(v) / (C - v.shape[1]), p)


def _counted_zeros(v: Tensor, i: Tensor, C: int) -> Tensor:
    p = put(v, i, C, 0.0)
    return torch.where(p == 0, rest(v) / (p == 0).sum(1, keepdim=True), p)


def _ends(v: Tensor, i: Tensor, C: int, where: int) -> Tensor:
    p = put(v, i, C, 0.0)
    p[:, where] += rest(v)[:, 0]
    return p


def _on_top(v: Tensor) -> Tensor:
    return torch.cat([v[:, :1] + rest(v), v[:, 1:]], 1)


ZERO_STORED = (
    "Which classes are stored is read off from `p == 0`, but a stored value may be 0 as well: tell stored "
    "classes by their indices."
)
_NORMALISED = (
    "The rows are normalised at the end: that changes the stored values. They stay as they are; with the "
    "rest over C − k classes the sum is 1 by itself."
)
_TO_K = "The missing mass goes to stored classes. It belongs to those that are not stored, in equal parts."

LABELS = [
    Wrong(
        lambda v, i, C: put(v, i, C, 0.0),
        "The missing mass 1 − Σ values is not spread: the classes that are not stored have 0, and the rows "
        "do not sum to 1.",
    ),
    Wrong(
        lambda v, i, C: put(v / v.sum(1, keepdim=True), i, C, 0.0),
        "The k values are renormalised to sum to 1, and the others get nothing. Leave the values and spread "
        "the missing mass over the other classes.",
    ),
    Wrong(
        lambda v, i, C: put(v.softmax(1), i, C, 0.0),
        "A softmax acts on the stored probabilities; they are probabilities already.",
    ),
    Wrong(
        lambda v, i, C: put(v, i, C, rest(v) / C),
        "The missing mass is divided by C; only the C − k classes that are not stored share it.",
    ),
    Wrong(
        lambda v, i, C: put(v + rest(v) / C, i, C, rest(v) / C),
        "The missing mass is spread over all C classes, the stored ones too; only the other C − k get it.",
    ),
    Wrong(
        lambda v, i, C: put(v + rest(v) / (C - v.shape[1]), i, C, rest(v) / (C - v.shape[1])),
        "The values are added to the spread (`scatter_add`, `+=`); at their indices they are to be set.",
    ),
    Wrong(
        lambda v, i, C: put(v, i, C, rest(v)),
        "Every class that is not stored gets the whole missing mass; divide it by their number, C − k.",
    ),
    Wrong(
        lambda v, i, C: put(v, i, C, rest(v) / v.shape[1]),
        "The missing mass is divided by k, the number of stored classes; divide by the number of the others.",
    ),
    Wrong(
        lambda v, i, C: put(v, i, C, rest(v) / (C - 1)),
        "The missing mass is divided by C − 1, as if one class were stored; there are C − k others.",
    ),
    Wrong(
        lambda v, i, C: put(v, i, C, rest(v) / (C - v.shape[1] + 1)),
        "The missing mass is divided by C − k + 1; there are C − k other classes.",
    ),
    Wrong(
        lambda v, i, C: put(v, i, C, rest(v) / (C - v.shape[1] - 1)),
        "The missing mass is divided by C − k − 1; there are C − k other classes.",
    ),
    Wrong(
        lambda v, i, C: put(v, i, C, rest(v) / len(v)),
        "The missing mass is divided by the size of the batch; divide by C − k.",
    ),
    Wrong(
        lambda v, i, C: put(v, i, C, -rest(v) / (C - v.shape[1])),
        "The missing mass has the wrong sign: it is 1 − Σ values.",
    ),
    Wrong(
        lambda v, i, C: put(v, i, C, 1 / C),
        "The other classes get 1/C, whatever is missing; they share 1 − Σ values.",
    ),
    Wrong(
        lambda v, i, C: put(v, i, C, over(1.0, C - v.shape[1])),
        "The other classes share 1; they are to share what is missing, 1 − Σ values.",
    ),
    Wrong(
        lambda v, i, C: put(v, i, C, v[:, -1:]),
        "The other classes get the last stored value; they share 1 − Σ values.",
    ),
    Wrong(
        lambda v, i, C: put(v, i, C, (1 - v[:, :1]) / (C - v.shape[1])),
        "Only the first value is taken from 1; the missing mass is 1 minus the sum of all k.",
    ),
    Wrong(
        lambda v, i, C: put(v, i, C, (1 - v[:, :1]) / (C - 1)),
        "The missing mass is computed as if only the first value were stored: 1 − v₁ over C − 1 classes.",
    ),
    Wrong(
        lambda v, i, C: put(v, i, C, (1 - v.sum()) / (C - v.shape[1])),
        "The values are summed over the whole batch; each row has its own sum (`sum(dim=1, keepdim=True)`).",
    ),
    Wrong(
        lambda v, i, C: put(v, i, C, rest(v).mean() / (C - v.shape[1])),
        "Every row gets the batch's mean of the missing mass; each has its own.",
    ),
    Wrong(
        lambda v, i, C: put(v, i, C, rest(v)[:1] / (C - v.shape[1])),
        "Every row gets the missing mass of the first; each has its own.",
    ),
    Wrong(lambda v, i, C: put(v + rest(v) / v.shape[1], i, C, 0.0), _TO_K),
    Wrong(lambda v, i, C: put(_on_top(v), i, C, 0.0), _TO_K),
    Wrong(
        lambda v, i, C: _ends(v, i, C, -1),
        "The whole missing mass goes to the last class; the classes that are not stored share it.",
    ),
    Wrong(
        lambda v, i, C: _ends(v, i, C, 0),
        "The whole missing mass goes to class 0; the classes that are not stored share it.",
    ),
    Wrong(lambda v, i, C: F.normalize(put(v, i, C, rest(v) / C), p=1.0), _NORMALISED),
    Wrong(lambda v, i, C: F.normalize(put(v, i, C, 1 / C), p=1.0), _NORMALISED),
    Wrong(lambda v, i, C: F.normalize(put(v, i, C, rest(v)), p=1.0), _NORMALISED),
    Wrong(
        lambda v, i, C: softmax(put(v, i, C, 0.0)),
        "A softmax acts on probabilities; the label is made of them as they are.",
    ),
    Wrong(
        lambda v, i, C: softmax(label(v, i, C)),
        "A softmax acts on probabilities; the label is made of them as they are.",
    ),
    Wrong(
        lambda v, i, C: put(torch.ones_like(v), i, C, 0.0),
        "The stored classes get 1; they get their values.",
    ),
    Wrong(
        lambda v, i, C: label(v[:, :1], i[:, :1], C),
        "Only the first of the k entries is used.",
    ),
    Wrong(
        lambda v, i, C: label(v, torch.arange(v.shape[1]).expand_as(v), C),
        "The values stand in the first k columns; each belongs into the column that `indices` names.",
    ),
    Wrong(
        lambda v, i, C: label(v, i.sort(1).values, C),
        "The indices are sorted, and no longer belong to their values.",
    ),
    Wrong(
        lambda v, i, C: label(v.sort(1, descending=True).values, i.sort(1).values, C),
        "Values and indices are sorted apart, and no longer belong together.",
    ),
    Wrong(lambda v, i, C: label(_flipped(v), i, C), "Values and indices run in opposite orders."),
    Wrong(lambda v, i, C: label(v, i[:1].expand_as(i), C), "Every row uses the indices of the first."),
    Wrong(lambda v, i, C: label(v[:1].expand_as(v), i, C), "Every row uses the values of the first."),
    Wrong(lambda v, i, C: label(v.flip(0), i, C), "The values belong to other rows than the indices."),
    Wrong(
        _every_row,
        "`p[:, indices] = ...` sets the columns of one sample in every row: name the rows as well, or use "
        "`scatter(1, indices, values)`.",
    ),
    Wrong(
        lambda v, i, C: put(v, (i + 1) % C, C, rest(v) / (C - v.shape[1])),
        "The classes are shifted by one.",
    ),
    Wrong(
        lambda v, i, C: put(v, (i - 1) % C, C, rest(v) / (C - v.shape[1])),
        "The classes are shifted by one.",
    ),
    Wrong(_not_where_zero, ZERO_STORED),
    Wrong(_counted_zeros, ZERO_STORED),
]


def label_mistakes() -> Iterator[Wrong]:
    yield from LABELS
    yield Wrong(
        lambda v, i, C: label(v, i, C).log(), "These are log-probabilities; the task wants probabilities."
    )
    yield Wrong(lambda v, i, C: label(v, i, C) / len(v), "The label is divided by the size of the batch.")
    yield Wrong(
        lambda v, i, C: put(torch.zeros_like(v), i, C, rest(v) / (C - v.shape[1])),
        "The spread is there, but the values are not put at their indices.",
    )
    yield Wrong(
        lambda v, i, C: (rest(v) / (C - v.shape[1])).repeat(1, C),
        "The spread is there, but the values are not put at their indices: `scatter` without the underscore "
        "returns a new tensor.",
    )
    for kind in (torch.float16, torch.bfloat16):
        yield Wrong(
            lambda v, i, C, kind=kind: label(v, i, C).to(kind).double(),
            f"The label is rounded to {str(kind).removeprefix('torch.')}.",
        )
