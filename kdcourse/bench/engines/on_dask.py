"""Jobs on a Dask cluster, by distributed.Client.

Not by joblib's back end for Dask: joblib.Parallel ends at the first exception, and gives nothing back for the
jobs that went well.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import dask as dask_package
from distributed import Client, KilledWorker, LocalCluster, WorkerPlugin, as_completed

from kdcourse.bench.engines.work import (
    TRIES,
    Engine,
    EngineError,
    attempt,
    environment,
    local_workers,
    visible_devices,
)


@contextmanager
def dask(
    *, workers: int | None = None, address: str | None = None, threads: int = 1, **options
) -> Iterator[Engine]:
    """The Dask cluster at `address`, or one of `workers` processes of this machine.

    A running cluster tries a job whose worker is lost again by itself, as often as its setting
    ``distributed.scheduler.allowed-failures`` says (3 where nobody changed it). Together with the culprit it
    may give up jobs that only waited at the same worker; so what it gave up is handed to it once more, one
    job at a time. On this machine's own cluster a job is begun three times in all, as on other engines.
    """
    with ExitStack() as stack:
        if address is None:
            devices = visible_devices()
            workers = local_workers(workers, devices)
            rounds = TRIES
            with dask_package.config.set({"distributed.scheduler.allowed-failures": 0}):
                cluster = stack.enter_context(_local_cluster(workers, threads, options))
            client = stack.enter_context(Client(cluster))
            if devices:
                client.register_plugin(_OneDevice(devices))
        else:
            client, rounds = stack.enter_context(Client(address, **options)), 2

        def finished(function: Callable, jobs: list):
            # pure=False: two equal jobs are two jobs.
            running = {client.submit(attempt, function, job, threads, pure=False): job for job in jobs}
            try:
                for future in as_completed(list(running)):
                    if future.cancelled():
                        raise EngineError(
                            "The Dask cluster has dropped its jobs: its scheduler ended or was restarted. "
                            "What was finished before is kept; start a cluster and give its address."
                        )
                    yield running.pop(future), future
            finally:
                client.cancel(list(running))

        engine = Engine(finished, lost=KilledWorker, rounds=rounds, alone=True, workers=workers)
        yield stack.enter_context(closing(engine))


def _local_cluster(workers: int, threads: int, options: dict) -> LocalCluster:
    options = {
        "dashboard_address": ":0",  # any free port: a second run may be at work
        "silence_logs": logging.CRITICAL,
        "env": environment(threads),
    } | options
    # One thread a worker: a job has its process to itself, and is all that is lost with it.
    return LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, **options)


class _OneDevice(WorkerPlugin):
    """Worker i uses device i mod n. Dask calls `setup` in each worker, those that replace lost ones too."""

    def __init__(self, devices: list[str]):
        self.devices = devices

    def setup(self, worker) -> None:
        os.environ["CUDA_VISIBLE_DEVICES"] = self.devices[worker.name % len(self.devices)]
