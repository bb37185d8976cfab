"""Known mistakes of `self_distillation_loss` and `dml_losses`, and what to say about each.

Both are made of soft terms and cross-entropies, whose own mistakes are those of `kd_loss`.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import hard_part, kl, log_softmax, soft_part, softmax
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.kd_loss import HARD, SOFT, bounded
from kdcourse.grading.mistakes.parts import double_mistakes, single_mistakes

SIZES = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15)  # that people add before a logarithm


def _told(mistakes: Sequence[Wrong], who: str) -> list[Wrong]:
    """Mistakes of `kd_loss`, with a word on who is teacher and student here."""
    return [
        Wrong(function, f"{sentence} ({who})" if "teacher" in sentence or "student" in sentence else sentence)
        for function, sentence in mistakes
    ]


# --- self_distillation_loss: of the exits as one tensor (E, B, C) ---

WHO = "Here the deepest exit is the teacher, and each of the others a student."


def live_soft_part(s: Tensor, t: Tensor, T: float) -> Tensor:
    """Without a detached target."""
    return T * T * kl(log_softmax(t / T), log_softmax(s / T)).mean()


def deepest(z: Tensor, e: int) -> Tensor:
    return z[-1]


def added_up(hard: list[Tensor], soft: list[Tensor], alpha: float) -> Tensor:
    return hard[-1] + (1 - alpha) * sum(hard[:-1]) + alpha * sum(soft)


def self_distillation(
    z: Tensor, y: Tensor, T: float, alpha: float,
    soft: Callable[..., Tensor] = soft_part,
    hard: Callable[..., Tensor] = lambda s, t, y, T: hard_part(s, y),
    teach: Callable[[Tensor, int], Tensor] = deepest,
    add: Callable[..., Tensor] = added_up,
) -> Tensor:  # fmt: skip
    shallow = range(len(z) - 1)
    return add(
        [hard(z[e], z[-1], y, T) for e in range(len(z))],
        [soft(z[e], teach(z, e), T) for e in shallow],
        alpha,
    )


SUMS = [
    Wrong(
        lambda h, s, a: (1 - a) * sum(h) + a * sum(s),
        "The deepest exit's cross-entropy is weighted with 1 − alpha as well. It has no teacher, so its "
        "weight is 1.",
    ),
    Wrong(
        lambda h, s, a: sum(h) + a * sum(s),
        "Every exit's cross-entropy has the weight 1; all but the deepest need 1 − alpha.",
    ),
    Wrong(
        lambda h, s, a: h[-1] + a * sum(h[:-1]) + (1 - a) * sum(s),
        "alpha weights the wrong term: alpha belongs to the soft terms, 1 − alpha to the cross-entropies of "
        "the shallow exits.",
    ),
    Wrong(
        lambda h, s, a: a * sum(h) + (1 - a) * sum(s),
        "alpha weights the wrong term (it belongs to the soft terms), and the deepest exit's cross-entropy "
        "has a weight as well; its weight is 1.",
    ),
    Wrong(
        lambda h, s, a: added_up(h, s, a) / len(h),
        "This is the mean over the exits; the convention here is their sum.",
    ),
    Wrong(
        lambda h, s, a: ((1 - a) * sum(h) + a * sum(s)) / len(h),
        "This is the mean over the exits, with 1 − alpha at the deepest one too; take the sum, with weight 1 "
        "at the deepest.",
    ),
    Wrong(
        lambda h, s, a: (1 - a) * sum(h) / len(h) + a * sum(s) / len(s),
        "The cross-entropies are averaged over the exits and the soft terms over the shallow ones; add them "
        "up, with weight 1 at the deepest exit's cross-entropy.",
    ),
    Wrong(
        lambda h, s, a: h[-1] + (added_up(h, s, a) - h[-1]) / len(s),
        "The shallow exits are averaged; the convention here is the sum over the exits.",
    ),
    Wrong(
        lambda h, s, a: h[-1] + (1 - a) * sum(h[:-1]) + a * sum(s) / len(s),
        "The soft terms are averaged over the shallow exits; add them up.",
    ),
    Wrong(
        lambda h, s, a: h[-1] + (1 - a) * sum(h[:-1]) + a * sum(s) / len(h),
        "The soft terms are divided by the number of exits; add them up.",
    ),
    Wrong(
        lambda h, s, a: h[-1] + (1 - a) * sum(h[:-1]) / len(s) + a * sum(s),
        "The cross-entropies of the shallow exits are averaged; add them up.",
    ),
    Wrong(
        lambda h, s, a: sum(h) / len(h) + a * sum(s) / len(s),
        "The exits are averaged, and their cross-entropies are not weighted; take the sum, with 1 − alpha at "
        "all but the deepest.",
    ),
    Wrong(
        lambda h, s, a: sum(h) + sum(s),
        "alpha is not used: the shallow exits need 1 − alpha and alpha, the deepest weight 1.",
    ),
    Wrong(
        lambda h, s, a: h[-1] + (1 - a) * sum(h[:-1]) + sum(s),
        "The soft terms have the weight 1; they need alpha.",
    ),
    Wrong(
        lambda h, s, a: h[-1] + a * sum(s),
        "The cross-entropies of the shallow exits are missing: each exit learns from the labels too, with "
        "1 − alpha.",
    ),
    Wrong(
        lambda h, s, a: (1 - a) * sum(h[:-1]) + a * sum(s),
        "The deepest exit's cross-entropy is missing: the teacher of all others would learn nothing.",
    ),
    Wrong(
        lambda h, s, a: (1 - a) * h[-1] + a * sum(s),
        "The cross-entropies of the shallow exits are missing, and the deepest one has the weight 1 − alpha.",
    ),
    Wrong(
        lambda h, s, a: h[-1] + (1 - a) * sum(h[:-1]),
        "The soft terms are missing: no exit learns from the deepest one.",
    ),
    Wrong(lambda h, s, a: sum(h), "This is the sum of the cross-entropies only; the soft terms are missing."),
    Wrong(lambda h, s, a: h[-1], "Only the deepest exit's cross-entropy is there."),
    Wrong(
        lambda h, s, a: h[-1] + (1 - a) * h[0] + a * s[0],
        "Only one shallow exit takes part, the first. Does a `return` stand inside the loop?",
    ),
    Wrong(
        lambda h, s, a: h[-1] + (1 - a) * h[-2] + a * s[-1],
        "Only one shallow exit takes part, the last before the deepest. Does each turn of the loop overwrite "
        "the sum?",
    ),
    Wrong(
        lambda h, s, a: h[-1] + (1 - a) * sum(h[1:-1]) + a * sum(s[1:]),
        "The first exit is left out; all exits but the deepest are shallow.",
    ),
    Wrong(
        lambda h, s, a: h[-1] + (1 - a) * sum(h[:-2]) + a * sum(s[:-1]),
        "The last exit before the deepest is left out: the loop ends one exit too early.",
    ),
    Wrong(
        lambda h, s, a: h[-1] + (1 - a) * sum(h[:-1]) + a * s[-1],
        "Only one exit has a soft term, the last before the deepest; every shallow exit needs one.",
    ),
    Wrong(
        lambda h, s, a: h[-1] + (1 - a) * sum(h[:-1]) + a * s[0],
        "Only one exit has a soft term, the first; every shallow exit needs one.",
    ),
    Wrong(
        lambda h, s, a: added_up(h, s, a) + (1 - a) * h[-1],
        "The deepest exit's cross-entropy is counted twice, with 1 − alpha in the loop and with 1 outside. "
        "Leave it out of the loop.",
    ),
    Wrong(
        lambda h, s, a: added_up(h, s, a) + h[-1],
        "The deepest exit's cross-entropy is counted twice; its weight is 1.",
    ),
    Wrong(
        lambda h, s, a: added_up(h, s, a) + (len(s) - 1) * h[-1],
        "The deepest exit's cross-entropy is added once for each shallow exit; it belongs outside the loop.",
    ),
    Wrong(
        lambda h, s, a: a * h[-1] + (1 - a) * sum(h[:-1]) + a * sum(s),
        "The deepest exit's cross-entropy has the weight alpha; its weight is 1.",
    ),
    Wrong(
        lambda h, s, a: h[-1] + a * (sum(h[:-1]) + sum(s)),
        "The shallow exits' cross-entropies have the weight alpha; they need 1 − alpha.",
    ),
    Wrong(
        lambda h, s, a: h[-1] + (sum(h[:-1]) + sum(s)) / 2,
        "The shallow exits' terms have the weight 1/2, whatever alpha is.",
    ),
    Wrong(lambda h, s, a: h[-1] + (1 - a) * sum(h[:-1]) - a * sum(s), "The soft terms have the wrong sign."),
]


def _again_and_again(hard: list[Tensor], soft: list[Tensor], alpha: float) -> Tensor:
    total = hard[-1]
    for h, s in zip(hard[:-1], soft, strict=True):
        total = (1 - alpha) * (total + h) + alpha * s
    return total


SUMS.append(
    Wrong(
        _again_and_again,
        "The loop weights the sum so far with 1 − alpha, again in each turn; weight each exit's own "
        "cross-entropy only.",
    )
)
TWICE = Wrong(
    lambda s, t, T: T * T * kl(log_softmax(softmax(t.detach()) / T), log_softmax(s / T)).mean(),
    "The deepest exit's softmax is taken twice; take it once, of its logits divided by T.",
)
TEACHERS = [
    Wrong(
        lambda z, e: z[e + 1],
        "Each exit learns from the next one; all learn from the deepest, the best informed.",
    ),
    Wrong(lambda z, e: z[0], "The exits learn from the first exit, the shallowest; the teacher is the last."),
    Wrong(lambda z, e: z[e - 1], "Each exit learns from the one before it; the teacher is the deepest one."),
    Wrong(
        lambda z, e: z.mean(0),
        "The exits learn from the mean of all logits; the teacher is the deepest exit alone.",
    ),
    Wrong(
        lambda z, e: z[:-1].mean(0),
        "The exits learn from the mean of the shallow logits; the teacher is the deepest exit alone.",
    ),
]


def _all_pairs(z: Tensor, y: Tensor, T: float, alpha: float) -> Tensor:
    pairs = [soft_part(z[i], z[j], T) for i in range(len(z)) for j in range(i + 1, len(z))]
    return added_up([hard_part(s, y) for s in z], pairs, alpha)


def self_distillation_mistakes() -> Iterator[Wrong]:
    soft, hard = [*_told(SOFT, WHO), TWICE], _told(HARD, WHO)
    parts = {"add": SUMS, "teach": TEACHERS, "soft": soft, "hard": hard}
    yield Wrong(
        partial(self_distillation, soft=live_soft_part),
        "The deepest exit gets a gradient from the soft terms: it is pulled towards the worse exits. Its "
        "prediction is a target there, so use `exits[-1].detach()` in the KL, and only there.",
    )
    yield from single_mistakes(self_distillation, parts)
    yield Wrong(
        lambda z, y, T, alpha: self_distillation(z.flip(0), y, T, alpha),
        "The order of the exits is reversed: the deepest is the last of the list, `exits[-1]`.",
    )
    yield Wrong(
        lambda z, y, T, alpha: self_distillation(z, y, alpha, T),
        "T and alpha are exchanged: the order is (exits, labels, T, alpha).",
    )
    yield Wrong(
        _all_pairs, "Each exit learns from every deeper one; all learn from the deepest exit alone, once."
    )
    # The value is right, the gradient is not.
    yield Wrong(
        lambda z, y, T, alpha: self_distillation(torch.cat([z[:-1], z[-1:].detach()]), y, T, alpha),
        "The deepest exit is detached in its cross-entropy as well, so that it learns nothing at all. "
        "Detach it in the KL terms only.",
    )
    yield Wrong(
        partial(self_distillation, soft=lambda s, t, T: soft_part(s.detach(), t, T)),
        "The shallow exits are detached in the soft terms, so that the deepest one teaches nothing.",
    )
    yield Wrong(
        partial(self_distillation, soft=lambda s, t, T: live_soft_part(s.detach(), t, T)),
        "The wrong side is detached in the soft terms: the deepest exit is the constant, the shallow ones "
        "learn.",
    )
    yield Wrong(
        lambda z, y, T, alpha: self_distillation(torch.cat([z[:-1].detach(), z[-1:]]), y, T, alpha),
        "The shallow exits are detached: only the deepest one learns.",
    )
    yield Wrong(
        lambda z, y, T, alpha: self_distillation(
            z, y, T, alpha, hard=lambda s, t, y, T: hard_part(s if s is t else s.detach(), y)
        ),
        "The shallow exits are detached in their cross-entropies, so that the labels teach them nothing.",
    )
    for size in SIZES:
        function, sentence = bounded(size)
        yield Wrong(partial(self_distillation, soft=function), sentence)
    live = [Wrong(live_soft_part, "The deepest exit is not detached in the soft terms.")]
    yield from double_mistakes(self_distillation, {"add": SUMS[:16], "soft": [*live, *soft[:15]]})
    yield from double_mistakes(self_distillation, {"teach": TEACHERS, "soft": [*live, *soft[:10]]})
    yield from double_mistakes(self_distillation, {"add": SUMS[:16], "teach": TEACHERS})
    yield from double_mistakes(self_distillation, {"add": SUMS[:8], "hard": hard})


# --- dml_losses: both losses in one tensor of shape (2,) ---

PEER = "In each loss, the net itself is the student and its peer the teacher."


def one_loss(
    z: Tensor, peer: Tensor, y: Tensor,
    soft: Callable[..., Tensor] = soft_part,
    hard: Callable[..., Tensor] = lambda s, t, y, T: hard_part(s, y),
    weigh: Callable[..., Tensor] = lambda soft, hard: hard + soft,
) -> Tensor:  # fmt: skip
    return weigh(soft(z, peer, 1.0), hard(z, peer, y, 1.0))


def mutual(a: Tensor, b: Tensor, y: Tensor, **parts: Callable) -> Tensor:
    return torch.stack([one_loss(a, b, y, **parts), one_loss(b, a, y, **parts)])


BALANCE = [
    Wrong(lambda soft, hard: hard, "The divergences are missing: this is each net's cross-entropy alone."),
    Wrong(lambda soft, hard: soft, "The cross-entropies with the labels are missing."),
    Wrong(
        lambda soft, hard: (soft + hard) / 2, "Both terms have the weight 1/2; here each has the weight 1."
    ),
    Wrong(lambda soft, hard: hard + soft / 2, "The divergence has the weight 1/2; here it has the weight 1."),
    Wrong(lambda soft, hard: hard / 2 + soft, "The cross-entropy has the weight 1/2; its weight is 1."),
    Wrong(lambda soft, hard: hard + 2 * soft, "The divergence is counted twice."),
    Wrong(lambda soft, hard: 2 * hard + soft, "The cross-entropy is counted twice."),
    Wrong(lambda soft, hard: hard - soft, "The divergence has the wrong sign."),
]


def _pair(a: Callable[..., Tensor], b: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The two losses by their own formulas, each of (its logits, the peer's, labels)."""
    return lambda za, zb, y: torch.stack([a(za, zb, y), b(zb, za, y)])


def dml_mistakes() -> Iterator[Wrong]:
    def symmetric(s: Tensor, t: Tensor, T: float) -> Tensor:
        return soft_part(s, t, T) + kl(log_softmax(s), log_softmax(t.detach())).mean()

    def at(T: float) -> Callable[..., Tensor]:
        return lambda s, t, _: soft_part(s, t, T)

    def reverse(s: Tensor, t: Tensor, T: float) -> Tensor:
        return kl(log_softmax(s), log_softmax(t.detach())).mean()

    soft, hard = _told(SOFT, PEER), _told(HARD, PEER)
    live = partial(one_loss, soft=live_soft_part)
    alone = partial(one_loss, weigh=BALANCE[0].function)
    backwards = partial(one_loss, soft=reverse)
    not_detached = (
        "The peer is not detached: {} sends a gradient into the other net, and the second `backward()` fails "
        "unless the graph is retained. `retain_graph=True` only hides it; use `logits.detach()` for the peer."
    )
    yield Wrong(_pair(live, live), not_detached.format("each loss"))
    yield Wrong(_pair(live, one_loss), not_detached.format("loss_a"))
    yield Wrong(_pair(one_loss, live), not_detached.format("loss_b"))
    yield Wrong(
        lambda a, b, y: mutual(a, b, y).flip(0),
        "The two losses are exchanged: loss_a, of `logits_a`, comes first.",
    )
    yield Wrong(
        partial(mutual, soft=reverse),
        "The divergences are exchanged: loss_a needs KL(softmax(b)‖softmax(a)), loss_b the other one. "
        "`kl_div(input, target)` computes KL(target‖input): the net's own log-probabilities are the input, "
        "the peer's probabilities the target.",
    )
    yield Wrong(
        _pair(backwards, one_loss), "loss_a has the divergence of loss_b: it needs KL(softmax(b)‖softmax(a))."
    )
    yield Wrong(
        _pair(one_loss, backwards), "loss_b has the divergence of loss_a: it needs KL(softmax(a)‖softmax(b))."
    )
    for one, other, who in ((one_loss, alone, "loss_b"), (alone, one_loss, "loss_a")):
        yield Wrong(_pair(one, other), f"{who} has no divergence: both nets learn from each other.")
    for one, other, who in ((backwards, alone, "loss_b"), (alone, backwards, "loss_a")):
        yield Wrong(
            _pair(one, other),
            f"{who} has no divergence, and the one of the other loss is exchanged: each loss has "
            "KL(peer‖self).",
        )
    yield Wrong(
        lambda a, b, y: mutual(a, b, y).sum().expand(2),
        "Both results are the sum of the two losses; each net has a loss of its own.",
    )
    yield Wrong(
        lambda a, b, y: mutual(a, b, y).mean().expand(2),
        "Both results are the mean of the two losses; each net has a loss of its own.",
    )
    yield Wrong(
        lambda a, b, y: mutual(a, b, y)[:1].expand(2), "Both results are loss_a; the second one is loss_b."
    )
    yield Wrong(
        lambda a, b, y: mutual(a, b, y)[1:].expand(2), "Both results are loss_b; the first one is loss_a."
    )
    yield Wrong(
        lambda a, b, y: torch.stack([one_loss(a, b, y), one_loss(a, b, y) + one_loss(b, a, y)]),
        "loss_b contains loss_a: the sum goes on from the first net to the second. Each net has its own.",
    )
    yield Wrong(
        lambda a, b, y: mutual(a, b, y) + torch.stack([hard_part(b, y), hard_part(a, y)]),
        "Both cross-entropies stand in each loss; a net's loss has its own alone.",
    )
    for who, other in ((0, "loss_b"), (1, "loss_a")):
        yield Wrong(
            lambda a, b, y, who=who: (
                mutual(a, b, y)
                + torch.stack(
                    [0 * hard_part(b, y), hard_part(a, y)] if who == 0 else [hard_part(b, y), 0 * a.sum()]
                )
            ),
            f"Both cross-entropies stand in {other}; a net's loss has its own alone.",
        )
    yield Wrong(
        partial(mutual, soft=symmetric),
        "Both divergences stand in each loss; each has one, KL(peer‖self).",
    )
    yield Wrong(
        partial(mutual, soft=lambda s, t, T: symmetric(s, t, T) / 2),
        "The divergence is the mean of both directions; each loss has one, KL(peer‖self).",
    )
    for T in (0.5, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 10.0, 20.0):
        for factor, told in ((1.0, ""), (1 / T**2, " (without T²)")):
            yield Wrong(
                partial(mutual, soft=lambda s, t, _, T=T, factor=factor: factor * soft_part(s, t, T)),
                f"The predictions are softened with T = {T:g}{told}; there is no temperature here.",
            )
    # The value is right, the gradient is not.
    yield Wrong(
        partial(mutual, soft=lambda s, t, T: live_soft_part(s.detach(), t, T)),
        "The wrong side is detached: in each loss the *peer* is the constant, and the net itself learns.",
    )
    yield Wrong(
        partial(mutual, soft=lambda s, t, T: soft_part(s.detach(), t, T)),
        "Both sides of the divergences are detached: the nets learn nothing from each other.",
    )
    yield Wrong(
        partial(mutual, hard=lambda s, t, y, T: hard_part(s.detach(), y)),
        "The logits are detached in the cross-entropies, so that the labels teach nothing.",
    )
    yield Wrong(_pair(one_loss, lambda z, p, y: one_loss(z.detach(), p, y)), "loss_b is detached.")
    yield Wrong(_pair(lambda z, p, y: one_loss(z.detach(), p, y), one_loss), "loss_a is detached.")
    parts = {"weigh": BALANCE, "soft": soft, "hard": hard}
    yield from single_mistakes(mutual, parts)
    yield Wrong(
        lambda a, b, y: torch.stack([hard_part((a + b) / 2, y)] * 2),
        "This is the cross-entropy of the averaged logits; each net has a loss of its own.",
    )

    def to_the_mean(s: Tensor, t: Tensor, T: float) -> Tensor:
        return kl(((softmax(s.detach()) + softmax(t.detach())) / 2).log(), log_softmax(s)).mean()

    yield Wrong(
        partial(mutual, soft=to_the_mean),
        "The target is the mean of both predictions; it is the peer's prediction alone.",
    )
    for size in SIZES:
        function, sentence = bounded(size)
        yield Wrong(partial(mutual, soft=function), sentence)
    yield from double_mistakes(mutual, parts)
