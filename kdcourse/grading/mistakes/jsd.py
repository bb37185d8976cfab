"""Known mistakes of `generalized_jsd`, some of them made in published code, and what to say about each.

R. Agarwal et al. (2024), section 2. A loss here is made of three parts, one between the ends and one for each
end, because they go wrong by themselves.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import kl, log_softmax, softmax
from kdcourse.grading.function_task import Wrong

Middle = Callable[[Tensor, Tensor, float], Tensor]


def mixture(lt: Tensor, ls: Tensor, beta: float) -> Tensor:
    """log(beta p_t + (1 - beta) p_s)"""
    return torch.logaddexp(lt + math.log(beta), ls + math.log1p(-beta))


def inside(s: Tensor, t: Tensor, beta: float, middle: Middle = mixture) -> Tensor:
    """The formula between the ends, each row."""
    lt, ls = log_softmax(t.detach()), log_softmax(s)
    m = middle(lt, ls, beta)
    return beta * kl(lt, m) + (1 - beta) * kl(ls, m)


def forward_kl(s: Tensor, t: Tensor) -> Tensor:
    return kl(log_softmax(t.detach()), log_softmax(s))


def reverse_kl(s: Tensor, t: Tensor) -> Tensor:
    return kl(log_softmax(s), log_softmax(t.detach()))


def jsd_of(between: Callable = inside, at_0: Callable = forward_kl, at_1: Callable = reverse_kl) -> Callable:
    """The whole loss, with some of its three parts replaced."""

    def loss(s: Tensor, t: Tensor, beta: float) -> Tensor:
        rows = at_0(s, t) if beta == 0 else at_1(s, t) if beta == 1 else between(s, t, beta)
        return rows.mean()

    return loss


generalized_jsd = jsd_of()


def nothing(s: Tensor, t: Tensor) -> Tensor:
    return 0.0 * s.sum(1)


def _between(weigh: Callable[..., Tensor], middle: Middle = mixture) -> Callable[..., Tensor]:
    """Another formula between the ends, of (log p_t, log p_s, log m, beta)."""

    def rows(s: Tensor, t: Tensor, beta: float) -> Tensor:
        lt, ls = log_softmax(t.detach()), log_softmax(s)
        return weigh(lt, ls, middle(lt, ls, beta), beta)

    return rows


def exchanged(lt: Tensor, ls: Tensor, beta: float) -> Tensor:
    return mixture(ls, lt, beta)


def half(lt: Tensor, ls: Tensor, beta: float) -> Tensor:
    return mixture(lt, ls, 0.5)


def geometric(lt: Tensor, ls: Tensor, beta: float) -> Tensor:
    return beta * lt + (1 - beta) * ls


BETWEEN = [
    (
        _between(lambda lt, ls, m, b: b * kl(lt, m) + (1 - b) * kl(ls, m), exchanged),
        "The weights inside the mixture are exchanged: beta belongs to the teacher, m = beta·p_t + (1 − "
        "beta)·p_s. "
        "At beta = 1/2 nobody would notice.",
    ),
    (
        _between(lambda lt, ls, m, b: (1 - b) * kl(lt, m) + b * kl(ls, m)),
        "The weights of the two divergences are exchanged: beta·KL(p_t‖m) + (1 − beta)·KL(p_s‖m).",
    ),
    (
        _between(lambda lt, ls, m, b: (1 - b) * kl(lt, m) + b * kl(ls, m), exchanged),
        "beta weights the student and 1 − beta the teacher, in the mixture and outside. It belongs to the "
        "teacher in both places. (Or are the two arguments exchanged? The student comes first.)",
    ),
    (
        _between(lambda lt, ls, m, b: b * kl(m, lt) + (1 - b) * kl(m, ls)),
        "The divergences point the wrong way, KL(m‖p). `kl_div(input, target)` computes KL(target‖input): "
        "m is "
        "the input, as logarithms, and p the target.",
    ),
    (
        _between(lambda lt, ls, m, b: b * kl(m, lt) + (1 - b) * kl(ls, m)),
        "The teacher's divergence points the wrong way: KL(p_t‖m), not KL(m‖p_t).",
    ),
    (
        _between(lambda lt, ls, m, b: b * kl(lt, m) + (1 - b) * kl(m, ls)),
        "The student's divergence points the wrong way: KL(p_s‖m), not KL(m‖p_s).",
    ),
    (
        _between(lambda lt, ls, m, b: (kl(lt, m) + kl(ls, m)) / 2, half),
        "beta is not used: this is the Jensen-Shannon divergence with two halves.",
    ),
    (
        _between(lambda lt, ls, m, b: b * kl(lt, m) + (1 - b) * kl(ls, m), half),
        "The mixture has two halves; it needs beta: m = beta·p_t + (1 − beta)·p_s.",
    ),
    (
        _between(lambda lt, ls, m, b: (kl(lt, m) + kl(ls, m)) / 2),
        "The two divergences are averaged with the weight 1/2; they need beta and 1 − beta.",
    ),
    (
        _between(lambda lt, ls, m, b: kl(lt, m) + kl(ls, m)),
        "The two divergences have no weights; they need beta and 1 − beta.",
    ),
    (_between(lambda lt, ls, m, b: b * kl(lt, m)), "The student's term (1 − beta)·KL(p_s‖m) is missing."),
    (_between(lambda lt, ls, m, b: (1 - b) * kl(ls, m)), "The teacher's term beta·KL(p_t‖m) is missing."),
    (_between(lambda lt, ls, m, b: kl(lt, m)), "Only KL(p_t‖m) is there, without its weight and its "
                                               "partner."),
    (_between(lambda lt, ls, m, b: kl(ls, m)), "Only KL(p_s‖m) is there, without its weight and its "
                                               "partner."),
    (
        _between(lambda lt, ls, m, b: b * kl(lt, ls) + (1 - b) * kl(ls, lt)),
        "This is a mean of the two divergences between student and teacher; both must be taken to the "
        "mixture m.",
    ),
    (
        _between(lambda lt, ls, m, b: (1 - b) * kl(lt, ls) + b * kl(ls, lt)),
        "This slides from KL(p_t‖p_s) to KL(p_s‖p_t); between the ends both divergences are taken to the "
        "mixture m.",
    ),
    (_between(lambda lt, ls, m, b: kl(lt, ls)), "beta and the mixture are not used: this is KL(p_t‖p_s)."),
    (_between(lambda lt, ls, m, b: kl(ls, lt)), "beta and the mixture are not used: this is KL(p_s‖p_t)."),
    (
        _between(lambda lt, ls, m, b: b * kl(lt, m) + (1 - b) * kl(ls, m), geometric),
        "The mixture is made of log-probabilities; mix the probabilities: log m = log(beta·p_t + (1 − "
        "beta)·p_s).",
    ),
    (
        _between(
            lambda lt, ls, m, b: b * kl(lt, m) + (1 - b) * kl(ls, m),
            lambda lt, ls, b: log_softmax(geometric(lt, ls, b)),
        ),
        "The mixture is made of logits (or log-probabilities); mix the probabilities: m = beta·p_t + (1 − "
        "beta)·p_s.",
    ),
    (
        _between(
            lambda lt, ls, m, b: b * kl(lt, m) + (1 - b) * kl(ls, m),
            lambda lt, ls, b: torch.logaddexp(lt, ls),
        ),
        "The mixture is p_t + p_s without weights, and so no probability.",
    ),
    (
        _between(lambda lt, ls, m, b: -b * (lt.exp() * m).sum(1) - (1 - b) * (ls.exp() * m).sum(1)),
        "These are cross-entropies with the mixture; a divergence subtracts the entropy of p_t and of p_s: "
        "Σ p (log p − log m).",
    ),
    (
        _between(lambda lt, ls, m, b: (b * kl(lt, m) + (1 - b) * kl(ls, m)).sqrt()),
        "The square root is taken (the Jensen-Shannon *distance*); the task is the divergence.",
    ),
    (
        _between(lambda lt, ls, m, b: (b * kl(lt, m) + (1 - b) * kl(ls, m)) / (b * (1 - b))),
        "The loss is divided by beta·(1 − beta); the task has no such factor.",
    ),
    (
        _between(lambda lt, ls, m, b: (b * kl(lt, m) + (1 - b) * kl(ls, m)) / b),
        "The loss is divided by beta; the task has no such factor.",
    ),
    (
        _between(
            lambda lt, ls, m, b: b * (lt.exp() * (lt - m.exp())).sum(1)
            + (1 - b) * (ls.exp() * (ls - m.exp())).sum(1)
        ),
        "`kl_div` gets the mixture's probabilities; it wants their logarithm there.",
    ),
]  # fmt: skip


def jsd_mistakes() -> Iterator[Wrong]:
    right = generalized_jsd
    at_ends = {
        "The two ends are exchanged: beta = 0 is KL(p_t‖p_s), beta = 1 is "
        "KL(p_s‖p_t).": (reverse_kl, forward_kl),
        "At beta = 0 the loss is KL(p_t‖p_s), the loss of plain distillation; yours is KL(p_s‖p_t).": (
            reverse_kl, reverse_kl,
        ),
        "At beta = 1 the loss is KL(p_s‖p_t); yours is KL(p_t‖p_s).": (forward_kl, forward_kl),
        "At beta = 0 and beta = 1 the formula gives 0 whatever the student does, and so no gradient. The "
        "ends "
        "have formulas of their own.": (nothing, nothing),
        "At beta = 0 the formula gives 0 whatever the student does; there the loss is KL(p_t‖p_s).": (
            nothing, reverse_kl,
        ),
        "At beta = 1 the formula gives 0 whatever the student does; there the loss is KL(p_s‖p_t).": (
            forward_kl, nothing,
        ),
    }  # fmt: skip
    for sentence, (at_0, at_1) in at_ends.items():
        yield Wrong(jsd_of(inside, at_0, at_1), sentence)
    for between, sentence in BETWEEN:
        yield Wrong(jsd_of(between), sentence)
    yield Wrong(
        lambda s, t, b: right(t, s, b),
        "Student and teacher are exchanged: the first argument is the student's logits.",
    )
    for between, sentence in BETWEEN:
        yield Wrong(jsd_of(between, nothing, nothing), sentence)
        yield Wrong(jsd_of(between, reverse_kl, forward_kl), sentence + " And the two ends are exchanged.")
    yield Wrong(
        lambda s, t, b: right(s, t, b) / s.shape[1],
        "This is exactly 1/C of ours: `reduction='mean'` divides by B·C. Sum over the classes and take "
        "the mean "
        "over the batch only: `reduction='batchmean'`.",
    )
    yield Wrong(
        lambda s, t, b: right(s, t, b) * len(s),
        "The loss is a sum over the batch; take the mean over the samples.",
    )

    def over_the_batch(s: Tensor, t: Tensor, b: float) -> Tensor:
        lt, ls = log_softmax(t.detach(), 0), log_softmax(s, 0)
        m = mixture(lt, ls, b) if 0 < b < 1 else lt
        rows = kl(lt, ls) if b == 0 else kl(ls, lt) if b == 1 else b * kl(lt, m) + (1 - b) * kl(ls, m)
        return rows.mean()

    yield Wrong(
        over_the_batch, "The softmax runs over the batch (`dim=0`); it must run over the classes (`dim=1`)."
    )
    yield Wrong(lambda s, t, b: -right(s, t, b), "The sign is wrong: a divergence is never negative.")
    yield Wrong(lambda s, t, b: 2 * right(s, t, b), "There is a factor 2 too much.")
    yield Wrong(lambda s, t, b: right(s, t, b) / 2, "There is a factor 1/2 too much.")
    yield Wrong(
        lambda s, t, b: right(s, t, b) / math.log(2),
        "The logarithm has base 2; losses here use natural logarithms.",
    )
    yield Wrong(
        lambda s, t, b: 0.0 * s.sum(), "The loss is always 0: do both sides come from the same logits?"
    )
    yield Wrong(
        lambda s, t, b: s.sum() * float("nan"),
        "The value is NaN on ordinary logits. Does `kl_div` get log-probabilities as its target? It wants "
        "probabilities, or `log_target=True`.",
    )
    # The value is right, the gradient is not.
    # (A mixture that is detached is no mistake. The slope along m is (beta p_t + (1 - beta) p_s) / m = 1 for
    # every class, and probabilities cannot all grow.)
    yield Wrong(
        jsd_of(_between(lambda lt, ls, m, b: b * kl(lt, m) + (1 - b) * kl(ls.detach(), m))),
        "The student is detached in KL(p_s‖m), in front of the bars; the gradient runs through it there "
        "as well.",
    )
    yield Wrong(
        jsd_of(_between(lambda lt, ls, m, b: b * kl(lt, m) + (1 - b) * kl(ls, m).detach())),
        "The student's term is detached as a whole.",
    )
    yield Wrong(
        jsd_of(_between(lambda lt, ls, m, b: b * kl(lt, m).detach() + (1 - b) * kl(ls, m))),
        "The teacher's term is detached as a whole; the student is in its m.",
    )
    yield Wrong(
        jsd_of(at_1=lambda s, t: reverse_kl(s.detach(), t) + 0.0 * s.sum(1)),
        "At beta = 1 the gradient is cut.",
    )
    for size in (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-20, 1e-30):
        for padded in (_padded, _clamped):
            ends = [_ends(padded, size, reverse) for reverse in (False, True)]
            for between in (inside, lambda s, t, b, padded=padded, size=size: _inside(padded, size, s, t, b)):
                yield Wrong(
                    jsd_of(between, *ends),
                    f"A small number such as {size:g} is added before the logarithm, or the probabilities "
                    "are "
                    "clamped. Where the networks are sure, the loss is then too small and its gradient "
                    "vanishes: "
                    "use `log_softmax`.",
                )


def _padded(p: Tensor, size: float) -> Tensor:
    return (p + size).log()


def _clamped(p: Tensor, size: float) -> Tensor:
    return p.clamp(min=size).log()


def _ends(log: Callable, size: float, reverse: bool) -> Callable:
    def rows(s: Tensor, t: Tensor) -> Tensor:
        p, q = softmax(t.detach()), softmax(s)
        p, q = (q, p) if reverse else (p, q)
        return (p * (log(p, size) - log(q, size))).sum(1)

    return rows


def _inside(log: Callable, size: float, s: Tensor, t: Tensor, beta: float) -> Tensor:
    p, q = softmax(t.detach()), softmax(s)
    m = beta * p + (1 - beta) * q
    return sum(
        weight * (x * (log(x, size) - log(m, size))).sum(1) for weight, x in ((beta, p), (1 - beta, q))
    )
