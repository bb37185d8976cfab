"""Parts of methods that match inner layers: connectors and targets."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from kdcourse.bench.room import Room
from kdcourse.losses._numerics import pool_to_smaller
from kdcourse.models import conv_regressor, linear_regressor

# What the search tries for every term that is added to plain KD: see `on_top_of_kd`.
MULTIPLES: tuple[Mapping[str, object], ...] = tuple({"multiple": value} for value in (0.1, 1.0, 10.0))


def are_maps(room: Room, student_stage: str, teacher_stage: str) -> bool:
    """Whether both stages are maps of channels, (C, H, W)."""
    return len(room.student_shape(student_stage)) == len(room.teacher_shape(teacher_stage)) == 3


def connector(room: Room, student_stage: str, teacher_stage: str) -> nn.Module:
    """The plainest regressor from one to the other: a 1x1 convolution between maps, else a linear layer.

    A vector meets the teacher's map *flattened*, for it may say of each place what it likes.
    """
    here, there = room.student_shape(student_stage), room.teacher_shape(teacher_stage)
    if are_maps(room, student_stage, teacher_stage):
        return conv_regressor(here[0], there[0])
    return linear_regressor(math.prod(here), math.prod(there))


def standardised(feature: Tensor) -> Tensor:
    """Each channel, (B, C, ...), to mean 0 and variance 1 over the batch and all places.

    So every channel of the teacher counts alike, whatever its unit, and a squared error of 1 means "no better
    than the mean". Lecture 03 takes mean and variance over all training images at once; a batch is all that
    is known where images are distorted anew each time. The constant keeps channels that are (almost) dead
    small, as there.
    """
    return F.batch_norm(feature, None, None, training=True, eps=1e-4)


def side_by_side(said: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """What a connector puts out, and the teacher's feature in the same form.

    Vectors meet the flattened feature. Maps that differ in size are averaged to the smaller one (adaptive
    pooling), as attention transfer and FSP do it: enlarging would ask for what the smaller map cannot hold.
    """
    if said.ndim == 2:
        return said, teacher.flatten(1)
    return pool_to_smaller(said, teacher)
