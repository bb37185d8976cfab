"""Tables of the benchmark as figures, each with a text that says what it shows.

All draw on figures of their own, outside pyplot, and so work without a display. In a notebook:
``figure, alt = forest(table); show(figure, alt=alt)``.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import cycle, product
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, NullLocator
from matplotlib.transforms import Bbox

from kdcourse.bench.method import FAMILIES
from kdcourse.bench.report import overall
from kdcourse.bench.report_tables import SIGNIFICANT, Arm, Table
from kdcourse.evaluation import ranks
from kdcourse.plots import COLORS, DOTS_PER_INCH, STYLE

ROW = 0.235  # inches a row of text
# Both colour and shape say the family, so that neither is needed.
_LOOKS = dict(
    zip(
        (*FAMILIES, ""),
        zip(("grey", "blue", "vermilion", "green", "purple", "orange", "sky", "grey"), "Xos^DvP."),
    )
)


class Drawn(NamedTuple):
    """A figure, and what a reader who cannot see it should learn from it."""

    figure: Figure
    alt: str


def forest(table: Table) -> Drawn:
    """Each row's difference to the reference with its 95 % interval, grouped by family.

    A filled dot: adjusted p < 0.05. A hollow one: not so, or not known from one seed.
    """
    arms = [arm for arm in table.arms if arm.reference is not None]
    if not arms:
        raise ValueError(f"{_where(table)}: expected rows that are compared with a reference, got none")
    families = [family for family in (*FAMILIES, "") if any(arm.family == family for arm in arms)]
    lines: list[Arm | str] = []
    for family in families:
        members = [arm for arm in arms if arm.family == family]
        lines += [family or "other", *sorted(members, key=lambda arm: -arm.reference.difference.mean)]
    labels = [line if isinstance(line, str) else fill(line.title, 44) for line in lines]
    with plt.rc_context(STYLE):
        figure, ax = _axes(8, ROW * (len(lines) + sum(label.count("\n") for label in labels)) + 1.3)
        ax.axvline(0, color=COLORS["grey"], linewidth=1.2)
        for y, line in enumerate(lines):
            if isinstance(line, Arm):
                _interval(ax, y, line)
        ax.set_yticks(range(len(lines)), labels)
        ax.set_ylim(len(lines) - 0.4, -0.6)
        for line, label in zip(lines, ax.get_yticklabels()):
            label.set_fontweight("bold" if isinstance(line, str) else "normal")
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="y", visible=False)
        ax.set_xlabel(f"test accuracy minus {table.reference}, percentage points")
        ax.set_title(f"{_where(table)}: filled where adjusted p < {SIGNIFICANT}")
    by_size = sorted(arms, key=lambda arm: arm.reference.difference.mean)
    above = sum(arm.reference.significant and arm.reference.difference.mean > 0 for arm in arms)
    below = sum(arm.reference.significant and arm.reference.difference.mean < 0 for arm in arms)
    return Drawn(
        figure,
        f"{_where(table)}: test accuracy of {len(arms)} rows minus {table.reference}, seed by seed, as dots "
        f"with 95 % intervals, grouped by family. With Holm-adjusted p < {SIGNIFICANT}, {above} lie above "
        f"zero and {below} below. Largest: {_signed(by_size[-1])}; smallest: {_signed(by_size[0])}.",
    )


def accuracy_against_time(table: Table) -> Drawn:
    """Mean accuracy against training seconds a seed, with the teacher's accuracy as a line.

    Named are the reference, the second reference, and the rows that no other row beats in both, as far as
    there is room. Where the teacher is far above them all, its line has a strip of its own.
    """
    arms = table.arms
    front = {a.title for a in arms if not any(_beats(b, a) for b in arms)}
    first = {table.reference, table.second}
    named = sorted((a for a in arms if a.title in front | first), key=lambda a: a.title not in first)
    with plt.rc_context(STYLE):
        figure = Figure(figsize=(8, 5), layout="constrained")
        top, ax = _with_strip(figure) if _far_above(table) else (None, figure.add_subplot())
        for family in (*FAMILIES, ""):
            members = [arm for arm in arms if arm.family == family]
            color, marker = _LOOKS[family]
            if members:
                ax.plot(
                    [arm.seconds for arm in members],
                    [arm.accuracy.mean for arm in members],
                    marker,
                    color=COLORS[color],
                    markersize=7,
                    label=family or "other",
                )
        if table.teacher is not None:
            level = table.teacher.mean
            (top or ax).axhline(level, color="black", linestyle="--", linewidth=1.2, label="teacher")
        if top is not None:
            top.set_ylim(level - 1, level + 1)
            top.set_yticks([level], [f"{level:.1f}"])
        ax.set_xscale("log")
        seconds = [arm.seconds for arm in arms]
        wide = max(seconds) > 8 * min(seconds)
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if wide else (1, 1.5, 2, 3, 5, 7)))
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.xaxis.set_minor_locator(NullLocator())
        ax.margins(x=0.15, y=0.12)
        ax.set_xlabel("processor seconds of training, a seed")
        ax.set_ylabel("test accuracy, %")
        (top or ax).set_title(_where(table))
        figure.legend(loc="outside right upper")
        _name_points(figure, ax, arms, named)
    best, quick = arms[0], min(arms, key=lambda arm: arm.seconds)
    teacher = f" The teacher's line is at {table.teacher.mean:.1f} %." if table.teacher else ""
    return Drawn(
        figure,
        f"{_where(table)}: mean test accuracy of {len(arms)} rows against training seconds a seed. "
        f"Most accurate: {best.title}, {best.accuracy.mean:.1f} % in {best.seconds:.3g} s; "
        f"quickest: {quick.title}, {quick.accuracy.mean:.1f} % in {quick.seconds:.3g} s.{teacher}",
    )


def heat_map(table: Table, method: str = "kd", *, x: str = "temperature", y: str = "alpha") -> Drawn:
    """Mean accuracy over a grid of two hyper-parameters, with the numbers in the cells.

    Args:
        method: whose rows.
        x, y: names in the settings. The learning rate may differ from cell to cell, as each has its own
            search; of rows that differ in anything else, those are drawn that make the largest grid.

    Raises:
        ValueError: no grid of two or more values each.
    """
    grid = _grid(table, method, x, y)
    if grid is None:
        raise ValueError(
            f"{_where(table)}: expected rows of {method!r} with two or more values of {x} and of {y}"
        )
    columns, lines = (sorted({place[i] for place in grid}) for i in (0, 1))
    means = np.full((len(lines), len(columns)), np.nan)
    for (column, line), arm in grid.items():
        means[lines.index(line), columns.index(column)] = arm.accuracy.mean
    with plt.rc_context(STYLE):
        figure, ax = _axes(1.9 + 0.85 * len(columns), 1.3 + 0.55 * len(lines))
        image = ax.imshow(means, aspect="auto", origin="lower")
        for i, j in np.ndindex(means.shape):
            arm = grid.get((columns[j], lines[i]))
            dark = arm is not None and image.norm(means[i, j]) < 0.6
            strong = arm is not None and arm.reference is not None and arm.reference.significant
            text = "–" if arm is None else f"{means[i, j]:.1f}" + ("*" if strong else "")
            ax.text(j, i, text, ha="center", va="center", color="white" if dark else "black")
        ax.set_xticks(range(len(columns)), [_short(value) for value in columns])
        ax.set_yticks(range(len(lines)), [_short(value) for value in lines])
        ax.set_xlabel(x)
        ax.set_ylabel(y)
        ax.grid(False)
        figure.colorbar(image, label="test accuracy, %")
        stars = f"\n* differs from {table.reference}, adjusted p < {SIGNIFICANT}" if table.reference else ""
        ax.set_title(f"{_where(table)}, {method}{stars}")
    places = sorted(grid, key=lambda place: grid[place].accuracy.mean)

    def at(place) -> str:
        return f"{grid[place].accuracy.mean:.1f} % at {x} {_short(place[0])}, {y} {_short(place[1])}"

    return Drawn(
        figure,
        f"{_where(table)}: mean test accuracy of {method} over {len(columns)} values of {x} and {len(lines)} "
        f"of {y}, as a heat map. Highest: {at(places[-1])}; lowest: {at(places[0])}.",
    )


def rank_chart(tables: Sequence[Table]) -> Drawn:
    """The rank of each row in each table, and its mean over tables, among rows that all tables have."""
    summary = overall(tables)
    titles = [row.title for row in summary.rows if row.rank is not None]
    if not titles:
        raise ValueError("tables: expected at least one row that all tables have, got none")
    by_table = ranks_by_table(tables, titles)
    means = [row.rank for row in summary.rows if row.rank is not None]
    labels = [fill(title, 44) for title in titles]
    with plt.rc_context(STYLE):
        figure, ax = _axes(8, ROW * (len(titles) + sum(label.count("\n") for label in labels)) + 1.5)
        rows = np.arange(len(titles))
        ax.barh(rows, np.array(means) - 0.5, left=0.5, height=0.62, color="#DDDDDD", label="mean")
        names = [color for color in COLORS if color not in ("yellow", "grey")]
        for table, places, color, marker in zip(tables, by_table.T, cycle(names), cycle("os^DvP*X")):
            ax.plot(
                places, rows, linestyle="none", marker=marker, color=COLORS[color], markersize=5,
                label=f"{table.world}, {table.student}",
            )  # fmt: skip
        for row, mean in enumerate(means):
            ax.text(1.01, row, f"{mean:.1f}", transform=ax.get_yaxis_transform(), va="center")
        ax.set_yticks(rows, labels)
        ax.set_ylim(len(titles) - 0.4, -0.6)
        ax.set_xlim(0.5, len(titles) + 0.5)
        ax.set_xticks([1, *range(5, len(titles) + 1, 5)] if len(titles) > 6 else range(1, len(titles) + 1))
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="y", visible=False)
        ax.set_xlabel(f"rank of mean test accuracy among {len(titles)} rows, 1 is best")
        figure.legend(loc="outside upper left", ncols=min(5, len(tables) + 1))
    return Drawn(
        figure,
        f"Ranks of {len(titles)} rows in {len(tables)} tables, one dot a table, with their mean as a bar. "
        f"Best mean rank: {titles[0]}, {means[0]:.1f}; last: {titles[-1]}, {means[-1]:.1f}.",
    )


def ranks_by_table(tables: Sequence[Table], titles: Sequence[str]) -> np.ndarray:
    """Rank of each title's mean accuracy in each table, shape (titles, tables)."""
    return np.array([
        ranks([[table.arm(title).accuracy.mean] for title in titles]) for table in tables
    ]).T  # fmt: skip


def save_figures(folder: str | Path, tables: Sequence[Table]) -> list[Path]:
    """Draw all that these tables allow into PNG files, and a page `figures.md` that shows them with their
    texts.

    Returns:
        The files written, the page last.
    """
    folder, drawn = Path(folder), {}
    for table in tables:
        name = re.sub(r"\W+", "-", f"{table.world}-{table.student}-{table.budget}")
        if any(arm.reference for arm in table.arms):
            drawn[f"{name}-differences.png"] = forest(table)
        drawn[f"{name}-time.png"] = accuracy_against_time(table)
        for method in sorted({arm.method for arm in table.arms}):
            if _grid(table, method, "temperature", "alpha"):
                drawn[f"{name}-{method}-grid.png"] = heat_map(table, method)
    if len(tables) > 1 and overall(tables).ranked:
        drawn["ranks.png"] = rank_chart(tables)
    folder.mkdir(parents=True, exist_ok=True)
    page = []
    with plt.rc_context(STYLE):
        for name, (figure, alt) in drawn.items():
            figure.savefig(folder / name, dpi=DOTS_PER_INCH, metadata={"Software": None})
            page.append(f"![{alt.translate(_BRACKETS)}]({name})\n\n{alt}\n")
    (folder / "figures.md").write_text("\n".join(page), encoding="utf-8")
    return [*(folder / name for name in drawn), folder / "figures.md"]


_BRACKETS = str.maketrans("[]", "()")  # would end a Markdown image's text early


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _where(table: Table) -> str:
    return f"{table.world}, {table.student}"


def _interval(ax: Axes, y: int, arm: Arm) -> None:
    pair = arm.reference
    color, one_seed = COLORS["blue"], pair.p_value is None
    ax.errorbar(
        pair.difference.mean, y, xerr=None if one_seed else pair.difference.half_width, fmt="o", color=color,
        markerfacecolor=color if pair.significant else "white", markersize=6, capsize=2.5, linewidth=1.4,
    )  # fmt: skip
    words = f"{pair.difference.mean:+.2f}, one seed" if one_seed else f"{pair.difference:+.2f}"
    ax.text(1.01, y, words, transform=ax.get_yaxis_transform(), va="center", fontsize=9)


def _signed(arm: Arm) -> str:
    difference = arm.reference.difference
    known = f"{difference:+.2f}" if math.isfinite(difference.low) else f"{difference.mean:+.2f} (one seed)"
    return f"{arm.title}, {known}"


def _beats(one: Arm, other: Arm) -> bool:
    """At least as good in accuracy and time, and better in one of them."""
    mine, yours = (one.accuracy.mean, -one.seconds), (other.accuracy.mean, -other.seconds)
    return mine != yours and mine[0] >= yours[0] and mine[1] >= yours[1]


def _far_above(table: Table) -> bool:
    """Whether the teacher is so far above that on one axis the rows would lie on top of each other."""
    means = [arm.accuracy.mean for arm in table.arms]
    return table.teacher is not None and table.teacher.mean - max(means) > max(means) - min(means)


def _with_strip(figure: Figure) -> tuple[Axes, Axes]:
    """A narrow axes above a broken one; slashes say that the scale is interrupted."""
    top, ax = figure.subplots(2, 1, sharex=True, height_ratios=(1, 9))
    top.tick_params(axis="x", length=0, labelbottom=False)
    top.spines["bottom"].set_visible(False)
    slash = {"marker": [(-1, -0.5), (1, 0.5)], "markersize": 10, "linestyle": "none", "color": "black"}
    top.plot([0], [0], transform=top.transAxes, clip_on=False, **slash)
    ax.plot([0], [1], transform=ax.transAxes, clip_on=False, **slash)
    return top, ax


def _name_points(figure: Figure, ax: Axes, arms: Sequence[Arm], named: Sequence[Arm]) -> None:
    """Names beside their points, as near as they cover neither points nor other names; none where there is
    no room."""
    figure.draw_without_rendering()  # lays the figure out, so that places in it are known
    points = ax.transData.transform([(arm.seconds, arm.accuracy.mean) for arm in arms])
    pixels, taken = figure.dpi / 72, []
    for arm in named:
        text = ax.annotate(
            fill(arm.title, 30), (arm.seconds, arm.accuracy.mean), xytext=(9, 0), textcoords="offset points",
            va="center", fontsize=8.5, path_effects=[withStroke(linewidth=2.5, foreground="white")],
            arrowprops={"arrowstyle": "-", "color": COLORS["grey"], "linewidth": 0.7, "shrinkA": 0},
        )  # fmt: skip
        text.set_in_layout(False)
        size, (x, y) = Text.get_window_extent(text), ax.transData.transform(text.xy)
        for up, side in product(_UP, ("left", "right")):
            left = x + 9 * pixels if side == "left" else x - 9 * pixels - size.width
            box = Bbox.from_bounds(left, y + up * pixels - size.height / 2, size.width, size.height).padded(3)
            inside = ax.bbox.count_contains(box.corners()) == 4
            if inside and not box.count_contains(points) and not box.count_overlaps(taken):
                text.set_position((9 if side == "left" else -9, up))
                text.set_horizontalalignment(side)
                taken.append(box)
                break
        else:
            text.remove()


_UP = sorted(range(-200, 201, 8), key=abs)  # points above or below, the nearest first


def _grid(table: Table, method: str, x: str, y: str) -> dict[tuple, Arm] | None:
    """(x, y) -> arm, of the rows of `method` that share the rest of their setting; None without a grid."""
    found: dict[tuple, dict[tuple, Arm]] = defaultdict(dict)
    for arm in sorted(table.arms, key=lambda arm: arm.trials):  # of one place the arm that was searched stays
        setting = dict(arm.setting)
        setting.pop("rate", None)
        if arm.method == method and {x, y} <= set(setting):
            place = setting.pop(x), setting.pop(y)
            found[tuple(sorted(setting.items()))][place] = arm
    grid = max(found.values(), key=len, default={})
    enough = all(len({place[i] for place in grid}) > 1 for i in (0, 1))
    return grid if enough else None


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
