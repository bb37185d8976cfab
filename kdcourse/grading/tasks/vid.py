"""`vid_loss`: S. Ahn et al. (2019), section 2, as a mean. The variances must learn as well."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case, FunctionTask, Wrong
from kdcourse.grading.probe import Rejected, call


def vid_cases() -> list[Case]:
    def shows(
        law: str, B: int, C: int, H: int, W: int, eps: float, rho: Tensor | None = None, **options
    ) -> Case:
        shape, scale = (B, C, H, W), options.pop("scale", 1.5)
        mean = options.pop("mean", scale * normal(401 + B + C, *shape))
        teacher = options.pop("teacher", scale * normal(451 + B + C, *shape) + 0.4)
        rho = 1.5 * normal(481 + C, C) if rho is None else torch.tensor(rho, dtype=torch.float64)
        sizes = {"B": B, "C": C, "H": H, "W": W, "eps": eps}
        return Case((mean, teacher, rho, eps), sizes, law, **options)

    same = normal(490, 4, 3, 2, 7)
    return [
        shows("", 4, 3, 2, 7, 0.3, model_output=True),
        shows("", 2, 5, 7, 3, 0.05, dtype=torch.float64, teacher_requires_grad=True),
        shows("", 5, 7, 3, 2, 0.7, model_output=True, teacher_requires_grad=True),
        shows("", 3, 6, 5, 2, 0.01, scale=3.0, dtype=torch.float64),
        shows("With eps = 1e-5", 4, 3, 2, 7, 1e-5),
        shows("With as many channels as columns", 2, 5, 3, 5, 0.3, teacher_requires_grad=True),
        shows("With as many channels as rows", 2, 5, 5, 3, 0.3, dtype=torch.float64),
        shows("With as many channels as samples", 5, 5, 2, 3, 0.3),
        shows(
            "Where the mean equals the teacher its gradient is 0", 4, 3, 2, 7, 0.3, mean=same,
            teacher=same.clone(), dtype=torch.float64,
        ),
        shows("With rho = 0, where the softplus is log 2", 3, 2, 5, 7, 0.1, rho=[0.0, 0.0]),
        shows("With rho between 10 and 60", 3, 5, 2, 7, 0.3, rho=[10.0, 19.0, 21.0, 35.0, 60.0], scale=5.0),
        shows(
            "With rho of -12 and -40, where eps alone keeps the variance positive", 3, 2, 5, 7, 0.02,
            rho=[-12.0, -40.0], rtol=1e-3,
        ),
        shows("With a single sample", 1, 3, 2, 7, 0.2, model_output=True),
        shows("With maps of one pixel", 5, 3, 1, 1, 0.2, dtype=torch.float64),
        shows("With a single channel", 5, 1, 2, 3, 0.2),
        shows("With features of size 1e3", 3, 2, 5, 7, 0.3, scale=1e3, rtol=1e-3),
        shows("When called a second time with the same inputs", 4, 3, 2, 7, 0.3, model_output=True),
    ]  # fmt: skip


def column(v: Tensor) -> Tensor:
    return v[:, None, None]


def softplus(rho: Tensor) -> Tensor:
    return torch.logaddexp(rho, torch.zeros_like(rho))


def vid_of(
    variance: Callable[[Tensor, float], Tensor] = lambda rho, eps: softplus(rho) + eps,
    combine: Callable[[Tensor, Tensor], Tensor] = lambda square, v: 0.5 * (square / v + v.log()),
    reduce: Callable[[Tensor], Tensor] = torch.mean,
    place: Callable[[Tensor], Tensor] = column,
) -> Callable[[Tensor, Tensor, Tensor, float], Tensor]:
    def loss(mean: Tensor, teacher: Tensor, rho: Tensor, eps: float) -> Tensor:
        return reduce(combine((teacher.detach() - mean).square(), place(variance(rho, eps))))

    return loss


VARIANCES = [
    (lambda rho, eps: softplus(rho), "eps is missing from the variance: var = softplus(rho) + eps."),
    (lambda rho, eps: softplus(rho + eps), "eps stands inside the softplus; it is added to its result."),
    (
        lambda rho, eps: softplus(rho).clamp(min=eps),
        "eps is a lower bound here (`clamp`, or the `eps` of `gaussian_nll_loss`); it is *added* to the "
        "softplus.",
    ),
    (lambda rho, eps: softplus(rho) + 2 * eps, "eps is added twice."),
    (lambda rho, eps: softplus(rho) * eps, "eps multiplies the softplus; it is added to it."),
    (lambda rho, eps: softplus(rho) - eps, "eps is subtracted; it is added to the softplus."),
    (lambda rho, eps: softplus(rho) + eps**2, "eps is squared; add it as it is."),
    (
        lambda rho, eps: (softplus(rho) + eps) ** 2,
        "softplus(rho) + eps is taken for the standard deviation and squared; it is the variance.",
    ),
    (
        lambda rho, eps: softplus(rho) ** 2 + eps,
        "The softplus is taken for the standard deviation and squared; it is the variance.",
    ),
    (
        lambda rho, eps: (softplus(rho) + eps).sqrt(),
        "The square root of the variance stands where the variance should.",
    ),
    (lambda rho, eps: rho.exp() + eps, "The variance is exp(rho) + eps; it is softplus(rho) + eps."),
    (
        lambda rho, eps: rho.exp(),
        "The variance is exp(rho), as if rho were its logarithm; it is softplus(rho) + eps.",
    ),
    (lambda rho, eps: (2 * rho).exp() + eps, "The variance is exp(2 rho) + eps; it is softplus(rho) + eps."),
    (
        lambda rho, eps: rho + eps,
        "The softplus is missing: var = softplus(rho) + eps, positive for every rho.",
    ),
    (
        lambda rho, eps: rho,
        "Softplus and eps are missing: var = softplus(rho) + eps, positive for every rho.",
    ),
    (lambda rho, eps: rho.abs() + eps, "The variance is |rho| + eps; it is softplus(rho) + eps."),
    (lambda rho, eps: rho**2 + eps, "The variance is rho² + eps; it is softplus(rho) + eps."),
    (lambda rho, eps: rho.relu() + eps, "The variance is relu(rho) + eps; it is softplus(rho) + eps."),
    (lambda rho, eps: rho.sigmoid() + eps, "The variance is sigmoid(rho) + eps; it is softplus(rho) + eps."),
    (
        lambda rho, eps: (1 + rho.exp() + eps).log(),
        "eps stands inside the logarithm of the softplus; it is added to its result.",
    ),
    (
        lambda rho, eps: torch.log2(1 + rho.exp()) + eps,
        "The softplus has a logarithm of base 2; take the natural one.",
    ),
    (
        lambda rho, eps: (softplus(rho) + eps).mean().expand(rho.shape),
        "All channels share one variance; each has its own.",
    ),
    (lambda rho, eps: torch.ones_like(rho) + 0 * rho, "The variance is fixed; it is softplus(rho) + eps."),
]
COMBINATIONS = [
    (lambda q, v: q / v + v.log(), "The factor 1/2 is missing; it stands in front of both terms."),
    (lambda q, v: 0.5 * q / v + v.log(), "The factor 1/2 is missing in front of the logarithm."),
    (lambda q, v: q / v + 0.5 * v.log(), "The factor 1/2 is missing in front of the squared error."),
    (
        lambda q, v: 0.5 * (q / v + 0.5 * v.log()),
        "The logarithm is halved twice: 1/2 log var is the logarithm of the standard deviation already.",
    ),
    (lambda q, v: 0.5 * (0.5 * q / v + v.log()), "The squared error is halved twice."),
    (lambda q, v: 0.25 * (q / v + v.log()), "The factor 1/2 is there twice."),
    (
        lambda q, v: 0.5 * (q / v + 2 * v.log()),
        "The logarithm counts double, as if var were a standard deviation.",
    ),
    (
        lambda q, v: 0.5 * q / v,
        "The logarithm of the variance is missing: the best variance would be infinite.",
    ),
    (lambda q, v: q / v, "The logarithm of the variance and the factor 1/2 are missing."),
    (lambda q, v: 0.5 * (q + v.log()), "The squared error is not divided by the variance."),
    (lambda q, v: 0.5 * (q / v - v.log()), "The logarithm has the wrong sign."),
    (lambda q, v: 0.5 * (q * v + v.log()), "The squared error is multiplied by the variance; divide by it."),
    (
        lambda q, v: 0.5 * (q * v - v.log()),
        "The variance is used as if it were a precision, 1/variance: divide the squared error by it, add "
        "its logarithm.",
    ),
    (
        lambda q, v: 0.5 * (q / v**2 + v.log()),
        "The squared error is divided by the square of the variance; the variance is a square already.",
    ),
    (
        lambda q, v: 0.5 * (q / v**2 + (v**2).log()),
        "softplus(rho) + eps is taken for the standard deviation and squared; it is the variance.",
    ),
    (lambda q, v: 0.5 * (q / v.sqrt() + v.log()), "The squared error is divided by the standard deviation."),
    (
        lambda q, v: 0.5 * ((q.sqrt() + 0 * q) / v + v.log()),
        "The error is not squared, but taken as an absolute value.",
    ),
    (
        lambda q, v: 0.5 * (q / v + v.log() + math.log(2 * math.pi)),
        "The constant ½ log 2π is added; the convention here leaves it out.",
    ),
    (
        lambda q, v: -0.5 * (q / v + v.log()),
        "The sign is wrong: this is the log-likelihood; the loss is minus it.",
    ),
    (
        lambda q, v: -0.5 * (q / v + v.log() + math.log(2 * math.pi)),
        "This is the log-likelihood itself; the loss is minus it, and without the constant ½ log 2π.",
    ),
    (
        lambda q, v: 0.5 * (q / v + torch.log2(v)),
        "The logarithm has base 2; losses here use natural logarithms.",
    ),
    (
        lambda q, v: 0.5 * (q / v.detach() + v.log()),
        "The variance is detached under the squared error; rho learns from both terms.",
    ),
    (
        lambda q, v: 0.5 * (q / v + v.log().detach()),
        "The logarithm of the variance is detached; rho learns from both terms.",
    ),
    (
        lambda q, v: 0.5 * (q / v.detach() + v.log().detach()),
        "rho is detached: the variance never learns.",
    ),
    (
        lambda q, v: 0.5 * (q.detach() / v + v.log()),
        "The mean is detached: only the variance learns.",
    ),
]
REDUCTIONS = [
    (torch.sum, "This is the sum over all elements; take the mean over all of them."),
    (lambda x: x.sum() / len(x), "Channels and pixels are summed, and only the batch is averaged; take the "
                                 "mean over all."),
    (lambda x: x.sum(1).mean(), "The channels are summed; take the mean over all elements."),
    (lambda x: x.sum((2, 3)).mean(), "The pixels are summed; take the mean over all elements."),
    (lambda x: x.sum(0).mean(), "The batch is summed; take the mean over all elements."),
    (lambda x: x.sum((0, 1)).mean(), "Batch and channels are summed; take the mean over all elements."),
    (lambda x: x.sum((0, 2, 3)).mean(), "Batch and pixels are summed; take the mean over all elements."),
]  # fmt: skip
PLACES = [
    (
        lambda v: v,
        "`rho` is broadcast over the last axis, the columns of the map: (C,) meets (B, C, H, W) at W. "
        "There is one "
        "variance a *channel*: `var[None, :, None, None]` or `var.view(1, -1, 1, 1)`.",
    ),
    (
        lambda v: v[:, None],
        "`rho` is broadcast over the rows of the map. There is one variance a *channel*: `var.view(1, -1, "
        "1, 1)`.",
    ),
    (
        lambda v: v[:, None, None, None],
        "`rho` is broadcast over the batch. There is one variance a *channel*: `var.view(1, -1, 1, 1)`.",
    ),
]


def vid_mistakes() -> Iterator[Wrong]:
    for combine, sentence in COMBINATIONS:
        yield Wrong(vid_of(combine=combine), sentence)
    for variance, sentence in VARIANCES:
        yield Wrong(vid_of(variance), sentence)
    for reduce, sentence in REDUCTIONS:
        yield Wrong(vid_of(reduce=reduce), sentence)
    for place, sentence in PLACES:
        yield Wrong(vid_of(place=place), sentence)

    def parts(square_sum: Callable, log_sum: Callable) -> Callable:
        def loss(m: Tensor, t: Tensor, rho: Tensor, eps: float) -> Tensor:
            v = softplus(rho) + eps
            square = (t.detach() - m).square() / column(v)
            return 0.5 * (square_sum(square) + log_sum(v.log()))

        return loss

    yield Wrong(
        parts(torch.mean, torch.sum),
        "The logarithms of the variances are summed over the channels, while the squared errors are "
        "averaged over "
        "everything; average both over all elements.",
    )
    yield Wrong(
        parts(torch.sum, torch.sum),
        "Both terms are summed, the logarithm over the channels only; take the mean over all elements.",
    )
    yield Wrong(
        parts(lambda x: x.sum() / len(x), torch.sum),
        "Both terms are summed, over other numbers of elements; take the mean over all elements.",
    )
    yield Wrong(
        lambda m, t, rho, eps: vid_of()(t, m, rho, eps) + 0 * m.sum(),
        "Mean and teacher are exchanged, so that the gradient reaches the wrong one.",
    )
    pairs = [(c, v) for c in COMBINATIONS[:16] for v in VARIANCES[:16]]
    for (combine, first), (variance, second) in pairs:
        yield Wrong(vid_of(variance, combine), f"Two things. {first} And: {second}")
    for (reduce, first), (combine, second) in ((r, c) for r in REDUCTIONS for c in COMBINATIONS[:8]):
        yield Wrong(vid_of(combine=combine, reduce=reduce), f"Two things. {first} And: {second}")


class VidTask(FunctionTask):
    def __call__(self, answer: object) -> list[str]:
        try:
            feedback = super().__call__(answer)
        except Rejected as rejected:
            if "Two shapes" not in (rejected.diagnosis or ""):
                raise
            raise Rejected(
                rejected.feedback[0],
                "`rho` has the shape (C,) and meets maps of the shape (B, C, H, W).",
                diagnosis="There is one variance a *channel*. PyTorch lines up shapes from the right, so "
                "that (C,) "
                "meets the columns: give it the shape (1, C, 1, 1), as with `var.view(1, -1, 1, 1)`.",
            ) from None
        return [*feedback, *self.overflow(answer)]

    def overflow(self, answer: Callable[..., object]) -> list[str]:
        """A remark on softplus written out, which overflows where features are large; no fault."""
        maps = torch.ones(1, 1, 1, 1)
        try:
            value = call(answer, self.names, (maps, maps, torch.tensor([120.0]), 0.1))
            if np.isfinite(float(value)):
                return []
        except (Rejected, TypeError, ValueError, RuntimeError):
            return []
        return ["A remark: with rho = 120 your value is not finite. `F.softplus` has no such limit."]

    def require_gradients(self, pairs: list) -> None:
        for pair in pairs:
            if pair.got.gradients is None or pair.gradient_right:
                continue
            for place, name in ((0, "mean"), (1, "rho")):
                got, want = pair.got.gradients[place], pair.want.gradients[place]
                if not got.any() and want.any():
                    raise Rejected(
                        f"The value is right, but no gradient reaches `{name}`.",
                        diagnosis=self.recognise(pairs, gradients=True)
                        or f"`{name}` is detached, or used under `no_grad`: it can never learn.",
                    )
        super().require_gradients(pairs)


TASKS = {
    "vid_loss": VidTask(
        ("mean", "teacher", "rho", "eps"), "a scalar", vid_of(), vid_cases, vid_mistakes, learns=(0, 2),
        constants=(1,),
    ),
}  # fmt: skip
