import pytest
import torch
from torch import nn

from kdcourse.evaluation import multiply_adds, predict
from kdcourse.models._modes import evaluating
from kdcourse.theory import empirical_ntk


class Cached(nn.Linear):
    """Keeps something while in evaluation mode, as some attention layers keep their biases."""

    kept = None

    def train(self, mode: bool = True):
        self.kept = None if mode else self.weight.detach().clone()
        return super().train(mode)


def net():
    model = nn.Sequential(Cached(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    model[2].eval()
    return model


def test_flags_come_back_after_an_error_too():
    model = net()
    with pytest.raises(KeyError), evaluating(model):
        assert not any(module.training for module in model.modules())
        raise KeyError
    assert [module.training for module in model.modules()] == [True, True, True, False]


@pytest.mark.parametrize("look", [predict, multiply_adds, empirical_ntk])
def test_layers_hear_that_training_goes_on(look):
    model = net()
    look(model, torch.randn(5, 3))
    assert model[0].kept is None, "what was kept would be stale after the next step"
    assert [module.training for module in model.modules()] == [True, True, True, False]
