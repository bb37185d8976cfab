"""Regressors and projectors: shapes, values by hand, errors."""

import pytest
import torch
import torch.nn.functional as F
from packaging.version import Version
from torch import nn

from kdcourse.losses import log_sum_loss
from kdcourse.models import conv_regressor, count_parameters, linear_regressor, projector

# ---------------------------------------------------------------- regressors


@pytest.mark.parametrize(
    ("options", "size"),
    [({}, (7, 5)), ({"pool": 2}, (3, 2)), ({"upsample": 3}, (21, 15)), ({"pool": 2, "upsample": 2}, (6, 4))],
)
def test_conv_regressor_shapes(options, size):
    assert conv_regressor(3, 4, **options)(torch.zeros(2, 3, 7, 5)).shape == (2, 4, *size)


def test_conv_regressor_is_one_linear_map_at_every_pixel():
    torch.manual_seed(0)
    regressor, x = conv_regressor(3, 2).double(), torch.randn(2, 3, 4, 5, dtype=torch.float64)
    weight, bias = regressor.conv.weight[:, :, 0, 0], regressor.conv.bias
    out = regressor(x)
    for b in range(2):
        for h in range(4):
            for w in range(5):
                torch.testing.assert_close(out[b, :, h, w], weight @ x[b, :, h, w] + bias)
    assert [type(layer) for layer in regressor] == [nn.Conv2d]
    assert count_parameters(regressor) == 3 * 2 + 2


def test_conv_regressor_pools_by_the_mean_and_enlarges_by_copies():
    regressor = conv_regressor(1, 1, pool=2, upsample=2)
    with torch.no_grad():
        regressor.conv.weight.fill_(10.0)
        regressor.conv.bias.fill_(1.0)
    x = torch.tensor([[[[1.0, 2.0, 0.0, 0.0], [3.0, 6.0, 0.0, 4.0]]]])
    assert regressor(x).tolist() == [[[[31.0, 31.0, 11.0, 11.0], [31.0, 31.0, 11.0, 11.0]]]]


def test_conv_regressor_with_batch_norm_and_relu():
    torch.manual_seed(0)
    plain, whole = conv_regressor(3, 4, batch_norm=True), conv_regressor(3, 4, batch_norm=True, relu=True)
    whole.load_state_dict(plain.state_dict())
    x = torch.randn(6, 3, 5, 4)
    out = plain(x)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.var((0, 2, 3), correction=0), torch.ones(4), atol=1e-2, rtol=0)
    assert torch.equal(whole(x), F.relu(out))
    assert plain.conv.bias is None, "batch norm has one of its own"
    assert count_parameters(plain) == 3 * 4 + 2 * 4


def test_conv_regressor_gradient_reaches_the_student():
    x = torch.randn(2, 3, 4, 4, requires_grad=True)
    conv_regressor(3, 5, pool=2)(x).square().sum().backward()
    assert (x.grad != 0).all()


def test_linear_regressor():
    regressor = linear_regressor(4, 2)
    with torch.no_grad():
        regressor.linear.weight.copy_(torch.tensor([[1.0, 0.0, 0.0, 1.0], [0.0, 2.0, -1.0, 0.0]]))
        regressor.linear.bias.copy_(torch.tensor([0.5, 0.0]))
    x = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    assert regressor(x).tolist() == regressor(x.flatten(1)).tolist() == [[5.5, 1.0]]
    assert count_parameters(regressor) == 4 * 2 + 2


# ---------------------------------------------------------------- projectors


def test_projector_kinds():
    layers = {
        kind: [type(layer).__name__ for layer in projector(kind, 4, 4)] for kind in ("none", "linear", "mlp")
    }
    assert layers == {
        "none": ["BatchNorm1d"],
        "linear": ["Linear", "BatchNorm1d"],
        "mlp": ["Linear", "ReLU", "Linear", "BatchNorm1d"],
    }
    assert count_parameters(projector("none", 4, 4)) == 0
    assert count_parameters(projector("linear", 4, 3)) == 4 * 3
    assert count_parameters(projector("mlp", 4, 3)) == 4 * 3 + 3 + 3 * 3
    assert count_parameters(projector("mlp", 4, 3, hidden=7)) == 4 * 7 + 7 + 7 * 3
    assert count_parameters(projector("linear", 4, 3, batch_norm=False)) == 4 * 3 + 3


def test_without_projector_and_norm_the_feature_stays():
    x = torch.randn(3, 4)
    assert torch.equal(projector("none", 4, 4, batch_norm=False)(x), x)


def test_projector_is_normalised_over_the_batch():
    part = projector("linear", 2, 1).double()
    with torch.no_grad():
        part.linear.weight.copy_(torch.tensor([[1.0, -1.0]]))
    x = torch.tensor([[1.0, 0.0], [5.0, 1.0], [2.0, 1.0], [4.0, 2.0]], dtype=torch.float64)  # 1, 4, 1, 2
    expected = (torch.tensor([1.0, 4.0, 1.0, 2.0], dtype=torch.float64) - 2) / (1.5 + 1e-4) ** 0.5
    torch.testing.assert_close(part(x)[:, 0], expected)
    # Running averages: a tenth of the way from 0 to the mean 2, from 1 to the (unbiased) variance 2.
    torch.testing.assert_close(
        part.eval()(x)[:, 0], (torch.tensor([1.0, 4, 1, 2]) - 0.2).double() / 1.1001**0.5
    )


def test_mlp_projector_by_hand():
    part = projector("mlp", 2, 1, hidden=2, batch_norm=False)
    with torch.no_grad():
        part.hidden.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
        part.hidden.bias.copy_(torch.tensor([0.0, 1.0]))
        part.linear.weight.copy_(torch.tensor([[2.0, 3.0]]))
        part.linear.bias.fill_(-1.0)
    # (3, 5): hidden (3, -4) -> (3, 0) -> 5; (-2, -1): hidden (-2, 2) -> (0, 2) -> 5
    assert part(torch.tensor([[3.0, 5.0], [-2.0, -1.0]])).tolist() == [[5.0], [5.0]]


def test_peer_defect_16_projectors_can_be_trained():
    """A published recipe's BatchNorm1d(eps=0) is refused by newer versions of PyTorch in training."""
    if Version(torch.__version__) >= Version("2.12"):
        with pytest.raises(ValueError, match="eps"):
            nn.BatchNorm1d(3, eps=0.0)(torch.randn(4, 3))
    for kind in ("linear", "mlp"):
        torch.manual_seed(0)
        student, teacher = torch.randn(16, 4), torch.randn(16, 3)
        ours, theirs = projector(kind, 4, 3).train(), projector("none", 3, 3).train()
        optimizer, losses = torch.optim.Adam(ours.parameters(), lr=0.05), []
        for _ in range(30):
            losses.append(log_sum_loss(ours(student), theirs(teacher)))
            optimizer.zero_grad()
            losses[-1].backward()
            optimizer.step()
        assert losses[-1] < losses[0] - 0.5


def test_a_constant_feature_is_harmless():
    part, x = projector("none", 2, 2), torch.full((5, 2), 7.0, requires_grad=True)
    out = part(x)
    out.square().sum().backward()
    assert not out.any() and x.grad.isfinite().all()


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conv_regressor(0, 2), "in_channels: expected a whole number of at least 1, got 0"),
        (lambda: conv_regressor(2, 1.5), "out_channels: expected a whole number of at least 1, got 1.5"),
        (lambda: conv_regressor(2, 2, pool=0), "pool: expected a whole number"),
        (lambda: conv_regressor(2, 2, upsample=True), "upsample: expected a whole number"),
        (lambda: linear_regressor(2, -1), "out_features: expected a whole number of at least 1, got -1"),
        (lambda: linear_regressor("2", 1), "in_features: expected a whole number of at least 1, got '2'"),
        (lambda: projector("cubic", 2, 2), "kind: expected one of 'none', 'linear', 'mlp', got 'cubic'"),
        (lambda: projector("none", 2, 3), "out_features: expected 2, the size of the feature, .* got 3"),
        (lambda: projector("linear", 2, 3, hidden=4), "hidden: expected None for kind 'linear'"),
        (lambda: projector("mlp", 2, 3, hidden=0), "hidden: expected a whole number of at least 1, got 0"),
        (lambda: projector("mlp", 0, 3), "in_features: expected a whole number"),
    ],
)
def test_wrong_sizes(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


def test_options_are_keyword_only():
    with pytest.raises(TypeError, match="positional"):
        conv_regressor(2, 2, 2)
    with pytest.raises(TypeError, match="positional"):
        projector("mlp", 2, 2, 4)
