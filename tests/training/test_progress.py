"""The progress bar: after two seconds, on a terminal or as a widget, and never on a kernel's stderr."""

import os

import nbformat.v4 as v4
import pytest
import torch
from nbclient import NotebookClient

from kdcourse.models import mlp
from kdcourse.training import fit, supervised

X, Y = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64)


@pytest.fixture
def fast_clock(monkeypatch):
    """For tqdm every look at the clock is a second later."""
    import tqdm.std

    now = iter(range(10**6))
    monkeypatch.setattr(tqdm.std, "time", lambda: float(next(now)))


def run(**options):
    fit(mlp(3, 2, 2), supervised(), lambda step: (X, Y), steps=20, **options)


def test_a_bar_on_the_terminal(monkeypatch, fast_clock, capsys):
    monkeypatch.delenv("KDCOURSE_QUIET", raising=False)
    run()
    out, err = capsys.readouterr()
    assert "training" in err and "/20" in err and not out


def test_no_bar_in_a_short_run(monkeypatch, capsys):
    monkeypatch.delenv("KDCOURSE_QUIET", raising=False)
    run()
    assert capsys.readouterr() == ("", "")


def test_silence_on_request(monkeypatch, fast_clock, capsys):
    monkeypatch.delenv("KDCOURSE_QUIET", raising=False)
    run(progress=False)
    monkeypatch.setenv("KDCOURSE_QUIET", "1")
    run()
    assert capsys.readouterr() == ("", "")


SETUP = """
import sys
{before}
import itertools, torch, tqdm.std
from kdcourse.models import mlp
from kdcourse.training import fit, supervised
tqdm.std.time = (float(i) for i in itertools.count()).__next__
data = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64)
"""
RUN = "_ = fit(mlp(3, 2, 2), supervised(), lambda step: data, steps=20)"
FAIL = "_ = fit(mlp(3, 2, 2), supervised(), lambda step: (data[0] / 0, data[1]), steps=20)"


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the Jupyter machinery in this process
@pytest.mark.parametrize(
    ("before", "environment", "shown"),
    [
        ("", {"QT_API": "pyqt5"}, True),  # tqdm.auto takes such a kernel for a terminal
        ("sys.modules['ipywidgets'] = None", {}, False),
    ],
    ids=["widgets", "without-widgets"],
)
def test_nothing_on_the_stderr_of_a_kernel(before, environment, shown):
    book = v4.new_notebook(
        cells=[v4.new_code_cell(source) for source in (SETUP.format(before=before), RUN, FAIL)]
    )
    book.cells[2].metadata.tags = ["raises-exception"]
    kept = {name: value for name, value in os.environ.items() if name not in ("KDCOURSE_QUIET", "QT_API")}
    NotebookClient(book, timeout=120, kernel_name="python3").execute(env=kept | environment)
    setup, run, fail = (cell.outputs for cell in book.cells)
    assert setup == []
    assert [o.output_type for o in run] == (["display_data"] if shown else [])
    assert all("application/vnd.jupyter.widget-view+json" in o.data for o in run)
    assert fail[-1].ename == "FloatingPointError"
    assert not any(o.output_type == "stream" for o in run + fail)
