"""nbgrader's command, and what it has written into its gradebook."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path


def nbgrader(folder, *arguments):
    """The command, as an instructor gives it in the course's folder with the environment activated."""
    return in_the_folder(folder, "-m", "nbgrader", *arguments)


def in_the_folder(folder, *arguments):
    """Python in the course's folder with the environment activated; what it wrote to stderr."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        # nbgrader calls the command `alembic`.
        env=os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def points(folder):
    """For each learner and exercise the points of the check cells."""
    database = sqlite3.connect(folder / "gradebook.db")
    rows = database.execute(
        "select submitted_assignment.student_id, assignment.name, base_cell.name, auto_score from grade "
        "join base_cell on base_cell.id = grade.cell_id "
        "join submitted_notebook on submitted_notebook.id = grade.notebook_id "
        "join submitted_assignment on submitted_assignment.id = submitted_notebook.assignment_id "
        "join assignment on assignment.id = submitted_assignment.assignment_id"
    ).fetchall()
    database.close()
    found = {}
    for learner, exercise, cell, score in rows:
        found.setdefault((learner, exercise), {})[cell] = score
    return found
