"""Known mistakes of the cross-entropy against sparse soft labels."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from kdcourse.grading.formulas.responses import cross_entropy, log_softmax, softmax
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import with_parts
from kdcourse.grading.mistakes.sparse_soft_labels import LABELS, label, rest


def mean_of_rows(p: Tensor, log_q: Tensor) -> Tensor:
    return -(p * log_q).sum(1).mean()


def sparse_loss(
    s: Tensor,
    v: Tensor,
    i: Tensor,
    label: Callable = label,
    score: Callable = log_softmax,
    reduce: Callable = mean_of_rows,
) -> Tensor:
    return reduce(label(v.detach(), i, s.shape[1]), score(s))


SCORES = [
    Wrong(
        lambda s: softmax(s),
        "The probabilities are multiplied by softmax(student), without a logarithm; use `log_softmax`.",
    ),
    Wrong(lambda s: s, "The log-softmax is missing: these are the student's plain logits."),
    Wrong(
        lambda s: log_softmax(softmax(s)),
        "The softmax is taken twice: `cross_entropy` and `log_softmax` want logits.",
    ),
    Wrong(
        lambda s: log_softmax(s, 0),
        "The softmax runs over the batch (`dim=0`); it must run over the classes (`dim=1`).",
    ),
    Wrong(
        lambda s: F.logsigmoid(s),
        "This is a sigmoid for each class; the softmax couples the classes.",
    ),
    Wrong(lambda s: log_softmax(-s), "The student's logits have the wrong sign inside the softmax."),
    *(
        Wrong(
            lambda s, T=T: log_softmax(s / T),
            f"The student's logits are divided by {T}; the task has no temperature.",
        )
        for T in (2, 3, 4, 5)
    ),
]
REDUCTIONS = [
    Wrong(lambda p, q: -(p * q).sum(), "The loss is summed over the batch; take the mean over the samples."),
    Wrong(
        lambda p, q: -(p * q).mean(),
        "The mean runs over B·C numbers; sum over the classes and take the mean over the batch.",
    ),
    Wrong(
        lambda p, q: -(p * q).sum() / p.shape[1],
        "The loss is divided by C, the number of classes, not by the size of the batch.",
    ),
    Wrong(lambda p, q: (p * q).sum(1).mean(), "The sign is wrong: cross-entropy is −Σ p log q."),
    Wrong(
        lambda p, q: -(p * q).sum(1).mean() - torch.special.entr(p).sum(1).mean(),
        "This is KL(label‖student): the label's entropy is subtracted. The cross-entropy keeps it.",
    ),
    Wrong(
        lambda p, q: -((p * q).sum(1).mean() - (p * p.clamp(min=1e-300).log()).sum(1).mean()) / p.shape[1],
        "`kl_div(reduction='mean')` divides by B·C and subtracts the label's entropy; neither belongs here.",
    ),
    Wrong(lambda p, q: (-(p * q).sum(1)).amax(), "This is the largest loss of the batch; take the mean."),
    Wrong(lambda p, q: (-(p * q).sum(1)).median(), "This is the median over the batch; take the mean."),
    Wrong(lambda p, q: -(p * q).amin(1).mean(), "Sum over the classes; this is one of them alone."),
    Wrong(
        lambda p, q: -(q.exp() * p.clamp(min=1e-300).log()).sum(1).mean(),
        "Label and student are exchanged: −Σ q log p. The logarithm is the student's.",
    ),
    Wrong(
        lambda p, q: (q.exp() * (q - p.clamp(min=1e-300).log())).sum(1).mean(),
        "This is KL(student‖label); the task is the cross-entropy −Σ p log q.",
    ),
    Wrong(
        lambda p, q: (q.exp() - p).square().mean(),
        "This is a squared error between probabilities; the task is a cross-entropy.",
    ),
    Wrong(
        lambda p, q: (q.exp() - p).square().sum(1).mean(),
        "This is a squared error between probabilities; the task is a cross-entropy.",
    ),
    *(
        Wrong(
            lambda p, q, log=log: -(p * q).sum(1).mean() / log,
            f"The logarithm has base {base}; losses here use natural logarithms.",
        )
        for base, log in ((2, 0.6931471805599453), (10, 2.302585092994046))
    ),
]


def _capped(s: Tensor, eps: float, clamp: bool) -> Tensor:
    q = softmax(s)
    return (q.clamp(min=eps) if clamp else q + eps).log()


def _lumped(s: Tensor, v: Tensor, i: Tensor, eps: float = 0.0) -> Tensor:
    """The classes that are not stored as one class."""
    log_q = log_softmax(s).gather(1, i.long())
    others = 1 - log_q.exp().sum(1)
    return -((v * log_q).sum(1) + rest(v)[:, 0] * (others + eps).log()).mean()


def _binary(s: Tensor, v: Tensor, i: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(s, label(v, i, s.shape[1]), reduction="none")


def soft_cross_entropy_mistakes() -> Iterator[Wrong]:
    yield from with_parts(sparse_loss, {"label": LABELS, "score": SCORES, "reduce": REDUCTIONS})
    cap = (
        "`log(softmax + eps)` is capped: where the student is far off, value and gradient are wrong. "
        "`log_softmax` needs no eps."
    )
    for exponent in (5, 6, 7, 8, 9, 10, 12, 15, 16, 20, 30):
        for clamp in (False, True):
            yield Wrong(
                lambda s, v, i, e=exponent, c=clamp: sparse_loss(
                    s, v, i, score=lambda z: _capped(z, 10.0**-e, c)
                ),
                cap,
            )
    for eps in (0.05, 0.1, 0.2):
        yield Wrong(
            lambda s, v, i, eps=eps: sparse_loss(
                s, v, i, label=lambda v, i, C: (1 - eps) * label(v, i, C) + eps / C
            ),
            f"The label is smoothed by {eps:g} (`label_smoothing`); it is soft already.",
        )
    for bound in (10, 20, 30, 50, 80, 100):
        yield Wrong(
            lambda s, v, i, bound=bound: sparse_loss(s.clamp(-bound, bound), v, i),
            "The logits are clipped: value and gradient are wrong beyond. `log_softmax` needs no clipping.",
        )
    lumped = (
        "The classes that are not stored are treated as one, with the logarithm of their summed probability. "
        "Each of them has its own share of the missing mass and its own logarithm."
    )
    for eps in (0.0, 1e-12, 1e-8, 1e-6):
        yield Wrong(lambda s, v, i, eps=eps: _lumped(s, v, i, eps), lumped)
    hard = "Only the most probable class counts (`argmax`); use the whole label."
    yield Wrong(
        lambda s, v, i: cross_entropy(s, i.gather(1, v.argmax(1, keepdim=True))[:, 0].long()).mean(), hard
    )
    yield Wrong(lambda s, v, i: cross_entropy(s, i[:, 0].long()).mean(), hard)
    inside = (
        "The student's softmax runs over the k stored classes alone; it must run over all C, before anything "
        "is picked."
    )
    yield Wrong(lambda s, v, i: -(v * log_softmax(s.gather(1, i.long()))).sum(1).mean(), inside)
    yield Wrong(
        lambda s, v, i: -(v / v.sum(1, keepdim=True) * log_softmax(s.gather(1, i.long()))).sum(1).mean(),
        inside + " And the values are renormalised.",
    )
    yield Wrong(
        lambda s, v, i: -(v * log_softmax(s).gather(1, i.long())).mean(),
        "The mean runs over the B·k stored entries, and the missing mass is not spread.",
    )
    yield Wrong(
        lambda s, v, i: -(v * log_softmax(s).gather(1, i.long())).sum(1).div(v.sum(1)).mean(),
        "The k values are renormalised to sum to 1, and the others get nothing.",
    )
    binary = "This is a binary cross-entropy for each class; the task is the softmax cross-entropy."
    yield Wrong(lambda s, v, i: _binary(s, v, i).mean(), binary)
    yield Wrong(lambda s, v, i: _binary(s, v, i).sum(1).mean(), binary)
    # The value is right, the gradient is not.
    yield Wrong(
        lambda s, v, i: (
            sparse_loss(s, v, i, label=LABELS[0].function)
            + (sparse_loss(s, v, i) - sparse_loss(s, v, i, label=LABELS[0].function)).detach()
        ),
        "No gradient comes from the classes that are not stored: their term is detached.",
    )
    yield Wrong(
        lambda s, v, i: (
            sparse_loss(s, v, i)
            - sparse_loss(s, v, i, label=LABELS[0].function)
            + sparse_loss(s, v, i, label=LABELS[0].function).detach()
        ),
        "No gradient comes from the stored classes: their term is detached.",
    )

    def frozen_sum(s: Tensor, v: Tensor, i: Tensor) -> Tensor:
        return sparse_loss(s, v, i, score=lambda z: z - z.detach().logsumexp(1, keepdim=True))

    yield Wrong(
        frozen_sum, "The log-sum-exp is detached; it is part of the log-softmax, and of its gradient."
    )
