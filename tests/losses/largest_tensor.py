"""How large the tensors are that a loss and its gradient make on the way."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _Sizes(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.largest = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        sizes = [
            x.untyped_storage().nbytes() // x.itemsize for x in tree_leaves(result) if torch.is_tensor(x)
        ]
        self.largest = max([self.largest, *sizes])
        return result


def largest_tensor(loss, *arguments):
    """The number of elements of the largest tensor, inputs excepted only where they are smaller."""
    leaves = [x.clone().requires_grad_() for x in arguments]
    with _Sizes() as sizes:
        loss(*leaves).backward()
    return sizes.largest
