"""`hint_loss`: A. Romero et al. (2015), section 2.2, as a mean. The regressor must learn as well."""

import copy
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case, FunctionTask, Run, Wrong, _numbers
from kdcourse.grading.module_task import Recorded
from kdcourse.grading.probe import Rejected, call, protected, real_tensor


def hint_cases() -> list[Case]:
    def shows(law: str, B: int, Cs: int, Ct: int, H: int, W: int, **options) -> Case:
        layers = options.pop("layers", None) or [nn.Conv2d(Cs, Ct, 1)]
        regressor = Recorded(700 + Ct, *layers).train(options.pop("training", True))
        scale = options.pop("scale", 1.5)
        student = scale * normal(301 + B + Cs, B, Cs, H, W)
        with torch.no_grad():
            shape = copy.deepcopy(regressor)(student).shape
        teacher = scale * normal(351 + B + Ct, *shape) + 0.3
        if options.pop("equal", False):
            teacher = regressor(student).detach()
        regressor.journal.clear()
        sizes = {"B": B, "Cs": Cs, "Ct": Ct, "H": H, "W": W}
        return Case((student, teacher, regressor), sizes, law, **options)

    def norm() -> list[nn.Module]:
        return [nn.Conv2d(3, 5, 1, bias=False), nn.BatchNorm2d(5)]

    return [
        shows("", 4, 3, 5, 7, 2, model_output=True, teacher_requires_grad=True),
        shows("", 5, 2, 3, 4, 6, dtype=torch.float64),
        shows("", 3, 5, 2, 6, 7, model_output=True),
        shows("", 2, 5, 5, 3, 7, dtype=torch.float64, teacher_requires_grad=True),
        shows(
            "With a regressor of two layers that halves the map", 3, 2, 5, 6, 10, teacher_requires_grad=True,
            layers=[nn.Conv2d(2, 3, 3, padding=1), nn.Tanh(), nn.Conv2d(3, 5, 2, stride=2)],
        ),
        shows(
            "Where the regressor's result equals the teacher's feature, loss and gradient are 0",
            4, 3, 5, 2, 7, equal=True, dtype=torch.float64,
        ),
        shows("With a single sample", 1, 3, 5, 2, 7, model_output=True),
        shows("With maps of one pixel", 5, 3, 2, 1, 1),
        shows("With a single channel", 5, 3, 1, 2, 7),
        shows("With features of size 1e3", 3, 2, 5, 4, 7, scale=1e3, rtol=1e-3),
        shows("With a regressor that has batch norm, in "
              "training mode", 4, 3, 5, 2, 7, layers=norm(), rtol=1e-3),
        shows("With a regressor in evaluation mode", 4, 3, 5, 2, 7, layers=norm(), training=False),
        shows("When called a second time with the same inputs", 4, 3, 5, 7, 2, model_output=True),
    ]  # fmt: skip


def hint(s: Tensor, t: Tensor, regressor: nn.Module) -> Tensor:
    return (regressor(s) - t.detach()).square().mean()


def frozen(regressor: nn.Module) -> Callable[[Tensor], Tensor]:
    constants = {name: p.detach() for name, p in regressor.named_parameters()}
    return lambda x: functional_call(regressor, constants, (x,))


def hint_mistakes() -> Iterator[Wrong]:
    half = (
        "There is a factor 1/2 too much. The paper has it; the convention here is the plain mean, as in most "
        "code."
    )
    yield Wrong(lambda s, t, r: hint(s, t, r) / 2, half)
    yield Wrong(
        lambda s, t, r: hint(s, t, r) * t.numel(),
        "This is the sum over all elements; take the mean over all of them.",
    )
    yield Wrong(
        lambda s, t, r: hint(s, t, r) * t.numel() / 2,
        "This is half of the *sum* over all elements; take the plain mean.",
    )
    for factor, over, rest in (
        (lambda t: t[0].numel(), "the batch only", "channels and pixels are summed"),
        (lambda t: len(t), "channels and pixels", "the batch is summed"),
        (lambda t: t.shape[1], "batch and pixels", "the channels are summed"),
        (lambda t: t[0, 0].numel(), "batch and channels", "the pixels are summed"),
        (lambda t: len(t) * t.shape[1], "pixels", "batch and channels are summed"),
        (lambda t: len(t) * t[0, 0].numel(), "channels", "batch and pixels are summed"),
    ):
        yield Wrong(
            lambda s, t, r, factor=factor: hint(s, t, r) * factor(t),
            f"The mean is taken over {over}, while {rest}; take it over all elements.",
        )
        yield Wrong(
            lambda s, t, r, factor=factor: hint(s, t, r) * factor(t) / 2,
            f"The mean is taken over {over}, while {rest}; take it over all elements. And there is a "
            "factor 1/2.",
        )
    yield Wrong(
        lambda s, t, r: hint(s, t, r).sqrt(),
        "The square root is taken; the hint is the *squared* difference.",
    )
    yield Wrong(
        lambda s, t, r: (r(s) - t.detach()).flatten(1).norm(dim=1).mean(),
        "This is the mean *norm* of the differences (`norm`, without the square); square and average the "
        "elements.",
    )
    yield Wrong(
        lambda s, t, r: (r(s) - t.detach()).norm(),
        "This is the norm of the difference; square it and average over the elements.",
    )
    yield Wrong(
        lambda s, t, r: (r(s) - t.detach()).abs().mean(),
        "This is the absolute difference (`l1_loss`); the hint is the squared one.",
    )
    yield Wrong(
        lambda s, t, r: F.smooth_l1_loss(r(s), t.detach()),
        "This is `smooth_l1_loss`; the hint is the squared difference.",
    )
    yield Wrong(
        lambda s, t, r: F.mse_loss(r(t.detach()), s),
        "The regressor acts on the teacher's feature. It belongs on the student's side; else a regressor "
        "that maps "
        "everything to 0 would suit a student that says nothing.",
    )
    yield Wrong(
        lambda s, t, r: F.mse_loss(r(s), r(t.detach())),
        "The regressor acts on both features; the teacher's feature stays as it is.",
    )
    yield Wrong(
        lambda s, t, r: F.mse_loss(s, t.detach()) + 0.0 * r(s).sum(),
        "The regressor is not used: compare `regressor(student_feature)` with the teacher's feature.",
    )
    yield Wrong(
        lambda s, t, r: F.mse_loss(r(s).relu(), t.detach()),
        "A ReLU is put on the regressor's result; the task has none.",
    )
    yield Wrong(
        lambda s, t, r: F.mse_loss(F.normalize(r(s)), F.normalize(t.detach())),
        "The features are normalised before they are compared; the task compares them as they are.",
    )
    yield Wrong(
        lambda s, t, r: F.mse_loss(F.normalize(r(s).flatten(1)), F.normalize(t.detach().flatten(1))),
        "The features are normalised before they are compared; the task compares them as they are.",
    )
    yield Wrong(
        lambda s, t, r: F.mse_loss(r(s).mean((2, 3)), t.detach().mean((2, 3))),
        "The maps are averaged over their pixels before they are compared; compare them pixel by pixel.",
    )
    yield Wrong(
        lambda s, t, r: F.mse_loss(r(s).mean(1), t.detach().mean(1)),
        "The maps are averaged over their channels before they are compared; compare them channel by "
        "channel.",
    )
    yield Wrong(
        lambda s, t, r: (r(s) - t.detach()).mean().square(),
        "The differences are averaged first and squared afterwards, so that they cancel; square first.",
    )
    yield Wrong(lambda s, t, r: (r(s) - t.detach()).mean(), "The differences are not squared.")
    yield Wrong(lambda s, t, r: -hint(s, t, r), "The sign is wrong.")
    yield Wrong(
        lambda s, t, r: (1 - F.cosine_similarity(r(s), t.detach())).mean(),
        "This is a cosine distance; the hint is the squared difference.",
    )
    # The value is right, the gradient is not.
    yield Wrong(
        lambda s, t, r: hint(s.detach(), t, r),
        "The student's feature is detached: the regressor learns, and the student does not.",
    )
    yield Wrong(
        lambda s, t, r: hint(s, t, frozen(r)),
        "No gradient reaches the regressor's parameters: it stays a random projection. Are they detached "
        "or frozen?",
    )


class HintTask(FunctionTask):
    """The third argument is a module, whose parameters are compared like inputs that learn."""

    def arguments(self, case: Case, dtype: torch.dtype) -> tuple[list, dict[int, Tensor]]:
        args, roots = super().arguments(case, dtype)
        args[2] = copy.deepcopy(case.args[2]).to(case.dtype).to(dtype)
        return args, roots | {3 + i: p for i, p in enumerate(args[2].parameters())}

    def measure(self, result: Tensor, roots: dict[int, Tensor]) -> Run:
        value = [_numbers(result)]
        if not result.requires_grad:
            return Run(value, None)
        found = torch.autograd.grad(result, list(roots.values()), allow_unused=True)
        gradients = {
            p: torch.zeros_like(roots[p]) if g is None else g for p, g in zip(roots, found, strict=True)
        }
        leak = self.names[1] if 1 in gradients and bool((gradients[1] != 0).any()) else ""
        return Run(value, [_numbers(g) for p, g in gradients.items() if p != 1], leak)

    def observe(self, function: Callable[..., object], case: Case, dtype: torch.dtype, shape: tuple) -> Run:
        args, roots = self.arguments(case, dtype)
        if case.model_output:
            args[0] = roots[0] * 1.0
        regressor, twin = args[2], copy.deepcopy(args[2])
        try:
            result = real_tensor(call(function, self.names, args), torch.Size(shape), self.result)
        except Rejected as rejected:
            if self.asked_about(regressor, args[1]) and not rejected.diagnosis:
                raise Rejected(*rejected.feedback, diagnosis=ON_THE_TEACHER) from None
            if "Two shapes" in (rejected.diagnosis or ""):
                if self.asked_about(regressor, args[1]):
                    rejected = Rejected(rejected.feedback[0], diagnosis=ON_THE_TEACHER)
                elif not regressor.journal:
                    rejected = Rejected(rejected.feedback[0], diagnosis=UNUSED)
            raise rejected from None
        if self.asked_about(regressor, args[1]) and len(regressor.journal) == 1:
            raise Rejected("The regressor is asked about the teacher's feature.", diagnosis=ON_THE_TEACHER)
        self.require_regressor_as_it_was(regressor, twin)
        return protected(self.measure, result.reshape(shape), roots)

    @staticmethod
    def asked_about(regressor: Recorded, feature: Tensor) -> bool:
        feature = feature.detach().double()
        return any(x.shape == feature.shape and torch.equal(x, feature) for x in regressor.journal)

    @staticmethod
    def require_regressor_as_it_was(regressor: Recorded, twin: Recorded) -> None:
        if [m.training for m in regressor.modules()] != [m.training for m in twin.modules()]:
            raise Rejected(
                "Your function switches the regressor between training and evaluation mode; that is the "
                "caller's "
                "to decide."
            )
        if any(not p.requires_grad for p in regressor.parameters()):
            raise Rejected(
                "After the call parameters of the regressor have `requires_grad=False`: they can no "
                "longer learn.",
                diagnosis="The regressor learns together with the student; freeze nothing on that side.",
            )
        if any(p.grad is not None for p in regressor.parameters()):
            raise Rejected(
                "After the call the regressor's `.grad` is filled: your function calls `backward()`. "
                "Return the loss "
                "and let the caller decide."
            )
        pairs = zip(regressor.parameters(), twin.parameters(), strict=True)
        if any(not torch.equal(p, q) for p, q in pairs):
            raise Rejected("Your function changes the regressor's parameters; that is the optimiser's work.")
        hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in regressor.modules()]
        if any(hooks):
            raise Rejected("A hook is left on the regressor: remove it with `handle.remove()`.")
        norms = [m for m in regressor.modules() if isinstance(m, nn.BatchNorm2d) and m.training]
        if norms and len(regressor.journal) != 1:
            raise Rejected(
                f"The regressor is called {len(regressor.journal)} times; call it once, on the whole batch.",
                "In training mode each call moves the running statistics of its batch norm.",
            )


ON_THE_TEACHER = (
    "The regressor acts on the teacher's feature. It belongs on the student's side, and it has the student's "
    "number of channels as its input; on the teacher's side a regressor that maps everything to 0 would "
    "suit a "
    "student that says nothing."
)
UNUSED = (
    "The regressor is not used: bring the student's feature to the teacher's shape with "
    "`regressor(student_feature)`."
)

TASKS = {
    "hint_loss": HintTask(
        ("student_feature", "teacher_feature", "regressor"), "a scalar", hint, hint_cases, hint_mistakes,
        constants=(1,),
    ),
}  # fmt: skip
