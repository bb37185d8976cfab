"""A teacher that training cannot touch."""

import torch
from torch import nn


class Teacher(nn.Module):
    """A network that only answers: always in evaluation mode, never part of a gradient.

    Put it anywhere, also inside a module that is trained: ``.train()`` on that module stops here, so
    batch-norm statistics stay as they are and dropout stays off, and its outputs carry no graph, so an
    optimiser finds no gradient to follow.

    Args:
        network: the trained network; put into evaluation mode.

    Lecture:
        00_start_here, section 10.

    >>> import torch
    >>> student_and_teacher = nn.ModuleList([nn.Linear(2, 2), Teacher(nn.BatchNorm1d(2))])
    >>> _ = student_and_teacher.train()
    >>> student_and_teacher[1].network.training, student_and_teacher[1](torch.ones(3, 2)).requires_grad
    (False, False)
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network.eval()
        self.training = False

    def train(self, mode: bool = True) -> "Teacher":
        """Do nothing: a teacher stays in evaluation mode."""
        return self

    @torch.no_grad()
    def forward(self, *args, **kwargs):
        if self.network.training:  # somebody reached past `train`, for example with apply()
            self.network.eval()
        return self.network(*args, **kwargs)
