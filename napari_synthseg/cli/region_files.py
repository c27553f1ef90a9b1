"""Images of class values and the tables beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_synthseg.io.class_tables import write_class_names
from napari_synthseg.io.labels import encode_regions
from napari_synthseg.metrics.areas import BACKGROUND, Area

AREAS_FILE, CLASSES_FILE = "areas.csv", "classes.csv"

AREA_COLUMNS = ("image", "class", "value", "pixels", "share", "area", "unit")


def write_regions(path: Path, values: NDArray[np.integer[Any]]) -> None:
    """Write class values as a compressed uint8 TIFF, unknown pixels as 255."""
    import tifffile

    tifffile.imwrite(path, encode_regions(values), compression="zlib", photometric="minisblack")


def write_classes(folder: Path, names: Mapping[int, str]) -> None:
    """Write what the values are called, with the background."""
    write_class_names(folder / CLASSES_FILE, {0: BACKGROUND, **names})


def area_rows(
    called: Sequence[str], areas: Sequence[Sequence[Area]]
) -> Iterator[tuple[object, ...]]:
    """Yield a row for each class on each image; see `AREA_COLUMNS`."""
    for name, found in zip(called, areas, strict=True):
        for area in found:
            size = "" if area.size is None else f"{area.size:.6g}"
            yield name, area.name, area.value, area.pixels, f"{area.share:.6f}", size, area.unit


def mean_shares(areas: Sequence[Sequence[Area]]) -> dict[str, float]:
    """Return the share of each class by name, the mean over images."""
    columns = zip(*areas, strict=True)
    return {column[0].name: float(np.mean([a.share for a in column])) for column in columns}


def describe_shares(shares: Mapping[str, float]) -> str:
    """Return shares in words."""
    return ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
