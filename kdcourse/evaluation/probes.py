"""What are features worth for a task they were not trained on? Linear probe and few-shot classification."""

import numpy as np
import torch
from torch import Tensor


def linear_probe(
    features: Tensor, labels: Tensor, test_features: Tensor, test_labels: Tensor, *, cost: float = 1.0
) -> float:
    """Accuracy in percent of a linear classifier on frozen features.

    Features are standardised with the mean and standard deviation of the training part; then multinomial
    logistic regression (scikit-learn's).

    Args:
        features, test_features: (N, D) and (M, D), of the frozen net.
        labels, test_labels: (N,) and (M,).
        cost: inverse strength of the L2 penalty; choose it on validation images.

    Raises:
        ValueError: shapes that do not fit, features that are not finite, or a single class.

    Lecture:
        13_pretraining_distillation, section 6.
    """
    _check("features", features, labels)
    _check("test_features", test_features, test_labels)
    if features.shape[1] != test_features.shape[1]:
        raise ValueError(
            f"test_features: expected {features.shape[1]} columns, as features have, got "
            f"{test_features.shape[1]}"
        )
    if len(labels.unique()) < 2:
        raise ValueError("labels: expected at least two classes")
    model = _logistic(cost).fit(_array(features), _array(labels))
    return 100 * float(model.score(_array(test_features), _array(test_labels)))


def few_shot_accuracy(
    features: Tensor,
    labels: Tensor,
    *,
    ways: int = 5,
    shots: int = 5,
    queries: int = 15,
    episodes: int = 200,
    seed: int = 0,
    classifier: str = "centroid",
) -> Tensor:
    """Accuracy in percent of few-shot classification on frozen features, episode by episode.

    An episode draws `ways` classes and from each of them `shots` labelled and `queries` other samples; the
    labelled ones make a classifier, the others test it. Chance is 100 / `ways`.

    Args:
        features: (N, D), of classes that the net was not trained on.
        labels: (N,).
        seed: of the episodes: with one seed two nets meet the same ones, so their difference is paired.
        classifier: "centroid", the class whose mean is nearest (Euclidean); or "logistic", logistic
            regression on features standardised by the labelled samples.

    Returns:
        (episodes,) float64.

    Raises:
        ValueError: fewer classes than `ways`, or fewer than `shots` + `queries` samples of one of them.

    Source:
        Snell, Swersky & Zemel, "Prototypical Networks for Few-shot Learning", NeurIPS 2017, for episodes and
        the nearest class mean.

    Lecture:
        13_pretraining_distillation, section 6.
    """
    _check("features", features, labels)
    for name, value in {"ways": ways - 1, "shots": shots, "queries": queries, "episodes": episodes}.items():
        if value < 1:
            raise ValueError(f"{name}: expected at least {1 + (name == 'ways')}")
    if classifier not in ("centroid", "logistic"):
        raise ValueError(f'classifier: expected "centroid" or "logistic", got {classifier!r}')
    classes, counts = labels.unique(return_counts=True)
    if len(classes) < ways or counts.min() < shots + queries:
        raise ValueError(
            f"features: expected at least {ways} classes with {shots} + {queries} samples each, got "
            f"{len(classes)} classes with at least {int(counts.min())}"
        )
    rng = np.random.default_rng(seed)
    rows = [np.flatnonzero(_array(labels) == int(c)) for c in classes]
    points, accuracies = _array(features).astype(np.float64), []
    for _ in range(episodes):
        chosen = rng.permutation(len(rows))[:ways]
        drawn = [rng.choice(rows[c], shots + queries, replace=False) for c in chosen]
        support = points[np.stack([d[:shots] for d in drawn])]  # (ways, shots, D)
        query = points[np.stack([d[shots:] for d in drawn])].reshape(ways * queries, -1)
        truth = np.repeat(np.arange(ways), queries)
        if classifier == "centroid":
            distance = ((query[:, None] - support.mean(axis=1)) ** 2).sum(-1)
            guess = distance.argmin(axis=1)
        else:
            model = _logistic(1.0).fit(support.reshape(ways * shots, -1), np.repeat(np.arange(ways), shots))
            guess = model.predict(query)
        accuracies.append(100 * (guess == truth).mean())
    return torch.tensor(np.array(accuracies), dtype=torch.float64)


def _logistic(cost: float):
    # Imported here because they take longer than most of what uses this package.
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=cost, max_iter=1000))


def _array(values: Tensor) -> np.ndarray:
    return values.detach().cpu().numpy()


def _check(name: str, features: Tensor, labels: Tensor) -> None:
    if features.ndim != 2 or labels.shape != features.shape[:1] or not len(labels):
        raise ValueError(
            f"{name}: expected (N, D) with N >= 1 and labels (N,), got {tuple(features.shape)} and "
            f"{tuple(labels.shape)}"
        )
    if not bool(torch.isfinite(features).all()):
        raise ValueError(f"{name}: expected finite numbers")
