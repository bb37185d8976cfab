"""Known mistakes of the distillation bound."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.bounds import at_labels, bound, half_l1, variation
from kdcourse.grading.formulas.responses import softmax
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import with_parts
from kdcourse.grading.mistakes.total_variation import log_ratio

TRAIN = "The training term is (2/n) Σ (1 − φ_y), with φ = softmax(z / gamma)."
APART = "The distillation term is twice the mean over the pool of half the L1 distance of the softmaxes."
SIMPLE = "The complexity term is 4 times the complexity."
SURE = "The confidence term is 6 √(ln(4/δ) / (2n))."
DRAWN = "The pool term is 2 √(ln(2/δ) / (2m))."


def train_parts() -> list[Wrong]:
    def at(g: Tensor, labels: Tensor, gamma: float) -> Tensor:
        return at_labels(softmax(g / gamma), labels)

    found = [
        Wrong(lambda g, y, c: (1 - at(g, y, c)).mean(), "The factor 2 is missing in the training term."),
        Wrong(lambda g, y, c: 4 * (1 - at(g, y, c)).mean(), "The training term counts twice."),
        Wrong(lambda g, y, c: 2 * (1 - at(g, y, c)).sum(), "The labelled sample is summed; take its mean."),
        Wrong(lambda g, y, c: (1 - at(g, y, c)).sum(), "The labelled sample is summed; take its mean."),
        Wrong(lambda g, y, c: 2 * (1 - at(g, y, 1.0)).mean(), "gamma is missing in the training term."),
        Wrong(
            lambda g, y, c: 2 * (1 - at(g * c * c, y, c)).mean(),
            "The logits are multiplied by gamma in the training term; divide.",
        ),
        Wrong(
            lambda g, y, c: 2 * at(g, y, c).mean(),
            "1 − is missing: the term grows as the student gets better.",
        ),
        Wrong(
            lambda g, y, c: 2 * (1 - softmax(g / c).amax(1)).mean(),
            "The largest probability counts in place of the label's: no label is used.",
        ),
        Wrong(
            lambda g, y, c: 2 * (g.argmax(1) != y).double().mean(),
            "This is twice the student's error rate; the bound has its probability of the label.",
        ),
        Wrong(
            lambda g, y, c: (g.argmax(1) != y).double().mean(),
            "This is the student's error rate; the bound has its probability of the label.",
        ),
        Wrong(lambda g, y, c: -2 * at(g, y, c).log().mean(), "A cross-entropy stands for the training term."),
        Wrong(lambda g, y, c: -at(g, y, c).log().mean(), "A cross-entropy stands for the training term."),
        Wrong(lambda g, y, c: 2 * (1 - softmax(g / c)[:, 0]).mean(), "The first class stands for the label."),
        Wrong(
            lambda g, y, c: 2 * (1 - softmax(g / c)).mean(),
            "All classes are averaged in place of the label's.",
        ),
        Wrong(
            lambda g, y, c: 2 * (1 - at_labels(softmax(g / c, 0), y)).mean(),
            "The softmax runs over the samples in the training term.",
        ),
        Wrong(lambda g, y, c: 2 * (1 - at(g, y, c)).square().mean(), "1 − φ is squared."),
        Wrong(
            lambda g, y, c: 2 * (1 - at_labels(g, y)).mean(), "The softmax is missing in the training term."
        ),
        Wrong(lambda g, y, c: torch.zeros(()), "The training term is left out."),
    ]
    return [Wrong(function, f"{said} {TRAIN}") for function, said in found]


def pool_parts() -> list[Wrong]:
    def apart(scale: float, distance: Callable[[Tensor, Tensor], Tensor], sentence: str) -> Wrong:
        return Wrong(
            lambda f, g, gamma, n: scale * distance(softmax(f / gamma), softmax(g / gamma)).mean(), sentence
        )

    found = [
        apart(1, half_l1, "The factor 2 is missing in the distillation term."),
        apart(4, half_l1, "The half is missing in the distillation term: TV is half the L1 distance."),
        apart(0.5, half_l1, "The half is taken twice, and the factor 2 is missing in the distillation term."),
        apart(
            2, lambda p, q: (p - q).abs().mean(1) / 2, "The classes are averaged in the distillation term."
        ),
        apart(
            1, lambda p, q: (p - q).abs().mean(1) / 2, "The classes are averaged in the distillation term."
        ),
        apart(2, lambda p, q: (p - q).abs().mean(1), "The classes are averaged in the distillation term."),
        Wrong(
            lambda f, g, gamma, n: 2 * variation(f, g, gamma).sum(),
            "The pool is summed in the distillation term; take its mean.",
        ),
        Wrong(
            lambda f, g, gamma, n: 2 * variation(f, g, gamma).sum() / n,
            "The sum over the pool is divided by n; the pool has m inputs.",
        ),
        Wrong(
            lambda f, g, gamma, n: 2 * variation(f, g, 1.0).mean(),
            "gamma is missing in the distillation term.",
        ),
        Wrong(
            lambda f, g, gamma, n: 2 * variation(f, g, 1 / gamma).mean(),
            "The logits are multiplied by gamma in the distillation term; divide.",
        ),
        *(
            Wrong(
                lambda f, g, gamma, n, only=only: (
                    2
                    * half_l1(
                        softmax(f / (gamma if only == "net" else 1)),
                        softmax(g / (gamma if only != "net" else 1)),
                    ).mean()
                ),
                f"gamma divides the logits of the {only} only in the distillation term.",
            )
            for only in ("net", "student")
        ),
        apart(
            2,
            lambda p, q: (p - q).abs().amax(1),
            "The largest difference of one class stands for the total variation.",
        ),
        apart(2, lambda p, q: (p - q).norm(dim=1), "The Euclidean distance stands for the total variation."),
        apart(1, lambda p, q: (p - q).norm(dim=1), "The Euclidean distance stands for the total variation."),
        apart(
            2, lambda p, q: (p - q).square().sum(1), "The differences are squared in the distillation term."
        ),
        apart(
            1, lambda p, q: (p - q).square().sum(1), "The differences are squared in the distillation term."
        ),
        apart(
            2,
            lambda p, q: (at_labels(p, q.argmax(1)) - at_labels(q, q.argmax(1))).abs(),
            "Only the student's most probable class is compared.",
        ),
        apart(
            2,
            lambda p, q: (at_labels(p, p.argmax(1)) - at_labels(q, p.argmax(1))).abs(),
            "Only the net's most probable class is compared.",
        ),
        apart(
            2,
            lambda p, q: (p.argmax(1) != q.argmax(1)).double(),
            "This is how often the two predict another class.",
        ),
        apart(
            1,
            lambda p, q: (p.argmax(1) != q.argmax(1)).double(),
            "This is how often the two predict another class.",
        ),
        apart(2, log_ratio, "A Kullback-Leibler divergence stands for the total variation."),
        apart(
            2, lambda p, q: log_ratio(q, p), "A Kullback-Leibler divergence stands for the total variation."
        ),
        apart(
            2,
            lambda p, q: half_l1(p, q).amax(),
            "The worst input of the pool counts; take the mean.",
        ),
        Wrong(
            lambda f, g, gamma, n: 2 * (softmax(f / gamma) - softmax(g / gamma)).mean(0).abs().sum() / 2,
            "The pool is averaged before `abs`, so that differences cancel.",
        ),
        Wrong(
            lambda f, g, gamma, n: torch.zeros(()),
            "The distillation term is left out, or a net is compared with itself.",
        ),
    ]
    return [Wrong(function, f"{said} {APART}") for function, said in found]


COMPLEXITIES = [
    *(
        Wrong(lambda R, gamma, times=times: times * R, f"The complexity counts {word}. {SIMPLE}")
        for times, word in ((1, "once"), (2, "twice"), (3, "3 times"), (6, "6 times"), (8, "8 times"))
    ),
    Wrong(lambda R, gamma: 0.0, f"The complexity is left out. {SIMPLE}"),
    Wrong(
        lambda R, gamma: 4 * R / gamma,
        f"The complexity is divided by gamma once more; it is that of the softmax, gamma is in it. {SIMPLE}",
    ),
    Wrong(
        lambda R, gamma: R / gamma,
        f"The complexity is divided by gamma, and the factor 4 is missing. {SIMPLE}",
    ),
    Wrong(lambda R, gamma: 4 * R * gamma, f"The complexity is multiplied by gamma. {SIMPLE}"),
    Wrong(lambda R, gamma: 4 * math.sqrt(R), f"A square root is taken of the complexity. {SIMPLE}"),
    Wrong(lambda R, gamma: 4 * R * R, f"The complexity is squared. {SIMPLE}"),
]


def deviation(term: str, size: str, scale: float, top: float, right: str, other: float) -> list[Wrong]:
    """Mistakes of scale * sqrt(ln(top / delta) / (2 size)), `other` is the other term's top."""

    def of(count: int, delta: float, log: Callable[[float], float] = math.log) -> float:
        return scale * math.sqrt(max(log(top / delta), 0.0) / (2 * count))

    def pick(n: int, m: int) -> int:
        return n if size == "n" else m

    def swap(n: int, m: int) -> int:
        return m if size == "n" else n

    unused = "m" if size == "n" else "n"
    found = [
        (lambda n, m, d: of(swap(n, m), d), f"m and n are exchanged: {unused} stands in the {term} term."),
        (lambda n, m, d: of(n + m, d), f"n + m stands in the {term} term."),
        (
            lambda n, m, d: of(pick(n, m), d) * math.sqrt(2),
            f"The 2 in 2{size} is missing in the {term} term.",
        ),
        (
            lambda n, m, d: of(pick(n, m), d) / math.sqrt(2),
            f"The 2 in 2{size} counts twice in the {term} term.",
        ),
        (
            lambda n, m, d: of(pick(n, m), d, math.log10),
            f"The logarithm in the {term} term is that to base 10; `math.log` is the natural one.",
        ),
        (
            lambda n, m, d: of(pick(n, m), d, math.log2),
            f"The logarithm in the {term} term is that to base 2; `math.log` is the natural one.",
        ),
        (lambda n, m, d: of(pick(n, m), d, math.log1p), f"`log1p` stands in the {term} term: ln(1 + x)."),
        (lambda n, m, d: of(pick(n, m), d, lambda x: x), f"The logarithm is missing in the {term} term."),
        (
            lambda n, m, d: scale * math.sqrt(math.log(other / d) / (2 * pick(n, m))),
            f"ln({other:g}/δ) stands in the {term} term.",
        ),
        (
            lambda n, m, d: scale * math.sqrt(math.log(1 / d) / (2 * pick(n, m))),
            f"ln(1/δ) stands in the {term} term: the union over several events is lost.",
        ),
        (
            lambda n, m, d: scale * math.sqrt(math.log(8 / d) / (2 * pick(n, m))),
            f"ln(8/δ) stands in the {term} term.",
        ),
        (
            lambda n, m, d: scale * math.sqrt(math.log(3 / d) / (2 * pick(n, m))),
            f"ln(3/δ) stands in the {term} term.",
        ),
        (
            lambda n, m, d: scale * math.log(top / d) / (2 * pick(n, m)),
            f"The root is missing in the {term} term.",
        ),
        (
            lambda n, m, d: scale * math.sqrt(math.log(top / d)) / (2 * pick(n, m)),
            f"The root ends too early in the {term} term: 2{size} belongs under it.",
        ),
        (
            lambda n, m, d: scale * math.sqrt(math.log(top / d) / 2 * pick(n, m)),
            f"A bracket is missing in the {term} term: `/ 2 * {size}` multiplies by {size}.",
        ),
        (
            lambda n, m, d: math.sqrt(scale * math.log(top / d) / (2 * pick(n, m))),
            f"The factor {scale:g} stands under the root of the {term} term.",
        ),
        (lambda n, m, d: 0.0, f"The {term} term is left out."),
        (
            lambda n, m, d: scale * math.sqrt(abs(math.log(d * top)) / (2 * pick(n, m))),
            f"δ is multiplied by {top:g}; {top:g} is divided by δ.",
        ),
        *(
            (
                lambda n, m, d, times=times: times * of(pick(n, m), d) / scale,
                f"The factor of the {term} term is {times:g}.",
            )
            for times in (1, 2, 3, 4, 6, 12)
            if times != scale
        ),
    ]
    return [Wrong(function, f"{said} {right}") for function, said in found]


CONFIDENCES = deviation("confidence", "n", 6, 4, SURE, 2)
POOLS = deviation("pool", "m", 2, 2, DRAWN, 4)


def bound_mistakes() -> Iterator[Wrong]:
    """What is done to several terms at once; then each term by itself, and two of them."""

    def changed(sentence: str, **terms: Callable) -> Wrong:
        return Wrong(lambda *args: bound(*args, **terms), sentence)

    both = {
        2: "The 2 in 2n and 2m is missing under both roots.",
        4: "Both logarithms are those to base 10; `math.log` is the natural one.",
        5: "Both logarithms are those to base 2; `math.log` is the natural one.",
        7: "The logarithm is missing under both roots.",
        9: "ln(1/δ) stands under both roots: each has several events to share δ among.",
        12: "Both roots are missing.",
        16: "Confidence and pool term are left out.",
    }
    for place, said in both.items():
        one, two = CONFIDENCES[place], POOLS[place]
        yield changed(f"{said} {SURE} {DRAWN}", confidence=one.function, pool=two.function)
    yield changed(
        f"m and n are exchanged: n is the number of labelled examples, m that of the pool. {SURE} {DRAWN}",
        confidence=CONFIDENCES[0].function,
        pool=POOLS[0].function,
    )
    slips = (lambda n, m, d: 6 * math.sqrt(math.log(2 / d) / (2 * n)),
             lambda n, m, d: 2 * math.sqrt(math.log(4 / d) / (2 * m)))  # fmt: skip
    yield changed(
        f"4/δ and 2/δ are exchanged: n goes with 4/δ, m with 2/δ. {SURE} {DRAWN}",
        confidence=slips[0],
        pool=slips[1],
    )
    for scale, said in ((0.5, "half of δ is used"), (2.0, "twice δ is used")):
        yield Wrong(
            lambda *args, scale=scale: bound(*args[:-1], scale * args[-1]),
            f"In both roots {said}: δ is divided already. {SURE} {DRAWN}",
        )
    train, apart = train_parts(), pool_parts()
    yield changed(
        "gamma is missing in both terms with probabilities: φ is softmax(z / gamma).",
        training=train[4].function,
        distillation=apart[8].function,
    )
    yield changed(
        "The logits are multiplied by gamma in both terms with probabilities: φ is softmax(z / gamma).",
        training=train[5].function,
        distillation=apart[9].function,
    )
    yield changed(
        "The factors 2 are missing in the training and the distillation term: an error can have 1 − φ = ½.",
        training=train[0].function,
        distillation=apart[0].function,
    )
    yield changed(
        "Sums stand where means belong, over the labelled sample and over the pool.",
        training=train[2].function,
        distillation=apart[6].function,
    )
    yield Wrong(
        lambda *args: bound(*args).clamp(max=1.0),
        "The bound is cut off at 1. That is sound, but the task wants the sum as it is: how far above 1 "
        "it is tells what is missing.",
    )
    yield Wrong(
        lambda *args: bound(*args) / 2, "This is half the bound: the factors of all terms are halved."
    )
    yield Wrong(
        lambda *args: bound(*args).sqrt(), "A root is taken of the whole sum; it belongs to two of the terms."
    )
    parts = {
        "training": train,
        "distillation": apart,
        "simple": COMPLEXITIES,
        "confidence": CONFIDENCES,
        "pool": POOLS,
    }
    yield from with_parts(bound, parts)
