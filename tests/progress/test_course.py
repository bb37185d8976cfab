"""The map and the table, and that both know the course as it is."""

import json
import re
from pathlib import Path

import pytest
from made_course import exercise, write

from kdcourse import cli
from kdcourse.authoring import notebooks
from kdcourse.progress import course as course_module
from kdcourse.progress import exercises, store
from kdcourse.progress.course import LECTURES, ROUTES, CourseMap

ROOT = Path(__file__).parents[2]


def test_every_lecture_is_on_the_map_with_what_its_header_asks_for():
    lectures = {path.name[:2]: path for path in notebooks.lectures(ROOT)}
    assert [lecture.number for lecture in LECTURES] == sorted(lectures)
    for lecture in LECTURES:
        header = notebooks.read(lectures[lecture.number]).cells[0].source
        asked = header.partition("**Before you start.**")[2].partition("**Time.**")[0]
        linked = set(re.findall(r"\((\d\d)_\w+\.ipynb\)", asked))
        if lecture.number == "16":  # names lecture 15 to say that it is not needed
            linked.discard("15")
        assert set(lecture.needs) == linked, lecture.number


def test_routes_respect_what_lectures_build_on():
    needs = {lecture.number: set(lecture.needs) for lecture in LECTURES}
    for route in ROUTES:
        for place, number in enumerate(route.lectures):
            assert needs[number] <= set(route.lectures[:place]), (route.name, number)


def test_every_exercise_is_found_and_each_task_has_one_name_and_is_noticed():
    found = exercises.exercises(ROOT)
    assert len(found) == 18 and all(e.checked and e.read and e.notebook.is_file() for e in found)
    tasks = [task for exercise in found for task in exercise.checked]
    assert len(set(tasks)) == len(tasks), "progress is kept by the name of the task"
    for path in ROOT.glob("exercises/*/*.ipynb"):
        checks = [cell for cell in exercises.cells_of(path) if cell.role == "check"]
        for cell in checks:
            called = re.findall(r"\bcheck\(\s*[\"'](\w+)[\"']", cell.source)
            assert called == [cell.task] or (not called and "assert" in cell.source), (path.name, cell.task)


def test_the_stored_map_is_that_of_a_course_in_which_nothing_is_done():
    [cell] = [
        c for c in notebooks.read(ROOT / "notebooks" / "00_start_here.ipynb").cells if c.id == "course-map"
    ]
    empty = CourseMap(ROOT, ROOT / "notebooks", set())
    assert cell.outputs[0].data == {"text/markdown": empty._repr_markdown_(), "text/plain": repr(empty)}
    for target in re.findall(r"\]\(([^)]+)\)", empty._repr_markdown_()):
        assert (ROOT / "notebooks" / target).is_file(), target


@pytest.fixture
def small(course, monkeypatch):
    """Lectures 91 and 92 are on the map of the made course."""
    monkeypatch.setattr(course_module, "LECTURES", (
        course_module.Lecture("90", "start", "why?"),
        course_module.Lecture("91", "small", "how?", ("90",)),
        course_module.Lecture("92", "other", "what else?", ("90", "91")),
    ))  # fmt: skip
    monkeypatch.setattr("kdcourse.progress.table.LECTURES", course_module.LECTURES)
    write(exercise(), course / "notebooks" / "90_start.ipynb")
    return course


def test_what_is_passed_shows_on_the_map(small, monkeypatch):
    store.record("judge_sums", True)
    store.record("triple", False)
    monkeypatch.chdir(small / "notebooks")
    shown = CourseMap.here()
    page = shown._repr_markdown_()
    assert "| [90 start](90_start.ipynb) | why? | nothing | none |" in page
    assert (
        "| 91 small | how? | [90](90_start.ipynb) | ●○ [1 of 2](../exercises/ex91_small/ex91_small.ipynb) |"
        in page
    )
    assert "| ○○ [0 of 2](" in page and "1 of 4 tasks with a check are passed. Next: task `double`" in page
    assert "91 small  90         1 of 2" in repr(shown)
    store.record("double", True)
    assert "Next: task `triple` of exercise 92" in repr(CourseMap.here())
    store.reset(small / ".kdcourse" / "progress.json", {"double", "judge_sums"})
    store.record("triple", True)  # what is begun comes before what is not
    assert "Next: task `halve` of exercise 92" in repr(CourseMap.here())
    for task in ("double", "judge_sums", "halve"):
        store.record(task, True)
    assert "4 of 4 tasks with a check are passed." in repr(CourseMap.here()) and "Next" not in repr(
        CourseMap.here()
    )


def test_a_deleted_check_cell_is_still_counted_where_the_solution_lies_beside(small):
    path = small / "exercises" / "ex91_small" / "ex91_small.ipynb"
    write(exercise("double"), path)
    assert exercises.exercises(small)[0].checked == ["double"]
    write(exercise("double", "judge_sums"), small / "solutions" / "ex91_small" / "ex91_small.ipynb")
    assert exercises.exercises(small)[0].checked == ["double", "judge_sums"]
    path.write_text("{", encoding="utf-8")
    assert [found.checked for found in exercises.exercises(small)] == [
        ["double", "judge_sums"],
        ["triple", "halve"],
    ]


def test_the_map_says_what_is_wrong_with_the_file(small):
    (small / ".kdcourse").mkdir()
    file = small / ".kdcourse" / "progress.json"
    file.write_text("{", encoding="utf-8")
    assert "is damaged" in repr(CourseMap.here()) and "0 of 4" in repr(CourseMap.here())
    file.write_text('{"version": 99, "tasks": {}}', encoding="utf-8")
    assert "newer kdcourse" in CourseMap.here()._repr_markdown_()
    assert file.read_text(encoding="utf-8").startswith('{"version": 99')


def test_the_table(small, capsys):
    store.record("double", True)
    store.record("judge_sums", False)
    store.record("judge_sums", False)
    assert cli.main(["progress"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["lecture", "passed", "read", "next"]
    assert out[1].split() == ["90", "start", "-", "-", "no", "exercise"]
    assert " ".join(out[2].split()) == "91 small 1 of 2 2 judge_sums (2 tries so far)"
    assert " ".join(out[3].split()) == "92 other 0 of 2 2 triple"
    assert "1 of 4 tasks" in out[5]
    assert out[6] == "Next: task judge_sums, in exercises/ex91_small/ex91_small.ipynb"
    assert out[7] == f"Kept in {small / '.kdcourse' / 'progress.json'}, on this machine only."
    store.record("judge_sums", True)
    cli.main(["progress"])
    assert "all checks passed; 2 tasks for a reader" in capsys.readouterr().out


def test_for_programs(small, capsys):
    store.record("judge_sums", True)
    assert cli.main(["progress", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["lectures"]
    assert rows[0]["exercise"] is None and rows[1]["passed"] == 1 and rows[1]["next"] == "double"
    assert rows[1]["checked"][1]["task"] == "judge_sums" and rows[1]["checked"][1]["tries"] == 1
    assert rows[1]["read_by_a_person"] == ["why", "challenge"]


def test_reset(small, capsys):
    for task in ("double", "judge_sums", "triple", "halve"):
        store.record(task, True)

    def left():
        return sorted(store.load(small / ".kdcourse" / "progress.json")[0])

    assert cli.main(["progress", "--reset", "double"]) == 0 and left() == ["halve", "judge_sums", "triple"]
    assert "progress.backup-1.json" in capsys.readouterr().out
    assert cli.main(["progress", "--reset", "92"]) == 0 and left() == ["judge_sums"]
    assert cli.main(["progress", "--reset", "kd_lose"]) == 1
    assert "kd_lose" in capsys.readouterr().err and left() == ["judge_sums"]
    assert cli.main(["progress", "--reset"]) == 0 and left() == []
    assert cli.main(["progress", "--reset"]) == 0 and "nothing to forget" in capsys.readouterr().out


def test_off_is_said(small, capsys, monkeypatch):
    monkeypatch.setenv(store.SETTING, "off")
    assert cli.main(["progress"]) == 0
    assert "Progress is not kept" in capsys.readouterr().out
