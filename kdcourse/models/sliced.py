"""A narrow net inside a wide one: weights shared by taking leading slices, as network augmentation does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.func import functional_call

from kdcourse.models._checks import check_sizes


class WidthSlicedNet(nn.Module):
    r"""A net that can be run at any widths up to the widest, on the leading slices of one set of weights.

    .. math:: f_w(x) = f(x;\; \theta[: w]), \qquad \theta \text{ the weights of } f_{widest}

    Every tensor of the narrow net is the first rows, columns and channels of the wide net's tensor, so what
    one width learns, all that contain it get. A net with batch normalisation shares the running statistics
    as well, and each width spoils them for the others: `kdcourse.training.calibrate_batchnorm` mends that.

    Args:
        make_net: hidden widths -> a net, e.g. ``lambda *w: mlp(64, *w, 10)`` or ``lambda *w: small_cnn(w)``.
            A net's tensors must be leading slices of a wider net's; a linear layer on a flattened map is.
        widths: the narrow widths, which are used unless others are asked for.
        widest: as many, none smaller.

    Shapes:
        ``net(x)`` runs the narrow net, ``net(x, widths=(9, 20))`` a wider one; further keyword arguments go
        to it.

    Raises:
        ValueError: widths that are no whole numbers between 1 and the widest, or too few of them; nets that
            do not fit into the widest.

    Source:
        Cai, Gan, Lin & Han, "Network Augmentation for Tiny Deep Learning", ICLR 2022, section 3, where the
        tiny net's weights are a slice of the augmented net's. Their code slices inside each layer; here the
        whole net is sliced at once, so that any architecture serves.

    Lecture:
        14_netaug, section 2.

    >>> from kdcourse.models import mlp
    >>> net = WidthSlicedNet(lambda *w: mlp(64, *w, 10), widths=(4, 4), widest=(16, 16))
    >>> net(torch.zeros(5, 64)).shape, net(torch.zeros(5, 64), widths=(4, 16)).shape
    (torch.Size([5, 10]), torch.Size([5, 10]))
    """

    def __init__(self, make_net: Callable[..., nn.Module], widths: Sequence[int], widest: Sequence[int]):
        super().__init__()
        self.make_net = make_net
        self.widest = self._checked("widest", widest, len(widest), None)
        self.widths = self._checked("widths", widths, len(self.widest), self.widest)
        self.full = make_net(*self.widest)
        for name, tensor in self.skeleton(self.widths).state_dict().items():
            wide = self.full.state_dict().get(name)
            if (
                wide is None
                or wide.dim() != tensor.dim()
                or any(n > m for n, m in zip(tensor.shape, wide.shape, strict=True))
            ):
                raise ValueError(
                    f"make_net: expected nets that fit into the widest one; {name!r} has the shape "
                    f"{tuple(tensor.shape)}, and there {None if wide is None else tuple(wide.shape)}"
                )

    def forward(self, x: Tensor, widths: Sequence[int] | None = None, **kwargs):
        widths = (
            self.widths if widths is None else self._checked("widths", widths, len(self.widest), self.widest)
        )
        net = self.skeleton(widths)
        if net.training != self.training:
            net.train(self.training)
        state = self.slices(widths)
        if not self.training:
            return functional_call(net, state, (x,), kwargs)
        # Under vmap, as in a SeedStack, batch normalisation does not write through a slice of its buffers.
        written = {name: state[name].clone() for name, _ in net.named_buffers()}
        result = functional_call(net, state | written, (x,), kwargs)
        for name, buffer in written.items():
            state[name].copy_(buffer)
        return result

    def slices(self, widths: Sequence[int]) -> dict[str, Tensor]:
        """The tensors of the net of these widths, as views of the wide net's."""
        shapes = {name: tensor.shape for name, tensor in _tensors(self.skeleton(tuple(widths))).items()}
        full = _tensors(self.full)
        return {name: full[name][tuple(map(slice, shape))] for name, shape in shapes.items()}

    def skeleton(self, widths: tuple[int, ...]) -> nn.Module:
        """A net of these widths without data."""
        return _skeleton(self.make_net, tuple(widths))

    def export(self, widths: Sequence[int] | None = None) -> nn.Module:
        """An ordinary net of these widths (the narrow ones by default), with copies of the tensors."""
        widths = self.widths if widths is None else tuple(widths)
        net = self.make_net(*widths).to(next(self.parameters()).device)
        net.load_state_dict({name: tensor.detach() for name, tensor in self.slices(widths).items()})
        return net.train(self.training)

    @torch.no_grad()
    def adopt(self, net: nn.Module) -> None:
        """Give the narrow net the tensors of `net`, for example a baseline's initial ones.

        A wide net draws smaller initial weights than a narrow one, so without this a comparison with a
        baseline would be one of initial weights, too.
        """
        given = _tensors(net)
        for name, tensor in self.slices(self.widths).items():
            tensor.copy_(given[name])

    @staticmethod
    def _checked(name: str, widths: Sequence[int], count: int, most: tuple[int, ...] | None):
        widths = tuple(widths)
        if len(widths) != count:
            raise ValueError(f"{name}: expected {count} numbers, got {widths}")
        for i, width in enumerate(widths):
            check_sizes(**{f"{name}[{i}]": width})
            if most is not None and width > most[i]:
                raise ValueError(f"{name}: expected at most the widest, {most}, got {widths}")
        return widths


def _tensors(net: nn.Module) -> dict[str, Tensor]:
    return {**dict(net.named_parameters()), **dict(net.named_buffers())}


@lru_cache(maxsize=4096)
def _skeleton(make_net: Callable[..., nn.Module], widths: tuple[int, ...]) -> nn.Module:
    def build() -> nn.Module:
        with torch.device("meta"):
            return make_net(*widths)

    # In a SeedStack this is called under vmap, which would refuse the random initial weights; vmap, like all
    # modes of torch, holds for its own thread only.
    with ThreadPoolExecutor(max_workers=1) as elsewhere:
        return elsewhere.submit(build).result()
