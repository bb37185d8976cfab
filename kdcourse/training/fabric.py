"""One large training on one device or many: the loop of `fit`, run by Lightning Fabric.

Started as usual it trains on one device, the GPU if there is one; started by ``torchrun`` the same code is
data-parallel (PyTorch's DistributedDataParallel, DDP), on one machine or several::

    torchrun --nproc_per_node=8 my_training.py

Each process computes the loss of its share of the batch, and the gradients are averaged. That is one step of
a single process on the whole batch if the loss is a mean over the samples of the batch. It is not if samples
look at each other:

- *Batch norm* in training mode normalises with the statistics of each process's share; the running averages
  are those of the first process. ``sync_batchnorm=True`` takes the statistics of the whole batch instead
  (PyTorch's SyncBatchNorm; GPUs only).
- *Losses over relations in a batch* (RKD, PKT, similarity, correlation congruence, contrast with the other
  samples) compare within each share only: 8 processes with a batch of 128 compare 16 samples. Nothing here
  gathers features over the processes. Choose the batch so that a share has the size that the method wants.
- What is drawn in the objective (dropout, mixing) is drawn in each process by itself.

Needs the package lightning-fabric: ``pip install "kdcourse[cluster]"``.
"""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from kdcourse.training.augmented import share_of
from kdcourse.training.checkpoint import (
    CheckpointError,
    generator_states,
    load_checkpoint,
    restore_generators,
    restore_parts,
    save_checkpoint,
)
from kdcourse.training.loop import _describe, require_finite
from kdcourse.training.progress import progress_bar
from kdcourse.training.teacher import Teacher

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


def open_fabric(
    *, precision: str = "32-true", accelerator: str = "auto", unused_parameters: bool = False
) -> Fabric:
    """Join the processes that ``torchrun`` started, or take one device where it did not.

    Args:
        precision: "32-true"; "bf16-mixed" or "16-mixed": autocast, weights stay in float32.
        accelerator: "auto", "cpu" or "cuda".
        unused_parameters: some parameters may have no part in a loss, as in a stage of training that ends
            at a middle layer. Of several processes, DDP looks for them in every step, which costs a little;
            otherwise it stops with an error where there are any.

    Returns:
        A launched `Fabric`; `fabric.device`, `fabric.global_rank` and `fabric.world_size` say where we are.

    Raises:
        ValueError: another precision.
        ImportError: lightning-fabric is not installed.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}")
    try:  # imported here: it takes three seconds, and the rest of the course does without it
        from lightning_fabric import Fabric
    except ImportError as error:
        raise ImportError(
            "Training on several devices needs the package lightning-fabric, which is not installed: "
            'run pip install "kdcourse[cluster]", or train on one device with kdcourse.training.fit.'
        ) from error

    here, everywhere = (int(os.environ.get(name, "1")) for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    if not torch.distributed.is_available() or not torch.distributed.is_torchelastic_launched():
        here = everywhere = 1  # some clusters set these variables for programs of their own
    elif accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"  # DDP knows no other
    strategy = "ddp_find_unused_parameters_true" if unused_parameters else "ddp"
    fabric = Fabric(
        accelerator=accelerator,
        devices=here,
        num_nodes=everywhere // here,
        strategy=strategy if everywhere > 1 else "auto",
        precision=precision,
    )
    fabric.launch()
    return fabric


def fit_on_devices(
    model: nn.Module,
    objective: Callable[..., Tensor],
    batches: Callable[[int], tuple[Tensor, ...]],
    *,
    steps: int,
    optimizer: Optimizer,
    schedule: LRScheduler | None = None,
    precision: str = "32-true",
    frozen: Sequence[nn.Module] = (),
    seed: int | None = None,
    compile: bool = False,
    sync_batchnorm: bool = False,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 1000,
    progress: bool = True,
    fabric: Fabric | None = None,
) -> Tensor:
    """Train `model` in place: `steps` steps down the gradient of ``objective(model, *batches(step))``, the
    batch split evenly over the processes. See the top of this file for what depends on their number.

    Args:
        model: all that is trained. Every parameter must take part in the loss, or `fabric` be opened for
            unused parameters.
        objective: (model, *batch) -> loss of shape (), a mean over the samples; the objectives of `fit` are
            such. It may ask `frozen` nets.
        batches: step -> the whole batch. With a method ``share(step, rank, count)``, as `AugmentedBatches`
            has it, only this process's part is made. Where the data depend on a seed, all processes must use
            the same.
        steps: number of gradient steps.
        optimizer: of the parameters of `model`. SGD as well as Adam and AdamW.
        schedule: of the learning rate, per step; none: constant.
        precision: as of `open_fabric`; not used if `fabric` is given.
        frozen: nets that the objective asks, such as teachers: put into evaluation mode and on this process's
            device, without gradients, and not part of DDP. (A `Teacher` within the model is left out, too.)
        seed: sets the global generators before the first step, differently in each process: for objectives
            that draw. None leaves them as they are.
        compile: compile objective and model together by ``torch.compile``.
        sync_batchnorm: statistics of batch norm over all processes. The model's batch-norm layers are then
            SyncBatchNorm, also afterwards.
        checkpoint: file written by the first process every `checkpoint_every` steps and at the end, so that
            it is at all times either the old or the new one. If it exists, the run goes on from it: on one
            CPU process to the same bits, otherwise, and also with another number of processes, to rounding.
        checkpoint_every: steps between two of them.
        progress: show a progress bar (first process; never when KDCOURSE_QUIET is set).
        fabric: from `open_fabric`, where the caller needs it as well, or one of your own.

    Returns:
        The loss before every step, mean over the processes, shape (steps,), on the process's device.

    Raises:
        CheckpointError: the file is damaged, or belongs to another run; in all processes.
        FloatingPointError: the loss is no longer finite in some process at a look-up (every 100 steps, before
            a checkpoint and at the end); in all processes.
        ValueError: a batch that cannot be split evenly, SyncBatchNorm without GPUs, a bad number.
    """
    if steps < 1 or checkpoint_every < 1:
        raise ValueError(
            f"steps and checkpoint_every: expected at least 1, got {steps} and {checkpoint_every}"
        )
    fabric = open_fabric(precision=precision) if fabric is None else fabric
    for net in frozen:
        net.to(fabric.device).eval().requires_grad_(False)
    for module in model.modules():
        if isinstance(module, Teacher):
            module.requires_grad_(False)  # DDP would wait for gradients that never come
    step_module: nn.Module = _Step(model, objective)
    if sync_batchnorm:
        if fabric.device.type != "cuda":
            raise ValueError(f"sync_batchnorm: expected training on GPUs, got {fabric.device}; leave it out")
        step_module = nn.SyncBatchNorm.convert_sync_batchnorm(step_module)
    if compile:
        step_module = torch.compile(step_module)
    step_module, wrapped = fabric.setup(step_module, optimizer)

    parts = {"model": model, "optimizer": optimizer, "scaler": fabric.strategy.precision}
    parts |= {} if schedule is None else {"schedule": schedule}
    run = f"{_describe(steps, batches, optimizer)}, {type(fabric.strategy.precision).__name__}"
    losses = _resume(checkpoint, parts, run, fabric)
    if losses is None:
        losses = torch.empty(0, device=fabric.device)
        if seed is not None:
            _seed_everything(seed, fabric.global_rank)

    model.train()
    recent: list[Tensor] = []
    show = progress and fabric.is_global_zero
    start = len(losses)
    for step in progress_bar(range(start, steps), steps, "training", "step", show, start):
        loss = step_module(_Batch(_share(batches, step, fabric)))
        wrapped.zero_grad(set_to_none=True)
        fabric.backward(loss.sum())
        wrapped.step()
        if schedule is not None:
            with warnings.catch_warnings() if step == 0 else nullcontext():
                # In float16 the first step is often skipped, to find the scale of the loss; torch's scheduler
                # takes that for a wrong order of the two calls.
                warnings.filterwarnings("ignore", "Detected call of .lr_scheduler.step", UserWarning)
                schedule.step()
        recent.append(loss.detach())
        save = checkpoint is not None and ((step + 1) % checkpoint_every == 0 or step + 1 == steps)
        if save or (step + 1) % 100 == 0 or step + 1 == steps:
            # A loss that is not finite in one process makes the mean so in all, so they stop together.
            latest = fabric.all_reduce(torch.stack(recent), reduce_op="mean")
            losses, recent = torch.cat([losses, latest]), []
            require_finite(losses[-1], step)
        if save:
            generators = _from_all(generator_states(), fabric)
            if fabric.is_global_zero:
                states = {name: part.state_dict() for name, part in parts.items()}
                save_checkpoint(checkpoint, states | {"losses": losses, "generators": generators, "run": run})
    fabric.barrier()  # nobody reads the checkpoint before it is there
    model.eval()
    return losses


class _Batch:
    """Carries a batch past Fabric, which would round every tensor of it to half precision under autocast:
    also what should stay as it is, such as stored teacher logits."""

    def __init__(self, tensors: tuple[Tensor, ...]):
        self.tensors = tensors


class _Step(nn.Module):
    """Model and objective as one module, so that all of it runs inside DDP and autocast, however often, and
    by whichever of its parts, an objective asks the model."""

    def __init__(self, model: nn.Module, objective: Callable[..., Tensor]):
        super().__init__()
        self.model = model
        self.objective = (objective,)  # a tuple: an objective that is a module must not become part of this

    def forward(self, batch: _Batch) -> Tensor:
        return self.objective[0](self.model, *batch.tensors)


def _share(batches: Callable, step: int, fabric: Fabric) -> tuple[Tensor, ...]:
    rank, count = fabric.global_rank, fabric.world_size
    if hasattr(batches, "share"):
        batch = batches.share(step, rank, count)
    else:
        batch = tuple(t[share_of(len(t), rank, count)] for t in batches(step))
    return tuple(tensor.to(fabric.device, non_blocking=True) for tensor in batch)


def _resume(checkpoint: str | Path | None, parts: dict, run: str, fabric: Fabric) -> Tensor | None:
    """Put the parts into the state of the checkpoint; the losses so far, or None if there is no checkpoint.

    Only the first process reads the file: the others may be on machines that do not have it. What it found,
    an error too, goes to all, so that none waits for one that has stopped.
    """
    found: dict | Exception | None = None
    if fabric.is_global_zero and checkpoint is not None and Path(checkpoint).exists():
        try:
            found = load_checkpoint(checkpoint)
            if found.get("run") != run:
                raise CheckpointError(
                    f"{checkpoint} belongs to another run ({found.get('run')}; this one is {run}). "
                    "Give another file name, or delete it to start anew."
                )
        except (CheckpointError, OSError) as error:
            found = error
    found = fabric.broadcast(found)
    if isinstance(found, Exception):
        raise found
    if found is None:
        return None
    restore_parts(checkpoint, parts, found)
    restore_generators(found["generators"][fabric.global_rank % len(found["generators"])])
    return found["losses"].to(fabric.device)


def _from_all(value: object, fabric: Fabric) -> list:
    """The value of every process, in the order of their ranks."""
    if fabric.world_size == 1:
        return [value]
    values = [None] * fabric.world_size
    torch.distributed.all_gather_object(values, value)
    return values


def _seed_everything(seed: int, rank: int) -> None:
    torch.manual_seed(1_000_003 * seed + rank)
    np.random.seed((1_000_003 * seed + rank) % 2**32)
    random.seed(1_000_003 * seed + rank)
