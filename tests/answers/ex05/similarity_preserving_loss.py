# ruff: noqa
# Answers to similarity_preserving_loss: each block is what a learner might write.
import torch
import torch.nn as nn
import torch.nn.functional as F


def gram(f):
    f = f.flatten(1)
    return f @ f.T


def rows(f):
    return F.normalize(gram(f), dim=1)


# %% right: F.normalize of the rows
def similarity_preserving_loss(fs, ft):
    fs, ft = fs.flatten(1), ft.detach().flatten(1)
    gs, gt = F.normalize(fs @ fs.T, p=2, dim=1), F.normalize(ft @ ft.T, p=2, dim=1)
    return (gs - gt).pow(2).sum() / fs.shape[0] ** 2


# %% right: as the authors' code, with view and mm
def similarity_preserving_loss(f_s, f_t):
    bsz = f_s.shape[0]
    f_s = f_s.view(bsz, -1)
    f_t = f_t.detach().view(bsz, -1)
    G_s = torch.nn.functional.normalize(torch.mm(f_s, torch.t(f_s)))
    G_t = torch.nn.functional.normalize(torch.mm(f_t, torch.t(f_t)))
    G_diff = G_t - G_s
    return (G_diff * G_diff).view(-1, 1).sum(0) / (bsz * bsz)


# %% right: mean squared error, which divides by B²
def similarity_preserving_loss(fs, ft):
    return F.mse_loss(rows(fs), rows(ft.detach()))


# %% right: no_grad around the teacher
def similarity_preserving_loss(fs, ft):
    with torch.no_grad():
        target = rows(ft)
    return nn.MSELoss(reduction="sum")(rows(fs), target) / len(fs) ** 2


# %% right: norm by hand
def similarity_preserving_loss(fs, ft):
    def similarities(f):
        g = gram(f)
        return g / g.norm(dim=1, keepdim=True)

    return (similarities(fs) - similarities(ft.detach())).square().mean()


# %% right: columns normalised, which is the same for a symmetric matrix
def similarity_preserving_loss(fs, ft):
    gs, gt = F.normalize(gram(fs), dim=0), F.normalize(gram(ft.detach()), dim=0)
    return (gs - gt).square().sum() / (fs.size(0) * fs.size(0))


# %% right: einsum
def similarity_preserving_loss(fs, ft):
    def similarities(f):
        f = f.reshape(f.shape[0], -1)
        g = torch.einsum("id,jd->ij", f, f)
        return g / g.pow(2).sum(1, keepdim=True).sqrt()

    return ((similarities(fs) - similarities(ft.detach())) ** 2).sum() / fs.shape[0] ** 2


# %% right: loops
def similarity_preserving_loss(fs, ft):
    B = len(fs)

    def similarities(f):
        g = [[(f[i] * f[j]).sum() for j in range(B)] for i in range(B)]
        return [[g[i][j] / torch.stack(g[i]).norm() for j in range(B)] for i in range(B)]

    gs, gt = similarities(fs), similarities(ft.detach())
    return sum((gs[i][j] - gt[i][j]) ** 2 for i in range(B) for j in range(B)) / B**2


# %% right: row by row
def similarity_preserving_loss(fs, ft):
    fs, ft = fs.flatten(1), ft.detach().flatten(1)
    total = 0
    for a, b in zip(fs, ft):
        total = total + (F.normalize(fs @ a, dim=0) - F.normalize(ft @ b, dim=0)).square().sum()
    return total / len(fs) ** 2


# %% right: the squared Frobenius norm
def similarity_preserving_loss(fs, ft):
    difference = rows(fs) - rows(ft.detach())
    return torch.trace(difference @ difference.T) / len(fs) ** 2


# %% right: float64 inside
def similarity_preserving_loss(fs, ft):
    return F.mse_loss(rows(fs.double()), rows(ft.detach().double()))


# %% right: float32 inside
def similarity_preserving_loss(fs, ft):
    return F.mse_loss(rows(fs.float()), rows(ft.detach().float()))


# %% right: a zero row divided by infinity
def similarity_preserving_loss(fs, ft):
    def similarities(f):
        g = gram(f)
        n = g.norm(dim=1, keepdim=True)
        return g / n.masked_fill(n == 0, torch.inf)

    return (similarities(fs) - similarities(ft.detach())).square().mean()


# %% right: broadcasting
def similarity_preserving_loss(fs, ft):
    def similarities(f):
        f = f.flatten(1)
        g = (f[:, None] * f[None]).sum(-1)
        return g / torch.linalg.vector_norm(g, dim=-1, keepdim=True).clamp_min(1e-12)

    return (similarities(fs) - similarities(ft.clone().detach())).square().mean()


# %% right: a module
class SP(nn.Module):
    def forward(self, student, teacher):
        return F.mse_loss(rows(student), rows(teacher.detach()), reduction="mean")


similarity_preserving_loss = SP()


# %% wrong: features normalised first -> The features are normalised before the product
def similarity_preserving_loss(fs, ft):
    def similarities(f):
        f = F.normalize(f.flatten(1))
        return F.normalize(f @ f.T, dim=1)

    return F.mse_loss(similarities(fs), similarities(ft.detach()))


# %% wrong: features normalised instead of rows -> Two things
def similarity_preserving_loss(fs, ft):
    def similarities(f):
        f = F.normalize(f.flatten(1))
        return f @ f.T

    return F.mse_loss(similarities(fs), similarities(ft.detach()))


# %% wrong: columns of the features normalised -> The columns of the features
def similarity_preserving_loss(fs, ft):
    def similarities(f):
        f = F.normalize(f.flatten(1), dim=0)
        return F.normalize(f @ f.T)

    return F.mse_loss(similarities(fs), similarities(ft.detach()))


# %% wrong: not normalised -> are not divided by their L2 norm
def similarity_preserving_loss(fs, ft):
    return F.mse_loss(gram(fs), gram(ft.detach()))


# %% wrong: absolute values summed, as in a library -> sum of their absolute values
def similarity_preserving_loss(fs, ft):
    gs, gt = F.normalize(gram(fs), p=1, dim=1), F.normalize(gram(ft.detach()), p=1, dim=1)
    return (gs - gt).square().sum() / len(fs) ** 2


# %% wrong: one norm for the matrix -> divided by one norm
def similarity_preserving_loss(fs, ft):
    gs, gt = gram(fs), gram(ft.detach())
    return F.mse_loss(gs / gs.norm(), gt / gt.norm())


# %% wrong: a softmax of the rows -> through a softmax
def similarity_preserving_loss(fs, ft):
    return F.mse_loss(gram(fs).softmax(1), gram(ft.detach()).softmax(1))


# %% wrong: divided by B -> is divided by B; the task
def similarity_preserving_loss(fs, ft):
    return (rows(fs) - rows(ft.detach())).square().sum() / len(fs)


# %% wrong: mean over the batch, sum along a row -> is divided by B; the task
def similarity_preserving_loss(fs, ft):
    return (rows(fs) - rows(ft.detach())).square().sum(1).mean()


# %% wrong: summed -> is not divided by B²
def similarity_preserving_loss(fs, ft):
    return F.mse_loss(rows(fs), rows(ft.detach()), reduction="sum")


# %% wrong: kl_div style batchmean twice -> by B once more
def similarity_preserving_loss(fs, ft):
    return F.mse_loss(rows(fs), rows(ft.detach())) / len(fs)


# %% wrong: divided by B² twice -> by it once more
def similarity_preserving_loss(fs, ft):
    return F.mse_loss(rows(fs), rows(ft.detach())) / len(fs) ** 2


# %% wrong: not squared -> The Frobenius norm is not squared
def similarity_preserving_loss(fs, ft):
    return (rows(fs) - rows(ft.detach())).norm() / len(fs) ** 2


# %% wrong: a root at the end -> not squared
def similarity_preserving_loss(fs, ft):
    return F.mse_loss(rows(fs), rows(ft.detach())).sqrt()


# %% wrong: absolute differences -> The absolute differences
def similarity_preserving_loss(fs, ft):
    return F.l1_loss(rows(fs), rows(ft.detach()))


# %% wrong: smooth L1 -> smooth L1
def similarity_preserving_loss(fs, ft):
    return F.smooth_l1_loss(rows(fs), rows(ft.detach()))


# %% wrong: half -> there is no factor 1/2
def similarity_preserving_loss(fs, ft):
    return 0.5 * F.mse_loss(rows(fs), rows(ft.detach()))


# %% wrong: channels of each sample -> nor products inside each sample
def similarity_preserving_loss(fs, ft):
    def similarities(f):
        f = f.flatten(2) if f.ndim > 2 else f.unsqueeze(2)
        return F.normalize(f @ f.mT, dim=2)

    return (similarities(fs) - similarities(ft.detach())).square().sum() / len(fs) ** 2


# %% wrong: the maps not flattened -> raises
def similarity_preserving_loss(fs, ft):
    return F.mse_loss(F.normalize(fs @ fs.T), F.normalize(ft.detach() @ ft.detach().T))


# %% wrong: averaged over places -> averaged over their places
def similarity_preserving_loss(fs, ft):
    def pool(f):
        return f.flatten(2).mean(2) if f.ndim > 2 else f

    return F.mse_loss(rows(pool(fs)), rows(pool(ft.detach())))


# %% wrong: averaged over channels -> averaged over their channels
def similarity_preserving_loss(fs, ft):
    def pool(f):
        return f.mean(1) if f.ndim > 2 else f

    return F.mse_loss(rows(pool(fs)), rows(pool(ft.detach())))


# %% wrong: centred -> a covariance
def similarity_preserving_loss(fs, ft):
    return F.mse_loss(rows(fs - fs.mean(0)), rows(ft.detach() - ft.detach().mean(0)))


# %% wrong: features against features -> different sizes
def similarity_preserving_loss(fs, ft):
    return F.mse_loss(F.normalize(fs.flatten(1)), F.normalize(ft.detach().flatten(1)))


# %% wrong: products of columns -> different sizes
def similarity_preserving_loss(fs, ft):
    fs, ft = fs.flatten(1), ft.detach().flatten(1)
    return F.mse_loss(F.normalize(fs.T @ fs), F.normalize(ft.T @ ft))


# %% wrong: student and teacher crossed -> different sizes
def similarity_preserving_loss(fs, ft):
    return F.mse_loss(F.normalize(fs.flatten(1) @ ft.detach().flatten(1).T), rows(ft.detach()))


# %% wrong: gradient into the teacher -> A gradient reaches `ft`
def similarity_preserving_loss(fs, ft):
    return F.mse_loss(rows(fs), rows(ft))


# %% wrong: the student detached -> no gradient flows back
def similarity_preserving_loss(fs, ft):
    return F.mse_loss(rows(fs.detach()), rows(ft))


# %% wrong: the norm detached -> The norm of the rows is detached
def similarity_preserving_loss(fs, ft):
    def similarities(f):
        g = gram(f)
        return g / g.detach().norm(dim=1, keepdim=True)

    return F.mse_loss(similarities(fs), similarities(ft.detach()))


# %% wrong: a Frobenius norm squared, whose slope is NaN at 0 -> not finite
def similarity_preserving_loss(fs, ft):
    return (rows(fs) - rows(ft.detach())).square().sum().sqrt() ** 2 / len(fs) ** 2


# %% wrong: without the diagonal -> diagonal
def similarity_preserving_loss(fs, ft):
    off = 1 - torch.eye(len(fs))
    return F.mse_loss(F.normalize(gram(fs) * off), F.normalize(gram(ft.detach()) * off))


# %% wrong: not reduced -> A loss is one number
def similarity_preserving_loss(fs, ft):
    return (rows(fs) - rows(ft.detach())).square() / len(fs) ** 2


# %% wrong: distances -> These are distances
def similarity_preserving_loss(fs, ft):
    ds, dt = (
        torch.cdist(fs.flatten(1), fs.flatten(1)),
        torch.cdist(ft.detach().flatten(1), ft.detach().flatten(1)),
    )
    return F.mse_loss(F.normalize(ds), F.normalize(dt))


# %% wrong: 1e-3 added to the norms -> not small beside them
def similarity_preserving_loss(fs, ft):
    def similarities(f):
        g = gram(f)
        return g / (g.norm(dim=1, keepdim=True) + 1e-3)

    return F.mse_loss(similarities(fs), similarities(ft.detach()))


# %% wrong: a root too few in the norm -> squared norm
def similarity_preserving_loss(fs, ft):
    def similarities(f):
        g = gram(f)
        return g / g.square().sum(1, keepdim=True)

    return F.mse_loss(similarities(fs), similarities(ft.detach()))


# %% wrong: changes its argument -> changes its argument
def similarity_preserving_loss(fs, ft):
    ft.data /= ft.data.norm()
    return F.mse_loss(rows(fs), rows(ft.detach()))


# %% wrong: detached in place -> changes its argument
def similarity_preserving_loss(fs, ft):
    ft.requires_grad_(False)
    ft.mul_(2)
    return F.mse_loss(rows(fs), rows(ft))


# %% trivial: 0
def similarity_preserving_loss(fs, ft):
    return 0


# %% trivial: 1.0
def similarity_preserving_loss(fs, ft):
    return torch.tensor(1.0, requires_grad=True)


# %% trivial: NaN
def similarity_preserving_loss(fs, ft):
    return fs.sum() * float("nan")


# %% trivial: the input
def similarity_preserving_loss(fs, ft):
    return fs


# %% trivial: zero with a graph
def similarity_preserving_loss(fs, ft):
    return 0 * fs.sum()
