"""Lecture 01, read and run by clicking."""


def test_a_folded_cell_opens_by_a_click(lab):
    lab.open("notebooks/01_soft_targets.ipynb")
    cell = lab.show("dark-knowledge-bars")
    assert not cell.locator(".cm-content").is_visible()
    cell.locator(".jp-Placeholder").first.click()
    cell.locator(".cm-content").wait_for(state="visible")
    assert "plots.show" in cell.locator(".cm-content").inner_text()


def test_the_answers_of_the_self_check_unfold(lab):
    lab.open("notebooks/01_soft_targets.ipynb")
    answers = lab.show("self-check").locator("details")
    assert answers.count() >= 3
    for answer in answers.all():
        assert answer.get_attribute("open") is None
        answer.locator("summary").click()
        assert answer.get_attribute("open") is not None
        hidden = answer.evaluate("e => e.innerText.replace(e.querySelector('summary').innerText, '').trim()")
        assert len(hidden) > 20


def test_run_all_ends_without_an_error_and_the_slider_redraws_its_figure(lab):
    """The one long test: 1.5 to 3 minutes on two cores."""
    lab.open("notebooks/01_soft_targets.ipynb")
    lab.menu("Run", "Run All Cells")
    lab.wait_until_all_ran(seconds=900)
    cells = [cell for cell in lab.save()["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [(cell["id"], output) for cell in cells for output in cell["outputs"]]
    wrong = [name for name, o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]
    assert wrong == []
    assert lab.all("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0

    (name,) = [cell["id"] for cell in cells if "FloatSlider" in "".join(cell["source"])]
    cell = lab.show(name)
    figure = cell.locator(".jupyter-widgets img")
    before, value = figure.get_attribute("src"), cell.locator(".widget-readout").inner_text()
    cell.get_by_role("slider").focus()
    for _ in range(5):
        lab.page.keyboard.press("ArrowRight")
    lab.wait_for(lambda: cell.locator(".widget-readout").inner_text() != value, "the slider's new number")
    lab.wait_for(lambda: figure.count() == 1 and figure.get_attribute("src") != before, "a new figure")
