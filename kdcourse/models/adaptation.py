"""Knowledge adaptation: an auto-encoder re-expresses the teacher's feature map in fewer channels."""

from torch import Tensor, nn

from kdcourse.models._checks import check_feature, check_sizes


class FeatureAutoEncoder(nn.Module):
    r"""Auto-encoder of a feature map, pixel by pixel and with its neighbours: the code is what a student is
    asked for.

    .. math:: code = E(t), \qquad reconstruction = D(code)

    E is two 3x3 convolutions with a ReLU between, from C to `code_channels` channels (in the middle the mean
    of both); D is the same the other way round. Height and width stay.

    First train it alone on the frozen teacher's features, by ``hint_loss(reconstruction, feature)`` plus a
    small L1 norm of the code; then freeze it (`Teacher` does) and let the student match the code.

    Args:
        channels: C, channels of the teacher's map.
        code_channels: channels of the code.

    Shapes:
        (B, C, H, W) -> code (B, code_channels, H, W), reconstruction (B, C, H, W).

    Raises:
        ValueError: no map with C channels.

    Source:
        He, Shen, Tian, Gong, Sun & Yan, "Knowledge Adaptation for Efficient Semantic Segmentation", CVPR
        2019, section 3.1. The paper's auto-encoder has strided convolutions, so that the code has a student's
        smaller map; this one keeps the size.

    Lecture:
        09_segmentation, section 7.

    >>> import torch
    >>> code, reconstruction = FeatureAutoEncoder(12, 4)(torch.zeros(2, 12, 5, 6))
    >>> code.shape, reconstruction.shape
    (torch.Size([2, 4, 5, 6]), torch.Size([2, 12, 5, 6]))
    """

    def __init__(self, channels: int, code_channels: int):
        super().__init__()
        check_sizes(channels=channels, code_channels=code_channels)
        self.channels = channels
        middle = (channels + code_channels) // 2
        self.encoder = _two_layers(channels, middle, code_channels)
        self.decoder = _two_layers(code_channels, middle, channels)

    def forward(self, feature: Tensor) -> tuple[Tensor, Tensor]:
        check_feature("feature", feature, self.channels)
        code = self.encoder(feature)
        return code, self.decoder(code)


def _two_layers(n_in: int, middle: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, middle, 3, padding=1), nn.ReLU(), nn.Conv2d(middle, n_out, 3, padding=1)
    )
