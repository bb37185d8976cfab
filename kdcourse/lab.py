"""How JupyterLab opens the course: quietly, and with Markdown files as pages instead of sources."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# JupyterLab's defaults as the course wants them, by plug-in. What a user sets in JupyterLab wins over them.
DEFAULTS = {
    # No question about news, and no look for newer versions: the course asks nothing of the network.
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    # A link in a lecture to a page of docs/ shows the page with its formulas and tables.
    "@jupyterlab/docmanager-extension:plugin": {"defaultViewers": {"markdown": "Markdown Preview"}},
}


@contextmanager
def course_settings() -> Iterator[None]:
    """While this lasts, a JupyterLab that is started takes `DEFAULTS` for its own defaults.

    Jupyter looks for defaults in `labconfig` in each folder of its path, and those that the variable
    JUPYTER_CONFIG_PATH names win over the user's. So what the user has there is laid over ours first.
    """
    from jupyter_server.services.config.manager import ConfigManager, recursive_update

    wanted = json.loads(json.dumps(DEFAULTS))  # a copy, which may be changed
    recursive_update(wanted, ConfigManager(config_dir_name="labconfig").get("default_setting_overrides"))
    before = os.environ.get("JUPYTER_CONFIG_PATH")
    with tempfile.TemporaryDirectory(prefix="kdcourse-lab-") as folder:
        file = Path(folder) / "labconfig" / "default_setting_overrides.json"
        file.parent.mkdir()
        file.write_text(json.dumps(wanted), encoding="utf-8")
        os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, [folder, before]))
        try:
            yield
        finally:
            if before is None:
                del os.environ["JUPYTER_CONFIG_PATH"]
            else:
                os.environ["JUPYTER_CONFIG_PATH"] = before
