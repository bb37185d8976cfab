# ruff: noqa
# Answers to build_optimizer: each block is what a learner might write. The text after `->` must be in the feedback.
import copy
import functools
import itertools

import torch
import torch.nn as nn
from torch.optim import SGD, Adam, AdamW


# %% right: two lists added
def build_optimizer(student, regressor, teacher, lr):
    return torch.optim.SGD(list(student.parameters()) + list(regressor.parameters()), lr=lr)


# %% right: other names, positional rate
def build_optimizer(s, r, t, rate):
    return Adam([*s.parameters(), *r.parameters()], rate)


# %% right: chain
def build_optimizer(student, regressor, teacher, lr):
    return AdamW(itertools.chain(student.parameters(), regressor.parameters()), lr=lr, weight_decay=1e-2)


# %% right: two groups
def build_optimizer(student, regressor, teacher, lr):
    groups = [{"params": student.parameters()}, {"params": regressor.parameters(), "weight_decay": 0.0}]
    return SGD(groups, lr=lr, momentum=0.9, weight_decay=1e-4)


# %% right: two groups, each with the same rate
def build_optimizer(student, regressor, teacher, lr):
    return SGD([{"params": list(m.parameters()), "lr": lr} for m in (student, regressor)], lr=123.0)


# %% right: a group added later
def build_optimizer(student, regressor, teacher, lr):
    optimizer = Adam(student.parameters(), lr=lr)
    optimizer.add_param_group({"params": list(regressor.parameters())})
    return optimizer


# %% right: a module list
def build_optimizer(student, regressor, teacher, lr):
    return SGD(nn.ModuleList([student, regressor]).parameters(), lr=lr, momentum=0.9, nesterov=True)


# %% right: a generator expression
def build_optimizer(student, regressor, teacher, lr):
    return SGD((p for model in (student, regressor) for p in model.parameters()), lr)


# %% right: only what learns
def build_optimizer(student, regressor, teacher, lr):
    learned = filter(lambda p: p.requires_grad, [*student.parameters(), *regressor.parameters()])
    return torch.optim.RMSprop(learned, lr=lr)


# %% right: teacher frozen as well
def build_optimizer(student, regressor, teacher, lr):
    teacher.eval()
    for p in teacher.parameters():
        p.requires_grad = False
    models = nn.ModuleDict({"student": student, "regressor": regressor, "teacher": teacher})
    return SGD([p for p in models.parameters() if p.requires_grad], lr=lr)


# %% right: the teacher's taken out by identity
def build_optimizer(student, regressor, teacher, lr):
    constants = {id(p) for p in teacher.parameters()}
    every = [p for m in (student, regressor, teacher) for p in m.parameters()]
    return Adam([p for p in every if id(p) not in constants], lr=lr)


# %% right: with names
def build_optimizer(student, regressor, teacher, lr):
    named = {f"{k}.{n}": p for k, m in (("s", student), ("r", regressor)) for n, p in m.named_parameters()}
    return AdamW(list(named.values()), lr=lr, betas=(0.9, 0.95))


# %% right: a loop without doubles, regressor first
def build_optimizer(student, regressor, teacher, lr):
    seen, found = set(), []
    for module in [*regressor.modules(), *student.modules()]:
        for p in module.parameters(recurse=False):
            if id(p) not in seen:
                seen.add(id(p))
                found.append(p)
    return SGD(found, lr=lr)


# %% right: weights and biases apart
def build_optimizer(student, regressor, teacher, lr):
    every = [*student.parameters(), *regressor.parameters()]
    weights = [p for p in every if p.ndim > 1]
    others = [p for p in every if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": 1e-2}, {"params": others, "weight_decay": 0.0}]
    return AdamW(groups, lr=lr)


# %% right: a partial, keyword-only rate
def general(kind, student, regressor, teacher, *, lr=1e-3):
    return kind([*student.parameters(), *regressor.parameters()], lr=lr)


build_optimizer = functools.partial(general, torch.optim.NAdam)


# %% right: L-BFGS
def build_optimizer(student, regressor, teacher, lr):
    return torch.optim.LBFGS([*student.parameters(), *regressor.parameters()], lr=lr)


# %% right: its own optimiser
class Signs(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        p -= group["lr"] * p.grad.sign()


def build_optimizer(student, regressor, teacher, lr):
    return Signs([*student.parameters(), *regressor.parameters()], lr)


# %% wrong: regressor forgotten -> stays a random projection
def build_optimizer(student, regressor, teacher, lr):
    return SGD(student.parameters(), lr=lr)


# %% wrong: student forgotten -> only the regressor would learn
def build_optimizer(student, regressor, teacher, lr):
    return (
        SGD(regressor.parameters(), lr=lr) if list(regressor.parameters()) else SGD(student.parameters(), lr)
    )


# %% wrong: teacher as well -> parameters of the teacher
def build_optimizer(student, regressor, teacher, lr):
    return Adam([p for m in (student, regressor, teacher) for p in m.parameters()], lr=lr)


# %% wrong: everything that requires a gradient -> parameters of the teacher
def build_optimizer(student, regressor, teacher, lr):
    models = nn.ModuleList([student, regressor, teacher])
    return Adam(filter(lambda p: p.requires_grad, models.parameters()), lr=lr)


# %% wrong: teacher with rate zero -> parameters of the teacher
def build_optimizer(student, regressor, teacher, lr):
    groups = [
        {"params": [*student.parameters(), *regressor.parameters()]},
        {"params": teacher.parameters(), "lr": 0.0},
    ]
    return SGD(groups, lr=lr)


# %% wrong: teacher instead of the regressor -> parameters of the teacher
def build_optimizer(student, regressor, teacher, lr):
    return SGD([*student.parameters(), *teacher.parameters()], lr=lr)


# %% wrong: every module's parameters, nested ones many times -> more than once
def build_optimizer(student, regressor, teacher, lr):
    return SGD([p for m in (student, regressor) for part in m.modules() for p in part.parameters()], lr=lr)


# %% wrong: tied weights twice -> more than once
def build_optimizer(student, regressor, teacher, lr):
    found = [p for m in (student, regressor) for part in m.modules() for p in part.parameters(recurse=False)]
    return SGD(found, lr=lr)


# %% wrong: tied weights twice, by name -> more than once
def build_optimizer(student, regressor, teacher, lr):
    named = [*student.named_parameters(remove_duplicate=False), *regressor.named_parameters()]
    return SGD([p for _, p in named], lr=lr)


# %% wrong: the student twice -> more than once
def build_optimizer(student, regressor, teacher, lr):
    both = nn.ModuleList([student, regressor])
    return SGD([*student.parameters(), *both.parameters()], lr=lr)


# %% wrong: in two groups -> A parameter is listed in two groups
def build_optimizer(student, regressor, teacher, lr):
    both = nn.ModuleList([student, regressor])
    return SGD([{"params": both.parameters()}, {"params": student.parameters()}], lr=lr)


# %% wrong: a generator used up -> generator, which can be walked through once
def build_optimizer(student, regressor, teacher, lr):
    params = itertools.chain(student.parameters(), regressor.parameters())
    print("training", sum(p.numel() for p in params), "numbers")
    return SGD(params, lr=lr)


# %% wrong: generators added -> Generators cannot be added
def build_optimizer(student, regressor, teacher, lr):
    return SGD(student.parameters() + regressor.parameters(), lr=lr)


# %% wrong: a set -> A set has no order
def build_optimizer(student, regressor, teacher, lr):
    return SGD([{"params": {*student.parameters(), *regressor.parameters()}}], lr=lr)


# %% wrong: default rate -> The argument `lr` is not used
def build_optimizer(student, regressor, teacher, lr):
    return Adam([*student.parameters(), *regressor.parameters()])


# %% wrong: faster regressor -> Some group has a rate of its own
def build_optimizer(student, regressor, teacher, lr):
    groups = [{"params": student.parameters()}, {"params": regressor.parameters(), "lr": 10 * lr}]
    return SGD(groups, lr=lr)


# %% wrong: rate halved -> changed on its way
def build_optimizer(student, regressor, teacher, lr):
    return SGD([*student.parameters(), *regressor.parameters()], lr=lr / 2)


# %% wrong: a warm-up that already acts -> changed on its way
def build_optimizer(student, regressor, teacher, lr):
    optimizer = SGD([*student.parameters(), *regressor.parameters()], lr=lr)
    torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1)
    return optimizer


# %% wrong: rate in place of momentum -> The learning rate is
def build_optimizer(student, regressor, teacher, lr):
    return SGD([*student.parameters(), *regressor.parameters()], momentum=lr)


# %% wrong: student frozen, as in a first stage -> freeze nothing of them
def build_optimizer(student, regressor, teacher, lr):
    student.requires_grad_(False)
    return SGD([*student.parameters(), *regressor.parameters()], lr=lr)


# %% wrong: regressor frozen -> freeze nothing of them
def build_optimizer(student, regressor, teacher, lr):
    regressor.requires_grad_(False)
    return SGD([*student.parameters(), *regressor.parameters()], lr=lr)


# %% wrong: all frozen but handed over -> freeze nothing of them
def build_optimizer(student, regressor, teacher, lr):
    every = [*student.parameters(), *regressor.parameters()]
    for p in [*every, *teacher.parameters()]:
        p.requires_grad = False
    return SGD(every, lr=lr)


# %% wrong: copies -> The optimiser holds copies
def build_optimizer(student, regressor, teacher, lr):
    every = [p.detach().clone().requires_grad_() for m in (student, regressor) for p in m.parameters()]
    return SGD(every, lr=lr)


# %% wrong: a copied student -> The optimiser holds copies
def build_optimizer(student, regressor, teacher, lr):
    return SGD([*copy.deepcopy(student).parameters(), *regressor.parameters()], lr=lr)


# %% wrong: results instead of leaves -> not the parameters themselves
def build_optimizer(student, regressor, teacher, lr):
    return SGD([p * 1.0 for m in (student, regressor) for p in m.parameters()], lr=lr)


# %% wrong: a regressor of its own -> Not in the optimiser
def build_optimizer(student, regressor, teacher, lr):
    regressor = nn.Conv2d(3, 5, 1)
    return SGD([*student.parameters(), *regressor.parameters()], lr=lr)


# %% wrong: weights only -> Biases and batch norm are left out
def build_optimizer(student, regressor, teacher, lr):
    return SGD([p for m in (student, regressor) for p in m.parameters() if p.ndim > 1], lr=lr)


# %% wrong: biases of the regressor forgotten -> Not in the optimiser
def build_optimizer(student, regressor, teacher, lr):
    weights = [p for name, p in regressor.named_parameters() if name.endswith("weight")]
    return SGD([*student.parameters(), *weights], lr=lr)


# %% wrong: top-level layers only -> Not in the optimiser
def build_optimizer(student, regressor, teacher, lr):
    found = []
    for model in (student, regressor):
        for part in [model, *model.children()]:
            found += part.parameters(recurse=False)
    return SGD(found, lr=lr)


# %% wrong: regressor only if it has a weight of its own -> Not in the optimiser
def build_optimizer(student, regressor, teacher, lr):
    extra = [regressor.weight, regressor.bias] if hasattr(regressor, "weight") else []
    return SGD([*student.parameters(), *extra], lr=lr)


# %% wrong: two optimisers -> Return one optimiser that holds both
def build_optimizer(student, regressor, teacher, lr):
    return SGD(student.parameters(), lr=lr), SGD(regressor.parameters(), lr=lr)


# %% wrong: a schedule -> Return the optimiser itself
def build_optimizer(student, regressor, teacher, lr):
    optimizer = SGD([*student.parameters(), *regressor.parameters()], lr=lr)
    return torch.optim.lr_scheduler.StepLR(optimizer, 10)


# %% wrong: no return -> Is a `return` missing?
def build_optimizer(student, regressor, teacher, lr):
    optimizer = SGD([*student.parameters(), *regressor.parameters()], lr=lr)


# %% wrong: remembered from the last call -> Not in the optimiser
_kept_one = []


def build_optimizer(student, regressor, teacher, lr):
    if not _kept_one:
        _kept_one.append(SGD([*student.parameters(), *regressor.parameters()], lr=lr))
    return _kept_one[0]


# %% wrong: student and regressor exchanged with the teacher -> parameters of the teacher
def build_optimizer(teacher, student, regressor, lr):
    return SGD([*student.parameters(), *regressor.parameters()], lr=lr)


# %% wrong: initialised anew -> changes the models' parameters
def build_optimizer(student, regressor, teacher, lr):
    for p in regressor.parameters():
        nn.init.normal_(p)
    return SGD([*student.parameters(), *regressor.parameters()], lr=lr)


# %% wrong: something more -> belong to neither student nor regressor
def build_optimizer(student, regressor, teacher, lr):
    temperature = nn.Parameter(torch.ones(()))
    return SGD([*student.parameters(), *regressor.parameters(), temperature], lr=lr)


# %% trivial: None
def build_optimizer(student, regressor, teacher, lr):
    return None


# %% trivial: the rate
def build_optimizer(student, regressor, teacher, lr):
    return lr


# %% trivial: the parameters
def build_optimizer(student, regressor, teacher, lr):
    return list(student.parameters())


# %% trivial: the student
def build_optimizer(student, regressor, teacher, lr):
    return student
