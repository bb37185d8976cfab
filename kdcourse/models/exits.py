"""Nets that can answer early: an exit after every stage."""

from collections.abc import Sequence

from torch import Tensor, nn

from kdcourse.models.small import mlp
from kdcourse.models.staged import StagedNet


class MultiExitNet(nn.Module):
    """A staged net that gives logits after every stage, not only at its end.

    Args:
        net: the net in stages. Its own head is the deepest exit.
        exits: the classifiers of all stages but the last, from shallow to deep: stage output -> (B, K).

    Shapes:
        (B, ...) -> the list of all exits' logits, each (B, K), from shallow to deep.

    Raises:
        ValueError: another number of exits than stages before the last.

    Source:
        Teerapittayanon, McDanel & Kung, "BranchyNet", ICPR 2016; Zhang et al., "Be Your Own Teacher",
        ICCV 2019, for exits that learn from the deepest.

    Lecture:
        06_self_distillation, section 4, through `exit_mlp`.

    >>> import torch
    >>> net = exit_mlp(64, 32, 16, 10)
    >>> [tuple(logits.shape) for logits in net(torch.zeros(5, 1, 8, 8))]
    [(5, 10), (5, 10)]
    """

    def __init__(self, net: StagedNet, exits: Sequence[nn.Module]):
        super().__init__()
        if len(exits) != len(net.stages) - 1:
            raise ValueError(
                f"exits: expected {len(net.stages) - 1}, one for each stage but the last of "
                f"{', '.join(net.stage_names)}, got {len(exits)}"
            )
        self.net, self.exits = net, nn.ModuleList(exits)

    def forward(self, x: Tensor) -> list[Tensor]:
        deepest, features = self.net(x, return_features=True)
        return [head(f) for head, f in zip(self.exits, features.values(), strict=False)] + [deepest]

    def upto(self, index: int) -> nn.Sequential:
        """The stages that exit `index` needs and that exit alone, sharing their weights: what is computed if
        the net answers there."""
        heads = [*self.exits, self.net.head]
        if not -len(heads) <= index < len(heads):
            raise IndexError(f"index: expected one of {len(heads)} exits, got {index}")
        index %= len(heads)
        return nn.Sequential(*list(self.net.stages.values())[: index + 1], heads[index])


def exit_mlp(*sizes: int) -> MultiExitNet:
    """Multilayer perceptron with a linear exit after every hidden layer.

    Args:
        sizes: input, hidden and output sizes, as of `mlp`. With one hidden layer there is one exit, its end.

    The layers of the main path get the same initial values as those of ``mlp(*sizes)`` from the same seed.

    Lecture:
        06_self_distillation, section 4.
    """
    net = mlp(*sizes)
    return MultiExitNet(net, [nn.Linear(size, sizes[-1]) for size in sizes[1:-2]])
