"""The proof that an exercise grades rightly, run through the generated notebook.

For every graded task: the solution passes; the untouched exercise fails in the task's own check cell with the
message for unwritten answers, and nowhere else; right answers of other styles pass; wrong ones fail with the
feedback meant for them; trivial ones fail. Each function returns what it found wrong, so an empty list is a
proof.
"""

import copy
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


def prove_solution(source: NotebookNode, folder: Path) -> list[str]:
    """The solution runs and stays silent on stderr, which nbgrader takes for a failure."""
    book = copy.deepcopy(source)
    execute(book, folder, allow_errors=True)
    found = [f"cell {cell.id} fails: {error}" for cell in book.cells if (error := _error(cell))]
    return found + [f"cell {cell.id} writes to stderr" for cell in book.cells if _stderr(cell)]


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


def prove_answers(
    source: NotebookNode, exercise: NotebookNode, answers: dict[str, list[Answer]], folder: Path
) -> list[str]:
    """Right answers pass the public and the hidden checks, others fail the public ones as expected."""
    found = [
        f"task {task}: {problem}" for task in tasks(exercise) for problem in _enough(answers.get(task, []))
    ]
    book = v4.new_notebook()
    solved = {cell.id: cell for cell in source.cells}

    watched: list[tuple[str, Answer] | None] = []  # for each cell: the task and the answer it judges

    def add(code: str, task: str = "", answer: Answer | None = None) -> None:
        book.cells.append(v4.new_code_cell(code))
        watched.append((task, answer) if answer else None)

    for cell in exercise.cells:
        if cell.cell_type != "code":
            continue
        role, task = notebooks.role(cell), notebooks.grade_id(cell)
        task = task.removesuffix("_check").removesuffix("_hidden") if role == "check" else task
        if role == "check" and task in answers:
            for answer in answers[task]:
                # The whole check, hidden tests included, for right answers; what learners see for the others.
                code = solved[cell.id].source if answer.kind == "right" else cell.source
                if not code.strip() or (
                    answer.kind != "right" and notebooks.grade_id(cell) == f"{task}_hidden"
                ):
                    continue
                add(_KEEP)
                add(answer.source)
                add(code, task, answer)
                add(_RESTORE)
        add(solved[cell.id].source)
    execute(book, folder, allow_errors=True)
    judged = [_judge(cell, *(pair or ("", None))) for cell, pair in zip(book.cells, watched, strict=True)]
    return found + [problem for problem in judged if problem]


def _enough(answers: list[Answer]) -> list[str]:
    least = {"right": 2, "wrong": 3, "trivial": 3}
    counts = {kind: sum(answer.kind == kind for answer in answers) for kind in least}
    return [f"has {counts[kind]} {kind} answers, needs {n}" for kind, n in least.items() if counts[kind] < n]


def _judge(cell: NotebookNode, task: str, answer: Answer | None) -> str | None:
    error = _error(cell)
    if answer is None:
        return f"this cell fails while answers are tried: {error}\n{cell.source}" if error else None
    label = f"task {task}: {answer.kind} answer {answer.name!r}"
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


def _error(cell: NotebookNode) -> str | None:
    """`Name: text` of the error that a cell ended with."""
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            return f"{output.ename}: {output.evalue}"
    return None


def _stderr(cell: NotebookNode) -> bool:
    return any(o.output_type == "stream" and o.name == "stderr" for o in cell.get("outputs", []))
