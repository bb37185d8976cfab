"""Intersection over union of pixels, against torchmetrics and pictures that can be counted."""

import pytest
import torch
from torchmetrics.functional.classification import multiclass_jaccard_index

from kdcourse.evaluation import boundary_iou, mean_iou


def saying(masks, classes):
    """Logits that predict these classes."""
    return torch.nn.functional.one_hot(masks, classes).movedim(-1, -3).float()


def square(x, y, side=4, size=8):
    mask = torch.zeros(1, size, size, dtype=torch.long)
    mask[0, y : y + side, x : x + side] = 1
    return mask


def random_masks(seed, *shape, classes=4):
    return torch.randint(classes, shape, generator=torch.Generator().manual_seed(seed))


def test_against_torchmetrics():
    truth, guess = random_masks(0, 3, 5, 6), random_masks(1, 3, 5, 6)
    expected = 100 * multiclass_jaccard_index(guess, truth, 4, average="macro")
    assert mean_iou(saying(guess, 4), truth).item() == pytest.approx(expected.item(), abs=1e-4)


def test_by_hand():
    """Squares of 16 pixels that share 12: 12 / 20; background: 44 / 52."""
    assert mean_iou(saying(square(3, 2), 2), square(2, 2)).item() == pytest.approx(50 * (12 / 20 + 44 / 52))


def test_a_class_that_nobody_names_does_not_count():
    truth = square(2, 2)
    assert mean_iou(saying(truth, 5), truth).item() == 100
    assert mean_iou(saying(torch.full_like(truth, 3), 5), truth).item() == 0


def test_one_number_a_seed_with_the_same_or_own_masks():
    truth, guesses = random_masks(0, 3, 5, 6), random_masks(1, 2, 3, 5, 6)
    together = mean_iou(saying(guesses, 4), truth)
    alone = torch.stack([mean_iou(saying(guess, 4), truth) for guess in guesses])
    assert torch.equal(together, alone) and together.dtype == torch.float64
    assert torch.equal(mean_iou(saying(guesses, 4), truth.expand(2, 3, 5, 6)), alone)


def test_the_boundary_by_hand():
    """The rim of a 4 x 4 square has 12 pixels; shifted by one, they share 6. Outside: a ring of 20 each."""
    truth, guess = square(2, 2), square(3, 2)
    rims = [torch.zeros(8, 8, dtype=torch.bool) for _ in range(2)]
    outer = [torch.zeros(8, 8, dtype=torch.bool) for _ in range(2)]
    for k, x in enumerate((2, 3)):
        rims[k][2:6, x : x + 4] = True
        rims[k][3:5, x + 1 : x + 3] = False
        outer[k][1:7, x - 1 : x + 5] = True
        outer[k][2:6, x : x + 4] = False
    shares = [(a & b).sum() / (a | b).sum() for a, b in (rims, outer)]
    assert boundary_iou(saying(guess, 2), truth).item() == pytest.approx(100 * (sum(shares) / 2).item())
    assert boundary_iou(saying(truth, 2), truth).item() == 100


def test_the_edge_of_the_image_is_no_boundary():
    """A square in the corner: its rim towards the image's edge does not count."""
    truth = square(0, 0)
    worse = truth.clone()
    worse[0, 0, 0] = 0  # a corner pixel, far from the boundary, is wrong
    assert mean_iou(saying(worse, 2), truth) < 100
    inner = boundary_iou(saying(truth, 2), truth)
    assert inner == 100 and boundary_iou(saying(worse, 2), truth) < 100  # the hole makes a boundary


def test_boundaries_are_harder_than_areas():
    truth, guess = square(4, 4, 20, 32), square(5, 4, 20, 32)
    assert boundary_iou(saying(guess, 2), truth) < mean_iou(saying(guess, 2), truth) - 20
    wide = [boundary_iou(saying(guess, 2), truth, distance=d).item() for d in (1, 2, 4)]
    assert wide == sorted(wide)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (torch.zeros(2, 8, 8, dtype=torch.long), "expected"),
        (torch.full((1, 8, 8), 2), "integers from 0 to 1"),
        (torch.zeros(1, 8, 8), "integers from 0 to 1"),
    ],
)
def test_bad_input_is_named(masks, message):
    with pytest.raises(ValueError, match=message):
        mean_iou(torch.zeros(1, 2, 8, 8), masks)
    with pytest.raises(ValueError, match="distance"):
        boundary_iou(torch.zeros(1, 2, 8, 8), torch.zeros(1, 8, 8, dtype=torch.long), distance=0)
