"""Neural tangent kernels: of a network as it is, and of infinitely wide ReLU networks."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from kdcourse.losses._checks import check_tensor
from kdcourse.models._checks import check_sizes
from kdcourse.models._modes import evaluating
from kdcourse.theory._jacobians import Block, outputs_of, quickest_jacobian


def empirical_ntk(model: nn.Module, x1: Tensor, x2: Tensor | None = None, *, memory: float = 2.5e8) -> Tensor:
    r"""Empirical neural tangent kernel, summed over the outputs.

    .. math:: K_{ij} = \sum_a \left\langle \frac{\partial f_a(x_i)}{\partial \theta},
              \frac{\partial f_a(x'_j)}{\partial \theta} \right\rangle

    over all trainable parameters, in evaluation mode. For nets of linear layers, 2-d convolutions and batch
    norm the Jacobians are put together from each layer's input and the slopes with respect to its output; for
    others `torch.func` computes them, for many inputs at once; and for models that neither can run, or for
    which they give another gradient than plain autograd (slices of an ``nn.ParameterList`` lose theirs under
    torch.func), one backward pass for each input and output does it, more slowly. In all cases the model's
    parameters, buffers, gradients and flags are as before.

    Args:
        model: maps (N, ...) to a tensor (N, ...), each row from its input alone (as in evaluation mode).
        x1: shape (N1, ...).
        x2: shape (N2, ...); None for x1 again.
        memory: bytes that the Jacobians of a chunk of inputs may take, about; two are held at a time.

    Returns:
        Tensor of shape (N1, N2), without graph.

    Raises:
        ValueError: a model without trainable parameters, or that puts out something else than a tensor with
            as many rows as inputs.

    Source:
        Jacot, Gabriel & Hongler, "Neural Tangent Kernel: Convergence and Generalization in Neural Networks",
        NeurIPS 2018, section 4 (there with one kernel for each pair of outputs; this is the trace).

    Lecture:
        16_why_ntk, section 1.

    >>> net = nn.Linear(2, 3)  # each output's gradient is the input, and 1 for its bias
    >>> empirical_ntk(net, torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 0.0], [0.0, 1.0]]))
    tensor([[12.,  9.]])
    """
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not trained:
        raise ValueError("model: expected trainable parameters; requires_grad is False everywhere")
    for name, x in (("x1", x1), ("x2", x1 if x2 is None else x2)):
        if not isinstance(x, Tensor) or x.ndim == 0 or len(x) == 0:
            raise ValueError(f"{name}: expected a tensor of inputs (N, ...), none empty")
    with _with_its_buffers(model), evaluating(model), torch.enable_grad():
        a_row = outputs_of(model, x1[:1]).numel() * sum(
            p.numel() * p.element_size() for p in trained.values()
        )
        chunk = max(1, int(memory / a_row))
        jacobian, left = quickest_jacobian(model, trained, x1[:chunk])
        if x2 is None and len(x1) <= chunk:
            return _product(left, left)
        rows = []
        for start in range(0, len(x1), chunk):
            left = jacobian(x1[start : start + chunk]) if start else left
            right = map(jacobian, (x1 if x2 is None else x2).split(chunk))
            rows.append(torch.cat([_product(left, other) for other in right], dim=1))
        return torch.cat(rows)


def relu_nngp(x1: Tensor, x2: Tensor, *, depth: int) -> Tensor:
    r"""Covariance of the outputs of an infinitely wide ReLU network at initialisation.

    .. math:: \Sigma^0 = x \cdot x', \qquad \Sigma^{l+1} = \|x\| \|x'\| \, \kappa_1(c^l), \quad
              c^l = \frac{\Sigma^l}{\|x\| \|x'\|}, \quad
              \kappa_1(c) = \frac{\sqrt{1 - c^2} + c \, (\pi - \arccos c)}{\pi}

    for the network h^0 = x, h^{l+1} = sqrt(2 / width) relu(W^l h^l), f = w · h^depth, with all weights from
    N(0, 1), no biases, the first layer not divided by the root of the input's size, and one output.

    Args:
        x1: shape (N1, D).
        x2: shape (N2, D).
        depth: number of hidden layers.

    Returns:
        Tensor of shape (N1, N2); zero where an input is zero.

    Raises:
        ValueError: shapes that do not fit, no whole depth of at least one.

    Source:
        Cho & Saul, "Kernel Methods for Deep Learning", NeurIPS 2009 (the arc-cosine kernel of order one); Lee
        et al., "Deep Neural Networks as Gaussian Processes", ICLR 2018.

    Lecture:
        16_why_ntk, section 4.

    >>> x = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    >>> relu_nngp(x, x, depth=1)  # at a right angle kappa_1 is 1 / pi
    tensor([[1.0000, 0.6366],
            [0.6366, 4.0000]])
    """
    return _relu_kernels(x1, x2, depth)[0]


def relu_ntk(x1: Tensor, x2: Tensor, *, depth: int) -> Tensor:
    r"""Neural tangent kernel of an infinitely wide ReLU network, all layers trained.

    .. math:: \Theta^0 = \Sigma^0, \qquad
              \Theta^{l+1} = \Sigma^{l+1} + \kappa_0(c^l) \, \Theta^l, \qquad
              \kappa_0(c) = \frac{\pi - \arccos c}{\pi}

    with Sigma, c and the network of `relu_nngp`.

    Args:
        x1: shape (N1, D).
        x2: shape (N2, D).
        depth: number of hidden layers.

    Returns:
        Tensor of shape (N1, N2); zero where an input is zero.

    Raises:
        ValueError: shapes that do not fit, no whole depth of at least one.

    Source:
        Jacot, Gabriel & Hongler, "Neural Tangent Kernel: Convergence and Generalization in Neural Networks",
        NeurIPS 2018, theorem 1, with the ReLU's kernels in closed form.

    Lecture:
        16_why_ntk, section 4.

    >>> x = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    >>> relu_ntk(x, x, depth=1)  # at a right angle kappa_1 = 1 / pi, and Theta^0 is zero
    tensor([[2.0000, 0.6366],
            [0.6366, 8.0000]])
    """
    return _relu_kernels(x1, x2, depth)[1]


def _relu_kernels(x1: Tensor, x2: Tensor, depth: int) -> tuple[Tensor, Tensor]:
    """NNGP and tangent kernel after `depth` hidden layers."""
    check_tensor("x1", x1, "(N1, D)")
    check_tensor("x2", x2, "(N2, D)")
    check_sizes(depth=depth)
    if x1.shape[1] != x2.shape[1]:
        raise ValueError(f"x2: expected {x1.shape[1]} numbers a row as in x1, got shape {tuple(x2.shape)}")
    lengths = x1.norm(dim=1)[:, None] * x2.norm(dim=1)
    safe = torch.where(lengths > 0, lengths, 1.0)
    sigma = theta = x1 @ x2.T
    for _ in range(depth):
        c = (sigma / safe).clamp(-1, 1)
        angle = torch.arccos(c)
        sigma = lengths * ((1 - c.square()).sqrt() + c * (math.pi - angle)) / math.pi
        theta = sigma + (math.pi - angle) / math.pi * theta
    return sigma, theta


def _product(first: list[Block], second: list[Block]) -> Tensor:
    return sum(a.product(b) for a, b in zip(first, second, strict=True))


@contextmanager
def _with_its_buffers(model: nn.Module) -> Iterator[None]:
    """Afterwards the model's buffers are the objects that they were, with the values that they had."""
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    try:
        yield
    finally:
        for module, name, buffer, value in buffers:
            module._buffers[name] = buffer
            if not torch.equal(buffer, value):
                with torch.no_grad():
                    buffer.copy_(value)
