"""Feature losses against the formulas: loops in plain Python, sums by hand, what changes them and what does
not. Laws that all losses obey are in `test_laws.py`."""

import inspect
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_tools import gradient

from kdcourse.losses import (
    activation_boundary_loss,
    factor_transfer_loss,
    hierarchical_context_loss,
    hint_loss,
    log_sum_loss,
    vid_loss,
)

some = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)
EVERY = {  # as functions of the student's and the teacher's feature
    "hint_loss": hint_loss,
    "log_sum_loss": log_sum_loss,
    "factor_transfer_loss": factor_transfer_loss,
    "activation_boundary_loss": activation_boundary_loss,
    "vid_loss": lambda s, t: vid_loss(s, t, torch.zeros(3)),
    "hierarchical_context_loss": hierarchical_context_loss,
}


def example(*shape, seed=0, scale=1.5):
    """Student and teacher."""
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(2, *shape, generator=generator, dtype=torch.float64)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


# ---------------------------------------------------------------- the formulas, one number at a time


def pairs(student, teacher):
    return list(zip(student.flatten().tolist(), teacher.flatten().tolist(), strict=True))


def loop_hint(student, teacher):
    both = pairs(student, teacher)
    return sum((s - t) ** 2 for s, t in both) / len(both)


def loop_log_sum(student, teacher, power):
    return math.log(sum(abs(s - t) ** power for s, t in pairs(student, teacher)))


def loop_factor(student, teacher, p):
    total = 0.0
    for s, t in zip(student, teacher, strict=True):
        both = pairs(s, t)
        long, short = (math.sqrt(sum(pair[i] ** 2 for pair in both)) for i in (0, 1))
        differences = [abs(a / long - b / short) for a, b in both]
        total += sum(differences) / len(both) if p == 1 else sum(d**2 for d in differences)
    return total / len(student)


def loop_boundary(student, teacher, margin):
    total = 0.0
    for s, t in pairs(student, teacher):
        violation = margin - s if t > 0 else s + margin
        if violation > 0:
            total += violation**2
    return total / student.numel()


def loop_vid(mean, teacher, raw_scale, eps):
    total = 0.0
    for m, t in zip(mean, teacher, strict=True):
        for c, rho in enumerate(raw_scale.tolist()):
            variance = math.log(1 + math.exp(rho)) + eps
            total += sum(0.5 * ((b - a) ** 2 / variance + math.log(variance)) for a, b in pairs(m[c], t[c]))
    return total / mean.numel()


def loop_pooled(feature, level):
    """Every window's mean: rows from floor(i H / l) up to ceil((i + 1) H / l), columns likewise."""
    batch, channels, height, width = feature.shape
    x, means = feature.tolist(), []
    for b in range(batch):
        for c in range(channels):
            for i in range(level):
                for j in range(level):
                    rows = range(i * height // level, -(-(i + 1) * height // level))
                    columns = range(j * width // level, -(-(j + 1) * width // level))
                    window = [x[b][c][h][w] for h in rows for w in columns]
                    means.append(sum(window) / len(window))
    return torch.tensor(means, dtype=torch.float64)


def loop_hierarchy(student, teacher, levels):
    total, weights, weight = loop_hint(student, teacher), 1.0, 1.0
    for level in levels:
        if level < student.shape[2]:
            weight /= 2
            total += weight * loop_hint(loop_pooled(student, level), loop_pooled(teacher, level))
            weights += weight
    return total / weights


# ---------------------------------------------------------------- values


@pytest.mark.parametrize("shape", [(3, 4), (1, 2, 3, 5), (2, 3, 4), (4, 1, 2, 2)])
def test_values_agree_with_plain_loops(shape):
    student, teacher = example(*shape)
    expected = {
        hint_loss(student, teacher): loop_hint(student, teacher),
        log_sum_loss(student, teacher, power=2.5): loop_log_sum(student, teacher, 2.5),
        log_sum_loss(student, teacher, power=1): loop_log_sum(student, teacher, 1),
        log_sum_loss(student, teacher, power=2): loop_log_sum(student, teacher, 2),
        log_sum_loss(student, teacher, power=3): loop_log_sum(student, teacher, 3),
        log_sum_loss(student, teacher, power=5): loop_log_sum(student, teacher, 5),
        log_sum_loss(student, teacher, power=6): loop_log_sum(student, teacher, 6),
        factor_transfer_loss(student, teacher, p=1): loop_factor(student, teacher, 1),
        factor_transfer_loss(student, teacher, p=2): loop_factor(student, teacher, 2),
        activation_boundary_loss(student, teacher, margin=0.4): loop_boundary(student, teacher, 0.4),
        activation_boundary_loss(student, teacher, margin=0): loop_boundary(student, teacher, 0.0),
    }
    for got, value in expected.items():
        assert got.item() == pytest.approx(value, rel=1e-12)
        assert got.shape == ()


@pytest.mark.parametrize("shape", [(3, 4), (1, 2, 3, 5), (2, 3, 4)])
def test_vid_agrees_with_a_plain_loop(shape):
    student, teacher = example(*shape)
    raw_scale = torch.linspace(-2.0, 3.0, shape[1], dtype=torch.float64)
    expected = loop_vid(student, teacher, raw_scale, 0.3)
    assert vid_loss(student, teacher, raw_scale, eps=0.3).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("shape", "levels"),
    [
        ((2, 3, 8, 8), (4, 2, 1)),  # each level in equal blocks
        ((2, 3, 7, 5), (4, 2, 1)),  # windows that overlap, a map that is not square
        ((2, 2, 5, 9), (4, 2, 1)),
        ((2, 2, 6, 6), (3, 4, 1, 2)),  # equal blocks, then not, then equal blocks again
        ((1, 2, 12, 8), (6, 4, 3, 2)),  # 6 fits the height alone
        ((1, 2, 8, 12), (6, 3)),  # 6 fits the width alone
        ((1, 2, 8, 8), (4, 4, 8, 9, 1)),  # twice the same; as large as the map; larger
        ((2, 1, 4, 2), (3, 2, 1)),  # a level above the width
        ((2, 3, 1, 4), (4, 2, 1)),  # no level is left
        ((2, 3, 8, 8), ()),
        ((1, 1, 4, 4), [2]),
        ((1, 1, 4, 4), (np.int64(2), 1)),
    ],
)
def test_hierarchical_context_agrees_with_a_plain_loop(shape, levels):
    student, teacher = example(*shape)
    loss = hierarchical_context_loss(student, teacher, levels=levels)
    assert loss.item() == pytest.approx(loop_hierarchy(student, teacher, levels), rel=1e-12)


@pytest.mark.parametrize(
    ("size", "levels", "read"),
    [
        ((8, 8), (4, 2, 1), [(8, 8), (4, 4), (2, 2)]),  # a mean of equal blocks' means is the whole's mean
        ((8, 8), (2, 4), [(8, 8), (8, 8)]),
        ((7, 8), (4, 2, 1), [(7, 8), (7, 8), (7, 8)]),  # the windows of level 4 overlap
        ((8, 7), (4, 2, 1), [(8, 7), (8, 7), (8, 7)]),
        ((12, 8), (6, 4, 3, 2), [(12, 8), (12, 8), (12, 8), (4, 4)]),
    ],
)
def test_a_hierarchy_reads_the_large_map_as_seldom_as_it_can(monkeypatch, size, levels, read):
    shapes, pool = [], torch.nn.functional.adaptive_avg_pool2d

    def spy(feature, output_size):
        shapes.append(tuple(feature.shape[2:]))
        return pool(feature, output_size)

    monkeypatch.setattr(torch.nn.functional, "adaptive_avg_pool2d", spy)
    hierarchical_context_loss(*example(1, 5, *size), levels=levels)
    assert shapes == read


def test_values_by_hand():
    student, teacher = tensor([1.0, 2.0], [3.0, -4.0]), tensor([1.0, 4.0], [0.0, -4.0])
    assert hint_loss(student, teacher).item() == (0 + 4 + 9 + 0) / 4
    assert log_sum_loss(student, teacher).item() == pytest.approx(math.log(2**4 + 3**4))
    # Directions (0.6, 0.8) and (0, -1) against (0, 1) and (-0.6, 0.8).
    left, right = tensor([3.0, 4.0], [0.0, -2.0]), tensor([0.0, 7.0], [-3.0, 4.0])
    assert factor_transfer_loss(left, right).item() == pytest.approx((0.6 + 0.2 + 0.6 + 1.8) / 4)
    by_hand = (0.36 + 0.04 + 0.36 + 3.24) / 2
    assert factor_transfer_loss(left, right, p=2).item() == pytest.approx(by_hand)
    student, teacher = tensor([0.0, 3.0, -3.0, 0.5]), tensor([1.0, 9.0, -0.1, 0.0])
    assert activation_boundary_loss(student, teacher, margin=2.0).item() == (4 + 0 + 0 + 6.25) / 4


def test_vid_by_hand():
    # Two channels with variances 1 and 4 (softplus 0.5 and 3.5, plus eps 0.5).
    raw_scale = torch.log(torch.expm1(tensor(0.5, 3.5)))
    mean, teacher = tensor([1.0, 5.0], [0.0, 3.0]), tensor([3.0, 1.0], [0.0, 5.0])
    squares = (4 / 1 + 16 / 4 + 0 + 4 / 4) / 8
    by_hand = squares + 0.5 * math.log(4) / 2
    assert vid_loss(mean, teacher, raw_scale, eps=0.5).item() == pytest.approx(by_hand)


def test_hierarchical_context_by_hand():
    student = tensor([[[4.0, 0.0], [0.0, 0.0]]])
    teacher = torch.zeros_like(student)
    # 2 x 2 pixels: level 4 and level 2 are left out and use up no halving, so level 1 has weight 1/2.
    assert hierarchical_context_loss(student, teacher).item() == pytest.approx((16 / 4 + 0.5 * 1) / 1.5)
    student = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    student[0, 0, 0, 0] = 16.0
    by_hand = (256 / 16 + 16 / 4 / 2 + 1 / 4) / 1.75
    assert hierarchical_context_loss(student, torch.zeros_like(student)).item() == pytest.approx(by_hand)
    other_order = (256 / 16 + 1 / 2 + 16 / 4 / 4) / 1.75
    loss = hierarchical_context_loss(student, torch.zeros_like(student), levels=(1, 2))
    assert loss.item() == pytest.approx(other_order)


def test_defaults_are_the_documented_ones():
    student, teacher = example(2, 3, 8, 8)
    raw_scale = torch.full((3,), -8.0, dtype=torch.float64)  # a variance of 3e-4, so that eps counts
    for loss, others, options in (
        (log_sum_loss, (), {"power": 4}),
        (factor_transfer_loss, (), {"p": 1}),
        (activation_boundary_loss, (), {"margin": 1.0}),
        (vid_loss, (raw_scale,), {"eps": 1e-5}),
        (hierarchical_context_loss, (), {"levels": (4, 2, 1)}),
    ):
        explicit = loss(student, teacher, *others, **options)
        assert torch.equal(loss(student, teacher, *others), explicit), loss.__name__
        with pytest.raises(TypeError, match="positional"):
            loss(student, teacher, *others, *options.values())
        assert {
            k: p.default for k, p in inspect.signature(loss).parameters.items() if k in options
        } == options


# ---------------------------------------------------------------- gradients


def test_gradients_have_their_closed_forms():
    student, teacher = example(3, 4)
    difference = student - teacher
    torch.testing.assert_close(gradient(hint_loss, student, teacher), 2 * difference / 12)
    expected = 3 * difference.abs() ** 2 * difference.sign() / (difference.abs() ** 3).sum()
    torch.testing.assert_close(gradient(log_sum_loss, student, teacher, power=3), expected)
    variance = math.log(2) + 0.1  # softplus(0) + eps
    got = gradient(vid_loss, student, teacher, torch.zeros(4), eps=0.1)
    torch.testing.assert_close(got, difference / variance / 12)


def test_the_variances_are_learned():
    """At the best variance of each channel, the mean squared error, the gradient is zero."""
    mean, teacher = example(64, 2, 3)
    error = (mean - teacher).square().mean(dim=(0, 2))
    raw_scale = torch.log(torch.expm1(error - 1e-5)).requires_grad_()
    best = vid_loss(mean, teacher, raw_scale)
    (at_best,) = torch.autograd.grad(best, raw_scale)
    assert at_best.abs().max() < 1e-12
    for step in (-0.2, 0.2):
        moved = (raw_scale.detach() + step).requires_grad_()
        worse = vid_loss(mean, teacher, moved)
        assert worse > best
        assert (torch.autograd.grad(worse, moved)[0] * step > 0).all()


@pytest.mark.parametrize("loss", EVERY.values(), ids=EVERY.keys())
def test_peer_defect_13_the_teacher_gets_no_gradient(loss):
    """Hint losses of widely used code train the teacher as well when it is not frozen."""
    features = example(2, 3, 4, 4).requires_grad_()
    ours, theirs = features.unbind()
    (both,) = torch.autograd.grad(loss(ours, theirs), features)
    assert both[0].any() and not both[1].any()


# ---------------------------------------------------------------- what changes a loss and what does not


@some
@given(seeds, st.floats(0.01, 100.0))
def test_factors_count_by_their_direction(seed, scale):
    student, teacher = example(3, 2, 2, 3, seed=seed)
    scales = scale * torch.arange(1, 4)[:, None, None, None]
    for p in (1, 2):
        plain = factor_transfer_loss(student, teacher, p=p)
        torch.testing.assert_close(factor_transfer_loss(scales * student, teacher, p=p), plain)
        torch.testing.assert_close(factor_transfer_loss(student, scales * teacher, p=p), plain)
        assert abs(factor_transfer_loss(-student, teacher, p=p) - plain) > 1e-9
    assert factor_transfer_loss(-teacher, teacher, p=2).item() == pytest.approx(4.0)
    ones = torch.ones_like(teacher)  # (2 / sqrt(D)) is the largest value at p = 1
    assert factor_transfer_loss(-ones, ones, p=1).item() == pytest.approx(2 / math.sqrt(12))


@some
@given(seeds)
def test_peer_defect_06_factors_tell_channels_apart(seed):
    """RepDistiller's averages channels away: permuting those of the student changes nothing there."""
    student, teacher = example(2, 5, 3, 2, seed=seed)
    order = torch.tensor([1, 2, 3, 4, 0])
    for p in (1, 2):
        plain = factor_transfer_loss(student, teacher, p=p)
        assert abs(factor_transfer_loss(student[:, order], teacher, p=p) - plain) > 1e-9
        both = factor_transfer_loss(student[:, order], teacher[:, order], p=p)
        torch.testing.assert_close(both, plain)


@some
@given(seeds, st.floats(0.01, 100.0), st.floats(1.0, 6.0))
def test_a_scale_adds_to_the_log_sum(seed, scale, power):
    student, teacher = example(3, 4, seed=seed)
    plain = log_sum_loss(student, teacher, power=power)
    scaled = log_sum_loss(scale * student, scale * teacher, power=power)
    torch.testing.assert_close(scaled, plain + power * math.log(scale))
    twice = log_sum_loss(student.repeat(2, 1), teacher.repeat(2, 1), power=power)
    torch.testing.assert_close(twice, plain + math.log(2))


@some
@given(seeds, st.floats(0.1, 3.0))
def test_of_the_teacher_only_which_units_are_active_counts(seed, margin):
    student, teacher = example(3, 4, seed=seed)
    plain = activation_boundary_loss(student, teacher, margin=margin)
    for same in (1e-6 * teacher, teacher.exp() * teacher, teacher.relu(), teacher.sign(), teacher.half()):
        assert torch.equal(activation_boundary_loss(student, same, margin=margin), plain)
    flipped = activation_boundary_loss(-student, -teacher, margin=margin)
    torch.testing.assert_close(flipped, plain)
    assert activation_boundary_loss(student, -teacher, margin=margin) != plain
    # Each unit pays (margin ± s)², so both sides together give 2 (margin² + s²) inside the margin.
    inside = student.clamp(-margin, margin)
    sides = [activation_boundary_loss(inside, t, margin=margin) for t in (teacher, -teacher)]
    torch.testing.assert_close(sum(sides), 2 * (margin**2 + inside.square().mean()))


def test_student_and_teacher_have_their_roles_at_activation_boundaries():
    """A public implementation had them exchanged for a while (KD_methods_with_TF)."""
    confident, hesitant = tensor([5.0, -5.0]), tensor([0.1, -0.1])
    assert activation_boundary_loss(confident, hesitant).item() == 0
    assert activation_boundary_loss(hesitant, confident).item() == pytest.approx(0.9**2)


def test_a_teacher_of_zero_is_inactive():
    for zero in (0.0, -0.0):
        assert activation_boundary_loss(tensor([-1.0, 1.0]), tensor([zero, zero])).item() == (0 + 4) / 2
    assert activation_boundary_loss(tensor([-1.0]), tensor([5e-324])).item() == 4


@some
@given(seeds)
def test_channels_of_vid_go_with_their_variances(seed):
    mean, teacher = example(2, 4, 3, seed=seed)
    raw_scale, order = tensor(-1.0, 0.0, 1.0, 2.0), torch.tensor([2, 0, 3, 1])
    plain = vid_loss(mean, teacher, raw_scale)
    renamed = vid_loss(mean[:, order], teacher[:, order], raw_scale[order])
    torch.testing.assert_close(renamed, plain)
    torch.testing.assert_close(vid_loss(mean + 3, teacher + 3, raw_scale), plain)
    assert abs(vid_loss(mean[:, order], teacher[:, order], raw_scale) - plain) > 1e-9
    # The batch is averaged (the variances have no batch dimension, so `test_laws.py` cannot look).
    parts = [vid_loss(mean[i : i + 1], teacher[i : i + 1], raw_scale) for i in range(2)]
    torch.testing.assert_close(torch.stack(parts).mean(), plain)


@some
@given(seeds, st.integers(1, 7), st.integers(1, 7))
def test_of_a_hierarchy_places_count_and_channels_do_not(seed, height, width):
    student, teacher = example(2, 3, height, width, seed=seed)
    plain = hierarchical_context_loss(student, teacher)
    for flip in ((2,), (3,), (2, 3)):
        torch.testing.assert_close(hierarchical_context_loss(student.flip(flip), teacher.flip(flip)), plain)
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(hierarchical_context_loss(student[:, order], teacher[:, order]), plain)
    torch.testing.assert_close(hint_loss(student[:, order], teacher[:, order]), hint_loss(student, teacher))


def test_a_hierarchy_feels_the_place_of_an_error():
    """Errors of one sign side by side survive pooling; scattered over the map they count less."""
    together, apart = torch.zeros(2, 1, 1, 8, 8)
    together[..., :2, :2] = 1.0
    apart[..., ::4, ::4] = 1.0
    nothing = torch.zeros(1, 1, 8, 8)
    assert hint_loss(together, nothing) == hint_loss(apart, nothing)
    assert hierarchical_context_loss(together, nothing) > hierarchical_context_loss(apart, nothing) + 0.01


@some
@given(seeds)
def test_a_rotation_of_both_features_changes_no_hint(seed):
    student, teacher = example(3, 4, seed=seed)
    rotation = torch.linalg.qr(example(4, 4, seed=seed + 1)[0]).Q
    torch.testing.assert_close(hint_loss(student @ rotation, teacher @ rotation), hint_loss(student, teacher))
    assert abs(hint_loss(student @ rotation, teacher) - hint_loss(student, teacher)) > 1e-9


# ---------------------------------------------------------------- edges


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("power", [1, 2, 4, 7.5])
def test_log_sum_at_equality(dtype, power):
    teacher = torch.tensor([[1.0, -2.0, 0.0]], dtype=dtype)
    value = log_sum_loss(teacher, teacher, power=power)
    assert value.item() == pytest.approx(power * math.log(torch.finfo(dtype).tiny), rel=1e-6)
    assert not gradient(log_sum_loss, teacher, teacher, power=power).any()
    # Nothing near equality is lower, and a single differing element gives its own logarithm.
    student = teacher + torch.tensor([[0.0, 0.0, 1e-30]], dtype=dtype)
    assert log_sum_loss(student, teacher, power=power) > value
    close = log_sum_loss(student, teacher, power=power).item()
    assert close == pytest.approx(power * math.log(1e-30), rel=1e-6)
    steep = gradient(log_sum_loss, student, teacher, power=power)
    torch.testing.assert_close(steep, torch.tensor([[0.0, 0.0, power * 1e30]], dtype=dtype))


def test_log_sum_of_large_differences_and_powers():
    student = torch.tensor([[1e4, -1e4, 5e3]])
    for power in (4, 20, 300):
        value = log_sum_loss(student, torch.zeros(1, 3), power=power)
        assert value.item() == pytest.approx(power * math.log(1e4) + math.log(2 + 0.5**power), rel=1e-5)
        assert gradient(log_sum_loss, student, torch.zeros(1, 3), power=power).abs().max() <= power / 1e4


def test_peer_defect_08_the_softplus_of_vid_does_not_overflow():
    """RepDistiller's log(1 + exp(x)) is infinite at x = 100; at -100 the variance is eps."""
    mean, teacher = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 2.5]])
    raw_scale = torch.tensor([100.0, -100.0], requires_grad=True)
    value = vid_loss(mean, teacher, raw_scale)
    by_hand = (4 / 100 + math.log(100) + 0.25 / 1e-5 + math.log(1e-5)) / 4
    assert value.item() == pytest.approx(by_hand, rel=1e-5)
    (learned,) = torch.autograd.grad(value, raw_scale)
    assert learned.isfinite().all()
    assert learned[0].item() == pytest.approx((1 / 100 - 4 / 100**2) / 4, rel=1e-5)
    ends = torch.tensor([1e4, -1e4], requires_grad=True)
    value = vid_loss(mean, teacher, ends)
    assert value.isfinite() and torch.autograd.grad(value, ends)[0].isfinite().all()


@pytest.mark.parametrize("rho", [-30.0, -1.0, 0.0, 19.0, 21.0, 30.0])
def test_the_softplus_is_exact_in_double_precision(rho):
    zero = torch.zeros(1, 1, dtype=torch.float64)
    variance = math.exp(2 * vid_loss(zero, zero, tensor(rho), eps=1e-300).item())
    assert variance == pytest.approx(math.log1p(math.exp(rho)), rel=1e-13)


def test_raw_scales_may_be_of_another_dtype():
    mean, teacher = example(2, 3)
    value = vid_loss(mean, teacher, torch.zeros(3, dtype=torch.bfloat16))
    assert value.dtype == torch.float64
    torch.testing.assert_close(value, vid_loss(mean, teacher, torch.zeros(3, dtype=torch.float64)))
    assert vid_loss(mean.float(), teacher, torch.zeros(3, dtype=torch.float64)).dtype == torch.float32


@pytest.mark.parametrize("p", [1, 2, 1.0, True])
def test_a_factor_of_zeros_counts_as_zeros(p):
    student, teacher = example(2, 4)
    student[0] = 0
    value = factor_transfer_loss(student, teacher, p=p)
    own = teacher[0] / teacher[0].norm()
    nothing = own.abs().mean() if p == 1 else 1.0
    torch.testing.assert_close(value, (nothing + factor_transfer_loss(student[1:], teacher[1:], p=p)) / 2)
    slope = gradient(factor_transfer_loss, student, teacher, p=p)
    assert not slope[0].any() and slope[1].any()


def test_a_margin_met_costs_nothing():
    teacher = tensor([1.0, -1.0, 2.0])
    assert activation_boundary_loss(1.0 * teacher.sign(), teacher).item() == 0
    assert activation_boundary_loss(0.75 * teacher.sign(), teacher).item() == 0.25**2
    assert not gradient(activation_boundary_loss, 1.5 * teacher.sign(), teacher).any()


def test_second_derivatives_agree_with_finite_differences():
    """Also where a loss is written as another formula: 0 where a margin is met, 2 / N where it is not."""
    student, teacher = example(2, 3, 4, 4)
    for loss in (hint_loss, log_sum_loss, activation_boundary_loss, hierarchical_context_loss):
        assert torch.autograd.gradgradcheck(
            lambda s, loss=loss: loss(s, teacher[:1, :2]), student[:1, :2].clone().requires_grad_()
        )
