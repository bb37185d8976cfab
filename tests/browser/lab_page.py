"""JupyterLab's page, as a person uses it: open a notebook, click, type, run, and look at what is shown."""

import contextlib
import json
import re
from pathlib import Path
from urllib.parse import quote

from jupyter import PATIENCE, Server, wait_for

MILLISECONDS = 1000 * PATIENCE
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"


class LabPage:
    """A browser's page with one notebook of the course in view."""

    def __init__(self, page, server: Server):
        self.page, self.server = page, server
        self.complaints: list[str] = []  # of the page's scripts
        self.foreign: list[str] = []  # requests that left this machine
        page.set_default_timeout(MILLISECONDS)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        here = self.server.base.partition("://")[2]
        if not re.match(rf"(?:https?|wss?)://{re.escape(here)}/|data:|blob:", url):
            self.foreign.append(url)

    def open(self, notebook: str, *, address: str | None = None) -> None:
        """Open a notebook (its path in the course) in a fresh workspace and wait until its kernel is idle."""
        token = self.server.token
        self.page.goto(address or f"{self.server.base}/lab/tree/{quote(notebook)}?token={token}&reset")
        self.opened(notebook)

    def opened(self, notebook: str) -> None:
        """Wait until `notebook` is in view as a whole and its kernel is idle."""
        self.notebook = notebook
        self.cells = json.loads(self.file.read_text(encoding="utf-8"))["cells"]
        tab = self.page.locator(".lm-TabBar-tab.jp-mod-current", has_text=Path(notebook).name)
        tab.first.wait_for()
        # JupyterLab attaches the cells little by little, while it has nothing else to do.
        attached = self.all("[data-windowed-list-index]")
        wait_for(lambda: attached.count() == len(self.cells), f"all cells of {notebook}")
        wait_for(lambda: self.server.is_idle(notebook), f"an idle kernel for {notebook}")

    wait_for = staticmethod(wait_for)

    @property
    def file(self) -> Path:
        return self.server.course / self.notebook

    def all(self, selector: str):
        """What fits `selector` in the notebook in view."""
        return self.page.locator(f"{PANEL} .jp-Notebook {selector}")

    def index(self, name: str) -> int:
        return [cell["id"] for cell in self.cells].index(name)

    def cell(self, name: str):
        return self.all(f'[data-windowed-list-index="{self.index(name)}"]')

    def show(self, name: str):
        """Scroll to a cell and return it."""
        cell = self.cell(name)
        cell.scroll_into_view_if_needed()
        return cell

    def menu(self, *names: str) -> None:
        """Click through the menus: the bar's entry, then those below it."""
        bar, *below = names
        self.page.locator(".lm-MenuBar-item", has_text=re.compile(f"^{bar}$")).click()
        for name in below:
            entry = self.page.locator(".lm-Menu-item:not(.lm-mod-hidden)").filter(
                has=self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{re.escape(name)}$"))
            )
            entry.last.click()

    def prompt(self, name: str) -> str:
        return self.cell(name).locator(".jp-InputPrompt").first.inner_text()

    def write(self, name: str, text: str) -> None:
        """Replace a code cell's source by typing."""
        self.show(name).locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(text)

    def start(self, name: str) -> None:
        """Select a code cell by a click beside it, and press Ctrl-Enter."""
        prompt = self.show(name).locator(".jp-InputPrompt").first
        prompt.click()
        # So that an old number is not taken for the new one.
        prompt.evaluate("prompt => { prompt.textContent = '' }")
        self.page.keyboard.press("Control+Enter")

    def wait_until_done(self, name: str) -> None:
        wait_for(lambda: re.search(r"\[\d+\]", self.prompt(name)), f"the end of cell {name}")

    def run(self, name: str):
        """Run one code cell; returns the cell when it is done."""
        self.start(name)
        self.wait_until_done(name)
        return self.cell(name)

    def wait_until_restarted(self) -> None:
        """Until server and page say that the kernel is idle."""
        wait_for(lambda: self.server.is_idle(self.notebook), "an idle kernel after the restart")
        status = self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook-ExecutionIndicator")
        status.and_(self.page.locator('[data-status="idle"]')).wait_for()

    def scroll_through(self) -> None:
        """From top to bottom, a window's height at a time, so that everything has been shown once."""
        for cell in self.all("[data-windowed-list-index]").all():
            cell.scroll_into_view_if_needed()

    def wait_until_still(self) -> None:
        """Until the notebook has kept its height for a while: figures and formulas are in place."""
        panel = self.page.locator(f"{PANEL} .jp-WindowedPanel-outer")
        seen: list[int] = []

        def still() -> bool:
            seen.append(panel.evaluate("panel => panel.scrollHeight"))
            return len(seen) > 10 and len(set(seen[-10:])) == 1

        wait_for(still, f"{self.notebook} keeps its height")

    def wait_until_all_ran(self, seconds: float) -> None:
        """After a click that runs all cells: wait until none waits or runs any more."""
        busy = self.all(".jp-CodeCell .jp-InputPrompt").filter(has_text="[*]")
        busy.first.wait_for(state="attached")
        wait_for(lambda: busy.count() == 0, f"the end of {self.notebook}", seconds)

    def save(self) -> dict:
        """Save by the menu; returns what the file then holds."""
        before = self.file.stat().st_mtime_ns

        def saved() -> dict | None:
            if self.file.stat().st_mtime_ns == before:
                return None
            with contextlib.suppress(ValueError):  # half of it is written
                return json.loads(self.file.read_text(encoding="utf-8"))

        self.menu("File", "Save Notebook")
        return wait_for(saved, f"{self.notebook} saved")

    def close_sidebar(self) -> None:
        self.page.keyboard.press("Escape")
        sidebar = self.page.locator("#jp-left-stack")
        if sidebar.is_visible():
            self.page.keyboard.press("ControlOrMeta+b")
            sidebar.wait_for(state="hidden")

    def theme(self, name: str) -> None:
        self.menu("Settings", "Theme", name)
        light = str("Light" in name).lower()
        self.page.locator(f'body[data-jp-theme-light="{light}"]').wait_for(state="attached")
