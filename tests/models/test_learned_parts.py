"""What holds for every learned part: seeds, modes, gradients, saving, many seeds at once."""

import copy
import io

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdcourse.models import (
    ContrastiveMemory,
    InBatchContrast,
    KnowledgeReview,
    MultiBranchNet,
    ONEGate,
    Paraphraser,
    PrimeAwareHead,
    ScoreMapCritic,
    Translator,
    VIDHead,
    conv_regressor,
    linear_regressor,
    projector,
)
from kdcourse.training import SeedStack, seeded

BATCH = 4
SEEDS = [3, 0, 11]


class FromOneTensor(nn.Module):
    """A part as a module of one tensor, which `unpack` turns into its arguments."""

    def __init__(self, part, unpack=lambda x: (x,)):
        super().__init__()
        self.part, self.unpack = part, unpack

    def forward(self, x):
        return self.part(*self.unpack(x))


def levels(x):
    return ([x, F.avg_pool2d(x, (3, 2)), x.mean((2, 3), keepdim=True)],)


def two_features(x):
    return x[:, :5], x[:, 5:]


def with_indices(x):
    negatives = torch.arange(7) + BATCH + torch.arange(len(x))[:, None]
    return x[:, :5], x[:, 5:], torch.arange(len(x)), negatives


def branches():
    return [nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5)) for _ in range(3)]


def memory():
    return ContrastiveMemory(20, 5, 6, embedding_dim=3, negatives=7)


# name -> (make, shape of the input without the batch)
PARTS = {
    "conv_regressor": (
        lambda: conv_regressor(4, 6, pool=2, upsample=3, batch_norm=True, relu=True),
        (4, 6, 4),
    ),
    "linear_regressor": (lambda: linear_regressor(24, 5), (4, 3, 2)),
    "projector-none": (lambda: projector("none", 5, 5), (5,)),
    "projector-linear": (lambda: projector("linear", 5, 7), (5,)),
    "projector-mlp": (lambda: projector("mlp", 5, 7, hidden=6), (5,)),
    "Paraphraser": (lambda: Paraphraser(4), (4, 5, 3)),
    "Paraphraser-norm": (lambda: Paraphraser(4, batch_norm=True), (4, 5, 3)),
    "Translator": (lambda: Translator(4, 2, batch_norm=True), (4, 5, 3)),
    "VIDHead": (lambda: VIDHead(4, 6), (4, 5, 3)),
    "PrimeAwareHead": (lambda: PrimeAwareHead(5, 6), (5,)),
    "KnowledgeReview": (
        lambda: FromOneTensor(KnowledgeReview([4, 4, 4], [6, 5, 7], 3), levels),
        (4, 6, 4),
    ),
    "ContrastiveMemory": (lambda: FromOneTensor(memory(), with_indices), (11,)),
    "InBatchContrast": (lambda: FromOneTensor(InBatchContrast(5, 6, 3), two_features), (11,)),
    "MultiBranchNet": (
        lambda: MultiBranchNet(nn.Conv2d(4, 6, 3), branches(), ONEGate(6, 3)),
        (4, 5, 6),
    ),
    "ScoreMapCritic": (lambda: ScoreMapCritic(4, width=3), (4, 9, 6)),
}
OVER_THE_BATCH = {"ContrastiveMemory", "InBatchContrast"}  # one loss a batch, not a result a sample
every_part = pytest.mark.parametrize("name", PARTS)


def example(name, batch=BATCH, seed=0, lead=()):
    _, shape = PARTS[name]
    return torch.randn(*lead, batch, *shape, generator=torch.Generator().manual_seed(seed))


def make(name, seed=0):
    return seeded(PARTS[name][0], seed)


def tensors(result):
    """All tensors in nested lists and tuples, in order."""
    if isinstance(result, torch.Tensor):
        return [result]
    return [] if result is None else [t for part in result for t in tensors(part)]


def total(result):
    """A number that depends on every entry, each with a weight of its own."""
    return sum((t * torch.linspace(0.5, 1.5, t.numel()).to(t).view_as(t)).sum() for t in tensors(result))


@every_part
@pytest.mark.parametrize("training", [True, False])
def test_many_seeds_at_once_are_the_same_as_apart(name, training):
    """Value, gradient and what is remembered (batch statistics, memories), through `SeedStack`."""
    stack, x = SeedStack(PARTS[name][0], SEEDS).train(training), example(name, lead=(3,)).requires_grad_()
    together = stack(x)
    sum(total(tuple(t[i] for t in tensors(together))) for i in range(3)).backward()
    for i, seed in enumerate(SEEDS):
        alone, x_alone = make(name, seed).train(training), x[i].detach().requires_grad_()
        results = alone(x_alone)
        for one, other in zip(tensors(together), tensors(results), strict=True):
            torch.testing.assert_close(one[i], other, rtol=1e-4, atol=1e-5)
        total(results).backward()
        torch.testing.assert_close(x.grad[i], x_alone.grad, rtol=1e-3, atol=1e-4)
        state, member = alone.state_dict(), stack.member(i).state_dict()
        assert state.keys() == member.keys()
        for key, value in state.items():
            torch.testing.assert_close(member[key], value, rtol=1e-4, atol=1e-5, equal_nan=True)


@every_part
def test_every_parameter_is_trained(name):
    part = make(name).train()
    total(part(example(name).requires_grad_())).backward()
    for key, parameter in part.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key


@every_part
def test_the_seed_determines_the_part(name):
    x = example(name)
    results = [total(make(name, seed).eval()(x)) for seed in (1, 1, 2)]
    assert torch.equal(results[0], results[1])
    assert name == "projector-none" or not torch.equal(results[0], results[2])


@every_part
def test_evaluation_changes_nothing(name):
    part, x = make(name).train(), example(name)
    part(x)
    before = copy.deepcopy(part.state_dict())
    first = tensors(part.eval()(x))
    assert all(torch.equal(a, b) for a, b in zip(first, tensors(part(x)), strict=True))
    assert all(torch.equal(value, before[key]) for key, value in part.state_dict().items())


@every_part
def test_arguments_are_left_as_they_were(name):
    part, x = make(name).train(), example(name)
    kept = x.clone()
    part(x)
    assert torch.equal(x, kept)


@every_part
def test_a_saved_part_comes_back(name):
    part, other, x = make(name, 0).train(), make(name, 1), example(name)
    part(x)  # batch statistics, memories and the like are no longer as built
    file = io.BytesIO()
    torch.save(part.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    for one, two in zip(tensors(part.eval()(x)), tensors(other.eval()(x)), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("name", [name for name in PARTS if name not in OVER_THE_BATCH])
def test_in_evaluation_samples_do_not_mix(name):
    part, x = make(name).train(), example(name)
    part(x)
    part.eval()
    together, alone = tensors(part(x)), tensors(part(x[1:2]))
    for many, one in zip(together, alone, strict=True):
        if many.shape[0] == BATCH:  # not the raw scale of VIDHead, which belongs to no sample
            torch.testing.assert_close(many[1:2], one, rtol=1e-4, atol=1e-6)
        else:
            assert torch.equal(many, one)


@every_part
def test_double_precision_and_any_memory_layout(name):
    part, x = make(name).double().train(), example(name).double()
    twin = copy.deepcopy(part)
    other = x.to(memory_format=torch.channels_last) if x.ndim == 4 else x.mT.contiguous().mT
    for one, two in zip(tensors(part(x)), tensors(twin(other)), strict=True):
        assert one.dtype == torch.float64
        torch.testing.assert_close(one, two)


@every_part
def test_under_autocast(name):
    part, x = make(name).train(), example(name).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        results = part(x)
    assert all(t.isfinite().all() for t in tensors(results))
    total([t.float() for t in tensors(results)]).backward()
    assert all(p.grad.isfinite().all() and p.grad.dtype == torch.float32 for p in (x, *part.parameters()))
