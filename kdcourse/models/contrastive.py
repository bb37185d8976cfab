"""Contrastive representation distillation: pick the teacher's view of the same image out of thousands."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.func import grad_and_value

from kdcourse.losses._checks import check_number, check_temperature, values_are_free
from kdcourse.losses._numerics import matmul, unit, wide
from kdcourse.losses.relations_contrastive import infonce_loss
from kdcourse.models._checks import check_sizes, flat

# A product with the whole bank does N / K times the multiplications of one with K gathered rows a sample, but
# runs at the speed of arithmetic, not of scattered reads: as measured, it is quicker up to about this N / K.
DENSE_ADVANTAGE = 64


def noise_contrastive_loss(
    positive: Tensor, negative: Tensor, *, log_partition: Tensor | float, num_samples: int
) -> Tensor:
    r"""Tell the one positive from K draws of noise, by a density whose normaliser is held constant.

    .. math:: -\frac{1}{B} \sum_b \Bigl[ \log P(s_b^+) + \sum_{k=1}^{K} \log (1 - P(s_{bk}^-)) \Bigr],
              \qquad P(s) = \frac{e^s / Z}{e^s / Z + K / N}

    P(s) is the probability that a sample of score s is the positive, when each positive comes with K draws
    from N samples, all equally likely. Computed from logarithms, so no score overflows and no small constant
    is needed.

    Args:
        positive: s+, shape (B,), similarity over temperature.
        negative: s-, shape (B, K).
        log_partition: log Z, a number or 0-dimensional.
        num_samples: N, size of the data set.

    Returns:
        0-dimensional tensor, in nats per sample (a *sum* over the K negatives).

    Source:
        Tian, Krishnan & Isola, "Contrastive Representation Distillation", ICLR 2020, section 3; Gutmann &
        Hyvärinen, "Noise-contrastive estimation", AISTATS 2010. The authors' code adds 1e-7 to each
        denominator, which changes the value by 0.05 % at K = 4096, N = 50,000.

    Lecture:
        05_relations, section 4.

    >>> import torch
    >>> positive, negative = torch.zeros(1), torch.zeros(1, 2)
    >>> # K = N and Z = 1: a score of zero is as likely positive as negative, 3 times log 2
    >>> round(noise_contrastive_loss(positive, negative, log_partition=0.0, num_samples=2).item(), 4)
    2.0794
    """
    shift = log_partition + math.log(negative.shape[1] / num_samples)
    log_probability = F.logsigmoid(positive - shift).sum() + F.logsigmoid(shift - negative).sum()
    return -log_probability / len(positive)


class ContrastiveMemory(nn.Module):
    r"""Contrastive representation distillation (CRD) with a memory of every sample of the data set.

    .. math:: e_s = unit(W_s f_s + b_s), \quad e_t = unit(W_t f_t + b_t), \qquad
              loss = NCE(e_s, M_t) + NCE(e_t, M_s)

    M_s and M_t hold one embedding a training sample, of student and teacher. The student's embedding is to
    be told, by its cosines over the temperature, as that of its own sample's row of M_t among K other rows,
    and the teacher's likewise in M_s: see `noise_contrastive_loss`. Z is taken from the first batch seen in
    training, Z = N mean exp(score), and stays as it is.

    Who learns: the student and both heads. The teacher's head is trained as well (by the second term), but no
    gradient reaches the teacher's feature, nor the memories. Those are moving averages: after the loss, in
    training mode only, each row i of the batch becomes unit(momentum M_i + (1 - momentum) e_i). If a batch
    holds a sample twice, one of the two updates stands, and on a GPU it may be either.

    Memory: 2 N D numbers are kept. At most B N numbers (N <= 64 K, where the whole bank is multiplied) or
    B K D (else, where negatives are gathered) are made at a time, twice with a gradient, besides a few
    (B, K) matrices. The textbook form keeps 2 B K D until the backward pass. As the memories move on, the
    gradient is computed at once, with the value: `backward` works as ever, but second derivatives are zero.

    Args:
        num_samples: N, size of the training set, two at least.
        student_dim, teacher_dim: numbers in one sample of the features (flattened here).
        embedding_dim: D.
        negatives: K, drawn for each sample from all others, each equally likely, with replacement.
        temperature: T > 0, in units of cosines.
        momentum: in [0, 1]; share of the old row in the new.

    Attributes:
        student_bank, teacher_bank: M_s and M_t, (N, D), unit rows, random at first (zeros would never learn).
        log_partition: log Z for each of the two terms; NaN until it is known.

    Shapes:
        ``memory(student_feature, teacher_feature, sample_index, negative_index=None, generator=None)``:
        features (B, ...); sample_index (B,), int64, the samples' places in the data set; negative_index
        (B, K'), int64, to choose the negatives oneself; generator, for drawing them, on the features' device
        -> 0-dimensional tensor, in nats per sample. In evaluation mode nothing is changed.

    Raises:
        ValueError: features of the wrong size, indices of the wrong shape or type, or (where looking is
            free: on a CPU, outside torch.compile and vmap) out of range.

    Source:
        Tian, Krishnan & Isola, "Contrastive Representation Distillation", ICLR 2020, section 3 and the
        authors' code, which takes K = 16384 by default and lets a sample be its own negative. Its widely used
        ports differ; one could not draw negatives by itself.

    Lecture:
        05_relations, section 4.

    >>> import torch
    >>> memory = ContrastiveMemory(100, student_dim=8, teacher_dim=12, embedding_dim=4, negatives=20)
    >>> loss = memory(torch.randn(5, 8), torch.randn(5, 12), torch.arange(5))
    >>> loss.shape, memory.student_bank.shape
    (torch.Size([]), torch.Size([100, 4]))
    """

    def __init__(
        self,
        num_samples: int,
        student_dim: int,
        teacher_dim: int,
        *,
        embedding_dim: int = 128,
        negatives: int = 4096,
        temperature: float = 0.07,
        momentum: float = 0.5,
    ):
        super().__init__()
        sizes = {"student_dim": student_dim, "teacher_dim": teacher_dim, "embedding_dim": embedding_dim}
        check_sizes(num_samples=num_samples, **sizes, negatives=negatives)
        if num_samples < 2:
            raise ValueError("num_samples: expected at least 2, or there is no negative, got 1")
        check_temperature(temperature)
        check_number("momentum", momentum, low=0.0, high=1.0)
        self.num_samples, self.negatives = num_samples, negatives
        self.temperature, self.momentum = float(temperature), float(momentum)
        self.student_head = nn.Linear(student_dim, embedding_dim)
        self.teacher_head = nn.Linear(teacher_dim, embedding_dim)
        self.register_buffer("student_bank", unit(torch.randn(num_samples, embedding_dim)))
        self.register_buffer("teacher_bank", unit(torch.randn(num_samples, embedding_dim)))
        self.register_buffer("log_partition", torch.full((2,), math.nan))

    def forward(
        self,
        student_feature: Tensor,
        teacher_feature: Tensor,
        sample_index: Tensor,
        negative_index: Tensor | None = None,
        generator: Generator | None = None,
    ) -> Tensor:
        student = flat("student_feature", student_feature, self.student_head.in_features)
        teacher = flat("teacher_feature", teacher_feature, self.teacher_head.in_features).detach()
        if len(teacher) != len(student):
            raise ValueError(
                f"teacher_feature: expected the batch size of student_feature, {len(student)}, "
                f"got {len(teacher)}"
            )
        self._check_index("sample_index", sample_index, (len(student),))
        if negative_index is None:
            negative_index = self.draw_negatives(sample_index, generator)
        else:
            self._check_index("negative_index", negative_index, (len(student), None))
        student, teacher = unit(wide(self.student_head(student))), unit(wide(self.teacher_head(teacher)))
        rows = torch.cat([sample_index[:, None], negative_index], dim=1)
        student_loss, first = self._contrast(student, self.teacher_bank, rows, self.log_partition[0])
        teacher_loss, second = self._contrast(teacher, self.student_bank, rows, self.log_partition[1])
        if self.training:
            with torch.no_grad():
                self.log_partition.copy_(torch.stack([first, second]))
                self._remember(self.student_bank, sample_index, student)
                self._remember(self.teacher_bank, sample_index, teacher)
        return (student_loss + teacher_loss).to(student_feature.dtype)

    def draw_negatives(self, sample_index: Tensor, generator: Generator | None = None) -> Tensor:
        """K samples for each of the batch, (B, K): uniform among all but the sample itself."""
        shape = (len(sample_index), self.negatives)
        drawn = torch.randint(self.num_samples - 1, shape, generator=generator, device=sample_index.device)
        return drawn + (drawn >= sample_index[:, None])  # step over the sample's own place

    def _contrast(
        self, anchor: Tensor, bank: Tensor, rows: Tensor, log_partition: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The loss of one direction, and log Z."""

        def loss(anchor: Tensor):  # annotated with a tuple, PyTorch 2.4 could not compile it
            scores = _inner_products(anchor, wide(bank), rows) / self.temperature
            guess = torch.logsumexp(scores.detach().flatten(), dim=0) - math.log(
                rows.numel() / self.num_samples
            )
            log_z = torch.where(log_partition.isnan(), guess, log_partition)  # no `if`: a GPU would wait
            positive, negative = scores[:, 0], scores[:, 1:]
            value = noise_contrastive_loss(
                positive, negative, log_partition=log_z, num_samples=self.num_samples
            )
            return value, log_z

        if not torch.is_grad_enabled():
            return loss(anchor)
        # The gradient now, while the bank is as the loss sees it: a graph would have to keep a copy of it.
        gradient, (value, log_z) = grad_and_value(loss, has_aux=True)(anchor.detach())
        return value + ((anchor - anchor.detach()) * gradient).sum(), log_z

    def _remember(self, bank: Tensor, sample_index: Tensor, embedding: Tensor) -> None:
        rows = self.momentum * bank[sample_index] + (1 - self.momentum) * embedding
        bank[sample_index] = unit(rows).to(bank.dtype)  # vmap has a rule for this, none for index_copy_

    def _check_index(self, name: str, index: Tensor, shape: tuple[int, int | None]) -> None:
        expected = f"an int64 tensor of shape {tuple('K' if n is None else n for n in shape)}"
        if not isinstance(index, Tensor) or index.dtype != torch.int64:
            got = f"{index.dtype}" if isinstance(index, Tensor) else type(index).__name__
            raise ValueError(f"{name}: expected {expected}, got {got}")
        if index.ndim != len(shape) or index.shape[0] != shape[0] or 0 in index.shape:
            raise ValueError(f"{name}: expected {expected}, got shape {tuple(index.shape)}")
        if values_are_free(index):
            low, high = index.min().item(), index.max().item()
            if low < 0 or high >= self.num_samples:
                raise ValueError(
                    f"{name}: expected places in 0 .. {self.num_samples - 1}, got values from {low} to {high}"
                )


class InBatchContrast(nn.Module):
    r"""Contrastive distillation without a memory: the other samples of the batch are the negatives.

    .. math:: loss = InfoNCE(W_s f_s + b_s, W_t f_t + b_t) + InfoNCE(W_t f_t + b_t, W_s f_s + b_s)

    In each term the second argument is a constant, as a memory is: the first term trains the student and its
    head, the second the teacher's head. No gradient reaches the teacher's feature.

    Args:
        student_dim, teacher_dim: numbers in one sample of the features (flattened here).
        embedding_dim: size of the common space.
        temperature: T > 0, in units of cosines.

    Shapes:
        student_feature (B, ...) and teacher_feature (B, ...) -> 0-dimensional tensor, in nats per sample.

    Raises:
        ValueError: features of the wrong size, or of unequal batch size.

    Source:
        As `ContrastiveMemory`; van den Oord, Li & Vinyals, "Representation Learning with Contrastive
        Predictive Coding", 2018 (arXiv 1807.03748), for the loss.

    Lecture:
        05_relations, section 4.

    >>> import torch
    >>> contrast = InBatchContrast(8, 12, 4)
    >>> contrast(torch.randn(5, 8), torch.randn(5, 3, 2, 2)).shape
    torch.Size([])
    """

    def __init__(
        self, student_dim: int, teacher_dim: int, embedding_dim: int = 128, temperature: float = 0.1
    ):
        super().__init__()
        check_sizes(student_dim=student_dim, teacher_dim=teacher_dim, embedding_dim=embedding_dim)
        check_temperature(temperature)
        self.temperature = float(temperature)
        self.student_head = nn.Linear(student_dim, embedding_dim)
        self.teacher_head = nn.Linear(teacher_dim, embedding_dim)

    def forward(self, student_feature: Tensor, teacher_feature: Tensor) -> Tensor:
        student = flat("student_feature", student_feature, self.student_head.in_features)
        teacher = flat("teacher_feature", teacher_feature, self.teacher_head.in_features).detach()
        if len(teacher) != len(student):
            raise ValueError(
                f"teacher_feature: expected the batch size of student_feature, {len(student)}, "
                f"got {len(teacher)}"
            )
        student, teacher = self.student_head(student), self.teacher_head(teacher)
        forth = infonce_loss(student, teacher, temperature=self.temperature)
        back = infonce_loss(teacher, student, temperature=self.temperature)
        return (forth + back).to(student_feature.dtype)


def _inner_products(anchor: Tensor, bank: Tensor, rows: Tensor) -> Tensor:
    """(B, D) anchors with rows (B, M) of the bank (N, D) -> (B, M)."""
    if len(bank) <= DENSE_ADVANTAGE * rows.shape[1]:
        return matmul(anchor, bank.T).gather(1, rows)
    chosen = bank.index_select(0, rows.flatten()).unflatten(0, rows.shape)
    return matmul(chosen, anchor[:, :, None])[:, :, 0]
