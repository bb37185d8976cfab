"""Heads of mean and variance: starting values, bounds, who is trained."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdcourse.losses import prime_aware_loss, vid_loss
from kdcourse.models import PrimeAwareHead, VIDHead, count_parameters

# ---------------------------------------------------------------- VID


@pytest.mark.parametrize("variance", [1e-4, 0.3, 1.0, 5.0, 200.0, 1e5])
@pytest.mark.parametrize("eps", [0.0, 1e-5, 5e-5])
def test_the_variance_starts_as_asked(variance, eps):
    head = VIDHead(2, 3, initial_variance=variance, eps=eps)
    assert head.raw_scale.shape == (3,) and head.raw_scale.isfinite().all()
    torch.testing.assert_close(
        F.softplus(head.raw_scale) + eps, torch.full((3,), variance), rtol=1e-5, atol=0
    )


def test_vid_defaults():
    head = VIDHead(2, 3)
    torch.testing.assert_close(F.softplus(head.raw_scale) + 1e-5, torch.full((3,), 5.0), rtol=1e-6, atol=0)
    convolutions = [m for m in head.modules() if isinstance(m, nn.Conv2d)]
    assert [(m.in_channels, m.out_channels, m.kernel_size) for m in convolutions] == [
        (2, 3, (1, 1)),
        (3, 3, (1, 1)),
        (3, 3, (1, 1)),
    ]
    kinds = [type(m).__name__ for m in head.mean]
    assert kinds == ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d", "ReLU", "Conv2d"]


def test_vid_hidden_channels_and_no_batch_norm():
    head = VIDHead(2, 3, 7, batch_norm=False)
    assert [type(m).__name__ for m in head.mean] == ["Conv2d", "ReLU", "Conv2d", "ReLU", "Conv2d"]
    assert count_parameters(head) == (2 * 7 + 7) + (7 * 7 + 7) + (7 * 3 + 3) + 3


def test_vid_mean_by_hand():
    head = VIDHead(1, 1, batch_norm=False)
    for i, (weight, bias) in enumerate([(2.0, -1.0), (-1.0, 4.0), (10.0, 0.5)], start=1):
        layer = getattr(head.mean, f"conv{i}")
        nn.init.constant_(layer.weight, weight)
        nn.init.constant_(layer.bias, bias)
    mean, raw_scale = head(torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]]))
    # 0 -> relu(-1) = 0 -> 4 -> 40.5;  1 -> 1 -> 3 -> 30.5;  2 -> 3 -> 1 -> 10.5;  3 -> 5 -> relu(-1) -> 0.5
    assert mean.tolist() == [[[[40.5, 30.5], [10.5, 0.5]]]]
    assert raw_scale is head.raw_scale


def test_vid_takes_flat_features():
    torch.manual_seed(0)
    head, x = VIDHead(4, 6).eval(), torch.randn(3, 4)
    mean, raw_scale = head(x)
    assert mean.shape == (3, 6) and raw_scale is head.raw_scale
    torch.testing.assert_close(mean, head(x[:, :, None, None].expand(3, 4, 2, 5))[0][:, :, 1, 3])


def test_vid_likelihood_trains_mean_variance_and_student():
    torch.manual_seed(0)
    head = VIDHead(3, 2)
    student = torch.randn(16, 3, 4, 2, requires_grad=True)
    teacher = torch.stack([student.detach()[:, 0], 10 * torch.randn(16, 4, 2)], dim=1)  # the second: noise
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
    for _ in range(150):
        mean, raw_scale = head(student)
        loss = vid_loss(mean, teacher, raw_scale)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    predictable, noise = F.softplus(head.raw_scale)
    assert predictable < 0.5 and noise > 10, "what cannot be predicted is given a large variance"
    assert student.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: VIDHead(0, 2), "in_channels: expected a whole number"),
        (lambda: VIDHead(2, 0), "out_channels: expected a whole number"),
        (lambda: VIDHead(2, 2, 0), "hidden: expected a whole number"),
        (lambda: VIDHead(2, 2, eps=-1.0), r"eps: expected a finite number in \[0, inf\), got -1.0"),
        (
            lambda: VIDHead(2, 2, initial_variance=0.5, eps=0.5),
            r"initial_variance: .* in \(0.5, inf\), got 0.5",
        ),
        (
            lambda: VIDHead(2, 2)(torch.zeros(1, 3, 4, 4)),
            r"student_feature: expected shape \(B, 2, H, W\), got \(1, 3, 4, 4\)",
        ),
        (lambda: VIDHead(2, 2)([1.0]), "student_feature: expected a floating-point tensor"),
    ],
)
def test_vid_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


# ---------------------------------------------------------------- prime-aware


def test_prime_aware_by_hand():
    head = PrimeAwareHead(2, 2, clamp=2.0, batch_norm=False)
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
        head.linear.bias.copy_(torch.tensor([0.0, 1.0]))
    out = head(torch.tensor([[1.0, 4.0]]))
    torch.testing.assert_close(out, torch.tensor([[2 * math.tanh(0.5), 2 * math.tanh(-1.5)]]))


def test_prime_aware_defaults():
    head = PrimeAwareHead(4)
    assert head(torch.randn(3, 4)).shape == (3, 4)
    assert head.clamp == 5.0 and isinstance(head.norm, nn.BatchNorm1d) and head.linear.bias is None
    assert PrimeAwareHead(4, 2, batch_norm=False).linear.bias is not None


@pytest.mark.parametrize("clamp", [0.5, 5.0])
def test_prime_aware_is_bounded_where_errors_vanish(clamp):
    """Without the bound the loss has no minimum where the student is perfect."""
    torch.manual_seed(0)
    head, feature = PrimeAwareHead(3, clamp=clamp), torch.randn(8, 3)
    optimizer = torch.optim.Adam(head.parameters(), lr=1.0)
    for _ in range(100):
        log_variance = head(feature)
        loss = prime_aware_loss(feature, feature, log_variance)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert -clamp <= log_variance.min() and log_variance.max() < -0.9 * clamp
    assert all(p.grad.isfinite().all() for p in head.parameters())


def test_prime_aware_recovers_from_its_bound():
    """A hard bound would have no gradient left."""
    head = PrimeAwareHead(1, clamp=1.0, batch_norm=False)
    nn.init.constant_(head.linear.bias, -3.0)
    log_variance = head(torch.zeros(1, 1))
    prime_aware_loss(torch.zeros(1, 1), torch.full((1, 1), 3.0), log_variance).backward()  # errors again
    assert head.linear.bias.grad < -0.01


def test_prime_aware_gradient_reaches_the_student():
    student = torch.randn(5, 4, requires_grad=True)
    PrimeAwareHead(4, 2)(student).square().sum().backward()
    assert student.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PrimeAwareHead(0), "in_features: expected a whole number"),
        (lambda: PrimeAwareHead(2, 0), "out_features: expected a whole number"),
        (lambda: PrimeAwareHead(2, clamp=0.0), r"clamp: expected a finite number in \(0, inf\), got 0.0"),
        (
            lambda: PrimeAwareHead(2)(torch.zeros(3, 4)),
            r"student_feature: expected shape \(B, 2\), got \(3, 4\)",
        ),
        (lambda: PrimeAwareHead(2)(torch.zeros(3, 2, 1)), r"student_feature: expected shape \(B, 2\)"),
    ],
)
def test_prime_aware_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
