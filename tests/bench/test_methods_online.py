"""Methods without a teacher: self-distillation, online distillation, augmentation."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdcourse.bench.method import deployed
from kdcourse.bench.methods import METHODS
from kdcourse.bench.methods_augmentation import AUGMENTATION, TIMES, cutout, mixup, netaug
from kdcourse.bench.methods_online import (
    ONLINE,
    SELF,
    Exits,
    born_again,
    byot,
    confidence_weighted,
    mutual,
    one,
    permuted,
)
from kdcourse.bench.methods_responses import alone
from kdcourse.bench.room import Room
from kdcourse.evaluation import predict
from kdcourse.models import count_parameters
from kdcourse.training import Batches, SeedStack, fit, seeded

from .tiny import tiny_world

ALL = (*SELF, *ONLINE, *AUGMENTATION)
STUDENTS = ("cnn", "mlp")
each_method = pytest.mark.parametrize("method", ALL, ids=lambda method: method.name)
each_student = pytest.mark.parametrize("student", STUDENTS)


class Watched(Room):
    """A room that keeps what a method asks it to train."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.calls = []

    def train(self, make, objective, wanted=(), **options):
        nets = super().train(make, objective, wanted, **options)
        self.calls.append((make, objective, wanted, options, nets))
        return nets


class PlainRoom:
    """One net and no stack of seeds. It has nothing but what a method may use."""

    def __init__(self, world, student, seed, *, steps, rate):
        self.seeds, self.steps, self.classes = (seed,), steps, world.classes
        self.make_student, self.layers = world.students[student].make, world.students[student].layers
        self._rate, self._size, self._used = rate, world.batch_size, 0
        self._images, self._labels = (part[0] for part in world.draw((seed,)).student)

    def student_shape(self, stage):
        _, features = seeded(self.make_student, 0).eval()(self._images[:1], return_features=True)
        return tuple(features[stage].shape[1:])

    def new_nets(self, make):
        return seeded(make, self.seeds[0])

    def first_batch(self, wanted=()):
        return self._batches(wanted)(0)

    def train(self, make, objective, wanted=(), *, steps=None, **options):
        steps = self.steps - self._used if steps is None else steps
        net, batches, done = self.new_nets(make), self._batches(wanted), self._used
        options = {"lr": self._rate, "weight_decay": 1e-2, "progress": False} | options
        fit(net, objective, lambda step: batches(done + step), steps=steps, **options)
        self._used += steps
        return net

    def _batches(self, wanted):
        said = (predict(net, self._images) for net in wanted)
        return Batches(self._images, self._labels, *said, batch_size=self._size, seeds=self.seeds[0])


@pytest.fixture
def open_room(tmp_path):
    def make(student="cnn", seeds=(3, 5), steps=8, rate=0.02):
        return Watched(tiny_world(), student, seeds, steps=steps, rate=rate, folder=tmp_path)

    return make


def tensors(nets):
    if isinstance(nets, SeedStack):
        return {name: tensor.detach() for name, tensor in nets.tensors().items()}
    return {name: tensor.detach() for name, tensor in nets.state_dict().items()}


def assert_same(a, b, *, only=lambda name: True, atol=1e-5):
    assert a.keys() == b.keys()
    for name in filter(only, a):
        torch.testing.assert_close(a[name], b[name], rtol=1e-4, atol=atol, msg=lambda m, n=name: f"{n}: {m}")


def first_loss(room, setting, method):
    """The first step's loss of each seed, and for each seed its net (training mode), images and labels."""
    method(room, **setting)
    make, objective, wanted, *_ = room.calls[-1]
    nets = room.new_nets(make).train()
    batch = room.first_batch(wanted)
    plain = [(nets.member(i).train(), *(t[i] for t in batch)) for i in range(len(room.seeds))]
    return objective(nets, *batch), plain


def divergence(p, q):
    """KL(p || q) for rows of probabilities, mean over the rows."""
    return sum((row * (row / other).log()).sum() for row, other in zip(p, q, strict=True)) / len(p)


# What every method must do.


@each_student
@each_method
def test_plain_student_for_the_budget(open_room, method, student):
    room = open_room(student)
    nets = method.train(room, **method.settings[1])
    assert room.steps_used == room.steps
    assert isinstance(nets, SeedStack) and not nets.training
    assert nets.seeds == room.seeds
    plain = room.new_nets(room.make_student)
    assert {k: v.shape for k, v in tensors(nets).items()} == {k: v.shape for k, v in tensors(plain).items()}
    assert count_parameters(nets.member(0)) == count_parameters(room.make_student())
    logits = predict(nets, room.data.validation.images)
    assert logits.shape == (2, 30, 10) and logits.isfinite().all()
    assert not torch.equal(logits, predict(plain, room.data.validation.images))


@each_student
@each_method
def test_the_seeds_of_a_block_do_not_touch_each_other(open_room, method, student):
    together = method.train(open_room(student), **method.settings[1])
    for i, seed in enumerate(together.seeds):
        lone = method.train(open_room(student, seeds=(seed,)), **method.settings[1])
        assert_same(tensors(together.member(i)), tensors(lone.member(0)), atol=2e-4)


@each_student
@each_method
def test_a_plain_net_instead_of_a_stack(open_room, method, student):
    stack = method.train(open_room(student, seeds=(5,)), **method.settings[1])
    plain = PlainRoom(tiny_world(), student, 5, steps=8, rate=0.02)
    net = method.train(plain, **method.settings[1])
    assert not isinstance(net, SeedStack) and not net.training and plain._used == 8
    assert_same(tensors(stack.member(0)), tensors(net), atol=2e-4)


@each_method
def test_trained_the_same_way_twice(open_room, method):
    one, two = (method.train(open_room(), **method.settings[0]) for _ in range(2))
    assert_same(tensors(one), tensors(two), atol=0)


@each_method
def test_each_setting_makes_a_difference(open_room, method):
    nets = [method.train(open_room(), **setting) for setting in method.settings]
    for a, b in pairwise(nets):
        assert any(not torch.equal(tensors(a)[name], tensors(b)[name]) for name in tensors(a))


def test_registry_has_them_in_the_order_of_the_course():
    names = [method.name for method in ALL]
    assert [name for name in METHODS if name in names] == names
    assert {method.family for method in ALL} == {"self", "online", "augmentation"}
    assert METHODS["netaug"].needs == {"widths"}


# What is deployed.


@each_student
@pytest.mark.parametrize(
    ("method", "setting"), [(byot, {"alpha": 0.5}), (mutual, {"weight": 4.0}), (one, {"weight": 4.0})]
)
def test_deployed_says_what_the_trained_net_says_there(open_room, method, setting, student):
    room = open_room(student)
    nets = method(room, **setting)
    trained, images = room.calls[-1][-1], room.data.validation.images
    torch.testing.assert_close(nets(images), trained.eval()(images))
    # In training mode the first output is the deepest exit, the first peer, the first branch.
    first, rest = trained.train()(images)
    torch.testing.assert_close(nets.train()(images), first)
    if method is mutual:
        assert (rest - first).abs().max() > 0.01


@each_student
def test_netaug_deploys_the_slice_with_calibrated_norms(open_room, student):
    room = open_room(student)
    nets = netaug(room, alpha=1.0)
    trained, images = room.calls[-1][-1], room.data.validation.images
    torch.testing.assert_close(nets.train()(images), trained.train()(images))
    for name, tensor in tensors(nets).items():
        if is_parameter(name):
            wide = trained.tensors()[f"full.{name}"]
            assert torch.equal(tensor, wide[tuple(map(slice, tensor.shape))])
    if student == "cnn":
        nets = netaug(room := open_room(student), alpha=1.0)
        net, batches = nets.member(1), room._batches(())
        convolution, norm = net.stages["conv1_before"]
        assert isinstance(norm, nn.BatchNorm2d)
        reached = [convolution(batches(step)[0][1]) for step in range(room.steps)]
        mean = torch.stack([z.mean(dim=(0, 2, 3)) for z in reached]).mean(dim=0)
        variance = torch.stack([z.var(dim=(0, 2, 3)) for z in reached]).mean(dim=0)
        torch.testing.assert_close(norm.running_mean, mean)
        torch.testing.assert_close(norm.running_var, variance)


def test_deployed_asks_for_a_student_that_is_there(open_room):
    room = open_room()
    with pytest.raises(ValueError, match="prefix"):
        deployed(room, room.new_nets(room.make_student), "student.")


# Generations.


@pytest.mark.parametrize("method", SELF[:3], ids=lambda method: method.name)
def test_generations_share_the_budget(open_room, method):
    room = open_room(steps=7)
    method.train(room, **method.settings[0])
    first, second = room.calls
    assert room.steps_used == 7 and first[3]["steps"] == 3 and second[3].get("steps") is None
    assert first[2] == () and len(second[2]) == 1 and second[2][0] is first[-1]
    # The second has the first weights that this seed gives to all methods' students, the first has others.
    weights = [room.new_nets(call[0]).tensors()["head.1.weight"] for call in (first, second)]
    own = room.new_nets(room.make_student).tensors()["head.1.weight"]
    assert torch.equal(weights[1], own) and not torch.allclose(weights[0], own)
    # The first learns from labels: what it is trained with is what `alone` is trained with.
    alone(other := open_room(), weight_decay=1e-2)
    nets, (images, labels) = room.new_nets(room.make_student), room.first_batch()
    torch.testing.assert_close(first[1](nets, images, labels), other.calls[0][1](nets, images, labels))


def second_loss(open_room, method, setting):
    """Objective of the second generation, for a net that puts out what is put in, and what it is fed."""
    room = PlainRoom(tiny_world(), "cnn", 3, steps=8, rate=0.02)
    objectives = []
    train = room.train
    room.train = lambda make, objective, *rest, **options: (
        objectives.append(objective) or train(make, objective, *rest, **options)
    )
    method(room, **setting)
    generator = torch.Generator().manual_seed(0)
    z, t = (2 * torch.randn(6, 10, generator=generator) for _ in range(2))
    y = torch.randint(10, (6,), generator=generator)
    return lambda z: objectives[-1](nn.Identity(), z, y, t), z.requires_grad_(), t, y


def test_born_again_loss(open_room):
    loss, z, t, y = second_loss(open_room, born_again, {"temperature": 4.0, "alpha": 0.75})
    p, q = (t / 4).softmax(1), (z / 4).softmax(1)
    torch.testing.assert_close(loss(z), 0.25 * F.cross_entropy(z, y) + 0.75 * 16 * divergence(p, q))


def test_permuted_targets_keep_the_top_and_move_the_rest(open_room):
    loss, z, t, _ = second_loss(open_room, permuted, {"temperature": 4.0})
    p, q = (t / 4).softmax(1), (z / 4).softmax(1)
    targets = []
    for _ in range(2):
        (slope,) = torch.autograd.grad(loss(z), z)
        targets.append((q - slope * len(z) / 4).detach())  # the gradient is T (q - target) / B
    for target in targets:
        assert torch.equal(target.argmax(1), p.argmax(1))
        torch.testing.assert_close(target.sort(1).values, p.sort(1).values)
        assert (target - p).abs().max() > 0.01
    assert (targets[0] - targets[1]).abs().max() > 0.01  # drawn anew
    expected = -16 * (targets[0] * (z / 4).log_softmax(1)).sum(1).mean()
    assert abs(loss(z).item() - expected.item()) < 0.3 * expected.item()


def test_confidence_weights_the_labels(open_room):
    loss, z, t, y = second_loss(open_room, confidence_weighted, {"weight_decay": 1e-2})
    sure = t.softmax(1).amax(1)
    own = torch.stack([-z[b].log_softmax(0)[y[b]] for b in range(6)])
    torch.testing.assert_close(loss(z), (sure * own).sum() / sure.sum())


# First losses, against plain loops.


@each_student
def test_byot_first_loss(open_room, student):
    found, plain = first_loss(open_room(student), {"alpha": 0.3}, byot)
    for own, (net, x, y) in zip(found, plain, strict=True):
        stages, z, features = net.student.stages, x, {}
        for name, stage in stages.items():
            z = features[name] = stage(z)
        deepest, total = net.student.head(z), F.cross_entropy(net.student.head(z), y)
        shallow = ["conv1"] if student == "cnn" else ["hidden1"]
        assert len(net.part) == len(shallow)
        for name, exit_ in zip(shallow, net.part, strict=True):
            z = exit_[-1](features[name].flatten(1))
            soft = 9 * divergence((deepest / 3).softmax(1), (z / 3).softmax(1))
            total = total + 0.7 * F.cross_entropy(z, y) + 0.3 * soft
        torch.testing.assert_close(own, total, rtol=1e-4, atol=1e-4)


def test_exits_average_large_maps_and_no_others():
    exits = Exits([(2, 8, 8), (3, 2, 2), (5,)], classes=4)
    large, small, row = torch.randn(6, 2, 8, 8), torch.randn(6, 3, 2, 2), torch.randn(6, 5)
    of_large, of_small, of_row = exits(large, small, row)
    pooled = large.unflatten(3, (4, 2)).unflatten(2, (4, 2)).mean(dim=(3, 5)).flatten(1)
    torch.testing.assert_close(of_large, pooled @ exits[0][-1].weight.T + exits[0][-1].bias)
    torch.testing.assert_close(of_small, small.flatten(1) @ exits[1][-1].weight.T + exits[1][-1].bias)
    torch.testing.assert_close(of_row, row @ exits[2][-1].weight.T + exits[2][-1].bias)


@each_student
def test_mutual_first_loss(open_room, student):
    found, plain = first_loss(open_room(student), {"weight": 4.0}, mutual)
    for own, (net, x, y) in zip(found, plain, strict=True):
        p, q = net.first(x).softmax(1), net.second(x).softmax(1)
        hard = F.nll_loss(p.log(), y) + F.nll_loss(q.log(), y)
        torch.testing.assert_close(own, hard + 4 * (divergence(q, p) + divergence(p, q)))


def test_mutual_peers_are_constants_for_each_other(open_room):
    """The gradient for the first one's logits is (p1 - y + w (p1 - p2)) / B, as the lecture shows."""
    room = open_room()
    mutual(room, weight=4.0)
    objective = room.calls[0][1]
    z = [torch.randn(6, 10, requires_grad=True) for _ in range(2)]
    y = torch.randint(10, (6,))
    slopes = torch.autograd.grad(objective(lambda images: z, None, y), z)
    p = [each.softmax(1) for each in z]
    for slope, own, other in zip(slopes, p, p[::-1], strict=True):
        torch.testing.assert_close(slope, (own - F.one_hot(y, 10) + 4 * (own - other)).detach() / 6)


@each_student
def test_one_first_loss(open_room, student):
    found, plain = first_loss(open_room(student), {"weight": 4.0}, one)
    trunk, branch = (
        (["conv1_before", "conv1"], ["conv2_before", "conv2"])
        if student == "cnn"
        else (["hidden1_before", "hidden1"], ["hidden2_before", "hidden2"])
    )
    for own, (net, x, y) in zip(found, plain, strict=True):
        assert len(net.part.branches) == 2
        for name in trunk:
            x = net.student.stages[name](x)
        logits = []
        for each in (net.student, *net.part.branches):
            z = x
            for name in branch:
                z = each.stages[name](z)
            logits.append(each.head(z))
        gate = net.part.gate(x)
        ensemble = sum(gate[:, m, None] * z for m, z in enumerate(logits))
        total = F.cross_entropy(ensemble, y)
        for z in logits:
            soft = 9 * divergence((ensemble / 3).softmax(1), (z / 3).softmax(1))
            total = total + F.cross_entropy(z, y) + 4 * soft
        torch.testing.assert_close(own, total, rtol=1e-4, atol=1e-4)
        assert (logits[0] - logits[1]).abs().max() > 0.01 and (logits[1] - logits[2]).abs().max() > 0.01


def test_one_ensemble_is_a_constant_teacher(open_room):
    room = open_room()
    one(room, weight=4.0)
    objective = room.calls[0][1]
    z = [torch.randn(6, 10, requires_grad=True) for _ in range(3)]
    y, gate = torch.randint(10, (6,)), torch.rand(6, 3).softmax(1)
    slopes = torch.autograd.grad(objective(lambda images: (z[0], (z[1:], gate)), None, y), z)
    label, ensemble = F.one_hot(y, 10), sum(gate[:, m, None] * each for m, each in enumerate(z))
    for m, (slope, own) in enumerate(zip(slopes, z, strict=True)):
        through_gate = gate[:, m, None] * (ensemble.softmax(1) - label)
        soft = 4 * 3 * ((own / 3).softmax(1) - (ensemble / 3).softmax(1))
        torch.testing.assert_close(slope, ((own.softmax(1) - label + through_gate + soft) / 6).detach())


@each_student
def test_netaug_first_losses(open_room, student):
    room = open_room(student)
    netaug(room, alpha=0.25)
    make, objective, *_ = room.calls[-1]
    nets, (images, labels) = room.new_nets(make).train(), room.first_batch()
    plain = room.new_nets(room.make_student).train()
    drawn = []
    for _ in range(12):
        found = objective(nets, images, labels)
        for i, (x, y) in enumerate(zip(images, labels, strict=True)):
            net = nets.member(i)
            tiny = F.cross_entropy(plain.member(i)(x), y)  # from the student's own first weights
            wide = {w: F.cross_entropy(net.export((w,)).train()(x), y).item() for w in TIMES}
            rest = ((found[i] - tiny) / 0.25).item()
            drawn.append([w for w, value in wide.items() if abs(value - rest) < 3e-5])
    drawn = [first for (first,), (second,) in zip(drawn[::2], drawn[1::2], strict=True) if first == second]
    assert len(drawn) == 12 and set(drawn) == set(TIMES)  # the seeds share the draws


# Changed images.


def batch_of_codes(n=12):
    """Image b of seed s is s + 1 in pixel b and 0 elsewhere, so that a mixture shows what it is made of."""
    codes = torch.eye(n, 16).reshape(n, 1, 4, 4)
    labels = torch.stack([torch.arange(n) % 10, (torch.arange(n) + 3) % 10])
    return torch.stack([codes, 2 * codes]), labels


class Seen(SeedStack):
    """Stacked nets that keep what they are fed."""

    def forward(self, x, **options):
        self.fed = x
        return super().forward(x, **options)


def codes_net():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 10))


def test_mixup_first_loss(open_room):
    room = open_room()
    mixup(room, alpha=1.0)
    mixup(fresh := open_room(steps=1), alpha=1.0)
    nets, (images, labels) = Seen(codes_net, room.seeds), batch_of_codes()
    partners, shares = [], []
    for _ in range(2):
        found = fresh.calls[-1][1](nets, images, labels)
        for s in range(2):
            mixed, net = nets.fed[s].flatten(1)[:, :12] / (s + 1), nets.member(s)
            torch.testing.assert_close(mixed.sum(1), torch.ones(12))
            share = mixed.diagonal().clone()
            off = mixed - torch.diag(share)
            partner = torch.where(off.amax(1) > 0, off.argmax(1), torch.arange(12))
            assert ((off > 0).sum(1) <= 1).all() and sorted(partner.tolist()) == list(range(12))
            logits, total = net(nets.fed[s]), 0.0
            for b in range(12):
                log_p = logits[b].log_softmax(0)
                other = labels[s, partner[b]]
                total = total - share[b] * log_p[labels[s, b]] - (1 - share[b]) * log_p[other]
            torch.testing.assert_close(found[s], total / 12)
            partners.append(partner.tolist())
            shares += [share[b].item() for b in range(12) if partner[b] != b]
    assert len({tuple(partner) for partner in partners}) == 4  # drawn anew, for each seed by itself
    assert len(set(shares)) == len(shares) and 0 <= min(shares) < 0.2 and 0.8 < max(shares) < 1


def test_mixup_alpha_is_that_of_the_beta_distribution(open_room):
    """The variance of Beta(a, a) is 1 / (4 (2 a + 1))."""
    for alpha in (0.2, 1.0):
        mixup(room := open_room(steps=1), alpha=alpha)
        nets, shares = Seen(codes_net, room.seeds), []
        images, labels = batch_of_codes(12)
        for _ in range(100):
            room.calls[-1][1](nets, images, labels)
            mixed = nets.fed[0].flatten(1)[:, :12]
            own, rest = mixed.diagonal(), mixed.sum(1) - mixed.diagonal()
            shares.append(own[rest > 0])
        variance = torch.cat(shares).var().item()
        assert abs(variance * 4 * (2 * alpha + 1) - 1) < 0.12


@pytest.mark.parametrize("side", [0.25, 0.5])
def test_cutout_blanks_a_square_anywhere_within(open_room, side):
    room = open_room(steps=1)
    cutout(room, side=side)
    nets, size = Seen(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), room.seeds), round(8 * side)
    images, labels = torch.ones(2, 40, 1, 8, 8), torch.arange(80).reshape(2, 40) % 10
    corners = set()
    for _ in range(6):
        found = room.calls[-1][1](nets, images, labels)
        for s in range(2):
            for image in nets.fed[s, :, 0]:
                rows, columns = (image == 0).nonzero().T
                top, left = rows.min().item(), columns.min().item()
                corners.add((top, left))
                square = torch.ones(8, 8)
                square[top : top + size, left : left + size] = 0
                assert torch.equal(image, square) and len(rows) == size**2
            torch.testing.assert_close(found[s], F.cross_entropy(nets.member(s)(nets.fed[s]), labels[s]))
    assert {top for top, _ in corners} == {left for _, left in corners} == set(range(8 - size + 1))
    assert any(top != left for top, left in corners)
    assert not torch.equal(nets.fed[0], nets.fed[1])


# Nothing added: what is left is the student alone.


def is_parameter(name):
    return "running" not in name and "batches" not in name


@each_student
@pytest.mark.parametrize(
    ("method", "setting"), [(mutual, {"weight": 0.0}), (netaug, {"alpha": 0.0}), (cutout, {"side": 0.0})]
)
def test_without_its_term_a_method_is_the_student_alone(open_room, method, setting, student):
    nets = method(open_room(student), **setting)
    plain = alone(open_room(student), weight_decay=1e-2)
    # NetAug's running statistics are calibrated, those of a student alone are not.
    assert_same(tensors(nets), tensors(plain), only=is_parameter if method is netaug else lambda name: True)


def test_born_again_without_its_term_is_the_second_half_alone(open_room):
    nets = born_again(open_room(), temperature=4.0, alpha=0.0)
    room = open_room()
    alone(other := open_room(), weight_decay=1e-2)
    objective = other.calls[0][1]
    room.train(room.make_student, objective, steps=4)  # the batches go on where the first generation ended
    assert_same(tensors(nets), tensors(room.train(room.make_student, objective)))
