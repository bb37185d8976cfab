"""FSP matrices and inter-channel correlation against the formulas: plain loops, sums by hand, invariances."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from largest_tensor import largest_tensor
from loss_tools import normal, raises
from torch import nn

from kdcourse.losses import fsp_loss, fsp_matrix, ickd_loss

some = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)


# ---------------------------------------------------------------- the formulas, one number at a time


def loop_pool(channel, height, width):
    """Adaptive average pooling of one channel, a list of rows: bins from floor to ceiling may overlap."""
    rows, columns = len(channel), len(channel[0])
    pooled = []
    for i in range(height):
        line = []
        for j in range(width):
            top, bottom = i * rows // height, -(-(i + 1) * rows // height)
            left, right = j * columns // width, -(-(j + 1) * columns // width)
            cells = [channel[h][w] for h in range(top, bottom) for w in range(left, right)]
            line.append(sum(cells) / len(cells))
        pooled.append(line)
    return pooled


def loop_fsp(first, second):
    """The matrix of one sample; first and second are lists of channels."""
    height, width = min(len(first[0]), len(second[0])), min(len(first[0][0]), len(second[0][0]))
    first, second = ([loop_pool(c, height, width) for c in layer] for layer in (first, second))
    return [
        [
            sum(a[h][w] * b[h][w] for h in range(height) for w in range(width)) / (height * width)
            for b in second
        ]
        for a in first
    ]


def loop_fsp_loss(*layers):
    errors = []
    for s1, s2, t1, t2 in zip(*(layer.tolist() for layer in layers)):
        student, teacher = loop_fsp(s1, s2), loop_fsp(t1, t2)
        errors += [(a - b) ** 2 for p, q in zip(student, teacher) for a, b in zip(p, q)]
    return sum(errors) / len(errors)


def loop_rows(channels):
    """The Gram matrix of one sample's channels, each row of length one."""
    flat = [[x for row in channel for x in row] for channel in channels]
    gram = [[sum(x * y for x, y in zip(a, b)) for b in flat] for a in flat]
    norms = [math.sqrt(sum(x * x for x in row)) for row in gram]
    return [[x / norm if norm else 0.0 for x in row] for row, norm in zip(gram, norms)]


def loop_ickd(student, teacher):
    total = 0.0
    for s, t in zip(student.tolist(), teacher.tolist()):
        for row, other in zip(loop_rows(s), loop_rows(t)):
            total += sum((x - y) ** 2 for x, y in zip(row, other))
    return total / (student.shape[1] * len(student))


# ---------------------------------------------------------------- fsp_matrix


@pytest.mark.parametrize(("shape", "other"), [((2, 3, 2, 4), 2), ((1, 1, 1, 1), 1), ((3, 2, 5, 1), 4)])
def test_fsp_matrix_agrees_with_a_plain_loop(shape, other):
    first, second = normal(*shape), normal(shape[0], other, *shape[2:], seed=1)
    expected = [loop_fsp(a, b) for a, b in zip(first.tolist(), second.tolist())]
    torch.testing.assert_close(fsp_matrix(first, second), torch.tensor(expected, dtype=torch.float64))


def test_fsp_matrix_by_hand():
    first = torch.tensor([[[[1.0, 2.0], [0.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]]])
    second = torch.tensor([[[[4.0, 1.0], [8.0, 2.0]]]])
    assert fsp_matrix(first, second).tolist() == [[[(4 + 2 + 0 + 2) / 4], [15 / 4]]]


def test_fsp_matrix_is_differentiable_in_both_layers():
    first, second = normal(2, 3, 2, 2).requires_grad_(), normal(2, 2, 2, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(fsp_matrix, (first, second))


def test_fsp_matrix_is_transposed_when_its_layers_are_exchanged():
    first, second = normal(2, 3, 2, 5), normal(2, 4, 2, 5, seed=1)
    torch.testing.assert_close(fsp_matrix(second, first), fsp_matrix(first, second).mT)


@pytest.mark.parametrize(
    ("of_first", "of_second", "of_result"),
    [
        (torch.float32, torch.float32, torch.float32),
        (torch.bfloat16, torch.bfloat16, torch.bfloat16),
        (torch.bfloat16, torch.float32, torch.float32),
        (torch.float32, torch.float64, torch.float64),
        (torch.float64, torch.float16, torch.float64),
    ],
)
def test_fsp_matrix_in_every_dtype(of_first, of_second, of_result):
    first, second = normal(2, 3, 6, 6).to(of_first), normal(2, 4, 6, 6, seed=1).to(of_second)
    matrix = fsp_matrix(first, second)
    assert matrix.dtype == of_result
    exact = fsp_matrix(first.double(), second.double())
    # Wide inside: one rounding to the dtype of the result is left.
    rounding = 0.51 if of_result.itemsize == 2 else 8
    torch.testing.assert_close(matrix.double(), exact, rtol=rounding * torch.finfo(of_result).eps, atol=1e-7)


def test_fsp_matrix_keeps_its_precision_under_autocast():
    first, second = normal(2, 3, 6, 6).float(), normal(2, 4, 6, 6, seed=1).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        matrix = fsp_matrix(first, second)
    torch.testing.assert_close(matrix, fsp_matrix(first, second))


@some
@given(seeds)
def test_the_order_of_pixels_does_not_matter_to_relations(seed):
    layers = [normal(2, 3, 2, 3, seed=seed + i) for i in range(4)]
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    moved = [x.flatten(2)[..., order].view_as(x) for x in layers]
    torch.testing.assert_close(fsp_matrix(*moved[:2]), fsp_matrix(*layers[:2]))
    torch.testing.assert_close(fsp_loss(*moved[:2], *layers[2:]), fsp_loss(*layers))
    torch.testing.assert_close(ickd_loss(moved[0], layers[2]), ickd_loss(layers[0], layers[2]))
    one_moved = fsp_matrix(moved[0], layers[1])
    assert torch.equal(order, torch.arange(6)) or not torch.allclose(one_moved, fsp_matrix(*layers[:2]))


def test_reported_bug_74_the_divisor_is_the_number_of_pixels():
    """Some divide by C H W. Tiled in space, a map keeps its matrix; copied channels make it larger."""
    first, second = normal(2, 3, 2, 4), normal(2, 2, 2, 4, seed=1)
    matrix = fsp_matrix(first, second)
    tiled = fsp_matrix(first.repeat(1, 1, 3, 2), second.repeat(1, 1, 3, 2))
    torch.testing.assert_close(tiled, matrix)
    copied = fsp_matrix(first.repeat(1, 2, 1, 1), second)
    torch.testing.assert_close(copied, matrix.repeat(1, 2, 1))
    assert copied.square().sum() == pytest.approx(2 * matrix.square().sum().item())


def test_fsp_matrix_wants_maps_of_one_size():
    with raises(
        "second",
        "map size of first, (4, 6)",
        "got (2, 3); pool the larger map to the size of the smaller (fsp_loss does)",
    ):
        fsp_matrix(normal(2, 3, 4, 6), normal(2, 3, 2, 3))
    with raises("second", "(4, 6)", "got (6, 4)"):
        fsp_matrix(normal(2, 3, 4, 6), normal(2, 3, 6, 4))
    with raises("second", "batch size of first, 2", "got 3"):
        fsp_matrix(normal(2, 3, 4, 6), normal(3, 3, 4, 6))
    for wrong, said in (
        (normal(2, 3, 4), "shape (B, C, H, W), got (2, 3, 4)"),
        (normal(0, 3, 4, 6), "(0, 3, 4, 6)"),
        (None, "None"),
    ):
        with raises("first", said):
            fsp_matrix(wrong, normal(2, 3, 4, 6))
        with raises("second", said):
            fsp_matrix(normal(2, 3, 4, 6), wrong)


# ---------------------------------------------------------------- fsp_loss


@pytest.mark.parametrize(
    "sizes",
    [
        ((2, 3), (2, 3), (2, 3), (2, 3)),
        ((4, 6), (2, 3), (4, 6), (2, 3)),  # the first is larger
        ((2, 3), (4, 6), (3, 3), (3, 3)),  # the second is larger; the networks' maps differ
        ((5, 2), (3, 4), (1, 1), (2, 2)),  # height of one, width of the other; bins overlap
    ],
)
def test_fsp_loss_agrees_with_a_plain_loop(sizes):
    layers = [normal(2, (3, 2)[i % 2], *size, seed=i) for i, size in enumerate(sizes)]
    assert fsp_loss(*layers).item() == pytest.approx(loop_fsp_loss(*layers), rel=1e-11)


def test_fsp_loss_by_hand():
    student = torch.tensor([[[[1.0, 3.0]]]]), torch.tensor([[[[1.0, 1.0]], [[2.0, 0.0]]]])  # (2, 1)
    teacher = torch.tensor([[[[1.0]]]]), torch.tensor([[[[5.0]], [[0.0]]]])  # (5, 0)
    assert fsp_loss(*student, *teacher).item() == (9 + 1) / 2


def test_fsp_loss_averages_the_larger_map():
    """Widely used code pools with a maximum; with it the matrix would be 4, not 1."""
    first = torch.tensor([[[[4.0, 0.0], [0.0, 0.0]]]])
    one, nothing = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
    assert fsp_loss(first, one, nothing, nothing).item() == 1.0
    assert fsp_loss(one, first, nothing, nothing).item() == 1.0
    assert fsp_loss(nothing, nothing, first, one).item() == 1.0


def test_fsp_loss_is_a_mean_over_all_entries():
    layers = [normal(2, 3, 2, 2, seed=i) for i in range(4)]
    copies = [x.repeat(1, 2, 1, 1) for x in layers]
    torch.testing.assert_close(fsp_loss(*copies), fsp_loss(*layers))
    torch.testing.assert_close(fsp_loss(*(2 * x for x in layers)), 16 * fsp_loss(*layers))


@some
@given(seeds)
def test_fsp_loss_follows_the_channels(seed):
    layers = [normal(2, 4, 2, 2, seed=seed + i) for i in range(4)]
    order = torch.tensor([2, 0, 3, 1])
    renamed = [x[:, order] if i % 2 == 0 else x for i, x in enumerate(layers)]
    torch.testing.assert_close(fsp_loss(*renamed), fsp_loss(*layers))
    assert (fsp_loss(layers[0][:, order], *layers[1:]) - fsp_loss(*layers)).abs() > 1e-9


def test_fsp_loss_tells_its_layers_apart():
    layers = [normal(2, 3, 2, 2, seed=i) for i in range(4)]
    s1, s2, t1, t2 = layers
    assert fsp_loss(s2, s1, t1, t2) != pytest.approx(fsp_loss(*layers).item())
    assert fsp_loss(s1, t2, t1, s2) != pytest.approx(fsp_loss(*layers).item())
    torch.testing.assert_close(fsp_loss(s2, s1, t2, t1), fsp_loss(*layers))


def test_fsp_loss_needs_no_tensor_over_channels_and_pixels_together():
    """The broadcast form makes one of B C1 C2 H W numbers."""
    layers = [normal(2, channels, 6, 6) for channels in (8, 10, 8, 10)]
    assert largest_tensor(fsp_loss, *layers) <= 2 * 10 * 36 < 2 * 8 * 10 * 36


def test_fsp_loss_says_which_layer_is_wrong():
    good = [normal(2, 3, 4, 4), normal(2, 5, 2, 2), normal(2, 3, 6, 6), normal(2, 5, 3, 3)]
    names = ["student_first", "student_second", "teacher_first", "teacher_second"]
    for i, name in enumerate(names):
        for wrong, said in (
            (normal(2, 3, 4), "shape (B, C, H, W), got (2, 3, 4)"),
            (normal(2, 3, 0, 4), "(2, 3, 0, 4)"),
            ("x", "str"),
        ):
            with raises(name, said):
                fsp_loss(*good[:i], wrong, *good[i + 1 :])
        if i:
            with raises(name, "batch size of student_first, 2", "got 1"):
                fsp_loss(*good[:i], good[i][:1], *good[i + 1 :])
    with raises("teacher_first", "channels of student_first, 3", "got 2 (shape (2, 2, 6, 6))"):
        fsp_loss(good[0], good[1], good[2][:, :2], good[3])
    with raises("teacher_second", "channels of student_second, 5", "got 1 (shape (2, 1, 3, 3))"):
        fsp_loss(*good[:3], good[3][:, :1])


# ---------------------------------------------------------------- ickd_loss


@pytest.mark.parametrize(
    ("shape", "size"), [((2, 3, 2, 4), (2, 4)), ((3, 2, 3, 3), (5, 1)), ((1, 1, 1, 1), (1, 1))]
)
def test_ickd_agrees_with_a_plain_loop(shape, size):
    student, teacher = normal(*shape), normal(*shape[:2], *size, seed=1)
    assert ickd_loss(student, teacher).item() == pytest.approx(loop_ickd(student, teacher), rel=1e-11)


def test_ickd_by_hand():
    # Channels (3, 0), (4, 0): Gram 9 12 / 12 16, rows (0.6, 0.8) twice. Teacher: (1, 0), (0, 1).
    student = torch.tensor([[[[3.0, 0.0]], [[4.0, 0.0]]]], dtype=torch.float64)
    teacher = torch.tensor([[[[5.0, 0.0]], [[0.0, 7.0]]]], dtype=torch.float64)
    by_hand = (0.16 + 0.64 + 0.36 + 0.04) / 2
    assert ickd_loss(student, teacher).item() == pytest.approx(by_hand, rel=1e-14)
    assert ickd_loss(-student, student).item() == pytest.approx(0.0, abs=1e-30)
    opposite = student * torch.tensor([1.0, -1.0]).view(1, 2, 1, 1)  # rows (0.6, -0.8), (-0.6, 0.8)
    assert ickd_loss(opposite, student).item() == pytest.approx((1.6**2 + 1.2**2) / 2, rel=1e-14)


def test_peer_defect_ickd_does_not_fade_as_the_batch_grows():
    """torchdistill divides by the batch size twice."""
    student, teacher = normal(3, 4, 2, 3), normal(3, 4, 2, 3, seed=1)
    twice = ickd_loss(student.repeat(2, 1, 1, 1), teacher.repeat(2, 1, 1, 1))
    torch.testing.assert_close(twice, ickd_loss(student, teacher))


@some
@given(seeds, st.floats(0.01, 100.0))
def test_ickd_ignores_the_scale_of_samples_but_not_of_channels(seed, scale):
    student, teacher = normal(3, 4, 2, 3, seed=seed), normal(3, 4, 2, 3, seed=seed + 1)
    plain = ickd_loss(student, teacher)
    by_sample = torch.tensor([scale, -1.0, 1.0], dtype=torch.float64).view(3, 1, 1, 1)
    torch.testing.assert_close(ickd_loss(by_sample * student, teacher), plain, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(ickd_loss(student, by_sample * teacher), plain, rtol=1e-9, atol=1e-12)
    by_channel = torch.tensor([3.0, 1.0, 1.0, 1.0], dtype=torch.float64).view(1, 4, 1, 1)
    assert (ickd_loss(by_channel * student, teacher) - plain).abs() > 1e-9


@some
@given(seeds)
def test_ickd_follows_the_channels(seed):
    student, teacher = normal(2, 4, 2, 3, seed=seed), normal(2, 4, 2, 3, seed=seed + 1)
    order = torch.tensor([2, 0, 3, 1])
    plain = ickd_loss(student, teacher)
    torch.testing.assert_close(ickd_loss(student[:, order], teacher[:, order]), plain)
    assert (ickd_loss(student[:, order], teacher) - plain).abs() > 1e-9


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ickd_with_silent_channels(dtype):
    student, teacher = normal(2, 3, 2, 2).to(dtype), normal(2, 3, 2, 2, seed=1).to(dtype)
    student[:, 1], teacher[0] = 0.0, 0.0
    student.requires_grad_()
    value = ickd_loss(student, teacher)
    assert value.item() == pytest.approx(loop_ickd(student.detach(), teacher), rel=1e-6)
    value.backward()
    assert student.grad.isfinite().all() and student.grad.abs().max() < 2
    assert student.grad[1, 1].any(), "the rows of the other channels still ask it to go with them"
    nothing = torch.zeros(2, 3, 2, 2, dtype=dtype, requires_grad=True)
    ickd_loss(nothing, teacher).backward()
    assert not nothing.grad.any()


def test_ickd_at_the_edge_of_float32():
    """Products of features are squared: between 1e9 and 1e-9 that neither overflows nor vanishes."""
    student, teacher = normal(2, 3, 2, 2).float(), normal(2, 3, 2, 2, seed=1).float()
    expected = ickd_loss(student, teacher)
    for scale in (1e9, 1e4, 1e-4, 1e-9):
        scaled = (scale * student).requires_grad_()
        value = ickd_loss(scaled, scale * teacher)
        torch.testing.assert_close(value.detach(), expected, rtol=1e-5, atol=0)
        value.backward()
        assert scaled.grad.isfinite().all() and scaled.grad.any()
    for scale in (1e-10, 1e-11, 1e-12, 1e-20):
        scaled = (scale * student).requires_grad_()
        value = ickd_loss(scaled, teacher)
        value.backward()
        assert value.isfinite() and scaled.grad.isfinite().all()
    assert ickd_loss(1e-20 * student, teacher).item() == pytest.approx(1.0, rel=1e-6)


def test_ickd_says_what_is_wrong():
    student = normal(2, 3, 4, 4)
    with raises("teacher", "channels of student, 3", "got 5 (shape (2, 5, 4, 4))"):
        ickd_loss(student, normal(2, 5, 4, 4))
    with raises("teacher", "batch size of student, 2", "got 1"):
        ickd_loss(student, student[:1])
    for wrong, said in (
        (normal(2, 3, 4), "shape (B, C, H, W), got (2, 3, 4)"),
        (student.long(), "torch.int64"),
        (student[:, :0], "0"),
    ):
        with raises("student", said):
            ickd_loss(wrong, student)
        with raises("teacher", said):
            ickd_loss(student, wrong)


# ---------------------------------------------------------------- defects of other libraries


def test_peer_defect_13_no_gradient_reaches_the_teacher():
    """Several libraries let the gradient flow into the teacher."""
    teacher = nn.Conv2d(2, 3, 1, dtype=torch.float64)
    x, student = normal(2, 2, 4, 4), normal(2, 3, 4, 4).requires_grad_()
    (fsp_loss(student, student, teacher(x), teacher(x)) + ickd_loss(student, teacher(x))).backward()
    assert teacher.weight.grad is None and student.grad.any()
