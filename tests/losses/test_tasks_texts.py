"""Hidden states and attention of Transformers of text: plain loops, sums by hand, and masks."""

import math

import pytest
import torch
from loss_tools import gradient, normal, raises
from torch import nn

from kdcourse.losses import attention_distribution_loss, hidden_cosine_loss, hidden_state_loss

INF, NAN = math.inf, math.nan
MASKS = {
    "padded": [[1, 1, 1], [1, 0, 0]],
    "full": [[1, 1, 1], [1, 1, 1]],
    "one text is empty": [[0, 0, 0], [1, 1, 0]],
    "a hole": [[1, 0, 1], [0, 1, 1]],
    "all padding": [[0, 0, 0], [0, 0, 0]],
}
every_mask = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
PADDED = torch.tensor(MASKS["padded"])
ON_STATES = (hidden_state_loss, hidden_cosine_loss)


def states(seed=0):
    return normal(2, 2, 3, 4, seed=seed).unbind()


def scores(heads=2, seed=0):
    return normal(2, 2, heads, 3, 3, seed=seed).unbind()


def mean(values):
    return sum(values) / len(values) if values else 0.0


def loop_over_tokens(student, teacher, mask, apart):
    return mean(
        [
            apart(student[b, i].tolist(), teacher[b, i].tolist())
            for b, row in enumerate(mask)
            for i, real in enumerate(row)
            if real
        ]
    )


def squared(s, t):
    return sum((a - b) ** 2 for a, b in zip(s, t)) / len(s)


def angle(s, t):
    return 1 - sum(a * b for a, b in zip(s, t)) / math.hypot(*s) / math.hypot(*t)


def loop_over_queries(student, teacher, mask):
    divergences = []
    for b, row in enumerate(mask):
        keys = [j for j, real in enumerate(row) if real]
        for h in range(student.shape[1]):
            for i in keys:
                q, p = ([math.exp(x[b, h, i, j].item()) for j in keys] for x in (student, teacher))
                q, p = [x / sum(q) for x in q], [x / sum(p) for x in p]
                divergences.append(sum(a * math.log(a / b) for a, b in zip(p, q)))
    return mean(divergences)


# ---------------------------------------------------------------- values


@every_mask
@pytest.mark.parametrize(("loss", "apart"), [*zip(ON_STATES, (squared, angle))])
def test_states_agree_with_a_plain_loop(loss, apart, mask):
    student, teacher = states()
    expected = loop_over_tokens(student, teacher, mask, apart)
    assert loss(student, teacher, torch.tensor(mask)).item() == pytest.approx(expected, rel=1e-12)


@every_mask
@pytest.mark.parametrize("heads", [1, 3])
def test_attention_agrees_with_a_plain_loop(mask, heads):
    student, teacher = scores(heads)
    expected = loop_over_queries(student, teacher, mask)
    got = attention_distribution_loss(student, teacher, torch.tensor(mask)).item()
    assert got == pytest.approx(expected, rel=1e-12)


def test_tokens_of_short_and_long_texts_count_alike():
    student, teacher = torch.zeros(2, 2, 1), torch.tensor([[[1.0], [2.0]], [[3.0], [9.0]]])
    assert hidden_state_loss(student, teacher, torch.tensor([[1, 1], [1, 0]])).item() == pytest.approx(14 / 3)


def test_attention_does_not_see_a_constant_added_to_a_query():
    student, teacher = scores()
    plain = attention_distribution_loss(student, teacher, PADDED)
    shift = normal(2, 2, 3, 1, seed=5)
    torch.testing.assert_close(attention_distribution_loss(student + shift, teacher, PADDED), plain)
    assert (attention_distribution_loss(student + shift.mT, teacher, PADDED) - plain).abs() > 1e-3


def test_teacher_to_student_is_not_student_to_teacher():
    student, teacher = scores()
    there, back = (
        attention_distribution_loss(*pair, PADDED) for pair in ((student, teacher), (teacher, student))
    )
    assert (there - back).abs() > 1e-3


def test_the_angle_does_not_see_lengths_and_zero_states_have_none():
    student, teacher = states()
    plain = hidden_cosine_loss(student, teacher, PADDED)
    torch.testing.assert_close(hidden_cosine_loss(3 * student, 0.1 * teacher, PADDED), plain)
    assert hidden_cosine_loss(-teacher, teacher, PADDED).item() == pytest.approx(2)
    for s, t in ((torch.zeros_like(student), teacher), (student, torch.zeros_like(teacher))):
        assert hidden_cosine_loss(s, t, PADDED).item() == 1
        assert not gradient(hidden_cosine_loss, s, t, PADDED).any()


# ---------------------------------------------------------------- masks


@pytest.mark.parametrize("junk", [-INF, INF, NAN, -1e4, 1e300])
@pytest.mark.parametrize("loss", [*ON_STATES, attention_distribution_loss])
def test_what_the_mask_covers_never_counts(loss, junk):
    on_states = loss in ON_STATES
    student, teacher = states() if on_states else scores()
    real = PADDED.bool()
    covered = ~(real[:, :, None] if on_states else (real[:, None, :, None] & real[:, None, None, :]))
    covered = covered.expand_as(student)
    plain, plain_gradient = loss(student, teacher, PADDED), gradient(loss, student, teacher, PADDED)
    assert not plain_gradient[covered].any() and plain_gradient[0].all()
    for s, t in (
        (student.masked_fill(covered, junk), teacher),
        (student, teacher.masked_fill(covered, junk)),
        (student.masked_fill(covered, junk), teacher.masked_fill(covered, junk)),
    ):
        assert torch.equal(loss(s, t, PADDED), plain)
        assert torch.equal(gradient(loss, s, t, PADDED), plain_gradient)


@pytest.mark.parametrize("loss", [*ON_STATES, attention_distribution_loss])
def test_more_padding_changes_nothing(loss):
    pair, extra = (states(), (0, 0, 0, 2)) if loss in ON_STATES else (scores(), (0, 2, 0, 2))
    padded = [nn.functional.pad(x, extra, value=7.0) for x in pair]
    longer = loss(*padded, nn.functional.pad(PADDED, (0, 2)))
    torch.testing.assert_close(longer, loss(*pair, PADDED))


@pytest.mark.parametrize("loss", [*ON_STATES, attention_distribution_loss])
def test_no_real_token_at_all(loss):
    student, teacher = states() if loss in ON_STATES else scores()
    student.requires_grad_()
    value = loss(student, teacher, torch.zeros(2, 3))
    assert value.item() == 0 and value.requires_grad
    value.backward()
    assert not student.grad.any()


@pytest.mark.parametrize("loss", [*ON_STATES, attention_distribution_loss])
def test_masks_of_any_dtype(loss):
    pair = states() if loss in ON_STATES else scores()
    for dtype in (torch.bool, torch.uint8, torch.float16, torch.float64):
        assert torch.equal(loss(*pair, PADDED.to(dtype)), loss(*pair, PADDED))


@pytest.mark.parametrize("loss", ON_STATES)
def test_wrong_states(loss):
    good, mask = torch.randn(2, 3, 4), torch.ones(2, 3)
    with raises("teacher", "shape of student, (2, 3, 4)", "got (2, 3, 5)"):
        loss(good, torch.randn(2, 3, 5), mask)
    with raises("student", "(B, L, D), got (3, 4)"):
        loss(good[0], good[0], mask)
    with raises("mask", "shape (2, 3) to go with the student, got (3, 2)"):
        loss(good, good, mask.T)


def test_wrong_scores():
    good, mask = torch.randn(2, 3, 4, 4), torch.ones(2, 4)
    with raises("teacher_scores", "shape of student_scores", "got (2, 12, 4, 4)"):
        attention_distribution_loss(good, torch.randn(2, 12, 4, 4), mask)
    with raises("student_scores", "(B, heads, L, L), got (2, 3, 4, 5)"):
        attention_distribution_loss(torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5), mask)


def test_a_single_real_token():
    alone = torch.tensor([[0, 0, 0], [0, 1, 0]])
    student, teacher = states()
    s, t = student[1, 1].tolist(), teacher[1, 1].tolist()
    assert hidden_state_loss(student, teacher, alone).item() == pytest.approx(squared(s, t), rel=1e-12)
    assert hidden_cosine_loss(student, teacher, alone).item() == pytest.approx(angle(s, t), rel=1e-12)
    # One key has all the attention of one query.
    assert attention_distribution_loss(*scores(), alone).item() == 0


def test_one_query_of_two_real_tokens():
    student, teacher = scores(heads=1)
    both = torch.tensor([[1, 1, 0], [0, 0, 0]])
    expected = loop_over_queries(student, teacher, both.tolist())
    assert attention_distribution_loss(student, teacher, both).item() == pytest.approx(expected, rel=1e-12)
