"""Graph convolutions against dense matrices."""

import pytest
import torch

from kdcourse.data import draw_block_model
from kdcourse.models import GraphConv, GraphNet
from kdcourse.training import SeedStack, seeded

GRAPH = draw_block_model(30, seed=0, blocks=3, within=0.3)


def dense(edges, nodes):
    """The normalised adjacency matrix of the formula."""
    a = torch.eye(nodes)
    a[edges[1], edges[0]] = 1
    scale = a.sum(1).rsqrt()
    return scale[:, None] * a * scale


def test_one_layer_is_the_formula():
    layer = seeded(lambda: GraphConv(8, 5), 0)
    with torch.no_grad():
        layer.bias.copy_(torch.arange(5.0))
    expected = dense(GRAPH.edges, 30) @ GRAPH.features @ layer.linear.weight.T + torch.arange(5.0)
    torch.testing.assert_close(layer(GRAPH.features, GRAPH.edges), expected)


def test_a_net_is_layers_with_relu_between():
    net = seeded(lambda: GraphNet(8, 6, 4, 3), 0)
    a, h = dense(GRAPH.edges, 30), GRAPH.features
    logits, features = net(h, GRAPH.edges, return_features=True)
    for i, layer in enumerate(net.layers, start=1):
        h = a @ h @ layer.linear.weight.T + layer.bias
        if i < 3:
            h = torch.relu(h)
            torch.testing.assert_close(features[f"hidden{i}"], h)
    torch.testing.assert_close(logits, h)
    assert torch.equal(net(GRAPH.features, GRAPH.edges), logits)


def test_renumbering_the_nodes_renumbers_the_answers():
    net, order = seeded(lambda: GraphNet(8, 6, 3), 0), torch.randperm(30)
    place = order.argsort()
    torch.testing.assert_close(
        net(GRAPH.features[order], place[GRAPH.edges]), net(GRAPH.features, GRAPH.edges)[order]
    )


def test_information_travels_one_edge_a_layer():
    """On a chain of five nodes, the logits of the first depend on the first three."""
    chain = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4], [1, 0, 2, 1, 3, 2, 4, 3]])
    net, x = seeded(lambda: GraphNet(2, 8, 2), 1), torch.rand(5, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(net(x, chain)[0].sum(), x)
    assert gradient[:3].abs().sum(1).min() > 0 and not gradient[3:].any()


def test_many_seeds_at_once_on_one_graph():
    stack = SeedStack(lambda: GraphNet(8, 6, 3), [0, 5])
    together = stack(GRAPH.features.expand(2, 30, 8), edges=GRAPH.edges)
    for k, seed in enumerate((0, 5)):
        alone = seeded(lambda: GraphNet(8, 6, 3), seed)(GRAPH.features, GRAPH.edges)
        torch.testing.assert_close(together[k], alone)


@pytest.mark.parametrize("sizes", [(8,), (8, 0, 3)])
def test_bad_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match="sizes"):
        GraphNet(*sizes)
