"""The whole way on a cluster: a plan run by two Dask workers gives the table that this process gives."""

import pytest

from kdcourse.bench import Plan, ResultsFile, Row, compare, open_engine, run

PLAN = Plan(
    "small", "A small plan", {"digits": ("mlp",)},
    (Row("student alone", "alone"), Row("KD", "kd", {"temperature": 4.0}), Row("hint", "hint_last")),
    search_seeds=(200, 201), seeds=(0, 1, 2), steps=0.05,
)  # fmt: skip


@pytest.mark.slow
def test_two_dask_workers_give_the_same_table(tmp_path):
    tables = {}
    for name, workers in (("serial", None), ("dask", 2)):
        results = ResultsFile(tmp_path / name / "r.jsonl")
        with open_engine(name, workers=workers) as engine:
            outcome = run(PLAN, results, engine)
        assert outcome.failed == {} and outcome.computed == PLAN.size()
        (table,) = compare(results.read(), plan=PLAN)
        tables[name] = [(arm.title, arm.setting, arm.scores, arm.reference, arm.second) for arm in table.arms]
    assert [arm[0] for arm in tables["serial"]] and tables["dask"] == tables["serial"]
