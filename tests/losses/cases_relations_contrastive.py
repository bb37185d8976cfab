"""Contrastive losses, for `test_laws.py`."""

from loss_case import Inputs, LossCase, normal

from kdcourse import losses


def embeddings(generator, batch):
    student, teacher = normal(generator, 2, batch, 5)
    return Inputs((student,), (teacher,))


CASES = [
    LossCase(
        "infonce_loss",
        lambda s, t, _: losses.infonce_loss(*s, *t, temperature=0.4),
        embeddings,
        zero_at_equality=False,
        additive=False,
    ),
]
