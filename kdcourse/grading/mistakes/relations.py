"""Known mistakes of similarity preservation and FSP, many of them published, and what to say about each.

Parts are listed apart, because two mistakes are often made together. They are tried in this order.
"""

from collections.abc import Callable, Iterator

from torch import Tensor

from kdcourse.grading.formulas.relations import (
    distances,
    fsp,
    length,
    similarities,
    similarity_preserving,
    smooth_l1,
    unit,
)
from kdcourse.grading.formulas.responses import softmax
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import with_parts


def _same(x: Tensor) -> Tensor:
    return x


def _by_sum(g: Tensor) -> Tensor:
    return g / g.abs().sum(1, keepdim=True)


SIMILARITY_PARTS = {
    "similar": [
        Wrong(
            lambda x: similarities(unit(x.flatten(1))),
            "The features are normalised before the product. Only the rows of G = F Fᵀ are: a sample that "
            "excites the net three times as much must change G.",
        ),
        Wrong(
            lambda x: similarities(unit(x.flatten(1), 0)),
            "The columns of the features are normalised (`dim=0`); only the rows of G = F Fᵀ are.",
        ),
        Wrong(
            lambda x: similarities(unit(x, 1)),
            "The maps are normalised over their channels before they are flattened; only the rows of G are.",
        ),
        Wrong(
            lambda x: similarities(x.flatten(2).mean(2) if x.ndim > 2 else x),
            "The maps are averaged over their places first; flatten them, so that place counts.",
        ),
        Wrong(
            lambda x: similarities(x.mean(1) if x.ndim > 2 else x),
            "The maps are averaged over their channels first; flatten them whole.",
        ),
        Wrong(
            lambda x: similarities(x.square().mean(1) if x.ndim > 2 else x),
            "The maps are made attention maps first; flatten the features themselves.",
        ),
        Wrong(
            lambda x: similarities(x.flatten(1) - x.flatten(1).mean(0)),
            "The mean of the batch is taken off the features first (a covariance); the task uses F Fᵀ as "
            "it is.",
        ),
        Wrong(
            lambda x: similarities(x.flatten(1) - x.flatten(1).mean(1, keepdim=True)),
            "The mean of each sample is taken off its features first (a correlation); use F Fᵀ as it is.",
        ),
        Wrong(lambda x: distances(x.flatten(1)), "These are distances; the task takes inner products, F Fᵀ."),
        Wrong(
            lambda x: similarities(x).fill_diagonal_(0.0),
            "The diagonal of G is left out; a sample's product with itself belongs to its row.",
        ),
    ],
    "rows": [
        Wrong(_same, "The rows of G are not divided by their L2 norm: the loss depends on the nets' scales."),
        Wrong(
            _by_sum,
            "The rows of G are divided by the sum of their absolute values (`p=1`); the task wants the L2 "
            "norm.",
        ),
        Wrong(
            lambda g: g / g.sum(1, keepdim=True), "The rows of G are divided by their sum, not their L2 norm."
        ),
        Wrong(
            lambda g: g / g.norm(),
            "The whole matrix is divided by one norm (`G / G.norm()`); each row has its own (`dim=1`).",
        ),
        Wrong(lambda g: softmax(g), "The rows go through a softmax; divide them by their L2 norm."),
        Wrong(
            lambda g: unit(unit(g, 1), 0),
            "Rows and columns are normalised; the task normalises the rows of G.",
        ),
        Wrong(lambda g: g / g.amax(1, keepdim=True), "The rows are divided by their largest entry."),
        Wrong(lambda g: g / g.mean(), "The matrix is divided by its mean; divide each row by its L2 norm."),
        Wrong(
            lambda g: g / g.square().sum(1, keepdim=True),
            "The rows of G are divided by their squared norm: a root is missing.",
        ),
    ],
    "compare": [
        Wrong(
            lambda u: u.square().sum() / len(u),
            "The squared norm is divided by B; the task divides by B².",
        ),
        Wrong(lambda u: u.square().sum(), "The squared norm is not divided by B²."),
        Wrong(
            lambda u: u.square().sum().sqrt() / len(u) ** 2,
            "The Frobenius norm is not squared.",
        ),
        Wrong(lambda u: u.square().sum().sqrt(), "The Frobenius norm is neither squared nor divided by B²."),
        Wrong(lambda u: u.square().sum().sqrt() / len(u), "The Frobenius norm is not squared."),
        Wrong(lambda u: u.square().mean().sqrt(), "A root is taken at the end; the norm is squared."),
        Wrong(lambda u: u.abs().mean(), "The absolute differences are averaged; square them."),
        Wrong(
            lambda u: u.square().mean() / 2,
            "Yours is half of ours: there is no factor 1/2 (smooth L1 has one).",
        ),
        Wrong(lambda u: smooth_l1(u).mean(), "This is smooth L1; the task wants the squared differences."),
        Wrong(
            lambda u: u.square().mean() / len(u) ** 2,
            "`mean` divides by B² already; yours divides by it once more.",
        ),
        Wrong(
            lambda u: u.square().mean() / len(u),
            "`mean` divides by B² already; yours divides by B once more.",
        ),
        Wrong(
            lambda u: u.square().sum() / (len(u) * (len(u) - 1)),
            "The squared norm is divided by B(B − 1); the task divides by B².",
        ),
        Wrong(
            lambda u: (u.square().sum() - u.diagonal().square().sum()) / (len(u) * (len(u) - 1)),
            "The diagonal is left out of the mean; the task takes all B² entries.",
        ),
        Wrong(lambda u: u.square().sum(1).sqrt().mean(), "The norms of the rows are averaged; square them."),
    ],
}


def _by_batched_maps(x: Tensor) -> Tensor:
    x = x.flatten(2) if x.ndim > 2 else x[:, :, None]
    return x @ x.mT


def similarity_mistakes() -> Iterator[Wrong]:
    yield from with_parts(similarity_preserving, SIMILARITY_PARTS)
    for eps in (1.0, 0.1, 1e-2, 1e-3, 1e-4):
        yield Wrong(
            lambda fs, ft, eps=eps: similarity_preserving(fs, ft, rows=lambda g: g / (length(g) + eps)),
            f"{eps:g} is added to the norms of the rows: for weak features that is not small beside them.",
        )
    yield Wrong(
        lambda fs, ft: similarity_preserving(
            fs, ft, rows=lambda g: g / g.detach().square().sum(1, keepdim=True).sqrt()
        ),
        "The norm of the rows is detached; it depends on the student and is part of the graph.",
    )
    yield Wrong(
        _inside_samples,
        "The product is taken inside each sample, between its channels (`bmm`); G compares samples: flatten "
        "to (B, D), then F Fᵀ.",
    )


def _inside_samples(fs: Tensor, ft: Tensor) -> Tensor:
    a, b = (unit(_by_batched_maps(x)) for x in (fs, ft.detach()))
    return (a - b).square().sum() / len(a) ** 2


def fsp_mistakes() -> Iterator[Wrong]:
    def times(factor: Callable[[Tensor, Tensor], float], sentence: str) -> Wrong:
        return Wrong(lambda f1, f2: fsp(f1, f2) * factor(f1, f2), sentence)

    def pixels(f: Tensor) -> int:
        return f.shape[2] * f.shape[3]

    only = "The sum runs over the H·W pixels, and so does the mean: divide by H·W."
    yield times(lambda a, b: pixels(a), "The sum over the pixels is not divided by H·W.")
    yield times(lambda a, b: 1 / a.shape[1], f"Your matrix is divided by the channels of f1 as well. {only}")
    yield times(lambda a, b: 1 / b.shape[1], f"Your matrix is divided by the channels of f2 as well. {only}")
    yield times(
        lambda a, b: 1 / (a.shape[1] * b.shape[1]), f"Your matrix is divided by C1·C2 as well. {only}"
    )
    yield times(lambda a, b: pixels(a) / a.shape[1], f"Your sum is divided by the channels of f1. {only}")
    yield times(lambda a, b: pixels(a) / b.shape[1], f"Your sum is divided by the channels of f2. {only}")
    yield times(lambda a, b: pixels(a) / (a.shape[1] * b.shape[1]), f"Your sum is divided by C1·C2. {only}")
    yield times(lambda a, b: a.shape[3], f"Your sum is divided by H only. {only}")
    yield times(lambda a, b: a.shape[2], f"Your sum is divided by W only. {only}")
    yield times(lambda a, b: a.shape[3] / a.shape[2], f"Your sum is divided by H². {only}")
    yield times(lambda a, b: a.shape[2] / a.shape[3], f"Your sum is divided by W². {only}")
    yield times(lambda a, b: pixels(a) ** 0.5, "Your sum is divided by the root of H·W.")
    yield times(lambda a, b: 1 / pixels(a), "Your matrix is divided by H·W twice.")
    yield times(lambda a, b: 1 / len(a), f"Your matrix is divided by the batch size as well. {only}")
    yield times(lambda a, b: pixels(a) / len(a), f"Your sum is divided by the batch size. {only}")
    yield times(lambda a, b: pixels(a) / a[0].numel() / len(a), f"Your sum is divided by B·C1·H·W. {only}")

    def shuffled(f: Tensor) -> Tensor:
        return f.reshape(len(f), -1, f.shape[1]).mT

    def flat(f: Tensor) -> Tensor:
        return f.flatten(2)

    mixed = (
        "Channels and pixels are mixed: `view(B, H*W, C)` on (B, C, H, W) does not move an axis. Flatten to "
        "(B, C, H*W) first, then transpose."
    )
    for one, two in ((shuffled, shuffled), (shuffled, flat), (flat, shuffled)):
        yield Wrong(lambda a, b, one=one, two=two: one(a) @ two(b).mT / pixels(a), mixed)
        yield Wrong(lambda a, b, one=one, two=two: one(a) @ two(b).mT, f"{mixed} And H·W is not divided by.")
    yield Wrong(
        lambda a, b: flat(a) @ flat(b.flip(2)).mT / pixels(a),
        "The pixels of the two maps are paired in different orders.",
    )
    yield Wrong(
        lambda a, b: unit(flat(a)) @ unit(flat(b)).mT,
        "The channels are L2-normalised; FSP keeps their scale and divides by H·W.",
    )
    yield Wrong(
        lambda a, b: unit(flat(a)) @ unit(flat(b)).mT / pixels(a),
        "The channels are L2-normalised first; FSP keeps their scale.",
    )
    yield Wrong(
        lambda a, b: unit(a, 1).flatten(2) @ unit(b, 1).flatten(2).mT / pixels(a),
        "The pixels are L2-normalised over their channels first; FSP keeps the features as they are.",
    )
    yield Wrong(
        lambda a, b: fsp(a - a.mean((2, 3), keepdim=True), b - b.mean((2, 3), keepdim=True)),
        "The channels' means are taken off first (a covariance); FSP keeps the features as they are.",
    )
    yield Wrong(
        lambda a, b: a.mean((2, 3))[:, :, None] * b.mean((2, 3))[:, None],
        "The maps are averaged over their pixels before they are multiplied; multiply pixel by pixel first.",
    )
    yield Wrong(
        lambda a, b: a.sum((2, 3))[:, :, None] * b.sum((2, 3))[:, None] / pixels(a),
        "The maps are summed over their pixels before they are multiplied; multiply pixel by pixel first.",
    )
    yield Wrong(
        lambda a, b: fsp(a, b).mean(0, keepdim=True).expand(len(a), -1, -1),
        "The batch is averaged; each sample has a matrix of its own.",
    )
    yield Wrong(
        lambda a, b: fsp(a, b).sum(0, keepdim=True).expand(len(a), -1, -1),
        "The batch is summed; each sample has a matrix of its own.",
    )
    yield Wrong(lambda a, b: fsp(a, b).abs(), "The sign of the products is lost.")
    yield Wrong(lambda a, b: fsp(a.abs(), b.abs()), "The sign of the features is lost.")
    yield Wrong(
        lambda a, b: fsp(a.relu(), b.relu()), "A ReLU is applied to the features; use them as they are."
    )
    yield Wrong(lambda a, b: fsp(a.square(), b.square()), "The features are squared first.")
    yield Wrong(lambda a, b: softmax(fsp(a, b), 2), "A softmax is applied to the rows.")
    yield Wrong(lambda a, b: unit(fsp(a, b)), "The rows of the matrix are L2-normalised.")
    yield Wrong(
        lambda a, b: (a[:, :, None] * b[:, None]).amax((3, 4)), "The largest product is taken, not the mean."
    )
    # The value is right, the gradient is not.
    cut = "`{}` is detached. Both layers keep their graph; the caller detaches what is constant."
    yield Wrong(lambda a, b: fsp(a.detach(), b), cut.format("f1"))
    yield Wrong(lambda a, b: fsp(a, b.detach()), cut.format("f2"))
