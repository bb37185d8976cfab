"""The file of a learner's progress: `.kdcourse/progress.json` in the course's folder, and nowhere else.

It stays on this machine: nothing sends it anywhere, and nothing about answers is in it but counts and times.
The environment variable KDCOURSE_PROGRESS names another file, or is `off`. Only notebooks in `exercises` and
`notebooks` of a course are remembered: its solutions and copies that are being marked leave no trace.

Keeping progress must never be in the way of a check, so `record` raises nothing and prints nothing; what a
learner should know comes back as a note, each kind once in a session. What could not be written is written
with the next try.
"""

import contextlib
import json
import os
import threading
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

SETTING = "KDCOURSE_PROGRESS"
VERSION = 1
_FOLDER, _NAME = ".kdcourse", "progress.json"
_LEARNERS = (("exercises",), ("notebooks",))  # the course's folders in which learners work
_PATIENCE = 1.0  # seconds to wait for another notebook; it needs milliseconds
_ABOUT = "kdcourse: tasks tried and passed. Only on this machine; `kdcourse progress --reset` empties it."


class Kept(NamedTuple):
    """What `record` has to say: wrong answers since the last right one (None: not known), and a note."""

    wrong: int | None = None
    note: str | None = None


class Try(NamedTuple):
    """One answer that was checked."""

    task: str
    passed: bool
    when: str
    exercise: str | None
    counted: bool


class CannotKeep(Exception):
    """Progress cannot be kept or read; `args` are the kind of problem and what to tell the learner."""


_pending: list[Try] = []  # tries that are not written yet
_told: set[str] = set()  # kinds of problems that were mentioned
_one_at_a_time = threading.Lock()


def course_of(folder: Path) -> Path | None:
    """The course's folder at or above `folder`."""
    for place in (folder, *folder.parents):
        if (place / "notebooks").is_dir() and (place / "kdcourse").is_dir():
            return place
    return None


def _part_of_course(folder: Path) -> tuple[Path | None, tuple[str, ...]]:
    course = course_of(folder)
    return course, folder.relative_to(course).parts if course else ()


def exercise_of(folder: Path) -> str | None:
    """`ex01_soft_targets` for a folder at or below `exercises/ex01_soft_targets`."""
    _, parts = _part_of_course(folder)
    return parts[1] if len(parts) > 1 and parts[0] == "exercises" else None


def is_off() -> bool:
    return os.environ.get(SETTING, "").strip().lower() == "off"


def path_of(course: Path | None) -> Path | None:
    """The file of a course's progress; None if there is none."""
    if is_off():
        return None
    if named := os.environ.get(SETTING, "").strip():
        return Path(named).expanduser().resolve()
    return course / _FOLDER / _NAME if course else None


def path_for(folder: Path | None = None) -> Path | None:
    """Where tries made in `folder` (default: the current one) are kept; None if they are not."""
    course, parts = _part_of_course((Path.cwd() if folder is None else folder).resolve())
    return path_of(course) if course is None or parts[:1] in _LEARNERS else None


def record(task: str, passed: bool, *, folder: Path | None = None, counted: bool = True) -> Kept:
    """Remember one try; with `counted=False` only that it succeeded. Raises nothing and prints nothing."""
    try:
        with warnings.catch_warnings(), _one_at_a_time:
            warnings.simplefilter("ignore")
            folder = (Path.cwd() if folder is None else folder).resolve()
            path = path_for(folder)
            if path is None:
                return Kept()
            now = datetime.now(UTC).isoformat(timespec="seconds")
            _pending.append(Try(task, passed, now, exercise_of(folder), counted))
            return _save(path, task)
    except Exception as error:  # such as a current folder that was deleted
        return Kept(note=_once("other", f"Your progress is not kept ({type(error).__name__}: {error})."))


def _save(path: Path, task: str) -> Kept:
    note = None
    try:
        with locked(path):
            tasks, aside = _read_or_set_aside(path)
            for one in _pending:
                _enter(tasks, one)
            _write(path, tasks)
            _pending.clear()
        if aside:
            note = _once("damaged", f"Your progress file was damaged. It is now {aside}; a new one is begun.")
        return Kept(tasks[task]["wrong"], note)
    except CannotKeep as error:
        return Kept(note=_once(*error.args))


def _once(kind: str, text: str) -> str | None:
    if kind in _told:
        return None
    _told.add(kind)
    return text


def _enter(tasks: dict[str, dict], one: Try) -> None:
    entry = tasks.setdefault(one.task, blank())
    if one.counted:
        entry["tries"] += 1
        entry["wrong"] += 1
        entry["last"] = one.when
    if one.passed:
        entry["wrong"] = 0
        entry["passed"] = entry["passed"] or one.when
    entry["exercise"] = one.exercise or entry["exercise"]


def blank() -> dict:
    """A task that nobody has tried."""
    return {"tries": 0, "wrong": 0, "passed": None, "last": None, "exercise": None}


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """The file is ours alone meanwhile. Raises `CannotKeep`."""
    from filelock import FileLock, Timeout  # here: `import kdcourse.grading` should not load it

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent.name == _FOLDER:  # so that it is never committed, whatever the course's own list says
            ignore = path.parent / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
        # After one wait in vain no more time is spent: another notebook's kernel may be suspended.
        with FileLock(f"{path}.lock", timeout=0 if "busy" in _told else _PATIENCE):
            yield
    except Timeout:
        raise CannotKeep(
            "busy",
            f"Another notebook holds {path}; your progress is written with one of your next checks.",
        ) from None
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise CannotKeep(
            "unwritable",
            f"Your progress is not kept: {path} cannot be written ({reason}). Checks work all the same. Make "
            f"that folder writable, or name another file in the environment variable {SETTING}.",
        ) from None


def load(path: Path) -> tuple[dict[str, dict], str | None]:
    """The tasks in the file, as far as they can be read, and what is wrong with it. Changes nothing.

    Raises `CannotKeep` if it cannot be opened or a newer kdcourse wrote it.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}, None
    except OSError as error:
        raise CannotKeep("unreadable", f"{path} cannot be read ({error.strerror or error}).") from None
    try:
        content = json.loads(data.decode("utf-8"))
        version = content.get("version", 0)  # 0: none was written
        tasks = content["tasks"].items()
        newer = version > VERSION
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError) as error:
        return {}, f"{path} is damaged ({type(error).__name__})."
    if newer:
        raise CannotKeep(
            "newer",
            f"{path} was written by a newer kdcourse (its version is {version}, this one writes {VERSION}). "
            "It is left as it is, and nothing new is kept. Update kdcourse, or name another file in "
            f"{SETTING}.",
        )
    good = {task: blank() | entry for task, entry in tasks if _valid(entry)}
    if len(good) < len(tasks):
        return good, f"{path} is damaged ({len(tasks) - len(good)} of {len(tasks)} tasks cannot be read)."
    return good, None


def _valid(entry: object) -> bool:
    """Entries of older versions may lack what came later; what they hold must be of its type."""
    if not isinstance(entry, dict):
        return False
    full = blank() | entry
    texts = [full[key] for key in ("passed", "last", "exercise")]
    counts = [full[key] for key in ("tries", "wrong")]
    return all(type(n) is int and n >= 0 for n in counts) and all(isinstance(t, str | None) for t in texts)


def _read_or_set_aside(path: Path) -> tuple[dict[str, dict], str | None]:
    """Under the lock: what can be read, and the new name of a file that was damaged."""
    tasks, problem = load(path)
    if problem is None:
        return tasks, None
    aside = free_name(path, "damaged")
    os.replace(path, aside)
    return tasks, aside.name


def free_name(path: Path, what: str) -> Path:
    """`progress.damaged-1.json`, or the next number that is free."""
    numbers = range(1, 10_000)
    names = (path.with_name(f"{path.stem}.{what}-{number}{path.suffix}") for number in numbers)
    return next(name for name in names if not name.exists())


def _write(path: Path, tasks: dict[str, dict]) -> None:
    """Under the lock: all of it or nothing, whenever the power fails."""
    text = json.dumps({"about": _ABOUT, "version": VERSION, "tasks": tasks}, indent=1, sort_keys=True)
    draft = path.with_name(f"{path.name}.tmp")
    try:
        with open(draft, "w", encoding="utf-8", newline="\n") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        for wait in (0.02, 0.05, 0.1, None):
            try:
                os.replace(draft, path)
                return
            except PermissionError:  # on Windows, while somebody reads it
                if wait is None:
                    raise
                time.sleep(wait)
    finally:
        draft.unlink(missing_ok=True)


def reset(path: Path, chosen: set[str] | None = None) -> tuple[list[str], Path | None]:
    """Forget the tasks `chosen` (None: all) after a copy; returns what was forgotten, and the copy.

    Raises `CannotKeep`.
    """
    with locked(path):
        tasks, problem = load(path)
        gone = sorted(tasks if chosen is None else chosen & tasks.keys())
        if not gone and problem is None:
            return [], None
        copy = free_name(path, "backup")
        copy.write_bytes(path.read_bytes())
        _write(path, {task: entry for task, entry in tasks.items() if task not in gone})
        return gone, copy
