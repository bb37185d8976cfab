"""Mutation testing of the graders: is a right answer with one small change still accepted?

    make mutation-graders                     all tasks that `check` knows
    make mutation-graders TASKS="ntk at_loss" these only; the rows of the others stay

mutmut makes the mutants, of the first right answers in tests/answers that are written differently. Each is
given to `check`, in a process that may die of it. The page, tests/grading/MUTATION.md, is rewritten; its last
column is written by hand and kept.
"""

import argparse
import ast
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from mutation import UNEXPLAINED, cells

ROOT = Path(__file__).resolve().parents[2]
PAGE = Path("tests", "grading", "MUTATION.md")
HEAD = """# Mutation testing of the graders

A mutant is a right answer with one small change: another operator, a number plus one, an argument left out
or `None`. `make mutation-graders` makes them with [mutmut](https://mutmut.readthedocs.io), from the first
{answers} right answers of each task in `tests/answers`, gives each to `kdcourse.grading.check`, and rewrites
this page; it keeps the last column of the second table, which is written by hand.

- A mutant that is accepted is a mistake that a learner could make unnoticed, or a change that makes no
  difference to what the task asks for.
- "named" counts rejected mutants for which `check` recognised the mistake; the others get to hear what was
  seen, such as an error's text or by which factor the value is off.
- Changes of text in error messages, of type hints and of docstrings are not made.
"""


@dataclass(frozen=True)
class Mutant:
    task: str
    answer: str
    change: str
    source: str


@dataclass(frozen=True)
class Accepted:
    task: str
    answer: str
    change: str
    reason: str = UNEXPLAINED


def mutants(task: str, path: Path, most: int) -> Iterator[Mutant]:
    """The mutants of the first `most` right answers in a file."""
    from mutmut.mutation.file_mutation import create_mutations, deep_replace

    from kdcourse.authoring.answers import read_answers

    for answer in [a for a in read_answers(path) if a.kind == "right"][:most]:
        module, mutations, _, _ = create_mutations(str(path), answer.source)
        seen, used = {module.code}, _used(answer.source, task)
        for mutation in mutations:
            owner = mutation.contained_by_top_level_function
            if owner is None or owner.name.value not in used:
                continue  # helpers of other answers in the file
            source = deep_replace(module, mutation.original_node, mutation.mutated_node).code
            if source in seen or _only_text(module.code, source):
                continue
            seen.add(source)
            yield Mutant(task, answer.name, _change(module.code, source), source)


def _used(source: str, task: str) -> set[str]:
    """Names of the functions that the answer calls, and of those that they call."""
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    used, todo = set(), [task]
    while todo:
        name = todo.pop()
        if name in functions and name not in used:
            used.add(name)
            inside = list(ast.walk(functions[name]))
            own = {node.name for node in inside[1:] if isinstance(node, ast.FunctionDef)}
            own |= {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            todo += [n.id for n in inside if isinstance(n, ast.Name) and n.id not in own]
    return used


def _only_text(old: str, new: str) -> bool:
    """Whether the two differ only in the words of a message that is raised."""
    lines = [(a, b) for a, b in zip(old.splitlines(), new.splitlines(), strict=False) if a != b]
    return bool(lines) and all("Error(" in a and "Error(" in b for a, b in lines)


def _change(old: str, new: str) -> str:
    import difflib

    diff = list(difflib.ndiff(old.splitlines(), new.splitlines()))
    before, after = (" ".join(x[2:].strip() for x in diff if x.startswith(sign)) for sign in ("- ", "+ "))
    quoted = (f"``{code}``" if "`" in code else f"`{code}`" for code in (before, after))
    return "<br>".join(quoted).replace("|", r"\|")


def verdict(mutant: Mutant) -> tuple[str, str]:
    """What `check` says: accepted, named or rejected; with the first line of the feedback."""
    from kdcourse.grading import check

    names: dict = {}
    try:
        exec(compile(mutant.source, mutant.answer, "exec"), names)
    except Exception as error:
        return "rejected", f"{type(error).__name__} when it is defined"
    report = check(mutant.task, names.get(mutant.task))
    if report.passed:
        return "accepted", ""
    return ("named" if report.diagnosis else "rejected"), report.feedback[0]


def _prepare() -> None:
    import resource  # Linux and macOS only, and so is this command

    resource.setrlimit(resource.RLIMIT_DATA, (6 * 2**30, 6 * 2**30))
    os.nice(5)
    import torch

    torch.set_num_threads(1)


def judge(found: list[Mutant], workers: int) -> list[str]:
    """A verdict for each. One that kills its process is rejected, and tried alone to be sure who it was."""

    def pool(size: int) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(size, mp_context=context, initializer=_prepare)

    verdicts: list[str] = [""] * len(found)
    start = time.monotonic()
    with pool(workers) as executor:
        futures = [executor.submit(verdict, mutant) for mutant in found]
        for i, future in enumerate(futures):
            try:
                verdicts[i] = future.result(timeout=120)[0]
            except (BrokenProcessPool, TimeoutError):
                break
            if i % 50 == 49:
                print(f"{i + 1} of {len(found)} after {time.monotonic() - start:.0f} s", flush=True)
    for i, mutant in enumerate(found):
        if not verdicts[i]:
            with pool(1) as alone:
                try:
                    verdicts[i] = alone.submit(verdict, mutant).result(timeout=120)[0]
                except (BrokenProcessPool, TimeoutError):
                    verdicts[i] = "rejected"
    return verdicts


def read_page(path: Path) -> tuple[dict[str, str], list[Accepted]]:
    """The rows of the first table by task, and those of the second."""
    rows, accepted = {}, []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        row = cells(line) if line.startswith("| `") else []
        task = row[0].strip("`") if row else ""
        if len(row) == 6:
            rows[task] = line
        elif len(row) == 4:
            accepted.append(Accepted(task, *row[1:]))
    return rows, accepted


def write_page(path: Path, rows: dict[str, str], accepted: list[Accepted], answers: int) -> None:
    numbers = [[int(n) for n in cells(line)[1:5]] for line in rows.values()]
    total = [sum(column) for column in zip(*numbers, strict=True)]
    lines = [
        HEAD.format(answers=answers),
        "| task | mutants | rejected | of these named | accepted | rejected, % |",
        "|---|---:|---:|---:|---:|---:|",
        *(rows[task] for task in sorted(rows)),
        _row("**all**", *total),
        "",
        "## Accepted",
        "",
        "| task | right answer | mutant | why it is accepted |",
        "|---|---|---|---|",
        *(
            f"| `{a.task}` | {a.answer} | {a.change} | {a.reason} |"
            for a in sorted(accepted, key=lambda a: a.task)
        ),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def _row(task: str, mutants: int, rejected: int, named: int, accepted: int) -> str:
    rate = 100 * rejected / max(1, mutants)
    return f"| {task} | {mutants} | {rejected} | {named} | {accepted} | {rate:.1f} % |"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", help="ids of tasks (default: all)")
    parser.add_argument("--answers", type=int, default=3, help="right answers of each task to change")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(argv)
    os.chdir(ROOT)
    os.environ |= {"OMP_NUM_THREADS": "1", "KDCOURSE_QUIET": "1"}
    from kdcourse.grading.tasks import all_tasks

    files = {path.stem: path for path in sorted(Path("tests", "answers").glob("ex*/*.py"))}
    unknown = set(options.tasks) - files.keys() | set(options.tasks) - all_tasks().keys()
    if unknown:
        parser.error(f"no such task with answers: {', '.join(sorted(unknown))}")
    wanted = options.tasks or [task for task in files if task in all_tasks()]
    found = [mutant for task in wanted for mutant in mutants(task, files[task], options.answers)]
    print(f"{len(found)} mutants of {len(wanted)} tasks", flush=True)
    verdicts = judge(found, options.workers)

    rows, accepted_before = read_page(PAGE)
    reasons = {(a.task, a.answer, a.change): a.reason for a in accepted_before}
    accepted = [a for a in accepted_before if a.task not in wanted]
    for task in wanted:
        said = Counter(v for m, v in zip(found, verdicts, strict=True) if m.task == task)
        rejected = said["rejected"] + said["named"]
        rows[task] = _row(f"`{task}`", sum(said.values()), rejected, said["named"], said["accepted"])
    for mutant, said in zip(found, verdicts, strict=True):
        if said == "accepted":
            key = mutant.task, mutant.answer, mutant.change
            accepted.append(Accepted(*key, reasons.get(key, UNEXPLAINED)))
    write_page(PAGE, {task: rows[task] for task in rows if task in files}, accepted, options.answers)
    share = verdicts.count("accepted") / max(1, len(verdicts))
    print(f"{100 * (1 - share):.1f} % of {len(verdicts)} mutants rejected: see {PAGE}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
