"""The site: what belongs on it, its faults are found, and the course's own has none."""

import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from kdcourse.authoring import notebooks, site, site_check

ROOT = Path(__file__).parents[2]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def picture(alt):
    return new_output("display_data", {"image/png": PIXEL}, metadata={"image/png": {"alt": alt}})


# --- the checker -----------------------------------------------------------------------------------------

GOOD = """<!DOCTYPE html><html><head><link rel="stylesheet" href="_static/a.css">
<link rel="canonical" href="https://example.org/"></head><body><h1 id="top">t</h1>
<a href="sub/b.html#there">b</a> <a href="#top">up</a> <a href="https://example.org/paper">paper</a>
<img src="data:image/png;base64,AAAA" alt="a dot"> <img src="p.png" alt="a pixel"></body></html>"""


@pytest.fixture
def folder(tmp_path):
    """Two pages, a style sheet and a picture without a fault."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "_static").mkdir()
    (tmp_path / "a.html").write_text(GOOD)
    (tmp_path / "sub" / "b.html").write_text('<p id="there"><a href="../a.html?x=1">a</a></p>')
    (tmp_path / "_static" / "a.css").write_text("p { background: url(data:image/png;base64,AA) }")
    (tmp_path / "p.png").write_bytes(b"")
    return tmp_path


def test_good_pages_have_no_faults(folder):
    assert site_check.faults(folder) == []


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ('<a href="c.html">c</a>', "leads to no file"),
        ('<a href="sub/b.html#here">b</a>', "leads to no id 'here'"),
        ('<a href="#nowhere">b</a>', "leads to no id 'nowhere'"),
        ('<a href="../a.html">b</a>', "leads out of the site"),
        ('<a href="/a.html">b</a>', "starts at the root"),
        ('<script src="https://cdn.example/x.js"></script>', "from another machine"),
        ('<script src="//cdn.example/x.js"></script>', "from another machine"),
        ('<script src="x.js"></script>', "leads to no file"),
        ('<link rel="stylesheet" href="https://fonts.example/f.css">', "from another machine"),
        ('<link rel="preconnect" href="https://fonts.example">', "from another machine"),
        ('<img src="https://example.org/p.png" alt="p">', "from another machine"),
        ('<img srcset="p.png 1x, https://example.org/p.png 2x" src="p.png" alt="p">', "from another machine"),
        ('<iframe src="https://example.org"></iframe>', "from another machine"),
        ('<object data="https://example.org/x.svg"></object>', "from another machine"),
        ('<style>@import "https://fonts.example/f.css";</style>', "from another machine"),
        ("<p style=\"background: url('https://example.org/p.png')\">x</p>", "from another machine"),
        ('<img src="p.png">', "no alternative text"),
        ('<img src="p.png" alt=" ">', "no alternative text"),
        ('<img src="p.png" alt="p.png">', "no alternative text"),
        ('<p id="top">again</p>', "more than once"),
    ],
)
def test_each_fault_is_found(folder, html, words):
    (folder / "a.html").write_text(GOOD.replace("</body>", html + "</body>"))
    found = site_check.faults(folder)
    assert len(found) == 1, found
    assert found[0].startswith("a.html: ") and words in found[0]


def test_style_sheets_are_read(folder):
    (folder / "_static" / "a.css").write_text("@font-face { src: url(https://fonts.example/f.woff2) }")
    assert site_check.faults(folder) == [
        "_static/a.css: loads https://fonts.example/f.woff2 from another machine"
    ]


# --- what goes onto the site -----------------------------------------------------------------------------


@pytest.fixture
def small(course):
    """The small course of conftest.py with a page of each kind, and the settings of the real site."""
    shutil.copytree(ROOT / "docs" / "site", course / "docs" / "site")
    shutil.copytree(course / "solutions", course / "exercises")
    for name, text in {
        "README.md": "# Install\n\n[Code](kdcourse/losses/gap.py), [`Gap`](docs/api/losses.md#gap)\n",
        "CONTRIBUTING.md": "# Contributing\n\nText.\n",
        "docs/grading.md": "# Marking\n\nText.\n",
        "docs/api/losses.md": '# Losses\n\n<a id="gap"></a>\n\n## Gap\n\n$$x$$\n\n| | n |\n|-|-|\n| a | 1 |',
        "docs/api/models.md": "# Models\n\nText.\n",
        "docs/api/theory.md": "# Theory\n\nText.\n",
        "benchmarks/losses.md": "# Speed\n\nText.\n",
        "tests/losses/MUTATION.md": "# Mutants\n\nText.\n",
        "kdcourse/losses/gap.py": "def gap():\n    return 1\n",
        "kdcourse/grading/tasks/answers.py": "ANSWER = 42\n",
        "kdcourse/teaching/guide.py": "ANSWER = 42\n",
    }.items():
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).write_text(text, encoding="utf-8")
    lecture = course / "notebooks" / "00_start_here.ipynb"
    cells = [
        new_markdown_cell("# 00 · Start\n\n[next](92_small.ipynb), $x_1$", id="title"),
        new_code_cell(
            "draw()",
            id="draw",
            execution_count=1,
            outputs=[
                picture('a "red" pixel'),
                new_output(
                    "display_data",
                    {"text/html": "<details><summary>Figure in words</summary>Red.</details>"},
                ),
            ],
            metadata={"jupyter": {"source_hidden": True}},
        ),
    ]
    notebooks.write(new_notebook(cells=cells, metadata={"kernelspec": notebooks.KERNELSPEC}), lecture)
    return course


def test_only_what_belongs_there_is_staged(small, tmp_path):
    target = tmp_path / "staged"
    names = {path.relative_to(target).as_posix() for path in site.stage(small, target)}
    assert names == {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert {"index.md", "README.md", "docs/grading.md", "kdcourse/losses/gap.py"} <= names
    assert {"notebooks/92_small.ipynb", "exercises/ex92_small/ex92_small.ipynb"} <= names
    assert not [name for name in names if re.search("solutions|grading/|teaching|docs/site", name)]
    assert "](notebooks/00_start_here.ipynb)" in (target / "index.md").read_text(encoding="utf-8")
    assert "<a id" not in (target / "docs" / "api" / "losses.md").read_text(encoding="utf-8")


def test_solutions_are_staged_on_demand_only(small, tmp_path):
    site.stage(small, tmp_path / "staged", solutions=True)
    assert (tmp_path / "staged" / "solutions" / "ex92_small" / "ex92_small.ipynb").is_file()
    assert (tmp_path / "staged" / "solutions.md").is_file()


def test_a_page_says_alt_text_and_folding_in_mystnbs_words(small, tmp_path):
    site.stage(small, tmp_path / "staged")
    cell = notebooks.read(tmp_path / "staged" / "notebooks" / "00_start_here.ipynb").cells[1]
    assert cell.metadata.mystnb == {"image": {"alt": 'a "red" pixel'}}
    assert cell.metadata.tags == ["hide-input"]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (new_markdown_cell("## Fine\n\n# Part B", id="part-b"), "there are 2 (cells: title, part-b)"),
        (new_code_cell("x", id="two", outputs=[picture("a"), picture("b")]), "cell two shows images"),
        (new_code_cell("x", id="two", outputs=[picture("a"), picture(None)]), "cell two shows images"),
    ],
)
def test_notebooks_that_make_no_page_are_refused(cell, words):
    notebook = new_notebook(cells=[new_markdown_cell("# Title\n\n```\n# comment\n```", id="title"), cell])
    with pytest.raises(
        site.SiteError, match=re.escape(f"n.ipynb: {'one heading' if 'there' in words else ''}")
    ):
        site.page_of(notebook, Path("n.ipynb"))
    with pytest.raises(site.SiteError, match=re.escape(words)):
        site.page_of(notebook, Path("n.ipynb"))


# --- building --------------------------------------------------------------------------------------------


def make(*arguments):
    """`kdcourse site` in a process of its own: Sphinx changes the settings of the one it runs in."""
    command = [sys.executable, "-m", "kdcourse.authoring.site", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=900)


@pytest.mark.slow
def test_a_small_course_becomes_a_site(small, tmp_path):
    target = tmp_path / "made"
    done = make("--root", small, "--to", target)
    assert done.returncode == 0, done.stderr
    page = (target / "notebooks" / "00_start_here.html").read_text(encoding="utf-8")
    assert 'alt="a &quot;red&quot; pixel"' in page
    assert "<summary>Figure in words</summary>" in page
    assert "Show the code" in page and "Toggle hidden content" not in page
    assert 'href="92_small.html"' in page
    assert "mathjax/tex-chtml.js" in page and (target / "_static" / "mathjax" / "tex-chtml.js").is_file()
    assert 'href="kdcourse/losses/gap.html"' in (target / "README.html").read_text(encoding="utf-8")
    assert "<td></td>" in (target / "docs" / "api" / "losses.html").read_text(encoding="utf-8")
    assert not list(target.rglob("*.ipynb")) and not (tmp_path / "made-work").exists()
    # Once more: the old site is replaced, and a folder that is no site is left alone.
    (target / "old.html").write_text("old")
    assert make("--root", small, "--to", target, "--with-solutions").returncode == 0
    assert (target / "solutions" / "ex92_small" / "ex92_small.html").is_file()
    assert not (target / "old.html").exists()
    done = make("--root", small, "--to", small / "notebooks")
    assert done.returncode == 1 and "is no site" in done.stderr
    assert (small / "notebooks" / "92_small.ipynb").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (  # what Sphinx finds
            "[1](docs/gone.md) [2](docs/api/losses.md#lost) [3](kdcourse/grading/tasks/answers.py)",
            ["docs/gone.md", "lost", "answers.py", "Sphinx had something to say"],
        ),
        (  # what only the checker finds
            '<a href="gone.html">gone</a> <img src="https://example.org/p.png" alt="p">',
            ["README.html: the link gone.html leads to no file", "from another machine"],
        ),
    ],
)
def test_faults_stop_the_build_and_keep_the_last_site(small, tmp_path, text, words):
    target = tmp_path / "made"
    target.mkdir()
    (target / "searchindex.js").write_text("the last site")
    (small / "README.md").write_text(f"# Install\n\n{text}\n", encoding="utf-8")
    done = make("--root", small, "--to", target)
    assert done.returncode == 1
    assert not [word for word in words if word not in done.stderr], done.stderr
    assert (target / "searchindex.js").read_text() == "the last site"


@pytest.mark.slow
def test_the_site_of_the_course(tmp_path):
    """All lectures with all their figures in words, all exercises without their answers."""
    target = tmp_path / "made"
    done = make("--root", ROOT, "--to", target)
    assert done.returncode == 0, done.stderr
    shown = 0
    for path in [*notebooks.lectures(ROOT), *map(notebooks.exercise_of, notebooks.sources(ROOT))]:
        page = (target / path.relative_to(ROOT)).with_suffix(".html").read_text(encoding="utf-8")
        texts = [unescape(text) for text in re.findall(r'<img alt="([^"]*)"', page)]
        wanted = [
            output.metadata["image/png"]["alt"]
            for cell in notebooks.read(path).cells
            for output in cell.get("outputs", [])
            if "image/png" in output.get("data", {})
        ]
        assert texts == wanted, path.name
        assert "BEGIN SOLUTION" not in page and "widget-view" not in page and "require.js" not in page
        shown += len(texts)
    assert shown > 100
    assert not (target / "solutions").exists()
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    assert size < 60e6
