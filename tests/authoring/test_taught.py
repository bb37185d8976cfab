"""Every public function and class names a lecture, and that lecture speaks of it."""

import re
from functools import cache
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from kdcourse.authoring import api, notebooks

ROOT = Path(__file__).parents[2]
TAUGHT = list(api.taught(ROOT))


def mentions(book: NotebookNode, word: str) -> bool:
    """In code as a word, in text as code or as a page that is linked. What a tool writes does not count."""
    start = (
        r"(?:(?<![\w.])|(?<=\blosses\.)|(?<=\bmodels\.)|(?<=\bdata\.))"  # not the `run` of `subprocess.run`
    )
    whole = re.compile(rf"{start}{re.escape(word)}\b")
    for cell in book.cells:
        if cell.cell_type == "code":
            texts = [cell.source]
        elif "/" in word:
            texts = re.findall(r"\]\((?:\.\./)*([^)#]+)", cell.source)
        else:
            texts = re.findall(r"`([^`\n]+)`", cell.source)
        if cell.id != "navigation" and any(whole.search(text) for text in texts):
            return True
    return False


def fault(one: api.Taught, book: NotebookNode | None) -> str:
    """What is wrong with the lecture that a docstring names; empty if nothing is."""
    if not one.lecture:
        return "its docstring has no section `Lecture:` of the form `NN_name, section N, through `word`.`"
    if book is None:
        return f"there is no lecture {one.lecture}"
    headings = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    if one.section and not re.search(rf"^## {one.section} · ", headings, flags=re.MULTILINE):
        return f"lecture {one.lecture} has no section {one.section}"
    word = one.through or one.name
    return "" if mentions(book, word) else f"lecture {one.lecture} does not mention `{word}`"


@cache
def lecture(stem: str) -> NotebookNode | None:
    path = ROOT / "notebooks" / f"{stem}.ipynb"
    return notebooks.read(path) if path.is_file() else None


@pytest.mark.parametrize("page", api.PAGES)
def test_every_public_name_says_where_it_is_taught(page):
    here = [one for one in TAUGHT if one.page == page]
    assert here
    found = {f"{page}.{one.name}": words for one in here if (words := fault(one, lecture(one.lecture)))}
    assert found == {}, "correct the docstring's section Lecture, or the lecture"


def test_what_stands_for_a_name_is_public_or_a_page():
    public = {one.name for one in TAUGHT}
    for one in TAUGHT:
        assert not one.through or one.through in public or (ROOT / one.through).is_file(), one


BOOK = new_notebook(
    cells=[
        new_markdown_cell("# 01 · Title\n\nNothing of gap, `gaps` or `a.gap`, but of `f(gap_2)`.", id="a"),
        new_markdown_cell("## 4 · Section\n\n[page](../docs/page.md#part), `one(two)`", id="b"),
        new_code_cell("losses.three(four, x.gap)", id="c"),
        new_markdown_cell("[`five`](../docs/api/losses.md#five)", id="navigation"),
    ]
)


@pytest.mark.parametrize("word", ["two", "three", "four", "docs/page.md", "gap_2"])
def test_what_a_lecture_speaks_of_is_seen(word):
    assert fault(api.Taught("losses", word, "", "01_title", "4", ""), BOOK) == ""
    assert fault(api.Taught("losses", "x", "", "01_title", "", word), BOOK) == ""


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (("gap", "", "01_title", "4", ""), "does not mention `gap`"),
        (("five", "", "01_title", "4", ""), "does not mention `five`"),
        (("x", "", "01_title", "4", "docs/other.md"), "does not mention `docs/other.md`"),
        (("two", "", "01_title", "5", ""), "has no section 5"),
        (("two", "", "", "", ""), "no section `Lecture:`"),
    ],
)
def test_a_lecture_that_no_longer_speaks_of_it_is_seen(one, words):
    assert words in fault(api.Taught("losses", *one), BOOK)
    assert "there is no lecture 01_title" in fault(api.Taught("losses", "two", "", "01_title", "4", ""), None)
