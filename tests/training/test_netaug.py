"""Network augmentation: the loss, sorting, taking the tiny net out, and its running statistics."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdcourse.models import WidthSlicedNet, mlp, small_cnn
from kdcourse.training import (
    Batches,
    SeedStack,
    calibrate_batchnorm,
    export_tiny,
    fit,
    network_augmentation,
    seeded,
    sort_hidden,
)

NETS = {
    "mlp": (lambda *w: mlp(36, *w, 3), (2, 3), (5, 7)),
    "cnn": (lambda *w: small_cnn(w, (1, 2), classes=3, size=6), (2, 3), (4, 5)),
}
X = torch.rand(20, 1, 6, 6, generator=torch.Generator().manual_seed(0))
Y = torch.arange(20) % 3


def make(kind):
    return lambda: WidthSlicedNet(*NETS[kind])


def test_the_loss_is_that_of_the_tiny_and_of_a_sampled_net():
    net, choices = seeded(make("mlp"), 0), [(2, 5), (3, 7)]
    objective = network_augmentation(choices, alpha=0.3, seed=1)
    tiny = F.cross_entropy(net(X), Y)
    wide = {(a, b): F.cross_entropy(net(X, widths=(a, b)), Y).item() for a in choices[0] for b in choices[1]}
    assert len(set(wide.values())) == 4
    drawn = [(objective(net, X, Y) - tiny).item() / 0.3 for _ in range(60)]
    nearest = [min(wide, key=lambda w: abs(wide[w] - value)) for value in drawn]
    assert all(abs(wide[w] - value) < 1e-5 for w, value in zip(nearest, drawn, strict=True))
    assert {w: nearest.count(w) >= 5 for w in wide} == dict.fromkeys(wide, True)
    again = network_augmentation(choices, alpha=0.3, seed=1)
    assert [(again(net, X, Y) - tiny).item() / 0.3 for _ in range(60)] == pytest.approx(drawn)


def test_both_terms_reach_the_shared_slice():
    net = seeded(make("mlp"), 0)
    (weight, *_) = net.full.parameters()
    gradients = []
    for alpha in (0.0, 1.0):
        loss = network_augmentation([(5,), (7,)], alpha=alpha)(net, X, Y)
        gradients.append(torch.autograd.grad(loss, weight)[0])
    assert not gradients[0][2:].any() and gradients[1][2:].any()
    tiny, wide = (
        torch.autograd.grad(F.cross_entropy(net(X, widths=w), Y), weight)[0] for w in ((2, 3), (5, 7))
    )
    torch.testing.assert_close(gradients[1], tiny + wide)


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("seeds", [None, [3, 4]])
def test_trained_sorted_and_exported(kind, seeds):
    """Training goes on as if nothing had been sorted: the widest net, seen from outside, is the same."""
    net = seeded(make(kind), 3) if seeds is None else SeedStack(make(kind), seeds)
    widest, lead = NETS[kind][2], () if seeds is None else (2,)
    batches = Batches(X.expand(*lead, *X.shape), Y.expand(*lead, 20), batch_size=10, seeds=seeds or 0)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    fit(net, network_augmentation([(2, 4), (3, 5)]), batches, steps=6, optimizer=optimizer)
    tensors = net.tensors() if seeds else dict(net.named_parameters())
    last = "full.head.weight" if kind == "mlp" else "full.head.1.weight"
    with torch.no_grad():
        tensors[last][..., : tensors[last].shape[-1] // 3] *= 0.01  # what the tiny net has is of little worth
    other, other_optimizer = copy.deepcopy((net, optimizer))
    inputs = X.expand(*lead, *X.shape)

    sort_hidden(net, optimizer)
    net.eval(), other.eval()
    torch.testing.assert_close(net(inputs, widths=widest), other(inputs, widths=widest))
    assert (net(inputs) - other(inputs)).abs().max() > 1e-3, "the tiny net is another one"
    outgoing = tensors[last].abs().sum(-2)
    outgoing = outgoing.unflatten(-1, (widest[1], -1)).sum(-1)
    assert (outgoing.diff(dim=-1) <= 0).all() and (outgoing.diff(dim=-1) < 0).any()

    tiny = export_tiny(net)
    assert not tiny.training and type(tiny) is (SeedStack if seeds else type(NETS[kind][0](2, 3)))
    torch.testing.assert_close(tiny(inputs), net(inputs), rtol=0, atol=0)

    def whole(model, images, labels):
        logits = model(images, widths=widest)
        return F.cross_entropy(logits.flatten(0, -2), labels.flatten())

    # On with momentum: equal only if the momenta moved with their weights.
    for model, its_optimizer in ((net, optimizer), (other, other_optimizer)):
        fit(model, whole, lambda step: (inputs, Y.expand(*lead, 20)), steps=3, optimizer=its_optimizer)
    net.eval(), other.eval()
    torch.testing.assert_close(net(inputs, widths=widest), other(inputs, widths=widest), rtol=1e-4, atol=1e-5)


def test_sorting_needs_a_sliced_net():
    with pytest.raises(
        ValueError, match=r"^net: expected a WidthSlicedNet or a SeedStack of them, got StagedNet"
    ):
        sort_hidden(mlp(4, 3, 2))


def normed():
    return nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 3), nn.BatchNorm1d(3, momentum=0.3))


@pytest.mark.parametrize("seeds", [None, [1, 2]])
def test_calibration_against_a_loop(seeds):
    net = seeded(normed, 1) if seeds is None else SeedStack(normed, seeds)
    batches = [5 * torch.randn(n, 4, generator=torch.Generator().manual_seed(n)) + n for n in (6, 9, 7)]
    net.train()
    net(batches[0] if seeds is None else batches[0].expand(2, 6, 4))  # statistics to get rid of
    net.requires_grad_(True)
    before = {k: v.clone() for k, v in net.named_parameters()}
    flags = [m.training for m in net.modules()]
    calibrate_batchnorm(net, batches if seeds is None else [b.expand(2, *b.shape) for b in batches])
    assert [m.training for m in net.modules()] == flags
    assert all(torch.equal(before[k], v) and v.grad is None for k, v in net.named_parameters())
    for i in range(1 if seeds is None else 2):
        member = net if seeds is None else net.member(i)
        first, _, linear, last = member
        assert last.momentum == 0.3 and first.momentum == 0.1
        hidden = [linear((b - b.mean(0)) / (b.var(0, unbiased=False) + 1e-5).sqrt()) for b in batches]
        for layer, inputs in ((first, batches), (last, hidden)):
            torch.testing.assert_close(layer.running_mean, torch.stack([b.mean(0) for b in inputs]).mean(0))
            torch.testing.assert_close(layer.running_var, torch.stack([b.var(0) for b in inputs]).mean(0))


def test_calibration_mends_what_the_wide_net_spoils():
    net = seeded(make("cnn"), 0).train()
    with torch.no_grad():
        for _ in range(50):  # the second stage of the wide net sees other channels, and other statistics
            net(X, widths=(4, 5))
    tiny = export_tiny(net)
    right = copy.deepcopy(tiny).train()(X)
    spoiled = tiny.eval()(X)
    calibrate_batchnorm(tiny, [X])
    assert (tiny(X) - right).abs().max() < 0.1 * (spoiled - right).abs().max()


def test_calibration_leaves_flags_alone_after_an_error_and_without_batches():
    net = seeded(normed, 1).train()
    with pytest.raises(RuntimeError):
        calibrate_batchnorm(net, [torch.rand(3, 5)])
    assert all(m.training for m in net.modules()) and net[3].momentum == 0.3
    with pytest.raises(ValueError, match=r"^batches: expected at least one"):
        calibrate_batchnorm(net, [])
