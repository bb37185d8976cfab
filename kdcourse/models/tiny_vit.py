"""TinyViT: convolutions where the map is large, attention inside windows where it is small."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kdcourse.models._checks import check_feature, check_sizes
from kdcourse.models.staged import StagedNet

POSITIONS = ("none", "absolute", "sinusoidal", "relative")


def conv_norm(n_in: int, n_out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution without bias, which batch normalisation follows."""
    convolution = nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(n_out))


class MBConv(nn.Module):
    r"""Inverted bottleneck: widen, a depthwise 3x3 convolution, narrow again, added to the input.

    .. math:: y = GELU(x + P(D(E(x)))), \qquad P \text{ begins as } 0

    E widens by 1x1 to `expansion` times the channels, D works on each by itself, both followed by batch norm
    and GELU; P comes back by 1x1 and ends in a batch norm whose weight starts at 0, so that the block begins
    as GELU.

    Args:
        channels: of input and output.
        expansion: how many times as many inside.

    Shapes: (B, C, H, W) -> the same.

    Source:
        Sandler, Howard, Zhu, Zhmoginov & Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR
        2018; as TinyViT uses it (Wu et al., ECCV 2022).

    Lecture:
        13_pretraining_distillation, section 4.

    >>> MBConv(8)(torch.zeros(2, 8, 5, 6)).shape
    torch.Size([2, 8, 5, 6])
    """

    def __init__(self, channels: int, expansion: int = 4):
        super().__init__()
        check_sizes(channels=channels, expansion=expansion)
        wide = expansion * channels
        self.branch = nn.Sequential(
            conv_norm(channels, wide),
            nn.GELU(),
            conv_norm(wide, wide, 3, groups=wide),
            nn.GELU(),
            conv_norm(wide, channels),
        )
        nn.init.zeros_(self.branch[-1][1].weight)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.gelu(x + self.branch(x))


class ConvMerging(nn.Sequential):
    """Halve the map and change the channels: 1x1, depthwise 3x3 with stride 2, 1x1, each with batch norm.

    Shapes: (B, n_in, H, W) -> (B, n_out, ceil(H / 2), ceil(W / 2)).
    """

    def __init__(self, n_in: int, n_out: int):
        super().__init__(
            conv_norm(n_in, n_out),
            nn.GELU(),
            conv_norm(n_out, n_out, 3, stride=2, groups=n_out),
            nn.GELU(),
            conv_norm(n_out, n_out),
        )


class WindowAttention(nn.Module):
    r"""Multi-head attention among the pixels of each window, with a learned bias for each distance.

    .. math:: a_{ij} = softmax_j \Big( \frac{q_i \cdot k_j}{\sqrt d} + b[|y_i - y_j|, |x_i - x_j|] \Big),
              \qquad o_i = W \sum_j a_{ij} v_j

    Each head has its own table b of window x window numbers. Only the absolute values of the offsets count,
    so mirroring a window mirrors the result. A map that does not divide into windows is padded with zeros
    below and to the right, after the layer norm, and the padded pixels take part; as in the official code.

    Args:
        channels: C.
        heads: must divide C; d = C / heads.
        window: side of a window in pixels.
        relative: with the bias b; without it the pixels of a window are a set without order.

    Shapes: (B, C, H, W) -> the same. Pixels of different windows do not meet.

    Source:
        Wu, Zhang, Peng, Liu, Xiao, Fu & Yuan, "TinyViT: Fast Pretraining Distillation for Small Vision
        Transformers", ECCV 2022; the bias by absolute offsets is that of Graham et al., "LeViT", ICCV 2021.
        The official code keeps a copy of the bias for evaluation, which grows stale when weights are loaded
        into a net that is in evaluation mode already; here there is no copy.

    Lecture:
        13_pretraining_distillation, section 4.

    >>> WindowAttention(8, heads=2, window=4)(torch.zeros(2, 8, 6, 8)).shape
    torch.Size([2, 8, 6, 8])
    """

    def __init__(self, channels: int, heads: int, window: int, relative: bool = True):
        super().__init__()
        check_sizes(channels=channels, heads=heads, window=window)
        if channels % heads:
            raise ValueError(f"heads: expected a divisor of the {channels} channels, got {heads}")
        self.channels, self.heads, self.window = channels, heads, window
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        self.bias = nn.Parameter(torch.zeros(heads, window * window)) if relative else None
        self.register_buffer("offsets", absolute_offsets(window, window), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        check_feature("x", x, self.channels)
        height, width = x.shape[2:]
        windows = split_windows(self.norm(x.movedim(1, -1)), self.window)  # (B, n, L, C)
        q, k, v = self.qkv(windows).unflatten(-1, (3, self.heads, -1)).movedim(-3, 0).transpose(-2, -3)
        scores = q @ k.mT / math.sqrt(q.shape[-1])  # (B, n, heads, L, L)
        if self.bias is not None:
            scores = scores + self.bias[:, self.offsets]
        out = (scores.softmax(dim=-1) @ v).transpose(-2, -3).flatten(-2)
        return join_windows(self.project(out), self.window, height, width)


def split_windows(x: Tensor, side: int) -> Tensor:
    """(B, H, W, C) -> (B, windows, pixels of a window, C); padded with zeros below and to the right."""
    x = nn.functional.pad(x, (0, 0, 0, -x.shape[2] % side, 0, -x.shape[1] % side))
    return x.unflatten(2, (-1, side)).unflatten(1, (-1, side)).transpose(2, 3).flatten(3, 4).flatten(1, 2)


def join_windows(windows: Tensor, side: int, height: int, width: int) -> Tensor:
    """(B, windows, pixels of a window, C) -> (B, C, H, W)."""
    across = -(-width // side)
    x = windows.unflatten(1, (-1, across)).unflatten(3, (side, side)).transpose(2, 3)
    return x.flatten(3, 4).flatten(1, 2)[:, :height, :width].movedim(-1, 1)


def absolute_offsets(height: int, width: int) -> Tensor:
    """For every two pixels of a map the number of (|dy|, |dx|) in a table of height x width: (L, L)."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    y, x = y.flatten(), x.flatten()
    return (y[:, None] - y).abs() * width + (x[:, None] - x).abs()


class TinyViTBlock(nn.Module):
    r"""Attention in windows, a depthwise convolution, and a perceptron for each pixel.

    .. math:: x \leftarrow x + Attention(x); \quad x \leftarrow Conv_{3 \times 3}(x); \quad
              x \leftarrow x + W_2 \, GELU(W_1 \, LN(x))

    The convolution works on each channel by itself, ends in a batch norm, and is no branch: everything
    passes through it. It joins what the windows keep apart.

    Args:
        channels, heads, window, relative: as in `WindowAttention`.
        expansion: hidden units of the perceptron, in channels.
        local: with the convolution.

    Shapes: (B, C, H, W) -> the same.

    Source:
        Wu et al., "TinyViT", ECCV 2022, and the official code.

    Lecture:
        13_pretraining_distillation, section 4.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        window: int,
        relative: bool = True,
        expansion: int = 4,
        local: bool = True,
    ):
        super().__init__()
        self.attention = WindowAttention(channels, heads, window, relative)
        self.local = conv_norm(channels, channels, 3, groups=channels) if local else nn.Identity()
        self.mlp = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, expansion * channels),
            nn.GELU(),
            nn.Linear(expansion * channels, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.local(x + self.attention(x))
        return x + self.mlp(x.movedim(1, -1)).movedim(-1, 1)


class PositionEmbedding(nn.Module):
    r"""Add to each pixel a vector that says where it is: learned, or of sines and cosines.

    Sinusoidal: half of the channels for the row y, half for the column x; of each half, with n pairs,

    .. math:: \sin(p \, 100^{-j/n}), \; \cos(p \, 100^{-j/n}), \qquad j = 0, \dots, n - 1

    with p the row or column. The base is 100 and not the 10,000 of texts: these maps have few pixels.

    Args:
        channels: C; for ``"sinusoidal"`` a multiple of 4.
        height, width: of the map.
        kind: ``"absolute"`` (learned, starting near 0) or ``"sinusoidal"`` (fixed).

    Shapes: (B, C, H, W) -> the same.

    Source:
        Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.5; learned: Dosovitskiy et al.,
        "An Image is Worth 16x16 Words", ICLR 2021.

    Lecture:
        13_pretraining_distillation, section 4.
    """

    def __init__(self, channels: int, height: int, width: int, kind: str):
        super().__init__()
        if kind == "absolute":
            self.vectors = nn.Parameter(0.02 * torch.randn(channels, height, width))
        elif kind == "sinusoidal":
            self.register_buffer("vectors", sinusoids(channels, height, width), persistent=False)
        else:
            raise ValueError(f'kind: expected "absolute" or "sinusoidal", got {kind!r}')

    def forward(self, x: Tensor) -> Tensor:
        return x + self.vectors


def sinusoids(channels: int, height: int, width: int) -> Tensor:
    """The fixed vectors of `PositionEmbedding`, shape (C, H, W)."""
    if channels % 4:
        raise ValueError(f"channels: expected a multiple of 4 for sinusoidal positions, got {channels}")
    rates = 100.0 ** (-torch.arange(channels // 4) / (channels // 4))

    def waves(length: int) -> Tensor:
        angles = rates[:, None] * torch.arange(length)
        return torch.stack([angles.sin(), angles.cos()], dim=1).flatten(0, 1)  # (C / 2, length)

    rows = waves(height)[:, :, None].expand(-1, -1, width)
    columns = waves(width)[:, None, :].expand(-1, height, -1)
    return torch.cat([rows, columns])


def tiny_vit(
    dims: Sequence[int] = (16, 32, 48),
    depths: Sequence[int] = (1, 1, 1),
    heads: Sequence[int] = (2, 3),
    windows: Sequence[int] = (4, 4),
    *,
    classes: int = 10,
    size: int = 16,
    channels: int = 1,
    stem_strides: tuple[int, int] = (1, 2),
    position: str = "relative",
    local: bool = True,
) -> StagedNet:
    """TinyViT: a convolutional stem, a stage of `MBConv`, stages of `TinyViTBlock`, a linear head.

    Between stages `ConvMerging` halves the map. The head takes the mean over the last map and a layer norm.

    Args:
        dims: channels of each stage, the first being that of MBConv.
        depths: blocks of each stage.
        heads: of each stage but the first.
        windows: side of the windows of each stage but the first.
        classes, size, channels: number of logits; side of the square input; channels of the input.
        stem_strides: of the stem's two convolutions; (2, 2) in the paper, for images of 224 pixels.
        position: how attention knows places: ``"relative"`` (as in TinyViT), ``"absolute"``,
            ``"sinusoidal"`` or ``"none"``. The depthwise convolutions, which see the border, tell it as well.
        local: with the depthwise convolution between attention and perceptron.

    Returns:
        A `StagedNet` with stages ``stem``, ``stage1``, ``stage2``, ... (maps (B, dim, h, w)).

    Raises:
        ValueError: lists of unequal lengths, heads that do not divide, another position.

    Source:
        Wu, Zhang, Peng, Liu, Xiao, Fu & Yuan, "TinyViT: Fast Pretraining Distillation for Small Vision
        Transformers", ECCV 2022. TinyViT-5M is ``tiny_vit((64, 128, 160, 320), (2, 2, 6, 2), (4, 5, 10),
        (7, 14, 7), classes=1000, size=224, channels=3, stem_strides=(2, 2))``; its regularisation by
        stochastic depth is left out.

    Lecture:
        13_pretraining_distillation, section 4.

    >>> net = tiny_vit()
    >>> net(torch.zeros(2, 1, 16, 16)).shape, net.stage_names
    (torch.Size([2, 10]), ('stem', 'stage1', 'stage2', 'stage3'))
    """
    if not len(dims) == len(depths) == len(heads) + 1 == len(windows) + 1 or len(dims) < 2:
        raise ValueError(
            "dims, depths, heads, windows: expected n, n, n - 1, n - 1 numbers with n at least 2, got "
            f"{len(dims)}, {len(depths)}, {len(heads)}, {len(windows)}"
        )
    if position not in POSITIONS:
        raise ValueError(f"position: expected one of {', '.join(POSITIONS)}, got {position!r}")
    first, second = stem_strides
    stages = {
        "stem": nn.Sequential(
            conv_norm(channels, dims[0] // 2, 3, first),
            nn.GELU(),
            conv_norm(dims[0] // 2, dims[0], 3, second),
        ),
        "stage1": nn.Sequential(*(MBConv(dims[0]) for _ in range(depths[0]))),
    }
    for stride in stem_strides:
        size = -(-size // stride)
    for i in range(1, len(dims)):
        size = -(-size // 2)
        blocks: list[nn.Module] = [ConvMerging(dims[i - 1], dims[i])]
        if i == 1 and position in ("absolute", "sinusoidal"):
            blocks.append(PositionEmbedding(dims[i], size, size, position))
        blocks += [
            TinyViTBlock(dims[i], heads[i - 1], windows[i - 1], position == "relative", local=local)
            for _ in range(depths[i])
        ]
        stages[f"stage{i + 1}"] = nn.Sequential(*blocks)
    head = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(dims[-1]), nn.Linear(dims[-1], classes)
    )
    return StagedNet(stages, head)
