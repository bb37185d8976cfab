"""Training by turns with a critic."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import Adam

from kdcourse.training.loop import require_finite
from kdcourse.training.progress import progress_bar

# The first moment forgets faster than by Adam's default: the critic's gradient turns as the model moves.
_BETAS = (0.5, 0.9)


def fit_with_critic(
    model: nn.Module,
    critic: nn.Module,
    objective: Callable[..., Tensor],
    critic_objective: Callable[..., Tensor],
    batches: Callable[[int], tuple[Tensor, ...]],
    *,
    steps: int,
    lr: float = 2e-3,
    critic_lr: float = 2e-3,
    progress: bool = True,
) -> Tensor:
    """Train `model` and its `critic` in place, a step of one after a step of the other, on the same batch.

    In its own step each is trained and the other stays as it is: the critic's parameters get no gradient
    while the model learns, so nothing is left over for the critic's step. Both are in training mode (batch
    norms of both see every forward pass) and end in evaluation mode.

    Args:
        model: a generator or a student; one net, a `SeedStack`, or a `nn.ModuleList` of all that is trained.
        critic: what scores it, with as many seeds.
        objective: (model, critic, *batch) -> the model's loss, shape () or (S,).
        critic_objective: (model, critic, *batch) -> the critic's loss, shape () or (S,). It should detach
            what the model puts out (or run it under `torch.no_grad`, which is quicker).
        batches: step -> batch, e.g. `Batches`.
        steps: number of steps of each.
        lr, critic_lr: rates of Adam with betas 0.5 and 0.9; they stay constant for the first half of the
            steps and then fall to zero in a straight line.
        progress: show a progress bar if the run takes longer than two seconds (never when KDCOURSE_QUIET is
            set).

    Returns:
        Both losses before every step, the model's first: shape (steps, 2) or (steps, 2, S).

    Raises:
        ValueError: fewer than one step.
        FloatingPointError: a loss is no longer finite at a look-up (every 100 steps and at the end).

    Source:
        By turns, one step each: Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014, algorithm 1;
        the falling rate as in Isola, Zhu, Zhou & Efros, "Image-to-Image Translation with Conditional
        Adversarial Networks", CVPR 2017, code.

    Lecture:
        09_segmentation, section 6.
    """
    if steps < 1:
        raise ValueError(f"steps: expected at least 1, got {steps}")
    players = (model, critic)
    objectives = (objective, critic_objective)
    optimizers = [
        Adam(list(net.parameters()), lr=float(rate), betas=_BETAS)
        for net, rate in zip(players, (lr, critic_lr), strict=True)
    ]
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, 2 * (1 - step / steps)))
        for optimizer in optimizers
    ]
    trained = [[p for p in net.parameters() if p.requires_grad] for net in players]
    losses = []
    for net in players:
        net.train()
    try:
        for step in progress_bar(range(steps), steps, "training", "step", progress):
            batch = batches(step)
            both = []
            for turn in (0, 1):
                _require_grad(trained[1 - turn], False)
                _require_grad(trained[turn], True)
                loss = objectives[turn](model, critic, *batch)
                optimizers[turn].zero_grad(set_to_none=True)
                loss.sum().backward()
                optimizers[turn].step()
                schedules[turn].step()
                both.append(loss.detach())
            losses.append(torch.stack(both))
            if (step + 1) % 100 == 0 or step + 1 == steps:
                require_finite(losses[-1], step)
    finally:
        _require_grad([*trained[0], *trained[1]], True)
    for net in players:
        net.eval()
    return torch.stack(losses)


def _require_grad(parameters: list[nn.Parameter], required: bool) -> None:
    for parameter in parameters:
        parameter.requires_grad_(required)
