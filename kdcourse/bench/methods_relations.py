"""Methods of lecture 05: not what the teacher says of a sample, but how samples, layers or channels relate.

Relations between samples are those of the last layer, flattened, as the classifier sees it. The teacher's
features are taken as they are: relations have a scale of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from kdcourse.bench.matching import MULTIPLES
from kdcourse.bench.method import BASE, Method, on_top_of_kd, with_weight
from kdcourse.bench.room import Room
from kdcourse.losses import (
    correlation_congruence_loss,
    fsp_loss,
    ickd_loss,
    kd_loss,
    pkt_loss,
    rkd_angle_loss,
    rkd_distance_loss,
    similarity_preserving_loss,
)
from kdcourse.models import ContrastiveMemory, InBatchContrast, StagedNet, conv_regressor
from kdcourse.training import for_each_seed

# As in lecture 05. Numbers of an embedding, and rows of the memory that each sample is told from.
EMBEDDING, NEGATIVES, TEMPERATURE = 16, 64, 0.1


def rkd(room: Room, *, multiple: float) -> nn.Module:
    """Distances and angles, 25 : 50 as in the paper; one weight for both."""

    def loss(student: Tensor, teacher: Tensor) -> Tensor:
        student, teacher = _same_relations(student), _same_relations(teacher)
        return rkd_distance_loss(student, teacher) + 2 * rkd_angle_loss(student, teacher)

    return _of_samples(room, loss, multiple)


def pkt(room: Room, *, multiple: float) -> nn.Module:
    """Cosines, as probabilities of being neighbours."""
    return _of_samples(room, pkt_loss, multiple)


def correlation_congruence(room: Room, *, multiple: float) -> nn.Module:
    """Cosines, through a Gaussian kernel."""
    return _of_samples(room, correlation_congruence_loss, multiple)


def similarity_preserving(room: Room, *, multiple: float) -> nn.Module:
    """Inner products, row by row."""
    return _of_samples(room, similarity_preserving_loss, multiple)


def fsp(room: Room, *, multiple: float) -> nn.Module:
    """How the middle and the last layer go together, channel by channel, each through a regressor."""
    (middle, _), (last, _) = (room.layers[role] for role in ("middle", "last"))
    here, there = (room.student_shape(stage)[1:] for stage in (middle, last))
    # The loss averages the regressed middle map to the size of the last one; done before, it is the same and
    # cheaper.
    pool = max(1, here[0] // there[0])
    if here != tuple(pool * side for side in there):
        pool = 1
    return _of_channels(room, {"middle": pool, "last": 1}, fsp_loss, multiple)


def ickd(room: Room, *, multiple: float) -> nn.Module:
    """Which channels of the last layer respond together, through a regressor."""
    return _of_channels(room, {"last": 1}, ickd_loss, multiple)


def infonce(room: Room, *, multiple: float) -> nn.Module:
    """The teacher's view of the same image, told from those of the batch's other images.

    Both nets have a linear embedding, and both embeddings are trained.
    """

    def make_part(student_size: int, teacher_size: int) -> nn.Module:
        return InBatchContrast(student_size, teacher_size, EMBEDDING, TEMPERATURE)

    return _contrast(room, make_part, lambda teacher: [teacher], [], multiple)


def crd(room: Room, *, multiple: float) -> nn.Module:
    """The teacher's view of the same image, told from those of other images in a memory of the whole pool.

    An image's distorted copies have rows of their own, and may be drawn as one another's negatives.
    """
    size = room.said("index").shape[-1]

    def make_part(student_size: int, teacher_size: int) -> nn.Module:
        return ContrastiveMemory(
            size, student_size, teacher_size,
            embedding_dim=EMBEDDING, negatives=NEGATIVES, temperature=TEMPERATURE,
        )  # fmt: skip

    def witness(teacher: Tensor, index: Tensor) -> list[Tensor]:
        return [teacher, index[..., None], _negatives(index, size)]

    return _contrast(room, make_part, witness, ["index"], multiple)


def _of_samples(room: Room, loss: Callable[[Tensor, Tensor], Tensor], multiple: float) -> nn.Module:
    ours, theirs = room.layers["last"]

    def term(said: Tensor, teacher: Tensor) -> Tensor:
        return loss(said, teacher.flatten(1))

    return on_top_of_kd(room, nn.Flatten, [ours], term, [theirs], multiple)


def _same_relations(x: Tensor) -> Tensor:
    """(B, D) -> (B, at most B): B vectors of the same distances and angles, cheaper where D is large.

    They are turned into the space that they span. The basis is a constant: a gradient by distances or angles
    lies in that space and is exact.
    """
    if x.shape[1] <= x.shape[0]:
        return x
    basis = torch.linalg.qr(x.detach().mT).Q
    return x @ basis


def _of_channels(
    room: Room, pools: dict[str, int], loss: Callable[..., Tensor], multiple: float
) -> nn.Module:
    """pools: role -> side of the squares of pixels that are averaged before the regressor."""
    pairs = [room.layers[role] for role in pools]

    def make_part() -> nn.Module:
        return _Each(
            conv_regressor(room.student_shape(ours)[0], room.teacher_shape(theirs)[0], pool=pool)
            for (ours, theirs), pool in zip(pairs, pools.values(), strict=True)
        )

    def term(said: list[Tensor], *teacher: Tensor) -> Tensor:
        return loss(*said, *teacher)

    return on_top_of_kd(
        room, make_part, [ours for ours, _ in pairs], term, [theirs for _, theirs in pairs], multiple
    )


class _Each(nn.ModuleList):
    """One module for each feature."""

    def forward(self, *features: Tensor) -> list[Tensor]:
        return [module(feature) for module, feature in zip(self, features, strict=True)]


class _Contrasted(nn.Module):
    """A student, and a part with learned layers on the teacher's side too, or with a memory of images.

    As many nets are run side by side on one tensor, in training what the part must know of each image comes
    in one row with it: `_beside`.
    """

    def __init__(
        self, student: StagedNet, part: nn.Module, stage: str, image_shape: tuple[int, ...], known: int
    ):
        super().__init__()
        self.student, self.part, self.stage, self.image_shape = student, part, stage, image_shape
        self.sizes = math.prod(image_shape), known

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        if not self.training:
            return self.student(x)
        pixels = self.sizes[0]
        images, teacher, index = x[:, :pixels], x[:, pixels : sum(self.sizes)], x[:, sum(self.sizes) :].long()
        logits, features = self.student(images.unflatten(1, self.image_shape), return_features=True)
        rest = (index[:, 0], index[:, 1:]) if index.shape[1] else ()
        return logits, self.part(features[self.stage], teacher, *rest)


def _beside(lead: int, *parts: Tensor) -> Tensor:
    """Tensors of `lead` equal leading dimensions as one, (..., numbers). Whole numbers are exact to 2^24."""
    return torch.cat([part.flatten(lead).float() for part in parts], dim=-1)


def _contrast(
    room: Room,
    make_part: Callable[[int, int], nn.Module],
    witness: Callable[..., list[Tensor]],
    wanted: list[str],
    multiple: float,
) -> nn.Module:
    """KD and a contrastive part of the last layer; witness: (teacher's feature, *wanted) -> what it gets."""
    ours, theirs = room.layers["last"]
    known = math.prod(room.teacher_shape(theirs))
    image_shape = tuple(room.first_batch()[0].shape[-3:])

    def make() -> _Contrasted:
        student = room.make_student()
        part = make_part(math.prod(room.student_shape(ours)), known)
        return _Contrasted(student, part, ours, image_shape, known)

    def both(
        nets: nn.Module, images: Tensor, labels: Tensor, logits: Tensor, *known: Tensor
    ) -> tuple[Tensor, Tensor]:
        said, term = nets(_beside(labels.ndim, images, *witness(*known)))
        return for_each_seed(nets, kd_loss, **BASE)(said, logits, labels), term

    return with_weight(room, make, both, ["logits", theirs, *wanted], multiple)


def _negatives(index: Tensor, size: int) -> Tensor:
    """For each image of a batch, numbers of others, all equally likely: (..., B) -> (..., B, NEGATIVES).

    Drawn from what is in the batch alone, so that a net gets the same ones whatever is trained beside it.
    """
    drawn = []
    for row in index.cpu().reshape(-1, index.shape[-1]):
        generator = torch.Generator().manual_seed(int((row * torch.arange(1, len(row) + 1)).sum()))
        others = torch.randint(size - 1, (len(row), NEGATIVES), generator=generator)
        drawn.append(others + (others >= row[:, None]))  # step over the image's own place
    return torch.stack(drawn).reshape(*index.shape, NEGATIVES).to(index.device)


MAPS = frozenset({"maps"})
RELATIONS = (
    Method("rkd", "RKD", "relations", "05", "Park et al. 2019", rkd, MULTIPLES),
    Method("pkt", "PKT", "relations", "05", "Passalis & Tefas 2018", pkt, MULTIPLES),
    Method(
        "correlation_congruence", "correlation congruence", "relations", "05", "Peng et al. 2019",
        correlation_congruence, MULTIPLES,
    ),
    Method(
        "similarity_preserving", "similarity preserving", "relations", "05", "Tung & Mori 2019",
        similarity_preserving, MULTIPLES,
    ),
    Method("fsp", "FSP", "relations", "05", "Yim et al. 2017", fsp, MULTIPLES, MAPS),
    Method("ickd", "ICKD", "relations", "05", "Liu et al. 2021", ickd, MULTIPLES, MAPS),
    Method("infonce", "InfoNCE", "relations", "05", "van den Oord et al. 2018", infonce, MULTIPLES),
    Method("crd", "CRD", "relations", "05", "Tian et al. 2020", crd, MULTIPLES),
)  # fmt: skip
