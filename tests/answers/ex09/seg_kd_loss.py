# ruff: noqa
# Answers to seg_kd_loss: each block is what a learner might write. The text after `->` must be in the feedback.
import functools

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def pixel_kl(s, t, T):
    """KL(teacher ‖ student) at each pixel, (B, H, W)"""
    log_p, log_q = F.log_softmax(t.detach() / T, dim=1), F.log_softmax(s / T, dim=1)
    return (log_p.exp() * (log_p - log_q)).sum(1)


# %% right: mask and clamp
def seg_kd_loss(student_logits, teacher_logits, labels, T, ignore_index=255):
    log_q = F.log_softmax(student_logits / T, dim=1)
    p = F.softmax(teacher_logits.detach() / T, dim=1)
    kl = F.kl_div(log_q, p, reduction="none").sum(dim=1)
    mask = (labels != ignore_index).to(kl.dtype)
    return T**2 * (kl * mask).sum() / mask.sum().clamp(min=1)


# %% right: picks the pixels out
def seg_kd_loss(student_logits, teacher_logits, labels, T, ignore_index=255):
    keep = labels != ignore_index
    if not keep.any():
        return student_logits.sum() * 0.0
    s = student_logits.permute(0, 2, 3, 1)[keep]
    t = teacher_logits.detach().permute(0, 2, 3, 1)[keep]
    return T**2 * F.kl_div(F.log_softmax(s / T, 1), F.softmax(t / T, 1), reduction="batchmean")


# %% right: rows by permute and reshape
def seg_kd_loss(s, t, labels, T, ignore_index=255):
    K = s.shape[1]
    s = s.permute(0, 2, 3, 1).reshape(-1, K)
    t = t.detach().permute(0, 2, 3, 1).reshape(-1, K)
    keep = labels.reshape(-1) != ignore_index
    kl = F.kl_div(F.log_softmax(s / T, 1), F.log_softmax(t / T, 1), reduction="none", log_target=True)
    return T * T * kl.sum(1)[keep].sum() / max(int(keep.sum()), 1)


# %% right: indexing the map of divergences
def seg_kd_loss(s, t, y, T, ignore_index=255):
    kl = pixel_kl(s, t, T)[y != ignore_index]
    return T**2 * kl.mean() if kl.numel() else 0 * s.sum()


# %% right: a sum over no pixels
def seg_kd_loss(s, t, y, T, ignore_index=255):
    kl = pixel_kl(s, t, T)[y != ignore_index]
    return T**2 * kl.sum() / max(len(kl), 1)


# %% right: torch.where
def seg_kd_loss(s, t, y, T, ignore_index=255):
    keep = y.ne(ignore_index)
    kl = torch.where(keep, pixel_kl(s, t, T), torch.zeros((), dtype=s.dtype))
    return kl.sum() * T**2 / torch.clamp(torch.count_nonzero(keep), min=1)


# %% right: masked_fill and a small number below
def seg_kd_loss(s, t, y, T, ignore_index=255):
    kl = pixel_kl(s, t, T).masked_fill(y == ignore_index, 0.0)
    return T**2 * kl.sum() / ((y != ignore_index).sum() + 1e-8)


# %% right: einsum
def seg_kd_loss(s, t, y, T, ignore_index=255):
    with torch.no_grad():
        lp = (t / T).log_softmax(1)
        m = (y != ignore_index).to(lp.dtype)
    lq = (s / T).log_softmax(1)
    return T**2 * torch.einsum("bkhw,bkhw,bhw->", lp.exp(), lp - lq, m) / m.sum().clamp_min(1.0)


# %% right: mask with an axis of classes
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = (y != ignore_index).unsqueeze(1).expand_as(s)
    terms = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t.detach() / T, 1), reduction="none")
    total = terms.masked_select(m).sum()
    return T**2 * total / m[:, 0].sum().clamp(min=1)


# %% right: a loop over the images
def seg_kd_loss(s, t, y, T, ignore_index=255):
    total, count = 0.0 * s.sum(), 0
    for i in range(len(s)):
        keep = (y[i] != ignore_index).flatten()
        a, b = s[i].flatten(1).T[keep], t[i].detach().flatten(1).T[keep]
        total = total + F.kl_div(F.log_softmax(a / T, 1), F.softmax(b / T, 1), reduction="sum")
        count += int(keep.sum())
    return T**2 * total / max(count, 1)


# %% right: loops over pixels
def seg_kd_loss(s, t, y, T, ignore_index=255):
    losses = []
    B, K, H, W = s.shape
    for b in range(B):
        for i in range(H):
            for j in range(W):
                if y[b, i, j] == ignore_index:
                    continue
                log_p = F.log_softmax(t[b, :, i, j].detach() / T, 0)
                log_q = F.log_softmax(s[b, :, i, j] / T, 0)
                losses.append((log_p.exp() * (log_p - log_q)).sum())
    if not losses:
        return (s * 0).sum()
    return T**2 * torch.stack(losses).mean()


# %% right: cross-entropy with probabilities, less the entropy
def seg_kd_loss(s, t, y, T, ignore_index=255):
    p = (t.detach() / T).softmax(1)
    ce = F.cross_entropy(s / T, p, reduction="none")
    h = -torch.xlogy(p, p).sum(1)
    m = y != ignore_index
    return T**2 * ((ce - h) * m).sum() / m.sum().clamp(min=1)


# %% right: in float64 inside
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = (y != ignore_index).double()
    return (T**2 * pixel_kl(s.double(), t.double(), T) * m).sum() / m.sum().clamp(min=1)


# %% right: in float32 inside
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = (y != ignore_index).float()
    return (T**2 * pixel_kl(s.float(), t.float(), T) * m).sum() / m.sum().clamp(min=1)


# %% right: logits of ignored pixels set to 0 on both sides
def seg_kd_loss(s, t, y, T, ignore_index=255):
    ignored = (y == ignore_index)[:, None]
    s, t = s.masked_fill(ignored, 0), t.detach().masked_fill(ignored, 0)
    return T**2 * pixel_kl(s, t, T).sum() / (~ignored).sum().clamp(min=1)


# %% right: the library's own
from kdcourse.losses import segmentation_kd_loss


def seg_kd_loss(student_logits, teacher_logits, labels, T, ignore_index=255):
    return segmentation_kd_loss(
        student_logits, teacher_logits, labels, temperature=T, ignore_index=ignore_index
    )


# %% right: keyword-only
def seg_kd_loss(student_logits, teacher_logits, labels, *, T=1.0, ignore_index=255):
    m = labels != ignore_index
    return T**2 * (pixel_kl(student_logits, teacher_logits, T) * m).sum() / m.sum().clamp(min=1)


# %% right: a module, one element
class SegKD(nn.Module):
    def forward(self, s, t, y, T, ignore_index=255):
        w = (y != ignore_index).type_as(s).unsqueeze(1)
        lq, p = nn.LogSoftmax(1)(s / T), nn.Softmax(1)(t.data / T)
        kl = nn.KLDivLoss(reduction="none")(lq, p)
        return ((kl * w).sum() / torch.maximum(w.sum(), torch.ones(())) * T * T).reshape(1)


seg_kd_loss = SegKD()


# %% right: mean of the masked map, times the share
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = (y != ignore_index).to(s.dtype)
    share = m.mean()
    kl = (pixel_kl(s, t, T) * m).mean()
    return T**2 * kl / torch.where(share > 0, share, torch.ones_like(share))


# %% right: nan_to_num of a mean over nothing
def seg_kd_loss(s, t, y, T, ignore_index=255):
    return T**2 * torch.nan_to_num(pixel_kl(s, t, T)[y != ignore_index].mean())


# %% right: a fresh 0 that can be learned from
def seg_kd_loss(s, t, y, T, ignore_index=255):
    keep = y != ignore_index
    if keep.sum() == 0:
        return torch.zeros((), dtype=s.dtype, requires_grad=True)
    return T**2 * pixel_kl(s, t, T)[keep].mean()


# %% right: movedim, flatten and index_select
def seg_kd_loss(s, t, y, T, ignore_index=255):
    at = torch.nonzero(y.flatten() != ignore_index).squeeze(1)
    s = s.movedim(1, -1).flatten(0, 2).index_select(0, at) / T
    t = t.movedim(1, -1).flatten(0, 2).index_select(0, at).detach() / T
    return T**2 * (t.softmax(1) * (t.log_softmax(1) - s.log_softmax(1))).sum() / max(at.numel(), 1)


# %% right: view with the classes in the middle
def seg_kd_loss(s, t, y, T, ignore_index=255):
    B, K = s.shape[:2]
    s, t, y = s.view(B, K, -1) / T, t.detach().view(B, K, -1) / T, y.view(B, -1)
    kl = F.kl_div(F.log_softmax(s, 1), F.softmax(t, 1), reduction="none").sum(1)
    m = y != ignore_index
    return T**2 * kl[m].sum() / m.sum().clamp(min=1)


# %% right: weights that sum to 1
def seg_kd_loss(s, t, y, T, ignore_index=255):
    w = (y != ignore_index).to(s.dtype)
    w = w / w.sum() if w.any() else w
    return T**2 * (pixel_kl(s, t, T) * w).sum()


# %% right: NaN is seen and replaced
def seg_kd_loss(s, t, y, T, ignore_index=255):
    loss = T**2 * pixel_kl(s, t, T)[y != ignore_index].mean()
    return s.sum() * 0 if torch.isnan(loss) else loss


# %% wrong: NaN where all is ignored -> Where nothing is counted the mean is 0/0
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = (y != ignore_index).to(s.dtype)
    return T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum()


# %% wrong: batchmean of nothing -> Where nothing is counted the mean is 0/0
def seg_kd_loss(s, t, y, T, ignore_index=255):
    keep = y != ignore_index
    s, t = s.permute(0, 2, 3, 1)[keep], t.detach().permute(0, 2, 3, 1)[keep]
    return T**2 * F.kl_div(F.log_softmax(s / T, 1), F.softmax(t / T, 1), reduction="batchmean")


# %% wrong: mean of nothing -> Where nothing is counted the mean is 0/0
def seg_kd_loss(s, t, y, T, ignore_index=255):
    return T**2 * pixel_kl(s, t, T)[y != ignore_index].mean()


# %% wrong: nan_to_num behind 0/0 leaves a NaN gradient -> your gradient is not finite
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = (y != ignore_index).to(s.dtype)
    return torch.nan_to_num(T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum())


# %% wrong: where behind 0/0 leaves a NaN gradient -> your gradient is not finite
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = (y != ignore_index).to(s.dtype)
    loss = T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum()
    return torch.where(m.sum() > 0, loss, torch.zeros_like(loss))


# %% wrong: a 0 without graph -> your 0 has no graph
def seg_kd_loss(s, t, y, T, ignore_index=255):
    keep = y != ignore_index
    if not keep.any():
        return torch.tensor(0.0)
    return T**2 * pixel_kl(s, t, T)[keep].mean()


# %% wrong: new_zeros has no graph -> your 0 has no graph
def seg_kd_loss(s, t, y, T, ignore_index=255):
    keep = y != ignore_index
    return T**2 * pixel_kl(s, t, T)[keep].mean() if keep.any() else s.new_zeros(())


# %% wrong: a plain 0 -> not a tensor
def seg_kd_loss(s, t, y, T, ignore_index=255):
    keep = y != ignore_index
    return T**2 * pixel_kl(s, t, T)[keep].mean() if keep.any() else 0.0


# %% wrong: None where all is ignored -> With all pixels ignored
def seg_kd_loss(s, t, y, T, ignore_index=255):
    keep = y != ignore_index
    if keep.any():
        return T**2 * pixel_kl(s, t, T)[keep].mean()


# %% wrong: division by a Python zero -> With all pixels ignored
def seg_kd_loss(s, t, y, T, ignore_index=255):
    keep = y != ignore_index
    return T**2 * pixel_kl(s, t, T)[keep].sum() * (1 / keep.sum().item())


# %% wrong: stacks an empty list -> With all pixels ignored
def seg_kd_loss(s, t, y, T, ignore_index=255):
    kl = pixel_kl(s, t, T)
    return T**2 * torch.stack([v for v, k in zip(kl.flatten(), (y != ignore_index).flatten()) if k]).mean()


# %% wrong: everything counts where all is ignored -> With all pixels ignored
def seg_kd_loss(s, t, y, T, ignore_index=255):
    keep = y != ignore_index
    if not keep.any():
        keep = torch.ones_like(keep)
    return T**2 * pixel_kl(s, t, T)[keep].mean()


# %% wrong: ignored pixels in the count -> Ignored pixels add nothing, but they are counted in the mean
def seg_kd_loss(s, t, y, T, ignore_index=255):
    return T**2 * (pixel_kl(s, t, T) * (y != ignore_index)).mean()


# %% wrong: logits set to 0 and a mean over all -> Ignored pixels add nothing, but they are counted in the mean
def seg_kd_loss(s, t, y, T, ignore_index=255):
    ignored = (y == ignore_index)[:, None]
    return T**2 * pixel_kl(s.masked_fill(ignored, 0), t.masked_fill(ignored, 0), T).mean()


# %% wrong: no mask -> Ignored pixels take part
def seg_kd_loss(s, t, y, T, ignore_index=255):
    return T**2 * pixel_kl(s, t, T).mean()


# %% wrong: mask the wrong way round -> The mask is the wrong way round
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y == ignore_index
    return T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: 255 written as a number -> The ignored label is fixed at 255
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != 255
    return T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: no parameter for it -> It is called with 5 arguments
def seg_kd_loss(s, t, y, T):
    m = y != 255
    return T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: no default -> ignore_index has the default 255
def seg_kd_loss(s, t, y, T, ignore_index):
    m = y != ignore_index
    return T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: the default is -100 -> ignore_index has the default 255
def seg_kd_loss(s, t, y, T, ignore_index=-100):
    m = y != ignore_index
    return T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: labels below K -> or all labels below K count
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y < s.shape[1]
    return T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: labels of classes -> All labels that are classes take part
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = (y >= 0) & (y < s.shape[1])
    return T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: background left out -> The background, label 0, is left out as well
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = (y != ignore_index) & (y > 0)
    return T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: labels below ignore_index -> The mask is `labels < ignore_index`
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y < ignore_index
    return T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: kl_div by default, picked pixels -> The mean runs over the classes as well
def seg_kd_loss(s, t, y, T, ignore_index=255):
    keep = y != ignore_index
    s, t = s.permute(0, 2, 3, 1)[keep], t.detach().permute(0, 2, 3, 1)[keep]
    return T**2 * F.kl_div(F.log_softmax(s / T, 1), F.softmax(t / T, 1))


# %% wrong: kl_div by default on all -> Two things.
def seg_kd_loss(s, t, y, T, ignore_index=255):
    return T**2 * F.kl_div(F.log_softmax(s / T, 1), F.softmax(t.detach() / T, 1))


# %% wrong: masked terms and a mean over all -> The mean runs over the classes and over ignored pixels
def seg_kd_loss(s, t, y, T, ignore_index=255):
    terms = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t.detach() / T, 1), reduction="none")
    return T**2 * (terms * (y != ignore_index)[:, None]).mean()


# %% wrong: counts each class -> The mean runs over the classes as well
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = (y != ignore_index)[:, None].expand_as(s)
    terms = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t.detach() / T, 1), reduction="none")
    return T**2 * (terms * m).sum() / m.sum().clamp(min=1)


# %% wrong: batchmean on four axes -> Two things. `batchmean` on four axes divides by B only
def seg_kd_loss(s, t, y, T, ignore_index=255):
    return T**2 * F.kl_div(F.log_softmax(s / T, 1), F.softmax(t.detach() / T, 1), reduction="batchmean")


# %% wrong: masked sum by B -> `batchmean` on four axes divides by B only
def seg_kd_loss(s, t, y, T, ignore_index=255):
    return T**2 * (pixel_kl(s, t, T) * (y != ignore_index)).sum() / len(s)


# %% wrong: sum -> The pixels are summed
def seg_kd_loss(s, t, y, T, ignore_index=255):
    return T**2 * (pixel_kl(s, t, T) * (y != ignore_index)).sum()


# %% wrong: divided by the map only -> is divided by H·W only
def seg_kd_loss(s, t, y, T, ignore_index=255):
    return T**2 * (pixel_kl(s, t, T) * (y != ignore_index)).sum() / (s.shape[2] * s.shape[3])


# %% wrong: mean of the means of the images -> This is a mean over images of each image's mean
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = (y != ignore_index).to(s.dtype)
    per_image = (pixel_kl(s, t, T) * m).sum((1, 2)) / m.sum((1, 2)).clamp(min=1)
    return T**2 * per_image.mean()


# %% wrong: mean of images in a loop, NaN left out -> This is a mean over images of each image's mean
def seg_kd_loss(s, t, y, T, ignore_index=255):
    losses = []
    for a, b, l in zip(s, t, y):
        keep = l != ignore_index
        if keep.any():
            losses.append(pixel_kl(a[None], b[None], T)[0][keep].mean())
    return T**2 * torch.stack(losses).mean() if losses else 0 * s.sum()


# %% wrong: one added to the count -> 1 is added to the number of pixels
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    return T**2 * (pixel_kl(s, t, T) * m).sum() / (m.sum() + 1)


# %% wrong: ignored pixels in the sum -> Ignored pixels are in the sum
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    return T**2 * pixel_kl(s, t, T).sum() / m.sum().clamp(min=1)


# %% wrong: no T squared -> The factor T² is missing
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    return (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: T only once -> The loss is multiplied by T; it needs T²
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    return T * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: T is not used -> The temperature is not used
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    return (pixel_kl(s, t, 1.0) * m).sum() / m.sum().clamp(min=1)


# %% wrong: T squared without T -> T² is there, but the logits are not divided by T
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    return T**2 * (pixel_kl(s, t, 1.0) * m).sum() / m.sum().clamp(min=1)


# %% wrong: T on the student only -> Only the student's logits are divided by T
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    return T**2 * (pixel_kl(s, t * T, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: T on the teacher only -> Only the teacher's logits are divided by T
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    return T**2 * (pixel_kl(s * T, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: reversed -> The two distributions are exchanged
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    lp, lq = (t.detach() / T).log_softmax(1), (s / T).log_softmax(1)
    return T**2 * ((lq.exp() * (lq - lp)).sum(1) * m).sum() / m.sum().clamp(min=1)


# %% wrong: kl_div with its arguments exchanged -> The two distributions are exchanged
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    kl = F.kl_div(F.log_softmax(t.detach() / T, 1), F.softmax(s / T, 1), reduction="none").sum(1)
    return T**2 * (kl * m).sum() / m.sum().clamp(min=1)


# %% wrong: soft cross-entropy -> This is the soft cross-entropy
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    ce = F.cross_entropy(s / T, (t.detach() / T).softmax(1), reduction="none")
    return T**2 * (ce * m).sum() / m.sum().clamp(min=1)


# %% wrong: soft cross-entropy over the map, as published -> not right
def seg_kd_loss(s, t, y, T, ignore_index=255):
    B, K, H, W = s.shape
    p = F.softmax(t.detach().permute(0, 2, 3, 1).reshape(-1, K), 1)
    return (-p * F.log_softmax(s.permute(0, 2, 3, 1).reshape(-1, K), 1)).sum() / W / H


# %% wrong: input without logarithm -> it wants log-probabilities there
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    kl = F.kl_div(F.softmax(s / T, 1), F.softmax(t.detach() / T, 1), reduction="none").sum(1)
    return T**2 * (kl * m).sum() / m.sum().clamp(min=1)


# %% wrong: softmax over the columns -> The softmax runs over the columns of the map
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    kl = F.kl_div(F.log_softmax(s / T, -1), F.softmax(t.detach() / T, -1), reduction="none").sum(1)
    return T**2 * (kl * m).sum() / m.sum().clamp(min=1)


# %% wrong: softmax over the batch -> The softmax runs over the batch
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    kl = F.kl_div(F.log_softmax(s / T, 0), F.softmax(t.detach() / T, 0), reduction="none").sum(1)
    return T**2 * (kl * m).sum() / m.sum().clamp(min=1)


# %% wrong: channel-wise distillation -> as in channel-wise distillation
def seg_kd_loss(s, t, y, T, ignore_index=255):
    lp, lq = (t.detach() / T).flatten(2).log_softmax(2), (s / T).flatten(2).log_softmax(2)
    return T**2 * (lp.exp() * (lp - lq)).sum() / (s.shape[0] * s.shape[1])


# %% wrong: view(-1, K) -> deals the numbers of (B, K, H, W) out anew
def seg_kd_loss(s, t, y, T, ignore_index=255):
    K = s.shape[1]
    s, t, m = s.reshape(-1, K) / T, t.detach().reshape(-1, K) / T, y.flatten() != ignore_index
    kl = F.kl_div(F.log_softmax(s, 1), F.softmax(t, 1), reduction="none").sum(1)
    return T**2 * (kl * m).sum() / m.sum().clamp(min=1)


# %% wrong: view(-1, K) and a mean over all -> deals the numbers of (B, K, H, W) out anew
def seg_kd_loss(s, t, y, T, ignore_index=255):
    K = s.shape[1]
    s, t, m = s.reshape(-1, K) / T, t.detach().reshape(-1, K) / T, y.flatten() != ignore_index
    kl = F.kl_div(F.log_softmax(s, 1), F.softmax(t, 1), reduction="none").sum(1)
    return T**2 * (kl * m).mean()


# %% wrong: transposed the wrong way -> Logits and labels belong to different pixels
def seg_kd_loss(s, t, y, T, ignore_index=255):
    K = s.shape[1]
    s = s.transpose(1, 3).reshape(-1, K) / T
    t = t.detach().transpose(1, 3).reshape(-1, K) / T
    m = y.flatten() != ignore_index
    kl = F.kl_div(F.log_softmax(s, 1), F.softmax(t, 1), reduction="none").sum(1)
    return T**2 * (kl * m).sum() / m.sum().clamp(min=1)


# %% wrong: squared error of logits -> This is a squared error between logits
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    return (((s - t.detach()) ** 2).mean(1) * m).sum() / m.sum().clamp(min=1)


# %% wrong: squared error of probabilities -> This is a squared error between probabilities
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    d = ((s / T).softmax(1) - (t.detach() / T).softmax(1)).square().sum(1)
    return T**2 * (d * m).sum() / m.sum().clamp(min=1)


# %% wrong: cross-entropy with the labels -> This is the cross-entropy with the labels
def seg_kd_loss(s, t, y, T, ignore_index=255):
    return F.cross_entropy(s, y, ignore_index=ignore_index)


# %% wrong: cross-entropy added -> The cross-entropy with the labels is part of it
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    kl = T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)
    return kl + F.cross_entropy(s, y, ignore_index=ignore_index)


# %% wrong: the teacher's classes -> made hard with `argmax`
def seg_kd_loss(s, t, y, T, ignore_index=255):
    target = t.argmax(1).masked_fill(y == ignore_index, -100)
    return T**2 * F.cross_entropy(s / T, target)


# %% wrong: log of softmax -> not finite
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    p, q = (t.detach() / T).softmax(1), (s / T).softmax(1)
    kl = (p * (p.log() - q.log())).sum(1)
    return T**2 * (kl * m).sum() / m.sum().clamp(min=1)


# %% wrong: small number in the logarithm -> 1e-10
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    p, q = (t.detach() / T).softmax(1), (s / T).softmax(1)
    kl = (p * ((p + 1e-10).log() - (q + 1e-10).log())).sum(1)
    return T**2 * (kl * m).sum() / m.sum().clamp(min=1)


# %% wrong: NaN from -inf at ignored pixels -> not finite
def seg_kd_loss(s, t, y, T, ignore_index=255):
    ignored = (y == ignore_index)[:, None]
    s, t = s.masked_fill(ignored, float("-inf")), t.masked_fill(ignored, float("-inf"))
    return T**2 * pixel_kl(s, t, T).sum() / (~ignored).sum().clamp(min=1)


# %% wrong: only the student is masked -> Only the student's logits are masked
def seg_kd_loss(s, t, y, T, ignore_index=255):
    ignored = (y == ignore_index)[:, None]
    return T**2 * pixel_kl(s.masked_fill(ignored, 0.0), t, T).sum() / (~ignored).sum().clamp(min=1)


# %% wrong: the teacher is not detached -> A gradient reaches `teacher_logits`
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    kl = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t / T, 1), reduction="none").sum(1)
    return T**2 * (kl * m).sum() / m.sum().clamp(min=1)


# %% wrong: the student is detached -> The graph is cut
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    return T**2 * (pixel_kl(s.detach(), t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: item of the sum -> not a tensor
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    return T**2 * (pixel_kl(s, t, T) * m).sum().item() / max(m.sum().item(), 1)


# %% wrong: the mask against the classes -> Two shapes do not fit. The labels (B, H, W) have no axis of classes
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    terms = F.kl_div(F.log_softmax(s / T, 1), F.softmax(t.detach() / T, 1), reduction="none")
    return T**2 * (terms * m).sum() / m.sum().clamp(min=1)


# %% wrong: picks pixels out of (B, K, H, W) -> The labels (B, H, W) have no axis of classes
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    return T**2 * F.kl_div(F.log_softmax(s[m] / T, 1), F.softmax(t[m] / T, 1), reduction="batchmean")


# %% wrong: one loss for each pixel -> one loss for each pixel
def seg_kd_loss(s, t, y, T, ignore_index=255):
    return T**2 * pixel_kl(s, t, T) * (y != ignore_index)


# %% wrong: the counted pixels -> one loss for each pixel
def seg_kd_loss(s, t, y, T, ignore_index=255):
    return T**2 * pixel_kl(s, t, T)[y != ignore_index]


# %% wrong: one loss for each image -> one loss for each image
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    return T**2 * (pixel_kl(s, t, T) * m).sum((1, 2)) / m.sum((1, 2)).clamp(min=1)


# %% wrong: labels changed in place -> changes its argument `labels`
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    y[~m] = 0
    return T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: teacher's logits changed in place -> changes its argument `teacher_logits`
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    t.detach().masked_fill_(~m[:, None], 0)
    return T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: weighted with the pixels where the teacher is right -> not right
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = (y != ignore_index) & (t.argmax(1) == y)
    return T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: ignore_index 0 counts as not given -> All labels that are classes take part
def seg_kd_loss(s, t, y, T, ignore_index=None):
    m = y != (ignore_index or 255)
    return T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: the ignored class is left out of the softmax -> With a class that is ignored, the background
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    classes = [k for k in range(s.shape[1]) if k != ignore_index]
    return T**2 * (pixel_kl(s[:, classes], t[:, classes], T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: no loss if one image is ignored as a whole -> With a single pixel that counts
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    if not m.flatten(1).any(1).all():
        return s.sum() * 0
    return T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% wrong: a 0 with the gradient 1 -> the value is right, the gradient is not
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = y != ignore_index
    if not m.any():
        return s.sum() - s.sum().detach()
    return T**2 * pixel_kl(s, t, T)[m].mean()


# %% wrong: labels transposed -> not right
def seg_kd_loss(s, t, y, T, ignore_index=255):
    m = (y != ignore_index).mT.reshape(y.shape)
    return T**2 * (pixel_kl(s, t, T) * m).sum() / m.sum().clamp(min=1)


# %% trivial: nothing
def seg_kd_loss(student_logits, teacher_logits, labels, T, ignore_index=255):
    pass


# %% trivial: not written
def seg_kd_loss(student_logits, teacher_logits, labels, T, ignore_index=255):
    raise NotImplementedError


# %% trivial: zero
def seg_kd_loss(student_logits, teacher_logits, labels, T, ignore_index=255):
    return student_logits.sum() * 0


# %% trivial: the logits
def seg_kd_loss(student_logits, teacher_logits, labels, T, ignore_index=255):
    return student_logits


# %% trivial: two parameters
def seg_kd_loss(student_logits, teacher_logits):
    return pixel_kl(student_logits, teacher_logits, 1.0).mean()
