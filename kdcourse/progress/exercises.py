"""Which exercises and tasks there are: read from the notebooks, so that no list can fall behind them."""

import json
import re
from pathlib import Path
from typing import NamedTuple

from kdcourse.progress.store import course_of

# nbgrader's (solution, grade) -> what a cell is for
_ROLES = {(True, False): "solution", (False, True): "check", (True, True): "manual"}


class Cell(NamedTuple):
    """A cell that nbgrader knows."""

    id: str
    task: str  # for a check cell the task that it checks
    role: str  # solution, check or manual
    source: str
    points: float

    @property
    def calls_check(self) -> bool:
        return re.search(rf"""\bcheck\(\s*["']{re.escape(self.task)}["']""", self.source) is not None


class Exercise(NamedTuple):
    """An exercise of the course."""

    name: str  # "ex01_soft_targets"
    notebook: Path  # the learner's
    checked: list[str]  # tasks with a check cell, in order
    read: list[str]  # tasks that a person reads

    @property
    def number(self) -> str:
        return self.name[2:4]


def cells_of(path: Path) -> list[Cell]:
    """The cells of a notebook that carry points or take answers.

    Raises `OSError`, or `ValueError` for a file that is no notebook. Not by nbformat: its validation takes
    longer than all the rest.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["cells"]
        cells = []
        for cell in found:
            meta = cell["metadata"].get("nbgrader", {})
            if role := _ROLES.get((bool(meta.get("solution")), bool(meta.get("grade")))):
                name, source = meta["grade_id"], cell["source"]
                name = re.sub(r"_(check|hidden)$", "", name) if role == "check" else name
                source = source if isinstance(source, str) else "".join(source)
                cells.append(Cell(cell.get("id", ""), name, role, source, float(meta.get("points") or 0)))
        return cells
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a notebook ({type(error).__name__}: {error})") from None


def course_here(folder: Path) -> Path:
    """The course's folder: at or above `folder`, else the one kdcourse was installed from.

    Raises `FileNotFoundError` with a sentence that says what to do.
    """
    course = course_of(folder.resolve()) or course_of(Path(__file__).resolve().parents[2])
    if course is None:
        raise FileNotFoundError(f"There is no course in {folder}. Go to the folder that holds `notebooks`.")
    return course


def exercises(course: Path) -> list[Exercise]:
    """All exercises, by number. From the solution where it lies beside: a learner may have deleted cells."""
    names = sorted({path.parent.name for path in course.glob("*/ex[0-9][0-9]_*/*.ipynb")
                    if path.parent.parent.name in ("exercises", "solutions")})  # fmt: skip
    found = []
    for name in names:
        for place in ("solutions", "exercises"):
            try:
                cells = cells_of(course / place / name / f"{name}.ipynb")
            except (OSError, ValueError):
                continue
            tasks = {kind: list(dict.fromkeys(cell.task for cell in cells if cell.role == kind))
                     for kind in ("check", "manual")}  # fmt: skip
            mine = course / "exercises" / name / f"{name}.ipynb"
            found.append(Exercise(name, mine, tasks["check"], tasks["manual"]))
            break
    return found
