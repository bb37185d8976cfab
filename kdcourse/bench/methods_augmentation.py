"""Methods of lecture 14: a larger net around a tiny one, and, as controls, changes of the images.

None of them has a teacher; what comes back is the plain student.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdcourse.bench.method import Method, cross_entropy, per_net, three
from kdcourse.bench.room import Room
from kdcourse.models import WidthSlicedNet
from kdcourse.training import calibrate_batchnorm, export_tiny, network_augmentation

TIMES = (1, 2, 4)  # lecture 14's widths, as multiples of the tiny net's
CALIBRATED_ON = 16  # batches


def netaug(room: Room, *, alpha: float) -> nn.Module:
    """Network augmentation: the student learns alone and as a slice of a net one, two or four times as wide.

    How wide is drawn anew at each step: all layers alike (the lecture draws each by itself), and one row of
    draws for all seeds, whichever of them are trained side by side. Both start from the student's first
    weights. At the end the student is cut out, and its batch norm calibrated on the last training batches.
    """
    make_student = room.make_student

    def of_width(times: int) -> nn.Module:
        return make_student(width=times)

    def make() -> WidthSlicedNet:
        student = make_student()
        net = WidthSlicedNet(of_width, widths=TIMES[:1], widest=TIMES[-1:])
        net.adopt(student)
        return net

    both = network_augmentation([TIMES], alpha=alpha)
    last_seen: deque[Tensor] = deque(maxlen=CALIBRATED_ON)

    def objective(nets: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        last_seen.append(images)
        return both(nets, images, labels)

    tiny = export_tiny(room.train(make, objective))
    calibrate_batchnorm(tiny, last_seen)
    return tiny.eval()


def mixup(room: Room, *, alpha: float) -> nn.Module:
    """Mixtures of two images and of their labels, the share drawn from Beta(alpha, alpha) for each image."""
    draw = Draws(room.seeds)

    def loss(logits: Tensor, labels: Tensor, others: Tensor, share: Tensor) -> Tensor:
        own, other = (F.cross_entropy(logits, y, reduction="none") for y in (labels, others))
        return (share * own + (1 - share) * other).mean()

    def objective(nets: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        share = draw(lambda generator, n: generator.beta(alpha, alpha, n), labels).to(images)
        partner = draw(lambda generator, n: generator.permutation(n), labels)
        pixels = images.flatten(labels.dim())
        others = pixels.take_along_dim(partner[..., None], dim=-2)
        mixed = (share[..., None] * pixels + (1 - share[..., None]) * others).reshape(images.shape)
        return per_net(loss)(nets, mixed, labels, labels.take_along_dim(partner, dim=-1), share)

    return room.train(room.make_student, objective)


def cutout(room: Room, *, side: float) -> nn.Module:
    """A square of each image set to 0, its place drawn at random within the image.

    Args:
        side: of the square, as a share of the image's.
    """
    draw = Draws(room.seeds)
    plain = cross_entropy()

    def hidden(length: int, labels: Tensor) -> Tensor:
        """Which places along an axis are blanked, (..., B, length)."""
        size = round(side * length)
        first = draw(lambda generator, n: generator.integers(0, length - size + 1, n), labels)[..., None]
        place = torch.arange(length, device=labels.device)
        return (place >= first) & (place < first + size)

    def objective(nets: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        rows, columns = (hidden(length, labels) for length in images.shape[-2:])
        blank = rows[..., :, None] & columns[..., None, :]
        return plain(nets, images * ~blank[..., None, :, :], labels)

    return room.train(room.make_student, objective)


class Draws:
    """Random numbers for the images of a batch, for each seed from a generator of its own.

    So what a net gets does not depend on which nets are trained beside it. The draws go on from step to step:
    a run that is taken up from a checkpoint gets others than one that was not interrupted.
    """

    def __init__(self, seeds: Sequence[int]):
        self.generators = [np.random.default_rng([14, seed]) for seed in seeds]

    def __call__(self, draw: Callable[[np.random.Generator, int], np.ndarray], labels: Tensor) -> Tensor:
        """What draw(generator, number of images) gives: (S, B) where the labels are, else (B,)."""
        drawn = [torch.from_numpy(draw(generator, labels.shape[-1])) for generator in self.generators]
        return torch.stack(drawn).reshape(labels.shape).to(labels.device)


AUGMENTATION = (
    # 1 is the paper's and the lecture's; the lecture suggests 0.3.
    Method(
        "netaug", "NetAug", "augmentation", "14", "Cai et al. 2022",
        netaug, three("alpha", 0.3, 1.0, 3.0), frozenset({"widths"}),
    ),
    # The paper has 0.1 to 0.4 on ImageNet and 1 on CIFAR-10; the lecture's uniform share is 1.
    Method(
        "mixup", "mixup", "augmentation", "14", "Zhang, Cisse et al. 2018",
        mixup, three("alpha", 0.2, 0.4, 1.0),
    ),
    # A quarter is the lecture's and the paper's on CIFAR-100, one half the paper's on CIFAR-10.
    Method(
        "cutout", "cutout", "augmentation", "14", "DeVries & Taylor 2017",
        cutout, three("side", 0.25, 0.375, 0.5),
    ),
)  # fmt: skip
