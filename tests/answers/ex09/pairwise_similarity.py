# ruff: noqa
# Answers to pairwise_similarity: each block is what a learner might write.
import numpy as np
import torch
import torch.nn.functional as F

from kdcourse.losses import pairwise_similarity_loss


def unit_of(x):
    """(B, C, P) -> unit pixels; zeros stay zeros, with zero gradient."""
    norm = x.norm(dim=1, keepdim=True)
    return x / torch.where(norm > 0, norm, torch.inf)


def cosines_of(x):
    u = unit_of(x.flatten(2))
    return u.mT @ u


# %% right: divided by infinity where the norm is 0
def pairwise_similarity(student, teacher):
    def cosines(x):
        x = x.flatten(2)
        norm = x.norm(dim=1, keepdim=True)
        u = x / torch.where(norm > 0, norm, torch.inf)
        return u.mT @ u

    return (cosines(student) - cosines(teacher.detach())).square().mean()


# %% right: the library's
def pairwise_similarity(student, teacher):
    return pairwise_similarity_loss(student, teacher)


# %% right: masked, with einsum
def pairwise_similarity(student, teacher):
    def cosines(x):
        x = x.flatten(2)
        zero = (x == 0).all(dim=1, keepdim=True)
        safe = torch.where(zero, torch.ones_like(x), x)
        u = torch.where(zero, 0.0, safe / safe.pow(2).sum(1, keepdim=True).sqrt())
        return torch.einsum("bci,bcj->bij", u, u)

    gap = cosines(student) - cosines(teacher).detach()
    B, P, _ = gap.shape
    return (gap**2).sum() / (B * P * P)


# %% right: normalised with F.normalize on masked pixels
def pairwise_similarity(student, teacher):
    def unit(x):
        x = x.flatten(2).transpose(1, 2)
        alive = (x != 0).any(dim=2, keepdim=True)
        return F.normalize(torch.where(alive, x, 1.0), dim=2) * alive

    s, t = unit(student), unit(teacher.detach())
    return F.mse_loss(torch.bmm(s, s.transpose(1, 2)), torch.bmm(t, t.transpose(1, 2)))


# %% right: a loop over images
def pairwise_similarity(student, teacher):
    total = 0
    for s, t in zip(student, teacher.detach()):
        a, b = (unit_of(x.flatten(1)[None])[0] for x in (s, t))
        total = total + (a.T @ a - b.T @ b).pow(2).mean()
    return total / len(student)


# %% right: the products divided by both norms
def pairwise_similarity(student, teacher):
    def cosines(x):
        x = x.flatten(2)
        n = x.norm(dim=1)
        n = torch.where(n > 0, n, torch.inf)
        return x.mT @ x / n[:, :, None] / n[:, None, :]

    return (cosines(student) - cosines(teacher.detach())).pow(2).mean()


# %% right: channels last
def pairwise_similarity(student, teacher):
    def cosines(x):
        x = x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, x.shape[1])
        n = torch.linalg.vector_norm(x, dim=2, keepdim=True)
        u = x / n.masked_fill(n == 0, float("inf"))
        return u @ u.mT

    with torch.no_grad():
        target = cosines(teacher)
    return torch.mean((cosines(student) - target) ** 2)


# %% right: in float64 inside
def pairwise_similarity(student, teacher):
    return (cosines_of(student.double()) - cosines_of(teacher.detach().double())).square().mean()


# %% right: the channel form, from small matrices
def pairwise_similarity(student, teacher):
    s, t = unit_of(student.flatten(2).double()), unit_of(teacher.detach().flatten(2).double())
    squares = [(a @ b.mT).square().sum() for a, b in ((s, s), (s, t), (t, t))]
    return (squares[0] - 2 * squares[1] + squares[2]) / (len(s) * s.shape[2] ** 2)


# %% right: reciprocal norm that is 0 at zero pixels
def pairwise_similarity(student, teacher):
    def cosines(x):
        x = x.flatten(2)
        square = x.square().sum(1, keepdim=True)
        inverse = torch.where(square > 0, torch.where(square > 0, square, 1.0).rsqrt(), 0.0)
        u = x * inverse
        return u.transpose(1, 2) @ u

    return (cosines(student) - cosines(teacher.detach())).square().mean()


# %% right: only the pixels that are not zero, image by image
def pairwise_similarity(student, teacher):
    def cosines(x):
        x = x.flatten(1).T
        alive = x.detach().abs().sum(1) > 0
        u = x[alive] / x[alive].norm(dim=1, keepdim=True)
        full = x.new_zeros(len(x), len(x))
        index = alive.nonzero()[:, 0]
        return full.index_put((index[:, None], index[None]), u @ u.T)

    gaps = [cosines(s) - cosines(t) for s, t in zip(student, teacher.detach())]
    return torch.stack(gaps).square().mean()


# %% right: three parts of the square
def pairwise_similarity(student, teacher):
    a, b = cosines_of(student), cosines_of(teacher.detach())
    return (a * a - 2 * a * b + b * b).mean()


# %% wrong: F.normalize, whose gradient explodes at zero pixels -> has no direction
def pairwise_similarity(student, teacher):
    s, t = F.normalize(student.flatten(2), dim=1), F.normalize(teacher.detach().flatten(2), dim=1)
    return (s.mT @ s - t.mT @ t).square().mean()


# %% wrong: a root of the sum of squares, NaN at zero pixels -> infinite slope at 0
def pairwise_similarity(student, teacher):
    def cosines(x):
        x = x.flatten(2)
        u = x / x.square().sum(1, keepdim=True).sqrt()
        return u.mT @ u

    return (cosines(student) - cosines(teacher.detach())).square().mean()


# %% wrong: zero pixels divided by 1, so that they get a gradient -> has no direction
def pairwise_similarity(student, teacher):
    def cosines(x):
        x = x.flatten(2)
        n = x.norm(dim=1, keepdim=True)
        u = x / torch.where(n > 0, n, 1.0)
        return u.mT @ u

    return (cosines(student) - cosines(teacher.detach())).square().mean()


# %% wrong: norms detached, as in the authors' code -> The norms are detached
def pairwise_similarity(student, teacher):
    def cosines(x):
        x = x.flatten(2)
        u = x / x.norm(dim=1, keepdim=True).detach().clamp(min=1e-12)
        return u.mT @ u

    return (cosines(student) - cosines(teacher.detach())).square().mean()


# %% wrong: max-pooled to four pixels -> max-pooled to 2 x 2
def pairwise_similarity(student, teacher):
    s, t = (cosines_of(F.adaptive_max_pool2d(x, 2)) for x in (student, teacher.detach()))
    return (s - t).square().mean()


# %% wrong: no norms -> products, not cosines
def pairwise_similarity(student, teacher):
    s, t = student.flatten(2), teacher.detach().flatten(2)
    return (s.mT @ s - t.mT @ t).square().mean()


# %% wrong: channels normalised over the map -> Each *channel* is divided
def pairwise_similarity(student, teacher):
    s, t = F.normalize(student.flatten(2), dim=2), F.normalize(teacher.detach().flatten(2), dim=2)
    return (s.mT @ s - t.mT @ t).square().mean()


# %% wrong: one norm for an image -> One norm is taken over the whole image
def pairwise_similarity(student, teacher):
    s, t = (x.flatten(2) / x.flatten(1).norm(dim=1)[:, None, None] for x in (student, teacher.detach()))
    return (s.mT @ s - t.mT @ t).square().mean()


# %% wrong: similarities of channels -> Two shapes do not fit
def pairwise_similarity(student, teacher):
    s, t = unit_of(student.flatten(2)), unit_of(teacher.detach().flatten(2))
    return (s @ s.mT - t @ t.mT).square().mean()


# %% wrong: features compared with features -> Two shapes do not fit
def pairwise_similarity(student, teacher):
    return (unit_of(student.flatten(2)) - unit_of(teacher.detach().flatten(2))).square().mean()


# %% wrong: view instead of transpose -> which mixes pixels and channels
def pairwise_similarity(student, teacher):
    def cosines(x):
        x = x.reshape(x.shape[0], -1, x.shape[1])
        n = x.norm(dim=2, keepdim=True)
        u = x / torch.where(n > 0, n, torch.inf)
        return u @ u.mT

    return (cosines(student) - cosines(teacher.detach())).square().mean()


# %% wrong: pixels of the whole batch -> Pixels of different images meet
def pairwise_similarity(student, teacher):
    def cosines(x):
        u = unit_of(x.flatten(2)).transpose(0, 1).flatten(1)
        return u.T @ u

    return (cosines(student) - cosines(teacher.detach())).square().mean()


# %% wrong: summed over the pairs -> summed over the pairs of pixels
def pairwise_similarity(student, teacher):
    return (cosines_of(student) - cosines_of(teacher.detach())).square().sum((1, 2)).mean()


# %% wrong: summed over everything -> take the mean over B and (HW)²
def pairwise_similarity(student, teacher):
    return (cosines_of(student) - cosines_of(teacher.detach())).square().sum()


# %% wrong: divided by HW only -> The sum is divided by HW
def pairwise_similarity(student, teacher):
    gap = cosines_of(student) - cosines_of(teacher.detach())
    return gap.square().sum() / len(gap) / gap.shape[1]


# %% wrong: not divided by the batch -> it grows with the batch
def pairwise_similarity(student, teacher):
    gap = cosines_of(student) - cosines_of(teacher.detach())
    return gap.square().sum() / gap.shape[1] ** 2


# %% wrong: different pixels only -> over pairs of *different* pixels
def pairwise_similarity(student, teacher):
    gap = cosines_of(student) - cosines_of(teacher.detach())
    B, P, _ = gap.shape
    return gap.square().sum() / (B * P * max(P - 1, 1))


# %% wrong: the upper triangle -> each pair counts in either order
def pairwise_similarity(student, teacher):
    gap = cosines_of(student) - cosines_of(teacher.detach())
    return gap.triu(1).square().mean()


# %% wrong: absolute differences -> square them
def pairwise_similarity(student, teacher):
    return (cosines_of(student) - cosines_of(teacher.detach())).abs().mean()


# %% wrong: smooth L1 -> smooth L1
def pairwise_similarity(student, teacher):
    return F.smooth_l1_loss(cosines_of(student), cosines_of(teacher.detach()))


# %% wrong: Frobenius norm without the square -> is not squared
def pairwise_similarity(student, teacher):
    return (cosines_of(student) - cosines_of(teacher.detach())).flatten(1).norm(dim=1).mean()


# %% wrong: half -> no factor 1/2
def pairwise_similarity(student, teacher):
    return 0.5 * (cosines_of(student) - cosines_of(teacher.detach())).square().mean()


# %% wrong: softmax of the cosines -> go through a softmax
def pairwise_similarity(student, teacher):
    return (cosines_of(student).softmax(2) - cosines_of(teacher.detach()).softmax(2)).square().mean()


# %% wrong: correlations -> (a correlation)
def pairwise_similarity(student, teacher):
    s, t = (x - x.mean(1, keepdim=True) for x in (student, teacher.detach()))
    return (cosines_of(s) - cosines_of(t)).square().mean()


# %% wrong: rows normalised again -> as in similarity-preserving distillation
def pairwise_similarity(student, teacher):
    s, t = (x / x.norm(dim=2, keepdim=True) for x in (cosines_of(student), cosines_of(teacher.detach())))
    return (s - t).square().mean()


# %% wrong: negative cosines cut -> Negative cosines are cut
def pairwise_similarity(student, teacher):
    return (cosines_of(student).relu() - cosines_of(teacher.detach()).relu()).square().mean()


# %% wrong: rectified features -> A ReLU cuts the features
def pairwise_similarity(student, teacher):
    return (cosines_of(student.relu()) - cosines_of(teacher.detach().relu())).square().mean()


# %% wrong: the teacher is not detached -> reaches `teacher`
def pairwise_similarity(student, teacher):
    return (cosines_of(student) - cosines_of(teacher)).square().mean()


# %% wrong: the student is detached instead -> no gradient flows back
def pairwise_similarity(student, teacher):
    return (cosines_of(student.detach()) - cosines_of(teacher)).square().mean()


# %% wrong: a large constant added to the norms -> is a constant added to the norms
def pairwise_similarity(student, teacher):
    def cosines(x):
        x = x.flatten(2)
        n = x.norm(dim=1, keepdim=True)
        u = x / torch.where(n > 0, n + 2e-5, torch.inf)
        return u.mT @ u

    return (cosines(student) - cosines(teacher.detach())).square().mean()


# %% wrong: in place -> changes its argument `student`
def pairwise_similarity(student, teacher):
    s, t = student.flatten(2), teacher.detach().flatten(2)
    s /= s.norm(dim=1, keepdim=True)
    return (s.mT @ s - (unit_of(t).mT @ unit_of(t))).square().mean()


# %% wrong: matrices are returned -> A loss is one number
def pairwise_similarity(student, teacher):
    return (cosines_of(student) - cosines_of(teacher.detach())).square()


# %% wrong: square maps only -> The value is not right
def pairwise_similarity(student, teacher):
    s, t = (x.transpose(2, 3)[:, :, :2, :2] for x in (student, teacher.detach()))
    return (cosines_of(s) - cosines_of(t)).square().mean()


# %% trivial: zero
def pairwise_similarity(student, teacher):
    return 0 * student.sum()


# %% trivial: nothing
def pairwise_similarity(student, teacher):
    pass


# %% trivial: a number
def pairwise_similarity(student, teacher):
    return 0.5


# %% trivial: no function
pairwise_similarity = 0.0


# %% trivial: the mean of the student
def pairwise_similarity(student, teacher):
    return student.mean()
