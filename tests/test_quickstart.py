"""The page for engineers: its examples run, and its table names what is there."""

import doctest
import re
import sys
from pathlib import Path

import pytest

from kdcourse import losses, models

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "losses_quickstart.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if line.startswith("| `")
]


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples_run(number):
    test = doctest.DocTestParser().get_doctest(EXAMPLES[number], {}, f"example {number + 1}", None, 0)
    said = []
    assert len(test.examples) > 5
    assert doctest.DocTestRunner().run(test, out=said.append).failed == 0, "".join(said)


def test_there_are_three_examples():
    assert len(EXAMPLES) == 3


def test_the_table_names_losses_that_exist():
    ours = [row[0].strip("`") for row in ROWS]
    assert len(set(ours)) == len(ours) >= 20
    assert [name for name in ours if name not in losses.__all__ and name not in models.__all__] == []
    mentioned = set(re.findall(r"`(\w+_loss|soft_cross_entropy)`", TEXT.split("## Names")[0]))
    assert mentioned <= set(losses.__all__)


def test_the_table_says_of_torchdistill_what_the_benchmark_checks():
    sys.path.append(str(ROOT / "benchmarks"))
    from loss_bench.cases import CASES

    relations = {
        case.name: case.peers["torchdistill"].relation for case in CASES if "torchdistill" in case.peers
    }
    said = {}
    for name, cell, *_ in ROWS:
        if cell != "–":
            words = cell.partition(": ")[2]
            kinds = {"equal but": "nearly", "equal": "equal", "×": "factor", "another formula": "other"}
            said[name.strip("`")] = next(kind for start, kind in kinds.items() if words.startswith(start))
    assert said == relations


def test_every_row_has_all_columns():
    assert {len(row) for row in ROWS} == {4}
