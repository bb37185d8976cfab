"""Losses for the edges of boxes that are predicted as distributions."""

import torch.nn.functional as F
from torch import Tensor

from kdcourse.losses._checks import check_tensor
from kdcourse.losses._numerics import wide


def distribution_focal_loss(edge_bins: Tensor, target: Tensor) -> Tensor:
    r"""Distribution focal loss: cross-entropy with the two bins between which an edge lies.

    .. math:: -\frac{1}{4N} \sum_{n, e} \big[ (k + 1 - y) \log q_{n e k} + (y - k) \log q_{n e (k + 1)} \big],
              \qquad k = \lfloor y_{ne} \rfloor, \quad q = softmax(s)

    Among all distributions it is least for the one whose mass lies on these two bins and whose expectation is
    y. A target on the last bin or beyond it, or below 0, is moved to the nearest bin: it has no neighbour.

    Args:
        edge_bins: s, logits of shape (N, 4, n): boxes, edges (left, top, right, bottom), bins.
        target: y, shape (N, 4), distances in units of a bin; constants.

    Returns:
        0-dimensional tensor, in nats per edge.

    Raises:
        ValueError: wrong shapes, no boxes at all, fewer than two bins.

    Source:
        Li, Wang, Wu, Chen, Hu, Li, Tang & Yang, "Generalized Focal Loss: Learning Qualified and Distributed
        Bounding Boxes for Dense Object Detection", NeurIPS 2020, equation 6.

    Lecture:
        08_detection, section 1.

    >>> import torch
    >>> edges = torch.zeros(1, 4, 8)
    >>> round(distribution_focal_loss(edges, torch.full((1, 4), 2.5)).item(), 4)  # log 8: uniform
    2.0794
    """
    check_tensor("edge_bins", edge_bins, "(N, 4, n)")
    check_tensor("target", target, "(N, 4)")
    boxes, edges, bins = edge_bins.shape
    if edges != 4 or bins < 2:
        raise ValueError(
            f"edge_bins: expected shape (N, 4, n), four edges of a box and n >= 2 bins, "
            f"got {tuple(edge_bins.shape)}"
        )
    if target.shape != (boxes, 4):
        raise ValueError(f"target: expected shape {(boxes, 4)}, got {tuple(target.shape)}")
    log_q = F.log_softmax(wide(edge_bins), dim=2)
    y = target.detach().to(log_q.dtype).clamp(0, bins - 1)
    lower = y.floor().clamp(max=bins - 2)
    place = lower.nan_to_num(0).long()  # NaN reaches the result by the weights below
    left, right = (log_q.gather(2, (place + step)[..., None])[..., 0] for step in (0, 1))
    return -((lower + 1 - y) * left + (y - lower) * right).mean().to(edge_bins.dtype)
