"""`bayes_distilled_risk`: every label's loss, weighted with its probability.

A. K. Menon et al. (2021).
"""

import torch
from torch import Tensor

from kdcourse.grading.formulas.dense import risk
from kdcourse.grading.formulas.responses import log_softmax, normal, softmax
from kdcourse.grading.function_task import Case, FunctionTask
from kdcourse.grading.mistakes.risk import risk_mistakes


def risk_case(law: str, N: int, C: int, **options) -> Case:
    p = options.pop("p", None)
    if p is None:
        p = softmax(1.5 * normal(1200 + 7 * N + C, N, C))
    losses = options.pop("losses", None)
    if losses is None:
        losses = -log_softmax(2 * normal(1300 + 5 * N + C, N, C))
    return Case((p, losses), {"N": N, "C": C}, law, **options)


def one_hot(N: int, C: int) -> Tensor:
    return torch.eye(C, dtype=torch.float64)[(5 * torch.arange(N) + 2) % C]


def risk_cases() -> list[Case]:
    f64 = {"dtype": torch.float64}
    ties = torch.full((5, 4), 0.25, dtype=torch.float64)
    zeros = softmax(normal(1210, 6, 5)) * (torch.arange(30).reshape(6, 5) % 3 > 0)
    repeated = [softmax(normal(1211, 3, 5)), -log_softmax(normal(1212, 3, 5))]
    apart = torch.tensor([0.0, 1e4, 3.0, 2e3, 50.0, 7.0], dtype=torch.float64)[:, None]
    return [
        risk_case("", 5, 7, model_output=True),
        risk_case("", 4, 3, **f64),
        risk_case("", 6, 11, losses=normal(1213, 6, 11)),
        risk_case("", 9, 4, losses=5 * normal(1214, 9, 4).square(), **f64, model_output=True),
        risk_case("With one certain label for each sample, the mean of those losses", 6, 4, p=one_hot(6, 4)),
        risk_case("With uniform probabilities", 5, 4, p=ties, **f64),
        risk_case("With probabilities of 0 for some labels", 6, 5, p=zeros / zeros.sum(1, keepdim=True)),
        risk_case("With losses that are all equal", 5, 4, losses=torch.full((5, 4), 2.5).double()),
        risk_case("With losses that are all 0", 5, 4, losses=torch.zeros(5, 4).double(), **f64),
        risk_case("With some losses of exactly 0", 5, 6, losses=normal(1215, 5, 6).clamp(min=0)),
        risk_case("With negative losses", 5, 6, losses=-3 + normal(1216, 5, 6), **f64),
        risk_case("With the batch repeated", 9, 5, p=repeated[0].repeat(3, 1),
                  losses=repeated[1].repeat(3, 1)),
        risk_case("With a single sample", 1, 6),
        risk_case("With two classes", 5, 2, **f64),
        risk_case("With one sample and two classes", 1, 2),
        risk_case("With a single class", 4, 1, **f64),
        risk_case("With as many samples as classes", 5, 5),
        risk_case("With two samples", 2, 5, **f64),
        risk_case("With 500 samples", 500, 6),
        risk_case("With 300 classes", 4, 300),
        risk_case("With losses of size 1e4", 6, 4, losses=apart + normal(1217, 6, 4).abs()),
        risk_case("With losses of size 1e-3", 5, 4, losses=1e-3 * normal(1218, 5, 4).abs(), atol=1e-8),
        risk_case("When called a second time with the same inputs", 5, 7, model_output=True),
    ]  # fmt: skip


def risk_shapes(args: tuple) -> dict[tuple, str]:
    N, C = args[0].shape
    return {
        (N, C): "Nothing is reduced yet: sum over the classes, take the mean over the samples.",
        (N,): "This is one expected loss for each sample; take the mean over the samples.",
        (N, 1): "This is one expected loss for each sample; take the mean over the samples.",
        (C,): "This is one number for each class; sum over the classes.",
        (N, N): "`p_star @ losses.T` pairs every sample with every other; multiply element by element.",
        (C, C): "`p_star.T @ losses` pairs every class with every other; multiply element by element.",
    }


MISFIT = (
    "Two shapes do not fit. `p_star` and `losses` are both (N, C), and are multiplied element by element: "
    "no `@`, no transposed matrix."
)


TASKS = {
    "bayes_distilled_risk": FunctionTask(
        ("p_star", "losses"), "a scalar", risk, risk_cases, risk_mistakes, learns=(1,),
        shapes=risk_shapes, misfit=MISFIT,
        not_finite="A logarithm, a root or a division is on the way; the risk needs products and sums only.",
    ),
}  # fmt: skip
