"""Checkpoints that are damaged, foreign, forged or of another run are refused, and change nothing."""

import hashlib
import os
import pickle
import re

import pytest
import runs
import torch
from runs import STEPS, Stopped, assert_same_bits, build, noisy_objective, stop_at

from kdcourse.models import mlp
from kdcourse.training import CheckpointError, checkpoint, fit, load_checkpoint, save_checkpoint, seeded

# ---------------------------------------------------------------- files that are no good


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "absent.ckpt")


def refused(path, *words):
    """Reading is refused, with a text that names the file and says what to do."""
    with pytest.raises(
        CheckpointError, match="(?s)" + ".*".join(re.escape(word) for word in (str(path), *words))
    ):
        load_checkpoint(path)
    model, batches, options = build("adamw")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(CheckpointError):
        fit(model, noisy_objective, batches, steps=STEPS, checkpoint=path, **options)
    assert_same_bits(dict(model.state_dict()), before)


@pytest.mark.parametrize("kept", [0.01, 0.3, 0.9, -1])
def test_a_truncated_file(old_file, kept):
    content = old_file.read_bytes()
    old_file.write_bytes(content[: kept if kept < 0 else int(kept * len(content))])
    refused(old_file, "is damaged", "bytes, wrong checksum", "Delete it")


@pytest.mark.parametrize("place", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_one_wrong_bit(old_file, place):
    content = bytearray(old_file.read_bytes())
    start = len(checkpoint.MAGIC)
    content[start + int(place * (len(content) - start - 1))] ^= 4
    old_file.write_bytes(content)
    refused(old_file, "is damaged", "Delete it")


@pytest.mark.parametrize("content", [b"", b"kdc", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04"], ids=repr)
def test_a_foreign_file(tmp_path, content):
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    refused(path, "is not a kdcourse checkpoint", "another file name, or delete it")


def test_a_file_of_torch_save_is_foreign(tmp_path):
    path = tmp_path / "net.pt"
    torch.save(mlp(3, 2, 2).state_dict(), path)
    refused(path, "is not a kdcourse checkpoint")


class Bomb:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("packed_by", ["torch", "pickle"])
def test_code_in_a_file_is_not_run(tmp_path, packed_by):
    """A forger can make the checksum right; the file still holds no more than data."""
    path, crater = tmp_path / "run.ckpt", tmp_path / "crater"
    inner = tmp_path / "inner"
    if packed_by == "torch":
        torch.save({"run": Bomb(crater)}, inner)
        payload = inner.read_bytes()
    else:
        payload = pickle.dumps({"run": Bomb(crater)}, protocol=2)
    path.write_bytes(checkpoint.MAGIC + hashlib.sha256(payload).digest() + payload)
    refused(path, "more than plain data", "Delete it")
    assert not crater.exists()


# ---------------------------------------------------------------- checkpoints of other runs


def started(path, kind="adamw", **changes):
    """A checkpoint after some steps."""
    model, batches, options = build(kind)
    with pytest.raises(Stopped):
        fit(model, stop_at(4), batches, steps=STEPS, checkpoint=path, checkpoint_every=2, **options | changes)


OTHER_PLANS = {
    "steps": {"steps": 21},
    "rate": {"lr": 0.01},
    "decay": {"weight_decay": 0.0},
    "data": {"size": 29},
    "optimizer": {"kind": "constant"},
}


@pytest.mark.parametrize("change", OTHER_PLANS.values(), ids=OTHER_PLANS.keys())
def test_another_plan_is_refused(tmp_path, change):
    path = tmp_path / "run.ckpt"
    started(path)
    change = dict(change)
    kind, size, steps = change.pop("kind", "adamw"), change.pop("size", 30), change.pop("steps", STEPS)
    model, batches, options = build(kind, size=size)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(
        CheckpointError, match=rf"(?s){re.escape(str(path))} belongs to another run .*this one is.*delete"
    ):
        fit(model, noisy_objective, batches, steps=steps, checkpoint=path, **options | change)
    assert_same_bits(dict(model.state_dict()), before)


def test_another_optimizer_is_refused(tmp_path):
    """Of the same rate and decay; its state would not even be missed."""
    path = tmp_path / "run.ckpt"
    started(path)
    model, batches, options = build("adamw")
    optimizer = torch.optim.Adam(model.parameters(), **options)
    with pytest.raises(CheckpointError, match=r"by AdamW.*this one is .* by Adam,"):
        fit(model, noisy_objective, batches, steps=STEPS, checkpoint=path, optimizer=optimizer)


def test_batches_in_another_order_are_refused(tmp_path):
    path = tmp_path / "run.ckpt"
    started(path)
    model, batches, options = build("adamw")
    batches.seeds = (1,)
    with pytest.raises(CheckpointError, match="another run"):
        fit(model, noisy_objective, batches, steps=STEPS, checkpoint=path, **options)


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: mlp(6, 8, 3), "model"),  # other names
        (lambda: mlp(6, 9, 3), "model"),
        (lambda: torch.nn.Sequential(runs.net()), "model"),
    ],
)
def test_another_model_is_refused_and_left_alone(tmp_path, make, part):
    path = tmp_path / "run.ckpt"
    started(path)
    _, batches, options = build("adamw")
    model = seeded(make, 3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(
        CheckpointError, match=rf"(?s)does not fit this {part}: .*another file name, or delete it"
    ):
        fit(model, noisy_objective, batches, steps=STEPS, checkpoint=path, **options)
    assert_same_bits(dict(model.state_dict()), before)


def test_another_width_is_refused_and_nothing_is_copied(tmp_path):
    """The layers that do fit must not be overwritten either."""
    path = tmp_path / "run.ckpt"
    _, batches, options = build("adamw")
    with pytest.raises(Stopped):
        fit(mlp(6, 5, 4, 3), stop_at(4), batches, steps=STEPS, checkpoint=path, checkpoint_every=2, **options)
    model = seeded(lambda: mlp(6, 5, 7, 3), 3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match="does not fit this model"):
        fit(model, noisy_objective, batches, steps=STEPS, checkpoint=path, **options)
    assert_same_bits(dict(model.state_dict()), before)


def test_a_checkpoint_without_the_parts_of_a_run(tmp_path):
    path = tmp_path / "run.ckpt"
    started(path)
    run = load_checkpoint(path)["run"]
    model, batches, options = build("adamw")
    for state, message in (
        ({"run": run}, "does not fit this model"),
        ({"weights": 1}, "belongs to another run"),
    ):
        save_checkpoint(path, state)
        with pytest.raises(CheckpointError, match=message):
            fit(model, noisy_objective, batches, steps=STEPS, checkpoint=path, **options)
