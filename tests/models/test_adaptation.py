import pytest
import torch

from kdcourse.losses import hint_loss
from kdcourse.models import FeatureAutoEncoder
from kdcourse.training import SeedStack, fit


def test_shapes_and_layers():
    net = FeatureAutoEncoder(10, 4)
    code, reconstruction = net(torch.randn(2, 10, 5, 3))
    assert code.shape == (2, 4, 5, 3) and reconstruction.shape == (2, 10, 5, 3)
    widths = [tuple(p.shape[:2]) for p in net.parameters() if p.ndim == 4]
    assert widths == [(7, 10), (4, 7), (7, 4), (10, 7)]


def test_it_learns_a_map_that_has_as_few_dimensions_as_the_code():
    torch.manual_seed(0)
    mixing = torch.randn(8, 2)
    maps = torch.einsum("ck,bkhw->bchw", mixing, torch.randn(64, 2, 4, 4))
    net = FeatureAutoEncoder(8, 2)
    losses = fit(net, lambda net, x: hint_loss(net(x)[1], x), lambda step: (maps,), steps=300, progress=False)
    assert losses[-1] < 0.2 * losses[0]
    too_small = FeatureAutoEncoder(8, 1)
    worse = fit(
        too_small, lambda net, x: hint_loss(net(x)[1], x), lambda step: (maps,), steps=300, progress=False
    )
    assert worse[-1] > 1.5 * losses[-1]


def test_the_code_is_what_the_decoder_gets_and_seeds_stay_apart():
    stack = SeedStack(lambda: FeatureAutoEncoder(3, 2), seeds=[0, 1])
    x = torch.randn(2, 4, 3, 5, 5)
    code, reconstruction = stack(x)
    for i in range(2):
        member = stack.member(i)
        torch.testing.assert_close(code[i], member.encoder(x[i]))
        torch.testing.assert_close(reconstruction[i], member.decoder(code[i]))


def test_wrong_maps():
    with pytest.raises(ValueError, match=r"feature: expected shape \(B, 3, H, W\), got \(2, 4, 5, 5\)"):
        FeatureAutoEncoder(3, 2)(torch.zeros(2, 4, 5, 5))
    with pytest.raises(ValueError, match="code_channels"):
        FeatureAutoEncoder(3, 0)
