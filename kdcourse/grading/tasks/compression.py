"""`compression_loss`: M. Li et al., "GAN Compression" (2020), with the adapter on the student's side."""

import copy

import torch
from torch import Tensor, nn

from kdcourse.grading.formulas.generative import compression
from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case
from kdcourse.grading.mistakes.generative import compression_mistakes
from kdcourse.grading.module_task import ModuleTask, Recorded

LAYERS = [(3, 5, 6, 4), (4, 2, 3, 2), (2, 7, 5, 3)]  # Cs, Ct, H, W


def layers_case(law: str, B: int, layers: list[tuple[int, ...]], **options) -> Case:
    scale = options.pop("scale", 1.5)
    make = options.pop("make", one_by_one)
    equal, training = options.pop("equal", False), options.pop("training", True)
    students, teachers, adapters = [], [], []
    for i, (cs, ct, *size) in enumerate(layers):
        seed = 2000 + 40 * i + 7 * B + 3 * cs + ct
        students.append(scale * normal(seed, B, cs, *size))
        adapter = Recorded(seed + 11, *make(cs, ct, len(size))).train(training)
        with torch.no_grad():
            image = copy.deepcopy(adapter)(students[-1])
        teachers.append(image if equal else scale * normal(seed + 23, *image.shape) + 0.4 * (i + 1))
        adapters.append(adapter)
    sizes = {"B": B, "L": len(layers), "Cs": layers[0][0], "Ct": layers[0][1]}
    return Case((students, teachers, adapters), sizes, law, **options)


def one_by_one(cs: int, ct: int, axes: int) -> list[nn.Module]:
    return [nn.Conv2d(cs, ct, 1)] if axes == 2 else [nn.Linear(cs, ct)]


def with_norm(cs: int, ct: int, axes: int) -> list[nn.Module]:
    return [nn.Conv2d(cs, ct, 1, bias=False), nn.BatchNorm2d(ct)]


def shrinking(cs: int, ct: int, axes: int) -> list[nn.Module]:
    return [nn.Conv2d(cs, cs + 1, 3, padding=1), nn.Tanh(), nn.Conv2d(cs + 1, ct, 2, stride=2)]


def compression_cases() -> list[Case]:
    f64, live = {"dtype": torch.float64}, {"teacher_requires_grad": True}
    shows = layers_case
    return [
        shows("", 6, LAYERS, model_output=True, **live),
        shows("", 2, [(2, 3, 4, 5), (3, 5, 2, 3)], **f64),
        shows("", 5, [*LAYERS[::-1], (6, 4, 2, 2)], model_output=True),
        shows("", 4, [(3, 3, 5, 2), (4, 4, 3, 2), (2, 2, 4, 6)], **f64, **live),
        shows("With a single layer", 3, [(3, 5, 4, 2)], model_output=True, **live),
        shows("With six layers", 2, [*LAYERS, *LAYERS], **f64),
        shows("With layers of equal sizes", 3, [(4, 4, 3, 5)] * 3, model_output=True),
        shows("Where every adapted feature equals the teacher's, loss and gradient are 0", 3, LAYERS, **f64,
              equal=True),
        shows("With features that are rows, (B, D), and linear adapters", 4, [(3, 6), (5, 2)], **f64),
        shows("With adapters of two layers that halve the maps", 3, [(2, 5, 6, 4), (3, 4, 8, 2)],
              make=shrinking, **live),
        shows("With adapters that have batch norm, in training mode", 4, LAYERS, make=with_norm, rtol=1e-3),
        shows("With adapters in evaluation mode", 4, LAYERS[:2], make=with_norm, training=False),
        shows("With a single image", 1, LAYERS, model_output=True, **live),
        shows("With maps of one pixel", 5, [(3, 2, 1, 1), (2, 4, 1, 1)]),
        shows("With a single channel", 4, [(1, 1, 3, 2), (3, 1, 2, 5)], **f64),
        shows("With features of size 1e3", 3, LAYERS, scale=1e3, rtol=1e-3),
        shows("When called a second time with the same inputs", 3, LAYERS, model_output=True, **live),
    ]  # fmt: skip


def compression_shapes(args: tuple) -> dict[tuple, str]:
    teachers = args[1]
    layers, B = len(teachers), len(teachers[0])
    return {
        (layers,): "This is one loss for each layer; add them up.",
        (B,): "This is one loss for each image; take the mean over the batch as well.",
        **{tuple(t.shape): "Nothing is reduced yet: take the mean over all elements." for t in teachers},
    }


def copied(students: list[Tensor], teachers: list[Tensor], adapters: list[nn.Module]) -> Tensor:
    return compression(students, teachers, adapters)


TASKS = {
    "compression_loss": ModuleTask(
        ("student_features", "teacher_features", "adapters"), "a scalar", copied, compression_cases,
        compression_mistakes, constants=(1,), shapes=compression_shapes, modules="adapters",
        misfit="Two shapes do not fit. Layer by layer: `adapter(student)` has the teacher's shape, and each "
        "layer has its own sizes, so that features of two layers cannot be stacked.",
        on_the_teacher="The adapter acts on the teacher's feature. It belongs on the student's side: on the "
        "teacher's, an adapter and a student that both say 0 agree perfectly, and nothing has been learned.",
        unused="The adapters are not used: bring each of the student's features to the teacher's shape with "
        "its adapter.",
        needs_call="An adapter may be any module: call it, `adapter(feature)`, and ask it for nothing else.",
    ),
}  # fmt: skip
