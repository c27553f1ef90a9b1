"""Gives the README full addresses: where a package index shows it, no docs lie beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?P<sign>!?)\[(?P<text>[^]]*)\]\((?P<target>(?![a-z]+:|#)[^)]+)\)")
"""A link or (with "!") a picture that lies in the repository."""


class ReadmeHook(MetadataHookInterface):
    """Called by hatchling whenever it builds; the only entry in `dynamic` that it fills."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the README to the metadata of the project."""
        text = (Path(self.root) / "README.md").read_text("utf-8")
        full = with_full_addresses(text, metadata["urls"]["Source"])
        metadata["readme"] = {"content-type": "text/markdown", "text": full}


def with_full_addresses(text: str, repository: str) -> str:
    """Return a page whose links and pictures lead to the repository."""

    def full(link: re.Match[str]) -> str:
        folder = "raw" if link["sign"] else "blob"
        return f"{link['sign']}[{link['text']}]({repository}/{folder}/main/{link['target']})"

    return _LINK.sub(full, text)
