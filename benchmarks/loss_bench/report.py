"""From measurements to verdicts, a table and a plot."""

import math
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib import metadata
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from kdcourse.plots import COLORS, use_course_style
from loss_bench.measure import Agreement, Times, ratio_interval

MIB = 2**20
FORMS = ("ours", "torchdistill", "textbook")
# A loss may use this many times (its inputs + B² or B·C² numbers), and portions of fixed size beside.
FACTOR, PORTIONS = 4, 8 * MIB


@dataclass(frozen=True)
class Row:
    """What was measured of one loss at one batch size, by form; the notes say how peers differ.

    `broadcasts`: its textbook form makes a vector for every pair.
    """

    name: str
    kind: str
    batch: int
    times: Mapping[str, Times]
    peaks: Mapping[str, int]
    agreements: Mapping[str, Agreement] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    broadcasts: bool = False

    @property
    def peers(self) -> list[str]:
        return [form for form in self.times if form != "ours"]

    @property
    def best_peer(self) -> str:
        return min(self.peers, key=lambda peer: self.times[peer].median)

    def speedup(self, peer: str) -> float:
        """The peer's time over ours: above 1, ours is faster."""
        return self.times[peer].median / self.times["ours"].median

    def saving(self, peer: str) -> float:
        """The peer's peak memory over ours."""
        return self.peaks[peer] / self.peaks["ours"]


@dataclass(frozen=True)
class Footprint:
    """Peak memory of our form of a loss, beside what the goal allows it."""

    name: str
    batch: int
    peak: int
    inputs: int
    room: int  # bytes of B² or B·C² numbers

    @property
    def share(self) -> float:
        return self.peak / (FACTOR * (self.inputs + self.room) + PORTIONS)


@dataclass(frozen=True)
class Goal:
    text: str
    measured: str
    passed: bool | None  # None: not measured in this run

    @property
    def verdict(self) -> str:
        return {True: "PASS", False: "FAIL", None: "not measured"}[self.passed]


def geometric_mean(ratios: Iterable[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, ratios)))


def speedups(rows: Sequence[Row], peers: Sequence[str] = FORMS[1:]) -> list[float]:
    return [row.speedup(peer) for row in rows for peer in row.peers if peer in peers]


def compared_with_broadcasts(rows: Sequence[Row]) -> list[float]:
    """Against torchdistill on all losses, and against the textbook on those where its form broadcasts."""
    return speedups(rows, FORMS[1:2]) + speedups([row for row in rows if row.broadcasts], FORMS[2:])


def goals(rows: Sequence[Row], footprints: Sequence[Footprint]) -> list[Goal]:
    """The goals and whether they are met, from the medians."""

    def at_least(text, least, found):
        """`found`: pairs of a ratio and what it belongs to; the smallest counts."""
        if not found:
            return Goal(text, "", None)
        ratio, where = min(found)
        return Goal(text, f"{ratio:.3g} ({where})", ratio >= least)

    def of(name, batch=None):
        return [row for row in rows if row.name == name and batch in (None, row.batch)]

    best = [(row.speedup(row.best_peer), f"{row.name}, B = {row.batch}, {row.best_peer}") for row in rows]
    found = [at_least("Never slower than 1/1.2 of the best peer, on any loss", 1 / 1.2, best)]
    for text, peers in (
        ("torchdistill and textbook forms that broadcast", compared_with_broadcasts(rows)),
        ("all of torchdistill and all textbook forms", speedups(rows)),
    ):
        mean = [(geometric_mean(peers), f"n = {len(peers)}")] if peers else []
        found.append(at_least(f"Geometric mean against {text}, together, ≥ 3", 3, mean))
    for name in ("fsp_loss", "nst_loss"):
        text = f"`{name}` at B = 256 ≥ 20 times as fast as the broadcast form"
        found.append(at_least(text, 20, [(r.speedup("textbook"), "textbook") for r in of(name, 256)]))
    angles = of("rkd_angle_loss", 256)
    text = "`rkd_angle_loss` at B = 256 ≥ 2 times as fast as the best peer"
    found.append(at_least(text, 2, [(r.speedup(r.best_peer), r.best_peer) for r in angles]))
    text = "`rkd_angle_loss` at B = 256 ≥ 10 times less memory than the best peer"
    found.append(at_least(text, 10, [(r.saving(peer), peer) for r in angles for peer in r.peers]))
    text = "`ContrastiveMemory` (CRD) with K = 4096 negatives ≥ 3 times as fast as the best peer"
    crd = [(r.speedup(r.best_peer), f"B = {r.batch}, {r.best_peer}") for r in of("ContrastiveMemory")]
    found.append(at_least(text, 3, crd))
    text = f"Peak memory ≤ {FACTOR} × (inputs + B² or B·C² numbers) + {PORTIONS // MIB} MiB, for all but CRD"
    shares = [(f.share, f"{f.name}, B = {f.batch}") for f in footprints]
    if shares:
        share, where = max(shares)
        found.append(Goal(text, f"at most {share:.0%} of it ({where})", share <= 1))
    else:
        found.append(Goal(text, "", None))
    return found


def environment() -> list[str]:
    """What the figures depend on."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [
            line.partition(":")[2].strip()
            for line in cpuinfo.read_text().splitlines()
            if "model name" in line
        ]
        processor = models[0] if models else processor
    try:
        peer = f"torchdistill {metadata.version('torchdistill')}"
    except metadata.PackageNotFoundError:
        peer = "torchdistill not installed"
    return [
        f"{date.today().isoformat()}; {platform.system()} {platform.machine()}, {processor} "
        f"({torch.backends.cpu.get_cpu_capability()}), {torch.get_num_threads()} thread",
        f"Python {platform.python_version()}, torch {torch.__version__}, {peer}",
    ]


def _cell(row: Row, form: str) -> str:
    if form not in row.times:
        return ""
    low, high = row.times[form].quartiles
    digits = max(0, 2 - math.floor(math.log10(1000 * row.times[form].median)))
    return f"{1000 * row.times[form].median:.{digits}f} ± {500 * (high - low):.{digits}f}"


def _memory(row: Row, form: str) -> str:
    return f"{row.peaks[form] / MIB:.3g}" if form in row.peaks else ""


def _same(row: Row, peer: str) -> str:
    if peer not in row.agreements:
        return ""
    note = row.notes.get(peer, "")
    return f"{row.agreements[peer]}" + (f": {note}" if note else "")


def table(rows: Sequence[Row]) -> str:
    lines = [
        "| loss | B | ours, ms | torchdistill, ms | textbook, ms | best peer / ours | ours, MiB "
        "| torchdistill, MiB | textbook, MiB | torchdistill the same? | textbook the same? |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|---|---|",
    ]
    for row in rows:
        best = row.times[row.best_peer]
        low, high = ratio_interval(best, row.times["ours"])
        cells = [
            f"`{row.name}`",
            str(row.batch),
            *(_cell(row, form) for form in FORMS),
            f"{row.speedup(row.best_peer):.3g} ({low:.3g} to {high:.3g})",
            *(_memory(row, form) for form in FORMS),
            *(_same(row, peer) for peer in FORMS[1:]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def means(rows: Sequence[Row]) -> str:
    """Geometric means of the speed-ups, by kind of knowledge and in all."""
    groups = {kind: [row for row in rows if row.kind == kind] for kind in dict.fromkeys(r.kind for r in rows)}
    groups["all"] = list(rows)
    groups["of these, where the textbook form broadcasts"] = [row for row in rows if row.broadcasts]
    lines = ["| losses | against torchdistill | against textbook | together |", "|---|--:|--:|--:|"]
    for name, chosen in groups.items():
        cells = []
        for peers in (FORMS[1:2], FORMS[2:], FORMS[1:]):
            ratios = speedups(chosen, peers)
            cells.append(f"{geometric_mean(ratios):.2f} (n = {len(ratios)})" if ratios else "")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def markdown(rows: Sequence[Row], footprints: Sequence[Footprint], *, plot: str | None = None) -> str:
    waiting = [times.waiting for row in rows for times in row.times.values()]
    verdicts = "\n".join(f"| {g.text} | {g.measured} | {g.verdict} |" for g in goals(rows, footprints))
    picture = f"\n![{words(rows)}]({plot})\n" if plot else ""
    return f"""# Speed and memory of the losses

Written by `python benchmarks/losses.py`, which measures all forms of a loss in turn in one run:

- **ours**: the function of `kdcourse.losses` (and `ContrastiveMemory`, a module of `kdcourse.models`);
- **torchdistill**: that library's loss for the same method, where it has one;
- **textbook**: the formula in plain PyTorch, as papers and widely used repositories write it
  (`benchmarks/loss_bench/textbook_forms.py`).

{chr(10).join(f"- {line}" for line in environment())}
- float32; forward and backward; processor time in milliseconds, median ± half the distance between the
  quartiles. Waiting took {statistics.median(waiting):.2f} times as long as the processor worked (median;
  at most {max(waiting):.2f}); on an idle machine that is 1.
- peak memory: the most bytes of tensors alive at once that forward and backward allocated, inputs not
  included; measured by PyTorch's profiler.

## Goals

| goal | measured | verdict |
|---|---|---|
{verdicts}

Why goals are missed: most losses are a few sums over their inputs, which PyTorch does at the speed of memory
in any form; nothing can be three times as fast, and no custom kernel was written. The forms that lose more
than a fifth cost a few hundredths of a millisecond more: `log_sum_loss` scales its differences first, so that
no power over- or underflows, and `sparse_soft_cross_entropy` gathers from the logits and scatters its
gradient, where writing out the full label, which it is made to avoid, is quicker.

Geometric means of the speed-ups (time of the peer / our time):

{means(rows)}
{picture}
## Every loss

"Best peer / ours" is the ratio of medians with a 95 % bootstrap interval: above 1, ours is faster. "The
same?" compares value and gradient in float64 before anything is timed: *yes* (to 1e-9), *to* a relative
difference, *×* a constant factor (peer / ours), or *no*, another formula.

{table(rows)}
"""


def words(rows: Sequence[Row]) -> str:
    """The plot for those who cannot see it."""
    ratios = speedups(rows)
    faster = sum(ratio > 1 for ratio in ratios)
    return (
        f"Two dot plots on logarithmic axes, a line for each loss: how many times our time, and our peak "
        f"memory, torchdistill and the textbook form take. Ours is faster in {faster} of {len(ratios)} "
        f"comparisons; the ratios of times run from {min(ratios):.2g} to {max(ratios):.2g}."
    )


def draw(rows: Sequence[Row], path: Path) -> None:
    """Ratios of time and of peak memory, peer / ours, one line a loss."""
    use_course_style()
    names = list(dict.fromkeys(row.name for row in rows))
    batches = sorted({row.batch for row in rows})
    figure, panels = plt.subplots(1, 2, sharey=True, figsize=(9, 1.6 + 0.24 * len(names)))
    look = {"torchdistill": (COLORS["orange"], "s", -0.16), "textbook": (COLORS["blue"], "o", 0.16)}
    for panel, measure in zip(panels, (Row.speedup, Row.saving)):
        for peer, (color, marker, shift) in look.items():
            for batch in batches:
                chosen = [row for row in rows if row.batch == batch and peer in row.peers]
                panel.scatter(
                    [measure(row, peer) for row in chosen],
                    [names.index(row.name) + shift for row in chosen],
                    s=30,
                    marker=marker,
                    edgecolors=color,
                    # The largest batch is filled.
                    facecolors=color if batch == batches[-1] else "white",
                    label=f"{peer}, B = {batch}",
                    zorder=3,
                )
        panel.axvline(1, color=COLORS["grey"], linewidth=1.2)
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter(lambda x, _: f"{x:g}×")
        panel.xaxis.set_minor_formatter(lambda x, _: "")
    panels[0].set_yticks(range(len(names)), names, fontsize=8)
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    panels[0].set_title("time: peer / ours")
    panels[1].set_title("peak memory: peer / ours")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
