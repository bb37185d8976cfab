# ruff: noqa
# Answers to at_loss: each block is what a learner might write. The text after `->` must be in the feedback.
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def at(feature, p=2):
    return F.normalize(feature.abs().pow(p).mean(1).flatten(1))


# %% right: mean of squares
def at_loss(fs, ft):
    return (at(fs) - at(ft)).pow(2).mean()


# %% right: mse_loss, teacher detached
def at_loss(fs, ft):
    return F.mse_loss(at(fs), at(ft.detach()))


# %% right: teacher under no_grad
def at_loss(fs, ft):
    with torch.no_grad():
        target = at(ft)
    return nn.MSELoss()(at(fs), target)


# %% right: by hand, divided by the plain norm -> A remark
def at_loss(fs, ft):
    def q(A):
        B, C, H, W = A.shape
        v = (A * A).sum(1).reshape(B, H * W)
        return v / v.norm(dim=1, keepdim=True)

    B, _, H, W = fs.shape
    return ((q(fs) - q(ft)) ** 2).sum() / (B * H * W)


# %% right: maps in two dimensions, a small number added to the norm
def at_loss(fs, ft):
    def am(fm, eps=1e-6):
        am = torch.sum(torch.pow(torch.abs(fm), 2), dim=1, keepdim=True)
        return torch.div(am, torch.norm(am, dim=(2, 3), keepdim=True) + eps)

    return F.mse_loss(am(fs), am(ft))


# %% right: columns first on both sides, which changes nothing
def at_loss(fs, ft):
    return F.mse_loss(at(fs.transpose(2, 3)), at(ft.transpose(2, 3)))


# %% right: by cosines -> A remark
def at_loss(fs, ft):
    qs, qt = (f.pow(2).mean(1).flatten(1) for f in (fs, ft))
    return (2 - 2 * F.cosine_similarity(qs, qt, dim=1)).mean() / qs.shape[1]


# %% right: loops
def at_loss(fs, ft):
    B, _, H, W = fs.shape
    total = 0
    for b in range(B):
        qs, qt = (f[b].square().mean(0) for f in (fs, ft))
        qs, qt = qs / qs.norm().clamp(min=1e-12), qt / qt.norm().clamp(min=1e-12)
        for h in range(H):
            for w in range(W):
                total = total + (qs[h, w] - qt[h, w]) ** 2
    return total / (B * H * W)


# %% right: einsum
def at_loss(fs, ft):
    qs, qt = (torch.einsum("bchw,bchw->bhw", f, f).flatten(1) for f in (fs, ft))
    d = F.normalize(qs) - F.normalize(qt)
    return torch.einsum("bp,bp->", d, d) / d.numel()


# %% right: the squared norm of each sample
def at_loss(fs, ft):
    d = at(fs) - at(ft.detach())
    return torch.linalg.vector_norm(d, dim=1).pow(2).mean() / d.shape[1]


# %% right: the arguments exchanged inside, which changes nothing
def at_loss(fs, ft):
    return F.mse_loss(at(ft), at(fs))


# %% right: batchmean over the pixels
def at_loss(fs, ft):
    return F.mse_loss(at(fs), at(ft), reduction="none").mean(1).sum() / len(fs)


# %% right: float32 inside
def at_loss(fs, ft):
    return F.mse_loss(at(fs.float()), at(ft.float()))


# %% right: float64 inside
def at_loss(fs, ft):
    return F.mse_loss(at(fs.double()), at(ft.double()))


# %% right: the library's own
def at_loss(fs, ft):
    from kdcourse.losses import attention_transfer_loss

    return attention_transfer_loss(fs, ft)


# %% right: a module of its own, in one element
class Loss(nn.Module):
    def forward(self, fs, ft):
        return torch.dist(at(fs), at(ft)).square().div(fs[:, 0].numel())[None]


at_loss = Loss()


# %% right: average pooled where sizes differ, as published
def at_loss(f_s, f_t):
    s_H, t_H = f_s.shape[2], f_t.shape[2]
    if s_H > t_H:
        f_s = F.adaptive_avg_pool2d(f_s, (t_H, t_H))
    elif s_H < t_H:
        f_t = F.adaptive_avg_pool2d(f_t, (s_H, s_H))
    return (at(f_s) - at(f_t)).pow(2).mean()


# %% right: vmap over the samples
def at_loss(fs, ft):
    def one(s, t):
        s, t = (f.pow(2).mean(0).flatten() for f in (s, t))
        return (F.normalize(s, dim=0) - F.normalize(t, dim=0)).pow(2).mean()

    return torch.func.vmap(one)(fs, ft).mean()


# %% right: a small number inside the root, as large as can be forgiven
def at_loss(fs, ft):
    def q(f):
        v = f.pow(2).mean(1).flatten(1)
        return v / torch.sqrt(v.pow(2).sum(1, keepdim=True) + 1e-8)

    return F.mse_loss(q(fs), q(ft))


# %% wrong: an eps of 1e-3 in F.normalize -> With very weak features
def at_loss(fs, ft):
    q = lambda f: F.normalize(f.pow(2).mean(1).flatten(1), eps=1e-3)
    return F.mse_loss(q(fs), q(ft))


# %% wrong: sum over the pixels -> summed over the pixels
def at_loss(fs, ft):
    return (at(fs) - at(ft)).pow(2).sum(1).mean()


# %% wrong: batch summed -> The batch is summed
def at_loss(fs, ft):
    return (at(fs) - at(ft)).pow(2).mean(1).sum()


# %% wrong: everything summed -> summed over pixels and batch
def at_loss(fs, ft):
    return F.mse_loss(at(fs), at(ft), reduction="sum")


# %% wrong: the norm of the paper -> mean *norm* of the difference
def at_loss(fs, ft):
    return (at(fs) - at(ft)).norm(dim=1).mean()


# %% wrong: the norm of everything -> norm of all differences together
def at_loss(fs, ft):
    return torch.norm(at(fs) - at(ft))


# %% wrong: root of the mean square -> A square root is taken
def at_loss(fs, ft):
    return torch.sqrt(F.mse_loss(at(fs), at(ft)))


# %% wrong: absolute differences -> mean absolute difference
def at_loss(fs, ft):
    return F.l1_loss(at(fs), at(ft))


# %% wrong: smooth L1 -> factor 1/2
def at_loss(fs, ft):
    return F.smooth_l1_loss(at(fs), at(ft))


# %% wrong: one minus cosine -> 1 − cosine
def at_loss(fs, ft):
    return (1 - F.cosine_similarity(at(fs), at(ft))).mean()


# %% wrong: the weight inside -> factor 1000
def at_loss(fs, ft):
    return 1000 * (at(fs) - at(ft)).pow(2).mean()


# %% wrong: maps not normalised -> not divided by its L2 norm
def at_loss(fs, ft):
    return F.mse_loss(fs.pow(2).mean(1), ft.pow(2).mean(1))


# %% wrong: maps not normalised, channels summed -> not divided by its L2 norm
def at_loss(fs, ft):
    return F.mse_loss(fs.pow(2).sum(1), ft.pow(2).sum(1))


# %% wrong: norm over the batch -> The norm runs over the batch
def at_loss(fs, ft):
    q = lambda f: F.normalize(f.pow(2).mean(1).flatten(1), dim=0)
    return (q(fs) - q(ft)).pow(2).mean()


# %% wrong: one norm for the batch -> whole batch
def at_loss(fs, ft):
    q = lambda f: f.pow(2).mean(1) / f.pow(2).mean(1).norm()
    return (q(fs) - q(ft)).pow(2).mean()


# %% wrong: normalised before flattening -> over the rows of the map only
def at_loss(fs, ft):
    q = lambda f: F.normalize(f.pow(2).mean(1))
    return (q(fs) - q(ft)).pow(2).mean()


# %% wrong: L1 norm -> L1 norm
def at_loss(fs, ft):
    q = lambda f: F.normalize(f.pow(2).mean(1).flatten(1), p=1)
    return F.mse_loss(q(fs), q(ft))


# %% wrong: softmax maps -> softmax over the pixels
def at_loss(fs, ft):
    q = lambda f: f.pow(2).mean(1).flatten(1).softmax(1)
    return F.mse_loss(q(fs), q(ft))


# %% wrong: KL of softmax maps -> KL divergence
def at_loss(fs, ft):
    return F.kl_div(at(fs).log_softmax(1), at(ft).softmax(1), reduction="batchmean")


# %% wrong: p = 1 -> The maps are those of p = 1
def at_loss(fs, ft):
    return F.mse_loss(at(fs, 1), at(ft, 1))


# %% wrong: p = 4 -> The maps are those of p = 4
def at_loss(fs, ft):
    return F.mse_loss(at(fs, 4), at(ft, 4))


# %% wrong: mean over channels first -> channels cancel
def at_loss(fs, ft):
    q = lambda f: F.normalize(f.mean(1).pow(2).flatten(1))
    return F.mse_loss(q(fs), q(ft))


# %% wrong: the mean of the absolute values, squared -> comes before the power
def at_loss(fs, ft):
    q = lambda f: F.normalize(f.abs().mean(1).pow(2).flatten(1))
    return F.mse_loss(q(fs), q(ft))


# %% wrong: plain mean over channels -> plain mean over channels
def at_loss(fs, ft):
    q = lambda f: F.normalize(f.mean(1).flatten(1))
    return F.mse_loss(q(fs), q(ft))


# %% wrong: the root of the mean square -> p-th root
def at_loss(fs, ft):
    q = lambda f: F.normalize(f.norm(dim=1).flatten(1))
    return F.mse_loss(q(fs), q(ft))


# %% wrong: the strongest channel -> strongest channel
def at_loss(fs, ft):
    q = lambda f: F.normalize(f.abs().amax(1).pow(2).flatten(1))
    return F.mse_loss(q(fs), q(ft))


# %% wrong: channels normalised first -> Each channel is normalised before the mean
def at_loss(fs, ft):
    q = lambda f: F.normalize(F.normalize(f.flatten(2), dim=2).pow(2).mean(1))
    return F.mse_loss(q(fs), q(ft))


# %% wrong: only the teacher's map is normalised -> Only the teacher's map
def at_loss(fs, ft):
    return F.mse_loss(fs.pow(2).mean(1).flatten(1), at(ft))


# %% wrong: only the student's map is normalised -> Only the student's map
def at_loss(fs, ft):
    return F.mse_loss(at(fs), ft.pow(2).mean(1).flatten(1))


# %% wrong: the difference is normalised -> The difference is normalised
def at_loss(fs, ft):
    q = lambda f: f.pow(2).mean(1).flatten(1)
    return F.normalize(q(fs) - q(ft)).pow(2).mean()


# %% wrong: the norm is detached -> The norm is detached
def at_loss(fs, ft):
    def q(f):
        v = f.pow(2).mean(1).flatten(1)
        return v / v.norm(dim=1, keepdim=True).detach()

    return F.mse_loss(q(fs), q(ft))


# %% wrong: rows and columns in different orders -> different orders
def at_loss(fs, ft):
    return F.mse_loss(at(fs), at(ft.transpose(2, 3)))


# %% wrong: a map of channels -> Two shapes do not fit
def at_loss(fs, ft):
    q = lambda f: F.normalize(f.pow(2).mean((2, 3)))
    return F.mse_loss(q(fs), q(ft))


# %% wrong: raw features -> Two shapes do not fit
def at_loss(fs, ft):
    return F.mse_loss(fs, ft)


# %% wrong: the student detached -> no gradient flows back
def at_loss(fs, ft):
    return F.mse_loss(at(fs.detach()), at(ft))


# %% wrong: the student detached, seen in a gradient of zeros -> no gradient flows back
def at_loss(fs, ft):
    return F.mse_loss(at(fs.detach()), at(ft)) + 0 * fs.sum()


# %% wrong: everything under no_grad -> no gradient flows back
def at_loss(fs, ft):
    with torch.no_grad():
        return F.mse_loss(at(fs), at(ft))


# %% wrong: the teacher looks at himself -> the same numbers whatever it is given
def at_loss(fs, ft):
    return F.mse_loss(at(ft), at(ft)) + 0 * fs.sum()


# %% wrong: a float -> not a tensor
def at_loss(fs, ft):
    return F.mse_loss(at(fs), at(ft)).item()


# %% wrong: one number a sample -> take the mean over the batch
def at_loss(fs, ft):
    return (at(fs) - at(ft)).pow(2).mean(1)


# %% wrong: one number a pixel -> take the mean over pixels and batch
def at_loss(fs, ft):
    return (at(fs) - at(ft)).pow(2)


# %% wrong: mean over the batch before the square -> differences of different samples cancel
def at_loss(fs, ft):
    return (at(fs) - at(ft)).mean(0).pow(2).mean()


# %% wrong: mean before the square -> so that differences cancel
def at_loss(fs, ft):
    return (at(fs) - at(ft)).mean().pow(2)


# %% wrong: differences not squared -> not squared
def at_loss(fs, ft):
    return (at(fs) - at(ft)).mean()


# %% wrong: divided by the batch once more -> taken twice
def at_loss(fs, ft):
    return F.mse_loss(at(fs), at(ft)) / len(fs)


# %% wrong: a large number added to the norm -> is added to the norm
def at_loss(fs, ft):
    def q(f):
        v = f.pow(2).mean(1).flatten(1)
        return v / (v.norm(dim=1, keepdim=True) + 1e-4)

    return F.mse_loss(q(fs), q(ft))


# %% wrong: a root and its square, which have no slope at 0 -> has an infinite slope at 0
def at_loss(fs, ft):
    return torch.sqrt((at(fs) - at(ft)).pow(2).sum(1)).pow(2).mean() / fs[0, 0].numel()


# %% wrong: two things, batch and sum -> Two things
def at_loss(fs, ft):
    q = lambda f: F.normalize(f.pow(2).mean(1).flatten(1), dim=0)
    return (q(fs) - q(ft)).pow(2).sum()


# %% wrong: squared maps compared by 1 - cosine and summed -> 1 − cosine, summed
def at_loss(fs, ft):
    return (1 - (at(fs) * at(ft)).sum(1)).sum()


# %% trivial: 0
def at_loss(fs, ft):
    return 0


# %% trivial: 1.0
def at_loss(fs, ft):
    return 1.0


# %% trivial: NaN
def at_loss(fs, ft):
    return fs.sum() * float("nan")


# %% trivial: the input
def at_loss(fs, ft):
    return fs


# %% trivial: a zero with a graph
def at_loss(fs, ft):
    return 0 * fs.sum()
