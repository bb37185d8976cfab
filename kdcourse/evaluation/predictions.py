"""Predictions and how good they are."""

import torch
from torch import Tensor, nn

from kdcourse.models._modes import evaluating

# Samples at a time, of all nets together. Intermediate results of more are so large that their memory goes
# back to the system after every layer: a stack of convolutional nets then takes 3 to 4 times as long.
_OF_ONE_NET, _OF_A_STACK, _LEAST = 2048, 1280, 32


def predict(model: nn.Module, images: Tensor, *, batch_size: int | None = None) -> Tensor:
    """Logits of `model` in evaluation mode, without a graph; the model's training flags end as they were.

    Args:
        model: a net, or a `SeedStack` (also within a `Teacher`).
        images: (N, ...), or (S, N, ...) for a stack.
        batch_size: samples at a time, of each seed. Default: 2048 for one net, 1280 / S (at least 32) for a
            stack, which is quickest on a CPU. The logits do not depend on it but for rounding.

    Returns:
        (N, C), or (S, N, C) for a stack.

    Lecture:
        00_start_here, section 2.
    """
    samples = 1 if any(hasattr(module, "seeds") for module in model.modules()) else 0
    if batch_size is None:
        batch_size = max(_LEAST, _OF_A_STACK // images.shape[0]) if samples else _OF_ONE_NET
    with evaluating(model), torch.no_grad():
        return torch.cat([model(part) for part in images.split(batch_size, dim=samples)], dim=samples)


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of right predictions, in percent.

    Args:
        logits: (..., N, C).
        labels: (..., N), or (N,) for all.

    Returns:
        (...): one number a seed, float64.

    Lecture:
        00_start_here, section 2.

    >>> accuracy(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1])).item()
    50.0
    """
    _check_shapes(logits, labels)
    return 100 * (logits.argmax(dim=-1) == labels).double().mean(dim=-1)


def expected_calibration_error(logits: Tensor, labels: Tensor, *, bins: int = 15) -> Tensor:
    """Expected calibration error of the softmax probabilities, in percent.

    Mean over confidence bins, weighted by their share of the samples, of the distance between confidence and
    accuracy.

    Args:
        logits: (..., N, C).
        labels: (..., N), or (N,) for all.
        bins: equally wide bins of the highest probability.

    Returns:
        (...): one number a seed.

    Source:
        Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, equation 3;
        computed by torchmetrics.

    Lecture:
        02_better_soft_targets, section 9.

    >>> sure = torch.tensor([[20.0, 0.0], [20.0, 0.0]])
    >>> expected_calibration_error(sure, torch.tensor([0, 1])).round().item()
    50.0
    """
    _check_shapes(logits, labels)
    # Imported here because it is slow to import and rarely used.
    from torchmetrics.functional.classification import multiclass_calibration_error

    lead, (n, classes) = logits.shape[:-2], logits.shape[-2:]
    # torchmetrics gives a confidence of exactly 1, as saturated nets have it, a bin beyond the last one.
    rows = logits.reshape(-1, n, classes).float().softmax(dim=-1).clamp(max=1 - 2**-24)
    labels = labels.expand(*lead, n).reshape(-1, n)
    errors = [multiclass_calibration_error(p, y, classes, bins) for p, y in zip(rows, labels, strict=True)]
    return 100 * torch.stack(errors).reshape(lead)


def _check_shapes(logits: Tensor, labels: Tensor) -> None:
    if logits.ndim < 2 or labels.ndim < 1 or logits.shape[-2] != labels.shape[-1] or logits.shape[-2] == 0:
        raise ValueError(
            f"logits: expected (..., N, C) with N >= 1 and labels (..., N), got {tuple(logits.shape)} and "
            f"{tuple(labels.shape)}"
        )
