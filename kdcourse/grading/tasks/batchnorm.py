"""`calibrate_batchnorm`: running statistics set anew, and nothing else."""

from collections.abc import Callable

import torch
from torch import nn

from kdcourse.grading.batchnorm_checks import require_buffers, require_state, require_statistics
from kdcourse.grading.batchnorm_worlds import Recorded, World, images, law_worlds, plain_worlds
from kdcourse.grading.probe import Rejected, call, prepare


def calibrate_batchnorm(answer: object) -> list[str]:
    function = prepare(answer, NAMES)
    worlds = list(plain_worlds())
    returned = [run(function, world) for world in worlds]
    require_statistics(worlds)
    for world in worlds:
        require_state(world)
    for world in law_worlds():
        try:
            run(function, world)
            require_statistics([world])
            require_state(world)
        except Rejected as rejected:
            rejected.feedback[0] = f"{world.law}: {rejected.feedback[0]}"
            raise
    try:
        run(function, worlds[0])
        require_statistics(worlds[:1])
    except Rejected as rejected:
        rejected.feedback[0] = f"When called a second time: {rejected.feedback[0]}"
        raise
    return [
        "Every running mean and variance is the average over the batches, with equal weights.",
        "Parameters, gradients, momenta and each module's training flag are as they were.",
        *remarks(function, returned),
    ]


NAMES = ("model", "batches")


def run(function: Callable[..., object], world: World) -> object:
    try:
        result = call(function, NAMES, (world.model, world.batches))
    except Rejected as rejected:
        if rejected.diagnosis:
            raise
        raise Rejected(*rejected.feedback, diagnosis=why_raised(rejected.feedback[0])) from None
    if len(world.batches) != len(world.kept) or any(
        now is not batch or not torch.equal(batch, before)
        for now, (batch, before) in zip(world.batches, world.kept, strict=True)
    ):
        raise Rejected("Your function changes `batches`; the caller still needs them.")
    if [id(module) for module in world.model.modules()] != world.before["modules"]:
        raise Rejected("Modules of the model were replaced, added or removed; leave its structure as it is.")
    for name, parameter in world.model.named_parameters():
        old = world.before["parameters"].get(name)
        if old is not None and not torch.equal(parameter.detach(), old):
            raise Rejected(
                f"After the call the parameter `{name}` is changed.",
                diagnosis="Only the statistics change: no optimiser step, and no `reset_parameters()`, which "
                "resets weight and bias too (`reset_running_stats()` does not).",
            )
    require_buffers(world)
    return result


def why_raised(seen: str) -> str | None:
    if "leaf Variable" in seen or "requires grad" in seen:
        return "Work under `torch.no_grad()`: statistics have no gradient."
    if "unsupported operand" in seen and "NoneType" in seen:
        return "A momentum can be None: such a layer averages with equal weights already."
    return None


def remarks(function: Callable[..., object], returned: list[object]) -> list[str]:
    told = []
    if any(result is not None for result in returned):
        told.append(
            "A remark: your function returns something; the model is changed in place, and that is all."
        )
    volumes = Recorded(nn.Conv3d(1, 2, 1), nn.BatchNorm3d(2))
    try:
        world = World("", volumes, images(3, 2, shape=(1, 2, 3, 2)))
        run(function, world)
        require_statistics([world])
    except Rejected:
        told.append("A remark, which costs nothing here: BatchNorm3d, for volumes, is not calibrated.")
    return told


TASKS = {
    "calibrate_batchnorm": calibrate_batchnorm,
}  # fmt: skip
