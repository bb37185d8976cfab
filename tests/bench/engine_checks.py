"""What the tests of all engines ask of an engine."""

import engine_jobs

from kdcourse.bench.engines import open_engine


def done_by(engine, function, jobs):
    """{job: result or exception}; every job must be there once."""
    outcomes = list(engine.run(function, jobs))
    assert sorted(map(str, jobs)) == sorted(str(job) for job, _ in outcomes)
    return dict(outcomes)


def trained_here(seeds):
    with open_engine("serial") as engine:
        return done_by(engine, engine_jobs.train, seeds)


def check_failures(outcomes):
    """`engine_jobs.fails` on "value", "two arguments", "exit" and "fine"."""
    assert outcomes["fine"] == "fine"
    assert type(outcomes["value"]) is ValueError
    assert str(outcomes["value"]) == "no such value"
    assert isinstance(outcomes["two arguments"], Exception)
    assert str(outcomes["two arguments"]).endswith("1 and 2")
    assert str(outcomes["exit"]) == "SystemExit: 3"
    assert "in fails\n" in outcomes["value"].__notes__[0]


FAILURES = ["value", "two arguments", "exit", "fine"]
