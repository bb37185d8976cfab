"""Average precision, against cases that can be counted by hand."""

import pytest
import torch

from kdcourse.evaluation import average_precision

BOX = torch.tensor([[10.0, 10, 20, 20]])


def truth(*labels):
    return {"boxes": BOX.repeat(len(labels), 1), "labels": torch.tensor(labels)}


def found(boxes, scores, labels):
    return {"boxes": torch.tensor(boxes), "scores": torch.tensor(scores), "labels": torch.tensor(labels)}


def test_the_truth_scores_100_and_nothing_scores_0():
    right = found([[10.0, 10, 20, 20]], [0.9], [1])
    nothing = {
        "boxes": torch.zeros(0, 4),
        "scores": torch.zeros(0),
        "labels": torch.zeros(0, dtype=torch.long),
    }
    assert average_precision([right], [truth(1)])["AP"] == pytest.approx(100)
    assert average_precision([nothing], [truth(1)])["AP50"] == 0


def test_how_much_of_the_box_must_be_covered():
    """Two thirds of a union: right at 0.5, 0.55, 0.6 and 0.65 of the ten thresholds."""
    shifted = found([[12.0, 10, 22, 20]], [0.9], [1])  # intersection 80, union 120
    scores = average_precision([shifted], [truth(1)])
    assert scores == pytest.approx({"AP": 40, "AP50": 100, "AP75": 0})


def test_a_wrong_class_is_wrong():
    assert average_precision([found([[10.0, 10, 20, 20]], [0.9], [2])], [truth(1)])["AP50"] == 0


def test_a_surer_wrong_box_halves_the_precision():
    boxes = [[40.0, 40, 50, 50], [10.0, 10, 20, 20]]
    assert average_precision([found(boxes, [0.9, 0.5], [1, 1])], [truth(1)])["AP50"] == pytest.approx(
        50, abs=1
    )
    assert average_precision([found(boxes, [0.5, 0.9], [1, 1])], [truth(1)])["AP50"] == pytest.approx(100)


def test_unequal_numbers_of_images_are_refused():
    with pytest.raises(ValueError, match="equally many images"):
        average_precision([], [truth(1)])
