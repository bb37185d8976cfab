"""Known mistakes of an empirical neural tangent kernel, put together from the gradients of every output."""

from collections.abc import Callable, Iterator
from itertools import combinations, product
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Seen(NamedTuple):
    """What a net does at the two sets of inputs, in evaluation mode and float64."""

    x: tuple[Tensor, Tensor]  # inputs, flat: (N1, D) and (N2, D)
    f: tuple[Tensor, Tensor]  # outputs: (N1, K) and (N2, K)
    slopes: tuple[dict[str, Tensor], dict[str, Tensor]]  # for each parameter (N, K, size)
    by_input: tuple[Tensor, Tensor]  # the outputs' gradients with respect to the own input, (N, K, D)
    trained: list[str]  # parameters with requires_grad
    dimensions: dict[str, int]  # of each parameter
    owners: dict[str, nn.Module]  # the layer of each parameter


class WrongKernel(NamedTuple):
    function: Callable[[Seen], Tensor]
    sentence: str


def look(model: nn.Module, x1: Tensor, x2: Tensor) -> Seen:
    """`model` is a copy of ours, in evaluation mode and float64, with no frozen parameter."""
    named = dict(model.named_parameters())

    def slopes(x: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        outputs, rows, inputs = [], {name: [] for name in named}, []
        for row in x:
            own = row[None].clone().requires_grad_()
            f = model(own).reshape(-1)
            each = [
                torch.autograd.grad(
                    value,
                    [*named.values(), own],
                    retain_graph=True,
                    allow_unused=True,
                    materialize_grads=True,
                )
                for value in f
            ]
            for number, name in enumerate(named):
                rows[name].append(torch.stack([grads[number].reshape(-1) for grads in each]))
            inputs.append(torch.stack([grads[-1].reshape(-1) for grads in each]))
            outputs.append(f.detach())
        return torch.stack(outputs), {n: torch.stack(r) for n, r in rows.items()}, torch.stack(inputs)

    (f1, s1, i1), (f2, s2, i2) = slopes(x1), slopes(x2)
    dimensions = {name: p.ndim for name, p in named.items()}
    owners = {name: model.get_submodule(name.rpartition(".")[0]) for name in named}
    x = x1.flatten(1), x2.flatten(1)
    return Seen(x, (f1, f2), (s1, s2), (i1, i2), list(named), dimensions, owners)


def chosen(seen: Seen, names: list[str]) -> tuple[Tensor, Tensor]:
    """The gradients with respect to these parameters, side by side: (N, K, P) for each set of inputs."""
    sides = (torch.cat([side[name] for name in names], 2) if names else None for side in seen.slopes)
    first, second = sides
    if first is None:
        raise ValueError("no such parameter")
    return first, second


def trained(seen: Seen) -> list[str]:
    return seen.trained


def summed(a: Tensor, b: Tensor, seen: Seen) -> Tensor:
    """Inner products over the parameters, summed over the outputs."""
    return a.flatten(1) @ b.flatten(1).T


def plain(kernel: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return kernel


def kernel_of(
    seen: Seen,
    names: Callable[[Seen], list[str]] = trained,
    outputs: Callable[[Tensor, Tensor, Seen], Tensor] = summed,
    scale: Callable[[Tensor, Tensor, Tensor], Tensor] = plain,
    sides: tuple[int, int] = (0, 1),
) -> Tensor:
    both = chosen(seen, names(seen))
    a, b = both[sides[0]], both[sides[1]]
    return scale(outputs(a, b, seen), a, b)


def added_up(seen: Seen, over: str) -> Tensor:
    """Each gradient holds those before it as well."""
    a, b = chosen(seen, seen.trained)
    if over == "the outputs of an input":
        a, b = a.cumsum(1), b.cumsum(1)
    elif over == "all inputs":
        rows = torch.cat([a.flatten(0, 1), b.flatten(0, 1)]).cumsum(0)
        a, b = (rows[: len(a) * a.shape[1]].view_as(a), rows[len(a) * a.shape[1] :].view_as(b))
    else:
        a, b = (x.flatten(0, 1).cumsum(0).view_as(x) for x in (a, b))
    return summed(a, b, seen)


def last_module(seen: Seen) -> list[str]:
    owner = seen.trained[-1].rpartition(".")[0]
    return [name for name in seen.trained if name.rpartition(".")[0] == owner]


def first_module(seen: Seen) -> list[str]:
    owner = seen.trained[0].rpartition(".")[0]
    return [name for name in seen.trained if name.rpartition(".")[0] == owner]


ALL = "the kernel runs over all trainable parameters."
NAMES: list[tuple[Callable[[Seen], list[str]], str]] = [
    (
        lambda seen: list(seen.slopes[0]),
        "Frozen parameters take part: take those with `requires_grad` only.",
    ),
    (
        lambda seen: [name for name in seen.slopes[0] if name not in seen.trained],
        "Only the frozen parameters take part: take those with `requires_grad`.",
    ),
    (
        lambda seen: [name for name in seen.trained if name.endswith("weight")],
        f"Only parameters called `weight` take part; {ALL}",
    ),
    (
        lambda seen: [name for name in seen.trained if seen.dimensions[name] > 1],
        f"Only weight matrices take part, no biases; {ALL}",
    ),
    (
        lambda seen: [name for name in seen.trained if seen.dimensions[name] <= 1],
        f"Only biases take part; {ALL}",
    ),
    (
        lambda seen: [n for n in seen.trained if isinstance(seen.owners[n], nn.Linear)],
        f"Only linear layers take part; {ALL}",
    ),
    (
        lambda seen: [n for n in seen.trained if isinstance(seen.owners[n], nn.Linear | nn.Conv2d)],
        f"Only linear layers and convolutions take part; {ALL}",
    ),
    (lambda seen: seen.trained[-1:], f"Only the last parameter takes part; {ALL}"),
    (lambda seen: seen.trained[:1], f"Only the first parameter takes part; {ALL}"),
    (lambda seen: seen.trained[:-1], f"The last parameter is left out; {ALL}"),
    (lambda seen: seen.trained[1:], f"The first parameter is left out; {ALL}"),
    (last_module, f"Only the last layer takes part; {ALL}"),
    (first_module, f"Only the first layer takes part; {ALL}"),
]


def of_output(index: int) -> Callable[[Tensor, Tensor, Seen], Tensor]:
    return lambda a, b, seen: a[:, index] @ b[:, index].T


def of_winner(a: Tensor, b: Tensor, seen: Seen) -> Tensor:
    rows = [
        x[torch.arange(len(x)), f.argmax(1)] for x, f in zip((a, b), seen.f, strict=True) if len(x) == len(f)
    ]
    return rows[0] @ rows[1].T


def through(change: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor, Seen], Tensor]:
    """The outputs go through a softmax first."""

    def outputs(a: Tensor, b: Tensor, seen: Seen) -> Tensor:
        changed = [change(x, f.softmax(1)[:, :, None]) for x, f in zip((a, b), seen.f, strict=True)]
        return summed(*changed, seen)

    return outputs


TRACE = "the sum over outputs a of the inner products of *the same* output's gradients is wanted."
OUTPUTS: list[tuple[Callable[[Tensor, Tensor, Seen], Tensor], str]] = [
    (
        lambda a, b, seen: a.sum(1) @ b.sum(1).T,
        "This is the kernel of the *sum* of the outputs (a gradient of `f.sum()`), in which different "
        f"outputs are multiplied, too; {TRACE}",
    ),
    (
        lambda a, b, seen: a.mean(1) @ b.mean(1).T,
        "This is the kernel of the *mean* of the outputs (a gradient of `f.mean()`), in which different "
        f"outputs are multiplied, too; {TRACE}",
    ),
    (
        lambda a, b, seen: summed(a, b, seen) / a.shape[1],
        "The outputs are averaged; the kernel is their sum.",
    ),
    (of_output(0), f"Only the first output counts; {TRACE}"),
    (of_output(-1), f"Only the last output counts; {TRACE}"),
    (of_winner, f"Only the largest output of each input counts; {TRACE}"),
    (
        through(lambda x, p: p * (x - (p * x).sum(1, keepdim=True))),
        "The outputs have gone through a softmax; the kernel is that of the outputs as they are.",
    ),
    (
        through(lambda x, p: x - (p * x).sum(1, keepdim=True)),
        "The outputs have gone through a log-softmax; the kernel is that of the outputs as they are.",
    ),
    (
        lambda a, b, seen: torch.einsum("nkp,mkp->nmk", a, b).amax(2),
        f"The largest over the outputs is taken; {TRACE}",
    ),
    (
        lambda a, b, seen: torch.einsum("nkp,mkp->nmk", a, b).prod(2),
        f"The outputs are multiplied; {TRACE}",
    ),
    (
        lambda a, b, seen: torch.einsum("nkp,mlp->nmkl", a, b).square().sum((2, 3)).sqrt(),
        f"This is the Frobenius norm of the block of outputs; {TRACE}",
    ),
]


def cosine(kernel: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return kernel / (a.flatten(1).norm(dim=1)[:, None] * b.flatten(1).norm(dim=1)).clamp(min=1e-300)


ASIS = "inner products are wanted as they come."
SCALES: list[tuple[Callable[[Tensor, Tensor, Tensor], Tensor], str]] = [
    (cosine, f"The kernel is normalised to cosines; {ASIS}"),
    (lambda k, a, b: k / a.shape[2], f"The sum over parameters is divided by their number; {ASIS}"),
    (
        lambda k, a, b: k / a[0].numel(),
        f"The sum is divided by the numbers of parameters and outputs; {ASIS}",
    ),
    (lambda k, a, b: k / len(a), f"The kernel is divided by N1; {ASIS}"),
    (lambda k, a, b: k / len(b), f"The kernel is divided by N2; {ASIS}"),
    (lambda k, a, b: k / len(a) / len(b), f"The kernel is divided by N1 · N2; {ASIS}"),
    (lambda k, a, b: k / k.abs().max(), f"The kernel is divided by its largest entry; {ASIS}"),
    (lambda k, a, b: k / torch.linalg.norm(k), f"The kernel is divided by its norm; {ASIS}"),
    (lambda k, a, b: k.abs(), f"The sign of the inner products is lost; {ASIS}"),
    (lambda k, a, b: k.square(), f"The inner products are squared; {ASIS}"),
    (lambda k, a, b: -k, f"The sign is wrong; {ASIS}"),
    (lambda k, a, b: 2 * k, f"The kernel is twice what it should be; {ASIS}"),
    (
        lambda k, a, b: torch.cdist(a.flatten(1), b.flatten(1)),
        "These are distances between gradients; inner products are wanted.",
    ),
    (
        lambda k, a, b: torch.cdist(a.flatten(1), b.flatten(1)).square(),
        "These are squared distances between gradients; inner products are wanted.",
    ),
]


def kernel_mistakes() -> Iterator[WrongKernel]:
    parts = {"names": NAMES, "outputs": OUTPUTS, "scale": SCALES}
    for part, mistakes in parts.items():
        for function, sentence in mistakes:
            yield WrongKernel(lambda seen, part=part, f=function: kernel_of(seen, **{part: f}), sentence)
    for sides, name in (((0, 0), "x1"), ((1, 1), "x2")):
        yield WrongKernel(
            lambda seen, sides=sides: kernel_of(seen, sides=sides),
            f"`{name}` is used twice: the rows belong to `x1`, the columns to `x2`.",
        )
    yield WrongKernel(
        lambda seen: kernel_of(seen).T, "It is transposed: the rows belong to `x1`, the columns to `x2`."
    )
    yield WrongKernel(
        lambda seen: seen.f[0] @ seen.f[1].T,
        "These are inner products of the outputs; those of the outputs' gradients are wanted.",
    )
    yield WrongKernel(
        lambda seen: seen.x[0] @ seen.x[1].T,
        "These are inner products of the inputs; those of the outputs' gradients are wanted.",
    )
    for change, what in ((lambda x: x, ""), (lambda x: x.sum(1, keepdim=True), ", and of their sum")):
        yield WrongKernel(
            lambda seen, change=change: summed(*map(change, seen.by_input), seen),
            f"The outputs' gradients are taken with respect to the *inputs*{what}; take them with respect to "
            "the parameters.",
        )
    for over in ("all inputs", "the inputs of x1, then of x2,", "the outputs of an input"):
        yield WrongKernel(
            lambda seen, over=over: added_up(seen, over),
            f"The gradients of {over} add up: `backward()` adds to `.grad`, which must be cleared before "
            "each.",
        )
    for (one, firsts), (other, seconds) in combinations(parts.items(), 2):
        for (f, sentence), (g, another) in product(firsts, seconds):
            yield WrongKernel(
                lambda seen, one=one, other=other, f=f, g=g: kernel_of(seen, **{one: f, other: g}),
                f"Two things. {sentence} And: {another}",
            )
