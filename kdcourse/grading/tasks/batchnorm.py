"""`calibrate_batchnorm`: running statistics set anew, and nothing else.

Each try is a small world: a model with old statistics, unequal momenta, gradients lying about and modes that
are mixed. The statistics that its layers see are collected from a twin.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from kdcourse.grading.compare import close, difference
from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.mistakes.batchnorm import CALIBRATIONS, Seen, Statistics, equal_weights
from kdcourse.grading.probe import Rejected, call, prepare


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


def calibrate_batchnorm(answer: object) -> list[str]:
    function = prepare(answer, NAMES)
    worlds = list(plain_worlds())
    returned = [run(function, world) for world in worlds]
    require_statistics(worlds)
    for world in worlds:
        require_state(world)
    for world in law_worlds():
        try:
            run(function, world)
            require_statistics([world])
            require_state(world)
        except Rejected as rejected:
            rejected.feedback[0] = f"{world.law}: {rejected.feedback[0]}"
            raise
    try:
        run(function, worlds[0])
        require_statistics(worlds[:1])
    except Rejected as rejected:
        rejected.feedback[0] = f"When called a second time: {rejected.feedback[0]}"
        raise
    return [
        "Every running mean and variance is the average over the batches, with equal weights.",
        "Parameters, gradients, momenta and each module's training flag are as they were.",
        *remarks(function, returned),
    ]


NAMES = ("model", "batches")


def run(function: Callable[..., object], world: World) -> object:
    try:
        result = call(function, NAMES, (world.model, world.batches))
    except Rejected as rejected:
        if rejected.diagnosis:
            raise
        raise Rejected(*rejected.feedback, diagnosis=why_raised(rejected.feedback[0])) from None
    if len(world.batches) != len(world.kept) or any(
        now is not batch or not torch.equal(batch, before)
        for now, (batch, before) in zip(world.batches, world.kept, strict=True)
    ):
        raise Rejected("Your function changes `batches`; the caller still needs them.")
    if [id(module) for module in world.model.modules()] != world.before["modules"]:
        raise Rejected("Modules of the model were replaced, added or removed; leave its structure as it is.")
    for name, parameter in world.model.named_parameters():
        old = world.before["parameters"].get(name)
        if old is not None and not torch.equal(parameter.detach(), old):
            raise Rejected(
                f"After the call the parameter `{name}` is changed.",
                diagnosis="Only the statistics change: no optimiser step, and no `reset_parameters()`, which "
                "resets weight and bias too (`reset_running_stats()` does not).",
            )
    require_buffers(world)
    return result


def why_raised(seen: str) -> str | None:
    if "leaf Variable" in seen or "requires grad" in seen:
        return "Work under `torch.no_grad()`: statistics have no gradient."
    if "unsupported operand" in seen and "NoneType" in seen:
        return "A momentum can be None: such a layer averages with equal weights already."
    return None


def require_buffers(world: World) -> None:
    for name, layer in world.layers().items():
        counter = layer._buffers.get("num_batches_tracked")
        if not isinstance(counter, Tensor) or counter.shape != () or counter.is_floating_point():
            raise Rejected(
                f"After the call `{name}.num_batches_tracked` is no longer a whole number in a tensor.",
                diagnosis="`reset_running_stats()` sets the counter to 0, and each pass in training mode "
                "adds 1 to it; leave it to them.",
            )
        for kind in ("running_mean", "running_var"):
            buffer = getattr(layer, kind)
            if not isinstance(buffer, Tensor) or kind not in layer._buffers:
                raise Rejected(
                    f"After the call `{name}.{kind}` is no buffer any more.",
                    "Change it in place, as with `copy_`, so that it stays a part of `state_dict()`.",
                )
            if buffer.requires_grad:
                raise Rejected(
                    f"After the call `{name}.{kind}` has a graph: the model cannot be used any more.",
                    diagnosis="Statistics have no gradient: work under `torch.no_grad()`.",
                )
            if buffer.shape != (layer.num_features,) or buffer.dtype != torch.float32:
                raise Rejected(
                    f"Now `{name}.{kind}` has shape {tuple(buffer.shape)} and type {buffer.dtype}, "
                    f"not ({layer.num_features},) and torch.float32, as before.",
                    diagnosis="Statistics are kept for each channel (axis 1): average over all other axes, "
                    "and write into the buffer with `copy_`.",
                )


def require_statistics(worlds: list[World]) -> None:
    """Compare each layer; the mistake must explain every layer that is wrong."""
    wrong: list[tuple[World, str, list[np.ndarray]]] = []
    for world in worlds:
        for name, got in world.statistics().items():
            if not agrees(got, equal_weights(world.seen[name])):
                wrong.append((world, name, got))
    if not wrong:
        return
    world, name, got = wrong[0]
    bad = [other for where, other, _ in wrong if where is world]
    right = [f"`{other}`" for other in world.layers() if other not in bad]
    want = equal_weights(world.seen[name])
    parts = [
        f"of `{kind}`, {difference([one], [other.numpy()])}"
        for kind, one, other in zip(("running_mean", "running_var"), got, want, strict=True)
        if not agrees([one], (other,))
    ]
    raise Rejected(
        f"The statistics of `{name}` ({type(world.layers()[name]).__name__}) are not right: "
        f"{'; '.join(parts)} (with {len(world.batches)} batches of sizes "
        f"{', '.join(str(len(batch)) for batch in world.batches)}).",
        *([f"In the same model, right in {', '.join(right)}."] if right else []),
        diagnosis=diagnose(worlds, wrong),
    )


def agrees(got: list[np.ndarray], want: Statistics) -> bool:
    return close(got, [part.numpy() for part in want], rtol=3e-4, atol=1e-5)


def diagnose(worlds: list[World], wrong: list[tuple[World, str, list[np.ndarray]]]) -> str | None:
    def explained(function: Callable[[Seen], Statistics], seen: Callable[[World], dict[str, Seen]]) -> bool:
        return all(agrees(got, function(seen(world)[name])) for world, name, got in wrong)

    if any(any(world.model.journal) for world, _, _ in wrong):
        return (
            "Dropout is active while the batches pass, so that the layers behind it see noise. Put the whole "
            "model into evaluation mode, and then the batch norms alone into training mode."
        )
    untouched = {
        (id(world), name) for world, name, got in wrong if agrees(got, CALIBRATIONS[0][0](world.seen[name]))
    }
    if untouched and len(untouched) < sum(len(world.layers()) for world in worlds):
        return which_layers(worlds, untouched)
    for function, sentence in CALIBRATIONS:
        if explained(function, lambda world: world.seen):
            return sentence
    for kind in wrong[0][0].others:
        if explained(equal_weights, lambda world, kind=kind: world.others[kind]):
            return kind
    for kind in wrong[0][0].others:
        for function, sentence in CALIBRATIONS:
            if explained(function, lambda world, kind=kind: world.others[kind]):
                return f"Two things. {kind} And: {sentence}"
    world, name, got = wrong[0]
    return weights_in_words(got, world.seen[name])


def weights_in_words(got: list[np.ndarray], seen: Seen) -> str | None:
    """The weights of the batches, of the old statistics and of the reset ones, if such a sum was returned."""
    columns = [
        torch.cat([seen.means, seen.variances], 1),
        torch.cat([seen.old_mean, seen.old_var])[None],
        torch.cat([torch.zeros_like(seen.old_mean), torch.ones_like(seen.old_var)])[None],
    ]
    matrix, K = torch.cat(columns).T.numpy(), len(seen.means)
    target = np.concatenate(got)
    if len(matrix) <= K + 2 or not np.isfinite(target).all():
        return None
    weights = np.linalg.lstsq(matrix, target, rcond=None)[0]
    if not close([matrix @ weights], [target], rtol=1e-4, atol=1e-5):
        return None
    *batches, old, fresh = weights
    parts = [f"the batches with {', '.join(f'{weight:.2g}' for weight in batches)}"]
    parts += [f"the old statistics with {old:.2g}"] if abs(old) > 1e-3 else []
    parts += [f"the reset values with {fresh:.2g}"] if abs(fresh) > 1e-3 else []
    return f"Your statistics weight {', and '.join(parts)}. Each of the {K} batches needs 1/{K}."


def which_layers(worlds: list[World], untouched: set[tuple[int, str]]) -> str:
    """What the layers that were left out have in common, and no other layer has."""

    def are(belongs: Callable[[World, str, nn.Module], bool]) -> bool:
        return untouched == {
            (id(world), name)
            for world in worlds
            for name, layer in world.layers().items()
            if belongs(world, name, layer)
        }

    if are(lambda world, name, _: not world.before["training"][name]):
        return (
            "Batch norms that were in evaluation mode are left out; every one is calibrated, and gets its "
            "flag back."
        )
    for kind in (nn.BatchNorm1d, nn.BatchNorm2d):
        if are(lambda world, name, layer, kind=kind: isinstance(layer, kind)):
            return f"{kind.__name__} is left out: every kind of batch norm counts."
    if are(lambda world, name, _: name.count(".") > 1):
        return (
            "Batch norms deep inside are left out: `model.modules()` finds them all, `children()` does not."
        )
    return "Only some of the batch norms are calibrated: `model.modules()` finds them all."


def require_state(world: World) -> None:
    before, now = world.before, world.state()
    if now["training"] != before["training"]:
        changed = [name for name, flag in now["training"].items() if flag != before["training"][name]]
        shown = ", ".join(f"`{name}`" for name in changed[:4]) + (", …" if len(changed) > 4 else "")
        mixed = len(set(before["training"].values())) > 1
        mode = "training" if now["training"][changed[0]] else "evaluation"
        raise Rejected(
            f"After the call another training flag than before: {shown} "
            f"{'is' if len(changed) == 1 else 'are'} in {mode} mode.",
            diagnosis="`model.train(flag)` sets every module inside. Keep the flag of *each* module, and put "
            "each back: a frozen batch norm stays frozen."
            if mixed and now["training"]["model"] == before["training"]["model"]
            else f"The model is left in {mode} mode: keep the training flag of each module, and put it back.",
        )
    if now["momentum"] != before["momentum"]:
        name = next(name for name, value in now["momentum"].items() if value != before["momentum"][name])
        raise Rejected(
            f"After the call the momentum of `{name}` is {now['momentum'][name]}; it was "
            f"{before['momentum'][name]}.",
            diagnosis="Keep the momentum of each layer and put it back: they may differ, and training goes "
            "on with them.",
        )
    for key, seen, advice in (
        (
            "gradients",
            "has another `.grad` than before",
            "Calibration needs no gradient: call neither `backward()` nor `zero_grad()`.",
        ),
        ("buffers", "is changed", "Only the statistics of batch norm change."),
    ):
        for name, value in now[key].items():
            old = before[key].get(name)
            if (value is None) != (old is None) or (value is not None and not torch.equal(value, old)):
                raise Rejected(f"After the call `{name}` {seen}.", diagnosis=advice)
    if now["flags"] != before["flags"]:
        raise Rejected(
            "After the call parameters were replaced, or their `requires_grad` is another one.",
            diagnosis="`torch.no_grad()` needs no change of `requires_grad`.",
        )
    if now["hooks"] != before["hooks"]:
        raise Rejected(
            "A hook is left on the model.",
            diagnosis="Keep what `register_forward_hook` returns, and call its `remove()`.",
        )
    if now["forward"] != before["forward"]:
        raise Rejected("After the call a module's `forward` is another one; put the original back.")
    if now["settings"] != before["settings"]:
        raise Rejected("After the call a setting of batch norm or dropout is another one than before.")


def remarks(function: Callable[..., object], returned: list[object]) -> list[str]:
    told = []
    if any(result is not None for result in returned):
        told.append(
            "A remark: your function returns something; the model is changed in place, and that is all."
        )
    volumes = Recorded(nn.Conv3d(1, 2, 1), nn.BatchNorm3d(2))
    try:
        world = World("", volumes, images(3, 2, shape=(1, 2, 3, 2)))
        run(function, world)
        require_statistics([world])
    except Rejected:
        told.append("A remark, which costs nothing here: BatchNorm3d, for volumes, is not calibrated.")
    return told


TASKS = {
    "calibrate_batchnorm": calibrate_batchnorm,
}  # fmt: skip
