"""Residual networks for 32x32 images, with the parameter counts of the original paper."""

import torch.nn.functional as F
from torch import Tensor, nn

from kdcourse.models.staged import StagedNet


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut without parameters.

    Where the block halves the map and widens it, the shortcut takes every second pixel and fills the new
    channels with zeros: option A of He, Zhang, Ren & Sun, "Deep Residual Learning for Image Recognition",
    CVPR 2016, section 4.2.
    """

    def __init__(self, n_in: int, n_out: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.stride, self.new_channels = stride, n_out - n_in

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x[:, :, :: self.stride, :: self.stride]
        shortcut = F.pad(
            shortcut, (0, 0, 0, 0, self.new_channels // 2, self.new_channels - self.new_channels // 2)
        )
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + shortcut)


def cifar_resnet(depth: int, *, classes: int = 10, channels: int = 3) -> StagedNet:
    """CIFAR ResNet of He et al. (CVPR 2016), section 4.2: depth 6n + 2, widths 16, 32, 64.

    Args:
        depth: 20, 32, 44, 56, 110 or any other 6n + 2 with n >= 1.
        classes: number of logits.
        channels: channels of the input.

    Returns:
        A `StagedNet` with stages ``stem`` (B, 16, 32, 32), ``group1`` (B, 16, 32, 32), ``group2`` (B, 32,
        16, 16) and ``group3`` (B, 64, 8, 8) for 32x32 images.

    Lecture:
        00_start_here, section 1.

    >>> from kdcourse.models import count_parameters
    >>> [round(count_parameters(cifar_resnet(depth)) / 1e6, 2) for depth in (20, 56, 110)]
    [0.27, 0.85, 1.73]
    """
    n, rest = divmod(depth - 2, 6)
    if rest or n < 1:
        raise ValueError(f"depth: expected 6n + 2 with n >= 1 (8, 14, 20, ..., 56, 110), got {depth}")
    stages = {
        "stem": nn.Sequential(
            nn.Conv2d(channels, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        )
    }
    n_in = 16
    for i, width in enumerate((16, 32, 64), start=1):
        first = BasicBlock(n_in, width, stride=1 if i == 1 else 2)
        stages[f"group{i}"] = nn.Sequential(first, *(BasicBlock(width, width, 1) for _ in range(n - 1)))
        n_in = width
    net = StagedNet(stages, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes)))
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net
