"""A lecture as slides in one HTML file that needs no network.

nbconvert's reveal exporter lays them out. What it would load from the web is put into the file instead:
reveal.js out of the package `pyreveal`, formulas as MathML, figures as they are stored in the notebook.

Keys: arrows or space go on, O shows all slides, W the words for the speaker below each slide, S a window for
the speaker (browsers open it only if the file comes from a server, such as `python -m http.server`).
On paper: add `?print-pdf` to the address, or `?print-pdf&notes` for the words as well, and print.
"""

import importlib.util
from pathlib import Path

from jinja2 import pass_context
from nbconvert.exporters import SlidesExporter
from nbformat import NotebookNode

from kdcourse.authoring import notebooks
from kdcourse.teaching.material import deck
from kdcourse.teaching.material.markdown import to_html

_STYLE = """
html, body, main, .reveal { margin: 0; height: 100%; background: #fff; }
.reveal { font: 30px/1.35 "Source Sans 3", "Segoe UI", "DejaVu Sans", Arial, sans-serif; color: #1b1b1b; }
.reveal .slides { text-align: left; }
.reveal .slides section { box-sizing: border-box; padding: 18px 30px; }
.reveal h1 { font-size: 1.7em; line-height: 1.15; color: #0072B2; margin: 2.2em 0 0.7em; }
.reveal h2 { font-size: 1.15em; line-height: 1.2; color: #0072B2; margin: 0 0 0.7em;
  border-bottom: 2px solid #E4E4E4; }
.reveal h3 { font-size: 1em; margin: 0.6em 0; }
.reveal p, .reveal ul, .reveal ol, .reveal blockquote { margin: 0.45em 0; }
.reveal li { margin: 0.25em 0; }
.reveal blockquote { border-left: 5px solid #E69F00; padding-left: 0.8em; }
.reveal code, .reveal pre { font-family: "DejaVu Sans Mono", Consolas, Menlo, monospace; }
.reveal code { font-size: 0.85em; }
.reveal pre { font-size: 0.62em; line-height: 1.45; background: #f6f6f6; padding: 0.8em 1em; margin: 0.4em 0;
  white-space: pre-wrap; }
.reveal pre code { font-size: 1em; }
.reveal table { border-collapse: collapse; font-size: 0.72em; }
.reveal th, .reveal td { border-bottom: 1px solid #ccc; padding: 0.25em 0.7em;
  vertical-align: top; text-align: left; }
.reveal img { display: block; margin: 0 auto; width: 100%; height: 560px; object-fit: contain; }
.reveal .celltag_captioned img { height: 430px; }
.reveal .celltag_narrow pre { font-size: 0.78em; line-height: 1.4; }
.reveal .formula { margin: 0.5em 0; text-align: center; font-size: 1.05em; }
.reveal .celltag_question { border-left: 12px solid #E69F00; padding-left: 24px; }
.reveal .celltag_question h2 { color: #9A6A00; }
.reveal details { margin-top: 1em; background: #eef6fb; padding: 0.5em 0.8em; }
.reveal summary { cursor: pointer; color: #0072B2; font-weight: bold; }
.reveal aside.notes { display: none; }
.reveal .speaker-notes { font-size: 17px; line-height: 1.35; }
html.reveal-print .reveal .slides section { padding: 0 30px !important; }
html.reveal-print .reveal .speaker-notes-pdf { font-size: 22px; padding: 30px 40px; }
.reveal .slide-number { background: none; color: #6E6E6E; font-size: 18px; left: 12px; right: auto; }
"""
# Formulas that are too wide, and slides that are a little too tall, shrink when they are shown.
_SCRIPT = """
const deck = new Reveal(document.querySelector('.reveal'), {
  width: 1280, height: 720, margin: 0.02, center: false, hash: true, slideNumber: 'c/t', transition: 'none',
  showNotes: new URLSearchParams(location.search).has('notes') ? 'separate-page' : false,
  plugins: [RevealNotes],
});
function fit() {
  const slide = deck.getCurrentSlide();
  if (!slide || slide.querySelector('section')) return;
  slide.style.zoom = 1;
  for (const formula of slide.querySelectorAll('.formula')) {
    if (formula.scrollWidth > formula.clientWidth + 1)
      formula.style.fontSize = 0.97 * formula.clientWidth / formula.scrollWidth + 'em';
  }
  const tall = slide.scrollHeight;
  if (tall > 720) slide.style.zoom = Math.max(0.55, 720 / tall);
}
deck.initialize().then(() => {
  const words = () => deck.configure({ showNotes: !deck.getConfig().showNotes });
  deck.addKeyBinding({ keyCode: 87, key: 'W', description: 'Words for the speaker' }, words);
  deck.on('slidechanged', fit);
  document.addEventListener('toggle', fit, true);
  fit();
});
"""
_TEMPLATE = """{%- extends 'index.html.j2' -%}
{%- block header -%}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1.0">
<title>{{ nb.metadata.get('title', '') | escape }}</title>
<style>{{ resources.kdcourse.reveal_css }}</style>
{%- for css in resources.inlining.css %}<style>{{ css }}</style>{% endfor %}
<style>{{ resources.kdcourse.style }}</style>
</head>
{%- endblock header -%}
{%- block markdowncell -%}
<div class="{%- for tag in cell.metadata.get('tags', []) %}celltag_{{ tag }} {% endfor %}">
{{ cell.source | markdown2html }}</div>
{%- endblock markdowncell -%}
{%- block footer_js -%}
<script>{{ resources.kdcourse.reveal_js }}</script>
<script>{{ resources.kdcourse.notes_js }}</script>
<script>{{ resources.kdcourse.script }}</script>
{%- endblock footer_js -%}
"""


class _Offline(SlidesExporter):
    @pass_context
    def markdown2html(self, context: object, source: str) -> str:
        return to_html(source)


def reveal_folder() -> Path:
    """Where reveal.js lies. `FileNotFoundError` says how to get it."""
    found = importlib.util.find_spec("pyreveal")
    folder = Path(found.submodule_search_locations[0]) / "revealjs" / "dist" if found else None
    if folder is None or not (folder / "reveal.js").is_file():
        raise FileNotFoundError(
            "reveal.js is not installed; it comes with the package pyreveal. In the course's folder: "
            'python -m pip install -c constraints.txt -e ".[dev]"'
        )
    return folder


def render(notebook: NotebookNode) -> str:
    """The slides of an executed lecture as HTML. `ValueError` if its header cannot be read."""
    folder, slides = reveal_folder(), deck.deck(notebook)

    def inlined(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8").replace("</script", r"<\/script")

    parts = {
        "reveal_css": inlined("reveal.css"),
        "reveal_js": inlined("reveal.js"),
        "notes_js": inlined("plugin/notes.js"),
        "style": _STYLE,
        "script": _SCRIPT,
    }
    cells = deck.as_notebook(slides)
    cells.metadata["title"] = slides[0].title
    return _Offline(raw_template=_TEMPLATE).from_notebook_node(cells, resources={"kdcourse": parts})[0]


def build_slides(notebook: Path, folder: Path) -> Path:
    """Write the slides of a lecture into `folder` and return their path.

    Args:
        notebook: an executed lecture, `notebooks/NN_name.ipynb`.
        folder: where `NN_name.slides.html` is written; made if it is not there.

    Raises `ValueError` if it is no lecture or was not executed, `FileNotFoundError` if reveal.js is missing.
    """
    book = notebooks.read(notebook)
    if not any(cell.get("outputs") for cell in book.cells):
        raise ValueError(f"{notebook.name} has no outputs: run `kdcourse execute {notebook}` first.")
    text = render(book)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{notebook.stem}.slides.html"
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
