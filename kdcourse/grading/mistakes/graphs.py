"""Known mistakes of local structure preservation on graphs, and what to say about each."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from kdcourse.grading.formulas.graphs import gaussian, local_structure, log_share, sums
from kdcourse.grading.formulas.relations import unit
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import double_mistakes, single_mistakes

WIDTH = "the kernel is `exp(-d² / (2 σ²))`."
FAR = (
    "The sign of the kernel is lost: far neighbours get the large shares. Near ones should: "
    "`exp(-d² / (2 σ²))`."
)


def squares(z: Tensor, edges: Tensor) -> Tensor:
    return (z[edges[1]] - z[edges[0]]).square().sum(1)


def root(d2: Tensor) -> Tensor:
    zero = d2 == 0
    return d2.masked_fill(zero, 1.0).sqrt().masked_fill(zero, 0.0)


def halves(z: Tensor, edges: Tensor, sigma: float, detached: int) -> Tensor:
    ends = [z[edges[1]], z[edges[0]]]
    ends[detached] = ends[detached].detach()
    return -(ends[0] - ends[1]).square().sum(1) / (2 * sigma**2)


def l1(z: Tensor, edges: Tensor) -> Tensor:
    return (z[edges[1]] - z[edges[0]]).abs().sum(1)


def relative(z: Tensor, edges: Tensor, sigma: float) -> Tensor:
    d2 = squares(z, edges)
    return -d2 / (2 * sigma**2 * d2.mean())


SCORES = [
    Wrong(lambda z, e, sigma: -gaussian(z, e, sigma), FAR),
    Wrong(lambda z, e, sigma: -squares(z, e) / sigma**2, f"The 2 of 2 σ² is missing: {WIDTH}"),
    Wrong(lambda z, e, sigma: squares(z, e) / sigma**2, f"{FAR} The 2 of 2 σ² is missing as well."),
    Wrong(lambda z, e, sigma: -squares(z, e) / (2 * sigma), f"σ is not squared: {WIDTH}"),
    Wrong(lambda z, e, sigma: -squares(z, e) / sigma, f"The width is σ where it should be 2 σ²: {WIDTH}"),
    Wrong(lambda z, e, sigma: -squares(z, e) / 2, f"σ is not used: {WIDTH}"),
    Wrong(lambda z, e, sigma: -squares(z, e), f"Neither σ nor the 2 is used: {WIDTH}"),
    Wrong(
        lambda z, e, sigma: -squares(z, e) / (2 * sigma) ** 2,
        f"The 2 is squared together with σ: {WIDTH}",
    ),
    Wrong(
        lambda z, e, sigma: -squares(z, e) / 2 * sigma**2,
        "The distance is multiplied by σ² where it should be divided (`/ 2 * sigma**2` needs brackets): "
        + WIDTH,
    ),
    Wrong(
        lambda z, e, sigma: -root(squares(z, e)) / (2 * sigma**2),
        f"The distance is not squared: {WIDTH}",
    ),
    Wrong(
        lambda z, e, sigma: -root(squares(z, e)) / sigma, f"The distance is not squared: {WIDTH}"
    ),
    Wrong(
        lambda z, e, sigma: -l1(z, e) / (2 * sigma**2),
        f"The absolute differences are summed; d² is the sum of the squared ones: {WIDTH}",
    ),
    Wrong(
        lambda z, e, sigma: gaussian(z, e, sigma) / z.shape[1],
        "The squared differences are averaged over the D numbers of an embedding; d² is their sum.",
    ),
    Wrong(
        lambda z, e, sigma: gaussian(z, e, sigma).exp(),
        "A kernel stands inside a softmax, as in the authors' code: exp is taken twice. The shares are "
        "kernel / sum of kernels, which is the softmax of -d² / (2 σ²).",
    ),
    Wrong(
        lambda z, e, sigma: -gaussian(z, e, sigma).exp(),
        "A kernel stands inside a softmax, with the wrong sign besides: softmax of -d² / (2 σ²) is wanted.",
    ),
    Wrong(
        lambda z, e, sigma: (-l1(z, e) / 100).exp(),
        "This is the authors' code, exp(-|z_i - z_j| / 100) inside a softmax; here the shares are the "
        "softmax of -d² / (2 σ²).",
    ),
    Wrong(
        lambda z, e, sigma: (z[e[0]] * z[e[1]]).sum(1),
        "Inner products stand where distances should: d² = ‖z_i - z_j‖², and moving all embeddings must "
        "change nothing.",
    ),
    Wrong(
        lambda z, e, sigma: (unit(z)[e[0]] * unit(z)[e[1]]).sum(1) / sigma,
        "Cosines stand where distances should: d² = ‖z_i - z_j‖².",
    ),
    Wrong(
        lambda z, e, sigma: (unit(z)[e[0]] * unit(z)[e[1]]).sum(1),
        "Cosines stand where distances should: d² = ‖z_i - z_j‖².",
    ),
    Wrong(
        lambda z, e, sigma: gaussian(unit(z), e, sigma),
        "The embeddings are normalised to length 1 first; here they are taken as they come.",
    ),
    Wrong(
        relative,
        "The distances are divided by their mean; here the kernel has the fixed width σ.",
    ),
]  # fmt: skip

HALF = [
    Wrong(
        partial(halves, detached=end),
        f"The {name} embeddings are detached: both ends of an edge move, node and neighbour.",
    )
    for end, name in ((0, "destinations'"), (1, "neighbours' (sources')"))
]

GROUPS = [
    Wrong(
        lambda e: e[0],
        "The shares are taken among the edges *out of* a node. Row 1 of `edges` holds the destinations i: "
        "group by `edges[1]`.",
    ),
]


def one_group(score: Tensor, nodes: Tensor, N: int) -> Tensor:
    return torch.log_softmax(score, 0)


def unnormalised(score: Tensor, nodes: Tensor, N: int) -> Tensor:
    return score


def averaged_sum(score: Tensor, nodes: Tensor, N: int) -> Tensor:
    count = sums(torch.ones_like(score), nodes, N)[nodes]
    return log_share(score, nodes, N) + count.log()


def with_the_node(score: Tensor, nodes: Tensor, N: int) -> Tensor:
    return score - (1 + sums(score.exp(), nodes, N))[nodes].log()


def constant_sum(score: Tensor, nodes: Tensor, N: int) -> Tensor:
    return score - (score - log_share(score, nodes, N)).detach()


def guarded(score: Tensor, nodes: Tensor, N: int, eps: float) -> Tensor:
    k = score.exp()
    return (k / (sums(k, nodes, N)[nodes] + eps) + eps).log()


def overflowing(score: Tensor, nodes: Tensor, N: int) -> Tensor:
    k = score.exp()
    return (k / sums(k, nodes, N)[nodes]).log()


def over_all_nodes(score: Tensor, nodes: Tensor, N: int) -> Tensor:
    """Nodes that are no neighbours take part with a score of 0."""
    count = sums(torch.ones_like(score), nodes, N)
    return score - (sums(score.exp(), nodes, N) + N - count)[nodes].log()


SHARES = [
    Wrong(
        one_group,
        "One softmax runs over all edges of the graph; every node has its own among its neighbours.",
    ),
    Wrong(
        unnormalised,
        "The kernels are not divided by their sum: the shares of a node's neighbours sum to 1.",
    ),
    Wrong(
        averaged_sum,
        "The kernels are divided by their mean over the neighbours, not by their sum.",
    ),
    Wrong(
        with_the_node,
        "The node itself is in the sum, at the distance 0 from itself; only its neighbours count.",
    ),
    Wrong(
        over_all_nodes,
        "Nodes that are no neighbours take part in the softmax, with the score 0 that stands in an empty "
        "place of a matrix. Fill these places with -inf.",
    ),
    *(
        Wrong(
            partial(guarded, eps=eps),
            "A small number is added to the kernels, their sums or the shares; with distant embeddings it is "
            "all that is left. Take a log-softmax of -d² / (2 σ²), which needs no such guard.",
        )
        for eps in (1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5)
    ),
    Wrong(
        overflowing,
        "With distant embeddings every kernel of a node is rounded to 0, and 0/0 is not finite. Subtract "
        "the node's largest score before `exp`, as every softmax does.",
    ),
]

COMPARISONS = [
    Wrong(
        lambda p, q: q.exp() * (q - p),
        "The divergence is the wrong way round: the teacher's shares come first, as weights. "
        "(`F.kl_div(input, target)` has the student's logarithms as input.)",
    ),
    Wrong(
        lambda p, q: -p.exp() * q,
        "This is the cross-entropy; the divergence has the teacher's own logarithm besides, so that it is "
        "0 where the nets agree.",
    ),
    Wrong(lambda p, q: p.exp() * (q - p), "The sign of the divergence is wrong: p · (log p - log q)."),
    Wrong(lambda p, q: q.exp() * (p - q), "This is minus the divergence with the student first."),
    Wrong(lambda p, q: p.exp() * q, "This is minus the cross-entropy: p · (log p - log q) is wanted."),
    Wrong(lambda p, q: p - q, "The weights are missing in the divergence: p · (log p - log q)."),
    Wrong(
        lambda p, q: q.exp() * (p - q).square(),
        "There is no divergence: the shares are compared in another way. p · (log p - log q) is wanted.",
    ),
    *(
        Wrong(
            compare,
            f"There is no divergence: {how} of the shares. p · (log p - log q), summed over the "
            "neighbours, is wanted.",
        )
        for compare, how in (
            (lambda p, q: (p.exp() - q.exp()).square(), "these are squared differences"),
            (lambda p, q: (p.exp() - q.exp()).abs(), "these are absolute differences"),
            (lambda p, q: (p - q).square(), "these are squared differences of the logarithms"),
            (lambda p, q: (p - q).abs(), "these are absolute differences of the logarithms"),
        )
    ),
    Wrong(
        lambda p, q: (p.exp() * (p - q) + q.exp() * (q - p)) / 2,
        "Both directions of the divergence are averaged; only the teacher comes first.",
    ),
    Wrong(
        lambda p, q: p.exp() * (p - q) + q.exp() * (q - p),
        "Both directions of the divergence are added; only the teacher comes first.",
    ),
    Wrong(
        lambda p, q: q.exp(), "Only the student's shares are in it: compare them with the teacher's.",
    ),
    Wrong(
        lambda p, q: torch.log2(p.exp().new_tensor(torch.e)) * p.exp() * (p - q),
        "Logarithms to the base 2; natural ones are wanted.",
    ),
    Wrong(
        lambda p, q: p.exp() * (p.exp() - q),
        "In `F.kl_div` the target is a probability; with `log_target=True` it is a logarithm.",
    ),
    Wrong(
        lambda p, q: p.exp() * (p - q.exp()),
        "The input of `F.kl_div` must be a logarithm: the student's log-shares.",
    ),
]  # fmt: skip


def counted(ends: int) -> Callable[..., Tensor]:
    def average(terms: Tensor, edges: Tensor, N: int) -> Tensor:
        count = sums(torch.ones_like(terms), edges[1], N)
        return terms.sum() / (count > ends).sum().clamp(min=1)

    return average


def of_means(terms: Tensor, edges: Tensor, N: int) -> Tensor:
    count = sums(torch.ones_like(terms), edges[1], N)
    return (sums(terms, edges[1], N) / count.clamp(min=1)).sum() / N


N_NODES = "the mean runs over all N nodes, with neighbours or without."
AVERAGES = [
    Wrong(lambda d, e, N: d.sum(), f"The nodes are summed; {N_NODES}"),
    Wrong(lambda d, e, N: d.sum() / max(len(d), 1), f"This is a mean over the edges; {N_NODES}"),
    Wrong(
        counted(0), f"The sum is divided by the number of nodes that have an incoming edge; {N_NODES}"
    ),
    Wrong(
        counted(1),
        f"The sum is divided by the number of nodes that have two incoming edges or more; {N_NODES}",
    ),
    Wrong(
        lambda d, e, N: d.sum() / (int(e.max()) + 1),
        f"N is taken from the largest number in `edges`; {N_NODES} Take `len(student)`.",
    ),
    Wrong(
        lambda d, e, N: d.sum() / (int(e[1].max()) + 1),
        f"N is taken from the largest number in `edges[1]`; {N_NODES} Take `len(student)`.",
    ),
    Wrong(
        lambda d, e, N: d.sum() / len(torch.unique(e)),
        f"The sum is divided by the number of nodes that have an edge; {N_NODES}",
    ),
    Wrong(
        of_means,
        "Within a node the terms are averaged over its neighbours; a divergence is their sum.",
    ),
    Wrong(
        lambda d, e, N: d.sum() / N**2,
        "The sum is divided by N², as a mean over a matrix does (`reduction='mean'`); divide by N.",
    ),
    Wrong(lambda d, e, N: sums(d, e[1], N).amax(), f"This is the worst node; {N_NODES}"),
    Wrong(
        lambda d, e, N: d.sum() / (N - 1), f"The sum is divided by N - 1; {N_NODES}"
    ),
]  # fmt: skip


def structure_mistakes() -> Iterator[Wrong]:
    parts = {
        "score": SCORES,
        "group": GROUPS,
        "share": SHARES,
        "compare": COMPARISONS,
        "average": AVERAGES,
    }
    yield from single_mistakes(local_structure, parts)
    # The value is right, the gradient is not.
    yield from single_mistakes(local_structure, {"score": HALF})
    yield Wrong(
        partial(local_structure, share=constant_sum),
        "The sum of the kernels is detached: the shares sum to 1 because it moves with them, so the "
        "gradient must go through it.",
    )
    yield Wrong(
        lambda s, t, e, sigma: local_structure(t, s, e, sigma),
        "Student and teacher are exchanged: the student is the first argument.",
    )
    yield Wrong(
        lambda s, t, e, sigma: local_structure(s, t, e.flip(0), sigma),
        "Sources and destinations are exchanged: row 1 of `edges` holds the destinations i.",
    )
    yield Wrong(
        lambda s, t, e, sigma: local_structure(s, t, torch.cat([e, e.flip(0)], 1).unique(dim=1), sigma),
        "Every edge is used both ways. An edge leads from j to i only; an undirected graph lists it twice.",
    )
    yield Wrong(
        lambda s, t, e, sigma: local_structure(
            s, t, torch.cat([e, torch.arange(len(s)).expand(2, -1)], 1), sigma
        ),
        "Every node is made a neighbour of its own (a self-loop); only the edges that are listed count.",
    )
    for share, weigh in ((0.5, "half"), (2.0, "twice")):
        yield Wrong(
            lambda s, t, e, sigma, share=share: share * local_structure(s, t, e, sigma),
            f"The loss is {weigh} of what it should be.",
        )
    yield Wrong(
        lambda s, t, e, sigma: local_structure(s, s.detach(), e, sigma),
        "The student is compared with itself; the teacher is not used.",
    )
    yield from double_mistakes(local_structure, parts | {"share": SHARES[:5]})
