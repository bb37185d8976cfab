"""Tasks that are functions of tensors: compare with a float64 reference and name the mistake."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from kdcourse.grading.compare import close, difference, factor_in_words, ratio
from kdcourse.grading.probe import MISFIT, Rejected, call, prepare, protected, real_tensor

OVERFLOW = (
    "Somewhere `exp` overflows or the logarithm of 0 is taken, as in `log(softmax(z))`; `log_softmax` "
    "subtracts the maximum first and stays finite."
)


@dataclass(frozen=True)
class Case:
    """Arguments to try. `law` says what a case shows; ordinary cases have none and serve diagnosis."""

    args: tuple  # float64 tensors (rounded to `dtype`), integer tensors, numbers
    sizes: dict[str, float]  # by the names used in messages: B, C, T
    law: str = ""
    dtype: torch.dtype = torch.float32
    model_output: bool = False  # the learning inputs come out of a graph, as in training, and are no leaves
    teacher_requires_grad: bool = False
    rtol: float = 2e-4  # several hundred times the rounding of float32
    atol: float = 1e-6

    def where(self) -> str:
        return ", ".join(f"{name} = {value:g}" for name, value in self.sizes.items())


class Wrong(NamedTuple):
    """A known mistake: what it computes, from the same arguments as the reference, and a kind sentence."""

    function: Callable[..., torch.Tensor]
    sentence: str


class Run(NamedTuple):
    """What a function gave in a case."""

    value: list[np.ndarray]  # one array, in a list like the gradients
    gradients: list[np.ndarray] | None  # for each learning input; None if the result has no graph
    leak: str = ""  # the constant that a gradient reached


class Pair(NamedTuple):
    case: Case
    got: Run
    want: Run

    def agrees(self, got: list[np.ndarray] | None, want: list[np.ndarray]) -> bool:
        return got is not None and close(got, want, self.case.rtol, self.case.atol)

    @property
    def value_right(self) -> bool:
        return self.agrees(self.got.value, self.want.value)

    @property
    def gradient_right(self) -> bool:
        return self.agrees(self.got.gradients, self.want.gradients)


@dataclass(frozen=True)
class FunctionTask:
    """A graded function. Called with an answer it returns the feedback, or raises `Rejected`."""

    names: tuple[str, ...]  # of the parameters
    result: str  # in words
    reference: Callable[..., torch.Tensor]
    cases: Callable[[], list[Case]]
    wrong: Callable[[], Iterable[Wrong]]
    learns: tuple[int, ...] = (0,)  # positions of the inputs whose gradient is compared
    constants: tuple[int, ...] = ()  # positions that no gradient may reach
    shapes: Callable[[tuple], dict[tuple, str]] = lambda args: {}  # wrong shapes of the result, and why
    misfit: str = MISFIT  # if two shapes do not fit inside the answer
    not_finite: str = OVERFLOW
    # Cases that the convention leaves open: what goes wrong there is told, but is no fault.
    open_cases: Callable[[], list[Case]] = list
    # Pattern and sentence: torch's words for a failure in those of the task, where nothing else explains it.
    reasons: tuple[tuple[str, str], ...] = ()

    def __call__(self, answer: object) -> list[str]:
        try:
            return self.examine(answer)
        except Rejected as rejected:
            seen = rejected.feedback[0]
            why = next((sentence for pattern, sentence in self.reasons if re.search(pattern, seen)), None)
            if rejected.diagnosis or why is None:
                raise
            raise Rejected(*rejected.feedback, diagnosis=why) from None

    def examine(self, answer: object) -> list[str]:
        function = prepare(answer, self.names)
        cases = self.cases()
        single = self.float32_only(function, cases[0])
        pairs: list[Pair] = []

        def meet(case: Case) -> None:
            dtype = torch.float32 if single else case.dtype
            want = self.expect(self.reference, case)
            pairs.append(Pair(case, self.observe(function, case, dtype, want.value[0].shape), want))

        for case in (case for case in cases if not case.law):
            meet(case)
        self.require_values(pairs)
        self.require_gradients(pairs)
        for case in (case for case in cases if case.law):
            try:
                meet(case)
            except Rejected as rejected:
                rejected.feedback[0] = f"{case.law}: {rejected.feedback[0]}"
                raise
            self.require_law(pairs)
        what = "Value and gradient agree" if self.learns else "The values agree"
        right = f"{what} with ours on {len(cases)} inputs of several sizes and scales."
        return [right, *single, *self.remarks(function)]

    def remarks(self, function: Callable) -> list[str]:
        for case in self.open_cases():
            want = self.expect(self.reference, case)
            try:
                pair = Pair(case, self.observe(function, case, case.dtype, want.value[0].shape), want)
            except Rejected as rejected:
                seen = rejected.feedback[0]
            else:
                if pair.value_right and pair.gradient_right:
                    continue
                seen = "value or gradient is another one"
                found = [*pair.got.value, *(pair.got.gradients or [])]
                if not all(np.isfinite(array).all() for array in found):
                    seen = f"value or gradient is not finite. {self.not_finite}"
            return [f"A remark, which costs nothing here. {case.law}: {seen}"]
        return []

    def float32_only(self, function: Callable, case: Case) -> list[str]:
        """A remark if float64 clashes with the answer's types: no fault, the course trains in float32."""
        try:
            shape = self.expect(self.reference, case).value[0].shape
            self.observe(function, case, torch.float64, shape)
        except Rejected as rejected:
            if any(word in rejected.feedback[0] for word in ("dtype", "Double", "scalar type")):
                return [f"A remark: with float64 tensors this happens. {rejected.feedback[0]}"]
        return []

    def arguments(self, case: Case, dtype: torch.dtype) -> tuple[list, dict[int, torch.Tensor]]:
        """Fresh arguments, and those of them that want a gradient, by position."""
        args = [
            (a.to(case.dtype).to(dtype) if a.is_floating_point() else a).clone()
            if isinstance(a, torch.Tensor)
            else a
            for a in case.args
        ]
        watched = self.learns + (self.constants if case.teacher_requires_grad else ())
        return args, {position: args[position].requires_grad_() for position in watched}

    def expect(self, function: Callable[..., torch.Tensor], case: Case, gradients: bool = True) -> Run:
        """One of our own functions, in float64 from the inputs as the answer sees them."""
        args, roots = self.arguments(case, torch.float64)
        if not gradients:
            with torch.no_grad():
                return Run([_numbers(function(*args))], None)
        return self.measure(function(*args), roots)

    def observe(self, function: Callable[..., object], case: Case, dtype: torch.dtype, shape: tuple) -> Run:
        args, roots = self.arguments(case, dtype)
        if case.model_output:
            for position in self.learns:
                args[position] = roots[position] * 1.0
        try:
            result = call(function, self.names, args)
        except Rejected as rejected:
            if rejected.diagnosis == MISFIT:
                raise Rejected(rejected.feedback[0], diagnosis=self.misfit) from None
            raise
        try:
            result = real_tensor(result, torch.Size(shape), self.result, graph=bool(self.learns))
        except Rejected as rejected:
            why = self.shapes(case.args).get(tuple(getattr(result, "shape", ())))
            if why is not None and rejected.feedback[0].startswith("Your result has the shape"):
                raise Rejected(rejected.feedback[0], diagnosis=why) from None
            raise
        return protected(self.measure, result.reshape(shape), roots)

    def measure(self, result: torch.Tensor, roots: dict[int, torch.Tensor]) -> Run:
        value = [_numbers(result)]
        if not self.learns:
            return Run(value, [])
        if not result.requires_grad:
            return Run(value, None)
        # A fixed, uneven weight for each element; for a scalar it is 1.
        weights = torch.cos(2.4 * torch.arange(result.numel(), dtype=torch.float64)).reshape(result.shape)
        found = torch.autograd.grad((weights * result).sum(), list(roots.values()), allow_unused=True)
        gradients = {
            p: torch.zeros_like(roots[p]) if g is None else g for p, g in zip(roots, found, strict=True)
        }
        leaks = [self.names[p] for p in self.constants if p in gradients and bool((gradients[p] != 0).any())]
        return Run(value, [_numbers(gradients[p]) for p in self.learns], *leaks[:1])

    def require_values(self, pairs: list[Pair]) -> None:
        bad = next((pair for pair in pairs if not pair.value_right), None)
        if bad is None:
            return
        first = pairs[0].got.value
        if np.isfinite(first).all() and all(close(pair.got.value, first, 1e-6, 0.0) for pair in pairs):
            mistake = "Your function returns the same numbers whatever it is given."
        else:
            mistake = self.recognise(pairs, gradients=False)
        factors = [ratio(pair.got.value, pair.want.value) for pair in pairs]
        word = factor_in_words(factors, [pair.case.sizes for pair in pairs])
        raise Rejected(
            f"The value is not right (with {bad.case.where()}): {difference(bad.got.value, bad.want.value)}.",
            *([f"On every input tried, yours is {word} times ours."] if word else []),
            diagnosis=mistake,
        )

    def require_gradients(self, pairs: list[Pair]) -> None:
        learner = self.names[self.learns[0]] if self.learns else ""
        for pair in pairs:
            got, want = pair.got.gradients, pair.want.gradients
            if got is None or (not any(array.any() for array in got) and any(array.any() for array in want)):
                raise Rejected(
                    "The value is right, but no gradient flows back from it: nothing would be learned.",
                    diagnosis="The graph is cut: `.item()`, `float()`, `.detach()`, `torch.tensor(...)` or "
                    f"`no_grad` acts on the way from `{learner}` to the result.",
                )
            if not pair.gradient_right:
                raise Rejected(
                    f"The value is right, the gradient for `{learner}` is not (with {pair.case.where()}): "
                    f"{difference(got, want)}.",
                    diagnosis=self.recognise(pairs, gradients=True),
                )
            self.require_no_leak(pair)

    def require_no_leak(self, pair: Pair) -> None:
        if pair.got.leak:
            raise Rejected(
                f"A gradient reaches `{pair.got.leak}`, which is a constant here.",
                diagnosis=f"The teacher must not learn: use `{pair.got.leak}.detach()` or `torch.no_grad()`.",
            )

    def require_law(self, pairs: list[Pair]) -> None:
        """The last pair is new; all before it agreed."""
        case, got, want = pairs[-1]
        if pairs[-1].value_right and pairs[-1].gradient_right:
            return self.require_no_leak(pairs[-1])
        mistake = self.recognise(pairs, gradients=True)
        finite = [
            all(np.isfinite(array).all() for array in part) for part in (got.value, got.gradients or [])
        ]
        if not all(finite):
            raise Rejected(
                f"{case.law}: your {'gradient' if finite[0] else 'value'} is not finite.",
                diagnosis=mistake or self.not_finite,
            )
        if not pairs[-1].value_right:
            seen = f"the value is not right, {difference(got.value, want.value)}"
        elif got.gradients is None:
            seen = "no gradient flows back from your result"
        else:
            seen = f"the value is right, the gradient is not, {difference(got.gradients, want.gradients)}"
        raise Rejected(f"{case.law}: {seen} (with {case.where()}).", diagnosis=mistake)

    def recognise(self, pairs: list[Pair], gradients: bool) -> str | None:
        """The sentence of the known mistake with the same values (and gradients) in every case."""

        def parts(run: Run) -> list[np.ndarray]:
            return [*run.value, *(run.gradients or [])] if gradients else run.value

        def same(pair: Pair, function: Callable) -> bool:
            try:
                return pair.agrees(parts(pair.got), parts(self.expect(function, pair.case, gradients)))
            except (RuntimeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError):
                # a mistake that cannot be made with these sizes
                return False

        for function, sentence in self.wrong():
            # The newest case is tried first, because it is the one that differs.
            if all(same(pair, function) for pair in reversed(pairs)):
                return sentence
        return None


def _numbers(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to("cpu", torch.float64).numpy().copy()
