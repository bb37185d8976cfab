"""A walkthrough of a lecture for the one who teaches it, with the rubric of its exercise.

Everything is taken from the lecture (questions, predictions, stored outputs), its solved exercise (sample
answers, mark schemes, points) and the graders (known mistakes). It contains solutions.
"""

import ast
import re
import symtable
from pathlib import Path

from nbformat import NotebookNode

from kdcourse.authoring import notebooks
from kdcourse.teaching.material import deck, lectures
from kdcourse.teaching.material.misconceptions import Misconception, misconceptions

_SCHEME = re.compile(r"### BEGIN MARK SCHEME\n(.*?)### END MARK SCHEME", re.DOTALL)
_SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)\n\s*### END SOLUTION", re.DOTALL)
_MOST_OUTPUT = 12  # lines


def build_guide(notebook: Path, solution: Path | None, bank: list[Misconception] | None = None) -> str:
    """The guide of one lecture as markdown.

    Args:
        notebook: the executed lecture.
        solution: the solved exercise, None for a lecture without one.
        bank: known mistakes of the exercise's tasks; without it they are collected here, which takes seconds.

    Raises `ValueError` if the lecture has no header.
    """
    book = notebooks.read(notebook)
    header, solved = lectures.read_header(book), notebooks.read(solution) if solution else None
    points = lectures.points(solved) if solved else {}
    if bank is None:
        bank = collected(notebook.resolve().parent.parent, header)
    return "\n".join([
        f"# Guide to lecture {header.number} · {header.title}", "",
        "For instructors: contains solutions.", "",
        f"**Question.** {header.question}", "",
        f"**Time.** {header.minutes:g} minutes: {header.reading:g} to read and talk, {header.running:g} "
        "to run.",
        "", f"**Learners should know.** {header.prerequisites}", "",
        *_objectives(header, points, solved), *_plan(book), *_walk(book),
        *_misunderstandings(header, solved, bank),
        *(rubric(solved) if solved else []),
    ])  # fmt: skip


def collected(root: Path, header: lectures.Header) -> list[Misconception]:
    """The known mistakes of the tasks that a lecture's objectives name."""
    from kdcourse.grading.tasks import all_tasks

    named = {task for goal in header.objectives for task in goal.tasks}
    return [entry for task in sorted(named & all_tasks().keys()) for entry in misconceptions(root, only=task)]


def _objectives(header: lectures.Header, points: dict[str, float], solved: NotebookNode | None) -> list[str]:
    by_hand = {task for task, _ in manual(solved)} if solved else set()
    lines = [
        "## Objectives and the tasks that meet them",
        "",
        "| | objective | task (points) |",
        "|---|---|---|",
    ]
    for number, goal in enumerate(header.objectives, 1):
        tasks = [
            f"`{task}` ({points.get(task, 0):g}, {'by hand' if task in by_hand else 'by its check'})"
            for task in goal.tasks
        ]
        lines.append(f"| {number} | {goal.text} | {', '.join(tasks) or 'self-check'} |")
    total = f"In all {sum(points.values()):g} points." if points else "This lecture has no exercise."
    return [*lines, "", total, ""]


def _plan(book: NotebookNode) -> list[str]:
    """Minutes, slides and what needs what: enough to choose the sections for a class that is shorter."""
    taught = [section for section in lectures.sections(book) if lectures.is_taught(section)]
    users = _users(taught)
    lines = ["## Plan", "", "| section | minutes | slides | its code is used in |", "|---|---|---|---|"]
    minute, slide, spare = 0.0, 3, []  # two slides open the lecture
    for place, (section, count) in enumerate(zip(taught, deck.counts(book), strict=True)):
        until, last = minute + section.minutes, slide + count - 1
        later = ", ".join(_short(taught[user]) for user in sorted(users[place])) or "–"
        slides = f"{slide}" if count == 1 else f"{slide} to {last}"
        name = section.title or "Imports and settings"
        lines.append(f"| {name} | {minute:.0f} to {until:.0f} | {slides} | {later} |")
        minute, slide = until, last + 1
        if _short(section) != section.title and not users[place]:
            spare.append(section)
    if spare:
        total = sum(section.minutes for section in spare)
        named = ", ".join(map(_short, spare))
        lines += [
            "",
            f"If time is short, choose what to leave to the reader among {named} ({total:.0f} minutes "
            "together): no later section needs their code.",
        ]
    return [*lines, ""]


def _short(section: lectures.Section) -> str:
    """The number of a section, or its title if it has none."""
    number = re.match(r"\d+(?= · )", section.title)
    return number[0] if number else section.title


def _users(sections: list[lectures.Section]) -> list[set[int]]:
    """For each section the places of those that use a name which it was the last to define."""
    maker: dict[str, int] = {}
    users: list[set[int]] = [set() for _ in sections]
    for place, section in enumerate(sections):
        made, used = set(), set()
        for cell in (cell for cell in section.cells if cell.cell_type == "code"):
            try:
                tree, table = ast.parse(cell.source), symtable.symtable(cell.source, cell.id, "exec")
            except SyntaxError:  # a notebook's magic
                continue
            made |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned()}
            loaded = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
            used |= loaded
        for name in (used - made) & maker.keys():
            users[maker[name]].add(place)
        maker |= dict.fromkeys(made, place)
    return users


def _walk(book: NotebookNode) -> list[str]:
    """The sections in order: minutes, what to ask before which figure, what comes out."""
    lines, minute = ["## Walkthrough", ""], 0.0
    for section in lectures.sections(book):
        if not lectures.is_taught(section) or not section.minutes:
            continue
        lines += [f"### {section.title or 'Imports and settings'}", ""]
        lines += [f"*Minute {minute:.0f} to {minute + section.minutes:.0f} ({section.minutes:g} min).*", ""]
        minute += section.minutes
        waiting = None
        for part in section.parts:
            for cell in part.cells:
                if cell.cell_type == "markdown":
                    if part.predicts and cell is part.cells[0]:
                        if waiting:
                            lines += [*_ask(waiting, ""), ""]
                        waiting = cell.source
                    elif "<summary>" in cell.source:
                        lines += [*_self_check(cell.source), ""]
                    continue
                seen = _outcome(cell)
                if seen and waiting:
                    lines += [*_ask(waiting, _where(cell)), ""]
                    waiting = None
                lines += seen
        if waiting:
            lines += [*_ask(waiting, "the next section"), ""]
    return lines


def _where(cell: NotebookNode) -> str:
    what = "the figure" if lectures.figures(cell) else "the output"
    return f"{what} of cell `{cell.id}`"


def _ask(prediction: str, where: str) -> list[str]:
    head = f"**Ask, before {where} is shown:**" if where else "**Ask:**"
    return [head, "", *(f"> {line}".rstrip() for line in prediction.splitlines())]


def _self_check(text: str) -> list[str]:
    words = re.sub(r"</?details>", "", text)
    words = re.sub(r"<summary>(.*?)</summary>", lambda m: f"*{m[1].strip()}:* ", words)
    return ["**Ask at the end:**", "", words.strip()]


def _outcome(cell: NotebookNode) -> list[str]:
    """What a cell has printed and drawn, as it is stored."""
    lines = []
    printed = lectures.printed(cell).splitlines()
    if printed:
        more = [f"... ({len(printed) - _MOST_OUTPUT} more lines)"] if len(printed) > _MOST_OUTPUT else []
        lines += ["Comes out:", "", "```text", *printed[:_MOST_OUTPUT], *more, "```", ""]
    for _, alt in lectures.figures(cell):
        lines += [f"Figure: {alt}", ""]
    return lines


def _misunderstandings(
    header: lectures.Header, solved: NotebookNode | None, bank: list[Misconception], most: int = 4
) -> list[str]:
    lines = ["## Typical misunderstandings", ""]
    for task in (task for goal in header.objectives for task in goal.tasks):
        known = [entry for entry in bank if entry.task == task][:most]
        lines += [f"- `{task}`: {entry.diagnosis}" for entry in known]
    for task, cell in manual(solved) if solved else []:
        found = [_SCHEME.search(cell.source)]
        nothing = re.findall(r"none: (.+?)(?=\n|$)", found[0][1]) if found[0] else []
        lines += [f"- `{task}`, worth nothing: {words}" for words in nothing]
    return [*lines, ""] if len(lines) > 2 else []


def manual(solved: NotebookNode) -> list[tuple[str, NotebookNode]]:
    """The tasks of an exercise that are marked by hand, with their cells."""
    return [(notebooks.grade_id(c), c) for c in solved.cells if notebooks.role(c) == "manual"]


def rubric(solved: NotebookNode) -> list[str]:
    """Lines of markdown: question, sample answer and mark scheme of each task that is marked by hand."""
    lines = ["## Marking by hand", ""]
    for task, cell in manual(solved):
        lines += [f"### `{task}` ({cell.metadata.nbgrader.points:g} points)", ""]
        question = _question(solved, cell)
        if question:
            lines += ["**Question.**", "", *(f"> {line}".rstrip() for line in question.splitlines()), ""]
        answer = _SCHEME.sub("", cell.source)
        if cell.cell_type == "code":
            answer = "\n\n".join(_SOLUTION.findall(answer)) or answer.strip()
            answer = f"```python\n{answer}\n```"
        lines += ["**Sample answer.**", "", answer.strip(), ""]
        schemes = _SCHEME.findall(cell.source)
        if schemes:
            lines += ["**Mark scheme.**", "", *(scheme.strip() for scheme in schemes), ""]
        else:
            lines += ["**Mark scheme.** With that of the report below or above.", ""]
    return lines if len(lines) > 2 else []


def _question(solved: NotebookNode, cell: NotebookNode) -> str:
    """The text above a cell: it asks the question."""
    place = next(i for i, other in enumerate(solved.cells) if other is cell)
    for other in reversed(solved.cells[:place]):
        if notebooks.role(other) == "manual":
            return ""
        if other.cell_type == "markdown":
            return re.sub(r"^#+ (.*)$", r"**\1**", other.source, flags=re.M)
    return ""
