"""Limits on a command and all that it starts; what a kernel sends; what was changed is put back."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from nbformat import NotebookNode

from kdcourse.teaching.marking import containment, launch, threats
from kdcourse.teaching.marking.containment import Limits, run_contained, throwaway
from kdcourse.teaching.marking.outputs import MOST, clean
from kdcourse.teaching.marking.processes import Tree
from kdcourse.teaching.marking.slices import independent, names, needed, statements

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are contained on Linux only")
MIB = 2**20
HERE = {
    "bubblewrap": containment.method() == "bubblewrap",
    "landlock": launch.landlock_version() > 0,
    "none": True,
}
USABLE = [
    pytest.param(using, marks=() if HERE[using] else pytest.mark.skip(reason=f"no {using} here"))
    for using in containment.METHODS
]
SHUT = USABLE[:2]


@pytest.fixture
def folder():
    with throwaway() as place:
        yield place


def run(folder, source, using=None, **limits):
    limits = {"seconds": 20, **limits}
    return run_contained([sys.executable, "-c", source], folder=folder, limits=Limits(**limits), using=using)


@pytest.mark.parametrize("using", USABLE)
def test_a_command_runs_in_its_folder_with_few_variables(folder, using, monkeypatch):
    monkeypatch.setenv("API_TOKEN", "a secret")
    source = "import json, os; json.dump([os.getcwd(), dict(os.environ)], open('seen', 'w'))"
    outcome = run(folder, source, using)
    assert (outcome.returncode, outcome.reason) == (0, "")
    seen = (folder / "work" / "seen").read_text()
    assert f'"{folder}/work"' in seen and "API_TOKEN" not in seen


def test_a_python_without_kdcourse_is_refused(folder):
    containment.find_library(folder)
    with pytest.raises(RuntimeError, match=r"not find kdcourse \(ModuleNotFoundError.*pip install"):
        containment.find_library(folder, (sys.executable, "-I", "-S"))  # without its packages


@pytest.mark.parametrize("using", USABLE)
def test_the_clock(folder, using):
    outcome = run(folder, "while True: pass", using, seconds=0.6)
    assert outcome.reason == "used more than 0.6 s"
    assert outcome.returncode != 0 and outcome.seconds < 5


@pytest.mark.parametrize("using", USABLE)
def test_memory_of_one_process(folder, using):
    source = (
        "open('before', 'w')\ntry:\n    bytearray(400 * 2**20)\nexcept MemoryError:\n    open('refused', 'w')"
    )
    run(folder, source, using, memory=200 * MIB)
    assert (folder / "work" / "refused").exists()


@pytest.mark.parametrize("using", USABLE)
def test_memory_of_all_processes_together(folder, using):
    source = "import os, time\nos.fork()\nhog = b'x' * (120 * 2**20)\ntime.sleep(15)"
    outcome = run(folder, source, using, memory=180 * MIB)
    assert outcome.reason == "used more than 180 MiB of memory" and outcome.seconds < 10


@pytest.mark.parametrize("using", USABLE)
def test_number_of_processes(folder, using):
    source = "import os, time\nfor _ in range(12):\n    if not os.fork():\n        break\ntime.sleep(15)"
    outcome = run(folder, source, using, processes=8)
    assert outcome.reason == "started more than 8 processes" and outcome.seconds < 10


def test_files(folder):
    source = "import time\nfor n in range(4):\n    open(str(n), 'wb').write(b'x' * 2**20)\ntime.sleep(15)"
    assert run(folder, source, disk=2 * MIB).reason == "wrote more than 2 MiB of files"
    outcome = run(folder, "open('large', 'wb').write(b'x' * 3 * 2**20)", file_size=MIB)
    assert outcome.returncode != 0 and (folder / "work" / "large").stat().st_size <= MIB


@pytest.mark.parametrize("using", USABLE)
def test_nothing_survives(folder, using):
    seconds = str(70_000 + os.getpid() % 10_000)
    source = (
        "import os, subprocess\nif not os.fork():\n    os.setsid()\n    if not os.fork():\n"
        f"        subprocess.Popen(['sleep', '{seconds}'], start_new_session=True, env={{}})\n"
        "    os._exit(0)\nos.wait()\nopen('done', 'w')"
    )
    assert run(folder, source, using).returncode == 0
    assert (folder / "work" / "done").exists()
    assert not [p for p in psutil.process_iter(["cmdline"]) if seconds in (p.info["cmdline"] or [])]


def test_own_children_are_left_alone(folder):
    with subprocess.Popen(["sleep", "30"]) as own:
        run(folder, "pass", "none")
        assert own.poll() is None
        own.kill()


@pytest.mark.parametrize("using", SHUT)
def test_other_files_cannot_be_read_or_changed(folder, using, tmp_path):
    secret = tmp_path / "gradebook.db"
    secret.write_text("marks")
    course = Path(containment.__file__).parents[3] / "pyproject.toml"
    assert course.is_file()
    source = (
        "import kdcourse, os\ndone = []\n"
        "acts = (lambda: open(path).read(), lambda: open(path, 'a'), lambda: os.remove(path),\n"
        "        lambda: open(path + 'x', 'w'), lambda: os.listdir(os.path.dirname(path)))\n"
        f"for path in ({str(secret)!r}, {str(course)!r}):\n"
        "    for number, act in enumerate(acts):\n"
        "        try:\n            act()\n            done.append(number)\n"
        "        except OSError:\n            pass\n"
        "open('done', 'w').write(str(done))"
    )
    assert run(folder, source, using).returncode == 0
    # Under bubblewrap the folder that holds the package is there, with nothing else in it.
    listed = "[4]" if using == "bubblewrap" else "[]"
    assert (folder / "work" / "done").read_text() in ("[]", listed)
    assert secret.read_text() == "marks" and sorted(tmp_path.iterdir()) == [secret]


def test_what_may_be_read_besides(folder, tmp_path):
    (tmp_path / "digits").write_text("data")
    source = f"open('seen', 'w').write(open({str(tmp_path / 'digits')!r}).read())"
    limits = Limits(seconds=20)
    run_contained([sys.executable, "-c", source], folder=folder, limits=limits, also_readable=[tmp_path])
    assert (folder / "work" / "seen").read_text() == "data"


def test_a_throwaway_folder_goes_even_if_it_was_shut():
    with throwaway() as place:
        (place / "work" / "shut").mkdir()
        (place / "work" / "shut" / "file").write_text("x")
        (place / "work" / "shut").chmod(0)
    assert not place.exists()


def test_threats_are_told_as_they_are():
    said = {
        using: {t.threat: t.contained for t in threats.what_is_contained(using)}
        for using in containment.METHODS
    }
    assert [sum(s.values()) for s in said.values()] == sorted(
        (sum(s.values()) for s in said.values()), reverse=True
    )
    network = {using: threats_of["network"] for using, threats_of in said.items()}
    assert network == {"bubblewrap": True, "landlock": False, "none": False}
    assert not any(s["faults of the Linux kernel itself"] for s in said.values())


def test_orphans_are_adopted_only_meanwhile():
    tree = Tree()
    tree.adopt_orphans()
    tree.forget_orphans()
    started = time.time()
    assert tree.alive() == [] and time.time() - started < 1


@pytest.mark.parametrize(
    "output",
    [None, {}, {"output_type": "error!"}, {"output_type": "stream", "name": "stdin", "text": ""},
     {"output_type": "display_data", "data": ["x"]}],
)  # fmt: skip
def test_what_is_no_output_becomes_an_error(output):
    (got,) = clean([output])
    assert got.output_type == "error"


def test_outputs_are_harmless():
    page = "<table onclick='x()'><script>alert(1)</script><tr><td style='color: red'>1</td></tr></table>"
    data = {
        "text/html": page,
        "application/javascript": "alert(1)",
        "image/svg+xml": "<svg/>",
        "text/plain": 5,
    }
    got = clean(
        [NotebookNode(output_type="execute_result", data=data, metadata={"x": 1}, execution_count="1")]
    )[0]
    assert set(got.data) == {"text/html", "text/plain"} and isinstance(got.data["text/plain"], str)
    assert "<script" not in got.data["text/html"] and "onclick" not in got.data["text/html"]
    assert (got.metadata, got.execution_count) == ({}, None)


def test_outputs_are_cut_but_errors_stay():
    many = [{"output_type": "stream", "name": "stdout", "text": "x" * (2 * MOST)}] * 600
    got = clean([*many, {"output_type": "error", "ename": "E", "evalue": "no", "traceback": 3}])
    assert len(got[0].text) < MOST + 20 and len(got) < 600
    assert got[-1].ename == "E" and got[-1].traceback == []


def test_names_of_a_cell():
    cell = "import a.b\n%matplotlib inline\ndef f(x):\n    global g\n    g = h(x)\n    y = x\nw.a[0] = v\n"
    assert names(cell).defined >= {"a", "f", "g", "w"} and "y" not in names(cell).defined
    assert names(cell).used >= {"h", "v"} and "x" not in names(cell).used
    assert names("from os import *").anything and names("def (").anything


def test_what_is_needed():
    cells = [
        names(s)
        for s in ("import t", "world = train(t)", "def help(x): return t(x)", "def mine(x): return help(x)")
    ]
    assert needed(cells, {"mine"}) == {0, 2, 3}
    assert independent(cells, {"help"}) == [0, 1]
    assert statements("x = 1; y = 2\ndef (") == [] and statements("x = 1; y = 2") == ["x = 1", "y = 2"]
