"""Wrong arguments of the feature losses: a ValueError that says which, what was expected, what came."""

import math
import re

import pytest
import torch
from loss_tools import raises

from kdcourse.losses import (
    activation_boundary_loss,
    attention_map,
    attention_transfer_loss,
    factor_transfer_loss,
    gradient_attention_loss,
    hierarchical_context_loss,
    hint_loss,
    log_sum_loss,
    nst_loss,
    vid_loss,
)

PAIRED = {  # as functions of the student's and the teacher's feature, with the names of the arguments
    "hint_loss": (hint_loss, "student_feature", "teacher_feature"),
    "log_sum_loss": (log_sum_loss, "student", "teacher"),
    "factor_transfer_loss": (factor_transfer_loss, "student_factor", "teacher_factor"),
    "activation_boundary_loss": (activation_boundary_loss, "student", "teacher"),
    "vid_loss": (lambda s, t: vid_loss(s, t, torch.zeros(3)), "student_mean", "teacher"),
    "hierarchical_context_loss": (hierarchical_context_loss, "student", "teacher"),
}
every_pair = pytest.mark.parametrize(("loss", "student", "teacher"), PAIRED.values(), ids=PAIRED.keys())


@every_pair
def test_tensors_are_checked_by_name(loss, student, teacher):
    feature = torch.ones(2, 3, 4, 4)
    for wrong, said in (
        (feature.long(), "torch.int64"),
        (None, "NoneType"),
        (torch.tensor(1.0), "()"),
        (feature[:0], "(0, 3, 4, 4)"),
    ):
        with raises(student, "got", said):
            loss(wrong, feature)
        with raises(teacher, "got", said):
            loss(feature, wrong)
    for shape in ((2, 3, 4, 5), (2, 2, 4, 4), (1, 3, 4, 4), (2, 3, 1, 1), (2, 1, 4, 4)):  # none is broadcast
        with raises(teacher, f"the shape of {student}", "(2, 3, 4, 4)", "got", str(shape)):
            loss(feature, torch.ones(shape))


def test_the_number_of_dimensions_is_checked():
    vector, matrix, scalar = torch.ones(3), torch.ones(3, 3), torch.tensor(1.0)

    def refuses(said):
        return pytest.raises(ValueError, match=f"^{re.escape(said)}$")

    with refuses("student_factor: expected shape (B, C, ...), got (3,)"):
        factor_transfer_loss(vector, vector)
    with refuses("student_mean: expected shape (B, C, ...), got (3,)"):
        vid_loss(vector, vector, vector)
    with refuses("student: expected shape (B, C, H, W), got (3, 3)"):
        hierarchical_context_loss(matrix, matrix)
    for loss, name in (
        (hint_loss, "student_feature"),
        (log_sum_loss, "student"),
        (activation_boundary_loss, "student"),
    ):
        with refuses(f"{name}: expected shape (B, ...), got ()"):
            loss(scalar, scalar)
        assert loss(vector, 2 * vector).isfinite(), "one number a sample will do"


@pytest.mark.parametrize("wrong", [0.99, 0, -2, math.nan, math.inf])
def test_power_must_be_one_or_more(wrong):
    with raises("power", "[1, inf)", f"got {wrong}"):
        log_sum_loss(*torch.zeros(2, 1, 1), power=wrong)


@pytest.mark.parametrize("wrong", [0, 3, 1.5, -1, math.nan, math.inf, "2", None, torch.tensor(1)])
def test_p_must_be_one_or_two(wrong):
    with raises("p", "1 or 2", f"got {wrong!r}"):
        factor_transfer_loss(*torch.ones(2, 1, 1), p=wrong)


@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf])
def test_margin_must_not_be_negative(wrong):
    with raises("margin", "[0, inf)", f"got {wrong}"):
        activation_boundary_loss(*torch.zeros(2, 1, 1), margin=wrong)


@pytest.mark.parametrize("wrong", [0, -1e-5, math.nan, math.inf])
def test_eps_must_be_positive(wrong):
    with raises("eps", "(0, inf)", f"got {wrong}"):
        vid_loss(*torch.zeros(2, 1, 1), torch.zeros(1), eps=wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (torch.zeros(2), "expected shape (3,), one number a channel, got (2,)"),
        (torch.zeros(1), "expected shape (3,), one number a channel, got (1,)"),
        (torch.zeros(3, 1), "expected shape (C,), got (3, 1)"),
        (torch.zeros(()), "expected shape (C,), got ()"),
        (
            torch.zeros(3, dtype=torch.int64),
            "expected a floating-point tensor of shape (C,), got torch.int64",
        ),
        (0.0, "expected a floating-point tensor of shape (C,), got float"),
    ],
    ids=str,
)
def test_raw_scale_must_have_one_number_a_channel(wrong, said):
    with pytest.raises(ValueError, match=f"^raw_scale: {re.escape(said)}"):
        vid_loss(*torch.zeros(2, 2, 3, 4), wrong)


@pytest.mark.parametrize("wrong", [(4, 0), (-1,), (2.0, 1), ("4",), 4, None, torch.tensor([4, 2])])
def test_levels_must_be_positive_whole_numbers(wrong):
    with raises("levels", "a sequence of positive whole numbers", f"got {wrong!r}"):
        hierarchical_context_loss(*torch.zeros(2, 1, 1, 4, 4), levels=wrong)


# ---------------------------------------------------------------- maps over pixels


@pytest.mark.parametrize("loss", [attention_transfer_loss, nst_loss])
def test_features_are_checked_by_name(loss):
    feature = torch.ones(2, 3, 4, 4)
    for wrong, said in (
        (feature.long(), "got torch.int64"),
        ([1.0], "got list"),
        (feature[0], "shape (B, C, H, W), got (3, 4, 4)"),
        (feature[None], "shape (B, C, H, W), got (1, 2, 3, 4, 4)"),
        (feature[:, :0], "no empty dimension, got (2, 0, 4, 4)"),
    ):
        with raises("student_feature", said):
            loss(wrong, feature)
        with raises("teacher_feature", said):
            loss(feature, wrong)
    with raises("teacher_feature", "the batch size of student_feature, 2", "got 1"):
        loss(feature, feature[:1])


def test_maps_have_four_dimensions():
    for wrong, said in ((torch.ones(3, 4), "got (3, 4)"), (torch.ones(1, 2, 2, 2).bool(), "got torch.bool")):
        with raises("feature", "(B, C, H, W)", said):
            attention_map(wrong)
    said = "feature: expected shape (B, C, H, W), got (3,)"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        attention_map(torch.ones(3))
    for wrong in (torch.ones(3), torch.ones(3, 3, 3)):
        said = f"expected shape (B, C, H, W), got {tuple(wrong.shape)}"
        for loss in (attention_transfer_loss, nst_loss):
            with pytest.raises(ValueError, match=f"^student_feature: {re.escape(said)}$"):
                loss(wrong, wrong)
            with pytest.raises(ValueError, match=f"^teacher_feature: {re.escape(said)}$"):
                loss(torch.ones(1, 1, 1, 1), wrong)


@pytest.mark.parametrize("wrong", [0.99, 0, -2, math.nan, math.inf])
def test_power_of_a_map_must_be_one_or_more(wrong):
    feature = torch.ones(1, 1, 2, 2)
    with raises("power", "[1, inf)", f"got {wrong}"):
        attention_map(feature, power=wrong)
    with raises("power", "[1, inf)", f"got {wrong}"):
        attention_transfer_loss(feature, feature, power=wrong)


def test_gradients_of_one_shape_are_compared():
    student = torch.ones(2, 3)
    with raises("teacher_gradient", "the shape of student_gradient, (2, 3)", "got (2, 1)"):
        gradient_attention_loss(student, torch.ones(2, 1))
    said = "student_gradient: expected shape (B, ...), got ()"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        gradient_attention_loss(torch.tensor(1.0), torch.tensor(1.0))
    with raises("teacher_gradient", "got NoneType"):
        gradient_attention_loss(student, None)
