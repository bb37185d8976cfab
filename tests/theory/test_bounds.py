import math

import pytest
import torch

from kdcourse.theory import distillation_bound, linear_complexity


def draws(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_terms_by_plain_loops():
    g, gu, fu, labels = draws(6, 3), draws(8, 3, seed=1), draws(8, 3, seed=2), [0, 1, 2, 2, 1, 0]
    gamma, delta = 0.7, 0.1
    terms = distillation_bound(g, torch.tensor(labels), gu, fu, complexity=0.03, gamma=gamma, delta=delta)

    def phi(row):
        e = [math.exp(z / gamma) for z in row.tolist()]
        return [x / sum(e) for x in e]

    training = 2 * sum(1 - phi(row)[y] for row, y in zip(g, labels)) / 6
    apart = [sum(abs(a - b) for a, b in zip(phi(p), phi(q))) / 2 for p, q in zip(gu, fu)]
    assert terms.training == pytest.approx(training, rel=1e-12)
    assert terms.distillation == pytest.approx(2 * sum(apart) / 8, rel=1e-12)
    assert terms.complexity == pytest.approx(0.12)
    assert terms.confidence == pytest.approx(6 * math.sqrt(math.log(40) / 12))
    assert terms.pool == pytest.approx(2 * math.sqrt(math.log(20) / 16))
    assert terms.total == pytest.approx(sum(terms), rel=1e-12) and len(terms) == 5


def signs_complexity(x, norm, gamma, seed):
    """Rademacher complexity of the class, from below: for random signs the best of many members."""
    generator = torch.Generator().manual_seed(seed)
    n, d = x.shape
    members = torch.randn(4000, 3, d, generator=generator, dtype=torch.float64)
    members *= norm / members.flatten(1).norm(dim=1)[:, None, None]
    values = torch.einsum("mkd,nd->mnk", members, x).div(gamma).softmax(dim=2)[..., 0]  # the label is 0
    signs = torch.randint(0, 2, (200, n), generator=generator).double() * 2 - 1
    return (values @ signs.T / n).amax(dim=0).mean().item()


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_complexity_is_an_upper_bound(gamma):
    x = draws(12, 4)
    assert linear_complexity(x, 2.0, gamma=gamma, classes=3) > signs_complexity(x, 2.0, gamma, 0) > 0


def test_how_the_complexity_scales():
    x = draws(12, 4)
    plain = linear_complexity(x, 2.0, gamma=1.0, classes=3)
    assert plain == pytest.approx(2 * math.sqrt(3) * x.norm().item() / 24, rel=1e-12)
    assert linear_complexity(x, 6.0, gamma=1.0, classes=3) == pytest.approx(3 * plain)
    assert linear_complexity(x, 2.0, gamma=4.0, classes=3) == pytest.approx(plain / 4)
    assert linear_complexity(torch.cat([x] * 4), 2.0, gamma=1.0, classes=3) == pytest.approx(plain / 2)


def test_the_bound_holds_where_the_truth_is_known():
    """Two classes at +-e1 with noise; g is fixed beforehand, f wrong on a known share of a fresh pool."""
    rows = draws(4000, 2)
    labels = (draws(4000, seed=1) > 0).long()
    rows[:, 0] += 4 * labels - 2
    weights = torch.tensor([[-3.0, 0], [3.0, 0]], dtype=torch.float64)
    g = rows @ weights.T
    f = g.clone()
    f[::4] = -f[::4]  # f and g differ on a quarter
    sample, pool = slice(0, 2000), slice(2000, 4000)
    complexity = linear_complexity(rows[sample], weights.norm().item(), gamma=1.0, classes=2)
    terms = distillation_bound(g[sample], labels[sample], g[pool], f[pool], complexity=complexity, gamma=1.0)
    error = (f.argmax(1) != labels).double().mean().item()
    assert 0.2 < error < terms.total
    assert terms.distillation == pytest.approx(0.5, abs=0.1)
    same = distillation_bound(g[sample], labels[sample], g[pool], g[pool], complexity=complexity, gamma=1.0)
    assert same.distillation == 0 and same.training == terms.training


def test_wrong_arguments():
    good, labels = torch.zeros(4, 3), torch.zeros(4, dtype=torch.long)
    options = {"complexity": 0.1, "gamma": 1.0}
    for call, said in (
        (
            lambda: distillation_bound(good, labels, good[:, :2], good[:, :2], **options),
            "student_pool_logits",
        ),
        (lambda: distillation_bound(good, labels, good, good[:2], **options), "net_pool_logits"),
        (lambda: distillation_bound(good, labels + 5, good, good, **options), "labels"),
        (lambda: distillation_bound(good, labels, good, good, complexity=0.1, gamma=0.0), "gamma"),
        (lambda: distillation_bound(good, labels, good, good, delta=0.0, **options), "delta"),
        (lambda: linear_complexity(good, -1.0, gamma=1.0, classes=2), "weight_norm"),
        (lambda: linear_complexity(good, 1.0, gamma=1.0, classes=0), "classes"),
    ):
        with pytest.raises(ValueError, match=said):
            call()
