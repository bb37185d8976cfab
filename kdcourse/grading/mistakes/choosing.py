"""What `choose_setting` may go by instead of the mean validation score, with what to say about each."""

from statistics import median

MEAN = "The mean over the validation scores of a setting decides."
READS_TEST = (
    "The test scores may not take part in the choice, not even to break ties: who chooses by the test has "
    "no test left. Take `trial['validation']` and nothing else."
)
NO_RETURN = "Is a `return` missing, or does nothing beat the number that the search begins with?"


def mean(scores: list[float]) -> float:
    return sum(scores) / len(scores)


def _by(measure, split: str = "validation", pick=max):
    return lambda trials: pick(trials, key=lambda name: measure(dict.__getitem__(trials[name], split)))


def best(trials: dict) -> object:
    """The setting with the best mean validation score, the first of equal ones."""
    return _by(mean)(trials)


def _both(trials: dict) -> object:
    def together(name):
        trial = trials[name]
        return mean(dict.__getitem__(trial, "validation")) + mean(dict.__getitem__(trial, "test"))

    return max(trials, key=together)


def _last_of_equal(trials: dict) -> object:
    return _by(mean)({name: trials[name] for name in reversed(trials)})


def _top(split: str):
    def value(trials: dict) -> float:
        return max(mean(dict.__getitem__(trial, split)) for trial in trials.values())

    return value


def _by_name(trials: dict) -> object:
    """Of equal ones, the one whose name sorts last or first."""
    return max((mean(dict.__getitem__(trial, "validation")), name) for name, trial in trials.items())[1]


def _above_zero(trials: dict) -> object:
    top, chosen = 0.0, None
    for name, trial in trials.items():
        if mean(dict.__getitem__(trial, "validation")) > top:
            top, chosen = mean(dict.__getitem__(trial, "validation")), name
    return chosen


CHOICES = (
    (_by(mean, "test"), f"The test scores decide. {READS_TEST}"),
    (_by(max, "test"), f"The best test score decides. {READS_TEST}"),
    (_both, f"Validation and test decide together. {READS_TEST}"),
    (_by(max), f"The best single seed decides, which rewards a setting for varying. {MEAN}"),
    (_by(min), f"The worst single seed decides. {MEAN}"),
    (_by(median), f"The median decides. {MEAN}"),
    (_by(lambda scores: scores[0]), f"The first seed decides. {MEAN}"),
    (_by(lambda scores: scores[-1]), f"The last seed decides. {MEAN}"),
    (_by(sum), f"The sum decides, which favours a setting that ran on more seeds. {MEAN}"),
    (_by(mean, pick=min), "The *smallest* mean is chosen; more is better."),
    (_by(list), f"The lists are compared, which looks at their first seeds. {MEAN}"),
    (_by(lambda scores: max(scores) - min(scores)), f"The spread decides. {MEAN}"),
    (_last_of_equal, "Of settings with equal means the *first* in the dictionary is wanted; yours takes the "
     "last (`>=`, or a sort from the end)."),
    (_by_name, "Of settings with equal means the *first* in the dictionary is wanted; yours compares names."),
    (_above_zero, NO_RETURN),
    (_top("validation"), "This is the best mean itself; the setting that has it is wanted."),
    (_top("test"), f"This is a mean, and of the test. {READS_TEST}"),
    (lambda trials: list(trials).index(best(trials)), "This is the setting's place; the setting is wanted."),
    (lambda trials: next(iter(trials)), "It is always the first setting."),
    (lambda trials: list(trials)[-1], "It is always the last setting."),
    (lambda trials: trials[best(trials)], "These are the scores of the setting; the setting is wanted."),
)  # fmt: skip
