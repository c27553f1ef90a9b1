"""The data reader "points": image files, and the middles of their objects in text files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from benchmarks.study.box_data import BoxData
from napari_synthseg.core.boxes import BoxRow
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.tables import to_number
from napari_synthseg.io.text import read_text

LABELS = "labels"


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
