"""Engines on Dask, SLURM and Ray: two workers on this machine stand for a cluster."""

import os
import sys
from pathlib import Path

import engine_jobs
import pytest
from engine_checks import FAILURES, check_failures, done_by, trained_here

from kdcourse.bench.engines import EngineError, WorkerLostError, open_engine

HERE = Path(__file__).parent
ON_WINDOWS = sys.platform == "win32"


@pytest.fixture(scope="module")
def two_dask_workers():
    pytest.importorskip("distributed")
    with open_engine("dask", workers=2) as engine:
        yield engine


@pytest.fixture
def on_path(monkeypatch):
    """New interpreters find `engine_jobs`."""
    monkeypatch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)


@pytest.mark.slow
class TestDask:
    def test_results_are_those_of_serial(self, two_dask_workers):
        assert done_by(two_dask_workers, engine_jobs.train, range(4)) == trained_here(range(4))

    def test_two_workers_of_one_thread_each(self, two_dask_workers):
        found = done_by(two_dask_workers, engine_jobs.surroundings, range(4)).values()
        assert {(one["threads"], one["quiet"]) for one in found} == {(1, "1")}
        assert len({one["process"] for one in found}) == two_dask_workers.workers == 2

    def test_equal_jobs_are_done_each(self, two_dask_workers):
        found = list(two_dask_workers.run(engine_jobs.square, [3, 3, 3]))
        assert found == [(3, 9)] * 3

    def test_an_exception_does_not_stop_the_others(self, two_dask_workers):
        check_failures(done_by(two_dask_workers, engine_jobs.fails, FAILURES))

    def test_killed_workers_lose_nothing(self, two_dask_workers, tmp_path):
        jobs = [str(tmp_path / name) for name in ("9.a", "1.a", "0.a", "0.b", "0.c")]
        outcomes = done_by(two_dask_workers, engine_jobs.killed, jobs)
        assert type(outcomes.pop(jobs[0])) is WorkerLostError
        assert outcomes == {job: Path(job).name for job in jobs[1:]}
        assert len(Path(jobs[0]).read_text()) == 3

    def test_who_waits_at_a_killed_worker_is_not_lost_with_it(self, tmp_path):
        jobs = [str(tmp_path / name) for name in ("9.a", "0.a")]
        with open_engine("dask", workers=1) as engine:
            outcomes = done_by(engine, engine_jobs.killed, jobs)
        assert type(outcomes[jobs[0]]) is WorkerLostError
        assert outcomes[jobs[1]] == "0.a"

    def test_a_running_cluster_by_its_address(self):
        distributed = pytest.importorskip("distributed")
        cluster = distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
        )
        with cluster:
            with open_engine("dask", address=cluster.scheduler_address) as engine:
                assert done_by(engine, engine_jobs.square, [1, 2]) == {1: 1, 2: 4}
            assert cluster.scheduler.status.name == "running"  # it is not ours to end

    def test_workers_are_spread_over_the_devices(self, monkeypatch):
        pytest.importorskip("distributed")
        monkeypatch.setattr("kdcourse.bench.engines.on_dask.visible_devices", lambda: ["4", "GPU-6"])
        with open_engine("dask") as engine:
            found = done_by(engine, engine_jobs.surroundings, range(6)).values()
        devices = {one["process"]: one["device"] for one in found}
        assert sorted(devices.values()) == ["4", "GPU-6"]

    def test_jobs_that_the_cluster_drops_are_told(self, two_dask_workers):
        distributed = pytest.importorskip("distributed")
        running = two_dask_workers.run(engine_jobs.waits, [1] * 6)
        assert next(running)[0] == 1
        client = distributed.default_client()
        client.cancel([distributed.Future(key, client) for key in client.futures])
        with pytest.raises(EngineError, match="has dropped its jobs"):
            list(running)


class TestSlurm:
    @pytest.fixture(autouse=True)
    def package(self):
        pytest.importorskip("submitit")

    def test_a_folder_must_be_given(self):
        with pytest.raises(ValueError, match="folder: expected"), open_engine("slurm"):
            pass

    def test_an_unknown_option_is_refused(self, tmp_path):
        with (
            pytest.raises(ValueError, match="Unknown argument 'partitoin'"),
            open_engine("slurm", folder=tmp_path, cluster="local", partitoin="gpu"),
        ):
            pass

    @pytest.mark.skipif(ON_WINDOWS, reason="SLURM's commands are those of POSIX")
    def test_options_go_to_sbatch(self, tmp_path, monkeypatch):
        """With commands in place of SLURM's, of which sbatch refuses whatever it gets."""
        for name in ("srun", "sbatch"):
            command = tmp_path / "bin" / name
            command.parent.mkdir(exist_ok=True)
            command.write_text("#!/bin/sh\necho no such partition >&2\nexit 1\n")
            command.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
        options = {"partition": "gpu", "gpus_per_node": 1, "timeout_min": 90, "mem_gb": 8}
        with (
            pytest.raises(EngineError, match=r"SLURM did not take the jobs. sbatch says: no such partition"),
            open_engine("slurm", folder=tmp_path / "jobs", workers=2, **options) as engine,
        ):
            list(engine.run(engine_jobs.square, [1, 2, 3]))
        (script,) = (tmp_path / "jobs").glob("*.sh")
        lines = set(script.read_text().splitlines())
        assert {
            "#SBATCH --partition=gpu",
            "#SBATCH --gpus-per-node=1",
            "#SBATCH --time=90",
            "#SBATCH --mem=8GB",
            "#SBATCH --cpus-per-task=1",
            "#SBATCH --array=0-2%2",
        } <= lines

    @pytest.mark.slow
    def test_results_are_those_of_serial_and_exceptions_stop_nothing(self, tmp_path, on_path):
        options = {"folder": tmp_path / "jobs", "cluster": "local", "workers": 2, "poll": 0.1}
        with open_engine("slurm", **options) as engine:
            assert done_by(engine, engine_jobs.train, range(2)) == trained_here(range(2))
            assert type(done_by(engine, engine_jobs.fails, ["value"])["value"]) is ValueError
        assert [path.name for path in tmp_path.iterdir()] == ["jobs"]

    @pytest.mark.slow
    @pytest.mark.skipif(ON_WINDOWS, reason="signals of POSIX")
    @pytest.mark.parametrize(("minutes", "why"), [(60, "preempted"), (1, "out of time")])
    def test_a_preempted_job_is_begun_again_and_one_out_of_time_is_not(self, tmp_path, on_path, minutes, why):
        # submitit takes a signal in the last ten minutes of a job for the end of its time.
        options = {"folder": tmp_path, "cluster": "local", "poll": 0.1, "timeout_min": minutes}
        job = str(tmp_path / "begun")
        with open_engine("slurm", **options) as engine:
            outcome = done_by(engine, engine_jobs.signalled, [job])[job]
        if why == "preempted":
            assert outcome == "begun again"
        else:
            assert "timed-out" in str(outcome)
            assert len(list(tmp_path.glob("*_submitted.pkl"))) == 1


@pytest.mark.slow
def test_ray_gives_the_results_of_serial_and_loses_nothing(tmp_path, on_path):
    pytest.importorskip("ray")
    with open_engine("ray", workers=2) as engine:
        assert done_by(engine, engine_jobs.train, range(2)) == trained_here(range(2))
        check_failures(done_by(engine, engine_jobs.fails, FAILURES))
        jobs = [str(tmp_path / name) for name in ("9.a", "1.a", "0.a")]
        outcomes = done_by(engine, engine_jobs.killed, jobs)
        assert type(outcomes.pop(jobs[0])) is WorkerLostError
        assert outcomes == {job: Path(job).name for job in jobs[1:]}
        assert len(Path(jobs[0]).read_text()) == 3
