"""Run an exercise afresh and judge every task, as before handing in: `kdcourse check`.

    kdcourse check 01                          exercise 01
    kdcourse check path/to/notebook.ipynb      any copy of an exercise

The notebook is executed from top to bottom in a fresh kernel, on a copy in memory: the file stays as it is. A
cell that does not end is interrupted. Judged are the public checks; grading runs some further ones. Save the
notebook first: what JupyterLab has not saved cannot be seen here.
"""

import argparse
import hashlib
import logging
import re
import sys
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode

from kdcourse.authoring import notebooks
from kdcourse.authoring.run import FailedNotebook, execute
from kdcourse.progress import store
from kdcourse.progress.exercises import course_here, exercises

CELL_TIMEOUT, TIMEOUT = 120.0, 1200.0  # seconds; the first is that of grading
PASSED, WRONG, UNWRITTEN, MISSING = "passed", "not right yet", "not written yet", "no check cell"
UNREACHED, CHANGED = "not reached", "check cell changed"
_UNSOLVED = ("NotImplementedError", "Not written yet")
_BLANK_TEXT = "*Write your answer here.*"


class CannotCheck(Exception):
    """There is nothing that could be judged; the message says why, and what to do."""


class Verdict(NamedTuple):
    """What is to be said about one task."""

    task: str
    state: str
    lines: tuple[str, ...] = ()


def find(which: str, course: Path | None) -> Path:
    """An exercise by its number ("01", "1", "ex01_soft_targets"), or any notebook by its path."""
    if which.endswith(".ipynb"):
        if not Path(which).is_file():
            raise CannotCheck(f"There is no notebook {which}. (The current folder is {Path.cwd()}.)")
        return Path(which).resolve()
    names = [path.stem for path in sorted(course.glob("exercises/ex*/ex*.ipynb"))] if course else []
    number = which.removeprefix("ex").zfill(2)
    found = [name for name in names if which == name or name[2:4] == number]
    if len(found) != 1:
        raise CannotCheck(f'No exercise is numbered "{which}"; there are: {", ".join(names) or "none"}.')
    return course / "exercises" / found[0] / f"{found[0]}.ipynb"


def read(path: Path) -> NotebookNode:
    """The notebook without outputs. Raises `CannotCheck` for what is none."""
    try:
        book = notebooks.read(path)
        cells = [cell for cell in book.cells if cell.cell_type == "code"]
    except Exception as error:  # nbformat raises many kinds
        reason = str(error).strip().splitlines()
        reason = reason[0][:120] if reason else type(error).__name__
        raise CannotCheck(
            f"{path} is not a notebook that can be read ({reason}). If it was cut off while it was saved, "
            "JupyterLab may have an older state of it: in the menu, File, Revert Notebook to Checkpoint."
        ) from None
    for cell in cells:
        cell.outputs, cell.execution_count = [], None
    return book


def checksum(cell: NotebookNode) -> str:
    """What nbgrader writes into a locked cell's metadata when it makes the exercise."""
    meta = cell.metadata.nbgrader
    flags = (meta.grade, meta.solution, meta.locked)
    parts = [cell.source, cell.cell_type, *map(str, flags), meta.grade_id, str(float(meta.points))]
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()


def judge(book: NotebookNode, expected: list[str], stopped: str | None, seconds: float) -> list[Verdict]:
    """A verdict for each task of an executed notebook; `stopped` is the cell in which the kernel ended."""
    ids = [cell.id for cell in book.cells]
    reached = ids[: ids.index(stopped)] if stopped in ids else ids
    checks, answers = {}, {}
    for cell in book.cells:
        name = notebooks.grade_id(cell) or ""
        if notebooks.role(cell) == "check" and cell.source.strip():
            checks.setdefault(re.sub(r"_(check|hidden)$", "", name), []).append(cell)
        elif notebooks.role(cell) == "solution":
            answers[name] = cell
    verdicts = []
    for task in dict.fromkeys([*expected, *answers, *checks]):
        answer = answers.get(task)
        if task not in checks:
            verdicts.append(Verdict(task, MISSING, (
                "Its check cell is gone. Undo the deletion, or copy it from a fresh copy of the exercise; "
                "when your work is graded, it is put back.",
            )))  # fmt: skip
        elif any(cell.id not in reached for cell in checks[task]):
            verdicts.append(Verdict(task, UNREACHED, ("The run ended before the check of this task.",)))
        else:
            verdicts.append(_judged(task, checks[task], answer, seconds))
    return verdicts


def _judged(task: str, checks: list[NotebookNode], answer: NotebookNode | None, seconds: float) -> Verdict:
    for cell in checks:
        meta = cell.metadata.nbgrader
        if meta.get("checksum") not in (None, checksum(cell)):
            return Verdict(task, CHANGED, (
                "The check cell is not the original one, so what it says means nothing. Copy it back from a "
                "fresh copy of the exercise; grading uses the original.",
            ))  # fmt: skip
    errors = [found for cell in checks if (found := _error(cell))]
    if not errors:
        return Verdict(task, PASSED)
    name, text = errors[0]
    if any(word in f"{name}: {text}" for word in _UNSOLVED):
        return Verdict(task, UNWRITTEN)
    if answer is None:
        return Verdict(task, WRONG, (
            "The cell for your answer is gone, and its hidden name with it. Undo the deletion, or begin with "
            "a fresh copy of the exercise.",
        ))  # fmt: skip
    if at_fault := _error(answer):  # then the check only meets what follows from it
        return Verdict(task, WRONG, (_said("Your cell", *at_fault, seconds),))
    if name == "AssertionError":
        lines = [line.removeprefix("  - ") for line in text.splitlines() if line]
        return Verdict(task, WRONG, tuple(line for line in lines if not line.startswith(f"{task}: ")))
    return Verdict(task, WRONG, (_said("The check", name, text, seconds),))


def _said(what: str, name: str, text: str, seconds: float) -> str:
    if name == "KeyboardInterrupt":
        return f"{what} did not finish within {seconds:g} s and was interrupted. Is there an endless loop?"
    return f"{what} fails with {name}: {text.strip().splitlines()[0] if text.strip() else 'no message'}"


def _error(cell: NotebookNode) -> tuple[str, str] | None:
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            return output.ename, output.evalue
    return None


def others(book: NotebookNode, seconds: float) -> list[str]:
    """Cells that belong to no check and fail, but not because an answer is still to be written."""
    found = []
    for cell in book.cells:
        error = _error(cell) if cell.cell_type == "code" and notebooks.role(cell) in ("", "manual") else None
        if error and not any(word in ": ".join(error) for word in _UNSOLVED):
            found.append(_said(f"Cell {cell.id}", *error, seconds))
    return found


def for_a_reader(book: NotebookNode) -> list[str]:
    """A line for each task that a person reads."""
    lines = []
    for cell in book.cells:
        if notebooks.role(cell) == "manual":
            blank = cell.source.strip() in ("", _BLANK_TEXT) or "raise NotImplementedError" in cell.source
            name, points = notebooks.grade_id(cell), cell.metadata.nbgrader.get("points", 0)
            lines.append(f"{name} ({points:g} points): {'not written yet' if blank else 'written'}")
    return lines


def check_notebook(path: Path, course: Path | None, cell_timeout: float, timeout: float) -> int:
    """Run, print, and return the exit status: 0 if every checkable task passes. Raises `CannotCheck`."""
    book = read(path)
    graded = [cell for cell in book.cells if notebooks.role(cell)]
    known = {exercise.name: exercise.checked for exercise in exercises(course)} if course else {}
    expected = known.get(path.stem, [])
    if not graded and not expected:
        raise CannotCheck(f"{path} has no tasks. Name an exercise, such as `kdcourse check 01`.")
    print(f"Running {path.name} in a fresh kernel; this may take a minute or two.", flush=True)
    stopped = problem = None
    logging.getLogger("traitlets").setLevel(logging.CRITICAL)  # nbclient tells it of what is said below
    try:
        limits = {"cell_timeout": cell_timeout, "timeout": timeout}
        execute(book, path.parent, allow_errors=True, interrupt=True, **limits)
    except FailedNotebook as error:
        stopped, problem = error.cell or (book.cells[0].id if book.cells else None), str(error)
    verdicts = judge(book, expected, stopped, cell_timeout)
    width = max(len(state) for state in (PASSED, WRONG, UNWRITTEN, MISSING, UNREACHED, CHANGED))
    for task, state, lines in verdicts:
        print(f"{state:<{width}}  {task}")
        for line in lines:
            print(f"{'':<{width}}    {line}")
        if state == PASSED:
            store.record(task, True, folder=path.parent, counted=False)
    if problem:
        print(f"\nThe run did not reach its end: {problem}.")
    if failing := others(book, cell_timeout):
        print("\nOther cells that fail:", *failing, sep="\n  ")
    if read_by_hand := for_a_reader(book):
        print("\nA person reads:", *read_by_hand, sep="\n  ")
    passed = sum(verdict.state == PASSED for verdict in verdicts)
    print(f"\n{passed} of {len(verdicts)} tasks with a check pass.")
    return 0 if verdicts and passed == len(verdicts) else 1


def main(argv: list[str] | None = None) -> int:
    """Exit 0 if every checkable task passes, 1 if not or if nothing could be judged."""
    parser = argparse.ArgumentParser(prog="kdcourse check", description=__doc__.splitlines()[0])
    parser.add_argument("which", metavar="NN|PATH", help="number of an exercise, or a notebook's path")
    parser.add_argument("--cell-timeout", type=float, default=CELL_TIMEOUT, metavar="SECONDS")
    parser.add_argument(
        "--timeout", type=float, default=TIMEOUT, metavar="SECONDS", help="for the whole notebook"
    )
    options = parser.parse_args(argv)
    try:
        try:
            course = course_here(Path.cwd())
        except FileNotFoundError:
            if not options.which.endswith(".ipynb"):
                raise
            course = None
        path = find(options.which, course)
        return check_notebook(path, course, options.cell_timeout, options.timeout)
    except CannotCheck as error:
        print(f"kdcourse check: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
