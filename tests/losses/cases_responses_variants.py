"""The variants of response losses, for `test_laws.py`."""

from cases_responses import logits
from loss_case import Inputs, LossCase, normal

from kdcourse import losses


def features_and_variance(generator, batch):
    student, teacher, log_variance = normal(generator, 3, batch, 3, 2, 4)
    return Inputs((student, 0.5 * log_variance), (teacher,))


def two_classes(generator, batch):
    return logits(generator, batch, classes=2)


def decoupled(**options):
    return lambda s, t, y: losses.decoupled_kd_loss(*s, *t, *y, **options)


def dist(**options):
    return lambda s, t, _: losses.dist_loss(*s, *t, **options)


CASES = [
    LossCase(
        "standardized_soft_target_loss",
        lambda s, t, _: losses.standardized_soft_target_loss(*s, *t, temperature=1.5),
        logits,
    ),
    LossCase("decoupled_kd_loss", decoupled(temperature=2.5), logits),
    LossCase("decoupled_kd_loss", decoupled(beta=0.0, temperature=1.0), logits, variant="target only"),
    LossCase("decoupled_kd_loss", decoupled(alpha=0.0, temperature=1.0), logits, variant="others only"),
    LossCase("decoupled_kd_loss", decoupled(), two_classes, variant="two classes"),
    LossCase(
        "dist_loss",
        dist(beta=0.7, gamma=1.9, temperature=2.5),
        logits,
        symmetric=True,
        additive=False,
    ),
    LossCase("dist_loss", dist(gamma=0.0), logits, variant="within samples", symmetric=True),
    LossCase(
        "dist_loss",
        dist(beta=0.0),
        logits,
        variant="across the batch",
        symmetric=True,
        additive=False,
    ),
    LossCase(
        "prime_aware_loss",
        lambda s, t, _: losses.prime_aware_loss(s[0], *t, s[1]),
        features_and_variance,
        zero_at_equality=False,
        symmetric=True,
        steepest=1e5,  # the gradient to the variance is the squared error
    ),
]
