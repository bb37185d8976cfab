"""Mutual learning and self-distillation, for `test_laws.py`.

One net is the student, another the teacher, a third, constant, peer stands with the labels. Shallow exits are
students and the deepest the teacher, cut off from its labels (its own gradient: `test_online.py`).
"""

import torch
from loss_case import Inputs, LossCase, normal

from kdcourse import losses


def nets(students):
    def make(generator, batch):
        *student, teacher, third = 2 * normal(generator, students + 2, batch, 5)
        return Inputs(tuple(student), (teacher,), (torch.randint(5, (batch,), generator=generator), third))

    return make


def self_distillation(s, t, rest):
    deepest = [z.detach() if isinstance(z, torch.Tensor) else z for z in t]
    return losses.self_distillation_loss([*s, *deepest], rest[0], temperature=2.5, alpha=0.3)


CASES = [
    LossCase(
        "mutual_losses",
        lambda s, t, rest: losses.mutual_losses([*s, *t], rest[0])[0],
        nets(1),
        zero_at_equality=False,
    ),
    LossCase(
        "mutual_losses",
        lambda s, t, rest: losses.mutual_losses([*t, *s, rest[1]], rest[0])[1],
        nets(1),
        variant="two peers",
        zero_at_equality=False,
    ),
    LossCase("self_distillation_loss", self_distillation, nets(1), zero_at_equality=False),
    LossCase(
        "self_distillation_loss", self_distillation, nets(2), variant="three exits", zero_at_equality=False
    ),
]
