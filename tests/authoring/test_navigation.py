"""Every lecture and exercise ends with a cell that leads on, and nothing else of a notebook is touched."""

import shutil
from pathlib import Path

import pytest

from kdcourse.authoring import api, build, lint, navigation, notebooks

ROOT = Path(__file__).parents[2]
TAUGHT = [
    api.Taught("losses", "twice", "Two of it: ``x``.", "92_small", "1", ""),
    api.Taught("losses", "other", "Of another lecture.", "93_next", "", ""),
    api.Taught("models", "Doubler", "A part.", "92_small", "", ""),
    api.Taught("models", "Halves", "What it gives.", "92_small", "", "Doubler"),
]
LECTURE = """## Where to go from here

- Next lecture: [93 · Next](93_next.ipynb)
- Previous lecture: [91 · First](91_first.ipynb)
- Its exercise: [Exercise 92 · Smaller](../exercises/ex92_small/ex92_small.ipynb)
- For reference: [course map](91_first.ipynb), [glossary](../docs/glossary.md), \
[notation](../docs/notation.md)

**Functions of this lecture**, as they are in the library:

- [twice](../docs/api/losses.md#twice): Two of it: ``x``
- [Doubler](../docs/api/models.md#doubler): A part
- and what goes with them: [Halves](../docs/api/models.md#halves)"""
FIRST = """## Where to go from here

- Next lecture: [92 · Doubling](92_small.ipynb)
- For reference: [glossary](../docs/glossary.md), [notation](../docs/notation.md)"""
EXERCISE = """## Where to go from here

- Back to the lecture: [92 · Doubling](../../notebooks/92_small.ipynb)
- Next exercise: [Exercise 93 · Next](../ex93_next/ex93_next.ipynb)
- For reference: [course map](../../notebooks/91_first.ipynb), [glossary](../../docs/glossary.md), \
[notation](../../docs/notation.md)"""
LAST = """## Where to go from here

- Back to the lecture: [93 · Next](../../notebooks/93_next.ipynb)
- Previous exercise: [Exercise 92 · Smaller](../ex92_small/ex92_small.ipynb)
- For reference: [course map](../../notebooks/91_first.ipynb), [glossary](../../docs/glossary.md), \
[notation](../../docs/notation.md)"""


@pytest.fixture
def row(course, lecture, small_source, monkeypatch):
    """Lectures 91 to 93, and solutions 92 and 93."""
    monkeypatch.setattr(api, "taught", lambda root: iter(TAUGHT))
    for stem, title in (("91_first", "91 · First"), ("93_next", "93 · Next")):
        lecture.cells[0].source = lecture.cells[0].source.replace("92 · Doubling", title)
        notebooks.write(lecture, course / "notebooks" / f"{stem}.ipynb")
        lecture.cells[0].source = lecture.cells[0].source.replace(title, "92 · Doubling")
    small_source.cells[0].source = "# Exercise 93 · Next"
    notebooks.write(small_source, course / "solutions" / "ex93_next" / "ex93_next.ipynb")
    return course


def last(course, name):
    return notebooks.read(course / name).cells[-1]


def write(course):
    return navigation.main(["--root", str(course)])


def check(course):
    return navigation.main(["--check", "--root", str(course)])


def test_the_notebooks_of_the_course_are_up_to_date():
    assert check(ROOT) == 0, "run `kdcourse navigation` and `kdcourse build-exercises`"


def test_what_the_cells_say(row, capsys):
    assert write(row) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "notebooks/91_first.ipynb" and len(said) == 6 and "build-exercises" in said[-1]
    for name, source in (
        ("notebooks/91_first.ipynb", FIRST),
        ("notebooks/92_small.ipynb", LECTURE),
        ("solutions/ex92_small/ex92_small.ipynb", EXERCISE),
        ("solutions/ex93_next/ex93_next.ipynb", LAST),
    ):
        cell = last(row, name)
        assert (cell.source, cell.id, cell.cell_type, dict(cell.metadata)) == (
            source,
            "navigation",
            "markdown",
            {},
        )


def test_nothing_else_changes_and_twice_is_once(row):
    paths = sorted(row.glob("*/**/*.ipynb"))
    before = {path: path.read_text(encoding="utf-8") for path in paths}
    write(row)
    once = {path: path.read_text(encoding="utf-8") for path in paths}
    for path in paths:
        book = notebooks.read(path)
        book.cells.pop()
        assert notebooks.dumps(book) == before[path]
    write(row)
    assert {path: path.read_text(encoding="utf-8") for path in paths} == once


def test_check_names_what_is_out_of_date_and_writes_nothing(row, capsys):
    path = row / "notebooks" / "92_small.ipynb"
    before = path.read_text(encoding="utf-8")
    assert check(row) == 1
    assert "notebooks/92_small.ipynb: its cell `navigation` is out of date. Run" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == before
    write(row)
    assert check(row) == 0
    # A new title, and a cell that came behind.
    book = notebooks.read(path)
    book.cells[0].source = book.cells[0].source.replace("Doubling", "Twice")
    book.cells.append(book.cells.pop(1))
    notebooks.write(book, path)
    capsys.readouterr()
    assert check(row) == 1
    said = capsys.readouterr().err
    assert "92_small.ipynb" in said and "91_first.ipynb" in said and "93_next.ipynb" in said
    write(row)
    assert last(row, "notebooks/92_small.ipynb").source == LECTURE.replace("Doubling", "Twice")
    assert [cell.id for cell in notebooks.read(path).cells].count("navigation") == 1


def test_a_notebook_without_a_title_is_named(row, capsys):
    path = row / "notebooks" / "93_next.ipynb"
    book = notebooks.read(path)
    book.cells.pop(0)
    notebooks.write(book, path)
    assert write(row) == 1
    assert "93_next.ipynb: its first cell does not begin with a title" in capsys.readouterr().err


def test_learners_get_the_cell_and_the_linter_likes_it(row):
    for name in ("glossary", "notation", "api/losses", "api/models"):
        (row / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (row / "docs" / f"{name}.md").write_text("# Page\n", encoding="utf-8")
    write(row)
    assert build.main(["--root", str(row)]) == 0
    exercise = "exercises/ex92_small/ex92_small.ipynb"
    assert last(row, exercise).source == EXERCISE and not last(row, exercise).metadata
    for name in (exercise, "notebooks/92_small.ipynb", "solutions/ex92_small/ex92_small.ipynb"):
        found = [one for one in lint.lint_file(row / name, row) if one.cell == "navigation"]
        assert found == []
    shutil.rmtree(row / "docs")
    assert any("glossary.md" in one.problem for one in lint.lint_file(row / exercise, row))
