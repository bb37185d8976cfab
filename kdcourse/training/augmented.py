"""Mini-batches changed at random, as a pure function of seed and step, for one process or many."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from kdcourse.training.batches import Batches


class AugmentedBatches:
    """Batches whose samples are changed at random anew in every epoch, as a pure function of the step.

    Each epoch visits every sample once, in an order drawn from (seed, epoch); batches run on across the end
    of an epoch, as those of `Batches`. How a sample is changed depends on (seed, epoch, sample) alone: not
    on the device, on what was asked before, or on how a batch is split over processes.

    Args:
        tensors: equally long tensors (N, ...), the images first; batches are on their device.
        batch_size: samples a step, over all processes.
        seed: an integer.
        augment: (images, numbers) -> images, changed; `numbers` has shape (B, `draws`), uniform in [0, 1).
        draws: random numbers that `augment` wants for a sample.

    >>> brighten = lambda images, numbers: images + numbers[:, 0]
    >>> batches = AugmentedBatches(torch.zeros(6), torch.arange(6), batch_size=4, seed=0, augment=brighten,
    ...     draws=1)
    >>> whole, halves = batches(1), [batches.share(1, rank, 2) for rank in (0, 1)]
    >>> all(torch.equal(all_, torch.cat(parts)) for all_, parts in zip(whole, zip(*halves)))
    True
    >>> batches.steps(epochs=4)
    6
    """

    def __init__(
        self,
        *tensors: Tensor,
        batch_size: int,
        seed: int,
        augment: Callable[[Tensor, Tensor], Tensor] | None = None,
        draws: int = 0,
    ):
        self.tensors, self.batch_size, self.augment, self.draws = tensors, batch_size, augment, draws
        self._order = Batches(*tensors, batch_size=batch_size, seeds=seed)  # checks all but the rest below
        if draws < 0 or (draws and augment is None):
            raise ValueError(f"draws: expected a number >= 0, and 0 without augment, got {draws}")
        self.size, self.seed = self._order.size, self._order.seeds[0]
        self._tables: dict[int, Tensor] = {}
        self._first = 0

    def after(self, steps: int) -> AugmentedBatches:
        """The same batches, whose step 0 is step `steps` of these."""
        later = copy.copy(self)
        later._first = self._first + steps
        return later

    def steps(self, epochs: int) -> int:
        """Whole batches in so many epochs."""
        return epochs * self.size // self.batch_size

    def __call__(self, step: int) -> tuple[Tensor, ...]:
        return self.share(step, 0, 1)

    def share(self, step: int, rank: int, count: int) -> tuple[Tensor, ...]:
        """Part `rank` of `count` equal parts of the batch of `step`.

        Raises:
            ValueError: the batch cannot be split into so many equal parts.
        """
        mine, step = share_of(self.batch_size, rank, count), self._first + step
        rows = self._order.indices(step)[0, mine]
        images, *others = (tensor.index_select(0, rows) for tensor in self.tensors)
        if self.augment is not None:
            positions = range(step * self.batch_size, (step + 1) * self.batch_size)[mine]
            images = self.augment(images, self._numbers(positions, rows))
        return images, *others

    def _numbers(self, positions: range, rows: Tensor) -> Tensor:
        first, last = positions[0] // self.size, positions[-1] // self.size
        self._tables = {k: v for k, v in self._tables.items() if first <= k <= last}
        parts, start = [], 0
        for epoch in range(first, last + 1):
            if epoch not in self._tables:
                # Far from the seeds by which Batches draws its orders; on the CPU, whose numbers are the same
                # on every machine.
                generator = torch.Generator().manual_seed(2**40 + 1_000_003 * self.seed + epoch)
                self._tables[epoch] = torch.rand(self.size, self.draws, generator=generator).to(rows.device)
            end = min((epoch + 1) * self.size - positions[0], len(positions))
            parts.append(self._tables[epoch].index_select(0, rows[start:end]))
            start = end
        return torch.cat(parts)

    def __repr__(self) -> str:
        name = getattr(self.augment, "__name__", self.augment)
        return f"Augmented{self._order!r} from step {self._first} by {name} of {self.draws} numbers"


def share_of(size: int, rank: int, count: int) -> slice:
    """Part `rank` of `count` equal parts of `size` samples."""
    part, rest = divmod(size, count)
    if rest or not part:
        raise ValueError(
            f"batch_size: expected a multiple of {count}, the number of processes, got {size}: "
            "the mean over the processes would not be the mean over the batch"
        )
    return slice(rank * part, (rank + 1) * part)
