"""Does the course's loop keep a GPU as busy as a loop written for the occasion?

    python benchmarks/gpu.py                       on a machine with a CUDA device: rewrites gpu.md
    python benchmarks/gpu.py --device cpu --tiny   the same code in seconds, without a GPU; printed only

Measured are images a second on synthetic images of CIFAR-10's size that lie on the device: `fit` against
a bare loop (the functions ending in `_by_hand` below: plain PyTorch, no checks, nothing recorded), with the
same nets, optimiser and batch size. They take turns, several times, in one run, and the device is waited for
before and after each turn. Before anything is timed both forms must give the same loss on one batch.
The goal: `fit` at least 0.90 times as many images a second.
"""

import argparse
import contextlib
import math
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from kdcourse.losses import kd_loss
from kdcourse.models import cifar_resnet, small_cnn
from kdcourse.training import Batches, SeedStack, Teacher, distillation, fit, seeded, supervised

PAGE = Path(__file__).resolve().with_name("gpu.md")
GOAL = 0.90
TEMPERATURE, ALPHA = 4.0, 0.9


@dataclass(frozen=True)
class Sizes:
    student: int = 20
    teacher: int = 110
    batch: int = 128
    samples: int = 50_000
    seeds: int = 8
    samples_of_stack: int = 8192
    steps: int = 100  # in a turn
    rounds: int = 9


TINY = Sizes(8, 14, batch=4, samples=16, seeds=2, samples_of_stack=16, steps=2, rounds=2)


@dataclass(frozen=True)
class Way:
    """One row of the table."""

    task: str  # "labels", "teacher" or "stack"
    half: bool = False  # bfloat16 by autocast
    compiled: bool = False

    def __str__(self) -> str:
        tasks = {
            "labels": "student, labels only",
            "teacher": "student, teacher asked at every step",
            "stack": "`SeedStack` of small nets, stored logits",
        }
        how = "bf16 autocast" if self.half else "float32"
        return f"{tasks[self.task]} | {how}{', compiled' if self.compiled else ''}"


WAYS = [
    Way("labels"),
    Way("labels", compiled=True),
    Way("teacher"),
    Way("teacher", half=True),
    Way("teacher", compiled=True),
    Way("teacher", half=True, compiled=True),
    Way("stack"),
    Way("stack", half=True),
]


@dataclass
class Result:
    """Images a second of each round, or why there are none."""

    way: Way
    bare: list[float]
    ours: list[float]
    failure: str = ""

    @property
    def ratios(self) -> list[float]:
        return sorted(ours / bare for ours, bare in zip(self.ours, self.bare, strict=True))

    @property
    def verdict(self) -> str:
        return "PASS" if self.ratios and statistics.median(self.ratios) >= GOAL else "FAIL"

    def cells(self) -> str:
        if self.failure:
            return f"did not run: {self.failure} | | | FAIL"
        ratios, bare, ours = self.ratios, statistics.median(self.bare), statistics.median(self.ours)
        spread = f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"
        return f"{bare:,.0f} | {ours:,.0f} | {spread} | {self.verdict}"


@dataclass
class Forms:
    """The same training twice: each function trains for so many steps and returns the last loss."""

    ours: Callable[[int], Tensor]
    bare: Callable[[int], Tensor]
    losses: Callable[[], tuple[Tensor, Tensor]]  # of both forms, on one batch, before any step
    images: int  # in a step


def optimizer_of(parameters) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=5e-4)


def kd_by_hand(student_logits: Tensor, teacher_logits: Tensor, labels: Tensor) -> Tensor:
    student_logits, teacher_logits = student_logits.float(), teacher_logits.float()  # of bfloat16
    student = F.log_softmax(student_logits / TEMPERATURE, dim=1)
    teacher = F.log_softmax(teacher_logits / TEMPERATURE, dim=1)
    soft = (teacher.exp() * (teacher - student)).sum(dim=1).mean() * TEMPERATURE**2
    return ALPHA * soft + (1 - ALPHA) * F.cross_entropy(student_logits, labels)


def loop_by_hand(loss_of: Callable[..., Tensor], optimizer, tensors: Sequence[Tensor], batch: int):
    """The bare loop: it shuffles once an epoch and knows nothing but its step."""
    samples = len(tensors[0])

    def train(steps: int) -> Tensor:
        for step in range(steps):
            start = step * batch % (samples - batch + 1)
            if step == 0 or start < batch:
                order = torch.randperm(samples, device=tensors[0].device)
            rows = order[start : start + batch]
            loss = loss_of(*(tensor[rows] for tensor in tensors))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        return loss.detach()

    return train


def one_student(way: Way, sizes: Sizes, device: torch.device, backend: str) -> Forms:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(sizes.samples, 3, 32, 32, generator=generator).to(device)
    labels = torch.randint(10, (sizes.samples,), generator=generator).to(device)
    students = [seeded(lambda: cifar_resnet(sizes.student), 0).to(device) for _ in range(2)]
    network = seeded(lambda: cifar_resnet(sizes.teacher), 1).to(device).eval().requires_grad_(False)
    if way.compiled:
        for net in (*students, network):
            net.compile(backend=backend)
    mine, other = students
    half = half_of(way, device)
    teacher = Teacher(network)
    plain = supervised()

    def objective(student: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        with half():
            if way.task == "labels":
                return plain(student, x, y)
            return kd_loss(student(x), teacher(x), y, temperature=TEMPERATURE, alpha=ALPHA)

    def loss_by_hand(x: Tensor, y: Tensor) -> Tensor:
        with half():
            if way.task == "labels":
                return F.cross_entropy(other(x), y)
            with torch.no_grad():
                answers = network(x)
            return kd_by_hand(other(x), answers, y)

    batches = Batches(images, labels, batch_size=sizes.batch, seeds=0)
    optimizers = [optimizer_of(student.parameters()) for student in students]

    def ours(steps: int) -> Tensor:
        return fit(mine, objective, batches, steps=steps, optimizer=optimizers[0], progress=False)[-1]

    def losses() -> tuple[Tensor, Tensor]:
        return objective(mine.train(), *batches(0)), loss_by_hand(*batches(0))

    bare = loop_by_hand(loss_by_hand, optimizers[1], (images, labels), sizes.batch)
    return Forms(ours, bare, losses, sizes.batch)


def stack_of_students(way: Way, sizes: Sizes, device: torch.device) -> Forms:
    """Many seeds at once; by hand with `torch.func`, as PyTorch's tutorial on ensembles does it."""
    generator = torch.Generator().manual_seed(0)
    count, samples = sizes.seeds, sizes.samples_of_stack
    images = torch.rand(samples, 3, 32, 32, generator=generator).to(device)
    logits = 3 * torch.randn(samples, 10, generator=generator).to(device)
    labels = torch.randint(10, (samples,), generator=generator).to(device)

    def make() -> nn.Module:
        return small_cnn((16, 32, 32), (1, 2, 2), size=32, channels=3)

    half = half_of(way, device)
    stack = SeedStack(make, range(count)).to(device)
    objective = distillation(temperature=TEMPERATURE, alpha=ALPHA)

    def by_seed(student: nn.Module, *batch: Tensor) -> Tensor:
        with half():
            return objective(student, *batch)

    nets = [seeded(make, seed).to(device) for seed in range(count)]
    parameters, buffers = stack_module_state(nets)
    skeleton = make().to(device)

    def loss_of_one(parameters, buffers, x, t, y):
        return kd_by_hand(functional_call(skeleton, (parameters, buffers), (x,)), t, y)

    def loss_by_hand(x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        with half():
            return vmap(loss_of_one)(parameters, buffers, x, t, y).sum()

    everywhere = [t.expand(count, *t.shape) for t in (images, logits, labels)]
    batches = Batches(*everywhere, batch_size=sizes.batch, seeds=range(count))
    optimizers = [optimizer_of(stack.parameters()), optimizer_of(parameters.values())]

    def ours(steps: int) -> Tensor:
        return fit(stack, by_seed, batches, steps=steps, optimizer=optimizers[0], progress=False)[-1].sum()

    def losses() -> tuple[Tensor, Tensor]:
        return by_seed(stack.train(), *batches(0)).sum(), loss_by_hand(*batches(0))

    def loss_of_rows(rows: Tensor) -> Tensor:
        return loss_by_hand(images[rows], logits[rows], labels[rows])

    def bare(steps: int) -> Tensor:
        for step in range(steps):
            start = step * sizes.batch % (samples - sizes.batch + 1)
            if step == 0 or start < sizes.batch:
                orders = torch.rand(count, samples, device=device).argsort(dim=1)
            loss = loss_of_rows(orders[:, start : start + sizes.batch])
            optimizers[1].zero_grad(set_to_none=True)
            loss.backward()
            optimizers[1].step()
        return loss.detach()

    return Forms(ours, bare, losses, sizes.batch * count)


def half_of(way: Way, device: torch.device):
    def context():
        return torch.autocast(device.type, torch.bfloat16) if way.half else contextlib.nullcontext()

    return context


def wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def rate(form: Callable[[int], Tensor], forms: Forms, steps: int, device: torch.device) -> float:
    """Images a second of one turn."""
    wait_for(device)
    start = time.perf_counter()
    loss = form(steps)
    wait_for(device)
    seconds = time.perf_counter() - start
    if not math.isfinite(loss.item()):
        raise SystemExit("the loss is no longer finite: what was timed was no training")
    return forms.images * steps / seconds


def measure(way: Way, sizes: Sizes, device: torch.device, backend: str) -> Result:
    forms = (
        stack_of_students(way, sizes, device)
        if way.task == "stack"
        else one_student(way, sizes, device, backend)
    )
    ours, bare = (loss.item() for loss in forms.losses())
    if not math.isclose(ours, bare, rel_tol=0.02 if way.half else 1e-3):
        raise SystemExit(f"{way}: both forms should give one loss, but ours is {ours} and by hand {bare}")
    for form in (forms.bare, forms.ours):  # the first steps choose kernels, compile, and fill caches
        form(max(2, sizes.steps // 4))
    result = Result(way, [], [])
    turns = [(forms.bare, result.bare), (forms.ours, result.ours)]
    for round_ in range(sizes.rounds):
        for form, rates in turns if round_ % 2 == 0 else turns[::-1]:
            rates.append(rate(form, forms, sizes.steps, device))
    return result


def machine(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    if device.type == "cuda":
        versions += f", CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
    tf32 = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    says = [f"TF32 {'on' if on else 'off'} in {what}" for on, what in zip(tf32, ("convolutions", "products"))]
    return f"{name}; {versions}; {platform.system()} {platform.machine()}; {', '.join(says)}"


def table(results: Sequence[Result]) -> str:
    lines = ["| training | arithmetic | by hand, images/s | `fit`, images/s | ratio (range) | ≥ 0.90 |"]
    lines += ["|---|---|--:|--:|--:|---|"]
    return "\n".join([*lines, *(f"| {result.way} | {result.cells()} |" for result in results)])


def page(results: Sequence[Result], sizes: Sizes, device: torch.device) -> str:
    missed = [result for result in results if result.verdict == "FAIL"]
    verdict = "The goal is met in every row." if not missed else f"The goal is missed in {len(missed)} rows."
    return f"""# The loop on a GPU

Written by `python benchmarks/gpu.py`, which says at its top what is compared.

- {time.strftime("%Y-%m-%d")}; {machine(device)}
- ResNet-{sizes.student} as the student, ResNet-{sizes.teacher} as the teacher, images 3 x 32 x 32, batches
  of {sizes.batch}; the stack holds {sizes.seeds} nets, each with a batch of its own
- {sizes.rounds} rounds of {sizes.steps} steps, both forms in turn; medians; the ratio is of one round

{verdict} It is a median ratio of at least {GOAL:.2f}.

{table(results)}
"""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--tiny", action="store_true", help="a few steps of small nets; printed only")
    options = parser.parse_args(argv)
    if options.device == "cpu" and not options.tiny:
        parser.error("this compares loops on a GPU; on a CPU there is only --tiny, to try the code")
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit(
            "There is no CUDA device on this machine: nothing was measured, and gpu.md is as it was.\n"
            "Run this on a machine with one. To try the code: python benchmarks/gpu.py --device cpu --tiny"
        )
    device = torch.device(options.device)
    sizes, backend = (TINY, "eager") if options.tiny else (Sizes(), "inductor")
    torch.backends.cudnn.benchmark = True
    print(machine(device), file=sys.stderr)
    results = []
    for number, way in enumerate(WAYS, start=1):
        print(f"[{number}/{len(WAYS)}] {way}", file=sys.stderr, flush=True)
        try:
            results.append(measure(way, sizes, device, backend))
        except Exception as error:  # a machine without a compiler should still record the other rows
            if not way.compiled or options.tiny:
                raise
            results.append(Result(way, [], [], f"{type(error).__name__}: {str(error).splitlines()[0]}"))
    if options.tiny:
        print(f"{table(results)}\n\nTried, not measured: far too short. gpu.md is as it was.")
        return 0
    PAGE.write_text(page(results, sizes, device), encoding="utf-8")
    print(f"{PAGE} is written")
    return int(any(result.verdict == "FAIL" for result in results))


if __name__ == "__main__":
    sys.exit(main())
