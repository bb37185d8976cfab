# ruff: noqa
# Answers to gated_ensemble_logits: each block is what a learner might write.
import torch
import torch.nn.functional as F
from torch import nn


# %% right: einsum
def gated_ensemble_logits(branch_logits, gate_scores):
    return torch.einsum("mbc,bm->bc", branch_logits, torch.softmax(gate_scores, dim=1))


# %% right: transposed weights, a sum over the branches
def gated_ensemble_logits(branch_logits, gate_scores):
    weights = F.softmax(gate_scores, dim=-1).T[:, :, None]
    return (weights * branch_logits).sum(dim=0)


# %% right: a loop over the branches
def gated_ensemble_logits(branch_logits, gate_scores):
    weights = gate_scores.softmax(1)
    total = 0
    for m, logits in enumerate(branch_logits):
        total = total + weights[:, m : m + 1] * logits
    return total


# %% right: a batched product
def gated_ensemble_logits(branch_logits, gate_scores):
    weights = torch.softmax(gate_scores, dim=1)
    return torch.bmm(weights.unsqueeze(1), branch_logits.permute(1, 0, 2)).squeeze(1)


# %% right: loops over the samples
def gated_ensemble_logits(branch_logits, gate_scores):
    rows = []
    for b in range(branch_logits.shape[1]):
        rows.append(torch.softmax(gate_scores[b], 0) @ branch_logits[:, b])
    return torch.stack(rows)


# %% right: exp of the log-softmax, stacked the other way
def gated_ensemble_logits(branch_logits, gate_scores):
    weights = F.log_softmax(gate_scores, 1).exp()
    return (branch_logits.transpose(0, 1) * weights[..., None]).sum(1)


# %% right: softmax written out, with the maximum subtracted
def gated_ensemble_logits(branch_logits, gate_scores):
    e = (gate_scores - gate_scores.max(dim=1, keepdim=True).values).exp()
    weights = e / e.sum(dim=1, keepdim=True)
    return torch.stack([w * z for w, z in zip(weights.t().unsqueeze(2), branch_logits)]).sum(0)


# %% right: a weighted sum divided at the end, other names, in float64 inside
def gated_ensemble_logits(z, g):
    e = (g.double() - g.double().amax(1, keepdim=True)).exp()
    return ((e.T[..., None] * z.double()).sum(0) / e.sum(1, keepdim=True)).to(z.dtype)


# %% right: a module
class Ensemble(nn.Module):
    def forward(self, branch_logits, gate_scores):
        return torch.tensordot(
            torch.diag_embed(gate_scores.softmax(1).T), branch_logits, dims=([0, 2], [0, 1])
        )


gated_ensemble_logits = Ensemble()


# %% wrong: the mean -> the gate has no say
def gated_ensemble_logits(branch_logits, gate_scores):
    return branch_logits.mean(0)


# %% wrong: scores without softmax -> take their softmax first
def gated_ensemble_logits(branch_logits, gate_scores):
    return (gate_scores.T[:, :, None] * branch_logits).sum(0)


# %% wrong: softmax over the batch -> runs over the batch
def gated_ensemble_logits(branch_logits, gate_scores):
    return torch.einsum("mbc,bm->bc", branch_logits, torch.softmax(gate_scores, dim=0))


# %% wrong: a sigmoid -> A sigmoid weighs each branch by itself
def gated_ensemble_logits(branch_logits, gate_scores):
    return torch.einsum("mbc,bm->bc", branch_logits, torch.sigmoid(gate_scores))


# %% wrong: divided by the sum of the scores -> divided by their sum
def gated_ensemble_logits(branch_logits, gate_scores):
    return torch.einsum("mbc,bm->bc", branch_logits, gate_scores / gate_scores.sum(1, keepdim=True))


# %% wrong: probabilities are weighed -> ONE weighs logits
def gated_ensemble_logits(branch_logits, gate_scores):
    return torch.einsum("mbc,bm->bc", branch_logits.softmax(2), gate_scores.softmax(1))


# %% wrong: the logarithm of weighed probabilities -> another ensemble
def gated_ensemble_logits(branch_logits, gate_scores):
    return torch.einsum("mbc,bm->bc", branch_logits.softmax(2), gate_scores.softmax(1)).log()


# %% wrong: log-probabilities are weighed -> This weighs log-probabilities
def gated_ensemble_logits(branch_logits, gate_scores):
    return torch.einsum("mbc,bm->bc", branch_logits.log_softmax(2), gate_scores.softmax(1))


# %% wrong: the ensemble's probabilities -> its logits are wanted
def gated_ensemble_logits(branch_logits, gate_scores):
    return torch.einsum("mbc,bm->bc", branch_logits, gate_scores.softmax(1)).softmax(1)


# %% wrong: a ReLU -> A ReLU cuts the scores
def gated_ensemble_logits(branch_logits, gate_scores):
    return torch.einsum("mbc,bm->bc", branch_logits, F.relu(gate_scores).softmax(1))


# %% wrong: the best branch only -> Only the branch with the highest score answers
def gated_ensemble_logits(branch_logits, gate_scores):
    best = gate_scores.argmax(1)
    return branch_logits[best, torch.arange(len(best))]


# %% wrong: a mean in place of a sum -> Divided by the number of branches
def gated_ensemble_logits(branch_logits, gate_scores):
    return (gate_scores.softmax(1).T[:, :, None] * branch_logits).mean(0)


# %% wrong: the gate is detached -> The gate is detached
def gated_ensemble_logits(branch_logits, gate_scores):
    return torch.einsum("mbc,bm->bc", branch_logits, gate_scores.softmax(1).detach())


# %% wrong: the branches are detached -> The branches are detached
def gated_ensemble_logits(branch_logits, gate_scores):
    return torch.einsum("mbc,bm->bc", branch_logits.detach(), gate_scores.softmax(1))


# %% wrong: everything is detached, as the teacher of a loss -> nothing would be learned
def gated_ensemble_logits(branch_logits, gate_scores):
    return torch.einsum("mbc,bm->bc", branch_logits, gate_scores.softmax(1)).detach()


# %% wrong: reshaped weights -> brought to (M, B) by `reshape`
def gated_ensemble_logits(branch_logits, gate_scores):
    M, B, _ = branch_logits.shape
    return (gate_scores.softmax(1).reshape(M, B, 1) * branch_logits).sum(0)


# %% wrong: reshaped logits -> brought to (B, M, C) by `reshape`
def gated_ensemble_logits(branch_logits, gate_scores):
    M, B, C = branch_logits.shape
    return (gate_scores.softmax(1)[:, :, None] * branch_logits.reshape(B, M, C)).sum(1)


# %% wrong: the weights are not transposed -> Transpose the scores
def gated_ensemble_logits(branch_logits, gate_scores):
    return (gate_scores.softmax(1)[:, :, None] * branch_logits).sum(0)


# %% wrong: a branch of weights for all samples -> All samples get the same weights
def gated_ensemble_logits(branch_logits, gate_scores):
    weights = gate_scores.softmax(1).mean(0)
    return torch.einsum("mbc,m->bc", branch_logits, weights)


# %% wrong: a matrix product -> sample b meets
def gated_ensemble_logits(branch_logits, gate_scores):
    return gate_scores.softmax(1) @ branch_logits.transpose(0, 1)


# %% wrong: not added up -> weighed but not added up
def gated_ensemble_logits(branch_logits, gate_scores):
    return gate_scores.softmax(1).T[:, :, None] * branch_logits


# %% wrong: added up over the classes -> The sum runs over the classes
def gated_ensemble_logits(branch_logits, gate_scores):
    return (gate_scores.softmax(1).T[:, :, None] * branch_logits).sum(2)


# %% wrong: exp without care -> Somewhere `exp` overflows
def gated_ensemble_logits(branch_logits, gate_scores):
    e = gate_scores.exp()
    return torch.einsum("mbc,bm->bc", branch_logits, e / e.sum(1, keepdim=True))


# %% wrong: the logits are weighed in place -> changes its argument `branch_logits`
def gated_ensemble_logits(branch_logits, gate_scores):
    with torch.no_grad():
        branch_logits *= gate_scores.softmax(1).T[:, :, None]
    return branch_logits.sum(0)


# %% trivial: nothing
def gated_ensemble_logits(branch_logits, gate_scores):
    pass


# %% trivial: not written
def gated_ensemble_logits(branch_logits, gate_scores):
    raise NotImplementedError("exercise not solved yet")


# %% trivial: the first branch
def gated_ensemble_logits(branch_logits, gate_scores):
    return branch_logits[0]


# %% trivial: zeros
def gated_ensemble_logits(branch_logits, gate_scores):
    return 0.0 * branch_logits[0]


# %% trivial: the input
def gated_ensemble_logits(branch_logits, gate_scores):
    return branch_logits
