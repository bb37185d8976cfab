"""nbgrader's `Execute`, with the kernel contained: put it in its place in nbgrader_config.py.

    c.Autograde.autograde_preprocessors = [
        "kdcourse.teaching.marking.contained_execute.ContainedExecute", ...]

The kernel runs in a folder that is thrown away, on a copy of the files that were handed in, as `containment`
describes. nbclient, outside, sends it one cell after the other, so that the notebook itself, with the hidden
tests of later cells, is nowhere that a submission can read. What comes back are outputs: cut to size, checked
for their types, and without active content. Sources and metadata stay as they were sent.

A submission that uses too much, or whose kernel dies, is stopped: the cell and those after it get an error
that says so, hence no points, and nbgrader goes on with the next one. Points are then confirmed by
`integrity`.
"""

import asyncio
import contextlib
import copy
import json
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import zmq.asyncio
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute
from nbgrader.utils import determine_grade
from traitlets import Bool, Dict, Float, Integer, List, Unicode

from kdcourse.authoring import notebooks
from kdcourse.authoring.run import ThisPython
from kdcourse.teaching.marking import containment, integrity
from kdcourse.teaching.marking.outputs import clean, error

_LARGEST_MESSAGE = 64 * 2**20  # bytes; a kernel that sends more is cut off


class Client(AsyncKernelClient):
    """Without the heartbeat: a kernel could make its thread wait for ever. The process tells enough."""

    def start_channels(self, **channels) -> None:
        super().start_channels(**channels | {"hb": False, "stdin": False})


class ContainedKernel(ThisPython):
    """A kernel of this Python, started contained. Its sockets are files in the folder, not ports."""

    def __init__(self, folder: Path, limits: containment.Limits, watch: containment.Watch, **more) -> None:
        self._inside = dict(folder=folder, limits=limits, also_readable=more.pop("also_readable", ()))
        self._inside["using"] = more.pop("using", None)
        self._watch = watch
        self._process: subprocess.Popen | None = None
        self._messages: zmq.asyncio.Context | None = None
        super().__init__(
            transport="ipc",
            ip=str(folder / "k"),
            connection_file=str(folder / "kernel.json"),
            kernel_name="python3",
            client_factory=Client,
            **more,
        )

    @property
    def kernel_spec(self) -> KernelSpec:
        spec = super().kernel_spec
        spec.interrupt_mode = "message"  # a signal would only reach what stands around the kernel
        return spec

    async def _async_launch_kernel(self, kernel_cmd: list[str], **settings) -> None:
        quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        await super()._async_launch_kernel(
            containment.contained(kernel_cmd, **self._inside), **settings | quiet
        )
        self._process = self.provisioner.process
        self._watch.follow(self._process.pid)

    def _connect_control_socket(self) -> None:
        super()._connect_control_socket()
        self._control_socket.sndtimeo = 1000  # ms; a kernel that does not read must not make us wait

    def client(self, **settings):
        self._messages = zmq.asyncio.Context()
        self._messages.setsockopt(zmq.MAXMSGSIZE, _LARGEST_MESSAGE)
        return super().client(context=self._messages, **settings)

    def end(self) -> None:
        """Kill it, without asking it anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._messages is not None:
            self._messages.destroy(linger=0)
        self.context.destroy(linger=0)
        with contextlib.suppress(Exception):
            self.cleanup_resources()


class ContainedExecute(Execute):
    """Execute a submission contained, and confirm the points of its check cells."""

    seconds = Float(900, help="The most that a whole submission may take; `timeout` is for a cell.").tag(
        config=True
    )
    memory = Integer(4096, help="MiB that all processes of a submission may use together.").tag(config=True)
    processes = Integer(64, help="The most processes at a time.").tag(config=True)
    disk = Integer(1024, help="MiB that a submission may write.").tag(config=True)
    most_output = Integer(4 * 2**20, help="Bytes of output to keep of a submission.").tag(config=True)
    also_readable = List(Unicode(), help="Files and folders, such as data sets, for all to read.").tag(
        config=True
    )
    confirm = Bool(True, help="Whether a fresh process judges each passed check cell again.").tag(config=True)
    method = Unicode("", help="bubblewrap, landlock or none; empty for the best there is.").tag(config=True)
    record_timing = Bool(False)
    iopub_timeout = Integer(10).tag(config=True)  # seconds; a flood takes longer than nbclient thinks
    # A tag in the metadata, which belongs to the learner, must not keep a check from being executed.
    skip_cells_with_tag = Unicode("no tag has this name")
    error_on_timeout = Dict(
        {"ename": "CellTimeoutError", "evalue": "this cell took too long", "traceback": []}
    )

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Replaces outputs and execution counts of `nb`. Never raises because of what a submission does.

        Raises `RuntimeError` where no submission could find kdcourse: better no marks than 0 for all.
        """
        run, folder = copy.deepcopy(nb), resources.get("metadata", {}).get("path", "")
        with containment.throwaway() as place:
            containment.find_library(place)
            copy_files(Path(folder), place / "work", self.disk * 2**20)
            stopped = self._run(run, resources, place)
        for index, (cell, got) in enumerate(zip(nb.cells, run.cells)):
            if cell.cell_type != "code":
                continue
            cell.outputs = clean(got.get("outputs", []))
            count = got.get("execution_count")
            cell.execution_count = count if type(count) is int else None
            if stopped and index >= self._at and cell.source.strip():
                cell.outputs.append(error("SubmissionStopped", f"stopped: {stopped}"))
        if self.confirm:
            self._confirm(nb, resources, Path(folder))
        return nb, resources

    def _limits(self) -> containment.Limits:
        mib = 2**20
        return containment.Limits(
            self.seconds, self.memory * mib, self.processes, self.disk * mib, self.disk * mib
        )

    def _run(self, run: NotebookNode, resources: dict, place: Path) -> str:
        """Execute; returns why it was stopped, or an empty string."""
        self._at, self._written = 0, 0
        inside = {**resources, "metadata": {**resources.get("metadata", {}), "path": str(place / "work")}}
        limits = self._limits()
        with containment.Watch(place, limits) as watch:
            kernel = ContainedKernel(
                place,
                limits,
                watch,
                also_readable=tuple(map(Path, self.also_readable)),
                using=self.method or None,
            )
            try:
                with _not_longer_than(limits.seconds + 30):
                    super().preprocess(run, inside, km=kernel)
            except Exception as problem:  # whatever a kernel sends that nbclient stumbles over
                return f"this submission {watch.reason or _ended(problem)}"
            finally:
                self._end(kernel)
        return ""

    def _end(self, kernel: ContainedKernel) -> None:
        """Only what stands around the kernel; the rest is left to the watch."""
        with contextlib.suppress(Exception):
            self.kc.stop_channels()
        self.kc = self.km = None
        kernel.end()

    def preprocess_cell(self, cell, resources, index):
        self._at = index
        return super().preprocess_cell(cell, resources, index)

    def handle_comm_msg(self, outs, msg, cell_index) -> None:
        """Widgets are not looked at: one could swallow the outputs of other cells."""

    def _update_display_id(self, display_id, msg) -> None:
        if self._counts(msg):
            super()._update_display_id(display_id, msg)

    def output(self, outs, msg, display_id, cell_index):
        cut = self._written > self.most_output
        if self._counts(msg) or (
            msg["msg_type"] == "error" and not any(o.output_type == "error" for o in outs)
        ):
            return super().output(outs, msg, display_id, cell_index)
        if not cut:
            text = f"\n[the rest is left out: more than {self.most_output} bytes of output]\n"
            outs.append(NotebookNode(output_type="stream", name="stdout", text=text))
        return None

    def _counts(self, msg: dict) -> bool:
        """Add this message to what was written; False if that is too much by now."""
        self._written += len(json.dumps(msg["content"], default=str))
        return self._written <= self.most_output

    def _confirm(self, nb: NotebookNode, resources: dict, folder: Path) -> None:
        """Ask for a second opinion on the cells that would get points."""
        passed = {}
        for index, cell in enumerate(nb.cells):
            if cell.cell_type == "code" and notebooks.role(cell) == "check":
                try:
                    points = determine_grade(cell)[0]
                except (ValueError, KeyError) as problem:  # more points than there are, or not a number
                    cell.outputs.append(
                        error("NotConfirmed", f"the output of this cell is no mark: {problem}")
                    )
                    continue
                if points:
                    passed[index] = points
        if not passed:
            return
        with containment.throwaway() as place:
            copy_files(folder, place / "work", self.disk * 2**20)
            doubts, remarks = integrity.second_opinion(
                nb, passed, self._source(resources), place, self._limits(),
                cell_seconds=self.timeout or 0,
                also_readable=tuple(map(Path, self.also_readable)),
                using=self.method or None,
            )  # fmt: skip
        for index, doubt in doubts.items():
            nb.cells[index].outputs.append(
                error("NotConfirmed", f"this cell's result could not be confirmed: {doubt}")
            )
        for remark in [*doubts.values(), *remarks]:
            self.log.warning("To be looked at: %s", remark)

    def _source(self, resources: dict) -> NotebookNode | None:
        """The instructor's notebook, where it can be found."""
        about = resources.get("nbgrader", {})
        course = CourseDirectory(parent=self)
        if not {"assignment", "notebook"} <= about.keys():
            return None
        folder = Path(course.format_path(course.source_directory, ".", about["assignment"]))
        path = folder / f"{about['notebook']}.ipynb"
        return notebooks.read(path) if path.is_file() else None


def copy_files(source: Path, target: Path, most: int) -> None:
    """What was handed in beside the notebooks. These are left out, as they hold the hidden tests by now."""
    left = most
    if not source.name or not source.is_dir():
        return
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_symlink() or path.suffix == ".ipynb":
            continue
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        elif path.is_file() and (left := left - path.stat().st_size) > 0:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


@contextlib.contextmanager
def _not_longer_than(seconds: float) -> Iterator[None]:
    """The last resort, should a kernel get our side to wait for something that never comes. The watch has
    stopped it by then. Raises `TimeoutError`; without effect outside the main thread."""

    def stuck(*_: object) -> None:
        raise TimeoutError

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGALRM, stuck)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def _ended(problem: Exception) -> str:
    if isinstance(problem, (DeadKernelError, asyncio.CancelledError)):
        return "ended its own kernel, or ran out of memory"
    return f"left its kernel in disorder ({type(problem).__name__})"
