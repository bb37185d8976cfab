"""The losses on relations between samples, for `test_laws.py`."""

import torch
from loss_case import Inputs, LossCase, normal

from kdcourse import losses


def embeddings(generator, batch):
    return Inputs((normal(generator, batch, 3),), (2 * normal(generator, batch, 4),))


def maps(generator, batch):
    return Inputs((normal(generator, batch, 2, 3, 2),), (2 * normal(generator, batch, 3, 2, 4),))


def graph(generator, nodes):
    edges = torch.stack(
        [torch.randint(nodes, (3 * nodes,), generator=generator), torch.arange(nodes).repeat(3)]
    )
    return Inputs((normal(generator, nodes, 3),), (2 * normal(generator, nodes, 4),), (edges,))


OF_PAIRS = {"same_shape": False, "additive": False}

CASES = [
    LossCase(
        "rkd_distance_loss",
        lambda s, t, _: losses.rkd_distance_loss(*s, *t),
        embeddings,
        symmetric=True,
        **OF_PAIRS,
    ),
    LossCase("pkt_loss", lambda s, t, _: losses.pkt_loss(*s, *t), embeddings, **OF_PAIRS),
    LossCase(
        "correlation_congruence_loss",
        lambda s, t, _: losses.correlation_congruence_loss(*s, *t),
        embeddings,
        symmetric=True,
        **OF_PAIRS,
    ),
    LossCase(
        "correlation_congruence_loss",
        lambda s, t, _: losses.correlation_congruence_loss(*s, *t, gamma=1.3, order=4),
        embeddings,
        variant="order-4",
        symmetric=True,
        **OF_PAIRS,
    ),
    LossCase(
        "similarity_preserving_loss",
        lambda s, t, _: losses.similarity_preserving_loss(*s, *t),
        embeddings,
        symmetric=True,
        **OF_PAIRS,
    ),
    LossCase(
        "similarity_preserving_loss",
        lambda s, t, _: losses.similarity_preserving_loss(*s, *t),
        maps,
        variant="maps",
        symmetric=True,
        **OF_PAIRS,
    ),
    LossCase(
        "local_structure_loss",
        lambda s, t, e: losses.local_structure_loss(*s, *t, *e, sigma=1.5),
        graph,
        batched=False,
        **OF_PAIRS,
    ),
]
