"""Slides: offline, complete, one idea each, with notes and minutes, and without solutions."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from kdcourse.authoring import build, notebooks
from kdcourse.teaching.material import deck, lectures, pieces
from kdcourse.teaching.material.markdown import formula, to_html
from kdcourse.teaching.material.slides import build_slides, render

ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """What a page would load, its slides, pictures, notes and folded answers."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.links, self.images, self.stack, self.slides = [], [], [], [], 0
        self.notes, self.shown, self.code = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "section":
            if "section" in self.stack:
                self.slides += 1
            self.stack.append(tag)
        elif tag in ("aside", "details", "script", "style", "pre"):
            self.stack.append(tag)
            if tag == "aside":
                self.notes.append("")
            if tag == "pre":
                self.code.append("")
            if tag == "details":
                assert "open" not in given
        if tag == "img":
            self.images.append(given)
        if tag == "a":
            self.links.append(given.get("href", ""))
        else:
            self.loads += [
                given[name] for name in ("src", "href", "data", "poster", "srcset") if given.get(name)
            ]

    def handle_endtag(self, tag):
        if self.stack and tag == self.stack[-1]:
            self.stack.pop()

    def handle_data(self, data):
        if "aside" in self.stack:
            self.notes[-1] += data
        elif "pre" in self.stack:
            self.code[-1] += data
        elif not {"script", "style"} & set(self.stack):
            self.shown.append(data)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    path = ROOT / "notebooks" / "01_soft_targets.ipynb"
    return build_slides(path, tmp_path_factory.mktemp("slides")).read_text(encoding="utf-8")


def test_nothing_is_loaded_from_anywhere(real):
    page = Page(real)
    assert page.images and all(load.startswith("data:") for load in page.loads), set(page.loads)
    assert all(link.startswith("https://") for link in page.links)
    css = "".join(re.findall(r"<style>(.*?)</style>", real, re.DOTALL))
    assert "@import" not in css
    assert all(url.strip("'\"").startswith("data:") for url in re.findall(r"url\((.*?)\)", css))
    assert "MathJax" not in real and "require(" not in real
    assert "<math" in real and "Reveal" in real and "RevealNotes" in real


def test_all_figures_are_there_with_their_text(real, lecture_01):
    cells = notebooks.read(lecture_01).cells
    wanted = [figure for cell in cells for figure in lectures.figures(cell)]
    got = [(image["src"].partition("base64,")[2], image["alt"]) for image in Page(real).images]
    assert len(wanted) == len(got) > 8
    for (picture, alt), (source, words) in zip(wanted, got, strict=True):
        assert base64.b64decode(picture) == base64.b64decode(source)
        assert alt == words


def test_slides_are_as_many_as_in_the_deck_and_not_too_full(real, lecture_01):
    slides = deck.deck(notebooks.read(lecture_01))
    page = Page(real)
    assert page.slides == len(slides) and 60 < len(slides) < 140
    assert all(len(code.strip("\n").splitlines()) <= pieces.MOST_LINES for code in page.code)
    sections = [s.title for s in lectures.sections(notebooks.read(lecture_01)) if lectures.is_taught(s)]
    assert [s.title for s in slides if s.opens][2:] == sections[1:]


def test_the_minutes_of_the_sections_are_those_of_the_header(real, lecture_01):
    minutes = [
        float(m) for m in re.findall(r": ([\d.]+) minutes, \d+ slides?\.", "\n".join(Page(real).notes))
    ]
    assert sum(minutes) == pytest.approx(lectures.read_header(notebooks.read(lecture_01)).minutes)
    counts = [int(n) for n in re.findall(r"minutes, (\d+) slides?\.", "\n".join(Page(real).notes))]
    assert sum(counts) == Page(real).slides - 2  # but for the two that open the lecture


def test_no_line_of_the_solution_is_shown(real, lecture_01):
    solution = notebooks.read(lectures.solution_of(lecture_01))
    taught = "\n".join(cell.source for cell in notebooks.read(lecture_01).cells)
    secret = {
        line
        for cell in solution.cells
        for line in build.secrets(cell)
        if len(line) > 22 and line not in taught
    }
    assert len(secret) > 50
    plain = "\n".join([*Page(real).shown, *Page(real).code, *Page(real).notes])
    assert not [line for line in secret if line in plain]


def test_the_small_lecture(doubling):
    slides = deck.deck(doubling)
    assert [(s.kind, s.opens) for s in slides] == [
        ("title", True), ("words", False),  # the opening
        ("words", True),  # imports only: nothing to show, but minutes
        ("words", True), ("question", False), ("captioned", False), ("code", False),
        ("words", False), ("answer", True), ("answer", False),
    ]  # fmt: skip
    first = slides[3]
    assert "Doubling is *adding*. It is also a shift." in first.body and "y = 2x" in first.body
    assert first.body.count("long remark") <= 3 and any(
        note.count("long remark") == 6 for note in first.notes
    )
    assert slides[4].body == "What is twice 21?" and "Ask for a prediction" in slides[4].notes[0]
    assert "42" in slides[5].body
    assert "def two" in slides[6].body and "def one" not in slides[6].body
    assert "thrice" in slides[9].body and "<details>" in slides[9].body
    assert not any("Nobody says" in slide.body for slide in slides)
    page = Page(render(doubling))
    assert page.images[0]["alt"] == "A single red pixel & nothing else"
    assert page.slides == len(slides)


def test_a_lecture_that_was_not_executed_is_refused(course):
    path = course / "notebooks" / "93_doubling.ipynb"
    book = notebooks.read(path)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    notebooks.write(book, path)
    with pytest.raises(ValueError, match="kdcourse execute"):
        build_slides(path, course / "out")
    assert not (course / "out").exists()


def test_without_a_header_there_are_no_slides(doubling):
    doubling.cells[0].source = "# Something"
    with pytest.raises(ValueError, match="header"):
        deck.deck(doubling)


@pytest.mark.parametrize(
    "total, weights, places", [(60, [1, 2, 3.5, 0], 0), (1.5, [3, 3, 1], 1), (7, [1e-9, 5], 0)]
)
def test_shares_add_up(total, weights, places):
    parts = lectures.shares(total, weights, places)
    assert sum(parts) == pytest.approx(total)
    exact = [total * w / sum(weights) for w in weights]
    assert all(abs(a - b) < 10.0**-places for a, b in zip(parts, exact, strict=True))


def test_headings_inside_code_open_no_section(doubling):
    cells = [doubling.cells[0], new_markdown_cell("## A\n\n```\n## not B\n```\n\n### C\n\nwords"),
             new_code_cell("1")]  # fmt: skip
    found = lectures.sections(new_notebook(cells=cells))
    assert [s.title for s in found] == ["", "A"]
    assert [p.title for p in found[1].parts] == ["", "C"] and len(found[1].parts[1].cells) == 2


def test_formulas_become_mathml_and_links_to_files_words():
    text = to_html(
        "Let $a_b < 1$ and `$x$`; [here](01_x.ipynb), [there](https://example.org).\n\n$$\\frac{1}{T}$$"
    )
    assert text.count("<math") == 2 and "<code>$x$</code>" in text and "mfrac" in text
    assert "ipynb" not in text and 'href="https://example.org"' in text
    assert formula(r"\frac{").startswith(("<code>", "<math"))  # a broken one raises nothing


def test_every_formula_of_the_course_can_be_drawn():
    for path in notebooks.lectures(ROOT):
        text = "".join(to_html(c.source) for c in notebooks.read(path).cells if c.cell_type == "markdown")
        assert "$$" not in re.sub(r"<(code|pre).*?</\1>", "", text, flags=re.DOTALL)
        assert not re.findall(r">[^<]*\\[a-zA-Z]+[^<]*</m[a-z]+>", text), path.name


def test_code_that_only_prints_asserts_or_imports_is_not_shown():
    source = "import torch\n\nx = 1  # kept\nassert x\nfor i in [2]:\n    print(\n        i,\n    )\ny = f(x)"
    assert pieces.excerpt(source) == ("x = 1  # kept\ny = f(x)", 6)
    assert pieces.excerpt("print(1)\n# a remark\nassert True") == ("", 3)
    assert pieces.excerpt("for x in data:\n    train(x)\n    print(x)")[1] == 0  # it does something, too


def slide(kind, body, title="A"):
    return deck.Slide(title, kind, body, [f"about {body}"])


@pytest.mark.parametrize("kind", ["code", "output", "figure"])
def test_short_words_stand_above_what_they_introduce(kind):
    (joined,) = deck._joined([slide("words", "Look:"), slide(kind, "this")])
    assert joined.body == "Look:\n\nthis" and joined.notes == ["about Look:", "about this"]
    assert joined.kind == ("captioned" if kind == "figure" else kind)


@pytest.mark.parametrize(
    "first, second",
    [
        (slide("question", "How many?"), slide("figure", "three")),  # would give the answer away
        (slide("words", "Look:", title="B"), slide("figure", "this")),
        (slide("words", "\n\n".join(["A line."] * 4)), slide("figure", "this")),
        (slide("words", "\n\n".join(["A line."] * 8)), slide("code", "x\n" * 9)),
        (slide("figure", "this"), slide("words", "So it was.")),  # is said when all have looked
    ],
)
def test_what_does_not_belong_on_one_slide_stays_apart(first, second):
    assert deck._joined([first, second]) == [first, second]
