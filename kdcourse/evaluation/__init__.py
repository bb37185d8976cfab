"""Did it work? Accuracy and calibration of predictions, and honest statistics over seeds."""

from kdcourse.evaluation.predictions import accuracy, expected_calibration_error, predict
from kdcourse.evaluation.statistics import Estimate, gap_closed, mean_interval, paired_difference

__all__ = [
    "Estimate",
    "accuracy",
    "expected_calibration_error",
    "gap_closed",
    "mean_interval",
    "paired_difference",
    "predict",
]
