"""The site, on a telephone and on a screen, light and dark: nothing is cut off, and everybody can use it."""

import axe
import pytest

PAGES = [
    "index.html",
    "lectures.html",
    "notebooks/01_soft_targets.html",
    "exercises/ex01_soft_targets/ex01_soft_targets.html",
    "docs/grading.html",
]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


class Visitor:
    """A browser's page, and its faults: requests to other machines, missing files, errors of scripts."""

    def __init__(self, context, site: str):
        self.page, self.site = context.new_page(), site
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("response", lambda answer: answer.status >= 400 and self.faults.append(answer.url))
        self.page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        if not url.startswith((self.site, "data:", "blob:")):
            self.faults.append(f"from another machine: {url}")

    def open(self, name: str):
        self.page.goto(self.site + name, wait_until="load")
        self.page.evaluate("async () => { if (window.MathJax?.startup) await MathJax.startup.promise }")
        return self.page


@pytest.fixture
def visit(browser, site):
    """Gives a visitor with a window of some size who likes it light or dark."""
    contexts = []

    def new(viewport: dict, scheme: str = "light") -> Visitor:
        contexts.append(browser.new_context(viewport=viewport, color_scheme=scheme))
        return Visitor(contexts[-1], site)

    yield new
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["screen", "telephone"])
def test_pages_fit_and_break_no_rule_of_accessibility(visit, viewport, scheme):
    visitor = visit(viewport, scheme)
    faults = []
    for name in PAGES:
        page = visitor.open(name)
        wide = page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        found = axe.violations(page) + ([f"{wide} px too wide"] if wide > 1 else [])
        if page.locator("mjx-merror, [data-mjx-error]").count():
            found.append("a formula with a mistake")
        faults += [f"{name}: {line}" for line in found]
    assert faults + visitor.faults == []


def test_a_lecture_is_reached_by_the_keyboard_alone(visit):
    visitor = visit(DESKTOP)
    page = visitor.open("index.html")
    page.keyboard.press("Tab")
    assert "skip" in page.evaluate("() => document.activeElement.innerText").lower()
    goal = "() => document.activeElement.href?.includes('01_soft_targets.html') ?? false"
    page = visitor.open("lectures.html")
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate(goal):
            break
    else:
        raise AssertionError("200 times Tab do not lead to lecture 01")
    page.keyboard.press("Enter")
    page.wait_for_url("**/01_soft_targets.html")
    assert visitor.faults == []


def test_the_reader_can_choose_dark_and_search_offline(visit):
    visitor = visit(DESKTOP)
    page = visitor.open("index.html")
    page.locator("button.theme-switch-button:visible").first.click()
    page.locator(".dropdown-menu.show").get_by_text("Dark", exact=True).click()
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    page = visitor.open("search.html?q=temperature")
    page.locator("#search-results li a").first.wait_for()
    assert visitor.faults == []
