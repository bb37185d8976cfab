"""`break_even_bandwidth`: does sending pay?"""

import math
from collections.abc import Callable
from typing import NamedTuple

from kdcourse.grading.mistakes.links import break_even, link_mistakes
from kdcourse.grading.probe import Rejected, call, prepare, real_number

TIMES = ("device_seconds_full", "device_seconds_head", "server_seconds", "payload_bytes", "latency")


BRANCHES = "Each branch returns a number; where sending never wins it is `math.inf`."
WHETHER = "The question is not whether sending wins, but from which bandwidth on."


class Link(NamedTuple):
    full: float
    head: float
    server: float
    payload: float
    latency: float
    law: str = ""

    @property
    def args(self) -> tuple:
        return self[:5]

    def where(self) -> str:
        return ", ".join(f"{name} = {value:g}" for name, value in zip(TIMES, self.args, strict=True))


def links() -> list[Link]:
    never = "Where sending never wins, not even over an infinitely fast link"
    just = "Where nothing is left for the bytes, not even a moment"
    return [
        Link(0.9, 0.2, 0.05, 48.0, 0.15),
        Link(2.0, 0.4, 0.3, 300.0, 0.7),
        Link(0.26, 0.005, 0.002, 16.0, 0.05),
        Link(30.0, 7.0, 1.5, 2.0e6, 4.0),
        Link(0.9, 0.8, 0.05, 48.0, 0.15, never),
        Link(0.3, 0.1, 0.05, 64.0, 0.4, f"{never}, as the latency alone is too long"),
        Link(0.3, 0.1, 0.9, 64.0, 0.01, f"{never}, as the server is too slow"),
        Link(0.2, 0.5, 0.01, 64.0, 0.01, f"{never}, as the device's part is slower than the whole net"),
        Link(1.0, 0.25, 0.25, 64.0, 0.5, just),
        Link(1.0, 1.0, 0.0, 64.0, 0.0, just),
        Link(0.9, 0.2, 0.05, 0.0, 0.15, "With nothing to send, sending wins over any link"),
        Link(0.5, 0.75, 0.05, 0.0, 0.15, f"{never}, with nothing to send"),
        Link(0.9, 0.2, 0.0, 48.0, 0.15, "With a server that takes no time"),
        Link(0.9, 0.2, 0.05, 48.0, 0.0, "Without latency"),
        Link(0.9, 0.0, 0.05, 64.0, 0.15, "Where the device sends the raw image, and computes nothing"),
        Link(2, 0, 0, 50, 1, "With whole numbers"),
        Link(1.0, 0.5, 0.25, 48.0, 0.25 - 2.0**-20, "Where hardly any time is left for the bytes"),
        Link(9e-4, 2e-4, 5e-5, 48.0, 1.5e-4, "With times of less than a millisecond"),
        Link(0.9, 0.2, 0.05, 48.0, 0.15, "When called a second time with the same numbers"),
    ]


def break_even_bandwidth(answer: object) -> list[str]:
    function, seen = prepare(answer, TIMES), []
    tried = links()

    def meet(link: Link) -> None:
        prefix = f"{link.law}: " if link.law else ""
        try:
            seen.append((link, real_number(call(function, TIMES, link.args), none=BRANCHES, truth=WHETHER)))
        except Rejected as rejected:
            rejected.feedback[0] = prefix + rejected.feedback[0]
            if link.law and "Your function raises" in rejected.feedback[0]:
                why = "Where no time is left for the bytes, look before you divide, and return `math.inf`."
                if "nothing to send" in link.law:
                    why = "With nothing to send no division by the bytes can work: what is wanted is 0."
                raise Rejected(rejected.feedback[0], diagnosis=why) from None
            raise

    def judge(link: Link, got: float) -> None:
        want = break_even(*link.args)
        if agree(got, want):
            return
        prefix = f"{link.law}: " if link.law else ""
        if math.isnan(got):
            said = "yours is NaN"
        elif math.isinf(want):
            said = f"yours is {got:g}, which would mean that sending wins from there on"
        elif got > want:
            slower = (got + want) / 2 if math.isfinite(got) else 2 * want + 1.0
            said = f"yours is {got:g}, but at {slower:g} bytes per second sending is faster already"
        else:
            said = f"yours is {got:g}, but at {(got + want) / 2:g} bytes per second sending is slower"
        raise Rejected(f"{prefix}{said} (with {link.where()}).", diagnosis=recognise_link(seen))

    for link in (link for link in tried if not link.law):
        meet(link)
    for link, got in list(seen):
        judge(link, got)
    for link in (link for link in tried if link.law):
        meet(link)
        judge(*seen[-1])
    return [f"The bandwidth agrees with ours on {len(tried)} links, on some of which sending never wins."]


def agree(got: float, want: float) -> bool:
    if not math.isfinite(want) or not math.isfinite(got):
        return got == want
    return abs(got - want) <= 1e-4 * abs(want) + 1e-12


def recognise_link(seen: list[tuple[Link, float]]) -> str | None:
    def same(function: Callable[..., float], link: Link, got: float) -> bool:
        try:
            want = function(*link.args)
        except ZeroDivisionError:
            return False
        return agree(got, want) or (math.isnan(got) and math.isnan(want))

    for function, sentence in link_mistakes():
        if all(same(function, link, got) for link, got in reversed(seen)):
            return sentence
    return None


TASKS = {"break_even_bandwidth": break_even_bandwidth}
