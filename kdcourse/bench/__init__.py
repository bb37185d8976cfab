"""All methods, one table: a benchmark whose cells are (world, student, method, setting, seed).

From the command line: ``kdcourse bench run survey``, then ``status`` and ``report``. From Python: a `Plan` of
`Row`, `run` on an engine of `open_engine` into a `ResultsFile`, and `compare` for the tables. A new method is
one `Method` in `METHODS`.
"""

from importlib import import_module

__all__ = [
    # what is compared
    "Plan",
    "Row",
    "preset",
    "PRESETS",
    # computing it
    "run",
    "Outcome",
    "open_engine",
    "ResultsFile",
    "ResultsError",
    # reading it
    "compare",
    "overall",
    "to_markdown",
    "to_html",
    "to_csv",
    # the registry, and parts of its methods
    "METHODS",
    "Method",
    "Room",
    "on_top_of_kd",
    "per_net",
    # data, teachers and students
    "WORLDS",
    "World",
    "Student",
    "Data",
    # the pieces
    "Cell",
    "Block",
    "Record",
    "as_setting",
]

# Where each name lives. It is imported when it is asked for: a worker of an engine needs neither reports nor
# engines, and starts in a fraction of the time.
_HOMES = {
    "cells": ("Block", "Cell", "Record", "as_setting"),
    "engines": ("open_engine",),
    "method": ("Method", "on_top_of_kd", "per_net"),
    "methods": ("METHODS",),
    "plans": ("Plan", "Row"),
    "presets": ("PRESETS", "preset"),
    "report": ("compare", "overall"),
    "report_text": ("to_csv", "to_html", "to_markdown"),
    "results": ("ResultsError", "ResultsFile"),
    "room": ("Room",),
    "runner": ("Outcome", "run"),
    "worlds": ("WORLDS", "Data", "Student", "World"),
}


def __getattr__(name: str):
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"kdcourse.bench.{module}"), name)
    raise AttributeError(f"module 'kdcourse.bench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
