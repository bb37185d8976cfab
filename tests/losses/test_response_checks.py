"""Wrong arguments of the response losses: a ValueError that says which, what was expected, what came."""

import math

import numpy as np
import pytest
import torch
from loss_tools import raises

from kdcourse.losses import kd_loss, logit_matching_loss, soft_cross_entropy, soft_target_loss

LOGITS = torch.zeros(3, 4)
LABELS = torch.tensor([0, 3, 1])
PAIRED = {  # all four, as functions of the two logits
    "soft_cross_entropy": soft_cross_entropy,
    "soft_target_loss": soft_target_loss,
    "kd_loss": lambda s, t: kd_loss(s, t, LABELS),
    "logit_matching_loss": logit_matching_loss,
}
every_pair = pytest.mark.parametrize("loss", PAIRED.values(), ids=PAIRED.keys())
TEMPERED = {  # those with a temperature
    "soft_cross_entropy": soft_cross_entropy,
    "soft_target_loss": soft_target_loss,
    "kd_loss": lambda s, t, **options: kd_loss(s, t, LABELS, **options),
}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (torch.zeros(4), "(4,)"),
        (torch.zeros(3, 4, 1), "(3, 4, 1)"),
        (torch.tensor(0.0), "()"),
        (torch.zeros(0, 4), "(0, 4)"),
        (torch.zeros(3, 0), "(3, 0)"),
        (torch.zeros(3, 4, dtype=torch.int64), "torch.int64"),
        (torch.zeros(3, 4, dtype=torch.bool), "torch.bool"),
        (torch.zeros(3, 4, dtype=torch.complex64), "torch.complex64"),
        ([[0.0] * 4] * 3, "list"),
        (np.zeros((3, 4)), "ndarray"),
        (None, "NoneType"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@every_pair
def test_logits_must_be_floating_point_matrices(loss, wrong, said):
    with raises("student_logits", "got", said):
        loss(wrong, LOGITS)
    with raises("teacher_logits", "got", said):
        loss(LOGITS, wrong)


@pytest.mark.parametrize("shape", [(3, 5), (2, 4), (1, 4), (3, 1), (4, 3)])
@every_pair
def test_logits_must_have_one_shape(loss, shape):
    """Also where broadcasting would go through: one teacher row for the whole batch is likely a mistake."""
    with raises("teacher_logits", "(3, 4)", "got", str(shape)):
        loss(LOGITS, torch.zeros(shape))


@pytest.mark.parametrize("wrong", [0, 0.0, -1, -2.5, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("loss", TEMPERED.values(), ids=TEMPERED.keys())
def test_temperature_must_be_positive_and_finite(loss, wrong):
    with raises("temperature", "(0, inf)", f"got {wrong}"):
        loss(LOGITS, LOGITS, temperature=wrong)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan, math.inf])
def test_alpha_must_be_a_share(wrong):
    with raises("alpha", "[0, 1]", f"got {wrong}"):
        kd_loss(LOGITS, LOGITS, LABELS, alpha=wrong)


@pytest.mark.parametrize("wrong", [torch.tensor(0.5), "0.5", None, 0.5j, [0.5]], ids=repr)
def test_hyper_parameters_must_be_plain_numbers(wrong):
    got = "a tensor; use float(...)" if isinstance(wrong, torch.Tensor) else type(wrong).__name__
    for loss in TEMPERED.values():
        with raises("temperature", "plain number", f"got {got}"):
            loss(LOGITS, LOGITS, temperature=wrong)
    with raises("alpha", "plain number", f"got {got}"):
        kd_loss(LOGITS, LOGITS, LABELS, alpha=wrong)


def test_numbers_of_any_kind_will_do():
    student = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    expected = kd_loss(student, LOGITS, LABELS, temperature=2.0, alpha=1.0)
    for two, one in ((2, 1), (2, True), (np.float64(2), np.float32(1)), (np.int64(2), np.int64(1))):
        assert torch.equal(kd_loss(student, LOGITS, LABELS, temperature=two, alpha=one), expected)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (torch.tensor([0, 4, 1]), "in 0 .. 3, got values from 0 to 4"),
        (torch.tensor([0, -1, 1]), "in 0 .. 3, got values from -1 to 1"),
        (torch.tensor([0, -100, 1]), "in 0 .. 3, got values from -100 to 1"),
        (torch.tensor([0.0, 1.0, 2.0]), "got torch.float32"),
        (torch.tensor([0, 1, 2], dtype=torch.int32), "got torch.int32"),
        (torch.tensor([True, False, True]), "got torch.bool"),
        (torch.tensor([0, 1]), "expected shape (3,) to go with the logits, got (2,)"),
        (torch.tensor([[0], [1], [2]]), "got (3, 1)"),
        (torch.eye(4, dtype=torch.int64)[:3], "got (3, 4)"),
        (torch.tensor(1), "got ()"),
        ([0, 1, 2], "got list"),
        (None, "got NoneType"),
    ],
)
def test_labels_must_be_class_indices(wrong, said):
    with pytest.raises(ValueError, match=r"^labels: expected .*") as caught:
        kd_loss(LOGITS, LOGITS, wrong)
    assert said in str(caught.value)


def test_bad_arguments_are_found_before_compiling_too():
    torch.compiler.reset()
    compiled = torch.compile(soft_target_loss, backend="eager")
    with pytest.raises(ValueError, match="temperature"):
        compiled(LOGITS, LOGITS, temperature=-1.0)
