"""Everything runs where its tensors lie: no tensor is made on the CPU in passing, with the same results.

On the device that `far_device` pretends, because few machines of learners have a second one. Tests marked
`cuda` beside the rooms do the same on a real GPU.
"""

import importlib
import inspect
import sys
from pathlib import Path

import pytest
import torch
from torch.utils._pytree import tree_flatten, tree_map

from kdcourse import data, evaluation, losses, models, theory, training

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "losses")]

from device_cases import ELSEWHERE, FUNCTIONS, NETS, near, net_on  # noqa: E402
from far_device import FAR, Far, far_device  # noqa: E402

LOSSES = [
    case
    for path in sorted((Path(__file__).parent / "losses").glob("cases_*.py"))
    for case in importlib.import_module(path.stem).CASES
]


def far(t):
    return t.to(FAR)


def tensors(results):
    return [t for t in tree_flatten(results)[0] if isinstance(t, torch.Tensor)]


def agree(there, here):
    """Tensors of the pretended device against the CPU's."""
    assert len(there) == len(here) > 0
    for t, expected in zip(there, here):
        value = t.value if isinstance(t, Far) else t
        torch.testing.assert_close(value, expected, equal_nan=True)


@pytest.mark.parametrize("case", LOSSES, ids=str)
def test_losses(case):
    inputs = case.inputs()
    value, gradients = case.with_gradient(inputs)
    with far_device():
        student, teacher, rest = (tuple(map(far, p)) for p in (inputs.student, inputs.teacher, inputs.rest))
        student = [t.requires_grad_() for t in student]
        loss = case.call(student, teacher, rest)
        there = torch.autograd.grad(loss, student)
    assert {t.device for t in (loss, *there)} == {FAR}
    agree([loss.detach(), *there], [value, *gradients])


def trained_once(put, make, inputs):
    net = net_on(put, make)
    outputs = tensors(net(*tree_map(put, inputs)))
    total = sum(t.float().square().mean() for t in outputs)
    if total.requires_grad:
        total.backward()
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    return [t.detach() for t in outputs], gradients, list(net.buffers())


@pytest.mark.parametrize("name", NETS)
def test_nets(name):
    expected = trained_once(near, *NETS[name])
    with far_device():
        there = trained_once(far, *NETS[name])
    assert {t.device for part in there for t in part} == {FAR}
    for found, wanted in zip(there, expected):
        if wanted:
            agree(found, wanted)


@pytest.fixture
def fused_everywhere(monkeypatch):
    """The optimiser in one kernel, which PyTorch has for real devices only."""
    module = sys.modules["torch.optim.optimizer"]
    there = ["cpu", "cuda", "mps", FAR.type]
    monkeypatch.setattr(module, "_get_fused_kernels_supported_devices", lambda: list(there))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name, fused_everywhere):
    expected = tensors(FUNCTIONS[name](near))
    with far_device():
        there = tensors(FUNCTIONS[name](far))
    agree([t.detach() for t in there], [t.detach() for t in expected])


def test_every_export_has_a_case_or_a_reason():
    have = {name.split(",")[0] for name in (*NETS, *FUNCTIONS)} | {case.name for case in LOSSES}
    rooms = losses, models, training, evaluation, theory, data
    wanted = {
        name
        for room in rooms
        for name in room.__all__
        if inspect.isfunction(thing := getattr(room, name))
        or (inspect.isclass(thing) and issubclass(thing, torch.nn.Module))
    }
    assert wanted - have - ELSEWHERE.keys() == set()


def test_mixing_devices_is_an_error_and_so_is_a_forgotten_one():
    with far_device():
        x = far(torch.arange(3.0))
        assert x.device == FAR and (x * torch.tensor(2.0)).cpu().tolist() == [0.0, 2.0, 4.0]
        assert torch.zeros(2, device=FAR).device == FAR and torch.zeros(2).device.type == "cpu"
        assert bool(x[1] == 1) and x.sum().item() == 3
        for mix in (
            lambda: x + torch.ones(3),
            lambda: x.gather(0, torch.tensor([0, 1])),
            lambda: torch.cat([x, x.cpu()]),
        ):
            with pytest.raises(RuntimeError, match="one device"):
                mix()
