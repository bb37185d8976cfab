"""Many seeds at once are the same as one after the other."""

import copy
import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdcourse.evaluation import predict
from kdcourse.models import mlp, small_cnn
from kdcourse.training import (
    Batches,
    SeedStack,
    Teacher,
    distillation,
    fit,
    for_each_seed,
    seeded,
    supervised,
)

SEEDS = [3, 0, 11]
NETS = {
    "mlp": lambda: mlp(64, 16, 12, 10),
    "cnn": lambda: small_cnn((4, 6), (1, 2), size=8),
}
every_net = pytest.mark.parametrize("make", NETS.values(), ids=NETS.keys())


def images(n=24, seeds=3):
    return torch.randn(seeds, n, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def labels(n=24, seeds=3):
    return torch.randint(10, (seeds, n), generator=torch.Generator().manual_seed(1))


# ---------------------------------------------------------------- one net per seed


@every_net
def test_copies_are_the_nets_of_their_seeds(make):
    stack, x = SeedStack(make, SEEDS), images()
    for mode in (False, True):  # the statistics move in training
        stack.train(mode)
        together = stack(x)
        for i, seed in enumerate(SEEDS):
            alone = seeded(make, seed).train(mode)
            torch.testing.assert_close(together[i], alone(x[i]), rtol=1e-5, atol=1e-6)
    first, second = (next(stack.member(i).parameters()) for i in range(2))
    assert not torch.allclose(first, second)


@every_net
@pytest.mark.parametrize("scheme", ["supervised", "distilled"])
def test_training_together_equals_training_apart(make, scheme):
    x, y, t = images(), labels(), torch.randn(len(SEEDS), 24, 10)
    data = (x, y) if scheme == "supervised" else (x, t, y)
    objective = supervised() if scheme == "supervised" else distillation(temperature=3.0, alpha=0.7)
    stack = SeedStack(make, SEEDS)
    together = fit(stack, objective, Batches(*data, batch_size=10, seeds=SEEDS), steps=25, weight_decay=0.01)
    assert together.shape == (25, 3)
    for i, seed in enumerate(SEEDS):
        alone = seeded(make, seed)
        batches = Batches(*(part[i] for part in data), batch_size=10, seeds=seed)
        losses = fit(alone, objective, batches, steps=25, weight_decay=0.01)
        torch.testing.assert_close(together[:, i], losses, rtol=1e-5, atol=1e-5)
        member, state = stack.member(i).state_dict(), alone.state_dict()
        assert member.keys() == state.keys()
        for name, value in state.items():
            torch.testing.assert_close(
                member[name], value, rtol=1e-5, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}"
            )
    if make is NETS["cnn"]:
        assert {"stages.conv1.1.running_mean", "stages.conv1.1.num_batches_tracked"} < state.keys()
        assert state["stages.conv1.1.num_batches_tracked"] == 25


def test_every_seed_gets_its_whole_gradient():
    """Adam hides a factor in the loss; plain gradient descent does not."""
    x, y, stack = images(), labels(), SeedStack(NETS["mlp"], SEEDS)
    descent = torch.optim.SGD(stack.parameters(), lr=0.1)
    fit(stack, supervised(), Batches(x, y, batch_size=10, seeds=SEEDS), steps=5, optimizer=descent)
    for i, seed in enumerate(SEEDS):
        alone = seeded(NETS["mlp"], seed)
        descent = torch.optim.SGD(alone.parameters(), lr=0.1)
        fit(alone, supervised(), Batches(x[i], y[i], batch_size=10, seeds=seed), steps=5, optimizer=descent)
        torch.testing.assert_close(stack.member(i).head.weight, alone.head.weight, rtol=1e-5, atol=1e-5)


def test_batch_statistics_move_in_training_only():
    stack, x = SeedStack(NETS["cnn"], SEEDS), images()
    before = {name: value.clone() for name, value in stack.named_buffers()}
    stack.eval()(x)
    assert all(torch.equal(value, before[name]) for name, value in stack.named_buffers())
    stack.train()(x)
    assert all(not torch.equal(value, before[name]) for name, value in stack.named_buffers())


@pytest.mark.parametrize("way", ["train", "flag"])
def test_the_mode_is_that_of_the_stack_however_it_was_set(way):
    stack, x = SeedStack(NETS["cnn"], SEEDS), images()
    wrapper = nn.ModuleList([stack]).train()
    before = {name: value.clone() for name, value in stack.named_buffers()}
    if way == "train":
        wrapper.eval()
    else:
        for module in wrapper.modules():
            module.training = False
    stack(x)
    assert all(torch.equal(value, before[name]) for name, value in stack.named_buffers())
    assert not stack.member(0).training
    wrapper.train()
    assert stack.member(0).training and stack.member(0).stages["conv1"].training


def test_predicting_inside_a_wrapper_leaves_a_frozen_stack_frozen():
    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.stack = SeedStack(NETS["cnn"], SEEDS)

        def forward(self, x):
            return self.stack(x)

    wrapper = Wrapper().train()
    wrapper.stack.eval()
    predict(wrapper, images())
    before = {name: value.clone() for name, value in wrapper.named_buffers()}
    wrapper(images())
    assert all(torch.equal(value, before[name]) for name, value in wrapper.named_buffers())


def test_dropout_works_and_is_independent_per_seed():
    stack = SeedStack(lambda: mlp(4, 1000, 2, dropout=0.25), seeds=[5, 5])  # equal weights on purpose
    x = torch.ones(2, 3, 4)
    torch.manual_seed(0)
    _, features = stack(x, return_features=True)
    hidden = features["hidden1"]
    clean = stack.eval()(x, return_features=True)[1]["hidden1"]
    assert torch.equal(clean[0], clean[1])
    alive = clean[0, 0] > 0
    dropped = (hidden == 0)[:, :, alive]  # (S, B, units)
    assert dropped.float().mean().item() == pytest.approx(0.25, abs=0.04)
    for one, other in ((dropped[0], dropped[1]), (dropped[0, 0], dropped[0, 1])):
        both = (one & other).float().mean().item()
        assert both == pytest.approx(0.25**2, abs=0.03), "masks are drawn anew for every seed and sample"


def test_features_get_the_leading_dimension_too():
    stack, x = SeedStack(NETS["cnn"], SEEDS).eval(), images()
    logits, features = stack(x, return_features=True)
    assert logits.shape == (3, 24, 10)
    assert {name: tuple(f.shape) for name, f in features.items()} == {
        "conv1": (3, 24, 4, 8, 8),
        "conv2": (3, 24, 6, 4, 4),
    }
    for i in range(3):
        expected = stack.member(i)(x[i], return_features=True)[1]
        torch.testing.assert_close(features["conv2"][i], expected["conv2"])


# ---------------------------------------------------------------- generators


def test_weights_depend_on_the_seed_alone_and_leave_the_generators_alone(monkeypatch):
    def forbidden(*args):
        raise AssertionError("the generators of the GPUs were seeded")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", forbidden)
    torch.default_generator.manual_seed(0)
    first = SeedStack(NETS["mlp"], SEEDS).state_dict()
    torch.default_generator.manual_seed(99)
    state = torch.get_rng_state()
    second = SeedStack(NETS["mlp"], SEEDS).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], second[name]) for name in first)
    with pytest.raises(RuntimeError, match="broken"):
        seeded(lambda: (_ for _ in ()).throw(RuntimeError("broken")), 0)
    assert torch.equal(torch.get_rng_state(), state), "also when building fails"


def test_seeded_is_what_manual_seed_would_give():
    torch.manual_seed(7)
    expected = mlp(4, 3, 2).head.weight
    assert torch.equal(seeded(lambda: mlp(4, 3, 2), 7).head.weight, expected)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu():
    torch.cuda.manual_seed(5)
    state = torch.cuda.get_rng_state()
    stack, x = SeedStack(NETS["cnn"], SEEDS).eval(), images()
    assert torch.equal(torch.cuda.get_rng_state(), state)
    expected = stack(x)
    torch.testing.assert_close(stack.cuda()(x.cuda()).cpu(), expected, rtol=1e-3, atol=1e-4)
    assert next(stack.member(0).parameters()).is_cuda


# ---------------------------------------------------------------- a module like any other


@every_net
def test_state_dict_round_trip(make):
    stack, x = SeedStack(make, SEEDS), images()
    stack.train()(x)  # moves the statistics
    buffer = io.BytesIO()
    torch.save(stack.state_dict(), buffer)
    buffer.seek(0)
    other = SeedStack(make, [100, 101, 102])
    other.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(other.eval()(x), stack.eval()(x))
    assert not any("skeleton" in name for name in stack.state_dict())


def test_parameters_are_counted_once_and_stacked():
    stack, one = SeedStack(NETS["mlp"], SEEDS), NETS["mlp"]()
    assert sum(p.numel() for p in stack.parameters()) == 3 * sum(p.numel() for p in one.parameters())
    assert all(p.is_leaf and p.requires_grad and p.shape[0] == 3 for p in stack.parameters())


def test_frozen_parameters_stay_frozen():
    def make():
        net = NETS["mlp"]()
        net.head.weight.requires_grad_(False)
        return net

    stack = SeedStack(make, SEEDS)
    frozen = [name for name, p in stack.named_parameters() if not p.requires_grad]
    assert len(frozen) == 1 and "head" in frozen[0]
    assert not stack.member(0).head.weight.requires_grad
    before = stack.member(1).head.weight.clone()
    fit(
        stack, supervised(), Batches(images(), labels(), batch_size=8, seeds=SEEDS), steps=3, weight_decay=0.1
    )
    assert torch.equal(stack.member(1).head.weight, before)
    assert not torch.equal(stack.member(1).head.bias, seeded(make, SEEDS[1]).head.bias)


def test_a_member_is_a_copy():
    stack, x = SeedStack(NETS["cnn"], SEEDS).eval(), images()
    expected = stack(x)
    member = stack.member(1)
    assert type(member) is type(NETS["cnn"]())
    torch.testing.assert_close(member(x[1]), expected[1])
    assert all(p.requires_grad and p.is_leaf for p in member.parameters())
    with torch.no_grad():
        for value in member.state_dict().values():
            value.zero_()
    assert torch.equal(stack(x), expected)
    again = stack.member(1)
    stack._stacked_parameters["head/1/bias"].data.add_(1.0)
    torch.testing.assert_close(again(x[1]), expected[1])


def test_dtype_and_deep_copies():
    stack = SeedStack(NETS["cnn"], SEEDS).double()
    x = images().double()
    assert stack(x).dtype == torch.float64
    assert {v.dtype for v in stack.member(0).state_dict().values()} == {torch.float64, torch.int64}
    twin = copy.deepcopy(stack).eval()
    expected = twin(x)
    fit(stack, lambda m, x: m(x).square().mean(dim=(1, 2)), lambda step: (x,), steps=2)
    assert torch.equal(twin(x), expected)
    assert not torch.allclose(stack(x), expected)


def test_buffers_that_are_not_saved_reach_the_members():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 2)
            self.register_buffer("shift", torch.randn(2), persistent=False)

        def forward(self, x):
            return self.linear(x) + self.shift

    stack, x = SeedStack(Shifted, SEEDS), torch.randn(3, 5, 4)
    together = stack(x)
    for i in range(3):
        torch.testing.assert_close(stack.member(i)(x[i]), together[i])


def test_numbers_of_the_seeds():
    stack = SeedStack(NETS["mlp"], np.array(SEEDS))
    assert stack.seeds == tuple(SEEDS)
    expected = SeedStack(NETS["mlp"], iter(SEEDS))
    assert torch.equal(stack(images()), expected(images()))


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"^seeds: expected at least one seed, got none"):
        SeedStack(NETS["mlp"], [])
    with pytest.raises(TypeError):
        SeedStack(NETS["mlp"], [0.5])
    stack = SeedStack(NETS["mlp"], SEEDS)
    for wrong in (images(seeds=2), images()[0], torch.zeros(3)):
        with pytest.raises(
            ValueError, match=r"^x: expected a leading dimension of 3 seeds, got shape .*x\.expand\(3"
        ):
            stack(wrong)
    same = images()[0]
    assert stack(same.expand(3, *same.shape)).shape == (3, 24, 10), "the advice works"
    with pytest.raises(IndexError):
        stack.member(3)


# ---------------------------------------------------------------- losses for one and for many


def test_for_each_seed_maps_a_loss_over_a_stack_only():
    stack, one = SeedStack(NETS["mlp"], SEEDS), NETS["mlp"]()
    logits, y = torch.randn(3, 24, 10), labels()
    looped = torch.stack([F.cross_entropy(logits[i], y[i], label_smoothing=0.3) for i in range(3)])
    torch.testing.assert_close(for_each_seed(stack, F.cross_entropy, label_smoothing=0.3)(logits, y), looped)
    plain = for_each_seed(one, F.cross_entropy, label_smoothing=0.3)(logits[1], y[1])
    assert plain.shape == () and torch.equal(plain, looped[1])


def test_for_each_seed_draws_for_every_seed():
    stack = SeedStack(NETS["mlp"], SEEDS)
    noise = for_each_seed(stack, lambda z: torch.randn(()) + z.sum())(torch.zeros(3, 2))
    assert noise.unique().numel() == 3


def test_seeds_do_not_mix():
    """The gradient of one seed's loss reaches that seed's slice and no other."""
    stack = SeedStack(NETS["mlp"], SEEDS)
    for_each_seed(stack, F.cross_entropy)(stack(images()), labels())[1].backward()
    for name, p in stack.named_parameters():
        assert p.grad[1].any(), name
        assert not p.grad[[0, 2]].any(), name


def test_one_teacher_for_every_seed():
    teacher = Teacher(SeedStack(NETS["mlp"], SEEDS))
    logits = predict(teacher, images(), batch_size=7)
    assert logits.shape == (3, 24, 10)
    torch.testing.assert_close(logits, teacher(images()))
