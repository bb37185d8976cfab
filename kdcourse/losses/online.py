"""Losses of nets that learn together, of a net that teaches itself, and of generations of equal nets.

Conventions as in `responses.py`: logits of shape (B, C), natural logarithms, mean over the batch. Who is the
student and who the teacher changes from term to term; wherever a prediction is a target, it is a constant.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from kdcourse.losses._checks import (
    check_labels,
    check_number,
    check_same_shape,
    check_temperature,
    check_tensor,
)
from kdcourse.losses._numerics import cross_entropy, wide


def mutual_losses(logits: Sequence[Tensor], labels: Tensor) -> list[Tensor]:
    r"""Deep mutual learning (DML): each net learns from the labels and from what its peers predict.

    .. math:: L_k = CE(z_k, y) + \frac{1}{K - 1} \sum_{l \neq k} KL\left(p_l \,\|\, p_k\right),
              \qquad p_k = softmax(z_k)

    The peers are constants in each loss, so the sum of the losses may be backpropagated at once and gives
    each net the gradient of its own loss. A single net has no peers: its loss is the cross-entropy.

    Args:
        logits: z_1 .. z_K, a list of tensors of shape (B, C), one a net.
        labels: y, shape (B,), int64 class indices in 0 .. C-1.

    Returns:
        List of K 0-dimensional tensors, in nats per sample, each in the dtype of its net's logits.

    Raises:
        ValueError: an empty list, wrong or unequal shapes, an empty batch, labels out of range (on a GPU
            their range is left to the device).

    Source:
        Zhang, Xiang, Hospedales & Lu, "Deep Mutual Learning", CVPR 2018, section 3. The paper averages over
        the K - 1 peers, the authors' code sums; for two nets both are the same. The paper updates the nets
        in turn, with fresh predictions for each; here all losses use the same predictions.

    Lecture:
        07_online_distillation, section 1.

    >>> import torch
    >>> one, other = torch.tensor([[0.0, 0.0]]), torch.tensor([[99.0, 0.0]])  # unsure, sure of class 0
    >>> of_one, _ = mutual_losses([one, other], torch.tensor([0]))
    >>> round(of_one.item(), 4)  # log 2 from the label, log 2 from the peer
    1.3863
    """
    _check_list("logits", logits, labels)
    log_q = [F.log_softmax(wide(z), dim=1) for z in logits]
    log_p = [log_q_k.detach() for log_q_k in log_q]  # peers are constants
    p = [log_p_k.exp() for log_p_k in log_p]
    losses = []
    for k, z in enumerate(logits):
        loss = cross_entropy(wide(z), labels)
        peers = [j for j in range(len(logits)) if j != k]
        if peers:
            divergences = [(p[j] * (log_p[j] - log_q[k])).sum(dim=1).mean() for j in peers]
            loss = loss + sum(divergences) / len(peers)
        losses.append(loss.to(z.dtype))
    return losses


def self_distillation_loss(
    exits: Sequence[Tensor], labels: Tensor, *, temperature: float = 3.0, alpha: float = 0.5
) -> Tensor:
    r"""Be your own teacher (BYOT): all exits learn from the labels, the shallow ones from the deepest too.

    .. math:: CE(z_E, y) + \sum_{e < E} (1 - \alpha) \, CE(z_e, y)
              + \alpha \, T^2 \, KL\left(softmax(z_E / T) \,\|\, softmax(z_e / T)\right)

    The deepest exit is a constant in the divergences: it learns from the labels only. The exits are summed,
    so the loss grows with their number. With one exit it is the cross-entropy. Matching the features of the
    exits, the method's other part, is `hint_loss` after a regressor.

    Args:
        exits: z_1 .. z_E, a list of tensors of shape (B, C), from the shallowest exit to the deepest.
        labels: y, shape (B,), int64 class indices in 0 .. C-1.
        temperature: T > 0, in units of logits; in the divergences only.
        alpha: weight of the divergences, in [0, 1].

    Returns:
        0-dimensional tensor, mean over the batch, sum over the exits, in the dtype of the first exit.

    Raises:
        ValueError: an empty list, wrong or unequal shapes, an empty batch, labels out of range (on a GPU
            their range is left to the device), T not positive, alpha outside [0, 1].

    Source:
        Zhang, Song, Gao, Chen, Bao & Ma, "Be Your Own Teacher: Improve the Performance of Convolutional
        Neural Networks via Self Distillation", ICCV 2019, section 3. The authors' code has alpha = 0.3 and
        no factor T²; another implementation scales the deepest exit's cross-entropy by 1 - alpha too.

    Lecture:
        06_self_distillation, section 4.

    >>> import torch
    >>> shallow, deep = torch.tensor([[0.0, 0.0]]), torch.tensor([[297.0, 0.0]])
    >>> loss = self_distillation_loss([shallow, deep], torch.tensor([0]), alpha=0.25)
    >>> round(loss.item(), 4)  # 0.75 log 2 from the label, 0.25 * 3² * log 2 from the deep exit
    2.0794
    """
    _check_list("exits", exits, labels)
    check_temperature(temperature)
    check_number("alpha", alpha, low=0.0, high=1.0)
    *shallow, deepest = map(wide, exits)
    loss = cross_entropy(deepest, labels)
    log_p = F.log_softmax(deepest.detach() / temperature, dim=1)
    p = log_p.exp()
    for z in shallow:
        hard = cross_entropy(z, labels)
        log_q = F.log_softmax(z / temperature, dim=1)
        soft = temperature**2 * (p * (log_p - log_q)).sum(dim=1).mean()
        loss = loss + (1 - alpha) * hard + alpha * soft
    return loss.to(exits[0].dtype)


def confidence_weights(teacher_logits: Tensor) -> Tensor:
    r"""Weights of the samples by the teacher's confidence (CWTM), summing to one over the batch.

    .. math:: w_b = \frac{\max_c p_{bc}}{\sum_u \max_c p_{uc}}, \qquad p = softmax(t)

    They stand in for 1/B: the loss is the *sum* of w_b times the cross-entropy with the true label. If that
    does as well as distillation, what helped was the teacher's weighting of samples, not what it says of the
    wrong classes.

    Args:
        teacher_logits: t, shape (B, C).

    Returns:
        Weights of shape (B,) in the dtype of the logits, without a graph; all 1/B where the teacher is
        equally sure of every sample.

    Raises:
        ValueError: another shape, an empty batch.

    Source:
        Furlanello, Lipton, Tschannen, Itti & Anandkumar, "Born-Again Neural Networks", ICML 2018, section 3,
        "confidence weighted by teacher max".

    Lecture:
        06_self_distillation, section 3.

    >>> import torch
    >>> logits = torch.tensor([[0.8, 0.2], [0.3, 0.7], [0.5, 0.5]]).log()
    >>> [round(w, 4) for w in confidence_weights(logits).tolist()]  # 0.8, 0.7 and 0.5, over their sum
    [0.4, 0.35, 0.25]
    """
    check_tensor("teacher_logits", teacher_logits, "(B, C)")
    confidence = wide(teacher_logits.detach()).softmax(dim=1).amax(dim=1)
    return (confidence / confidence.sum()).to(teacher_logits.dtype)


def permuted_soft_targets(
    teacher_logits: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    r"""Soft targets with the wrong classes exchanged at random (DKPP): how sure stays, of what else goes.

    .. math:: \tilde{p}_{bc} = p_{b \pi_b(c)}, \qquad p = softmax(t / T), \quad
              \pi_b(\operatorname{argmax} t_b) = \operatorname{argmax} t_b

    where the permutation of the other classes is uniformly random and drawn for each sample anew. If a
    student learns as much from these targets, it was not from the similarities between classes.

    Args:
        teacher_logits: t, shape (B, C).
        temperature: T > 0, in units of logits.
        generator: where the random numbers come from, on the device of the logits (None: torch's global
            generator). Under `torch.func.vmap` give ``randomness="different"`` or ``"same"``.

    Returns:
        Probabilities of shape (B, C) in the dtype of the logits, without a graph; rows sum to one.

    Raises:
        ValueError: another shape, an empty batch, T not positive and finite.

    Source:
        Furlanello, Lipton, Tschannen, Itti & Anandkumar, "Born-Again Neural Networks", ICML 2018, section 3,
        "dark knowledge with permuted predictions". The text keeps the teacher's arg-max in place, as here;
        the equation of the gradient has the true class there.

    Lecture:
        06_self_distillation, section 3.

    >>> import torch
    >>> logits = torch.tensor([[0.1, 0.6, 0.2, 0.1]]).log()
    >>> targets = permuted_soft_targets(logits, generator=torch.Generator().manual_seed(0))
    >>> targets.argmax().item(), [round(p, 4) for p in sorted(targets[0].tolist())]
    (1, [0.1, 0.1, 0.2, 0.6])
    """
    check_tensor("teacher_logits", teacher_logits, "(B, C)")
    check_temperature(temperature)
    logits = wide(teacher_logits.detach())
    largest_first = (logits / temperature).softmax(dim=1).sort(dim=1, descending=True).values
    lots = torch.rand(logits.shape, generator=generator, device=logits.device)
    # The arg-max draws the highest lot and so receives the largest probability, the others any of the rest.
    order = lots.scatter(1, logits.argmax(dim=1, keepdim=True), 2.0).argsort(dim=1, descending=True)
    return torch.zeros_like(logits).scatter(1, order, largest_first).to(teacher_logits.dtype)


def _check_list(name: str, logits: Sequence[Tensor], labels: Tensor) -> None:
    """Require a list of tensors of one shape (B, C), and labels for them."""
    if not isinstance(logits, (list, tuple)) or not logits:
        got = (
            f"an empty {type(logits).__name__}"
            if isinstance(logits, (list, tuple))
            else type(logits).__name__
        )
        raise ValueError(f"{name}: expected a list of one tensor of shape (B, C) or more, got {got}")
    for i, z in enumerate(logits):
        check_tensor(f"{name}[{i}]", z, "(B, C)")
        check_same_shape((f"{name}[0]", f"{name}[{i}]"), logits[0], z)
    check_labels(labels, logits[0])
