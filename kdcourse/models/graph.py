"""Graph convolutional networks."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from kdcourse.models._checks import check_sizes


class GraphConv(nn.Module):
    r"""Graph convolution: a linear map, then a mean over each node and its neighbours.

    .. math:: H' = \hat D^{-1/2} (A + I) \hat D^{-1/2} H W + b, \qquad \hat D \text{ the degrees of } A + I

    Args:
        n_in, n_out: features of a node before and after.

    Shapes:
        ``layer(h, edges)`` maps (N, n_in) and (2, E) to (N, n_out). Edges are as in `GraphSet`: both ways,
        none from a node to itself.

    Source:
        Kipf & Welling, "Semi-Supervised Classification with Graph Convolutional Networks", ICLR 2017,
        equation 2.

    Lecture:
        12_edge_and_graphs, section 5, through `GraphNet`.

    >>> layer = GraphConv(1, 1)
    >>> _ = nn.init.ones_(layer.linear.weight)
    >>> means = layer(torch.tensor([[4.0], [2.0], [7.0]]), torch.tensor([[0, 1], [1, 0]]))
    >>> means.squeeze().round(decimals=2).tolist()
    [3.0, 3.0, 7.0]
    """

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out, bias=False)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, h: Tensor, edges: Tensor) -> Tensor:
        source, destination = edges
        degree = torch.ones(len(h), dtype=h.dtype, device=h.device)
        degree = degree.index_add(0, destination, torch.ones_like(destination, dtype=h.dtype))
        scale = degree.rsqrt()[:, None]
        h = self.linear(h) * scale
        return h.index_add(0, destination, h.index_select(0, source)) * scale + self.bias


class GraphNet(nn.Module):
    """Graph convolutions with ReLU between them.

    ``net(features, edges)`` returns the logits; ``net(features, edges, return_features=True)`` returns
    ``(logits, features)``, where `features` maps ``hidden1``, ``hidden2``, ... to the nodes' features after
    the ReLU.

    Args:
        sizes: of the input, the hidden layers and the output.
        dropout: probability of dropping a hidden feature while training.

    Lecture:
        12_edge_and_graphs, section 5.

    >>> logits, features = GraphNet(8, 16, 5)(torch.zeros(7, 8), torch.zeros(2, 0, dtype=torch.long), True)
    >>> logits.shape, features["hidden1"].shape
    (torch.Size([7, 5]), torch.Size([7, 16]))
    """

    def __init__(self, *sizes: int, dropout: float = 0.0):
        super().__init__()
        if len(sizes) < 2:
            raise ValueError(f"sizes: expected at least two (input, output), got {sizes}")
        check_sizes(**{f"sizes[{i}]": size for i, size in enumerate(sizes)})
        self.layers = nn.ModuleList(GraphConv(a, b) for a, b in pairwise(sizes))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, h: Tensor, edges: Tensor, return_features: bool = False
    ) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        features = {}
        for i, layer in enumerate(self.layers[:-1], start=1):
            h = features[f"hidden{i}"] = self.dropout(torch.relu(layer(h, edges)))
        logits = self.layers[-1](h, edges)
        return (logits, features) if return_features else logits
