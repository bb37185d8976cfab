# ruff: noqa
# Answers to pearson_distance: each block is what a learner might write.
import torch
import torch.nn as nn
import torch.nn.functional as F


# %% right: centred rows and norms
def pearson_distance(student, teacher):
    s = student - student.mean(1, keepdim=True)
    t = teacher - teacher.mean(1, keepdim=True)
    return 1 - (s * t).sum(1) / (s.norm(dim=1) * t.norm(dim=1) + 1e-8)


# %% right: cosine similarity of centred rows, as in the authors' code
def pearson_distance(y_s, y_t, eps=1e-8):
    return 1 - F.cosine_similarity(
        y_s - y_s.mean(1).unsqueeze(1), y_t - y_t.mean(1).unsqueeze(1), dim=1, eps=eps
    )


# %% right: covariance and variances
def pearson_distance(s, t):
    cov = ((s - s.mean(1, keepdim=True)) * (t - t.mean(1, keepdim=True))).mean(1)
    var = s.var(1, correction=0) * t.var(1, correction=0)
    return 1 - cov / (var + 1e-12).sqrt()


# %% right: row by row
def pearson_distance(s, t):
    found = []
    for a, b in zip(s, t):
        a, b = a - a.mean(), b - b.mean()
        found.append(1 - a @ b / ((a @ a) * (b @ b) + 1e-14).sqrt())
    return torch.stack(found)


# %% right: constant rows apart
def pearson_distance(s, t):
    s, t = s - s.mean(1, keepdim=True), t - t.mean(1, keepdim=True)
    size = s.square().sum(1) * t.square().sum(1)
    constant = size < 1e-16
    return 1 - (s * t).sum(1) / torch.where(constant, torch.ones_like(size), size).sqrt()


# %% right: half the squared distance of unit vectors
def pearson_distance(s, t):
    def unit(z):
        z = z - z.mean(1, keepdim=True)
        return z / (z.square().sum(1, keepdim=True) + 1e-12).sqrt()

    return 1 - (unit(s) * unit(t.detach())).sum(1)


# %% right: normalize and einsum, in float64
def pearson_distance(s, t):
    s, t = (F.normalize(z.double() - z.double().mean(1, keepdim=True), dim=1, eps=1e-10) for z in (s, t))
    return 1 - torch.einsum("bc,bc->b", s, t)


# %% wrong: correlation -> This is the correlation itself
def pearson_distance(s, t):
    s, t = s - s.mean(1, keepdim=True), t - t.mean(1, keepdim=True)
    return F.cosine_similarity(s, t)


# %% wrong: cosine -> The means are not subtracted
def pearson_distance(s, t):
    return 1 - F.cosine_similarity(s, t)


# %% wrong: centred over the batch -> The means are taken over the batch
def pearson_distance(s, t):
    return 1 - F.cosine_similarity(s - s.mean(0), t - t.mean(0))


# %% wrong: only the student centred -> Only the student is centred
def pearson_distance(s, t):
    return 1 - F.cosine_similarity(s - s.mean(1, keepdim=True), t)


# %% wrong: divisors mixed -> give both the same divisor
def pearson_distance(s, t):
    cov = ((s - s.mean(1, keepdim=True)) * (t - t.mean(1, keepdim=True))).mean(1)
    return 1 - cov / (s.std(1) * t.std(1) + 1e-8)


# %% wrong: covariance -> This is the covariance
def pearson_distance(s, t):
    return 1 - ((s - s.mean(1, keepdim=True)) * (t - t.mean(1, keepdim=True))).mean(1)


# %% wrong: squared -> The correlation is squared
def pearson_distance(s, t):
    s, t = s - s.mean(1, keepdim=True), t - t.mean(1, keepdim=True)
    return 1 - F.cosine_similarity(s, t) ** 2


# %% wrong: without its sign -> loses its sign
def pearson_distance(s, t):
    s, t = s - s.mean(1, keepdim=True), t - t.mean(1, keepdim=True)
    return 1 - F.cosine_similarity(s, t).abs()


# %% wrong: plus -> 1 minus the correlation, not 1 plus it
def pearson_distance(s, t):
    s, t = s - s.mean(1, keepdim=True), t - t.mean(1, keepdim=True)
    return 1 + F.cosine_similarity(s, t)


# %% wrong: mean over the batch -> Your result has the shape
def pearson_distance(s, t):
    s, t = s - s.mean(1, keepdim=True), t - t.mean(1, keepdim=True)
    return (1 - F.cosine_similarity(s, t)).mean()


# %% wrong: columns -> Your result has the shape
def pearson_distance(s, t):
    s, t = s - s.mean(0), t - t.mean(0)
    return 1 - F.cosine_similarity(s, t, dim=0)


# %% wrong: norms without care -> not finite
def pearson_distance(s, t):
    s, t = s - s.mean(1, keepdim=True), t - t.mean(1, keepdim=True)
    return 1 - (s * t).sum(1) / (s.norm(dim=1) * t.norm(dim=1))


# %% wrong: the value saved, the gradient not -> gradient is not finite
def pearson_distance(s, t):
    s, t = s - s.mean(1, keepdim=True), t - t.mean(1, keepdim=True)
    r = (s * t).sum(1) / (s.square().sum(1).sqrt() * t.square().sum(1).sqrt())
    return 1 - torch.nan_to_num(r)


# %% wrong: corrcoef -> not finite
def pearson_distance(s, t):
    return 1 - torch.stack([torch.corrcoef(torch.stack([a, b]))[0, 1] for a, b in zip(s, t)])


# %% wrong: zero where there is no correlation -> its distance is 0
def pearson_distance(s, t):
    s, t = s - s.mean(1, keepdim=True), t - t.mean(1, keepdim=True)
    size = (s.square().sum(1) * t.square().sum(1) + 1e-16).sqrt()
    return torch.where(size < 1e-7, size * 0, 1 - (s * t).sum(1) / size)


# %% wrong: student detached -> The graph is cut
def pearson_distance(s, t):
    s, t = s - s.mean(1, keepdim=True), t - t.mean(1, keepdim=True)
    return 1 - F.cosine_similarity(s.detach(), t) + 0 * s.sum(1)


# %% wrong: norm detached -> norm is detached
def pearson_distance(s, t):
    s, t = s - s.mean(1, keepdim=True), t - t.mean(1, keepdim=True)
    return 1 - (s * t).sum(1) / (s.norm(dim=1).detach() * t.norm(dim=1) + 1e-8)


# %% wrong: large eps -> The value is not right
def pearson_distance(s, t):
    s, t = s - s.mean(1, keepdim=True), t - t.mean(1, keepdim=True)
    return 1 - (s * t).sum(1) / (s.norm(dim=1) * t.norm(dim=1) + 1e-2)


# %% wrong: in place -> An in-place operation
def pearson_distance(s, t):
    s -= s.mean(1, keepdim=True)
    t -= t.mean(1, keepdim=True)
    return 1 - F.cosine_similarity(s, t)


# %% trivial: ones
def pearson_distance(s, t):
    return torch.ones(len(s))


# %% trivial: one
def pearson_distance(s, t):
    return 1.0


# %% trivial: NaN
def pearson_distance(s, t):
    return s.sum(1) * float("nan")


# %% trivial: the input
def pearson_distance(s, t):
    return s
