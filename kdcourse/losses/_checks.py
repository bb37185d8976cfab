"""Argument checks shared by the losses: each names the argument, what was expected and what came.

Shapes, dtypes and plain numbers are always checked. The *values* of a tensor are looked at only where that
is free: on the CPU, outside `torch.compile` and `torch.func` transforms. Elsewhere a look would stall the
GPU or break the trace.
"""

import math
from numbers import Real

import torch
from torch import Tensor


def check_logits(name: str, logits: Tensor) -> None:
    """Require a floating-point tensor of shape (B, C) with B >= 1 and C >= 1."""
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        got = f"{logits.dtype}" if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(f"{name}: expected a floating-point tensor of shape (B, C), got {got}")
    if logits.ndim != 2:
        raise ValueError(f"{name}: expected shape (B, C), got {tuple(logits.shape)}")
    if 0 in logits.shape:
        raise ValueError(f"{name}: expected at least one row and one class, got {tuple(logits.shape)}")


def check_pair(
    student: Tensor, teacher: Tensor, names: tuple[str, str] = ("student_logits", "teacher_logits")
) -> None:
    """Require two logit tensors of one shape; the student is named first."""
    check_logits(names[0], student)
    check_logits(names[1], teacher)
    if student.shape != teacher.shape:
        raise ValueError(
            f"{names[1]}: expected the shape of {names[0]}, {tuple(student.shape)}, "
            f"got {tuple(teacher.shape)}"
        )


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
    if _values_are_free(labels):
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


def _values_are_free(tensor: Tensor) -> bool:
    return (
        tensor.device.type == "cpu"
        and not torch.compiler.is_compiling()
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    )
