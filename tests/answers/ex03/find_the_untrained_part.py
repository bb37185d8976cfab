# ruff: noqa
# Answers to find_the_untrained_part: each block is what a learner might write.
import torch


def held_by(optimizer):
    return {id(p) for group in optimizer.param_groups for p in group["params"]}


# %% right: by id
def find_the_untrained_part(parts, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    found = []
    for name, part in parts.items():
        if any(p.requires_grad and id(p) not in held for p in part.parameters()):
            found.append(name)
    return found


# %% right: sets of ids, sorted
def find_the_untrained_part(parts, optimizer):
    held = held_by(optimizer)
    learned = {name: {id(p) for p in part.parameters() if p.requires_grad} for name, part in parts.items()}
    return sorted(name for name, ids in learned.items() if not ids <= held)


# %% right: with `is`, a tuple
def find_the_untrained_part(parts, optimizer):
    held = [p for group in optimizer.param_groups for p in group["params"]]

    def missed(p):
        return p.requires_grad and not any(p is other for other in held)

    return tuple(name for name in parts if any(missed(p) for p in parts[name].parameters()))


# %% right: tensors hash by identity, a set
def find_the_untrained_part(parts, optimizer):
    held = set()
    for group in optimizer.param_groups:
        held.update(group["params"])
    return {name for name, part in parts.items() if {p for p in part.parameters() if p.requires_grad} - held}


# %% right: by the place in memory
def find_the_untrained_part(models, opt):
    places = {p.data_ptr() for group in opt.param_groups for p in group["params"]}
    return [
        name
        for name, model in models.items()
        if any(p.requires_grad and p.data_ptr() not in places for _, p in model.named_parameters())
    ]


# %% wrong: parameters without a part are missed -> has nothing to learn
def find_the_untrained_part(parts, optimizer):
    held = held_by(optimizer)
    return [
        n
        for n, m in parts.items()
        if not any(p.requires_grad is False or id(p) in held for p in m.parameters())
    ]


# %% wrong: frozen parts are listed -> was frozen on purpose
def find_the_untrained_part(parts, optimizer):
    held = held_by(optimizer)
    return [n for n, m in parts.items() if any(id(p) not in held for p in m.parameters())]


# %% wrong: the teacher is left out by its name -> It can learn
def find_the_untrained_part(parts, optimizer):
    held = held_by(optimizer)
    return [n for n, m in parts.items() if n != "teacher" and any(id(p) not in held for p in m.parameters())]


# %% wrong: first group only -> every group
def find_the_untrained_part(parts, optimizer):
    held = {id(p) for p in optimizer.param_groups[0]["params"]}
    return [n for n, m in parts.items() if any(p.requires_grad and id(p) not in held for p in m.parameters())]


# %% wrong: first parameter only -> as soon as *one*
def find_the_untrained_part(parts, optimizer):
    held = held_by(optimizer)
    firsts = {n: next((p for p in m.parameters() if p.requires_grad), None) for n, m in parts.items()}
    return [n for n, p in firsts.items() if p is not None and id(p) not in held]


# %% wrong: only if all are missing -> as soon as *one*
def find_the_untrained_part(parts, optimizer):
    held = held_by(optimizer)
    learned = {n: [p for p in m.parameters() if p.requires_grad] for n, m in parts.items()}
    return [n for n, ps in learned.items() if ps and all(id(p) not in held for p in ps)]


# %% wrong: by value -> Compare by identity
def find_the_untrained_part(parts, optimizer):
    held = [p for group in optimizer.param_groups for p in group["params"]]

    def missed(p):
        return p.requires_grad and not any(p.shape == q.shape and torch.equal(p, q) for q in held)

    return [n for n, m in parts.items() if any(missed(p) for p in m.parameters())]


# %% wrong: by shape -> 'head' is missing from your list
def find_the_untrained_part(parts, optimizer):
    held = {p.shape for group in optimizer.param_groups for p in group["params"]}
    return [
        n for n, m in parts.items() if any(p.requires_grad and p.shape not in held for p in m.parameters())
    ]


# %% wrong: by counting -> is listed and should not be
def find_the_untrained_part(parts, optimizer):
    left = sum(p.numel() for group in optimizer.param_groups for p in group["params"])
    found = []
    for name, part in parts.items():
        left -= sum(p.numel() for p in part.parameters() if p.requires_grad)
        if left < 0:
            found.append(name)
    return found


# %% wrong: `in` compares tensors -> raises RuntimeError
def find_the_untrained_part(parts, optimizer):
    held = [p for group in optimizer.param_groups for p in group["params"]]
    return [n for n, m in parts.items() if any(p.requires_grad and p not in held for p in m.parameters())]


# %% wrong: names of parameters -> is no key of `parts`
def find_the_untrained_part(parts, optimizer):
    held = held_by(optimizer)
    return [
        f"{n}.{k}"
        for n, m in parts.items()
        for k, p in m.named_parameters()
        if p.requires_grad and id(p) not in held
    ]


# %% wrong: modules -> something that is not a name
def find_the_untrained_part(parts, optimizer):
    held = held_by(optimizer)
    return [m for m in parts.values() if any(p.requires_grad and id(p) not in held for p in m.parameters())]


# %% wrong: once for each parameter -> listed more than once
def find_the_untrained_part(parts, optimizer):
    held = held_by(optimizer)
    return [n for n, m in parts.items() for p in m.parameters() if p.requires_grad and id(p) not in held]


# %% wrong: those that are trained -> is listed and should not be
def find_the_untrained_part(parts, optimizer):
    held = held_by(optimizer)
    return [n for n, m in parts.items() if any(id(p) in held for p in m.parameters())]


# %% wrong: by the gradient, which nobody has computed -> is listed and should not be
def find_the_untrained_part(parts, optimizer):
    return [n for n, m in parts.items() if any(p.requires_grad and p.grad is None for p in m.parameters())]


# %% wrong: the first one only -> is missing from your list
def find_the_untrained_part(parts, optimizer):
    held = held_by(optimizer)
    for name, part in parts.items():
        if any(p.requires_grad and id(p) not in held for p in part.parameters()):
            return [name]
    return []


# %% wrong: a comma-separated text -> returns a str
def find_the_untrained_part(parts, optimizer):
    held = held_by(optimizer)
    return ", ".join(n for n, m in parts.items() if any(id(p) not in held for p in m.parameters()))


# %% trivial: nothing
def find_the_untrained_part(parts, optimizer):
    return []


# %% trivial: everything
def find_the_untrained_part(parts, optimizer):
    return list(parts)


# %% trivial: a favourite
def find_the_untrained_part(parts, optimizer):
    return ["projector"]


# %% trivial: None
def find_the_untrained_part(parts, optimizer):
    pass
