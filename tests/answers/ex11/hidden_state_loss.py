# ruff: noqa
# Answers to hidden_state_loss: each block is what a learner might write. The text after `->` must be in the feedback.
import torch
import torch.nn as nn
import torch.nn.functional as F


# %% right: picked with a bool mask
def hidden_state_loss(student, teacher, mask, projection):
    real = mask == 1
    d = projection(student)[real] - teacher[real].detach()
    return d.square().sum() / max(1, d.numel())


# %% right: where, and one quotient
def hidden_state_loss(s, t, mask, projection):
    real = mask.bool()[:, :, None]
    d = torch.where(real, projection(s) - t.detach(), 0)
    return d.pow(2).sum() / (t.shape[2] * real.sum().clamp(min=1))


# %% right: multiplied by the mask
def hidden_state_loss(s, t, mask, projection):
    m = mask.to(s.dtype)
    return ((projection(s) - t.detach()).square().mean(2) * m).sum() / m.sum().clamp(min=1)


# %% right: a loop over texts
def hidden_state_loss(s, t, mask, projection):
    predicted = projection(s)
    total, count = 0 * predicted[:, :0].sum(), 0
    for b in range(len(s)):
        for i in range(s.shape[1]):
            if mask[b, i] == 1:
                total, count = total + F.mse_loss(predicted[b, i], t[b, i].detach()), count + 1
    return total / max(count, 1)


# %% right: projected after picking
def hidden_state_loss(s, t, mask, projection):
    real = mask == 1
    if not real.any():
        return 0 * projection(s).sum()
    return F.mse_loss(projection(s[real]), t[real].detach())


# %% right: mse_loss by elements
def hidden_state_loss(s, t, mask, projection):
    each = F.mse_loss(projection(s), t.detach(), reduction="none")
    w = (mask != 0)[:, :, None].expand_as(each).to(each.dtype)
    return (w * each).sum() / w.sum().clamp(min=1)


# %% right: filled
def hidden_state_loss(s, t, mask, projection):
    d = (projection(s) - t.data).masked_fill((mask == 0)[..., None], 0)
    return (d * d).sum() / ((mask == 1).sum() * d.shape[-1]).clamp(min=1)


# %% right: einsum
def hidden_state_loss(s, t, mask, projection):
    d = projection(s) - t.detach()
    m = (mask == 1).to(d.dtype)
    return torch.einsum("bld,bld,bl->", d, d, m) / (d.shape[2] * m.sum()).clamp(min=1)


# %% right: flat tokens
def hidden_state_loss(s, t, mask, projection):
    real = (mask.flatten() == 1).nonzero()[:, 0]
    p, t = projection(s).flatten(0, 1)[real], t.detach().flatten(0, 1)[real]
    return (p - t).square().sum() / max(1, p.numel())


# %% right: in a module
class Hidden(nn.Module):
    def forward(self, s, t, mask, projection):
        real = mask == 1
        p = projection(s)
        weights = real.to(p.dtype) / real.sum().clamp(min=1)
        return ((p - t.detach()) ** 2).mean(-1).mul(weights).sum()


hidden_state_loss = Hidden()


# %% right: in float64 inside
def hidden_state_loss(s, t, mask, projection):
    real = (mask == 1)[:, :, None]
    d = torch.where(real, projection(s).double() - t.double().detach(), 0)
    return (d * d).sum() / (d.shape[2] * real.sum()).clamp(min=1)


# %% right: the library's own behind the projection
def hidden_state_loss(s, t, mask, projection):
    from kdcourse.losses import hidden_state_loss

    return hidden_state_loss(projection(s), t, mask)


# %% wrong: no mask -> The mask is not used
def hidden_state_loss(s, t, mask, projection):
    return F.mse_loss(projection(s), t.detach())


# %% wrong: diluted by padding -> dilutes the loss
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)[:, :, None]
    return ((projection(s) - t.detach()) * m).square().mean()


# %% wrong: zeros before the projection -> whose bias brings them back
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)[:, :, None]
    d = projection(s * m) - t.detach() * m
    return d.square().sum() / (t.shape[2] * m.sum().clamp(min=1))


# %% wrong: features summed -> The features are summed
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)[:, :, None]
    return ((projection(s) - t.detach()) * m).square().sum() / m.sum().clamp(min=1)


# %% wrong: mean of each text -> each text's mean
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)
    each = ((projection(s) - t.detach()).square().mean(2) * m).sum(1)
    return (each / m.sum(1).clamp(min=1)).mean()


# %% wrong: everything summed -> Everything is summed
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)[:, :, None]
    return ((projection(s) - t.detach()) * m).square().sum()


# %% wrong: by the batch -> divided by B only
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)[:, :, None]
    return ((projection(s) - t.detach()) * m).square().sum() / len(s)


# %% wrong: tokens summed -> divided by B · D
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)[:, :, None]
    return ((projection(s) - t.detach()) * m).square().sum(1).mean()


# %% wrong: the mask the other way round -> the wrong way round
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 0).to(s.dtype)
    return ((projection(s) - t.detach()).square().mean(2) * m).sum() / m.sum().clamp(min=1)


# %% wrong: the first token -> Only the first token counts
def hidden_state_loss(s, t, mask, projection):
    return F.mse_loss(projection(s)[:, 0], t[:, 0].detach())


# %% wrong: texts averaged first -> The tokens of a text are averaged
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)[:, :, None]
    n = m.sum(1).clamp(min=1)
    p, q = (projection(s) * m).sum(1) / n, (t.detach() * m).sum(1) / n
    share = m.sum(1) / m.sum().clamp(min=1)
    return ((p - q).square().mean(1, keepdim=True) * share).sum()


# %% wrong: absolute -> absolute differences
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)
    return ((projection(s) - t.detach()).abs().mean(2) * m).sum() / m.sum().clamp(min=1)


# %% wrong: half -> a factor 1/2
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)
    return ((projection(s) - t.detach()).square().mean(2) * m).sum() / m.sum().clamp(min=1) / 2


# %% wrong: root -> The square root of the mean
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)
    return (((projection(s) - t.detach()).square().mean(2) * m).sum() / m.sum().clamp(min=1)).sqrt()


# %% wrong: norms -> mean *norm*
def hidden_state_loss(s, t, mask, projection):
    real = mask == 1
    return (projection(s) - t.detach())[real].norm(dim=1).sum() / real.sum().clamp(min=1)


# %% wrong: cosine -> DistilBERT's cosine loss
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)
    return ((1 - F.cosine_similarity(projection(s), t.detach(), dim=2)) * m).sum() / m.sum().clamp(min=1)


# %% wrong: normalised -> are normalised
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)
    d = F.normalize(projection(s), dim=2) - F.normalize(t.detach(), dim=2)
    return (d.square().mean(2) * m).sum() / m.sum().clamp(min=1)


# %% wrong: projection on the teacher -> belongs on the student's side
def hidden_state_loss(s, t, mask, projection):
    real = mask == 1
    return F.mse_loss(s[real], projection(t[real].detach()))


# %% wrong: projection on the teacher, whole -> belongs on the student's side
def hidden_state_loss(s, t, mask, projection):
    real = mask == 1
    return F.mse_loss(s[real], projection(t.detach())[real])


# %% wrong: no projection -> The projection is not used
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)
    return ((s - t.detach()).square().mean(2) * m).sum() / m.sum().clamp(min=1)


# %% wrong: its weight -> call it, `projection(student)`
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)
    p = F.linear(s, projection.weight, projection.bias)
    return ((p - t.detach()).square().mean(2) * m).sum() / m.sum().clamp(min=1)


# %% wrong: no guard -> 0/0
def hidden_state_loss(s, t, mask, projection):
    real = mask == 1
    return F.mse_loss(projection(s)[real], t[real].detach())


# %% wrong: 0 without a graph -> must have a graph
def hidden_state_loss(s, t, mask, projection):
    real = mask == 1
    if not real.any():
        return torch.zeros(())
    return F.mse_loss(projection(s)[real], t[real].detach())


# %% wrong: an integer mask as an index -> The value is not right
def hidden_state_loss(s, t, mask, projection):
    mask = mask.long()
    return F.mse_loss(projection(s).flatten(0, 1)[mask.flatten()], t.detach().flatten(0, 1)[mask.flatten()])


# %% wrong: only bool masks -> begin with `real = mask == 1`
def hidden_state_loss(s, t, mask, projection):
    d = (projection(s) - t.detach()).masked_fill(~mask[:, :, None], 0)
    return d.square().sum() / (d.shape[2] * mask.sum().clamp(min=1))


# %% wrong: the teacher is not detached -> A gradient reaches `teacher`
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)
    return ((projection(s) - t).square().mean(2) * m).sum() / m.sum().clamp(min=1)


# %% wrong: the student detached -> the student does not
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)
    return ((projection(s.detach()) - t.detach()).square().mean(2) * m).sum() / m.sum().clamp(min=1)


# %% wrong: projection frozen -> No gradient reaches the projection
def hidden_state_loss(s, t, mask, projection):
    constants = {name: p.detach() for name, p in projection.named_parameters()}
    m = (mask == 1).to(s.dtype)
    p = torch.func.functional_call(projection, constants, (s,))
    return ((p - t.detach()).square().mean(2) * m).sum() / m.sum().clamp(min=1)


# %% wrong: no gradient -> The graph is cut
def hidden_state_loss(s, t, mask, projection):
    with torch.no_grad():
        p = projection(s)
    m = (mask == 1).to(s.dtype)
    return ((p - t).square().mean(2) * m).sum() / m.sum().clamp(min=1)


# %% wrong: projection frozen for good -> they can no longer learn
def hidden_state_loss(s, t, mask, projection):
    projection.requires_grad_(False)
    m = (mask == 1).to(s.dtype)
    return ((projection(s) - t.detach()).square().mean(2) * m).sum() / m.sum().clamp(min=1)


# %% wrong: a number -> not a tensor
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)
    return (((projection(s) - t.detach()).square().mean(2) * m).sum() / m.sum().clamp(min=1)).item()


# %% wrong: one loss a token -> one loss for each token
def hidden_state_loss(s, t, mask, projection):
    return (projection(s) - t.detach()).square().mean(2) * (mask == 1)


# %% wrong: mask without an axis -> has no axis of features
def hidden_state_loss(s, t, mask, projection):
    d = (projection(s) - t.detach()).square() * (mask == 1)
    return d.sum() / (t.shape[2] * mask.sum())


# %% wrong: diluted and summed features -> The value is not right
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)[:, :, None]
    return ((projection(s) - t.detach()) * m).square().sum(2).mean()


# %% wrong: plus one -> 1 is added
def hidden_state_loss(s, t, mask, projection):
    m = (mask == 1).to(s.dtype)[:, :, None]
    return ((projection(s) - t.detach()) * m).square().sum() / (t.shape[2] * m.sum() + 1)


# %% wrong: changed in place -> changes its argument `teacher`
def hidden_state_loss(s, t, mask, projection):
    t.detach().masked_fill_((mask == 0)[:, :, None], 0)
    m = (mask == 1).to(s.dtype)
    return ((projection(s) - t.detach()).square().mean(2) * m).sum() / m.sum().clamp(min=1)


# %% wrong: padding believed at the end -> With padding anywhere
def hidden_state_loss(s, t, mask, projection):
    lengths, p = (mask == 1).sum(1), projection(s)
    total = 0 * p.sum()
    for b, n in enumerate(lengths.tolist()):
        total = total + (p[b, :n] - t[b, :n].detach()).square().sum()
    return total / (t.shape[2] * lengths.sum().clamp(min=1))


# %% trivial: zero
def hidden_state_loss(s, t, mask, projection):
    return 0 * s.sum()


# %% trivial: one
def hidden_state_loss(s, t, mask, projection):
    return torch.tensor(1.0)


# %% trivial: nothing
def hidden_state_loss(s, t, mask, projection):
    pass


# %% trivial: not written
def hidden_state_loss(s, t, mask, projection):
    raise NotImplementedError


# %% trivial: the states
def hidden_state_loss(s, t, mask, projection):
    return s
