"""`kdcourse bench`: run, status, report and list, and what they say when something is wrong."""

import csv
import re
from pathlib import Path

import pytest
from run_tiny import PLAN
from tiny import NAME, tiny_world

from kdcourse.bench import command, presets
from kdcourse.bench.engines import EngineError
from kdcourse.bench.methods import METHODS
from kdcourse.bench.results import ResultsFile
from kdcourse.bench.worlds import WORLDS
from kdcourse.cli import main


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KDCOURSE_QUIET", "1")
    monkeypatch.setitem(WORLDS, NAME, tiny_world())
    monkeypatch.setitem(presets.PRESETS, "tiny", lambda: PLAN)
    return tmp_path


def bench(*arguments):
    return main(["bench", *arguments])


def run(*arguments):
    return bench("run", "tiny", "--engine", "serial", *arguments)


def test_run_status_report(here, capsys):
    assert run() == 0
    total = PLAN.size()
    assert capsys.readouterr().out == f"{total} cells computed; results in results/tiny.jsonl\n"
    assert run() == 0
    assert capsys.readouterr().out.startswith("0 cells computed")
    assert bench("status", "tiny", "--watch") == 0  # ends, as all is done
    assert f"{total} of {total} cells (100 %)" in capsys.readouterr().out
    assert bench("report", "tiny") == 0
    printed = capsys.readouterr().out
    assert "### tiny, mlp" in printed and all(f"| {row.title} |" in printed for row in PLAN.rows)
    assert bench("report", "tiny", "--to", "told") == 0
    assert (here / "told" / "report.md").read_text().endswith(printed.removesuffix("\n"))
    with open(here / "told" / "report.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["title"] for row in rows} == {row.title for row in PLAN.rows}
    assert list((here / "told").glob("*.png"))


def test_the_report_tells_what_the_records_say(here, capsys):
    run("--methods", "alone")
    scores = [r.accuracy for r in ResultsFile("results/tiny.jsonl").read() if r.cell.student == "mlp"
              and r.cell.split == "test"]  # fmt: skip
    capsys.readouterr()
    bench("report", "tiny", "--methods", "alone")
    assert f"| {sum(scores) / 3:.2f} ± " in capsys.readouterr().out


def test_parts_of_a_plan(here, capsys):
    assert run("--methods", "kd,alone", "--seeds", "2", "--steps", "0.5", "--file", "mine.jsonl") == 0
    records = ResultsFile("mine.jsonl").read()
    assert {r.cell.method for r in records} == {"teacher", "alone", "kd"}
    assert {r.cell.seed for r in records} == {0, 1, 200, 201}
    assert {r.cell.budget for r in records if r.cell.student == "mlp"} == {4}


def test_a_report_of_one_budget_leaves_out_the_others(here, capsys):
    run("--methods", "alone", "--steps", "0.5")
    run("--methods", "alone")
    capsys.readouterr()
    bench("report", "tiny", "--methods", "alone", "--steps", "0.5")
    printed = capsys.readouterr().out
    assert "4 steps" in printed and "8 steps" not in printed


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--methods", "magic"), "methods of the preset tiny: expected some of alone, dist, kd, got magic"),
        (("--worlds", "moon"), "worlds of the preset tiny: expected some of tiny, got moon"),
        (("--students", "giant"), "students of the preset tiny: expected some of mlp, got giant"),
        (("--seeds", "1"), "seeds: expected at least 2, for an interval, got 1"),
        (("--steps", "0"), "steps: expected a share above 0"),
        (("--engine", "magic"), "expected one of serial"),
        (("--option", "partition"), "option: expected NAME=VALUE, got 'partition'"),
    ],
)
def test_what_cannot_be_run_is_said(here, capsys, arguments, message):
    assert run(*arguments) == 1
    assert message in capsys.readouterr().err
    assert not (here / "results" / "tiny.jsonl").exists()


@pytest.mark.parametrize(
    "text, option",
    [
        ("a=3", ("a", 3)),
        ("a=0.5", ("a", 0.5)),
        ("a=gpu", ("a", "gpu")),
        ("a=b=1", ("a", "b=1")),
        ("a=", ("a", "")),
    ],
)
def test_options_of_an_engine_are_numbers_where_they_can_be(text, option):
    found = command._option(text)
    assert found == option and type(found[1]) is type(option[1])


def test_an_engine_that_cannot_be_opened_is_said(here, capsys, monkeypatch):
    def gone(*arguments, **options):
        raise EngineError("the scheduler is gone")

    monkeypatch.setattr(command, "open_engine", gone)
    assert run() == 1
    assert capsys.readouterr().err == "kdcourse bench: the scheduler is gone\n"


def test_a_report_of_nothing(here, capsys):
    assert bench("report", "tiny") == 1
    assert "holds no results of the preset tiny. Run it first." in capsys.readouterr().err


def test_a_damaged_file_is_said_and_left_as_it_is(here, capsys):
    file = here / "damaged.jsonl"
    file.write_text("rubbish\n")
    for arguments in (("run", "tiny", "--engine", "serial"), ("status", "tiny"), ("report", "tiny")):
        assert bench(*arguments, "--file", str(file)) == 1
        assert "damaged.jsonl, line 1" in capsys.readouterr().err
    assert file.read_text() == "rubbish\n"


def test_a_method_that_fails_is_named_and_the_others_are_there(here, capsys, monkeypatch):
    from dataclasses import replace

    def fail(room, **setting):
        raise RuntimeError("no luck today")

    monkeypatch.setitem(METHODS, "dist", replace(METHODS["dist"], train=fail))
    assert run() == 1
    said = capsys.readouterr()
    assert "failed: tiny: mlp, dist" in said.err and "no luck today" in said.err
    assert {r.cell.method for r in ResultsFile("results/tiny.jsonl").read()} == {"teacher", "alone", "kd"}


def test_ctrl_c_keeps_what_is_done(here, capsys, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run", interrupted)
    assert run() == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_records_of_other_code_are_pointed_out(here, capsys, monkeypatch):
    run("--methods", "alone")
    monkeypatch.setattr("kdcourse.bench.runner.code_fingerprint", lambda: "changed")
    capsys.readouterr()
    run("--methods", "alone")
    assert "come from other code than the present one" in capsys.readouterr().err


def test_list_names_every_preset_and_method(here, capsys):
    assert bench("list") == 0
    printed = capsys.readouterr().out
    assert all(f"  {name} " in printed for name in (*METHODS, *presets.PRESETS))


def test_the_survey_holds_the_slides_rows():
    plan = presets.preset("survey")
    slides = {(10.0, 0.2), (20.0, 0.5), (5.0, 0.2), (40.0, 0.7)}
    grid = {(r.setting["temperature"], r.setting["alpha"]) for r in plan.rows if r.setting is not None}
    assert slides <= grid
    assert {"alone", "hint_middle", "hint_last", "rkd"} <= {row.method for row in plan.rows}
    assert set(plan.worlds) == {"digits", "shapes"}


def test_every_method_of_the_registry_is_in_all():
    assert [row.method for row in presets.preset("all").rows] == list(METHODS)


def test_the_package_gives_all_its_names_and_imports_little():
    import kdcourse.bench

    assert {name: getattr(kdcourse.bench, name) for name in kdcourse.bench.__all__}
    assert set(kdcourse.bench.__all__) <= set(dir(kdcourse.bench))
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        _ = kdcourse.bench.magic


def test_the_guide_counts_the_methods():
    guide = (Path(__file__).parents[2] / "docs" / "benchmark.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"registry\]\([^)]*\): (\d+) of lectures", guide)
    assert int(said) == len(METHODS), "docs/benchmark.md says how many methods there are"
