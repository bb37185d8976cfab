"""`exit_policy`: which exit answers. Teerapittayanon et al. (2016), by the top probability."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import normal, softmax
from kdcourse.grading.probe import Rejected, call, prepare

NAMES = ("exits", "threshold")
PAIR = "a pair (predictions, exit_index), two integer tensors of shape (B,)"
BIG = 1e4


class Case(NamedTuple):
    exits: Tensor  # (E, B, C), float64
    threshold: float
    law: str = ""
    dtype: torch.dtype = torch.float32

    def where(self) -> str:
        E, B, C = self.exits.shape
        return f"E = {E} exits, B = {B}, C = {C}, threshold = {self.threshold:g}"


class Wrong(NamedTuple):
    """A known mistake: (exits, threshold) -> (predictions, exit_index), and a kind sentence."""

    function: Callable[[Tensor, float], tuple[Tensor, Tensor]]
    sentence: str


def top(z: Tensor) -> Tensor:
    return softmax(z, -1).amax(-1)


def first_sure(sure: Tensor, fallback: Tensor | int) -> Tensor:
    """The index of the first exit that is sure, for sure (E, B)."""
    first = sure.int().argmax(0)
    return torch.where(sure.any(0), first, torch.as_tensor(fallback))


def answers_of(z: Tensor, index: Tensor) -> Tensor:
    return z.argmax(-1).gather(0, index[None])[0]


def policy(z: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    index = first_sure(top(z) >= threshold, len(z) - 1)
    return answers_of(z, index), index


def cases() -> list[Case]:
    def drawn(E: int, B: int, C: int, threshold: float, law: str = "", scale: float = 1.5, **options) -> Case:
        # Deeper exits are surer, as in real nets, but not always.
        exits = scale * normal(61 + 17 * E + 5 * B + C, E, B, C)
        exits = options.pop("exits", exits * torch.linspace(0.7, 1.3, E)[:, None, None])
        return Case(exits, threshold, law, **options)

    sure = torch.zeros(3, 4, 5, dtype=torch.float64)
    sure[1, :, 2], sure[2, :, 3] = 60.0, 60.0  # rounded, the top probability is 1
    # No sample is sure at the first exit, all are at the third.
    steps = torch.tensor([0.2, 1.5, 9.0, 1.0], dtype=torch.float64)[:, None, None] * normal(65, 4, 7, 4)
    shifted = 1.5 * normal(66, 3, 9, 5) + 10 * normal(67, 3, 9, 1)
    return [
        drawn(3, 12, 5, 0.6),
        drawn(2, 9, 4, 0.55, dtype=torch.float64),
        drawn(4, 15, 3, 0.8),
        drawn(5, 17, 6, 0.5, scale=1.2),
        drawn(3, 14, 7, 0.9, scale=2.5),
        drawn(4, 7, 4, 0.4, exits=steps),
        drawn(3, 10, 4, 0.0, "At the threshold 0, where the first exit is sure enough for every sample"),
        drawn(3, 10, 4, 1.01, "At a threshold above 1, where only the deepest exit can answer"),
        drawn(4, 8, 6, 0.95, "Where no exit is sure, so that the deepest answers", scale=0.3),
        drawn(3, 4, 5, 1.0, "Where a top probability equals the threshold, which is sure enough", exits=sure),
        drawn(1, 6, 4, 0.6, "With a single exit"),
        drawn(3, 1, 5, 0.6, "With a single sample"),
        drawn(3, 8, 2, 0.75, "With two classes", dtype=torch.float64),
        drawn(4, 4, 4, 0.6, "With as many exits as samples and classes"),
        drawn(7, 9, 5, 0.7, "With seven exits"),
        drawn(3, 9, 5, 0.6, "A constant added to all logits of a sample changes nothing", exits=shifted),
        drawn(3, 9, 5, 0.6, "With logits of size 1e4", exits=BIG * normal(68, 3, 9, 5)),
        drawn(3, 12, 5, 0.6, "When called a second time with the same inputs"),
    ]


def mistakes() -> Iterator[Wrong]:
    def by(score: Callable[[Tensor], Tensor], below: bool = False) -> Callable:
        def policy_by(z: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
            sure = score(z) <= threshold if below else score(z) >= threshold
            index = first_sure(sure, len(z) - 1)
            return answers_of(z, index), index

        return policy_by

    def falling_back(fallback: Callable[[Tensor], Tensor | int]) -> Callable:
        def other(z: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
            index = first_sure(top(z) >= threshold, fallback(z))
            return answers_of(z, index.clamp(0, len(z) - 1)), index

        return other

    def then(change: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]) -> Callable:
        return lambda z, threshold: change(z, *policy(z, threshold))

    def last_sure(z: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        sure = top(z) >= threshold
        index = len(z) - 1 - first_sure(sure.flip(0), 0)
        return answers_of(z, index), index

    def whole_batch(decide: Callable[[Tensor], Tensor]) -> Callable:
        def other(z: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
            index = first_sure(decide(top(z) - threshold)[:, None].expand(z.shape[:2]), len(z) - 1)
            return answers_of(z, index), index

        return other

    def surest(z: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        index = top(z).argmax(0)
        return answers_of(z, index), index

    def strictly(z: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        index = first_sure(top(z) > threshold, len(z) - 1)
        return answers_of(z, index), index

    def overflowing(z: Tensor, threshold: float, of_logits: bool) -> tuple[Tensor, Tensor]:
        p = z.float().exp()
        p = p / p.sum(-1, keepdim=True)
        index = first_sure(p.amax(-1) >= threshold, len(z) - 1)
        return answers_of(z if of_logits else p, index), index

    def margin(z: Tensor) -> Tensor:
        two = softmax(z, -1).topk(2, dim=-1).values
        return two[..., 0] - two[..., 1]

    def entropy(z: Tensor) -> Tensor:
        p = softmax(z, -1)
        return -(p * p.clamp(min=1e-300).log()).sum(-1)

    def running_mean(z: Tensor) -> Tensor:
        return torch.stack([z[: e + 1].mean(0) for e in range(len(z))])

    def averaged(z: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        return policy(running_mean(z), threshold)

    def unsure_exit(z: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        index = first_sure(top(z) < threshold, len(z) - 1)
        return answers_of(z, index), index

    yield Wrong(
        then(lambda z, p, i: (i, p)), "The two results are exchanged: predictions first, then exit_index."
    )
    yield Wrong(strictly, "An exit whose top probability equals the threshold is sure enough: `>=`, not `>`.")
    yield Wrong(
        last_sure, "The deepest sure exit answers; the shallowest is wanted. Does a later exit overwrite it?"
    )
    yield Wrong(
        surest,
        "The exit with the highest top probability answers; the first that reaches the threshold is wanted.",
    )
    yield Wrong(
        falling_back(lambda z: top(z).argmax(0)),
        "Where no exit is sure, the surest one answers; the deepest is wanted.",
    )
    yield Wrong(
        falling_back(lambda z: 0),
        "Where no exit is sure, the first one answers; the deepest is wanted. (`argmax` of a row of False "
        "is 0.)",
    )
    for number in (-1, "E"):
        yield Wrong(
            lambda z, threshold, number=number: (
                policy(z, threshold)[0],
                first_sure(top(z) >= threshold, len(z) if number == "E" else -1),
            ),
            f"Where no exit is sure, your exit_index is {number}; the deepest exit has the index E - 1.",
        )
    yield Wrong(
        by(lambda z: z.amax(-1)),
        "The threshold is compared with logits; take the softmax of each exit first.",
    )
    yield Wrong(
        by(lambda z: softmax(z, 1).amax(-1)),
        "The softmax runs over the batch; it belongs over the classes (`dim=1` of each exit).",
    )
    yield Wrong(
        by(lambda z: softmax(z, 0).amax(-1)),
        "The softmax runs over the exits; it belongs over the classes of each exit.",
    )
    yield Wrong(
        by(lambda z: top(softmax(z, -1))), "The softmax is taken twice, which makes every exit unsure."
    )
    for of_logits in (True, False):
        yield Wrong(
            partial(overflowing, of_logits=of_logits),
            "Somewhere `exp` overflows, and a comparison with NaN is never true; `torch.softmax` subtracts "
            "the maximum first.",
        )
    yield Wrong(by(margin), "This is the margin between the two best; the top probability itself counts.")
    yield Wrong(
        by(entropy, below=True),
        "This compares the entropy with the threshold; here the top probability counts.",
    )
    yield Wrong(averaged, "Each exit is averaged with those before it; here every exit speaks for itself.")
    yield Wrong(unsure_exit, "The comparison is the wrong way round: the first *unsure* exit answers.")
    for decide, how in (
        (lambda gap: (gap >= 0).all(1), "all samples are sure"),
        (lambda gap: (gap >= 0).any(1), "any sample is sure"),
        (lambda gap: gap.mean(1) >= 0, "the mean confidence of the batch reaches the threshold"),
    ):
        yield Wrong(
            whole_batch(decide),
            f"One exit is chosen for the whole batch, where {how}; every sample chooses its own.",
        )
    yield Wrong(
        then(lambda z, p, i: (z[-1].argmax(-1), i)),
        "The exits are chosen rightly, but the predictions are all the deepest exit's.",
    )
    yield Wrong(
        then(lambda z, p, i: (z[0].argmax(-1), i)),
        "The exits are chosen rightly, but the predictions are all the first exit's.",
    )
    yield Wrong(then(lambda z, p, i: (p, i + 1)), "exit_index counts from 1; the first exit has the index 0.")
    yield Wrong(
        then(lambda z, p, i: (p, len(z) - 1 - i)),
        "exit_index counts from the deepest exit; the shallowest has the index 0.",
    )
    yield Wrong(
        lambda z, threshold: policy(z.flip(0), threshold),
        "The exits are walked from the deepest to the shallowest.",
    )
    yield Wrong(
        lambda z, threshold: (z[-1].argmax(-1), torch.full(z.shape[1:2], len(z) - 1)),
        "The deepest exit answers whatever the threshold is. Are the shallow exits asked at all?",
    )
    yield Wrong(
        lambda z, threshold: (z[0].argmax(-1), torch.zeros(z.shape[1], dtype=torch.long)),
        "The first exit answers whatever the threshold is.",
    )


def two_of(result: object, B: int, C: int, E: int) -> tuple[Tensor, Tensor]:
    """The two tensors of a result, as int64."""
    if result is None:
        raise Rejected("Your function returns None. Is a `return` missing?")
    if isinstance(result, Tensor) or not isinstance(result, tuple | list):
        kind = (
            f"one tensor of shape {tuple(result.shape)}"
            if isinstance(result, Tensor)
            else type(result).__name__
        )
        raise Rejected(
            f"Your function returns {kind}; expected is {PAIR}.",
            diagnosis="Return both: `return predictions, exit_index`.",
        )
    if len(result) != 2:
        raise Rejected(f"Your function returns {len(result)} things; expected is {PAIR}.")
    for name, part in zip(("predictions", "exit_index"), result, strict=True):
        if not isinstance(part, Tensor):
            raise Rejected(
                f"Your {name} are a {type(part).__name__}; expected is {PAIR}.",
                diagnosis="`torch.tensor(list)` makes a tensor of whole numbers.",
            )
        if part.is_floating_point() or part.is_complex() or part.dtype == torch.bool:
            raise Rejected(
                f"Your {name} have the type {part.dtype}; expected are whole numbers.",
                diagnosis="These are classes and exits: `argmax` gives integers, `torch.full` and "
                "`torch.zeros` need `dtype=torch.long`.",
            )
        if part.shape != (B,):
            why = {
                (B, C): "Nothing is chosen yet among the classes: `argmax(dim=1)`.",
                (E, B): "Nothing is chosen yet among the exits: one number a sample.",
                (B, E): "Nothing is chosen yet among the exits: one number a sample.",
                (C,): "The maximum runs over the batch; take it over the classes (`dim=1`).",
                (): "One number for the whole batch; every sample has its own.",
                (B, 1): "Without `keepdim=True`, or with `squeeze(1)`, the shape is (B,).",
            }.get(tuple(part.shape))
            raise Rejected(
                f"Your {name} have the shape {tuple(part.shape)}; expected is {(B,)}, one for each sample.",
                diagnosis=why,
            )
    return result[0].long(), result[1].long()


def run(function: Callable[..., object], case: Case) -> tuple[Tensor, Tensor]:
    exits = [z.to(case.dtype).clone() for z in case.exits]
    kept, before = list(exits), [z.clone() for z in exits]
    result = call(function, NAMES, [exits, case.threshold])
    if len(exits) != len(kept) or any(a is not b for a, b in zip(exits, kept, strict=True)):
        raise Rejected(
            "Your function changes the list `exits`; the caller still needs it.",
            diagnosis="`pop`, `reverse` and `exits[i] = ...` work on the caller's list. `exits[-1]` and "
            "`exits[:-1]` leave it as it is.",
        )
    if any(not torch.equal(z, old) for z, old in zip(exits, before, strict=True)):
        raise Rejected(
            "Your function changes the logits in `exits`; the caller still needs them.",
            diagnosis="An in-place operation works on the caller's tensor. Make a new one instead.",
        )
    E, B, C = case.exits.shape
    return two_of(result, B, C, E)


def exit_policy(answer: object) -> list[str]:
    function, seen = prepare(answer, NAMES), []
    tried = cases()
    for number, case in enumerate(tried):
        prefix = f"{case.law}: " if case.law else ""
        want = policy(case.exits.to(case.dtype).double(), case.threshold)
        try:
            got = run(function, case)
        except Rejected as rejected:
            rejected.feedback[0] = prefix + rejected.feedback[0]
            raise
        seen.append((case, got))
        # Ordinary cases are all met before any is judged: together they tell the mistakes apart.
        ordinary_to_come = not case.law and number + 1 < len(tried) and not tried[number + 1].law
        if not ordinary_to_come:
            judge(seen, want if case.law else None)
    return [
        f"Predictions and exits agree with ours on {len(tried)} inputs, with thresholds from 0 to above 1 "
        "and logits of several sizes."
    ]


def judge(seen: list[tuple[Case, tuple[Tensor, Tensor]]], newest: tuple[Tensor, Tensor] | None) -> None:
    for case, got in seen if newest is None else seen[-1:]:
        want = policy(case.exits.to(case.dtype).double(), case.threshold)
        wrong = [int((mine != ours).sum()) for mine, ours in zip(got, want, strict=True)]
        if not any(wrong):
            continue
        B = case.exits.shape[1]
        prefix = f"{case.law}: " if case.law else ""
        raise Rejected(
            f"{prefix}{wrong[0]} of {B} predictions and {wrong[1]} of {B} exits are not right (with "
            f"{case.where()}).",
            diagnosis=recognise(seen),
        )


def recognise(seen: list[tuple[Case, tuple[Tensor, Tensor]]]) -> str | None:
    for function, sentence in mistakes():
        expected = (
            function(case.exits.to(case.dtype).double(), case.threshold) for case, _ in reversed(seen)
        )
        if all(
            all(torch.equal(a, b) for a, b in zip(got, want, strict=True))
            for (_, got), want in zip(reversed(seen), expected, strict=True)
        ):
            return sentence
    return None


TASKS = {"exit_policy": exit_policy}
