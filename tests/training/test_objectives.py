"""The objectives are the losses they name, for one net and for a stack."""

import pytest
import torch
import torch.nn.functional as F

from kdcourse.losses import kd_loss
from kdcourse.models import mlp
from kdcourse.training import SeedStack, distillation, supervised


def batch(*lead):
    generator = torch.Generator().manual_seed(0)
    x, t = torch.randn(*lead, 9, 6, generator=generator), torch.randn(*lead, 9, 4, generator=generator)
    return x, t, torch.randint(4, (*lead, 9), generator=generator)


def test_supervised():
    net, (x, _, y) = mlp(6, 5, 4), batch()
    p = net(x).softmax(dim=1)
    by_hand = -torch.stack([p[i, y[i]].log() for i in range(9)]).mean()
    torch.testing.assert_close(supervised()(net, x, y), by_hand)
    smooth = 0.8 * by_hand - 0.2 * p.log().mean()
    torch.testing.assert_close(supervised(label_smoothing=0.2)(net, x, y), smooth)


def test_distillation():
    net, (x, t, y) = mlp(6, 5, 4), batch()
    s, T, alpha = net(x), 2.5, 0.3
    p, q = (t / T).softmax(dim=1), (s / T).softmax(dim=1)
    soft = T**2 * (p * (p.log() - q.log())).sum(dim=1).mean()
    by_hand = alpha * soft + (1 - alpha) * F.cross_entropy(s, y)
    torch.testing.assert_close(distillation(temperature=T, alpha=alpha)(net, x, t, y), by_hand)
    torch.testing.assert_close(distillation()(net, x, t, y), kd_loss(s, t, y, temperature=4.0, alpha=0.9))


@pytest.mark.parametrize(
    "objective", [supervised(label_smoothing=0.1), distillation(temperature=2.0, alpha=0.4)]
)
def test_a_stack_gets_one_loss_per_seed(objective):
    stack, (x, t, y) = SeedStack(lambda: mlp(6, 5, 4), [0, 1, 2]), batch(3)
    data = (x, y) if "supervised" in objective.__qualname__ else (x, t, y)
    together = objective(stack, *data)
    assert together.shape == (3,)
    for i in range(3):
        torch.testing.assert_close(together[i], objective(stack.member(i), *(part[i] for part in data)))


def test_wrong_hyper_parameters_are_named():
    net, data = mlp(6, 5, 4), batch()
    with pytest.raises(ValueError, match=r"^temperature: "):
        distillation(temperature=0)(net, *data)
    with pytest.raises(ValueError, match=r"^alpha: "):
        distillation(alpha=1.5)(net, *data)
    with pytest.raises(TypeError, match="temprature"):
        distillation(temprature=3)
