"""What a learner gets to see."""

import html
import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Report:
    """The outcome of the public checks of one task.

    `passed` is the verdict, `feedback` says in full sentences what was seen, `diagnosis` names the mistake
    if it was recognised and is `None` otherwise. As the last expression of a cell it shows itself.
    """

    task: str
    passed: bool
    feedback: list[str] = field(default_factory=list)
    diagnosis: str | None = None

    @property
    def title(self) -> str:
        return f"{self.task}: " + (
            "all public checks passed" if self.passed else "not right yet (public checks)"
        )

    def __str__(self) -> str:
        return "\n".join([self.title, *(f"  - {line}" for line in self.feedback)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        # Colours of the Okabe-Ito palette; the sign says the same without colour.
        colour, sign = ("#009E73", "✔") if self.passed else ("#D55E00", "✘")
        lines = "".join(f"<li>{_code(line)}</li>" for line in self.feedback)
        return (
            f'<div style="border-left: 4px solid {colour}; padding: 0.2em 0.8em">'
            f'<strong style="color: {colour}">{sign} {html.escape(self.title)}</strong>'
            f'<ul style="margin: 0.3em 0">{lines}</ul></div>'
        )

    def require(self) -> "Report":
        """The report itself if the checks passed; `AssertionError` with the feedback if not."""
        __tracebackhide__ = True
        if not self.passed:
            raise AssertionError(str(self))
        return self


def _code(line: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(line, quote=False))
