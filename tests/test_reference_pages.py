"""Glossary, notation and errata say what the lectures say, and the lectures lead to them."""

import functools
import inspect
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from kdcourse import losses

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LECTURES = sorted((ROOT / "notebooks").glob("*.ipynb"))
NOTEBOOKS = [*LECTURES, *sorted(ROOT.glob("exercises/*/*.ipynb")), *sorted(ROOT.glob("solutions/*/*.ipynb"))]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
ERRATA_HEADING = re.compile(r"(?m)^## (Errata to the notes|Where the notes\b.*\berr)$")
# A row that a lecture shows in its text and does not repeat in its table.
DAGGER = "†"
LECTURE_LINK = re.compile(r"\[(?:lecture )?(\d\d)\]\(\.\./notebooks/([\w]+\.ipynb)\)")


@functools.cache
def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@functools.cache
def sources(notebook: Path, *kinds: str) -> str:
    found = json.loads(read(notebook))["cells"]
    return "\n\n".join("".join(c["source"]) for c in found if not kinds or c["cell_type"] in kinds)


def lecture(number: str) -> Path:
    return next(path for path in LECTURES if path.name.startswith(number))


@functools.cache
def plain(text: str) -> str:
    """Lower case, without marks of emphasis; hyphens and underscores are spaces."""
    return re.sub(r"[\s_*`–-]+", " ", text.lower()).strip()


# ---------------------------------------------------------------- glossary


@functools.cache
def glossary() -> dict[str, str]:
    """Term -> its text, in the order of the page."""
    parts = re.split(r"(?m)^### (.+)$", read(DOCS / "glossary.md"))
    return dict(zip(parts[1::2], (re.sub(r"(?m)^## .*$", "", text).strip() for text in parts[2::2])))


def slug(term: str) -> str:
    return term.replace(" ", "-")


def in_order(term: str) -> str:
    letters = unicodedata.normalize("NFKD", term)
    return "".join(c for c in letters if not unicodedata.combining(c)).replace("-", " ")


def test_terms_are_headings_that_any_viewer_links_alike():
    """Lower case and no punctuation: GitHub, JupyterLab and the site make the same anchor of it."""
    headings = re.findall(r"(?m)^### (.+)$", read(DOCS / "glossary.md"))
    assert len(headings) == len(set(headings)) > 100
    for term in headings:
        assert term == term.lower() and re.fullmatch(r"[^\W_]+(?:[ -][^\W_]+)*", term), term
    assert headings == sorted(headings, key=in_order)


def test_letters_and_index():
    page = read(DOCS / "glossary.md")
    letters = re.findall(r"(?m)^## (.+)$", page)
    assert letters == sorted({in_order(term)[0] for term in glossary()})
    assert " · ".join(f"[{letter}](#{letter})" for letter in letters) in page
    for part in re.split(r"(?m)^## ", page)[1:]:
        letter, *terms = [part[0], *re.findall(r"(?m)^### (.+)$", part)]
        assert terms and all(in_order(term).startswith(letter) for term in terms), (letter, terms)


@pytest.mark.parametrize("term", glossary())
def test_entry(term):
    """Short, with links to lectures in which the term, or another name that the entry gives it, occurs."""
    text = glossary()[term]
    said, arrow, links = text.rpartition("\n→ ")
    assert arrow, f"{term}: expected a last line '→ [lecture NN](...)'"
    assert 3 <= len(said.split()) <= 100, f"{term}: {len(said.split())} words"
    found = LECTURE_LINK.findall(links)
    assert found and re.sub(LECTURE_LINK, "", links).strip(", ") == "", f"{term}: {links}"
    names = {term, *re.findall(r"\*([^*\n]+)\*", said), *re.findall(r"`([^`\n]+)`", said)}
    for number, name in found:
        path = ROOT / "notebooks" / name
        assert path.is_file() and name.startswith(number), f"{term}: {name}"
        words = plain(sources(path))
        # The stem of a name: "quantised" for "quantise", "student's" for "student".
        stems = [re.sub(r"(s|ing)$", "", plain(each)) for each in names]
        assert any(re.search(rf"\b{re.escape(stem)}", words) for stem in stems), (
            f"{term}: none of {sorted(names)} occurs in {name}"
        )


def glossary_links() -> Iterator[tuple[str, str]]:
    """(where from, anchor) of every link to a glossary term."""
    for path in NOTEBOOKS:
        for anchor in re.findall(r"docs/glossary\.md#([^)\s\"'>]+)", sources(path, "markdown")):
            yield path.name, anchor
    for path in PAGES:
        here = r"\]\((?:docs/)?glossary\.md#" if path.name != "glossary.md" else r"\]\(#"
        for anchor in re.findall(here + r"([^)\s]+)\)", read(path)):
            yield path.name, anchor


def test_links_to_the_glossary_lead_to_a_term():
    anchors = {slug(term) for term in glossary()} | {term[0] for term in glossary()}
    wrong = [(where, anchor) for where, anchor in glossary_links() if anchor not in anchors]
    assert not wrong, wrong


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_every_lecture_links_the_glossary_and_the_notation(path):
    text = sources(path, "markdown")
    for page in ("glossary", "notation"):
        assert f"(../docs/{page}.md" in text, f"{path.name}: expected a link to ../docs/{page}.md"


def test_notation_names_every_lecture_and_every_argument_that_it_promises():
    page = read(DOCS / "notation.md")
    assert {name for _, name in LECTURE_LINK.findall(page)} == {path.name for path in LECTURES}
    arguments = {
        name for loss in losses.__all__ for name in inspect.signature(getattr(losses, loss)).parameters
    }
    table = page.split("## in code")[1].split("\n## ")[0]
    promised = {
        "student_logits",
        "teacher_logits",
        "labels",
        "temperature",
        "alpha",
        "power",
        "margin",
        "sigma",
    }
    for name in promised:
        assert f"`{name}`" in table and name in arguments, name


# ---------------------------------------------------------------- errata


def rows(text: str) -> list[list[str]]:
    """The rows of all Markdown tables in a text, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {i - 1 for i, line in enumerate(lines) if set(line) <= set("|- ")}
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for i, line in enumerate(lines)
        if i not in heads and not set(line) <= set("|- ")
    ]


def lecture_rows(path: Path) -> list[list[str]]:
    text = sources(path, "markdown")
    found = ERRATA_HEADING.search(text)
    return rows(re.split(r"(?m)^## ", text[found.end() :])[0]) if found else []


def page_rows() -> list[list[str]]:
    return rows(read(DOCS / "errata.md").split("## published bugs")[0])


def signs(text: str) -> str:
    """A quotation or formula without what typesetting changes: spaces, macros of size, quotes, case."""
    text = re.sub(
        r"\\(mathbb|mathbf|mathcal|mathrm|text|big|Big|left|right|dots|,|;|!)\b ?|\\[,;!]", "", text
    )
    return re.sub(r"[\s{}$*\"“”'`.]|\\ast", "", text.replace("\\Vert", "\\|")).lower()


def quoted(cell: str) -> list[str]:
    """What a cell quotes (the pieces between ellipses), or else its formulas."""
    quotations = re.findall(r"\"([^\"]+)\"", cell)
    if not quotations:
        quotations = [formula for formula in re.findall(r"\$([^$]+)\$", cell) if len(formula) > 5]
    pieces = [signs(piece) for each in quotations for piece in each.split("…")]
    return [piece for piece in pieces if piece]


def words(cell: str) -> set[str]:
    return set(re.findall(r"[a-z]{4,}", cell.lower())) - {"section", "notes"}


def within(piece: str, others: list[str]) -> bool:
    """One may quote more of a sentence than the other does, but not something else."""
    return any(piece in other or (other in piece and len(other) > len(piece) / 2) for other in others)


def holds(page_cell: str, lecture_cell: str) -> bool:
    """Has the page's row all that a lecture's row quotes, or most words of one that quotes nothing?"""
    if pieces := quoted(lecture_cell):
        return all(within(piece, quoted(page_cell)) for piece in pieces)
    return len(words(page_cell) & words(lecture_cell)) >= 0.6 * len(words(lecture_cell))


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_every_erratum_of_a_lecture_is_on_the_page(path):
    mine = lecture_rows(path)
    assert mine, f"{path.name}: expected a table under '## Errata to the notes'"
    linked = [row for row in page_rows() if path.name in row[-1]]
    missing = [row[0] for row in mine if not any(holds(other[0], row[0]) for other in linked)]
    assert not missing, f"{path.name}: not in docs/errata.md with a link to this lecture: {missing}"


def test_every_erratum_of_the_page_is_in_its_lectures():
    for row in page_rows():
        assert len(row) == 3, f"expected three cells: {row}"
        links = LECTURE_LINK.findall(row[2])
        assert links, f"expected a link to a lecture: {row}"
        assert all(lecture(number).name == name for number, name in links), row
        if DAGGER in row[0]:
            continue
        matching = []
        for number, name in links:
            mine = [other[0] for other in lecture_rows(lecture(number)) if holds(row[0], other[0])]
            assert mine, f"{name} has no such row; mark it with {DAGGER} if its text shows it: {row[0]}"
            matching += mine
        pieces = [piece for cell in matching for piece in quoted(cell)]
        more = [mine for mine in quoted(row[0]) if not any(mine in p or p in mine for p in pieces)]
        assert not pieces or not more, f"quoted by none of its lectures: {more}"


def test_sections_named_on_the_errata_page_exist():
    named = re.findall(r"\[(\d\d)\]\([^)]+\) § ([\d, ]*\d)", read(DOCS / "errata.md"))
    assert len(named) > 100
    for number, places in named:
        have = re.findall(r"(?m)^#{2,3} (\d+) ·", sources(lecture(number), "markdown"))
        assert set(places.split(", ")) <= set(have), f"[{number}] § {places}: lecture has only {have}"


THREAD = re.compile(r"(?<![\w/.-])([\w.-]+/[\w.-]+#\d+)")


def thread_items() -> list[tuple[set[str], str]]:
    """(threads, links) of the lists of bugs; '#34' after 'owner/name#11' is of the same project."""
    found = []
    for item in re.split(r"(?m)^- ", read(DOCS / "errata.md").split("## published bugs")[1])[1:]:
        said, arrow, links = item.partition("→")
        assert arrow and LECTURE_LINK.search(links), f"expected '→ [NN](lecture)' at the end: {item}"
        threads, project = set(), ""
        for full, short in re.findall(r"([\w.-]+/[\w.-]+#\d+)|(#\d+)", said):
            project = full.partition("#")[0] or project
            threads.add(full or project + short)
        found.append((threads, links))
    return found


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_every_thread_of_a_lecture_is_on_the_page(path):
    mine = set(THREAD.findall(sources(path, "markdown")))
    listed = {thread for threads, links in thread_items() if path.name in links for thread in threads}
    assert mine <= listed, f"{path.name}: not in docs/errata.md: {sorted(mine - listed)}"


def test_every_thread_of_the_page_is_in_its_lectures():
    for threads, links in thread_items():
        for thread in threads:
            project, number = thread.split("#")
            texts = [sources(lecture(n), "markdown") for n, _ in LECTURE_LINK.findall(links)]
            assert any(project in text and f"#{number}" in text for text in texts), (
                f"{thread}: not in {links}"
            )
