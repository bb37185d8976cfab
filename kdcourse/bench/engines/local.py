"""Engines that need nothing but this machine."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from kdcourse.bench.engines.work import (
    Engine,
    attempt,
    environment,
    local_workers,
    visible_devices,
)


@contextmanager
def serial(*, workers: int | None = None, address: None = None, threads: int = 1) -> Iterator[Engine]:
    """One job after another in this process."""
    import torch

    if workers not in (None, 1):
        raise ValueError(f"workers: expected none or 1 with the engine serial, got {workers}")

    def finished(function: Callable, jobs: list):
        for job in jobs:
            before = torch.get_num_threads(), dict(os.environ)
            try:
                outcome = attempt(function, job, threads)
            finally:
                torch.set_num_threads(before[0])
                for name in environment(threads):
                    os.environ.pop(name, None)
                    if name in before[1]:
                        os.environ[name] = before[1][name]
            yield job, _Known(outcome)

    with closing(Engine(finished, workers=1)) as engine:
        yield engine


@contextmanager
def processes(*, workers: int | None = None, address: None = None, threads: int = 1) -> Iterator[Engine]:
    """Some processes of this machine.

    They are loky's, and not concurrent.futures' or joblib.Parallel's: loky needs no ``if __name__ ==
    "__main__"`` in the learner's script, sets the environment of a worker before anything is imported there,
    and can kill workers at once, with all that they started. As a killed worker spoils its whole pool, each
    has a pool of its own: the others go on, and it is known which job was lost.
    """
    pools = _Pools(local_workers(workers, devices := visible_devices()), threads, devices)
    try:
        with closing(Engine(pools.finished, lost=pools.broken, workers=pools.number)) as engine:
            yield engine
    finally:
        pools.close()


class _Pools:
    """Process pools of one worker each."""

    def __init__(self, number: int, threads: int, devices: list[str]):
        from loky import BrokenProcessPool

        self.number, self.threads, self.devices = number, threads, devices
        self.broken = BrokenProcessPool
        self._pools: dict[int, object] = {}

    def finished(self, function: Callable, jobs: list):
        from concurrent.futures import FIRST_COMPLETED, wait

        waiting, running = deque(jobs), {}

        def start(place: int) -> None:
            job = waiting.popleft()
            running[self._submit(place, attempt, function, job, self.threads)] = place, job

        try:
            for place in range(min(self.number, len(jobs))):
                start(place)
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    place, job = running.pop(future)
                    if waiting:
                        start(place)
                    yield job, future
        finally:
            self.close([place for place, _ in running.values()])

    def _submit(self, place: int, *call):
        """Hand work to the worker of this place, a new one if there is none or it was lost."""
        if place in self._pools:
            try:
                return self._pools[place].submit(*call)
            except self.broken:
                self._pools.pop(place).shutdown(wait=False)
        self._pools[place] = self._new_pool(place)
        return self._pools[place].submit(*call)

    def _new_pool(self, place: int):
        from loky import ProcessPoolExecutor

        # loky ends workers that grow: trainings of different sizes are no leak.
        env = environment(self.threads) | {"LOKY_MAX_MEMORY_LEAK_SIZE": "1e18"}
        if self.devices:
            env["CUDA_VISIBLE_DEVICES"] = self.devices[place % len(self.devices)]
        return ProcessPoolExecutor(1, initializer=_start_worker, initargs=(os.getpid(),), env=env)

    def close(self, places: list[int] | None = None) -> None:
        """End workers (default: all) now, whatever they do."""
        for place in list(self._pools) if places is None else places:
            self._pools.pop(place).shutdown(wait=True, kill_workers=True)


def _start_worker(parent: int) -> None:
    # Ctrl-C reaches all processes of a terminal. The parent is the one who acts on it, and ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when its parent is gone, and could not end it (it was killed)."""
    import psutil

    this = psutil.Process()
    while (above := this.parent()) is not None and above.pid == parent:
        time.sleep(1)
    os._exit(1)


class _Known:
    """A future whose outcome is there."""

    def __init__(self, outcome):
        self._outcome = outcome

    def result(self):
        return self._outcome
