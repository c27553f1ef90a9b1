"""Reading files of outlines, and drawing what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines import read_outlines
from napari_synthseg.io.outlines.areas import Area
from napari_synthseg.io.outlines.base import OUTLINE_FORMATS, OutlinedImage
from napari_synthseg.io.sniffing import SniffedFile

SHAPE = (40, 60)


def size_of(where: str, stem: str) -> tuple[int, int]:
    return SHAPE


def read(path: Path) -> list[OutlinedImage]:
    return list(read_outlines(path, size_of))


def read_one(path: Path) -> OutlinedImage:
    (image,) = read(path)
    return image


def drawn(area: Area, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Return the pixels of an area on a whole image."""
    mask, (top, left) = area.draw(shape)
    whole = np.zeros(shape, bool)
    whole[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    return whole


def box(ymin: int, xmin: int, ymax: int, xmax: int) -> np.ndarray:
    """Return a mask of a box; see `napari_synthseg.core.boxes`."""
    whole = np.zeros(SHAPE, bool)
    whole[ymin:ymax, xmin:xmax] = True
    return whole


def read_nonsense(name: str, path: Path) -> None:
    """Let a format read a file that may be anything: it does, or says that the input is bad."""
    file = SniffedFile(path)
    try:
        if OUTLINE_FORMATS[name].recognizes(file):
            for image in OUTLINE_FORMATS[name].read(file, size_of):
                for outline in image.outlines:
                    outline.area.draw(SHAPE)
    except InputError as error:
        assert any(each.name in str(error) for each in path.parent.iterdir())
