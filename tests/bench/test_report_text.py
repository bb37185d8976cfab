"""Tables as text: Markdown, HTML and CSV hold the same numbers, and nothing breaks them."""

import csv
import io
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from made_records import SMALL, grid_records, scored, three_worlds

from kdcourse.bench.methods import METHODS
from kdcourse.bench.report import compare, overall
from kdcourse.bench.report_text import explain, to_csv, to_html, to_markdown

ALONE, KD = METHODS["alone"].title, METHODS["kd"].title


class Rows(HTMLParser):
    """The cells of all rows of an HTML table."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open, self.tags = [], False, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.open = True

    def handle_endtag(self, tag):
        self.open = self.open and tag not in ("td", "th")

    def handle_data(self, data):
        if self.open:
            self.rows[-1][-1] += data


def markdown_rows(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [
        [cell.strip().strip("*").replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines
    ]
    return [cells[0], *cells[2:]]


def test_markdown_and_html_hold_the_same_cells():
    for report in (
        *compare(three_worlds()),
        overall(compare(three_worlds())),
        compare(SMALL)[0],
        compare(grid_records())[0],
    ):
        rows = markdown_rows(to_markdown(report))
        assert rows == Rows(to_html(report)).rows and len({len(row) for row in rows}) == 1
        assert report._repr_html_() == to_html(report)
        for said in explain(report):
            assert f"- {said}" in to_markdown(report)


def test_a_row_as_a_reader_sees_it():
    (table,) = compare(SMALL)
    head, kd, alone, _ = markdown_rows(to_markdown(table))
    p = f"{table.arm(KD).reference.p_value:.3f}"
    known = dict(zip(head, kd))
    assert known["Method"] == KD and known["Setting"] == "rate 0.01" and known["Seeds"] == "4"
    assert known["Accuracy, %"] == "93.00 ± 2.60" and known[f"minus {ALONE}"] == "+1.50 ± 0.92"
    assert known["Mean rank"] == "1.1" and known["Seconds a seed"] == "3" and known["Parameters"] == "100"
    assert known["Trials"] == "0" and known["Gap closed, %"].startswith("50 ± ") and p in kd
    assert dict(zip(head, alone))[f"minus {ALONE}"] == "–"
    line = next(line for line in to_markdown(table).splitlines() if line.startswith(f"| {KD}"))
    assert "| **+1.50 ± 0.92** |" in line, "sure differences stand out"
    assert "<strong>+1.50 ± 0.92</strong>" in to_html(table)
    assert to_markdown(table).count("**") == 2 + 2, "kd minus alone, alone minus kd; third is not sure"


def test_titles_cannot_break_a_table():
    records = [*SMALL, *scored("a|b <i>&", [90.0, 91.0, 92.0, 93.0])]
    (table,) = compare(records)
    assert any(row[0] == "a|b <i>&" for row in markdown_rows(to_markdown(table)))
    html = to_html(table)
    assert "a|b &lt;i&gt;&amp;" in html and "<i>" not in html
    assert any(row[0] == "a|b <i>&" for row in Rows(html).rows)


def test_a_table_for_screen_readers():
    html = to_html(compare(SMALL)[0])
    assert html.startswith("<table><caption>digits, mlp, 10 steps</caption>")
    assert html.count('scope="col"') == len(Rows(html).rows[0]) and html.count('scope="row"') == 3
    assert html.endswith("</ul></details>")


def test_columns_can_be_chosen():
    (table,) = compare(SMALL)
    head = ["Method", "Accuracy, %", f"minus {ALONE}", "adjusted p"]
    assert markdown_rows(to_markdown(table, columns=["accuracy", "difference", "p"]))[0] == head
    assert Rows(to_html(table, columns=["accuracy", "difference", "p"])).rows[0] == head
    with pytest.raises(
        ValueError, match=r"^columns: expected some of setting, seeds, accuracy, .*, got speed"
    ):
        to_html(table, columns=["speed"])


def test_csv_holds_every_number():
    tables = [*compare([*SMALL, *scored("fourth", {2: 93.0})]), *compare(three_worlds())]
    rows = list(csv.DictReader(io.StringIO(to_csv(tables))))
    arms = [(table, arm) for table in tables for arm in table.arms]
    assert len(rows) == len(arms) and to_csv([]) == ""

    def number(text):
        return float(text) if text else None

    for row, (table, arm) in zip(rows, arms):
        assert (row["world"], row["student"], row["title"]) == (table.world, table.student, arm.title)
        assert row["setting"] == '{"rate": 0.01}'
        assert number(row["accuracy"]) == pytest.approx(arm.accuracy.mean, rel=1e-5)
        assert int(row["seeds"]) == len(arm.scores) and int(row["seeds_wanted"]) == len(table.seeds)
        assert number(row["rank"]) == (arm.rank and pytest.approx(arm.rank, rel=1e-5))
        for name, pair in (("difference", arm.reference), ("second", arm.second)):
            if pair is None:
                assert row[name] == row[f"{name}_low"] == row[f"{name}_adjusted_p"] == ""
            else:
                assert number(row[name]) == pytest.approx(pair.difference.mean, rel=1e-5)
                assert number(row[f"{name}_adjusted_p"]) == (
                    pair.p_value and pytest.approx(pair.p_value, rel=1e-5)
                )
                assert int(row[f"{name}_seeds"]) == pair.difference.n
        for name, value in (("accuracy", arm.accuracy), ("gap", arm.gap)):
            ends = value and math.isfinite(value.low) and (value.low, value.high)
            found = number(row[f"{name}_low"]), number(row[f"{name}_high"])
            assert found == (pytest.approx(ends, rel=1e-5) if ends else (None, None))


def test_small_p_values_are_not_zero():
    rng = np.random.default_rng(0)
    sure = [95.0 + value for value in rng.normal(0, 0.01, 8)]
    (table,) = compare([*scored("alone", [90.0 + 0.01 * i for i in range(8)]), *scored("kd", sure)])
    assert "< 0.001" in to_markdown(table) and "&lt; 0.001" in to_html(table)
