"""What must hold after `calibrate_batchnorm`: usable buffers, right statistics, nothing else changed."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from kdcourse.grading.batchnorm_worlds import World
from kdcourse.grading.compare import close, difference
from kdcourse.grading.mistakes.batchnorm import CALIBRATIONS, Seen, Statistics, equal_weights
from kdcourse.grading.probe import Rejected


def require_buffers(world: World) -> None:
    for name, layer in world.layers().items():
        counter = layer._buffers.get("num_batches_tracked")
        if not isinstance(counter, Tensor) or counter.shape != () or counter.is_floating_point():
            raise Rejected(
                f"After the call `{name}.num_batches_tracked` is no longer a whole number in a tensor.",
                diagnosis="`reset_running_stats()` sets the counter to 0, and each pass in training mode "
                "adds 1 to it; leave it to them.",
            )
        for kind in ("running_mean", "running_var"):
            buffer = getattr(layer, kind)
            if not isinstance(buffer, Tensor) or kind not in layer._buffers:
                raise Rejected(
                    f"After the call `{name}.{kind}` is no buffer any more.",
                    "Change it in place, as with `copy_`, so that it stays a part of `state_dict()`.",
                )
            if buffer.requires_grad:
                raise Rejected(
                    f"After the call `{name}.{kind}` has a graph: the model cannot be used any more.",
                    diagnosis="Statistics have no gradient: work under `torch.no_grad()`.",
                )
            if buffer.shape != (layer.num_features,) or buffer.dtype != torch.float32:
                raise Rejected(
                    f"Now `{name}.{kind}` has shape {tuple(buffer.shape)} and type {buffer.dtype}, "
                    f"not ({layer.num_features},) and torch.float32, as before.",
                    diagnosis="Statistics are kept for each channel (axis 1): average over all other axes, "
                    "and write into the buffer with `copy_`.",
                )


def require_statistics(worlds: list[World]) -> None:
    """Compare each layer; the mistake must explain every layer that is wrong."""
    wrong: list[tuple[World, str, list[np.ndarray]]] = []
    for world in worlds:
        for name, got in world.statistics().items():
            if not agrees(got, equal_weights(world.seen[name])):
                wrong.append((world, name, got))
    if not wrong:
        return
    world, name, got = wrong[0]
    bad = [other for where, other, _ in wrong if where is world]
    right = [f"`{other}`" for other in world.layers() if other not in bad]
    want = equal_weights(world.seen[name])
    parts = [
        f"of `{kind}`, {difference([one], [other.numpy()])}"
        for kind, one, other in zip(("running_mean", "running_var"), got, want, strict=True)
        if not agrees([one], (other,))
    ]
    raise Rejected(
        f"The statistics of `{name}` ({type(world.layers()[name]).__name__}) are not right: "
        f"{'; '.join(parts)} (with {len(world.batches)} batches of sizes "
        f"{', '.join(str(len(batch)) for batch in world.batches)}).",
        *([f"In the same model, right in {', '.join(right)}."] if right else []),
        diagnosis=diagnose(worlds, wrong),
    )


def agrees(got: list[np.ndarray], want: Statistics) -> bool:
    return close(got, [part.numpy() for part in want], rtol=3e-4, atol=1e-5)


def diagnose(worlds: list[World], wrong: list[tuple[World, str, list[np.ndarray]]]) -> str | None:
    def explained(function: Callable[[Seen], Statistics], seen: Callable[[World], dict[str, Seen]]) -> bool:
        return all(agrees(got, function(seen(world)[name])) for world, name, got in wrong)

    if any(any(world.model.journal) for world, _, _ in wrong):
        return (
            "Dropout is active while the batches pass, so that the layers behind it see noise. Put the whole "
            "model into evaluation mode, and then the batch norms alone into training mode."
        )
    untouched = {
        (id(world), name) for world, name, got in wrong if agrees(got, CALIBRATIONS[0][0](world.seen[name]))
    }
    if untouched and len(untouched) < sum(len(world.layers()) for world in worlds):
        return which_layers(worlds, untouched)
    for function, sentence in CALIBRATIONS:
        if explained(function, lambda world: world.seen):
            return sentence
    for kind in wrong[0][0].others:
        if explained(equal_weights, lambda world, kind=kind: world.others[kind]):
            return kind
    for kind in wrong[0][0].others:
        for function, sentence in CALIBRATIONS:
            if explained(function, lambda world, kind=kind: world.others[kind]):
                return f"Two things. {kind} And: {sentence}"
    world, name, got = wrong[0]
    return weights_in_words(got, world.seen[name])


def weights_in_words(got: list[np.ndarray], seen: Seen) -> str | None:
    """The weights of the batches, of the old statistics and of the reset ones, if such a sum was returned."""
    columns = [
        torch.cat([seen.means, seen.variances], 1),
        torch.cat([seen.old_mean, seen.old_var])[None],
        torch.cat([torch.zeros_like(seen.old_mean), torch.ones_like(seen.old_var)])[None],
    ]
    matrix, K = torch.cat(columns).T.numpy(), len(seen.means)
    target = np.concatenate(got)
    if len(matrix) <= K + 2 or not np.isfinite(target).all():
        return None
    weights = np.linalg.lstsq(matrix, target, rcond=None)[0]
    if not close([matrix @ weights], [target], rtol=1e-4, atol=1e-5):
        return None
    *batches, old, fresh = weights
    parts = [f"the batches with {', '.join(f'{weight:.2g}' for weight in batches)}"]
    parts += [f"the old statistics with {old:.2g}"] if abs(old) > 1e-3 else []
    parts += [f"the reset values with {fresh:.2g}"] if abs(fresh) > 1e-3 else []
    return f"Your statistics weight {', and '.join(parts)}. Each of the {K} batches needs 1/{K}."


def which_layers(worlds: list[World], untouched: set[tuple[int, str]]) -> str:
    """What the layers that were left out have in common, and no other layer has."""

    def are(belongs: Callable[[World, str, nn.Module], bool]) -> bool:
        return untouched == {
            (id(world), name)
            for world in worlds
            for name, layer in world.layers().items()
            if belongs(world, name, layer)
        }

    if are(lambda world, name, _: not world.before["training"][name]):
        return (
            "Batch norms that were in evaluation mode are left out; every one is calibrated, and gets its "
            "flag back."
        )
    for kind in (nn.BatchNorm1d, nn.BatchNorm2d):
        if are(lambda world, name, layer, kind=kind: isinstance(layer, kind)):
            return f"{kind.__name__} is left out: every kind of batch norm counts."
    if are(lambda world, name, _: name.count(".") > 1):
        return (
            "Batch norms deep inside are left out: `model.modules()` finds them all, `children()` does not."
        )
    return "Only some of the batch norms are calibrated: `model.modules()` finds them all."


def require_state(world: World) -> None:
    before, now = world.before, world.state()
    if now["training"] != before["training"]:
        changed = [name for name, flag in now["training"].items() if flag != before["training"][name]]
        shown = ", ".join(f"`{name}`" for name in changed[:4]) + (", …" if len(changed) > 4 else "")
        mixed = len(set(before["training"].values())) > 1
        mode = "training" if now["training"][changed[0]] else "evaluation"
        raise Rejected(
            f"After the call another training flag than before: {shown} "
            f"{'is' if len(changed) == 1 else 'are'} in {mode} mode.",
            diagnosis="`model.train(flag)` sets every module inside. Keep the flag of *each* module, and put "
            "each back: a frozen batch norm stays frozen."
            if mixed and now["training"]["model"] == before["training"]["model"]
            else f"The model is left in {mode} mode: keep the training flag of each module, and put it back.",
        )
    if now["momentum"] != before["momentum"]:
        name = next(name for name, value in now["momentum"].items() if value != before["momentum"][name])
        raise Rejected(
            f"After the call the momentum of `{name}` is {now['momentum'][name]}; it was "
            f"{before['momentum'][name]}.",
            diagnosis="Keep the momentum of each layer and put it back: they may differ, and training goes "
            "on with them.",
        )
    for key, seen, advice in (
        (
            "gradients",
            "has another `.grad` than before",
            "Calibration needs no gradient: call neither `backward()` nor `zero_grad()`.",
        ),
        ("buffers", "is changed", "Only the statistics of batch norm change."),
    ):
        for name, value in now[key].items():
            old = before[key].get(name)
            if (value is None) != (old is None) or (value is not None and not torch.equal(value, old)):
                raise Rejected(f"After the call `{name}` {seen}.", diagnosis=advice)
    if now["flags"] != before["flags"]:
        raise Rejected(
            "After the call parameters were replaced, or their `requires_grad` is another one.",
            diagnosis="`torch.no_grad()` needs no change of `requires_grad`.",
        )
    if now["hooks"] != before["hooks"]:
        raise Rejected(
            "A hook is left on the model.",
            diagnosis="Keep what `register_forward_hook` returns, and call its `remove()`.",
        )
    if now["forward"] != before["forward"]:
        raise Rejected("After the call a module's `forward` is another one; put the original back.")
    if now["settings"] != before["settings"]:
        raise Rejected("After the call a setting of batch norm or dropout is another one than before.")
