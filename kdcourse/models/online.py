"""Online distillation in one net: branches on a shared trunk, and the gate that makes their teacher."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kdcourse.models._checks import check_feature, check_sizes


class ONEGate(nn.Module):
    r"""Weight of each branch in the on-the-fly teacher, for each sample, from the trunk's feature.

    .. math:: g = softmax(relu(BN(W \bar{f} + b))), \qquad
              \bar{f}_c = \frac{1}{H W} \sum_{hw} f_{chw}

    After the ReLU no branch can fall below exp(0) = 1 before the division: the gate prefers, but rarely
    silences.

    Args:
        channels: C, channels of the trunk's feature.
        branches: M, number of branches.

    Shapes:
        (B, C, H, W) or (B, C) -> (B, M), rows of sum 1.

    Raises:
        ValueError: no feature with C channels.

    Source:
        Lan, Zhu & Gong, "Knowledge Distillation by On-the-Fly Native Ensemble", NeurIPS 2018; layers as in
        the authors' code. In training mode the batch norm needs two samples at least.

    Lecture:
        07_online_distillation, section 8.

    >>> import torch
    >>> gate = ONEGate(8, 3)(torch.randn(5, 8, 4, 2))
    >>> gate.shape, bool((gate.sum(dim=1) - 1).abs().max() < 1e-6)
    (torch.Size([5, 3]), True)
    """

    def __init__(self, channels: int, branches: int):
        super().__init__()
        check_sizes(channels=channels, branches=branches)
        self.channels = channels
        self.linear = nn.Linear(channels, branches)
        self.norm = nn.BatchNorm1d(branches)

    def forward(self, feature: Tensor) -> Tensor:
        if isinstance(feature, Tensor) and feature.ndim == 4:
            check_feature("feature", feature, self.channels)
            feature = feature.mean(dim=(2, 3))
        check_feature("feature", feature, self.channels, "(B, {})")
        return torch.softmax(torch.relu(self.norm(self.linear(feature))), dim=1)


class MultiBranchNet(nn.Module):
    r"""Several classifiers on one trunk, and their gated ensemble.

    .. math:: z_m = branch_m(f), \qquad z_e = \sum_m g_m(f) \, z_m, \qquad f = trunk(x)

    The ensemble weighs *logits*. It learns from the labels, and each branch from the labels and from the
    ensemble as its teacher (a constant there): ``soft_target_loss(branch_logits, ensemble_logits)``. For use,
    keep the ensemble, or one branch only: `deploy`.

    Args:
        trunk: the shared layers, (B, ...) -> f.
        branches: the M classifiers, f -> (B, K) logits for K classes.
        gate: f -> (B, M), such as `ONEGate`.

    Shapes:
        (B, ...) -> the list of the branches' logits (B, K), and the ensemble's logits (B, K).

    Raises:
        ValueError: no branch, or a gate that does not give one weight a branch.

    Source:
        Lan, Zhu & Gong, "Knowledge Distillation by On-the-Fly Native Ensemble", NeurIPS 2018.

    Lecture:
        07_online_distillation, section 8.

    >>> trunk = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    >>> branches = [nn.Sequential(nn.Flatten(), nn.Linear(4 * 6 * 6, 10)) for _ in range(3)]
    >>> logits, ensemble = MultiBranchNet(trunk, branches, ONEGate(4, 3))(torch.zeros(5, 1, 8, 8))
    >>> len(logits), ensemble.shape
    (3, torch.Size([5, 10]))
    """

    def __init__(self, trunk: nn.Module, branches: Sequence[nn.Module], gate: nn.Module):
        super().__init__()
        if not len(branches):
            raise ValueError("branches: expected at least one branch, got none")
        self.trunk, self.branches, self.gate = trunk, nn.ModuleList(branches), gate

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        feature = self.trunk(x)
        logits = [branch(feature) for branch in self.branches]
        weights = self.gate(feature)
        if weights.shape != (len(feature), len(logits)):
            raise ValueError(
                f"gate: expected weights of shape {(len(feature), len(logits))}, one for each sample and "
                f"branch, got {tuple(weights.shape)}"
            )
        return logits, (weights[:, :, None] * torch.stack(logits, dim=1)).sum(dim=1)

    def deploy(self, index: int = 0) -> nn.Sequential:
        """The trunk with branch `index` alone, sharing their weights: what is shipped."""
        return nn.Sequential(self.trunk, self.branches[index])
