"""Methods of lectures 03 and 04, which match what the teacher's layers compute.

All but two-stage FitNets add one term to plain KD. Where lecture 03 standardises the teacher's channels
(hint, projector, factor transfer, VID, review), so is it done here. The losses of lecture 04 see them as they
are: the sign of a unit, or how strong one channel is beside another, is what they are about. As in the
lectures, methods that look at one layer take the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from kdcourse.bench.matching import (
    MULTIPLES,
    are_maps,
    connector,
    side_by_side,
    standardised,
)
from kdcourse.bench.method import BASE, Assisted, Method, on_top_of_kd, per_net, with_weight
from kdcourse.bench.room import Room
from kdcourse.losses import (
    activation_boundary_loss,
    attention_transfer_loss,
    factor_transfer_loss,
    gradient_attention_loss,
    hierarchical_context_loss,
    hint_loss,
    input_gradient,
    kd_loss,
    log_sum_loss,
    nst_loss,
    vid_loss,
)
from kdcourse.models import KnowledgeReview, Paraphraser, Translator, VIDHead, projector
from kdcourse.training import for_each_seed

# Channels kept; steps of the paraphraser, as a share of the student's.
PARAPHRASE_RATE, PARAPHRASER_STEPS = 0.5, 0.25


# Lecture 03: what a layer says.


def hint(room: Room, role: str, *, multiple: float) -> nn.Module:
    """Squared difference from the teacher's feature, through a regressor."""
    ours, theirs = room.layers[role]
    return on_top_of_kd(room, lambda: connector(room, ours, theirs), [ours], _hint, [theirs], multiple)


def two_stage_hint(room: Room, *, share: float) -> nn.Module:
    """The FitNets paper's order: first the hint at the middle layer alone, for a share of the steps, then KD.

    Each stage has the whole course of the learning rate. There is no weight to be found: the stages never
    meet, and Adam does not see the unit of a loss.
    """
    ours, theirs = room.layers["middle"]
    steps = min(max(1, round(share * room.steps)), room.steps - 1)

    def make() -> Assisted:
        return Assisted(room.make_student(), connector(room, ours, theirs), ours)

    def first(output, labels: Tensor, teacher: Tensor) -> Tensor:
        return _hint(output[1], teacher)

    def then(output, labels: Tensor, logits: Tensor) -> Tensor:
        return kd_loss(output[0], logits, labels, **BASE)

    nets = room.train(make, per_net(first), [theirs], steps=steps)
    return room.train(make, per_net(then), ["logits"], start=nets)


def factor_transfer(room: Room, *, multiple: float) -> nn.Module:
    """The direction of the teacher's factor, which a paraphraser of its last map finds beforehand.

    The paraphraser is trained on the teacher's side: its steps are none of the student's, but its seconds
    count as time of training.
    """
    ours, theirs = room.layers["last"]
    channels = room.teacher_shape(theirs)[0]

    def reconstruct(nets: nn.Module, images: Tensor, labels: Tensor, teacher: Tensor) -> Tensor:
        return for_each_seed(nets, hint_loss)(*nets(teacher))

    teachers = _Factors(room.teacher(), theirs)
    used = room.steps_used
    steps = max(1, round(PARAPHRASER_STEPS * room.steps))
    teachers.paraphrasers = room.train(
        lambda: _Paraphrase(channels), reconstruct, [theirs], steps=min(steps, room.steps - used)
    )
    room.steps_used = used

    def translator() -> nn.Module:
        return Translator(room.student_shape(ours)[0], max(1, round(PARAPHRASE_RATE * channels)))

    def term(said: Tensor, factor: Tensor) -> Tensor:
        return factor_transfer_loss(*side_by_side(said, factor))

    return on_top_of_kd(room, translator, [ours], term, [teachers], multiple)


class _Paraphrase(nn.Module):
    """A `Paraphraser` of standardised maps: (reconstruction, what it saw) in training, else the factor."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, eps=1e-4, affine=False)
        self.paraphraser = Paraphraser(channels, PARAPHRASE_RATE)

    def forward(self, feature: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        feature = self.norm(feature)
        factor, reconstruction = self.paraphraser(feature)
        return (reconstruction, feature) if self.training else factor


class _Factors(nn.Module):
    """The teachers, as far as their factors."""

    def __init__(self, teachers: nn.Module, stage: str):
        super().__init__()
        self.teachers, self.stage = teachers, stage
        self.paraphrasers: nn.Module = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.paraphrasers(self.teachers(x, return_features=True)[1][self.stage])


def vid(room: Room, *, multiple: float) -> nn.Module:
    """The likelihood of the teacher's feature, with a learned variance a channel."""
    ours, theirs = room.layers["last"]

    def head() -> VIDHead:
        here, there = room.student_shape(ours), room.teacher_shape(theirs)
        if are_maps(room, ours, theirs):
            return VIDHead(here[0], there[0], initial_variance=1.0)
        # Each number of the flattened map is a channel: as many hidden units would be the costliest part.
        return VIDHead(here[0], _count(there), hidden=here[0], initial_variance=1.0)

    def term(said: tuple[Tensor, Tensor], teacher: Tensor) -> Tensor:
        mean, raw_scale = said
        return vid_loss(*side_by_side(mean, standardised(teacher)), raw_scale)

    return on_top_of_kd(room, head, [ours], term, [theirs], multiple)


def review(room: Room, *, multiple: float) -> nn.Module:
    """Both layers at once: the teacher's middle layer is met by a fusion of the student's middle and last."""
    pairs = [room.layers["middle"], room.layers["last"]]
    ours, theirs = (list(stages) for stages in zip(*pairs, strict=True))

    def term(said: Sequence[Tensor], *teacher: Tensor) -> Tensor:
        terms = [hierarchical_context_loss(s, standardised(t)) for s, t in zip(said, teacher, strict=True)]
        return torch.stack(terms).sum()

    return on_top_of_kd(room, lambda: _Review(room, ours, theirs), ours, term, theirs, multiple)


class _Review(nn.Module):
    """`KnowledgeReview` of stages that come one by one, put out in the sizes of the teacher's maps."""

    def __init__(self, room: Room, ours: Sequence[str], theirs: Sequence[str]):
        super().__init__()
        there = [room.teacher_shape(stage) for stage in theirs]
        here = [room.student_shape(stage)[0] for stage in ours]
        self.sizes = [shape[1:] for shape in there]
        self.review = KnowledgeReview(here, [shape[0] for shape in there])

    def forward(self, *features: Tensor) -> list[Tensor]:
        return self.review(features, self.sizes)


def project(room: Room, *, multiple: float) -> nn.Module:
    """Learned linear projector and batch norm, at every pixel; logarithm of the summed fourth powers."""
    ours, theirs = room.layers["last"]

    def make_part() -> nn.Module:
        here, there = room.student_shape(ours), room.teacher_shape(theirs)
        if are_maps(room, ours, theirs):
            return _OnPixels(projector("linear", here[0], there[0]))
        return projector("linear", here[0], _count(there))

    def term(said: Tensor, teacher: Tensor) -> Tensor:
        said, teacher = side_by_side(said, standardised(teacher))
        return log_sum_loss(said, teacher)

    return on_top_of_kd(room, make_part, [ours], term, [theirs], multiple)


class _OnPixels(nn.Module):
    """A projector of vectors, applied to each pixel of a map."""

    def __init__(self, projector: nn.Module):
        super().__init__()
        self.projector = projector

    def forward(self, feature: Tensor) -> Tensor:
        rows = feature.movedim(1, -1)
        return self.projector(rows.flatten(0, 2)).unflatten(0, rows.shape[:3]).movedim(-1, 1)


# Lecture 04: where the teacher looks, and what switches on.


def attention_transfer(room: Room, *, multiple: float) -> nn.Module:
    """Maps of the channels' mean square, as directions. Nothing is learned beside the student."""
    return _plain_term(room, attention_transfer_loss, multiple)


def nst(room: Room, *, multiple: float) -> nn.Module:
    """Maximum mean discrepancy of the two crowds of channels."""
    return _plain_term(room, nst_loss, multiple)


def activation_boundary(room: Room, *, multiple: float) -> nn.Module:
    """Each unit's side of zero, before the ReLU, through a regressor.

    The paper takes this loss alone first, to find first weights; here, as in lecture 04, it is a term.
    """
    ours, theirs = (f"{stage}_before" for stage in room.layers["last"])

    def term(said: Tensor, teacher: Tensor) -> Tensor:
        return activation_boundary_loss(*side_by_side(said, teacher))

    return on_top_of_kd(room, lambda: connector(room, ours, theirs), [ours], term, [theirs], multiple)


def gradient_attention(room: Room, *, multiple: float) -> nn.Module:
    """The gradient of the cross-entropy with respect to the image, by differentiating twice."""
    teacher = room.teacher()

    def both(nets: nn.Module, images: Tensor, labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        said = []

        def student(x: Tensor) -> Tensor:  # one pass for both losses: a second would move batch norm again
            said.append(nets(x))
            return said[0]

        own = input_gradient(student, images, labels, create_graph=True)
        # Asked step by step: each image is drawn a few times only, and there is a gradient for each label.
        teachers = input_gradient(teacher, images, labels)
        main = for_each_seed(nets, kd_loss, **BASE)(said[0], logits, labels)
        return main, for_each_seed(nets, gradient_attention_loss)(own, teachers)

    return with_weight(room, room.make_student, both, ["logits"], multiple)


def _hint(said: Tensor, teacher: Tensor) -> Tensor:
    return hint_loss(*side_by_side(said, standardised(teacher)))


def _plain_term(room: Room, loss, multiple: float) -> nn.Module:
    """KD and a loss of the last maps as they are."""
    ours, theirs = room.layers["last"]
    return on_top_of_kd(room, nn.Identity, [ours], loss, [theirs], multiple)


def _count(shape: Sequence[int]) -> int:
    return torch.Size(shape).numel()


MAPS = frozenset({"maps"})
FITNETS, AT = "Romero et al. 2015", "Zagoruyko & Komodakis 2017"
FEATURES = (
    Method(
        "hint_middle", "hint, middle layer", "features", "03", FITNETS,
        partial(hint, role="middle"), MULTIPLES,
    ),
    Method("hint_last", "hint, last layer", "features", "03", FITNETS, partial(hint, role="last"), MULTIPLES),
    Method(
        "two_stage_hint", "hint first, then KD", "features", "03", FITNETS,
        two_stage_hint, tuple({"share": share} for share in (0.1, 0.25, 0.5)),
    ),
    Method("project", "projector, LogSum", "features", "03", "Miles & Mikolajczyk 2024", project, MULTIPLES),
    Method(
        "factor_transfer", "factor transfer", "features", "03", "Kim et al. 2018",
        factor_transfer, MULTIPLES, MAPS,
    ),
    Method("vid", "VID", "features", "03", "Ahn et al. 2019", vid, MULTIPLES),
    Method("review", "knowledge review", "features", "03", "Chen et al. 2021", review, MULTIPLES, MAPS),
    Method(
        "attention_transfer", "attention transfer", "features", "04", AT, attention_transfer, MULTIPLES, MAPS
    ),
    Method("gradient_attention", "gradient attention", "features", "04", AT, gradient_attention, MULTIPLES),
    Method("nst", "NST", "features", "04", "Huang & Wang 2017", nst, MULTIPLES, MAPS),
    Method(
        "activation_boundary", "activation boundaries", "features", "04", "Heo et al. 2019",
        activation_boundary, MULTIPLES, frozenset({"before"}),
    ),
)  # fmt: skip
