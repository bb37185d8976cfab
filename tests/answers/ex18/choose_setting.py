# ruff: noqa
# Answers to choose_setting: each block is what a learner might write.
import math
import statistics

import numpy as np
import torch


def mean(scores):
    return sum(scores) / len(scores)


# %% right: max with a key
def choose_setting(trials):
    return max(trials, key=lambda name: sum(trials[name]["validation"]) / len(trials[name]["validation"]))


# %% right: a loop
def choose_setting(trials):
    best, chosen = -math.inf, None
    for name in trials:
        scores = trials[name]["validation"]
        average = sum(scores) / len(scores)
        if average > best:
            best, chosen = average, name
    return chosen


# %% right: numpy
def choose_setting(trials):
    names = list(trials)
    means = [np.mean(trials[name]["validation"]) for name in names]
    return names[int(np.argmax(means))]


# %% right: torch
def choose_setting(trials):
    means = torch.stack([torch.tensor(trial["validation"], dtype=torch.float64).mean() for trial in trials.values()])
    return list(trials.keys())[int(means.argmax())]


# %% right: statistics.fmean and a dictionary of means
def choose_setting(trials):
    means = {name: statistics.fmean(trial["validation"]) for name, trial in trials.items()}
    return max(means, key=means.get)


# %% right: a stable sort
def choose_setting(trials):
    return sorted(trials, key=lambda name: -statistics.mean(trials[name]["validation"]))[0]


# %% right: index of the maximum
def choose_setting(trials):
    means = [mean(trial["validation"]) for trial in trials.values()]
    return list(trials)[means.index(max(means))]


# %% right: next that has the best mean
def choose_setting(trials):
    top = max(mean(t["validation"]) for t in trials.values())
    return next(name for name, t in trials.items() if mean(t["validation"]) == top)


# %% right: reduce
def choose_setting(trials):
    from functools import reduce

    return reduce(lambda a, b: b if mean(trials[b]["validation"]) > mean(trials[a]["validation"]) else a, trials)


# %% right: get
def choose_setting(trials):
    scored = [(mean(trial.get("validation")), -place, name) for place, (name, trial) in enumerate(trials.items())]
    return max(scored, key=lambda entry: entry[:2])[2]


# %% right: from the end, equal ones replace
def choose_setting(trials):
    chosen, best = None, None
    for name in reversed(list(trials)):
        average = mean(trials[name]["validation"])
        if best is None or average >= best:
            chosen, best = name, average
    return chosen


# %% right: another name of the parameter
def choose_setting(by_setting):
    pairs = [(setting, np.average(split["validation"])) for setting, split in by_setting.items()]
    best = pairs[0]
    for pair in pairs[1:]:
        if pair[1] > best[1]:
            best = pair
    return best[0]


# %% wrong: the test decides -> The test scores decide
def choose_setting(trials):
    return max(trials, key=lambda name: mean(trials[name]["test"]))


# %% wrong: the best test score -> The best test score decides
def choose_setting(trials):
    return max(trials, key=lambda name: max(trials[name]["test"]))


# %% wrong: both together -> Validation and test decide together
def choose_setting(trials):
    return max(trials, key=lambda name: mean(trials[name]["validation"]) + mean(trials[name]["test"]))


# %% wrong: the test breaks ties -> The test scores may not take part in the choice
def choose_setting(trials):
    return max(trials, key=lambda name: (mean(trials[name]["validation"]), mean(trials[name].get("test", [0]))))


# %% wrong: reads all splits -> your function reads the test scores
def choose_setting(trials):
    means = {name: {split: mean(scores) for split, scores in trial.items()} for name, trial in trials.items()}
    return max(means, key=lambda name: means[name]["validation"])


# %% wrong: prints the test -> your function reads the test scores
def choose_setting(trials):
    chosen = max(trials, key=lambda name: mean(trials[name]["validation"]))
    trials[chosen].get("test")
    return chosen


# %% wrong: the first of the values -> your function reads the test scores
def choose_setting(trials):
    return max(trials, key=lambda name: mean(next(iter(trials[name].values()))))


# %% wrong: the best seed -> The best single seed decides
def choose_setting(trials):
    return max(trials, key=lambda name: max(trials[name]["validation"]))


# %% wrong: the worst seed -> The worst single seed decides
def choose_setting(trials):
    return max(trials, key=lambda name: min(trials[name]["validation"]))


# %% wrong: the median -> The median decides
def choose_setting(trials):
    return max(trials, key=lambda name: np.median(trials[name]["validation"]))


# %% wrong: the first seed -> The first seed decides
def choose_setting(trials):
    return max(trials, key=lambda name: trials[name]["validation"][0])


# %% wrong: the last seed -> The last seed decides
def choose_setting(trials):
    return max(trials, key=lambda name: trials[name]["validation"][-1])


# %% wrong: lists compared -> The first seed decides
def choose_setting(trials):
    return max(trials, key=lambda name: trials[name]["validation"])


# %% wrong: sums -> The sum decides
def choose_setting(trials):
    return max(trials, key=lambda name: sum(trials[name]["validation"]))


# %% wrong: the smallest -> The *smallest* mean is chosen
def choose_setting(trials):
    return min(trials, key=lambda name: mean(trials[name]["validation"]))


# %% wrong: ascending sort -> The *smallest* mean is chosen
def choose_setting(trials):
    return sorted(trials, key=lambda name: mean(trials[name]["validation"]))[0]


# %% wrong: the last of equal ones -> Of settings with equal means the *first* in the dictionary
def choose_setting(trials):
    best, chosen = -math.inf, None
    for name in trials:
        if mean(trials[name]["validation"]) >= best:
            best, chosen = mean(trials[name]["validation"]), name
    return chosen


# %% wrong: the end of a sort -> Of settings with equal means the *first* in the dictionary
def choose_setting(trials):
    return sorted(trials, key=lambda name: mean(trials[name]["validation"]))[-1]


# %% wrong: names break ties -> yours compares names
def choose_setting(trials):
    return max((mean(trials[name]["validation"]), str(name), name) for name in trials)[2]


# %% wrong: begins with 0 -> does nothing beat the number that the search begins with
def choose_setting(trials):
    best, chosen = 0, None
    for name in trials:
        if mean(trials[name]["validation"]) > best:
            best, chosen = mean(trials[name]["validation"]), name
    return chosen


# %% wrong: the best mean itself -> This is the best mean itself
def choose_setting(trials):
    return max(mean(trials[name]["validation"]) for name in trials)


# %% wrong: the place -> This is the setting's place
def choose_setting(trials):
    return int(np.argmax([mean(trials[name]["validation"]) for name in trials]))


# %% wrong: the scores -> These are the scores of the setting
def choose_setting(trials):
    return max(trials.values(), key=lambda trial: mean(trial["validation"]))


# %% wrong: the spread -> The spread decides
def choose_setting(trials):
    return max(trials, key=lambda name: max(trials[name]["validation"]) - min(trials[name]["validation"]))


# %% wrong: a standard deviation subtracted -> another setting is right
def choose_setting(trials):
    return max(trials, key=lambda name: mean(trials[name]["validation"]) - 2 * np.std(trials[name]["validation"]))


# %% wrong: no return -> Is a `return` missing
def choose_setting(trials):
    max(trials, key=lambda name: mean(trials[name]["validation"]))


# %% wrong: name and mean -> returns a tuple, no setting
def choose_setting(trials):
    name = max(trials, key=lambda name: mean(trials[name]["validation"]))
    return name, mean(trials[name]["validation"])


# %% wrong: divided by four seeds -> The sum decides
def choose_setting(trials):
    return max(trials, key=lambda name: sum(trials[name]["validation"]) / 4)


# %% wrong: sorts the lists -> Your function changes the trials
def choose_setting(trials):
    for name in trials:
        trials[name]["validation"].sort()
    return max(trials, key=lambda name: mean(trials[name]["validation"]))


# %% wrong: takes the trials out -> Your function changes the trials
def choose_setting(trials):
    means = {name: mean(trials[name].pop("validation")) for name in trials}
    return max(means, key=means.get)


# %% wrong: the spelling -> Your function raises KeyError
def choose_setting(trials):
    return max(trials, key=lambda name: mean(trials[name]["valid"]))


# %% wrong: stdev of one seed -> With a single seed
def choose_setting(trials):
    return max(trials, key=lambda name: (mean(trials[name]["validation"]), -statistics.stdev(trials[name]["validation"])))


# %% trivial: the first
def choose_setting(trials):
    return next(iter(trials))


# %% trivial: the last
def choose_setting(trials):
    return list(trials)[-1]


# %% trivial: nothing
def choose_setting(trials):
    return None


# %% trivial: NaN
def choose_setting(trials):
    return math.nan


# %% trivial: the input
def choose_setting(trials):
    return trials


# %% trivial: a favourite
def choose_setting(trials):
    return "T = 4"
