"""The benchmark of the losses: its meters, its arithmetic, its verdicts; that it compares like with like."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
sys.path.append(str(BENCHMARKS))

from loss_bench import cases, measure, report, torchdistill_forms  # noqa: E402

_spec = importlib.util.spec_from_file_location("benchmark_of_losses", BENCHMARKS / "losses.py")
benchmark = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(benchmark)

MIB = 2**20
BY_NAME = {case.name: case for case in cases.CASES}
INSTALLED = report.FORMS[1:] if torchdistill_forms.mid_level else ("textbook",)


def row(
    name="a_loss", batch=256, *, ours=1.0, peak=MIB, agreements=None, notes=None, broadcasts=False, **peers
):
    """A row of made-up medians in seconds; `peers` may be (seconds, bytes)."""
    peers = {form: found if isinstance(found, tuple) else (found, MIB) for form, found in peers.items()}
    forms = {"ours": (ours, peak)} | peers
    times = {form: measure.Times((0.9 * s, s, 1.2 * s), (s, s, s)) for form, (s, _) in forms.items()}
    peaks = {form: size for form, (_, size) in forms.items()}
    return report.Row(name, "relations", batch, times, peaks, agreements or {}, notes or {}, broadcasts)


def verdicts(rows, footprints=()):
    return {goal.text: goal.verdict for goal in report.goals(rows, footprints)}


def verdict(start, rows, footprints=()):
    (found,) = [v for text, v in verdicts(rows, footprints).items() if text.startswith(start)]
    return found


# --- memory


def one_mib():
    return torch.empty(MIB, dtype=torch.uint8)


def test_two_temporaries_at_once_are_two_mebibytes():
    def step():
        first, second = one_mib(), one_mib()
        return first.shape, second.shape

    assert measure.peak_bytes(step) == 2 * MIB


def test_temporaries_one_after_the_other_are_one_mebibyte():
    def step():
        for _ in range(3):
            one_mib()

    assert measure.peak_bytes(step) == MIB


def test_what_was_there_before_does_not_count_and_the_result_does():
    before = one_mib()
    assert measure.peak_bytes(lambda: before.add_(1)) < 1024
    assert measure.peak_bytes(lambda: before.clone()) == MIB


def test_what_waits_for_the_backward_pass_and_the_gradient_count():
    x = torch.ones(MIB // 4, requires_grad=True)  # 1 MiB
    step = measure.training_step(lambda: x.exp().sum(), [x])
    # exp(x) is kept for backward; its gradient, an expanded number, takes no room; the product is the result.
    assert 2 * MIB <= measure.peak_bytes(step) < 2 * MIB + 1024


def test_the_meter_leaves_stderr_as_it_was(capfd):
    measure.peak_bytes(one_mib)
    assert capfd.readouterr().err == ""
    sys.stderr.write("still here")
    sys.stderr.flush()
    assert capfd.readouterr().err == "still here"


# --- time


@pytest.fixture
def clock(monkeypatch):
    """Steps return their seconds; a record of (step, calls) is kept."""
    record = []

    def sample(step, calls):
        record.append((step, calls))
        return step(), 2 * step()

    monkeypatch.setattr(measure, "sample", sample)
    return record


def test_steps_take_turns_and_each_round_begins_with_another(clock):
    steps = {"a": lambda: 0.5, "b": lambda: 0.5, "c": lambda: 0.5}
    times = measure.interleaved(steps, rounds=6, seconds=100)
    names = {step: name for name, step in steps.items()}
    order = "".join(names[step] for step, _ in clock)
    assert order == "abc" + "abc" + "bca" + "cab" + "abc" + "bca" + "cab"  # the first three are guesses
    assert times["a"].processor == (0.5,) * 6
    assert times["a"].wall == (1.0,) * 6
    assert times["a"].waiting == 2.0


def test_quick_steps_are_repeated_within_a_sample_and_slow_ones_take_part_less_often(clock):
    times = measure.interleaved({"quick": lambda: 0.001, "slow": lambda: 3.0}, rounds=20, seconds=30)
    assert {calls for step, calls in clock[-15:] if step() == 0.001} == {20}
    assert {calls for step, calls in clock if step() == 3.0} == {1}
    assert (len(times["quick"].processor), len(times["slow"].processor)) == (20, 10)
    times = measure.interleaved({"slow": lambda: 3.0}, rounds=20, seconds=1)
    assert len(times["slow"].processor) == 5


def test_a_sample_is_the_time_of_one_call():
    calls = []
    processor, wall = measure.sample(lambda: calls.append(sum(range(20_000))), 10)
    assert len(calls) == 10
    assert 0 <= processor < 0.1 and 0 < wall < 1


def test_median_quartiles_and_the_interval_of_a_ratio():
    times = measure.Times((4.0, 1.0, 2.0, 3.0, 5.0), (1.0,) * 5)
    assert times.median == 3.0
    assert times.quartiles == (2.0, 4.0)
    three, one = measure.Times((3.0,) * 9, (3.0,) * 9), measure.Times((1.0,) * 9, (1.0,) * 9)
    assert measure.ratio_interval(three, one) == (3.0, 3.0)
    low, high = measure.ratio_interval(times, one)
    assert 1.0 <= low < 3.0 < high <= 5.0


# --- agreement


def result(function, *numbers):
    x = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    value = function(x)
    return value, torch.autograd.grad(value, [x])


@pytest.mark.parametrize(
    ("peer", "relation", "text"),
    [
        (lambda x: (x * x).sum(), "equal", "yes"),
        (lambda x: (x * x).sum() * (1 + 1e-6), "nearly", "to 1e-06"),
        (lambda x: 16 * (x**2).sum(), "factor", "× 16"),
        (lambda x: -(x**2).sum(), "factor", "× -1"),
        (lambda x: x.pow(3).sum(), "other", "no"),
        (lambda x: (x**2).sum() + 1, "other", "no"),  # the gradient agrees, the value does not
        (lambda x: (x * x.detach()).sum(), "factor", None),  # the value agrees, the gradient is half
    ],
)
def test_agreement_is_found_from_value_and_gradient(peer, relation, text):
    found = measure.agreement(result(lambda x: (x**2).sum(), 1.0, 2.0), result(peer, 1.0, 2.0))
    if text is None:  # one factor does not fit both
        assert found.relation == "other"
    else:
        assert (found.relation, str(found)) == (relation, text)


def test_a_peer_that_does_not_relate_as_stated_is_refused():
    right = BY_NAME["logit_matching_loss"]
    assert benchmark.check(right, ["textbook"]) == {"textbook": measure.Agreement("equal")}
    wrong = cases.Peer(cases.plain(lambda s, t: (s - t).pow(2).mean()))
    case = cases.Case(right.name, right.kind, right.make, {"textbook": wrong})
    with pytest.raises(
        SystemExit, match=r"logit_matching_loss: the textbook .* 'equal', .* 'factor' \(× 0.02"
    ):
        benchmark.check(case, ["textbook"])


@pytest.mark.parametrize("name", BY_NAME)
def test_every_peer_relates_to_our_form_as_stated(name, monkeypatch):
    monkeypatch.setattr(cases, "SAMPLES", 1000)  # torchdistill goes through them one by one
    monkeypatch.setattr(cases, "NEGATIVES", 80)
    case = BY_NAME[name]
    found = benchmark.check(case, [peer for peer in case.peers if peer in INSTALLED], batch=6)
    assert "textbook" in found
    for peer, seen in found.items():  # who differs says how
        assert bool(case.peers[peer].note) == (seen.relation != "equal"), peer


# --- ratios and verdicts


def test_ratios_are_peer_over_ours_and_the_best_peer_is_the_quickest():
    one = row(ours=2.0, torchdistill=(8.0, 5 * MIB), textbook=(6.0, 30 * MIB), peak=10 * MIB)
    assert one.speedup("torchdistill") == 4.0
    assert one.speedup("textbook") == 3.0
    assert one.best_peer == "textbook"
    assert one.saving("torchdistill") == 0.5
    assert one.saving("textbook") == 3.0


def test_geometric_means_are_of_every_ratio():
    rows = [row(torchdistill=2.0, textbook=8.0), row(textbook=4.0, broadcasts=True)]
    assert report.speedups(rows) == [2.0, 8.0, 4.0]
    assert report.geometric_mean(report.speedups(rows)) == pytest.approx(4.0)
    assert report.speedups(rows, ["torchdistill"]) == [2.0]
    *_, together, broadcasting = report.means(rows).splitlines()
    assert together == "| all | 2.00 (n = 1) | 5.66 (n = 2) | 4.00 (n = 3) |"
    assert broadcasting.endswith("where the textbook form broadcasts |  | 4.00 (n = 1) | 4.00 (n = 1) |")


def test_a_slow_loss_fails_the_first_goal_by_name():
    fine = row(textbook=0.9)
    assert verdict("Never slower", [fine]) == "PASS"
    slow = row("slow_loss", 64, textbook=0.83)
    (goal,) = [g for g in report.goals([fine, slow], []) if g.text.startswith("Never slower")]
    assert (goal.passed, goal.measured) == (False, "0.83 (slow_loss, B = 64, textbook)")
    # The quicker of two peers counts.
    assert verdict("Never slower", [row(textbook=9.0, torchdistill=0.8)]) == "FAIL"


def test_the_geometric_mean_has_to_be_three():
    everything = "Geometric mean against all of torchdistill"
    assert verdict(everything, [row(textbook=1.5, torchdistill=6.1)]) == "PASS"
    assert verdict(everything, [row(textbook=1.5, torchdistill=5.9)]) == "FAIL"


def test_the_geometric_mean_may_leave_out_textbook_forms_that_do_not_broadcast():
    broadcasts = "Geometric mean against torchdistill and"
    rows = [row(textbook=0.1, torchdistill=2.0), row(textbook=4.6, broadcasts=True)]
    assert verdict(broadcasts, rows) == "PASS"  # the mean of 2 and 4.6 is 3.03
    assert verdict(broadcasts, [rows[0], row(textbook=4.4, broadcasts=True)]) == "FAIL"


@pytest.mark.parametrize("name", ["fsp_loss", "nst_loss"])
def test_fsp_and_nst_are_held_to_the_broadcast_form_at_256(name):
    assert verdict(f"`{name}`", [row(name, textbook=20.1, torchdistill=1.0)]) == "PASS"
    assert verdict(f"`{name}`", [row(name, textbook=19.9)]) == "FAIL"
    assert verdict(f"`{name}`", [row(name, 64, textbook=100.0)]) == "not measured"


def test_angles_are_held_to_the_best_peer_in_time_and_in_memory():
    def both(**peers):
        found = verdicts([row("rkd_angle_loss", **peers)])
        return [v for text, v in found.items() if text.startswith("`rkd_angle_loss`")]

    assert both(textbook=(2.1, 11 * MIB), torchdistill=(3.0, 12 * MIB)) == ["PASS", "PASS"]
    assert both(textbook=(1.9, 11 * MIB), torchdistill=(3.0, 9 * MIB)) == ["FAIL", "FAIL"]


def test_crd_is_held_to_the_best_peer_at_every_batch_size():
    rows = [row("ContrastiveMemory", 64, textbook=3.1), row("ContrastiveMemory", 256, textbook=9.0)]
    assert verdict("`ContrastiveMemory`", rows) == "PASS"
    assert verdict("`ContrastiveMemory`", [*rows, row("ContrastiveMemory", 8, textbook=2.9)]) == "FAIL"


def test_memory_beyond_the_bound_fails():
    inputs, room = MIB, 3 * MIB  # 4 * (1 + 3) + 8 = 24 MiB
    fits = report.Footprint("a_loss", 256, 24 * MIB, inputs, room)
    assert fits.share == 1.0
    assert verdict("Peak memory", [], [fits]) == "PASS"
    cube = report.Footprint("cube", 256, 25 * MIB, inputs, room)
    (goal,) = [g for g in report.goals([], [fits, cube]) if g.text.startswith("Peak memory")]
    assert (goal.passed, goal.measured) == (False, "at most 104% of it (cube, B = 256)")


def test_the_bound_tells_the_broadcast_forms_from_ours():
    """Otherwise the goal on memory would mean nothing."""
    for name in ("nst_loss", "fsp_loss"):
        case = BY_NAME[name]
        ours = benchmark.footprint(case, 32)
        step = benchmark.step_of(case, "textbook", 32)
        broadcast = report.Footprint(name, 32, measure.peak_bytes(step), ours.inputs, ours.room)
        assert ours.share < 1 < broadcast.share


def test_nothing_measured_is_no_verdict():
    assert set(verdicts([]).values()) == {"not measured"}


# --- the whole


def test_table_shows_times_memory_and_agreement():
    seen = {"torchdistill": measure.Agreement("factor", 0.25), "textbook": measure.Agreement("equal")}
    one = row(ours=0.002, textbook=(0.01, 3 * MIB), agreements=seen, notes={"torchdistill": "no T²"})
    cells = report.table([one]).splitlines()[-1].split(" | ")
    assert cells == [
        "| `a_loss`",
        "256",
        "2.00 ± 0.15",
        "",
        "10.0 ± 0.7",
        "5 (3.75 to 6.67)",
        "1",
        "",
        "3",
        "× 0.25: no T²",
        "yes |",
    ]


@pytest.fixture
def small_run(monkeypatch):
    """Samples of a millisecond; the number of threads as it was afterwards."""
    monkeypatch.setattr(measure, "BLOCK_SECONDS", 0.001)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_a_run_writes_the_report_and_the_plot(tmp_path, small_run, capsys):
    command = ["--quick", "--only", "kd_loss", "infonce_loss", "--batch", "4"]
    assert benchmark.main([*command, "--output", str(tmp_path)]) == 0
    text = (tmp_path / "losses.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| [\d.]+ ± [\d.]+ \|", text, flags=re.MULTILINE)
    assert rows == [("kd_loss", "4"), ("infonce_loss", "4")]
    assert f"torch {torch.__version__}" in text and "1 thread" in text
    assert re.search(r"!\[Two dot plots .{60,}\]\(losses.png\)", text)
    picture = tmp_path / "losses.png"
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size < 150_000
    assert "are written" in capsys.readouterr().out


def test_without_torchdistill_its_column_is_empty(monkeypatch, small_run, capsys):
    monkeypatch.setattr(torchdistill_forms, "mid_level", None)
    assert benchmark.main(["--quick", "--only", "hint_loss", "--batch", "2"]) == 0
    out, err = capsys.readouterr()
    assert "torchdistill is not installed" in err
    (line,) = [line for line in out.splitlines() if line.startswith("| `hint_loss`")]
    cells = line.split(" | ")
    assert cells[3] == "" and cells[4] != ""


def test_an_unknown_loss_is_refused(capsys):
    with pytest.raises(SystemExit):
        benchmark.main(["--only", "no_such_loss"])
    assert "no_such_loss" in capsys.readouterr().err


COMMITTED = BENCHMARKS / "losses.md"


@pytest.mark.skipif(not COMMITTED.exists(), reason="no run has been committed yet")
def test_the_committed_report_covers_every_loss_at_both_sizes():
    text = COMMITTED.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", text, flags=re.MULTILINE)
    assert rows == [(name, str(batch)) for name in BY_NAME for batch in benchmark.BATCHES]
    assert COMMITTED.with_suffix(".png").stat().st_size < 150_000
