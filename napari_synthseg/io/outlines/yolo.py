"""Outlines of YOLO: text files with vertices as shares of the image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from napari_synthseg.io.boxes.yolo import YoloFile, box_shares, is_yolo, read_yolo
from napari_synthseg.io.outlines.areas import PolygonArea, rectangle
from napari_synthseg.io.outlines.base import (
    NO_AREA,
    Found,
    LeftOut,
    ListedOutline,
    OutlinedImage,
    OutlineFormat,
    SizeOf,
)
from napari_synthseg.io.sniffing import SniffedFile


class YoloOutlines(OutlineFormat):
    """YOLO for segmentation: a folder, or its ``data.yaml``; rows of boxes are rectangles."""

    name = "yolo-outlines"
    title = "YOLO txt"
    has_boxes = True

    def recognizes(self, file: SniffedFile) -> bool:
        """Return whether it is a folder of text files, or a YAML file with names."""
        return is_yolo(file.path)

    def read(self, file: SniffedFile, size_of: SizeOf) -> tuple[OutlinedImage, ...]:
        """Read all files of the folder; see `OutlineFormat.read`."""
        return tuple(
            OutlinedImage.of(each.place, each.stem, _read(each, size_of), by_stem=True)
            for each in read_yolo(file.path)
        )


def _read(file: YoloFile, size_of: SizeOf) -> Iterator[Found]:
    size = np.array(size_of(file.place, file.stem) if file.rows else (1, 1))
    if file.are_poses:
        yield from [LeftOut("list(s) of key points")] * len(file.rows)
    for where, cls, numbers in file.rows:
        y, x, high, wide = box_shares(numbers)
        if min(high, wide) <= 0:
            yield LeftOut(NO_AREA)
        elif len(numbers) < 6:
            shares = np.array([y - high / 2, x - wide / 2, y + high / 2, x + wide / 2])
            ymin, xmin, ymax, xmax = (shares * np.tile(size, 2)).tolist()
            yield ListedOutline(where, cls, rectangle((ymin, xmin, ymax, xmax)), is_box=True)
        else:
            ring = np.array(numbers).reshape(-1, 2)[:, ::-1] * size
            yield ListedOutline(where, cls, PolygonArea(((ring,),)))
