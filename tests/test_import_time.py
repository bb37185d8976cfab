"""Importing the package is free, and its command loads no torch: `kdcourse --help` answers at once."""

import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "sklearn",
    "matplotlib",
    "nbformat",
    "jupyterlab",
    "nbgrader",
}


def modules_after(statement: str) -> set[str]:
    """The top-level modules of a fresh interpreter once it has run `statement`."""
    code = f"{statement}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_kdcourse_loads_nothing_else():
    added = modules_after("import kdcourse") - modules_after("pass")
    assert added == {"kdcourse"}


@pytest.mark.parametrize("module", ["kdcourse.cli", "kdcourse.doctor"])
def test_importing_the_command_loads_nothing_heavy(module):
    loaded = modules_after(f"import {module}")
    assert "kdcourse" in loaded
    assert loaded.isdisjoint(HEAVY)
