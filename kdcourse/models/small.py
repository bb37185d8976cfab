"""Nets that train in seconds on a laptop: multilayer perceptrons and small convolutional nets."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from kdcourse.models.staged import StagedNet


def mlp(*sizes: int, dropout: float = 0.0) -> StagedNet:
    """Multilayer perceptron with ReLU; images are flattened first.

    Args:
        sizes: input, hidden and output sizes, e.g. ``mlp(64, 32, 10)``; at least one hidden layer.
        dropout: probability of dropping a hidden unit while training.

    Returns:
        A `StagedNet` with stages ``hidden1``, ``hidden2``, ... (features after the ReLU, shape (B, size)).

    Lecture:
        00_start_here, section 1.

    >>> mlp(64, 32, 16, 10).stage_names
    ('hidden1', 'hidden2')
    """
    if len(sizes) < 3 or min(sizes) < 1:
        raise ValueError(
            f"sizes: expected at least three positive sizes (input, hidden ..., output), got {sizes}"
        )
    stages = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes[:-1]), start=1):
        layers = [nn.Flatten()] if i == 1 else []
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        layers += [nn.Dropout(dropout)] if dropout > 0 else []
        stages[f"hidden{i}"] = nn.Sequential(*layers)
    return StagedNet(stages, nn.Linear(sizes[-2], sizes[-1]))


def small_cnn(
    widths: Sequence[int] = (16, 32),
    strides: Sequence[int] = (1, 2),
    *,
    classes: int = 10,
    size: int = 8,
    channels: int = 1,
) -> StagedNet:
    """Small convolutional net: 3x3 convolution, batch norm and ReLU per stage, then a linear layer on the
    flattened map.

    On images of 8 to 16 pixels a flattened last map classifies better than global average pooling.

    Args:
        widths: channels of each stage.
        strides: stride of each stage, as many as `widths`.
        classes: number of logits.
        size: height and width of the (square) input in pixels.
        channels: channels of the input.

    Returns:
        A `StagedNet` with stages ``conv1``, ``conv2``, ... (features after the ReLU, shape (B, width, h, w)).

    Lecture:
        00_start_here, section 1.

    >>> from kdcourse.models import count_parameters
    >>> count_parameters(small_cnn())
    9978
    """
    if len(widths) != len(strides) or not widths:
        raise ValueError(
            f"widths and strides: expected the same number, at least one, got {widths} and {strides}"
        )
    stages, n_in = {}, channels
    for i, (width, stride) in enumerate(zip(widths, strides, strict=True), start=1):
        convolution = nn.Conv2d(n_in, width, 3, stride=stride, padding=1, bias=False)
        stages[f"conv{i}"] = nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU())
        n_in, size = width, (size - 1) // stride + 1
    return StagedNet(stages, nn.Sequential(nn.Flatten(), nn.Linear(n_in * size * size, classes)))
