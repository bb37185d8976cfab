"""Known mistakes of the loss of network augmentation: H. Cai et al. (2022), section 3."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import hard_part, kl, log_softmax, softmax
from kdcourse.grading.function_task import Wrong


def logits_of(
    w1: Tensor, w2: Tensor, x: Tensor, units: slice, act: Callable[[Tensor], Tensor] = torch.relu
) -> Tensor:
    return act(x @ w1[units].T) @ w2[:, units].T


def first(m: int) -> slice:
    return slice(0, m)


def last(m: int) -> slice:
    return slice(-m, None)


def netaug(
    w1: Tensor, w2: Tensor, x: Tensor, y: Tensor, base: int, aug: int, alpha: float,
    act: Callable[[Tensor], Tensor] = torch.relu,
    ce: Callable[[Tensor, Tensor], Tensor] = hard_part,
    add: Callable[..., Tensor] = lambda b, a, alpha: b + alpha * a,
    of_base: Callable[[int, int, int], slice] = lambda M, base, aug: first(base),
    of_aug: Callable[[int, int, int], slice] = lambda M, base, aug: first(aug),
) -> Tensor:  # fmt: skip
    M = len(w1)
    small = ce(logits_of(w1, w2, x, of_base(M, base, aug), act), y)
    large = ce(logits_of(w1, w2, x, of_aug(M, base, aug), act), y)
    return add(small, large, alpha)


ADDITIONS = [
    (
        lambda b, a, p: p * b + a,
        "alpha weights the wrong term: it belongs to the augmented net's loss. (Or are the two widths "
        "exchanged? The base net's comes first.)",
    ),
    (
        lambda b, a, p: (1 - p) * b + p * a,
        "The base net's loss has the weight 1 − alpha; its weight is 1: this is a sum, not an average.",
    ),
    (
        lambda b, a, p: p * b + (1 - p) * a,
        "The losses are averaged with alpha and 1 − alpha; it is CE(base) + alpha · CE(augmented).",
    ),
    (lambda b, a, p: b + a, "alpha is not used; it weights the augmented net's loss."),
    (lambda b, a, p: (b + a) / 2, "This is the mean of both losses; it is CE(base) + alpha · CE(augmented)."),
    (
        lambda b, a, p: (b + p * a) / 2,
        "The sum of the losses is halved; it is CE(base) + alpha · CE(augmented).",
    ),
    (
        lambda b, a, p: (b + p * a) / (1 + p),
        "The sum is divided by 1 + alpha; it is CE(base) + alpha · CE(augmented).",
    ),
    (lambda b, a, p: p * (b + a), "Both losses have the weight alpha; the base net's has the weight 1."),
    (lambda b, a, p: b + 0 * a, "The augmented net's loss is missing: only the base net is trained."),
    (lambda b, a, p: a + 0 * b, "The base net's loss is missing: only the augmented net is trained."),
    (lambda b, a, p: p * a + 0 * b, "The base net's loss is missing: only the augmented net is trained."),
    (lambda b, a, p: b - p * a, "The augmented net's loss has the wrong sign."),
    (lambda b, a, p: b + p * p * a, "alpha is applied twice to the augmented net's loss."),
    (lambda b, a, p: b + a / p if p else b * float("inf"), "The loss is divided by alpha; multiply by it."),
    (lambda b, a, p: b * a, "The losses are multiplied; add them."),
]
BASES = [
    (lambda M, b, a: last(b), "The base net is the last slice of the weights; it is the first."),
    (lambda M, b, a: slice(a - b, a), "The base net is the last slice of the augmented one, not the first."),
    (lambda M, b, a: first(a), "The base net has the width of the augmented one; its width is `base_width`."),
    (lambda M, b, a: first(M), "The base net uses all hidden units; its width is `base_width`."),
    (lambda M, b, a: slice(1, b + 1), "The base net's slice begins at 1; it begins at 0."),
    (lambda M, b, a: first(b + 1), "The base net is one unit too wide."),
    (lambda M, b, a: first(b - 1), "The base net is one unit too narrow."),
    (lambda M, b, a: slice(0, M, M // b), "The base net takes units at equal distances; it is the first "
                                          "`base_width` units."),
]  # fmt: skip
NO_BASE = (
    "The augmented net does not contain the base net: it shall be the first `aug_width` units, so that the "
    "shared slice gets a gradient from both terms."
)
AUGS = [
    (lambda M, b, a: slice(b, a), NO_BASE + " Yours begins where the base net ends."),
    (lambda M, b, a: slice(b, b + a), NO_BASE + " Yours begins where the base net ends."),
    (lambda M, b, a: slice(b, None), NO_BASE + " Yours is all that the base net leaves."),
    (lambda M, b, a: last(a), "The augmented net is the last slice of the weights; it is the first."),
    (
        lambda M, b, a: first(b + a),
        "The augmented net is `base_width + aug_width` wide; `aug_width` is its whole width.",
    ),
    (lambda M, b, a: first(M), "The augmented net uses all hidden units; its width is `aug_width`."),
    (
        lambda M, b, a: first(b),
        "Both nets have the width of the base net; the augmented one has `aug_width`.",
    ),
    (lambda M, b, a: slice(1, a + 1), "The augmented net's slice begins at 1; it begins at 0."),
    (lambda M, b, a: first(a + 1), "The augmented net is one unit too wide."),
    (lambda M, b, a: first(a - 1), "The augmented net is one unit too narrow."),
]
ACTIVATIONS = [
    (lambda z: z, "The ReLU between the two layers is missing."),
    (torch.sigmoid, "The activation is a sigmoid; it is a ReLU."),
    (torch.tanh, "The activation is a tanh; it is a ReLU."),
    (torch.nn.functional.gelu, "The activation is a GELU; it is a ReLU."),
    (torch.nn.functional.silu, "The activation is a SiLU; it is a ReLU."),
    (
        lambda z: torch.nn.functional.leaky_relu(z, 0.01),
        "The activation is a leaky ReLU; it is a plain ReLU.",
    ),
    (lambda z: z.clamp(0, 6), "The activation is a ReLU6; it is a plain ReLU."),
    (torch.abs, "The activation is an absolute value; it is a ReLU."),
]
ENTROPIES = [
    (lambda z, y: hard_part(z, y) * len(y), "The losses are sums over the batch; take the mean."),
    (
        lambda z, y: hard_part(softmax(z), y),
        "`cross_entropy` is given probabilities; it takes the softmax itself and wants logits.",
    ),
    (
        lambda z, y: -softmax(z)[torch.arange(len(y)), y].mean(),
        "`nll_loss` is given probabilities; it wants log-probabilities. `cross_entropy` takes the logits.",
    ),
    (
        lambda z, y: -log_softmax(z, 0)[torch.arange(len(y)), y].mean(),
        "The softmax runs over the batch; it must run over the classes.",
    ),
    (lambda z, y: hard_part(torch.relu(z), y), "A second ReLU is put on the logits; there is one only."),
    (lambda z, y: hard_part(z, y) / z.shape[1], "The losses are divided by the number of classes as well."),
    (
        lambda z, y: 0.9 * hard_part(z, y) - 0.1 * log_softmax(z).mean(),
        "The labels are smoothed; the task uses them as they are.",
    ),
]


def netaug_mistakes() -> Iterator[Wrong]:
    parts = {
        "add": ADDITIONS, "of_base": BASES, "of_aug": AUGS, "act": ACTIVATIONS, "ce": ENTROPIES,
    }  # fmt: skip

    def exchanged(**chosen: Callable) -> Callable[..., Tensor]:
        return lambda *args: netaug(*args, **chosen)

    for part, mistakes in parts.items():
        for function, sentence in mistakes:
            yield Wrong(exchanged(**{part: function}), sentence)

    def of_nets(combine: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """Of (logits of the base net, of the augmented one, labels, alpha)."""
        return lambda w1, w2, x, y, b, a, p: combine(
            logits_of(w1, w2, x, first(b)), logits_of(w1, w2, x, first(a)), y, p
        )

    def by_parts(combine: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """Of (base weights, those of the rest, x, y, alpha), each a pair (w1, w2)."""
        return lambda w1, w2, x, y, b, a, p: combine((w1[:b], w2[:, :b]), (w1[b:a], w2[:, b:a]), x, y, p)

    def loss(x: Tensor, y: Tensor, *pieces: tuple[Tensor, Tensor]) -> Tensor:
        return hard_part(sum(torch.relu(x @ one.T) @ two.T for one, two in pieces), y)

    def cut(piece: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return piece[0].detach(), piece[1].detach()

    yield Wrong(
        of_nets(lambda b, a, y, p: hard_part(b + p * a, y)),
        "The logits are added; each net has its own cross-entropy.",
    )
    yield Wrong(
        of_nets(lambda b, a, y, p: hard_part((b + a) / 2, y)),
        "The logits are averaged; each net has its own cross-entropy.",
    )
    for direction in (1, -1):
        yield Wrong(
            of_nets(
                lambda b, a, y, p, d=direction: (
                    hard_part(b, y) + p * kl(*[log_softmax(z) for z in (a.detach(), b)][::d]).mean()
                )
            ),
            "The base net learns from the augmented net's predictions; here the augmented net learns from "
            "the labels, and there is no distillation.",
        )
    unscaled = "The hidden units are scaled with the width; they are used as they are."
    for ratio in (lambda M, m, b: m / M, lambda M, m, b: M / m, lambda M, m, b: 1 / m, lambda M, m, b: b / m):

        def scaled(w1: Tensor, w2: Tensor, x: Tensor, y: Tensor, b: int, a: int, p: float, r=ratio) -> Tensor:
            small, large = (hard_part(r(len(w1), m, b) * logits_of(w1, w2, x, first(m)), y) for m in (b, a))
            return small + p * large

        yield Wrong(scaled, unscaled)
    yield Wrong(
        lambda w1, w2, x, y, b, a, p: (
            hard_part(logits_of(w1, w2, x, first(b)), y)
            + p * hard_part(torch.relu(x @ w1[:a].T) @ w2[:, -a:].T, y)
        ),
        "The augmented net takes the *last* columns of `w2`; hidden unit i has row i of `w1` and column i of "
        "`w2`, so that both slices are the first.",
    )
    yield Wrong(
        lambda w1, w2, x, y, b, a, p: (
            hard_part(torch.relu(x @ w1[:b].T) @ w2[:, -b:].T, y)
            + p * hard_part(torch.relu(x @ w1[:a].T) @ w2[:, -a:].T, y)
        ),
        "The nets take the *last* columns of `w2`; hidden unit i has row i of `w1` and column i of `w2`, so "
        "that both slices are the first.",
    )
    dealt_out = (
        "`reshape` and `view` deal the numbers of `w2` out anew, so that classes and units get mixed up. "
        "Take its columns, `w2[:, :m]`, and transpose them with `.T`."
    )
    for columns in (
        lambda w2, m: w2.reshape(-1)[: m * len(w2)].reshape(m, -1).T,
        lambda w2, m: w2.reshape(-1)[: m * len(w2)].reshape(-1, m),
        lambda w2, m: w2.reshape(w2.shape[1], -1)[:m].T,
        lambda w2, m: w2[:, :m].reshape(m, -1).T,
    ):

        def mixed_up(
            w1: Tensor, w2: Tensor, x: Tensor, y: Tensor, b: int, a: int, p: float, columns=columns
        ) -> Tensor:
            small, large = (hard_part(torch.relu(x @ w1[:m].T) @ columns(w2, m).T, y) for m in (b, a))
            return small + p * large

        yield Wrong(mixed_up, dealt_out)
    # The value is right, the gradient is not.
    shared = "the shared slice learns from both terms."
    yield Wrong(
        by_parts(lambda b, r, x, y, p: loss(x, y, b) + p * loss(x, y, cut(b), r)),
        f"The base slice is detached inside the augmented net; {shared}",
    )
    yield Wrong(
        by_parts(lambda b, r, x, y, p: loss(x, y, b) + p * loss(x, y, cut(b), cut(r))),
        "No gradient comes from the augmented net's loss (a copy of the weights, `detach`, `.data`, "
        f"`nn.Parameter(...)` or `no_grad`); {shared}",
    )
    yield Wrong(
        by_parts(lambda b, r, x, y, p: loss(x, y, cut(b)) + p * loss(x, y, b, r)),
        "No gradient comes from the base net's loss (a copy of the weights, `detach`, `.data`, "
        f"`nn.Parameter(...)` or `no_grad`); {shared}",
    )
    yield Wrong(
        by_parts(lambda b, r, x, y, p: loss(x, y, cut(b)) + p * loss(x, y, cut(b), r)),
        f"The base slice is detached in both nets; {shared}",
    )
    yield Wrong(
        by_parts(lambda b, r, x, y, p: loss(x, y, b) + p * loss(x, y, b, cut(r))),
        "The units beyond the base net are detached: the augmented net's own weights learn as well.",
    )
    for place, name in ((0, "w1"), (1, "w2")):

        def half(w1: Tensor, w2: Tensor, *rest: object, place: int = place) -> Tensor:
            return netaug(*((w1.detach(), w2) if place == 0 else (w1, w2.detach())), *rest)

        yield Wrong(half, f"`{name}` is detached: it never learns.")
    for place, name in ((0, "w1"), (1, "w2")):
        for term, which in ((0, "base"), (1, "augmented")):

            def in_one_term(
                w1: Tensor, w2: Tensor, x: Tensor, y: Tensor, b: int, a: int, p: float,
                place: int = place, term: int = term,
            ) -> Tensor:  # fmt: skip
                cut = (w1.detach(), w2) if place == 0 else (w1, w2.detach())
                weights = [cut if i == term else (w1, w2) for i in (0, 1)]
                small, large = (
                    hard_part(logits_of(*pair, x, first(m)), y)
                    for pair, m in zip(weights, (b, a), strict=True)
                )
                return small + p * large

            yield Wrong(in_one_term, f"`{name}` is detached in the {which} net's loss; it learns from both.")

        def base_in_large(
            w1: Tensor, w2: Tensor, x: Tensor, y: Tensor, b: int, a: int, p: float, place: int = place
        ) -> Tensor:
            base, rest = (w1[:b], w2[:, :b]), (w1[b:a], w2[:, b:a])
            fixed = (base[0].detach(), base[1]) if place == 0 else (base[0], base[1].detach())
            return loss(x, y, base) + p * loss(x, y, fixed, rest)

        yield Wrong(
            base_in_large, f"The base slice of `{name}` is detached inside the augmented net; {shared}"
        )
    groups = list(parts.items())
    for i, (one, mistakes) in enumerate(groups):
        for other, others in groups[i + 1 :]:
            for function, sentence in mistakes:
                for second, more in others:
                    yield Wrong(
                        exchanged(**{one: function, other: second}), f"Two things. {sentence} And: {more}"
                    )
