"""The small worlds in which `calibrate_batchnorm` is tried.

Each holds a model with old statistics, unequal momenta, gradients lying about and modes that are mixed. The
statistics that its layers see are collected from a twin.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.mistakes.batchnorm import Seen, equal_weights


class Journal(list):
    """Of forward passes; copies of a model write into the same one."""

    def __deepcopy__(self, memo: dict) -> "Journal":
        return self


class Recorded(nn.Module):
    """A model that notes at each pass whether dropout is active and which batch norms train."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)
        self.register_buffer("scale", torch.tensor(1.5))
        self.journal = Journal()

    def forward(self, x: Tensor) -> Tensor:
        self.journal.append(any(m.training and m.p > 0 for m in self.modules() if isinstance(m, nn.Dropout)))
        return self.scale * self.body(x)


@dataclass
class World:
    law: str
    model: nn.Module
    batches: list[Tensor]
    momenta: tuple = (0.3, 0.05, 0.2)
    mode: Callable[[nn.Module], object] = nn.Module.train
    gradients: bool = True
    before: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        with torch.no_grad():
            for i, parameter in enumerate(self.model.parameters()):
                parameter.copy_(0.7 * normal(900 + i, *parameter.shape) + 0.2)
                if self.gradients and i % 3 != 1:
                    parameter.grad = normal(930 + i, *parameter.shape).float()
        for i, layer in enumerate(self.layers().values()):
            channels = layer.num_features
            layer.momentum = self.momenta[i % len(self.momenta)]
            layer.running_mean.copy_(normal(960 + i, channels) + 0.5)
            layer.running_var.copy_(0.6 + normal(970 + i, channels) ** 2)
            layer.num_batches_tracked.fill_(4)
        self.mode(self.model)
        self.names = {id(module): name or "model" for name, module in self.model.named_modules()}
        self.seen = self.collect()
        self.others = {
            sentence: self.collect(**options) for options, sentence in PASSES
        }  # what another kind of pass would see
        self.model.journal.clear()
        self.before = self.state()
        self.kept = [(batch, batch.clone()) for batch in self.batches]

    def layers(self, model: nn.Module | None = None) -> dict[str, _BatchNorm]:
        modules = (model or self.model).named_modules()
        return {name: module for name, module in modules if isinstance(module, _BatchNorm)}

    def collect(
        self, training: bool = True, joined: bool = False, output: bool = False, in_turn: bool = False
    ) -> dict[str, Seen]:
        twin = copy.deepcopy(self.model).double().eval()
        if in_turn:  # what a layer sees behind layers that are calibrated already
            with torch.no_grad():
                return self.one_after_another(twin)
        layers, found = self.layers(twin), {}

        def note(name: str, x: Tensor) -> None:
            dims = [d for d in range(x.dim()) if d != 1]
            size = float(x.numel() / x.shape[1])
            found.setdefault(name, []).append(
                (x.mean(dims), x.var(dims), torch.tensor([size]), torch.tensor([float(len(x))]))
            )

        for name, layer in layers.items():
            layer.training = training
            layer.register_forward_hook(
                lambda _, args, out, name=name: note(name, out if output else args[0])
            )
        old = {name: copy.deepcopy(layer) for name, layer in layers.items()}
        with torch.no_grad():
            for batch in [torch.cat(self.batches)] if joined else self.batches:
                twin(batch.double())
        return {
            name: Seen(
                old[name].running_mean,
                old[name].running_var,
                int(old[name].num_batches_tracked),
                layer.momentum,
                *[torch.stack(part).double() for part in zip(*found[name], strict=True)],
            )
            for name, layer in layers.items()
        }

    def one_after_another(self, twin: nn.Module) -> dict[str, Seen]:
        seen, kept = {}, self.model
        self.model = twin
        for name, layer in self.layers().items():
            seen[name] = self.collect(training=False)[name]
            for buffer, value in zip(
                (layer.running_mean, layer.running_var), equal_weights(seen[name]), strict=True
            ):
                buffer.copy_(value)
        self.model = kept
        return seen

    def statistics(self) -> dict[str, list[np.ndarray]]:
        return {
            name: [t.detach().double().numpy().copy() for t in (layer.running_mean, layer.running_var)]
            for name, layer in self.layers().items()
        }

    def state(self) -> dict[str, object]:
        """All that shall be as it was, by the name of what may go wrong with it."""
        modules = list(self.model.modules())
        kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
        return {
            "modules": [id(module) for module in modules],
            "training": {self.names[id(m)]: m.training for m in modules if id(m) in self.names},
            "momentum": {name: layer.momentum for name, layer in self.layers().items()},
            "parameters": {name: p.detach().clone() for name, p in self.model.named_parameters()},
            "flags": {name: (id(p), p.requires_grad) for name, p in self.model.named_parameters()},
            "gradients": {
                name: None if p.grad is None else p.grad.clone() for name, p in self.model.named_parameters()
            },
            "buffers": {"scale": self.model.scale.clone()},
            "hooks": [len(getattr(module, kind)) for module in modules for kind in kinds],
            "forward": ["forward" in vars(module) for module in modules],
            "settings": [
                (layer.eps, layer.affine, layer.track_running_stats) for layer in self.layers().values()
            ]
            + [m.p for m in modules if isinstance(m, nn.Dropout)],
        }


PASSES = [
    (
        {"training": False},
        "These are statistics of a pass in evaluation mode, where each batch norm still uses its old "
        "statistics, so that the layers behind it see something else than in training mode. While the "
        "batches pass, every batch norm must be in training mode.",
    ),
    (
        {"in_turn": True},
        "The layers are calibrated one after another, each behind layers in evaluation mode; the convention "
        "is what they see in training mode, where every batch norm uses the batch it is given.",
    ),
    (
        {"joined": True},
        "The batches are joined into one; the statistics are those of each batch, averaged with equal "
        "weights.",
    ),
    (
        {"output": True},
        "These are statistics of the layers' *outputs*; batch norm normalises its input.",
    ),
]


def mixed_modes(model: nn.Module) -> None:
    """A model in training, with every second batch norm frozen and a part in evaluation mode."""
    model.train()
    for layer in [m for m in model.modules() if isinstance(m, _BatchNorm)][::2]:
        layer.eval()
    model.body[-1].eval()


def backwards_modes(model: nn.Module) -> None:
    """A model in evaluation mode, with a batch norm in training."""
    model.eval()
    [m for m in model.modules() if isinstance(m, _BatchNorm)][-1].train()


def flat(*sizes: int, features: int, seed: int = 0) -> list[Tensor]:
    return images(*sizes, shape=(features,), seed=seed)


def images(*sizes: int, shape: tuple[int, ...], seed: int = 0) -> list[Tensor]:
    """Batches whose means and scales differ."""
    return [
        ((1 + 0.6 * i) * normal(980 + seed + i, size, *shape) + 0.9 * i - 0.5).float()
        for i, size in enumerate(sizes)
    ]


def mlp(D: int = 4, *, drop: bool = False, affine: bool = True) -> nn.Module:
    return Recorded(
        nn.Linear(D, 6), nn.BatchNorm1d(6), nn.ReLU(), *([nn.Dropout(0.5)] if drop else []), nn.Linear(6, 5),
        nn.BatchNorm1d(5, affine=affine), nn.Tanh(), nn.Linear(5, 3),
    )  # fmt: skip


def cnn(channels: int = 2, *, drop: bool = False) -> nn.Module:
    return Recorded(
        nn.Conv2d(channels, 3, 2), nn.BatchNorm2d(3), nn.ReLU(), *([nn.Dropout(0.4)] if drop else []),
        nn.Conv2d(3, 5, 2), nn.BatchNorm2d(5), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(5, 4),
    )  # fmt: skip


class Residual(nn.Module):
    """A block with batch norms in a list and in a dictionary, two levels down."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            [nn.Sequential(nn.Conv2d(3, 3, 1), nn.Sequential(nn.BatchNorm2d(3), nn.ReLU())) for _ in range(2)]
        )
        self.last = nn.ModuleDict({"norm": nn.BatchNorm2d(3)})

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = x + stage(x)
        return self.last["norm"](x)


def nested() -> nn.Module:
    return Recorded(
        nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), Residual(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5)),
    )  # fmt: skip


def plain_worlds() -> Iterator[World]:
    yield World("", mlp(), flat(7, 12, 4, 9, features=4))
    yield World("", cnn(), images(3, 6, 2, shape=(2, 5, 4)), mode=nn.Module.eval)
    yield World("", nested(), images(4, 2, 5, shape=(2, 4, 3)), momenta=(0.1, 0.4, 0.02))


def law_worlds() -> Iterator[World]:
    frozen = mlp(5)
    frozen.body[0].requires_grad_(False)
    yield World(
        "With layers that are in evaluation mode inside a model in training",
        nested(),
        images(5, 3, 4, shape=(2, 4, 3)),
        mode=mixed_modes,
    )
    yield World(
        "With one batch norm in training inside a model in evaluation mode",
        cnn(),
        images(2, 5, 3, shape=(2, 4, 6)),
        mode=backwards_modes,
    )
    yield World("With dropout in the model", mlp(drop=True), flat(9, 5, 12, features=4))
    yield World("With dropout in a convolutional model", cnn(drop=True), images(4, 2, 3, shape=(2, 5, 4)),
                mode=mixed_modes)  # fmt: skip
    yield World("With layers whose momentum is None", mlp(), flat(5, 8, 6, features=4), momenta=(None, 0.3))
    yield World("With a single batch", mlp(), flat(8, features=4), gradients=False)
    yield World("With batches of equal size", cnn(3), images(4, 4, 4, 4, shape=(3, 4, 5)))
    yield World("With batch norm that has no weight and bias", mlp(affine=False), flat(5, 8, features=4))
    yield World("With some parameters frozen", frozen, flat(6, 3, 7, features=5), mode=nn.Module.eval)
    yield World(
        "With BatchNorm1d on sequences (N, C, L)",
        Recorded(nn.Conv1d(2, 4, 2), nn.BatchNorm1d(4), nn.ReLU(), nn.Conv1d(4, 3, 2), nn.BatchNorm1d(3)),
        images(5, 2, 7, shape=(2, 6)),
    )
