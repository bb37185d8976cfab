"""Distribution focal loss against a loop, by hand, and at its edges. The laws are in test_laws.py."""

import math

import pytest
import torch

from kdcourse.losses import distribution_focal_loss
from kdcourse.models import edge_distances


def by_loops(edge_bins, target):
    total = 0.0
    for box, goals in zip(edge_bins.tolist(), target.tolist(), strict=True):
        for logits, y in zip(box, goals, strict=True):
            top = max(logits)
            log_sum = top + math.log(sum(math.exp(z - top) for z in logits))
            k = min(math.floor(y), len(logits) - 2)
            total -= (k + 1 - y) * (logits[k] - log_sum) + (y - k) * (logits[k + 1] - log_sum)
    return total / (4 * len(target))


@pytest.mark.parametrize(("boxes", "bins"), [(1, 2), (3, 5), (5, 17)])
def test_against_a_loop(boxes, bins):
    generator = torch.Generator().manual_seed(bins)
    edges = 2 * torch.randn(boxes, 4, bins, dtype=torch.float64, generator=generator)
    target = (bins - 1) * torch.rand(boxes, 4, dtype=torch.float64, generator=generator)
    target[0, 0], target[0, 1] = 0, bins - 1  # both ends
    assert distribution_focal_loss(edges, target).item() == pytest.approx(by_loops(edges, target))


def test_by_hand():
    """Probabilities 1/4 and 1/2 at bins 1 and 2, target 1.75: -(log(1/4) + 3 log(1/2)) / 4 = 5/4 log 2."""
    edges = torch.tensor([1.0, 2.0, 4.0, 1.0]).log().expand(1, 4, 4)
    loss = distribution_focal_loss(edges, torch.full((1, 4), 1.75))
    assert loss.item() == pytest.approx(1.25 * math.log(2))


def test_on_a_bin_it_is_cross_entropy():
    edges = torch.randn(3, 4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    bins = torch.randint(6, (3, 4), generator=torch.Generator().manual_seed(1))
    expected = torch.nn.functional.cross_entropy(edges.flatten(0, 1), bins.flatten())
    torch.testing.assert_close(distribution_focal_loss(edges, bins.double()), expected)


def test_it_is_least_where_the_two_bins_hold_the_target():
    """There the expectation is the target, and the gradient is zero."""
    target = torch.tensor([[0.25, 1.5, 2.0, 3.75]], dtype=torch.float64)
    lower = target.floor().long().clamp(max=3)
    best = torch.full((1, 4, 5), 1e-12, dtype=torch.float64)
    best.scatter_(2, (lower + 1)[..., None], (target - lower)[..., None])
    best.scatter_(2, lower[..., None], (lower + 1 - target)[..., None])
    edges = best.clamp(min=1e-12).log().requires_grad_()
    torch.testing.assert_close(edge_distances(edges), target, atol=1e-9, rtol=0)
    (gradient,) = torch.autograd.grad(distribution_focal_loss(edges, target), edges)
    assert gradient.abs().max() < 1e-9


@pytest.mark.parametrize(("outside", "nearest"), [(-3.0, 0.0), (5.0, 4.0), (900.0, 4.0)])
def test_a_target_out_of_range_counts_as_the_nearest_bin(outside, nearest):
    edges = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))
    one, other = (distribution_focal_loss(edges, torch.full((2, 4), y)) for y in (outside, nearest))
    assert torch.equal(one, other)


@pytest.mark.parametrize("bins", [2, 5])
def test_a_target_that_is_not_a_number_is_seen_in_the_loss(bins):
    assert distribution_focal_loss(torch.zeros(1, 4, bins), torch.full((1, 4), math.nan)).isnan()


def test_no_gradient_reaches_the_target():
    target = torch.full((1, 4), 1.5, requires_grad=True)
    edges = torch.zeros(1, 4, 4, requires_grad=True)
    distribution_focal_loss(edges, target).backward()
    assert target.grad is None and edges.grad.any()


@pytest.mark.parametrize(
    ("edges", "target", "message"),
    [
        (
            torch.zeros(2, 3, 5),
            torch.zeros(2, 3),
            "edge_bins: expected shape (N, 4, n), four edges of a box and n >= 2 bins, got (2, 3, 5)",
        ),
        (
            torch.zeros(2, 4, 1),
            torch.zeros(2, 4),
            "edge_bins: expected shape (N, 4, n), four edges of a box and n >= 2 bins, got (2, 4, 1)",
        ),
        (torch.zeros(2, 4, 5), torch.zeros(3, 4), "target: expected shape (2, 4), got (3, 4)"),
        (torch.zeros(4, 5), torch.zeros(2, 4), "edge_bins: expected shape (N, 4, n), got (4, 5)"),
        (torch.zeros(2, 4, 5), torch.zeros(4), "target: expected shape (N, 4), got (4,)"),
    ],
)
def test_bad_input_is_named(edges, target, message):
    with pytest.raises(ValueError) as raised:
        distribution_focal_loss(edges, target)
    assert str(raised.value) == message
