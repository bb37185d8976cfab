"""What a method gets to work with on CIFAR-10, and the computation of a block there.

As in a `Room`, but one net at a time, on one device or many (see `kdcourse.training.fabric`), and with images
that are changed anew in every epoch: what the teacher says of them is computed for every batch.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn

from kdcourse.bench.cells import TEACHER, Block, Cell, Record, code_fingerprint
from kdcourse.bench.cifar10_worlds import CIFAR10_WORLDS, DRAWS, Cifar10World, crop_and_flip
from kdcourse.bench.room import Room, drawn
from kdcourse.data import ImageSet
from kdcourse.evaluation import accuracy, predict
from kdcourse.models import StagedNet, count_parameters
from kdcourse.training import CheckpointError, load_checkpoint, save_checkpoint, seeded, supervised
from kdcourse.training.augmented import AugmentedBatches
from kdcourse.training.fabric import fit_on_devices, open_fabric

CHECKPOINT_EVERY = 1000  # steps


class Cifar10Room(Room):
    """One CIFAR-10 world, one student's architecture, one seed.

    Nets are plain modules, batches have no leading dimension of seeds, losses have shape ().

    Args:
        world, student, steps, rate, folder: as of `Room`.
        seed: of split, teacher, first weights, order of the batches and changes of the images.
        fabric: from `open_fabric`.
        name: of the cell; trainings are kept in `folder` under it, so that a killed one goes on.
    """

    def __init__(
        self, world: Cifar10World, student: str, seed: int, *, steps: int, rate: float, folder: Path, fabric,
        name: str,
    ):  # fmt: skip
        super().__init__(world, student, [seed], steps=steps, rate=rate, folder=folder)
        self.seed, self.fabric, self.name = seed, fabric, name
        self._lessons = lessons(world, self.data.student, seed, fabric)
        self._trainings = 0

    def teacher(self, index: int = 0) -> StagedNet:
        """Teacher number `index`, in evaluation mode, on the device."""
        if index not in self._teachers:
            net = trained_teacher(self.world, self.seed, index, self.folder, self.fabric)
            self._teachers[index] = net.to(self.fabric.device)
        return self._teachers[index]

    def said(self, wanted: str | nn.Module) -> Tensor:
        """The images' numbers, if "index" is wanted, and nothing else: what is said of an image is another
        thing each time it is changed. Ask for it by `wanted` of `train`."""
        if isinstance(wanted, str) and wanted == "index":
            return torch.arange(self._lessons.size, device=self.fabric.device)
        raise NotImplementedError(
            f"On {self.world.name} images are changed in every epoch, so there is no table of {wanted!r} for "
            "all of them; a method that needs one runs on digits and shapes only."
        )

    def new_nets(self, make: Callable[[], nn.Module]) -> nn.Module:
        """One net from `make`, with the first weights of the seed, on the device."""
        return seeded(make, self.seed).to(self.fabric.device)

    def first_batch(self, wanted: Sequence[str | nn.Module] = ()) -> tuple[Tensor, ...]:
        """(images, labels, *what is wanted) of the first step, the whole batch."""
        images, labels, index = self._lessons(0)
        return images, labels, *self._answers(wanted, images, index)

    def train(
        self,
        make: Callable[[], nn.Module],
        objective: Callable[..., Tensor],
        wanted: Sequence[str | nn.Module] = (),
        *,
        steps: int | None = None,
        start: nn.Module | None = None,
        lr: float | None = None,
        weight_decay: float | None = None,
    ) -> nn.Module:
        """Train one net as `Room.train` trains several; by the world's recipe, each training with a schedule
        of its own.

        Args:
            lr, weight_decay: instead of the room's and the recipe's.
        """
        left = self.steps - self.steps_used
        steps = left if steps is None else steps
        if not 1 <= steps <= left:
            raise ValueError(f"steps: expected 1 to {left}, what is left of the budget, got {steps}")
        net = self.new_nets(make) if start is None else start
        if any(isinstance(one, str) and one != "index" for one in wanted):
            self.teacher()  # before the first step, and not as part of this training

        def with_answers(net: nn.Module, images: Tensor, labels: Tensor, index: Tensor) -> Tensor:
            return objective(net, images, labels, *self._answers(wanted, images, index))

        rate = self.rate if lr is None else lr
        optimizer, schedule = self.world.recipe.optimizer(net, steps, rate=rate, weight_decay=weight_decay)
        file = self.folder / f"training-{self.name}-{code_fingerprint()}-{self._trainings}.ckpt"
        began = time.process_time()
        fit_on_devices(
            net, with_answers, self._lessons.after(self.steps_used),
            steps=steps, optimizer=optimizer, schedule=schedule, fabric=self.fabric, seed=self.seed,
            frozen=[one for one in wanted if isinstance(one, nn.Module)],
            checkpoint=file, checkpoint_every=CHECKPOINT_EVERY,
        )  # fmt: skip
        self.seconds += time.process_time() - began
        self.steps_used += steps
        self._trainings += 1
        return net

    def _answers(self, wanted: Sequence[str | nn.Module], images: Tensor, index: Tensor) -> list[Tensor]:
        known = {"index": index}
        if any(isinstance(one, str) and one != "index" for one in wanted):
            teacher = self.teacher()  # outside no_grad: it may have to be trained first
            with torch.no_grad():
                logits, features = teacher(images, return_features=True)
            known |= {"logits": logits, **features}
        with torch.no_grad():
            return [
                one.to(images.device).eval()(images) if isinstance(one, nn.Module) else known[one]
                for one in wanted
            ]


def lessons(world: Cifar10World, images: ImageSet, seed: int, fabric) -> AugmentedBatches:
    """Batches of (images, labels, numbers of the images), changed at random, on the device."""
    images, labels = (tensor[0].to(fabric.device) for tensor in images)
    index = torch.arange(len(labels), device=labels.device)
    return AugmentedBatches(
        images, labels, index, batch_size=world.batch_size, seed=seed, augment=crop_and_flip, draws=DRAWS
    )


def trained_teacher(world: Cifar10World, seed: int, index: int, folder: Path, fabric) -> StagedNet:
    """Teacher number `index` of a seed: from `folder`, or trained now and put there. A training that was
    killed goes on.

    Raises:
        TimeoutError: several processes are to train a teacher that another run is training just now.
    """
    teacher = seeded(world.make_teacher, 1000 * (index + 1) + seed)
    file = folder / f"teacher-{world.name}-{index}-{code_fingerprint()}-seed{seed}.ckpt"
    folder.mkdir(parents=True, exist_ok=True)
    # Of several runs that miss a teacher, one trains it and the others wait. The processes of one run train
    # together; they cannot wait for hours, as their connections would time out.
    lock = FileLock(f"{file}.lock", timeout=-1 if fabric.world_size == 1 else 0)
    try:
        with lock if fabric.is_global_zero else nullcontext():
            saved = fabric.broadcast(_saved(file, teacher) if fabric.is_global_zero else None)
            if saved is None:
                net, recipe = teacher.to(fabric.device), world.recipe
                optimizer, schedule = recipe.optimizer(net, world.teacher_steps, rate=world.teacher_rate)
                batches = lessons(world, drawn(world, (seed,)).teacher, 1000 * (index + 1) + seed, fabric)
                fit_on_devices(
                    net, lambda net, images, labels, _: supervised()(net, images, labels), batches,
                    steps=world.teacher_steps, optimizer=optimizer, schedule=schedule, fabric=fabric,
                    checkpoint=file.with_suffix(".part"), checkpoint_every=CHECKPOINT_EVERY,
                )  # fmt: skip
                if fabric.is_global_zero:
                    save_checkpoint(file, net.state_dict())
                    file.with_suffix(".part").unlink()
            else:
                teacher.load_state_dict(saved)
    except Timeout as error:
        raise TimeoutError(f"{file} is being trained by another run. Start this one after it.") from error
    return teacher.requires_grad_(False).eval()


def _saved(file: Path, net: nn.Module) -> dict[str, Tensor] | None:
    """What the file holds, if it fits the net."""
    try:
        saved = load_checkpoint(file)
    except (FileNotFoundError, CheckpointError):
        return None
    shapes = {name: value.shape for name, value in net.state_dict().items()}
    return saved if {name: value.shape for name, value in saved.items()} == shapes else None


def run_cifar10_block(block: Block, folder: str | Path, fabric=None) -> list[Record]:
    """Train the nets of `block`, one after the other, and score them on the block's split.

    A block that was killed goes on where it was: finished trainings and half-finished ones are in `folder`
    (they may be deleted once the results are written). A record's seconds are processor seconds since the
    last start, of this process.

    Args:
        folder: where trained teachers and trainings are kept.
        fabric: from `open_fabric`; opened if not given. With several processes all must call this.
    """
    world, folder = CIFAR10_WORLDS[block.world], Path(folder)
    if fabric is None:
        fabric = open_fabric(precision=world.recipe.precision, unused_parameters=True)
    return [_run_cell(cell, world, folder, fabric) for cell in block.cells]


def _run_cell(cell: Cell, world: Cifar10World, folder: Path, fabric) -> Record:
    seconds = 0.0
    if cell.student == TEACHER:
        net, make = trained_teacher(world, cell.seed, 0, folder, fabric), world.make_teacher
    else:
        from kdcourse.bench.methods import METHODS  # here: it imports what imports the worlds

        setting = dict(cell.setting)
        rate = setting.pop("rate")
        # The split is only what is looked at in the end: the same net serves both.
        same = {"world": cell.world, "student": cell.student, "method": cell.method, "seed": cell.seed}
        same |= {"setting": dict(cell.setting), "budget": cell.budget}
        name = f"{cell.method}-{sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()[:16]}"
        room = Cifar10Room(
            world, cell.student, cell.seed,
            steps=cell.budget, rate=rate, folder=folder, fabric=fabric, name=name,
        )  # fmt: skip
        net, make = METHODS[cell.method].train(room, **setting), room.make_student
        seconds = room.seconds
    images, labels = (tensor[0] for tensor in getattr(drawn(world, (cell.seed,)), cell.split))
    net.to(fabric.device)
    parts = [predict(net, part.to(fabric.device)).cpu() for part in images.split(2000)]
    return Record(
        cell=cell,
        accuracy=round(accuracy(torch.cat(parts), labels).item(), 4),
        seconds=round(seconds, 3),
        parameters=count_parameters(make()),
        code=code_fingerprint(),
        torch=torch.__version__,
        device=_device(fabric),
        when=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _device(fabric) -> str:
    kind = torch.cuda.get_device_name(fabric.device) if fabric.device.type == "cuda" else fabric.device.type
    return kind if fabric.world_size == 1 else f"{fabric.world_size} x {kind}"
