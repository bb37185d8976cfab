# ruff: noqa
# Answers to netaug_total_loss: each block is what a learner might write. The text after `->` must be in the
# feedback.
import functools

import torch
import torch.nn as nn
import torch.nn.functional as F


def net(w1, w2, x, m):
    return F.relu(x @ w1[:m].T) @ w2[:, :m].T


# %% right: as in the text
def netaug_total_loss(w1, w2, x, labels, base_width, aug_width, alpha):
    def logits(m):
        return torch.relu(x @ w1[:m].T) @ w2[:, :m].T

    return F.cross_entropy(logits(base_width), labels) + alpha * F.cross_entropy(logits(aug_width), labels)


# %% right: F.linear
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    small = F.linear(F.relu(F.linear(x, w1[:b])), w2[:, :b])
    large = F.linear(F.relu(F.linear(x, w1[:a])), w2[:, :a])
    return F.cross_entropy(small, y) + alpha * F.cross_entropy(large, y)


# %% right: hidden units once, then slices
def netaug_total_loss(w1, w2, x, labels, base_width, aug_width, alpha):
    hidden = (x @ w1.T).clamp(min=0)
    small = hidden[:, :base_width] @ w2[:, :base_width].T
    large = hidden[:, :aug_width] @ w2[:, :aug_width].T
    return F.cross_entropy(small, labels) + alpha * F.cross_entropy(large, labels)


# %% right: a mask instead of slices
def netaug_total_loss(w1, w2, x, labels, base_width, aug_width, alpha):
    total = 0
    for width, weight in ((base_width, 1.0), (aug_width, alpha)):
        mask = (torch.arange(w1.shape[0]) < width).to(x.dtype)
        total = total + weight * F.cross_entropy((F.relu(x @ w1.t()) * mask) @ w2.t(), labels)
    return total


# %% right: the rest added to the base net's logits
def netaug_total_loss(w1, w2, x, labels, base_width, aug_width, alpha):
    base = F.relu(x @ w1[:base_width].T) @ w2[:, :base_width].T
    rest = F.relu(x @ w1[base_width:aug_width].T) @ w2[:, base_width:aug_width].T
    return F.cross_entropy(base, labels) + alpha * F.cross_entropy(base + rest, labels)


# %% right: einsum
def netaug_total_loss(w1, w2, x, labels, base_width, aug_width, alpha):
    losses = []
    for m in (base_width, aug_width):
        h = torch.einsum("nd,md->nm", x, w1.narrow(0, 0, m)).relu()
        z = torch.einsum("nm,cm->nc", h, w2.narrow(1, 0, m))
        losses.append(F.nll_loss(z.log_softmax(1), labels))
    return losses[0] + alpha * losses[1]


# %% right: clone keeps the graph
def netaug_total_loss(w1, w2, x, labels, base_width, aug_width, alpha):
    ce = nn.CrossEntropyLoss()
    a1, a2 = w1[:aug_width].clone(), w2[:, :aug_width].clone()
    b1, b2 = a1[:base_width], a2[:, :base_width]
    return ce((x @ b1.T).relu() @ b2.T, labels) + alpha * ce((x @ a1.T).relu() @ a2.T, labels)


# %% right: loops over samples and units
def netaug_total_loss(w1, w2, x, labels, base_width, aug_width, alpha):
    def loss(m):
        total = 0
        for row, y in zip(x, labels):
            z = torch.zeros(w2.shape[0], dtype=x.dtype)
            for i in range(m):
                z = z + F.relu(w1[i] @ row) * w2[:, i]
            total = total + torch.logsumexp(z, 0) - z[y]
        return total / len(x)

    return loss(base_width) + alpha * loss(aug_width)


# %% right: in float64 inside
def netaug_total_loss(w1, w2, x, labels, base_width, aug_width, alpha):
    w1, w2, x = w1.double(), w2.double(), x.double()
    return F.cross_entropy(net(w1, w2, x, base_width), labels) + alpha * F.cross_entropy(
        net(w1, w2, x, aug_width), labels
    )


# %% right: keyword-only parameters
def netaug_total_loss(w1, w2, x, labels, *, base_width, aug_width, alpha=1.0):
    small, large = (F.cross_entropy(net(w1, w2, x, m), labels) for m in (base_width, aug_width))
    return small + alpha * large


# %% right: functional_call of a module
def netaug_total_loss(w1, w2, x, labels, base_width, aug_width, alpha):
    from torch.func import functional_call

    total = 0
    for m, weight in [(base_width, 1), (aug_width, alpha)]:
        model = nn.Sequential(
            nn.Linear(w1.shape[1], m, bias=False), nn.ReLU(), nn.Linear(m, w2.shape[0], bias=False)
        )
        z = functional_call(model, {"0.weight": w1[:m], "2.weight": w2[:, :m]}, (x,))
        total = total + weight * F.cross_entropy(z, labels)
    return total


# %% right: index_select, a partial, one element
def general(shape, w1, w2, x, y, b, a, alpha):
    def z(m):
        units = torch.arange(m)
        return torch.relu(x @ w1.index_select(0, units).T) @ w2.index_select(1, units).T

    return (F.cross_entropy(z(b), y) + alpha * F.cross_entropy(z(a), y)).reshape(shape)


netaug_total_loss = functools.partial(general, (1,))


# %% right: both nets as one batch
def netaug_total_loss(w1, w2, x, labels, base_width, aug_width, alpha):
    z = torch.cat([net(w1, w2, x, base_width), net(w1, w2, x, aug_width)])
    ce = F.cross_entropy(z, labels.repeat(2), reduction="none").view(2, -1).mean(1)
    return ce[0] + alpha * ce[1]


# %% wrong: alpha on the base net -> alpha weights the wrong term
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    return alpha * F.cross_entropy(net(w1, w2, x, b), y) + F.cross_entropy(net(w1, w2, x, a), y)


# %% wrong: 1 - alpha and alpha -> The base net's loss has the weight 1 − alpha
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    return (1 - alpha) * F.cross_entropy(net(w1, w2, x, b), y) + alpha * F.cross_entropy(net(w1, w2, x, a), y)


# %% wrong: alpha and 1 - alpha -> averaged with alpha and 1 − alpha
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    return alpha * F.cross_entropy(net(w1, w2, x, b), y) + (1 - alpha) * F.cross_entropy(net(w1, w2, x, a), y)


# %% wrong: alpha is not used -> alpha is not used
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    return F.cross_entropy(net(w1, w2, x, b), y) + F.cross_entropy(net(w1, w2, x, a), y)


# %% wrong: mean of both -> the mean of both losses
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    return (F.cross_entropy(net(w1, w2, x, b), y) + F.cross_entropy(net(w1, w2, x, a), y)) / 2


# %% wrong: half of the sum -> The sum of the losses is halved
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    return 0.5 * (F.cross_entropy(net(w1, w2, x, b), y) + alpha * F.cross_entropy(net(w1, w2, x, a), y))


# %% wrong: divided by the weights -> divided by 1 + alpha
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    total = F.cross_entropy(net(w1, w2, x, b), y) + alpha * F.cross_entropy(net(w1, w2, x, a), y)
    return total / (1 + alpha)


# %% wrong: alpha on both -> Both losses have the weight alpha
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    return alpha * (F.cross_entropy(net(w1, w2, x, b), y) + F.cross_entropy(net(w1, w2, x, a), y))


# %% wrong: base net only -> The augmented net's loss is missing
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    return F.cross_entropy(net(w1, w2, x, b), y)


# %% wrong: augmented net only -> The base net's loss is missing
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    return alpha * F.cross_entropy(net(w1, w2, x, a), y)


# %% wrong: separate weights for the augmented part -> Yours begins where the base net ends
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    large = F.relu(x @ w1[b:a].T) @ w2[:, b:a].T
    return F.cross_entropy(net(w1, w2, x, b), y) + alpha * F.cross_entropy(large, y)


# %% wrong: the augmented net is all the rest -> Yours is all that the base net leaves
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    large = F.relu(x @ w1[b:].T) @ w2[:, b:].T
    return F.cross_entropy(net(w1, w2, x, b), y) + alpha * F.cross_entropy(large, y)


# %% wrong: aug_width units after the base net -> does not contain the base net
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    large = F.relu(x @ w1[b : b + a].T) @ w2[:, b : b + a].T
    return F.cross_entropy(net(w1, w2, x, b), y) + alpha * F.cross_entropy(large, y)


# %% wrong: aug_width more units -> `base_width + aug_width` wide
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    return F.cross_entropy(net(w1, w2, x, b), y) + alpha * F.cross_entropy(net(w1, w2, x, a + b), y)


# %% wrong: the augmented net is everything -> The augmented net uses all hidden units
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    large = F.relu(x @ w1.T) @ w2.T
    return F.cross_entropy(net(w1, w2, x, b), y) + alpha * F.cross_entropy(large, y)


# %% wrong: both nets have base_width -> Both nets have the width of the base net
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    return (1 + alpha) * F.cross_entropy(net(w1, w2, x, b), y)


# %% wrong: the base net is the last slice -> The base net is the last slice of the weights
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    small = F.relu(x @ w1[-b:].T) @ w2[:, -b:].T
    return F.cross_entropy(small, y) + alpha * F.cross_entropy(net(w1, w2, x, a), y)


# %% wrong: both are last slices -> last slice
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    def z(m):
        return F.relu(x @ w1[-m:].T) @ w2[:, -m:].T

    return F.cross_entropy(z(b), y) + alpha * F.cross_entropy(z(a), y)


# %% wrong: the base net ends the augmented one -> last slice of the augmented one
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    small = F.relu(x @ w1[a - b : a].T) @ w2[:, a - b : a].T
    return F.cross_entropy(small, y) + alpha * F.cross_entropy(net(w1, w2, x, a), y)


# %% wrong: the widths are exchanged -> are the two widths exchanged?
def netaug_total_loss(w1, w2, x, y, aug_width, base_width, alpha):
    return F.cross_entropy(net(w1, w2, x, base_width), y) + alpha * F.cross_entropy(
        net(w1, w2, x, aug_width), y
    )


# %% wrong: no ReLU -> The ReLU between the two layers is missing
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    z = lambda m: x @ w1[:m].T @ w2[:, :m].T
    return F.cross_entropy(z(b), y) + alpha * F.cross_entropy(z(a), y)


# %% wrong: ReLU on the logits too -> A second ReLU
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    z = lambda m: F.relu(net(w1, w2, x, m))
    return F.cross_entropy(z(b), y) + alpha * F.cross_entropy(z(a), y)


# %% wrong: a sigmoid -> The activation is a sigmoid
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    z = lambda m: torch.sigmoid(x @ w1[:m].T) @ w2[:, :m].T
    return F.cross_entropy(z(b), y) + alpha * F.cross_entropy(z(a), y)


# %% wrong: rows of w2 -> Two shapes do not fit. Hidden unit i
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    z = lambda m: F.relu(x @ w1[:m].T) @ w2[:m].T
    return F.cross_entropy(z(b), y) + alpha * F.cross_entropy(z(a), y)


# %% wrong: columns of w1 -> Two shapes do not fit. Hidden unit i
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    z = lambda m: F.relu(x @ w1[:, :m].T) @ w2[:, :m].T
    return F.cross_entropy(z(b), y) + alpha * F.cross_entropy(z(a), y)


# %% wrong: w2 is not sliced -> Two shapes do not fit. Hidden unit i
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    z = lambda m: F.relu(x @ w1[:m].T) @ w2.T
    return F.cross_entropy(z(b), y) + alpha * F.cross_entropy(z(a), y)


# %% wrong: the last columns of w2 -> The nets take the *last* columns of `w2`
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    z = lambda m: F.relu(x @ w1[:m].T) @ w2[:, -m:].T
    return F.cross_entropy(z(b), y) + alpha * F.cross_entropy(z(a), y)


# %% wrong: w2 by reshape -> deal the numbers of `w2` out anew
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    z = lambda m: F.relu(x @ w1[:m].T) @ w2.reshape(-1)[: m * w2.shape[0]].reshape(m, -1)
    return F.cross_entropy(z(b), y) + alpha * F.cross_entropy(z(a), y)


# %% wrong: copies of the base net as parameters -> No gradient comes from the base net's loss
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    small1, small2 = nn.Parameter(w1[:b].clone()), nn.Parameter(w2[:, :b].clone())
    small = F.relu(x @ small1.T) @ small2.T
    return F.cross_entropy(small, y) + alpha * F.cross_entropy(net(w1, w2, x, a), y)


# %% wrong: an augmented net as a module with copied weights -> No gradient comes from the augmented net's loss
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    big = nn.Sequential(
        nn.Linear(w1.shape[1], a, bias=False), nn.ReLU(), nn.Linear(a, w2.shape[0], bias=False)
    )
    big = big.to(w1.dtype)
    with torch.no_grad():
        big[0].weight.copy_(w1[:a])
        big[2].weight.copy_(w2[:, :a])
    return F.cross_entropy(net(w1, w2, x, b), y) + alpha * F.cross_entropy(big(x), y)


# %% wrong: the augmented net under no_grad -> No gradient comes from the augmented net's loss
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    with torch.no_grad():
        large = F.cross_entropy(net(w1, w2, x, a), y)
    return F.cross_entropy(net(w1, w2, x, b), y) + alpha * large


# %% wrong: the base slice is detached in the augmented net -> The base slice is detached inside the augmented net
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    a1 = torch.cat([w1[:b].detach(), w1[b:a]])
    a2 = torch.cat([w2[:, :b].detach(), w2[:, b:a]], dim=1)
    large = F.relu(x @ a1.T) @ a2.T
    return F.cross_entropy(net(w1, w2, x, b), y) + alpha * F.cross_entropy(large, y)


# %% wrong: base logits detached in the augmented net -> The base slice is detached inside the augmented net
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    small = net(w1, w2, x, b)
    rest = F.relu(x @ w1[b:a].T) @ w2[:, b:a].T
    return F.cross_entropy(small, y) + alpha * F.cross_entropy(small.detach() + rest, y)


# %% wrong: the rest is detached -> The units beyond the base net are detached
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    small = net(w1, w2, x, b)
    with torch.no_grad():
        rest = F.relu(x @ w1[b:a].T) @ w2[:, b:a].T
    return F.cross_entropy(small, y) + alpha * F.cross_entropy(small + rest, y)


# %% wrong: data of all weights -> The graph is cut
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    w1, w2 = w1.data, w2.data
    return F.cross_entropy(net(w1, w2, x, b), y) + alpha * F.cross_entropy(net(w1, w2, x, a), y)


# %% wrong: w2 is detached -> `w2` is detached
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    w2 = w2.detach()
    return F.cross_entropy(net(w1, w2, x, b), y) + alpha * F.cross_entropy(net(w1, w2, x, a), y)


# %% wrong: the hidden units are detached -> `w1` is detached
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    w1 = w1.detach()
    return F.cross_entropy(net(w1, w2, x, b), y) + alpha * F.cross_entropy(net(w1, w2, x, a), y)


# %% wrong: the base net distilled from the augmented one -> there is no distillation
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    small, large = net(w1, w2, x, b), net(w1, w2, x, a).detach()
    return F.cross_entropy(small, y) + alpha * F.kl_div(
        small.log_softmax(1), large.softmax(1), reduction="batchmean"
    )


# %% wrong: sums over the batch -> The losses are sums over the batch
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    ce = functools.partial(F.cross_entropy, target=y, reduction="sum")
    return ce(net(w1, w2, x, b)) + alpha * ce(net(w1, w2, x, a))


# %% wrong: softmax before cross_entropy -> `cross_entropy` is given probabilities
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    z = lambda m: net(w1, w2, x, m).softmax(1)
    return F.cross_entropy(z(b), y) + alpha * F.cross_entropy(z(a), y)


# %% wrong: cross-entropy of averaged logits -> The logits are averaged
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    return F.cross_entropy((net(w1, w2, x, b) + net(w1, w2, x, a)) / 2, y)


# %% wrong: cross-entropy of added logits -> The logits are added
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    return F.cross_entropy(net(w1, w2, x, b) + alpha * net(w1, w2, x, a), y)


# %% wrong: scaled with the width -> The hidden units are scaled with the width
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    z = lambda m: net(w1, w2, x, m) * m / len(w1)
    return F.cross_entropy(z(b), y) + alpha * F.cross_entropy(z(a), y)


# %% wrong: one unit too many -> The base net is one unit too wide
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    return F.cross_entropy(net(w1, w2, x, b + 1), y) + alpha * F.cross_entropy(net(w1, w2, x, a), y)


# %% wrong: alpha swapped and no ReLU -> Two things.
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    z = lambda m: x @ w1[:m].T @ w2[:, :m].T
    return alpha * F.cross_entropy(z(b), y) + F.cross_entropy(z(a), y)


# %% wrong: log of softmax -> not finite
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    def ce(z):
        return -z.softmax(1).log()[torch.arange(len(y)), y].mean()

    return ce(net(w1, w2, x, b)) + alpha * ce(net(w1, w2, x, a))


# %% wrong: the rest of the weights is set to zero in place -> changes its argument `w1`
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    large = F.cross_entropy(net(w1, w2, x, a), y)
    w1.data[b:] = 0
    return F.cross_entropy(F.relu(x @ w1.T) @ w2.T, y) + alpha * large


# %% wrong: the two losses -> returns a tuple
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    return F.cross_entropy(net(w1, w2, x, b), y), alpha * F.cross_entropy(net(w1, w2, x, a), y)


# %% wrong: a float -> not a tensor
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    return (F.cross_entropy(net(w1, w2, x, b), y) + alpha * F.cross_entropy(net(w1, w2, x, a), y)).item()


# %% wrong: backward inside -> A graph was used twice
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    small = F.cross_entropy(net(w1, w2, x, b), y)
    large = alpha * F.cross_entropy(net(w1, w2, x, a), y)
    small.backward(), large.backward()
    return small + large


# %% wrong: w1 is detached in the augmented net -> `w1` is detached in the augmented net's loss
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    large = F.cross_entropy(net(w1.detach(), w2, x, a), y)
    return F.cross_entropy(net(w1, w2, x, b), y) + alpha * large


# %% wrong: the base slice of w1 alone is detached -> The base slice of `w1` is detached
def netaug_total_loss(w1, w2, x, y, b, a, alpha):
    mixed = torch.cat([w1[:b].detach(), w1[b:]])
    return F.cross_entropy(net(w1, w2, x, b), y) + alpha * F.cross_entropy(net(mixed, w2, x, a), y)


# %% trivial: nothing
def netaug_total_loss(w1, w2, x, labels, base_width, aug_width, alpha):
    pass


# %% trivial: not written
def netaug_total_loss(w1, w2, x, labels, base_width, aug_width, alpha):
    raise NotImplementedError("later")


# %% trivial: zero
def netaug_total_loss(w1, w2, x, labels, base_width, aug_width, alpha):
    return torch.zeros(())


# %% trivial: the logits
def netaug_total_loss(w1, w2, x, labels, base_width, aug_width, alpha):
    return net(w1, w2, x, base_width)


# %% trivial: too few parameters
def netaug_total_loss(w1, w2, x, labels):
    return F.cross_entropy(F.relu(x @ w1.T) @ w2.T, labels)


# %% trivial: no function
netaug_total_loss = None
