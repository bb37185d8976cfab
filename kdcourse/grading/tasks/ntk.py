"""`ntk`: the empirical neural tangent kernel of a module that is left as it was. Jacot et al. (2018)."""

import copy
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kdcourse.grading.compare import close, difference, factor_in_words, ratio
from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.mistakes.kernels import Seen, kernel_mistakes, kernel_of, look
from kdcourse.grading.probe import Rejected, call, prepare

NAMES = ("model", "x1", "x2")
TRAINING = (
    "The model runs in training mode, so that dropout draws and batch norm looks at the batch: "
    "`model.eval()` first, and each module's flag put back afterwards."
)


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
        return kernel_of(self.seen).numpy()

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
    yield made(FROZEN_NORM, with_batchnorm, (3,), 5, 4, change=lambda model: model[1].eval(), dtype=f64)
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
    yield made("With a parameter that the output does not depend on (`allow_unused=True`)",
               lambda journal: Spare(), (3,), 4, 5)  # fmt: skip
    yield made("With a model whose output is (N,)", lambda j: Reshaped(mlp(3, 4, 1)(j)), (3,), 4, 5)
    yield made(
        "With a model whose output is (N, 2, 3)", lambda j: Reshaped(mlp(3, 4, 6)(j), 2, 3), (3,), 4, 5
    )


def run(function: Callable[..., object], world: World) -> np.ndarray:
    world.journal.clear()
    try:
        result = call(function, NAMES, [world.model, world.x1, world.x2])
    except Rejected as rejected:
        raise Rejected(
            *rejected.feedback[:1],
            diagnosis=why_raised(rejected.feedback[0], world) or rejected.diagnosis,
        ) from None
    N1, N2 = len(world.x1), len(world.x2)
    if result is None:
        raise Rejected("Your function returns None. Is a `return` missing?")
    if not isinstance(result, Tensor) or not result.is_floating_point():
        kind = result.dtype if isinstance(result, Tensor) else type(result).__name__
        raise Rejected(
            f"Your function returns a {kind}; expected is a tensor of floating-point numbers, (N1, N2).",
            diagnosis="`torch.stack` and `torch.tensor` make a tensor of rows.",
        )
    if tuple(result.shape) != (N1, N2):
        raise Rejected(
            f"Your result has the shape {tuple(result.shape)}; expected is {(N1, N2)}: a row for each of x1, "
            "a column for each of x2.",
            diagnosis=why_shape(tuple(result.shape), world),
        )
    return result.detach().to("cpu", torch.float64).numpy().copy()


def why_raised(seen: str, world: World) -> str | None:
    if re.search(r"Expected more than 1 value per channel when training", seen):
        return TRAINING
    if as_without_a_batch(seen, world):
        return "The model is given one input without its batch axis: `x[i : i + 1]`, not `x[i]`."
    if re.search(r"shapes cannot be multiplied|mat1 and mat2|inconsistent tensor size|same size", seen):
        return (
            "Two shapes do not fit. Gradients of all parameters, flattened and put side by side, are "
            "(N1 · K, P) and (N2 · K, P), or (N1, K · P) and (N2, K · P)."
        )
    if re.search(r"In-?place|in-place|inplace.*vmap|running_mean|vmap: ", seen):
        return TRAINING if world.journal else None
    if re.search(r"[Oo]ne of the differentiated Tensors does not require grad", seen):
        return (
            "Frozen parameters have no gradient, nor have the tensors of a `state_dict()`: take those of "
            "`model.parameters()` with `requires_grad`."
        )
    if re.search(r"does not require grad", seen):
        return (
            "There is no graph to differentiate: `torch.no_grad()`, `detach()` or a frozen parameter cuts it "
            "off. Take parameters with `requires_grad` only, and run the model with gradients on."
        )
    if re.search(r"a second time", seen):
        return "One forward pass serves several backward passes with `retain_graph=True` only."
    if re.search(r"grad can be implicitly created only for scalar", seen):
        return "A gradient is taken of one number at a time: a loop over the outputs, or `torch.func.jacrev`."
    if re.search(r"NoneType", seen):
        return "A parameter without a gradient has `.grad` None: frozen ones are left out."
    return None


def as_without_a_batch(seen: str, world: World) -> bool:
    try:
        copy.deepcopy(world.model).eval()(world.x1[0])
    except (RuntimeError, ValueError, IndexError) as error:
        return str(error).strip().splitlines()[0][:200] in seen
    return False


def why_shape(shape: tuple, world: World) -> str | None:
    N1, N2 = len(world.x1), len(world.x2)
    sizes = world.sizes()
    K, P = int(sizes["K"]), int(sizes["P"])
    trace = "The outputs are still there: sum over those pairs in which both are the same output."
    return {
        (N2, N1): "It is transposed: the rows belong to `x1`, the columns to `x2`.",
        (N1, N1): "`x1` is used twice: the columns belong to `x2`.",
        (N2, N2): "`x2` is used twice: the rows belong to `x1`.",
        (N1, N2, K, K): trace,
        (N1, K, N2, K): trace,
        (N1, N2, K): "The outputs are still there: sum over them.",
        (K, N1, N2): "The outputs are still there: sum over them.",
        (N1 * K, N2 * K): f"{trace} `reshape(N1, K, N2, K)` separates them.",
        (P, P): "The product runs over the inputs; it must run over the parameters: J1 @ J2.T.",
        (
            N1 + N2,
            N1 + N2,
        ): "This is the kernel of all inputs together; the block of x1 against x2 is wanted.",
        (): "One number for everything; each pair of inputs has its own.",
        (N1, P): "These are gradients; the kernel has their inner products.",
        (N1, K, P): "These are gradients; the kernel has their inner products.",
    }.get(shape)


def require_kernels(worlds: list[World], got: list[np.ndarray]) -> None:
    """Compare; the mistake must explain every world."""

    def right(world: World, kernel: np.ndarray) -> bool:
        return close([kernel], [world.want], rtol=1e-3, atol=1e-9)

    bad = [number for number, world in enumerate(worlds) if not right(world, got[number])]
    if not bad:
        return
    world, kernel = worlds[bad[0]], got[bad[0]]
    factors = [ratio([k], [w.want]) for w, k in zip(worlds, got, strict=True)]
    word = factor_in_words(factors, [w.sizes() for w in worlds])
    raise Rejected(
        f"The kernel is not right (with {world.where()}): {difference([kernel], [world.want])}.",
        *([f"On every model tried, yours is {word} times ours."] if word else []),
        diagnosis=TRAINING if world.journal else recognise(worlds, got),
    )


def recognise(worlds: list[World], got: list[np.ndarray]) -> str | None:
    for function, sentence in kernel_mistakes():
        try:
            if all(
                close([kernel], [function(world.seen).numpy()], rtol=1e-3, atol=1e-7)
                for world, kernel in zip(reversed(worlds), reversed(got), strict=True)
            ):
                return sentence
        except (ValueError, RuntimeError, IndexError):
            continue  # a mistake that cannot be made with these sizes
    return None


def require_state(world: World) -> None:
    before, now = world.before, world.state()
    if now["modules"] != before["modules"] or now["ids"].keys() != before["ids"].keys():
        raise Rejected("Modules of the model were replaced, added or removed; leave its structure as it is.")
    if now["types"] != before["types"]:
        raise Rejected(
            "After the call the model's parameters have another type.",
            diagnosis="`model.double()` converts the caller's model; convert a copy (`copy.deepcopy`).",
        )
    for name, value in now["parameters"].items():
        if not torch.equal(value, before["parameters"][name]):
            raise Rejected(
                f"After the call the parameter `{name}` is changed.",
                diagnosis="The kernel is that of the parameters as they are: no optimiser step, and nothing "
                "written into them.",
            )
    if now["ids"] != before["ids"]:
        raise Rejected(
            "After the call parameters of the model are other objects than before: an optimiser that holds "
            "the old ones trains nothing any more.",
            diagnosis="`torch.func.functional_call` runs the model with other tensors and leaves its own "
            "alone.",
        )
    if now["flags"] != before["flags"]:
        name = next(name for name, flag in now["flags"].items() if flag != before["flags"][name])
        raise Rejected(
            f"After the call `{name}.requires_grad` is {now['flags'][name]}; it was {before['flags'][name]}.",
            diagnosis="Leave the flags of the caller's parameters as they are; frozen ones are not asked.",
        )
    for name, value in now["gradients"].items():
        old = before["gradients"][name]
        if value is None and old is not None:
            raise Rejected(
                f"After the call the `.grad` of `{name}` is gone; the caller had one.",
                diagnosis="`zero_grad()` throws the caller's gradients away. `torch.autograd.grad` neither "
                "needs nor fills `.grad`.",
            )
        if value is not None and (old is None or not torch.equal(value, old)):
            was = "was None" if old is None else "held something else"
            raise Rejected(
                f"After the call the `.grad` of `{name}` is another one: it {was} before.",
                diagnosis="`backward()` leaves gradients in `.grad`. `torch.autograd.grad` returns them.",
            )
    for name, value in now["buffers"].items():
        if not torch.equal(value, before["buffers"].get(name, value)):
            raise Rejected(
                f"After the call the buffer `{name}` is another one than before.",
                diagnosis=f"A pass in training mode moves the running statistics. {TRAINING}",
            )
    if now["training"] != before["training"]:
        changed = [name for name, flag in now["training"].items() if flag != before["training"][name]]
        whole = before["training"]["model"] == now["training"]["model"]
        raise Rejected(
            f"After the call another training flag than before: `{changed[0]}` is in "
            f"{'training' if now['training'][changed[0]] else 'evaluation'} mode.",
            diagnosis="`model.train(flag)` sets every module inside. Keep the flag of *each* module, and put "
            "each back: a frozen batch norm stays frozen."
            if whole
            else f"The model is left in {'training' if now['training']['model'] else 'evaluation'} mode: "
            "keep the flag of each module before `model.eval()`, and put it back.",
        )
    if now["hooks"] != before["hooks"]:
        raise Rejected(
            "A hook is left on the model.",
            diagnosis="Keep what `register_forward_hook` returns, and call its `remove()`.",
        )


def warm_up(world: World) -> None:
    """The first use of `torch.func` loads hundreds of modules; that is not the answer's time."""
    constants = {name: p.detach() for name, p in world.model.named_parameters()}

    def outputs(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.func.functional_call(world.model, parameters, (x[None],))[0]

    torch.func.vmap(torch.func.jacrev(outputs), (None, 0))(constants, world.x1)


def ntk(answer: object) -> list[str]:
    function = prepare(answer, NAMES)
    worlds = list(plain_worlds())
    warm_up(worlds[0])
    got = [run(function, world) for world in worlds]
    require_kernels(worlds, got)
    for world in worlds:
        require_state(world)
    count = len(worlds)
    for world in law_worlds():
        count += 1
        try:
            kernel = run(function, world)
            if world.journal:
                require_kernels([world], [kernel])
            else:
                require_kernels([*worlds, world], [*got, kernel])
            require_state(world)
        except Rejected as rejected:
            rejected.feedback[0] = f"{world.law}: {rejected.feedback[0]}"
            raise
    try:
        require_kernels(worlds[:1], [run(function, worlds[0])])
        require_state(worlds[0])
    except Rejected as rejected:
        rejected.feedback[0] = f"When called a second time: {rejected.feedback[0]}"
        raise
    return [
        f"The kernel agrees with ours on {count} models, over all trainable parameters in evaluation mode.",
        "Parameters, buffers, gradients and each module's training flag are as they were.",
        *remarks(function),
    ]


def remarks(function: Callable[..., object]) -> list[str]:
    for world in open_worlds():
        try:
            require_kernels([world], [run(function, world)])
        except Rejected as rejected:
            return [f"A remark, which costs nothing here. {world.law}: {rejected.feedback[0]}"]
    return []


TASKS = {"ntk": ntk}
