"""Each rule of the linter is seen to hold and to be broken."""

import json

import nbformat.v4 as v4
import pytest

from kdcourse.authoring import build, lint, notebooks

PNG = {"image/png": "iVBORw0KGgo="}
ALT = {"image/png": {"alt": "plot"}}


@pytest.fixture
def clean(course, lecture, small_source):
    """A course as it should be: executed (here: marked as such) and built."""
    for number, cell in enumerate((cell for cell in lecture.cells if cell.cell_type == "code"), start=1):
        cell.execution_count = number
    lecture.cells[2].outputs = [
        v4.new_output("display_data", PNG, metadata={"image/png": {"alt": "One red pixel"}})
    ]
    for number, cell in enumerate((cell for cell in small_source.cells if cell.cell_type == "code"), start=1):
        cell.execution_count = number
    notebooks.write(lecture, course / "notebooks" / "92_small.ipynb")
    notebooks.write(small_source, course / "solutions" / "ex92_small" / "ex92_small.ipynb")
    assert build.main(["--root", str(course)]) == 0
    return course


LECTURE = "notebooks/92_small.ipynb"
SOLUTION = "solutions/ex92_small/ex92_small.ipynb"
EXERCISE = "exercises/ex92_small/ex92_small.ipynb"


def findings(course, name):
    return [str(finding) for finding in lint.lint_file(course / name, course)]


def edit(course, name, change):
    book = json.loads((course / name).read_text(encoding="utf-8"))
    change(book, {cell["id"]: cell for cell in book["cells"]})
    (course / name).write_text(json.dumps(book), encoding="utf-8")


def source(cell_id, old, new):
    def change(book, cells):
        text = "".join(cells[cell_id]["source"])
        assert old in text
        cells[cell_id]["source"] = text.replace(old, new)

    return change


def output(cell_id, **fields):
    return lambda book, cells: cells[cell_id]["outputs"].append(fields)


def nbgrader(cell_id, **fields):
    return lambda book, cells: cells[cell_id]["metadata"]["nbgrader"].update(fields)


def stream(text, name="stdout"):
    return output("double-a-number", output_type="stream", name=name, text=text)


def test_a_course_as_it_should_be(clean, capsys):
    assert lint.main(["--root", str(clean)]) == 0
    assert capsys.readouterr().out == "3 notebooks, no findings\n"


IN_LECTURES = [
    (source("header", "# 92 ·", "# 93 ·"), "header: the title does not carry the lecture's number"),
    (source("header", "**Question.**", "Question."), "header: **Question.** is missing. Ask, in one"),
    (source("header", "**Papers.**", ""), "header: **Papers.** is missing"),
    (source("header", "**Before you start.**", ""), "header: **Before you start.** is missing"),
    (source("header", "**Time.**", ""), "header: **Time.** is missing"),
    (source("header", "about 3 min", "some minutes"), "header: the times cannot be read"),
    (source("header", "**After this lecture you can**", ""), "header: **After this lecture you"),
    (source("header", "1. double", "double"), "header: there is no objective"),
    (source("header", "(task `double`)", ""), "objective '1. double a number' names no task"),
    (source("header", "`double`", "`triple`"), "task `triple` is not in the exercise. It has: double"),
    (source("header", "`double`", "`triple`"), "no objective names the exercise's task `double`"),
    (lambda b, c: b["cells"].pop(0), "the first cell is not text"),
    (lambda b, c: c["where-am-i"].update(id="double-a-number"), "double-a-number: this id is used twice"),
    (lambda b, c: c["where-am-i"].update(id="0badf00d"), "0badf00d: the id is not made of words"),
    (lambda b, c: c["where-am-i"].update(id="deadbeef"), "deadbeef: the id is not made of words"),
    (lambda b, c: c["where-am-i"].update(id="Where_Am_I"), "Where_Am_I: the id is not made of words"),
    (lambda b, c: c["where-am-i"].pop("id"), "cells without an id"),
    (stream("careful", "stderr"), "double-a-number: something was written to stderr"),
    (stream(" 50%|█████     | 5/10"), "double-a-number: a progress bar is stored"),
    (stream("12.3it/s"), "double-a-number: a progress bar is stored"),
    (stream("step 1\rstep 2"), "double-a-number: a progress bar is stored"),
    (stream("<Axes at 0x7f22ab3400>"), "double-a-number: an object's address is stored"),
    (
        output("double-a-number", output_type="error", ename="KeyError", evalue="", traceback=[]),
        "double-a-number: an error is stored (KeyError)",
    ),
    (
        output("double-a-number", output_type="display_data", data=PNG, metadata={}),
        "double-a-number: the image/png has no alternative text",
    ),
    (
        output("double-a-number", output_type="display_data", data=PNG, metadata=ALT),
        "double-a-number: the image/png has no alternative text",
    ),
    (source("header", "None.", "![](a.png)"), "header: a picture has no alternative text"),
    (source("header", "None.", '<img src="a.png">'), "header: a picture has no alternative text"),
    (source("header", "None.", "[a](no.ipynb#x)"), "header: a link leads to no.ipynb, which is not there"),
    (source("header", "None.", "\n\n# More"), "header: the heading 'More' is a second title"),
    (source("header", "None.", "\n\n### Deep"), "the heading 'Deep' is of level 3, below level 1"),
    (source("header", "# 92 ·", "92 ·"), "there is no title. Begin the first cell with"),
    (source("header", "# 92 ·", "## 92 ·"), "the heading '92 · Doubling' is of level 2, below no title"),
    (lambda b, c: c["where-am-i"].update(execution_count=7), "where-am-i: the cells were not executed"),
    (lambda b, c: c["where-am-i"].update(execution_count=None), "where-am-i: the cells were not executed"),
    (lambda b, c: c["where-am-i"].update(source=[]), "where-am-i: the cell is empty"),
    (stream("x" * 1_000_001), "the file has 1.0 MB, more than 1 MB"),
    (lambda b, c: b["metadata"]["kernelspec"].update(name="other"), "the kernel is not `python3`"),
    (lambda b, c: b["metadata"].update(widgets={"a": 1}), "widget state is stored"),
]  # fmt: skip
IN_SOLUTIONS = [
    (
        lambda b, c: c["double"]["metadata"].update(incorrectly_encoded_metadata="x"),
        "double: its metadata was misread from text",
    ),
    (nbgrader("double", grade_id="double_check"), "nbgrader does not accept it: Duplicate grade id"),
    (nbgrader("double", schema_version=1), "nbgrader does not accept it"),
    (nbgrader("double-check", points=0), "double-check: a graded cell gives no points"),
    (nbgrader("double-check", locked=False), "double-check: a check cell can be edited by learners"),
    (nbgrader("double-check", grade_id="single_check"), "no cell is checked by `single_check`"),
    (nbgrader("double-check", grade_id="single_check"), "double: task `double` has no check cell"),
    (source("double", "### BEGIN SOLUTION", ""), "double: the solution is not marked"),
    (lambda b, c: b["cells"].pop(2), "nothing is graded"),
]  # fmt: skip
IN_EXERCISES = [
    (lambda b, c: c["double"].update(execution_count=1), "double: an exercise has stored outputs"),
    (nbgrader("double-check", points=0), "double-check: a graded cell gives no points"),
]  # fmt: skip
RULES = [
    (name, *rule)
    for name, rules in ((LECTURE, IN_LECTURES), (SOLUTION, IN_SOLUTIONS), (EXERCISE, IN_EXERCISES))
    for rule in rules
]


@pytest.mark.parametrize(("name", "change", "expected"), RULES, ids=[rule[2][:40] for rule in RULES])
def test_a_broken_rule_is_found(clean, name, change, expected, capsys):
    edit(clean, name, change)
    found = findings(clean, name)
    assert any(line.startswith(name) and expected in line for line in found), found
    assert lint.main(["--root", str(clean), str(clean / name)]) == 1
    assert expected in capsys.readouterr().err


def test_links_that_lead_somewhere(clean):
    text = "[a](92_small.ipynb#x), [b](https://example.org/x), [c](../exercises/ex92_small/ex92_small.ipynb)"
    edit(clean, LECTURE, source("header", "None.", text))
    assert not findings(clean, LECTURE)


def test_headings_that_rise_by_one_and_what_is_none(clean):
    text = "a\n\n### BEGIN MARK SCHEME\n\n## b\n\n### c\n\n## d\n\n```\n# e\n#### f\n```\n\n#hashtag"
    edit(clean, LECTURE, source("header", "None.", text))
    assert not findings(clean, LECTURE)


def test_stderr_in_a_solution_is_found(clean):
    edit(clean, SOLUTION, output("double", output_type="stream", name="stderr", text="careful"))
    assert any("double: something was written to stderr" in line for line in findings(clean, SOLUTION))


def test_a_lecture_without_an_exercise_needs_objectives_but_no_tasks(clean):
    (clean / SOLUTION).unlink()
    edit(clean, LECTURE, source("header", "(task `double`)", ""))
    assert findings(clean, LECTURE) == []
    edit(clean, LECTURE, source("header", "1. double", "double"))
    assert any("there is no objective" in line for line in findings(clean, LECTURE))


def test_several_tasks_in_one_objective(clean):
    edit(clean, LECTURE, source("header", "(task `double`)", "(tasks `double`, `triple` and `quadruple`)"))
    assert [line for line in findings(clean, LECTURE) if "is not in the exercise" in line] == [
        f"{LECTURE}: cell header: task `{task}` is not in the exercise. It has: double."
        for task in ("triple", "quadruple")
    ]


def test_a_file_that_is_no_notebook(clean):
    (clean / LECTURE).write_text("{", encoding="utf-8")
    assert "cannot be read as a notebook" in findings(clean, LECTURE)[0]
