"""A benchmark that is killed at any moment goes on where it was, and ends with the same numbers."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def start(file, engine="serial"):
    env = os.environ | {"KDCOURSE_QUIET": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, str(HERE / "run_tiny.py"), str(file), engine],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )


def accuracies(file):
    from kdcourse.bench.results import ResultsFile

    return {record.cell: record.accuracy for record in ResultsFile(file).read()}


@pytest.mark.slow
def test_a_killed_run_loses_nothing_and_computes_nothing_twice(tmp_path):
    whole = tmp_path / "whole" / "r.jsonl"
    process = start(whole)
    total = int(process.communicate(timeout=300)[0])
    killed = tmp_path / "killed" / "r.jsonl"
    for lines in (3, 12, 20):
        process = start(killed)
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and process.poll() is None:
            if killed.exists() and killed.read_bytes().count(b"\n") >= lines:
                break
            time.sleep(0.002)
        process.kill()
        process.communicate()
    before = killed.read_bytes()
    kept = before[: before.rfind(b"\n") + 1]
    assert kept.count(b"\n") >= 3
    process = start(killed)
    done = int(process.communicate(timeout=300)[0])
    assert killed.read_bytes().startswith(kept)
    assert done == total - kept.count(b"\n")
    assert len(killed.read_text().splitlines()) == total
    assert accuracies(killed) == accuracies(whole)
