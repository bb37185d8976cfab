"""Neural tangent kernels: of a network as it is, and of infinitely wide ReLU networks."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

from kdcourse.losses._checks import check_tensor
from kdcourse.models._checks import check_sizes


def empirical_ntk(model: nn.Module, x1: Tensor, x2: Tensor | None = None, *, memory: float = 2.5e8) -> Tensor:
    r"""Empirical neural tangent kernel, summed over the outputs.

    .. math:: K_{ij} = \sum_a \left\langle \frac{\partial f_a(x_i)}{\partial \theta},
              \frac{\partial f_a(x'_j)}{\partial \theta} \right\rangle

    over all trainable parameters, in evaluation mode. The Jacobians are computed for many inputs at once by
    `torch.func`; for a model that it cannot run, or for which it gives another gradient than plain autograd
    (slices of an ``nn.ParameterList`` lose theirs), one backward pass for each input and output does it, more
    slowly. In both cases the model's parameters, buffers, gradients and flags are as before.

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
    with _as_it_was(model), torch.enable_grad():
        a_row = _outputs(model, x1[:1]).numel() * sum(p.numel() * p.element_size() for p in trained.values())
        chunk = max(1, int(memory / a_row))
        jacobians, left = _jacobians(model, trained, x1[:chunk])
        if x2 is None and len(x1) <= chunk:
            return _product(left, left)
        rows = []
        for start in range(0, len(x1), chunk):
            left = jacobians(x1[start : start + chunk]) if start else left
            right = map(jacobians, (x1 if x2 is None else x2).split(chunk))
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


# ---------------------------------------------------------------- Jacobians

Jacobians = Callable[[Tensor], list[Tensor]]  # n inputs -> for each parameter (n, outputs * its numbers)


def _jacobians(model: nn.Module, trained: dict[str, Tensor], x: Tensor) -> tuple[Jacobians, list[Tensor]]:
    """The quick way, if on the inputs `x` it agrees with one plain backward pass, else the slow one; and what
    it gives for x."""
    quick, slow = _by_transforms(model, trained), _by_autograd(model, trained)
    try:
        found = quick(x)
    except (RuntimeError, ValueError, TypeError, NotImplementedError):
        return slow, slow(x)
    outputs = _outputs(model, x).reshape(len(x), -1)
    # Signs, so that lost gradients of one row cannot be made up for by another's.
    generator = torch.Generator().manual_seed(0)
    signs = (torch.randint(0, 2, outputs.shape, generator=generator) * 2 - 1).to(outputs)
    expected = torch.autograd.grad(
        (outputs * signs).sum(), trained.values(), allow_unused=True, materialize_grads=True
    )
    for jacobian, gradient in zip(found, expected, strict=True):
        together = signs.flatten() @ jacobian.reshape(signs.numel(), -1)
        apart = (together - gradient.flatten()).norm()
        # Rounding grows with the size of what was summed, not with that of the sum.
        if apart > 10 * torch.finfo(gradient.dtype).eps ** 0.5 * jacobian.norm():
            return slow, slow(x)
    return quick, found


def _product(first: list[Tensor], second: list[Tensor]) -> Tensor:
    return sum(a @ b.T for a, b in zip(first, second, strict=True))


def _by_transforms(model: nn.Module, trained: dict[str, Tensor]) -> Jacobians:
    state = dict(model.named_parameters()) | {n: b.clone() for n, b in model.named_buffers()}
    fixed = {name: value.detach() for name, value in state.items() if name not in trained}
    moving = {name: value.detach() for name, value in trained.items()}

    def outputs(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(model, fixed | parameters, (x[None],)).flatten()

    jacobian = vmap(jacrev(outputs), in_dims=(None, 0))
    return lambda x: [j.flatten(1) for j in jacobian(moving, x).values()]


def _by_autograd(model: nn.Module, trained: dict[str, Tensor]) -> Jacobians:
    parameters = list(trained.values())

    def jacobians(x: Tensor) -> list[Tensor]:
        rows = []
        for i in range(len(x)):
            outputs = _outputs(model, x[i : i + 1]).flatten()
            gradients = [
                torch.autograd.grad(
                    output, parameters, retain_graph=True, allow_unused=True, materialize_grads=True
                )
                for output in outputs
            ]
            rows.append([torch.stack(of_outputs).flatten() for of_outputs in zip(*gradients, strict=True)])
        return [torch.stack(of_rows) for of_rows in zip(*rows, strict=True)]

    return jacobians


def _outputs(model: nn.Module, x: Tensor) -> Tensor:
    outputs = model(x)
    if not isinstance(outputs, Tensor) or outputs.ndim == 0 or len(outputs) != len(x):
        got = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ValueError(
            f"model: expected it to put out a tensor with one row an input ({len(x)}), got {got}"
        )
    return outputs


@contextmanager
def _as_it_was(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; afterwards flags and buffers are as before."""
    training = {module: module.training for module in model.modules()}
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    try:
        model.eval()
        yield
    finally:
        for module, flag in training.items():
            module.training = flag
        for module, name, buffer, value in buffers:
            module._buffers[name] = buffer
            if not torch.equal(buffer, value):
                with torch.no_grad():
                    buffer.copy_(value)
