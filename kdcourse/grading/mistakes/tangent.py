"""Known mistakes of the tangent kernel of infinite width."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from kdcourse.grading.formulas.tangent import (
    cosine,
    inner,
    joined,
    kappa0,
    kappa1,
    norms,
    relu_tangent,
)
from kdcourse.grading.function_task import Wrong
from kdcourse.grading.mistakes.parts import Parts, double_mistakes, single_mistakes

RECURSION = "Sigma' = |x||x'| kappa_1(c), then Theta' = Sigma' + kappa_0(c) Theta, with c of the old Sigma."
K0 = "kappa_0(c) = (pi - arccos c) / pi."
K1 = "kappa_1(c) = (sqrt(1 - c²) + c (pi - arccos c)) / pi."
NETWORK = "here h = sqrt(2 / width) relu(W h), the first layer takes x as it is, and there are no biases."
WHERE = "c is the old Sigma divided by the lengths |x||x'|, anew in each layer."


def tangent_parts() -> Parts:
    root = kappa0  # names kept short below
    return {
        "k1": [
            Wrong(kappa0, f"kappa_0 stands where kappa_1 belongs: {RECURSION}"),
            Wrong(
                lambda c: kappa1(c) / 2,
                f"kappa_1 is half of what it should be: the factor 2 of the network is lost; {NETWORK}",
            ),
            Wrong(lambda c: math.pi * kappa1(c), f"kappa_1 is not divided by pi: {K1}"),
            Wrong(
                lambda c: ((1 - c * c).clamp(min=0) + c * (math.pi - torch.arccos(c))) / math.pi,
                f"The root of 1 - c² is missing: {K1}",
            ),
            Wrong(
                lambda c: ((1 - c).clamp(min=0).sqrt() + c * (math.pi - torch.arccos(c))) / math.pi,
                f"The root is of 1 - c, not of 1 - c²: {K1}",
            ),
            Wrong(
                lambda c: ((1 - c * c).clamp(min=0).sqrt() + c * torch.arccos(c)) / math.pi,
                f"The angle itself stands where pi minus the angle belongs: {K1}",
            ),
            Wrong(
                lambda c: ((1 - c * c).clamp(min=0).sqrt() + (math.pi - torch.arccos(c))) / math.pi,
                f"The c before the bracket is missing: {K1}",
            ),
            Wrong(
                lambda c: (c * (math.pi - torch.arccos(c)) - (1 - c * c).clamp(min=0).sqrt()) / math.pi,
                f"The root is subtracted: {K1}",
            ),
            Wrong(lambda c: c * (math.pi - torch.arccos(c)) / math.pi, f"The root is left out: {K1}"),
            Wrong(lambda c: c, f"Sigma stays what it was, as in a linear network: {RECURSION}"),
        ],
        "k0": [
            Wrong(kappa1, f"kappa_1 stands where kappa_0 belongs: {RECURSION}"),
            Wrong(
                lambda c: root(c) / 2,
                f"kappa_0 is half of what it should be: the factor 2 of the network is lost; {NETWORK}",
            ),
            Wrong(lambda c: math.pi * root(c), f"kappa_0 is not divided by pi: {K0}"),
            Wrong(
                lambda c: torch.arccos(c) / math.pi,
                f"The angle itself stands where pi minus the angle belongs: {K0}",
            ),
            Wrong(lambda c: 1 + torch.arccos(c) / math.pi, f"The angle is added to pi: {K0}"),
            Wrong(lambda c: 1 - torch.arcsin(c) / math.pi, f"An arc sine stands for the arc cosine: {K0}"),
            Wrong(lambda c: 1 - torch.arccos(c), f"Only pi is divided by pi; brackets are missing: {K0}"),
        ],
        "start": [
            Wrong(
                lambda a, b: inner(a, b) / a.shape[1],
                f"The inner product of the inputs is divided by D (Sigma, not its lengths); {NETWORK}",
            ),
            Wrong(
                lambda a, b: inner(a, b) / a.shape[1] ** 0.5,
                f"The inner product of the inputs is divided by sqrt(D) (Sigma, not its lengths); {NETWORK}",
            ),
            Wrong(lambda a, b: inner(a, b) + 1, f"A bias is added in the first layer; {NETWORK}"),
        ],
        "lengths_of": [
            Wrong(
                lambda a, b: norms(a, b).square(),
                "The product of the *squared* lengths is used; it is |x| times |x'|.",
            ),
            Wrong(lambda a, b: norms(a, b).sqrt(), "A root of the lengths is taken; it is |x| times |x'|."),
            Wrong(
                lambda a, b: a.norm(dim=1)[:, None].expand(-1, len(b)),
                "Only the length of `x1` is used; it is |x| times |x'|.",
            ),
        ],
        "of": [
            Wrong(
                lambda sigma, lengths, layer: sigma.clamp(-1, 1),
                f"Sigma is not divided by the lengths before its angle is taken: {WHERE}",
            ),
        ],
        "back": [
            Wrong(
                lambda lengths, k: k,
                f"The lengths are missing: Sigma' is |x||x'| kappa_1(c), not kappa_1(c) alone. {RECURSION}",
            ),
            Wrong(lambda lengths, k: lengths * k + 1, f"A bias is added in every hidden layer; {NETWORK}"),
        ],
        "join": [
            Wrong(
                lambda new, factor, theta, old: old + factor * theta,
                f"The old Sigma is added instead of the new one: {RECURSION}",
            ),
            Wrong(
                lambda new, factor, theta, old: new + theta,
                f"Theta is not multiplied by kappa_0: {RECURSION}",
            ),
            Wrong(
                lambda new, factor, theta, old: factor * theta,
                f"The new Sigma is not added, so the last layer's weights are left out: {RECURSION}",
            ),
            Wrong(
                lambda new, factor, theta, old: new + factor * old,
                f"kappa_0 multiplies the old Sigma, not the old Theta: {RECURSION}",
            ),
            Wrong(
                lambda new, factor, theta, old: new + factor * new,
                f"kappa_0 multiplies the new Sigma, not the old Theta: {RECURSION}",
            ),
            Wrong(
                lambda new, factor, theta, old: factor * (new + theta),
                f"kappa_0 multiplies the new Sigma, too: {RECURSION}",
            ),
            Wrong(
                lambda new, factor, theta, old: theta + factor * new,
                f"kappa_0 multiplies the wrong term: {RECURSION}",
            ),
            Wrong(
                lambda new, factor, theta, old: new * factor * theta,
                f"Sigma and Theta are multiplied, not added: {RECURSION}",
            ),
        ],
        "first": [
            Wrong(
                torch.zeros_like,
                "Theta begins at 0: the first layer's weights are left out. Theta^0 = Sigma^0.",
            ),
            Wrong(torch.ones_like, "Theta begins at 1; Theta^0 = Sigma^0, the inner products."),
        ],
        "layers": [
            Wrong(
                lambda depth: depth - 1,
                "The depth is one too small: `depth` counts the hidden layers, and each is one round of the "
                "recursion.",
            ),
            Wrong(
                lambda depth: depth + 1,
                "The depth is one too large: `depth` counts the hidden layers, and each is one round of the "
                "recursion.",
            ),
            Wrong(lambda depth: 1, "The recursion runs once, whatever `depth` is."),
        ],
        "last": [
            Wrong(
                lambda theta, sigma, lengths, depth: sigma,
                "This is Sigma, the covariance of the outputs (NNGP, only the last layer trained); the "
                "tangent kernel is Theta.",
            ),
            Wrong(
                lambda theta, sigma, lengths, depth: theta - sigma,
                "The last layer's weights are left out (Theta minus Sigma); all layers are trained.",
            ),
            Wrong(
                lambda theta, sigma, lengths, depth: theta + sigma,
                "Sigma is added once too often at the end.",
            ),
            Wrong(
                lambda theta, sigma, lengths, depth: theta / torch.where(lengths > 0, lengths, 1.0),
                "The inputs are brought to length 1 (or the kernel is divided by the lengths at the end); it "
                "grows with |x||x'|.",
            ),
            Wrong(
                lambda theta, sigma, lengths, depth: theta / (depth + 1),
                "The kernel is divided by the number of layers; it is their sum.",
            ),
            Wrong(
                lambda theta, sigma, lengths, depth: theta / depth,
                "The kernel is divided by the number of layers; it is their sum.",
            ),
            Wrong(lambda theta, sigma, lengths, depth: 2 * theta, f"The kernel is doubled; {NETWORK}"),
            Wrong(lambda theta, sigma, lengths, depth: theta / 2, f"The kernel is halved; {NETWORK}"),
        ],
    }


def tangent_mistakes() -> Iterator[Wrong]:
    parts = tangent_parts()
    yield from single_mistakes(relu_tangent, parts)
    yield Wrong(
        lambda a, b, depth: relu_tangent(a, b, depth, k0=kappa1, k1=kappa0),
        f"kappa_0 and kappa_1 are exchanged: {RECURSION}",
    )
    yield Wrong(
        lambda a, b, depth: relu_tangent(a, b, depth, k0=lambda c: kappa0(c) / 2, k1=lambda c: kappa1(c) / 2),
        f"Both kappas are half of what they should be: the factor 2 of the network is lost; {NETWORK}",
    )
    # With halves, Sigma shrinks from layer to layer and its angle is that of the shrunken lengths.
    yield Wrong(
        shrinking, f"The factor 2 of the network is lost: kernels halve from layer to layer; {NETWORK}"
    )
    for power, name in ((1.0, "D"), (0.5, "sqrt(D)")):
        yield Wrong(
            lambda a, b, depth, power=power: relu_tangent(a, b, depth) / a.shape[1] ** power,
            f"The kernel is divided by {name}, as if the first layer were divided by the root of the input's "
            f"size; {NETWORK}",
        )
    yield Wrong(frozen_angle, f"Every layer uses the angle of the inputs: {WHERE}")
    yield Wrong(
        lambda a, b, depth: relu_tangent(a, b, depth, join=lambda n, f, t, o: 0 * n + t, first=lambda s: s),
        "These are inner products of the inputs.",
    )
    yield Wrong(late, f"c is taken of the *new* Sigma when kappa_0 is: {RECURSION}")
    yield from double_mistakes(relu_tangent, {name: found[:4] for name, found in parts.items()})


def unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=1, keepdim=True).clamp(min=1e-30)


def shrinking(a: Tensor, b: Tensor, depth: int) -> Tensor:
    lengths = norms(a, b)
    sigma = theta = inner(a, b)
    for _ in range(depth):
        c = cosine(sigma, lengths, 0)
        lengths = lengths / 2
        sigma = lengths * kappa1(c)
        theta = sigma + kappa0(c) / 2 * theta
    return theta


def frozen_angle(a: Tensor, b: Tensor, depth: int) -> Tensor:
    c = cosine(inner(a, b), norms(a, b), 0)
    return relu_tangent(a, b, depth, of=lambda sigma, lengths, layer: c)


def late(a: Tensor, b: Tensor, depth: int) -> Tensor:
    lengths = norms(a, b)
    return relu_tangent(
        a, b, depth, join=lambda new, f, theta, old: joined(new, kappa0(cosine(new, lengths, 0)), theta, old)
    )
