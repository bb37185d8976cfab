"""What does one forward pass cost?"""

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from kdcourse.models._modes import evaluating


def multiply_adds(net: nn.Module, x: Tensor) -> int:
    """Multiply-adds of one forward pass ``net(x)``: matrix products and convolutions, bias and activations
    not counted.

    The net runs once without gradients, in evaluation mode, and is left as it was.

    Args:
        net: any network.
        x: a batch; give one of size 1 for the cost of a sample.

    Lecture:
        00_start_here, section 1.

    >>> multiply_adds(nn.Linear(6, 4), torch.zeros(1, 6))
    24
    """
    counter = FlopCounterMode(display=False)
    with evaluating(net), torch.no_grad(), counter:
        net(x)
    return counter.get_total_flops() // 2  # it counts a multiply-add as two operations
