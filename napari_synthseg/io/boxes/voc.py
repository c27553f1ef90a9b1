"""Boxes as Pascal VOC has them: an XML file an image, corners counted from 1, both inside."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.atomic import write_text
from napari_synthseg.io.boxes.base import (
    BoxFormat,
    ListedBox,
    ListedImage,
    NamedBoxes,
    SizeOf,
    make_box,
)
from napari_synthseg.io.tables import as_text, to_number
from napari_synthseg.io.text import read_xml


class VocFormat(BoxFormat):
    """Pascal VOC, as LabelImg and CVAT write it."""

    name = "voc"
    title = "Pascal VOC XML"
    suffix = ".xml"
    writes_folder = True

    def recognizes(self, path: Path) -> bool:
        """Return whether it is an XML file, or a folder of some."""
        return bool(_listed(path))

    def read(self, path: Path, size_of: SizeOf) -> tuple[ListedImage, ...]:
        """Read a file, or all files of a folder."""
        return tuple(_read(file) for file in _listed(path))

    def write(self, out: Path, images: Sequence[NamedBoxes], classes: Mapping[int, str]) -> None:
        """Write an XML file for each image into the folder `out`."""
        for path, image in zip(self.files(out, images), images, strict=True):
            root = _element(image, classes)
            ET.indent(root)
            write_text(path, ET.tostring(root, "unicode"))


def _listed(path: Path) -> list[Path]:
    files = path.iterdir() if path.is_dir() else [path]
    return sorted(file for file in files if file.suffix.lower() == VocFormat.suffix)


def _read(path: Path) -> ListedImage:
    root = read_xml(path)
    if root.tag != "annotation":
        raise InputError(
            f"{path.name}: this XML holds '{root.tag}', no annotation of Pascal VOC: export the "
            "boxes as Pascal VOC."
        )
    name = (root.findtext("filename") or "").strip()
    boxes = tuple(
        _box(f"{path.name}, object {number}", element)
        for number, element in enumerate(root.findall("object"), start=1)
    )
    by_stem = not Path(name).suffix  # some programs write no extension, or nothing at all
    return ListedImage(path.name, path.stem if by_stem else name, boxes, _size(path, root), by_stem)


def _box(where: str, element: ET.Element) -> ListedBox:
    frame = element.find("bndbox")
    if frame is None:
        raise InputError(f"{where}: it has no 'bndbox'.")
    xmin, ymin, xmax, ymax = (
        to_number(where, edge, (frame.findtext(edge) or "").strip())
        for edge in ("xmin", "ymin", "xmax", "ymax")
    )
    cls = (element.findtext("name") or "").strip()
    # programs that count from 0 give 0 at the border, which would be outside
    return make_box(where, cls, (max(ymin - 1, 0.0), max(xmin - 1, 0.0), ymax, xmax))


def _size(path: Path, root: ET.Element) -> tuple[int, int] | None:
    texts = [(root.findtext(f"size/{side}") or "0").strip() for side in ("height", "width")]
    height, width = (to_number(path.name, "the size", text) for text in texts)
    return (int(height), int(width)) if height > 0 and width > 0 else None


def _element(image: NamedBoxes, classes: Mapping[int, str]) -> ET.Element:
    root = ET.Element("annotation")
    ET.SubElement(root, "filename").text = image.name
    size = ET.SubElement(root, "size")
    for side, extent in zip(("width", "height"), reversed(image.shape), strict=True):
        ET.SubElement(size, side).text = str(extent)
    for ymin, xmin, ymax, xmax, value in image.boxes.rows():
        element = ET.SubElement(root, "object")
        ET.SubElement(element, "name").text = classes[value]
        frame = ET.SubElement(element, "bndbox")
        edges = {"xmin": xmin + 1, "ymin": ymin + 1, "xmax": xmax, "ymax": ymax}
        for edge, place in edges.items():
            ET.SubElement(frame, edge).text = as_text(place)
    return root
