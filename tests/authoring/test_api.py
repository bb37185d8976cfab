"""The pages of docs/api say what the docstrings say."""

import importlib
import re
from pathlib import Path

import pytest

from kdcourse.authoring import api

ROOT = Path(__file__).parents[2]

# A package of the two names that api.PAGES wants, with all that a docstring of ours may hold.
LOSSES = """
from kdcourse.losses.kinds import gap, wide_loss

__all__ = [
    # first kind
    "wide_loss",
    # second kind
    "gap",
]
"""
KINDS = '''
def gap(student, teacher, *, power: int = 2):
    r"""Distance | of two numbers.

    .. math:: \\\\| softmax(s) - t \\\\|^p, \\\\quad
              \\\\text{where p is odd}

    See `wide_loss`, ``gap(x)`` and `Head`, if 0<power.

    Args:
        student: s.
        power: p, written
            over two lines.

    Returns:
        a number.

    Raises:
        ValueError: always.

    Source:
        Ba & Caruana, "Do Deep Nets", NIPS 2014, equation 1; others, "More", 1999.

    Lecture:
        01_soft_targets, section 4.

    >>> `wide_loss`
    3
    """


def wide_loss(
    student_feature: Tensor, teacher_feature: Tensor, *, weights: tuple[int, int] = (1, 2), eps: float = 1e-5
):
    """Another."""
'''
MODELS = """
from kdcourse.models.Head import Head

__all__ = ["Head"]
"""
PLAIN = """
from kdcourse.training.plain import plain

__all__ = ["plain"]
"""
FUNCTION = '''
def plain():
    """Nothing to say."""
'''
DATA = """
from kdcourse.data.drawn import KINDS, Drawn, draw

__all__ = [
    # drawn
    "Drawn",
    "draw",
    "KINDS",
]
"""
DRAWN = '''
KINDS = ("a", "b")
"""Kinds of `draw`."""

class Drawn(NamedTuple):
    """Drawn things.

    left, right: shape (N,),
        in pixels.
    labels: (N,)

    Lecture:
        02_other, section 11, through `draw`.
    """

    left: Tensor
    labels: Tensor

    def count(self):
        """How many."""


def draw(n):
    """Draw n.

    Lecture:
        02_other.
    """
'''
BENCH = """
__all__ = [
    # first
    "run",
]
_HOMES = {
    "runner": ("run",),
}
"""
RUNNER = '''
def run(plan: tuple[int, int], results, *, on_block: Callable[[int, str], None] = lambda b, r: None) -> None:
    """Compute.

    Lecture:
        03_third, section 2, through `docs/benchmark.md`.
    """
'''
HEAD = '''
class Head:
    """A part that learns.

    Attributes:
        width, height: its sizes.

    Shapes:
        (B, C) -> (B,).
    """

    def __init__(self, width: int = 3):
        pass

    def forward(self, x):
        pass

    def draw(self, n: int):
        """Draws `n`."""

    def _hidden(self):
        """Not shown."""
'''


@pytest.fixture
def course(tmp_path):
    for name, text in {
        "__init__": "",
        "losses/__init__": LOSSES,
        "losses/kinds": KINDS.replace("\\\\", "\\"),
        "models/__init__": MODELS,
        "models/Head": HEAD,
        "training/__init__": PLAIN,
        "training/plain": FUNCTION,
        "evaluation/__init__": PLAIN.replace("training", "evaluation"),
        "evaluation/plain": FUNCTION,
        "theory/__init__": PLAIN.replace("training", "theory"),
        "theory/plain": FUNCTION,
        "data/__init__": DATA,
        "data/drawn": DRAWN,
        "bench/__init__": BENCH,
        "bench/runner": RUNNER,
    }.items():
        path = tmp_path / "kdcourse" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def made(course):
    return {path.stem: text for path, text in api.pages(course).items()}


@pytest.fixture
def losses(made):
    return made["losses"]


@pytest.fixture
def models(made):
    return made["models"]


def test_the_committed_pages_are_up_to_date():
    assert api.main(["--check", "--root", str(ROOT)]) == 0, "run `make api`"


def test_check_names_the_page_that_differs_and_writes_nothing(course, capsys):
    assert api.main(["--check", "--root", str(course)]) == 1
    assert "docs/api/losses.md: is not what the docstrings say. Run `make api`." in capsys.readouterr().err
    assert not (course / "docs").exists()
    assert api.main(["--root", str(course)]) == 0
    assert api.main(["--check", "--root", str(course)]) == 0
    kinds = course / "kdcourse" / "losses" / "kinds.py"
    kinds.write_text(kinds.read_text(encoding="utf-8").replace("power: int = 2", "power: int = 3"), "utf-8")
    capsys.readouterr()
    assert api.main(["--check", "--root", str(course)]) == 1
    said = capsys.readouterr().err
    assert "losses.md" in said and "models.md" not in said


def test_every_exported_name_is_in_the_index_and_has_an_entry():
    for name in api.PAGES:
        package = importlib.import_module(f"kdcourse.{name}")
        page = (ROOT / "docs" / "api" / f"{package.__name__.split('.')[1]}.md").read_text(encoding="utf-8")
        assert re.findall(r"^### (\w+)$", page, flags=re.MULTILINE) == package.__all__
        assert re.findall(r"^\| \[`(\w+)`\]", page, flags=re.MULTILINE) == package.__all__


def test_every_loss_names_its_paper_and_every_link_leads_somewhere():
    texts = {p.name: p.read_text(encoding="utf-8") for p in (ROOT / "docs" / "api").glob("*.md")}
    anchors = {
        name: {h.lower() for h in re.findall(r"^### (\w+)$", text, re.MULTILINE)}
        for name, text in texts.items()
    }
    for name, text in texts.items():
        prose = re.sub(r"\$\$.*?\$\$|```.*?```", "", text, flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)]+)\)", prose):
            page, _, anchor = target.partition("#")
            assert (ROOT / "docs" / "api" / page).exists(), target
            assert not anchor or anchor in anchors[page or name], target
    for row in re.findall(r"^\| \[`.*$", texts["losses.md"], re.MULTILINE):
        assert re.search(r"\w\.? (19|20)\d\d \| \w+\.py \|$", row), row


def test_the_index_has_groups_in_the_order_of_the_package(losses):
    assert losses.index("**First kind**") < losses.index("**Second kind**") < losses.index("## First kind")
    lecture = "[01](../../notebooks/01_soft_targets.ipynb)"
    row = rf"| [`gap`](#gap) | Distance \| of two numbers | {lecture} | Ba & Caruana 2014 | kinds.py |"
    assert row in losses
    assert "| [`wide_loss`](#wide_loss) | Another |  |  | kinds.py |" in losses


def test_an_entry_is_the_docstring_in_markdown(losses):
    start = losses.index("### gap")
    entry = losses[start:]
    parts = [
        "```python\ngap(student, teacher, *, power: int = 2)\n```\n\nDistance | of two numbers.\n\n",
        "$$\n\\| \\mathrm{softmax}(s) - t \\|^p, \\quad\n\\text{where p is odd}\n$$\n\n",
        "See [`wide_loss`](#wide_loss), ``gap(x)`` and [`Head`](models.md#head), if 0&lt;power.\n\n",
        "**Arguments**\n\n- `student`: s.\n- `power`: p, written over two lines.\n\n",
        "**Returns**\n\n- a number.\n\n**Raises**\n\n- `ValueError`: always.\n\n",
        '**Source**\n\nBa & Caruana, "Do Deep Nets", NIPS 2014, equation 1; others, "More", 1999.\n\n',
        "**Lecture**\n\n[Lecture 01](../../notebooks/01_soft_targets.ipynb), section 4.\n\n",
        "```python\n>>> `wide_loss`\n3\n```\n\n[kdcourse/losses/kinds.py](../../kdcourse/losses/kinds.py)\n",
    ]
    assert "".join(parts) == entry.removeprefix("### gap\n\n")


def test_a_wide_signature_has_a_line_for_each_parameter(losses):
    wide = (
        "wide_loss(\n    student_feature: Tensor,\n    teacher_feature: Tensor,\n    *,\n"
        "    weights: tuple[int, int] = (1, 2),\n    eps: float = 1e-05,\n)\n"
    )
    assert wide in losses


def test_a_class_shows_how_it_is_made_and_called_and_its_methods(models):
    assert '<a id="head"></a>\n\n### Head\n\n```python\nHead(width: int = 3)\nforward(x)\n```\n' in models
    assert "- `width`, `height`: its sizes." in models
    assert "**Shapes**\n\n(B, C) -> (B,)." in models
    assert "- `draw(n: int)`: Draws `n`.\n" in models
    assert "hidden" not in models


def test_tuples_with_names_and_constants_are_shown_as_they_are_made(made):
    data = made["data"]
    assert "```python\nDrawn(left: Tensor, labels: Tensor)\n```" in data
    assert "```python\nKINDS = ('a', 'b')\n```\n\nKinds of [`draw`](#draw).\n" in data
    assert "- `left`, `right`: shape (N,), in pixels.\n- `labels`: (N,)\n" in data
    assert "- `count()`: How many." in data


def test_what_is_imported_on_demand_is_found_and_cut_at_its_commas(made):
    assert (
        "| [`run`](#run) | Compute | [03](../../notebooks/03_third.ipynb) |  | runner.py |" in made["bench"]
    )
    lines = [
        "run(",
        "    plan: tuple[int, int],",
        "    results,",
        "    *,",
        "    on_block: Callable[[int, str], None] = lambda b, r: None,",
        ") -> None",
    ]
    assert "\n".join(lines) in made["bench"]


def test_the_lecture_is_a_link_and_known_to_other_tools(course, made):
    data, bench = made["data"], made["bench"]
    other = "[Lecture 02](../../notebooks/02_other.ipynb)"
    assert f"**Lecture**\n\n{other}, section 11, through [`draw`](#draw).\n" in data
    assert f"**Lecture**\n\n{other}.\n" in data
    assert "section 2, through [docs/benchmark.md](../benchmark.md).\n" in bench
    found = {one.name: one for one in api.taught(course)}
    assert found["gap"] == ("losses", "gap", "Distance | of two numbers.", "01_soft_targets", "4", "")
    assert found["Drawn"][3:] == ("02_other", "11", "draw") and found["draw"][3:] == ("02_other", "", "")
    assert found["Head"][3:] == ("", "", "")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            'Hinton, Vinyals & Dean, "A", NIPS 2014 workshop (arXiv 1503.02531), section 2.',
            "Hinton et al. 2014",
        ),
        ('Huang & Wang, "Like 1999", 2017 (arXiv 1707.01219)', "Huang & Wang 2017"),
        ('As `Other`; van den Oord, Li & Vinyals, "B", 2018.', "van den Oord et al. 2018"),
        ("Nobody in particular.", ""),
        ("", ""),
    ],
)
def test_the_paper_is_the_first_one_named(source, expected):
    assert api.paper(source) == expected
