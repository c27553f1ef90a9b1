"""A format of outlines: after "#circles", lines "image, class, x, y, radius" between tabs."""

from napari_synthseg.core.errors import InputError
from napari_synthseg.io.outlines.areas import EllipseArea
from napari_synthseg.io.outlines.base import ListedOutline, OutlinedImage, OutlineFormat, SizeOf
from napari_synthseg.io.sniffing import SniffedFile


class CirclesFormat(OutlineFormat):
    name = "circles"
    title = "tab-separated circles"

    def recognizes(self, file: SniffedFile) -> bool:
        return file.head.startswith(b"#circles")

    def read(self, file: SniffedFile, size_of: SizeOf) -> tuple[OutlinedImage, ...]:
        found: dict[str, list[ListedOutline]] = {}
        for number, line in enumerate(file.path.read_text("utf-8").splitlines()[1:], start=2):
            where = f"{file.path.name}, row {number}"
            try:
                image, cls, *numbers = line.split("\t")
                x, y, radius = map(float, numbers)
            except ValueError:
                raise InputError(f"{where}: five values are needed, separated by tabs.") from None
            circle = EllipseArea((y, x), (radius, radius))
            found.setdefault(image, []).append(ListedOutline(where, cls, circle))
        return tuple(OutlinedImage.of(file.path.name, *each) for each in found.items())
