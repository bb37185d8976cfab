"""Known mistakes of `kd_loss`, most of them made in published code, and what to say about each.

Parts are listed apart, because two mistakes are often made together: the soft term f(s, t, T), the
cross-entropy f(s, t, y, T) and the weighting f(soft, hard, T, alpha). They are tried in this order.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import hard_part, kd_loss, kl, log_softmax, soft_part, softmax
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import double_mistakes, single_mistakes


def _jensen_shannon(log_p: Tensor, log_q: Tensor) -> Tensor:
    log_m = ((log_p.exp() + log_q.exp()) / 2).log()
    return ((kl(log_p, log_m) + kl(log_q, log_m)) / 2).mean()


SOFT = [
    Wrong(
        lambda s, t, T: soft_part(s, t, T) / s.shape[1],
        "Your soft term is exactly 1/C of ours: `kl_div(reduction='mean')` divides by B·C. KL sums over the "
        "classes and takes the mean over the batch only: use `reduction='batchmean'`.",
    ),
    Wrong(
        lambda s, t, T: soft_part(s, t, T) * len(s),
        "Your soft term is exactly B times ours: it sums over the batch. Take the mean over the samples.",
    ),
    Wrong(
        lambda s, t, T: soft_part(s, t, T) / T**2,
        "The factor T² is missing. Without it the soft term fades as T grows: its gradient goes with 1/T².",
    ),
    Wrong(lambda s, t, T: soft_part(s, t, T) / T, "Your soft term is multiplied by T; it needs T²."),
    Wrong(lambda s, t, T: soft_part(s, t, T) / T**4, "Your soft term is divided by T²; multiply by it."),
    Wrong(lambda s, t, T: soft_part(s, t, T) * T**2, "The factor T² is applied twice."),
    Wrong(
        lambda s, t, T: T * T * kl(log_softmax(s / T), log_softmax(t / T)).mean(),
        "The two distributions are exchanged: this is KL(student‖teacher). `kl_div(input, target)` computes "
        "KL(target‖input), and `input` is the student's log-probabilities.",
    ),
    Wrong(
        lambda s, t, T: -T * T * (softmax(t / T) * log_softmax(s / T)).sum(1).mean(),
        "This is the soft cross-entropy. Its gradient is right, but the value is larger by the teacher's "
        "entropy: subtract it, so that the term is 0 where the student agrees.",
    ),
    Wrong(
        lambda s, t, T: T * T * (softmax(t / T) * (log_softmax(t / T) - softmax(s / T))).sum(1).mean(),
        "`kl_div` gets the student's probabilities; it wants log-probabilities there: `log_softmax`.",
    ),
    Wrong(
        lambda s, t, T: s.sum() * float("nan"),
        "The value is NaN on ordinary logits. Does `kl_div` get log-probabilities as its target? It wants "
        "probabilities, or `log_target=True`.",
    ),
    Wrong(
        lambda s, t, T: T * T * kl(log_softmax(t / T), log_softmax(s)).mean(),
        "Only the teacher's logits are divided by T; the student's need the same temperature.",
    ),
    Wrong(
        lambda s, t, T: T * T * kl(log_softmax(t), log_softmax(s / T)).mean(),
        "Only the student's logits are divided by T; the teacher's need the same temperature.",
    ),
    Wrong(
        lambda s, t, T: soft_part(s, t, 1.0) * T**2,
        "T² is there, but the logits are not divided by T before the softmax.",
    ),
    Wrong(lambda s, t, T: soft_part(s, t, 1.0), "The temperature is not used."),
    Wrong(lambda s, t, T: soft_part(s, t, 1 / T) * T**4, "The logits are multiplied by T; divide by it."),
    Wrong(
        lambda s, t, T: T * T * kl(log_softmax(t * T), log_softmax(s / T)).mean(),
        "The teacher's logits are multiplied by T; both sides are divided by it.",
    ),
    Wrong(
        lambda s, t, T: T * T * kl(log_softmax(t / T, 0), log_softmax(s / T, 0)).mean(),
        "The softmax runs over the batch (`dim=0`); it must run over the classes (`dim=1`).",
    ),
    Wrong(
        lambda s, t, T: T * T * ((softmax(t / T) - softmax(s / T)) ** 2).mean(),
        "This is a squared error between probabilities (`mse_loss`); the task is KL.",
    ),
    Wrong(
        lambda s, t, T: ((t - s) ** 2).mean(),
        "This is a squared error between logits (`mse_loss`); the task is KL between softened probabilities.",
    ),
    Wrong(
        lambda s, t, T: hard_part(s, t.argmax(1)),
        "The teacher's answer is made hard with `argmax`; use all its probabilities, at temperature T.",
    ),
    Wrong(
        lambda s, t, T: T * T * hard_part(s / T, t.argmax(1)),
        "The teacher's answer is made hard with `argmax`; use all its probabilities.",
    ),
    Wrong(
        lambda s, t, T: 0.0 * s.sum(),
        "The soft term is always 0: do both of its sides come from the same logits?",
    ),
    Wrong(
        lambda s, t, T: soft_part(s, t, T) / torch.log(torch.tensor(2.0, dtype=s.dtype)),
        "The logarithm has base 2; losses here use natural logarithms.",
    ),
    Wrong(
        lambda s, t, T: T * T * _jensen_shannon(log_softmax(t / T), log_softmax(s / T)),
        "This is the Jensen-Shannon divergence; the task is KL(teacher‖student).",
    ),
    Wrong(lambda s, t, T: -soft_part(s, t, T), "The soft term has the wrong sign."),
]

HARD = [
    Wrong(
        lambda s, t, y, T: hard_part(s / T, y),
        "The cross-entropy with the labels is taken at temperature T; it belongs on the plain logits, T = 1.",
    ),
    Wrong(
        lambda s, t, y, T: hard_part(softmax(s), y),
        "`cross_entropy` is given probabilities; it takes the softmax itself and wants logits.",
    ),
    Wrong(
        lambda s, t, y, T: -softmax(s)[torch.arange(len(y)), y].mean(),
        "`nll_loss` is given probabilities; it wants log-probabilities. `cross_entropy` takes the logits.",
    ),
    Wrong(
        lambda s, t, y, T: hard_part(s, y) * len(s),
        "The cross-entropy is a sum over the batch; take the mean.",
    ),
    Wrong(
        lambda s, t, y, T: hard_part(s, y) * T**2,
        "The cross-entropy is multiplied by T² as well; only the soft term is.",
    ),
    Wrong(
        lambda s, t, y, T: hard_part(t.detach(), y) + 0.0 * s.sum(),
        "The cross-entropy looks at the teacher's logits; it is the student that must meet the labels.",
    ),
    Wrong(
        lambda s, t, y, T: 0.9 * hard_part(s, y) - 0.1 * log_softmax(s).mean(),
        "The labels are smoothed (`label_smoothing`); the task uses them as they are.",
    ),
    Wrong(
        lambda s, t, y, T: -log_softmax(s, 0)[torch.arange(len(y)), y].mean(),
        "The softmax of the cross-entropy runs over the batch; it must run over the classes.",
    ),
    Wrong(lambda s, t, y, T: 0.0 * s.sum(), "The cross-entropy with the labels is missing."),
    Wrong(
        lambda s, t, y, T: hard_part(s, y) / s.shape[1],
        "The cross-entropy is divided by the number of classes as well; it is a mean over the batch only.",
    ),
]

WEIGHTS = [
    Wrong(
        lambda soft, hard, T, alpha: (1 - alpha) * soft + alpha * hard,
        "alpha weights the wrong term: alpha belongs to the soft term, 1 − alpha to the cross-entropy.",
    ),
    Wrong(
        lambda soft, hard, T, alpha: alpha * soft + hard,
        "The cross-entropy has the weight 1; it needs 1 − alpha.",
    ),
    Wrong(
        lambda soft, hard, T, alpha: soft + (1 - alpha) * hard,
        "The soft term has the weight 1; it needs alpha.",
    ),
    Wrong(
        lambda soft, hard, T, alpha: soft + hard,
        "alpha is not used: the soft term needs the weight alpha, the cross-entropy 1 − alpha.",
    ),
    Wrong(
        lambda soft, hard, T, alpha: (soft + hard) / 2, "Both terms have the weight 1/2, whatever alpha is."
    ),
    Wrong(
        lambda soft, hard, T, alpha: alpha * (soft + hard),
        "Both terms have the weight alpha; the cross-entropy needs 1 − alpha.",
    ),
    Wrong(
        lambda soft, hard, T, alpha: alpha * soft - (1 - alpha) * hard,
        "The cross-entropy has the wrong sign.",
    ),
]

# The value is right, the gradient is not.
DETACHED = [
    Wrong(
        lambda s, t, y, T, alpha: alpha * soft_part(s.detach(), t, T) + (1 - alpha) * hard_part(s, y),
        "The student is detached in the soft term, so that the teacher teaches nothing.",
    ),
    Wrong(
        lambda s, t, y, T, alpha: alpha * soft_part(s, t, T) + (1 - alpha) * hard_part(s.detach(), y),
        "The student is detached in the cross-entropy, so that the labels teach nothing.",
    ),
]

EXCHANGED = [
    Wrong(
        lambda s, t, y, T, alpha: kd_loss(t, s, y, T, alpha),
        "Student and teacher are exchanged: the first argument is the student's logits.",
    ),
    Wrong(
        lambda s, t, y, T, alpha: kd_loss(s, t, y, alpha, T),
        "T and alpha are exchanged: the order is (student_logits, teacher_logits, labels, T, alpha).",
    ),
]


def bounded(size: float) -> Wrong:
    def soft(s: Tensor, t: Tensor, T: float) -> Tensor:
        p, q = softmax(t.detach() / T), softmax(s / T)
        return T * T * (p * ((p + size).log() - (q + size).log())).sum(1).mean()

    return Wrong(
        soft,
        f"A small number such as {size:g} is added before the logarithm, or the probabilities are clamped. "
        "For confident networks the loss is then too small and its gradient vanishes: use `log_softmax`.",
    )


def loss_mistakes() -> Iterator[Wrong]:
    """Single mistakes, then two together."""
    parts = {"soft": SOFT, "hard": HARD, "weigh": WEIGHTS}
    yield from single_mistakes(_loss, parts)
    yield from DETACHED + EXCHANGED
    for size in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15):
        function, sentence = bounded(size)
        yield Wrong(partial(_loss, soft=function), sentence)
    yield from double_mistakes(_loss, parts)


def _loss(
    s: Tensor, t: Tensor, y: Tensor, T: float, alpha: float,
    soft: Callable[..., Tensor] = soft_part,
    hard: Callable[..., Tensor] = lambda s, t, y, T: hard_part(s, y),
    weigh: Callable[..., Tensor] = lambda soft, hard, T, alpha: alpha * soft + (1 - alpha) * hard,
) -> Tensor:  # fmt: skip
    return weigh(soft(s, t, T), hard(s, t, y, T), T, alpha)
