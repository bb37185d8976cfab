"""Installing through make, with a Python that only writes down what it is asked: no package is installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.skipif(os.name == "nt" or shutil.which("make") is None, reason="needs make")

# Stands for the system's Python and, copied there by `-m venv`, for the one in .venv. It knows the commands
# that the Makefile gives, and appends each to the file `log`.
FAKE_PYTHON = """#!/bin/sh
echo "$*" >> log
case "$*" in
  --version) echo "Python 3.11.0" ;;
  "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  "-m pip install"*) [ ! -e fail ] || exit 1 ; [ ! -e kill ] || kill -9 $PPID ;;
esac
"""


@pytest.fixture
def course(tmp_path):
    folder = tmp_path / "the course"  # a space in the path must not matter
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    (folder / "fake-python").write_text(FAKE_PYTHON, encoding="utf-8")
    (folder / "fake-python").chmod(0o755)
    return folder


def make(folder: Path, *arguments: str) -> tuple[int, str, list[str]]:
    """Run make; return its status, what it printed, and the commands Python was given."""
    (folder / "log").unlink(missing_ok=True)
    # MAKEFLAGS and its kin are set where these tests themselves run under make.
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS")) and k != "PYTHON"
    }
    command = ["make", "PYTHON=./fake-python", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    log = folder / "log"
    commands = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return done.returncode, done.stdout + done.stderr, commands


def installs(commands: list[str]) -> int:
    return sum(command.startswith("-m pip install") for command in commands)


def test_the_first_time_installs_with_the_constraints_and_the_second_does_nothing(course):
    status, said, commands = make(course, "install")
    assert status == 0, said
    assert "Making the environment" in said and "Installing" in said
    assert "-m pip install --constraint constraints.txt --editable .[dev]" in commands
    status, said, commands = make(course, "install")
    assert (status, commands) == (0, [])


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_change_of_the_packages_installs_again_in_the_same_environment(course, name):
    make(course, "install")
    later = (course / ".venv" / "installed").stat().st_mtime + 10
    os.utime(course / name, (later, later))
    _, _, commands = make(course, "install")
    assert installs(commands) == 1 and "-m venv .venv" not in commands


def test_a_moved_folder_installs_again(course):
    make(course, "install")
    moved = course.rename(course.parent / "moved")
    _, _, commands = make(moved, "install")
    assert installs(commands) == 1 and "-m venv .venv" not in commands
    assert make(moved, "install")[2] == []


def test_a_failed_installation_is_tried_again_in_the_same_environment(course):
    (course / "fail").touch()
    status, said, _ = make(course, "install")
    assert status != 0, said
    (course / "fail").unlink()
    status, said, commands = make(course, "install")
    assert status == 0, said
    assert installs(commands) == 1 and "-m venv .venv" not in commands


def test_a_killed_installation_starts_again_from_an_empty_environment(course):
    (course / "kill").touch()
    assert make(course, "install")[0] != 0
    (course / "kill").unlink()
    (course / ".venv" / "half-installed").touch()
    status, said, commands = make(course, "install")
    assert status == 0, said
    assert "interrupted" in said and "-m venv .venv" in commands
    assert not (course / ".venv" / "half-installed").exists()
    assert make(course, "install")[2] == []


def test_lab_checks_the_machine_first_and_stops_if_it_is_not_well(course):
    _, _, commands = make(course, "lab", "LAB_OPTIONS=--no-browser")
    assert commands[-2:] == ["-m kdcourse.cli doctor", "-m kdcourse.cli lab --no-browser"]
    _, _, commands = make(course, "lab", "HEADLESS=1", "NOTEBOOK=02")
    assert commands == ["-m kdcourse.cli doctor", "-m kdcourse.cli lab --headless --notebook 02"]
    sick = FAKE_PYTHON.replace("esac", "  *doctor) exit 1 ;;\nesac")
    (course / ".venv" / "bin" / "python").write_text(sick, encoding="utf-8")
    status, _, commands = make(course, "lab")
    assert status != 0 and commands == ["-m kdcourse.cli doctor"]


def test_test_runs_lint_then_tests_then_notebooks(course):
    (course / "notebooks").mkdir()
    (course / "notebooks" / "01_soft_targets.ipynb").touch()
    make(course, "install")
    status, said, commands = make(course, "test")
    assert status == 0, said
    assert [command.split()[1] for command in commands] == ["ruff", "kdcourse.cli", "pytest", "pytest"]
    assert commands[2] == "-m pytest -n 2 --dist worksteal --ignore=tests/browser"
    # A notebook's cells share a kernel: they must stay in one process.
    assert commands[3].startswith("-m pytest -n 2 --dist loadfile --nbval-lax ")
    assert commands[3].endswith(" notebooks/01_soft_targets.ipynb")
    quick = "-m pytest -n 5 --dist worksteal --ignore=tests/browser -m not slow"
    assert make(course, "test-quick", "WORKERS=5")[2] == [quick]
    assert "Left out: the browser tests (make test-browser)" in said


def test_browser_tests_install_what_they_need_once_and_need_a_browser(course):
    make(course, "install")
    status, said, commands = make(course, "test-browser")
    assert status == 0, said
    assert commands[0].endswith("--constraint constraints.txt --editable .[browser]")
    tests = "-m pytest -n 2 --dist loadfile --no-loadscope-reorder tests/browser"
    assert commands[1:] == ["tests/browser/browsers.py", tests]
    assert make(course, "test-browser")[2] == commands[1:]
    none = FAKE_PYTHON.replace("esac", "  tests/browser/browsers.py) exit 1 ;;\nesac")
    (course / ".venv" / "bin" / "python").write_text(none, encoding="utf-8")
    status, said, again = make(course, "test-browser")
    assert status != 0 and again == ["tests/browser/browsers.py"]


def test_an_old_python_is_refused_before_anything_is_made(course):
    makefile = course / "Makefile"
    newer = makefile.read_text(encoding="utf-8").replace("(3, 11)", "(3, 99)")
    makefile.write_text(newer, encoding="utf-8")
    status, said, _ = make(course, "install", f"PYTHON={sys.executable}")
    assert status != 0
    assert f"{sys.executable} is 3." in said and "make lab PYTHON=" in said
    assert not (course / ".venv").exists()


def test_help_lists_every_command(course):
    _, said, _ = make(course)
    makefile = (course / "Makefile").read_text(encoding="utf-8")
    listed = {line.split()[0] for line in said.splitlines() if line.startswith("  ")}
    phony = next(line for line in makefile.splitlines() if line.startswith(".PHONY: help"))
    assert listed == set(phony.split()[1:])
