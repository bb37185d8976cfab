"""A detector without anchors, on one grid: what is at each place, and how far are the edges of its box?"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

from kdcourse.models._checks import check_sizes
from kdcourse.models.small import small_cnn
from kdcourse.models.staged import StagedNet


class Detection(NamedTuple):
    """What a detector says about every place of its grid.

    classes: (B, h, w, K + 1) logits; the last is background.
    edges: (B, h, w, 4, n) logits: for the left, top, right and bottom edge a distribution over n distances.

    Lecture:
        08_detection, section 1.
    """

    classes: Tensor
    edges: Tensor


class DetectionHead(nn.Module):
    """Two 1x1 convolutions: of the map (B, width, h, w) to classes and to edges.

    Args:
        width: channels of the map.
        kinds: number of classes K, background not counted.
        bins: number of distances n of an edge.
    """

    def __init__(self, width: int, kinds: int, bins: int):
        super().__init__()
        self.classes = nn.Conv2d(width, kinds + 1, 1)
        self.edges = nn.Conv2d(width, 4 * bins, 1)

    def forward(self, x: Tensor) -> Detection:
        edges = self.edges(x).unflatten(1, (4, -1))
        return Detection(self.classes(x).permute(0, 2, 3, 1), edges.permute(0, 3, 4, 1, 2))


def small_detector(
    widths: Sequence[int] = (16, 32, 32),
    strides: Sequence[int] = (2, 2, 1),
    *,
    kinds: int = 5,
    bins: int = 16,
    channels: int = 1,
) -> StagedNet:
    """Small one-level detector without anchors.

    Args:
        widths, strides: channels and stride of each 3x3 convolution. The product of the strides is the
            distance in pixels of two places of the grid.
        kinds: number of classes K, background not counted.
        bins: number of distances n that an edge may have: 0, 1, ..., n - 1 pixels from the place.
        channels: of the input.

    Returns:
        A `StagedNet` with stages ``conv1``, ``conv2``, ... whose head gives a `Detection`.

    Source:
        Tian, Shen, Chen & He, "FCOS", ICCV 2019, for places instead of anchors; Li et al., "Generalized Focal
        Loss", NeurIPS 2020, for edges as distributions.

    Lecture:
        08_detection, section 1.

    >>> found = small_detector()(torch.zeros(2, 1, 32, 32))
    >>> found.classes.shape, found.edges.shape
    (torch.Size([2, 8, 8, 6]), torch.Size([2, 8, 8, 4, 16]))
    """
    check_sizes(kinds=kinds, bins=bins)
    stages = small_cnn(widths, strides, channels=channels).stages
    return StagedNet(dict(stages), DetectionHead(widths[-1], kinds, bins))


def grid_places(height: int, width: int, stride: int, device: torch.device | str = "cpu") -> Tensor:
    """The pixel (x, y) in the middle of each place's cell: (h, w, 2) for an image of that size.

    Lecture:
        08_detection, section 1.

    >>> grid_places(8, 8, 4)[0].tolist()
    [[2.0, 2.0], [6.0, 2.0]]
    """
    ys, xs = (
        stride * (torch.arange(-(-side // stride), dtype=torch.float32, device=device) + 0.5)
        for side in (height, width)
    )
    y, x = torch.meshgrid(ys, xs, indexing="ij")
    return torch.stack([x, y], dim=2)


def assign_boxes(labels: Tensor, boxes: Tensor, places: Tensor, kinds: int) -> tuple[Tensor, Tensor]:
    """Which box each place of the grid should find: the smallest of those it lies in.

    Args:
        labels: (B, M), -1 where there is no box.
        boxes: (B, M, 4), x1, y1, x2, y2 in pixels.
        places: (h, w, 2), of `grid_places`.
        kinds: number of classes K; background is class K.

    Returns:
        (classes (B, h, w), edges (B, h, w, 4)): the class, and the distances in pixels from the place to the
        left, top, right and bottom edge of its box (zeros on background).

    Lecture:
        08_detection, section 1.
    """
    x, y = places.unbind(-1)
    x1, y1, x2, y2 = boxes[:, :, None, None].unbind(-1)  # (B, M, 1, 1)
    distances = torch.stack([x - x1, y - y1, x2 - x, y2 - y], dim=-1)  # (B, M, h, w, 4)
    inside = (distances.amin(-1) > 0) & (labels >= 0)[:, :, None, None]
    area = ((x2 - x1) * (y2 - y1)).expand_as(inside).masked_fill(~inside, torch.inf)
    _, chosen = area.min(dim=1, keepdim=True)  # (B, 1, h, w)
    found = inside.any(dim=1)
    classes = labels[:, :, None, None].expand_as(inside).gather(1, chosen)[:, 0]
    edges = distances.gather(1, chosen[..., None].expand(-1, -1, -1, -1, 4))[:, 0]
    return torch.where(found, classes, kinds), torch.where(found[..., None], edges, 0.0)


def edge_distances(edges: Tensor) -> Tensor:
    """The expected distance in pixels of each edge: logits (..., 4, n) -> (..., 4).

    Lecture:
        08_detection, section 1.
    """
    bins = torch.arange(edges.shape[-1], dtype=edges.dtype, device=edges.device)
    return (edges.softmax(dim=-1) * bins).sum(dim=-1)


def boxes_from_edges(places: Tensor, distances: Tensor) -> Tensor:
    """Boxes x1, y1, x2, y2 (..., 4) from places (..., 2) and the distances (..., 4) to their edges.

    Lecture:
        08_detection, section 1.
    """
    return torch.cat([places - distances[..., :2], places + distances[..., 2:]], dim=-1)


@torch.no_grad()
def found_boxes(
    found: Detection, places: Tensor, *, least_score: float = 0.05, overlap: float = 0.5
) -> list[dict[str, Tensor]]:
    """The boxes of each image, in the form that torchvision and torchmetrics use.

    Every place offers one box with its most probable class; of boxes of one class that overlap by more than
    an intersection over union of `overlap` the surest stays.

    Args:
        found: of B images.
        places: (h, w, 2), of `grid_places`.
        least_score: boxes with a lower probability are left out.

    Returns:
        For each image a dictionary of boxes (n, 4), scores (n,) and labels (n,), the surest first.

    Lecture:
        08_detection, section 1.
    """
    scores, labels = found.classes.softmax(dim=-1)[..., :-1].max(dim=-1)
    boxes = boxes_from_edges(places, edge_distances(found.edges))
    results = []
    for of_image in zip(boxes.flatten(1, 2), scores.flatten(1), labels.flatten(1), strict=True):
        sure = of_image[1] >= least_score
        box, score, label = (part[sure] for part in of_image)
        kept = batched_nms(box, score, label, overlap)
        results.append({"boxes": box[kept], "scores": score[kept], "labels": label[kept]})
    return results
