"""What files say a place of, and the parts of an image that a project uses: which one holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_synthseg.core.annotations import ImageRef
from napari_synthseg.core.errors import InputError
from napari_synthseg.core.geometry import contains, full_region, onto_border


@dataclass(frozen=True)
class ImageParts:
    """An image as a project uses it: whole, by regions, or by planes.

    Attributes
    ----------
    refs
        The whole or the parts of it, one at least.
    shape
        The spatial shape of the whole image, pixels.
    """

    refs: Sequence[ImageRef]
    shape: tuple[int, ...]

    def check_drawn_size(self, where: str, size: tuple[int, int] | None) -> None:
        """Refuse what was drawn on an image of another size (y, x); None: a file says none.

        Raises
        ------
        InputError
            Which begins with `where` that is said.
        """
        height, width = self.shape[-2:]
        if size is not None and size != (height, width):
            raise InputError(
                f"{where}: it was drawn on {size[0]} x {size[1]} pixels (y, x), but "
                f"'{self.refs[0].name}' has {height} x {width}: export it for the same image."
            )

    def check_inside(self, where: str, thing: str, position: Sequence[float]) -> None:
        """Refuse a place ([z,] y, x) outside the image; `thing` says of what it is the place.

        Raises
        ------
        InputError
            Which begins with `where` that is said.
        """
        if not contains(full_region(self.shape), position):
            at = ", ".join(f"{p:g}" for p in position)
            sizes = " x ".join(map(str, self.shape))
            raise InputError(
                f"{where}: {thing} ({at}) lies outside image '{self.refs[0].name}' ({sizes}): "
                "check that it is of this image, and that y and x are not swapped."
            )

    def onto_border(self, position: Sequence[float]) -> tuple[float, ...]:
        """Return a place ([z,] y, x) with what lies just outside moved to the nearest pixel."""
        return onto_border(position, full_region(self.shape[-len(position) :]))

    def holding(
        self, position: Sequence[float], among: Sequence[ImageRef] | None = None
    ) -> ImageRef | None:
        """Return the part, of all or `among` some, that holds a place; None: no part is used there.

        `position` has the axes of the image.
        """
        whole = full_region(self.shape)
        refs = self.refs if among is None else among
        return next((ref for ref in refs if contains(ref.region or whole, position)), None)
