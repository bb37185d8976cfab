"""Writing soft labels: in parallel, interrupted, resumed, and refused where it would mix two stores."""

import multiprocessing
import random
import re
import signal
import sys
import threading
import time

import pytest
import soft_label_runs as small
import torch
from torch import nn

from kdcourse.training import SoftLabelError, SoftLabelStore, write_soft_labels
from kdcourse.training.soft_label_store import finished_blocks, read_header

KILLS = 20


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """What an undisturbed writer writes."""
    path = tmp_path_factory.mktemp("whole") / "labels"
    small.write(path)
    return path.read_bytes()


def whole_blocks(path):
    if not path.exists():
        return []
    whole, damaged = finished_blocks(path, read_header(path), check=True)
    assert not damaged
    return whole


class Interrupting:
    """A teacher that fails at a call, like a machine at night."""

    def __init__(self, calls, error=KeyboardInterrupt):
        self.left, self.error, self.net, self.lock = calls, error, small.teacher(), threading.Lock()

    def __call__(self, x):
        with self.lock:
            self.left -= 1
            if self.left < 0:
                raise self.error("enough")
        return self.net(x)


def test_workers_and_parts_write_the_same_file(tmp_path, content):
    small.write(tmp_path / "threads", workers=3)
    assert (tmp_path / "threads").read_bytes() == content
    for i in (2, 0, 1):
        small.write(tmp_path / "parts", part=(i, 3))
    assert (tmp_path / "parts").read_bytes() == content
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["parts", "threads"]


def test_a_part_leaves_the_store_incomplete(tmp_path):
    small.write(tmp_path / "labels", part=(1, 3))
    assert whole_blocks(tmp_path / "labels") == list(range(1, 30, 3))
    with pytest.raises(SoftLabelError, match=r"is incomplete: 10 of 30 blocks .*goes on where it stopped"):
        SoftLabelStore(tmp_path / "labels", small.images(), small.RECIPE)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_keeps_what_is_written(tmp_path, content, workers, error):
    path = tmp_path / "labels"
    with pytest.raises(error, match="enough"):
        small.write(path, Interrupting(9, error), workers=workers)
    before = whole_blocks(path)
    assert 5 <= len(before) < 30
    teacher = Interrupting(1000)
    small.write(path, teacher, workers=workers)
    # One call finds the number of classes, one recognises the teacher.
    assert 1000 - teacher.left == 30 - len(before) + 2
    assert path.read_bytes() == content


def test_damaged_blocks_are_written_anew_and_the_others_kept(tmp_path, content):
    path, teacher = tmp_path / "labels", Interrupting(1000)
    changed = bytearray(content)
    changed[-1] ^= 1
    changed[-5000] ^= 1
    path.write_bytes(changed)
    small.write(path, teacher)
    assert path.read_bytes() == content and 1000 - teacher.left == 2 + 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epochs": 4}, "epochs was 3 and is 4"),
        ({"kept": 5}, "kept was 4 and is 5"),
        ({"temperature": 1.0}, "temperature was 2.0 and is 1.0"),
        ({"base_seed": 6}, "base_seed was 5 and is 6"),
        ({"block": 15}, "block was 16 and is 15"),
    ],
)
def test_another_plan_is_refused_and_nothing_is_lost(tmp_path, content, change, said):
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(SoftLabelError, match="begun with other arguments: " + re.escape(said)):
        small.write(path, **change)
    assert path.read_bytes() == content


def test_another_teacher_is_refused(tmp_path):
    path = tmp_path / "labels"
    small.write(path, part=(0, 2))
    before = path.read_bytes()
    with pytest.raises(SoftLabelError, match="begun with another teacher"):
        small.write(path, small.teacher(seed=2))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"kept": 13}, "kept: expected 1 .. 12, the number of classes, got 13"),
        ({"workers": 0}, "workers: "),
        ({"block": 0}, "block: "),
        ({"part": (2, 2)}, "part: "),
    ],
)
def test_sizes_that_cannot_be(tmp_path, change, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        small.write(tmp_path / "labels", **change)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.BatchNorm1d(12)), "training mode"),
        (lambda x: x, r"expected logits \(1, classes\), got \(1, 1, 8, 8\)"),
        (lambda x: None, "got NoneType"),
        (lambda x: torch.full((len(x), 12), torch.nan), "not finite"),
    ],
)
def test_teachers_that_cannot_be(tmp_path, ask, said):
    with pytest.raises(ValueError, match=rf"^ask_teacher: .*{said}"):
        small.write(tmp_path / "labels", ask)
    assert not any(tmp_path.iterdir())


def test_images_that_cannot_be(tmp_path):
    with pytest.raises(ValueError, match=r"^images: expected"):
        write_soft_labels(tmp_path / "x", torch.rand(3, 8, 8), small.teacher(), small.RECIPE, **small.PLAN)


def test_nothing_flows_into_the_teacher(tmp_path):
    net = small.teacher()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    small.write(tmp_path / "labels", net)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters()) and not net.training


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs cheap processes")
def test_killed_at_random_moments(tmp_path):
    """Twenty kills, among them of writers that share the file: no finished block is lost or wrong."""
    context = multiprocessing.get_context("forkserver")
    # One helper process imports torch and is then copied: a kill costs no start-up time.
    context.set_forkserver_preload(["kdcourse.data", "kdcourse.models", "kdcourse.training"])
    rng, path = random.Random(0), tmp_path / "labels"

    def start(name, part):
        # The first two questions find the classes and recognise the teacher.
        arguments = (tmp_path, name, part, rng.randint(3, 6))
        process = context.Process(target=small.write_slowly, args=arguments, daemon=True)
        process.start()
        return process, tmp_path / f"{name}.ready"

    done, lengths = set(), []
    for kill in range(KILLS):
        parts = [(0, 1)] if kill % 2 else [(0, 2), (1, 2)]
        processes = [start(f"{kill}.{i}", part) for i, part in enumerate(parts)]
        while not any(ready.exists() for _, ready in processes):
            assert all(process.is_alive() for process, _ in processes)
            time.sleep(0.002)
        time.sleep(rng.uniform(0.0, 0.02))
        for process, _ in processes:
            process.kill()
            process.join()
            assert process.exitcode == -signal.SIGKILL, "it was still at work"
        now = set(whole_blocks(path))
        assert done <= now, "a kill cost a finished block"
        done = now
        lengths.append(len(done))
    assert len(set(lengths)) > KILLS / 2, f"the kills fell into the run: {lengths}"
    small.write(path, block=small.SMALL_BLOCK)
    small.write(tmp_path / "undisturbed", block=small.SMALL_BLOCK)
    assert path.read_bytes() == (tmp_path / "undisturbed").read_bytes()
