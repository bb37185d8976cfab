# ruff: noqa
# Answers to rkd_angle_loss: each block is what a learner might write.
import torch
import torch.nn as nn
import torch.nn.functional as F


def directions(x):
    d = x[None] - x[:, None]
    n = d.norm(dim=2, keepdim=True)
    return d / n.masked_fill(n == 0, torch.inf)


def cosines(x):
    e = directions(x)
    return e @ e.mT


# %% right: divided by infinity where the length is 0
def rkd_angle_loss(s, t):
    return F.smooth_l1_loss(cosines(s), cosines(t))


# %% right: the length masked by where, teacher detached
def rkd_angle_loss(s, t):
    def angle(x):
        d = x.unsqueeze(0) - x.unsqueeze(1)
        q = d.pow(2).sum(-1, keepdim=True)
        ok = q > 0
        e = torch.where(ok, d / torch.where(ok, q, torch.ones_like(q)).sqrt(), torch.zeros_like(d))
        return torch.bmm(e, e.transpose(1, 2)).view(-1)

    with torch.no_grad():
        target = angle(t)
    return F.smooth_l1_loss(angle(s), target)


# %% right: einsum
def rkd_angle_loss(s, t):
    def angle(x):
        e = directions(x)
        return torch.einsum("ijd,ikd->ijk", e, e)

    return F.smooth_l1_loss(angle(s), angle(t.detach()))


# %% right: broadcasting, smooth L1 by hand
def rkd_angle_loss(s, t):
    def angle(x):
        e = directions(x)
        return (e[:, :, None] * e[:, None]).sum(-1)

    u = (angle(s) - angle(t)).abs()
    return torch.where(u < 1, u * u / 2, u - 0.5).mean()


# %% right: differences the other way round
def rkd_angle_loss(s, t):
    def angle(x):
        d = x.unsqueeze(1) - x.unsqueeze(0)
        n = torch.linalg.vector_norm(d, dim=-1, keepdim=True)
        e = torch.where(n == 0, torch.zeros_like(d), d / torch.where(n == 0, torch.ones_like(n), n))
        return e @ e.transpose(1, 2)

    return nn.SmoothL1Loss()(angle(s), angle(t))


# %% right: loops over triples
def rkd_angle_loss(s, t):
    B = len(s)

    def cosine(x, i, j, k):
        a, b = x[j] - x[i], x[k] - x[i]
        if not a.any() or not b.any():
            return torch.zeros((), dtype=x.dtype)
        return (a / a.norm()) @ (b / b.norm())

    total = 0
    for i in range(B):
        for j in range(B):
            for k in range(B):
                total = total + F.smooth_l1_loss(cosine(s, i, j, k), cosine(t, i, j, k))
    return total / B**3


# %% right: loop over the vertices
def rkd_angle_loss(s, t):
    total = s.new_zeros(())
    for i in range(len(s)):
        sides = []
        for x in (s, t):
            d = x - x[i]
            n = d.norm(dim=1, keepdim=True)
            sides.append(d * (n > 0) / n.masked_fill(n == 0, 1.0))
        total = total + F.smooth_l1_loss(sides[0] @ sides[0].T, sides[1] @ sides[1].T)
    return total / len(s)


# %% right: zero differences removed before they are normalised
def rkd_angle_loss(s, t):
    def angle(x):
        d = x[None] - x[:, None]
        ok = (d != 0).any(2)
        e = torch.zeros_like(d)
        e[ok] = F.normalize(d[ok], dim=1)
        return e @ e.mT

    return F.smooth_l1_loss(angle(s), angle(t))


# %% right: differences hidden from the normalisation
def rkd_angle_loss(s, t):
    def angle(x):
        d = x[None] - x[:, None]
        zero = (d == 0).all(2, keepdim=True)
        e = F.normalize(d.masked_fill(zero, 1.0), dim=2).masked_fill(zero, 0.0)
        return e @ e.mT

    return F.smooth_l1_loss(angle(s), angle(t))


# %% right: inner products divided by both lengths
def rkd_angle_loss(s, t):
    def angle(x):
        d = x[None] - x[:, None]
        q = d.square().sum(2)
        inverse = torch.where(q > 0, q.clamp_min(1e-30).rsqrt(), torch.zeros_like(q))
        return (d @ d.mT) * inverse[:, :, None] * inverse[:, None]

    return F.smooth_l1_loss(angle(s), angle(t))


# %% right: the other two angles of the same triangles
def rkd_angle_loss(s, t):
    def angle(x):
        e = directions(x)
        return torch.einsum("ijd,jkd->ijk", e, e)

    return F.smooth_l1_loss(angle(s), angle(t))


# %% right: a threshold of 1e-8 on the length
def rkd_angle_loss(s, t):
    def angle(x):
        d = x[None] - x[:, None]
        n = d.norm(dim=2, keepdim=True)
        ok = n > 1e-8
        e = d / torch.where(ok, n, torch.ones_like(n)) * ok
        return e @ e.mT

    return F.huber_loss(angle(s), angle(t))


# %% right: float64 inside
def rkd_angle_loss(s, t):
    return F.smooth_l1_loss(cosines(s.double()), cosines(t.double()))


# %% right: float32 inside
def rkd_angle_loss(s, t):
    return F.smooth_l1_loss(cosines(s.float()), cosines(t.float()))


# %% right: a module
class Angle(nn.Module):
    def forward(self, s, t):
        return F.smooth_l1_loss(cosines(s), cosines(t), reduction="sum") / s.shape[0] ** 3


rkd_angle_loss = Angle()


# %% wrong: distances -> distance and angle are exchanged
def rkd_angle_loss(s, t):
    def relative(x):
        d = torch.cdist(x, x)
        return d / (d.sum() / (len(d) * (len(d) - 1)))

    return F.smooth_l1_loss(relative(s), relative(t))


# %% wrong: F.normalize, as published -> The gradient is huge
def rkd_angle_loss(s, t):
    def angle(x):
        e = F.normalize(x.unsqueeze(0) - x.unsqueeze(1), p=2, dim=2)
        return torch.bmm(e, e.transpose(1, 2)).view(-1)

    return F.smooth_l1_loss(angle(s), angle(t.detach()))


# %% wrong: a bare division -> is divided by its length
def rkd_angle_loss(s, t):
    def angle(x):
        d = x[None] - x[:, None]
        e = d / d.norm(dim=2, keepdim=True)
        return e @ e.mT

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: NaN replaced afterwards -> is divided by its length
def rkd_angle_loss(s, t):
    def angle(x):
        d = x[None] - x[:, None]
        e = torch.nan_to_num(d / d.norm(dim=2, keepdim=True))
        return e @ e.mT

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: masked after the division -> is divided by its length
def rkd_angle_loss(s, t):
    def angle(x):
        d = x[None] - x[:, None]
        n = d.norm(dim=2, keepdim=True)
        e = torch.where(n > 0, d / n, torch.zeros_like(d))
        return e @ e.mT

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: a zero difference is divided by 1 -> a gradient flows through it
def rkd_angle_loss(s, t):
    def angle(x):
        d = x[None] - x[:, None]
        n = d.norm(dim=2, keepdim=True)
        e = d / torch.where(n > 0, n, torch.ones_like(n))
        return e @ e.mT

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: 1e-8 added to the length -> The gradient is huge
def rkd_angle_loss(s, t):
    def angle(x):
        d = x[None] - x[:, None]
        e = d / (d.norm(dim=2, keepdim=True) + 1e-8)
        return e @ e.mT

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: 1e-12 under the root -> The gradient is huge
def rkd_angle_loss(s, t):
    def angle(x):
        d = x[None] - x[:, None]
        e = d / (d.square().sum(2, keepdim=True) + 1e-12).sqrt()
        return e @ e.mT

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: lengths clamped at 1e-4 -> The gradient is huge
def rkd_angle_loss(s, t):
    def angle(x):
        d = x[None] - x[:, None]
        e = d / d.norm(dim=2, keepdim=True).clamp(min=1e-4)
        return e @ e.mT

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: a hundredth added to the length -> is added to the lengths
def rkd_angle_loss(s, t):
    def angle(x):
        d = x[None] - x[:, None]
        e = d / (d.norm(dim=2, keepdim=True) + 0.01)
        return e @ e.mT

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: F.cosine_similarity of the differences -> The gradient is huge
def rkd_angle_loss(s, t):
    def angle(x):
        d = x[None] - x[:, None]
        return F.cosine_similarity(d[:, :, None], d[:, None], dim=-1)

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: a threshold that is too high -> a threshold too high
def rkd_angle_loss(s, t):
    def angle(x):
        d = x[None] - x[:, None]
        n = d.norm(dim=2, keepdim=True)
        e = d / n.masked_fill(n < 0.1, torch.inf)
        return e @ e.mT

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: cosines of the embeddings -> seen from the origin
def rkd_angle_loss(s, t):
    s, t = F.normalize(s), F.normalize(t)
    return F.smooth_l1_loss(s @ s.T, t @ t.T)


# %% wrong: angles at the mean of the batch -> seen from the mean of the batch
def rkd_angle_loss(s, t):
    s, t = F.normalize(s - s.mean(0)), F.normalize(t - t.mean(0))
    return F.smooth_l1_loss(s @ s.T, t @ t.T)


# %% wrong: inner products of the differences -> not divided by their lengths
def rkd_angle_loss(s, t):
    def angle(x):
        d = x[None] - x[:, None]
        return d @ d.mT

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: one side not normalised -> Only one of the two differences
def rkd_angle_loss(s, t):
    def angle(x):
        return directions(x) @ (x[None] - x[:, None]).mT

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: normalised along the samples -> normalised along the samples
def rkd_angle_loss(s, t):
    def angle(x):
        e = F.normalize(x[None] - x[:, None], dim=1)
        return e @ e.mT

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: the second side is an embedding -> The second side of the angle is an embedding
def rkd_angle_loss(s, t):
    def angle(x):
        return torch.einsum("ijd,kd->ijk", directions(x), F.normalize(x))

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: angles in radians -> angles in radians
def rkd_angle_loss(s, t):
    def angle(x):
        return cosines(x).clamp(-1 + 1e-7, 1 - 1e-7).acos()

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: mean squared error -> The differences are squared
def rkd_angle_loss(s, t):
    return F.mse_loss(cosines(s), cosines(t))


# %% wrong: half the squared error -> squared and halved everywhere
def rkd_angle_loss(s, t):
    return F.mse_loss(cosines(s), cosines(t)) / 2


# %% wrong: plain L1 -> plain L1
def rkd_angle_loss(s, t):
    return F.l1_loss(cosines(s), cosines(t))


# %% wrong: smooth L1 with another beta -> beta 0.1
def rkd_angle_loss(s, t):
    return F.smooth_l1_loss(cosines(s), cosines(t), beta=0.1)


# %% wrong: distinct triples only -> distinct i, j, k only
def rkd_angle_loss(s, t):
    B = len(s)
    other = ~torch.eye(B, dtype=torch.bool)
    keep = other[:, :, None] & other[:, None] & other[None]
    if not keep.any():
        return 0 * s.sum()
    return F.smooth_l1_loss(cosines(s)[keep], cosines(t)[keep])


# %% wrong: without the vertex itself -> are left out of the mean
def rkd_angle_loss(s, t):
    B = len(s)
    other = ~torch.eye(B, dtype=torch.bool)
    keep = other[:, :, None] & other[:, None]
    return F.smooth_l1_loss(cosines(s)[keep], cosines(t)[keep])


# %% wrong: summed -> The entries are summed
def rkd_angle_loss(s, t):
    return F.smooth_l1_loss(cosines(s), cosines(t), reduction="sum")


# %% wrong: divided by B -> The sum is divided by B;
def rkd_angle_loss(s, t):
    return F.smooth_l1_loss(cosines(s), cosines(t), reduction="sum") / len(s)


# %% wrong: divided by B² -> divided by B²
def rkd_angle_loss(s, t):
    return F.smooth_l1_loss(cosines(s), cosines(t), reduction="sum") / len(s) ** 2


# %% wrong: each angle once -> counts once
def rkd_angle_loss(s, t):
    B = len(s)
    j, k = torch.triu_indices(B, B, offset=1)
    return F.smooth_l1_loss(cosines(s)[:, j, k], cosines(t)[:, j, k], reduction="sum") / B**3


# %% wrong: not reduced -> A loss is one number
def rkd_angle_loss(s, t):
    return (cosines(s) - cosines(t)).abs()


# %% wrong: embeddings normalised first -> before the differences are taken
def rkd_angle_loss(s, t):
    return F.smooth_l1_loss(cosines(F.normalize(s)), cosines(F.normalize(t)))


# %% wrong: summed over a sample first -> every triple is compared by itself
def rkd_angle_loss(s, t):
    return F.smooth_l1_loss(cosines(s).mean(0), cosines(t).mean(0))


# %% wrong: the sign is lost -> The sign of the cosines is lost
def rkd_angle_loss(s, t):
    return F.smooth_l1_loss(cosines(s).abs(), cosines(t).abs())


# %% wrong: the weight of the whole loss -> twice the mean
def rkd_angle_loss(s, t):
    return 2 * F.smooth_l1_loss(cosines(s), cosines(t))


# %% wrong: both parts of RKD -> the angle part alone
def rkd_angle_loss(s, t):
    def relative(x):
        d = torch.cdist(x, x)
        return d / (d.sum() / (len(d) * (len(d) - 1)))

    return F.smooth_l1_loss(relative(s), relative(t)) + 2 * F.smooth_l1_loss(cosines(s), cosines(t))


# %% wrong: differences between student and teacher -> have embeddings of different sizes
def rkd_angle_loss(s, t):
    e = F.normalize(s[None] - t[:, None], dim=2)
    return F.smooth_l1_loss(e @ e.mT, torch.zeros(len(s), len(s), len(s)))


# %% wrong: only the first sample is a vertex -> Only the first sample is a vertex
def rkd_angle_loss(s, t):
    return F.smooth_l1_loss(cosines(s)[0], cosines(t)[0])


# %% wrong: the student detached -> no gradient flows back
def rkd_angle_loss(s, t):
    return F.smooth_l1_loss(cosines(s.detach()), cosines(t))


# %% wrong: the Gram shortcut, which loses all digits between equal rows -> not right
def rkd_angle_loss(s, t):
    def angle(x):
        g = x @ x.T
        n = g.diagonal()
        inner = g[None] - g[:, :, None] - g[:, None] + n[:, None, None]
        q = inner.diagonal(dim1=1, dim2=2)
        inverse = q.clamp(min=1e-12).rsqrt()
        return inner * inverse[:, :, None] * inverse[:, None]

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: noise against zeros -> not right
def rkd_angle_loss(s, t):
    return F.smooth_l1_loss(cosines(s + 0.01 * torch.randn_like(s)), cosines(t))


# %% wrong: the cosine of a zero difference is 1 -> repeat
def rkd_angle_loss(s, t):
    def angle(x):
        d = x[None] - x[:, None]
        zero = (d == 0).all(2)
        return torch.where(zero[:, :, None] | zero[:, None], torch.ones(()), cosines(x))

    return F.smooth_l1_loss(angle(s), angle(t))


# %% wrong: triples with repeated rows are left out -> repeat
def rkd_angle_loss(s, t):
    def there(x):
        ok = (x[None] != x[:, None]).any(2) | torch.eye(len(x), dtype=torch.bool)
        return ok[:, :, None] & ok[:, None]

    keep = there(s) & there(t)
    return F.smooth_l1_loss(cosines(s)[keep], cosines(t)[keep])


# %% trivial: 0
def rkd_angle_loss(s, t):
    return 0


# %% trivial: 1.0
def rkd_angle_loss(s, t):
    return torch.tensor(1.0, requires_grad=True)


# %% trivial: NaN
def rkd_angle_loss(s, t):
    return s.sum() * float("nan")


# %% trivial: the input
def rkd_angle_loss(s, t):
    return s


# %% trivial: zero with a graph
def rkd_angle_loss(s, t):
    return 0 * s.sum()
