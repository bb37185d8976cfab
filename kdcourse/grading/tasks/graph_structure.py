"""`local_structure_loss`: nodes are as near to their neighbours as in the teacher. Yang et al. (2020)."""

import torch
from torch import Tensor

from kdcourse.grading.formulas.graphs import local_structure
from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case
from kdcourse.grading.mistakes.graphs import structure_mistakes
from kdcourse.grading.relation_task import RelationTask

NAMES = ("student", "teacher", "edges", "sigma")


def directed(seed: int, N: int, chance: float, lonely: tuple[int, ...] = ()) -> Tensor:
    """Edges (2, E) in no order, none twice and none from a node to itself; none at all at lonely nodes."""
    generator = torch.Generator().manual_seed(seed)
    joined = torch.rand(N, N, generator=generator) < chance
    joined.fill_diagonal_(False)
    for node in lonely:
        joined[node] = joined[:, node] = False
    edges = joined.nonzero().T
    return edges[:, torch.randperm(edges.shape[1], generator=generator)]


def both_ways(edges: Tensor) -> Tensor:
    return torch.cat([edges, edges.flip(0)], 1).unique(dim=1)


def turned(z: Tensor, D: int, seed: int) -> Tensor:
    """The same arrangement in D dimensions: turned, mirrored and moved."""
    basis, _ = torch.linalg.qr(normal(seed, D, D))
    return z @ basis[: z.shape[1]] + 2.0 * normal(seed + 1, D)


FAR = "With embeddings of size 100, where every kernel is rounded to 0"
TURNED = "With a student that is the teacher turned and moved, the loss and its gradient are 0"
EQUAL = "Where neighbours have equal embeddings in the student, at the distance 0"
SINGLE = "Where every node has one incoming edge, so that its share is 1 and the loss 0"
NONE_IN = "With nodes that have no incoming edge, or no edge at all"
LAST = "With a last node that has no edge"


def structure_cases() -> list[Case]:
    f64, live = {"dtype": torch.float64}, {"teacher_requires_grad": True}

    def shows(law: str, N: int, Ds: int, Dt: int, sigma: float, edges: Tensor, **options) -> Case:
        seed = 5 * N + 3 * Ds + Dt
        s = options.pop("s", normal(700 + seed, N, Ds))
        t = options.pop("t", normal(1300 + seed, N, Dt))
        sizes = {"N": N, "E": edges.shape[1], "D_s": s.shape[1], "D_t": t.shape[1], "sigma": sigma}
        return Case((s, t, edges, sigma), sizes, law, **{"rtol": 5e-4, "atol": 2e-6} | options)

    ring = torch.tensor([[4, 0, 1, 2, 3], [0, 1, 2, 3, 4]])
    star = torch.tensor([[1, 2, 3, 4, 5], [0, 0, 0, 0, 0]])
    same = normal(731, 8, 4)
    flat = normal(733, 8, 3)
    flat[[1, 4, 6]] = flat[1].clone()
    mixed = directed(19, 8, 0.5)
    t = normal(735, 8, 3)
    return [
        shows("", 7, 3, 5, 0.8, directed(11, 7, 0.5), model_output=True, **live),
        shows("", 6, 4, 2, 1.3, directed(12, 6, 0.6), **f64),
        shows("", 9, 2, 6, 0.6, directed(13, 9, 0.4, lonely=(3,)), **live),
        shows("", 5, 6, 3, 2.4, directed(14, 5, 0.7), **f64, model_output=True),
        shows("", 11, 3, 4, 1.7, directed(15, 11, 0.3), **live),
        shows("On an undirected graph, which lists each edge both ways", 8, 3, 4, 0.9,
              both_ways(directed(16, 8, 0.3)), **live),
        shows(NONE_IN, 9, 3, 4, 0.7, directed(17, 9, 0.5, lonely=(0, 5))),
        shows("With nodes that have outgoing edges only", 6, 3, 2, 0.9, star),
        shows("With edges that lead from one node to all others", 6, 3, 2, 0.9, star.flip(0)),
        shows(LAST, 8, 3, 5, 0.8, directed(18, 8, 0.5, lonely=(7,)), **f64),
        shows("With student and teacher alike, the loss and its gradient are 0", 8, 4, 4, 0.8, mixed, s=same,
              t=same.clone(), **live),
        shows(TURNED, 8, 5, 3, 0.8, mixed, s=turned(t, 5, 741), t=t, atol=1e-5),
        shows("Whatever is added to all embeddings of a net, it changes nothing", 8, 3, 4, 0.9, mixed,
              s=normal(743, 8, 3) + 7, t=normal(744, 8, 4) - 5, atol=1e-4, **f64),
        shows(SINGLE, 5, 3, 4, 0.8, ring, atol=1e-5, **live),
        shows(EQUAL, 8, 3, 4, 0.9, mixed, s=flat, **f64),
        shows("Where all embeddings of the student are equal", 8, 3, 4, 0.9, mixed, s=flat[:1].expand(8, 3)),
        shows("Where all embeddings of the teacher are 0", 8, 3, 4, 0.9, mixed, t=torch.zeros(8, 4).double()),
        shows(FAR, 8, 3, 4, 1.0, mixed, s=100 * normal(745, 8, 3), t=100 * normal(746, 8, 4), rtol=5e-3,
              atol=1e-2, **live),
        shows("With a student of size 100", 8, 3, 4, 1.0, mixed, s=100 * normal(747, 8, 3), rtol=5e-3,
              atol=1e-2),
        shows("With a teacher of size 100", 8, 3, 4, 1.0, mixed, t=100 * normal(748, 8, 4), rtol=5e-3,
              atol=1e-3),
        shows("With embeddings of size 0.01 and a kernel as narrow", 8, 3, 4, 0.01, mixed, atol=1e-3,
              s=0.01 * normal(749, 8, 3), t=0.01 * normal(750, 8, 4), **f64),
        shows("With a kernel that is wide beside the distances", 8, 3, 4, 6.0, mixed, atol=1e-6, **f64),
        shows("With a kernel that is narrow beside the distances", 8, 3, 4, 0.15, mixed, rtol=2e-3,
              atol=1e-3),
        shows("At sigma = 1", 8, 3, 4, 1.0, mixed),
        shows("With embeddings of one number", 7, 1, 1, 0.8, directed(20, 7, 0.5), **f64),
        shows("With a complete graph", 5, 3, 4, 0.9, directed(21, 5, 1.1)),
        shows("With two nodes", 2, 3, 4, 0.9, directed(22, 2, 1.1), atol=1e-5),
        shows("With as many nodes as dimensions", 5, 5, 5, 0.9, directed(23, 5, 0.7), **f64),
        shows("With edges in the order of their sources", 8, 3, 4, 0.9, mixed.unique(dim=1)),
        shows("When called a second time with the same inputs", 7, 3, 5, 0.8, directed(11, 7, 0.5),
              model_output=True),
    ]  # fmt: skip


def open_cases() -> list[Case]:
    s, t = normal(761, 6, 3), normal(762, 6, 4)
    nothing = torch.zeros(2, 0, dtype=torch.long)
    return [
        Case((s, t, nothing, 0.9), {"N": 6, "E": 0}, "With a graph that has no edge at all, the loss is 0")
    ]


def shapes(args: tuple) -> dict[tuple, str]:
    N, E = len(args[0]), args[2].shape[1]
    edge = "One number for each edge is left: sum over the edges, and divide by the number of nodes N."
    node = "One number for each node is left: take their mean."
    return {
        (N,): node,
        (N, 1): node,
        (N, N): "A matrix is left: sum over the neighbours of each node, take the mean over the nodes.",
        (E,): edge,
        (E, 1): edge,
    }


TASKS = {
    "local_structure_loss": RelationTask(
        NAMES, "a scalar", local_structure, structure_cases, structure_mistakes, constants=(1,),
        shapes=shapes, open_cases=open_cases,
        misfit="Two shapes do not fit. Student and teacher have embeddings of different sizes (D_s, D_t): "
        "compare the shares, one for each edge, never an embedding with an embedding. `z[edges[0]]` and "
        "`z[edges[1]]` are (E, D).",
        not_finite="Not finite. Either every kernel of a node is rounded to 0 and divided by its sum 0: take "
        "off the node's largest score before `exp`, as a log-softmax does. Or -inf stands in a difference "
        "or a product (0 · inf) for places without an edge: leave such places out, or mask them before "
        "the logarithm. Or the slope of a root at the distance 0 is infinite: square without a root.",
        example="node 2 has the neighbours 0 and 1; student [[-1.], [1.], [0.]] gives the shares 1/2, 1/2, "
        "teacher [[0.], [1.4823], [0.]] gives 3/4, 1/4 at σ = 1; the loss is (3/4 log(3/2) + 1/4 "
        "log(1/2)) / 3 = 0.0436.",
        advice={
            FAR: "Is anything added to the kernels or to their sums? Beside kernels this small it is all "
            "that is left.",
            TURNED: "Moving, turning or mirroring all embeddings of a net changes no distance.",
            SINGLE: "A single neighbour has the share 1 in both nets, whatever the distance.",
            NONE_IN: "A node without an incoming edge adds 0 and counts in N.",
            LAST: "A node without an edge adds 0 and counts in N: take N from `len(student)`.",
            EQUAL: "At the distance 0 the squared distance has the slope 0; a root would have none.",
        },
    ),
}  # fmt: skip
