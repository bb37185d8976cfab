"""A browser, a JupyterLab with a copy of the course, and the course's site; each is made once.

`make test-browser` runs these tests; plain `pytest` runs them where Playwright and a browser are installed,
and skips them elsewhere. Screenshots of what a test has seen last go to build/browser.
"""

import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import browsers  # noqa: E402
from jupyter import ROOT, Server, copy_course  # noqa: E402
from lab_page import LabPage  # noqa: E402

SHOTS = ROOT / "build" / "browser"


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def browser():
    reason = "Playwright is not installed: `make test-browser` does that"
    sync_api = pytest.importorskip("playwright.sync_api", reason=reason)
    with sync_api.sync_playwright() as playwright:
        try:
            found = browsers.launch(playwright)
        except browsers.NoBrowserError as error:
            pytest.skip(str(error))
        yield found
        found.close()


@pytest.fixture(scope="session")
def server(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    server = Server(copy_course(folder / "the course"), folder / "home")  # a space must not matter
    yield server
    server.stop()


@pytest.fixture
def lab(browser, server, request):
    """JupyterLab in a browser of its own, with no user's settings and no kernel left by another test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = LabPage(context.new_page(), server)
    yield opened
    name = re.sub(r"\W+", "_", request.node.name).strip("_")
    SHOTS.mkdir(parents=True, exist_ok=True)
    opened.page.screenshot(path=SHOTS / f"{name}.png")
    context.close()
    server.end_kernels()
    server.forget_settings()
    assert opened.complaints == [], "errors of the page's scripts"
    assert opened.foreign == [], "requests to other machines"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def site(browser, tmp_path_factory):
    """The address of the course's site, as `kdcourse site` makes it."""
    folder = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "kdcourse.cli", "site", "--root", str(ROOT), "--to", str(folder)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http_server.server_port}/"
        http_server.shutdown()
