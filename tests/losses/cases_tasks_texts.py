"""Losses of Transformers of text, for `test_laws.py`."""

import torch
from loss_case import Inputs, LossCase, normal

from kdcourse import losses


def scores(generator, batch):
    student, teacher = 2 * normal(generator, 2, batch, 2, 4, 4)
    lengths = torch.randint(1, 5, (batch, 1), generator=generator)
    return Inputs((student,), (teacher,), (torch.arange(4) < lengths,))


def states(generator, batch):
    student, teacher = normal(generator, 2, batch, 4, 3)
    lengths = torch.randint(1, 5, (batch, 1), generator=generator)
    return Inputs((student,), (teacher,), (torch.arange(4) < lengths,))


CASES = [
    LossCase(
        "attention_score_loss",
        lambda s, t, m: losses.attention_score_loss(*s, *t, *m),
        scores,
        symmetric=True,
        additive=False,
    ),
    LossCase(
        "attention_distribution_loss",
        lambda s, t, m: losses.attention_distribution_loss(*s, *t, *m),
        scores,
        additive=False,
    ),
    LossCase(
        "hidden_state_loss",
        lambda s, t, m: losses.hidden_state_loss(*s, *t, *m),
        states,
        symmetric=True,
        additive=False,
    ),
    LossCase(
        "hidden_cosine_loss",
        lambda s, t, m: losses.hidden_cosine_loss(*s, *t, *m),
        states,
        symmetric=True,
        additive=False,
    ),
]
