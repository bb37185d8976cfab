"""Losses on relations within a sample, for `test_laws.py`."""

from loss_case import Inputs, LossCase, normal

from kdcourse import losses


def two_layers(generator, batch):
    """FSP: three channels, then two; the student's maps shrink on the way, the teacher's are of one size."""
    student = normal(generator, batch, 3, 4, 6), normal(generator, batch, 2, 2, 3)
    return Inputs(student, (normal(generator, batch, 3, 3, 5), normal(generator, batch, 2, 3, 5)))


def channels(generator, batch):
    return Inputs((normal(generator, batch, 4, 3, 5),), (normal(generator, batch, 4, 2, 4),))


CASES = [
    # Products of features, squared: the gradient grows with their third power.
    LossCase(
        "fsp_loss",
        lambda s, t, _: losses.fsp_loss(*s, *t),
        two_layers,
        symmetric=True,
        same_shape=False,
        steepest=None,
    ),
    LossCase(
        "ickd_loss", lambda s, t, _: losses.ickd_loss(*s, *t), channels, symmetric=True, same_shape=False
    ),
]
