"""Tasks whose function also gets modules, or lists of tensors and modules, whose parameters learn."""

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case, FunctionTask, Run, _numbers
from kdcourse.grading.probe import MISFIT, Rejected, call, protected, real_tensor


class Recorded(nn.Module):
    """Layers with fixed weights that keep a journal of what they are asked."""

    def __init__(self, seed: int, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers).double()
        self.journal: list[Tensor] = []
        with torch.no_grad():
            for i, parameter in enumerate(self.parameters()):
                parameter.copy_(0.5 * normal(seed + i, *parameter.shape))

    def forward(self, x: Tensor) -> Tensor:
        self.journal.append(x.detach().double().clone())
        return self.layers(x)

    def was_asked(self, x: Tensor) -> bool:
        """About x, or about some of its rows."""
        x = x.detach().double()
        return any(
            (seen.shape == x.shape and torch.equal(seen, x)) or _rows_of(seen, x) for seen in self.journal
        )


def _rows_of(part: Tensor, x: Tensor) -> bool:
    if part.numel() == 0 or part.shape[-1] != x.shape[-1]:
        return False
    found = (part.flatten(0, -2)[:, None] == x.flatten(0, -2)).all(dim=2).any(dim=1)
    return bool(found.all())


@dataclass(frozen=True)
class ModuleTask(FunctionTask):
    """Arguments may be modules, and lists. The inputs at `learns` and the modules' parameters get
    gradients.
    """

    modules: str = "projection"  # as messages call them
    on_the_teacher: str = ""  # if a module is asked about the teacher's tensor
    unused: str = ""  # if shapes do not fit and no module was asked
    needs_call: str = ""  # if a module is asked for its weight instead of being called

    def arguments(self, case: Case, dtype: torch.dtype) -> tuple[list, dict[tuple, Tensor]]:
        def fresh(value: object) -> object:
            if isinstance(value, nn.Module):
                return copy.deepcopy(value).to(case.dtype).to(dtype)
            if isinstance(value, Tensor):
                return (value.to(case.dtype).to(dtype) if value.is_floating_point() else value).clone()
            return [fresh(part) for part in value] if isinstance(value, list) else value

        args = [fresh(value) for value in case.args]
        watched = self.learns + (self.constants if case.teacher_requires_grad else ())
        roots = {}
        for position in watched:
            for i, tensor in enumerate(as_list(args[position])):
                roots[position, i] = tensor.requires_grad_()
        for position, arg in enumerate(args):
            for i, module in enumerate(modules_in(arg)):
                for j, parameter in enumerate(module.parameters()):
                    roots[position, i, j] = parameter
        return args, roots

    def measure(self, result: Tensor, roots: dict[tuple, Tensor]) -> Run:
        value = [_numbers(result)]
        if not result.requires_grad:
            return Run(value, None)
        found = torch.autograd.grad(result, list(roots.values()), allow_unused=True)
        gradients = {k: torch.zeros_like(roots[k]) if g is None else g for k, g in zip(roots, found)}
        leaks = [self.names[k[0]] for k, g in gradients.items() if k[0] in self.constants and bool(g.any())]
        return Run(
            value, [_numbers(g) for k, g in gradients.items() if k[0] not in self.constants], *leaks[:1]
        )

    def observe(self, function: Callable[..., object], case: Case, dtype: torch.dtype, shape: tuple) -> Run:
        args, roots = self.arguments(case, dtype)
        if case.model_output:
            for position in self.learns:
                grown = [roots[position, i] * 1.0 for i in range(len(as_list(args[position])))]
                args[position] = grown if isinstance(args[position], list) else grown[0]
        teachers = [tensor for position in self.constants for tensor in as_list(args[position])]
        modules = [module for arg in args for module in modules_in(arg)]
        twins = copy.deepcopy(modules)
        lists = {name: Kept(name, arg) for name, arg in zip(self.names, args) if isinstance(arg, list)}
        try:
            result = call(function, self.names, args)
            for kept in lists.values():
                kept.require_as_it_was()
            result = self.real_scalar(result, torch.Size(shape), case)
        except Rejected as rejected:
            diagnosis = self.misfit if rejected.diagnosis == MISFIT else rejected.diagnosis
            if rejected.diagnosis in (None, MISFIT):
                if self.on_the_teacher and asked_about(modules, teachers):
                    diagnosis = self.on_the_teacher
                elif rejected.diagnosis and self.unused and not any(m.journal for m in modules):
                    diagnosis = self.unused
                elif self.needs_call and "AttributeError" in rejected.feedback[0]:
                    diagnosis = self.needs_call
            kept = [line for line in rejected.feedback if line != rejected.diagnosis]
            raise Rejected(*kept, diagnosis=diagnosis) from None
        if self.on_the_teacher and asked_about(modules, teachers):
            seen = f"A module in `{self.modules}` is asked about the teacher's tensor."
            raise Rejected(seen, diagnosis=self.on_the_teacher)
        self.require_modules_as_they_were(modules, twins)
        return protected(self.measure, result.reshape(shape), roots)

    def real_scalar(self, result: object, shape: torch.Size, case: Case) -> Tensor:
        try:
            return real_tensor(result, shape, self.result)
        except Rejected as rejected:
            why = self.shapes(case.args).get(tuple(getattr(result, "shape", ())))
            if why is not None and rejected.feedback[0].startswith("Your result has the shape"):
                raise Rejected(rejected.feedback[0], diagnosis=why) from None
            raise

    def require_modules_as_they_were(self, modules: list[Recorded], twins: list[Recorded]) -> None:
        for module, twin in zip(modules, twins, strict=True):
            parts = list(module.modules())
            if [m.training for m in parts] != [m.training for m in twin.modules()]:
                raise Rejected(
                    f"Your function switches `{self.modules}` between training and evaluation mode; that is "
                    "the caller's to decide."
                )
            if any(not p.requires_grad for p in module.parameters()):
                raise Rejected(
                    f"After the call parameters of `{self.modules}` have `requires_grad=False`: they can no "
                    "longer learn.",
                    diagnosis="What maps the student's side learns with the student; freeze nothing there.",
                )
            if any(p.grad is not None for p in module.parameters()):
                raise Rejected(
                    f"After the call `.grad` is filled in `{self.modules}`: your function calls "
                    "`backward()`. Return the loss and let the caller decide."
                )
            if any(not torch.equal(p, q) for p, q in zip(module.parameters(), twin.parameters())):
                raise Rejected(
                    f"Your function changes parameters of `{self.modules}`; that is the optimiser's work."
                )
            if any(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in parts):
                raise Rejected(f"A hook is left on `{self.modules}`: remove it with `handle.remove()`.")
            norms = [m for m in parts if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training]
            if norms and len(module.journal) != 1:
                raise Rejected(
                    f"A module in `{self.modules}` is called {len(module.journal)} times; call it once, on "
                    "the whole batch.",
                    "In training mode each call moves the running statistics of its batch norm.",
                )


class Kept:
    """A caller's list, and how it was before the call."""

    def __init__(self, name: str, values: list) -> None:
        self.name, self.list, self.values = name, values, list(values)
        self.tensors = [v for v in values if isinstance(v, Tensor)]
        self.before = [(t.detach().clone(), t.requires_grad, t._version) for t in self.tensors]

    def require_as_it_was(self) -> None:
        if len(self.list) != len(self.values) or any(
            a is not b for a, b in zip(self.list, self.values, strict=True)
        ):
            raise Rejected(
                f"Your function changes the list `{self.name}`; the caller still needs it.",
                diagnosis="`pop`, `reverse`, `append` and `features[i] = ...` work on the caller's list.",
            )
        for tensor, (old, learns, version) in zip(self.tensors, self.before, strict=True):
            if tensor._version != version or not torch.equal(tensor.detach(), old):
                raise Rejected(
                    f"Your function changes a tensor in `{self.name}`; the caller still needs it.",
                    diagnosis="An in-place operation (`/=`, `+=`, `..._()`) works on the caller's tensor. "
                    "Make a new one instead.",
                )
            if tensor.requires_grad != learns:
                raise Rejected(
                    f"Your function cuts a tensor in `{self.name}` off from its graph, or switches its "
                    "`requires_grad`; leave the caller's as it is.",
                    diagnosis="`detach_()` and `requires_grad_()` act on the caller's tensor; `detach()` "
                    "gives a new one.",
                )
            if tensor.is_leaf and tensor.grad is not None:
                raise Rejected(
                    f"After the call a tensor in `{self.name}` has a `.grad`: your function calls "
                    "`backward()`. Return the loss and let the caller decide."
                )


def as_list(value: object) -> list:
    return value if isinstance(value, list) else [value]


def modules_in(arg: object) -> Iterator[Recorded]:
    yield from (part for part in as_list(arg) if isinstance(part, nn.Module))


def asked_about(modules: Iterable[Recorded], tensors: list[Tensor]) -> bool:
    return any(module.was_asked(tensor) for module in modules for tensor in tensors)


def frozen(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """The module as a function whose parameters are constants."""
    constants = {name: p.detach() for name, p in module.named_parameters()}
    return lambda x: torch.func.functional_call(module, constants, (x,))
