"""Predictions leave the model as it was; accuracy and calibration are what one counts by hand."""

import math

import pytest
import torch
from torch import nn

from kdcourse.evaluation import accuracy, expected_calibration_error, predict
from kdcourse.models import mlp, small_cnn
from kdcourse.training import SeedStack, Teacher


def stateful():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(5, 8), nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.5)), nn.BatchNorm1d(8), nn.Linear(8, 3)
    )


# ---------------------------------------------------------------- predict


def test_predictions_are_those_of_evaluation_mode():
    net, x = stateful(), torch.randn(50, 5)
    expected = net.eval()(x).detach()
    logits = predict(net.train(), x)
    assert torch.equal(logits, expected)
    assert not logits.requires_grad and torch.is_grad_enabled()


@pytest.mark.parametrize("batch_size", [1, 7, 50, 51])
def test_batches_equal_the_whole(batch_size):
    net, x = stateful().train(), torch.randn(50, 5)
    torch.testing.assert_close(predict(net, x, batch_size=batch_size), predict(net, x), rtol=1e-5, atol=1e-6)
    stack, many = SeedStack(lambda: mlp(5, 4, 3), [0, 1, 2]), torch.randn(3, 50, 5)
    logits = predict(stack, many, batch_size=batch_size)
    assert logits.shape == (3, 50, 3)
    torch.testing.assert_close(logits, stack(many).detach(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(predict(Teacher(stack), many, batch_size=batch_size), logits)


def test_no_more_samples_at_a_time_than_asked_for():
    seen = []

    class Recorder(nn.Module):
        def forward(self, x):
            seen.append(len(x))
            return x

    predict(Recorder(), torch.zeros(10, 2), batch_size=4)
    assert seen == [4, 4, 2]


def flags(net):
    return {name: module.training for name, module in net.named_modules()}


def test_training_flags_end_as_they_were():
    net = stateful().train()
    net[1].eval()  # a part that is frozen inside a net that is trained
    before = flags(net)
    assert set(before.values()) == {True, False}
    predict(net, torch.randn(4, 5))
    assert flags(net) == before
    net.eval()
    net[1][1].train()  # Monte-Carlo dropout in a net that is not
    before = flags(net)
    predict(net, torch.randn(4, 5))
    assert flags(net) == before
    with pytest.raises(RuntimeError):
        predict(net, torch.randn(4, 6))
    assert flags(net) == before, "also when it fails"


def test_nothing_is_trained():
    net = stateful().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    predict(net, torch.randn(20, 5))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())


def test_a_teacher_stays_in_evaluation_mode():
    pair = nn.Sequential(Teacher(stateful()), nn.BatchNorm1d(3)).train()
    predict(pair, torch.randn(4, 5))
    assert pair.training and pair[1].training
    assert not any(module.training for module in pair[0].modules())


def test_a_stack_goes_on_training():
    stack = SeedStack(lambda: small_cnn((4,), (2,)), [0, 1]).train()
    images = torch.randn(2, 6, 1, 8, 8)
    before = {name: value.clone() for name, value in stack.named_buffers()}
    predict(stack, images)
    assert stack.training
    assert all(torch.equal(value, before[name]) for name, value in stack.named_buffers())
    stack(images)
    assert all(not torch.equal(value, before[name]) for name, value in stack.named_buffers())


# ---------------------------------------------------------------- accuracy


def test_accuracy_by_hand():
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 2.0], [5.0, 1.0, 1.0]])
    labels = torch.tensor([0, 1, 1, 0])
    value = accuracy(logits, labels)
    assert value.item() == 75.0 and value.shape == () and value.dtype == torch.float64
    assert accuracy(logits, torch.tensor([1, 0, 0, 1])).item() == 0.0


def test_accuracy_per_seed():
    logits = torch.eye(3).expand(2, 4, 3, 3).clone()  # (2, 4) runs of 3 samples
    logits[1, 2] = -logits[1, 2]
    expected = torch.full((2, 4), 100.0, dtype=torch.float64)
    expected[1, 2] = 0.0
    assert torch.equal(accuracy(logits, torch.arange(3)), expected), "the same labels for all"
    labels = torch.arange(3).repeat(2, 4, 1)
    labels[0, 0] = torch.tensor([0, 1, 1])
    expected[0, 0] = 200 / 3
    torch.testing.assert_close(accuracy(logits, labels), expected)


def test_accuracy_does_not_round():
    """One third of many samples in float32 would show."""
    logits = torch.zeros(3_000_001, 2)
    logits[: 10**6, 1] = 1
    assert accuracy(logits, torch.ones(3_000_001, dtype=torch.int64)).item() == pytest.approx(
        1e8 / 3_000_001, rel=1e-15
    )


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (torch.zeros(4, 3), torch.zeros(5, dtype=torch.int64)),
        (torch.zeros(4), torch.zeros(4, dtype=torch.int64)),
        (torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)),
        (torch.zeros(4, 3), torch.tensor(1)),
    ],
)
@pytest.mark.parametrize("measure", [accuracy, expected_calibration_error])
def test_wrong_shapes(measure, logits, labels):
    with pytest.raises(ValueError, match=r"^logits: expected .*, C\) .*got \("):
        measure(logits, labels)


# ---------------------------------------------------------------- calibration


def logits_of(*confidences):
    """Two classes; the first gets the given probability."""
    return torch.tensor([[math.log(c), math.log1p(-c)] if c < 1 else [60.0, -60.0] for c in confidences])


def ece(logits, labels, bins):
    """The definition, one sample at a time: bins of equal width, each but the first open below."""
    n = len(labels)
    members = [[] for _ in range(bins)]
    for z, y in zip(logits.double(), labels, strict=True):
        p = z.softmax(dim=0)
        confidence, prediction = p.max(dim=0)
        number = min(bins - 1, math.floor(confidence.item() * bins))
        members[number].append((confidence.item(), float(prediction == y)))
    total = 0.0
    for rows in members:
        if rows:
            total += abs(sum(c for c, _ in rows) - sum(right for _, right in rows)) / n
    return 100 * total


def test_calibration_by_hand():
    # Bin (0.6, 0.667]: 0.62 and 0.66, one of two right; bin (0.867, 0.933]: 0.9 and 0.91, both right.
    logits, labels = logits_of(0.62, 0.66, 0.9, 0.91), torch.tensor([0, 1, 0, 0])
    by_hand = 100 * (0.5 * abs(0.64 - 0.5) + 0.5 * abs(0.905 - 1))
    assert expected_calibration_error(logits, labels).item() == pytest.approx(by_hand, rel=1e-4)
    # With two bins all four share one: 0.7725 against three of four.
    assert expected_calibration_error(logits, labels, bins=2).item() == pytest.approx(2.25, rel=1e-3)


def test_full_confidence_belongs_to_the_last_bin():
    """Saturated nets give 1.0 in float32: it shares a bin with 0.97, or their two errors no longer cancel."""
    logits, labels = logits_of(1.0, 0.97), torch.tensor([1, 0])
    assert logits.softmax(dim=1).max() == 1.0
    assert expected_calibration_error(logits, labels).item() == pytest.approx(
        100 * abs(0.985 - 0.5), rel=1e-4
    )


@pytest.mark.parametrize("bins", [1, 5, 15])
@pytest.mark.parametrize("scale", [0.5, 3.0, 50.0])
def test_calibration_agrees_with_the_definition(bins, scale):
    generator = torch.Generator().manual_seed(1)
    logits = scale * torch.randn(200, 4, generator=generator)
    labels = torch.randint(4, (200,), generator=generator)
    got = expected_calibration_error(logits, labels, bins=bins)
    assert got.item() == pytest.approx(ece(logits, labels, bins), abs=1e-3)


def test_calibration_per_seed():
    generator = torch.Generator().manual_seed(2)
    logits, labels = (
        torch.randn(2, 3, 40, 4, generator=generator),
        torch.randint(4, (40,), generator=generator),
    )
    together = expected_calibration_error(logits, labels)
    assert together.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(together[i, j], expected_calibration_error(logits[i, j], labels))
    own = torch.randint(4, (2, 3, 40), generator=generator)
    one = expected_calibration_error(logits, own)[1, 0]
    torch.testing.assert_close(one, expected_calibration_error(logits[1, 0], own[1, 0]))


def test_perfect_and_worst_calibration():
    labels = torch.zeros(10, dtype=torch.int64)
    assert expected_calibration_error(logits_of(*[1.0] * 10), labels).item() == pytest.approx(0, abs=1e-4)
    assert expected_calibration_error(logits_of(*[1.0] * 10), labels + 1).item() == pytest.approx(
        100, abs=1e-4
    )
    seven_of_ten = torch.tensor([0] * 7 + [1] * 3)
    assert expected_calibration_error(logits_of(*[0.7] * 10), seven_of_ten).item() == pytest.approx(
        0, abs=1e-4
    )


@pytest.mark.parametrize("seeds, largest", [(None, 2048), (1, 1280), (5, 256), (100, 32)])
def test_a_stack_looks_at_fewer_samples_at_once(seeds, largest):
    """By default; large batches of many nets are slow where memory is fetched anew for each."""
    seen = []

    class Net(nn.Module):
        def forward(self, x):
            seen.append(x.shape[-2])
            return x

    net = Net()
    images = torch.zeros(3000, 2)
    if seeds is not None:
        net.seeds = range(seeds)
        images = images.expand(seeds, 3000, 2)
    assert predict(net, images).shape == images.shape
    assert max(seen) == largest and sum(seen) == 3000
