"""The graded tasks: each file here has a dictionary `TASKS`, from id to a function that examines an answer.

Such a function returns the feedback for a right answer and raises `probe.Rejected` otherwise. A new group of
tasks is a new file, and nothing else.
"""

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache


@cache
def all_tasks() -> dict[str, Callable[[object], list[str]]]:
    tasks = {}
    for module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        for task, examine in importlib.import_module(f"{__name__}.{module}").TASKS.items():
            assert task not in tasks, f"two definitions of task {task}"
            tasks[task] = examine
    return tasks


def find(task: str) -> Callable[[object], list[str]]:
    if task not in all_tasks():
        raise ValueError(f"task: expected one of {', '.join(sorted(all_tasks()))}; got {task!r}")
    return all_tasks()[task]
