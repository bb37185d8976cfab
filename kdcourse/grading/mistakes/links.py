"""The break-even bandwidth, and known mistakes of it: a function of the five numbers, and a sentence."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple


def break_even(full: float, head: float, server: float, payload: float, latency: float) -> float:
    left = full - head - server - latency
    return payload / left if left > 0 else math.inf


class WrongLink(NamedTuple):
    function: Callable[..., float]
    sentence: str


def link_mistakes() -> Iterator[WrongLink]:
    """Right where sending can win, but for one thing; then those about the end of the range."""

    def left_over(left: Callable[..., float], sentence: str) -> WrongLink:
        def other(full: float, head: float, server: float, payload: float, latency: float) -> float:
            rest = left(full, head, server, latency)
            return payload / rest if rest > 0 else math.inf

        return WrongLink(other, sentence)

    def scaled(factor: float, sentence: str) -> WrongLink:
        return WrongLink(lambda *args: break_even(*args) * factor, sentence)

    saved = "The time left for the bytes is full - head - server - latency."
    yield left_over(lambda f, h, s, w: f - h - s, f"The latency is left out. {saved}")
    yield left_over(lambda f, h, s, w: f - h - w, f"The server's time is left out. {saved}")
    yield left_over(lambda f, h, s, w: f - s - w, f"The device's own part is left out. {saved}")
    yield left_over(lambda f, h, s, w: f - h, f"Server and latency are left out. {saved}")
    yield left_over(lambda f, h, s, w: f - s, f"Head and latency are left out. {saved}")
    yield left_over(lambda f, h, s, w: f - w, f"Head and server are left out. {saved}")
    yield left_over(lambda f, h, s, w: f, f"Head, server and latency are left out. {saved}")
    yield left_over(
        lambda f, h, s, w: f - h - s - 2 * w,
        "The latency counts twice; it is the waiting there and back together.",
    )
    yield left_over(
        lambda f, h, s, w: f - h - s - w / 2, "The latency counts half; it all passes before the answer."
    )
    yield left_over(lambda f, h, s, w: f - h - s + w, f"The sign of the latency is wrong. {saved}")
    yield left_over(lambda f, h, s, w: f - h + s - w, f"The sign of the server's time is wrong. {saved}")
    yield left_over(lambda f, h, s, w: f + h - s - w, f"The sign of the head's time is wrong. {saved}")
    yield left_over(lambda f, h, s, w: f - h + s + w, f"Two signs are wrong (brackets?). {saved}")
    yield left_over(
        lambda f, h, s, w: h - f + s + w,
        f"The difference is the wrong way round. {saved}",
    )
    yield left_over(
        lambda f, h, s, w: h + s + w,
        "Bytes are divided by what sending costs besides; the whole net's time on the device is what it must "
        f"beat. {saved}",
    )
    yield scaled(8, "These are bits per second; bytes per second are wanted.")
    yield scaled(1 / 8, "The bytes are divided by 8, which are bits already counted as bytes.")
    yield scaled(1e-3, "These are kilobytes per second; bytes per second are wanted.")
    yield scaled(1e-6, "These are megabytes per second; bytes per second are wanted.")
    yield scaled(-1, "The sign is wrong: a bandwidth is positive.")

    def upside_down(f: float, h: float, s: float, p: float, w: float) -> float:
        left = f - h - s - w
        return left / p if left > 0 and p else math.inf

    yield WrongLink(
        upside_down,
        "These are seconds per byte, the other way up: bytes by the time that is left for them.",
    )

    yield WrongLink(
        lambda f, h, s, p, w: f - h - s - w,
        "These are the seconds that are left for the bytes; how many bytes per second does that ask for?",
    )
    yield WrongLink(
        lambda f, h, s, p, w: p * (f - h - s - w),
        "Bytes are multiplied by the seconds that are left for them; divide.",
    )
    for rounded in (round, math.ceil, math.floor):
        yield WrongLink(
            lambda *args, rounded=rounded: (
                rounded(break_even(*args)) if break_even(*args) < math.inf else math.inf
            ),
            "The bandwidth is rounded to a whole number; leave it as it comes.",
        )

    def at_the_end(value: Callable[[float, float], float], sentence: str) -> WrongLink:
        def other(f: float, h: float, s: float, p: float, w: float) -> float:
            left = f - h - s - w
            return p / left if left > 0 else value(p, left)

        return WrongLink(other, sentence)

    end = "Where no time is left for the bytes no bandwidth is enough: return `math.inf`."
    yield at_the_end(lambda p, left: p / left if left else math.inf, f"A negative bandwidth. {end}")
    yield at_the_end(lambda p, left: p / left if left else -math.inf, f"A negative bandwidth. {end}")
    yield at_the_end(lambda p, left: p / abs(left) if left else math.inf, f"`abs` hides it. {end}")
    yield at_the_end(lambda p, left: 0.0, f"0 would mean that sending wins over any link. {end}")
    yield at_the_end(lambda p, left: math.nan, f"NaN can be compared with nothing. {end}")
    yield at_the_end(lambda p, left: -1.0, f"-1 is smaller than every bandwidth. {end}")
    yield at_the_end(lambda p, left: -math.inf, f"-inf is smaller than every bandwidth. {end}")
    for eps in (1e-12, 1e-9, 1e-8, 1e-6, 1e-3):
        yield WrongLink(
            lambda f, h, s, p, w, eps=eps: p / max(f - h - s - w, eps),
            "The time left is kept above a small number, which stands for a bandwidth that does not exist. "
            f"{end}",
        )

    def empty(f: float, h: float, s: float, p: float, w: float) -> float:
        return break_even(f, h, s, p, w) if p else 0.0

    yield WrongLink(empty, f"With nothing to send it may still be slower to wait for the server. {end}")
    yield WrongLink(
        lambda f, h, s, p, w: break_even(f, h, s, p, w) if p else math.inf,
        "With nothing to send, and time to spare, every bandwidth is enough: 0.",
    )
