"""What does a teacher cost during training: asked at every step, or read from a soft-label store?

    python benchmarks/soft_label_store.py

A small convolutional student sees distorted 16 x 16 images in batches of 128 for an epoch, three times over:
with labels and no teacher, with the stored labels of ten classes, and with a teacher that is asked about
every batch. The three take turns, several times, so that a change in the machine's load meets all. Measured
is the processor time of one thread. The goals: stored at most 1.05 times no
teacher, asked at least 3 times.
"""

import argparse
import platform
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch.nn import functional as F

from kdcourse.data import SeededAffine
from kdcourse.losses import soft_cross_entropy, sparse_soft_cross_entropy
from kdcourse.models import small_cnn
from kdcourse.training import Batches, SoftLabelStore, fit, seeded, write_soft_labels

CLASSES, KEPT, BATCH = 80, 10, 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=6400)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(0)
    steps = options.samples // BATCH
    images = torch.rand(options.samples, 1, 16, 16)
    labels = torch.randint(CLASSES, (options.samples,))
    recipe = SeededAffine()
    teacher = small_cnn((48, 96, 96), (1, 2, 2), classes=CLASSES, size=16).eval()
    order = Batches(torch.arange(options.samples), batch_size=BATCH, seeds=0)

    def distorted(step):
        (samples,) = order(step)
        return recipe(images[samples], torch.randint(2**32, samples.shape)), labels[samples]

    def with_labels(student, x, y):
        return F.cross_entropy(student(x), y)

    def with_teacher(student, x, y):
        with torch.no_grad():
            answers = teacher(x)
        return soft_cross_entropy(student(x), answers)

    def with_store(student, x, values, indices):
        return sparse_soft_cross_entropy(student(x), values, indices)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels"
        write_soft_labels(path, images, teacher, recipe, epochs=1, kept=KEPT, progress=False)
        store = SoftLabelStore(path, images, recipe)
        ways = {
            "no teacher": (with_labels, distorted),
            "stored": (with_store, store.batches(batch_size=BATCH, seeds=0)),
            "asked": (with_teacher, distorted),
        }

        def seconds(way: str, steps: int = steps) -> float:
            student = seeded(lambda: small_cnn((8, 16), (1, 2), classes=CLASSES, size=16), 0)
            start = time.process_time()
            fit(student, *ways[way], steps=steps, progress=False)
            return time.process_time() - start

        for way in ways:  # the first steps load libraries
            seconds(way, steps=5)
        rounds = [{way: seconds(way) for way in ways} for _ in range(options.repeats)]

    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    print(f"{versions}, {platform.system()} {platform.machine()}, one thread")
    size = store.header.record.itemsize
    print(f"{options.repeats} rounds of an epoch of {steps} steps; {size} bytes an image")
    for way in ways:
        ratios = sorted(r[way] / r["no teacher"] for r in rounds)
        step = 1000 * statistics.median(r[way] for r in rounds) / steps
        print(
            f"{way:10s} {step:6.2f} ms a step, times no teacher: {statistics.median(ratios):.3f} "
            f"({ratios[0]:.3f} to {ratios[-1]:.3f})"
        )


if __name__ == "__main__":
    main()
