"""A box format: tab-separated lines "image, class, ymin, xmin, ymax, xmax"."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.boxes.base import (
    BoxFormat,
    ListedBox,
    ListedImage,
    NamedBoxes,
    SizeOf,
    make_box,
)


class TsvFormat(BoxFormat):
    name = "tsv"
    title = "tab-separated boxes"

    def recognizes(self, path: Path) -> bool:
        return path.suffix == ".tsv"

    def read(self, path: Path, size_of: SizeOf) -> tuple[ListedImage, ...]:
        found: dict[str, list[ListedBox]] = {}
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            where = f"{path.name}, row {number}"
            try:
                image, cls, *corners = line.split("\t")
                ymin, xmin, ymax, xmax = map(float, corners)
            except ValueError:
                raise InputError(f"{where}: six values are needed, separated by tabs.") from None
            found.setdefault(image, []).append(make_box(where, cls, (ymin, xmin, ymax, xmax)))
        return tuple(ListedImage(path.name, image, tuple(boxes)) for image, boxes in found.items())

    def write(self, out: Path, images: Sequence[NamedBoxes], classes: Mapping[int, str]) -> None:
        lines = [
            "\t".join([image.name, classes[cls], *(f"{c:g}" for c in corners)])
            for image in images
            for *corners, cls in image.boxes.rows()
        ]
        out.write_text("\n".join(lines) + "\n", "utf-8")
