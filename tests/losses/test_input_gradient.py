"""Input gradients against finite differences and the linear model; what taking them leaves untouched."""

import inspect
import math
import re

import pytest
import torch
import torch.nn.functional as F
from loss_tools import raises
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from kdcourse.losses import gradient_attention_loss, input_gradient
from kdcourse.models import mlp
from kdcourse.training import SeedStack, Teacher


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 1.5 * torch.randn(*shape, generator=generator, dtype=torch.float64)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def classifier(seed=0, dtype=torch.float64):
    """Small, smooth (so that finite differences apply) and with parameters that do not require a gradient."""
    generator = torch.Generator().manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).to(dtype)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return net


LABELS = torch.tensor([0, 2, 1, 2])


def test_the_input_gradient_of_a_linear_model():
    weight, x = normal(3, 4), normal(5, 4, seed=1)
    labels = torch.tensor([0, 1, 2, 0, 1])
    for b, row in enumerate(input_gradient(lambda x: x @ weight.T, x, labels)):
        scores = [
            math.exp(sum(w * v for w, v in zip(ws, x[b].tolist(), strict=True))) for ws in weight.tolist()
        ]
        errors = [score / sum(scores) - (c == labels[b].item()) for c, score in enumerate(scores)]
        expected = [sum(errors[c] * weight[c, d].item() for c in range(3)) for d in range(4)]
        assert row.tolist() == pytest.approx(expected)


def test_the_input_gradient_agrees_with_finite_differences():
    net, x = classifier(), normal(4, 1, 2, 3)
    got, step = input_gradient(net, x, LABELS), 1e-6
    assert got.shape == x.shape and got.dtype == x.dtype
    for b in range(4):
        for h in range(2):
            for w in range(3):
                ends = []
                for sign in (1, -1):
                    moved = x.clone()
                    moved[b, 0, h, w] += sign * step
                    ends.append(F.cross_entropy(net(moved), LABELS, reduction="none")[b].item())
                assert got[b, 0, h, w].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5)


def test_each_samples_gradient_is_its_own():
    net, x = classifier(), normal(4, 6)
    got = input_gradient(net, x, LABELS)
    for b in range(4):
        alone = input_gradient(net, x[b : b + 1], LABELS[b : b + 1])
        torch.testing.assert_close(got[b : b + 1], alone)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_taking_a_gradient_leaves_everything_as_it_was(create_graph, training):
    net = classifier().train(training)
    net[2].train(not training)
    first = next(net.parameters())
    first.grad = torch.full_like(first, 7.0)
    before = [p.detach().clone() for p in net.parameters()]
    for wants_gradient in (False, True):
        x = normal(4, 6).requires_grad_(wants_gradient)
        copy, labels = x.detach().clone(), LABELS.clone()
        got = input_gradient(net, x, labels, create_graph=create_graph)
        assert torch.equal(x.detach(), copy) and torch.equal(labels, LABELS)
        assert x._version == 0 and x.requires_grad is wants_gradient and x.grad is None and x.is_leaf
        assert got.requires_grad is create_graph
    assert net.training is training and net[2].training is not training
    assert (first.grad == 7).all() and all(p.grad is None for p in list(net.parameters())[1:])
    assert all(torch.equal(p, b) for p, b in zip(net.parameters(), before, strict=True))
    assert torch.is_grad_enabled()


def test_no_graph_is_kept_unless_asked_for():
    create_graph = inspect.signature(input_gradient).parameters["create_graph"]
    assert create_graph.default is False and create_graph.kind is create_graph.KEYWORD_ONLY
    assert not input_gradient(classifier(), normal(4, 6), LABELS).requires_grad


def test_an_enclosing_no_grad_makes_no_difference():
    net, x = classifier(), normal(4, 6)
    with torch.no_grad():
        got = input_gradient(net, x, LABELS)
        differentiable = input_gradient(net, x, LABELS, create_graph=True)
        assert not torch.is_grad_enabled()
    assert torch.equal(got, input_gradient(net, x, LABELS))
    assert not got.requires_grad and differentiable.requires_grad


def test_the_parameters_of_the_student_are_trained_through_its_input_gradient():
    """The derivative of the loss with respect to every weight, against finite differences."""
    student, teacher, x = classifier(), classifier(seed=1), normal(4, 6)
    with torch.no_grad():
        target = input_gradient(teacher, x, LABELS)

    def loss():
        return gradient_attention_loss(input_gradient(student, x, LABELS, create_graph=True), target)

    value = loss()
    slopes = torch.autograd.grad(value, list(student.parameters()), materialize_grads=True)
    step = 1e-6
    for parameter, slope in zip(student.parameters(), slopes, strict=True):
        flat = parameter.data.view(-1)
        for i in range(flat.numel()):
            ends = []
            for sign in (1, -1):
                flat[i] += sign * step
                ends.append(loss().item())
                flat[i] -= sign * step
            expected = (ends[0] - ends[1]) / (2 * step)
            assert slope.view(-1)[i].item() == pytest.approx(expected, rel=1e-4, abs=1e-8)
    assert gradient_attention_loss(target, target) == 0
    optimiser = torch.optim.SGD(student.parameters(), lr=0.01)
    for _ in range(5):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
    assert loss() < value


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_input_gradients_in_other_dtypes(dtype):
    net, x = classifier(dtype=dtype), normal(4, 6).to(dtype)
    got = input_gradient(net, x, LABELS)
    assert got.dtype == dtype
    exact = input_gradient(classifier(), x.double(), LABELS)
    assert (got - exact).abs().max() < 16 * torch.finfo(dtype).eps * exact.abs().max()


def test_the_cross_entropy_of_half_precision_logits_is_computed_in_single():
    x, labels = normal(16, 9).bfloat16(), torch.arange(16) % 9
    exact = input_gradient(nn.Identity(), x.double(), labels)  # softmax - one-hot
    torch.testing.assert_close(exact, x.double().softmax(dim=1) - F.one_hot(labels, 9))
    assert torch.equal(input_gradient(nn.Identity(), x, labels), exact.bfloat16())


def test_confident_logits_have_moderate_input_gradients():
    x = tensor([1.0, 0.0], [0.0, 1.0])

    def model(x):
        return 1e4 * x

    right = input_gradient(model, x, torch.tensor([0, 1]))
    wrong = input_gradient(model, x, torch.tensor([1, 0]))
    assert not right.any()
    torch.testing.assert_close(wrong, 1e4 * tensor([1.0, -1.0], [-1.0, 1.0]))


def test_batch_norm_in_training_mode_mixes_the_samples():
    """What the docstring warns of: only in evaluation mode is each gradient that of one sample."""
    net, x = nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3)).double(), normal(4, 6)
    moved = x.clone()
    moved[0] += 1

    def others(mode):
        net.train(mode)
        return [input_gradient(net, batch, LABELS)[1:] for batch in (x, moved)]

    buffers = [b.clone() for b in net.buffers()]
    torch.testing.assert_close(*others(mode=False))
    assert all(torch.equal(a, b) for a, b in zip(net.buffers(), buffers, strict=True))
    first, second = others(mode=True)
    assert (first - second).abs().max() > 1e-3
    assert net.training


def test_many_seeds_at_once():
    """A `SeedStack` gives each member's own gradients; under vmap, torch.func.grad does the same."""
    stack = SeedStack(lambda: mlp(6, 5, 3), seeds=[0, 1, 2])
    x, labels = normal(3, 4, 6).float(), torch.stack([LABELS, LABELS.flip(0), LABELS])
    expected = [input_gradient(stack.member(i), x[i], labels[i]) for i in range(3)]
    torch.testing.assert_close(input_gradient(stack, x, labels), torch.stack(expected))
    trainable = input_gradient(stack, x, labels, create_graph=True)
    vmap(gradient_attention_loss)(trainable, torch.zeros_like(x)).sum().backward()
    assert all(p.grad is not None for name, p in stack.named_parameters() if "weight" in name)

    parameters, buffers = stack_module_state([stack.member(i) for i in range(3)])
    net = stack.member(0)

    def cross_entropy(x, state, labels):
        log_probabilities = functional_call(net, state, (x,)).log_softmax(dim=1)
        return -log_probabilities.gather(1, labels[:, None]).sum()

    got = vmap(torch.func.grad(cross_entropy))(x, parameters | buffers, labels)
    torch.testing.assert_close(got, torch.stack(expected))


# ---------------------------------------------------------------- wrong arguments


def test_input_gradients_are_refused_where_there_are_none():
    net, x = classifier(), normal(4, 6)
    wrongs = (x.long(), "torch.int64"), (x[:0], "(0, 6)"), (None, "NoneType")
    for wrong, said in wrongs:
        with raises("x", "got", said):
            input_gradient(net, wrong, LABELS)
    with raises("labels", "shape (4,)", "got (3,)"):
        input_gradient(net, x, LABELS[:3])
    with raises("labels", "shape (4,)", "got (2, 2)"):
        input_gradient(net, x, LABELS.view(2, 2))
    with raises("labels", "0 .. 2", "from -100 to 2"):
        input_gradient(net, x, torch.tensor([0, 1, 2, -100]))
    with raises("labels", "int64", "list"):
        input_gradient(net, x, [0, 1, 2, 0])
    for said, model, wrong in (
        ("x: expected shape (B, ...), got ()", net, x[0, 0]),
        ("model(x): expected shape (B, C, ...), got (4,)", lambda x: net(x)[:, 0], x),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
            input_gradient(model, wrong, LABELS)
    with raises("model(x)", "got tuple"):
        input_gradient(lambda x: (net(x), x), x, LABELS)
    said = "logits that depend on x through a graph", "got constants", "no_grad"
    with raises("model", *said):
        input_gradient(Teacher(net), x, LABELS)
    assert input_gradient(Teacher(net).network, x, LABELS).any()
