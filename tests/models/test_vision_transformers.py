"""TinyViT and EfficientViT: their attention against plain loops, their parts against the papers' sizes."""

import math

import pytest
import torch
from torch import nn

from kdcourse.models import (
    CascadedGroupAttention,
    EfficientViTBlock,
    MBConv,
    PositionEmbedding,
    TinyViTBlock,
    WindowAttention,
    count_parameters,
    efficient_vit,
    tiny_vit,
)
from kdcourse.models.tiny_vit import POSITIONS, absolute_offsets, join_windows, sinusoids, split_windows
from kdcourse.training import SeedStack, seeded


@pytest.fixture(autouse=True)
def same_initial_weights():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def shaken(module, seed=0):
    """Every parameter and statistic away from its beginning, so that nothing is 0 or 1 by chance."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
        for name, buffer in module.named_buffers():
            if "running" in name:
                buffer.add_(torch.rand(buffer.shape, generator=generator))
    return module.double().eval()


def image(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("height", "width"), [(4, 6), (5, 6), (2, 2), (3, 7)])
def test_windows_come_together_again(height, width):
    x = image(2, height, width, 3)
    windows = split_windows(x, 2)
    rows, columns = math.ceil(height / 2), math.ceil(width / 2)
    assert windows.shape == (2, rows * columns, 4, 3)
    assert torch.equal(join_windows(windows, 2, height, width), x.movedim(-1, 1))
    # Window (1, 0), where there is one, holds the pixels of rows 2 and 3, columns 0 and 1, row by row.
    if rows > 1:
        assert torch.equal(windows[0, columns, :2], x[0, 2, :2])


def test_offsets_by_hand():
    offsets = absolute_offsets(2, 3)
    place = {(y, x): 3 * y + x for y in range(2) for x in range(3)}
    for a, i in place.items():
        for b, j in place.items():
            assert offsets[i, j] == 3 * abs(a[0] - b[0]) + abs(a[1] - b[1])


def attention_by_loops(module, x):
    """One window, pixel by pixel; x: (C, side, side)."""
    channels, side, _ = x.shape
    tokens = [module.norm(x[:, i, j]) for i in range(side) for j in range(side)]
    d = channels // module.heads
    out = torch.zeros(side * side, channels, dtype=x.dtype)
    for head in range(module.heads):
        q, k, v = ([module.qkv(t)[part * channels + head * d :][:d] for t in tokens] for part in range(3))
        for i in range(side * side):
            scores = []
            for j in range(side * side):
                score = (q[i] * k[j]).sum() / math.sqrt(d)
                if module.bias is not None:
                    dy, dx = abs(i // side - j // side), abs(i % side - j % side)
                    score = score + module.bias[head, dy * side + dx]
                scores.append(score)
            weights = torch.stack(scores).softmax(0)
            out[i, head * d : (head + 1) * d] = sum(w * u for w, u in zip(weights, v, strict=True))
    return module.project(out).T.reshape(channels, side, side)


@pytest.mark.parametrize("relative", [True, False])
def test_window_attention_against_loops(relative):
    module = shaken(WindowAttention(6, heads=2, window=3, relative=relative))
    x = image(2, 6, 3, 6)  # two windows side by side
    found = module(x)
    for b in range(2):
        for left in (0, 3):
            expected = attention_by_loops(module, x[b, :, :, left : left + 3])
            torch.testing.assert_close(found[b, :, :, left : left + 3], expected)


@pytest.mark.parametrize("make", [WindowAttention, CascadedGroupAttention])
def test_windows_do_not_meet(make):
    module, x = shaken(make(6, 2, 3)), image(1, 6, 6, 6)
    other = x.clone()
    other[:, 0, 4, 1] += 5  # in the window below on the left; not all channels alike, or the norm hides it
    changed = ((module(x) - module(other)).abs() > 1e-12).any(1)[0]
    # Of the window, not all must change: a ReLU may be shut.
    assert changed[3:, :3].sum() == changed.sum() >= 2


def test_mirrored_windows_give_mirrored_results_and_places_count():
    x = image(1, 6, 3, 3)
    relative, blind = (shaken(WindowAttention(6, 2, 3, relative=r)) for r in (True, False))
    for axis in (2, 3):
        torch.testing.assert_close(relative(x.flip(axis)), relative(x).flip(axis))
    order = torch.tensor([4, 0, 8, 2, 6, 1, 3, 7, 5])
    mixed = x.flatten(2)[..., order].reshape(x.shape)
    same = blind(x).flatten(2)[..., order].reshape(x.shape)
    torch.testing.assert_close(blind(mixed), same)
    assert (relative(mixed) - relative(x).flatten(2)[..., order].reshape(x.shape)).abs().max() > 0.01


def test_a_map_that_does_not_divide_is_padded():
    module, x = shaken(WindowAttention(4, 2, 3)), image(1, 4, 4, 5)
    found = module(x)
    normed = torch.zeros(1, 4, 6, 6, dtype=torch.float64)
    normed[..., :4, :5] = module.norm(x.movedim(1, -1)).movedim(-1, 1)
    module.norm = nn.Identity()
    assert found.shape == x.shape
    torch.testing.assert_close(found, module(normed)[..., :4, :5])


def cascade_by_loops(module, x):
    """One window; x: (C, side, side)."""
    share, side, d = module.channels // module.heads, module.window, module.key_dim
    outs, carried = [], 0
    for head in range(module.heads):
        seen = x[None, head * share : (head + 1) * share] + carried
        parts = module.qkv[head](seen)[0]
        q = module.query_mixers[head](parts[None, :d])[0].flatten(1)
        k, v = parts[d : 2 * d].flatten(1), parts[2 * d :].flatten(1)
        out = torch.zeros(share, side * side, dtype=x.dtype)
        for i in range(side * side):
            scores = [
                (q[:, i] * k[:, j]).sum() / math.sqrt(d)
                + module.bias[head, abs(i // side - j // side) * side + abs(i % side - j % side)]
                for j in range(side * side)
            ]
            out[:, i] = sum(w * v[:, j] for j, w in enumerate(torch.stack(scores).softmax(0)))
        carried = out.reshape(1, share, side, side)
        outs.append(carried)
    return module.project(torch.cat(outs, dim=1))[0]


def test_cascaded_attention_against_loops():
    module = shaken(CascadedGroupAttention(6, heads=3, window=3, key_dim=4, kernels=(3, 5, 1)))
    x = image(2, 6, 3, 6)
    found = module(x)
    for b in range(2):
        for left in (0, 3):
            expected = cascade_by_loops(module, x[b, :, :, left : left + 3])
            torch.testing.assert_close(found[b, :, :, left : left + 3], expected)


def test_blocks_begin_as_little_as_they_say():
    x = image(2, 8, 4, 4).float()
    torch.testing.assert_close(MBConv(8).eval()(x), nn.functional.gelu(x))
    block = EfficientViTBlock(8, 2, 4).eval()
    torch.testing.assert_close(block[0](x), x)
    torch.testing.assert_close(block(x), x)


def test_tiny_vit_block_in_steps():
    block, x = shaken(TinyViTBlock(6, 2, 3)), image(1, 6, 3, 3)
    y = block.local(x + block.attention(x))
    expected = y + block.mlp(y.movedim(1, -1)).movedim(-1, 1)
    torch.testing.assert_close(block(x), expected)
    assert isinstance(TinyViTBlock(6, 2, 3, local=False).local, nn.Identity)


def test_sinusoids_by_hand():
    vectors = sinusoids(8, 3, 5)
    for row in range(3):
        for column in range(5):
            expected = []
            for place in (row, column):
                for rate in (1.0, 0.1):
                    expected += [math.sin(place * rate), math.cos(place * rate)]
            assert vectors[:, row, column].tolist() == pytest.approx(expected, abs=1e-6)
    x = image(2, 8, 3, 5).float()
    torch.testing.assert_close(PositionEmbedding(8, 3, 5, "sinusoidal")(x), x + vectors)
    learned = PositionEmbedding(8, 3, 5, "absolute")
    assert learned.vectors.requires_grad and 0 < learned.vectors.std() < 0.1


@pytest.mark.parametrize("position", POSITIONS)
def test_which_nets_know_places(position):
    """With one window, no convolution after the stem and pooling at the end, only positions tell places."""
    net = shaken(
        tiny_vit((8, 8), (1, 1), (2,), (4,), size=8, stem_strides=(1, 1), position=position, local=False)
    )
    x = image(1, 8, 8, 8)
    attend = net.stages["stage2"][1:]  # after the merging
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    y = net.stages["stage2"][0](x)
    mixed = y.flatten(2)[..., order].reshape(y.shape)
    same = torch.allclose(net.head(attend(y)), net.head(attend(mixed)), atol=1e-9)
    assert same == (position == "none")


def test_parameters_of_the_published_nets():
    """TinyViT-5M and EfficientViT-M0 have 5.4 and 2.3 million parameters in their papers."""
    with torch.device("meta"):
        tiny = tiny_vit(
            (64, 128, 160, 320),
            (2, 2, 6, 2),
            (4, 5, 10),
            (7, 14, 7),
            classes=1000,
            size=224,
            channels=3,
            stem_strides=(2, 2),
        )
        efficient = efficient_vit(
            (64, 128, 192), (1, 2, 3), (4, 4, 4), (7, 7, 7), classes=1000, channels=3,
            stem_strides=(2, 2, 2, 2), key_dim=16, kernels=(5, 5, 5, 5),
        )  # fmt: skip
    assert f"{count_parameters(tiny) / 1e6:.1f}" == "5.4"
    assert 2.25 < count_parameters(efficient) / 1e6 < 2.35


NETS = {
    "tiny": lambda: tiny_vit((8, 12), (1, 1), (3,), (4,), size=8, classes=4),
    "efficient": lambda: efficient_vit((8, 12), (1, 1), (2, 3), (4, 4), classes=4, key_dim=4),
}


@pytest.mark.parametrize("name", NETS)
def test_shapes_features_and_gradients(name):
    net, x = seeded(NETS[name], 0).train(), image(5, 1, 8, 8).float()
    with torch.no_grad():
        for parameter in net.parameters():  # away from the zeros of residual branches
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    logits, features = net(x, return_features=True)
    assert logits.shape == (5, 4) and list(features) == list(net.stage_names)
    logits.square().sum().backward()
    assert not [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()]


@pytest.mark.parametrize("name", NETS)
def test_in_a_seed_stack(name):
    stack, x = SeedStack(NETS[name], [0, 1]).eval(), image(2, 3, 1, 8, 8).float()
    alone = torch.stack([seeded(NETS[name], s).eval()(x[s]) for s in (0, 1)])
    torch.testing.assert_close(stack(x), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: WindowAttention(6, 4, 3), "heads: expected a divisor of the 6 channels, got 4"),
        (lambda: CascadedGroupAttention(6, 4, 3), "heads: expected a divisor of the 6 channels"),
        (lambda: CascadedGroupAttention(6, 2, 3, kernels=(3,)), "heads: .* a kernel for each"),
        (lambda: tiny_vit((8, 8), (1,), (2,), (4,)), "dims, depths, heads, windows: expected n, n,"),
        (lambda: tiny_vit(position="learned"), "position: expected one of none, absolute"),
        (lambda: efficient_vit((8, 8), (1, 1), (2,), (4,)), "dims, depths, heads, windows: expected as many"),
        (lambda: PositionEmbedding(6, 2, 2, "sinusoidal"), "channels: expected a multiple of 4"),
        (lambda: PositionEmbedding(8, 2, 2, "none"), "kind: expected"),
        (lambda: WindowAttention(6, 2, 3)(torch.rand(2, 5, 3, 3)), r"x: expected shape \(B, 6, H, W\)"),
        (lambda: CascadedGroupAttention(6, 2, 3)(torch.rand(2, 6, 3)), "x: expected"),
    ],
)
def test_what_cannot_be(make, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        make()
