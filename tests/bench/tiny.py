"""A world so small that a method trains in a moment: random images, nets of a few channels."""

from collections.abc import Sequence

import torch

from kdcourse.bench.worlds import Data, Student, World, before_and_after
from kdcourse.data import ImageSet
from kdcourse.models import StagedNet, mlp, small_cnn

NAME = "tiny"
GIVES = frozenset({"before", "widths"})


def tiny_world(*, steps: int = 8) -> World:
    """48 images of 8 x 8 pixels for a student ("cnn" or "mlp"); three stages in the teacher, as in "shapes".

    Put it among the worlds with ``monkeypatch.setitem(WORLDS, NAME, tiny_world())`` where a block names it;
    a `Room` takes it as it is.
    """
    cnn = Student(
        "cnn", "tiny CNN", tiny_cnn,
        {"middle": ("conv1", "conv2"), "last": ("conv2", "conv3")}, GIVES | {"maps"},
    )  # fmt: skip
    perceptron = Student(
        "mlp", "tiny MLP", tiny_mlp, {"middle": ("hidden1", "conv2"), "last": ("hidden2", "conv3")}, GIVES
    )
    return World(
        NAME, "Tiny", draw, tiny_teacher, {"cnn": cnn, "mlp": perceptron},
        steps=steps, teacher_steps=6, batch_size=12,
    )  # fmt: skip


def tiny_cnn(*, width: float = 1) -> StagedNet:
    return before_and_after(small_cnn([round(3 * width), round(4 * width)], (2, 2), size=8))


def tiny_mlp(*, width: float = 1) -> StagedNet:
    return before_and_after(mlp(64, round(7 * width), round(6 * width), 10))


def tiny_teacher() -> StagedNet:
    return before_and_after(small_cnn((4, 5, 6), (2, 1, 2), size=8))


def draw(seeds: Sequence[int]) -> Data:
    """What a seed draws does not depend on the seeds beside it."""
    return Data(*(_images(n, 10 * part, seeds) for part, n in enumerate((40, 48, 30, 30))))


def _images(n: int, first: int, seeds: Sequence[int]) -> ImageSet:
    images, labels = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(1000 * seed + first)
        labels.append(torch.randint(10, (n,), generator=generator))
        noise = torch.randn(n, 1, 8, 8, generator=generator)
        images.append(noise + labels[-1].float().sub(4.5).div(4.5)[:, None, None, None])
    return ImageSet(torch.stack(images), torch.stack(labels))
