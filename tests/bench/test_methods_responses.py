"""What methods of labels and responses minimise, at the first batch, against plain loops over nets."""

import pytest
import torch
import torch.nn.functional as F
from tiny import tiny_world

from kdcourse.bench.methods import METHODS
from kdcourse.bench.room import Room

SEEDS = (0, 1)


class Spy(Room):
    """Keeps what a method would train, and the loss of its new nets at the batch of `step`."""

    step = 0

    def train(self, make, objective, wanted=(), *, steps=None, start=None, **options):
        nets = self.new_nets(make).train()
        batch = self._batches(wanted)(self.step)
        self.losses = objective(nets, *batch).detach()
        self.options, self.members = options, [nets.member(i).train() for i in range(len(self.seeds))]
        self.batch = batch
        return nets


@pytest.fixture
def spy(tmp_path):
    return Spy(tiny_world(), "cnn", SEEDS, steps=8, rate=1e-2, folder=tmp_path)


def begin(spy, name, **setting):
    """Losses at the first batch, and (logits, labels, teacher's logits) of each net."""
    METHODS[name].train(spy, **setting)
    images, labels, *said = spy.batch
    rows = []
    for place, net in enumerate(spy.members):
        output = net(images[place])
        logits = output[0] if isinstance(output, tuple) else output
        rows.append((logits.detach().double(), labels[place], [s[place].double() for s in said], output))
    return spy.losses.double(), rows


def softmax(row, temperature=1.0):
    return [v / sum(e) for e in [[(x / temperature).exp() for x in row]] for v in e]


def kl(p, q):
    return sum(a * (a / b).log() for a, b in zip(p, q))


def cross_entropy(logits, labels):
    return sum(-softmax(row)[y].log() for row, y in zip(logits, labels.tolist())) / len(labels)


def mean_over_images(function, *rows):
    return sum(function(*one) for one in zip(*rows)) / len(rows[0])


def check(losses, expected):
    torch.testing.assert_close(
        losses, torch.stack([torch.as_tensor(e) for e in expected]), rtol=1e-4, atol=1e-5
    )


def test_alone(spy):
    losses, rows = begin(spy, "alone", weight_decay=0.3)
    check(losses, [cross_entropy(logits, labels) for logits, labels, _, _ in rows])
    assert spy.options == {"weight_decay": 0.3}


def test_label_smoothing(spy):
    losses, rows = begin(spy, "label_smoothing", smoothing=0.2)

    def to_all_classes(s):
        return -sum(p.log() for p in softmax(s)) / len(s)

    check(
        losses,
        [0.8 * cross_entropy(s, y) + 0.2 * mean_over_images(to_all_classes, s) for s, y, _, _ in rows],
    )


@pytest.mark.parametrize("temperature, alpha", [(1.0, 0.9), (4.0, 0.2), (10.0, 1.0)])
def test_kd(spy, temperature, alpha):
    losses, rows = begin(spy, "kd", temperature=temperature, alpha=alpha)

    def soft(s, t):
        return temperature**2 * kl(softmax(t, temperature), softmax(s, temperature))

    check(
        losses,
        [(1 - alpha) * cross_entropy(s, y) + alpha * mean_over_images(soft, s, t) for s, y, (t,), _ in rows],
    )


def test_hard_labels(spy):
    losses, rows = begin(spy, "hard_labels", alpha=0.7)
    check(
        losses,
        [0.3 * cross_entropy(s, y) + 0.7 * cross_entropy(s, t.argmax(1)) for s, y, (t,), _ in rows],
    )


def balanced(spy, name, multiple, term):
    """Losses at the second batch, and what they should be with the weight of the first."""
    expected = []
    for spy.step in (0, 1):
        losses, rows = begin(spy, name, multiple=multiple)
        expected.append([(cross_entropy(s, y), term(s, t, o)) for s, y, (t,), o in rows])
    weights = [multiple * main / extra.abs() for main, extra in expected[0]]
    return losses, [main + w * extra for w, (main, extra) in zip(weights, expected[1])]


def test_logit_matching_pulls_as_strongly_as_the_labels_at_first(spy):
    check(*balanced(spy, "logit_matching", 2.0, lambda s, t, _: 0.5 * (s - t).square().sum(1).mean()))


@pytest.mark.parametrize("beta", [0.1, 0.5])
def test_divergence(spy, beta):
    losses, rows = begin(spy, "divergence", beta=beta)

    def jensen_shannon(s, t):
        p, q = softmax(t), softmax(s)
        middle = [beta * a + (1 - beta) * b for a, b in zip(p, q)]
        return beta * kl(p, middle) + (1 - beta) * kl(q, middle)

    check(
        losses,
        [0.1 * cross_entropy(s, y) + 0.9 * mean_over_images(jensen_shannon, s, t) for s, y, (t,), _ in rows],
    )


def test_dkd(spy):
    losses, rows = begin(spy, "dkd", beta=4.0)

    def decoupled(s, t, y):
        p, q = softmax(t, 4.0), softmax(s, 4.0)
        target = kl([p[y], 1 - p[y]], [q[y], 1 - q[y]])
        others = kl(*[[v / (1 - one[y]) for c, v in enumerate(one) if c != y] for one in (p, q)])
        return 16 * (target + 4 * others)

    check(
        losses,
        [cross_entropy(s, y) + mean_over_images(decoupled, s, t, y.tolist()) for s, y, (t,), _ in rows],
    )


def test_dist(spy):
    losses, rows = begin(spy, "dist", weight=2.0)

    def apart(a, b):
        return 1 - torch.corrcoef(torch.stack([a, b]))[0, 1]

    expected = []
    for s, y, (t,), _ in rows:
        q, p = s.softmax(1), t.softmax(1)
        rows_apart = sum(apart(a, b) for a, b in zip(q, p)) / len(q)
        columns_apart = sum(apart(a, b) for a, b in zip(q.T, p.T)) / q.shape[1]
        expected.append(cross_entropy(s, y) + 2 * rows_apart + 2 * columns_apart)
    check(losses, expected)


def test_standardized(spy):
    losses, rows = begin(spy, "standardized", temperature=2.0)

    def soft(s, t):
        p, q = (softmax((one - one.mean()) / one.std(), 2.0) for one in (t, s))
        return 4 * kl(p, q)

    check(losses, [0.1 * cross_entropy(s, y) + 0.9 * mean_over_images(soft, s, t) for s, y, (t,), _ in rows])


def test_prime_aware(spy):
    def term(s, t, output):
        log_variance = output[1].double()
        return ((t - s).square() * (-log_variance).exp() + log_variance).mean()

    check(*balanced(spy, "prime_aware", 0.5, term))


def test_ensemble(spy):
    losses, rows = begin(spy, "ensemble", temperature=4.0)

    def soft(s, *said):
        p = [sum(column) / len(said) for column in zip(*(softmax(t, 4.0) for t in said))]
        return -16 * sum(a * b.log() for a, b in zip(p, softmax(s, 4.0)))

    assert all(len(said) == 3 for _, _, said, _ in rows)
    check(
        losses,
        [0.1 * cross_entropy(s, y) + 0.9 * mean_over_images(soft, s, *said) for s, y, said, _ in rows],
    )


@pytest.mark.parametrize("k", [1, 5])
def test_stored(spy, k):
    losses, rows = begin(spy, "stored", k=k)

    def soft(s, t):
        p = torch.stack(softmax(t))
        kept = p.topk(k).indices.tolist()
        rest = (1 - sum(p[c] for c in kept)) / (len(p) - k)
        target = [p[c] if c in kept else rest for c in range(len(p))]
        return -sum(a * b.log() for a, b in zip(target, softmax(s)))

    check(losses, [0.1 * cross_entropy(s, y) + 0.9 * mean_over_images(soft, s, t) for s, y, (t,), _ in rows])


def test_the_three_settings_of_each_method_differ_and_are_what_it_takes():
    import inspect

    for method in METHODS.values():
        assert len({tuple(sorted(s.items())) for s in method.settings}) == 3
        names = set(inspect.signature(method.train).parameters) - {"room"}
        assert all(set(setting) <= names for setting in method.settings), method.name


def test_methods_have_names_titles_and_lectures_of_their_own():
    assert all(name == method.name for name, method in METHODS.items())
    assert len({method.title for method in METHODS.values()}) == len(METHODS)
    assert all(
        method.lecture in {f"{n:02}" for n in (1, 2, 3, 4, 5, 6, 7, 13, 14)} for method in METHODS.values()
    )
    for method in METHODS.values():
        assert method.source or method.name in {"alone", "hard_labels"}


def test_cross_entropy_of_torch_is_the_loop_above():
    logits, labels = (
        torch.randn(5, 4, generator=torch.Generator().manual_seed(0)),
        torch.tensor([0, 1, 2, 3, 3]),
    )
    torch.testing.assert_close(F.cross_entropy(logits, labels), cross_entropy(logits, labels))
