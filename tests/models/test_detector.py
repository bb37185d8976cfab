"""The one-level detector: what its grid means, and that truth written into it comes out as truth."""

import pytest
import torch

from kdcourse.data import draw_scenes
from kdcourse.evaluation import average_precision
from kdcourse.models import (
    Detection,
    assign_boxes,
    boxes_from_edges,
    edge_distances,
    found_boxes,
    grid_places,
    small_detector,
)
from kdcourse.training import SeedStack, seeded

SCENES = draw_scenes(40, seed=0)
PLACES = grid_places(32, 32, 4)


def perfect(scenes, places, kinds=5, bins=16):
    """The detection that says the truth at every place."""
    classes, edges = assign_boxes(scenes.labels, scenes.boxes, places, kinds)
    lower = edges.floor().long()
    spread = torch.full((*edges.shape, bins), 1e-9)
    spread.scatter_(-1, (lower + 1)[..., None], (edges - lower)[..., None].clamp(min=1e-9))
    spread.scatter_(-1, lower[..., None], (lower + 1 - edges)[..., None])
    return Detection(20.0 * torch.nn.functional.one_hot(classes, kinds + 1), spread.log())


def test_shapes():
    net = seeded(small_detector, 0)
    found, features = net(SCENES.images[:3], return_features=True)
    assert found.classes.shape == (3, 8, 8, 6) and found.edges.shape == (3, 8, 8, 4, 16)
    assert list(features) == ["conv1", "conv2", "conv3"]


def test_head_and_places_agree_on_which_cell_is_which():
    """Light at a place changes the answers near it, and no others."""
    net = seeded(lambda: small_detector((4,), (4,)), 0).eval()
    places = grid_places(16, 32, 4)
    assert places.shape == (4, 8, 2)
    dark = torch.zeros(1, 1, 16, 32)
    for y, x in ((2, 26), (13, 5)):
        light = dark.clone()
        light[0, 0, y - 1 : y + 2, x - 1 : x + 2] = 1
        change = (net(light).classes - net(dark).classes).abs().sum(-1)[0]
        distance = (places - torch.tensor([x + 0.5, y + 0.5])).norm(dim=-1)
        assert distance.flatten()[change.flatten().argmax()] < 6
        assert (change[distance > 8] == 0).all()


def test_places_of_an_image_that_the_stride_does_not_divide():
    assert grid_places(9, 8, 4).shape[:2] == small_detector()(torch.zeros(1, 1, 9, 8)).classes.shape[1:3]


def test_assignment_by_hand():
    """Two boxes, one in the other: the smaller wins where it can; edges count as outside."""
    labels = torch.tensor([[3, 1, -1]])
    boxes = torch.tensor([[[0.0, 0, 16, 8], [4, 0, 8, 8], [0, 0, 0, 0]]])
    classes, edges = assign_boxes(labels, boxes, grid_places(16, 16, 4), 5)
    assert classes[0].tolist() == [[3, 1, 3, 3], [3, 1, 3, 3], [5, 5, 5, 5], [5, 5, 5, 5]]
    assert edges[0, 0, 1].tolist() == [2, 2, 2, 6] and edges[0, 1, 3].tolist() == [14, 6, 2, 2]
    assert not edges[0, 2:].any()


def test_an_image_without_boxes_is_background():
    classes, edges = assign_boxes(torch.full((2, 3), -1), torch.zeros(2, 3, 4), PLACES, 5)
    assert (classes == 5).all() and not edges.any()


def test_distances_and_boxes_are_each_other_s_inverse():
    classes, edges = assign_boxes(SCENES.labels, SCENES.boxes, PLACES, 5)
    image, row, column = (classes < 5).nonzero().unbind(1)
    boxes = boxes_from_edges(PLACES, edges)[image, row, column]
    for b, found, kind in zip(image, boxes, classes[image, row, column], strict=True):
        which = (SCENES.boxes[b] == found).all(1)
        assert which.sum() == 1 and SCENES.labels[b][which] == kind


def test_expected_distance():
    edges = torch.tensor([1.0, 3.0, 4.0]).log().expand(2, 4, 3)  # probabilities 1/8, 3/8, 4/8
    torch.testing.assert_close(edge_distances(edges), torch.full((2, 4), 11 / 8))


def test_truth_written_into_the_grid_is_found_and_scores_100():
    found = found_boxes(perfect(SCENES, PLACES), PLACES)
    for result, target in zip(found, SCENES.targets(), strict=True):
        assert len(result["boxes"]) == len(target["boxes"])  # each place of a box offered it; one stayed
        order = torch.stack([(target["boxes"] - box).abs().sum(1).argmin() for box in result["boxes"]])
        torch.testing.assert_close(result["boxes"], target["boxes"][order], atol=1e-4, rtol=0)
        assert torch.equal(result["labels"], target["labels"][order])
    assert average_precision(found, SCENES.targets()) == pytest.approx({"AP": 100, "AP50": 100, "AP75": 100})


def test_unsure_places_offer_nothing_and_boxes_come_surest_first():
    truth = perfect(SCENES, PLACES)
    nothing = Detection(torch.zeros_like(truth.classes), truth.edges)
    assert all(len(r["boxes"]) == 0 for r in found_boxes(nothing, PLACES, least_score=0.2))
    noisy = Detection(truth.classes + torch.randn(truth.classes.shape), truth.edges)
    for result in found_boxes(noisy, PLACES):
        assert (result["scores"].diff() <= 0).all()


def test_many_seeds_at_once():
    stack = SeedStack(small_detector, [0, 3]).eval()
    together = stack(SCENES.images[:4].expand(2, 4, 1, 32, 32))
    for k, seed in enumerate((0, 3)):
        alone = seeded(small_detector, seed).eval()(SCENES.images[:4])
        torch.testing.assert_close(together.classes[k], alone.classes, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(together.edges[k], alone.edges, atol=1e-5, rtol=1e-4)
