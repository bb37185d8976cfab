"""The loop: it does what a loop written by hand does, and says so when it cannot."""

import math
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdcourse.models import mlp, small_cnn
from kdcourse.training import Batches, SeedStack, fit, seeded, supervised, warmup_cosine


def make():
    return mlp(6, 5, 3)


def data(n=20):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, 6, generator=generator), torch.randint(3, (n,), generator=generator)


def batches(batch_size=8, seed=0):
    return Batches(*data(), batch_size=batch_size, seeds=seed)


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def rate(step, steps, share=0.05):
    """Linear warm-up, then half a cosine: written once more, from its description."""
    rise = max(1, round(share * steps))
    if step < rise:
        return (step + 1) / rise
    return math.cos(0.5 * math.pi * (step - rise) / (steps - rise)) ** 2


# ---------------------------------------------------------------- equal to a loop by hand


def test_equal_to_a_loop_written_by_hand():
    steps, net, other = 60, seeded(make, 1), seeded(make, 1)
    losses = fit(net, supervised(), batches(), steps=steps, lr=0.02, weight_decay=0.3)

    optimizer = torch.optim.AdamW(other.parameters(), lr=0.02, weight_decay=0.3)
    expected = []
    other.train()
    for step in range(steps):
        x, y = batches()(step)
        optimizer.param_groups[0]["lr"] = 0.02 * rate(step, steps)
        loss = F.cross_entropy(other(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        expected.append(loss.item())

    torch.testing.assert_close(losses, torch.tensor(expected), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(weights(net), weights(other), rtol=1e-5, atol=1e-6)
    assert losses[-1] < 0.7 * losses[0], "and it learns"


def test_defaults_are_the_documented_ones():
    plain, explicit = seeded(make, 1), seeded(make, 1)
    fit(plain, supervised(), batches(), steps=10)
    fit(explicit, supervised(), batches(), steps=10, lr=5e-3, weight_decay=0.0)
    assert torch.equal(weights(plain), weights(explicit))


def test_ones_own_optimizer_has_a_constant_rate():
    net, other = seeded(make, 1), seeded(make, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    fit(net, supervised(), batches(), steps=12, optimizer=optimizer, lr=123.0, weight_decay=9.0)
    assert optimizer.param_groups[0]["lr"] == 0.1
    velocity = [torch.zeros_like(p) for p in other.parameters()]
    for step in range(12):
        x, y = batches()(step)
        gradients = torch.autograd.grad(F.cross_entropy(other(x), y), list(other.parameters()))
        with torch.no_grad():
            for p, v, g in zip(other.parameters(), velocity, gradients, strict=True):
                v.mul_(0.9).add_(g)
                p.sub_(0.1 * v)
    torch.testing.assert_close(weights(net), weights(other), rtol=1e-5, atol=1e-6)


def test_a_schedule_advances_once_a_step_after_the_step():
    net, seen = seeded(make, 1), []
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.1)

    def objective(model, x, y):
        seen.append(optimizer.param_groups[0]["lr"])
        return F.cross_entropy(model(x), y)

    fit(net, objective, batches(), steps=7, optimizer=optimizer, schedule=schedule)
    assert seen == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.01])


def test_only_what_the_optimizer_holds_is_trained():
    pair = nn.ModuleList([seeded(make, 1), seeded(make, 2)])
    before = weights(pair[1])
    optimizer = torch.optim.SGD(pair[0].parameters(), lr=0.1)
    fit(pair, lambda m, x, y: F.cross_entropy(m[0](x) + m[1](x), y), batches(), steps=3, optimizer=optimizer)
    assert torch.equal(weights(pair[1]), before)
    assert not torch.equal(weights(pair[0]), weights(seeded(make, 1)))


def test_gradients_of_before_do_not_count():
    net, other = seeded(make, 1), seeded(make, 1)
    x, y = data()
    (100 * F.cross_entropy(net(x), y)).backward()
    fit(net, supervised(), batches(), steps=2)
    fit(other, supervised(), batches(), steps=2)
    assert torch.equal(weights(net), weights(other))


# ---------------------------------------------------------------- what it calls and returns


def test_every_step_is_asked_for_once_in_order():
    asked = []

    def recorded(step):
        asked.append(step)
        return data()

    fit(make(), supervised(), recorded, steps=5)
    assert asked == [0, 1, 2, 3, 4]


def test_losses_are_those_before_each_step():
    net = seeded(make, 1)
    x, y = batches()(0)
    first = F.cross_entropy(net(x), y).detach()
    losses = fit(net, supervised(), batches(), steps=4)
    assert losses.shape == (4,) and not losses.requires_grad
    torch.testing.assert_close(losses[0], first)


def test_a_stack_returns_a_loss_per_seed():
    stack = SeedStack(make, [0, 1])
    x, y = (torch.stack([part, part]) for part in data())
    losses = fit(stack, supervised(), Batches(x, y, batch_size=8, seeds=[0, 1]), steps=4)
    assert losses.shape == (4, 2) and not torch.equal(losses[:, 0], losses[:, 1])


def test_training_mode_inside_evaluation_mode_after():
    net, modes = small_cnn((4,), (2,), classes=3).eval(), []
    images = torch.randn(8, 1, 8, 8)

    def objective(model, x):
        modes.append([module.training for module in model.modules()])
        return model(x).square().mean()

    fit(net, objective, lambda step: (images,), steps=2)
    assert all(all(flags) for flags in modes) and len(modes) == 2
    assert not any(module.training for module in net.modules())
    assert net.stages["conv1"][1].num_batches_tracked == 2


@pytest.mark.parametrize("steps", [1, 2])
def test_very_short_runs(steps):
    assert fit(make(), supervised(), batches(), steps=steps).shape == (steps,)


# ---------------------------------------------------------------- what can go wrong


@pytest.mark.parametrize(("steps", "every"), [(0, 1), (-3, 1), (1, 0)])
def test_wrong_numbers(steps, every):
    with pytest.raises(ValueError, match=f"^steps and checkpoint_every: .*got {steps} and {every}$"):
        fit(make(), supervised(), batches(), steps=steps, checkpoint_every=every)


@pytest.mark.parametrize("steps", [7, 150])
def test_nan_inputs_are_reported(steps):
    x, y = data()
    x[3, 2] = math.nan
    with pytest.raises(
        FloatingPointError, match=f"loss is nan at step {min(steps, 100) - 1}: check the inputs"
    ):
        fit(make(), supervised(), lambda step: (x, y), steps=steps)


def test_one_diverging_seed_is_reported():
    stack = SeedStack(make, [0, 1])
    x, y = (torch.stack([part, part]) for part in data())
    x[1, 0, 0] = math.inf
    with pytest.raises(FloatingPointError, match=r"loss is \[\d.*, nan\] at step 2"):
        fit(stack, supervised(), Batches(x, y, batch_size=20, seeds=[0, 1]), steps=3)


def test_a_run_that_failed_leaves_no_checkpoint_of_its_failure(tmp_path):
    path = tmp_path / "run.ckpt"
    x, y = data()
    broken = x.clone()
    broken[0, 0] = math.nan
    with pytest.raises(FloatingPointError, match="step 9"):
        fit(
            make(),
            supervised(),
            lambda s: (broken if s > 6 else x, y),
            steps=50,
            checkpoint=path,
            checkpoint_every=5,
        )
    losses = fit(make(), supervised(), lambda step: (x, y), steps=50, checkpoint=tmp_path / "other.ckpt")
    assert losses.isfinite().all()
    from kdcourse.training import load_checkpoint

    state = load_checkpoint(path)
    assert all(value.isfinite().all() for value in state["model"].values())
    assert len(state["losses"]) == 5


# ---------------------------------------------------------------- the schedule


@pytest.mark.parametrize(("steps", "share"), [(100, 0.05), (100, 0.3), (10, 0.05), (37, 0.5)])
def test_warmup_cosine(steps, share):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = warmup_cosine(optimizer, steps, warmup=share)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx([2 * rate(step, steps, share) for step in range(steps)])
    rise = max(1, round(share * steps))
    assert rates[rise - 1] == rates[rise] == 2.0, "the top is reached at the end of the warm-up"
    assert rates[0] == pytest.approx(2 / rise)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12), "and nothing is left at the end"
    assert warmup_cosine.__defaults__ is None and warmup_cosine.__kwdefaults__ == {"warmup": 0.05}


def test_docstring_names_every_argument():
    for name in fit.__code__.co_varnames[: fit.__code__.co_argcount + fit.__code__.co_kwonlyargcount]:
        assert re.search(rf"\b{name}\b", fit.__doc__), name
