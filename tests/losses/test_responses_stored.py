"""Stored soft labels: ensembles, the k largest probabilities, reading them back, the loss against them."""

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
    densify_soft_targets,
    ensemble_soft_targets,
    soft_cross_entropy,
    sparse_soft_cross_entropy,
    sparse_soft_targets,
)

some = settings(max_examples=25, deadline=None, derandomize=True)
dtypes = pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=lambda d: str(d)[6:]
)


def example(batch=4, classes=6, seed=0):
    student, teacher = 2 * normal(torch.Generator().manual_seed(seed), 2, batch, classes)
    return student, teacher


def test_defaults_are_the_documented_ones():
    for function in (ensemble_soft_targets, sparse_soft_targets):
        temperature = inspect.signature(function).parameters["temperature"]
        assert temperature.default == 1.0 and temperature.kind is temperature.KEYWORD_ONLY


# ---------------------------------------------------------------- ensembles


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 2, 3), (2, 1, 4), (5, 2, 1)])
def test_an_ensemble_is_the_mean_of_probabilities(shape, temperature):
    logits = 2 * normal(torch.Generator().manual_seed(0), *shape)
    teachers, batch, classes = shape
    each = [[probabilities(row, temperature) for row in teacher] for teacher in logits.tolist()]
    expected = [
        [statistics.fmean(each[m][b][c] for m in range(teachers)) for c in range(classes)]
        for b in range(batch)
    ]
    got = ensemble_soft_targets(logits, temperature=temperature)
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64))


def test_peer_defect_an_ensemble_in_logit_space():
    """The softmax of mean logits lets the most extreme teacher decide; sure ones who disagree give 1/2."""
    logits = torch.tensor([[[900.0, 0.0, 0.0]], [[0.0, 30.0, 0.0]]], dtype=torch.float64)
    torch.testing.assert_close(
        ensemble_soft_targets(logits), torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64)
    )
    assert logits.mean(dim=0).softmax(dim=1)[0, 0] > 0.999


@dtypes
def test_an_ensemble_is_a_constant_of_the_teachers_dtype(dtype):
    logits = (2 * normal(torch.Generator().manual_seed(0), 3, 2, 5)).to(dtype).requires_grad_()
    targets = ensemble_soft_targets(logits)
    assert targets.shape == (2, 5) and targets.dtype == dtype and not targets.requires_grad
    exact = logits.detach().double().softmax(dim=2).mean(dim=0)
    assert (targets.double() - exact).abs().max() <= torch.finfo(dtype).eps


def test_teachers_are_exchangeable_and_samples_are_not():
    logits = normal(torch.Generator().manual_seed(0), 3, 3, 5)
    plain = ensemble_soft_targets(logits)
    torch.testing.assert_close(ensemble_soft_targets(logits[[2, 0, 1]]), plain)
    torch.testing.assert_close(ensemble_soft_targets(logits[:, [2, 0, 1]]), plain[[2, 0, 1]])
    assert (ensemble_soft_targets(logits.transpose(0, 1)) - plain).abs().max() > 0.01


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (torch.zeros(3, 4), r"expected shape \(M, B, C\), got \(3, 4\)"),
        (torch.zeros(0, 3, 4), r"expected no empty dimension, got \(0, 3, 4\)"),
        ([torch.zeros(3, 4)], r"expected a floating-point tensor of shape \(M, B, C\), got list"),
        (torch.zeros(2, 3, 4).int(), r"expected a floating-point tensor of .*, got torch.int32"),
    ],
)
def test_an_ensemble_needs_three_dimensions(wrong, said):
    with pytest.raises(ValueError, match=rf"^teacher_logits: {said}"):
        ensemble_soft_targets(wrong)


def test_temperatures_are_checked():
    for call in (
        lambda: ensemble_soft_targets(torch.zeros(2, 3, 4), temperature=0),
        lambda: sparse_soft_targets(torch.zeros(3, 4), 2, temperature=0),
    ):
        with pytest.raises(ValueError, match=r"^temperature: expected .*\(0, inf\), got 0"):
            call()


# ---------------------------------------------------------------- keeping the k largest


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize(("batch", "classes", "k"), [(3, 5, 2), (1, 4, 4), (4, 3, 1), (2, 1, 1)])
def test_the_k_largest_probabilities_as_they_are(batch, classes, k, temperature):
    teacher = example(batch, classes)[1]
    values, indices = sparse_soft_targets(teacher, k, temperature=temperature)
    assert values.shape == indices.shape == (batch, k) and indices.dtype == torch.int64
    for row, value, index in zip(teacher.tolist(), values.tolist(), indices.tolist(), strict=True):
        p = probabilities(row, temperature)
        expected = sorted(range(classes), key=lambda c: -p[c])[:k]
        assert index == expected
        assert value == pytest.approx([p[c] for c in expected], rel=1e-12)


@dtypes
def test_stored_values_are_constants_of_the_teachers_dtype(dtype):
    teacher = example()[1].to(dtype).requires_grad_()
    values, _ = sparse_soft_targets(teacher, 3)
    assert values.dtype == dtype and not values.requires_grad
    assert (values[:, :-1] >= values[:, 1:]).all()


def test_the_order_of_classes_that_softmax_rounds_to_zero():
    teacher = torch.tensor([[-900.0, 0.0, -300.0, -600.0]])
    values, indices = sparse_soft_targets(teacher, 4)
    assert indices.tolist() == [[1, 2, 3, 0]] and values.tolist() == [[1.0, 0.0, 0.0, 0.0]]
    values, indices = sparse_soft_targets(torch.tensor([[1e4, -1e4, 1e4 - 1, -1e4]]), 2)
    assert indices.tolist() == [[0, 2]]
    assert values[0].tolist() == pytest.approx([1 / (1 + math.exp(-1)), 1 / (1 + math.e)], rel=1e-6)


def test_equal_probabilities():
    values, indices = sparse_soft_targets(torch.zeros(2, 7), 3)
    assert values.tolist() == [[pytest.approx(1 / 7)] * 3] * 2
    assert all(len(set(row)) == 3 for row in indices.tolist())


@pytest.mark.parametrize("wrong", [0, -1, 7, 2.0, None, "2"])
def test_k_must_be_a_number_of_classes(wrong):
    with pytest.raises(ValueError, match=rf"^k: expected a whole number in 1 .. 6, .* got {wrong}"):
        sparse_soft_targets(example()[1], wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (torch.zeros(4), "expected shape (B, C), got (4,)"),
        (torch.zeros(2, 3, 4), "expected shape (B, C), got (2, 3, 4)"),
        (torch.zeros(0, 4), "expected no empty dimension, got (0, 4)"),
        (torch.zeros(2, 3).long(), "expected a floating-point tensor of shape (B, C), got torch.int64"),
    ],
)
def test_the_logits_to_store_are_checked(wrong, said):
    with pytest.raises(ValueError, match=r"expected") as caught:
        sparse_soft_targets(wrong, 1)
    assert str(caught.value) == f"teacher_logits: {said}"


# ---------------------------------------------------------------- reading them back


def loop_dense(values, indices, classes):
    rows = []
    for value, index in zip(values.tolist(), indices.tolist(), strict=True):
        missing = max(0.0, 1 - sum(value))
        stored = dict(zip(index, value, strict=True))
        rows.append([stored.get(c, missing / max(classes - len(index), 1)) for c in range(classes)])
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize(("batch", "classes", "k"), [(3, 7, 2), (1, 4, 3), (4, 5, 1), (2, 5, 5), (3, 1, 1)])
def test_dense_labels_agree_with_plain_loops(batch, classes, k):
    values, indices = sparse_soft_targets(example(batch, classes)[1], k)
    dense = densify_soft_targets(values, indices, classes)
    torch.testing.assert_close(dense, loop_dense(values, indices, classes))
    torch.testing.assert_close(dense.sum(dim=1), torch.ones(batch, dtype=torch.float64))


def test_dense_labels_by_hand():
    values = torch.tensor([[0.5, 0.2], [0.9, 0.1]], dtype=torch.float64)
    dense = densify_soft_targets(values, torch.tensor([[1, 4], [0, 2]]), 5)
    expected = [[0.1, 0.5, 0.1, 0.1, 0.2], [0.9, 0.0, 0.1, 0.0, 0.0]]
    torch.testing.assert_close(dense, torch.tensor(expected, dtype=torch.float64))


@some
@given(st.integers(1, 4), st.integers(1, 8), st.integers(0, 10**6))
def test_all_classes_stored_give_the_softmax_back(batch, classes, seed):
    teacher = example(batch, classes, seed)[1]
    dense = densify_soft_targets(*sparse_soft_targets(teacher, classes), classes)
    torch.testing.assert_close(dense, teacher.softmax(dim=1))


def test_with_all_classes_the_values_stand_as_they_are():
    """Nothing is left to take what is missing: no division by zero, and nothing added."""
    values, indices = torch.tensor([[0.5, 0.25]]), torch.tensor([[1, 0]])
    assert densify_soft_targets(values, indices, 2).tolist() == [[0.25, 0.5]]
    loss = sparse_soft_cross_entropy(torch.zeros(1, 2), values, indices)
    assert loss.item() == pytest.approx(0.75 * math.log(2))
    student = torch.full((1, 2), 1e4).requires_grad_()  # sums of logits round here
    sparse_soft_cross_entropy(student, values, indices).backward()
    torch.testing.assert_close(student.grad, torch.tensor([[0.125, -0.125]]))


def test_rounded_values_that_sum_to_more_than_one():
    values = torch.tensor([[0.75, 0.26]])
    indices = torch.tensor([[2, 0]])
    dense = densify_soft_targets(values, indices, 4)
    assert dense.tolist() == [[pytest.approx(0.26), 0.0, 0.75, 0.0]]
    student = torch.tensor([[1.0, 1e4, 2.0, -1e4]])
    loss = sparse_soft_cross_entropy(student, values, indices)
    torch.testing.assert_close(loss, -(dense * student.log_softmax(dim=1)).sum())


@dtypes
def test_dense_labels_are_in_single_precision_at_least(dtype):
    values = torch.tensor([[0.5, 0.25]]).to(dtype).requires_grad_()
    dense = densify_soft_targets(values, torch.tensor([[1, 0]]), 3002)
    assert dense.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert not dense.requires_grad
    assert dense[0, 2].item() == pytest.approx(0.25 / 3000, rel=1e-6)


# ---------------------------------------------------------------- the loss against stored labels


@pytest.mark.parametrize(("batch", "classes", "k"), [(3, 7, 2), (1, 4, 3), (4, 5, 1), (2, 5, 5), (3, 1, 1)])
def test_the_sparse_loss_agrees_with_plain_loops(batch, classes, k):
    student, teacher = example(batch, classes)
    values, indices = sparse_soft_targets(teacher, k)
    expected = 0.0
    for row, label in zip(student.tolist(), loop_dense(values, indices, classes).tolist(), strict=True):
        expected -= sum(p * math.log(q) for p, q in zip(label, probabilities(row), strict=True)) / batch
    value = sparse_soft_cross_entropy(student, values, indices)
    assert value.item() == pytest.approx(expected, rel=1e-11, abs=1e-15)


def test_the_sparse_loss_by_hand():
    student = torch.tensor([[0.5, 0.25, 0.125, 0.125]], dtype=torch.float64).log()
    values, indices = torch.tensor([[0.75]], dtype=torch.float64), torch.tensor([[1]])
    # The label is 3/4 for class 1 and 1/12 for each other; in units of log 2: 3/4 * 2 + (1 + 3 + 3) / 12.
    expected = (1.5 + 7 / 12) * math.log(2)
    assert sparse_soft_cross_entropy(student, values, indices).item() == pytest.approx(expected)


@some
@given(st.integers(1, 4), st.integers(1, 8), st.integers(0, 10**6), st.data())
def test_the_sparse_loss_equals_the_dense_one(batch, classes, seed, data):
    student, teacher = example(batch, classes, seed)
    k = data.draw(st.integers(1, classes))
    values, indices = sparse_soft_targets(teacher, k, temperature=2.0)
    dense = densify_soft_targets(values, indices, classes)
    student.requires_grad_()
    value = sparse_soft_cross_entropy(student, values, indices)
    expected = -(dense * student.log_softmax(dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(value, expected)
    gradients = [torch.autograd.grad(loss, student)[0] for loss in (value, expected)]
    torch.testing.assert_close(*gradients)
    torch.testing.assert_close(gradients[0], (student.softmax(dim=1) - dense).detach() / batch)
    order = torch.randperm(k, generator=torch.Generator().manual_seed(seed))
    shifted = student + torch.arange(1.0, batch + 1, dtype=torch.float64)[:, None]
    other = sparse_soft_cross_entropy(shifted, values[:, order], indices[:, order])
    torch.testing.assert_close(other, value)


def test_with_all_classes_it_is_the_soft_cross_entropy():
    student, teacher = example()
    value = sparse_soft_cross_entropy(student, *sparse_soft_targets(teacher, 6))
    torch.testing.assert_close(value, soft_cross_entropy(student, teacher))
    other = sparse_soft_cross_entropy(student, *sparse_soft_targets(teacher, 2))
    assert abs(other - value) > 1e-3


@pytest.mark.parametrize("kind", [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32])
def test_indices_as_a_store_keeps_them(kind):
    student, teacher = example()
    values, indices = sparse_soft_targets(teacher, 3)
    loss = sparse_soft_cross_entropy(student, values, indices)
    assert torch.equal(sparse_soft_cross_entropy(student, values, indices.to(kind)), loss)
    dense = densify_soft_targets(values, indices, 6)
    assert torch.equal(densify_soft_targets(values, indices.to(kind), 6), dense)


def test_values_as_a_store_keeps_them():
    """Rounded to float16 they give the same sums in both readers, and the loss keeps the student's dtype."""
    student, teacher = (z.float() for z in example())
    values, indices = sparse_soft_targets(teacher, 3)
    value = sparse_soft_cross_entropy(student, values.half(), indices)
    assert value.dtype == torch.float32
    dense = densify_soft_targets(values.half(), indices, 6)
    torch.testing.assert_close(value, -(dense * student.log_softmax(dim=1)).sum(dim=1).mean())
    torch.testing.assert_close(value, sparse_soft_cross_entropy(student, values, indices), rtol=1e-3, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits_in_the_sparse_loss(dtype):
    student = torch.tensor([[1e4, -1e4, 0.0]], dtype=dtype).requires_grad_()
    values, indices = torch.tensor([[0.75]], dtype=dtype), torch.tensor([[1]])
    value = sparse_soft_cross_entropy(student, values, indices)
    assert value.item() == pytest.approx(0.75 * 2e4 + 0.125 * 1e4, rel=1e-6)
    value.backward()
    torch.testing.assert_close(student.grad, torch.tensor([[0.875, -0.75, -0.125]], dtype=dtype))


@pytest.mark.parametrize(
    ("values", "indices", "said"),
    [
        (torch.ones(2, 1), torch.tensor([[0], [4]]), r"indices: expected class indices in 0 .. 3, .* 0 to 4"),
        (torch.ones(2, 1), torch.tensor([[-1], [3]]), r"indices: expected .* 0 .. 3, .* from -1 to 3"),
        (torch.ones(2, 1), torch.zeros(2, 2).long(), r"indices: .*shape of values, \(2, 1\), got \(2, 2\)"),
        (torch.ones(2, 1), torch.zeros(2, 1), r"indices: expected an integer tensor .* got torch.float32"),
        (torch.ones(2, 1), torch.ones(2, 1).bool(), r"indices: expected an integer .* got torch.bool"),
        (torch.ones(2, 1), torch.ones(2, 1).cfloat(), r"indices: expected an integer .* got torch.complex64"),
        (torch.ones(2, 1), [[0], [1]], r"indices: expected an integer tensor of class indices, got list"),
        (torch.ones(2, 5), torch.zeros(2, 5).long(), r"values: expected at most 4 a row, .* got 5"),
        (torch.ones(2), torch.zeros(2).long(), r"values: expected shape \(B, k\), got \(2,\)"),
        (torch.ones(2, 0), torch.zeros(2, 0).long(), r"values: expected no empty dimension, got \(2, 0\)"),
        (
            torch.ones(2, 1).long(),
            torch.zeros(2, 1).long(),
            r"values: expected a floating-point .*torch.int64",
        ),
    ],
)
def test_stored_labels_are_checked(values, indices, said):
    with pytest.raises(ValueError, match=rf"^{said}"):
        densify_soft_targets(values, indices, 4)
    with pytest.raises(ValueError, match=rf"^{said}"):
        sparse_soft_cross_entropy(torch.zeros(2, 4), values, indices)


def test_as_many_students_as_labels():
    with pytest.raises(ValueError, match=r"^values: expected the batch size of student_logits, 3, got 2"):
        sparse_soft_cross_entropy(torch.zeros(3, 4), torch.ones(2, 1), torch.zeros(2, 1).long())
    with pytest.raises(ValueError, match=r"^student_logits: expected shape \(B, C\), got \(4,\)"):
        sparse_soft_cross_entropy(torch.zeros(4), torch.ones(2, 1), torch.zeros(2, 1).long())


@pytest.mark.parametrize("wrong", [0, -3, 4.0, None])
def test_the_number_of_classes_must_be_one(wrong):
    with pytest.raises(ValueError, match=rf"^num_classes: expected a positive whole number, got {wrong}"):
        densify_soft_targets(torch.ones(2, 1), torch.zeros(2, 1).long(), wrong)


# ---------------------------------------------------------------- transformations


def store_and_read(teachers):
    values, indices = sparse_soft_targets(ensemble_soft_targets(teachers).log(), 2)
    return densify_soft_targets(values, indices, 5)


def test_making_and_reading_labels_under_vmap():
    teachers = normal(torch.Generator().manual_seed(0), 3, 2, 4, 5)
    looped = torch.stack([store_and_read(t) for t in teachers])
    torch.testing.assert_close(torch.func.vmap(store_and_read)(teachers), looped)


def test_making_and_reading_labels_compiles_into_one_graph():
    teachers = normal(torch.Generator().manual_seed(0), 2, 4, 5)
    torch.compiler.reset()
    compiled = torch.compile(store_and_read, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(teachers), store_and_read(teachers))


def test_arguments_are_left_as_they_were():
    teachers = normal(torch.Generator().manual_seed(0), 2, 4, 5)
    values, indices = sparse_soft_targets(teachers[0], 2)
    arguments = teachers, values, indices
    copies = [x.clone() for x in arguments]
    store_and_read(teachers)
    densify_soft_targets(values, indices, 5)
    assert all(torch.equal(a, b) for a, b in zip(arguments, copies, strict=True))
    assert teachers._version == values._version == indices._version == 0
