"""What a learner's notebook keeps from one kernel to the next, each kernel being a process here."""

import json
import os
import subprocess
import sys

import pytest
from made_course import check_source

WRONG = """import torch
from kdcourse.grading import check
report = check("kd_loss", lambda *args: torch.tensor(0.0))
"""
RIGHT = """from kdcourse.losses import kd_loss
report = check("kd_loss", lambda s, t, y, T, alpha: kd_loss(s, t, y, temperature=T, alpha=alpha))
"""
UNWRITTEN = """def stub(*args):
    raise NotImplementedError("exercise not solved yet")
for _ in range(3):
    check("at_loss", stub)
"""
HINTS = "print(sum(line.startswith('Hint ') for line in report.feedback), report.note)\n"


def session(code: str, **settings: str) -> str:
    """What a fresh Python prints; it writes nothing to stderr, which would cost a graded cell its points."""
    environment = {name: value for name, value in os.environ.items() if name != "KDCOURSE_PROGRESS"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment | settings, timeout=120
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.strip()


def tasks(course):
    return json.loads((course / ".kdcourse" / "progress.json").read_text(encoding="utf-8"))["tasks"]


def test_hints_go_on_after_a_restart_until_a_right_answer(course):
    assert session(WRONG + HINTS) == "0 None"
    assert session(WRONG + HINTS) == "1 None"
    assert session(WRONG + UNWRITTEN + HINTS + WRONG + HINTS) == "2 None\n2 None"
    assert tasks(course).keys() == {"kd_loss"} and tasks(course)["kd_loss"]["wrong"] == 4
    assert session(WRONG + RIGHT + "print(report.passed)") == "True"
    assert session(WRONG + HINTS) == "0 None"


def test_without_a_file_hints_grow_within_the_session_only(course):
    for _ in range(2):
        assert session(WRONG * 2 + HINTS, KDCOURSE_PROGRESS="off") == "1 None"
    assert not (course / ".kdcourse").exists()


def test_a_report_says_once_that_progress_cannot_be_kept(course):
    (course / ".kdcourse").write_text("a file where the folder should be", encoding="utf-8")
    shown = session(WRONG + "print(report, report._repr_html_())\n" + WRONG + HINTS)
    assert shown.count("Your progress is not kept") == 2 and shown.endswith("\n1 None")
    assert "not right yet" in shown.splitlines()[0]


CELLS = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.showtraceback = lambda *args, **options: None
shell.run_cell("from kdcourse.progress import cells; cells.watch(); cells.watch()")
for source in {sources!r}:
    shell.run_cell(source)
"""


def run_cells(*sources):
    return session(CELLS.format(sources=sources))


def test_a_check_cell_that_calls_no_check_is_noticed(course):
    check = check_source("judge_sums")
    unwritten = "def judge_sums(x):\n    raise NotImplementedError('exercise not solved yet')"
    run_cells(unwritten, check)
    assert not (course / ".kdcourse").exists()
    run_cells(
        "def judge_sums(x):\n    return x",
        check,
        "assert False",
        check,
        "judge_sums = lambda x: 2 * x",
        check,
    )
    entry = tasks(course)["judge_sums"]
    assert (
        entry["tries"] == 3
        and entry["wrong"] == 0
        and entry["passed"]
        and tasks(course).keys() == {"judge_sums"}
    )


def test_a_check_cell_that_calls_check_is_not_counted_twice(course):
    run_cells("double = lambda x: 2 * x", check_source("double"))
    assert not (course / ".kdcourse").exists()


@pytest.mark.parametrize("place", ["solutions", "autograded"])
def test_cells_elsewhere_are_not_watched(course, place, monkeypatch):
    (course / "exercises" / "ex91_small").rename(course / place / "ex91_small")
    monkeypatch.chdir(course / place / "ex91_small")
    run_cells("judge_sums = lambda x: 2 * x", check_source("judge_sums"))
    assert not (course / ".kdcourse").exists()


def test_importing_the_grader_begins_to_watch(course):
    code = CELLS.replace(
        "from kdcourse.progress import cells; cells.watch(); cells.watch()", "import kdcourse.grading"
    )
    session(code.format(sources=["judge_sums = lambda x: 2 * x", check_source("judge_sums")]))
    assert tasks(course)["judge_sums"]["passed"]


def test_a_file_that_cannot_be_read_disturbs_no_cell(course):
    (course / "exercises" / "ex91_small" / "ex91_small.ipynb").write_text("{", encoding="utf-8")
    assert run_cells("x = 1", "assert x == 1", "print('here')") == "here"
