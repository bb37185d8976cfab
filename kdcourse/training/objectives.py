"""Objectives for `fit`: what one student is asked to do with a batch.

Each works on one net and on a `SeedStack`. A batch is (images, labels) or (images, teacher logits, labels);
teacher logits that were computed beforehand save most of the time of distillation.
"""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from kdcourse.losses import kd_loss, sparse_soft_cross_entropy
from kdcourse.training.seeds import for_each_seed


def supervised(*, label_smoothing: float = 0.0) -> Callable[..., Tensor]:
    """Cross-entropy with the labels; batch = (images, labels).

    Lecture:
        00_start_here, section 2.
    """

    def objective(student: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        loss = for_each_seed(student, F.cross_entropy, label_smoothing=label_smoothing)
        return loss(student(images), labels)

    return objective


def distillation(*, temperature: float = 4.0, alpha: float = 0.9) -> Callable[..., Tensor]:
    """`kd_loss` against stored teacher logits; batch = (images, teacher logits, labels).

    Lecture:
        00_start_here, section 5.
    """

    def objective(student: nn.Module, images: Tensor, teacher_logits: Tensor, labels: Tensor) -> Tensor:
        loss = for_each_seed(student, kd_loss, temperature=temperature, alpha=alpha)
        return loss(student(images), teacher_logits, labels)

    return objective


def stored_distillation() -> Callable[..., Tensor]:
    """Soft cross-entropy (T = 1) against stored soft labels; batch = (images, values, indices), as a
    `SoftLabelStore` gives it.

    Lecture:
        13_pretraining_distillation, section 1.
    """

    def objective(student: nn.Module, images: Tensor, values: Tensor, indices: Tensor) -> Tensor:
        return for_each_seed(student, sparse_soft_cross_entropy)(student(images), values, indices)

    return objective
