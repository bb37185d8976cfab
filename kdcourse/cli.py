"""The `kdcourse` command: look after the machine, open the course, and keep its notebooks in order."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from kdcourse import __version__

# Sub-command -> (module, function, help); all but the first two are for authors and instructors. The module
# is imported only when the sub-command is called, and parses the rest of the command line itself.
AUTHORING = {
    "progress": ("kdcourse.progress.table", "main", "show which tasks you have passed and what comes next"),
    "check": ("kdcourse.progress.before_handing_in", "main", "run an exercise afresh and judge every task"),
    "execute": ("kdcourse.authoring.run", "main_execute", "execute notebooks and rewrite their outputs"),
    "build-exercises": ("kdcourse.authoring.build", "main", "make the exercises from their solutions"),
    "api": ("kdcourse.authoring.api", "main", "write the pages of docs/api from the docstrings"),
    "lint": ("kdcourse.authoring.lint", "main", "check headers, tasks, alt text, quiet outputs"),
    "navigation": (
        "kdcourse.authoring.navigation",
        "main",
        "write where to go from each lecture and exercise",
    ),
    "times": ("kdcourse.authoring.run", "main_times", "compare measured minutes with those in the headers"),
    "site": ("kdcourse.authoring.site", "main", "make the site of lectures, exercises and library"),
    "slides": (
        "kdcourse.teaching.material.pack",
        "main",
        "make slides, guides, misconception bank and syllabus",
    ),
    "contained": ("kdcourse.teaching.marking.threats", "main", "what a submission cannot do to this machine"),
    "marks": (
        "kdcourse.teaching.marking.marks",
        "main",
        "marks of the questions that a person reads, as a table",
    ),
    "statistics": ("kdcourse.teaching.marking.statistics", "main", "count what a class found hard"),
    "bench": ("kdcourse.bench.command", "main", "compare all methods: run, status, report, list"),
    "text": ("kdcourse.authoring.text", "main", "turn a notebook into a text file, or back"),
}


class CommandError(Exception):
    """The command cannot be carried out; the message says why, and what to do."""


def find_course(start: Path | None = None) -> Path:
    """The course's folder: the current one or one above it, else the one `kdcourse` was installed from."""
    start = Path.cwd() if start is None else start.resolve()
    for folder in (start, *start.parents, Path(__file__).resolve().parent.parent):
        if (folder / "notebooks").is_dir() and (folder / "kdcourse").is_dir():
            return folder
    raise CommandError(f"There is no course in {start}. Go to the folder that holds `notebooks`.")


def find_notebook(course: Path, which: str) -> Path:
    """A lecture by its number ("01" or "1"), or any notebook by its path."""
    if which.endswith(".ipynb"):
        path = Path(which)
        if not path.is_file():
            raise CommandError(f"There is no notebook {path}.")
        return path.resolve()
    found = sorted((course / "notebooks").glob(f"{which.zfill(2)}_*.ipynb"))
    if len(found) != 1:
        there = ", ".join(path.stem for path in sorted((course / "notebooks").glob("*.ipynb"))) or "none"
        raise CommandError(f'No lecture is numbered "{which}"; there are: {there}.')
    return found[0]


def open_lab(course: Path, notebook: Path, extra: Sequence[str] = ()) -> int:
    """Open `notebook` in JupyterLab, with the course's folder as its root, and wait until JupyterLab ends."""
    from jupyterlab.labapp import main as jupyterlab

    from kdcourse.lab import course_settings

    if not notebook.is_relative_to(course):
        raise CommandError(f"{notebook} is not in the course's folder, {course}.")
    # For the kernels: small nets gain little from a second thread, and lose much on a busy machine.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # So that a terminal of JupyterLab knows `kdcourse`, also where the environment was not activated.
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    print(f"Opening {notebook.name} in JupyterLab. To stop it: Ctrl-C here, twice.", flush=True)
    # In this process, not in a child: then Ctrl-C reaches JupyterLab, which shuts its kernels down itself.
    # By its address, not as a file to open: then the address that is printed leads to the notebook as well.
    address = f"/lab/tree/{quote(notebook.relative_to(course).as_posix())}"
    with course_settings():
        return jupyterlab([f"--ServerApp.root_dir={course}", f"--LabApp.default_url={address}", *extra]) or 0


def run_headless(course: Path, notebook: Path) -> int:
    """Execute `notebook` top to bottom into a copy in build/executed; the original stays as it is.

    Returns 0, or 1 if a cell failed; then the copy holds what was computed up to there, and the error.
    """
    from kdcourse.authoring.run import main_execute

    folder = course / "build" / "executed"
    status = main_execute(["--root", str(course), "--to", str(folder), str(notebook)])
    print(f"Executed copy: {folder / notebook.name}")
    return status


def run_authoring(name: str, argv: Sequence[str]) -> int:
    """Hand the rest of the command line to the tool behind the sub-command `name`."""
    module, function, _ = AUTHORING[name]
    try:
        tool = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("kdcourse"):
            raise  # a fault of ours, not a package that is not installed
        print(
            f"kdcourse {name} needs the package {error.name}. In the course's folder: "
            'python -m pip install -c constraints.txt -e ".[dev]"',
            file=sys.stderr,
        )
        return 1
    try:
        return tool(argv)
    except FileNotFoundError as error:
        if error.errno is not None:
            raise  # the system's, about some file; ours says in a sentence that there is no course here
        print(f"kdcourse {name}: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """The command line of `kdcourse`."""
    top = argparse.ArgumentParser(prog="kdcourse", description="A course on knowledge distillation.")
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("doctor", help="check this machine and say what to do about each problem")
    lab = commands.add_parser(
        "lab",
        allow_abbrev=False,
        help="open the course in JupyterLab, or execute a lecture without a browser",
        epilog="Options that are not listed here are passed on to JupyterLab, for example --no-browser.",
    )
    lab.add_argument("--headless", action="store_true", help="execute the notebook, open no browser")
    lab.add_argument("--notebook", metavar="NN", help="number or path (default 00; with --headless 01)")
    for name, (_, _, summary) in AUTHORING.items():
        commands.add_parser(name, help=summary, add_help=False)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line and return its exit status."""
    argv = sys.argv[1:] if argv is None else list(argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console that lacks a character must not stop the command
            stream.reconfigure(errors="backslashreplace")
    if argv and argv[0] in AUTHORING:
        return run_authoring(argv[0], argv[1:])
    top = parser()
    arguments, rest = top.parse_known_args(argv)
    if arguments.command is None:
        top.print_help()
        return 2
    if rest and (arguments.command == "doctor" or arguments.headless):
        top.error(f"unknown arguments: {' '.join(rest)}")
    if arguments.command == "doctor":
        from kdcourse import doctor

        return doctor.run(_course_or_here())
    try:
        course = find_course()
        if arguments.headless:
            return run_headless(course, find_notebook(course, arguments.notebook or "01"))
        return open_lab(course, find_notebook(course, arguments.notebook or "00"), rest)
    except CommandError as error:
        print(f"kdcourse: {error}", file=sys.stderr)
        return 1


def _course_or_here() -> Path:
    try:
        return find_course()
    except CommandError:
        return Path.cwd()


if __name__ == "__main__":
    sys.exit(main())
