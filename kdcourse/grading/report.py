"""What a learner gets to see."""

import html
import re
import textwrap
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Report:
    """The outcome of the public checks of one task.

    `passed` is the verdict, `feedback` says in full sentences what was seen, `diagnosis` names the mistake
    if it was recognised and is `None` otherwise; `note` is about something else than the answer, such as a
    progress file that cannot be written. As the last expression of a cell it shows itself.
    """

    task: str
    passed: bool
    feedback: list[str] = field(default_factory=list)
    diagnosis: str | None = None
    note: str | None = None

    @property
    def title(self) -> str:
        return f"{self.task}: " + (
            "all public checks passed" if self.passed else "not right yet (public checks)"
        )

    def __str__(self) -> str:
        note = [f"({self.note})"] if self.note else []
        return "\n".join([self.title, *(f"  - {line}" for line in self.feedback), *note])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        # Colours of the Okabe-Ito palette; the sign says the same without colour. Only the bar has them: as
        # letters they would be too pale on a light page.
        colour, sign = ("#009E73", "✔") if self.passed else ("#D55E00", "✘")
        lines = "".join(f"<li>{_code(line)}</li>" for line in self.feedback)
        note = f"<small>{html.escape(self.note)}</small>" if self.note else ""
        return (
            f'<div style="border-left: 4px solid {colour}; padding: 0.2em 0.8em">'
            f"<strong>{sign} {html.escape(self.title)}</strong>"
            f'<ul style="margin: 0.3em 0">{lines}</ul>{note}</div>'
        )

    def require(self) -> "Report":
        """The report itself if the checks passed; `AssertionError` with the feedback if not."""
        __tracebackhide__ = True
        if not self.passed:
            error = AssertionError(str(self))
            # What IPython shows instead of the way through our code.
            error._render_traceback_ = self._in_words
            raise error
        return self

    def _in_words(self) -> list[str]:
        """The lines of the text, broken between words: JupyterLab breaks long ones anywhere."""
        return [
            part
            for line in str(self).split("\n")
            for part in textwrap.wrap(line, 80, subsequent_indent="    ", break_long_words=False) or [""]
        ]


def _code(line: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(line, quote=False))
