"""The small models with which `ntk` is tried, with two sets of inputs each, and what all must look like
afterwards."""

import copy
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.mistakes.kernels import Seen, kernel_of, look


class Journal(list):
    """Shared by all copies of a model: which kinds of layers ran in training mode."""

    def __deepcopy__(self, memo: dict) -> "Journal":
        return self

    def __copy__(self) -> "Journal":
        return self


def watched(kind: type[nn.Module], journal: Journal, *args: object) -> nn.Module:
    """A layer of this kind that notes when it runs in training mode."""

    class Watched(kind):
        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                journal.append(kind.__name__)
            return super().forward(x)

    Watched.__name__ = Watched.__qualname__ = kind.__name__
    return Watched(*args)


class Scaled(nn.Module):
    """A linear layer with a factor of its own, a parameter of one number."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.factor = nn.Parameter(torch.tensor([1.7]))

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * self.linear(x)


class Twice(nn.Module):
    """One layer that is used two times."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(torch.tanh(self.layer(x)))


class Reshaped(nn.Module):
    def __init__(self, net: nn.Module, *shape: int) -> None:
        super().__init__()
        self.net, self.shape = net, shape

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).reshape(len(x), *self.shape)


class Spare(nn.Module):
    """A layer that the output does not depend on."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(3, 4), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.used(x)


class World:
    """A model, two sets of inputs, and what all must look like afterwards."""

    def __init__(self, law: str, model: nn.Module, x1: Tensor, x2: Tensor, journal: Journal) -> None:
        self.law, self.model, self.journal = law, model, journal
        self.dtype = next(model.parameters()).dtype
        self.x1, self.x2 = x1.to(self.dtype), x2.to(self.dtype)
        self.seen = self.look()
        self.before = self.state()
        journal.clear()

    def look(self) -> Seen:
        ours = copy.deepcopy(self.model).eval().double()
        trained = [name for name, p in ours.named_parameters() if p.requires_grad]
        seen = look(ours.requires_grad_(), self.x1.double(), self.x2.double())
        return seen._replace(trained=trained)

    @property
    def want(self) -> np.ndarray:
        return kernel_of(self.seen).detach().numpy()

    def sizes(self) -> dict[str, float]:
        count = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        K = self.seen.f[0].shape[1]
        return {"N1": len(self.x1), "N2": len(self.x2), "K": K, "P": count}

    def where(self) -> str:
        N1, N2, K, P = self.sizes().values()
        return f"{N1} and {N2} inputs, {K} output{'s' * (K > 1)}, {P} trainable parameters"

    def state(self) -> dict[str, Any]:
        named = dict(self.model.named_parameters())
        modules = dict(self.model.named_modules())
        return {
            "modules": [id(module) for module in modules.values()],
            "ids": {name: id(p) for name, p in named.items()},
            "types": {name: p.dtype for name, p in named.items()},
            "parameters": {name: p.detach().clone() for name, p in named.items()},
            "flags": {name: p.requires_grad for name, p in named.items()},
            "gradients": {name: None if p.grad is None else p.grad.clone() for name, p in named.items()},
            "buffers": {name: b.detach().clone() for name, b in self.model.named_buffers()},
            "training": {name or "model": module.training for name, module in modules.items()},
            "hooks": sum(
                len(getattr(module, hooks))
                for module in modules.values()
                for hooks in (
                    "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks",
                )
            ),
        }  # fmt: skip


def made(
    law: str,
    make: Callable[[Journal], nn.Module],
    shape: tuple[int, ...],
    N1: int,
    N2: int,
    *,
    change: Callable[[nn.Module], object] = lambda model: None,
    dtype: torch.dtype = torch.float32,
    scale: float = 1.0,
    same: bool = False,
) -> World:
    journal, seed = Journal(), 31 * N1 + 7 * N2 + sum(shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = make(journal).to(dtype)
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.running_mean.normal_()
                module.running_var.uniform_(0.3, 2.5)
                nn.init.uniform_(module.weight, 0.5, 1.5)
    change(model)
    x1 = scale * normal(500 + seed, N1, *shape)
    x2 = x1.clone() if same else scale * normal(900 + seed, N2, *shape)
    return World(law, model, x1, x2, journal)


def freeze(*names: str) -> Callable[[nn.Module], None]:
    def change(model: nn.Module) -> None:
        for name, parameter in model.named_parameters():
            if name in names:
                parameter.requires_grad_(False)

    return change


def fill_gradients(model: nn.Module) -> None:
    for number, parameter in enumerate(model.parameters()):
        if number != 1:
            parameter.grad = torch.full_like(parameter, 0.5 + number)


def mlp(*sizes: int) -> Callable[[Journal], nn.Module]:
    def make(journal: Journal) -> nn.Module:
        layers: list[nn.Module] = []
        for a, b in pairwise(sizes):
            layers += [nn.Linear(a, b), nn.Tanh()]
        return nn.Sequential(*layers[:-1])

    return make


def conv(journal: Journal) -> nn.Module:
    head = nn.Sequential(nn.Flatten(), nn.Linear(3 * 2 * 3, 2))
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.SiLU(), head)


def scaled(journal: Journal) -> nn.Module:
    return nn.Sequential(Scaled(4, 3), nn.LayerNorm(3), nn.SiLU(), Scaled(3, 5))


def with_dropout(journal: Journal) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), watched(nn.Dropout, journal, 0.4), nn.Linear(8, 4))


def with_batchnorm(journal: Journal) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 5), watched(nn.BatchNorm1d, journal, 5), nn.Tanh(), nn.Linear(5, 2))


def conv_with_batchnorm(journal: Journal) -> nn.Module:
    norm = watched(nn.BatchNorm2d, journal, 3)
    return nn.Sequential(nn.Conv2d(1, 3, 2), norm, nn.ReLU(), nn.Flatten(), nn.Linear(3 * 2 * 3, 4))


DROPOUT = "With dropout, in a model that is in training mode"
NORM = "With batch norm, in a model that is in training mode"
FROZEN_NORM = "With a batch norm in evaluation mode inside a model in training mode"
FILLED = "With parameters whose `.grad` is filled already"


def plain_worlds() -> Iterator[World]:
    yield made("", mlp(3, 5, 4), (3,), 4, 6)
    yield made(
        "",
        mlp(4, 6, 5, 3),
        (4,),
        5,
        2,
        change=lambda model: (freeze("0.weight", "2.bias")(model), model.eval()),
        dtype=torch.float64,
    )
    yield made("", conv, (2, 4, 5), 3, 5)
    yield made("", scaled, (4,), 6, 3, change=freeze("3.linear.weight"))


def law_worlds() -> Iterator[World]:
    f64 = torch.float64
    yield made(DROPOUT, with_dropout, (3,), 4, 5)
    yield made(NORM, with_batchnorm, (3,), 4, 6)
    yield made(f"{NORM} (2-d)", conv_with_batchnorm, (1, 3, 4), 3, 5, dtype=f64)
    yield made(
        "With a model that is in evaluation mode already", with_dropout, (3,), 3, 5, change=nn.Module.eval
    )
    yield made(FILLED, mlp(3, 4, 2), (3,), 5, 3, change=fill_gradients)
    yield made(
        f"{FILLED}, also of frozen ones", mlp(3, 4, 2), (3,), 3, 4,
        change=lambda model: (fill_gradients(model), freeze("0.weight", "0.bias")(model)),
    )  # fmt: skip
    yield made("With a single output", mlp(3, 5, 1), (3,), 4, 6)
    yield made("With a single input on each side", mlp(3, 5, 4), (3,), 1, 1)
    yield made("With a single x1", mlp(3, 5, 4), (3,), 1, 5, dtype=f64)
    yield made("With x1 and x2 alike", mlp(3, 5, 4), (3,), 5, 5, same=True)
    yield made("With as many x1 as x2 and outputs", mlp(3, 6, 4), (3,), 4, 4)
    yield made("With a layer that is used twice", lambda journal: Twice(4), (4,), 3, 5)
    yield made("With one bias that is trained", mlp(3, 5, 4), (3,), 4, 6, dtype=f64,
               change=freeze("0.weight", "0.bias", "2.weight"))  # fmt: skip
    yield made("With a linear model", mlp(5, 3), (5,), 4, 6)
    yield made("With inputs of size 100", mlp(3, 4, 2), (3,), 4, 3, scale=100.0)
    yield made("With inputs of size 0.001", mlp(3, 4, 2), (3,), 3, 4, scale=1e-3, dtype=f64)


def open_worlds() -> Iterator[World]:
    """What the task leaves open: is "training flag" the model's own, or that of each module?"""
    yield made(
        FROZEN_NORM, with_batchnorm, (3,), 5, 4, change=lambda model: model[1].eval(), dtype=torch.float64
    )
    yield made("With a parameter that the output does not depend on (`allow_unused=True`)",
               lambda journal: Spare(), (3,), 4, 5)  # fmt: skip
    yield made("With a model whose output is (N,)", lambda j: Reshaped(mlp(3, 4, 1)(j)), (3,), 4, 5)
    yield made(
        "With a model whose output is (N, 2, 3)", lambda j: Reshaped(mlp(3, 4, 6)(j), 2, 3), (3,), 4, 5
    )
