"""Steps of training: `kd_train_step`.

Each try builds a small world from a seed: student and teacher with batch normalisation and dropout, a warm
optimizer, old gradients lying about, and every mode set the wrong way round. One world is handed to the
answer, a twin takes the right step; then both are compared, and what the models saw is looked at.
"""

import copy
import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from kdcourse.grading.compare import close, difference
from kdcourse.grading.formulas.responses import kd_loss, normal
from kdcourse.grading.mistakes.kd_loss import DETACHED, loss_mistakes
from kdcourse.grading.probe import Rejected, call, prepare

NAMES = ("student", "teacher", "x", "y", "optimizer", "T", "alpha")
LossFunction = Callable[[Tensor, Tensor, Tensor, float, float], Tensor]


class FixedDropout(nn.Dropout):
    """Dropout that drops the same features each time: training mode shows, and no random numbers are used."""

    def forward(self, z: Tensor) -> Tensor:
        keep = torch.arange(z.shape[1]) % 3 != 1
        return z * keep * 1.5 if self.training else z


class Net(nn.Module):
    """Linear, batch norm, tanh, dropout, linear; keeps a journal of its forward passes."""

    def __init__(self, seed: int, inputs: int, width: int, classes: int, scale: float) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width, bias=False)
        self.norm = nn.BatchNorm1d(width)
        self.drop = FixedDropout()
        self.last = nn.Linear(width, classes)
        self.journal: list[tuple[bool, bool, Tensor]] = []
        with torch.no_grad():
            for i, parameter in enumerate(self.parameters()):
                parameter.copy_(scale * normal(seed + i, *parameter.shape))
            self.norm.running_mean.copy_(normal(seed + 10, width))
            self.norm.running_var.copy_(0.5 + normal(seed + 11, width) ** 2)

    def forward(self, x: Tensor) -> Tensor:
        flags = [module.training for module in self.modules()]
        self.journal.append((all(flags), any(flags), x.detach().clone()))
        return self.last(self.drop(torch.tanh(self.norm(self.first(x)))))


class CountingSGD(torch.optim.SGD):
    steps = 0

    def step(self, closure: Callable | None = None) -> object:
        self.steps += 1
        return super().step(closure)


@dataclass
class World:
    seed: int
    B: int
    C: int
    T: float
    alpha: float
    scale: float = 1.0
    momentum: float = 0.9
    arrivals: list = field(
        default_factory=list
    )  # one entry for each gradient that a teacher parameter received

    def __post_init__(self) -> None:
        D = 4
        self.x = normal(self.seed, self.B, D).float()
        self.y = torch.tensor([(2 * i + self.C - 1) % self.C for i in range(self.B)])
        self.student = Net(self.seed + 100, D, 6, self.C, self.scale)
        self.teacher = Net(self.seed + 200, D, 9, self.C, self.scale)
        self.optimizer = CountingSGD(
            self.student.parameters(),
            lr=0.1,
            momentum=self.momentum,
            weight_decay=0.01 if self.momentum else 0.0,
        )
        for i, parameter in enumerate(self.student.parameters()):
            parameter.grad = (0.3 * normal(self.seed + 300 + i, *parameter.shape)).float()
        self.optimizer.step()  # fills the momentum buffers; the gradients stay behind
        self.optimizer.steps = 0
        self.student.eval()
        self.teacher.train()
        for parameter in self.teacher.parameters():
            parameter.register_hook(self.arrivals.append)
        self.start = self.parameters()

    def parameters(self) -> list[np.ndarray]:
        return [p.detach().double().numpy().copy() for p in self.student.parameters()]

    def moves(self) -> list[np.ndarray]:
        return [now - start for now, start in zip(self.parameters(), self.start, strict=True)]

    def logits(self) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            teacher = self.teacher.eval()(self.x)
        return self.student.train()(self.x), teacher


def right_step(world: World, loss: LossFunction = kd_loss, old: float = 0.0, new: float = 1.0) -> float:
    """The step as it should be; mistakes weigh the `old` gradients and the `new` ones differently."""
    student, teacher = world.logits()
    value = loss(student.double(), teacher.double(), world.y, world.T, world.alpha)
    parameters = list(world.student.parameters())
    gradients = torch.autograd.grad(value, parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = old * parameter.grad + new * gradient
    world.optimizer.step()
    return float(value)


MOVE_MISTAKES = [
    (
        {"old": 1.0},
        "The old gradients are not cleared: `backward()` adds to what lies in `.grad`. Call "
        "`optimizer.zero_grad()` before it.",
    ),
    (
        {"old": 1.0, "new": 0.0},
        "`optimizer.step()` runs before `backward()`, with the gradients of the step before.",
    ),
    (
        {"new": 0.0},
        "The gradients are set to zero between `backward()` and `step()`: nothing of this batch is learned.",
    ),
    ({"new": -1.0}, "The step goes uphill: the sign of the loss or of its gradient is wrong."),
    *(({"loss": function}, sentence) for function, sentence in DETACHED),
]
FROZEN_TEACHER = (
    "A remark: your step leaves the teacher with `requires_grad=False`. That is common; `torch.no_grad()` "
    "does the same without changing a model that the caller may want to train later."
)
EMPTY_GRADIENTS = (
    "The gradients were empty when `step()` ran: `backward()` was not called, or `zero_grad()` came after it."
)


def worlds() -> list[World]:
    return [
        World(1000, B=6, C=5, T=3.0, alpha=0.7),
        World(2000, B=7, C=3, T=2.5, alpha=0.2, momentum=0.0),
        World(3000, B=5, C=8, T=6.0, alpha=0.9, scale=8.0),  # with a large gradient: clipping shows
        World(4000, B=8, C=4, T=4.5, alpha=1.0),
        World(5000, B=9, C=7, T=1.5, alpha=0.0, momentum=0.0),
    ]


def kd_train_step(answer: object) -> list[str]:
    step = prepare(answer, NAMES)
    tried, twins = worlds(), worlds()
    got = [_observe(step, world) for world in tried]
    want = [right_step(world) for world in twins]
    _require_values(got, want)
    _require_moves(tried, twins)
    frozen = any(not p.requires_grad for world in tried for p in world.teacher.parameters())
    return [
        f"Loss and updated parameters agree with ours in {len(tried)} steps.",
        "One forward pass of the student in training mode; the teacher in evaluation mode and untouched.",
        *([FROZEN_TEACHER] if frozen else []),
    ]


def _observe(step: Callable[..., object], world: World) -> float:
    """Let the answer take its step and look at everything but the numbers."""
    teacher_before = copy.deepcopy(world.teacher.state_dict())
    hooks, groups = _hooks(world), _groups(world)
    args = (world.student, world.teacher, world.x, world.y, world.optimizer, world.T, world.alpha)
    value = call(step, NAMES, args)
    _require_forward_passes(world)
    _require_teacher_untouched(world, teacher_before)
    if world.optimizer.steps != 1:
        raise Rejected(
            f"`optimizer.step()` was called {world.optimizer.steps} times; expected is one call, of the "
            "optimizer that was handed over."
        )
    if _groups(world) != groups:
        raise Rejected(
            "The optimizer's parameters or settings were changed; only its `step()` is yours to call."
        )
    if _hooks(world) != hooks:
        raise Rejected(
            "A hook is left on a model: remove it with `handle.remove()`, or it piles up in each step."
        )
    if isinstance(value, Tensor):
        raise Rejected(
            "Your function returns a tensor; expected is a Python float.",
            diagnosis="Return `loss.item()`: a tensor would keep the whole graph of the step in memory.",
        )
    if value is None:
        raise Rejected("Your function returns None; expected is the loss before the step, as a float.")
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise Rejected(f"Your function returns a {type(value).__name__}; expected is the loss, a float.")
    return float(value)


def _require_forward_passes(world: World) -> None:
    passes = world.student.journal
    if any(some for _, some, _ in world.teacher.journal):
        raise Rejected(
            "The teacher computes in training mode: its dropout is on and its batch-norm statistics change.",
            diagnosis="Call `teacher.eval()` before its forward pass; `no_grad` does not do that.",
        )
    if not passes:
        raise Rejected("The student is never called on `x`.")
    if not all(every for every, _, _ in passes):
        raise Rejected(
            "The student computes in evaluation mode: no dropout, and batch-norm statistics do not learn.",
            diagnosis="Call `student.train()` before its forward pass; it may have been evaluated before.",
        )
    if len(passes) != 1:
        raise Rejected(
            f"The student makes {len(passes)} forward passes; one is enough.",
            "Each pass in training mode changes its batch-norm statistics; the loss to return is the one "
            "before the step.",
        )
    for _, _, x in passes + world.teacher.journal:
        if x.shape != world.x.shape or not torch.allclose(x.double(), world.x.double(), atol=1e-6):
            raise Rejected("Student and teacher must see the same inputs, `x` as it was handed over.")


def _require_teacher_untouched(world: World, before: dict[str, Tensor]) -> None:
    after = world.teacher.state_dict()
    for name, value in before.items():
        if name not in after or not torch.equal(after[name], value):
            raise Rejected(f"The teacher was changed by the step: `{name}` is not what it was.")
    if world.arrivals or any(parameter.grad is not None for parameter in world.teacher.parameters()):
        raise Rejected(
            "A gradient reaches the teacher's parameters.",
            diagnosis="Compute the teacher's logits under `torch.no_grad()` or detach them: `eval()` does "
            "not stop gradients.",
        )


def _require_values(got: list[float], want: list[float]) -> None:
    def same(first: list[float], second: list[float]) -> bool:
        pairs = zip(first, second, strict=True)
        return all(math.isfinite(a) and abs(a - b) <= 1e-5 + 3e-4 * abs(b) for a, b in pairs)

    if same(got, want):
        return
    logits = [(world, *world.logits()) for world in worlds()]
    logits = [(world, s.detach().double(), t.double()) for world, s, t in logits]
    diagnosis = None
    for mistake in loss_mistakes():
        if same(got, [float(mistake.function(s, t, w.y, w.T, w.alpha)) for w, s, t in logits]):
            diagnosis = mistake.sentence
            break
    first = next(i for i, (a, b) in enumerate(zip(got, want, strict=True)) if not same([a], [b]))
    world = logits[first][0]
    raise Rejected(
        f"The returned loss is not right (with B = {world.B}, C = {world.C}, T = {world.T:g}, "
        f"alpha = {world.alpha:g}): {difference([np.array(got[first])], [np.array(want[first])])}.",
        "Expected is the loss of this batch before the step.",
        diagnosis=diagnosis,
    )


def _require_moves(tried: list[World], twins: list[World]) -> None:
    def same(moves: list[list[np.ndarray]]) -> bool:
        return all(_close_moves(w.moves(), m) for w, m in zip(tried, moves, strict=True))

    if same([twin.moves() for twin in twins]):
        return
    diagnosis = None
    for options, sentence in MOVE_MISTAKES:
        others = worlds()
        for other in others:
            right_step(other, **options)
        if same([other.moves() for other in others]):
            diagnosis = sentence
            break
    world, twin = next(
        (w, t) for w, t in zip(tried, twins, strict=True) if not _close_moves(w.moves(), t.moves())
    )
    still = all(not move.any() for move in world.moves())
    if still:
        diagnosis = EMPTY_GRADIENTS
    raise Rejected(
        "The returned loss is right, but the student's parameters "
        + ("did not move." if still else "are not where one step brings them."),
        *([] if still else [f"Of the changes of the parameters, {difference(world.moves(), twin.moves())}."]),
        diagnosis=diagnosis,
    )


def _close_moves(got: list[np.ndarray], want: list[np.ndarray]) -> bool:
    size = max(float(np.abs(move).max()) for move in want)
    return close(got, want, rtol=0.0, atol=1e-3 * size)


def _hooks(world: World) -> list[int]:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    models = (world.student, world.teacher)
    return [len(getattr(module, kind)) for model in models for module in model.modules() for kind in kinds]


def _groups(world: World) -> list[tuple]:
    return [
        ([id(p) for p in group["params"]], {key: value for key, value in group.items() if key != "params"})
        for group in world.optimizer.param_groups
    ]


TASKS = {"kd_train_step": kd_train_step}
