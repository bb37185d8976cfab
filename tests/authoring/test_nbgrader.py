"""nbgrader itself, on the repository as it stands: release, autograde, feedback."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from nbgrader_tools import in_the_folder, nbgrader, points

from kdcourse.authoring import build, notebooks

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def marks(folder):
    """For each learner the automatic points of every check cell."""
    return {
        learner: {cell: score for cell, score in cells.items() if cell.endswith(("_check", "_hidden"))}
        for (learner, _), cells in points(folder).items()
    }


def release(folder, assignment, name):
    """Generate the learners' notebook."""
    nbgrader(folder, "generate_assignment", assignment, "--create", "--force")
    return folder / "exercises" / assignment / name


def grade(folder, assignment, name):
    """Release, hand in the released and the solved notebook, grade, and make feedback."""
    released = release(folder, assignment, name)
    for student, submitted in {
        "unsolved": released,
        "solved": folder / "solutions" / assignment / name,
    }.items():
        place = folder / "submitted" / student / assignment
        place.mkdir(parents=True)
        shutil.copy(submitted, place / name)
    nbgrader(folder, "autograde", assignment, "--create")
    nbgrader(folder, "generate_feedback", assignment)
    return notebooks.read(released)


def test_the_small_exercise(course):
    released = grade(course, "ex92_small", "ex92_small.ipynb")
    ours = build.build(
        notebooks.read(course / "solutions" / "ex92_small" / "ex92_small.ipynb"), build.configuration(course)
    )
    assert [(c.id, c.source, c.metadata) for c in ours.cells] == [
        (c.id, c.source, c.metadata) for c in released.cells
    ]
    assert marks(course) == {"solved": {"double_check": 1}, "unsolved": {"double_check": 0}}
    assert (course / "feedback" / "solved" / "ex92_small" / "ex92_small.html").is_file()


def of_the_course(folder, path):
    """A course with nothing but one of our exercises, and what learners of it should get."""
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    shutil.copytree(path.parent, folder / "solutions" / path.parent.name)
    return notebooks.read(notebooks.exercise_of(path))


# nbgrader's command for one exercise after the other in one process, as importing nbgrader takes longer than
# releasing. The other tests give it as an instructor does.
RELEASE_ALL = """
import sys
from nbgrader.apps import GenerateAssignmentApp

for assignment in sys.argv[1:]:
    command = GenerateAssignmentApp()
    command.initialize([assignment, "--create", "--force"])
    command.start()
"""


def test_nbgrader_releases_what_is_committed(tmp_path):
    paths = notebooks.sources(ROOT)
    committed = {path: of_the_course(tmp_path, path) for path in paths}
    in_the_folder(tmp_path, "-c", RELEASE_ALL, *(path.parent.name for path in paths))
    for path in paths:
        released = notebooks.read(tmp_path / "exercises" / path.parent.name / path.name)
        assert [(c.id, c.source, c.metadata.get("nbgrader")) for c in released.cells] == [
            (c.id, c.source, c.metadata.get("nbgrader")) for c in committed[path].cells
        ], path.name


# One only, a quick one, as it trains the exercise's nets twice. That the cells of all judge rightly is proved
# in test_exercises.py, and what nbgrader makes of a cell that fails does not depend on the exercise.
def test_nbgrader_grades_an_exercise_of_the_course(tmp_path):
    (path,) = (path for path in notebooks.sources(ROOT) if path.stem == "ex12_edge_and_graphs")
    committed = of_the_course(tmp_path, path)
    grade(tmp_path, path.parent.name, path.name)
    most = {
        notebooks.grade_id(cell): cell.metadata.nbgrader.points
        for cell in committed.cells
        if notebooks.role(cell) == "check"
    }
    assert marks(tmp_path) == {"solved": most, "unsolved": dict.fromkeys(most, 0)}
