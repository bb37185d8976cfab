"""Argument checks shared by the losses: each names the argument, what was expected and what came.

Shapes, dtypes and plain numbers are always checked. The *values* of a tensor are looked at only where that
is free: on the CPU, outside `torch.compile` and `torch.func` transforms. Elsewhere a look would stall the
GPU or break the trace.
"""

import math
from numbers import Real

import torch
from torch import Tensor


def check_tensor(name: str, tensor: Tensor, shape: str) -> None:
    """Require a floating-point tensor of the dimensions that `shape` lists, as "(B, C, H, W)"; none empty.

    "(B, ...)" stands for one dimension or more.
    """
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        got = f"{tensor.dtype}" if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ValueError(f"{name}: expected a floating-point tensor of shape {shape}, got {got}")
    at_least = "..." in shape
    wanted = shape.count(",") + 1 - at_least - shape.endswith(",)")
    if tensor.ndim < wanted or (tensor.ndim > wanted and not at_least):
        raise ValueError(f"{name}: expected shape {shape}, got {tuple(tensor.shape)}")
    if 0 in tensor.shape:
        raise ValueError(f"{name}: expected no empty dimension, got {tuple(tensor.shape)}")


def check_same_shape(names: tuple[str, str], first: Tensor, second: Tensor) -> None:
    """Require equal shapes: a loss never broadcasts."""
    if first.shape != second.shape:
        raise ValueError(
            f"{names[1]}: expected the shape of {names[0]}, {tuple(first.shape)}, got {tuple(second.shape)}"
        )


def check_same_batch(names: tuple[str, str], first: Tensor, second: Tensor) -> None:
    """Require as many samples (the first dimension); the others may differ."""
    if first.shape[0] != second.shape[0]:
        raise ValueError(
            f"{names[1]}: expected the batch size of {names[0]}, {first.shape[0]}, "
            f"got {second.shape[0]} (shape {tuple(second.shape)})"
        )


def check_pair(
    student: Tensor,
    teacher: Tensor,
    names: tuple[str, str] = ("student_logits", "teacher_logits"),
    shape: str = "(B, C)",
) -> None:
    """Require two tensors of one shape, of the dimensions that `shape` lists; the student is named first."""
    check_tensor(names[0], student, shape)
    check_tensor(names[1], teacher, shape)
    check_same_shape(names, student, teacher)


def check_labels(labels: Tensor, logits: Tensor) -> None:
    """Require integer class labels of shape (B,) in 0 .. C-1 (their values: where looking is free)."""
    batch, classes = logits.shape
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
        got = f"{labels.dtype}" if isinstance(labels, Tensor) else type(labels).__name__
        raise ValueError(f"labels: expected an int64 tensor of class indices, got {got}")
    if labels.shape != (batch,):
        raise ValueError(
            f"labels: expected shape ({batch},) to go with the logits, got {tuple(labels.shape)}"
        )
    if values_are_free(labels):
        low, high = labels.min().item(), labels.max().item()
        if low < 0 or high >= classes:
            raise ValueError(
                f"labels: expected class indices in 0 .. {classes - 1}, got values from {low} to {high}"
            )


def check_temperature(temperature: float) -> None:
    """Require a finite positive number."""
    check_number("temperature", temperature, low=0.0, open_low=True)


def check_number(
    name: str, value: float, *, low: float = -math.inf, high: float = math.inf, open_low: bool = False
) -> None:
    """Require a finite number in [low, high] (or above `low` if `open_low`)."""
    if not isinstance(value, Real):
        got = "a tensor; use float(...)" if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"{name}: expected a plain number, got {got}")
    # Comparisons only: torch.compile cannot trace math.isfinite of a number that changes from call to call.
    inside = -math.inf < value < math.inf and (low < value if open_low else low <= value) and value <= high
    if not inside:
        interval = f"{'(' if open_low else '['}{low:g}, {high:g}]".replace("inf]", "inf)")
        raise ValueError(f"{name}: expected a finite number in {interval}, got {value}")


def values_are_free(tensor: Tensor) -> bool:
    """Whether the values of `tensor` can be looked at without a GPU waiting or a trace breaking."""
    return (
        tensor.device.type == "cpu"
        and not torch.compiler.is_compiling()
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    )
