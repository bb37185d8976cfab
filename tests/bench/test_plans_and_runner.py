"""Which cells are computed, in which order, with which setting; nothing is computed twice, nothing lost."""

import hashlib
from dataclasses import replace

import pytest

from kdcourse.bench.cells import Block, Record, as_setting, code_fingerprint
from kdcourse.bench.methods import METHODS
from kdcourse.bench.plans import Plan, Row, by_key, pending
from kdcourse.bench.progress import count_done, picture
from kdcourse.bench.results import ResultsError, ResultsFile
from kdcourse.bench.runner import other_code, run
from kdcourse.bench.worlds import WORLDS

PLAN = Plan(
    "try", "A small plan", {"digits": ("mlp",)},
    (
        Row("student alone", "alone"),
        Row("KD at 4", "kd", {"temperature": 4.0, "rate": 0.02}),
        Row("KD at 7", "kd", {"temperature": 7.0}),
    ),
    search_seeds=(200, 201), seeds=(0, 1, 2), steps=0.1,
)  # fmt: skip


def made_up(cell) -> float:
    """A different accuracy for each cell, the same in every run."""
    return int(hashlib.sha256(cell.key.encode()).hexdigest()[:6], 16) / 16**6 * 100


class Engine:
    """Computes made-up records, in another order than asked for; `fails` says which blocks fail."""

    def __init__(self, fails=lambda block: False, stop_after=None):
        self.fails, self.stop_after, self.blocks = fails, stop_after, []

    def run(self, function, jobs):
        for block in reversed(jobs):
            if self.stop_after is not None and len(self.blocks) >= self.stop_after:
                raise KeyboardInterrupt
            self.blocks.append(block)
            if self.fails(block):
                yield block, RuntimeError("no luck")
            else:
                yield block, [Record(c, made_up(c), 1.0, 10, code_fingerprint()) for c in block.cells]


def test_all_cells_of_a_plan_are_computed_once_and_in_order(tmp_path):
    file, engine = ResultsFile(tmp_path / "r.jsonl"), Engine()
    outcome = run(PLAN, file, engine)
    cells = [cell for block in engine.blocks for cell in block.cells]
    rates = WORLDS["digits"].rates
    # 3 teachers, (6 trials of alone + 2 of "KD at 7") x 2 seeds, 3 rows x 3 seeds
    assert len(cells) == len(set(cells)) == outcome.computed == PLAN.size() == 3 + 8 * 2 + 9
    assert {cell.split for cell in cells if cell.seed >= 200} == {"validation"}
    assert {cell.split for cell in cells if cell.seed < 200} == {"test"}
    assert {cell.budget for cell in cells if cell.student == "mlp"} == {40}
    order = ["teacher" if b.method == "teacher" else b.split for b in engine.blocks]
    assert order[0] == "teacher" and "teacher" not in order[1:]
    # The row whose setting is given whole waits for no search; the others come after theirs.
    last_search = max(i for i, b in enumerate(engine.blocks) if b.split == "validation")
    late = {b.method for i, b in enumerate(engine.blocks) if i > last_search}
    assert "alone" in late and all(
        dict(b.setting)["temperature"] == 7.0 for b in engine.blocks[last_search + 1 :] if b.method == "kd"
    )
    tried = {b.setting for b in engine.blocks if b.split == "validation" and b.method == "kd"}
    assert tried == {as_setting({"temperature": 7.0, "rate": rate}) for rate in rates}
    assert run(PLAN, file, Engine()).computed == 0


def test_the_best_mean_on_the_search_seeds_is_chosen(tmp_path):
    file, engine = ResultsFile(tmp_path / "r.jsonl"), Engine()
    run(PLAN, file, engine)
    trials = [b for b in engine.blocks if b.method == "alone" and b.split == "validation"]
    best = max(trials, key=lambda block: sum(map(made_up, block.cells)))
    (verdict,) = {b.setting for b in engine.blocks if b.method == "alone" and b.split == "test"}
    assert verdict == best.setting


def test_of_equal_trials_the_first_is_chosen():
    row = PLAN.rows[0]
    records = by_key(
        Record(cell, 50.0, 1.0, 10) for block in PLAN.search("digits", "mlp", row) for cell in block.cells
    )
    first = as_setting({**METHODS["alone"].settings[0], "rate": WORLDS["digits"].rates[0]})
    assert PLAN.chosen("digits", "mlp", row, records) == first


def test_no_setting_is_chosen_while_a_trial_is_missing():
    row = PLAN.rows[0]
    cells = [cell for block in PLAN.search("digits", "mlp", row) for cell in block.cells]
    records = by_key(Record(cell, made_up(cell), 1.0, 10) for cell in cells[:-1])
    assert PLAN.chosen("digits", "mlp", row, records) is None
    assert PLAN.verdict("digits", "mlp", row, records) is None


def test_accuracies_of_the_test_split_do_not_choose():
    row, setting = PLAN.rows[0], None
    for flip in (1, -1):
        records = {}
        for number, block in enumerate(PLAN.search("digits", "mlp", row)):
            records |= by_key(Record(cell, 50.0 + number, 1.0, 10) for cell in block.cells)
            tests = [replace(cell, split="test") for cell in block.cells]
            records |= by_key(Record(cell, 50.0 + flip * 5 * number, 1.0, 10) for cell in tests)
        found = PLAN.chosen("digits", "mlp", row, records)
        assert setting in (None, found)
        setting = found
    assert setting == PLAN.search("digits", "mlp", row)[-1].setting


@pytest.mark.parametrize("after", [0, 1, 2, 5, 9, 11])
def test_a_stopped_run_goes_on_and_ends_with_the_same_results(tmp_path, after):
    whole, stopped = ResultsFile(tmp_path / "whole.jsonl"), ResultsFile(tmp_path / "stopped.jsonl")
    run(PLAN, whole, Engine())
    first, second = Engine(stop_after=after), Engine()
    with pytest.raises(KeyboardInterrupt):
        run(PLAN, stopped, first)
    run(PLAN, stopped, second)
    assert by_key(stopped.read()) == by_key(whole.read())
    assert len(stopped.path.read_text().splitlines()) == PLAN.size()
    assert not set(first.blocks) & set(second.blocks)


def test_more_seeds_are_added_to_what_is_there(tmp_path):
    file = ResultsFile(tmp_path / "r.jsonl")
    run(PLAN, file, Engine())
    more, engine = replace(PLAN, seeds=(0, 1, 2, 3, 4)), Engine()
    run(more, file, engine)
    assert {block.seeds for block in engine.blocks} == {(3, 4)}
    assert count_done(more, by_key(file.read())) == more.size()


def test_a_block_that_fails_stops_no_other_and_is_tried_again_next_time(tmp_path):
    file = ResultsFile(tmp_path / "r.jsonl")
    engine = Engine(fails=lambda block: block.method == "kd" and block.split == "test")
    outcome = run(PLAN, file, engine)
    assert {str(e) for e in outcome.failed.values()} == {"no luck"} and len(outcome.failed) == 2
    assert all(block.method == "kd" for block in outcome.failed)
    assert len(engine.blocks) == len(set(engine.blocks))  # not tried for ever
    again = Engine()
    assert run(PLAN, file, again).failed == {} and set(again.blocks) == set(outcome.failed)


def test_what_waits_for_a_failed_search_is_not_computed(tmp_path):
    file = ResultsFile(tmp_path / "r.jsonl")
    outcome = run(PLAN, file, Engine(fails=lambda block: block.split == "validation"))
    assert {r.cell.method for r in file.read()} == {"teacher", "kd"}
    assert len(outcome.failed) == 8


def test_a_run_tells_of_every_block(tmp_path):
    told = []
    run(PLAN, ResultsFile(tmp_path / "r.jsonl"), Engine(), on_block=lambda b, r: told.append((b, len(r))))
    assert sum(n for _, n in told) == PLAN.size()


def test_one_file_serves_one_run_at_a_time(tmp_path):
    file = ResultsFile(tmp_path / "r.jsonl")
    with file.locked(), pytest.raises(ResultsError, match="Another run"):
        run(PLAN, file, Engine())


def test_rows_apply_only_where_the_student_gives_what_they_need():
    needy = [name for name, method in METHODS.items() if "maps" in method.needs]
    rows = tuple(Row(name, name) for name in ("alone", *needy))
    plan = replace(PLAN, rows=rows, worlds={"digits": ("cnn", "mlp")})
    contests = list(plan.contests())
    assert [row.method for _, student, row in contests if student == "mlp"] == ["alone"]
    assert [row.method for _, student, row in contests if student == "cnn"] == ["alone", *needy]


def test_search_and_verdict_share_no_seed():
    with pytest.raises(ValueError, match=r"none of the search's seeds among them, got \[1\]"):
        replace(PLAN, search_seeds=(1, 200))


def test_pending_asks_for_the_missing_seeds_only():
    teachers = PLAN.teachers()[0]
    records = by_key(Record(cell, 99.0, 1.0, 10) for cell in teachers.cells[:2])
    assert pending(PLAN, records)[0] == teachers.only([2])


def test_the_picture_counts_trials_and_seeds(tmp_path):
    trials = PLAN.search("digits", "mlp", PLAN.rows[0])
    records = by_key(Record(cell, 50.0, 1.0, 10) for block in trials[:4] for cell in block.cells)
    given = Block("digits", "mlp", "kd", as_setting(PLAN.rows[1].setting), (0,), "test", 40)
    records |= by_key(Record(cell, 50.0, 1.0, 10) for cell in given.cells)
    lines = picture(PLAN, records).splitlines()
    assert lines[0].split() == ["digits", "mlp"]
    assert [line.split()[-2:] for line in lines[1:4]] == [["s", "4/6"], ["v", "1/3"], ["7", "."]]
    assert lines[4] == f"9 of {PLAN.size()} cells ({900 // PLAN.size()} %)"


def test_records_of_other_code_are_counted():
    cell = PLAN.teachers()[0].cells[0]
    known = [Record(cell, 1.0, 1.0, 1, code_fingerprint()), Record(cell, 1.0, 1.0, 1, "older")]
    assert other_code(known) == 1
