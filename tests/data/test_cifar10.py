"""CIFAR-10 from small files in the true format, whose MD5 sums stand in for those of the real ones."""

import hashlib
import pickle
import shutil
import socket
import tarfile
import warnings

import numpy as np
import pytest
import torch
from torchvision.datasets import CIFAR10

from kdcourse.data import DatasetMissingError, ImageSet, load_cifar10

PER_FILE = 6
FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


class OldPickle:
    """Warns when it is loaded, as the real files do with NumPy 2.4.0 to 2.4.4."""

    def __reduce__(self):
        return warnings.warn, (
            "dtype(): align should be passed as ...",
            np.exceptions.VisibleDeprecationWarning,
        )


def write_batch(path, number):
    rng = np.random.default_rng(number)
    data = rng.integers(0, 256, (PER_FILE, 3072), dtype=np.uint8)
    data[0, :3] = (0, 255, 51)
    labels = rng.integers(0, 10, PER_FILE).tolist()
    names = [f"image_{number}_{place}.png" for place in range(PER_FILE)]
    batch = {
        "batch_label": f"batch {number}",
        "labels": labels,
        "data": data,
        "filenames": names,
        "x": OldPickle(),
    }
    path.write_bytes(pickle.dumps(batch, protocol=2))
    return data, labels


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """A folder with the extracted files and the archive, and what they hold; the network is blocked."""
    source = tmp_path / "source"
    folder = source / FOLDER
    folder.mkdir(parents=True)
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    content = [write_batch(folder / name, number) for number, name in enumerate(names)]
    meta = {
        "label_names": [f"class {c}" for c in range(10)],
        "num_vis": 3072,
        "num_cases_per_batch": PER_FILE,
    }
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))
    with tarfile.open(source / ARCHIVE, "w:gz") as tar:
        tar.add(folder, FOLDER)
    sums = [[name, md5(folder / name)] for name in names]
    monkeypatch.setattr(CIFAR10, "train_list", sums[:5])
    monkeypatch.setattr(CIFAR10, "test_list", sums[5:])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": md5(folder / "batches.meta")})
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(source / ARCHIVE))

    def refuse(*_, **__):
        raise OSError("the network is blocked in this test")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    return source, content


def with_files_only(source, root):
    shutil.copytree(source / FOLDER, root / FOLDER)
    return root


def with_archive_only(source, root):
    root.mkdir()
    shutil.copy(source / ARCHIVE, root)
    return root


def check_images(images, batches):
    data = np.concatenate([data for data, _ in batches])
    assert isinstance(images, ImageSet)
    assert images.images.shape == (len(data), 3, 32, 32)
    assert (images.images.dtype, images.labels.dtype) == (torch.float32, torch.int64)
    assert images.images.is_contiguous()
    # Each row of the file is the red, the green and the blue plane, each row by row.
    assert np.allclose(images.images.numpy().reshape(len(data), 3072) * 255, data, atol=1e-4)
    assert images.images.flatten()[:3].tolist() == pytest.approx([0.0, 1.0, 0.2])
    assert images.labels.tolist() == [label for _, labels in batches for label in labels]


@pytest.mark.parametrize("download", [False, True])
@pytest.mark.parametrize("place", [with_files_only, with_archive_only])
def test_files_or_archive_are_read_without_the_network_or_a_warning(cifar, tmp_path, place, download):
    source, content = cifar
    root = place(source, tmp_path / "data")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_images(load_cifar10(root, train=True, download=download), content[:5])
        check_images(load_cifar10(str(root), train=False, download=download), content[5:])


def test_the_folder_data_is_the_default(cifar, tmp_path, monkeypatch):
    source, content = cifar
    with_files_only(source, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    check_images(load_cifar10(train=False), content[5:])


def test_a_missing_data_set_names_the_file_and_the_folder(cifar, tmp_path):
    root = tmp_path / "nothing here"
    with pytest.raises(DatasetMissingError) as caught:
        load_cifar10(root, train=True)
    message = str(caught.value)
    assert isinstance(caught.value, FileNotFoundError)
    for part in (ARCHIVE, "170 MB", CIFAR10.tgz_md5, str(root.resolve()), "download=True"):
        assert part in message
    assert not root.exists()  # nothing is created on the way


def test_the_folder_is_named_in_full(cifar, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))  # the same on Windows
    for root, folder in (("images", tmp_path / "images"), ("~/images", tmp_path / "home" / "images")):
        with pytest.raises(DatasetMissingError) as caught:
            load_cifar10(root, train=True)
        assert f"into the folder {folder.resolve()} and" in str(caught.value)


def test_without_download_the_network_is_not_even_tried(cifar, tmp_path, monkeypatch):
    tried = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: tried.append(1))
    with pytest.raises(DatasetMissingError):
        load_cifar10(tmp_path, train=True)
    assert not tried


def test_a_download_without_a_network_says_so(cifar, tmp_path):
    with pytest.raises(DatasetMissingError) as caught:
        load_cifar10(tmp_path / "data", train=True, download=True)
    message = str(caught.value)
    for part in ("failed", "the network is blocked", ARCHIVE, str((tmp_path / "data").resolve())):
        assert part in message


def serve(monkeypatch, file):
    """Let torchvision's download find this file."""
    from torchvision.datasets import utils

    monkeypatch.setattr(utils, "_get_redirect_url", lambda url, max_hops: url)
    monkeypatch.setattr(utils, "_urlretrieve", lambda url, target: shutil.copy(file, target))


def test_a_download_fetches_and_extracts_the_archive(cifar, tmp_path, monkeypatch):
    source, content = cifar
    serve(monkeypatch, source / ARCHIVE)
    check_images(load_cifar10(tmp_path / "new" / "data", train=True, download=True), content[:5])


def test_a_download_with_the_wrong_content_is_not_used(cifar, tmp_path, monkeypatch):
    wrong = tmp_path / "login page.html"
    wrong.write_text("please log in", encoding="utf-8")
    serve(monkeypatch, wrong)
    with pytest.raises(DatasetMissingError, match="failed"):
        load_cifar10(tmp_path / "data", train=True, download=True)
    assert not (tmp_path / "data" / FOLDER).exists()


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
@pytest.mark.parametrize("train", [True, False])
def test_a_damaged_file_is_named_and_can_be_mended(cifar, tmp_path, name, train):
    source, content = cifar
    root = with_files_only(source, tmp_path / "data")
    damaged = root / FOLDER / name
    damaged.write_bytes(damaged.read_bytes()[:-5])
    with pytest.raises(RuntimeError) as caught:
        load_cifar10(root, train=train)
    message = str(caught.value)
    assert str(damaged.resolve()) in message and "Delete this file" in message
    assert message.count("data_batch") == (name == "data_batch_3")  # no sound file is blamed
    # Doing what the message says mends it.
    damaged.unlink()
    shutil.copy(source / ARCHIVE, root)
    check_images(load_cifar10(root, train=train), content[:5] if train else content[5:])


def test_download_mends_damaged_files(cifar, tmp_path, monkeypatch):
    source, content = cifar
    root = with_files_only(source, tmp_path / "data")
    for name in ("data_batch_1", "batches.meta"):
        (root / FOLDER / name).write_bytes(b"")
    serve(monkeypatch, source / ARCHIVE)
    check_images(load_cifar10(root, train=True, download=True), content[:5])


def test_a_damaged_archive_is_named(cifar, tmp_path):
    source, _ = cifar
    root = with_archive_only(source, tmp_path / "data")
    archive = root / ARCHIVE
    archive.write_bytes(archive.read_bytes()[:-100])  # an interrupted download
    with pytest.raises(RuntimeError) as caught:
        load_cifar10(root, train=True)
    message = str(caught.value)
    assert str(archive.resolve()) in message and "Delete this file" in message
    assert not (root / FOLDER).exists()


def test_a_damaged_archive_is_replaced_by_a_download(cifar, tmp_path, monkeypatch):
    source, content = cifar
    root = with_archive_only(source, tmp_path / "data")
    (root / ARCHIVE).write_bytes(b"half of it")
    serve(monkeypatch, source / ARCHIVE)
    check_images(load_cifar10(root, train=False, download=True), content[5:])
