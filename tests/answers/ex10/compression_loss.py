# ruff: noqa
# Answers to compression_loss: each block is what a learner might write. The text after `->` must be in the feedback.
import torch
import torch.nn as nn
import torch.nn.functional as F


# %% right: zip and mse_loss
def compression_loss(student_features, teacher_features, adapters):
    loss = 0
    for s, t, a in zip(student_features, teacher_features, adapters):
        loss = loss + F.mse_loss(a(s), t.detach())
    return loss


# %% right: a sum over a generator, other names
def compression_loss(s, t, a):
    return sum((f(x) - y.detach()).square().mean() for x, y, f in zip(s, t, a))


# %% right: stacked and summed
def compression_loss(s, t, a):
    return torch.stack([((t[i].detach() - a[i](s[i])) ** 2).mean() for i in range(len(s))]).sum()


# %% right: sums over the number of elements
def compression_loss(s, t, a):
    total = torch.zeros(())
    for x, y, f in zip(s, t, a):
        total = total + F.mse_loss(f(x), y.data, reduction="sum") / y.numel()
    return total


# %% right: mean of means
def compression_loss(s, t, a):
    losses = []
    for i in range(len(t)):
        with torch.no_grad():
            target = t[i].clone()
        losses.append((a[i](s[i]) - target).pow(2).flatten(1).mean(1).mean(0))
    return sum(losses)


# %% right: adapters first, in a list of their own
def compression_loss(student_features, teacher_features, adapters):
    adapted = [adapter(feature) for adapter, feature in zip(adapters, student_features)]
    targets = [feature.detach() for feature in teacher_features]
    return sum(map(F.mse_loss, adapted, targets))


# %% right: the last layer first
def compression_loss(s, t, a):
    total = 0.0
    for i in reversed(range(len(s))):
        total += F.mse_loss(a[i](s[i]), t[i].detach())
    return total


# %% right: everything in one vector, each element with its layer's weight
def compression_loss(s, t, a):
    differences = [(f(x) - y.detach()).flatten() for x, y, f in zip(s, t, a)]
    weights = torch.cat([torch.full_like(d, 1 / len(d)) for d in differences]).detach()
    return (weights * torch.cat(differences) ** 2).sum()


# %% right: nn.MSELoss in a module
class Compression(nn.Module):
    def __init__(self):
        super().__init__()
        self.criterion = nn.MSELoss()

    def forward(self, students, teachers, adapters):
        return sum(self.criterion(a(s), t.detach()) for s, t, a in zip(students, teachers, adapters))


compression_loss = Compression()


# %% right: recursion
def compression_loss(s, t, a):
    if not s:
        return 0.0
    return F.mse_loss(a[0](s[0]), t[0].detach()) + compression_loss(s[1:], t[1:], a[1:])


# %% right: dot products
def compression_loss(s, t, a):
    rest = [(f(x) - y.detach()).flatten() for x, y, f in zip(s, t, a)]
    return sum(r @ r / r.numel() for r in rest)


# %% right: in float64 inside
def compression_loss(s, t, a):
    return sum((f(x).double() - y.detach().double()).square().mean() for x, y, f in zip(s, t, a))


# %% right: the library's hint loss for each layer
def compression_loss(s, t, a):
    from kdcourse.losses import hint_loss

    return sum(hint_loss(f(x), y) for x, y, f in zip(s, t, a))


# %% right: one element
def compression_loss(s, t, a):
    return sum(F.mse_loss(f(x), y.detach()).reshape(1) for x, y, f in zip(s, t, a))


# %% wrong: mean over the layers -> the mean over the layers
def compression_loss(s, t, a):
    return torch.stack([F.mse_loss(f(x), y.detach()) for x, y, f in zip(s, t, a)]).mean()


# %% wrong: divided by the number of layers -> the mean over the layers
def compression_loss(s, t, a):
    return sum(F.mse_loss(f(x), y.detach()) for x, y, f in zip(s, t, a)) / len(s)


# %% wrong: one mean of all elements -> large maps drown small ones
def compression_loss(s, t, a):
    return torch.cat([(f(x) - y.detach()).flatten() for x, y, f in zip(s, t, a)]).square().mean()


# %% wrong: everything summed -> elements are summed
def compression_loss(s, t, a):
    return sum(F.mse_loss(f(x), y.detach(), reduction="sum") for x, y, f in zip(s, t, a))


# %% wrong: mean over the batch only -> over the batch only
def compression_loss(s, t, a):
    return sum(F.mse_loss(f(x), y.detach(), reduction="sum") / len(y) for x, y, f in zip(s, t, a))


# %% wrong: channels summed -> The channels are summed
def compression_loss(s, t, a):
    return sum((f(x) - y.detach()).square().sum(1).mean() for x, y, f in zip(s, t, a))


# %% wrong: pixels summed -> The pixels are summed
def compression_loss(s, t, a):
    return sum((f(x) - y.detach()).square().flatten(2).sum(2).mean() for x, y, f in zip(s, t, a))


# %% wrong: half -> a factor 1/2 too much
def compression_loss(s, t, a):
    return sum(0.5 * F.mse_loss(f(x), y.detach()) for x, y, f in zip(s, t, a))


# %% wrong: return in the loop -> Only the first layer
def compression_loss(s, t, a):
    for x, y, f in zip(s, t, a):
        return F.mse_loss(f(x), y.detach())


# %% wrong: the sum is overwritten -> Only the last layer
def compression_loss(s, t, a):
    for x, y, f in zip(s, t, a):
        loss = F.mse_loss(f(x), y.detach())
    return loss


# %% wrong: the loop begins at 1 -> The first layer is left out
def compression_loss(s, t, a):
    return sum(F.mse_loss(a[i](s[i]), t[i].detach()) for i in range(1, len(s))) + 0 * s[0].sum()


# %% wrong: the loop ends early -> The last layer is left out
def compression_loss(s, t, a):
    return sum(F.mse_loss(a[i](s[i]), t[i].detach()) for i in range(len(s) - 1)) + 0 * s[0].sum()


# %% wrong: absolute differences -> `l1_loss`
def compression_loss(s, t, a):
    return sum(F.l1_loss(f(x), y.detach()) for x, y, f in zip(s, t, a))


# %% wrong: smooth -> `smooth_l1_loss`
def compression_loss(s, t, a):
    return sum(F.smooth_l1_loss(f(x), y.detach()) for x, y, f in zip(s, t, a))


# %% wrong: norm of each layer -> norm of the difference
def compression_loss(s, t, a):
    return sum((f(x) - y.detach()).norm() for x, y, f in zip(s, t, a))


# %% wrong: root of each mean -> The square root of each layer's mean
def compression_loss(s, t, a):
    return sum(F.mse_loss(f(x), y.detach()).sqrt() for x, y, f in zip(s, t, a))


# %% wrong: adapters on the teacher -> belongs on the student's side
def compression_loss(s, t, a):
    return sum(F.mse_loss(f(y), x) for x, y, f in zip(s, t, a))


# %% wrong: adapters on the teacher, detached -> belongs on the student's side
def compression_loss(s, t, a):
    return sum(F.mse_loss(x, f(y.detach())) for x, y, f in zip(s, t, a))


# %% wrong: adapters on both -> belongs on the student's side
def compression_loss(s, t, a):
    return sum(F.mse_loss(f(x), f(y)) for x, y, f in zip(s, t, a))


# %% wrong: adapters on the teacher where that fits -> belongs on the student's side
def compression_loss(s, t, a):
    loss = 0
    for x, y, f in zip(s, t, a):
        if x.shape == y.shape:
            loss = loss + F.mse_loss(x, f(y.detach()))
        else:
            loss = loss + F.mse_loss(f(x), y.detach())
    return loss


# %% wrong: no adapters -> The adapters are not used
def compression_loss(s, t, a):
    return sum(F.mse_loss(x, y.detach()) for x, y in zip(s, t))


# %% wrong: the first adapter for all -> Your function raises RuntimeError
def compression_loss(s, t, a):
    return sum(F.mse_loss(a[0](x), y.detach()) for x, y in zip(s, t))


# %% wrong: a new adapter in each call -> The value is not right
def compression_loss(s, t, a):
    total = 0
    for x, y in zip(s, t):
        own = nn.Conv2d(x.shape[1], y.shape[1], 1).to(x.dtype)
        total = total + F.mse_loss(own(x), y.detach())
    return total


# %% wrong: the weight instead of a call -> call it, `adapter(feature)`
def compression_loss(s, t, a):
    return sum(F.mse_loss(F.conv2d(x, f.weight, f.bias), y.detach()) for x, y, f in zip(s, t, a))


# %% wrong: the adapters' order reversed -> Your function raises RuntimeError
def compression_loss(s, t, a):
    return sum(F.mse_loss(f(x), y.detach()) for x, y, f in zip(s, t, reversed(a)))


# %% wrong: the teacher is not detached -> A gradient reaches `teacher_features`
def compression_loss(s, t, a):
    return sum(F.mse_loss(f(x), y) for x, y, f in zip(s, t, a))


# %% wrong: one layer of the teacher is not detached -> A gradient reaches `teacher_features`
def compression_loss(s, t, a):
    return F.mse_loss(a[0](s[0]), t[0]) + sum(
        F.mse_loss(f(x), y.detach()) for x, y, f in zip(s[1:], t[1:], a[1:])
    )


# %% wrong: the student detached -> the student does not
def compression_loss(s, t, a):
    return sum(F.mse_loss(f(x.detach()), y.detach()) for x, y, f in zip(s, t, a))


# %% wrong: detached after the adapter -> The graph is cut
def compression_loss(s, t, a):
    return sum(F.mse_loss(f(x).detach(), y) for x, y, f in zip(s, t, a))


# %% wrong: adapters frozen inside -> No gradient reaches the adapters
def compression_loss(s, t, a):
    from torch.func import functional_call

    total = 0
    for x, y, f in zip(s, t, a):
        constants = {name: p.detach() for name, p in f.named_parameters()}
        total = total + F.mse_loss(functional_call(f, constants, (x,)), y.detach())
    return total


# %% wrong: adapters frozen for good -> they can no longer learn
def compression_loss(s, t, a):
    for f in a:
        f.requires_grad_(False)
    return sum(F.mse_loss(f(x), y.detach()) for x, y, f in zip(s, t, a))


# %% wrong: adapters under no_grad -> The graph is cut
def compression_loss(s, t, a):
    with torch.no_grad():
        adapted = [f(x) for x, f in zip(s, a)]
    return sum(F.mse_loss(x, y) for x, y in zip(adapted, t))


# %% wrong: a number -> not a tensor
def compression_loss(s, t, a):
    return sum(F.mse_loss(f(x), y).item() for x, y, f in zip(s, t, a))


# %% wrong: a list -> returns a list
def compression_loss(s, t, a):
    return [F.mse_loss(f(x), y.detach()) for x, y, f in zip(s, t, a)]


# %% wrong: one loss for each layer -> one loss for each layer
def compression_loss(s, t, a):
    return torch.stack([F.mse_loss(f(x), y.detach()) for x, y, f in zip(s, t, a)])


# %% wrong: one loss for each image -> one loss for each image
def compression_loss(s, t, a):
    return sum((f(x) - y.detach()).square().flatten(1).mean(1) for x, y, f in zip(s, t, a))


# %% wrong: normalised -> The features are normalised
def compression_loss(s, t, a):
    return sum(
        F.mse_loss(F.normalize(f(x), dim=1), F.normalize(y.detach(), dim=1)) for x, y, f in zip(s, t, a)
    )


# %% wrong: pooled -> averaged over their pixels
def compression_loss(s, t, a):
    return sum(F.mse_loss(f(x).flatten(2).mean(2), y.detach().flatten(2).mean(2)) for x, y, f in zip(s, t, a))


# %% wrong: averaged before it is squared -> averaged first
def compression_loss(s, t, a):
    return sum((f(x) - y.detach()).mean() ** 2 for x, y, f in zip(s, t, a))


# %% wrong: not squared -> not squared
def compression_loss(s, t, a):
    return sum((f(x) - y.detach()).mean() for x, y, f in zip(s, t, a))


# %% wrong: minus -> The sign is wrong
def compression_loss(s, t, a):
    return -sum(F.mse_loss(f(x), y.detach()) for x, y, f in zip(s, t, a))


# %% wrong: cosine -> a cosine distance
def compression_loss(s, t, a):
    return sum((1 - F.cosine_similarity(f(x), y.detach(), dim=1)).mean() for x, y, f in zip(s, t, a))


# %% wrong: mean over the layers, of sums -> Two things.
def compression_loss(s, t, a):
    return sum(F.mse_loss(f(x), y.detach(), reduction="sum") for x, y, f in zip(s, t, a)) / len(s)


# %% wrong: three layers taken for granted -> Your function raises ValueError
def compression_loss(s, t, a):
    one, two, three = zip(s, t, a)
    return sum(F.mse_loss(f(x), y.detach()) for x, y, f in (one, two, three))


# %% wrong: the lists are emptied -> changes the list
def compression_loss(s, t, a):
    total = 0
    while s:
        total = total + F.mse_loss(a.pop()(s.pop()), t.pop().detach())
    return total


# %% wrong: the teacher's list is replaced entry by entry -> changes the list `teacher_features`
def compression_loss(s, t, a):
    for i in range(len(t)):
        t[i] = t[i].detach()
    return sum(F.mse_loss(f(x), y) for x, y, f in zip(s, t, a))


# %% wrong: the teacher is cut off in place -> cuts a tensor in `teacher_features` off
def compression_loss(s, t, a):
    return sum(F.mse_loss(f(x), y.detach_()) for x, y, f in zip(s, t, a))


# %% wrong: the teacher is changed in place -> changes a tensor in `teacher_features`
def compression_loss(s, t, a):
    return sum(y.detach().sub_(f(x).detach()).square().mean() + 0 * x.sum() for x, y, f in zip(s, t, a))


# %% wrong: adapters put into evaluation mode -> switches `adapters`
def compression_loss(s, t, a):
    return sum(F.mse_loss(f.eval()(x), y.detach()) for x, y, f in zip(s, t, a))


# %% wrong: image by image, which batch norm does not stand -> With adapters that have batch norm
def compression_loss(s, t, a):
    total = 0
    for x, y, f in zip(s, t, a):
        adapted = torch.cat([f(one[None]) for one in x])
        total = total + F.mse_loss(adapted, y.detach())
    return total


# %% wrong: asked twice -> call it once
def compression_loss(s, t, a):
    for x, y, f in zip(s, t, a):
        assert f(x).shape == y.shape
    return sum(F.mse_loss(f(x), y.detach()) for x, y, f in zip(s, t, a))


# %% wrong: calls backward -> `.grad` is filled
def compression_loss(s, t, a):
    loss = sum(F.mse_loss(f(x.detach()), y.detach()) for x, y, f in zip(s, t, a))
    loss.backward()
    return sum(F.mse_loss(f(x), y.detach()) for x, y, f in zip(s, t, a))


# %% trivial: zero
def compression_loss(s, t, a):
    return 0 * s[0].sum()


# %% trivial: one
def compression_loss(s, t, a):
    return torch.tensor(1.0)


# %% trivial: nothing
def compression_loss(s, t, a):
    pass


# %% trivial: not written
def compression_loss(s, t, a):
    raise NotImplementedError


# %% trivial: the first feature
def compression_loss(s, t, a):
    return s[0]


# %% trivial: too few parameters
def compression_loss(s, t):
    return F.mse_loss(s[0], t[0])
