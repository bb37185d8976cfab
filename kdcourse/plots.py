"""What does it look like? The course's figure style, and figures that carry a text for readers who cannot
see them."""

import base64
import html
import io
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kdcourse.evaluation.statistics import Estimate

# Okabe & Ito, "Color Universal Design" (2008): told apart with every common kind of colour vision.
COLORS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermilion": "#D55E00",
    "sky": "#56B4E9",
    "purple": "#CC79A7",
    "yellow": "#F0E442",
    "grey": "#6E6E6E",
}
# What an arm of an experiment is drawn in where it has one of these roles.
ROLE_COLORS = {
    "student alone": COLORS["grey"],
    "control": COLORS["orange"],
    "distilled": COLORS["blue"],
    "teacher": COLORS["green"],
}
STYLE = {
    "axes.prop_cycle": plt.cycler(color=list(COLORS.values())),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "font.size": 10,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "image.cmap": "viridis",
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
}
DOTS_PER_INCH = 144  # sharp on a dense screen; shown at 100 dots per inch


def use_course_style() -> None:
    """Set Matplotlib's defaults to the course's style for this process."""
    plt.rcParams.update(STYLE)


def show(figure: Figure, *, alt: str) -> None:
    """Display `figure` in the notebook with `alt` as its text alternative, and close it.

    Args:
        figure: a Matplotlib figure.
        alt: what a reader who cannot see the figure should learn from it: what is drawn and what it shows.
            At least 40 characters, so that nobody gets away with "a plot".

    Outside a notebook the text is printed instead.
    """
    alt = " ".join(alt.split())
    if len(alt) < 40:
        raise ValueError(f"alt: expected a sentence or two on what the figure shows, got {alt!r}")
    # Only a notebook needs IPython.
    from IPython import get_ipython
    from IPython.display import display

    if get_ipython() is None:
        print(f"[figure] {alt}")
        plt.close(figure)
        return
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    width = round(figure.get_figwidth() * 100)
    plt.close(figure)
    image = base64.b64encode(buffer.getvalue()).decode("ascii")
    display(
        {"image/png": image, "text/plain": f"[figure] {alt}"},
        metadata={"image/png": {"alt": alt, "width": width}},
        raw=True,
    )
    # JupyterLab 4 does not hand an image's alt text to screen readers, so the words follow as text that
    # unfolds.
    words = f"<details><summary>Figure in words</summary>{html.escape(alt)}</details>"
    display({"text/html": words, "text/plain": ""}, raw=True)


def bars(
    ax: Axes, estimates: Mapping[str, Estimate], *, colors: Sequence[str] | None = None, unit: str = "%"
) -> None:
    """Horizontal bars of means with their confidence intervals, first entry on top, each labelled with its
    number."""
    names, values = list(estimates), list(estimates.values())
    error = [v.half_width for v in values]
    ax.barh(
        names,
        [v.mean for v in values],
        xerr=error,
        color=colors,
        height=0.65,
        error_kw={"lw": 1.2, "capsize": 3},
    )
    ax.yaxis.set_inverted(True)  # not invert_yaxis(), which turns shared axes back again
    ax.grid(axis="y", visible=False)
    for row, value in enumerate(values):
        ax.annotate(
            f"{value}",
            (max(value.high, value.mean), row),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
        )
    ax.margins(x=0.18)
    ax.set_xlabel(unit)


def intervals(ax: Axes, estimates: Mapping[str, Estimate], *, colors: Sequence[str] | None = None) -> None:
    """Dots for means with their confidence intervals, first entry on top, each labelled with its number.

    For axes that do not begin at zero, where the length of a bar would deceive.
    """
    colors = colors or [COLORS["blue"]] * len(estimates)
    for row, (value, color) in enumerate(zip(estimates.values(), colors, strict=True)):
        ax.errorbar(value.mean, row, xerr=value.half_width, fmt="o", color=color, capsize=3, markersize=7)
        ax.annotate(f"{value}", (value.high, row), xytext=(7, 0), textcoords="offset points", va="center")
    ax.set_yticks(range(len(estimates)), list(estimates))
    ax.set_ylim(len(estimates) - 0.5, -0.5)
    ax.margins(x=0.25)


def pictures(ax: Axes, images, titles: Sequence[str] = (), *, columns: int = 10) -> None:
    """Grey images (N, 1, H, W) or (N, H, W) in [0, 1] laid out in one axes, `columns` to a row, with short
    titles above."""
    images = np.asarray(images).reshape(len(images), *images.shape[-2:])
    height, width = images.shape[-2:]
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        left, top = column * (width + 1), row * (height + (3 if titles else 1))
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=1, extent=(left, left + width, top + height, top))
        if titles:
            ax.text(left + width / 2, top - 0.4, titles[i], ha="center", va="bottom", fontsize=9)
    rows = -(-len(images) // columns)
    ax.set_xlim(-0.5, min(len(images), columns) * (width + 1))
    ax.set_ylim(rows * (height + (3 if titles else 1)), -3 if titles else -0.5)
    ax.set_aspect("equal")
    ax.axis("off")
