"""A JupyterLab for the tests: what `kdcourse lab` starts, on a copy of the course, without user settings."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
from browsers import AS_ROOT

ROOT = Path(__file__).parents[2]
COURSE = ("notebooks", "exercises", "docs", "kdcourse", "README.md")
PATIENCE = 60.0  # seconds for what takes one or two on a machine that is not busy


def wait_for(look: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """What `look` returns as soon as it is true; `TimeoutError` if it is not within `seconds`."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.1)
    return seen


def copy_course(folder: Path) -> Path:
    """A copy of what a learner works with, so that no test changes the course itself."""
    folder.mkdir()
    unwanted = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in COURSE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
        else:
            shutil.copy(ROOT / name, folder)
    return folder


class Server:
    """A running JupyterLab. `address` is the one it printed, which opens the course with its token."""

    def __init__(self, course: Path, home: Path):
        home.mkdir()
        self.course, self.log = course, home / "lab.log"
        environment = dict(os.environ, OMP_NUM_THREADS="1")
        for name in ("CONFIG", "DATA", "RUNTIME"):
            environment[f"JUPYTER_{name}_DIR"] = str(home / name.lower())
        environment.update(IPYTHONDIR=str(home / "ipython"), MPLCONFIGDIR=str(home / "matplotlib"))
        for name in ("JUPYTER_CONFIG_PATH", "KDCOURSE_PROGRESS"):  # as a learner has it: progress is kept
            environment.pop(name, None)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "kdcourse.cli", "lab", "--no-browser", f"--port={port}"]
        command += ["--ServerApp.port_retries=0"]
        command += ["--allow-root"] * AS_ROOT
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=course, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self.address = wait_for(self._printed, "the address that JupyterLab prints")
            self.base, _, rest = self.address.partition("/lab/tree/")
            self.token = rest.partition("token=")[2]
            wait_for(lambda: self.ask("GET", "api"), "an answer of JupyterLab's server")
        except BaseException:
            self.stop()
            raise

    def _printed(self) -> str | None:
        text = self.log.read_text(encoding="utf-8", errors="replace")
        if self.process.poll() is not None:
            raise RuntimeError(f"kdcourse lab ended with status {self.process.returncode}:\n{text}")
        found = re.search(r"http://127\.0\.0\.1:\d+/lab/tree/\S+\?token=\w+", text)
        return found and found[0]

    def ask(self, method: str, path: str, body: dict | None = None) -> Any:
        """The server's answer to a request, such as JupyterLab's pages make; None if there is none."""
        request = urllib.request.Request(
            f"{self.base}/{quote(path)}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None
        return json.loads(text) if text else True

    def kernel(self, notebook: str) -> dict | None:
        """The kernel of a notebook: `execution_state`, `id` and more."""
        sessions = self.ask("GET", "api/sessions") or []
        return next((s["kernel"] for s in sessions if s["path"] == notebook), None)

    def is_idle(self, notebook: str) -> bool:
        kernel = self.kernel(notebook)
        return kernel is not None and kernel["execution_state"] == "idle"

    def end_kernels(self) -> None:
        for session in self.ask("GET", "api/sessions") or []:
            self.ask("DELETE", f"api/sessions/{session['id']}")

    def forget_settings(self) -> None:
        """What was set in JupyterLab, such as the theme, is as it was at first."""
        for plugin in ("apputils-extension:themes", "docmanager-extension:plugin"):
            self.ask("PUT", f"lab/api/settings/@jupyterlab/{plugin}", {"raw": "{}"})

    def stop(self) -> None:
        """End JupyterLab and its kernels; whatever does not end by itself is killed."""
        with contextlib.suppress(psutil.NoSuchProcess):
            top = psutil.Process(self.process.pid)
            family = [top, *top.children(recursive=True)]
            if hasattr(self, "token"):
                self.ask("POST", "api/shutdown")
            else:
                self.process.terminate()
            _, alive = psutil.wait_procs(family, timeout=20)
            for process in alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait(timeout=20)
