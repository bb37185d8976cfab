"""Check the form of lectures, solutions and exercises; what they say is for readers to judge.

    kdcourse lint [NOTEBOOK ...]        default: all; exit 1 if there is anything to mend

Each finding names the file, the cell, what is wrong and what to do.
"""

import argparse
import copy
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode

from kdcourse.authoring import notebooks
from kdcourse.authoring.run import CLAIM

MAX_BYTES = 1_000_000
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_RANDOM_ID = re.compile(r"[0-9a-f]{8}|[0-9a-f]{8}-[0-9a-f]{4}-.*|[0-9a-f]{32}")
_PROGRESS = re.compile(r"\d+%\|.*\||\d(it|s)/(s|it)\b|\r(?!\n)")
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")
_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)")  # to a file of the course
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,6}) +(?!(?:BEGIN|END) [A-Z])(.*)", re.MULTILINE)  # nbgrader's marks are none
_BARE_PICTURE = re.compile(r"!\[\s*\]\(|<img(?![^>]*\balt=\"[^\"]+\")")
_TASKS = re.compile(r"\(tasks? (`\w+`(?:(?:, and |, | and )`\w+`)*)\)")
_OBJECTIVES = "**After this lecture you can**"
_HEADER = {
    "**Question.**": "ask, in one or two sentences, what the lecture answers",
    _OBJECTIVES: "list what the reader can do afterwards, each with its task: (task `name`)",
    "**Before you start.**": "name what the reader should know",
    "**Time.**": "give the minutes: about 40 min to read, 1.2 min to run on 2 cores",
    "**Papers.**": "name the papers",
}


class Finding(NamedTuple):
    file: str
    cell: str
    problem: str
    advice: str

    def __str__(self) -> str:
        return f"{self.file}: {f'cell {self.cell}: ' if self.cell else ''}{self.problem}. {self.advice}."


Problem = tuple[str, str, str]  # cell, problem, advice


def tasks_of(source: NotebookNode) -> list[str]:
    """The ids of the tasks of an exercise: of its solution cells and those graded by hand."""
    return [notebooks.grade_id(c) for c in source.cells if notebooks.role(c) in ("solution", "manual")]


def lint_header(book: NotebookNode, number: str, tasks: list[str] | None) -> Iterator[Problem]:
    """`tasks` are those of the exercise of the same number, None if there is none."""
    if not book.cells or book.cells[0].cell_type != "markdown":
        yield "", "the first cell is not text", "Begin with the header"
        return
    cell, text = book.cells[0].id, book.cells[0].source
    if not re.match(rf"# {number} · \S", text):
        yield cell, "the title does not carry the lecture's number", f"Write `# {number} · Title`"
    for part, advice in _HEADER.items():
        if part not in text:
            yield cell, f"{part} is missing", advice.capitalize()
    if "**Time.**" in text and not CLAIM.search(text):
        yield cell, "the times cannot be read", "Write `about 40 min to read, 1.2 min to run`"
    objectives = re.findall(r"^\d+\. .*\S", text.partition(_OBJECTIVES)[2].partition("\n**")[0], re.MULTILINE)
    if _OBJECTIVES in text and not objectives:
        yield cell, "there is no objective", "Number them: `1. explain ... (task `name`)`"
    if tasks is None:
        return
    named = []
    for objective in objectives:
        found = [
            task for group in _TASKS.findall(objective) for task in re.findall(r"\w+", group) if task != "and"
        ]
        if not found:
            yield cell, f"objective {objective[:40]!r} names no task", "End it with (task `name`)"
        named += found
    for task in named:
        if task not in tasks:
            yield cell, f"task `{task}` is not in the exercise", f"It has: {', '.join(tasks)}"
    for task in tasks:
        if task not in named:
            yield cell, f"no objective names the exercise's task `{task}`", "Name it, or drop the task"


def lint_ids(book: NotebookNode) -> Iterator[Problem]:
    for cell in book.cells:
        if _RANDOM_ID.fullmatch(cell.id) or not _ID.fullmatch(cell.id):
            yield (
                cell.id,
                "the id is not made of words",
                "Use words joined by hyphens, such as `plot-the-bars`",
            )


def lint_outputs(book: NotebookNode) -> Iterator[Problem]:
    """Of notebooks that are committed executed."""
    expected = 0
    for cell in book.cells:
        if cell.cell_type == "markdown" and _BARE_PICTURE.search(cell.source):
            yield cell.id, "a picture has no alternative text", "Say what it shows: `![text](file)`"
        if cell.cell_type != "code":
            continue
        if not cell.source.strip():
            yield cell.id, "the cell is empty", "Delete it"
            continue
        expected += 1
        if cell.execution_count != expected:
            yield cell.id, "the cells were not executed from top to bottom", "Run `make notebooks`"
            return
        for output in cell.outputs:
            yield from _lint_output(cell.id, output)


def _lint_output(cell: str, output: NotebookNode) -> Iterator[Problem]:
    if output.output_type == "error":
        yield cell, f"an error is stored ({output.ename})", "Mend it, or show the message by try and print"
    if output.output_type == "stream" and output.name == "stderr":
        yield cell, "something was written to stderr", "Silence its cause; nbgrader gives 0 points for it"
    data = output.get("data", {})
    for kind in data:
        words = str(output.get("metadata", {}).get(kind, {}).get("alt", "")).split()
        if kind.startswith("image/") and len(words) < 3:
            yield cell, f"the {kind} has no alternative text", "Use `kdcourse.plots.show(figure, alt=...)`"
    shown = output.get("text", "") + "".join(str(data.get(kind, "")) for kind in ("text/plain", "text/html"))
    if _PROGRESS.search(shown):
        yield cell, "a progress bar is stored", "Run it with KDCOURSE_QUIET=1, as `make notebooks` does"
    if _ADDRESS.search(shown):
        yield (
            cell,
            "an object's address is stored, which changes in every run",
            "End the line with `;` or print",
        )


def lint_no_outputs(book: NotebookNode) -> Iterator[Problem]:
    for cell in book.cells:
        if cell.get("outputs") or cell.get("execution_count"):
            yield cell.id, "an exercise has stored outputs", "Run `make exercises`"


def lint_nbgrader(book: NotebookNode, solved: bool) -> Iterator[Problem]:
    from nbgrader.nbgraderformat import MetadataValidator  # slow to import

    try:
        MetadataValidator().validate_nb(copy.deepcopy(book))
    except Exception as error:  # of several unrelated types
        yield "", f"nbgrader does not accept it: {error}", "Correct the cell's nbgrader metadata"
        return
    names = {notebooks.grade_id(cell) for cell in book.cells}
    points = 0.0
    for cell in book.cells:
        meta, role = cell.metadata.get("nbgrader", {}), notebooks.role(cell)
        if not meta:
            continue
        task = meta.get("grade_id", "")
        if role in ("check", "manual"):
            points += meta["points"]
            if not meta["points"] > 0:
                yield cell.id, "a graded cell gives no points", "Give it some"
        if role == "check" and not meta.get("locked"):
            yield cell.id, "a check cell can be edited by learners", "Lock it: `locked: true`"
        if role == "check" and solved and re.sub(r"_(check|hidden)$", "", task) not in names - {task}:
            yield cell.id, f"no cell is checked by `{task}`", "Name it TASK_check or TASK_hidden"
        if role == "solution":
            if f"{task}_check" not in names:
                yield cell.id, f"task `{task}` has no check cell", f"Add one with grade_id `{task}_check`"
            if solved and ("### BEGIN SOLUTION" not in cell.source or "### END SOLUTION" not in cell.source):
                yield cell.id, "the solution is not marked", "Use ### BEGIN SOLUTION and ### END SOLUTION"
    if not points:
        yield "", "nothing is graded", "An exercise needs a graded cell"


def lint_any(book: NotebookNode) -> Iterator[Problem]:
    yield from lint_ids(book)
    yield from lint_headings(book)
    for cell in book.cells:
        if "incorrectly_encoded_metadata" in cell.metadata:
            yield cell.id, "its metadata was misread from text", "Put the cell type before the metadata"
    if book.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "", "the kernel is not `python3`", "Choose Python 3 in JupyterLab"
    if book.metadata.get("widgets"):
        yield "", "widget state is stored", "Run `make notebooks`"


def lint_headings(book: NotebookNode) -> Iterator[Problem]:
    """One title, and no level left out: screen readers and tables of contents go by the levels."""
    last, titles = 0, 0
    for cell in book.cells:
        text = _FENCED.sub("", cell.source) if cell.cell_type == "markdown" else ""
        for signs, words in _HEADING.findall(text):
            level, shown = len(signs), words[:40]
            titles += level == 1
            if level == 1 and titles > 1:
                yield cell.id, f"the heading {shown!r} is a second title", "Write it with `##`"
            elif level > last + 1:
                above = f"level {last}" if last else "no title"
                yield (
                    cell.id,
                    f"the heading {shown!r} is of level {level}, below {above}",
                    f"Write it with `{'#' * (last + 1)}`",
                )
            last = level
    if not titles:
        yield "", "there is no title", "Begin the first cell with `# `"


def lint_links(book: NotebookNode, folder: Path) -> Iterator[Problem]:
    for cell in book.cells:
        for target in _LINK.findall(cell.source) if cell.cell_type == "markdown" else ():
            if not (folder / target).exists():
                yield cell.id, f"a link leads to {target}, which is not there", "Correct it, or only name it"


def lint_file(path: Path, root: Path) -> list[Finding]:
    """All findings of one notebook, judged by the folder it lies in."""
    name = path.relative_to(root).as_posix()
    try:
        raw = path.read_text(encoding="utf-8")
        ids = [cell.get("id") for cell in json.loads(raw)["cells"]]  # nbformat would replace bad ones
    except (ValueError, KeyError, AttributeError) as error:
        return [Finding(name, "", f"cannot be read as a notebook ({error})", "Repair or restore the file")]
    if None in ids:
        return [Finding(name, "", "cells without an id", "Save it in notebook format 4.5")]
    twice = sorted({cell for cell in ids if ids.count(cell) > 1})
    if twice:
        return [Finding(name, cell, "this id is used twice", "Give each cell its own") for cell in twice]
    book = notebooks.read(path)
    problems = [*lint_any(book), *lint_links(book, path.parent)]
    if len(raw.encode()) > MAX_BYTES:
        problems.append(
            ("", f"the file has {len(raw.encode()) / 1e6:.1f} MB, more than 1 MB", "Make figures smaller")
        )
    place = path.relative_to(root).parts[0]
    if place == "notebooks":
        number = path.name[:2]
        solution = next(iter(root.glob(f"solutions/ex{number}_*/*.ipynb")), None)
        problems += lint_header(book, number, tasks_of(notebooks.read(solution)) if solution else None)
    if place in ("notebooks", "solutions"):
        problems += lint_outputs(book)
    if place in ("solutions", "exercises"):
        problems += lint_nbgrader(book, solved=place == "solutions")
    if place == "exercises":
        problems += lint_no_outputs(book)
    return [Finding(name, *problem) for problem in problems]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="kdcourse lint", description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of the course")
    parser.add_argument("--root", type=Path, help="the folder of the course (default: here or above)")
    options = parser.parse_args(argv)
    root = (options.root or notebooks.course_folder()).resolve()
    paths = [path.resolve() for path in options.notebooks]
    paths = paths or [
        *notebooks.lectures(root), *notebooks.sources(root), *sorted(root.glob("exercises/ex*/*.ipynb"))
    ]  # fmt: skip
    findings = [finding for path in paths for finding in lint_file(path, root)]
    for finding in findings:
        print(finding, file=sys.stderr)
    print(f"{len(paths)} notebooks, {len(findings) or 'no'} findings")
    return int(bool(findings))


if __name__ == "__main__":
    raise SystemExit(main())
