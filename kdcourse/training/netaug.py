"""Network augmentation: a tiny net learns as a part of wider ones, and is taken out at the end."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from kdcourse.models import WidthSlicedNet
from kdcourse.training.seeds import SeedStack, for_each_seed


def network_augmentation(
    choices: Sequence[Sequence[int]], *, alpha: float = 1.0, seed: int = 0
) -> Callable[..., Tensor]:
    r"""The loss of the tiny net, and that of a wider net drawn anew at each step; batch = (images, labels).

    .. math:: CE(f_{tiny}(x), y) + \alpha \, CE(f_w(x), y), \qquad w_l \text{ uniform on } choices_l

    Args:
        choices: for each hidden layer the widths to draw from, each layer by itself. The tiny width may be
            among them, as in the paper's code.
        alpha: weight of the wide net's loss.
        seed: of the draws. They go on from step to step, so a run that is taken up from a checkpoint draws
            other widths than one that was not interrupted.

    Returns:
        An objective for a `WidthSlicedNet` or a `SeedStack` of them (whose nets share the draws).

    Source:
        Cai, Gan, Lin & Han, "Network Augmentation for Tiny Deep Learning", ICLR 2022, equation 2.

    Lecture:
        14_netaug, section 2.
    """
    generator = random.Random(seed)

    def objective(net: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        widths = tuple(generator.choice(list(of_layer)) for of_layer in choices)
        loss = for_each_seed(net, F.cross_entropy)
        tiny, wide = net(images), net(images, widths=widths)
        return loss(tiny, labels) + alpha * loss(wide, labels)

    return objective


@torch.no_grad()
def sort_hidden(net: nn.Module, optimizer: Optimizer | None = None) -> None:
    """Sort the channels of every hidden layer, the most important first, so that the tiny net gets them.

    The importance of a channel is the L1 norm of the weights that leave it. The widest net computes the same
    as before, to rounding; narrower ones change. The optimiser's momenta move with their weights (in the
    paper's code they stay behind).

    Args:
        net: a `WidthSlicedNet`, or a `SeedStack` of them, where each seed is sorted by itself.
        optimizer: of whose state every tensor that looks like its parameter is sorted as well.

    Source:
        Cai, Gan, Wang, Zhang & Han, "Once-for-All: Train One Network and Specialize it for Efficient
        Deployment", ICLR 2020; the code of Cai, Gan, Lin & Han, "Network Augmentation for Tiny Deep
        Learning", ICLR 2022, does the same.

    Lecture:
        14_netaug, section 4.
    """
    tensors, sliced, lead = _parts(net)
    moments = {
        name: [t for t in optimizer.state.get(tensor, {}).values() if _alike(t, tensor)] if optimizer else []
        for name, tensor in tensors.items()
    }
    for layer, width in enumerate(sliced.widest):
        places = _places_of(sliced, layer)
        importance = 0
        for name, dim, block in places:
            if dim == 1:  # an input of the next layer
                weights = tensors[name].abs()
                others = [d for d in range(lead, weights.dim()) if d != lead + 1]
                importance = importance + weights.sum(others).unflatten(-1, (width, block)).sum(-1)
        order = importance.argsort(dim=-1, descending=True, stable=True)
        for name, dim, block in places:
            for tensor in [tensors[name], *moments[name]]:
                index = (order[..., None] * block + torch.arange(block, device=order.device)).flatten(-2)
                shape = [1] * tensor.dim()
                shape[:lead], shape[lead + dim] = index.shape[:lead], index.shape[-1]
                tensor.copy_(tensor.take_along_dim(index.reshape(shape), dim=lead + dim))


def export_tiny(net: nn.Module) -> nn.Module:
    """The tiny net by itself, with the same outputs: of a `WidthSlicedNet`, or a `SeedStack` of them.

    Lecture:
        14_netaug, section 2.
    """
    if isinstance(net, WidthSlicedNet):
        return net.export()
    tensors, sliced, _ = _parts(net)
    tiny = SeedStack(lambda: sliced.make_net(*sliced.widths), net.seeds).to(next(net.parameters()).device)
    with torch.no_grad():
        for name, tensor in tiny.tensors().items():
            tensor.copy_(tensors[name][tuple(map(slice, tensor.shape))])
    return tiny.train(net.training)


@torch.no_grad()
def calibrate_batchnorm(net: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set the running statistics of every batch-norm layer to the mean over `batches` of their statistics.

    .. math:: \\mu = \\frac{1}{K} \\sum_k \\mathrm{mean}(x_k), \\qquad
              \\sigma^2 = \\frac{1}{K} \\sum_k \\mathrm{var}(x_k) \\text{ (unbiased)}

    A net that was trained as a slice of others has running statistics of all of them mixed, and answers
    badly until this is done. Parameters, gradients, momenta and training flags stay as they are; everything
    but batch normalisation runs in evaluation mode, so dropout is off.

    Args:
        net: a module, or a `SeedStack`.
        batches: inputs, as `net` takes them; at least one.

    Raises:
        ValueError: no batch.

    Lecture:
        14_netaug, section 3.
    """
    inner = net._skeleton[0] if isinstance(net, SeedStack) else net
    layers = [m for m in inner.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    before = [(m, m.training) for m in {*net.modules(), *inner.modules()}], [(m, m.momentum) for m in layers]
    k = 0
    try:
        net.eval()
        inner.eval()
        for layer in layers:
            layer.training = True
        for k, batch in enumerate(batches, start=1):
            for layer in layers:
                layer.momentum = 1 / k  # the k-th batch gets the weight 1/k, and so do all before it
            net(batch)
    finally:
        for module, training in before[0]:
            module.training = training
        for layer, momentum in before[1]:
            layer.momentum = momentum
    if not k:
        raise ValueError("batches: expected at least one, got none")


def _parts(net: nn.Module) -> tuple[dict[str, Tensor], WidthSlicedNet, int]:
    """(tensors of the widest net by name, the net or its skeleton, number of leading seed dimensions)."""
    stacked = isinstance(net, SeedStack)
    sliced = net._skeleton[0] if stacked else net
    if not isinstance(sliced, WidthSlicedNet):
        raise ValueError(
            f"net: expected a WidthSlicedNet or a SeedStack of them, got {type(sliced).__name__}"
        )
    tensors = net.tensors() if stacked else {**dict(net.named_parameters()), **dict(net.named_buffers())}
    return {name.removeprefix("full."): tensor for name, tensor in tensors.items()}, sliced, int(stacked)


def _places_of(sliced: WidthSlicedNet, layer: int) -> list[tuple[str, int, int]]:
    """Where the channels of a hidden layer are: (tensor, dimension, entries a channel).

    A net that is wider by one there tells.
    """
    wider = list(sliced.widest)
    wider[layer] += 1
    one, two = (sliced.skeleton(tuple(widths)).state_dict() for widths in (sliced.widest, wider))
    return [
        (name, dim, b - a)
        for name in one
        for dim, (a, b) in enumerate(zip(one[name].shape, two[name].shape, strict=True))
        if b > a
    ]


def _alike(state: object, tensor: Tensor) -> bool:
    return isinstance(state, Tensor) and state.shape == tensor.shape and state.dim() > 0
