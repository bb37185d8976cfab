"""What the tests of the engines let workers do: functions at the top of a module that workers find."""

import os
import signal
import sys
import threading
import time
from pathlib import Path


class TwoArguments(Exception):
    """Cannot be unpickled: its __init__ wants more than what it hands on."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def square(number):
    return number**2


def no_result(job):
    return None


def fails(job):
    """What the job's name says."""
    if job == "value":
        raise ValueError("no such value")
    if job == "two arguments":
        raise TwoArguments(1, 2)
    if job == "exit":
        sys.exit(3)
    if job == "lock":
        return threading.Lock()  # cannot be pickled
    return job


def interrupted(job):
    raise KeyboardInterrupt


def train(seed):
    """Weights of a small net after a few steps; sensitive to the order in which threads add."""
    import torch

    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Linear(40, 64), torch.nn.ReLU(), torch.nn.Linear(64, 5))
    images, labels = torch.randn(200, 40), torch.randint(5, (200,))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    for _ in range(20):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(images), labels).backward()
        optimizer.step()
    return net[0].weight.detach().numpy().tobytes()


def surroundings(job):
    """What a worker finds around it."""
    import torch

    time.sleep(0.3)  # that one worker does not take all jobs
    return {
        "process": os.getpid(),
        "threads": torch.get_num_threads(),
        "quiet": os.environ.get("KDCOURSE_QUIET"),
        "device": os.environ.get("CUDA_VISIBLE_DEVICES"),
    }


def killed(job):
    """Count in the file `job` how often it was begun; its name says at how many tries it kills the worker."""
    file = Path(job)
    with file.open("a") as tries:
        tries.write("x")
    if len(file.read_text()) <= int(file.stem):
        os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    return file.name


def signalled(job):
    """The first time, get the signal that SLURM sends before it takes the machine away."""
    if Path(job).exists():
        return "begun again"
    Path(job).touch()
    os.kill(os.getpid(), signal.SIGUSR2)
    return "went on"


def waits(seconds):
    time.sleep(seconds)
    return os.getpid()


if __name__ == "__main__":  # a run to be interrupted: prints its workers, then waits
    from kdcourse.bench.engines import open_engine

    with open_engine("processes", workers=2) as engine:
        for _, process in engine.run(waits, [0.5, 0.5, 600, 600]):
            print(process, flush=True)
