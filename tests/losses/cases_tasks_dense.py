"""Losses of segmentation, for `test_laws.py`."""

import torch
from loss_case import Inputs, LossCase, normal

from kdcourse import losses


def pixels(generator, batch):
    """Class maps; about a third of the pixels is ignored, never the first."""
    student, teacher = 2 * normal(generator, 2, batch, 3, 2, 4)
    labels = torch.randint(4, (batch, 2, 4), generator=generator)
    labels[:, 0, 0] = 0
    return Inputs((student,), (teacher,), (torch.where(labels == 3, 255, labels),))


def maps(channels_of_student, channels_of_teacher):
    def make(generator, batch):
        return Inputs(
            (normal(generator, batch, channels_of_student, 2, 4),),
            (normal(generator, batch, channels_of_teacher, 2, 4),),
        )

    return make


CASES = [
    LossCase(
        "segmentation_kd_loss",
        lambda s, t, y: losses.segmentation_kd_loss(*s, *t, *y, temperature=2.5),
        pixels,
        additive=False,
    ),
    LossCase(
        "pairwise_similarity_loss",
        lambda s, t, _: losses.pairwise_similarity_loss(*s, *t),
        maps(3, 5),
        variant="few pixels",
        symmetric=True,
        same_shape=False,
    ),
    LossCase(
        "pairwise_similarity_loss",
        lambda s, t, _: losses.pairwise_similarity_loss(*s, *t),
        maps(3, 2),
        variant="many pixels",
        symmetric=True,
        same_shape=False,
    ),
]
