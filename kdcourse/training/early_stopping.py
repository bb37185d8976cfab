"""Early stopping: train to the end, and keep the net of the best look on the way."""

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from kdcourse.training.loop import fit, warmup_cosine
from kdcourse.training.progress import progress_bar
from kdcourse.training.seeds import SeedStack


class Best(NamedTuple):
    """The best look of a run, of each seed by itself.

    model: a copy of the trained model with the weights and buffers of that look, in evaluation mode.
    scores: (S,), or () for a single net, the score at that look.
    steps: (S,) or (), the number of steps done by then.

    Lecture:
        06_self_distillation, section 1, through `fit_keeping_best`.
    """

    model: nn.Module
    scores: Tensor
    steps: Tensor


def fit_keeping_best(
    model: nn.Module,
    objective: Callable[..., Tensor],
    batches: Callable[[int], tuple[Tensor, ...]],
    *,
    steps: int,
    score: Callable[[nn.Module], Tensor],
    look_every: int = 50,
    lr: float = 5e-3,
    weight_decay: float = 0.0,
    progress: bool = True,
) -> Best:
    """Train `model` in place as `fit` does, and return the best net that was seen on the way.

    The model itself ends at the last step, so one run gives both arms: left to train on, and early-stopped.

    Args:
        model, objective, batches, steps, lr, weight_decay: as of `fit`.
        score: model -> (S,), or () for a single net; higher is better. Accuracy on *validation* images: a
            score of test images would choose on the test. Of equal scores the earlier counts.
        look_every: steps between two looks; there is one at the end, too.
        progress: show a progress bar if the run takes longer than two seconds.

    Lecture:
        06_self_distillation, section 1.

    >>> from kdcourse.models import mlp
    >>> from kdcourse.training import Batches, supervised
    >>> images, labels = torch.rand(20, 1, 8, 8), torch.arange(20) % 10
    >>> net, accuracy = mlp(64, 8, 10), lambda net: (net(images).argmax(1) == labels).double().mean()
    >>> best = fit_keeping_best(
    ...     net, supervised(), Batches(images, labels, batch_size=10, seeds=0), steps=20, look_every=5,
    ...     score=accuracy,
    ... )
    >>> bool(accuracy(best.model) == best.scores)
    True
    """
    if look_every < 1:
        raise ValueError(f"look_every: expected at least 1, got {look_every}")
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=float(lr), weight_decay=float(weight_decay), fused=True
    )
    schedule = warmup_cosine(optimizer, steps)
    best = best_scores = best_steps = None
    looks = range(0, steps, look_every)
    for start in progress_bar(looks, len(looks), "training", "look", progress):
        count = min(look_every, steps - start)
        fit(
            model, objective, lambda step, start=start: batches(start + step), steps=count,
            optimizer=optimizer, schedule=schedule, progress=False,
        )  # fmt: skip
        with torch.no_grad():
            scores = torch.as_tensor(score(model))
        expected = (len(model.seeds),) if isinstance(model, SeedStack) else ()
        if scores.shape != expected:
            raise ValueError(
                f"score: expected one number a seed, shape {expected}, got {tuple(scores.shape)}"
            )
        if best is None:
            best, best_scores = copy.deepcopy(model), scores.clone()
            best_steps = torch.full_like(scores, start + count, dtype=torch.long)
            continue
        better = scores > best_scores
        best_scores = torch.where(better, scores, best_scores)
        best_steps = torch.where(better, start + count, best_steps)
        with torch.no_grad():
            for kept, now in zip(_tensors(best), _tensors(model), strict=True):
                which = better.to(now.device).reshape(better.shape + (1,) * (now.dim() - better.dim()))
                kept.copy_(torch.where(which, now, kept))
    return Best(best.eval(), best_scores, best_steps)


def _tensors(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]
