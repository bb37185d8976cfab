"""An interrupted run ends bit for bit where an uninterrupted one ends, and a failed write loses nothing."""

import os

import numpy as np
import pytest
import runs
import torch
from runs import STEPS, Stopped, assert_same_bits, build, end_state, noisy_objective, seed_everything, stop_at

from kdcourse.training import CheckpointError, fit, load_checkpoint, save_checkpoint


def finish(kind, path=None, every=3):
    seed_everything(7)
    model, batches, options = build(kind)
    losses = fit(
        model, noisy_objective, batches, steps=STEPS, checkpoint=path, checkpoint_every=every, **options
    )
    return end_state(model, losses, options)


@pytest.fixture(scope="module")
def uninterrupted():
    return {kind: finish(kind) for kind in runs.KINDS}


# ---------------------------------------------------------------- going on


@pytest.mark.parametrize("stop", [2, 4, 6, 13, 19])
@pytest.mark.parametrize("kind", runs.KINDS)
def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(kind, stop, uninterrupted, tmp_path):
    path = tmp_path / "run.ckpt"
    seed_everything(7)
    model, batches, options = build(kind)
    with pytest.raises(Stopped):
        fit(model, stop_at(stop), batches, steps=STEPS, checkpoint=path, checkpoint_every=3, **options)
    assert path.exists() == (stop >= 3)
    if stop >= 3:
        seed_everything(1000)  # the next process knows nothing of the generators ...
        model, batches, options = build(kind, seed=50)  # ... nor of the weights
    else:
        seed_everything(7)
        model, batches, options = build(kind)
    losses = fit(model, noisy_objective, batches, steps=STEPS, checkpoint=path, checkpoint_every=3, **options)
    assert_same_bits(end_state(model, losses, options), uninterrupted[kind])


@pytest.mark.parametrize("kind", ["adamw", "stack"])
def test_many_interruptions(kind, uninterrupted, tmp_path):
    path, losses, attempts = tmp_path / "run.ckpt", None, 0
    seed_everything(7)
    while losses is None:
        model, batches, options = build(kind, seed=attempts)
        try:
            losses = fit(
                model, stop_at(3), batches, steps=STEPS, checkpoint=path, checkpoint_every=2, **options
            )
        except Stopped:
            attempts += 1
            seed_everything(attempts)
    assert attempts == 9  # two steps forward each time
    assert_same_bits(end_state(model, losses, options), uninterrupted[kind])


def test_checkpoints_change_nothing(uninterrupted, tmp_path):
    assert_same_bits(finish("adamw", tmp_path / "run.ckpt", every=1), uninterrupted["adamw"])


def test_a_finished_run_returns_at_once(uninterrupted, tmp_path):
    path = tmp_path / "sub" / "folder" / "run.ckpt"  # folders are made
    finish("adamw", path)
    seed_everything(1)
    model, batches, options = build("adamw", seed=9)
    before = path.read_bytes()
    losses = fit(model, stop_at(0), batches, steps=STEPS, checkpoint=str(path), **options)
    assert_same_bits(end_state(model, losses, options), uninterrupted["adamw"])
    assert not model.training
    assert path.read_bytes() == before


def test_steps_between_checkpoints(tmp_path):
    path, seen = tmp_path / "run.ckpt", []

    def objective(model, x, y):
        seen.append(len(load_checkpoint(path)["losses"]) if path.exists() else 0)
        return noisy_objective(model, x, y)

    model, batches, options = build("adamw")
    fit(model, objective, batches, steps=8, checkpoint=path, checkpoint_every=3, **options)
    assert seen == [0, 0, 0, 3, 3, 3, 6, 6]
    assert len(load_checkpoint(path)["losses"]) == 8, "also at the end"
    assert [p.name for p in tmp_path.iterdir()] == ["run.ckpt"], "nothing else is left"


def test_numpy_numbers_as_rates(tmp_path):
    """They cannot be read back without running code, so they must not get into the file."""
    path = tmp_path / "run.ckpt"
    for _ in range(2):
        model, batches, _ = build("adamw")
        fit(
            model,
            noisy_objective,
            batches,
            steps=3,
            lr=np.float64(0.01),
            weight_decay=np.float32(0),
            checkpoint=path,
        )


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_going_on_on_a_gpu(tmp_path):
    path = tmp_path / "run.ckpt"
    model, _, options = build("adamw")
    x, y = torch.randn(8, 6).cuda(), torch.randint(3, (8,)).cuda()
    with pytest.raises(Stopped):
        fit(
            model.cuda(),
            stop_at(5),
            lambda s: (x, y),
            steps=STEPS,
            checkpoint=path,
            checkpoint_every=2,
            **options,
        )
    model, _, options = build("adamw")
    losses = fit(model.cuda(), noisy_objective, lambda s: (x, y), steps=STEPS, checkpoint=path, **options)
    assert losses.shape == (STEPS,) and losses.is_cuda


def test_old_losses_join_the_new_ones_on_the_models_device(tmp_path, monkeypatch):
    """What stands in for a GPU here: `losses.to(...)` is asked for the device of the model's parameters."""
    path = tmp_path / "run.ckpt"
    finish("adamw", path)
    asked = []
    original = torch.Tensor.to
    monkeypatch.setattr(
        torch.Tensor, "to", lambda self, *a, **k: (asked.append(a), original(self, *a, **k))[1]
    )
    model, batches, options = build("adamw")
    fit(model, stop_at(0), batches, steps=STEPS, checkpoint=path, **options)
    assert (torch.device("cpu"),) in asked


# ---------------------------------------------------------------- writing


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_the_old_file_survives_a_failed_write(old_file, monkeypatch, broken):
    def fail(*arguments):
        raise OSError("the machine went down")

    with monkeypatch.context() as patch:
        patch.setattr(os, broken, fail)
        with pytest.raises(OSError, match="went down"):
            save_checkpoint(old_file, {"step": 2, "weights": torch.zeros(1000)})
    state = load_checkpoint(old_file)
    assert state["step"] == 1 and torch.equal(state["weights"], torch.arange(1000.0))
    save_checkpoint(old_file, {"step": 3})  # whatever was left behind is no hindrance
    assert load_checkpoint(old_file) == {"step": 3}
    assert [p.name for p in old_file.parent.iterdir()] == ["run.ckpt"]


def test_a_half_written_neighbour_is_ignored_and_replaced(tmp_path, uninterrupted):
    path = tmp_path / "run.ckpt"
    path.with_name("run.ckpt.partial").write_bytes(b"half a checkpoint")
    assert_same_bits(finish("adamw", path), uninterrupted["adamw"])
    assert [p.name for p in tmp_path.iterdir()] == ["run.ckpt"]


def test_the_bytes_are_on_the_disk_before_they_get_the_name(old_file, monkeypatch):
    order = []

    def fsync(descriptor):
        order.append(("fsync", os.fstat(descriptor).st_size))

    def replace(source, target, original=os.replace):
        order.append(("replace", os.path.getsize(source)))
        assert os.path.dirname(source) == os.path.dirname(target), "a rename is one step on one disk only"
        original(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    save_checkpoint(old_file, {"weights": torch.zeros(5000)})
    size = old_file.stat().st_size
    assert order == [("fsync", size), ("replace", size)]


def test_what_can_be_stored(tmp_path):
    state = {
        "tensor": torch.eye(2),
        "numbers": [1, 2.5, True, None],
        "text": "tëxt",
        "nested": {"a": {"b": (1, 2)}},
    }
    save_checkpoint(tmp_path / "run.ckpt", state)
    assert_same_bits(load_checkpoint(tmp_path / "run.ckpt"), state)


@pytest.mark.parametrize("spoilt", ["model", "optimizer"])
def test_a_part_that_does_not_fit_leaves_the_model_as_it_was(tmp_path, spoilt):
    from torch import nn

    from kdcourse.training.checkpoint import restore_parts

    model, other = (
        nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)),
    )
    parts = {"model": model, "optimizer": torch.optim.SGD(model.parameters(), lr=0.1)}
    state = {
        "model": other.state_dict(),
        "optimizer": torch.optim.SGD(other.parameters(), lr=0.1).state_dict(),
    }
    if spoilt == "model":  # the first layer fits, and is copied before the second is looked at
        state["model"] = state["model"] | {"1.weight": torch.zeros(5, 5)}
    else:
        state["optimizer"] = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1).state_dict()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=f"does not fit this {spoilt}"):
        restore_parts(tmp_path / "run.ckpt", parts, state)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
