"""Nets: features read by name, shapes, parameter counts of the papers, clear errors."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdcourse.models import StagedNet, cifar_resnet, count_parameters, mlp, small_cnn
from kdcourse.models.cifar_resnet import BasicBlock

BUILDERS = {
    "mlp": (lambda: mlp(64, 32, 16, 10), (5, 1, 8, 8)),
    "small_cnn": (lambda: small_cnn(), (5, 1, 8, 8)),
    "cifar_resnet": (lambda: cifar_resnet(8), (2, 3, 32, 32)),
}
every_net = pytest.mark.parametrize(("build", "shape"), BUILDERS.values(), ids=BUILDERS.keys())


# ---------------------------------------------------------------- reading features


@every_net
def test_features_come_with_the_logits_in_order(build, shape):
    torch.manual_seed(0)
    net, x = build().eval(), torch.randn(shape)
    logits, features = net(x, return_features=True)
    assert torch.equal(logits, net(x)), "asking for features changes nothing"
    assert tuple(features) == net.stage_names == tuple(net.stages)
    value = x
    for name, stage in net.stages.items():
        value = stage(value)
        assert torch.equal(features[name], value), name
    assert torch.equal(net.head(value), logits)


@every_net
def test_reading_features_leaves_nothing_behind(build, shape):
    net, x = build().train(), torch.randn(shape)
    before = {name: set(vars(module)) for name, module in net.named_modules()}
    net(x, return_features=True)
    for name, module in net.named_modules():
        hooks = (
            module._forward_hooks,
            module._forward_pre_hooks,
            module._backward_hooks,
            module._backward_pre_hooks,
        )
        assert not any(hooks), name
        assert set(vars(module)) == before[name], "a feature was kept"


@every_net
def test_gradient_flows_through_features(build, shape):
    net = build().train()
    _, features = net(torch.randn(shape), return_features=True)
    last = net.stage_names[-1]
    features[last].square().sum().backward()
    assert all(p.grad is not None for p in net.stages.parameters())
    assert all(p.grad is None for p in net.head.parameters())


def test_stage_names_are_the_documented_ones():
    assert mlp(6, 5, 4, 3, 2).stage_names == ("hidden1", "hidden2", "hidden3")
    assert small_cnn((4, 5, 6), (1, 2, 2)).stage_names == ("conv1", "conv2", "conv3")
    assert cifar_resnet(20).stage_names == ("stem", "group1", "group2", "group3")


def test_a_staged_net_of_ones_own():
    net = StagedNet({"twice": nn.Linear(2, 2), "act": nn.ReLU()}, nn.Identity())
    nn.init.zeros_(net.stages["twice"].bias)
    with torch.no_grad():
        net.stages["twice"].weight.copy_(2 * torch.eye(2))
    logits, features = net(torch.tensor([[1.0, -3.0]]), return_features=True)
    assert features["twice"].tolist() == [[2.0, -6.0]]
    assert features["act"].tolist() == logits.tolist() == [[2.0, 0.0]]
    with pytest.raises(ValueError, match="stages: expected at least one stage, got none"):
        StagedNet({}, nn.Identity())


def test_count_parameters_counts_what_is_trained():
    net = mlp(4, 3, 2)
    assert count_parameters(net) == 4 * 3 + 3 + 3 * 2 + 2
    net.head.weight.requires_grad_(False)
    assert count_parameters(net) == 4 * 3 + 3 + 2
    assert count_parameters(nn.BatchNorm1d(7)) == 14, "buffers are no parameters"


# ---------------------------------------------------------------- multilayer perceptrons


def test_mlp_shapes_and_activation():
    torch.manual_seed(0)
    net = mlp(12, 7, 5, 3)
    logits, features = net(torch.randn(4, 3, 2, 2), return_features=True)
    assert logits.shape == (4, 3)
    assert {name: tuple(f.shape) for name, f in features.items()} == {"hidden1": (4, 7), "hidden2": (4, 5)}
    assert all((f >= 0).all() and (f == 0).any() for f in features.values()), "after the ReLU"
    assert logits.min() < 0 < logits.max(), "no ReLU after the last layer"
    assert torch.equal(net(torch.ones(2, 3, 2, 2)), net(torch.ones(2, 12))), "images are flattened"


def test_mlp_dropout():
    torch.manual_seed(0)
    net, x = mlp(4, 400, 300, 3, dropout=0.25), torch.ones(1, 4)
    assert [type(m).__name__ for m in mlp(4, 5, 3).modules()].count("Dropout") == 0
    clean = net.eval()(x, return_features=True)[1]["hidden1"]
    dropped = net.train()(x, return_features=True)[1]["hidden1"]
    alive = clean > 0
    share = (dropped[alive] == 0).float().mean()
    assert 0.12 < share < 0.4
    kept = alive & (dropped > 0)
    torch.testing.assert_close(dropped[kept], clean[kept] / 0.75)
    assert torch.equal(net.eval()(x), net(x))
    assert sum(isinstance(m, nn.Dropout) for m in net.modules()) == 2


@pytest.mark.parametrize("sizes", [(), (4,), (4, 2), (4, 0, 2), (-1, 3, 2)])
def test_mlp_refuses_wrong_sizes(sizes):
    with pytest.raises(ValueError, match=r"^sizes: expected at least three positive sizes"):
        mlp(*sizes)


# ---------------------------------------------------------------- small convolutional nets


@pytest.mark.parametrize("size", [7, 8, 9, 16])
@pytest.mark.parametrize("strides", [(1, 2), (2, 2), (2, 3), (1, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_small_cnn_shapes(size, strides, channels):
    net = small_cnn((4, 6), strides, classes=5, size=size, channels=channels)
    logits, features = net(torch.randn(2, channels, size, size), return_features=True)
    first = -(-size // strides[0])  # padding 1 keeps the border: ceil(size / stride)
    second = -(-first // strides[1])
    assert logits.shape == (2, 5)
    assert features["conv1"].shape == (2, 4, first, first)
    assert features["conv2"].shape == (2, 6, second, second)
    assert all((f >= 0).all() for f in features.values())
    convolutions = 9 * channels * 4 + 9 * 4 * 6
    assert count_parameters(net) == convolutions + 2 * (4 + 6) + (6 * second * second + 1) * 5


@pytest.mark.parametrize(("widths", "strides"), [((4, 6), (1,)), ((), ()), ((4,), (1, 2))])
def test_small_cnn_refuses_unequal_lists(widths, strides):
    with pytest.raises(ValueError, match=r"^widths and strides: expected the same number, at least one"):
        small_cnn(widths, strides)


# ---------------------------------------------------------------- CIFAR ResNets


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_resnet_parameter_counts_of_the_paper(depth, millions):
    """He et al. (CVPR 2016), table 6."""
    digits = 1 if millions == 1.7 else 2
    assert round(count_parameters(cifar_resnet(depth)) / 1e6, digits) == millions


def test_resnet_20_counted_by_hand():
    stem = 9 * 3 * 16 + 2 * 16
    group1 = 3 * (2 * 9 * 16 * 16 + 4 * 16)
    group2 = 9 * 16 * 32 + 5 * 9 * 32 * 32 + 3 * 4 * 32
    group3 = 9 * 32 * 64 + 5 * 9 * 64 * 64 + 3 * 4 * 64
    head = 64 * 10 + 10
    assert stem + group1 + group2 + group3 + head == 269_722
    assert count_parameters(cifar_resnet(20)) == 269_722
    assert count_parameters(cifar_resnet(20, classes=100, channels=1)) == 269_722 + 90 * 65 - 2 * 9 * 16


def test_resnet_depth_counts_the_layers_with_weights():
    layers = [m for m in cifar_resnet(32).modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 32


@pytest.mark.parametrize("size", [32, 31])
def test_resnet_shapes(size):
    logits, features = cifar_resnet(8, classes=7)(torch.randn(2, 3, size, size), return_features=True)
    assert logits.shape == (2, 7)
    half, quarter = (size + 1) // 2, (size + 3) // 4
    assert {name: tuple(f.shape[1:]) for name, f in features.items()} == {
        "stem": (16, size, size),
        "group1": (16, size, size),
        "group2": (32, half, half),
        "group3": (64, quarter, quarter),
    }


def test_the_shortcut_takes_every_second_pixel_and_pads_channels_with_zeros():
    """Option A of the paper: with the branch switched off, a block is its shortcut followed by the ReLU."""
    torch.manual_seed(0)
    block = BasicBlock(4, 8, stride=2).eval()
    nn.init.zeros_(block.bn2.weight)
    x = torch.randn(2, 4, 5, 5)
    shortcut = F.relu(x[:, :, [0, 2, 4]][:, :, :, [0, 2, 4]])
    out = block(x)
    assert torch.equal(out[:, 2:6], shortcut)
    assert not out[:, :2].any() and not out[:, 6:].any()
    same = BasicBlock(4, 4, stride=1).eval()
    nn.init.zeros_(same.bn2.weight)
    assert torch.equal(same(x), F.relu(x))
    assert count_parameters(block) == 9 * 4 * 8 + 9 * 8 * 8 + 4 * 8, "the shortcut has no parameters"


def test_a_block_adds_its_branch_before_the_last_relu():
    torch.manual_seed(0)
    block, x = BasicBlock(3, 3, stride=1).eval(), torch.randn(2, 3, 4, 4)
    branch = block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x)))))
    torch.testing.assert_close(block(x), F.relu(branch + x))


def test_resnet_initial_weights_keep_the_size_of_the_signal():
    torch.manual_seed(0)
    for module in cifar_resnet(20).modules():
        if isinstance(module, nn.Conv2d):
            fan_out = 9 * module.out_channels
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.15)


@pytest.mark.parametrize("depth", [2, 18, 21, 0, -4])
def test_resnet_refuses_other_depths(depth):
    with pytest.raises(ValueError, match=rf"^depth: expected 6n \+ 2 .*got {depth}$"):
        cifar_resnet(depth)


# ---------------------------------------------------------------- all of them


@every_net
def test_nets_are_determined_by_the_seed(build, shape):
    def weights(seed):
        torch.manual_seed(seed)
        return torch.cat([p.detach().flatten() for p in build().parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


@every_net
def test_nets_can_be_trained(build, shape):
    torch.manual_seed(0)
    net, x = build().train(), torch.randn(shape)
    labels = torch.arange(len(x))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    for _ in range(20):
        loss = F.cross_entropy(net(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
