"""What an entry of the method registry is, and the objectives that most methods share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdcourse.bench.room import Room
from kdcourse.losses import kd_loss
from kdcourse.models import StagedNet
from kdcourse.training import SeedStack, for_each_seed

FAMILIES = ("labels", "responses", "features", "relations", "self", "online", "augmentation")
# What the methods that add a term to plain KD add it to; not tuned, for any of them.
BASE = {"temperature": 4.0, "alpha": 0.9}


@dataclass(frozen=True)
class Method:
    """One row of the benchmark.

    name: in tables and on the command line. title: as a reader should see it. family: one of `FAMILIES`.
    lecture: number of the lecture that derives it. source: authors and year.
    train: ``train(room, **setting) -> net`` whose output in evaluation mode is the logits of the student
        alone.
    settings: the three settings that the search tries, at each of the world's learning rates.
    needs: what the student must give, of "maps", "before", "widths".

    Lecture:
        18_capstone, section 6.
    """

    name: str
    title: str
    family: str
    lecture: str
    source: str
    train: Callable[..., nn.Module]
    settings: tuple[Mapping[str, object], ...]
    needs: frozenset[str] = frozenset()

    def __post_init__(self):
        if self.family not in FAMILIES:
            raise ValueError(f"family: expected one of {', '.join(FAMILIES)}, got {self.family!r}")
        if len(self.settings) != 3:
            raise ValueError(
                f"settings of {self.name}: expected 3, so that no method is searched more than another, "
                f"got {len(self.settings)}"
            )


class Assisted(nn.Module):
    """A student, and a part that looks at some of its stages while it is trained.

    In training mode the output is (logits, what the part puts out); in evaluation mode the logits alone: in
    use, the part is gone.

    Args:
        student: built before the part, so that its first weights are those that it has without one.
        part: gets the chosen stages' outputs, one tensor each.
        stages: the names of these stages.
    """

    def __init__(self, student: StagedNet, part: nn.Module, *stages: str):
        super().__init__()
        self.student, self.part, self.stages = student, part, stages

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, object]:
        if not self.training:
            return self.student(x)
        logits, features = self.student(x, return_features=True)
        return logits, self.part(*(features[name] for name in self.stages))


def per_net(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An objective from the loss of one net: loss(output, labels, *what is wanted) -> ().

    Lecture:
        18_capstone, section 6.
    """

    def objective(nets: nn.Module, images: Tensor, labels: Tensor, *wanted: Tensor) -> Tensor:
        return for_each_seed(nets, loss)(nets(images), labels, *wanted)

    return objective


def on_top_of_kd(
    room: Room,
    make_part: Callable[[], nn.Module],
    stages: Sequence[str],
    term: Callable[..., Tensor],
    wanted: Sequence[str],
    multiple: float,
) -> nn.Module:
    r"""Train with kd_loss + weight * term(what the part puts out, *what is wanted).

    .. math:: weight = multiple \cdot \frac{kd\_loss}{|term|} \text{ at the first batch, before training}

    A term's unit then plays no part in its weight: at a multiple of 1 both pull about equally at first.

    Args:
        make_part: builds the part that the stages' outputs go through, e.g. a regressor.
        stages: of the student.
        term: loss of one net, (part's output, *wanted) -> ().
        wanted: what the teacher is asked for besides its logits.

    Lecture:
        18_capstone, section 6, through `per_net`.
    """

    def make() -> Assisted:
        return Assisted(room.make_student(), make_part(), *stages)

    def both(output, labels: Tensor, logits: Tensor, *known: Tensor) -> tuple[Tensor, Tensor]:
        said, assisted = output
        return kd_loss(said, logits, labels, **BASE), term(assisted, *known)

    return with_weight(room, make, per_net(both), ["logits", *wanted], multiple)


def with_weight(
    room: Room,
    make: Callable[[], nn.Module],
    both: Callable[..., tuple[Tensor, Tensor]],
    wanted: Sequence[str | nn.Module],
    multiple: float,
) -> nn.Module:
    """Train with main + weight * term, weighted as by `on_top_of_kd`, each seed by itself.

    Args:
        make: builds one net, the student first.
        both: objective that gives two losses: (nets, images, labels, *what is wanted) -> (main, term), each
            (S,), or () for a net that is no `SeedStack`.
        wanted: as of `Room.train`.
    """
    weight = multiple * first_ratio(room, make, both, wanted)

    def objective(nets: nn.Module, *batch: Tensor) -> Tensor:
        main, term = both(nets, *batch)
        return main + weight * term

    return room.train(make, objective, wanted)


def first_ratio(
    room: Room, make: Callable[[], nn.Module], both: Callable, wanted: Sequence[str | nn.Module]
) -> Tensor:
    """main / |term| of each seed's new net at its first batch, 0 where the term is 0; shapes as of `both`.

    A seed's weight does not depend on the seeds beside it, so a block can be computed in parts.
    """
    nets, batch = room.new_nets(make).train(), room.first_batch(wanted)
    with torch.no_grad():
        main, term = both(nets, *batch)
    return torch.where(term == 0, 0.0, main / term.abs())


def cross_entropy(*, label_smoothing: float = 0.0) -> Callable[..., Tensor]:
    """The objective of a student without a teacher."""
    return per_net(lambda logits, labels: F.cross_entropy(logits, labels, label_smoothing=label_smoothing))


def deployed(room: Room, nets: nn.Module, prefix: str) -> nn.Module:
    """The students alone, cut out of what was trained: plain students, with copies of their tensors.

    Args:
        nets: a net, or a `SeedStack`, of which the student is a part.
        prefix: with what the names of the student's tensors begin there, e.g. ``student.``.

    Raises:
        ValueError: there is no student under that name.
    """
    students = room.new_nets(room.make_student).to(next(nets.parameters()).device)
    trained = _tensors(nets)
    with torch.no_grad():
        for name, tensor in _tensors(students).items():
            if prefix + name not in trained:
                raise ValueError(f"prefix: expected a tensor {prefix + name!r}, got {', '.join(trained)}")
            tensor.copy_(trained[prefix + name])
    return students.eval()


def three(name: str, *values: object) -> tuple[dict[str, object], ...]:
    """The settings of a method that has one knob.

    >>> three("alpha", 0.1, 0.5, 0.9)
    ({'alpha': 0.1}, {'alpha': 0.5}, {'alpha': 0.9})
    """
    return tuple({name: value} for value in values)


def _tensors(nets: nn.Module) -> dict[str, Tensor]:
    if isinstance(nets, SeedStack):
        return nets.tensors()
    return dict(nets.named_parameters()) | dict(nets.named_buffers())
