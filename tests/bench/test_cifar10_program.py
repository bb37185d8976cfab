"""The slides' tables on CIFAR-10: plans, table, the training program and `kdcourse bench`, killed or not."""

import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
import cifar10_tiny as tiny
from tiny import NAME, tiny_world

from kdcourse.bench import cifar10, runner
from kdcourse.bench.cells import Block, Record, as_setting
from kdcourse.bench.cifar10 import SLIDES, slide_plan, slide_rows, slide_table
from kdcourse.bench.cifar10_worlds import CIFAR10_WORLDS, FAST, FOR_TRAINING, USUAL
from kdcourse.bench.engines import open_engine
from kdcourse.bench.plans import by_key, pending
from kdcourse.bench.results import ResultsFile
from kdcourse.bench.room import _last_drawn
from kdcourse.bench.worlds import WORLDS
from kdcourse.data import DatasetMissingError
from kdcourse.evaluation import multiply_adds
from kdcourse.models import count_parameters

pytest.importorskip("lightning_fabric")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("cifar")
    tiny.write_cifar10(root)
    return root


@pytest.fixture
def small(files, monkeypatch):
    monkeypatch.setenv("KDCOURSE_DATA", str(files))
    tiny.expect_files(files, monkeypatch.setattr)
    tiny.register(monkeypatch.setattr, monkeypatch.setitem)
    yield
    _last_drawn.clear()


# ---------------------------------------------------------------- plans and table


@pytest.mark.parametrize(("recipe", "name", "rate"), [(USUAL, "cifar10", 0.1), (FAST, "cifar10-fast", 0.4)])
def test_the_plan_has_exactly_the_slides_rows(recipe, name, rate, monkeypatch):
    for world in CIFAR10_WORLDS.values():
        monkeypatch.setitem(WORLDS, world.name, world)
    plan = slide_plan(recipe)
    assert plan.name == name and len(plan.worlds) == 2
    assert [row.title for row in plan.rows] == [title for title in SLIDES if title != "teacher"]
    grid = [row.setting for row in plan.rows if row.method == "kd"]
    assert [(one["temperature"], one["alpha"]) for one in grid] == [(10, 0.2), (20, 0.5), (5, 0.2), (40, 0.7)]
    assert all(row.setting["rate"] == rate for row in plan.rows)
    assert plan.rows[0].setting["weight_decay"] == recipe.weight_decay  # as all others have it
    blocks = plan.blocks({})  # every setting is given: there is no search
    assert len(blocks) == 2 + 2 * len(plan.rows)
    assert {block.split for block in blocks} == {"test"} and {block.seeds for block in blocks} == {
        (0, 1, 2, 3, 4)
    }
    assert {block.budget for block in blocks} == {recipe.steps}
    assert plan.size() == 5 * len(blocks)


def test_the_slides_numbers_are_those_of_the_slides():
    scores = [score for pair in SLIDES.values() for score in pair if score is not None]
    assert scores == [
        75, 91, 63, 82, 65.97, 84.56, 63.47, 83.91, 67.21, 85.34, 64.13, 84.27, 68.36, 85.57, 54.06, 76.86,
    ]  # fmt: skip


def record(world, method, setting, seed, accuracy, **changes):
    budget = CIFAR10_WORLDS[world].steps
    student = "teacher" if method == "teacher" else next(iter(CIFAR10_WORLDS[world].students))
    block = Block(world, student, method, as_setting(setting), (seed,), "test", budget)
    return Record(replace(block.cells[0], **changes), accuracy, 1.0, 5)


def test_the_table():
    empty = slide_table([])
    assert empty.count("not run") == 2 * len(SLIDES) and "| 65.97 | not run | 84.56 | not run |" in empty
    kd = {"rate": 0.1, "temperature": 10.0, "alpha": 0.2}
    records = [
        record("cifar10-novel", "kd", kd, 0, 70.0),
        record("cifar10-resnet", "teacher", {}, 0, 93.0),
        record("cifar10-resnet", "teacher", {}, 1, 95.0),
        # None of these belongs into it.
        record("cifar10-resnet", "kd", kd, 0, 11.11, split="validation"),
        record("cifar10-resnet", "kd", kd, 0, 11.11, budget=7),
        record("cifar10-resnet-fast", "kd", kd | {"rate": 0.4}, 0, 11.11),
        record("cifar10-resnet", "kd", kd | {"temperature": 11.0}, 0, 11.11),
        Record(replace(record("cifar10-resnet", "kd", kd, 0, 1.0).cell, world="digits"), 11.11, 1.0, 5),
    ]
    table = slide_table(records)
    assert "| KD, T = 10, alpha = 0.2 | 65.97 | 70.00 (1 seed) | 84.56 | not run |" in table
    assert "| teacher | 75 | not run | 91 | 94.00 ± 12.71 (2 seeds) |" in table  # 12.706 * sqrt(2) / sqrt(2)
    assert "11.11" not in table and "11.11 (1 seed)" in slide_table(records, FAST)


def test_the_page_shows_the_empty_table():
    page = (ROOT / "docs" / "cifar10.md").read_text(encoding="utf-8")
    assert slide_table([]) in page
    assert set(re.findall(r"-m (kdcourse[\w.]*)", page)) == {"kdcourse.bench.cifar10"}
    for recipe in (USUAL, FAST):
        assert f"{recipe.epochs}, {recipe.steps:,}" in page and f"| {recipe.batch_size} |" in page


def test_the_page_gives_the_costs_that_are_counted():
    page = (ROOT / "docs" / "cifar10.md").read_text(encoding="utf-8")
    resnet, novel = CIFAR10_WORLDS["cifar10-resnet"], CIFAR10_WORLDS["cifar10-novel"]
    costs = []
    for make in (
        resnet.make_teacher, resnet.students["resnet20"].make,
        novel.make_teacher, novel.students["novel"].make,
    ):  # fmt: skip
        net = make()
        costs.append(multiply_adds(net, torch.zeros(1, 3, 32, 32)))
        assert f"{costs[-1]:,}" in page and f"{count_parameters(net):,}" in page
    teacher, student = costs[:2]
    images = USUAL.epochs * FOR_TRAINING
    one = images * 3 * teacher, images * 3 * student, images * (3 * student + teacher)
    whole = one[0] + one[1] + 7 * one[2]
    for cost in (*one, whole, 5 * whole):
        assert f"| {cost:.1e} |".replace("e+", "e") in page


# ---------------------------------------------------------------- the training program


def train(tmp_path, *words, world=tiny.RESNET):
    return cifar10.main(["--world", world, "--file", str(tmp_path / "r.jsonl"), *words])


def test_one_training_fills_a_cell_of_the_plan(small, tmp_path, capsys, monkeypatch):
    assert train(tmp_path) == 0
    words = ("--method", "kd", "--setting", "temperature=10", "alpha=0.2")
    assert train(tmp_path, *words) == 0
    text = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"{tiny.RESNET}: teacher, seed 0: [\d.]+ % on the test images", text[0])
    assert text[1].startswith(
        f"{tiny.RESNET}: resnet20, kd (alpha 0.2, rate 0.1, temperature 10.0), seed 0: "
    )
    records = ResultsFile(tmp_path / "r.jsonl").read()
    plan = replace(slide_plan(), worlds={tiny.RESNET: ("resnet20",)}, seeds=(0,))
    planned = {cell.key for block in pending(plan, {}) for cell in block.cells}
    assert len(records) == 2 and {one.cell.key for one in records} <= planned
    # The plan's own run does not compute them again.
    assert len(pending(plan, by_key(records))) == len(planned) - 2

    monkeypatch.setattr(cifar10, "run_cifar10_block", None)
    assert train(tmp_path, *words) == 0
    assert capsys.readouterr().out.splitlines() == text[1:]
    assert cifar10.main(["--table", str(tmp_path / "r.jsonl")]) == 0
    assert capsys.readouterr().out == slide_table([])  # none of them of the real worlds


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "kd"], r"--setting of kd: .*temperature.*; expected something like temperature=1.0"),
        (["--method", "kd", "--setting", "temperature=3", "warmth=3"], "--setting of kd: .*warmth"),
        (["--method", "kd", "--setting", "4"], "--setting: expected NAME=VALUE, got '4'"),
        (["--method", "distil"], "--method: expected teacher or one of alone, .*, got 'distil'"),
        (["--method", "netaug", "--setting", "alpha=1"], "netaug does not apply to resnet20, .* no .*widths"),
        (["--method", "kd", "--setting", "temperature=4", "--steps", "0"], "--steps: expected a share"),
        (["--rate", "0.1"], "--setting, --rate and --steps: expected none of them for a teacher"),
    ],
)  # fmt: skip
def test_errors_of_the_command_line(small, tmp_path, capsys, words, message):
    assert train(tmp_path, *words) == 1
    assert re.match(f"kdcourse bench train: .*{message}", capsys.readouterr().err)
    assert not (tmp_path / "r.jsonl").exists()


def test_types_are_those_of_the_registry(small, tmp_path):
    """4 and 4.0 are different cells; the registry's k is a whole number, its temperature is not."""
    words = [
        "--method",
        "stored",
        "--setting",
        "k=2",
        "--steps",
        "0.3",
        "--split",
        "validation",
        "--seed",
        "3",
    ]
    assert train(tmp_path, *words, "--rate", "1", world=tiny.SMALL) == 0
    cell = ResultsFile(tmp_path / "r.jsonl").read()[0].cell
    assert dict(cell.setting) == {"k": 2, "rate": 1.0} and type(dict(cell.setting)["k"]) is int
    assert (cell.budget, cell.split, cell.seed) == (2, "validation", 3)


# ---------------------------------------------------------------- without the data


def test_a_missing_data_set_costs_nothing_else(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("KDCOURSE_DATA", str(tmp_path / "nothing"))
    message = r"CIFAR-10 is not in .*nothing.* put the file cifar-10-python\.tar\.gz"
    assert train(tmp_path) == 1
    assert re.search(message, capsys.readouterr().err)
    monkeypatch.setitem(WORLDS, NAME, tiny_world())
    row = slide_rows(USUAL)[0]
    plan = replace(tiny.tiny_plan(), worlds={tiny.RESNET: ("resnet20",), NAME: ("mlp",)}, rows=(row,))
    results = ResultsFile(tmp_path / "r.jsonl")
    with open_engine("serial") as engine:
        outcome = runner.run(plan, results, engine)
    assert {cell.cell.world for cell in results.read()} == {NAME} and outcome.computed == 4
    assert {block.world for block in outcome.failed} == {tiny.RESNET}
    for error in outcome.failed.values():
        assert isinstance(error, DatasetMissingError) and re.search(message, str(error))


# ---------------------------------------------------------------- processes, killed and many


def start(files, *words, processes=1):
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    return subprocess.Popen(
        [
            sys.executable, *(launcher if processes > 1 else []),
            str(Path(tiny.__file__)), str(files), *map(str, words),
        ],
        env=os.environ | {"KDCOURSE_DATA": str(files), "KDCOURSE_QUIET": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def finish(process):
    text, _ = process.communicate(timeout=600)
    assert process.returncode == 0, text
    return text


def kill_when(process, ready):
    deadline = time.monotonic() + 300
    while not ready():
        assert process.poll() is None and time.monotonic() < deadline, process.stdout.read()
        time.sleep(0.005)
    everyone = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in everyone:
        one.kill()
    psutil.wait_procs(everyone)
    process.communicate()


@pytest.mark.slow
def test_the_bench_command_killed_and_taken_up_again(files, tmp_path):
    """Killed in the teacher's training, in a student's, and after some cells: the end is the same."""
    whole, killed = tmp_path / "whole" / "r.jsonl", tmp_path / "killed" / "r.jsonl"
    words = ("bench", "run", "cifar10", "--engine", "serial", "--file")
    assert "6 cells computed" in finish(start(files, *words, whole))
    folder = killed.parent / "teachers"

    def lines():
        return killed.read_bytes().count(b"\n") if killed.exists() else 0

    for ready in (
        lambda: any(folder.glob("*.part")),
        lambda: any(folder.glob("training-*.ckpt")),
        lambda: lines() >= 4,
    ):
        kill_when(start(files, *words, killed), ready)
    before = lines()
    assert 4 <= before < 6
    assert f"{6 - before} cells computed" in finish(start(files, *words, killed))
    one, other = (
        {record.cell: record.accuracy for record in ResultsFile(file).read()} for file in (whole, killed)
    )
    assert one == other and len(one) == 6
    assert "0 cells computed" in finish(start(files, *words, killed))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="torchrun wants a Unix")
def test_two_processes_train_one_student(files, tmp_path):
    """Its first stage ends at a middle layer, so that the parameters behind it get no gradient."""
    words = (
        "train", "--world", tiny.RESNET, "--file", tmp_path / "r.jsonl",
        "--method", "two_stage_hint", "--setting", "share=0.5",
    )  # fmt: skip
    for _ in range(2):  # the second time it is known
        text = finish(start(files, *words, processes=2))
        assert text.count("two_stage_hint (rate 0.1, share 0.5), seed 0: ") == 1  # one of them tells
        (record,) = ResultsFile(tmp_path / "r.jsonl").read()
        assert record.device == "2 x cpu" and 0 <= record.accuracy <= 100
