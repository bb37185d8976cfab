"""Losses on attention maps and neuron selectivity against the formulas: plain loops, sums by hand, what
changes them and what does not. Laws that all losses obey are in `test_laws.py`."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from largest_tensor import largest_tensor
from loss_tools import gradient, raises
from torch.func import vmap

from kdcourse.losses import (
    attention_guided_loss,
    attention_map,
    attention_transfer_loss,
    gradient_attention_loss,
    nst_loss,
)

some = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 1.5 * torch.randn(*shape, generator=generator, dtype=torch.float64)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


# ---------------------------------------------------------------- the formulas, one number at a time


def pixels_of(feature):
    """[sample][channel][pixel], pixels row by row."""
    batch, channels, height, width = feature.shape
    return [
        [[feature[b, c, h, w].item() for h in range(height) for w in range(width)] for c in range(channels)]
        for b in range(batch)
    ]


def over_length(vector):
    length = math.sqrt(sum(v**2 for v in vector))
    return [v / length if length > 0 else 0.0 for v in vector]


def loop_map(feature, power):
    rows = []
    for channels in pixels_of(feature):
        sizes = [sum(abs(a) ** power for a in pixel) / len(pixel) for pixel in zip(*channels, strict=True)]
        rows.append(over_length(sizes))
    return rows


def loop_pool(feature, height, width):
    """Every window's mean: rows from floor(i H / height) up to ceil((i + 1) H / height), columns likewise."""
    out = torch.empty(*feature.shape[:2], height, width, dtype=torch.float64)
    for i in range(height):
        for j in range(width):
            top, bottom = i * feature.shape[2] // height, -(-(i + 1) * feature.shape[2] // height)
            left, right = j * feature.shape[3] // width, -(-(j + 1) * feature.shape[3] // width)
            out[..., i, j] = feature[..., top:bottom, left:right].mean(dim=(2, 3))
    return out


def loop_pool_both(student, teacher):
    height, width = (min(student.shape[d], teacher.shape[d]) for d in (2, 3))
    return loop_pool(student, height, width), loop_pool(teacher, height, width)


def loop_attention_transfer(student, teacher, power):
    ours, theirs = (loop_map(f, power) for f in loop_pool_both(student, teacher))
    squares = [(a - b) ** 2 for q, r in zip(ours, theirs, strict=True) for a, b in zip(q, r, strict=True)]
    return sum(squares) / len(squares)


def loop_nst(student, teacher):
    ours, theirs = map(pixels_of, loop_pool_both(student, teacher))

    def mean_kernel(first, second):
        total = 0.0
        for a in map(over_length, first):
            for b in map(over_length, second):
                total += sum(x * y for x, y in zip(a, b, strict=True)) ** 2
        return total / (len(first) * len(second))

    rows = zip(ours, theirs, strict=True)
    return sum(mean_kernel(t, t) + mean_kernel(s, s) - 2 * mean_kernel(s, t) for s, t in rows) / len(ours)


# ---------------------------------------------------------------- values

SHAPES = [  # of student and teacher
    ((2, 3, 4, 4), (2, 3, 4, 4)),
    ((2, 2, 3, 5), (2, 4, 3, 5)),  # other channels, not square
    ((1, 6, 2, 2), (1, 5, 2, 2)),  # more channels than pixels
    ((2, 3, 6, 4), (2, 2, 3, 2)),  # the student is larger
    ((2, 3, 2, 3), (2, 2, 5, 7)),  # the teacher is larger, by no whole number
    ((2, 2, 5, 2), (2, 4, 3, 4)),  # one is higher, the other wider
    ((2, 2, 5, 3), (2, 2, 5, 4)),  # only the width differs
    ((3, 2, 1, 1), (3, 1, 1, 1)),
]


@pytest.mark.parametrize("power", [1, 2, 3, 3.5, 4])
@pytest.mark.parametrize(("of_student", "of_teacher"), SHAPES)
def test_attention_agrees_with_plain_loops(of_student, of_teacher, power):
    student, teacher = normal(*of_student), normal(*of_teacher, seed=1)
    got = attention_map(student, power=power)
    assert got.shape == (of_student[0], of_student[2] * of_student[3])
    torch.testing.assert_close(got, torch.tensor(loop_map(student, power), dtype=torch.float64))
    loss = attention_transfer_loss(student, teacher, power=power)
    expected = loop_attention_transfer(student, teacher, power)
    assert loss.item() == pytest.approx(expected, rel=1e-12, abs=1e-30)
    assert loss.shape == ()


@pytest.mark.parametrize(("of_student", "of_teacher"), SHAPES)
def test_nst_agrees_with_plain_loops(of_student, of_teacher):
    student, teacher = normal(*of_student), normal(*of_teacher, seed=1)
    loss = nst_loss(student, teacher)
    assert loss.item() == pytest.approx(loop_nst(student, teacher), rel=1e-11, abs=1e-14)
    assert loss.shape == ()


def test_values_by_hand():
    # Two channels, pixels row by row: squares (1, 4, 0, 0) and (1, 0, 0, 8), means (1, 2, 0, 4).
    feature = tensor([[[1.0, -2.0], [0.0, 0.0]], [[-1.0, 0.0], [0.0, math.sqrt(8)]]])
    torch.testing.assert_close(attention_map(feature), tensor([1.0, 2.0, 0.0, 4.0]) / math.sqrt(21))
    magnitudes = tensor([2.0, 2.0, 0.0, math.sqrt(8)])
    torch.testing.assert_close(attention_map(feature, power=1), magnitudes / 4)
    other = tensor([[[0.0, 0.0], [7.0, 0.0]]])
    # Both maps have length 1 and nothing in common: 2 / 4 pixels.
    assert attention_transfer_loss(feature, other).item() == pytest.approx(0.5)
    # The maximum of 2 x 2 pixels would be 3, their mean is 1: directions (1, 1) and (1, 0).
    large = tensor([[[3.0, 1.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]])
    small = tensor([[[2.0, 0.0]]])
    by_hand = ((1 - math.sqrt(0.5)) ** 2 + 0.5) / 2
    assert attention_transfer_loss(large, small).item() == pytest.approx(by_hand)
    assert attention_transfer_loss(small, large).item() == pytest.approx(by_hand)


def test_nst_by_hand():
    # Channels (1, 0) and (0, 1) against (0.6, 0.8): 1 + (1 + 0 + 0 + 1) / 4 - 2 (0.36 + 0.64) / 2.
    student, teacher = tensor([[[1.0, 0.0]], [[0.0, 2.0]]]), tensor([[[3.0, 4.0]]])
    assert nst_loss(student, teacher).item() == pytest.approx(1 + 0.5 - 1)
    # Channels (1, 0) and (1, 0) against the same: 1 + 1 - 2 * 0.36.
    student = tensor([[[1.0, 0.0]], [[5.0, 0.0]]])
    assert nst_loss(student, teacher).item() == pytest.approx(2 - 0.72)


def test_gradient_attention_by_hand_and_by_a_plain_loop():
    student, teacher = tensor([1.0, 2.0], [0.0, 3.0]), tensor([0.0, 2.0], [4.0, 0.0])
    assert gradient_attention_loss(student, teacher).item() == 0.5 * (1 + 16 + 9) / 2
    for shape in ((3, 4), (2, 3, 4, 5), (5,), (1, 2)):
        student, teacher = normal(*shape), normal(*shape, seed=1)
        both = zip(student.flatten().tolist(), teacher.flatten().tolist(), strict=True)
        expected = sum(0.5 * (s - t) ** 2 for s, t in both) / shape[0]
        assert gradient_attention_loss(student, teacher).item() == pytest.approx(expected)
        slope = gradient(gradient_attention_loss, student, teacher)
        torch.testing.assert_close(slope, (student - teacher) / shape[0])


def test_defaults_are_the_documented_ones():
    student, teacher = normal(2, 3, 4, 4), normal(2, 2, 4, 4)
    assert torch.equal(attention_map(student), attention_map(student, power=2))
    explicit = attention_transfer_loss(student, teacher, power=2)
    assert torch.equal(attention_transfer_loss(student, teacher), explicit)
    assert torch.equal(attention_transfer_loss(student, teacher, power=2.0), explicit)
    with pytest.raises(TypeError, match="positional"):
        attention_map(student, 2)
    with pytest.raises(TypeError, match="positional"):
        attention_transfer_loss(student, teacher, 2)


def test_peer_defect_13_the_teacher_gets_no_gradient():
    features = normal(2, 2, 3, 4, 4).requires_grad_()
    for loss in (attention_transfer_loss, nst_loss, gradient_attention_loss):
        (both,) = torch.autograd.grad(loss(*features.unbind()), features)
        assert both[0].any() and not both[1].any()


def test_peer_defect_maps_that_are_not_square():
    """RepDistiller pools by comparing heights alone: these shapes crash there."""
    for of_student, of_teacher in (((2, 3, 4, 6), (2, 3, 2, 4)), ((2, 3, 4, 6), (2, 3, 4, 3))):
        student, teacher = normal(*of_student), normal(*of_teacher, seed=1)
        assert attention_transfer_loss(student, teacher) > 0
        assert nst_loss(student, teacher) > 0


# ---------------------------------------------------------------- attention: what changes it


@some
@given(seeds, st.floats(0.01, 100.0), st.sampled_from([1, 2, 3]))
def test_attention_is_a_direction_over_pixels(seed, scale, power):
    student, teacher = normal(2, 3, 2, 4, seed=seed), normal(2, 5, 2, 4, seed=seed + 1)
    plain = attention_transfer_loss(student, teacher, power=power)
    scales = scale * tensor(1.0, 3.0)[:, None, None, None]
    channels, pixels = torch.tensor([1, 2, 0]), torch.tensor([5, 0, 7, 2, 1, 3, 6, 4])
    signs = tensor(1.0, -1.0, -1.0)[:, None, None]
    for same in (scales * student, student[:, channels], signs * student, student.repeat(1, 2, 1, 1)):
        torch.testing.assert_close(attention_transfer_loss(same, teacher, power=power), plain)
    torch.testing.assert_close(attention_transfer_loss(student, scales * teacher, power=power), plain)
    moved_student, moved_teacher = (f.flatten(2)[..., pixels].view_as(f) for f in (student, teacher))
    torch.testing.assert_close(attention_transfer_loss(moved_student, moved_teacher, power=power), plain)
    assert abs(attention_transfer_loss(moved_student, teacher, power=power) - plain) > 1e-9
    map_of_moved = attention_map(moved_student, power=power)
    torch.testing.assert_close(map_of_moved, attention_map(student, power=power)[:, pixels])
    torch.testing.assert_close(attention_map(student, power=power).norm(dim=1), torch.ones(2).double())
    assert 0 <= plain <= 2 / 8


@pytest.mark.parametrize("power", [1, 2, 4, 8, 30])
@pytest.mark.parametrize("scale", [1e-15, 1e-6, 1.0, 1e4, 1e15])
def test_the_range_of_single_precision_is_no_limit_to_attention(scale, power):
    feature = normal(2, 3, 4, 4).float()
    expected = attention_map(feature.double(), power=power).float()
    torch.testing.assert_close(attention_map(scale * feature, power=power), expected, rtol=1e-4, atol=1e-6)
    slope = gradient(attention_transfer_loss, scale * feature, normal(2, 2, 4, 4, seed=1), power=power)
    exact = gradient(attention_transfer_loss, feature.double(), normal(2, 2, 4, 4, seed=1), power=power)
    torch.testing.assert_close(scale * slope.double(), exact, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("power", [1, 2, 3])
def test_samples_of_unlike_scale_do_not_harm_each_other(power):
    feature = normal(3, 3, 4, 4).float()
    scales = torch.tensor([1e-15, 1.0, 1e15])[:, None, None, None]
    got = attention_map(scales * feature, power=power)
    torch.testing.assert_close(got, attention_map(feature, power=power))


@pytest.mark.parametrize("power", [1, 1.5, 2, 4])
def test_a_sample_of_zeros_attends_to_nothing(power):
    feature = normal(2, 3, 2, 2)
    feature[0] = 0
    assert not attention_map(feature, power=power)[0].any()
    teacher = normal(2, 3, 2, 2, seed=1)
    loss = attention_transfer_loss(feature, teacher, power=power)
    second = attention_transfer_loss(feature[1:], teacher[1:], power=power)
    torch.testing.assert_close(loss, (1 / 4 + second) / 2)  # (0 - map of length 1)² over 4 pixels
    slope = gradient(attention_transfer_loss, feature, teacher, power=power)
    assert not slope[0].any() and slope[1].any()


def test_an_attention_map_can_be_trained_and_keeps_its_dtype():
    feature = normal(2, 3, 2, 2).requires_grad_()
    assert torch.autograd.gradcheck(attention_map, feature)
    assert torch.autograd.gradcheck(lambda f: attention_map(f, power=3), feature)
    assert torch.autograd.gradgradcheck(attention_map, feature)
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        half = feature.detach().to(dtype)
        got = attention_map(half)
        assert got.dtype == dtype
        assert torch.equal(got, attention_map(half.double()).to(dtype)) or dtype == torch.float32
    compiled = torch.compile(attention_map, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(feature.detach()), attention_map(feature.detach()))
    stacked = torch.stack([feature.detach(), 2 + feature.detach()])
    torch.testing.assert_close(vmap(attention_map)(stacked), torch.stack(list(map(attention_map, stacked))))


# ---------------------------------------------------------------- neuron selectivity: what changes it


@some
@given(seeds, st.sampled_from([(3, 4, 2, 4), (7, 5, 2, 2)]))
def test_nst_asks_which_pixels_channels_select(seed, sizes):
    ours, theirs, height, width = sizes
    student = normal(2, ours, height, width, seed=seed)
    teacher = normal(2, theirs, height, width, seed=seed + 1)
    plain = nst_loss(student, teacher)
    channels = torch.randperm(ours, generator=torch.Generator().manual_seed(seed))
    scales = (-1.0) ** torch.arange(ours) * torch.arange(1, ours + 1)
    for same in (student[:, channels], scales[:, None, None] * student, student.repeat(1, 2, 1, 1)):
        torch.testing.assert_close(nst_loss(same, teacher), plain)
    turn = torch.linalg.qr(normal(height * width, height * width, seed=seed + 2)).Q
    turned_student, turned_teacher = ((f.flatten(2) @ turn).view_as(f) for f in (student, teacher))
    torch.testing.assert_close(nst_loss(turned_student, turned_teacher), plain)
    assert abs(nst_loss(turned_student, teacher) - plain) > 1e-9
    assert 0 < plain <= 2


@pytest.mark.parametrize("shape", [(3, 2, 4, 4), (3, 9, 2, 2)], ids=["few channels", "many channels"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_nst_is_zero_where_the_channels_are_the_same(shape, dtype):
    """Many public versions leave out the teacher's own term and are not."""
    teacher = normal(*shape).to(dtype)
    assert abs(nst_loss(teacher.clone(), teacher).item()) <= torch.finfo(torch.float32).eps
    renamed = nst_loss(teacher.flip(1), teacher)
    assert abs(renamed.item()) <= torch.finfo(torch.float32).eps
    close = nst_loss(teacher * (1 + 1e-3 * normal(*shape, seed=2)).to(dtype), teacher)
    assert close >= -torch.finfo(torch.float32).eps


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (2, 9, 2, 2)], ids=["few channels", "many channels"])
def test_dead_channels_select_nothing(shape):
    student, teacher = normal(*shape), normal(*shape, seed=1)
    student[:, 0] = 0
    teacher[:, 1:3] = 0
    assert nst_loss(student, teacher).item() == pytest.approx(loop_nst(student, teacher), rel=1e-11)
    slope = gradient(nst_loss, student, teacher)
    assert slope.isfinite().all() and not slope[:, 0].any() and slope[:, 1:].any()
    nothing = torch.zeros(shape, dtype=torch.float64)
    assert nst_loss(nothing, nothing).item() == 0
    assert nst_loss(nothing, normal(*shape)).item() == pytest.approx(loop_nst(nothing, normal(*shape)))
    assert not gradient(nst_loss, nothing, teacher).any()


@pytest.mark.parametrize(
    ("ours", "theirs", "pixels", "largest"),
    [
        (16, 16, 4, 16 * 4),  # pixel by pixel: a feature is the largest
        (4, 4, 64, 4 * 64),  # channel by channel: again
        (4, 4, 6, 6 * 6),  # 6² (4 + 4) products are fewer than 6 (4² + 4² + 4²)
        (4, 4, 7, 4 * 7),  # 7² (4 + 4) are more than 7 (4² + 4² + 4²)
        (2, 8, 8, 8 * 8),  # 8² (2 + 8) are fewer than 8 (2² + 2 * 8 + 8²)
        (8, 2, 8, 8 * 8),
        (2, 8, 9, 8 * 9),
        (8, 2, 9, 8 * 9),
    ],
)
def test_nst_never_forms_all_pairs_of_channels_and_pixels(ours, theirs, pixels, largest):
    """The broadcast form holds B·C·C·H·W numbers: users ran out of 32 GB."""
    student, teacher = normal(3, ours, pixels, 1), normal(3, theirs, pixels, 1, seed=1)
    assert largest_tensor(nst_loss, student, teacher) == 3 * largest


# ---------------------------------------------------------------- attention-guided imitation


def loop_guided(student, teacher, tau, weigh=None):
    """Sum by hand, with the masks of `weigh` (of the student if None)."""
    weigh = student if weigh is None else weigh
    batch, channels, height, width = student.shape
    total = 0.0
    for b in range(batch):
        strength = weigh[b].abs() + teacher[b].abs()
        at_place = {
            (h, w): math.exp(sum(strength[c, h, w].item() for c in range(channels)) / channels / tau)
            for h in range(height)
            for w in range(width)
        }
        in_channel = [math.exp(strength[c].sum().item() / (height * width) / tau) for c in range(channels)]
        for (h, w), place in at_place.items():
            for c, channel in enumerate(in_channel):
                mask = height * width * place / sum(at_place.values()) * channels * channel / sum(in_channel)
                total += mask * (student[b, c, h, w].item() - teacher[b, c, h, w].item()) ** 2
    return total / student.numel()


@pytest.mark.parametrize("tau", [0.2, 1, 3.5])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 4, 1, 3), (3, 1, 2, 2)])
def test_attention_guided_agrees_with_a_plain_loop(shape, tau):
    student, teacher = normal(2, *shape).unbind()
    got = attention_guided_loss(student, teacher, tau=tau)
    assert got.item() == pytest.approx(loop_guided(student, teacher, tau), rel=1e-12)


def test_the_gradient_of_attention_guided_takes_the_masks_for_constants():
    student, teacher = normal(2, 2, 3, 2, 2).unbind()
    got, step = gradient(attention_guided_loss, student, teacher), 1e-6
    for index in ((0, 0, 0, 0), (1, 2, 1, 0), (0, 1, 1, 1)):
        moved = student.clone()
        moved[index] += step
        slope = (loop_guided(moved, teacher, 0.5, student) - loop_guided(student, teacher, 0.5)) / step
        assert got[index].item() == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_attention_guided_with_a_large_tau_is_the_hint():
    student, teacher = normal(2, 2, 3, 4, 2).unbind()
    expected = (student - teacher).square().mean()
    torch.testing.assert_close(attention_guided_loss(student, teacher, tau=1e9), expected)
    assert (attention_guided_loss(student, teacher) - expected).abs() > 0.05


@pytest.mark.parametrize("tau", [0, -1.0, math.inf, math.nan, "0.5"])
def test_attention_guided_wants_a_positive_tau(tau):
    with raises("tau"):
        attention_guided_loss(torch.zeros(2, 3, 4, 5), torch.zeros(2, 3, 4, 5), tau=tau)


def test_attention_guided_wants_equal_shapes():
    with raises("teacher_feature", "shape of student_feature, (2, 3, 4, 5)", "got (2, 4, 4, 5)"):
        attention_guided_loss(torch.zeros(2, 3, 4, 5), torch.zeros(2, 4, 4, 5))
    with raises("student_feature", "(B, C, H, W), got (3, 4, 5)"):
        attention_guided_loss(torch.zeros(3, 4, 5), torch.zeros(3, 4, 5))
