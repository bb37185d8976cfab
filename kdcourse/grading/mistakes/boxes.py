"""Known mistakes of a box that is decoded from distributions over its edges, and what to say about each."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import log_softmax, softmax
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import Parts, double_mistakes, single_mistakes

Part = Callable[..., Tensor]


def over_bins(z: Tensor) -> Tensor:
    return softmax(z, 2)


def from_nought(n: int) -> Tensor:
    return torch.arange(n, dtype=torch.float64)


def in_pixels(d: Tensor, stride: float) -> Tensor:
    return stride * d


def corners(c: Tensor, d: Tensor, stride: float) -> Tensor:
    return torch.cat([c - d[:, :2], c + d[:, 2:]], 1)


def expected_boxes(
    c: Tensor, z: Tensor, stride: float,
    weigh: Part = over_bins, bins: Callable[[int], Tensor] = from_nought, scale: Part = in_pixels,
    place: Part = corners,
) -> Tensor:  # fmt: skip
    distances = (weigh(z) * bins(z.shape[2])).sum(2)
    return place(c, scale(distances, stride), stride)


def _hardest(z: Tensor) -> Tensor:
    n = z.shape[2]
    return torch.nn.functional.one_hot(z.argmax(2), n).to(z.dtype) + 0.0 * z


def _placed(order: tuple[int, int, int, int]) -> Part:
    return lambda c, d, stride: corners(c, d[:, order], stride)


def _width_height(c: Tensor, d: Tensor) -> Tensor:
    return d[:, :2] + d[:, 2:]


def _normed(p: Tensor) -> Tensor:
    return p / p.sum(2, keepdim=True)


PARTS: Parts = {
    "weigh": [
        Wrong(
            _hardest,
            "The distance is the most probable bin (`argmax`); take the expectation, which lies between the "
            "bins and lets a gradient through.",
        ),
        Wrong(lambda z: softmax(z, 1), "The softmax runs over the four edges; it runs over the n bins."),
        Wrong(lambda z: softmax(z, 0), "The softmax runs over the boxes; it runs over the n bins."),
        Wrong(lambda z: z, "The logits weigh the bins as they are; take their softmax first."),
        Wrong(lambda z: log_softmax(z, 2), "The weights are logarithms: `softmax`, not "
              "`log_softmax`."),
        Wrong(torch.sigmoid, "A sigmoid weighs each bin by itself, and the weights do not sum to 1."),
        Wrong(lambda z: _normed(torch.sigmoid(z)), "The weights are sigmoids divided by their sum; take the "
              "softmax."),
        Wrong(lambda z: _normed(torch.relu(z) + 1e-12), "The weights are rectified logits; take the "
              "softmax."),
        Wrong(lambda z: softmax(softmax(z, 2), 2), "The softmax is taken twice."),
        Wrong(lambda z: softmax(-z, 2), "The weights fall as the logits rise: a sign is wrong."),
        Wrong(lambda z: softmax(z / z.shape[2] ** 0.5, 2), "The logits are divided by √n first."),
        Wrong(
            lambda z: softmax(z.flatten(1), 1).reshape(z.shape),
            "One softmax runs over the bins of all four edges together; each edge has its own distribution.",
        ),
        Wrong(lambda z: softmax(z, 2) / z.shape[2], "The expectation is divided by n (a mean over the bins "
              "in place of a sum?)."),
        Wrong(
            lambda z: softmax(z.reshape(z.shape[0], -1, 4).transpose(1, 2), 2),
            "The logits are read as (N, n, 4) by `reshape` or `view`, which mixes edges and bins.",
        ),
        Wrong(lambda z: softmax(z.detach(), 2) + 0.0 * z, "The logits are detached: nothing would be "
              "learned."),
    ],
    "bins": [
        Wrong(lambda n: from_nought(n) + 1, "The bins are counted from 1; they are 0, 1, ..., n − 1."),
        Wrong(lambda n: from_nought(n) + 0.5, "The bins are counted from their middles; bin k means the "
              "distance k, not k + 1/2."),
        Wrong(lambda n: from_nought(n) / n, "The bins run from 0 to 1; bin k means k strides."),
        Wrong(
            lambda n: from_nought(n) / max(1, n - 1),
            "The bins run from 0 to 1 (`linspace(0, 1, n)`); bin k means k strides.",
        ),
        Wrong(
            lambda n: torch.linspace(0, n, n, dtype=torch.float64),
            "The bins are stretched to end at n (`linspace(0, n, n)`); the last one is n − 1.",
        ),
        Wrong(lambda n: n - 1 - from_nought(n), "The bins are counted backwards."),
        Wrong(lambda n: from_nought(n) - (n - 1) / 2, "The bins are centred; the distance of bin 0 is 0."),
    ],
    "scale": [
        Wrong(lambda d, stride: d, "The distances are in bins still; a bin is one stride wide."),
        Wrong(lambda d, stride: d / stride, "The distances are divided by the stride; multiply by it."),
        Wrong(lambda d, stride: stride**2 * d, "The stride is multiplied twice."),
        Wrong(lambda d, stride: stride * d / 2, "The distances are halved: they lead from the centre to an "
              "edge and are no widths."),
        Wrong(lambda d, stride: (stride * d).round() + 0.0 * d, "The distances are rounded."),
    ],
    "place": [
        Wrong(
            lambda c, d, stride: torch.cat([c + d[:, :2], c + d[:, 2:]], 1),
            "Left and top are added; x1 and y1 lie *before* the centre.",
        ),
        Wrong(
            lambda c, d, stride: torch.cat([c - d[:, :2], c - d[:, 2:]], 1),
            "Right and bottom are subtracted; x2 and y2 lie *behind* the centre.",
        ),
        Wrong(
            lambda c, d, stride: torch.cat([c + d[:, :2], c - d[:, 2:]], 1),
            "Both signs are wrong: left and top are subtracted from the centre, right and bottom added.",
        ),
        Wrong(
            lambda c, d, stride: torch.cat([c + d[:, 2:], c - d[:, :2]], 1),
            "The corners are exchanged: x1, y1 come first.",
        ),
        Wrong(
            lambda c, d, stride: torch.cat([c - d[:, :2], _width_height(c, d)], 1),
            "These are x1, y1, width, height; asked for are x1, y1, x2, y2.",
        ),
        Wrong(
            lambda c, d, stride: torch.cat([c, _width_height(c, d)], 1),
            "These are the place, width and height; asked for are x1, y1, x2, y2.",
        ),
        Wrong(
            lambda c, d, stride: torch.cat([c + (d[:, 2:] - d[:, :2]) / 2, _width_height(c, d)], 1),
            "These are centre, width and height of the box; asked for are x1, y1, x2, y2.",
        ),
        Wrong(
            lambda c, d, stride: corners(c, d, stride)[:, [0, 2, 1, 3]],
            "The order is x1, x2, y1, y2; asked for is x1, y1, x2, y2.",
        ),
        Wrong(
            lambda c, d, stride: corners(c, d, stride)[:, [1, 0, 3, 2]],
            "The order is y1, x1, y2, x2; asked for is x1, y1, x2, y2.",
        ),
        Wrong(
            lambda c, d, stride: corners(c.flip(1), d, stride),
            "The centres are read as (y, x); they come as (x, y).",
        ),
        Wrong(_placed((0, 2, 1, 3)), "The edges are read as left, right, top, bottom; they come as left, "
              "top, right, bottom."),
        Wrong(_placed((1, 0, 3, 2)), "The edges are read as top, left, bottom, right; they come as left, "
              "top, right, bottom."),
        Wrong(_placed((2, 3, 0, 1)), "The edges are read as right, bottom, left, top; they come as left, "
              "top, right, bottom."),
        Wrong(
            lambda c, d, stride: corners(stride * c, d, stride),
            "The centres are multiplied by the stride, too; they are in pixels already.",
        ),
        Wrong(
            lambda c, d, stride: corners(stride * (c + 0.5), d, stride),
            "The centres are taken for numbers of cells; they are in pixels already.",
        ),
        Wrong(
            lambda c, d, stride: corners(0 * c, d, stride),
            "The centres are not used: the distances are measured from them.",
        ),
        Wrong(lambda c, d, stride: d + 0 * c.sum(), "These are the distances; the box is the centre minus "
              "left and top, plus right and bottom."),
        Wrong(
            lambda c, d, stride: corners(c, d, stride).clamp(min=0),
            "The boxes are cut at 0. A box may reach beyond the image; cutting it takes its gradient away.",
        ),
    ],
}  # fmt: skip


def box_mistakes() -> Iterator[Wrong]:
    yield from single_mistakes(expected_boxes, PARTS)
    yield Wrong(
        lambda c, z, stride: expected_boxes(c, z, stride).T.reshape(-1, 4),
        "The coordinates are stacked and then brought to (N, 4) by `reshape`, which mixes boxes: stack them "
        "along the last axis.",
    )
    yield from double_mistakes(expected_boxes, PARTS)
