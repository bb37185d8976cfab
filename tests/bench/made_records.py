"""Records that were never trained, for tests of reports."""

import numpy as np

from kdcourse.bench.cells import Cell, Record, as_setting


def scored(method, scores, *, world="digits", student="mlp", budget=10, split="test", **about):
    """Records of one method: accuracies of seeds 0, 1, …, or a dictionary; `setting` is among `about`."""
    scores = scores if isinstance(scores, dict) else dict(enumerate(scores))
    setting = as_setting(about.pop("setting", {"rate": 0.01}))
    about = {"seconds": 2.0, "parameters": 100} | about
    return [
        Record(Cell(world, student, method, setting, seed, split, budget), accuracy, **about)
        for seed, accuracy in scores.items()
    ]


def teacher(scores, *, world="digits", budget=50):
    return scored("teacher", scores, world=world, student="teacher", budget=budget, setting={})


SMALL = [
    *scored("alone", [90.0, 91.0, 92.0, 93.0], seconds=1.0),
    *scored("kd", [91.0, 93.0, 93.0, 95.0], seconds=3.0),
    *scored("third", [90.0, 90.0, 93.0, 92.0], parameters=70),
    *teacher([94.0, 94.0, 95.0, 95.0]),
]
# 12 methods that one does not sort out by eye.
_rng = np.random.default_rng(0)
MANY = {
    name: (90 + _rng.normal(0, 0.7) + _rng.normal(0, 1, 8)).round(2).tolist()
    for name in ["alone", "kd", *(f"method{i}" for i in range(10))]
}


def many():
    return [record for name, scores in MANY.items() for record in scored(name, scores)]


def grid_records():
    records = scored("alone", [90.0, 91.0, 92.0, 91.0])
    for i, (temperature, alpha) in enumerate([(2.0, 0.5), (2.0, 0.9), (4.0, 0.5), (4.0, 0.9)]):
        setting = {"temperature": temperature, "alpha": alpha, "rate": 0.01}
        records += scored("kd", [91.0 + i, 92.5 + i, 92.0 + i, 92.0 + i], setting=setting)
        records += scored("kd", {200: 80.0 + i, 201: 81.0 + i}, split="validation", setting=setting)
    return records


def three_worlds():
    """alone, kd, dkd in three tables; fourth in two. Differences to alone hardly vary, so all are sure."""

    def arm(method, world, student, level):
        scores = [level + 0.1 * seed + 0.01 * (seed % 2) * len(method) for seed in range(4)]
        return scored(method, scores, world=world, student=student)

    records = []
    for (world, student), levels in {
        ("digits", "cnn"): (90.0, 91.0, 92.0, 93.0),
        ("digits", "mlp"): (90.0, 91.0, 89.0, 85.0),
        ("shapes", "mlp"): (90.0, 88.0, 92.0, None),
    }.items():
        for method, level in zip(("alone", "kd", "dkd", "fourth"), levels):
            records += arm(method, world, student, level) if level else []
    return records
