"""Contrastive relations: a student's sample is told from the others by the teacher's view of it.

Conventions: B is the batch size, D the embedding size; embeddings have shape (B, D), one row a sample, in the
same order for student and teacher; the student comes before the teacher; no gradient reaches the teacher.
"""

import torch.nn.functional as F
from torch import Tensor

from kdcourse.losses._checks import check_pair, check_temperature
from kdcourse.losses._numerics import matmul, unit, wide_pair


def infonce_loss(student: Tensor, teacher: Tensor, *, temperature: float = 0.1) -> Tensor:
    r"""Contrastive (InfoNCE): name each student row's teacher row among those of the whole batch.

    .. math:: -\frac{1}{B} \sum_i \log \frac{\exp(\cos(s_i, t_i) / T)}{\sum_j \exp(\cos(s_i, t_j) / T)}

    The other B - 1 samples are the negatives: no memory bank, but the batch must be large enough to hold
    telling ones (a batch of one gives zero). A zero row has no direction: its cosines are taken as zero, its
    gradient as zero. The loss is not zero at equality, where it tells how alike the teacher's own rows are.

    Args:
        student: s, shape (B, D); the queries.
        teacher: t, shape (B, D); the keys; a constant.
        temperature: T > 0, in units of cosines. Small T weighs the most similar negatives.

    Returns:
        0-dimensional tensor, in nats per sample; log B where nothing can be told apart.

    Raises:
        ValueError: wrong or unequal shapes, an empty batch, a temperature that is not positive and finite.

    Source:
        van den Oord, Li & Vinyals, "Representation Learning with Contrastive Predictive Coding", 2018 (arXiv
        1807.03748), equation 4; with cosines and a temperature as in Chen, Kornblith, Norouzi & Hinton, "A
        Simple Framework for Contrastive Learning of Visual Representations", ICML 2020, section 2, whose
        negatives come from both sides. Contrastive representation distillation (Tian, Krishnan
        & Isola, ICLR 2020) has thousands of stored negatives and another estimator.

    Lecture:
        05_relations, section 4.

    >>> import torch
    >>> eye = torch.eye(2)
    >>> round(infonce_loss(eye, 3 * eye, temperature=1.0).item(), 4)  # log(1 + exp(-1))
    0.3133
    """
    check_pair(student, teacher, ("student", "teacher"), "(B, D)")
    check_temperature(temperature)
    s, t = (unit(x) for x in wide_pair(student, teacher))
    log_shares = F.log_softmax(matmul(s, t.mT / temperature), dim=1)
    return -log_shares.diagonal().mean().to(student.dtype)
