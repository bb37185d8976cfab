"""Mistakes of a formula that is put together from parts: each part is exchanged, alone and with another."""

from collections.abc import Callable, Iterator
from itertools import combinations

from torch import Tensor

from kdcourse.grading.function_task import Wrong

Parts = dict[str, list[Wrong]]  # by the keyword under which the formula takes the part


def with_parts(whole: Callable[..., Tensor], parts: Parts) -> Iterator[Wrong]:
    """Single mistakes, then two of different parts together."""
    yield from single_mistakes(whole, parts)
    yield from double_mistakes(whole, parts)


def single_mistakes(whole: Callable[..., Tensor], parts: Parts) -> Iterator[Wrong]:
    for part, mistakes in parts.items():
        for function, sentence in mistakes:
            yield Wrong(_exchanged(whole, **{part: function}), sentence)


def double_mistakes(whole: Callable[..., Tensor], parts: Parts) -> Iterator[Wrong]:
    for (one, mistakes), (other, others) in combinations(parts.items(), 2):
        for first in mistakes:
            for second in others:
                yield Wrong(
                    _exchanged(whole, **{one: first.function, other: second.function}),
                    f"Two things. {first.sentence} And: {second.sentence}",
                )


def _exchanged(whole: Callable[..., Tensor], **chosen: Callable) -> Callable[..., Tensor]:
    return lambda *args: whole(*args, **chosen)
