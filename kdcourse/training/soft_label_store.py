"""The soft-label store: a teacher's answers of many epochs in one memory-mapped file, and how to read them.

The file, all numbers little-endian:

    magic, length and CRC-32 of the header   24 bytes
    header                                   JSON: sizes, recipe, fingerprint of the images
    block table                              8 bytes a block: CRC-32 of its records, CRC-32 of (block, that)
    records                                  [epoch][sample]: seed uint32, K classes int16 or int32, K
                                             probabilities float16

A record takes 4 + 4K bytes with up to 32,768 classes and 4 + 6K above. A block is a run of consecutive
samples of one epoch. Its records reach the disk before its line in the table does, and that line checks
itself: whenever a writer dies, each block is either whole or not there.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from kdcourse.training.batches import Batches

MAGIC = b"kdcourse labels\n"
_PREFIX = struct.Struct("<16sII")
_LINE = struct.Struct("<II")
_FIELDS = {"samples", "epochs", "classes", "kept", "block", "base_seed", "temperature", "recipe", "images"}


class SoftLabelError(RuntimeError):
    """A soft-label store cannot be used; the message says why and what to do.

    Lecture:
        13_pretraining_distillation, section 1.
    """


class Recipe(Protocol):
    """An augmentation that is a function of image and seed, such as `kdcourse.data.SeededAffine`."""

    def __call__(self, images: Tensor, seeds: Tensor) -> Tensor: ...

    def describe(self) -> dict: ...


class SoftLabels(NamedTuple):
    """What is stored of some samples: shapes (...), (..., K), (..., K)."""

    seeds: Tensor  # int64
    values: Tensor  # float32
    indices: Tensor  # int64


@dataclass(frozen=True)
class Header:
    """What a store holds, and of what."""

    samples: int
    epochs: int
    classes: int
    kept: int
    block: int  # samples in a block; the last one of an epoch may have fewer
    base_seed: int
    temperature: float
    recipe: dict
    images: str  # fingerprint

    @property
    def record(self) -> np.dtype:
        index = "<i2" if self.classes <= 2**15 else "<i4"
        return np.dtype([("seed", "<u4"), ("index", index, (self.kept,)), ("value", "<f2", (self.kept,))])

    @property
    def blocks_per_epoch(self) -> int:
        return -(-self.samples // self.block)

    @property
    def blocks(self) -> int:
        return self.epochs * self.blocks_per_epoch

    def place(self, block: int) -> tuple[int, int, int]:
        """(epoch, first sample, one past the last sample) of a block."""
        epoch, part = divmod(block, self.blocks_per_epoch)
        return epoch, part * self.block, min(self.samples, (part + 1) * self.block)

    def pack(self) -> bytes:
        text = json.dumps(asdict(self), sort_keys=True).encode()
        return _PREFIX.pack(MAGIC, len(text), zlib.crc32(text)) + text

    @property
    def table_at(self) -> int:
        return len(self.pack())

    @property
    def records_at(self) -> int:
        return self.table_at + _LINE.size * self.blocks

    @property
    def file_bytes(self) -> int:
        return self.records_at + self.epochs * self.samples * self.record.itemsize


def fingerprint(images: Tensor) -> str:
    """A short checksum of the images' shape, type and bytes."""
    digest = hashlib.sha256(f"{tuple(images.shape)} {images.dtype}".encode())
    digest.update(images.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def table_line(block: int, checksum: int) -> bytes:
    """A block's line in the table."""
    return _LINE.pack(checksum, zlib.crc32(_LINE.pack(block, checksum)) or 1)


def read_header(path: Path) -> Header:
    """The header of a store, after checking it and the length of the file."""
    with open(path, "rb") as file:
        prefix = file.read(_PREFIX.size)
        if len(prefix) < _PREFIX.size or not prefix.startswith(MAGIC):
            raise SoftLabelError(
                f"{path} is not a soft-label store. Give another file name, or write the store anew."
            )
        _, length, checksum = _PREFIX.unpack(prefix)
        text = file.read(length) if length < 2**20 else b""
        file.seek(0, 2)
        size = file.tell()
    if zlib.crc32(text) != checksum:
        raise SoftLabelError(f"{path} is damaged: its header does not match its checksum. {_ANEW}")
    fields = json.loads(text)
    if fields.keys() != _FIELDS:
        raise SoftLabelError(f"{path} was written by another version of kdcourse. {_ANEW}")
    header = Header(**fields)
    if size != header.file_bytes:
        raise SoftLabelError(
            f"{path} is damaged: it has {size:,} bytes, expected {header.file_bytes:,}. {_ANEW}"
        )
    return header


_ANEW = "Delete it and write it anew, or take a fresh copy."


def finished_blocks(path: Path, header: Header, *, check: bool) -> tuple[list[int], list[int]]:
    """(blocks that are whole, blocks whose line is there but whose records do not match it).

    Without `check` the records are not read, and the second list is empty.
    """
    table = np.memmap(path, "<u4", "r", header.table_at, (header.blocks, 2))
    records = np.memmap(path, header.record, "r", header.records_at, (header.epochs, header.samples))
    whole, damaged = [], []
    for block, (checksum, _) in enumerate(table.tolist()):
        if table[block].tobytes() != table_line(block, checksum):
            continue  # never finished
        epoch, start, end = header.place(block)
        good = not check or zlib.crc32(records[epoch, start:end].tobytes()) == checksum
        (whole if good else damaged).append(block)
    return whole, damaged


class SoftLabelStore:
    """Read a store of soft labels, by epoch and sample number, in any order.

    It is opened with the images and the recipe that the student will use, and refuses to open with others:
    a stored label belongs to one distorted image, and to no other.

    Args:
        path: the file that `write_soft_labels` wrote.
        images: (N, C, H, W), the images it was written for.
        recipe: the augmentation it was written with.
        check: compare all records with their checksums now (about a second a gigabyte).

    Raises:
        FileNotFoundError: there is no such file.
        SoftLabelError: the file is something else, is damaged or incomplete, or belongs to other images or
            another recipe.

    Lecture:
        13_pretraining_distillation, section 1.
    """

    def __init__(self, path: str | Path, images: Tensor, recipe: Recipe, *, check: bool = True):
        self.path, self.images, self.recipe = Path(path), images, recipe
        self.header = header = read_header(self.path)
        if header.images != fingerprint(images):
            raise SoftLabelError(
                f"{path} belongs to other images: it holds labels of {header.samples:,}, and their checksum "
                f"is not that of the {len(images):,} given. Open it with the images it was written for."
            )
        _require_recipe(self.path, header, recipe)
        whole, damaged = finished_blocks(self.path, header, check=check)
        if damaged:
            epoch, start, end = header.place(damaged[0])
            raise SoftLabelError(
                f"{path} is damaged: the records of samples {start} to {end - 1} of epoch {epoch} do not "
                f"match their checksum ({len(damaged)} of {header.blocks} blocks in all). Call "
                "write_soft_labels again: it writes the damaged blocks anew and keeps the others."
            )
        if len(whole) < header.blocks:
            raise SoftLabelError(
                f"{path} is incomplete: {len(whole)} of {header.blocks} blocks are written. Call "
                "write_soft_labels again: it goes on where it stopped."
            )
        # Seen as an ordinary array (of the same memory), which is quicker to index.
        self._records = np.asarray(
            np.memmap(self.path, header.record, "r", header.records_at, (header.epochs * header.samples,))
        )

    @property
    def epochs(self) -> int:
        return self.header.epochs

    def labels(self, epoch: int | Tensor, samples: Tensor) -> SoftLabels:
        """What is stored of `samples` in `epoch`: integers of shape (...) and of one that broadcasts to it.

        Raises IndexError for an epoch or a sample that is not there.
        """
        epochs = np.asarray(epoch, dtype=np.int64)
        for name, numbers, end in (
            ("epoch", epochs, self.epochs),
            ("samples", samples, self.header.samples),
        ):
            if (numbers < 0).any() or (numbers >= end).any():
                raise IndexError(
                    f"{name}: expected numbers in 0 .. {end - 1}, got {numbers.min()} .. {numbers.max()}"
                )
        return self._read(epochs * self.header.samples + samples.cpu().numpy())

    def _read(self, rows: np.ndarray) -> SoftLabels:
        found = self._records[rows]
        seeds, values, indices = (
            torch.from_numpy(found[field].astype(kind))
            for field, kind in (("seed", np.int64), ("value", np.float32), ("index", np.int64))
        )
        return SoftLabels(seeds, values, indices)

    def batch(self, epoch: int | Tensor, samples: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(images as the teacher saw them, values, indices) of `samples` in `epoch`, where the images are."""
        return self._with_images(samples, self.labels(epoch, samples))

    def _with_images(self, samples: Tensor, labels: SoftLabels) -> tuple[Tensor, Tensor, Tensor]:
        device = self.images.device
        images = self.recipe(self.images[samples.to(device)], labels.seeds)
        return images, labels.values.to(device), labels.indices.to(device)

    def batches(self, *, batch_size: int, seeds: int | Sequence[int]) -> StoredBatches:
        """Batches for `fit`, shuffled as `Batches` does it; see `StoredBatches`."""
        return StoredBatches(self, batch_size=batch_size, seeds=seeds)

    def __repr__(self) -> str:
        h = self.header
        return (
            f"SoftLabelStore({str(self.path)!r}: {h.epochs} epochs of {h.samples} samples, {h.kept} of "
            f"{h.classes} classes, {h.record.itemsize} bytes each)"
        )


class StoredBatches:
    """Batches of a soft-label store: step -> (images as the teacher saw them, values, indices).

    Each pass over the samples reads the next stored epoch, and a step beyond the last one raises IndexError.
    Several seeds give shapes (S, B, ...); they share the stored epochs and have each their own order.

    Args:
        store: the open store.
        batch_size: samples a batch (per seed).
        seeds: one integer, or a sequence of S.
    """

    def __init__(self, store: SoftLabelStore, *, batch_size: int, seeds: int | Sequence[int]):
        self.store = store
        numbers = torch.arange(store.header.samples)
        if hasattr(seeds, "__len__"):
            numbers = numbers.repeat(len(seeds), 1)
        self.order = Batches(numbers, batch_size=batch_size, seeds=seeds)

    def __call__(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        (samples,) = self.order(step)
        start, end = step * self.order.batch_size, (step + 1) * self.order.batch_size
        first, last = start // self.order.size, (end - 1) // self.order.size
        if last >= self.store.epochs:
            raise IndexError(
                f"step {step} is in epoch {last}, and the store holds {self.store.epochs} epochs of "
                f"{self.order.size} samples. Train for fewer steps, or write more epochs."
            )
        # Row numbers, unchecked: the order gives no others. A batch may run on into the next epoch.
        epochs = first if first == last else torch.arange(start, end) // self.order.size
        labels = self.store._read((epochs * self.order.size + samples).numpy())
        return self.store._with_images(samples, labels)

    def __repr__(self) -> str:
        return f"StoredBatches({self.store!r}, {self.order!r})"


def plain_description(recipe: Recipe) -> dict:
    """The recipe's description as JSON gives it back."""
    return json.loads(json.dumps(recipe.describe()))


def _require_recipe(path: Path, header: Header, recipe: Recipe) -> None:
    given = plain_description(recipe)
    if given == header.recipe:
        return
    differences = ", ".join(
        f"{key} is {given.get(key, 'missing')} and was {header.recipe.get(key, 'missing')}"
        for key in sorted(given.keys() | header.recipe.keys())
        if given.get(key) != header.recipe.get(key)
    )
    raise SoftLabelError(
        f"{path} was written with another augmentation: {differences}. Its labels do not fit images that are "
        "distorted otherwise. Use the recipe it was written with, or write another store."
    )
