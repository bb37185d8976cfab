# ruff: noqa
# Answers to dkpp_targets: each block is what a learner might write.
import numpy as np
import torch
import torch.nn.functional as F


# %% right: a loop with randperm
def dkpp_targets(teacher_probabilities, generator):
    result = teacher_probabilities.clone()
    C = result.shape[1]
    for row in result:
        best = row.argmax()
        others = torch.tensor([c for c in range(C) if c != best], dtype=torch.long)
        row[others] = row[others[torch.randperm(C - 1, generator=generator)]]
    return result


# %% right: random lots, the arg-max draws the highest; both orders
def dkpp_targets(teacher_probabilities, generator):
    p = teacher_probabilities
    lots = torch.rand(p.shape, generator=generator).scatter(1, p.argmax(1, keepdim=True), 2.0)
    return torch.zeros_like(p).scatter(1, lots.argsort(1, descending=True), p.sort(1, descending=True).values)


# %% right: places and numbers of the tail
def dkpp_targets(teacher_probabilities, generator):
    B, C = teacher_probabilities.shape
    tail = torch.ones(B, C, dtype=torch.bool).scatter(1, teacher_probabilities.argmax(1, keepdim=True), False)
    numbers = teacher_probabilities[tail].reshape(B, C - 1)
    order = torch.rand(B, C - 1, generator=generator).argsort(1)
    result = teacher_probabilities.clone()
    result[tail] = numbers.gather(1, order).flatten()
    return result


# %% right: multinomial without replacement
def dkpp_targets(teacher_probabilities, generator):
    B, C = teacher_probabilities.shape
    order = torch.multinomial(torch.ones(B, C - 1), C - 1, generator=generator)
    places = teacher_probabilities.argsort(1, descending=True)
    shuffled = torch.cat([places[:, :1], places[:, 1:].gather(1, order)], 1)
    return torch.zeros_like(teacher_probabilities).scatter(
        1, shuffled, teacher_probabilities.gather(1, places)
    )


# %% right: the arg-max is exchanged back
def dkpp_targets(teacher_probabilities, generator):
    p = teacher_probabilities
    rows = torch.arange(len(p))
    best = p.argmax(1)
    q = p.gather(1, torch.randn(p.shape, generator=generator).argsort(1))
    now = q.argmax(1)
    q = q.clone()
    here = q[rows, best].clone()
    q[rows, best] = q[rows, now]
    q[rows, now] = torch.where(now == best, q[rows, now], here)
    return q


# %% right: Fisher and Yates in each row
def dkpp_targets(teacher_probabilities, generator):
    rows = teacher_probabilities.tolist()
    draws = torch.rand(teacher_probabilities.shape, generator=generator).tolist()
    for row, lots in zip(rows, draws):
        best = max(range(len(row)), key=row.__getitem__)
        places = [c for c in range(len(row)) if c != best]
        for i in range(len(places) - 1, 0, -1):
            j = int(lots[i] * (i + 1))
            row[places[i]], row[places[j]] = row[places[j]], row[places[i]]
    return torch.tensor(rows, dtype=teacher_probabilities.dtype)


# %% right: numpy, seeded by the generator
def dkpp_targets(teacher_probabilities, generator):
    rng = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
    result = teacher_probabilities.clone()
    for row in result:
        others = np.delete(np.arange(len(row)), int(row.argmax()))
        row[others] = row[rng.permutation(others)]
    return result


# %% right: the library's own
def dkpp_targets(teacher_probabilities, generator):
    from kdcourse.losses import permuted_soft_targets

    return permuted_soft_targets(teacher_probabilities.log().clamp(min=-1e4), generator=generator)


# %% wrong: everything is permuted -> Leave the arg-max out
def dkpp_targets(teacher_probabilities, generator):
    return teacher_probabilities.gather(
        1, torch.rand(teacher_probabilities.shape, generator=generator).argsort(1)
    )


# %% wrong: one permutation for the batch -> One permutation serves the whole batch
def dkpp_targets(teacher_probabilities, generator):
    B, C = teacher_probabilities.shape
    tail = torch.ones(B, C, dtype=torch.bool).scatter(1, teacher_probabilities.argmax(1, keepdim=True), False)
    result = teacher_probabilities.clone()
    result[tail] = (
        teacher_probabilities[tail].reshape(B, C - 1)[:, torch.randperm(C - 1, generator=generator)].flatten()
    )
    return result


# %% wrong: one permutation of the columns -> The largest probability of a row does not stay
def dkpp_targets(teacher_probabilities, generator):
    return teacher_probabilities[:, torch.randperm(teacher_probabilities.shape[1], generator=generator)]


# %% wrong: the rows are permuted -> Numbers wander from sample to sample
def dkpp_targets(teacher_probabilities, generator):
    return teacher_probabilities[torch.randperm(len(teacher_probabilities), generator=generator)]


# %% wrong: the tail of all rows is shuffled together -> Numbers wander from sample to sample
def dkpp_targets(teacher_probabilities, generator):
    B, C = teacher_probabilities.shape
    tail = torch.ones(B, C, dtype=torch.bool).scatter(1, teacher_probabilities.argmax(1, keepdim=True), False)
    result = teacher_probabilities.clone()
    result[tail] = teacher_probabilities[tail][torch.randperm(B * (C - 1), generator=generator)]
    return result


# %% wrong: the tail is spread evenly -> not to be averaged
def dkpp_targets(teacher_probabilities, generator):
    top, best = teacher_probabilities.max(1, keepdim=True)
    C = teacher_probabilities.shape[1]
    return ((1 - top) / (C - 1)).expand(-1, C).scatter(1, best, top)


# %% wrong: draws with replacement -> Draws with replacement
def dkpp_targets(teacher_probabilities, generator):
    B, C = teacher_probabilities.shape
    tail = torch.ones(B, C, dtype=torch.bool).scatter(1, teacher_probabilities.argmax(1, keepdim=True), False)
    numbers = teacher_probabilities[tail].reshape(B, C - 1)
    result = teacher_probabilities.clone()
    result[tail] = numbers.gather(1, torch.randint(C - 1, (B, C - 1), generator=generator)).flatten()
    return result


# %% wrong: the global generator -> could not be repeated
def dkpp_targets(teacher_probabilities, generator):
    p = teacher_probabilities
    lots = torch.rand(p.shape).scatter(1, p.argmax(1, keepdim=True), 2.0)
    return torch.zeros_like(p).scatter(1, lots.argsort(1, descending=True), p.sort(1, descending=True).values)


# %% wrong: seeded inside -> seeded anew inside
def dkpp_targets(teacher_probabilities, generator):
    p = teacher_probabilities
    generator.manual_seed(0)
    lots = torch.rand(p.shape, generator=generator).scatter(1, p.argmax(1, keepdim=True), 2.0)
    return torch.zeros_like(p).scatter(1, lots.argsort(1, descending=True), p.sort(1, descending=True).values)


# %% wrong: another generator of the first one's seed -> a copy of it used
def dkpp_targets(teacher_probabilities, generator):
    p = teacher_probabilities
    own = torch.Generator().manual_seed(generator.initial_seed())
    lots = torch.rand(p.shape, generator=own).scatter(1, p.argmax(1, keepdim=True), 2.0)
    return torch.zeros_like(p).scatter(1, lots.argsort(1, descending=True), p.sort(1, descending=True).values)


# %% wrong: a shift of the tail, one for each row -> No number ever stays where it was
def dkpp_targets(teacher_probabilities, generator):
    result = teacher_probabilities.clone()
    C = result.shape[1]
    for row in result:
        others = torch.tensor([c for c in range(C) if c != row.argmax()], dtype=torch.long)
        by = int(torch.randint(1, max(2, C - 1), (1,), generator=generator))
        row[others] = row[others].roll(by)
    return result


# %% wrong: shifts, with 0 -> Some permutations come more often than others
def dkpp_targets(teacher_probabilities, generator):
    result = teacher_probabilities.clone()
    C = result.shape[1]
    for row in result:
        others = torch.tensor([c for c in range(C) if c != row.argmax()], dtype=torch.long)
        row[others] = row[others].roll(int(torch.randint(C - 1, (1,), generator=generator)))
    return result


# %% wrong: one exchange -> At most two numbers change places
def dkpp_targets(teacher_probabilities, generator):
    result = teacher_probabilities.clone()
    C = result.shape[1]
    for row in result:
        others = [c for c in range(C) if c != row.argmax()]
        i, j = (others[k] for k in torch.randint(C - 1, (2,), generator=generator).tolist())
        a, b = row[i].item(), row[j].item()
        row[i], row[j] = b, a
    return result


# %% wrong: the naive shuffle, every place with any -> favours some orders
def dkpp_targets(teacher_probabilities, generator):
    rows = teacher_probabilities.tolist()
    for row in rows:
        best = max(range(len(row)), key=row.__getitem__)
        places = [c for c in range(len(row)) if c != best]
        draws = torch.randint(len(places), (len(places),), generator=generator).tolist()
        for i, j in enumerate(draws):
            row[places[i]], row[places[j]] = row[places[j]], row[places[i]]
    return torch.tensor(rows, dtype=teacher_probabilities.dtype)


# %% wrong: only the two largest of the tail change places -> Some permutations
def dkpp_targets(teacher_probabilities, generator):
    p = teacher_probabilities
    if p.shape[1] < 3:
        return p.clone()
    places = p.argsort(1, descending=True)
    swapped = places.clone()
    swapped[:, 1], swapped[:, 2] = places[:, 2], places[:, 1]
    coin = torch.rand(len(p), 1, generator=generator) < 0.5
    return torch.zeros_like(p).scatter(1, torch.where(coin, places, swapped), p.gather(1, places))


# %% wrong: the largest goes to the front -> Your rows are sorted
def dkpp_targets(teacher_probabilities, generator):
    return teacher_probabilities.sort(1, descending=True).values


# %% wrong: the largest in front, the rest shuffled -> The largest goes to a fixed place
def dkpp_targets(teacher_probabilities, generator):
    p = teacher_probabilities.sort(1, descending=True).values
    order = torch.rand(p[:, 1:].shape, generator=generator).argsort(1)
    return torch.cat([p[:, :1], p[:, 1:].gather(1, order)], 1)


# %% wrong: the largest is lost -> The largest probability is lost
def dkpp_targets(teacher_probabilities, generator):
    p = teacher_probabilities
    lots = torch.rand(p.shape, generator=generator).scatter(1, p.argmax(1, keepdim=True), 2.0)
    targets = torch.zeros_like(p).scatter(
        1, lots.argsort(1, descending=True), p.sort(1, descending=True).values
    )
    return targets.scatter(1, p.argmax(1, keepdim=True), 0.0)


# %% wrong: in place -> changes its argument `teacher_probabilities`
def dkpp_targets(teacher_probabilities, generator):
    C = teacher_probabilities.shape[1]
    for row in teacher_probabilities:
        others = torch.tensor([c for c in range(C) if c != row.argmax()], dtype=torch.long)
        row[others] = row[others[torch.randperm(C - 1, generator=generator)]]
    return teacher_probabilities


# %% wrong: softmax of probabilities -> A softmax acts on what are probabilities already
def dkpp_targets(teacher_probabilities, generator):
    p = teacher_probabilities.softmax(1)
    lots = torch.rand(p.shape, generator=generator).scatter(1, p.argmax(1, keepdim=True), 2.0)
    return torch.zeros_like(p).scatter(1, lots.argsort(1, descending=True), p.sort(1, descending=True).values)


# %% wrong: the permutation is thrown away -> nothing has changed places
def dkpp_targets(teacher_probabilities, generator):
    result = teacher_probabilities.clone()
    C = result.shape[1]
    for row in result:
        others = torch.tensor([c for c in range(C) if c != row.argmax()], dtype=torch.long)
        row[others][:] = row[others[torch.randperm(C - 1, generator=generator)]]
    return result


# %% wrong: the places of the numbers -> expected are floating-point ones
def dkpp_targets(teacher_probabilities, generator):
    return torch.rand(teacher_probabilities.shape, generator=generator).argsort(1)


# %% wrong: forwards or backwards -> Rows come out in two ways only
def dkpp_targets(teacher_probabilities, generator):
    B, C = teacher_probabilities.shape
    tail = torch.ones(B, C, dtype=torch.bool).scatter(1, teacher_probabilities.argmax(1, keepdim=True), False)
    numbers = teacher_probabilities[tail].reshape(B, C - 1)
    coin = torch.rand(B, 1, generator=generator) < 0.5
    result = teacher_probabilities.clone()
    result[tail] = torch.where(coin, numbers, numbers.flip(1)).flatten()
    return result


# %% wrong: the tail only -> Your result has the shape
def dkpp_targets(teacher_probabilities, generator):
    p = teacher_probabilities.sort(1, descending=True).values[:, 1:]
    return p.gather(1, torch.rand(p.shape, generator=generator).argsort(1))


# %% trivial: nothing
def dkpp_targets(teacher_probabilities, generator):
    pass


# %% trivial: not written
def dkpp_targets(teacher_probabilities, generator):
    raise NotImplementedError("exercise not solved yet")


# %% trivial: the input
def dkpp_targets(teacher_probabilities, generator):
    return teacher_probabilities


# %% trivial: zeros
def dkpp_targets(teacher_probabilities, generator):
    return torch.zeros_like(teacher_probabilities)


# %% trivial: NaN
def dkpp_targets(teacher_probabilities, generator):
    return torch.full_like(teacher_probabilities, float("nan"))


# %% trivial: one-hot
def dkpp_targets(teacher_probabilities, generator):
    return F.one_hot(teacher_probabilities.argmax(1), teacher_probabilities.shape[1]).float()
