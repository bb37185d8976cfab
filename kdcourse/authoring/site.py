"""One static site of the lectures with their outputs, the exercises, the library and the other pages.

    kdcourse site                    into build/site
    kdcourse site --with-solutions   into build/site-with-solutions, for instructors
    kdcourse site --to FOLDER        into another folder

The files that belong on it are copied into a folder of their own first, so nothing else can get onto it.
Sphinx makes pages of them (docs/site/conf.py) and executes nothing; a warning is an error. Then every page is
checked (`site_check`), and only a site without faults takes the place of the last one.
"""

import argparse
import os
import re
import shutil
import sys
import time
from pathlib import Path

from nbformat import NotebookNode

from kdcourse.authoring import notebooks, site_check

# Patterns of files below the course's folder. Rooms of the library that hold answers and mistakes stay out.
PAGES = (
    "notebooks/*.ipynb",
    "exercises/*/*.ipynb",
    "docs/**/*.md",
    "kdcourse/**/*.py",
    "benchmarks/**/*.md",
    "benchmarks/**/*.png",
    "tests/losses/MUTATION.md",
    "*.md",
    "CITATION.cff",
)
SOLUTIONS = ("solutions/*/*.ipynb",)
OUT = ("docs/site", "kdcourse/grading", "kdcourse/teaching")


class SiteError(Exception):
    """The site cannot be made; the message says where the fault is."""


def stage(root: Path, target: Path, *, solutions: bool = False) -> list[Path]:
    """Copy what belongs on the site from the course's folder `root` to `target`; returns the copies.

    The pages of docs/site come to the top. Notebooks are changed on the way: see `page_of`.
    """
    copies = []
    for pattern in PAGES + SOLUTIONS * solutions:
        for source in sorted(root.glob(pattern)):
            name = source.relative_to(root)
            if any(name.is_relative_to(folder) for folder in OUT):
                continue
            copies.append(target / name)
            copies[-1].parent.mkdir(parents=True, exist_ok=True)
            if source.suffix == ".ipynb":
                notebooks.write(page_of(notebooks.read(source), name), copies[-1])
            elif source.suffix == ".md":
                copies[-1].write_text(_without_anchors(source.read_text(encoding="utf-8")), encoding="utf-8")
            else:
                shutil.copy(source, copies[-1])
    for source in sorted((root / "docs" / "site").glob("*.md")):
        if source.stem == "solutions" and not solutions:
            continue
        copies.append(target / source.name)
        text = source.read_text(encoding="utf-8").replace("](../../", "](")
        copies[-1].write_text(text, encoding="utf-8")
    return copies


def page_of(notebook: NotebookNode, name: Path) -> NotebookNode:
    """The notebook with alternative texts and folded cells said in MyST-NB's words.

    JupyterLab reads them from an output's metadata and from `jupyter.source_hidden`, MyST-NB from the cell's.
    Raises `SiteError` for what makes no page: a cell whose images have different texts, a second title.
    """
    titles = [cell.id for cell in notebook.cells for _ in range(_titles(cell))]
    if len(titles) != 1:
        raise SiteError(
            f"{name.as_posix()}: one heading of level 1 is wanted, its title; there are {len(titles)} "
            f"(cells: {', '.join(titles) or 'none'}). Make the others ## or plain text."
        )
    for cell in notebook.cells:
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.metadata.tags = [*cell.metadata.get("tags", []), "hide-input"]
        texts = {
            output.metadata.get(kind, {}).get("alt")
            for output in cell.get("outputs", [])
            for kind in output.get("data", {})
            if kind.startswith("image/")
        }
        if len(texts) > 1:
            raise SiteError(f"{name.as_posix()}: cell {cell.id} shows images with different texts. Split it.")
        if texts and (alt := texts.pop()):
            cell.metadata.mystnb = {"image": {"alt": alt}}
    return notebook


def _titles(cell: NotebookNode) -> int:
    text = re.sub(r"^```.*?^```", "", cell.source, flags=re.DOTALL | re.MULTILINE)
    return len(re.findall(r"^# ", text, flags=re.MULTILINE)) if cell.cell_type == "markdown" else 0


def _without_anchors(markdown: str) -> str:
    """GitHub needs `<a id>` before a heading with capitals; here the heading has that id already."""
    return "\n".join(line for line in markdown.split("\n") if not line.startswith("<a id="))


def build(root: Path, work: Path, *, solutions: bool = False, jobs: int = 1) -> Path:
    """Make the site anew below `work` and return the folder of its pages. Raises `SiteError` on any fault."""
    try:
        from sphinx.cmd.build import main as sphinx
    except ModuleNotFoundError as error:
        install = 'python -m pip install -c constraints.txt -e ".[site]"'
        raise SiteError(f"The package {error.name} is missing. In the course's folder: {install}") from None
    shutil.rmtree(work, ignore_errors=True)
    stage(root, work / "source", solutions=solutions)
    strict = ["--nitpicky", "--fail-on-warning", "--keep-going", "--quiet", "--jobs", str(jobs)]
    settings = ["--conf-dir", str(root / "docs" / "site"), "--doctree-dir", str(work / "doctrees")]
    if sphinx([*strict, *settings, str(work / "source"), str(work / "html")]):
        raise SiteError("Sphinx had something to say, above. Paths below source/ are those of the course.")
    if found := site_check.faults(work / "html"):
        raise SiteError("\n".join(found))
    return work / "html"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="kdcourse site", description=__doc__.splitlines()[0])
    parser.add_argument("--with-solutions", action="store_true", help="for instructors: solutions as well")
    parser.add_argument("--root", type=Path, help="the folder of the course (default: here or above)")
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER", help="where the site goes (default below build/)"
    )
    options = parser.parse_args(argv)
    root = options.root or notebooks.course_folder()
    site = options.to or root / "build" / ("site-with-solutions" if options.with_solutions else "site")
    if site.exists() and not (site / "searchindex.js").is_file():
        print(f"kdcourse site: {site} exists and is no site. Name a new folder.", file=sys.stderr)
        return 1
    work = site.with_name(f"{site.name}-work")
    start = time.perf_counter()
    try:
        pages = build(root, work, solutions=options.with_solutions, jobs=min(4, os.cpu_count() or 1))
    except SiteError as error:
        print(f"kdcourse site: {error}\nThe pages, as far as they are made: {work}", file=sys.stderr)
        return 1
    shutil.rmtree(site, ignore_errors=True)
    shutil.move(pages, site)
    shutil.rmtree(work)
    files = [path for path in site.rglob("*") if path.is_file()]
    count = sum(path.suffix == ".html" for path in files)
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{count} pages, {size:.0f} MB, {time.perf_counter() - start:.0f} s. Open {site / 'index.html'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
