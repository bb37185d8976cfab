"""Where methods are compared: data, a teacher, and students of several kinds, all embedded in the course."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from torch import nn

from kdcourse.data import (
    ImageSet,
    augmented_pool,
    draw_shapes,
    random_affine,
    random_flip_shift,
    split_digits,
    stack_sets,
)
from kdcourse.models import StagedNet, mlp, small_cnn


@dataclass(frozen=True)
class Student:
    """An architecture, and what a method may ask of it.

    make: builds a net; ``make(width=2)`` one that is twice as wide, where "widths" is among `gives`.
    layers: role -> (the student's stage, the teacher's stage) that are matched there; roles "middle" and
        "last".
    gives: of "maps" (its stages are maps of channels), "before" (the stage ``NAME_before`` is what enters
        the ReLU of NAME), "widths".

    Lecture:
        18_capstone, section 2, through `WORLDS`.
    """

    name: str
    title: str
    make: Callable[..., StagedNet]
    layers: Mapping[str, tuple[str, str]]
    gives: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Data:
    """The images of S seeds, each set with a leading dimension S.

    teacher: what the teacher learns from; student: what all students see; validation: for choices; test: for
    the verdict.

    Lecture:
        18_capstone, section 2, through `WORLDS`.
    """

    teacher: ImageSet
    student: ImageSet
    validation: ImageSet
    test: ImageSet


@dataclass(frozen=True)
class World:
    """Data, teacher and students, with the budget that all methods share.

    draw: seeds -> `Data`. make_teacher: builds a teacher.
    side_by_side: whether the nets of several seeds are trained at once, in a `SeedStack`.
    steps, batch_size: of every student. rates: the learning rates of the search. teacher_steps: of the
    teacher.

    Lecture:
        18_capstone, section 2, through `WORLDS`.
    """

    name: str
    title: str
    draw: Callable[[Sequence[int]], Data]
    make_teacher: Callable[[], StagedNet]
    students: Mapping[str, Student]
    steps: int
    teacher_steps: int
    batch_size: int = 64
    rates: tuple[float, ...] = (1e-2, 3e-2)
    teacher_rate: float = 5e-3
    classes: int = 10
    side_by_side: bool = True


def before_and_after(net: StagedNet) -> StagedNet:
    """The same net, with what enters each stage's last layer (its ReLU) as a stage of its own:
    ``NAME_before``."""
    stages = {}
    for name, stage in net.stages.items():
        stages[f"{name}_before"] = nn.Sequential(*list(stage)[:-1])
        stages[name] = stage[-1]
    return StagedNet(stages, net.head)


def _cnn(widths, strides, size, *, width: float = 1) -> StagedNet:
    net = small_cnn([round(w * width) for w in widths], strides, size=size)
    return before_and_after(net)


def _mlp(sizes, *, width: float = 1) -> StagedNet:
    hidden = [round(w * width) for w in sizes[1:-1]]
    return before_and_after(mlp(sizes[0], *hidden, sizes[-1]))


def _draw_digits(seeds: Sequence[int]) -> Data:
    """Teachers see 1,000 labelled images, students 100 of them; both with distorted copies."""
    parts = [split_digits(seed, labelled=100, unlabelled=900) for seed in seeds]
    every = [split_digits(seed, labelled=1000, unlabelled=0).labelled for seed in seeds]
    few, _, validation, test = (stack_sets(part) for part in zip(*parts, strict=True))
    distort = partial(augmented_pool, transform=random_affine)
    return Data(
        distort(stack_sets(every), copies=4, seed=1), distort(few, copies=20, seed=2), validation, test
    )


def _draw_shapes(seeds: Sequence[int]) -> Data:
    """Teachers and students see the same 1,500 labelled images and mirrored, shifted copies of them."""

    def drawn(n: int, part: int) -> ImageSet:
        sets = [draw_shapes(n, seed=10 * seed + part) for seed in seeds]
        return stack_sets([ImageSet(one.images, one.labels) for one in sets])

    pool = augmented_pool(drawn(1500, 0), copies=3, seed=1, transform=random_flip_shift)
    return Data(pool, pool, drawn(1000, 1), drawn(2000, 2))


WORLDS = {
    "digits": World(
        "digits",
        "Digits: a teacher that knows 1,000 labels, students that know 100",
        _draw_digits,
        partial(_cnn, (16, 32), (1, 2), 8),
        {
            "cnn": Student(
                "cnn", "small CNN", partial(_cnn, (4, 8), (1, 2), 8),
                {"middle": ("conv1", "conv1"), "last": ("conv2", "conv2")},
                frozenset({"maps", "before", "widths"}),
            ),
            "mlp": Student(
                "mlp", "MLP", partial(_mlp, (64, 32, 32, 10)),
                {"middle": ("hidden1", "conv1"), "last": ("hidden2", "conv2")},
                frozenset({"before", "widths"}),
            ),
        },
        steps=400, teacher_steps=400,
    ),
    "shapes": World(
        "shapes",
        "Shapes: teacher and students know the same 1,500 labels",
        _draw_shapes,
        partial(_cnn, (16, 32, 32), (2, 1, 2), 16),
        {
            "cnn": Student(
                "cnn", "small CNN", partial(_cnn, (4, 8), (2, 2), 16),
                {"middle": ("conv1", "conv2"), "last": ("conv2", "conv3")},
                frozenset({"maps", "before", "widths"}),
            ),
            "mlp": Student(
                "mlp", "MLP", partial(_mlp, (256, 32, 32, 10)),
                {"middle": ("hidden1", "conv2"), "last": ("hidden2", "conv3")},
                frozenset({"before", "widths"}),
            ),
        },
        steps=400, teacher_steps=900,
    ),
}  # fmt: skip
"""The worlds that need no download, by name: data, teacher and students of each.

Lecture:
    18_capstone, section 2.
"""
