"""Figures of the benchmark: what is drawn where, what their texts say, and that all fits in."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from made_records import SMALL, grid_records, many, scored, teacher, three_worlds
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image

from kdcourse.bench.methods import METHODS
from kdcourse.bench.report import compare, overall
from kdcourse.bench.report_figures import accuracy_against_time, forest, heat_map, rank_chart, save_figures
from kdcourse.plots import COLORS, show

ALONE, KD = METHODS["alone"].title, METHODS["kd"].title
LONG = "a method with a name that goes on and on, as names of methods in the literature do, with variants"


def table_of(records, **about):
    (table,) = compare(records, **about)
    return table


def thirty():
    """30 rows of many families, one of them with a long name."""
    rng, records = np.random.default_rng(3), teacher([97.0, 98.0, 97.5, 97.0, 98.0])
    names = [name for name in METHODS][:12]
    names += [LONG, *(f"method_{i}_with_a_name_of_some_length" for i in range(30 - len(names) - 1))]
    for name in names:
        level, seconds = rng.normal(91, 1), float(rng.lognormal(1, 1))
        records += scored(name, (level + rng.normal(0, 0.4, 5)).round(2).tolist(), seconds=seconds)
    return table_of(records)


def drawn(figure):
    """The figure, laid out; only a canvas of a back end does that."""
    FigureCanvasAgg(figure).draw()
    return figure


def all_inside(figure):
    drawn(figure)
    ticks = [  # those beyond the axes' limits are not drawn
        label
        for ax in figure.axes
        for axis, i in ((ax.xaxis, 0), (ax.yaxis, 1))
        for label in axis.get_ticklabels()
        if min(axis.get_view_interval()) <= label.get_position()[i] <= max(axis.get_view_interval())
    ]
    texts = [text for ax in figure.axes for text in (*ax.texts, ax.title, ax.xaxis.label)]
    for text in (*texts, *ticks):
        if text.get_text() and text.get_visible():
            box = text.get_window_extent()
            assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1, text.get_text()
            assert box.y0 >= -1 and box.y1 <= figure.bbox.y1 + 1, text.get_text()


# ---------------------------------------------------------------- differences


def dots(ax):
    """Row label -> (x, end of its interval, filled)."""
    labels = [label.get_text() for label in ax.get_yticklabels()]
    found = {}
    for dot, _, whiskers in (container.lines for container in ax.containers):
        x, y = dot.get_xydata()[0]
        ends = whiskers[0].get_segments()[0][:, 0].tolist() if whiskers else None
        found[labels[int(y)]] = (x, ends, to_hex(dot.get_markerfacecolor()) != "#ffffff")
    return found


def test_forest_draws_differences_and_fills_what_is_sure():
    table = table_of([*SMALL, *scored("fourth", {2: 93.0})])
    figure, alt = forest(table)
    (ax,) = figure.axes
    found = dots(ax)
    assert set(found) == {KD, "third", "fourth"}, "the reference is the line at zero"
    for title in (KD, "third"):
        difference = table.arm(title).reference.difference
        x, ends, filled = found[title]
        assert x == difference.mean and ends == pytest.approx([difference.low, difference.high])
        assert filled == (title == KD)
    assert found["fourth"] == (1.0, None, False), "one seed has no interval"
    rows = [label.get_text() for label in ax.get_yticklabels()]
    assert rows == ["responses", KD, "other", "fourth", "third"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first row is on top"
    assert [text.get_text() for text in ax.texts] == ["+1.50 ± 0.92", "+1.00, one seed", "-0.25 ± 1.52"]
    assert [text.get_position()[1] for text in ax.texts] == [1, 3, 4]
    assert f"minus {ALONE}" in ax.get_xlabel()
    assert "1 lie above zero and 0 below" in alt and f"Largest: {KD}, +1.50 ± 0.92" in alt
    assert "smallest: third, -0.25 ± 1.52" in alt


def test_forest_counts_what_is_below():
    worse = table_of(SMALL, reference="kd", second="alone")
    assert "0 lie above zero and 1 below" in forest(worse).alt


def test_forest_without_a_reference():
    with pytest.raises(ValueError, match=r"^digits, mlp: expected rows that are compared with a reference"):
        forest(table_of(SMALL, reference="nobody"))


# ---------------------------------------------------------------- accuracy and time


def test_accuracy_against_time():
    records = [*SMALL, *scored("slow", [90.0, 91.0, 90.0, 91.0], seconds=50.0)]
    records += scored("between", [91.0, 92.0, 92.0, 93.0], seconds=2.0)
    table = table_of(records)
    figure, alt = accuracy_against_time(table)
    (ax,) = figure.axes
    line = next(line for line in ax.lines if line.get_label() == "teacher")
    assert set(line.get_ydata()) == {94.5}
    points = {tuple(point) for one in ax.lines if one is not line for point in one.get_xydata()}
    assert points == {(arm.seconds, arm.accuracy.mean) for arm in table.arms}
    # alone is quickest, kd most accurate, nothing beats "between" in both; third and slow are beaten.
    assert {text.get_text() for text in ax.texts} == {ALONE, KD, "between"}
    for text in ax.texts:
        arm = table.arm(text.get_text())
        assert text.xy == (arm.seconds, arm.accuracy.mean)
    assert f"Most accurate: {KD}, 93.0 % in 3 s; quickest: {ALONE}, 91.5 % in 1 s." in alt
    assert "The teacher's line is at 94.5 %." in alt and ax.get_xscale() == "log"
    looks = {(line.get_color(), line.get_marker()) for line in ax.lines}
    assert len({marker for _, marker in looks}) == len(looks), "told apart without colour"


def test_a_teacher_far_above_has_a_strip_of_its_own():
    figure, _ = accuracy_against_time(table_of([*SMALL[:-4], *teacher([99.0] * 4)]))
    top, ax = figure.axes
    assert any(line.get_label() == "teacher" and set(line.get_ydata()) == {99.0} for line in top.lines)
    assert ax.get_ylim()[1] < 95 < top.get_ylim()[0], "or the rows would lie on top of each other"


def test_names_cover_neither_points_nor_names():
    """Twelve rows that differ little, each quicker and less accurate than the next, so that all should be
    named; but they crowd in a corner."""
    records = []
    for i in range(12):
        scores = [90.0 + 0.1 * i, 91.0 + 0.1 * i]
        records += scored(f"method number {i}", scores, seconds=2.0 + 0.02 * i)
    records += scored("far", [80.0, 81.0], seconds=9.0)
    figure, _ = accuracy_against_time(table_of(records))
    ax = drawn(figure).axes[0]
    names = [text.get_text() for text in ax.texts]
    assert len(set(names)) == len(names) > 8 and "far" not in names
    boxes = [Text.get_window_extent(text) for text in ax.texts]
    points = ax.transData.transform([point for line in ax.lines for point in line.get_xydata()])
    for i, box in enumerate(boxes):
        assert not box.count_contains(points), names[i]
        assert not box.count_overlaps(boxes[:i]), names[i]


def test_the_references_are_named_where_they_are_beaten_and_cover_nothing():
    records = scored("alone", [90.0, 91.0], seconds=5.0) + scored("kd", [90.1, 91.0], seconds=6.0)
    records += scored("better", [92.0, 93.0], seconds=1.0)
    records += scored("close by", [90.0, 91.0], seconds=5.5) + scored("and here", [90.0, 91.0], seconds=4.5)
    ax = drawn(accuracy_against_time(table_of(records)).figure).axes[0]
    assert {text.get_text() for text in ax.texts} == {ALONE, KD, "better"}
    points = ax.transData.transform([point for line in ax.lines for point in line.get_xydata()])
    assert not any(Text.get_window_extent(text).count_contains(points) for text in ax.texts)


def test_without_a_teacher_there_is_no_line():
    figure, alt = accuracy_against_time(table_of(SMALL[:-4]))
    assert all(line.get_label() != "teacher" for line in figure.axes[0].lines) and "teacher" not in alt


# ---------------------------------------------------------------- temperature and alpha


def test_heat_map_has_its_numbers_in_the_cells():
    records = grid_records()
    table = table_of(records, second="nobody")
    figure, alt = heat_map(table)
    ax = figure.axes[0]
    means = {(2.0, 0.5): 91.875, (2.0, 0.9): 92.875, (4.0, 0.5): 93.875, (4.0, 0.9): 94.875}
    xs = [float(label.get_text()) for label in ax.get_xticklabels()]
    ys = [float(label.get_text()) for label in ax.get_yticklabels()]
    assert xs == [2.0, 4.0] and ys == [0.5, 0.9]
    image = ax.images[0].get_array()
    for text in ax.texts:
        j, i = text.get_position()
        place = xs[j], ys[i]
        assert image[i, j] == pytest.approx(means.pop(place))
        arm = next(a for a in table.arms if {("temperature", place[0]), ("alpha", place[1])} <= {*a.setting})
        star = "*" if arm.reference.significant else ""
        assert text.get_text() == f"{image[i, j]:.1f}{star}"
    assert not means
    stars = [text.get_text()[-1] == "*" for text in ax.texts]
    assert any(stars) and not all(stars)
    assert "Highest: 94.9 % at temperature 4, alpha 0.9; lowest: 91.9 % at temperature 2, alpha 0.5." in alt


def test_heat_map_with_a_hole_and_other_rates():
    """Each cell has its own learning rate; a cell that is missing stays empty."""
    records = scored("alone", [90.0, 91.0])
    for t, alpha, rate, mean in ((2.0, 0.5, 0.01, 91.0), (2.0, 0.9, 0.03, 92.0), (4.0, 0.5, 0.03, 93.0)):
        setting = {"temperature": t, "alpha": alpha, "rate": rate}
        records += scored("kd", [mean - 0.5, mean + 0.5], setting=setting)
    figure, _ = heat_map(table_of(records))
    texts = {text.get_position(): text.get_text().strip("*") for text in figure.axes[0].texts}
    assert texts == {(0, 0): "91.0", (0, 1): "92.0", (1, 0): "93.0", (1, 1): "–"}


def test_of_two_grids_the_larger_is_drawn():
    records = grid_records()
    for temperature, alpha in ((2.0, 0.1), (8.0, 0.1), (8.0, 0.5)):
        setting = {"temperature": temperature, "alpha": alpha, "rate": 0.01, "other": 1}
        records += scored("kd", [80.0, 81.0], setting=setting)
    figure, _ = heat_map(table_of(records))
    assert len(figure.axes[0].texts) == 4 and figure.axes[0].get_xticklabels()[-1].get_text() == "4"


def test_numbers_can_be_read_on_their_cells():
    figure, _ = heat_map(table_of(grid_records()))
    ax = drawn(figure).axes[0]

    def luminance(color):
        channels = np.array(matplotlib.colors.to_rgb(color))
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    for text in ax.texts:
        j, i = text.get_position()
        ground = luminance(ax.images[0].to_rgba(ax.images[0].get_array())[i, j, :3])
        low, high = sorted([ground, luminance(text.get_color())])
        assert (high + 0.05) / (low + 0.05) > 3, text.get_text()


@pytest.mark.parametrize("method", ["alone", "dkd"])
def test_no_heat_map_without_a_grid(method):
    with pytest.raises(ValueError, match=rf"^digits, mlp: expected rows of '{method}' with two or more"):
        heat_map(table_of(grid_records()), method)


# ---------------------------------------------------------------- ranks


def test_rank_chart():
    tables = compare(three_worlds())
    figure, alt = rank_chart(tables)
    (ax,) = figure.axes
    dkd = METHODS["dkd"].title
    assert [label.get_text() for label in ax.get_yticklabels()] == [dkd, KD, ALONE]
    by_label = {line.get_label(): line.get_xdata().tolist() for line in ax.lines}
    assert by_label == {"digits, cnn": [1, 2, 3], "digits, mlp": [3, 1, 2], "shapes, mlp": [1, 3, 2]}
    bars = [bar.get_x() + bar.get_width() for bar in ax.patches]
    assert bars == pytest.approx([row.rank for row in overall(tables).rows if row.rank])
    assert [text.get_text() for text in ax.texts] == ["1.7", "2.0", "2.3"]
    assert f"Best mean rank: {dkd}, 1.7; last: {ALONE}, 2.3." in alt
    with pytest.raises(ValueError, match=r"^tables: expected at least one row that all tables have"):
        rank_chart([])


# ---------------------------------------------------------------- all of them


def every_kind():
    table = thirty()
    other = replace(table, world="shapes")
    return {
        "forest": forest(table), "time": accuracy_against_time(table), "ranks": rank_chart([table, other]),
        "grid": heat_map(table_of(grid_records())),
    }  # fmt: skip


def test_thirty_rows_and_long_names_fit():
    for figure, _ in every_kind().values():
        all_inside(figure)


def test_rows_do_not_overlap():
    table = thirty()
    for figure, _ in (forest(table), rank_chart([table, table])):
        drawn(figure)
        labels = [text for text in figure.axes[0].get_yticklabels() if "\n" not in text.get_text()]
        boxes = sorted((text.get_window_extent() for text in labels), key=lambda box: box.y0)
        assert len(boxes) > 25
        assert all(low.y1 <= high.y0 + 1 for low, high in pairwise(boxes))


def test_every_figure_can_be_shown(capsys):
    """Its text is long enough, and no figure is left open behind the reader's back."""
    for figure, alt in every_kind().values():
        show(figure, alt=alt)
        assert capsys.readouterr().out == f"[figure] {alt}\n"
        assert alt[-1] == "." and "nan" not in alt and "\n" not in alt
    assert plt.get_fignums() == []


def test_the_readers_style_stays():
    before = dict(plt.rcParams)
    every_kind()
    assert dict(plt.rcParams) == before


def test_save_figures(tmp_path):
    tables = [*compare([*many(), *teacher([99.0] * 8)]), *compare(grid_records())]
    tables[1] = replace(tables[1], world="a world/with [signs]")
    files = save_figures(tmp_path / "new" / "folder", tables)
    assert [path.name for path in files] == [
        "digits-mlp-10-differences.png", "digits-mlp-10-time.png",
        "a-world-with-signs-mlp-10-differences.png", "a-world-with-signs-mlp-10-time.png",
        "a-world-with-signs-mlp-10-kd-grid.png", "ranks.png", "figures.md",
    ]  # fmt: skip
    page = files[-1].read_text(encoding="utf-8")
    shown = re.findall(r"^!\[[^\[\]]{40,}\]\((.+)\)$", page, flags=re.MULTILINE)
    assert shown == [path.name for path in files[:-1]]
    for path in files[:-1]:
        pixels = np.asarray(Image.open(path))
        assert pixels.shape[0] > 200 and np.unique(pixels).size > 2
    again = save_figures(tmp_path / "again", tables)
    assert [p.read_bytes() for p in again] == [p.read_bytes() for p in files], "the same bytes"
    assert plt.get_fignums() == []


def test_figures_of_a_run_that_has_just_begun(tmp_path):
    files = save_figures(tmp_path, compare(scored("kd", [90.0])))
    assert [path.name for path in files] == ["digits-mlp-10-time.png", "figures.md"]
    assert [path.name for path in save_figures(tmp_path, [])] == ["figures.md"]


@pytest.mark.slow
def test_no_display_is_needed(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from made_records import SMALL\n"
        "from kdcourse.bench.report import compare\n"
        "from kdcourse.bench.report_figures import save_figures\n"
        "print(len(save_figures(sys.argv[2], compare(SMALL))))"
    )
    without = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")}
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path)],
        env=without, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "3\n"


def test_colours_are_the_courses():
    figure, _ = accuracy_against_time(thirty())
    used = {line.get_color() for ax in figure.axes for line in ax.lines} - {"black"}
    assert used <= set(COLORS.values()) - {COLORS["yellow"]}
