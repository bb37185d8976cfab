"""Stored soft labels, for `test_laws.py`: the values are the teacher."""

import torch
from loss_case import Inputs, LossCase, normal

from kdcourse import losses


def stored(k, classes=5):
    def make(generator, batch):
        student, teacher = 2 * normal(generator, 2, batch, classes)
        values, indices = losses.sparse_soft_targets(teacher, k)
        return Inputs((student,), (values,), (indices,))

    return make


def the_stored_label(inputs):
    """The student predicts the label that was stored."""
    dense = losses.densify_soft_targets(*inputs.teacher, *inputs.rest, num_classes=5)
    return Inputs((dense.log(),), inputs.teacher, inputs.rest)


CASES = [
    LossCase(
        "sparse_soft_cross_entropy",
        lambda s, t, i: losses.sparse_soft_cross_entropy(*s, *t, *i),
        stored(k),
        variant=f"k={k}",
        zero_at_equality=False,
        equal=the_stored_label,
        same_shape=False,
    )
    for k in (1, 3)
] + [
    LossCase(
        "sparse_soft_cross_entropy",
        lambda s, t, i: losses.sparse_soft_cross_entropy(*s, *t, i[0].to(torch.int16)),
        stored(5),
        variant="k=C, int16",
        zero_at_equality=False,
        equal=the_stored_label,
    )
]
