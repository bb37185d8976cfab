"""Losses of Transformers over real tokens, in float64 and put together from parts that a known mistake
exchanges."""

from collections.abc import Callable

import torch
from torch import Tensor

Part = Callable[..., Tensor]


def same(s: Tensor, t: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    return s, t


def squared(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square()


# --- scores (B, heads, L, L): parts are functions of the mask m (B, L) of ones and zeros, and of a weight ---


def both_real(m: Tensor) -> Tensor:
    return m[:, :, None] * m[:, None, :]


def over_pairs(each: Tensor, w: Tensor, m: Tensor) -> Tensor:
    """Of (B, heads, L, L) numbers, those with weight (B, L, L), as one mean."""
    picked = torch.where(w[:, None] > 0, each, 0.0)
    return picked.sum() / (each.shape[1] * w.sum().clamp(min=1))


def scores(
    s: Tensor, t: Tensor, mask: Tensor,
    prepare: Part = same, compare: Part = squared, weigh: Part = both_real, average: Part = over_pairs,
) -> Tensor:  # fmt: skip
    m = (mask == 1).to(s.dtype)
    w = weigh(m)
    counted = (w > 0)[:, None].expand_as(s)
    # What does not count is made 0 first, so that neither -inf nor its gradient gets further.
    s, t = (torch.where(counted, x, 0.0) for x in (s, t.detach()))
    s, t = prepare(s, t, m)
    return average(compare(s, t), w, m)


# --- hidden states (B, L, D) ---


def real(m: Tensor) -> Tensor:
    return m


def over_tokens(each: Tensor, w: Tensor, m: Tensor) -> Tensor:
    """Of (B, L, D) numbers, those with weight (B, L), as one mean."""
    picked = torch.where(w[:, :, None] > 0, each, 0.0)
    return picked.sum() / (each.shape[2] * w.sum().clamp(min=1))


def hidden(
    s: Tensor, t: Tensor, mask: Tensor, projection: Callable,
    prepare: Part = same, compare: Part = squared, weigh: Part = real, average: Part = over_tokens,
) -> Tensor:  # fmt: skip
    m = (mask == 1).to(s.dtype)
    w = weigh(m)
    p, t = prepare(projection(s), t.detach(), m)
    return average(compare(p, t), w, m)
