"""How fast are the losses, and how much memory do they need, beside torchdistill and the textbook forms?

    python benchmarks/losses.py                          all of it; rewrites losses.md and losses.png
    python benchmarks/losses.py --quick                  a first look, one batch size, printed only
    python benchmarks/losses.py --only nst_loss fsp_loss printed only

Needs `pip install -e ".[bench]"` for torchdistill; without it that column stays empty. Run it while nothing
else runs. Before a loss is timed its forms are compared in float64, value and gradient, and a form that
does not relate to ours as stated stops the run.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from loss_bench import report, torchdistill_forms
from loss_bench.cases import CASES, Case, leaves, nbytes
from loss_bench.measure import Agreement, agreement, interleaved, peak_bytes, training_step

HERE = Path(__file__).resolve().parent
BATCHES = (64, 256)
CHECKED_BATCH = 16  # for comparing the forms
LARGE_BATCH = 512  # for the growth of memory


def step_of(case: Case, form: str, batch: int, dtype: torch.dtype = torch.float32):
    """A training step of one form, on arguments of its own."""
    arguments = case.make(batch, dtype)
    return training_step(case.prepare(form, arguments), leaves(arguments))


def check(case: Case, peers: Sequence[str], batch: int = CHECKED_BATCH) -> dict[str, Agreement]:
    """Compare each peer with our form; one that does not relate to it as stated is an error."""

    def result(form):
        arguments = case.make(batch, torch.float64)
        value = case.prepare(form, arguments)()
        return value, torch.autograd.grad(value, leaves(arguments))

    ours = result("ours")
    found = {peer: agreement(ours, result(peer)) for peer in peers}
    for peer, seen in found.items():
        if seen.relation != case.peers[peer].relation:
            raise SystemExit(
                f"{case.name}: the {peer} form should relate to ours as '{case.peers[peer].relation}', "
                f"but value and gradient say '{seen.relation}' ({seen})"
            )
    return found


def measure(case: Case, batch: int, *, rounds: int, seconds: float, installed: Sequence[str]) -> report.Row:
    """Check, time and weigh all forms of one loss."""
    peers = [peer for peer in report.FORMS[1:] if peer in case.peers and peer in installed]
    agreements = check(case, peers)
    steps = {form: step_of(case, form, batch) for form in ("ours", *peers)}
    return report.Row(
        case.name,
        case.kind,
        batch,
        times=interleaved(steps, rounds=rounds, seconds=seconds),
        peaks={form: peak_bytes(step) for form, step in steps.items()},
        agreements=agreements,
        notes={peer: case.peers[peer].note for peer in peers},
        broadcasts=case.broadcasts,
    )


def footprint(case: Case, batch: int) -> report.Footprint:
    arguments = case.make(batch, torch.float32)
    step = training_step(case.prepare("ours", arguments), leaves(arguments))
    step()  # what is made once and kept does not count
    return report.Footprint(case.name, batch, peak_bytes(step), nbytes(arguments), 4 * case.room(batch))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the smaller batch, few rounds; printed only")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=[case.name for case in CASES])
    parser.add_argument("--batch", nargs="+", type=int, metavar="B", help="batch sizes (64 256)")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="for losses.md and losses.png")
    options = parser.parse_args(argv)
    chosen = [case for case in CASES if options.only is None or case.name in options.only]
    batches = options.batch or (BATCHES[:1] if options.quick else BATCHES)
    rounds, seconds = (5, 0.5) if options.quick else (25, 5.0)
    partial = options.quick or options.only or options.batch
    folder = options.output or (None if partial else HERE)

    torch.set_num_threads(1)
    installed = report.FORMS[1:]
    if torchdistill_forms.mid_level is None:
        installed = ("textbook",)
        print(
            'torchdistill is not installed (pip install -e ".[bench]"): its column is empty', file=sys.stderr
        )
    rows, footprints = [], []
    for number, case in enumerate(chosen, start=1):
        print(f"[{number}/{len(chosen)}] {case.name}", file=sys.stderr, flush=True)
        for batch in batches:
            rows.append(measure(case, batch, rounds=rounds, seconds=seconds, installed=installed))
        if case.room is not None:
            sizes = batches if options.quick else (*batches, LARGE_BATCH)
            footprints += [footprint(case, batch) for batch in sizes]
    if folder is None:
        print(report.markdown(rows, footprints))
    else:
        folder.mkdir(parents=True, exist_ok=True)
        report.draw(rows, folder / "losses.png")
        text = report.markdown(rows, footprints, plot="losses.png")
        (folder / "losses.md").write_text(text, encoding="utf-8")
        print(f"{folder / 'losses.md'} and losses.png are written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
