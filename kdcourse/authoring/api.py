"""Write the pages that list losses, networks, and tools of training, evaluation and theory, from their
docstrings.

    kdcourse api            write the pages of docs/api
    kdcourse api --check    only compare, for the tests: exit 1 and say which page is out of date

The code is read, not run (griffe parses it): no torch is imported. Names come in the order of the package's
`__all__`, under the comments that stand in it.
"""

import argparse
import re
import sys
from pathlib import Path

import griffe

from kdcourse.authoring import notebooks

# page -> (package, its title, what stands between title and index)
PAGES = {
    "losses": (
        "kdcourse.losses",
        "Losses",
        "Pure functions of tensors, student before teacher: `from kdcourse.losses import kd_loss`. No "
        "gradient reaches a teacher argument. Parts that learn, such as regressors and variance heads, are "
        "[modules](models.md).",
    ),
    "models": (
        "kdcourse.models",
        "Networks and learned parts",
        "`nn.Module`s and functions that make them: `from kdcourse.models import projector`. What they are "
        "trained with are the [losses](losses.md).",
    ),
    "training": (
        "kdcourse.training",
        "Training",
        "One loop, and what is handed to it: `from kdcourse.training import fit`. What is trained are the "
        "[networks](models.md), with the [losses](losses.md); did it work? See [evaluation](evaluation.md).",
    ),
    "evaluation": (
        "kdcourse.evaluation",
        "Evaluation",
        "Scores of predictions and features, and statistics over seeds: `from kdcourse.evaluation import "
        "accuracy`.",
    ),
    "theory": (
        "kdcourse.theory",
        "Theory",
        "Risks, a bound, kernels, linear students and self-distillation, to compute with: `from "
        "kdcourse.theory import empirical_ntk`.",
    ),
}
_TITLES = {"raises": "Raises", "returns": "Returns", "parameters": "Arguments", "attributes": "Attributes"}
_ABBREVIATIONS = {"BN", "CE", "KL"}
_WIDEST = 100  # characters of a signature on one line


def pages(root: Path) -> dict[Path, str]:
    """The text of every page, by its path."""
    packages = {
        page: griffe.load(package, search_paths=[root], docstring_parser="google", resolve_aliases=True)
        for page, (package, _, _) in PAGES.items()
    }
    named = {name: page for page, package in packages.items() for _, name in _order(package)}
    return {
        root / "docs" / "api" / f"{page}.md": _page(page, package, named, root)
        for page, package in packages.items()
    }


def _page(page: str, package: griffe.Module, named: dict[str, str], root: Path) -> str:
    _, title, opening = PAGES[page]
    index, entries, last = [], [], None
    for group, name in _order(package):
        thing = package.modules_collection[package.imports[name]]
        path = thing.filepath.resolve().relative_to(root.resolve()).as_posix()
        summary, source = _summary(thing), _text(_sections(thing).get("Source", ""))
        if group != last:
            last = group
            index += ["", f"**{group}**", "", "| name | what it is | from | file |", "|---|---|---|---|"]
            entries += [f"## {group}", ""]
        cells = f"[`{name}`](#{name.lower()})", summary.rstrip("."), paper(source), Path(path).name
        index.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
        # GitHub's own anchors are in small letters, JupyterLab's are not.
        anchor = [f'<a id="{name.lower()}"></a>', ""] if name != name.lower() else []
        entries += [*anchor, f"### {name}", "", *_entry(thing), f"[{path}](../../{path})", ""]
    body = _linked("\n".join(entries), page, named)
    made = f"<!-- Generated from the docstrings of {package.path} by `make api`: edit those. -->"
    return "\n".join([f"# {title}", "", made, "", opening, *index, "", body.rstrip(), ""])


def _order(package: griffe.Module) -> list[tuple[str, str]]:
    """Group and name of all that the package exports; a comment line in `__all__` opens a group."""
    group, order = "", []
    for line in package["__all__"].source.splitlines():
        code, _, comment = line.partition("#")
        if comment and not code.strip():
            group = comment.strip().capitalize()
        order += [(group, name) for name in re.findall(r'"(\w+)"', code)]
    return order


def _sections(thing: griffe.Object) -> dict[str, str]:
    """Sections that Google's style does not know (Source, Shapes), by their titles."""
    parsed = thing.docstring.parse("google", warnings=False) if thing.docstring else []
    return {s.title: s.value.description for s in parsed if s.kind is griffe.DocstringSectionKind.admonition}


def _summary(thing: griffe.Object) -> str:
    return _text(thing.docstring.value.split("\n\n")[0]) if thing.docstring else ""


def paper(source: str) -> str:
    """Authors and year of the first paper that a Source section names: "Hinton et al. 2014"."""
    found = re.match(r'(?:[^;"]*; )?([^;"]+?), "[^"]+",?.*?\b((?:19|20)\d\d)\b', source, flags=re.DOTALL)
    if not found:
        return ""
    authors = re.split(r", | & ", found[1])
    return f"{authors[0] + ' et al.' if len(authors) > 2 else ' & '.join(authors)} {found[2]}"


def _entry(thing: griffe.Object) -> list[str]:
    lines = ["```python", *_signatures(thing), "```", ""]
    for section in thing.docstring.parse("google", warnings=False) if thing.docstring else []:
        lines += [*_section(section), ""]
    methods = {k: f for k, f in thing.members.items() if f.is_function and k[0] != "_" and f.docstring}
    for name, method in methods.items() if thing.is_class else ():
        lines += [f"- `{method.signature(name=name)}`: {_text(method.docstring.value)}", ""]
    return lines


def _signatures(thing: griffe.Object) -> list[str]:
    """How a function or class is called and, for a class, its `forward`; a parameter a line if too wide."""
    lines = []
    for called in (thing, thing.members.get("forward")) if thing.is_class else (thing,):
        text = called.signature() if called else ""
        if len(text) > _WIDEST:
            inside, tail = text.rsplit(")", 1)
            name, inside = inside.split("(", 1)
            text = f"{name}(\n    " + re.sub(r", (?=\w+[:=]|\w+$|\*)", ",\n    ", inside) + f",\n){tail}"
        lines += text.splitlines()
    return lines


def _section(section: griffe.DocstringSection) -> list[str]:
    kind = section.kind.value
    if kind == "text":
        return _paragraphs(section.value)
    if kind == "admonition":
        return [f"**{section.title}**", "", *_paragraphs(section.value.description)]
    items = []
    for item in section.value:
        label = f"`{item.annotation}`: "
        if kind == "returns":
            label = ""
        elif kind != "raises":
            # Of attributes "a, b" griffe takes the second for the type of the first.
            names = f"{item.name} {item.annotation}" if item.name.endswith(",") else item.name
            label = ", ".join(f"`{name}`" for name in names.split(", ")) + ": "
        items.append(f"- {label}{_text(item.description)}")
    return [f"**{_TITLES[kind]}**", "", *items]


def _paragraphs(text: str) -> list[str]:
    """reStructuredText to Markdown: formulas, examples, and words between them."""
    lines: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if block.startswith(".. math::"):
            lines += ["$$", *(_roman(line.strip()) for line in block[9:].strip().splitlines()), "$$", ""]
        elif block.startswith(">>>"):
            lines += ["```python", block, "```", ""]
        else:
            lines += [_text(block), ""]
    return lines[:-1]


def _text(words: str) -> str:
    """One paragraph on one line, with nothing that Markdown would take for HTML."""
    words = re.sub(r":math:`(.+?)`", r"$\1$", " ".join(words.split()))
    parts = re.split(r"(``.+?``|`.+?`|\$.+?\$)", words)
    return "".join(part if part[:1] in ("`", "$") else part.replace("<", "&lt;") for part in parts)


def _roman(formula: str) -> str:
    """Names of functions upright: a docstring says `softmax`, so that it reads well as plain text too."""

    def upright(match: re.Match) -> str:
        word = match.group()
        return rf"\mathrm{{{word}}}" if len(word) > 2 or word in _ABBREVIATIONS else word

    parts = re.split(r"(\\text\{[^}]*\})", formula)
    words = re.compile(r"(?<![\\{A-Za-z])[A-Za-z]{2,}(?![A-Za-z}])")
    return "".join(part if part.startswith("\\text") else words.sub(upright, part) for part in parts)


def _linked(markdown: str, page: str, named: dict[str, str]) -> str:
    """`name` leads to its entry, but not in code blocks."""

    def link(match: re.Match) -> str:
        name = match[1]
        if name not in named:
            return match.group()
        return f"[`{name}`]({'' if named[name] == page else named[name] + '.md'}#{name.lower()})"

    blocks = re.split(r"(```.*?```)", markdown, flags=re.DOTALL)
    return "".join(b if b.startswith("```") else re.sub(r"(?<!`)`(\w+)`(?!`)", link, b) for b in blocks)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="kdcourse api", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on a difference")
    parser.add_argument("--root", type=Path, help="the folder of the course (default: here or above)")
    options = parser.parse_args(argv)
    root = options.root or notebooks.course_folder()
    failed = False
    for path, text in pages(root).items():
        name = path.relative_to(root).as_posix()
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            print(name)
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            print(f"{name}: is not what the docstrings say. Run `make api`.", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
