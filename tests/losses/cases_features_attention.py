"""The losses on attention, neuron selectivity and input gradients, for `test_laws.py`."""

from loss_case import Inputs, LossCase, normal

from kdcourse import losses


def maps(generator, batch):
    student, teacher = normal(generator, 2, batch, 3, 4, 2)
    return Inputs((student,), (teacher,))


def unlike_maps(generator, batch):
    """Other channels, and one map higher, the other wider."""
    return Inputs((normal(generator, batch, 2, 5, 3),), (normal(generator, batch, 4, 3, 4),))


def wide_maps(generator, batch):
    """Many channels on few pixels."""
    return Inputs((normal(generator, batch, 7, 2, 2),), (normal(generator, batch, 5, 2, 2),))


CASES = [
    LossCase(
        "attention_transfer_loss",
        lambda s, t, _: losses.attention_transfer_loss(*s, *t),
        maps,
        symmetric=True,
    ),
    LossCase(
        "attention_transfer_loss",
        lambda s, t, _: losses.attention_transfer_loss(*s, *t, power=3),
        unlike_maps,
        variant="power 3, unlike shapes",
        symmetric=True,
        same_shape=False,
    ),
    LossCase(
        "attention_guided_loss",
        lambda s, t, _: losses.attention_guided_loss(*s, *t, tau=0.7),
        maps,
        symmetric=True,
        constant_parts=True,  # the masks; test_features_attention.py checks the gradient
    ),
    LossCase("nst_loss", lambda s, t, _: losses.nst_loss(*s, *t), maps, symmetric=True),
    LossCase(
        "nst_loss",
        lambda s, t, _: losses.nst_loss(*s, *t),
        wide_maps,
        variant="more channels than pixels",
        symmetric=True,
        same_shape=False,
    ),
    LossCase(
        "nst_loss",
        lambda s, t, _: losses.nst_loss(*s, *t),
        unlike_maps,
        variant="unlike shapes",
        symmetric=True,
        same_shape=False,
    ),
    LossCase(
        "gradient_attention_loss",
        lambda s, t, _: losses.gradient_attention_loss(*s, *t),
        maps,
        symmetric=True,
    ),
]
