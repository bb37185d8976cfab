"""`build_optimizer` and `find_the_untrained_part`: what an optimiser holds, by identity.

Each try builds a small world: models with ties, nesting, batch norm, parameters of their own or none at all.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.probe import Rejected, call, prepare


def filled(model: nn.Module, seed: int) -> nn.Module:
    """The model with weights that depend on the seed alone."""
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter.copy_(normal(seed + i, max(parameter.numel(), 1)).reshape(parameter.shape))
    return model


class Tied(nn.Module):
    """Two layers with one weight, a scale of its own, and a list of parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(5, 5, bias=False)
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3)), nn.Linear(3, 5)])
        self.last = nn.Linear(5, 5)
        self.last.weight = self.first.weight
        self.scale = nn.Parameter(torch.ones(()))
        self.shifts = nn.ParameterList([nn.Parameter(torch.zeros(5)), nn.Parameter(torch.zeros(1, 5))])


@dataclass
class World:
    student: nn.Module
    regressor: nn.Module
    teacher: nn.Module
    lr: float

    def __post_init__(self) -> None:
        models = (self.student, self.regressor, self.teacher)
        for i, model in enumerate(models):
            filled(model, 800 + 40 * i)
        self.names = {
            id(p): f"{who}.{name}"
            for who, model in zip(("student", "regressor", "teacher"), models, strict=True)
            for name, p in model.named_parameters()
        }
        self.wanted = [p for model in models[:2] for p in model.parameters()]
        self.values = [p.detach().clone() for p in (*self.wanted, *self.teacher.parameters())]
        self.foreign = {id(p) for p in self.teacher.parameters()}

    def named(self, parameters: Iterable[Tensor]) -> str:
        names = [self.names[id(p)] for p in parameters]
        return ", ".join(f"`{name}`" for name in names[:4]) + (", …" if len(names) > 4 else "")


def cnn(width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, 2, 1))


def worlds() -> list[World]:
    frozen = nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 3)).requires_grad_(False)
    return [
        World(cnn(3), nn.Conv2d(3, 5, 1), cnn(5), 0.037),
        World(nn.Linear(4, 3), nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5)), frozen, 0.0023),
        World(Tied(), nn.Sequential(nn.Linear(5, 2), nn.ReLU(), nn.Linear(2, 7)), Tied(), 0.7),
        World(cnn(2), nn.Identity(), cnn(7), 0.011),
    ]


NAMES = ("student", "regressor", "teacher", "lr")


def build_optimizer(answer: object) -> list[str]:
    build = prepare(answer, NAMES)
    # The first optimiser of a process imports half of torch: not on the answer's time.
    torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=0.1)
    for world in worlds():
        examine(world, build)
    return ["In four set-ups, student and regressor are in the optimiser exactly once, the teacher is not."]


def examine(world: World, build: Callable[..., object]) -> None:
    args = (world.student, world.regressor, world.teacher, world.lr)
    try:
        optimizer = call(build, NAMES, args)
    except Rejected as rejected:
        raise Rejected(*rejected.feedback, diagnosis=explain(rejected.feedback[0])) from None
    if not isinstance(optimizer, torch.optim.Optimizer):
        kind = f"{type(optimizer).__module__}.{type(optimizer).__qualname__}".removeprefix("builtins.")
        several = isinstance(optimizer, list | tuple) and any(
            isinstance(part, torch.optim.Optimizer) for part in optimizer
        )
        if isinstance(optimizer, torch.optim.lr_scheduler.LRScheduler):
            advice = "Return the optimiser itself, not its schedule."
        elif several:
            advice = "Return one optimiser that holds both models, not several of them."
        else:
            advice = "Is a `return` missing?" if optimizer is None else "Build one of `torch.optim`."
        raise Rejected(f"Your function returns a {kind}; expected is one torch.optim.Optimizer.", advice)
    held = [p for group in optimizer.param_groups for p in group["params"]]
    ids = [id(p) for p in held]
    require_flags(world)
    if any(i in world.foreign for i in ids):
        raise Rejected(
            "The optimiser holds parameters of the teacher: "
            + world.named(p for p in world.teacher.parameters() if id(p) in ids)
            + ".",
            diagnosis="The teacher is a constant: leave it out. Freezing it is no substitute, since weight "
            "decay and "
            "momentum move whatever an optimiser holds and finds a gradient for.",
        )
    missing = [p for p in world.wanted if id(p) not in ids]
    strangers = [i for i in ids if i not in world.names]
    if missing:
        raise Rejected(
            f"Not in the optimiser: {world.named(missing)}.", diagnosis=why_missing(world, missing, strangers)
        )
    twice = [p for p in world.wanted if ids.count(id(p)) > 1]
    if twice:
        raise Rejected(
            f"In the optimiser more than once: {world.named(twice)}.",
            diagnosis="Such a parameter is moved twice in each step. `model.parameters()` lists each one "
            "once, tied "
            "weights included; walking through `modules()` or listing names does not.",
        )
    if strangers:
        raise Rejected(
            f"The optimiser holds {len(strangers)} tensors that belong to neither student nor regressor.",
            "They would be trained to no effect.",
        )
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    if any(abs(rate - world.lr) > 1e-6 * world.lr for rate in rates):
        shown = ", ".join(f"{rate:g}" for rate in sorted(set(rates)))
        every = "somewhere" if any(abs(rate - world.lr) <= 1e-6 * world.lr for rate in rates) else "nowhere"
        raise Rejected(
            f"The learning rate is {shown}; expected is {world.lr:g} everywhere.",
            diagnosis="The argument `lr` is not used: the optimiser has its own default."
            if every == "nowhere" and rates[0] in (1e-3, 1e-2, 1.0, 0.1)
            else "Some group has a rate of its own; here one rate serves all."
            if every == "somewhere"
            else "The rate is changed on its way into the optimiser (by a factor, or by a schedule).",
        )
    now = [*world.wanted, *world.teacher.parameters()]
    if any(not torch.equal(p, before) for p, before in zip(now, world.values, strict=True)):
        raise Rejected("Your function changes the models' parameters; it shall only build the optimiser.")


def require_flags(world: World) -> None:
    off = [p for p in world.wanted if not p.requires_grad]
    if off:
        raise Rejected(
            f"After the call `requires_grad` is False for {world.named(off)}.",
            diagnosis="Student and regressor learn: freeze nothing of them. (The teacher may be frozen.)",
        )
    present = {id(p) for model in (world.student, world.regressor) for p in model.parameters()}
    if present != {id(p) for p in world.wanted}:
        raise Rejected(
            "Your function replaces parameters of student or regressor; leave the models as they are."
        )


def why_missing(world: World, missing: list[Tensor], strangers: list[int]) -> str | None:
    gone = {id(p) for p in missing}
    parts = {"student": list(world.student.parameters()), "regressor": list(world.regressor.parameters())}
    if strangers:
        return (
            "The optimiser holds copies instead (`clone`, `detach`, `deepcopy`, or another model): what "
            "it moves is "
            "not what the models compute with."
        )
    for who, parameters in parts.items():
        if parameters and all(id(p) in gone for p in parameters):
            return (
                "The regressor is left out: it stays a random projection for the whole training, and nothing "
                "complains."
                if who == "regressor"
                else "The student is left out: only the regressor would learn."
            )
    if all(p.ndim <= 1 for p in missing):
        return "Biases and batch norm are left out; they are parameters as well."
    if all(p.ndim >= 2 for p in missing):
        return "Weights are left out."
    return "`model.parameters()` gives them all, however deep they are nested."


def explain(seen: str) -> str | None:
    if "empty parameter list" in seen:
        return (
            "`parameters()` gives a generator, which can be walked through once. After that it is empty: "
            "make a list "
            "of it first."
        )
    if "more than one parameter group" in seen:
        return "A parameter is listed in two groups; each belongs into one."
    if "unsupported operand" in seen and "generator" in seen:
        return "Generators cannot be added: `[*student.parameters(), *regressor.parameters()]` makes a list."
    if "can't optimize a non-leaf" in seen:
        return "These are not the parameters themselves but results computed from them."
    if "ordered collection" in seen:
        return "A set has no order; hand over a list."
    return None


# --- find_the_untrained_part ---


@dataclass
class SetUp:
    law: str
    parts: dict[str, nn.Module]
    optimizer: torch.optim.Optimizer
    missed: set[str]
    mistake: str = ""


def set_ups() -> list[SetUp]:
    def linear(seed: int, *sizes: int) -> nn.Module:
        layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
        return filled(nn.Sequential(*layers), seed)

    def sgd(*models: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD([p for model in models for p in model.parameters()], lr=0.1)

    student, projector, head = linear(900, 4, 3, 2), linear(920, 3, 5), linear(940, 3, 2)
    teacher = linear(960, 4, 6, 2).requires_grad_(False)
    pool, twin = nn.Flatten(), linear(920, 3, 5)  # the twin has the projector's values
    thawed = linear(960, 4, 6, 2)
    in_groups = torch.optim.SGD([{"params": student.parameters()}, {"params": head.parameters()}], lr=0.1)
    in_groups.add_param_group({"params": list(projector.parameters()), "lr": 0.3})
    half = torch.optim.Adam([*student.parameters(), projector[0].weight, *head.parameters()], lr=0.1)
    reverse = torch.optim.Adam([*student[1].parameters(), *head.parameters()], lr=0.1)
    tied = nn.Linear(4, 3)
    tied.weight = student[0].weight
    vid = nn.Module()
    vid.rho = nn.Parameter(torch.zeros(5))
    vid.mean = linear(980, 3, 5)
    by_value = "Compare by identity (`is`, or `id`), not by value or shape: these are other tensors."
    return [
        SetUp(
            "The optimiser was built from the student alone",
            {"student": student, "projector": projector, "teacher": teacher},
            sgd(student),
            {"projector"},
        ),
        SetUp(
            "With nothing forgotten",
            {"student": student, "projector": projector, "teacher": teacher},
            sgd(student, projector),
            set(),
        ),
        SetUp(
            "With two parts forgotten",
            {"head": head, "student": student, "projector": projector},
            sgd(student),
            {"head", "projector"},
        ),
        SetUp(
            "With three groups",
            {"student": student, "projector": projector, "head": head},
            in_groups,
            set(),
            "Look into every group of `optimizer.param_groups`.",
        ),
        SetUp(
            "With a part that has nothing to learn",
            {"pool": pool, "student": student, "projector": projector},
            sgd(student),
            {"projector"},
            "A part without parameters has nothing to learn, and is not missed.",
        ),
        SetUp(
            "With the projector's bias alone forgotten",
            {"student": student, "projector": projector, "head": head},
            half,
            {"projector"},
            "A part is missed as soon as *one* of its parameters is.",
        ),
        SetUp(
            "With the student's first layer forgotten",
            {"student": student, "head": head},
            reverse,
            {"student"},
            "A part is missed as soon as *one* of its parameters is.",
        ),
        SetUp(
            "With a copy of the projector in the optimiser, equal in every number",
            {"student": student, "projector": projector},
            sgd(student, twin),
            {"projector"},
            by_value,
        ),
        SetUp(
            "With parts of equal shapes",
            {"student": student, "projector": twin, "head": projector},
            sgd(student, projector),
            {"projector"},
            by_value,
        ),
        SetUp(
            "With a teacher that nobody froze",
            {"student": student, "teacher": thawed, "projector": projector},
            sgd(student, projector),
            {"teacher"},
            "It can learn, and is not in the optimiser: list it, whatever its name is. The reader decides.",
        ),
        SetUp(
            "With a layer that shares the student's weight",
            {"student": student, "tied": tied},
            sgd(student),
            {"tied"},
        ),
        SetUp(
            "With a parameter that is no layer's, nested in a module",
            {"vid": vid, "student": student},
            sgd(student, vid.mean),
            {"vid"},
            "`parameters()` of a part gives all, however deep.",
        ),
        SetUp("With nothing but the student", {"student": student}, sgd(student), set()),
    ]


FROZEN = (
    "What has `requires_grad=False` was frozen on purpose and is not a learned part: it is not to be listed."
)
FIND = ("parts", "optimizer")


def find_the_untrained_part(answer: object) -> list[str]:
    find = prepare(answer, FIND)
    tried = set_ups()
    for setup in tried:
        before = [(p, p.requires_grad) for part in setup.parts.values() for p in part.parameters()]
        kept = list(setup.parts), [len(group["params"]) for group in setup.optimizer.param_groups]
        found = call(find, FIND, (setup.parts, setup.optimizer))
        if (list(setup.parts), [len(group["params"]) for group in setup.optimizer.param_groups]) != kept:
            raise Rejected("Your function changes what it is given; it shall only look.")
        if any(p.requires_grad != flag for p, flag in before):
            raise Rejected("Your function switches `requires_grad`; it shall only look.")
        require_names(setup, found)
    return [f"The right names in {len(tried)} set-ups."]


def require_names(setup: SetUp, found: object) -> None:
    if found is None:
        raise Rejected("Your function returns None. Is a `return` missing?")
    if isinstance(found, str) or not isinstance(found, list | tuple | set | frozenset):
        raise Rejected(f"Your function returns a {type(found).__name__}; expected is a list of names.")
    if any(not isinstance(name, str) for name in found):
        raise Rejected("Your list holds something that is not a name; expected are keys of `parts`.")
    unknown = [name for name in found if name not in setup.parts]
    if unknown:
        raise Rejected(f"{setup.law}: `{unknown[0]}` is no key of `parts`; expected are names of parts.")
    if len(found) != len(set(found)):
        raise Rejected(f"{setup.law}: a part is listed more than once.")
    if set(found) != setup.missed:
        extra, less = sorted(set(found) - setup.missed), sorted(setup.missed - set(found))
        seen = [f"{name!r} is listed and should not be" for name in extra]
        seen += [f"{name!r} is missing from your list" for name in less]
        never = [name for name in extra if not any(p.requires_grad for p in setup.parts[name].parameters())]
        mistake = FROZEN if never and list(setup.parts[never[0]].parameters()) else setup.mistake
        raise Rejected(f"{setup.law}: {'; '.join(seen)}.", diagnosis=mistake or None)


TASKS = {"build_optimizer": build_optimizer, "find_the_untrained_part": find_the_untrained_part}
