"""Run a command so that it cannot use up the machine, and cannot see or change what is not its own.

`run_contained` is for a command, `Watch` and `contained` for a process that somebody else starts. What holds
everywhere on Linux: a clock, memory, number of processes, size of files and of the folder, an environment
without the caller's variables, and nothing left running. Files and network need more, and `method` takes the
best there is:

* `bubblewrap`: the program bwrap, with namespaces of its own for files, processes, users and network;
* `landlock`: Linux 5.13 or newer; files, and with newer versions TCP and signals;
* `none`: the command can read and write what its user can, and use the network.

`threats` says for this machine which threat is met, and how.
"""

import json
import os
import shutil
import site
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import kdcourse
from kdcourse.teaching.marking import launch
from kdcourse.teaching.marking.processes import Tree

METHODS = ("bubblewrap", "landlock", "none")
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store")
_SETTINGS = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "fonts", "localtime", "passwd", "group",
    "nsswitch.conf", "mime.types",
)  # fmt: skip
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Limits:
    """What one submission may use, all of its processes together."""

    seconds: float = 900.0
    memory: int = 4 * 2**30  # bytes
    processes: int = 64
    file_size: int = 256 * 2**20  # bytes, for each file
    disk: int = 2**30  # bytes, for all files


class Outcome(NamedTuple):
    """How a contained command ended."""

    returncode: int
    reason: str  # why it was stopped; empty if it ended by itself
    seconds: float


@cache
def method() -> str:
    """The best way on this machine. Found out once, by trying."""
    if shutil.which("bwrap"):
        with throwaway() as folder:
            command = [*_bubblewrap(folder, ()), sys.executable, "-I", "-S", "-c", "pass"]
            tried = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        if tried.returncode == 0:
            return "bubblewrap"
    return "landlock" if launch.landlock_version() else "none"


@contextmanager
def throwaway() -> Iterator[Path]:
    """A folder for one run, with `work`, where the command starts, `home` and `tmp`; gone afterwards."""
    # Short: the names of the kernel's sockets in it may have a hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="kd-")).resolve()
    try:
        for name in ("work", "home", "tmp", "shm"):
            (folder / name).mkdir()
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    def open_up(function, path, _) -> None:  # folders whose rights were taken away
        for place in (Path(path).parent, Path(path)):
            if not place.is_symlink() and place.is_relative_to(folder) and place.is_dir():
                place.chmod(0o700)
        function(path) if function in (os.unlink, os.rmdir) else shutil.rmtree(path, ignore_errors=True)

    shutil.rmtree(folder, onerror=open_up)
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def environment(folder: Path) -> dict[str, str]:
    """The only variables that a contained command gets."""
    home = str(folder / "home")
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": home,
        "TMPDIR": str(folder / "tmp"),
        "IPYTHONDIR": home,
        "JUPYTER_CONFIG_DIR": home,
        "JUPYTER_DATA_DIR": home,
        "JUPYTER_RUNTIME_DIR": home,
        "MPLCONFIGDIR": home,
        "JUPYTER_PLATFORM_DIRS": "1",  # or jupyter_core warns, and a warning in a check costs the points
        "OMP_NUM_THREADS": "1",
        "KDCOURSE_QUIET": "1",
        "KDCOURSE_PROGRESS": "off",
        "NBGRADER_EXECUTION": "autograde",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def find_library(folder: Path, python: Sequence[str] = (sys.executable,)) -> None:
    """Raises `RuntimeError` if a contained Python would not find kdcourse: then every check would fail."""
    done = subprocess.run(
        [*python, "-c", "import kdcourse"],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(
            f"Submissions would not find kdcourse ({said}), and all checks would fail. Is it only on "
            "PYTHONPATH, which they do not get? Install it: python -m pip install -c constraints.txt -e ."
        )


def _readable(also: Sequence[Path]) -> list[str]:
    """Python, its packages and this one; not the course, which holds solutions and submissions."""
    folders = {sys.prefix, sys.base_prefix, str(Path(kdcourse.__file__).resolve().parent), *map(str, also)}
    if site.ENABLE_USER_SITE:
        folders.add(site.getusersitepackages())
    return [*_SYSTEM, *(f"/etc/{name}" for name in _SETTINGS), *sorted(folders)]


def _bubblewrap(folder: Path, also: Sequence[Path]) -> list[str]:
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    command += ["--proc", "/proc", "--dev", "/dev", "--ro-bind-try", "/sys/devices", "/sys/devices"]
    # All that can be written lies in `folder`, where it is counted, and not in memory.
    command += ["--bind", str(folder / "tmp"), "/tmp", "--bind", str(folder / "shm"), "/dev/shm"]
    for path in _readable(also):
        command += ["--ro-bind-try", path, path]
    command += ["--bind", str(folder), str(folder), "--chdir", str(folder / "work")]
    return [*command, "--remount-ro", "/dev", "--remount-ro", "/"]


def contained(
    command: Sequence[str],
    folder: Path,
    limits: Limits,
    *,
    also_readable: Sequence[Path] = (),
    using: str | None = None,
) -> list[str]:
    """The command line that runs `command` inside. `folder` comes from `throwaway`; `using` is a method.

    The clock, the sums over processes and the end of them all are not in it: they need a `Watch`.
    """
    using = using or method()
    order: dict = {
        "folder": str(folder / "work"),
        "environment": environment(folder),
        "limits": {
            "CORE": 0,
            "FSIZE": limits.file_size,
            # For each process. Not AS: torch maps gigabytes that it never touches.
            "DATA": limits.memory,
            # For all processes and threads of the user, here and elsewhere; root has no such limit.
            "NPROC": Tree.threads_of_user() + 200 + 8 * limits.processes,
        },
        "landlock": None,
    }
    inner = list(command)
    if using == "bubblewrap":
        inner = _bubblewrap(folder, also_readable) + inner
    elif using == "landlock":
        order["landlock"] = {
            "readable": [*_readable(also_readable), "/proc", "/sys/devices"],
            "writable": [str(folder), *_DEVICES],
        }
    return [sys.executable, "-I", "-S", launch.__file__, json.dumps(order), *inner]


class Watch(threading.Thread):
    """Looks at a process and all that it started, and ends them when a limit is passed.

    Use it as a context, from before the process starts: at the end of the context everything is killed that
    was started below it, also what cut itself loose. One process at a time may be watched from a program.
    """

    PAUSE = 0.2  # seconds between two looks

    def __init__(self, folder: Path, limits: Limits) -> None:
        super().__init__(daemon=True, name="watch")
        self.folder, self.limits = folder, limits
        self.reason = ""
        self._tree = Tree()
        self._over = threading.Event()

    def __enter__(self) -> "Watch":
        self._tree.adopt_orphans()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        self._tree.end()
        self._tree.forget_orphans()

    def follow(self, pid: int) -> None:
        """Watch this process, a child of ours."""
        self._tree.root = pid

    def run(self) -> None:
        start = time.monotonic()
        while not self._over.wait(self.PAUSE):
            self.reason = self._passed(time.monotonic() - start)
            if self.reason:
                self._tree.end()
                return

    def _passed(self, seconds: float) -> str:
        limits = self.limits
        if seconds > limits.seconds:
            return f"used more than {limits.seconds:g} s"
        alive = self._tree.alive()
        if len(alive) > limits.processes:
            return f"started more than {limits.processes} processes"
        if self._tree.memory(alive, limits.memory) > limits.memory:
            return f"used more than {limits.memory / 2**20:.0f} MiB of memory"
        if not _fits(self.folder, limits.disk):
            return f"wrote more than {limits.disk / 2**20:.0f} MiB of files"
        return ""


def _fits(folder: Path, most: int) -> bool:
    """Are the files at most so large, and fewer than ten thousand?"""
    used = count = 0
    places = [os.fspath(folder)]
    while places:
        try:
            with os.scandir(places.pop()) as entries:
                for entry in entries:
                    count += 1
                    if entry.is_dir(follow_symlinks=False):
                        places.append(entry.path)
                    else:
                        used += entry.stat(follow_symlinks=False).st_blocks * 512
                    if used > most or count > 10_000:
                        return False
        except OSError:
            continue  # gone meanwhile, or shut: what was in it has been counted while it was open
    return True


def run_contained(
    command: Sequence[str],
    *,
    folder: Path,
    limits: Limits | None = None,
    also_readable: Sequence[Path] = (),
    pass_fds: Sequence[int] = (),
    using: str | None = None,
) -> Outcome:
    """Run `command` in `folder / "work"` (a folder of `throwaway`) and wait; what it prints is thrown away.

    `pass_fds` are open files that it inherits. Raises `OSError` if it cannot be started.
    """
    limits = limits or Limits()
    start = time.monotonic()
    with Watch(folder, limits) as watch:
        process = subprocess.Popen(
            contained(command, folder, limits, also_readable=also_readable, using=using),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=pass_fds,
        )
        watch.follow(process.pid)
        returncode = process.wait()
    return Outcome(returncode, watch.reason, time.monotonic() - start)
