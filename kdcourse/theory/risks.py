"""Risks on a sample: with labels, with class probabilities, and how far a student's answers are from its
teacher's."""

import torch.nn.functional as F
from torch import Tensor

from kdcourse.losses._checks import check_labels, check_number, check_pair, check_same_shape, check_tensor


def empirical_risk(losses: Tensor, labels: Tensor) -> Tensor:
    r"""One-hot risk: the mean loss at the labels that were drawn.

    .. math:: \hat R = \frac{1}{N} \sum_n \ell(y_n, f(x_n))

    Args:
        losses: shape (N, C); entry (n, c) is the loss on input n if its label were c.
        labels: shape (N,), int64.

    Returns:
        0-dimensional tensor in units of the losses.

    Raises:
        ValueError: wrong shapes, labels outside 0 .. C-1.

    Source:
        Menon, Rawat, Reddi, Kim & Kumar, "A Statistical Perspective on Distillation", ICML 2021, section 2.

    Lecture:
        15_why_risk_and_bounds, section 1.

    >>> import torch
    >>> empirical_risk(torch.tensor([[1.0, 5.0], [2.0, 8.0]]), torch.tensor([0, 1])).item()
    4.5
    """
    check_tensor("losses", losses, "(N, C)")
    check_labels(labels, losses)
    return losses.gather(1, labels[:, None]).mean()


def bayes_distilled_risk(class_probabilities: Tensor, losses: Tensor) -> Tensor:
    r"""Distilled risk: the mean over the inputs of the loss that is expected there.

    .. math:: \hat R_* = \frac{1}{N} \sum_n \sum_c p^*_c(x_n) \, \ell(c, f(x_n))

    For a fixed f, and if p* is the true P(y | x), it has the same mean as `empirical_risk` and a variance
    that is smaller by ``E Var(loss | x) / N``.

    Args:
        class_probabilities: p*, shape (N, C): P(y = c | x_n), or a teacher's estimate of it.
        losses: shape (N, C); entry (n, c) is the loss on input n if its label were c.

    Returns:
        0-dimensional tensor in units of the losses.

    Raises:
        ValueError: wrong or unequal shapes.

    Source:
        Menon et al., "A Statistical Perspective on Distillation", ICML 2021, section 3.

    Lecture:
        15_why_risk_and_bounds, section 1.

    >>> import torch
    >>> bayes_distilled_risk(torch.tensor([[0.75, 0.25]]), torch.tensor([[1.0, 5.0]])).item()
    2.0
    """
    check_tensor("class_probabilities", class_probabilities, "(N, C)")
    check_tensor("losses", losses, "(N, C)")
    check_same_shape(("class_probabilities", "losses"), class_probabilities, losses)
    return (class_probabilities * losses).sum() / len(losses)


def distillation_error(
    student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, *, gamma: float
) -> Tensor:
    r"""How far the student's probability of the label is from its teacher's, on a sample.

    .. math:: \Phi_{\gamma, n}(f, g) = \frac{1}{n} \sum_i
              \left| \mathrm{softmax}(f(x_i) / \gamma)_{y_i} - \mathrm{softmax}(g(x_i) / \gamma)_{y_i} \right|

    Args:
        student_logits, teacher_logits: shape (n, C).
        labels: y, shape (n,), int64.
        gamma: temperature of the softmax, > 0.

    Returns:
        0-dimensional tensor in [0, 1]. Nothing is detached: it measures, and is not meant to be trained with.

    Raises:
        ValueError: wrong or unequal shapes, labels outside 0 .. C-1, a gamma that is not positive.

    Source:
        Hsu, Ji, Telgarsky & Wang, "Generalization Bounds via Distillation", ICLR 2021, section 1; the form on
        a sample, at the label, is that of the course's notes.

    Lecture:
        15_why_risk_and_bounds, section 6.

    >>> import torch
    >>> student, teacher = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 3.0]]).log()  # 1/2 and 1
    >>> distillation_error(student, teacher, torch.tensor([1]), gamma=1.0).item()
    0.5
    """
    check_pair(student_logits, teacher_logits)
    check_labels(labels, student_logits)
    check_number("gamma", gamma, low=0.0, open_low=True)
    student, teacher = (
        F.softmax(logits / gamma, dim=1).gather(1, labels[:, None])
        for logits in (student_logits, teacher_logits)
    )
    return (student - teacher).abs().mean()
