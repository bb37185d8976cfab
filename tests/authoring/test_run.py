"""Notebooks are executed as the reader would, within limits, and rewritten without needless changes."""

import sys
import time

import nbformat.v4 as v4
import psutil
import pytest

from kdcourse.authoring import notebooks, run, text

pytestmark = pytest.mark.slow
LECTURE = "notebooks/92_small.ipynb"


def kernels():
    return [
        p.pid for p in psutil.Process().children(recursive=True) if "ipykernel_launcher" in str(p.cmdline())
    ]


def book(*sources):
    return v4.new_notebook(
        cells=[v4.new_code_cell(s, id=f"cell-{i}") for i, s in enumerate(sources, start=1)]
    )


def executed(folder, *sources, **options):
    notebook = book(*sources)
    seconds = run.execute(notebook, folder, **options)
    return notebook, seconds


def test_in_this_python_in_the_notebooks_folder_and_quietly(tmp_path, monkeypatch):
    monkeypatch.setenv("KDCOURSE_OTHER", "a reader's setting")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    source = """import os, sys
print(sys.executable, os.getcwd())
print([os.environ.get(name) for name in ("KDCOURSE_OTHER", "KDCOURSE_QUIET", "OMP_NUM_THREADS")])"""
    notebook, _ = executed(tmp_path, source)
    assert notebook.cells[0].outputs[0].text.splitlines() == [
        f"{sys.executable} {tmp_path.resolve()}",
        "[None, '1', '1']",
    ]


def test_rewriting_twice_gives_the_same_bytes(course, capsys):
    path = course / LECTURE
    notebook = notebooks.read(path)
    notebook.metadata["language_info"] = {"name": "python", "version": "3.1.4"}
    notebook.metadata["widgets"] = {"state": {}}
    notebook.cells[1].metadata["execution"] = {"iopub.status.idle": "2030-01-01"}
    notebooks.write(notebook, path)
    assert run.main_execute(["--root", str(course), str(path)]) == 0
    first = path.read_bytes()
    assert run.main_execute(["--root", str(course), "--in-place", str(path)]) == 0
    assert path.read_bytes() == first
    done = notebooks.read(path)
    assert done.metadata.keys() == {"kernelspec", "language_info"}
    assert done.metadata.language_info == {"name": "python", "pygments_lexer": "ipython3"}
    assert [cell.get("execution_count") for cell in done.cells] == [None, 1, 2, 3]
    assert all("execution" not in cell.metadata for cell in done.cells)
    assert done.cells[1].outputs[0].data["text/plain"] == "42"
    assert done.cells[2].outputs[0].metadata["image/png"]["alt"] == "A single red pixel"
    assert done.cells[3].outputs[0].text == "notebooks 1 None\n"
    assert "notebooks/92_small.ipynb: 0." in capsys.readouterr().out


def test_streams_are_joined_and_widgets_left_out(tmp_path):
    notebook, _ = executed(
        tmp_path,
        "for i in range(5):\n    print(i, flush=True)",
        "import ipywidgets\nprint('before')\nipywidgets.IntSlider()",
    )
    run.settle(notebook)
    assert [output.text for output in notebook.cells[0].outputs] == ["0\n1\n2\n3\n4\n"]
    assert [output.output_type for output in notebook.cells[1].outputs] == ["stream"]
    assert "widgets" not in notebook.metadata


@pytest.mark.parametrize(
    ("source", "limits", "message"),
    [
        ("1 / 0", {}, "cell cell-2 raised ZeroDivisionError: division by zero"),
        ("while True: pass", {"cell_timeout": 2}, "cell cell-2 took more than 2 s"),
        (
            "import time\ntime.sleep(60)",
            {"timeout": 4},
            "took more than 4 s in all, and was stopped in cell c",
        ),
        ("import os\nos._exit(1)", {}, "the kernel died in cell cell-2"),
    ],
)
def test_failures_are_named_and_no_kernel_stays(tmp_path, source, limits, message):
    before, start = kernels(), time.perf_counter()
    with pytest.raises(run.FailedNotebook) as failure:
        executed(tmp_path, "x = 1", source, **limits)
    assert message in str(failure.value)
    assert time.perf_counter() - start < 40
    deadline = time.perf_counter() + 10
    while kernels() != before and time.perf_counter() < deadline:
        time.sleep(0.1)
    assert kernels() == before


def test_a_failed_notebook_is_left_as_it_was_and_its_copy_shows_the_error(course, capsys):
    bad, good = course / "notebooks" / "93_bad.ipynb", course / LECTURE
    notebooks.write(book("1", "1 / 0", "2"), bad)
    before = bad.read_bytes(), good.read_bytes()
    assert run.main_execute(["--root", str(course), "--to", str(course / "build")]) == 1
    assert (bad.read_bytes(), good.read_bytes()) == before
    copies = {path.name: notebooks.read(path) for path in (course / "build").iterdir()}
    assert copies.keys() == {"92_small.ipynb", "93_bad.ipynb", "ex92_small.ipynb"}
    assert copies["93_bad.ipynb"].cells[1].outputs[0].ename == "ZeroDivisionError"
    assert copies["92_small.ipynb"].cells[1].execution_count == 1
    assert run.main_execute(["--root", str(course), str(bad)]) == 1
    assert bad.read_bytes() == before[0]
    assert "notebooks/93_bad.ipynb: cell cell-2 raised ZeroDivisionError" in capsys.readouterr().err


def test_times_are_reported_beside_the_headers(course, capsys):
    notebooks.write(book("1 / 0"), course / "notebooks" / "93_bad.ipynb")
    before = (course / LECTURE).read_bytes()
    assert run.main_times(["--root", str(course)]) == 1
    assert (course / LECTURE).read_bytes() == before
    table = [line.split() for line in capsys.readouterr().out.splitlines()[-4:]]
    assert table[0] == ["notebook", "header", "measured"]
    assert table[1][:3] == [LECTURE, "0.5", "min"] and table[1][4] == "min" and float(table[1][3]) < 1
    assert table[2] == ["notebooks/93_bad.ipynb", "-", "failed"]
    assert table[3][:2] == ["solutions/ex92_small/ex92_small.ipynb", "-"]
    assert run.main_times(["--root", str(course), str(course / LECTURE)]) == 0


def test_the_kernels_of_the_tests_are_offline(tmp_path):
    source = text.from_text(
        """# %% cell_id="try"
import socket, subprocess, sys, urllib.request
def attempt(action):
    try:
        action()
        return "reached"
    except OSError as error:
        return str(error)
print(attempt(lambda: socket.getaddrinfo("example.org", 443)))
print(attempt(lambda: socket.gethostbyname("example.org")))
print(attempt(lambda: socket.create_connection(("192.0.2.1", 80), timeout=5)))
print(attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53))))
print(attempt(lambda: socket.socket().connect_ex(("192.0.2.1", 80))))
print(attempt(lambda: urllib.request.urlopen("https://example.org", timeout=5)))
server = socket.create_server(("127.0.0.1", 0))
print(attempt(lambda: socket.create_connection(("localhost", server.getsockname()[1]), timeout=5)))
child = "import socket; socket.gethostbyname('example.org')"
print(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stderr.splitlines()[-1])
"""
    )
    run.execute(source, tmp_path)
    lines = "".join(output.text for output in source.cells[0].outputs).splitlines()
    refused = "The course's notebooks run offline: this kernel may not reach '{}' (tests/offline)."
    name, address = refused.format("example.org"), refused.format("192.0.2.1")
    assert lines[:5] == [name, name, address, address, address]
    assert name in lines[5] and lines[6] == "reached" and lines[7] == f"OSError: {name}"


def test_other_programs_are_not_offline():
    import subprocess

    code = "import os, socket; socket.getaddrinfo('192.0.2.1', 80); print(os.environ.get('KDCOURSE_OFFLINE'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "None\n", done.stderr
