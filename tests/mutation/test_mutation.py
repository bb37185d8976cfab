"""The command behind `make mutation`, on a module whose mutants are known; and the page it has written."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = Path(__file__).with_name("mutation.py")

spec = importlib.util.spec_from_file_location("mutation", COMMAND)
mutation = sys.modules["mutation"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mutation)

SMALL = '''"""Four mutants: 3 for 2, / for *, - for +, 2 for 1; and two of the word."""

LIMIT = 5


def area(width: float, height: float = 2) -> float:
    """A docstring with 1 + 1."""
    return width * height + 1


def word() -> str:
    return "Word"
'''
HOLLOW = """from kdcourse.losses.small import area, word


def test_runs():
    area(5.0)
    word()
"""
GOOD = """from kdcourse.losses.small import area, word


def test_value():
    assert area(5.0) == 11.0
    assert word() == "Word"
"""


@pytest.fixture
def project(tmp_path):
    """A package of one small file with a hollow test, and the settings of this project."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, text in {
        "kdcourse/__init__.py": "",
        "kdcourse/losses/__init__.py": "",
        "kdcourse/losses/small.py": SMALL,
        "tests/losses/test_small.py": HOLLOW,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def run(project: Path, *arguments: str) -> tuple[str, str]:
    """What the command says, and the page."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "MUT"))}
    command = [sys.executable, str(COMMAND), "--root", str(project), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout, (project / mutation.PAGE).read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="mutmut forks")
def test_a_good_test_kills_all_mutants_and_a_hollow_one_none(project):
    said, page = run(project, "--fresh")
    assert "0 of 7 mutants killed (0.0 %)" in said
    assert "| small.py | 7 | 0 | 0 | 7 | 0.0 % | 0 of 3 |" in page
    assert re.search(r"^A fresh run over all files took \d minutes?\.$", page, re.MULTILINE)
    rows = [line for line in page.splitlines() if line.startswith("| small.py | area |")]
    old = "`return width * height + 1`"
    assert rows == [
        "| small.py | area | `def area(width: float, height: float = 2) -> float:`"
        f"<br>`def area(width: float, height: float = 3) -> float:` | {mutation.UNEXPLAINED} |",
        f"| small.py | area | {old}<br>`return width * height - 1` | {mutation.UNEXPLAINED} |",
        f"| small.py | area | {old}<br>`return width / height + 1` | {mutation.UNEXPLAINED} |",
        f"| small.py | area | {old}<br>`return width * height + 2` | {mutation.UNEXPLAINED} |",
    ]

    # An explanation written by hand is kept as long as its mutant survives, whatever else changes.
    explained = rows[1].replace(mutation.UNEXPLAINED, r"a \| b: no one adds")
    path = project / mutation.PAGE
    path.write_text(page.replace(rows[1], explained), encoding="utf-8")
    half = GOOD.replace("area(5.0) == 11.0", "area(5.0) in (9.0, 11.0)")
    (project / "tests" / "losses" / "test_small.py").write_text(half, encoding="utf-8")
    said, page = run(project)
    assert "6 of 7 mutants killed (85.7 %)" in said
    assert "| small.py | 7 | 6 | 0 | 1 | 85.7 % | 3 of 3 |" in page
    assert [line for line in page.splitlines() if line.startswith("| small.py | area |")] == [explained]

    (project / "tests" / "losses" / "test_small.py").write_text(GOOD, encoding="utf-8")
    said, page = run(project, "small")
    assert "7 of 7 mutants killed (100.0 %)" in said
    assert "| **all** | 7 | 7 | 0 | 0 | 100.0 % | 3 of 3 |" in page
    assert page.endswith("|---|---|---|---|\n")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('raise E("a b")', 'raise E("XXa bXX")', True),
        ('f(x, "a", "b")', 'f(x, "A", "b")', True),
        ('f(x, "a")', "f(x, None)", False),
        ("a + 1", "a - 1", False),
    ],
)
def test_mutants_of_text_are_told_apart(old, new, expected):
    assert mutation.only_text(old, new) is expected


def test_a_page_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "page.md"
    assert mutation.read_page(path) == ([], [], "")
    files = [mutation.File("a.py", 10, 7, 1, 2, 3), mutation.File("b.py", 4, 4, 0, 0, 0)]
    survivors = [
        mutation.Survivor("a.py", "f", r"`x \| y`<br>`x & y`", "the same"),
        mutation.Survivor("a.py", "g", "`1`"),
    ]
    took = "A fresh run over all files took 9 minutes."
    mutation.write_page(path, files, survivors, took)
    assert mutation.read_page(path) == (files, survivors, took)
    text = path.read_text(encoding="utf-8")
    assert "| a.py | 10 | 7 | 1 | 2 | 80.0 % | 2 of 3 |" in text
    assert "| **all** | 14 | 11 | 1 | 2 | 85.7 % | 2 of 3 |" in text


def test_the_committed_page_covers_all_files_and_explains_all_survivors():
    files, survivors, _ = mutation.read_page(ROOT / mutation.PAGE)
    with_functions = {
        path.name
        for path in (ROOT / mutation.PACKAGE).glob("*.py")
        if "\ndef " in path.read_text(encoding="utf-8")
    }
    assert {f.name for f in files} == with_functions, "run `make mutation`"
    noticed = sum(f.killed + f.timed_out for f in files)
    assert noticed >= 0.9 * sum(f.mutants for f in files)
    assert [s for s in survivors if s.reason == mutation.UNEXPLAINED] == []
