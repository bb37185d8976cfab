"""The loss on angles between samples, for `test_laws.py`."""

from loss_case import Inputs, LossCase, normal

from kdcourse import losses


def embeddings(generator, batch):
    return Inputs((normal(generator, batch, 3),), (2 * normal(generator, batch, 4),))


CASES = [
    LossCase(
        "rkd_angle_loss",
        lambda s, t, _: losses.rkd_angle_loss(*s, *t),
        embeddings,
        symmetric=True,
        same_shape=False,
        additive=False,
    ),
]
