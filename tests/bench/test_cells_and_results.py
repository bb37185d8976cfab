"""Cells keep their keys, and a results file loses nothing."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from kdcourse.bench.cells import Block, Cell, Record, as_setting, statements
from kdcourse.bench.results import ResultsError, ResultsFile

CELL = Cell("digits", "mlp", "kd", as_setting({"temperature": 4.0, "rate": 0.01}), 3, "test", 400)


def record(seed=3, accuracy=91.25):
    return Record(
        replace(CELL, seed=seed), accuracy, 1.5, 3466, "abc", "2.12", "cpu", "2026-01-01T00:00:00+00:00"
    )


def test_a_key_is_the_same_in_every_process_and_order_of_the_setting():
    again = Cell("digits", "mlp", "kd", as_setting({"rate": 0.01, "temperature": 4.0}), 3, "test", 400)
    assert again.key == CELL.key and len(CELL.key) == 16
    code = (
        "from kdcourse.bench.cells import Cell, as_setting\n"
        "setting = as_setting({'temperature': 4.0, 'rate': 0.01})\n"
        "print(Cell('digits', 'mlp', 'kd', setting, 3, 'test', 400).key)"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": "1"}, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == CELL.key


@pytest.mark.parametrize(
    "change",
    [
        {"world": "shapes"}, {"student": "cnn"}, {"method": "dkd"}, {"seed": 4}, {"split": "validation"},
        {"budget": 401}, {"setting": as_setting({"temperature": 4.0, "rate": 0.02})},
        {"setting": as_setting({"temperature": 4.0})},
    ],
)  # fmt: skip
def test_a_key_changes_with_all_that_a_result_depends_on(change):
    assert replace(CELL, **change).key != CELL.key


def test_a_block_names_its_cells():
    block = Block("digits", "mlp", "kd", CELL.setting, (2, 3), "test", 400)
    assert block.cells == (replace(CELL, seed=2), CELL)
    assert block.only([3]) == CELL.block


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match=r"split: expected one of validation, test, got 'train'"):
        replace(CELL, split="train")


def test_a_record_survives_its_line():
    assert Record.from_json(record().to_json()) == record()
    whole = replace(CELL, setting=as_setting({"rate": 0.01, "layer": "last", "k": 5}))
    assert Record.from_json(replace(record(), cell=whole).to_json()).cell == whole


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line[:-5],
        lambda line: "[]",
        lambda line: "{}",
        lambda line: line.replace('"seed": 3', '"seed": 4'),  # the key speaks of another cell
        lambda line: line.replace("91.25", "NaN"),
        lambda line: line.replace("91.25", "912.5"),
        lambda line: line.replace('"seconds"', '"second"'),
    ],
)
def test_a_damaged_line_is_no_record(damage):
    line = record().to_json()
    assert damage(line) != line
    with pytest.raises(ValueError):
        Record.from_json(damage(line))


def test_appended_records_are_read_in_order(tmp_path):
    file = ResultsFile(tmp_path / "new" / "results.jsonl")
    assert file.read() == []
    file.append([record(0), record(1)])
    file.append([])
    file.append([record(2)])
    assert ResultsFile(file.path).read() == [record(0), record(1), record(2)]
    assert all(json.loads(line)["key"] for line in file.path.read_text().splitlines())


def test_of_one_cell_the_first_record_counts(tmp_path):
    file = ResultsFile(tmp_path / "results.jsonl")
    file.append([record(0, 90.0)])
    file.append([record(0, 80.0), record(1)])
    assert file.read() == [record(0, 90.0), record(1)]


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_line_cut_short_by_a_kill_costs_only_itself(tmp_path, cut):
    file = ResultsFile(tmp_path / "results.jsonl")
    file.append([record(0), record(1)])
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[:-cut])
    assert file.read() == [record(0)]
    file.append([record(2)])
    assert file.read() == [record(0), record(2)]


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    file = ResultsFile(tmp_path / "results.jsonl")
    file.append([record(0), record(1), record(2)])
    lines = file.path.read_text().splitlines(keepends=True)
    file.path.write_text(lines[0] + "rubbish\n" + lines[2])
    with pytest.raises(ResultsError, match=r"line 2.*Remove this line"):
        file.read()


def test_two_runs_do_not_write_to_one_file(tmp_path):
    path = tmp_path / "results.jsonl"
    with (
        ResultsFile(path).locked(),
        pytest.raises(ResultsError, match="Another run is writing"),
        ResultsFile(path).locked(),
    ):
        pass
    with ResultsFile(path).locked():
        pass


def test_the_fingerprint_is_of_statements_and_not_of_words():
    code = 'def f(x):\n    """Half of x."""\n    return x / 2  # exact\n'
    same = ["def f(x):\n    return x/2\n", code.replace("Half", "One half"), code.replace("\n", "\r\n")]
    assert {statements(text) for text in same} == {statements(code)}
    assert statements(code.replace("2 ", "3 ")) != statements(code)
    assert statements('class A:\n    "Only a docstring."\n') == "class A:\n    pass"
    kept = 'def f():\n    x = "a text"\n    return x'
    assert statements(kept) == kept.replace('"', "'")
