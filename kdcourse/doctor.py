"""`kdcourse doctor`: is this machine ready for the course, and if not, what is to be done?

Every check is a function that returns a `Finding`. A check never raises: `examine` turns whatever goes
wrong inside one into a finding of its own, so that a broken installation still gets a full report.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
import textwrap
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

OK, NOTE, PROBLEM = "ok", "note", "problem"

GIB = 2**30
# Commands to copy, so with the very Python that is being examined; to be run in the course's folder.
# Quoted only where it must be: PowerShell takes a quoted program for a text.
PYTHON = f'"{sys.executable}"' if " " in sys.executable else sys.executable
INSTALL = f'{PYTHON} -m pip install -c constraints.txt -e ".[dev]"'
INSTALL_TORCH = f"{PYTHON} -m pip install --force-reinstall -c constraints.txt torch torchvision"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        name: what was looked at.
        state: `OK`, `NOTE` (the course works, but read this) or `PROBLEM` (it will not work).
        message: what was found.
        remedy: what to do about it; empty exactly when the state is `OK`.
    """

    name: str
    state: str
    message: str
    remedy: str = ""


def check_python(version: Sequence[int] = sys.version_info) -> Finding:
    """Python 3.11 or newer."""
    found = ".".join(str(part) for part in version[:3])
    if tuple(version[:2]) < (3, 11):
        remedy = "Install Python 3.11 or newer, then: make lab PYTHON=python3.11"
        return Finding("Python", PROBLEM, f"{found} is too old", remedy)
    return Finding("Python", OK, f"{found} at {sys.executable}")


def requirements(extra: str | None = None) -> list:
    """What pyproject.toml asks for: the course's own needs, or those that `extra` adds."""
    from packaging.requirements import Requirement

    found = [Requirement(text) for text in importlib.metadata.requires("kdcourse") or []]
    if extra is None:
        return [r for r in found if r.marker is None or r.marker.evaluate({"extra": ""})]
    return [r for r in found if r.marker is not None and r.marker.evaluate({"extra": extra}) and not r.extras]


def check_packages(wanted: Iterable | None = None) -> Finding:
    """Every package that the course needs is installed, new enough."""
    wanted = requirements() if wanted is None else list(wanted)
    wrong = _missing_or_old(wanted)
    if wrong:
        return Finding("packages", PROBLEM, "; ".join(wrong), f"In the course's folder: {INSTALL}")
    shown = ", ".join(f"{r.name} {importlib.metadata.version(r.name)}" for r in wanted)
    return Finding("packages", OK, shown)


def check_tools(wanted: Iterable | None = None) -> Finding:
    """The packages that only instructors and contributors need."""
    wanted = [*requirements("instructor"), *requirements("dev")] if wanted is None else list(wanted)
    wrong = _missing_or_old(wanted)
    if wrong:
        message = "; ".join(wrong) + " (only needed to build, grade or test exercises)"
        return Finding("tools", NOTE, message, f"To do that, in the course's folder: {INSTALL}")
    return Finding("tools", OK, ", ".join(f"{r.name} {importlib.metadata.version(r.name)}" for r in wanted))


def _missing_or_old(wanted: Iterable) -> list[str]:
    wrong = []
    for requirement in wanted:
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version} does not meet {requirement.specifier}")
    return wrong


def check_torch() -> Finding:
    """torch and torchvision import, and are built for each other."""
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        remedy = f"Install it again: {INSTALL_TORCH}"
        if os.name == "nt":
            remedy = f"Install the Microsoft Visual C++ Redistributable; if that does not help: {remedy}"
        return Finding("torch", PROBLEM, f"torch does not import: {_one_line(error)}", remedy)
    pair = f"torch {torch.__version__} and torchvision {_version('torchvision')}"
    try:
        ops = importlib.import_module("torchvision.ops")
        boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 1.9], [4.0, 4.0, 5.0, 5.0]])
        kept = ops.nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5).tolist()
    except Exception as error:
        if "torchvision::" in str(error) or "custom C++ ops" in str(error):
            message = f"{pair} are not built for each other: {_one_line(error)}"
            return Finding("torch", PROBLEM, message, f"Install the pair in constraints.txt: {INSTALL_TORCH}")
        message = f"torchvision does not work: {_one_line(error)}"
        return Finding("torch", PROBLEM, message, f"Install it again: {INSTALL_TORCH}")
    if kept != [0, 2]:
        message = f"{pair}: torchvision.ops.nms kept the boxes {kept} instead of [0, 2]"
        return Finding("torch", PROBLEM, message, f"Install it again: {INSTALL_TORCH}")
    return Finding("torch", OK, f"{pair} match")


def check_cpu() -> Finding:
    """How many cores there are, and whether torch uses them."""
    torch = importlib.import_module("torch")
    cores, threads = usable_cores(), torch.get_num_threads()
    found = f"{_count(cores, 'core')} ({platform.machine()}), torch uses {_count(threads, 'thread')}"
    if cores < 2:
        remedy = "Nothing to mend: lectures take up to twice the minutes that their headers state."
    elif threads > cores:
        remedy = f"More threads than cores slow torch down: set the variable OMP_NUM_THREADS={cores}."
    elif threads == 1:
        remedy = "Unset the variables OMP_NUM_THREADS and MKL_NUM_THREADS to let torch use every core."
    else:
        return Finding("CPU", OK, found)
    return Finding("CPU", NOTE, found, remedy)


def usable_cores() -> int:
    """The cores this process may use, which in a container or a batch job are fewer than the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_gpu() -> Finding:
    """A GPU is welcome, never needed; one that is there but cannot be used is worth a word."""
    torch = importlib.import_module("torch")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        usable = torch.cuda.is_available()
    if usable:
        name, memory = torch.cuda.get_device_name(0), torch.cuda.get_device_properties(0).total_memory
        return Finding("GPU", OK, f"{name}, {memory / GIB:.0f} GiB, CUDA {torch.version.cuda}")
    if torch.backends.mps.is_available():
        return Finding("GPU", OK, "Apple GPU (MPS) present; the course runs on the CPU")
    if shutil.which("nvidia-smi"):
        reason = _one_line(caught[0].message) if caught else "it sees none"
        built = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
        message = f"an NVIDIA driver is installed, but torch (built {built}) cannot use a GPU: {reason}"
        remedy = "The course runs on the CPU all the same. For the GPU: update its driver, or change torch."
        return Finding("GPU", NOTE, message, remedy)
    return Finding("GPU", OK, "none; the course does not need one")


def check_memory(available: int | None = None) -> Finding:
    """Free memory: a lecture's kernel and JupyterLab together stay below about 1.5 GiB."""
    if available is None:
        available = importlib.import_module("psutil").virtual_memory().available
    found = f"{available / GIB:.1f} GiB free"
    if available < 1 * GIB:
        remedy = "Close other programs and other notebooks' kernels: a lecture needs about 1.5 GiB."
        return Finding("memory", PROBLEM, found, remedy)
    if available < 2 * GIB:
        remedy = "Enough for one lecture at a time: shut down its kernel before you open the next."
        return Finding("memory", NOTE, found, remedy)
    return Finding("memory", OK, found)


def check_disk(folder: Path, free: int | None = None) -> Finding:
    """Room for checkpoints and executed notebooks."""
    if free is None:
        free = shutil.disk_usage(folder).free
    found = f"{free / GIB:.1f} GiB free"
    if free < 0.1 * GIB:
        return Finding("disk", PROBLEM, found, f"Free some space on the disk that holds {folder}.")
    if free < 1 * GIB:
        remedy = "Enough for the lectures; have 1 GiB free before you download a data set."
        return Finding("disk", NOTE, found, remedy)
    return Finding("disk", OK, found)


def check_write(folder: Path) -> Finding:
    """Notebooks, checkpoints and downloads are written below the course's folder."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".kdcourse-", suffix=".tmp") as file:
            file.write(b"x")
    except OSError as error:
        remedy = "Copy the course to a folder of your own, or mend the folder's permissions."
        return Finding("writing", PROBLEM, f"{folder} cannot be written to: {_one_line(error)}", remedy)
    return Finding("writing", OK, f"{folder} can be written to")


def check_kernel(name: str = "python3") -> Finding:
    """The Jupyter kernel that the notebooks ask for is this Python, not another one of the machine."""
    kernelspec = importlib.import_module("jupyter_client.kernelspec")
    remedy = f"{PYTHON} -m ipykernel install --sys-prefix --name {name}"
    try:
        spec = kernelspec.KernelSpecManager().get_kernel_spec(name)
    except kernelspec.NoSuchKernel:
        return Finding("kernel", PROBLEM, f"Jupyter has no kernel named {name}", remedy)
    program = spec.argv[0]
    # Jupyter itself replaces a bare "python" by the Python it runs in.
    if program in {"python", "python3", f"python{sys.version_info[0]}.{sys.version_info[1]}"}:
        program = sys.executable
    # Compare folders, not files: python, python3 and python3.11 lie side by side. Links are not followed,
    # because the Python of every virtual environment is a link to the same file.
    if _folder_of(program) != _folder_of(sys.executable):
        return Finding("kernel", PROBLEM, f"the kernel {name} is another Python: {program}", remedy)
    return Finding("kernel", OK, f"{name} ({spec.display_name}) is this Python")


def _folder_of(program: str) -> str:
    return os.path.normcase(os.path.dirname(os.path.abspath(shutil.which(program) or program)))


def check_course(folder: Path, package: Path | None = None) -> Finding:
    """The notebooks are in reach, and the `kdcourse` they import is the one beside them."""
    package = Path(__file__).parent if package is None else package
    beside = folder / "kdcourse"
    if not (folder / "notebooks").is_dir():
        message = f"there is no folder notebooks in {folder}"
        remedy = "Go to the course's folder and run this there; the library by itself needs no folder."
        return Finding("course", NOTE, message, remedy)
    if beside.is_dir() and not beside.samefile(package):
        message = f"the installed kdcourse is another copy: {package}"
        return Finding("course", PROBLEM, message, f"In the course's folder: {INSTALL}")
    count = len(list((folder / "notebooks").glob("*.ipynb")))
    return Finding("course", OK, f"{_count(count, 'lecture')} in {folder / 'notebooks'}")


def check_data(folder: Path) -> Finding:
    """The optional CIFAR-10; everything else the course needs comes with its packages."""
    root = folder / "data"
    cifar, archive = root / "cifar-10-batches-py", root / "cifar-10-python.tar.gz"
    if cifar.is_dir():
        wanted = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"]
        missing = [name for name in wanted if not (cifar / name).is_file()]
        if missing:
            message = f"CIFAR-10 (optional) in {cifar} lacks {', '.join(missing)}"
            return Finding("data", NOTE, message, "Delete that folder, then download or unpack it again.")
        return Finding("data", OK, f"CIFAR-10 (optional) is in {cifar}")
    if archive.is_file():
        return Finding("data", OK, f"CIFAR-10 (optional) is in {archive}, to be unpacked on first use")
    return Finding("data", OK, "CIFAR-10 (optional) is not there; the lectures do not need it")


def examine(checks: Sequence[tuple[str, Callable[[], Finding]]]) -> list[Finding]:
    """Run the checks in order. One that crashes becomes a problem, and the others still run."""
    findings = []
    for name, check in checks:
        try:
            findings.append(check())
        except Exception as error:
            message = f"this check could not be made: {type(error).__name__}: {_one_line(error)}"
            remedy = f"Mend the problems above first; if there are none, install again: {INSTALL}"
            findings.append(Finding(name, PROBLEM, message, remedy))
    return findings


def all_checks(folder: Path) -> list[tuple[str, Callable[[], Finding]]]:
    """The checks of `kdcourse doctor`, in the order of the report."""
    return [
        ("Python", check_python),
        ("packages", check_packages),
        ("tools", check_tools),
        ("torch", check_torch),
        ("CPU", check_cpu),
        ("GPU", check_gpu),
        ("memory", check_memory),
        ("disk", lambda: check_disk(folder)),
        ("writing", lambda: check_write(folder)),
        ("kernel", check_kernel),
        ("course", lambda: check_course(folder)),
        ("data", lambda: check_data(folder)),
    ]


def report(findings: Sequence[Finding]) -> str:
    """The findings as text, ASCII marks only, so that every console can show it."""
    lines = []
    for finding in findings:
        head = f"{finding.state:8} {finding.name:9} "
        lines.append(textwrap.fill(head + finding.message, width=110, subsequent_indent=" " * len(head)))
        if finding.remedy:
            lines.append(" " * 16 + "-> " + finding.remedy)  # not wrapped: it may be a command to copy
    problems = sum(finding.state == PROBLEM for finding in findings)
    lines.append(f"{_count(problems, 'problem')} to mend." if problems else "The course can run here.")
    return "\n".join(lines)


def run(folder: Path) -> int:
    """Print the report for the course in `folder`; return 1 if there is a problem, else 0."""
    findings = examine(all_checks(folder))
    print(report(findings))
    return int(any(finding.state == PROBLEM for finding in findings))


def _one_line(error: object, limit: int = 200) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"
