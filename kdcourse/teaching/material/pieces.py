"""Prose and code cut into pieces that fit on a slide."""

import ast
import contextlib
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

MOST_LINES = 15  # of code or output on one slide
_SHORT = 210  # characters of prose that are shown whole
_WIDTH = 88  # characters of one line
_WIDE = 108  # the same for code
_FOLDED = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.?!:])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bet al\.)\s+(?=[A-Z$`*\"“(\[])")


@dataclass(frozen=True)
class Question:
    shown: str
    answer: str


def blocks(text: str) -> Iterator[str | Question]:
    """Paragraphs, lists, tables and formulas; a question goes together with its folded answer."""
    position, parts = 0, []
    for match in _FOLDED.finditer(text):
        parts += [(text[position : match.start()], None), ("", match)]
        position = match.end()
    parts.append((text[position:], None))
    waiting: list[str] = []
    for words, folded in parts:
        if folded is None:
            found = [block for block in _paragraphs(words) if block.strip()]
            yield from waiting
            waiting = []
            if found:
                yield from found[:-1]
                waiting = found[-1:]
        else:
            answer = folded[2].strip()
            # Blank lines: else the markdown inside would be taken for HTML.
            fold = f"<details><summary>{folded[1].strip()}</summary>\n\n{answer}\n\n</details>"
            yield Question("\n\n".join([*waiting, fold]), answer)
            waiting = []
    yield from waiting


def _paragraphs(text: str) -> list[str]:
    """Split at blank lines, but not inside fenced code or a formula; long lists and tables are cut."""
    found, rows, fenced = [], [], False
    for row in [*text.splitlines(), ""]:
        if row.lstrip().startswith("```") or row.count("$$") == 1:
            fenced = not fenced
        if row.strip() or fenced:
            rows.append(row)
        elif rows:
            found.append("\n".join(rows))
            rows = []
    if rows:
        found.append("\n".join(rows))
    return [piece for block in found for piece in _cut(block)]


def _cut(block: str) -> list[str]:
    rows = block.splitlines()
    if rows[0].lstrip().startswith("|") and len(rows) > 11:
        head, rows = rows[:2], rows[2:]
        return ["\n".join([*head, *rows[i : i + 8]]) for i in range(0, len(rows), 8)]
    items = _items(block)
    if len(items) > 6:
        return ["\n".join(items[i : i + 5]) for i in range(0, len(items), 5)]
    return [block]


def _items(block: str) -> list[str]:
    """The items of a list, each with its continuation lines; empty if the block is no list."""
    if not re.match(r"\s*([-*]|\d+\.) ", block):
        return []
    return [
        item.rstrip() for item in re.split(r"^(?=\s{0,3}(?:[-*]|\d+\.) )", block, flags=re.M) if item.strip()
    ]


def short(block: str) -> tuple[str, str]:
    """What is shown of a block, and what only the notes hold: all of it, if anything was left out."""
    if block.lstrip().startswith(("|", "$$", "```", "<", "    ")):
        return block, ""
    items = _items(block)
    if items:
        shown = "\n".join(_first(item) for item in items)
        return shown, "" if shown == "\n".join(items) else block
    if block.startswith(">"):
        words = " ".join(line.lstrip("> ") for line in block.splitlines())
        return f"> {_first(words)}", "" if _first(words) == words else words
    shown = _first(block)
    return shown, "" if shown == block else block


def _first(words: str) -> str:
    """The text if it is short, else its first sentences, as many as are short together."""
    if len(words) <= _SHORT or "$$" in words:
        return words
    sentences = [piece.strip() for piece in _SENTENCE.split(words)]
    shown = sentences[0]
    for sentence in sentences[1:]:
        if len(shown) + len(sentence) + 1 > _SHORT:
            break
        shown += " " + sentence
    return shown


def lines(shown: str) -> float:
    """Lines that a block takes on a slide."""
    if shown.lstrip().startswith("|"):
        rows = shown.splitlines()
        return sum(
            max(1.2, len(re.sub(r"\$[^$]*\$", "xxxxx", row)) / _WIDTH) for row in rows if "---" not in row
        )
    words, formulas = re.subn(r"\$\$.*?\$\$", "", shown, flags=re.DOTALL)
    return 2.2 * formulas + sum(-(-len(line) // _WIDTH) for line in words.splitlines())


def portions(text: str) -> list[str]:
    if not text:
        return []
    wrap = partial(textwrap.wrap, width=_WIDE, subsequent_indent="    ", drop_whitespace=False)
    lines = [part for line in text.splitlines() for part in wrap(line) or [""]]
    return ["\n".join(lines[i : i + MOST_LINES]) for i in range(0, len(lines), MOST_LINES)]


def excerpt(source: str) -> tuple[str, int]:
    """The part of a cell that is worth a slide, and how many lines were left out.

    Left out are imports, and what only prints or asserts: its result is shown, and the reader of the notebook
    sees how. A short rest is shown whole. Of a longer one those functions and classes are taken that fit
    together; if none fits, its first statements.
    """
    lines = source.splitlines()
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a notebook's magic
        body = []
    if body:
        told = {n for node in body if _only_tells(node) for n in range(node.lineno, node.end_lineno + 1)}
        kept = [line for number, line in enumerate(lines, 1) if number not in told]
        if not any(line.strip() and not line.lstrip().startswith("#") for line in kept):
            return "", len(lines)
        shown, left_out = _excerpt("\n".join(kept).strip("\n"))
        return shown, left_out + len(lines) - len(kept)
    return _excerpt(source)


def _only_tells(node: ast.stmt) -> bool:
    """Whether a statement imports, asserts or prints, and nothing after it needs it."""
    if isinstance(node, ast.For):
        return all(map(_only_tells, node.body))
    call = node.value if isinstance(node, ast.Expr) else None
    named = ast.unparse(call.func) if isinstance(call, ast.Call) else ""
    return isinstance(node, ast.Assert | ast.Import | ast.ImportFrom) or (
        named == "print" or named.startswith("torch.testing.assert_")
    )


def _excerpt(source: str) -> tuple[str, int]:
    lines, body = source.splitlines(), []
    with contextlib.suppress(SyntaxError):
        body = ast.parse(source).body
    if len(lines) <= MOST_LINES:
        return source, 0
    spans = [(node, _start(node) - 1, node.end_lineno) for node in body]
    definitions = [s for s in spans if isinstance(s[0], ast.FunctionDef | ast.ClassDef)]
    for candidates in (definitions, [s for s in spans if not isinstance(s[0], ast.Import | ast.ImportFrom)]):
        shown: list[str] = []
        for _, start, end in candidates:
            piece = lines[start:end]
            if len(shown) + len(piece) + bool(shown) > MOST_LINES - 1:
                continue
            shown += ([""] if shown and candidates is definitions else []) + piece
        if shown:
            return "\n".join([*shown, "# ..."]), len(lines) - len(shown)
    return "\n".join([*lines[: MOST_LINES - 1], "# ..."]), len(lines) - MOST_LINES + 1


def _start(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])
