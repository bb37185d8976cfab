"""Attention scores of Transformers of text: plain loops, sums by hand, and masks."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_tools import gradient, raises
from torch import nn

from kdcourse.losses import attention_score_loss

some = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)
INF, NAN = math.inf, math.nan


def several(number, *shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(number, *shape, generator=generator, dtype=torch.float64).unbind()


def loop_scores(student, teacher, mask):
    total, count = 0.0, 0
    heads, length = student.shape[1:3]
    for b, real in enumerate(mask.tolist()):
        for h in range(heads):
            for i in range(length):
                for j in range(length):
                    if real[i] and real[j]:
                        total += (student[b, h, i, j].item() - teacher[b, h, i, j].item()) ** 2
                        count += 1
    return total / count if count else 0.0


MASKS = {
    "padded": [[1, 1, 1], [1, 0, 0]],
    "full": [[1, 1, 1], [1, 1, 1]],
    "one text is empty": [[0, 0, 0], [1, 1, 0]],
    "a hole": [[1, 0, 1], [0, 1, 1]],
    "all padding": [[0, 0, 0], [0, 0, 0]],
}


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_attention_scores_agree_with_a_plain_loop(mask, heads):
    student, teacher = several(2, 2, heads, 3, 3)
    mask = torch.tensor(mask)
    got = attention_score_loss(student, teacher, mask)
    assert got.item() == pytest.approx(loop_scores(student, teacher, mask), rel=1e-12)


def test_attention_scores_by_hand():
    student = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]], [[[5.0, 0.0], [0.0, 0.0]]]])
    teacher = torch.zeros_like(student)
    assert attention_score_loss(student, teacher, torch.ones(2, 2)).item() == (1 + 4 + 9 + 16 + 25) / 8
    # Four pairs of the first text, one of the second, in one mean: not (30 / 4 + 25) / 2.
    assert attention_score_loss(student, teacher, torch.tensor([[1, 1], [1, 0]])).item() == (30 + 25) / 5
    assert attention_score_loss(student, teacher, torch.tensor([[0, 1], [0, 0]])).item() == 16


def test_masks_of_any_dtype():
    student, teacher = several(2, 2, 2, 3, 3)
    mask = torch.tensor(MASKS["padded"])
    expected = attention_score_loss(student, teacher, mask)
    for dtype in (torch.bool, torch.uint8, torch.int32, torch.float16, torch.float32, torch.float64):
        assert torch.equal(attention_score_loss(student, teacher, mask.to(dtype)), expected)


@pytest.mark.parametrize("junk", [-INF, INF, NAN, -1e4, 1e300])
def test_reported_bug_119_what_the_mask_covers_never_counts(junk):
    """Scores of padding hold -1e4 or -inf, and swamp a plain mean of squares."""
    student, teacher = several(2, 2, 2, 3, 3)
    mask = torch.tensor(MASKS["padded"])
    covered = ~(mask[:, None, :, None] * mask[:, None, None, :]).bool().expand_as(student)
    plain = attention_score_loss(student, teacher, mask)
    plain_gradient = gradient(attention_score_loss, student, teacher, mask)
    assert not plain_gradient[covered].any() and plain_gradient[~covered].all()
    for s, t in (
        (student.masked_fill(covered, junk), teacher),
        (student, teacher.masked_fill(covered, junk)),
        (student.masked_fill(covered, junk), teacher.masked_fill(covered, junk)),
    ):
        assert torch.equal(attention_score_loss(s, t, mask), plain)
        assert torch.equal(gradient(attention_score_loss, s, t, mask), plain_gradient)


def test_reported_bug_110_padding_does_not_dilute():
    """Official code averages over padding too, so the loss depends on how far a batch is padded."""
    student, teacher = several(2, 2, 2, 3, 3)
    mask = torch.tensor(MASKS["padded"])
    padded = [nn.functional.pad(x, (0, 2, 0, 2), value=-1e4) for x in (student, teacher)]
    longer = attention_score_loss(*padded, nn.functional.pad(mask, (0, 2)))
    torch.testing.assert_close(longer, attention_score_loss(student, teacher, mask))
    heads = attention_score_loss(student.repeat(1, 3, 1, 1), teacher.repeat(1, 3, 1, 1), mask)
    torch.testing.assert_close(heads, attention_score_loss(student, teacher, mask))


def test_reported_bug_114_no_real_token_at_all():
    """Zero by zero is NaN. Here it is nothing to learn, with a graph."""
    student, teacher = several(2, 2, 2, 3, 3)
    student.requires_grad_()
    value = attention_score_loss(student, teacher, torch.zeros(2, 3))
    assert value.item() == 0 and value.requires_grad
    value.backward()
    assert not student.grad.any()


@some
@given(seeds)
def test_tokens_in_any_order(seed):
    student, teacher = several(2, 2, 2, 4, 4, seed=seed)
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0]])
    plain = attention_score_loss(student, teacher, mask)
    order = torch.tensor([2, 0, 3, 1])
    moved = [x[:, :, order][..., order] for x in (student, teacher)]
    torch.testing.assert_close(attention_score_loss(*moved, mask[:, order]), plain)
    assert (attention_score_loss(*moved, mask) - plain).abs() > 1e-9
    torch.testing.assert_close(attention_score_loss(student.mT, teacher.mT, mask), plain)
    assert (attention_score_loss(student.mT, teacher, mask) - plain).abs() > 1e-9


def test_wrong_scores_and_masks():
    good, mask = torch.randn(2, 3, 4, 4), torch.ones(2, 4)
    with raises("teacher_scores", "shape of student_scores, (2, 3, 4, 4)", "got (2, 12, 4, 4)"):
        attention_score_loss(good, torch.randn(2, 12, 4, 4), mask)
    with raises("student_scores", "(B, heads, L, L), got (2, 3, 4, 5)"):
        attention_score_loss(torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5), mask)
    for wrong, said in (
        (good[0], "(B, heads, L, L), got (3, 4, 4)"),
        (good[:0], "no empty"),
        (good.int(), "int32"),
    ):
        with raises("student_scores", said):
            attention_score_loss(wrong, good, mask)
        with raises("teacher_scores", said):
            attention_score_loss(good, wrong, mask)
    for wrong, said in (
        (None, "a tensor of zeros and ones, got NoneType"),
        ([[1] * 4] * 2, "got list"),
        (mask.to(torch.complex64), "got torch.complex64"),
        (torch.ones(2, 3), "shape (2, 4) to go with the student, got (2, 3)"),
        (torch.ones(4, 2), "got (4, 2)"),
        (torch.ones(2, 1, 1, 4), "got (2, 1, 1, 4)"),
        (-1e4 * (1 - mask.tril()), "1 for real tokens and 0 for padding, got values from -10000 to -0"),
        (2 * mask, "got values from 2 to 2"),
        (NAN * mask, "got values from nan to nan"),
        (torch.tensor([[0.5, 1, 1, 1], [0, 1, 1, 1]]), "got values from 0 to 1"),
    ):
        with raises("mask", said):
            attention_score_loss(good, good, wrong)


def test_peer_defect_13_no_gradient_reaches_the_teacher():
    """Several libraries let the gradient flow into the teacher, which may then move to please the student."""
    scale, (student, teacher) = torch.tensor(2.0, requires_grad=True), several(2, 2, 2, 3, 3)
    student.requires_grad_()
    attention_score_loss(student, scale * teacher, torch.ones(2, 3)).backward()
    assert scale.grad is None and student.grad.any()
