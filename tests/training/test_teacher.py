"""A teacher is the same before and after, whatever is trained around it."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdcourse.losses import soft_target_loss
from kdcourse.models import mlp, small_cnn
from kdcourse.training import Batches, SeedStack, Teacher, fit


def net_with_state():
    """Batch norm and dropout: both behave otherwise in training mode."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))


def bits(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def assert_same_bits(module, before):
    after = module.state_dict()
    assert after.keys() == before.keys()
    for name, value in after.items():
        assert torch.equal(value, before[name]), name


class Deep(nn.Module):
    """A teacher two wrappers down."""

    def __init__(self, student, teacher):
        super().__init__()
        self.inner = nn.ModuleDict({"pair": nn.ModuleList([student, Teacher(teacher)])})

    def forward(self, x):
        student, teacher = self.inner["pair"]
        return student(x), teacher(x)


def test_train_on_any_wrapper_stops_at_the_teacher():
    deep = Deep(net_with_state(), net_with_state())
    for _ in range(2):
        deep.train()
        student, teacher = deep.inner["pair"]
        assert all(module.training for module in student.modules())
        assert not any(module.training for module in teacher.modules())
    assert Teacher(net_with_state()).train() is not None, "train() returns the module, like every other"
    network = net_with_state().train()
    assert not any(module.training for module in Teacher(network).modules())


@pytest.mark.parametrize(
    "reach_in",
    [
        lambda m: m.train(),
        lambda m: [part.train() for part in m.modules()],
        lambda m: m.apply(lambda part: part.train()),
    ],
    ids=["wrapper", "every-module", "apply"],
)
def test_statistics_and_dropout_rest(reach_in):
    deep = Deep(net_with_state(), net_with_state())
    network = deep.inner["pair"][1].network
    before, x = bits(network), torch.randn(32, 6)
    expected = network(x).detach()
    reach_in(deep)
    for _ in range(3):
        assert torch.equal(deep(x)[1], expected), "dropout is active, or batch statistics are used"
    assert_same_bits(network, before)


def test_the_output_carries_no_graph():
    teacher = Teacher(net_with_state())
    x = torch.randn(4, 6, requires_grad=True)
    assert not teacher(x).requires_grad
    assert x.grad_fn is None and torch.is_grad_enabled()
    assert all(p.requires_grad for p in teacher.network.parameters()), (
        "the network itself can be trained on later"
    )


def test_arguments_and_results_pass_through():
    network = mlp(6, 5, 3)
    x = torch.randn(4, 6)
    logits, features = Teacher(network)(x, return_features=True)
    assert torch.equal(logits, network(x))
    assert not features["hidden1"].requires_grad


@pytest.mark.parametrize("optimizer", [None, torch.optim.SGD, torch.optim.AdamW])
def test_training_a_module_that_holds_the_teacher_changes_the_student_only(optimizer):
    torch.manual_seed(0)
    network = net_with_state()
    network(torch.randn(5, 6)).sum().backward()  # gradients left over from its own training
    network.zero_grad(set_to_none=False)
    pair = nn.ModuleList([mlp(6, 4, 3), Teacher(network)])
    before, student_before = bits(network), bits(pair[0])
    options = {"lr": 0.1, "weight_decay": 0.1} | ({"momentum": 0.9} if optimizer is torch.optim.SGD else {})

    def objective(model, x):
        student, teacher = model
        return soft_target_loss(student(x), teacher(x))

    batches = Batches(torch.randn(20, 6), batch_size=10, seeds=0)
    if optimizer is None:
        fit(pair, objective, batches, steps=5, lr=0.1, weight_decay=0.1)
    else:
        fit(pair, objective, batches, steps=5, optimizer=optimizer(pair.parameters(), **options))
    assert_same_bits(network, before)
    assert all(p.grad is None for p in network.parameters())
    assert not torch.equal(pair[0].head.weight, student_before["head.weight"])


def test_a_naive_loop_cannot_reach_it_either():
    torch.manual_seed(0)
    pair = nn.ModuleList([mlp(6, 4, 3), Teacher(net_with_state())]).train()
    before, optimizer = bits(pair[1]), torch.optim.SGD(pair.parameters(), lr=0.5)
    x = torch.randn(8, 6)
    for _ in range(3):
        loss = F.mse_loss(pair[0](x), pair[1](x))  # nobody called detach()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert_same_bits(pair[1], before)
    assert all(p.grad is None for p in pair[1].parameters())


def test_a_stack_of_teachers():
    stack = SeedStack(lambda: small_cnn((4,), (2,), size=8), seeds=[0, 1])
    images = torch.randn(2, 16, 1, 8, 8)
    fit(stack, lambda model, x: model(x).square().mean(dim=(1, 2)), lambda step: (images,), steps=3)
    before, expected = bits(stack), stack.eval()(images).detach()
    pair = nn.ModuleList([mlp(6, 4, 3), Teacher(stack)])
    pair.train()
    assert torch.equal(pair[1](images), expected)
    [part.train() for part in pair.modules()]
    assert torch.equal(pair[1](images), expected)
    assert_same_bits(stack, before)
    assert not pair[1](images).requires_grad
