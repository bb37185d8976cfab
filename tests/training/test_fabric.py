"""One large training: the same as a plain loop, on any number of processes, through kills."""

import re
import subprocess
import sys
import time
from pathlib import Path

import fabric_runs
import psutil
import pytest
import torch
from fabric_runs import STEPS, data, kd_with_hint, nets, sgd, train
from runs import Stopped, assert_same_bits
from torch import nn

from kdcourse.losses import kd_loss
from kdcourse.models import mlp
from kdcourse.training import Batches, CheckpointError, Teacher, load_checkpoint, save_checkpoint, supervised
from kdcourse.training.fabric import fit_on_devices, open_fabric

pytest.importorskip("lightning_fabric")


def stopping(objective, step):
    """The objective, which fails when it is called for the step: a run cut short."""
    calls = 0

    def stops(*arguments):
        nonlocal calls
        calls += 1
        if calls > step:
            raise Stopped
        return objective(*arguments)

    return stops


def run(objective=None, *, batches=None, batch_norm=True, dropout=0.0, stop=None, **options):
    """Losses and nets after a run; ended early by `stop`."""
    model, teacher = nets(batch_norm, dropout)
    objective = objective or kd_with_hint(teacher)
    options = {"batches": batches or data(), "frozen": [teacher]} | options
    if stop is None:
        return train(model, objective, **options), model, teacher
    with pytest.raises(Stopped):
        train(model, stopping(objective, stop), **options)


def same(one, other):
    assert_same_bits(one[0], other[0])
    assert_same_bits(dict(one[1].state_dict()), dict(other[1].state_dict()))


# ---------------------------------------------------------------- one process


def test_it_is_the_loop_that_one_would_write():
    losses, model, _ = run()
    bare, teacher = nets(batch_norm=True)
    teacher.eval()
    optimizer, schedule = sgd(bare)
    objective, batches, expected = kd_with_hint(teacher), data(), []
    bare.train()
    for step in range(STEPS):
        loss = objective(bare, *batches(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        expected.append(loss.item())
    assert losses.tolist() == pytest.approx(expected, rel=1e-5)
    assert losses[0] > losses[-1] + 0.02
    for (name, value), other in zip(model.state_dict().items(), bare.state_dict().values(), strict=True):
        torch.testing.assert_close(value, other, rtol=1e-5, atol=1e-6, msg=name)
    assert not any(module.training for module in model.modules())


def test_a_net_in_evaluation_mode_is_trained_in_training_mode():
    losses, _, _ = run()
    model, teacher = nets(batch_norm=True)
    again = train(model.eval(), kd_with_hint(teacher), data(), frozen=[teacher])
    assert torch.equal(losses, again)


def test_plain_batches_and_objectives_of_fit():
    x, y = torch.randn(20, 6), torch.arange(20) % 3
    model = mlp(6, 8, 3)
    losses = train(model, supervised(), Batches(x, y, batch_size=10, seeds=0), steps=5)
    assert losses.shape == (5,) and losses[-1] < losses[0]


def test_the_teacher_answers_and_stays_as_it_was():
    _, fresh = nets()
    _, _, teacher = run()
    assert_same_bits(dict(teacher.state_dict()), dict(fresh.state_dict()))
    assert not teacher.training
    assert all(p.grad is None and not p.requires_grad for p in teacher.parameters())


def test_a_teacher_within_the_model_is_left_out():
    student, guide = mlp(6, 8, 3), Teacher(mlp(6, 16, 3))
    model = nn.ModuleList([student, guide])
    before = {name: value.clone() for name, value in guide.state_dict().items()}

    def objective(model, images, labels):
        return kd_loss(model[0](images), model[1](images), labels)

    train(model, objective, data(), steps=3)
    assert_same_bits(dict(guide.state_dict()), before)
    # DDP waits for the gradient of every parameter that wants one.
    assert {name for name, p in model.named_parameters() if p.requires_grad} == {
        name for name, _ in model.named_parameters() if name.startswith("0.")
    }


def fabric_of(precision):
    """On the CPU; float16, too, which Fabric itself offers on GPUs only."""
    if precision != "16-mixed":
        return open_fabric(precision=precision, accelerator="cpu")
    from lightning_fabric import Fabric
    from lightning_fabric.plugins import MixedPrecision

    return Fabric(accelerator="cpu", devices=1, plugins=MixedPrecision("16-mixed", "cpu"))


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_mixed_precision(precision):
    half = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}[precision]
    seen = set()
    model, teacher = nets(batch_norm=True)
    objective = kd_with_hint(teacher)

    def watched(model, images, labels):
        seen.add((images.dtype, model[0](images).dtype))
        return objective(model, images, labels)

    losses, model, _ = run(watched, frozen=[teacher], fabric=fabric_of(precision))
    exact, _, _ = run(watched, frozen=[teacher])
    # Autocast decides where to round; what comes in is as it was.
    assert seen == {(torch.float32, half), (torch.float32, torch.float32)}
    assert losses.dtype == torch.float32 and torch.isfinite(losses).all()
    # In float16 the first steps are left out, until the scale of the loss is found.
    assert (losses - exact).abs().mean() < 0.05 and not torch.equal(losses, exact)
    assert all(p.dtype == torch.float32 and torch.isfinite(p).all() for p in model.parameters())


def test_compiled_it_is_the_same(monkeypatch):
    """Only traced, not translated: that would need a compiler and a minute. With the default back end it was
    tried by hand."""
    open_fabric(accelerator="cpu")  # Fabric wants to be imported before torch.compile is used
    compiled, traced = torch.compile, []

    def trace(module, backend="eager"):  # Fabric calls it again with what it was called with
        traced.append(module)
        return compiled(module, backend=backend)

    monkeypatch.setattr(torch, "compile", trace)
    losses, model, _ = run(compile=True, steps=5)
    assert traced
    expected, plain, _ = run(steps=5)
    torch.testing.assert_close(losses, expected, rtol=1e-4, atol=1e-5)
    assert model.state_dict().keys() == plain.state_dict().keys()


# ---------------------------------------------------------------- checkpoints


@pytest.mark.parametrize("stop", [3, 4, 17])
@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
def test_a_run_cut_short_ends_with_the_same_bits(tmp_path, stop, precision):
    options = {"dropout": 0.3, "seed": 7}
    whole = run(fabric=fabric_of(precision), **options)
    options |= {"checkpoint": tmp_path / "run.ckpt", "checkpoint_every": 4}
    run(stop=stop, fabric=fabric_of(precision), **options)
    assert (tmp_path / "run.ckpt").exists() == (stop >= 4)
    torch.manual_seed(99)  # the next process draws from elsewhere
    same(run(fabric=fabric_of(precision), **options), whole)


def test_a_finished_run_is_not_run_again(tmp_path):
    options = {"checkpoint": tmp_path / "run.ckpt"}
    whole = run(**options)
    model, teacher = nets(batch_norm=True)
    losses = train(model, stopping(None, 0), data(), frozen=[teacher], **options)
    same((losses, model), whole)


def test_the_seed_sets_what_is_drawn():
    torch.manual_seed(1)
    one = run(dropout=0.3, seed=7)
    torch.manual_seed(2)
    same(one, run(dropout=0.3, seed=7))
    assert not torch.equal(one[0], run(dropout=0.3, seed=8)[0])


@pytest.mark.parametrize(
    "change",
    [{"steps": 25}, {"precision": "bf16-mixed"}, {"batches": data(seed=4)}, {"batches": data(batch_size=6)}],
    ids=["steps", "precision", "seed", "batch_size"],
)
def test_another_run_is_refused(tmp_path, change):
    path = tmp_path / "run.ckpt"
    run(stop=5, checkpoint=path, checkpoint_every=2)
    with pytest.raises(CheckpointError, match=rf"(?s){re.escape(str(path))} belongs to another run.*delete"):
        run(checkpoint=path, **change)


def test_another_model_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "run.ckpt"
    run(stop=5, checkpoint=path, checkpoint_every=2)
    model = nn.ModuleList([mlp(6, 8, 3), nn.Linear(9, 16)])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match="does not fit this model"):
        train(model, supervised(), data(), checkpoint=path)
    assert_same_bits(dict(model.state_dict()), before)


def test_damaged_and_foreign_files_are_refused(tmp_path):
    path = tmp_path / "run.ckpt"
    save_checkpoint(path, {"weights": 1})
    with pytest.raises(CheckpointError, match="another run"):
        run(checkpoint=path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match="is damaged"):
        run(checkpoint=path)


# ---------------------------------------------------------------- errors


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    with pytest.raises(FloatingPointError, match="at step 23"):
        run(lambda model, x, y: model[1](model[0](x, return_features=True)[1]["hidden1"]).sum() * torch.nan)


def test_errors_say_what_to_do(monkeypatch):
    with pytest.raises(ValueError, match=r"steps and checkpoint_every: expected at least 1, got 0 and 1000"):
        run(steps=0)
    with pytest.raises(ValueError, match=r"precision: expected one of 32-true, .* got '64-true'"):
        run(precision="64-true")
    with pytest.raises(ValueError, match="sync_batchnorm: expected training on GPUs, got cpu"):
        run(sync_batchnorm=True, fabric=open_fabric(accelerator="cpu"))
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(ImportError, match=r'pip install "kdcourse\[cluster\]"'):
        run()


def test_variables_of_other_launchers_are_not_taken_for_torchruns(monkeypatch):
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "4")
    assert open_fabric(accelerator="cpu").world_size == 1


# ---------------------------------------------------------------- processes, killed and many

PROGRAM = Path(fabric_runs.__file__)


def start(*words, processes=1):
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    return subprocess.Popen(
        [sys.executable, *(launcher if processes > 1 else []), str(PROGRAM), *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def finish(process, ends_well=True):
    text, _ = process.communicate(timeout=300)
    assert (process.returncode == 0) == ends_well, text


def kill_at_work(process, out, checkpoint, steps):
    """Kill it, and all that it has started, without warning, once there is a checkpoint of so many steps."""
    deadline = time.monotonic() + 240
    while not (checkpoint.exists() and len(steps_of(checkpoint)) >= steps):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    everyone = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in everyone:
        one.kill()
    psutil.wait_procs(everyone)
    process.communicate()
    assert not out.exists(), "it was still at work"


def steps_of(checkpoint):
    return load_checkpoint(checkpoint)["losses"]


@pytest.mark.slow
def test_killed_twice_it_ends_with_the_same_bits(tmp_path):
    out, checkpoint = tmp_path / "end.pt", tmp_path / "run.ckpt"
    for steps in (2, 9):
        kill_at_work(start(out, "--checkpoint", checkpoint, "--delay", 0.1), out, checkpoint, steps)
        assert steps <= len(steps_of(checkpoint)) < STEPS
    same(run(batch_norm=False, seed=0, checkpoint=checkpoint), run(batch_norm=False, seed=0))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="torchrun wants a Unix")
def test_two_processes_do_what_one_does_also_after_a_kill(tmp_path):
    expected, model, teacher = run(batch_norm=False, seed=0)
    out, checkpoint = tmp_path / "end.pt", tmp_path / "run.ckpt"
    kill_at_work(start(out, "--checkpoint", checkpoint, "--delay", 0.1, processes=2), out, checkpoint, 3)
    finish(start(out, "--checkpoint", checkpoint, processes=2))
    end = torch.load(out, weights_only=True)
    assert end["world"] == 2
    torch.testing.assert_close(end["losses"], expected, rtol=0, atol=2e-6)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(end["model"][name], value, rtol=0, atol=2e-6, msg=name)
    assert_same_bits(dict(end["teacher"]), dict(teacher.state_dict()))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="torchrun wants a Unix")
@pytest.mark.parametrize(
    ("spoilt", "error", "words"),
    [
        ("nan", "FloatingPointError", ["--spoil", "nan"]),
        ("foreign checkpoint", "CheckpointError", ["--checkpoint", "photo.png"]),
        ("batch", "ValueError", ["--batch", "9"]),
    ],
)
def test_of_two_processes_none_waits_for_one_that_has_stopped(tmp_path, monkeypatch, spoilt, error, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    finish(start(tmp_path / "end.pt", *words, processes=2), ends_well=False)
    for rank in (0, 1):  # both know why
        assert (tmp_path / f"end.error{rank}").read_text().startswith(error)


def test_without_a_checkpoint_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = mlp(6, 8, 3)
    optimizer = torch.optim.AdamW(model.parameters())
    fit_on_devices(model, supervised(), data(), steps=2, optimizer=optimizer)
    assert list(tmp_path.iterdir()) == []
