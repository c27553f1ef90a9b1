"""Which specimen an image shows, told by the name of its file."""

from __future__ import annotations

import re


def find_specimen(pattern: str, stem: str) -> str | None:
    """Return what a regular expression finds in a file's stem, or None if it finds nothing.

    Where the expression has brackets, it is what the first of them holds.
    """
    found = re.search(pattern, stem)
    if found is None:
        return None
    return found.group(1) if found.re.groups and found.group(1) else found.group(0)
