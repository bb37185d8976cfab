"""Notebook kernels started by the tests cannot reach the network: see tests/offline/sitecustomize.py."""

import os
from pathlib import Path

_offline = str(Path(__file__).parent / "offline")
_paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
if _offline not in _paths:
    os.environ["PYTHONPATH"] = os.pathsep.join([_offline, *filter(None, _paths)])
