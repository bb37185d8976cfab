# ruff: noqa
# Answers to judge_mutual_losses: each block is what a learner might write. It gets (a, b, labels) -> (loss_a, loss_b).
import numpy as np
import torch
import torch.nn.functional as F


def nets():
    a, b = torch.randn(8, 5, requires_grad=True), torch.randn(8, 5, requires_grad=True)
    return a, b, torch.randint(5, (8,))


def reaches(loss, z):
    if not loss.requires_grad:
        return False
    (found,) = torch.autograd.grad(loss, z, allow_unused=True, retain_graph=True)
    return found is not None and bool(found.abs().max() > 0)


def leaks(pair):
    a, b, y = nets()
    loss_a, loss_b = pair(a, b, y)
    return reaches(loss_a, b) or reaches(loss_b, a)


def sure_peer(pair):
    """Value and gradient with a peer that is sure of the label, against twice the cross-entropy."""
    a, b, y = nets()
    sure = 25.0 * F.one_hot(y, 5)
    for own, loss in ((a, pair(a, sure, y)[0]), (b, pair(sure, b, y)[1])):
        twice = 2 * F.cross_entropy(own, y)
        if abs(loss - twice) > 1e-3:
            return True
        if not loss.requires_grad:
            return True
        (got,), (want,) = torch.autograd.grad(loss, own), torch.autograd.grad(twice, own)
        if (got - want).abs().max() > 1e-3:
            return True
    return False


# %% right: leaks, and a sure peer
def judge_mutual_losses(pair_of_losses):
    return leaks(pair_of_losses) or sure_peer(pair_of_losses)


# %% right: compared with a pair that one trusts, value and gradients
def judge_mutual_losses(pair_of_losses):
    from kdcourse.losses import mutual_losses

    a, b, y = nets()
    got, want = pair_of_losses(a, b, y), mutual_losses([a, b], y)
    for mine, ours in zip(got, want):
        if abs(mine - ours) > 1e-3:
            return True
        for z in (a, b):
            slopes = [
                torch.autograd.grad(l, z, allow_unused=True, retain_graph=True)[0] for l in (mine, ours)
            ]
            g, w = (torch.zeros_like(z) if s is None else s for s in slopes)
            if (g - w).abs().max() > 1e-4:
                return True
    return False


# %% right: the gradient by its formula
def judge_mutual_losses(pair_of_losses):
    a, b, y = nets()
    p, q, t = a.softmax(1).detach(), b.softmax(1).detach(), F.one_hot(y, 5)
    want = [(2 * p - q - t) / 8, (2 * q - p - t) / 8]
    for k, own in enumerate((a, b)):
        loss = pair_of_losses(a, b, y)[k]
        (got,) = torch.autograd.grad(loss, own)
        loss = pair_of_losses(a, b, y)[k]
        (other,) = torch.autograd.grad(loss, (b, a)[k], allow_unused=True)
        if (got - want[k]).abs().max() > 1e-4 or (other is not None and other.abs().max() > 1e-7):
            return True
    return False


# %% right: fixed numbers, backward on leaves
def judge_mutual_losses(pair_of_losses):
    y = torch.tensor([0, 2, 1])
    a = torch.tensor([[1.0, -0.5, 0.3], [0.2, 0.1, -1.0], [0.0, 2.0, 1.0]], requires_grad=True)
    sure = (20.0 * F.one_hot(y, 3)).requires_grad_()
    first, _ = pair_of_losses(a, sure, y)
    first.backward()
    reference = a.detach().clone().requires_grad_()
    (2 * F.cross_entropy(reference, y)).backward()
    if not torch.allclose(a.grad, reference.grad, atol=1e-3):
        return True
    if abs(first.item() - 2 * F.cross_entropy(a, y).item()) > 1e-3:
        return True
    if sure.grad is not None and sure.grad.abs().sum() > 0:
        return True
    # and from the other side, with a peer that is not sure, where a leak is larger
    a.grad, peer = None, torch.tensor([[0.5, 0.1, -0.4]] * 3, requires_grad=True)
    pair_of_losses(peer, a, y)[0].backward()
    if a.grad is not None and a.grad.abs().sum() > 1e-6:
        return True
    peer.grad = a.grad = None
    pair_of_losses(peer, a, y)[1].backward()
    if peer.grad is not None and peer.grad.abs().sum() > 1e-6:
        return True
    swapped = pair_of_losses(a, peer, y)[0], pair_of_losses(peer, a, y)[1]
    return abs(swapped[0].item() - swapped[1].item()) > 1e-3


# %% right: answered by numpy, and exchanged nets
def judge_mutual_losses(pair_of_losses):
    a, b, y = nets()
    one, other = pair_of_losses(a, b, y), pair_of_losses(b, a, y)
    unfair = abs(one[0] - other[1]).item() > 1e-4 or abs(one[1] - other[0]).item() > 1e-4
    return np.bool_(unfair or leaks(pair_of_losses) or sure_peer(pair_of_losses))


# %% right: a tensor that is true or false, by small steps instead of gradients
def judge_mutual_losses(pair_of_losses):
    a, b, y = nets()
    sure = 25.0 * F.one_hot(y, 5)
    gap = torch.stack([pair_of_losses(a, sure, y)[0], pair_of_losses(sure, b, y)[1]])
    gap = gap - 2 * torch.stack([F.cross_entropy(a, y), F.cross_entropy(b, y)])
    return (gap.abs().max() > 1e-3) | torch.tensor(leaks(pair_of_losses) or sure_peer(pair_of_losses))


# %% right: the sum of both losses moves each net as its own does
def judge_mutual_losses(pair_of_losses):
    a, b, y = nets()
    if sure_peer(pair_of_losses):
        return True
    together = torch.autograd.grad(sum(pair_of_losses(a, b, y)), [a, b])
    own = [
        torch.autograd.grad(pair_of_losses(a, b.detach(), y)[0], a)[0],
        torch.autograd.grad(pair_of_losses(a.detach(), b, y)[1], b)[0],
    ]
    return any((t - o).abs().max() > 1e-5 for t, o in zip(together, own)) or leaks(pair_of_losses)


# %% wrong: leaks only -> does not convict suspect_two
def judge_mutual_losses(pair_of_losses):
    return leaks(pair_of_losses)


# %% wrong: a sure peer only -> does not convict suspect_one
def judge_mutual_losses(pair_of_losses):
    return sure_peer(pair_of_losses)


# %% wrong: only the value with a sure peer -> does not convict a divergence without a graph
def judge_mutual_losses(pair_of_losses):
    a, b, y = nets()
    sure = 25.0 * F.one_hot(y, 5)
    gap_a = pair_of_losses(a, sure, y)[0] - 2 * F.cross_entropy(a, y)
    gap_b = pair_of_losses(sure, b, y)[1] - 2 * F.cross_entropy(b, y)
    return leaks(pair_of_losses) or max(abs(gap_a), abs(gap_b)).item() > 1e-3


# %% wrong: only the first net is looked at -> does not convict a pair in which only the first listens
def judge_mutual_losses(pair_of_losses):
    a, b, y = nets()
    loss_a, _ = pair_of_losses(a, b, y)
    if reaches(loss_a, b):
        return True
    sure = 25.0 * F.one_hot(y, 5)
    return abs(pair_of_losses(a, sure, y)[0] - 2 * F.cross_entropy(a, y)).item() > 1e-3


# %% wrong: exchanged nets only -> does not convict suspect_one
def judge_mutual_losses(pair_of_losses):
    a, b, y = nets()
    one, other = pair_of_losses(a, b, y), pair_of_losses(b, a, y)
    return abs(one[0] - other[1]).item() > 1e-4 or abs(one[1] - other[0]).item() > 1e-4


# %% wrong: nets that agree, where all have the cross-entropy -> does not convict suspect_two
def judge_mutual_losses(pair_of_losses):
    a, _, y = nets()
    twin = a.detach().clone()
    return abs(pair_of_losses(a, twin, y)[0] - F.cross_entropy(a, y)).item() > 1e-4 or leaks(pair_of_losses)


# %% wrong: a second backward, which a missing graph survives -> does not convict
def judge_mutual_losses(pair_of_losses):
    a, b, y = nets()
    one, other = pair_of_losses(a * 1.0, b * 1.0, y)
    try:
        one.backward()
        other.backward()
    except RuntimeError:
        return True
    return False


# %% wrong: only finite -> does not convict suspect_one
def judge_mutual_losses(pair_of_losses):
    a, b, y = nets()
    return not all(bool(loss.isfinite()) for loss in pair_of_losses(a, b, y))


# %% wrong: not negative is all that is asked -> does not convict suspect_one
def judge_mutual_losses(pair_of_losses):
    a, b, y = nets()
    return any(bool(loss < F.cross_entropy(z, y) - 1e-4) for loss, z in zip(pair_of_losses(a, b, y), (a, b)))


# %% wrong: a peer that is hardly sure -> accuses
def judge_mutual_losses(pair_of_losses):
    a, b, y = nets()
    sure = 2.0 * F.one_hot(y, 5)
    return (
        leaks(pair_of_losses) or abs(pair_of_losses(a, sure, y)[0] - 2 * F.cross_entropy(a, y)).item() > 1e-3
    )


# %% wrong: exactly equal is asked for -> accuses
def judge_mutual_losses(pair_of_losses):
    a, b, y = nets()
    sure = 25.0 * F.one_hot(y, 5)
    return leaks(pair_of_losses) or bool(pair_of_losses(a, sure, y)[0] != 2 * F.cross_entropy(a, y))


# %% wrong: the losses of both nets must be equal -> accuses suspect_four
def judge_mutual_losses(pair_of_losses):
    a, b, y = nets()
    one, other = pair_of_losses(a, b, y)
    return abs(one - other).item() > 1e-3


# %% wrong: a sure peer of a wrong class must do nothing -> accuses suspect_four
def judge_mutual_losses(pair_of_losses):
    a, b, y = nets()
    sure = 25.0 * F.one_hot((y + 1) % 5, 5)
    return abs(pair_of_losses(a, sure, y)[0] - F.cross_entropy(a, y)).item() > 1e-3


# %% wrong: verdicts reversed -> accuses suspect_four
def judge_mutual_losses(pair_of_losses):
    return not (leaks(pair_of_losses) or sure_peer(pair_of_losses))


# %% wrong: all properties must be broken -> does not convict suspect_one
def judge_mutual_losses(pair_of_losses):
    return leaks(pair_of_losses) and sure_peer(pair_of_losses)


# %% wrong: the gradient of an input that is not used raises -> Your function raises RuntimeError on
def judge_mutual_losses(pair_of_losses):
    a, b, y = nets()
    loss_a, _ = pair_of_losses(a, b, y)
    return bool(torch.autograd.grad(loss_a, b)[0].abs().max() > 0) or sure_peer(pair_of_losses)


# %% wrong: the losses instead of a verdict -> It returns a tuple
def judge_mutual_losses(pair_of_losses):
    return tuple(pair_of_losses(*nets()))


# %% wrong: prints the verdict -> It returns a NoneType
def judge_mutual_losses(pair_of_losses):
    print(leaks(pair_of_losses) or sure_peer(pair_of_losses))


# %% wrong: remembers names -> does not convict a pair in which only the first listens
def judge_mutual_losses(pair_of_losses):
    return pair_of_losses.__name__ in ("suspect_one", "suspect_two", "suspect_three")


# %% trivial: always True
def judge_mutual_losses(pair_of_losses):
    return True


# %% trivial: always False
def judge_mutual_losses(pair_of_losses):
    return False


# %% trivial: 0
def judge_mutual_losses(pair_of_losses):
    return 0


# %% trivial: NaN
def judge_mutual_losses(pair_of_losses):
    return float("nan")


# %% trivial: the input
def judge_mutual_losses(pair_of_losses):
    return pair_of_losses
