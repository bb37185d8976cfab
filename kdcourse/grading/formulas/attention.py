"""Our own formulas of attention maps and neuron selectivity, in parts that can be exchanged for mistakes."""

from collections.abc import Callable

import torch
from torch import Tensor


def strength(A: Tensor, p: float) -> Tensor:
    """Mean over channels of |A|^p: (B, C, H, W) -> (B, H, W)."""
    return A.abs().pow(p).mean(1)


def safe_norm(x: Tensor, axis: int | tuple[int, ...]) -> Tensor:
    """Euclidean norm, infinite where it is 0, so that what is divided by it stays 0."""
    norm = torch.linalg.vector_norm(x, dim=axis, keepdim=True)
    return norm.masked_fill(norm == 0, torch.inf)


def unit_rows(q: Tensor) -> Tensor:
    return q / safe_norm(q, 1)


def flatten(q: Tensor) -> Tensor:
    return q.flatten(1)


def attention_map(
    A: Tensor,
    p: float = 2,
    strength: Callable[[Tensor, float], Tensor] = strength,
    flatten: Callable[[Tensor], Tensor] = flatten,
    normalise: Callable[[Tensor], Tensor] = unit_rows,
) -> Tensor:
    return normalise(flatten(strength(A, p)))


def at_loss(fs: Tensor, ft: Tensor) -> Tensor:
    return (attention_map(fs) - attention_map(ft)).square().mean()


def unit_channels(x: Tensor) -> Tensor:
    """(B, C, H·W), each channel divided by its norm."""
    return x / safe_norm(x, 2)


def square_kernel(x: Tensor, y: Tensor) -> Tensor:
    """(x_i . y_j)² for all channels i, j of a sample: (B, Cx, H·W), (B, Cy, H·W) -> (B, Cx, Cy)."""
    return (x @ y.mT).square()


def discrepancy(ss: Tensor, tt: Tensor, st: Tensor) -> Tensor:
    """From the three tables of kernel values, (B, Cs, Cs), (B, Ct, Ct), (B, Cs, Ct)."""
    return tt.mean() + ss.mean() - 2 * st.mean()


def nst_mmd_loss(
    fs: Tensor,
    ft: Tensor,
    normalise: Callable[[Tensor], Tensor] = unit_channels,
    kernel: Callable[[Tensor, Tensor], Tensor] = square_kernel,
    combine: Callable[[Tensor, Tensor, Tensor], Tensor] = discrepancy,
) -> Tensor:
    s, t = normalise(fs.flatten(2)), normalise(ft.detach().flatten(2))
    return combine(kernel(s, s), kernel(t, t), kernel(s, t))
