"""A store small enough for tests, and a writer that a test can kill."""

import itertools
import time
from pathlib import Path

import torch

from kdcourse.data import SeededAffine
from kdcourse.models import mlp
from kdcourse.training import seeded, write_soft_labels

SAMPLES, EPOCHS, CLASSES, KEPT, BLOCK = 150, 3, 12, 4, 16
SMALL_BLOCK = 4  # many blocks, so that many kills find work
RECIPE = SeededAffine(degrees=20)
PLAN = dict(epochs=EPOCHS, kept=KEPT, temperature=2.0, base_seed=5, block=BLOCK, progress=False)


def images():
    return torch.rand(SAMPLES, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def teacher(seed=1):
    net = seeded(lambda: mlp(64, 20, CLASSES), seed).eval()
    with torch.no_grad():
        net.head.weight.mul_(20)  # sure enough of itself that its answers differ from image to image
    return net


def write(path, ask=None, **changes):
    write_soft_labels(path, images(), ask or teacher(), RECIPE, **PLAN | changes)


def write_slowly(folder: Path, name: str, part: tuple[int, int], questions: int) -> None:
    """The body of a process that will be killed soon after the teacher has been asked so many questions."""
    torch.set_num_threads(1)
    net, asked = teacher(), itertools.count()

    def ask(x):
        if next(asked) == questions:
            (folder / f"{name}.ready").touch()
        time.sleep(0.01)
        return net(x)

    write(folder / "labels", ask, workers=2, part=part, block=SMALL_BLOCK)
