"""A narrow net inside a wide one."""

import pytest
import torch
from torch import nn

from kdcourse.models import WidthSlicedNet, mlp, small_cnn
from kdcourse.training import SeedStack, seeded


def perceptron(*widths):
    return mlp(12, *widths, 3)


def cnn(*widths):
    return small_cnn(widths, (1, 2), classes=3, size=6)


CASES = {
    "mlp": (perceptron, (2, 3), (5, 7), (2, 7), torch.rand(4, 12)),
    "cnn": (cnn, (2, 3), (4, 5), (4, 3), torch.rand(4, 1, 6, 6)),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def sliced(case, seed=0):
    make, widths, widest, _, _ = case
    return seeded(lambda: WidthSlicedNet(make, widths, widest), seed)


def test_by_hand():
    """A perceptron with three units, of which the narrow net has the first."""
    net = WidthSlicedNet(lambda width: mlp(2, width, 1), (1,), (3,))
    with torch.no_grad():
        net.full.stages["hidden1"][1].weight.copy_(torch.tensor([[1.0, 2.0], [9.0, 9.0], [8.0, 8.0]]))
        net.full.stages["hidden1"][1].bias.copy_(torch.tensor([0.5, 7.0, 7.0]))
        net.full.head.weight.copy_(torch.tensor([[3.0, 5.0, 1.0]]))
        net.full.head.bias.fill_(0.25)
    x = torch.tensor([[1.0, 1.0]])
    assert net(x).item() == 3 * 3.5 + 0.25
    assert net(x, widths=(3,)).item() == 3 * 3.5 + 5 * 25 + 23 + 0.25


def test_the_widest_is_the_full_net_and_exports_answer_the_same(case):
    make, widths, widest, between, x = case
    net = sliced(case).eval()
    assert torch.equal(net(x, widths=widest), net.full(x))
    for chosen in (None, between, widest):
        exported = net.export(chosen)
        assert type(exported) is type(make(*widths)) and not exported.training
        assert torch.equal(exported(x), net(x, widths=chosen))
    exported = net.export()
    with torch.no_grad():
        for parameter in exported.parameters():
            parameter.zero_()
    assert net(x).any(), "an export is a copy"


def test_gradients_stay_in_the_slice(case):
    _, widths, _, _, x = case
    net = sliced(case)
    net(x).square().sum().backward()
    shapes = {name: t.shape for name, t in net.skeleton(widths).named_parameters()}
    for name, parameter in net.full.named_parameters():
        inside = parameter.grad[tuple(map(slice, shapes[name]))].clone()
        parameter.grad[tuple(map(slice, shapes[name]))] = 0
        assert not parameter.grad.any(), name
        assert inside.any() or name.endswith("bias"), name


def test_statistics_of_the_slice_are_updated_in_the_shared_buffers():
    net, x = sliced(CASES["cnn"]).train(), 3 * CASES["cnn"][-1]
    alone = net.export()
    net(x)
    alone(x)
    shared, own = net.full.stages["conv1"][1], alone.stages["conv1"][1]
    assert torch.equal(shared.running_mean[:2], own.running_mean) and own.running_mean.any()
    assert torch.equal(shared.running_var[:2], own.running_var)
    assert not shared.running_mean[2:].any()
    assert shared.num_batches_tracked == 1


def test_adopt_gives_the_narrow_net_another_net_s_tensors(case):
    make, widths, _, _, x = case
    net, other = sliced(case).eval(), seeded(lambda: make(*widths), 5).eval()
    outside = net.full.head if isinstance(net.full.head, nn.Linear) else net.full.head[1]
    before = outside.weight[:, -1].clone()
    net.adopt(other)
    assert torch.equal(net(x), other(x)) and torch.equal(outside.weight[:, -1], before)


def test_features_come_through(case):
    net, x = sliced(case), case[-1]
    logits, features = net(x, return_features=True)
    assert logits.shape == (4, 3) and [f.shape[1] for f in features.values()] == list(case[1])


def test_in_a_seed_stack_each_seed_is_itself(case):
    make, widths, widest, between, x = case
    stack = SeedStack(lambda: WidthSlicedNet(make, widths, widest), [0, 1]).train()
    singles = [sliced(case, seed).train() for seed in (0, 1)]
    for chosen in (None, between):
        together = stack(x.expand(2, *x.shape), widths=chosen)
        alone = torch.stack([net(x, widths=chosen) for net in singles])
        torch.testing.assert_close(together, alone)
    for name, tensor in stack.tensors().items():
        expected = torch.stack(
            [{**dict(n.named_parameters()), **dict(n.named_buffers())}[name] for n in singles]
        )
        torch.testing.assert_close(tensor, expected)


@pytest.mark.parametrize(
    ("widths", "widest", "said"),
    [
        ((2,), (4, 4), "widths: expected 2 numbers"),
        ((2, 5), (4, 4), "widths: expected at most the widest"),
        ((0, 2), (4, 4), r"widths\[0\]: expected a whole number of at least 1"),
        ((2, 2.5), (4, 4), r"widths\[1\]: expected a whole number"),
    ],
)
def test_widths_that_cannot_be(widths, widest, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        WidthSlicedNet(perceptron, widths, widest)
    if len(widest) == 2:
        net = WidthSlicedNet(perceptron, (2, 2), widest)
        with pytest.raises(ValueError, match=f"^{said}"):
            net(torch.rand(1, 12), widths=widths)


def test_nets_that_do_not_fit():
    with pytest.raises(ValueError, match=r"^make_net: expected nets that fit into the widest one"):
        WidthSlicedNet(lambda width: mlp(12, 8 - width, 3), (2,), (4,))


@pytest.mark.parametrize("name", CASES)
def test_many_seeds_at_once_at_a_width_that_was_never_run(name):
    """The net of a new width is built while vmap runs, which would not let it draw its initial weights."""
    case = CASES[name]
    make, widths, widest, between, x = case
    # Of this function nothing is cached yet.
    stack = SeedStack(lambda: WidthSlicedNet(lambda *w: make(*w), widths, widest), [0, 1]).eval()
    state = torch.random.get_rng_state()
    got = stack(x.expand(2, *x.shape), widths=between)
    assert torch.equal(torch.random.get_rng_state(), state)
    for k in range(2):
        torch.testing.assert_close(got[k], sliced(case, seed=k).eval()(x, widths=between))
