"""Split computing: the first part of a net on a device, the rest on a server, a small code between them."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kdcourse.losses._checks import check_tensor
from kdcourse.models._checks import check_sizes

_BYTES_OF_ENDS = 8  # smallest and largest value of a sample, float32 each


def quantize(code: Tensor, bits: int) -> Tensor:
    r"""What a receiver reads of a code that was sent with `bits` bits a number.

    .. math:: low + \mathrm{round}\left(\frac{code - low}{step}\right) step, \qquad
              step = \frac{high - low}{2^{bits} - 1}

    with low and high the smallest and the largest number of each sample, which are sent along. Where a sample
    is constant it arrives as it is.

    The gradient is passed straight through, as if nothing had been rounded (low and high count as constants):
    rounding has slope zero almost everywhere, and nothing before it could learn.

    Args:
        code: shape (B, ...).
        bits: bits a number, 1 to 16.

    Returns:
        Tensor of the shape and dtype of `code`; off by half a step at most.

    Raises:
        ValueError: no floating-point tensor, an empty dimension, no whole number of bits from 1 to 16.

    Source:
        Uniform affine quantisation as in Jacob et al., "Quantization and Training of Neural Networks for
        Efficient Integer-Arithmetic-Only Inference", CVPR 2018, section 2.1; the straight-through gradient of
        Bengio, Léonard & Courville, arXiv:1308.3432 (2013).

    Lecture:
        12_edge_and_graphs, section 2.

    >>> quantize(torch.tensor([[0.0, 0.4, 0.6, 3.0]]), bits=2)  # steps of 1
    tensor([[0., 0., 1., 3.]])
    """
    check_tensor("code", code, "(B, ...)")
    _check_bits(bits)
    flat = code.detach().flatten(1) if code.ndim > 1 else code.detach()[:, None]
    low, high = flat.aminmax(dim=1)
    shape = (-1,) + (1,) * (code.ndim - 1)
    low, step = low.view(shape), ((high - low) / (2**bits - 1)).view(shape)
    whole = ((code.detach() - low) / torch.where(step > 0, step, 1.0)).round()
    return code + (low + whole * step - code).detach()


def payload_bytes(shape: Sequence[int], bits: int | None) -> int:
    """Bytes on the wire for the code of one sample, its two ends included.

    Args:
        shape: of one sample's code, without the batch: (C, H, W), or (D,).
        bits: bits a number as in `quantize`; None for float32, which needs no ends.

    Returns:
        ``ceil(numbers * bits / 8) + 8``, or ``4 * numbers``.

    Lecture:
        12_edge_and_graphs, section 2.

    >>> payload_bytes((3, 4, 4), bits=8), payload_bytes((3, 4, 4), bits=2), payload_bytes((3, 4, 4), None)
    (56, 20, 192)
    """
    check_sizes(**{f"shape[{i}]": size for i, size in enumerate(shape)})
    numbers = math.prod(shape)
    if bits is None:
        return 4 * numbers
    _check_bits(bits)
    return -(-numbers * bits // 8) + _BYTES_OF_ENDS


class SplitNet(nn.Module):
    """A net in two places: ``tail(decoder(quantize(encoder(x))))``.

    The device runs the encoder and sends its code; the server runs the decoder, which restores the feature
    map that the teacher's tail expects, and the tail.

    ``net(x)`` returns the logits; ``net(x, return_features=True)`` returns ``(logits, features)`` with
    ``code`` (the encoder's output before it is quantised) and ``restored`` (the decoder's).

    Args:
        encoder: on the device, image -> code.
        decoder: on the server, code -> feature map at the place where the teacher is split.
        tail: on the server, feature map -> logits; usually the teacher's. To train the head by a loss of the
            logits freeze it by ``tail.eval().requires_grad_(False)``: gradients must pass through it, and
            `Teacher` lets none pass.
        bits: bits a number on the wire as in `quantize`; None sends float32. May be set afterwards.

    Source:
        Matsubara, Baidya, Callegaro, Levorato & Singh, "Distilled Split Deep Neural Networks for
        Edge-Assisted Real-Time Systems", HotEdgeVideo 2019.

    Lecture:
        12_edge_and_graphs, section 3.

    >>> net = SplitNet(nn.Linear(6, 2), nn.Linear(2, 6), nn.Linear(6, 10), bits=4)
    >>> logits, features = net(torch.randn(5, 6), return_features=True)
    >>> logits.shape, features["code"].shape, features["restored"].shape
    (torch.Size([5, 10]), torch.Size([5, 2]), torch.Size([5, 6]))
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, tail: nn.Module, *, bits: int | None = 8):
        super().__init__()
        if bits is not None:
            _check_bits(bits)
        self.encoder, self.decoder, self.tail = encoder, decoder, tail
        self.bits = bits

    def forward(self, x: Tensor, return_features: bool = False) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        code = self.encoder(x)
        restored = self.decoder(code if self.bits is None else quantize(code, self.bits))
        logits = self.tail(restored)
        return (logits, {"code": code, "restored": restored}) if return_features else logits


def _check_bits(bits: int) -> None:
    check_sizes(bits=bits)
    if bits > 16:
        raise ValueError(f"bits: expected at most 16, got {bits}")
