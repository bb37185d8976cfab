"""What a report consists of: arms, tables of arms, and what several tables say together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kdcourse.bench.cells import Setting
from kdcourse.evaluation import Estimate

SIGNIFICANT = 0.05
Scores = dict[int, float]  # seed -> accuracy in percent


@dataclass(frozen=True)
class Against:
    """An arm minus another one, over the seeds that both have.

    difference: in percentage points. p_value: of the paired t-test, adjusted by Holm over all arms that the
    table compares with the same other arm; None from one seed.
    """

    difference: Estimate
    p_value: float | None

    @property
    def significant(self) -> bool:
        return self.p_value is not None and self.p_value < SIGNIFICANT


@dataclass(frozen=True)
class Arm:
    """One row of a table: a method with one setting.

    scores: test accuracy in percent by seed. accuracy: its mean; from one seed the interval is infinite.
    reference, second: this arm against these two; None for the arm itself, and where no seed is shared.
    gap: share of the gap from the reference to the teacher that is closed, in percent; None where the
        teacher is not better (`kdcourse.evaluation.gap_closed`), or fewer than 3 seeds are shared.
    rank: mean over the seeds by which the table ranks, 1 is best; None where some of them are missing.
    seconds: processor seconds of training, mean over seeds. parameters: of the deployed net.
    trials: settings among which the search chose; 0: this setting was given, not searched.
    """

    title: str
    family: str
    method: str
    setting: Setting
    scores: Scores
    accuracy: Estimate
    seconds: float
    parameters: int
    trials: int = 0
    reference: Against | None = None
    second: Against | None = None
    gap: Estimate | None = None
    rank: float | None = None

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted(self.scores))


@dataclass(frozen=True)
class Table:
    """All arms of one world and student that were trained for the same number of steps, best first.

    reference, second: titles of the arms that all are compared with; None: that arm has no record.
    seeds: what each arm should have. ranked: the seeds over which arms are ranked.
    friedman: p-value of equal ranks over these seeds; None where they or the arms are too few.
    teacher: its test accuracy and steps, or None.
    search_seeds: on which settings were chosen. missing: titles of rows that have no test record at all.
    unfit: titles of rows that need what this student does not give.
    notes: what else a reader must know.
    """

    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    world: str = ""
    student: str = ""
    budget: int = 0
    reference: str | None = None
    second: str | None = None
    ranked: tuple[int, ...] = ()
    friedman: float | None = None
    teacher: Estimate | None = None
    teacher_steps: int = 0
    search_seeds: tuple[int, ...] = ()
    missing: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def arm(self, title: str) -> Arm:
        """The row of this title."""
        for arm in self.arms:
            if arm.title == title:
                return arm
        raise KeyError(f"{title!r} is no row of {self.world}, {self.student}: {[a.title for a in self.arms]}")

    def _repr_html_(self) -> str:
        from kdcourse.bench.report_text import to_html

        return to_html(self)


@dataclass(frozen=True)
class OverallRow:
    """One row of `Overall`: a title, in how many tables it is, its mean rank over all tables (None where it
    is not in all), and in how many tables it is above or below the reference with an adjusted p < 0.05."""

    title: str
    family: str
    tables: int
    rank: float | None
    above: int
    below: int


@dataclass(frozen=True)
class Overall:
    """What several tables say together.

    rows: best mean rank first. ranked: how many rows are in all tables, and so have a rank.
    friedman: p-value of equal ranks, with tables as blocks; None with one table or fewer than three rows.
    """

    rows: tuple[OverallRow, ...]
    tables: tuple[str, ...]
    ranked: int
    reference: str | None = None
    friedman: float | None = None

    def _repr_html_(self) -> str:
        from kdcourse.bench.report_text import to_html

        return to_html(self)


def describe(setting: Setting, names: Iterable[str] | None = None) -> str:
    """A setting in words.

    >>> describe((("alpha", 0.9), ("temperature", 4.0)))
    'alpha 0.9, temperature 4'
    """
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in setting
        if names is None or name in names
    )
