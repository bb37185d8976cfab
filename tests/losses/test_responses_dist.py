"""DIST: correlations instead of equality, and where a correlation is undefined."""

import math
import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_case import normal
from loss_tools import probabilities

from kdcourse.losses import dist_loss, soft_target_loss

some = settings(max_examples=25, deadline=None, derandomize=True)
sizes = st.integers(2, 6), st.integers(2, 7), st.integers(0, 10**6)
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])


def example(batch=4, classes=5, seed=0, dtype=torch.float64):
    return (2 * normal(torch.Generator().manual_seed(seed), 2, batch, classes)).to(dtype)


def gradient_of(student, teacher, **options):
    student = student.clone().requires_grad_()
    return torch.autograd.grad(dist_loss(student, teacher, **options), student)[0]


def pearson(x, y):
    x_mean, y_mean = statistics.fmean(x), statistics.fmean(y)
    xy = sum((a - x_mean) * (b - y_mean) for a, b in zip(x, y, strict=True))
    xx, yy = sum((a - x_mean) ** 2 for a in x), sum((b - y_mean) ** 2 for b in y)
    return xy / math.sqrt(xx * yy)


def loop_dist(student, teacher, beta, gamma, temperature):
    q = [probabilities(row, temperature) for row in student.tolist()]
    p = [probabilities(row, temperature) for row in teacher.tolist()]
    rows = [pearson(a, b) for a, b in zip(q, p, strict=True)]
    columns = [pearson(a, b) for a, b in zip(zip(*q, strict=True), zip(*p, strict=True), strict=True)]
    return beta * (1 - statistics.fmean(rows)) + gamma * (1 - statistics.fmean(columns))


@pytest.mark.parametrize(
    ("beta", "gamma", "temperature"), [(1, 1, 1), (0.3, 2.0, 2.5), (2, 0, 0.7), (0, 3, 1)]
)
@pytest.mark.parametrize(("batch", "classes"), [(3, 5), (2, 4), (7, 2)])
def test_dist_agrees_with_plain_loops(batch, classes, beta, gamma, temperature):
    student, teacher = example(batch, classes)
    value = dist_loss(student, teacher, beta=beta, gamma=gamma, temperature=temperature)
    expected = loop_dist(student, teacher, beta, gamma, temperature)
    assert value.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_dist_by_hand():
    # Two classes: every correlation is 1 or -1.
    teacher = torch.tensor([[0.8, 0.2], [0.4, 0.6]], dtype=torch.float64).log()
    student = torch.tensor([[0.6, 0.4], [0.9, 0.1]], dtype=torch.float64).log()
    # Row 0 agrees, row 1 does not: 1 - 0. Class 0 falls for the teacher and rises for the student: 1 + 1.
    assert dist_loss(student, teacher).item() == pytest.approx(1 + 2)
    assert dist_loss(student, teacher, beta=5.0, gamma=7.0).item() == pytest.approx(5 + 14)


def test_dist_has_no_factor_of_temperature_squared():
    student, teacher = example()
    hot = dist_loss(3 * student, 3 * teacher, temperature=3.0)
    torch.testing.assert_close(hot, dist_loss(student, teacher))


def test_peer_defect_04_identical_student_and_teacher():
    """torchdistill's DIST+ gives 1 at equality, where it should be 0."""
    teacher = example()[1]
    for part in ({}, {"beta": 0.0}, {"gamma": 0.0}):
        assert dist_loss(teacher.clone(), teacher, **part).item() == pytest.approx(0, abs=1e-15)
        assert gradient_of(teacher, teacher, **part).abs().max() < 1e-15


@some
@given(*sizes)
def test_dist_is_between_zero_and_its_bound(batch, classes, seed):
    student, teacher = example(batch, classes, seed)
    value = dist_loss(student, teacher, beta=0.5, gamma=2.0)
    assert -1e-12 <= value <= 2 * 2.5 + 1e-12
    shifts = torch.arange(1.0, batch + 1, dtype=torch.float64)[:, None]
    torch.testing.assert_close(dist_loss(student + shifts, teacher, beta=0.5, gamma=2.0), value)
    rows, columns = (
        torch.randperm(n, generator=torch.Generator().manual_seed(seed)) for n in (batch, classes)
    )
    both = (z[rows][:, columns] for z in (student, teacher))
    torch.testing.assert_close(dist_loss(*both, beta=0.5, gamma=2.0), value)


def test_dist_relaxes_the_match_of_probabilities():
    """A student whose probabilities are a linear function of the teacher's is right; a divergence minds."""
    p = torch.tensor([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.2, 0.7, 0.1]], dtype=torch.float64)
    q = 0.5 * p + 0.5 / 3
    assert dist_loss(q.log(), p.log()).item() == pytest.approx(0, abs=1e-12)
    assert soft_target_loss(q.log(), p.log()) > 0.01


@dtypes
def test_in_a_batch_of_one_the_second_term_is_constant(dtype):
    student, teacher = example(batch=1, dtype=dtype)
    rows = pearson(probabilities(student[0].tolist()), probabilities(teacher[0].tolist()))
    value = dist_loss(student, teacher, beta=0.5, gamma=3.0)
    assert value.item() == pytest.approx(0.5 * (1 - rows) + 3, rel=1e-6)
    assert not gradient_of(student, teacher, beta=0.0).any()


@dtypes
@pytest.mark.parametrize("classes", [1, 3, 7, 1000])
def test_constant_predictions_correlate_with_nothing(classes, dtype):
    student, teacher = example(batch=4, classes=classes, dtype=dtype)
    constant = torch.full_like(student, 0.1)
    for pair in ((constant, teacher), (student, constant), (constant, constant)):
        if classes > 1:
            assert dist_loss(*pair, beta=0.5, gamma=3.0) == 3.5
        assert not gradient_of(*pair).any()
    equal = teacher[:1].expand(4, -1)  # equal rows: constant over the batch only
    if classes > 1:
        value = dist_loss(equal, equal, beta=0.5, gamma=3.0)
        assert value.item() == pytest.approx(3, abs=1e-6)
        assert not gradient_of(equal, equal, beta=0.0).any()
    else:
        assert dist_loss(student, teacher, beta=0.5, gamma=3.0) == 3.5


@dtypes
def test_classes_that_nobody_considers(dtype):
    """Probabilities too small to be squared count as constant: no correlation of rounding errors."""
    tiny = math.log(torch.finfo(dtype).tiny)
    student = torch.tensor([[1.0, 0.0, 0.6 * tiny], [0.0, 1.0, 0.6 * tiny + 1]], dtype=dtype)
    value = dist_loss(student, student.clone(), beta=0.0)
    assert value.item() == pytest.approx(1 / 3, rel=1e-6)
    assert gradient_of(student, student.flip(0), beta=0.0)[:, 2].abs().max() < 1e-12
    student[:, 2] = torch.tensor([0.4 * tiny, 0.4 * tiny + 1], dtype=dtype)  # large enough
    assert dist_loss(student, student.clone(), beta=0.0).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", ["beta", "gamma"])
def test_weights_of_dist_must_not_be_negative(name):
    student, teacher = example()
    with pytest.raises(ValueError, match=rf"^{name}: expected .*\[0, inf\), got -1"):
        dist_loss(student, teacher, **{name: -1})
    assert dist_loss(student, teacher, **{name: 0}).isfinite()
