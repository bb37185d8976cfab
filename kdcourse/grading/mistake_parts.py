"""Mistakes of a formula that is put together from parts: each part is exchanged, alone and with another."""

from collections.abc import Callable, Iterator
from itertools import combinations

from torch import Tensor

from kdcourse.grading.function_task import Wrong


def with_parts(whole: Callable[..., Tensor], parts: dict[str, list[Wrong]]) -> Iterator[Wrong]:
    """Single mistakes, then two of different parts together."""

    def exchanged(**chosen: Callable) -> Callable[..., Tensor]:
        return lambda *args: whole(*args, **chosen)

    for part, mistakes in parts.items():
        for function, sentence in mistakes:
            yield Wrong(exchanged(**{part: function}), sentence)
    for (one, mistakes), (other, others) in combinations(parts.items(), 2):
        for first in mistakes:
            for second in others:
                yield Wrong(
                    exchanged(**{one: first.function, other: second.function}),
                    f"Two things. {first.sentence} And: {second.sentence}",
                )
