"""A small Transformer of texts that shows what it computes: scores of attention and hidden states."""

import math

import torch
from torch import Tensor, nn

from kdcourse.models._checks import check_sizes


class EncoderLayer(nn.Module):
    r"""One layer of a Transformer's encoder: attention among real tokens, then a perceptron for each.

    .. math:: s = \frac{Q K^\top}{\sqrt{d}}, \quad
              h' = h + \mathrm{softmax}(s + m) V W_o, \quad h'' = h' + MLP(h')

    with Q, K and V linear in the layer-normalised h, d the width of a head, and m = -∞ at keys that are
    padding. (The norms come first in each branch, which trains without a warm-up.)

    Args:
        width: features of a token.
        heads: number of heads; divides the width.

    Shapes:
        ``layer(h, mask)`` maps (B, L, width) and (B, L) to (h'' (B, L, width), s (B, heads, L, L)): the
        scores before the mask and the softmax.

    Source:
        Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2; Xiong et al., "On Layer
        Normalization in the Transformer Architecture", ICML 2020, for the place of the norms.

    Lecture:
        11_language, section 1, through `SequenceNet`.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        check_sizes(width=width, heads=heads)
        if width % heads:
            raise ValueError(f"heads: expected a divisor of the width {width}, got {heads}")
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, h: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        parts = self.qkv(self.norm1(h)).unflatten(2, (3, self.heads, -1))  # (B, L, 3, heads, d)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        scores = q @ k.mT / math.sqrt(q.shape[-1])
        hidden = mask[:, None, None, :] == 0
        # Not -inf: a text of padding only would give NaN.
        weights = scores.masked_fill(hidden, torch.finfo(scores.dtype).min).softmax(dim=-1)
        h = h + self.out((weights @ v).transpose(1, 2).flatten(2))
        return h + self.mlp(self.norm2(h)), scores


class SequenceNet(nn.Module):
    """Small Transformer that classifies texts: token and position embeddings, layers, and a linear map of the
    mean over the real tokens.

    ``net(tokens)`` returns the logits; ``net(tokens, return_features=True)`` returns ``(logits, features)``
    with ``embedding`` (B, L, width), ``hidden1``, ``hidden2``, ... of the same shape (what each layer puts
    out), and ``scores1``, ``scores2``, ... (B, heads, L, L), the scores of attention before mask and softmax.

    Args:
        vocabulary: number of tokens; token 0 is padding.
        length: longest text.
        width, heads, layers: of the Transformer.
        classes: number of logits.

    Raises:
        ValueError: sizes that do not fit; texts that are too long.

    Lecture:
        11_language, section 1.

    >>> net = SequenceNet(vocabulary=12, length=16, width=8, heads=2, layers=3)
    >>> logits, features = net(torch.ones(4, 10, dtype=torch.long), return_features=True)
    >>> logits.shape, features["hidden3"].shape, features["scores1"].shape
    (torch.Size([4, 2]), torch.Size([4, 10, 8]), torch.Size([4, 2, 10, 10]))
    """

    def __init__(
        self,
        vocabulary: int,
        length: int,
        *,
        width: int = 32,
        heads: int = 4,
        layers: int = 2,
        classes: int = 2,
    ):
        super().__init__()
        check_sizes(vocabulary=vocabulary, length=length, layers=layers, classes=classes)
        self.length = length
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.layers = nn.ModuleList(EncoderLayer(width, heads) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(
        self, tokens: Tensor, return_features: bool = False
    ) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        if tokens.shape[1] > self.length:
            raise ValueError(f"tokens: expected texts of at most {self.length}, got {tokens.shape[1]}")
        mask = tokens != 0
        h = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        features = {"embedding": h}
        for i, layer in enumerate(self.layers, start=1):
            h, features[f"scores{i}"] = layer(h, mask)
            features[f"hidden{i}"] = h
        total = (self.norm(h) * mask[:, :, None]).sum(dim=1)
        logits = self.head(total / mask.sum(dim=1, keepdim=True).clamp(min=1))
        return (logits, features) if return_features else logits
