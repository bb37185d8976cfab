"""Check cells that judge by themselves, such as those of `judge_...` tasks, are noticed when they have run.

Most check cells call `kdcourse.grading.check`, which keeps the progress itself. Those that put a learner's
own test to the test call none. IPython tells after each cell what ran and whether it failed; a cell whose
source is such a check cell of the exercise in this folder is one try.
"""

import sys
from pathlib import Path

from kdcourse.progress import exercises, store

_watching: list[object] = []  # the shell that was asked to tell


def watch() -> None:
    """Begin, if this is a notebook of an exercise. Without effect elsewhere; raises nothing."""
    try:
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        if shell is None or shell in _watching or store.path_for() is None or not _silent_checks(Path.cwd()):
            return
        _watching.append(shell)
        shell.events.register("post_run_cell", _after_cell)
    except Exception:
        return  # no reason for `import kdcourse.grading` to fail


def _after_cell(result: object) -> None:
    try:
        error = result.error_before_exec or result.error_in_exec
        source = result.info.raw_cell.strip()
        if "assert" not in source.lower():  # no check cell: spare reading the notebook's file
            return
        # An answer that is not written is no try.
        if isinstance(error, KeyboardInterrupt) or (error and "NotImplementedError" in f"{error!r}{error}"):
            return
        task = _silent_checks(Path.cwd()).get(source)
        if task:
            store.record(task, error is None)
    except Exception:
        return  # IPython would print it, in a cell that has nothing to do with it


def _silent_checks(folder: Path) -> dict[str, str]:
    """Source -> task of the check cells here that call no `check`."""
    found = {}
    for path in sorted(folder.glob("*.ipynb")) if store.exercise_of(folder.resolve()) else ():
        try:
            cells = exercises.cells_of(path)
        except (OSError, ValueError):
            continue
        for cell in cells:
            if cell.role == "check" and not cell.calls_check:
                found[cell.source.strip()] = cell.task
    return found
