"""A U-Net for images to images: a generator, or a net that labels every pixel."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdcourse.models._checks import check_feature, check_sizes


class UNet(nn.Module):
    """Three levels down and up again, with bridges between maps of one size.

    Each level is a 3x3 convolution, batch norm and ReLU: ``down1`` at full size, ``down2`` and ``middle``
    with stride 2; then the map is doubled in size (each pixel repeated), joined to the map of the same size
    on the way down, and ``up2`` and ``up1`` follow. A 1x1 convolution puts the result out, without an
    activation.

    ``net(x)`` returns the output; ``net(x, return_features=True)`` returns ``(output, features)``.

    Args:
        in_channels, out_channels: of the two images.
        width: channels of the first level; the second has twice, the third four times as many.

    Shapes:
        (B, in_channels, H, W) -> (B, out_channels, H, W), H and W multiples of 4. Features: ``down1`` and
        ``up1`` (B, width, H, W), ``down2`` and ``up2`` (B, 2 width, H/2, W/2), ``middle``
        (B, 4 width, H/4, W/4).

    Raises:
        ValueError: no image of in_channels channels, or of another size.

    Source:
        Ronneberger, Fischer & Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI
        2015; one convolution a level instead of two, padded, and doubling instead of transposed convolutions.

    Lecture:
        10_generative, section 1.

    >>> output, features = UNet(1, 3, width=4)(torch.zeros(2, 1, 16, 12), return_features=True)
    >>> output.shape, features["middle"].shape
    (torch.Size([2, 3, 16, 12]), torch.Size([2, 16, 4, 3]))
    """

    def __init__(self, in_channels: int, out_channels: int, width: int):
        super().__init__()
        check_sizes(in_channels=in_channels, out_channels=out_channels, width=width)
        self.in_channels = in_channels
        self.down1 = _level(in_channels, width)
        self.down2 = _level(width, 2 * width, stride=2)
        self.middle = _level(2 * width, 4 * width, stride=2)
        self.up2 = _level(4 * width + 2 * width, 2 * width)
        self.up1 = _level(2 * width + width, width)
        self.head = nn.Conv2d(width, out_channels, 1)

    def forward(self, x: Tensor, return_features: bool = False) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        check_feature("x", x, self.in_channels)
        if x.shape[2] % 4 or x.shape[3] % 4:
            raise ValueError(f"x: expected height and width in multiples of 4, got {tuple(x.shape)}")
        down1 = self.down1(x)
        down2 = self.down2(down1)
        middle = self.middle(down2)
        up2 = self.up2(_joined(middle, down2))
        up1 = self.up1(_joined(up2, down1))
        output = self.head(up1)
        features = {"down1": down1, "down2": down2, "middle": middle, "up2": up2, "up1": up1}
        return (output, features) if return_features else output


def _level(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(n_out), nn.ReLU())


def _joined(small: Tensor, large: Tensor) -> Tensor:
    return torch.cat([F.interpolate(small, scale_factor=2, mode="nearest"), large], dim=1)
