"""A class of submissions to one exercise, made by code, with the points that each deserves."""

import copy
import random
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode, v4

from kdcourse.authoring import notebooks
from kdcourse.authoring.answers import Answer, read_answers

# What learners do besides answering. None of it may cost points, or bring any.
HABITS = {
    "plain": "",
    "plots": "import matplotlib.pyplot as plt\nplt.plot([0, 1], [1, 0])\nplt.show()",
    "prints": "for i in range(200):\n    print('all tests passed', i)",
    "stderr": "import sys, warnings\nprint('a complaint', file=sys.stderr)\nwarnings.warn('careless')",
    "slow": "import time\ntime.sleep(3)",
    "crashes": "raise RuntimeError('something I forgot to delete')",
    "broken": "def unfinished(:\n    pass",
    "display": "from IPython.display import HTML\nHTML('<script>document.title = 1</script>')",
    "widget": "import ipywidgets\nipywidgets.IntSlider()",
    "number": "1.0",
}


@dataclass
class Submission:
    name: str
    notebook: NotebookNode
    points: dict[str, float] = field(default_factory=dict)  # of the check cells
    by_hand: dict[str, float] = field(default_factory=dict)


def make(solved: NotebookNode, released: NotebookNode, answers: Path) -> list[Submission]:
    """Everything right first, nothing answered second.

    Of the others one has each habit, and answers every second task rightly: so the habit neither costs nor
    brings points. What is handed in for the other tasks takes turns.
    """
    draw = random.Random(7)
    given = {path.stem: read_answers(path) for path in answers.glob("*.py")}
    kinds = ["solved", "untouched", "deleted", "doubled", *(["mixed"] * len(HABITS))]
    return [
        _submission(f"learner{i:02d}", kind, solved, released, given, draw, i) for i, kind in enumerate(kinds)
    ]


def _submission(
    name: str, kind: str, solved: NotebookNode, released: NotebookNode, given: dict[str, list[Answer]],
    draw: random.Random, number: int,
) -> Submission:  # fmt: skip
    book, made = copy.deepcopy(released), Submission(name, released)
    originals = {cell.id: cell for cell in solved.cells}
    right = {}
    for cell in book.cells:
        role, grade_id = notebooks.role(cell), notebooks.grade_id(cell)
        if role == "solution":
            rightly = (number + len(right)) % 2 == 0
            sort = "right" if rightly else ["wrong", "trivial", "none"][number % 3]
            sort = {"untouched": "none", "mixed": sort}.get(kind, "solved")
            choices = [a for a in given.get(grade_id, []) if a.kind == sort]
            if sort == "solved" or (sort == "right" and not choices):
                cell.source = originals[cell.id].source
            elif choices:
                cell.source = draw.choice(choices).source
            right[grade_id] = sort in ("solved", "right")
        elif role == "check":
            task = grade_id.removesuffix("_check").removesuffix("_hidden")
            made.points[grade_id] = cell.metadata.nbgrader.points if right[task] else 0
        elif role == "manual" and kind != "untouched":
            cell.source = f"=1+1 An answer of {name}: the gradient shrinks with the temperature."
            made.by_hand[grade_id] = number % (int(cell.metadata.nbgrader.points) + 1)
    if kind == "deleted":  # the first check cell: it is put back
        book.cells.remove(next(cell for cell in book.cells if notebooks.role(cell) == "check"))
    if kind == "doubled":  # a learner's own copy of the check, without nbgrader's mark
        book.cells.append(v4.new_code_cell("print('a copy')"))
    if kind == "mixed":
        habit = list(HABITS)[number % len(HABITS)]
        if HABITS[habit]:
            book.cells.insert(1 + number % 3, v4.new_code_cell(HABITS[habit]))
    made.notebook = book
    return made
