"""How close are generated images to real ones, as a whole?"""

import torch
from torch import Tensor


def frechet_distance(features: Tensor, other: Tensor) -> float:
    r"""Fréchet distance of two sets of features, each taken for a normal distribution.

    .. math:: \| \mu_1 - \mu_2 \|^2 + \mathrm{tr}\left(\Sigma_1 + \Sigma_2
              - 2 \left(\Sigma_1 \Sigma_2\right)^{1/2}\right)

    with the means and the (unbiased) covariances of the rows. With the features of Inception-v3 this is the
    FID. It is *biased*: two samples of the same distribution are apart by more, the fewer rows they have for
    their D (D + 1) / 2 covariances. Compare only distances from equally many rows, and print beside them the
    distance of two sets of real images of that size.

    Args:
        features: shape (N, D), N >= 2.
        other: shape (M, D), M >= 2.

    Returns:
        The distance in squared units of the features, computed in float64; 0 for equal means and covariances.

    Raises:
        ValueError: not two dimensions, unequal D, fewer than two rows, numbers that are not finite.

    Source:
        Heusel, Ramsauer, Unterthiner, Nessler & Hochreiter, "GANs Trained by a Two Time-Scale Update Rule
        Converge to a Local Nash Equilibrium", NeurIPS 2017, equation 6.

    Lecture:
        10_generative, section 3.

    >>> rows = torch.tensor([[0.0], [2.0]])  # mean 1, variance 2
    >>> round(frechet_distance(rows, 3 * rows), 4)  # means 1 and 3; standard deviations 1.41 and 4.24
    12.0
    """
    for name, x in (("features", features), ("other", other)):
        if x.ndim != 2 or len(x) < 2:
            raise ValueError(f"{name}: expected shape (N, D) with N >= 2, got {tuple(x.shape)}")
        if not torch.isfinite(x).all():
            raise ValueError(f"{name}: expected finite numbers; check what the network put out")
    if features.shape[1] != other.shape[1]:
        raise ValueError(f"other: expected {features.shape[1]} features a row, got {other.shape[1]}")
    first, second = features.detach().double(), other.detach().double()
    apart = (first.mean(dim=0) - second.mean(dim=0)).square().sum()
    a, b = (torch.atleast_2d(torch.cov(x.T)) for x in (first, second))
    # The trace of the root of A B is the sum of the singular values of A^(1/2) B^(1/2), which, unlike the
    # eigenvalues of A B, cannot come out negative or complex.
    cross = torch.linalg.svdvals(_root(a) @ _root(b)).sum()
    return max(0.0, (apart + a.trace() + b.trace() - 2 * cross).item())


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T
