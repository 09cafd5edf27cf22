"""A house to try things in: simulated energy packs on a bus and a real Home Assistant that is joined to it.

`scripts/demo` lives in it, `tests/e2e` tests in it.
"""


class HouseError(Exception):
    """Something of the house is missing or broke; the text says what, and what to do about it."""
