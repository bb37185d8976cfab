"""The text twin of a notebook: nothing but outputs may be lost on the way there and back."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat.v4 as v4
import pytest

from kdcourse.authoring import notebooks, text

ROOT = Path(__file__).resolve().parents[2]

SOURCES = {
    "title": (
        "markdown",
        "# 01 · Soft targets\n\nA formula: $T^2 \\cdot \\mathrm{KL}$ and “quotes”.\n\n* item\n\n\n* far",
    ),
    "empty-code": ("code", ""),
    "magic": ("code", "%matplotlib inline\n!ls"),
    "cell-magic": ("code", "%%time\nx = 1"),
    "comment-magic": ("code", "# %time is a magic\nx = '# %% not a cell'"),
    "help": ("code", "print?"),
    "marker-in-string": ("code", 'text = """\nfirst\n\n\n\nlast\n"""\n\n\ndef f():\n    pass'),
    "comment-only": ("code", "# only a comment"),
    "blank-lines": ("code", "\n\nx = 1\n\n\n\ny = 2\n\n"),
    "raw": ("raw", "raw *text*\n\nmore"),
    "empty-markdown": ("markdown", ""),
    "quoted-markdown": ("markdown", '"""\nquotes\n"""'),
    "markdown-with-code": ("markdown", "```python\n# %% inside\nx = 1\n```"),
    "last": ("code", "if x:\n    y\n"),
}
METADATA = {
    "title": {"tags": ["slide", "a b"]},
    "last": {
        "deletable": False,
        "nbgrader": {
            "grade": True, "grade_id": "kd_loss_check", "locked": True, "points": 2.5,
            "schema_version": 3, "solution": False, "task": False,
        },
    },
}  # fmt: skip


@pytest.fixture
def notebook():
    book = v4.new_notebook()
    book.metadata = {
        "kernelspec": {"display_name": "Other", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "authors": [{"name": "Ünï"}],
    }
    for name, (kind, source) in SOURCES.items():
        cell = getattr(v4, f"new_{kind}_cell")(source, id=name, metadata=METADATA.get(name, {}))
        book.cells.append(cell)
    book.cells[2].outputs = [v4.new_output("stream", text="noise")]
    book.cells[2].execution_count = 7
    return book


def test_round_trip_keeps_everything_but_outputs(notebook):
    before = notebooks.dumps(notebook)
    back = text.from_text(text.to_text(notebook))
    assert notebooks.dumps(notebook) == before, "export must not change its argument"
    assert [cell.id for cell in back.cells] == [cell.id for cell in notebook.cells]
    for old, new in zip(notebook.cells, back.cells, strict=True):
        assert (old.cell_type, old.source.rstrip("\n")) == (new.cell_type, new.source.rstrip("\n")), old.id
        assert new.metadata == old.metadata, old.id
        assert not new.get("outputs") and new.get("execution_count") is None
    assert back.metadata == notebook.metadata


def test_a_second_round_changes_nothing(notebook):
    once = text.from_text(text.to_text(notebook))
    assert text.to_text(text.from_text(text.to_text(once))) == text.to_text(once)


def test_cells_without_an_id_are_named_after_their_words():
    source = (
        "# %% [markdown]\n# ## 2 · Why *soft* targets help so very much\n\n# %%\nimport torch\n\n# %%\n"
        'import torch\n\n# %% cell_id="import-torch-2"\n1\n\n# %%\n\n# %%\ndeadbeef\n\n'
        '# %% nbgrader={"grade_id": "kd_loss", "solution": true}\npass\n'
    )
    ids = [cell.id for cell in text.from_text(source).cells]
    expected = ["why-soft-targets-help-so", "import-torch", "import-torch-3", "import-torch-2", "cell"]
    assert ids == [*expected, "cell-deadbeef", "kd-loss"]
    assert ids == [cell.id for cell in text.from_text(source).cells]


def test_a_copied_cell_id_is_an_error():
    with pytest.raises(ValueError, match="more than once: twin"):
        text.from_text('# %% cell_id="twin"\n1\n\n# %% cell_id="twin"\n2\n')


def test_a_misread_header_is_an_error():
    with pytest.raises(ValueError, match="the cell type first"):
        text.from_text('# %% nbgrader={"points": 3} [markdown]\n# question\n')


def test_command_line(tmp_path, notebook, capsys):
    first, twin, second = tmp_path / "a.ipynb", tmp_path / "a.py", tmp_path / "b.ipynb"
    notebooks.write(notebook, first)
    assert text.main(["export", str(first), str(twin)]) == 0
    assert text.main(["import", str(twin), str(second)]) == 0
    assert [cell.id for cell in notebooks.read(second).cells] == list(SOURCES)
    assert second.read_bytes().endswith(b"}\n") and b"\r" not in second.read_bytes()
    assert text.main(["import", str(tmp_path / "absent.py"), str(second)]) == 1
    assert "absent.py" in capsys.readouterr().err


def test_a_source_that_the_text_would_split_is_an_error():
    book = v4.new_notebook(cells=[v4.new_code_cell("x = 1\n# %% part two\ny = 2", id="two-parts")])
    with pytest.raises(ValueError, match="cell two-parts"):
        text.to_text(book)


def test_what_is_no_notebook_is_shown_as_it_is(tmp_path, capsys):
    spoilt = tmp_path / "merge.ipynb"
    spoilt.write_text("<<<<<<< ours\n{}\n", encoding="utf-8")
    assert text.main(["show", str(spoilt)]) == 0
    assert capsys.readouterr().out == "<<<<<<< ours\n{}\n"
    assert text.main(["show", str(tmp_path / "none.ipynb")]) == 1
    assert "none.ipynb" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_compares_sources_and_not_outputs(tmp_path, notebook):
    """The command that `make diffs` stores, in a repository with our .gitattributes."""
    rule = next(line for line in (ROOT / "Makefile").read_text("utf-8").splitlines() if 'textconv "' in line)
    command = shlex.split(rule.strip().removeprefix("@"))[-1].replace("$(PY)", sys.executable)

    def git(*words):
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            ["git", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=os.environ | own,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    git("init", "--quiet")
    git("config", "diff.jupyternotebook.textconv", command)
    shutil.copy(ROOT / ".gitattributes", tmp_path)
    notebook.cells[-1].outputs = [v4.new_output("stream", text="one\n")]
    notebooks.write(notebook, tmp_path / "a.ipynb")
    git("add", ".")
    notebook.cells[-1].outputs = [v4.new_output("stream", text="two\n")]
    notebooks.write(notebook, tmp_path / "a.ipynb")
    assert "@@" not in git("diff")
    assert '"two\\n"' in git("diff", "--no-textconv")
    notebook.cells[-1].source = "if x:\n    z\n"
    notebooks.write(notebook, tmp_path / "a.ipynb")
    changes = [
        line for line in git("diff").splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert changes == ["-    y", "+    z"]
