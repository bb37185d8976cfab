"""What `test_laws.py` needs to know about a loss to hold it to the laws that all losses obey.

Each kind of knowledge has a `cases_KIND.py` with a list CASES; the laws run over all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Inputs:
    """One call's tensors by role."""

    student: tuple[Tensor, ...]  # what is trained: student tensors first, then learned ones (a variance)
    teacher: tuple[Tensor, ...]  # constants that come from a teacher; in a pairing order with `student`
    rest: tuple[Tensor, ...] = ()  # labels, boxes, masks

    def map(self, change: Callable[[Tensor], Tensor]) -> "Inputs":
        """`change` applied to every tensor of student and teacher."""
        return Inputs(tuple(map(change, self.student)), tuple(map(change, self.teacher)), self.rest)

    def rows(self, index: Tensor | slice) -> "Inputs":
        """The samples `index` of every tensor (for losses whose tensors all have a batch dimension)."""
        return Inputs(*(tuple(t[index] for t in part) for part in (self.student, self.teacher, self.rest)))


@dataclass(frozen=True)
class LossCase:
    """A public loss of `kdcourse.losses` with options, and what holds for it.

    Attributes:
        name: the function's name, for `losses.NAME`.
        call: (student, teacher, rest) tuples -> scalar, calling the public function.
        make: (generator, batch) -> Inputs in float64, of moderate size, in general position.
        variant: told apart from other cases of the same function.
        zero_at_equality: the loss is 0 where student and teacher tensors are equal.
        equal: Inputs -> Inputs with the student equal to the teacher (None: copies teacher to student).
        symmetric: exchanging student and teacher leaves the *value* (the gradient still goes to one side).
        same_shape: student and teacher must have one shape (a wrong one is a ValueError).
        batch_order: permuting the samples of all tensors changes nothing.
        additive: the loss of a batch is the mean of its samples' losses.
        min_batch: the smallest batch that the formula is defined for.
        batched: the first dimension of all tensors is the batch.
        steepest: the largest gradient entry allowed at hard inputs (entries up to 1e4, equal and zero rows),
            as a multiple of the largest entry of the inputs + 1; None where the formula itself is steeper.
        constant_parts: the gradient takes parts that depend on the student for constants, so finite
            differences do not give it; a test of its own must check it.
        shows_nan: a NaN in any tensor makes the loss NaN (not where only a comparison with it counts).
    """

    name: str
    call: Callable[[tuple, tuple, tuple], Tensor]
    make: Callable[[torch.Generator, int], Inputs]
    variant: str = ""
    zero_at_equality: bool = True
    equal: Callable[[Inputs], Inputs] | None = None
    symmetric: bool = False
    same_shape: bool = True
    batch_order: bool = True
    additive: bool = True
    min_batch: int = 1
    batched: bool = True
    steepest: float | None = 100.0
    constant_parts: bool = False
    shows_nan: bool = True

    def __str__(self) -> str:
        return f"{self.name}-{self.variant}" if self.variant else self.name

    def inputs(self, batch: int = 4, seed: int = 0) -> Inputs:
        return self.make(torch.Generator().manual_seed(seed), batch)

    def value(self, inputs: Inputs) -> Tensor:
        return self.call(inputs.student, inputs.teacher, inputs.rest)

    def with_gradient(self, inputs: Inputs) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Value and its gradient with respect to every tensor of the student."""
        leaves = tuple(t.detach().clone().requires_grad_() for t in inputs.student)
        value = self.call(leaves, inputs.teacher, inputs.rest)
        return value.detach(), torch.autograd.grad(value, leaves)


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def at_equality(inputs: Inputs) -> Inputs:
    """The student says what the teacher says (learned tensors beyond the teacher's number are kept)."""
    kept = inputs.student[len(inputs.teacher) :]
    return Inputs(tuple(t.clone() for t in inputs.teacher) + kept, inputs.teacher, inputs.rest)
