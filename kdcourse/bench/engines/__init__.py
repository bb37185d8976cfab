"""Who computes the blocks: this process, a pool of processes, or a Dask, Ray or SLURM cluster.

All scheduling is done by packages that are made for it (`loky`, `dask.distributed`, `ray`, `submitit`). What
is here gives them one face and one promise: no job is lost, and none stops the others.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib import import_module

from kdcourse.bench.engines.work import Engine, EngineError, WorkerLostError

__all__ = ["ENGINES", "Engine", "EngineError", "WorkerLostError", "open_engine"]

# name -> (module, function) that opens it; a cluster's package is imported when that engine is asked for.
ENGINES = {
    "serial": ("kdcourse.bench.engines.local", "serial"),
    "processes": ("kdcourse.bench.engines.local", "processes"),
    "dask": ("kdcourse.bench.engines.on_dask", "dask"),
    "ray": ("kdcourse.bench.engines.on_ray", "ray"),
    "slurm": ("kdcourse.bench.engines.on_slurm", "slurm"),
}
# What is missing without an engine's package, and the extra of this project that brings it.
_PACKAGES = {
    "dask": ("distributed", "cluster"),
    "ray": ("ray", "ray"),
    "slurm": ("submitit", "cluster"),
}


def open_engine(
    name: str = "processes",
    *,
    workers: int | None = None,
    address: str | None = None,
    threads: int = 1,
    **options,
) -> AbstractContextManager[Engine]:
    """A context manager that gives an `Engine`; workers that it started end with it.

    ================  ======================================  ==========================================
    name              where                                   options
    ================  ======================================  ==========================================
    ``"serial"``      in this process, one after another      none
    ``"processes"``   `workers` processes of this machine     none
    ``"dask"``        the Dask cluster at `address`, or       of ``distributed.Client`` (with an address)
                      `workers` processes of this machine     or ``distributed.LocalCluster`` (without)
    ``"ray"``         the Ray cluster at `address` ("auto"    of the remote function, e.g. ``num_gpus``,
                      finds it), or `workers` processes       ``num_cpus``, ``resources``
    ``"slurm"``       jobs of SLURM, at most `workers` at     ``folder`` (must be given), ``timeout_min``,
                      once                                    ``partition``, ``gpus_per_node``, ...
    ================  ======================================  ==========================================

    A worker computes with `threads` threads and shows no progress bars (``KDCOURSE_QUIET=1``). Results of
    two engines are equal to the last bit where processor, packages and `threads` are the same, and within
    rounding elsewhere.

    Where CUDA devices are visible, "processes" and a local Dask cluster give worker i device i mod n (through
    ``CUDA_VISIBLE_DEVICES``). `workers` is by default the number of visible CUDA devices, or where there is
    none that of processor cores. On a cluster, its own settings say who sees which device.

    Raises:
        ValueError: a name that is not there, or what that engine has no use for.
        EngineError: the engine's package is not installed.

    Lecture:
        18_capstone, section 6.

    >>> with open_engine("serial") as engine:
    ...     print(sorted(engine.run(abs, [-2, 1])))
    [(-2, 2), (1, 1)]
    """
    if name not in ENGINES:
        raise ValueError(f"name: expected one of {', '.join(ENGINES)}, got {name!r}")
    for what, number in (("workers", workers), ("threads", threads)):
        if number is not None and (not isinstance(number, int) or number < 1):
            raise ValueError(f"{what}: expected an integer of at least 1, got {number!r}")
    if address is not None and name not in ("dask", "ray"):
        raise ValueError(f"address: expected only with the engines dask and ray, got {address!r} with {name}")
    if address is not None and workers is not None:
        raise ValueError(
            f"workers: expected none with an address, as a running cluster has its own, got {workers}"
        )
    if options and name in ("serial", "processes"):
        raise ValueError(f"{', '.join(options)}: no option of the engine {name}, which has none")
    module, function = ENGINES[name]
    try:
        opened = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        package, extra = _PACKAGES.get(name, (None, None))
        if error.name is None or error.name.split(".")[0] != package:
            raise
        raise EngineError(
            f"The engine {name!r} needs the package {package}, which is not installed. Install it with\n"
            f'    pip install -e ".[{extra}]"'
        ) from error
    return opened(workers=workers, address=address, threads=threads, **options)
