"""Progress is kept whatever happens to its file, and is never in the way of a check."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from kdcourse.progress import store


@pytest.fixture
def path(course):
    return course / ".kdcourse" / "progress.json"


def content(path):
    return json.loads(path.read_text(encoding="utf-8"))["tasks"]


def test_tries_successes_and_wrong_answers_since(course, path):
    wrong = [store.record("kd_loss", passed).wrong for passed in (False, False, True, False)]
    assert wrong == [1, 2, 0, 1]
    store.record("at_loss", True)
    tasks = content(path)
    assert tasks.keys() == {"kd_loss", "at_loss"}
    entry = tasks["kd_loss"]
    assert (entry["tries"], entry["wrong"], entry["exercise"]) == (4, 1, "ex91_small")
    assert entry["passed"] and entry["passed"] <= entry["last"]


def test_the_first_success_is_the_one_that_is_remembered(course, path, monkeypatch):
    store.record("kd_loss", True)
    changed = content(path)
    changed["kd_loss"]["passed"] = "2001-01-01T00:00:00+00:00"
    path.write_text(json.dumps({"version": 1, "tasks": changed}), encoding="utf-8")
    store.record("kd_loss", True)
    assert content(path)["kd_loss"]["passed"].startswith("2001")


def test_what_is_only_confirmed_is_no_try(course, path):
    store.record("kd_loss", True, counted=False)
    assert content(path)["kd_loss"] | {"passed": "when"} == store.blank() | {
        "passed": "when", "exercise": "ex91_small"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "kept"),
    [
        ("exercises/ex92_other", True),
        ("notebooks", True),
        (".", False),
        ("solutions", False),
        ("autograded/somebody/ex91_small", False),
        ("build", False),
        ("..", False),
    ],
)
def test_only_where_learners_work(course, path, folder, kept, monkeypatch):
    (course / folder).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(course / folder)
    assert store.record("kd_loss", False) == store.Kept(1 if kept else None)
    assert path.exists() == kept
    if kept:
        assert content(path)["kd_loss"]["exercise"] == ("ex92_other" if "ex92" in folder else None)
    elsewhere = course.parent / "my own.json"
    monkeypatch.setenv(store.SETTING, str(elsewhere))
    store.record("kd_loss", False)
    assert elsewhere.exists() == (kept or folder == "..")  # outside of a course only on demand


def test_off(course, path, monkeypatch):
    monkeypatch.setenv(store.SETTING, "OFF")
    assert store.record("kd_loss", True) == store.Kept() and not path.parent.exists()


def test_git_is_told_to_look_away(course, path):
    store.record("kd_loss", True)
    assert (path.parent / ".gitignore").read_text(encoding="utf-8") == "*\n"


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"\xff\xfe\x00", b"[]", b'{"version": 1}', b'{"version": 1, "tasks": [1]}',
     b'{"version": "one", "tasks": {}}', b'{"version": 1, "tasks": {"kd_loss": {"tr', b"[" * 100_000],
)  # fmt: skip
def test_a_damaged_file_is_set_aside(course, path, damage, capfd):
    path.parent.mkdir()
    path.write_bytes(damage)
    kept = store.record("kd_loss", False)
    assert kept.wrong == 1 and "damaged" in kept.note and "progress.damaged-1.json" in kept.note
    assert path.with_name("progress.damaged-1.json").read_bytes() == damage
    assert store.record("kd_loss", False) == store.Kept(2)  # said once
    path.write_bytes(damage)
    assert store.record("kd_loss", False) == store.Kept(1)
    assert path.with_name("progress.damaged-2.json").read_bytes() == damage
    assert capfd.readouterr() == ("", "")


def test_what_can_be_read_of_a_damaged_file_goes_on(course, path):
    store.record("at_loss", True)
    tasks = content(path)
    path.write_text(
        json.dumps({"version": 1, "tasks": tasks | {"kd_loss": {"tries": "many"}, "vid_loss": 3}}),
        encoding="utf-8",
    )
    assert "damaged" in store.record("kd_loss", False).note
    assert content(path)["at_loss"] == tasks["at_loss"] and content(path)["kd_loss"]["tries"] == 1


def test_an_older_file_is_taken_over_and_what_is_not_known_stays(course, path):
    path.parent.mkdir()
    old = {"tasks": {"kd_loss": {"tries": 3, "wrong": 2, "later": "idea"}}}
    path.write_text(json.dumps(old), encoding="utf-8")
    assert store.record("kd_loss", False) == store.Kept(3)
    assert content(path)["kd_loss"]["tries"] == 4 and content(path)["kd_loss"]["later"] == "idea"
    assert content(path)["kd_loss"]["passed"] is None


def test_a_newer_file_is_left_alone(course, path):
    path.parent.mkdir()
    newer = b'{"version": 99, "tasks": {"kd_loss": "in another form"}}'
    path.write_bytes(newer)
    kept = store.record("kd_loss", False)
    assert kept.wrong is None and "newer kdcourse" in kept.note
    assert store.record("kd_loss", False) == store.Kept()
    assert path.read_bytes() == newer and len(list(path.parent.glob("*.json"))) == 1


def test_a_folder_that_cannot_be_written(course, path, capfd):
    path.parent.write_text("a file where the folder should be", encoding="utf-8")
    kept = store.record("kd_loss", False)
    assert kept.wrong is None and "not kept" in kept.note and store.SETTING in kept.note
    assert store.record("kd_loss", False) == store.Kept()
    path.parent.unlink()
    assert store.record("kd_loss", False) == store.Kept(3)  # nothing was lost meanwhile
    assert capfd.readouterr() == ("", "")


def test_a_full_disk_leaves_the_old_file(course, path, monkeypatch):
    store.record("kd_loss", True)
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert "No space left" in store.record("at_loss", True).note
    assert path.read_bytes() == before and not list(path.parent.glob("*.tmp"))
    store.record("vid_loss", True)
    assert content(path).keys() == {"kd_loss", "at_loss", "vid_loss"}


def test_a_replacement_that_is_refused_at_first(course, path, monkeypatch):
    """Windows refuses it while somebody reads the file."""
    replace, refused = os.replace, []

    def busy(source, target):
        refused.append(1)
        if len(refused) < 3:
            raise PermissionError(13, "in use")
        replace(source, target)

    monkeypatch.setattr(os, "replace", busy)
    assert store.record("kd_loss", True) == store.Kept(0) and content(path)


def test_another_notebook_that_holds_the_file(course, path, monkeypatch):
    monkeypatch.setattr(store, "_PATIENCE", 0.05)
    path.parent.mkdir()
    with FileLock(f"{path}.lock"):
        kept = store.record("kd_loss", False)
        assert kept.wrong is None and "next checks" in kept.note
        assert store.record("kd_loss", False) == store.Kept()
    assert store.record("kd_loss", False) == store.Kept(3)


def test_a_current_folder_that_is_gone(monkeypatch):
    def gone():
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Path, "cwd", gone)
    assert "not kept" in store.record("kd_loss", True).note


def test_two_notebooks_at_once(course, path):
    code = "import sys\nfrom kdcourse.progress import store\n"
    code += "for n in range(30):\n    print(store.record('kd_loss', False), store.record(sys.argv[1], True))"
    started = [
        subprocess.Popen([sys.executable, "-c", code, task], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for task in ("first", "second")
    ]
    for process in started:
        out, err = process.communicate(timeout=60)
        assert err == b"" and b"note='" not in out and b'note="' not in out
    assert {task: entry["tries"] for task, entry in content(path).items()} == {
        "kd_loss": 60, "first": 30, "second": 30
    }  # fmt: skip


def test_reset_keeps_a_copy(course, path):
    for task in ("kd_loss", "at_loss"):
        store.record(task, True)
    before = path.read_bytes()
    copy = path.with_name("progress.backup-1.json")
    assert store.reset(path, {"kd_loss", "never_tried"}) == (["kd_loss"], copy)
    assert content(path).keys() == {"at_loss"} and copy.read_bytes() == before
    assert store.reset(path)[0] == ["at_loss"] and content(path) == {}
    assert store.reset(path) == ([], None)
