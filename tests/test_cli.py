"""The command line: what it finds, what it hands on, and the exit status it returns."""

import io
import os
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbformat import v4

from kdcourse import __version__, cli


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A small course to be in: two lectures, the first of which runs and the second of which fails."""
    (tmp_path / "kdcourse").mkdir()
    (tmp_path / "notebooks").mkdir()
    for name, last in {
        "00_start_here": "print('done', os.path.basename(os.getcwd()))",
        "01_fails": "1 / 0",
    }.items():
        cells = [v4.new_code_cell("import os\nx = 6"), v4.new_markdown_cell("text"), v4.new_code_cell(last)]
        nbformat.write(v4.new_notebook(cells=cells), tmp_path / "notebooks" / f"{name}.ipynb")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_course_is_found_from_below_and_from_anywhere(course, tmp_path_factory):
    assert cli.find_course() == course
    assert cli.find_course(course / "notebooks") == course
    # Elsewhere it is the folder that the package was installed from, if that one holds the notebooks.
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    source = cli.Path(cli.__file__).resolve().parent.parent
    if (source / "notebooks").is_dir():
        assert cli.find_course(elsewhere) == source


def test_no_course(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "site-packages" / "kdcourse" / "cli.py"))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["lab"]) == 1
    assert "no course in" in capsys.readouterr().err


@pytest.mark.parametrize("which", ["00", "0", "notebooks/00_start_here.ipynb"])
def test_a_notebook_is_found_by_number_or_path(course, which):
    assert cli.find_notebook(course, which) == course / "notebooks" / "00_start_here.ipynb"


def test_a_missing_notebook_is_named_beside_those_there_are(course, capsys):
    assert cli.main(["lab", "--notebook", "17"]) == 1
    err = capsys.readouterr().err
    assert '"17"' in err and "00_start_here, 01_fails" in err
    assert cli.main(["lab", "--headless", "--notebook", "gone.ipynb"]) == 1
    assert "gone.ipynb" in capsys.readouterr().err


def test_headless_executes_a_copy_and_leaves_the_original(course, capsys):
    original = (course / "notebooks" / "00_start_here.ipynb").read_bytes()
    assert cli.main(["lab", "--headless", "--notebook", "00"]) == 0
    copy = course / "build" / "executed" / "00_start_here.ipynb"
    # The kernel ran in the notebook's own folder.
    assert nbformat.read(copy, as_version=4).cells[2].outputs[0].text == "done notebooks\n"
    assert (course / "notebooks" / "00_start_here.ipynb").read_bytes() == original
    out = capsys.readouterr().out
    assert f"Executed copy: {copy}" in out


def test_headless_executes_lecture_01_by_default_and_reports_a_failing_cell(course, capsys):
    assert cli.main(["lab", "--headless"]) == 1
    captured = capsys.readouterr()
    copy = course / "build" / "executed" / "01_fails.ipynb"
    assert str(copy) in captured.out
    assert "01_fails.ipynb" in captured.err and "ZeroDivisionError" in captured.err
    cells = nbformat.read(copy, as_version=4).cells
    assert cells[0].execution_count == 1
    assert cells[2].outputs[0].ename == "ZeroDivisionError"


def test_lab_opens_lecture_00_and_passes_options_on(course, monkeypatch):
    import jupyterlab.labapp

    seen = []
    monkeypatch.setattr(jupyterlab.labapp, "main", seen.append)
    monkeypatch.setenv("PATH", "elsewhere")
    assert cli.main(["lab", "--no-browser", "--port", "8901"]) == 0
    scripts, *rest = os.environ["PATH"].split(os.pathsep)
    assert Path(scripts) == Path(sysconfig.get_path("scripts")) and rest == ["elsewhere"]
    assert cli.main(["lab", "--notebook", "1"]) == 0
    first, second = seen
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in first
    assert f"--ServerApp.root_dir={course}" in first
    assert first[-3:] == ["--no-browser", "--port", "8901"]
    assert "--LabApp.default_url=/lab/tree/notebooks/01_fails.ipynb" in second


def test_lab_refuses_a_notebook_that_it_could_not_show(course, tmp_path_factory, capsys):
    outside = tmp_path_factory.mktemp("outside") / "x.ipynb"
    outside.touch()
    assert cli.main(["lab", "--notebook", str(outside)]) == 1
    assert "not in the course's folder" in capsys.readouterr().err


@pytest.mark.parametrize("status", [0, 1])
def test_doctor_looks_at_the_course_and_its_status_is_the_exit_status(course, monkeypatch, status):
    from kdcourse import doctor

    seen = []
    monkeypatch.setattr(doctor, "run", lambda folder: seen.append(folder) or status)
    monkeypatch.chdir(course / "notebooks")
    assert cli.main(["doctor"]) == status
    assert seen == [course]


def test_a_console_without_the_right_characters_does_not_stop_the_command(monkeypatch):
    from kdcourse import doctor

    console = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", console)
    monkeypatch.setattr(doctor, "run", lambda folder: print("Größe") or 0)
    assert cli.main(["doctor"]) == 0
    console.flush()
    assert console.buffer.getvalue().split() == [rb"Gr\xf6\xdfe"]


@pytest.mark.parametrize("name", sorted(cli.AUTHORING))
def test_authoring_gets_the_rest_of_the_line_and_returns_the_status(monkeypatch, name):
    module, function, _ = cli.AUTHORING[name]
    fake = ModuleType(module)
    setattr(fake, function, lambda argv: [7, *argv])
    monkeypatch.setitem(sys.modules, module, fake)
    assert cli.main([name, "--help", "b.ipynb", "--check"]) == [7, "--help", "b.ipynb", "--check"]


@pytest.mark.parametrize("name", sorted(cli.AUTHORING))
def test_authoring_commands_exist(name):
    module, function, _ = cli.AUTHORING[name]
    assert callable(getattr(cli.importlib.import_module(module), function))


def test_authoring_without_its_packages_says_what_to_install(monkeypatch, capsys):
    def missing(name):
        raise ModuleNotFoundError("No module named 'nbgrader'", name="nbgrader")

    monkeypatch.setattr(cli.importlib, "import_module", missing)
    assert cli.main(["build-exercises"]) == 1
    assert "needs the package nbgrader" in capsys.readouterr().err


def test_a_missing_module_of_our_own_is_not_taken_for_a_missing_package(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(cli.importlib, "import_module", missing)
    with pytest.raises(ModuleNotFoundError, match=r"kdcourse\.authoring\.build"):
        cli.main(["build-exercises"])


@pytest.mark.parametrize("line", [["doctor", "--fast"], ["lab", "--headless", "--port=1"], ["nonsense"]])
def test_unknown_arguments_are_refused(course, capsys, line):
    with pytest.raises(SystemExit) as stop:
        cli.main(line)
    assert stop.value.code == 2
    assert line[-1] in capsys.readouterr().err


def test_help_and_version(capsys):
    assert cli.main([]) == 2
    shown = capsys.readouterr().out
    assert all(name in shown for name in ["doctor", "lab", *cli.AUTHORING])
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip() == __version__
