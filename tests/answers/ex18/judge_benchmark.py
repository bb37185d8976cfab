# ruff: noqa
# Answers to judge_benchmark: each block is what a learner might write. It gets a benchmark.
import math
import random

import numpy as np
import torch

ARMS = {"alone": [1, 2, 3], "kd": [4, 5, 6], "own": [7, 8, 9]}
SEARCH, SEEDS, STEPS = (200, 201, 202), (0, 1, 2, 3, 4), 40


def table_of(world):
    """A score that remembers its random numbers, and takes notes."""
    known, calls = {}, []
    generator = random.Random(world)

    def score(arm, setting, seed, split, steps):
        call = (arm, setting, seed, split, steps)
        calls.append(call)
        if call not in known:
            known[call] = generator.gauss(80, 6)
        return known[call]

    return score, calls


def honest(score, arms=ARMS):
    out = {}
    for arm, settings in arms.items():
        means = [sum(score(arm, x, s, "validation", STEPS) for s in SEARCH) / len(SEARCH) for x in settings]
        best = settings[means.index(max(means))]
        out[arm] = sum(score(arm, best, s, "test", STEPS) for s in SEEDS) / len(SEEDS)
    return out


def differs(benchmark, world, arms=ARMS, tolerance=1e-3):
    score, _ = table_of(world)
    got, want = benchmark(score, arms, SEARCH, SEEDS, STEPS), honest(score, arms)
    return any(abs(float(got[arm]) - want[arm]) > tolerance for arm in arms)


# %% right: compared with an honest one, ten worlds
def judge_benchmark(benchmark):
    return any(differs(benchmark, world) for world in range(10))


# %% right: notes of who was scored on what, and the mean
def judge_benchmark(benchmark):
    for world in range(6):
        score, calls = table_of(world)
        got = benchmark(score, ARMS, list(SEARCH), list(SEEDS), STEPS)
        notes = list(calls)
        if {c[4] for c in notes} != {STEPS}:
            return True
        for arm in ARMS:
            tests = {c for c in notes if c[0] == arm and c[3] == "test"}
            searched = {(c[1], c[2]) for c in notes if c[0] == arm and c[3] == "validation"}
            if {c[2] for c in tests} != set(SEEDS) or len({c[1] for c in tests}) != 1:
                return True
            if searched != {(x, s) for x in ARMS[arm] for s in SEARCH}:
                return True
            means = {x: np.mean([score(arm, x, s, "validation", STEPS) for s in SEARCH]) for x in ARMS[arm]}
            if {c[1] for c in tests} != {max(means, key=means.get)}:
                return True
            if abs(float(got[arm]) - np.mean([score(*c) for c in tests])) > 1e-3:
                return True
    return False


# %% right: hashed scores, no notes
def judge_benchmark(benchmark):
    def score(arm, setting, seed, split, steps):
        key = sum(map(ord, arm)) * 7919 + setting * 104729 + seed * 1299709 + len(split) * 15485863 + steps * 32452843
        return 70 + 20 * np.random.default_rng(key + world).random()

    for world in range(8):
        arms = dict(list(ARMS.items())[:2]) if world % 2 else ARMS
        got, want = benchmark(score, arms, SEARCH, SEEDS, STEPS), honest(score, arms)
        if not np.allclose([float(got[a]) for a in arms], [want[a] for a in arms], atol=1e-3):
            return True
    return False


# %% right: a numpy verdict, and torch numbers
def judge_benchmark(benchmark):
    bad = np.bool_(False)
    for world in range(7):
        bad = bad | np.bool_(differs(benchmark, world))
    return bad


# %% right: random worlds from the global generator
def judge_benchmark(benchmark):
    worlds = [random.randrange(10**6) for _ in range(15)]
    return any([differs(benchmark, world) for world in worlds])


# %% wrong: the seeds only -> does not convict suspect_one
def judge_benchmark(benchmark):
    score, calls = table_of(0)
    benchmark(score, ARMS, SEARCH, SEEDS, STEPS)
    return {c[2] for c in calls if c[3] == "test"} != set(SEEDS)


# %% wrong: the steps only -> does not convict suspect_one
def judge_benchmark(benchmark):
    score, calls = table_of(0)
    benchmark(score, ARMS, SEARCH, SEEDS, STEPS)
    return {c[4] for c in calls} != {STEPS}


# %% wrong: the choice only -> does not convict suspect_two
def judge_benchmark(benchmark):
    score, calls = table_of(0)
    benchmark(score, ARMS, SEARCH, SEEDS, STEPS)
    return any(len({c[1] for c in calls if c[0] == arm and c[3] == "test"}) != 1 for arm in ARMS)


# %% wrong: everything but the mean -> does not convict a benchmark that reports the best seed
def judge_benchmark(benchmark):
    score, calls = table_of(0)
    benchmark(score, ARMS, SEARCH, SEEDS, STEPS)
    for arm in ARMS:
        tests = {c for c in calls if c[0] == arm and c[3] == "test"}
        if {c[2] for c in tests} != set(SEEDS) or len({c[1] for c in tests}) != 1:
            return True
    return {c[4] for c in calls} != {STEPS}


# %% wrong: the first arm only -> does not convict suspect_two
def judge_benchmark(benchmark):
    for world in range(10):
        score, _ = table_of(world)
        got = benchmark(score, ARMS, SEARCH, SEEDS, STEPS)
        if abs(float(got["alone"]) - honest(score)["alone"]) > 1e-3:
            return True
    return False


# %% wrong: the last arm only -> does not convict a benchmark with an untuned baseline
def judge_benchmark(benchmark):
    for world in range(10):
        score, _ = table_of(world)
        got = benchmark(score, ARMS, SEARCH, SEEDS, STEPS)
        if abs(float(got["own"]) - honest(score)["own"]) > 1e-3:
            return True
    return False


# %% wrong: one setting for each arm -> does not convict suspect_one
def judge_benchmark(benchmark):
    return any(differs(benchmark, world, {"alone": [1], "kd": [2]}) for world in range(5))


# %% wrong: one number for all scores -> does not convict suspect_one
def judge_benchmark(benchmark):
    got = benchmark(lambda *call: 80.0, ARMS, SEARCH, SEEDS, STEPS)
    return any(abs(float(got[arm]) - 80.0) > 1e-3 for arm in ARMS)


# %% wrong: a score above 100 is all -> does not convict suspect_one
def judge_benchmark(benchmark):
    score, _ = table_of(3)
    return any(not 0 <= float(x) <= 100 for x in benchmark(score, ARMS, SEARCH, SEEDS, STEPS).values())


# %% wrong: the order of the arms -> accuses suspect_three
def judge_benchmark(benchmark):
    score, _ = table_of(0)
    return list(benchmark(score, ARMS, SEARCH, SEEDS, STEPS)) != list(ARMS) or differs(benchmark, 1)


# %% wrong: exactly equal -> accuses
def judge_benchmark(benchmark):
    return any(differs(benchmark, world, tolerance=0.0) for world in range(20))


# %% wrong: scored once at most, in order -> accuses suspect_three
def judge_benchmark(benchmark):
    score, calls = table_of(0)
    benchmark(score, ARMS, SEARCH, SEEDS, STEPS)
    mine, expected = list(calls), None
    calls.clear()
    honest(score)
    return mine != calls


# %% wrong: a gain is suspicious -> accuses
def judge_benchmark(benchmark):
    for world in range(5):
        score, _ = table_of(world)
        got = benchmark(score, ARMS, SEARCH, SEEDS, STEPS)
        if got["kd"] > got["alone"]:
            return True
    return False


# %% wrong: reversed -> accuses suspect_three
def judge_benchmark(benchmark):
    return not any(differs(benchmark, world) for world in range(10))


# %% wrong: the setting as its place -> Your function raises TypeError on
def judge_benchmark(benchmark):
    score, _ = table_of(0)
    return benchmark(score, {"alone": 3, "kd": 3}, SEARCH, SEEDS, STEPS) != honest(score)


# %% wrong: a number -> It returns a float
def judge_benchmark(benchmark):
    score, _ = table_of(0)
    return float(benchmark(score, ARMS, SEARCH, SEEDS, STEPS)["kd"])


# %% wrong: prints the verdict -> It returns a NoneType
def judge_benchmark(benchmark):
    print(any(differs(benchmark, world) for world in range(10)))


# %% wrong: names -> does not convict a benchmark that reports the best seed
def judge_benchmark(benchmark):
    return benchmark.__name__ in ("suspect_one", "suspect_two", "suspect_four")


# %% trivial: always True
def judge_benchmark(benchmark):
    return True


# %% trivial: always False
def judge_benchmark(benchmark):
    return False


# %% trivial: 0
def judge_benchmark(benchmark):
    return 0


# %% trivial: NaN
def judge_benchmark(benchmark):
    return math.nan


# %% trivial: the input
def judge_benchmark(benchmark):
    return benchmark
