"""Losses for Transformers of text: scores of attention, attention, hidden states; padding never counts.

Conventions: the student comes before the teacher; B texts of L tokens at most; a mask (B, L) says which
tokens are real (1) and which padding (0); no gradient reaches the teacher or the mask; natural logarithms;
the result is a 0-dimensional tensor in the student's dtype.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from kdcourse.losses._checks import check_pair, values_are_free
from kdcourse.losses._numerics import unit, wide_pair


def attention_score_loss(student_scores: Tensor, teacher_scores: Tensor, mask: Tensor) -> Tensor:
    r"""TinyBERT attention: squared difference of scores before the softmax, between real tokens.

    .. math:: \frac{\sum_b \sum_h \sum_{i,j} m_{bi} \, m_{bj} \left(s_{bhij} - t_{bhij}\right)^2}
                   {heads \cdot \sum_b \left(\sum_i m_{bi}\right)^2}

    with s and t the scaled products of queries and keys. A pair counts if both its query i and its key j are
    real; what stands elsewhere never counts, be it -1e4, -inf or NaN, and gets a zero gradient. One mean is
    taken over all heads and all real pairs of the batch together, so a long text counts for more than a
    short one. A batch without a single real token gives zero, with a graph.

    Args:
        student_scores: s, shape (B, heads, L, L).
        teacher_scores: t, shape (B, heads, L, L); a constant.
        mask: m, shape (B, L), 1 (or True) for a real token and 0 for padding; bool, integer or float.

    Returns:
        0-dimensional tensor, in squared units of scores.

    Raises:
        ValueError: wrong or unequal shapes (the numbers of heads must agree), an empty tensor, a mask with
            other values than 0 and 1. (On a GPU the mask's values are not looked at, so that nothing waits
            for it.)

    Source:
        Jiao, Yin, Shang, Jiang, Chen, Li, Wang & Liu, "TinyBERT: Distilling BERT for Natural Language
        Understanding", Findings of EMNLP 2020, section 3.1. The authors' code adds -1e4 at padded keys, sets
        what is below -100 to zero on both sides and averages over all pairs, so padding dilutes the loss, and
        padded queries count.

    Lecture:
        11_language, section 2.

    >>> import torch
    >>> student, teacher = torch.zeros(1, 1, 2, 2), torch.tensor([[[[3.0, -1e4], [7.0, -1e4]]]])
    >>> attention_score_loss(student, teacher, torch.tensor([[1, 0]])).item()  # the second token is padding
    9.0
    """
    pairs = _real_pairs(student_scores, teacher_scores, mask)
    student, teacher = wide_pair(student_scores, teacher_scores)
    # Masked before the square: -inf, NaN and their gradients end here.
    difference = torch.where(pairs, student - teacher, 0.0)
    count = student.shape[1] * pairs.sum().clamp(min=1)
    return (difference.square().sum() / count).to(student_scores.dtype)


def attention_distribution_loss(student_scores: Tensor, teacher_scores: Tensor, mask: Tensor) -> Tensor:
    r"""MobileBERT attention: divergence of where the heads look, for each real query.

    .. math:: \frac{1}{heads \sum_{b,i} m_{bi}} \sum_{b,h,i} m_{bi} \sum_j p_{bhij}
              \log \frac{p_{bhij}}{q_{bhij}}, \qquad
              p_{bhi} = \mathrm{softmax}_{j: m_{bj} = 1}(t_{bhi}), \quad q \text{ likewise from } s

    Unlike `attention_score_loss` it does not see a constant added to all scores of a query, which the softmax
    does not see either. What stands in the row of a padded query or at a padded key never counts, be it -1e4,
    -inf or NaN, and gets a zero gradient. One mean is taken over all heads and real queries of the batch
    together. A batch without a single real token gives zero, with a graph.

    Args:
        student_scores: s, before the softmax, shape (B, heads, L, L): query i, key j.
        teacher_scores: t, shape (B, heads, L, L); a constant.
        mask: m, shape (B, L), 1 (or True) for a real token and 0 for padding; bool, integer or float.

    Returns:
        0-dimensional tensor in nats, >= 0.

    Raises:
        ValueError: as for `attention_score_loss`.

    Source:
        Sun, Yu, Song, Liu, Yang & Zhou, "MobileBERT: a Compact Task-Agnostic BERT for Resource-Limited
        Devices", ACL 2020, section 3.3 (attention transfer).

    Lecture:
        11_language, section 2.

    >>> import torch
    >>> student, teacher = torch.zeros(1, 1, 2, 2), torch.tensor([[[[1.0, 3.0], [5.0, 5.0]]]]).log()
    >>> mask = torch.tensor([[1, 1]])  # the first query: KL((1/4, 3/4) || (1/2, 1/2)); the second: zero
    >>> round(attention_distribution_loss(student, teacher, mask).item(), 4)
    0.0654
    """
    pairs = _real_pairs(student_scores, teacher_scores, mask)
    student, teacher = wide_pair(student_scores, teacher_scores)
    # Filled in before the softmax: -inf, NaN and their gradients end here.
    lowest = torch.finfo(student.dtype).min
    log_q, log_p = (F.log_softmax(torch.where(pairs, x, lowest), dim=-1) for x in (student, teacher))
    terms = torch.where(pairs, log_p.exp() * (log_p - log_q), 0.0)
    count = student.shape[1] * pairs.any(dim=-1).sum().clamp(min=1)
    return (terms.sum() / count).to(student_scores.dtype)


def hidden_state_loss(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    r"""TinyBERT hidden states (and embeddings): mean squared difference over the real tokens.

    .. math:: \frac{\sum_{b,i} m_{bi} \, \| s_{bi} - t_{bi} \|^2}{D \sum_{b,i} m_{bi}}

    A student of another width comes through a learned linear map first (``nn.Linear``). What stands at padded
    tokens never counts, be it NaN, and gets a zero gradient. One mean is taken over all real tokens of the
    batch. A batch without a single real token gives zero, with a graph.

    Args:
        student: s, shape (B, L, D).
        teacher: t, shape (B, L, D); a constant.
        mask: m, shape (B, L), 1 (or True) for a real token and 0 for padding; bool, integer or float.

    Returns:
        0-dimensional tensor, in squared units of the hidden states.

    Raises:
        ValueError: wrong or unequal shapes, an empty tensor, a mask with other values than 0 and 1 (looked at
            on the CPU only).

    Source:
        Jiao et al., "TinyBERT: Distilling BERT for Natural Language Understanding", Findings of EMNLP 2020,
        section 3.1. The authors' code averages over padding as well.

    Lecture:
        11_language, section 2.

    >>> import torch
    >>> student, teacher = torch.zeros(1, 2, 2), torch.tensor([[[1.0, 3.0], [50.0, 50.0]]])
    >>> hidden_state_loss(student, teacher, torch.tensor([[1, 0]])).item()  # (1 + 9) / 2
    5.0
    """
    student_states, teacher_states, real = _real_states(student, teacher, mask)
    difference = student_states - teacher_states
    count = student.shape[2] * real.sum().clamp(min=1)
    return (difference.square().sum() / count).to(student.dtype)


def hidden_cosine_loss(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    r"""DistilBERT's cosine loss: the angle between hidden states, over the real tokens.

    .. math:: \frac{\sum_{b,i} m_{bi} \, (1 - \cos(s_{bi}, t_{bi}))}{\sum_{b,i} m_{bi}}

    A hidden state of zeros has no direction: its cosine is taken as zero, its gradient as zero. What stands
    at padded tokens never counts, be it NaN, and gets a zero gradient. A batch without a single real token
    gives zero, with a graph.

    Args:
        student: s, shape (B, L, D); DistilBERT has the teacher's width.
        teacher: t, shape (B, L, D); a constant.
        mask: m, shape (B, L), 1 (or True) for a real token and 0 for padding; bool, integer or float.

    Returns:
        0-dimensional tensor without unit, in [0, 2].

    Raises:
        ValueError: as for `hidden_state_loss`.

    Source:
        Sanh, Debut, Chaumond & Wolf, "DistilBERT, a distilled version of BERT: smaller, faster, cheaper and
        lighter", EMC2 workshop at NeurIPS 2019, section 3 ("cosine embedding loss").

    Lecture:
        11_language, section 2.

    >>> import torch
    >>> student, teacher = torch.tensor([[[1.0, 0.0], [1.0, 1.0]]]), torch.tensor([[[0.0, 5.0], [2.0, 2.0]]])
    >>> round(hidden_cosine_loss(student, teacher, torch.tensor([[1, 1]])).item(), 4)  # (1 + 0) / 2
    0.5
    """
    student_states, teacher_states, real = _real_states(student, teacher, mask)
    apart = 1 - (unit(student_states) * unit(teacher_states)).sum(dim=-1)
    return (torch.where(real, apart, 0.0).sum() / real.sum().clamp(min=1)).to(student.dtype)


def _real_pairs(student_scores: Tensor, teacher_scores: Tensor, mask: Tensor) -> Tensor:
    """Check scores and mask; (B, 1, L, L) bool, where both query and key are real."""
    check_pair(student_scores, teacher_scores, ("student_scores", "teacher_scores"), "(B, heads, L, L)")
    batch, _, queries, keys = student_scores.shape
    if queries != keys:
        raise ValueError(
            f"student_scores: expected shape (B, heads, L, L), got {tuple(student_scores.shape)}"
        )
    _check_mask(mask, (batch, keys))
    real = mask == 1
    return (real[:, :, None] & real[:, None, :])[:, None]


def _real_states(student: Tensor, teacher: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Check hidden states and mask; both states with zeros at padding, and where tokens are real (B, L)."""
    check_pair(student, teacher, ("student", "teacher"), "(B, L, D)")
    _check_mask(mask, tuple(student.shape[:2]))
    real = mask == 1
    # Masked before anything is computed: NaN and its gradient end here.
    pair = (torch.where(real[:, :, None], x, 0.0) for x in wide_pair(student, teacher))
    return *pair, real


def _check_mask(mask: Tensor, shape: tuple[int, int]) -> None:
    """Require a (B, L) tensor of zeros and ones of any real dtype (its values: where looking is free)."""
    if not isinstance(mask, Tensor) or mask.is_complex():
        got = f"{mask.dtype}" if isinstance(mask, Tensor) else type(mask).__name__
        raise ValueError(f"mask: expected a tensor of zeros and ones, got {got}")
    if mask.shape != shape:
        raise ValueError(f"mask: expected shape {shape} to go with the student, got {tuple(mask.shape)}")
    if values_are_free(mask) and not ((mask == 0) | (mask == 1)).all():
        low, high = mask.min().item(), mask.max().item()
        raise ValueError(
            f"mask: expected 1 for real tokens and 0 for padding, got values from {low:g} to {high:g}"
        )
