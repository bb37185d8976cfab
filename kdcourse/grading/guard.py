"""Run a learner's code and leave the session as it was found.

Kept and put back: the random generators of torch, numpy and Python, default dtype and device, grad mode,
anomaly mode, number of threads, deterministic flags, numpy's error state, warning filters, and the functions
of torch and numpy that somebody replaced. Output is swallowed. The time limit needs POSIX signals and the
main thread (a notebook cell has both). Elsewhere, as on Windows, there is none: interrupt the kernel.
"""

import contextlib
import io
import random
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from types import FrameType

import numpy as np
import torch

_HOMES = (
    torch, torch.nn.functional, torch.Tensor, torch.nn.Module, torch.autograd,
    torch.optim.Optimizer, torch.optim.SGD, np,
)  # fmt: skip
_ABSENT = object()


def _functions(home: object) -> dict:
    return {name: value for name, value in vars(home).items() if callable(value)}


# Taken when the grader is imported, normally at the top of a notebook and before any learner's code.
_ORIGINAL = [(home, _functions(home)) for home in _HOMES]


class TimeUp(BaseException):
    """The limit is over. Not an `Exception`, so that an answer's `except Exception` does not catch it."""


def _importing(frame: FrameType | None) -> bool:
    """Is a module being loaded? Making a first optimiser loads a few hundred: seconds on a busy machine."""
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


class Clock:
    """The seconds left for an answer. Only its own calls count, not the sums of the grader nor, where they
    would end it, imports."""

    current: "Clock | None" = None

    def __init__(self, seconds: float) -> None:
        self.seconds = self.left = seconds
        self.ticking = self.over = False

    def ring(self, number: int, frame: FrameType | None) -> None:
        if self.ticking and _importing(frame):
            # Time to finish after the import, and a new ring if it does not.
            self.left += self.seconds
            signal.setitimer(signal.ITIMER_REAL, self.seconds, 0.25)
        elif self.ticking:
            self.over = True
            raise TimeUp


def default_device() -> torch.device:
    """Where a new tensor comes to lie."""
    try:
        return torch.get_default_device()
    except AttributeError:  # torch 2.8 after `set_default_device(None)`
        return torch.device("cpu")


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Around each call of the answer: raises `TimeUp` inside when the seconds are used up."""
    clock = Clock.current
    if clock is None:
        yield
        return
    start, clock.ticking = time.monotonic(), True
    # Rings again each quarter of a second: `except:` in a loop swallows the first ones.
    signal.setitimer(signal.ITIMER_REAL, max(clock.left, 0.001), 0.25)
    try:
        yield
    finally:
        clock.ticking = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        clock.left -= time.monotonic() - start
    if clock.over:
        raise TimeUp


class _Nowhere(io.TextIOBase):
    """Forgets all that is written, however much it is."""

    def write(self, text: str) -> int:
        return len(text)


@contextlib.contextmanager
def guarded(seconds: float) -> Iterator[None]:
    """The whole protection; `TimeUp` is raised when the answer has used up its `seconds`."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_original_functions())
        stack.enter_context(_settings())
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(contextlib.redirect_stdout(_Nowhere()))
        stack.enter_context(contextlib.redirect_stderr(_Nowhere()))
        stack.enter_context(_time_limit(seconds))
        yield


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    generators = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    dtype, device, grad = torch.get_default_dtype(), default_device(), torch.is_grad_enabled()
    threads, anomaly = torch.get_num_threads(), torch.is_anomaly_enabled()
    anomaly_nan, precision = torch.is_anomaly_check_nan_enabled(), torch.get_float32_matmul_precision()
    strict, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    errors = np.geterr()
    try:
        torch.set_default_dtype(torch.float32)
        with (
            torch.inference_mode(False),  # this also switches gradients on
            torch.device("cpu") if device.type != "cpu" else contextlib.nullcontext(),
        ):
            yield
    finally:
        _put_originals_back()  # the answer may have replaced what is called here
        random.setstate(generators[0])
        np.random.set_state(generators[1])
        torch.set_rng_state(generators[2])
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        torch.set_default_dtype(dtype)
        if default_device() != device:
            # None takes the mode away that an explicit "cpu" would leave behind.
            torch.set_default_device(None if device.type == "cpu" else device)
        torch.set_grad_enabled(grad)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.autograd.set_detect_anomaly(anomaly, anomaly_nan)
        now = (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        )
        if now != (strict, warn_only):  # the call imports half of torch
            torch.use_deterministic_algorithms(strict, warn_only=warn_only)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
        torch.set_float32_matmul_precision(precision)
        np.seterr(**errors)


@contextlib.contextmanager
def _original_functions() -> Iterator[None]:
    """Functions put in place of torch's and numpy's step aside meanwhile and come back afterwards."""
    found = [(home, _functions(home)) for home in _HOMES]
    try:
        _put_originals_back()
        yield
    finally:
        for home, functions in found:
            _put_back(home, functions)


def _put_originals_back() -> None:
    for home, functions in _ORIGINAL:
        _put_back(home, functions)


def _put_back(home: object, wanted: dict) -> None:
    now = _functions(home)
    # A module may gain names by lazy imports; in a class, a new name hides an inherited method.
    names = wanted.keys() | now.keys() if isinstance(home, type) else wanted.keys()
    for name in names:
        old, new = wanted.get(name, _ABSENT), now.get(name, _ABSENT)
        if old is _ABSENT:
            delattr(home, name)
        elif old is not new:
            setattr(home, name, old)


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    outer, Clock.current = Clock.current, Clock(seconds)
    start = time.monotonic()
    delay, interval = signal.setitimer(signal.ITIMER_REAL, 0)
    handler = signal.signal(signal.SIGALRM, Clock.current.ring)
    try:
        yield
    finally:
        Clock.current = outer
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if delay:
            left = delay - (time.monotonic() - start)
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.001), interval)
