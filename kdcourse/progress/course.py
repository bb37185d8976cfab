"""The course as a map: what each lecture answers, what it builds on, three ways through, and what is done."""

import os
from pathlib import Path
from typing import NamedTuple

from kdcourse.progress import store
from kdcourse.progress.exercises import Exercise, course_here, exercises


class Lecture(NamedTuple):
    """A line of the map."""

    number: str
    title: str
    question: str
    needs: tuple[str, ...] = ()  # lectures, as their headers say


LECTURES = (
    Lecture("00", "start here", "what costs what, and what can be done without a teacher?"),
    Lecture("01", "soft targets", "what do a teacher's wrong answers know?", ("00",)),
    Lecture("02", "better soft targets", "what if the teacher is too strong, too sure, or one of many?",
            ("01",)),
    Lecture("03", "hints and factors", "can a student copy what goes on *inside* the teacher?", ("01",)),
    Lecture("04", "attention and activations", "where does the teacher look, and which units are on?",
            ("01", "03")),
    Lecture("05", "relations", "what is alike in the teacher's eyes?", ("01", "03")),
    Lecture("06", "self-distillation", "can a network teach itself?", ("01", "02")),
    Lecture("07", "online distillation", "can two beginners teach each other?", ("01",)),
    Lecture("08", "detection", "what is it, and where does it end?", ("01", "03", "04")),
    Lecture("09", "segmentation", "what does a teacher say about every pixel?", ("01", "05")),
    Lecture("10", "generative", "can a small network learn to draw from a large one?", ("03",)),
    Lecture("11", "language", "what can a Transformer copy from another one?", ("01", "03")),
    Lecture("12", "edge and graphs", "what if the data sit in the wrong place, or form a graph?",
            ("01", "03")),
    Lecture("13", "pretraining distillation", "can a teacher's answers be stored once and used for years?",
            ("01",)),
    Lecture("14", "NetAug", "why do tiny networks want a larger one around them?", ("00",)),
    Lecture("15", "why: risk and bounds", "what does a teacher do to an estimate, and to a guarantee?",
            ("01",)),
    Lecture("16", "why: the kernel view", "what does a very wide student learn?", ("01",)),
    Lecture("17", "why: many views", "how does distillation hand on what one network has not seen?",
            ("01", "06")),
    Lecture("18", "capstone", "which method is best, and how would you know?", ("01",)),
)  # fmt: skip


class Route(NamedTuple):
    """A way through the course."""

    name: str
    lectures: tuple[str, ...]
    words: str


ROUTES = (
    Route("one afternoon", ("00", "01"), "Both, and the first half of exercise 01: about three hours."),
    Route("engineer", ("00", "01", "03", "13", "18"),
          "After 03 add the one of 08 to 12 that is nearest to your task."),
    Route("theory", ("00", "01", "02", "06", "15", "16", "17"), "Why it works; 06 brings what 17 explains."),
)  # fmt: skip


class CourseMap:
    """Shows itself as a table: in Markdown, so in the colours of the page around it, or as plain text."""

    def __init__(self, course: Path, folder: Path, passed: set[str], problem: str | None = None) -> None:
        """`folder` is where links start, `passed` the tasks that are done."""
        self.course, self.folder, self.passed, self.problem = course, folder, passed, problem
        self.exercises = {exercise.number: exercise for exercise in exercises(course)}

    @classmethod
    def here(cls) -> "CourseMap":
        """Of the course at or above the current folder, with what was passed there."""
        folder = Path.cwd().resolve()
        course = course_here(folder)
        tasks, problem = done_in(course)
        return cls(course, folder, {task for task, entry in tasks.items() if entry["passed"]}, problem)

    def counts(self, exercise: Exercise) -> tuple[int, int]:
        """Passed, and all tasks with a check."""
        return sum(task in self.passed for task in exercise.checked), len(exercise.checked)

    def _link(self, text: str, path: Path) -> str:
        if not path.is_file() or not self.folder.is_relative_to(self.course):
            return text
        return f"[{text}]({Path(os.path.relpath(path, self.folder)).as_posix()})"

    def _lecture(self, number: str, text: str) -> str:
        found = sorted((self.course / "notebooks").glob(f"{number}_*.ipynb"))
        return self._link(text, found[0]) if found else text

    def _dots(self, passed: int, of: int) -> str:
        return "●" * passed + "○" * (of - passed)

    def next_step(self) -> tuple[Exercise, str] | None:
        """The first task that is not passed, in an exercise that is begun if there is one."""
        todo = [e for e in self.exercises.values() if self.counts(e)[0] < self.counts(e)[1]]
        begun = [e for e in todo if self.counts(e)[0]]
        for exercise in begun or todo:
            return exercise, next(task for task in exercise.checked if task not in self.passed)
        return None

    def _words(self, link: bool) -> list[str]:
        """What is said below the table."""
        all_counts = [self.counts(exercise) for exercise in self.exercises.values()]
        passed, of = (sum(column) for column in zip(*all_counts)) if all_counts else (0, 0)
        lines = [f"{passed} of {of} tasks with a check are passed."]
        if step := self.next_step():
            place = f"exercise {step[0].number}"
            place = self._link(place, step[0].notebook) if link else place
            lines[0] += f" Next: task `{step[1]}` of {place}."
        lines += [self.problem] if self.problem else []
        return lines

    def _repr_markdown_(self) -> str:
        rows = ["| lecture | what it answers | builds on | exercise: tasks passed |", "|:--|:--|:--|:--|"]
        for number, title, question, needs in LECTURES:
            exercise, cell = self.exercises.get(number), "none"
            if exercise:
                passed, of = self.counts(exercise)
                cell = f"{self._dots(passed, of)} {self._link(f'{passed} of {of}', exercise.notebook)}"
            needed = ", ".join(self._lecture(other, other) for other in needs) or "nothing"
            rows.append(f"| {self._lecture(number, f'{number} {title}')} | {question} | {needed} | {cell} |")
        routes = [
            f"- **{route.name}**: {' → '.join(self._lecture(n, n) for n in route.lectures)}. {route.words}"
            for route in ROUTES
        ]
        words = "\n\n".join(self._words(link=True))
        return "\n".join([*rows, "", words, "", "Three ways through:", "", *routes])

    def __repr__(self) -> str:
        rows = [("lecture", "builds on", "tasks passed")]
        for number, title, _, needs in LECTURES:
            exercise = self.exercises.get(number)
            cell = "{} of {}".format(*self.counts(exercise)) if exercise else "no exercise"
            rows.append((f"{number} {title}", ", ".join(needs) or "nothing", cell))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = ["  ".join(part.ljust(width) for part, width in zip(row, widths)).rstrip() for row in rows]
        routes = [f"{route.name}: {' -> '.join(route.lectures)}. {route.words}" for route in ROUTES]
        return "\n".join([*lines, "", *self._words(link=False), *routes])


def done_in(course: Path) -> tuple[dict[str, dict], str | None]:
    """The tasks that were tried in this course, and what is wrong with their file."""
    path = store.path_of(course)
    if path is None:
        return {}, None
    try:
        return store.load(path)
    except store.CannotKeep as error:
        return {}, error.args[1]
