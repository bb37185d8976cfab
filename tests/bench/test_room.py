"""What a method gets to work with: the same start, data and budget for all, and teachers trained once."""

import copy

import pytest
import torch
from tiny import NAME, tiny_world

from kdcourse.bench.block import open_room, run_block
from kdcourse.bench.cells import Block, as_setting
from kdcourse.bench.method import cross_entropy, per_net
from kdcourse.bench.room import Room
from kdcourse.bench.worlds import WORLDS
from kdcourse.evaluation import accuracy, predict
from kdcourse.losses import kd_loss
from kdcourse.training import seeded

SEEDS = (0, 1, 2)


@pytest.fixture
def world(monkeypatch):
    world = tiny_world()
    monkeypatch.setitem(WORLDS, NAME, world)
    return world


@pytest.fixture
def room(world, tmp_path):
    return Room(world, "cnn", SEEDS, steps=8, rate=1e-2, folder=tmp_path)


def test_all_methods_start_from_the_weights_of_the_seed(room):
    nets = room.new_nets(room.make_student)
    for place, seed in enumerate(SEEDS):
        for name, value in seeded(room.make_student, seed).state_dict().items():
            assert torch.equal(nets.tensors()[name][place], value)


def test_the_budget_cannot_be_exceeded(room):
    room.train(room.make_student, cross_entropy(), steps=5)
    assert room.steps_used == 5
    with pytest.raises(ValueError, match="expected 1 to 3, what is left of the budget, got 4"):
        room.train(room.make_student, cross_entropy(), steps=4)
    room.train(room.make_student, cross_entropy())
    assert room.steps_used == 8 and room.seconds > 0
    with pytest.raises(ValueError, match="expected 1 to 0"):
        room.train(room.make_student, cross_entropy())


def test_a_second_training_goes_on_in_the_data(world, tmp_path, room):
    """Two pieces of a training see the batches of one whole (their learning rates have schedules of their
    own)."""
    seen = []

    def objective(nets, images, labels):
        seen.append(images)
        return cross_entropy()(nets, images, labels)

    first = room.train(room.make_student, objective, steps=3)
    assert room.train(room.make_student, objective, start=first) is first
    pieces, whole = list(seen), Room(world, "cnn", SEEDS, steps=8, rate=1e-2, folder=tmp_path)
    seen.clear()
    whole.train(whole.make_student, objective)
    assert all(torch.equal(a, b) for a, b in zip(pieces, seen, strict=True))


def test_what_the_teacher_said_belongs_to_the_image(room):
    images, _ = room.data.student
    teacher = room.teacher()
    for place in range(len(SEEDS)):
        member = teacher.member(place).eval()
        with torch.no_grad():
            logits, features = member(images[place], return_features=True)
        torch.testing.assert_close(room.said("logits")[place], logits)
        torch.testing.assert_close(room.said("conv2")[place], features["conv2"])
    assert torch.equal(room.said("index")[1], torch.arange(images.shape[1]))
    torch.testing.assert_close(room.said(teacher), room.said("logits"))
    batch, labels, logits, index = room.first_batch(["logits", "index"])
    for place in range(len(SEEDS)):
        torch.testing.assert_close(images[place][index[place]], batch[place])
        torch.testing.assert_close(room.said("logits")[place][index[place]], logits[place])
        assert torch.equal(room.data.student.labels[place][index[place]], labels[place])


def test_no_gradient_reaches_the_teacher_and_it_stays_as_it_was(room):
    before = copy.deepcopy({k: v.detach().clone() for k, v in room.teacher().tensors().items()})
    loss = per_net(lambda logits, labels, said: kd_loss(logits, said, labels))
    room.train(room.make_student, loss, ["logits"])
    assert not room.said("logits").requires_grad
    assert all(torch.equal(before[k], v) for k, v in room.teacher().tensors().items())


def test_a_teacher_is_trained_once_and_found_again(world, tmp_path, room, monkeypatch):
    trained = room.teacher().tensors()
    monkeypatch.setattr("kdcourse.bench.room.fit", None)  # a second training would fail
    for seeds in (SEEDS, (2,), (1, 0)):
        found = Room(world, "mlp", seeds, steps=8, rate=1e-2, folder=tmp_path).teacher().tensors()
        for name, value in trained.items():
            expected = torch.stack([value[SEEDS.index(seed)] for seed in seeds])
            assert torch.equal(found[name], expected)


def test_a_damaged_or_missing_teacher_is_trained_anew(world, tmp_path, room):
    trained = {k: v.detach().clone() for k, v in room.teacher().tensors().items()}
    files = sorted(tmp_path.glob("teacher-*.ckpt"))
    assert len(files) == len(SEEDS)
    files[0].write_bytes(files[0].read_bytes()[:-100])
    files[1].unlink()
    again = Room(world, "cnn", SEEDS, steps=8, rate=1e-2, folder=tmp_path).teacher().tensors()
    assert all(torch.equal(trained[k], v) for k, v in again.items())


def test_teachers_of_an_ensemble_differ(room):
    assert not torch.allclose(room.said(room.teacher(1)), room.said("logits"))


def test_the_score_is_the_accuracy_on_the_split_that_is_asked_for(room):
    nets = room.train(room.make_student, cross_entropy())
    for split in ("validation", "test"):
        images, labels = getattr(room.data, split)
        by_hand = [
            (nets.member(i).eval()(images[i]).argmax(1) == labels[i]).double().mean().item() * 100
            for i in range(len(SEEDS))
        ]
        assert room.score(nets, split).tolist() == pytest.approx(by_hand)
    assert torch.equal(room.score(nets, "test"), accuracy(predict(nets, images), labels))


def test_seeds_side_by_side_are_seeds_one_by_one(world, tmp_path):
    setting = as_setting({"rate": 1e-2, "temperature": 4.0})
    together = run_block(Block(NAME, "cnn", "kd", setting, SEEDS, "test", 8), tmp_path)
    alone = [run_block(Block(NAME, "cnn", "kd", setting, (s,), "test", 8), tmp_path)[0] for s in SEEDS]
    # 30 test images: one image near a boundary may fall to the other side by rounding.
    assert [r.accuracy for r in together] == pytest.approx([r.accuracy for r in alone], abs=100 / 30 + 0.01)
    assert [r.cell for r in together] == [r.cell for r in alone]
    assert all(r.parameters == alone[0].parameters and r.seconds > 0 for r in together)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"world": "moon"}, "world: expected one of digits"),
        ({"student": "giant"}, "student: expected one of cnn, mlp, got 'giant'"),
        ({"method": "magic"}, "method: expected one of alone"),
    ],
)
def test_what_is_not_there_is_refused(world, tmp_path, change, message):
    asked = dict(
        world=NAME, student="cnn", method="kd", setting=(("rate", 0.01),), seeds=(0,), split="test", budget=2
    )
    with pytest.raises(ValueError, match=message):
        open_room(Block(**asked | change), tmp_path)


@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_the_real_worlds_fit_together(name, tmp_path):
    """Stages that methods match exist, also in a net that is twice as wide."""
    world = WORLDS[name]
    for student in world.students.values():
        image = torch.zeros(2, 1, 8, 8) if name == "digits" else torch.zeros(2, 1, 16, 16)
        _, features = student.make()(image, return_features=True)
        _, wide = student.make(width=2)(image, return_features=True)
        _, of_teacher = world.make_teacher()(image, return_features=True)
        for mine, theirs in student.layers.values():
            assert mine in features and theirs in of_teacher
            assert wide[mine].shape[1] == 2 * features[mine].shape[1]
            torch.testing.assert_close(features[mine], features[f"{mine}_before"].relu())
        if "maps" in student.gives:
            assert all(features[mine].ndim == 4 for mine, _ in student.layers.values())


def test_search_and_verdict_see_disjoint_images():
    data = WORLDS["shapes"].draw((0, 1))
    parts = [data.student.images[:, :1500], data.validation.images, data.test.images]
    for seed in range(2):
        flat = [{image.numpy().tobytes() for image in part[seed]} for part in parts]
        assert not (flat[0] & flat[1] or flat[0] & flat[2] or flat[1] & flat[2])
    assert not {i.numpy().tobytes() for i in data.test.images[0]} & {
        i.numpy().tobytes() for i in data.test.images[1]
    }
