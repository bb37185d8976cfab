"""All methods, one table: a benchmark whose cells are (world, student, method, setting, seed).

From the command line: ``kdcourse bench run survey``, then ``status`` and ``report``. From Python: a `Plan` of
`Row`, `run` on an engine of `open_engine` into a `ResultsFile`, and `compare` for the tables. A new method is
one `Method` in `METHODS`.
"""

from kdcourse.bench.cells import Block, Cell, Record, as_setting
from kdcourse.bench.engines import open_engine
from kdcourse.bench.method import Method, on_top_of_kd, per_net
from kdcourse.bench.methods import METHODS
from kdcourse.bench.plans import Plan, Row
from kdcourse.bench.presets import PRESETS, preset
from kdcourse.bench.report import compare, overall
from kdcourse.bench.report_text import to_csv, to_html, to_markdown
from kdcourse.bench.results import ResultsError, ResultsFile
from kdcourse.bench.room import Room
from kdcourse.bench.runner import Outcome, run
from kdcourse.bench.worlds import WORLDS, Data, Student, World

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
    # methods
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
