"""A small exercise without torch, whose kernels start quickly, and a course folder around it."""

import shutil
from pathlib import Path

import pytest

from kdcourse.authoring import notebooks, text

ROOT = Path(__file__).parents[2]
FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def small_source():
    return text.from_text((FIXTURES / "ex92_small.percent.txt").read_text(encoding="utf-8"))


@pytest.fixture
def lecture():
    return text.from_text((FIXTURES / "92_small.percent.txt").read_text(encoding="utf-8"))


@pytest.fixture
def course(tmp_path, small_source, lecture):
    """A folder with a lecture and a solution 92, nothing executed or built yet."""
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    notebooks.write(small_source, tmp_path / "solutions" / "ex92_small" / "ex92_small.ipynb")
    notebooks.write(lecture, tmp_path / "notebooks" / "92_small.ipynb")
    return tmp_path
