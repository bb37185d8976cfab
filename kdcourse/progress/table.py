"""What is passed and what comes next: `kdcourse progress`.

    kdcourse progress                          a table of all exercises
    kdcourse progress --json                   the same for programs, with times and tries
    kdcourse progress --reset [NN|TASK ...]    forget everything, an exercise or a task; a copy is kept

What is counted comes from the check cells that you ran. It stays on this machine: `kdcourse.progress.store`.
"""

import argparse
import json
import sys
from pathlib import Path

from kdcourse.progress import store
from kdcourse.progress.course import LECTURES, CourseMap, done_in
from kdcourse.progress.exercises import course_here, exercises


def rows(course: Path, tasks: dict[str, dict]) -> list[dict]:
    """One for each lecture: its exercise, what is passed, what comes next."""
    found = {exercise.number: exercise for exercise in exercises(course)}
    table = []
    for lecture in LECTURES:
        row = {"lecture": lecture.number, "title": lecture.title, "exercise": None}
        if exercise := found.get(lecture.number):
            states = {task: tasks.get(task, store.blank()) for task in exercise.checked}
            row |= {
                "exercise": exercise.name,
                "checked": [{"task": task, **state} for task, state in states.items()],
                "passed": sum(bool(state["passed"]) for state in states.values()),
                "read_by_a_person": exercise.read,
                "next": next((task for task, state in states.items() if not state["passed"]), None),
            }
        table.append(row)
    return table


def _text(table: list[dict], tasks: dict[str, dict]) -> list[str]:
    lines = [("lecture", "passed", "read", "next")]
    for row in table:
        title = f"{row['lecture']} {row['title']}"
        if row["exercise"] is None:
            lines.append((title, "-", "-", "no exercise"))
            continue
        step = f"all checks passed; {len(row['read_by_a_person'])} tasks for a reader"
        if row["next"]:
            tries = tasks.get(row["next"], store.blank())["tries"]
            step = row["next"] + (f" ({tries} {'try' if tries == 1 else 'tries'} so far)" if tries else "")
        passed = f"{row['passed']} of {len(row['checked'])}"
        lines.append((title, passed, str(len(row["read_by_a_person"])), step))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return ["  ".join(part.ljust(w) for part, w in zip(line, widths)).rstrip() for line in lines]


def _chosen(words: list[str], course: Path, tasks: dict[str, dict]) -> set[str] | None:
    """The tasks that the words name; None for all. Raises `ValueError`."""
    if not words:
        return None
    known, chosen = exercises(course), set()
    for word in words:
        if word in tasks or any(word in exercise.checked for exercise in known):
            chosen.add(word)
            continue
        number = word.removeprefix("ex")
        of = [e for e in known if word == e.name or (number.isdigit() and number.zfill(2) == e.number)]
        if not of:
            raise ValueError(
                f"--reset: expected tasks or exercises, such as kd_loss, 01 or ex01_soft_targets; got {word}."
            )
        chosen.update(of[0].checked)
    return chosen


def _reset(path: Path, words: list[str], course: Path) -> int:
    try:
        gone, copy = store.reset(path, _chosen(words, course, store.load(path)[0]))
    except (ValueError, store.CannotKeep) as error:
        print(f"kdcourse progress: {error.args[-1]}", file=sys.stderr)
        return 1
    if copy is None:
        print("There was nothing to forget.")
    else:
        print(f"Forgotten: {', '.join(gone) or 'a file that could not be read'}. A copy of before: {copy}")
    return 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="kdcourse progress", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="for programs: also times and numbers of tries")
    parser.add_argument(
        "--reset", nargs="*", metavar="WHAT", help="forget tasks or exercises (default: all), and keep a copy"
    )
    options = parser.parse_args(argv)
    course = course_here(Path.cwd())
    path = store.path_of(course)
    if path is None:
        print(f"Progress is not kept: the environment variable {store.SETTING} is `off`.")
        return 0
    if options.reset is not None:
        return _reset(path, options.reset, course)
    tasks, problem = done_in(course)
    table = rows(course, tasks)
    if problem:
        print(f"kdcourse progress: {problem}", file=sys.stderr)
    if options.json:
        print(json.dumps({"file": str(path), "lectures": table}, indent=1))
        return 0
    print("\n".join(_text(table, tasks)))
    passed, of = sum(row.get("passed", 0) for row in table), sum(len(row.get("checked", ())) for row in table)
    print(f"\n{passed} of {of} tasks with a check are passed; a person reads the others, column `read`.")
    if step := CourseMap(course, course, {t for t, entry in tasks.items() if entry["passed"]}).next_step():
        print(f"Next: task {step[1]}, in {step[0].notebook.relative_to(course).as_posix()}")
    print(f"Kept in {path}, on this machine only.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
