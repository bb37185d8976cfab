"""Write the last cell of each lecture and exercise: where to go from here.

    kdcourse navigation            write the cell `navigation` of each lecture and of each solution
    kdcourse navigation --check    only compare, for the tests: exit 1 and say which notebook is out of date

A lecture's cell leads to its neighbours, the course map, its exercise, the glossary, the notation, and to
those functions of the library whose docstrings name the lecture (`api.TAUGHT`). An exercise's leads back to
its lecture. Titles are read from the notebooks. No other cell and no output is touched; the exercises get
their cells from the solutions, by `kdcourse build-exercises`.
"""

import argparse
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from kdcourse.authoring import api, notebooks

CELL = "navigation"
TITLE = "## Where to go from here"


def pages(root: Path) -> Iterator[tuple[Path, NotebookNode]]:
    """Every lecture and every solution, each with the cell that it should have at its end.

    Raises `ValueError` for a notebook without a title.
    """
    lectures, exercises = notebooks.lectures(root), notebooks.sources(root)
    functions = defaultdict(list)
    for one in api.taught(root):
        functions[one.lecture].append(one)
    own = {path.stem[2:4]: path for path in exercises}
    for place, path in enumerate(lectures):
        exercise = own.get(path.stem[:2])
        lines = [
            *_neighbours(lectures, place, "lecture"),
            *(
                [f"- Its exercise: {_link(path, exercise, notebooks.exercise_of(exercise))}"]
                if exercise
                else []
            ),
            *_everywhere(lectures, path),
            *_functions(functions[path.stem]),
        ]
        yield path, _with(notebooks.read(path), lines)
    of = {path.stem[:2]: path for path in lectures}
    for place, path in enumerate(exercises):
        lecture = of.get(path.stem[2:4])
        lines = [
            *([f"- Back to the lecture: {_link(path, lecture)}"] if lecture else []),
            *_neighbours(exercises, place, "exercise"),
            *_everywhere(lectures, path),
        ]
        yield path, _with(notebooks.read(path), lines)


def title(path: Path) -> str:
    """The heading of level 1 that a notebook begins with, without the sign."""
    cells = notebooks.read(path).cells
    found = re.match(r"# (.+)", cells[0].source) if cells and cells[0].cell_type == "markdown" else None
    if not found:
        raise ValueError(f"{path.name}: its first cell does not begin with a title. Write `# NN · Title`.")
    return found[1].strip()


def _neighbours(row: list[Path], place: int, what: str) -> list[str]:
    here, lines = row[place], []
    if place + 1 < len(row):
        lines.append(f"- Next {what}: {_link(here, row[place + 1])}")
    if place:
        lines.append(f"- Previous {what}: {_link(here, row[place - 1])}")
    return lines


def _everywhere(lectures: list[Path], here: Path) -> list[str]:
    """What every page leads to; the map of the course is in its first lecture."""
    docs = lectures[0].parent.parent / "docs"
    ways = [f"[{name}]({_way(here, docs / f'{name}.md')})" for name in ("glossary", "notation")]
    if here != lectures[0]:
        ways.insert(0, f"[course map]({_way(here, lectures[0])})")
    return [f"- For reference: {', '.join(ways)}"]


def _functions(taught: list[api.Taught]) -> list[str]:
    """A line for each; what the lecture does not name itself shares one, as there may be many."""
    if not taught:
        return []
    entries = [f"- {_entry(one)}: {one.summary.rstrip('.')}" for one in taught if not one.through]
    beside = ", ".join(_entry(one) for one in taught if one.through)
    return [
        "",
        "**Functions of this lecture**, as they are in the library:",
        "",
        *entries,
        *([f"- and what goes with them: {beside}"] if beside else []),
    ]


def _entry(one: api.Taught) -> str:
    # Not as code: there JupyterLab gives a link the colour of code.
    return f"[{one.name}](../docs/api/{one.page}.md#{one.name.lower()})"


def _link(here: Path, there: Path, target: Path | None = None) -> str:
    """A link from one notebook to another by its title, or with that title to `target`."""
    return f"[{title(there)}]({_way(here, target or there)})"


def _way(here: Path, there: Path) -> str:
    return Path(os.path.relpath(there, here.parent)).as_posix()


def _with(book: NotebookNode, lines: list[str]) -> NotebookNode:
    """The notebook with its navigation at the end, wherever it was before."""
    book.cells = [cell for cell in book.cells if cell.id != CELL]
    book.cells.append(new_markdown_cell("\n".join([TITLE, "", *lines]), id=CELL))
    return book


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="kdcourse navigation", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on a difference")
    parser.add_argument("--root", type=Path, help="the folder of the course (default: here or above)")
    options = parser.parse_args(argv)
    root = (options.root or notebooks.course_folder()).resolve()
    changed = []
    try:
        for path, book in pages(root):
            if path.read_text(encoding="utf-8") != notebooks.dumps(book):
                changed.append((path.relative_to(root), path, book))
    except ValueError as error:
        print(f"kdcourse navigation: {error}", file=sys.stderr)
        return 1
    for name, path, book in changed:
        if options.check:
            print(
                f"{name.as_posix()}: its cell `{CELL}` is out of date. Run `kdcourse navigation`.",
                file=sys.stderr,
            )
        else:
            notebooks.write(book, path)
            print(name.as_posix())
    if not options.check and any(name.parts[0] == "solutions" for name, _, _ in changed):
        print("Now `kdcourse build-exercises`: the exercises get their cells from the solutions.")
    return int(options.check and bool(changed))


if __name__ == "__main__":
    raise SystemExit(main())
