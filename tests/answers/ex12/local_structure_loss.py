# ruff: noqa
# Answers to local_structure_loss: each block is what a learner might write.
import math

import torch
import torch.nn.functional as F


def scores(z, edges, sigma):
    return -(z[edges[1]] - z[edges[0]]).pow(2).sum(1) / (2 * sigma**2)


def log_shares(z, edges, sigma):
    score, nodes, N = scores(z, edges, sigma), edges[1], len(z)
    top = torch.full((N,), -math.inf, dtype=z.dtype).scatter_reduce(0, nodes, score.detach(), "amax")
    score = score - top[nodes]
    return score - torch.zeros(N, dtype=z.dtype).index_add(0, nodes, score.exp())[nodes].log()


def group(score, nodes, N):
    top = torch.full((N,), -math.inf, dtype=score.dtype).scatter_reduce(0, nodes, score.detach(), "amax")
    score = score - top[nodes]
    return score - torch.zeros(N, dtype=score.dtype).index_add(0, nodes, score.exp())[nodes].log()


# %% right: a log-softmax for every destination, by scatter
def local_structure_loss(student, teacher, edges, sigma):
    log_q = log_shares(student, edges, sigma)
    log_p = log_shares(teacher.detach(), edges, sigma)
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% right: a loop over the nodes
def local_structure_loss(student, teacher, edges, sigma):
    teacher = teacher.detach()
    total = student.sum() * 0
    for i in range(student.shape[0]):
        neighbours = edges[0][edges[1] == i]
        if len(neighbours) == 0:
            continue
        log_q = F.log_softmax(-((student[neighbours] - student[i]) ** 2).sum(1) / (2 * sigma**2), dim=0)
        log_p = F.log_softmax(-((teacher[neighbours] - teacher[i]) ** 2).sum(1) / (2 * sigma**2), dim=0)
        total = total + F.kl_div(log_q, log_p, reduction="sum", log_target=True)
    return total / student.shape[0]


# %% right: a matrix of scores with -inf where there is no edge
def local_structure_loss(student, teacher, edges, sigma):
    N = len(student)
    joined = torch.zeros(N, N, dtype=torch.bool)
    joined[edges[1], edges[0]] = True
    some = joined.any(dim=1)

    def log_rows(z):
        d2 = (z[:, None] - z[None]).square().sum(-1)
        score = (-d2 / (2 * sigma**2)).masked_fill(~joined, -math.inf)[some]
        return F.log_softmax(score, dim=1)

    log_q, log_p = log_rows(student), log_rows(teacher.detach())
    here = joined[some]
    terms = torch.zeros_like(log_q)
    terms[here] = log_p[here].exp() * (log_p[here] - log_q[here])
    return terms.sum(1).sum() / N


# %% right: a matrix with a large negative number in empty places
def local_structure_loss(student, teacher, edges, sigma):
    N = student.shape[0]
    adjacency = torch.zeros(N, N)
    adjacency[edges[1], edges[0]] = 1.0
    mask = adjacency > 0

    def log_rows(z):
        d2 = ((z.unsqueeze(1) - z.unsqueeze(0)) ** 2).sum(2)
        return torch.log_softmax((-d2 / (2 * sigma**2)).masked_fill(~mask, -1e30), 1)

    with torch.no_grad():
        log_p = log_rows(teacher)
    log_q = log_rows(student)
    kl = torch.where(mask, log_p.exp() * (log_p - log_q), torch.zeros((), dtype=log_q.dtype))
    return kl.sum(dim=1).mean()


# %% right: the library
def local_structure_loss(student, teacher, edges, sigma):
    from kdcourse import losses

    return losses.local_structure_loss(student, teacher, edges, sigma=sigma)


# %% right: torch.logsumexp node by node, keyword-only sigma, in float64 inside
def local_structure_loss(student, teacher, edges, *, sigma):
    s, t = student.double(), teacher.detach().double()
    source, destination = edges.tolist()
    total = torch.zeros((), dtype=torch.float64) + 0 * s.sum()
    for i in set(destination):
        js = [j for j, k in zip(source, destination) if k == i]
        a = torch.stack([-(s[i] - s[j]).dot(s[i] - s[j]) / (2 * sigma**2) for j in js])
        b = torch.stack([-(t[i] - t[j]).dot(t[i] - t[j]) / (2 * sigma**2) for j in js])
        a, b = a - torch.logsumexp(a, 0), b - torch.logsumexp(b, 0)
        total = total + (b.exp() * (b - a)).sum()
    return (total / len(s)).to(student.dtype)


# %% right: cdist, squared, and a padded table of neighbours
def local_structure_loss(student, teacher, edges, sigma):
    N = len(student)
    lists = [edges[0][edges[1] == i] for i in range(N)]
    width = max(len(js) for js in lists)
    table = torch.stack([F.pad(js, (0, width - len(js))) for js in lists])
    real = torch.stack([torch.arange(width) < len(js) for js in lists])

    def rows(z):
        d = (z[table] - z[:, None]).square().sum(2)
        return (-d / (2 * sigma**2)).masked_fill(~real, -1e30).log_softmax(1)

    p, q = rows(teacher.detach()), rows(student)
    return (p.exp() * (p - q) * real).sum() / N


# %% right: cross-entropy minus entropy, sorted by destination
def local_structure_loss(student, teacher, edges, sigma):
    edges = edges[:, edges[1].argsort(stable=True)]
    counts = torch.bincount(edges[1], minlength=len(student)).tolist()

    def parts(z):
        d2 = (z.index_select(0, edges[0]) - z.index_select(0, edges[1])).square().sum(-1)
        return torch.split(d2, counts)

    loss = 0.0
    for a, b in zip(parts(student), parts(teacher.detach())):
        if len(a):
            p = torch.softmax(-b / (2 * sigma**2), 0)
            logq = torch.log_softmax(-a / (2 * sigma**2), 0)
            logp = torch.log_softmax(-b / (2 * sigma**2), 0)
            loss = loss + (p * logp).sum() - (p * logq).sum()
    return loss / len(student)


# %% right: scaled embeddings, so that sigma is gone
def local_structure_loss(student, teacher, edges, sigma):
    s, t = student / (sigma * 2**0.5), teacher.detach() / (sigma * 2**0.5)
    src, dst = edges
    a = -((s[src] - s[dst]) ** 2).sum(1)
    b = -((t[src] - t[dst]) ** 2).sum(1)
    log_q, log_p = group(a, dst, len(s)), group(b, dst, len(s))
    return F.kl_div(log_q, log_p.exp(), reduction="none").sum() / len(s)


# %% right: means of nodes, then the mean
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher, edges, sigma).detach()
    node = torch.zeros(len(student), dtype=student.dtype)
    node = node.scatter_add(0, edges[1], torch.exp(log_p) * (log_p - log_q))
    return torch.mean(node)


# %% right: one-hot matrices of the edges
def local_structure_loss(student, teacher, edges, sigma):
    N = len(student)
    to = F.one_hot(edges[1], N).to(student.dtype)  # (E, N)
    difference = to - F.one_hot(edges[0], N).to(student.dtype)

    def log_share(z):
        score = -(difference @ z).square().sum(1) / (2 * sigma**2)
        top = torch.where(to.bool(), score[:, None], -math.inf).amax(0).detach()
        score = score - top[edges[1]]
        return score - (to @ (to.T @ score.exp())).log()

    log_p, log_q = log_share(teacher.detach()), log_share(student)
    return (log_p.exp() * (log_p - log_q)).sum() / N


# %% right: the norm, squared, by F.pairwise_distance with eps 0
def local_structure_loss(student, teacher, edges, sigma):
    def log_share(z):
        d2 = torch.einsum("ed,ed->e", z[edges[0]] - z[edges[1]], z[edges[0]] - z[edges[1]])
        return group(-0.5 * d2 / sigma / sigma, edges[1], len(z))

    log_p, log_q = log_share(teacher.detach()), log_share(student)
    per_edge = torch.nn.KLDivLoss(reduction="none", log_target=True)(log_q, log_p)
    return per_edge.sum().div(student.size(0))


# %% wrong: torch.distributions calls a share of 0 an infinite divergence -> your value is not finite
class LocalStructure(torch.nn.Module):
    def forward(self, student, teacher, edges, sigma):
        each = []
        for i in range(len(student)):
            into = edges[1] == i
            if into.sum() < 2:
                each.append(student[0, 0] * 0)
                continue
            j = edges[0, into]
            q = torch.distributions.Categorical(logits=-(student[j] - student[i]).square().sum(1) / (2 * sigma**2))
            p = torch.distributions.Categorical(logits=-(teacher[j] - teacher[i]).detach().square().sum(1) / (2 * sigma**2))
            each.append(torch.distributions.kl_divergence(p, q))
        return torch.stack(each).mean()


local_structure_loss = LocalStructure()


# %% right: inner products for the distances, in float64
def local_structure_loss(student, teacher, edges, sigma):
    def log_share(z):
        z = z.double()
        g = z @ z.T
        n = g.diagonal()
        d2 = n[edges[0]] + n[edges[1]] - 2 * g[edges[0], edges[1]]
        return group(-d2 / (2 * sigma**2), edges[1], len(z))

    log_p, log_q = log_share(teacher.detach()), log_share(student)
    return ((log_p.exp() * (log_p - log_q)).sum() / len(student)).to(student.dtype)


# %% right: a module, with a padded batch of neighbours
class LocalStructure(torch.nn.Module):
    def shares(self, z, neighbours, i, sigma):
        return torch.log_softmax(-torch.cdist(z[i : i + 1], z[neighbours]).square()[0] / (2 * sigma**2), -1)

    def forward(self, student, teacher, edges, sigma):
        each = [student.sum() * 0 for _ in range(len(student))]
        for i in edges[1].unique().tolist():
            j = edges[0, edges[1] == i]
            log_p, log_q = self.shares(teacher.detach(), j, i, sigma), self.shares(student, j, i, sigma)
            each[i] = each[i] + (log_p.exp() * (log_p - log_q)).sum()
        return torch.stack(each).mean()


local_structure_loss = LocalStructure()


# %% wrong: the sign of the notes -> far neighbours get the large shares
def local_structure_loss(student, teacher, edges, sigma):
    log_q = group(-scores(student, edges, sigma), edges[1], len(student))
    log_p = group(-scores(teacher.detach(), edges, sigma), edges[1], len(student))
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: the student first -> wrong way round
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher.detach(), edges, sigma)
    return (log_q.exp() * (log_q - log_p)).sum() / len(student)


# %% wrong: student and teacher exchanged in kl_div -> wrong way round
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher.detach(), edges, sigma)
    return F.kl_div(log_p, log_q, reduction="sum", log_target=True) / len(student)


# %% wrong: squared differences in place of a divergence -> There is no divergence
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher.detach(), edges, sigma)
    return (log_q.exp() - log_p.exp()).square().sum() / len(student)


# %% wrong: mean squared difference of the shares -> There is no divergence
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher.detach(), edges, sigma)
    return F.mse_loss(log_q.exp(), log_p.exp())


# %% wrong: no divergence, only the student's own vector -> Only the student's shares are in it
def local_structure_loss(student, teacher, edges, sigma):
    log_q = log_shares(student, edges, sigma)
    return log_q.exp().sum() / len(student)


# %% wrong: a cross-entropy -> This is the cross-entropy
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher.detach(), edges, sigma)
    return -(log_p.exp() * log_q).sum() / len(student)


# %% wrong: grouped by the source -> edges *out of* a node
def local_structure_loss(student, teacher, edges, sigma):
    log_q = group(scores(student, edges, sigma), edges[0], len(student))
    log_p = group(scores(teacher.detach(), edges, sigma), edges[0], len(student))
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: one softmax over all edges -> One softmax runs over all edges
def local_structure_loss(student, teacher, edges, sigma):
    log_q = scores(student, edges, sigma).log_softmax(0)
    log_p = scores(teacher.detach(), edges, sigma).log_softmax(0)
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: a mean over the edges -> mean over the edges
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher.detach(), edges, sigma)
    return (log_p.exp() * (log_p - log_q)).mean()


# %% wrong: summed over the nodes -> The nodes are summed
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher.detach(), edges, sigma)
    return (log_p.exp() * (log_p - log_q)).sum()


# %% wrong: the mean over nodes with a neighbour -> number of nodes that have an incoming edge
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher.detach(), edges, sigma)
    return (log_p.exp() * (log_p - log_q)).sum() / len(edges[1].unique())


# %% wrong: N from the largest number in the edges -> largest number in `edges`
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher.detach(), edges, sigma)
    return (log_p.exp() * (log_p - log_q)).sum() / (int(edges.max()) + 1)


# %% wrong: a table too short for a last node without an edge -> largest number in `edges`
def local_structure_loss(student, teacher, edges, sigma):
    N = int(edges.max()) + 1
    log_q = group(scores(student, edges, sigma), edges[1], N)
    log_p = group(scores(teacher.detach(), edges, sigma), edges[1], N)
    node = torch.zeros(N, dtype=student.dtype).index_add(0, edges[1], log_p.exp() * (log_p - log_q))
    return node.mean()


# %% wrong: the kernel inside a softmax -> A kernel stands inside a softmax
def local_structure_loss(student, teacher, edges, sigma):
    log_q = group(scores(student, edges, sigma).exp(), edges[1], len(student))
    log_p = group(scores(teacher.detach(), edges, sigma).exp(), edges[1], len(student))
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: the authors' kernel -> This is the authors' code
def local_structure_loss(student, teacher, edges, sigma):
    def log_share(z):
        return group(torch.exp(-(z[edges[0]] - z[edges[1]]).abs().sum(1) / 100), edges[1], len(z))

    log_q, log_p = log_share(student), log_share(teacher.detach())
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: exp before the division, without taking off the largest -> rounded to 0
def local_structure_loss(student, teacher, edges, sigma):
    def share(z):
        k = scores(z, edges, sigma).exp()
        return k / torch.zeros(len(z), dtype=z.dtype).index_add(0, edges[1], k)[edges[1]]

    p, q = share(teacher.detach()), share(student)
    return (p * (p.log() - q.log())).sum() / len(student)


# %% wrong: kernels with a small number against 0/0 -> A small number is added
def local_structure_loss(student, teacher, edges, sigma):
    def share(z):
        k = scores(z, edges, sigma).exp()
        return k / (torch.zeros(len(z), dtype=z.dtype).index_add(0, edges[1], k)[edges[1]] + 1e-8)

    p, q = share(teacher.detach()), share(student)
    return (p * ((p + 1e-8).log() - (q + 1e-8).log())).sum() / len(student)


# %% wrong: the distance is not squared -> not squared
def local_structure_loss(student, teacher, edges, sigma):
    def log_share(z):
        d = (z[edges[0]] - z[edges[1]]).norm(dim=1)
        return group(-d / (2 * sigma**2), edges[1], len(z))

    log_q, log_p = log_share(student), log_share(teacher.detach())
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: without the 2 -> The 2 of 2 σ² is missing
def local_structure_loss(student, teacher, edges, sigma):
    log_q = group(2 * scores(student, edges, sigma), edges[1], len(student))
    log_p = group(2 * scores(teacher.detach(), edges, sigma), edges[1], len(student))
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: sigma is not squared -> σ is not squared
def local_structure_loss(student, teacher, edges, sigma):
    log_q = group(sigma * scores(student, edges, sigma), edges[1], len(student))
    log_p = group(sigma * scores(teacher.detach(), edges, sigma), edges[1], len(student))
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: sigma is ignored -> σ is not used
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, 1.0), log_shares(teacher.detach(), edges, 1.0)
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: missing brackets in / 2 * sigma**2 -> needs brackets
def local_structure_loss(student, teacher, edges, sigma):
    def log_share(z):
        return group(-(z[edges[0]] - z[edges[1]]).square().sum(1) / 2 * sigma**2, edges[1], len(z))

    log_q, log_p = log_share(student), log_share(teacher.detach())
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: the mean over the dimensions -> averaged over the D numbers
def local_structure_loss(student, teacher, edges, sigma):
    def log_share(z):
        return group(-(z[edges[0]] - z[edges[1]]).square().mean(1) / (2 * sigma**2), edges[1], len(z))

    log_q, log_p = log_share(student), log_share(teacher.detach())
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: distances divided by their mean, which is detached -> divided by their mean
def local_structure_loss(student, teacher, edges, sigma):
    def log_share(z):
        d2 = (z[edges[0]] - z[edges[1]]).square().sum(1)
        return group(-d2 / d2.mean().detach() / (2 * sigma**2), edges[1], len(z))

    log_q, log_p = log_share(student), log_share(teacher.detach())
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: inner products -> Inner products stand where distances should
def local_structure_loss(student, teacher, edges, sigma):
    def log_share(z):
        return group((z[edges[0]] * z[edges[1]]).sum(1), edges[1], len(z))

    log_q, log_p = log_share(student), log_share(teacher.detach())
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: cosines -> Cosines stand where distances should
def local_structure_loss(student, teacher, edges, sigma):
    def log_share(z):
        return group(F.cosine_similarity(z[edges[0]], z[edges[1]], dim=1), edges[1], len(z))

    log_q, log_p = log_share(student), log_share(teacher.detach())
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: neighbours are detached -> embeddings are detached
def local_structure_loss(student, teacher, edges, sigma):
    score = -(student[edges[1]] - student[edges[0]].detach()).square().sum(1) / (2 * sigma**2)
    log_q, log_p = group(score, edges[1], len(student)), log_shares(teacher.detach(), edges, sigma)
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: the sum of the kernels is detached -> The sum of the kernels is detached
def local_structure_loss(student, teacher, edges, sigma):
    score = scores(student, edges, sigma)
    log_q = score - (score - log_shares(student, edges, sigma)).detach()
    log_p = log_shares(teacher.detach(), edges, sigma)
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: the student is detached -> The graph is cut
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student.detach(), edges, sigma), log_shares(teacher, edges, sigma).detach()
    return ((log_p.exp() * (log_p - log_q)).sum() / len(student)).requires_grad_()


# %% wrong: a number -> The graph is cut
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher, edges, sigma)
    return ((log_p.exp() * (log_p - log_q)).sum() / len(student)).detach()


# %% wrong: the teacher learns -> The teacher must not learn
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher, edges, sigma)
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: every edge both ways -> Every edge is used both ways
def local_structure_loss(student, teacher, edges, sigma):
    edges = torch.cat([edges, edges.flip(0)], 1).unique(dim=1)
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher.detach(), edges, sigma)
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: self-loops -> neighbour of its own
def local_structure_loss(student, teacher, edges, sigma):
    edges = torch.cat([edges, torch.arange(len(student)).expand(2, -1)], 1)
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher.detach(), edges, sigma)
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: zeros in the empty places of a matrix -> Fill these places with -inf
def local_structure_loss(student, teacher, edges, sigma):
    N = len(student)
    joined = torch.zeros(N, N, dtype=torch.bool)
    joined[edges[1], edges[0]] = True

    def log_rows(z):
        d2 = (z[:, None] - z[None]).square().sum(-1)
        return F.log_softmax((-d2 / (2 * sigma**2)) * joined, dim=1)

    log_q, log_p = log_rows(student), log_rows(teacher.detach())
    return (joined * log_p.exp() * (log_p - log_q)).sum() / N


# %% wrong: -inf minus -inf -> Not finite
def local_structure_loss(student, teacher, edges, sigma):
    N = len(student)
    joined = torch.zeros(N, N, dtype=torch.bool)
    joined[edges[1], edges[0]] = True

    def log_rows(z):
        d2 = (z[:, None] - z[None]).square().sum(-1)
        return F.log_softmax((-d2 / (2 * sigma**2)).masked_fill(~joined, -math.inf), dim=1)

    log_q, log_p = log_rows(student), log_rows(teacher.detach())
    return (log_p.exp() * (log_p - log_q)).sum() / N


# %% right: rows without neighbours are NaN, and torch.where keeps them out
def local_structure_loss(student, teacher, edges, sigma):
    N = len(student)
    joined = torch.zeros(N, N, dtype=torch.bool)
    joined[edges[1], edges[0]] = True

    def rows(z):
        d2 = (z[:, None] - z[None]).square().sum(-1)
        return (-d2 / (2 * sigma**2)).masked_fill(~joined, -math.inf).log_softmax(1)

    log_q, log_p = rows(student), rows(teacher.detach())
    terms = torch.where(joined, log_p.exp() * (log_p - log_q), 0.0)
    return terms.sum() / N


# %% wrong: a root of the squared distance -> infinite
def local_structure_loss(student, teacher, edges, sigma):
    def log_share(z):
        d = (z[edges[0]] - z[edges[1]]).square().sum(1).sqrt()
        return group(-(d**2) / (2 * sigma**2), edges[1], len(z))

    log_q, log_p = log_share(student), log_share(teacher.detach())
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: the embeddings themselves are compared -> embeddings of different sizes
def local_structure_loss(student, teacher, edges, sigma):
    return F.mse_loss(student[edges[0]], teacher[edges[0]])


# %% wrong: one loss for each node -> One number for each node is left
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher.detach(), edges, sigma)
    return torch.zeros(len(student), dtype=student.dtype).index_add(0, edges[1], log_p.exp() * (log_p - log_q))


# %% wrong: one loss for each edge -> One number for each edge is left
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher.detach(), edges, sigma)
    return log_p.exp() * (log_p - log_q)


# %% wrong: divided by N twice -> divided by N²
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher.detach(), edges, sigma)
    return (log_p.exp() * (log_p - log_q)).sum() / len(student) ** 2


# %% wrong: both directions -> Both directions of the divergence
def local_structure_loss(student, teacher, edges, sigma):
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher.detach(), edges, sigma)
    return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum() / len(student)


# %% wrong: normalised embeddings -> normalised to length 1
def local_structure_loss(student, teacher, edges, sigma):
    student, teacher = F.normalize(student, dim=1), F.normalize(teacher.detach(), dim=1)
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher, edges, sigma)
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: the student is centred in place -> changes its argument `student`
def local_structure_loss(student, teacher, edges, sigma):
    with torch.no_grad():
        student -= student.mean(0)
    log_q, log_p = log_shares(student, edges, sigma), log_shares(teacher.detach(), edges, sigma)
    return (log_p.exp() * (log_p - log_q)).sum() / len(student)


# %% wrong: the wrong sign and a mean over the edges -> Two things
def local_structure_loss(student, teacher, edges, sigma):
    log_q = group(-scores(student, edges, sigma), edges[1], len(student))
    log_p = group(-scores(teacher.detach(), edges, sigma), edges[1], len(student))
    return (log_p.exp() * (log_p - log_q)).mean()


# %% wrong: the student first and the 2 missing -> Two things
def local_structure_loss(student, teacher, edges, sigma):
    log_q = group(2 * scores(student, edges, sigma), edges[1], len(student))
    log_p = group(2 * scores(teacher.detach(), edges, sigma), edges[1], len(student))
    return (log_q.exp() * (log_q - log_p)).sum() / len(student)


# %% trivial: zero
def local_structure_loss(student, teacher, edges, sigma):
    return student.sum() * 0


# %% trivial: nothing
def local_structure_loss(student, teacher, edges, sigma):
    return None


# %% trivial: NaN
def local_structure_loss(student, teacher, edges, sigma):
    return student.sum() * math.nan


# %% trivial: the student
def local_structure_loss(student, teacher, edges, sigma):
    return student


# %% trivial: a constant
def local_structure_loss(student, teacher, edges, sigma):
    return torch.tensor(0.1, requires_grad=True)
