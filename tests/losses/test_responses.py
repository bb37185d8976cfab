"""Response losses against the formulas: loops in plain Python, sums by hand, laws of the divergence."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_tools import probabilities

from kdcourse.losses import (
    generalized_jsd,
    kd_loss,
    logit_matching_loss,
    soft_cross_entropy,
    soft_target_loss,
)

# ---------------------------------------------------------------- the formulas, one number at a time


def loop_soft_cross_entropy(student, teacher, temperature):
    total = 0.0
    for s, t in zip(student, teacher, strict=True):
        p, q = probabilities(t, temperature), probabilities(s, temperature)
        total -= sum(a * math.log(b) for a, b in zip(p, q, strict=True))
    return total / len(student)


def loop_soft_target(student, teacher, temperature):
    total = 0.0
    for s, t in zip(student, teacher, strict=True):
        p, q = probabilities(t, temperature), probabilities(s, temperature)
        total += sum(a * (math.log(a) - math.log(b)) for a, b in zip(p, q, strict=True))
    return temperature**2 * total / len(student)


def loop_cross_entropy(student, labels):
    return -sum(math.log(probabilities(s, 1.0)[y]) for s, y in zip(student, labels, strict=True)) / len(
        student
    )


def loop_kd(student, teacher, labels, temperature, alpha):
    return alpha * loop_soft_target(student, teacher, temperature) + (1 - alpha) * loop_cross_entropy(
        student, labels
    )


def loop_logit_matching(student, teacher):
    rows = zip(student, teacher, strict=True)
    return sum(0.5 * sum((a - b) ** 2 for a, b in zip(s, t, strict=True)) for s, t in rows) / len(student)


def example(batch=3, classes=5, seed=0, scale=2.0):
    generator = torch.Generator().manual_seed(seed)
    student = scale * torch.randn(batch, classes, generator=generator, dtype=torch.float64)
    teacher = scale * torch.randn(batch, classes, generator=generator, dtype=torch.float64)
    labels = torch.randint(classes, (batch,), generator=generator)
    return student, teacher, labels


# Every loss as a function of (student, teacher, labels), for what holds for all of them.
ALL = {
    "soft_cross_entropy": lambda s, t, y: soft_cross_entropy(s, t, temperature=2.5),
    "soft_target_loss": lambda s, t, y: soft_target_loss(s, t, temperature=2.5),
    "kd_loss": lambda s, t, y: kd_loss(s, t, y, temperature=2.5, alpha=0.7),
    "logit_matching_loss": lambda s, t, y: logit_matching_loss(s, t),
}
every_loss = pytest.mark.parametrize("loss", ALL.values(), ids=ALL.keys())
sizes = st.integers(1, 6), st.integers(1, 7), st.integers(0, 10**6)
some = settings(max_examples=25, deadline=None, derandomize=True)


# ---------------------------------------------------------------- values


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5, 4.0, 20.0])
@pytest.mark.parametrize(("batch", "classes"), [(3, 5), (1, 4), (7, 2)])
def test_values_agree_with_plain_loops(batch, classes, temperature):
    student, teacher, labels = example(batch, classes)
    s, t, y = student.tolist(), teacher.tolist(), labels.tolist()
    expected = {
        "soft_cross_entropy": loop_soft_cross_entropy(s, t, temperature),
        "soft_target_loss": loop_soft_target(s, t, temperature),
        "kd_loss": loop_kd(s, t, y, temperature, 0.3),
        "logit_matching_loss": loop_logit_matching(s, t),
    }
    got = {
        "soft_cross_entropy": soft_cross_entropy(student, teacher, temperature=temperature),
        "soft_target_loss": soft_target_loss(student, teacher, temperature=temperature),
        "kd_loss": kd_loss(student, teacher, labels, temperature=temperature, alpha=0.3),
        "logit_matching_loss": logit_matching_loss(student, teacher),
    }
    for name, value in expected.items():
        assert got[name].item() == pytest.approx(value, rel=1e-11), name


def test_values_by_hand():
    # Teacher 3/4 and 1/4, student 1/2 and 1/2.
    teacher = torch.tensor([[math.log(3), 0.0]], dtype=torch.float64)
    student = torch.zeros(1, 2, dtype=torch.float64)
    label = torch.tensor([1])
    divergence = 0.75 * math.log(3 / 2) + 0.25 * math.log(1 / 2)
    assert soft_cross_entropy(student, teacher).item() == pytest.approx(math.log(2))
    assert soft_target_loss(student, teacher, temperature=1.0).item() == pytest.approx(divergence)
    # Twice the logits at T = 2 are the same probabilities: only the factor T² = 4 is new.
    assert soft_target_loss(student, 2 * teacher, temperature=2.0).item() == pytest.approx(4 * divergence)
    assert soft_cross_entropy(student, 2 * teacher, temperature=2.0).item() == pytest.approx(math.log(2))
    by_hand = 0.25 * 4 * divergence + 0.75 * math.log(2)
    assert kd_loss(student, 2 * teacher, label, temperature=2.0, alpha=0.25).item() == pytest.approx(by_hand)
    logits = torch.tensor([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    other = torch.tensor([[0.0, 0.0, 2.0], [3.0, 0.0, 4.0]], dtype=torch.float64)
    assert logit_matching_loss(logits, other).item() == pytest.approx((1 + 4 + 4 + 9 + 16) / 2 / 2)


def test_defaults_are_the_documented_ones():
    student, teacher, labels = example()
    assert torch.equal(
        soft_cross_entropy(student, teacher), soft_cross_entropy(student, teacher, temperature=1.0)
    )
    assert torch.equal(
        soft_target_loss(student, teacher), soft_target_loss(student, teacher, temperature=4.0)
    )
    explicit = kd_loss(student, teacher, labels, temperature=4.0, alpha=0.9)
    assert torch.equal(kd_loss(student, teacher, labels), explicit)


def test_hyper_parameters_are_keyword_only():
    student, teacher, labels = example()
    for call in (
        lambda: soft_cross_entropy(student, teacher, 2.0),
        lambda: soft_target_loss(student, teacher, 2.0),
        lambda: kd_loss(student, teacher, labels, 2.0),
    ):
        with pytest.raises(TypeError, match="positional"):
            call()


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_cross_entropy_is_divergence_plus_the_teachers_entropy(temperature):
    student, teacher, _ = example()
    p = (teacher / temperature).softmax(dim=1)
    entropy = -(p * p.log()).sum(dim=1).mean()
    divergence = soft_target_loss(student, teacher, temperature=temperature) / temperature**2
    torch.testing.assert_close(
        soft_cross_entropy(student, teacher, temperature=temperature), divergence + entropy
    )


def test_alpha_weights_the_soft_term():
    student, teacher, labels = example()
    soft, hard = soft_target_loss(student, teacher, temperature=3.0), F.cross_entropy(student, labels)
    assert torch.equal(kd_loss(student, teacher, labels, temperature=3.0, alpha=1.0), soft)
    torch.testing.assert_close(kd_loss(student, teacher, labels, temperature=3.0, alpha=0.0), hard)
    assert torch.equal(kd_loss(student, teacher, labels, temperature=3.0, alpha=1), soft), "an int will do"
    between = kd_loss(student, teacher, labels, temperature=3.0, alpha=0.2)
    torch.testing.assert_close(between, 0.2 * soft + 0.8 * hard)


# ---------------------------------------------------------------- gradients


@every_loss
def test_gradient_agrees_with_finite_differences(loss):
    student, teacher, labels = example()
    assert torch.autograd.gradcheck(lambda s: loss(s, teacher, labels), student.requires_grad_())


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_gradients_have_their_closed_forms(temperature):
    student, teacher, labels = example(batch=3, classes=5)
    student.requires_grad_()
    batch, alpha = len(student), 0.7
    p, q = (teacher / temperature).softmax(dim=1), (student.detach() / temperature).softmax(dim=1)
    hard = (student.detach().softmax(dim=1) - F.one_hot(labels, 5)) / batch
    soft = temperature * (q - p) / batch
    expected = {
        soft_cross_entropy(student, teacher, temperature=temperature): (q - p) / (temperature * batch),
        soft_target_loss(student, teacher, temperature=temperature): soft,
        kd_loss(student, teacher, labels, temperature=temperature, alpha=alpha): alpha * soft
        + (1 - alpha) * hard,
        logit_matching_loss(student, teacher): (student.detach() - teacher) / batch,
    }
    for value, gradient in expected.items():
        torch.testing.assert_close(torch.autograd.grad(value, student)[0], gradient, rtol=1e-10, atol=1e-14)


@every_loss
def test_the_teacher_is_a_constant(loss):
    student, teacher, labels = example()
    teacher.requires_grad_()
    assert not loss(student, teacher, labels).requires_grad, "nothing that could be trained is left"
    student.requires_grad_()
    loss(student, teacher, labels).backward()
    assert teacher.grad is None
    assert student.grad.abs().sum() > 0


@every_loss
def test_arguments_stay_as_they_are(loss):
    student, teacher, labels = example()
    student.requires_grad_()
    teacher.requires_grad_()
    copies = student.detach().clone(), teacher.detach().clone(), labels.clone()
    loss(student, teacher, labels).backward()
    for tensor, copy in zip((student, teacher, labels), copies, strict=True):
        assert torch.equal(tensor.detach(), copy)
        assert tensor._version == 0, "changed in place"
    assert student.requires_grad and teacher.requires_grad


# ---------------------------------------------------------------- laws


@every_loss
def test_a_zero_dimensional_result(loss):
    assert loss(*example()).shape == ()


def test_student_and_teacher_cannot_be_exchanged():
    student, teacher, labels = example()
    for name in ("soft_cross_entropy", "soft_target_loss", "kd_loss"):
        there, back = ALL[name](student, teacher, labels), ALL[name](teacher, student, labels)
        assert abs(there - back) > 0.05, name
    assert torch.equal(logit_matching_loss(student, teacher), logit_matching_loss(teacher, student))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 7.0])
def test_equal_logits(temperature):
    teacher = example()[1]
    student = teacher.clone().requires_grad_()
    value = soft_target_loss(student, teacher, temperature=temperature)
    assert value.item() == 0.0
    assert torch.autograd.grad(value, student)[0].abs().max() < 1e-15 * temperature
    assert logit_matching_loss(student, teacher).item() == 0.0
    p = (teacher / temperature).softmax(dim=1)
    entropy = -(p * p.log()).sum(dim=1).mean()
    torch.testing.assert_close(soft_cross_entropy(student, teacher, temperature=temperature), entropy)


@some
@given(*sizes, st.floats(0.3, 30.0))
def test_the_divergence_is_never_negative(batch, classes, seed, temperature):
    student, teacher, _ = example(batch, classes, seed)
    assert soft_target_loss(student, teacher, temperature=temperature) >= -1e-13 * temperature**2


@some
@given(*sizes, st.floats(-50.0, 50.0))
def test_a_constant_added_to_a_row_changes_nothing(batch, classes, seed, shift):
    student, teacher, labels = example(batch, classes, seed)
    shifts = shift * torch.arange(1, batch + 1)[:, None]
    for name in ("soft_cross_entropy", "soft_target_loss", "kd_loss"):
        plain = ALL[name](student, teacher, labels)
        for shifted in ((student + shifts, teacher), (student, teacher - shifts)):
            torch.testing.assert_close(ALL[name](*shifted, labels), plain, rtol=1e-9, atol=1e-10)


def test_logit_matching_sees_a_constant():
    student, teacher, _ = example()
    assert logit_matching_loss(student + 1, teacher) != logit_matching_loss(student, teacher)
    # ½‖s + c - t‖² = ½‖s - t‖² + c Σ(s - t) + C c² / 2
    expected = logit_matching_loss(student, teacher) + (student - teacher).sum(dim=1).mean() + 5 / 2
    torch.testing.assert_close(logit_matching_loss(student + 1, teacher), expected)


@some
@given(*sizes)
def test_the_order_of_samples_and_of_classes_does_not_matter(batch, classes, seed):
    student, teacher, labels = example(batch, classes, seed)
    generator = torch.Generator().manual_seed(seed)
    rows, columns = torch.randperm(batch, generator=generator), torch.randperm(classes, generator=generator)
    for name, loss in ALL.items():
        plain = loss(student, teacher, labels)
        torch.testing.assert_close(loss(student[rows], teacher[rows], labels[rows]), plain, msg=name)
        renamed = columns.argsort()[labels]
        torch.testing.assert_close(loss(student[:, columns], teacher[:, columns], renamed), plain, msg=name)


@some
@given(*sizes, st.data())
def test_the_batch_is_averaged(batch, classes, seed, data):
    student, teacher, labels = example(batch + 1, classes, seed)
    cut = data.draw(st.integers(1, batch))
    for name, loss in ALL.items():
        whole = loss(student, teacher, labels)
        first = loss(student[:cut], teacher[:cut], labels[:cut])
        second = loss(student[cut:], teacher[cut:], labels[cut:])
        torch.testing.assert_close((cut * first + (batch + 1 - cut) * second) / (batch + 1), whole, msg=name)
        twice = loss(student.repeat(2, 1), teacher.repeat(2, 1), labels.repeat(2))
        torch.testing.assert_close(twice, whole, msg=name)


def test_at_high_temperature_soft_targets_match_logits():
    student, teacher, _ = example(batch=4, classes=6)
    student, teacher = (z - z.mean(dim=1, keepdim=True) for z in (student, teacher))
    student.requires_grad_()
    limit = logit_matching_loss(student, teacher)
    limit_gradient = torch.autograd.grad(limit, student)[0]
    temperatures = (30.0, 100.0, 300.0, 1000.0)
    value_errors, gradient_errors = [], []
    for temperature in temperatures:
        value = 6 * soft_target_loss(student, teacher, temperature=temperature)
        value_errors.append(abs(value - limit).item())
        gradient = torch.autograd.grad(value, student)[0]
        gradient_errors.append((gradient - limit_gradient).abs().max().item())
    for errors in (value_errors, gradient_errors):
        for i in range(len(errors) - 1):
            slope = math.log(errors[i + 1] / errors[i]) / math.log(temperatures[i + 1] / temperatures[i])
            assert slope == pytest.approx(-1, abs=0.1)


def test_the_gradient_keeps_its_size_when_the_temperature_changes():
    student, teacher, _ = example(batch=16, classes=10)
    student.requires_grad_()

    def size(loss, temperature):
        return torch.autograd.grad(loss(student, teacher, temperature=temperature), student)[0].norm().item()

    assert 1 / 3 < size(soft_target_loss, 40.0) / size(soft_target_loss, 4.0) < 3
    assert size(soft_cross_entropy, 40.0) / size(soft_cross_entropy, 4.0) < 0.02, (
        "without T² it fades like 1/T²"
    )


# ---------------------------------------------------------------- what other libraries get wrong


@pytest.mark.parametrize("alpha", [0.25, 1.0])
def test_peer_defect_02_the_temperature_squared_is_lost_without_a_hard_term(alpha):
    """torchdistill's KD fails with its default weight, and drops T² where the soft term stands alone."""
    student, teacher, labels = example()
    once = loop_soft_target(student.tolist(), teacher.tolist(), 4.0)  # T² included
    hard = loop_cross_entropy(student.tolist(), labels.tolist())
    assert kd_loss(student, teacher, labels).isfinite()
    value = kd_loss(student, teacher, labels, temperature=4.0, alpha=alpha)
    assert value.item() == pytest.approx(alpha * once + (1 - alpha) * hard, rel=1e-11)


def test_peer_defect_13_the_teacher_learns_too():
    """Several libraries let the gradient of the soft term run into a teacher that is not frozen."""
    student, teacher, labels = (z.requires_grad_() if z.is_floating_point() else z for z in example())
    for loss in (soft_cross_entropy, soft_target_loss, logit_matching_loss, generalized_jsd):
        loss(student, teacher).backward()
    for beta in (0.0, 1.0):
        generalized_jsd(student, teacher, beta=beta).backward()
    kd_loss(student, teacher, labels).backward()
    assert teacher.grad is None and student.grad.abs().sum() > 0


def test_peer_defect_15_a_divergence_of_probabilities_and_exchanged_arguments():
    """KD_Lib gives kl_div the wrong way round, without a logarithm: negative, and not zero at equality."""
    student, teacher = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[3.0, 1.0, -4.0]])
    expected = loop_soft_target(student.tolist(), teacher.tolist(), 1.0)
    assert soft_target_loss(student, teacher, temperature=1.0).item() == pytest.approx(expected, rel=1e-6)
    assert expected > 0
    assert soft_target_loss(teacher.clone(), teacher, temperature=1.0).item() == 0
