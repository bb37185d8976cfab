"""CIFAR-10 as worlds of the benchmark: ResNet-110 teaches ResNet-20, and one small CNN a smaller one.

Each comes in two recipes. The data are not part of the course: see `load_cifar10` and docs/cifar10.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from kdcourse.bench.worlds import Data, Student, World, before_and_after
from kdcourse.data import ImageSet, load_cifar10
from kdcourse.models import StagedNet, cifar_resnet, small_cnn

FOR_TRAINING = 45_000  # of the 50,000 training images
PADDING = 4


@dataclass(frozen=True)
class Recipe:
    """How the nets of a world are trained, teacher and students alike: SGD, with crops and mirror images.

    factor: share of the steps that is done -> factor of the learning rate.
    precision: as of `open_fabric`.
    source: where it is from.
    """

    name: str
    source: str
    epochs: int
    batch_size: int
    rate: float
    weight_decay: float
    factor: Callable[[float], float]
    momentum: float = 0.9
    nesterov: bool = False
    precision: str = "32-true"

    @property
    def steps(self) -> int:
        return self.epochs * FOR_TRAINING // self.batch_size

    def optimizer(
        self, net: nn.Module, steps: int, *, rate: float, weight_decay: float | None = None
    ) -> tuple[Optimizer, LambdaLR]:
        """SGD and the schedule of its rate over so many steps."""
        optimizer = torch.optim.SGD(
            net.parameters(), lr=rate, momentum=self.momentum, nesterov=self.nesterov,
            weight_decay=self.weight_decay if weight_decay is None else weight_decay,
        )  # fmt: skip
        return optimizer, LambdaLR(optimizer, lambda step: self.factor(step / steps))


def in_steps(done: float) -> float:
    """A tenth for the first 1/160 of the steps, then 1; a tenth from a half on, a hundredth from 3/4 on.

    He et al. divide by 10 at 32,000 and 48,000 of 64,000 iterations, and warm ResNet-110 up for about 400.

    >>> [in_steps(done) for done in (0.0, 0.1, 0.5, 0.75)]
    [0.1, 1.0, 0.1, 0.01]
    """
    if done < 1 / 160:
        return 0.1
    return 1.0 if done < 1 / 2 else 0.1 if done < 3 / 4 else 0.01


def triangle(done: float) -> float:
    """Up in a line for a fifth of the steps, then down in a line to 0.

    >>> [round(triangle(done), 2) for done in (0.1, 0.2, 0.6, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    return min((done + 1e-3) / 0.201, (1 - done) / 0.8, 1.0)


USUAL = Recipe(
    "usual",
    "He, Zhang, Ren & Sun, CVPR 2016, section 4.2: batch, rate, momentum, weight decay, crops and mirror "
    "images, 45,000/5,000; 200 epochs with falls of the rate at 100 and 150, the same shares of the run as "
    "theirs, as Idelbayev's reimplementation has them (github.com/akamaster/pytorch_resnet_cifar10)",
    epochs=200, batch_size=128, rate=0.1, weight_decay=1e-4, factor=in_steps,
)  # fmt: skip
FAST = Recipe(
    "fast",
    "batch, rate, weight decay, Nesterov's momentum and the triangle as in Page, How to Train Your ResNet "
    "(myrtle.ai, 2018), for a ResNet of 9 layers; that they suit these nets is our guess",
    epochs=30, batch_size=512, rate=0.4, weight_decay=5e-4, factor=triangle, nesterov=True,
    precision="bf16-mixed",
)  # fmt: skip


def crop_and_flip(images: Tensor, numbers: Tensor) -> Tensor:
    """Pad by 4 pixels of 0 (the mean colour, after normalisation), crop at random, mirror every other one.

    Args:
        images: (B, C, H, W).
        numbers: (B, 3), uniform in [0, 1): height and place of the crop, mirror.

    Source:
        He, Zhang, Ren & Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2.

    >>> crop_and_flip(torch.ones(1, 1, 2, 2), torch.tensor([[0.5, 0.5, 0.9]])).tolist()
    [[[[1.0, 1.0], [1.0, 1.0]]]]
    """
    height, width = images.shape[-2:]
    padded = F.pad(images, [PADDING] * 4)
    top, left = ((2 * PADDING + 1) * numbers[:, :2]).long().unbind(1)
    rows = torch.arange(height, device=images.device) + top[:, None]
    columns = torch.arange(width, device=images.device).expand(len(images), width)
    columns = torch.where(numbers[:, 2:] < 0.5, width - 1 - columns, columns) + left[:, None]
    which = torch.arange(len(images), device=images.device)[:, None, None]
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


DRAWS = 3  # numbers that `crop_and_flip` takes


@dataclass(frozen=True)
class Cifar10World(World):
    """A world whose images are changed anew in every epoch, so that its teacher answers while a student
    learns, and whose nets are trained one at a time, on one device or many: its room is a `Cifar10Room`.

    side_by_side: whether seeds are trained side by side; here each for itself.
    """

    recipe: Recipe = field(default=USUAL)
    side_by_side: bool = False


def data_folder() -> Path:
    """Where CIFAR-10 lies: the environment variable KDCOURSE_DATA, or ``data`` in the current folder."""
    return Path(os.environ.get("KDCOURSE_DATA") or "data")


def draw_cifar10(seeds: Sequence[int]) -> Data:
    """Teacher and students learn from the same 45,000 images; 5,000 others, drawn by the seed, are for
    choices. All are normalised, each channel by mean and standard deviation of the 45,000.

    Shapes: images (1, N, 3, 32, 32).

    Raises:
        DatasetMissingError: CIFAR-10 is not in `data_folder()`; the message says what to put where.
        ValueError: more than one seed.
    """
    if len(seeds) != 1:
        raise ValueError(f"seeds: expected one at a time, got {list(seeds)}")
    every, test = load_cifar10(data_folder(), train=True), load_cifar10(data_folder(), train=False)
    order = torch.randperm(len(every.labels), generator=torch.Generator().manual_seed(seeds[0]))
    choices, training = order.tensor_split([len(order) // 10])  # 5,000 and 45,000
    images = every.images[training]
    mean, scale = images.mean(dim=(0, 2, 3), keepdim=True), images.std(dim=(0, 2, 3), keepdim=True)

    def normalised(images: Tensor, labels: Tensor) -> ImageSet:
        return ImageSet(images.sub(mean).div_(scale)[None], labels[None])

    pool = normalised(images, every.labels[training])
    validation = normalised(every.images[choices], every.labels[choices])
    return Data(pool, pool, validation, normalised(*test))


def plain_cnn(widths: Sequence[int], *, width: float = 1) -> StagedNet:
    """Three 3x3 convolutions of stride 2 with batch norm, and a linear layer."""
    return before_and_after(
        small_cnn([round(w * width) for w in widths], (2, 2, 2), size=32, channels=3)
    )  # fmt: skip


RESNET20 = Student(
    "resnet20", "ResNet-20", partial(cifar_resnet, 20),
    {"middle": ("group2", "group2"), "last": ("group3", "group3")}, frozenset({"maps"}),
)  # fmt: skip
# Notes 003 show their "novel" nets in a picture only. These are ours, of about the same sort.
NOVEL = Student(
    "novel", "small plain CNN", partial(plain_cnn, (8, 16, 32)),
    {"middle": ("conv2", "conv2"), "last": ("conv3", "conv3")}, frozenset({"maps", "before", "widths"}),
)  # fmt: skip


def _world(name: str, title: str, make_teacher: Callable[[], StagedNet], student: Student, recipe: Recipe):
    if recipe is not USUAL:
        name, title = f"{name}-{recipe.name}", f"{title}, {recipe.name} recipe"
    return Cifar10World(
        name, f"CIFAR-10: {title}", draw_cifar10, make_teacher, {student.name: student},
        steps=recipe.steps, teacher_steps=recipe.steps, batch_size=recipe.batch_size,
        rates=(recipe.rate / 4, recipe.rate), teacher_rate=recipe.rate, recipe=recipe,
    )  # fmt: skip


CIFAR10_WORLDS: Mapping[str, Cifar10World] = {
    world.name: world
    for recipe in (USUAL, FAST)
    for world in (
        _world(
            "cifar10-resnet", "ResNet-110 teaches ResNet-20", partial(cifar_resnet, 110), RESNET20, recipe
        ),
        _world("cifar10-novel", "small plain CNNs", partial(plain_cnn, (32, 64, 128)), NOVEL, recipe),
    )
}
