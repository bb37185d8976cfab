"""The proof that an exercise grades rightly, run through the generated notebook.

For every graded task: the solution passes; the untouched exercise fails in the task's own check cell with the
message for unwritten answers, and nowhere else; right answers of other styles pass; wrong ones fail with the
feedback meant for them; trivial ones fail. Each function returns what it found wrong, so an empty list is a
proof.
"""

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nbformat import NotebookNode, v4

from kdcourse.authoring import notebooks
from kdcourse.authoring.answers import Answer
from kdcourse.authoring.run import execute

# Answers bring helpers and imports; the next one must not find them.
_KEEP = "_kept = {name: value for name, value in globals().items() if not name.startswith('_')}"
_RESTORE = """for _name in [name for name in globals() if not name.startswith('_') and name not in _kept]:
    del globals()[_name]
globals().update(_kept)"""


def tasks(exercise: NotebookNode) -> list[str]:
    """The tasks that are graded by a cell, in order."""
    return [notebooks.grade_id(cell) for cell in exercise.cells if notebooks.role(cell) == "solution"]


def prove_untouched(exercise: NotebookNode, stub: str, folder: Path) -> list[str]:
    """Each check cell fails with the stub's message; every other cell runs, or meets the stub it calls."""
    book, found = copy.deepcopy(exercise), []
    execute(book, folder, allow_errors=True)
    for cell in book.cells:
        error = _error(cell)
        if notebooks.role(cell) == "check":
            if not error:
                found.append(f"check cell {cell.id} does not fail on the untouched exercise")
            elif stub not in error or not error.startswith(("AssertionError", "NotImplementedError")):
                found.append(f"check cell {cell.id} fails with another message than {stub!r}: {error}")
        elif error and not (error.startswith("NotImplementedError") and stub in error):
            found.append(f"cell {cell.id} of the untouched exercise fails: {error}")
    if not any(notebooks.role(cell) == "check" for cell in book.cells):
        found.append("there is no check cell")
    return found


def _judge_plain(cell: NotebookNode) -> str | None:
    if error := _error(cell):
        return f"a cell of the solution or of an answer fails: {error}\n{cell.source}"
    # nbgrader takes it for a failure.
    return f"a cell of the solution writes to stderr:\n{cell.source}" if _stderr(cell) else None


def _judge_answer(cell: NotebookNode, task: str, answer: Answer) -> str | None:
    error, label = _error(cell), f"task {task}: {answer.kind} answer {answer.name!r}"
    if answer.kind == "right":
        if error:
            return f"{label} is rejected: {error}"
        return f"{label} lets the check write to stderr" if _stderr(cell) else None
    if not error:
        return f"{label} passes"
    if not error.startswith("AssertionError"):
        return f"{label} is not rejected by the check, but by {error}"
    if answer.expected not in error:
        return f"{label} is rejected without saying {answer.expected!r}: {error}"
    return None


def prove_answers(
    source: NotebookNode, exercise: NotebookNode, answers: dict[str, list[Answer]], folder: Path
) -> list[str]:
    """The solution passes; right answers pass public and hidden checks; others fail as expected.

    All in one kernel, up to the last check cell; what follows it is executed with the solved notebook.
    """
    found = [
        f"task {task}: {problem}" for task in tasks(exercise) for problem in _enough(answers.get(task, []))
    ]
    book, judges = v4.new_notebook(), []

    def add(code: str, judge: Callable[[NotebookNode], str | None] = _judge_plain) -> None:
        book.cells.append(v4.new_code_cell(code))
        judges.append(judge)

    solved = {cell.id: cell for cell in source.cells}
    last = max(number for number, cell in enumerate(exercise.cells) if notebooks.role(cell) == "check")
    for cell in exercise.cells[: last + 1]:
        if cell.cell_type != "code":
            continue
        if notebooks.role(cell) == "check":
            name = notebooks.grade_id(cell)
            task = name.removesuffix("_check").removesuffix("_hidden")
            for answer in answers.get(task, []):
                # The whole check, hidden tests included, for right answers; what learners see for the others.
                check = solved[cell.id].source if answer.kind == "right" else cell.source
                if check.strip() and (answer.kind == "right" or name == f"{task}_check"):
                    add(_KEEP)
                    add(answer.source)
                    add(check, partial(_judge_answer, task=task, answer=answer))
                    add(_RESTORE)
        add(solved[cell.id].source)
    execute(book, folder, allow_errors=True)
    judged = [judge(cell) for judge, cell in zip(judges, book.cells, strict=True)]
    return found + [problem for problem in judged if problem]


def _enough(answers: list[Answer]) -> list[str]:
    least = {"right": 2, "wrong": 3, "trivial": 3}
    counts = {kind: sum(answer.kind == kind for answer in answers) for kind in least}
    return [f"has {counts[kind]} {kind} answers, needs {n}" for kind, n in least.items() if counts[kind] < n]


def _error(cell: NotebookNode) -> str | None:
    """`Name: text` of the error that a cell ended with."""
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            return f"{output.ename}: {output.evalue}"
    return None


def _stderr(cell: NotebookNode) -> bool:
    return any(o.output_type == "stream" and o.name == "stderr" for o in cell.get("outputs", []))
