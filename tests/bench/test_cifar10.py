"""CIFAR-10 as a world of the benchmark: data, recipes, room, and all methods of the registry on it."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
import cifar10_tiny as tiny

from kdcourse.bench.cells import Block, as_setting
from kdcourse.bench.cifar10_room import Cifar10Room, run_cifar10_block, trained_teacher
from kdcourse.bench.cifar10_worlds import (
    CIFAR10_WORLDS,
    FAST,
    USUAL,
    crop_and_flip,
    draw_cifar10,
    in_steps,
)
from kdcourse.bench.method import cross_entropy
from kdcourse.bench.methods import METHODS
from kdcourse.bench.room import _last_drawn
from kdcourse.data import DatasetMissingError, load_cifar10
from kdcourse.evaluation import accuracy
from kdcourse.losses import kd_loss
from kdcourse.models import count_parameters
from kdcourse.training.fabric import open_fabric

pytest.importorskip("lightning_fabric")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("cifar")
    tiny.write_cifar10(root)
    return root


@pytest.fixture(autouse=True)
def small(files, monkeypatch):
    monkeypatch.setenv("KDCOURSE_DATA", str(files))
    tiny.expect_files(files, monkeypatch.setattr)
    tiny.register(monkeypatch.setattr, monkeypatch.setitem)
    yield
    _last_drawn.clear()


@pytest.fixture(scope="module")
def teachers(tmp_path_factory):
    return tmp_path_factory.mktemp("teachers")


def make_room(folder, world=tiny.RESNET, seed=0, steps=tiny.STEPS, name="test"):
    world = CIFAR10_WORLDS[world]
    (student,) = world.students
    return Cifar10Room(
        world, student, seed,
        steps=steps, rate=0.05, folder=folder, fabric=open_fabric(accelerator="cpu"), name=name,
    )  # fmt: skip


# ---------------------------------------------------------------- data


def test_crops_and_mirror_images():
    images = torch.rand(2, 3, 32, 32)
    numbers = torch.tensor([[0.0, 0.99, 0.7], [5.5 / 9, 4.5 / 9, 0.3]])
    changed = crop_and_flip(images, numbers)
    first = torch.zeros(3, 32, 32)  # moved 4 down and 4 to the left; not mirrored
    first[:, 4:, :-4] = images[0, :, :-4, 4:]
    second = torch.zeros(3, 32, 32)  # moved 1 up, mirrored
    second[:, :-1] = images[1, :, 1:].flip(2)
    assert torch.equal(changed[0], first) and torch.equal(changed[1], second)
    assert changed.is_contiguous()


def test_all_places_and_both_sides_are_as_likely():
    images = torch.zeros(9000, 1, 9, 9)
    images[:, :, 4, 4] = 1  # the middle
    numbers = torch.rand(9000, 3, generator=torch.Generator().manual_seed(0))
    counts = crop_and_flip(images, numbers).sum(dim=(0, 1))
    assert counts.sum() == 9000 and (counts / 9000 * 81 - 1).abs().max() < 0.4
    beside = torch.zeros(1000, 1, 9, 9)
    beside[:, :, :, 5:] = 1
    right = crop_and_flip(beside, numbers[:1000] * torch.tensor([0, 0, 1.0]) + torch.tensor([0.5, 0.5, 0]))
    assert 400 < (right[:, 0, 4, 8] == 1).sum() < 600


def test_the_split_is_the_seeds_and_everything_is_normalised_by_the_training_part(files):
    data = draw_cifar10([0])
    every = load_cifar10(files, train=True)
    assert [len(part.labels[0]) for part in (data.teacher, data.student, data.validation, data.test)] == [
        36, 36, 4, 8,
    ]  # fmt: skip
    images = data.student.images[0]
    assert images.mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert images.std(dim=(0, 2, 3)).tolist() == pytest.approx([1.0] * 3, abs=1e-4)
    # Undo it, and every image is there once, with its label.
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    mean, scale = (
        getattr(every.images[order[4:]], what)(dim=(0, 2, 3), keepdim=True) for what in ("mean", "std")
    )
    for part, rows in ((data.validation, order[:4]), (data.student, order[4:])):
        torch.testing.assert_close(part.images[0] * scale + mean, every.images[rows])
        assert torch.equal(part.labels[0], every.labels[rows])
    test = load_cifar10(files, train=False)
    torch.testing.assert_close(data.test.images[0] * scale + mean, test.images)
    assert not torch.equal(draw_cifar10([1]).validation.images, data.validation.images)
    with pytest.raises(ValueError, match=r"seeds: expected one at a time, got \[0, 1\]"):
        draw_cifar10([0, 1])


def test_missing_files(tmp_path, monkeypatch):
    monkeypatch.setenv("KDCOURSE_DATA", str(tmp_path / "nothing"))
    with pytest.raises(DatasetMissingError, match=r"cifar-10-python\.tar\.gz .* into the folder .*nothing"):
        draw_cifar10([0])


# ---------------------------------------------------------------- recipes


def test_the_usual_recipe():
    assert USUAL.steps == 70_312  # 200 * 45,000 / 128
    net = torch.nn.Linear(2, 2)
    optimizer, schedule = USUAL.optimizer(net, 1600, rate=USUAL.rate)
    rates = []
    for _ in range(1600):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    at = {0: 0.01, 9: 0.01, 10: 0.1, 799: 0.1, 800: 0.01, 1199: 0.01, 1200: 0.001, 1599: 0.001}
    assert {step: rates[step] for step in at} == pytest.approx(at)
    assert {k: optimizer.defaults[k] for k in ("momentum", "weight_decay", "nesterov")} == {
        "momentum": 0.9, "weight_decay": 1e-4, "nesterov": False,
    }  # fmt: skip
    assert USUAL.optimizer(net, 9, rate=0.1, weight_decay=0.5)[0].defaults["weight_decay"] == 0.5


def test_the_fast_recipe_rises_and_falls():
    assert FAST.steps == 2636  # 30 * 45,000 / 512
    factors = [FAST.factor(step / 100) for step in range(100)]
    assert max(factors) == factors[20] == 1.0
    assert 0 < factors[0] < 0.01 and factors[99] == pytest.approx(0.0125)
    assert factors[:21] == sorted(factors[:21]) and factors[20:] == sorted(factors[20:], reverse=True)
    assert in_steps(0.99) == 0.01


def test_the_worlds():
    assert [name for name in CIFAR10_WORLDS if "tiny" not in name] == [
        "cifar10-resnet", "cifar10-novel", "cifar10-resnet-fast", "cifar10-novel-fast",
    ]  # fmt: skip
    world = CIFAR10_WORLDS["cifar10-resnet"]
    sizes = [count_parameters(make()) for make in (world.make_teacher, world.students["resnet20"].make)]
    assert [round(size / 1e6, 2) for size in sizes] == [1.73, 0.27]  # He et al., table 6
    assert world.rates == (0.025, 0.1) and world.steps == world.teacher_steps == 70_312
    for world in CIFAR10_WORLDS.values():
        (student,) = world.students.values()
        images = torch.zeros(1, 3, 32, 32)
        features = [
            make().eval()(images, return_features=True)[1] for make in (student.make, world.make_teacher)
        ]
        for ours, theirs in student.layers.values():
            assert features[0][ours].shape[2:] == features[1][theirs].shape[2:]
        if "before" in student.gives:
            _, both = student.make(width=2).eval()(torch.randn(1, 3, 32, 32), return_features=True)
            assert torch.equal(both["conv2_before"].relu(), both["conv2"])


# ---------------------------------------------------------------- the room


def test_the_teacher_answers_to_each_image_as_it_is_changed(teachers):
    room = make_room(teachers)
    seen = []

    def objective(net, images, labels, logits, index, feature, other):
        seen.append((images, logits, index, feature, other))
        return cross_entropy()(net, images, labels)

    judge = room.new_nets(room.make_student)
    room.train(room.make_student, objective, ["logits", "index", "group2", judge], steps=6)
    teacher, pool = room.teacher(), room.data.student.images[0]
    with torch.no_grad():
        for images, logits, index, feature, other in seen:
            expected, features = teacher(images, return_features=True)
            assert torch.equal(logits, expected) and torch.equal(feature, features["group2"])
            assert torch.equal(other, judge(images)) and not torch.equal(images, pool[index])
    assert not torch.equal(seen[0][2], seen[1][2])
    assert sorted(torch.cat([index for _, _, index, _, _ in seen])[:36].tolist()) == list(range(36))


def test_what_a_room_gives(teachers):
    room = make_room(teachers)
    images, labels, logits, index = room.first_batch(["logits", "index"])
    assert images.shape == (8, 3, 32, 32) and logits.shape == (8, 10) and labels.shape == (8,)
    assert torch.equal(labels, room.data.student.labels[0, index])
    assert room.student_shape("group2") == room.teacher_shape("group2") == (32, 16, 16)
    assert room.said("index").shape == (36,)
    with pytest.raises(NotImplementedError, match="images are changed in every epoch"):
        room.said("logits")
    net = room.new_nets(room.make_student).train()  # asked in evaluation mode, whatever it was in
    assert torch.equal(room.first_batch([net])[2], net.eval()(images))
    same, other = make_room(teachers), make_room(teachers, seed=1)
    assert torch.equal(same.first_batch()[0], images) and not torch.equal(other.first_batch()[0], images)
    with pytest.raises(ValueError, match="expected 1 to 8, what is left of the budget, got 9"):
        room.train(room.make_student, cross_entropy(), steps=9)


def test_a_second_training_goes_on_in_the_data(tmp_path):
    def labels_of(pieces, name):
        room, seen, nets = make_room(tmp_path, name=name), [], None
        for steps in pieces:
            nets = room.train(
                room.make_student,
                lambda net, images, labels: seen.append(labels) or cross_entropy()(net, images, labels),
                steps=steps, start=nets,
            )  # fmt: skip
        return torch.cat(seen)

    assert torch.equal(labels_of([3, 5], "two"), labels_of([8], "one"))


def test_a_teacher_that_is_missing_is_trained_when_it_is_asked(tmp_path):
    room = make_room(tmp_path, tiny.SMALL)
    with torch.no_grad():
        fresh = room.make_teacher()
    *_, logits = room.first_batch(["logits"])
    assert len(list(tmp_path.glob("teacher-*.ckpt"))) == 1 and logits.shape == (8, 10)
    assert fresh.state_dict().keys() == room.teacher().state_dict().keys()


def test_teachers_are_kept(tmp_path, monkeypatch):
    def score(net):
        return net(torch.ones(1, 3, 32, 32))

    world, fabric = CIFAR10_WORLDS[tiny.SMALL], open_fabric(accelerator="cpu")
    teacher = trained_teacher(world, 0, 0, tmp_path / "others", fabric)
    assert not torch.equal(score(trained_teacher(world, 0, 1, tmp_path / "others", fabric)), score(teacher))
    assert torch.equal(score(trained_teacher(world, 0, 0, tmp_path, fabric)), score(teacher))
    assert not teacher.training and not any(p.requires_grad for p in teacher.parameters())
    assert len(list(tmp_path.glob("*.ckpt"))) == 1 and not list(tmp_path.glob("*.part"))
    monkeypatch.setattr("kdcourse.bench.cifar10_room.fit_on_devices", None)  # it would be asked
    assert torch.equal(score(trained_teacher(world, 0, 0, tmp_path, fabric)), score(teacher))
    with pytest.raises(TypeError):
        trained_teacher(world, 0, 1, tmp_path, fabric)
    (file,) = tmp_path.glob("*.ckpt")
    file.write_bytes(b"damaged")
    with pytest.raises(TypeError):
        trained_teacher(world, 0, 0, tmp_path, fabric)


def test_a_block_is_scored_on_its_split_and_not_trained_again(teachers, monkeypatch):
    setting = as_setting({"rate": 0.05, "temperature": 4.0, "alpha": 0.5})
    blocks = [
        Block(tiny.RESNET, "resnet20", "kd", setting, (0, 1), split, 5) for split in ("test", "validation")
    ]
    scored = []
    monkeypatch.setattr(
        "kdcourse.bench.cifar10_room.accuracy",
        lambda logits, labels: scored.append(len(labels)) or accuracy(logits, labels),
    )
    records = run_cifar10_block(blocks[0], teachers)
    assert [record.cell for record in records] == list(blocks[0].cells)
    assert {record.accuracy % 12.5 for record in records} == {0.0}  # of 8 images
    assert records[0].parameters == count_parameters(CIFAR10_WORLDS[tiny.RESNET].students["resnet20"].make())
    assert records[0].device == "cpu" and records[0].seconds > 0

    assert scored == [8, 8]  # test images

    def refuse(*_, **__):
        raise AssertionError("it was trained again")

    monkeypatch.setattr("kdcourse.bench.methods_responses.kd_loss", refuse)
    again = run_cifar10_block(blocks[1], teachers)  # the checkpoint at the end of the training is there
    assert len(again) == 2 and scored == [8, 8, 4, 4]


def test_a_teachers_block(teachers):
    block = Block(tiny.RESNET, "teacher", "teacher", (), (0,), "test", 6)
    (record,) = run_cifar10_block(block, teachers)
    assert record.parameters == count_parameters(CIFAR10_WORLDS[tiny.RESNET].make_teacher())


QUICK = ("alone", "kd", "two_stage_hint", "rkd", "netaug")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in METHODS]
)
def test_every_method_of_the_registry_runs(name, teachers):
    """On the ResNet where it can, on the plain CNN where it needs more."""
    method = METHODS[name]
    where = tiny.RESNET if method.needs <= {"maps"} else tiny.SMALL
    room = make_room(teachers, where, steps=4, name=f"every-{name}")
    net = method.train(room, **method.settings[1])
    assert room.steps_used == 4 and room.seconds > 0
    with torch.no_grad():
        logits = net.eval()(torch.randn(5, 3, 32, 32))
    assert logits.shape == (5, 10) and torch.isfinite(logits).all()


def test_kd_in_the_room_is_kd(tmp_path):
    """Against a loop written here."""
    room = make_room(tmp_path, tiny.SMALL, name="kd")
    net = METHODS["kd"].train(room, temperature=3.0, alpha=0.6)
    fresh = make_room(tmp_path, tiny.SMALL)
    bare, teacher = fresh.new_nets(fresh.make_student), fresh.teacher()
    optimizer, schedule = room.world.recipe.optimizer(bare, tiny.STEPS, rate=0.05)
    bare.train()
    for step in range(tiny.STEPS):
        images, labels, _ = fresh._lessons(step)
        loss = kd_loss(bare(images), teacher(images), labels, temperature=3.0, alpha=0.6)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, bare.state_dict()[name], rtol=1e-4, atol=1e-6, msg=name)
