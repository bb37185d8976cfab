"""Trials of a search, to choose a setting from: they know whether their test scores were looked at."""

from collections.abc import Iterator

from kdcourse.grading.formulas.responses import normal


class Trial(dict):
    """A setting's scores, by split; it knows whether those of the test were looked at."""

    def __init__(self, *args):
        super().__init__(*args)
        self.read = False

    def __getitem__(self, split):
        self.read |= split == "test"
        return super().__getitem__(split)

    def get(self, split, default=None):
        self.read |= split == "test"
        return super().get(split, default)

    def pop(self, split, *default):
        self.read |= split == "test"
        return super().pop(split, *default)

    def items(self):
        self.read = True
        return super().items()

    def values(self):
        self.read = True
        return super().values()


def trials_of(*rows: tuple[object, list[float], list[float]]) -> dict:
    return {name: Trial({"validation": list(v), "test": list(t)}) for name, v, t in rows}


def random_trials(seed: int, names: list, seeds: int = 4) -> dict:
    scores = (80 + 5 * normal(2000 + seed, len(names), 2, seeds)).tolist()
    return trials_of(*((name, v, t) for name, (v, t) in zip(names, scores, strict=True)))


def worlds() -> Iterator[tuple[str, dict]]:
    """Trials to choose from, each with a law as in `Case`; ordinary ones come first and serve diagnosis."""
    for seed in range(12):
        names = ["T = 4", "T = 1", "T = 20", "T = 10", "T = 2"][: 3 + seed % 3]
        yield "", random_trials(seed, names, 3 + seed % 2)
    settings = [(("alpha", a), ("temperature", t)) for a in (0.9, 0.5) for t in (4.0, 1.0)]
    yield "With settings that are tuples", random_trials(40, settings)
    yield "With settings that are numbers", random_trials(41, [0.1, 10.0, 1.0])
    yield "With the setting None among them", random_trials(42, [1.0, None, 0.0])
    yield "With a single setting", random_trials(43, ["only"])
    yield "With a single seed", random_trials(44, ["a", "c", "b"], 1)
    unequal = trials_of(("x", [80.0, 82.0], [70.0, 71.0]), ("y", [79.0, 78.0, 80.0], [90.0] * 3),
                        ("z", [90.0, 60.0, 60.0, 70.0], [91.0] * 4))  # fmt: skip
    yield "With settings that ran on other numbers of seeds", unequal
    equal = trials_of(("b", [80.0, 84.0], [70.0, 70.0]), ("a", [84.0, 80.0], [95.0, 95.0]),
                      ("d", [82.0, 82.0], [80.0, 80.0]), ("c", [81.0, 83.0], [60.0, 60.0]),
                      ("e", [70.0, 72.0], [99.0, 99.0]))  # fmt: skip
    yield "With equal means, where the first one wins", equal
    below = trials_of(("fast", [-0.4, -0.6], [-0.1, -0.2]), ("slow", [-0.3, -0.2], [-0.9, -0.8]))
    yield "With scores below 0, such as minus a loss", below
    yield "With scores of 0", trials_of(("p", [0.0, 0.0], [1.0, 1.0]), ("q", [0.0, 0.0], [2.0, 2.0]))
    no_test = {"u": Trial({"validation": [71.0, 73.0]}), "v": Trial({"validation": [72.0, 75.0]})}
    yield "Where the test has not been run yet", no_test
