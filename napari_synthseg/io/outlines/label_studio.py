"""Outlines of Label Studio: its JSON export, in percent of the image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines.areas import (
    Area,
    EllipseArea,
    PolygonArea,
    crop_mask,
    rectangle,
    turned,
)
from napari_synthseg.io.outlines.base import (
    NO_AREA,
    Found,
    LeftOut,
    ListedOutline,
    ListedPoint,
    OutlinedImage,
    OutlineFormat,
    SizeOf,
    center_of_pixel,
    check_places,
    image_size,
    make_points,
)
from napari_synthseg.io.outlines.run_lengths import unpack_label_studio
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.io.tables import to_number

KINDS = ("polygon", "rectangle", "ellipse", "keypoint", "brush")
"""Shapes on images; a result says one of them, or one of them with "labels" behind it."""


class LabelStudioFormat(OutlineFormat):
    """Label Studio JSON, as exported whole or as JSON-MIN."""

    name = "label-studio"
    title = "Label Studio JSON"

    def recognizes(self, file: SniffedFile) -> bool:
        """Return whether it is a list of tasks."""
        first = file.json[0] if isinstance(file.json, list) and file.json else None
        return isinstance(first, dict) and (
            ("data" in first and ("annotations" in first or "completions" in first))
            or {"annotator", "annotation_id"} <= first.keys()
        )

    def read(self, file: SniffedFile, size_of: SizeOf) -> tuple[OutlinedImage, ...]:
        """Read all tasks; see `OutlineFormat.read`."""
        return tuple(
            _task(f"{file.path.name}, task {number}", task)
            for number, task in enumerate(file.json, start=1)
        )


def _task(where: str, task: Any) -> OutlinedImage:
    if not isinstance(task, dict):
        raise InputError(f"{where}: it is no task: export it as JSON again.")
    results, others = _results(where, task)
    found: list[Found] = [LeftOut("annotation(s) of tasks that have a later one")] * others
    if results is None:
        found.append(LeftOut("task(s) that nobody has annotated", ""))
    elif results and not any(map(_is_shape, results)):
        found.append(LeftOut("task(s) of which only texts or choices are known", ""))
    sizes = set()
    for number, result in enumerate(_joined(where, results or []), start=1):
        at = f"{where}, result {number}"
        found += _Result(at, result).contents()
        sizes.add(image_size(at, result.get("original_height"), result.get("original_width")))
    sizes -= {None}
    if len(sizes) > 1:
        raise InputError(f"{where}: its results are of images of several sizes.")
    return OutlinedImage.of(where, _image_name(where, task), found, next(iter(sizes), None))


def _joined(where: str, results: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the shapes, with the labels that stand in results of their own under the same id."""
    if not all(isinstance(each, dict) for each in results):
        raise InputError(f"{where}: its results are no results: export it as JSON again.")
    labels = {str(each["id"]): each for each in results if each.get("type") == "labels"}
    shapes = [each for each in results if each.get("type") != "labels"]
    ids = {str(each.get("id")) for each in shapes}
    joined = []
    for each in shapes:
        of_it = labels.get(str(each.get("id")), {}).get("value")
        value = each.get("value")
        if isinstance(of_it, dict) and isinstance(value, dict):
            each = {**each, "value": {"labels": of_it.get("labels"), **value}}
        joined.append(each)
    return joined + [each for ident, each in labels.items() if ident not in ids]


def _results(where: str, task: dict[str, Any]) -> tuple[list[Any] | None, int]:
    """Return the results of a task, None if there are none yet, and how many others there are.

    Of several annotations the one that is marked as truth counts, or the latest.
    """
    annotations = task.get("annotations", task.get("completions"))
    if annotations is None:  # JSON-MIN: each list of the task is of one control
        lists = [value for value in task.values() if isinstance(value, list)]
        return [each for some in lists for each in some if _is_shape(each)], 0
    if not isinstance(annotations, list) or not all(isinstance(a, dict) for a in annotations):
        raise InputError(f"{where}: its annotations are no list: export it as JSON again.")
    done = [a for a in annotations if not a.get("was_cancelled")]
    if not done:
        return None, 0
    chosen = max(done, key=lambda a: (bool(a.get("ground_truth")), str(a.get("updated_at") or "")))
    results = chosen.get("result")
    return results if isinstance(results, list) else [], len(done) - 1


def _is_shape(value: Any) -> bool:
    return isinstance(value, dict) and "original_width" in value


def _image_name(where: str, task: dict[str, Any]) -> str:
    """Return the name of the image: of the uploaded file, or the end of its address."""
    data = task.get("data", task)
    named = data.get("image") if isinstance(data, dict) else None
    if named is None and isinstance(data, dict):
        others = [v for v in data.values() if isinstance(v, str) and "/" in v]
        named = others[0] if len(others) == 1 else None
    name = str(named or task.get("file_upload") or "").strip()
    if not name:
        raise InputError(f"{where}: it names no image.")
    return unquote(name.rpartition("?d=")[2].partition("?")[0])


class _Result:
    """One shape."""

    def __init__(self, where: str, result: dict[str, Any]) -> None:
        value = result.get("value", result)
        self.where = where
        self.value: dict[str, Any] = value if isinstance(value, dict) else {}
        said = str(result.get("type") or next((k for k in self.value if k.endswith("labels")), ""))
        self.kind = said.removesuffix("labels")
        named = self.value.get(f"{self.kind}labels") or self.value.get("labels") or []
        self.names = [str(each).strip() for each in named] if isinstance(named, list) else []
        self.size = image_size(where, result.get("original_height"), result.get("original_width"))
        self.is_turned = bool(result.get("image_rotation"))

    def contents(self) -> Iterator[Found]:
        """Yield the shape, or what it is that cannot be taken over."""
        cls = self.names[0] if self.names else ""
        if len(self.names) > 1:
            yield LeftOut("further label(s) of shapes that have several")
        if self.kind not in KINDS:
            is_object = self.kind in ("vector", "video", "brush")
            what = "relation(s), choice(s), texts and ratings"
            yield LeftOut("shape(s) of unknown kinds", cls) if is_object else LeftOut(what)
            return
        if self.size is None:
            raise InputError(f"{self.where}: it does not say how large the image is.")
        if self.is_turned:
            raise InputError(
                f"{self.where}: the image was turned in Label Studio before it was annotated: turn "
                "it back there."
            )
        if self.kind == "keypoint":
            x, y = self._share("x", 1), self._share("y", 0)
            yield ListedPoint(self.where, cls, center_of_pixel((y, x)))
            return
        area = self._area()
        is_box = self.kind == "rectangle" and not self._turn
        yield ListedOutline(self.where, cls, area, is_box) if area else LeftOut(NO_AREA)

    def _area(self) -> Area | None:
        assert self.size is not None
        if self.kind == "brush":
            if self.value.get("format") != "rle":
                raise InputError(f"{self.where}: its brush mask is not packed as 'rle'.")
            packed = self.value.get("rle")
            mask = unpack_label_studio(
                self.where, packed if isinstance(packed, list) else [], self.size
            )
            return crop_mask(mask) if mask.any() else None
        if self.kind == "polygon":
            ring = make_points(self.where, self.value.get("points"))
            ring = check_places(self.where, ring * self.size / 100)
            return PolygonArea(((ring,),)) if len(ring) > 2 else None
        y, x = self._share("y", 0), self._share("x", 1)
        if self.kind == "ellipse":
            ry, rx = self._share("radiusY", 0), self._share("radiusX", 1)
            return EllipseArea((y, x), (ry, rx), self._turn) if min(ry, rx) > 0 else None
        height, width = self._share("height", 0), self._share("width", 1)
        if min(height, width) <= 0:
            return None
        if not self._turn:
            return rectangle((y, x, y + height, x + width))
        # turned round its upper left corner
        corners = np.array([(0, 0), (0, width), (height, width), (height, 0)], float)
        return PolygonArea(((turned(corners, self._turn) + np.array([y, x]),),))

    @property
    def _turn(self) -> float:
        degrees = self.value.get("rotation") or 0
        return math.radians(to_number(self.where, "rotation", str(degrees), "number"))

    def _share(self, name: str, axis: int) -> float:
        assert self.size is not None
        percent = to_number(self.where, name, str(self.value.get(name)), "number")
        places = check_places(self.where, np.array([percent * self.size[axis] / 100]))
        return float(places[0])
