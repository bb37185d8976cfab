"""Contrast: its noise-contrastive loss by itself, the kind without a memory, wrong arguments."""

import math

import pytest
import torch

from kdcourse.losses import infonce_loss
from kdcourse.models import ContrastiveMemory, InBatchContrast, noise_contrastive_loss


def batch():
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(3, size, generator=generator, dtype=torch.float64) for size in (4, 5))


# ---------------------------------------------------------------- the loss of the memory


def test_noise_contrastive_loss_by_hand():
    # Z = 2 and K / N = 2 / 4: P(s) = (e^s / 2) / (e^s / 2 + 1 / 2) = sigmoid(s)
    positive, negative = torch.tensor([0.0, math.log(3)]), torch.tensor([[0.0, 0.0], [math.log(3), 0.0]])
    expected = (math.log(2) + 2 * math.log(2) + math.log(4 / 3) + math.log(4) + math.log(2)) / 2
    got = noise_contrastive_loss(positive, negative, log_partition=math.log(2), num_samples=4)
    assert got.item() == pytest.approx(expected, rel=1e-6)


def test_noise_contrastive_loss_has_no_largest_score():
    positive = torch.tensor([-1e4, 1e4], requires_grad=True)
    negative = torch.tensor([[1e4, -1e4], [0.0, 1e4]], requires_grad=True)
    loss = noise_contrastive_loss(positive, negative, log_partition=3.0, num_samples=10)
    loss.backward()
    assert loss.isfinite() and positive.grad.abs().max() <= 1 and negative.grad.abs().max() <= 1


# ---------------------------------------------------------------- without a memory


def test_in_batch_contrast_is_the_loss_in_both_directions():
    torch.manual_seed(0)
    part = InBatchContrast(4, 5, 3, 0.3).double()
    student, teacher = batch()
    s, t = part.student_head(student), part.teacher_head(teacher)
    expected = infonce_loss(s, t, temperature=0.3) + infonce_loss(t, s, temperature=0.3)
    torch.testing.assert_close(part(student, teacher), expected)


def test_in_batch_contrast_by_hand():
    part = InBatchContrast(2, 2, 2, 1.0)
    with torch.no_grad():
        for head in (part.student_head, part.teacher_head):
            head.weight.copy_(torch.eye(2))
            head.bias.zero_()
    # Each row meets its own at cosine 1 and the other at 0, in both directions.
    assert part(torch.eye(2), 3 * torch.eye(2)).item() == pytest.approx(2 * math.log1p(math.exp(-1)))


def test_in_batch_contrast_defaults():
    part = InBatchContrast(2, 2)
    assert part.temperature == 0.1 and part.student_head.out_features == 128


def test_in_batch_contrast_trains_student_and_both_heads():
    part, (student, teacher) = InBatchContrast(4, 5, 3).double(), batch()
    student.requires_grad_()
    teacher.requires_grad_()
    part(student, teacher).backward()
    assert student.grad.abs().sum() > 0 and teacher.grad is None
    assert all(p.grad.abs().sum() > 0 for p in (part.student_head.weight, part.teacher_head.weight))
    one_way = infonce_loss(part.student_head(student), part.teacher_head(teacher))
    torch.testing.assert_close(student.grad, torch.autograd.grad(one_way, student)[0])


# ---------------------------------------------------------------- errors


def call(**changes):
    arguments = {
        "student_feature": torch.zeros(2, 4),
        "teacher_feature": torch.zeros(2, 5),
        "sample_index": torch.tensor([0, 1]),
    }
    return ContrastiveMemory(12, 4, 5, embedding_dim=3, negatives=6)(**(arguments | changes))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: ContrastiveMemory(1, 2, 2), "num_samples: expected at least 2, .* got 1"),
        (lambda: ContrastiveMemory(0, 2, 2), "num_samples: expected a whole number"),
        (lambda: ContrastiveMemory(9, 0, 2), "student_dim: expected a whole number"),
        (lambda: ContrastiveMemory(9, 2, 0), "teacher_dim: expected a whole number"),
        (lambda: ContrastiveMemory(9, 2, 2, embedding_dim=0), "embedding_dim: expected a whole number"),
        (lambda: ContrastiveMemory(9, 2, 2, negatives=0), "negatives: expected a whole number"),
        (lambda: ContrastiveMemory(9, 2, 2, temperature=0), "temperature: expected a finite number"),
        (lambda: ContrastiveMemory(9, 2, 2, momentum=1.1), r"momentum: expected a finite number in \[0, 1\]"),
        (
            lambda: call(student_feature=torch.zeros(2, 3)),
            r"student_feature: expected 4 numbers a sample, got shape \(2, 3\)",
        ),
        (lambda: call(student_feature=torch.zeros(2)), r"student_feature: expected 4 numbers a sample"),
        (lambda: call(teacher_feature=torch.zeros(2, 4)), "teacher_feature: expected 5 numbers a sample"),
        (
            lambda: call(teacher_feature=torch.zeros(3, 5)),
            "teacher_feature: expected the batch size of student_feature, 2, got 3",
        ),
        (
            lambda: call(sample_index=[0, 1]),
            r"sample_index: expected an int64 tensor of shape \(2,\), got list",
        ),
        (
            lambda: call(sample_index=torch.zeros(2)),
            "sample_index: expected an int64 tensor .* got torch.float32",
        ),
        (lambda: call(sample_index=torch.tensor([0])), r"sample_index: .* \(2,\), got shape \(1,\)"),
        (lambda: call(sample_index=torch.tensor([[0, 1]])), r"sample_index: .* got shape \(1, 2\)"),
        (
            lambda: call(sample_index=torch.tensor([0, 12])),
            r"sample_index: expected places in 0 .. 11, got values from 0 to 12",
        ),
        (lambda: call(sample_index=torch.tensor([-1, 2])), "sample_index: expected places .* from -1 to 2"),
        (
            lambda: call(negative_index=torch.tensor([1, 2])),
            r"negative_index: .* \(2, 'K'\), got shape \(2,\)",
        ),
        (lambda: call(negative_index=torch.ones(3, 4).long()), r"negative_index: .* got shape \(3, 4\)"),
        (lambda: call(negative_index=torch.ones(2, 0).long()), r"negative_index: .* got shape \(2, 0\)"),
        (lambda: call(negative_index=torch.full((2, 1), 12)), "negative_index: expected places"),
        (lambda: InBatchContrast(0, 2), "student_dim: expected a whole number"),
        (lambda: InBatchContrast(2, 2, 2, 0.0), "temperature: expected a finite number"),
        (
            lambda: InBatchContrast(2, 3)(torch.zeros(4, 3), torch.zeros(4, 3)),
            "student_feature: expected 2 numbers",
        ),
        (
            lambda: InBatchContrast(2, 3)(torch.zeros(4, 2), torch.zeros(4, 2)),
            "teacher_feature: expected 3 numbers",
        ),
        (
            lambda: InBatchContrast(2, 3)(torch.zeros(4, 2), torch.zeros(5, 3)),
            "teacher_feature: .* student_feature, 4, got 5",
        ),
    ],
)
def test_wrong_arguments(wrong, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        wrong()
