"""Which browser drives the tests? As a program: start it once and print its version, or say what to install.

In this order: what the variable KDCOURSE_BROWSER names, a Chromium, Chrome or Edge on PATH, the one that
Playwright has downloaded, a Chrome or Edge where it is usually installed.
"""

import os
import shutil
import sys
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
INSTALL = (
    "On Debian and Ubuntu: apt install chromium. Elsewhere: python -m playwright install chromium. "
    "Or name one: KDCOURSE_BROWSER=/path/to/chrome."
)
# A container has little shared memory, and root has no sandbox there.
AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
ARGUMENTS = ["--disable-dev-shm-usage", *["--no-sandbox"] * AS_ROOT]


class NoBrowserError(Exception):
    """There is no browser; the message says how to get one."""


def launch(playwright):
    """A Chromium, Chrome or Edge without a window. Raises `NoBrowserError` where none starts."""
    from playwright.sync_api import Error

    tried = []
    for choice in choices(playwright):
        try:
            return playwright.chromium.launch(args=ARGUMENTS, **choice)
        except Error as error:
            tried.append(f"{next(iter(choice.values()))}: {error.message.splitlines()[0]}")
    raise NoBrowserError("No browser could be started. " + INSTALL + "".join(f"\n  tried {t}" for t in tried))


def choices(playwright) -> list[dict[str, str]]:
    """Arguments of `playwright.chromium.launch`, the best first."""
    if named := os.environ.get("KDCOURSE_BROWSER"):
        return [{"executable_path": shutil.which(named) or named}]
    found = [path for program in PROGRAMS if (path := shutil.which(program))]
    if Path(playwright.chromium.executable_path).exists():
        found.append(playwright.chromium.executable_path)
    return [{"executable_path": path} for path in found] or [{"channel": "chrome"}, {"channel": "msedge"}]


def main() -> int:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        try:
            browser = launch(playwright)
        except NoBrowserError as error:
            print(error, file=sys.stderr)
            return 1
        print(f"{browser.browser_type.name} {browser.version}")
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
