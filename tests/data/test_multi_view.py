import math

import pytest
import torch

from kdcourse.data import draw_multi_view


def test_a_short_draw_is_the_start_of_a_long_one_and_seeds_differ():
    long, short, other = (draw_multi_view(n, seed=s) for n, s in ((60, 1), (20, 1), (20, 2)))
    for a, b, c in zip(long, short, other):
        assert torch.equal(a[:20], b) and not torch.equal(b, c)


@pytest.mark.parametrize("weak_views", [1, 2])
def test_what_each_example_shows(weak_views):
    examples = draw_multi_view(500, seed=0, weak=0.25, weak_views=weak_views)
    for features, label, single in zip(examples.features, examples.labels, examples.single):
        own, other = (features[:2], features[2:]) if label == 0 else (features[2:], features[:2])
        assert sorted(own.tolist()) == ([0, 1] if single else [1, 1])
        assert sorted(other.tolist()) == ([0, 0.25] if weak_views == 1 else [0.25, 0.25])


def test_shares_are_as_asked_for():
    examples = draw_multi_view(20_000, seed=5, single=0.3)
    assert examples.labels.double().mean().item() == pytest.approx(0.5, abs=0.02)
    for label, own in ((0, (0, 1)), (1, (2, 3))):
        rows = examples.labels == label
        assert examples.single[rows].double().mean().item() == pytest.approx(0.3, abs=0.02)
        seen = examples.features[rows & examples.single][:, own].mean(dim=0)
        torch.testing.assert_close(seen, torch.tensor([0.5, 0.5]), atol=0.03, rtol=0)
        weak = examples.features[rows][:, [i for i in range(4) if i not in own]] > 0
        torch.testing.assert_close(weak.float().mean(dim=0), torch.tensor([0.5, 0.5]), atol=0.03, rtol=0)
    assert not draw_multi_view(50, seed=0, single=0.0).single.any()
    assert draw_multi_view(50, seed=0, single=1.0).single.all()


def test_noise_has_its_length_and_any_direction():
    noise = draw_multi_view(2000, seed=0, noise_size=20, noise=3.0).noise
    torch.testing.assert_close(noise.norm(dim=1), torch.full((2000,), 3.0))
    assert noise.mean(dim=0).norm() < 0.2
    cosines = (noise @ noise.T / 9).fill_diagonal_(0)
    assert cosines.square().mean().item() == pytest.approx(1 / 20, rel=0.05)


@pytest.mark.parametrize(
    "options",
    [
        {"n": 0},
        {"seed": -1},
        {"noise_size": 0},
        {"single": 1.2},
        {"weak": -0.1},
        {"noise": math.inf},
        {"weak_views": 3},
    ],
)
def test_numbers_out_of_range(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        draw_multi_view(**{"n": 5, "seed": 0} | options)
