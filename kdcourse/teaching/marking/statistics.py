"""What did a class find hard? Per task: how many failed, and which mistakes the graders named.

    rows = class_statistics("ex01_soft_targets", Path("."))
    write_statistics(rows, Path("teaching/statistics"))

Points come from nbgrader's gradebook, the named mistakes from the outputs of the autograded notebooks. Only
counts leave here, no names of learners.
"""

import argparse
import csv
import html
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from nbformat import NotebookNode

from kdcourse import plots
from kdcourse.authoring import notebooks

UNREAD = "the notebook cannot be read"
_TASK = re.compile(r"_(check|hidden)$")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Row:
    """One task over a class. `mistakes` are (what the grader said, number of learners), commonest first.

    `failed` counts graded submissions with less than full points; one that is still to be marked by hand
    counts as `waiting` and in neither `graded` nor `failed`, one that was not handed in as `missing`.
    """

    task: str
    points: float
    graded: int
    failed: int
    waiting: int
    missing: int
    mean: float  # points, of the graded
    mistakes: tuple[tuple[str, int], ...] = ()

    @property
    def failure(self) -> float:
        """Share of the graded submissions that failed; nan if none is graded."""
        return self.failed / self.graded if self.graded else float("nan")


def class_statistics(assignment: str, folder: Path, *, most: int = 3) -> list[Row]:
    """One row for each task of an assignment, in the assignment's order.

    Args:
        assignment: its name in the gradebook, such as "ex01_soft_targets".
        folder: the course's folder, with gradebook.db and autograded/.
        most: how many of the commonest mistakes are listed for each task.

    A missing or damaged autograded notebook costs its own entries only. `FileNotFoundError` if there is no
    gradebook, `ValueError` if the assignment is not in it.
    """
    from nbgrader.api import Gradebook, MissingEntry  # slow to import

    database = folder / "gradebook.db"
    if not database.is_file():
        raise FileNotFoundError(
            f"There is no gradebook.db in {folder}. Grade first: nbgrader autograde {assignment}"
        )
    with Gradebook(f"sqlite:///{database.resolve()}", course_id="kdcourse") as gradebook:
        try:
            found = gradebook.find_assignment(assignment)
        except MissingEntry:
            known = ", ".join(sorted(a.name for a in gradebook.assignments)) or "none"
            raise ValueError(
                f"assignment: {assignment!r} is not in the gradebook; there are: {known}"
            ) from None
        size = len(gradebook.students)
        cells: dict[str, dict[str, float]] = {}
        for notebook in found.notebooks:
            # In the order of the notebook: grade cells have none of their own.
            order = {cell.name: i for i, cell in enumerate(notebook.source_cells)}
            for cell in sorted(notebook.grade_cells, key=lambda c: order.get(c.name, len(order))):
                cells.setdefault(_TASK.sub("", cell.name), {})[cell.name] = cell.max_score
        scores: dict[str, dict[str, float | None]] = {task: {} for task in cells}
        for submission in found.submissions:
            grades = {grade.name: grade for part in submission.notebooks for grade in part.grades}
            for task, names in cells.items():
                there = [grades[name] for name in names if name in grades]
                waits = len(there) < len(names) or any(_waits(grade) for grade in there)
                scores[task][submission.student.id] = None if waits else sum(g.score for g in there)
    mistakes = _mistakes(folder, assignment, scores)
    return [
        _row(task, sum(cells[task].values()), scores[task], size, mistakes[task].most_common(most))
        for task in cells
    ]


def _waits(grade) -> bool:
    return bool(grade.needs_manual_grade) or (grade.auto_score is None and grade.manual_score is None)


def _row(
    task: str, points: float, scores: dict[str, float | None], size: int, mistakes: list[tuple[str, int]]
) -> Row:
    known = [score for score in scores.values() if score is not None]
    return Row(
        task,
        points,
        graded=len(known),
        failed=sum(score < points - 1e-9 for score in known),
        waiting=len(scores) - len(known),
        missing=max(size - len(scores), 0),
        mean=sum(known) / len(known) if known else float("nan"),
        mistakes=tuple(mistakes),
    )


def _mistakes(folder: Path, assignment: str, scores: dict[str, dict]) -> dict[str, Counter[str]]:
    """For each task how often each mistake was named; a learner counts once for each sentence."""
    found = {task: Counter() for task in scores}
    students = {student for of_task in scores.values() for student in of_task}
    for student in sorted(students):
        for path in sorted((folder / "autograded" / student / assignment).glob("*.ipynb")):
            try:
                said = named_mistakes(notebooks.read(path))
            except Exception:  # damaged files fail in many ways
                said = {task: {UNREAD} for task in scores}
            for task, sentences in said.items():
                if task in found:
                    found[task].update(sentences)
    return found


def named_mistakes(notebook: NotebookNode) -> dict[str, set[str]]:
    """What the check cells of an autograded notebook say, by task; tasks that passed are left out."""
    found: dict[str, set[str]] = {}
    for cell in notebook.cells:
        name = notebooks.grade_id(cell) or ""
        for output in cell.get("outputs", []) if notebooks.role(cell) == "check" else ():
            if output.output_type == "error":
                found.setdefault(_TASK.sub("", name), set()).update(_sentences(output.ename, output.evalue))
    return found


def _sentences(name: str, message: str) -> list[str]:
    """The diagnosis in an error. Where none was made, what was seen, without its numbers.

    A report ends with its diagnosis, and the lines before it say what was seen.
    """
    lines = [line.strip() for line in _ANSI.sub("", message).splitlines() if line.strip()]
    # Hints, which come after repeated tries, say nothing about this one.
    said = [line[2:] for line in lines if line.startswith("- ") and not line.startswith("- Hint ")]
    if not said:
        return [f"{name}: {_plain(lines[0])}" if lines else name]
    last = said[-1]
    if len(said) == 1 or re.search(r"On every input tried|Expected is|Of the changes", last):
        return [_plain(said[0])]
    if last.startswith("Two things. "):
        return last.removeprefix("Two things. ").split(" And: ")
    return [last]


def _plain(words: str) -> str:
    """Numbers that differ from run to run would make each learner's mistake one of its own."""
    words = re.sub(r"\(with [^()]*\)", "", words.split(": ")[0] if "not right" in words else words)
    return re.sub(r"-?\d+(\.\d+)?(e[+-]?\d+)?", "…", words)[:160].strip(" .") + "."


def as_table(rows: Iterable[Row]) -> list[dict[str, object]]:
    """Rows for a CSV file or a data frame; the mistakes as one text."""
    return [
        {k: v for k, v in asdict(row).items() if k != "mistakes"}
        | {"failure": row.failure, "mistakes": " | ".join(f"{n} × {text}" for text, n in row.mistakes)}
        for row in rows
    ]


def plot_statistics(rows: list[Row]) -> tuple[Figure, str]:
    """Bars of the share of failures by task, and the text alternative. `ValueError` if there is no row."""
    if not rows:
        raise ValueError("rows: there is no task to draw")
    plots.use_course_style()
    figure, ax = plt.subplots(figsize=(8, 0.8 + 0.42 * len(rows)))
    names = [row.task for row in rows]
    ax.barh(names, [0 if row.failure != row.failure else 100 * row.failure for row in rows],
            color=plots.COLORS["vermilion"], height=0.65)  # fmt: skip
    for place, row in enumerate(rows):
        said = f"{row.failed} of {row.graded}" if row.graded else "none graded"
        ax.annotate(said + (f", {row.waiting} to mark" if row.waiting else ""),
                    (100 * row.failure if row.graded else 0, place), xytext=(5, 0),
                    textcoords="offset points", va="center")  # fmt: skip
    ax.yaxis.set_inverted(True)
    ax.set(xlim=(0, 125), xticks=range(0, 101, 20), xlabel="% of the graded without full points")
    ax.set_title("Where the class lost points")
    ax.grid(axis="y", visible=False)
    graded = sorted((row for row in rows if row.graded), key=lambda row: -row.failure)
    words = ", ".join(f"{row.task} {row.failed} of {row.graded}" for row in graded) or "no task is graded yet"
    return figure, f"Bars of the share of learners without full points, a bar for each task: {words}."


def write_statistics(rows: list[Row], stem: Path) -> list[Path]:
    """Write STEM.csv, STEM.png and STEM.html (the picture with its text alternative, and the table)."""
    figure, alt = plot_statistics(rows)
    table = as_table(rows)
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.with_suffix(suffix) for suffix in (".csv", ".png", ".html")]
    with paths[0].open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    figure.savefig(paths[1], dpi=plots.DOTS_PER_INCH, metadata={"Software": None})
    plt.close(figure)
    head = "".join(f"<th>{name}</th>" for name in table[0])
    body = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(_shown(value))}</td>" for value in line.values()) + "</tr>"
        for line in table
    )
    paths[2].write_text(
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(stem.name)}</title>"
        "<style>body{font-family:sans-serif}td,th{border-bottom:1px solid #ccc;padding:3px 9px;"
        "text-align:left;vertical-align:top}</style></head>\n"
        f'<body><img src="{html.escape(paths[1].name)}" alt="{html.escape(alt)}" style="max-width:100%">\n'
        f"<table><tr>{head}</tr>\n{body}</table></body></html>\n",
        encoding="utf-8",
        newline="\n",
    )
    return paths


def _shown(value: object) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)


def main(argv: list[str] | None = None) -> int:
    """`kdcourse statistics ASSIGNMENT`: a table and a plot of where a class lost points."""
    parser = argparse.ArgumentParser(prog="kdcourse statistics", description=__doc__.splitlines()[0])
    parser.add_argument("assignment", help="its name in the gradebook, such as ex01_soft_targets")
    parser.add_argument("--root", type=Path, help="the folder of the course (default: here or above)")
    options = parser.parse_args(argv)
    root = (options.root or notebooks.course_folder()).resolve()
    try:
        rows = class_statistics(options.assignment, root)
        paths = write_statistics(rows, root / "teaching" / "statistics" / options.assignment)
    except (ValueError, OSError) as error:
        print(f"kdcourse statistics: {error}", file=sys.stderr)
        return 1
    for row in rows:
        print(f"{row.task:32s} {row.failed:4d} of {row.graded} without full points; {row.missing} missing")
        for text, count in row.mistakes:
            print(f"    {count} × {text}")
    print(*paths, sep="\n")
    return 0
