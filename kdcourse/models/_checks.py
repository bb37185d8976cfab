"""Argument checks shared by the learned parts: each names the argument, what was expected and what came."""

from numbers import Integral

from torch import Tensor

from kdcourse.losses._checks import check_tensor


def check_sizes(**sizes: int) -> None:
    """Require whole numbers of at least one."""
    for name, size in sizes.items():
        if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
            raise ValueError(f"{name}: expected a whole number of at least 1, got {size!r}")


def check_feature(name: str, feature: Tensor, channels: int, shape: str = "(B, {}, H, W)") -> None:
    """Require a floating-point tensor of `shape` with `channels`, which fill the braces, in dimension 1."""
    shape = shape.format(channels)
    check_tensor(name, feature, shape)
    if feature.shape[1] != channels:
        raise ValueError(f"{name}: expected shape {shape}, got {tuple(feature.shape)}")


def flat(name: str, feature: Tensor, size: int) -> Tensor:
    """`feature` as (B, size); requires as many numbers a sample."""
    check_tensor(name, feature, "(B, ...)")
    rows = feature.flatten(1) if feature.ndim > 1 else feature[:, None]
    if rows.shape[1] != size:
        raise ValueError(f"{name}: expected {size} numbers a sample, got shape {tuple(feature.shape)}")
    return rows
