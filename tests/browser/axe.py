"""What axe-core, the checker of accessibility that `axe-playwright-python` brings along, finds on a page."""

import importlib.resources
from functools import cache

# Formulas have thousands of elements, which cost minutes and hold no text for these rules.
LEFT_OUT = ["mjx-container", "div.highlight"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def script() -> str:
    return (importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def violations(page) -> list[str]:
    """A line for each element of the page that breaks a rule."""
    page.evaluate(script())
    options = {"runOnly": RULES, "resultTypes": ["violations"], "selectors": False, "preload": False}
    found = page.evaluate(
        "async ([where, options]) => (await axe.run(where, options)).violations",
        [{"exclude": LEFT_OUT}, options],
    )
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:120]}: {node['failureSummary'].split(chr(10))[-1]}"
        for rule in found
        for node in rule["nodes"]
    ]
