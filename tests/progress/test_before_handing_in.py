"""`kdcourse check` says for each task what a learner must know before handing in, and changes nothing."""

import json
from pathlib import Path

import pytest
from made_course import cell, check_source, exercise, write
from nbformat import v4

from kdcourse import cli
from kdcourse.authoring import notebooks
from kdcourse.progress import before_handing_in as before
from kdcourse.progress import store
from kdcourse.teaching.marking.containment import environment


@pytest.fixture
def mine(course):
    return course / "exercises" / "ex91_small" / "ex91_small.ipynb"


def run(capsys, *argv):
    """Exit status, lines on stdout, stderr."""
    status = cli.main(["check", *argv])
    captured = capsys.readouterr()
    return status, captured.out.splitlines(), captured.err


def states(lines):
    """Task -> state, of the lines that begin with a state."""
    known = (before.PASSED, before.WRONG, before.UNWRITTEN, before.MISSING, before.UNREACHED, before.CHANGED)
    return {line.split()[-1]: state for line in lines for state in known if line.startswith(f"{state}  ")}


def under(lines, task):
    """The indented lines below the line of a task."""
    place = next(n for n, line in enumerate(lines) if line.endswith(f"  {task}"))
    found = []
    for line in lines[place + 1 :]:
        if not line.startswith("      "):
            break
        found.append(line.strip())
    return found


def test_an_exercise_that_is_solved(course, mine, capsys):
    book = exercise(
        "double", "judge_sums", double="double = lambda x: 2 * x", judge_sums="judge_sums = double"
    )
    # Stored outputs of an earlier run say nothing, and what is run here is no try of the learner's.
    book.cells[2].outputs = [v4.new_output("error", ename="AssertionError", evalue="old", traceback=[])]
    book.cells[1].source += "\nimport os\nassert os.environ['KDCOURSE_PROGRESS'] == 'off'"
    write(book, mine)
    stored = mine.read_bytes()
    status, out, err = run(capsys, "91")
    assert (status, err) == (0, "")
    assert states(out) == {"double": "passed", "judge_sums": "passed"} and "2 of 2 tasks" in out[-1]
    assert mine.read_bytes() == stored
    kept, _ = store.load(course / ".kdcourse" / "progress.json")
    assert all(kept[task]["passed"] and kept[task]["tries"] == 0 for task in ("double", "judge_sums"))


def test_every_kind_of_trouble_in_one_notebook(course, mine, capsys):
    answers = {
        "right": "def right(x):\n    return 2 * x",
        "wrong": "def wrong(x):\n    return x",
        "endless": "while True:\n    pass",
        "spoilt": "def spoilt(x:\n    return 2 * x",
        "unchecked": "def unchecked(x):\n    return 2 * x",
        "bent": "def bent(x):\n    return x",
        "lost": "",
        "why": "Because.",
    }
    book = exercise(
        "right", "wrong", "untouched", "endless", "spoilt", "unchecked", "bent", "lost", **answers
    )
    source = exercise("right", "wrong", "untouched", "endless", "spoilt", "unchecked", "bent", "lost")
    write(source, course / "solutions" / "ex91_small" / "ex91_small.ipynb")
    by_id = {c.id: c for c in book.cells}
    by_id["bent-check"].source = "assert True"
    own = cell("code", "untouched(1)", "own", grade=False, solution=True)
    failing = cell("code", "1 / 0", "failing", grade=False, solution=True)
    for extra in (own, failing):
        extra.metadata.pop("nbgrader")
    book.cells = [c for c in book.cells if c.id not in ("unchecked-check", "lost")] + [own, failing]
    write(book, mine)
    status, out, err = run(capsys, str(mine), "--cell-timeout", "5")
    assert (status, err) == (1, "")
    assert states(out) == {
        "right": before.PASSED, "wrong": before.WRONG, "untouched": before.UNWRITTEN, "endless": before.WRONG,
        "spoilt": before.WRONG, "unchecked": before.MISSING, "bent": before.CHANGED, "lost": before.WRONG,
    }  # fmt: skip
    assert under(out, "wrong") == ["It gives 4"]
    assert under(out, "endless") == [
        "Your cell did not finish within 5 s and was interrupted. Is there an endless loop?"
    ]
    assert "SyntaxError" in under(out, "spoilt")[0] and "put back" in under(out, "unchecked")[0]
    assert "is gone" in under(out, "lost")[0] and "not the original" in under(out, "bent")[0]
    at = out.index("Other cells that fail:")
    assert "failing fails with ZeroDivisionError" in out[at + 1] and out[at + 2] == ""
    assert out[at + 4 : at + 6] == ["  why (2 points): written", "  challenge (2 points): not written yet"]
    assert "1 of 8 tasks" in out[-1]


def test_a_kernel_that_dies(course, mine, capsys):
    answers = {"double": "double = lambda x: 2 * x", "judge_sums": "import os\nos._exit(1)"}
    write(exercise("double", "judge_sums", **answers), mine)
    status, out, _ = run(capsys, "ex91_small")
    assert status == 1 and states(out) == {"double": before.PASSED, "judge_sums": before.UNREACHED}
    assert any("the kernel died in cell judge-sums" in line for line in out)


@pytest.mark.parametrize("text", ["{", "", "[]", '{"cells": 3}', '{"nbformat": 4, "metadata": {}}', "\x00"])
def test_a_file_that_is_no_notebook(course, mine, capsys, text):
    mine.write_text(text, encoding="utf-8")
    status, out, err = run(capsys, "91")
    assert status == 1 and out == [] and "is not a notebook that can be read" in err and "Checkpoint" in err
    assert mine.read_text(encoding="utf-8") == text


def test_what_is_not_there(course, capsys):
    status, _, err = run(capsys, "17")
    assert status == 1 and '"17"' in err and "ex91_small, ex92_other" in err
    status, _, err = run(capsys, "gone.ipynb")
    assert status == 1 and "no notebook gone.ipynb" in err


def test_a_notebook_without_tasks(course, capsys):
    path = write(exercise(), course / "notebooks" / "91_small.ipynb")
    book = notebooks.read(path)
    book.cells = book.cells[:1]
    write(book, path)
    status, _, err = run(capsys, str(path))
    assert status == 1 and "has no tasks" in err


def test_checksums_are_those_of_nbgrader():
    utils = pytest.importorskip("nbgrader.utils")
    for made in exercise("double", "judge_sums").cells:
        if notebooks.role(made) == "check":
            assert before.checksum(made) == utils.compute_checksum(made)


def test_the_checksums_of_the_course_are_right():
    """Else `kdcourse check` would take every check cell for changed."""
    root = Path(__file__).parents[2]
    for path in sorted(root.glob("exercises/*/*.ipynb")):
        for found in notebooks.read(path).cells:
            if notebooks.role(found) == "check":
                assert found.metadata.nbgrader.checksum == before.checksum(found), (path.name, found.id)


def test_marking_leaves_no_trace(tmp_path):
    assert environment(tmp_path)[store.SETTING] == "off"


def test_the_made_exercise_is_like_a_real_one(mine):
    cells = json.loads(mine.read_text(encoding="utf-8"))["cells"]
    assert check_source("judge_sums") == "".join(cells[4]["source"])
