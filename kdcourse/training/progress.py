"""A progress bar for long work, in a terminal or a notebook."""

import os
import sys
from collections.abc import Iterable


def progress_bar(
    items: Iterable, total: int, description: str, unit: str, show: bool = True, initial: int = 0
) -> Iterable:
    """`items`, with a bar that appears after two seconds (never when KDCOURSE_QUIET is set)."""
    if not show or os.environ.get("KDCOURSE_QUIET"):
        return items
    if _in_notebook():
        # Here a bar is a widget or nothing: tqdm.auto falls back to stderr, which an autograder takes for a
        # failure.
        from tqdm.notebook import IProgress, tqdm

        if IProgress is None:
            return items
    else:
        from tqdm import tqdm
    return tqdm(items, total=total, initial=initial, desc=description, unit=unit, delay=2, leave=False)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
