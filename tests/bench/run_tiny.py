"""Run a tiny benchmark: python run_tiny.py FILE ENGINE. The tests kill it, or run it on a cluster."""

import sys

from tiny import NAME, tiny_world

from kdcourse.bench.engines import open_engine
from kdcourse.bench.plans import Plan, Row
from kdcourse.bench.results import ResultsFile
from kdcourse.bench.runner import run
from kdcourse.bench.worlds import WORLDS

PLAN = Plan(
    "tiny", "A tiny plan", {NAME: ("mlp",)},
    (Row("student alone", "alone"), Row("KD", "kd"), Row("DIST", "dist", {"weight": 1.0, "rate": 0.01})),
    search_seeds=(200, 201), seeds=(0, 1, 2),
)  # fmt: skip

if __name__ == "__main__":
    WORLDS[NAME] = tiny_world()
    with open_engine(sys.argv[2]) as engine:
        print(run(PLAN, ResultsFile(sys.argv[1]), engine).computed)
