"""A process killed again and again at random moments, often while it writes, still ends right to the bit."""

import multiprocessing
import random
import signal
import sys
import time

import pytest
import runs
import torch

from kdcourse.training import load_checkpoint

KILLS = 12


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs cheap processes")
def test_killed_at_random_moments(tmp_path):
    # One helper process imports torch and is then copied for every attempt: a kill costs no start-up time.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["kdcourse.training", "torch._dynamo"])  # the first optimiser imports that
    rng = random.Random(0)

    def attempt(name, checkpoint):
        process = context.Process(
            target=runs.train_in_a_process, args=(tmp_path, name, checkpoint), daemon=True
        )
        process.start()
        while not (tmp_path / f"{name}.started").exists():
            assert process.is_alive() or process.exitcode == 0
            time.sleep(0.002)
        return process

    reached, path = [], tmp_path / "run.ckpt"
    for kill in range(KILLS):
        process = attempt(f"attempt{kill}", "run.ckpt")
        time.sleep(rng.uniform(0.01, 0.08))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "it was still at work"
        reached.append(len(load_checkpoint(path)["losses"]) if path.exists() else 0)
    assert reached == sorted(reached) and reached[-1] < runs.LONG
    assert len(set(reached)) > KILLS / 3, f"the kills fell into the run: {reached}"
    for name, checkpoint in (("last", "run.ckpt"), ("whole", None)):
        process = attempt(name, checkpoint)
        process.join(60)
        assert process.exitcode == 0
    ends = [torch.load(tmp_path / f"{name}.end", weights_only=True) for name in ("last", "whole")]
    runs.assert_same_bits(*ends)
