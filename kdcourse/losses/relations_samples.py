"""Relations between samples: the student arranges a batch (or a graph) as the teacher does.

Conventions of every function here: B is the batch size; row b of the student and row b of the teacher come
from one sample, and only the number of rows must agree: each net has its own embedding size. Each net is
compared with itself first, so no regressor is needed. The student comes before the teacher; no gradient
reaches the teacher; the result is a 0-dimensional tensor in the student's dtype (half-precision inputs are
computed in float32 inside).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from kdcourse.losses._checks import check_number, check_same_batch, check_tensor, values_are_free
from kdcourse.losses._numerics import gram, unit, wide_pair


def rkd_distance_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Relational distillation (RKD) by distances: the embeddings lie as far apart as the teacher's.

    .. math:: \frac{1}{B^2} \sum_{i,j} \ell\left(\frac{d^s_{ij}}{\mu^s} - \frac{d^t_{ij}}{\mu^t}\right),
              \qquad d_{ij} = \|x_i - x_j\|, \quad \mu = \frac{1}{B(B-1)} \sum_{i \ne j} d_{ij}

    with the smooth L1 loss, \ell(u) = u²/2 for abs(u) <= 1 and abs(u) - 1/2 beyond. The gradient takes the
    student's mean distance into account too. The value does not change when a net's embeddings are moved,
    turned, mirrored or scaled.

    With a batch of one, or where all embeddings of a net are equal, the mean distance is 0; that net's
    relative distances are 0 then. Two equal embeddings do not push each other: the gradient of their
    distance is taken as 0.

    Args:
        student: embeddings, shape (B, D).
        teacher: embeddings, shape (B, D'); a constant.

    Returns:
        0-dimensional tensor without a unit, mean over all B² pairs; zero where all relative distances agree.

    Raises:
        ValueError: wrong shapes, different batch sizes, an empty tensor.

    Source:
        Park, Kim, Lu & Cho, "Relational Knowledge Distillation", CVPR 2019, section 3.2 (distance-wise). The
        paper sums over pairs; the authors' code takes the mean over all B² entries, as here. Their code gets
        squared distances as ‖a‖² + ‖b‖² - 2ab, which loses all digits for embeddings far from the origin
        (20 % error in float32 at an offset of 1000).

    Lecture:
        05_relations, section 2.

    >>> import torch
    >>> line, equilateral = torch.tensor([[0.0], [1.0], [3.0]]), torch.eye(3)
    >>> round(rkd_distance_loss(line, equilateral).item(), 4)  # 1/2, 3/2, 1 and 1, 1, 1: 2 * 2 * 0.125 / 9
    0.0556
    """
    _check_embeddings(student, teacher)
    wide_student, wide_teacher = wide_pair(student, teacher)
    relative = []
    for distances in (_PairDistances.apply(wide_student), _PairDistances.apply(wide_teacher)):
        mean = distances.sum() / max(1, distances.shape[0])
        relative.append(distances / torch.where(mean == 0, 1.0, mean))
    # Each pair stands for two entries of the matrices; those on the diagonal are 0.
    loss = F.smooth_l1_loss(*relative, reduction="sum") * (2 / student.shape[0] ** 2)
    return loss.to(student.dtype)


def pkt_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Probabilistic knowledge transfer (PKT): each sample's likely neighbours are those of the teacher.

    .. math:: \frac{1}{B} \sum_{i,j} p_{ij} \log \frac{p_{ij}}{q_{ij}}, \qquad
              p_{ij} = \frac{K^t_{ij}}{\sum_k K^t_{ik}}, \quad q_{ij} = \frac{K^s_{ij}}{\sum_k K^s_{ik}},
              \quad K_{ij} = \frac{\cos(x_i, x_j) + 1}{2}

    The diagonal, j = i, is included. The value does not change when a net's embeddings are turned, mirrored
    or scaled, each row by its own positive factor; it does change when they are moved.

    A zero row has no direction: its cosines are taken as 0, that with itself too. Where K_t is 0 (opposite
    embeddings) the term is 0. Where K_s is 0 and K_t is not, the divergence is infinite; so inside the
    logarithm K_s is at least 1e-7, and smaller ones (angles within 0.04 degrees of opposite) get no gradient
    from it. Larger ones are exact.

    Args:
        student: embeddings, shape (B, D).
        teacher: embeddings, shape (B, D'); a constant.

    Returns:
        0-dimensional tensor, in nats per row; zero where all cosines agree.

    Raises:
        ValueError: wrong shapes, different batch sizes, an empty tensor.

    Source:
        Passalis & Tefas, "Learning Deep Representations with Probabilistic Knowledge Transfer", ECCV 2018,
        section 3. The authors' code divides by B² instead of B, adds 1e-7 to all probabilities and norms,
        and its gradient is NaN at a zero row.

    Lecture:
        05_relations, section 2.

    >>> import torch
    >>> equal, orthogonal = torch.ones(2, 2), torch.eye(2)
    >>> round(pkt_loss(equal, orthogonal).item(), 4)  # 2/3 log(4/3) + 1/3 log(2/3)
    0.0566
    """
    _check_embeddings(student, teacher)
    # 2 K for both: the factor cancels.
    own, other = (_cosines(x) + 1 for x in wide_pair(student, teacher))
    other = other.clamp(min=0)  # rounding can leave a cosine a little below -1
    # With each row divided by its mean, p = k / B and q = K_s / (B mean K_s). In the sum of p log(p / q), the
    # p of a row add up to 1: what is left is the mean of k (log k - log K_s), and log mean K_s.
    k = other / other.mean(dim=1, keepdim=True)
    terms = torch.xlogy(k, k) - k * own.clamp(min=2e-7).log()
    loss = terms.mean() + own.mean(dim=1).log().mean()
    return loss.to(student.dtype)


def correlation_congruence_loss(
    student: Tensor, teacher: Tensor, *, gamma: float = 0.4, order: int = 2
) -> Tensor:
    r"""Correlation congruence (CC, CCKD): Gaussian similarities, as a polynomial of the cosines.

    .. math:: \frac{1}{B^2} \sum_{i,j} \left(K^s_{ij} - K^t_{ij}\right)^2, \qquad
              K_{ij} = e^{-2\gamma} \sum_{p=0}^{P} \frac{(2\gamma)^p}{p!} \cos(x_i, x_j)^p

    K is the Taylor series, up to the power P, of the Gaussian kernel exp(-γ ‖u_i - u_j‖²) of the embeddings
    divided by their norms, u = x / ‖x‖. The value does not change when a net's embeddings are turned,
    mirrored or scaled, each row by its own positive factor. A zero row has no direction: its cosines are
    taken as 0, that with itself too.

    Args:
        student: embeddings, shape (B, D).
        teacher: embeddings, shape (B, D'); a constant.
        gamma: γ > 0, the width of the kernel: similarities fade faster where it is larger.
        order: P >= 1, the highest power; P = 1 makes K linear in the cosine.

    Returns:
        0-dimensional tensor without a unit, mean over all B² pairs; zero where all cosines agree.

    Raises:
        ValueError: wrong shapes, different batch sizes, an empty tensor, gamma that is not positive and
            finite, an order that is not a whole number from 1 on.

    Source:
        Peng, Jin, Liu, Li, Wu, Liu, Zhou & Zhang, "Correlation Congruence for Knowledge Distillation", ICCV
        2019, section 3 (Gaussian kernel, order 2). Code that is passed around under this name and compares
        sample b with sample b - 1 only is another loss: it depends on the order of the batch.

    Lecture:
        05_relations, section 2.

    >>> import torch
    >>> equal, orthogonal = torch.ones(2, 2), torch.eye(2)
    >>> loss = correlation_congruence_loss(equal, orthogonal, gamma=0.5, order=1)  # K = (1 + cos) / e
    >>> round(loss.item(), 4)  # two entries of four differ by 1/e
    0.0677
    """
    _check_embeddings(student, teacher)
    check_number("gamma", gamma, low=0.0, open_low=True)
    check_number("order", order, low=1.0)
    if order != int(order):
        raise ValueError(f"order: expected a whole number, got {order}")
    coefficients = [math.exp(-2 * gamma)]
    for power in range(1, int(order) + 1):
        coefficients.append(coefficients[-1] * 2 * gamma / power)
    kernels = []
    for x in wide_pair(student, teacher):
        cosines = _cosines(x)
        kernel = coefficients[-1] * cosines
        for coefficient in coefficients[-2:0:-1]:  # Horner's rule; the constant term cancels
            kernel = (kernel + coefficient) * cosines
        kernels.append(kernel)
    return (kernels[0] - kernels[1]).square().mean().to(student.dtype)


def similarity_preserving_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Similarity preservation (SP): samples that excite the teacher alike excite the student alike.

    .. math:: \frac{1}{B^2} \left\| N(F_s F_s^\top) - N(F_t F_t^\top) \right\|_F^2

    F holds one flattened feature a row and N divides each *row of the product* by its Euclidean norm. The
    features themselves are not normalised: one sample scaled by 3 changes the loss, all scaled by 3 do not.
    Nor does an orthogonal transformation of either net's features. The row of a sample whose feature is zero
    stays zero, with zero gradient.

    Args:
        student: features, shape (B, ...), as (B, C, H, W) or (B, D).
        teacher: features, shape (B, ...), of any size but B; a constant.

    Returns:
        0-dimensional tensor without a unit; zero where all similarities agree.

    Raises:
        ValueError: no second dimension, different batch sizes, an empty tensor.

    Source:
        Tung & Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019, section 3. One widely used
        library divides the rows by the sum of their absolute values instead.

    Lecture:
        05_relations, section 2.

    >>> import torch
    >>> equal, orthogonal = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.eye(2)
    >>> round(similarity_preserving_loss(equal, orthogonal).item(), 4)  # 1 - 1 / sqrt(2)
    0.2929
    """
    check_tensor("student", student, "(B, D, ...)")
    check_tensor("teacher", teacher, "(B, D, ...)")
    check_same_batch(("student", "teacher"), student, teacher)
    flat = (x.flatten(start_dim=1) for x in wide_pair(student, teacher))
    own, other = (unit(gram(x)) for x in flat)
    # Both have B² entries, so the mean is the squared norm / B².
    return (own - other).square().mean().to(student.dtype)


def local_structure_loss(
    student: Tensor, teacher: Tensor, edge_index: Tensor, *, sigma: float = 1.0
) -> Tensor:
    r"""Local structure preservation (LSP): graph nodes are as near to their neighbours as in the teacher.

    .. math:: \frac{1}{N} \sum_i \sum_{j \to i} p_{ij} \log \frac{p_{ij}}{q_{ij}}, \qquad
              q_{ij} = \frac{k_{ij}}{\sum_{l \to i} k_{il}}, \quad
              k_{ij} = \exp\left(-\frac{\|z_i - z_j\|^2}{2 \sigma^2}\right)

    The sums with an arrow are over the edges into node i; q is the student's, p the teacher's by the same
    formula. A node with one incoming edge adds 0, and so does a node with none; both count in N. The value
    does not change when a net's embeddings are moved, turned or mirrored. An edge that is listed twice counts
    as two neighbours; an edge from a node to itself makes it a neighbour of its own, at distance 0.

    Args:
        student: z of all nodes, shape (N, D).
        teacher: z of all nodes, shape (N, D'); a constant.
        edge_index: int64, shape (2, E): row 0 the edges' sources j, row 1 their destinations i. An undirected
            graph lists each edge both ways. E may be 0: the loss is 0.
        sigma: σ > 0, in units of the embeddings, of student and teacher alike. Far larger than the
            distances it makes all neighbours equal and the loss almost 0.

    Returns:
        0-dimensional tensor, in nats per node; zero where all distributions agree.

    Raises:
        ValueError: wrong shapes, different numbers of nodes, no nodes, node numbers out of range, sigma that
            is not positive and finite. (On a GPU the range is left to the device, so that nothing waits.)

    Source:
        Yang, Qiu, Song, Tao & Wang, "Distilling Knowledge from Graph Convolutional Networks", CVPR 2020, the
        section on preserving local structure. The paper writes the divergence with the student first and
        offers several kernels; the authors' code has the teacher first, as here, but puts
        exp(-‖z_i - z_j‖_1 / 100) into the softmax.

    Lecture:
        12_edge_and_graphs, section 6.

    >>> import torch
    >>> student = torch.tensor([[-1.0], [1.0], [0.0]])  # node 2 halfway between 0 and 1: q = 1/2, 1/2
    >>> teacher = torch.tensor([[0.0], [(2 * torch.log(torch.tensor(3.0))).sqrt()], [0.0]])  # p = 3/4, 1/4
    >>> edges = torch.tensor([[0, 1], [2, 2]])
    >>> round(local_structure_loss(student, teacher, edges).item(), 4)  # (3/4 log(3/2) + 1/4 log(1/2)) / 3
    0.0436
    """
    check_tensor("student", student, "(N, D)")
    check_tensor("teacher", teacher, "(N, D)")
    check_same_batch(("student", "teacher"), student, teacher)
    check_number("sigma", sigma, low=0.0, open_low=True)
    _check_edges(edge_index, student)
    log_q, log_p = (_log_neighbours(z, edge_index, sigma) for z in wide_pair(student, teacher))
    loss = (log_p.exp() * (log_p - log_q)).sum() / student.shape[0]
    return loss.to(student.dtype)


def _check_embeddings(student: Tensor, teacher: Tensor) -> None:
    check_tensor("student", student, "(B, D)")
    check_tensor("teacher", teacher, "(B, D)")
    check_same_batch(("student", "teacher"), student, teacher)


def _check_edges(edge_index: Tensor, nodes: Tensor) -> None:
    if not isinstance(edge_index, Tensor) or edge_index.dtype != torch.int64:
        got = f"{edge_index.dtype}" if isinstance(edge_index, Tensor) else type(edge_index).__name__
        raise ValueError(f"edge_index: expected an int64 tensor of shape (2, E), got {got}")
    if edge_index.ndim != 2 or edge_index.shape[0] != 2:
        raise ValueError(f"edge_index: expected shape (2, E), got {tuple(edge_index.shape)}")
    if edge_index.numel() > 0 and values_are_free(edge_index):
        low, high = edge_index.min().item(), edge_index.max().item()
        if low < 0 or high >= nodes.shape[0]:
            raise ValueError(
                f"edge_index: expected node numbers in 0 .. {nodes.shape[0] - 1}, "
                f"got values from {low} to {high}"
            )


def _cosines(x: Tensor) -> Tensor:
    """Cosine similarities of all pairs of rows; those of a zero row are 0."""
    return gram(unit(x))


def _log_neighbours(z: Tensor, edge_index: Tensor, sigma: float) -> Tensor:
    """The logarithm of each edge's share among the edges into its destination, shape (E,)."""
    source, destination = edge_index[0], edge_index[1]
    score = (z[destination] - z[source]).square().sum(dim=1) / (-2 * sigma**2)
    # The highest score of each destination is taken off, as in any softmax; it has no gradient.
    none = score.new_full(z.shape[:1], -math.inf)
    highest = none.scatter_reduce(0, destination, score.detach(), "amax")
    score = score - highest[destination]
    total = torch.zeros_like(none).index_add(0, destination, score.exp())
    return score - total[destination].log()


class _PairDistances(torch.autograd.Function):
    """Euclidean distances of all pairs of rows i < j of x, shape (B (B - 1) / 2,), in the order of F.pdist.

    Not F.pdist itself: its backward pass goes through the pairs one by one, and torch.func.vmap cannot run
    it. Not torch.cdist: the same exact differences, but twice the work and ten times the time.
    """

    @staticmethod
    def forward(x):
        return F.pdist(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0], output)

    @staticmethod
    def backward(ctx, slope):
        # ∂d_ij/∂x_i = (x_i - x_j) / d_ij, so the gradient is Σ_j w_ij (x_i - x_j) with w = slope / d: w's row
        # sums times x, less w x. In float64, as the two cancel where x_i is close to x_j.
        x, distance = ctx.saved_tensors
        weight = slope / distance.masked_fill(distance == 0, torch.inf)
        first, second = torch.triu_indices(x.shape[0], x.shape[0], offset=1, device=x.device)
        half = x.new_zeros(x.shape[0], x.shape[0]).index_put((first, second), weight)
        weights, exact = (half + half.mT).double(), x.double()
        return (weights.sum(dim=1, keepdim=True) * exact - weights @ exact).to(x.dtype)

    @staticmethod
    def vmap(info, in_dims, x):
        return torch.stack([_PairDistances.apply(one) for one in x.unbind(in_dims[0])]), 0
