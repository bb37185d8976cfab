"""What a seed promises: poses, noise, labels, and the same images however they are drawn."""

import math

import pytest
import torch

from kdcourse.data import ShapeSet, draw_shapes, shapes


def recorded_poses(monkeypatch, **arguments):
    """Draw, and return centre, angle and radius of the images of each kind."""
    poses, original = {}, shapes._depth_inside

    def record(kind, centre, angle, radius, size):
        poses.setdefault(kind, []).append(torch.cat([centre, angle[:, None], radius[:, None]], dim=1))
        return original(kind, centre, angle, radius, size)

    monkeypatch.setattr(shapes, "_depth_inside", record)
    drawn = draw_shapes(**arguments)
    monkeypatch.undo()
    return drawn, {kind: torch.cat(parts) for kind, parts in poses.items()}


def test_poses_are_uniform_in_the_ranges_asked_for(monkeypatch):
    _, poses = recorded_poses(
        monkeypatch, n=5000, seed=3, kinds=("circle",), rotation=30, jitter=0.2, radius=(0.4, 0.7)
    )
    unit = torch.tensor([0.2, 0.2, math.radians(30), 0.15])
    scaled = (poses["circle"] - torch.tensor([0, 0, 0, 0.55])) / unit  # now each should be uniform on [-1, 1]
    assert float(scaled.abs().max()) <= 1 + 1e-5
    assert bool((scaled.amin(0) < -0.99).all()) and bool((scaled.amax(0) > 0.99).all())
    assert bool((scaled.mean(0).abs() < 0.05).all())
    assert bool(((scaled**2).mean(0) - 1 / 3).abs().max() < 0.03)
    correlation = torch.corrcoef(scaled.T) - torch.eye(4)
    assert float(correlation.abs().max()) < 0.06


def test_noise_has_the_standard_deviation_asked_for():
    plain = draw_shapes(400, seed=0, noise=0)
    noisy = draw_shapes(400, seed=0, noise=0.05)  # five deviations from the limits 0 and 1: nothing is cut
    difference = noisy.images - plain.images
    assert float(difference.std()) == pytest.approx(0.05, rel=0.01)
    assert abs(float(difference.mean())) < 0.001
    assert torch.equal(plain.masks, noisy.masks) and torch.equal(plain.boxes, noisy.boxes)
    one, other = difference[0].flatten(), difference[1].flatten()
    assert abs(float(torch.corrcoef(torch.stack([one, other]))[0, 1])) < 0.3


@pytest.mark.parametrize("n", [1, 9, 10, 57, 300])
def test_every_block_of_images_holds_each_kind_once(n):
    labels = draw_shapes(n, seed=2).labels
    for start in range(0, n, 10):
        block = labels[start : start + 10].tolist()
        assert len(set(block)) == len(block)
        assert len(block) < 10 or sorted(block) == list(range(10))


def test_blocks_are_shuffled_differently():
    blocks = draw_shapes(1000, seed=2).labels.reshape(100, 10)
    assert len({tuple(block) for block in blocks.tolist()}) > 95
    # Each kind comes first about 10 times in 100.
    assert int(blocks[:, 0].bincount(minlength=10).min()) > 1


def test_labels_name_the_kinds_in_the_order_asked_for():
    drawn = draw_shapes(40, seed=0, kinds=("ring", "circle"), noise=0, jitter=0)
    middle = drawn.masks[:, 7:9, 7:9].flatten(1).all(1)
    assert torch.equal(middle, drawn.labels == 1)
    assert sorted(drawn.labels.tolist()) == [0] * 20 + [1] * 20


def test_one_kind_may_be_given_by_its_name():
    assert torch.equal(
        draw_shapes(5, seed=0, kinds="ring").images, draw_shapes(5, seed=0, kinds=("ring",)).images
    )


def assert_same(first, second):
    assert torch.equal(first.labels, second.labels)
    assert torch.equal(first.masks, second.masks)
    assert torch.equal(first.boxes, second.boxes)
    assert torch.allclose(first.images, second.images, atol=1e-6)


def test_a_draw_is_decided_by_its_seed_alone(untouched_randomness):
    first = draw_shapes(100, seed=7)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        assert_same(first, draw_shapes(100, seed=7))
    other = draw_shapes(100, seed=8)
    assert not torch.equal(first.labels, other.labels)
    assert float((first.images - other.images).abs().mean(dim=(1, 2, 3)).min()) > 0.05  # no image in common


@pytest.mark.parametrize("m", [1, 9, 10, 16, 123, 1024, 1500])
def test_a_short_draw_is_the_start_of_a_long_one(m):
    long = draw_shapes(1600, seed=5)
    assert_same(draw_shapes(m, seed=5), ShapeSet(*(values[:m] for values in long)))


def test_the_pieces_in_which_images_are_drawn_do_not_matter(monkeypatch):
    whole = draw_shapes(300, seed=5)
    for pixels in (1, 7 * 256, 100 * 256):
        monkeypatch.setattr(shapes, "_CHUNK_PIXELS", pixels)
        assert_same(whole, draw_shapes(300, seed=5))


def test_poses_do_not_depend_on_the_kinds():
    circles, rings = (draw_shapes(50, seed=4, kinds=(kind,), noise=0) for kind in ("circle", "ring"))
    assert torch.equal(circles.boxes, rings.boxes)


def test_the_default_dtype_does_not_matter():
    expected = draw_shapes(30, seed=0)
    torch.set_default_dtype(torch.float64)
    try:
        assert draw_shapes(30, seed=0).images.dtype == torch.float32
        assert_same(expected, draw_shapes(30, seed=0))
    finally:
        torch.set_default_dtype(torch.float32)
