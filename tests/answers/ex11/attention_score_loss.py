# ruff: noqa
# Answers to attention_score_loss: each block is what a learner might write. The text after `->` must be in the feedback.
import torch
import torch.nn as nn
import torch.nn.functional as F


def pairs_of(mask):
    real = mask == 1
    return (real[:, :, None] & real[:, None, :])[:, None]


# %% right: where, and one quotient
def attention_score_loss(student_scores, teacher_scores, mask):
    pairs = pairs_of(mask)
    difference = torch.where(pairs, student_scores - teacher_scores.detach(), 0.0)
    return difference.square().sum() / (student_scores.shape[1] * pairs.sum().clamp(min=1))


# %% right: picked out with a bool mask
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask).expand_as(s)
    return (s[pairs] - t.detach()[pairs]).square().sum() / max(1, int(pairs.sum()))


# %% right: heads to the end, then picked
def attention_score_loss(s, t, mask):
    real = mask.bool()
    pairs = real[:, :, None] & real[:, None, :]
    d = s.permute(0, 2, 3, 1)[pairs] - t.permute(0, 2, 3, 1)[pairs].detach()
    return d.pow(2).mean() if len(d) else (d * 0).sum()


# %% right: a loop over texts that cuts padding off
def attention_score_loss(s, t, mask):
    total, count = (s[:, :, :0] * 0).sum(), 0
    for b in range(len(s)):
        real = (mask[b] == 1).nonzero()[:, 0]
        one = s[b][:, real][:, :, real] - t[b][:, real][:, :, real].detach()
        total, count = total + (one**2).sum(), count + one.numel()
    return total / max(count, 1)


# %% right: both sides filled with 0 first
def attention_score_loss(s, t, mask):
    away = ~pairs_of(mask)
    loss = F.mse_loss(s.masked_fill(away, 0), t.detach().masked_fill(away, 0), reduction="sum")
    real = (mask != 0).sum(1)
    return loss / (s.size(1) * (real * real).sum()).clamp(min=1)


# %% right: difference filled
def attention_score_loss(s, t, mask):
    m = mask.to(s.dtype)
    w = torch.einsum("bi,bj->bij", m, m)[:, None].expand_as(s)
    d = (s - t.detach()).masked_fill(w == 0, 0.0)
    return (w * d * d).sum() / w.sum().clamp(min=1)


# %% right: nan_to_num is not needed after masking, used on weights
def attention_score_loss(s, t, mask):
    with torch.no_grad():
        w = pairs_of(mask).to(s.dtype)
        w = w / (w.sum() * s.shape[1]).clamp(min=1)
        t = torch.where(w > 0, t, torch.zeros_like(t))
    return (w * (torch.where(w > 0, s, torch.zeros_like(s)) - t) ** 2).sum()


# %% right: in a module
class Scores(nn.Module):
    def forward(self, student, teacher, mask):
        pairs = pairs_of(mask)
        each = F.mse_loss(
            torch.where(pairs, student, 0), torch.where(pairs, teacher.detach(), 0), reduction="none"
        )
        return each.sum() / (student.shape[1] * pairs.sum().clamp(min=1))


attention_score_loss = Scores()


# %% right: mean over the heads first
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    each = torch.where(pairs, s - t.data, 0).square().mean(1)
    return each.sum() / pairs.sum().clamp(min=1)


# %% right: index_put of squares
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask).expand_as(s)
    squares = torch.zeros_like(s).masked_scatter(pairs, (s[pairs] - t[pairs].detach()) ** 2)
    return squares.sum() / pairs.sum().clamp(min=1)


# %% right: in float64 inside
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    d = torch.where(pairs, s.double() - t.double().detach(), 0)
    return (d * d).sum() / (pairs.sum() * s.shape[1]).clamp(min=1)


# %% right: one element
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    d = torch.where(pairs, s - t.detach(), 0)
    return (d.square().sum() / (s.shape[1] * pairs.sum().clamp(min=1)))[None]


# %% right: the library's own
def attention_score_loss(s, t, mask):
    from kdcourse.losses import attention_score_loss

    return attention_score_loss(s, t, mask)


# %% wrong: no mask -> The mask is not used
def attention_score_loss(s, t, mask):
    return F.mse_loss(s, t.detach())


# %% wrong: keys only -> Padded *queries* count
def attention_score_loss(s, t, mask):
    keys = (mask == 1)[:, None, None, :].expand_as(s)
    return (s[keys] - t[keys].detach()).square().mean()


# %% wrong: queries only -> Padded *keys* count
def attention_score_loss(s, t, mask):
    queries = (mask == 1)[:, None, :, None].expand_as(s)
    return (s[queries] - t[queries].detach()).square().mean()


# %% wrong: either -> one of its two tokens
def attention_score_loss(s, t, mask):
    real = mask == 1
    pairs = (real[:, :, None] | real[:, None, :])[:, None].expand_as(s)
    return (s[pairs] - t[pairs].detach()).square().mean()


# %% wrong: the mask the other way round -> the wrong way round
def attention_score_loss(s, t, mask):
    pairs = pairs_of(1 - mask.long()).expand_as(s)
    return torch.where(pairs, s - t.detach(), 0).square().sum() / pairs.sum().clamp(min=1)


# %% wrong: diluted by padding -> dilutes the loss
def attention_score_loss(s, t, mask):
    return torch.where(pairs_of(mask), s - t.detach(), 0).square().mean()


# %% wrong: as the authors' code -> As in the authors' code
def attention_score_loss(s, t, mask):
    keys = (mask == 1)[:, None, None, :]
    return F.mse_loss(torch.where(keys, s, 0.0), torch.where(keys, t.detach(), 0.0))


# %% wrong: found by their value -> set to 0, as in the authors' code
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    s, t = torch.where(s <= -100, 0.0, s), torch.where(t <= -100, 0.0, t.detach())
    return torch.where(pairs, s - t, 0.0).square().sum() / (s.shape[1] * pairs.sum().clamp(min=1))


# %% wrong: mean of each text -> each text's mean
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    each = torch.where(pairs, s - t.detach(), 0).square().sum((1, 2, 3))
    return (each / (s.shape[1] * pairs.sum((1, 2, 3)).clamp(min=1))).mean()


# %% wrong: heads summed -> The heads are summed
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    return torch.where(pairs, s - t.detach(), 0).square().sum() / pairs.sum().clamp(min=1)


# %% wrong: everything summed -> Everything is summed
def attention_score_loss(s, t, mask):
    return torch.where(pairs_of(mask), s - t.detach(), 0).square().sum()


# %% wrong: sum by the batch -> divided by B only
def attention_score_loss(s, t, mask):
    return torch.where(pairs_of(mask), s - t.detach(), 0).square().sum() / len(s)


# %% wrong: by the number of tokens -> number of real *tokens*
def attention_score_loss(s, t, mask):
    d = torch.where(pairs_of(mask), s - t.detach(), 0)
    return d.square().sum() / (s.shape[1] * (mask == 1).sum().clamp(min=1))


# %% wrong: the square of all tokens -> square of all real tokens of the batch
def attention_score_loss(s, t, mask):
    d = torch.where(pairs_of(mask), s - t.detach(), 0)
    return d.square().sum() / (s.shape[1] * ((mask == 1).sum() ** 2).clamp(min=1))


# %% wrong: mean of each query -> mean over its keys
def attention_score_loss(s, t, mask):
    real = mask == 1
    d = torch.where(pairs_of(mask), s - t.detach(), 0).square().sum(3)
    d = (d / real.sum(1).clamp(min=1)[:, None, None]).mean(1)
    return d.sum() / real.sum().clamp(min=1)


# %% wrong: after the softmax -> *before* the softmax
def attention_score_loss(s, t, mask):
    keys = (mask == 1)[:, None, None, :]
    p, q = (x.masked_fill(~keys, -1e9).softmax(-1) for x in (t.detach(), s))
    pairs = pairs_of(mask)
    return torch.where(pairs, q - p, 0).square().sum() / (s.shape[1] * pairs.sum().clamp(min=1))


# %% wrong: the divergence -> as in MobileBERT
def attention_score_loss(s, t, mask):
    from kdcourse.losses import attention_distribution_loss

    return attention_distribution_loss(s, t, mask)


# %% wrong: absolute -> absolute differences
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    return torch.where(pairs, s - t.detach(), 0).abs().sum() / (s.shape[1] * pairs.sum().clamp(min=1))


# %% wrong: half -> a factor 1/2
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    return (
        0.5 * torch.where(pairs, s - t.detach(), 0).square().sum() / (s.shape[1] * pairs.sum().clamp(min=1))
    )


# %% wrong: root -> The square root of the mean
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    return (
        torch.where(pairs, s - t.detach(), 0).square().sum() / (s.shape[1] * pairs.sum().clamp(min=1))
    ).sqrt()


# %% wrong: heads averaged first -> The heads are averaged
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)[:, 0]
    return torch.where(pairs, (s - t.detach()).mean(1), 0).square().sum() / pairs.sum().clamp(min=1)


# %% wrong: causal -> Only keys up to the query's place count
def attention_score_loss(s, t, mask):
    pairs = torch.tril(pairs_of(mask).int()).bool()
    return torch.where(pairs, s - t.detach(), 0).square().sum() / (s.shape[1] * pairs.sum().clamp(min=1))


# %% wrong: transposed -> Queries and keys of one side are exchanged
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    return torch.where(pairs, s - t.detach().mT, 0).square().sum() / (s.shape[1] * pairs.sum().clamp(min=1))


# %% wrong: the minus -> The sign is wrong
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    return -torch.where(pairs, s - t.detach(), 0).square().sum() / (s.shape[1] * pairs.sum().clamp(min=1))


# %% wrong: multiplied by the mask -> 0 times NaN is NaN
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask).to(s.dtype)
    return ((s - t.detach()) * pairs).square().sum() / (s.shape[1] * pairs.sum().clamp(min=1))


# %% wrong: squared before it is masked -> not finite
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    return torch.where(pairs, (s - t.detach()).square(), 0).sum() / (s.shape[1] * pairs.sum().clamp(min=1))


# %% wrong: no guard -> 0/0
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    return torch.where(pairs, s - t.detach(), 0).square().sum() / (s.shape[1] * pairs.sum())


# %% wrong: an empty mean -> 0/0
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask).expand_as(s)
    return (s[pairs] - t[pairs].detach()).square().mean()


# %% wrong: 0 without a graph -> must have a graph
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask).expand_as(s)
    if not pairs.any():
        return torch.tensor(0.0)
    return (s[pairs] - t[pairs].detach()).square().mean()


# %% wrong: plus one -> 1 is added
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    return torch.where(pairs, s - t.detach(), 0).square().sum() / (s.shape[1] * pairs.sum() + 1)


# %% wrong: a bool mask taken for granted -> begin with `real = mask == 1`
def attention_score_loss(s, t, mask):
    pairs = (mask[:, :, None] & mask[:, None, :])[:, None].bool()
    return torch.where(pairs, s - t.detach(), 0).square().sum() / (s.shape[1] * pairs.sum().clamp(min=1))


# %% wrong: the opposite of integers -> The mask is not used
def attention_score_loss(s, t, mask):
    pairs = (mask[:, :, None] * mask[:, None, :])[:, None]
    away = ~pairs
    away = away == 0
    d = torch.where(away, torch.zeros_like(s), s - t.detach())
    return d.square().mean()


# %% wrong: the teacher is not detached -> A gradient reaches `teacher_scores`
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    return torch.where(pairs, s - t, 0).square().sum() / (s.shape[1] * pairs.sum().clamp(min=1))


# %% wrong: the student is detached -> The graph is cut
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    return torch.where(pairs, s.detach() - t, 0).square().sum() / (s.shape[1] * pairs.sum().clamp(min=1))


# %% wrong: a number -> not a tensor
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    return (torch.where(pairs, s - t, 0).square().sum() / (s.shape[1] * pairs.sum().clamp(min=1))).item()


# %% wrong: changed in place -> changes a tensor in place
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    t.masked_fill_(~pairs, 0)
    d = torch.where(pairs, s - t.detach(), 0)
    return d.square().sum() / (s.shape[1] * pairs.sum().clamp(min=1))


# %% wrong: one loss a text -> one loss for each text
def attention_score_loss(s, t, mask):
    pairs = pairs_of(mask)
    d = torch.where(pairs, s - t.detach(), 0).square().sum((1, 2, 3))
    return d / (s.shape[1] * pairs.sum((1, 2, 3)).clamp(min=1))


# %% wrong: the mask without axes -> has no axis of heads
def attention_score_loss(s, t, mask):
    real = mask == 1
    pairs = real[:, :, None] & real[:, None, :]
    return torch.where(pairs, s - t.detach(), 0).square().sum() / (s.shape[1] * pairs.sum().clamp(min=1))


# %% wrong: queries only, and diluted -> As in the authors' code
def attention_score_loss(s, t, mask):
    return ((s - t.detach()) * (mask == 1)[:, None, :, None]).square().mean()


# %% wrong: only as long as the longest text -> The value is not right
def attention_score_loss(s, t, mask):
    n = int(mask.long().sum(1).min())
    return (s[:, :, :n, :n] - t[:, :, :n, :n].detach()).square().mean() if n else 0 * s.nan_to_num().sum()


# %% wrong: padding believed at the end -> With padding anywhere
def attention_score_loss(s, t, mask):
    real = torch.arange(mask.shape[1]) < (mask == 1).sum(1, keepdim=True)
    pairs = (real[:, :, None] & real[:, None, :])[:, None]
    return torch.where(pairs, s - t.detach(), 0).square().sum() / (s.shape[1] * pairs.sum().clamp(min=1))


# %% trivial: zero
def attention_score_loss(s, t, mask):
    return 0 * s.sum()


# %% trivial: one
def attention_score_loss(s, t, mask):
    return torch.tensor(1.0)


# %% trivial: nothing
def attention_score_loss(s, t, mask):
    pass


# %% trivial: not written
def attention_score_loss(s, t, mask):
    raise NotImplementedError


# %% trivial: the scores
def attention_score_loss(s, t, mask):
    return s
