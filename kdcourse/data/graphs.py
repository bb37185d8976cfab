"""Graphs that are generated: nodes in communities, of which features alone say too little."""

from __future__ import annotations

import math
from operator import index as to_int
from typing import NamedTuple

import torch
from torch import Tensor

from kdcourse.data._checks import check_least


class GraphSet(NamedTuple):
    """A graph with a feature vector and a class for each node.

    features: (N, D) float32.
    labels: (N,) int64, the node's block.
    edges: (2, E) int64, row 0 the sources, row 1 the destinations; each edge is listed both ways, none twice,
        and none from a node to itself.

    Lecture:
        12_edge_and_graphs, section 5.
    """

    features: Tensor
    labels: Tensor
    edges: Tensor


def draw_block_model(
    nodes: int = 240,
    *,
    seed: int,
    blocks: int = 5,
    within: float = 0.15,
    between: float = 0.02,
    dimensions: int = 8,
    noise: float = 2.0,
) -> GraphSet:
    """Draw a graph from a stochastic block model with Gaussian features.

    Each pair of nodes is joined with a probability that depends only on whether both are of the same block.
    The features of a node are the mean of its block, a random unit vector, and Gaussian noise.

    nodes, blocks: their numbers; the blocks' sizes differ by at most one, and nodes are shuffled.
    within, between: probabilities of an edge within a block and between two.
    dimensions: length D of the features.
    noise: standard deviation of each feature about its block's mean.

    Raises ValueError for numbers out of range.

    Source:
        Holland, Laskey & Leinhardt, "Stochastic blockmodels: First steps", Social Networks 1983.

    Lecture:
        12_edge_and_graphs, section 5.

    >>> graph = draw_block_model(60, seed=0, blocks=3)
    >>> graph.features.shape, graph.labels.bincount().tolist()
    (torch.Size([60, 8]), [20, 20, 20])
    """
    check_least(blocks=(blocks, 1), nodes=(nodes, blocks), dimensions=(dimensions, 1), seed=(seed, 0))
    for name, value in (("within", within), ("between", between)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name}: expected a probability, got {value}")
    if not 0 <= noise < math.inf:
        raise ValueError(f"noise: expected a finite number >= 0, got {noise}")
    generator = torch.Generator().manual_seed(to_int(seed))
    labels = (torch.arange(nodes) % blocks)[torch.randperm(nodes, generator=generator)]
    means = torch.nn.functional.normalize(torch.randn(blocks, dimensions, generator=generator), dim=1)
    features = means[labels] + noise * torch.randn(nodes, dimensions, generator=generator)
    chance = torch.where(labels[:, None] == labels, within, between)
    joined = (torch.rand(nodes, nodes, generator=generator) < chance).triu(diagonal=1)
    one_way = joined.nonzero().T
    return GraphSet(features, labels, torch.cat([one_way, one_way.flip(0)], dim=1))
