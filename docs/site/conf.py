"""Sphinx's settings for the site of the course; `make site` gives it a folder of sources to work on.

Nothing is executed, and nothing on a page comes from another machine: MathJax, fonts and icons are copied in.
"""

import importlib.util
from pathlib import Path

from docutils import nodes
from sphinx.parsers import Parser

project = "kdcourse"
author = "The kdcourse authors"
copyright = "The kdcourse authors. Code: MIT licence; text and figures: CC BY 4.0"
language = "en"
extensions = ["myst_nb", "sphinx.ext.mathjax"]
nitpicky = True

# --- notebooks -------------------------------------------------------------------------------------------
nb_execution_mode = "off"
nb_merge_streams = True
# Else every page loads require.js and the widgets' manager from a content network. Stored outputs hold no
# widgets: each of them has a fallback in figures and words.
nb_ipywidgets_js = {}
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"

# --- text ------------------------------------------------------------------------------------------------
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
myst_dmath_double_inline = True

# --- formulas --------------------------------------------------------------------------------------------
# MathJax is what JupyterLab uses, so a formula that authors saw there looks the same here.
_MATHJAX = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
mathjax_path = "mathjax/tex-chtml.js"
mathjax3_config = {
    # The menu makes each formula a stop of the tab key: hundreds on a page. Screen readers read the MathML
    # that MathJax hides beside each formula, with or without the menu.
    "options": {"enableMenu": False},
    "loader": {"load": ["a11y/assistive-mml"]},
}

# --- appearance ------------------------------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_title = "kdcourse"  # what browsers show after the page's own title
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_context = {"default_mode": "auto"}  # light or dark as the reader's system, until they choose
html_favicon = "_static/icon.svg"
html_copy_source = False  # the notebooks are in the course's folder: half of the site would be their copies
html_show_sourcelink = False
html_show_sphinx = False
html_use_index = False
html_sidebars = {"index": [], "docs/api/*": []}  # wide tables, and few neighbours
html_theme_options = {
    "logo": {"text": "kdcourse"},
    "navbar_align": "left",
    "search_bar_text": "Search the course",
    "show_toc_level": 2,
    "back_to_top_button": False,  # it covers text
    "navigation_depth": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}


class PythonSource(Parser):
    """A file of the library as a page, so that links to it lead somewhere."""

    supported = ("python-source",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        env = document.settings.env
        section = nodes.section(ids=["source"], names=["source"])
        section += nodes.title(text=f"{env.docname}.py")
        section += nodes.literal_block(inputstring, inputstring, language="python", linenos=True)
        document += section
        # Reached by links; listed in no table of contents and by no search.
        env.metadata[env.docname].update(orphan=True, nosearch=True)


# What MyST-NB and docutils write -> what a screen reader can use: a name that is the visible text, and no
# heading without words above a column.
_BETTER = {
    '<summary aria-label="Toggle hidden content">': "<summary>",
    '<th class="head"><p></p></th>': "<td></td>",
}


def _improve(app, pagename, templatename, context, doctree):
    for old, new in _BETTER.items():
        if "body" in context:
            context["body"] = context["body"].replace(old, new)


def _copy_mathjax(app):
    """What pages need of the 24 MB: TeX in, HTML out."""
    from sphinx.util.fileutil import copy_asset

    static = Path(app.outdir) / "_static" / "mathjax"
    for part in (
        "tex-chtml.js",
        "a11y/assistive-mml.js",
        "input/tex/extensions",
        "output/chtml/fonts/woff-v2",
    ):
        target = static / part if (_MATHJAX / part).is_dir() else (static / part).parent
        copy_asset(_MATHJAX / part, target)


def setup(app):
    app.add_source_suffix(".py", "python-source")
    app.add_source_parser(PythonSource)
    app.connect("html-page-context", _improve)
    app.connect("build-finished", lambda app, error: None if error else _copy_mathjax(app))
