"""Methods that match features and relations: what is added to plain KD, and that nothing else is changed."""

import copy
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kdcourse.bench.method import BASE
from kdcourse.bench.methods import METHODS
from kdcourse.bench.methods_features import FEATURES
from kdcourse.bench.methods_relations import RELATIONS, _negatives, _same_relations
from kdcourse.bench.room import Room
from kdcourse.bench.worlds import Student
from kdcourse.evaluation import predict
from kdcourse.losses import kd_loss, rkd_angle_loss, rkd_distance_loss
from kdcourse.models import StagedNet, count_parameters
from kdcourse.training import Batches, fit, seeded

sys.path.insert(0, str(Path(__file__).parent))

from terms import TERMS, gradient_term, hint_term
from tiny import tiny_cnn, tiny_world

WORLD = tiny_world()
SEEDS = (3, 4)
STUDENTS = ("cnn", "mlp")
OURS = (*FEATURES, *RELATIONS)
CASES = [
    pytest.param(method, student, id=f"{method.name}-{student}")
    for method in OURS
    for student in STUDENTS
    if method.needs <= WORLD.students[student].gives
]
ADDED = [case for case in CASES if "multiple" in case.values[0].settings[0]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("teachers")


def room_of(folder, student, seeds=SEEDS, steps=WORLD.steps, world=WORLD):
    return Room(world, student, seeds, steps=steps, rate=0.02, folder=folder)


def learned(nets):
    """Parameters and running statistics of the students alone, by name."""
    tensors = nets.tensors()
    prefix = "student." if any(name.startswith("student.") for name in tensors) else ""
    return {k.removeprefix(prefix): v.detach() for k, v in tensors.items() if k.startswith(prefix)}


def answers(nets, room):
    with torch.no_grad():
        return nets.eval()(room.data.test.images)


@pytest.fixture(scope="module")
def plain(folder):
    nets = {}
    for student in STUDENTS:
        room = room_of(folder, student)
        nets[student] = METHODS["kd"].train(room, temperature=BASE["temperature"])
    return nets


@pytest.mark.parametrize(("method", "student"), CASES)
def test_every_method_trains_a_student_and_nothing_else(method, student, folder, plain):
    room = room_of(folder, student)
    teacher = copy.deepcopy(room.teacher().state_dict())
    nets = method.train(room, **method.settings[1])
    assert room.steps_used == room.steps and room.seconds > 0
    logits = answers(nets, room)
    assert logits.shape == (2, 30, 10) and logits.isfinite().all()
    for name, tensor in learned(nets).items():
        assert tensor.isfinite().all(), name
    net = nets.member(0)
    deployed = net if isinstance(net, StagedNet) else net.student
    assert count_parameters(deployed) == count_parameters(room.make_student())
    with torch.no_grad():  # the connectors play no part in what is deployed
        torch.testing.assert_close(deployed(room.data.test.images[0]), logits[0])
    assert all(torch.equal(v, teacher[k]) for k, v in room.teacher().state_dict().items())
    assert not any(parameter.grad is not None for parameter in room.teacher().parameters())
    assert (logits - answers(plain[student], room)).abs().max() > 1e-4


@pytest.mark.parametrize(("method", "student"), ADDED)
def test_without_its_weight_a_term_leaves_plain_kd(method, student, folder, plain):
    room = room_of(folder, student)
    nets = method.train(room, multiple=0.0)
    own, kd = learned(nets), learned(plain[student])
    assert own.keys() == kd.keys()
    for name in kd:
        torch.testing.assert_close(own[name], kd[name], rtol=0, atol=1e-5, msg=name)


@pytest.mark.parametrize(("method", "student"), CASES)
def test_seeds_do_not_see_each_other(method, student, folder):
    setting = method.settings[1]
    together = learned(method.train(room_of(folder, student, steps=4), **setting))
    for place, seed in enumerate(SEEDS):
        single = learned(method.train(room_of(folder, student, (seed,), steps=4), **setting))
        for name in single:
            torch.testing.assert_close(single[name][0], together[name][place], rtol=1e-4, atol=1e-4, msg=name)


class Spy(Room):
    """A room that trains nothing, but tells what it was asked to train."""

    def train(self, make, objective, wanted=(), *, steps=None, start=None, **options):
        self.asked = [*getattr(self, "asked", []), (make, objective, wanted, steps)]
        self.steps_used += self.steps - self.steps_used if steps is None else steps
        return self.new_nets(make)


def first_losses(room, make, term, step=0):
    """kd_loss and the term of each seed's new net at the batch of `step`: (2, S)."""
    data = room.data.student
    batches = Batches(data.images, data.labels, batch_size=room.world.batch_size, seeds=room.seeds)
    images, labels = batches(step)
    pairs = []
    for place, seed in enumerate(room.seeds):
        net, teacher = seeded(make, seed).train(), room.teacher().member(place).eval()
        student = net if isinstance(net, StagedNet) else net.student
        x, y = images[place], labels[place]
        logits, s = student(x, return_features=True)
        said, t = teacher(x, return_features=True)
        main = kd_loss(logits, said.detach(), y, temperature=4.0, alpha=0.9)
        extra = {"x": x, "y": y, "student": student, "teacher": teacher} if term is gradient_term else {}
        t = {name: feature.detach() for name, feature in t.items()}
        pairs.append(torch.stack([main, term(net, s, t, room.layers, **extra)]).detach())
    return torch.stack(pairs).T


@pytest.mark.parametrize(
    ("method", "student"), [c for c in ADDED if c.values[0].name in TERMS and c.id != "vid-mlp"]
)
def test_the_objective_is_kd_and_the_weighted_term(method, student, folder):
    """The weight makes both equal at the first batch, so the term itself is seen at the second."""
    room = Spy(WORLD, student, SEEDS, steps=8, rate=0.02, folder=folder)
    method.train(room, multiple=3.0)
    make, objective, wanted, _ = room.asked[-1]
    main, term = first_losses(room, make, TERMS[method.name])
    weight = 3 * main / term.abs()
    main, term = first_losses(room, make, TERMS[method.name], step=1)
    expected = main + weight * term
    value = objective(room.new_nets(make).train(), *room._batches(wanted)(1))
    torch.testing.assert_close(value.detach(), expected, rtol=1e-3, atol=1e-4)


def test_first_the_hint_then_kd(folder):
    room = Spy(WORLD, "cnn", SEEDS, steps=8, rate=0.02, folder=folder)
    METHODS["two_stage_hint"].train(room, share=0.25)
    (make, first, wanted, steps), (_, then, logits, rest) = room.asked
    assert steps == 2 and rest is None
    main, hint = first_losses(room, make, hint_term("middle"))
    value = first(room.new_nets(make).train(), *room.first_batch(wanted))
    torch.testing.assert_close(value.detach(), hint, rtol=1e-4, atol=1e-5)
    value = then(room.new_nets(make).train(), *room.first_batch(logits))
    torch.testing.assert_close(value.detach(), main, rtol=1e-4, atol=1e-5)


def test_paraphrasers_are_trained_before_and_take_none_of_the_students_steps(folder):
    room = Spy(WORLD, "cnn", SEEDS, steps=8, rate=0.02, folder=folder)
    METHODS["factor_transfer"].train(room, multiple=1.0)
    (_, _, wanted, steps), (_, _, then, rest) = room.asked
    assert wanted == ["conv3"] and steps == 2 and rest is None
    batch = room.first_batch(then)
    assert batch[-1].shape == (2, 12, 3, 2, 2)  # half of the teacher's six channels
    # A factor is that of its image, whatever is computed beside it: running statistics, not the batch's.
    torch.testing.assert_close(then[-1].eval()(batch[0][:, :5]), batch[-1][:, :5])


@pytest.mark.parametrize("method", OURS, ids=lambda method: method.name)
def test_maps_may_differ_in_size(method, folder):
    # 4 x 4 against 2 x 2 pixels, and 2 x 2 against 4 x 4.
    layers = {"middle": ("conv1", "conv3"), "last": ("conv2", "conv1")}
    student = Student("cnn", "cnn", tiny_cnn, layers, WORLD.students["cnn"].gives)
    room = room_of(folder, "cnn", steps=3, world=replace(WORLD, name="tiny-sizes", students={"cnn": student}))
    assert room.student_shape("conv2")[1:] != room.teacher_shape("conv1")[1:]
    assert answers(method.train(room, **method.settings[2]), room).isfinite().all()


class OneNet:
    """A room of one net without a stack, with what every room has, and no pool of images to look at."""

    def __init__(self, room):
        self._room, self.steps_used, self.seconds = room, 0, 0.0
        for name in ("make_student", "layers", "student_shape", "teacher_shape", "classes", "seeds", "steps"):
            setattr(self, name, getattr(room, name))

    def teacher(self):
        return self._room.teacher().member(0).eval()

    def said(self, wanted):
        is_net = isinstance(wanted, torch.nn.Module)
        return predict(wanted, self._room.data.student.images[0]) if is_net else self._room.said(wanted)[0]

    def first_batch(self, wanted=()):
        return self._batches(wanted)(0)

    def new_nets(self, make):
        return seeded(make, self.seeds[0])

    def train(self, make, objective, wanted=(), *, steps=None, start=None):
        batches, net = self._batches(wanted), self.new_nets(make) if start is None else start
        steps, done = self.steps - self.steps_used if steps is None else steps, self.steps_used
        fit(net, objective, lambda step: batches(done + step), steps=steps, lr=self._room.rate,
            weight_decay=1e-2, progress=False)  # fmt: skip
        self.steps_used += steps
        return net

    def _batches(self, wanted):
        images, labels = (part[0] for part in self._room.data.student)
        tensors = [self.said(one) for one in wanted]
        return Batches(images, labels, *tensors, batch_size=WORLD.batch_size, seeds=self.seeds[0])


@pytest.mark.parametrize(("method", "student"), CASES)
def test_one_net_without_a_stack_learns_the_same(method, student, folder):
    room = room_of(folder, student, SEEDS[:1], steps=3)
    net = method.train(OneNet(room), **method.settings[1]).eval()
    expected = answers(method.train(room, **method.settings[1]), room)[0]
    with torch.no_grad():
        torch.testing.assert_close(net(room.data.test.images[0]), expected, rtol=1e-3, atol=1e-3)


def test_angles_and_distances_are_those_of_the_large_embeddings():
    generator = torch.Generator().manual_seed(0)
    s = torch.randn(6, 20, generator=generator).double().requires_grad_()
    t = torch.randn(6, 50, generator=generator).double()
    t[5] = t[4]  # two equal ones: the basis has a direction too many
    for loss in (rkd_distance_loss, rkd_angle_loss):
        value, short = loss(s, t), loss(_same_relations(s), _same_relations(t))
        torch.testing.assert_close(short, value)
        torch.testing.assert_close(*(torch.autograd.grad(v, s)[0] for v in (short, value)))
    assert _same_relations(s).shape == (6, 6) and _same_relations(s.mT) is not None
    assert _same_relations(s.mT).shape == (20, 6)


def test_negatives_are_others_and_depend_on_the_batch_alone():
    index = torch.tensor([[0, 1, 2, 3], [3, 0, 4, 1]])
    drawn = _negatives(index, 5)
    assert drawn.shape == (2, 4, 64) and (drawn != index[..., None]).all()
    assert drawn.min() == 0 and drawn.max() == 4
    assert torch.equal(_negatives(index[1], 5), drawn[1])  # one net, no leading dimension
    counts = torch.stack([(_negatives(torch.arange(400) % 5, 5) == k).sum() for k in range(5)])
    assert (counts / counts.sum() - 0.2).abs().max() < 0.01


def test_the_memory_knows_the_images_by_their_numbers(folder):
    room = Spy(WORLD, "cnn", SEEDS, steps=8, rate=0.02, folder=folder)
    METHODS["crd"].train(room, multiple=1.0)
    make, objective, wanted, _ = room.asked[-1]
    nets, batch = room.new_nets(make).train(), room.first_batch(wanted)
    before = {k: v.detach().clone() for k, v in nets.tensors().items() if "bank" in k}
    assert before["part.teacher_bank"].shape == (2, 48, 16)
    objective(nets, *batch)
    for name, bank in before.items():
        moved = (nets.tensors()[name] != bank).any(dim=2)
        for place in range(2):
            assert set(moved[place].nonzero()[:, 0].tolist()) == set(batch[-1][place].tolist())
