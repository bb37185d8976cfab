"""The shared arithmetic: directions where there are some, zeros with zero gradients where there are none."""

import math

import pytest
import torch

from kdcourse.losses import _numerics as numerics


def gradient_of_sum(function, x):
    x = x.clone().requires_grad_()
    weights = torch.arange(1.0, x.numel() + 1, dtype=x.dtype).view_as(x)
    return torch.autograd.grad((weights * function(x)).sum(), x)[0]


def test_half_precision_is_widened_and_the_rest_is_left():
    for dtype in (torch.bfloat16, torch.float16):
        assert numerics.wide(torch.zeros(1, dtype=dtype)).dtype == torch.float32
    for dtype in (torch.float32, torch.float64):
        x = torch.zeros(1, dtype=dtype)
        assert numerics.wide(x) is x


@pytest.mark.parametrize(
    ("of_student", "of_teacher", "common"),
    [
        (torch.bfloat16, torch.bfloat16, torch.float32),
        (torch.bfloat16, torch.float16, torch.float32),
        (torch.float32, torch.float64, torch.float64),
        (torch.float64, torch.bfloat16, torch.float64),
    ],
)
def test_a_pair_gets_one_dtype_and_the_teacher_loses_its_graph(of_student, of_teacher, common):
    student = torch.ones(2, dtype=of_student, requires_grad=True)
    teacher = torch.ones(2, dtype=of_teacher, requires_grad=True)
    s, t = numerics.wide_pair(student, teacher)
    assert s.dtype == t.dtype == common
    assert s.requires_grad and not t.requires_grad


def test_unit_by_hand():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0], [-2.0, 0.0]], dtype=torch.float64)
    expected = torch.tensor([[0.6, 0.8], [0.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(numerics.unit(x), expected)
    torch.testing.assert_close(numerics.unit(x.T, dim=0), expected.T)
    both = numerics.unit(x[None], dim=(1, 2))
    torch.testing.assert_close(both, x[None] / math.sqrt(29))


def test_a_zero_vector_has_no_direction_and_no_gradient():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]], dtype=torch.float64)
    gradient = gradient_of_sum(numerics.unit, x)
    # (w - (w.u) u) / |x| with w = (1, 2), u = (0.6, 0.8), |x| = 5
    torch.testing.assert_close(gradient[0], torch.tensor([1 - 1.32, 2 - 1.76], dtype=torch.float64) / 5)
    assert not gradient[1].any()


def test_products_keep_their_precision_under_autocast():
    a = torch.full((1, 8), 1 + 2**-12)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (a @ a.T).dtype == torch.bfloat16
        product = numerics.matmul(a, a.T)
    assert product.dtype == torch.float32
    assert product.item() == pytest.approx(8 * (1 + 2**-12) ** 2, rel=1e-7)


def test_divergence_by_hand():
    teacher = torch.tensor([[math.log(3), 0.0], [0.0, 0.0]], dtype=torch.float64)
    student = torch.zeros(2, 2, dtype=torch.float64)
    by_hand = 0.75 * math.log(3 / 2) + 0.25 * math.log(1 / 2)
    expected = torch.tensor([by_hand, 0.0], dtype=torch.float64)
    torch.testing.assert_close(numerics.divergence(teacher, student), expected)
    torch.testing.assert_close(numerics.divergence(teacher.T, student.T, dim=0), expected)
    torch.testing.assert_close(numerics.mean_divergence(teacher, student), expected.mean())
    pair = teacher.expand(3, 2, 2), student.expand(3, 2, 2)
    torch.testing.assert_close(numerics.mean_divergence(*pair), expected.mean())
    apart = torch.tensor([[1e4, -1e4]]), torch.tensor([[-1e4, 1e4]])
    assert numerics.divergence(*apart).item() == 2e4
    assert numerics.mean_divergence(*apart).item() == 2e4


def test_softening_divides_and_leaves_logits_alone_at_temperature_one():
    logits = torch.tensor([[2.0, -6.0]])
    assert numerics.soften(logits, 4.0).tolist() == [[0.5, -1.5]]
    assert numerics.soften(logits, 1) is logits


def test_cross_entropy_has_one_value_wherever_it_is_computed():
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]], dtype=torch.float64)
    labels = torch.tensor([1, 0])
    by_hand = (math.log(4 / 3) + math.log(2)) / 2
    assert numerics.cross_entropy(logits, labels).item() == pytest.approx(by_hand)
    stacked = torch.func.vmap(numerics.cross_entropy)(logits.expand(3, 2, 2), labels.expand(3, 2))
    torch.testing.assert_close(stacked, torch.full((3,), by_hand, dtype=torch.float64))
    # Shared labels can be looked at while the logits of many nets are mapped over.
    shared = torch.func.vmap(numerics.cross_entropy, in_dims=(0, None))(logits.expand(3, 2, 2), labels)
    torch.testing.assert_close(shared, stacked)
    # Labels that are mapped over cannot be looked at, and -100 must not disappear.
    with pytest.raises((RuntimeError, IndexError), match=r"bounds|range"):
        mapped = torch.tensor([[1, 0], [-100, 0]])
        torch.func.vmap(numerics.cross_entropy, in_dims=(None, 0))(logits, mapped)
