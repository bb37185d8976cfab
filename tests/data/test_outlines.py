import pytest
import torch

from kdcourse.data import OUTLINE_KINDS, draw_outlines, draw_shapes


def test_shapes_ranges_and_balance():
    pairs = draw_outlines(50, seed=3, size=20)
    assert pairs.outlines.shape == (50, 1, 20, 20) and pairs.fills.shape == (50, 3, 20, 20)
    assert pairs.labels.bincount().tolist() == [10] * 5
    for image in (pairs.outlines, pairs.fills):
        assert image.dtype == torch.float32 and image.min() >= 0 and image.max() <= 1


def test_a_short_draw_is_the_start_of_a_long_one_and_seeds_differ():
    long, short, other = (draw_outlines(n, seed=s) for n, s in ((30, 1), (7, 1), (7, 2)))
    for a, b, c in zip(long, short, other):
        assert torch.equal(a[:7], b) and not torch.equal(b, c)


def test_the_line_runs_where_the_fill_meets_the_paper():
    pairs = draw_outlines(100, seed=0)
    shapes = draw_shapes(100, seed=0, kinds=OUTLINE_KINDS, noise=0.0, rotation=180.0, radius=(0.55, 0.85))
    inside = shapes.masks
    assert torch.equal(shapes.labels, pairs.labels)
    # Deep inside, and far outside, there is neither line nor other colour than the kind's or the paper's.
    grown = torch.nn.functional.max_pool2d(inside[:, None].float(), 5, 1, 2)[:, 0] > 0
    shrunk = -torch.nn.functional.max_pool2d(-inside[:, None].float(), 5, 1, 2)[:, 0] > 0
    assert pairs.outlines[:, 0][~grown].max() < 0.02 and pairs.outlines[:, 0][shrunk].max() < 0.02
    paper = pairs.fills.permute(0, 2, 3, 1)[~grown]
    assert (paper - 0.95).abs().max() < 0.01
    edge = torch.nn.functional.max_pool2d((~inside)[:, None].float(), 3, 1, 1)[:, 0].bool() & inside
    assert pairs.outlines[:, 0][edge].mean() > 0.3


def test_the_kind_says_the_colour_and_the_place_the_shade():
    pairs = draw_outlines(300, seed=0)
    darkest = pairs.fills.flatten(2).min(dim=2).values  # (N, 3), about the full colour times its shade
    hues = torch.stack([darkest[pairs.labels == kind].mean(dim=0) for kind in range(5)])
    assert torch.pdist(hues).min() > 0.1, "two kinds look alike"
    circles = pairs.fills[pairs.labels == OUTLINE_KINDS.index("circle")]
    assert (circles[:, 1, 5, 5] - circles[:, 1, 10, 10]).mean() > 0.06


@pytest.mark.parametrize("options", [{"n": 0}, {"seed": -1}, {"size": 11}])
def test_numbers_out_of_range(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        draw_outlines(**{"n": 5, "seed": 0} | options)
