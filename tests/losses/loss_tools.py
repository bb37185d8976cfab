"""What the tests of single losses share: inputs, gradients, and how a refusal must read."""

import math
import re

import pytest
import torch


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def orthogonal(size, seed=0):
    """A rotation, or a rotation and a reflection."""
    return torch.linalg.qr(normal(size, size, seed=seed)).Q


def probabilities(row, temperature=1.0):
    """Softmax of a list of numbers, without PyTorch."""
    top = max(row)
    weights = [math.exp((z - top) / temperature) for z in row]
    total = math.fsum(weights)
    return [w / total for w in weights]


def with_gradient(loss, student, *others, **options):
    """The loss and its gradient with respect to the student."""
    student = student.clone().requires_grad_()
    value = loss(student, *others, **options)
    return value.detach(), torch.autograd.grad(value, student)[0]


def gradient(loss, student, *others, **options):
    return with_gradient(loss, student, *others, **options)[1]


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def raises(name, *parts):
    """A ValueError that begins with the argument's name, then says all of `parts`."""
    said = ".*".join(map(re.escape, parts))
    return pytest.raises(ValueError, match=f"^{re.escape(name)}: expected .*{said}")
