"""Which slides a lecture has: one idea each, cut out of its cells.

A slide shows headings, formulas, tables and figures in full, and of longer prose the first sentence; what is
left out is in the speaker notes, so that nothing has to be written twice.
"""

import html
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from kdcourse.teaching.material import lectures, pieces

_ROOM = 11.0  # lines of text on one slide
_FULL = 15.0  # the same where code or output is part of it: it must all fit, but need not be read aloud
_BOTH = 18  # lines of code and its output together
_ABOVE = 3.2  # lines of text that leave room for a figure below them
_NARROW = 84  # characters of code in a line that may be set larger
_CODE = 0.72  # the height of a line of code in lines of text


@dataclass
class Slide:
    """Markdown or HTML of one slide. `notes` are paragraphs of markdown for the speaker."""

    title: str
    kind: str  # title, words, question, code, figure, captioned (a figure below words), output, answer
    body: str
    notes: list[str] = field(default_factory=list)
    opens: bool = False  # the first of a section


def deck(notebook: NotebookNode) -> list[Slide]:
    """All slides of an executed lecture, with the minutes of each section in the notes of its first slide."""
    header = lectures.read_header(notebook)
    slides, minute = _opening(header), 0.0
    for section in lectures.sections(notebook):
        if not lectures.is_taught(section):
            continue
        title = section.title or "What we use"
        found = _joined([slide for part in section.parts for slide in _part(title, part)])
        if not found:
            found = [Slide(title, "words", "")]
        count = f"{len(found)} slide{'s' * (len(found) > 1)}"
        until = minute + section.minutes
        clock = f" Minute {minute:.0f} to {until:.0f}."
        minutes, minute = f"**{title}: {section.minutes:g} minutes, {count}.**{clock}", until
        found[0].opens = True
        found[0].title = title
        found[0].notes.insert(0, minutes)
        slides += found
    return slides


def counts(notebook: NotebookNode) -> list[int]:
    """The number of slides of each section that is taught; two more open the lecture."""
    slides = deck(notebook)
    opening = [place for place, slide in enumerate(slides) if slide.opens]
    return [after - before for before, after in pairwise([*opening[1:], len(slides)])]


def _joined(slides: list[Slide]) -> list[Slide]:
    """Short words, and a short output, go on the slide of the code, output or figure they stand before."""
    found: list[Slide] = []
    for slide in slides:
        last = found[-1] if found else None
        joins = (
            last is not None
            and last.title == slide.title
            and (last.kind, slide.kind) in _JOINS
            and _height(last) <= (_ABOVE if slide.kind == "figure" else _FULL - _height(slide))
        )
        if joins:
            last.body += f"\n\n{slide.body}"
            last.notes += slide.notes
            last.kind = "captioned" if slide.kind == "figure" else slide.kind
        else:
            found.append(slide)
    return found


_JOINS = {("words", "code"), ("words", "output"), ("words", "figure"), ("output", "figure")}


def _height(slide: Slide) -> float:
    """About how many lines of text a slide's body takes."""
    if slide.kind == "words":
        return sum(pieces.lines(block) + 0.5 for block in slide.body.split("\n\n"))
    return 1.5 + _CODE * slide.body.count("\n")


def _opening(header: lectures.Header) -> list[Slide]:
    name = f"{header.number} · {header.title}"
    goals = "\n".join(f"{i}. {goal.text}" for i, goal in enumerate(header.objectives, 1))
    met = [
        f"{i}. is practised by {', '.join(f'`{task}`' for task in goal.tasks)}."
        for i, goal in enumerate(header.objectives, 1)
        if goal.tasks
    ]
    time = f"In all {header.minutes:g} minutes: {header.reading:g} to read, {header.running:g} to run."
    return [
        Slide(
            name, "title", header.question, [time, f"**Papers.** {header.papers}"], opens=True
        ),
        Slide("Afterwards you can", "words", goals, [*met, f"**Before you start.** {header.prerequisites}"]),
    ]  # fmt: skip


def _part(section: str, part: lectures.Part) -> Iterator[Slide]:
    title = part.title if part.title and not part.predicts else section
    asked = part.predicts
    for cell in part.cells:
        if cell.cell_type == "markdown":
            kind, name = ("question", "Predict first") if asked else ("words", title)
            words = list(_words(name, cell.source, kind))
            if asked and words:
                words[0].notes.insert(
                    0, "Ask for a prediction, in writing or by a show of hands, before you go on."
                )
            yield from words
            asked = False  # what follows the prediction is its answer
        else:
            yield from _code(title, cell)


def _words(title: str, text: str, kind: str) -> Iterator[Slide]:
    """Slides of a text cell: blocks are put on a slide as long as there is room."""
    body, notes, used = [], [], 0.0
    for block in pieces.blocks(text):
        if isinstance(block, pieces.Question):
            if body:
                yield Slide(title, kind, "\n\n".join(body), notes)
                body, notes, used = [], [], 0.0
            yield Slide(title, "answer", block.shown, [f"**Answer.** {block.answer}"])
            continue
        # Whoever is to predict must read all of the question.
        shown, rest = (block, "") if kind == "question" else pieces.short(block)
        lines = pieces.lines(shown)
        if body and used + lines > _ROOM:
            yield Slide(title, kind, "\n\n".join(body), notes)
            body, notes, used = [], [], 0.0
        body.append(shown)
        notes += [rest] if rest else []
        used += lines + 0.5
    if body:
        yield Slide(title, kind, "\n\n".join(body), notes)


def _code(title: str, cell: NotebookNode) -> Iterator[Slide]:
    """Code with what it printed, on one slide if both fit; then a slide for each figure."""
    shown, left_out = ("", 0) if lectures.is_hidden(cell) else pieces.excerpt(cell.source)
    printed = pieces.portions(lectures.printed(cell))
    if shown:
        note = f"From cell `{cell.id}`"
        note += f", whose other {left_out} lines are in the notebook." if left_out else "."
        slide = Slide(title, "code", f"```python\n{shown}\n```", [note])
        if printed and len(shown.splitlines()) + len(printed[0].splitlines()) <= _BOTH:
            slide.body += f"\n\n{_printed(printed.pop(0))}"
        yield slide
    for piece in printed:
        yield Slide(title, "output", _printed(piece), [f"Printed by cell `{cell.id}`."])
    for picture, alt in lectures.figures(cell):
        image = f'<img src="data:image/png;base64,{"".join(picture.split())}" alt="{html.escape(alt)}">'
        yield Slide(title, "figure", image, [f"**What it shows.** {alt}"])


def _printed(text: str) -> str:
    # A blank line would end the HTML block for markdown.
    return "<pre class='printed'>" + html.escape(text).replace("\n\n", "\n&#8203;\n") + "</pre>"


def as_notebook(slides: list[Slide]) -> NotebookNode:
    """The slides as the cells that nbconvert's reveal exporter wants: text cells and cells with notes."""
    notebook = NotebookNode(nbformat=4, nbformat_minor=5, metadata=NotebookNode(), cells=[])
    for slide in slides:
        heading = f"# {slide.title}" if slide.kind == "title" else f"## {slide.title}"
        kind = "slide" if slide.opens else "subslide"
        cell = new_markdown_cell(f"{heading}\n\n{slide.body}")
        tags = [slide.kind, *(["narrow"] if _is_narrow(slide) else [])]
        cell.metadata = NotebookNode(slideshow=NotebookNode(slide_type=kind), tags=tags)
        notebook.cells.append(cell)
        if slide.notes:
            cell = new_markdown_cell("\n\n".join(slide.notes))
            cell.metadata = NotebookNode(slideshow=NotebookNode(slide_type="notes"))
            notebook.cells.append(cell)
    return notebook


def _is_narrow(slide: Slide) -> bool:
    """Whether there is room for its code in larger letters."""
    code = slide.kind in ("code", "output") and 1.15 * _height(slide) <= _FULL
    return code and max(map(len, slide.body.splitlines())) <= _NARROW
