"""Tables from made records whose right answers are worked out by hand, or by a plain loop in the test."""

import math
import random
import re
from dataclasses import replace

import numpy as np
import pytest
from made_records import MANY, SMALL, grid_records, many, scored, teacher, three_worlds
from scipy import stats

from kdcourse.bench.methods import METHODS
from kdcourse.bench.plans import Plan, Row
from kdcourse.bench.report import compare, overall
from kdcourse.bench.report_text import explain, to_csv, to_html, to_markdown
from kdcourse.evaluation import Estimate, gap_closed, mean_interval, paired_difference

T3 = 3.182446305  # Student's t at 97.5 % with 3 degrees of freedom
ALONE, KD = METHODS["alone"].title, METHODS["kd"].title


def plain_holm(p_values):
    """From the smallest up: p times how many are left, and never below the one before."""
    adjusted, left, low = {}, len(p_values), 0.0
    for name in sorted(p_values, key=p_values.get):
        low = max(low, min(1.0, left * p_values[name]))
        adjusted[name] = low
        left -= 1
    return adjusted


# ---------------------------------------------------------------- one table


def test_a_table_by_hand():
    (table,) = compare(SMALL)
    assert (table.world, table.student, table.budget) == ("digits", "mlp", 10)
    assert [arm.title for arm in table.arms] == [KD, ALONE, "third"], "by mean accuracy: 93, 91.5, 91.25"
    kd, alone, third = table.arms
    assert (table.reference, table.second, table.seeds) == (ALONE, KD, (0, 1, 2, 3))
    assert [arm.accuracy.mean for arm in table.arms] == [93.0, 91.5, 91.25]
    # Accuracies of kd: deviations -2, 0, 0, 2, so variance 8/3 and standard error sqrt(8/12).
    assert kd.accuracy.half_width == pytest.approx(T3 * math.sqrt(8 / 12))
    # Differences 1, 2, 1, 2: mean 1.5, variance 1/3, standard error sqrt(1/12).
    assert kd.reference.difference.mean == 1.5 and kd.reference.difference.n == 4
    assert kd.reference.difference.half_width == pytest.approx(T3 / math.sqrt(12))
    # p = P(|t| > 1.5 sqrt(12)) with 3 degrees of freedom; it is the smaller of two, so it counts twice.
    assert kd.reference.p_value == pytest.approx(2 * 2 * stats.t.sf(1.5 * math.sqrt(12), 3))
    # third - alone: 0, -1, 1, -1: mean -0.25, variance 11/12; the larger of two counts once.
    assert third.reference.difference.mean == -0.25
    assert third.reference.p_value == pytest.approx(2 * stats.t.sf(0.25 / math.sqrt(11 / 48), 3))
    assert kd.reference.significant and not third.reference.significant
    assert alone.reference is None and kd.second is None
    assert alone.second.difference.mean == -1.5 and third.second.difference.mean == -1.75
    # The teacher's lead over alone: 4, 3, 3, 2, in all 12; kd gains 6 in all, third -1.
    assert kd.gap.mean == pytest.approx(50.0) and third.gap.mean == pytest.approx(-100 / 12)
    assert alone.gap is None
    assert table.teacher.mean == 94.5 and table.teacher_steps == 50
    # Ranks, seed by seed (alone, kd, third): 2.5 1 2.5; 2 1 3; 3 1.5 1.5; 2 1 3.
    assert [arm.rank for arm in (alone, kd, third)] == [9.5 / 4, 4.5 / 4, 10 / 4]
    assert table.ranked == (0, 1, 2, 3)
    assert [arm.seconds for arm in table.arms] == [3.0, 1.0, 2.0]
    assert [arm.parameters for arm in table.arms] == [100, 100, 70]
    assert [arm.family for arm in table.arms] == ["responses", "labels", ""], "of no registered method none"
    assert [arm.trials for arm in table.arms] == [0, 0, 0]


def test_both_columns_are_adjusted_over_all_their_comparisons():
    (table,) = compare(many())
    for other, pick in (("alone", lambda arm: arm.reference), ("kd", lambda arm: arm.second)):
        raw = {m: stats.ttest_rel(MANY[m], MANY[other]).pvalue for m in MANY if m != other}
        expected = plain_holm(raw)
        found = {arm.method: pick(arm).p_value for arm in table.arms if pick(arm)}
        assert found == pytest.approx(expected)
        assert any(expected[m] > raw[m] for m in raw)
        for arm in table.arms:
            if arm.method != other:
                assert pick(arm).difference == paired_difference(MANY[arm.method], MANY[other])


def test_friedman_over_seeds():
    (table,) = compare(many())
    assert table.friedman == pytest.approx(stats.friedmanchisquare(*MANY.values()).pvalue)
    assert any(f"equal ranks: p = {table.friedman:.2g}." in said for said in explain(table))


def test_the_order_of_records_does_not_matter():
    records = [*many(), *SMALL[-4:], *scored("kd", [80.0, 81.0], split="validation")]
    shuffled = random.Random(0).sample(records, len(records))
    assert to_csv(compare(shuffled)) == to_csv(compare(records))
    assert compare(shuffled)[0].ranked == compare(records)[0].ranked


def test_equal_rows():
    """Two rows that agree in every seed: the same rank, no difference, and an order that does not vary."""
    twins = [scored(name, [90.5, 91.5, 92.5, 93.5]) for name in ("b twin", "a twin")]
    for records in ([*twins[0], *twins[1]], [*twins[1], *twins[0]]):
        (table,) = compare([*SMALL, *records], second="a twin")
        assert [arm.title for arm in table.arms] == [KD, "a twin", "b twin", ALONE, "third"]
        a, b = table.arm("a twin"), table.arm("b twin")
        # Ranks (alone, kd, third, twins): 4.5 1 4.5 2.5; 4 1 5 2.5; 5 1.5 1.5 3.5; 4 1 5 2.5.
        assert a.rank == b.rank == 11 / 4
        assert b.second.difference == Estimate(0.0, 0.0, 0.0, 4) and b.second.p_value == 1.0
        assert a.reference.p_value == b.reference.p_value == 0.0, "half a point, in every seed"


def test_validation_images_are_not_judged():
    extra = scored("kd", {seed: 10.0 for seed in range(8)}, split="validation")
    extra += scored("only_searched", [99.0, 99.0, 99.0], split="validation")
    extra += [replace(r, cell=replace(r.cell, split="validation"), accuracy=1.0) for r in SMALL[-4:]]
    (before,), (after,) = compare(SMALL), compare([*SMALL, *extra])
    assert [arm.scores for arm in after.arms] == [arm.scores for arm in before.arms]
    assert after.teacher == before.teacher


def test_one_table_for_each_world_student_and_budget():
    records = [
        record
        for world in ("shapes", "digits")
        for student in ("mlp", "cnn")
        for record in scored("alone", [90.0, 91.0], world=world, student=student)
    ]
    records += scored("kd", [80.0, 81.0], world="shapes", budget=20)
    tables = compare([*records, *teacher([95.0, 96.0], world="shapes")])
    found = [(t.world, t.student, t.budget, len(t.arms)) for t in tables]
    assert found == [
        ("digits", "cnn", 10, 1), ("digits", "mlp", 10, 1),
        ("shapes", "cnn", 10, 1), ("shapes", "mlp", 10, 1), ("shapes", "mlp", 20, 1),
    ]  # fmt: skip
    assert [table.teacher is not None for table in tables] == [False, False, True, True, True]
    assert compare([]) == []


# ---------------------------------------------------------------- what is missing


def test_missing_seeds_are_paired_without_and_said():
    short = {seed: MANY["method0"][seed] for seed in (0, 2, 5)}
    records = [r for r in many() if r.cell.method != "method0"] + scored("method0", short)
    (table,) = compare(records)
    arm = table.arm("method0")
    assert arm.seeds == (0, 2, 5) and arm.accuracy == mean_interval(list(short.values()))
    assert arm.reference.difference == paired_difference(
        list(short.values()), [MANY["alone"][seed] for seed in (0, 2, 5)]
    )
    raw = {m: stats.ttest_rel(MANY[m], MANY["alone"]).pvalue for m in MANY if m not in ("alone", "method0")}
    raw["method0"] = stats.ttest_rel(list(short.values()), [MANY["alone"][s] for s in (0, 2, 5)]).pvalue
    found = {arm.method: arm.reference.p_value for arm in table.arms if arm.reference}
    assert found == pytest.approx(plain_holm(raw))
    # It takes no seeds from the ranks of the others.
    assert arm.rank is None and table.ranked == tuple(range(8))
    others = {m: v for m, v in MANY.items() if m != "method0"}
    for other in table.arms:
        if other is not arm:
            places = [
                sum(v[seed] > mine for v in others.values())
                + (1 + sum(v[seed] == mine for v in others.values())) / 2
                for seed, mine in other.scores.items()
            ]
            assert other.rank == pytest.approx(np.mean(places))
    text = to_markdown(table)
    assert "| 3 of 8 |" in text and "(3 seeds)" in text
    assert "method0: 3 of 8 seeds; no record of seed 1, 3, 4, 6, 7." in explain(table)
    assert any("among the 11 rows that have all of the 8 seeds 0 to 7" in said for said in explain(table))


def test_while_most_rows_lag_the_shared_seeds_rank():
    records = [*scored("alone", [90.0, 91.0, 92.0, 93.0]), *scored("kd", {1: 95.0, 2: 90.0})]
    records += scored("third", {1: 94.0, 2: 95.0, 3: 99.0})
    (table,) = compare(records)
    assert table.ranked == (1, 2)
    assert {arm.method: arm.rank for arm in table.arms} == {"alone": 2.5, "kd": 2.0, "third": 1.5}
    assert "minus" in to_markdown(table)


def test_no_seed_in_common():
    (table,) = compare([*scored("alone", {0: 90.0, 1: 91.0}), *scored("kd", {2: 95.0, 3: 96.0})])
    assert all(arm.reference is None and arm.rank is None for arm in table.arms) and table.ranked == ()
    assert "No mean ranks: no seed is shared by all rows." in explain(table)
    assert "minus" not in to_markdown(table)


def test_one_seed_only():
    (table,) = compare([*scored("alone", [90.0]), *scored("kd", [92.5]), *teacher([95.0])])
    kd = table.arms[0]
    assert kd.accuracy == Estimate(92.5, -math.inf, math.inf, 1)
    assert kd.reference.difference == Estimate(2.5, -math.inf, math.inf, 1)
    assert kd.reference.p_value is None and not kd.reference.significant and kd.gap is None
    assert kd.rank == 1.0 and table.friedman is None
    text = to_markdown(table)
    assert "92.50 (one seed)" in text and "+2.50 (one seed)" in text
    assert not re.search(r"\b(inf|nan)\b", text + to_csv([table]) + to_html(table))


def test_one_seed_does_not_count_as_a_comparison():
    (few,), (more,) = compare(SMALL), compare([*SMALL, *scored("fourth", {2: 93.0})])
    assert more.arm("fourth").reference.p_value is None
    assert more.arm(KD).reference == few.arm(KD).reference
    assert "comparisons of their column: 2, 2." in " ".join(explain(more))


@pytest.mark.parametrize(
    ("scores", "why"),
    [
        (None, "none"),
        ([89.0, 90.0, 91.0, 92.0], "worse than the student"),
        ([90.0, 91.0, 92.0, 99.0], "better by one seed alone"),
        ([99.0, 99.0], "on two seeds"),
    ],
)
def test_no_share_of_a_gap_that_is_not_there(scores, why):
    (table,) = compare([*SMALL[:-4], *(teacher(scores) if scores else [])])
    assert [arm.gap for arm in table.arms] == [None] * 3, why
    assert (table.teacher is None) == (scores is None)
    assert "Gap closed, %" not in to_markdown(table), "no empty column"
    told = " ".join(explain(table))
    assert ("No test record of the teacher" in told) if scores is None else ("No share of a gap" in told)


def test_the_gap_is_over_the_seeds_that_three_share():
    records = [*SMALL[:-4], *teacher({0: 95.0, 2: 96.0, 3: 97.0, 9: 50.0})]
    (table,) = compare(records)
    assert table.arm(KD).gap == gap_closed([91.0, 93.0, 95.0], [90.0, 92.0, 93.0], [95.0, 96.0, 97.0])
    assert table.teacher == mean_interval([95.0, 96.0, 97.0]), "seed 9 is in no row"


def test_of_two_teachers_the_one_trained_longer_counts():
    (table,) = compare([*SMALL, *teacher([99.0, 98.0, 99.0, 98.0], budget=500), *teacher([50.0], budget=5)])
    assert table.teacher.mean == 98.5 and table.teacher_steps == 500


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("accuracy", [math.nan, math.inf])
def test_an_accuracy_that_is_no_number_is_refused_by_name(accuracy):
    bad = scored("dkd", {5: accuracy}, setting={"rate": 0.02, "beta": 8.0})
    message = (
        r"^digits: mlp, dkd \(beta 8\.0, rate 0\.02\), seed 5, test: expected an accuracy in percent, got "
    )
    with pytest.raises(ValueError, match=message):
        compare([*SMALL, *bad])
    with pytest.raises(ValueError, match=r"^digits: teacher, seed 0, test: "):
        compare([*SMALL[:-4], *teacher([accuracy])])


def test_two_results_of_one_cell():
    again = replace(SMALL[1], seconds=9.0, when="2026-01-01T00:00:00+00:00")
    (table,) = compare([*SMALL, again])
    assert table.arm(ALONE).accuracy.n == 4, "the same result twice counts once"
    with pytest.raises(
        ValueError, match=r"^digits: mlp, alone .*, seed 1, test: expected one result, got 91.0 "
    ):
        compare([*SMALL, replace(SMALL[1], accuracy=91.5)])


def test_a_reference_of_several_rows():
    records = [*SMALL, *scored("alone", [89.0, 90.0], setting={"rate": 0.05})]
    message = (
        rf"^reference: expected the name of one row of digits, mlp, got 'alone', .*{ALONE} \(rate 0.01\);"
    )
    with pytest.raises(ValueError, match=message):
        compare(records)
    (table,) = compare(records, reference=f"{ALONE} (rate 0.05)")
    assert table.arm(KD).reference.difference == paired_difference([91.0, 93.0], [89.0, 90.0])
    # Or the one that was searched.
    records += scored("alone", {200: 70.0}, split="validation", setting={"rate": 0.01})
    records += scored("alone", {200: 60.0}, split="validation", setting={"rate": 0.05})
    (table,) = compare(records)
    assert table.reference == f"{ALONE} (rate 0.01)"


def test_two_rows_of_one_title_are_refused():
    plan = replace(PLAN, rows=(*PLAN.rows[:2], replace(PLAN.rows[2], title="KD, T = 5")))
    with pytest.raises(ValueError, match=r"^rows: expected titles that differ, got .*KD, T = 5; KD, T = 5"):
        compare(planned(), plan=plan)


def test_a_reference_that_is_not_there():
    (table,) = compare(SMALL, reference="nobody", second="nobody else")
    assert table.reference is None and table.second is None
    assert all(arm.reference is None and arm.second is None and arm.gap is None for arm in table.arms)
    assert [arm.rank for arm in table.arms] == [4.5 / 4, 9.5 / 4, 10 / 4]
    assert any("No test record of the reference, 'nobody'" in said for said in explain(table))
    (table,) = compare(SMALL, second="alone")
    assert table.second is None and all(arm.second is None for arm in table.arms), "the same column twice"


# ---------------------------------------------------------------- several settings of a method


def test_a_method_with_several_settings_has_several_rows():
    (table,) = compare(grid_records())
    assert [arm.title for arm in table.arms] == [
        f"{KD} (alpha 0.9, temperature 4)", f"{KD} (alpha 0.5, temperature 4)",
        f"{KD} (alpha 0.9, temperature 2)", f"{KD} (alpha 0.5, temperature 2)", ALONE,
    ]  # fmt: skip
    assert [arm.trials for arm in table.arms] == [4, 0, 0, 0, 0], "one was chosen, the others were given"
    assert table.search_seeds == (200, 201) and table.second == table.arms[0].title
    (search,) = [said for said in explain(table) if said.startswith("Setting:")]
    assert (
        "seeds 200, 201 (none of them in this table)" in search
        and "0 trials: the setting was given" in search
    )


def test_a_second_reference_of_several_rows_is_left_out_and_said():
    records = [r for r in grid_records() if r.cell.split == "test"]
    (table,) = compare(records)
    assert table.second is None and all(arm.second is None for arm in table.arms)
    assert any("'kd' could be any of 4 rows" in said for said in explain(table))
    assert "Nothing was searched: all settings were given." in explain(table)


def test_search_seeds_that_are_also_judged_are_said():
    records = [*SMALL, *scored("kd", {3: 80.0}, split="validation")]
    (search,) = [said for said in explain(compare(records)[0]) if said.startswith("Setting:")]
    assert "seeds 3 (also in this table)" in search


def test_unequal_searches_are_said():
    records = [*SMALL]
    for method, n in (("alone", 2), ("kd", 6)):
        for i in range(n):
            setting = {"rate": 0.01 * (i + 1)}
            records += scored(method, {200: 90.0 - i}, split="validation", setting=setting)
    (table,) = compare(records)
    assert {arm.method: arm.trials for arm in table.arms} == {"alone": 2, "kd": 6, "third": 0}
    assert any("The search was not equal: 2 to 6 trials." in said for said in explain(table))


def test_mixed_code_is_said():
    records = [
        *scored("alone", [90.0, 91.0], code="aaa", torch="2.12"),
        *scored("kd", [90.0, 91.0], code="bbb"),
    ]
    (table,) = compare(records)
    assert table.notes == ("Computed with more than one code: aaa, bbb.",)


# ---------------------------------------------------------------- by a plan

PLAN = Plan(
    "made", "Made", {"digits": ("mlp", "cnn"), "shapes": ("mlp",)},
    (
        Row("the student alone", "alone"),
        Row("KD, T = 5", "kd", {"temperature": 5.0, "alpha": 0.5}),
        Row("KD, fixed", "kd", {"temperature": 9.0, "alpha": 0.5, "rate": 0.123}),
        Row("never run", "label_smoothing"),
    ),
    seeds=(0, 1, 2),
)  # fmt: skip


def planned(student="mlp", world="digits"):
    """Records as the plan asks for them: the first trial of every search is the best on validation images and
    the worst on test images."""
    records, budget = [], PLAN.budget(world)
    place = {"world": world, "student": student, "budget": budget}
    for row in PLAN.rows[:3]:
        blocks = PLAN.search(world, student, row)
        for i, block in enumerate(blocks):
            about = {"setting": dict(block.setting), **place}
            validation = {seed: 80.0 - i for seed in PLAN.search_seeds}
            records += scored(row.method, validation, split="validation", **about)
            records += scored(row.method, [85.0 + i, 86.0 + i, 87.0 + i, 88.0 + i], **about)
        if not blocks:
            records += scored(row.method, [95.0, 96.0, 97.0], setting=row.setting, **place)
    return records


def test_a_plan_names_the_rows_and_chooses_as_it_did():
    (table,) = compare(planned(), plan=PLAN)
    assert [arm.title for arm in table.arms] == ["KD, fixed", "KD, T = 5", "the student alone"]
    for arm, row in zip(table.arms, (PLAN.rows[2], PLAN.rows[1], PLAN.rows[0])):
        trials = PLAN.search("digits", "mlp", row)
        assert arm.trials == len(trials)
        if trials:
            assert arm.setting == trials[0].setting and arm.accuracy.mean == 86.0
    assert table.arm("KD, fixed").accuracy.mean == 96.0
    assert table.seeds == (0, 1, 2) and table.arms[0].seeds == (0, 1, 2), "seed 3 is not the plan's"
    assert table.reference == "the student alone"
    assert table.second == "KD, T = 5", "of two rows of kd the one that was searched"
    assert table.missing == ("never run",) and table.search_seeds == PLAN.search_seeds
    told = explain(table)
    assert "No test record at all: never run." in told
    assert "Not begun, and so without a table: digits, cnn; shapes, mlp." in told


def test_a_plan_shows_what_is_not_finished():
    """A search that lacks one cell has no verdict yet; a verdict that lacks a seed says so."""
    records = planned()
    alone = [r for r in records if r.cell.method == "alone" and r.cell.split == "validation"]
    (table,) = compare([r for r in records if r is not alone[-1]], plan=PLAN)
    assert table.missing == ("the student alone", "never run") and table.reference is None
    (table,) = compare([r for r in records if not (r.cell.method == "alone" and r.cell.seed == 1)], plan=PLAN)
    assert table.arm("the student alone").seeds == (0, 2)
    assert "the student alone: 2 of 3 seeds; no record of seed 1." in explain(table)


def test_a_plan_says_which_rows_do_not_apply():
    title = next((m.title for m in METHODS.values() if "maps" in m.needs), None)
    if title is None:
        pytest.skip("no method needs maps")
    name = next(m.name for m in METHODS.values() if "maps" in m.needs)
    plan = replace(PLAN, rows=(*PLAN.rows, Row(title, name)))
    (table,) = compare(planned(), plan=plan)
    assert table.unfit == (title,) and title not in table.missing
    assert f"Not for this student, which lacks what they need: {title}." in explain(table)


def test_other_budgets_are_not_the_plans():
    records = [replace(r, cell=replace(r.cell, budget=r.cell.budget + 1)) for r in planned()]
    assert compare(records, plan=PLAN) == []


# ---------------------------------------------------------------- over tables


def test_over_tables_by_hand():
    report = overall(compare(three_worlds()))
    assert report.tables == ("digits, cnn", "digits, mlp", "shapes, mlp") and report.reference == ALONE
    rows = {row.title: row for row in report.rows}
    dkd = METHODS["dkd"].title
    # Among the three that all tables have: dkd 1, 3, 1; kd 2, 1, 3; alone 3, 2, 2.
    assert [row.title for row in report.rows] == [dkd, KD, ALONE, "fourth"]
    assert rows[dkd].rank == pytest.approx(5 / 3) and rows[KD].rank == 2.0
    assert rows[ALONE].rank == pytest.approx(7 / 3)
    assert rows["fourth"].rank is None and report.ranked == 3
    assert [(row.tables, row.above, row.below) for row in report.rows] == [
        (3, 2, 1), (3, 2, 1), (3, 0, 0), (2, 1, 1),
    ]  # fmt: skip
    # Rank sums 5, 6, 7 over 3 tables: chi-squared = 12 / (3 * 3 * 4) * (25 + 36 + 49) - 3 * 3 * 4 = 2/3.
    assert report.friedman == pytest.approx(stats.chi2.sf(2 / 3, 2))
    told = " ".join(explain(report))
    assert "among the 3 rows that all tables have" in told and "more than 10" in told
    text = to_markdown(report)
    assert "### Over 3 tables" in text and "| 2 of 3 |" in text and "| fourth | – |" in text


def test_what_is_not_sure_is_neither_above_nor_below():
    records = [*SMALL, *scored("fourth", [91.0, 90.0, 93.0, 93.0])]  # 0.25 above alone, give or take 1.5
    report = overall(compare(records))
    assert {row.title: (row.above, row.below) for row in report.rows} == {
        KD: (1, 0), ALONE: (0, 0), "third": (0, 0), "fourth": (0, 0),
    }  # fmt: skip
    assert report.friedman is None, "one table"
    assert overall([]).rows == ()
