"""An exercise as a learner meets it: wrong answers, a hint, the right answer, a restart, what was kept."""

import pytest

EXERCISE = "exercises/ex01_soft_targets/ex01_soft_targets.ipynb"
HEAD = "def temperature_softmax(logits, T):\n    return "
GRADIENT = "def soft_target_gradient(student_logits, teacher_logits, T):\n    return "
WRONG_GRADIENT = GRADIENT + "torch.softmax(teacher_logits / T, 1) - torch.softmax(student_logits / T, 1)"


def answer(lab, task: str, source: str) -> str:
    """Type an answer, run it and its check; returns what the check shows."""
    lab.write(task, source)
    lab.run(task)
    check = lab.run(f"{task}-check")
    return check.locator(".jp-OutputArea-output").last.inner_text()


# The WCAG's contrast of each piece of text with the first background behind it that is not transparent.
CONTRAST = """cell => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(cell.querySelector('.jp-OutputArea'), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.textContent.trim() || node.parentElement.closest('.jp-OutputPrompt')) continue;
    const text = light(numbers(getComputedStyle(node.parentElement).color));
    const ground = light(behind(node.parentElement));
    const ratio = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
    found.push([ratio, node.textContent.trim().slice(0, 60)]);
  }
  return found;
}"""


def hard_to_read(lab, name: str) -> list[str]:
    """Text of a cell's output whose contrast is below 4.5, in either theme."""
    faults = []
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lab.theme(theme)
        texts = lab.show(name).evaluate(CONTRAST)
        assert texts
        faults += [f"{theme}: {ratio:.1f}: {text}" for ratio, text in texts if ratio < 4.5]
    return faults


def test_from_a_wrong_answer_to_progress_that_outlives_the_kernel(lab):
    lab.open(EXERCISE)
    lab.run("setup")
    said = answer(lab, "temperature-softmax", HEAD + "torch.softmax(logits * T, dim=1)")
    assert "not right yet" in said and "Hint" not in said
    assert "Traceback" not in said and "report.py" not in said, "only words: no way through our own code"
    assert "multiplied by T" in said, "the diagnosis names the mistake"
    said = answer(lab, "temperature-softmax", HEAD + "torch.softmax(logits / T, dim=0)")
    assert "Hint 1 of 2" in said and "Hint 2 of 2" not in said
    shown = hard_to_read(lab, "temperature-softmax-check")
    said = answer(lab, "temperature-softmax", HEAD + "torch.softmax(logits / T, dim=1)")
    assert "all public checks passed" in said
    shown += hard_to_read(lab, "temperature-softmax-check")
    assert shown == []
    assert "Hint" not in answer(lab, "soft-target-gradient", WRONG_GRADIENT)
    saved = {cell["id"]: "".join(cell["source"]) for cell in lab.save()["cells"]}
    assert saved["temperature-softmax"].endswith("torch.softmax(logits / T, dim=1)")

    lab.menu("Kernel", "Restart Kernel…")
    lab.page.locator(".jp-Dialog").locator(".jp-mod-accept").click()
    lab.page.locator(".jp-Dialog").wait_for(state="detached")
    lab.wait_until_restarted()
    lab.run("setup")
    said = answer(lab, "soft-target-gradient", WRONG_GRADIENT)
    assert "Hint 1 of 2" in said, "the second wrong answer, though the kernel is another one"

    lab.open("notebooks/00_start_here.ipynb")
    name = next(c["id"] for c in lab.cells if "course_map()" in "".join(c["source"]))
    row = lab.run(name).locator(".jp-OutputArea-output tr").filter(has_text="01 soft targets")
    assert "1 of 5" in row.inner_text()


@pytest.mark.parametrize("broken", ["def temperature_softmax(logits, T)", "while True: pass"])
def test_broken_code_says_so_and_the_kernel_can_be_interrupted(lab, broken):
    lab.open(EXERCISE)
    lab.write("temperature-softmax", broken)
    if broken.startswith("while"):
        lab.start("temperature-softmax")
        lab.wait_for(lambda: not lab.server.is_idle(EXERCISE), "a busy kernel")
        lab.menu("Kernel", "Interrupt Kernel")
        lab.wait_until_done("temperature-softmax")
        assert "KeyboardInterrupt" in lab.cell("temperature-softmax").inner_text()
    else:
        assert "SyntaxError" in lab.run("temperature-softmax").inner_text()
