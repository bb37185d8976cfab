"""Jobs of SLURM, by submitit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import submitit
from submitit.core import utils as errors

from kdcourse.bench.engines.work import Engine, EngineError, attempt

_AT_ONCE = 1000  # jobs in one array: SLURM's MaxArraySize is 1001 where nobody changed it
# Options that submitit has for every kind of cluster; all others are SLURM's own.
_SHARED = {"name", "timeout_min", "mem_gb", "nodes", "cpus_per_task", "gpus_per_node", "tasks_per_node"}


@contextmanager
def slurm(
    *,
    folder: str | Path | None = None,
    workers: int | None = None,
    address: None = None,
    threads: int = 1,
    cluster: str = "slurm",
    poll: float = 10,
    **options,
) -> Iterator[Engine]:
    """One job array of SLURM for each `run`; what is not finished when it ends is cancelled.

    Args:
        folder: for scripts, logs and answers of the jobs; all nodes must see it under this name.
        workers: how many run at once; default: as many as SLURM lets.
        cluster: "local" runs them on this machine, without SLURM, to try things out.
        poll: seconds between two looks at the jobs.
        options: ``timeout_min`` (default 60), ``cpus_per_task`` (default `threads`), ``gpus_per_node``,
            ``mem_gb``, and submitit's other options of SLURM: ``partition``, ``account``, ``qos``, ...
    """
    if folder is None:
        raise ValueError(
            "folder: expected a folder that all nodes see, for the jobs' logs and answers, got none"
        )
    at_once = _AT_ONCE if cluster != "local" else workers or 1  # "local" starts whatever it gets, all at once
    executor = submitit.AutoExecutor(folder=Path(folder), cluster=cluster)
    options = {"name": "kdcourse", "timeout_min": 60, "cpus_per_task": threads} | options
    if workers is not None:
        options["array_parallelism"] = workers
    try:
        executor.update_parameters(
            stderr_to_stdout=True,
            **{name if name in _SHARED else f"slurm_{name}": value for name, value in options.items()},
        )
    except NameError as error:  # submitit's for an option that is not there
        raise ValueError(str(error)) from error

    def finished(function: Callable, jobs: list):
        for first in range(0, len(jobs), at_once):
            part = jobs[first : first + at_once]
            try:
                with executor.batch():
                    # submitit leaves a job that SLURM preempts, and queues it again, by SystemExit.
                    array = [executor.submit(attempt, function, job, threads, Exception) for job in part]
            except (errors.FailedSubmissionError, errors.FailedJobError) as error:
                raise EngineError(f"SLURM did not take the jobs. sbatch says: {error}") from error
            running = dict(zip(array, part, strict=True))
            try:
                for done in submitit.helpers.as_completed(array, poll_frequency=poll):
                    yield running.pop(done), done
            finally:
                for unfinished in running:
                    unfinished.cancel()

    with closing(Engine(finished, lost=errors.UncompletedJobError, workers=workers)) as engine:
        yield engine
