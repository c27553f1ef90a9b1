"""Finding the image and the class of a project that a name in a file means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from napari_synthseg.core.annotations import ImageRef, ObjectClass
from napari_synthseg.core.errors import InputError

ShapeOf = Callable[[ImageRef], tuple[int, ...]]
"""Returns the spatial shape ([z,] y, x) of a whole image, in pixels."""


class UnknownNameError(InputError):
    """A file names an image or a class that the project does not have."""


def plane_name(ref: ImageRef) -> str:
    """Return the file name of an image; that of a stack's plane says which, as ``cells_z3.tif``."""
    name = PurePosixPath(ref.name or PurePosixPath(ref.uri).name)
    planes = "".join(f"_{axis}{index}" for axis, index in sorted(ref.plane.items()))
    return f"{name.stem}{planes}{name.suffix}"


class ImageNames:
    """The images of a project by the names that files give them."""

    def __init__(self, images: Iterable[ImageRef]) -> None:
        self._by_name: dict[str, list[ImageRef]] = {}
        self._by_stem: dict[str, list[ImageRef]] = {}
        for image in images:
            names = {image.name, PurePosixPath(image.uri).name, plane_name(image)}
            for name in names:
                self._by_name.setdefault(name, []).append(image)
            for stem in {Path(name).stem for name in names}:
                self._by_stem.setdefault(stem, []).append(image)

    def find(self, where: str, name: str, z: float | None = None) -> list[ImageRef]:
        """Return the images that a file name may mean: several where one is used by regions.

        A folder before the name is overlooked where the project knows no such name. `z` is the
        plane of a stack that is used plane by plane; the name may say it too, see `plane_name`.

        Raises
        ------
        UnknownNameError
            If there is none.
        InputError
            If several fit.
        """
        found = self._by_name.get(name) or self._by_name.get(PureWindowsPath(name).name)
        if not name or not found:
            names = sorted(self._by_name)
            listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            raise UnknownNameError(
                f"{where}: image '{name}' is not in the project (images: {listed or 'none yet'}); "
                "write the file name with its extension."
            )
        return _of_plane(where, name, found, z)

    def find_stem(self, where: str, stem: str) -> list[ImageRef]:
        """Return the images whose file names have a stem: where a file is named as its image.

        Raises
        ------
        UnknownNameError
            If there is none.
        InputError
            If several fit.
        """
        found = self._by_stem.get(stem)
        if not found:
            stems = ", ".join(sorted(self._by_stem)[:3]) or "none yet"
            raise UnknownNameError(
                f"{where}: no image of the project is named '{stem}' (names: {stems}): the file "
                "has the name of its image."
            )
        return _of_plane(where, stem, found, None)


def find_class(where: str, name: str, classes: Sequence[ObjectClass]) -> int:
    """Return the value of the class with this name; blanks around names do not count.

    Raises
    ------
    UnknownNameError
        If there is none; the message lists those there are.
    """
    found = next((c for c in classes if c.name.strip() == name.strip()), None)
    if found is None:
        known = ", ".join(c.name for c in classes) or "none yet"
        raise UnknownNameError(f"{where}: class '{name}' is not in the project (classes: {known}).")
    return found.value


def _of_plane(where: str, name: str, found: list[ImageRef], z: float | None) -> list[ImageRef]:
    if len({i.uri for i in found}) > 1:
        raise InputError(
            f"{where}: several images of the project are named '{name}': rename the files."
        )
    planes = [i for i in found if "z" in i.plane]
    several = len({i.plane["z"] for i in planes}) > 1
    if planes and len(planes) == len(found) and (several or z is not None):
        if z is None:
            raise InputError(f"{where}: '{name}' is a stack: give the plane in a column z.")
        found = [i for i in planes if i.plane["z"] == z]
        if not found:
            raise InputError(f"{where}: z is {z:g}, but stack '{name}' has no such plane.")
    if len({tuple(i.plane.items()) for i in found}) > 1:
        raise InputError(
            f"{where}: '{name}' is a stack: name the plane, as in '{plane_name(found[0])}'."
        )
    return found
