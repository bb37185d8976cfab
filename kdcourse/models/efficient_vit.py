"""EfficientViT: each head of attention sees its own channels, and what the head before it found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from kdcourse.models._checks import check_feature, check_sizes
from kdcourse.models.staged import StagedNet
from kdcourse.models.tiny_vit import absolute_offsets, conv_norm, join_windows, split_windows


class Residual(nn.Module):
    """x + branch(x); a branch that ends in a batch norm begins as 0.

    Shapes: those of the branch, which must not change the shape.
    """

    def __init__(self, branch: nn.Module):
        super().__init__()
        self.branch = branch
        last = list(branch.modules())[-1]
        if isinstance(last, nn.BatchNorm2d):
            nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


def feed_forward(channels: int, expansion: int = 2) -> Residual:
    """Residual perceptron for each pixel: 1x1, ReLU, 1x1, both with batch norm."""
    wide = expansion * channels
    return Residual(nn.Sequential(conv_norm(channels, wide), nn.ReLU(), conv_norm(wide, channels)))


def token_mixer(channels: int) -> Residual:
    """Residual depthwise 3x3 convolution with batch norm."""
    return Residual(conv_norm(channels, channels, 3, groups=channels))


class CascadedGroupAttention(nn.Module):
    r"""Attention in windows whose heads work one after the other, each on its own share of the channels.

    .. math:: x'_1 = x_1, \quad x'_h = x_h + o_{h-1}, \quad o_h = softmax\Big(
              \frac{D_h(Q_h x'_h)^\top K_h x'_h}{\sqrt{d}} + b_h\Big) V_h x'_h, \quad
              y = P \, ReLU([o_1, \dots, o_H])

    x_h is the h-th of H equal parts of the channels, D_h a depthwise convolution of the queries inside the
    window, b_h a bias for each absolute offset, as in `WindowAttention`. So the heads see different inputs,
    where those of ordinary attention all project the same, and depth grows without more parameters.

    Args:
        channels: C, a multiple of `heads`; a head's values are C / heads wide.
        heads: H.
        window: side of a window in pixels.
        key_dim: d, of queries and keys.
        kernels: of D_h for each head; 5 for all if not given.

    Shapes: (B, C, H, W) -> the same. Padding with zeros as in `WindowAttention`.

    Source:
        Liu, Peng, Zheng, Yang, Hu & Yuan, "EfficientViT: Memory Efficient Vision Transformer With Cascaded
        Group Attention", CVPR 2023; the convolution of the queries and the ReLU before P as in the official
        code.

    Lecture:
        13_pretraining_distillation, section 4.

    >>> CascadedGroupAttention(8, heads=2, window=4)(torch.zeros(2, 8, 6, 8)).shape
    torch.Size([2, 8, 6, 8])
    """

    def __init__(
        self, channels: int, heads: int, window: int, key_dim: int = 16, kernels: Sequence[int] = ()
    ):
        super().__init__()
        check_sizes(channels=channels, heads=heads, window=window, key_dim=key_dim)
        kernels = tuple(kernels) or (5,) * heads
        if channels % heads or len(kernels) != heads:
            raise ValueError(
                f"heads: expected a divisor of the {channels} channels, and a kernel for each, got {heads} "
                f"and {kernels}"
            )
        self.channels, self.heads, self.window, self.key_dim = channels, heads, window, key_dim
        share = channels // heads
        self.qkv = nn.ModuleList(conv_norm(share, 2 * key_dim + share) for _ in range(heads))
        self.query_mixers = nn.ModuleList(conv_norm(key_dim, key_dim, k, groups=key_dim) for k in kernels)
        self.project = nn.Sequential(nn.ReLU(), conv_norm(channels, channels))
        self.bias = nn.Parameter(torch.zeros(heads, window * window))
        self.register_buffer("offsets", absolute_offsets(window, window), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        check_feature("x", x, self.channels)
        height, width = x.shape[2:]
        windows = split_windows(x.movedim(1, -1), self.window)  # (B, n, L, C)
        count = windows.shape[1]
        # The layers of a window see it as an image of its own: (B n, C, window, window).
        parts = windows.flatten(0, 1).mT.unflatten(-1, (self.window, self.window)).chunk(self.heads, dim=1)
        outs: list[Tensor] = []
        for head, part in enumerate(parts):
            seen = part + outs[-1] if outs else part
            share = part.shape[1]
            q, k, v = self.qkv[head](seen).split([self.key_dim, self.key_dim, share], dim=1)
            q = self.query_mixers[head](q)
            scores = q.flatten(2).mT @ k.flatten(2) / math.sqrt(self.key_dim) + self.bias[head][self.offsets]
            out = v.flatten(2) @ scores.softmax(dim=-1).mT  # (B n, share, L)
            outs.append(out.unflatten(-1, (self.window, self.window)))
        y = self.project(torch.cat(outs, dim=1)).flatten(2).mT.unflatten(0, (-1, count))
        return join_windows(y, self.window, height, width)


class EfficientViTBlock(nn.Sequential):
    """One layer of attention between two pairs of a depthwise convolution and a perceptron.

    Shapes: (B, C, H, W) -> the same.

    Lecture:
        13_pretraining_distillation, section 4, through `efficient_vit`.
    """

    def __init__(
        self, channels: int, heads: int, window: int, key_dim: int = 16, kernels: Sequence[int] = ()
    ):
        super().__init__(
            token_mixer(channels),
            feed_forward(channels),
            Residual(CascadedGroupAttention(channels, heads, window, key_dim, kernels)),
            token_mixer(channels),
            feed_forward(channels),
        )


class SqueezeExcite(nn.Module):
    """Weigh each channel by a number in (0, 1) that a small perceptron finds from the means of all.

    Shapes: (B, C, H, W) -> the same. Source: Hu, Shen & Sun, "Squeeze-and-Excitation Networks", CVPR 2018.
    """

    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, hidden, 1), nn.ReLU(),
            nn.Conv2d(hidden, channels, 1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


def downsample(n_in: int, n_out: int, expansion: int = 4) -> nn.Sequential:
    """Halve the map: widen, depthwise 3x3 with stride 2, squeeze and excite, narrow; residuals around."""
    wide = expansion * n_in
    return nn.Sequential(
        token_mixer(n_in), feed_forward(n_in),
        conv_norm(n_in, wide), nn.ReLU(),
        conv_norm(wide, wide, 3, stride=2, groups=wide), nn.ReLU(),
        SqueezeExcite(wide, wide // 4), conv_norm(wide, n_out),
        token_mixer(n_out), feed_forward(n_out),
    )  # fmt: skip


def efficient_vit(
    dims: Sequence[int] = (16, 32),
    depths: Sequence[int] = (1, 1),
    heads: Sequence[int] = (2, 4),
    windows: Sequence[int] = (4, 4),
    *,
    classes: int = 10,
    channels: int = 1,
    stem_strides: Sequence[int] = (1, 2),
    key_dim: int = 8,
    kernels: Sequence[int] = (3, 3, 3, 3),
) -> StagedNet:
    """EfficientViT: a convolutional stem, stages of `EfficientViTBlock`, a linear head behind batch norm.

    Args:
        dims, depths, heads, windows: of each stage.
        classes, channels: number of logits; channels of the input.
        stem_strides: of the stem's convolutions, whose channels double up to the first stage's; (2, 2, 2, 2)
            in the paper, for images of 224 pixels.
        key_dim: of queries and keys in each head.
        kernels: of the queries' convolutions, for the first, second ... head.

    Returns:
        A `StagedNet` with stages ``stem``, ``stage1``, ... (maps (B, dim, h, w)).

    Raises:
        ValueError: lists of unequal lengths, heads that do not divide.

    Source:
        Liu, Peng, Zheng, Yang, Hu & Yuan, "EfficientViT: Memory Efficient Vision Transformer With Cascaded
        Group Attention", CVPR 2023. EfficientViT-M0 is ``efficient_vit((64, 128, 192), (1, 2, 3), (4, 4, 4),
        (7, 7, 7), classes=1000, channels=3, stem_strides=(2, 2, 2, 2), key_dim=16, kernels=(5, 5, 5, 5))``.

    Lecture:
        13_pretraining_distillation, section 4.

    >>> net = efficient_vit()
    >>> net(torch.zeros(2, 1, 16, 16)).shape, net.stage_names
    (torch.Size([2, 10]), ('stem', 'stage1', 'stage2'))
    """
    if not len(dims) == len(depths) == len(heads) == len(windows) or not dims:
        raise ValueError(
            "dims, depths, heads, windows: expected as many numbers in each, at least one, got "
            f"{len(dims)}, {len(depths)}, {len(heads)}, {len(windows)}"
        )
    widths = [channels, *(dims[0] // 2**k for k in reversed(range(len(stem_strides))))]
    stem: list[nn.Module] = []
    for (n_in, n_out), stride in zip(pairwise(widths), stem_strides, strict=True):
        stem += [conv_norm(n_in, n_out, 3, stride), nn.ReLU()]
    stages = {"stem": nn.Sequential(*stem[:-1])}
    for i, (dim, depth, head, window) in enumerate(zip(dims, depths, heads, windows, strict=True)):
        blocks = [EfficientViTBlock(dim, head, window, key_dim, kernels[:head]) for _ in range(depth)]
        before = [downsample(dims[i - 1], dim)] if i else []
        stages[f"stage{i + 1}"] = nn.Sequential(*before, *blocks)
    head = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(dims[-1]), nn.Linear(dims[-1], classes)
    )
    return StagedNet(stages, head)
