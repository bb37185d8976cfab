"""A lecture taken apart: its header, its sections, their parts, and the minutes each of them takes."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from kdcourse.authoring import notebooks
from kdcourse.authoring.run import CLAIM

_OBJECTIVES = "After this lecture you can"
_TASKS = re.compile(r"\s*\(tasks? (`\w+`(?:(?:, and |, | and )`\w+`)*)\)")
_HEADING = re.compile(r"^(#{2,3}) (.+)$")
# For readers at home, not for the room: what the notes got wrong, lists of papers, and where to go next.
_NOT_TAUGHT = ("errata", "references", "where the notes", "where to go")
# What one unit of a notebook costs in words of reading, to share the header's minutes out.
_LINE_OF_CODE, _LINE_OF_OUTPUT, _FIGURE = 4, 5, 60


@dataclass(frozen=True)
class Objective:
    text: str  # without the tasks
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Header:
    """What the first cell of a lecture says; markdown, without its labels."""

    number: str
    title: str
    question: str
    objectives: tuple[Objective, ...]
    prerequisites: str
    reading: float  # minutes
    running: float  # minutes
    papers: str

    @property
    def minutes(self) -> float:
        return self.reading + self.running


@dataclass
class Part:
    """Cells below one heading of the third level; without a title, those before the first such heading."""

    title: str
    cells: list[NotebookNode] = field(default_factory=list)

    @property
    def predicts(self) -> bool:
        return self.title.lower().startswith("predict")


@dataclass
class Section:
    """Cells below one heading of the second level. `minutes` include the time that its cells run."""

    title: str
    parts: list[Part]
    minutes: float = 0.0

    @property
    def cells(self) -> list[NotebookNode]:
        return [cell for part in self.parts for cell in part.cells]


def read_header(notebook: NotebookNode) -> Header:
    """The header of a lecture. `ValueError` says what is missing; `kdcourse lint` says how to write it."""
    text = notebook.cells[0].source if notebook.cells else ""
    title, claim = re.match(r"# (\d\d) · (.+)", text), CLAIM.search(text)
    if not title or not claim:
        raise ValueError(
            "The first cell is not a lecture's header: `# NN · Title` or the times are missing. "
            "`kdcourse lint` tells more."
        )
    objectives = re.findall(r"^\d+\. (.*\S)", text.partition(_OBJECTIVES)[2].partition("\n**")[0], re.M)
    return Header(
        title[1], title[2].strip(), _paragraph(text, "Question"), tuple(map(_objective, objectives)),
        _paragraph(text, "Before you start"), float(claim[1]), float(claim[2]), _paragraph(text, "Papers"),
    )  # fmt: skip


def _paragraph(text: str, label: str) -> str:
    return " ".join(text.partition(f"**{label}.**")[2].split("\n\n")[0].split())


def _objective(line: str) -> Objective:
    tasks = [task for group in _TASKS.findall(line) for task in re.findall(r"`(\w+)`", group)]
    return Objective(_TASKS.sub("", line).rstrip(" ;."), tuple(tasks))


def sections(notebook: NotebookNode) -> list[Section]:
    """All sections of a lecture after its header, in order, with the header's minutes shared out.

    Cells before the first heading, such as imports, make up a section without a title. A text cell with
    several headings is cut at each of them. Sections that are not taught get 0 minutes; the others share
    the reading time by their length and the running time by their lines of code, and together they take
    just what the header says.
    """
    header, found = read_header(notebook), [Section("", [Part("")])]
    for cell in notebook.cells[1:]:
        for level, title, piece in _pieces(cell):
            if level == 2:
                found.append(Section(title, [Part("")]))
            elif level == 3:
                found[-1].parts.append(Part(title))
            if piece is not None:
                found[-1].parts[-1].cells.append(piece)
    taught = [section for section in found if is_taught(section)]
    reading = shares(header.reading, [sum(map(_words, section.cells)) for section in taught])
    running = shares(header.running, [sum(map(_code, section.cells)) for section in taught], places=1)
    for section, read, run in zip(taught, reading, running, strict=True):
        section.minutes = round(read + run, 1)
    return found


def is_taught(section: Section) -> bool:
    return not section.title.lower().startswith(_NOT_TAUGHT)


def _pieces(cell: NotebookNode):
    """(level, title, cell) for each heading of a text cell; level 0 is what stands before the first."""
    if cell.cell_type != "markdown":
        yield 0, "", cell
        return
    level, title, lines, fenced = 0, "", [], False
    for line in [*cell.source.splitlines(), None]:
        heading = None if line is None or fenced else _HEADING.match(line)
        if line is not None and line.lstrip().startswith("```"):
            fenced = not fenced
        if heading or line is None:
            words = "\n".join(lines).strip()
            if level or words:
                yield level, title, NotebookNode(cell, source=words) if words else None
            level, title, lines = (len(heading[1]), heading[2].strip(), []) if heading else (0, "", [])
        else:
            lines.append(line)


def is_hidden(cell: NotebookNode) -> bool:
    """A code cell that is folded, as it only draws."""
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden"))


def figures(cell: NotebookNode) -> list[tuple[str, str]]:
    """(picture as base64, text alternative) for each stored figure of a cell."""
    return [
        (output.data["image/png"], output.get("metadata", {}).get("image/png", {}).get("alt", ""))
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]


def printed(cell: NotebookNode) -> str:
    """What a cell printed, and results that are text."""
    return "".join(
        output.text if output.output_type == "stream" else output.data["text/plain"] + "\n"
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
        or (output.output_type == "execute_result" and "text/plain" in output.data)
    ).rstrip("\n")


def _words(cell: NotebookNode) -> float:
    if cell.cell_type == "markdown":
        return len(cell.source.split())
    return _code(cell) * _LINE_OF_CODE + len(printed(cell).splitlines()) * _LINE_OF_OUTPUT + (
        len(figures(cell)) * _FIGURE
    )  # fmt: skip


def _code(cell: NotebookNode) -> float:
    return 0 if cell.cell_type != "code" or is_hidden(cell) else len(cell.source.splitlines())


def shares(total: float, weights: list[float], places: int = 0) -> list[float]:
    """`total` in proportion to `weights`, each rounded, and the sum is `total` (largest remainders)."""
    unit, whole = 10.0**-places, sum(weights)
    exact = [total / unit * weight / whole if whole else 0.0 for weight in weights]
    parts = [int(part) for part in exact]
    missing = round(total / unit) - sum(parts) if whole else 0
    for index in sorted(range(len(parts)), key=lambda i: parts[i] - exact[i])[:missing]:
        parts[index] += 1
    return [round(part * unit, places) for part in parts]


def solution_of(notebook: Path) -> Path | None:
    """The solved exercise that belongs to a lecture's file, None if there is none."""
    root, number = notebook.parent.parent, notebook.name[:2]
    return next(iter(sorted(root.glob(f"solutions/ex{number}_*/*.ipynb"))), None)


def points(exercise: NotebookNode) -> dict[str, float]:
    """Points of each task of an exercise or solution, public and hidden checks together, in order."""
    found: dict[str, float] = {}
    for cell in exercise.cells:
        if notebooks.role(cell) in ("check", "manual"):
            task = re.sub(r"_(check|hidden)$", "", notebooks.grade_id(cell))
            found[task] = found.get(task, 0) + cell.metadata.nbgrader.points
    return found
