import pytest
import torch
from torch import nn

from kdcourse.losses import adversarial_loss, critic_hinge_loss
from kdcourse.training import SeedStack, fit_with_critic, for_each_seed


class Shift(nn.Module):
    """A generator that can only add a number."""

    def __init__(self):
        super().__init__()
        self.by = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x + self.by


def critic():
    return nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))


def batches(step):
    generator = torch.Generator().manual_seed(step)
    return torch.randn(64, 1, generator=generator), 2 + torch.randn(64, 1, generator=generator)


def fool(model, critic, noise, real):
    return adversarial_loss(critic(model(noise)))


def tell_apart(model, critic, noise, real):
    return critic_hinge_loss(critic(model(noise).detach()), critic(real))


def test_the_model_moves_to_where_the_real_ones_are():
    torch.manual_seed(0)
    model, judge = Shift(), critic()
    losses = fit_with_critic(
        model, judge, fool, tell_apart, batches, steps=300, lr=0.03, critic_lr=0.03, progress=False
    )
    assert losses.shape == (300, 2)
    assert model.by.item() == pytest.approx(2, abs=0.5)


def test_each_moves_in_its_own_step_only():
    """By hand: two optimisers, and the critic's gradients of the model's step thrown away."""
    torch.manual_seed(0)
    model, judge = Shift(), critic()
    mine, theirs = Shift(), critic()
    theirs.load_state_dict(judge.state_dict())
    fit_with_critic(model, judge, fool, tell_apart, batches, steps=4, lr=0.1, critic_lr=0.2, progress=False)
    optimizers = [
        torch.optim.Adam(n.parameters(), lr=r, betas=(0.5, 0.9)) for n, r in ((mine, 0.1), (theirs, 0.2))
    ]
    for step, factor in enumerate((1, 1, 1, 0.5)):
        for optimizer, objective, rate in zip(optimizers, (fool, tell_apart), (0.1, 0.2)):
            optimizer.param_groups[0]["lr"] = rate * factor
            mine.zero_grad(), theirs.zero_grad()
            objective(mine, theirs, *batches(step)).backward()
            optimizer.step()
    for a, b in zip([*model.parameters(), *judge.parameters()], [*mine.parameters(), *theirs.parameters()]):
        torch.testing.assert_close(a, b)


def test_nothing_reaches_the_one_whose_turn_it_is_not():
    model, judge = Shift(), critic()
    frozen = judge[0].bias.requires_grad_(False)
    seen = []

    def watched(model, critic, noise, real):
        seen.append([p.requires_grad for p in (*model.parameters(), *critic.parameters())])
        return fool(model, critic, noise, real)

    def careless(model, critic, noise, real):  # without detach
        seen.append([p.requires_grad for p in (*model.parameters(), *critic.parameters())])
        return critic_hinge_loss(critic(model(noise)), critic(real))

    fit_with_critic(model, judge, watched, careless, batches, steps=2, progress=False)
    assert seen[:2] == [[True, False, False, False, False], [False, True, False, True, True]]
    assert [p.requires_grad for p in judge.parameters()] == [True, False, True, True]
    assert frozen.grad is None and not model.training and not judge.training


def test_flags_return_after_an_interruption():
    model, judge = Shift(), critic()

    def stop(*args):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_with_critic(model, judge, stop, tell_apart, batches, steps=2, progress=False)
    assert all(p.requires_grad for p in (*model.parameters(), *judge.parameters()))


def test_a_stack_of_seeds_is_as_many_runs():
    def stacked(step):
        return tuple(x.expand(2, *x.shape) for x in batches(step))

    models, judges = SeedStack(Shift, [0, 1]), SeedStack(critic, [3, 4])
    alone, judge = models.member(1), judges.member(1)
    fooling, telling = for_each_seed(models, adversarial_loss), for_each_seed(models, critic_hinge_loss)
    losses = fit_with_critic(
        models,
        judges,
        lambda m, c, noise, real: fooling(c(m(noise))),
        lambda m, c, noise, real: telling(c(m(noise).detach()), c(real)),
        stacked,
        steps=5,
        progress=False,
    )
    own = fit_with_critic(alone, judge, fool, tell_apart, batches, steps=5, progress=False)
    assert losses.shape == (5, 2, 2)
    torch.testing.assert_close(losses[:, :, 1], own)
    torch.testing.assert_close(models.member(1).by, alone.by)


def test_no_steps_and_losses_that_are_not_finite():
    with pytest.raises(ValueError, match="steps"):
        fit_with_critic(Shift(), critic(), fool, tell_apart, batches, steps=0)
    with pytest.raises(FloatingPointError, match="at step 1"):
        fit_with_critic(
            Shift(), critic(), lambda *a: fool(*a) * torch.nan, tell_apart, batches, steps=2, progress=False
        )
