"""Methods of lectures 06 and 07: nets that teach themselves or each other.

None of them has a teacher. What each of them trains beside the student is cut off at the end: what comes back
is the plain student.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdcourse.bench.method import Assisted, Method, cross_entropy, deployed, per_net, three
from kdcourse.bench.room import Room
from kdcourse.losses import (
    confidence_weights,
    mutual_losses,
    permuted_soft_targets,
    self_distillation_loss,
    soft_target_loss,
)
from kdcourse.models import ONEGate, StagedNet

BYOT_TEMPERATURE = 3.0  # of the authors' code
ONE_TEMPERATURE = 3.0  # of the paper
BRANCHES = 3  # of the paper

# Lecture 06: a net that teaches itself.


def born_again(room: Room, *, temperature: float, alpha: float = 1.0) -> nn.Module:
    """Soft targets from a net of the same shape; no labels, as in the lecture.

    Two generations share the budget, half the steps each: the first learns from the labels, the second, with
    other first weights, from the first. Each of them has thus half the training of other methods' students.
    """
    first = _first_generation(room)

    def loss(logits: Tensor, labels: Tensor, said: Tensor) -> Tensor:
        soft = soft_target_loss(logits, said, temperature=temperature)
        return (1 - alpha) * F.cross_entropy(logits, labels) + alpha * soft

    return room.train(room.make_student, per_net(loss), [first])


def permuted(room: Room, *, temperature: float) -> nn.Module:
    """A control of `born_again`, with the same budget (DKPP): the first generation's probabilities, all but
    the largest dealt out to other classes anew at each step."""
    first = _first_generation(room)
    generators = [torch.Generator().manual_seed(1_000_003 * seed + 6) for seed in room.seeds]

    def loss(logits: Tensor, labels: Tensor, target: Tensor) -> Tensor:
        soft = -(target * F.log_softmax(logits / temperature, dim=1)).sum(dim=1).mean()
        return temperature**2 * soft

    def objective(nets: nn.Module, images: Tensor, labels: Tensor, said: Tensor) -> Tensor:
        # One seed after the other: a net's permutations then do not depend on which nets are beside it.
        rows = said.cpu() if said.dim() == 3 else said.cpu()[None]
        targets = torch.stack(
            [
                permuted_soft_targets(row, temperature=temperature, generator=generator)
                for row, generator in zip(rows, generators, strict=True)
            ]
        )
        return per_net(loss)(nets, images, labels, targets.reshape(said.shape).to(said.device))

    return room.train(room.make_student, objective, [first])


def confidence_weighted(room: Room, *, weight_decay: float) -> nn.Module:
    """The labels, each image weighted by how sure the first generation is of it (CWTM): the other control of
    `born_again`, with the same budget. It has no knob; as for `alone`, the weight decay is searched."""
    first = _first_generation(room, weight_decay=weight_decay)

    def loss(logits: Tensor, labels: Tensor, said: Tensor) -> Tensor:
        return (confidence_weights(said) * F.cross_entropy(logits, labels, reduction="none")).sum()

    return room.train(room.make_student, per_net(loss), [first], weight_decay=weight_decay)


def _first_generation(room: Room, **options) -> nn.Module:
    """Nets of the student's shape, trained on the labels for half the budget."""

    def make() -> StagedNet:
        room.make_student()  # the first weights that a seed gives belong to the generation that is scored
        return room.make_student()

    return room.train(make, cross_entropy(), steps=room.steps // 2, **options)


class Exits(nn.ModuleList):
    """A linear classifier for each of several stages, on the flattened feature, large maps averaged to 4 x 4.

    Shapes:
        the stages' outputs, (B, C, H, W) or (B, D) each -> a list of logits (B, classes).
    """

    def __init__(self, shapes: Sequence[Sequence[int]], classes: int):
        exits = []
        for channels, *sides in shapes:
            small = [min(side, 4) for side in sides]
            pool = [nn.AdaptiveAvgPool2d(small)] if small != list(sides) else []
            linear = nn.Linear(channels * math.prod(small), classes)
            exits.append(nn.Sequential(*pool, nn.Flatten(), linear))
        super().__init__(exits)

    def forward(self, *features: Tensor) -> list[Tensor]:
        return [exit_(feature) for exit_, feature in zip(self, features, strict=True)]


def byot(room: Room, *, alpha: float) -> nn.Module:
    """Be your own teacher: an exit after every stage, and the student's own output teaches them all.

    Without the paper's third term, for features, as in the lecture. A ResNet's stem gets no exit.
    """
    stages = [names[-1] for names in _in_stages(_names(room))[:-1] if names[-1] != "stem"]
    shapes = [room.student_shape(name) for name in stages]

    def loss(output, labels: Tensor) -> Tensor:
        deepest, shallow = output
        return self_distillation_loss([*shallow, deepest], labels, temperature=BYOT_TEMPERATURE, alpha=alpha)

    nets = room.train(
        lambda: Assisted(room.make_student(), Exits(shapes, room.classes), *stages), per_net(loss)
    )
    return deployed(room, nets, "student.")


# Lecture 07: nets that teach each other.


class Peers(nn.Module):
    """Two nets, one list of logits; in evaluation mode the logits of the first."""

    def __init__(self, make: Callable[[], nn.Module]):
        super().__init__()
        self.first, self.second = make(), make()

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        return [self.first(x), self.second(x)] if self.training else self.first(x)


def mutual(room: Room, *, weight: float) -> nn.Module:
    """Deep mutual learning of two nets of the same shape; the first is deployed, both cost time."""

    def loss(logits: list[Tensor], labels: Tensor) -> Tensor:
        alone = [F.cross_entropy(z, labels) for z in logits]
        together = mutual_losses(logits, labels)
        return sum(own + weight * (both - own) for own, both in zip(alone, together, strict=True))

    nets = room.train(lambda: Peers(room.make_student), per_net(loss))
    return deployed(room, nets, "first.")


class OtherBranches(nn.Module):
    """What ONE adds to a student: its last stage and head once more for each further branch, and the gate.

    Shapes:
        the trunk's feature f -> a list of the other branches' logits (B, K), and the gate's weights (B, M).
    """

    def __init__(self, branches: Sequence[nn.Module], channels: int):
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.gate = ONEGate(channels, len(branches) + 1)

    def forward(self, feature: Tensor) -> tuple[list[Tensor], Tensor]:
        return [branch(feature) for branch in self.branches], self.gate(feature)


def one(room: Room, *, weight: float) -> nn.Module:
    """ONE: the student's last stage and head three times on one trunk, their gated ensemble teaches each.

    The first branch is deployed, with the trunk: a plain student; all cost time. The loss is the published
    one, without the ramp of the authors' code, which did not help in the lecture.
    """
    *_, before, last = _in_stages(_names(room))
    trunk = before[-1]
    channels = room.student_shape(trunk)[0]

    def make() -> Assisted:
        student, *others = (room.make_student() for _ in range(BRANCHES))
        branches = [StagedNet({name: net.stages[name] for name in last}, net.head) for net in others]
        return Assisted(student, OtherBranches(branches, channels), trunk)

    def loss(output, labels: Tensor) -> Tensor:
        first, (others, gate) = output
        logits = [first, *others]
        ensemble = (gate[:, :, None] * torch.stack(logits, dim=1)).sum(dim=1)
        total = F.cross_entropy(ensemble, labels)
        for z in logits:
            soft = soft_target_loss(z, ensemble, temperature=ONE_TEMPERATURE)
            total = total + F.cross_entropy(z, labels) + weight * soft
        return total

    return deployed(room, room.train(make, per_net(loss)), "student.")


def _names(room: Room) -> tuple[str, ...]:
    with torch.random.fork_rng(devices=[]):
        return room.make_student().stage_names


def _in_stages(names: Sequence[str]) -> list[list[str]]:
    """Names of a net's stages, ``NAME_before`` together with NAME.

    >>> _in_stages(["conv1_before", "conv1", "conv2"])
    [['conv1_before', 'conv1'], ['conv2']]
    """
    stages: dict[str, list[str]] = {}
    for name in names:
        stages.setdefault(name.removesuffix("_before"), []).append(name)
    return list(stages.values())


SELF = (
    # Temperatures: 1 is the papers', 8 what the lecture's search found, 4 what lies between.
    Method(
        "born_again", "born again", "self", "06", "Furlanello et al. 2018",
        born_again, three("temperature", 1.0, 4.0, 8.0),
    ),
    Method(
        "permuted", "born again, permuted (DKPP)", "self", "06", "Furlanello et al. 2018",
        permuted, three("temperature", 1.0, 4.0, 8.0),
    ),
    Method(
        "confidence_weighted", "labels, weighted (CWTM)", "self", "06", "Furlanello et al. 2018",
        confidence_weighted, three("weight_decay", 1e-3, 1e-2, 1e-1),
    ),
    # 0.3 is of the authors' code, 0.9 of the lecture's search; all three were in its grid.
    Method(
        "byot", "be your own teacher", "self", "06", "Zhang, Song et al. 2019",
        byot, three("alpha", 0.3, 0.5, 0.9),
    ),
)  # fmt: skip
ONLINE = (
    # Both papers have weight 1; the lecture's grid went on to 64, for labels of which many were wrong.
    Method(
        "mutual", "mutual learning", "online", "07", "Zhang, Xiang et al. 2018",
        mutual, three("weight", 1.0, 4.0, 16.0),
    ),
    Method("one", "ONE", "online", "07", "Lan et al. 2018", one, three("weight", 1.0, 4.0, 16.0)),
)  # fmt: skip
