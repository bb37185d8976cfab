"""The loss on angles between samples against the formula: plain loops, sums by hand, invariances, memory."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from largest_tensor import largest_tensor
from loss_tools import close, normal, orthogonal, raises, with_gradient

from kdcourse.losses import relations_angles, rkd_angle_loss

some = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)


def example(batch=5, of_student=3, of_teacher=4, seed=0):
    return normal(batch, of_student, seed=seed), 2 * normal(batch, of_teacher, seed=seed + 1)


# ---------------------------------------------------------------- the formula, one number at a time


def loop_cosine(i, j, k):
    """The cosine of the angle at j."""
    a, b = ([x - y for x, y in zip(point, j)] for point in (i, k))
    length = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b)) / length if length else 0.0


def loop_angle(student, teacher):
    total, n = 0.0, range(len(student))
    for j in n:
        for i in n:
            for k in n:
                u = loop_cosine(student[i], student[j], student[k])
                u -= loop_cosine(teacher[i], teacher[j], teacher[k])
                total += u * u / 2 if abs(u) <= 1 else abs(u) - 0.5
    return total / len(student) ** 3


def broadcast_angle(student, teacher):
    """The textbook form, with all angles in memory, for autograd."""
    cosines = []
    for x in (student, teacher):
        difference = x[None] - x[:, None]
        null = (difference == 0).all(dim=2, keepdim=True)
        length = torch.where(null, 1.0, difference).norm(dim=2, keepdim=True)
        unit = torch.where(null, 0.0, difference / length)
        cosines.append(unit @ unit.mT)
    return F.smooth_l1_loss(*cosines)


@pytest.mark.parametrize(
    ("batch", "of_student", "of_teacher"), [(1, 2, 2), (2, 3, 1), (3, 2, 2), (5, 4, 2), (7, 3, 8)]
)
def test_values_equal_the_loop(batch, of_student, of_teacher):
    student, teacher = example(batch, of_student, of_teacher, seed=batch)
    expected = loop_angle(student.tolist(), teacher.tolist())
    assert rkd_angle_loss(student, teacher).item() == pytest.approx(expected, rel=1e-11, abs=1e-15)


def test_values_with_repeated_rows_equal_the_loop():
    for rows in ([0, 0, 1, 2], [0, 1, 1, 0], [0, 0, 0, 0], [2, 1, 2, 2]):
        student, teacher = example(4)
        for pair in ((student[rows], teacher), (student, teacher[rows]), (student[rows], teacher[rows])):
            expected = loop_angle(*(x.tolist() for x in pair))
            assert rkd_angle_loss(*pair).item() == pytest.approx(expected, rel=1e-11, abs=1e-15)


def test_values_by_hand():
    # A right angle at the origin and two of 45°, against three of 60°; i = k and all else cancels.
    student = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    teacher = torch.eye(3, dtype=torch.float64)
    half = math.sqrt(0.5)
    expected = 2 * (0.5**2 / 2 + 2 * (half - 0.5) ** 2 / 2) / 27
    assert rkd_angle_loss(student, teacher).item() == pytest.approx(expected, rel=1e-13)
    # On a line one point lies between the others: cosines -1, 1, 1 and 1, -1, 1; smooth L1 of 2 is 1.5.
    student = torch.tensor([[1.0], [0.0], [2.0]], dtype=torch.float64)
    teacher = torch.tensor([[0.0], [1.0], [2.0]], dtype=torch.float64)
    value, gradient = with_gradient(rkd_angle_loss, student, teacher)
    assert value.item() == pytest.approx(2 * (1.5 + 1.5) / 27, rel=1e-13)
    assert gradient.abs().max() < 1e-15, "on a line no small step changes an angle"


def test_a_repeated_sample_by_hand():
    """Samples 0 and 1 are one in the student: of the angles with both, all cosines are 0."""
    student = torch.tensor([[0.0], [0.0], [1.0]], dtype=torch.float64)
    teacher = torch.eye(3, dtype=torch.float64)
    # At 0 and at 1: cosine 0 for the pairs with the other, and for the other with itself, where the teacher's
    # is 1; only 2 with 2 agrees. At 2: 1 against 1/2, and both with themselves agree.
    expected = (2 * (0.5**2 / 2 * 2 + 1 / 2) + 0.5**2 / 2 * 2) / 27
    assert rkd_angle_loss(student, teacher).item() == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(("batch", "of_student", "of_teacher"), [(3, 2, 2), (6, 3, 5), (9, 1, 2)])
def test_gradients_equal_those_of_the_textbook_form(batch, of_student, of_teacher):
    student, teacher = example(batch, of_student, of_teacher, seed=3)
    if of_student > 1:
        student[1] = student[0]
    value, gradient = with_gradient(rkd_angle_loss, student, teacher)
    expected, expected_gradient = with_gradient(broadcast_angle, student, teacher)
    close(value, expected)
    close(gradient, expected_gradient)
    value = rkd_angle_loss(student.requires_grad_(), teacher)
    close(torch.autograd.grad(-3 * value, student)[0], -3 * expected_gradient)


@pytest.mark.parametrize("portion", [1, 300, 7 * 11, 2 * 7 * 11, 3 * 7 * 11, 7 * 7 * 11, 10**6])
def test_any_portion_gives_the_same(portion):
    student, teacher = example(7, 3, 4)
    expected, expected_gradient = with_gradient(broadcast_angle, student, teacher)
    value, gradient = relations_angles._value_and_gradient(student, teacher, portion)
    close(value, expected)
    close(gradient, expected_gradient)


def test_a_batch_that_takes_several_portions():
    student, teacher = example(90, 3, 5)
    expected, expected_gradient = with_gradient(broadcast_angle, student, teacher)
    value, gradient = with_gradient(rkd_angle_loss, student, teacher)
    close(value, expected)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-9, atol=1e-15)


def test_memory_does_not_grow_with_the_cube_of_the_batch():
    """Angles at a few vertices only: three tensors of at most 2**19 numbers, where 160**3 is 8 times that."""
    student, teacher = normal(160, 4).float(), normal(160, 5).float()
    assert largest_tensor(lambda s: rkd_angle_loss(s, teacher), student) <= 3 * 2**19 < 160**3 / 2
    # The size of the embeddings counts too, be it that of the teacher.
    student, teacher = normal(20, 2).float(), normal(20, 10_000).float()
    assert largest_tensor(lambda s: rkd_angle_loss(s, teacher), student) <= 2**19 < 20 * 20 * 10_000


# ---------------------------------------------------------------- what changes nothing, and what does


@some
@given(seeds, st.floats(0.01, 100), st.floats(-10, 10))
def test_either_net_may_be_moved_turned_and_scaled(seed, factor, shift):
    student, teacher = example(seed=seed)
    value = rkd_angle_loss(student, teacher)
    for moved in (
        factor * student,
        -student,
        student @ orthogonal(3, seed),
        student + shift * normal(3, seed=seed + 2),
    ):
        close(rkd_angle_loss(moved, teacher), value)
    for moved in (
        factor * teacher,
        -teacher,
        teacher @ orthogonal(4, seed),
        teacher + shift * normal(4, seed=seed + 2),
    ):
        close(rkd_angle_loss(student, moved), value)


@some
@given(seeds)
def test_the_order_of_the_samples_does_not_matter_but_their_pairing_does(seed):
    student, teacher = example(seed=seed)
    value = rkd_angle_loss(student, teacher)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    close(rkd_angle_loss(student[order], teacher[order]), value)
    assert abs(rkd_angle_loss(student[[1, 0, 2, 3, 4]], teacher) - value) > 1e-9


def test_stretching_one_direction_matters():
    student, teacher = example()
    stretched = student * torch.tensor([2.0, 1.0, 1.0])
    assert abs(rkd_angle_loss(stretched, teacher) - rkd_angle_loss(student, teacher)) > 1e-4
    squared = rkd_angle_loss(student.square(), teacher)
    assert abs(squared - rkd_angle_loss(student, teacher)) > 1e-4


def test_no_gradient_moves_or_scales_all():
    _, gradient = with_gradient(rkd_angle_loss, *example())
    assert gradient.sum(dim=0).abs().max() < 1e-15 < gradient.abs().max()
    assert abs((gradient * example()[0]).sum()) < 1e-15


# ---------------------------------------------------------------- edge cases


@pytest.mark.parametrize("batch", [1, 2])
def test_one_or_two_samples_form_no_angle(batch):
    value, gradient = with_gradient(rkd_angle_loss, *example(batch))
    assert abs(value) < 1e-15 and gradient.abs().max() < 1e-15


def test_all_rows_equal():
    """All cosines are 0."""
    equal, other = torch.full((4, 3), 7.0), normal(4, 2).float()
    value, gradient = with_gradient(rkd_angle_loss, equal, equal)
    assert value == 0 and not gradient.any()
    expected = loop_angle(equal.tolist(), other.tolist())
    for pair in ((equal, other), (other, equal)):
        value, gradient = with_gradient(rkd_angle_loss, *pair)
        assert value.item() == pytest.approx(expected, rel=1e-6)
        assert gradient.isfinite().all()
    assert not with_gradient(rkd_angle_loss, equal, other)[1].any()


@pytest.mark.parametrize("gap", [1e-3, 1e-5, 1e-6])
def test_float32_keeps_its_digits_where_embeddings_are_close(gap):
    student, teacher = normal(12, 6).float(), normal(12, 5, seed=1).float()
    student[1] = student[0] * (1 + gap)
    student[6:] = student[:6] + gap * student[6:]
    value, gradient = with_gradient(rkd_angle_loss, student, teacher)
    exact, exact_gradient = with_gradient(rkd_angle_loss, student.double(), teacher.double())
    assert value.item() == pytest.approx(exact.item(), rel=2e-6)
    torch.testing.assert_close(
        gradient.double(), exact_gradient, rtol=0, atol=1e-5 * exact_gradient.abs().max()
    )


@pytest.mark.parametrize("offset", [100, 1000])
def test_float32_keeps_its_digits_far_from_the_origin(offset):
    student, teacher = normal(12, 6).float() + offset, normal(12, 5, seed=1).float() - offset
    value, gradient = with_gradient(rkd_angle_loss, student, teacher)
    exact, exact_gradient = with_gradient(rkd_angle_loss, student.double(), teacher.double())
    assert value.item() == pytest.approx(exact.item(), rel=2e-6)
    torch.testing.assert_close(
        gradient.double(), exact_gradient, rtol=0, atol=1e-5 * exact_gradient.abs().max()
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_vanishing_differences_count_as_none(dtype):
    """Where their squares, or those of 1 / distance, leave the range of numbers."""
    student, teacher = example(4)
    for size in (torch.finfo(dtype).tiny ** 0.46, torch.finfo(dtype).tiny ** 0.5, torch.finfo(dtype).tiny):
        small = torch.cat([torch.zeros(1, 3), size * torch.eye(3)]).to(dtype)
        value, gradient = with_gradient(rkd_angle_loss, small, teacher.to(dtype))
        expected, _ = with_gradient(rkd_angle_loss, torch.zeros_like(small), teacher.to(dtype))
        assert torch.equal(value, expected)
        assert not gradient.any()
    small = (torch.finfo(dtype).tiny ** 0.44 * student).to(dtype)
    value, gradient = with_gradient(rkd_angle_loss, small, teacher.to(dtype))
    torch.testing.assert_close(value, rkd_angle_loss(student.to(dtype), teacher.to(dtype)))
    assert gradient.isfinite().all() and gradient.any()


# ---------------------------------------------------------------- autograd and its transformations


def test_a_second_derivative_is_refused():
    """Silence would be wrong: the gradient is a constant of the graph."""
    student, teacher = example()
    student.requires_grad_()
    for other in (0.0, student.square().sum()):
        value = 2 * rkd_angle_loss(student, teacher) + other
        (gradient,) = torch.autograd.grad(value, student, create_graph=True)
        with pytest.raises(RuntimeError, match="rkd_angle_loss has no second derivative"):
            gradient.square().sum().backward()
    with pytest.raises(RuntimeError, match="rkd_angle_loss has no second derivative"):
        torch.func.jacrev(torch.func.grad(rkd_angle_loss))(student.detach(), teacher)


def test_a_factor_in_front_has_a_gradient():
    student, teacher = example()
    weight = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    value, gradient = with_gradient(rkd_angle_loss, student, teacher)
    student.requires_grad_()
    (weight * rkd_angle_loss(student, teacher)).backward()
    close(weight.grad, value)
    close(student.grad, 3 * gradient)


def test_vmap_over_students_teachers_and_both():
    students, teachers = normal(3, 5, 3), normal(3, 5, 4, seed=1)
    for in_dims, pairs in (
        ((0, None), [(student, teachers[0]) for student in students]),
        ((None, 0), [(students[0], teacher) for teacher in teachers]),
    ):
        stacked = [x[0] if dim is None else x for x, dim in zip((students, teachers), in_dims)]
        values = torch.func.vmap(rkd_angle_loss, in_dims)(*stacked)
        close(values, torch.stack([rkd_angle_loss(*pair) for pair in pairs]))
        gradients = torch.func.vmap(torch.func.grad(rkd_angle_loss), in_dims)(*stacked)
        close(gradients, torch.stack([with_gradient(rkd_angle_loss, *pair)[1] for pair in pairs]))
    last = torch.func.vmap(rkd_angle_loss, (2, 1))(students.permute(1, 2, 0), teachers.transpose(0, 1))
    close(last, torch.stack([rkd_angle_loss(*p) for p in zip(students, teachers)]))
    total = torch.func.grad(lambda s: torch.func.vmap(rkd_angle_loss)(s, teachers).sum())(students)
    close(total, torch.stack([with_gradient(rkd_angle_loss, *p)[1] for p in zip(students, teachers)]))


def test_without_grad():
    student, teacher = example()
    with torch.no_grad():
        value = rkd_angle_loss(student.requires_grad_(), teacher)
    assert not value.requires_grad
    close(value, with_gradient(rkd_angle_loss, student.detach(), teacher)[0])


# ---------------------------------------------------------------- wrong arguments


def test_embeddings_must_be_floating_point_matrices_of_one_batch():
    good = torch.ones(3, 4)
    for wrong, said in (
        (torch.zeros(3), "(3,)"),
        (torch.zeros(3, 2, 2), "(B, D), got (3, 2, 2)"),
        (torch.zeros(0, 4), "(0, 4)"),
        (torch.zeros(3, 0), "(3, 0)"),
        (torch.zeros(3, 4, dtype=torch.int64), "torch.int64"),
        (np.zeros((3, 4)), "ndarray"),
        (None, "NoneType"),
    ):
        with raises("student", said):
            rkd_angle_loss(wrong, good)
        with raises("teacher", said):
            rkd_angle_loss(good, wrong)
    with raises("teacher", "batch size of student, 3", "got 2"):
        rkd_angle_loss(good, torch.ones(2, 4))


# ---------------------------------------------------------------- defects of other libraries


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_peer_defect_11_a_duplicated_row_has_a_moderate_gradient(dtype):
    """It reaches 2e10 where the difference of zero is divided by its length plus a little."""
    student, teacher = (x.to(dtype) for x in example(8))
    student[3] = student[0]
    value, gradient = with_gradient(rkd_angle_loss, student, teacher)
    assert value.item() == pytest.approx(loop_angle(student.tolist(), teacher.tolist()), rel=1e-5)
    assert gradient.isfinite().all() and 1e-4 < gradient.abs().max() < 0.1
    _, expected = with_gradient(broadcast_angle, student.double(), teacher.double())
    torch.testing.assert_close(gradient.double(), expected, rtol=1e-4, atol=1e-6)


def test_peer_defect_13_the_teacher_is_a_constant():
    """No gradient reaches it, whether or not the student is trained."""
    student, teacher = example()
    teacher.requires_grad_()
    assert not rkd_angle_loss(student, teacher).requires_grad
    rkd_angle_loss(student.requires_grad_(), teacher).backward()
    assert teacher.grad is None and student.grad.any()
