"""From records to tables: every arm against one reference, seed by seed, with the number of looks paid for.

A table holds one world and one student; `overall` looks over several tables. How they are written down is in
`kdcourse.bench.report_text`, how they are drawn in `kdcourse.bench.report_figures`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from kdcourse.bench.cells import TEACHER, Record, Setting
from kdcourse.bench.methods import METHODS
from kdcourse.bench.plans import Plan, by_key
from kdcourse.bench.report_tables import Against, Arm, Overall, OverallRow, Scores, Table, describe
from kdcourse.evaluation import (
    Estimate,
    friedman,
    gap_closed,
    holm,
    mean_interval,
    paired_difference,
    paired_p_value,
    ranks,
)


def compare(
    records: Sequence[Record], *, reference: str = "alone", second: str = "kd", plan: Plan | None = None
) -> list[Table]:
    """One table for each (world, student), and for each budget where there are several.

    Only cells of the split "test" are judged; those of "validation" say how many trials a setting was chosen
    from. Two arms are compared over the seeds that both have.

    Args:
        records: as a `ResultsFile` reads them, also of a run that is not finished.
        reference, second: a method's name; or the title of a row, where a method has several. Of a method
            with several rows, the name means the one that was searched.
        plan: whose rows to show, with its titles, settings, seeds and budget. Without one every
            (method, setting) is a row, and each should have the seeds of all rows together.

    Raises:
        ValueError: an accuracy that is no number, two different results of one cell, or a reference that
            names several rows.

    Lecture:
        18_capstone, section 5.
    """
    records = _checked(records)
    groups: dict[tuple[str, str, int], list[Record]] = defaultdict(list)
    teachers: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        cell = record.cell
        if cell.student == TEACHER:
            teachers[cell.world].append(record)
        else:
            groups[cell.world, cell.student, cell.budget].append(record)
    if plan is None:
        wanted = sorted(groups)
    else:
        wanted = [
            (world, student, plan.budget(world)) for world in plan.worlds for student in plan.worlds[world]
        ]
    tables, empty = [], []
    for world, student, budget in wanted:
        group = groups[world, student, budget]
        table = _without_plan(group) if plan is None else _with_plan(group, plan, world, student)
        if table.arms:
            table = replace(table, world=world, student=student, budget=budget, notes=_versions(group))
            tables.append(_compared(table, reference, second, teachers[world]))
        else:
            empty.append(f"{world}, {student}")
    if empty and plan is not None:
        note = f"Not begun, and so without a table: {'; '.join(empty)}."
        tables = [replace(table, notes=(*table.notes, note)) for table in tables]
    return tables


def overall(tables: Sequence[Table]) -> Overall:
    """Ranks of mean accuracy in each table, averaged over tables (Demšar, JMLR 2006), among the rows that
    all tables have; and how often each row differs from the reference.

    Rows of different tables belong together by their title.

    Lecture:
        18_capstone, section 5.
    """
    found: dict[str, list[Arm]] = defaultdict(list)
    for table in tables:
        for arm in table.arms:
            found[arm.title].append(arm)
    everywhere = [title for title, arms in found.items() if len(arms) == len(tables)]
    means = [[arm.accuracy.mean for arm in found[title]] for title in everywhere]
    mean_ranks = dict(zip(everywhere, ranks(means).tolist())) if means else {}
    rows = [
        OverallRow(
            title,
            arms[0].family,
            len(arms),
            mean_ranks.get(title),
            above=sum(_differs(arm) and arm.reference.difference.mean > 0 for arm in arms),
            below=sum(_differs(arm) and arm.reference.difference.mean < 0 for arm in arms),
        )
        for title, arms in found.items()
    ]
    rows.sort(key=lambda row: (row.rank is None, row.rank, -row.above, row.below, row.title))
    references = {table.reference for table in tables}
    return Overall(
        tuple(rows),
        tuple(f"{table.world}, {table.student}" for table in tables),
        ranked=len(everywhere),
        reference=references.pop() if len(references) == 1 else None,
        friedman=_friedman(means),
    )


# ---------------------------------------------------------------- from records to arms


def _checked(records: Iterable[Record]) -> list[Record]:
    """Records without repetitions, all with a finite accuracy."""
    kept: dict[object, Record] = {}
    for record in records:
        where = f"{record.cell.block}, seed {record.cell.seed}, {record.cell.split}"
        if not math.isfinite(record.accuracy):
            raise ValueError(
                f"{where}: expected an accuracy in percent, got {record.accuracy}. Remove this record, "
                "so that the cell is computed again; if the result is the same, the training diverges."
            )
        known = kept.setdefault(record.cell, record)
        if known.accuracy != record.accuracy:
            raise ValueError(
                f"{where}: expected one result, got {known.accuracy} and {record.accuracy}. "
                "Keep the one that belongs to the other records (code, torch, device)."
            )
    return list(kept.values())


def _without_plan(group: Sequence[Record]) -> Table:
    """Every (method, setting) that was tested; searched is what has the best mean on validation images."""
    tests, searched = _tests(group), _searched(group)
    arms = []
    for (method, setting), found in tests.items():
        tried = searched.get(method, {})
        chosen = setting in tried and tried[setting] >= max(tried.values()) - 1e-9
        title = _title(method, setting, [s for m, s in tests if m == method])
        arms.append(_arm(title, found, len(tried) if chosen else 0))
    seeds = {record.cell.seed for found in tests.values() for record in found}
    search_seeds = {record.cell.seed for record in group if record.cell.split == "validation"}
    return Table(arms=tuple(arms), seeds=tuple(sorted(seeds)), search_seeds=tuple(sorted(search_seeds)))


def _with_plan(group: Sequence[Record], plan: Plan, world: str, student: str) -> Table:
    """The rows of a plan, each with the setting that the plan's own search chose."""
    tests = _tests(record for record in group if record.cell.seed in plan.seeds)
    known = by_key(group)
    rows = [row for w, s, row in plan.contests() if (w, s) == (world, student)]
    arms, missing = [], []
    for row in rows:
        found = tests.get((row.method, plan.chosen(world, student, row, known)))
        if found:
            arms.append(_arm(row.title, found, len(plan.search(world, student, row))))
        else:
            missing.append(row.title)
    return Table(
        arms=tuple(arms),
        seeds=tuple(sorted(plan.seeds)),
        search_seeds=tuple(sorted(plan.search_seeds)),
        missing=tuple(missing),
        unfit=tuple(row.title for row in plan.rows if row not in rows),
    )


def _tests(group: Iterable[Record]) -> dict[tuple[str, Setting], list[Record]]:
    tests: dict[tuple[str, Setting], list[Record]] = defaultdict(list)
    for record in group:
        if record.cell.split == "test":
            tests[record.cell.method, record.cell.setting].append(record)
    return dict(tests)


def _versions(group: Sequence[Record]) -> tuple[str, ...]:
    """A note for each thing that should have been the same for all, and was not."""
    found = {what: sorted({getattr(r, what) for r in group} - {""}) for what in ("code", "torch", "device")}
    return tuple(
        f"Computed with more than one {what}: {', '.join(versions)}."
        for what, versions in found.items()
        if len(versions) > 1
    )


def _arm(title: str, found: Sequence[Record], trials: int) -> Arm:
    cell = found[0].cell
    scores = dict(sorted((record.cell.seed, record.accuracy) for record in found))
    seconds = math.fsum(record.seconds for record in found) / len(found)
    family = METHODS[cell.method].family if cell.method in METHODS else ""
    parameters = max(record.parameters for record in found)
    mean = _estimate(list(scores.values()))
    return Arm(title, family, cell.method, cell.setting, scores, mean, seconds, parameters, trials)


def _searched(group: Sequence[Record]) -> dict[str, dict[Setting, float]]:
    """method -> setting -> mean validation accuracy."""
    found: dict[str, dict[Setting, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in group:
        if record.cell.split == "validation":
            found[record.cell.method][record.cell.setting].append(record.accuracy)
    return {m: {s: math.fsum(v) / len(v) for s, v in tried.items()} for m, tried in found.items()}


def _title(method: str, setting: Setting, others: Sequence[Setting]) -> str:
    """The method's title, with what tells this setting from the others of the table."""
    title = METHODS[method].title if method in METHODS else method
    apart = [name for name, _ in setting if len({dict(other).get(name) for other in others}) > 1]
    return title + (f" ({describe(setting, apart)})" if apart else "")


def _titles(arms: Sequence[Arm]) -> str:
    return "; ".join(arm.title for arm in arms) or "none"


# ---------------------------------------------------------------- from arms to comparisons


def _compared(table: Table, reference: str, second: str, teachers: Sequence[Record]) -> Table:
    """The table with all that needs more than one arm."""
    arms, notes = table.arms, list(table.notes)
    if len({arm.title for arm in arms}) < len(arms):
        raise ValueError(f"rows: expected titles that differ, got {_titles(arms)}")
    base, other = _named(arms, reference), _named(arms, second)
    if len(base) > 1:
        raise ValueError(
            f"reference: expected the name of one row of {table.world}, {table.student}, got {reference!r}, "
            f"which could be: {_titles(base)}. Give the title of one of them."
        )
    if not base:
        notes.append(f"No test record of the reference, {reference!r}, so nothing is compared with it.")
    if len(other) > 1:
        notes.append(
            f"{second!r} could be any of {len(other)} rows, so there is no column of differences to it."
        )
    base, other = base[0] if base else None, other[0] if len(other) == 1 else None
    if other is base:
        other = None
    steps, teacher = _teacher(teachers, table.seeds)
    to_base, to_other = _against(arms, base), _against(arms, other)
    pool, ranked = _ranked(arms, table.seeds)
    scores = [[arm.scores[seed] for seed in ranked] for arm in pool]
    mean_ranks = dict(zip((arm.title for arm in pool), ranks(scores).tolist())) if ranked else {}
    arms = [
        replace(arm, reference=a, second=b, rank=mean_ranks.get(arm.title), gap=_gap(arm, base, teacher))
        for arm, a, b in zip(arms, to_base, to_other)
    ]
    arms.sort(key=lambda arm: (-arm.accuracy.mean, arm.title))
    return replace(
        table,
        arms=tuple(arms),
        reference=base and base.title,
        second=other and other.title,
        ranked=tuple(ranked),
        friedman=_friedman(scores),
        teacher=_estimate(list(teacher.values())) if teacher else None,
        teacher_steps=steps,
        notes=tuple(notes),
    )


def _named(arms: Sequence[Arm], name: str) -> list[Arm]:
    """The arms that a reader may mean by `name`: by title; else by method, rather by its searched arm."""
    titled = [arm for arm in arms if arm.title == name]
    of_method = [arm for arm in arms if arm.method == name]
    searched = [arm for arm in of_method if arm.trials]
    return titled or (searched if len(searched) == 1 else of_method)


def _against(arms: Sequence[Arm], other: Arm | None) -> list[Against | None]:
    """Each arm against another, with p-values adjusted over all of them."""
    found: list[Against | None] = []
    for arm in arms:
        shared = sorted(set(arm.scores) & set(other.scores)) if other and arm is not other else []
        found.append(_pair(shared, arm.scores, other.scores) if shared else None)
    tested = [i for i, pair in enumerate(found) if pair and pair.p_value is not None]
    for i, p_value in zip(tested, holm([found[i].p_value for i in tested]).tolist()):
        found[i] = replace(found[i], p_value=p_value)
    return found


def _pair(shared: Sequence[int], one: Mapping[int, float], other: Mapping[int, float]) -> Against:
    a, b = [one[seed] for seed in shared], [other[seed] for seed in shared]
    if len(shared) == 1:
        return Against(_estimate([a[0] - b[0]]), None)
    return Against(paired_difference(a, b), paired_p_value(a, b))


def _ranked(arms: Sequence[Arm], seeds: Sequence[int]) -> tuple[Sequence[Arm], list[int]]:
    """The arms to rank, and the seeds that they share: arms with all seeds, so that one that lags does not
    take seeds away from the others; all arms while most of them lag."""
    complete = [arm for arm in arms if set(seeds) <= set(arm.scores)]
    pool = complete if len(complete) > len(arms) / 2 else arms
    return pool, sorted(set.intersection(*(set(arm.scores) for arm in pool)))


def _estimate(values: Sequence[float]) -> Estimate:
    """`mean_interval`, also of one number, which says nothing about where the mean is."""
    if len(values) == 1:
        return Estimate(float(values[0]), -math.inf, math.inf, 1)
    return mean_interval(values)


def _teacher(records: Sequence[Record], seeds: Sequence[int]) -> tuple[int, Scores]:
    """Steps and test accuracies of the teacher; of several, of the one that was trained longest."""
    found: dict[int, Scores] = defaultdict(dict)
    for record in records:
        if record.cell.split == "test" and record.cell.seed in seeds:
            found[record.cell.budget][record.cell.seed] = record.accuracy
    return max(found.items(), key=lambda item: item[0], default=(0, {}))


def _gap(arm: Arm, base: Arm | None, teacher: Scores) -> Estimate | None:
    if base is None or arm is base:
        return None
    shared = sorted(set(arm.scores) & set(base.scores) & set(teacher))
    try:
        return gap_closed(
            *([scores[seed] for seed in shared] for scores in (arm.scores, base.scores, teacher))
        )
    except ValueError:  # no gap to close, or fewer than three seeds
        return None


def _friedman(scores: Sequence[Sequence[float]]) -> float | None:
    if len(scores) < 3 or len(scores[0]) < 2:
        return None
    return friedman(scores).p_value


def _differs(arm: Arm) -> bool:
    return arm.reference is not None and arm.reference.significant
