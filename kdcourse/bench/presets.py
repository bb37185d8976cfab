"""Benchmarks that have a name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kdcourse.bench.methods import METHODS
from kdcourse.bench.plans import Plan, Row
from kdcourse.bench.worlds import WORLDS

# The temperatures and alphas of the survey slides (notes 003) are four points of this grid.
SURVEY_TEMPERATURES = (5.0, 10.0, 20.0, 40.0)
SURVEY_ALPHAS = (0.2, 0.5, 0.7)


def survey_rows() -> tuple[Row, ...]:
    """The rows of the survey slides' tables: baseline, temperature x alpha, hints at two places, RKD."""
    grid = [
        Row(f"KD, T = {t:g}, alpha = {a:g}", "kd", {"temperature": t, "alpha": a})
        for t in SURVEY_TEMPERATURES
        for a in SURVEY_ALPHAS
    ]
    rest = [Row(METHODS[name].title, name) for name in ("hint_middle", "hint_last", "rkd")]
    return (Row("student alone", "alone"), Row("KD, searched", "kd"), *grid, *rest)


def every_row() -> tuple[Row, ...]:
    """A row for every method of the registry."""
    return tuple(Row(method.title, name) for name, method in METHODS.items())


def _everywhere() -> dict[str, tuple[str, ...]]:
    return {name: tuple(WORLDS[name].students) for name in ("digits", "shapes")}


def _all() -> Plan:
    # Not the CNN on shapes: it would take as long as all the rest.
    worlds = {"digits": tuple(WORLDS["digits"].students), "shapes": ("mlp",)}
    return Plan("all", "Every method, on digits and shapes", worlds, every_row())


def _survey() -> Plan:
    return Plan(
        "survey", "The tables of the survey slides, on digits and shapes", _everywhere(), survey_rows()
    )


def _lecture() -> Plan:
    names = ("alone", "label_smoothing", "kd", "hard_labels", "logit_matching", "dist")
    rows = tuple(Row(METHODS[name].title, name) for name in names)
    return Plan("lecture", "Six methods, digits, the MLP", {"digits": ("mlp",)}, rows)


def _cifar10(name: str) -> Plan:
    # Imported here: `python -m kdcourse.bench.cifar10` is a program, which this module must not import first.
    from kdcourse.bench.cifar10 import slide_plan
    from kdcourse.bench.cifar10_worlds import FAST, USUAL

    return slide_plan(FAST if name.endswith(FAST.name) else USUAL)


PRESETS: dict[str, Callable[[], Plan]] = {
    "survey": _survey,
    "lecture": _lecture,
    "all": _all,
    "cifar10": partial(_cifar10, "cifar10"),
    "cifar10-fast": partial(_cifar10, "cifar10-fast"),
}
"""The plans that come with the course, by the names that `preset` and ``kdcourse bench run`` know.

Lecture:
    18_capstone, section 5, through `preset`.
"""


def preset(name: str) -> Plan:
    """The plan of that name.

    Raises:
        ValueError: there is none.

    Lecture:
        18_capstone, section 5.
    """
    if name not in PRESETS:
        raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {name!r}")
    return PRESETS[name]()
