"""Make `loss_case.py` and the `cases_*.py` beside it importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
