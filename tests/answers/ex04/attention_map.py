# ruff: noqa
# Answers to attention_map: each block is what a learner might write. The text after `->` must be in the feedback.
import functools

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


# %% right: F.normalize
def attention_map(feature, p=2):
    return F.normalize(feature.abs().pow(p).mean(dim=1).flatten(1), dim=1)


# %% right: divided by the norm -> A remark
def attention_map(feature, p=2):
    q = (feature.abs() ** p).mean(1).reshape(feature.shape[0], -1)
    return q / q.norm(dim=1, keepdim=True)


# %% right: a sum over channels is the same direction
def attention_map(feature, p=2):
    q = torch.pow(torch.abs(feature), p).sum(1)
    return F.normalize(q.view(q.size(0), -1))


# %% right: the norm of the map in two dimensions, a small number added
def attention_map(feature, p=2, eps=1e-6):
    am = torch.sum(torch.abs(feature) ** p, dim=1, keepdim=True)
    norm = torch.norm(am, dim=(2, 3), keepdim=True)
    return (am / (norm + eps)).flatten(1)


# %% right: by hand, with a root -> A remark
def attention_map(feature, p=2):
    B, C, H, W = feature.shape
    q = feature.abs().pow(p).sum(1).view(B, H * W) / C
    return q / torch.sqrt((q * q).sum(1, keepdim=True))


# %% right: loops over samples, channels and pixels
def attention_map(feature, p=2):
    B, C, H, W = feature.shape
    rows = []
    for b in range(B):
        pixels = []
        for h in range(H):
            for w in range(W):
                total = 0.0
                for c in range(C):
                    total = total + abs(feature[b, c, h, w]) ** p
                pixels.append(total / C)
        row = torch.stack(pixels)
        rows.append(row / max(row.norm(), torch.tensor(1e-12)))
    return torch.stack(rows)


# %% right: einsum
def attention_map(feature, p=2):
    q = torch.einsum("bchw->bhw", feature.abs() ** p) / feature.shape[1]
    length = torch.einsum("bhw,bhw->b", q, q).clamp(min=1e-30).sqrt()
    return torch.einsum("bhw,b->bhw", q, 1 / length).flatten(1)


# %% right: the p-norm of the channels, to the power p
def attention_map(feature, p=2):
    strength = torch.linalg.vector_norm(feature, ord=p, dim=1) ** p
    return F.normalize(strength.flatten(1))


# %% right: the strongest number is divided away first, which the norm undoes
def attention_map(feature, p=2):
    scale = feature.detach().abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12)
    q = ((feature / scale).abs() ** p).mean(1).flatten(1)
    return q / q.norm(dim=1, keepdim=True).clamp(min=1e-12)


# %% right: channels last
def attention_map(feature, p=2):
    pixels = feature.permute(0, 2, 3, 1).reshape(len(feature), -1, feature.shape[1])
    return F.normalize(pixels.abs().pow(p).mean(-1), p=2, dim=-1)


# %% right: vmap
def attention_map(feature, p=2):
    def one(A):
        q = A.abs().pow(p).mean(0).ravel()
        return q / (q.norm() + 1e-12)

    return torch.func.vmap(one)(feature)


# %% right: sample by sample, stacked
def attention_map(feature, p=2):
    return torch.stack([F.normalize(A.abs().pow(p).mean(0).flatten(), dim=0) for A in feature])


# %% right: a matrix product as the mean over channels
def attention_map(feature, p=2):
    B, C = feature.shape[:2]
    weights = torch.full((1, C), 1 / C, dtype=feature.dtype)
    q = (weights @ feature.abs().pow(p).flatten(2)).squeeze(1)
    return F.normalize(q, dim=1)


# %% right: float32 inside
def attention_map(feature, p=2):
    return F.normalize(feature.float().abs().pow(p).mean(1).flatten(1))


# %% right: float64 inside
def attention_map(feature, p=2):
    return F.normalize(feature.double().abs().pow(p).mean(1).flatten(1)).to(feature.dtype)


# %% right: writes into zeros of its own
def attention_map(feature, p=2):
    B, C, H, W = feature.shape
    out = torch.zeros(B, H * W)
    for b in range(B):
        q = feature[b].abs().pow(p).mean(0).reshape(-1)
        out[b] = q / q.norm().clamp(min=1e-12)
    return out


# %% right: a small number inside the root
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1)
    return q * torch.rsqrt(q.pow(2).sum(1, keepdim=True) + 1e-12)


# %% right: a module
class Map(nn.Module):
    def forward(self, A, p=2):
        return nn.Flatten()(nn.functional.normalize((A.abs() ** p).mean(1, keepdim=True), dim=(2, 3)))


attention_map = Map()


# %% right: a lambda
attention_map = lambda A, p=2: F.normalize(torch.flatten(A.abs() ** p, 2).mean(1))


# %% right: functools.partial and keyword arguments
def general(norm, feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1)
    return q / norm(q, dim=1, keepdim=True).clamp_min(1e-10)


attention_map = functools.partial(general, torch.linalg.norm)


# %% right: the library's own, with its power by name
from kdcourse.losses import attention_map


# %% right: average pooling over the channels
def attention_map(feature, p=2):
    B, C, H, W = feature.shape
    q = F.adaptive_avg_pool1d(feature.abs().pow(p).flatten(2).mT, 1)[..., 0]
    return F.normalize(q)


# %% wrong: the sign is kept, as in several published versions -> The sign is not removed
def attention_map(feature, p=2):
    return F.normalize(feature.pow(p).mean(1).view(feature.size(0), -1))


# %% wrong: always the square -> p is not used
def attention_map(feature, p=2):
    return F.normalize(feature.pow(2).mean(1).view(feature.size(0), -1))


# %% wrong: always the absolute value -> p is not used: this is the mean of |A|
def attention_map(feature, p=2):
    return F.normalize(feature.abs().mean(1).flatten(1))


# %% wrong: no norm -> The map is not divided by its L2 norm
def attention_map(feature, p=2):
    return feature.abs().pow(p).mean(1).flatten(1)


# %% wrong: no norm, sum over channels -> not divided by its L2 norm
def attention_map(feature, p=2):
    return feature.abs().pow(p).sum(1).flatten(1)


# %% wrong: L1 norm -> L1 norm
def attention_map(feature, p=2):
    return F.normalize(feature.abs().pow(p).mean(1).flatten(1), p=1)


# %% wrong: divided by the largest -> divided by its largest entry
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1)
    return q / q.max(dim=1, keepdim=True).values


# %% wrong: norm over the batch axis -> The norm runs over the batch
def attention_map(feature, p=2):
    return F.normalize(feature.abs().pow(p).mean(1).flatten(1), dim=0)


# %% wrong: one norm for the whole batch -> whole batch
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1)
    return q / q.norm()


# %% wrong: normalised before flattening -> over the rows of the map only
def attention_map(feature, p=2):
    return F.normalize(feature.abs().pow(p).mean(1)).flatten(1)


# %% wrong: each row of the map by itself -> each row of the map by itself
def attention_map(feature, p=2):
    return F.normalize(feature.abs().pow(p).mean(1), dim=-1).flatten(1)


# %% wrong: softmax -> softmax over the pixels
def attention_map(feature, p=2):
    return torch.softmax(feature.abs().pow(p).mean(1).flatten(1), dim=1)


# %% wrong: softmax of the normalised map -> A softmax over the pixels is taken after
def attention_map(feature, p=2):
    return torch.softmax(F.normalize(feature.abs().pow(p).mean(1).flatten(1)), dim=1)


# %% wrong: columns first -> (W, H)
def attention_map(feature, p=2):
    return F.normalize(feature.abs().pow(p).mean(1).transpose(1, 2).flatten(1))


# %% wrong: columns first, by permute -> (W, H)
def attention_map(feature, p=2):
    q = feature.permute(0, 3, 2, 1).abs().pow(p).mean(-1)
    return F.normalize(q.reshape(len(q), -1))


# %% wrong: mean of the channels first -> channels cancel
def attention_map(feature, p=2):
    return F.normalize(feature.mean(1).abs().pow(p).flatten(1))


# %% wrong: mean of |A| first -> before the power
def attention_map(feature, p=2):
    return F.normalize(feature.abs().mean(1).pow(p).flatten(1))


# %% wrong: the power after the norm -> The power comes after the norm
def attention_map(feature, p=2):
    return F.normalize(feature.abs().mean(1).flatten(1)).pow(p)


# %% wrong: a p-th root -> p-th root
def attention_map(feature, p=2):
    return F.normalize(feature.norm(p=p, dim=1).flatten(1))


# %% wrong: the mean and a p-th root -> p-th root
def attention_map(feature, p=2):
    return F.normalize(feature.abs().pow(p).mean(1).pow(1 / p).flatten(1))


# %% wrong: the strongest channel -> strongest channel
def attention_map(feature, p=2):
    return F.normalize(feature.abs().pow(p).max(dim=1).values.flatten(1))


# %% wrong: ReLU instead of the absolute value -> Negative activations are set to 0
def attention_map(feature, p=2):
    return F.normalize(F.relu(feature).pow(p).mean(1).flatten(1))


# %% wrong: the features are normalised over the channels -> over the channels
def attention_map(feature, p=2):
    return F.normalize(F.normalize(feature).abs().pow(p).mean(1).flatten(1))


# %% wrong: each channel normalised -> Each channel is normalised before the mean
def attention_map(feature, p=2):
    channels = F.normalize(feature.flatten(2), dim=2)
    return F.normalize(channels.abs().pow(p).mean(1))


# %% wrong: a p-norm in the end -> the norm stays L2
def attention_map(feature, p=2):
    return F.normalize(feature.abs().pow(p).mean(1).flatten(1), p=p)


# %% wrong: the squared norm -> *squared* norm
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1)
    return q / q.pow(2).sum(1, keepdim=True)


# %% wrong: the root of a mean square -> with a mean instead of a sum
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1)
    return q / q.pow(2).mean(1, keepdim=True).sqrt()


# %% wrong: the norm is detached -> The norm is detached
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1)
    return q / q.norm(dim=1, keepdim=True).detach()


# %% wrong: no gradient at all -> The graph is cut
def attention_map(feature, p=2):
    with torch.no_grad():
        return F.normalize(feature.abs().pow(p).mean(1).flatten(1))


# %% wrong: detached -> The graph is cut
def attention_map(feature, p=2):
    return F.normalize(feature.detach().abs().pow(p).mean(1).flatten(1))


# %% wrong: numpy -> not a tensor
def attention_map(feature, p=2):
    A = feature.detach().numpy()
    q = (np.abs(A) ** p).mean(1).reshape(len(A), -1)
    return q / np.linalg.norm(q, axis=1, keepdims=True)


# %% wrong: a large number added to the norm -> is added to the norm
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1)
    return q / (q.norm(dim=1, keepdim=True) + 1e-3)


# %% wrong: a number that hurts weak features only -> With weak features
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1)
    return q / (q.norm(dim=1, keepdim=True) + 1e-5)


# %% wrong: the norm is kept above 1 -> kept above it
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1)
    return q / q.norm(dim=1, keepdim=True).clamp(min=1.0)


# %% wrong: one added under the root -> is added to the norm
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1)
    return q / torch.sqrt(1 + q.pow(2).sum(1, keepdim=True))


# %% wrong: through logarithms, whose slope at 0 is infinite -> has an infinite slope at 0
def attention_map(feature, p=2):
    return F.normalize(torch.exp(p * torch.log(feature.abs())).mean(1).flatten(1))


# %% wrong: |A| as the root of a square, whose slope at 0 is infinite -> has an infinite slope at 0
attention_map = lambda A, p=2: F.normalize(torch.flatten((A**2) ** (p / 2), 2).mean(1))


# %% right: a small number inside the root, as large as can be forgiven
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1)
    return q / torch.sqrt(q.pow(2).sum(1, keepdim=True) + 1e-8)


# %% wrong: an eps of 1e-3 in F.normalize -> With very weak features
def attention_map(feature, p=2):
    return F.normalize(feature.abs().pow(p).mean(1).flatten(1), eps=1e-3)


# %% wrong: the mean over the pixels -> The mean runs over the pixels
def attention_map(feature, p=2):
    return F.normalize(feature.abs().pow(p).mean((2, 3)))


# %% wrong: the mean over the batch -> The mean runs over the batch
def attention_map(feature, p=2):
    return F.normalize(feature.abs().pow(p).mean(0).flatten(1))


# %% wrong: not flattened -> flatten (H, W)
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1)
    return q / q.norm(dim=(1, 2), keepdim=True)


# %% wrong: not flattened, with the axis of the channels -> flatten (H, W)
def attention_map(feature, p=2):
    am = feature.abs().pow(p).sum(1, keepdim=True)
    return am / (am.norm(dim=(2, 3), keepdim=True) + 1e-6)


# %% wrong: the axis of the channels stays -> One axis is too many
def attention_map(feature, p=2):
    return F.normalize(feature.abs().pow(p).mean(1, keepdim=True).flatten(2), dim=2)


# %% wrong: channels flattened -> The channels are flattened as well
def attention_map(feature, p=2):
    return F.normalize(feature.abs().pow(p).flatten(1))


# %% wrong: everything in one row -> All samples are in one row
def attention_map(feature, p=2):
    return F.normalize(feature.abs().pow(p).mean(1).flatten(), dim=0)


# %% wrong: the same map for all samples -> mean runs over the batch as well
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean((0, 1)).flatten()
    return (q / q.norm()).expand(len(feature), -1)


# %% wrong: squeezed, so that one sample loses its axis -> With a single sample
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1)
    return F.normalize(q).squeeze()


# %% wrong: stretched to 0..1 -> stretched to the range 0 to 1
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1)
    low, high = q.amin(1, keepdim=True), q.amax(1, keepdim=True)
    return (q - low) / (high - low)


# %% wrong: standardised -> standardised
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1)
    return (q - q.mean(1, keepdim=True)) / q.std(1, keepdim=True)


# %% wrong: the mean of the map is taken off -> subtracted before the norm
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1)
    return F.normalize(q - q.mean(1, keepdim=True))


# %% wrong: two things, sign and batch -> Two things
def attention_map(feature, p=2):
    return F.normalize(feature.pow(p).mean(1).flatten(1), dim=0)


# %% wrong: square and L1 -> Two things
def attention_map(feature, p=2):
    return F.normalize(feature.pow(2).mean(1).flatten(1), p=1)


# %% wrong: p has no default -> p has the default 2
def attention_map(feature, p):
    return F.normalize(feature.abs().pow(p).mean(1).flatten(1))


# %% wrong: p has another default -> p has the default 2
def attention_map(feature, p=1):
    return F.normalize(feature.abs().pow(p).mean(1).flatten(1))


# %% wrong: p is missing -> It is called with 2 arguments
def attention_map(feature):
    return F.normalize(feature.pow(2).mean(1).flatten(1))


# %% wrong: changes the feature -> changes its argument `feature`
def attention_map(feature, p=2):
    feature.data.abs_()
    return F.normalize(feature.pow(p).mean(1).flatten(1))


# %% wrong: divides in place what the graph needs -> in place
def attention_map(feature, p=2):
    q = feature.abs().pow(p).mean(1).flatten(1).exp()
    q /= q.norm(dim=1, keepdim=True)
    return q


# %% trivial: 0
def attention_map(feature, p=2):
    return 0


# %% trivial: 1.0
def attention_map(feature, p=2):
    return 1.0


# %% trivial: NaN
def attention_map(feature, p=2):
    return torch.full((len(feature), feature[0, 0].numel()), float("nan"))


# %% trivial: the input
def attention_map(feature, p=2):
    return feature


# %% trivial: zeros of the right shape
def attention_map(feature, p=2):
    return 0 * feature.mean(1).flatten(1)


# %% trivial: a uniform map
def attention_map(feature, p=2):
    return F.normalize(torch.ones(len(feature), feature[0, 0].numel()))
