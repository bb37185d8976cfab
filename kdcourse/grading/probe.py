"""How an answer is called and what may go wrong before its numbers are looked at."""

import inspect
import math
import numbers
import re
from collections.abc import Callable, Sequence

import numpy as np
import torch

from kdcourse.grading.guard import TimeUp, answering

_EXPLANATIONS = (
    (
        r"in-?place operation|modified by an inplace",
        "Your function changes a tensor in place (`/=`, `+=`, `x[...] =`, `..._()`). Make a new tensor "
        "instead.",
    ),
    (
        r"does not require grad and does not have a grad_fn",
        "The loss has no graph: `.item()`, `float()`, `.detach()` or a `no_grad` around the student cut it "
        "off.",
    ),
    (
        r"second time",
        "A graph was used twice: `backward()` must not be called on it inside your function as well.",
    ),
    (
        r"[Ii]nference tensors",
        "Use `torch.no_grad()` for the teacher; results of `inference_mode` cannot enter a loss.",
    ),
    (
        r"size of tensor|shapes? .*(cannot|mismatch)|size mismatch|invalid for input of size|must match"
        r"|Expected size|Expected input batch_size",
        "Two shapes do not fit. Is a batch size or a number of classes written as a fixed number, or taken "
        "from the labels that happen to occur?",
    ),
)
MISFIT = _EXPLANATIONS[-1][1]  # a task may know better
_ALIASES = {
    "T": ("T", "temperature", "tau"),
    "tau": ("tau", "temperature", "T"),
    "p": ("p", "power"),
}


UNWRITTEN = "Not written yet"


class Rejected(Exception):
    """The answer is not right: what was seen and, if it was recognised, which mistake it is."""

    def __init__(self, seen: str, *advice: str, diagnosis: str | None = None) -> None:
        super().__init__(seen)
        self.feedback = [seen, *advice, *([diagnosis] if diagnosis else [])]
        self.diagnosis = diagnosis


def prepare(answer: object, names: Sequence[str]) -> Callable[..., object]:
    """The answer as a function of positional arguments, whatever its own parameters are called."""
    wanted = f"({', '.join(names)})"
    if not callable(answer):
        raise Rejected(
            f"Hand over the function itself, as in `check(task, my_function)`; this is a {_kind(answer)}.",
        )
    try:
        signature = inspect.signature(answer)
    except (TypeError, ValueError):  # some built-in callables do not tell
        return answer
    try:
        signature.bind(*names)
        return answer
    except TypeError:
        pass
    # Keyword-only hyper-parameters, as in kdcourse.losses, are as good.
    by_name = {
        position: parameter
        for position, name in enumerate(names)
        for parameter in _ALIASES.get(name, (name,))
        if parameter in signature.parameters
        and signature.parameters[parameter].kind == inspect.Parameter.KEYWORD_ONLY
    }
    positions = [position for position in range(len(names)) if position not in by_name]
    try:
        signature.bind(*positions, **{parameter: 0 for parameter in by_name.values()})
    except TypeError:
        raise Rejected(
            f"It is called with {len(names)} arguments {wanted}; yours takes {signature}."
        ) from None
    return lambda *args: answer(
        *(args[position] for position in positions),
        **{parameter: args[position] for position, parameter in by_name.items()},
    )


def call(function: Callable[..., object], names: Sequence[str], args: Sequence[object]) -> object:
    """`function(*args)`; raises `Rejected` if it fails, changes an argument or switches gradients off."""
    before = [
        (a.detach().clone(), a.requires_grad, a._version) if isinstance(a, torch.Tensor) else None
        for a in args
    ]
    result = protected(function, *args)
    if not torch.is_grad_enabled():
        torch.set_grad_enabled(True)
        raise Rejected(
            "After the call gradients are switched off: use `with torch.no_grad():`, which ends by itself."
        )
    for name, tensor, kept in zip(names, args, before, strict=True):
        if kept is None:
            continue
        # The version also counts changes that were undone: they leave rounding errors behind.
        changed = tensor._version != kept[2] or tensor.shape != kept[0].shape
        if changed or not torch.equal(tensor.detach(), kept[0]):
            raise Rejected(
                f"Your function changes its argument `{name}`; the caller still needs it.",
                diagnosis="An in-place operation (`/=`, `+=`, `..._()`) works on the caller's tensor. "
                "Make a new one instead.",
            )
        if tensor.requires_grad != kept[1]:
            raise Rejected(
                f"Your function switches `{name}.requires_grad`; leave the caller's tensor as it is.",
                "`tensor.detach()` gives a new tensor that is yours to use.",
            )
        if tensor.is_leaf and tensor.grad is not None:
            raise Rejected(
                f"After the call `{name}.grad` is filled: your function calls `backward()` on the caller's "
                "tensor.",
                "Return the result and let the caller decide.",
            )
    return result


def protected(function: Callable[..., object], *args: object) -> object:
    """`function(*args)` with every exception of the answer turned into `Rejected`."""
    try:
        with answering():
            return function(*args)
    except (KeyboardInterrupt, TimeUp, Rejected):
        raise
    except NotImplementedError as error:
        if re.search(r"aten::|not implemented for", str(error)):  # torch's own
            raise Rejected(_failure(error)) from None
        reason = f" ({error})" if str(error) else ""
        raise Rejected(f"{UNWRITTEN}: your function raises NotImplementedError{reason}.") from None
    except BaseException as error:
        advice = [text for pattern, text in _EXPLANATIONS if re.search(pattern, str(error))]
        raise Rejected(_failure(error), diagnosis=advice[0] if advice else None) from None


def _failure(error: BaseException) -> str:
    message = str(error).strip().splitlines()
    return f"Your function raises {type(error).__name__}" + (f": {message[0][:200]}" if message else ".")


def real_number(result: object, *, none: str = "", truth: str = "", several: str = "") -> float:
    """The result, if it is one number; `none`, `truth` and `several` explain what it is instead."""
    if result is None:
        raise Rejected("Your function returns None. Is a `return` missing?", diagnosis=none or None)
    if isinstance(result, bool | np.bool_) or getattr(result, "dtype", None) == torch.bool:
        raise Rejected("Your function returns True or False; expected is a number.", diagnosis=truth or None)
    if isinstance(result, torch.Tensor | np.ndarray):
        if math.prod(result.shape) != 1:
            raise Rejected(
                f"Your function returns numbers of shape {tuple(result.shape)}; expected is one number.",
                diagnosis=several or None,
            )
        return float(result.item())
    if isinstance(result, numbers.Real):
        return float(result)
    is_many = isinstance(result, tuple | list | dict)
    raise Rejected(
        f"Your function returns a {_kind(result)}; expected is one number.",
        diagnosis=several if is_many and several else None,
    )


def real_tensor(result: object, shape: torch.Size, meaning: str, *, graph: bool = True) -> torch.Tensor:
    """The result, if it is a floating-point tensor of that shape; one element in any shape is a scalar."""
    if result is None:
        raise Rejected("Your function returns None. Is a `return` missing?")
    if isinstance(result, numbers.Number | np.ndarray) and not graph:
        raise Rejected(
            f"Your function returns a {_kind(result)}, not a tensor.",
            diagnosis="`torch.as_tensor` makes a tensor of it.",
        )
    if isinstance(result, numbers.Number | np.ndarray):
        raise Rejected(
            f"Your function returns a {_kind(result)}, not a tensor; no gradient can flow through it.",
            "Compute with torch functions from end to end, without `.item()`, `float()` or `.numpy()`.",
        )
    if not isinstance(result, torch.Tensor):
        raise Rejected(f"Your function returns a {_kind(result)}; expected is {meaning}.")
    if not result.is_floating_point():
        raise Rejected(
            f"Your function returns numbers of type {result.dtype}; expected are floating-point ones."
        )
    # A one-element tensor serves as a scalar: `item()` and `backward()` take it.
    if result.shape != shape and not (shape.numel() == 1 and result.numel() == 1):
        raise Rejected(
            f"Your result has the shape {tuple(result.shape)}; expected is {tuple(shape)}, {meaning}."
        )
    return result


def _kind(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
