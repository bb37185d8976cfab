"""Checks shared by all that is drawn."""

from operator import index as to_int


def check_least(**numbers: tuple[int, int]) -> None:
    """Require whole numbers, given as ``name=(value, least)``, that are not too small.

    Raises TypeError for what is no whole number, ValueError for one below its least value.
    """
    for name, (value, least) in numbers.items():
        if to_int(value) < least:
            raise ValueError(f"{name}: expected a number >= {least}, got {value}")
