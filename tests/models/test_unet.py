import pytest
import torch

from kdcourse.models import UNet, count_parameters
from kdcourse.training import SeedStack


def test_shapes_and_size():
    output, features = UNet(2, 5, width=3)(torch.randn(4, 2, 8, 12), return_features=True)
    assert output.shape == (4, 5, 8, 12)
    assert {name: tuple(x.shape[1:]) for name, x in features.items()} == {
        "down1": (3, 8, 12),
        "down2": (6, 4, 6),
        "middle": (12, 2, 3),
        "up2": (6, 4, 6),
        "up1": (3, 8, 12),
    }
    # Kernels of 9 between the channels, two numbers of batch norm a channel, a 1x1 convolution with bias.
    kernels = 9 * (2 * 3 + 3 * 6 + 6 * 12 + 18 * 6 + 9 * 3)
    assert count_parameters(UNet(2, 5, width=3)) == kernels + 2 * (3 + 6 + 12 + 6 + 3) + 3 * 5 + 5


def test_bridges_keep_what_the_middle_cannot():
    """Without its deepest level a single pixel still reaches the output beside it, and nothing far away."""
    torch.manual_seed(0)
    net = UNet(1, 1, width=4).eval()
    with torch.no_grad():
        net.middle[0].weight.zero_()
        net.down2[0].weight.zero_()
        image = torch.zeros(1, 1, 16, 16)
        blank = net(image)
        image[0, 0, 5, 5] = 1
        moved = (net(image) - blank).abs()[0, 0]
    assert moved[5, 5] > 0
    assert moved[:3].max() == 0 and moved[8:].max() == 0 and moved[:, 8:].max() == 0


def test_the_middle_sees_far():
    torch.manual_seed(0)
    net = UNet(1, 1, width=4).eval()
    image = torch.zeros(1, 1, 16, 16, requires_grad=True)
    net(image + torch.rand(1, 1, 16, 16))[0, 0, 8, 8].backward()
    assert (image.grad[0, 0].abs().sum(dim=1) > 0).sum() > 9


def test_each_seed_of_a_stack_is_a_net_of_its_own():
    stack = SeedStack(lambda: UNet(1, 2, width=2), seeds=[0, 1]).eval()
    x = torch.randn(2, 3, 1, 8, 8)
    output, features = stack(x, return_features=True)
    for i in range(2):
        alone, own = stack.member(i)(x[i], return_features=True)
        torch.testing.assert_close(output[i], alone)
        torch.testing.assert_close(features["up2"][i], own["up2"])


def test_wrong_images():
    for shape, said in (
        ((2, 1, 8, 8), r"\(B, 2, H, W\)"),
        ((2, 2, 8, 10), "multiples of 4"),
        ((2, 8, 8), "x:"),
    ):
        with pytest.raises(ValueError, match=said):
            UNet(2, 1, width=2)(torch.zeros(shape))
    with pytest.raises(ValueError, match="width"):
        UNet(1, 1, width=0)
