"""A network in evaluation mode for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """`net` in evaluation mode; afterwards each module's training flag is as before."""
    training = {module: module.training for module in net.modules()}
    net.eval()
    try:
        yield
    finally:
        net.train(training[net])  # for modules that do more than keep a flag
        for module, flag in training.items():
            module.training = flag
