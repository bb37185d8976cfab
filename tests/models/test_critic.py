"""The critic of score maps: spectral norm against the singular values, scores, turns with the student."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdcourse.losses import adversarial_loss, critic_hinge_loss
from kdcourse.models import ScoreMapCritic, SpectralConv2d

# ---------------------------------------------------------------- spectral norm


def largest_singular_value(weight):
    return torch.linalg.svdvals(weight.detach().flatten(1))[0]


def test_power_iteration_finds_the_largest_singular_value():
    torch.manual_seed(0)
    layer = SpectralConv2d(3, 5, (3, 2))
    for _ in range(50):
        weight = layer.normalised_weight()
    torch.testing.assert_close(weight, layer.weight / largest_singular_value(layer.weight))
    torch.testing.assert_close(largest_singular_value(weight), torch.tensor(1.0))
    torch.testing.assert_close(layer.eval().normalised_weight(), weight)


def test_it_is_close_from_the_first_call_and_never_too_large_a_divisor():
    for seed in range(5):
        torch.manual_seed(seed)
        weight = SpectralConv2d(8, 16, 3).normalised_weight()
        assert 1 - 1e-5 <= largest_singular_value(weight) < 1.1


def test_power_iteration_follows_the_weight_in_training_only():
    torch.manual_seed(0)
    layer = SpectralConv2d(2, 3, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(3, 2, 1, 1))
    before = layer.left.clone()
    layer.eval().normalised_weight()
    assert torch.equal(layer.left, before)
    layer.train().normalised_weight()
    right = F.normalize(layer.weight.flatten(1).T @ before, dim=0)
    torch.testing.assert_close(layer.left, F.normalize(layer.weight.flatten(1) @ right, dim=0))


def test_gradient_with_fixed_vectors():
    """Of W / (u' W v) with u and v as constants, by finite differences."""
    torch.manual_seed(0)
    layer = SpectralConv2d(2, 3, 1).double().eval()
    left = layer.left
    right = F.normalize(layer.weight.detach().flatten(1).T @ left, dim=0)
    probe = torch.randn(3, 2, 1, 1, dtype=torch.float64)
    (layer.normalised_weight() * probe).sum().backward()
    for index in [(0, 0), (1, 1), (2, 0)]:
        values = []
        for sign in (1, -1):
            weight = layer.weight.detach().clone()
            weight[index] += sign * 1e-6
            values.append((weight / (left @ weight.flatten(1) @ right) * probe).sum())
        assert layer.weight.grad[index].item() == pytest.approx(
            ((values[0] - values[1]) / 2e-6).item(), rel=1e-6
        )


def test_two_calls_before_one_backward():
    """The critic sees the student's map and the teacher's in one loss."""
    layer, x = SpectralConv2d(2, 3, 3), torch.randn(2, 2, 4, 4)
    for training in (True, False):
        first = layer.train(training)(x)
        (first.sum() - layer.train()(x + 1).square().sum()).backward()
        assert layer.weight.grad.isfinite().all()


def test_a_zero_weight_stays_zero_and_finds_its_way_back():
    layer = SpectralConv2d(2, 3, 1)
    weight = layer.weight.detach().clone()
    nn.init.zeros_(layer.weight)
    out = layer.normalised_weight()
    out.sum().backward()
    assert not out.any() and layer.weight.grad.isfinite().all()
    with torch.no_grad():
        layer.weight.copy_(weight)
    for _ in range(50):
        layer.normalised_weight()
    assert largest_singular_value(layer.normalised_weight()).item() == pytest.approx(1.0, rel=1e-4)


def test_it_is_the_convolution_with_that_weight():
    torch.manual_seed(0)
    layer, x = SpectralConv2d(2, 3, 3, stride=2, padding=1).eval(), torch.randn(2, 2, 5, 7)
    expected = F.conv2d(x, layer.normalised_weight(), layer.bias, stride=2, padding=1)
    assert torch.equal(layer(x), expected)


# ---------------------------------------------------------------- the critic


@pytest.mark.parametrize("size", [(1, 1), (5, 9), (16, 8)])
def test_critic_shapes(size):
    critic = ScoreMapCritic(4, width=3)
    assert critic(torch.randn(2, 4, *size)).shape == (2,)
    assert [(c.in_channels, c.out_channels, c.stride) for c in critic.convolutions] == [
        (4, 3, (2, 2)),
        (3, 6, (2, 2)),
        (6, 12, (2, 2)),
    ]
    assert all(isinstance(m, SpectralConv2d) for m in critic.modules() if isinstance(m, nn.Conv2d))


def test_default_width():
    assert ScoreMapCritic(4).convolutions[0].out_channels == 32


def test_critic_by_layers():
    torch.manual_seed(0)
    critic, x = ScoreMapCritic(2, width=2).eval(), torch.randn(3, 2, 18, 10)
    h = x
    for layer in critic.convolutions:
        h = F.conv2d(h, layer.normalised_weight(), layer.bias, stride=2, padding=1)
        h = torch.where(h > 0, h, 0.2 * h)
    pooled = h.mean((2, 3))
    expected = pooled @ critic.score.normalised_weight()[0, :, 0, 0] + critic.score.bias
    torch.testing.assert_close(critic(x), expected)


def test_the_image_is_seen():
    torch.manual_seed(0)
    critic = ScoreMapCritic(4, width=3, image_channels=2).eval()
    scores, image = torch.randn(3, 4, 5, 6), torch.randn(3, 2, 5, 6)
    assert critic.convolutions[0].in_channels == 6
    assert critic(scores, image).shape == (3,)
    assert not torch.allclose(critic(scores, image), critic(scores, image.flip(0)))


def test_the_critic_learns_to_tell_maps_apart_and_the_student_to_please_it():
    torch.manual_seed(0)
    critic = ScoreMapCritic(3, width=4)
    student = torch.zeros(8, 3, 6, 4, requires_grad=True)
    teacher = 3 * F.one_hot(torch.randint(3, (8, 6, 4)), 3).movedim(-1, 1).float()
    optimizer = torch.optim.Adam(critic.parameters(), lr=0.02)
    for _ in range(40):
        loss = critic_hinge_loss(critic(student.detach()), critic(teacher))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert student.grad is None
    assert critic(teacher).mean() > critic(student).mean() + 0.5
    before = adversarial_loss(critic.eval()(student))
    before.backward()
    assert adversarial_loss(critic(student - 0.1 * student.grad.sign())) < before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ScoreMapCritic(0), "channels: expected a whole number"),
        (lambda: ScoreMapCritic(2, 0), "width: expected a whole number"),
        (lambda: ScoreMapCritic(2, image_channels=-1), "image_channels: expected a whole number"),
        (
            lambda: ScoreMapCritic(2, 2)(torch.zeros(1, 3, 4, 4)),
            r"scores: expected shape \(B, 2, H, W\), got \(1, 3, 4, 4\)",
        ),
        (
            lambda: ScoreMapCritic(2, 2)(torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 4, 4)),
            r"image: expected none \(image_channels=0\)",
        ),
        (
            lambda: ScoreMapCritic(2, 2, image_channels=1)(torch.zeros(1, 2, 4, 4)),
            r"image: expected 1 channels \(image_channels=1\)",
        ),
        (
            lambda: ScoreMapCritic(2, 2, image_channels=1)(torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 8, 8)),
            r"image: expected shape \(1, 1, 4, 4\) to go with the scores, got \(1, 1, 8, 8\)",
        ),
        (
            lambda: ScoreMapCritic(2, 2, image_channels=1)(torch.zeros(1, 2, 4, 4), torch.zeros(4, 4)),
            r"image: expected shape \(B, C, H, W\), got \(4, 4\)",
        ),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
