"""What all engines share: how a job is carried out by a worker, and what happens if the worker is lost."""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing

TRIES = 3
QUIET = "KDCOURSE_QUIET"  # no progress bars: many workers share one screen

# An engine's own part: (function, jobs) -> (job, what its `.result()` gives the outcome of) as they finish.
Finished = Callable[[Callable, list], Generator]


class EngineError(RuntimeError):
    """An engine cannot be used here, or not any more."""


class WorkerLostError(RuntimeError):
    """The worker ended without an answer, each time the job was tried."""


class Engine:
    """Carries out jobs. Open one with `open_engine`.

    Args:
        finished: starts jobs, and yields each with its future as it finishes; closing it ends the others.
        lost: exceptions of a future that mean the worker was lost, whatever the job.
        rounds: how often a job is handed to `finished` whose worker is lost each time.
        alone: from the second round on, hand over one job at a time, where it is not known which of the jobs
            at a lost worker was its end.
        workers: how many jobs run at the same time; None where a cluster decides.
    """

    def __init__(
        self,
        finished: Finished,
        *,
        lost: type[Exception] | tuple[type[Exception], ...] = (),
        rounds: int = TRIES,
        alone: bool = False,
        workers: int | None = None,
    ):
        self._finished, self._lost, self.workers = finished, lost, workers
        self._rounds, self._alone = rounds, alone
        self._open: Generator | None = None

    def run(self, function: Callable, jobs: Iterable) -> Iterator[tuple[object, object]]:
        """Yield (job, function(job)) for every job as they finish, in any order.

        What a job raises is yielded in place of its result, with the worker's traceback as a note; the other
        jobs go on. If a worker is lost (killed, out of memory, crashed), its job is tried again after the
        others, at most `TRIES` times in all; then a `WorkerLostError` is yielded.

        Args:
            function: of one job. It, the jobs and the results must be picklable: a function at the top of an
                installed module, or a `functools.partial` of one.
        """
        parts = [list(jobs)]
        for left in reversed(range(self._rounds)):
            again = []
            for part in parts:
                for job, result, lost in self._outcomes(function, part):
                    if lost and left:
                        again.append(job)
                    else:
                        yield job, result
            if not again:
                return
            parts = [[job] for job in again] if self._alone else [again]

    def close(self) -> None:
        """End what still runs, while the cluster is there: a `run` that was left early may still be open."""
        if self._open is not None:
            self._open.close()

    def _outcomes(self, function: Callable, jobs: list) -> Iterator[tuple[object, object, bool]]:
        """(job, result or exception, whether the worker was lost) of each job."""
        with closing(self._finished(function, jobs)) as finished:
            self._open = finished
            for job, future in finished:
                try:
                    result, error = future.result()
                except self._lost as reason:
                    yield job, worker_lost(job, reason), True
                except Exception as reason:  # the engine could not carry it out, e.g. not picklable
                    yield job, reason, False
                else:
                    yield job, (result if error is None else error), False


def attempt(
    function: Callable,
    job,
    threads: int,
    caught: type[BaseException] | tuple[type[BaseException], ...] = (Exception, SystemExit),
) -> tuple[object, Exception | None]:
    """(function(job), None) or (None, what it raised). Runs in the worker.

    Exceptions are caught here, so that whatever an engine itself raises tells of the engine.
    """
    try:
        settle(threads)
        return function(job), None
    except caught as error:
        return None, portable(error)


def settle(threads: int) -> None:
    """What holds in each worker. Called by the thread that does the job: OpenMP's setting is a thread's."""
    os.environ.update(environment(threads))  # read by a torch and a numpy that are imported later
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def portable(error: BaseException) -> Exception:
    """`error` as it can travel between processes, with its traceback as a note."""
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:  # its class is local, or its __init__ wants more than what it passed on
        copy = None
    if type(copy) is not type(error) or not isinstance(copy, Exception):
        copy = RuntimeError(f"{type(error).__name__}: {error}")
    copy.add_note("In the worker:\n" + "".join(traceback.format_exception(error)).rstrip())
    return copy


def worker_lost(job, reason: Exception) -> WorkerLostError:
    shown = repr(job)
    lost = WorkerLostError(
        "The worker ended without an answer (killed, out of memory or crashed) each time this job was tried: "
        f"{shown if len(shown) <= 300 else shown[:300] + '…'}. Give it more memory or let fewer workers run "
        "at once; with the engine 'serial', what goes wrong can be watched."
    )
    lost.add_note(f"The last time: {type(reason).__name__}: {reason}")
    return lost


def visible_devices() -> list[str]:
    """The CUDA devices that this process may use, each as ``CUDA_VISIBLE_DEVICES`` names it."""
    import torch

    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    count = torch.cuda.device_count()  # does not initialise CUDA
    return named[:count] or [str(number) for number in range(count)]


def local_workers(workers: int | None, devices: list[str]) -> int:
    """How many workers this machine gets."""
    from loky import cpu_count

    # Cores, not their hardware threads: two trainings gain little on one core. The number respects what a
    # container or a batch system allows.
    return workers or len(devices) or cpu_count(only_physical_cores=True)


def environment(threads: int) -> dict[str, str]:
    """What a worker's environment holds; torch and numpy read it when they are imported."""
    return {QUIET: "1", "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
