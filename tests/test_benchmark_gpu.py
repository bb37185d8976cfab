"""The benchmark of the loop on a GPU, in its tiny form, which runs the same code without one."""

import dataclasses
import importlib.util
import math
import re
from pathlib import Path

import pytest
import torch

PATH = Path(__file__).resolve().parent.parent / "benchmarks" / "gpu.py"
PAGE = PATH.with_name("gpu.md")

_spec = importlib.util.spec_from_file_location("benchmark_of_gpu", PATH)
benchmark = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(benchmark)

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def leaves_no_trace(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", torch.backends.cudnn.benchmark)
    before = PAGE.read_bytes()
    yield
    assert PAGE.read_bytes() == before, "only a full run on a GPU may write gpu.md"


def test_the_tiny_form_prints_a_ratio_for_each_row(capsys):
    assert benchmark.main(["--device", "cpu", "--tiny"]) == 0
    out = capsys.readouterr().out
    rows = [
        line.split(" | ") for line in out.splitlines() if line.startswith("| ") and "images/s" not in line
    ]
    assert [" | ".join(row[:2]) for row in rows] == [f"| {way}" for way in benchmark.WAYS]
    for *_, bare, ours, ratio, verdict in rows:
        numbers = [float(text.replace(",", "")) for text in (bare, ours, *re.findall(r"[\d.]+", ratio))]
        assert len(numbers) == 5 and all(math.isfinite(x) and x > 0 for x in numbers)
        assert numbers[3] <= numbers[2] <= numbers[4], "the median lies in the range"
        assert verdict.strip(" |") == ("PASS" if numbers[2] >= 0.9 else "FAIL")
    assert "Tried, not measured" in out


def test_forms_that_compute_something_else_are_not_timed(monkeypatch):
    forms = benchmark.one_student(benchmark.Way("teacher"), benchmark.TINY, CPU, "eager")
    ours, bare = forms.losses()
    torch.testing.assert_close(ours, bare)
    monkeypatch.setattr(benchmark, "kd_by_hand", lambda student, teacher, labels: student.square().mean())
    with pytest.raises(SystemExit, match="one loss"):
        benchmark.measure(benchmark.Way("teacher"), benchmark.TINY, CPU, "eager")


def test_both_forms_train(capsys):
    for way in (benchmark.Way("labels"), benchmark.Way("stack")):
        sizes = dataclasses.replace(benchmark.TINY, samples=4, samples_of_stack=4)  # one batch, over and over
        forms = (
            benchmark.stack_of_students(way, sizes, CPU)
            if way.task == "stack"
            else benchmark.one_student(way, sizes, CPU, "eager")
        )
        for form in (forms.ours, forms.bare):
            assert form(1) > form(25), way


def test_ratios_and_verdicts():
    result = benchmark.Result(benchmark.Way("labels"), bare=[100, 200, 100], ours=[95, 170, 120])
    assert result.ratios == [0.85, 0.95, 1.2] and result.verdict == "PASS"
    assert result.cells() == "100 | 120 | 0.950 (0.850 to 1.200) | PASS"
    slow = benchmark.Result(benchmark.Way("labels"), bare=[100] * 3, ours=[89, 89, 120])
    failed = benchmark.Result(benchmark.Way("labels", compiled=True), [], [], "RuntimeError: no compiler")
    assert slow.verdict == failed.verdict == "FAIL"
    text = benchmark.page([result, slow, failed], benchmark.Sizes(), CPU)
    assert "missed in 2 rows" in text and "did not run: RuntimeError: no compiler" in text
    assert "is met in every row" in benchmark.page([result], benchmark.Sizes(), CPU)


def test_without_a_gpu_it_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="no CUDA device"):
        benchmark.main([])


def test_a_full_run_on_a_cpu_is_refused(capsys):
    with pytest.raises(SystemExit):
        benchmark.main(["--device", "cpu"])
    assert "--tiny" in capsys.readouterr().err


def test_the_page_holds_measured_numbers_or_none():
    page = PAGE.read_text(encoding="utf-8")
    assert "python benchmarks/gpu.py" in page
    measured = "| training | arithmetic |" in page
    assert measured != ("No numbers have been recorded yet" in page)
