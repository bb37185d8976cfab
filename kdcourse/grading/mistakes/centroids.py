"""The nearest class mean, and known mistakes of looking for it."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from kdcourse.grading.function_task import Wrong


def squares(queries: Tensor, points: Tensor) -> Tensor:
    """Squared distances of every query to every point, (Q, n)."""
    return (queries[:, None] - points[None]).square().sum(2)


def means(support: Tensor, labels: Tensor, C: int) -> Tensor:
    """(C, D): the class means; infinitely far away for a class without support."""
    rows = [support[labels == c] for c in range(C)]
    return torch.stack([part.mean(0) if len(part) else torch.full_like(support[0], 1e30) for part in rows])


def nearest(support: Tensor, labels: Tensor, queries: Tensor, C: int) -> Tensor:
    return squares(queries, means(support, labels, C)).argmin(1)


def centroid_mistakes() -> Iterator[Wrong]:
    def scored(score: Callable[..., Tensor], sentence: str) -> Wrong:
        """The class with the smallest score (Q, C), made from support, labels, queries and means."""

        def wrong(s: Tensor, y: Tensor, q: Tensor, C: int) -> Tensor:
            return score(s, y, q, means(s, y, C)).argmin(1)

        return Wrong(wrong, sentence)

    def per_class(reduce: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
        """Distances (Q, n_c) to the examples of each class, reduced to (Q,)."""

        def score(s: Tensor, y: Tensor, q: Tensor, m: Tensor) -> Tensor:
            far = torch.full((len(q),), torch.inf, dtype=q.dtype)
            parts = [s[y == c] for c in range(len(m))]
            return torch.stack([reduce(squares(q, p).sqrt()) if len(p) else far for p in parts], 1)

        return score

    def at_centres(change: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """Distances to other centres than the means."""
        return lambda s, y, q, m: squares(q, change(s, y, m)).nan_to_num(torch.inf)

    def counts(y: Tensor, m: Tensor) -> Tensor:
        return torch.bincount(y, minlength=len(m))[:, None]

    def unit(x: Tensor) -> Tensor:
        return x / x.norm(dim=1, keepdim=True).clamp(min=1e-12)

    yield Wrong(
        lambda s, y, q, C: y[squares(q, s).argmin(1)],
        "This is the label of the nearest *example*. Average the examples of each class first, then compare.",
    )
    yield Wrong(
        lambda s, y, q, C: squares(q, s).argmin(1),
        "This is the number of the nearest example; what is asked for is a class.",
    )
    yield scored(
        per_class(lambda d: d.mean(1)),
        "This is the class with the smallest *mean distance* to its examples. A class that is spread widely "
        "loses by that. Take the distance to the mean, not the mean of the distances.",
    )
    yield scored(
        per_class(lambda d: d.square().mean(1)),
        "This is the class with the smallest mean *squared distance* to its examples, which is the squared "
        "distance to the mean plus the spread of the class. Take the distance to the mean alone.",
    )
    yield scored(
        per_class(lambda d: d.sum(1)),
        "The distances to the examples of a class are added up: classes with many examples lose by that.",
    )
    yield scored(
        per_class(lambda d: d.amax(1)), "This looks at the farthest example of each class, not at its mean."
    )
    yield scored(
        at_centres(lambda s, y, m: torch.stack([s[y == c].sum(0) for c in range(len(m))])),
        "The examples of a class are added up and not divided by their number.",
    )
    yield scored(
        at_centres(lambda s, y, m: torch.stack([s[y == c].sum(0) for c in range(len(m))]) / len(s)),
        "The sums are divided by the number of all examples; divide by that of the class.",
    )
    yield scored(
        at_centres(lambda s, y, m: torch.stack([s[y == c].sum(0) for c in range(len(m))]) * len(m) / len(s)),
        "The sums are divided by the mean number of examples a class; classes have numbers of their own.",
    )
    yield scored(
        at_centres(lambda s, y, m: torch.where(counts(y, m) > 0, m, 0.0)),
        "A class without examples is put at the origin, by a division such as `/ counts.clamp(min=1)`, and "
        "queries are given to it. It must never be predicted: put it infinitely far away.",
    )
    yield scored(
        at_centres(
            lambda s, y, m: torch.stack(
                [s[y == c].median(0).values if (y == c).any() else m[c] for c in range(len(m))]
            )
        ),
        "These are the medians of the classes; take the means.",
    )

    def first_example(s: Tensor, y: Tensor, m: Tensor) -> Tensor:
        return torch.stack([s[y == c][0] if (y == c).any() else m[c] for c in range(len(m))])

    yield scored(at_centres(first_example), "Only the first example of each class is used; take the mean.")
    yield scored(
        at_centres(
            lambda s, y, m: torch.stack([s[y == c][-1] if (y == c).any() else m[c] for c in range(len(m))])
        ),
        "Only the last example of each class is used: a later one overwrites what was there. Add them up.",
    )

    def shrunk(s: Tensor, y: Tensor, q: Tensor, C: int) -> Tensor:
        m = means(s, y, C)
        n = counts(y, m).clamp(min=1)
        return squares(q, m * n / (n + 1)).argmin(1)

    yield Wrong(shrunk, "The sums are divided by one more than the number of examples.")
    yield Wrong(
        lambda s, y, q, C: squares(q, means(s, y, C)).masked_fill(counts(y, torch.empty(C)).T == 0, -1)
        .argmax(1),
        "This is the class that is farthest away: `argmin` of the distances, not `argmax`.",
    )  # fmt: skip
    yield scored(
        lambda s, y, q, m: (q[:, None] - m).abs().sum(2),
        "These are sums of absolute differences; the distance here is the Euclidean one.",
    )
    yield scored(
        lambda s, y, q, m: (q[:, None] - m).abs().amax(2),
        "This is the largest of the differences; the distance here is the Euclidean one.",
    )
    yield scored(
        lambda s, y, q, m: (q[:, None] - m).sum(2).abs(),
        "The differences are added up without being squared, so that they cancel.",
    )
    yield scored(
        lambda s, y, q, m: -(unit(q) @ unit(torch.where(counts(y, m) > 0, m, 0.0)).T),
        "This goes by the cosine, which does not see how long the vectors are; the distance here is the "
        "Euclidean one.",
    )

    def products(s: Tensor, y: Tensor, q: Tensor, m: Tensor) -> Tensor:
        scores = q @ torch.where(counts(y, m) > 0, m, 0.0).T
        return -scores.masked_fill(counts(y, m).T == 0, -torch.inf)

    yield scored(
        products,
        "This goes by the product of query and mean. In |q − m|² = |q|² − 2 q·m + |m|² only |q|² is the same "
        "for all classes; |m|² is missing.",
    )
    yield scored(
        lambda s, y, q, m: products(s, y, q, m) + m.square().sum(1),
        "The product counts once; in |q − m|² = |q|² − 2 q·m + |m|² it counts twice.",
    )
    yield Wrong(
        lambda s, y, q, C: nearest(unit(s), y, unit(q), C),
        "The features are divided by their lengths first; leave them as they are.",
    )
    yield Wrong(
        lambda s, y, q, C: nearest(s / s.std(0), y, q / s.std(0), C),
        "Each feature is divided by its standard deviation first; leave them as they are.",
    )
    yield Wrong(
        lambda s, y, q, C: nearest(s - s.mean(0), y, q - q.mean(0), C),
        "Examples and queries are centred each by their own mean; leave them as they are.",
    )
    yield Wrong(
        lambda s, y, q, C: nearest(s - s.mean(0), y, q, C),
        "The examples are centred and the queries are not.",
    )
    yield Wrong(
        lambda s, y, q, C: torch.stack([part.mean(0) for part in s.chunk(C)]).sub(q[:, None]).norm(dim=2)
        .argmin(1),
        "The examples are taken to lie class by class, equally many; go by `support_labels`.",
    )  # fmt: skip
    yield Wrong(
        lambda s, y, q, C: nearest(s, y.sort().values, q, C),
        "The labels are sorted and the examples are not: each example keeps its own label.",
    )
    yield Wrong(
        lambda s, y, q, C: squares(q, means(s, y, C)[y.unique()]).argmin(1),
        "The answer is a position in the list of the classes that occur, not the class: after `unique()` the "
        "two differ where a class has no example.",
    )
    yield Wrong(
        lambda s, y, q, C: nearest(s, y, q, C) + 1, "The classes are numbered from 1 on; they begin with 0."
    )

    def prior(s: Tensor, y: Tensor, q: Tensor, m: Tensor) -> Tensor:
        return squares(q, m) / counts(y, m).T.clamp(min=1)

    yield scored(prior, "The distance is divided by the number of examples; frequency plays no part here.")

    def vote(s: Tensor, y: Tensor, q: Tensor, C: int) -> Tensor:
        return y[squares(q, s).topk(min(3, len(s)), 1, largest=False).indices].mode(1).values

    yield Wrong(vote, "This is a vote of the three nearest examples; take the nearest class mean.")
