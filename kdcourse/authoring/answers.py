"""Files of right, wrong and trivial answers to one task, in blocks that begin with a line such as

    # %% right: with log_target
    # %% wrong: mean over everything -> text that the feedback must contain
    # %% trivial: zero

What stands before the first block (imports, helpers) belongs to each of them.
"""

import re
from dataclasses import dataclass
from pathlib import Path

_HEADER = re.compile(r"^# %% (right|wrong|trivial): (.+?)(?: -> (.+))?$")


@dataclass(frozen=True)
class Answer:
    kind: str  # right, wrong or trivial
    name: str
    expected: str  # a part of the feedback; empty if none is asked for
    source: str


def read_answers(path: Path) -> list[Answer]:
    """The answers in a file; `ValueError` names a block that cannot be read."""
    preamble, *blocks = re.split(r"^(?=# %%)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    answers = []
    for block in blocks:
        header, _, body = block.partition("\n")
        match = _HEADER.match(header.strip())
        if match is None:
            raise ValueError(
                f"{path.name}: expected `# %% right|wrong|trivial: name [-> text]`, got {header!r}"
            )
        kind, name, expected = match.groups()
        if kind == "wrong" and not expected:
            raise ValueError(f"{path.name}: wrong answer {name!r} needs `-> text of the feedback`")
        answers.append(Answer(kind, name, expected or "", f"{preamble.strip()}\n\n\n{body.strip()}\n"))
    return answers
