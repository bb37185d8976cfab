"""The response losses, for `test_laws.py`."""

import torch
from loss_case import Inputs, LossCase, normal

from kdcourse import losses


def logits(generator, batch, classes=5):
    student, teacher = 2 * normal(generator, 2, batch, classes)
    return Inputs((student,), (teacher,), (torch.randint(classes, (batch,), generator=generator),))


CASES = [
    LossCase(
        "soft_cross_entropy",
        lambda s, t, _: losses.soft_cross_entropy(*s, *t, temperature=2.5),
        logits,
        zero_at_equality=False,
    ),
    LossCase("soft_target_loss", lambda s, t, _: losses.soft_target_loss(*s, *t, temperature=2.5), logits),
    LossCase(
        "kd_loss",
        lambda s, t, y: losses.kd_loss(*s, *t, *y, temperature=2.5, alpha=0.7),
        logits,
        zero_at_equality=False,
    ),
    LossCase(
        "logit_matching_loss", lambda s, t, _: losses.logit_matching_loss(*s, *t), logits, symmetric=True
    ),
    *(
        LossCase(
            "generalized_jsd",
            lambda s, t, _, beta=beta: losses.generalized_jsd(*s, *t, beta=beta),
            logits,
            variant=f"beta={beta}",
            symmetric=beta == 0.5,
        )
        for beta in (0, 0.01, 0.3, 0.5, 0.9, 1)
    ),
]
