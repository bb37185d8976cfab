"""Mutual learning, self-distillation and the two born-again controls against their formulas."""

import inspect
import math
import statistics

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_case import normal
from loss_tools import probabilities

from kdcourse.losses import (
    confidence_weights,
    mutual_losses,
    permuted_soft_targets,
    self_distillation_loss,
    soft_target_loss,
)

some = settings(max_examples=25, deadline=None, derandomize=True)
sizes = st.integers(1, 5), st.integers(1, 6), st.integers(0, 10**6)
dtypes = pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=lambda d: str(d)[6:]
)
LISTS = {"logits": mutual_losses, "exits": self_distillation_loss}
either = pytest.mark.parametrize(("name", "loss"), LISTS.items(), ids=LISTS)


def example(nets=3, batch=4, classes=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = list(2 * normal(generator, nets, batch, classes))
    return logits, torch.randint(classes, (batch,), generator=generator)


def loop_kl(teacher, student, temperature=1.0):
    total = 0.0
    for t, s in zip(teacher.tolist(), student.tolist(), strict=True):
        p, q = probabilities(t, temperature), probabilities(s, temperature)
        total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    return total / len(student)


def loop_ce(logits, labels):
    rows = zip(logits.tolist(), labels.tolist(), strict=True)
    return -statistics.fmean(math.log(probabilities(z)[y]) for z, y in rows)


def gradients(value, tensors):
    return torch.autograd.grad(value, tensors, allow_unused=True, retain_graph=True)


# ---------------------------------------------------------------- mutual learning


@pytest.mark.parametrize(("nets", "batch", "classes"), [(2, 3, 5), (3, 1, 4), (4, 5, 2), (1, 2, 3)])
def test_mutual_losses_agree_with_plain_loops(nets, batch, classes):
    logits, labels = example(nets, batch, classes)
    losses = mutual_losses(logits, labels)
    assert isinstance(losses, list) and len(losses) == nets
    for k, loss in enumerate(losses):
        expected = loop_ce(logits[k], labels)
        for j in range(nets):
            if j != k:
                expected += loop_kl(logits[j], logits[k]) / (nets - 1)
        assert loss.shape == () and loss.item() == pytest.approx(expected, rel=1e-11)


def test_mutual_losses_by_hand():
    # Probabilities 3/4 and 1/4, and 1/2 each; the label is class 1.
    one, two = torch.tensor([[math.log(3), 0.0]], dtype=torch.float64), torch.zeros(1, 2, dtype=torch.float64)
    of_one, of_two = mutual_losses([one, two], torch.tensor([1]))
    two_to_one = 0.5 * math.log(2 / 3) + 0.5 * math.log(2)
    one_to_two = 0.75 * math.log(3 / 2) + 0.25 * math.log(1 / 2)
    assert of_one.item() == pytest.approx(math.log(4) + two_to_one)
    assert of_two.item() == pytest.approx(math.log(2) + one_to_two)
    # With a third net like the first, the second hears the same from both, the first half as much.
    of_one, of_two, of_three = mutual_losses((one, two, one.clone()), torch.tensor([1]))
    assert of_one.item() == of_three.item() == pytest.approx(math.log(4) + two_to_one / 2)
    assert of_two.item() == pytest.approx(math.log(2) + one_to_two)


def test_a_single_net_learns_from_the_labels_alone():
    logits, labels = example(nets=1)
    (loss,) = mutual_losses(logits, labels)
    torch.testing.assert_close(loss, F.cross_entropy(logits[0], labels))


@pytest.mark.parametrize("nets", [2, 3])
def test_peer_defect_mutual_losses_with_peers_in_the_graph(nets):
    """Peers that are not detached get gradients from each other's losses, which a sum then mixes."""
    logits, labels = example(nets)
    for z in logits:
        z.requires_grad_()
    losses = mutual_losses(logits, labels)
    own = []
    for k, loss in enumerate(losses):
        each = gradients(loss, logits)
        assert all((g is not None) == (j == k) for j, g in enumerate(each))
        own.append(each[k])
    torch.testing.assert_close(gradients(sum(losses), logits), tuple(own))
    with torch.no_grad():
        q = [z.softmax(dim=1) for z in logits]
        for k in range(nets):
            peers = sum(q[j] for j in range(nets) if j != k) / (nets - 1)
            expected = (2 * q[k] - F.one_hot(labels, 5) - peers) / len(labels)
            torch.testing.assert_close(own[k], expected)


@some
@given(st.integers(1, 4), *sizes)
def test_nets_samples_and_classes_can_be_renamed(nets, batch, classes, seed):
    logits, labels = example(nets, batch, classes, seed)
    losses = torch.stack(mutual_losses(logits, labels))
    generator = torch.Generator().manual_seed(seed)
    order, rows, columns = (torch.randperm(n, generator=generator) for n in (nets, batch, classes))
    changed = [logits[k][rows][:, columns] + 7.0 for k in order]
    other = mutual_losses(changed, columns.argsort()[labels][rows])
    torch.testing.assert_close(torch.stack(other), losses[order])


def test_nets_of_different_dtypes():
    logits, labels = example()
    kinds = torch.float32, torch.bfloat16, torch.float64
    mixed = [z.to(kind) for z, kind in zip(logits, kinds, strict=True)]
    exact = mutual_losses([z.double() for z in mixed], labels)
    for loss, kind, expected in zip(mutual_losses(mixed, labels), kinds, exact, strict=True):
        assert loss.dtype == kind
        assert loss.item() == pytest.approx(expected.item(), rel=2 * torch.finfo(kind).eps + 1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sure_nets_that_disagree(dtype):
    logits = [torch.tensor([z], dtype=dtype).requires_grad_() for z in ([1e4, -1e4], [-1e4, 1e4])]
    labels = torch.tensor([0])
    right, wrong = mutual_losses(logits, labels)
    assert right.item() == pytest.approx(2e4) and wrong.item() == pytest.approx(4e4)
    assert gradients(right, logits[:1])[0].tolist() == [[1.0, -1.0]]
    assert gradients(wrong, logits[1:])[0].tolist() == [[-2.0, 2.0]]
    loss = self_distillation_loss(logits[::-1], labels)  # the deepest exit is right
    assert loss.item() == pytest.approx(0.5 * 2e4 + 0.5 * 9 * 2e4 / 3)
    assert gradients(loss, logits[1:])[0].tolist() == [[-2.0, 2.0]]


# ---------------------------------------------------------------- self-distillation


def test_the_defaults_of_self_distillation():
    parameters = inspect.signature(self_distillation_loss).parameters
    assert [(n, p.default) for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY] == [
        ("temperature", 3.0),
        ("alpha", 0.5),
    ]


@pytest.mark.parametrize(("temperature", "alpha"), [(3.0, 0.5), (1.0, 0.3), (2.5, 0.0), (0.5, 1.0)])
@pytest.mark.parametrize(("exits", "batch", "classes"), [(3, 4, 5), (2, 1, 3), (1, 2, 4), (4, 3, 2)])
def test_self_distillation_agrees_with_plain_loops(exits, batch, classes, temperature, alpha):
    logits, labels = example(exits, batch, classes)
    *shallow, deepest = logits
    expected = loop_ce(deepest, labels)
    for z in shallow:
        expected += (1 - alpha) * loop_ce(z, labels)
        expected += alpha * temperature**2 * loop_kl(deepest, z, temperature)
    value = self_distillation_loss(logits, labels, temperature=temperature, alpha=alpha)
    assert value.shape == () and value.item() == pytest.approx(expected, rel=1e-11)


def test_self_distillation_by_hand():
    # The shallow exit says 1/2 and 1/2; the deep one, at T = 2, 3/4 and 1/4, and at T = 1 9/10 and 1/10.
    shallow = torch.zeros(1, 2, dtype=torch.float64)
    deepest = torch.tensor([[2 * math.log(3), 0.0]], dtype=torch.float64)
    divergence = 0.75 * math.log(3 / 2) + 0.25 * math.log(1 / 2)
    expected = math.log(10) + 0.75 * math.log(2) + 0.25 * 4 * divergence
    options = {"temperature": 2.0, "alpha": 0.25}
    label = torch.tensor([1])
    assert self_distillation_loss([shallow, deepest], label, **options).item() == pytest.approx(expected)
    twice = self_distillation_loss((shallow, shallow, deepest), label, **options)
    assert twice.item() == pytest.approx(2 * expected - math.log(10))


def test_the_deepest_exit_learns_from_the_labels_alone():
    logits, labels = example()
    for z in logits:
        z.requires_grad_()
    *shallow, deepest = gradients(self_distillation_loss(logits, labels, alpha=0.3), logits)
    torch.testing.assert_close(deepest, *gradients(F.cross_entropy(logits[-1], labels), logits[-1:]))
    for z, gradient in zip(logits, shallow, strict=False):
        soft = soft_target_loss(z, logits[-1], temperature=3.0)
        alone = 0.7 * F.cross_entropy(z, labels) + 0.3 * soft
        torch.testing.assert_close(gradient, *gradients(alone, [z]))


def test_the_order_of_the_exits_matters_only_at_the_end():
    logits, labels = example()
    plain = self_distillation_loss(logits, labels)
    torch.testing.assert_close(self_distillation_loss([logits[i] for i in (1, 0, 2)], labels), plain)
    assert abs(self_distillation_loss(logits[::-1], labels) - plain) > 0.1


def test_exits_of_different_dtypes():
    logits, labels = example()
    mixed = [logits[0].bfloat16(), logits[1].float(), logits[2]]
    value = self_distillation_loss(mixed, labels)
    assert value.dtype == torch.bfloat16
    exact = self_distillation_loss([z.double() for z in mixed], labels)
    assert value.item() == pytest.approx(exact.item(), rel=2**-8)


def test_the_numbers_of_self_distillation_are_checked():
    logits, labels = example()
    for wrong in (0, -1.0, math.nan):
        with pytest.raises(ValueError, match=rf"^temperature: expected .*\(0, inf\), got {wrong}"):
            self_distillation_loss(logits, labels, temperature=wrong)
    for wrong in (-0.1, 1.1):
        with pytest.raises(ValueError, match=rf"^alpha: expected .*\[0, 1\], got {wrong}"):
            self_distillation_loss(logits, labels, alpha=wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([], ": expected a list of one tensor of shape (B, C) or more, got an empty list"),
        ((), ": expected a list of one tensor of shape (B, C) or more, got an empty tuple"),
        (torch.zeros(2, 3, 4), ": expected a list of one tensor of shape (B, C) or more, got Tensor"),
        (None, ": expected a list of one tensor of shape (B, C) or more, got NoneType"),
        ([torch.zeros(3)], "[0]: expected shape (B, C), got (3,)"),
        ([torch.zeros(2, 4), torch.zeros(2)], "[1]: expected shape (B, C), got (2,)"),
        ([torch.zeros(2, 4), torch.zeros(2, 3)], "[1]: expected the shape of {}[0], (2, 4), got (2, 3)"),
        (
            [torch.zeros(2, 4)] * 2 + [None],
            "[2]: expected a floating-point tensor of shape (B, C), got NoneType",
        ),
        ([torch.zeros(0, 4)], "[0]: expected no empty dimension, got (0, 4)"),
    ],
)
@either
def test_lists_of_logits_are_checked(name, loss, wrong, said):
    with pytest.raises(ValueError, match=r"expected .* got ") as caught:
        loss(wrong, torch.tensor([0, 1]))
    assert str(caught.value) == name + said.format(name)


@either
def test_labels_are_checked(name, loss):
    logits, _ = example(batch=2)
    for labels, said in (
        (torch.tensor([0, 5]), "in 0 .. 4, got values from 0 to 5"),
        (torch.tensor([-100, 0]), "in 0 .. 4, got values from -100 to 0"),
        (torch.tensor([0]), "expected shape (2,) to go with the logits, got (1,)"),
    ):
        with pytest.raises(ValueError, match=r"^labels: expected ") as caught:
            loss(logits, labels)
        assert said in str(caught.value)


@either
def test_vmap_does_not_hide_a_wrong_label(name, loss):
    logits, labels = example()
    stacked, labels = [torch.stack([z, z]) for z in logits], torch.stack([labels, labels])
    labels[1, 2] = -100
    with pytest.raises((RuntimeError, IndexError), match=r"bounds|range"):
        torch.func.vmap(
            lambda z, y: torch.stack([torch.as_tensor(loss(z, y)[0])]) if name == "logits" else loss(z, y)
        )(stacked, labels)


# ---------------------------------------------------------------- confidence weights


@pytest.mark.parametrize(("batch", "classes"), [(4, 5), (1, 3), (3, 1), (2, 2)])
def test_confidence_weights_agree_with_plain_loops(batch, classes):
    (logits,), _ = example(1, batch, classes)
    confidence = [max(probabilities(row)) for row in logits.tolist()]
    expected = [c / sum(confidence) for c in confidence]
    weights = confidence_weights(logits)
    assert weights.shape == (batch,) and weights.tolist() == pytest.approx(expected, rel=1e-12)


def test_confidence_weights_by_hand():
    logits = torch.tensor([[0.9, 0.1, 0.0], [0.4, 0.3, 0.3], [0.2, 0.1, 0.7]], dtype=torch.float64).log()
    logits[0, 2] = -900.0
    assert confidence_weights(logits).tolist() == pytest.approx([0.45, 0.2, 0.35])


def test_equal_confidence_makes_the_weighted_sum_the_mean():
    (logits, _), labels = example(2)
    weights = confidence_weights(torch.eye(5)[:4] * 3.0)
    assert weights.tolist() == pytest.approx([0.25] * 4)
    weighted = (weights * F.cross_entropy(logits, labels, reduction="none")).sum()
    torch.testing.assert_close(weighted, F.cross_entropy(logits, labels))


@dtypes
def test_confidence_weights_are_constants_that_sum_to_one(dtype):
    (logits,), _ = example(1, batch=30)
    logits = logits.to(dtype).requires_grad_()
    weights = confidence_weights(logits)
    assert weights.dtype == dtype and not weights.requires_grad and (weights > 0).all()
    assert weights.double().sum().item() == pytest.approx(1, abs=2 * torch.finfo(dtype).eps)
    sure = torch.tensor([[1e4, -1e4], [0.0, 0.0]], dtype=dtype)
    assert confidence_weights(sure).tolist() == pytest.approx([2 / 3, 1 / 3], rel=torch.finfo(dtype).eps)


@pytest.mark.parametrize("function", [confidence_weights, permuted_soft_targets])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (torch.zeros(4), "expected shape (B, C), got (4,)"),
        (torch.zeros(0, 3), "expected no empty dimension, got (0, 3)"),
        (torch.zeros(2, 3).long(), "expected a floating-point tensor of shape (B, C), got torch.int64"),
        (None, "expected a floating-point tensor of shape (B, C), got NoneType"),
    ],
)
def test_the_teachers_logits_are_checked(function, wrong, said):
    with pytest.raises(ValueError, match=r"expected") as caught:
        function(wrong)
    assert str(caught.value) == f"teacher_logits: {said}"


# ---------------------------------------------------------------- permuted targets


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@some
@given(*sizes, st.floats(0.3, 5.0))
def test_the_largest_stays_and_the_others_are_dealt_out(batch, classes, seed, temperature):
    (logits,), _ = example(1, batch, classes, seed)
    p = (logits / temperature).softmax(dim=1)
    targets = permuted_soft_targets(logits, temperature=temperature, generator=seeded(seed))
    torch.testing.assert_close(targets.sort(dim=1).values, p.sort(dim=1).values)
    assert torch.equal(targets.argmax(dim=1), logits.argmax(dim=1))
    best = logits.argmax(dim=1, keepdim=True)
    torch.testing.assert_close(targets.gather(1, best), p.gather(1, best))


def test_every_permutation_of_the_others_is_as_likely():
    logits = torch.tensor([0.1, 0.05, 0.6, 0.25]).log().expand(6000, 4)
    targets = permuted_soft_targets(logits, generator=seeded())
    assert (targets[:, 2] - 0.6).abs().max() < 1e-6
    orders = targets[:, [0, 1, 3]].argsort(dim=1) @ torch.tensor([9, 3, 1])
    counts = torch.unique(orders, return_counts=True)[1]
    assert len(counts) == 6
    # 1000 of each are expected, with a standard deviation of 29. The seed is fixed.
    assert (counts - 1000).abs().max() < 120


def test_chance_is_in_the_callers_hands():
    (logits,), _ = example(1, 8, 20)
    one, same, other = (permuted_soft_targets(logits, generator=seeded(s)) for s in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    before = torch.get_rng_state()
    permuted_soft_targets(logits, generator=seeded())
    assert torch.equal(torch.get_rng_state(), before), "torch's global generator is left alone"
    with torch.random.fork_rng():
        torch.manual_seed(1)
        one = permuted_soft_targets(logits)
        assert not torch.equal(one, permuted_soft_targets(logits))
        torch.manual_seed(1)
        assert torch.equal(one, permuted_soft_targets(logits))


def test_the_default_temperature_is_one():
    (logits,), _ = example(1)
    parameters = inspect.signature(permuted_soft_targets).parameters
    assert all(
        parameters[name].kind is inspect.Parameter.KEYWORD_ONLY for name in ("temperature", "generator")
    )
    assert parameters["temperature"].default == 1.0 and parameters["generator"].default is None
    with pytest.raises(ValueError, match=r"^temperature: expected .*\(0, inf\), got 0"):
        permuted_soft_targets(logits, temperature=0)


@pytest.mark.parametrize("classes", [1, 2])
def test_with_one_wrong_class_nothing_can_be_exchanged(classes):
    (logits,), _ = example(1, classes=classes)
    torch.testing.assert_close(permuted_soft_targets(logits), logits.softmax(dim=1))


@dtypes
def test_permuted_targets_are_constants_of_the_teachers_dtype(dtype):
    (logits,), _ = example(1, batch=30)
    logits = (1e3 * logits).to(dtype).requires_grad_()
    targets = permuted_soft_targets(logits)
    assert targets.dtype == dtype and not targets.requires_grad
    assert torch.equal(targets.argmax(dim=1), logits.argmax(dim=1))
    assert targets.double().sum(dim=1).tolist() == pytest.approx([1] * 30, abs=5 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("generator", [None, 3])
def test_seeds_under_vmap_get_permutations_of_their_own(generator):
    (logits,), _ = example(1, 8, 20)
    stacked = torch.stack([logits, logits])
    p = logits.softmax(dim=1).sort(dim=1).values

    def targets(randomness):
        chance = None if generator is None else seeded(generator)
        deal = torch.func.vmap(lambda z: permuted_soft_targets(z, generator=chance), randomness=randomness)
        return deal(stacked)

    one, other = targets("different")
    assert not torch.equal(one, other)
    torch.testing.assert_close(torch.stack([one, other]).sort(dim=2).values, torch.stack([p, p]))
    assert torch.equal(*targets("same"))


def test_arguments_are_left_as_they_were():
    logits, labels = example()
    copies = [z.clone() for z in logits]
    mutual_losses(logits, labels)
    self_distillation_loss(logits, labels)
    confidence_weights(logits[0])
    permuted_soft_targets(logits[0])
    assert len(logits) == 3 and all(torch.equal(a, b) for a, b in zip(logits, copies, strict=True))
    assert all(z._version == 0 for z in logits)
