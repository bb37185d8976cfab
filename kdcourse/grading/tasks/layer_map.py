"""`layer_map`: X. Jiao et al., "TinyBERT" (2020), section 3: the uniform map with the embedding at 0."""

from collections.abc import Callable
from numbers import Integral, Real

import numpy as np
import torch

from kdcourse.grading.probe import Rejected, prepare, protected

NAMES = ("teacher_layers", "student_layers")
FITS = [(12, 4), (4, 2), (12, 6), (24, 6), (6, 2), (9, 3), (5, 1), (7, 7), (1, 1), (15, 5), (12, 12)]
MISFITS = [(12, 5), (4, 3), (7, 2), (2, 4), (3, 12), (10, 4), (5, 4)]

MISTAKES = {
    "The embedding is left out: state 0 comes first, so there are student_layers + 1 entries.":
        lambda t, s: [i * t // s for i in range(1, s + 1)],
    "The embedding comes twice, or the last layer is left out: `range(student_layers + 1)` ends with "
    "student_layers.": lambda t, s: [i * t // s for i in range(s)],
    "These are the teacher's *layers* counted from 0, (i + 1) · k − 1, as for lists of attention maps. "
    "Hidden states "
    "have the embedding at 0, so layer i's output is state "
    "i.": lambda t, s: [(i + 1) * t // s - 1 for i in range(s)],
    "All but the embedding are one layer too low: are layers counted from 0? The last student layer "
    "learns from the "
    "teacher's last.": lambda t, s: [0, *(i * t // s - 1 for i in range(1, s + 1))],
    "These are the teacher's first layers; the task is the uniform map.": lambda t, s: list(range(s + 1)),
    "These are the teacher's last layers; the task is the uniform map.":
        lambda t, s: [0, *range(t - s + 1, t + 1)],
    "The map begins with state 1; the embedding, state 0, goes to the embedding.":
        lambda t, s: [i * t // s + 1 for i in range(s + 1)],
    "The steps have the wrong length: student and teacher are "
    "exchanged.": lambda t, s: [i * s // t for i in range(t + 1)],
    "The order is reversed: the student's first state comes "
    "first.": lambda t, s: [i * t // s for i in range(s, -1, -1)],
    "This lists all of the teacher's states; choose one for each of the "
    "student's.": lambda t, s: list(range(t + 1)),
    "This is the step, one number; the map has an entry for each of the student's "
    "states.": lambda t, s: [t // s],
    "Between two chosen states lies the same step, but the first is not 0: count back no further than to the "
    "embedding.": lambda t, s: [(i + 1) * t // s for i in range(s + 1)],
}  # fmt: skip


def uniform(t: int, s: int) -> list[int]:
    return [i * (t // s) for i in range(s + 1)]


def listed(result: object, asked: str) -> list[int]:
    """The answer as a list of ints, from whatever kind of sequence it comes."""
    if result is None:
        raise Rejected(f"Your function returns None{asked}. Is a `return` missing?")
    if isinstance(result, torch.Tensor | np.ndarray):
        if result.ndim != 1:
            raise Rejected(
                f"Your function returns an array of the shape {tuple(result.shape)}{asked}; expected is a "
                "tuple of integers."
            )
        result = result.tolist()
    if isinstance(result, dict):
        raise Rejected(
            f"Your function returns a dictionary{asked}; expected is a tuple: its entry i belongs to the "
            "student's state i."
        )
    if isinstance(result, str | bytes | Real) or not hasattr(result, "__iter__"):
        raise Rejected(
            f"Your function returns a {type(result).__name__}{asked}; expected is a tuple of integers."
        )
    if hasattr(result, "__next__"):
        raise Rejected(
            f"Your function returns a generator{asked}, which can be read only once; make it a tuple: "
            "`tuple(...)`."
        )
    if isinstance(result, set | frozenset):
        raise Rejected(f"Your function returns a set{asked}, which has no order; return a tuple.")
    items = list(result)
    for item in items:
        if isinstance(item, Real) and not isinstance(item, Integral):
            raise Rejected(
                f"Your function returns numbers such as {item!r}{asked}; an index is an integer.",
                diagnosis="`/` gives floats: divide with `//`, after looking whether it divides.",
            )
        if not isinstance(item, Integral) or isinstance(item, bool):
            if isinstance(item, torch.Tensor) and item.numel() == 1 and not item.is_floating_point():
                continue
            raise Rejected(f"An entry is a {type(item).__name__}{asked}; expected are integers.")
    return [int(item) for item in items]


def examine(answer: object) -> list[str]:
    function = prepare(answer, NAMES)
    seen = []
    for t, s in FITS:
        asked = f" for teacher_layers = {t}, student_layers = {s}"
        seen.append(listed(protected(function, t, s), asked))
    wrong = next((i for i, (t, s) in enumerate(FITS) if seen[i] != uniform(t, s)), None)
    if wrong is not None:
        t, s = FITS[wrong]
        raise Rejected(
            f"With {t} teacher layers and {s} student layers yours is {tuple(seen[wrong])}, which is not "
            "the uniform map.",
            f"It has {s + 1} entries: the embedding's 0, then one for each of the student's layers, the "
            "last of them "
            f"{t}.",
            diagnosis=recognised(seen),
        )
    for t, s in MISFITS:
        require_refusal(function, t, s)
    return [
        f"The map agrees with ours for {len(FITS)} pairs of nets, and {len(MISFITS)} pairs that do not "
        "divide are "
        "refused."
    ]


def recognised(seen: list[list[int]]) -> str | None:
    return next(
        (
            sentence
            for sentence, mistake in MISTAKES.items()
            if all(mistake(t, s) == got for (t, s), got in zip(FITS, seen, strict=True))
        ),
        None,
    )


def require_refusal(function: Callable[..., object], t: int, s: int) -> None:
    asked = f"{t} teacher layers do not divide by {s}"
    refused, other = [], []

    def watched() -> object:
        try:
            return function(t, s)
        except ValueError:
            refused.append(True)
        except AssertionError:
            other.append("AssertionError")
        return None

    result = protected(watched)
    if refused:
        return
    raised = f"your function raises {other[0]}" if other else f"your function returns {result!r}"
    raise Rejected(
        f"{asked}: {raised}; expected is a ValueError.",
        diagnosis="`if teacher_layers % student_layers: raise ValueError(...)`: a map that is silently "
        "rounded pairs layers that nobody chose (and an `assert` vanishes under `python -O`).",
    )


TASKS = {"layer_map": examine}
