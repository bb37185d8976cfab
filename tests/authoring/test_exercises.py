"""Every exercise of the course: generated without drift, and proved to grade rightly, in one kernel a state.

An exercise in solutions/ is found by itself; its answers lie in tests/answers/exNN/TASK.py.
"""

import copy
from pathlib import Path

import pytest

from kdcourse.authoring import build, notebooks, proof, text
from kdcourse.authoring.answers import Answer, read_answers
from kdcourse.grading.tasks import all_tasks

ROOT = Path(__file__).parents[2]
STUB = "exercise not solved yet"
EXAMPLE = Path(__file__).parent / "fixtures" / "ex91_example.percent.txt"
CONFIG = build.configuration(ROOT)
SOURCES = notebooks.sources(ROOT)
# Tasks of kdcourse.grading meet all their answers in tests/grading; here it is the cells that count, and for
# those a few answers that are not right suffice. Right ones all come here: they meet hidden tests only here.
FEW = 3


def answers_for(number: str, tasks: list[str]) -> dict[str, list[Answer]]:
    found = {}
    for task in tasks:
        path = ROOT / "tests" / "answers" / f"ex{number}" / f"{task}.py"
        assert path.is_file(), f"task {task} has no answers: write {path.relative_to(ROOT)}"
        answers = read_answers(path)
        if task in all_tasks():
            kinds = [[answer for answer in answers if answer.kind == kind] for kind in ("wrong", "trivial")]
            answers = [answer for answer in answers if not any(answer in kind[FEW:] for kind in kinds)]
        found[task] = answers
    return found


def test_exercises_are_up_to_date():
    for folder in sorted({path.parent for path in SOURCES}):
        assert not build.outdated(folder, CONFIG)


@pytest.mark.slow
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
class TestExercise:
    def test_untouched_exercise_fails_in_its_check_cells_only(self, path):
        exercise = notebooks.read(notebooks.exercise_of(path))
        assert not proof.prove_untouched(exercise, STUB, path.parent)

    def test_solution_passes_and_answers_are_judged_rightly(self, path):
        source, exercise = notebooks.read(path), notebooks.read(notebooks.exercise_of(path))
        answers = answers_for(path.stem[2:4], proof.tasks(exercise))
        assert not proof.prove_answers(source, exercise, answers, path.parent)


@pytest.mark.slow
def test_the_example_is_proved(tmp_path):
    source = text.from_text(EXAMPLE.read_text(encoding="utf-8"))
    exercise = build.build(source, CONFIG)
    assert not proof.prove_untouched(exercise, STUB, tmp_path)
    answers = answers_for("01", ["temperature_softmax", "kd_loss"])
    assert not proof.prove_answers(source, exercise, answers, tmp_path)


# --- the proof itself must be able to fail: on a small exercise without torch ---

ANSWERS = """import math

# %% right: times two
def double(x):
    return 2 * x

# %% right: shifted
def double(x):
    return x << 1 if isinstance(x, int) else x * 2

# %% wrong: squared -> three
def double(x):
    return x**2

# %% wrong: halved -> three
def double(x):
    return x / 2

# %% wrong: a list -> three
def double(x):
    return [x, x]

# %% trivial: 0
def double(x):
    return 0

# %% trivial: NaN
def double(x):
    return math.nan

# %% trivial: the input
def double(x):
    return x
"""


@pytest.fixture
def small(small_source):
    return small_source, build.build(small_source, CONFIG)


def small_answers(tmp_path, old="", new=""):
    assert old in ANSWERS
    path = tmp_path / "double.py"
    path.write_text(ANSWERS.replace(old, new), encoding="utf-8")
    return {"double": read_answers(path)}


def changed(notebook, task, code):
    notebook = copy.deepcopy(notebook)
    next(cell for cell in notebook.cells if notebooks.grade_id(cell) == task).source = code
    return notebook


@pytest.mark.slow
def test_the_small_exercise_is_proved(small, tmp_path):
    source, exercise = small
    assert not proof.prove_untouched(exercise, STUB, tmp_path)
    assert not proof.prove_answers(source, exercise, small_answers(tmp_path), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "code", "expected"),
    [
        ("double", "def double(x):\n    return 1.0", "solution or of an answer fails: AssertionError: three"),
        (
            "double_check",
            "import sys\nprint('careful', file=sys.stderr)",
            "a cell of the solution writes to stderr:",
        ),
    ],
)
def test_a_bad_solution_is_found(small, tmp_path, task, code, expected):
    found = proof.prove_answers(changed(small[0], task, code), small[1], small_answers(tmp_path), tmp_path)
    assert any(expected in line for line in found), found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("undefined", "fails with another message than 'exercise not solved yet': NameError"),
        ("pass", "check cell double-check does not fail on the untouched exercise"),
        ("assert False", "fails with another message than 'exercise not solved yet': AssertionError: "),
        ("raise ValueError('exercise not solved yet')", "fails with another message"),
    ],
)
def test_a_broken_check_cell_is_found(small, tmp_path, code, expected):
    found = proof.prove_untouched(changed(small[1], "double_check", code), STUB, tmp_path)
    assert len(found) == 1 and expected in found[0]


@pytest.mark.slow
def test_a_broken_cell_and_a_missing_check_are_found(small, tmp_path):
    exercise = copy.deepcopy(small[1])
    exercise.cells = [cell for cell in exercise.cells if notebooks.role(cell) != "check"]
    exercise.cells[-1].source = "1 / 0"
    assert proof.prove_untouched(exercise, STUB, tmp_path) == [
        f"cell {exercise.cells[-1].id} of the untouched exercise fails: ZeroDivisionError: division by zero",
        "there is no check cell",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("return 2 * x", "return 2.5 * x", "right answer 'times two' is rejected: AssertionError: three"),
        ("x * 2", "x", "right answer 'shifted' is rejected: AssertionError: letters"),
        (
            "return 2 * x",
            "import sys; print(file=sys.stderr); return 2 * x",
            "lets the check write to stderr",
        ),
        ("return x**2", "return 2 * x", "wrong answer 'squared' passes"),
        ("return x**2", "return 1 / 0", "is not rejected by the check, but by ZeroDivisionError"),
        ("squared -> three", "squared -> four", "is rejected without saying 'four'"),
        ("return 0", "return 6", "trivial answer '0' passes"),
        ("import math", "1 / 0", "a cell of the solution or of an answer fails: ZeroDivisionError"),
        ("# %% right: times two\ndef double(x):\n    return 2 * x", "", "has 1 right answers, needs 2"),
    ],
)
def test_a_wrong_judgement_is_found(small, tmp_path, old, new, expected):
    found = proof.prove_answers(*small, small_answers(tmp_path, old, new), tmp_path)
    assert found and expected in found[0], found


def test_a_task_without_an_answers_file_is_told():
    with pytest.raises(
        AssertionError, match=r"task absent has no answers: write tests.answers.ex01.absent\.py"
    ):
        answers_for("01", ["absent"])


@pytest.mark.parametrize("block", ["# %% write: a\n", "# %% wrong: no text\nx = 1\n", "# %%\n"])
def test_a_misspelt_answer_header_is_told(tmp_path, block):
    path = tmp_path / "task.py"
    path.write_text(block, encoding="utf-8")
    with pytest.raises(ValueError, match=r"task\.py: "):
        read_answers(path)
