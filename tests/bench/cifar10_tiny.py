"""CIFAR-10 in small: files in the true format with a few random images, and worlds of ResNet-8 and tiny CNNs.

As a program, `kdcourse bench` and the training program on them: python cifar10_tiny.py FOLDER bench|train ...
"""

import hashlib
import pickle
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from torchvision.datasets import CIFAR10

from kdcourse.bench import cifar10, cifar10_room, cifar10_worlds, runner
from kdcourse.bench.block import run_block
from kdcourse.bench.cifar10_worlds import CIFAR10_WORLDS, NOVEL, RESNET20, plain_cnn
from kdcourse.bench.worlds import WORLDS
from kdcourse.models import cifar_resnet

PER_FILE = 8
NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
STEPS = 8
RESNET, SMALL = "cifar10-tiny-resnet", "cifar10-tiny-novel"


def write_cifar10(root):
    """48 images; those of class c are a little brighter in channel c % 3."""
    folder = Path(root) / CIFAR10.base_folder
    folder.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        rng = np.random.default_rng(number)
        labels = rng.integers(0, 10, PER_FILE)
        pixels = rng.integers(0, 200, (PER_FILE, 3, 1024))
        pixels[np.arange(PER_FILE), labels % 3] += 5 * labels[:, None]
        batch = {"labels": labels.tolist(), "data": pixels.reshape(PER_FILE, 3072).astype(np.uint8)}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    meta = {"label_names": [f"class {c}" for c in range(10)], "num_vis": 3072}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))


def expect_files(root, put):
    """Let torchvision take the files for the right ones: it knows the MD5 sums of the real ones only."""
    folder = Path(root) / CIFAR10.base_folder

    def md5(name):
        return hashlib.md5((folder / name).read_bytes()).hexdigest()

    put(CIFAR10, "train_list", [[name, md5(name)] for name in NAMES[:5]])
    put(CIFAR10, "test_list", [[NAMES[5], md5(NAMES[5])]])
    put(CIFAR10, "meta", {**CIFAR10.meta, "md5": md5("batches.meta")})


def tiny_worlds():
    """Of the real ones, with smaller nets and a few steps."""
    recipe = replace(cifar10_worlds.USUAL, batch_size=8)
    shared = {"steps": STEPS, "teacher_steps": 6, "batch_size": 8, "recipe": recipe}
    student = replace(RESNET20, make=partial(cifar_resnet, 8))
    resnet = replace(
        CIFAR10_WORLDS["cifar10-resnet"], name=RESNET, make_teacher=partial(cifar_resnet, 14),
        students={"resnet20": student}, **shared,
    )  # fmt: skip
    novel = replace(
        CIFAR10_WORLDS["cifar10-novel"], name=SMALL, make_teacher=partial(plain_cnn, (4, 6, 8)),
        students={"novel": replace(NOVEL, make=partial(plain_cnn, (4, 4, 4)))}, **shared,
    )  # fmt: skip
    return {RESNET: resnet, SMALL: novel}


def register(put, put_item):
    """Make the tiny worlds known."""
    put(runner, "run_block", run_any_block)
    for name, world in tiny_worlds().items():
        put_item(CIFAR10_WORLDS, name, world)
        put_item(WORLDS, name, world)


def run_any_block(block, folder):
    where = cifar10_room.run_cifar10_block if block.world in CIFAR10_WORLDS else run_block
    return where(block, folder)


def tiny_plan():
    """Two of the slides' rows, one world, two seeds: 6 cells with the teacher's."""
    rows = [row for row in cifar10.slide_rows(cifar10_worlds.USUAL) if row.method in ("alone", "hint_last")]
    plan = cifar10.slide_plan()
    return replace(plan, worlds={RESNET: ("resnet20",)}, rows=tuple(rows), seeds=(0, 1))


def main(folder, program, *words):
    from kdcourse.bench import command, presets

    expect_files(folder, setattr)
    register(setattr, lambda where, name, value: where.__setitem__(name, value))
    cifar10_room.CHECKPOINT_EVERY = 1
    presets.PRESETS["cifar10"] = tiny_plan
    return {"bench": command.main, "train": cifar10.main}[program](words)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
