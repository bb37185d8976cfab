"""Train the same small net from many seeds at once, so that paired experiments with intervals cost
seconds."""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from operator import index as to_int

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap


def seeded(make_model: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Build a model with initial weights that depend on `seed` alone; the global generator is left as it
    was.

    Lecture:
        00_start_here, section 4.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(to_int(seed))  # torch.manual_seed would reseed the GPUs as well
        return make_model()


class SeedStack(nn.Module):
    """S copies of one architecture, each initialised from its own seed, run and trained as one module.

    Every parameter and buffer gets a leading dimension S. Because copy i sees only slice i, a sum of
    per-seed losses and an element-wise optimiser (SGD, Adam, AdamW) give the same S nets as S separate
    runs; anything that mixes parameters, such as clipping the global gradient norm, does not. Dropout works
    in each copy by itself, but draws other masks than S separate runs would.

    Args:
        make_model: builds one model on the CPU, e.g. ``lambda: mlp(64, 32, 10)``.
        seeds: one integer a copy.

    Shapes:
        ``stack(x)`` maps (S, B, ...) to (S, B, C); further keyword arguments go to the model, and every
        tensor it returns gets the leading S.

    Lecture:
        00_start_here, section 2.

    >>> from kdcourse.models import mlp
    >>> stack = SeedStack(lambda: mlp(64, 32, 10), seeds=[0, 1, 2])
    >>> stack(torch.zeros(3, 5, 1, 8, 8)).shape
    torch.Size([3, 5, 10])
    """

    def __init__(self, make_model: Callable[[], nn.Module], seeds: Sequence[int]):
        super().__init__()
        self.seeds = tuple(to_int(seed) for seed in seeds)
        if not self.seeds:
            raise ValueError("seeds: expected at least one seed, got none")
        members = [seeded(make_model, seed) for seed in self.seeds]
        parameters, buffers = stack_module_state(members)
        # A module's own names may not hold dots, so "head.weight" is kept as "head/weight".
        self._stacked_parameters = nn.ParameterDict(
            {_flat(k): nn.Parameter(v.detach(), v.requires_grad) for k, v in parameters.items()}
        )
        self._stacked_buffers = nn.Module()
        for name, value in buffers.items():
            self._stacked_buffers.register_buffer(_flat(name), value)
        # The skeleton is a module without data; the tuple keeps it out of this module's own parameters and
        # state.
        self._skeleton = (copy.deepcopy(members[0]).to("meta"),)

    def forward(self, x: Tensor, **kwargs):
        if x.ndim < 2 or x.shape[0] != len(self.seeds):
            raise ValueError(
                f"x: expected a leading dimension of {len(self.seeds)} seeds, got shape {tuple(x.shape)}; "
                f"for the same batch in every copy pass x.expand({len(self.seeds)}, *x.shape)"
            )
        skeleton = self._skeleton[0]
        if skeleton.training != self.training:  # no submodule, so it does not hear of train() and eval()
            skeleton.train(self.training)
        call = partial(_call, skeleton, kwargs)
        return vmap(call, randomness="different")(self.tensors(), x)

    def member(self, index: int) -> nn.Module:
        """A copy of net `index` as an ordinary module."""
        net = copy.deepcopy(self._skeleton[0]).train(self.training)
        for name, stacked in self.tensors().items():
            module, _, leaf = name.rpartition(".")
            value = stacked.detach()[index].clone()
            if isinstance(stacked, nn.Parameter):
                value = nn.Parameter(value, stacked.requires_grad)
            setattr(net.get_submodule(module), leaf, value)
        return net

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers of all copies by the names they have in one, with the leading S."""
        parameters = {_dotted(k): v for k, v in self._stacked_parameters.items()}
        return parameters | {_dotted(k): v for k, v in self._stacked_buffers.named_buffers()}


def for_each_seed(model: nn.Module, loss: Callable[..., Tensor], **options) -> Callable[..., Tensor]:
    """The loss, with `options` fixed, as it fits `model`: mapped over the leading seed dimension of a
    `SeedStack`, else as it is.

    So one objective serves one net and many: it returns a loss of shape () or (S,).

    Lecture:
        01_soft_targets, section 11.
    """
    loss = partial(loss, **options)
    return vmap(loss, randomness="different") if isinstance(model, SeedStack) else loss


def _call(skeleton: nn.Module, kwargs: dict, state: dict[str, Tensor], x: Tensor):
    return functional_call(skeleton, state, (x,), kwargs)


def _flat(name: str) -> str:
    return name.replace(".", "/")


def _dotted(name: str) -> str:
    return name.replace("/", ".")
