import torch
from torch import nn

from kdcourse.evaluation import multiply_adds


def test_convolutions_and_products_by_hand():
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 4 * 5, 7)
    )
    a_sample = 8 * 4 * 5 * 3 * 9 + 8 * 4 * 5 * 7
    assert multiply_adds(net, torch.zeros(1, 3, 8, 10)) == a_sample
    assert multiply_adds(net, torch.zeros(6, 3, 8, 10)) == 6 * a_sample
    grouped = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
    assert multiply_adds(grouped, torch.zeros(1, 4, 5, 5)) == 4 * 25 * 9


def test_the_net_is_left_as_it_was():
    net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    net[2].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert multiply_adds(net, torch.randn(3, 4)) == 3 * 16
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert [module.training for module in net.modules()] == [True, True, True, False]
    assert net[0].weight.grad is None
