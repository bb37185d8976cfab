"""Meters: time and peak memory of a step, and whether two forms of a loss say the same.

A *step* is a function without arguments that computes a loss and its gradient with respect to what is
trained.
"""

import gc
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

BLOCK_SECONDS = 0.02  # the least that one sample lasts: long beside the resolution of the clock


def training_step(loss: Callable[[], Tensor], leaves: Sequence[Tensor]) -> Callable[[], tuple[Tensor, ...]]:
    """Forward and backward: the gradient of `loss` with respect to `leaves`."""
    return lambda: torch.autograd.grad(loss(), leaves)


@dataclass(frozen=True)
class Times:
    """Seconds per step, one entry a sample: of the processor, and as one waits."""

    processor: tuple[float, ...]
    wall: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.processor)

    @property
    def quartiles(self) -> tuple[float, float]:
        low, high = np.quantile(self.processor, (0.25, 0.75))
        return float(low), float(high)

    @property
    def waiting(self) -> float:
        """Waiting time over processor time: 1 on an idle machine."""
        return statistics.median(self.wall) / self.median


def sample(step: Callable, calls: int) -> tuple[float, float]:
    """Processor and wall seconds of one step, taken over `calls` of them."""
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(calls):
        step()
    return (time.process_time() - processor) / calls, (time.perf_counter() - wall) / calls


def interleaved(steps: Mapping[str, Callable], *, rounds: int, seconds: float) -> dict[str, Times]:
    """Time the steps in turn, round after round, so that a change in the machine's load meets all of them.

    Args:
        steps: by name.
        rounds: samples of each step; every round begins with another one.
        seconds: a step that would take longer in all takes part in fewer rounds, spread evenly, at least 5.
    """
    calls, takes_part = {}, {}
    for name, step in steps.items():
        step()  # the first one loads libraries and fills caches
        once = max(sample(step, 1)[0], 1e-6)
        calls[name] = max(1, math.ceil(BLOCK_SECONDS / once))
        if calls[name] > 1:  # a quick step: one call is too rough a guess
            once = max(sample(step, calls[name])[0], 1e-6)
            calls[name] = max(1, math.ceil(BLOCK_SECONDS / once))
        affordable = int(seconds / (calls[name] * once))
        takes_part[name] = min(rounds, max(5, affordable))
    samples = {name: [] for name in steps}
    names = list(steps)
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                share = takes_part[name]
                if (turn + 1) * share // rounds > turn * share // rounds:
                    samples[name].append(sample(steps[name], calls[name]))
    finally:
        gc.enable()
    return {name: Times(*map(tuple, zip(*taken))) for name, taken in samples.items()}


def ratio_interval(above: Times, below: Times, *, confidence: float = 0.95) -> tuple[float, float]:
    """Bootstrap interval of the ratio of the medians."""
    generator = np.random.default_rng(0)
    medians = [
        np.median(generator.choice(times.processor, size=(1000, len(times.processor))), axis=1)
        for times in (above, below)
    ]
    low, high = np.quantile(medians[0] / medians[1], ((1 - confidence) / 2, (1 + confidence) / 2))
    return float(low), float(high)


@contextmanager
def _quiet():
    """Some builds of the profiler write a line to stderr whenever it starts and stops."""
    kept = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silence)


def peak_bytes(step: Callable) -> int:
    """The most bytes of tensors alive at once that `step` allocated itself; gradients and result count too.

    Every allocation and release of PyTorch's CPU allocator is seen, those inside an operation as well; the
    working space of a library of matrix products is not, for it comes from elsewhere.
    """
    gc.collect()
    with _quiet(), tempfile.TemporaryDirectory() as folder:
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as profiler:
            result = step()
        del result
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    events = sorted((e for e in events if e["name"] == "[memory]"), key=lambda event: event["ts"])
    alive = peak = 0
    for event in events:
        alive += event["args"]["Bytes"]
        peak = max(peak, alive)
    return peak


@dataclass(frozen=True)
class Agreement:
    """How a peer's loss relates to ours: "equal", "nearly" (another epsilon), "factor" or "other"."""

    relation: str
    detail: float = 0.0  # nearly: the relative difference; factor: peer / ours

    def __str__(self) -> str:
        texts = {"equal": "yes", "nearly": f"to {self.detail:.0e}", "factor": f"× {self.detail:.4g}"}
        return texts.get(self.relation, "no")


EXACT = 1e-9  # float64, two ways of computing one formula
NEARLY = 1e-3  # an epsilon where the other has none


def agreement(ours: tuple[Tensor, Sequence[Tensor]], peer: tuple[Tensor, Sequence[Tensor]]) -> Agreement:
    """Compare value and gradients of two forms of a loss, given as (value, gradients) in float64."""

    def flat(result):
        value, gradients = result
        return value.detach().reshape(1), torch.cat([g.reshape(-1) for g in gradients])

    def difference(a, b):
        return max(float((x - y).abs().max() / y.abs().max()) for x, y in zip(a, b))

    (value, gradient), other = flat(ours), flat(peer)
    apart = difference(other, (value, gradient))
    if apart <= EXACT:
        return Agreement("equal")
    factor = float(other[0] / value)
    scaled = difference(other, (factor * value, factor * gradient))
    if scaled <= EXACT and abs(factor - 1) > NEARLY:
        return Agreement("factor", factor)
    if apart <= NEARLY:
        return Agreement("nearly", apart)
    return Agreement("factor", factor) if scaled <= NEARLY else Agreement("other")
