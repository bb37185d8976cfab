"""Which cells a benchmark consists of, and which of them can be computed now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kdcourse.bench.cells import TEACHER, Block, Cell, Record, Setting, as_setting
from kdcourse.bench.methods import METHODS
from kdcourse.bench.worlds import WORLDS

SEARCH_SEEDS = (200, 201, 202)
SEEDS = tuple(range(8))


@dataclass(frozen=True)
class Row:
    """One row of a table: a method, with a setting that is given, or (None) chosen by the search.

    A given setting without "rate" is tried at each of the world's learning rates in the search.

    Lecture:
        18_capstone, section 6.
    """

    title: str
    method: str
    setting: Mapping[str, object] | None = None

    def trials(self, rates: Sequence[float]) -> tuple[Setting, ...]:
        """What the search tries, in order; of equal means the first wins."""
        settings = METHODS[self.method].settings if self.setting is None else (self.setting,)
        # A setting that names its rate is the same trial at every rate.
        return tuple(dict.fromkeys(as_setting({"rate": r, **one}) for one in settings for r in rates))


@dataclass(frozen=True)
class Plan:
    """A benchmark: rows x worlds x students x seeds.

    worlds: world -> its students that take part.
    search_seeds: on whose validation images settings are chosen; seeds: on whose test images the verdict is
        given. No seed is in both.
    steps: share of each world's budget of steps.

    Lecture:
        18_capstone, section 6.
    """

    name: str
    title: str
    worlds: Mapping[str, tuple[str, ...]]
    rows: tuple[Row, ...]
    search_seeds: tuple[int, ...] = SEARCH_SEEDS
    seeds: tuple[int, ...] = SEEDS
    steps: float = field(default=1.0)

    def __post_init__(self):
        if both := set(self.search_seeds) & set(self.seeds):
            raise ValueError(f"seeds: expected none of the search's seeds among them, got {sorted(both)}")

    def budget(self, world: str) -> int:
        return max(1, round(self.steps * WORLDS[world].steps))

    def contests(self) -> Iterable[tuple[str, str, Row]]:
        """(world, student, row) of all rows that apply to that student."""
        for world, students in self.worlds.items():
            for student in students:
                for row in self.rows:
                    if METHODS[row.method].needs <= WORLDS[world].students[student].gives:
                        yield world, student, row

    def teachers(self) -> list[Block]:
        """The teachers' own scores on both splits that matter."""
        return [
            Block(world, TEACHER, TEACHER, (), self.seeds, "test", WORLDS[world].teacher_steps)
            for world in self.worlds
        ]

    def search(self, world: str, student: str, row: Row) -> list[Block]:
        """The trials of one row; none if there is nothing to choose."""
        trials = row.trials(WORLDS[world].rates)
        if len(trials) < 2:
            return []
        return [
            Block(world, student, row.method, trial, self.search_seeds, "validation", self.budget(world))
            for trial in trials
        ]

    def chosen(self, world: str, student: str, row: Row, records: Mapping[str, Record]) -> Setting | None:
        """The setting of the verdict; None while its search is not done.

        Args:
            records: by the key of their cell.
        """
        trials = self.search(world, student, row)
        if not trials:
            return row.trials(WORLDS[world].rates)[0]
        means = []
        for block in trials:
            known = [records.get(cell.key) for cell in block.cells]
            if None in known:
                return None
            means.append(sum(record.accuracy for record in known) / len(known))
        return trials[means.index(max(means))].setting

    def verdict(self, world: str, student: str, row: Row, records: Mapping[str, Record]) -> Block | None:
        """The block that decides about one row; None while its search is not done."""
        setting = self.chosen(world, student, row, records)
        if setting is None:
            return None
        return Block(world, student, row.method, setting, self.seeds, "test", self.budget(world))

    def blocks(self, records: Mapping[str, Record]) -> list[Block]:
        """All blocks that can be named by now, computed or not, each once: teachers, searches, verdicts."""
        found = dict.fromkeys(self.teachers())
        for contest in self.contests():
            found |= dict.fromkeys(self.search(*contest))
        for contest in self.contests():
            if (verdict := self.verdict(*contest, records)) is not None:
                found |= {verdict: None}
        return list(found)

    def size(self) -> int:
        """Number of cells when all is done (rows that share cells are counted once, as far as is known)."""
        cells: set[Cell] = {cell for block in self.teachers() for cell in block.cells}
        verdicts = 0
        for contest in self.contests():
            searched = self.search(*contest)
            cells |= {cell for block in searched for cell in block.cells}
            verdicts += len(self.seeds)
        return len(cells) + verdicts


def by_key(records: Iterable[Record]) -> dict[str, Record]:
    """Records by the key of their cell; of one cell, the first."""
    found: dict[str, Record] = {}
    for record in records:
        found.setdefault(record.cell.key, record)
    return found


def pending(plan: Plan, records: Mapping[str, Record]) -> list[Block]:
    """What can be computed now: blocks of the seeds that are missing."""
    missing = []
    for block in plan.blocks(records):
        seeds = [cell.seed for cell in block.cells if cell.key not in records]
        if seeds and WORLDS[block.world].side_by_side:
            missing.append(block.only(seeds))
        else:
            missing += [block.only([seed]) for seed in seeds]
    return missing
