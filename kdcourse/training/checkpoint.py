"""Checkpoints that survive a kill at any moment and are refused when damaged."""

import hashlib
import io
import os
import pickle
import random
from pathlib import Path

import numpy as np
import torch

MAGIC = b"kdcourse checkpoint 1\n"
DIGEST_BYTES = 32


class CheckpointError(RuntimeError):
    """A checkpoint cannot be used; the message says why and what to do.

    Lecture:
        18_capstone, section 5, through `docs/cifar10.md`.
    """


def save_checkpoint(path: str | Path, state: dict) -> None:
    """Write `state` (tensors, numbers, strings, lists, dicts) to `path` so that the file is at all times
    either the old or the new one.

    The bytes go to a neighbour ``<name>.partial`` first, reach the disk, and take the final name in one
    step. They begin with a SHA-256 sum, by which `load_checkpoint` knows a damaged file.

    Lecture:
        18_capstone, section 5, through `docs/cifar10.md`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getvalue()
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        file.write(MAGIC + hashlib.sha256(payload).digest() + payload)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def load_checkpoint(path: str | Path) -> dict:
    """Read what `save_checkpoint` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is not a checkpoint of this course, or is damaged.

    Lecture:
        18_capstone, section 5, through `docs/cifar10.md`.
    """
    content = Path(path).read_bytes()
    if not content.startswith(MAGIC):
        raise CheckpointError(
            f"{path} is not a kdcourse checkpoint. Give another file name, or delete it to start anew."
        )
    digest, payload = content[len(MAGIC) :][:DIGEST_BYTES], content[len(MAGIC) + DIGEST_BYTES :]
    if hashlib.sha256(payload).digest() != digest:
        raise CheckpointError(
            f"{path} is damaged ({len(content)} bytes, wrong checksum). Delete it to start the run anew."
        )
    try:
        # weights_only: a checkpoint from elsewhere can hold data, but no code that would run on loading.
        return torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise CheckpointError(
            f"{path} holds more than plain data, or comes from another version of torch. "
            "Delete it to start the run anew."
        ) from error


def restore_parts(path: str | Path, parts: dict, state: dict) -> None:
    """Load what `load_checkpoint` read into the parts of a run, by their names; "model" is one of them.

    Raises:
        CheckpointError: a part does not fit; the model is then as it was.
    """
    before = {name: value.clone() for name, value in parts["model"].state_dict().items()}
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
    except (RuntimeError, ValueError, KeyError) as error:
        parts["model"].load_state_dict(before)  # what fitted has been copied already
        raise CheckpointError(
            f"{path} does not fit this {name}: {error}. Give another file name, or delete it to start anew."
        ) from error


def generator_states() -> dict:
    """The states of the global random generators of torch (CPU and GPUs), NumPy and Python."""
    kind, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    version, words, gauss_next = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [kind, keys.tolist(), int(position), int(has_gauss), float(gauss)],
        "python": [version, list(words), gauss_next],
    }


def restore_generators(states: dict) -> None:
    """Put back what `generator_states` took."""
    torch.set_rng_state(states["torch"])
    if torch.cuda.is_available() and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
    version, words, gauss_next = states["python"]
    random.setstate((version, tuple(words), gauss_next))
