"""How far a benchmark is: a live line while it runs, and a picture of what is done for any other terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from tqdm import tqdm

from kdcourse.bench.cells import Block, Record
from kdcourse.bench.plans import Plan


class LiveView:
    """A progress bar over cells, with the latest result beside it; hidden when KDCOURSE_QUIET is set.

    Use as a context manager and hand it to `run` as ``on_block``.
    """

    def __init__(self, plan: Plan, done: int):
        self.bar = tqdm(
            total=plan.size(), initial=done, desc=plan.name, unit="cell", dynamic_ncols=True,
            disable=bool(os.environ.get("KDCOURSE_QUIET")), file=sys.stderr,
        )  # fmt: skip

    def __enter__(self) -> LiveView:
        return self

    def __exit__(self, *_) -> None:
        self.bar.close()

    def __call__(self, block: Block, result: list[Record] | Exception) -> None:
        if isinstance(result, Exception):
            self.bar.write(f"failed: {block}: {type(result).__name__}: {result}", file=sys.stderr)
            return
        mean = sum(record.accuracy for record in result) / len(result)
        self.bar.set_postfix_str(f"{block}: {mean:.1f} % {block.split}", refresh=False)
        self.bar.update(len(result))


def count_done(plan: Plan, records: Mapping[str, Record]) -> int:
    """Cells of the plan that have been computed."""
    return sum(cell.key in records for block in plan.blocks(records) for cell in block.cells)


def picture(plan: Plan, records: Mapping[str, Record]) -> str:
    """A line for each row, a column for each student: how far its search and its verdict are.

    ``.`` nothing yet, ``s 3/6`` three of six trials of the search, ``v 4/8`` four of eight seeds of the
    verdict, ``ok`` all, blank: does not apply.
    """
    columns = [f"{world} {student}" for world, students in plan.worlds.items() for student in students]
    marks: dict[str, dict[str, str]] = {row.title: {} for row in plan.rows}
    for world, student, row in plan.contests():
        marks[row.title][f"{world} {student}"] = _mark(plan, world, student, row, records)
    width = max(len(title) for title in marks)
    lines = [" " * width + "".join(f"  {name:>12}" for name in columns)]
    for title, of_row in marks.items():
        lines.append(f"{title:{width}}" + "".join(f"  {of_row.get(name, ''):>12}" for name in columns))
    done, size = count_done(plan, records), plan.size()
    return "\n".join([*lines, f"{done} of {size} cells ({100 * done // size} %)"])


def _mark(plan: Plan, world: str, student: str, row, records: Mapping[str, Record]) -> str:
    verdict = plan.verdict(world, student, row, records)
    if verdict is None:
        trials = plan.search(world, student, row)
        done = sum(all(cell.key in records for cell in block.cells) for block in trials)
        return f"s {done}/{len(trials)}" if done else "."
    done = sum(cell.key in records for cell in verdict.cells)
    return "ok" if done == len(verdict.seeds) else f"v {done}/{len(verdict.seeds)}"
