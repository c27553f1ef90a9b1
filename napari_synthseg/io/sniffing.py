"""What a file holds, told by its content and not by the ending of its name."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.paths import is_there
from napari_synthseg.io.tables import read_header
from napari_synthseg.io.text import read_json, xml_root_name

HEAD_BYTES = 4096

MAX_NAMED = 5
"""Parts of an unknown file that messages name."""


class SniffedFile:
    """A file or folder that is asked what it is by several readers, and looked into once.

    Raises
    ------
    InputError
        If there is no such file or folder, or, when asked, if it is cut short.
    """

    def __init__(self, path: Path) -> None:
        if not is_there(path):
            raise InputError(f"There is no file '{path}': check the name.")
        self.path = path

    @cached_property
    def head(self) -> bytes:
        """The first bytes of a file; none of a folder, a device or a pipe."""
        if not self.path.is_file():
            return b""
        try:
            with self.path.open("rb") as file:
                return file.read(HEAD_BYTES)
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror}.") from None

    @cached_property
    def _start(self) -> str:
        """The first characters that are no blanks, in whichever encoding of Unicode."""
        return self.head.decode("latin-1").lstrip("ï»¿ÿþ \t\r\n\0")[:1]

    @cached_property
    def json(self) -> Any:
        """What a JSON text holds; None for other files."""
        return read_json(self.path) if self._start in ("{", "[") else None

    @cached_property
    def xml_root(self) -> str:
        """Name of the outermost element of an XML text; empty for other files."""
        return xml_root_name(self.path) if self._start == "<" else ""

    @cached_property
    def header(self) -> list[str]:
        """Column names of a table in lower case; none for files that are no text, JSON or XML."""
        # UTF-16 has a byte-order mark, and zeros
        is_text = b"\0" not in self.head or self.head[:2] in (b"\xff\xfe", b"\xfe\xff")
        is_table = self.head and is_text and self._start not in ("{", "[", "<")
        return read_header(self.path) if is_table else []

    def describe(self) -> str:
        """Return what a file is that nothing reads, and what to do: the end of a sentence."""
        if self.path.is_dir():
            return (
                "holds neither XML files (Pascal VOC) nor text files (YOLO), and no outlines (such "
                "as labelme, GeoJSON or ImageJ ROIs): choose the folder with the annotations; a "
                "folder of label images is given by --masks."
            )
        known = (
            "export the objects as COCO, Pascal VOC, YOLO, CVAT for images, labelme, GeoJSON or "
            "ImageJ ROIs, or as a table image,class,y,x"
        )
        if isinstance(self.json, dict):
            parts = ", ".join(f"'{key}'" for key in list(self.json)[:MAX_NAMED]) or "nothing"
            return f"is JSON with {parts}, which no reader here knows: {known}."
        if isinstance(self.json, list):
            return f"is a list in JSON, which no reader here knows: {known}."
        if self.xml_root:
            return f"is XML of '{self.xml_root}', which no reader here knows: {known}."
        if not self.head:
            return f"is empty: {known}."
        return (
            f"is no text: {known}; a label image is given by --masks, an image "
            "when the project is made."
        )
