"""Losses of detectors, for `test_laws.py`."""

import torch
from loss_case import Inputs, LossCase, normal

from kdcourse import losses


def boxes(generator, batch):
    student, teacher, target = normal(generator, 3, batch, 4)
    return Inputs((student,), (teacher,), (target,))


def bins(generator, batch):
    student, teacher = 2 * normal(generator, 2, batch, 4, 5)
    return Inputs((student,), (teacher,))


def regions(generator, batch):
    """The weights of the classes stand in a row for each region, so that `rows` may index them."""
    student, teacher = 2 * normal(generator, 2, batch, 5)
    weights = torch.tensor([1.5, 1.0, 1.0, 0.0, 0.5], dtype=torch.float64)
    return Inputs((student,), (teacher,), (weights.repeat(batch, 1),))


CASES = [
    LossCase(
        "bounded_regression_loss",
        lambda s, t, y: losses.bounded_regression_loss(*s, *t, *y),
        boxes,
        shows_nan=False,  # a teacher's NaN is only compared with
    ),
    LossCase(
        "bounded_regression_loss",
        lambda s, t, y: losses.bounded_regression_loss(*s, *t, *y, margin=0.5),
        boxes,
        variant="margin",
        zero_at_equality=False,
        shows_nan=False,
    ),
    LossCase(
        "localization_distillation_loss",
        lambda s, t, _: losses.localization_distillation_loss(*s, *t, temperature=2.5),
        bins,
    ),
    LossCase(
        "class_weighted_soft_cross_entropy",
        lambda s, t, w: losses.class_weighted_soft_cross_entropy(*s, *t, w[0][0]),
        regions,
        zero_at_equality=False,
    ),
]
