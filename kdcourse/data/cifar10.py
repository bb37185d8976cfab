"""CIFAR-10 from the local disk; the network is used only when asked for."""

from __future__ import annotations

import tarfile
import warnings
from pathlib import Path

import numpy as np
import torch

from kdcourse.data.sets import ImageSet


class DatasetMissingError(FileNotFoundError):
    """An optional data set is not on this machine; the message says which file to put where.

    Lecture:
        18_capstone, section 5, through `docs/cifar10.md`.
    """


def load_cifar10(root: str | Path = "data", *, train: bool, download: bool = False) -> ImageSet:
    """CIFAR-10 from the folder ``root``: 50,000 training images or 10,000 test images.

    Shapes: images (N, 3, 32, 32) float32 in [0, 1], labels (N,). The training images take 614 MB of memory.

    Without ``download`` the network is not used: the extracted files are read, or else the archive in
    ``root`` is extracted. ``download=True`` first fetches the archive (170 MB) if files are missing or
    damaged. All files are checked against the MD5 sums that torchvision knows.

    Raises DatasetMissingError (a FileNotFoundError) when the files are not there or could not be fetched, and
    RuntimeError naming the file when one is damaged.

    Source:
        Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", technical report, University
        of Toronto, 2009; read through ``torchvision.datasets.CIFAR10``.

    Lecture:
        18_capstone, section 5, through `docs/cifar10.md`.
    """
    from torchvision.datasets import CIFAR10  # imported here so that the other sets load without torchvision

    root = Path(root).expanduser().resolve()
    _make_ready(CIFAR10, root, download)
    with warnings.catch_warnings():  # NumPy 2.4.0 to 2.4.4 warn of pickles this old
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        dataset = CIFAR10(root, train=train)
    pixels = torch.from_numpy(dataset.data).permute(0, 3, 1, 2)  # bytes, (N, 3, 32, 32)
    images = torch.empty(pixels.shape, dtype=torch.float32)
    images.copy_(pixels).div_(255)  # in place: no second array of floats
    return ImageSet(images, torch.tensor(dataset.targets, dtype=torch.int64))


def _make_ready(cifar, root: Path, download: bool) -> None:
    """See that every extracted file is there and whole, or say what to do."""
    from torchvision.datasets.utils import check_integrity, download_url

    sums = [*cifar.train_list, *cifar.test_list, (cifar.meta["filename"], cifar.meta["md5"])]
    files = {root / cifar.base_folder / name: md5 for name, md5 in sums}
    missing = [file for file in files if not file.is_file()]
    damaged = [file for file, md5 in files.items() if file.is_file() and not check_integrity(file, md5)]
    archive = root / cifar.filename
    if not missing and not damaged:
        return
    if download:
        try:
            download_url(cifar.url, root, filename=cifar.filename, md5=cifar.tgz_md5)
        except (OSError, RuntimeError) as error:  # no network, no space left, a wrong MD5 sum, ...
            raise DatasetMissingError(
                _how_to_get(cifar, root, f"Fetching CIFAR-10 failed ({error}).")
            ) from error
    elif damaged:
        raise RuntimeError(
            f"{damaged[0]} is damaged: its MD5 sum is not {files[damaged[0]]}. Delete this file and call "
            f"load_cifar10(..., download=True), or, with {cifar.filename} in {root}, load_cifar10(...)."
        )
    elif not archive.is_file():
        raise DatasetMissingError(_how_to_get(cifar, root, f"CIFAR-10 is not in {root}."))
    elif not check_integrity(archive, cifar.tgz_md5):
        raise RuntimeError(
            f"{archive} is damaged or incomplete: its MD5 sum is not {cifar.tgz_md5}. "
            "Delete this file and fetch it again, for instance with load_cifar10(..., download=True)."
        )
    with tarfile.open(archive) as tar:
        # Python 3.12 and 3.13 warn when no filter is named; 3.11.3 and earlier have none.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
        tar.extractall(root)


def _how_to_get(cifar, root: Path, problem: str) -> str:
    return (
        f"{problem} Either call load_cifar10(..., download=True) with a network connection, or put the file "
        f"{cifar.filename} (170 MB, MD5 {cifar.tgz_md5}, from {cifar.url}) into the folder {root} and call "
        "load_cifar10 again; it is extracted there."
    )
