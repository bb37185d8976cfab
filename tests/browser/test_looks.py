"""Can it be read, in the dark theme and in a narrow window, and from top to bottom?"""

import pytest

NOTEBOOKS = [
    "notebooks/00_start_here.ipynb",
    "notebooks/05_relations.ipynb",
    "notebooks/09_segmentation.ipynb",
    "notebooks/16_why_ntk.ipynb",
    "notebooks/18_capstone.ipynb",
    "exercises/ex09_segmentation/ex09_segmentation.ipynb",
]
SMALLEST_TEXT = 11  # pixels: text in cells
SMALLEST_IN_FIGURE = 8  # pixels: a figure's text of 9 points, shrunk to the width there is
# What juts out of its cell, or what a reader could not read, by the cell's number. In a narrow window a long
# formula, or a table that was computed, may be wider than its cell if the cell can be scrolled sideways.
LOOK = """([smallest, inFigure, narrow]) => {
  const found = [];
  for (const cell of document.querySelectorAll('.jp-Notebook [data-windowed-list-index]')) {
    const place = 'cell ' + cell.dataset.windowedListIndex + ': ';
    const parts = cell.querySelectorAll('.jp-MarkdownOutput:not(.lm-mod-hidden), .jp-OutputArea-output');
    for (const part of parts) {
      const width = part.clientWidth;
      if (!width) continue;
      if (part.scrollWidth > width + 2) {
        const mayScroll = part.matches('.jp-OutputArea-output') ? 'mjx-container[display], table' :
          'mjx-container[display]';
        const wide = [...part.querySelectorAll(mayScroll)];
        const all = part.scrollWidth - width;
        wide.forEach(e => e.style.display = 'none');
        const scrolls = ['auto', 'scroll'].includes(getComputedStyle(part).overflowX);
        const fits = part.scrollWidth <= width + 2 && scrolls && narrow;
        wide.forEach(e => e.style.display = '');
        if (!fits) found.push(place + all + ' px too wide');
      }
      for (const image of part.querySelectorAll('img')) {
        const declared = Number(image.getAttribute('width')) || image.naturalWidth;
        const text = 9 * 100 / 72 * image.clientWidth / declared;
        if (text < inFigure) found.push(place + 'text of ' + text.toFixed(1) + ' px in a figure');
      }
      for (const error of part.querySelectorAll('mjx-merror, [data-mjx-error], .MathJax_Error'))
        found.push(place + 'formula: ' + error.textContent.slice(0, 60));
      if (part.matches('.jp-MarkdownOutput')) {
        const prose = part.cloneNode(true);
        prose.querySelectorAll('code, pre, mjx-container').forEach(e => e.remove());
        const raw = prose.textContent.match(/\\$\\$|\\$[^$\\n]+\\$|\\\\(frac|mathrm|sum)/);
        if (raw) found.push(place + 'a formula that was not typeset: ' + raw[0].slice(0, 60));
      }
      const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        if (!node.textContent.trim() || node.parentElement.closest('mjx-container')) continue;
        const size = parseFloat(getComputedStyle(node.parentElement).fontSize);
        if (size < smallest) found.push(place + size + ' px: ' + node.textContent.trim().slice(0, 40));
      }
    }
  }
  return [...new Set(found)];
}"""


@pytest.mark.parametrize("width", [1280, 800])
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.split("/")[1][:4].strip("_"))
def test_everything_fits_and_can_be_read(lab, notebook, width):
    lab.page.set_viewport_size({"width": width, "height": 900})
    lab.open(notebook)
    if width == 800:
        lab.close_sidebar()
    lab.scroll_through()
    formulas = lab.page.locator(".jp-MarkdownOutput mjx-container")
    lab.wait_for(lambda: formulas.count() > 3, "typeset mathematics")
    lab.wait_until_still()
    assert lab.page.evaluate(LOOK, [SMALLEST_TEXT, SMALLEST_IN_FIGURE, width == 800]) == []
