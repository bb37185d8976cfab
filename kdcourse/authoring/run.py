"""Execute notebooks: to test them, to rewrite their outputs, to measure their minutes.

    kdcourse execute [NOTEBOOK ...]                  rewrite the outputs (default: all lectures and solutions)
    kdcourse execute --to build/executed [NOTEBOOK ...]    write copies
    kdcourse times [NOTEBOOK ...]                    measured minutes beside those that the headers claim

What is written does not depend on the clock, the machine or the reader's settings, as far as the notebook's
own numbers do not: no time stamps, no widget state, no version of Python.
"""

import argparse
import asyncio
import os
import re
import sys
import time
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from kdcourse.authoring import notebooks

CELL_TIMEOUT = 600.0  # seconds
TIMEOUT = 1200.0  # seconds for a notebook; a kernel that hangs between cells is not seen by the cell's limit
CLAIM = re.compile(r"about (\d+) min to read, ([\d.]+) min to run")
# The sockets of kernels do not work with the loop that Windows has by default.
_LOOP = asyncio.SelectorEventLoop if sys.platform == "win32" else None
_WIDGET = "application/vnd.jupyter.widget-view+json"


class FailedNotebook(Exception):
    """A cell raised, took too long, or the kernel died; the message names the cell, and `cell` is its id."""

    def __init__(self, problem: str, cell: str | None = None) -> None:
        super().__init__(problem)
        self.cell = cell


class ThisPython(AsyncKernelManager):
    """Kernels of the Python that runs this, whatever `python3` means to Jupyter on this machine."""

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


def execute(
    notebook: NotebookNode,
    folder: Path,
    *,
    cell_timeout: float = CELL_TIMEOUT,
    timeout: float = TIMEOUT,
    allow_errors: bool = False,
    interrupt: bool = False,
) -> float:
    """Execute in place, as if opened in `folder`; return the seconds. Raises `FailedNotebook`.

    With `interrupt` a cell that takes too long is interrupted, as by the button in JupyterLab: it ends with a
    KeyboardInterrupt, an error like any other.
    """
    running: list[str | None] = [None]
    client = NotebookClient(
        notebook,
        on_cell_execute=lambda cell, cell_index: running.append(cell.id),
        kernel_manager_class=ThisPython,
        kernel_name="python3",
        timeout=cell_timeout,
        startup_timeout=120,
        allow_errors=allow_errors,
        interrupt_on_timeout=interrupt,
        record_timing=False,
        coalesce_streams=True,  # how a text is cut into messages depends on the clock
        resources={"metadata": {"path": str(folder)}},
    )
    start = time.perf_counter()
    try:
        with asyncio.Runner(loop_factory=_LOOP) as runner:
            runner.run(_within(client, timeout))
    except (TimeoutError, DeadKernelError, CellExecutionError) as error:
        where = f"cell {running[-1]}" if running[-1] else "no cell yet"
        # When the whole takes too long, the kernel is ended, and that may be all one gets to see.
        if time.perf_counter() - start >= timeout:
            problem = f"took more than {timeout:g} s in all, and was stopped in {where}"
        elif isinstance(error, CellExecutionError):
            problem = f"{where} raised {error.ename}: {error.evalue}"
        elif isinstance(error, CellTimeoutError):
            problem = f"{where} took more than {cell_timeout:g} s"
        else:
            problem = f"the kernel died in {where}"
        raise FailedNotebook(problem, running[-1]) from None
    return time.perf_counter() - start


async def _within(client: NotebookClient, timeout: float) -> None:
    settings = {key: value for key, value in os.environ.items() if not key.startswith("KDCOURSE_")}
    # Small nets gain little from a second thread, and lose much where other programs want the cores.
    settings = {"OMP_NUM_THREADS": "1"} | settings
    settings |= {"KDCOURSE_QUIET": "1", "KDCOURSE_PROGRESS": "off"}  # what runs here is no learner's try
    await asyncio.wait_for(client.async_execute(env=settings), timeout)


def settle(notebook: NotebookNode) -> None:
    """Remove what differs from run to run."""
    notebook.metadata = NotebookNode(
        {key: value for key, value in notebook.metadata.items() if key not in ("widgets", "language_info")},
        kernelspec=dict(notebooks.KERNELSPEC),
        language_info={"name": "python", "pygments_lexer": "ipython3"},
    )
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            # A stored widget shows an error message: its state lived in the kernel.
            cell.outputs = [output for output in cell.outputs if _WIDGET not in output.get("data", {})]


def _chosen(paths: list[Path], root: Path) -> list[Path]:
    return [path.resolve() for path in paths] or [*notebooks.lectures(root), *notebooks.sources(root)]


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _options(
    prog: str, help_text: str, argv: list[str] | None, own=lambda parser: None
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=prog, description=help_text)
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all lectures and solutions")
    parser.add_argument("--cell-timeout", type=float, default=CELL_TIMEOUT, metavar="SECONDS")
    parser.add_argument(
        "--timeout", type=float, default=TIMEOUT, metavar="SECONDS", help="for a whole notebook"
    )
    parser.add_argument("--root", type=Path, help="the folder of the course (default: here or above)")
    own(parser)
    options = parser.parse_args(argv)
    options.root = (options.root or notebooks.course_folder()).resolve()
    return options


def _run(path: Path, options: argparse.Namespace) -> tuple[NotebookNode, float | None]:
    """Execute and say so; None instead of the seconds if it failed."""
    name, notebook = _name(path, options.root), notebooks.read(path)
    print(f"{name} ...", flush=True)
    try:
        seconds = execute(notebook, path.parent, cell_timeout=options.cell_timeout, timeout=options.timeout)
    except FailedNotebook as error:
        print(f"{name}: {error}", file=sys.stderr, flush=True)
        return notebook, None
    print(f"{name}: {seconds / 60:.1f} min", flush=True)
    return notebook, seconds


def main_execute(argv: list[str] | None = None) -> int:
    """Exit 1 if a notebook failed; its file is then left as it was, its copy shows how far it came."""

    def own(parser: argparse.ArgumentParser) -> None:
        place = parser.add_mutually_exclusive_group()
        place.add_argument("--to", type=Path, metavar="FOLDER", help="write executed copies there")
        place.add_argument(
            "--in-place", action="store_true", help="rewrite the notebooks themselves (the default)"
        )

    options = _options("kdcourse execute", "Execute notebooks and rewrite their outputs.", argv, own)
    failed = False
    for path in _chosen(options.notebooks, options.root):
        notebook, seconds = _run(path, options)
        failed |= seconds is None
        settle(notebook)
        if options.to:
            notebooks.write(notebook, options.to / path.name)
        elif seconds is not None:
            notebooks.write(notebook, path)
    return int(failed)


def main_times(argv: list[str] | None = None) -> int:
    """A report, not a test: exit 1 only if a notebook failed."""
    options = _options("kdcourse times", "Compare measured minutes with those in the headers.", argv)
    rows, failed = [("notebook", "header", "measured")], False
    for path in _chosen(options.notebooks, options.root):
        notebook, seconds = _run(path, options)
        failed |= seconds is None
        claim = CLAIM.search(notebook.cells[0].source if notebook.cells else "")
        measured = "failed" if seconds is None else f"{seconds / 60:.1f} min"
        rows.append((_name(path, options.root), f"{claim[2]} min" if claim else "-", measured))
    width = max(len(row[0]) for row in rows)
    for name, header, measured in rows:
        print(f"{name:<{width}}  {header:>8}  {measured:>8}")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main_execute())
