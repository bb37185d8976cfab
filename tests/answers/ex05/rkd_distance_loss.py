# ruff: noqa
# Answers to rkd_distance_loss: each block is what a learner might write.
import functools

import torch
import torch.nn as nn
import torch.nn.functional as F


def dist(x):
    q = (x[:, None] - x[None]).square().sum(2)
    zero = q == 0
    return q.masked_fill(zero, 1.0).sqrt().masked_fill(zero, 0.0)


def relative(x):
    d = dist(x)
    return d / (d.sum() / (len(d) * (len(d) - 1)))


# %% right: torch.cdist
def rkd_distance_loss(s, t):
    def relative(x):
        d = torch.cdist(x, x)
        return d / (d.sum() / (len(x) * (len(x) - 1)))

    return F.smooth_l1_loss(relative(s), relative(t))


# %% right: cdist without matrix products, teacher detached
def rkd_distance_loss(s, t):
    n = s.size(0)
    mask = ~torch.eye(n, dtype=torch.bool)
    with torch.no_grad():
        dt = torch.cdist(t, t, compute_mode="donot_use_mm_for_euclid_dist")
        dt = dt / dt[mask].mean()
    ds = torch.cdist(s, s, compute_mode="donot_use_mm_for_euclid_dist")
    return F.smooth_l1_loss(ds / ds[mask].mean(), dt)


# %% right: Gram matrix, clamped, diagonal set to 0, as the authors' code
def rkd_distance_loss(s, t):
    def pdist(e):
        square = e.pow(2).sum(dim=1)
        res = (square.unsqueeze(1) + square.unsqueeze(0) - 2 * e @ e.t()).clamp(min=1e-12).sqrt()
        res = res.clone()
        res[range(len(e)), range(len(e))] = 0
        return res

    with torch.no_grad():
        td = pdist(t)
        td = td / td[td > 0].mean()
    d = pdist(s)
    d = d / d[d > 0].mean()
    return nn.SmoothL1Loss()(d, td)


# %% right: pdist, each pair counted twice
def rkd_distance_loss(s, t):
    ds, dt = F.pdist(s), F.pdist(t.detach())
    loss = F.smooth_l1_loss(ds / ds.mean(), dt / dt.mean(), reduction="sum")
    return 2 * loss / len(s) ** 2


# %% right: masked root
def rkd_distance_loss(s, t):
    return F.smooth_l1_loss(relative(s), relative(t.detach()))


# %% right: a norm, whose slope at 0 is 0 in PyTorch
def rkd_distance_loss(s, t):
    def relative(x):
        d = (x.unsqueeze(0) - x.unsqueeze(1)).norm(dim=-1)
        B = x.shape[0]
        return d / d.sum() * B * (B - 1)

    return F.smooth_l1_loss(relative(s), relative(t), reduction="mean")


# %% right: linalg.vector_norm, smooth L1 by hand
def rkd_distance_loss(s, t):
    def relative(x):
        d = torch.linalg.vector_norm(x[:, None] - x[None], dim=2)
        return d / (d.mean() * len(x) / (len(x) - 1))

    u = (relative(s) - relative(t)).abs()
    return torch.where(u < 1, 0.5 * u**2, u - 0.5).mean()


# %% right: 1e-12 under the root
def rkd_distance_loss(s, t):
    def relative(x):
        d = ((x[:, None] - x[None]).pow(2).sum(-1) + 1e-12).sqrt()
        off = ~torch.eye(len(x), dtype=torch.bool)
        return d * off / d[off].mean()

    return F.smooth_l1_loss(relative(s), relative(t))


# %% right: 1e-12 under the root, on the diagonal too
def rkd_distance_loss(s, t):
    def relative(x):
        d = torch.sqrt(((x[:, None] - x[None]) ** 2).sum(-1) + 1e-12)
        return d / d[~torch.eye(len(x), dtype=torch.bool)].mean()

    return F.smooth_l1_loss(relative(s), relative(t))


# %% right: clamped squares
def rkd_distance_loss(s, t):
    def relative(x):
        d = ((x[:, None] - x[None]) ** 2).sum(-1).clamp(min=1e-16).sqrt()
        return d / (d.sum() / (len(x) ** 2 - len(x)))

    return F.huber_loss(relative(s), relative(t), delta=1.0)


# %% right: loops over pairs
def rkd_distance_loss(s, t):
    B = s.shape[0]

    def pairs(x):
        return {(i, j): torch.norm(x[i] - x[j]) for i in range(B) for j in range(B) if i != j}

    ds, dt = pairs(s), pairs(t)
    ms, mt = sum(ds.values()) / len(ds), sum(dt.values()) / len(dt)
    total = 0.0
    for key in ds:
        total = total + F.smooth_l1_loss(ds[key] / ms, dt[key] / mt)
    return total / B**2


# %% right: upper triangle
def rkd_distance_loss(s, t):
    B = len(s)
    i, j = torch.triu_indices(B, B, offset=1)
    ds, dt = (s[i] - s[j]).norm(dim=1), (t[i] - t[j]).norm(dim=1)
    loss = F.smooth_l1_loss(ds / ds.mean(), dt / dt.mean())
    return loss * (B - 1) / B


# %% right: float64 inside
def rkd_distance_loss(s, t):
    return F.smooth_l1_loss(relative(s.double()), relative(t.double()))


# %% right: float32 inside
def rkd_distance_loss(s, t):
    return F.smooth_l1_loss(relative(s.float()), relative(t.float()))


# %% right: embeddings centred first, which changes no difference
def rkd_distance_loss(s, t):
    s, t = s - s.mean(0), t - t.mean(0)
    return F.smooth_l1_loss(relative(s), relative(t))


# %% right: the root of the mean square coordinate, whose factor cancels
def rkd_distance_loss(s, t):
    def relative(x):
        d = (x[:, None] - x[None]).norm(dim=2) / x.shape[1] ** 0.5
        return d / (d.sum() / (len(d) * (len(d) - 1)))

    return F.smooth_l1_loss(relative(s), relative(t))


# %% right: a module
class RKD(nn.Module):
    def forward(self, student, teacher):
        return F.smooth_l1_loss(relative(student), relative(teacher))


rkd_distance_loss = RKD()


# %% right: a lambda
rkd_distance_loss = lambda a, b: F.smooth_l1_loss(relative(a), relative(b))


# %% right: functools.partial
def general(beta, s, t):
    return F.smooth_l1_loss(relative(s), relative(t), beta=beta)


rkd_distance_loss = functools.partial(general, 1.0)


# %% wrong: angles -> distance and angle are exchanged
def rkd_distance_loss(s, t):
    def cosines(x):
        d = x[None] - x[:, None]
        n = d.norm(dim=2, keepdim=True)
        e = d / n.masked_fill(n == 0, torch.inf)
        return e @ e.mT

    return F.smooth_l1_loss(cosines(s), cosines(t))


# %% wrong: no mean -> not divided by their mean
def rkd_distance_loss(s, t):
    return F.smooth_l1_loss(torch.cdist(s, s), torch.cdist(t, t))


# %% wrong: mean over all entries -> mean over all B·B entries
def rkd_distance_loss(s, t):
    ds, dt = torch.cdist(s, s), torch.cdist(t, t)
    return F.smooth_l1_loss(ds / ds.mean(), dt / dt.mean())


# %% wrong: mean of the positive entries -> greater than 0
def rkd_distance_loss(s, t):
    ds, dt = torch.cdist(s, s), torch.cdist(t, t)
    return F.smooth_l1_loss(ds / ds[ds > 0].mean(), dt / dt[dt > 0].mean())


# %% wrong: the normaliser detached -> The normaliser is detached
def rkd_distance_loss(s, t):
    ds, dt = dist(s), dist(t)
    n = len(s) * (len(s) - 1)
    return F.smooth_l1_loss(ds / (ds.sum() / n).detach(), dt / (dt.sum() / n))


# %% wrong: the normaliser of the positive entries, detached -> The normaliser is detached
def rkd_distance_loss(s, t):
    ds, dt = torch.cdist(s, s), torch.cdist(t, t)
    with torch.no_grad():
        ms, mt = ds[ds > 0].mean(), dt[dt > 0].mean()
    return F.smooth_l1_loss(ds / ms, dt / mt)


# %% wrong: the normaliser as a number -> The normaliser is detached
def rkd_distance_loss(s, t):
    ds, dt = dist(s), dist(t)
    n = len(s) * (len(s) - 1)
    return F.smooth_l1_loss(ds / (ds.sum().item() / n), dt / (dt.sum().item() / n))


# %% wrong: squared distances -> the root is missing
def rkd_distance_loss(s, t):
    def relative(x):
        d = (x[:, None] - x[None]).square().sum(2)
        return d / (d.sum() / (len(d) * (len(d) - 1)))

    return F.smooth_l1_loss(relative(s), relative(t))


# %% wrong: squared and not normalised -> Two things
def rkd_distance_loss(s, t):
    return F.smooth_l1_loss((s[:, None] - s[None]).square().sum(2), (t[:, None] - t[None]).square().sum(2))


# %% wrong: city-block distances -> city-block
def rkd_distance_loss(s, t):
    def relative(x):
        d = torch.cdist(x, x, p=1)
        return d / (d.sum() / (len(d) * (len(d) - 1)))

    return F.smooth_l1_loss(relative(s), relative(t))


# %% wrong: mean squared error -> The differences are squared
def rkd_distance_loss(s, t):
    return F.mse_loss(relative(s), relative(t))


# %% wrong: half the squared error -> squared and halved everywhere
def rkd_distance_loss(s, t):
    return 0.5 * F.mse_loss(relative(s), relative(t))


# %% wrong: plain L1 -> plain L1
def rkd_distance_loss(s, t):
    return F.l1_loss(relative(s), relative(t))


# %% wrong: smooth L1 with another beta -> beta 0.5
def rkd_distance_loss(s, t):
    return F.smooth_l1_loss(relative(s), relative(t), beta=0.5)


# %% wrong: Huber with another delta -> squared and halved
def rkd_distance_loss(s, t):
    return F.huber_loss(relative(s), relative(t), delta=2.0)


# %% wrong: mean over the pairs -> mean is over the B(B − 1) pairs
def rkd_distance_loss(s, t):
    ds, dt = F.pdist(s), F.pdist(t)
    return F.smooth_l1_loss(ds / ds.mean(), dt / dt.mean())


# %% wrong: summed -> The entries are summed
def rkd_distance_loss(s, t):
    return F.smooth_l1_loss(relative(s), relative(t), reduction="sum")


# %% wrong: divided by B -> The sum is divided by B
def rkd_distance_loss(s, t):
    return F.smooth_l1_loss(relative(s), relative(t), reduction="sum") / len(s)


# %% wrong: pairs counted once -> counts once
def rkd_distance_loss(s, t):
    ds, dt = F.pdist(s), F.pdist(t)
    return F.smooth_l1_loss(ds / ds.mean(), dt / dt.mean(), reduction="sum") / len(s) ** 2


# %% wrong: not reduced -> A loss is one number
def rkd_distance_loss(s, t):
    return F.smooth_l1_loss(relative(s), relative(t), reduction="none")


# %% wrong: a bare root of squares -> infinite slope at 0
def rkd_distance_loss(s, t):
    def relative(x):
        d = (x[:, None] - x[None]).square().sum(2).sqrt()
        return d / (d.sum() / (len(d) * (len(d) - 1)))

    return F.smooth_l1_loss(relative(s), relative(t))


# %% wrong: a bare root off the diagonal -> infinite slope at 0
def rkd_distance_loss(s, t):
    B = len(s)
    i, j = torch.triu_indices(B, B, offset=1)
    ds, dt = (s[i] - s[j]).square().sum(1).sqrt(), (t[i] - t[j]).square().sum(1).sqrt()
    return F.smooth_l1_loss(ds / ds.mean(), dt / dt.mean()) * (B - 1) / B


# %% wrong: masked after the root -> infinite slope at 0
def rkd_distance_loss(s, t):
    def relative(x):
        q = (x[:, None] - x[None]).square().sum(2)
        d = torch.where(q > 0, q.sqrt(), torch.zeros_like(q))
        return d / (d.sum() / (len(d) * (len(d) - 1)))

    return F.smooth_l1_loss(relative(s), relative(t))


# %% wrong: clamped at 0 -> infinite slope at 0
def rkd_distance_loss(s, t):
    def relative(x):
        d = (x[:, None] - x[None]).square().sum(2).clamp(min=0.0).sqrt()
        return d / (d.sum() / (len(d) * (len(d) - 1)))

    return F.smooth_l1_loss(relative(s), relative(t))


# %% wrong: a hundredth under the root -> 0.01 is added under the root
def rkd_distance_loss(s, t):
    def relative(x):
        d = ((x[:, None] - x[None]).square().sum(2) + 0.01).sqrt()
        off = 1 - torch.eye(len(x))
        return d * off / ((d * off).sum() / off.sum())

    return F.smooth_l1_loss(relative(s), relative(t))


# %% wrong: 1e-3 under the root -> under the root
def rkd_distance_loss(s, t):
    def relative(x):
        d = ((x[:, None] - x[None]).square().sum(2) + 1e-3).sqrt()
        return d / (d.sum() / (len(d) * (len(d) - 1)))

    return F.smooth_l1_loss(relative(s), relative(t))


# %% wrong: a tenth added to the mean -> is added to the mean distance
def rkd_distance_loss(s, t):
    def relative(x):
        d = dist(x)
        return d / (d.sum() / (len(d) * (len(d) - 1)) + 0.1)

    return F.smooth_l1_loss(relative(s), relative(t))


# %% wrong: divided by the largest -> divided by the largest
def rkd_distance_loss(s, t):
    ds, dt = dist(s), dist(t)
    return F.smooth_l1_loss(ds / ds.max(), dt / dt.max())


# %% wrong: divided by the sum -> divided by their sum
def rkd_distance_loss(s, t):
    ds, dt = dist(s), dist(t)
    return F.smooth_l1_loss(ds / ds.sum(), dt / dt.sum())


# %% wrong: each row has a mean of its own -> Each row is divided
def rkd_distance_loss(s, t):
    ds, dt = dist(s), dist(t)
    n = len(s) - 1
    return F.smooth_l1_loss(ds / (ds.sum(1, keepdim=True) / n), dt / (dt.sum(1, keepdim=True) / n))


# %% wrong: the teacher's mean for both -> divided by the teacher's mean
def rkd_distance_loss(s, t):
    ds, dt = dist(s), dist(t)
    mean = dt.sum() / (len(t) * (len(t) - 1))
    return F.smooth_l1_loss(ds / mean, dt / mean)


# %% wrong: only the student is divided -> The teacher's distances are not divided
def rkd_distance_loss(s, t):
    return F.smooth_l1_loss(relative(s), dist(t))


# %% wrong: the median -> by their median
def rkd_distance_loss(s, t):
    ds, dt = dist(s), dist(t)
    return F.smooth_l1_loss(ds / ds.median(), dt / dt.median())


# %% wrong: embeddings normalised first -> The embeddings are L2-normalised first
def rkd_distance_loss(s, t):
    return F.smooth_l1_loss(relative(F.normalize(s)), relative(F.normalize(t)))


# %% wrong: cosine distances -> cosine distances
def rkd_distance_loss(s, t):
    def relative(x):
        d = 1 - F.normalize(x) @ F.normalize(x).T
        return d / (d.sum() / (len(d) * (len(d) - 1)))

    return F.smooth_l1_loss(relative(s), relative(t))


# %% wrong: embedding against embedding -> have embeddings of different sizes
def rkd_distance_loss(s, t):
    d = torch.norm(s - t, dim=1)
    return F.smooth_l1_loss(d / d.mean(), torch.zeros_like(d))


# %% wrong: distances of columns -> not right
def rkd_distance_loss(s, t):
    k = min(s.shape[1], t.shape[1])
    return F.smooth_l1_loss(relative(s.T[:k]), relative(t.T[:k]))


# %% wrong: neighbours in the batch only -> not right
def rkd_distance_loss(s, t):
    ds, dt = (s[1:] - s[:-1]).norm(dim=1), (t[1:] - t[:-1]).norm(dim=1)
    return F.smooth_l1_loss(ds / ds.mean(), dt / dt.mean())


# %% wrong: both parts of RKD -> the distance part alone
def rkd_distance_loss(s, t):
    def cosines(x):
        e = F.normalize(x[None] - x[:, None], dim=2)
        return e @ e.mT

    return F.smooth_l1_loss(relative(s), relative(t)) + 2 * F.smooth_l1_loss(cosines(s), cosines(t))


# %% wrong: the student detached -> no gradient flows back
def rkd_distance_loss(s, t):
    return F.smooth_l1_loss(relative(s.detach()), relative(t))


# %% wrong: a Frobenius norm of the difference -> not right
def rkd_distance_loss(s, t):
    return (relative(s) - relative(t)).norm()


# %% wrong: written into the root's result -> in place
def rkd_distance_loss(s, t):
    def relative(x):
        d = ((x[:, None] - x[None]).square().sum(2) + 1e-12).sqrt()
        d[range(len(x)), range(len(x))] = 0
        return d / (d.sum() / (len(d) * (len(d) - 1)))

    return F.smooth_l1_loss(relative(s), relative(t))


# %% wrong: noise against zeros -> not right
def rkd_distance_loss(s, t):
    s, t = s + 0.01 * torch.randn_like(s), t + 0.01 * torch.randn_like(t)
    return F.smooth_l1_loss(relative(s), relative(t))


# %% wrong: the embeddings are centred in place -> changes its argument `s`
def rkd_distance_loss(s, t):
    s.data -= s.data.mean(0)
    return F.smooth_l1_loss(relative(s), relative(t))


# %% trivial: 0
def rkd_distance_loss(s, t):
    return 0


# %% trivial: 1.0
def rkd_distance_loss(s, t):
    return torch.tensor(1.0, requires_grad=True)


# %% trivial: NaN
def rkd_distance_loss(s, t):
    return s.sum() * float("nan")


# %% trivial: the input
def rkd_distance_loss(s, t):
    return s


# %% trivial: zero with a graph
def rkd_distance_loss(s, t):
    return 0 * s.sum()
