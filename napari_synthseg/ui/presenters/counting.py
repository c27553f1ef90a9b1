"""Numbers of things in words."""

from __future__ import annotations


def counted(number: int, what: str, many: str = "") -> str:
    """Return "1 step" or "2 steps"; `many` is the plural where it is not made with an s."""
    return f"{number} {what if number == 1 else many or what + 's'}"
