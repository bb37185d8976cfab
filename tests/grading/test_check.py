"""`check` leaves the session as it was, cannot be stopped or fooled easily, and its report reads well."""

import random
import signal
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kdcourse import grading
from kdcourse.authoring.answers import read_answers
from kdcourse.grading import Report, check
from kdcourse.grading.guard import default_device
from kdcourse.grading.tasks import all_tasks


def right(s, t, y, T, alpha):
    kl = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t.detach() / T, 1), reduction="batchmean")
    return alpha * T * T * kl + (1 - alpha) * F.cross_entropy(s, y)


def state():
    return {
        "random": random.getstate(),
        "numpy": [str(part) for part in np.random.get_state()],
        "torch": torch.get_rng_state().tolist(),
        "dtype": torch.get_default_dtype(),
        "device": default_device(),
        "grad": torch.is_grad_enabled(),
        "threads": torch.get_num_threads(),
        "deterministic": (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        "anomaly": (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        "cudnn": (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark),
        "precision": torch.get_float32_matmul_precision(),
        "numpy errors": np.geterr(),
        "warnings": list(warnings.filters),
        "softmax": torch.softmax,
        "kl_div": F.kl_div,
        "method": "softmax" in vars(torch.Tensor),
        "sum": np.sum,
        "alarm": signal.getsignal(signal.SIGALRM) if hasattr(signal, "SIGALRM") else None,
    }


def meddle():
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_num_threads(1 + torch.get_num_threads())
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.autograd.set_detect_anomaly(True, check_nan=False)
    torch.backends.cudnn.deterministic = not torch.backends.cudnn.deterministic
    torch.backends.cudnn.benchmark = not torch.backends.cudnn.benchmark
    torch.set_float32_matmul_precision("medium")
    np.seterr(all="raise")
    warnings.simplefilter("error")
    torch.set_grad_enabled(False)
    torch.softmax = F.kl_div = torch.Tensor.softmax = np.sum = lambda *args, **options: 0
    torch.set_grad_enabled = torch.set_default_dtype = torch.set_rng_state = torch.softmax


def meddling(*args):
    meddle()
    return 1.0


@pytest.mark.parametrize("task", sorted(all_tasks()))
@pytest.mark.parametrize("answer", [meddling, right, None], ids=["meddling", "right", "nothing"])
def test_global_state_is_left_alone(task, answer):
    before = state()
    check(task, answer)
    after = state()
    assert after == before, [key for key in before if before[key] != after[key]]


def right_answer(task):
    path = Path(__file__).parent.parent / "answers" / "ex01" / f"{task}.py"
    names = {}
    exec(next(answer.source for answer in read_answers(path) if answer.kind == "right"), names)
    return names[task]


@pytest.mark.parametrize("task", ["kd_loss", "kd_train_step"])
def test_state_that_is_unusual_is_left_alone_and_does_not_disturb(task):
    kept = torch.get_default_dtype(), np.geterr()
    try:
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        np.seterr(all="raise")
        torch.autograd.set_detect_anomaly(True)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            before = state()
            report = check(task, right_answer(task))
            assert report.passed, report
            assert state() == before
    finally:
        torch.set_default_dtype(kept[0])
        np.seterr(**kept[1])
        torch.set_grad_enabled(True)
        torch.autograd.set_detect_anomaly(False)


@pytest.mark.parametrize("task", ["kd_loss", "kd_train_step"])
def test_inside_inference_mode(task):
    with torch.inference_mode():
        assert check(task, right_answer(task)).passed


def test_functions_replaced_before_the_check_do_not_help(monkeypatch):
    monkeypatch.setattr(torch, "equal", lambda *args: True)
    monkeypatch.setattr(torch, "allclose", lambda *args, **options: True)
    monkeypatch.setattr(np, "abs", lambda array: np.zeros(1))
    monkeypatch.setattr(torch.Tensor, "numpy", lambda tensor: np.zeros(tensor.shape), raising=False)
    mine = torch.allclose
    assert not check("kd_loss", lambda s, t, y, T, alpha: s.sum()).passed
    assert torch.allclose is mine, "what a learner replaced stays replaced"


posix = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")


def endless(*args):
    while True:
        pass


def stubborn(*args):
    while True:
        try:
            while True:
                pass
        except BaseException:
            return 1.0


def sleeping(*args):
    time.sleep(60)


@posix
@pytest.mark.parametrize("answer", [endless, stubborn, sleeping])
@pytest.mark.parametrize("task", ["kd_loss", "kd_train_step"])
def test_time_limit(monkeypatch, answer, task):
    monkeypatch.setattr(grading, "TIME_LIMIT", 0.3)
    start = time.perf_counter()
    report = check(task, answer)
    assert not report.passed and "did not finish within 0.3 seconds" in report.feedback[0]
    assert time.perf_counter() - start < 3
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@posix
def test_the_limit_is_for_all_calls_together(monkeypatch):
    monkeypatch.setattr(grading, "TIME_LIMIT", 0.5)
    slow = lambda *args: (time.sleep(0.1), right(*args))[1]  # noqa: E731
    assert "did not finish" in check("kd_loss", slow).feedback[0]


@posix
def test_an_import_may_take_long(monkeypatch, tmp_path):
    """A first optimiser loads hundreds of modules; that is not a loop of the learner's."""
    (tmp_path / "slow_to_load.py").write_text("import time\ntime.sleep(0.5)\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(grading, "TIME_LIMIT", 0.2)

    def loads(*args):
        import slow_to_load  # noqa: F401

        return right(*args)

    def loads_and_never_ends(*args):
        loads(*args)
        while True:
            pass

    for name in ("slow_to_load", None):
        monkeypatch.delitem(sys.modules, "slow_to_load", raising=False)
        report = check("kd_loss", loads if name else loads_and_never_ends)
        assert report.passed == bool(name), report
    assert "did not finish" in report.feedback[0]


@posix
def test_a_timer_of_somebody_else_goes_on(monkeypatch):
    rings = []
    kept = signal.signal(signal.SIGALRM, lambda *args: rings.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 1.2)
        monkeypatch.setattr(grading, "TIME_LIMIT", 0.2)
        check("kd_loss", endless)
        assert not rings and 0 < signal.getitimer(signal.ITIMER_REAL)[0] < 1.1
        time.sleep(1.2)
        assert rings == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, kept)


def test_in_another_thread():
    reports = []
    thread = threading.Thread(target=lambda: reports.append(check("kd_loss", right)))
    thread.start()
    thread.join()
    assert reports[0].passed, reports[0]


def test_interrupting_the_kernel_is_not_swallowed():
    def interrupted(*args):
        raise KeyboardInterrupt

    before = state()
    with pytest.raises(KeyboardInterrupt):
        check("kd_loss", interrupted)
    assert state() == before


class Odd:
    def __call__(self, *args):
        return self

    def __getattribute__(self, name):
        raise RuntimeError("odd object")


def anything():
    odd = Odd()
    yield from [None, 3, "kd_loss", torch.zeros(2), odd, Odd, dict, print, torch.nn.Module, lambda: 0]
    for value in [Odd, ..., (), [], "text", True, float("inf"), odd, np.zeros(3), torch.zeros(0)]:
        yield lambda *args, value=value: value
    for value in [
        torch.tensor(1),
        torch.tensor(1j),
        torch.zeros((), device="meta"),
        torch.zeros(()).to_sparse(),
    ]:
        yield lambda *args, value=value: value
    yield lambda *args: (yield 1)
    yield lambda *args: 1 / 0
    yield lambda *args: args[99]
    yield lambda *args: check("kd_loss", right)


@pytest.mark.parametrize("task", sorted(all_tasks()))
def test_any_object_gives_a_report(task):
    for number, answer in enumerate(anything()):
        report = check(task, answer)
        assert isinstance(report, Report) and not report.passed and report.feedback[0], number


def test_an_unsolved_exercise_is_told_so():
    def stub(*args):
        raise NotImplementedError("exercise not solved yet")

    for task in all_tasks():
        report = check(task, stub)
        assert report.feedback == [
            "Not written yet: your function raises NotImplementedError (exercise not solved yet)."
        ]


def test_unknown_task():
    with pytest.raises(ValueError, match=r"task: expected one of .*kd_loss.*; got 'kd_lose'"):
        check("kd_lose", right)


def test_report_text_and_html():
    good = check("kd_loss", right)
    assert good.title == "kd_loss: all public checks passed"
    assert good.require() is good and good.diagnosis is None
    bad = check("kd_loss", lambda s, t, y, T, alpha: right(s, t, y, T, 1 - alpha))
    assert str(bad).splitlines() == [bad.title, *(f"  - {line}" for line in bad.feedback)] and repr(
        bad
    ) == str(bad)
    assert bad.diagnosis in bad.feedback
    page = Report("t", False, ["use `a < b`"])._repr_html_()
    assert "✘ t: not right yet (public checks)" in page and "<li>use <code>a &lt; b</code></li>" in page
    assert "✔" in good._repr_html_()
    with pytest.raises(AssertionError, match="alpha weights the wrong term"):
        bad.require()
    with pytest.raises(AttributeError):
        bad.passed = True
