"""The course opens on lecture 00, quietly, and its links lead on."""

import nbformat
from nbformat import v4


def test_the_course_opens_on_lecture_00_without_a_question(lab):
    lab.open("notebooks/00_start_here.ipynb", address=lab.server.address)
    assert lab.cell("header").get_by_role("heading", level=1).inner_text().startswith("00")
    assert lab.page.locator(".jp-Dialog").count() == 0
    assert lab.page.locator(".Toastify__toast").count() == 0
    assert lab.page.get_by_text("Jupyter news").count() == 0


def test_a_link_in_the_course_table_opens_lecture_01(lab):
    lab.open("notebooks/00_start_here.ipynb")
    lab.all(".jp-RenderedMarkdown a[href*='01_soft_targets.ipynb']").first.click()
    lab.opened("notebooks/01_soft_targets.ipynb")
    assert lab.cell("header").get_by_role("heading", level=1).inner_text().startswith("01")


def test_a_link_to_a_term_of_the_glossary_shows_the_page_at_that_term(lab):
    link = v4.new_markdown_cell("[what it means](../docs/glossary.md#temperature)")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = v4.new_notebook(cells=[link], metadata=kernel)
    nbformat.write(notebook, lab.server.course / "notebooks" / "link.ipynb")
    lab.open("notebooks/link.ipynb")
    lab.all("a[href*='glossary.md']").click()
    page = lab.page.locator(".jp-MarkdownViewer")
    term = page.locator("h3[data-jupyter-id='temperature']")
    term.wait_for()
    assert lab.page.locator(".jp-FileEditor").count() == 0
    lab.wait_for(lambda: _in_view(term, page), "the page scrolled to its term")


def _in_view(inner, outer) -> bool:
    box, frame = inner.bounding_box(), outer.bounding_box()
    return frame["y"] <= box["y"] < frame["y"] + frame["height"]


def test_what_the_user_sets_wins_over_the_course(lab):
    plugin = "@jupyterlab/docmanager-extension:plugin"
    kept = lab.server.ask("GET", f"lab/api/settings/{plugin}")
    assert kept["settings"] == {} and kept["schema"]["properties"]["defaultViewers"]["default"] == {
        "markdown": "Markdown Preview"
    }
    lab.server.ask("PUT", f"lab/api/settings/{plugin}", {"raw": '{"defaultViewers": {"markdown": "Editor"}}'})
    kept = lab.server.ask("GET", f"lab/api/settings/{plugin}")
    assert kept["settings"] == {"defaultViewers": {"markdown": "Editor"}}
    lab.page.goto(f"{lab.server.base}/lab/tree/docs/grading.md?token={lab.server.token}&reset")
    lab.page.locator(".jp-FileEditor").wait_for()
