"""Local structure of graphs in float64, put together from parts that a known mistake exchanges.

A distribution is kept as its logarithm, one number for each edge: its share among the edges into the same
node.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Part = Callable[..., Tensor]


def gaussian(z: Tensor, edges: Tensor, sigma: float) -> Tensor:
    """The logarithm of each edge's kernel, (E,)."""
    source, destination = edges
    return -(z[destination] - z[source]).square().sum(1) / (2 * sigma**2)


def of_destination(edges: Tensor) -> Tensor:
    return edges[1]


def sums(values: Tensor, nodes: Tensor, N: int) -> Tensor:
    """The sum of the edges' values for each node, (N,)."""
    return values.new_zeros(N).index_add(0, nodes, values)


def log_share(score: Tensor, nodes: Tensor, N: int) -> Tensor:
    """A log-softmax among the edges that belong to the same node."""
    highest = score.new_full((N,), -torch.inf).scatter_reduce(0, nodes, score.detach(), "amax")
    score = score - highest[nodes]
    return score - sums(score.exp(), nodes, N)[nodes].log()


def of_teacher(log_p: Tensor, log_q: Tensor) -> Tensor:
    """The terms of KL(p‖q), one for each edge."""
    return log_p.exp() * (log_p - log_q)


def by_node(terms: Tensor, edges: Tensor, N: int) -> Tensor:
    return terms.sum() / N


def local_structure(
    s: Tensor,
    t: Tensor,
    edges: Tensor,
    sigma: float,
    score: Part = gaussian,
    group: Part = of_destination,
    share: Part = log_share,
    compare: Part = of_teacher,
    average: Part = by_node,
) -> Tensor:
    N, nodes = len(s), group(edges)
    log_p, log_q = (share(score(z, edges, sigma), nodes, N) for z in (t.detach(), s))
    return average(compare(log_p, log_q), edges, N)
