"""Heads that learn how far the teacher can be predicted: a mean, a variance, or both."""

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn

from kdcourse.losses._checks import check_number
from kdcourse.models._checks import check_feature, check_sizes


class VIDHead(nn.Module):
    r"""Gaussian guess at the teacher's map: a mean from the student's map, a variance for each channel.

    .. math:: t_{chw} \sim N(\mu_c(s)_{hw}, \sigma_c^2), \qquad \sigma_c^2 = softplus(raw_c) + \epsilon

    Give its result to ``vid_loss(mean, teacher, raw_scale)``, the negative log-likelihood without its
    constant: channels that cannot be predicted get a large variance and weigh little.

    The mean network is three 1x1 convolutions, with batch norm and a ReLU after the first two. (B, C)
    features are maps of one pixel.

    Args:
        in_channels: channels of the student's map.
        out_channels: C, channels of the teacher's map.
        hidden: channels between the convolutions; `out_channels` by default.
        initial_variance: variance of every channel at the start, > eps.
        eps: smallest variance; the one that `vid_loss` is given.
        batch_norm: whether there is batch norm.

    Attributes:
        raw_scale: raw, shape (C,), trained.

    Shapes:
        (B, in_channels, H, W) -> mean (B, C, H, W) and raw_scale (C,).

    Raises:
        ValueError: no map with `in_channels` channels; a variance that is not above eps.

    Source:
        Ahn, Hu, Damianou, Lawrence & Dai, "Variational Information Distillation for Knowledge Transfer",
        CVPR 2019. Widely used code leaves the batch norm out, and takes log(1 + exp(raw)) as it
        stands, which overflows where softplus does not.

    Lecture:
        03_hints_and_factors, section 10.

    >>> import torch
    >>> mean, raw_scale = VIDHead(4, 6)(torch.randn(5, 4, 3, 2))
    >>> mean.shape, round(torch.nn.functional.softplus(raw_scale[0]).item(), 3)
    (torch.Size([5, 6, 3, 2]), 5.0)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        hidden: int | None = None,
        initial_variance: float = 5.0,
        eps: float = 1e-5,
        *,
        batch_norm: bool = True,
    ):
        super().__init__()
        hidden = out_channels if hidden is None else hidden
        check_sizes(in_channels=in_channels, out_channels=out_channels, hidden=hidden)
        check_number("eps", eps, low=0.0)
        check_number("initial_variance", initial_variance, low=eps, open_low=True)
        self.in_channels = in_channels
        layers, widths = OrderedDict(), (in_channels, hidden, hidden)
        for i in (1, 2):
            layers[f"conv{i}"] = nn.Conv2d(widths[i - 1], widths[i], 1, bias=not batch_norm)
            if batch_norm:
                layers[f"norm{i}"] = nn.BatchNorm2d(hidden)
            layers[f"relu{i}"] = nn.ReLU()
        layers["conv3"] = nn.Conv2d(hidden, out_channels, 1)
        self.mean = nn.Sequential(layers)
        above = initial_variance - eps
        # The inverse of softplus, log(exp(v) - 1), without its overflow.
        self.raw_scale = nn.Parameter(torch.full((out_channels,), above + math.log(-math.expm1(-above))))

    def forward(self, student_feature: Tensor) -> tuple[Tensor, Tensor]:
        if isinstance(student_feature, Tensor) and student_feature.ndim == 2:
            mean, raw_scale = self(student_feature[:, :, None, None])
            return mean[:, :, 0, 0], raw_scale
        check_feature("student_feature", student_feature, self.in_channels)
        return self.mean(student_feature), self.raw_scale


class PrimeAwareHead(nn.Module):
    r"""Log-variance of each number of the teacher's feature, predicted from the student's.

    .. math:: \log \sigma^2 = c \tanh(a / c), \qquad a = BN(W s + b)

    Give it to ``prime_aware_loss(student, teacher, log_variance)``: samples whose error stays large are
    given a large variance and weigh less. Where errors vanish, an unbounded log-variance sinks without end
    and the loss with it, so it is kept within (-c, c). The bound is smooth: at a hard one the gradient would
    be zero, and the variance could never come back.

    The gradient reaches the student through the log-variance as well; detach the feature to prevent it.

    Args:
        in_features: numbers in one sample of the student's feature.
        out_features: numbers in one sample of the teacher's feature; `in_features` by default.
        clamp: c, the bound of the log-variance, > 0.
        batch_norm: whether there is batch norm.

    Shapes:
        (B, in_features) -> (B, out_features).

    Raises:
        ValueError: no feature with `in_features` numbers a sample; a bound that is not positive and finite.

    Source:
        Zhang, Lan, Dai, Zeng, Bai, Chang & Wei, "Prime-Aware Adaptive Distillation", ECCV 2020; the linear
        layer with batch norm as in widely used code, which adds a small constant to the variance instead of
        the bound.

    Lecture:
        02_better_soft_targets, section 10.

    >>> import torch
    >>> log_variance = PrimeAwareHead(4, 6, clamp=2.0)(1000 * torch.randn(5, 4))
    >>> log_variance.shape, log_variance.abs().max().item() < 2
    (torch.Size([5, 6]), True)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int | None = None,
        *,
        clamp: float = 5.0,
        batch_norm: bool = True,
    ):
        super().__init__()
        out_features = in_features if out_features is None else out_features
        check_sizes(in_features=in_features, out_features=out_features)
        check_number("clamp", clamp, low=0.0, open_low=True)
        self.in_features, self.clamp = in_features, float(clamp)
        self.linear = nn.Linear(in_features, out_features, bias=not batch_norm)
        self.norm = nn.BatchNorm1d(out_features) if batch_norm else nn.Identity()

    def forward(self, student_feature: Tensor) -> Tensor:
        check_feature("student_feature", student_feature, self.in_features, "(B, {})")
        return self.clamp * torch.tanh(self.norm(self.linear(student_feature)) / self.clamp)
