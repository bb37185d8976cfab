"""Figures: alternative text in the output, nothing left open, bars and pictures that draw their numbers."""

import base64
import io
import sys
from types import ModuleType

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from PIL import Image
from traitlets.config import Config

from kdcourse import plots
from kdcourse.evaluation import Estimate

ALT = "Accuracy of three arms as horizontal bars: the distilled student closes most of the gap."


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """An IPython shell whose displays can be caught, as in a notebook; it leaves this process alone."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setitem(sys.modules, "a_notebook", ModuleType("a_notebook"))
    config = Config({"HistoryManager": {"enabled": False}})
    InteractiveShell.instance(config=config, user_module=sys.modules["a_notebook"], user_ns={})
    yield
    InteractiveShell.clear_instance()


@pytest.fixture(autouse=True)
def figures_of_ones_own():
    with matplotlib.rc_context():
        yield
    plt.close("all")


def shown(figure, alt=ALT):
    with capture_output() as captured:
        plots.show(figure, alt=alt)
    return captured


# ---------------------------------------------------------------- show


def test_the_text_is_in_the_metadata_of_the_output(notebook):
    figure, ax = plt.subplots(figsize=(5, 3))
    ax.plot([1, 2, 3])
    captured = shown(figure, "\n   Accuracy rises with\n   temperature, then falls again beyond T = 10.  ")
    output, words = captured.outputs
    alt = "Accuracy rises with temperature, then falls again beyond T = 10."
    assert output.metadata["image/png"]["alt"] == alt
    assert alt in output.data["text/plain"]
    assert set(output.data) == {"image/png", "text/plain"}
    # For screen readers in JupyterLab, which does not pass on the metadata.
    assert f"</summary>{alt}</details>" in words.data["text/html"]
    assert captured.stdout == captured.stderr == ""
    image = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
    assert image.format == "PNG" and image.size == (5 * plots.DOTS_PER_INCH, 3 * plots.DOTS_PER_INCH)
    assert output.metadata["image/png"]["width"] == 500, "sharp on a dense screen, yet of ordinary size"
    assert np.unique(np.asarray(image)).size > 2, "something is drawn"


def test_the_words_follow_as_text_that_unfolds(notebook):
    captured = shown(
        plt.figure(), 'Accuracy <b> of student & teacher: "T > 10" hurts the student most of all.'
    )
    words = captured.outputs[1].data["text/html"]
    assert words.startswith("<details>") and words.endswith("</details>")
    text = "Accuracy &lt;b&gt; of student &amp; teacher: &quot;T &gt; 10&quot; hurts the student most of all."
    assert text in words


def test_the_figure_is_closed(notebook):
    figure, _ = plt.subplots()
    keep, _ = plt.subplots()
    shown(figure)
    assert plt.get_fignums() == [keep.number], "or the notebook would show it a second time"


def test_the_same_figure_gives_the_same_bytes(notebook):
    def picture():
        figure, ax = plt.subplots(figsize=(3, 2))
        ax.plot([1, 3, 2])
        return shown(figure).outputs[0].data["image/png"]

    assert picture() == picture(), "a notebook that is executed again must not change"


@pytest.mark.parametrize("alt", ["", "a plot", "Figure 1: accuracy against time", " " * 60, "a \n" * 15])
def test_a_text_that_says_nothing_is_refused(notebook, alt):
    figure, _ = plt.subplots()
    with pytest.raises(ValueError, match=r"^alt: expected a sentence or two on what the figure shows, got "):
        plots.show(figure, alt=alt)
    assert plt.fignum_exists(figure.number)


def test_the_text_is_not_optional():
    with pytest.raises(TypeError):
        plots.show(plt.figure())


def test_outside_a_notebook_the_text_is_printed(capsys):
    InteractiveShell.clear_instance()
    figure, _ = plt.subplots()
    plots.show(figure, alt=ALT)
    assert capsys.readouterr().out == f"[figure] {ALT}\n"
    assert not plt.get_fignums()


# ---------------------------------------------------------------- style


def test_the_style_is_applied():
    plt.rcdefaults()
    plots.use_course_style()
    for name, value in plots.STYLE.items():
        assert plt.rcParams[name] == value, name
    _, ax = plt.subplots()
    (line,) = ax.plot([1, 2])
    assert line.get_color() == plots.COLORS["blue"]
    assert not ax.spines["top"].get_visible() and ax.xaxis.get_gridlines()[0].get_visible()


def luminance(color):
    channels = np.array(matplotlib.colors.to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_the_roles_are_told_apart_without_colour():
    """In print without colour, and for every kind of colour vision, brightness is what is left."""
    assert len(set(plots.COLORS.values())) == len(plots.COLORS)
    assert set(plots.ROLE_COLORS.values()) <= set(plots.COLORS.values())
    levels = {role: luminance(color) for role, color in plots.ROLE_COLORS.items()}
    assert abs(levels["distilled"] - levels["control"]) > 0.2
    for role, level in levels.items():
        contrast = 1.05 / (level + 0.05)  # with white paper; WCAG asks for 3 : 1 of graphical objects
        assert contrast > (2 if role == "control" else 3), role


# ---------------------------------------------------------------- bars


@pytest.mark.parametrize("draw", [plots.bars, plots.intervals])
def test_the_first_entry_is_on_top_on_shared_axes_too(draw):
    estimates = {"first": Estimate(80.0, 78.0, 82.0, 8), "second": Estimate(88.0, 87.0, 89.0, 8)}
    figure, axes = plt.subplots(1, 2, sharey=True)
    for ax in axes:
        draw(ax, estimates)
    figure.canvas.draw()
    heights = [ax.transData.transform([(0, row) for row in (0, 1)])[:, 1] for ax in axes]
    assert all(first > second for first, second in heights)
    plt.close(figure)


def test_bars_draw_means_and_intervals():
    estimates = {
        "student alone": Estimate(80.0, 78.0, 82.0, 8),
        "distilled": Estimate(88.0, 87.0, 89.0, 8),
        "change": Estimate(-5.0, -6.5, -3.5, 8),
    }
    colors = [plots.ROLE_COLORS["student alone"], plots.ROLE_COLORS["distilled"], "#000000"]
    figure, ax = plt.subplots()
    plots.bars(ax, estimates, colors=colors, unit="accuracy, %")
    figure.canvas.draw()
    assert [bar.get_width() for bar in ax.patches] == [80.0, 88.0, -5.0]
    assert [matplotlib.colors.to_hex(bar.get_facecolor()).upper() for bar in ax.patches] == [
        c.upper() for c in colors
    ]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(estimates)
    tops = [ax.transData.transform((0, bar.get_y()))[1] for bar in ax.patches]
    assert tops == sorted(tops, reverse=True), "the first entry is on top"
    (intervals,) = ax.collections
    ends = [segment[:, 0].tolist() for segment in intervals.get_segments()]
    assert ends == [[78.0, 82.0], [87.0, 89.0], [-6.5, -3.5]]
    assert [text.get_text() for text in ax.texts] == ["80.0 ± 2.0", "88.0 ± 1.0", "-5.0 ± 1.5"]
    assert [text.xy for text in ax.texts] == [(82.0, 0), (89.0, 1), (-3.5, 2)], "each beside its own bar"
    assert ax.get_xlabel() == "accuracy, %"


def test_bar_labels_stay_inside_the_figure():
    plots.use_course_style()
    figure, ax = plt.subplots(figsize=(6, 2))
    plots.bars(ax, {"one": Estimate(97.3, 96.1, 98.5, 8), "another": Estimate(12.0, 10.0, 14.0, 8)})
    figure.canvas.draw()
    for text in ax.texts:
        assert text.get_window_extent().x1 <= figure.bbox.x1, text.get_text()
    assert ax.get_xlabel() == "%"


def test_intervals_draw_dots_and_whiskers():
    estimates = {"student alone": Estimate(80.0, 78.0, 82.0, 8), "distilled": Estimate(88.0, 87.0, 89.0, 8)}
    figure, ax = plt.subplots()
    plots.intervals(ax, estimates, colors=["#111111", "#222222"])
    figure.canvas.draw()
    dots = [container[0] for container in ax.containers]
    assert [dot.get_xydata()[0].tolist() for dot in dots] == [[80.0, 0.0], [88.0, 1.0]]
    assert [dot.get_color() for dot in dots] == ["#111111", "#222222"]
    ends = [container[2][0].get_segments()[0][:, 0].tolist() for container in ax.containers]
    assert ends == [[78.0, 82.0], [87.0, 89.0]]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(estimates)
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first entry is on top"
    assert [text.get_text() for text in ax.texts] == ["80.0 ± 2.0", "88.0 ± 1.0"]


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize("kind", ["tensor", "array", "no-channel"])
def test_pictures_are_laid_out_in_rows(kind):
    images = torch.rand(7, 1, 8, 6)
    given = {"tensor": images, "array": images.numpy(), "no-channel": images[:, 0]}[kind]
    _, ax = plt.subplots()
    plots.pictures(ax, given, columns=3)
    assert len(ax.images) == 7 and not ax.texts
    for image, expected in zip(ax.images, images[:, 0], strict=True):
        np.testing.assert_array_equal(image.get_array(), expected)
        assert image.get_clim() == (0, 1), "the same grey means the same in every picture"
    boxes = [image.get_extent() for image in ax.images]  # left, right, bottom, top
    assert all((right - left, bottom - top) == (6, 8) for left, right, bottom, top in boxes)
    lefts, tops = [box[0] for box in boxes], [box[3] for box in boxes]
    assert lefts[0] == lefts[3] == lefts[6] < lefts[1] == lefts[4] < lefts[2]
    assert tops[0] == tops[1] == tops[2] < tops[3] == tops[5] < tops[6]
    assert_inside(ax, boxes)
    overlapping = [
        (a, b)
        for i, a in enumerate(boxes)
        for b in boxes[i + 1 :]
        if a[0] < b[1] and b[0] < a[1] and a[3] < b[2] and b[3] < a[2]
    ]
    assert not overlapping
    assert not ax.axison


def assert_inside(ax, boxes):
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert top < bottom, "the first row is on top"
    for x0, x1, y1, y0 in boxes:
        assert left <= x0 and x1 <= right and top <= y0 and y1 <= bottom


def test_pictures_have_their_titles_above():
    images, titles = torch.rand(5, 1, 8, 8), ["zero", "one", "two", "three", "four"]
    _, ax = plt.subplots()
    plots.pictures(ax, images, titles, columns=2)
    assert [text.get_text() for text in ax.texts] == titles
    for text, image in zip(ax.texts, ax.images, strict=True):
        left, right, _, top = image.get_extent()
        x, y = text.get_position()
        assert left < x < right and top - 1 < y < top
    assert_inside(ax, [image.get_extent() for image in ax.images])


def test_black_is_one():
    """Ink on paper: a stroke (1) is dark, the ground (0) white."""
    _, ax = plt.subplots()
    plots.pictures(ax, torch.tensor([[[0.0, 1.0]]]))
    rgba = ax.images[0].to_rgba(np.array([[0.0, 1.0]]))
    assert rgba[0, 0, 0] > 0.95 and rgba[0, 1, 0] < 0.05
