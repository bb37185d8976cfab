"""Jobs on a Ray cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import ray as ray_package

from kdcourse.bench.engines.work import TRIES, Engine, attempt, local_workers, visible_devices


@contextmanager
def ray(
    *, workers: int | None = None, address: str | None = None, threads: int = 1, **options
) -> Iterator[Engine]:
    """The Ray cluster at `address`, or one of `workers` processes of this machine.

    Ray tries a job whose worker is lost again by itself, and gives a worker the devices that its job asks
    for: by default, on this machine, an equal share of one (``num_gpus`` = devices / workers, at most 1).
    """
    options = {"num_cpus": 1, "max_retries": TRIES - 1} | options
    if address is None:
        devices = visible_devices()
        workers = local_workers(workers, devices)
        options = {"num_gpus": min(1.0, len(devices) / workers)} | options
        start = {"num_cpus": workers, "num_gpus": len(devices), "include_dashboard": False}
    else:
        start = {"address": address}
    ray_package.init(logging_level=logging.ERROR, log_to_driver=False, **start)
    remote = ray_package.remote(attempt).options(**options)

    def finished(function: Callable, jobs: list):
        running = {remote.remote(function, job, threads): job for job in jobs}
        try:
            while running:
                (reference,), _ = ray_package.wait(list(running), num_returns=1)
                yield running.pop(reference), reference.future()
        finally:
            for reference in running:
                ray_package.cancel(reference, force=True)

    try:
        # One round: Ray has tried again by itself.
        lost = ray_package.exceptions.RayError
        with closing(Engine(finished, lost=lost, rounds=1, workers=workers)) as engine:
            yield engine
    finally:
        ray_package.shutdown()
