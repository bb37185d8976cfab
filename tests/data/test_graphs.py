"""Graphs of the stochastic block model."""

import pytest
import torch

from kdcourse.data import draw_block_model

GRAPH = draw_block_model(1000, seed=0, blocks=4, within=0.1, between=0.01, dimensions=6, noise=0.5)


def test_shapes_and_balanced_shuffled_blocks():
    graph = draw_block_model(11, seed=1, blocks=3)
    assert graph.features.shape == (11, 8) and graph.edges.shape[0] == 2
    assert sorted(graph.labels.bincount().tolist()) == [3, 4, 4]
    assert GRAPH.labels[:20].tolist() != [i % 4 for i in range(20)]


def test_each_edge_both_ways_none_twice_none_to_itself():
    source, destination = GRAPH.edges
    pairs = set(zip(source.tolist(), destination.tolist(), strict=True))
    assert len(pairs) == GRAPH.edges.shape[1]
    assert all((b, a) in pairs and a != b for a, b in pairs)


def test_shares_of_edges_are_the_probabilities():
    same = (GRAPH.labels[GRAPH.edges[0]] == GRAPH.labels[GRAPH.edges[1]]).sum().item()
    inside, across = 4 * 250 * 249, 1000 * 750
    assert same / inside == pytest.approx(0.1, abs=0.004)  # four standard errors: 0.0034
    assert (GRAPH.edges.shape[1] - same) / across == pytest.approx(0.01, abs=0.001)


def test_features_are_a_unit_mean_of_the_block_and_noise():
    means = torch.stack([GRAPH.features[GRAPH.labels == c].mean(0) for c in range(4)])
    spread = torch.cat([GRAPH.features[GRAPH.labels == c] - means[c] for c in range(4)])
    assert spread.std().item() == pytest.approx(0.5, abs=0.02)
    torch.testing.assert_close(means.norm(dim=1), torch.ones(4), atol=0.15, rtol=0)


def test_the_ends_of_the_probabilities():
    full = draw_block_model(6, seed=0, blocks=2, within=1.0, between=0.0)
    assert full.edges.shape == (2, 12)
    assert draw_block_model(6, seed=0, within=0.0, between=0.0).edges.shape == (2, 0)


def test_a_seed_gives_the_same_graph_and_leaves_the_global_generator_alone():
    state = torch.random.get_rng_state()
    one, two, other = (draw_block_model(50, seed=s) for s in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.equal(one.features, other.features)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nodes": 3, "blocks": 5}, "nodes: expected"),
        ({"blocks": 0}, "blocks: expected"),
        ({"within": 1.2}, "within: expected a probability"),
        ({"between": float("nan")}, "between: expected a probability"),
        ({"noise": -1.0}, "noise: expected"),
        ({"dimensions": 0}, "dimensions: expected"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        draw_block_model(**{"seed": 0, **options})
