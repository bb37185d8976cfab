"""`self_distillation_loss` and `dml_losses`: nets that teach themselves, and nets that teach each other.

L. Zhang et al. (2019), section 3, and Y. Zhang et al. (2018), section 3.
"""

import re
from collections.abc import Callable

import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import labels_for, normal
from kdcourse.grading.function_task import Case, FunctionTask, Pair, Run, _numbers
from kdcourse.grading.mistakes.self_and_mutual import (
    dml_mistakes,
    mutual,
    self_distillation,
    self_distillation_mistakes,
)
from kdcourse.grading.probe import Rejected, call, prepare, protected, real_tensor

BIG = 1e4


def exits_cases() -> list[Case]:
    return [
        exits_case("", 3, 5, 7, 3.0, 0.7, model_output=True),
        exits_case("", 2, 4, 3, 2.5, 0.2, dtype=torch.float64),
        exits_case("", 5, 6, 11, 8.0, 0.9, scale=4.0),
        exits_case("", 4, 3, 5, 0.6, 0.35, scale=1.0, dtype=torch.float64),
        exits_case("", 3, 7, 4, 5.0, 1.0, scale=3.0),
        exits_case("", 5, 3, 6, 4.0, 0.0, dtype=torch.float64),
        exits_case("At T = 1", 3, 5, 4, 1.0, 0.8),
        exits_case(
            "With exits that agree, the soft terms and their gradients are 0", 4, 6, 5, 4.0, 1.0,
            exits=(2 * normal(8, 1, 6, 5)).repeat(4, 1, 1),
        ),
        exits_case(
            "A constant added to all logits of a sample changes nothing", 3, 4, 6, 2.0, 0.6,
            exits=2 * normal(11, 3, 4, 6) + 30 * normal(12, 3, 4, 1), dtype=torch.float64, atol=2e-4,
        ),
        exits_case("With a single sample", 3, 1, 6, 3.0, 0.7),
        exits_case("With two classes", 4, 5, 2, 3.5, 0.6, dtype=torch.float64),
        exits_case("With as many exits as samples and classes", 4, 4, 4, 2.5, 0.3),
        exits_case("With seven exits", 7, 3, 5, 2.5, 0.4),
        exits_case("With labels that are all 0", 3, 4, 5, 3.0, 0.3, labels=torch.zeros(4, dtype=torch.long)),
        exits_case("At the high temperature T = 20", 3, 5, 8, 20.0, 0.9, scale=3.0),
        exits_case("With logits of size 100", 4, 5, 6, 1.5, 0.6, scale=50.0, rtol=1e-3),
        exits_case(
            "With logits of size 1e4 where the exits disagree", 3, 5, 7, 3.0, 0.7, rtol=1e-3,
            exits=BIG * torch.stack([torch.eye(5, 7, dtype=torch.float64).roll(i, 1) for i in (2, 1, 0)]),
        ),
        exits_case("When called a second time with the same inputs", 3, 5, 7, 3.0, 0.7, model_output=True),
    ]  # fmt: skip


def exits_case(
    law: str, E: int, B: int, C: int, T: float, alpha: float, scale: float = 2.0, **options
) -> Case:
    exits = options.pop("exits", scale * normal(600 + 11 * E + 7 * B + C, E, B, C))
    labels = options.pop("labels", labels_for(B, C))
    # Subtracting entropies, as some right answers do, costs float32 digits in proportion to T².
    options = {"atol": 3e-6 * max(1.0, T * T)} | options
    return Case((exits, labels, T, alpha), {"E": E, "B": B, "C": C, "T": T, "alpha": alpha}, law, **options)


def single_exit() -> list[Case]:
    return [exits_case("With a single exit, where the loss is its cross-entropy", 1, 5, 4, 3.0, 0.7)]


class ExitsTask(FunctionTask):
    """The cases have the exits as one tensor, and the answer gets them as a list."""

    def __call__(self, answer: object) -> list[str]:
        function = prepare(answer, self.names)

        def of_tensor(stacked: Tensor, labels: Tensor, T: float, alpha: float) -> object:
            exits = [z.clone() for z in stacked]
            kept, before = list(exits), [z.detach().clone() for z in exits]
            learns = [z.requires_grad for z in exits]
            result = function(exits, labels, T, alpha)
            if len(exits) != len(kept) or any(a is not b for a, b in zip(exits, kept, strict=True)):
                raise Rejected(
                    "Your function changes the list `exits`; the caller still needs it.",
                    diagnosis="`pop`, `reverse`, `append` and `exits[i] = ...` work on the caller's list. "
                    "`exits[:-1]` and `exits[-1]` leave it as it is.",
                )
            if any(z._version or not torch.equal(z, old) for z, old in zip(exits, before, strict=True)):
                raise Rejected(
                    "Your function changes the logits in `exits`; the caller still needs them.",
                    diagnosis="An in-place operation (`/=`, `+=`, `..._()`) works on the caller's tensor. "
                    "Make a new one instead.",
                )
            if [z.requires_grad for z in exits] != learns:
                raise Rejected(
                    "Your function cuts a tensor in `exits` off from its graph; leave the caller's as it is.",
                    diagnosis="`detach_()` and `requires_grad_()` act on the caller's tensor; `detach()` "
                    "gives a new one.",
                )
            return result

        try:
            return super().__call__(of_tensor)
        except Rejected as rejected:
            if re.search(r"to unpack|index out of range", rejected.feedback[0]) and not rejected.diagnosis:
                raise Rejected(
                    rejected.feedback[0],
                    diagnosis="The list can have any length: the deepest exit is `exits[-1]`, and "
                    "`exits[:-1]` are all others.",
                ) from None
            raise


def exits_shapes(args: tuple) -> dict[tuple, str]:
    E, B, C = args[0].shape
    return {
        (E, B, C): "Nothing is reduced yet: sum over classes and exits, take the mean over the batch.",
        (E,): "This is one loss for each exit; add them up.",
        (E - 1,): "This is one loss for each shallow exit; add them up, with the deepest one's.",
        (B,): "This is one loss for each sample; take the mean over the batch.",
    }


# --- dml_losses ---


def dml_cases() -> list[Case]:
    def shows(law: str, B: int, C: int, scale: float = 2.0, **options) -> Case:
        a = options.pop("a", scale * normal(700 + 7 * B + C, B, C))
        b = options.pop("b", scale * normal(750 + 5 * B + C, B, C))
        labels = options.pop("labels", labels_for(B, C))
        return Case((a, b, labels), {"B": B, "C": C}, law, **({"atol": 3e-6} | options))

    peaks = BIG * torch.eye(5, 7, dtype=torch.float64)
    same = 2 * normal(708, 6, 5)
    return [
        shows("", 5, 7, model_output=True),
        shows("", 4, 3, dtype=torch.float64),
        shows("", 6, 11, scale=4.0, model_output=True),
        shows("", 3, 5, scale=1.0, dtype=torch.float64),
        shows("", 7, 4, a=5 * normal(701, 7, 4), b=normal(702, 7, 4)),
        shows("With nets that agree, the divergences and their gradients are 0", 6, 5, a=same,
              b=same.clone()),
        shows(
            "A constant added to all logits of a sample changes nothing", 4, 6, dtype=torch.float64,
            a=2 * normal(703, 4, 6) + 30 * normal(704, 4, 1), b=2 * normal(705, 4, 6), atol=2e-5,
        ),
        shows("With a single sample", 1, 6, dtype=torch.float64),
        shows("With two classes", 5, 2, model_output=True),
        shows("With as many samples as classes", 5, 5, scale=3.0),
        shows("With labels that are all 0", 4, 5, labels=torch.zeros(4, dtype=torch.long)),
        shows("With logits of size 100", 5, 6, scale=50.0, rtol=1e-3),
        shows("With logits of size 1e4 where the nets disagree", 5, 7, a=peaks.roll(2, 1), b=peaks,
              rtol=1e-3),
        shows("With one net whose logits have the size 1e4", 3, 4, a=BIG * normal(706, 3, 4), rtol=1e-3,
              atol=1e-3),
        shows("When called a second time with the same inputs", 5, 7, model_output=True),
    ]  # fmt: skip


class PairTask(FunctionTask):
    """An answer returns two scalars, and the gradient of each for each input is compared by itself."""

    def __call__(self, answer: object) -> list[str]:
        feedback = super().__call__(answer)
        return [*feedback, self.two_backward_passes(prepare(answer, self.names))]

    def observe(self, function: Callable[..., object], case: Case, dtype: torch.dtype, shape: tuple) -> Run:
        args, roots = self.arguments(case, dtype)
        if case.model_output:
            args[:2] = [roots[position] * 1.0 for position in self.learns]
        losses = self.two_losses(call(function, self.names, args), case)
        return protected(self.of_two, losses, roots)

    def two_losses(self, result: object, case: Case) -> list[Tensor]:
        if isinstance(result, Tensor):
            advice = (
                "It looks like a sum: two nets with two optimisers need a loss each."
                if result.numel() == 1
                else "In one tensor the losses would share a graph, and the second `backward()` would fail."
            )
            raise Rejected(
                f"Your function returns one tensor of the shape {tuple(result.shape)}; expected are two "
                "losses.",
                diagnosis=f"{advice} Return `loss_a, loss_b`.",
            )
        if result is None:
            raise Rejected("Your function returns None. Is a `return` missing?")
        if not isinstance(result, tuple | list):
            raise Rejected(f"Your function returns a {type(result).__name__}; expected are two losses.")
        if len(result) != 2:
            raise Rejected(f"Your function returns {len(result)} things; expected are `loss_a, loss_b`.")
        losses = []
        for name, loss in zip(("loss_a", "loss_b"), result, strict=True):
            try:
                losses.append(real_tensor(loss, torch.Size(()), "a scalar").reshape(()))
            except Rejected as rejected:
                shape = tuple(getattr(loss, "shape", ()))
                B, C = case.args[0].shape
                why = {
                    (B,): "This is one loss for each sample; take the mean over the batch.",
                    (C,): "This is one loss for each class; sum over the classes.",
                    (B, C): "Nothing is reduced yet: sum over the classes, take the mean over the batch.",
                }.get(shape)
                advice = [why] if why and rejected.diagnosis is None else []
                raise Rejected(
                    f"{name}: {rejected.feedback[0]}",
                    *rejected.feedback[1:],
                    diagnosis=advice[0] if advice else rejected.diagnosis,
                ) from None
        return losses

    def measure(self, result: Tensor, roots: dict[int, Tensor]) -> Run:
        return self.of_two(list(result.unbind()), roots)

    def of_two(self, losses: list[Tensor], roots: dict[int, Tensor]) -> Run:
        value = [torch.stack([loss.detach().double() for loss in losses])]
        if not any(loss.requires_grad for loss in losses):
            return Run([_numbers(v) for v in value], None)
        gradients = []
        for loss in losses:
            found = [None] * len(roots)
            if loss.requires_grad:
                found = torch.autograd.grad(loss, list(roots.values()), allow_unused=True, retain_graph=True)
            gradients += [
                torch.zeros_like(root) if g is None else g
                for root, g in zip(roots.values(), found, strict=True)
            ]
        return Run([_numbers(v) for v in value], [_numbers(g) for g in gradients])

    def require_gradients(self, pairs: list[Pair]) -> None:
        for pair in pairs:
            got = pair.got.gradients
            if got is None or pair.gradient_right:
                continue
            # The gradients are those of loss_a for a and b, and of loss_b for a and b.
            mistake = self.recognise(pairs, gradients=True)
            for mine, name, who in ((0, "loss_a", "logits_a"), (3, "loss_b", "logits_b")):
                if not got[mine].any():
                    raise Rejected(
                        f"The values are right, but no gradient of {name} reaches `{who}`.",
                        diagnosis=mistake or "That side is detached, or computed under `no_grad`.",
                    )
            for other, name, who in ((1, "loss_a", "logits_b"), (2, "loss_b", "logits_a")):
                if got[other].any():
                    raise Rejected(
                        f"The values are right, but a gradient of {name} reaches `{who}`, which is a "
                        "constant there.",
                        diagnosis=mistake or f"Use `{who}.detach()` in {name}.",
                    )
        super().require_gradients(pairs)

    def two_backward_passes(self, function: Callable[..., object]) -> str:
        """As in training: two nets, two `backward()`, nothing retained. The task does not ask for it."""
        case = self.cases()[0]
        args, roots = self.arguments(case, torch.float32)
        args[:2] = [roots[position].sin() for position in self.learns]
        losses = self.two_losses(call(function, self.names, args), case)
        losses[0].backward()
        if roots[1].grad is not None and not roots[1].grad.any():
            roots[1].grad = None
        try:
            losses[1].backward()
        except RuntimeError as error:
            if "second time" not in str(error):
                raise
            return (
                "A remark, which costs nothing here: after `loss_a.backward()` the call `loss_b.backward()` "
                "fails, since the two losses share a graph, such as one softmax of both nets' logits. "
                "Compute each from its own logits and the *detached* ones of the peer, and each net can take "
                "its step."
            )
        return "`loss_a.backward()` and `loss_b.backward()` work one after the other."


TASKS = {
    "self_distillation_loss": ExitsTask(
        ("exits", "labels", "T", "alpha"), "a scalar", self_distillation, exits_cases,
        self_distillation_mistakes, shapes=exits_shapes, open_cases=single_exit,
    ),
    "dml_losses": PairTask(
        ("logits_a", "logits_b", "labels"), "two scalars", mutual, dml_cases, dml_mistakes, learns=(0, 1),
    ),
}  # fmt: skip
