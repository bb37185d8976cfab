"""Known mistakes of reading stored logits under shuffling."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from kdcourse.grading.function_task import Wrong

BY_STEP = (
    "The rows are taken by the number of the batch. That fits only a loader that never shuffles: with "
    "shuffling each image gets another image's teacher. Take the rows that `sample_ids` names."
)


def reading_mistakes() -> Iterator[Wrong]:
    def rows(which: Callable[..., Tensor], sentence: str) -> Wrong:
        """`which` makes the row numbers of (ids, step, B, N)."""
        return Wrong(lambda store, ids, step: store[which(ids.long(), step, len(ids), len(store))], sentence)

    def block(start: int, B: int) -> Tensor:
        return start + torch.arange(B)

    by_position = (
        "The first B rows are returned: a sample's position in the batch is not its number in the dataset. "
        "Take the rows that `sample_ids` names."
    )
    yield rows(lambda ids, step, B, N: block(0, B), by_position)
    yield rows(lambda ids, step, B, N: block(step * B, B), BY_STEP)
    yield rows(lambda ids, step, B, N: block(step * B, B) % N, BY_STEP)
    yield rows(lambda ids, step, B, N: block(step * B, B).clamp(max=N - 1), BY_STEP)
    yield rows(lambda ids, step, B, N: block(min(step * B, N - B), B), BY_STEP)
    yield rows(lambda ids, step, B, N: block((step - 1) * B, B) % N, BY_STEP)
    yield rows(lambda ids, step, B, N: block((step + 1) * B, B) % N, BY_STEP)
    yield rows(lambda ids, step, B, N: block(step, B) % N, BY_STEP)
    yield rows(lambda ids, step, B, N: torch.full((B,), step % N), "All samples get the row number `step`.")
    both = (
        "`sample_ids` are numbers in the whole dataset already; nothing of `step` is to be added. The step "
        "plays no part."
    )
    for sign in (1, -1):
        yield rows(lambda ids, step, B, N, sign=sign: (ids + sign * step * B) % N, both)
        yield rows(lambda ids, step, B, N, sign=sign: (ids + sign * step) % N, both)
    yield rows(lambda ids, step, B, N: (ids + step * B).clamp(max=N - 1), both)
    yield rows(lambda ids, step, B, N: (ids - step * B).clamp(min=0), both)
    order = "The rows are the right ones in another order: row b of the result belongs to `sample_ids[b]`."
    yield rows(lambda ids, step, B, N: ids.sort().values, "The ids are sorted. " + order)
    yield rows(
        lambda ids, step, B, N: ids.sort(descending=True).values, "The ids are sorted, downwards. " + order
    )
    yield rows(lambda ids, step, B, N: ids.flip(0), "The batch is reversed. " + order)
    yield rows(lambda ids, step, B, N: ids.roll(1), "The batch is shifted by one. " + order)
    yield rows(lambda ids, step, B, N: ids.roll(-1), "The batch is shifted by one. " + order)
    yield rows(
        lambda ids, step, B, N: ids.argsort(),
        "`argsort` gives positions in the batch, not numbers of samples; use the ids themselves.",
    )
    yield rows(
        lambda ids, step, B, N: ids.argsort().argsort(),
        "These are the ranks of the ids in the batch; use the ids themselves.",
    )
    yield rows(
        lambda ids, step, B, N: ids % B,
        "The ids are taken modulo the size of the batch; the store has all N samples.",
    )
    yield rows(
        lambda ids, step, B, N: ids - ids.min(), "The smallest id is subtracted; the store begins at 0."
    )
    yield rows(lambda ids, step, B, N: (ids + 1) % N, "The ids are shifted by one; the store begins at 0.")
    yield rows(lambda ids, step, B, N: (ids - 1) % N, "The ids are shifted by one; the store begins at 0.")
    yield rows(lambda ids, step, B, N: N - 1 - ids, "The store is read backwards.")
    yield rows(
        lambda ids, step, B, N: block(N - B, B), "The last B rows are returned; take those of `sample_ids`."
    )
    yield rows(
        lambda ids, step, B, N: (ids[0] + torch.arange(B)) % N,
        "The rows follow the first id; the ids of a shuffled batch are not consecutive.",
    )
    yield rows(
        lambda ids, step, B, N: (ids.min() + torch.arange(B)) % N,
        "The rows follow the smallest id; the ids of a shuffled batch are not consecutive.",
    )
    yield rows(lambda ids, step, B, N: ids[:1].expand(B), "Every sample gets the row of the first.")
    yield Wrong(
        lambda store, ids, step: store[ids].softmax(1),
        "These are probabilities; the store has logits, and they are to be returned as they are.",
    )
    yield Wrong(
        lambda store, ids, step: store[ids].log_softmax(1),
        "These are log-probabilities; the store has logits, and they are to be returned as they are.",
    )
    yield Wrong(
        lambda store, ids, step: F.one_hot(store[ids].argmax(1), store.shape[1]).double(),
        "The teacher's answer is made hard with `argmax`; return its logits.",
    )
    yield Wrong(
        lambda store, ids, step: store[ids] - store[ids].mean(1, keepdim=True),
        "The rows are centred; return them as they are.",
    )
    yield Wrong(
        lambda store, ids, step: store[ids] - store[ids].amax(1, keepdim=True),
        "The maximum is subtracted; return the rows as they are.",
    )
    yield Wrong(
        lambda store, ids, step: store[ids].mean(0, keepdim=True).expand(len(ids), -1),
        "Every sample gets the mean of the batch.",
    )
    for kind in (torch.float16, torch.bfloat16):
        yield Wrong(
            lambda store, ids, step, kind=kind: store[ids].to(kind).double(),
            f"The logits are rounded to {str(kind).removeprefix('torch.')}; return them as they are stored.",
        )
    yield Wrong(
        lambda store, ids, step: store[ids].round(), "The logits are rounded; return them as they are stored."
    )
