"""A made course to be a learner in, and a memory that is empty at the start of each test."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from made_course import COURSE, exercise, write

from kdcourse.progress import store


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """tests/conftest.py switches progress off; here it is what is tested."""
    monkeypatch.delenv(store.SETTING)
    store._pending.clear()
    store._told.clear()
    yield
    store._pending.clear()
    store._told.clear()


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Exercises 91 and 92 with two checked tasks each; the current folder is that of exercise 91."""
    root = tmp_path / "the course"  # a space must not matter
    for folder in COURSE:
        (root / folder).mkdir(parents=True)
    for name, tasks in {"ex91_small": ("double", "judge_sums"), "ex92_other": ("triple", "halve")}.items():
        write(exercise(*tasks), root / "exercises" / name / f"{name}.ipynb")
    monkeypatch.chdir(root / "exercises" / "ex91_small")
    return root
