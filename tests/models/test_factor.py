"""Paraphraser and translator: shapes, values by hand, who is trained by what."""

import pytest
import torch
from torch import nn

from kdcourse.losses import factor_transfer_loss, hint_loss
from kdcourse.models import Paraphraser, Translator, count_parameters


@pytest.mark.parametrize(
    ("channels", "rate", "k"), [(8, 0.5, 4), (8, 0.75, 6), (7, 0.4, 3), (4, 0.01, 1), (3, 2, 6)]
)
def test_paraphraser_shapes(channels, rate, k):
    part = Paraphraser(channels, rate)
    factor, reconstruction = part(torch.zeros(2, channels, 5, 3))
    assert part.factor_channels == k
    assert factor.shape == (2, k, 5, 3) and reconstruction.shape == (2, channels, 5, 3)
    layers = [m for m in part.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert [(m.in_channels, m.out_channels) for m in layers] == [
        (channels, channels),
        (channels, k),
        (k, k),
        (k, k),
        (k, channels),
        (channels, channels),
    ]
    assert all(m.kernel_size == (3, 3) and m.padding == (1, 1) for m in layers)
    assert [isinstance(m, nn.ConvTranspose2d) for m in layers] == [False] * 3 + [True] * 3


def test_the_default_rate_is_a_half():
    assert Paraphraser(6).factor_channels == 3


def test_paraphraser_by_hand():
    """Kernels that only look at the centre: every layer is a number times its input, then the leaky ReLU."""
    part = Paraphraser(1, 1.0)
    for sequence, weights in ((part.encoder, (2.0, -1.0, 3.0)), (part.decoder, (0.5, -10.0, 4.0))):
        for i, weight in enumerate(weights, start=1):
            layer = getattr(sequence, f"conv{i}")
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
            with torch.no_grad():
                layer.weight[0, 0, 1, 1] = weight
    factor, reconstruction = part(torch.tensor([[[[1.0, -10.0]]]]))
    # 1 -> 2 -> -2 * 0.1 -> -0.6 * 0.1;  -10 -> -20 * 0.1 -> 2 -> 6
    torch.testing.assert_close(factor, torch.tensor([[[[-0.06, 6.0]]]]))
    # -0.06 -> -0.03 * 0.1 -> 0.03 -> 0.12;  6 -> 3 -> -30 * 0.1 -> -12 * 0.1
    torch.testing.assert_close(reconstruction, torch.tensor([[[[0.12, -1.2]]]]))


def test_encoder_alone_gives_the_factor():
    torch.manual_seed(0)
    part, x = Paraphraser(4), torch.randn(2, 4, 3, 5)
    factor, reconstruction = part(x)
    assert torch.equal(part.encoder(x), factor) and torch.equal(part.decoder(factor), reconstruction)


def test_reconstruction_is_learned_with_the_mean_squared_error():
    torch.manual_seed(0)
    part = Paraphraser(4, 0.75)
    x = torch.rand(8, 1, 5, 3) * torch.linspace(0.5, 2.0, 4).view(4, 1, 1)  # four channels that say the same
    optimizer, losses = torch.optim.Adam(part.parameters(), lr=0.01), []
    for _ in range(60):
        losses.append(hint_loss(part(x)[1], x))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.5 * losses[0]


def test_the_reconstruction_trains_all_and_the_factor_the_encoder():
    part = Paraphraser(4)
    part(torch.randn(2, 4, 3, 3))[1].sum().backward()
    assert all(p.grad is not None for p in part.parameters())
    part.zero_grad()
    part(torch.randn(2, 4, 3, 3))[0].sum().backward()
    assert all(p.grad is not None for p in part.encoder.parameters())
    assert all(p.grad is None for p in part.decoder.parameters())


@pytest.mark.parametrize("batch_norm", [True, False])
def test_batch_norm_is_optional(batch_norm):
    for part in (Paraphraser(4, batch_norm=batch_norm), Translator(4, 2, batch_norm=batch_norm)):
        norms = [m for m in part.modules() if isinstance(m, nn.BatchNorm2d)]
        convolutions = [m for m in part.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        assert len(norms) == (len(convolutions) if batch_norm else 0)
        assert all((m.bias is None) == batch_norm for m in convolutions)
    assert not any(
        isinstance(m, nn.BatchNorm2d) for m in (*Paraphraser(4).modules(), *Translator(4, 2).modules())
    )


def test_batch_norm_comes_before_the_leaky_relu():
    names = list(dict(Translator(4, 2, batch_norm=True).encoder.named_children()))
    assert names == ["conv1", "norm1", "relu1", "conv2", "norm2", "relu2", "conv3", "norm3", "relu3"]


def test_translator_is_an_encoder_of_its_own_width():
    part = Translator(6, 2)
    assert part(torch.zeros(3, 6, 4, 5)).shape == (3, 2, 4, 5)
    assert count_parameters(part) == (9 * 6 * 6 + 6) + (9 * 6 * 2 + 2) + (9 * 2 * 2 + 2)
    student = torch.randn(2, 6, 3, 3, requires_grad=True)
    factor_transfer_loss(part(student), Paraphraser(4).encoder(torch.randn(2, 4, 3, 3))).backward()
    assert student.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Paraphraser(0), "channels: expected a whole number"),
        (lambda: Paraphraser(4, 0.0), r"rate: expected a finite number in \(0, inf\), got 0.0"),
        (lambda: Paraphraser(4, float("nan")), r"rate: expected a finite number"),
        (lambda: Translator(4, 0), "factor_channels: expected a whole number"),
        (lambda: Translator(0, 4), "in_channels: expected a whole number"),
        (
            lambda: Paraphraser(4)(torch.zeros(2, 3, 5, 5)),
            r"teacher_feature: expected shape \(B, 4, H, W\), got \(2, 3, 5, 5\)",
        ),
        (
            lambda: Paraphraser(4)(torch.zeros(2, 4)),
            r"teacher_feature: expected shape \(B, 4, H, W\), got \(2, 4\)",
        ),
        (
            lambda: Translator(4, 2)(torch.zeros(2, 5, 3, 3)),
            r"student_feature: expected shape \(B, 4, H, W\), got \(2, 5, 3, 3\)",
        ),
        (lambda: Translator(4, 2)(torch.zeros(0, 4, 3, 3)), "student_feature: expected no empty dimension"),
        (lambda: Translator(4, 2)(None), "student_feature: expected a floating-point tensor"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
