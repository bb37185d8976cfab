"""Several drawn shapes in one image."""

import pytest
import torch
from torchvision.ops import box_iou

from kdcourse.data import SCENE_KINDS, draw_scenes

CLEAN = draw_scenes(600, seed=3, noise=0.0)


def present():
    return CLEAN.labels >= 0


def test_sizes_types_and_range():
    scenes = draw_scenes(7, seed=0, size=24, most=2, radius=(0.3, 0.5))
    assert scenes.images.shape == (7, 1, 24, 24) and scenes.images.dtype == torch.float32
    assert scenes.labels.shape == (7, 2) and scenes.labels.dtype == torch.int64
    assert scenes.boxes.shape == (7, 2, 4) and scenes.masks.shape == (7, 24, 24)
    assert scenes.images.min() >= 0 and scenes.images.max() <= 1


def test_one_to_three_shapes_in_about_equal_shares_and_the_first_places_are_filled():
    count = present().sum(1)
    assert count.min() == 1 and count.max() == 3
    assert (count.bincount(minlength=4)[1:] > 120).all()  # of 600; four standard errors below 200: 154
    assert (present().int().diff(dim=1) <= 0).all()
    assert CLEAN.labels[~present()].eq(-1).all() and not CLEAN.boxes[~present()].any()


def test_kinds_are_about_equally_frequent():
    share = CLEAN.labels[present()].bincount(minlength=len(SCENE_KINDS)) / present().sum()
    assert (share - 0.2).abs().max() < 0.05


@pytest.mark.parametrize("number", range(3))
def test_a_box_is_the_extent_of_its_mask(number):
    """Of images with one shape only, where all covered pixels belong to it."""
    alone = (present().sum(1) == 1).nonzero().squeeze(1)[number::3]
    for image in alone.tolist():
        y, x = (CLEAN.masks[image] > 0).nonzero().unbind(1)
        assert CLEAN.boxes[image, 0].tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]
        assert CLEAN.masks[image].unique().tolist() == [0, 1 + CLEAN.labels[image, 0]]


def test_masks_lie_in_the_boxes_of_their_class_and_shapes_are_bright():
    for image in range(100):
        for label in CLEAN.masks[image].unique()[1:] - 1:
            boxes = CLEAN.boxes[image][CLEAN.labels[image] == label]
            for y, x in (CLEAN.masks[image] == label + 1).nonzero().tolist():
                assert any(x1 <= x < x2 and y1 <= y < y2 for x1, y1, x2, y2 in boxes.tolist())
    covered = CLEAN.masks[:, None] > 0
    assert CLEAN.images[covered].min() >= 0.5 and CLEAN.images[~covered].max() <= 0.5


def test_shapes_do_not_overlap():
    for image in range(200):
        boxes = CLEAN.boxes[image][present()[image]]
        overlap = box_iou(boxes, boxes).fill_diagonal_(0)
        assert overlap.max() < 0.3  # circles do not; the corners of their boxes may, a little
    pairs = draw_scenes(200, seed=1, kinds="circle", most=4, noise=0.0, radius=(0.2, 0.3))
    areas = (pairs.masks > 0).sum((1, 2))
    sizes = (pairs.boxes[..., 2:] - pairs.boxes[..., :2]).prod(2).sum(1) * torch.pi / 4
    assert (areas > 0.8 * sizes).all()  # nothing is covered by another


def test_a_short_draw_is_the_start_of_a_long_one_and_the_global_generator_is_left_alone():
    state = torch.random.get_rng_state()
    short, long = draw_scenes(50, seed=1), draw_scenes(700, seed=1)
    for a, b in zip(short, long, strict=True):
        assert torch.equal(a, b[:50])
    assert not torch.equal(short.images, draw_scenes(50, seed=2).images)
    assert torch.equal(state, torch.random.get_rng_state())


def test_targets_are_what_torchvision_and_torchmetrics_take():
    for image, target in enumerate(CLEAN.targets()[:20]):
        n = present()[image].sum()
        assert target["boxes"].shape == (n, 4) and target["labels"].shape == (n,)
        assert (target["boxes"][:, 2:] > target["boxes"][:, :2]).all()
        assert target["labels"].tolist() == CLEAN.labels[image, :n].tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n: expected"),
        ({"most": 0}, "most: expected"),
        ({"most": 13}, "most: expected at most 12"),
        ({"kinds": ("heart",)}, "kinds: expected different names"),
        ({"kinds": ("ring", "ring")}, "kinds: expected different names"),
        ({"noise": float("inf")}, "noise: expected"),
        ({"radius": (0.5, 0.4)}, "radius: expected"),
        ({"radius": (0.05, 0.4)}, "may cover no pixel"),
        ({"seed": -1}, "seed: expected"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        draw_scenes(**{"n": 5, "seed": 0, **options})
