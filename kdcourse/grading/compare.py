"""Comparing numbers, and saying by what factor they differ."""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np


def close(got: Sequence[np.ndarray], want: Sequence[np.ndarray], rtol: float, atol: float) -> bool:
    """Equal up to rounding, measured against the largest entry; what is not finite must be so in both."""
    if len(got) != len(want):
        return False
    for a, b in zip(got, want, strict=True):
        finite = np.isfinite(b)
        if a.shape != b.shape or (np.isfinite(a) != finite).any():
            return False
        a, b = a[finite], b[finite]
        if b.size and np.abs(a - b).max() > atol + rtol * np.abs(b).max():
            return False
    return True


def ratio(got: Sequence[np.ndarray], want: Sequence[np.ndarray]) -> float | None:
    """The factor between two sets of numbers, if it is one factor for all of them."""
    a, b = (np.concatenate([part.ravel() for part in parts]) for parts in (got, want))
    if not (np.isfinite(a).all() and np.isfinite(b).all()) or not np.abs(b).max(initial=0) > 1e-9:
        return None
    factor = float(a @ b / (b @ b))
    return factor if np.abs(a - factor * b).max() <= 1e-3 * np.abs(factor * b).max() else None


def factor_in_words(factors: Sequence[float | None], sizes: Sequence[dict[str, float]]) -> str | None:
    """`1/C`, `T²` or `B·C` if that is the factor in every case."""
    if len(factors) < 3 or any(factor is None for factor in factors):
        return None
    # A size of 0, such as a weight at its end, divides nothing.
    names = [name for name in sizes[0] if all(other.get(name) for other in sizes)]
    for bottom in (False, True):
        for length in (1, 2):
            for chosen in combinations_with_replacement(names, length):
                products = [float(np.prod([size[name] for name in chosen])) for size in sizes]
                if all(
                    abs(f * (p if bottom else 1 / p) - 1) < 1e-3
                    for f, p in zip(factors, products, strict=True)
                ):
                    text = (
                        f"{chosen[0]}²" if len(chosen) == 2 and chosen[0] == chosen[1] else "·".join(chosen)
                    )
                    return (f"1/({text})" if len(text) > 2 else f"1/{text}") if bottom else text
    if max(factors) - min(factors) < 1e-3 * abs(max(factors)):
        return f"{factors[0]:.4g}"
    return None


def difference(got: Sequence[np.ndarray], want: Sequence[np.ndarray]) -> str:
    """How far apart, without the expected numbers themselves."""
    if not all(np.isfinite(part).all() for part in got):
        return "yours is not finite"
    factor = ratio(got, want)
    if factor is not None and abs(factor - 1) > 1e-9:
        return f"yours is {factor:.4g} times ours"
    gap = max(float(np.abs(a - b).max(initial=0)) for a, b in zip(got, want, strict=True))
    size = max(float(np.abs(b).max(initial=0)) for b in want)
    return f"they differ by up to {gap:.3g}, where ours reaches {size:.3g}"
