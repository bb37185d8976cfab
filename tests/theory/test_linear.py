import math

import pytest
import torch

from kdcourse.theory import linear_student, principal_angle


def draws(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


# ---------------------------------------------------------------- angles


def test_angles_agree_with_the_arc_cosine():
    u, v = draws(20, 6), draws(20, 6, seed=1)
    cosine = (u * v).sum(1).abs() / (u.norm(dim=1) * v.norm(dim=1))
    torch.testing.assert_close(principal_angle(u, v), torch.arccos(cosine))


def test_known_angles():
    e1, e2 = torch.eye(3)[:2]
    assert principal_angle(e1, e1).item() == 0 and principal_angle(e1, -7 * e1).item() == 0
    assert principal_angle(e1, e2).item() == pytest.approx(math.pi / 2)
    assert principal_angle(e1, -e1 + math.sqrt(3) * e2).item() == pytest.approx(math.pi / 3)


def test_small_angles_and_extreme_lengths_keep_their_digits():
    u = torch.tensor([1.0, 0.0])
    for angle in (1e-4, 1e-7, 1e-12):
        v = torch.tensor([1.0, angle])
        assert principal_angle(u, v).item() == pytest.approx(angle, rel=1e-5)
        assert principal_angle(1e30 * u, -1e-30 * v).item() == pytest.approx(angle, rel=1e-4)


def test_vectors_without_direction_and_unequal_shapes():
    with pytest.raises(ValueError, match="second: expected no vector of zeros"):
        principal_angle(torch.ones(2, 3), torch.tensor([[1.0, 0, 0], [0, 0, 0]]))
    with pytest.raises(ValueError, match="second: expected the shape of first"):
        principal_angle(torch.ones(3), torch.ones(4))


# ---------------------------------------------------------------- students


def test_the_student_is_the_closest_point_of_the_span():
    w, x = draws(7), draws(3, 7, seed=1)
    student = linear_student(w, x)
    coefficients = torch.linalg.lstsq(x.T, student[:, None]).solution
    torch.testing.assert_close(x.T @ coefficients, student[:, None])  # it lies in the span
    torch.testing.assert_close(
        x @ (w - student), torch.zeros(3, dtype=torch.float64)
    )  # and the rest is normal
    torch.testing.assert_close(linear_student(student, x), student)
    torch.testing.assert_close(linear_student(w, 100 * x[[2, 0, 1, 0]]), student)


def test_gradient_descent_from_zero_ends_there():
    w, x = draws(6), draws(3, 6, seed=2)
    student = torch.zeros(6, dtype=torch.float64)
    for _ in range(5000):
        student -= 0.05 * x.T @ (x @ student - x @ w)
    torch.testing.assert_close(student, linear_student(w, x))
    assert (student - w).norm() > 0.1


@pytest.mark.parametrize("n", [5, 9])
def test_inputs_that_span_the_space_give_the_teacher(n):
    w = draws(2, 5)
    torch.testing.assert_close(linear_student(w, draws(n, 5, seed=1)), w)


def test_repeated_and_zero_inputs():
    w, x = draws(4, dtype=torch.float32), draws(1, 4, seed=1, dtype=torch.float32)
    torch.testing.assert_close(linear_student(w, x.expand(6, 4)), linear_student(w, x))
    assert not linear_student(w, torch.zeros(3, 4)).any()
    with pytest.raises(ValueError, match="inputs: expected 4 numbers a row"):
        linear_student(w, torch.zeros(3, 5))
