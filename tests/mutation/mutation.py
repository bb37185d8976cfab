"""Mutation testing of kdcourse.losses with mutmut, and the page that reports it: tests/losses/MUTATION.md.

    make mutation                        mutants not tested yet, and once more those that survived
    make mutation FILES="tasks online"   all mutants of these files
    make mutation FRESH=1                all mutants of all files

mutmut writes all mutants of a function beside it, imports torch and the tests once, and forks a process for
each mutant, which runs the tests that call the function, quickest first, until one fails. Verdicts lie in
`mutants/`, so a run that was stopped goes on where it was. Needs os.fork: Linux, macOS, WSL.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path("kdcourse", "losses")
PAGE = Path("tests", "losses", "MUTATION.md")
UNEXPLAINED = "**not explained yet**"
NOTICED = ("killed", "timeout", "segfault")
HEAD = """# Mutation testing of the losses

A mutant is the library with one small change: another operator, a number plus one, an argument left out or
`None`, a string in capitals. It is killed if a test fails, and a mutant that survives is a mistake that the
tests would not see, or a change that makes no difference. `make mutation` generates and tests them with
[mutmut](https://mutmut.readthedocs.io), then rewrites this page; it keeps the last column of the second
table, which is written by hand.

- The tests are those of `tests/losses` that call the mutated function, without the slow ones, and with
  `torch.compile` switched off: mutmut's way of choosing the mutant cannot be traced.
- Docstrings, type hints, the words of f-strings, and what stands outside of functions are not changed.
- A mutant on which the tests ran out of time counts as killed. One that no test reaches counts as survived.
- The last column counts mutants in which only the text of a string differs, such as a name in an error
  message. They are in the other columns as well.
"""


@dataclass(frozen=True)
class Survivor:
    """A row of the second table; the first three cells say which mutant it is."""

    file: str
    function: str
    change: str
    reason: str = UNEXPLAINED


@dataclass(frozen=True)
class File:
    """A row of the first table."""

    name: str
    mutants: int
    killed: int
    timed_out: int
    text_killed: int
    text: int

    def row(self) -> str:
        noticed = self.killed + self.timed_out
        rate = f"{100 * noticed / self.mutants:.1f} %" if self.mutants else ""
        numbers = self.mutants, self.killed, self.timed_out, self.mutants - noticed, rate
        return f"| {self.name} | {' | '.join(map(str, numbers))} | {self.text_killed} of {self.text} |"


def cells(line: str) -> list[str]:
    """The cells of a table's row, as they are written there."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def read_page(path: Path) -> tuple[list[File], list[Survivor], str]:
    """Both tables of the page as it is, and the line with the time of the last fresh run."""
    files, survivors, took = [], [], ""
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        row = cells(line) if line.startswith("| ") else []
        if line.startswith("A fresh run"):
            took = line
        elif len(row) == 7 and row[0].endswith(".py"):
            name, mutants, killed, timed_out, *_, text = row
            files.append(File(name, int(mutants), int(killed), int(timed_out), *map(int, text.split(" of "))))
        elif len(row) == 4 and row[0].endswith(".py"):
            survivors.append(Survivor(*row))
    return files, survivors, took


def write_page(path: Path, files: list[File], survivors: list[Survivor], took: str) -> None:
    """The page; `files` and `survivors` in the order of their names."""
    total = [sum(getattr(f, key) for f in files) for key in list(File.__dataclass_fields__)[1:]]
    numbers = "---:|" * 6
    environment = (
        f"Python {platform.python_version()}, torch {version('torch').split('+')[0]}, "
        f"mutmut {version('mutmut')}, {platform.system()}, {os.cpu_count()} cores."
    )
    lines = [
        *(HEAD, took, environment, ""),
        *("| file | mutants | killed | timed out | survived | killed, % | text only: killed |",),
        *(
            f"|---|{numbers}",
            *(f.row() for f in files),
            File("**all**", *total).row(),
            "",
            "## Survivors",
            "",
        ),
        *("| file | function | mutant | why it survives |", "|---|---|---|---|"),
        *(f"| {s.file} | {s.function} | {s.change} | {s.reason} |" for s in survivors),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def only_text(old: str, new: str) -> bool:
    """Whether two pieces of code differ in nothing but what stands between quotation marks."""
    blank = [re.sub(r'"[^"]*"', '""', code) for code in (old, new)]
    return blank[0] == blank[1]


def measured(source: Path) -> tuple[File, list[Survivor]] | None:
    """What mutmut found in a file, or None if it has not tested all its mutants."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.stats import status_by_exit_code
    from mutmut.utils.format_utils import orig_function_and_class_names_from_key

    meta = Path("mutants") / f"{source}.meta"
    verdicts = (
        json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"] if meta.is_file() else {None: None}
    )
    if None in verdicts.values():
        return None
    count, survivors = Counter(), []
    for mutant, code in verdicts.items():
        status = status_by_exit_code[code]
        diff = get_diff_for_mutant(mutant, path=source).splitlines()[2:]
        old, new = (" ".join(line[1:].strip() for line in diff if line.startswith(sign)) for sign in "-+")
        count.update([status, "text" if only_text(old, new) else "code"])
        if status in NOTICED:
            count["text killed"] += only_text(old, new)
        else:
            function, owner = orig_function_and_class_names_from_key(mutant)
            where = f"{owner}.{function}" if owner else function
            change = "<br>".join(f"``{code}``" if "`" in code else f"`{code}`" for code in (old, new))
            untested = "" if status == "survived" else f" ({status})"
            survivors.append(Survivor(source.name, where, change.replace("|", r"\|") + untested))
    late = count["timeout"] + count["segfault"]
    return (
        File(source.name, len(verdicts), count["killed"], late, count["text killed"], count["text"]),
        survivors,
    )


def report(root: Path, took: str) -> list[File]:
    """Rewrite the page. What was not tested completely stays as it was; so do explanations."""
    files, survivors, took_before = read_page(root / PAGE)
    reasons = {(s.file, s.function, s.change): s.reason for s in survivors}
    rows = {f.name: (f, [s for s in survivors if s.file == f.name]) for f in files}
    found = {}
    for source in sorted(PACKAGE.glob("*.py")):
        row = measured(source) or rows.get(source.name)
        if row is None:
            print(f"{source}: not tested completely")
        elif row[0].mutants:
            found[source.name] = row
    files = [file for file, _ in found.values()]
    survivors = [
        Survivor(s.file, s.function, s.change, reasons.get((s.file, s.function, s.change), UNEXPLAINED))
        for _, left in found.values()
        for s in left
    ]
    write_page(root / PAGE, files, survivors, took or took_before)
    return files


def forget_survivors() -> None:
    """Let mutmut test again what has survived: since then the tests may have grown."""
    for path in Path("mutants", PACKAGE).glob("*.meta"):
        meta = json.loads(path.read_text(encoding="utf-8"))
        verdicts = meta["exit_code_by_key"]
        meta["exit_code_by_key"] = {key: code if code == 1 else None for key, code in verdicts.items()}
        path.write_text(json.dumps(meta, indent=4), encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="names of files, as `tasks` (default: all)")
    parser.add_argument("--fresh", action="store_true", help="forget the verdicts of earlier runs")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    options = parser.parse_args(argv)
    os.chdir(options.root)
    # Tests that are gone must not be run any longer; mutmut copies the others.
    shutil.rmtree(Path("mutants", *(() if options.fresh else ("tests",))), ignore_errors=True)
    forget_survivors()
    names = [f"{'.'.join(PACKAGE.parts)}.{Path(name).stem}.*" for name in options.files]
    # TORCHDYNAMO_DISABLE: torch.compile runs its function as it is.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TORCHDYNAMO_DISABLE": "1"}
    start = time.monotonic()
    status = subprocess.run([sys.executable, "-m", "mutmut", "run", *names], env=environment).returncode
    if status:
        return status
    minutes = (time.monotonic() - start) / 60
    files = report(
        options.root,
        f"A fresh run over all files took {minutes:.0f} minutes." if options.fresh and not names else "",
    )
    everything = sum(f.mutants for f in files)
    noticed = sum(f.killed + f.timed_out for f in files)
    print(
        f"{noticed} of {everything} mutants killed ({100 * noticed / max(1, everything):.1f} %): see {PAGE}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
