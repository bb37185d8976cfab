import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kdcourse.models import SplitNet, payload_bytes, quantize
from kdcourse.training import SeedStack


def rows(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ---------------------------------------------------------------- quantize


@pytest.mark.parametrize("bits", [1, 2, 5, 8, 16])
def test_agrees_with_a_plain_loop(bits):
    code = rows(3, 2, 4)
    for sent, received in zip(code, quantize(code, bits)):
        low, high = sent.min().item(), sent.max().item()
        step = (high - low) / (2**bits - 1)
        for before, after in zip(sent.flatten().tolist(), received.flatten().tolist()):
            assert after == pytest.approx(low + round((before - low) / step) * step, abs=1e-12)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_few_levels_small_errors_and_exact_ends(seed, bits):
    code = 5 * rows(2, 40, seed=seed) + 3
    received = quantize(code, bits)
    low, high = code.aminmax(dim=1)
    torch.testing.assert_close(received.amin(dim=1), low)
    torch.testing.assert_close(received.amax(dim=1), high)
    half_step = ((high - low) / (2**bits - 1) / 2)[:, None]
    assert ((received - code).abs() <= half_step * (1 + 1e-9)).all()
    assert all(len(row.unique()) <= 2**bits for row in (received * 1e9).round())
    torch.testing.assert_close(quantize(received, bits), received)


def test_each_sample_has_its_own_scale():
    code = rows(3, 5)
    together = quantize(torch.cat([code, 1000 * code]), 3)
    torch.testing.assert_close(together[:3], quantize(code, 3))
    torch.testing.assert_close(together[3:], 1000 * quantize(code, 3))


def test_constant_samples_arrive_as_they_are():
    code = torch.tensor([[2.5, 2.5], [0.0, 0.0], [1.0, 3.0]])
    assert torch.equal(quantize(code, 4), code)
    assert torch.equal(quantize(torch.tensor([3.5, -1.0]), 4), torch.tensor([3.5, -1.0]))


def test_the_gradient_goes_straight_through():
    code = rows(2, 3, 4).requires_grad_()
    weights = rows(2, 3, 4, seed=1)
    (quantize(code, 2) * weights).sum().backward()
    torch.testing.assert_close(code.grad, weights)


def test_half_precision_stays():
    code = rows(2, 6).half()
    received = quantize(code, 4)
    assert received.dtype == torch.float16
    torch.testing.assert_close(received.double(), quantize(code.double(), 4), atol=5e-3, rtol=0)


def test_wrong_codes_and_bits():
    for wrong in (0, 17, 2.0, True):
        with pytest.raises(ValueError, match="bits"):
            quantize(torch.zeros(2, 3), wrong)
        with pytest.raises(ValueError, match="bits"):
            payload_bytes((3,), wrong)
        with pytest.raises(ValueError, match="bits"):
            SplitNet(nn.Identity(), nn.Identity(), nn.Identity(), bits=wrong)
    with pytest.raises(ValueError, match="code"):
        quantize(torch.zeros(2, 3, dtype=torch.int64), 4)


# ---------------------------------------------------------------- bytes


def test_bytes_are_whole_and_count_the_ends():
    assert payload_bytes((3, 4, 4), 8) == 48 + 8
    assert payload_bytes((5,), 1) == 1 + 8
    assert payload_bytes((9,), 1) == 2 + 8
    assert payload_bytes((3, 3), 3) == 4 + 8  # 27 bits
    assert payload_bytes((3, 3), None) == 36
    with pytest.raises(ValueError, match=r"shape\[1\]"):
        payload_bytes((3, 0), 8)


# ---------------------------------------------------------------- the net


def split_net(bits):
    return SplitNet(nn.Linear(6, 3), nn.Linear(3, 5), nn.Linear(5, 2), bits=bits)


@pytest.mark.parametrize("bits", [None, 1, 3])
def test_the_server_sees_only_what_was_sent(bits):
    net, x = split_net(bits), torch.randn(4, 6)
    logits, features = net(x, return_features=True)
    torch.testing.assert_close(features["code"], net.encoder(x))
    sent = features["code"] if bits is None else quantize(features["code"], bits)
    torch.testing.assert_close(features["restored"], net.decoder(sent))
    torch.testing.assert_close(logits, net.tail(features["restored"]))
    torch.testing.assert_close(net(x), logits)


def test_the_encoder_learns_through_the_quantised_code():
    net = split_net(2)
    net(torch.randn(4, 6)).square().sum().backward()
    assert net.encoder.weight.grad.any()


def test_seeds_stay_apart_and_bits_may_be_set_afterwards():
    stack = SeedStack(lambda: split_net(4), seeds=[0, 1])
    x = torch.randn(2, 5, 6)
    for i in range(2):
        torch.testing.assert_close(stack(x)[i], stack.member(i)(x[i]))
    net = stack.member(0)
    fine = net(x[0])
    net.bits = 1
    assert (net(x[0]) - fine).abs().max() > 1e-3
