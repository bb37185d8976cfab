"""Small exercises without torch, made like the course's own."""

from pathlib import Path

from nbformat import NotebookNode, v4

from kdcourse.authoring import notebooks
from kdcourse.progress import before_handing_in

COURSE = ("notebooks", "kdcourse", "exercises/ex91_small", "exercises/ex92_other", "solutions", "autograded")
STUB = 'raise NotImplementedError("exercise not solved yet")'


def cell(kind: str, source: str, name: str, *, grade: bool, solution: bool) -> NotebookNode:
    """A cell with nbgrader's metadata, and the checksum that nbgrader gives to a locked one."""
    made = getattr(v4, f"new_{kind}_cell")(source, id=name.replace("_", "-"))
    made.metadata.nbgrader = NotebookNode(
        grade=grade, solution=solution, locked=not solution, grade_id=name, points=2.0 if grade else None,
        schema_version=3, task=False, cell_type=kind,
    )  # fmt: skip
    if not solution:
        made.metadata.nbgrader.checksum = before_handing_in.checksum(made)
    return made


def check_source(task: str) -> str:
    """A check: `judge_...` judges by itself, the others look as if they called `check`."""
    body = f"assert {task}(4) == 8, '{task}: not right yet (public checks)\\n  - It gives ' + str({task}(4))"
    return body if task.startswith("judge_") else f'# check("{task}", {task})\n{body}'


def exercise(*tasks: str, **answers: str) -> NotebookNode:
    """Each task has a cell for the answer (from `answers`, else the stub) and a check; two more are read."""
    cells = [v4.new_markdown_cell("# Exercise", id="title")]
    for task in tasks:
        source = answers.get(task, f"def {task}(x):\n    {STUB}")
        cells.append(cell("code", source, task, grade=False, solution=True))
        cells.append(cell("code", check_source(task), f"{task}_check", grade=True, solution=False))
    text = answers.get("why", "*Write your answer here.*")
    cells.append(cell("markdown", text, "why", grade=True, solution=True))
    cells.append(cell("code", f"def challenge():\n    {STUB}", "challenge", grade=True, solution=True))
    return v4.new_notebook(cells=cells)


def write(book: NotebookNode, path: Path) -> Path:
    notebooks.write(book, path)
    return path
