"""Points of ImageJ's Cell Counter: an XML file with the pixels that were clicked, by type."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np

from napari_synthseg.io.outlines.base import (
    ListedPoint,
    OutlinedImage,
    OutlineFormat,
    SizeOf,
    check_places,
)
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.io.tables import to_number
from napari_synthseg.io.text import read_xml

TITLE = "Counter Window - "
"""What the plugin puts before the name of an image."""


class CellCounterFormat(OutlineFormat):
    """Cell Counter of ImageJ. A type of marker is a class: its name, or ``Type 1``."""

    name = "cell-counter"
    title = "Cell Counter XML (ImageJ)"

    def recognizes(self, file: SniffedFile) -> bool:
        """Return whether it is a file of markers."""
        return file.xml_root == "CellCounter_Marker_File"

    def read(self, file: SniffedFile, size_of: SizeOf) -> tuple[OutlinedImage, ...]:
        """Read all markers; see `OutlineFormat.read`."""
        root, name = read_xml(file.path), file.path.name
        image = (root.findtext("Image_Properties/Image_Filename") or "").strip()
        image = image.removeprefix(TITLE)
        points = tuple(
            _point(f"{name}, type {type_number}, marker {number}", _class_name(kind), marker)
            for type_number, kind in enumerate(root.iterfind("Marker_Data/Marker_Type"), start=1)
            for number, marker in enumerate(kind.iterfind("Marker"), start=1)
        )
        return (OutlinedImage(name, image or None, points=points),)


def _class_name(kind: ET.Element) -> str:
    number = (kind.findtext("Type") or "").strip()
    return (kind.findtext("Name") or "").strip() or f"Type {number}"


def _point(where: str, cls: str, marker: ET.Element) -> ListedPoint:
    x, y, z = (
        to_number(where, axis, (marker.findtext(axis) or default).strip())
        for axis, default in (("MarkerX", ""), ("MarkerY", ""), ("MarkerZ", "1"))
    )
    check_places(where, np.array([[y, x]]))
    return ListedPoint(where, cls, (y, x), {"index": max(int(z) - 1, 0)})
