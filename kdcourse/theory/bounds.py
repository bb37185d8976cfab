"""A generalisation bound through distillation, term by term."""

import math
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from kdcourse.losses._checks import check_labels, check_number, check_pair, check_tensor
from kdcourse.models._checks import check_sizes


class BoundTerms(NamedTuple):
    """The terms of `distillation_bound`; `total` is their sum, an upper bound on an error rate.

    Lecture:
        15_why_risk_and_bounds, section 7, through `distillation_bound`.
    """

    training: float
    distillation: float
    complexity: float
    confidence: float
    pool: float

    @property
    def total(self) -> float:
        return sum(self)


def linear_complexity(inputs: Tensor, weight_norm: float, *, gamma: float, classes: int) -> float:
    r"""Bound on the Rademacher complexity of the softmax probability of a linear student.

    .. math:: \mathfrak{R}_S(\phi_\gamma \circ \mathcal{G}) \le
              \frac{B \sqrt{k} \, \|X\|_F}{2 \gamma n}, \qquad
              \mathcal{G} = \{x \mapsto W x : \|W\|_F \le B\}

    with :math:`\mathfrak{R}_S(\mathcal{H}) = E_\sigma \sup_h \frac{1}{n} \sum_i \sigma_i h(x_i)`: how well
    the class can agree with random signs.

    Args:
        inputs: X, shape (n, D); a column of ones for a bias.
        weight_norm: B, the Frobenius norm that the class allows. It must be fixed before the inputs are seen.
        gamma: temperature of the softmax, > 0.
        classes: k.

    Returns:
        A number, without unit.

    Raises:
        ValueError: wrong shapes or numbers out of range.

    Source:
        Vector contraction of Maurer, "A Vector-Contraction Inequality for Rademacher Complexities", ALT 2016:
        the softmax probability of one class changes by at most sqrt(1/8) a unit of its logits, which gives
        the factor sqrt(2) / sqrt(8) = 1/2; then Cauchy-Schwarz and Jensen.

    Lecture:
        15_why_risk_and_bounds, section 7.

    >>> import torch
    >>> linear_complexity(torch.ones(4, 1), 2.0, gamma=0.5, classes=9)
    3.0
    """
    check_tensor("inputs", inputs, "(n, D)")
    check_number("weight_norm", weight_norm, low=0.0)
    check_number("gamma", gamma, low=0.0, open_low=True)
    check_sizes(classes=classes)
    return weight_norm * math.sqrt(classes) * inputs.double().norm().item() / (2 * gamma * len(inputs))


def distillation_bound(
    student_logits: Tensor,
    labels: Tensor,
    student_pool_logits: Tensor,
    net_pool_logits: Tensor,
    *,
    complexity: float,
    gamma: float,
    delta: float = 0.05,
) -> BoundTerms:
    r"""Upper bound on the error rate of a net f, through a simpler student g that imitates it.

    .. math:: \Pr[f \text{ wrong}] \le
              \frac{2}{n} \sum_i \left(1 - \phi_\gamma(g(x_i))_{y_i}\right)
              + \frac{2}{m} \sum_j \tfrac12 \| \phi_\gamma(f(u_j)) - \phi_\gamma(g(u_j)) \|_1
              + 4 \, \mathfrak{R}
              + 6 \sqrt{\frac{\ln(4 / \delta)}{2 n}}
              + 2 \sqrt{\frac{\ln(2 / \delta)}{2 m}}

    with :math:`\phi_\gamma(z) = \mathrm{softmax}(z / \gamma)`; it holds with probability 1 - delta over the
    labelled sample and the pool. The terms are those of the result, in this order: training, distillation,
    complexity, confidence, pool.

    The pool u_1 .. u_m must be drawn independently of everything that f and g were trained on, and g must
    come from a class that was fixed before the labelled sample was seen. A distillation error measured on the
    labelled sample itself bounds nothing: f may do anything elsewhere.

    Args:
        student_logits: g on the labelled sample, shape (n, k).
        labels: y, shape (n,), int64.
        student_pool_logits: g on the pool, shape (m, k).
        net_pool_logits: f on the pool, shape (m, k).
        complexity: Rademacher complexity of the class's softmax probabilities, or a bound on it
            (`linear_complexity`).
        gamma: temperature of the softmax, > 0, fixed beforehand (or divide delta by the number of tries).
        delta: probability with which the bound may fail, in (0, 1).

    Returns:
        `BoundTerms`; vacuous if the total is 1 or more.

    Raises:
        ValueError: wrong shapes or numbers out of range.

    Source:
        Hsu, Ji, Telgarsky & Wang, "Generalization Bounds via Distillation", ICLR 2021, gave the idea; this
        form, without their factor for data augmentation, is derived in lecture 15.

    Lecture:
        15_why_risk_and_bounds, section 7.

    >>> import torch
    >>> sure = torch.tensor([[50.0, 0.0]]).expand(1000, 2)
    >>> terms = distillation_bound(
    ...     sure, torch.zeros(1000, dtype=torch.long), sure, sure, complexity=0.01, gamma=1.0
    ... )
    >>> {name: round(value, 3) for name, value in terms._asdict().items()}
    {'training': 0.0, 'distillation': 0.0, 'complexity': 0.04, 'confidence': 0.281, 'pool': 0.086}
    """
    check_tensor("student_logits", student_logits, "(n, k)")
    check_labels(labels, student_logits)
    check_pair(student_pool_logits, net_pool_logits, ("student_pool_logits", "net_pool_logits"), "(m, k)")
    if student_pool_logits.shape[1] != student_logits.shape[1]:
        raise ValueError(
            f"student_pool_logits: expected {student_logits.shape[1]} classes as in student_logits, "
            f"got shape {tuple(student_pool_logits.shape)}"
        )
    check_number("complexity", complexity, low=0.0)
    check_number("gamma", gamma, low=0.0, open_low=True)
    check_number("delta", delta, low=0.0, high=1.0, open_low=True)
    g, g_pool, f_pool = (
        F.softmax(z.detach().double() / gamma, dim=1)
        for z in (student_logits, student_pool_logits, net_pool_logits)
    )
    n, m = len(g), len(g_pool)
    return BoundTerms(
        training=2 * (1 - g.gather(1, labels[:, None])).mean().item(),
        distillation=2 * 0.5 * (f_pool - g_pool).abs().sum(dim=1).mean().item(),
        complexity=4 * complexity,
        confidence=6 * math.sqrt(math.log(4 / delta) / (2 * n)),
        pool=2 * math.sqrt(math.log(2 / delta) / (2 * m)),
    )
