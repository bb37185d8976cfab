"""The instructor's pack: slides, guides, misconception bank and syllabus of the whole course in one folder.

    kdcourse slides [NOTEBOOK ...]        default: all lectures; written to teaching/
    kdcourse slides --only-slides 01      numbers will do

It contains solutions: never put it where learners get their copies from.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path

from kdcourse.authoring import notebooks
from kdcourse.teaching.material import guide, lectures, paper, syllabus
from kdcourse.teaching.material.misconceptions import Misconception, misconception_page, misconceptions
from kdcourse.teaching.material.slides import build_slides

_LEARNERS = ("notebooks", "exercises", "submitted", "feedback")


def build_pack(
    root: Path, folder: Path, chosen: list[Path] | None = None, *, only_slides: bool = False,
    problems: list[str] | None = None,
) -> Iterator[Path]:  # fmt: skip
    """Write the pack of the course at `root` into `folder` and yield each path when it is there.

    Args:
        root: the course's folder.
        folder: where the pack goes; `ValueError` if learners get their copies from there.
        chosen: these lectures instead of all.
        only_slides: leave out guides, bank and syllabus.
        problems: what is wrong with a lecture goes here, and the others are built; without it it is raised.
    """
    for name in _LEARNERS:
        if folder.resolve().is_relative_to((root / name).resolve()):
            raise ValueError(f"{folder} is in {name}/, which learners see: the pack contains solutions.")
    paths = chosen or notebooks.lectures(root)
    for path in paths:
        try:
            yield build_slides(path, folder / "slides")
        except ValueError as error:
            if problems is None:
                raise
            problems.append(str(error))
    if only_slides:
        return
    bank = misconceptions(root)
    for path in paths:
        target, text = (
            folder / "guides" / f"{path.stem}.md",
            guide.build_guide(path, lectures.solution_of(path), bank),
        )
        yield _write(target, text)
        yield _write(target.with_suffix(".html"), paper.page(text))
    yield _write(folder / "misconceptions.md", misconception_page(root, bank))
    yield _write_bank(folder / "misconceptions.csv", bank)
    yield _write(folder / "syllabus.html", syllabus.build_syllabus(root))


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _write_bank(path: Path, bank: list[Misconception]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=[field.name for field in fields(Misconception)])
        writer.writeheader()
        writer.writerows(asdict(entry) for entry in bank)
    return path


def main(argv: list[str] | None = None) -> int:
    """`kdcourse slides`; exit 1 if something cannot be built."""
    parser = argparse.ArgumentParser(prog="kdcourse slides", description=__doc__.splitlines()[0])
    parser.add_argument("lectures", nargs="*", help="numbers or paths (default: all)")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="default: teaching/ in the course's folder")
    parser.add_argument("--only-slides", action="store_true", help="no guides, bank and syllabus")
    parser.add_argument("--root", type=Path, help="the folder of the course (default: here or above)")
    options = parser.parse_args(argv)
    root = (options.root or notebooks.course_folder()).resolve()
    problems: list[str] = []
    try:
        chosen = [_lecture(root, which) for which in options.lectures]
        target = options.to or root / "teaching"
        for path in build_pack(root, target, chosen, only_slides=options.only_slides, problems=problems):
            print(path.relative_to(root) if path.is_relative_to(root) else path, flush=True)
    except (ValueError, OSError) as error:
        problems.append(str(error))
    for problem in problems:
        print(f"kdcourse slides: {problem}", file=sys.stderr)
    return int(bool(problems))


def _lecture(root: Path, which: str) -> Path:
    if which.endswith(".ipynb"):
        return Path(which).resolve()
    found = [path for path in notebooks.lectures(root) if path.name[:2] == which.zfill(2)]
    if not found:
        raise ValueError(f"no lecture is numbered {which!r}")
    return found[0]


if __name__ == "__main__":
    raise SystemExit(main())
