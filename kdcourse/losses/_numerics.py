"""Arithmetic shared by the losses, safe where textbook formulas divide zero by zero.

Half precision rounds long sums badly and `torch.autocast` would send every matrix product through it, so
losses compute in float32 at least and give the result in the student's dtype.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from kdcourse.losses._checks import values_are_free


def wide(x: Tensor) -> Tensor:
    """`x` in float32 at least."""
    return x.float() if x.dtype.itemsize < 4 else x


def wide_pair(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Both in one dtype, float32 at least; the teacher without its graph."""
    teacher = teacher.detach()
    if student.dtype == teacher.dtype and student.dtype.itemsize >= 4:
        return student, teacher
    student, teacher = wide(student), wide(teacher)
    common = torch.promote_types(student.dtype, teacher.dtype)
    return student.to(common), teacher.to(common)


def autocasts(x: Tensor) -> bool:
    """Whether autocast is on where `x` lies; on "meta", for example, PyTorch refuses the question."""
    # Not torch.amp.is_autocast_available, which torch.compile could not trace in PyTorch 2.4.
    return x.device.type != "meta" and torch.is_autocast_enabled(x.device.type)


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """``a @ b`` in the precision of its arguments, under autocast too."""
    if not autocasts(a):
        return a @ b
    with torch.autocast(a.device.type, enabled=False):
        return a @ b


def gram(x: Tensor) -> Tensor:
    """``x @ x.mT``, the inner products of all rows; forwards and backwards in the precision of `x`."""
    if x.numel() < 2**16 and not autocasts(x):
        return x @ x.mT  # here calling _Gram takes longer than the product that it saves
    return _Gram.apply(x)


class _Gram(torch.autograd.Function):
    """The gradient of x xᵀ is (g + gᵀ) x: one matrix product, where autograd by itself makes two."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return matmul(x, x.mT)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx, slope):
        (x,) = ctx.saved_tensors
        return matmul(slope + slope.mT, x)


def unit(x: Tensor, dim: int | tuple[int, ...] = -1) -> Tensor:
    """`x` divided by its Euclidean norm along `dim`; zero, with zero gradient, where the norm is zero.

    A zero vector has no direction. F.normalize's gradient is 1e12 there, that of x / norm is NaN.
    """
    norm = torch.linalg.vector_norm(x, dim=dim, keepdim=True)
    return x / norm.masked_fill(norm == 0, torch.inf)


def pool_to_smaller(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Two maps (B, C, H, W) averaged to the smaller height and the smaller width of both."""
    size = tuple(min(a, b) for a, b in zip(first.shape[2:], second.shape[2:], strict=True))
    first, second = (x if x.shape[2:] == size else F.adaptive_avg_pool2d(x, size) for x in (first, second))
    return first, second


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy with class indices; labels that nobody could look at are not skipped either."""
    if values_are_free(labels) and values_are_free(logits):
        return F.cross_entropy(logits, labels)
    # F.cross_entropy leaves out samples labelled -100, and torch.func.vmap runs it slowly.
    return -F.log_softmax(logits, dim=1).gather(1, labels[:, None]).mean()


def soften(logits: Tensor, temperature: float) -> Tensor:
    """Logits / temperature, for nothing at temperature 1."""
    return logits if temperature == 1 else logits / temperature


def mean_divergence(teacher_logits: Tensor, student_logits: Tensor) -> Tensor:
    """Mean over all rows, along the last dimension, of KL(softmax(teacher) || softmax(student)); in nats."""
    terms = _divergence_terms(teacher_logits, student_logits, -1)
    return terms.sum() / (terms.numel() // terms.shape[-1])


def divergence(teacher_logits: Tensor, student_logits: Tensor, dim: int = -1) -> Tensor:
    """KL(softmax(teacher) || softmax(student)) along `dim`, which disappears; in nats."""
    return _divergence_terms(teacher_logits, student_logits, dim).sum(dim=dim)


def _divergence_terms(teacher_logits: Tensor, student_logits: Tensor, dim: int) -> Tensor:
    log_q = F.log_softmax(student_logits, dim=dim)
    log_p = F.log_softmax(teacher_logits, dim=dim)
    # F.kl_div has no batching rule for torch.func.vmap, which trains many seeds at once.
    return log_p.exp() * (log_p - log_q)
