"""Every state of every check, without a machine in that state: the tests put in place what a check reads."""

import importlib
import sys
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

from kdcourse import doctor
from kdcourse.doctor import GIB, NOTE, OK, PROBLEM, Finding


def see(finding: Finding, state: str, *texts: str) -> None:
    """The finding is in `state`, shows `texts`, and has a remedy exactly if something is not well."""
    assert finding.state == state, finding
    assert bool(finding.remedy) == (state != OK), finding
    for text in texts:
        assert text in f"{finding.message} | {finding.remedy}", finding


def replace_modules(monkeypatch, **modules):
    """Let the doctor import these instead of the real ones; an exception stands for an import that fails."""
    real = importlib.import_module

    def fake(name):
        found = modules.get(name.replace(".", "_"))
        if isinstance(found, BaseException):
            raise found
        return real(name) if found is None else found

    monkeypatch.setattr(doctor.importlib, "import_module", fake)


# Python and packages


def test_python():
    see(doctor.check_python((3, 11, 0)), OK, "3.11.0")
    see(doctor.check_python((3, 10, 9)), PROBLEM, "3.10.9", "PYTHON=")


def test_packages_of_this_environment_are_well():
    see(doctor.check_packages(), OK, "torch ", "jupyterlab ")
    see(doctor.check_tools(), OK, "nbgrader ", "pytest ")


def test_packages_missing_or_too_old():
    found = doctor.check_packages([Requirement("no-such-package>=1"), Requirement("packaging>=9999")])
    see(found, PROBLEM, "no-such-package is missing", "does not meet >=9999", "-c constraints.txt")
    see(doctor.check_tools([Requirement("no-such-package")]), NOTE, "no-such-package is missing")


def test_requirements_are_split_as_pyproject_splits_them():
    course, instructor, dev = (
        {r.name for r in doctor.requirements(extra)} for extra in (None, "instructor", "dev")
    )
    assert {"torch", "torchvision", "jupyterlab"} <= course
    assert "nbgrader" in instructor and "pytest" in dev
    assert course.isdisjoint(instructor | dev) and "kdcourse" not in dev


# torch


def test_the_pair_of_this_environment_matches():
    see(doctor.check_torch(), OK, "match")


def test_torch_that_does_not_import(monkeypatch):
    replace_modules(monkeypatch, torch=OSError("libcudart.so.13: cannot open shared object file"))
    see(doctor.check_torch(), PROBLEM, "libcudart", "--force-reinstall")


def test_an_unmatched_pair_is_recognised(monkeypatch):
    error = RuntimeError("operator torchvision::nms does not exist")
    replace_modules(monkeypatch, torchvision_ops=error)
    see(doctor.check_torch(), PROBLEM, "not built for each other", "pair in constraints.txt")


def test_another_failure_of_torchvision_is_not_taken_for_an_unmatched_pair(monkeypatch):
    replace_modules(monkeypatch, torchvision_ops=ImportError("No module named 'PIL'"))
    finding = doctor.check_torch()
    see(finding, PROBLEM, "No module named 'PIL'")
    assert "each other" not in finding.message


def test_a_torchvision_that_computes_nonsense(monkeypatch):
    torch = pytest.importorskip("torch")
    replace_modules(monkeypatch, torchvision_ops=SimpleNamespace(nms=lambda *_: torch.tensor([0, 1, 2])))
    see(doctor.check_torch(), PROBLEM, "[0, 1, 2]")


# the machine


@pytest.mark.parametrize(
    ("cores", "threads", "state", "text"),
    [
        (2, 2, OK, "2 cores"),
        (8, 4, OK, "4 threads"),
        (1, 1, NOTE, "twice"),
        (2, 8, NOTE, "OMP_NUM_THREADS=2"),
        (4, 1, NOTE, "Unset"),
    ],
)
def test_cpu(monkeypatch, cores, threads, state, text):
    monkeypatch.setattr(doctor, "usable_cores", lambda: cores)
    replace_modules(monkeypatch, torch=SimpleNamespace(get_num_threads=lambda: threads))
    see(doctor.check_cpu(), state, text)


def test_usable_cores_obeys_the_limits_of_the_process(monkeypatch):
    monkeypatch.setattr(doctor.os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert doctor.usable_cores() == 1
    monkeypatch.delattr(doctor.os, "sched_getaffinity")
    monkeypatch.setattr(doctor.os, "cpu_count", lambda: None)
    assert doctor.usable_cores() == 1


def torch_with(*, cuda=False, mps=False, warn=None):
    def is_available():
        if warn:
            doctor.warnings.warn(warn, stacklevel=1)
        return cuda

    gpu = SimpleNamespace(total_memory=80 * GIB)
    return SimpleNamespace(
        cuda=SimpleNamespace(
            is_available=is_available,
            get_device_name=lambda _: "Test GPU",
            get_device_properties=lambda _: gpu,
        ),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
        version=SimpleNamespace(cuda="13.0"),
    )


@pytest.mark.parametrize(
    ("torch", "driver", "state", "text"),
    [
        (torch_with(cuda=True), True, OK, "Test GPU, 80 GiB, CUDA 13.0"),
        (torch_with(mps=True), False, OK, "Apple GPU"),
        (torch_with(), False, OK, "none"),
        (torch_with(), True, NOTE, "sees none"),
        (torch_with(warn="driver too old"), True, NOTE, "driver too old"),
    ],
)
def test_gpu(monkeypatch, torch, driver, state, text):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: "/usr/bin/nvidia-smi" if driver else None)
    replace_modules(monkeypatch, torch=torch)
    see(doctor.check_gpu(), state, text)


@pytest.mark.parametrize(("gib", "state"), [(4, OK), (1.5, NOTE), (0.5, PROBLEM)])
def test_memory(gib, state):
    see(doctor.check_memory(int(gib * GIB)), state, f"{gib:.1f} GiB")


@pytest.mark.parametrize(("gib", "state"), [(4, OK), (0.5, NOTE), (0.05, PROBLEM)])
def test_disk(tmp_path, gib, state):
    see(doctor.check_disk(tmp_path, int(gib * GIB)), state, "GiB")


def test_memory_and_disk_of_this_machine_are_measured(monkeypatch, tmp_path):
    replace_modules(
        monkeypatch, psutil=SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=GIB // 2))
    )
    see(doctor.check_memory(), PROBLEM, "0.5 GiB")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: SimpleNamespace(free=3 * GIB))
    see(doctor.check_disk(tmp_path), OK, "3.0 GiB")


def test_writing(tmp_path):
    see(doctor.check_write(tmp_path), OK)
    assert list(tmp_path.iterdir()) == []
    see(doctor.check_write(tmp_path / "missing"), PROBLEM, "cannot be written")


# Jupyter and the course


@pytest.mark.parametrize(
    ("program", "state"),
    [("python", OK), (sys.executable, OK), ("/another/environment/bin/python", PROBLEM)],
)
def test_kernel(monkeypatch, program, state):
    kernelspec = importlib.import_module("jupyter_client.kernelspec")
    spec = SimpleNamespace(argv=[program, "-m", "ipykernel_launcher"], display_name="Python 3")
    monkeypatch.setattr(kernelspec.KernelSpecManager, "get_kernel_spec", lambda self, name: spec)
    see(doctor.check_kernel(), state)


def test_no_kernel():
    see(doctor.check_kernel("no-such-kernel"), PROBLEM, "no-such-kernel", "ipykernel install")


def test_course(tmp_path):
    see(doctor.check_course(tmp_path), NOTE, "no folder notebooks")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00_start_here.ipynb").touch()
    (tmp_path / "kdcourse").mkdir()
    see(doctor.check_course(tmp_path, package=tmp_path / "kdcourse"), OK, "1 lecture ")
    (tmp_path / "elsewhere").mkdir()
    see(doctor.check_course(tmp_path, package=tmp_path / "elsewhere"), PROBLEM, "another copy")


def test_data(tmp_path):
    see(doctor.check_data(tmp_path), OK, "not there")
    cifar = tmp_path / "data" / "cifar-10-batches-py"
    cifar.mkdir(parents=True)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"]
    for name in names[:-1]:
        (cifar / name).touch()
    see(doctor.check_data(tmp_path), NOTE, "lacks batches.meta")
    (cifar / "batches.meta").touch()
    see(doctor.check_data(tmp_path), OK, "cifar-10-batches-py")


def test_data_that_is_still_packed(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cifar-10-python.tar.gz").touch()
    see(doctor.check_data(tmp_path), OK, "unpacked on first use")


# the report


def test_a_check_that_crashes_becomes_a_problem_and_the_others_still_run():
    def crash():
        raise KeyError("surprise")

    crashed, well = doctor.examine([("first", crash), ("second", lambda: Finding("second", OK, "fine"))])
    see(crashed, PROBLEM, "KeyError", "surprise")
    assert crashed.name == "first"
    assert well.state == OK


@pytest.mark.parametrize(
    ("states", "status", "end"),
    [
        ([OK, NOTE], 0, "The course can run here."),
        ([OK, PROBLEM], 1, "1 problem to mend."),
        ([PROBLEM, PROBLEM], 1, "2 problems to mend."),
    ],
)
def test_report_and_exit_status(monkeypatch, capsys, tmp_path, states, status, end):
    findings = [Finding(f"check{i}", s, "found this", "do that" * (s != OK)) for i, s in enumerate(states)]
    monkeypatch.setattr(doctor, "all_checks", lambda _: [(f.name, lambda f=f: f) for f in findings])
    assert doctor.run(tmp_path) == status
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == end
    for finding in findings:
        line = next(i for i, text in enumerate(printed) if finding.name in text)
        assert printed[line].startswith(finding.state) and "found this" in printed[line]
        assert ("-> do that" in printed[line + 1]) == (finding.state != OK)


def test_a_long_remedy_stays_on_one_line():
    command = "python " + "-m something " * 30
    assert command.strip() in doctor.report([Finding("x", NOTE, "y", command.strip())]).splitlines()[1]


def test_the_doctor_runs_every_check_of_the_module(tmp_path):
    written = {name for name in vars(doctor) if name.startswith("check_")}
    assert len(doctor.all_checks(tmp_path)) == len(written) == 12
