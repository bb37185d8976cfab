"""InfoNCE against the formula: plain loops, sums by hand, directions and negatives."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_tools import normal, raises
from torch import nn

from kdcourse.losses import infonce_loss

some = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)


def cosine(a, b):
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b)) / lengths if lengths else 0.0


def loop_infonce(student, teacher, temperature):
    student, teacher = student.tolist(), teacher.tolist()
    total = 0.0
    for i, query in enumerate(student):
        weights = [math.exp(cosine(query, key) / temperature) for key in teacher]
        total -= math.log(weights[i] / sum(weights))
    return total / len(student)


@pytest.mark.parametrize("temperature", [0.07, 0.1, 1.0, 5.0])
@pytest.mark.parametrize("shape", [(4, 3), (1, 2), (6, 1), (2, 7)])
def test_the_value_agrees_with_a_plain_loop(shape, temperature):
    student, teacher = normal(*shape), normal(*shape, seed=1)
    expected = loop_infonce(student, teacher, temperature)
    got = infonce_loss(student, teacher, temperature=temperature)
    assert got.item() == pytest.approx(expected, rel=1e-10, abs=1e-14)


def test_the_value_by_hand():
    eye = torch.eye(3, dtype=torch.float64)
    for temperature in (1.0, 0.5):
        at_equality = math.log(1 + 2 * math.exp(-1 / temperature))
        assert infonce_loss(eye, 7 * eye, temperature=temperature).item() == pytest.approx(at_equality)
    # Every student row points to the next sample's teacher.
    wrong = infonce_loss(eye.roll(1, dims=0), eye, temperature=1.0).item()
    assert wrong == pytest.approx(math.log(2 + math.e))


def test_the_default_temperature_is_the_documented_one_and_keyword_only():
    student, teacher = normal(4, 3), normal(4, 3, seed=1)
    assert torch.equal(infonce_loss(student, teacher), infonce_loss(student, teacher, temperature=0.1))
    with pytest.raises(TypeError, match="positional"):
        infonce_loss(student, teacher, 0.1)


def test_student_rows_are_the_queries():
    """Equal teacher rows: no query can tell them apart. Equal student rows: each prefers one teacher."""
    many, one = torch.eye(2, dtype=torch.float64), torch.tensor([[1.0, 0.0]] * 2, dtype=torch.float64)
    assert infonce_loss(many, one, temperature=1.0).item() == pytest.approx(math.log(2))
    prefers_first = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(1))) / 2
    assert infonce_loss(one, many, temperature=1.0).item() == pytest.approx(prefers_first)


def test_reported_bug_20_the_temperature_divides():
    """Code that multiplied somewhere passed at T = 1. Small T sharpens, large T forgets: log B."""
    student = torch.tensor([[1.0, 0.1], [0.1, 1.0]], dtype=torch.float64)
    assert infonce_loss(student, student, temperature=0.01) < 1e-20
    assert infonce_loss(student, student, temperature=1e6).item() == pytest.approx(math.log(2), rel=1e-5)
    gap = 1 - 0.2 / 1.01
    expected = math.log(1 + math.exp(-gap / 0.3))
    assert infonce_loss(student, student, temperature=0.3).item() == pytest.approx(expected)


def test_one_sample_has_no_negatives():
    student = normal(1, 4).requires_grad_()
    value = infonce_loss(student, normal(1, 4, seed=1))
    assert value.item() == 0.0
    assert not torch.autograd.grad(value, student)[0].any()


@some
@given(seeds, st.floats(1e-3, 1e3))
def test_only_directions_matter(seed, scale):
    student, teacher = normal(4, 3, seed=seed), normal(4, 3, seed=seed + 1)
    plain = infonce_loss(student, teacher)
    rows = torch.tensor([scale, 1.0, 2.0, 0.5], dtype=torch.float64)[:, None]
    torch.testing.assert_close(infonce_loss(rows * student, teacher), plain, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(infonce_loss(student, rows * teacher), plain, rtol=1e-9, atol=1e-9)
    rotation = torch.linalg.qr(normal(3, 3, seed=seed + 2))[0]
    torch.testing.assert_close(
        infonce_loss(student @ rotation, teacher @ rotation), plain, rtol=1e-9, atol=1e-9
    )
    assert (infonce_loss(student @ rotation, teacher) - plain).abs() > 1e-6
    assert (infonce_loss(-student, teacher) - plain).abs() > 1e-6


@some
@given(seeds)
def test_samples_must_stay_beside_each_other(seed):
    student, teacher = normal(4, 3, seed=seed), normal(4, 3, seed=seed + 1)
    order = torch.tensor([2, 0, 3, 1])
    plain = infonce_loss(student, teacher)
    torch.testing.assert_close(infonce_loss(student[order], teacher[order]), plain)
    assert (infonce_loss(student[order], teacher) - plain).abs() > 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_without_a_direction(dtype):
    student, teacher = normal(3, 4).to(dtype), normal(3, 4, seed=1).to(dtype)
    student[1], teacher[2] = 0.0, 0.0
    student.requires_grad_()
    value = infonce_loss(student, teacher, temperature=0.5)
    assert value.item() == pytest.approx(loop_infonce(student.detach(), teacher, 0.5), rel=1e-6)
    value.backward()
    assert student.grad.isfinite().all() and not student.grad[1].any() and student.grad[0].any()
    nothing = torch.zeros(3, 4, dtype=dtype)
    assert infonce_loss(nothing, teacher).item() == pytest.approx(math.log(3), rel=1e-6)


def test_a_very_low_temperature():
    eye = torch.eye(3)
    assert infonce_loss(eye, eye, temperature=1e-6).item() == 0.0
    student = eye.roll(1, dims=0).requires_grad_()
    value = infonce_loss(student, eye, temperature=1e-3)
    assert value.item() == pytest.approx(1000.0)
    value.backward()
    assert student.grad.isfinite().all() and student.grad.abs().max() == pytest.approx(1000 / 3, rel=1e-5)


def test_wrong_arguments():
    good = normal(3, 4)
    with raises("teacher", "shape of student, (3, 4)", "got (3, 5)"):
        infonce_loss(good, normal(3, 5))
    with raises("teacher", "(3, 4)", "got (2, 4)"):
        infonce_loss(good, normal(2, 4))
    for wrong, said in (
        (normal(3), "(3,)"),
        (normal(3, 4, 1), "shape (B, D), got (3, 4, 1)"),
        (good[:0], "(0, 4)"),
        (1, "int"),
    ):
        with raises("student", said):
            infonce_loss(wrong, good)
        with raises("teacher", said):
            infonce_loss(good, wrong)
    for temperature in (0, -1.0, math.nan, math.inf):
        with raises("temperature", "(0, inf)", f"got {temperature}"):
            infonce_loss(good, good, temperature=temperature)


def test_peer_defect_13_no_gradient_reaches_the_teacher():
    """Several libraries let the gradient flow into the teacher, which may then move to please the student."""
    teacher, student = nn.Linear(2, 3, dtype=torch.float64), normal(4, 3).requires_grad_()
    infonce_loss(student, teacher(normal(4, 2, seed=1))).backward()
    assert teacher.weight.grad is None and student.grad.any()
