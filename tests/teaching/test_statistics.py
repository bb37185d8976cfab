"""Failure statistics on a small gradebook with known numbers."""

import csv
import math
import os
import shutil
import sys
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbgrader.api import Gradebook

from kdcourse.authoring import notebooks
from kdcourse.teaching.marking import statistics
from kdcourse.teaching.marking.statistics import (
    UNREAD,
    Row,
    as_table,
    class_statistics,
    named_mistakes,
    plot_statistics,
    write_statistics,
)

# nbgrader's own use of its database warns in a test that makes warnings errors.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
T2 = "kd_loss: not right yet\n  - The value is not right (with B = {}): 1 instead of 2.\n  - {}"
# points of (kd_loss_check, kd_loss_hidden, report by hand)
CLASS = {
    "ada": (3, 1, 2.0),
    "ben": (0, 0, 1.0),
    "cleo": (0, 0, None),  # the report is still to be marked
    "dan": (3, 0, 2.0),  # fails the hidden test only
    "eve": (0, 0, 0.0),  # damaged notebook
    "finn": None,  # nothing handed in
}
SAID = {
    "ben": [T2.format(5, "The factor T² is missing.")],
    "cleo": [T2.format(7, "Two things. The factor T² is missing. And: alpha is not used.")],
    "dan": [],
}


def autograded(messages):
    meta = {"grade": True, "solution": False, "grade_id": "kd_loss_check", "points": 3, "locked": True,
            "schema_version": 3, "task": False}  # fmt: skip
    outputs = [new_output("error", ename="AssertionError", evalue=m, traceback=[]) for m in messages]
    cell = new_code_cell("check()", id="kd-loss-check", metadata={"nbgrader": meta}, outputs=outputs)
    return new_notebook(cells=[cell])


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("graded")
    with pytest.MonkeyPatch.context() as patch:
        # A new gradebook calls the command `alembic`.
        patch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        fill(tmp_path)
    return tmp_path


def fill(tmp_path):
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}", course_id="kdcourse") as book:
        book.add_assignment("ex01")
        book.add_notebook("ex01", "ex01")
        cells = {"kd_loss_check": 3, "kd_loss_hidden": 1, "report": 2}
        for name, most in cells.items():
            book.add_grade_cell(name, "ex01", "ex01", max_score=most, cell_type="code")
        for student, points in CLASS.items():
            book.add_student(student)
            if points is None:
                continue
            book.add_submission("ex01", student)
            for name, score in zip(cells, points, strict=True):
                grade = book.find_grade(name, "ex01", "ex01", student)
                if name == "report":
                    grade.manual_score, grade.needs_manual_grade = score, score is None
                else:
                    grade.auto_score, grade.needs_manual_grade = score, False
            book.db.commit()
            path = tmp_path / "autograded" / student / "ex01" / "ex01.ipynb"
            if student == "eve":
                path.parent.mkdir(parents=True)
                path.write_text('{"cells": [', encoding="utf-8")
            elif student in SAID:  # ada's is missing
                notebooks.write(autograded(SAID[student]), path)


def test_the_numbers_are_those_of_the_class(graded):
    loss, report = class_statistics("ex01", graded)
    assert (loss.task, loss.points, loss.graded, loss.failed, loss.waiting, loss.missing) == (
        "kd_loss", 4, 5, 4, 0, 1
    )  # fmt: skip
    assert loss.mean == pytest.approx(7 / 5) and loss.failure == pytest.approx(0.8)
    assert dict(loss.mistakes) == {"The factor T² is missing.": 2, "alpha is not used.": 1, UNREAD: 1}
    assert (report.points, report.graded, report.failed, report.waiting, report.missing) == (2, 4, 2, 1, 1)
    assert report.mean == pytest.approx(5 / 4)


def test_no_autograded_folder_costs_the_mistakes_only(graded, tmp_path):
    shutil.copy(graded / "gradebook.db", tmp_path)
    loss, _ = class_statistics("ex01", tmp_path)
    assert loss.failed == 4 and loss.mistakes == ()


def test_what_is_missing_is_said(graded, tmp_path):
    with pytest.raises(ValueError, match=r"ex77.*ex01"):
        class_statistics("ex77", graded)
    with pytest.raises(FileNotFoundError, match="nbgrader autograde"):
        class_statistics("ex01", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("t: no\n  - Not written yet: it raises an error.", "Not written yet: it raises an error."),
        (T2.format(5, "On every input tried, yours is 1/C times ours."), "The value is not right."),
        (T2.format(5, "T² is missing.\n  - Hint 1 of 2: see section 4."), "T² is missing."),
        ("not right with 7 images", "AssertionError: not right with … images."),
        ("", "AssertionError"),
    ],
)  # fmt: skip
def test_without_a_diagnosis_it_counts_what_was_seen(message, said):
    assert named_mistakes(autograded([message])) == {"kd_loss": {said}}


def test_numbers_do_not_split_a_mistake():
    said = [
        named_mistakes(autograded([T2.format(b, "Expected is the loss of this batch.")]))["kd_loss"]
        for b in (5, 77)
    ]
    assert said[0] == said[1]


def test_the_files_hold_the_numbers_and_a_text_for_the_picture(graded, capsys):
    rows = class_statistics("ex01", graded)
    table, picture, page = write_statistics(rows, graded / "teaching" / "statistics" / "ex01")
    with table.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["failed"] for line in lines] == ["4", "2"] and lines[0]["mistakes"].startswith(
        "2 × The factor"
    )
    assert picture.read_bytes()[:4] == b"\x89PNG"
    text = page.read_text("utf-8")
    assert 'alt="Bars of the share' in text and "kd_loss 4 of 5" in text and 'src="ex01.png"' in text
    assert not any(student in text + table.read_text("utf-8") for student in CLASS if student != "dan")
    assert statistics.main(["ex01", "--root", str(graded)]) == 0
    assert "2 × The factor T² is missing." in capsys.readouterr().out
    assert statistics.main(["ex77", "--root", str(graded)]) == 1


def test_nothing_graded_yet_is_drawn_too():
    from matplotlib import pyplot as plt

    row = Row("t", 2, graded=0, failed=0, waiting=3, missing=1, mean=math.nan)
    figure, alt = plot_statistics([row])
    assert "no task is graded yet" in alt and math.isnan(row.failure)
    assert as_table([row])[0]["waiting"] == 3
    assert statistics._shown(row.mean) == "–" and statistics._shown(2.50) == "2.5"
    plt.close(figure)
    with pytest.raises(ValueError, match="no task"):
        plot_statistics([])
