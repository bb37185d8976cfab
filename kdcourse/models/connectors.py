"""Connectors: they carry the student's feature into the teacher's space, and are thrown away after training.

A connector belongs on the *student's* side. On the teacher's side, a connector that maps everything to zero
would be a perfect match for a student that says nothing.
"""

from collections import OrderedDict

from torch import nn

from kdcourse.models._checks import check_sizes

PROJECTORS = ("none", "linear", "mlp")


def conv_regressor(
    in_channels: int,
    out_channels: int,
    *,
    pool: int = 1,
    upsample: int = 1,
    batch_norm: bool = False,
    relu: bool = False,
) -> nn.Sequential:
    r"""Regressor from the student's map to the teacher's: at every pixel the same linear map, a 1x1
    convolution.

    .. math:: r(x)_{chw} = b_c + \sum_k W_{ck} \, x_{khw}

    The *adapter* of detectors, which brings the student's map to the teacher's number of channels before
    they are compared, is this same module.

    Args:
        in_channels: channels of the student's map.
        out_channels: channels of the teacher's map.
        pool: side of the squares of pixels that are averaged first, where the student's map is larger.
        upsample: factor of nearest-neighbour enlargement at the end, where the student's map is smaller.
        batch_norm: batch norm after the convolution, which then has no bias.
        relu: ReLU after that, where the teacher's feature is taken after its own ReLU.

    Returns:
        A module (B, in_channels, H, W) -> (B, out_channels, H', W'), H' = H // pool * upsample; its
        convolution is ``.conv``. Compare the result with `hint_loss`.

    Raises:
        ValueError: a size that is not a whole number of at least 1.

    Source:
        Romero, Ballas, Kahou, Chassang, Gatta & Bengio, "FitNets: Hints for Thin Deep Nets", ICLR 2015,
        section 2.2, whose regressor has larger kernels that shrink the student's map to the teacher's size;
        as an adapter: Chen, Choi, Yu, Han & Chandraker, "Learning Efficient Object Detection Models with
        Knowledge Distillation", NIPS 2017. Widely used code adds batch norm and a ReLU.

    Lecture:
        03_hints_and_factors, section 3.

    >>> import torch
    >>> regressor = conv_regressor(2, 1)
    >>> with torch.no_grad():
    ...     _ = regressor.conv.weight.copy_(torch.tensor([1.0, 10.0]).view(1, 2, 1, 1))
    ...     _ = regressor.conv.bias.fill_(0.5)
    >>> regressor(torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])).tolist()  # 1 * 1 + 10 * 3 + 0.5, ...
    [[[[31.5, 42.5]]]]
    """
    check_sizes(in_channels=in_channels, out_channels=out_channels, pool=pool, upsample=upsample)
    layers = OrderedDict()
    if pool > 1:
        layers["pool"] = nn.AvgPool2d(pool)
    layers["conv"] = nn.Conv2d(in_channels, out_channels, 1, bias=not batch_norm)
    if batch_norm:
        layers["norm"] = nn.BatchNorm2d(out_channels)
    if relu:
        layers["relu"] = nn.ReLU()
    if upsample > 1:  # last: it changes nothing for the layers before, which then have fewer pixels to do
        layers["upsample"] = nn.Upsample(scale_factor=upsample, mode="nearest")
    return nn.Sequential(layers)


def linear_regressor(in_features: int, out_features: int) -> nn.Sequential:
    r"""Fully connected regressor: every number of the student's feature acts on every one of the teacher's.

    .. math:: r(x) = W x + b

    On maps it has (C H W) x D weights; `conv_regressor` shares its few among all pixels.

    Args:
        in_features: numbers in one sample of the student's feature (C * H * W for a map).
        out_features: numbers in one sample of the teacher's feature.

    Returns:
        A module (B, ...) -> (B, out_features), which flattens first; its layer is ``.linear``.

    Raises:
        ValueError: a size that is not a whole number of at least 1.

    Source:
        Romero, Ballas, Kahou, Chassang, Gatta & Bengio, "FitNets: Hints for Thin Deep Nets", ICLR 2015,
        section 2.2, which weighs it against the convolutional one.

    Lecture:
        03_hints_and_factors, section 3.

    >>> import torch
    >>> linear_regressor(8, 3)(torch.zeros(5, 2, 2, 2)).shape
    torch.Size([5, 3])
    """
    check_sizes(in_features=in_features, out_features=out_features)
    return nn.Sequential(OrderedDict(flatten=nn.Flatten(), linear=nn.Linear(in_features, out_features)))


def projector(
    kind: str, in_features: int, out_features: int, *, hidden: int | None = None, batch_norm: bool = True
) -> nn.Sequential:
    r"""Projector of pooled features: none, linear or a multilayer perceptron, then batch norm without
    parameters.

    .. math:: P(x) = \frac{f(x) - mean}{\sqrt{variance + 10^{-4}}},
              \qquad f(x) = x \;\; or \;\; W x \;\; or \;\; W_2 \, relu(W_1 x + b_1)

    Mean and variance are those of each feature over the batch (in evaluation mode: their running averages).
    With batch norm the projected student and the normalised teacher have features of one scale, which is what
    the projector study compares, by `log_sum_loss`; the teacher's side is ``projector("none", D, D)``, which
    has nothing to train. In training mode batch norm needs two samples at least. A feature that is equal in
    all samples becomes zero.

    Args:
        kind: "none", "linear" or "mlp" (one hidden layer with a ReLU).
        in_features: size of the student's feature.
        out_features: size of the teacher's feature.
        hidden: hidden units of "mlp"; `out_features` by default.
        batch_norm: whether batch norm comes last. Without it the last linear layer has a bias.

    Returns:
        A module (B, in_features) -> (B, out_features). "none" without batch norm is the identity.

    Raises:
        ValueError: another kind; sizes that differ where there is no projector; a size that is not a whole
            number of at least 1; `hidden` for a kind that has no hidden layer.

    Source:
        Miles & Mikolajczyk, "Understanding the Role of the Projector in Knowledge Distillation", AAAI 2024.
        A batch norm without the small constant in the denominator, as some published recipes have it, is
        refused by PyTorch in training; 1e-4 is that of the authors' ImageNet code.

    Lecture:
        03_hints_and_factors, section 7.

    >>> import torch
    >>> feature = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    >>> [[round(x, 3) for x in row] for row in projector("none", 2, 2)(feature).tolist()]
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    if kind not in PROJECTORS:
        raise ValueError(f"kind: expected one of {', '.join(map(repr, PROJECTORS))}, got {kind!r}")
    check_sizes(in_features=in_features, out_features=out_features)
    if hidden is not None:
        if kind != "mlp":
            raise ValueError(
                f"hidden: expected None for kind {kind!r}, which has no hidden layer, got {hidden}"
            )
        check_sizes(hidden=hidden)
    layers = OrderedDict()
    if kind == "none" and in_features != out_features:
        raise ValueError(
            f"out_features: expected {in_features}, the size of the feature, where there is no projector, "
            f"got {out_features}"
        )
    if kind == "mlp":
        width = hidden or out_features
        layers["hidden"], layers["relu"] = nn.Linear(in_features, width), nn.ReLU()
        in_features = width
    if kind != "none":
        layers["linear"] = nn.Linear(in_features, out_features, bias=not batch_norm)
    if batch_norm:
        layers["norm"] = nn.BatchNorm1d(out_features, eps=1e-4, affine=False)
    return nn.Sequential(layers)
