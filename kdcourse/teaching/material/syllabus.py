"""The course on a few pages, for printing: out of the lectures' headers and the exercises' points."""

import re
from html import escape
from pathlib import Path

from kdcourse.authoring import notebooks
from kdcourse.teaching.material import lectures
from kdcourse.teaching.material.markdown import to_html

_STYLE = """
@page { size: A4 landscape; margin: 7mm; }
body { font: 7.1pt/1.15 "Source Sans 3", "Segoe UI", "DejaVu Sans", Arial, sans-serif; color: #111; }
h1 { font-size: 13pt; margin: 0 0 1mm; } p { margin: 0; }
table { border-collapse: collapse; width: 100%; margin-top: 2mm; }
th { text-align: left; border-bottom: 1.2pt solid #0072B2; color: #0072B2; }
td, th { padding: 0.5mm 1.2mm; vertical-align: top; border-bottom: 0.4pt solid #bbb; }
tr { break-inside: avoid; } thead { display: table-header-group; }
.number { text-align: right; white-space: nowrap; }
ul { margin: 0; padding: 0; list-style: none; } li { display: inline; }
li:not(:last-child)::after { content: " · "; }
math { font-size: 1em; }
@media screen { body { max-width: 290mm; margin: 6mm auto; font-size: 9.5pt; } }
"""
_HEAD = ("lecture", "question", "afterwards you can", "minutes", "exercise", "points", "before you start")


def build_syllabus(root: Path) -> str:
    """The syllabus of all lectures below `root` as HTML. `ValueError` names a lecture without a header."""
    rows, minutes, most = [], 0.0, 0.0
    for path in notebooks.lectures(root):
        try:
            header = lectures.read_header(notebooks.read(path))
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None
        # Points are taken from the learners' copy: nothing of a solution can get in here.
        exercise = next(iter(sorted(root.glob(f"exercises/ex{header.number}_*/*.ipynb"))), None)
        points = sum(lectures.points(notebooks.read(exercise)).values()) if exercise else 0.0
        minutes, most = minutes + header.minutes, most + points
        rows.append(_row(header, exercise.parent.name if exercise else "", points))
    head = "".join(f"<th scope='col'>{name}</th>" for name in _HEAD)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>Syllabus</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>Knowledge distillation, hands on</h1>\n"
        f"<p>{len(rows)} lectures, {minutes / 60:.0f} hours in all to read and run; exercises with {most:g} "
        "points, for which about three hours each should be planned.</p>\n"
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody>\n</table>\n"
        "</body>\n</html>\n"
    )


def _row(header: lectures.Header, exercise: str, points: float) -> str:
    goals = "".join(f"<li>{_inline(goal.text)}</li>" for goal in header.objectives)
    return (
        f"<tr><td><strong>{header.number}</strong> {_inline(header.title)}</td>"
        f"<td>{_inline(_shortest(header.question))}</td><td><ul>{goals}</ul></td>"
        f"<td class='number'>{header.reading:g} + {header.running:g}</td>"
        f"<td>{escape(exercise).replace('_', '_<wbr>') or 'none'}</td>"
        f"<td class='number'>{points:g}</td><td>{_inline(_lasting(header.prerequisites))}</td></tr>"
    )


def _lasting(prerequisites: str) -> str:
    """Without the sentence that leads to the glossary: it is the same in every lecture, and a link."""
    sentences = re.split(r"(?<=\.) (?=[A-Z\[])", prerequisites)
    return " ".join(words for words in sentences if not words.startswith("Words are explained"))


def _shortest(question: str) -> str:
    """The last two sentences that ask; all of it if they say little without the rest."""
    asking = [words for words in re.split(r"(?<=[.?]) ", question) if words.endswith("?")]
    short = " ".join(asking[-2:])
    return short if len(short) > 60 else question


def _inline(markdown: str) -> str:
    return to_html(markdown).strip().removeprefix("<p>").removesuffix("</p>")
