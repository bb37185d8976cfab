"""Knowledge review: shallow levels of the teacher are taught with the deeper levels of the student."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdcourse.models._checks import check_feature, check_sizes


class ReviewFusion(nn.Module):
    r"""Attention-based fusion (ABF) of one level of the student with what came from the deeper levels.

    .. math:: x = BN(W_1 s), \quad u = enlarge(residual), \quad (a_1, a_2) = sigmoid(W_a [x, u] + b_a),

    .. math:: fused = a_1 \odot x + a_2 \odot u, \quad output = BN(W_3 * fused)

    W_1 and W_a are 1x1 convolutions, W_3 is a 3x3 one; each a has one number a pixel, shared by all channels;
    the residual is enlarged to the level's size by nearest neighbour. The deepest level has no residual:
    there, fused = x.

    Args:
        in_channels: channels of the student's map at this level.
        mid_channels: channels of x and of the residual.
        out_channels: channels of the teacher's map at this level.
        deepest: whether this level has no residual.

    Shapes:
        feature (B, in_channels, H, W) and residual (B, mid_channels, h, w) -> output (B, out_channels, H, W),
        fused (B, mid_channels, H, W), which is the next level's residual, and the attention maps (B, 2, H, W)
        or None at the deepest level. With ``size``, the height and width of the teacher's map, output and
        fused have that size instead of (H, W).

    Raises:
        ValueError: a map with the wrong number of channels; a residual missing, or given at the deepest
            level.

    Source:
        Chen, Liu, Zhao & Jia, "Distilling Knowledge via Knowledge Review", CVPR 2021, section 3; details as
        in the authors' code, which allows square maps only.

    Lecture:
        03_hints_and_factors, section 11.

    >>> import torch
    >>> fusion = ReviewFusion(3, 4, 5)
    >>> output, fused, maps = fusion(torch.randn(2, 3, 6, 4), torch.randn(2, 4, 3, 2))
    >>> output.shape, fused.shape, maps.shape
    (torch.Size([2, 5, 6, 4]), torch.Size([2, 4, 6, 4]), torch.Size([2, 2, 6, 4]))
    """

    def __init__(self, in_channels: int, mid_channels: int, out_channels: int, *, deepest: bool = False):
        super().__init__()
        check_sizes(in_channels=in_channels, mid_channels=mid_channels, out_channels=out_channels)
        self.in_channels, self.mid_channels = in_channels, mid_channels
        self.inward = _conv_norm(in_channels, mid_channels, 1)
        self.attention = None if deepest else nn.Conv2d(2 * mid_channels, 2, 1)
        self.outward = _conv_norm(mid_channels, out_channels, 3)

    def forward(
        self, feature: Tensor, residual: Tensor | None = None, *, size: tuple[int, int] | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        check_feature("feature", feature, self.in_channels)
        if (residual is None) != (self.attention is None):
            expected = "a residual, as this is not" if residual is None else "none, as this is"
            raise ValueError(f"residual: expected {expected} the deepest level")
        fused, maps = self.inward(feature), None
        if residual is not None:
            check_feature("residual", residual, self.mid_channels)
            residual = F.interpolate(residual, size=fused.shape[2:], mode="nearest")
            maps = torch.sigmoid(self.attention(torch.cat([fused, residual], dim=1)))
            fused = maps[:, :1] * fused + maps[:, 1:] * residual
        if size is not None and tuple(size) != tuple(fused.shape[2:]):
            fused = F.interpolate(fused, size=tuple(size), mode="nearest")
        return self.outward(fused), fused, maps


class KnowledgeReview(nn.Module):
    r"""Fuses the student's levels from the deepest to the shallowest, one `ReviewFusion` each.

    .. math:: (o_L, r_L) = ABF_L(s_L), \qquad (o_l, r_l) = ABF_l(s_l, r_{l+1}), \quad l = L-1, \dots, 1

    So what is compared with a shallow level of the teacher has seen all deeper levels of the student, and a
    single loss per level, `hierarchical_context_loss` between o_l and the teacher's l-th map, does the work
    of many pairs.

    Args:
        in_channels: channels of the student's maps, shallow to deep.
        out_channels: channels of the teacher's maps, shallow to deep; as many.
        mid: channels in which levels are fused; those of the student's deepest map by default, 512 at most.

    Shapes:
        ``review(features)``: list of (B, in_channels[l], H_l, W_l), shallow to deep -> list of
        (B, out_channels[l], H_l, W_l), shallow to deep. With ``return_maps=True`` also the attention maps,
        (B, 2, H_l, W_l) for each level but the deepest: first the weight of the level itself, then that of
        the deeper ones. ``sizes``, a (height, width) a level, are those of the teacher's maps where they
        differ from the student's.

    Raises:
        ValueError: not one feature (or size) a level, or a map with the wrong number of channels.

    Source:
        Chen, Liu, Zhao & Jia, "Distilling Knowledge via Knowledge Review", CVPR 2021, section 3.

    Lecture:
        03_hints_and_factors, section 11.

    >>> import torch
    >>> review = KnowledgeReview([4, 8], [6, 12])
    >>> features = [torch.randn(2, 4, 6, 4), torch.randn(2, 8, 3, 2)]
    >>> fused, maps = review(features, return_maps=True)
    >>> [tuple(f.shape) for f in fused], [tuple(m.shape) for m in maps]
    ([(2, 6, 6, 4), (2, 12, 3, 2)], [(2, 2, 6, 4)])
    """

    def __init__(self, in_channels: Sequence[int], out_channels: Sequence[int], mid: int | None = None):
        super().__init__()
        if len(in_channels) != len(out_channels) or not len(in_channels):
            raise ValueError(
                f"out_channels: expected one number a level, as many as in in_channels "
                f"({list(in_channels)}), got {list(out_channels)}"
            )
        mid = min(512, in_channels[-1]) if mid is None else mid
        deepest = len(in_channels) - 1
        self.levels = nn.ModuleList(
            ReviewFusion(n_in, mid, n_out, deepest=level == deepest)
            for level, (n_in, n_out) in enumerate(zip(in_channels, out_channels, strict=True))
        )

    def forward(
        self,
        features: Sequence[Tensor],
        sizes: Sequence[tuple[int, int]] | None = None,
        *,
        return_maps: bool = False,
    ) -> list[Tensor] | tuple[list[Tensor], list[Tensor]]:
        sizes = [None] * len(self.levels) if sizes is None else sizes
        for name, values in (("features", features), ("sizes", sizes)):
            if len(values) != len(self.levels):
                raise ValueError(
                    f"{name}: expected one for each of {len(self.levels)} levels, got {len(values)}"
                )
        outputs, maps, residual = [], [], None
        for fusion, feature, size in reversed(list(zip(self.levels, features, sizes))):
            output, residual, attention = fusion(feature, residual, size=size)
            outputs.append(output)
            maps.append(attention)
        fused = outputs[::-1]
        return (fused, maps[:0:-1]) if return_maps else fused


def _conv_norm(n_in: int, n_out: int, kernel: int) -> nn.Sequential:
    conv = nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2, bias=False)
    nn.init.kaiming_uniform_(conv.weight, a=1)
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(n_out)))
