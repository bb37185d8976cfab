"""The one training loop of the course.

Left out on purpose: epochs (a batch is a function of the step), metrics during training (evaluate
afterwards, or call `fit` in pieces), gradient clipping, mixed precision, several devices. A training
*scheme* is not a loop of its own but an objective handed to this one.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from kdcourse.training.checkpoint import (
    CheckpointError,
    generator_states,
    load_checkpoint,
    restore_generators,
    restore_parts,
    save_checkpoint,
)
from kdcourse.training.progress import progress_bar


def fit(
    model: nn.Module,
    objective: Callable[..., Tensor],
    batches: Callable[[int], tuple[Tensor, ...]],
    *,
    steps: int,
    lr: float = 5e-3,
    weight_decay: float = 0.0,
    optimizer: Optimizer | None = None,
    schedule: LRScheduler | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 100,
    progress: bool = True,
) -> Tensor:
    """Train `model` in place: `steps` steps down the gradient of ``objective(model, *batches(step))``.

    Args:
        model: all that is trained (an `nn.ModuleList` where there is more than a student). A teacher is no
            part of it, or is wrapped in `Teacher`.
        objective: (model, *batch) -> loss of shape (), or (S,) for the S nets of a `SeedStack`, whose sum
            is minimised.
        batches: step -> batch, e.g. `Batches`.
        steps: number of gradient steps.
        lr, weight_decay: of the default, AdamW with `warmup_cosine`; not used if `optimizer` is given.
        optimizer, schedule: your own instead (with an optimiser and no schedule the rate stays constant).
        checkpoint: file to write every `checkpoint_every` steps and at the end. If it exists already the
            run goes on from it, and on a CPU ends bit for bit where an uninterrupted run ends. Steps,
            batches, optimiser and rate must be as before; the objective and the data themselves are not
            compared.
        progress: show a progress bar if the run takes longer than two seconds (never when KDCOURSE_QUIET is
            set).

    Returns:
        The loss before every step, shape (steps,) or (steps, S), on the model's device.

    Raises:
        CheckpointError: the file is damaged, or belongs to another run.
        FloatingPointError: the loss is no longer finite at a look-up (every 100 steps, before a checkpoint
            and at the end).

    Lecture:
        00_start_here, section 2.
    """
    if steps < 1 or checkpoint_every < 1:
        raise ValueError(
            f"steps and checkpoint_every: expected at least 1, got {steps} and {checkpoint_every}"
        )
    if optimizer is None:
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=float(lr), weight_decay=float(weight_decay), fused=True
        )
        schedule = warmup_cosine(optimizer, steps)
    parts = {"model": model, "optimizer": optimizer} | ({} if schedule is None else {"schedule": schedule})
    run = _describe(steps, batches, optimizer)
    losses = _resume(checkpoint, parts, run) if checkpoint is not None and Path(checkpoint).exists() else []

    model.train()
    for step in progress_bar(range(len(losses), steps), steps, "training", "step", progress, len(losses)):
        loss = objective(model, *batches(step))
        optimizer.zero_grad(set_to_none=True)
        loss.sum().backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
        losses.append(loss.detach())
        save = checkpoint is not None and ((step + 1) % checkpoint_every == 0 or step + 1 == steps)
        if save or (step + 1) % 100 == 0 or step + 1 == steps:
            require_finite(loss, step)
        if save:
            states = {name: part.state_dict() for name, part in parts.items()}
            states |= {"losses": torch.stack(losses), "generators": generator_states(), "run": run}
            save_checkpoint(checkpoint, states)
    model.eval()
    return torch.stack(losses)


def warmup_cosine(optimizer: Optimizer, steps: int, *, warmup: float = 0.05) -> LambdaLR:
    """Learning-rate factor: linear up to 1 over the first `warmup` share of the steps, then a half cosine.

    Lecture:
        14_netaug, section 3.
    """
    rise = max(1, round(warmup * steps))

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))

    return LambdaLR(optimizer, factor)


def _describe(steps: int, batches: Callable, optimizer: Optimizer) -> str:
    """What a checkpoint must agree on with the run that goes on from it."""
    # Without the address of a function or object, which is another in the next process.
    plan = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(batches))
    rates = ", ".join(
        f"{k} {optimizer.defaults[k]}" for k in ("lr", "weight_decay") if k in optimizer.defaults
    )
    return f"{steps} steps of {plan} by {type(optimizer).__name__}, {rates}"


def _resume(checkpoint: str | Path, parts: dict, run: str) -> list[Tensor]:
    state = load_checkpoint(checkpoint)
    if state.get("run") != run:
        raise CheckpointError(
            f"{checkpoint} belongs to another run ({state.get('run')}; this one is {run}). "
            "Give another file name, or delete it to start anew."
        )
    restore_parts(checkpoint, parts, state)
    restore_generators(state["generators"])
    device = next(parts["model"].parameters()).device
    return list(state["losses"].to(device))


def require_finite(loss: Tensor, step: int) -> None:
    if not torch.isfinite(loss).all():
        raise FloatingPointError(
            f"the loss is {loss.detach().tolist()} at step {step}: "
            "check the inputs for NaN, or lower the learning rate"
        )
