"""A task on relations: huge gradients, broken laws and unrecognised values are explained."""

from dataclasses import dataclass, field

import numpy as np

from kdcourse.grading.function_task import FunctionTask, Pair
from kdcourse.grading.probe import Rejected

HUGE = 30.0  # times our largest gradient: not a rounding error, but a division by nearly 0


@dataclass(frozen=True)
class RelationTask(FunctionTask):
    """With an example to work through, and advice for each law."""

    example: str = ""  # to work through by hand, where the mistake is not recognised
    advice: dict[str, str] = field(default_factory=dict)  # by the law of a case

    def __call__(self, answer: object) -> list[str]:
        try:
            return super().__call__(answer)
        except Rejected as rejected:
            if rejected.diagnosis is None and "value is not right" in rejected.feedback[0]:
                rejected.feedback.append(f"Which step differs? By hand: {self.example}")
            raise

    def require_law(self, pairs: list[Pair]) -> None:
        got, want = pairs[-1].got, pairs[-1].want
        if got.gradients is None and not any(array.any() for array in want.gradients or []):
            # Nothing depends on the student here, so a graph may be missing as well as zero.
            pairs[-1] = pairs[-1]._replace(got=got._replace(gradients=want.gradients))
        super().require_law(pairs)

    def recognise(self, pairs: list[Pair], gradients: bool) -> str | None:
        case, got, want = pairs[-1]
        if not all(np.isfinite(array).all() for pair in pairs for array in arrays(pair)):
            return self.not_finite
        if gradients and got.gradients and size(got.gradients) > HUGE * size(want.gradients):
            return f"The gradient is huge: its largest entry is {size(got.gradients):.1g}. {self.not_finite}"
        return super().recognise(pairs, gradients) or self.advice.get(case.law)


def arrays(pair: Pair) -> list[np.ndarray]:
    return [*pair.got.value, *(pair.got.gradients or [])]


def size(parts: list[np.ndarray] | None) -> float:
    """The largest entry, and not quite 0."""
    return max([1e-3, *(float(np.abs(part).max(initial=0)) for part in parts or [])])
