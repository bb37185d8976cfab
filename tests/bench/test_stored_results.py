"""The stored results are whole, and come out again when computed again."""

from collections import defaultdict
from pathlib import Path

import pytest

from kdcourse.bench.block import run_block
from kdcourse.bench.plans import by_key, pending
from kdcourse.bench.presets import preset
from kdcourse.bench.results import ResultsFile

FOLDER = Path(__file__).parents[2] / "benchmarks" / "results"


@pytest.mark.parametrize("name", ["all", "survey"])
def test_every_cell_of_the_preset_is_there_once(name):
    file = FOLDER / f"{name}.jsonl"
    records, plan = ResultsFile(file).read(), preset(name)
    assert len(records) == len(file.read_text().splitlines())
    left = sorted({block.method for block in pending(plan, by_key(records))})
    command = f"kdcourse bench run {name} --methods {','.join(left)} --file benchmarks/results/{name}.jsonl"
    assert left == [], f"not computed yet (some minutes a method): {command}"
    known = {cell.key for block in plan.blocks(by_key(records)) for cell in block.cells}
    assert {record.cell.key for record in records} == known


@pytest.mark.slow
@pytest.mark.parametrize("method, student", [("kd", "mlp"), ("alone", "mlp"), ("hint_last", "cnn")])
def test_a_block_comes_out_again(method, student, tmp_path):
    """Within what another processor may change: rounding grows in training, so nets differ a little."""
    plan = preset("all")
    records = by_key(ResultsFile(FOLDER / "all.jsonl").read())
    row = next(row for row in plan.rows if row.method == method)
    block = plan.verdict("digits", student, row, records)
    again = run_block(block, tmp_path)
    stored = [records[cell.key].accuracy for cell in block.cells]
    differences = [record.accuracy - score for record, score in zip(again, stored, strict=True)]
    assert abs(sum(differences)) / len(differences) < 0.5
    assert max(map(abs, differences)) < 3


def test_settings_were_chosen_on_validation_images_of_other_seeds():
    splits = defaultdict(set)
    for record in ResultsFile(FOLDER / "all.jsonl").read():
        splits[record.cell.split].add(record.cell.seed)
    assert not splits["validation"] & splits["test"]
