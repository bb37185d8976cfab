"""`cached_teacher_logits`: whole rows of stored logits, read under shuffling."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case, FunctionTask, Pair, Run, _numbers
from kdcourse.grading.mistakes.cached_logits import reading_mistakes
from kdcourse.grading.probe import Rejected

NEXT_EPOCH = "In the next epoch, where the same step has other samples"


def reading_cases() -> list[Case]:
    def shows(law: str, N: int, C: int, step: int, ids: list[int], seed: int = 0, **options) -> Case:
        sizes = {"B": len(ids), "N": N, "C": C, "step": step}
        store = 2 * normal(1471 + N + C + seed, N, C)
        return Case((store, torch.tensor(ids), step), sizes, law, **{"rtol": 2e-6, "atol": 0.0} | options)

    first = [17, 3, 40, 8, 22]
    return [
        shows("", 53, 7, 7, first),
        shows("", 23, 5, 3, [11, 2, 19, 7], dtype=torch.float64),
        shows("", 29, 3, 2, [28, 5, 0, 14, 9, 21]),
        shows("", 31, 4, 0, [6, 30, 12], dtype=torch.float64),
        shows(NEXT_EPOCH, 53, 7, 7, [29, 50, 1, 33, 12]),
        shows("Where the same samples come in another step", 53, 7, 2, first),
        shows("With another teacher's store of the same size", 53, 7, 7, first, seed=5),
        shows("In the first step, step = 0", 53, 7, 0, [44, 2, 31, 9, 10]),
        shows("In a step far beyond the length of the store", 53, 7, 1000, [44, 2, 31, 9, 10]),
        shows("With a last batch that is smaller", 23, 5, 5, [4, 21, 13]),
        shows("With a single sample", 23, 5, 6, [13]),
        shows("Where a sample occurs more than once", 23, 5, 1, [9, 4, 9, 16]),
        shows("Where the batch is the whole data set, shuffled", 6, 4, 0, [3, 0, 5, 1, 4, 2]),
        shows("Where the batch is longer than the store, with repeats", 3, 5, 1, [2, 0, 1, 1, 2, 2, 0]),
        shows("With ids that happen to ascend", 23, 5, 2, [2, 3, 11, 20]),
        shows("With the first and the last sample of the store", 23, 5, 2, [22, 0]),
        shows("With as many samples as classes", 23, 5, 2, [7, 22, 0, 13, 5]),
        shows("When called a second time with the same inputs", 53, 7, 7, first),
    ]  # fmt: skip


def open_reading_cases() -> list[Case]:
    case = reading_cases()[0]
    store, ids, step = case.args
    return [
        Case(
            (store, ids.to(torch.int32), step),
            case.sizes,
            "With `sample_ids` of type int32 (`.long()` mends it)",
        )
    ]


def why_rows(args: tuple) -> dict[tuple, str]:
    (N, C), B = args[0].shape, len(args[1])
    fewer = (
        "Rows are missing. Each sample of the batch has a row, also if it occurs twice; `step` plays no part."
    )
    more = "There are more rows than samples: return one for each of `sample_ids`, however many they are."
    return {
        **{(rows, C): fewer for rows in range(B)},
        **{(rows, C): more for rows in range(B + 1, N)},
        (N, C): "This is the whole store; return the rows that `sample_ids` names.",
        (C,): "This is one row; return one for each sample, also if there is a single one.",
        (1, B, C): "There is an axis too many: `store[sample_ids]` needs no brackets around the ids.",
        (C, B): "The two axes are exchanged: a row for each sample.",
        (B,): "This is one number a sample; return its whole row.",
        (
            B,
            1,
        ): "`gather` picks single numbers; `index_select(0, sample_ids)` or `store[sample_ids]` picks rows.",
        (B, B): "`sample_ids` name rows of the store; here they pick columns.",
        (N, B): "`sample_ids` name rows of the store; here they pick columns.",
    }


class Reading(FunctionTask):
    def observe(self, function: Callable[..., object], case: Case, dtype: torch.dtype, shape: tuple) -> Run:
        try:
            return super().observe(function, case, dtype, shape)
        except Rejected as rejected:
            if "out of" in rejected.feedback[0] and not rejected.diagnosis:
                raise Rejected(*rejected.feedback, diagnosis=BEYOND) from None
            raise

    def recognise(self, pairs: list[Pair], gradients: bool) -> str | None:
        known = super().recognise(pairs, gradients)
        if known:
            return known
        bad = next(pair for pair in pairs if not pair.value_right)
        got = bad.got.value[0]
        for other in pairs:
            if other is not bad and not bad.agrees(other.want.value, bad.want.value) and bad.agrees(
                [got], other.want.value
            ):  # fmt: skip
                return EARLIER
        args, _ = self.arguments(bad.case, torch.float64)
        store, ids = _numbers(args[0]), args[1].tolist()
        near = np.abs(got[:, None] - store[None]).max(2)  # (B, N)
        if not np.isfinite(near).all() or near.min(1).max() > 1e-2:
            return None
        found = near.argmin(1).tolist()
        if found == ids:
            return "The rows are the right ones, but slightly changed; return them as they are stored."
        if sorted(found) == sorted(ids):
            return "The rows are the right ones in another order: row b belongs to `sample_ids[b]`."
        b = next(b for b in range(len(ids)) if found[b] != ids[b])
        return (
            f"These are rows of the store, but of other samples: row {b} is that of sample {found[b]}, while "
            f"sample_ids[{b}] is {ids[b]}. Take the rows that `sample_ids` names; nothing else tells who is "
            "in a shuffled batch."
        )


EARLIER = (
    "These are the logits of another call: the result was kept, by the number of the step or of the first "
    "call. With shuffling the same step has other samples in each epoch; go by `sample_ids`."
)
BEYOND = (
    "A row beyond the store is asked for. `sample_ids` are numbers of rows already, 0 .. N − 1; nothing is "
    "to be added to them, and `step` plays no part."
)


def read(store: Tensor, ids: Tensor, step: int) -> Tensor:
    return store[ids.long()]


TASKS = {
    "cached_teacher_logits": Reading(
        ("store", "sample_ids", "step"), "logits for (batch, classes)",
        read, reading_cases, reading_mistakes, learns=(), shapes=why_rows, open_cases=open_reading_cases,
    ),
}  # fmt: skip
