"""Wrong labels, made on purpose."""

from operator import index as to_int

import torch
from torch import Tensor


def replace_labels(labels: Tensor, share: float, *, classes: int = 10, seed: int) -> Tensor:
    """Replace each label with probability `share` by a class drawn uniformly, perhaps its own.

    So a share of 0.4 over 10 classes makes 36 % of the labels wrong on average. The labels that are given
    stay as they are.

    labels: (...) integers.
    share: probability in [0, 1] of each label to be replaced.
    classes: number of classes.
    seed: of the draws.

    Raises ValueError for a share outside [0, 1] and for labels that are not integers from 0 to classes - 1.

    Lecture:
        06_self_distillation, section 1.

    >>> labels = torch.zeros(10_000, dtype=torch.long)
    >>> noisy = replace_labels(labels, 0.4, seed=0)
    >>> round((noisy != labels).double().mean().item(), 1)
    0.4
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share: expected a number in [0, 1], got {share}")
    if labels.is_floating_point() or (labels.numel() and not 0 <= labels.min() <= labels.max() < classes):
        raise ValueError(f"labels: expected integers from 0 to {classes - 1}")
    generator = torch.Generator().manual_seed(to_int(seed))
    replaced = torch.rand(labels.shape, generator=generator) < share
    drawn = torch.randint(classes, labels.shape, generator=generator)
    return torch.where(replaced.to(labels.device), drawn.to(labels), labels)
