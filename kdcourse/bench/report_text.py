"""Tables of the benchmark as text: Markdown for files, HTML for notebooks, CSV for other programs; and under
each table, how to read it."""

from __future__ import annotations

import csv
import html
import io
import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from kdcourse.bench.report_tables import SIGNIFICANT, Against, Arm, Overall, OverallRow, Table, describe
from kdcourse.evaluation import Estimate

NOTHING = "–"


class _Column(NamedTuple):
    """name: for `columns=`. write: a row -> its text. strong: a row -> whether it stands out."""

    name: str
    heading: str
    write: Callable[[Arm | OverallRow], str]
    strong: Callable[[Arm | OverallRow], bool] = lambda row: False


def to_markdown(*reports: Table | Overall, columns: Sequence[str] | None = None) -> str:
    """Each table with its heading, and how to read it as a list below.

    Args:
        reports: tables of `compare`, and what `overall` made of them.
        columns: names of the columns to show, of "setting", "seeds", "accuracy", "difference", "p",
            "second", "second_p", "gap", "rank", "seconds", "parameters", "trials"; None shows all that are
            not empty. Of `Overall`: "rank", "tables", "above", "below".

    Lecture:
        18_capstone, section 5, through `to_html`.
    """
    parts = []
    for report in reports:
        shown = _columns(report, columns)
        ends = ["---" if column.name in ("title", "setting") else "---:" for column in shown]
        cells = [[column.heading for column in shown], ends]
        for row in _rows(report):
            texts = [column.write(row).replace("|", r"\|") for column in shown]
            cells.append([f"**{t}**" if c.strong(row) else t for t, c in zip(texts, shown)])
        lines = [f"| {' | '.join(line)} |" for line in cells]
        parts += [f"### {_heading(report)}", "\n".join(lines), "\n".join(f"- {s}" for s in explain(report))]
    return "\n\n".join(parts) + "\n"


def to_html(report: Table | Overall, *, columns: Sequence[str] | None = None) -> str:
    """One table for a notebook, with its heading as caption and how to read it folded away below.

    Args:
        columns: as for `to_markdown`.

    Lecture:
        18_capstone, section 5.
    """
    shown = _columns(report, columns)
    head = "".join(f'<th scope="col">{html.escape(column.heading)}</th>' for column in shown)
    body = []
    for row in _rows(report):
        texts = [html.escape(column.write(row)) for column in shown]
        texts = [f"<strong>{t}</strong>" if c.strong(row) else t for t, c in zip(texts, shown)]
        first = f'<th scope="row" style="text-align:left">{texts[0]}</th>'
        body.append(f"<tr>{first}{''.join(f'<td>{text}</td>' for text in texts[1:])}</tr>")
    notes = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in explain(report))
    return (
        f"<table><caption>{html.escape(_heading(report))}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table>"
        f"<details><summary>How to read this table</summary><ul>{notes}</ul></details>"
    )


def to_csv(tables: Iterable[Table]) -> str:
    """All rows of all tables with all their numbers; empty where there is none.

    Lecture:
        18_capstone, section 5, through `to_html`.
    """
    file = io.StringIO()
    rows = [_numbers(table, arm) for table in tables for arm in table.arms]
    if rows:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return file.getvalue()


def explain(report: Table | Overall) -> list[str]:
    """What is paired, what intervals cover, how p-values are adjusted, what was tuned, what is missing."""
    return _explain_overall(report) if isinstance(report, Overall) else _explain_table(report)


# ---------------------------------------------------------------- columns


def _rows(report: Table | Overall) -> tuple[Arm, ...] | tuple[OverallRow, ...]:
    return report.rows if isinstance(report, Overall) else report.arms


def _heading(report: Table | Overall) -> str:
    if isinstance(report, Overall):
        return f"Over {len(report.tables)} tables"
    return f"{report.world}, {report.student}, {report.budget:,} steps"


def _columns(report: Table | Overall, names: Sequence[str] | None) -> list[_Column]:
    """The title and the columns of these names; of all, without those that would be empty."""
    first, *rest = _overall_columns(report) if isinstance(report, Overall) else _table_columns(report)
    if names is None:
        return [first, *(c for c in rest if any(c.write(row) != NOTHING for row in _rows(report)))]
    by_name = {column.name: column for column in rest}
    if not set(names) <= set(by_name):
        raise ValueError(f"columns: expected some of {', '.join(by_name)}, got {', '.join(names)}")
    return [first, *(by_name[name] for name in names)]


def _table_columns(table: Table) -> list[_Column]:
    n = len(table.seeds)
    return [
        _Column("title", "Method", lambda arm: arm.title),
        _Column("setting", "Setting", lambda arm: describe(arm.setting) or NOTHING),
        _Column("seeds", "Seeds", lambda arm: f"{len(arm.scores)} of {n}" if len(arm.scores) < n else f"{n}"),
        _Column("accuracy", "Accuracy, %", lambda arm: _estimate(arm.accuracy)),
        *_against_columns("difference", "p", table.reference, n, lambda arm: arm.reference),
        *_against_columns("second", "second_p", table.second, n, lambda arm: arm.second),
        _Column("gap", "Gap closed, %", lambda arm: f"{arm.gap:.0f}" if arm.gap else NOTHING),
        _Column("rank", "Mean rank", lambda arm: f"{arm.rank:.1f}" if arm.rank else NOTHING),
        _Column("seconds", "Seconds a seed", lambda arm: f"{arm.seconds:.3g}"),
        _Column("parameters", "Parameters", lambda arm: f"{arm.parameters:,}"),
        _Column("trials", "Trials", lambda arm: str(arm.trials)),
    ]


def _against_columns(
    name: str, p_name: str, other: str | None, n: int, pick: Callable[[Arm], Against | None]
) -> list[_Column]:
    def difference(arm: Arm) -> str:
        pair = pick(arm)
        if pair is None:
            return NOTHING
        few = f" ({pair.difference.n} seeds)" if 1 < pair.difference.n < n else ""
        return _estimate(pair.difference, sign="+") + few

    def p_value(arm: Arm) -> str:
        p = pick(arm).p_value if pick(arm) else None
        return NOTHING if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"

    return [
        _Column(name, f"minus {other}", difference, lambda arm: bool(pick(arm) and pick(arm).significant)),
        _Column(p_name, "adjusted p", p_value),
    ]


def _overall_columns(report: Overall) -> list[_Column]:
    n = len(report.tables)
    return [
        _Column("title", "Method", lambda row: row.title),
        _Column("rank", "Mean rank", lambda row: NOTHING if row.rank is None else f"{row.rank:.1f}"),
        _Column("tables", "Tables", lambda row: f"{row.tables} of {n}" if row.tables < n else f"{n}"),
        _Column("above", "Above the reference", lambda row: str(row.above)),
        _Column("below", "Below the reference", lambda row: str(row.below)),
    ]


def _estimate(value: Estimate, sign: str = "") -> str:
    if math.isinf(value.low):
        return f"{value.mean:{sign}.2f} (one seed)"
    return f"{value:{sign}.2f}"


def _numbers(table: Table, arm: Arm) -> dict[str, object]:
    def interval(name: str, value: Estimate | None) -> dict[str, object]:
        ends = (value.mean, value.low, value.high) if value else (None, None, None)
        return dict(zip((name, f"{name}_low", f"{name}_high"), map(_number, ends)))

    row = {
        "world": table.world, "student": table.student, "budget": table.budget,
        "title": arm.title, "family": arm.family, "method": arm.method,
        "setting": json.dumps(dict(arm.setting), sort_keys=True),
        "seeds": len(arm.scores), "seeds_wanted": len(table.seeds),
    }  # fmt: skip
    row |= interval("accuracy", arm.accuracy)
    for name, other, pair in (
        ("difference", table.reference, arm.reference),
        ("second", table.second, arm.second),
    ):
        row[f"{name}_from"] = other
        row |= interval(name, pair and pair.difference)
        row[f"{name}_seeds"] = pair and pair.difference.n
        row[f"{name}_adjusted_p"] = _number(pair and pair.p_value)
    row |= interval("gap", arm.gap)
    return row | {
        "rank": _number(arm.rank), "seconds": _number(arm.seconds),
        "parameters": arm.parameters, "trials": arm.trials,
    }  # fmt: skip


def _number(value: float | None) -> str | None:
    """Six digits; nothing for the ends of an infinite interval."""
    return None if value is None or math.isinf(value) else f"{value:.6g}"


# ---------------------------------------------------------------- how to read it


def _explain_table(table: Table) -> list[str]:
    said = [
        "Accuracy: of the test images, mean over seeds ± half the width of its 95 % interval (Student's t). "
        "The interval covers what other seeds of the same kind would change, nothing else.",
    ]
    said += _explain_pairs(table)
    said += _explain_teacher(table) + _explain_ranks(table) + _explain_search(table)
    said.append(
        "The p-values are over seeds of one data set: they say how sure a difference is on this data, not "
        "how far it carries. Where seeds share images, as splits of the digits do, the differences are not "
        "independent, and intervals and p-values come out too small (Nadeau and Bengio 2003)."
    )
    for arm in table.arms:
        absent = [str(seed) for seed in table.seeds if seed not in arm.scores]
        if absent:
            have = len(table.seeds) - len(absent)
            said.append(
                f"{arm.title}: {have} of {len(table.seeds)} seeds; no record of seed {', '.join(absent)}."
            )
    if table.missing:
        said.append(f"No test record at all: {'; '.join(table.missing)}.")
    if table.unfit:
        said.append(f"Not for this student, which lacks what they need: {'; '.join(table.unfit)}.")
    return [*said, *table.notes]


def _explain_pairs(table: Table) -> list[str]:
    columns = {
        table.reference: [arm.reference for arm in table.arms if arm.reference],
        table.second: [arm.second for arm in table.arms if arm.second],
    }
    tested = {
        f"minus {name}": sum(pair.p_value is not None for pair in pairs)
        for name, pairs in columns.items()
        if pairs
    }
    if not tested:
        return []
    return [
        f"{', '.join(tested)}: the mean difference in percentage points, seed by seed over the seeds that "
        "both have. A seed fixes the first weights, the batches, the teacher, and the split of the data if "
        "there is one. Each interval is for its row alone, not adjusted. The p-values (paired t-test, "
        "two-sided) are adjusted by Holm's method over all comparisons of their column: "
        f"{', '.join(map(str, tested.values()))}. Bold: adjusted p < {SIGNIFICANT}."
    ]


def _explain_teacher(table: Table) -> list[str]:
    if table.teacher is None:
        return ["No test record of the teacher, so no share of the gap to it."]
    teacher = f"The teacher, trained for {table.teacher_steps:,} steps: {_estimate(table.teacher)} %."
    if any(arm.gap for arm in table.arms):
        return [
            f"{teacher} Gap closed: mean gain over {table.reference} as a share of the teacher's mean gain "
            "over it, with a jackknife interval."
        ]
    return [
        f"{teacher} No share of a gap: it takes 3 shared seeds and a teacher that is better, also "
        "without any one of the seeds."
    ]


def _explain_ranks(table: Table) -> list[str]:
    if not table.ranked:
        return ["No mean ranks: no seed is shared by all rows."]
    n = sum(arm.rank is not None for arm in table.arms)
    words = (
        f"Mean rank: among the {n} rows that have all of the {len(table.ranked)} seeds {_span(table.ranked)}"
    )
    words += "; 1 is best, ties share their places."
    if table.friedman is not None:
        words += f" Friedman's test of equal ranks: p = {table.friedman:.2g}."
    return [words]


def _explain_search(table: Table) -> list[str]:
    trials = sorted({arm.trials for arm in table.arms if arm.trials})
    if not trials:
        return ["Nothing was searched: all settings were given."]
    seeds = table.search_seeds
    apart = "also in this table" if set(seeds) & set(table.seeds) else "none of them in this table"
    words = (
        f"Setting: the best mean validation accuracy on seeds {_span(seeds)} ({apart}); trials says out of "
        "how many."
    )
    if any(not arm.trials for arm in table.arms):
        words += " 0 trials: the setting was given, not searched."
    if len(trials) > 1:
        words += f" The search was not equal: {trials[0]} to {trials[-1]} trials."
    return [words]


def _explain_overall(report: Overall) -> list[str]:
    n, reference = len(report.tables), report.reference or "the reference of its table"
    said = [
        f"Tables: {'; '.join(report.tables)}.",
        f"Mean rank: of mean accuracy in each table, averaged over the tables (Demšar 2006), among the "
        f"{report.ranked} rows that all tables have; 1 is best.",
        f"Above, below: in how many tables the row differs from {reference} with an adjusted "
        f"p < {SIGNIFICANT}. The adjustment is within each table.",
    ]
    if report.friedman is not None:
        said.append(
            f"Friedman's test of equal ranks over tables: p = {report.friedman:.2g}. It takes the tables for "
            "independent, which two students on the same data are not"
            + ("; and it asks for more than 10 of them." if n <= 10 else ".")
        )
    return said


def _span(seeds: Sequence[int]) -> str:
    """Seeds in words: a range where there are no gaps.

    >>> _span((200, 201, 202)), _span((0, 2))
    ('200 to 202', '0, 2')
    """
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))
