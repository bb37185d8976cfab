"""How well were the pixels classified?"""

import torch.nn.functional as F
from torch import Tensor


def mean_iou(logits: Tensor, masks: Tensor) -> Tensor:
    """Mean intersection over union of the classes, in percent, from the pixels of all images together.

    Args:
        logits: (..., N, C, H, W).
        masks: (..., N, H, W) classes, or (N, H, W) for all.

    Returns:
        (...): one number a seed, float64. A class that is neither in the truth nor in the prediction does not
        count.

    Lecture:
        09_segmentation, section 1.
    """
    return _mean_over_classes(_one_hot(logits), masks, logits.shape[-3])


def boundary_iou(logits: Tensor, masks: Tensor, *, distance: int = 1) -> Tensor:
    """Boundary IoU: mean intersection over union of the classes' inner edges, in percent.

    Of each class only the pixels count that lie within `distance` pixels (in eight directions) of a pixel of
    another class. The edge of the image is no boundary. Large flat areas, which are easy, thus do not hide
    bad outlines.

    Args:
        logits: (..., N, C, H, W).
        masks: (..., N, H, W) classes, or (N, H, W) for all.
        distance: width of the edge in pixels.

    Returns:
        (...): one number a seed, float64.

    Source:
        Cheng, Girshick, Dollár, Berg & Kirillov, "Boundary IoU: Improving Object-Centric Image Segmentation
        Evaluation", CVPR 2021. There one mask at a time, and the image's edge counts; here all pixels of the
        data set are taken together, as in `mean_iou`.

    Lecture:
        09_segmentation, section 1.
    """
    if distance < 1:
        raise ValueError(f"distance: expected at least 1, got {distance}")
    return _mean_over_classes(_one_hot(logits), masks, logits.shape[-3], distance)


def _one_hot(logits: Tensor) -> Tensor:
    """(..., N, C, H, W) of zeros and ones: the predicted class of each pixel."""
    classes = logits.shape[-3]
    return F.one_hot(logits.argmax(dim=-3), classes).movedim(-1, -3)


def _mean_over_classes(predicted: Tensor, masks: Tensor, classes: int, distance: int = 0) -> Tensor:
    if masks.shape[-3:] != (*predicted.shape[-4:-3], *predicted.shape[-2:]):
        raise ValueError(
            f"masks: expected (..., N, H, W) for predictions (..., N, C, H, W) of shape "
            f"{tuple(predicted.shape)}, got {tuple(masks.shape)}"
        )
    if masks.is_floating_point() or not 0 <= masks.min() <= masks.max() < classes:
        raise ValueError(f"masks: expected integers from 0 to {classes - 1}")
    truth = F.one_hot(masks, classes).movedim(-1, -3).expand_as(predicted)
    if distance:
        predicted, truth = (part * _edge(part, distance) for part in (predicted, truth))
    over = (-4, -2, -1)
    intersection, union = (predicted * truth).sum(over), (predicted | truth).sum(over)
    present = union > 0
    return 100 * (intersection / union.clamp(min=1)).double().sum(-1) / present.sum(-1)


def _edge(one_hot: Tensor, distance: int) -> Tensor:
    """1 where a pixel of another class is near. Padding of max_pool2d is never the largest."""
    flat = (1 - one_hot).flatten(0, -4).float()
    near = F.max_pool2d(flat, 2 * distance + 1, stride=1, padding=distance)
    return near.reshape(one_hot.shape).to(one_hot.dtype)
