"""Standardised, decoupled, correlated and variance-weighted responses against the formulas."""

import inspect
import math
import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_case import normal
from loss_tools import probabilities

from kdcourse.losses import (
    decoupled_kd_loss,
    dist_loss,
    prime_aware_loss,
    soft_target_loss,
    standardized_soft_target_loss,
)

some = settings(max_examples=25, deadline=None, derandomize=True)
sizes = st.integers(2, 6), st.integers(2, 7), st.integers(0, 10**6)
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])


def example(batch=4, classes=5, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = 2 * normal(generator, 2, batch, classes).to(dtype)
    return student, teacher, torch.randint(classes, (batch,), generator=generator)


def gradient_of(loss, student, *rest, **options):
    student = student.clone().requires_grad_()
    return torch.autograd.grad(loss(student, *rest, **options), student)[0]


def kl(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def test_defaults_are_the_documented_ones():
    defaults = {
        loss: {
            name: p.default
            for name, p in inspect.signature(loss).parameters.items()
            if p.kind is p.KEYWORD_ONLY
        }
        for loss in (standardized_soft_target_loss, decoupled_kd_loss, dist_loss, prime_aware_loss)
    }
    assert defaults == {
        standardized_soft_target_loss: {"temperature": 2.0},
        decoupled_kd_loss: {"alpha": 1.0, "beta": 8.0, "temperature": 4.0},
        dist_loss: {"beta": 1.0, "gamma": 1.0, "temperature": 1.0},
        prime_aware_loss: {},
    }


# ---------------------------------------------------------------- standardised logits


def deviation(row):
    mean = statistics.fmean(row)
    return math.sqrt(math.fsum((z - mean) ** 2 for z in row) / (len(row) - 1))


def z_scores(row):
    mean, std = statistics.fmean(row), deviation(row)
    return [(z - mean) / (std + 1e-7) for z in row]


def loop_standardized(student, teacher, temperature):
    total = 0.0
    for s, t in zip(student.tolist(), teacher.tolist(), strict=True):
        total += kl(probabilities(z_scores(t), temperature), probabilities(z_scores(s), temperature))
    return temperature**2 * total / len(student)


@pytest.mark.parametrize(("batch", "classes", "temperature"), [(3, 5, 2.0), (1, 4, 0.7), (6, 2, 1.0)])
def test_standardized_loss_agrees_with_plain_loops(batch, classes, temperature):
    student, teacher, _ = example(batch, classes)
    value = standardized_soft_target_loss(student, teacher, temperature=temperature)
    expected = loop_standardized(student, teacher, temperature)
    assert value.item() == pytest.approx(expected, rel=1e-11)


def test_standardized_loss_by_hand():
    # z-scores of (1, 2, 6): mean 3, variance (4 + 1 + 9) / 2 = 7. Of (0, 4, 2): mean 2, variance 4.
    teacher = torch.tensor([[1.0, 2.0, 6.0]], dtype=torch.float64)
    student = torch.tensor([[0.0, 4.0, 2.0]], dtype=torch.float64)
    p = probabilities([-2 / math.sqrt(7), -1 / math.sqrt(7), 3 / math.sqrt(7)], 2.0)
    q = probabilities([-1, 1, 0], 2.0)
    assert standardized_soft_target_loss(student, teacher).item() == pytest.approx(4 * kl(p, q), rel=1e-6)


def test_the_seventh_decimal_of_the_standard_deviation():
    """The 1e-7 in the formula counts where logits differ by as little."""
    student, teacher = torch.tensor([[2e-7, -1e-7, 0.0]]).double(), torch.tensor([[5e-8, 1e-8, 0.0]]).double()
    expected = loop_standardized(student, teacher, 2.0)
    assert standardized_soft_target_loss(student, teacher).item() == pytest.approx(expected, rel=1e-8)
    plain = [[z / deviation(row) for z in row] for row in (*student.tolist(), *teacher.tolist())]
    without = 4 * kl(probabilities(plain[1], 2.0), probabilities(plain[0], 2.0))
    assert abs(expected - without) > 0.01 * abs(without)


@some
@given(*sizes, st.floats(0.01, 100.0), st.floats(-50.0, 50.0))
def test_standardized_loss_sees_neither_scale_nor_shift(batch, classes, seed, scale, shift):
    student, teacher, _ = example(batch, classes, seed)
    plain = standardized_soft_target_loss(student, teacher)
    for pair in ((scale * student + shift, teacher), (student, scale * teacher - shift)):
        torch.testing.assert_close(standardized_soft_target_loss(*pair), plain, rtol=1e-4, atol=1e-5)
    order = torch.randperm(classes, generator=torch.Generator().manual_seed(seed))
    other = standardized_soft_target_loss(student[:, order], teacher[:, order])
    torch.testing.assert_close(other, plain)


def test_standardized_loss_sees_the_sign_and_who_is_the_teacher():
    student, teacher, _ = example()
    plain = standardized_soft_target_loss(student, teacher)
    assert abs(standardized_soft_target_loss(-student, teacher) - plain) > 0.1
    assert abs(standardized_soft_target_loss(teacher, student) - plain) > 1e-3


@dtypes
@pytest.mark.parametrize("constant", [0.0, 0.1, -7.7, 1e4 + 0.1])
@pytest.mark.parametrize("classes", [2, 7, 1000])
def test_a_constant_row_predicts_uniformly_and_learns_nothing(classes, constant, dtype):
    """Also where the mean of C equal numbers, rounded, is not that number."""
    generator = torch.Generator().manual_seed(0)
    teacher = normal(generator, 2, classes).to(dtype)
    student = torch.stack([torch.full((classes,), constant, dtype=dtype), teacher[1]])
    expected = 0.5 * soft_target_loss(
        torch.zeros(1, classes, dtype=torch.float64),
        torch.tensor([z_scores(teacher[0].tolist())], dtype=torch.float64),
        temperature=2.0,
    )
    value = standardized_soft_target_loss(student, teacher)
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)
    assert not gradient_of(standardized_soft_target_loss, student, teacher)[0].any()
    assert standardized_soft_target_loss(student, torch.full_like(student, 3.3)) >= 0


@dtypes
def test_rows_of_a_small_but_real_spread_are_standardised(dtype):
    noise = 20 * torch.finfo(dtype).eps * torch.tensor([[1.0, -2.0, 1.0, 0.0]], dtype=dtype)
    student = (1 + noise).requires_grad_()
    value = standardized_soft_target_loss(student, torch.tensor([[1.0, -2.0, 1.0, 0.0]], dtype=dtype))
    assert torch.autograd.grad(value, student)[0].any()
    if dtype == torch.float32:  # in float64 such a spread is small beside 1e-7
        uniform = standardized_soft_target_loss(torch.ones(1, 4), torch.tensor([[1.0, -2.0, 1.0, 0.0]]))
        assert value < 0.2 * uniform


def test_one_class_has_no_standard_deviation():
    for loss in (standardized_soft_target_loss, lambda s, t: decoupled_kd_loss(s, t, torch.tensor([0, 0]))):
        with pytest.raises(ValueError, match=r"^student_logits: expected at least two classes, got \(2, 1\)"):
            loss(torch.zeros(2, 1), torch.zeros(2, 1))


@pytest.mark.parametrize("temperature", [0.5, 2.0, 4.0])
def test_peer_defect_02_the_factor_of_temperature_squared_stays(temperature):
    """torchdistill's version loses T² where no labels are given, and fails with its default weight."""
    student, teacher, _ = example()
    z_s, z_t = ([z_scores(row) for row in x.tolist()] for x in (student, teacher))
    expected = sum(kl(probabilities(t, temperature), probabilities(s, temperature)) for s, t in zip(z_s, z_t))
    value = standardized_soft_target_loss(student, teacher, temperature=temperature)
    assert value.item() == pytest.approx(temperature**2 * expected / len(student), rel=1e-10)


# ---------------------------------------------------------------- decoupled distillation


def loop_decoupled(student, teacher, labels, alpha, beta, temperature):
    total = 0.0
    for s, t, y in zip(student.tolist(), teacher.tolist(), labels.tolist(), strict=True):
        p, q = probabilities(t, temperature), probabilities(s, temperature)
        total += alpha * kl([p[y], 1 - p[y]], [q[y], 1 - q[y]])
        others = [c for c in range(len(p)) if c != y]
        total += beta * kl([p[c] / (1 - p[y]) for c in others], [q[c] / (1 - q[y]) for c in others])
    return temperature**2 * total / len(student)


@pytest.mark.parametrize(("alpha", "beta", "temperature"), [(1.0, 8.0, 4.0), (0.3, 2.0, 1.0), (0, 0.5, 0.7)])
@pytest.mark.parametrize(("batch", "classes"), [(3, 5), (1, 4), (6, 2), (2, 3)])
def test_decoupled_loss_agrees_with_plain_loops(batch, classes, alpha, beta, temperature):
    arguments = example(batch, classes)
    value = decoupled_kd_loss(*arguments, alpha=alpha, beta=beta, temperature=temperature)
    expected = loop_decoupled(*arguments, alpha, beta, temperature)
    assert value.item() == pytest.approx(expected, rel=1e-9, abs=1e-13)


def test_decoupled_loss_by_hand():
    # Teacher 1/2, 1/4, 1/4 and student 1/4, 1/2, 1/4; the label is class 0.
    teacher = torch.tensor([[0.5, 0.25, 0.25]], dtype=torch.float64).log()
    student = torch.tensor([[0.25, 0.5, 0.25]], dtype=torch.float64).log()
    target = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)  # (1/2, 1/2) from (1/4, 3/4)
    others = 0.5 * math.log(3 / 4) + 0.5 * math.log(3 / 2)  # (1/2, 1/2) from (2/3, 1/3)
    value = decoupled_kd_loss(
        3 * student, 3 * teacher, torch.tensor([0]), alpha=2.0, beta=5.0, temperature=3.0
    )
    assert value.item() == pytest.approx(9 * (2 * target + 5 * others))


@some
@given(*sizes, st.floats(0.5, 8.0))
def test_the_two_parts_add_up_to_the_divergence(batch, classes, seed, temperature):
    """KL(p || q) = TCKD + (1 - p_y) NCKD, sample by sample."""
    student, teacher, labels = example(batch, classes, seed)
    for i in range(batch):
        row = student[i : i + 1], teacher[i : i + 1], labels[i : i + 1]
        target = decoupled_kd_loss(*row, alpha=1.0, beta=0.0, temperature=temperature)
        others = decoupled_kd_loss(*row, alpha=0.0, beta=1.0, temperature=temperature)
        left = 1 - (row[1] / temperature).softmax(dim=1)[0, labels[i]]
        whole = soft_target_loss(*row[:2], temperature=temperature)
        torch.testing.assert_close(target + left * others, whole, rtol=1e-9, atol=1e-11)


@some
@given(*sizes)
def test_decoupled_loss_does_not_care_for_names_and_shifts(batch, classes, seed):
    student, teacher, labels = example(batch, classes, seed)
    plain = decoupled_kd_loss(student, teacher, labels)
    order = torch.randperm(classes, generator=torch.Generator().manual_seed(seed))
    renamed = order.argsort()[labels]
    torch.testing.assert_close(decoupled_kd_loss(student[:, order], teacher[:, order], renamed), plain)
    shifts = torch.arange(1.0, batch + 1, dtype=torch.float64)[:, None]
    torch.testing.assert_close(decoupled_kd_loss(student + shifts, teacher - shifts, labels), plain)


def test_each_part_sees_what_it_should():
    student, teacher, labels = example()
    moved = student.scatter_add(1, labels[:, None], torch.ones_like(student[:, :1]))
    target, others = {"alpha": 1.0, "beta": 0.0}, {"alpha": 0.0, "beta": 1.0}
    both = [decoupled_kd_loss(s, teacher, labels, **others) for s in (student, moved)]
    torch.testing.assert_close(*both)  # the logit of the label counts in the first part only
    assert (
        not gradient_of(decoupled_kd_loss, student, teacher, labels, **others)
        .gather(1, labels[:, None])
        .any()
    )
    both = [decoupled_kd_loss(s, teacher, labels, **target) for s in (student, moved)]
    assert abs(both[0] - both[1]) > 0.1
    wrong = (labels + 1) % student.shape[1]
    assert abs(decoupled_kd_loss(student, teacher, wrong) - decoupled_kd_loss(student, teacher, labels)) > 0.1


@dtypes
def test_two_classes_leave_nothing_but_the_target(dtype):
    student, teacher, labels = example(classes=2, dtype=dtype)
    assert decoupled_kd_loss(student, teacher, labels, alpha=0.0) == 0
    assert not gradient_of(decoupled_kd_loss, student, teacher, labels, alpha=0.0).any()
    whole = soft_target_loss(student, teacher)
    torch.testing.assert_close(decoupled_kd_loss(student, teacher, labels), whole, rtol=1e-5, atol=1e-6)


@dtypes
def test_peer_defect_09_a_sure_and_wrong_student(dtype):
    """mdistiller takes logarithms of softmax outputs: infinite, with NaN gradients, at a gap of 120."""
    student = torch.tensor([[120.0, 0.0, 0.0]], dtype=dtype)
    teacher = torch.tensor([[0.0, 120.0, 0.0]], dtype=dtype)
    # The label is class 1: the student gives it e^-120, and is undecided between the others, where the
    # teacher is sure of nothing either: p = q = (1, 1) / 2 there, but for the student's 120.
    value = decoupled_kd_loss(student, teacher, torch.tensor([1]), alpha=1.0, beta=8.0, temperature=1.0)
    target = 120.0
    others = 0.5 * (120 - math.log(2)) - 0.5 * math.log(2)
    assert value.item() == pytest.approx(target + 8 * others, rel=1e-6)
    gradient = gradient_of(decoupled_kd_loss, student, teacher, torch.tensor([1]), temperature=1.0)
    # TCKD pulls 1 from class 0 to class 1, NCKD half of 8 from class 0 to class 2.
    torch.testing.assert_close(gradient, torch.tensor([[1.0 + 4.0, -1.0, -4.0]], dtype=dtype))


@dtypes
@pytest.mark.parametrize("classes", [2, 5])
def test_extreme_logits_in_the_decoupled_loss(classes, dtype):
    student, teacher, labels = example(8, classes, dtype=dtype)
    student, teacher = 1e4 * student.sign(), -1e4 * teacher.sign()
    value = decoupled_kd_loss(student, teacher, labels, temperature=1.0)
    assert value.isfinite() and value > 0
    gradient = gradient_of(decoupled_kd_loss, student, teacher, labels, temperature=1.0)
    assert gradient.isfinite().all() and gradient.abs().max() <= (1 + 8) / 8 * (1 + 1e-5)


def test_a_sure_teacher_does_not_silence_what_it_knows_of_the_others():
    teacher = torch.tensor([[40.0, 1.0, -1.0]], dtype=torch.float64)
    student = torch.tensor([[40.0, -1.0, 1.0]], dtype=torch.float64)
    label = torch.tensor([0])
    assert soft_target_loss(student, teacher, temperature=1.0) < 1e-15
    value = decoupled_kd_loss(student, teacher, label, temperature=1.0)
    # The others: softmax(1, -1) from softmax(-1, 1); their log-ratio is 2 and -2.
    assert value.item() == pytest.approx(8 * 2 * math.tanh(1), rel=1e-9)


@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_weights_must_not_be_negative(name):
    student, teacher, labels = example()
    for wrong in (-0.5, math.nan, math.inf):
        with pytest.raises(ValueError, match=rf"^{name}: expected .*\[0, inf\), got {wrong}"):
            decoupled_kd_loss(student, teacher, labels, **{name: wrong})
    assert decoupled_kd_loss(student, teacher, labels, **{name: 0}).isfinite()


def test_the_other_arguments_of_the_decoupled_loss_are_checked():
    student, teacher, labels = example()
    with pytest.raises(
        ValueError, match=r"^labels: expected class indices in 0 .. 4, got values from 5 to 5"
    ):
        decoupled_kd_loss(student, teacher, torch.full_like(labels, 5))
    for loss, rest in (
        (decoupled_kd_loss, (labels,)),
        (dist_loss, ()),
        (standardized_soft_target_loss, ()),
    ):
        with pytest.raises(ValueError, match=r"^temperature: expected .*\(0, inf\), got 0"):
            loss(student, teacher, *rest, temperature=0)
        with pytest.raises(ValueError, match=r"^teacher_logits: expected the shape of student_logits"):
            loss(student, teacher[:1], *rest)


def test_peer_defect_13_no_gradient_for_the_teacher():
    """DIST of several libraries, and others, let the gradient run into the teacher."""
    student, teacher, labels = (z.requires_grad_() if z.is_floating_point() else z for z in example())
    dist_loss(student, teacher).backward()
    standardized_soft_target_loss(student, teacher).backward()
    decoupled_kd_loss(student, teacher, labels).backward()
    prime_aware_loss(student, teacher, torch.zeros_like(teacher)).backward()
    assert teacher.grad is None and student.grad.abs().sum() > 0


# ---------------------------------------------------------------- prime-aware distillation


@pytest.mark.parametrize("shape", [(3,), (2, 5), (2, 3, 4, 5)])
def test_prime_aware_loss_agrees_with_plain_loops(shape):
    student, teacher, log_variance = normal(torch.Generator().manual_seed(0), 3, *shape)
    triples = zip(*(x.flatten().tolist() for x in (student, teacher, log_variance)), strict=True)
    terms = [(t - s) ** 2 * math.exp(-v) + v for s, t, v in triples]
    value = prime_aware_loss(student, teacher, log_variance)
    assert value.item() == pytest.approx(statistics.fmean(terms), rel=1e-11)


def test_prime_aware_loss_by_hand():
    student, teacher = torch.tensor([[1.0, 0.0]]).double(), torch.tensor([[3.0, 1.0]]).double()
    log_variance = torch.tensor([[2.0, 0.5]]).double().log()
    # 4 / 2 + log 2 and 1 / 0.5 - log 2
    assert prime_aware_loss(student, teacher, log_variance).item() == pytest.approx((2 + 2) / 2)


def test_the_best_variance_is_the_squared_error():
    student, teacher, _ = example()
    best = (teacher - student).square().log()
    gradient = gradient_of(lambda v: prime_aware_loss(student, teacher, v), best)
    assert gradient.abs().max() < 1e-15
    log_variance = torch.linspace(-2, 2, 20, dtype=torch.float64).view(4, 5)
    gradient = gradient_of(lambda v: prime_aware_loss(student, teacher, v), log_variance)
    weight = (-log_variance).exp()
    torch.testing.assert_close(gradient, (1 - (teacher - student).square() * weight) / 20)
    gradient = gradient_of(prime_aware_loss, student, teacher, log_variance)
    torch.testing.assert_close(gradient, 2 * (student - teacher) * weight / 20)


def test_without_variance_it_is_the_mean_squared_error():
    student, teacher, _ = example()
    value = prime_aware_loss(student, teacher, torch.zeros_like(student))
    torch.testing.assert_close(value, torch.nn.functional.mse_loss(student, teacher))


def test_nothing_is_clamped():
    one = torch.ones(1, 1, dtype=torch.float64)
    assert prime_aware_loss(one, 2 * one, -50 * one).item() == pytest.approx(math.exp(50) - 50)
    assert prime_aware_loss(one, 2 * one, 50 * one).item() == pytest.approx(50)
    assert prime_aware_loss(one, one, -3 * one).item() == -3


def test_prime_aware_loss_has_the_students_dtype():
    student, teacher, _ = example(dtype=torch.float32)
    for kind in (torch.float64, torch.bfloat16):
        log_variance = torch.full((4, 5), 0.5, dtype=kind, requires_grad=True)
        value = prime_aware_loss(student, teacher, log_variance)
        assert value.dtype == torch.float32
        assert torch.autograd.grad(value, log_variance)[0].dtype == kind


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (torch.zeros(4, 1), r"expected the shape of student, \(4, 5\), got \(4, 1\)"),
        (torch.zeros(5), r"expected the shape of student, \(4, 5\), got \(5,\)"),
        (torch.zeros(4, 5).long(), r"expected a floating-point tensor of shape \(B, ...\), got torch.int64"),
        (torch.tensor(0.0), r"expected shape \(B, ...\), got \(\)"),
        (0.0, r"expected a floating-point tensor of shape \(B, ...\), got float"),
    ],
    ids=["broadcast", "one row", "int64", "scalar", "float"],
)
def test_the_log_variance_must_fit(wrong, said):
    student, teacher, _ = example()
    with pytest.raises(ValueError, match=rf"^log_variance: {said}"):
        prime_aware_loss(student, teacher, wrong)
    if isinstance(wrong, torch.Tensor) and wrong.is_floating_point():
        with pytest.raises(ValueError, match=r"^teacher: expected"):
            prime_aware_loss(student, wrong, student)
