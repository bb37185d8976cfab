"""`gated_ensemble_logits`: the teacher of ONE. Lan et al. (2018), section 3."""

from collections.abc import Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.responses import log_softmax, normal, softmax
from kdcourse.grading.function_task import Case, FunctionTask, Wrong

BIG = 1e4


def gated(z: Tensor, scores: Tensor) -> Tensor:
    return weighted(z, softmax(scores))


def weighted(z: Tensor, weights: Tensor) -> Tensor:
    """Sum over the branches of z (M, B, C), with weights (B, M)."""
    return (weights.T[:, :, None] * z).sum(0)


def cases() -> list[Case]:
    def shows(law: str, M: int, B: int, C: int, scale: float = 1.5, **options) -> Case:
        z = options.pop("z", 2 * normal(811 + 13 * M + 7 * B + C, M, B, C))
        scores = options.pop("scores", scale * normal(821 + 5 * M + B, B, M))
        return Case((z, scores), {"M": M, "B": B, "C": C}, law, **options)

    return [
        shows("", 3, 5, 7, model_output=True),
        shows("", 2, 4, 3, dtype=torch.float64),
        shows("", 4, 6, 5, scale=0.7, model_output=True),
        shows("", 5, 3, 4, scale=3.0),
        shows("With equal scores it is the mean of the branches", 3, 5, 4, scores=0 * normal(830, 5, 3)),
        shows("A constant added to the scores of a sample changes nothing", 3, 5, 4,
              scores=normal(831, 5, 3) + 20 * normal(832, 5, 1), atol=2e-5),
        shows("With negative scores, which no ReLU may cut", 3, 5, 4, scores=normal(833, 5, 3) - 4),
        shows("With a single branch", 1, 5, 4),
        shows("With a single sample", 3, 1, 4, dtype=torch.float64),
        shows("With two branches and two classes", 2, 5, 2),
        shows("With as many branches as samples", 4, 4, 3),
        shows("With as many branches as classes", 4, 3, 4),
        shows("With as many branches as samples and classes", 3, 3, 3, dtype=torch.float64),
        shows("With branches that agree, whose logits the gate must not change", 3, 4, 5,
              z=(2 * normal(834, 4, 5)).repeat(3, 1, 1)),
        shows("With scores of size 1e4, where one branch decides", 3, 5, 4, scale=BIG, rtol=1e-3),
        shows("With logits of size 1e4", 3, 5, 4, z=BIG * normal(835, 3, 5, 4), rtol=1e-3, atol=1e-2),
        shows("When called a second time with the same inputs", 3, 5, 7, model_output=True),
    ]  # fmt: skip


def mistakes() -> Iterator[Wrong]:
    def tiny(p: Tensor) -> Tensor:
        return p.clamp(min=1e-300).log()

    yield Wrong(lambda z, g: z.mean(0), "The mean of the branches: the gate has no say.")
    yield Wrong(lambda z, g: z.sum(0), "The sum of the branches: the gate has no say.")
    yield Wrong(
        weighted,
        "The scores weigh the branches as they are; take their softmax first, so that they sum to 1.",
    )
    yield Wrong(
        lambda z, g: weighted(z, softmax(g, 0)),
        "The softmax of the scores runs over the batch; each sample's weights sum to 1 over the *branches*.",
    )
    yield Wrong(
        lambda z, g: weighted(z, log_softmax(g)), "The weights are logarithms: `softmax`, not `log_softmax`."
    )
    yield Wrong(
        lambda z, g: weighted(z, torch.sigmoid(g)),
        "A sigmoid weighs each branch by itself, and the weights do not sum to 1; take the softmax.",
    )
    yield Wrong(
        lambda z, g: weighted(z, g / g.sum(1, keepdim=True)),
        "The scores are divided by their sum, which may be 0 or negative; take their softmax.",
    )
    yield Wrong(
        lambda z, g: weighted(z, softmax(torch.relu(g))),
        "A ReLU cuts the scores. In ONE it belongs to the gate that makes them; here they come ready.",
    )
    yield Wrong(lambda z, g: weighted(z, softmax(softmax(g))), "The softmax of the scores is taken twice.")
    yield Wrong(
        lambda z, g: weighted(z, softmax(-g)), "The weights fall as the scores rise: a sign is wrong."
    )
    yield Wrong(
        lambda z, g: weighted(softmax(z, 2), softmax(g)),
        "This weighs the branches' *probabilities* and returns probabilities; ONE weighs logits.",
    )
    yield Wrong(
        lambda z, g: tiny(weighted(softmax(z, 2), softmax(g))),
        "This is the logarithm of weighted probabilities, another ensemble; ONE weighs logits.",
    )
    yield Wrong(
        lambda z, g: weighted(log_softmax(z, 2), softmax(g)),
        "This weighs log-probabilities. Their softmax is the same, but they are other logits: leave the "
        "branches' as they are.",
    )
    yield Wrong(
        lambda z, g: softmax(gated(z, g)), "These are the ensemble's probabilities; its logits are wanted."
    )
    yield Wrong(
        lambda z, g: log_softmax(gated(z, g)),
        "These are log-probabilities of the ensemble; return its logits as they are.",
    )
    yield Wrong(
        lambda z, g: gated(z, g) / len(z),
        "Divided by the number of branches; the weights sum to 1 already. (A mean in place of a sum?)",
    )
    yield Wrong(
        lambda z, g: z.gather(0, g.argmax(1)[None, :, None].expand(1, *z.shape[1:]))[0],
        "Only the branch with the highest score answers, and the gate learns nothing; weigh them all.",
    )
    yield Wrong(
        lambda z, g: weighted(z.flip(0), softmax(g)), "The branches and the scores run in opposite orders."
    )
    yield Wrong(
        lambda z, g: weighted(z, softmax(g).mean(0, keepdim=True).expand_as(g)),
        "All samples get the same weights, a mean over the batch; each sample has its own.",
    )
    yield Wrong(
        lambda z, g: weighted(z, softmax(g)[:1].expand_as(g)), "All samples get the weights of the first one."
    )

    def as_shape(z: Tensor, g: Tensor) -> Tensor:
        return weighted(z, softmax(g).reshape(len(z), -1).T)

    yield Wrong(
        as_shape,
        "The weights are brought to (M, B) by `reshape` or `view`, which mixes samples and branches; "
        "transpose them.",
    )
    yield Wrong(
        lambda z, g: weighted(z.reshape(z.shape[1], z.shape[0], -1).transpose(0, 1), softmax(g)),
        "The branches are brought to (B, M, C) by `reshape` or `view`, which mixes samples and branches; "
        "transpose them.",
    )
    yield Wrong(
        lambda z, g: gated(z, g.detach()), "The gate is detached: it would never learn whom to trust."
    )
    yield Wrong(
        lambda z, g: gated(z.detach(), g),
        "The branches are detached. The ensemble learns from the labels *through* them; only the loss of the "
        "branches takes it as a constant.",
    )
    yield Wrong(
        lambda z, g: (softmax(g) @ z)[torch.arange(len(g)), 0],
        "The axes do not go together: broadcasting has paired each sample's weights with other samples.",
    )
    if_equal = (
        "With equal sizes the axes are mixed up: the weights of sample b must meet the logits of sample b."
    )
    yield Wrong(lambda z, g: (softmax(g)[:, :, None] * z).sum(0), if_equal)
    yield Wrong(lambda z, g: (softmax(g)[:, :, None] * z).sum(1), if_equal)
    yield Wrong(lambda z, g: (softmax(g)[:, None, :] * z).sum(0), if_equal)


def shapes(args: tuple) -> dict[tuple, str]:
    M, B, C = args[0].shape
    return {
        (M, B, C): "The branches are weighed but not added up yet.",
        (B, M, C): "The branches are weighed but not added up yet.",
        (M, C): "The sum runs over the batch; it runs over the branches.",
        (M, B): "The sum runs over the classes; it runs over the branches.",
        (B, M): "The sum runs over the classes; it runs over the branches.",
        (
            B,
            B,
            C,
        ): "`softmax(scores) @ logits` multiplies every sample's weights with every sample; sample b meets "
        "sample b only.",
        (B,): "One number a sample; the ensemble has logits for each class.",
    }


TASKS = {
    "gated_ensemble_logits": FunctionTask(
        ("branch_logits", "gate_scores"), "the ensemble's logits, (B, C)", gated, cases, mistakes,
        learns=(0, 1), shapes=shapes,
        misfit="Two shapes do not fit: logits are (M, B, C) and scores (B, M). Transpose the scores, or use "
        "`torch.einsum`.",
        not_finite="Somewhere `exp` overflows: `torch.softmax` subtracts the maximum first and stays finite.",
    ),
}  # fmt: skip
