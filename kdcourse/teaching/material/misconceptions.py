"""The misconception bank: what the graders recognise, as data and as a page.

Most tasks list their known mistakes as formulas with a sentence on each. The others recognise a mistake by
what they see; there the wrong answers of `tests/answers` are checked, and what the grader says is kept.
"""

import ast
import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch

from kdcourse.authoring import notebooks
from kdcourse.authoring.answers import read_answers
from kdcourse.grading import check
from kdcourse.grading.tasks import all_tasks
from kdcourse.teaching.material import lectures

_PAIR = "Two things. "  # how a diagnosis of two mistakes made together begins


@dataclass(frozen=True)
class Misconception:
    """One diagnosed mistake.

    `wrong` is Python: the wrong formula or the wrong answer. `diagnosis` is what the learner reads.
    """

    task: str
    lecture: str  # its number, "" if no exercise asks for the task
    wrong: str
    diagnosis: str
    hint: str

    @property
    def mistake(self) -> str:
        """The first half of the diagnosis: what was done."""
        return _halves(self.diagnosis)[0]


def misconceptions(root: Path, *, only: str | None = None) -> list[Misconception]:
    """All diagnosed mistakes, by lecture and task, each sentence once; of `only` one task if it is given.

    Pairs of mistakes made together are left out: each of the two stands for itself. Raises `ValueError` for
    an unknown task.
    """
    if only is not None and only not in all_tasks():
        raise ValueError(f"only: expected one of {', '.join(sorted(all_tasks()))}; got {only!r}")
    where, hints = _lectures_and_hints(root)
    found = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the graders' tensors are tiny: a second thread costs more than it gains
    try:
        for task, examine in all_tasks().items():
            for wrong, diagnosis in _diagnoses(task, examine, root) if only in (None, task) else ():
                advice = _halves(diagnosis)[1] or hints.get(task, "")
                entry = Misconception(task, where.get(task, ""), wrong, diagnosis, advice)
                found.setdefault((task, diagnosis), entry)
    finally:
        torch.set_num_threads(threads)
    return sorted(found.values(), key=lambda entry: (entry.lecture or "99", entry.task))


def _diagnoses(task: str, examine: Callable, root: Path) -> Iterator[tuple[str, str]]:
    """(wrong code, diagnosis) of one task."""
    known = list(examine.wrong()) if hasattr(examine, "wrong") else []
    singles = [m for m in known if not m.sentence.startswith(_PAIR) and _parts(m.function) < 2]
    for function, sentence in singles:
        yield _formula(function), sentence
    if singles:
        return
    for path in sorted(root.glob(f"tests/answers/ex*/{task}.py")):
        for answer in read_answers(path):
            if answer.kind == "wrong":
                diagnosis = _try(task, answer.source)
                if diagnosis and not diagnosis.startswith(_PAIR):
                    yield _without_helpers(answer.source, task), diagnosis


def _parts(function: Callable) -> int:
    """How many parts of a formula are exchanged; 0 if it is not put together from parts."""
    chosen = _inside(function).get("chosen")
    return len(chosen) if isinstance(chosen, dict) else 0


def _inside(function: Callable) -> dict:
    return inspect.getclosurevars(function).nonlocals if hasattr(function, "__code__") else {}


def _try(task: str, source: str) -> str | None:
    names: dict = {}
    exec(compile(source, f"wrong answer to {task}", "exec"), names)
    return check(task, names[task]).diagnosis


def _halves(sentence: str) -> tuple[str, str]:
    """What was done, and what to do about it."""
    found = re.split(r"(?<=\w)[`)]?(?::|;|\.) (?=\S)", sentence, maxsplit=1)
    if len(found) < 2:
        return sentence, ""
    cut = len(sentence) - len(found[1])
    return sentence[:cut].rstrip(" :;."), found[1][0].upper() + found[1][1:]


def _lectures_and_hints(root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The lecture of each task, and the hints in its answer cell."""
    where, hints = {}, {}
    for path in notebooks.sources(root):
        book, number = notebooks.read(path), path.parent.name[2:4]
        where |= dict.fromkeys(lectures.points(book), number)
        for cell in book.cells:
            text = re.search(r"Hints?: (.*?)(?:\n\n|\"\"\")", cell.source, re.DOTALL)
            if notebooks.role(cell) == "solution" and text:
                hint = " ".join(text[1].split())
                hints[notebooks.grade_id(cell)] = hint[0].upper() + hint[1:]
    # Where an exercise is not written yet, the answers lie in its folder already.
    for path in root.glob("tests/answers/ex*/*.py"):
        where.setdefault(path.stem, path.parent.name[2:4])
    return where, hints


def _formula(function: Callable) -> str:
    """The source of a wrong formula: of a lambda, of a function, or of the part that was exchanged."""
    if isinstance(function, partial):
        given = [_value(value) for value in function.args]
        given += [f"{name}={_value(value)}" for name, value in function.keywords.items()]
        return f"{_name(function.func)}({', '.join(given)})"
    inside = _inside(function)
    chosen = inside.get("chosen")
    if isinstance(chosen, dict):  # a formula put together from parts
        return "; ".join(f"{part} = {_formula(value)}" for part, value in chosen.items())
    if getattr(function, "__name__", "") != "<lambda>":
        return _body(function)
    node = _lambda(function)
    if node is None:
        return "(not shown)"
    text = ast.unparse(node)
    bound = {k: v for k, v in inside.items() if isinstance(v, int | float | str | bool)}
    return text + (f"  # with {', '.join(f'{k} = {v!r}' for k, v in sorted(bound.items()))}" if bound else "")


def _value(value: object) -> str:
    return _name(value) if callable(value) else repr(value)


def _name(function: Callable) -> str:
    return _formula(function) if getattr(function, "__name__", "") == "<lambda>" else getattr(
        function, "__name__", type(function).__name__
    ).lstrip("_")  # fmt: skip


def _body(function: Callable) -> str:
    try:
        node = ast.parse(inspect.cleandoc("\n" + inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError):
        return getattr(function, "__name__", type(function).__name__)
    if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
        node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(node)


def _lambda(function: Callable) -> ast.Lambda | None:
    """The node of a lambda; several on one line are told apart by the columns of their code."""
    code = function.__code__
    here = [node for node in _lambdas(code.co_filename) if node.lineno == code.co_firstlineno]
    spots = [(line, column) for line, _, column, _ in code.co_positions() if line and column is not None]
    for node in here:
        begin = node.body.lineno, node.body.col_offset
        end = node.body.end_lineno, node.body.end_col_offset
        if all(begin <= spot <= end for spot in spots[1:] or spots):
            return node
    return here[0] if len(here) == 1 else None


@cache
def _lambdas(file: str) -> list[ast.Lambda]:
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]


def _without_helpers(source: str, task: str) -> str:
    """Of a wrong answer the function itself, without imports and without its docstring."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == task:
            if ast.get_docstring(node):
                node.body = node.body[1:] or [ast.Pass()]
            return ast.unparse(node)
    return source.strip()


def misconception_page(root: Path, bank: list[Misconception] | None = None, *, most: int = 15) -> str:
    """The bank as one markdown page, by lecture and task; `most` mistakes of each task.

    The graders try the commonest mistakes first, so the first ones are those worth a lecturer's time.
    """
    bank = misconceptions(root) if bank is None else bank
    counts = Counter(entry.task for entry in bank)
    titles = {}
    for path in notebooks.lectures(root):
        titles[path.name[:2]] = lectures.read_header(notebooks.read(path)).title
    lines = [
        "# Misconception bank", "",
        f"{len(bank)} mistakes that the graders recognise, in {len({entry.task for entry in bank})} tasks. "
        "Ask in the lecture what the wrong code computes and how one would notice, before the exercise is "
        "handed out. It shows how tasks are *not* solved, and often how they are: not for learners.", "",
    ]  # fmt: skip
    lecture = task = None
    shown: Counter[str] = Counter()
    for entry in bank:
        if entry.lecture != lecture:
            lecture = entry.lecture
            lines += [f"## {lecture or 'Other'} · {titles.get(lecture, 'no lecture yet')}", ""]
        if entry.task != task:
            task = entry.task
            more = f", {most} of {counts[task]}" if counts[task] > most else ""
            lines += [f"### `{task}`{more}", ""]
        shown[task] += 1
        if shown[task] > most:
            continue
        lines += [f"- **{entry.mistake}**", *(f"  {line}".rstrip() for line in _fenced(entry.wrong))]
        lines += [f"  *Hint:* {entry.hint}", ""] if entry.hint else [""]
    return "\n".join(lines)


def _fenced(code: str) -> list[str]:
    return ["", "```python", *code.splitlines(), "```", ""]
