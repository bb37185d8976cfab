"""`quantize_uniform`: what a device sends. Jacob et al. (2018), section 2.1, with the ends of each sample."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.mistakes.codes import NEAREST, OWN, code_mistakes, ends_of, spread
from kdcourse.grading.probe import Rejected, call, prepare

NAMES = ("code", "bits")
TRIPLE = "three tensors: integers like the code, low (B,) and high (B,)"


class Code(NamedTuple):
    x: Tensor  # (B, ...), float64
    bits: int
    law: str = ""
    dtype: torch.dtype = torch.float32

    @property
    def seen(self) -> Tensor:
        """The numbers as the answer gets them."""
        return self.x.to(self.dtype).double()

    def where(self) -> str:
        return f"a code of shape {tuple(self.x.shape)}, bits = {self.bits}"


class Sent(NamedTuple):
    integers: Tensor
    low: Tensor
    high: Tensor


ZERO = "Where high = low the division is 0/0, and NaN becomes a meaningless integer: divide by 1 there."
CONSTANT = "Where all numbers of a sample are equal"


def codes() -> list[Code]:
    def drawn(*shape: int, spread_by: float = 2.0) -> Tensor:
        """Each sample with a place and a width of its own, some far from 0 on either side."""
        seed = 40 + sum(n * w for n, w in zip(shape, (7, 5, 3, 2), strict=False))
        x = normal(seed, *shape)
        rest = [1] * (len(shape) - 1)
        width = torch.linspace(0.4, 3.0, shape[0]).double().view(-1, *rest)
        return width * x + spread_by * normal(seed + 1, shape[0], *rest)

    outlier = drawn(4, 9)
    outlier[2, 5] = 900.0
    flat = drawn(4, 3, 5)
    flat[1], flat[3] = 1.7, 0.0
    halves = torch.tensor([[0.0, 0.5, 1.5, 2.5, 3.0], [3.0, 1.0, 0.5, 0.0, 2.5]]).double()
    f64 = torch.float64
    return [
        Code(drawn(5, 7), 4),
        Code(drawn(3, 2, 4, 5), 3, dtype=f64),
        Code(drawn(4, 11), 8),
        Code(drawn(2, 3, 7), 2),
        Code(drawn(6, 4, 3), 5, dtype=f64),
        Code(drawn(4, 9), 1, "With one bit, where every number becomes `low` or `high`"),
        Code(drawn(3, 300), 8, "With eight bits, where 255 is the largest integer"),
        Code(drawn(3, 5, 4).abs() + 2, 4, "With positive codes, none of them near 0"),
        Code(-drawn(3, 5, 4).abs() - 1, 4, "With negative codes"),
        Code(drawn(5, 8).relu(), 3, "With codes that have gone through a ReLU"),
        Code(outlier, 4, "With one number that is far larger than the others of its sample"),
        Code(flat, 4, CONSTANT),
        Code(torch.full((3, 5), -0.3).double(), 8, f"{CONSTANT}, in all samples", dtype=f64),
        Code(torch.zeros(2, 4, 3).double(), 2, "Where all numbers are 0"),
        Code(drawn(4, 1), 4, "With one number a sample"),
        Code(drawn(1, 3, 6), 4, "With a single sample"),
        Code(drawn(5, 5), 3, "With as many numbers as samples", dtype=f64),
        Code(drawn(1, 4, 4), 6, "With a single sample of square shape"),
        Code(1e-3 * drawn(3, 40), 8, "With codes of size 0.001", dtype=f64),
        Code(1e4 * drawn(3, 40), 8, "With codes of size 10,000"),
        Code(drawn(3, 6) + 50, 6, "With codes that lie far from 0", dtype=f64),
        Code(halves, 2, "Halfway between two levels either of them will do; elsewhere it is the nearest"),
        Code(drawn(3, 4, 2, 3, 2), 5, "With codes of five axes"),
        Code(drawn(5, 7), 4, "When called a second time with the same inputs"),
    ]


def parts_of(result: object, case: Code) -> Sent:
    """The three tensors of a result: int64 and twice float64."""
    B, shape = len(case.x), tuple(case.x.shape)
    if result is None:
        raise Rejected("Your function returns None. Is a `return` missing?")
    if isinstance(result, Tensor) or not isinstance(result, tuple | list):
        kind = "one tensor" if isinstance(result, Tensor) else f"a {type(result).__name__}"
        raise Rejected(
            f"Your function returns {kind}; expected are {TRIPLE}.",
            diagnosis="The server cannot read the integers without the ends: `return integers, low, high`.",
        )
    if len(result) != 3:
        raise Rejected(
            f"Your function returns {len(result)} things; expected are {TRIPLE}.",
            diagnosis="`return integers, low, high`, in this order.",
        )
    for name, part in zip(("integers", "low", "high"), result, strict=True):
        if not isinstance(part, Tensor):
            raise Rejected(
                f"Your `{name}` is a {type(part).__name__}; expected are {TRIPLE}.",
                diagnosis="One number for the whole batch will not do: " + OWN
                if name != "integers"
                else None,
            )
    integers, low, high = result
    if integers.is_floating_point() or integers.is_complex() or integers.dtype == torch.bool:
        places = [tuple(part.shape) for part in result]
        first = places != [shape, (B,), (B,)] and places[2] == shape
        raise Rejected(
            f"Your integers have the type {integers.dtype}; expected are integers.",
            diagnosis="The order is (integers, low, high)."
            if first
            else "What is sent are integers from 0 to 2^bits - 1, not the numbers they stand for; after "
            "`.round()`, `.to(torch.uint8)` or `.long()` makes them such.",
        )
    if tuple(integers.shape) != shape:
        raise Rejected(
            f"Your integers have the shape {tuple(integers.shape)}; expected is that of the code, {shape}.",
            diagnosis="One integer stands for each number of the code: bring them back to its shape, "
            "`.reshape(code.shape)`.",
        )
    for name, part in (("low", low), ("high", high)):
        if not part.is_floating_point():
            raise Rejected(
                f"Your `{name}` has the type {part.dtype}; expected are floating-point numbers.",
                diagnosis="The ends are numbers of the code itself; only what lies between them is counted "
                "in integers.",
            )
        if part.shape != (B,):
            why = (
                f"Without `keepdim=True`, or with `.flatten()`, they are {(B,)}."
                if part.numel() == B and part.ndim > 1
                else f"This is one end for the whole batch; {OWN}"
                if part.numel() == 1
                else f"The smallest and the largest number are taken over one axis only; {OWN} "
                "`code.flatten(1)` makes one row of each sample."
            )
            raise Rejected(
                f"Your `{name}` has the shape {tuple(part.shape)}; expected is {(B,)}, one for each sample.",
                diagnosis=why,
            )
    return Sent(integers.detach().long(), low.detach().double(), high.detach().double())


def faults(case: Code, got: Sent) -> tuple[str, str] | None:
    """What breaks the convention, and a word on it; nothing is compared with integers of ours."""
    x, top = case.seen, 2**case.bits - 1
    for name, mine, ours in zip(("low", "high"), got[1:], ends_of(x), strict=True):
        if not bool(((mine - ours).abs() <= 1e-6 * ours.abs() + 1e-30).all()):
            which = "smallest" if name == "low" else "largest"
            why = OWN
            if name == "low" and not got.low.any():
                why = "`low` is taken for 0, as after a ReLU; a code may be negative, or lie far above 0."
            elif torch.equal(got.low, -got.high):
                why = "The levels lie symmetrically about 0 (`abs().max()`); they go from `low` to `high`."
            return f"`{name}` is not the {which} number of each sample.", why
    outside = int(((got.integers < 0) | (got.integers > top)).sum())
    if outside:
        return (
            f"{outside} of {x.numel()} integers lie outside 0 to {top}.",
            ZERO if bool((got.integers < -(2**31)).any()) else f"With the right levels nothing is: {NEAREST}",
        )
    step = spread((got.high - got.low) / top, x)
    off = (spread(got.low, x) + step * got.integers - x).abs()
    eps = 1e-6 * x.abs().flatten(1).amax(1)
    bad = off > 0.502 * step + spread(eps, x)
    if bool(bad.any()):
        steps = float((off / step.clamp(min=1e-300))[bad].max())
        return (
            f"{int(bad.sum())} of {x.numel()} numbers are farther from their level than half a step, up to "
            f"{steps:.3g} steps.",
            f"The nearest level is wanted: {NEAREST}",
        )
    return None


def run_code(function: Callable[..., object], case: Code) -> Sent:
    return parts_of(call(function, NAMES, [case.x.to(case.dtype).clone(), case.bits]), case)


def recognise_code(seen: list[tuple[Code, Sent]]) -> str | None:
    def same(case: Code, got: Sent, want: tuple[Tensor, Tensor, Tensor]) -> bool:
        unequal = (got.integers - want[0].long()).abs()
        near = all(torch.allclose(a, b, rtol=1e-5, atol=1e-9) for a, b in zip(got[1:], want[1:], strict=True))
        # A number halfway may fall to either side.
        return near and int((unequal > 0).sum()) <= 0.15 * unequal.numel() and not (unequal > 1).any()

    for function, sentence in code_mistakes():
        try:
            if all(same(case, got, function(case.seen, case.bits)) for case, got in reversed(seen)):
                return sentence
        except (RuntimeError, IndexError):
            continue  # a mistake that cannot be made with these shapes
    return None


def quantize_uniform(answer: object) -> list[str]:
    function, seen = prepare(answer, NAMES), []
    tried = codes()
    ordinary = [case for case in tried if not case.law]

    def judged(case: Code, got: Sent) -> None:
        found = faults(case, got)
        if found:
            prefix = f"{case.law}: " if case.law else ""
            raise Rejected(
                f"{prefix}{found[0]} (With {case.where()}.)",
                diagnosis=ZERO if found[1] == ZERO else recognise_code(seen) or found[1],
            )

    for case in ordinary:  # all are met before any is judged: together they tell the mistakes apart
        seen.append((case, run_code(function, case)))
    for case, got in list(seen):
        judged(case, got)
    for case in (case for case in tried if case.law):
        try:
            seen.append((case, run_code(function, case)))
        except Rejected as rejected:
            rejected.feedback[0] = f"{case.law}: {rejected.feedback[0]}"
            raise
        judged(*seen[-1])
    right = f"Every number is within half a step of its level, on {len(tried)} codes of several shapes."
    return [right, *code_remarks(function)]


def code_remarks(function: Callable[..., object]) -> list[str]:
    x = normal(91, 3, 4, 5).float()
    tries = {
        "With a code that is not contiguous in memory (`reshape` takes it, `view` does not)": x.mT,
        "With a code that has a graph (outside `no_grad`)": x.clone().requires_grad_() * 1.0,
    }
    for law, code in tries.items():
        case = Code(code.detach().double(), 4)
        try:
            found = faults(case, parts_of(call(function, NAMES, [code, 4]), case))
        except Rejected as rejected:
            found = rejected.feedback
        if found:
            return [f"A remark, which costs nothing here. {law}: {found[0]}"]
    return []


TASKS = {"quantize_uniform": quantize_uniform}
