"""Write a soft-label store: in parallel, and so that being killed costs no more than the blocks in hand."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from kdcourse.losses import sparse_soft_targets
from kdcourse.training.progress import progress_bar
from kdcourse.training.soft_label_store import (
    Header,
    Recipe,
    SoftLabelError,
    SoftLabels,
    SoftLabelStore,
    fingerprint,
    finished_blocks,
    plain_description,
    read_header,
    table_line,
)


def write_soft_labels(
    path: str | Path,
    images: Tensor,
    ask_teacher: Callable[[Tensor], Tensor],
    recipe: Recipe,
    *,
    epochs: int,
    kept: int,
    temperature: float = 1.0,
    base_seed: int = 0,
    block: int = 1024,
    workers: int = 1,
    part: tuple[int, int] = (0, 1),
    progress: bool = True,
) -> None:
    """Let the teacher look at every image in every epoch, distorted afresh, and store its K best answers.

    If the file exists and was begun with the same arguments, its whole blocks are kept, damaged ones are
    written anew, and the work goes on. The finished file is the same, byte for byte, however often it was
    interrupted and by however many workers it was written, as long as the teacher answers the same.

    Args:
        path: the file; its folder must exist.
        images: (N, C, H, W).
        ask_teacher: distorted images (n, C, H, W) -> logits (n, classes); called without gradients, and with
            `workers` > 1 from several threads at once. A module must be in evaluation mode.
        recipe: the augmentation, a function of image and seed, e.g. `kdcourse.data.SeededAffine`.
        epochs: how many times each image is distorted and answered.
        kept: K, answers to keep of each; the largest probabilities among all classes, not renormalised.
        temperature: of the stored probabilities, in units of logits.
        base_seed: decides the seeds of all distortions.
        block: images in a call of the teacher, and in the smallest unit that a kill can cost.
        workers: threads; worth it where the teacher leaves cores idle.
        part: (i, n): write only blocks i, i + n, i + 2n, ... of those, for n processes that share the file.
        progress: show a progress bar if it takes longer than two seconds.

    Raises:
        ValueError: sizes that cannot be, a teacher in training mode, logits of another shape or not finite.
        SoftLabelError: there is a file of that name that is no store, or was begun with other arguments or
            another teacher.

    Lecture:
        13_pretraining_distillation, section 1.
    """
    path = Path(path)
    _check_arguments(images, ask_teacher, epochs, kept, block, workers, part)
    classes = _ask(ask_teacher, images[:1]).shape[1]
    if not 1 <= kept <= classes:
        raise ValueError(f"kept: expected 1 .. {classes}, the number of classes, got {kept}")
    header = Header(
        samples=len(images),
        epochs=epochs,
        classes=classes,
        kept=kept,
        block=block,
        base_seed=base_seed,
        temperature=float(temperature),
        recipe=plain_description(recipe),
        images=fingerprint(images),
    )
    if path.exists():
        _require_same_plan(path, header)
    else:
        _create(path, header)
    whole, _ = finished_blocks(path, header, check=True)
    if whole:
        _require_same_teacher(path, header, images, ask_teacher, recipe, whole[0])
    missing = [b for b in range(part[0], header.blocks, part[1]) if b not in set(whole)]

    def write(number: int) -> None:
        _, start, end = header.place(number)
        seeds = _seeds(header, number)
        answers = _answers(images[start:end], seeds, ask_teacher, recipe, header)
        _write_block(path, header, number, _records(header, answers))

    pool = ThreadPoolExecutor(workers)
    try:
        running = [pool.submit(write, number) for number in missing]
        for done in progress_bar(
            as_completed(running), len(running), "asking the teacher", "block", progress
        ):
            done.result()
    finally:
        # After an error or Ctrl-C: the blocks in hand are finished, the others are not begun.
        pool.shutdown(cancel_futures=True)


class Audit(NamedTuple):
    """How far a store is from what the teacher says now."""

    difference: float  # sum of absolute differences of the stored probabilities, mean over the images
    other_classes: float  # share of the stored classes that the teacher would not keep now


def audit_soft_labels(
    store: SoftLabelStore, ask_teacher: Callable[[Tensor], Tensor], *, samples: int = 64, seed: int = 0
) -> Audit:
    """Ask the teacher once more about some stored images, and compare.

    A store that was written by this teacher differs by what float16 rounds, less than 0.001; another teacher
    or another distortion shows at once.

    Lecture:
        13_pretraining_distillation, section 1.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randint(store.header.samples, (samples,), generator=generator)
    epochs = torch.randint(store.epochs, (samples,), generator=generator)
    stored = store.labels(epochs, chosen)
    return _compare(stored, store.images[chosen], ask_teacher, store.recipe, store.header)


def _check_arguments(images, ask_teacher, epochs, kept, block, workers, part) -> None:
    if images.dim() != 4 or not len(images):
        raise ValueError(f"images: expected (N, C, H, W), N at least 1, got shape {tuple(images.shape)}")
    for name, number in (("epochs", epochs), ("kept", kept), ("block", block), ("workers", workers)):
        if number < 1:
            raise ValueError(f"{name}: expected at least 1, got {number}")
    if not 0 <= part[0] < part[1]:
        raise ValueError(f"part: expected (i, n) with 0 <= i < n, got {part}")
    if isinstance(ask_teacher, nn.Module) and any(m.training for m in ask_teacher.modules()):
        raise ValueError(
            "ask_teacher: the network is in training mode, where batch normalisation mixes the images of a "
            "block and dropout answers at random. Call .eval() first."
        )


def _require_same_plan(path: Path, header: Header) -> None:
    old, new = asdict(read_header(path)), asdict(header)
    differences = ", ".join(f"{key} was {old[key]} and is {new[key]}" for key in old if old[key] != new[key])
    if differences:
        raise SoftLabelError(
            f"{path} was begun with other arguments: {differences}. "
            "Give another file name, or delete the file."
        )


def _require_same_teacher(path, header, images, ask_teacher, recipe, block) -> None:
    epoch, start, end = header.place(block)
    end = min(end, start + 32)
    rows = np.memmap(path, header.record, "r", header.records_at, (header.epochs, header.samples))
    stored = SoftLabels(
        *(torch.from_numpy(rows[epoch, start:end][f].astype(np.float64)) for f in ("seed", "value", "index"))
    )
    stored = stored._replace(seeds=stored.seeds.long(), indices=stored.indices.long())
    audit = _compare(stored, images[start:end], ask_teacher, recipe, header)
    if audit.difference > 0.02 or audit.other_classes > 0.2:
        raise SoftLabelError(
            f"{path} was begun with another teacher: the stored probabilities of an image are off by "
            f"{audit.difference:.3f} in all, and {100 * audit.other_classes:.0f} % of the classes differ. "
            "Go on with the teacher it was begun with, or give another file name."
        )


def _compare(stored: SoftLabels, images, ask_teacher, recipe, header: Header) -> Audit:
    logits = _ask(ask_teacher, recipe(images, stored.seeds)).double()
    _, indices = sparse_soft_targets(logits, header.kept, temperature=header.temperature)
    now = (logits / header.temperature).softmax(dim=1).gather(1, stored.indices)
    same = (stored.indices[:, :, None] == indices[:, None, :]).any(dim=2)
    return Audit((now - stored.values).abs().sum(dim=1).mean().item(), 1 - same.double().mean().item())


@torch.no_grad()
def _ask(ask_teacher: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    logits = ask_teacher(images)
    if not isinstance(logits, Tensor) or logits.dim() != 2 or len(logits) != len(images):
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(f"ask_teacher: expected logits ({len(images)}, classes), got {got}")
    if not torch.isfinite(logits).all():
        raise ValueError(
            "ask_teacher: the logits are not finite. Look at the teacher before storing its answers."
        )
    return logits.cpu()


def _seeds(header: Header, block: int) -> np.ndarray:
    _, start, end = header.place(block)
    return np.random.default_rng([header.base_seed, block]).integers(2**32, size=end - start, dtype=np.uint32)


def _answers(images, seeds, ask_teacher, recipe, header: Header) -> SoftLabels:
    seeds = torch.from_numpy(seeds.astype(np.int64))
    logits = _ask(ask_teacher, recipe(images, seeds))
    return SoftLabels(seeds, *sparse_soft_targets(logits, header.kept, temperature=header.temperature))


def _records(header: Header, answers: SoftLabels) -> bytes:
    records = np.empty(len(answers.seeds), dtype=header.record)
    for field, numbers in zip(("seed", "value", "index"), answers, strict=True):
        records[field] = numbers.float().numpy() if field == "value" else numbers.numpy()
    return records.tobytes()


def _create(path: Path, header: Header) -> None:
    """An empty store under its final name, in one step; of several processes the first one makes it."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with open(partial, "wb") as file:
        file.write(header.pack())
        file.truncate(header.file_bytes)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(partial, path)  # fails if the name is taken, unlike a rename
    except FileExistsError:
        _require_same_plan(path, header)
    except OSError:  # a file system without hard links
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _write_block(path: Path, header: Header, block: int, records: bytes) -> None:
    epoch, start, _ = header.place(block)
    with open(path, "r+b") as file:
        # The line of the table goes to the disk after the records that it vouches for.
        for place, content in (
            (header.records_at + (epoch * header.samples + start) * header.record.itemsize, records),
            (header.table_at + block * len(table_line(0, 0)), table_line(block, zlib.crc32(records))),
        ):
            file.seek(place)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
