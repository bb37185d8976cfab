"""A network in named stages: the one documented way to read features."""

from collections.abc import Mapping

from torch import Tensor, nn


class StagedNet(nn.Module):
    """A chain of named stages and a head.

    ``net(x)`` returns the logits. ``net(x, return_features=True)`` returns ``(logits, features)``, where
    `features` maps each stage's name to what that stage put out, in order. No hooks are involved, so
    nothing can be forgotten.

    Args:
        stages: name -> module, applied in this order.
        head: from the last stage's output to the logits (B, C).

    Attributes:
        stage_names: the names, from input to output.

    Lecture:
        04_attention_and_activations, section 1.

    >>> import torch
    >>> net = StagedNet({"hidden": nn.Linear(4, 3)}, nn.Linear(3, 2))
    >>> logits, features = net(torch.zeros(5, 4), return_features=True)
    >>> logits.shape, features["hidden"].shape
    (torch.Size([5, 2]), torch.Size([5, 3]))
    """

    def __init__(self, stages: Mapping[str, nn.Module], head: nn.Module):
        super().__init__()
        if not stages:
            raise ValueError("stages: expected at least one stage, got none")
        self.stages = nn.ModuleDict(stages)
        self.head = head

    @property
    def stage_names(self) -> tuple[str, ...]:
        return tuple(self.stages)

    def forward(self, x: Tensor, return_features: bool = False) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        features = {}
        for name, stage in self.stages.items():
            x = stage(x)
            features[name] = x
        logits = self.head(x)
        return (logits, features) if return_features else logits


def count_parameters(model: nn.Module) -> int:
    """Number of trainable parameters.

    Lecture:
        00_start_here, section 1.
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
