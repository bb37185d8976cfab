"""Known mistakes of losses between Transformers, most of them about padding, and what to say about each."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from kdcourse.grading.formulas.texts import hidden, over_pairs, over_tokens, scores, squared
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import with_parts
from kdcourse.grading.module_task import frozen


def ratio(sums: Tensor, counts: Tensor) -> Tensor:
    return sums / counts.clamp(min=1)


COMPARES = [
    Wrong(lambda a, b: (a - b).abs(), "These are absolute differences (`l1_loss`); square them."),
    Wrong(lambda a, b: squared(a, b) / 2, "There is a factor 1/2 too much."),
    Wrong(lambda a, b: -squared(a, b), "The sign is wrong."),
    Wrong(lambda a, b: a - b, "The differences are not squared."),
    Wrong(
        lambda a, b: F.smooth_l1_loss(a, b, reduction="none"),
        "This is `smooth_l1_loss`; square the differences.",
    ),
    Wrong(lambda a, b: squared(a, b).sqrt(), "These are absolute differences; square them."),
    Wrong(lambda a, b: squared(a.detach(), b) + 0 * a, "The student's side is detached: nothing learns."),
    Wrong(lambda a, b: 0 * a, "The loss is always 0."),
]

PAIRS = "a pair counts if its query *and* its key are real."
WEIGHS = [
    Wrong(lambda m: torch.ones_like(m)[:, :, None] * torch.ones_like(m)[:, None], f"Padding counts: {PAIRS}"),
    Wrong(
        lambda m: torch.ones_like(m)[:, :, None] * m[:, None],
        f"Padded *queries* count: only keys are masked, as for the softmax. But {PAIRS}",
    ),
    Wrong(
        lambda m: m[:, :, None] * torch.ones_like(m)[:, None],
        f"Padded *keys* count: only queries are masked. But {PAIRS}",
    ),
    Wrong(
        lambda m: ((m[:, :, None] + m[:, None]) > 0).to(m.dtype),
        f"A pair counts if one of its two tokens is real (`|`); {PAIRS}",
    ),
    Wrong(
        lambda m: (1 - m)[:, :, None] * (1 - m)[:, None],
        f"The mask is the wrong way round, 1 stands for a real token: {PAIRS}",
    ),
    Wrong(
        lambda m: 1 - m[:, :, None] * m[:, None],
        f"The mask is the wrong way round, 1 stands for a real token: {PAIRS}",
    ),
    Wrong(
        lambda m: torch.tril(m[:, :, None] * m[:, None]),
        f"Only keys up to the query's place count; here {PAIRS}",
    ),
    Wrong(
        lambda m: m[:, :, None] * m[:, None] * (1 - torch.eye(m.shape[1], dtype=m.dtype)),
        f"Pairs of a token with itself are left out; {PAIRS}",
    ),
]

ONE_MEAN = (
    "take one mean over all heads and all real pairs of the batch: divide by heads · Σ_b (real tokens of b)²."
)


def picked(each: Tensor, w: Tensor) -> Tensor:
    return torch.where(w[:, None] > 0, each, 0.0)


def by_query(each: Tensor, w: Tensor, m: Tensor) -> Tensor:
    sums = picked(each, w).sum(3).mean(1)  # (B, L)
    return ratio(sums, m.sum(1, keepdim=True)).sum() / m.sum().clamp(min=1)


AVERAGES = [
    Wrong(
        lambda each, w, m: picked(each, w).mean(),
        "Padded pairs add nothing, but they are counted in the mean, so that padding dilutes the loss; "
        f"{ONE_MEAN}",
    ),
    Wrong(
        lambda each, w, m: ratio(picked(each, w).sum((1, 2, 3)), each.shape[1] * w.sum((1, 2))).mean(),
        "This is a mean over texts of each text's mean, in which a short text weighs as much as a long one; "
        + ONE_MEAN,
    ),
    Wrong(
        lambda each, w, m: picked(each, w).sum() / w.sum().clamp(min=1),
        f"The heads are summed: a mask (B, 1, L, L) counts each pair once, not once a head; {ONE_MEAN}",
    ),
    Wrong(lambda each, w, m: picked(each, w).sum(), f"Everything is summed; {ONE_MEAN}"),
    Wrong(lambda each, w, m: picked(each, w).sum() / len(each), f"The sum is divided by B only; {ONE_MEAN}"),
    Wrong(
        lambda each, w, m: picked(each, w).sum() / (len(each) * each.shape[1]),
        f"The sum is divided by B · heads only; {ONE_MEAN}",
    ),
    Wrong(
        lambda each, w, m: picked(each, w).sum() / (each.shape[1] * m.sum().clamp(min=1)),
        f"The sum is divided by the number of real *tokens*, not of pairs; {ONE_MEAN}",
    ),
    Wrong(
        lambda each, w, m: picked(each, w).sum() / m.sum().clamp(min=1),
        f"The sum is divided by the number of real *tokens*, not of pairs and heads; {ONE_MEAN}",
    ),
    Wrong(
        lambda each, w, m: picked(each, w).sum() / (each.shape[1] * m.sum().square().clamp(min=1)),
        "The sum is divided by the square of all real tokens of the batch; square in each text, then "
        f"add; {ONE_MEAN}",
    ),
    Wrong(
        lambda each, w, m: picked(each, w).sum() / (each.shape[1] * w.sum() + 1),
        f"1 is added to the number of pairs; use `clamp(min=1)` against 0/0, and else {ONE_MEAN}",
    ),
    Wrong(
        lambda each, w, m: picked(each, w).sum() / (each.shape[1] * each.shape[2] * m.sum().clamp(min=1)),
        f"For each real query all L keys are counted in the mean; {ONE_MEAN}",
    ),
    Wrong(
        lambda each, w, m: by_query(each, w, m),
        "This is a mean over queries of each query's mean over its keys, in which a short text's pairs "
        "weigh "
        f"more; {ONE_MEAN}",
    ),
    Wrong(
        lambda each, w, m: over_pairs(each, w, m).sqrt(),
        "The square root of the mean is taken; leave it out.",
    ),
    Wrong(
        lambda each, w, m: over_pairs(each, w, m) / len(each), f"The loss is divided by B as well; {ONE_MEAN}"
    ),
    Wrong(
        lambda each, w, m: over_pairs(each, w, m) / each.shape[1],
        f"The loss is divided by the heads twice; {ONE_MEAN}",
    ),
]


def softmaxes(s: Tensor, t: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    low = (m == 0)[:, None, None, :].expand_as(s)
    return tuple(x.masked_fill(low, -1e30).softmax(3) for x in (s, t))


PREPARES = [
    Wrong(
        softmaxes,
        "The softmax is taken first; here the scores themselves are compared, *before* the softmax.",
    ),
    Wrong(
        lambda s, t, m: (s.softmax(3), t.softmax(3)),
        "The softmax is taken first; here the scores themselves are compared, *before* the softmax.",
    ),
    Wrong(
        lambda s, t, m: tuple(x.mean(1, keepdim=True).expand_as(s) for x in (s, t)),
        "The heads are averaged before they are compared; compare head by head.",
    ),
    Wrong(lambda s, t, m: (s, t.mT), "Queries and keys of one side are exchanged (a transpose)."),
    Wrong(
        lambda s, t, m: (s / s.shape[3] ** 0.5, t / s.shape[3] ** 0.5),
        "The scores are scaled again; they come scaled.",
    ),
    Wrong(lambda s, t, m: (s, 0 * t), "The teacher's scores do not enter."),
    Wrong(lambda s, t, m: (s, t.flip(1)), "Heads are compared in another order; head h belongs to head h."),
    Wrong(
        lambda s, t, m: tuple(torch.where(x <= -100, 0.0, x) for x in (s, t)),
        "Scores up to −100 are set to 0, as in the authors' code, which finds padding by its value; the "
        "mask says which "
        "pairs count, whatever their scores.",
    ),
]


def score_mistakes() -> Iterator[Wrong]:
    parts = {"weigh": WEIGHS, "average": AVERAGES, "compare": COMPARES, "prepare": PREPARES}
    # A mean over everything has two causes that cannot be told apart: weights and average.
    yield Wrong(
        lambda s, t, m: F.mse_loss(s, t.detach()),
        f"The mask is not used, and padding counts: {PAIRS}",
    )
    for pad in (1, 0):
        yield Wrong(
            lambda s, t, m, pad=pad: official(s, t.detach(), m, pad),
            f"As in the authors' code, padded keys are set to 0 and all pairs are averaged; {PAIRS} And "
            f"{ONE_MEAN}",
        )
    yield Wrong(
        kl_of_softmax,
        "This is the divergence of the softmaxes, as in MobileBERT; here scores are compared by squares.",
    )
    yield from with_parts(scores, parts)


def official(s: Tensor, t: Tensor, m: Tensor, by_key: int) -> Tensor:
    keep = (m == 1)[:, None, None, :] if by_key else (m == 1)[:, None, :, None]
    return F.mse_loss(torch.where(keep, s, 0.0), torch.where(keep, t, 0.0))


def kl_of_softmax(s: Tensor, t: Tensor, mask: Tensor) -> Tensor:
    m = (mask == 1).to(s.dtype)
    low = (m == 0)[:, None, None, :]
    log_q, log_p = (x.masked_fill(low, -1e30).log_softmax(3) for x in (s, t.detach()))
    terms = torch.where(low, 0.0, log_p.exp() * (log_p - log_q)).sum(3)
    return (terms * m[:, None]).sum() / (s.shape[1] * m.sum())


# --- hidden states ---

TOKENS = "only real tokens count, those with mask 1."
TOKEN_MEAN = "take one mean over the features and all real tokens of the batch: divide by D · Σ mask."


def kept(each: Tensor, w: Tensor) -> Tensor:
    return torch.where(w[:, :, None] > 0, each, 0.0)


TOKEN_WEIGHS = [
    Wrong(lambda m: torch.ones_like(m), f"Padding counts: {TOKENS}"),
    Wrong(lambda m: 1 - m, f"The mask is the wrong way round: {TOKENS}"),
    Wrong(
        lambda m: F.one_hot(torch.zeros(len(m), dtype=torch.long), m.shape[1]).to(m.dtype),
        f"Only the first token counts; {TOKENS.removeprefix('only ')}",
    ),
    Wrong(
        lambda m: m * (torch.arange(m.shape[1]) > 0),
        "The first token is left out; it is a token like any other.",
    ),
]

TOKEN_AVERAGES = [
    Wrong(
        lambda each, w, m: kept(each, w).mean(),
        "Padded tokens add nothing, but they are counted in the mean, so that padding dilutes the loss; "
        f"{TOKEN_MEAN}",
    ),
    Wrong(
        lambda each, w, m: kept(each, w).sum() / w.sum().clamp(min=1),
        f"The features are summed: a mask (B, L, 1) counts each token once, not once a feature; {TOKEN_MEAN}",
    ),
    Wrong(
        lambda each, w, m: ratio(kept(each, w).sum((1, 2)), each.shape[2] * w.sum(1)).mean(),
        "This is a mean over texts of each text's mean, in which a short text weighs as much as a long "
        "one; " + TOKEN_MEAN,
    ),
    Wrong(lambda each, w, m: kept(each, w).sum(), f"Everything is summed; {TOKEN_MEAN}"),
    Wrong(lambda each, w, m: kept(each, w).sum() / len(each), f"The sum is divided by B only; {TOKEN_MEAN}"),
    Wrong(
        lambda each, w, m: kept(each, w).sum() / (len(each) * each.shape[2]),
        f"The sum is divided by B · D, while the tokens are summed; {TOKEN_MEAN}",
    ),
    Wrong(
        lambda each, w, m: kept(each, w).sum() / (each.shape[2] * w.sum() + 1),
        f"1 is added to the count; use `clamp(min=1)` against 0/0, and else {TOKEN_MEAN}",
    ),
    Wrong(
        lambda each, w, m: over_tokens(each, w, m).sqrt(),
        "The square root of the mean is taken; leave it out.",
    ),
    Wrong(
        lambda each, w, m: over_tokens(each, w, m) / len(each),
        f"The loss is divided by B as well; {TOKEN_MEAN}",
    ),
    Wrong(
        lambda each, w, m: ratio(kept(each, w).sum(2).clamp(min=1e-30).sqrt().sum(), w.sum()),
        "This is the mean *norm* of the differences; square and average the elements.",
    ),
]


def of_text(x: Tensor, m: Tensor) -> Tensor:
    """Each token's place taken by the mean of its text's real tokens."""
    means = (x * m[:, :, None]).sum(1) / m.sum(1, keepdim=True).clamp(min=1)
    return means[:, None].expand_as(x)


TOKEN_PREPARES = [
    Wrong(
        lambda p, t, m: (F.normalize(p, dim=2), F.normalize(t, dim=2)),
        "The hidden states are normalised before they are compared; compare them as they are.",
    ),
    Wrong(
        lambda p, t, m: tuple(of_text(x, m) for x in (p, t)),
        "The tokens of a text are averaged before they are compared; compare token by token.",
    ),
    Wrong(lambda p, t, m: (p, 0 * t), "The teacher's states do not enter."),
    Wrong(lambda p, t, m: (p.relu(), t), "A ReLU is put on the projection's result; the task has none."),
    Wrong(
        lambda p, t, m: (p.softmax(2), t.softmax(2)),
        "A softmax is taken first; compare the states themselves.",
    ),
]


def zeros_first(s: Tensor, t: Tensor, mask: Tensor, projection: Callable) -> Tensor:
    real = (mask == 1)[:, :, None]
    s, t = (torch.where(real, x, 0.0) for x in (s, t.detach()))
    return (projection(s) - t).square().sum() / (t.shape[2] * real.sum().clamp(min=1))


def of_angles(s: Tensor, t: Tensor, mask: Tensor, projection: Callable) -> Tensor:
    m = (mask == 1).to(s.dtype)
    apart = 1 - F.cosine_similarity(projection(s), t.detach(), dim=2)
    return torch.where(m > 0, apart, 0.0).sum() / m.sum().clamp(min=1)


def hidden_mistakes() -> Iterator[Wrong]:
    parts = {
        "weigh": TOKEN_WEIGHS, "average": TOKEN_AVERAGES, "compare": COMPARES, "prepare": TOKEN_PREPARES
    }  # fmt: skip
    yield Wrong(
        lambda s, t, m, p: F.mse_loss(p(s), t.detach()), f"The mask is not used, and padding counts: {TOKENS}"
    )
    yield from with_parts(hidden, parts)
    yield Wrong(
        lambda s, t, m, p: hidden(s, t, m, lambda x: x) + 0 * p(s).sum(),
        "The projection is not used: compare `projection(student)` with the teacher's states.",
    )
    yield Wrong(
        zeros_first,
        "The padded states are set to 0 before the projection, whose bias brings them back; mask the "
        "*differences*.",
    )
    yield Wrong(of_angles, "This is DistilBERT's cosine loss; the task has the squared difference.")
    # The value is right, the gradient is not.
    yield Wrong(
        lambda s, t, m, p: hidden(s.detach(), t, m, p),
        "The student's states are detached: the projection learns, and the student does not.",
    )
    yield Wrong(
        lambda s, t, m, p: hidden(s, t, m, frozen(p)),
        "No gradient reaches the projection's parameters: it stays random. Is it detached or frozen?",
    )
