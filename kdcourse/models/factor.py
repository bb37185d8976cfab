"""Factor transfer: the teacher paraphrases its feature map, the student learns to translate into it."""

from collections import OrderedDict

from torch import Tensor, nn

from kdcourse.losses._checks import check_number
from kdcourse.models._checks import check_feature, check_sizes


class Paraphraser(nn.Module):
    r"""Auto-encoder of the teacher's feature map; the code in its middle is the *factor*.

    .. math:: factor = E(t), \qquad reconstruction = D(E(t)), \qquad k = round(rate \cdot C)

    Encoder: three 3x3 convolutions with C, k and k channels; decoder: three transposed ones with k, C and C;
    each is followed by a leaky ReLU (slope 0.1). All keep height and width.

    First train it alone: minimise ``hint_loss(reconstruction, teacher_feature)``, the mean squared error.
    Then freeze it (`Teacher` does) and let a `Translator` match ``paraphraser.encoder(teacher_feature)`` by
    `factor_transfer_loss`.

    Args:
        channels: C, channels of the teacher's map.
        rate: paraphrase rate, > 0; k is one at least.
        batch_norm: batch norm between each convolution and its leaky ReLU.

    Attributes:
        factor_channels: k.

    Shapes:
        (B, C, H, W) -> factor (B, k, H, W) and reconstruction (B, C, H, W).

    Raises:
        ValueError: no map with C channels; a rate that is not positive and finite.

    Source:
        Kim, Park & Kwak, "Paraphrasing Complex Network: Network Compression via Factor Transfer", NeurIPS
        2018, section 3.1; layers and slope as in the authors' code, which has no batch norm.

    Lecture:
        03_hints_and_factors, section 9.

    >>> import torch
    >>> factor, reconstruction = Paraphraser(8)(torch.zeros(5, 8, 3, 4))
    >>> factor.shape, reconstruction.shape
    (torch.Size([5, 4, 3, 4]), torch.Size([5, 8, 3, 4]))
    """

    def __init__(self, channels: int, rate: float = 0.5, *, batch_norm: bool = False):
        super().__init__()
        check_sizes(channels=channels)
        check_number("rate", rate, low=0.0, open_low=True)
        self.channels = channels
        self.factor_channels = k = max(1, round(rate * channels))
        self.encoder = _three_layers(nn.Conv2d, (channels, channels, k, k), batch_norm)
        self.decoder = _three_layers(nn.ConvTranspose2d, (k, k, channels, channels), batch_norm)

    def forward(self, teacher_feature: Tensor) -> tuple[Tensor, Tensor]:
        check_feature("teacher_feature", teacher_feature, self.channels)
        factor = self.encoder(teacher_feature)
        return factor, self.decoder(factor)


class Translator(nn.Module):
    r"""The student's side of factor transfer: an encoder like the paraphraser's, from the student's map.

    .. math:: factor_s = E_s(s)

    Args:
        in_channels: channels of the student's map.
        factor_channels: k, channels of the teacher's factor (``paraphraser.factor_channels``).
        batch_norm: batch norm between each convolution and its leaky ReLU.

    Shapes:
        (B, in_channels, H, W) -> (B, k, H, W). The factors must have one size, so the two maps must.

    Raises:
        ValueError: no map with `in_channels` channels.

    Source:
        Kim, Park & Kwak, "Paraphrasing Complex Network: Network Compression via Factor Transfer", NeurIPS
        2018, section 3.2. Widely used code puts batch norm into this half only; the authors' has none.

    Lecture:
        03_hints_and_factors, section 9.

    >>> import torch
    >>> Translator(6, 4)(torch.zeros(5, 6, 3, 4)).shape
    torch.Size([5, 4, 3, 4])
    """

    def __init__(self, in_channels: int, factor_channels: int, *, batch_norm: bool = False):
        super().__init__()
        check_sizes(in_channels=in_channels, factor_channels=factor_channels)
        self.in_channels = in_channels
        widths = (in_channels, in_channels, factor_channels, factor_channels)
        self.encoder = _three_layers(nn.Conv2d, widths, batch_norm)

    def forward(self, student_feature: Tensor) -> Tensor:
        check_feature("student_feature", student_feature, self.in_channels)
        return self.encoder(student_feature)


def _three_layers(
    layer: type[nn.Conv2d] | type[nn.ConvTranspose2d], widths: tuple[int, ...], batch_norm: bool
) -> nn.Sequential:
    layers = OrderedDict()
    for i in range(1, 4):
        layers[f"conv{i}"] = layer(widths[i - 1], widths[i], 3, padding=1, bias=not batch_norm)
        if batch_norm:
            layers[f"norm{i}"] = nn.BatchNorm2d(widths[i])
        layers[f"relu{i}"] = nn.LeakyReLU(0.1)
    return nn.Sequential(layers)
