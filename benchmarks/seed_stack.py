"""How much longer do eight seeds take than one, trained together as a `SeedStack`?

    python benchmarks/seed_stack.py

The student of the first lecture, mlp(64, 32, 10), is distilled in batches of 64 from stored teacher logits:
one plain net, then a stack of eight, in turn and several times, so that a change in the machine's load meets
both. Measured is the processor time of one thread, which on an idle machine is the time one waits. The goal
is a ratio of at most 3; eight separate runs would be 8.
"""

import argparse
import platform
import statistics
import time

import torch

from kdcourse.models import mlp
from kdcourse.training import Batches, SeedStack, distillation, fit, seeded


def seconds(seeds: int, steps: int, samples: int = 900) -> float:
    """Time of one distillation of `seeds` students; one alone is an ordinary net."""
    images = torch.randn(seeds, samples, 1, 8, 8)
    data = images, 4 * torch.randn(seeds, samples, 10), torch.randint(10, (seeds, samples))
    if seeds == 1:
        student = seeded(lambda: mlp(64, 32, 10), 0)
        batches = Batches(*(part[0] for part in data), batch_size=64, seeds=0)
    else:
        student = SeedStack(lambda: mlp(64, 32, 10), seeds=range(seeds))
        batches = Batches(*data, batch_size=64, seeds=range(seeds))
    start = time.process_time()
    fit(student, distillation(), batches, steps=steps, progress=False)
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(0)
    for seeds in (1, 8):  # the first steps load libraries
        seconds(seeds, steps=20)
    pairs = [(seconds(1, options.steps), seconds(8, options.steps)) for _ in range(options.repeats)]
    ratios = sorted(eight / one for one, eight in pairs)
    one, eight = (1000 * statistics.median(times) / options.steps for times in zip(*pairs, strict=True))
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    print(f"{versions}, {platform.system()} {platform.machine()}, one thread")
    print(
        f"{options.repeats} pairs of {options.steps} steps: {one:.2f} ms a step for 1 seed, {eight:.2f} for 8"
    )
    print(f"time(S=8) / time(S=1) = {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
