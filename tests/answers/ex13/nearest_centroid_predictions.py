# ruff: noqa
# Answers to nearest_centroid_predictions: each block is what a learner might write.
import math

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.neighbors import NearestCentroid


# %% right: a loop over the classes
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    distances = torch.full((len(queries), num_classes), torch.inf)
    for c in range(num_classes):
        mine = support[support_labels == c]
        if len(mine):
            distances[:, c] = (queries - mine.mean(dim=0)).norm(dim=1).float()
    return distances.argmin(dim=1)


# %% right: one-hot product and cdist
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    members = F.one_hot(support_labels.long(), num_classes).T.to(support.dtype)
    counts = members.sum(1, keepdim=True)
    means = members @ support / counts.clamp(min=1)
    distances = torch.cdist(queries, means)
    return distances.masked_fill(counts.T == 0, torch.inf).argmin(1)


# %% right: index_add, squares, NaN made infinite
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    y = support_labels.long()
    sums = torch.zeros(num_classes, support.shape[1], dtype=support.dtype).index_add(0, y, support)
    means = sums / torch.bincount(y, minlength=num_classes)[:, None]
    d = (queries[:, None, :] - means[None]).square().sum(-1)
    return torch.nan_to_num(d, nan=float("inf")).argmin(-1)


# %% right: the classes that occur, and back
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    classes, place = support_labels.unique(return_inverse=True)
    means = torch.stack([support[place == j].mean(0) for j in range(len(classes))])
    return classes[torch.cdist(queries, means, compute_mode="donot_use_mm_for_euclid_dist").argmin(1)]


# %% right: a linear classifier
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    centre = support.mean(0)
    support, queries = (support - centre).double(), (queries - centre).double()
    members = (support_labels[None] == torch.arange(num_classes)[:, None]).double()
    n = members.sum(1)
    means = members @ support / n.clamp(min=1)[:, None]
    scores = 2 * queries @ means.T - means.square().sum(1)
    return scores.where(n > 0, -torch.inf).argmax(1)


# %% right: query by query in Python
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    groups = {}
    for x, y in zip(support.tolist(), support_labels.tolist()):
        groups.setdefault(y, []).append(x)
    means = {y: [sum(column) / len(rows) for column in zip(*rows)] for y, rows in groups.items()}
    found = [min(means, key=lambda y: math.dist(q, means[y])) for q in queries.tolist()]
    return torch.tensor(found)


# %% right: numpy, int32
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    s, y, q = support.numpy(), support_labels.numpy(), queries.numpy()
    best, found = np.full(len(q), np.inf), np.zeros(len(q), dtype=np.int32)
    for c in np.unique(y):
        d = np.linalg.norm(q - s[y == c].mean(axis=0), axis=1)
        found[d < best] = c
        best = np.minimum(best, d)
    return torch.from_numpy(found)


# %% right: scikit-learn
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    if len(support_labels.unique()) == 1:
        return support_labels[:1].expand(len(queries))
    model = NearestCentroid().fit(support.numpy(), support_labels.numpy())
    return torch.from_numpy(model.predict(queries.numpy()))


# %% right: scatter_reduce
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    index = support_labels.long()[:, None].expand_as(support)
    far = torch.full((num_classes, support.shape[1]), torch.inf, dtype=support.dtype)
    means = far.scatter_reduce(0, index, support, "mean", include_self=False)
    return torch.linalg.vector_norm(queries[:, None] - means, dim=2).min(dim=1).indices


# %% wrong: nearest example -> label of the nearest *example*
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    return support_labels[torch.cdist(queries, support).argmin(1)]


# %% wrong: number of the nearest example -> number of the nearest example
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    return torch.cdist(queries, support).argmin(1)


# %% wrong: mean of the distances -> smallest *mean distance*
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    d = torch.cdist(queries, support)
    parts = [d[:, support_labels == c].mean(1) for c in range(num_classes)]
    return torch.stack(parts, 1).argmin(1)


# %% wrong: mean of the squared distances -> squared distance to the mean plus the spread
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    d = (queries[:, None] - support).square().sum(2)
    return torch.stack([d[:, support_labels == c].mean(1) for c in range(num_classes)], 1).argmin(1)


# %% wrong: sum of the distances -> classes with many examples lose by that
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    d = torch.cdist(queries, support)
    return (d @ F.one_hot(support_labels, num_classes).to(d.dtype)).argmin(1)


# %% wrong: sums -> not divided by their number
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    sums = F.one_hot(support_labels, num_classes).T.to(support.dtype) @ support
    return torch.cdist(queries, sums).argmin(1)


# %% wrong: divided by all -> divided by the number of all examples
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    means = F.one_hot(support_labels, num_classes).T.to(support.dtype) @ support / len(support)
    return torch.cdist(queries, means).argmin(1)


# %% wrong: equal shots taken for granted -> classes have numbers of their own
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    sums = F.one_hot(support_labels, num_classes).T.to(support.dtype) @ support
    return torch.cdist(queries, sums / (len(support) / num_classes)).argmin(1)


# %% wrong: medians -> medians of the classes
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    centres = torch.stack([support[support_labels == c].median(0).values for c in range(num_classes)])
    return torch.cdist(queries, centres).argmin(1)


# %% wrong: overwritten -> Only the last example of each class
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    centres = torch.full((num_classes, support.shape[1]), 1e9, dtype=support.dtype)
    for x, y in zip(support, support_labels):
        centres[y] = x
    return torch.cdist(queries, centres).argmin(1)


# %% wrong: assigned by index -> Only the last example of each class
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    sums = torch.zeros(num_classes, support.shape[1], dtype=support.dtype)
    sums[support_labels] += support  # one of several rows with the same index wins
    return torch.cdist(queries, sums).argmin(1)


# %% wrong: farthest -> farthest away
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    means = torch.stack([support[support_labels == c].mean(0) for c in range(num_classes)])
    return torch.cdist(queries, means).argmax(1)


# %% wrong: absolute differences -> sums of absolute differences
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    means = torch.stack([support[support_labels == c].mean(0) for c in range(num_classes)])
    return torch.cdist(queries, means, p=1).argmin(1)


# %% wrong: differences that cancel -> so that they cancel
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    means = torch.stack([support[support_labels == c].mean(0) for c in range(num_classes)])
    return (queries[:, None] - means).sum(2).abs().argmin(1)


# %% wrong: cosine -> goes by the cosine
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    means = torch.stack([support[support_labels == c].mean(0) for c in range(num_classes)])
    return F.cosine_similarity(queries[:, None], means[None], dim=2).argmax(1)


# %% wrong: features of length 1 -> divided by their lengths first
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    support, queries = F.normalize(support, dim=1), F.normalize(queries, dim=1)
    means = torch.stack([support[support_labels == c].mean(0) for c in range(num_classes)])
    return torch.cdist(queries, means).argmin(1)


# %% wrong: product -> |m|² is missing
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    means = torch.stack([support[support_labels == c].mean(0) for c in range(num_classes)])
    return (queries @ means.T).argmax(1)


# %% wrong: product once -> in |q − m|² = |q|² − 2 q·m + |m|² it counts twice
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    means = torch.stack([support[support_labels == c].mean(0) for c in range(num_classes)])
    return (means.square().sum(1) - queries @ means.T).argmin(1)


# %% wrong: standardised -> divided by its standard deviation first
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    mean, std = support.mean(0), support.std(0)
    support, queries = (support - mean) / std, (queries - mean) / std
    means = torch.stack([support[support_labels == c].mean(0) for c in range(num_classes)])
    return torch.cdist(queries, means).argmin(1)


# %% wrong: centred apart -> centred each by their own mean
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    support, queries = support - support.mean(0), queries - queries.mean(0)
    means = torch.stack([support[support_labels == c].mean(0) for c in range(num_classes)])
    return torch.cdist(queries, means).argmin(1)


# %% wrong: class by class -> taken to lie class by class
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    means = torch.stack([part.mean(0) for part in support.chunk(num_classes)])
    return torch.cdist(queries, means).argmin(1)


# %% wrong: reshaped -> raises RuntimeError
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    means = support.reshape(num_classes, -1, support.shape[1]).mean(1)
    return torch.cdist(queries, means).argmin(1)


# %% wrong: vote of three -> vote of the three nearest
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    near = torch.cdist(queries, support).topk(min(3, len(support)), largest=False).indices
    return support_labels[near].mode(1).values


# %% wrong: NaN where a class is absent -> 0/0 = NaN
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    means = torch.stack([support[support_labels == c].mean(0) for c in range(num_classes)])
    return torch.cdist(queries, means).argmin(1)


# %% wrong: origin where a class is absent -> put at the origin
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    members = F.one_hot(support_labels, num_classes).T.to(support.dtype)
    means = members @ support / members.sum(1, keepdim=True).clamp(min=1)
    return torch.cdist(queries, means).argmin(1)


# %% wrong: positions after unique -> position in the list of the classes that occur
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    means = torch.stack([support[support_labels == c].mean(0) for c in support_labels.unique()])
    return torch.cdist(queries, means).argmin(1)


# %% wrong: from one on -> numbered from 1 on
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    means = torch.stack([support[support_labels == c].mean(0) for c in range(num_classes)])
    return torch.cdist(queries, means).argmin(1) + 1


# %% wrong: distances -> `argmin(dim=1)` picks the nearest one
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    means = torch.stack([support[support_labels == c].mean(0) for c in range(num_classes)])
    return torch.cdist(queries, means)


# %% wrong: argmin over the queries -> runs over the queries
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    means = torch.stack([support[support_labels == c].mean(0) for c in range(num_classes)])
    return torch.cdist(queries, means).argmin(0)


# %% wrong: floating-point classes -> must be of an integer type
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    means = torch.stack([support[support_labels == c].mean(0) for c in range(num_classes)])
    return torch.cdist(queries, means).argmin(1).float()


# %% wrong: a list -> expected is an integer tensor
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    means = torch.stack([support[support_labels == c].mean(0) for c in range(num_classes)])
    return torch.cdist(queries, means).argmin(1).tolist()


# %% wrong: squeezed -> Each query has a class of its own
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    distances = torch.full((len(queries), num_classes), torch.inf)
    for c in support_labels.unique():
        distances[:, c] = (queries - support[support_labels == c].mean(0)).norm(dim=1).float()
    return distances.argmin(1).squeeze()


# %% wrong: in place -> changes its argument `support`
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    centre = support.mean(0)
    support -= centre
    means = torch.stack([support[support_labels == c].mean(0) for c in range(num_classes)])
    return torch.cdist(queries - centre, means).argmin(1)


# %% trivial: class 0
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    return torch.zeros(len(queries), dtype=torch.long)


# %% trivial: the most frequent class
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    return support_labels.mode().values.expand(len(queries))


# %% trivial: the labels
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    return support_labels


# %% trivial: the queries
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    return queries


# %% trivial: None
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    pass


# %% trivial: not written
def nearest_centroid_predictions(support, support_labels, queries, num_classes):
    raise NotImplementedError
