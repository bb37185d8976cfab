"""Spelling, links, citation, changelog, and the workflow that others run."""

import json
import re
import subprocess
import sys
import tomllib
import unicodedata
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from packaging.specifiers import SpecifierSet

import kdcourse

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PAGES = sorted(
    path
    for folder in (".", "docs", "docs/api", "docs/site", "benchmarks", "tests/losses", "tests/grading")
    for path in (ROOT / folder).glob("*.md")
)
NOTEBOOKS = sorted(
    [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("solutions/*/*.ipynb"), *ROOT.glob("exercises/*/*.ipynb")]
)


def cells(path: Path, kind: str | None = None) -> list[tuple[str, str, str]]:
    """(id, type, source) of the cells of a notebook."""
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [(c["id"], c["cell_type"], "".join(c["source"])) for c in found if kind in (None, c["cell_type"])]


# ---------------------------------------------------------------- spelling


def misspelt(*paths: Path) -> list[str]:
    """What codespell finds, with the words that pyproject.toml lets stand."""
    command = [
        sys.executable,
        "-m",
        "codespell_lib",
        "--toml",
        str(ROOT / "pyproject.toml"),
        *map(str, paths),
    ]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=ROOT)
    assert not done.stderr.startswith("usage"), done.stderr
    return [line for line in done.stdout.splitlines() if " ==> " in line]


def test_spelling(tmp_path):
    pytest.importorskip("codespell_lib", reason="codespell is not installed")
    assert "codespell" in PROJECT["tool"], "pyproject.toml lacks [tool.codespell]"
    for path in NOTEBOOKS:  # the sources only: outputs hold pictures as letters
        if path.relative_to(ROOT).parts[0] != "exercises":
            for name, kind, source in cells(path):
                suffix = "md" if kind == "markdown" else "py"
                (tmp_path / f"{path.stem}, cell {name}.{suffix}").write_text(source, encoding="utf-8")
    folders = [ROOT / name for name in ("kdcourse", "benchmarks", "tests", "docs")]
    assert misspelt(tmp_path, *folders, *PAGES, ROOT / "Makefile", ROOT / "pyproject.toml") == []
    wrong = tmp_path / "wrong.md"
    wrong.write_text("It is " + "rec" + "ieved.", encoding="utf-8")
    assert len(misspelt(wrong)) == 1


# ---------------------------------------------------------------- links

LINK = re.compile(r"\]\(<?((?!\w+:|//)[^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|<img[^>]*\ssrc=\"((?!\w+:)[^\"]+)\"")


def without_code(text: str) -> str:
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)


def anchors(path: Path) -> set[str]:
    """The anchors that a page's headings get where it is shown, and those it sets itself."""
    texts = (
        [path.read_text(encoding="utf-8")]
        if path.suffix == ".md"
        else [source for _, _, source in cells(path, "markdown")]
    )
    found: set[str] = set()
    for text in texts:
        found |= set(re.findall(r"<a\s+(?:id|name)=\"([^\"]+)\"", text)) | set(
            re.findall(r"^\((.+)\)=$", text, re.M)
        )
        plain = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        for heading in re.findall(r"^#{1,6}\s+(.*)$", plain, flags=re.MULTILINE):
            heading = (
                re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().replace("`", "").replace("*", "")
            )
            if path.suffix == ".ipynb":
                found.add(heading.replace(" ", "-"))  # JupyterLab's form
            kept = [c for c in heading.lower() if c in " -_" or unicodedata.category(c)[0] in "LNM"]
            slug, number = "".join(kept).replace(" ", "-"), 1
            while slug in found and path.suffix == ".md":
                slug, number = f"{slug.removesuffix(f'-{number - 1}')}-{number}", number + 1
            found.add(slug)
    return found


def broken(text: str, place: Path) -> list[str]:
    found = []
    for match in LINK.finditer(without_code(text)):
        target, _, anchor = unquote(match[1] or match[2]).partition("#")
        path = (place.parent / target).resolve() if target else place
        there = path.exists()
        if not there or (anchor and path.suffix in (".md", ".ipynb") and anchor not in anchors(path)):
            found.append(match[0])
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_of_pages(path):
    assert broken(path.read_text(encoding="utf-8"), path) == []


def test_links_of_notebooks():
    found = {
        f"{path.name}, cell {name}": links
        for path in NOTEBOOKS
        for name, _, source in cells(path, "markdown")
        if (links := broken(source, path))
    }
    assert found == {}


def test_broken_links_are_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One `thing`\n\n# Twice\n\n# Twice\n", encoding="utf-8")
    good = "[a](page.md) [b](page.md#one-thing) [c](#twice-1) [d](https://x.example/y) `[e](no.md)`"
    assert broken(good, page) == []
    bad = "[a](no.md) [b](page.md#two) [c](#thrice) ![d](no.png)"
    assert len(broken(bad, page)) == 4


# ---------------------------------------------------------------- citation and changes


def test_the_citation_agrees_with_the_project():
    about = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert about["cff-version"] == "1.2.0" and about["message"] and about["title"].startswith("kdcourse")
    assert about["version"] == kdcourse.__version__
    assert about["authors"] == PROJECT["project"]["authors"]
    assert " AND ".join(about["license"]) == PROJECT["project"]["license"]


def test_the_changes_begin_with_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (\d+\.\d+\.\d+)(?:, (?:not released yet|\d{4}-\d\d-\d\d))$", text, re.M)
    assert versions[0] == kdcourse.__version__
    assert len(versions) == len(re.findall(r"^## ", text, re.M)), "a heading without version and date"


# ---------------------------------------------------------------- the workflow

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))
JOBS = WORKFLOW["jobs"]


def commands(job: dict) -> list[str]:
    return [
        line.strip() for step in job["steps"] for line in step.get("run", "").splitlines() if line.strip()
    ]


def test_the_workflow_covers_systems_and_pythons():
    matrix = JOBS["quick"]["strategy"]["matrix"]
    assert [name.partition("-")[0] for name in matrix["system"]] == ["ubuntu", "macos", "windows"]
    assert matrix["python"] == ["3.11", "3.12", "3.13"], "quoted: 3.10 would be 3.1"
    allowed = SpecifierSet(PROJECT["project"]["requires-python"])
    assert all(version in allowed for version in matrix["python"])
    assert str(allowed) == f">={matrix['python'][0]}", "the oldest Python is tried"
    triggers = WORKFLOW[True]  # `on` is a truth value in YAML
    assert {"push", "pull_request", "schedule"} <= triggers.keys()
    assert "make test WORKERS=4" in commands(JOBS["full"]) and "schedule" in JOBS["full"]["if"]
    assert "make test-lowest PYTHON=python" in commands(JOBS["lowest"])


def test_every_command_of_the_workflow_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    by_hand = set(re.findall(r"^(?:python|kdcourse) .*$", readme, re.M)) | set(
        re.findall(r"`([^`\n]+)`", readme)
    )
    from kdcourse.cli import AUTHORING

    known = {"doctor", "lab", *AUTHORING}
    for line in (line for job in JOBS.values() for line in commands(job)):
        program, *words = line.split()
        if program == "make":
            assert words[0] in targets, line
        elif program == "kdcourse":
            assert words[0] in known, line
        elif program == "pytest":
            assert "pytest" in by_hand and words in ([], ["-m", '"not', 'slow"']), line
        elif program == "uv" or line == "python -m pip install uv":
            assert job_of(line) == "lowest", line
        else:
            assert line in by_hand, f"{line}: neither in the Makefile nor in the README"


def job_of(line: str) -> str:
    (name,) = [name for name, job in JOBS.items() if line in commands(job)]
    return name
