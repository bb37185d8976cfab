"""Losses of detectors: plain loops, sums by hand, gates, bins, weights."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_tools import gradient, normal, probabilities, raises

from kdcourse.losses import (
    bounded_regression_loss,
    class_weighted_soft_cross_entropy,
    localization_distillation_loss,
    soft_cross_entropy,
    soft_target_loss,
)

some = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)
INF, NAN = math.inf, math.nan


def several(number, *shape, seed=0):
    return normal(number, *shape, seed=seed).unbind()


# ---------------------------------------------------------------- bounded regression


def loop_bounded(student, teacher, target, margin):
    total = 0.0
    for s, t, y in zip(student.tolist(), teacher.tolist(), target.tolist()):
        error = sum((a - b) ** 2 for a, b in zip(s, y))
        if error + margin > sum((a - b) ** 2 for a, b in zip(t, y)):
            total += error
    return total / len(student)


@pytest.mark.parametrize("margin", [0.0, 0.7, 3, -0.7])
@pytest.mark.parametrize("shape", [(6, 4), (1, 4), (5, 1), (3, 7)])
def test_bounded_regression_agrees_with_a_plain_loop(shape, margin):
    boxes = several(3, *shape)
    got = bounded_regression_loss(*boxes, margin=margin)
    assert got.item() == pytest.approx(loop_bounded(*boxes, margin), rel=1e-12, abs=1e-15)


TRUTH = torch.zeros(4, 2)
TEACHER = torch.tensor([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 0.0]])  # all its squared errors are 4
STUDENT = torch.tensor([[3.0, 0.0], [0.0, 2.0], [1.0, 1.0], [0.0, 0.0]])  # 9, 4, 2, 0


def test_bounded_regression_by_hand():
    assert bounded_regression_loss(STUDENT, TEACHER, TRUTH).item() == 9 / 4
    assert bounded_regression_loss(STUDENT, TEACHER, TRUTH, margin=0.5).item() == (9 + 4) / 4
    assert bounded_regression_loss(STUDENT, TEACHER, TRUTH, margin=2.5).item() == (9 + 4 + 2) / 4
    assert bounded_regression_loss(STUDENT, TEACHER, TRUTH, margin=-4.5).item() == 9 / 4
    assert bounded_regression_loss(STUDENT, TEACHER, TRUTH, margin=-5.5).item() == 0


def test_the_gate_is_strict():
    """An error as large as the teacher's, to the last bit, is good enough."""
    for margin, expected in ((0.0, 0.0), (2.0, 0.0), (2.0 + 1e-6, 2.0)):
        student = torch.tensor([[1.0, 1.0]]) if margin else torch.tensor([[2.0, 0.0]])
        assert bounded_regression_loss(student, TEACHER[:1], TRUTH[:1], margin=margin).item() == expected


def test_bounded_regression_has_margin_zero_by_default_and_keyword_only():
    assert bounded_regression_loss(STUDENT, STUDENT, TRUTH).item() == 0
    assert bounded_regression_loss(STUDENT, STUDENT, TRUTH, margin=1e-3).item() == 15 / 4
    with pytest.raises(TypeError, match="positional"):
        bounded_regression_loss(STUDENT, TEACHER, TRUTH, 0.5)


def test_a_gate_and_not_a_hinge():
    """Just beyond the bound the whole error counts; its gradient is that of the error to the truth."""
    got = gradient(bounded_regression_loss, STUDENT, TEACHER, TRUTH)
    assert torch.equal(got, torch.tensor([[2 * 3.0 / 4, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
    below, above = torch.tensor([[1.999, 0.0]]), torch.tensor([[2.001, 0.0]])
    assert bounded_regression_loss(below, TEACHER[:1], TRUTH[:1]).item() == 0
    assert bounded_regression_loss(above, TEACHER[:1], TRUTH[:1]).item() == pytest.approx(2.001**2)


def test_reported_bug_the_gate_is_decided_box_by_box():
    """A popular port opens one gate for the batch: one bad box would pull at all the good ones."""
    got = gradient(bounded_regression_loss, STUDENT, TEACHER, TRUTH)
    assert got[0].any() and not got[1:].any()
    alone = [
        bounded_regression_loss(STUDENT[i : i + 1], TEACHER[i : i + 1], TRUTH[i : i + 1]) for i in range(4)
    ]
    assert [x.item() for x in alone] == [9.0, 0.0, 0.0, 0.0]


def test_the_teachers_box_is_a_bound_and_no_target():
    elsewhere = -TEACHER  # as far from the truth
    assert torch.equal(
        gradient(bounded_regression_loss, STUDENT, TEACHER, TRUTH),
        gradient(bounded_regression_loss, STUDENT, elsewhere, TRUTH),
    )


def test_only_the_student_is_trained():
    boxes = [x.clone().requires_grad_() for x in (STUDENT, TEACHER, TRUTH)]
    bounded_regression_loss(*boxes).backward()
    assert boxes[0].grad.any() and boxes[1].grad is None and boxes[2].grad is None


@some
@given(seeds, st.floats(-20.0, 20.0), st.floats(0.1, 10.0), st.floats(-1.0, 1.0))
def test_bounded_regression_moves_and_scales_with_the_image(seed, shift, scale, margin):
    s, t, y = several(3, 5, 4, seed=seed)
    plain = bounded_regression_loss(s, t, y, margin=margin)
    torch.testing.assert_close(bounded_regression_loss(s + shift, t + shift, y + shift, margin=margin), plain)
    scaled = bounded_regression_loss(scale * s, scale * t, scale * y, margin=scale**2 * margin)
    torch.testing.assert_close(scaled, scale**2 * plain)
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(
        bounded_regression_loss(s[:, order], t[:, order], y[:, order], margin=margin), plain
    )


def test_a_students_nan_does_not_hide_behind_its_gate():
    for teacher in (TEACHER, TEACHER * INF):
        student = STUDENT.clone()
        student[2, 1] = NAN
        assert bounded_regression_loss(student, teacher, TRUTH).isnan()
    assert bounded_regression_loss(STUDENT, TEACHER, TRUTH + NAN).isnan()


def test_targets_of_another_dtype():
    value = bounded_regression_loss(STUDENT.bfloat16(), TEACHER, TRUTH.double())
    assert value.dtype == torch.bfloat16 and value.item() == 9 / 4
    far = 1e6 + 0.25  # float32 has it exactly, bfloat16 not at all
    student = torch.tensor([[2.0]], dtype=torch.bfloat16)
    got = bounded_regression_loss(student, torch.tensor([[far - 1e8]]), torch.tensor([[far]]), margin=1e20)
    assert got.item() == pytest.approx((far - 2) ** 2, rel=2**-8)
    precise = bounded_regression_loss(
        torch.ones(1, 1), torch.ones(1, 1), torch.tensor([[1 + 1e-10]]).double()
    )
    assert precise.item() == 0
    target = torch.tensor([[1 + 1e-10]], dtype=torch.float64)
    precise = bounded_regression_loss(torch.ones(1, 1), torch.ones(1, 1), target, margin=1)
    assert precise.item() == pytest.approx(1e-20, rel=1e-5)


def test_wrong_boxes():
    with raises("teacher", "shape of student, (4, 2)", "got (3, 2)"):
        bounded_regression_loss(STUDENT, TEACHER[:3], TRUTH)
    with raises("target", "shape of student, (4, 2)", "got (1, 2)"):
        bounded_regression_loss(STUDENT, TEACHER, TRUTH[:1])
    for wrong, said in (
        (STUDENT[0], "(N, D), got (2,)"),
        (STUDENT[:0], "no empty"),
        (STUDENT.long(), "int64"),
    ):
        with raises("student", said):
            bounded_regression_loss(wrong, TEACHER, TRUTH)
        with raises("teacher", said):
            bounded_regression_loss(STUDENT, wrong, TRUTH)
        with raises("target", said):
            bounded_regression_loss(STUDENT, TEACHER, wrong)
    for margin in (INF, -INF, NAN):
        with raises("margin", "a finite number", f"got {margin}"):
            bounded_regression_loss(STUDENT, TEACHER, TRUTH, margin=margin)
    with raises("margin", "a plain number", "got NoneType"):
        bounded_regression_loss(STUDENT, TEACHER, TRUTH, margin=None)


# ---------------------------------------------------------------- localization distillation


def loop_localization(student, teacher, temperature):
    edges = []
    for s, t in zip(student.flatten(0, 1).tolist(), teacher.flatten(0, 1).tolist()):
        p, q = probabilities(t, temperature), probabilities(s, temperature)
        edges.append(sum(a * (math.log(a) - math.log(b)) for a, b in zip(p, q)))
    assert len(edges) == 4 * len(student)
    return temperature**2 * sum(edges) / len(edges)


@pytest.mark.parametrize("temperature", [1.0, 2.5, 10.0])
@pytest.mark.parametrize(("boxes", "bins"), [(3, 5), (1, 17), (2, 1)])
def test_localization_agrees_with_a_plain_loop(boxes, bins, temperature):
    student, teacher = several(2, boxes, 4, bins)
    got = localization_distillation_loss(student, teacher, temperature=temperature)
    expected = loop_localization(student, teacher, temperature)
    assert got.item() == pytest.approx(expected, rel=1e-10, abs=1e-13)


def test_localization_by_hand():
    # One edge of four: teacher 3/4 and 1/4, student 1/2 and 1/2; the others agree.
    student, teacher = torch.zeros(1, 4, 2, dtype=torch.float64), torch.zeros(1, 4, 2, dtype=torch.float64)
    teacher[0, 2, 0] = 2 * math.log(3)
    divergence = 0.75 * math.log(3 / 2) + 0.25 * math.log(1 / 2)
    got = localization_distillation_loss(student, teacher, temperature=2.0)
    assert got.item() == pytest.approx(4 * divergence / 4, rel=1e-13)


def test_localization_is_at_temperature_10_by_default_and_keyword_only():
    student, teacher = several(2, 2, 4, 5)
    explicit = localization_distillation_loss(student, teacher, temperature=10.0)
    assert torch.equal(localization_distillation_loss(student, teacher), explicit)
    with pytest.raises(TypeError, match="positional"):
        localization_distillation_loss(student, teacher, 10.0)


def test_each_edge_is_a_classification():
    student, teacher = several(2, 3, 4, 5)
    rows = soft_target_loss(student.flatten(0, 1), teacher.flatten(0, 1), temperature=2.5)
    torch.testing.assert_close(localization_distillation_loss(student, teacher, temperature=2.5), rows)


def test_reported_bug_92_bins_are_summed():
    """A mean over bins is 17 times too small. Bins that nobody believes in change nothing."""
    student, teacher = several(2, 3, 4, 5)
    empty = torch.full((3, 4, 12), -1e4, dtype=torch.float64)
    more = localization_distillation_loss(torch.cat([student, empty], 2), torch.cat([teacher, empty], 2))
    torch.testing.assert_close(more, localization_distillation_loss(student, teacher))


@some
@given(seeds)
def test_localization_takes_edges_and_bins_in_any_order(seed):
    student, teacher = several(2, 3, 4, 5, seed=seed)
    plain = localization_distillation_loss(student, teacher)
    for dim, order in ((1, [2, 0, 3, 1]), (2, [4, 2, 0, 3, 1])):
        moved = [x.index_select(dim, torch.tensor(order)) for x in (student, teacher)]
        torch.testing.assert_close(localization_distillation_loss(*moved), plain)
        assert (localization_distillation_loss(moved[0], teacher) - plain).abs() > 1e-9
    shift = 10 * normal(3, 4, 1, seed=seed)
    torch.testing.assert_close(localization_distillation_loss(student + shift, teacher), plain)


def test_wrong_bins():
    good = normal(2, 4, 5)
    for wrong in (normal(2, 5, 4), normal(2, 3, 5), normal(4, 2, 5)):
        with raises("student_bins", "(N, 4, n), four edges of a box", f"got {tuple(wrong.shape)}"):
            localization_distillation_loss(wrong, wrong)
    with raises("teacher_bins", "shape of student_bins, (2, 4, 5)", "got (2, 4, 6)"):
        localization_distillation_loss(good, normal(2, 4, 6))
    for wrong, said in ((good[0], "(N, 4, n), got (4, 5)"), (good[:0], "no empty dimension"), (3.0, "float")):
        with raises("student_bins", said):
            localization_distillation_loss(wrong, good)
        with raises("teacher_bins", said):
            localization_distillation_loss(good, wrong)
    for temperature in (0, -2.0, NAN, INF):
        with raises("temperature", "(0, inf)", f"got {temperature}"):
            localization_distillation_loss(good, good, temperature=temperature)


# ---------------------------------------------------------------- class-weighted soft cross-entropy


def loop_weighted(student, teacher, weights):
    total = 0.0
    for s, t in zip(student.tolist(), teacher.tolist()):
        p, q = probabilities(t), probabilities(s)
        total -= sum(w * a * math.log(b) for w, a, b in zip(weights.tolist(), p, q))
    return total / len(student)


@pytest.mark.parametrize(("rows", "classes"), [(4, 5), (1, 2), (3, 1)])
def test_class_weights_agree_with_a_plain_loop(rows, classes):
    student, teacher = several(2, rows, classes)
    weights = 1 + normal(classes, seed=2).abs()
    got = class_weighted_soft_cross_entropy(student, teacher, weights)
    assert got.item() == pytest.approx(loop_weighted(student, teacher, weights), rel=1e-11, abs=1e-15)


def test_class_weights_by_hand():
    student = torch.zeros(2, 2, dtype=torch.float64)
    teacher = torch.tensor([[math.log(3), 0.0], [0.0, 0.0]], dtype=torch.float64)  # 3/4 1/4, 1/2 1/2
    weights = torch.tensor([1.5, 1.0], dtype=torch.float64)
    by_hand = math.log(2) * (1.5 * 0.75 + 0.25 + 1.5 * 0.5 + 0.5) / 2
    assert class_weighted_soft_cross_entropy(student, teacher, weights).item() == pytest.approx(by_hand)


def test_class_weights_are_not_normalised():
    student, teacher = several(2, 4, 5)
    ones = torch.ones(5, dtype=torch.float64)
    plain = soft_cross_entropy(student, teacher)
    torch.testing.assert_close(class_weighted_soft_cross_entropy(student, teacher, ones), plain)
    torch.testing.assert_close(class_weighted_soft_cross_entropy(student, teacher, 3 * ones), 3 * plain)
    assert class_weighted_soft_cross_entropy(student, teacher, 0 * ones).item() == 0


@some
@given(seeds)
def test_weights_go_with_their_classes(seed):
    student, teacher = several(2, 4, 5, seed=seed)
    weights = torch.tensor([1.5, 1.0, 0.0, 2.0, 0.5], dtype=torch.float64)
    parts = sum(
        w * class_weighted_soft_cross_entropy(student, teacher, one)
        for w, one in zip(weights, torch.eye(5, dtype=torch.float64))
    )
    plain = class_weighted_soft_cross_entropy(student, teacher, weights)
    torch.testing.assert_close(plain, parts)
    order = torch.tensor([4, 2, 0, 3, 1])
    moved = class_weighted_soft_cross_entropy(student[:, order], teacher[:, order], weights[order])
    torch.testing.assert_close(moved, plain)
    assert (class_weighted_soft_cross_entropy(student, teacher, weights[order]) - plain).abs() > 1e-9


def test_class_weights_are_constants_of_any_floating_dtype():
    student, teacher = several(2, 4, 5)
    weights = torch.tensor([1.5, 1.0, 0.0, 2.0, 0.5], requires_grad=True)
    value = class_weighted_soft_cross_entropy(student.requires_grad_(), teacher, weights)
    assert value.dtype == torch.float64
    value.backward()
    assert weights.grad is None and student.grad.any()
    half = class_weighted_soft_cross_entropy(
        student.detach().bfloat16(), teacher.bfloat16(), weights.double()
    )
    assert half.dtype == torch.bfloat16 and half.item() == pytest.approx(value.item(), rel=0.02)


def test_wrong_class_weights():
    student, teacher = several(2, 4, 3)
    for weights, said in (
        (torch.ones(2), "shape (3,), one weight a class, got (2,)"),
        (torch.ones(4), "shape (3,), one weight a class, got (4,)"),
        (torch.ones(4, 3), "shape (C,), got (4, 3)"),
        (torch.ones(3, dtype=torch.int64), "got torch.int64"),
        ([1.0, 1.0, 1.0], "got list"),
        (torch.tensor([1.0, -0.5, 2.0]), "finite weights, none negative, got values from -0.5 to 2"),
        (torch.tensor([1.0, NAN, 2.0]), "none negative, got values from nan to nan"),
        (torch.tensor([1.0, INF, 2.0]), "none negative, got values from 1 to inf"),
    ):
        with raises("class_weights", said):
            class_weighted_soft_cross_entropy(student, teacher, weights)
    with raises("teacher_logits", "shape of student_logits, (4, 3)", "got (4, 2)"):
        class_weighted_soft_cross_entropy(student, teacher[:, :2], torch.ones(3))
    with raises("student_logits", "(B, C), got (3,)"):
        class_weighted_soft_cross_entropy(student[0], teacher, torch.ones(3))


# ---------------------------------------------------------------- defects of other libraries


def test_peer_defect_13_no_gradient_reaches_the_teacher():
    """Several libraries let the gradient flow into the teacher, which may then move to please the student."""
    scale, student = torch.tensor(2.0, requires_grad=True), normal(2, 4, 4).float()
    losses = (
        lambda s, t: bounded_regression_loss(s[0], t[0], s[0].detach() + 1, margin=100.0),
        localization_distillation_loss,
        lambda s, t: class_weighted_soft_cross_entropy(s[0], t[0], torch.ones(4)),
    )
    for loss in losses:
        leaf = student.clone().requires_grad_()
        loss(leaf, scale * student.flip(-1)).backward()
        assert scale.grad is None and leaf.grad.any()


def test_peer_defect_15_equal_logits_are_zero_apart():
    """A library swapped input and target of the divergence, without a logarithm: -21.8 for equal logits."""
    student, teacher = several(2, 3, 4, 5)
    assert localization_distillation_loss(teacher, teacher.clone()).item() == 0
    assert localization_distillation_loss(student, teacher) > 0
