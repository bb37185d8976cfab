"""Write the pages that list what the library offers (losses, networks, tools, data, the benchmark) from its
docstrings.

    kdcourse api            write the pages of docs/api
    kdcourse api --check    only compare, for the tests: exit 1 and say which page is out of date

The code is read, not run (griffe parses it): no torch is imported. Names come in the order of the package's
`__all__`, under the comments that stand in it. A docstring's section Lecture says which lecture derives or
introduces the thing; `TAUGHT` is its form, and the page links there.
"""

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

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
    "data": (
        "kdcourse.data",
        "Data",
        "Image sets that need no download, and CIFAR-10 for those who fetch it; texts, graphs and points "
        "that are drawn: `from kdcourse.data import split_digits`. Everything random follows from a seed or "
        "a generator that the caller passes.",
    ),
    "bench": (
        "kdcourse.bench",
        "Benchmark",
        "All methods, one table: `from kdcourse.bench import compare`. The command line does the same: "
        "`kdcourse bench --help`. What the tables say is in [lecture 18](../../notebooks/18_capstone.ipynb), "
        "how to run them in [the guide](../benchmark.md).",
    ),
}
# 04_attention_and_activations, section 3.    06_self_distillation, section 4, through `exit_mlp`.
TAUGHT = re.compile(r"(\d\d_\w+)(?:, section (\d+))?(?:, (?:through|beside) `([^`]+)`)?\.")
_NOTEBOOKS = "../../notebooks/"
_HEAD = ["| name | what it is | lecture | from | file |", "|---|---|---|---|---|"]
_TITLES = {"raises": "Raises", "returns": "Returns", "parameters": "Arguments", "attributes": "Attributes"}
_ARGUMENT = re.compile(r"[a-z_]\w*(?:, [a-z_]\w*)*: \S")  # `name: what it is`, in docstrings without Args
_ABBREVIATIONS = {"BN", "CE", "KL"}
_WIDEST = 100  # characters of a signature on one line


class Taught(NamedTuple):
    """A public thing, and where it is taught."""

    page: str  # of docs/api
    name: str
    summary: str
    lecture: str  # the stem of its notebook; empty if its docstring names none
    section: str  # its number, or empty
    through: str  # what the lecture names in its place, or empty


def _packages(root: Path) -> dict[str, griffe.Module]:
    # Once for all: to load one room, griffe reads the whole package.
    whole = griffe.load(
        "kdcourse",
        search_paths=[root],
        docstring_parser="google",
        resolve_aliases=True,
        try_relative_path=False,  # else a folder of that name in the current one would be taken
    )
    return {page: whole[package.partition(".")[2]] for page, (package, _, _) in PAGES.items()}


def taught(root: Path) -> Iterator[Taught]:
    """Everything that the pages list, in their order, with the lecture that its docstring names."""
    for page, package in _packages(root).items():
        for _, name in _order(package):
            thing = _thing(package, name)
            found = TAUGHT.fullmatch(_text(_sections(thing).get("Lecture", "")))
            yield Taught(
                page, name, _summary(thing), *((part or "" for part in found.groups()) if found else [""] * 3)
            )


def pages(root: Path) -> dict[Path, str]:
    """The text of every page, by its path."""
    packages = _packages(root)
    named = {name: page for page, package in packages.items() for _, name in _order(package)}
    return {
        root / "docs" / "api" / f"{page}.md": _page(page, package, named, root)
        for page, package in packages.items()
    }


def _page(page: str, package: griffe.Module, named: dict[str, str], root: Path) -> str:
    _, title, opening = PAGES[page]
    index, entries, last = [], [], None
    for group, name in _order(package):
        thing = _thing(package, name)
        path = thing.filepath.resolve().relative_to(root.resolve()).as_posix()
        file = thing.filepath.relative_to(package.filepath.parent).as_posix()
        summary, source = _summary(thing), _text(_sections(thing).get("Source", ""))
        lecture = _text(_sections(thing).get("Lecture", ""))
        if group != last:
            last = group
            index += ["", f"**{group}**", "", *_HEAD]
            entries += [f"## {group}", ""]
        number = (
            f"[{lecture[:2]}]({_NOTEBOOKS}{lecture.partition(',')[0].rstrip('.')}.ipynb)" if lecture else ""
        )
        cells = f"[`{name}`](#{name.lower()})", summary.rstrip("."), number, paper(source), file
        index.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
        # GitHub's own anchors are in small letters, JupyterLab's are not.
        anchor = [f'<a id="{name.lower()}"></a>', ""] if name != name.lower() else []
        entries += [*anchor, f"### {name}", "", *_entry(thing), f"[{path}](../../{path})", ""]
    body = _linked("\n".join(entries), page, named)
    made = f"<!-- Generated from the docstrings of {package.path} by `make api`: edit those. -->"
    return "\n".join([f"# {title}", "", made, "", opening, *index, "", body.rstrip(), ""])


def _thing(package: griffe.Module, name: str) -> griffe.Object:
    """What the package exports as `name`: imported, or on demand from one of the modules of `_HOMES`."""
    if name in package.imports:
        return package.modules_collection[package.imports[name]]
    homes = ast.literal_eval(str(package["_HOMES"].value))
    return package[next(home for home, names in homes.items() if name in names)][name]


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
    signatures = _signatures(thing)
    lines = ["```python", *signatures, "```", ""] if signatures else []
    for section in thing.docstring.parse("google", warnings=False) if thing.docstring else []:
        lines += [*_section(section), ""]
    methods = {k: f for k, f in thing.members.items() if f.is_function and k[0] != "_" and f.docstring}
    for name, method in methods.items() if thing.is_class else ():
        lines += [f"- `{method.signature(name=name)}`: {_text(method.docstring.value)}", ""]
    return lines


def _signatures(thing: griffe.Object) -> list[str]:
    """How a function or class is called and, for a class, its `forward`; a parameter a line if too wide."""
    if thing.is_attribute:
        value = f"{thing.name} = {thing.value}"
        return [value] if len(value) <= 1.5 * _WIDEST and not thing.annotation else []
    if thing.is_class and any(str(base) == "NamedTuple" for base in thing.bases):
        fields = [(k, a) for k, a in thing.members.items() if a.is_attribute and a.annotation]
        return [f"{thing.name}({', '.join(f'{k}: {a.annotation}' for k, a in fields)})"]
    lines = []
    for called in (thing, thing.members.get("forward")) if thing.is_class else (thing,):
        text = called.signature() if called else ""
        if len(text) > _WIDEST:
            inside, tail = text.rsplit(")", 1)
            name, inside = inside.split("(", 1)
            text = f"{name}(\n" + "".join(f"    {one},\n" for one in _parameters(inside)) + f"){tail}"
        lines += text.splitlines()
    return lines


def _parameters(inside: str) -> list[str]:
    """A signature cut at its commas, but not at those in brackets or of a lambda's arguments."""
    found, depth = [""], 0
    for piece in re.split(r"(lambda\b[^:]*:|[\[\](){}]|, )", inside):
        depth += piece in tuple("[({")
        depth -= piece in tuple("])}")
        if piece == ", " and not depth:
            found.append("")
        else:
            found[-1] += piece
    return found


def _section(section: griffe.DocstringSection) -> list[str]:
    kind = section.kind.value
    if kind == "text":
        return _paragraphs(section.value)
    if kind == "admonition" and section.title == "Lecture":
        return ["**Lecture**", "", _lecture(_text(section.value.description))]
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


def _lecture(where: str) -> str:
    """The Lecture section, whose first word leads to the notebook."""
    words = re.sub(r"^(\d\d)_\w+", lambda m: f"[Lecture {m[1]}]({_NOTEBOOKS}{m[0]}.ipynb)", where)
    return re.sub(r"`docs/([\w/]+\.md)`", r"[docs/\1](../\1)", words)


def _paragraphs(text: str) -> list[str]:
    """reStructuredText to Markdown: formulas, examples, and words between them."""
    lines: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if block.startswith(".. math::"):
            lines += ["$$", *(_roman(line.strip()) for line in block[9:].strip().splitlines()), "$$", ""]
        elif block.startswith(">>>"):
            lines += ["```python", block, "```", ""]
        elif _ARGUMENT.match(block) and all(_ARGUMENT.match(item) for item in _items(block)):
            for item in _items(block):
                names, _, words = item.partition(":")
                lines.append(f"- {', '.join(f'`{name}`' for name in names.split(', '))}: {_text(words)}")
            lines.append("")
        else:
            lines += [_text(block), ""]
    return lines[:-1]


def _items(block: str) -> list[str]:
    """The lines of a block, each with those that are indented below it."""
    return re.split(r"\n(?=\S)", block)


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
