"""The soft-label store: what is written is read back, and nothing else is accepted."""

import json
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
import soft_label_runs as small
import torch

from kdcourse.data import SeededAffine
from kdcourse.models import mlp
from kdcourse.training import (
    SeedStack,
    SoftLabelError,
    SoftLabelStore,
    audit_soft_labels,
    fit,
    stored_distillation,
    write_soft_labels,
)
from kdcourse.training.soft_label_store import Header


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "labels"
    small.write(path)
    return path


@pytest.fixture
def copy(written, tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(written.read_bytes())
    return path


def opened(path, **changes):
    return SoftLabelStore(path, **{"images": small.images(), "recipe": small.RECIPE} | changes)


def refused(path, *said, **changes):
    with pytest.raises(SoftLabelError) as error:
        opened(path, **changes)
    assert str(error.value).startswith(str(path))
    for words in said:
        assert words in str(error.value)


def test_the_teacher_s_answers_come_back(written):
    """Against the teacher asked one image at a time, with softmax and sort in float64."""
    store, net = opened(written), small.teacher().double()
    for epoch in range(small.EPOCHS):
        for sample in (0, 1, 15, 16, 77, small.SAMPLES - 1):
            x, values, indices = store.batch(epoch, torch.tensor([sample]))
            seed = store.labels(epoch, torch.tensor([sample])).seeds
            assert torch.equal(x, small.RECIPE(small.images()[[sample]], seed))
            p = (net(x.double()) / 2.0).exp()[0]
            p = p / p.sum()
            order = sorted(range(small.CLASSES), key=lambda c: -p[c])[: small.KEPT]
            assert indices.tolist() == [order]
            assert values[0].tolist() == pytest.approx(p[order].tolist(), rel=2**-10)


def test_any_order_and_shape_of_samples(written):
    store = opened(written)
    numbers = torch.randperm(small.SAMPLES, generator=torch.Generator().manual_seed(3))[:60].reshape(3, 20)
    epochs = torch.arange(3)[:, None]
    images, values, indices = store.batch(epochs, numbers)
    assert images.shape == (3, 20, 1, 8, 8) and values.shape == indices.shape == (3, 20, small.KEPT)
    for row in range(3):
        for column in (0, 7, 19):
            alone = store.batch(row, numbers[row, column : column + 1])
            together = (images[row, column], values[row, column], indices[row, column])
            assert all(torch.equal(a[0], b) for a, b in zip(alone, together, strict=True))
    assert values.dtype == torch.float32 and indices.dtype == torch.int64


def test_every_image_of_every_epoch_has_a_seed_of_its_own(written):
    seeds = torch.stack([opened(written).labels(e, torch.arange(small.SAMPLES)).seeds for e in range(3)])
    assert len(seeds.unique()) == seeds.numel()


@pytest.mark.parametrize(("classes", "index_bytes"), [(12, 2), (2**15, 2), (2**15 + 1, 4)])
def test_bytes_of_a_record(classes, index_bytes):
    header = Header(10, 2, classes, 7, 4, 0, 1.0, {}, "")
    assert header.record.itemsize == 4 + 7 * index_bytes + 7 * 2
    assert header.blocks == 6 and [header.place(b) for b in (2, 3)] == [(0, 8, 10), (1, 0, 4)]


def test_bytes_of_a_file(written):
    records = small.EPOCHS * small.SAMPLES * (4 * small.KEPT + 4)
    header = len(opened(written).header.pack())
    assert written.stat().st_size == header + 8 * opened(written).header.blocks + records


def test_more_classes_than_int16_counts(tmp_path):
    images = torch.rand(5, 1, 2, 2)

    def ask(x):
        return torch.nn.functional.one_hot(torch.arange(len(x)) + 40_000 - len(x), 40_000) * 9.0

    write_soft_labels(tmp_path / "many", images, ask, small.RECIPE, epochs=1, kept=1, block=5)
    indices = SoftLabelStore(tmp_path / "many", images, small.RECIPE).labels(0, torch.arange(5)).indices
    assert indices.flatten().tolist() == [39_995, 39_996, 39_997, 39_998, 39_999]


def test_batches_for_training(written):
    store = opened(written)
    batches = store.batches(batch_size=40, seeds=[3, 4])
    images, values, indices = batches(3)  # samples 120 to 149 of epoch 0, then ten of epoch 1
    (samples,) = batches.order(3)
    assert images.shape == (2, 40, 1, 8, 8)
    for part, epoch in ((slice(0, 30), 0), (slice(30, 40), 1)):
        expected = store.batch(epoch, samples[:, part])
        for got, want in zip((images, values, indices), expected, strict=True):
            assert torch.equal(got[:, part], want)
    single = store.batches(batch_size=40, seeds=4)
    assert all(torch.equal(a, b[1]) for a, b in zip(single(3), batches(3), strict=True))
    assert "4 of 12 classes" in repr(batches) and "batch_size=40" in repr(batches)
    batches(10)
    with pytest.raises(IndexError, match="step 11 is in epoch 3, and the store holds 3 epochs"):
        batches(11)


def test_a_stack_of_students_learns_from_it(written):
    store, students = opened(written), SeedStack(lambda: mlp(64, 16, small.CLASSES), [0, 1])
    batches = store.batches(batch_size=30, seeds=[0, 1])
    losses = fit(students, stored_distillation(), batches, steps=15, lr=1e-2)
    assert losses.shape == (15, 2) and (losses[-3:].mean(0) < losses[:3].mean(0) - 0.1).all()


@pytest.mark.parametrize(
    ("epoch", "samples", "name"),
    [(3, [0], "epoch"), (-1, [0], "epoch"), (0, [0, small.SAMPLES], "samples"), (0, [-1], "samples")],
)
def test_what_is_not_there(written, epoch, samples, name):
    with pytest.raises(IndexError, match=f"^{name}: expected numbers in 0 .. "):
        opened(written).labels(epoch, torch.tensor(samples))


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "nothing")
    for content in (b"", b"short", b"something else entirely, and long enough to hold a header"):
        (tmp_path / "foreign").write_bytes(content)
        refused(tmp_path / "foreign", "is not a soft-label store")
        with pytest.raises(SoftLabelError, match="is not a soft-label store"):
            small.write(tmp_path / "foreign")
        assert (tmp_path / "foreign").read_bytes() == content


@pytest.mark.parametrize("cut", [1, 500, -30])
def test_truncated_or_too_long(copy, cut):
    content = copy.read_bytes()
    copy.write_bytes(content[:-cut] if cut > 0 else content + b"x" * -cut)
    refused(copy, "is damaged", f"{len(content) - cut:,} bytes, expected {len(content):,}", "Delete it")


def test_one_changed_byte_anywhere_is_found(copy):
    content = copy.read_bytes()
    header = opened(copy).header
    rng = np.random.default_rng(0)
    places = [3, 17, 21, 40, header.table_at - 1, *rng.integers(header.records_at, len(content), 20)]
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 0x10
        copy.write_bytes(changed)
        refused(copy, "is not a soft-label store" if place < 16 else "is damaged")
    for place in range(header.table_at, header.records_at, 37):  # a line that does not vouch for itself
        changed = bytearray(content)
        changed[place] ^= 0x10
        copy.write_bytes(changed)
        refused(copy, f"is incomplete: {header.blocks - 1} of {header.blocks} blocks")


def test_without_check_the_records_are_not_read(copy):
    content = bytearray(copy.read_bytes())
    content[-1] ^= 1
    copy.write_bytes(content)
    assert opened(copy, check=False).epochs == small.EPOCHS


def test_damage_says_where(copy):
    header = opened(copy).header
    content = bytearray(copy.read_bytes())
    content[header.records_at + (1 * small.SAMPLES + 40) * header.record.itemsize] ^= 1
    copy.write_bytes(content)
    refused(copy, "samples 32 to 47 of epoch 1", f"1 of {header.blocks} blocks", "write_soft_labels again")


def test_another_version_is_refused(copy):
    header = opened(copy).header
    fields = json.dumps({"samples": 3}).encode()
    rest = copy.read_bytes()[header.table_at :]
    copy.write_bytes(
        struct.pack("<16sII", b"kdcourse labels\n", len(fields), zlib.crc32(fields)) + fields + rest
    )
    refused(copy, "another version of kdcourse")


def test_other_images_are_refused(written):
    changed = small.images()
    changed[7, 0, 3, 3] += 1e-6
    for images in (changed, small.images()[:-1], small.images().double(), small.images().flip(0)):
        refused(written, "belongs to other images", "150", images=images)


@pytest.mark.parametrize(
    ("change", "said"), [({"degrees": 21}, "degrees is 21 and was 20"), ({"mirror": True}, "mirror is True")]
)
def test_another_recipe_is_refused(written, change, said):
    refused(written, "another augmentation", said, recipe=replace(small.RECIPE, **change))


def test_a_recipe_of_another_kind_is_refused(written):
    class Turned(SeededAffine):
        pass

    refused(written, "name is Turned and was SeededAffine", recipe=Turned(degrees=20))


def test_audit_knows_the_teacher_and_the_distortion(written):
    store = opened(written)
    right = audit_soft_labels(store, small.teacher())
    assert right.difference < 0.001 and right.other_classes == 0
    assert audit_soft_labels(store, small.teacher(seed=2)).difference > 0.1
    store.recipe = lambda x, seeds: small.RECIPE(x, seeds + 1)  # replayed from the wrong seeds
    assert audit_soft_labels(store, small.teacher()).difference > 0.02
