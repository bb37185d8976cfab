"""The generalised Jensen-Shannon divergence: loops, its ends, the exchanged weights of other code."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_case import normal
from loss_tools import probabilities

from kdcourse.losses import generalized_jsd

sizes = st.integers(1, 6), st.integers(1, 7), st.integers(0, 10**6)
some = settings(max_examples=25, deadline=None, derandomize=True)


def example(batch=3, classes=5, seed=0):
    return 2 * normal(torch.Generator().manual_seed(seed), 2, batch, classes)


def loop_kl(first, second):
    """KL(first || second), mean over rows of logits."""
    total = 0.0
    for a, b in zip(first, second, strict=True):
        total += sum(p * math.log(p / q) for p, q in zip(probabilities(a), probabilities(b), strict=True))
    return total / len(first)


def loop_jsd(student, teacher, beta):
    """Student and teacher as lists of rows of logits; 0 < beta < 1."""
    total = 0.0
    for s, t in zip(student, teacher, strict=True):
        for p, q in zip(probabilities(t), probabilities(s), strict=True):
            m = beta * p + (1 - beta) * q
            total += beta * p * math.log(p / m) + (1 - beta) * q * math.log(q / m)
    return total / len(student)


@pytest.mark.parametrize("beta", [0.001, 0.3, 0.5, 0.9])
@pytest.mark.parametrize(("batch", "classes"), [(3, 5), (1, 4), (7, 2)])
def test_jsd_agrees_with_plain_loops(batch, classes, beta):
    student, teacher = example(batch, classes)
    expected = loop_jsd(student.tolist(), teacher.tolist(), beta)
    assert generalized_jsd(student, teacher, beta=beta).item() == pytest.approx(expected, rel=1e-11)


def test_jsd_by_hand():
    # Teacher 3/4 and 1/4, student 1/4 and 3/4.
    teacher = torch.tensor([[math.log(3), 0.0]], dtype=torch.float64)
    student = -teacher
    # beta = 1/2: the mixture is 1/2 and 1/2. It is also the default.
    half = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert generalized_jsd(student, teacher).item() == pytest.approx(half)
    # beta = 1/4: it is 3/8 and 5/8, nearer to the student.
    from_teacher = 0.75 * math.log(2) + 0.25 * math.log(2 / 5)
    from_student = 0.25 * math.log(2 / 3) + 0.75 * math.log(6 / 5)
    expected = from_teacher / 4 + 3 * from_student / 4
    assert generalized_jsd(student, teacher, beta=0.25).item() == pytest.approx(expected)
    with pytest.raises(TypeError, match="positional"):
        generalized_jsd(student, teacher, 0.25)


@pytest.mark.parametrize(("zero", "one"), [(0, 1), (0.0, 1.0), (False, True)])
def test_the_ends_of_jsd_are_the_two_divergences(zero, one):
    student, teacher = example()
    s, t = student.tolist(), teacher.tolist()
    forward, reverse = loop_kl(t, s), loop_kl(s, t)
    assert generalized_jsd(student, teacher, beta=zero).item() == pytest.approx(forward, rel=1e-12)
    assert generalized_jsd(student, teacher, beta=one).item() == pytest.approx(reverse, rel=1e-12)
    assert abs(forward - reverse) > 0.1


def test_the_gradient_of_reverse_kl_goes_through_the_students_probabilities():
    student, teacher = example()
    student.requires_grad_()
    gradient = torch.autograd.grad(generalized_jsd(student, teacher, beta=1.0), student)[0]
    with torch.no_grad():
        q, surprise = student.softmax(dim=1), student.log_softmax(dim=1) - teacher.log_softmax(dim=1)
        expected = q * (surprise - (q * surprise).sum(dim=1, keepdim=True)) / len(student)
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("beta", [0.1, 0.3, 0.8])
def test_the_gradient_of_jsd_has_its_closed_form(beta):
    """Only the weights q vary to first order: what the change of the mixture adds to both terms cancels."""
    student, teacher = example()
    student.requires_grad_()
    gradient = torch.autograd.grad(generalized_jsd(student, teacher, beta=beta), student)[0]
    with torch.no_grad():
        p, q = teacher.softmax(dim=1), student.softmax(dim=1)
        surprise = (q / (beta * p + (1 - beta) * q)).log()
        expected = (1 - beta) * q * (surprise - (q * surprise).sum(dim=1, keepdim=True)) / len(student)
    torch.testing.assert_close(gradient, expected)


def test_peer_defect_jsd_with_its_mixture_weights_exchanged():
    """Code in wide use mixed beta * student + (1 - beta) * teacher: unseen at 0.5, where nothing changes."""
    student, teacher = example()
    there = generalized_jsd(student, teacher, beta=0.3)
    assert abs(there - generalized_jsd(student, teacher, beta=0.7)) > 0.01
    assert abs(there - generalized_jsd(teacher, student, beta=0.3)) > 0.01
    torch.testing.assert_close(there, generalized_jsd(teacher, student, beta=0.7))
    torch.testing.assert_close(generalized_jsd(student, teacher), generalized_jsd(teacher, student))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_near_its_ends_jsd_is_beta_times_a_divergence(dtype):
    """With the digits of float32 too, although p and the mixture then agree in nearly all of them."""
    student, teacher = (z.to(dtype) for z in example())
    forward = generalized_jsd(student, teacher, beta=0).item()
    reverse = generalized_jsd(student, teacher, beta=1).item()
    near_zero = generalized_jsd(student, teacher, beta=1e-6).item() / 1e-6
    near_one = generalized_jsd(student, teacher, beta=1 - 1e-6).item() / 1e-6
    assert near_zero == pytest.approx(forward, rel=1e-4)
    assert near_one == pytest.approx(reverse, rel=1e-4)
    student.requires_grad_()
    gradients = [
        torch.autograd.grad(generalized_jsd(student, teacher, beta=beta), student)[0] / scale
        for beta, scale in ((0, 1), (1e-6, 1e-6))
    ]
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("beta", [0.1, 0.5, 0.9])
def test_jsd_of_predictions_with_nothing_in_common(beta, dtype):
    """It is bounded by the entropy of (beta, 1 - beta), and no logit changes anything any more."""
    teacher = torch.tensor([[1e4, -1e4, 0.0]], dtype=dtype)
    student = torch.tensor([[-1e4, 1e4, 0.0]], dtype=dtype, requires_grad=True)
    value = generalized_jsd(student, teacher, beta=beta)
    assert value.item() == pytest.approx(-beta * math.log(beta) - (1 - beta) * math.log(1 - beta), rel=1e-6)
    assert not torch.autograd.grad(value, student)[0].any()


@some
@given(*sizes, st.floats(0.0, 1.0))
def test_jsd_is_between_zero_and_its_bound(batch, classes, seed, beta):
    student, teacher = example(batch, classes, seed)
    value = generalized_jsd(student, teacher, beta=beta)
    assert value >= -1e-14
    if 0 < beta < 1:
        assert value <= -beta * math.log(beta) - (1 - beta) * math.log1p(-beta) + 1e-14
    order = torch.randperm(classes, generator=torch.Generator().manual_seed(seed))
    shifts = torch.arange(1.0, batch + 1)[:, None]
    other = generalized_jsd(student[:, order] + shifts, teacher[:, order] - shifts, beta=beta)
    torch.testing.assert_close(other, value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan, math.inf])
def test_beta_of_jsd_must_be_a_share(wrong):
    student, teacher = example()
    with pytest.raises(ValueError, match=rf"^beta: expected .* in \[0, 1\], got {wrong}"):
        generalized_jsd(student, teacher, beta=wrong)


def test_a_compiled_jsd_follows_its_beta():
    student, teacher = example()
    torch.compiler.reset()
    compiled = torch.compile(generalized_jsd, fullgraph=True, backend="eager")
    for beta in (0.3, 0.6, 0.9, 0.0, 1.0):
        torch.testing.assert_close(
            compiled(student, teacher, beta=beta), generalized_jsd(student, teacher, beta=beta)
        )
