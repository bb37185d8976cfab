"""Faults of a folder of HTML pages: broken links, requests to other machines, images without words."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Attributes that a browser follows by itself; the one that a reader follows is `href` of `a`.
_LOADED = {("link", "href"), ("use", "href"), ("image", "href"), ("object", "data")}
_LOADING = ("src", "srcset", "poster", "background")
_CSS_URL = re.compile(r"url\(\s*['\"]?(.*?)['\"]?\s*\)|@import\s+['\"](.*?)['\"]")
# A <link> of these kinds says something and loads nothing.
_SILENT = {"canonical", "next", "prev", "index", "search", "author", "license", "alternate"}


class Page(HTMLParser):
    """What one page defines and refers to."""

    def __init__(self, text: str):
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.wordless: list[str] = []
        self._in_style = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_style = tag == "style"
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "img":
            words = given.get("alt", "").strip()
            if not words or words == given.get("src"):  # Sphinx takes the path where there are no words
                self.wordless.append(given.get("src", ""))
        silent = tag == "link" and set(given.get("rel", "").lower().split()) <= _SILENT
        for name, value in given.items():
            if name == "srcset":
                self.loads += [part.split()[0] for part in value.split(",") if part.split()]
            elif name in _LOADING or ((tag, name) in _LOADED and not silent):
                self.loads.append(value)
            elif name == "style":
                self.loads += css_urls(value)

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.loads += css_urls(data)


def css_urls(text: str) -> list[str]:
    """What a style sheet loads."""
    return [found[1] or found[2] for found in _CSS_URL.finditer(text)]


def faults(folder: Path) -> list[str]:
    """One line for each fault of the pages in `folder`; none if all is well.

    A page may load files of the same folder only. Its links within the folder must lead to a file and, after
    a `#`, to an id on that page; links to other sites are not followed. Ids are unique. Every `img` has an
    alternative text.
    """
    # The theme leaves a template among its files.
    paths = [path for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts]
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in paths}
    found = []
    for path, page in pages.items():
        name = path.relative_to(folder).as_posix()
        for address in page.links:
            if problem := _problem(path, address, folder, pages):
                found.append(f"{name}: the link {address} {problem}")
        for address in page.loads:
            found += _load_faults(name, path, address, folder)
        found += [f"{name}: the image {source} has no alternative text" for source in page.wordless]
        twice = sorted({one for one in page.ids if page.ids.count(one) > 1})
        found += [f"{name}: the id {one} stands there more than once" for one in twice]
    for path in sorted(folder.rglob("*.css")):
        name = path.relative_to(folder).as_posix()
        for address in css_urls(path.read_text(encoding="utf-8")):
            found += _load_faults(name, path, address, folder)
    return found


def _load_faults(name: str, path: Path, address: str, folder: Path) -> list[str]:
    parts = urlsplit(address)
    if parts.scheme == "data":
        return []
    if parts.scheme or parts.netloc:
        return [f"{name}: loads {address} from another machine"]
    problem = _problem(path, address, folder, None)
    return [f"{name}: loads {address}, which {problem}"] if problem else []


def _problem(path: Path, address: str, folder: Path, pages: dict[Path, Page] | None) -> str:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return ""
    if parts.path.startswith("/"):
        return "starts at the root of the server: make it relative"
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(folder.resolve()):
        return "leads out of the site"
    if not target.is_file():
        return "leads to no file"
    fragment = unquote(parts.fragment)
    if pages is None or not fragment or target not in pages or fragment in pages[target].ids:
        return ""
    return f"leads to no id {fragment!r} on that page"
