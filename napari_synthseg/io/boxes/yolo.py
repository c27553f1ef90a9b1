"""Boxes as YOLO has them: a text file an image, middle and size as shares of the image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from napari_synthseg.core.boxes import BoxRow
from napari_synthseg.core.errors import InputError
from napari_synthseg.io.atomic import write_text
from napari_synthseg.io.boxes.base import (
    OUTLINED,
    BoxFormat,
    ListedImage,
    NamedBoxes,
    SizeOf,
    files_in,
    make_box,
)
from napari_synthseg.io.sniffing import SniffedFile
from napari_synthseg.io.tables import to_number
from napari_synthseg.io.text import read_text

NAME_FILES = ("classes.txt", "obj.names", "data.yaml", "dataset.yaml")
YAML = (".yaml", ".yml")

LABELS = "labels"
"""The folder of the text files, where the images lie in ``images``."""

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


class YoloFormat(BoxFormat):
    """YOLO: the files of a folder, and the names of the classes in it or in a folder above.

    The folder may be the whole export, with a folder for each part (train, valid, test): all parts
    are read. Of a ``data.yaml`` the folder that it lies in is read.
    """

    name = "yolo"
    title = "YOLO txt"
    suffix = ".txt"
    writes_folder = True

    def recognizes(self, path: Path) -> bool:
        """Return whether it is a folder with boxes in text files, or a YAML file with names."""
        return is_yolo(path)

    def read(self, path: Path, size_of: SizeOf) -> tuple[ListedImage, ...]:
        """Read the files of a folder; an empty one says that the image holds no object."""
        return tuple(_read(file, size_of) for file in read_yolo(path))

    def files(self, out: Path, images: Sequence[NamedBoxes]) -> tuple[Path, ...]:
        """Return a file for each image, and that of the classes' names."""
        return (*super().files(out, images), out / NAME_FILES[0])

    def write(self, out: Path, images: Sequence[NamedBoxes], classes: Mapping[int, str]) -> None:
        """Write a text file for each image, and ``classes.txt``, into the folder `out`."""
        numbers = {value: number for number, value in enumerate(classes)}
        for path, image in zip(self.files(out, images), images, strict=False):
            lines = [_line(row, image.shape, numbers) for row in image.boxes.rows()]
            write_text(path, "".join(lines))
        write_text(out / NAME_FILES[0], "".join(f"{name}\n" for name in classes.values()))


@dataclass(frozen=True)
class YoloFile:
    """The objects of an image.

    Attributes
    ----------
    place, stem
        The file in its folder, with its ending and without.
    rows
        Of each object its place for messages, its class, and its numbers: shares of the image.
    are_poses
        The rows also hold key points, which are left out.
    """

    place: str
    stem: str
    rows: tuple[tuple[str, str, list[float]], ...]
    are_poses: bool = False


def is_yolo(path: Path) -> bool:
    """Tell whether it is a folder with objects in text files, or a YAML file with names."""
    if path.is_file():
        return path.suffix.lower() in YAML and "names" in _read_yaml(path)
    files = _listed(path)
    named = any((path / name).is_file() for name in NAME_FILES)
    return bool(files) and (named or any(map(_holds_boxes, files)))


def read_yolo(path: Path) -> Iterator[YoloFile]:
    """Yield the files of a folder, or of that in which a YAML file with names lies.

    Raises
    ------
    InputError
        If there are none, or a row makes no sense; the message names it.
    """
    root = path.parent if path.is_file() else path
    files = _listed(root)
    if not files:
        raise InputError(
            f"{path}: there are no text files with boxes in its folder: give the folder that holds "
            "them."
        )

    @cache
    def names_in(folder: Path) -> tuple[dict[int, str], bool]:
        source = path if path.is_file() else _find_names(folder, root)
        is_yaml = source.suffix.lower() in YAML
        return _read_names(source), is_yaml and "kpt_shape" in _read_yaml(source)

    for file in files:
        yield _read_rows(file, file.relative_to(root).as_posix(), *names_in(file.parent))


def _listed(root: Path) -> list[Path]:
    """Return the files with boxes in a folder and its folders: no names, lists or read-me files."""
    return [
        file
        for file in files_in(root, YoloFormat.suffix)
        if file.name not in NAME_FILES
        and not file.name.lower().startswith("readme")
        and not _first_line(file).lower().endswith(IMAGE_ENDINGS)  # a list of the images of a part
    ]


def _first_line(file: Path) -> str:
    return SniffedFile(file).head.partition(b"\n")[0].decode("utf-8", "replace").strip()


def _holds_boxes(file: Path) -> bool:
    """Tell whether a text begins with a class number and four or more numbers, or is empty."""
    cells = _first_line(file).split()
    try:
        return len([float(cell) for cell in cells]) >= 5 or file.stat().st_size == 0
    except ValueError:
        return False


def _find_names(folder: Path, root: Path) -> Path:
    """Return the nearest file with the names of the classes, up to two above the root."""
    top = root.parent.parent
    for place in (folder, *folder.parents):
        for name in NAME_FILES:
            if (place / name).is_file():
                return place / name
        if place == top:
            break
    raise InputError(
        f"{folder}: the names of the classes are missing: put a file {NAME_FILES[0]} beside the "
        "boxes, one name a line in the order of their numbers, or the data.yaml of the export."
    )


def _read_names(path: Path) -> dict[int, str]:
    """Return class number -> name."""
    if path.suffix.lower() not in YAML:
        lines = [line.strip() for line in read_text(path).splitlines()]
        return dict(enumerate(lines[: max((n for n, t in enumerate(lines, 1) if t), default=0)]))
    names = _read_yaml(path).get("names")
    listed = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(listed, dict) or not all(
        str(k).isdecimal() and isinstance(v, str) for k, v in listed.items()
    ):
        raise InputError(f"{path.name}: it has no 'names' of the classes.")
    return {int(number): name for number, name in listed.items()}


def _read_yaml(path: Path) -> dict[object, object]:
    """Return a mapping in YAML; all values are texts as they stand there, also 1, yes and no."""
    text = read_text(path)
    try:
        whole = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError):
        raise InputError(f"{path.name}: not YAML that can be read.") from None
    return whole if isinstance(whole, dict) else {}


def _read_rows(file: Path, place: str, names: Mapping[int, str], are_poses: bool) -> YoloFile:
    last = 5 if are_poses else None  # key points follow the box
    rows = []
    for n, line in enumerate(read_text(file).splitlines(), start=1):
        where, cells = f"{place}, row {n}", line.split()
        if not cells:
            continue
        number = to_number(where, "the class", cells[0], "number")
        if number not in names:
            raise InputError(f"{where}: class {cells[0]} has no name: there are {len(names)}.")
        numbers = [to_number(where, "a place", cell, "number") for cell in cells[1:last]]
        if not all(-0.5 <= number <= 1.5 for number in numbers):
            raise InputError(f"{where}: places are shares of the image, from 0 to 1, not pixels.")
        if len(numbers) not in (4, 5) and (len(numbers) < 6 or len(numbers) % 2):
            raise InputError(
                f"{where}: {len(cells)} values where a box has 5: class, x, y, width, height."
            )
        rows.append((where, names[int(number)].strip(), numbers))
    are_poses = are_poses and bool(rows)
    return YoloFile(place, place.removesuffix(file.suffix), tuple(rows), are_poses)


def _read(file: YoloFile, size_of: SizeOf) -> ListedImage:
    if not file.rows:
        return ListedImage(file.place, file.stem, by_stem=True)
    height, width = size_of(file.place, file.stem)
    boxes = []
    for where, cls, numbers in file.rows:
        y, x, high, wide = box_shares(numbers)
        corners = (y - high / 2, x - wide / 2, y + high / 2, x + wide / 2)
        ymin, xmin, ymax, xmax = (
            share * extent
            for share, extent in zip(corners, (height, width, height, width), strict=True)
        )
        boxes.append(make_box(where, cls, (ymin, xmin, ymax, xmax)))
    notes = ["key points were left out"] if file.are_poses else []
    if any(len(numbers) > 5 for _, _, numbers in file.rows):
        notes.append(OUTLINED)
    return ListedImage(file.place, file.stem, tuple(boxes), by_stem=True, notes=tuple(notes))


def box_shares(numbers: Sequence[float]) -> tuple[float, float, float, float]:
    """Return center (y, x), height and width of a row; of an outline, of the box around it."""
    if len(numbers) in (4, 5):  # the fifth is how sure a detector was
        x, y, wide, high = numbers[:4]
        return y, x, high, wide
    xs, ys = numbers[::2], numbers[1::2]
    return (min(ys) + max(ys)) / 2, (min(xs) + max(xs)) / 2, max(ys) - min(ys), max(xs) - min(xs)


def _line(row: BoxRow, shape: tuple[int, int], numbers: Mapping[int, int]) -> str:
    (ymin, xmin, ymax, xmax, value), (height, width) = row, shape
    shares = (
        (xmin + xmax) / 2 / width, (ymin + ymax) / 2 / height,
        (xmax - xmin) / width, (ymax - ymin) / height,
    )  # fmt: skip
    return " ".join([str(numbers[value]), *map(repr, shares)]) + "\n"
