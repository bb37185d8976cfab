"""Known mistakes of soft targets at many places (edges of boxes, pixels), and what to say about each.

Of T there are functions of (s, t, T), which give both sides' logits and the factor; of the divergence there
are functions of (log p, log q) of teacher and student, which give what each class adds.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from kdcourse.grading.formulas.dense import kl_terms
from kdcourse.grading.function_task import Wrong

SOFTENED = [
    Wrong(
        lambda s, t, T: (s / T, t / T, 1.0),
        "The factor T² is missing. Without it the loss fades as T grows: its gradient goes with 1/T².",
    ),
    Wrong(lambda s, t, T: (s / T, t / T, T), "The loss is multiplied by T; it needs T²."),
    Wrong(lambda s, t, T: (s / T, t / T, T**-2), "The loss is divided by T²; multiply by it."),
    Wrong(lambda s, t, T: (s / T, t / T, T**4), "The factor T² is applied twice."),
    Wrong(lambda s, t, T: (s / T, t / T, T**3), "The loss is multiplied by T³; it needs T²."),
    Wrong(lambda s, t, T: (s / T, t / T, 1 / T), "The loss is divided by T; multiply it by T²."),
    Wrong(
        lambda s, t, T: (s, t / T, T * T),
        "Only the teacher's logits are divided by T; the student's need the same temperature.",
    ),
    Wrong(
        lambda s, t, T: (s / T, t, T * T),
        "Only the student's logits are divided by T; the teacher's need the same temperature.",
    ),
    Wrong(
        lambda s, t, T: (s, t, T * T), "T² is there, but the logits are not divided by T before the softmax."
    ),
    Wrong(lambda s, t, T: (s, t, 1.0), "The temperature is not used."),
    Wrong(
        lambda s, t, T: (s, t / T, 1.0),
        "Only the teacher's logits are divided by T, and the factor T² is missing.",
    ),
    Wrong(
        lambda s, t, T: (s / T, t, 1.0),
        "Only the student's logits are divided by T, and the factor T² is missing.",
    ),
    Wrong(lambda s, t, T: (s * T, t * T, T * T), "The logits are multiplied by T; divide by it."),
    Wrong(
        lambda s, t, T: (s / T, t * T, T * T),
        "The teacher's logits are multiplied by T; both sides are divided by it.",
    ),
    Wrong(
        lambda s, t, T: (s / T**0.5, t / T**0.5, T * T),
        "The logits are divided by the root of T; divide by T.",
    ),
    Wrong(lambda s, t, T: (s / T**2, t / T**2, T * T), "The logits are divided by T²; divide by T."),
    *[
        Wrong(
            lambda s, t, T, fixed=fixed, factor=factor: (s / fixed, t / fixed, factor(T, fixed)),
            f"The temperature is fixed at {fixed:g}; use the argument T.",
        )
        for fixed in (2.0, 3.0, 4.0, 5.0, 10.0)
        for factor in (lambda T, fixed: fixed * fixed, lambda T, fixed: T * T, lambda T, fixed: 1.0)
    ],
]


def jensen_shannon(log_p: Tensor, log_q: Tensor) -> Tensor:
    log_m = ((log_p.exp() + log_q.exp()) / 2).log()
    return (kl_terms(log_p, log_m) + kl_terms(log_q, log_m)) / 2


def hard_terms(axis: int) -> Callable[[Tensor, Tensor], Tensor]:
    def terms(log_p: Tensor, log_q: Tensor) -> Tensor:
        best = log_p.argmax(axis, keepdim=True)
        return -log_q * torch.zeros_like(log_q).scatter(axis, best, 1.0)

    return terms


def bounded(size: float) -> Wrong:
    def terms(log_p: Tensor, log_q: Tensor) -> Tensor:
        p, q = log_p.exp(), log_q.exp()
        return p * ((p + size).log() - (q + size).log())

    return Wrong(
        terms,
        f"A small number such as {size:g} is added before the logarithm, or the probabilities are clamped. "
        "For confident networks the loss is then too small and its gradient vanishes: use `log_softmax`.",
    )


def divergences(axis: int) -> list[Wrong]:
    return [
        Wrong(
            lambda log_p, log_q: kl_terms(log_q, log_p),
            "The two distributions are exchanged: this is KL(student‖teacher). `kl_div(input, target)` "
            "computes KL(target‖input), and `input` is the student's log-probabilities.",
        ),
        Wrong(
            lambda log_p, log_q: -log_p.exp() * log_q,
            "This is the soft cross-entropy. Its gradient is right, but the value is larger by the teacher's "
            "entropy: subtract it, so that the loss is 0 where the student agrees.",
        ),
        Wrong(
            lambda log_p, log_q: log_p.exp() * (log_p - log_q.exp()),
            "`kl_div` gets the student's probabilities; it wants log-probabilities there: `log_softmax`.",
        ),
        Wrong(
            lambda log_p, log_q: log_p.exp() * (log_p - log_q.exp().log_softmax(axis)),
            "The student's side has two softmaxes, one after the other; `log_softmax` of the logits is "
            "enough.",
        ),
        Wrong(
            lambda log_p, log_q: log_q * float("nan"),
            "The value is NaN on ordinary logits. Does `kl_div` get log-probabilities as its target? It "
            "wants probabilities, or `log_target=True`.",
        ),
        Wrong(
            lambda log_p, log_q: (log_p.exp() - log_q.exp()).square(),
            "This is a squared error between probabilities (`mse_loss`); the task is KL.",
        ),
        Wrong(
            lambda log_p, log_q: (log_p - log_q).square(),
            "This is a squared error between log-probabilities; the task is KL.",
        ),
        Wrong(
            lambda log_p, log_q: (log_p.exp() - log_q.exp()).abs(),
            "These are absolute differences of probabilities; the task is KL.",
        ),
        Wrong(
            hard_terms(axis),
            "The teacher's answer is made hard with `argmax`; use all its probabilities, at temperature T.",
        ),
        Wrong(lambda log_p, log_q: 0 * log_q, "The loss is always 0: are both sides the same logits?"),
        Wrong(
            lambda log_p, log_q: kl_terms(log_p, log_q) / torch.log(torch.tensor(2.0, dtype=log_q.dtype)),
            "The logarithm has base 2; losses here use natural logarithms.",
        ),
        Wrong(jensen_shannon, "This is the Jensen-Shannon divergence; the task is KL(teacher‖student)."),
        Wrong(
            lambda log_p, log_q: kl_terms(log_p, log_q) + kl_terms(log_q, log_p),
            "Both directions are added up; the task is KL(teacher‖student) alone.",
        ),
        Wrong(
            lambda log_p, log_q: (kl_terms(log_p, log_q) + kl_terms(log_q, log_p)) / 2,
            "This is the mean of both directions; the task is KL(teacher‖student) alone.",
        ),
        Wrong(lambda log_p, log_q: -kl_terms(log_p, log_q), "The loss has the wrong sign."),
        Wrong(
            lambda log_p, log_q: kl_terms(log_p, log_q).clamp(min=0),
            "Negative terms are set to 0. Single classes may well add less than 0; only their sum cannot.",
        ),
        Wrong(
            lambda log_p, log_q: kl_terms(log_p, log_q).abs(),
            "The absolute value of each class's term is taken; only their sum is not negative.",
        ),
        Wrong(
            lambda log_p, log_q: log_p - log_q,
            "The differences of log-probabilities are not weighted with the teacher's probabilities.",
        ),
        *[bounded(size) for size in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15)],
    ]  # fmt: skip
