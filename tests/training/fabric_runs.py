"""A distillation by `fit_on_devices`, for test_fabric.py; as a program, for tests that kill it or run it in
several processes:  python fabric_runs.py OUT [--checkpoint FILE] [--delay SECONDS] [--batch B] ...
"""

import argparse
import time
from pathlib import Path

import torch
from torch import nn

from kdcourse.losses import hint_loss, kd_loss
from kdcourse.models import mlp
from kdcourse.training.augmented import AugmentedBatches
from kdcourse.training.fabric import fit_on_devices, open_fabric

STEPS = 24


def stretch(images, numbers):
    """Another factor and another shift for each sample."""
    return images * (0.5 + numbers[:, :1]) + 0.2 * numbers[:, 1:]


def data(batch_size=8, size=30, seed=3):
    """30 samples in batches of 8: an epoch ends within a batch."""
    generator = torch.Generator().manual_seed(5)
    x, y = torch.randn(size, 6, generator=generator), torch.randint(3, (size,), generator=generator)
    return AugmentedBatches(x, y, batch_size=batch_size, seed=seed, augment=stretch, draws=2)


def nets(batch_norm=False, dropout=0.0):
    """A student and its regressor, both trained; a teacher with batch norm, which would show if it moved."""
    torch.manual_seed(1)
    student = mlp(6, 8, 3, dropout=dropout)
    if batch_norm:
        student.stages["hidden1"].append(nn.BatchNorm1d(8))
    teacher = mlp(6, 16, 3)
    teacher.stages["hidden1"].append(nn.BatchNorm1d(16))
    return nn.ModuleList([student, nn.Linear(8, 16)]), teacher


def kd_with_hint(teacher):
    """KD and a hint; the teacher answers for each batch, as it is augmented."""

    def objective(model, images, labels):
        with torch.no_grad():
            said, known = teacher(images, return_features=True)
        student, regressor = model
        logits, features = student(images, return_features=True)
        soft = kd_loss(logits, said, labels, temperature=3.0, alpha=0.7)
        return soft + hint_loss(regressor(features["hidden1"]), known["hidden1"])

    return objective


def sgd(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
    return optimizer, torch.optim.lr_scheduler.MultiStepLR(optimizer, [10, 18], gamma=0.1)


def train(model, objective, batches, steps=STEPS, **options):
    optimizer, schedule = sgd(model)
    return fit_on_devices(
        model, objective, batches,
        steps=steps, optimizer=optimizer, schedule=schedule, progress=False, **options,
    )  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--spoil", choices=("nan",))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    fabric = open_fabric(accelerator="cpu")
    model, teacher = nets()
    objective = kd_with_hint(teacher)

    def slowly(model, images, labels):
        chosen.out.with_suffix(".started").touch()
        time.sleep(chosen.delay)
        loss = objective(model, images, labels)
        return loss * float("nan") if chosen.spoil == "nan" and fabric.global_rank == 1 else loss

    try:
        losses = train(
            model, slowly, data(chosen.batch), frozen=[teacher], fabric=fabric, seed=0,
            checkpoint=chosen.checkpoint, checkpoint_every=chosen.every,
        )  # fmt: skip
    except Exception as error:  # each process tells what it met
        chosen.out.with_suffix(f".error{fabric.global_rank}").write_text(f"{type(error).__name__}: {error}")
        raise
    if fabric.is_global_zero:
        state = {"world": fabric.world_size, "losses": losses, "model": model.state_dict()}
        torch.save(state | {"teacher": teacher.state_dict()}, chosen.out)


if __name__ == "__main__":
    main()
