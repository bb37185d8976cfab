"""The net of multi-view theory: each neuron sees the patches of an input one by one, through a smoothed
ReLU."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdcourse.losses._checks import check_number, check_tensor
from kdcourse.models._checks import check_sizes


def smoothed_relu(z: Tensor, q: float = 3) -> Tensor:
    r"""ReLU that starts as a power: small inputs are damped, and their gradients as well.

    .. math:: \mathrm{act}(z) = \begin{cases} 0 & z < 0 \\ z^q / q & 0 \le z \le 1 \\
              z - 1 + 1/q & z > 1 \end{cases}

    Value and slope have no jump. The slope z^{q-1} makes what is small grow slowly, so that of several
    features the one that is ahead at the start wins; q = 1 is the plain ReLU.

    Args:
        z: any shape, floating point.
        q: the power, >= 1.

    Returns:
        Tensor of the shape and dtype of `z`.

    Raises:
        ValueError: q below 1 or not finite, z not of floating point.

    Source:
        Allen-Zhu & Li, "Towards Understanding Ensemble, Knowledge Distillation and Self-Distillation in Deep
        Learning", ICLR 2023, section 3 (there with a threshold between the pieces, here 1).

    Lecture:
        17_why_multi_view, section 2.

    >>> smoothed_relu(torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0]), q=2)
    tensor([0.0000, 0.0000, 0.1250, 0.5000, 1.5000])
    """
    if not isinstance(z, Tensor) or not z.is_floating_point():
        raise ValueError("z: expected a floating-point tensor")
    check_number("q", q, low=1.0)
    # Each piece is finite for all z, so that no gradient of a piece that is not used becomes NaN.
    return z.clamp(0, 1) ** q / q + F.relu(z - 1)


ACTIVATIONS = ("smoothed", "relu", "linear")


class PatchNet(nn.Module):
    r"""Two-layer net for inputs in patches, with the second layer fixed to ones.

    .. math:: f_c(x) = \sum_{r} \left( \sum_{j} \mathrm{act}(v_{c,r,j} \, x_j)
              + \mathrm{act}(w_{c,r} \cdot \xi) \right)

    An input has one patch for each feature, of strength x_j in a direction of its own, and a patch of noise
    ξ in directions of its own; so the weights on a feature's patch are one number v a neuron. All neurons of
    a class count alike, which leaves the features that the neurons have found as all that is learned.

    Args:
        features: number F of patches with a feature.
        noise_size: numbers D in the patch of noise.
        classes: C.
        neurons: R, for each class.
        activation: "smoothed" (`smoothed_relu`), "relu" or "linear".
        q: power of the smoothed ReLU.
        scale: standard deviation of the initial weights; small, so that neurons start where it is flat.

    Shapes:
        ``net(x)`` maps (B, F + D), the features' strengths and then the noise, to logits (B, C). The weights
        are ``feature_weights`` (C, R, F) and ``noise_weights`` (C, R, D).

    Raises:
        ValueError: sizes below one, an unknown activation, inputs of another size.

    Source:
        Allen-Zhu & Li, "Towards Understanding Ensemble, Knowledge Distillation and Self-Distillation in Deep
        Learning", ICLR 2023, section 3.

    Lecture:
        17_why_multi_view, section 2.

    >>> net = PatchNet(noise_size=3, neurons=1)
    >>> with torch.no_grad():  # the neuron of class 0 sees feature 1, that of class 1 nothing
    ...     _ = net.noise_weights.zero_(), net.feature_weights.zero_()
    ...     net.feature_weights[0, 0, 1] = 2.0
    >>> net(torch.tensor([[0.0, 1.0, 0.0, 0.0, 9.0, 9.0, 9.0]]))
    tensor([[1.3333, 0.0000]], grad_fn=<SumBackward1>)
    """

    def __init__(
        self,
        features: int = 4,
        noise_size: int = 160,
        *,
        classes: int = 2,
        neurons: int = 6,
        activation: str = "smoothed",
        q: float = 3,
        scale: float = 0.003,
    ):
        super().__init__()
        check_sizes(features=features, noise_size=noise_size, classes=classes, neurons=neurons)
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation: expected one of {', '.join(ACTIVATIONS)}, got {activation!r}")
        check_number("q", q, low=1.0)
        check_number("scale", scale, low=0.0)
        self.activation, self.q = activation, q
        self.feature_weights = nn.Parameter(scale * torch.randn(classes, neurons, features))
        self.noise_weights = nn.Parameter(scale * torch.randn(classes, neurons, noise_size))

    def forward(self, x: Tensor) -> Tensor:
        features, noise_size = self.feature_weights.shape[-1], self.noise_weights.shape[-1]
        check_tensor("x", x, "(B, D)")
        if x.shape[1] != features + noise_size:
            raise ValueError(
                f"x: expected {features} features and {noise_size} numbers of noise a row, "
                f"got shape {tuple(x.shape)}"
            )
        strengths, noise = x.split([features, noise_size], dim=1)
        seen = strengths[:, None, None] * self.feature_weights  # (B, C, R, F)
        heard = torch.einsum("bd,crd->bcr", noise, self.noise_weights)[..., None]
        return self._act(torch.cat([seen, heard], dim=3)).sum(dim=(2, 3))

    def _act(self, z: Tensor) -> Tensor:
        if self.activation == "smoothed":
            return smoothed_relu(z, self.q)
        return F.relu(z) if self.activation == "relu" else z
