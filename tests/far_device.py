"""A pretended second device, for finding code that forgets where its tensors lie.

Inside `far_device()` tensors on the device "meta" are `Far`: they say that they lie on "meta" and compute on
a hidden CPU tensor, so that values, gradients and branches are what they would be on a GPU. An operation that
is given tensors of both devices is an error, as it would be there; a CPU tensor of one number is no error,
there as here. (PyTorch's own FakeTensorMode does not give gradients of a pretended CUDA device on a machine
without one, and has no values to branch on.)
"""

import torch
from torch import Tensor
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

FAR = torch.device("meta")
# These take tensors of both devices: the ways between them, and indexing by a tensor on the CPU.
WAYS = {"_to_copy", "copy_", "copy", "_copy_from", "index", "index_put", "index_put_"}


class Far(Tensor):
    """A tensor that says it is on `FAR`; its numbers are in `value`, on the CPU."""

    @staticmethod
    def __new__(cls, value: Tensor):
        return Tensor._make_wrapper_subclass(
            cls,
            value.shape,
            strides=value.stride(),
            storage_offset=value.storage_offset(),
            dtype=value.dtype,
            device=FAR,
        )

    def __init__(self, value: Tensor):
        self.value = value

    def __repr__(self):
        return f"Far({self.value!r})"

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return run(function, args, kwargs or {})


class far_device(TorchDispatchMode):
    """A context in which the pretended device can be used."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return run(function, args, kwargs or {})


def run(function, args, kwargs):
    tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Tensor)]
    far = any(isinstance(x, Far) for x in tensors)
    near = [x for x in tensors if not isinstance(x, Far) and x.ndim > 0]
    name = function.__name__.split(".")[0]
    if far and near and name not in WAYS:
        places = [(x.device.type, tuple(x.shape)) for x in tensors]
        raise RuntimeError(f"{function}: expected all tensors on one device, got {places}")
    if "device" in kwargs and kwargs["device"] is not None:
        far = torch.device(kwargs["device"]) == FAR
        kwargs = kwargs | {"device": torch.device("cpu")}
    elif name == "copy_":
        far = isinstance(args[0], Far)
    results = function(*tree_map(near_value, args), **tree_map(near_value, kwargs))
    if not far:
        return results
    if torch.Tag.inplace_view in function.tags:  # squeeze_ and its like change the outer tensor's shape, too
        with no_dispatch():
            function(*args, **kwargs)
    given = {id(x.value): x for x in tensors if isinstance(x, Far)}

    def brought_back(x):
        return (given[id(x)] if id(x) in given else Far(x)) if isinstance(x, Tensor) else x

    return tree_map(brought_back, results)


def near_value(x):
    return x.value if isinstance(x, Far) else x
