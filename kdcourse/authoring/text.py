"""A notebook as a Python file (jupytext's percent format) and back, with its cell ids.

The text holds everything but outputs: sources, tags, nbgrader metadata and the id of each cell, as in
`# %% cell_id="plot-the-bars" tags=["slide"]`. A cell without a `cell_id` gets one made of its first words.

    kdcourse text export notebooks/01_soft_targets.ipynb lecture.py
    kdcourse text import lecture.py notebooks/01_soft_targets.ipynb
    kdcourse text show notebooks/01_soft_targets.ipynb

The last prints the text; `make diffs` lets git compare notebooks by it.
"""

import argparse
import sys
from collections import Counter
from itertools import zip_longest
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from kdcourse.authoring import notebooks

# Written by jupytext to remember the blank lines of a text: noise in a notebook.
_NOISE = ("lines_to_next_cell", "lines_to_end_of_cell_marker", "collapsed")
_FILTERS = {"notebook_metadata_filter": "all,-jupytext,-widgets", "cell_metadata_filter": "all"}


def to_text(notebook: NotebookNode) -> str:
    """The percent text of a notebook, checked to read back as the same cells (`ValueError` if not)."""
    notebook = notebook.copy()
    notebook.metadata = {key: value for key, value in notebook.metadata.items() if key != "jupytext"}
    notebook.metadata["jupytext"] = dict(_FILTERS)
    cells = []
    for cell in notebook.cells:
        cell = NotebookNode(cell)
        cell.metadata = NotebookNode({"cell_id": cell.id, **cell.metadata})
        cells.append(cell)
    notebook.cells = cells
    text = jupytext.writes(notebook, fmt="py:percent")
    back = from_text(text).cells
    for old, new in zip_longest(cells, back):
        if old is None or new is None or _content(old) != _content(new):
            raise ValueError(
                f"cell {(old or new).id}: its source does not survive the text form. "
                "Does a line of it begin with `# %%`?"
            )
    return text


def _content(cell: NotebookNode) -> tuple[str, str]:
    # Blank lines at the very end of a cell mean nothing and are not kept.
    return cell.cell_type, cell.source.rstrip("\n")


def from_text(text: str) -> NotebookNode:
    """The notebook of a percent text, without outputs. Raises `ValueError` where the text is ambiguous."""
    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata.pop("jupytext", None)
    notebook.metadata.setdefault("kernelspec", dict(notebooks.KERNELSPEC))
    unnamed = []
    for number, cell in enumerate(notebook.cells, start=1):
        if "incorrectly_encoded_metadata" in cell.metadata:
            raise ValueError(
                f"cell {number} ({cell.source[:40]!r}): cannot read its header "
                f"{cell.metadata['incorrectly_encoded_metadata']!r}. Write `# %% [markdown] key=<JSON>`: "
                "the cell type first, then names with JSON values."
            )
        for key in _NOISE:
            cell.metadata.pop(key, None)
        if "cell_id" in cell.metadata:
            cell.id = cell.metadata.pop("cell_id")
        else:
            unnamed.append(cell)
    named = [cell.id for cell in notebook.cells if not any(cell is other for other in unnamed)]
    twice = sorted(name for name, count in Counter(named).items() if count > 1)
    if twice:
        raise ValueError(f"cell_id used more than once: {', '.join(twice)}. Delete it from the copied cell.")
    for cell, name in zip(unnamed, notebooks.unique_slugs(unnamed, set(named)), strict=True):
        cell.id = name
    return notebook


def show(path: Path) -> str:
    """The text of a notebook, or the file as it is if it is no notebook: git also asks for spoilt ones."""
    try:
        return to_text(notebooks.read(path))
    except (ValueError, AttributeError):
        return path.read_text(encoding="utf-8", errors="replace")


def main(argv: list[str] | None = None) -> int:
    """`export NOTEBOOK TEXT`, `import TEXT NOTEBOOK` or `show NOTEBOOK`."""
    parser = argparse.ArgumentParser(prog="kdcourse text", description=__doc__.splitlines()[0])
    directions = parser.add_subparsers(dest="direction", required=True, metavar="export|import|show")
    for direction, names in {
        "export": ("notebook", "text"),
        "import": ("text", "notebook"),
        "show": ("notebook",),
    }.items():
        command = directions.add_parser(direction)
        for name in names:
            command.add_argument(name, type=Path, metavar=name.upper())
    options = parser.parse_args(argv)
    try:
        if options.direction == "show":
            sys.stdout.write(show(options.notebook))
        elif options.direction == "export":
            text = to_text(notebooks.read(options.notebook))
            options.text.write_text(text, encoding="utf-8", newline="\n")
        else:
            notebooks.write(from_text(options.text.read_text(encoding="utf-8")), options.notebook)
    except (OSError, ValueError) as error:
        source = options.text if options.direction == "import" else options.notebook
        print(f"kdcourse text: {source}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
