"""Boxes as Pascal VOC has them: an XML file an image, corners counted from 1, both inside."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.atomic import write_text
from napari_synthseg.io.boxes.base import (
    TURNED,
    BoxFormat,
    ListedBox,
    ListedImage,
    NamedBoxes,
    SizeOf,
    files_in,
    make_box,
    turn_box,
    turned_box,
)
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.io.tables import as_text, to_number
from napari_synthseg.io.text import read_xml

ROOT = "annotation"


class VocFormat(BoxFormat):
    """Pascal VOC, as LabelImg and CVAT write it."""

    name = "voc"
    title = "Pascal VOC XML"
    suffix = ".xml"
    writes_folder = True

    def recognizes(self, path: Path) -> bool:
        """Return whether it is XML of an annotation, or a folder that holds such files."""
        if path.is_file():
            return SniffedFile(path).xml_root == ROOT
        return any(SniffedFile(file).xml_root == ROOT for file in _listed(path))

    def read(self, path: Path, size_of: SizeOf) -> tuple[ListedImage, ...]:
        """Read a file, or all files of a folder and its folders, such as ``Annotations``."""
        return tuple(_read(file) for file in _listed(path))

    def write(self, out: Path, images: Sequence[NamedBoxes], classes: Mapping[int, str]) -> None:
        """Write an XML file for each image into the folder `out`."""
        for path, image in zip(self.files(out, images), images, strict=True):
            root = _element(image, classes)
            ET.indent(root)
            write_text(path, ET.tostring(root, "unicode"))


def _listed(path: Path) -> list[Path]:
    return list(files_in(path, VocFormat.suffix)) if path.is_dir() else [path]


def _read(path: Path) -> ListedImage:
    root = read_xml(path)
    if root.tag != ROOT:
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
    turned = any(_is_turned(element) for element in root.findall("object"))
    return ListedImage(
        path.name,
        path.stem if by_stem else name,
        boxes,
        _size(path, root),
        by_stem,
        notes=(TURNED,) * turned,
    )


def _box(where: str, element: ET.Element) -> ListedBox:
    cls = (element.findtext("name") or "").strip()
    frame = element.find("robndbox")
    if frame is not None:  # roLabelImg: radians, counted from 0
        cx, cy, wide, high, angle = _numbers(where, frame, ("cx", "cy", "w", "h", "angle"))
        return make_box(where, cls, turned_box((cy, cx), (high, wide), angle))
    frame = element.find("bndbox")
    if frame is None:
        raise InputError(f"{where}: it has no 'bndbox'.")
    xmin, ymin, xmax, ymax = _numbers(where, frame, ("xmin", "ymin", "xmax", "ymax"))
    # programs that count from 0 give 0 at the border, which would be outside
    corners = (max(ymin - 1, 0.0), max(xmin - 1, 0.0), ymax, xmax)
    return make_box(where, cls, turn_box(corners, _angle(where, element)))


def _numbers(where: str, element: ET.Element, names: Sequence[str]) -> list[float]:
    return [to_number(where, name, (element.findtext(name) or "").strip()) for name in names]


def _is_turned(element: ET.Element) -> bool:
    return element.find("robndbox") is not None or _angle("", element) != 0


def _angle(where: str, element: ET.Element) -> float:
    """Return by how many degrees a box is turned about its middle, as CVAT says it."""
    for attribute in element.findall("attributes/attribute"):
        if (attribute.findtext("name") or "").strip() == "rotation":
            text = (attribute.findtext("value") or "0").strip()
            return to_number(where, "rotation", text, "number of degrees") % 360
    return 0.0


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
