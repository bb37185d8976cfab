"""Compute what a plan lacks, and write it down as it comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from kdcourse.bench.block import run_block
from kdcourse.bench.cells import Block, Record, code_fingerprint
from kdcourse.bench.plans import Plan, by_key, pending
from kdcourse.bench.results import ResultsFile


@dataclass
class Outcome:
    """What a run did: how many cells it computed, and which blocks failed and why.

    Lecture:
        18_capstone, section 6, through `run`.
    """

    computed: int = 0
    failed: dict[Block, Exception] = field(default_factory=dict)


def run(
    plan: Plan,
    results: ResultsFile,
    engine,
    *,
    folder: str | Path | None = None,
    on_block: Callable[[Block, list[Record] | Exception], None] = lambda block, result: None,
) -> Outcome:
    """Compute every cell of `plan` that `results` does not hold yet.

    Teachers come first, then the searches, then the verdicts with the settings that were chosen. Every
    block is appended to the file as soon as it is done, so that a run that is killed loses no more than the
    blocks it was working on. A block that fails does not stop the others.

    Args:
        engine: of `open_engine`; where blocks are computed.
        folder: where trained teachers are kept; by default ``teachers`` beside the file. Workers on other
            machines that do not see it train their own.
        on_block: is told of every block that ends.

    Raises:
        ResultsError: the file is damaged, or another run is writing to it.

    Lecture:
        18_capstone, section 6.
    """
    folder = results.path.parent / "teachers" if folder is None else Path(folder)
    work = partial(run_block, folder=str(folder.resolve()))
    outcome = Outcome()
    with results.locked():
        records = by_key(results.read())
        while blocks := [b for b in pending(plan, records) if b not in outcome.failed]:
            # Teachers by themselves: all else waits for them, and they are trained only once.
            teachers = [block for block in blocks if block.method == "teacher"]
            for block, result in engine.run(work, teachers or blocks):
                if isinstance(result, Exception):
                    outcome.failed[block] = result
                else:
                    results.append(result)
                    records |= by_key(result)
                    outcome.computed += len(result)
                on_block(block, result)
    return outcome


def other_code(records: list[Record]) -> int:
    """How many of these records were computed by other code than the present one."""
    return sum(record.code != code_fingerprint() for record in records)
