"""Hints for a learner who has tried more than once: where to look, then a small case to work out by hand.

Each file here has a dictionary `HINTS`, from the id of a task to its `Hints`. None of them is the solution. A
first wrong answer gets only the feedback on what was seen; each further one a hint more.
"""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch


class Hints(NamedTuple):
    """What a learner hears after the second and the third wrong answer."""

    look: str  # where the lecture says it, and what to compare
    work: str  # a step to take by hand
    # Arguments of a small case, as Python, with `t` for torch.tensor. Its value, from the grader's own
    # reference, stands below `work`.
    example: str = ""


_failed: Counter[str] = Counter()  # wrong answers since the last right one, by task


@cache
def all_hints() -> dict[str, Hints]:
    hints: dict[str, Hints] = {}
    for module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        for task, of_task in importlib.import_module(f"{__name__}.{module}").HINTS.items():
            assert task not in hints, f"two lists of hints for task {task}"
            hints[task] = of_task
    return hints


def after_failure(task: str, examine: Callable, wrong: int | None = None) -> list[str]:
    """Count a wrong answer; the hints that are due by now.

    `wrong` is their number if it was kept on disk, this one included: it knows of earlier sessions. Without
    it this session's count goes on.
    """
    _failed[task] = wrong if wrong else _failed[task] + 1
    hints = all_hints().get(task)
    if hints is None or _failed[task] < 2:
        return []
    due = [f"Hint 1 of 2: {hints.look}"]
    if _failed[task] > 2:
        due.append(f"Hint 2 of 2: {hints.work}{worked_example(task, hints, examine)}")
    return due


def after_success(task: str) -> None:
    """Forget the wrong answers: who breaks a right answer later begins anew."""
    del _failed[task]


def worked_example(task: str, hints: Hints, examine: Callable) -> str:
    """A sentence with a call and what it should give."""
    if not hints.example:
        return ""
    args = eval(f"({hints.example},)", {"t": torch.tensor, "torch": torch})
    double = [a.double() if isinstance(a, torch.Tensor) and a.is_floating_point() else a for a in args]
    with torch.no_grad():
        value = examine.reference(*double)
    return (
        f" For example, `{task}({hints.example})`, with `t` for `torch.tensor`, should give {_shown(value)}."
    )


def _shown(value: object) -> str:
    if isinstance(value, torch.Tensor):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
