"""`attention_score_loss` and `hidden_state_loss`: X. Jiao et al., "TinyBERT" (2020), section 3.1, over real
tokens."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.formulas.texts import hidden, scores
from kdcourse.grading.function_task import Case, FunctionTask, Pair, Run
from kdcourse.grading.mistakes.texts import hidden_mistakes, score_mistakes
from kdcourse.grading.module_task import ModuleTask, Recorded
from kdcourse.grading.probe import Rejected

BIG = 1e4
EMPTY = "With no real token in the batch, the loss is 0, with a graph"
GUARD = (
    "Where nothing is counted the mean is 0/0. Divide the sum by `count.clamp(min=1)`, which is 0 and has a "
    "graph."
)
GRAPH = (
    "The 0 must have a graph, so that `backward()` works on such a batch too: a sum over nothing divided by "
    "`count.clamp(min=1)` has one."
)
TYPE = (
    "The mask may be of integers, of bool or of floats: begin with `real = mask == 1` (or `mask.bool()`), "
    "and use "
    "only `real` afterwards. `~` of an integer is not its opposite, and integers are no selection."
)
OF_TYPES = ("indices must be", "bitwise", "boolean mask")  # in torch's own messages
INFINITE = (
    "At padded places there may be −inf. −inf minus −inf is NaN, and 0 times NaN is NaN: multiplying by "
    "the mask "
    "does not remove it. Choose with `torch.where(pairs, student - teacher, 0.0)`, or pick the pairs out by "
    "indexing with a bool mask."
)


def mask_of(B: int, L: int, seed: int, dtype: torch.dtype = torch.long) -> Tensor:
    """Texts of different lengths, one of them full; padding at the end."""
    lengths = 1 + (torch.arange(B) * 2 + seed) % (L - 1) if L > 1 else torch.ones(B, dtype=torch.long)
    lengths[seed % B] = L
    return (torch.arange(L) < lengths[:, None]).to(dtype)


def holes(B: int, L: int, seed: int) -> Tensor:
    """Padding anywhere; the first text has one real token at least."""
    mask = torch.rand(B, L, generator=torch.Generator().manual_seed(seed)) < 0.6
    mask[0, L // 2] = True
    return mask.long()


def scores_case(law: str, B: int, heads: int, L: int, **options) -> Case:
    seed = 4000 + 31 * B + 7 * heads + L
    scale = options.pop("scale", 1.5)
    s = options.pop("s", scale * normal(seed, B, heads, L, L))
    t = options.pop("t", scale * normal(seed + 500, B, heads, L, L) + 0.3)
    mask = options.pop("mask", mask_of(B, L, seed))
    padded = options.pop("padded", None)
    if padded is not None:
        real = mask == 1
        away = ~(real[:, :, None] & real[:, None, :])[:, None]
        if options.pop("keys_only", False):
            away = ~real[:, None, None, :]
        s, t = (x.masked_fill(away, value) for x, value in zip((s, t), padded, strict=True))
    return Case((s, t, mask), {"B": B, "heads": heads, "L": L}, law, **options)


def score_cases() -> list[Case]:
    f64, live = {"dtype": torch.float64}, {"teacher_requires_grad": True}
    shows = scores_case
    same = normal(91, 3, 2, 5, 5)
    none = torch.zeros(3, 5, dtype=torch.long)
    one = none.clone()
    one[1, 0] = 1
    part = mask_of(4, 5, 1)
    part[2] = 0
    return [
        shows("", 3, 2, 5, model_output=True, **live),
        shows("", 4, 3, 6, **f64),
        shows("", 5, 4, 7, scale=3.0, **live),
        shows("", 2, 5, 4, **f64, model_output=True),
        shows("", 6, 2, 3, scale=0.5),
        shows("With padding anywhere, not only at the end", 4, 3, 6, mask=holes(4, 6, 2), **live),
        shows("Without padding", 3, 2, 5, mask=torch.ones(3, 5, dtype=torch.long), **f64),
        shows("With a mask of bool", 3, 2, 5, mask=mask_of(3, 5, 2, torch.bool)),
        shows("With a mask of float32", 3, 2, 5, mask=mask_of(3, 5, 2, torch.float32), model_output=True),
        shows("With a mask of uint8", 3, 2, 5, mask=mask_of(3, 5, 1, torch.uint8)),
        shows("With a single real token in the batch", 3, 2, 5, mask=one, **f64),
        shows("With a text of padding only", 4, 2, 5, mask=part, **live),
        shows("With equal scores, loss and gradient are 0", 3, 2, 5, s=same, t=same.clone()),
        shows("Whatever the scores are at padded pairs, it changes nothing (here 1e4 and −300)", 3, 2, 5,
              padded=(BIG, -300.0), **live),
        shows("With −1e4 at padded keys, in both", 3, 2, 5, padded=(-BIG, -BIG), keys_only=True, **f64),
        shows("With −1e4 at padded keys, in the teacher's scores only", 3, 2, 5, padded=(0.0, -BIG)),
        shows("With −inf at padded keys, in both", 3, 2, 5, padded=(-torch.inf, -torch.inf), keys_only=True,
              **live),
        shows("With −inf at padded pairs of the teacher", 4, 3, 6, padded=(1.0, -torch.inf), **f64),
        shows("With real scores of size 300", 3, 2, 5, scale=300.0, rtol=1e-3),
        shows("With a single head", 3, 1, 5, **f64),
        shows("With a single text", 1, 3, 5, mask=mask_of(1, 5, 1)[:, :5] * torch.tensor([1, 1, 1, 0, 0])),
        shows("With as many texts as heads and tokens", 4, 4, 4, model_output=True, **live),
        shows("With texts of one token", 3, 2, 1, **f64),
        shows(EMPTY, 3, 2, 5, mask=none, model_output=True, **live),
        shows(f"{EMPTY} (with −inf everywhere)", 3, 2, 5, mask=none, padded=(-torch.inf, -torch.inf)),
        shows("When called a second time with the same inputs", 3, 2, 5, model_output=True, **live),
    ]  # fmt: skip


def score_shapes(args: tuple) -> dict[tuple, str]:
    B, heads, L, _ = args[0].shape
    real = args[2] == 1
    pairs = int(real.sum(1).square().sum())
    return {
        (B, heads, L, L): "Nothing is reduced yet: take the mean over heads and real pairs.",
        (pairs,): "Nothing is reduced yet: take the mean over heads and real pairs.",
        (B,): "This is one loss for each text; take one mean over all heads and real pairs of the batch.",
        (heads,): "This is one loss for each head; take the mean over the heads as well.",
        (B, heads): "This is one loss for each text and head; take one mean over everything.",
    }


@dataclass(frozen=True)
class MaskedTask(FunctionTask):
    """What goes wrong with the mask's type, with −inf and with no token at all has a name."""

    def observe(self, function: Callable[..., object], case: Case, dtype: torch.dtype, shape: tuple) -> Run:
        try:
            return super().observe(function, case, dtype, shape)
        except Rejected as rejected:
            raise self.explained(rejected, case) from None

    def explained(self, rejected: Rejected, case: Case) -> Rejected:
        if rejected.diagnosis and rejected.diagnosis != self.misfit:
            return rejected
        kept = [line for line in rejected.feedback if line != rejected.diagnosis]
        advice = rejected.diagnosis
        if case.law.startswith("With a mask of") or any(word in kept[0] for word in OF_TYPES):
            advice = TYPE
        elif case.law.startswith(EMPTY):
            advice = GRAPH if "not a tensor" in kept[0] else GUARD
        return Rejected(*kept, diagnosis=advice)

    def require_law(self, pairs: list[Pair]) -> None:
        case, got, _ = pairs[-1]
        finite = all(np.isfinite(part).all() for part in (*got.value, *(got.gradients or [])))
        right = pairs[-1].value_right and pairs[-1].gradient_right
        if case.law.startswith("With a mask of") and not right:
            raise Rejected(f"{case.law}: value or gradient is another one.", diagnosis=TYPE)
        if "−inf" in case.law and not finite:
            raise Rejected(f"{case.law}: value or gradient is not finite.", diagnosis=INFINITE)
        if case.law.startswith(EMPTY) and not finite:
            raise Rejected(f"{case.law}: value or gradient is not finite.", diagnosis=GUARD)
        if case.law.startswith(EMPTY) and pairs[-1].value_right and got.gradients is None:
            raise Rejected(f"{case.law}: your 0 has no graph.", diagnosis=GRAPH)
        super().require_law(pairs)


def hidden_case(law: str, B: int, L: int, Ds: int, Dt: int, **options) -> Case:
    seed = 5000 + 31 * B + 7 * L + 3 * Ds + Dt
    scale = options.pop("scale", 1.5)
    layers = options.pop("layers", None) or [nn.Linear(Ds, Dt)]
    projection = Recorded(seed + 9, *layers)
    s = scale * normal(seed, B, L, Ds)
    mask = options.pop("mask", mask_of(B, L, seed))
    t = scale * normal(seed + 500, B, L, Dt) + 0.3
    if options.pop("equal", False):
        with torch.no_grad():
            t = projection.layers(s)
    padded = options.pop("padded", None)
    if padded is not None:
        s, t = (
            x.masked_fill((mask != 1)[:, :, None], value) for x, value in zip((s, t), padded, strict=True)
        )
    sizes = {"B": B, "L": L, "Ds": Ds, "D": Dt}
    return Case((s, t, mask, projection), sizes, law, **options)


def hidden_cases() -> list[Case]:
    f64, live = {"dtype": torch.float64}, {"teacher_requires_grad": True}
    shows = hidden_case
    none = torch.zeros(3, 5, dtype=torch.long)
    one = none.clone()
    one[1, 0] = 1
    part = mask_of(4, 5, 1)
    part[2] = 0
    return [
        shows("", 3, 5, 2, 7, model_output=True, **live),
        shows("", 4, 6, 5, 3, **f64),
        shows("", 5, 3, 4, 6, scale=3.0, **live),
        shows("", 2, 7, 3, 4, **f64, model_output=True),
        shows("", 6, 4, 5, 5, scale=0.5, **live),
        shows("With padding anywhere, not only at the end", 4, 6, 3, 5, mask=holes(4, 6, 2), **live),
        shows("Without padding", 3, 5, 2, 4, mask=torch.ones(3, 5, dtype=torch.long), **f64),
        shows("With a mask of bool", 3, 5, 2, 4, mask=mask_of(3, 5, 2, torch.bool)),
        shows("With a mask of float32", 3, 5, 2, 4, mask=mask_of(3, 5, 2, torch.float32), model_output=True),
        shows("With a mask of uint8", 3, 5, 2, 4, mask=mask_of(3, 5, 1, torch.uint8)),
        shows("With a single real token in the batch", 3, 5, 2, 4, mask=one, **f64),
        shows("With a text of padding only", 4, 5, 3, 2, mask=part, **live),
        shows("With states that agree after the projection, loss and gradient are 0", 3, 5, 2, 4, equal=True,
              **f64),
        shows("Whatever stands at padding, it changes nothing (here 1e4 and −300)", 3, 5, 2, 4,
              padded=(BIG, -300.0), **live),
        shows("With zeros at padding, in both", 3, 5, 2, 4, padded=(0.0, 0.0), **f64),
        shows("With a projection without a bias", 3, 5, 2, 4, layers=[nn.Linear(2, 4, bias=False)], **live),
        shows("With a projection of two layers", 3, 5, 2, 4,
              layers=[nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 4)]),
        shows("With states of size 1e3", 3, 5, 2, 4, scale=1e3, rtol=1e-3),
        shows("With a single feature", 3, 5, 4, 1, **f64),
        shows("With a single text", 1, 5, 3, 2, mask=torch.tensor([[1, 1, 1, 0, 0]])),
        shows("With as many texts as tokens and features", 4, 4, 4, 4, model_output=True, **live),
        shows("With texts of one token", 3, 1, 2, 4, **f64),
        shows(EMPTY, 3, 5, 2, 4, mask=none, model_output=True, **live),
        shows("When called a second time with the same inputs", 3, 5, 2, 7, model_output=True, **live),
    ]  # fmt: skip


def hidden_shapes(args: tuple) -> dict[tuple, str]:
    B, L, D = args[1].shape
    tokens = int((args[2] == 1).sum())
    return {
        (B, L, D): "Nothing is reduced yet: take the mean over features and real tokens.",
        (tokens, D): "Nothing is reduced yet: take the mean over features and real tokens.",
        (B, L): "This is one loss for each token; take the mean over the real ones.",
        (tokens,): "This is one loss for each real token; take their mean.",
        (B,): "This is one loss for each text; take one mean over all real tokens of the batch.",
        (D,): "This is one loss for each feature; take the mean over the features as well.",
    }


@dataclass(frozen=True)
class HiddenTask(MaskedTask, ModuleTask):
    """The masks' explanations around a task with a module."""


TASKS = {
    "attention_score_loss": MaskedTask(
        ("student_scores", "teacher_scores", "mask"), "a scalar", scores, score_cases, score_mistakes,
        constants=(1,), shapes=score_shapes, not_finite=INFINITE,
        misfit="Two shapes do not fit. The mask (B, L) has no axis of heads: the pairs are "
        "`real[:, :, None] & real[:, None, :]`, (B, L, L), and `[:, None]` gives them an axis for the heads.",
    ),
    "hidden_state_loss": HiddenTask(
        ("student", "teacher", "mask", "projection"), "a scalar", hidden, hidden_cases, hidden_mistakes,
        constants=(1,), shapes=hidden_shapes, not_finite=GUARD,
        misfit="Two shapes do not fit. The mask (B, L) has no axis of features: `mask[:, :, None]` has one. "
        "And the student's states have the teacher's width only after `projection`.",
        on_the_teacher="The projection acts on the teacher's states. It belongs on the student's side: on "
        "the teacher's, a projection to 0 and a student that says 0 agree perfectly.",
        unused="The projection is not used: it brings the student's states to the teacher's width.",
        needs_call="The projection may be any module: call it, `projection(student)`, and ask it for nothing "
        "else.",
    ),
}  # fmt: skip
