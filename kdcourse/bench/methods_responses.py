"""Methods of lectures 01, 02 and 13 that learn from labels alone, or from what the teacher answers."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdcourse.bench.method import BASE, Method, cross_entropy, per_net, three, with_weight
from kdcourse.bench.room import Room
from kdcourse.losses import (
    decoupled_kd_loss,
    dist_loss,
    ensemble_soft_targets,
    generalized_jsd,
    kd_loss,
    logit_matching_loss,
    prime_aware_loss,
    sparse_soft_cross_entropy,
    sparse_soft_targets,
    standardized_soft_target_loss,
)
from kdcourse.models import PrimeAwareHead

NAMES_OF_ENSEMBLE = (0, 1, 2)


def alone(room: Room, *, weight_decay: float) -> nn.Module:
    """The labels, nothing else."""
    return room.train(room.make_student, cross_entropy(), weight_decay=weight_decay)


def label_smoothing(room: Room, *, smoothing: float) -> nn.Module:
    """The labels, mixed with the same probability for every class."""
    return room.train(room.make_student, cross_entropy(label_smoothing=smoothing))


def kd(room: Room, *, temperature: float, alpha: float = BASE["alpha"]) -> nn.Module:
    """Soft targets and labels."""

    def loss(logits: Tensor, labels: Tensor, said: Tensor) -> Tensor:
        return kd_loss(logits, said, labels, temperature=temperature, alpha=alpha)

    return room.train(room.make_student, per_net(loss), ["logits"])


def hard_labels(room: Room, *, alpha: float) -> nn.Module:
    """The control of KD: of what the teacher says only its first choice is used."""
    return _mixed(room, lambda logits, said: F.cross_entropy(logits, said.argmax(dim=1)), alpha)


def logit_matching(room: Room, *, multiple: float) -> nn.Module:
    """Squared distance of the logits; its weight as in `on_top_of_kd`, against the labels' cross-entropy."""

    def both(logits: Tensor, labels: Tensor, said: Tensor) -> tuple[Tensor, Tensor]:
        return F.cross_entropy(logits, labels), logit_matching_loss(logits, said)

    return with_weight(room, room.make_student, per_net(both), ["logits"], multiple)


def divergence(room: Room, *, beta: float) -> nn.Module:
    """Generalised Jensen-Shannon divergence, between KL forward and reverse, at temperature 1."""
    return _mixed(room, lambda logits, said: generalized_jsd(logits, said, beta=beta))


def dkd(room: Room, *, beta: float) -> nn.Module:
    """Cross-entropy plus decoupled KD: the other classes' shares get a weight of their own."""

    def loss(logits: Tensor, labels: Tensor, said: Tensor) -> Tensor:
        decoupled = decoupled_kd_loss(logits, said, labels, beta=beta, temperature=BASE["temperature"])
        return F.cross_entropy(logits, labels) + decoupled

    return room.train(room.make_student, per_net(loss), ["logits"])


def dist(room: Room, *, weight: float) -> nn.Module:
    """Cross-entropy plus correlations over classes and over the batch."""

    def loss(logits: Tensor, labels: Tensor, said: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels) + dist_loss(logits, said, beta=weight, gamma=weight)

    return room.train(room.make_student, per_net(loss), ["logits"])


def standardized(room: Room, *, temperature: float) -> nn.Module:
    """KD of logits that were standardised for each image."""
    return _mixed(
        room, lambda logits, said: standardized_soft_target_loss(logits, said, temperature=temperature)
    )


def prime_aware(room: Room, *, multiple: float) -> nn.Module:
    """Squared error of the logits, less where its variance, predicted from the student's last stage, is
    high."""
    stage = room.layers["last"][0]
    size = math.prod(room.student_shape(stage))

    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.student, self.head = room.make_student(), PrimeAwareHead(size, room.classes)

        def forward(self, x: Tensor):
            if not self.training:
                return self.student(x)
            logits, features = self.student(x, return_features=True)
            return logits, self.head(features[stage].flatten(1))

    def both(output, labels: Tensor, said: Tensor) -> tuple[Tensor, Tensor]:
        logits, log_variance = output
        return F.cross_entropy(logits, labels), prime_aware_loss(logits, said, log_variance)

    return with_weight(room, Head, per_net(both), ["logits"], multiple)


def ensemble(room: Room, *, temperature: float) -> nn.Module:
    """KD from the mean of three teachers' probabilities (two more teachers than the others have)."""

    def loss(logits: Tensor, labels: Tensor, *said: Tensor) -> Tensor:
        target = ensemble_soft_targets(torch.stack(said), temperature=temperature)
        soft = -(target * F.log_softmax(logits / temperature, dim=1)).sum(dim=1).mean()
        return (1 - BASE["alpha"]) * F.cross_entropy(logits, labels) + BASE["alpha"] * temperature**2 * soft

    return room.train(
        room.make_student, per_net(loss), ["logits", *(room.teacher(i) for i in NAMES_OF_ENSEMBLE[1:])]
    )


def stored(room: Room, *, k: int) -> nn.Module:
    """The k largest probabilities of each image, as a store of soft labels keeps them, at temperature 1."""

    def soft(logits: Tensor, said: Tensor) -> Tensor:
        return sparse_soft_cross_entropy(logits, *sparse_soft_targets(said, k))

    return _mixed(room, soft)


def _mixed(room: Room, soft, alpha: float = BASE["alpha"]) -> nn.Module:
    """(1 - alpha) cross-entropy + alpha soft(student's logits, teacher's logits)."""

    def loss(logits: Tensor, labels: Tensor, said: Tensor) -> Tensor:
        return (1 - alpha) * F.cross_entropy(logits, labels) + alpha * soft(logits, said)

    return room.train(room.make_student, per_net(loss), ["logits"])


RESPONSES = (
    Method("alone", "student alone", "labels", "01", "", alone, three("weight_decay", 1e-3, 1e-2, 1e-1)),
    Method(
        "label_smoothing", "label smoothing", "labels", "01", "Szegedy et al. 2016",
        label_smoothing, three("smoothing", 0.05, 0.1, 0.2),
    ),
    Method("kd", "KD", "responses", "01", "Hinton et al. 2015", kd, three("temperature", 1.0, 4.0, 10.0)),
    Method(
        "hard_labels", "teacher's hard labels", "responses", "01", "",
        hard_labels, three("alpha", 0.5, 0.9, 1.0),
    ),
    Method(
        "logit_matching", "logit matching", "responses", "01", "Ba & Caruana 2014",
        logit_matching, three("multiple", 0.1, 1.0, 10.0),
    ),
    Method(
        "divergence", "Jensen-Shannon", "responses", "02", "Agarwal et al. 2024",
        divergence, three("beta", 0.1, 0.5, 0.9),
    ),
    Method("dkd", "decoupled KD", "responses", "02", "Zhao et al. 2022", dkd, three("beta", 1.0, 4.0, 8.0)),
    Method("dist", "DIST", "responses", "02", "Huang et al. 2022", dist, three("weight", 1.0, 2.0, 4.0)),
    Method(
        "standardized", "logit standardisation", "responses", "02", "Sun et al. 2024",
        standardized, three("temperature", 1.0, 2.0, 4.0),
    ),
    Method(
        "prime_aware", "prime-aware", "responses", "02", "Zhang et al. 2020",
        prime_aware, three("multiple", 0.1, 1.0, 10.0),
    ),
    Method(
        "ensemble", "KD, three teachers", "responses", "02", "Hinton et al. 2015",
        ensemble, three("temperature", 1.0, 4.0, 10.0),
    ),
    Method(
        "stored", "stored top-K labels", "responses", "13", "Wu et al. 2022",
        stored, three("k", 1, 2, 5),
    ),
)  # fmt: skip
