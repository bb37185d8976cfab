"""What does one forward pass cost?"""

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def multiply_adds(net: nn.Module, x: Tensor) -> int:
    """Multiply-adds of one forward pass ``net(x)``: matrix products and convolutions, bias and activations
    not counted.

    The net runs once without gradients, in evaluation mode, and is left as it was.

    Args:
        net: any network.
        x: a batch; give one of size 1 for the cost of a sample.

    >>> multiply_adds(nn.Linear(6, 4), torch.zeros(1, 6))
    24
    """
    was_training = {module: module.training for module in net.modules()}
    counter = FlopCounterMode(display=False)
    try:
        with torch.no_grad(), counter:
            net.eval()(x)
    finally:
        for module, training in was_training.items():
            module.training = training
    return counter.get_total_flops() // 2  # it counts a multiply-add as two operations
