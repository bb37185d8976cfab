"""Compute one block of the benchmark."""

from __future__ import annotations

import datetime
from pathlib import Path

import torch

from kdcourse.bench.cells import TEACHER, Block, Record, code_fingerprint
from kdcourse.bench.cifar10_room import run_cifar10_block
from kdcourse.bench.cifar10_worlds import CIFAR10_WORLDS
from kdcourse.bench.methods import METHODS
from kdcourse.bench.room import Room
from kdcourse.bench.worlds import WORLDS
from kdcourse.models import count_parameters

WORLDS.update(CIFAR10_WORLDS)


def run_block(block: Block, folder: str | Path) -> list[Record]:
    """Train the nets of `block`, one a seed, and score them on the block's split.

    Args:
        folder: where trained teachers are kept.

    Raises:
        ValueError: a world, student, method or setting that is not there.
    """
    if block.world in CIFAR10_WORLDS:
        return run_cifar10_block(block, folder)
    room = open_room(block, Path(folder))
    if block.student == TEACHER:
        nets, parameters = room.teacher(), count_parameters(room.make_teacher())
    else:
        setting = {name: value for name, value in block.setting if name != "rate"}
        nets, parameters = METHODS[block.method].train(room, **setting), count_parameters(room.make_student())
    scores = room.score(nets, block.split)
    about = {
        "seconds": round(room.seconds / len(block.seeds), 3),
        "parameters": parameters,
        "code": code_fingerprint(),
        "torch": torch.__version__,
        "device": str(scores.device),
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    return [
        Record(cell=cell, accuracy=round(score, 4), **about)
        for cell, score in zip(block.cells, scores.tolist(), strict=True)
    ]


def open_room(block: Block, folder: Path) -> Room:
    """The room in which a block is computed; of a teacher's block, that of the world's first student."""
    if block.world not in WORLDS:
        raise ValueError(f"world: expected one of {', '.join(WORLDS)}, got {block.world!r}")
    world = WORLDS[block.world]
    student = next(iter(world.students)) if block.student == TEACHER else block.student
    if student not in world.students:
        raise ValueError(f"student: expected one of {', '.join(world.students)}, got {student!r}")
    if block.method != TEACHER and block.method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {block.method!r}")
    rate = dict(block.setting).get("rate", world.teacher_rate)
    return Room(world, student, block.seeds, steps=block.budget, rate=rate, folder=folder)
