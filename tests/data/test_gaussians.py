import math

import pytest
import torch

from kdcourse.data import draw_gaussians


def test_a_short_draw_is_the_start_of_a_long_one_and_seeds_differ():
    long, short, other = (draw_gaussians(n, seed=s) for n, s in ((50, 1), (9, 1), (9, 2)))
    for a, b, c in zip(long, short, other):
        assert torch.equal(a[:9], b) and not torch.equal(b, c)


def test_the_probabilities_are_bayes_rule():
    points = draw_gaussians(20, seed=0, classes=4, radius=2.0)
    means = [(2 * math.cos(math.pi * c / 2), 2 * math.sin(math.pi * c / 2)) for c in range(4)]
    for (x, y), row in zip(points.inputs.tolist(), points.probabilities.tolist()):
        densities = [math.exp(-((x - a) ** 2 + (y - b) ** 2) / 2) for a, b in means]
        assert row == pytest.approx([d / sum(densities) for d in densities], rel=1e-9)


def test_each_class_has_its_mean_and_variance_one():
    points = draw_gaussians(60_000, seed=3)
    for c in range(3):
        rows = points.inputs[points.labels == c]
        angle = 2 * math.pi * c / 3
        expected = torch.tensor([1.5 * math.cos(angle), 1.5 * math.sin(angle)], dtype=torch.float64)
        torch.testing.assert_close(rows.mean(dim=0), expected, atol=0.04, rtol=0)
        torch.testing.assert_close(rows.T.cov(), torch.eye(2, dtype=torch.float64), atol=0.04, rtol=0)


def test_labels_follow_their_probabilities():
    points = draw_gaussians(60_000, seed=4)
    likely = points.probabilities.max(dim=1)
    for low, high in ((0.4, 0.5), (0.6, 0.7), (0.9, 0.95)):
        inside = (likely.values > low) & (likely.values < high)
        right = (points.labels == likely.indices)[inside].double().mean().item()
        assert right == pytest.approx(likely.values[inside].mean().item(), abs=0.02)


@pytest.mark.parametrize(
    "options", [{"n": 0}, {"seed": -1}, {"classes": 1}, {"radius": -1.0}, {"radius": math.inf}]
)
def test_numbers_out_of_range(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        draw_gaussians(**{"n": 5, "seed": 0} | options)
