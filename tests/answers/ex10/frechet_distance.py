# ruff: noqa
# Answers to frechet_distance: each block is what a learner might write. The text after `->` must be in the feedback.
import numpy as np
import torch
from scipy import linalg


def root(matrix):
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T


def cov(x):
    c = x - x.mean(0)
    return c.T @ c / (len(x) - 1)


# %% right: scipy's matrix root
def frechet_distance(features, other):
    x, y = features.double().numpy(), other.double().numpy()
    a, b = np.atleast_2d(np.cov(x, rowvar=False)), np.atleast_2d(np.cov(y, rowvar=False))
    middle = linalg.sqrtm(a @ b).real
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * middle)


# %% right: eigenvalues of the product
def frechet_distance(features, other):
    a, b = cov(features), cov(other)
    cross = torch.linalg.eigvals(a @ b).sqrt().real.sum()
    return (features.mean(0) - other.mean(0)).square().sum() + a.trace() + b.trace() - 2 * cross


# %% right: the symmetric product
def frechet_distance(features, other):
    a, b = cov(features), cov(other)
    middle = root(a) @ b @ root(a)
    cross = torch.linalg.eigvalsh(middle).clamp(min=0).sqrt().sum()
    return (features.mean(0) - other.mean(0)).pow(2).sum() + torch.trace(a + b) - 2 * cross


# %% right: singular values of the product of roots
def frechet_distance(x, y):
    a, b = cov(x.double()), cov(y.double())
    cross = torch.linalg.matrix_norm(root(a) @ root(b), ord="nuc")
    return torch.dist(x.double().mean(0), y.double().mean(0)) ** 2 + a.trace() + b.trace() - 2 * cross


# %% right: Cholesky factors
def frechet_distance(x, y):
    a, b = cov(x.double()), cov(y.double())
    left, right = torch.linalg.cholesky(a), torch.linalg.cholesky(b)
    cross = torch.linalg.svdvals(left.T @ right).sum()
    return (x.mean(0) - y.mean(0)).square().sum() + a.trace() + b.trace() - 2 * cross


# %% right: from the centred rows themselves
def frechet_distance(x, y):
    x, y = x.double(), y.double()
    u, v = ((z - z.mean(0)) / (len(z) - 1) ** 0.5 for z in (x, y))
    cross = torch.linalg.svdvals(u @ v.T).sum()
    return (x.mean(0) - y.mean(0)).square().sum() + u.square().sum() + v.square().sum() - 2 * cross


# %% right: a number, not below 0
def frechet_distance(x, y):
    x, y = x.double(), y.double()
    a, b = (torch.atleast_2d(torch.cov(z.T)) for z in (x, y))
    values = torch.linalg.eigvals(a @ b).real.clamp(min=0)
    distance = (x.mean(0) - y.mean(0)) @ (x.mean(0) - y.mean(0)) + (a + b).trace() - 2 * values.sqrt().sum()
    return max(0.0, distance.item())


# %% right: generalised eigenvalues
def frechet_distance(x, y):
    x, y = x.double().numpy(), y.double().numpy()
    a, b = np.atleast_2d(np.cov(x.T)), np.atleast_2d(np.cov(y.T))
    values = linalg.eigvalsh(a, np.linalg.inv(b))
    d = x.mean(axis=0) - y.mean(axis=0)
    return float(d @ d + np.trace(a) + np.trace(b) - 2 * np.sqrt(np.maximum(values, 0)).sum())


# %% right: diagonalised by eig
def frechet_distance(x, y):
    a, b = cov(x.double()), cov(y.double())
    values, vectors = torch.linalg.eig(a @ b)
    middle = (vectors @ values.sqrt().diag() @ torch.linalg.inv(vectors)).real
    return ((x - y.mean(0)).mean(0) ** 2).sum() + torch.trace(a + b - 2 * middle)


# %% right: Newton's iteration for the root
def frechet_distance(x, y):
    a, b = cov(x.double()), cov(y.double())
    m = a @ b
    scale = m.norm()
    Y, Z, I = m / scale, torch.eye(len(m), dtype=m.dtype), torch.eye(len(m), dtype=m.dtype)
    for _ in range(60):
        T = (3 * I - Z @ Y) / 2
        Y, Z = Y @ T, T @ Z
    return (x.mean(0) - y.mean(0)).square().sum() + a.trace() + b.trace() - 2 * (Y * scale.sqrt()).trace()


# %% right: loops
def frechet_distance(x, y):
    sets = [x.double(), y.double()]
    means = [z.sum(0) / len(z) for z in sets]
    covs = []
    for z, m in zip(sets, means):
        D = z.shape[1]
        c = torch.zeros(D, D, dtype=torch.float64)
        for row in z:
            c += torch.outer(row - m, row - m)
        covs.append(c / (len(z) - 1))
    cross = torch.linalg.eigvals(covs[1] @ covs[0]).real.clamp(min=0).sqrt().sum()
    total = 0.0
    for d in range(len(means[0])):
        total += (means[0][d] - means[1][d]) ** 2 + covs[0][d, d] + covs[1][d, d]
    return total - 2 * cross


# %% right: an array of one number
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    middle = linalg.sqrtm((a @ b).numpy()).real
    value = (x.mean(0) - y.mean(0)).square().sum() + a.trace() + b.trace() - 2 * np.trace(middle)
    return np.array([value])


# %% right: the library's own
def frechet_distance(features, other):
    from kdcourse.evaluation import frechet_distance

    return frechet_distance(features, other)


# %% wrong: biased covariances -> divided by N and not by N − 1
def frechet_distance(x, y):
    a, b = (torch.atleast_2d(torch.cov(z.T, correction=0)) for z in (x, y))
    return (
        (x.mean(0) - y.mean(0)).square().sum()
        + a.trace()
        + b.trace()
        - 2 * root(root(a) @ b @ root(a)).trace()
    )


# %% wrong: no factor 2 -> The factor 2 before the root is missing
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    return (
        (x.mean(0) - y.mean(0)).square().sum() + a.trace() + b.trace() - root(root(a) @ b @ root(a)).trace()
    )


# %% wrong: plus -> The term with the root is added
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    return (x.mean(0) - y.mean(0)).square().sum() + (a + b).trace() + 2 * root(root(a) @ b @ root(a)).trace()


# %% wrong: the root by elements -> The root is taken of each element
def frechet_distance(x, y):
    a, b = cov(x.double()), cov(y.double())
    return (x.mean(0) - y.mean(0)).square().sum() + (a + b - 2 * (a @ b).abs().sqrt()).trace()


# %% wrong: the root by elements, NaN -> not finite
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    return (x.mean(0) - y.mean(0)).square().sum() + (a + b - 2 * (a @ b).sqrt()).sum()


# %% wrong: the element-wise product -> Only the variances enter
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    return (x.mean(0) - y.mean(0)).square().sum() + (a + b - 2 * (a * b).sqrt()).trace()


# %% wrong: the product of the roots -> only for matrices that commute
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    return (x.mean(0) - y.mean(0)).square().sum() + (a + b - 2 * root(a) @ root(b)).trace()


# %% wrong: no root -> The root of the product Σ₁Σ₂ is not taken
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    return (x.mean(0) - y.mean(0)).square().sum() + (a + b - 2 * a @ b).trace()


# %% wrong: the root of the trace -> The root is taken of the trace
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    return (x.mean(0) - y.mean(0)).square().sum() + (a + b).trace() - 2 * (a @ b).trace().sqrt()


# %% wrong: eigvalsh of the product -> believe that their matrix is symmetric
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    values = torch.linalg.eigvalsh(a @ b).clamp(min=0)
    return (x.mean(0) - y.mean(0)).square().sum() + (a + b).trace() - 2 * values.sqrt().sum()


# %% wrong: singular values of the product -> are not its eigenvalues
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    return (
        (x.mean(0) - y.mean(0)).square().sum()
        + (a + b).trace()
        - 2 * torch.linalg.svdvals(a @ b).sqrt().sum()
    )


# %% wrong: variances only -> Only the variances enter
def frechet_distance(x, y):
    a, b = x.var(0), y.var(0)
    return (x.mean(0) - y.mean(0)).square().sum() + (a + b - 2 * (a * b).sqrt()).sum()


# %% wrong: means only -> The covariances do not enter
def frechet_distance(x, y):
    return (x.mean(0) - y.mean(0)).square().sum()


# %% wrong: no means -> The means do not enter
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    return (a + b).trace() - 2 * root(root(a) @ b @ root(a)).trace()


# %% wrong: means not squared -> The distance of the means is not squared
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    return (x.mean(0) - y.mean(0)).norm() + (a + b).trace() - 2 * root(root(a) @ b @ root(a)).trace()


# %% wrong: mean over the features -> is averaged over the features
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    apart = torch.nn.functional.mse_loss(x.mean(0), y.mean(0))
    return apart + (a + b).trace() - 2 * root(root(a) @ b @ root(a)).trace()


# %% wrong: the root of it all -> The root of the whole is taken
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    whole = (x.mean(0) - y.mean(0)).square().sum() + (a + b).trace() - 2 * root(root(a) @ b @ root(a)).trace()
    return whole.clamp(min=0).sqrt()


# %% wrong: rows not centred -> The rows are not centred
def frechet_distance(x, y):
    a, b = x.T @ x / len(x), y.T @ y / len(y)
    return (x.mean(0) - y.mean(0)).square().sum() + (a + b).trace() - 2 * root(root(a) @ b @ root(a)).trace()


# %% wrong: not divided -> not divided by N − 1
def frechet_distance(x, y):
    a, b = cov(x) * (len(x) - 1), cov(y) * (len(y) - 1)
    return (x.mean(0) - y.mean(0)).square().sum() + (a + b).trace() - 2 * root(root(a) @ b @ root(a)).trace()


# %% wrong: correlations -> These are correlations
def frechet_distance(x, y):
    a, b = torch.corrcoef(x.T), torch.corrcoef(y.T)
    return (x.mean(0) - y.mean(0)).square().sum() + (a + b).trace() - 2 * root(root(a) @ b @ root(a)).trace()


# %% wrong: rows taken for variables -> Two shapes do not fit
def frechet_distance(x, y):
    a, b = torch.cov(x), torch.cov(y)
    return (x.mean(0) - y.mean(0)).square().sum() + (a + b).trace() - 2 * root(root(a) @ b @ root(a)).trace()


# %% wrong: means of the rows -> Two shapes do not fit
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    return (x.mean(1) - y.mean(1)).square().sum() + (a + b).trace() - 2 * root(root(a) @ b @ root(a)).trace()


# %% wrong: rows in pairs -> Two shapes do not fit
def frechet_distance(x, y):
    return (x - y).square().sum(1).mean()


# %% wrong: Frobenius -> the squared Frobenius distance
def frechet_distance(x, y):
    return (x.mean(0) - y.mean(0)).square().sum() + (cov(x) - cov(y)).square().sum()


# %% wrong: the matrix -> This is a matrix
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    return (x.mean(0) - y.mean(0)).square().sum() + a + b - 2 * root(root(a) @ b @ root(a))


# %% wrong: complex -> returns a complex number
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    return (
        (x.mean(0) - y.mean(0)).square().sum()
        + (a + b).trace()
        - 2 * torch.linalg.eigvals(a @ b).sqrt().sum()
    )


# %% wrong: all elements of the matrix -> its trace is the sum of its diagonal
def frechet_distance(x, y):
    x, y = x.double(), y.double()
    a, b = cov(x).numpy().reshape(x.shape[1], -1), cov(y).numpy().reshape(x.shape[1], -1)
    return float((x.mean(0) - y.mean(0)).square().sum()) + (a + b - 2 * linalg.sqrtm(a @ b).real).sum()


# %% wrong: eigenvalues without the root -> The root of the product Σ₁Σ₂ is not taken
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    return (
        (x.mean(0) - y.mean(0)).square().sum() + (a + b).trace() - 2 * torch.linalg.eigvals(a @ b).real.sum()
    )


# %% wrong: the root's trace, with a ridge -> The value is not right
def frechet_distance(x, y):
    a, b = cov(x.double()), cov(y.double())
    a, b = a + 0.1 * torch.eye(len(a)), b + 0.1 * torch.eye(len(b))
    return (
        (x.mean(0) - y.mean(0)).square().sum()
        + (a + b).trace()
        - 2 * root(root(a) @ b @ root(a)).trace()
        + 0.01
    )


# %% wrong: biased and no factor 2 -> Two things.
def frechet_distance(x, y):
    a, b = (torch.atleast_2d(torch.cov(z.T, correction=0)) for z in (x, y))
    return (
        (x.mean(0) - y.mean(0)).square().sum() + a.trace() + b.trace() - root(root(a) @ b @ root(a)).trace()
    )


# %% wrong: the sign -> The sign is wrong
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    return -(x.mean(0) - y.mean(0)).square().sum() - (a + b).trace() + 2 * root(root(a) @ b @ root(a)).trace()


# %% wrong: minus the covariances -> The part of the covariances is subtracted
def frechet_distance(x, y):
    a, b = cov(x), cov(y)
    return (x.mean(0) - y.mean(0)).square().sum() - (
        (a + b).trace() - 2 * root(root(a) @ b @ root(a)).trace()
    )


# %% wrong: of the smaller number of rows -> The value is not right
def frechet_distance(x, y):
    n = min(len(x), len(y))
    a, b = cov(x[:n]), cov(y[:n])
    return (
        (x[:n].mean(0) - y[:n].mean(0)).square().sum()
        + (a + b).trace()
        - 2 * root(root(a) @ b @ root(a)).trace()
    )


# %% wrong: centred in place -> changes its argument `features`
def frechet_distance(x, y):
    m, n = x.mean(0), y.mean(0)
    x -= m
    y -= n
    a, b = x.T @ x / (len(x) - 1), y.T @ y / (len(y) - 1)
    return (m - n).square().sum() + (a + b).trace() - 2 * root(root(a) @ b @ root(a)).trace()


# %% wrong: True -> True or False
def frechet_distance(x, y):
    return bool((cov(x) == cov(y)).all()) if x.shape == y.shape else False


# %% wrong: a ridge, always -> With features of size 1e-3
def frechet_distance(x, y):
    a, b = (torch.atleast_2d(torch.cov(z.T)) + 1e-6 * torch.eye(z.shape[1]) for z in (x, y))
    roots = torch.linalg.eigvals(a @ b).real.clamp(min=0).sqrt()
    return (x.mean(0) - y.mean(0)).square().sum() + a.trace() + b.trace() - 2 * roots.sum()


# %% trivial: zero
def frechet_distance(x, y):
    return 0.0


# %% trivial: NaN
def frechet_distance(x, y):
    return float("nan")


# %% trivial: nothing
def frechet_distance(x, y):
    pass


# %% trivial: not written
def frechet_distance(x, y):
    raise NotImplementedError


# %% trivial: the features
def frechet_distance(x, y):
    return x
