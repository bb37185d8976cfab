"""Generated texts of different lengths, for Transformers that train in seconds."""

from __future__ import annotations

from operator import index as to_int
from typing import NamedTuple

import torch
from torch import Tensor

from kdcourse.data._checks import check_least


class SequenceSet(NamedTuple):
    """Texts with their labels.

    tokens: (N, length) int64; 0 is padding and stands at the end only.
    labels: (N,) int64, 0 or 1.

    Lecture:
        11_language, section 1, through `draw_sequences`.
    """

    tokens: Tensor
    labels: Tensor


def draw_sequences(
    n: int, *, seed: int, length: int = 16, shortest: int = 6, vocabulary: int = 12
) -> SequenceSet:
    """Draw n texts that ask: does the token 1 (A) come before the token 2 (B)?

    Each text holds one A and one B at random places, and other tokens, 3 to vocabulary - 1, everywhere else.
    Its length is uniform between `shortest` and `length`; padding fills the rest. Both labels are equally
    probable, and the text's length says nothing about them.

    n: number of texts.
    length, shortest: of a text; at least 2.
    vocabulary: number of different tokens, with padding.

    The first m of n texts are those of ``draw_sequences(m, ...)``.

    Raises ValueError for numbers out of range.

    Lecture:
        11_language, section 1.

    >>> texts = draw_sequences(3, seed=0)
    >>> texts.tokens.shape, bool((texts.tokens == 1).sum(1).eq(1).all())
    (torch.Size([3, 16]), True)
    """
    check_least(n=(n, 1), seed=(seed, 0), shortest=(shortest, 2), length=(length, shortest))
    check_least(vocabulary=(vocabulary, 4))
    # Numbers of one text are drawn together: this makes a short draw the start of a long one.
    draws = torch.rand(
        n, length + 3, generator=torch.Generator().manual_seed(to_int(seed)), dtype=torch.float64
    )
    lengths = shortest + ((length - shortest + 1) * draws[:, 0]).long()
    first = (lengths * draws[:, 1]).long()
    second = ((lengths - 1) * draws[:, 2]).long()
    second += second >= first  # any other place, each equally probable
    tokens = 3 + ((vocabulary - 3) * draws[:, 3:]).long()
    rows = torch.arange(n)
    tokens[rows, first], tokens[rows, second] = 1, 2
    tokens[torch.arange(length) >= lengths[:, None]] = 0
    return SequenceSet(tokens, (first < second).long())
