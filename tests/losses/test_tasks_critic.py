"""A critic's losses against plain loops and sums by hand; whom each of them trains."""

import pytest
import torch
from loss_tools import normal, raises
from torch import nn

from kdcourse.losses import adversarial_loss, critic_hinge_loss


@pytest.mark.parametrize("shape", [(5,), (3, 1), (2, 1, 2, 3)])
def test_critic_losses_agree_with_plain_loops(shape):
    student, teacher = 2 * normal(2, *shape)
    of_teacher = [max(0.0, 1 - d) for d in teacher.flatten().tolist()]
    of_student = [max(0.0, 1 + d) for d in student.flatten().tolist()]
    expected = sum(of_teacher) / len(of_teacher) + sum(of_student) / len(of_student)
    assert critic_hinge_loss(student, teacher).item() == pytest.approx(expected, rel=1e-12)
    mean = sum(student.flatten().tolist()) / student.numel()
    assert adversarial_loss(student).item() == pytest.approx(-mean, rel=1e-12)


def test_critic_losses_by_hand():
    student, teacher = torch.tensor([-3.0, 0.0, 2.0, -1.0]), torch.tensor([0.0, 4.0, -1.0, 1.0])
    assert critic_hinge_loss(student, teacher).item() == (0 + 1 + 3 + 0) / 4 + (1 + 0 + 2 + 0) / 4
    assert critic_hinge_loss(teacher, student).item() == (1 + 5 + 0 + 2) / 4 + (4 + 1 + 0 + 2) / 4
    assert adversarial_loss(student).item() == 0.5
    nothing = torch.zeros(3, 1)
    assert critic_hinge_loss(nothing, nothing).item() == 2 and adversarial_loss(nothing).item() == 0


def test_the_critic_is_trained_on_both():
    student = torch.tensor([-3.0, 0.0, 2.0, -0.5], requires_grad=True)
    teacher = torch.tensor([0.0, 4.0, -1.0, 2.0], requires_grad=True)
    critic_hinge_loss(student, teacher).backward()
    assert student.grad.tolist() == [0.0, 0.25, 0.25, 0.25]
    assert teacher.grad.tolist() == [-0.25, 0.0, -0.25, 0.0]


def test_the_student_pleases_the_critic():
    student = normal(2, 1, 2, 2).requires_grad_()
    adversarial_loss(student).backward()
    assert torch.equal(student.grad, torch.full_like(student, -1 / 8))


def test_reported_bug_120_the_critics_step_can_leave_the_networks_alone():
    """Detached maps keep its gradient from them; the student's own step goes through the critic."""
    torch.manual_seed(0)
    student, teacher, critic = nn.Conv2d(1, 2, 1), nn.Conv2d(1, 2, 1), nn.Conv2d(2, 1, 1)
    x = torch.randn(2, 1, 3, 3)
    critic_hinge_loss(critic(student(x).detach()), critic(teacher(x).detach())).backward()
    assert student.weight.grad is None and teacher.weight.grad is None and critic.weight.grad.any()
    adversarial_loss(critic(student(x))).backward()
    assert student.weight.grad.any() and teacher.weight.grad is None


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_critic_losses_in_every_dtype(dtype):
    student, teacher = normal(2, 500).to(dtype)
    for got, exact in (
        (critic_hinge_loss(student, teacher), critic_hinge_loss(student.double(), teacher.double())),
        (adversarial_loss(student), adversarial_loss(student.double())),
    ):
        assert got.shape == () and got.dtype == dtype
        # Wide inside: one rounding is left.
        assert got.item() == pytest.approx(exact.item(), rel=max(0.6 * torch.finfo(dtype).eps, 1e-6))
    assert critic_hinge_loss(student, teacher.double()).dtype == dtype
    assert critic_hinge_loss(student.double(), teacher).dtype == torch.float64


def test_half_precision_scores_are_not_rounded_on_the_way():
    """1 + score and the mean are taken in float32: in bfloat16, three of these four sums would be 2."""
    scores = torch.tensor([1 + 2**-7] * 3 + [1 + 2**-6], dtype=torch.bfloat16)  # mean of the sums: 2.0098
    sure = torch.full_like(scores, 2.0)
    assert critic_hinge_loss(scores, sure).item() == 2 + 2**-6
    assert critic_hinge_loss(-sure, -scores).item() == 2 + 2**-6


def test_critic_losses_of_several_seeds_at_once():
    student, teacher = normal(2, 3, 4, 1)
    for loss, arguments in ((critic_hinge_loss, (student, teacher)), (adversarial_loss, (student,))):
        one_by_one = list(zip(*arguments))
        torch.testing.assert_close(
            torch.func.vmap(loss)(*arguments), torch.stack([loss(*row) for row in one_by_one])
        )
        inner = torch.func.vmap(torch.func.grad(loss))(*arguments)
        torch.testing.assert_close(inner, torch.stack([torch.func.grad(loss)(*row) for row in one_by_one]))


def test_wrong_scores():
    good = normal(3, 1)
    with raises("teacher_scores", "shape of student_scores, (3, 1)", "got (2, 1)"):
        critic_hinge_loss(good, good[:2])
    for wrong, said in (
        (torch.tensor(1.0), "(B, ...), got ()"),
        (good[:0], "no empty"),
        (good.long(), "int64"),
    ):
        with raises("student_scores", said):
            critic_hinge_loss(wrong, good)
        with raises("teacher_scores", said):
            critic_hinge_loss(good, wrong)
        with raises("student_scores", said):
            adversarial_loss(wrong)
