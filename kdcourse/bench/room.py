"""What a method gets to work with: one world, one student, the seeds of a block, and a budget of steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor, nn

from kdcourse.bench.cells import code_fingerprint
from kdcourse.bench.worlds import Data, World
from kdcourse.evaluation import accuracy, predict
from kdcourse.models import StagedNet
from kdcourse.training import (
    Batches,
    CheckpointError,
    SeedStack,
    fit,
    load_checkpoint,
    save_checkpoint,
    supervised,
)

_AT_ONCE = 256  # images a seed: small convolutions of many seeds are quicker in small batches


class Room:
    """One world, one student's architecture, S seeds.

    A method trains with `train`, as often as it likes, but in all no more than `steps` steps of the student.
    What a teacher says of the images is computed once and kept, because the images are a fixed pool.

    Args:
        world: a `World`.
        student: one of its students' names.
        seeds: of the nets that are trained side by side.
        steps: the budget.
        rate: the learning rate.
        folder: where trained teachers are kept; a teacher that is there is not trained again.

    Lecture:
        18_capstone, section 2.
    """

    def __init__(
        self, world: World, student: str, seeds: Sequence[int], *, steps: int, rate: float, folder: Path
    ):
        self.world, self.student = world, world.students[student]
        self.seeds, self.steps, self.rate, self.folder = tuple(seeds), steps, rate, Path(folder)
        self.layers, self.classes = self.student.layers, world.classes
        self.make_student: Callable[..., StagedNet] = self.student.make
        self.make_teacher = world.make_teacher
        self.data: Data = drawn(world, self.seeds)
        self.steps_used, self.seconds = 0, 0.0
        self._teachers: dict[int, SeedStack] = {}
        self._said: dict[object, dict[str, Tensor]] = {}

    # What nets look like, for those who build connectors.

    def student_shape(self, stage: str) -> tuple[int, ...]:
        """Shape of one sample of a student's stage, e.g. (8, 4, 4)."""
        return _shapes(self.make_student, self.data.student.images)[stage]

    def teacher_shape(self, stage: str) -> tuple[int, ...]:
        """Shape of one sample of a teacher's stage."""
        return _shapes(self.world.make_teacher, self.data.student.images)[stage]

    # Teachers.

    def teacher(self, index: int = 0) -> SeedStack:
        """Teacher number `index`: the first is what most methods learn from, others make an ensemble."""
        if index not in self._teachers:
            self._teachers[index] = trained_teacher(self.world, self.seeds, index, self.folder)
        return self._teachers[index]

    def said(self, wanted: str | nn.Module) -> Tensor:
        """What is known of every image of the pool, shape (S, N, ...).

        wanted: "logits" or a stage's name, as the teacher puts it out; "index", the image's number in the
        pool; or any net, whose logits are meant.
        """
        images = self.data.student.images
        if wanted == "index":
            return torch.arange(images.shape[1]).expand(len(self.seeds), -1)
        if isinstance(wanted, nn.Module):
            return predict(wanted, images, batch_size=_AT_ONCE)
        if wanted not in self._said:
            teacher = self.teacher().eval()
            with torch.no_grad():
                parts = [teacher(part, return_features=True) for part in images.split(_AT_ONCE, dim=1)]
            self._said["logits"] = torch.cat([logits for logits, _ in parts], dim=1)
            for stage in parts[0][1]:
                self._said[stage] = torch.cat([features[stage] for _, features in parts], dim=1)
        return self._said[wanted]

    # Training.

    def new_nets(self, make: Callable[[], nn.Module]) -> SeedStack:
        """S nets from `make`, each with the first weights of its seed."""
        return SeedStack(make, self.seeds)

    def first_batch(self, wanted: Sequence[str | nn.Module] = ()) -> tuple[Tensor, ...]:
        """(images, labels, *what is wanted) of the first step, each (S, B, ...)."""
        return self._batches(wanted)(0)

    def train(
        self,
        make: Callable[[], nn.Module],
        objective: Callable[..., Tensor],
        wanted: Sequence[str | nn.Module] = (),
        *,
        steps: int | None = None,
        start: nn.Module | None = None,
        **options,
    ) -> nn.Module:
        """Train S nets from `make` for `steps` steps (default: all that is left of the budget).

        Args:
            make: builds one net with all that is trained beside it; the student is built first, so that all
                methods begin with the same weights.
            objective: (nets, images, labels, *what is wanted) -> loss of shape (S,); see `per_net`.
            wanted: what a batch holds after images and labels; see `said`.
            start: go on from these nets instead of new ones.
            options: of `fit`, e.g. ``weight_decay``.

        Raises:
            ValueError: more steps than the budget has left.
        """
        left = self.steps - self.steps_used
        steps = left if steps is None else steps
        if not 1 <= steps <= left:
            raise ValueError(f"steps: expected 1 to {left}, what is left of the budget, got {steps}")
        batches = self._batches(wanted)
        nets = self.new_nets(make) if start is None else start
        began = time.process_time()
        done = self.steps_used
        options = {"lr": self.rate, "weight_decay": 1e-2, "progress": False} | options
        fit(nets, objective, lambda step: batches(done + step), steps=steps, **options)
        self.seconds += time.process_time() - began
        self.steps_used += steps
        return nets

    # The verdict.

    def score(self, nets: nn.Module, split: str) -> Tensor:
        """Accuracy in percent, one number a seed, on the "validation" or the "test" images."""
        images, labels = getattr(self.data, split)
        return accuracy(predict(nets, images, batch_size=_AT_ONCE), labels)

    def _batches(self, wanted: Sequence[str | nn.Module]) -> Batches:
        tensors = [*self.data.student, *(self.said(one) for one in wanted)]
        return Batches(*tensors, batch_size=self.world.batch_size, seeds=self.seeds)


_last_drawn: dict[tuple, Data] = {}


def drawn(world: World, seeds: tuple[int, ...]) -> Data:
    """The world's data for these seeds; the last ones are kept, as the next block mostly wants them again."""
    if (world.name, seeds) not in _last_drawn:
        _last_drawn.clear()
        _last_drawn[world.name, seeds] = world.draw(seeds)
    return _last_drawn[world.name, seeds]


def trained_teacher(world: World, seeds: tuple[int, ...], index: int, folder: Path) -> SeedStack:
    """Teacher number `index` of each seed: from `folder`, or trained now and put there."""
    first_weights = [1000 * (index + 1) + seed for seed in seeds]
    teacher = SeedStack(world.make_teacher, first_weights)
    name = f"teacher-{world.name}-{index}-{code_fingerprint()}"
    files = [folder / f"{name}-seed{seed}.ckpt" for seed in seeds]
    folder.mkdir(parents=True, exist_ok=True)
    # Of several workers that miss a teacher, one trains it and the others wait.
    with FileLock(folder / f"{name}.lock"):
        if all(_fill(teacher, number, file) for number, file in enumerate(files)):
            return teacher.eval()
        teacher = SeedStack(world.make_teacher, first_weights)
        lessons = Batches(*drawn(world, seeds).teacher, batch_size=world.batch_size, seeds=seeds)
        fit(
            teacher, supervised(), lessons,
            steps=world.teacher_steps, lr=world.teacher_rate, weight_decay=1e-2, progress=False,
        )  # fmt: skip
        for number, file in enumerate(files):
            save_checkpoint(file, {k: v.detach()[number].clone() for k, v in teacher.tensors().items()})
    return teacher.eval()


def _fill(stack: SeedStack, number: int, file: Path) -> bool:
    """Copy a teacher from its file into place `number`; False if there is none that fits."""
    try:
        saved = load_checkpoint(file)
    except (FileNotFoundError, CheckpointError):
        return False
    tensors = stack.tensors()
    if {k: v.shape[1:] for k, v in tensors.items()} != {k: v.shape for k, v in saved.items()}:
        return False
    with torch.no_grad():
        for name, tensor in tensors.items():
            tensor[number].copy_(saved[name])
    return True


def _shapes(make: Callable[[], StagedNet], images: Tensor) -> dict[str, tuple[int, ...]]:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        _, features = make().eval()(images[0, :1], return_features=True)
    return {name: tuple(feature.shape[1:]) for name, feature in features.items()}
