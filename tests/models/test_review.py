"""Knowledge review: fusion by hand, order of levels, non-square maps, errors."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdcourse.losses import hierarchical_context_loss
from kdcourse.models import KnowledgeReview, ReviewFusion


def without_norm(fusion):
    """Batch norm off, so that numbers can be followed by hand."""
    fusion.inward.norm, fusion.outward.norm = nn.Identity(), nn.Identity()
    return fusion


def test_fusion_by_hand():
    fusion = without_norm(ReviewFusion(1, 1, 1))
    with torch.no_grad():
        fusion.inward.conv.weight.fill_(2.0)
        fusion.outward.conv.weight.zero_()
        fusion.outward.conv.weight[0, 0, 1, 1] = 10.0
        fusion.outward.conv.weight[0, 0, 1, 0] = 1.0  # plus the neighbour on the left
        # First map: sigmoid(x), second: sigmoid(-u).
        fusion.attention.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -1.0]]).view(2, 2, 1, 1))
        fusion.attention.bias.zero_()
    feature = torch.tensor([[[[0.5, 1.0], [-0.5, 0.0]]]])
    residual = torch.tensor([[[[3.0]]]])
    x, u = 2 * feature, torch.full((1, 1, 2, 2), 3.0)
    expected = torch.sigmoid(x) * x + torch.sigmoid(-u) * u
    output, fused, maps = fusion(feature, residual)
    torch.testing.assert_close(fused, expected)
    torch.testing.assert_close(maps, torch.cat([torch.sigmoid(x), torch.sigmoid(-u)], dim=1))
    torch.testing.assert_close(output, 10 * expected + F.pad(expected, (1, 0))[..., :-1])


def test_the_deepest_level_has_nothing_to_fuse():
    torch.manual_seed(0)
    fusion, x = ReviewFusion(3, 4, 5, deepest=True).eval(), torch.randn(2, 3, 4, 6)
    output, fused, maps = fusion(x)
    assert maps is None and fusion.attention is None
    assert torch.equal(fused, fusion.inward(x)) and torch.equal(output, fusion.outward(fused))


def test_the_residual_is_enlarged_by_copies():
    """Nearest neighbour, to sizes that are no multiples too, each axis by itself."""
    fusion = without_norm(ReviewFusion(1, 1, 1))
    with torch.no_grad():
        fusion.inward.conv.weight.zero_()
        nn.init.zeros_(fusion.attention.weight)
        nn.init.zeros_(fusion.attention.bias)  # both attentions one half
    residual = torch.tensor([[[[2.0, 4.0]]]])
    _, fused, _ = fusion(torch.zeros(1, 1, 2, 3), residual)
    assert fused.tolist() == [[[[1.0, 1.0, 2.0], [1.0, 1.0, 2.0]]]]


def test_a_size_of_its_own():
    torch.manual_seed(0)
    fusion, x, residual = ReviewFusion(3, 4, 5).eval(), torch.randn(2, 3, 4, 6), torch.randn(2, 4, 2, 3)
    _, fused, maps = fusion(x, residual)
    output, resized, same = fusion(x, residual, size=(8, 3))
    assert torch.equal(resized, fused.repeat_interleave(2, dim=2)[..., ::2])
    assert output.shape == (2, 5, 8, 3) and torch.equal(maps, same)
    assert torch.equal(fusion(x, residual, size=(4, 6))[1], fused)


def test_convolutions_start_as_in_the_authors_code():
    """Kaiming uniform with slope 1: within sqrt(3 / fan in)."""
    torch.manual_seed(0)
    fusion = ReviewFusion(30, 40, 50)
    for conv, fan_in in ((fusion.inward.conv, 30), (fusion.outward.conv, 9 * 40)):
        bound = (3 / fan_in) ** 0.5
        assert 0.95 * bound < conv.weight.abs().max() <= bound
        assert conv.bias is None
    assert fusion.attention.kernel_size == (1, 1) and fusion.attention.bias is not None


# ---------------------------------------------------------------- the whole review


def example():
    torch.manual_seed(0)
    review = KnowledgeReview([3, 4, 5], [6, 7, 8], 2)
    return review, [torch.randn(2, 3, 8, 6), torch.randn(2, 4, 4, 3), torch.randn(2, 5, 2, 2)]


def test_review_goes_from_the_deepest_level_to_the_shallowest():
    review, features = example()
    review.eval()
    fused, maps = review(features, return_maps=True)
    deep, residual, _ = review.levels[2](features[2])
    middle, residual, middle_maps = review.levels[1](features[1], residual)
    shallow, _, shallow_maps = review.levels[0](features[0], residual)
    for got, expected in zip(
        [*fused, *maps], [shallow, middle, deep, shallow_maps, middle_maps], strict=True
    ):
        assert torch.equal(got, expected)
    assert [tuple(f.shape) for f in fused] == [(2, 6, 8, 6), (2, 7, 4, 3), (2, 8, 2, 2)]
    assert [tuple(m.shape) for m in maps] == [(2, 2, 8, 6), (2, 2, 4, 3)]
    assert all(torch.equal(a, b) for a, b in zip(review(features), fused, strict=True))


def test_shallow_outputs_see_deep_features_and_not_the_reverse():
    review, features = example()
    for i in range(3):
        leaves = [f.clone().requires_grad_() for f in features]
        review(leaves)[i].square().sum().backward()
        seen = [leaf.grad is not None and bool(leaf.grad.any()) for leaf in leaves]
        assert seen == [level >= i for level in range(3)]


def test_the_loss_of_every_level_trains_the_student():
    review, features = example()
    leaves = [f.clone().requires_grad_() for f in features]
    teacher = [torch.randn(2, 6, 8, 6), torch.randn(2, 7, 4, 3), torch.randn(2, 8, 2, 2)]
    sum(map(hierarchical_context_loss, review(leaves), teacher)).backward()
    assert all(leaf.grad.abs().sum() > 0 for leaf in leaves)


def test_sizes_of_the_teacher():
    review, features = example()
    fused = review(features, sizes=[(4, 3), (4, 3), (3, 1)])
    assert [tuple(f.shape[2:]) for f in fused] == [(4, 3), (4, 3), (3, 1)]


def test_channels_in_the_middle():
    assert KnowledgeReview([4, 6], [3, 3]).levels[0].mid_channels == 6
    assert KnowledgeReview([4, 600], [3, 3]).levels[0].mid_channels == 512
    assert KnowledgeReview([4, 600], [3, 3], 20).levels[0].mid_channels == 20


def test_one_level():
    fused, maps = KnowledgeReview([4], [6])([torch.randn(2, 4, 3, 3)], return_maps=True)
    assert [tuple(f.shape) for f in fused] == [(2, 6, 3, 3)] and maps == []


def test_features_list_is_left_alone():
    review, features = example()
    given = list(features)
    review(given)
    assert len(given) == 3 and all(a is b for a, b in zip(given, features, strict=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: KnowledgeReview([4, 5], [6]),
            r"out_channels: .*as many as in in_channels \(\[4, 5\]\), got \[6\]",
        ),
        (lambda: KnowledgeReview([], []), "out_channels: expected one number a level"),
        (lambda: KnowledgeReview([4], [0]), "out_channels: expected a whole number"),
        (lambda: KnowledgeReview([4], [4], 0), "mid_channels: expected a whole number"),
        (lambda: ReviewFusion(0, 1, 1), "in_channels: expected a whole number"),
        (lambda: KnowledgeReview([4], [4])([]), "features: expected one for each of 1 levels, got 0"),
        (
            lambda: KnowledgeReview([4], [4])([torch.zeros(1, 4, 2, 2)], sizes=[]),
            "sizes: expected one for each of 1 levels, got 0",
        ),
        (
            lambda: ReviewFusion(2, 3, 4)(torch.zeros(1, 5, 2, 2), torch.zeros(1, 3, 1, 1)),
            r"feature: expected shape \(B, 2, H, W\), got \(1, 5, 2, 2\)",
        ),
        (
            lambda: ReviewFusion(2, 3, 4)(torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 1, 1)),
            r"residual: expected shape \(B, 3, H, W\), got \(1, 2, 1, 1\)",
        ),
        (
            lambda: ReviewFusion(2, 3, 4)(torch.zeros(1, 2, 2, 2)),
            "residual: expected a residual, as this is not the deepest level",
        ),
        (
            lambda: ReviewFusion(2, 3, 4, deepest=True)(torch.zeros(1, 2, 2, 2), torch.zeros(1, 3, 1, 1)),
            "residual: expected none, as this is the deepest level",
        ),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
