"""Make `runs.py` importable, also for the processes that test_kills.py starts; a checkpoint to spoil."""

import sys
from pathlib import Path

import pytest
import torch

from kdcourse.training import save_checkpoint

sys.path.insert(0, str(Path(__file__).parent))
torch.set_num_threads(
    1
)  # the nets here are tiny: on a busy machine a second thread costs five times the time


@pytest.fixture
def old_file(tmp_path):
    path = tmp_path / "run.ckpt"
    save_checkpoint(path, {"step": 1, "weights": torch.arange(1000.0)})
    return path
