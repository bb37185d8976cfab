"""Known mistakes of the distilled empirical risk, and what to say about each."""

from collections.abc import Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.dense import risk
from kdcourse.grading.formulas.responses import cross_entropy, log_softmax, softmax
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import with_parts


def of_parts(p: Tensor, losses: Tensor, weigh=lambda p: p, of=lambda x: x, average=torch.mean) -> Tensor:
    return average((weigh(p) * of(losses)).sum(1))


def best(p: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(p.argmax(1), p.shape[1]).to(p.dtype)


PLAIN = "use the probabilities as they are."
WEIGHTS = [
    Wrong(
        best,
        "Only the loss of the most probable label counts (`argmax`), as with ordinary labels; every label's "
        "loss counts, weighted with its probability.",
    ),
    Wrong(
        lambda p: torch.full_like(p, 1 / p.shape[1]),
        "All labels weigh the same: the probabilities are not used.",
    ),
    Wrong(torch.ones_like, "The losses are added up without their probabilities."),
    Wrong(
        softmax,
        f"A softmax is taken of the probabilities, which makes them nearly uniform; {PLAIN}",
    ),
    Wrong(lambda p: softmax(p, 0), f"A softmax is taken of the probabilities, over the samples; {PLAIN}"),
    Wrong(lambda p: p.clamp(min=1e-30).log(), f"The weights are log-probabilities; {PLAIN}"),
    Wrong(lambda p: -p.clamp(min=1e-30).log(), f"The weights are −log p; {PLAIN}"),
    Wrong(lambda p: p.square(), f"The probabilities are squared; {PLAIN}"),
    Wrong(lambda p: p.sqrt(), f"A square root is taken of the probabilities; {PLAIN}"),
    Wrong(lambda p: 1 - p, f"The weights are 1 − p; {PLAIN}"),
    Wrong(
        lambda p: p / p.sum(0),
        "The probabilities are normalised over the samples; each row sums to 1 as it is.",
    ),
    Wrong(lambda p: p / p.sum(0) * len(p) / p.shape[1],
          "The probabilities are normalised over the samples; each row sums to 1 as it is."),
    Wrong(lambda p: p / p.amax(1, keepdim=True),
          f"The probabilities are divided by the largest of their row; {PLAIN}"),
    Wrong(lambda p: p / p.norm(dim=1, keepdim=True), f"The probabilities are divided by their norm; {PLAIN}"),
    Wrong(lambda p: p.flip(1), "The classes of the probabilities are in reverse order."),
    Wrong(lambda p: p.flip(0), "The samples of the probabilities are in reverse order."),
    Wrong(lambda p: p.roll(1, 0), "The probabilities belong to another sample (a shift by one)."),
    Wrong(lambda p: 0.9 * p + 0.1 / p.shape[1], f"The probabilities are smoothed; {PLAIN}"),
    Wrong(lambda p: best(p) * p, "Only the most probable label counts, with its probability; all labels do."),
    Wrong(
        lambda p: p - 1 / p.shape[1], f"1/C is subtracted from the probabilities; {PLAIN}"
    ),
    Wrong(lambda p: -p, "The sign is wrong: the losses are losses already, without another minus."),
]  # fmt: skip

READ = "`losses` are losses already, one for each label; use them as they are."
LOSSES = [
    Wrong(lambda x: -x.log(), f"A logarithm is taken. {READ}"),
    Wrong(lambda x: x.log(), f"A logarithm is taken. {READ}"),
    Wrong(
        lambda x: -log_softmax(x), f"`losses` are taken for logits (`cross_entropy`, `log_softmax`). {READ}"
    ),
    Wrong(log_softmax, f"`losses` are taken for logits. {READ}"),
    Wrong(softmax, f"`losses` are taken for logits. {READ}"),
    Wrong(torch.square, f"The losses are squared. {READ}"),
    Wrong(torch.exp, f"The exponential of the losses is taken. {READ}"),
    Wrong(lambda x: x.clamp(min=0), f"Negative losses are set to 0. {READ}"),
    Wrong(torch.abs, f"The absolute value of the losses is taken. {READ}"),
    Wrong(lambda x: x - x.amin(1, keepdim=True), f"The smallest loss of each row is subtracted. {READ}"),
    Wrong(lambda x: x - x.mean(1, keepdim=True), f"The mean loss of each row is subtracted. {READ}"),
]

REDUCTIONS = [
    Wrong(
        torch.sum,
        "The samples are summed; take the mean over the N samples.",
    ),
    Wrong(
        lambda x: x.mean() / len(x), "The mean over the samples is taken twice: divide by N once."
    ),
    Wrong(torch.amax, "This is the worst sample; take the mean."),
    Wrong(torch.median, "This is the median over the samples; take the mean."),
    Wrong(lambda x: x.sum() / (len(x) - 1), "The sum is divided by N − 1; divide by N."),
    Wrong(lambda x: x[0], "Only the first sample counts; take the mean over all N."),
    Wrong(lambda x: x[-1], "Only the last sample counts; take the mean over all N."),
    Wrong(lambda x: x.logsumexp(0), "A logsumexp runs over the samples; take their mean."),
    Wrong(lambda x: x.mean().sqrt(), "A square root is taken; the risk is the plain mean."),
]  # fmt: skip


def risk_mistakes() -> Iterator[Wrong]:
    yield Wrong(
        lambda p, losses: (p * losses).mean(),
        "Yours is exactly 1/C of ours: `mean()` divides by N·C. The probabilities of a row sum to 1 "
        "already: sum "
        "over the classes, and take the mean over the N samples only.",
    )
    yield Wrong(
        lambda p, losses: (p * losses).sum(0).mean(),
        "The samples are summed and the classes averaged; it is the other way round: sum over the "
        "classes, mean "
        "over the N samples.",
    )
    yield Wrong(
        lambda p, losses: risk(p, losses) * len(p) / p.shape[1] ** 2,
        "Something is divided by the number of classes twice; divide by N once.",
    )
    for power in (0, 1, 2, 3):
        yield Wrong(
            lambda p, losses, power=power: (p @ losses.T).sum() / len(p) ** power,
            "Every sample's probabilities meet every sample's losses (`p_star @ losses.T`, or a mean over "
            "the "
            "samples before the product): multiply sample by sample, `(p_star * losses).sum(1)`.",
        )
    for each in (torch.mean, torch.sum):
        yield Wrong(
            lambda p, losses, each=each: each((p.T @ losses).diagonal()),
            "The samples are summed (`p_star.T @ losses`): take the mean over the N samples.",
        )
    yield Wrong(
        lambda p, losses: (p * losses).amax(1).mean(),
        "Only the largest product of each sample counts; sum over the classes.",
    )
    yield Wrong(
        lambda p, losses: (p * losses).sum(1).mean() + entropy(p) + 0 * losses.sum(),
        "The entropy of the probabilities is added; the risk is the expected loss alone.",
    )
    yield Wrong(
        lambda p, losses: (p * losses).sum(1).mean() - entropy(p) + 0 * losses.sum(),
        "The entropy of the probabilities is subtracted; the risk is the expected loss alone.",
    )
    yield Wrong(
        lambda p, losses: losses.amin(1).mean(),
        "The smallest loss of each sample counts; every label's loss does, weighted with its probability.",
    )
    yield Wrong(
        lambda p, losses: losses.amax(1).mean(),
        "The largest loss of each sample counts; every label's loss does, weighted with its probability.",
    )
    yield Wrong(
        lambda p, losses: (p - losses).square().mean(),
        "This is a squared error between probabilities and losses; the risk is Σ p · loss.",
    )
    yield Wrong(
        lambda p, losses: (p * losses).sum(1).var(),
        "This is the variance over the samples; the risk is their mean.",
    )
    yield Wrong(
        lambda p, losses: cross_entropy(losses, p.argmax(1)).mean(),
        f"`losses` are taken for logits, and only the most probable label counts. {READ}",
    )
    for column in (0, -1):
        yield Wrong(
            lambda p, losses, column=column: (p * losses)[:, column].mean(),
            "Only one class counts; sum over all.",
        )
    yield Wrong(
        lambda p, losses: risk(losses.softmax(1), losses),
        "The weights come from the losses themselves; the Bayes probabilities are the weights.",
    )
    for part, name in ((slice(None, -1), "last"), (slice(1, None), "first")):
        yield Wrong(
            lambda p, losses, part=part: (p * losses)[:, part].sum(1).mean(), f"The {name} class is left out."
        )
        yield Wrong(
            lambda p, losses, part=part: (p * losses)[part].sum() / len(p), f"The {name} sample is left out."
        )
        yield Wrong(
            lambda p, losses, part=part: (p * losses)[part].sum(1).mean(), f"The {name} sample is left out."
        )
    # The value is right, the gradient is not.
    yield Wrong(
        lambda p, losses: risk(p, (losses + losses.detach()) / 2),
        "The gradient is half of what it should be: is a part of the losses detached?",
    )
    yield from with_parts(of_parts, {"average": REDUCTIONS, "weigh": WEIGHTS, "of": LOSSES})


def entropy(p: Tensor) -> Tensor:
    return -torch.special.xlogy(p, p).sum(1).mean()
