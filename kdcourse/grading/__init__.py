"""Is the learner's answer right, and if not, which mistake is it?

>>> import torch
>>> from kdcourse.grading import check
>>> check("temperature_softmax", lambda logits, T: torch.softmax(logits / T, dim=1)).passed
True
"""

from collections.abc import Callable
from dataclasses import replace

from kdcourse.grading import hints
from kdcourse.grading.guard import TimeUp, guarded
from kdcourse.grading.probe import UNWRITTEN, Rejected
from kdcourse.grading.report import Report
from kdcourse.grading.tasks import find
from kdcourse.progress import cells, store

__all__ = ["Report", "check", "course_map"]

TIME_LIMIT = 4.0  # seconds for all calls of an answer; a right one needs hundredths, plus its imports


def check(task: str, answer: object) -> Report:
    """Run the public checks of `task` on `answer`, the learner's function (not the result of calling it).

    Never raises because of a wrong answer: an exception, `SystemExit` or endless loop inside it is reported
    (loops: on POSIX, in the main thread). Prints nothing and leaves generators, dtypes, grad mode, warning
    filters and replaced torch functions as it found them. From the second wrong answer on the feedback ends
    with hints, one more each time, also after a restart of the kernel; one that is not written yet does not
    count. Tries and successes in the course's exercises are kept in a file of its folder, on this machine
    only (see `kdcourse.progress.store`; KDCOURSE_PROGRESS=off in the environment stops that). Raises
    `ValueError` for an unknown task.
    """
    examine = find(task)
    report = _examined(task, examine, answer)
    if not report.passed and report.feedback[0].startswith(UNWRITTEN):
        return report
    kept = store.record(task, report.passed)
    if report.passed:
        hints.after_success(task)
    else:
        report.feedback.extend(hints.after_failure(task, examine, kept.wrong))
    return replace(report, note=kept.note) if kept.note else report


def course_map() -> object:
    """The map of the course, for the last line of a cell: lectures, what each builds on, what you have done.

    Done is what `kdcourse progress` counts in the course's folder at or above the current one. Raises
    `FileNotFoundError` where there is no course.
    """
    from kdcourse.progress.course import CourseMap

    return CourseMap.here()


def _examined(task: str, examine: Callable[[object], list[str]], answer: object) -> Report:
    with guarded(TIME_LIMIT):
        try:
            return Report(task, True, examine(answer))
        except Rejected as rejected:
            return Report(task, False, rejected.feedback, rejected.diagnosis)
        except TimeUp:
            seen = f"Your answer did not finish within {TIME_LIMIT:g} seconds; here it needs milliseconds."
            return Report(task, False, [seen, "Is there a loop that never ends?"])
        except Exception as error:
            # An answer can return objects that misbehave when looked at; that is no reason to break a cell.
            return Report(task, False, [f"Looking at your result raised {type(error).__name__}: {error}"])


cells.watch()
