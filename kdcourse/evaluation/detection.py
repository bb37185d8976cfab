"""How well were the objects found?"""

from collections.abc import Sequence

from torch import Tensor


def average_precision(
    found: Sequence[dict[str, Tensor]], targets: Sequence[dict[str, Tensor]]
) -> dict[str, float]:
    """Average precision of detected boxes, mean over the classes, in percent.

    A found box is right if its class is right and its intersection over union with a box of the truth that no
    surer one has claimed is at least 0.5 (AP50), 0.75 (AP75), or, averaged, 0.5, 0.55, ..., 0.95 (AP).

    Args:
        found: for each image a dictionary of boxes (n, 4), x1, y1, x2, y2 in pixels, scores (n,) and labels
            (n,), as `kdcourse.models.found_boxes` gives it.
        targets: for each image a dictionary of boxes (m, 4) and labels (m,).

    Returns:
        A dictionary with AP, AP50 and AP75.

    Source:
        Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; computed by torchmetrics with
        pycocotools.

    Lecture:
        08_detection, section 1.
    """
    if len(found) != len(targets) or not len(found):
        raise ValueError(
            f"found, targets: expected equally many images, at least one, got {len(found)} and {len(targets)}"
        )
    # Imported here because it is slow to import and rarely used.
    from torchmetrics.detection import MeanAveragePrecision

    metric = MeanAveragePrecision(box_format="xyxy", iou_type="bbox")
    metric.warn_on_many_detections = False
    metric.update(list(found), list(targets))
    result = metric.compute()
    keys = {"AP": "map", "AP50": "map_50", "AP75": "map_75"}
    return {name: 100 * float(result[key]) for name, key in keys.items()}
