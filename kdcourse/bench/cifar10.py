"""The tables of the survey slides (notes 003) on CIFAR-10: plans, the slides' numbers beside ours, and the
program for one large training::

    python -m kdcourse.bench.cifar10 --method kd --setting temperature=10 alpha=0.2
    torchrun --nproc_per_node=8 -m kdcourse.bench.cifar10 --method teacher
    python -m kdcourse.bench.cifar10 --table results/cifar10.jsonl

See docs/cifar10.md.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from kdcourse.bench.cells import SPLITS, TEACHER, Block, Record, as_setting
from kdcourse.bench.cifar10_room import run_cifar10_block
from kdcourse.bench.cifar10_worlds import CIFAR10_WORLDS, FAST, USUAL, Cifar10World, Recipe
from kdcourse.bench.methods import METHODS
from kdcourse.bench.plans import Plan, Row
from kdcourse.bench.results import ResultsError, ResultsFile
from kdcourse.data import DatasetMissingError
from kdcourse.evaluation import mean_interval
from kdcourse.training import CheckpointError
from kdcourse.training.fabric import open_fabric

SEEDS = tuple(range(5))  # He et al. ran ResNet-110 five times
ALONE, TEACHER_TITLE = "student alone", "teacher"
# What the slides show, in percent: title of our row -> (their "novel architecture", their ResNet).
SLIDES: Mapping[str, tuple[float | None, float | None]] = {
    TEACHER_TITLE: (75.0, 91.0),
    ALONE: (63.0, 82.0),
    "KD, T = 10, alpha = 0.2": (65.97, 84.56),
    "KD, T = 20, alpha = 0.5": (63.47, 83.91),
    "KD, T = 5, alpha = 0.2": (67.21, 85.34),
    "KD, T = 40, alpha = 0.7": (64.13, 84.27),
    "mimicking the middle layer": (68.36, 85.57),
    "mimicking the final layer": (54.06, 76.86),
    # The text of the slides ends with a lone "86,13", without a word on what it belongs to.
    "RKD": (None, None),
}


def slide_rows(recipe: Recipe) -> tuple[Row, ...]:
    """The slides' rows, each with a setting that is given, so that nothing is searched.

    The slides do not say what their alpha weighs. Here it weighs the soft targets, as the lambda of notes
    002 and the alpha of `kd_loss`: alpha T² KL + (1 - alpha) CE. If it weighs the labels there, their 0.2 is
    our 0.8. Nor do they give the weights of hints and RKD: here each pulls as strongly at first as plain KD,
    to which it is added (`on_top_of_kd`).
    """
    rate = {"rate": recipe.rate}
    grid = [(10.0, 0.2), (20.0, 0.5), (5.0, 0.2), (40.0, 0.7)]
    return (
        Row(ALONE, "alone", rate | {"weight_decay": recipe.weight_decay}),
        *(Row(f"KD, T = {t:g}, alpha = {a:g}", "kd", rate | {"temperature": t, "alpha": a}) for t, a in grid),
        Row("mimicking the middle layer", "hint_middle", rate | {"multiple": 1.0}),
        Row("mimicking the final layer", "hint_last", rate | {"multiple": 1.0}),
        Row("RKD", "rkd", rate | {"multiple": 1.0}),
    )


def slide_plan(recipe: Recipe = USUAL) -> Plan:
    """The plan "cifar10", or "cifar10-fast"."""
    worlds = {name: tuple(w.students) for name, w in CIFAR10_WORLDS.items() if w.recipe is recipe}
    name = "cifar10" if recipe is USUAL else f"cifar10-{recipe.name}"
    title = f"The tables of the survey slides, on CIFAR-10, {recipe.name} recipe"
    return Plan(name, title, worlds, slide_rows(recipe), seeds=SEEDS)


def slide_table(records: Sequence[Record], recipe: Recipe = USUAL) -> str:
    """A Markdown table of the slides' numbers and ours: mean and 95 % interval over the seeds, on the test
    images."""
    worlds = sorted(slide_plan(recipe).worlds)  # novel, then resnet, as in the slides
    by_cell: dict[tuple, dict[int, float]] = {}
    for record in records:
        cell = record.cell
        if cell.split == "test" and cell.world in worlds and cell.budget == CIFAR10_WORLDS[cell.world].steps:
            which = (cell.world, cell.method, cell.setting)
            by_cell.setdefault(which, {})[cell.seed] = record.accuracy
    settings = {row.title: (row.method, as_setting(row.setting)) for row in slide_rows(recipe)}
    settings[TEACHER_TITLE] = (TEACHER, ())
    lines = [
        "| row | novel, slides | novel, here | ResNet, slides | ResNet, here |",
        "|---|---|---|---|---|",
    ]
    for title, reported in SLIDES.items():
        ours = (_shown(by_cell.get((world, *settings[title]), {})) for world in worlds)
        theirs = ("not given" if score is None else f"{score:g}" for score in reported)
        lines.append(f"| {title} | " + " | ".join(f"{a} | {b}" for a, b in zip(theirs, ours)) + " |")
    return "\n".join(lines) + "\n"


def _shown(accuracies: Mapping[int, float]) -> str:
    if not accuracies:
        return "not run"
    if len(accuracies) == 1:
        return f"{next(iter(accuracies.values())):.2f} (1 seed)"
    return f"{mean_interval(list(accuracies.values())):.2f} ({len(accuracies)} seeds)"


def main(argv: Sequence[str] | None = None) -> int:
    """Train one teacher or student, on one device or, under ``torchrun``, on many; or print the table."""
    chosen = _parser().parse_args(argv)
    try:
        if chosen.table is not None:
            fast = chosen.world.endswith(FAST.name)
            print(slide_table(ResultsFile(chosen.table).read(), FAST if fast else USUAL), end="")
            return 0
        return _train(chosen)
    except (
        ValueError, ImportError, ResultsError, CheckpointError, DatasetMissingError, TimeoutError
    ) as error:  # fmt: skip
        print(f"kdcourse bench train: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kdcourse bench train", description=main.__doc__)
    parser.add_argument("--world", choices=list(CIFAR10_WORLDS), default="cifar10-resnet")
    parser.add_argument("--method", default=TEACHER, help="a method of the registry, or teacher (default)")
    parser.add_argument("--setting", nargs="*", default=[], metavar="NAME=VALUE", help="of the method")
    parser.add_argument("--rate", type=float, help="learning rate (default: the recipe's)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", choices=SPLITS, default="test", help="what the net is scored on")
    parser.add_argument("--steps", type=float, default=1.0, metavar="SHARE", help="share of the budget")
    parser.add_argument("--file", type=Path, help="results file (default results/cifar10.jsonl or -fast)")
    parser.add_argument("--folder", type=Path, help="teachers, checkpoints (default: teachers beside it)")
    parser.add_argument("--table", type=Path, metavar="FILE", help="print the slides' table and stop")
    return parser


def _train(chosen: argparse.Namespace) -> int:
    world = CIFAR10_WORLDS[chosen.world]
    block = _block(chosen, world)
    plan = f"cifar10-{FAST.name}" if world.recipe is FAST else "cifar10"
    results = ResultsFile(chosen.file or Path("results") / f"{plan}.jsonl")
    folder = chosen.folder or results.path.parent / "teachers"
    fabric = open_fabric(precision=world.recipe.precision, unused_parameters=True)
    with results.locked() if fabric.is_global_zero else nullcontext():
        known = {record.cell.key: record for record in results.read()} if fabric.is_global_zero else {}
        record = fabric.broadcast(known.get(block.cells[0].key))
        if record is None:
            (record,) = run_cifar10_block(block, folder, fabric)
            if fabric.is_global_zero:
                results.append([record])
    if fabric.is_global_zero:
        print(f"{block}, seed {chosen.seed}: {record.accuracy:.2f} % on the {chosen.split} images")
    return 0


def _block(chosen: argparse.Namespace, world: Cifar10World) -> Block:
    (student,) = world.students
    if not chosen.steps > 0:
        raise ValueError(f"--steps: expected a share above 0, got {chosen.steps}")
    steps = max(1, round(chosen.steps * world.steps))
    if chosen.method == TEACHER:
        if chosen.setting or chosen.rate is not None or chosen.steps != 1:
            raise ValueError("--setting, --rate and --steps: expected none of them for a teacher")
        return Block(world.name, TEACHER, TEACHER, (), (chosen.seed,), chosen.split, world.teacher_steps)
    if chosen.method not in METHODS:
        raise ValueError(f"--method: expected teacher or one of {', '.join(METHODS)}, got {chosen.method!r}")
    method = METHODS[chosen.method]
    if lacking := method.needs - world.students[student].gives:
        raise ValueError(f"--method: {method.name} does not apply to {student}, which has no {lacking}")
    setting = dict(_value(text, method.settings[0]) for text in chosen.setting)
    try:
        inspect.signature(method.train).bind(None, **setting)
    except TypeError as error:
        tried = " ".join(f"{name}={value}" for name, value in method.settings[0].items())
        raise ValueError(f"--setting of {method.name}: {error}; expected something like {tried}") from error
    setting["rate"] = world.recipe.rate if chosen.rate is None else chosen.rate
    return Block(
        world.name, student, method.name, as_setting(setting), (chosen.seed,), chosen.split, steps
    )  # fmt: skip


def _value(text: str, example: Mapping[str, object]) -> tuple[str, object]:
    """A name and its value, of the type that the registry uses: a cell with 4 is another than with 4.0."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise ValueError(f"--setting: expected NAME=VALUE, got {text!r}")
    try:
        number = json.loads(value)
    except json.JSONDecodeError:
        return name, value
    if isinstance(number, int) and not isinstance(number, bool) and not isinstance(example.get(name), int):
        number = float(number)
    return name, number


if __name__ == "__main__":
    sys.exit(main())
