"""The feature losses, for `test_laws.py`."""

from loss_case import Inputs, LossCase, normal

from kdcourse import losses


def maps(generator, batch):
    student, teacher = normal(generator, 2, batch, 3, 5, 4)
    return Inputs((student,), (teacher,))


def embeddings(generator, batch):
    student, teacher = normal(generator, 2, batch, 6)
    return Inputs((student,), (teacher,))


def with_raw_scale(generator, batch):
    return Inputs(
        (normal(generator, batch, 3, 4, 2), normal(generator, 3)), (normal(generator, batch, 3, 4, 2),)
    )


CASES = [
    LossCase("hint_loss", lambda s, t, _: losses.hint_loss(*s, *t), maps, symmetric=True),
    LossCase(
        "log_sum_loss",
        lambda s, t, _: losses.log_sum_loss(*s, *t),
        embeddings,
        zero_at_equality=False,
        symmetric=True,
        additive=False,
        steepest=None,  # the gradient is of the order of power over the largest difference
    ),
    LossCase(
        "factor_transfer_loss",
        lambda s, t, _: losses.factor_transfer_loss(*s, *t),
        maps,
        symmetric=True,
    ),
    LossCase(
        "factor_transfer_loss",
        lambda s, t, _: losses.factor_transfer_loss(*s, *t, p=2),
        maps,
        variant="p=2",
        symmetric=True,
    ),
    LossCase(
        "activation_boundary_loss",
        lambda s, t, _: losses.activation_boundary_loss(*s, *t),
        maps,
        zero_at_equality=False,
        shows_nan=False,  # of the teacher only the sign counts
    ),
    LossCase(
        "vid_loss",
        lambda s, t, _: losses.vid_loss(s[0], *t, s[1]),
        with_raw_scale,
        zero_at_equality=False,
        symmetric=True,
        batched=False,  # the variances belong to the channels
        steepest=1e5,  # the gradient of a variance is quadratic in the error
    ),
    LossCase(
        "hierarchical_context_loss",
        lambda s, t, _: losses.hierarchical_context_loss(*s, *t),
        maps,
        symmetric=True,
    ),
    LossCase(
        "hierarchical_context_loss",
        lambda s, t, _: losses.hierarchical_context_loss(*s, *t, levels=(2, 3, 1, 9)),
        maps,
        variant="other levels",
        symmetric=True,
    ),
]
