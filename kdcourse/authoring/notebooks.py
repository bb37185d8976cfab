"""Reading, writing and naming: the little that all authoring tools share."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def read(path: str | Path) -> NotebookNode:
    """Read a notebook in format 4.5, the first one with cell ids."""
    return nbformat.reads(Path(path).read_text(encoding="utf-8"), as_version=4)


def dumps(notebook: NotebookNode) -> str:
    """One notebook, one text: sorted keys, one-space indentation, a newline at the end."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return nbformat.writes(notebook, version=4).rstrip("\n") + "\n"


def write(notebook: NotebookNode, path: str | Path) -> None:
    """Write `dumps(notebook)`, with the same line ends on every system."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dumps(notebook), encoding="utf-8", newline="\n")


def grade_id(cell: NotebookNode) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def slug(cell: NotebookNode, words: int = 5) -> str:
    """A readable cell id: the nbgrader id, or else the cell's first words."""
    text = grade_id(cell) or next((line for line in cell.source.splitlines() if re.search(r"\w", line)), "")
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    found = [word for word in re.findall(r"[a-z0-9]+", plain.lower()) if not word.isdigit()]
    name = "-".join(found[:words])[:48].strip("-")
    # nbformat's own random ids are eight hexadecimal digits: never look like one.
    return f"cell-{name}".strip("-") if re.fullmatch(r"([0-9a-f]{8})?", name) else name


def unique_slugs(cells: Iterable[NotebookNode], taken: set[str]) -> list[str]:
    """A slug for each cell, numbered from the second use on: `plot`, `plot-2`, `plot-3`."""
    names, taken = [], set(taken)
    for cell in cells:
        base = slug(cell)
        name = next(
            n for n in (base if i == 1 else f"{base}-{i}" for i in range(1, 10_000)) if n not in taken
        )
        taken.add(name)
        names.append(name)
    return names


def course_folder(start: Path | None = None) -> Path:
    """The folder of the course at or above `start`: the one that holds nbgrader_config.py."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "nbgrader_config.py").is_file():
            return folder
    raise FileNotFoundError(f"No nbgrader_config.py in {start} or above: go to the folder of the course.")


def sources(root: Path) -> list[Path]:
    """The solved notebooks, one for each exercise."""
    return sorted(root.glob("solutions/ex*/*.ipynb"))


def lectures(root: Path) -> list[Path]:
    return sorted(root.glob("notebooks/[0-9][0-9]_*.ipynb"))


def exercise_of(source: Path) -> Path:
    """Where the exercise of a solution lies: the same names below `exercises`."""
    root = source.parent.parent.parent
    return root / "exercises" / source.parent.name / source.name


def role(cell: NotebookNode) -> str:
    """What nbgrader sees in a cell: `solution`, `check`, `manual` (graded by hand) or an empty string."""
    meta = cell.metadata.get("nbgrader", {})
    kinds = {(True, False): "solution", (False, True): "check", (True, True): "manual"}
    return kinds.get((bool(meta.get("solution")), bool(meta.get("grade"))), "")
