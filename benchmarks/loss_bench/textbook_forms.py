"""The losses as papers write them and as widely used code computes them: plain PyTorch, no algebra.

Broadcasting makes every pair, a mask picks what a sum runs over. Arguments are those of the function of the
same name in `kdcourse.losses`, with its defaults.
"""

import math

import torch
import torch.nn.functional as F


def soft_cross_entropy(s, t, temperature=1.0):
    return -(F.softmax(t / temperature, dim=1) * F.log_softmax(s / temperature, dim=1)).sum(dim=1).mean()


def soft_target_loss(s, t, temperature=4.0):
    log_q = F.log_softmax(s / temperature, dim=1)
    return temperature**2 * F.kl_div(log_q, F.softmax(t / temperature, dim=1), reduction="batchmean")


def kd_loss(s, t, labels, temperature=4.0, alpha=0.9):
    return alpha * soft_target_loss(s, t, temperature) + (1 - alpha) * F.cross_entropy(s, labels)


def logit_matching_loss(s, t):
    return 0.5 * ((s - t) ** 2).sum(dim=1).mean()


def standardized_soft_target_loss(s, t, temperature=2.0):
    def z_score(z):
        return (z - z.mean(dim=1, keepdim=True)) / (z.std(dim=1, keepdim=True) + 1e-7)

    return soft_target_loss(z_score(s), z_score(t), temperature)


def decoupled_kd_loss(s, t, labels, alpha=1.0, beta=8.0, temperature=4.0):
    target = torch.zeros_like(s).scatter_(1, labels[:, None], 1)

    def binary(logits):
        p = F.softmax(logits / temperature, dim=1)
        return torch.stack([(p * target).sum(dim=1), (p * (1 - target)).sum(dim=1)], dim=1)

    target_part = F.kl_div(binary(s).log(), binary(t), reduction="batchmean")
    log_q = F.log_softmax(s / temperature - 1000 * target, dim=1)
    p = F.softmax(t / temperature - 1000 * target, dim=1)
    return temperature**2 * (alpha * target_part + beta * F.kl_div(log_q, p, reduction="batchmean"))


def dist_loss(s, t, beta=1.0, gamma=1.0, temperature=1.0):
    def apart(a, b):
        a, b = a - a.mean(dim=1, keepdim=True), b - b.mean(dim=1, keepdim=True)
        return 1 - F.cosine_similarity(a, b, dim=1).mean()

    q, p = F.softmax(s / temperature, dim=1), F.softmax(t / temperature, dim=1)
    return beta * apart(q, p) + gamma * apart(q.t(), p.t())


def prime_aware_loss(s, t, log_variance):
    return ((t - s) ** 2 / torch.exp(log_variance) + log_variance).mean()


def sparse_soft_cross_entropy(s, values, indices):
    classes, k = s.shape[1], values.shape[1]
    rest = (1 - values.sum(dim=1, keepdim=True)) / (classes - k)
    label = rest.expand(-1, classes).scatter(1, indices, values)
    return -(label * F.log_softmax(s, dim=1)).sum(dim=1).mean()


def generalized_jsd(s, t, beta=0.5):
    q, p = F.softmax(s, dim=1), F.softmax(t, dim=1)
    middle = (beta * p + (1 - beta) * q).log()
    return beta * F.kl_div(middle, p, reduction="batchmean") + (1 - beta) * F.kl_div(
        middle, q, reduction="batchmean"
    )


def hint_loss(s, t):
    return F.mse_loss(s, t)


def attention_transfer_loss(s, t):
    def attention(f):
        return F.normalize(f.pow(2).mean(dim=1).flatten(1))

    return (attention(s) - attention(t)).pow(2).mean()


def nst_loss(s, t):
    def kernel(a, b):
        return (a.unsqueeze(1) * b.unsqueeze(2)).sum(dim=-1).pow(2).mean()

    s, t = F.normalize(s.flatten(2), dim=2), F.normalize(t.flatten(2), dim=2)
    return kernel(t, t) + kernel(s, s) - 2 * kernel(s, t)


def factor_transfer_loss(s, t):
    return F.l1_loss(F.normalize(s.flatten(1)), F.normalize(t.flatten(1)))


def activation_boundary_loss(s, t, margin=1.0):
    off = (s + margin) ** 2 * ((s > -margin) & (t <= 0)).to(s.dtype)
    on = (s - margin) ** 2 * ((s <= margin) & (t > 0)).to(s.dtype)
    return (off + on).mean()


def vid_loss(mean, t, raw_scale, eps=1e-5):
    variance = (torch.log(1 + torch.exp(raw_scale)) + eps).view(1, -1, 1, 1)
    return (0.5 * ((mean - t) ** 2 / variance + torch.log(variance))).mean()


def hierarchical_context_loss(s, t, levels=(4, 2, 1)):
    loss, weight, total = F.mse_loss(s, t), 1.0, 1.0
    for level in levels:
        if level < s.shape[2]:
            weight /= 2
            total += weight
            pooled = F.adaptive_avg_pool2d(s, (level, level)), F.adaptive_avg_pool2d(t, (level, level))
            loss = loss + weight * F.mse_loss(*pooled)
    return loss / total


def log_sum_loss(s, t, power=4):
    return torch.log(torch.abs(s - t).pow(power).sum())


def fsp_loss(s_first, s_second, t_first, t_second):
    def matrix(a, b):
        a, b = a.flatten(2).unsqueeze(2), b.flatten(2).unsqueeze(1)
        return (a * b).mean(dim=-1)

    return (matrix(s_first, s_second) - matrix(t_first, t_second)).pow(2).mean()


def rkd_distance_loss(s, t):
    def distances(x):
        d = (x.unsqueeze(0) - x.unsqueeze(1)).norm(dim=2)
        return d / d[d > 0].mean()

    return F.smooth_l1_loss(distances(s), distances(t))


def rkd_angle_loss(s, t):
    def angles(x):
        e = F.normalize(x.unsqueeze(0) - x.unsqueeze(1), dim=2)
        return torch.bmm(e, e.transpose(1, 2)).view(-1)

    return F.smooth_l1_loss(angles(s), angles(t))


def pkt_loss(s, t, eps=1e-7):
    def neighbours(x):
        x = x / (torch.sqrt((x**2).sum(dim=1, keepdim=True)) + eps)
        k = (torch.mm(x, x.t()) + 1) / 2
        return k / k.sum(dim=1, keepdim=True)

    p, q = neighbours(t), neighbours(s)
    return (p * torch.log((p + eps) / (q + eps))).sum(dim=1).mean()


def correlation_congruence_loss(s, t, gamma=0.4, order=2):
    def kernel(x):
        x = F.normalize(x)
        cosine = torch.mm(x, x.t())
        k = torch.zeros_like(cosine)
        for p in range(order + 1):
            k = k + math.exp(-2 * gamma) * (2 * gamma) ** p / math.factorial(p) * cosine.pow(p)
        return k

    return (kernel(s) - kernel(t)).pow(2).mean()


def similarity_preserving_loss(s, t):
    def similarities(f):
        f = f.flatten(1)
        return F.normalize(torch.mm(f, f.t()))

    return (similarities(t) - similarities(s)).pow(2).sum() / len(s) ** 2


def infonce_loss(s, t, temperature=0.1):
    logits = torch.mm(F.normalize(s), F.normalize(t).t()) / temperature
    return F.cross_entropy(logits, torch.arange(len(s)))


def contrastive_memory(s, t, w_s, b_s, w_t, b_t, places, negatives, bank_s, bank_t, temperature=0.07):
    """Prepares the loss, which has a state: the banks, and Z once a batch was seen."""
    bank_s, bank_t, z = bank_s.clone(), bank_t.clone(), {}
    rows, samples, k = torch.cat([places[:, None], negatives], dim=1), len(bank_s), negatives.shape[1]
    noise, eps = k / samples, 1e-7

    def contrast(term, anchor, bank):
        chosen = bank.index_select(0, rows.view(-1)).view(len(anchor), k + 1, -1)
        scores = torch.exp(torch.bmm(chosen, anchor.unsqueeze(2)).squeeze(2) / temperature)
        if term not in z:
            z[term] = scores.mean().item() * samples
        scores = scores / z[term]
        positive, negative = scores[:, 0], scores[:, 1:]
        told = torch.log(positive / (positive + noise + eps)).sum()
        return -(told + torch.log(noise / (negative + noise + eps)).sum()) / len(anchor)

    def remember(bank, anchor, momentum=0.5):
        with torch.no_grad():
            moved = momentum * bank[places] + (1 - momentum) * anchor
            bank[places] = moved / moved.norm(dim=1, keepdim=True)

    def loss():
        anchor_s, anchor_t = F.normalize(F.linear(s, w_s, b_s)), F.normalize(F.linear(t, w_t, b_t))
        value = contrast("student", anchor_s, bank_t) + contrast("teacher", anchor_t, bank_s)
        remember(bank_s, anchor_s)
        remember(bank_t, anchor_t)
        return value

    return loss


def ickd_loss(s, t):
    def correlation(f):
        f = f.flatten(2)
        return F.normalize(torch.bmm(f, f.transpose(1, 2)), dim=2)

    return (correlation(s) - correlation(t)).pow(2).sum() / (s.shape[1] * s.shape[0])


def local_structure_loss(s, t, edges, sigma=1.0):
    def shares(z):
        source, destination = edges
        k = torch.exp(-((z[source] - z[destination]) ** 2).sum(dim=1) / (2 * sigma**2))
        return k / torch.zeros(len(z), dtype=z.dtype).index_add(0, destination, k)[destination]

    p, q = shares(t), shares(s)
    return (p * (p / q).log()).sum() / len(s)


def mutual_losses(*logits_and_labels):
    *logits, labels = logits_and_labels
    total = 0
    for i, own in enumerate(logits):
        total = total + F.cross_entropy(own, labels)
        for j, peer in enumerate(logits):
            if i != j:
                p = F.softmax(peer.detach(), dim=1)
                divergence = F.kl_div(F.log_softmax(own, dim=1), p, reduction="batchmean")
                total = total + divergence / (len(logits) - 1)
    return total


def self_distillation_loss(*exits_and_labels, temperature=3.0, alpha=0.5):
    *exits, deepest, labels = exits_and_labels
    total = F.cross_entropy(deepest, labels)
    for logits in exits:
        total = total + (1 - alpha) * F.cross_entropy(logits, labels)
        total = total + alpha * soft_target_loss(logits, deepest.detach(), temperature)
    return total


def bounded_regression_loss(s, t, target, margin=0.0):
    student, teacher = ((s - target) ** 2).sum(dim=1), ((t - target) ** 2).sum(dim=1)
    return torch.where(student + margin > teacher, student, torch.zeros_like(student)).mean()


def localization_distillation_loss(s, t, temperature=10.0):
    bins = s.shape[-1]
    return soft_target_loss(s.reshape(-1, bins), t.reshape(-1, bins), temperature)


def class_weighted_soft_cross_entropy(s, t, weights):
    return -(weights * F.softmax(t, dim=1) * F.log_softmax(s, dim=1)).sum(dim=1).mean()


def segmentation_kd_loss(s, t, labels, temperature=1.0, ignore_index=255):
    log_q, p = F.log_softmax(s / temperature, dim=1), F.softmax(t / temperature, dim=1)
    pixels = F.kl_div(log_q, p, reduction="none").sum(dim=1)
    return temperature**2 * pixels[labels != ignore_index].mean()


def pairwise_similarity_loss(s, t):
    def similarities(f):
        f = F.normalize(f, dim=1).flatten(2)
        return torch.einsum("icm,icn->imn", f, f)

    difference = similarities(t) - similarities(s)
    return difference.pow(2).sum() / (s.shape[2] * s.shape[3]) ** 2 / len(s)


def attention_score_loss(s, t, mask):
    pairs = (mask[:, None, :, None] * mask[:, None, None, :]).bool().expand_as(s)
    return F.mse_loss(s[pairs], t[pairs])
