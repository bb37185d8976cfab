"""`ntk`: the empirical neural tangent kernel of a module that is left as it was. Jacot et al. (2018)."""

import copy
import re
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from kdcourse.grading.compare import close, difference, factor_in_words, ratio
from kdcourse.grading.mistakes.kernels import kernel_mistakes
from kdcourse.grading.ntk_worlds import World, law_worlds, open_worlds, plain_worlds
from kdcourse.grading.probe import Rejected, call, prepare

NAMES = ("model", "x1", "x2")
TRAINING = (
    "The model runs in training mode, so that dropout draws and batch norm looks at the batch: "
    "`model.eval()` first, and each module's flag put back afterwards."
)


def run(function: Callable[..., object], world: World) -> np.ndarray:
    world.journal.clear()
    try:
        result = call(function, NAMES, [world.model, world.x1, world.x2])
    except Rejected as rejected:
        raise Rejected(
            *rejected.feedback[:1],
            diagnosis=why_raised(rejected.feedback[0], world) or rejected.diagnosis,
        ) from None
    N1, N2 = len(world.x1), len(world.x2)
    if result is None:
        raise Rejected("Your function returns None. Is a `return` missing?")
    if not isinstance(result, Tensor) or not result.is_floating_point():
        kind = result.dtype if isinstance(result, Tensor) else type(result).__name__
        raise Rejected(
            f"Your function returns a {kind}; expected is a tensor of floating-point numbers, (N1, N2).",
            diagnosis="`torch.stack` and `torch.tensor` make a tensor of rows.",
        )
    if tuple(result.shape) != (N1, N2):
        raise Rejected(
            f"Your result has the shape {tuple(result.shape)}; expected is {(N1, N2)}: a row for each of x1, "
            "a column for each of x2.",
            diagnosis=why_shape(tuple(result.shape), world),
        )
    return result.detach().to("cpu", torch.float64).numpy().copy()


def why_raised(seen: str, world: World) -> str | None:
    if re.search(r"Expected more than 1 value per channel when training", seen):
        return TRAINING
    if as_without_a_batch(seen, world):
        return "The model is given one input without its batch axis: `x[i : i + 1]`, not `x[i]`."
    if re.search(r"shapes cannot be multiplied|mat1 and mat2|inconsistent tensor size|same size", seen):
        return (
            "Two shapes do not fit. Gradients of all parameters, flattened and put side by side, are "
            "(N1 · K, P) and (N2 · K, P), or (N1, K · P) and (N2, K · P)."
        )
    if re.search(r"In-?place|in-place|inplace.*vmap|running_mean|vmap: ", seen):
        return TRAINING if world.journal else None
    if re.search(r"[Oo]ne of the differentiated Tensors does not require grad", seen):
        return (
            "Frozen parameters have no gradient, nor have the tensors of a `state_dict()`: take those of "
            "`model.parameters()` with `requires_grad`."
        )
    if re.search(r"does not require grad", seen):
        return (
            "There is no graph to differentiate: `torch.no_grad()`, `detach()` or a frozen parameter cuts it "
            "off. Take parameters with `requires_grad` only, and run the model with gradients on."
        )
    if re.search(r"a second time", seen):
        return "One forward pass serves several backward passes with `retain_graph=True` only."
    if re.search(r"grad can be implicitly created only for scalar", seen):
        return "A gradient is taken of one number at a time: a loop over the outputs, or `torch.func.jacrev`."
    if re.search(r"NoneType", seen):
        return "A parameter without a gradient has `.grad` None: frozen ones are left out."
    return None


def as_without_a_batch(seen: str, world: World) -> bool:
    try:
        copy.deepcopy(world.model).eval()(world.x1[0])
    except (RuntimeError, ValueError, IndexError) as error:
        return str(error).strip().splitlines()[0][:200] in seen
    return False


def why_shape(shape: tuple, world: World) -> str | None:
    N1, N2 = len(world.x1), len(world.x2)
    sizes = world.sizes()
    K, P = int(sizes["K"]), int(sizes["P"])
    trace = "The outputs are still there: sum over those pairs in which both are the same output."
    return {
        (N2, N1): "It is transposed: the rows belong to `x1`, the columns to `x2`.",
        (N1, N1): "`x1` is used twice: the columns belong to `x2`.",
        (N2, N2): "`x2` is used twice: the rows belong to `x1`.",
        (N1, N2, K, K): trace,
        (N1, K, N2, K): trace,
        (N1, N2, K): "The outputs are still there: sum over them.",
        (K, N1, N2): "The outputs are still there: sum over them.",
        (N1 * K, N2 * K): f"{trace} `reshape(N1, K, N2, K)` separates them.",
        (P, P): "The product runs over the inputs; it must run over the parameters: J1 @ J2.T.",
        (
            N1 + N2,
            N1 + N2,
        ): "This is the kernel of all inputs together; the block of x1 against x2 is wanted.",
        (): "One number for everything; each pair of inputs has its own.",
        (N1, P): "These are gradients; the kernel has their inner products.",
        (N1, K, P): "These are gradients; the kernel has their inner products.",
    }.get(shape)


def require_kernels(worlds: list[World], got: list[np.ndarray]) -> None:
    """Compare; the mistake must explain every world."""

    def right(world: World, kernel: np.ndarray) -> bool:
        return close([kernel], [world.want], rtol=1e-3, atol=1e-9)

    bad = [number for number, world in enumerate(worlds) if not right(world, got[number])]
    if not bad:
        return
    world, kernel = worlds[bad[0]], got[bad[0]]
    factors = [ratio([k], [w.want]) for w, k in zip(worlds, got, strict=True)]
    word = factor_in_words(factors, [w.sizes() for w in worlds])
    raise Rejected(
        f"The kernel is not right (with {world.where()}): {difference([kernel], [world.want])}.",
        *([f"On every model tried, yours is {word} times ours."] if word else []),
        diagnosis=TRAINING if world.journal else recognise(worlds, got),
    )


def recognise(worlds: list[World], got: list[np.ndarray]) -> str | None:
    for function, sentence in kernel_mistakes():
        try:
            if all(
                close([kernel], [function(world.seen).detach().numpy()], rtol=1e-3, atol=1e-7)
                for world, kernel in zip(reversed(worlds), reversed(got), strict=True)
            ):
                return sentence
        except (ValueError, RuntimeError, IndexError):
            continue  # a mistake that cannot be made with these sizes
    return None


def require_state(world: World) -> None:
    before, now = world.before, world.state()
    if now["modules"] != before["modules"] or now["ids"].keys() != before["ids"].keys():
        raise Rejected("Modules of the model were replaced, added or removed; leave its structure as it is.")
    if now["types"] != before["types"]:
        raise Rejected(
            "After the call the model's parameters have another type.",
            diagnosis="`model.double()` converts the caller's model; convert a copy (`copy.deepcopy`).",
        )
    for name, value in now["parameters"].items():
        if not torch.equal(value, before["parameters"][name]):
            raise Rejected(
                f"After the call the parameter `{name}` is changed.",
                diagnosis="The kernel is that of the parameters as they are: no optimiser step, and nothing "
                "written into them.",
            )
    if now["ids"] != before["ids"]:
        raise Rejected(
            "After the call parameters of the model are other objects than before: an optimiser that holds "
            "the old ones trains nothing any more.",
            diagnosis="`torch.func.functional_call` runs the model with other tensors and leaves its own "
            "alone.",
        )
    if now["flags"] != before["flags"]:
        name = next(name for name, flag in now["flags"].items() if flag != before["flags"][name])
        raise Rejected(
            f"After the call `{name}.requires_grad` is {now['flags'][name]}; it was {before['flags'][name]}.",
            diagnosis="Leave the flags of the caller's parameters as they are; frozen ones are not asked.",
        )
    for name, value in now["gradients"].items():
        old = before["gradients"][name]
        if value is None and old is not None:
            raise Rejected(
                f"After the call the `.grad` of `{name}` is gone; the caller had one.",
                diagnosis="`zero_grad()` throws the caller's gradients away. `torch.autograd.grad` neither "
                "needs nor fills `.grad`.",
            )
        if value is not None and (old is None or not torch.equal(value, old)):
            was = "was None" if old is None else "held something else"
            raise Rejected(
                f"After the call the `.grad` of `{name}` is another one: it {was} before.",
                diagnosis="`backward()` leaves gradients in `.grad`. `torch.autograd.grad` returns them.",
            )
    for name, value in now["buffers"].items():
        if not torch.equal(value, before["buffers"].get(name, value)):
            raise Rejected(
                f"After the call the buffer `{name}` is another one than before.",
                diagnosis=f"A pass in training mode moves the running statistics. {TRAINING}",
            )
    if now["training"] != before["training"]:
        changed = [name for name, flag in now["training"].items() if flag != before["training"][name]]
        whole = before["training"]["model"] == now["training"]["model"]
        raise Rejected(
            f"After the call another training flag than before: `{changed[0]}` is in "
            f"{'training' if now['training'][changed[0]] else 'evaluation'} mode.",
            diagnosis="`model.train(flag)` sets every module inside. Keep the flag of *each* module, and put "
            "each back: a frozen batch norm stays frozen."
            if whole
            else f"The model is left in {'training' if now['training']['model'] else 'evaluation'} mode: "
            "keep the flag of each module before `model.eval()`, and put it back.",
        )
    if now["hooks"] != before["hooks"]:
        raise Rejected(
            "A hook is left on the model.",
            diagnosis="Keep what `register_forward_hook` returns, and call its `remove()`.",
        )


def warm_up(world: World) -> None:
    """The first use of `torch.func` loads hundreds of modules; that is not the answer's time."""
    constants = {name: p.detach() for name, p in world.model.named_parameters()}

    def outputs(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.func.functional_call(world.model, parameters, (x[None],))[0]

    torch.func.vmap(torch.func.jacrev(outputs), (None, 0))(constants, world.x1)


def ntk(answer: object) -> list[str]:
    function = prepare(answer, NAMES)
    worlds = list(plain_worlds())
    warm_up(worlds[0])
    got = [run(function, world) for world in worlds]
    require_kernels(worlds, got)
    for world in worlds:
        require_state(world)
    count = len(worlds)
    for world in law_worlds():
        count += 1
        try:
            kernel = run(function, world)
            if world.journal:
                require_kernels([world], [kernel])
            else:
                require_kernels([*worlds, world], [*got, kernel])
            require_state(world)
        except Rejected as rejected:
            rejected.feedback[0] = f"{world.law}: {rejected.feedback[0]}"
            raise
    try:
        require_kernels(worlds[:1], [run(function, worlds[0])])
        require_state(worlds[0])
    except Rejected as rejected:
        rejected.feedback[0] = f"When called a second time: {rejected.feedback[0]}"
        raise
    return [
        f"The kernel agrees with ours on {count} models, over all trainable parameters in evaluation mode.",
        "Parameters, buffers, gradients and training flag are as they were.",
        *remarks(function),
    ]


def remarks(function: Callable[..., object]) -> list[str]:
    for world in open_worlds():
        try:
            require_kernels([world], [run(function, world)])
            require_state(world)
        except Rejected as rejected:
            return [f"A remark, which costs nothing here. {world.law}: {rejected.feedback[0]}"]
    return []


TASKS = {"ntk": ntk}
