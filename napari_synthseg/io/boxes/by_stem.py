"""Tables of boxes, true and predicted, found by the stem of their image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from napari_synthseg.core.boxes import Boxes
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.boxes.base import ListedBox
from napari_synthseg.io.boxes.table import read_box_table


@dataclass(eq=False)
class BoxTable:
    """Boxes by file stem of their image.

    Attributes
    ----------
    names
        File stem -> name of the image as the table has it; also of images without a box.
    boxes
        File stem -> boxes of the image, where it has any.
    """

    names: dict[str, str] = field(default_factory=dict)
    boxes: dict[str, tuple[ListedBox, ...]] = field(default_factory=dict)

    @property
    def classes(self) -> set[str]:
        """Names of the classes that occur."""
        return {box.cls for boxes in self.boxes.values() for box in boxes}

    def of_image(self, stem: str, values: Mapping[str, int]) -> Boxes:
        """Return the boxes of one image; `values` gives the value of each class name."""
        boxes = self.boxes.get(stem, ())
        return Boxes.of(
            [box.corners for box in boxes],
            [values[box.cls] for box in boxes] or 1,
            [box.score for box in boxes] or 1.0,
        )


def read_boxes(path: Path, *, scored: bool) -> BoxTable:
    """Read boxes from a table; see `read_box_table`.

    Raises
    ------
    InputError
        At the first row that cannot be meant, and where two images have one stem.
    """
    table = BoxTable()
    for image in read_box_table(path, scored=scored):
        stem = Path(image.name).stem
        if stem in table.names:
            raise InputError(
                f"{image.where}: '{image.name}' and '{table.names[stem]}' have the same stem: "
                "rename one of them."
            )
        table.names[stem] = image.name
        if image.boxes:
            table.boxes[stem] = image.boxes
    return table
