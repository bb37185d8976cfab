"""Make `runs.py` importable, also for the processes that test_kills.py starts."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
