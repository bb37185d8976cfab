"""Losses of segmentation: plain loops, sums by hand, ignored pixels, similar pixels."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from largest_tensor import largest_tensor
from loss_tools import gradient, normal, probabilities, raises

from kdcourse.losses import (
    pairwise_similarity_loss,
    segmentation_kd_loss,
    soft_target_loss,
)

some = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)
INF, NAN = math.inf, math.nan


# ---------------------------------------------------------------- segmentation


def scene(batch=2, classes=3, height=2, width=4, seed=0):
    """Logits of both, and labels of which about a third is ignored."""
    student, teacher = 2 * normal(2, batch, classes, height, width, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes + 1, (batch, height, width), generator=generator)
    labels[0, 0] = 0
    labels[0, 0, 1] = classes
    return student, teacher, torch.where(labels == classes, 255, labels)


def loop_segmentation(student, teacher, labels, temperature):
    pixels = []
    batch, _, height, width = student.shape
    for b in range(batch):
        for h in range(height):
            for w in range(width):
                if labels[b, h, w] != 255:
                    p = probabilities(teacher[b, :, h, w].tolist(), temperature)
                    q = probabilities(student[b, :, h, w].tolist(), temperature)
                    pixels.append(sum(x * (math.log(x) - math.log(y)) for x, y in zip(p, q)))
    return temperature**2 * sum(pixels) / len(pixels)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize("shape", [(2, 3, 2, 4), (1, 2, 1, 3), (3, 1, 2, 2), (2, 5, 3, 2)])
def test_segmentation_agrees_with_a_plain_loop(shape, temperature):
    student, teacher, labels = scene(*shape)
    got = segmentation_kd_loss(student, teacher, labels, temperature=temperature)
    expected = loop_segmentation(student, teacher, labels, temperature)
    assert got.item() == pytest.approx(expected, rel=1e-11, abs=1e-14)


def test_segmentation_by_hand():
    # Teacher 3/4 and 1/4 at the first pixel; the second agrees; the third is ignored.
    student = torch.zeros(1, 2, 1, 3, dtype=torch.float64)
    teacher = torch.tensor([[[[math.log(3), 0.0, 9.0]], [[0.0, 0.0, 0.0]]]], dtype=torch.float64)
    labels = torch.tensor([[[0, 1, 255]]])
    divergence = 0.75 * math.log(3 / 2) + 0.25 * math.log(1 / 2)
    got = segmentation_kd_loss(student, teacher, labels)
    assert got.item() == pytest.approx(divergence / 2, rel=1e-13)
    got = segmentation_kd_loss(student, 2 * teacher, labels, temperature=2.0)
    assert got.item() == pytest.approx(4 * divergence / 2, rel=1e-13)


def test_segmentation_defaults_are_the_documented_ones_and_keyword_only():
    student, teacher, labels = scene()
    explicit = segmentation_kd_loss(student, teacher, labels, temperature=1.0, ignore_index=255)
    assert torch.equal(segmentation_kd_loss(student, teacher, labels), explicit)
    with pytest.raises(TypeError, match="positional"):
        segmentation_kd_loss(student, teacher, labels, 1.0)


def test_every_pixel_is_a_classification():
    student, teacher, _ = scene()
    flat = [x.permute(0, 2, 3, 1).reshape(-1, 3) for x in (student, teacher)]
    everywhere = torch.zeros(2, 2, 4, dtype=torch.int64)
    got = segmentation_kd_loss(student, teacher, everywhere, temperature=2.5)
    torch.testing.assert_close(got, soft_target_loss(*flat, temperature=2.5))


def test_one_mean_over_the_pixels_of_the_batch():
    student, teacher, labels = scene()
    labels[0] = 255
    labels[0, 0, 0] = 0  # one pixel of the first image, several of the second
    counts = (labels != 255).sum(dim=(1, 2))
    assert counts[0] != counts[1]
    parts = torch.stack(
        [segmentation_kd_loss(student[i : i + 1], teacher[i : i + 1], labels[i : i + 1]) for i in range(2)]
    )
    torch.testing.assert_close(
        segmentation_kd_loss(student, teacher, labels), (counts * parts).sum() / counts.sum()
    )


@some
@given(seeds)
def test_reported_bug_89_classes_and_pixels_are_not_mixed(seed):
    """A view as (-1, C) takes pixels for classes. Pixels and classes may be permuted, each by themselves."""
    student, teacher, labels = scene(seed=seed)
    plain = segmentation_kd_loss(student, teacher, labels)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(seed))
    moved = [x.flatten(-2)[..., order].view_as(x) for x in (student, teacher, labels)]
    torch.testing.assert_close(segmentation_kd_loss(*moved), plain)
    classes = torch.tensor([2, 0, 1])
    renamed = segmentation_kd_loss(student[:, classes], teacher[:, classes], labels)
    torch.testing.assert_close(renamed, plain)
    assert (segmentation_kd_loss(student[:, classes], teacher, labels) - plain).abs() > 1e-9
    shift = 10 * normal(2, 1, 2, 4, seed=seed)
    torch.testing.assert_close(segmentation_kd_loss(student + shift, teacher, labels), plain)


def test_labels_only_say_which_pixels_count():
    student, teacher, labels = scene()
    other = torch.where(labels == 255, 255, (labels + 1) % 3)
    assert torch.equal(
        segmentation_kd_loss(student, teacher, other), segmentation_kd_loss(student, teacher, labels)
    )


@pytest.mark.parametrize("ignore_index", [-100, -1, 0, 2, 3, 1000])
def test_any_integer_may_mark_what_is_ignored(ignore_index):
    student, teacher, labels = scene()
    kept = torch.where(labels == 255, 255, 1)
    expected = segmentation_kd_loss(student, teacher, kept)
    marked = kept.masked_fill(labels == 255, ignore_index)
    assert torch.equal(segmentation_kd_loss(student, teacher, marked, ignore_index=ignore_index), expected)


@pytest.mark.parametrize("junk", [1e4, -1e300, INF, -INF, NAN])
def test_reported_bug_111_ignored_pixels_are_not_distilled(junk):
    """Whatever stands there, value and gradient are those of the pixels that count."""
    student, teacher, labels = scene()
    ignored = (labels == 255)[:, None].expand_as(student)
    assert ignored.any()
    plain = segmentation_kd_loss(student, teacher, labels)
    plain_gradient = gradient(segmentation_kd_loss, student, teacher, labels)
    assert not plain_gradient[ignored].any() and plain_gradient[~ignored].all()
    one_class = ignored.clone()
    one_class[:, 1:] = False
    for place in (ignored, one_class):
        for s, t in (
            (student.masked_fill(place, junk), teacher),
            (student, teacher.masked_fill(place, junk)),
            (student.masked_fill(place, junk), teacher.masked_fill(place, -junk)),
        ):
            assert torch.equal(segmentation_kd_loss(s, t, labels), plain)
            assert torch.equal(gradient(segmentation_kd_loss, s, t, labels), plain_gradient)


def test_reported_bug_114_all_pixels_ignored():
    """Zero by zero is NaN. Here it is nothing to learn, with a graph."""
    student, teacher, labels = scene()
    student.requires_grad_()
    value = segmentation_kd_loss(student, teacher, torch.full_like(labels, 255))
    assert value.item() == 0 and value.requires_grad
    value.backward()
    assert not student.grad.any()


def test_wrong_segmentation_arguments():
    student, teacher, labels = scene()
    with raises("teacher_logits", "shape of student_logits, (2, 3, 2, 4)", "got (2, 3, 4, 2)"):
        segmentation_kd_loss(student, teacher.mT, labels)
    for wrong, said in ((student[0], "(B, C, H, W), got (3, 2, 4)"), (student[:0], "no empty"), (0, "int")):
        with raises("student_logits", said):
            segmentation_kd_loss(wrong, teacher, labels)
        with raises("teacher_logits", said):
            segmentation_kd_loss(student, wrong, labels)
    for wrong, said in (
        (labels[0], "shape (2, 2, 4) to go with the logits, got (2, 4)"),
        (labels[:, None], "got (2, 1, 2, 4)"),
        (labels.mT, "got (2, 4, 2)"),
        (labels.int(), "an int64 tensor of class indices, got torch.int32"),
        (labels.double(), "got torch.float64"),
        (labels.tolist(), "got list"),
        (labels.clamp(max=3), "in 0 .. 2 or ignore_index = 255, got values from 0 to 3"),
        (torch.where(labels == 255, -1, labels), "got values from -1 to 2"),
        (torch.where(labels == 255, 255, -1), "got values from -1 to 0"),
    ):
        with raises("labels", said):
            segmentation_kd_loss(student, teacher, wrong)
    with raises("labels", "ignore_index = 7, got values from 0 to 255"):
        segmentation_kd_loss(student, teacher, labels, ignore_index=7)
    for wrong, said in (
        (1.0, "an integer, got float"),
        (None, "got NoneType"),
        (torch.tensor(1), "got Tensor"),
    ):
        with raises("ignore_index", said):
            segmentation_kd_loss(student, teacher, labels, ignore_index=wrong)
    for wrong in (0.0, -1, NAN, INF):
        with raises("temperature", "(0, inf)", f"got {wrong}"):
            segmentation_kd_loss(student, teacher, labels, temperature=wrong)


# ---------------------------------------------------------------- pairs of pixels


def cosine(a, b):
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b)) / lengths if lengths else 0.0


def loop_pairwise(student, teacher):
    total = 0.0
    for s, t in zip(student.flatten(2).mT.tolist(), teacher.flatten(2).mT.tolist()):
        for i in range(len(s)):
            for j in range(len(s)):
                total += (cosine(s[i], s[j]) - cosine(t[i], t[j])) ** 2 / len(s) ** 2
    return total / len(student)


FEW_AND_MANY = pytest.mark.parametrize(
    ("channels", "others"), [(5, 4), (2, 3)], ids=["few", "many"]
)  # of 8 pixels


@pytest.mark.parametrize("size", [(2, 4), (1, 1), (3, 2), (1, 7), (3, 3)])
@pytest.mark.parametrize(("channels", "others"), [(5, 4), (2, 3), (1, 6), (4, 4), (1, 1)])
def test_pairwise_similarity_agrees_with_a_plain_loop(channels, others, size):
    student, teacher = normal(2, channels, *size), normal(2, others, *size, seed=1)
    got = pairwise_similarity_loss(student, teacher)
    assert got.item() == pytest.approx(loop_pairwise(student, teacher), rel=1e-10, abs=1e-15)


def test_pairwise_similarity_by_hand():
    # Pixels (3, 4) and (0, 2): cosine 0.8. Pixels 1 and -1: cosine -1.
    student = torch.tensor([[[[3.0, 0.0]], [[4.0, 2.0]]]], dtype=torch.float64)
    teacher = torch.tensor([[[[1.0, -1.0]]]], dtype=torch.float64)
    assert pairwise_similarity_loss(student, teacher).item() == pytest.approx(2 * 1.8**2 / 4, rel=1e-14)
    # Three pixels of one channel, so that there are more pixels than channels: +, +, - against +, +, +.
    student = torch.tensor([[[[1.0, 2.0, -5.0]]]], dtype=torch.float64)
    assert pairwise_similarity_loss(student, student.abs()).item() == pytest.approx(4 * 2**2 / 9, rel=1e-14)


@FEW_AND_MANY
def test_the_gradient_is_the_true_one(channels, others):
    """Released code detaches the norms. The true gradient cannot lengthen a pixel: it is orthogonal to it."""
    student, teacher = normal(2, channels, 2, 4), normal(2, others, 2, 4, seed=1)
    assert torch.autograd.gradcheck(lambda s: pairwise_similarity_loss(s, teacher), student.requires_grad_())
    slope = gradient(pairwise_similarity_loss, student.detach(), teacher)
    assert (slope * student).sum(dim=1).abs().max() < 1e-12 < slope.abs().max()


@some
@given(seeds)
@pytest.mark.parametrize(("channels", "others"), [(5, 4), (2, 3)], ids=["few", "many"])
def test_pairs_of_pixels_know_neither_lengths_nor_channels(channels, others, seed):
    student, teacher = normal(2, channels, 2, 4, seed=seed), normal(2, others, 2, 4, seed=seed + 1)
    plain = pairwise_similarity_loss(student, teacher)
    lengths = 0.1 + normal(2, 1, 2, 4, seed=seed + 2).abs()
    torch.testing.assert_close(pairwise_similarity_loss(lengths * student, teacher), plain)
    torch.testing.assert_close(pairwise_similarity_loss(student, lengths * teacher), plain)
    rotation = torch.linalg.qr(normal(channels, channels, seed=seed + 3))[0]
    rotated = torch.einsum("ij,bjhw->bihw", rotation, student)
    torch.testing.assert_close(pairwise_similarity_loss(rotated, teacher), plain)
    order = torch.tensor([5, 2, 7, 0, 3, 6, 1, 4])
    moved = [x.flatten(2)[..., order].view_as(x) for x in (student, teacher)]
    torch.testing.assert_close(pairwise_similarity_loss(*moved), plain)
    assert (pairwise_similarity_loss(moved[0], teacher) - plain).abs() > 1e-9
    assert (pairwise_similarity_loss(student * lengths.sign() - 1, teacher) - plain).abs() > 1e-9


@FEW_AND_MANY
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_pixel_without_a_direction(channels, others, dtype):
    student, teacher = normal(2, channels, 2, 4).to(dtype), normal(2, others, 2, 4, seed=1).to(dtype)
    student[0, :, 0, 1], teacher[1, :, 1, 2] = 0.0, 0.0
    expected = loop_pairwise(student, teacher)
    assert pairwise_similarity_loss(student, teacher).item() == pytest.approx(expected, rel=1e-5)
    slope = gradient(pairwise_similarity_loss, student, teacher)
    assert slope.isfinite().all() and not slope[0, :, 0, 1].any() and slope[0, :, 0, 0].any()


def test_few_pixels_are_compared_exactly():
    """Equal similarities are zero apart, in float32 and to the last bit."""
    for seed in range(5):
        student = normal(2, 5, 2, 4, seed=seed).float()
        rotation = torch.linalg.qr(normal(5, 5, seed=seed + 1))[0].float()
        rotated = torch.einsum("ij,bjhw->bihw", rotation, student)
        assert pairwise_similarity_loss(student, student.clone()).item() == 0
        assert pairwise_similarity_loss(student, rotated).item() < 1e-13


@pytest.mark.parametrize("seed", range(10))
def test_many_pixels_keep_an_error_of_rounding_and_no_sign(seed):
    student = normal(2, 3, 6, 6, seed=seed).float()
    rotation = torch.linalg.qr(normal(3, 3, seed=seed + 1))[0].float()
    rotated = torch.einsum("ij,bjhw->bihw", rotation, student)
    for teacher in (student.clone(), rotated, student.repeat(1, 2, 1, 1)):
        assert 0 <= pairwise_similarity_loss(student, teacher).item() < 5e-7


def test_neither_pixels_nor_channels_squared_where_they_are_many():
    """The similarities of all pixels of a large map, or a square of many channels, would fill the memory."""
    many_pixels = normal(2, 3, 8, 8), normal(2, 5, 8, 8, seed=1)
    assert largest_tensor(pairwise_similarity_loss, *many_pixels) <= 2 * 5 * 64 < 2 * 64**2
    many_channels = normal(2, 60, 3, 3), normal(2, 50, 3, 3, seed=1)
    assert largest_tensor(pairwise_similarity_loss, *many_channels) <= 2 * 60 * 9 < 2 * 50**2


def test_wrong_maps():
    good = normal(2, 3, 4, 6)
    with raises("teacher", "map size of student, (4, 6)", "got (2, 3); pool the larger"):
        pairwise_similarity_loss(good, normal(2, 3, 2, 3))
    with raises("teacher", "map size of student, (4, 6)", "got (6, 4)"):
        pairwise_similarity_loss(good, normal(2, 3, 6, 4))
    with raises("teacher", "batch size of student, 2", "got 1"):
        pairwise_similarity_loss(good, good[:1])
    for wrong, said in ((good[0], "(B, C, H, W), got (3, 4, 6)"), (good[:, :0], "no empty"), ("s", "str")):
        with raises("student", said):
            pairwise_similarity_loss(wrong, good)
        with raises("teacher", said):
            pairwise_similarity_loss(good, wrong)


# ---------------------------------------------------------------- defects of other libraries


def test_peer_defect_13_no_gradient_reaches_the_teacher():
    """Several libraries let the gradient flow into the teacher, which may then move to please the student."""
    scale, (student, teacher, labels) = torch.tensor(2.0, requires_grad=True), scene()
    for loss in (lambda s, t: segmentation_kd_loss(s, t, labels), pairwise_similarity_loss):
        leaf = student.clone().requires_grad_()
        loss(leaf, scale * teacher).backward()
        assert scale.grad is None and leaf.grad.any()


def test_peer_defect_15_equal_logits_are_zero_apart():
    """A library swapped input and target of the divergence, without a logarithm: -21.8 for equal logits."""
    student, teacher, labels = scene()
    assert segmentation_kd_loss(teacher, teacher.clone(), labels).item() == 0
    assert segmentation_kd_loss(student, teacher, labels) > 0
