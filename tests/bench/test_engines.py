"""Engines: the same results wherever they are computed, and no job lost, whatever happens to a worker."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from itertools import islice
from pathlib import Path

import engine_jobs
import psutil
import pytest
import torch
from engine_checks import FAILURES, check_failures, done_by, trained_here

from kdcourse.bench.engines import ENGINES, Engine, EngineError, WorkerLostError, open_engine
from kdcourse.bench.engines import work as work_module

HERE = Path(__file__).parent
ON_WINDOWS = sys.platform == "win32"


@pytest.fixture(scope="module")
def two_processes():
    with open_engine("processes", workers=2) as engine:
        yield engine


class TestOpening:
    @pytest.mark.parametrize(
        ("name", "options", "message"),
        [
            ("threads", {}, "name: expected one of serial, processes, dask, ray, slurm, got 'threads'"),
            ("processes", {"workers": 0}, "workers: expected an integer of at least 1, got 0"),
            ("processes", {"threads": 0.5}, "threads: expected an integer of at least 1, got 0.5"),
            ("slurm", {"address": "tcp://a:1"}, "address: expected only with the engines dask and ray"),
            ("dask", {"address": "tcp://a:1", "workers": 2}, "workers: expected none with an address"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, name, options, message):
        with pytest.raises(ValueError, match=message):
            open_engine(name, **options)

    @pytest.mark.parametrize("name", ["serial", "processes"])
    def test_an_unknown_option_is_refused(self, name):
        with pytest.raises(ValueError, match=f"partition: no option of the engine {name}"):
            open_engine(name, partition="gpu")

    def test_serial_has_one_worker(self):
        with (
            pytest.raises(ValueError, match=r"workers: expected none or 1 .* got 2"),
            open_engine("serial", workers=2),
        ):
            pass

    @pytest.mark.parametrize(
        ("name", "package", "extra"),
        [("dask", "distributed", "cluster"), ("slurm", "submitit", "cluster"), ("ray", "ray", "ray")],
    )
    def test_a_missing_package_names_the_extra(self, monkeypatch, name, package, extra):
        monkeypatch.setitem(sys.modules, package, None)
        monkeypatch.delitem(sys.modules, ENGINES[name][0], raising=False)
        with pytest.raises(EngineError) as caught:
            open_engine(name)
        assert f"needs the package {package}" in str(caught.value)
        assert f'pip install -e ".[{extra}]"' in str(caught.value)

    def test_importing_the_benchmark_loads_no_engine(self):
        code = "import kdcourse.bench.engines, sys; print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        loaded = set(done.stdout.split())
        assert "kdcourse.bench.engines" in loaded
        assert loaded.isdisjoint({"dask", "distributed", "ray", "submitit", "loky"})


class Pretended:
    """The engine's own part, with workers that die of some jobs, and take others with them."""

    class Lost(Exception):
        pass

    def __init__(self, deaths, *, shared=False):
        self.deaths, self.shared, self.calls, self.ended = dict(deaths), shared, [], False

    def __call__(self, function, jobs):
        self.calls.append(list(jobs))
        culprit = any(self.deaths.get(job, 0) > 0 for job in jobs)
        try:
            for job in jobs:
                own = self.deaths.get(job, 0) > 0
                self.deaths[job] = self.deaths.get(job, 0) - 1
                yield job, self._future(function, job, own or (self.shared and culprit))
        finally:
            self.ended = True

    def _future(self, function, job, lost):
        class Future:
            def result(self):
                if lost:
                    raise Pretended.Lost("gone")
                if job == "unsent":
                    raise TypeError("cannot pickle it")
                return function(job), None

        return Future()


class TestRounds:
    """What all engines share, without workers."""

    @pytest.mark.parametrize("deaths", [0, 1, 2])
    def test_a_lost_job_is_tried_three_times(self, deaths):
        pretended = Pretended({"a": deaths})
        outcomes = done_by(Engine(pretended, lost=Pretended.Lost), str.upper, ["a", "b"])
        assert outcomes == {"a": "A", "b": "B"}
        assert pretended.calls == [["a", "b"], ["a"], ["a"]][: deaths + 1]

    def test_then_it_ends_as_an_exception_that_says_so(self):
        pretended = Pretended({"a": 9})
        outcomes = done_by(Engine(pretended, lost=Pretended.Lost), str.upper, ["a", "b"])
        assert outcomes["b"] == "B"
        assert type(outcomes["a"]) is WorkerLostError
        assert "ended without an answer" in str(outcomes["a"])
        assert "'a'" in str(outcomes["a"])
        assert outcomes["a"].__notes__ == ["The last time: Lost: gone"]
        assert pretended.calls == [["a", "b"], ["a"], ["a"]]

    def test_alone_a_job_is_not_lost_with_its_neighbour(self):
        together = Engine(Pretended({"a": 9}, shared=True), lost=Pretended.Lost)
        assert type(done_by(together, str.upper, ["a", "b"])["b"]) is WorkerLostError
        pretended = Pretended({"a": 9}, shared=True)
        alone = Engine(pretended, lost=Pretended.Lost, rounds=2, alone=True)
        outcomes = done_by(alone, str.upper, ["a", "b"])
        assert outcomes["b"] == "B"
        assert type(outcomes["a"]) is WorkerLostError
        assert pretended.calls == [["a", "b"], ["a"], ["b"]]

    def test_what_cannot_be_carried_out_is_not_tried_again(self):
        pretended = Pretended({})
        outcomes = done_by(Engine(pretended, lost=Pretended.Lost), str.upper, ["unsent", "b"])
        assert type(outcomes["unsent"]) is TypeError
        assert outcomes["b"] == "B"
        assert len(pretended.calls) == 1

    def test_no_result_is_a_result(self):
        assert done_by(Engine(Pretended({})), engine_jobs.no_result, ["a"]) == {"a": None}

    def test_no_jobs(self):
        assert done_by(Engine(Pretended({})), str.upper, []) == {}

    def test_who_stops_early_ends_the_rest(self):
        pretended = Pretended({})
        with closing(Engine(pretended).run(str.upper, ["a", "b"])) as running:
            next(running)
            assert not pretended.ended
        assert pretended.ended

    def test_closing_the_engine_ends_a_run_that_was_left(self):
        pretended = Pretended({})
        engine = Engine(pretended)
        running = engine.run(str.upper, ["a", "b"])  # kept, as a traceback keeps it
        next(running)
        engine.close()
        assert pretended.ended
        running.close()


class TestExceptions:
    def test_one_that_can_travel_stays_what_it_is(self):
        error = work_module.portable(KeyError("key"))
        assert type(error) is KeyError
        assert error.args == ("key",)

    @pytest.mark.parametrize("how", ["of a local class", "with a lock"])
    def test_one_that_cannot_is_told_in_words(self, how):
        class Local(Exception):
            pass

        error = Local("told") if how == "of a local class" else ValueError("told", threading.Lock())
        error = work_module.portable(error)
        assert type(error) is RuntimeError
        assert "told" in str(error)
        assert str(error).startswith(("Local: ", "ValueError: "))
        assert "told" in error.__notes__[0]


class TestSerial:
    def test_jobs_come_one_by_one(self):
        begun = []
        with open_engine("serial") as engine:
            assert list(islice(engine.run(begun.append, [1, 2, 3]), 2)) == [(1, None), (2, None)]
        assert begun == [1, 2]

    def test_an_exception_does_not_stop_the_others(self):
        with open_engine("serial") as engine:
            check_failures(done_by(engine, engine_jobs.fails, FAILURES))

    def test_ctrl_c_does(self):
        with open_engine("serial") as engine, pytest.raises(KeyboardInterrupt):
            list(engine.run(engine_jobs.interrupted, [1, 2]))

    @pytest.mark.parametrize("quiet", [None, "0"])
    def test_a_job_has_its_threads_and_leaves_no_trace(self, monkeypatch, quiet):
        names = ("KDCOURSE_QUIET", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        for name in names:
            monkeypatch.delenv(name, raising=False)
        if quiet is not None:
            monkeypatch.setenv("KDCOURSE_QUIET", quiet)
        before = torch.get_num_threads()
        with open_engine("serial", threads=3) as engine:
            found = done_by(engine, engine_jobs.surroundings, [1])[1]
        assert (found["threads"], found["quiet"], found["process"]) == (3, "1", os.getpid())
        assert torch.get_num_threads() == before
        assert [os.environ.get(name) for name in names] == [quiet, None, None]


class TestProcesses:
    def test_results_are_those_of_serial(self, two_processes):
        assert done_by(two_processes, engine_jobs.train, range(4)) == trained_here(range(4))

    def test_two_workers_of_one_thread_each(self, two_processes):
        found = done_by(two_processes, engine_jobs.surroundings, range(4)).values()
        assert {(one["threads"], one["quiet"]) for one in found} == {(1, "1")}
        workers = {one["process"] for one in found}
        assert len(workers) == two_processes.workers == 2
        assert os.getpid() not in workers

    def test_an_exception_does_not_stop_the_others(self, two_processes):
        outcomes = done_by(two_processes, engine_jobs.fails, [*FAILURES, "lock"])
        check_failures(outcomes)
        assert isinstance(outcomes["lock"], Exception)

    def test_a_job_that_cannot_be_sent_does_not_stop_the_others(self, two_processes):
        unsent = threading.Lock()  # cannot be pickled
        outcomes = done_by(two_processes, engine_jobs.no_result, [unsent, 1, 2])
        assert isinstance(outcomes[unsent], Exception)
        assert outcomes[1] is outcomes[2] is None

    @pytest.mark.slow
    def test_killed_workers_lose_nothing(self, two_processes, tmp_path):
        # 9: kills its worker each time, 1: the first time, 0: never.
        names = ["9.a", "1.a", "0.a", "0.b"]
        jobs = [str(tmp_path / name) for name in names]
        outcomes = done_by(two_processes, engine_jobs.killed, jobs)
        lost = outcomes.pop(jobs[0])
        assert type(lost) is WorkerLostError
        assert outcomes == {job: Path(job).name for job in jobs[1:]}
        tries = [len(Path(job).read_text()) for job in jobs]
        assert tries == [3, 2, 1, 1]

    @pytest.mark.slow
    def test_who_stops_early_ends_the_rest_and_can_go_on(self, two_processes):
        with closing(two_processes.run(engine_jobs.waits, [0, 600, 600])) as running:
            assert next(running)[0] == 0
        assert done_by(two_processes, engine_jobs.square, [1, 2, 3]) == {1: 1, 2: 4, 3: 9}

    @pytest.mark.slow
    def test_leaving_with_a_run_that_is_not_done(self):
        with open_engine("processes", workers=1) as engine:
            running = engine.run(engine_jobs.waits, [0, 600])
            assert next(running)[0] == 0
        assert list(running) == []

    @pytest.mark.slow
    def test_workers_are_spread_over_the_devices(self, monkeypatch):
        monkeypatch.setattr("kdcourse.bench.engines.local.visible_devices", lambda: ["4", "GPU-6"])
        with open_engine("processes", workers=3) as engine:
            found = done_by(engine, engine_jobs.surroundings, range(6)).values()
        devices = {one["process"]: one["device"] for one in found}
        assert sorted(devices.values()) == ["4", "4", "GPU-6"]

    @pytest.mark.slow
    @pytest.mark.skipif(ON_WINDOWS, reason="signals of POSIX")
    @pytest.mark.parametrize("how", ["ctrl-c", "kill"])
    def test_no_worker_is_left_behind(self, how):
        with subprocess.Popen(
            [sys.executable, str(HERE / "engine_jobs.py")],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        ) as run:
            workers = [psutil.Process(int(run.stdout.readline())) for _ in range(2)]
            if how == "ctrl-c":  # reaches all processes of a terminal
                os.killpg(run.pid, signal.SIGINT)
            else:
                run.kill()
            run.wait(timeout=60)
        gone, left = psutil.wait_procs(workers, timeout=60)
        assert len(gone) == 2
        assert not left


class TestDevices:
    @pytest.mark.parametrize(
        ("variable", "number", "expected"),
        [
            (None, 0, []),
            ("", 0, []),
            (None, 2, ["0", "1"]),
            ("3,5", 2, ["3", "5"]),
            ("3, 5,7", 2, ["3", "5"]),  # CUDA stops at the first that is not there
            ("MIG-a", 1, ["MIG-a"]),
        ],
    )
    def test_names_are_those_of_the_parent(self, monkeypatch, variable, number, expected):
        if variable is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: number)
        assert work_module.visible_devices() == expected

    def test_as_many_workers_as_devices_or_cores(self):
        assert work_module.local_workers(None, ["0", "1", "2"]) == 3
        assert work_module.local_workers(5, ["0", "1", "2"]) == 5
        assert 1 <= work_module.local_workers(None, []) <= psutil.cpu_count()
