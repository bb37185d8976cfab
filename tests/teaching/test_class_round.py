"""A round with a class: release, collect, mark by machine and by hand, feedback, export.

Each learner hands in something else: see made_up_class.py.
"""

import csv
import shutil
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
import made_up_class
from nbgrader_tools import nbgrader, points

from kdcourse.authoring import notebooks, text
from kdcourse.teaching.marking import marks
from kdcourse.teaching.marking.statistics import class_statistics

ROOT = Path(__file__).parents[2]
FIXTURE = ROOT / "tests" / "authoring" / "fixtures" / "ex91_example.percent.txt"
EXERCISE = "ex91_example"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def term(tmp_path_factory):
    """The folder of a course after the whole round, and the submissions."""
    folder = tmp_path_factory.mktemp("term")
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    name = f"{EXERCISE}.ipynb"
    solved = text.from_text(FIXTURE.read_text(encoding="utf-8"))
    notebooks.write(solved, folder / "solutions" / EXERCISE / name)
    solved = notebooks.read(folder / "solutions" / EXERCISE / name)
    nbgrader(folder, "generate_assignment", EXERCISE, "--create", "--force")
    released = notebooks.read(folder / "exercises" / EXERCISE / name)
    group = made_up_class.make(solved, released, ROOT / "tests" / "answers" / "ex01")
    archive = folder / "downloaded" / EXERCISE / "archive"
    archive.mkdir(parents=True)
    for i, submission in enumerate(group):
        if i % 3:  # by folders
            notebooks.write(submission.notebook, folder / "submitted" / submission.name / EXERCISE / name)
        else:  # as a platform hands them out
            loose = folder / "loose.ipynb"
            notebooks.write(submission.notebook, loose)
            with zipfile.ZipFile(archive / "all.zip", "a") as file:
                file.write(loose, f"Hand-in {i} {submission.name}_{name}")
    nbgrader(folder, "zip_collect", EXERCISE)
    start = time.monotonic()
    nbgrader(folder, "autograde", EXERCISE, "--create", "--ContainedExecute.seconds=300")
    print(f"autograde: {time.monotonic() - start:.0f} s for {len(group)} submissions")
    return folder, group


def test_every_automatic_mark(term):
    folder, group = term
    found = points(folder)
    for submission in group:
        got = {k: v for k, v in found[submission.name, EXERCISE].items() if k in submission.points}
        assert got == submission.points, submission.name
    assert len(group) == 4 + len(made_up_class.HABITS)
    totals = Counter(sum(s.points.values()) for s in group)
    assert len(totals) == 4 and totals[0] == 1 and totals[max(totals)] == 3  # the class is a mixed one


def test_marks_by_hand_feedback_and_export(term):
    folder, group = term
    table = folder / "marks.csv"
    assert marks.write_table(folder, EXERCISE, table) == len(group)
    with pytest.raises(marks.MarksError, match="exists already"):
        marks.write_table(folder, EXERCISE, table)
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert {row["most"] for row in rows} == {"2"} and rows == sorted(rows, key=lambda row: row["student"])
    assert rows[0]["answer"].startswith("'=1+1 An answer of learner00")  # a text, for the spreadsheet
    assert [row["points"] for row in rows] == ["0" if s.name == "learner01" else "" for s in group]

    def save(rows):
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, marks.COLUMNS)
            writer.writeheader()
            writer.writerows(rows)

    by_hand = {s.name: s.by_hand for s in group}
    filled = [
        row | {"points": f"{by_hand[row['student']].get('why_squared', 0)},0", "comment": "Read."}
        for row in rows
    ]
    save([*filled[:-1], filled[-1] | {"points": "3"}, filled[0], filled[2] | {"student": "nobody"}])
    with pytest.raises(marks.MarksError) as error:
        marks.read_table(folder, EXERCISE, table)
    last, said = len(group) + 1, str(error.value)  # the header is row 1
    assert all(f"row {n}" in said for n in (last, last + 1, last + 2)) and "0 to 2" in said
    save(rows)
    # Nothing was changed by the wrong table.
    assert marks.read_table(folder, EXERCISE, table) == (1, len(group) - 1)
    save(filled)
    assert marks.read_table(folder, EXERCISE, table) == (len(group), 0)

    nbgrader(folder, "generate_feedback", EXERCISE)
    nbgrader(folder, "export")
    with (folder / "grades.csv").open(newline="") as file:
        exported = {row["student_id"]: row for row in csv.DictReader(file)}
    for submission in group:
        wanted = sum(submission.points.values()) + sum(submission.by_hand.values())
        assert float(exported[submission.name]["score"]) == wanted, submission.name
        page = (folder / "feedback" / submission.name / EXERCISE / f"{EXERCISE}.html").read_text("utf-8")
        assert "Read." in page and "<script>document.title" not in page
    assert {row["max_score"] for row in exported.values()} == {"7.0"}


def test_statistics_of_the_class(term):
    folder, group = term
    rows = {row.task: row for row in class_statistics(EXERCISE, folder)}
    for cell, row in rows.items():
        task = f"{cell.removesuffix('_check')}_check"
        if task in group[0].points:
            assert row.failed == sum(s.points[task] == 0 for s in group)


def test_the_command(term, tmp_path):
    folder, group = term
    call = [sys.executable, "-m", "kdcourse.cli", "marks", "write", EXERCISE, str(tmp_path / "new.csv")]
    done = subprocess.run([*call, "--course", str(folder)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and f"{len(group)} answers" in done.stdout
    call[-1] = str(tmp_path / "other.csv")
    done = subprocess.run([*call, "--course", str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "There is no gradebook" in done.stderr
