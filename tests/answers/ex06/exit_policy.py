# ruff: noqa
# Answers to exit_policy: each block is what a learner might write.
import numpy as np
import torch
import torch.nn.functional as F


# %% right: from the deepest to the shallowest, overwriting
def exit_policy(exits, threshold):
    predictions = exits[-1].argmax(dim=1)
    exit_index = torch.full_like(predictions, len(exits) - 1)
    for e in range(len(exits) - 2, -1, -1):
        top, classes = torch.softmax(exits[e], dim=1).max(dim=1)
        sure = top >= threshold
        predictions = torch.where(sure, classes, predictions)
        exit_index = torch.where(sure, e, exit_index)
    return predictions, exit_index


# %% right: stacked, with the first True
def exit_policy(exits, threshold):
    probabilities = torch.stack(exits).softmax(dim=2)
    sure = probabilities.amax(dim=2) >= threshold
    sure[-1] = True
    index = sure.int().argmax(dim=0)
    return probabilities.argmax(dim=2)[index, torch.arange(len(index))], index


# %% right: loops over the samples
def exit_policy(exits, threshold):
    predictions, index = [], []
    for b in range(len(exits[0])):
        for e, logits in enumerate(exits):
            p = torch.softmax(logits[b], dim=0)
            if p.max() >= threshold or e == len(exits) - 1:
                break
        predictions.append(int(p.argmax()))
        index.append(e)
    return torch.tensor(predictions), torch.tensor(index)


# %% right: from shallow to deep, with those who are still undecided
def exit_policy(exits, threshold):
    B = exits[0].shape[0]
    predictions = torch.zeros(B, dtype=torch.long)
    index = torch.zeros(B, dtype=torch.long)
    open_ = torch.ones(B, dtype=torch.bool)
    for e, z in enumerate(exits):
        stop = open_ & ((F.softmax(z, dim=-1).max(-1).values >= threshold) | (e == len(exits) - 1))
        predictions[stop] = z[stop].argmax(-1)
        index[stop] = e
        open_ &= ~stop
    return predictions, index


# %% right: counted: the number of unsure exits before the first sure one
def exit_policy(exits, threshold):
    sure = torch.stack(
        [F.softmax(z, 1).max(1)[0] >= threshold for z in exits[:-1]]
        + [torch.ones(len(exits[0]), dtype=torch.bool)]
    )
    index = (sure.cumsum(0) == 0).sum(0)
    classes = torch.stack([z.argmax(1) for z in exits])
    return classes.gather(0, index.unsqueeze(0)).squeeze(0), index


# %% right: numpy inside
def exit_policy(exits, threshold):
    z = np.stack([e.numpy() for e in exits]).astype(np.float64)
    p = np.exp(z - z.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    sure = p.max(-1) >= threshold
    sure[-1] = True
    index = sure.argmax(0)
    return torch.from_numpy(z.argmax(-1)[index, np.arange(z.shape[1])]), torch.from_numpy(index)


# %% right: in the logarithm, without an exp; a list of two, int32
def exit_policy(exits, threshold):
    log_p = [F.log_softmax(z, dim=1) for z in exits]
    level = float("-inf") if threshold <= 0 else np.log(threshold)
    index = torch.full((len(exits[0]),), len(exits) - 1, dtype=torch.int32)
    for e in reversed(range(len(exits))):
        index[log_p[e].max(dim=1).values >= level] = e
    predictions = torch.stack([log_p[e][b].argmax() for b, e in enumerate(index.tolist())])
    return [predictions, index]


# %% right: keyword parameters, a named tuple
from typing import NamedTuple


class Answer(NamedTuple):
    predictions: torch.Tensor
    exit_index: torch.Tensor


def exit_policy(exits, *, threshold):
    index = torch.zeros(len(exits[0]), dtype=torch.long)
    waiting = torch.ones_like(index, dtype=torch.bool)
    for z in exits[:-1]:
        waiting = waiting & (torch.softmax(z, 1).amax(1) < threshold)
        index = index + waiting
    return Answer(torch.stack(exits, dim=1)[torch.arange(len(index)), index].argmax(1), index)


# %% wrong: the threshold is compared with logits -> The threshold is compared with logits
def exit_policy(exits, threshold):
    z = torch.stack(exits)
    sure = z.amax(2) >= threshold
    sure[-1] = True
    index = sure.int().argmax(0)
    return z.argmax(2)[index, torch.arange(len(index))], index


# %% wrong: greater, not greater or equal -> `>=`, not `>`
def exit_policy(exits, threshold):
    p = torch.stack(exits).softmax(2)
    sure = p.amax(2) > threshold
    sure[-1] = True
    index = sure.int().argmax(0)
    return p.argmax(2)[index, torch.arange(len(index))], index


# %% wrong: the deepest sure exit -> The deepest sure exit answers
def exit_policy(exits, threshold):
    predictions = exits[-1].argmax(dim=1)
    exit_index = torch.full_like(predictions, len(exits) - 1)
    for e, z in enumerate(exits):
        top, classes = torch.softmax(z, dim=1).max(dim=1)
        predictions = torch.where(top >= threshold, classes, predictions)
        exit_index = torch.where(top >= threshold, e, exit_index)
    return predictions, exit_index


# %% wrong: the surest exit -> the first that reaches the threshold is wanted
def exit_policy(exits, threshold):
    p = torch.stack(exits).softmax(2)
    index = p.amax(2).argmax(0)
    return p.argmax(2)[index, torch.arange(len(index))], index


# %% wrong: no fallback, argmax of False is 0 -> Where no exit is sure, the first one answers
def exit_policy(exits, threshold):
    p = torch.stack(exits).softmax(2)
    index = (p.amax(2) >= threshold).int().argmax(0)
    return p.argmax(2)[index, torch.arange(len(index))], index


# %% wrong: falls back to the surest -> the surest one answers; the deepest is wanted
def exit_policy(exits, threshold):
    p = torch.stack(exits).softmax(2)
    top = p.amax(2)
    sure = top >= threshold
    index = torch.where(sure.any(0), sure.int().argmax(0), top.argmax(0))
    return p.argmax(2)[index, torch.arange(len(index))], index


# %% wrong: the index stays -1 -> your exit_index is -1
def exit_policy(exits, threshold):
    p = torch.stack(exits).softmax(2)
    sure = p.amax(2) >= threshold
    index = torch.where(sure.any(0), sure.int().argmax(0), -1)
    return p.argmax(2)[index, torch.arange(len(index))], index


# %% wrong: softmax over the batch -> The softmax runs over the batch
def exit_policy(exits, threshold):
    p = torch.stack([z.softmax(0) for z in exits])
    sure = p.amax(2) >= threshold
    sure[-1] = True
    index = sure.int().argmax(0)
    return torch.stack(exits).argmax(2)[index, torch.arange(len(index))], index


# %% wrong: softmax of the softmax -> The softmax is taken twice
def exit_policy(exits, threshold):
    p = torch.stack(exits).softmax(2)
    sure = p.softmax(2).amax(2) >= threshold
    sure[-1] = True
    index = sure.int().argmax(0)
    return p.argmax(2)[index, torch.arange(len(index))], index


# %% wrong: the margin of the two best -> This is the margin between the two best
def exit_policy(exits, threshold):
    p = torch.stack(exits).softmax(2)
    two = p.topk(2, dim=2).values
    sure = two[..., 0] - two[..., 1] >= threshold
    sure[-1] = True
    index = sure.int().argmax(0)
    return p.argmax(2)[index, torch.arange(len(index))], index


# %% wrong: entropy below the threshold -> This compares the entropy
def exit_policy(exits, threshold):
    log_p = torch.stack(exits).log_softmax(2)
    sure = -(log_p.exp() * log_p).sum(2) <= threshold
    sure[-1] = True
    index = sure.int().argmax(0)
    return log_p.argmax(2)[index, torch.arange(len(index))], index


# %% wrong: one exit for the whole batch, all sure -> where all samples are sure
def exit_policy(exits, threshold):
    for e, z in enumerate(exits):
        if (z.softmax(1).amax(1) >= threshold).all():
            break
    return z.argmax(1), torch.full((len(z),), e)


# %% wrong: one exit for the whole batch, by the mean -> the mean confidence of the batch
def exit_policy(exits, threshold):
    for e, z in enumerate(exits):
        if z.softmax(1).amax(1).mean() >= threshold:
            break
    return z.argmax(1), torch.full((len(z),), e)


# %% wrong: right exits, the deepest predicts -> the predictions are all the deepest exit's
def exit_policy(exits, threshold):
    p = torch.stack(exits).softmax(2)
    sure = p.amax(2) >= threshold
    sure[-1] = True
    return exits[-1].argmax(1), sure.int().argmax(0)


# %% wrong: exchanged -> The two results are exchanged
def exit_policy(exits, threshold):
    p = torch.stack(exits).softmax(2)
    sure = p.amax(2) >= threshold
    sure[-1] = True
    index = sure.int().argmax(0)
    return index, p.argmax(2)[index, torch.arange(len(index))]


# %% wrong: counted from 1 -> counts from 1
def exit_policy(exits, threshold):
    p = torch.stack(exits).softmax(2)
    sure = p.amax(2) >= threshold
    sure[-1] = True
    index = sure.int().argmax(0)
    return p.argmax(2)[index, torch.arange(len(index))], index + 1


# %% wrong: averaged with the exits before -> averaged with those before it
def exit_policy(exits, threshold):
    z = torch.stack([sum(exits[: e + 1]) / (e + 1) for e in range(len(exits))])
    sure = z.softmax(2).amax(2) >= threshold
    sure[-1] = True
    index = sure.int().argmax(0)
    return z.argmax(2)[index, torch.arange(len(index))], index


# %% wrong: the first unsure exit -> the first *unsure* exit answers
def exit_policy(exits, threshold):
    p = torch.stack(exits).softmax(2)
    stop = p.amax(2) < threshold
    stop[-1] = True
    index = stop.int().argmax(0)
    return p.argmax(2)[index, torch.arange(len(index))], index


# %% wrong: deepest first -> from the deepest to the shallowest
def exit_policy(exits, threshold):
    p = torch.stack(exits[::-1]).softmax(2)
    sure = p.amax(2) >= threshold
    sure[-1] = True
    index = sure.int().argmax(0)
    return p.argmax(2)[index, torch.arange(len(index))], index


# %% wrong: exp without care -> Somewhere `exp` overflows
def exit_policy(exits, threshold):
    z = torch.stack(exits)
    p = z.exp() / z.exp().sum(2, keepdim=True)
    sure = p.amax(2) >= threshold
    sure[-1] = True
    index = sure.int().argmax(0)
    return p.argmax(2)[index, torch.arange(len(index))], index


# %% wrong: three exits taken for granted -> not enough values to unpack
def exit_policy(exits, threshold):
    a, b, c = exits
    p = [z.softmax(1).amax(1) for z in (a, b)]
    index = torch.where(p[0] >= threshold, 0, torch.where(p[1] >= threshold, 1, 2))
    return torch.stack(exits).argmax(2)[index, torch.arange(len(index))], index


# %% wrong: the list loses its deepest -> changes the list `exits`
def exit_policy(exits, threshold):
    deepest = exits.pop()
    predictions, index = deepest.argmax(1), torch.full((len(deepest),), len(exits))
    for e in reversed(range(len(exits))):
        top, classes = exits[e].softmax(1).max(1)
        predictions = torch.where(top >= threshold, classes, predictions)
        index = torch.where(top >= threshold, e, index)
    return predictions, index


# %% wrong: softmax in place -> changes the logits in `exits`
def exit_policy(exits, threshold):
    for z in exits:
        z.copy_(z.softmax(1))
    sure = torch.stack(exits).amax(2) >= threshold
    sure[-1] = True
    index = sure.int().argmax(0)
    return torch.stack(exits).argmax(2)[index, torch.arange(len(index))], index


# %% wrong: floating-point exits -> whole numbers
def exit_policy(exits, threshold):
    predictions, index = exits[-1].argmax(1), torch.full((len(exits[0]),), len(exits) - 1.0)
    return predictions, index


# %% wrong: only the predictions -> returns one tensor of shape
def exit_policy(exits, threshold):
    return exits[-1].argmax(1)


# %% wrong: probabilities in place of classes -> whole numbers
def exit_policy(exits, threshold):
    return exits[-1].softmax(1).amax(1), torch.full((len(exits[0]),), len(exits) - 1)


# %% wrong: lists -> are a list
def exit_policy(exits, threshold):
    return exits[-1].argmax(1).tolist(), [len(exits) - 1] * len(exits[0])


# %% wrong: argmax over the batch -> The maximum runs over the batch
def exit_policy(exits, threshold):
    return exits[-1].argmax(0), torch.full((len(exits[0]),), len(exits) - 1)


# %% trivial: nothing
def exit_policy(exits, threshold):
    pass


# %% trivial: not written
def exit_policy(exits, threshold):
    raise NotImplementedError("exercise not solved yet")


# %% trivial: the deepest exit
def exit_policy(exits, threshold):
    return exits[-1].argmax(1), torch.full((len(exits[0]),), len(exits) - 1)


# %% trivial: the first exit
def exit_policy(exits, threshold):
    return exits[0].argmax(1), torch.zeros(len(exits[0]), dtype=torch.long)


# %% trivial: zeros
def exit_policy(exits, threshold):
    return torch.zeros(len(exits[0]), dtype=torch.long), torch.zeros(len(exits[0]), dtype=torch.long)


# %% trivial: the input
def exit_policy(exits, threshold):
    return exits
