"""Mini-batches as a pure function of the seed and the step."""

from collections.abc import Sequence
from operator import index as to_int

import torch
from torch import Tensor


class Batches:
    """Shuffled mini-batches of tensors: ``batches(step)`` is the batch of that step, whatever was asked
    before.

    An epoch visits every sample once, in an order drawn from (seed, epoch); batches run on across the end
    of an epoch, so all have the same size. As nothing is remembered, an interrupted run finds the same data
    again, and two arms of an experiment with the same seed see the same samples in the same order.

    Args:
        tensors: equally long tensors (N, ...), or (S, N, ...) for S seeds.
        batch_size: samples a batch (per seed).
        seeds: one integer, or a sequence of S integers for stacked tensors; copy i is shuffled by
            ``seeds[i]`` exactly as a run of its own would be.

    Lecture:
        00_start_here, section 2.

    >>> batches = Batches(torch.arange(4), batch_size=2, seeds=0)
    >>> first_epoch = torch.cat([*batches(0), *batches(1)])
    >>> sorted(first_epoch.tolist())
    [0, 1, 2, 3]
    """

    def __init__(self, *tensors: Tensor, batch_size: int, seeds: int | Sequence[int]):
        self.stacked = hasattr(seeds, "__len__")
        self.seeds = tuple(to_int(seed) for seed in (seeds if self.stacked else (seeds,)))
        lead = 2 if self.stacked else 1
        if not tensors or any(t.ndim < lead for t in tensors):
            raise ValueError(
                f"tensors: expected at least one, each with {lead} leading dimensions, got {_shapes(tensors)}"
            )
        if any(t.shape[:lead] != tensors[0].shape[:lead] for t in tensors):
            raise ValueError(
                f"tensors: expected the same number of samples in each, got shapes {_shapes(tensors)}"
            )
        if self.stacked and tensors[0].shape[0] != len(self.seeds):
            raise ValueError(
                f"tensors: expected a leading dimension of {len(self.seeds)} seeds, got {_shapes(tensors)}"
            )
        if tensors[0].shape[lead - 1] < 1 or batch_size < 1:
            raise ValueError(
                f"batch_size: expected at least 1, of at least one sample, got {batch_size} of "
                f"{_shapes(tensors)}"
            )
        self.tensors, self.batch_size = tensors, batch_size
        self.size = tensors[0].shape[lead - 1]
        self._orders: dict[int, Tensor] = {}
        if self.stacked:
            self._end_to_end = tuple(t.flatten(0, 1) for t in tensors)
            self._first_rows = self.size * torch.arange(len(self.seeds), device=tensors[0].device)[:, None]

    def __call__(self, step: int) -> tuple[Tensor, ...]:
        index = self.indices(step)
        if not self.stacked:
            return tuple(t.index_select(0, index[0]) for t in self.tensors)
        # Rows of all seeds laid end to end: one index_select is much quicker than indexing by (seed, sample).
        index = (index + self._first_rows).flatten()
        return tuple(t.index_select(0, index).unflatten(0, (-1, self.batch_size)) for t in self._end_to_end)

    def indices(self, step: int) -> Tensor:
        """Sample numbers of the batch of `step`, shape (S, B); S = 1 for one seed."""
        start = step * self.batch_size
        parts, end = [], start + self.batch_size
        while start < end:
            epoch, offset = divmod(start, self.size)
            parts.append(self._order(epoch)[:, offset : offset + end - start])
            start += parts[-1].shape[1]
        return torch.cat(parts, dim=1)

    def _order(self, epoch: int) -> Tensor:
        if epoch not in self._orders:
            orders = [_permutation(self.size, seed, epoch) for seed in self.seeds]
            self._orders = {
                k: v for k, v in self._orders.items() if abs(k - epoch) <= 1
            }  # no more than is in use
            self._orders[epoch] = torch.stack(orders).to(self.tensors[0].device)
        return self._orders[epoch]

    def __repr__(self) -> str:
        return (
            f"Batches(shapes={_shapes(self.tensors)}, batch_size={self.batch_size}, seeds={list(self.seeds)})"
        )


def _permutation(n: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(n, generator=torch.Generator().manual_seed(1_000_003 * seed + epoch))


def _shapes(tensors: Sequence[Tensor]) -> list[tuple[int, ...]]:
    return [tuple(t.shape) for t in tensors]
