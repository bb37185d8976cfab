"""The small Transformer against PyTorch's own, and its padding."""

import pytest
import torch
import torch.nn.functional as F

from kdcourse.data import draw_sequences
from kdcourse.models import EncoderLayer, SequenceNet
from kdcourse.training import Batches, SeedStack, fit, seeded, supervised


def net(seed=0):
    return seeded(lambda: SequenceNet(12, 16, width=8, heads=2, layers=2), seed).eval()


def test_a_layer_is_pytorch_s_encoder_layer():
    ours = seeded(lambda: EncoderLayer(8, 2), 0)
    theirs = torch.nn.TransformerEncoderLayer(
        8, 2, dim_feedforward=32, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    names = {
        "self_attn.in_proj_": "qkv.", "self_attn.out_proj.": "out.", "linear1.": "mlp.0.",
        "linear2.": "mlp.2.", "norm1.": "norm1.", "norm2.": "norm2.",
    }  # fmt: skip
    state = ours.state_dict()
    theirs.load_state_dict(
        {
            f"{their}{part}": state[f"{our}{part}"]
            for their, our in names.items()
            for part in ("weight", "bias")
        }
    )
    h = torch.randn(3, 5, 8)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 0]], dtype=torch.bool)
    expected = theirs(h, src_key_padding_mask=~mask)
    torch.testing.assert_close(ours(h, mask)[0][mask], expected[mask], atol=1e-5, rtol=1e-4)


def test_scores_are_scaled_products_before_mask_and_softmax():
    layer = seeded(lambda: EncoderLayer(8, 2), 0)
    h = torch.randn(1, 3, 8)
    q, k, v = layer.qkv(layer.norm1(h))[0].split(8, dim=1)
    _, scores = layer(h, torch.ones(1, 3))
    for head, part in enumerate((slice(0, 4), slice(4, 8))):
        torch.testing.assert_close(scores[0, head], q[:, part] @ k[:, part].T / 2)
    assert v.shape == (3, 8)


def test_padding_changes_no_answer_and_no_real_feature():
    texts = draw_sequences(6, seed=0, length=10, shortest=10)
    longer = F.pad(texts.tokens, (0, 4))
    logits, features = net()(texts.tokens, return_features=True)
    padded_logits, padded = net()(longer, return_features=True)
    torch.testing.assert_close(padded_logits, logits)
    for name, feature in features.items():
        kept = padded[name][..., :10, :10] if name.startswith("scores") else padded[name][:, :10]
        torch.testing.assert_close(kept, feature)


def test_a_text_of_padding_only_is_finite():
    assert net()(torch.zeros(2, 5, dtype=torch.long)).isfinite().all()


def test_features_and_their_order():
    logits, features = net()(torch.ones(3, 7, dtype=torch.long), return_features=True)
    assert list(features) == ["embedding", "scores1", "hidden1", "scores2", "hidden2"]
    assert logits.shape == (3, 2)


def test_many_seeds_at_once():
    texts = draw_sequences(5, seed=0)
    stack = SeedStack(lambda: SequenceNet(12, 16, width=8, heads=2, layers=2), [0, 3]).eval()
    together = stack(texts.tokens.expand(2, 5, 16))
    for k, seed in enumerate((0, 3)):
        torch.testing.assert_close(together[k], net(seed)(texts.tokens), atol=1e-5, rtol=1e-4)


def test_it_learns_which_comes_first():
    texts, fresh = draw_sequences(2000, seed=0), draw_sequences(500, seed=1)
    model = seeded(lambda: SequenceNet(12, 16, width=16, heads=2, layers=2), 0)
    fit(model, supervised(), Batches(*texts, batch_size=64, seeds=0), steps=250, lr=5e-3, progress=False)
    with torch.no_grad():
        right = (model(fresh.tokens).argmax(1) == fresh.labels).double().mean()
    assert right > 0.9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EncoderLayer(8, 3), "heads: expected a divisor of the width 8"),
        (lambda: SequenceNet(12, 0), "length"),
        (lambda: net()(torch.ones(1, 17, dtype=torch.long)), "tokens: expected texts of at most 16, got 17"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
