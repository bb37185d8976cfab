"""Known mistakes of the contrastive loss, many of them made in published code, and what to say about each.

Parts are listed apart, because two mistakes are often made together. They are tried in this order.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.relations import infonce, length, named_by_diagonal, unit
from kdcourse.grading.formulas.responses import log_softmax, softmax
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import with_parts


def _second_direction(logits: Tensor) -> Tensor:
    return -log_softmax(logits, 0).diagonal()


def _without_own(logits: Tensor) -> Tensor:
    rest = logits.masked_fill(torch.eye(len(logits), dtype=torch.bool), -torch.inf)
    return rest.logsumexp(1) - logits.diagonal()


def _clamped(size: float) -> Wrong:
    return Wrong(
        lambda logits: -(softmax(logits) + size).log().diagonal(),
        f"{size:g} is added before the logarithm (or the probabilities are clamped): at small tau the "
        "loss is "
        "then too small and its gradient vanishes. Use `F.cross_entropy` or `log_softmax`.",
    )


INFONCE_PARTS = {
    "embed": [
        Wrong(lambda a, b: (a, b), "The rows are not L2-normalised: without it these are no cosines."),
        Wrong(lambda a, b: (a, unit(b)), "The student's rows are not L2-normalised."),
        Wrong(lambda a, b: (unit(a), b), "The teacher's rows are not L2-normalised."),
        Wrong(
            lambda a, b: (unit(a, 0), unit(b, 0)),
            "The columns are normalised (`dim=0`); each row, a sample, has length 1.",
        ),
        Wrong(
            lambda a, b: (a / a.norm(), b / b.norm()), "The whole batch is divided by one norm; use `dim=1`."
        ),
        Wrong(
            lambda a, b: tuple(x / x.abs().sum(1, keepdim=True) for x in (a, b)),
            "The rows are divided by the sum of their absolute values (`p=1`); take the L2 norm.",
        ),
        Wrong(
            lambda a, b: (softmax(a), softmax(b)), "The rows go through a softmax; divide by their L2 norm."
        ),
        Wrong(
            lambda a, b: tuple(x / x.square().sum(1, keepdim=True) for x in (a, b)),
            "The rows are divided by their squared norm: a root is missing.",
        ),
        Wrong(
            lambda a, b: (unit(a - a.mean(0)), unit(b - b.mean(0))),
            "The mean of the batch is taken off first; the task uses the rows as they are.",
        ),
        Wrong(
            lambda a, b: (unit(b), unit(b)) if not a.requires_grad else (unit(b) + 0 * a.sum(), unit(b)),
            "The teacher is compared with itself; the queries are the student's rows.",
        ),
        Wrong(
            lambda a, b: (unit(a), unit(a).detach()),
            "The student is compared with itself; the keys are the teacher's rows.",
        ),
        Wrong(
            lambda a, b: (unit(a), unit(a)),
            "The student is compared with itself; the keys are the teacher's rows.",
        ),
    ],
    "scale": [
        Wrong(lambda c, tau: c * tau, "The cosines are multiplied by tau; divide by it."),
        Wrong(lambda c, tau: c, "tau is not used."),
        Wrong(
            lambda c, tau: c / tau**2,
            "The cosines are divided by tau²: tau is applied to both sides, or twice.",
        ),
        Wrong(lambda c, tau: c / tau**0.5, "The cosines are divided by the root of tau."),
        Wrong(lambda c, tau: -c / tau, "The sign of the cosines is wrong: the own pair is pushed apart."),
        Wrong(lambda c, tau: 2 * c / tau, "The cosines are doubled (squared distances?)."),
        Wrong(
            lambda c, tau: (c + 1) / (2 * tau), "The cosines are squeezed to 0 .. 1; use them as they are."
        ),
        Wrong(
            lambda c, tau: -(2 - 2 * c + 1e-30).sqrt() / tau,
            "These are negative distances; the task takes cosines.",
        ),
        Wrong(lambda c, tau: softmax(c / tau), "`cross_entropy` is given probabilities; it wants logits."),
        Wrong(
            lambda c, tau: c.exp() / tau, "`cross_entropy` takes the exponential itself; hand over logits."
        ),
        Wrong(
            lambda c, tau: (c / tau).exp(), "`cross_entropy` takes the exponential itself; hand over logits."
        ),
        Wrong(lambda c, tau: c.abs() / tau, "The sign of the cosines is lost."),
        Wrong(lambda c, tau: c.clamp(min=0) / tau, "Negative cosines are cut off; use them as they are."),
    ],
    "entropy": [
        Wrong(
            _second_direction,
            "Student and teacher are exchanged: the softmax runs over the students (zt @ zs.T, or `dim=0`). "
            "Each student row picks among the teacher's rows: zs @ zt.T.",
        ),
        Wrong(
            lambda z: (named_by_diagonal(z) + _second_direction(z)) / 2,
            "This is the symmetric loss, both directions averaged; the task is one direction only, each "
            "student row among the teacher's.",
        ),
        Wrong(
            lambda z: named_by_diagonal(z) + _second_direction(z),
            "This is the sum of both directions; the task is one direction only, each student row among the "
            "teacher's.",
        ),
        Wrong(
            _without_own,
            "The own pair is left out of the denominator; the softmax runs over all B teacher rows.",
        ),
        Wrong(
            lambda z: torch.log1p((z - z.diagonal()[:, None]).exp().sum(1)),
            "The own pair stands twice in the denominator: it is among the B teacher rows already.",
        ),
        Wrong(
            lambda z: -softmax(z).diagonal(),
            "`nll_loss` is given probabilities, or the logarithm is missing.",
        ),
        Wrong(
            lambda z: -z.diagonal(),
            "Only the own pairs count; the negatives, the rest of each row, are missing.",
        ),
        Wrong(
            lambda z: -named_by_diagonal(z),
            "The sign is wrong: the loss falls as the own pair gets less likely.",
        ),
        Wrong(
            lambda z: -log_softmax(z)[:, 0],
            "Each row's right answer is its own place on the diagonal (`torch.arange(B)`), not class 0.",
        ),
        Wrong(
            lambda z: -log_softmax(z).mean(1), "All pairs count as the right answer; only the diagonal is."
        ),
        Wrong(
            lambda z: 0.9 * named_by_diagonal(z) - 0.1 * log_softmax(z).mean(1),
            "The labels are smoothed (`label_smoothing`); the task uses them as they are.",
        ),
        Wrong(
            lambda z: -log_softmax(z.flatten(), 0).reshape(z.shape).diagonal(),
            "One softmax runs over the whole matrix; each row has its own.",
        ),
        Wrong(
            lambda z: -(log_softmax(z).diagonal()) / torch.log(torch.tensor(2.0, dtype=z.dtype)),
            "The logarithm has base 2; losses here use natural logarithms.",
        ),
        *(_clamped(size) for size in (1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12)),
    ],
    "average": [
        Wrong(torch.sum, "The loss is a sum over the batch; take the mean."),
        Wrong(lambda e: e.mean() / len(e), "The mean is divided by B once more (a mean over B·B entries?)."),
        Wrong(lambda e: e.mean() / 2, "Yours is half of ours: the mean is over B, not over 2B."),
        Wrong(lambda e: e.sum() / (len(e) - 1), "The sum is divided by B − 1; take the mean over B."),
    ],
}


def _among_themselves(a: Tensor, b: Tensor, tau: float, own: bool) -> Tensor:
    a, b = unit(a), unit(b.detach())
    p, log_q = log_softmax(b @ b.T / tau).exp(), log_softmax(a @ (a if own else b).T / tau)
    return ((p * p.log()).sum(1).mean() if own else 0.0) - (p * log_q).sum(1).mean()


def _pairwise(a: Tensor, b: Tensor, tau: float) -> Tensor:
    logits = unit(a) @ unit(b.detach()).T / tau
    own = torch.eye(len(a), dtype=torch.bool)
    return -torch.nn.functional.logsigmoid(torch.where(own, logits, -logits)).mean()


def infonce_mistakes() -> Iterator[Wrong]:
    yield from with_parts(infonce, INFONCE_PARTS)
    yield Wrong(_pairwise, "This is a binary loss for each pair; the task is cross-entropy over each row.")
    for eps in (0.1, 1e-2, 1e-3):
        yield Wrong(
            lambda a, b, tau, eps=eps: infonce(
                a, b, tau, embed=lambda x, y: (x / (length(x) + eps), y / (length(y) + eps))
            ),
            f"{eps:g} is added to the norms: for short rows that is not small.",
        )
    yield Wrong(
        lambda a, b, tau: _among_themselves(a, b, tau, own=True),
        "Student rows are compared with student rows and teacher rows with teacher rows: that is another "
        "relation. Here each student row is compared with the teacher's.",
    )
    yield Wrong(
        lambda a, b, tau: _among_themselves(a, b, tau, own=False),
        "The right answers are the teacher's own similarities; here they are the diagonal, one for each row.",
    )
    for power, word in ((1, "tau"), (2, "tau²")):
        yield Wrong(
            lambda a, b, tau, power=power: infonce(a, b, tau) * tau**power,
            f"The loss is multiplied by {word}; it stands alone here.",
        )
    yield Wrong(
        lambda a, b, tau: infonce(a, b, tau, embed=lambda x, y: (x / length(x).detach(), unit(y))),
        "The norm of the student's rows is detached; it is part of the graph, which keeps the gradient at a "
        "right angle to the row.",
    )
    yield Wrong(
        lambda a, b, tau: (1 - (unit(a) * unit(b.detach())).sum(1)).mean(),
        "This is 1 minus the cosine of the own pair; the other rows of the batch are missing.",
    )
    yield Wrong(
        lambda a, b, tau: _both_views(a, b, tau),
        "Student rows are among the negatives too (NT-Xent); here they are the teacher's rows only.",
    )
    yield Wrong(
        lambda a, b, tau: _both_views(a, b, tau, one=True),
        "Student rows are among the negatives too (NT-Xent); here they are the teacher's rows only.",
    )


def _both_views(a: Tensor, b: Tensor, tau: float, one: bool = False) -> Tensor:
    z = torch.cat([unit(a), unit(b.detach())])
    logits = (z @ z.T / tau).masked_fill(torch.eye(len(z), dtype=torch.bool), -torch.inf)
    own = torch.arange(len(z)).roll(len(a))
    losses = logits.logsumexp(1) - logits[torch.arange(len(z)), own]
    return losses[: len(a)].mean() if one else losses.mean()
