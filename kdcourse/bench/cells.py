"""What the benchmark computes, piece by piece: cells, the blocks in which they are trained, and records."""

from __future__ import annotations

import ast
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

TEACHER = "teacher"
SPLITS = ("validation", "test")
Setting = tuple[tuple[str, object], ...]


def as_setting(values: Mapping[str, object]) -> Setting:
    """A setting in its one form: (name, value) pairs, sorted by name.

    Lecture:
        18_capstone, section 6, through `ResultsFile`.

    >>> as_setting({"temperature": 4.0, "alpha": 0.9})
    (('alpha', 0.9), ('temperature', 4.0))
    """
    return tuple(sorted(values.items()))


@dataclass(frozen=True, order=True)
class Cell:
    """One number of the benchmark: one student, taught by one method, from one seed.

    world: the data and their teacher, e.g. "digits".
    student: the student's architecture; "teacher" for the teacher's own score.
    method: a name in `METHODS`, or "teacher".
    setting: the method's hyper-parameters and the learning rate, as `as_setting` gives them.
    seed: fixes the split of the data, the teacher, the student's first weights and the order of the batches.
    split: "validation" in the search, "test" for the verdict.
    budget: steps of training.

    Lecture:
        18_capstone, section 6, through `ResultsFile`.
    """

    world: str
    student: str
    method: str
    setting: Setting
    seed: int
    split: str
    budget: int

    def __post_init__(self):
        if self.split not in SPLITS:
            raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {self.split!r}")

    @property
    def key(self) -> str:
        """16 hex digits that name this cell on every machine."""
        text = json.dumps(asdict(self) | {"setting": dict(self.setting)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def block(self) -> Block:
        """The block of this cell alone."""
        return Block(
            self.world, self.student, self.method, self.setting, (self.seed,), self.split, self.budget
        )


@dataclass(frozen=True)
class Block:
    """Cells that differ in the seed only, and are trained side by side in one `SeedStack`.

    Lecture:
        18_capstone, section 6, through `ResultsFile`.
    """

    world: str
    student: str
    method: str
    setting: Setting
    seeds: tuple[int, ...]
    split: str
    budget: int

    @property
    def cells(self) -> tuple[Cell, ...]:
        return tuple(
            Cell(self.world, self.student, self.method, self.setting, seed, self.split, self.budget)
            for seed in self.seeds
        )

    def only(self, seeds: Sequence[int]) -> Block:
        """This block with these seeds."""
        return replace(self, seeds=tuple(seeds))

    def __str__(self) -> str:
        values = ", ".join(f"{name} {value}" for name, value in self.setting)
        who = self.method if self.student == TEACHER else f"{self.student}, {self.method}"
        return f"{self.world}: {who}" + (f" ({values})" if values else "")


@dataclass(frozen=True)
class Record:
    """What is known of a cell once it has been computed.

    accuracy: in percent, on the cell's split.
    seconds: processor seconds of training; of nets trained side by side, this one's share.
    parameters: of the net that is deployed (without what only training needs).
    code: fingerprint of the code that computed it; torch: its version; device; when: UTC, ISO 8601.

    Lecture:
        18_capstone, section 6, through `ResultsFile`.
    """

    cell: Cell
    accuracy: float
    seconds: float
    parameters: int
    code: str = ""
    torch: str = ""
    device: str = "cpu"
    when: str = ""

    def to_json(self) -> str:
        """One line of a results file."""
        cell = asdict(self.cell) | {"setting": dict(self.cell.setting)}
        return json.dumps({"key": self.cell.key, **asdict(self), "cell": cell}, sort_keys=True)

    @classmethod
    def from_json(cls, line: str) -> Record:
        """Read what `to_json` wrote.

        Raises:
            ValueError: not such a line, or its key does not belong to its cell, or its numbers are none.
        """
        try:
            values = json.loads(line)
            key, cell = values.pop("key"), values.pop("cell")
            cell = Cell(**cell | {"setting": as_setting(cell["setting"])})
            record = cls(cell=cell, **values)
            numbers = [float(record.accuracy), float(record.seconds), float(record.parameters)]
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"expected a record of the benchmark, got {line[:80]!r}") from error
        if key != cell.key or not all(map(math.isfinite, numbers)) or not 0 <= numbers[0] <= 100:
            raise ValueError(f"a record that contradicts itself: {line[:80]!r}")
        return record


@cache
def code_fingerprint() -> str:
    """12 hex digits that change with any statement of the rooms from which a result comes."""
    package = Path(__file__).resolve().parent.parent
    rooms = ("losses", "models", "data", "training", "bench")
    files = [path for room in rooms for path in sorted((package / room).glob("*.py"))]
    files.append(package / "evaluation" / "predictions.py")
    # Neither what draws reports nor what hands out work changes a result.
    aside = ("report", "command", "progress", "plans", "presets", "results", "runner")
    digest = hashlib.sha256()
    for path in files:
        if path.parent.name != "bench" or not path.stem.startswith(aside):
            digest.update(f"{path.name}\0{statements(path.read_text(encoding='utf-8'))}\0".encode())
    return digest.hexdigest()[:12]


def statements(code: str) -> str:
    """The code without what changes no result: comments, docstrings, layout."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)
