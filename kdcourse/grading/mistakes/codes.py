"""Known mistakes of uniform quantisation: (code (B, ...), bits) -> (integers, low, high), and a sentence."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

Triple = tuple[Tensor, Tensor, Tensor]


class WrongCode(NamedTuple):
    function: Callable[[Tensor, int], Triple]
    sentence: str


NEAREST = "integers = round((code - low) / (high - low) · (2^bits - 1))."
OWN = "every sample has its own `low` and `high`, over all of its numbers."


def spread(ends: Tensor, x: Tensor) -> Tensor:
    """(B,) -> (B, 1, 1, ...), to meet x (B, ...)."""
    return ends.view(-1, *[1] * (x.ndim - 1))


def ends_of(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.flatten(1).amin(1), x.flatten(1).amax(1)


def position(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """0 at low, 1 at high; 0 where both are equal."""
    span = high - low
    return (x - low) / torch.where(span == 0, torch.ones_like(span), span)


def quantized(x: Tensor, bits: int, place: Callable[[Tensor, int], Tensor] | None = None) -> Triple:
    low, high = ends_of(x)
    u = position(x, spread(low, x), spread(high, x))
    return (u * (2**bits - 1)).round() if place is None else place(u, bits), low, high


def between(x: Tensor, low: Tensor, high: Tensor, bits: int) -> Tensor:
    """Quantised between other ends that meet x by broadcasting; outside them it is cut off."""
    top = 2**bits - 1
    return (position(x, low, high) * top).round().clamp(0, top)


def code_mistakes() -> Iterator[WrongCode]:
    def placed(place: Callable[[Tensor, int], Tensor], sentence: str) -> WrongCode:
        return WrongCode(lambda x, bits: quantized(x, bits, place), sentence)

    def told(ends: Callable[..., tuple[Tensor, Tensor]], sentence: str) -> WrongCode:
        return WrongCode(lambda x, bits: (quantized(x, bits)[0], *ends(x, bits, *ends_of(x))), sentence)

    def top(bits: int) -> int:
        return 2**bits - 1

    yield placed(
        lambda u, bits: (u * top(bits)).floor(),
        "The digits after the point are cut off (a conversion to integers and `//` do that): round to the "
        "nearest level first, with `.round()`.",
    )
    yield placed(lambda u, bits: (u * top(bits)).ceil(), "It is rounded up; take the nearest level.")
    bins = "; ".join(
        ("These are the numbers of 2^bits bins", "the levels are 2^bits points from low to high, " + NEAREST)
    )
    yield placed(lambda u, bits: (u * 2**bits).floor().clamp(max=top(bits)), bins)
    yield placed(lambda u, bits: (u * 2**bits).floor() % 256, bins)
    yield placed(lambda u, bits: (u * (2**bits - 1e-6)).floor(), bins)
    levels = f"2^bits integers end at 2^bits - 1: the largest number must become that. {NEAREST}"
    yield placed(lambda u, bits: (u * 2**bits).round(), levels)
    yield placed(lambda u, bits: (u * 2**bits).round() % 256, levels)
    yield placed(lambda u, bits: (u * 2**bits).round().clamp(max=top(bits)), levels)
    yield placed(lambda u, bits: (u * 2 ** (bits - 1)).round(), levels)
    yield placed(lambda u, bits: (u * (2 ** (bits - 1) - 1)).round(), levels)
    yield placed(lambda u, bits: (u * bits).round(), f"`bits` is used as the number of levels; {NEAREST}")
    yield placed(lambda u, bits: (u * 255).round(), f"There are always 256 levels; use `bits`. {NEAREST}")
    yield placed(lambda u, bits: (u * 255).floor(), f"There are always 256 levels; use `bits`. {NEAREST}")
    yield placed(
        lambda u, bits: ((1 - u) * top(bits)).round(), "The integers are upside down: `low` becomes 0."
    )
    yield placed(lambda u, bits: (u * top(bits)).round() + 1, "The integers begin at 1; `low` becomes 0.")
    yield placed(
        lambda u, bits: (u * top(bits)).round() - 2 ** (bits - 1),
        "The integers are signed; 0 stands for `low` and 2^bits - 1 for `high`.",
    )
    yield placed(
        lambda u, bits: ((u * top(bits)).round() + 128) % 256 - 128,
        "An int8 holds -128 to 127 only, and 255 became -1: take `torch.uint8` or `torch.int64`.",
    )
    yield placed(lambda u, bits: u.round(), f"The position between low and high is not stretched: {NEAREST}")
    yield placed(lambda u, bits: 0 * u, f"The position between low and high is not stretched: {NEAREST}")

    def with_ends(ends: Callable[[Tensor], tuple[Tensor, Tensor]], sentence: str) -> Iterator[WrongCode]:
        def told_rightly(x: Tensor, bits: int) -> Triple:
            return (between(x, *ends(x), bits), *ends_of(x))

        def consistent(x: Tensor, bits: int) -> Triple:
            low, high = (end.expand_as(x).flatten(1)[:, 0] for end in ends(x))
            return between(x, low=ends(x)[0], high=ends(x)[1], bits=bits), low, high

        yield WrongCode(told_rightly, sentence)
        yield WrongCode(consistent, sentence)

    yield from with_ends(lambda x: (x.amin(), x.amax()), f"One `low` and `high` serve the whole batch; {OWN}")
    yield from with_ends(
        lambda x: (x.amin(0, keepdim=True), x.amax(0, keepdim=True)),
        f"The ends are taken over the batch, one for each place; {OWN}",
    )
    yield from with_ends(
        lambda x: (x.amin(1, keepdim=True), x.amax(1, keepdim=True)),
        f"The ends are taken over one axis only; {OWN}",
    )
    yield from with_ends(
        lambda x: (x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)),
        f"The ends are taken over the last axis only; {OWN}",
    )
    yield from with_ends(
        lambda x: (0 * spread(ends_of(x)[0], x), spread(ends_of(x)[1], x)),
        "`low` is taken for 0, as after a ReLU; a code may be negative, and its smallest number be far above "
        "0.",
    )
    yield from with_ends(
        lambda x: (-spread(x.flatten(1).abs().amax(1), x), spread(x.flatten(1).abs().amax(1), x)),
        "The levels lie symmetrically about 0 (`abs().max()`); they go from `low` to `high`.",
    )
    yield from with_ends(
        lambda x: (0 * spread(ends_of(x)[0], x), 0 * spread(ends_of(x)[0], x) + 1),
        "The code is taken for numbers from 0 to 1; they go from `low` to `high`.",
    )

    yield WrongCode(
        lambda x, bits: tuple(quantized(x, bits)[i] for i in (0, 2, 1)),
        "`low` and `high` are exchanged: (integers, low, high).",
    )
    yield told(
        lambda x, bits, low, high: (low, (high - low) / top(bits)),
        "The third result is the step between two levels; `high` is wanted.",
    )
    yield told(
        lambda x, bits, low, high: ((high - low) / top(bits), low),
        "These are step and low; `low` and `high` are wanted.",
    )
    yield told(
        lambda x, bits, low, high: (low, high - low),
        "The third result is the width high - low; `high` is wanted.",
    )
    yield told(
        lambda x, bits, low, high: (x.amin().expand_as(low), x.amax().expand_as(low)),
        f"The ends that you return are those of the whole batch; {OWN}",
    )
    for eps in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8):

        def widened(x: Tensor, bits: int, eps: float = eps) -> Triple:
            low, high = ends_of(x)
            u = (x - spread(low, x)) / (spread(high - low, x) + eps)
            return (u * top(bits)).round(), low, high

        yield WrongCode(
            widened,
            "A small number is added to high - low, which is not small beside a code of small numbers. Guard "
            "the division only where high = low.",
        )
