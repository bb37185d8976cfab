"""Known mistakes of the flow of a fixed kernel."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.tangent import (
    decay,
    flow,
    symmetric,
)
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import Parts, double_mistakes, single_mistakes

SOLUTION = "u(t) = y + e^{-Ht} (u(0) - y)."
MATRIX = "it is the exponential of a *matrix*: `torch.linalg.matrix_exp`, or `eigh` and the eigenvalues."
CLOCK = "the time and the kernel enter as the product H t, and nothing else."


def eigen(kernel: Tensor, time: float) -> tuple[Tensor, Tensor]:
    values, vectors = torch.linalg.eigh(kernel)
    return (-values * time).exp(), vectors


def steps(kernel: Tensor, time: float, count: int) -> Tensor:
    one = torch.eye(len(kernel), dtype=kernel.dtype)
    return torch.linalg.matrix_power(one - kernel * time / count, count)


def of_size(kernel: Tensor, time: float, size: float, count: int) -> Tensor:
    one = torch.eye(len(kernel), dtype=kernel.dtype)
    return torch.linalg.matrix_power(one - kernel * size, count)


def taylor(kernel: Tensor, time: float, order: int) -> Tensor:
    total = term = torch.eye(len(kernel), dtype=kernel.dtype)
    for k in range(1, order + 1):
        term = term @ kernel * (-time / k)
        total = total + term
    return total


def flow_parts() -> Parts:
    def factor(change: Callable[[Tensor, float], Tensor]) -> Callable[[Tensor, float], Tensor]:
        return lambda kernel, time: decay(change(kernel, time), 1.0)

    left = [
        Wrong(
            lambda kernel, time: symmetric(kernel, lambda values: (values * time).exp()),
            f"The sign in the exponent is wrong: what is left must shrink. {SOLUTION}",
        ),
        Wrong(
            lambda kernel, time: (-kernel * time).exp(),
            f"The exponential is taken of each element by itself; {MATRIX}",
        ),
        Wrong(
            lambda kernel, time: torch.diag((-kernel.diagonal() * time).exp()),
            f"Only the kernel's diagonal is used, as if the inputs did not know of each other; {MATRIX}",
        ),
        Wrong(
            lambda kernel, time: torch.diag(eigen(kernel, time)[0]),
            "The eigenvalues act on the inputs themselves; turn to the eigenvectors' axes first, and back "
            "afterwards: V diag(e^{-λt}) Vᵀ.",
        ),
        Wrong(
            lambda kernel, time: (
                eigen(kernel, time)[1].T @ torch.diag(eigen(kernel, time)[0]) @ eigen(kernel, time)[1]
            ),
            "The eigenvectors are the *columns* of V: V diag(e^{-λt}) Vᵀ, not Vᵀ diag(e^{-λt}) V.",
        ),
        Wrong(
            lambda kernel, time: torch.diag(eigen(kernel, time)[0]) @ eigen(kernel, time)[1].T,
            "The way back from the eigenvectors' axes is missing: V diag(e^{-λt}) Vᵀ.",
        ),
        Wrong(
            lambda kernel, time: eigen(kernel, time)[1] @ torch.diag(eigen(kernel, time)[0]),
            "The way to the eigenvectors' axes is missing: V diag(e^{-λt}) Vᵀ.",
        ),
        Wrong(
            lambda kernel, time: decay(kernel, time / len(kernel)),
            f"The time is divided by n, as for a *mean* of squares; {CLOCK}",
        ),
        Wrong(
            lambda kernel, time: decay(kernel, 2 * time),
            f"The time is doubled, as for squares without 1/2; {CLOCK}",
        ),
        Wrong(
            lambda kernel, time: decay(kernel, 2 * time / len(kernel)),
            f"The time is multiplied by 2/n, as for a mean squared error; {CLOCK}",
        ),
        Wrong(lambda kernel, time: decay(kernel, time / 2), f"The time is halved; {CLOCK}"),
        Wrong(
            lambda kernel, time: decay(kernel, time * len(kernel)), f"The time is multiplied by n; {CLOCK}"
        ),
        Wrong(lambda kernel, time: decay(kernel, 1.0), f"The time is not used in the exponent; {CLOCK}"),
        Wrong(
            lambda kernel, time: time * decay(kernel, 1.0),
            f"The time multiplies e^{{-H}} from outside; {CLOCK}",
        ),
        Wrong(lambda kernel, time: decay(kernel, time**2), f"The time is squared; {CLOCK}"),
        Wrong(factor(lambda kernel, time: kernel @ kernel * time), f"The kernel is squared; {CLOCK}"),
        Wrong(
            lambda kernel, time: symmetric(kernel, lambda v: (-v.clamp(min=0).sqrt() * time).exp()),
            f"A root of the kernel is taken; {CLOCK}",
        ),
        Wrong(
            lambda kernel, time: symmetric(kernel, lambda v: (-v * time).exp() * (v > 1e-6 * v.max())),
            "What lies in the kernel's null space is dropped (a pseudo-inverse does that): it does not "
            "move, so it stays as it was at the start.",
        ),
        Wrong(
            lambda kernel, time: symmetric(kernel, lambda v: 2.0 ** (-v * time)),
            f"A power of 2 stands for one of e. {SOLUTION}",
        ),
        Wrong(
            lambda kernel, time: decay(kernel, time).square(),
            f"The matrix is squared element by element; {MATRIX}",
        ),
        Wrong(
            lambda kernel, time: torch.eye(len(kernel), dtype=kernel.dtype) * (-kernel.mean() * time).exp(),
            f"One number stands for the whole kernel; {MATRIX}",
        ),
        Wrong(
            lambda kernel, time: (
                torch.eye(len(kernel), dtype=kernel.dtype) * (-torch.linalg.eigvalsh(kernel)[-1] * time).exp()
            ),
            f"Only the largest eigenvalue is used, for all directions; {MATRIX}",
        ),
        Wrong(
            lambda kernel, time: symmetric(kernel, lambda v: 1 / (1 + v * time)),
            "This is one implicit Euler step (I + Ht)^{-1}; the exact solution has e^{-Ht}.",
        ),
    ]
    for order in range(2, 31):
        left.append(
            Wrong(
                lambda kernel, time, order=order: taylor(kernel, time, order),
                f"This is the series of e^{{-Ht}}, broken off; with a large Ht it needs very many terms. "
                f"{MATRIX}",
            )
        )
    for count in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000):
        left.append(
            Wrong(
                lambda kernel, time, count=count: steps(kernel, time, count),
                f"These are {count} Euler steps: near for small steps, wild for steps above 2 / λmax, and "
                f"never exact. {SOLUTION}"
                if count > 1
                else f"This is one Euler step, u(0) - t H (u(0) - y), and not exact. {SOLUTION}",
            )
        )
    for size in (1.0, 0.1, 0.05, 0.02, 0.01, 0.001, 1e-4):
        left.append(
            Wrong(
                lambda kernel, time, size=size: of_size(kernel, time, size, round(time / size)),
                f"These are Euler steps of size {size:g}: near for small steps, wild for steps above 2 / "
                "λmax, "
                f"and never exact. {SOLUTION}",
            )
        )
        left.append(
            Wrong(
                lambda kernel, time, size=size: of_size(kernel, time, size, int(time / size)),
                f"These are Euler steps of size {size:g}: near for small steps, wild for steps above 2 / "
                "λmax, "
                f"and never exact. {SOLUTION}",
            )
        )
    return {
        "left": left,
        "gap": [
            Wrong(
                lambda start, targets: targets - start,
                f"The gap is the wrong way round (targets minus start): {SOLUTION}",
            ),
            Wrong(
                lambda start, targets: start,
                f"The start decays instead of its distance from the targets: {SOLUTION}",
            ),
            Wrong(lambda start, targets: -targets, f"The start is taken for 0: {SOLUTION}"),
            Wrong(
                lambda start, targets: targets,
                f"The targets decay instead of the distance from them: {SOLUTION}",
            ),
            Wrong(lambda start, targets: start + targets, f"The gap is a sum, not a difference: {SOLUTION}"),
        ],
        "end": [
            Wrong(
                lambda start, targets, rest: rest,
                f"This is the distance from the targets; add them: {SOLUTION}",
            ),
            Wrong(lambda start, targets, rest: targets - rest, f"The decayed gap is subtracted: {SOLUTION}"),
            Wrong(
                lambda start, targets, rest: start + rest,
                f"The decayed gap is added to the start, not to the targets: {SOLUTION}",
            ),
            Wrong(
                lambda start, targets, rest: start - rest,
                f"The decayed gap is subtracted from the start, not added to the targets: {SOLUTION}",
            ),
        ],
    }


def flow_mistakes() -> Iterator[Wrong]:
    parts = flow_parts()
    yield from single_mistakes(flow, parts)
    yield Wrong(
        lambda kernel, start, targets, time: start + targets - decay(kernel, time) @ targets,
        f"This is start + (1 - e^{{-Ht}}) y: what moves is the distance, (1 - e^{{-Ht}}) (y - u(0)). "
        f"{SOLUTION}",
    )
    yield Wrong(
        lambda kernel, start, targets, time: (
            start + start - targets - decay(kernel, time) @ (start - targets)
        ),
        f"It moves away from the targets: start + (1 - e^{{-Ht}}) (y - u(0)), not (u(0) - y). {SOLUTION}",
    )
    yield Wrong(
        lambda kernel, start, targets, time: start + decay(kernel, time) @ targets,
        f"This is start + e^{{-Ht}} y. {SOLUTION}",
    )
    yield Wrong(
        lambda kernel, start, targets, time: start - kernel @ (start - targets),
        f"This is the start minus the slope; the slope changes on the way. {SOLUTION}",
    )
    yield Wrong(
        lambda kernel, start, targets, time: -kernel @ (start - targets),
        f"This is du/dt at the start, not where it leads. {SOLUTION}",
    )
    yield Wrong(
        lambda kernel, start, targets, time: targets + 0 * start,
        "This is where the flow ends after infinite time, if the kernel has an inverse.",
    )
    few = {"left": parts["left"][:11], "gap": parts["gap"], "end": parts["end"]}
    yield from double_mistakes(flow, few)
