"""Losses of the edges of boxes, for `test_laws.py`."""

import torch
from loss_case import Inputs, LossCase, normal

from kdcourse import losses


def edges(generator, batch):
    """Targets inside the range of six bins, none on a bin; they have the teacher's place."""
    target = 0.1 + 4.8 * torch.rand(batch, 4, generator=generator, dtype=torch.float64)
    return Inputs((2 * normal(generator, batch, 4, 6),), (target,))


CASES = [
    LossCase(
        "distribution_focal_loss",
        lambda s, y, _: losses.distribution_focal_loss(*s, *y),
        edges,
        zero_at_equality=False,  # edges between two bins keep an entropy
        equal=lambda inputs: inputs,
        same_shape=False,
    )
]
