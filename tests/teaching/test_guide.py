"""Guides, rubric, syllabus, and the pack as a whole."""

import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from kdcourse.authoring import build, notebooks
from kdcourse.grading.tasks import all_tasks
from kdcourse.teaching.material import deck, guide, lectures, pack, paper, syllabus
from kdcourse.teaching.material.misconceptions import Misconception

BANK = [Misconception("double", "93", "lambda x: x", "The sum is missing; add it.", "Add it.")]


def test_the_guide_of_the_small_lecture(course):
    lecture = course / "notebooks" / "93_doubling.ipynb"
    text = guide.build_guide(lecture, lectures.solution_of(lecture), BANK)
    assert "21.5 minutes: 20 to read and talk, 1.5 to run." in text
    assert "| 1 | double a number | `double` (2, by its check) |" in text
    assert "| 2 | say why, with $2x$ | `double` (2, by its check), `why_double` (3, by hand) |" in text
    assert "In all 5 points." in text
    # The prediction is asked before the figure that answers it, and the outcome follows.
    places = [
        text.index(part)
        for part in (
            "**Ask, before the figure of cell `twice` is shown:**", "> What is twice 21?", "```text\n42\n```",
            "Figure: A single red pixel", "*Answer:* Four",
        )
    ]  # fmt: skip
    assert places == sorted(places)
    assert "`double`: The sum is missing; add it." in text
    assert "`why_double`, worth nothing: it just is." in text
    assert "Nobody says this aloud" not in text


def test_the_rubric_has_question_sample_answer_and_scheme(solved_doubling):
    text = "\n".join(guide.rubric(solved_doubling))
    assert "### `why_double` (3 points)" in text and "> Say why it is twice." in text
    assert "Because it is added to itself once." in text and "- full: a reason." in text
    assert text.count("Because it is added") == 1 and "MARK SCHEME" not in text


@pytest.mark.parametrize("number", ["00", "01", "10"])
def test_the_guide_of_a_real_lecture(number, root):
    lecture = next(root.glob(f"notebooks/{number}_*.ipynb"))
    book, solution = notebooks.read(lecture), lectures.solution_of(lecture)
    text = guide.build_guide(lecture, solution, [])
    asked = [part for s in lectures.sections(book) for part in s.parts if part.predicts and part.cells]
    assert text.count("**Ask, before ") == len(asked) > 2
    for cell in book.cells:
        for _, alt in lectures.figures(cell):
            assert f"Figure: {alt}" in text
    if solution:
        for task, cell in guide.manual(notebooks.read(solution)):
            assert f"### `{task}` ({cell.metadata.nbgrader.points:g} points)" in text
    assert "MARK SCHEME" not in text and "BEGIN SOLUTION" not in text


def test_every_objective_of_the_guide_has_its_points(root):
    for path in notebooks.sources(root):
        points = lectures.points(notebooks.read(path))
        lecture = next(root.glob(f"notebooks/{path.parent.name[2:4]}_*.ipynb"), None)
        if lecture:
            header = lectures.read_header(notebooks.read(lecture))
            named = {task for goal in header.objectives for task in goal.tasks}
            assert named == points.keys(), path.name


def test_the_syllabus_says_what_the_headers_say(root):
    text = syllabus.build_syllabus(root)
    for path in notebooks.lectures(root):
        header = lectures.read_header(notebooks.read(path))
        assert f"<strong>{header.number}</strong>" in text
        assert f"<td class='number'>{header.reading:g} + {header.running:g}</td>" in text
    assert text.count("<li>") == sum(
        len(lectures.read_header(notebooks.read(path)).objectives) for path in notebooks.lectures(root)
    )
    assert ">30</td>" in text and "(task" not in text and "@page" in text
    assert "src=" not in text and "@import" not in text and "<link" not in text


def test_the_syllabus_shows_no_solution(root):
    text = syllabus.build_syllabus(root)
    for path in notebooks.sources(root):
        lines = {
            line for cell in notebooks.read(path).cells for line in build.secrets(cell) if len(line) > 22
        }
        assert not [line for line in lines if line in text], path.name


def test_the_syllabus_of_the_small_course(course):
    text = syllabus.build_syllabus(course)
    assert "1 lectures" in text and "5 points" in text and "ex93_<wbr>doubling" in text
    assert "What is twice a number, and is it the same" in text and "<math" in text
    (course / "notebooks" / "94_bad.ipynb").write_text(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', encoding="utf-8"
    )
    with pytest.raises(ValueError, match="94_bad"):
        syllabus.build_syllabus(course)


def test_the_pack_is_complete_and_not_for_learners(course, capsys, monkeypatch):
    monkeypatch.setattr(pack, "misconceptions", lambda root: BANK)
    assert pack.main(["--root", str(course)]) == 0
    written = {path.relative_to(course / "teaching").as_posix() for path in course.glob("teaching/**/*.*")}
    assert written == {
        "slides/93_doubling.slides.html", "guides/93_doubling.md", "guides/93_doubling.html",
        "misconceptions.md", "misconceptions.csv",
        "syllabus.html",
    }  # fmt: skip
    assert "secret_sum" not in (course / "teaching" / "slides" / "93_doubling.slides.html").read_text("utf-8")
    assert "secret_sum" not in (course / "teaching" / "syllabus.html").read_text("utf-8")
    for place in ("notebooks", "exercises/ex93_doubling", "submitted"):
        assert pack.main(["--root", str(course), "--to", str(course / place)]) == 1
        assert "contains solutions" in capsys.readouterr().err
    assert pack.main(["--root", str(course), "77"]) == 1
    assert "77" in capsys.readouterr().err


def test_one_lecture_without_outputs_does_not_stop_the_others(course, doubling, capsys):
    for cell in doubling.cells:
        cell.pop("outputs", None)
        if cell.cell_type == "code":
            cell.outputs = []
    notebooks.write(doubling, course / "notebooks" / "92_not_executed.ipynb")
    assert pack.main(["--root", str(course), "--only-slides"]) == 1
    assert "92_not_executed" in capsys.readouterr().err
    assert [path.name for path in course.glob("teaching/slides/*")] == ["93_doubling.slides.html"]


def test_known_mistakes_are_collected_for_the_lecture_only(root):
    header = lectures.read_header(notebooks.read(root / "notebooks" / "01_soft_targets.ipynb"))
    header = header.__class__(**{**vars(header), "objectives": header.objectives[:1]})
    found = guide.collected(root, header)
    assert {entry.task for entry in found} == {"temperature_softmax"} <= all_tasks().keys()


def test_the_plan_says_what_needs_what(doubling):
    title = doubling.cells[0]
    parts = [
        ("## 1 · A\n\nwords", "a = 1\ntotal = 0"),
        ("## 2 · B\n\nwords", "b = [x for x in range(a)]"),
        ("## 3 · C\n\nwords", "a = 5"),
        ("## 4 · D\n\nwords", "def f():\n    return a"),
    ]
    cells = [
        cell for text, code in parts for cell in (new_markdown_cell(text), new_code_cell(code, outputs=[]))
    ]
    book = new_notebook(cells=[title, *cells])
    lines = "\n".join(guide._plan(book)).splitlines()
    rows = {row[0].strip(): row[-1].strip() for line in lines if (row := line.strip("|").split("|"))[1:]}
    assert [rows[name] for name in ("1 · A", "2 · B", "3 · C", "4 · D")] == ["2", "–", "4", "–"]
    assert any("among 2, 4 (" in line for line in lines)


def test_the_slides_of_the_plan_are_those_of_the_deck(lecture_01):
    book = notebooks.read(lecture_01)
    slides = deck.deck(book)
    places = [
        int(first)
        for first in re.findall(r"\| (\d+)(?: to \d+)? \| [^|]*\|$", "\n".join(guide._plan(book)), re.M)
    ]
    assert places == [place for place, slide in enumerate(slides, 1) if slide.opens][1:]


def test_a_page_on_paper_is_whole_and_unfolded():
    text = paper.page(
        "# Guide to <b>\n\n$x^2$ [here](a.ipynb)\n\n<details><summary>More</summary>\n\nthis\n\n</details>"
    )
    assert "<title>Guide to &lt;b&gt;</title>" in text and "<math" in text and "<details open>" in text
    assert "a.ipynb" not in text and "http" not in text.replace("http://www.w3.org/1998/Math/MathML", "")


def test_the_syllabus_leaves_out_where_words_are_explained(root):
    assert "Words are explained" not in syllabus.build_syllabus(root)
    assert (
        syllabus._lasting("Lecture 01 (T, e.g. 4). Words are explained in [the glossary](g.md).")
        == "Lecture 01 (T, e.g. 4)."
    )
