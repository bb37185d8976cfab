import math

import pytest
import torch

from kdcourse.theory import bayes_distilled_risk, distillation_error, empirical_risk


def draws(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_risks_agree_with_plain_loops():
    losses, p, labels = draws(5, 3), draws(5, 3, seed=1).softmax(1), torch.tensor([2, 0, 1, 1, 2])
    by_label = sum(losses[n, y].item() for n, y in enumerate(labels)) / 5
    by_class = sum(p[n, c].item() * losses[n, c].item() for n in range(5) for c in range(3)) / 5
    assert empirical_risk(losses, labels).item() == pytest.approx(by_label, rel=1e-12)
    assert bayes_distilled_risk(p, losses).item() == pytest.approx(by_class, rel=1e-12)


def test_a_one_hot_distribution_gives_the_one_hot_risk():
    losses, labels = draws(6, 4), torch.tensor([0, 1, 2, 3, 3, 1])
    one_hot = torch.nn.functional.one_hot(labels, 4).double()
    torch.testing.assert_close(bayes_distilled_risk(one_hot, losses), empirical_risk(losses, labels))


def test_same_mean_and_the_variance_that_the_formula_says():
    """Exactly, over all labels that two inputs may have; each input's class probabilities are known."""
    p = torch.tensor([[0.7, 0.3], [0.1, 0.9]], dtype=torch.float64)
    losses = torch.tensor([[0.2, 1.5], [2.0, 0.4]], dtype=torch.float64)
    mean = square = 0.0
    for a in range(2):
        for b in range(2):
            risk = empirical_risk(losses, torch.tensor([a, b])).item()
            weight = (p[0, a] * p[1, b]).item()
            mean, square = mean + weight * risk, square + weight * risk**2
    assert bayes_distilled_risk(p, losses).item() == pytest.approx(mean, rel=1e-12)
    within = (p * losses**2).sum(1) - (p * losses).sum(1) ** 2  # Var(loss | x) of each input
    assert square - mean**2 == pytest.approx(within.mean().item() / 2, rel=1e-12)


def test_both_can_be_minimised():
    losses = draws(4, 3).requires_grad_()
    p, labels = draws(4, 3, seed=2).softmax(1), torch.tensor([0, 2, 1, 0])
    (gradient,) = torch.autograd.grad(bayes_distilled_risk(p, losses), losses)
    torch.testing.assert_close(gradient, p / 4)
    (gradient,) = torch.autograd.grad(empirical_risk(losses, labels), losses)
    torch.testing.assert_close(gradient, torch.nn.functional.one_hot(labels, 3).double() / 4)


@pytest.mark.parametrize("gamma", [0.3, 1, 4.0])
def test_distillation_error_agrees_with_a_plain_loop(gamma):
    s, t, labels = draws(5, 3), draws(5, 3, seed=1), [2, 0, 1, 1, 2]
    total = 0.0
    for n, y in enumerate(labels):
        a, b = ([math.exp(z / gamma) for z in row[n].tolist()] for row in (s, t))
        total += abs(a[y] / sum(a) - b[y] / sum(b))
    got = distillation_error(s, t, torch.tensor(labels), gamma=gamma)
    assert got.item() == pytest.approx(total / 5, rel=1e-12)
    assert distillation_error(t, s, torch.tensor(labels), gamma=gamma) == got
    assert distillation_error(s, s + 5, torch.tensor(labels), gamma=gamma).item() == pytest.approx(
        0, abs=1e-12
    )


def test_extreme_logits_and_wrong_arguments():
    far = torch.tensor([[1e4, -1e4]], dtype=torch.float64)
    assert distillation_error(far, -far, torch.tensor([0]), gamma=1e-3).item() == 1
    good, labels = torch.zeros(4, 3), torch.zeros(4, dtype=torch.long)
    for call, said in (
        (lambda: empirical_risk(good[0], labels), "losses"),
        (lambda: empirical_risk(good, labels + 3), "labels"),
        (lambda: bayes_distilled_risk(good[:2], good), "losses: expected the shape"),
        (lambda: bayes_distilled_risk(good, good[:0]), "losses"),
        (lambda: distillation_error(good, good[:2], labels, gamma=1.0), "teacher_logits"),
        (lambda: distillation_error(good, good, labels, gamma=0.0), "gamma"),
    ):
        with pytest.raises(ValueError, match=said):
            call()
