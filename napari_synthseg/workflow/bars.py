"""The information bar of an electron microscope on an image: as its file says, or by its look."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.io.images.information_bar import find_bar
from napari_synthseg.io.images.normalized import SERIES
from napari_synthseg.storage.images import open_pixels, open_stored

MAX_LOOK_PX = 2**25
"""Images of more pixels are of no electron microscope with a bar: they are not looked at."""


@dataclass(frozen=True)
class InformationBar:
    """The rows `start` to before `stop`, down to the bottom, and how they were found."""

    start: int
    stop: int
    by: Literal["header", "look"]

    @property
    def words(self) -> str:
        """Which rows it is and how that is known, for people."""
        how = "as the file says" if self.by == "header" else "by its look (check it)"
        return f"rows {self.start} to {self.stop - 1} are an information bar, {how}"


def information_bar(ref: ImageRef, folder: Path) -> InformationBar | None:
    """Return the information bar at the bottom of an image, or None."""
    whole = ref.without_limits().model_copy(update={"region": None})
    image = open_pixels(whole, folder)
    height = image.shape[-2]
    series = ref.plane.get(SERIES)
    stored = open_stored(ref.uri, folder, series=series, axes=ref.axes, as_stored=ref.as_stored)
    said = stored.image_rows
    if said is not None:
        return InformationBar(said, height, "header") if 0 < said < height else None
    if len(image.shape) != 3 or math.prod(image.shape[1:]) > MAX_LOOK_PX:
        return None
    start = find_bar(image.read_stored(tuple(slice(0, n) for n in image.shape[1:])))
    return None if start is None else InformationBar(start, height, "look")
