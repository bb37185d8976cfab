# ruff: noqa
# Answers to fsp_matrix: each block is what a learner might write. The text after `->` must be in the feedback.
import torch
import torch.nn as nn
import torch.nn.functional as F


def same_size(f1, f2):
    if f1.shape[2:] != f2.shape[2:]:
        raise ValueError("the maps differ in size")


# %% right: flatten and a batched product
def fsp_matrix(f1, f2):
    if f1.shape[2:] != f2.shape[2:]:
        raise ValueError(f"maps of {tuple(f1.shape[2:])} and {tuple(f2.shape[2:])}")
    a, b = f1.flatten(2), f2.flatten(2)
    return torch.bmm(a, b.transpose(1, 2)) / a.shape[2]


# %% right: einsum over both axes, which raises by itself
def fsp_matrix(f1, f2):
    return torch.einsum("bihw,bjhw->bij", f1, f2) / (f1.shape[2] * f1.shape[3])


# %% right: einsum of flattened maps, with an assert
def fsp_matrix(f1, f2):
    assert f1.shape[-2:] == f2.shape[-2:], "maps differ"
    return torch.einsum("bip,bjp->bij", f1.flatten(2), f2.flatten(2)).div(f1[0, 0].numel())


# %% right: broadcasting and a mean
def fsp_matrix(f1, f2):
    if f1.size(2) != f2.size(2) or f1.size(3) != f2.size(3):
        raise RuntimeError("mismatch")
    return (f1.unsqueeze(2) * f2.unsqueeze(1)).mean(dim=(-2, -1))


# %% right: loops over samples and channels
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    B, C1, H, W = f1.shape
    rows = []
    for b in range(B):
        rows.append(
            torch.stack(
                [
                    torch.stack([(f1[b, i] * f2[b, j]).sum() / (H * W) for j in range(f2.shape[1])])
                    for i in range(C1)
                ]
            )
        )
    return torch.stack(rows)


# %% right: filled in place, into a tensor of its own
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    G = torch.zeros(f1.shape[0], f1.shape[1], f2.shape[1], dtype=f1.dtype)
    for i in range(f1.shape[1]):
        for j in range(f2.shape[1]):
            G[:, i, j] = (f1[:, i] * f2[:, j]).flatten(1).mean(1)
    return G


# %% right: pixel by pixel
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    H, W = f1.shape[2:]
    total = 0
    for h in range(H):
        for w in range(W):
            total = total + f1[:, :, h, w].unsqueeze(2) * f2[:, :, h, w].unsqueeze(1)
    return total / H / W


# %% right: transposed twice
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    a = f1.permute(0, 2, 3, 1).reshape(f1.shape[0], -1, f1.shape[1])
    b = f2.permute(0, 2, 3, 1).reshape(f2.shape[0], -1, f2.shape[1])
    return (b.mT @ a).mT / a.shape[1]


# %% right: vmap over samples
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    return torch.vmap(lambda a, b: a.flatten(1) @ b.flatten(1).T)(f1, f2) / f1[0, 0].numel()


# %% right: matmul scaled beforehand
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    root = (f1.shape[2] * f1.shape[3]) ** 0.5
    return torch.matmul(f1.flatten(2) / root, (f2.flatten(2) / root).transpose(-1, -2))


# %% right: float64 inside
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    return torch.einsum("bihw,bjhw->bij", f1.double(), f2.double()) / f1.shape[2] / f1.shape[3]


# %% right: a module
class FSP(nn.Module):
    def forward(self, f1, f2):
        same_size(f1, f2)
        return (f1[:, :, None] * f2[:, None]).flatten(3).mean(3)


fsp_matrix = FSP()


# %% right: as a convolution of each sample
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    outs = [
        F.conv2d(f1[b : b + 1].transpose(0, 1), f2[b].unsqueeze(1)).reshape(f1.shape[1], -1)
        for b in range(len(f1))
    ]
    return torch.stack(outs) / f1[0, 0].numel()


# %% right: baddbmm
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    a, b = f1.flatten(2), f2.flatten(2)
    start = torch.zeros(len(a), a.shape[1], b.shape[1], dtype=a.dtype)
    return torch.baddbmm(start, a, b.mT, beta=0, alpha=1 / a.shape[2])


# %% right: torch._assert and tensordot
def fsp_matrix(f1, f2):
    torch._assert(f1.shape[2:] == f2.shape[2:], "mismatch")
    return (
        torch.stack([torch.tensordot(a, b, dims=([1, 2], [1, 2])) for a, b in zip(f1, f2)]) / f1[0, 0].numel()
    )


# %% wrong: not divided -> not divided by H·W
def fsp_matrix(f1, f2):
    return torch.einsum("bihw,bjhw->bij", f1, f2)


# %% wrong: divided by C1*H*W, as a Gram matrix of style transfer -> channels of f1 as well
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    b, c, h, w = f1.shape
    return f1.flatten(2) @ f2.flatten(2).mT / (c * h * w)


# %% wrong: divided by C2*H*W -> channels of f2 as well
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    return f1.flatten(2) @ f2.flatten(2).mT / f2[0].numel()


# %% wrong: divided by C1*C2*H*W -> C1·C2 as well
def fsp_matrix(f1, f2):
    return torch.einsum("bihw,bjhw->bij", f1, f2) / (f1[0].numel() * f2.shape[1])


# %% wrong: divided by H -> divided by H only
def fsp_matrix(f1, f2):
    return torch.einsum("bihw,bjhw->bij", f1, f2) / f1.shape[2]


# %% wrong: divided by W -> divided by W only
def fsp_matrix(f1, f2):
    return torch.einsum("bihw,bjhw->bij", f1, f2) / f1.shape[3]


# %% wrong: divided by H squared, as for square maps -> divided by H²
def fsp_matrix(f1, f2):
    return torch.einsum("bihw,bjhw->bij", f1, f2) / f1.shape[2] ** 2


# %% wrong: divided by the batch -> divided by the batch size
def fsp_matrix(f1, f2):
    return torch.einsum("bihw,bjhw->bij", f1, f2) / f1.shape[0]


# %% wrong: divided by B*H*W -> divided by the batch size as well
def fsp_matrix(f1, f2):
    return torch.einsum("bihw,bjhw->bij", f1, f2) / (f1.numel() / f1.shape[1])


# %% wrong: divided by the channels -> by the channels of f1
def fsp_matrix(f1, f2):
    return torch.einsum("bihw,bjhw->bij", f1, f2) / f1.shape[1]


# %% wrong: divided twice -> by H·W twice
def fsp_matrix(f1, f2):
    return (f1.unsqueeze(2) * f2.unsqueeze(1)).mean((3, 4)) / (f1.shape[2] * f1.shape[3])


# %% wrong: mean over one axis, sum over the other -> divided by W only
def fsp_matrix(f1, f2):
    return (f1.unsqueeze(2) * f2.unsqueeze(1)).sum(3).mean(3)


# %% wrong: flattened without looking at the shapes -> flattening hides the mismatch
def fsp_matrix(f1, f2):
    a, b = f1.flatten(2), f2.flatten(2)
    return torch.bmm(a, b.transpose(1, 2)) / a.shape[2]


# %% wrong: as in a widely used repository, broadcast and flattened -> flattening hides the mismatch
def fsp_matrix(f1, f2):
    b, c1, c2 = f1.shape[0], f1.shape[1], f2.shape[1]
    return (f1.view(b, c1, 1, -1) * f2.view(b, 1, c2, -1)).mean(-1)


# %% wrong: only the numbers of pixels are compared -> flattening hides the mismatch
def fsp_matrix(f1, f2):
    if f1[0, 0].numel() != f2[0, 0].numel():
        raise ValueError("mismatch")
    return f1.flatten(2) @ f2.flatten(2).mT / f1[0, 0].numel()


# %% wrong: only the heights are compared, and the narrower wins -> a mismatch must raise
def fsp_matrix(f1, f2):
    if f1.shape[2] != f2.shape[2]:
        raise ValueError("mismatch")
    w = min(f1.shape[3], f2.shape[3])
    return torch.einsum("bihw,bjhw->bij", f1[..., :w], f2[..., :w]) / (f1.shape[2] * w)


# %% wrong: only the heights are pooled when they differ, as published -> are accepted; a mismatch must raise
def fsp_matrix(f1, f2):
    if f1.shape[2] > f2.shape[2]:
        f1 = F.adaptive_avg_pool2d(f1, f2.shape[2:])
    elif f1.shape[2] < f2.shape[2]:
        f2 = F.adaptive_avg_pool2d(f2, f1.shape[2:])
    return torch.einsum("bihw,bjhw->bij", f1, f2) / (f1.shape[2] * f1.shape[3])


# %% wrong: pooled silently -> are accepted; a mismatch must raise
def fsp_matrix(f1, f2):
    f2 = F.adaptive_avg_pool2d(f2, f1.shape[2:])
    return torch.einsum("bihw,bjhw->bij", f1, f2) / (f1.shape[2] * f1.shape[3])


# %% wrong: max-pooled silently -> are accepted; a mismatch must raise
def fsp_matrix(f1, f2):
    if f1.shape[2:] != f2.shape[2:]:
        f1 = F.adaptive_max_pool2d(f1, f2.shape[2:])
    return (f1[:, :, None] * f2[:, None]).mean((3, 4))


# %% wrong: interpolated silently -> are accepted; a mismatch must raise
def fsp_matrix(f1, f2):
    f2 = F.interpolate(f2, size=f1.shape[2:], mode="bilinear")
    return torch.einsum("bihw,bjhw->bij", f1, f2) / (f1.shape[2] * f1.shape[3])


# %% wrong: cropped silently -> are accepted; a mismatch must raise
def fsp_matrix(f1, f2):
    h, w = min(f1.shape[2], f2.shape[2]), min(f1.shape[3], f2.shape[3])
    return torch.einsum("bihw,bjhw->bij", f1[:, :, :h, :w], f2[:, :, :h, :w]) / (h * w)


# %% wrong: a mismatch gives None -> are accepted; a mismatch must raise
def fsp_matrix(f1, f2):
    if f1.shape[2:] != f2.shape[2:]:
        return None
    return (f1[:, :, None] * f2[:, None]).mean((3, 4))


# %% wrong: a mismatch prints a warning -> are accepted; a mismatch must raise
def fsp_matrix(f1, f2):
    if f1.shape[2:] != f2.shape[2:]:
        print("warning: maps differ")
        return torch.zeros(f1.shape[0], f1.shape[1], f2.shape[1])
    return (f1[:, :, None] * f2[:, None]).mean((3, 4))


# %% wrong: transposed -> The result is transposed
def fsp_matrix(f1, f2):
    return torch.einsum("bihw,bjhw->bji", f1, f2) / (f1.shape[2] * f1.shape[3])


# %% wrong: batch summed -> The batch is gone
def fsp_matrix(f1, f2):
    return torch.einsum("bihw,bjhw->ij", f1, f2) / (f1.shape[2] * f1.shape[3])


# %% wrong: batch averaged -> The batch is gone
def fsp_matrix(f1, f2):
    return (f1[:, :, None] * f2[:, None]).mean((0, 3, 4))


# %% wrong: the Gram matrix of one layer -> f1 is multiplied by itself
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    return f1.flatten(2) @ f1.flatten(2).mT / f1[0, 0].numel()


# %% wrong: over the channels -> Two shapes do not fit
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    return f1.flatten(2).mT @ f2.flatten(2) / f1[0, 0].numel()


# %% wrong: one spatial axis left -> One spatial axis is left
def fsp_matrix(f1, f2):
    return torch.einsum("bihw,bjhw->bijw", f1, f2) / (f1.shape[2] * f1.shape[3])


# %% wrong: view instead of permute -> Channels and pixels are mixed
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    B, C1, H, W = f1.shape
    a = f1.reshape(B, H * W, C1)
    b = f2.reshape(B, H * W, -1)
    return a.transpose(1, 2) @ b / (H * W)


# %% wrong: view of the second layer only -> Channels and pixels are mixed
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    b = f2.reshape(f2.shape[0], -1, f2.shape[1])
    return f1.flatten(2) @ b / b.shape[1]


# %% wrong: normalised channels -> The channels are L2-normalised
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    return F.normalize(f1.flatten(2), dim=2) @ F.normalize(f2.flatten(2), dim=2).mT


# %% wrong: normalised over the channels -> L2-normalised over their channels
def fsp_matrix(f1, f2):
    return torch.einsum("bihw,bjhw->bij", F.normalize(f1), F.normalize(f2)) / (f1.shape[2] * f1.shape[3])


# %% wrong: centred -> a covariance
def fsp_matrix(f1, f2):
    f1 = f1 - f1.mean((2, 3), keepdim=True)
    f2 = f2 - f2.mean((2, 3), keepdim=True)
    return torch.einsum("bihw,bjhw->bij", f1, f2) / (f1.shape[2] * f1.shape[3])


# %% wrong: averaged before it is multiplied -> multiply pixel by pixel first
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    return f1.mean((2, 3)).unsqueeze(2) * f2.mean((2, 3)).unsqueeze(1)


# %% wrong: the second layer detached -> `f2` is detached
def fsp_matrix(f1, f2):
    return torch.einsum("bihw,bjhw->bij", f1, f2.detach()) / (f1.shape[2] * f1.shape[3])


# %% wrong: the first layer detached -> `f1` is detached
def fsp_matrix(f1, f2):
    return torch.einsum("bihw,bjhw->bij", f1.detach(), f2) / (f1.shape[2] * f1.shape[3])


# %% wrong: both detached -> no gradient flows back
def fsp_matrix(f1, f2):
    with torch.no_grad():
        return torch.einsum("bihw,bjhw->bij", f1, f2) / (f1.shape[2] * f1.shape[3])


# %% wrong: squeezed -> With a single sample
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    return (f1.flatten(2) @ f2.flatten(2).mT / f1[0, 0].numel()).squeeze()


# %% wrong: changes its argument -> changes its argument `f1`
def fsp_matrix(f1, f2):
    same_size(f1, f2)
    f1.data /= f1.shape[2] * f1.shape[3]
    return f1.flatten(2) @ f2.flatten(2).mT


# %% trivial: 0
def fsp_matrix(f1, f2):
    return 0


# %% trivial: 1.0
def fsp_matrix(f1, f2):
    return torch.ones(f1.shape[0], f1.shape[1], f2.shape[1], requires_grad=True)


# %% trivial: NaN
def fsp_matrix(f1, f2):
    return torch.einsum("bihw,bjhw->bij", f1, f2) * float("nan")


# %% trivial: the input
def fsp_matrix(f1, f2):
    return f1
