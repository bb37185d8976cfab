"""Angles between samples: the triangles of the student's embeddings have the shapes of the teacher's.

One loss with a file of its own: B samples make B³ angles, which take care to be quick, small and safe.
The conventions are those of `relations_samples.py`.
"""

from contextlib import nullcontext

import torch
from torch import Tensor

from kdcourse.losses._checks import check_same_batch, check_tensor
from kdcourse.losses._numerics import autocasts, wide_pair


def rkd_angle_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Relational distillation (RKD) by angles: every three samples form the same angle as in the teacher.

    .. math:: \frac{1}{B^3} \sum_{j,i,k} \ell\left(c^s_{jik} - c^t_{jik}\right), \qquad
              c_{jik} = \langle e_{ji}, e_{jk} \rangle, \quad e_{ji} = \frac{x_i - x_j}{\|x_i - x_j\|}

    c is the cosine of the angle at the vertex x_j between x_i and x_k, and the smooth L1 loss is
    \ell(u) = u²/2 for abs(u) <= 1 and abs(u) - 1/2 beyond. The value does not change when a net's embeddings
    are moved, turned, mirrored or scaled.

    Two equal embeddings have no direction from one to the other: e is 0 there, with zero gradient, and so is
    the cosine of every angle on that side. That holds for i = j and k = j too, which all count in the mean. A
    batch of one has no angle: the loss is 0. (Differences below 1e-17 in float32 count as zero.)

    The gradient is computed along with the value, in memory of the order of B², not B³. A second derivative
    is not available and raises a RuntimeError.

    Args:
        student: embeddings, shape (B, D).
        teacher: embeddings, shape (B, D'); a constant.

    Returns:
        0-dimensional tensor without a unit, mean over all B³ triples; zero where all angles agree.

    Raises:
        ValueError: wrong shapes, different batch sizes, an empty tensor.

    Source:
        Park, Kim, Lu & Cho, "Relational Knowledge Distillation", CVPR 2019, section 3.2 (angle-wise). The
        paper sums over triples; the authors' code takes the mean over all B³, as here. It keeps four tensors
        of that size (400 MB for 256 samples in float32), and its gradient reaches 1e10 at equal embeddings.

    Lecture:
        05_relations, section 2.

    >>> import torch
    >>> line, equilateral = torch.tensor([[0.0], [1.0], [3.0]]), torch.eye(3)
    >>> loss = rkd_angle_loss(line, equilateral)  # cosines 1, -1, 1 and 1/2, 1/2, 1/2, each twice
    >>> round(loss.item(), 4)  # 2 * (0.125 + 1 + 0.125) / 27
    0.0926
    """
    check_tensor("student", student, "(B, D)")
    check_tensor("teacher", teacher, "(B, D)")
    check_same_batch(("student", "teacher"), student, teacher)
    value, _ = _AngleLoss.apply(*wide_pair(student, teacher))
    return value.to(student.dtype)


def _directions(x: Tensor, vertices: slice) -> tuple[Tensor, Tensor]:
    """Unit vectors e from n vertices to all x, shape (n, B, D), and 1 / distance, shape (n, B, 1).

    Both are 0 where the distance is, or so short that the sums of 1 / distance² below could overflow.
    """
    difference = x - x[vertices, None]
    distance = torch.linalg.vector_norm(difference, dim=2, keepdim=True)
    inverse = torch.where(distance <= torch.finfo(x.dtype).tiny ** 0.45, 0.0, 1.0 / distance)
    return difference.mul_(inverse), inverse


def _value_and_gradient(student: Tensor, teacher: Tensor, portion: int) -> tuple[Tensor, Tensor]:
    """The loss and its gradient, in steps over the vertices j that take about `portion` numbers each.

    The differences are subtracted one by one: the shortcut through the Gram matrix loses all digits where
    embeddings are close to each other. With g = ℓ'(c^s - c^t), which is c^s - c^t held to -1 .. 1,

        ℓ(c^s - c^t) = g (c^s - c^t) - g² / 2.

    By the law of cosines, c_jik = (q_ji + q_jk - q_ik) / (2 d_ji d_jk), the student's cosines depend on x
    only through the squared distances q = d². Each triple adds to the derivative with respect to

        q_ik:  -w / 2,    where w = g / (d_ji d_jk),
        q_ji:  (w - g c / q_ji) / 2,    and to that of q_jk in the same way.

    Added up over all triples these make a weight for each pair, and the gradient with respect to x_i is
    2 Σ_k weight_ik (x_i - x_k).
    """
    batch = student.shape[0]
    step = portion // (batch * (batch + max(student.shape[1], teacher.shape[1])))
    step = max(1, min(step, batch))
    memory = student.new_empty(3, step, batch, batch)
    total = student.new_zeros(())
    opposite = student.new_zeros(batch, batch)  # what q_ik gets as the side opposite to a vertex
    adjacent = student.new_empty(batch, batch)  # what q_ji gets as a side at the vertex j
    for start in range(0, batch, step):
        vertices = slice(start, start + step)
        cosine, excess, slope = memory[:, : batch - start]
        e, _ = _directions(teacher, vertices)
        torch.bmm(e, e.mT, out=excess)
        e, inverse = _directions(student, vertices)
        torch.bmm(e, e.mT, out=cosine)
        torch.sub(cosine, excess, out=excess)
        torch.clamp(excess, -1, 1, out=slope)
        total += torch.dot(slope.view(-1), excess.sub_(slope, alpha=0.5).view(-1))
        turn = cosine.mul_(slope).sum(dim=2) * inverse.squeeze(2).square()
        w = slope.mul_(inverse).mul_(inverse.mT)
        adjacent[vertices] = w.sum(dim=2) - turn
        opposite += w.sum(dim=0)
    weight = adjacent + adjacent.mT - opposite
    gradient = torch.empty_like(student)
    for start in range(0, batch, step):
        vertices = slice(start, start + step)
        difference = student[vertices, None] - student
        gradient[vertices] = torch.bmm(weight[vertices, None], difference).squeeze(1)
    return total / batch**3, gradient * (2 / batch**3)


class _AngleLoss(torch.autograd.Function):
    """(student, teacher) -> the loss and, as a constant, its gradient with respect to the student."""

    @staticmethod
    def forward(student, teacher):
        # A CPU is quick while temporaries stay in its cache, at 1 to 2 MB; a GPU wants few steps, and so does
        # a compiler, which unrolls the loop.
        in_cache = student.device.type == "cpu" and not torch.compiler.is_compiling()
        exact = torch.autocast(student.device.type, enabled=False) if autocasts(student) else nullcontext()
        with exact:
            return _value_and_gradient(student, teacher, 2**19 if in_cache else 2**23)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(inputs[0], output[1])

    @staticmethod
    def backward(ctx, slope, _):
        student, gradient = ctx.saved_tensors
        return slope * _Once.apply(student, gradient), None

    @staticmethod
    def vmap(info, in_dims, *pair):
        rows = [[x] * info.batch_size if dim is None else x.unbind(dim) for x, dim in zip(pair, in_dims)]
        values, gradients = zip(*map(_AngleLoss.apply, *rows))
        return (torch.stack(values), torch.stack(gradients)), (0, 0)


class _Once(torch.autograd.Function):
    """The gradient, known to depend on the student: a second derivative would else be 0 without a word."""

    generate_vmap_rule = True

    @staticmethod
    def forward(student, gradient):
        return gradient.clone()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, slope):
        raise RuntimeError("rkd_angle_loss has no second derivative: its gradient is a constant of the graph")
