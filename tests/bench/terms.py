"""What methods add to plain KD, written anew from the papers' formulas, for one net and one batch.

Each term gets the net that is trained, the student's and the teacher's features by stage, and the stages'
names by role.
"""

import math

import torch
import torch.nn.functional as F


def conv1x1(conv, x):
    return torch.einsum("kc,bchw->bkhw", conv.weight[:, :, 0, 0], x) + conv.bias[:, None, None]


def unit_variance(t):
    over = (0, *range(2, t.ndim))
    return (t - t.mean(over, keepdim=True)) / (t.var(over, keepdim=True, correction=0) + 1e-4).sqrt()


def hint_term(role):
    def term(net, s, t, layers, **_):
        s, t = s[layers[role][0]], unit_variance(t[layers[role][1]])
        if s.ndim == 2:
            said = s @ net.part.linear.weight.T + net.part.linear.bias
            return ((said - t.flatten(1)) ** 2).mean()
        return ((conv1x1(net.part.conv, s) - t) ** 2).mean()

    return term


def attention(A):
    q = (A**2).mean(dim=1).flatten(1)
    return q / q.norm(dim=1, keepdim=True).clamp(min=1e-12)


def at_term(net, s, t, layers, **_):
    s, t = s[layers["last"][0]], t[layers["last"][1]]
    return ((attention(s) - attention(t)) ** 2).mean()


def boundary_term(net, s, t, layers, **_):
    s, t = (f[f"{stage}_before"] for f, stage in zip((s, t), layers["last"], strict=True))
    if s.ndim == 2:
        said, t = s @ net.part.linear.weight.T + net.part.linear.bias, t.flatten(1)
    else:
        said = conv1x1(net.part.conv, s)
    return torch.where(t > 0, (1 - said).clamp(min=0), (1 + said).clamp(min=0)).square().mean()


def rkd_term(net, s, t, layers, **_):
    s, t = s[layers["last"][0]].flatten(1), t[layers["last"][1]].flatten(1)

    def distances(x):
        d = (x[:, None] - x).norm(dim=2)
        return d / (d.sum() / (len(x) * (len(x) - 1)))

    def angles(x):
        e = F.normalize(x - x[:, None], dim=2)  # e[j, i] from x_j to x_i
        return e @ e.mT

    return F.smooth_l1_loss(distances(s), distances(t)) + 2 * F.smooth_l1_loss(angles(s), angles(t))


def sp_term(net, s, t, layers, **_):
    grams = []
    for x in (s[layers["last"][0]].flatten(1), t[layers["last"][1]].flatten(1)):
        gram = x @ x.T
        grams.append(gram / gram.norm(dim=1, keepdim=True))
    return ((grams[0] - grams[1]) ** 2).sum() / len(grams[0]) ** 2


def pkt_term(net, s, t, layers, **_):
    p = []
    for x in (s[layers["last"][0]].flatten(1), t[layers["last"][1]].flatten(1)):
        kernel = (F.normalize(x) @ F.normalize(x).T + 1) / 2
        p.append(kernel / kernel.sum(dim=1, keepdim=True))
    return (p[1] * (p[1] / p[0]).log()).sum() / len(p[0])


def fsp_term(net, s, t, layers, **_):
    (middle, t_middle), (last, t_last) = layers["middle"], layers["last"]

    def flow(first, second):  # the larger map is averaged to the size of the smaller
        first = F.avg_pool2d(first, first.shape[-1] // second.shape[-1])
        return torch.einsum("bihw,bjhw->bij", first, second) / second[0, 0].numel()

    ours = flow(conv1x1(net.part[0].conv, s[middle]), conv1x1(net.part[1].conv, s[last]))
    return ((ours - flow(t[t_middle], t[t_last])) ** 2).mean()


def vid_term(net, s, t, layers, **_):
    mean = net.part.mean(s[layers["last"][0]])
    variance = F.softplus(net.part.raw_scale)[:, None, None] + 1e-5
    return 0.5 * ((unit_variance(t[layers["last"][1]]) - mean) ** 2 / variance + variance.log()).mean()


def infonce_term(net, s, t, layers, **_):
    s, t = s[layers["last"][0]].flatten(1), t[layers["last"][1]].flatten(1)
    s, t = F.normalize(net.part.student_head(s)), F.normalize(net.part.teacher_head(t))
    own = torch.arange(len(s))
    return F.cross_entropy(s @ t.T / 0.1, own) + F.cross_entropy(t @ s.T / 0.1, own)


def congruence_term(net, s, t, layers, **_):
    kernels = []
    for x in (s[layers["last"][0]].flatten(1), t[layers["last"][1]].flatten(1)):
        cosine = F.normalize(x) @ F.normalize(x).T
        kernels.append(math.exp(-0.8) * (1 + 0.8 * cosine + 0.32 * cosine**2))
    return ((kernels[0] - kernels[1]) ** 2).mean()


def ickd_term(net, s, t, layers, **_):
    rows = []
    for x in (conv1x1(net.part[0].conv, s[layers["last"][0]]), t[layers["last"][1]]):
        gram = x.flatten(2) @ x.flatten(2).mT
        rows.append(F.normalize(gram, dim=2))
    return ((rows[0] - rows[1]) ** 2).sum(dim=2).mean()


def nst_term(net, s, t, layers, **_):
    s, t = (F.normalize(x.flatten(2), dim=2) for x in (s[layers["last"][0]], t[layers["last"][1]]))
    return sum(sign * ((a @ b.mT) ** 2).mean() for a, b, sign in ((s, s, 1), (t, t, 1), (s, t, -2)))


def projector_term(net, s, t, layers, **_):
    s, t = s[layers["last"][0]], unit_variance(t[layers["last"][1]])
    if s.ndim == 2:
        said, t = s @ net.part.linear.weight.T, t.flatten(1)
    else:
        said = torch.einsum("kc,bchw->bkhw", net.part.projector.linear.weight, s)
    return ((unit_variance(said) - t) ** 4).sum().log()


def review_term(net, s, t, layers, **_):
    pairs = [layers["middle"], layers["last"]]
    fused, total = net.part.review([s[ours] for ours, _ in pairs]), 0.0
    for f, (_, theirs) in zip(fused, pairs, strict=True):
        difference, weight, parts, weights = f - unit_variance(t[theirs]), 1.0, 0.0, 0.0
        for size in (f.shape[-1], *(n for n in (4, 2, 1) if n < f.shape[-1])):
            parts = parts + weight * F.adaptive_avg_pool2d(difference, size).square().mean()
            weights, weight = weights + weight, weight / 2
        total = total + parts / weights
    return total


def gradient_term(net, s, t, layers, *, x, y, student, teacher):
    pairs = []
    for model in (student, teacher):
        leaf = x.clone().requires_grad_()
        loss = F.cross_entropy(model(leaf), y, reduction="sum")
        pairs.append(torch.autograd.grad(loss, leaf)[0])
    return 0.5 * ((pairs[0] - pairs[1]) ** 2).sum() / len(x)


TERMS = {
    "hint_middle": hint_term("middle"),
    "hint_last": hint_term("last"),
    "vid": vid_term,
    "project": projector_term,
    "review": review_term,
    "nst": nst_term,
    "correlation_congruence": congruence_term,
    "ickd": ickd_term,
    "attention_transfer": at_term,
    "gradient_attention": gradient_term,
    "activation_boundary": boundary_term,
    "rkd": rkd_term,
    "pkt": pkt_term,
    "similarity_preserving": sp_term,
    "fsp": fsp_term,
    "infonce": infonce_term,
}
