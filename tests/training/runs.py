"""Small runs for the tests of checkpoints: all that a checkpoint must carry is in use."""

import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from kdcourse.models import StagedNet
from kdcourse.training import Batches, SeedStack, fit, for_each_seed, seeded

STEPS = 20
LONG = 300  # for a run that is killed again and again and must not be through before


def net():
    """Batch norm (buffers) and dropout (the generator)."""
    return StagedNet(
        {"hidden": nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3))},
        nn.Linear(8, 3),
    )


def noisy_objective(model, x, y):
    """Draws from all three generators: torch, NumPy, Python."""
    x = x + 0.1 * torch.randn_like(x) + 0.1 * float(np.random.randn()) + 0.1 * random.gauss(0, 1)
    return for_each_seed(model, F.cross_entropy)(model(x), y)


def seed_everything(seed):
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def build(kind, seed=0, size=30):
    """(model, batches, options of fit) of a kind of run; all of them anew."""
    generator = torch.Generator().manual_seed(5)
    seeds = [seed, seed + 1]
    x, y = torch.randn(2, size, 6, generator=generator), torch.randint(3, (2, size), generator=generator)
    if kind == "stack":
        return SeedStack(net, seeds), Batches(x, y, batch_size=8, seeds=[0, 1]), {}
    model, batches = seeded(net, seed), Batches(x[0], y[0], batch_size=8, seeds=0)
    if kind == "adamw":
        return model, batches, {"lr": 0.02, "weight_decay": 0.1}
    if kind == "function":  # batches without a plan of their own: a plain function
        return model, lambda step: batches(step), {}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    if kind == "constant":
        return model, batches, {"optimizer": optimizer}
    schedules = {
        "step": lambda: torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.5),
        "milestones": lambda: torch.optim.lr_scheduler.MultiStepLR(optimizer, [4, 13], gamma=0.3),
        "one-cycle": lambda: torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=STEPS + 1),
        "cosine": lambda: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS),
    }
    return model, batches, {"optimizer": optimizer, "schedule": schedules[kind]()}


KINDS = ("adamw", "stack", "function", "constant", "step", "milestones", "one-cycle", "cosine")


class Stopped(Exception):
    pass


def stop_at(step):
    """The objective, which fails when it is called for the step: a run cut short."""
    calls = 0

    def objective(*arguments):
        nonlocal calls
        calls += 1
        if calls > step:
            raise Stopped
        return noisy_objective(*arguments)

    return objective


def end_state(model, losses, options):
    """Everything that must agree to the last bit."""
    optimizer = options.get("optimizer")
    return {
        "model": {name: value.clone() for name, value in model.state_dict().items()},
        "losses": losses.clone(),
        "optimizer": None if optimizer is None else optimizer.state_dict(),
        "torch": torch.get_rng_state(),
        "numpy": float(np.random.rand()),
        "python": random.random(),
    }


def assert_same_bits(one, other, path=""):
    assert type(one) is type(other), path
    if isinstance(one, dict):
        assert one.keys() == other.keys(), path
        for key in one:
            assert_same_bits(one[key], other[key], f"{path}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), path
        for i, pair in enumerate(zip(one, other, strict=True)):
            assert_same_bits(*pair, f"{path}/{i}")
    elif isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype and torch.equal(one, other), path
    else:
        assert one == other, path


def train_in_a_process(folder, name, checkpoint):
    """The child: one attempt at the run, from wherever the last one got to."""
    torch.set_num_threads(1)
    seed_everything(7)
    model, batches, options = build("adamw")
    path = folder / checkpoint if checkpoint else None

    def objective(*arguments):
        (folder / f"{name}.started").touch()
        time.sleep(0.002)
        return noisy_objective(*arguments)

    losses = fit(
        model, objective, batches, steps=LONG, checkpoint=path, checkpoint_every=1, progress=False, **options
    )
    torch.save(end_state(model, losses, options), folder / f"{name}.end")
