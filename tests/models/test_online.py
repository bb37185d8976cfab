"""The gate and the multi-branch net: values by hand, sums, gradients, deployment."""

import math

import pytest
import torch
from torch import nn

from kdcourse.models import MultiBranchNet, ONEGate, count_parameters


def net(branches=3):
    torch.manual_seed(0)
    heads = [nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)) for _ in range(branches)]
    return MultiBranchNet(nn.Conv2d(1, 4, 3), heads, ONEGate(4, branches))


def test_gate_by_hand():
    gate = ONEGate(2, 2).eval()
    gate.norm.eps = 0.0
    with torch.no_grad():
        gate.linear.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
        gate.linear.bias.copy_(torch.tensor([0.0, 1.0]))
        gate.norm.running_var.fill_(4.0)
    feature = torch.tensor([[[[1.0, 3.0]], [[2.0, 8.0]]]])  # means 2 and 5
    # (2, 1 - 5) / 2 = (1, -2), after the ReLU (1, 0)
    weights = [[math.e / (1 + math.e), 1 / (1 + math.e)]]
    torch.testing.assert_close(gate(feature), torch.tensor(weights))
    torch.testing.assert_close(gate(torch.tensor([[2.0, 5.0]])), torch.tensor(weights))


def test_gate_weights_are_positive_and_sum_to_one():
    torch.manual_seed(0)
    weights = ONEGate(4, 3)(100 * torch.randn(6, 4, 3, 2))
    assert weights.shape == (6, 3) and (weights > 0).all()
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(6))


def test_gate_is_normalised_over_the_batch_while_training():
    torch.manual_seed(0)
    gate, feature = ONEGate(4, 3), torch.randn(16, 4)
    scores = gate.linear(feature)
    centred = (scores - scores.mean(dim=0)) / (scores.var(dim=0, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(gate(feature), centred.relu().softmax(dim=1))


def test_the_ensemble_weighs_the_logits():
    model, x = net().train(), torch.randn(6, 1, 5, 7)
    logits, ensemble = model(x)
    feature = model.trunk(x)
    weights = model.gate(feature)
    assert len(logits) == 3
    expected = torch.zeros(6, 5)
    for sample in range(6):
        for m in range(3):
            branch = model.branches[m](feature)[sample]
            torch.testing.assert_close(logits[m][sample], branch)
            expected[sample] += weights[sample, m] * branch
    torch.testing.assert_close(ensemble, expected)


def test_one_branch_is_its_own_ensemble():
    model = net(branches=1)
    logits, ensemble = model(torch.randn(4, 1, 5, 5))
    torch.testing.assert_close(ensemble, logits[0])


def test_gradients():
    model, x = net(), torch.randn(4, 1, 5, 5)
    logits, _ = model(x)
    logits[1].square().sum().backward()
    trained = {
        name.split(".")[0] + name.split(".")[1] * ("branches" in name)
        for name, p in model.named_parameters()
        if p.grad is not None
    }
    assert trained == {"trunk", "branches1"}, (
        "a branch's own loss leaves the other branches and the gate alone"
    )
    model.zero_grad()
    model(x)[1].square().sum().backward()
    assert all(p.grad is not None for p in model.parameters()), "the ensemble's loss trains all"


def test_deploy_keeps_one_branch():
    model, x = net().eval(), torch.randn(4, 1, 5, 5)
    logits, _ = model(x)
    assert torch.equal(model.deploy()(x), logits[0])
    assert torch.equal(model.deploy(2)(x), logits[2])
    assert count_parameters(model.deploy()) == (9 * 4 + 4) + (4 * 5 + 5)
    assert next(model.deploy().parameters()) is next(model.trunk.parameters())


def test_flat_trunks():
    model = MultiBranchNet(nn.Linear(3, 4), [nn.Linear(4, 2), nn.Linear(4, 2)], ONEGate(4, 2))
    logits, ensemble = model(torch.randn(5, 3))
    assert [z.shape for z in (*logits, ensemble)] == [(5, 2)] * 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ONEGate(0, 2), "channels: expected a whole number"),
        (lambda: ONEGate(2, 0), "branches: expected a whole number"),
        (lambda: ONEGate(2, 2)(torch.zeros(3, 4)), r"feature: expected shape \(B, 2\), got \(3, 4\)"),
        (lambda: ONEGate(2, 2)(torch.zeros(3, 4, 1, 1)), r"feature: expected shape \(B, 2, H, W\)"),
        (lambda: ONEGate(2, 2)(torch.zeros(3, 2, 1)), r"feature: expected shape \(B, 2\), got \(3, 2, 1\)"),
        (lambda: MultiBranchNet(nn.Identity(), [], ONEGate(2, 2)), "branches: expected at least one branch"),
        (
            lambda: MultiBranchNet(nn.Identity(), [nn.Linear(2, 2)] * 2, ONEGate(2, 3))(torch.randn(4, 2)),
            r"gate: expected weights of shape \(4, 2\), one for each sample and branch, got \(4, 3\)",
        ),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
