"""Did it work, and what does it cost? Accuracy and calibration of predictions, probes of features, and honest
statistics over seeds."""

from kdcourse.evaluation.comparisons import (
    Friedman,
    friedman,
    holm,
    paired_p_value,
    rank_p_values,
    ranks,
)
from kdcourse.evaluation.costs import multiply_adds
from kdcourse.evaluation.detection import average_precision
from kdcourse.evaluation.generation import frechet_distance
from kdcourse.evaluation.predictions import accuracy, expected_calibration_error, predict
from kdcourse.evaluation.probes import few_shot_accuracy, linear_probe
from kdcourse.evaluation.segmentation import boundary_iou, mean_iou
from kdcourse.evaluation.statistics import Estimate, gap_closed, mean_interval, paired_difference

__all__ = [
    # predictions
    "predict",
    "accuracy",
    "expected_calibration_error",
    # boxes and pixels
    "average_precision",
    "mean_iou",
    "boundary_iou",
    # generated images
    "frechet_distance",
    # costs
    "multiply_adds",
    # features
    "linear_probe",
    "few_shot_accuracy",
    # statistics over seeds
    "mean_interval",
    "paired_difference",
    "gap_closed",
    "Estimate",
    # many methods at once
    "holm",
    "paired_p_value",
    "ranks",
    "friedman",
    "Friedman",
    "rank_p_values",
]
