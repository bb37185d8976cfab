"""One file of results: appended to, never rewritten, readable after a kill at any moment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from kdcourse.bench.cells import Record


class ResultsError(RuntimeError):
    """A results file cannot be used; the message says why and what to do.

    Lecture:
        18_capstone, section 6, through `ResultsFile`.
    """


class ResultsFile:
    """Records, one JSON object a line, in a file that only grows.

    The records of one `append` reach the disk in a single write, each line with a key made from its cell. A
    kill in the middle of it leaves a last line without its end, which `read` passes over and the next
    `append` cuts off: what had been appended before is never lost.

    Args:
        path: the file; it, and its folder, are made by the first `append`.

    Lecture:
        18_capstone, section 6.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def read(self) -> list[Record]:
        """All records in the order in which they were appended; of one cell, the first counts.

        Raises:
            ResultsError: a whole line that is no record: the file was edited, or the disk is at fault.
        """
        lines = self._whole_lines().decode("utf-8", errors="replace").splitlines()
        records: dict[str, Record] = {}
        for number, line in enumerate(lines, start=1):
            try:
                record = Record.from_json(line)
            except ValueError as error:
                raise ResultsError(
                    f"{self.path}, line {number}: {error}. Remove this line (its cell is then computed "
                    "again), or give another file."
                ) from error
            records.setdefault(record.cell.key, record)
        return list(records.values())

    def append(self, records: Sequence[Record]) -> None:
        """Add records; on return they are on the disk."""
        if not records:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = len(self._whole_lines())
        with open(self.path, "r+b" if self.path.exists() else "wb") as file:
            file.truncate(whole)  # a line that a kill cut short
            file.seek(whole)
            file.write("".join(record.to_json() + "\n" for record in records).encode())
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def locked(self) -> Iterator[ResultsFile]:
        """Keep every other run away from this file while the block lasts.

        Raises:
            ResultsError: another run is at work on it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{self.path}.lock")  # released by the operating system if this process is killed
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise ResultsError(
                f"Another run is writing to {self.path}. Wait for it (`kdcourse bench status` shows how far "
                "it is), or give another file."
            ) from error
        try:
            yield self
        finally:
            lock.release()

    def _whole_lines(self) -> bytes:
        """The file up to its last line break."""
        content = self.path.read_bytes() if self.path.exists() else b""
        return content[: content.rfind(b"\n") + 1]
