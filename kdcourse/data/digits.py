"""Real handwritten digits, 8x8 pixels, that come with scikit-learn: no download."""

from __future__ import annotations

from functools import cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kdcourse.data.sets import ImageSet

_CLASSES = 10


class DigitSplits(NamedTuple):
    """Four disjoint parts of the digits.

    labelled: the images whose labels teacher and student may learn from.
    unlabelled: images for the teacher to label. The true labels are there too, **for oracle controls only**
        ("what if these images had been labelled?"); no other arm of an experiment may read them.
    validation: for every choice (temperature, alpha, steps).
    test: for the verdict only.

    Lecture:
        00_start_here, section 2, through `split_digits`.
    """

    labelled: ImageSet
    unlabelled: ImageSet
    validation: ImageSet
    test: ImageSet


@cache
def _digits() -> ImageSet:
    from sklearn import datasets  # imported here because it takes longer than reading the images

    bunch = datasets.load_digits()
    images = torch.as_tensor(bunch.images, dtype=torch.float32).div(16).unsqueeze(1)  # pixels count 0..16
    return ImageSet(images, torch.as_tensor(bunch.target, dtype=torch.int64))


def load_digits() -> ImageSet:
    """All 1,797 digits of scikit-learn: images (1797, 1, 8, 8) in [0, 1], labels (1797,) from 0 to 9.

    174 to 183 images per class. The caller gets a copy and may change it. Source: the test part of the UCI
    data set "Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak, 1998).

    Lecture:
        00_start_here, section 2, through `split_digits`.

    >>> digits = load_digits()
    >>> digits.images.shape, digits.labels.bincount().tolist()
    (torch.Size([1797, 1, 8, 8]), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    """
    images, labels = _digits()
    return ImageSet(images.clone(), labels.clone())


def split_digits(
    seed: int, *, labelled: int = 100, unlabelled: int = 900, validation: int = 300
) -> DigitSplits:
    """Split the digits into labelled, unlabelled, validation and test images, all from one seed.

    The first three parts have the sizes asked for, with class counts that differ by at most one. The test
    part is everything else: 497 images by default. Each part is shuffled.

    For one seed, the training images depend on ``labelled + unlabelled`` only, the validation and test parts
    on that sum and ``validation``. So 30 + 970 and 100 + 900 share all 1,000 training images, the validation
    and the test part. A smaller labelled part is contained in a larger one.

    Raises ValueError for negative sizes, an empty labelled part, a negative seed, and sizes that leave no
    test image of some class.

    Lecture:
        00_start_here, section 2.

    >>> splits = split_digits(seed=0, labelled=30, unlabelled=970)
    >>> [len(part.labels) for part in splits]
    [30, 970, 300, 497]
    >>> splits.labelled.labels.bincount().tolist()
    [3, 3, 3, 3, 3, 3, 3, 3, 3, 3]
    """
    sizes = {"labelled": labelled, "unlabelled": unlabelled, "validation": validation}
    for name, value in {"seed": seed, **sizes}.items():
        least = 1 if name == "labelled" else 0
        if value < least:
            raise ValueError(f"{name}: expected a number >= {least}, got {value}")

    digits = _digits()
    rng = np.random.default_rng(seed)
    order = torch.from_numpy(rng.permutation(len(digits.labels))).long()
    favoured = torch.from_numpy(rng.permutation(_CLASSES)).long()
    labels = digits.labels[order]

    # Each class is dealt out in the shuffled order: the first to `labelled`, the next to `unlabelled`, ...
    ends = torch.stack([_even_counts(total, favoured) for total in accumulate(sizes.values())])
    available = labels.bincount(minlength=_CLASSES)
    if bool((ends[-1] >= available).any()):
        short = int((available - ends[-1]).argmin())
        raise ValueError(
            f"labelled + unlabelled + validation = {labelled} + {unlabelled} + {validation} takes "
            f"{int(ends[-1, short])} images of class {short}, which has {int(available[short])}; "
            "at least one of each class must be left for the test part"
        )
    one_hot = torch.nn.functional.one_hot(labels, _CLASSES)
    rank = (one_hot.cumsum(0) * one_hot).sum(1) - 1  # how many images of its class come before this one
    part = (rank >= ends[:, labels]).sum(0)
    return DigitSplits(*(_take(digits, order[part == number]) for number in range(4)))


def _even_counts(total: int, favoured: Tensor) -> Tensor:
    """Share `total` images among the classes; what is left over goes to the favoured classes, one each."""
    counts = torch.full((_CLASSES,), total // _CLASSES)
    counts[favoured[: total % _CLASSES]] += 1
    return counts


def _take(dataset: ImageSet, indices: Tensor) -> ImageSet:
    return ImageSet(dataset.images[indices], dataset.labels[indices])
