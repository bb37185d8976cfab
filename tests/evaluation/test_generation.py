import math

import pytest
import torch
from torch import nn

from kdcourse.evaluation import frechet_distance


def rows(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_agrees_with_scipys_matrix_root():
    from scipy.linalg import sqrtm

    a, b = rows(50, 4) @ rows(4, 4, seed=1), rows(60, 4, seed=2) + 1
    root = sqrtm(a.T.cov().numpy() @ b.T.cov().numpy()).real
    expected = (
        (a.mean(0) - b.mean(0)).square().sum() + a.T.cov().trace() + b.T.cov().trace() - 2 * root.trace()
    )
    assert frechet_distance(a, b) == pytest.approx(expected.item(), rel=1e-9)


def test_agrees_with_torchmetrics():
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Flat(nn.Module):
        num_features = 6

        def forward(self, x):
            return x.flatten(1)

    a, b = rows(40, 6).float(), 2 * rows(30, 6, seed=1).float() + 0.5
    metric = FrechetInceptionDistance(feature=Flat(), normalize=True, input_img_size=(1, 2, 3))
    metric.update(a.view(-1, 1, 2, 3), real=True)
    metric.update(b.view(-1, 1, 2, 3), real=False)
    assert frechet_distance(a, b) == pytest.approx(metric.compute().item(), rel=1e-3)


def test_by_hand():
    """For one feature it is (mu1 - mu2)^2 + (sd1 - sd2)^2; independent features add up."""
    a, b = torch.tensor([[0.0], [2.0], [4.0]]), torch.tensor([[1.0], [2.0]])  # means 2, 1.5; variances 4, 0.5
    expected = 0.25 + (2 - math.sqrt(0.5)) ** 2
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)
    cross = torch.tensor([[1.0, 0], [-1, 0], [0, 3], [0, -3]])  # uncorrelated
    expected = (math.sqrt(2 / 3) * 4) ** 2 + (math.sqrt(6) * 1) ** 2
    assert frechet_distance(cross, cross * torch.tensor([5.0, 2.0])) == pytest.approx(expected, rel=1e-9)


def test_what_changes_it_and_what_does_not():
    a, b = rows(30, 5), rows(40, 5, seed=1) * 2
    plain = frechet_distance(a, b)
    assert plain > 1
    assert frechet_distance(b, a) == pytest.approx(plain, rel=1e-9)
    turn = torch.linalg.qr(rows(5, 5, seed=2)).Q
    assert frechet_distance(a @ turn + 3, b @ turn + 3) == pytest.approx(plain, rel=1e-9)
    assert frechet_distance(3 * a, 3 * b) == pytest.approx(9 * plain, rel=1e-9)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a + 2) == pytest.approx(20, rel=1e-9)


def test_fewer_rows_than_features_and_dead_features():
    a, b = rows(4, 9), rows(5, 9, seed=1)
    assert math.isfinite(frechet_distance(a, b)) and frechet_distance(a, b) > 0
    a[:, 3] = b[:, 3] = 0
    assert math.isfinite(frechet_distance(a, b))
    assert frechet_distance(torch.zeros(3, 2), torch.zeros(4, 2)) == 0


def test_it_is_biased_upwards_by_few_rows():
    few = [frechet_distance(rows(20, 8, seed=s), rows(20, 8, seed=100 + s)) for s in range(5)]
    many = [frechet_distance(rows(500, 8, seed=s), rows(500, 8, seed=100 + s)) for s in range(5)]
    assert min(few) > 5 * max(many) > 0


def test_wrong_features():
    good = rows(5, 3)
    for wrong, said in (
        (good[0], r"features: expected shape \(N, D\)"),
        (good[:1], "N >= 2"),
        (good * math.nan, "features: expected finite"),
    ):
        with pytest.raises(ValueError, match=said):
            frechet_distance(wrong, good)
    with pytest.raises(ValueError, match="other: expected 3 features a row, got 2"):
        frechet_distance(good, good[:, :2])
