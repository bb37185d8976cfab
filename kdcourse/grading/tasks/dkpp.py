"""`dkpp_targets`: dark knowledge with permuted predictions. Furlanello et al. (2018), section 3.

No stored answer: the result is random. What holds for every right one is checked instead, and how often each
permutation comes.
"""

from collections.abc import Callable
from itertools import permutations

import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import normal, softmax
from kdcourse.grading.probe import Rejected, call, prepare, real_tensor

NAMES = ("teacher_probabilities", "generator")
MEANING = "one row of targets for each sample"
ROWS = 6000  # equal ones, whose permutations are counted
FAR = 50.0  # chi-squared of the six counts: once in a hundred million tries a right answer is beyond it


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def inputs() -> dict[str, Tensor]:
    """Rows without two equal largest entries, by what they show."""
    saturated = torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    return {
        "": softmax(1.5 * normal(41, 6, 5)).float(),
        "With more classes than samples": softmax(1.5 * normal(42, 4, 9)).float(),
        "With as many samples as classes": softmax(2.0 * normal(43, 5, 5)).double(),
        "With a single sample": softmax(1.5 * normal(44, 1, 7)).float(),
        "With two classes": softmax(1.5 * normal(45, 6, 2)).float(),
        "With rows whose tail is 0": saturated,
    }


def run(function: Callable[..., object], p: Tensor, lots: torch.Generator) -> Tensor:
    result = real_tensor(call(function, NAMES, [p, lots]), p.shape, MEANING)
    return result.detach().to(p.dtype)


def dkpp_targets(answer: object) -> list[str]:
    function = prepare(answer, NAMES)
    for law, p in inputs().items():
        try:
            require_rows(run(function, p.clone(), generator(3)), p)
        except Rejected as rejected:
            if law:
                rejected.feedback[0] = f"{law}: {rejected.feedback[0]}"
            raise
    require_generator(function)
    require_uniform(function)
    return [
        "The largest entry stays, the others change places, and no probability is lost.",
        "Every permutation comes equally often, each row has its own, and all of them follow the generator.",
    ]


def same(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-5, atol=1e-7)


def require_rows(got: Tensor, p: Tensor) -> None:
    if not got.isfinite().all():
        raise Rejected("Your result is not finite.")
    ours, mine = p.sort(dim=1).values, got.sort(dim=1).values
    best = p.argmax(dim=1, keepdim=True)
    kept = got.gather(1, best)
    if not same(mine, ours):
        raise Rejected(
            "A row of your result does not hold the same numbers as the teacher's row.",
            diagnosis=why_other_numbers(got, p),
        )
    if not same(kept, p.amax(dim=1, keepdim=True)):
        diagnosis = None
        if same(got.sort(dim=1, descending=True).values, got):
            diagnosis = "Your rows are sorted; write each number back to a place of its own (`scatter`)."
        elif same(got[:, -1], p.amax(1)) or same(got[:, 0], p.amax(1)):
            diagnosis = "The largest goes to a fixed place; it stays where the teacher has it."
        raise Rejected(
            "The largest probability of a row does not stay where it is.",
            diagnosis=diagnosis
            or "All C places are permuted. Leave the arg-max out, and permute the others.",
        )


def why_other_numbers(got: Tensor, p: Tensor) -> str | None:
    B, C = p.shape
    largest = p.amax(dim=1, keepdim=True)
    at_best = torch.zeros_like(p, dtype=torch.bool).scatter(1, p.argmax(1, keepdim=True), True)
    if B > 1 and same(got.flatten().sort().values, p.flatten().sort().values):
        return (
            "Numbers wander from sample to sample: the permutation acts on the batch, or on the flattened "
            "tail of all rows. Each row keeps its own numbers."
        )
    if same(got, torch.where(at_best, largest, (1 - largest) / max(1, C - 1))):
        return "The tail is spread evenly; its numbers are to change places, not to be averaged."
    if bool((got.masked_select(at_best) == 0).all()) or same(got.amax(1), p.masked_fill(at_best, 0).amax(1)):
        return "The largest probability is lost. (Was its place overwritten, or left at 0?)"
    if same(got.softmax(1), got) or same(got.sort(1).values, p.softmax(1).sort(1).values):
        return "A softmax acts on what are probabilities already."
    if not same(got.sum(1), p.sum(1)):
        return (
            "A number occurs twice and another is lost. Draws with replacement (`randint`, `multinomial(..., "
            "replacement=True)`) give no permutation; `randperm`, or the `argsort` of random numbers, does."
        )
    return None


def require_generator(function: Callable[..., object]) -> None:
    p = softmax(1.5 * normal(47, 40, 8)).float()
    lots = generator(5)
    first, second = run(function, p, lots), run(function, p, lots)
    if torch.equal(first, p) and torch.equal(second, p):
        raise Rejected(
            "Your result is the teacher's own prediction: nothing has changed places.",
            diagnosis="Indexing with a permutation gives a new tensor; is it thrown away?",
        )
    again = run(function, p, generator(5))
    if not torch.equal(first, again):
        raise Rejected(
            "Two calls with generators of the same seed give different targets: the experiment could not be "
            "repeated.",
            diagnosis="Give it to each random function: `torch.rand(..., generator=generator)`, "
            "`torch.randperm(..., generator=generator)`.",
        )
    if torch.equal(first, second):
        raise Rejected(
            "Two calls with the same generator, one after the other, give the same targets.",
            diagnosis="The generator moves on as it is used. Is it seeded anew inside, is a copy of it used, "
            "or is another one, of a fixed seed?",
        )
    if torch.equal(first, run(function, p, generator(6))) and torch.equal(
        second, run(function, p, generator(7))
    ):
        raise Rejected("Generators of other seeds give the same targets: the generator is not used.")


def require_uniform(function: Callable[..., object]) -> None:
    """Of 4 classes, 3 change places: 6 permutations, each as often as any other."""
    row = torch.tensor([0.2, 0.15, 0.55, 0.1])
    got = run(function, row.repeat(ROWS, 1), generator(8))[:, [0, 1, 3]]
    orders = torch.tensor(list(permutations([0.2, 0.15, 0.1])))
    counts = (got[:, None] - orders).abs().amax(2).lt(1e-5).sum(0).tolist()
    if max(counts) == ROWS:
        raise Rejected(
            f"In a batch of {ROWS} equal rows all rows come out alike.",
            diagnosis="One permutation serves the whole batch; a student could learn it. Draw one for "
            "each row.",
        )
    expected = ROWS / len(counts)
    if sum((count - expected) ** 2 for count in counts) / expected <= FAR:
        return
    seen = ", ".join(f"{100 * count / ROWS:.0f}" for count in counts)
    diagnosis = None
    missing = [not count for count in counts]
    stays = [sum(a == b for a, b in zip(order, orders[0].tolist(), strict=True)) for order in orders.tolist()]
    if missing == [places > 0 for places in stays]:
        diagnosis = (
            "No number ever stays where it was. These are shifts, or permutations without fixed points; a "
            "uniform permutation leaves a number in its place now and then."
        )
    elif missing[0] and not any(missing[1:]):
        diagnosis = "The row as it was never comes; it is one of the permutations too."
    elif missing == [places == 0 for places in stays]:
        diagnosis = "At most two numbers change places: this is one exchange, not a permutation."
    elif sum(missing) == 3:
        diagnosis = "Only shifts, or shifts and mirror images, occur: three of the six permutations."
    elif sum(missing) == 4:
        diagnosis = "Rows come out in two ways only: forwards and backwards?"
    elif counts[0] > 1.5 * expected:
        diagnosis = "Many rows stay as they were."
    elif not any(missing):
        diagnosis = (
            "Is every place exchanged with *any* other? That favours some orders; exchange it with those "
            "that are not yet fixed, or sort random numbers."
        )
    raise Rejected(
        "Some permutations come more often than others: with three numbers in the tail, the six come in "
        f"{seen} % of the rows.",
        diagnosis=diagnosis,
    )


TASKS = {"dkpp_targets": dkpp_targets}
