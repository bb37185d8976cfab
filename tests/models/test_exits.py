"""Nets with an exit after every stage."""

import pytest
import torch
from torch import nn

from kdcourse.models import MultiExitNet, StagedNet, count_parameters, exit_mlp, mlp, small_cnn
from kdcourse.training import SeedStack, seeded


def images(*lead, seed=0):
    return torch.randn(*lead, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_each_exit_is_its_classifier_on_the_stages_up_to_it():
    net = seeded(lambda: exit_mlp(64, 12, 9, 7, 5), 0)
    x = images(3)
    stages = list(net.net.stages.values())
    first = stages[0](x)
    second = stages[1](first)
    third = stages[2](second)
    logits = net(x)
    expected = [net.exits[0](first), net.exits[1](second), net.net.head(third)]
    assert [tuple(one.shape) for one in logits] == [(3, 5)] * 3
    for one, other in zip(logits, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("index", [0, 1, 2, -1, -3])
def test_the_part_up_to_an_exit_computes_that_exit_and_shares_its_weights(index):
    net = seeded(lambda: exit_mlp(64, 12, 9, 7, 5), 0)
    x = images(3)
    part = net.upto(index)
    torch.testing.assert_close(part(x), net(x)[index])
    assert {id(p) for p in part.parameters()} <= {id(p) for p in net.parameters()}


def test_a_shallow_part_holds_no_deeper_layer():
    sizes = [count_parameters(exit_mlp(64, 12, 9, 7, 5).upto(k)) for k in range(3)]
    path = [64 * 12 + 12, 12 * 9 + 9, 9 * 7 + 7]
    assert sizes == [path[0] + 13 * 5, path[0] + path[1] + 10 * 5, sum(path) + 8 * 5]


def test_an_exit_that_is_not_there_is_refused():
    for index in (3, -4):
        with pytest.raises(IndexError, match="3 exits"):
            exit_mlp(64, 12, 9, 7, 5).upto(index)


def test_the_main_path_starts_as_that_of_a_plain_mlp():
    net, plain = seeded(lambda: exit_mlp(64, 12, 9, 5), 3), seeded(lambda: mlp(64, 12, 9, 5), 3)
    for name, value in plain.state_dict().items():
        assert torch.equal(net.net.state_dict()[name], value)


def test_stages_of_maps_take_exits_of_their_own():
    exits = [nn.Sequential(nn.Flatten(), nn.Linear(4 * 8 * 8, 10))]
    net = MultiExitNet(small_cnn((4, 6), (1, 2)), exits)
    assert [tuple(logits.shape) for logits in net(images(2))] == [(2, 10), (2, 10)]


@pytest.mark.parametrize("count", [0, 2, 3])
def test_one_exit_for_each_stage_but_the_last(count):
    net = StagedNet({"a": nn.Linear(4, 3), "b": nn.Linear(3, 3)}, nn.Linear(3, 2))
    with pytest.raises(ValueError, match="exits: expected 1, one for each stage but the last of a, b"):
        MultiExitNet(net, [nn.Linear(3, 2)] * count)


def test_one_hidden_layer_has_one_exit():
    assert len(exit_mlp(64, 12, 5)(images(2))) == 1


def test_many_seeds_at_once_are_the_same_nets():
    stack = SeedStack(lambda: exit_mlp(64, 12, 9, 5), seeds=[0, 4])
    x = images(2, 3)
    for k, seed in enumerate((0, 4)):
        alone = seeded(lambda: exit_mlp(64, 12, 9, 5), seed)(x[k])
        for one, other in zip(stack(x), alone, strict=True):
            torch.testing.assert_close(one[k], other)
