"""Early stopping keeps the net of the best look, seed by seed."""

import pytest
import torch

from kdcourse.data import split_digits, stack_sets
from kdcourse.evaluation import accuracy, predict
from kdcourse.models import mlp, small_cnn
from kdcourse.training import Batches, SeedStack, fit, fit_keeping_best, seeded, supervised

SEEDS = [0, 1, 2]


def problem():
    splits = [split_digits(seed) for seed in SEEDS]
    train, validation = (
        stack_sets([getattr(s, part) for s in splits]) for part in ("labelled", "validation")
    )
    return Batches(train.images, train.labels, batch_size=20, seeds=SEEDS), validation


def stack(make=lambda: mlp(64, 12, 10)):
    return SeedStack(make, SEEDS)


def same(one, other):
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_model_itself_ends_where_fit_ends():
    batches, _ = problem()
    looked, plain = stack(), stack()
    options = {"steps": 50, "lr": 0.01, "weight_decay": 0.05, "progress": False}
    fit_keeping_best(
        looked, supervised(), batches, look_every=20, score=lambda net: torch.zeros(3), **options
    )
    fit(plain, supervised(), batches, **options)
    assert same(looked, plain)


@pytest.mark.parametrize("make", [lambda: mlp(64, 12, 10), lambda: small_cnn((4,), (2,))])
def test_each_seed_keeps_the_weights_and_statistics_of_its_own_best_look(make):
    batches, _ = problem()
    planned = torch.tensor([[0.1, 0.9, 0.2], [0.5, 0.3, 0.2], [0.4, 0.9, 0.3], [0.2, 0.1, 0.8]])
    looks = iter(planned)
    net, seen = stack(make), []

    def score(model):
        seen.append([model.member(k).state_dict() for k in range(3)])
        return next(looks)

    best = fit_keeping_best(net, supervised(), batches, steps=35, look_every=10, score=score, progress=False)
    # The second seed reaches .9 twice: the earlier look counts. The last look comes after 35 steps.
    assert best.steps.tolist() == [20, 10, 35]
    torch.testing.assert_close(best.scores, torch.tensor([0.5, 0.9, 0.8]))
    for seed, look in enumerate([1, 0, 3]):
        kept = best.model.member(seed).state_dict()
        assert all(torch.equal(kept[name], value) for name, value in seen[look][seed].items())
    assert len(seen) == 4 and not best.model.training


def test_the_kept_net_has_the_score_that_is_reported():
    batches, validation = problem()

    def score(net):
        return accuracy(predict(net, validation.images), validation.labels)

    best = fit_keeping_best(
        stack(), supervised(), batches, steps=60, look_every=7, score=score, lr=0.05, progress=False
    )
    assert torch.equal(score(best.model), best.scores)
    assert (best.scores > 50).all()


def test_a_single_net():
    _, validation = problem()
    train = split_digits(0).labelled
    net = seeded(lambda: mlp(64, 12, 10), 0)
    best = fit_keeping_best(
        net, supervised(), Batches(*train, batch_size=20, seeds=0), steps=30, look_every=10, progress=False,
        score=lambda net: accuracy(predict(net, validation.images[0]), validation.labels[0]),
    )  # fmt: skip
    assert best.scores.shape == best.steps.shape == ()
    assert best.model is not net


def test_looks_do_not_disturb_the_training_flags_or_the_kept_copy():
    batches, _ = problem()
    net = stack(lambda: small_cnn((4,), (2,)))
    calls = []

    def score(model):
        calls.append(model.training)
        return torch.tensor([3.0, 2.0, 1.0]) if len(calls) == 1 else torch.zeros(3)

    best = fit_keeping_best(net, supervised(), batches, steps=20, look_every=10, score=score, progress=False)
    assert calls == [False, False] and not net.training
    assert not same(best.model, net)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"look_every": 0, "score": lambda net: torch.zeros(3)}, "look_every: expected at least 1"),
        (
            {"score": lambda net: torch.zeros(2)},
            r"score: expected one number a seed, shape \(3,\), got \(2,\)",
        ),
        ({"score": lambda net: 0.5}, r"shape \(3,\), got \(\)"),
    ],
)
def test_bad_input_is_named(options, message):
    batches, _ = problem()
    with pytest.raises(ValueError, match=message):
        fit_keeping_best(stack(), supervised(), batches, steps=2, progress=False, **options)
