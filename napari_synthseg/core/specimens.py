"""Which specimen an image shows: named by the user, told by the name of its file, or its own."""

from __future__ import annotations

import re
from pathlib import PurePath

from napari_synthseg.core.annotations import ImageRef


def own_group(path: PurePath) -> str:
    """Return the group of images that are of one file and share it with no other: its name."""
    return f"{path.parent.name}/{path.name}"


def named_specimen(ref: ImageRef) -> str:
    """Return the specimen that an image was said to show; '' where nobody said."""
    name = re.split(r"[/\\]", ref.uri)[-1]
    return "" if ref.group.endswith(f"/{name}") else ref.group


def find_specimen(pattern: str, stem: str) -> str | None:
    """Return what a regular expression finds in a file's stem, or None if it finds nothing.

    Where the expression has brackets, it is what the first of them holds.
    """
    found = re.search(pattern, stem)
    if found is None:
        return None
    return found.group(1) if found.re.groups and found.group(1) else found.group(0)
