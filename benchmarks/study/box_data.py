"""The data readers "boxes" (a table of boxes) and "points" (the middles of objects)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from benchmarks.study.draw import BoxSample, Draw, Sample, classes_inside
from benchmarks.study.halved_data import HalvedData
from napari_synthseg.core.boxes import BoxRow
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import Region
from napari_synthseg.io.boxes.table import read_box_table
from napari_synthseg.io.images.files import open_file
from napari_synthseg.io.tables import to_number
from napari_synthseg.io.text import read_text

SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
TABLE, LABELS = "boxes.csv", "labels"

STEPS_PER_WINDOW = 4
"""The places that are tried for windows are an edge divided by this number apart."""


class BoxData(HalvedData):
    """Image files in ``FOLDER/images``, and ``FOLDER/boxes.csv`` with the boxes of all.

    With `crop`, arms with source "real" learn from windows of the images of which only is told
    which classes they show, and all arms are scored on such windows. The windows are the same in
    every study, and chosen so that each class is shown by some and not by others.
    """

    reader: Literal["boxes"] = "boxes"
    classes: tuple[str, ...] = Field(min_length=1, description="names of the classes, in order")
    incomplete: tuple[str, ...] = Field(
        default=(), description="classes of which not every object has a box"
    )
    crop: int | None = Field(
        default=None, ge=32, description="edge of windows, pixels; empty: whole images"
    )
    crops_per_image: int = Field(default=4, ge=1, description="windows of each image")

    @model_validator(mode="after")
    def _check_classes(self) -> BoxData:
        if unknown := set(self.incomplete) - set(self.classes):
            raise ValueError(f"'incomplete' names '{unknown.pop()}', which is none of 'classes'")
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their values, from 1."""
        return self.classes

    def samples(self) -> list[Sample]:
        """Return all images with their boxes, sorted by name."""
        return list(self._box_samples())

    def draw(self, count: int, image_seed: int) -> Draw:
        """Draw as from whole images; where there are windows, they are what is scored on."""
        drawn = super().draw(count, image_seed)
        if self.crop is None:
            return drawn
        windows = self._windows
        test = [window for sample in drawn.test for window in windows[sample.name]]
        return Draw(drawn.train, tuple(test))

    def training_samples(self, sample: Sample, source: str) -> tuple[Sample, ...]:
        """Return what an arm learns from instead of a sample: its windows, where it is real."""
        if self.crop is None or source == "clicks":
            return (sample,)
        if source == "mixed":
            raise InputError("[data] crop: windows cannot be mixed with dual images; leave it out.")
        return tuple(replace(window, as_labels=True) for window in self._windows[sample.name])

    def _box_samples(self) -> Iterator[BoxSample]:
        folder = self.find_folder("images", self.truth_file())
        rows = self.read_rows(folder)
        incomplete = tuple(self.classes.index(name) + 1 for name in self.incomplete)
        paths = sorted(
            p for p in (folder / "images").glob(self.files) if p.suffix.lower() in SUFFIXES
        )
        if not paths:
            raise InputError(
                f"[data] files = '{self.files}': no image in '{folder / 'images'}' has such a name."
            )
        for path in paths:
            boxes = tuple(rows.get(path.stem, ()))
            yield BoxSample(path.stem, path, path.stem, boxes, incomplete)

    def truth_file(self) -> str:
        """Return what must lie beside the images."""
        return TABLE

    def read_rows(self, folder: Path) -> dict[str, list[BoxRow]]:
        """Return the boxes of each image by its stem; those of other classes are left out."""
        return {
            Path(image.name).stem: [
                (*box.corners, self.classes.index(box.cls) + 1)
                for box in image.boxes
                if box.cls in self.classes
            ]
            for image in read_box_table(folder / TABLE)
        }

    @cached_property
    def _windows(self) -> dict[str, list[BoxSample]]:
        """Return the windows of each image."""
        assert self.crop is not None
        counts = np.zeros(len(self.classes))
        chosen: dict[str, list[BoxSample]] = {}
        for sample in self._box_samples():
            stored = open_file(sample.image)
            shape = stored.size("y"), stored.size("x")
            windows = choose_windows(sample, shape, self.crop, self.crops_per_image, counts)
            chosen[sample.name] = [
                replace(sample, name=f"{sample.name} {n}", region=window)
                for n, window in enumerate(windows, start=1)
            ]
        return chosen


def choose_windows(
    sample: BoxSample,
    shape: tuple[int, int],
    edge: int,
    count: int,
    counts: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> list[Region]:
    """Choose windows of an image so that each class is shown by about half of all windows.

    One after the other, the window is taken that brings the classes that fall behind, or lacks
    those that are ahead; no two overlap by more than half.

    Parameters
    ----------
    sample
        The image and its boxes.
    shape
        Of the image, (y, x) pixels.
    edge
        Of the windows, pixels.
    count
        Most windows.
    counts
        For each class, by how much it is ahead: windows that show it less those that do not.
        Changed in place.
    """
    starts = [range(0, max(n - edge, 0) + 1, max(edge // STEPS_PER_WINDOW, 1)) for n in shape]
    open_ = [((y, y + edge), (x, x + edge)) for y in starts[0] for x in starts[1]]
    signs = {w: _signs(classes_inside(sample.boxes, w), len(counts)) for w in open_}
    taken: list[Region] = []
    while open_ and len(taken) < count:
        best = min(open_, key=lambda w: float(np.abs(counts + signs[w]).sum()))
        counts += signs[best]
        taken.append(best)
        open_ = [w for w in open_ if _overlap(w, best) <= edge * edge / 2]
    return taken


def _signs(shown: frozenset[int], classes: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([1.0 if value in shown else -1.0 for value in range(1, classes + 1)])


def _overlap(one: Region, other: Region) -> int:
    spans = zip(one, other, strict=True)
    sides = [max(0, min(a[1], b[1]) - max(a[0], b[0])) for a, b in spans]
    return sides[0] * sides[1]


class PointData(BoxData):
    """Image files in ``FOLDER/images``, and ``FOLDER/labels/STEM.txt`` with rows "x y number".

    Objects are taken for squares of one size round their middles; otherwise as `BoxData`.
    """

    reader: Literal["points"] = "points"  # type: ignore[assignment]
    diameter: float = Field(gt=0, description="edge of the square round each point, pixels")
    numbers: tuple[int, ...] = Field(
        min_length=1, description="the number in the files of each of 'classes'"
    )

    @model_validator(mode="after")
    def _check_numbers(self) -> PointData:
        if len(self.numbers) != len(self.classes) or len(set(self.numbers)) < len(self.numbers):
            raise ValueError("'numbers' has one number, no two alike, for each of 'classes'")
        return self

    def describe(self) -> str:
        """Return in words which images are scored on, and against what."""
        return f"{super().describe()}, squares of {self.diameter:g} pixels round points"

    def truth_file(self) -> str:
        """Return what must lie beside the images."""
        return LABELS

    def read_rows(self, folder: Path) -> dict[str, list[BoxRow]]:
        """Return the squares of each image by its stem; those of other classes are left out."""
        files = sorted((folder / LABELS).glob("*.txt"))
        return {path.stem: self._read(path) for path in files}

    def _read(self, path: Path) -> list[BoxRow]:
        rows: list[BoxRow] = []
        for line, text in enumerate(read_text(path).splitlines(), start=1):
            cells = text.split()
            where = f"{path.name}, row {line}"
            if not cells:
                continue
            if len(cells) != 3:
                raise InputError(f"{where}: {len(cells)} values where a point has 3: x, y, number.")
            x, y, number = (to_number(where, "a value", cell, "number") for cell in cells)
            if number in self.numbers:
                value = self.numbers.index(int(number)) + 1
                half = self.diameter / 2
                y, x = y + 0.5, x + 0.5  # pixel centers are whole numbers, corners of boxes are not
                rows.append((y - half, x - half, y + half, x + half, value))
        return rows
