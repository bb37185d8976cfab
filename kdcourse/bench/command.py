"""`kdcourse bench`: run a benchmark, see how far it is, read its tables."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kdcourse.bench.engines import EngineError, open_engine
from kdcourse.bench.methods import METHODS
from kdcourse.bench.plans import Plan, by_key
from kdcourse.bench.presets import PRESETS, preset
from kdcourse.bench.progress import LiveView, count_done, picture
from kdcourse.bench.results import ResultsError, ResultsFile
from kdcourse.bench.runner import other_code, run


def parser() -> argparse.ArgumentParser:
    """The command line of `kdcourse bench`."""
    top = argparse.ArgumentParser(prog="kdcourse bench", description="All methods, one table.")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser("list", help="the presets, and the methods with their settings")
    commands.add_parser(
        "train", help="one training on CIFAR-10, on one device or, under torchrun, many", add_help=False
    )
    helps = {
        "run": "compute what is missing; stop it with Ctrl-C and start it again at any time",
        "status": "how far a run is, also while it runs in another terminal",
        "report": "tables and figures of what has been computed",
    }
    for name, text in helps.items():
        one = commands.add_parser(name, help=text)
        one.add_argument("preset", choices=list(PRESETS))
        one.add_argument("--file", type=Path, help="results file (default results/PRESET.jsonl)")
        one.add_argument("--methods", help="only these, with commas between: alone,kd,rkd")
        one.add_argument("--worlds", help="only these, with commas between")
        one.add_argument("--students", help="only these, with commas between")
        one.add_argument("--seeds", type=int, metavar="N", help="seeds 0 to N-1 for the verdict (default 8)")
        one.add_argument(
            "--steps", type=float, metavar="SHARE", help="share of the budget of steps (default 1)"
        )
    commands.choices["run"].add_argument(
        "--engine", default="processes", help="serial, processes, dask, ray, slurm"
    )
    commands.choices["run"].add_argument("--workers", type=int, help="processes, or jobs at once")
    commands.choices["run"].add_argument("--address", help="of a running Dask or Ray cluster")
    commands.choices["run"].add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="for the engine, e.g. partition=gpu",
    )
    commands.choices["status"].add_argument("--watch", action="store_true", help="again every five seconds")
    commands.choices["report"].add_argument(
        "--to", type=Path, help="folder for report.md, report.csv and figures"
    )
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line and return its exit status."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv[:1] == ["train"]:
        from kdcourse.bench.cifar10 import main as train

        return train(argv[1:])
    arguments = parser().parse_args(argv)
    if arguments.command == "list":
        print(listing())
        return 0
    try:
        plan = narrowed(preset(arguments.preset), arguments)
        results = ResultsFile(arguments.file or Path("results") / f"{arguments.preset}.jsonl")
        return {"run": _run, "status": _status, "report": _report}[arguments.command](
            plan, results, arguments
        )
    except (ValueError, ResultsError, EngineError) as error:
        print(f"kdcourse bench: {error}", file=sys.stderr)
        return 1


def narrowed(plan: Plan, arguments: argparse.Namespace) -> Plan:
    """The part of a plan that the command line asks for.

    Raises:
        ValueError: a name that the plan does not hold, or nothing is left.
    """
    methods, worlds, students = (
        _names(f"{what} of the preset {plan.name}", getattr(arguments, what), known)
        for what, known in (
            ("methods", {row.method for row in plan.rows}),
            ("worlds", set(plan.worlds)),
            ("students", {student for some in plan.worlds.values() for student in some}),
        )
    )
    plan = replace(
        plan,
        rows=tuple(row for row in plan.rows if row.method in methods),
        worlds={
            world: tuple(s for s in some if s in students)
            for world, some in plan.worlds.items()
            if world in worlds
        },
    )
    if arguments.seeds is not None:
        if arguments.seeds < 2:
            raise ValueError(f"seeds: expected at least 2, for an interval, got {arguments.seeds}")
        plan = replace(plan, seeds=tuple(range(arguments.seeds)))
    if arguments.steps is not None:
        if not arguments.steps > 0:
            raise ValueError(f"steps: expected a share above 0, got {arguments.steps}")
        plan = replace(plan, steps=arguments.steps)
    return plan


def listing() -> str:
    """The presets and the registry as text."""
    lines = ["Presets:"]
    for make in PRESETS.values():
        plan = make()
        lines.append(f"  {plan.name:14} {plan.title} ({plan.size()} cells)")
    lines += ["", "Methods (lecture, name, title; what the search tries):"]
    for method in METHODS.values():
        (name, *_), values = method.settings[0], [", ".join(map(str, s.values())) for s in method.settings]
        needs = f"; needs {', '.join(sorted(method.needs))}" if method.needs else ""
        lines.append(
            f"  {method.lecture}  {method.name:22} {method.title}; {name} {' | '.join(values)}{needs}"
        )
    return "\n".join(lines)


def _run(plan: Plan, results: ResultsFile, arguments: argparse.Namespace) -> int:
    records = results.read()
    if stale := other_code(records):
        print(
            f"{stale} records in {results.path} come from other code than the present one and are kept. "
            "Give another --file to compute all anew.",
            file=sys.stderr,
        )
    options = dict(_option(text) for text in arguments.option)
    if arguments.engine == "slurm":
        options = {"folder": str(results.path.parent / "slurm"), **options}
    engine = {"workers": arguments.workers, "address": arguments.address, **options}
    try:
        with (
            open_engine(arguments.engine, **engine) as opened,
            LiveView(plan, count_done(plan, by_key(records))) as view,
        ):
            outcome = run(plan, results, opened, on_block=view)
    except KeyboardInterrupt:
        print(
            f"\nStopped. What was finished is in {results.path}; the same command goes on.", file=sys.stderr
        )
        return 130
    print(f"{outcome.computed} cells computed; results in {results.path}")
    for block, error in outcome.failed.items():
        print(f"failed: {block}: {type(error).__name__}: {error}", file=sys.stderr)
    return 1 if outcome.failed else 0


def _status(plan: Plan, results: ResultsFile, arguments: argparse.Namespace) -> int:
    while True:
        records = by_key(results.read())
        print(picture(plan, records), flush=True)
        if not arguments.watch or count_done(plan, records) >= plan.size():
            return 0
        time.sleep(5)
        print()


def _report(plan: Plan, results: ResultsFile, arguments: argparse.Namespace) -> int:
    from kdcourse.bench.report import compare, overall
    from kdcourse.bench.report_figures import save_figures
    from kdcourse.bench.report_text import to_csv, to_markdown

    records = [r for r in results.read() if r.cell.world in plan.worlds]
    budgets = {world: plan.budget(world) for world in plan.worlds}
    records = [
        r for r in records
        if r.cell.student == "teacher"
        or (r.cell.student in plan.worlds[r.cell.world] and r.cell.budget == budgets[r.cell.world])
    ]  # fmt: skip
    tables = compare(records, plan=plan)
    if not tables:
        raise ValueError(f"{results.path} holds no results of the preset {plan.name}. Run it first.")
    text = to_markdown(*tables, *([overall(tables)] if len(tables) > 1 else []))
    if arguments.to is None:
        print(text)
        return 0
    arguments.to.mkdir(parents=True, exist_ok=True)
    (arguments.to / "report.md").write_text(f"# {plan.title}\n\n{text}", encoding="utf-8")
    (arguments.to / "report.csv").write_text(to_csv(tables), encoding="utf-8")
    save_figures(arguments.to, tables)
    print(f"The report is in {arguments.to}")
    return 0


def _names(what: str, given: str | None, known: set[str]) -> set[str]:
    names = known if given is None else set(given.split(","))
    if names - known or not names:
        raise ValueError(f"{what}: expected some of {', '.join(sorted(known))}, got {given}")
    return names


def _option(text: str) -> tuple[str, object]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise ValueError(f"option: expected NAME=VALUE, got {text!r}")
    for number in (int, float):
        try:
            return name, number(value)
        except ValueError:
            continue
    return name, value
